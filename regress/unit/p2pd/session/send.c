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

/* From an application to a peer: in what order, and who is told. */
/* Priority overtakes what waits, and nothing with priority. */
START_TEST(priority)
{
	unsigned int	 i, n, first = 0, got[3] = { 0, 0, 0 };

	open_peers(1);
	n = fill(10, SEND_STALLED);
	for (i = 0; i < 50; i++) {
		tapp_message(&ta, 0, 10, 0, 100, 1, &i, sizeof(i));
		tapp_message(&ta, 0, 10, AFL_PRIORITY, 100, 2, &i, sizeof(i));
	}
	for (i = 0; i < n + 100; i++) {
		ck_assert_int_eq(next_data(&tp[0]), 1);
		ck_assert_uint_le(tp[0].code, 0x12);
		ck_assert_mem_eq(tp[0].data, &got[tp[0].code - 0x10], 4);
		got[tp[0].code - 0x10]++;
		if (tp[0].code == 0x12 && got[2] == 1)
			first = got[0];
		/* all of them come in one go */
		if (got[2] > 0 && got[2] < 50)
			ck_assert_uint_eq(got[0], first);
		if (got[1] > 0)
			ck_assert(got[2] == 50 && got[0] == n);
	}
	ck_assert_uint_lt(first, n - 1);
	ck_assert_uint_eq(budget_used(), 0);
}
END_TEST

/* One owner's mountain does not bury another owner's message. */
START_TEST(turns)
{
	struct tapp	 other;
	struct tpeer	*p = &tp[0];
	unsigned int	 n, mine = 0, theirs = 0, before[3] = { 0, 0, 0 };

	tapp_own(&other, 2, 1, APP_STOP);
	open_peer(0, shared, 2, 1);
	tapp_expect(&ta, AF_PEER_UP);
	tapp_expect(&other, AF_PEER_UP);
	n = fill(10, 2 * SEND_STALLED);
	for (; theirs < 3; theirs++)
		tapp_message(&other, theirs, 10, AFL_COMPLETE, 200, 1, big,
		    BIG);
	PUMP_UNTIL(peer_find(10)->caps[1].msgs_out == 3);
	for (theirs = 0; mine < n; ) {
		ck_assert_int_eq(next_data(p), 1);
		if (p->code == 0x10)
			mine++;
		else
			before[theirs++] = mine;
	}
	ck_assert_uint_eq(theirs, 3);
	/* what was sealed, and then one of each in turn */
	ck_assert_uint_lt(before[0], 8);
	ck_assert_uint_le(before[1], before[0] + 1);
	ck_assert_uint_le(before[2], before[1] + 1);
	tapp_expect(&other, AF_SENT);
	ck_assert_uint_eq(other.body[0], APS_WRITTEN);
	tapp_close(&other);
}
END_TEST

/* Edges: told once each way, with how much waits. */
START_TEST(marks)
{
	unsigned int	 i, n, stalled = 0, writable = 0;

	open_peers(2);
	n = fill(10, SEND_STALLED * 2);
	tapp_message(&ta, 77, 11, AFL_COMPLETE, 100, 1, "other", 5);
	while (ta.head.type != AF_SENT) {
		ck_assert_int_eq(tapp_recv(&ta), 1);
		if (ta.head.type != AF_STALLED)
			continue;
		stalled++;
		ck_assert_uint_eq(ta.head.peer, 10);
		ck_assert_uint_eq(ta.head.len, 8);
		ck_assert_uint_eq(app_get32(ta.body), 100);
		ck_assert_uint_ge(app_get32(ta.body + 4), SEND_STALLED);
		ck_assert_uint_lt(app_get32(ta.body + 4), SEND_STALLED +
		    2 * BIG);
	}
	ck_assert_uint_eq(stalled, 1);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(next_data(&tp[0]), 1);
	while (tapp_poll(&ta)) {
		ck_assert_uint_eq(ta.head.type, AF_WRITABLE);
		ck_assert_uint_eq(ta.head.peer, 10);
		ck_assert_uint_eq(app_get32(ta.body), 100);
		ck_assert_uint_le(app_get32(ta.body + 4), SEND_WRITABLE);
		writable++;
	}
	ck_assert_uint_eq(writable, 1);
	/* and again */
	fill(10, SEND_STALLED);
	expect_event(AF_STALLED, 10);
}
END_TEST

/* A completion says how much still waits. */
START_TEST(depths)
{
	struct peer	*p;

	open_peers(1);
	tapp_message(&ta, 1, 10, AFL_COMPLETE, 100, 1, "a", 1);
	expect_event(AF_SENT, 10);
	ck_assert_uint_eq(app_get32(ta.body + 4), 0);
	fill(10, SEND_FULL);
	p = peer_find(10);
	tapp_message(&ta, 2, 10, AFL_COMPLETE, 100, 1, "b", 1);
	expect_event(AF_SENT, 10);
	ck_assert_uint_eq(ta.body[0], APS_DROPPED);
	ck_assert_uint_eq(app_get32(ta.body + 4), send_depth(p, p->caps));
	ck_assert_uint_ge(app_get32(ta.body + 4), SEND_FULL);
}
END_TEST

/*
 * A peer that does not read holds up its sender once, for as long as the
 * stall limit; then the sender is told, and what goes to others goes.
 */
START_TEST(wait_limit)
{
	struct app	*a = app_of(1);
	uint64_t	 start;
	unsigned int	 n;

	ses.init.stall_ms = 100;
	open_peers(2);
	n = fill(10, SEND_FULL);
	while (tapp_poll(&ta))
		continue;
	start = mono_ms();
	tapp_message(&ta, 1001, 10, 0, 100, 1, "lost", 4);
	tapp_message(&ta, 1002, 11, 0, 100, 1, "late", 4);
	tapp_message(&ta, 1003, 10, 0, 100, 1, "lost", 4);
	tapp_message(&ta, 1004, 11, 0, 100, 1, "next", 4);
	PUMP_UNTIL(a->pause != 0);
	expect_error(&ta, 1001, APE_QUEUE);
	ck_assert_uint_ge(mono_ms() - start, 100);
	expect_error(&ta, 1003, APE_QUEUE);
	ck_assert_int_eq(next_data(&tp[1]), 1);
	ck_assert_mem_eq(tp[1].data, "late", 4);
	ck_assert_int_eq(next_data(&tp[1]), 1);
	ck_assert_mem_eq(tp[1].data, "next", 4);
	ck_assert_uint_eq(peer_find(10)->caps[0].dropped, 2);
	ck_assert_uint_eq(a->pause, 0);
	/* it reads again: as before */
	peer_find(10)->over_at = mono_ms();
	for (; n > 0; n--)
		ck_assert_int_eq(next_data(&tp[0]), 1);
	tapp_message(&ta, 1005, 10, 0, 100, 1, "back", 4);
	ck_assert_int_eq(next_data(&tp[0]), 1);
	ck_assert_mem_eq(tp[0].data, "back", 4);
	ck_assert(peer_find(10)->over_at == 0);
}
END_TEST

/* The peer that is waited for goes: the wait is over at once. */
START_TEST(wait_for_gone)
{
	struct app	*a = app_of(1);

	open_peers(2);
	fill(10, SEND_FULL);
	while (tapp_poll(&ta))
		continue;
	tapp_message(&ta, 1001, 10, 0, 100, 1, "lost", 4);
	tapp_message(&ta, 1002, 11, 0, 100, 1, "next", 4);
	PUMP_UNTIL(a->pause != 0);
	peers_stop(10, REASON_OPERATOR, DISC_REQUESTED);
	ck_assert_int_eq(next_data(&tp[1]), 1);
	ck_assert_mem_eq(tp[1].data, "next", 4);
	expect_event(AF_PEER_DOWN, 10);
	expect_error(&ta, 1001, APE_NOTFOUND);
	ck_assert_uint_eq(a->wait_until, 0);
}
END_TEST

/* Over its rate a connection is not read; what it sent arrives all the same. */
START_TEST(rate)
{
	enum { RATE = 100000, MSG = 1000, COUNT = 30 };
	struct app	*a = app_of(1);
	uint64_t	 start;
	unsigned int	 i, paused = 0;

	open_peers(2);
	start = mono_ms();
	bucket_init(&TAILQ_FIRST(&a->caps)->rate, RATE, RATE, mono_us());
	TAILQ_FIRST(&a->caps)->rate.level = 0;
	for (i = 0; i < COUNT; i++)
		tapp_message(&ta, i, 10, 0, 100, 1, big, MSG);
	for (i = 0; i < COUNT; i++) {
		ck_assert_int_eq(next_data(&tp[0]), 1);
		paused += (a->pause & APAUSE_RATE) != 0;
	}
	/* the last one's debt is not waited for; clocks are read in ms */
	ck_assert_uint_ge(mono_ms() - start + 20,
	    (COUNT - 1) * 1000 * (MSG + APP_MSG_HEAD) / RATE);
	ck_assert_uint_gt(paused, COUNT / 2);
	/* to two it counts twice */
	PUMP_UNTIL(a->pause == 0);
	start = mono_ms();
	many(APL_ALL, 0, NULL, 0, 1, big, 20000);
	expect_event(AF_SENT_MANY, 0);
	PUMP_UNTIL(a->pause == 0);
	ck_assert_uint_ge(mono_ms() - start, 2 * 20000 * 1000 / RATE - 150);
	/* pings go on meanwhile, and other connections have their own */
	tpeer_send(&tp[1], BASE_PING, "\xc0", 1);
	while (next_data(&tp[1]) && tp[1].code != BASE_PONG)
		continue;
}
END_TEST

/* What was sent over the rate is owed by whoever of the user comes after. */
START_TEST(rate_by_attaching_again)
{
	enum { RATE = 1000 };
	uint32_t	 uid = 1000 + (_i == 2);
	struct app	*a;

	tapp_close(&ta);
	PUMP_UNTIL(TAILQ_EMPTY(&ses.apps));
	appcap_gone(100);
	attach_rate = RATE;
	tapp_open(&ta, 2);
	((struct app *)htab_find(&ses.apptab, 2))->uid = 1000;
	tapp_attach(&ta, "bbb", 1, 4, APP_STOP, 100);
	tapp_expect(&ta, AF_SNAPSHOT_END);
	open_peers(1);
	tapp_message(&ta, 7, 10, AFL_COMPLETE, 100, 1, big, 30000);
	tapp_expect(&ta, AF_SENT);
	tapp_close(&ta);
	/* not every system tells of its end but to who writes */
	told_forget();
	tpeer_send(&tp[0], 0x10, "x", 1);
	PUMP_UNTIL(told_first(M_APP_CLOSED) != NULL);
	if (_i == 1)
		appcap_gone(100);
	tapp_open(&ta, 3);
	a = (struct app *)htab_find(&ses.apptab, 3);
	a->uid = uid;
	tapp_attach(&ta, "bbb", 1, 4, APP_STOP, _i == 1 ? 101 : 100);
	ck_assert_int_eq((a->pause & APAUSE_RATE) != 0, uid == 1000);
	if (uid == 1000)
		ck_assert(TAILQ_FIRST(&a->caps)->rate.level < -25000);
}
END_TEST

/* Who leaves while over its rate has left, and what it had sent arrives. */
START_TEST(rate_and_gone)
{
	if (!(event_base_get_features(base) & EV_FEATURE_EARLY_CLOSE))
		return;
	open_peers(1);
	bucket_init(&TAILQ_FIRST(&app_of(1)->caps)->rate, 100, 100, mono_us());
	tapp_message(&ta, 1, 10, AFL_COMPLETE, 100, 1, big, 30000);
	tapp_expect(&ta, AF_SENT);
	ck_assert(app_of(1)->pause & APAUSE_RATE);
	tapp_message(&ta, 2, 10, 0, 100, 1, big, 20000);
	tapp_message(&ta, 3, 10, 0, 100, 1, "last", 4);
	pump();
	ck_assert_uint_eq(peer_find(10)->msgs_out, 1);
	told_forget();
	tapp_close(&ta);
	PUMP_UNTIL(told_first(M_APP_CLOSED) != NULL);
	ck_assert_uint_eq(peer_find(10)->msgs_out, 3);
	tapp_open(&ta, 2);
}
END_TEST

/* With memory short queues are full early, and no peer has to go for it. */
START_TEST(memory_short)
{
	enum { LIMIT = 8 << 20, ROUNDS = 20 };
	unsigned int	 i, j, dropped = 0;

	send_teardown();
	world_limits(LIMIT, 4 << 20, 32 << 20, 5000);
	tapp_own(&ta, 1, 0, APP_STOP);
	memset(tp, 0, sizeof(tp));
	open_peers(N);
	for (i = 0; i < ROUNDS; i++) {
		many(APL_ALL, 0, NULL, 0, 0, big, BIG / 4);
		pump();
		ck_assert_uint_le(budget_used(), LIMIT);
	}
	PUMP_UNTIL(peer_find(10)->msgs_out + peer_find(10)->caps[0].dropped ==
	    ROUNDS);
	ck_assert_uint_gt(peer_find(10)->caps[0].dropped, 0);
	no_hurry();
	for (i = 0; i < ROUNDS; i++) {
		do
			for (j = 0; j < N; j++)
				tpeer_poll(&tp[j]);
		while (!tapp_poll(&ta));
		if (ta.head.type == AF_SENT_MANY)
			dropped += app_get32(ta.body + 4);
	}
	ck_assert_uint_gt(dropped, 0);
	ck_assert_uint_eq(told_count(M_PEER_END), 0);
	many(APL_ALL, 0, NULL, 0, 1, "all", 3);
	expect_event(AF_SENT_MANY, 0);
	ck_assert_uint_eq(app_get32(ta.body), N);
}
END_TEST

/*
 * What nobody could tell to be written, for want of memory for its mark, is not
 * sent, nor said to be.
 */
START_TEST(no_mark)
{
	enum { MARKS = 4096 };		/* that are there: twice as many are
					   not to be had */
	struct message	 m = { (const uint8_t *)"x", 1, 0, 0, 0,
	    { 1, 7, TICKET_SENT }, { NULL, NULL } };
	struct holder	 hog = { 0 };
	struct peer	*p;
	uint64_t	 limit = 256 << 20;

	open_peers(1);
	p = peer_find(10);
	pump();
	ck_assert_uint_eq(p->out.bytes, 0);
	p->out.mlen = p->out.mcap = MARKS;
	ck_assert_int_eq(budget_take(&hog, limit / 8 * 9 - budget_used() -
	    MARKS * sizeof(struct out_mark)), 0);
	ck_assert_int_eq(send_message(p, p->caps, &m), SEND_NOMEM);
	ck_assert_uint_eq(p->out.bytes, 0);
	ck_assert_uint_eq(p->msgs_out, 0);
	/* nobody asks for it */
	m.ticket.kind = TICKET_LOSS;
	ck_assert_int_eq(send_message(p, p->caps, &m), SEND_OK);
	p->out.mlen = p->out.mcap = 0;
	budget_give(&hog, hog.held);
	ck_assert_int_eq(next_data(&tp[0]), 1);
	ck_assert_int_eq(tpeer_poll(&tp[0]), 0);
}
END_TEST

int
main(void)
{
	TCase	*t = world_case("send", send_setup, send_teardown);

	tcase_add_test(t, priority);
	tcase_add_test(t, turns);
	tcase_add_test(t, marks);
	tcase_add_test(t, depths);
	tcase_add_test(t, wait_limit);
	tcase_add_test(t, wait_for_gone);
	tcase_add_test(t, rate);
	tcase_add_loop_test(t, rate_by_attaching_again, 0, 3);
	tcase_add_test(t, rate_and_gone);
	tcase_add_test(t, memory_short);
	tcase_add_test(t, no_mark);
	return world_run("session_send", t, multisend_case());
}
