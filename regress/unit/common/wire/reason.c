/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <string.h>

#include "common/wire/reason.h"

START_TEST(every_reason)
{
	unsigned int	 r, listed = 0;

	for (r = 0; r < REASON_MAX; r++) {
		ck_assert_ptr_nonnull(reason_name(r));
		ck_assert_ptr_nonnull(reason_text(r));
		if (strcmp(reason_name(r), "unknown") == 0) {
			ck_assert_int_eq(reason_disc(r), DISC_NONE);
			continue;
		}
		/* a name is one word, and finds its number again */
		ck_assert_ptr_null(strpbrk(reason_name(r), " _/"));
		ck_assert_int_eq(reason_byname(reason_name(r)), (int)r);
		listed++;
	}
	ck_assert_uint_gt(listed, 40);
	ck_assert_int_eq(reason_byname("unknown"), -1);
	ck_assert_int_eq(reason_byname(""), -1);
}
END_TEST

/* Numbers and names are in p2pctl's JSON and in the app protocol. */
START_TEST(stable)
{
	ck_assert_str_eq(reason_name(0), "none");
	ck_assert_str_eq(reason_name(32), "too-many-peers");
	ck_assert_str_eq(reason_text(32), "max-peers reached");
	ck_assert_int_eq(reason_disc(REASON_TOO_MANY_PEERS), DISC_TOO_MANY);
	ck_assert_int_eq(reason_disc(REASON_NETRESTRICT), DISC_NONE);
	ck_assert_int_eq(reason_disc(REASON_BANNED_ID), DISC_REQUESTED);
	ck_assert_int_eq(reason_byname("memory"), 67);
}
END_TEST

START_TEST(numbers_of_others)
{
	static const unsigned int odd[] = { 6, REASON_MAX, 255, 256, 65536,
	    0x7fffffff, 0xffffffff };
	size_t		 i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		ck_assert_str_eq(reason_name(odd[i]), "unknown");
		ck_assert_str_eq(reason_text(odd[i]), "unknown");
		ck_assert_int_eq(reason_disc(odd[i]), DISC_NONE);
	}
	for (i = 0; i < 0x1000; i++)
		ck_assert_ptr_nonnull(disc_name((unsigned int)i));
	ck_assert_str_eq(disc_name(0x0c), "unknown");
	ck_assert_str_eq(disc_name(0xff), "unknown");
	ck_assert_str_eq(disc_name(0xffffffff), "unknown");
}
END_TEST

START_TEST(wire_names)
{
	static const struct {
		const char	*s;
		int		 d;
	} t[] = {
		{ "requested", 0x00 }, { "too-many-peers", 0x04 },
		{ "breach-of-protocol", 0x02 }, { "subprotocol-error", 0x10 },
		{ "4", 4 }, { "0x10", 0x10 }, { "254", 254 }, { "0", 0 },
		{ "255", -1 }, { "256", -1 }, { "-1", -1 }, { "+4", -1 },
		{ " 4", -1 }, { "4 ", -1 }, { "", -1 }, { "too-many", -1 },
		{ "too many peers", -1 }, { "too-many-peers-", -1 },
		{ "unknown", -1 }, { "99999999999999999999999", -1 },
	};
	size_t		 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		ck_assert_msg(disc_byname(t[i].s) == t[i].d, "%s", t[i].s);
	ck_assert_str_eq(disc_name(DISC_TOO_MANY), "too many peers");
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("reason");
	TCase		*tc = tcase_create("reason");
	SRunner		*sr;
	int		 failed;

	tcase_add_test(tc, every_reason);
	tcase_add_test(tc, stable);
	tcase_add_test(tc, numbers_of_others);
	tcase_add_test(tc, wire_names);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
