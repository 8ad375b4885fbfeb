/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/crypto/secp.h"

#define P_HEX	"fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"
#define N_HEX	"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
#define G_X	"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define G_Y	"483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
#define ZERO	"0000000000000000000000000000000000000000000000000000000000000000"
#define ONE	"0000000000000000000000000000000000000000000000000000000000000001"

#define ALL_ONES "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

/*
 * x = 1 is on the curve (y^2 = 8); with p added to x the bytes name the same
 * field element, which a sloppy reader would take.
 */
#define ONE_Y	"4218f20ae6c646b363db68605822fb14264ca8d2587fdd6fbc750d587e76a7ee"
#define P_PLUS_1 "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30"

static const char *bad_points[] = {
	ZERO ZERO,			/* what stands for infinity */
	G_X ONE,			/* off the curve */
	ONE G_Y,
	P_PLUS_1 ONE_Y,			/* x not below p, else good */
	P_HEX G_Y,
	G_X P_HEX,
	ALL_ONES ALL_ONES,
};

static const char *bad_keys[] = {
	ZERO, N_HEX,
	ALL_ONES,
};

static void
unhex(void *out, size_t n, const char *hex)
{
	ck_assert_int_eq(hex_decode(out, n, hex), 0);
}

START_TEST(points)
{
	uint8_t	 pub[SECP_PUB], priv[SECP_PRIV], x[32], again[32], g_x[32];
	size_t	 i;

	unhex(priv, sizeof(priv), "49a7b37aa6f6645917e7b807e9d1c00d4fa71f18343b0d4122a4d2df64dd6fee");
	unhex(pub, sizeof(pub), G_X G_Y);
	ck_assert_int_eq(secp_pub_valid(pub), 0);
	ck_assert_int_eq(secp_ecdh_x(g_x, priv, pub), 0);
	unhex(pub, sizeof(pub), ONE ONE_Y);
	ck_assert_int_eq(secp_pub_valid(pub), 0);

	for (i = 0; i < nitems_of(bad_points); i++) {
		unhex(pub, sizeof(pub), bad_points[i]);
		ck_assert_int_eq(secp_pub_valid(pub), -1);
		ck_assert_int_eq(secp_ecdh_x(x, priv, pub), -1);
		/* a secret that nobody can know, though g_x is public */
		ck_assert_int_eq(secp_ecdh_x_uniform(x, priv, pub), -1);
		ck_assert_int_eq(secp_ecdh_x_uniform(again, priv, pub), -1);
		ck_assert_mem_ne(x, g_x, sizeof(x));
		ck_assert_mem_ne(x, again, sizeof(x));
	}
}
END_TEST

/* 0 < y < p keeps exactly two of the 2^256 y for an x: flips leave the curve. */
START_TEST(flipped_bits)
{
	uint8_t	 pub[SECP_PUB];
	size_t	 bit;

	unhex(pub, sizeof(pub), G_X G_Y);
	for (bit = 0; bit < SECP_PUB * 8; bit++) {
		pub[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(secp_pub_valid(pub), -1);
		pub[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(secp_pub_valid(pub), 0);
}
END_TEST

START_TEST(keys)
{
	uint8_t	 priv[SECP_PRIV], pub[SECP_PUB], again[SECP_PUB], sig[SECP_SIG];
	uint8_t	 x[32];
	size_t	 i;

	unhex(again, sizeof(again), G_X G_Y);
	for (i = 0; i < nitems_of(bad_keys); i++) {
		unhex(priv, sizeof(priv), bad_keys[i]);
		ck_assert_int_eq(secp_priv_valid(priv), -1);
		ck_assert_int_eq(secp_pub_from_priv(pub, priv), -1);
		ck_assert_int_eq(secp_sign(sig, x, priv), -1);
		ck_assert_int_eq(secp_ecdh_x(x, priv, again), -1);
		ck_assert_int_eq(secp_ecdh_x_uniform(x, priv, again), -1);
	}
	unhex(priv, sizeof(priv), ONE);
	ck_assert_int_eq(secp_pub_from_priv(pub, priv), 0);
	ck_assert_mem_eq(pub, again, sizeof(pub));
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(secp_keygen(priv, pub), 0);
		ck_assert_int_eq(secp_priv_valid(priv), 0);
		ck_assert_int_eq(secp_pub_from_priv(again, priv), 0);
		ck_assert_mem_eq(pub, again, sizeof(pub));
		ck_assert_int_eq(secp_pub_valid(pub), 0);
	}
}
END_TEST

/* The keys and secret of go-ethereum's TestSharedKeyStatic, both ways. */
START_TEST(ecdh)
{
	uint8_t	 a[SECP_PRIV], b[SECP_PRIV], pa[SECP_PUB], pb[SECP_PUB];
	uint8_t	 x[32], y[32], want[32];

	unhex(a, sizeof(a),
	    "7ebbc6a8358bc76dd73ebc557056702c8cfc34e5cfcd90eb83af0347575fd2ad");
	unhex(b, sizeof(b),
	    "6a3d6396903245bba5837752b9e0348874e72db0c4e11e9c485a81b4ea4353b9");
	unhex(want, sizeof(want),
	    "167ccc13ac5e8a26b131c3446030c60fbfac6aa8e31149d0869f93626a4cdf62");
	ck_assert_int_eq(secp_pub_from_priv(pa, a), 0);
	ck_assert_int_eq(secp_pub_from_priv(pb, b), 0);
	ck_assert_int_eq(secp_ecdh_x(x, a, pb), 0);
	ck_assert_int_eq(secp_ecdh_x(y, b, pa), 0);
	ck_assert_mem_eq(x, y, 32);
	ck_assert_mem_eq(x, want, 32);
	ck_assert_int_eq(secp_ecdh_x_uniform(y, a, pb), 0);
	ck_assert_mem_eq(x, y, 32);
}
END_TEST

START_TEST(signatures)
{
	uint8_t	 priv[SECP_PRIV], pub[SECP_PUB], got[SECP_PUB], hash[32];
	uint8_t	 sig[SECP_SIG], bad[SECP_SIG];
	int	 i;

	for (i = 0; i < 20; i++) {
		secp_keygen(priv, pub);
		arc4random_buf(hash, sizeof(hash));
		ck_assert_int_eq(secp_sign(sig, hash, priv), 0);
		ck_assert_uint_le(sig[64], 3);
		ck_assert_int_eq(secp_recover(got, hash, sig), 0);
		ck_assert_mem_eq(got, pub, sizeof(pub));
		hash[i] ^= 1;
		if (secp_recover(got, hash, sig) == 0)
			ck_assert_mem_ne(got, pub, sizeof(pub));
		hash[i] ^= 1;
	}
	for (i = 4; i < 256; i++) {
		memcpy(bad, sig, sizeof(bad));
		bad[64] = (uint8_t)i;
		ck_assert_int_eq(secp_recover(got, hash, bad), -1);
	}
	memcpy(bad, sig, sizeof(bad));
	memset(bad, 0, 32);
	ck_assert_int_eq(secp_recover(got, hash, bad), -1);
	memcpy(bad, sig, sizeof(bad));
	memset(bad + 32, 0, 32);
	ck_assert_int_eq(secp_recover(got, hash, bad), -1);
	memcpy(bad, sig, sizeof(bad));
	unhex(bad, 32, N_HEX);
	ck_assert_int_eq(secp_recover(got, hash, bad), -1);
	memcpy(bad, sig, sizeof(bad));
	unhex(bad + 32, 32, N_HEX);
	ck_assert_int_eq(secp_recover(got, hash, bad), -1);
}
END_TEST

START_TEST(forms)
{
	uint8_t	 pub[SECP_PUB], again[SECP_PUB], comp[SECP_COMP];
	size_t	 i;

	unhex(pub, sizeof(pub), G_X G_Y);
	ck_assert_int_eq(secp_compress(comp, pub), 0);
	ck_assert_uint_eq(comp[0], 2);
	ck_assert_mem_eq(comp + 1, pub, 32);
	ck_assert_int_eq(secp_decompress(again, comp), 0);
	ck_assert_mem_eq(again, pub, sizeof(pub));
	comp[0] = 3;
	ck_assert_int_eq(secp_decompress(again, comp), 0);
	ck_assert_mem_eq(again, pub, 32);
	ck_assert_int_ne(memcmp(again, pub, sizeof(pub)), 0);
	ck_assert_int_eq(secp_compress(comp, again), 0);
	ck_assert_uint_eq(comp[0], 3);
	for (i = 0; i < 256; i++) {
		comp[0] = (uint8_t)i;
		ck_assert_int_eq(secp_decompress(again, comp),
		    i == 2 || i == 3 ? 0 : -1);
	}
	comp[0] = 2;
	unhex(comp + 1, 32, P_PLUS_1);
	ck_assert_int_eq(secp_decompress(again, comp), -1);
	unhex(comp + 1, 32, ZERO);
	ck_assert_int_eq(secp_decompress(again, comp), -1);
	for (i = 0; i < nitems_of(bad_points); i++) {
		unhex(pub, sizeof(pub), bad_points[i]);
		ck_assert_int_eq(secp_compress(comp, pub), -1);
	}
}
END_TEST

START_TEST(verified)
{
	uint8_t	 priv[SECP_PRIV], pub[SECP_PUB], other[SECP_PUB];
	uint8_t	 sig[SECP_SIG], hash[32];
	size_t	 i;

	ck_assert_int_eq(secp_keygen(priv, other), 0);
	ck_assert_int_eq(secp_keygen(priv, pub), 0);
	memset(hash, 7, sizeof(hash));
	ck_assert_int_eq(secp_sign(sig, hash, priv), 0);
	ck_assert_int_eq(secp_verify(pub, hash, sig), 0);
	ck_assert_int_eq(secp_verify(other, hash, sig), -1);
	for (i = 0; i < SECP_SIG64 * 8; i++) {
		sig[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(secp_verify(pub, hash, sig), -1);
		sig[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	hash[0] ^= 1;
	ck_assert_int_eq(secp_verify(pub, hash, sig), -1);
	hash[0] ^= 1;
	unhex(sig, 32, N_HEX);
	ck_assert_int_eq(secp_verify(pub, hash, sig), -1);
	unhex(sig, 32, ZERO);
	ck_assert_int_eq(secp_verify(pub, hash, sig), -1);
	unhex(pub, sizeof(pub), G_X ONE);
	ck_assert_int_eq(secp_verify(pub, hash, sig), -1);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("secp");
	TCase	*tc = tcase_create("secp");
	SRunner	*sr;
	int	 failed;

	if (secp_init() == -1)
		return 1;
	tcase_add_test(tc, points);
	tcase_add_test(tc, flipped_bits);
	tcase_add_test(tc, keys);
	tcase_add_test(tc, ecdh);
	tcase_add_test(tc, signatures);
	tcase_add_test(tc, forms);
	tcase_add_test(tc, verified);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
