/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stddef.h>

#include <openssl/crypto.h>

#include "common/crypto/evp.h"

static struct evp_algs	 algs;
static int		 fetched;

const struct evp_algs *
evp_algs(void)
{
	if (fetched)
		return &algs;
	/*
	 * The system's openssl.cnf is not ours to read, nor to wait for; and
	 * the names of all algorithms take longer than those fetched here.
	 */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
	    OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS,
	    NULL);
	if ((algs.aes_128_ctr = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL)) == NULL ||
	    (algs.aes_256_ctr = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL)) == NULL ||
	    (algs.aes_256_ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL)) == NULL ||
	    (algs.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL)) == NULL ||
	    (algs.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL)) == NULL)
		return NULL;
	fetched = 1;
	return &algs;
}
