/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>

#include "p2pd/parent/uidrate.h"

#define SECOND	1000000ULL

static struct uidrate	u;
static uint64_t		now;

static void
setup(void)
{
	now = 1000 * SECOND;
	uidrate_init(&u, 2, 5);
}

/* How many of n are let through. */
static unsigned int
take(uint32_t uid, unsigned int n)
{
	unsigned int	 got = 0;

	while (n-- > 0)
		got += uidrate_take(&u, uid, now) != 0;
	return got;
}

START_TEST(burst_and_rate)
{
	ck_assert_uint_eq(take(0, 100), 5);
	now += SECOND;
	ck_assert_uint_eq(take(0, 100), 2);
	now += 1000 * SECOND;
	ck_assert_uint_eq(take(0, 100), 5);
}
END_TEST

START_TEST(each_user_apart)
{
	ck_assert_uint_eq(take(0, 100), 5);
	ck_assert_uint_eq(take(1000, 100), 5);
	ck_assert_uint_eq(take(UINT32_MAX, 3), 3);
	ck_assert_uint_eq(take(0, 1), 0);
	ck_assert_uint_eq(take(UINT32_MAX, 100), 2);
}
END_TEST

/* Whoever comes when the table is full takes the place of the quietest. */
START_TEST(bounded)
{
	uint32_t	 uid;

	for (uid = 0; uid < UIDRATE_MAX; uid++, now++)
		ck_assert_uint_eq(take(uid, 9), 5);
	ck_assert_uint_eq(take(0, 1), 0);
	now++;
	ck_assert_uint_eq(take(UIDRATE_MAX, 9), 5);
	ck_assert_uint_eq(u.n, UIDRATE_MAX);
	/* 1 was forgotten, and no other. */
	for (uid = 2; uid <= UIDRATE_MAX; uid++)
		ck_assert_uint_eq(take(uid, 1), 0);
	ck_assert_uint_eq(take(0, 1), 0);
	ck_assert_uint_eq(take(1, 9), 5);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/uidrate");
	TCase	*tc = tcase_create("uidrate");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, burst_and_rate);
	tcase_add_test(tc, each_user_apart);
	tcase_add_test(tc, bounded);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
