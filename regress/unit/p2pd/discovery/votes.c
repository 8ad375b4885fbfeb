/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/votes.h"

static struct addr
at(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	struct addr	 r;

	memset(&r, 0, sizeof(r));
	r.af = 4;
	r.ip[0] = a;
	r.ip[1] = b;
	r.ip[2] = c;
	r.ip[3] = d;
	r.port = port;
	return r;
}

static void
say(struct votes *v, struct addr from, struct addr says, uint64_t now)
{
	votes_add(v, &from, &says, now);
}

/* Ten subnets must agree, and more than half of all; for five minutes. */
START_TEST(majority)
{
	struct votes	 v;
	struct addr	 us = at(9, 9, 9, 9, 30303), won;
	int		 i;

	memset(&v, 0, sizeof(v));
	for (i = 0; i < 9; i++)
		say(&v, at(20, 0, i, 1, 1), us, 1000);
	votes_winner(&v, VOTES_NEED4, 1000, &won);
	ck_assert_uint_eq(won.af, 0);
	/* A second voice of a subnet is none. */
	say(&v, at(20, 0, 8, 77, 1), us, 1000);
	votes_winner(&v, VOTES_NEED4, 1000, &won);
	ck_assert_uint_eq(won.af, 0);
	say(&v, at(20, 0, 9, 1, 1), us, 1000);
	votes_winner(&v, VOTES_NEED4, 1000, &won);
	ck_assert_int_eq(addr_cmp(&won, &us), 0);
	votes_winner(&v, VOTES_NEED4, 1000 + VOTES_MS, &won);
	ck_assert_uint_eq(won.af, 0);
	/* Liars in the same number. */
	for (i = 0; i < 10; i++)
		say(&v, at(30, 0, i, 1, 1), at(6, 6, 6, 6, 1), 1000);
	votes_winner(&v, VOTES_NEED4, 1000, &won);
	ck_assert_uint_eq(won.af, 0);
}
END_TEST

/* Of IPv6 five sites are enough, and one site has one voice. */
START_TEST(sites)
{
	struct votes	 v;
	struct addr	 from, us, won;
	int		 i;

	memset(&v, 0, sizeof(v));
	memset(&from, 0, sizeof(from));
	from.af = 6;
	from.ip[0] = 0x26;
	us = from;
	us.ip[15] = 1;
	us.port = 30303;
	for (i = 0; i < 10; i++) {
		from.ip[7] = i;
		say(&v, from, us, 1000);
	}
	for (i = 1; i < 4; i++) {
		from.ip[3] = i % 2;
		from.ip[5] = i;
		say(&v, from, us, 1000);
	}
	votes_winner(&v, VOTES_NEED6, 1000, &won);
	ck_assert_uint_eq(won.af, 0);
	from.ip[5] = i;
	say(&v, from, us, 1000);
	votes_winner(&v, VOTES_NEED6, 1000, &won);
	ck_assert_int_eq(addr_cmp(&won, &us), 0);
}
END_TEST

/* Who has a /32 has sites as many as he likes, and three voices. */
START_TEST(holders)
{
	struct votes	 v;
	struct addr	 from, us, other, won;
	int		 i;

	memset(&v, 0, sizeof(v));
	memset(&from, 0, sizeof(from));
	from.af = 6;
	from.ip[0] = 0x26;
	from.port = 30303;
	us = other = from;
	us.ip[15] = 1;
	other.ip[15] = 2;
	for (i = 0; i < 100; i++) {
		from.ip[5] = i;
		say(&v, from, other, 1000);
	}
	ck_assert_uint_eq(v.n, VOTES_WIDE);
	votes_winner(&v, VOTES_NEED6, 1000, &won);
	ck_assert_uint_eq(won.af, 0);
	/* His latest; and those of others are not his to replace. */
	for (i = 0; i < 5; i++) {
		from.ip[3] = 1 + i;
		say(&v, from, us, 900);
	}
	from.ip[3] = 0;
	for (i = 0; i < 100; i++) {
		from.ip[5] = i;
		say(&v, from, other, 2000);
	}
	ck_assert_uint_eq(v.n, VOTES_WIDE + 5);
	votes_winner(&v, VOTES_NEED6, 2000, &won);
	ck_assert_int_eq(addr_cmp(&won, &us), 0);
	/* On a LAN everybody has his own. */
	memset(&v, 0, sizeof(v));
	from.ip[0] = 0xfd;
	for (i = 0; i < 5; i++) {
		from.ip[15] = i;
		say(&v, from, us, 1000);
	}
	ck_assert_uint_eq(v.n, 5);
}
END_TEST

/* Behind a NAT that gives every peer another port, the address is known. */
START_TEST(ports)
{
	struct votes	 v;
	struct addr	 won;
	int		 i;

	memset(&v, 0, sizeof(v));
	for (i = 0; i < 12; i++)
		say(&v, at(20, 0, i, 1, 1), at(9, 9, 9, 9, 40000 + i), 1000);
	votes_winner(&v, VOTES_NEED4, 1000, &won);
	ck_assert_uint_eq(won.af, 4);
	ck_assert_uint_eq(won.port, 0);
	for (i = 0; i < 8; i++)
		say(&v, at(20, 0, i, 1, 1), at(9, 9, 9, 9, 30303), 1000);
	votes_winner(&v, VOTES_NEED4, 1000, &won);
	ck_assert_uint_eq(won.port, 30303);
}
END_TEST

/* Room is bounded, and the oldest voice makes room. */
START_TEST(bounded)
{
	struct votes	 v;
	struct addr	 us = at(9, 9, 9, 9, 30303), won;
	int		 i;

	memset(&v, 0, sizeof(v));
	for (i = 0; i < 1000; i++)
		say(&v, at(20, i / 250, i % 250, 1, 1), at(6, 6, 6, 6, 1), i);
	ck_assert_uint_eq(v.n, VOTES_MAX);
	for (i = 0; i < 40; i++)
		say(&v, at(40, 0, i, 1, 1), us, 2000);
	votes_winner(&v, VOTES_NEED4, 2000, &won);
	ck_assert_int_eq(addr_cmp(&won, &us), 0);
}
END_TEST

static int
clock_of(struct skew *s, int from, int64_t offset, uint64_t now, int64_t *median)
{
	struct addr	 a = at(20, 1, from, 1, 1);

	return skew_add(s, &a, offset, now, median);
}

START_TEST(clocks)
{
	struct skew	 s;
	int64_t		 median = 0;
	int		 i;

	memset(&s, 0, sizeof(s));
	for (i = 0; i < 7; i++)
		ck_assert_int_eq(clock_of(&s, i, -90 - i, 1, &median), 0);
	ck_assert_int_eq(clock_of(&s, 6, -96, 1, &median), 0);
	ck_assert_int_eq(clock_of(&s, 7, -97, 1, &median), 1);
	ck_assert(median <= -90 && median >= -97);
	/* Quiet then, for ten minutes. */
	for (i = 0; i < 30; i++)
		ck_assert_int_eq(clock_of(&s, i, -90, 2, &median), 0);
	ck_assert_int_eq(clock_of(&s, 1, -90, 1 + SKEW_QUIET, &median), 1);
	/* A few wrong ones among many say nothing. */
	memset(&s, 0, sizeof(s));
	for (i = 0; i < 12; i++)
		ck_assert_int_eq(clock_of(&s, i, i % 4 == 0 ? 3600 : 1, 1,
		    &median), 0);
	for (i = 0; i < 200; i++)
		ck_assert_int_eq(clock_of(&s, i, 2, 1, &median), 0);
	ck_assert_uint_eq(s.n, SKEW_MAX);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("votes");
	TCase	*tc = tcase_create("all");
	SRunner	*sr = srunner_create(s);
	int	 bad;

	tcase_add_test(tc, majority);
	tcase_add_test(tc, sites);
	tcase_add_test(tc, holders);
	tcase_add_test(tc, ports);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, clocks);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
