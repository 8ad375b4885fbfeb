/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_BENCH_PAYLOAD_H
#define REGRESS_BENCH_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

/*
 * What bench/1 says, and with what. Codes, relative to the capability; numbers
 * are big-endian:
 *	DATA	any payload
 *	END	after the last DATA; empty to the program, whose answer is END
 *		with messages u64, bytes u64 and microseconds u64 from the first
 *		DATA on; from a program that was told to send, the same
 *	ECHO	any payload; answered by ECHOED with the same
 *	SEND	milliseconds u32, size u32, kind u8: send DATA to this peer for so
 *		long, then END
 *	CAST	the same, but DATA goes to every peer, and END to this one
 */
enum bench_code { BENCH_DATA, BENCH_END, BENCH_ECHO, BENCH_ECHOED, BENCH_SEND,
	BENCH_CAST, BENCH_CODES };
#define BENCH_SEND_LEN	9
#define BENCH_END_LEN	24

/*
 * 'r': random bytes of a fixed xorshift64* sequence. 'c': records of 128 bytes
 * that look like transactions, which snappy makes about half as long.
 */
void	 payload_fill(uint8_t *, size_t, char kind);

uint64_t get_be(const uint8_t *, size_t n);
void	 put_be(uint8_t *, size_t n, uint64_t);

#endif
