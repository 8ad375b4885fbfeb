/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"

START_TEST(hex)
{
	static const uint8_t	 raw[] = { 0x00, 0x7f, 0xaB, 0xff };
	char			 s[2 * sizeof(raw) + 1];
	uint8_t			 out[sizeof(raw)];

	ck_assert_str_eq(hex_encode(s, raw, sizeof(raw)), "007fabff");
	ck_assert_int_eq(hex_decode(out, 4, "007fABff"), 0);
	ck_assert_mem_eq(out, raw, 4);
	ck_assert_int_eq(hex_decode(out, 4, "0x007fabFF"), 0);
	ck_assert_mem_eq(out, raw, 4);
	ck_assert_int_eq(hex_decode(out, 4, "007fabf"), -1);
	ck_assert_int_eq(hex_decode(out, 4, "007fabff0"), -1);
	ck_assert_int_eq(hex_decode(out, 4, "007fabfg"), -1);
	ck_assert_int_eq(hex_decode(out, 4, "0x"), -1);
	ck_assert_int_eq(hex_decode(out, 4, ""), -1);
	ck_assert_int_eq(hex_decode(out, 0, ""), 0);
	ck_assert_str_eq(hex_encode(s, raw, 0), "");
}
END_TEST

START_TEST(escape)
{
	char	 s[16];

	ck_assert_str_eq(text_escape(s, sizeof(s), "Geth/v1", 7), "Geth/v1");
	ck_assert_str_eq(text_escape(s, sizeof(s), "a\nb\\\x7f", 5),
	    "a\\x0ab\\x5c\\x7f");
	ck_assert_str_eq(text_escape(s, sizeof(s), "\0\xff", 2), "\\x00\\xff");
	/* Cut, but never within an escape. */
	ck_assert_str_eq(text_escape(s, 6, "ab\n", 3), "ab");
	ck_assert_str_eq(text_escape(s, 7, "ab\n", 3), "ab\\x0a");
	ck_assert_str_eq(text_escape(s, 3, "abcdef", 6), "ab");
	ck_assert_str_eq(text_escape(s, 1, "abc", 3), "");
	s[0] = 'z';
	text_escape(s, 0, "abc", 3);
	ck_assert_int_eq(s[0], 'z');
}
END_TEST

START_TEST(buckets)
{
	struct bucket	 b;
	int		 i, n;

	bucket_init(&b, 10, 3, 1000);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(bucket_take(&b, 1, 1000), 1);
	ck_assert_int_eq(bucket_take(&b, 1, 1000), 0);
	ck_assert_int_eq(bucket_take(&b, 1, 1000 + 99999), 0);
	ck_assert_int_eq(bucket_take(&b, 1, 1000 + 100001), 1);
	/* Saves no more than its burst; a clock behind changes nothing. */
	ck_assert_int_eq(bucket_take(&b, 4, 3600000000), 0);
	ck_assert_int_eq(bucket_take(&b, 3, 3600000000), 1);
	ck_assert_int_eq(bucket_take(&b, 1, 1), 0);
	for (n = 0, i = 0; i < 1000; i++)
		n += bucket_take(&b, 1, 3600000000 + (uint64_t)i * 10000);
	ck_assert_int_ge(n, 98);
	ck_assert_int_le(n, 101);

	/* debts */
	bucket_init(&b, 1000, 500, 0);
	ck_assert_uint_eq(bucket_owe(&b, 500, 0), 0);
	ck_assert_uint_eq(bucket_owe(&b, 2000, 0), 2001);
	ck_assert_uint_eq(bucket_owe(&b, 0, 1500000), 501);
	ck_assert_int_eq(bucket_take(&b, 1, 1900000), 0);
	ck_assert_uint_eq(bucket_owe(&b, 0, 2000000), 0);
	ck_assert_uint_eq(bucket_owe(&b, 500, 9000000), 0);
	ck_assert_uint_eq(bucket_owe(&b, 1, 9000000), 2);
}
END_TEST

START_TEST(clocks)
{
	uint64_t	 ms = mono_ms(), us = mono_us();

	ck_assert_uint_gt(us, 0);
	ck_assert_uint_ge(us / 1000, ms);
	ck_assert_uint_ge(mono_us(), us);
}
END_TEST

START_TEST(synced)
{
	char	 dir[] = "/tmp/base_util.XXXXXX", path[64];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	ck_assert_int_eq(sync_dir_of(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
	errno = 0;
	ck_assert_int_eq(sync_dir_of(path), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(sync_dir_of("/file"), 0);
	ck_assert_int_eq(sync_dir_of("file"), 0);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("base/util");
	TCase	*tc = tcase_create("util");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, hex);
	tcase_add_test(tc, escape);
	tcase_add_test(tc, buckets);
	tcase_add_test(tc, clocks);
	tcase_add_test(tc, synced);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
