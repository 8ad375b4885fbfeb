/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/reason.h"
#include "p2pd/dialer/plan.h"

#define HISTORY	35000
#define SLOTS	4

/* Candidates: on a clock of the test's own. */
static struct plan *p;
static uint64_t now;

static uint32_t
chance(uint32_t bound)
{
	return 0;
}

static const uint8_t *
id(unsigned int n)
{
	static uint8_t	 v[4][SECP_PUB];
	static int	 i;

	i = (i + 1) % 4;
	memset(v[i], 0, SECP_PUB);
	v[i][0] = (uint8_t)(n >> 8);
	v[i][1] = (uint8_t)n;
	return v[i];
}

static void
setup(void)
{
	struct plan_conf	 conf = { 1, SLOTS, HISTORY };

	now = 1000000;
	ck_assert_ptr_nonnull(p = plan_new(chance));
	plan_set(p, &conf);
	plan_goal(p, 100);
}

static void
teardown(void)
{
	plan_free(p);
}

static int
found(unsigned int n, int hint)
{
	struct plan_cand	 c;

	memset(&c, 0, sizeof(c));
	memcpy(c.id, id(n), SECP_PUB);
	strlcpy(c.host, "192.0.2.7", sizeof(c.host));
	c.tcp = 30303;
	c.hint = hint;
	return plan_candidate(p, &c, now);
}

/* The number of the node that is dialed next, 0 none. */
static unsigned int
next(void)
{
	struct plan_dial	 d;

	if (!plan_next(p, &d, now))
		return 0;
	return (unsigned int)d.id[0] << 8 | d.id[1];
}

static void
ends(unsigned int n, int accepted)
{
	struct plan_result	 r = { accepted, accepted ? REASON_NONE :
	    REASON_CONNECT_FAILED, DISC_NONE, accepted };

	plan_done(p, id(n), &r, now);
}

static struct plan_stats
stats(void)
{
	struct plan_stats	 st;

	plan_stats(p, &st);
	return st;
}

START_TEST(one)
{
	struct plan_dial	 d;

	ck_assert_int_eq(found(1, 0), 1);
	ck_assert_uint_eq(stats().waiting, 1);
	ck_assert_int_eq(plan_wait(p, now), 0);
	ck_assert_int_eq(plan_next(p, &d, now), 1);
	ck_assert_int_eq(memcmp(d.id, id(1), SECP_PUB), 0);
	ck_assert_str_eq(d.host, "192.0.2.7");
	ck_assert_uint_eq(d.tcp, 30303);
	ck_assert_int_eq(d.is_static, 0);
	ck_assert_uint_eq(stats().waiting, 0);
	ck_assert_uint_eq(stats().dialing, 1);
	ends(1, 0);
	/* once: it is not dialed again by itself */
	ck_assert_uint_eq(stats().dialing, 0);
	ck_assert_int_eq(plan_wait(p, now), -1);
	now += 100 * HISTORY;
	ck_assert_uint_eq(next(), 0);
}
END_TEST

START_TEST(who_is_none)
{
	plan_up(p, id(1), 0);
	ck_assert_int_eq(found(1, 1), 0);		/* a peer */
	plan_add(p, id(2), "192.0.2.1", 1, now);
	ck_assert_int_eq(found(2, 1), 0);		/* static */
	ck_assert_int_eq(found(3, 0), 1);
	ck_assert_int_eq(found(3, 1), 0);		/* waits already */
	ck_assert_uint_eq(next(), 2);
	ck_assert_uint_eq(next(), 3);
	ck_assert_int_eq(found(3, 1), 0);		/* being dialed */
	ends(3, 0);
	ck_assert_int_eq(found(3, 1), 0);		/* just was */
	now += HISTORY - 1;
	ck_assert_int_eq(found(3, 1), 0);
	now++;
	ck_assert_int_eq(found(3, 1), 1);
	ck_assert_uint_eq(stats().taken, 2);
	ck_assert_uint_eq(stats().refused, 6);
	plan_refused(p);
	ck_assert_uint_eq(stats().refused, 7);
}
END_TEST

START_TEST(order)
{
	found(1, 0);
	found(2, 0);
	found(3, 1);
	plan_add(p, id(4), "192.0.2.1", 1, now);
	ck_assert_uint_eq(next(), 4);	/* static, hints, what was found */
	ck_assert_uint_eq(next(), 3);
	ck_assert_uint_eq(next(), 1);
	ck_assert_uint_eq(next(), 2);
	ck_assert_uint_eq(next(), 0);
}
END_TEST

START_TEST(goal)
{
	unsigned int	 n;

	plan_goal(p, 0);
	for (n = 1; n <= 9; n++)
		ck_assert_int_eq(found(n, 0), 1);
	ck_assert_uint_eq(next(), 0);
	ck_assert_int_eq(plan_wait(p, now), -1);
	ck_assert_uint_eq(stats().want, 0);
	plan_goal(p, 1);		/* two dials for the one that is missing */
	ck_assert_uint_eq(next(), 1);
	ck_assert_uint_eq(next(), 2);
	ck_assert_uint_eq(next(), 0);
	ends(1, 1);
	ends(2, 0);
	ck_assert_uint_eq(next(), 0);
	/* inbound peers are not in it, static ones of our dialing are */
	plan_down(p, id(1), REASON_CLOSED, 1, now);
	plan_up(p, id(20), 0);
	ck_assert_uint_eq(next(), 3);
	plan_up(p, id(21), 1);
	ck_assert_uint_eq(next(), 0);
	plan_down(p, id(21), REASON_CLOSED, 1, now);
	ck_assert_uint_eq(next(), 4);
}
END_TEST

/* What is wanted of discovery is what no candidate is there for. */
START_TEST(want)
{
	unsigned int	 n;

	ck_assert_uint_eq(stats().want, SLOTS);
	found(1, 0);
	ck_assert_uint_eq(stats().want, SLOTS - 1);
	ck_assert_uint_eq(next(), 1);
	ck_assert_uint_eq(stats().want, SLOTS - 1);
	for (n = 2; n < 10; n++)
		found(n, 0);
	ck_assert_uint_eq(stats().want, 0);
	for (n = 2; n <= SLOTS; n++)
		ck_assert_uint_eq(next(), n);
	ck_assert_uint_eq(next(), 0);		/* all slots are taken */
	ck_assert_int_eq(plan_wait(p, now), -1);
	ck_assert_uint_eq(stats().want, 0);
	ck_assert_uint_eq(stats().waiting, 9 - SLOTS);
	plan_goal(p, 2);
	ends(1, 0);
	ck_assert_uint_eq(stats().want, 0);
}
END_TEST

START_TEST(bounded)
{
	unsigned int	 n;

	for (n = 1; n <= PLAN_CANDS_MAX; n++)
		ck_assert_int_eq(found(n, 0), 1);
	ck_assert_int_eq(found(n, 0), 0);
	/* hints have a room of their own */
	for (; n <= 2 * PLAN_CANDS_MAX; n++)
		ck_assert_int_eq(found(n, 1), 1);
	ck_assert_int_eq(found(n, 1), 0);
	/* and memory of what was dialed has its end too */
	for (n = 1; n < 3 * PLAN_PAST_MAX; n++) {
		found(1000 + n, 1);
		ends(next(), 0);
	}
	ck_assert_uint_eq(plan_dialing(p), 0);
}
END_TEST

START_TEST(becomes_static)
{
	struct plan_dial	 d;

	found(1, 0);
	plan_add(p, id(1), "192.0.2.9", 5, now);
	ck_assert_uint_eq(stats().waiting, 0);
	ck_assert_int_eq(plan_next(p, &d, now), 1);
	ck_assert_str_eq(d.host, "192.0.2.9");
	ck_assert_int_eq(d.is_static, 1);
	/* while it is dialed as a candidate: to the old address in vain */
	found(2, 0);
	ck_assert_uint_eq(next(), 2);
	ck_assert_int_eq(plan_add(p, id(2), "192.0.2.9", 5, now), 1);
	ends(2, 0);
	ck_assert_uint_eq(stats().dialing, 0);
	ck_assert_uint_eq(next(), 2);
	/* after it was: due at once, and not forgotten with the history */
	found(3, 0);
	ck_assert_uint_eq(next(), 3);
	ends(3, 0);
	plan_add(p, id(3), "192.0.2.9", 5, now);
	now += 2 * HISTORY;
	found(4, 0);
	ck_assert_uint_eq(next(), 3);
	plan_del(p, id(3));
	ends(3, 0);
	ck_assert_uint_eq(next(), 4);
}
END_TEST

START_TEST(comes_by_itself)
{
	found(1, 0);
	found(2, 0);
	plan_up(p, id(1), 0);
	ck_assert_uint_eq(stats().waiting, 1);
	ck_assert_uint_eq(next(), 2);
	plan_up(p, id(2), 0);
	ends(2, 0);
	plan_down(p, id(2), REASON_CLOSED, 1, now);
	plan_down(p, id(1), REASON_CLOSED, 1, now);
	ck_assert_int_eq(plan_wait(p, now), -1);
	/* a goal that is reached by the candidate itself */
	plan_goal(p, 1);
	found(3, 0);
	ck_assert_uint_eq(next(), 3);
	plan_up(p, id(3), 1);
	ends(3, 1);
	found(4, 0);
	ck_assert_uint_eq(next(), 0);
	plan_down(p, id(3), REASON_CLOSED, 1, now);
	ck_assert_uint_eq(next(), 4);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("candidates");
	TCase		*tc = tcase_create("candidates");
	SRunner		*sr;
	int		 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one);
	tcase_add_test(tc, who_is_none);
	tcase_add_test(tc, order);
	tcase_add_test(tc, goal);
	tcase_add_test(tc, want);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, becomes_static);
	tcase_add_test(tc, comes_by_itself);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
