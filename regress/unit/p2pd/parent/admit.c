/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/parent/admit.h"

/* An inbound stranger whom nothing bars, with room for more of his kind. */
static struct admit
stranger(void)
{
	struct admit	 a;

	memset(&a, 0, sizeof(a));
	a.inbound = 1;
	a.max_peers = 50;
	a.max_inbound = 34;
	return a;
}

static void	stopping(struct admit *a) { a->stopping = 1; }
static void	useless(struct admit *a) { a->useless = 1; }
static void	banned(struct admit *a) { a->banned = 1; }
static void	unlisted(struct admit *a) { a->allowlist = 1; }
static void	full(struct admit *a) { a->peers = a->max_peers; }
static void	full_in(struct admit *a) { a->inbound_peers = a->max_inbound; }
static void	connected(struct admit *a) { a->connected = 1; }
static void	cross(struct admit *a) { a->cross_dial = 1; }
static void	self(struct admit *a) { a->self = 1; }

/* What bars, in the order in which it is told; useless in the second only. */
static const struct bar {
	void		(*set)(struct admit *);
	enum reason	 reason;
} bars[] = {
	{ stopping, REASON_STOPPING },
	{ useless, REASON_USELESS },
	{ banned, REASON_BANNED_ID },
	{ unlisted, REASON_NOT_ALLOWED },
	{ full, REASON_TOO_MANY_PEERS },
	{ full_in, REASON_TOO_MANY_INBOUND },
	{ connected, REASON_ALREADY_CONNECTED },
	{ cross, REASON_CROSS_DIAL },
	{ self, REASON_SELF }
};

/* Every set of bars: the first of them is the reason. */
START_TEST(order)
{
	struct admit	 a;
	unsigned int	 set, i;
	enum reason	 one, two;

	for (set = 0; set < 1U << nitems_of(bars); set++) {
		a = stranger();
		one = two = REASON_NONE;
		for (i = nitems_of(bars); i-- > 0;) {
			if (!(set & 1U << i))
				continue;
			bars[i].set(&a);
			two = bars[i].reason;
			if (bars[i].set != useless)
				one = bars[i].reason;
		}
		ck_assert_msg(admit_check1(&a) == one, "set %#x: %s, not %s",
		    set, reason_name(admit_check1(&a)), reason_name(one));
		ck_assert_msg(admit_check2(&a) == two, "set %#x: %s, not %s",
		    set, reason_name(admit_check2(&a)), reason_name(two));
	}
}
END_TEST

/* Who passes which limit: the whole table. */
START_TEST(exemptions)
{
	static const struct {
		int		 inbound, trusted, is_static;
		enum reason	 at_max, at_max_in, off_list;
	} t[] = {
		{ 0, 0, 0, REASON_TOO_MANY_PEERS, REASON_NONE, REASON_NOT_ALLOWED },
		{ 0, 0, 1, REASON_NONE, REASON_NONE, REASON_NONE },
		{ 0, 1, 0, REASON_NONE, REASON_NONE, REASON_NONE },
		{ 0, 1, 1, REASON_NONE, REASON_NONE, REASON_NONE },
		{ 1, 0, 0, REASON_TOO_MANY_PEERS, REASON_TOO_MANY_INBOUND,
		    REASON_NOT_ALLOWED },
		{ 1, 0, 1, REASON_TOO_MANY_PEERS, REASON_TOO_MANY_INBOUND,
		    REASON_NONE },
		{ 1, 1, 0, REASON_NONE, REASON_NONE, REASON_NONE },
		{ 1, 1, 1, REASON_NONE, REASON_NONE, REASON_NONE }
	};
	struct admit	 a, b;
	size_t		 i;

	for (i = 0; i < nitems_of(t); i++) {
		a = stranger();
		a.inbound = t[i].inbound;
		a.trusted = t[i].trusted;
		a.is_static = t[i].is_static;
		ck_assert_int_eq(admit_check1(&a), REASON_NONE);
		b = a;
		full(&b);
		ck_assert_msg(admit_check1(&b) == t[i].at_max, "%zu", i);
		ck_assert_msg(admit_check2(&b) == t[i].at_max, "%zu", i);
		b = a;
		full_in(&b);
		ck_assert_msg(admit_check1(&b) == t[i].at_max_in, "%zu", i);
		ck_assert_msg(admit_check2(&b) == t[i].at_max_in, "%zu", i);
		b = a;
		unlisted(&b);
		ck_assert_msg(admit_check1(&b) == t[i].off_list, "%zu", i);
		b.allowed = 1;
		ck_assert_int_eq(admit_check1(&b), REASON_NONE);
		/* Nobody is exempt from these. */
		b = a;
		banned(&b);
		ck_assert_int_eq(admit_check1(&b), REASON_BANNED_ID);
		b = a;
		connected(&b);
		ck_assert_int_eq(admit_check1(&b), REASON_ALREADY_CONNECTED);
		b = a;
		self(&b);
		ck_assert_int_eq(admit_check1(&b), REASON_SELF);
	}
}
END_TEST

START_TEST(limits)
{
	struct admit	 a = stranger();

	a.peers = 49;
	a.inbound_peers = 33;
	ck_assert_int_eq(admit_check1(&a), REASON_NONE);
	a.inbound_peers = 34;
	ck_assert_int_eq(admit_check1(&a), REASON_TOO_MANY_INBOUND);
	a.inbound = 0;
	ck_assert_int_eq(admit_check1(&a), REASON_NONE);
	/* Trusted ones may have taken more than all slots. */
	a.peers = 60;
	ck_assert_int_eq(admit_check1(&a), REASON_TOO_MANY_PEERS);
	/* None but trusted and dialed static nodes. */
	a = stranger();
	a.max_peers = a.max_inbound = 0;
	ck_assert_int_eq(admit_check1(&a), REASON_TOO_MANY_PEERS);
	a.trusted = 1;
	ck_assert_int_eq(admit_check1(&a), REASON_NONE);
}
END_TEST

START_TEST(no_apps)
{
	struct admit	 a = stranger();

	a.useless = a.no_apps = 1;
	ck_assert_int_eq(admit_check1(&a), REASON_NONE);
	ck_assert_int_eq(admit_check2(&a), REASON_NO_APPS);
	ck_assert_int_eq(reason_disc(REASON_NO_APPS), DISC_USELESS);
	a.trusted = a.is_static = 1;
	ck_assert_int_eq(admit_check2(&a), REASON_NO_APPS);
	/* Nothing attached, but the peer shares what a Hello still listed. */
	a.useless = 0;
	ck_assert_int_eq(admit_check2(&a), REASON_NONE);
}
END_TEST

/* What it would share waits for its owner: it is to come again. */
START_TEST(awaited)
{
	struct admit	 a = stranger();

	a.awaited = 1;
	ck_assert_int_eq(admit_check1(&a), REASON_SESSION_BUSY);
	a.useless = a.no_apps = 1;
	ck_assert_int_eq(admit_check2(&a), REASON_SESSION_BUSY);
	ck_assert_int_eq(reason_disc(REASON_SESSION_BUSY), DISC_TOO_MANY);
	/* That holds whatever else is right or wrong with it, but a cause. */
	banned(&a);
	ck_assert_int_eq(admit_check1(&a), REASON_BANNED_ID);
	ck_assert_int_eq(admit_check2(&a), REASON_BANNED_ID);
}
END_TEST

START_TEST(inbound_share)
{
	static const struct {
		uint32_t	 max, ratio;
		int		 dial;
		uint32_t	 in;
	} t[] = {
		{ 50, 3, 1, 34 }, { 50, 3, 0, 50 }, { 50, 2, 1, 25 },
		{ 50, 1, 1, 0 }, { 50, 0, 1, 0 }, { 50, 100, 1, 49 },
		{ 1, 3, 1, 0 }, { 1, 3, 0, 1 }, { 0, 3, 1, 0 }, { 0, 0, 0, 0 },
		{ 2, 3, 1, 1 }, { UINT32_MAX, 1, 1, 0 },
		{ UINT32_MAX, UINT32_MAX, 1, UINT32_MAX - 1 }
	};
	size_t		 i;

	for (i = 0; i < nitems_of(t); i++)
		ck_assert_uint_eq(admit_max_inbound(t[i].max, t[i].ratio,
		    t[i].dial), t[i].in);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/admit");
	TCase	*tc = tcase_create("admit");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, order);
	tcase_add_test(tc, exemptions);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, no_apps);
	tcase_add_test(tc, awaited);
	tcase_add_test(tc, inbound_share);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
