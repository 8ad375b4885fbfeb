/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CRYPTO_ECIES_H
#define COMMON_CRYPTO_ECIES_H

#include <stddef.h>
#include <stdint.h>

#include "common/crypto/secp.h"

/*
 * ECIES as RLPx has it (devp2p, rlpx.md): 0x04 || R || iv || c || d with
 * AES-128-CTR, NIST SP 800-56 concatenation KDF and HMAC-SHA256; the mac data
 * is the two size bytes of the packet.
 * Decryption is in two halves, because the ECDH is done by whoever holds the
 * key: ecies_point() says what to multiply, ecies_open() takes the product.
 */
#define ECIES_OVERHEAD	(65 + 16 + 32)

/* Encrypts len bytes for pub into out (len + ECIES_OVERHEAD). 0 or -1. */
int	 ecies_seal(uint8_t *out, const uint8_t *in, size_t len,
	    const uint8_t pub[SECP_PUB], const void *macdata, size_t maclen);
/* As ecies_seal with the ephemeral key and iv given: for vectors and the above. */
int	 ecies_seal_with(uint8_t *out, const uint8_t *in, size_t len,
	    const uint8_t pub[SECP_PUB], const void *macdata, size_t maclen,
	    const uint8_t eph[SECP_PRIV], const uint8_t iv[16]);
/*
 * The peer's ephemeral point in a message of len bytes. -1 when the message
 * is too short; a first byte other than 0x04 is left to fail in ecies_open().
 * The point is not validated here.
 */
int	 ecies_point(uint8_t pub[SECP_PUB], const uint8_t *in, size_t len);
/*
 * Checks the mac and decrypts into out (len - ECIES_OVERHEAD). 0 or -1, by one
 * path for every fault.
 */
int	 ecies_open(uint8_t *out, const uint8_t *in, size_t len,
	    const uint8_t shared_x[32], const void *macdata, size_t maclen);

#endif
