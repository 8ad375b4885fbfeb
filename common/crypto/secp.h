/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CRYPTO_SECP_H
#define COMMON_CRYPTO_SECP_H

#include <stdint.h>

/*
 * secp256k1 by libsecp256k1.  Public keys are 64 bytes, x || y big-endian, as
 * devp2p writes node ids.  Every function that takes a point checks that both
 * coordinates are below p and that it is on the curve before anything else.
 */
#define SECP_PUB	64
#define SECP_PRIV	32
#define SECP_SIG	65	/* r || s || recovery id 0..3 */
#define SECP_SIG64	64	/* r || s */
#define SECP_COMP	33	/* 2 or 3 by y's parity || x */

/*
 * Once a process, before the rest: makes and randomises the context.
 */
int	 secp_init(void);
/* 0, or -1 when priv is zero or not below the order. */
int	 secp_priv_valid(const uint8_t priv[SECP_PRIV]);
int	 secp_keygen(uint8_t priv[SECP_PRIV], uint8_t pub[SECP_PUB]);
int	 secp_pub_from_priv(uint8_t pub[SECP_PUB], const uint8_t priv[SECP_PRIV]);
/* 0 when pub is a point of the curve, else -1. Works before secp_init too. */
int	 secp_pub_valid(const uint8_t pub[SECP_PUB]);
/* x of priv * pub: the shared secret of RLPx and ECIES. 0, or -1 bad point. */
int	 secp_ecdh_x(uint8_t out[32], const uint8_t priv[SECP_PRIV],
	    const uint8_t pub[SECP_PUB]);
/*
 * As secp_ecdh_x, but a bad point is replaced by the generator, so that it
 * takes the same time, and the secret by one that nobody knows, so that it
 * fails where a wrong secret fails. Returns -1 then.
 */
int	 secp_ecdh_x_uniform(uint8_t out[32], const uint8_t priv[SECP_PRIV],
	    const uint8_t pub[SECP_PUB]);
int	 secp_sign(uint8_t sig[SECP_SIG], const uint8_t hash[32],
	    const uint8_t priv[SECP_PRIV]);
/* 0, or -1 for any bad signature, recovery ids over 3 included. */
int	 secp_recover(uint8_t pub[SECP_PUB], const uint8_t hash[32],
	    const uint8_t sig[SECP_SIG]);
/*
 * 0 when pub made this signature, whose s is in the lower half, else -1.  This
 * and the next two work before secp_init, too.
 */
int	 secp_verify(const uint8_t pub[SECP_PUB], const uint8_t hash[32],
	    const uint8_t sig[SECP_SIG64]);
/* The 33-byte form and back. 0, or -1 for what is no point of the curve. */
int	 secp_compress(uint8_t out[SECP_COMP], const uint8_t pub[SECP_PUB]);
int	 secp_decompress(uint8_t pub[SECP_PUB], const uint8_t in[SECP_COMP]);

#endif
