/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CRYPTO_EVP_H
#define COMMON_CRYPTO_EVP_H

#include <openssl/evp.h>

/*
 * OpenSSL's algorithms, fetched once a process: a fetch by name costs more
 * than a small operation.
 */
struct evp_algs {
	EVP_CIPHER	*aes_128_ctr;
	EVP_CIPHER	*aes_256_ctr;
	EVP_CIPHER	*aes_256_ecb;
	EVP_MD		*sha256;
	EVP_MAC		*hmac;
};

/*
 * Fetches at the first call, which takes a millisecond: a process that needs
 * them calls this before it is jailed. NULL when one is missing.
 */
const struct evp_algs *evp_algs(void);

#endif
