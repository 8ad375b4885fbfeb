/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/resource.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "world.h"

/*
 * What waits for an application, by what it reads in the end: every message in
 * its peer's order, or counted where it is missing.
 */
#define PEERS	6

static struct tapp	 ta;
static struct tpeer	 tp[PEERS];
static int		 is_up[PEERS];
static uint32_t		 handle[PEERS], last_handle;
static uint32_t		 sent[64], next[64];	/* by handle */
static int		 down[64];
static uint64_t		 lost, lost_all;
static uint8_t		 data[100000];

static void
setup(void)
{
	world_limits(64 << 20, 64 << 10, 256 << 10, 5000);
	arc4random_buf(data, sizeof(data));
}

static void
teardown(void)
{
	unsigned int	 i;

	for (i = 0; i < PEERS; i++)
		if (is_up[i])
			tpeer_close(&tp[i]);
	tapp_close(&ta);
	world_close();
}

static void
up(unsigned int i)
{
	handle[i] = ++last_handle;
	tpeer_open(&tp[i], handle[i], shared, 1, 1);
	is_up[i] = 1;
}

static void
say(unsigned int i, size_t n)
{
	memcpy(data, &sent[handle[i]], sizeof(sent[0]));
	sent[handle[i]]++;
	tpeer_send(&tp[i], 0x10, data, n);
	pump();
}

/* Takes the frame just read; 0 when it is of the peers' coming and going. */
static int
take(void)
{
	uint32_t	 h = ta.head.peer, k, id;
	uint64_t	 msgs, bytes;

	ck_assert_uint_lt(h, 64);
	switch (ta.head.type) {
	case AF_PEER_UP:
		ck_assert_uint_eq(next[h], 0);
		return 0;
	case AF_PEER_DOWN:
		ck_assert(!down[h]);
		down[h] = 1;
		return 0;
	case AF_DROPPED:
		ck_assert_int_eq(app_counts_decode(&id, &msgs, &bytes, ta.body,
		    ta.head.len), 0);
		ck_assert_uint_eq(id, 100);
		ck_assert_uint_gt(msgs, 0);
		lost += msgs;
		if (h == 0)
			lost_all += msgs;
		else {
			ck_assert(!down[h]);
			next[h] += (uint32_t)msgs;
		}
		return 1;
	default:
		ck_assert_uint_eq(ta.head.type, AF_MESSAGE);
		ck_assert(!down[h]);
		memcpy(&k, ta.body + APP_MSG_HEAD, sizeof(k));
		/* those of peers that left are told together */
		if (lost_all == 0)
			ck_assert_uint_eq(k, next[h]);
		else
			ck_assert_uint_ge(k, next[h]);
		next[h] = k + 1;
		return 1;
	}
}

/* Any peers, sizes, ends and pauses, under a policy that drops. */
START_TEST(any_order)
{
	unsigned int	 i, n, round;
	uint64_t	 all = 0, got = 0;
	uint32_t	 h, last = 0;

	tapp_own(&ta, 1, 0, APP_DROP);
	for (i = 0; i < PEERS; i++)
		up(i);
	for (round = 0; round < 3000; round++) {
		i = arc4random_uniform(PEERS);
		if (_i & 1 && last_handle < 60 &&
		    arc4random_uniform(60) == 0) {
			tpeer_close(&tp[i]);
			pump();
			up(i);
		}
		n = arc4random_uniform(8) == 0 ? sizeof(data) : 3000;
		say(i, 4 + arc4random_uniform(arc4random_uniform(n) + 1));
		ck_assert_uint_lt(budget_used(), 2 << 20);
		for (n = round / 200 % 3 * arc4random_uniform(3); n > 0; n--)
			if (tapp_poll(&ta)) {
				ck_assert_uint_gt(ta.head.request, last);
				last = ta.head.request;
				got += ta.head.type == AF_MESSAGE;
				take();
			}
	}
	while (tapp_poll(&ta)) {
		got += ta.head.type == AF_MESSAGE;
		take();
	}
	for (h = 1; h <= last_handle; h++)
		all += sent[h];
	ck_assert_uint_eq(got + lost, all);
	ck_assert_uint_eq(lost, ses.dropped);
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_eq(budget_used(), 0);
	for (i = 0; i < PEERS; i++)
		ck_assert_uint_eq(peer_find(handle[i])->queued, 0);
}
END_TEST

/*
 * One peer's small message in front of many large ones of another that were
 * dropped: memory is what waits, not what has been.
 */
START_TEST(holes_are_packed)
{
	unsigned int	 i;

	tapp_own(&ta, 1, 0, APP_DROP);
	up(0);
	up(1);
	for (i = 0; i < 4000; i++) {
		say(0, 1000);
		if (i % 16 == 0)
			say(1, 10);
		ck_assert_uint_lt(budget_used(), 1 << 20);
	}
	while (tapp_poll(&ta))
		take();
	/* of the quiet peer nothing was lost to the loud one */
	ck_assert_uint_eq(next[2], 250);
	ck_assert_uint_eq(peer_find(2)->caps[0].dropped, 0);
	ck_assert_uint_eq(next[1], 4000);
}
END_TEST

/*
 * A drop after which there is more room than what waits needs, at a moment when
 * every record is in use.
 */
START_TEST(packed_without_a_spare)
{
	const size_t	 slack = 256 << 10;
	struct appq	*q;
	unsigned int	 i;

	ses.init.queue_peer = ses.init.queue_app = 16 << 20;
	tapp_own(&ta, 1, 0, APP_DROP);
	for (i = 0; i < 3; i++)
		up(i);
	q = &app_of(1)->q;
	for (i = 0; i < 1000; i++)
		say(0, 1000);
	say(2, sizeof(data));
	for (i = 0; i < 1200; i++) {
		say(0, 1000);
		if (i % 12 == 0)
			say(1, 10);
	}
	do {
		while (q->held + 10000 <= 2 * q->bytes + slack)
			appq_drop_range(q, &peer_find(1)->caps[0]);
		while (q->spare != 0)
			say(1, 10);
	} while (q->held + 50000 <= 2 * q->bytes + slack);
	ck_assert_uint_le(q->held, 2 * q->bytes + slack);
	ck_assert_int_eq(appq_drop_range(q, &peer_find(3)->caps[0]), 1);
	ck_assert_uint_ne(q->spare, 0);
	ck_assert_uint_lt(q->held, q->bytes + slack / 4);
	while (tapp_poll(&ta))
		take();
	for (i = 1; i <= 3; i++)
		ck_assert_uint_eq(next[i], sent[i]);
	ck_assert_uint_eq(budget_used(), 0);
}
END_TEST

/* With policy stop others' messages are not dropped for one's. */
START_TEST(stop_spares_others)
{
	struct tapp	 other;
	unsigned int	 i;

	tapp_own(&ta, 1, 0, APP_STOP);
	tapp_own(&other, 2, 1, APP_STOP);
	for (i = 0; i < 5; i++) {
		handle[i] = ++last_handle;
		tpeer_open(&tp[i], handle[i], shared, 2, 1);
		is_up[i] = 1;
	}
	/* 250 kB of 256 KiB */
	for (i = 0; i < 250; i++)
		say(i % 4, 1000);
	for (i = 0; i < 500; i++)
		say(4, 1000);
	while (tapp_poll(&ta))
		take();
	for (i = 0; i < 4; i++)
		ck_assert_uint_eq(peer_find(i + 1)->caps[0].dropped, 0);
	ck_assert_uint_gt(peer_find(5)->caps[0].dropped, 400);
	ck_assert_uint_eq(next[5], 500);
	for (i = 0; i < 5; i++)
		tapp_expect(&other, AF_PEER_UP);
	ck_assert_int_eq(tapp_poll(&other), 0);
	tapp_close(&other);
}
END_TEST

/* A gap is one event, however often it grows. */
START_TEST(gaps_are_few)
{
	unsigned int	 i, gaps = 0;

	tapp_own(&ta, 1, 0, APP_DROP);
	for (i = 0; i < PEERS; i++)
		up(i);
	for (i = 0; i < 6000; i++)
		say(i % PEERS, 1000);
	while (tapp_poll(&ta)) {
		gaps += ta.head.type == AF_DROPPED;
		take();
	}
	/* what the kernel held and what the queue did: a gap each */
	ck_assert_uint_le(gaps, 2 * PEERS);
	for (i = 1; i <= PEERS; i++)
		ck_assert_uint_eq(next[i], 1000);
}
END_TEST

/* Peers that left, with much of theirs unread. */
START_TEST(of_peers_that_left)
{
	unsigned int	 i, gaps = 0;

	tapp_own(&ta, 1, 0, APP_DROP);
	for (i = 0; i < 40; i++) {
		up(0);
		for (; sent[handle[0]] < 20; )
			say(0, 3000);
		tpeer_close(&tp[0]);
		is_up[0] = 0;
		pump();
	}
	while (tapp_poll(&ta)) {
		gaps += ta.head.type == AF_DROPPED && ta.head.peer == 0;
		take();
	}
	ck_assert_uint_gt(lost_all, 0);
	ck_assert_uint_eq(gaps, 1);
	for (i = 1; i <= 40; i++)
		ck_assert(down[i]);
}
END_TEST

/* The message that is half written is not taken out; the rest may be. */
START_TEST(half_written)
{
	unsigned int	 i;

	world_close();
	world_limits(64 << 20, 4 << 20, 2 << 20, 5000);
	tapp_own(&ta, 1, 0, APP_DROP);
	up(0);
	for (i = 0; i < 200; i++)
		say(0, sizeof(data));
	ck_assert(app_of(1)->q.off > 0);
	while (tapp_poll(&ta))
		take();
	ck_assert_uint_eq(next[1], 200);
	ck_assert_uint_gt(lost, 0);
}
END_TEST

/*
 * What has been written of a long message is not a hole, for which everything
 * would be looked at each time that something is dropped.
 */
START_TEST(half_written_is_no_hole)
{
	enum { LONG = 6000000, FEW = 40000 };
	static uint8_t	 msg[LONG];
	struct appq	*q;
	unsigned int	 i;
	clock_t		 start;

	world_close();
	world_limits(64 << 20, 32 << 20, 16 << 20, 5000);
	tapp_own(&ta, 1, 0, APP_DROP);
	up(0);
	up(1);
	tapp_expect(&ta, AF_PEER_UP);
	tapp_expect(&ta, AF_PEER_UP);
	arc4random_buf(msg, sizeof(msg));
	tpeer_send(&tp[0], 0x10, msg, sizeof(msg));
	while (ta.inlen < LONG - 600000)
		ck_assert_int_eq(tapp_poll(&ta), 0);
	for (i = 0; i < FEW; i++)
		say(1, 4);
	q = &app_of(1)->q;
	ck_assert_uint_gt(q->off, LONG / 2);
	ck_assert_uint_gt(q->held, 4 * q->bytes);
	start = clock();
	for (i = 0; i < FEW / 2; i++)
		ck_assert_int_eq(appq_drop_range(q, &peer_find(2)->caps[0]), 1);
	ck_assert_int_lt(clock() - start, CLOCKS_PER_SEC);
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_uint_eq(ta.head.len, APP_MSG_HEAD + LONG);
	ck_assert_mem_eq(ta.body + APP_MSG_HEAD, msg, LONG);
	next[1] = sent[1];
	while (tapp_poll(&ta))
		take();
	ck_assert_uint_eq(next[2], FEW);
	ck_assert_uint_eq(lost, FEW / 2);
}
END_TEST

#define MANY	1000

/* As many as descriptors allow for. */
static unsigned int
many(void)
{
	struct rlimit	 rl;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	return rl.rlim_cur < 2 * MANY + 100 ? 400 : MANY;
}

#define BUDGET	(32 << 20)
#define EACH	20

/* EACH messages from each of n peers, numbered, to the first application. */
static void
say_each(struct tpeer *v, unsigned int n)
{
	unsigned int	 i, j;

	for (j = 0; j < EACH; j++)
		for (i = 0; i < n; i++) {
			memcpy(data, &j, sizeof(j));
			tpeer_send(&v[i], 0x10, data, 1500);
			if (i % 100 == 0)
				pump();
			ck_assert_uint_le(budget_used(), BUDGET / 8 * 9);
		}
}

/* From each one for the other application, and 21 MB that nobody can deliver. */
static void
say_the_half(struct tpeer *v, unsigned int n)
{
	static uint8_t	 half[40000];
	unsigned int	 i;

	for (i = 0; i < n; i++) {
		tpeer_send(&v[i], 0x14, &i, sizeof(i));
		(void)frame_seal_raw(v[i].codec, half, 0x10, data, 30000);
		tpeer_write(&v[i], half, 21000);
		pump();
		ck_assert_uint_le(budget_used(), BUDGET / 8 * 9);
	}
}

/* One message from every peer that is still there, and from no other. */
static void
took_one_of_each(struct tapp *a, unsigned int n)
{
	uint8_t		 of[MANY + 1] = { 0 };
	unsigned int	 i;

	for (i = 0; i < n; i++)
		tapp_expect(a, AF_PEER_UP);
	while (tapp_poll(a)) {
		if (a->head.type == AF_MESSAGE)
			of[a->head.peer] = 1;
	}
	for (i = 0; i < n; i++)
		ck_assert_uint_eq(of[i + 1], peer_find(i + 1) != NULL);
}

/* All of every peer that is still there, in order or counted as dropped. */
static void
took_or_lost_all(struct tapp *a, unsigned int n)
{
	uint32_t	 at[MANY + 1] = { 0 }, k, id;
	uint64_t	 msgs, bytes;
	unsigned int	 i;

	while (tapp_poll(a)) {
		i = a->head.peer;
		if (a->head.type == AF_DROPPED) {
			ck_assert_int_eq(app_counts_decode(&id, &msgs, &bytes,
			    a->body, a->head.len), 0);
			at[i] += (uint32_t)msgs;
		} else if (a->head.type == AF_MESSAGE) {
			memcpy(&k, a->body + APP_MSG_HEAD, sizeof(k));
			ck_assert_uint_eq(k, at[i]++);
		}
	}
	for (i = 0; i < n; i++)
		if (peer_find(i + 1) != NULL)
			ck_assert_uint_eq(at[i + 1], EACH);
}

/*
 * A thousand peers for two applications, one of which reads nothing; a message
 * that is not complete from each: within the budget, and the other has all.
 */
START_TEST(thousand_peers)
{
	static struct tpeer	 v[MANY];
	struct tapp		 other;
	unsigned int		 i, n = many();

	world_close();
	world_limits(BUDGET, 1 << 20, 8 << 20, 5000);
	tapp_own(&ta, 1, 0, APP_STOP);
	tapp_own(&other, 2, 1, APP_STOP);
	for (i = 0; i < n; i++)
		tpeer_open(&v[i], i + 1, shared, 2, 1);
	say_each(v, n);
	say_the_half(v, n);
	took_one_of_each(&other, n);
	ck_assert_uint_gt(ses.npeers, n / 2);
	ck_assert_ptr_nonnull(app_of(1));
	took_or_lost_all(&ta, n);
	for (i = 0; i < n; i++)
		tpeer_close(&v[i]);
	PUMP_UNTIL(ses.npeers == 0);
	tapp_close(&other);
}
END_TEST

int
main(void)
{
	TCase	*t = world_case("queue", setup, teardown);

	tcase_add_loop_test(t, any_order, 0, 4);
	tcase_add_test(t, holes_are_packed);
	tcase_add_test(t, packed_without_a_spare);
	tcase_add_test(t, stop_spares_others);
	tcase_add_test(t, gaps_are_few);
	tcase_add_test(t, of_peers_that_left);
	tcase_add_test(t, half_written);
	tcase_add_test(t, half_written_is_no_hole);
	tcase_add_test(t, thousand_peers);
	return world_run("session_queue", t, NULL);
}
