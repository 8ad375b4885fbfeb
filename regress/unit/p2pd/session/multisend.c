/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/multisend.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/send.h"
#include "sendfix.h"

/* From an application to many peers: who gets what, and who is told. */
START_TEST(selections)
{
	static const uint32_t	 three[] = { 11, 13, 15, 0 };
	static const uint32_t	 odd[] = { 11, 99, 11, 0xffffffff, 13, 13, 0 };

	open_peers(N);
	many(APL_LIST, 0, three, 0, 3, "abc", 3);
	expect_many(500, 3, 0, 0);
	ck_assert_uint_eq(who_got(0x13, "abc", 3), 0x2a);
	/* twice is once; who is not there is gone */
	many(APL_LIST, 0, odd, 0, 1, "", 0);
	expect_many(500, 2, 0, 2);
	ck_assert_uint_eq(who_got(0x11, "", 0), 0x0a);
	many(APL_LIST, 0, NULL, 0, 1, "x", 1);
	expect_many(500, 0, 0, 0);
	many(APL_ALL, 0, three, 0, 0, big, 5000);
	expect_many(500, 6, 0, 0);
	ck_assert_uint_eq(who_got(0x10, big, 5000), 0x3f);
	many(APL_BUT, 0, three, 0, 2, "but", 3);
	expect_many(500, 3, 0, 0);
	ck_assert_uint_eq(who_got(0x12, "but", 3), 0x15);
	many(APL_BUT, 0, odd, 0, 2, "but", 3);
	expect_many(500, 4, 0, 0);
	ck_assert_uint_eq(who_got(0x12, "but", 3), 0x35);
	many(APL_RANDOM, 0, three, 0, 2, "none", 4);
	expect_many(500, 0, 0, 0);
	many(APL_RANDOM, 99, three, 0, 2, "rest", 4);
	expect_many(500, 3, 0, 0);
	ck_assert_uint_eq(who_got(0x12, "rest", 4), 0x15);
	ck_assert_uint_eq(budget_used(), 0);
}
END_TEST

/* Every pair of the five left is as likely as any other. */
START_TEST(randomness)
{
	enum { ROUNDS = 1000, PAIRS = 10 };
	static const uint32_t	 one[] = { 12, 0 };
	unsigned int		 i, mask, seen[1 << N], pairs = 0;

	memset(seen, 0, sizeof(seen));
	open_peers(N);
	for (i = 0; i < ROUNDS; i++) {
		many(APL_RANDOM, 2, one, 0, 0, &i, sizeof(i));
		expect_many(500, 2, 0, 0);
		mask = who_got(0x10, &i, sizeof(i));
		ck_assert_int_eq(__builtin_popcount(mask), 2);
		ck_assert_uint_eq(mask & 1U << 2, 0);
		seen[mask]++;
	}
	for (i = 0; i < 1 << N; i++) {
		if (seen[i] == 0)
			continue;
		pairs++;
		/* 100 each; seven standard deviations */
		ck_assert_uint_gt(seen[i], ROUNDS / PAIRS - 67);
		ck_assert_uint_lt(seen[i], ROUNDS / PAIRS + 67);
	}
	ck_assert_uint_eq(pairs, PAIRS);
}
END_TEST

/* Two versions and peers without compression, in one sending. */
START_TEST(versions)
{
	static const uint32_t	 all[] = { 10, 11, 12, 13, 0 };
	struct appcap		*ac;
	struct app		*a = app_of(1);

	ac = TAILQ_FIRST(&a->caps);
	ac->nvers = 2;
	ac->vers[1].version = 2;
	ac->vers[1].codes = 5;
	open_peer(0, shared, 1, 1);
	open_peer(1, shared + 2, 1, 1);
	open_peer(2, shared, 1, 0);
	open_peer(3, shared + 2, 1, 0);
	while (ta.head.peer != 13)
		tapp_expect(&ta, AF_PEER_UP);
	many(APL_ALL, 0, NULL, 0, 1, big, 3000);
	expect_many(500, 4, 0, 0);
	ck_assert_uint_eq(who_got(0x11, big, 3000), 0x0f);
	many(APL_ALL, 0, NULL, 2, 1, "two", 3);
	expect_many(500, 2, 0, 0);
	ck_assert_uint_eq(who_got(0x11, "two", 3), 0x0a);
	many(APL_LIST, 0, all, 1, 1, "one", 3);
	expect_many(500, 2, 0, 2);
	ck_assert_uint_eq(who_got(0x11, "one", 3), 0x05);
	/* a code that only one version has goes to nobody else */
	many(APL_LIST, 0, all, 0, 4, "code", 4);
	expect_many(500, 2, 0, 2);
	ck_assert_uint_eq(who_got(0x14, "code", 4), 0x0a);
	many(APL_RANDOM, 9, NULL, 0, 4, "code", 4);
	expect_many(500, 2, 0, 0);
	ck_assert_uint_eq(who_got(0x14, "code", 4), 0x0a);
	many(APL_ALL, 0, NULL, 1, 4, "code", 4);
	expect_error(&ta, 500, APE_INVALID);
	many(APL_ALL, 0, NULL, 3, 0, "code", 4);
	expect_error(&ta, 500, APE_INVALID);
}
END_TEST

START_TEST(many_errors)
{
	struct app_multisend	 m;
	struct app_head		 h = { 0, AF_MULTISEND, AFL_COMPLETE, 7, 0 };
	uint8_t			 body[64], list[8] = { 0 };
	size_t			 i, n;

	open_peers(1);
	memset(&m, 0, sizeof(m));
	m.capid = 100;
	m.count = 2;
	m.handles = list;
	n = app_multisend_encode(body, sizeof(body), &m);
	for (i = 0; i < n; i++) {
		h.len = (uint32_t)i;
		tapp_send(&ta, &h, body);
		expect_error(&ta, 7, APE_MALFORMED);
	}
	m.count = 0;
	m.select = APL_RANDOM + 1;
	many_raw(&m, 0, 8, "", 0);
	expect_error(&ta, 8, APE_INVALID);
	m.select = APL_ALL;
	m.code = 4;
	many_raw(&m, 0, 9, "", 0);
	expect_error(&ta, 9, APE_INVALID);
	m.code = 0;
	m.capid = 101;
	many_raw(&m, 0, 10, "", 0);
	expect_error(&ta, 10, APE_NOTFOUND);
	/* without completion nothing is said of what goes well */
	m.capid = 100;
	many_raw(&m, 0, 11, "x", 1);
	many_raw(&m, AFL_COMPLETE, 12, "y", 1);
	expect_many(12, 1, 0, 0);
	ck_assert_int_eq(next_data(&tp[0]), 1);
	ck_assert_mem_eq(tp[0].data, "x", 1);
}
END_TEST

/* Many small frames that concern many peers do not take all of the time. */
START_TEST(many_in_turns)
{
	enum { FRAMES = 3000 };
	struct app_head		 h = { APP_MULTI_HEAD, AF_MULTISEND, 0, 1, 0 };
	struct app_multisend	 m;
	uint8_t			*buf, *p;
	uint64_t		 before;

	open_peers(N);
	memset(&m, 0, sizeof(m));
	m.capid = 100;
	m.select = APL_ALL;
	ck_assert_ptr_nonnull(buf = malloc(FRAMES * (APP_HEADER +
	    APP_MULTI_HEAD)));
	for (p = buf; p < buf + FRAMES * (APP_HEADER + APP_MULTI_HEAD); ) {
		app_head_encode(p, &h);
		p += APP_HEADER;
		p += app_multisend_encode(p, APP_MULTI_HEAD, &m);
	}
	ck_assert_int_eq(write(ta.fd, buf, (size_t)(p - buf)), p - buf);
	free(buf);
	while (ses.msgs_out < FRAMES * N) {
		before = ses.msgs_out;
		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_le(ses.msgs_out - before, TURN_PEERS + N);
	}
}
END_TEST

/* What does not compress may not become longer than a frame. */
START_TEST(many_too_big)
{
	size_t			 n = FRAME_MAX;
	uint8_t			*data = malloc(n + 1);
	struct app_multisend	 m;

	ck_assert_ptr_nonnull(data);
	arc4random_buf(data, n + 1);
	open_peers(2);
	no_hurry();
	memset(&m, 0, sizeof(m));
	m.capid = 100;
	m.select = APL_ALL;
	many_raw(&m, AFL_COMPLETE, 1, data, n + 1);
	expect_error(&ta, 1, APE_TOOBIG);
	many_raw(&m, AFL_COMPLETE, 2, data, n);
	expect_error(&ta, 2, APE_TOOBIG);
	many_raw(&m, 0, 3, data, n);
	expect_error(&ta, 3, APE_TOOBIG);
	ck_assert_uint_eq(budget_used(), 0);
	ck_assert_uint_eq(app_of(1)->nmultis, 0);
	memset(data, 0, n);
	many_raw(&m, AFL_COMPLETE, 4, data, n);
	ck_assert_int_eq(next_data(&tp[0]), 1);
	ck_assert_int_eq(next_data(&tp[1]), 1);
	expect_many(4, 2, 0, 0);
	free(data);
}
END_TEST

/* A buffer is paid for once, however many wait with it. */
START_TEST(shared_once)
{
	enum { ROUNDS = 12, SIZE = BIG / 4 };
	unsigned int	 i, j;
	size_t		 bound;

	open_peers(N);
	for (j = 0; j < ROUNDS; j++) {
		memcpy(big, &j, sizeof(j));
		many(APL_ALL, 0, NULL, 0, 0, big, SIZE);
		PUMP_UNTIL(peer_find(10)->msgs_out == j + 1);
	}
	/* each peer's chunks, and one buffer for each message */
	bound = (ROUNDS + N * 2) * (SIZE + SIZE / 6) + SIZE;
	ck_assert_uint_lt(budget_used(), bound);
	ck_assert_uint_gt(ses.shared.held, (ROUNDS - 3) * SIZE);
	ck_assert_uint_gt(peer_find(10)->shared, (ROUNDS - 3) * SIZE);
	ck_assert_uint_lt(peer_find(10)->holder.held, 3 * SIZE);
	no_hurry();
	/* one goes, one reads, and then the others */
	peers_stop(10, REASON_OPERATOR, DISC_REQUESTED);
	for (i = 1; i < N; i++) {
		for (j = 0; j < ROUNDS; j++) {
			ck_assert_int_eq(next_data(&tp[i]), 1);
			ck_assert_uint_eq(tp[i].len, SIZE);
			ck_assert_mem_eq(tp[i].data, &j, sizeof(j));
			ck_assert_mem_eq(tp[i].data + 4, big + 4, SIZE - 4);
		}
	}
	for (j = 0; j < ROUNDS; j++) {
		expect_event(AF_SENT_MANY, 0);
		ck_assert_uint_ge(app_get32(ta.body), N - 1);
		ck_assert_uint_eq(app_get32(ta.body) + app_get32(ta.body + 8),
		    N);
	}
	ck_assert_uint_eq(ses.shared.held, 0);
	for (i = 1; i < N; i++)
		ck_assert_uint_eq(peer_find(10 + i)->shared, 0);
}
END_TEST

/* Dropped where a queue is full, gone with the peer, written to the rest. */
START_TEST(outcomes)
{
	open_peers(3);
	fill(10, SEND_FULL);
	fill(11, SEND_STALLED);
	many(APL_ALL, 0, NULL, 0, 1, "news", 4);
	PUMP_UNTIL(peer_find(10)->caps[0].dropped == 1);
	ck_assert_int_eq(next_data(&tp[2]), 1);
	ck_assert_mem_eq(tp[2].data, "news", 4);
	/* one is undecided still */
	while (tapp_poll(&ta))
		ck_assert_uint_eq(ta.head.type, AF_STALLED);
	peers_stop(11, REASON_OPERATOR, DISC_REQUESTED);
	expect_event(AF_SENT_MANY, 0);
	ck_assert_uint_eq(app_get32(ta.body), 1);
	ck_assert_uint_eq(app_get32(ta.body + 4), 1);
	ck_assert_uint_eq(app_get32(ta.body + 8), 1);
	peers_stop(10, REASON_OPERATOR, DISC_REQUESTED);
	pump();
	ck_assert_uint_eq(ses.shared.held, 0);
}
END_TEST

/* The application goes, its sendings do not: they are nobody's. */
START_TEST(undecided_at_the_end)
{
	struct tapp	 other;

	open_peers(1);
	fill(10, SEND_STALLED);
	many(APL_ALL, 0, NULL, 0, 1, "news", 4);
	PUMP_UNTIL(app_of(1)->nmultis == 1);
	tapp_close(&ta);
	tapp_open(&other, 2);
	PUMP_UNTIL(ses.apptab.n == 1);
	ck_assert_uint_gt(ses.shared.held, 0);
	do
		ck_assert_int_eq(next_data(&tp[0]), 1);
	while (tp[0].code != 0x11);
	ck_assert_uint_eq(ses.shared.held, 0);
	ta = other;
}
END_TEST

/* Only so many may be undecided. */
START_TEST(undecided_limit)
{
	struct app	*a = app_of(1);
	unsigned int	 i;

	open_peers(1);
	fill(10, SEND_STALLED);
	for (i = 0; i < MULTIS_MAX; i++)
		many(APL_ALL, 0, NULL, 0, 1, "", 0);
	PUMP_UNTIL(a->nmultis == MULTIS_MAX);
	many(APL_ALL, 0, NULL, 0, 1, "", 0);
	expect_error(&ta, 500, APE_QUEUE);
	while (a->nmultis > 0)
		tpeer_poll(&tp[0]);
}
END_TEST

/* Not of this capability is as good as not there. */
START_TEST(other_capability)
{
	static const uint32_t	 two[] = { 10, 11, 0 };

	struct tapp		 other;

	tapp_open(&other, 2);
	tapp_attach(&other, "ccc", 7, 2, APP_STOP, 200);
	open_peer(0, shared, 1, 1);
	tapp_expect(&ta, AF_PEER_UP);
	open_peer(1, shared + 1, 1, 1);
	ck_assert_ptr_nonnull(peer_find(11));
	many(APL_LIST, 0, two, 0, 1, "x", 1);
	expect_many(500, 1, 0, 1);
	many(APL_ALL, 0, NULL, 0, 1, "x", 1);
	expect_many(500, 1, 0, 0);
	tapp_close(&other);
}
END_TEST

TCase *
multisend_case(void)
{
	TCase	*t = world_case("multisend", send_setup, send_teardown);

	tcase_add_test(t, selections);
	tcase_add_test(t, randomness);
	tcase_add_test(t, versions);
	tcase_add_test(t, other_capability);
	tcase_add_test(t, many_errors);
	tcase_add_test(t, many_in_turns);
	tcase_add_test(t, many_too_big);
	tcase_add_test(t, shared_once);
	tcase_add_test(t, outcomes);
	tcase_add_test(t, undecided_at_the_end);
	tcase_add_test(t, undecided_limit);
	return t;
}
