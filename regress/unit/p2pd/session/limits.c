/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "world.h"

static struct tapp	 ta;
static struct tpeer	 tp;

static void
teardown(void)
{
	tpeer_close(&tp);
	tapp_close(&ta);
	world_close();
}

/*
 * Back-pressure, small limits: 64 KiB a peer, 256 KiB the application.
 */
#define MSG	4096
static uint8_t	 msg[MSG];

static void
open_both(enum app_policy policy)
{
	tapp_own(&ta, 1, 0, policy);
	tpeer_up(&tp, 5, 1, &ta);
}

static void
reopen(size_t mem)
{
	world_close();
	world_limits(mem, 4 << 20, 32 << 20, 5000);
	open_both(APP_STOP);
}

static void
setup_small(void)
{
	world_limits(64 << 20, 64 << 10, 256 << 10, 5000);
	arc4random_buf(msg, sizeof(msg));
	told_forget();
}

/* Sends until the session takes no more, at most n; returns how many. */
static unsigned int
send_until_full(struct tpeer *p, unsigned int n)
{
	struct peer	*sp = peer_find(p->handle);
	unsigned int	 i;

	for (i = 0; i < n && sp->pause == 0; i++) {
		memcpy(msg, &i, sizeof(i));
		tpeer_send(p, 0x10, msg, MSG);
		pump();
		if (peer_find(p->handle) != sp)
			break;
	}
	return i;
}

START_TEST(stall_and_go_on)
{
	unsigned int	 n, i, k;

	open_both(APP_STOP);
	n = send_until_full(&tp, 1000);
	ck_assert_uint_lt(n, 1000);
	ck_assert(peer_find(5)->pause & PAUSE_APP);
	/* its socket's buffer takes a little more */
	tpeer_send(&tp, 0x11, "last", 4);
	ck_assert_uint_lt(budget_used(), 1 << 20);
	for (i = 0; i < n; i++) {
		tapp_expect(&ta, AF_MESSAGE);
		ck_assert_uint_eq(ta.head.len, APP_MSG_HEAD + MSG);
		memcpy(&k, ta.body + APP_MSG_HEAD, sizeof(k));
		ck_assert_uint_eq(k, i);
	}
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_mem_eq(ta.body + APP_MSG_HEAD, "last", 4);
	ck_assert_uint_eq(peer_find(5)->pause, 0);
	ck_assert_uint_eq(peer_find(5)->queued, 0);
	ck_assert_uint_eq(peer_find(5)->caps[0].dropped, 0);
	ck_assert_uint_eq(budget_used(), 0);
	still_works(&ta, &tp);
}
END_TEST

START_TEST(stall_too_long)
{
	const struct m_peer_end	*e;
	struct peer		*p;

	open_both(APP_STOP);
	send_until_full(&tp, 1000);
	p = peer_find(5);
	/* suspended: the read deadline; not: the stall's */
	p->read_at = mono_ms() - 2 * READ_MS;
	event_active(&p->ev_timer, EV_TIMEOUT, 1);
	pump();
	ck_assert_ptr_eq(peer_find(5), p);
	p->stalled_at = mono_ms() - 5000;
	event_active(&p->ev_timer, EV_TIMEOUT, 1);
	PUMP_UNTIL((e = told_first(M_PEER_END)) != NULL);
	ck_assert_uint_eq(e->reason, REASON_STALLED);
	ck_assert_uint_eq(e->disc, DISC_SUBPROTOCOL);
	tpeer_expect_disc(&tp, DISC_SUBPROTOCOL);
	do
		ck_assert_int_eq(tapp_recv(&ta), 1);
	while (ta.head.type != AF_PEER_DOWN);
}
END_TEST

/* The stall's timer is the event loop's own too. */
START_TEST(stall_timer)
{
	ses.init.stall_ms = 50;
	open_both(APP_STOP);
	send_until_full(&tp, 1000);
	PUMP_UNTIL(told_first(M_PEER_END) != NULL);
}
END_TEST

static uint64_t	 told_msgs, told_bytes;

/* AF_DROPPED, the frame just read. */
static void
take_dropped(uint32_t peer, uint32_t capid)
{
	uint64_t	 msgs, bytes;
	uint32_t	 id;

	ck_assert_uint_eq(ta.head.type, AF_DROPPED);
	ck_assert_uint_eq(ta.head.peer, peer);
	ck_assert_int_eq(app_counts_decode(&id, &msgs, &bytes, ta.body,
	    ta.head.len), 0);
	ck_assert_uint_eq(id, capid);
	ck_assert_uint_gt(msgs, 0);
	told_msgs += msgs;
	told_bytes += bytes;
}

/* What is lost is what is oldest, and told where it is missing. */
START_TEST(policy_drop)
{
	unsigned int	 n, got = 0, k, next = 0;
	uint32_t	 last = 0, gaps = 0;
	uint64_t	 dropped;

	open_both(APP_DROP);
	n = send_until_full(&tp, 500);
	ck_assert_uint_eq(n, 500);
	PUMP_UNTIL(peer_find(5)->msgs_in == 500);
	dropped = peer_find(5)->caps[0].dropped;
	ck_assert_uint_gt(dropped, 0);
	ck_assert(dropped == ses.dropped);
	while (tapp_poll(&ta)) {
		if (last != 0)
			gaps += ta.head.request - last - 1;
		last = ta.head.request;
		if (ta.head.type == AF_DROPPED) {
			take_dropped(5, 100);
			next += (unsigned int)told_msgs;
			continue;
		}
		ck_assert_uint_eq(ta.head.type, AF_MESSAGE);
		memcpy(&k, ta.body + APP_MSG_HEAD, sizeof(k));
		ck_assert_uint_eq(k, next++);
		got++;
	}
	/* one gap, in one place, and the newest is there */
	ck_assert_uint_eq(next, 500);
	ck_assert_uint_eq(told_msgs, dropped);
	ck_assert_uint_eq(told_bytes, dropped * MSG);
	ck_assert_uint_eq(got + dropped, 500);
	ck_assert_uint_eq(gaps, dropped - 1);
	/* and its pings were answered all the while */
	tpeer_send(&tp, 0x10, "end", 3);
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_uint_eq(ta.head.request, last + 1);
	ck_assert_uint_eq(budget_used(), 0);
}
END_TEST

START_TEST(policy_disconnect)
{
	open_both(APP_DISCONNECT);
	ck_assert_uint_lt(send_until_full(&tp, 500), 500);
	ck_assert_ptr_null(peer_find(5));
	ck_assert_uint_eq(((const struct m_peer_end *)
	    told_first(M_PEER_END))->reason, REASON_STALLED);
	tpeer_expect_disc(&tp, DISC_SUBPROTOCOL);
}
END_TEST

/* One of two owners is full: the other's messages and the pings still come. */
START_TEST(shared_by_two)
{
	struct tapp	 other;
	unsigned int	 i;

	tapp_own(&ta, 1, 0, APP_STOP);
	tapp_own(&other, 2, 1, APP_STOP);
	tpeer_up(&tp, 5, 2, &ta);
	tapp_expect(&other, AF_PEER_UP);
	for (i = 0; i < 500; i++) {
		tpeer_send(&tp, 0x10, msg, MSG);
		tpeer_send(&tp, 0x14, &i, sizeof(i));
		tapp_expect(&other, AF_MESSAGE);
		ck_assert_mem_eq(other.body + APP_MSG_HEAD, &i, sizeof(i));
	}
	tpeer_send(&tp, BASE_PING, "\xc0", 1);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_uint_gt(peer_find(5)->caps[0].dropped, 0);
	ck_assert_uint_eq(peer_find(5)->caps[1].dropped, 0);
	tapp_close(&other);
}
END_TEST

/* Many peers fill one application; it reads again and all is there. */
START_TEST(stall_many)
{
	enum { N = 20, EACH = 200 };
	struct tpeer	 v[N];
	unsigned int	 i, j, got = 0;
	unsigned int	 next[N], k;

	tapp_own(&ta, 1, 0, APP_STOP);
	tpeer_up(&tp, 500, 1, &ta);
	memset(next, 0, sizeof(next));
	for (i = 0; i < N; i++) {
		tpeer_up(&v[i], 10 + i, 1, &ta);
	}
	for (j = 0; j < EACH; j++) {
		for (i = 0; i < N; i++) {
			memcpy(msg, &j, sizeof(j));
			tpeer_send(&v[i], 0x10, msg, MSG / 4);
		}
		/* the application sleeps through every other quarter */
		while (j % 50 < 25 && tapp_poll(&ta)) {
			k = ta.head.peer - 10;
			memcpy(&i, ta.body + APP_MSG_HEAD, sizeof(i));
			ck_assert_uint_eq(i, next[k]++);
			got++;
		}
		ck_assert_uint_lt(budget_used(), 8 << 20);
	}
	while (got < N * EACH) {
		tapp_expect(&ta, AF_MESSAGE);
		k = ta.head.peer - 10;
		memcpy(&i, ta.body + APP_MSG_HEAD, sizeof(i));
		ck_assert_uint_eq(i, next[k]++);
		got++;
	}
	for (i = 0; i < N; i++)
		tpeer_close(&v[i]);
	PUMP_UNTIL(ses.npeers == 1);
}
END_TEST

/* An application that reads nothing at all is not told without end. */
START_TEST(deaf_application)
{
	struct tpeer	 p;
	unsigned int	 i;

	open_both(APP_STOP);
	for (i = 0; i < 600000; i++) {
		tapp_message(&ta, i, 5, AFL_COMPLETE, 100, 9, "", 0);
		if (app_of(1)->pause != 0)
			break;
	}
	/* requests are not read while the answers are not */
	ck_assert_uint_lt(i, 600000);
	ck_assert_uint_lt(budget_used(), 64 << 20);
	tpeer_open(&p, 6, shared, 1, 1);
	ck_assert_ptr_nonnull(peer_find(6));
	tpeer_close(&p);
}
END_TEST

/* Over the budget the largest holder goes, the others stay. */
START_TEST(memory)
{
	static uint8_t		 data[1 << 20], frame[(1 << 20) + 1024];
	const struct m_peer_end	*e;
	struct tpeer		 hog, v[3];
	unsigned int		 i;
	size_t			 n;

	reopen(8 << 20);
	tpeer_up(&hog, 6, 1, &ta);
	told_forget();
	arc4random_buf(data, sizeof(data));
	for (i = 0; i < 16; i++) {
		tapp_message(&ta, i, 6, AFL_COMPLETE, 100, 0, data,
		    sizeof(data));
		pump();
		ck_assert_uint_le(budget_used(), 8 << 20);
	}
	PUMP_UNTIL(peer_find(6)->caps[0].dropped > 0);
	ck_assert_uint_eq(told_count(M_PEER_END), 0);
	/* its queue is full early; halves of others' frames are too much */
	for (i = 0; i < 3; i++) {
		tpeer_open(&v[i], 10 + i, shared, 1, 0);
		n = frame_seal(v[i].codec, frame, 0x10, data, sizeof(data));
		tpeer_write(&v[i], frame, n - 1);
	}
	PUMP_UNTIL((e = told_first(M_PEER_END)) != NULL);
	ck_assert_uint_eq(e->handle, 6);
	ck_assert_uint_eq(e->reason, REASON_MEMORY);
	ck_assert_ptr_nonnull(peer_find(5));
	do
		tapp_recv(&ta);
	while (ta.head.type != AF_PEER_DOWN);
	for (i = 0; i < 3; i++)
		tpeer_close(&v[i]);
	PUMP_UNTIL(ses.npeers == 1);
	PUMP_UNTIL(ses.pressed == 0);
	while (tapp_poll(&ta))
		continue;
	still_works(&ta, &tp);
	tpeer_close(&hog);
}
END_TEST

/* Nor by another user's, whose connections hold a little less each. */
START_TEST(memory_of_users)
{
	enum { N = 8, HALF = 900000 };
	static uint8_t		 buf[HALF];
	struct app_head		 h = { 1 << 20, AF_SEND, 0, 1, 5 };
	struct tapp		 v[N];
	unsigned int		 i, n;

	reopen(6 << 20);
	arc4random_buf(buf, sizeof(buf));
	for (n = 0; n < 4; n++)
		tpeer_send(&tp, 0x10, buf, 500000);
	PUMP_UNTIL(peer_find(5)->msgs_in == n);
	app_head_encode(buf, &h);
	for (i = 0; i < N; i++) {
		tapp_open(&v[i], 10 + i);
		app_of(10 + i)->uid = 1001;
		tapp_write(&v[i], buf, HALF);
		pump();
	}
	PUMP_UNTIL(told_count(M_APP_CLOSED) > 0);
	PUMP_UNTIL(ses.pressed == 0);
	ck_assert_ptr_nonnull(app_of(1));
	for (n = 0; n < 4; )
		n += tapp_recv(&ta) == 1 && ta.head.type == AF_MESSAGE;
	for (i = 0; i < N; i++)
		tapp_close(&v[i]);
	still_works(&ta, &tp);
}
END_TEST

/* Half frames of many peers are not paid for by an application. */
START_TEST(memory_half_frames)
{
	enum { N = 12, HALF = 600000 };
	static uint8_t	 data[HALF], buf[HALF + 1024];
	struct tpeer	 v[N];
	unsigned int	 i, n;

	reopen(6 << 20);
	arc4random_buf(data, sizeof(data));
	/* more than any of the others will hold, unread */
	for (n = 0; n < 4; n++)
		tpeer_send(&tp, 0x10, data, 500000);
	PUMP_UNTIL(peer_find(5)->msgs_in == n);
	for (i = 0; i < N; i++) {
		tpeer_open(&v[i], 10 + i, shared, 1, 0);
		(void)frame_seal_raw(v[i].codec, buf, 0x10, data, HALF - 16);
		tpeer_write(&v[i], buf, HALF - 16);
		pump();
	}
	PUMP_UNTIL(told_count(M_PEER_END) > 0);
	PUMP_UNTIL(ses.pressed == 0);
	ck_assert_ptr_nonnull(peer_find(5));
	ck_assert_ptr_nonnull(app_of(1));
	ck_assert_uint_eq(told_count(M_APP_CLOSED), 0);
	for (n = 0; n < 4; )
		n += tapp_recv(&ta) == 1 && ta.head.type == AF_MESSAGE;
	for (i = 0; i < N; i++)
		tpeer_close(&v[i]);
	PUMP_UNTIL(ses.npeers == 1);
	while (tapp_poll(&ta))
		continue;
	still_works(&ta, &tp);
}
END_TEST

int
main(void)
{
	TCase	*t = world_case("limits", setup_small, teardown);

	tcase_add_test(t, stall_and_go_on);
	tcase_add_test(t, stall_too_long);
	tcase_add_test(t, stall_timer);
	tcase_add_test(t, policy_drop);
	tcase_add_test(t, policy_disconnect);
	tcase_add_test(t, shared_by_two);
	tcase_add_test(t, stall_many);
	tcase_add_test(t, deaf_application);
	tcase_add_test(t, memory);
	tcase_add_test(t, memory_half_frames);
	tcase_add_test(t, memory_of_users);
	return world_run("session_limits", t, stall_case());
}
