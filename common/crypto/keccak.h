/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CRYPTO_KECCAK_H
#define COMMON_CRYPTO_KECCAK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Keccak-256 with the padding of the original submission (0x01), as Ethereum
 * has it.  The state is a plain value: copying the struct forks the hash.
 */
struct keccak {
	uint64_t	 a[25];
	uint32_t	 pos;		/* bytes absorbed in the open block, < 136 */
	uint32_t	 pad;		/* zero: the struct has no indeterminate byte */
};

#define KECCAK_STATE_LEN	201	/* serialised: 200 bytes and pos */

void	 keccak_init(struct keccak *);
void	 keccak_update(struct keccak *, const void *, size_t);
/* Ends the hash; k is not to be used again. */
void	 keccak_final(struct keccak *k, uint8_t out[32]);
/* The digest so far; k goes on. */
void	 keccak_digest(const struct keccak *k, uint8_t out[32]);
void	 keccak256(uint8_t out[32], const void *, size_t);
void	 keccak_export(const struct keccak *, uint8_t out[KECCAK_STATE_LEN]);
/* 0, or -1 when pos is out of range. */
int	 keccak_import(struct keccak *, const uint8_t in[KECCAK_STATE_LEN]);

#endif
