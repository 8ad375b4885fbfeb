/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/crypto/ecies.h"
#include "regress/vectors/rlpx_eip8.h"

static uint8_t	 priv[SECP_PRIV], pub[SECP_PUB];

static int
unseal(uint8_t *out, const uint8_t *in, size_t len, const void *md, size_t mdlen)
{
	uint8_t	 r[SECP_PUB], x[32];

	if (ecies_point(r, in, len) == -1)
		return -1;
	(void)secp_ecdh_x_uniform(x, priv, r);
	return ecies_open(out, in, len, x, md, mdlen);
}

/* The ECIES part of auth2, and its first bytes in the clear. */
START_TEST(published)
{
	static const uint8_t	 head[] = { 0xf8, 0xa7, 0xb8, 0x41 };
	uint8_t			 pkt[437], out[437];
	size_t			 len = strlen(EIP8_AUTH2) / 2;

	ck_assert_uint_eq(len, sizeof(pkt));
	ck_assert_int_eq(hex_decode(pkt, len, EIP8_AUTH2), 0);
	ck_assert_int_eq(hex_decode(priv, sizeof(priv), EIP8_KEY_B), 0);
	ck_assert_int_eq(unseal(out, pkt + 2, len - 2, pkt, 2), 0);
	ck_assert_mem_eq(out, head, sizeof(head));
	pkt[0] ^= 1;
	ck_assert_int_eq(unseal(out, pkt + 2, len - 2, pkt, 2), -1);
}
END_TEST

START_TEST(round_trip)
{
	uint8_t	 in[700], out[700], sealed[700 + ECIES_OVERHEAD];
	uint8_t	 eph[SECP_PRIV], again[700 + ECIES_OVERHEAD];
	uint8_t	 iv[16] = { 1 };
	size_t	 len;

	arc4random_buf(in, sizeof(in));
	secp_keygen(eph, out);
	secp_keygen(priv, pub);
	for (len = 0; len <= sizeof(in); len += len < 40 ? 1 : 33) {
		ck_assert_int_eq(ecies_seal(sealed, in, len, pub, "ab", 2), 0);
		ck_assert_int_eq(unseal(out, sealed, len + ECIES_OVERHEAD, "ab", 2), 0);
		ck_assert_mem_eq(in, out, len);
		ck_assert_int_eq(unseal(out, sealed, len + ECIES_OVERHEAD, "ac", 2), -1);
		ck_assert_int_eq(ecies_seal(again, in, len, pub, "ab", 2), 0);
		ck_assert_mem_ne(again, sealed, 65);

		ck_assert_int_eq(ecies_seal_with(sealed, in, len, pub, "ab", 2, eph, iv), 0);
		ck_assert_int_eq(ecies_seal_with(again, in, len, pub, "ab", 2, eph, iv), 0);
		ck_assert_mem_eq(sealed, again, len + ECIES_OVERHEAD);
		ck_assert_int_eq(unseal(out, sealed, len + ECIES_OVERHEAD, "ab", 2), 0);
		ck_assert_mem_eq(in, out, len);
	}
	memset(pub, 0, sizeof(pub));
	ck_assert_int_eq(ecies_seal(sealed, in, 10, pub, "ab", 2), -1);
}
END_TEST

/* Each byte, and each length, is covered by the tag or by the secret. */
START_TEST(tampered)
{
	uint8_t	 in[50] = { 0 }, out[200];
	uint8_t	 sealed[sizeof(in) + ECIES_OVERHEAD];
	size_t	 i;

	secp_keygen(priv, pub);
	ck_assert_int_eq(ecies_seal(sealed, in, sizeof(in), pub, "ab", 2), 0);
	for (i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 0x10;
		ck_assert_int_eq(unseal(out, sealed, sizeof(sealed), "ab", 2), -1);
		sealed[i] ^= 0x10;
		ck_assert_int_eq(unseal(out, sealed, i, "ab", 2), -1);
	}
	ck_assert_int_eq(unseal(out, sealed, sizeof(sealed), "ab", 2), 0);
	ck_assert_int_eq(ecies_point(out, sealed, ECIES_OVERHEAD), 0);
	ck_assert_int_eq(ecies_point(out, sealed, ECIES_OVERHEAD - 1), -1);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("ecies");
	TCase	*tc = tcase_create("ecies");
	SRunner	*sr;
	int	 failed;

	if (secp_init() == -1)
		return 1;
	tcase_add_test(tc, published);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, tampered);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
