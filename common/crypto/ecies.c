/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "common/crypto/ecies.h"
#include "common/crypto/evp.h"

/* 0x04 || R (64) || iv (16) || c || d (32) */
#define POINT_OFF	1
#define IV_OFF		(POINT_OFF + SECP_PUB)
#define IV_LEN		16
#define TEXT_OFF	(IV_OFF + IV_LEN)
#define TAG_LEN		32

struct ecies_keys {
	uint8_t	 enc[16];
	uint8_t	 mac[32];
};

/*
 * One round of the concatenation KDF gives both keys; the MAC's is hashed once
 * more.
 */
static int
derive(struct ecies_keys *k, const uint8_t shared_x[32])
{
	const struct evp_algs	*algs = evp_algs();
	uint8_t			 in[4 + 32] = { 0, 0, 0, 1 }, out[32];
	int			 ret = -1;

	if (algs == NULL)
		return -1;
	memcpy(in + 4, shared_x, 32);
	if (EVP_Digest(in, sizeof(in), out, NULL, algs->sha256, NULL) &&
	    EVP_Digest(out + 16, 16, k->mac, NULL, algs->sha256, NULL)) {
		memcpy(k->enc, out, sizeof(k->enc));
		ret = 0;
	}
	explicit_bzero(in, sizeof(in));
	explicit_bzero(out, sizeof(out));
	return ret;
}

/* AES-128-CTR; the context is wiped as it is freed. */
static int
crypt_ctr(uint8_t *out, const uint8_t *in, size_t len, const uint8_t key[16],
    const uint8_t iv[IV_LEN])
{
	EVP_CIPHER_CTX	*c;
	int		 n, ok;

	if (len > INT_MAX || (c = EVP_CIPHER_CTX_new()) == NULL)
		return -1;
	ok = EVP_EncryptInit_ex2(c, evp_algs()->aes_128_ctr, key, iv, NULL) &&
	    EVP_EncryptUpdate(c, out, &n, in, (int)len);
	EVP_CIPHER_CTX_free(c);
	return ok ? 0 : -1;
}

static int
compute_tag(uint8_t tag[TAG_LEN], const uint8_t key[32], const uint8_t *in,
    size_t len, const void *macdata, size_t maclen)
{
	char		 digest[] = "SHA256";
	OSSL_PARAM	 params[2];
	EVP_MAC_CTX	*m;
	size_t		 n;
	int		 ok;

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	if ((m = EVP_MAC_CTX_new(evp_algs()->hmac)) == NULL)
		return -1;
	ok = EVP_MAC_init(m, key, 32, params) &&
	    EVP_MAC_update(m, in, len) &&
	    EVP_MAC_update(m, macdata, maclen) &&
	    EVP_MAC_final(m, tag, &n, TAG_LEN);
	EVP_MAC_CTX_free(m);
	return ok ? 0 : -1;
}

int
ecies_seal(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t pub[SECP_PUB], const void *macdata, size_t maclen)
{
	uint8_t	 eph[SECP_PRIV], iv[IV_LEN];
	int	 ret;

	do
		arc4random_buf(eph, sizeof(eph));
	while (secp_priv_valid(eph) == -1);
	arc4random_buf(iv, sizeof(iv));
	ret = ecies_seal_with(out, in, len, pub, macdata, maclen, eph, iv);
	explicit_bzero(eph, sizeof(eph));
	return ret;
}

int
ecies_seal_with(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t pub[SECP_PUB], const void *macdata, size_t maclen,
    const uint8_t eph[SECP_PRIV], const uint8_t iv[16])
{
	struct ecies_keys	 k;
	uint8_t			 x[32];
	int			 ret = -1;

	out[0] = 0x04;
	memcpy(out + IV_OFF, iv, IV_LEN);
	if (secp_pub_from_priv(out + POINT_OFF, eph) == 0 &&
	    secp_ecdh_x(x, eph, pub) == 0 &&
	    derive(&k, x) == 0 &&
	    crypt_ctr(out + TEXT_OFF, in, len, k.enc, iv) == 0)
		ret = compute_tag(out + TEXT_OFF + len, k.mac, out + IV_OFF,
		    IV_LEN + len, macdata, maclen);
	explicit_bzero(&k, sizeof(k));
	explicit_bzero(x, sizeof(x));
	return ret;
}

int
ecies_point(uint8_t pub[SECP_PUB], const uint8_t *in, size_t len)
{
	if (len < ECIES_OVERHEAD)
		return -1;
	memcpy(pub, in + POINT_OFF, SECP_PUB);
	return 0;
}

int
ecies_open(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t shared_x[32], const void *macdata, size_t maclen)
{
	struct ecies_keys	 k;
	uint8_t			 tag[TAG_LEN];
	size_t			 n;
	int			 bad, ret = -1;

	if (len < ECIES_OVERHEAD)
		return -1;
	n = len - ECIES_OVERHEAD;
	if (derive(&k, shared_x) == 0 &&
	    compute_tag(tag, k.mac, in + IV_OFF, IV_LEN + n, macdata,
	    maclen) == 0) {
		bad = CRYPTO_memcmp(tag, in + TEXT_OFF + n, TAG_LEN);
		bad |= in[0] ^ 0x04;
		if (!bad)
			ret = crypt_ctr(out, in + TEXT_OFF, n, k.enc,
			    in + IV_OFF);
	}
	explicit_bzero(&k, sizeof(k));
	explicit_bzero(tag, sizeof(tag));
	return ret;
}
