/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_FUZZ_FUZZ_H
#define REGRESS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "common/ipc/channel.h"
#include "common/ipc/imsg.h"
#include "common/wire/rlpx.h"

/*
 * What the fuzz targets share. A target is one LLVMFuzzerTestOneInput() in a
 * file of its own, which leaves no state behind; libFuzzer calls it, or
 * driver.c over the files of a corpus.
 */
int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The input as a cursor; what is asked beyond its end is zero. */
struct fuzz {
	const uint8_t	*p;
	size_t		 len;
};

/*
 * First thing in every target: once a process what the daemon does at its
 * start, and the same random numbers for every input.
 */
void	 fuzz_begin(struct fuzz *, const uint8_t *, size_t);
uint8_t	 fuzz_u8(struct fuzz *);
uint16_t fuzz_u16(struct fuzz *);
uint32_t fuzz_u32(struct fuzz *);
uint64_t fuzz_u64(struct fuzz *);
/* Fills n bytes. */
void	 fuzz_fill(struct fuzz *, void *, size_t n);
/* The next bytes, as many as there are of n; *got says how many. */
const uint8_t *fuzz_take(struct fuzz *, size_t n, size_t *got);
/* A copy of the next bytes with nothing behind them, to be freed. */
uint8_t	*fuzz_copy(struct fuzz *, size_t n, size_t *got);
/* A copy as a string. */
char	*fuzz_text(struct fuzz *);

/* Finding: says where, and aborts. */
#define FUZZ_CHECK(c)	((c) ? (void)0 : fuzz_found(__FILE__, __LINE__, #c))
void	 fuzz_found(const char *file, int line, const char *what)
	    __attribute__((noreturn));

/* Key pairs that are the same in every run, from 0. */
#define FUZZ_KEYS	4
const uint8_t *fuzz_priv(unsigned int n);
const uint8_t *fuzz_pub(unsigned int n);

/*
 * A struct as desc has it, filled from the input with values that are likely
 * to mean something: small numbers, the keys above, a few addresses.
 */
void	 fuzz_body(struct fuzz *, const struct msgdesc *, void *body);

/* Time stands still, but for this. */
void	 fuzz_pass(uint32_t ms);

/* A connected pair of non-blocking stream sockets. */
void	 fuzz_pair(int fds[2]);
/* Writes what goes in at once. */
void	 fuzz_write(int fd, const void *, size_t);
/* Reads what is there and forgets it; -1 at the end. */
int	 fuzz_drain(int fd);
/* The descriptor that is given out next: the same again when none leaked. */
int	 fuzz_next_fd(void);
struct event_base *fuzz_base(void);
/* Turns of the loop while there is something to do, but not for ever. */
void	 fuzz_loop(void);

/*
 * One message, or a piece of one, for a channel: of a rule or not, by its
 * fields or as bytes, with an fd or without. ib is the sender's.
 */
void	 fuzz_send(struct fuzz *, struct imsgbuf *ib, const struct chan_rule *,
	    size_t nrules);

/* The two ends of a connection after its handshake, without snappy. */
void	 fuzz_states(struct rlpx_state *a, struct rlpx_state *b);
/*
 * A sender of frames that says in a header what it likes, with the right MACs.
 * It sends as the side whose state it is given.
 */
struct fuzz_sealer {
	EVP_CIPHER_CTX	*ctr;
	EVP_CIPHER_CTX	*ecb;
	struct keccak	 mac;
};
void	 fuzz_sealer_init(struct fuzz_sealer *, const struct rlpx_state *);
void	 fuzz_sealer_free(struct fuzz_sealer *);
/* A header of 16 bytes in, 32 out. */
void	 fuzz_seal_head(struct fuzz_sealer *, uint8_t out[32], const uint8_t in[16]);
/* n bytes, a multiple of 16, in; 16 more out. May be in place. */
void	 fuzz_seal_body(struct fuzz_sealer *, uint8_t *out, const uint8_t *in,
	    size_t n);
/* A whole frame with this body; returns the bytes written. */
#define FUZZ_FRAME_LEN(n)	(32 + ((n) + 15) / 16 * 16 + 16)
size_t	 fuzz_seal(struct fuzz_sealer *, uint8_t *out, const uint8_t *body,
	    size_t n);

#endif
