/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_NETTLE
#include <nettle/sha3.h>
#endif

#include "common/base/util.h"
#include "common/crypto/keccak.h"

/* The Keccak team's ShortMsgKAT of the original submission, and Ethereum's. */
static const struct {
	const char	*in;	/* hex */
	const char	*digest;
} vectors[] = {
	{ "", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" },
	{ "cc", "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a" },
	{ "41fb", "a8eaceda4d47b3281a795ad9e1ea2122b407baf9aabcb9e18b5717b7873537d2" },
	{ "616263", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45" },
	{ "80", "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421" },
};

START_TEST(published)
{
	uint8_t	 in[64], out[32];
	char	 hex[65];
	size_t	 i, n;

	for (i = 0; i < nitems_of(vectors); i++) {
		n = strlen(vectors[i].in) / 2;
		ck_assert_int_eq(hex_decode(in, n, vectors[i].in), 0);
		keccak256(out, in, n);
		ck_assert_str_eq(hex_encode(hex, out, 32), vectors[i].digest);
	}
}
END_TEST

/* Iterated over many lengths, so that every position in a block is met. */
START_TEST(splits)
{
	uint8_t		 in[600], whole[32], parts[32];
	struct keccak	 k;
	size_t		 len, cut;

	for (len = 0; len < sizeof(in); len++)
		in[len] = (uint8_t)(len * 7 + 3);
	for (len = 0; len <= sizeof(in); len += 13) {
		keccak256(whole, in, len);
		for (cut = 0; cut <= len; cut++) {
			keccak_init(&k);
			keccak_update(&k, in, cut);
			keccak_update(&k, in + cut, len - cut);
			keccak_digest(&k, parts);
			ck_assert_mem_eq(whole, parts, 32);
			memset(parts, 0, sizeof(parts));
			keccak_final(&k, parts);
			ck_assert_mem_eq(whole, parts, 32);
		}
		keccak_init(&k);
		for (cut = 0; cut < len; cut++)
			keccak_update(&k, in + cut, 1);
		keccak_final(&k, parts);
		ck_assert_mem_eq(whole, parts, 32);
	}
}
END_TEST

START_TEST(export_import)
{
	uint8_t		 in[300], a[32], b[32], raw[KECCAK_STATE_LEN];
	struct keccak	 k, l;
	size_t		 cut;

	memset(in, 0x5a, sizeof(in));
	keccak256(a, in, sizeof(in));
	for (cut = 0; cut <= sizeof(in); cut++) {
		keccak_init(&k);
		keccak_update(&k, in, cut);
		keccak_export(&k, raw);
		memset(&l, 0xff, sizeof(l));
		ck_assert_int_eq(keccak_import(&l, raw), 0);
		ck_assert_mem_eq(&k, &l, sizeof(k));
		keccak_update(&l, in + cut, sizeof(in) - cut);
		keccak_final(&l, b);
		ck_assert_mem_eq(a, b, 32);
	}
	raw[200] = 135;
	ck_assert_int_eq(keccak_import(&l, raw), 0);
	raw[200] = 136;
	ck_assert_int_eq(keccak_import(&l, raw), -1);
	raw[200] = 255;
	ck_assert_int_eq(keccak_import(&l, raw), -1);
}
END_TEST

#ifdef HAVE_NETTLE
/* A sponge on another's permutation. */
static void
nettle_keccak(uint8_t out[32], const uint8_t *in, size_t len)
{
	struct sha3_state	 s;
	size_t			 i, pos = 0;

	memset(&s, 0, sizeof(s));
	for (i = 0; i < len; i++) {
		s.a[pos / 8] ^= (uint64_t)in[i] << (pos % 8 * 8);
		if (++pos == 136) {
			sha3_permute(&s);
			pos = 0;
		}
	}
	s.a[pos / 8] ^= (uint64_t)1 << (pos % 8 * 8);
	s.a[16] ^= (uint64_t)0x80 << 56;
	sha3_permute(&s);
	for (i = 0; i < 32; i++)
		out[i] = (uint8_t)(s.a[i / 8] >> (i % 8 * 8));
}

START_TEST(against_nettle)
{
	uint8_t	 in[1000], ours[32], theirs[32];
	size_t	 len;

	arc4random_buf(in, sizeof(in));
	for (len = 0; len <= sizeof(in); len++) {
		keccak256(ours, in, len);
		nettle_keccak(theirs, in, len);
		ck_assert_mem_eq(ours, theirs, 32);
	}
}
END_TEST
#endif

int
main(void)
{
	Suite	*s = suite_create("keccak");
	TCase	*tc = tcase_create("keccak");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, published);
	tcase_add_test(tc, splits);
	tcase_add_test(tc, export_import);
#ifdef HAVE_NETTLE
	tcase_add_test(tc, against_nettle);
#endif
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
