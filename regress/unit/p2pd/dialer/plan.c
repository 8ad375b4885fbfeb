/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/reason.h"
#include "p2pd/dialer/plan.h"

#define HISTORY	35000
#define SPREAD	2000	/* at most, of what chance adds */

/* All on a clock of the test's own; chance gives what it is told. */
static struct plan *p;
static uint64_t now;
static int random_chance;

static uint32_t
chance(uint32_t bound)
{
	return random_chance ? arc4random_uniform(bound) : 0;
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

static unsigned int
number(const uint8_t v[SECP_PUB])
{
	return (unsigned int)v[0] << 8 | v[1];
}

static void
set(int on, uint32_t slots)
{
	struct plan_conf	 conf = { on, slots, HISTORY };

	plan_set(p, &conf);
}

static void
setup(void)
{
	random_chance = 0;
	now = 1000000;
	ck_assert_ptr_nonnull(p = plan_new(chance));
	set(1, 4);
}

static void
teardown(void)
{
	plan_free(p);
}

static int
add(unsigned int n)
{
	return plan_add(p, id(n), "192.0.2.1", 30303, now);
}

/* The number of the node that is dialed next, 0 none. */
static unsigned int
next(void)
{
	struct plan_dial	 d;

	return plan_next(p, &d, now) ? number(d.id) : 0;
}

static void
fails(unsigned int n, unsigned int reason, unsigned int disc)
{
	struct plan_result	 r = { 0, reason, disc, 0 };

	plan_done(p, id(n), &r, now);
}

static void
succeed(unsigned int n)
{
	struct plan_result	 r = { 1, REASON_NONE, DISC_NONE, 1 };

	plan_done(p, id(n), &r, now);
}

/* Goes to where the plan has its next, and says how long that was. */
static int64_t
advance(void)
{
	int64_t	 wait = plan_wait(p, now);

	if (wait > 0)
		now += (uint64_t)wait;
	return wait;
}

START_TEST(empty)
{
	ck_assert_uint_eq(next(), 0);
	ck_assert_int_eq(plan_wait(p, now), -1);
	fails(1, REASON_CONNECT_FAILED, DISC_NONE);	/* of no one */
	plan_down(p, id(1), REASON_CLOSED, 0, now);
	ck_assert_int_eq(plan_del(p, id(1)), 0);
}
END_TEST

START_TEST(static_node)
{
	struct plan_dial	 d;

	ck_assert_int_eq(plan_add(p, id(1), "node.example", 4, now), 0);
	ck_assert_int_eq(plan_wait(p, now), 0);
	ck_assert_int_eq(plan_next(p, &d, now), 1);
	ck_assert_mem_eq(d.id, id(1), SECP_PUB);
	ck_assert_str_eq(d.host, "node.example");
	ck_assert_uint_eq(d.tcp, 4);
	ck_assert_uint_eq(plan_dialing(p), 1);
	/* once */
	ck_assert_uint_eq(next(), 0);
	succeed(1);
	ck_assert_uint_eq(plan_dialing(p), 0);
	now += 10 * HISTORY;
	ck_assert_uint_eq(next(), 0);
	ck_assert_int_eq(plan_wait(p, now), -1);
}
END_TEST

START_TEST(off)
{
	set(0, 4);
	add(1);
	ck_assert_uint_eq(next(), 0);
	ck_assert_int_eq(plan_wait(p, now), -1);
	set(1, 4);
	ck_assert_uint_eq(next(), 1);
}
END_TEST

START_TEST(limits)
{
	unsigned int	 i, n;

	for (i = 1; i <= 10; i++)
		add(i);
	for (i = 0; i < 4; i++)
		ck_assert_uint_ne(n = next(), 0);
	ck_assert_uint_eq(plan_dialing(p), 4);
	ck_assert_uint_eq(next(), 0);
	ck_assert_int_eq(plan_wait(p, now), -1);
	fails(n, REASON_CONNECT_FAILED, DISC_NONE);
	ck_assert_int_eq(plan_wait(p, now), 0);
	ck_assert_uint_ne(next(), 0);
	ck_assert_uint_eq(next(), 0);
	/* fewer slots than are in use, then more */
	set(1, 2);
	ck_assert_uint_eq(next(), 0);
	set(1, 6);
	ck_assert_uint_ne(next(), 0);
	ck_assert_uint_ne(next(), 0);
	ck_assert_uint_eq(next(), 0);
}
END_TEST

START_TEST(remove_static)
{
	add(1);
	add(2);
	ck_assert_int_eq(plan_del(p, id(1)), 0);
	ck_assert_uint_eq(next(), 2);
	/* while under way: the caller ends it, and there is no second */
	ck_assert_int_eq(plan_del(p, id(2)), 1);
	fails(2, REASON_OPERATOR, DISC_NONE);
	ck_assert_uint_eq(plan_dialing(p), 0);
	now += 10 * PLAN_BACKOFF_MAX;
	ck_assert_uint_eq(next(), 0);
	/* while a peer: nothing comes when it is gone */
	add(3);
	ck_assert_uint_eq(next(), 3);
	succeed(3);
	ck_assert_int_eq(plan_del(p, id(3)), 0);
	plan_down(p, id(3), REASON_CLOSED, 1000, now);
	now += 10 * PLAN_BACKOFF_MAX;
	ck_assert_uint_eq(next(), 0);
}
END_TEST

/* Which of those that are due goes first is chance. */
START_TEST(many_static_nodes)
{
	unsigned int	 first[64] = { 0 }, i, round, different = 0;

	random_chance = 1;
	for (round = 0; round < 200; round++) {
		for (i = 1; i < 64; i++)
			add(i);
		first[i = next()]++;
		ck_assert_uint_ne(i, 0);
		fails(i, REASON_CONNECT_FAILED, DISC_NONE);
		for (i = 1; i < 64; i++)
			plan_del(p, id(i));
	}
	for (i = 1; i < 64; i++)
		different += first[i] > 0;
	ck_assert_uint_gt(different, 20);
}
END_TEST

/* All of them get their turn, none twice before another's first. */
START_TEST(fairness)
{
	unsigned int	 i, n, seen[101] = { 0 };

	random_chance = 1;
	for (i = 1; i <= 100; i++)
		add(i);
	for (i = 0; i < 100; i++) {
		ck_assert_uint_ne(n = next(), 0);
		ck_assert_uint_eq(seen[n]++, 0);
		now += 1000;
		fails(n, REASON_CONNECT_FAILED, DISC_NONE);
	}
}
END_TEST

START_TEST(history)
{
	uint64_t	 begun = now;

	random_chance = 1;
	add(1);
	ck_assert_uint_eq(next(), 1);
	now += 10;
	fails(1, REASON_CONNECT_FAILED, DISC_NONE);
	ck_assert_uint_eq(next(), 0);
	advance();
	ck_assert_uint_ge(now, begun + HISTORY);
	ck_assert_uint_le(now, begun + HISTORY + SPREAD);
	now--;
	ck_assert_uint_eq(next(), 0);
	now++;
	ck_assert_uint_eq(next(), 1);
}
END_TEST

/* It comes back from the dead; nothing is dialed within the history. */
START_TEST(history_of_a_short_peer)
{
	uint64_t	 begun = now;

	add(1);
	ck_assert_uint_eq(next(), 1);
	succeed(1);
	now += 100;
	plan_down(p, id(1), REASON_REMOTE, 100, now);
	ck_assert_uint_eq(next(), 0);
	advance();
	ck_assert_uint_ge(now, begun + HISTORY);
	ck_assert_uint_eq(next(), 1);
}
END_TEST

START_TEST(operator_clears_history)
{
	add(1);
	ck_assert_uint_eq(next(), 1);
	fails(1, REASON_CONNECT_FAILED, DISC_NONE);
	ck_assert_uint_eq(next(), 0);
	add(1);
	ck_assert_uint_eq(next(), 1);
	fails(1, REASON_CONNECT_FAILED, DISC_NONE);
	plan_del(p, id(1));
	add(1);
	ck_assert_uint_eq(next(), 1);
}
END_TEST

START_TEST(backoff_grows_to_its_end)
{
	int64_t		 wait, last = 0;
	unsigned int	 i;

	add(1);
	for (i = 0; i < 12; i++) {
		ck_assert_uint_eq(next(), 1);
		fails(1, REASON_CONNECT_FAILED, DISC_NONE);
		wait = advance();
		ck_assert_int_ge(wait, HISTORY);
		ck_assert_int_ge(wait, last);
		ck_assert_int_le(wait, PLAN_BACKOFF_MAX);
		last = wait;
	}
	ck_assert_int_eq(last, PLAN_BACKOFF_MAX);
}
END_TEST

START_TEST(backoff_is_spread)
{
	int64_t		 wait, min = INT64_MAX, max = 0;
	unsigned int	 i;

	random_chance = 1;
	for (i = 0; i < 200; i++) {
		add(1);
		ck_assert_uint_eq(next(), 1);
		fails(1, REASON_REMOTE, DISC_USELESS);
		wait = advance();
		min = wait < min ? wait : min;
		max = wait > max ? wait : max;
	}
	ck_assert_int_gt(max - min, 20000);
	ck_assert_int_ge(min, HISTORY);
	ck_assert_int_le(max, PLAN_BACKOFF_MAX);
}
END_TEST

/* A dial that took long is followed by a breath all the same. */
START_TEST(long_dial)
{
	add(1);
	ck_assert_uint_eq(next(), 1);
	now += 2 * HISTORY;
	fails(1, REASON_SETUP_TIMEOUT, DISC_NONE);
	ck_assert_uint_eq(next(), 0);
	ck_assert_int_gt(advance(), 0);
	ck_assert_uint_eq(next(), 1);
}
END_TEST

static int64_t
wait_after(unsigned int reason, unsigned int disc)
{
	int64_t	 wait;

	add(1);
	ck_assert_uint_eq(next(), 1);
	fails(1, reason, disc);
	wait = plan_wait(p, now);
	plan_del(p, id(1));
	return wait;
}

START_TEST(reasons)
{
	int64_t	 usual = wait_after(REASON_CONNECT_FAILED, DISC_NONE);

	ck_assert_int_eq(wait_after(REASON_HANDSHAKE_EOF, DISC_NONE), usual);
	ck_assert_int_gt(wait_after(REASON_REMOTE, DISC_TOO_MANY), 2 * usual);
	ck_assert_int_gt(wait_after(REASON_REMOTE, DISC_USELESS), 2 * usual);
	ck_assert_int_gt(wait_after(REASON_USELESS, DISC_NONE), 2 * usual);
	ck_assert_int_gt(wait_after(REASON_SELF, DISC_NONE), 2 * usual);
	ck_assert_int_eq(wait_after(REASON_REMOTE, DISC_ALREADY), usual);
	ck_assert_int_eq(wait_after(REASON_CROSS_DIAL, DISC_NONE), usual);
	ck_assert_int_eq(wait_after(REASON_NO_APPS, DISC_NONE), usual);
}
END_TEST

/* What is our own fault is not held against the node, however often. */
START_TEST(own_faults)
{
	static const unsigned int	 own[] = { REASON_NO_APPS,
	    REASON_SESSION_BUSY };
	int64_t				 usual;
	size_t				 i, j;

	usual = wait_after(REASON_CONNECT_FAILED, DISC_NONE);
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		add(1);
		for (j = 0; j < 5; j++) {
			ck_assert_uint_eq(next(), 1);
			fails(1, own[i], DISC_NONE);
			ck_assert_int_eq(advance(), usual);
		}
		plan_del(p, id(1));
	}
}
END_TEST

START_TEST(a_good_life_is_remembered)
{
	unsigned int	 i;
	int64_t		 usual = wait_after(REASON_CONNECT_FAILED, DISC_NONE);

	add(1);
	for (i = 0; i < 5; i++) {
		ck_assert_uint_eq(next(), 1);
		fails(1, REASON_CONNECT_FAILED, DISC_NONE);
		advance();
	}
	ck_assert_uint_eq(next(), 1);
	succeed(1);
	now += PLAN_GOOD_MS;
	plan_down(p, id(1), REASON_CLOSED, PLAN_GOOD_MS, now);
	/* the dial is long ago: soon again */
	ck_assert_int_le(advance(), 5000);
	ck_assert_uint_eq(next(), 1);
	fails(1, REASON_CONNECT_FAILED, DISC_NONE);
	ck_assert_int_eq(plan_wait(p, now), usual);
}
END_TEST

/* It dialed us: that is as good, and we do not dial it. */
START_TEST(inbound_peer)
{
	ck_assert_int_eq(plan_up(p, id(1), 0), 0);
	add(1);
	ck_assert_uint_eq(next(), 0);
	ck_assert_int_eq(plan_wait(p, now), -1);
	plan_down(p, id(1), REASON_CLOSED, 2 * PLAN_GOOD_MS, now);
	ck_assert_int_le(advance(), 5000);
	ck_assert_uint_eq(next(), 1);
	/* while being dialed: the failure of that dial starts nothing */
	plan_up(p, id(1), 0);
	fails(1, REASON_ALREADY_CONNECTED, DISC_NONE);
	now += 10 * PLAN_BACKOFF_MAX;
	ck_assert_uint_eq(next(), 0);
	/* and a peer that is not static is forgotten */
	plan_up(p, id(2), 0);
	plan_down(p, id(2), REASON_CLOSED, 1, now);
	ck_assert_int_eq(plan_wait(p, now), -1);
}
END_TEST

START_TEST(gone_while_dialing)
{
	add(1);
	ck_assert_uint_eq(next(), 1);
	plan_up(p, id(1), 0);
	plan_down(p, id(1), REASON_CLOSED, 10, now);
	ck_assert_int_eq(plan_wait(p, now), -1);
	fails(1, REASON_ALREADY_CONNECTED, DISC_NONE);
	ck_assert_int_gt(advance(), 0);
	ck_assert_uint_eq(next(), 1);
}
END_TEST

START_TEST(readd_with_new_address)
{
	struct plan_dial	 d;

	add(1);
	ck_assert_uint_eq(next(), 1);
	/* same address: it is under way already */
	ck_assert_int_eq(add(1), 0);
	ck_assert_int_eq(plan_add(p, id(1), "192.0.2.2", 30303, now), 1);
	fails(1, REASON_OPERATOR, DISC_NONE);
	ck_assert_int_eq(plan_next(p, &d, now), 1);
	ck_assert_str_eq(d.host, "192.0.2.2");
	/* another port is another address; history does not hold it up */
	fails(1, REASON_CONNECT_FAILED, DISC_NONE);
	ck_assert_int_eq(plan_add(p, id(1), "192.0.2.2", 30304, now), 0);
	ck_assert_int_eq(plan_next(p, &d, now), 1);
	ck_assert_uint_eq(d.tcp, 30304);
	/* the old dial came through: the new address is for next time */
	ck_assert_int_eq(plan_add(p, id(1), "192.0.2.3", 1, now), 1);
	succeed(1);
	ck_assert_int_eq(plan_wait(p, now), -1);
	plan_down(p, id(1), REASON_CLOSED, 2 * PLAN_GOOD_MS, now);
	now += HISTORY + SPREAD;
	ck_assert_int_eq(plan_next(p, &d, now), 1);
	ck_assert_str_eq(d.host, "192.0.2.3");
}
END_TEST

/* The dial says that nothing is attached, which is no longer so. */
START_TEST(attached_while_dialing)
{
	add(1);
	ck_assert_uint_eq(next(), 1);
	ck_assert_int_eq(add(1), 0);
	fails(1, REASON_NO_APPS, DISC_NONE);
	ck_assert_uint_eq(next(), 1);
	ck_assert_int_eq(add(1), 0);
	fails(1, REASON_REMOTE, DISC_USELESS);
	ck_assert_uint_eq(next(), 1);
	/* nobody asked anew during this one */
	fails(1, REASON_NO_APPS, DISC_NONE);
	ck_assert_uint_eq(next(), 0);
	/* what fails for another cause waits, whoever asked */
	ck_assert_int_gt(advance(), 0);
	ck_assert_uint_eq(next(), 1);
	ck_assert_int_eq(add(1), 0);
	fails(1, REASON_CONNECT_FAILED, DISC_NONE);
	ck_assert_uint_eq(next(), 0);
}
END_TEST

/* Removed and added again while its dial is still being ended. */
START_TEST(remove_and_add_while_dialing)
{
	add(1);
	ck_assert_uint_eq(next(), 1);
	ck_assert_int_eq(plan_del(p, id(1)), 1);
	ck_assert_int_eq(add(1), 0);
	ck_assert_uint_eq(next(), 0);
	fails(1, REASON_OPERATOR, DISC_NONE);
	ck_assert_int_gt(advance(), 0);
	ck_assert_uint_eq(next(), 1);
}
END_TEST

/* An address that answers but is not the node makes way for the next. */
START_TEST(turns)
{
	struct plan_result	 r = { 0, REASON_HANDSHAKE_BAD, DISC_NONE, 1 };
	struct plan_dial	 d;

	add(1);
	ck_assert_int_eq(plan_next(p, &d, now), 1);
	ck_assert_uint_eq(d.turn, 0);
	fails(1, REASON_CONNECT_FAILED, DISC_NONE);
	advance();
	ck_assert_int_eq(plan_next(p, &d, now), 1);
	ck_assert_uint_eq(d.turn, 0);
	plan_done(p, id(1), &r, now);
	advance();
	ck_assert_int_eq(plan_next(p, &d, now), 1);
	ck_assert_uint_eq(d.turn, 1);
}
END_TEST

/* Whatever happens, no node is dialed twice at once or within its history. */
START_TEST(stands)
{
	struct plan_result	 r = { 0, REASON_CONNECT_FAILED, DISC_NONE, 0 };
	struct plan_cand	 cand;
	struct plan_dial	 d;
	uint64_t		 ms;

	ck_assert_int_eq(plan_stand(p, id(1), now, &ms), PLAN_UNKNOWN);
	ck_assert_int_eq(plan_add(p, id(1), "192.0.2.1", 1, now), 0);
	ck_assert_int_eq(plan_stand(p, id(1), now, &ms), PLAN_DUE);
	ck_assert_uint_eq(ms, 0);
	ck_assert(plan_next(p, &d, now));
	ck_assert_int_eq(plan_stand(p, id(1), now, &ms), PLAN_DIALS);
	plan_done(p, id(1), &r, now);
	ck_assert_int_eq(plan_stand(p, id(1), now, &ms), PLAN_DUE);
	ck_assert_uint_ge(ms, HISTORY);
	plan_up(p, id(1), 1);
	ck_assert_int_eq(plan_stand(p, id(1), now, &ms), PLAN_PEER);
	/* A candidate. */
	plan_goal(p, 4);
	memset(&cand, 0, sizeof(cand));
	memcpy(cand.id, id(2), SECP_PUB);
	strlcpy(cand.host, "192.0.2.2", sizeof(cand.host));
	cand.tcp = 2;
	ck_assert_int_eq(plan_candidate(p, &cand, now), 1);
	ck_assert_int_eq(plan_stand(p, id(2), now, &ms), PLAN_WAITS);
	ck_assert(plan_next(p, &d, now));
	plan_done(p, id(2), &r, now);
	ck_assert_int_eq(plan_stand(p, id(2), now + 5000, &ms), PLAN_DIALED);
	ck_assert_uint_eq(ms, HISTORY - 5000);
	ck_assert_int_eq(plan_stand(p, id(2), now + HISTORY, &ms), PLAN_UNKNOWN);
}
END_TEST

START_TEST(random_life)
{
	static uint64_t	 dialed[32];
	static int	 dialing[32], up[32];
	struct plan_dial d;
	unsigned int	 i, n, running;
	int		 step;

	random_chance = 1;
	for (i = 1; i < 32; i++)
		add(i);
	for (step = 0; step < 20000; step++) {
		now += arc4random_uniform(2000);
		n = 1 + arc4random_uniform(31);
		if (dialing[n] && arc4random_uniform(2)) {
			fails(n, arc4random_uniform(REASON_MAX), DISC_NONE);
			dialing[n] = 0;
		} else if (dialing[n]) {
			succeed(n);
			dialing[n] = 0;
			up[n] = 1;
		} else if (up[n]) {
			plan_down(p, id(n), arc4random_uniform(REASON_MAX),
			    arc4random_uniform(200000), now);
			up[n] = 0;
		}
		while (plan_next(p, &d, now)) {
			n = number(d.id);
			ck_assert(!dialing[n] && !up[n]);
			ck_assert(dialed[n] == 0 || now - dialed[n] >= HISTORY);
			dialed[n] = now;
			dialing[n] = 1;
		}
		for (running = 0, i = 1; i < 32; i++)
			running += dialing[i] != 0;
		ck_assert_uint_eq(running, plan_dialing(p));
		ck_assert_uint_le(running, 4);
	}
	for (i = 1; i < 32; i++)
		ck_assert_uint_ne(dialed[i], 0);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("plan");
	TCase		*tc = tcase_create("plan");
	SRunner		*sr;
	int		 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, empty);
	tcase_add_test(tc, static_node);
	tcase_add_test(tc, off);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, remove_static);
	tcase_add_test(tc, many_static_nodes);
	tcase_add_test(tc, fairness);
	tcase_add_test(tc, history);
	tcase_add_test(tc, history_of_a_short_peer);
	tcase_add_test(tc, operator_clears_history);
	tcase_add_test(tc, backoff_grows_to_its_end);
	tcase_add_test(tc, backoff_is_spread);
	tcase_add_test(tc, long_dial);
	tcase_add_test(tc, reasons);
	tcase_add_test(tc, own_faults);
	tcase_add_test(tc, a_good_life_is_remembered);
	tcase_add_test(tc, inbound_peer);
	tcase_add_test(tc, gone_while_dialing);
	tcase_add_test(tc, readd_with_new_address);
	tcase_add_test(tc, attached_while_dialing);
	tcase_add_test(tc, remove_and_add_while_dialing);
	tcase_add_test(tc, turns);
	tcase_add_test(tc, stands);
	tcase_add_test(tc, random_life);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
