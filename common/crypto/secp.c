/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_recovery.h>

#include "common/crypto/secp.h"

static secp256k1_context	*ctx;
static secp256k1_pubkey		 generator;

int
secp_init(void)
{
	static const uint8_t	 one[SECP_PRIV] = { [SECP_PRIV - 1] = 1 };
	uint8_t			 seed[32];

	if (ctx != NULL)
		return 0;
	/* Later releases deprecate the flags, which are one constant there. */
	ctx = secp256k1_context_create(SECP256K1_CONTEXT_SIGN |
	    SECP256K1_CONTEXT_VERIFY);
	if (ctx == NULL)
		return -1;
	arc4random_buf(seed, sizeof(seed));
	if (!secp256k1_context_randomize(ctx, seed) ||
	    !secp256k1_ec_pubkey_create(ctx, &generator, one)) {
		secp256k1_context_destroy(ctx);
		ctx = NULL;
	}
	explicit_bzero(seed, sizeof(seed));
	return ctx == NULL ? -1 : 0;
}

/* Where no secret is involved, it works without secp_init. */
static const secp256k1_context *
public_ctx(void)
{
	return ctx != NULL ? ctx : secp256k1_context_static;
}

/* The library refuses coordinates not below p and points off the curve. */
static int
load(secp256k1_pubkey *key, const uint8_t pub[SECP_PUB])
{
	uint8_t	 full[1 + SECP_PUB];

	full[0] = 0x04;
	memcpy(full + 1, pub, SECP_PUB);
	return secp256k1_ec_pubkey_parse(public_ctx(), key, full,
	    sizeof(full)) ? 0 : -1;
}

static void
store(uint8_t pub[SECP_PUB], const secp256k1_pubkey *key)
{
	uint8_t	 full[1 + SECP_PUB];
	size_t	 len = sizeof(full);

	secp256k1_ec_pubkey_serialize(public_ctx(), full, &len, key,
	    SECP256K1_EC_UNCOMPRESSED);
	memcpy(pub, full + 1, SECP_PUB);
}

int
secp_priv_valid(const uint8_t priv[SECP_PRIV])
{
	return secp256k1_ec_seckey_verify(ctx, priv) ? 0 : -1;
}

int
secp_keygen(uint8_t priv[SECP_PRIV], uint8_t pub[SECP_PUB])
{
	do
		arc4random_buf(priv, SECP_PRIV);
	while (secp_priv_valid(priv) == -1);
	return secp_pub_from_priv(pub, priv);
}

int
secp_pub_from_priv(uint8_t pub[SECP_PUB], const uint8_t priv[SECP_PRIV])
{
	secp256k1_pubkey	 key;

	if (!secp256k1_ec_pubkey_create(ctx, &key, priv))
		return -1;
	store(pub, &key);
	return 0;
}

int
secp_pub_valid(const uint8_t pub[SECP_PUB])
{
	secp256k1_pubkey	 key;

	return load(&key, pub);
}

/* Called by the library with the product: x alone is the secret. */
static int
take_x(unsigned char *out, const unsigned char *x, const unsigned char *y,
    void *arg)
{
	memcpy(out, x, 32);
	return 1;
}

int
secp_ecdh_x(uint8_t out[32], const uint8_t priv[SECP_PRIV],
    const uint8_t pub[SECP_PUB])
{
	secp256k1_pubkey	 key;

	if (load(&key, pub) == -1)
		return -1;
	return secp256k1_ecdh(ctx, out, &key, priv, take_x, NULL) ? 0 : -1;
}

int
secp_ecdh_x_uniform(uint8_t out[32], const uint8_t priv[SECP_PRIV],
    const uint8_t pub[SECP_PUB])
{
	secp256k1_pubkey	 key;
	uint8_t			 noise[32];
	unsigned int		 i;
	int			 bad;

	if ((bad = load(&key, pub)) == -1)
		key = generator;
	if (!secp256k1_ecdh(ctx, out, &key, priv, take_x, NULL)) {
		memset(out, 0, 32);
		return -1;
	}
	/* The generator's product is our public key, which everybody knows. */
	arc4random_buf(noise, sizeof(noise));
	for (i = 0; i < sizeof(noise); i++)
		out[i] ^= noise[i] & (uint8_t)bad;
	explicit_bzero(noise, sizeof(noise));
	return bad;
}

int
secp_sign(uint8_t sig[SECP_SIG], const uint8_t hash[32],
    const uint8_t priv[SECP_PRIV])
{
	secp256k1_ecdsa_recoverable_signature	 s;
	int					 recid;

	if (!secp256k1_ecdsa_sign_recoverable(ctx, &s, hash, priv, NULL, NULL))
		return -1;
	secp256k1_ecdsa_recoverable_signature_serialize_compact(ctx, sig,
	    &recid, &s);
	sig[SECP_SIG - 1] = (uint8_t)recid;
	return 0;
}

int
secp_recover(uint8_t pub[SECP_PUB], const uint8_t hash[32],
    const uint8_t sig[SECP_SIG])
{
	secp256k1_ecdsa_recoverable_signature	 s;
	secp256k1_pubkey			 key;

	/* The library aborts on a recovery id it does not know. */
	if (sig[SECP_SIG - 1] > 3)
		return -1;
	if (!secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &s, sig,
	    sig[SECP_SIG - 1]) || !secp256k1_ecdsa_recover(ctx, &key, &s, hash))
		return -1;
	store(pub, &key);
	return 0;
}

int
secp_verify(const uint8_t pub[SECP_PUB], const uint8_t hash[32],
    const uint8_t sig[SECP_SIG64])
{
	secp256k1_ecdsa_signature	 s;
	secp256k1_pubkey		 key;

	if (load(&key, pub) == -1 ||
	    !secp256k1_ecdsa_signature_parse_compact(public_ctx(), &s, sig))
		return -1;
	return secp256k1_ecdsa_verify(public_ctx(), &s, hash, &key) ? 0 : -1;
}

int
secp_compress(uint8_t out[SECP_COMP], const uint8_t pub[SECP_PUB])
{
	if (secp_pub_valid(pub) == -1)
		return -1;
	out[0] = 0x02 | (pub[SECP_PUB - 1] & 1);
	memcpy(out + 1, pub, SECP_COMP - 1);
	return 0;
}

int
secp_decompress(uint8_t pub[SECP_PUB], const uint8_t in[SECP_COMP])
{
	secp256k1_pubkey	 key;

	if (!secp256k1_ec_pubkey_parse(public_ctx(), &key, in, SECP_COMP))
		return -1;
	store(pub, &key);
	return 0;
}
