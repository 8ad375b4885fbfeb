/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/rlp.h"

struct bytes {
	const char	*p;
	size_t		 n;
};
#define B(s)	{ s, sizeof(s) - 1 }

static const char lorem[] =
    "Lorem ipsum dolor sit amet, consectetur adipisicing elit";

/* The string and integer vectors of the Ethereum wiki and tests (rlptest.json). */
static const struct {
	uint64_t	 v;
	struct bytes	 enc;
} ints[] = {
	{ 0, B("\x80") }, { 1, B("\x01") }, { 16, B("\x10") }, { 79, B("\x4f") },
	{ 127, B("\x7f") }, { 128, B("\x81\x80") }, { 1000, B("\x82\x03\xe8") },
	{ 1024, B("\x82\x04\x00") }, { 100000, B("\x83\x01\x86\xa0") },
	{ 0xffffffff, B("\x84\xff\xff\xff\xff") },
	{ UINT64_MAX, B("\x88\xff\xff\xff\xff\xff\xff\xff\xff") },
};

START_TEST(integers)
{
	struct rlp	 r;
	struct rlpw	 w;
	uint8_t		 buf[16];
	uint64_t	 v;
	size_t		 i, len;

	for (i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
		rlpw_init(&w, buf, sizeof(buf));
		rlpw_uint(&w, ints[i].v);
		ck_assert_int_eq(rlpw_finish(&w, &len), 0);
		ck_assert_uint_eq(len, ints[i].enc.n);
		ck_assert_mem_eq(buf, ints[i].enc.p, len);
		rlp_init(&r, ints[i].enc.p, ints[i].enc.n);
		ck_assert_int_eq(rlp_islist(&r), 0);
		ck_assert_int_eq(rlp_get_uint(&r, &v, UINT64_MAX), 0);
		ck_assert(v == ints[i].v);
		ck_assert(rlp_atend(&r));
	}
	rlp_init(&r, "\x82\x04\x00", 3);
	ck_assert_int_eq(rlp_get_uint(&r, &v, 1023), -1);
	ck_assert_uint_eq(r.len, 3);
	ck_assert_int_eq(rlp_get_uint(&r, &v, 1024), 0);
}
END_TEST

START_TEST(bad_integers)
{
	static const struct bytes bad[] = {
		B(""), B("\x00"), B("\x82\x00\x01"), B("\x81\x00"),
		B("\x89\x01\x00\x00\x00\x00\x00\x00\x00\x00"), B("\xc0"),
		B("\xc1\x01"), B("\x81"), B("\x82\x01"),
	};
	struct rlp	 r;
	uint64_t	 v = 7;
	size_t		 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rlp_init(&r, bad[i].p, bad[i].n);
		ck_assert_int_eq(rlp_get_uint(&r, &v, UINT64_MAX), -1);
		ck_assert_uint_eq(r.len, bad[i].n);
		ck_assert(v == 7);
	}
}
END_TEST

START_TEST(strings)
{
	struct rlp	 r;
	struct rlpw	 w;
	uint8_t		 buf[70000], body[66000], one;
	const uint8_t	*p;
	size_t		 i, n, len;
	static const size_t sizes[] = { 0, 1, 2, 55, 56, 255, 256, 65535, 65536 };
	static const size_t heads[] = { 1, 1, 1, 1, 2, 2, 3, 3, 4 };

	rlpw_init(&w, buf, sizeof(buf));
	rlpw_str(&w, "dog");
	ck_assert_int_eq(rlpw_finish(&w, &len), 0);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(buf, "\x83" "dog", 4);

	rlpw_init(&w, buf, sizeof(buf));
	rlpw_str(&w, lorem);
	ck_assert_int_eq(rlpw_finish(&w, &len), 0);
	ck_assert_uint_eq(len, 58);
	ck_assert_mem_eq(buf, "\xb8\x38Lorem", 7);

	memset(body, 0xaa, sizeof(body));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		rlpw_init(&w, buf, sizeof(buf));
		rlpw_bytes(&w, body, sizes[i]);
		ck_assert_int_eq(rlpw_finish(&w, &len), 0);
		ck_assert_uint_eq(len, heads[i] + sizes[i]);
		rlp_init(&r, buf, len);
		ck_assert_int_eq(rlp_get_bytes(&r, &p, &n), 0);
		ck_assert_uint_eq(n, sizes[i]);
		ck_assert(p == buf + heads[i]);
		ck_assert(rlp_atend(&r));
	}
	for (i = 0; i < 256; i++) {
		one = (uint8_t)i;
		rlpw_init(&w, buf, sizeof(buf));
		rlpw_bytes(&w, &one, 1);
		ck_assert_int_eq(rlpw_finish(&w, &len), 0);
		ck_assert_uint_eq(len, i < 0x80 ? 1 : 2);
		rlp_init(&r, buf, len);
		one = 0;
		ck_assert_int_eq(rlp_get_fixed(&r, &one, 1), 0);
		ck_assert_uint_eq(one, i);
	}
}
END_TEST

/* buf, which is done with, has these bytes. */
static void
wrote(struct rlpw *w, const uint8_t *buf, const struct bytes *want)
{
	size_t	 len;

	ck_assert_int_eq(rlpw_finish(w, &len), 0);
	ck_assert_uint_eq(len, want->n);
	ck_assert_mem_eq(buf, want->p, len);
}

START_TEST(short_list)
{
	static const struct bytes catdog = B("\xc8\x83" "cat" "\x83" "dog");
	struct rlp	 r, in;
	struct rlpw	 w;
	uint8_t		 buf[16], fixed[3];
	const uint8_t	*p;
	size_t		 n;

	rlpw_init(&w, buf, sizeof(buf));
	rlpw_list(&w);
	rlpw_str(&w, "cat");
	rlpw_str(&w, "dog");
	rlpw_end(&w);
	wrote(&w, buf, &catdog);
	rlp_init(&r, buf, catdog.n);
	ck_assert_int_eq(rlp_islist(&r), 1);
	ck_assert_int_eq(rlp_get_bytes(&r, &p, &n), -1);
	ck_assert_int_eq(rlp_get_raw(&r, &p, &n), 0);
	ck_assert_uint_eq(n, catdog.n);
	ck_assert(rlp_atend(&r));
	ck_assert_int_eq(rlp_skip(&r), -1);
	rlp_init(&r, buf, catdog.n);
	ck_assert_int_eq(rlp_get_list(&r, &in), 0);
	ck_assert(rlp_atend(&r));
	ck_assert_int_eq(rlp_get_list(&in, &in), -1);
	ck_assert_int_eq(rlp_skip(&in), 0);
	ck_assert_int_eq(rlp_get_fixed(&in, fixed, 2), -1);
	ck_assert_int_eq(rlp_get_fixed(&in, fixed, 3), 0);
	ck_assert_mem_eq(fixed, "dog", 3);
	ck_assert_int_eq(rlp_islist(&in), -1);
}
END_TEST

/* The list of the sets that represent the numbers below n. */
static void
write_set(struct rlpw *w, unsigned int n)
{
	unsigned int	 i;

	rlpw_list(w);
	for (i = 0; i < n; i++)
		write_set(w, i);
	rlpw_end(w);
}

START_TEST(lists_of_lists)
{
	/* the set-theoretical representation of three */
	static const struct bytes three = B("\xc7\xc0\xc1\xc0\xc3\xc0\xc1\xc0");
	struct rlpw	 w;
	uint8_t		 buf[16];

	rlpw_init(&w, buf, sizeof(buf));
	write_set(&w, 3);
	wrote(&w, buf, &three);
}
END_TEST

/* A body of 256 bytes takes a header of three. */
START_TEST(long_list)
{
	struct rlpw	 w;
	uint8_t		 buf[400];
	size_t		 i, len;

	rlpw_init(&w, buf, sizeof(buf));
	rlpw_list(&w);
	for (i = 0; i < 64; i++)
		rlpw_str(&w, "dog");
	rlpw_end(&w);
	ck_assert_int_eq(rlpw_finish(&w, &len), 0);
	ck_assert_uint_eq(len, 259);
	ck_assert_mem_eq(buf, "\xf9\x01\x00\x83" "dog", 7);
	ck_assert_mem_eq(buf + 255, "\x83" "dog", 4);
}
END_TEST

START_TEST(not_canonical)
{
	static const struct bytes bad[] = {
		B("\x81\x00"), B("\x81\x7f"),	/* a byte that is its own */
		B("\xb8\x00"), B("\xb8\x01\x80"), B("\xf8\x00"),
		B("\xf8\x01\x80"),
		B("\xb9\x00\x38Lorem ipsum dolor sit amet, consectetur adipisicing elit"),
		B("\xf9\x00\x38Lorem ipsum dolor sit amet, consectetur adipisicing elit"),
		/* 55 bytes in the long form */
		B("\xb8\x37Lorem ipsum dolor sit amet, consectetur adipisicing eli"),
		B("\xf8\x37Lorem ipsum dolor sit amet, consectetur adipisicing eli"),
		/* lengths about the end of the address space */
		B("\xbf\xff\xff\xff\xff\xff\xff\xff\xff"),
		B("\xbf\xff\xff\xff\xff\xff\xff\xff\xff" "aaaaaaaaaaaaaaaa"),
		B("\xff\xff\xff\xff\xff\xff\xff\xff\xff" "aaaaaaaaaaaaaaaa"),
		B("\xff\xff\xff\xff\xff\xff\xff\xff\xf7" "aaaaaaaaaaaaaaaa"),
		B("\xbf\x80\x00\x00\x00\x00\x00\x00\x00" "aaaaaaaaaaaaaaaa"),
		B("\xbb\xff\xff\xff\xff"), B("\xfb\xff\xff\xff\xff"),
		B("\xbf\x01\x00\x00\x00\x00\x00\x00"), B("\xbf"), B("\xff"),
		B("\xb8"), B("\xf8"), B("\xb8\x38"), B("\xc1"), B("\xf7"),
	};
	struct rlp	 r, in;
	const uint8_t	*p;
	uint8_t		 b;
	uint64_t	 v;
	size_t		 i, n;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rlp_init(&r, bad[i].p, bad[i].n);
		ck_assert_int_eq(rlp_islist(&r), -1);
		ck_assert_int_eq(rlp_skip(&r), -1);
		ck_assert_int_eq(rlp_get_raw(&r, &p, &n), -1);
		ck_assert_int_eq(rlp_get_bytes(&r, &p, &n), -1);
		ck_assert_int_eq(rlp_get_list(&r, &in), -1);
		ck_assert_int_eq(rlp_get_uint(&r, &v, UINT64_MAX), -1);
		ck_assert_int_eq(rlp_get_fixed(&r, &b, 1), -1);
		ck_assert(r.p == (const uint8_t *)bad[i].p && r.len == bad[i].n);
	}
}
END_TEST

/* Every prefix, in a heap block of its exact size for the sanitizers. */
START_TEST(truncations)
{
	struct rlp	 r;
	struct rlpw	 w;
	uint8_t		 buf[1024], *cut;
	size_t		 i, len;
	int		 list;

	for (list = 0; list < 2; list++) {
		rlpw_init(&w, buf, sizeof(buf));
		if (list)
			rlpw_list(&w);
		rlpw_bytes(&w, buf + 512, 300);
		if (list)
			rlpw_end(&w);
		ck_assert_int_eq(rlpw_finish(&w, &len), 0);
		for (i = 0; i < len; i++) {
			cut = malloc(i == 0 ? 1 : i);
			ck_assert_ptr_nonnull(cut);
			memcpy(cut, buf, i);
			rlp_init(&r, cut, i);
			ck_assert_int_eq(rlp_skip(&r), -1);
			ck_assert_int_eq(rlp_islist(&r), -1);
			free(cut);
		}
		rlp_init(&r, buf, len);
		ck_assert_int_eq(rlp_skip(&r), 0);
	}
}
END_TEST

START_TEST(overflow)
{
	struct rlpw	 w;
	uint8_t		 buf[128], guard;
	size_t		 size, len, whole = 0;

	for (size = sizeof(buf); size > 0; size--) {
		memset(buf, 0xee, sizeof(buf));
		guard = size < sizeof(buf) ? buf[size] : 0;
		rlpw_init(&w, buf, size);
		rlpw_list(&w);
		rlpw_list(&w);
		rlpw_str(&w, lorem);
		rlpw_end(&w);
		rlpw_uint(&w, 1024);
		rlpw_end(&w);
		if (rlpw_finish(&w, &len) == 0)
			whole = len;
		else
			ck_assert_uint_lt(size, whole);
		if (size < sizeof(buf))
			ck_assert_uint_eq(buf[size], guard);
	}
	ck_assert_uint_eq(whole, 2 + 2 + 58 + 3);
	rlpw_init(&w, NULL, 0);
	rlpw_bytes(&w, NULL, 0);
	ck_assert_int_eq(rlpw_finish(&w, &len), -1);
}
END_TEST

START_TEST(depth)
{
	struct rlp	 r;
	struct rlpw	 w;
	uint8_t		 buf[64], *deep, *p;
	size_t		 i, j, k, len, levels = 20000;

	for (i = 0; i <= 9; i++) {
		rlpw_init(&w, buf, sizeof(buf));
		for (j = 0; j < i; j++)
			rlpw_list(&w);
		if (i > 0)
			ck_assert_int_eq(rlpw_finish(&w, &len), -1);
		for (j = 0; j < i; j++)
			rlpw_end(&w);
		ck_assert_int_eq(rlpw_finish(&w, &len), i <= 8 ? 0 : -1);
	}
	rlpw_init(&w, buf, sizeof(buf));
	rlpw_end(&w);
	ck_assert_int_eq(rlpw_finish(&w, &len), -1);

	/* lists in lists, built from the inside: the reader needs no stack */
	deep = malloc(levels * 4);
	ck_assert_ptr_nonnull(deep);
	p = deep + levels * 4;
	for (i = 0; i < levels; i++) {
		len = (size_t)(deep + levels * 4 - p);
		if (len <= 55) {
			*--p = (uint8_t)(0xc0 + len);
			continue;
		}
		for (k = 0, j = len; j > 0; j >>= 8, k++)
			*--p = (uint8_t)j;
		*--p = (uint8_t)(0xf7 + k);
	}
	rlp_init(&r, p, (size_t)(deep + levels * 4 - p));
	for (i = 0; i < levels; i++)
		ck_assert_int_eq(rlp_get_list(&r, &r), 0);
	ck_assert(rlp_atend(&r));
	free(deep);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("rlp");
	TCase		*tc = tcase_create("rlp");
	SRunner		*sr;
	int		 failed;

	tcase_add_test(tc, integers);
	tcase_add_test(tc, bad_integers);
	tcase_add_test(tc, strings);
	tcase_add_test(tc, short_list);
	tcase_add_test(tc, lists_of_lists);
	tcase_add_test(tc, long_list);
	tcase_add_test(tc, not_canonical);
	tcase_add_test(tc, truncations);
	tcase_add_test(tc, overflow);
	tcase_add_test(tc, depth);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
