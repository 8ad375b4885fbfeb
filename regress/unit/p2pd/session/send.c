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
#include "world.h"

/* From an application to peers: who gets what, when, and who is told. */
#define N	6
#define BIG	(1 << 20)

static const struct sharedcap	 bbb[] = {
	{ { "bbb", 1 }, 4, 0x10, 100 },
	{ { "bbb", 2 }, 8, 0x10, 100 },
};
static const struct sharedcap	 both[] = {
	{ { "bbb", 1 }, 4, 0x10, 100 },
	{ { "ccc", 7 }, 2, 0x14, 200 },
};
static const struct sharedcap	 ccc = { { "ccc", 7 }, 2, 0x10, 200 };
static struct tapp	 ta;
static struct tpeer	 tp[N];
static uint8_t		 big[BIG];

static void
setup(void)
{
	world_open();
	tapp_open(&ta, 1);
	tapp_attach(&ta, "bbb", 1, 4, APP_STOP, 100);
	tapp_expect(&ta, AF_SNAPSHOT_END);
	memset(tp, 0, sizeof(tp));
	arc4random_buf(big, sizeof(big));
}

static void
teardown(void)
{
	unsigned int	 i;

	for (i = 0; i < N; i++)
		if (tp[i].handle != 0)
			tpeer_close(&tp[i]);
	tapp_close(&ta);
	world_close();
}

/* The next message that is no ping; 0 at the end. */
static int
next_data(struct tpeer *p)
{
	do
		if (!tpeer_recv(p))
			return 0;
	while (p->code == BASE_PING);
	return 1;
}

/* Peer i gets handle 10 + i. */
static void
open_peer(unsigned int i, const struct sharedcap *shared, uint32_t n, int snappy)
{
	tpeer_open(&tp[i], 10 + i, shared, n, snappy);
}

static void
open_peers(unsigned int n)
{
	unsigned int	 i;

	for (i = 0; i < n; i++) {
		open_peer(i, bbb, 1, 1);
		tapp_expect(&ta, AF_PEER_UP);
	}
}

/* However long a test takes, no deadline of its peers passes. */
static void
no_hurry(void)
{
	struct peer	*p;

	TAILQ_FOREACH(p, &ses.peers, entry)
		p->read_at = p->out.since = mono_ms() + 10 * 60 * 1000;
}

static void
many_raw(const struct app_multisend *m, unsigned int flags, uint32_t request,
    const void *data, size_t n)
{
	struct app_head	 h = { 0, AF_MULTISEND, (uint16_t)flags, request, 0 };
	uint8_t		 buf[APP_HEADER + APP_MULTI_HEAD + 4 * 64];
	size_t		 len;

	len = app_multisend_encode(buf + APP_HEADER, sizeof(buf) - APP_HEADER,
	    m);
	ck_assert_uint_gt(len, 0);
	h.len = (uint32_t)(len + n);
	app_head_encode(buf, &h);
	tapp_write(&ta, buf, APP_HEADER + len);
	tapp_write(&ta, data, n);
}

/* A multisend of data; handles end with 0. */
static void
many(enum app_select select, uint32_t k, const uint32_t *handles,
    uint32_t version, uint32_t code, const void *data, size_t n)
{
	struct app_multisend	 m;
	uint8_t			 list[4 * 64];

	memset(&m, 0, sizeof(m));
	m.capid = 100;
	m.code = code;
	m.version = version;
	m.select = (uint8_t)select;
	m.k = k;
	while (handles != NULL && handles[m.count] != 0) {
		app_put32(list + 4 * m.count, handles[m.count]);
		m.count++;
	}
	m.handles = list;
	many_raw(&m, AFL_COMPLETE, 500, data, n);
}

static void
expect_many(uint32_t request, uint32_t written, uint32_t dropped, uint32_t gone)
{
	tapp_expect(&ta, AF_SENT_MANY);
	ck_assert_uint_eq(ta.head.request, request);
	ck_assert_uint_eq(ta.head.len, 12);
	ck_assert_uint_eq(app_get32(ta.body), written);
	ck_assert_uint_eq(app_get32(ta.body + 4), dropped);
	ck_assert_uint_eq(app_get32(ta.body + 8), gone);
}

static void
expect_error(uint32_t request, enum app_error want)
{
	uint16_t	 error, room;
	char		 text[256];

	tapp_expect(&ta, AF_ERROR);
	ck_assert_uint_eq(ta.head.request, request);
	ck_assert_int_eq(app_error_decode(&error, &room, text, sizeof(text),
	    ta.body, ta.head.len), 0);
	ck_assert_uint_eq(error, want);
}

/* Which peers have a message, which is data, as bits. */
static unsigned int
who_got(uint64_t code, const void *data, size_t n)
{
	unsigned int	 i, mask = 0;

	for (i = 0; i < N; i++) {
		if (tp[i].handle == 0 || !tpeer_poll(&tp[i]) ||
		    (tp[i].code == BASE_PING && !tpeer_poll(&tp[i])))
			continue;
		ck_assert_uint_eq(tp[i].code, code);
		ck_assert_uint_eq(tp[i].len, n);
		ck_assert_mem_eq(tp[i].data, data, n);
		mask |= 1U << i;
	}
	return mask;
}

static void
expect_event(enum app_type type, uint32_t peer)
{
	do
		ck_assert_int_eq(tapp_recv(&ta), 1);
	while (ta.head.type != type);
	ck_assert_uint_eq(ta.head.peer, peer);
}

/* Sends to a peer that does not read until so much waits. */
static unsigned int
fill(uint32_t handle, size_t depth)
{
	struct peer	*p = peer_find(handle);
	unsigned int	 n = 0;
	uint64_t	 before = p->msgs_out;

	while (send_depth(p, p->caps) < depth) {
		memcpy(big, &n, sizeof(n));
		tapp_message(&ta, n, handle, 0, 100, 0, big, sizeof(big));
		n++;
		PUMP_UNTIL(p->msgs_out >= before + n);
	}
	no_hurry();
	return n;
}

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
	struct app		*a = (struct app *)htab_find(&ses.apptab, 1);

	ac = TAILQ_FIRST(&a->caps);
	ac->nvers = 2;
	ac->vers[1].version = 2;
	ac->vers[1].codes = 8;
	open_peer(0, bbb, 1, 1);
	open_peer(1, bbb + 1, 1, 1);
	open_peer(2, bbb, 1, 0);
	open_peer(3, bbb + 1, 1, 0);
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
	many(APL_LIST, 0, all, 0, 7, "code", 4);
	expect_many(500, 2, 0, 2);
	ck_assert_uint_eq(who_got(0x17, "code", 4), 0x0a);
	many(APL_RANDOM, 9, NULL, 0, 7, "code", 4);
	expect_many(500, 2, 0, 0);
	ck_assert_uint_eq(who_got(0x17, "code", 4), 0x0a);
	many(APL_ALL, 0, NULL, 1, 7, "code", 4);
	expect_error(500, APE_INVALID);
	many(APL_ALL, 0, NULL, 3, 0, "code", 4);
	expect_error(500, APE_INVALID);
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
		expect_error(7, APE_MALFORMED);
	}
	m.count = 0;
	m.select = APL_RANDOM + 1;
	many_raw(&m, 0, 8, "", 0);
	expect_error(8, APE_INVALID);
	m.select = APL_ALL;
	m.code = 4;
	many_raw(&m, 0, 9, "", 0);
	expect_error(9, APE_INVALID);
	m.code = 0;
	m.capid = 101;
	many_raw(&m, 0, 10, "", 0);
	expect_error(10, APE_NOTFOUND);
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
	expect_error(1, APE_TOOBIG);
	many_raw(&m, AFL_COMPLETE, 2, data, n);
	expect_error(2, APE_TOOBIG);
	many_raw(&m, 0, 3, data, n);
	expect_error(3, APE_TOOBIG);
	ck_assert_uint_eq(budget_used(), 0);
	ck_assert_uint_eq(((struct app *)htab_find(&ses.apptab, 1))->nmultis, 0);
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
	PUMP_UNTIL(((struct app *)htab_find(&ses.apptab, 1))->nmultis == 1);
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
	struct app	*a = (struct app *)htab_find(&ses.apptab, 1);
	unsigned int	 i;

	open_peers(1);
	fill(10, SEND_STALLED);
	for (i = 0; i < MULTIS_MAX; i++)
		many(APL_ALL, 0, NULL, 0, 1, "", 0);
	PUMP_UNTIL(a->nmultis == MULTIS_MAX);
	many(APL_ALL, 0, NULL, 0, 1, "", 0);
	expect_error(500, APE_QUEUE);
	while (a->nmultis > 0)
		tpeer_poll(&tp[0]);
}
END_TEST

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

	tapp_open(&other, 2);
	tapp_attach(&other, "ccc", 7, 2, APP_STOP, 200);
	tapp_expect(&other, AF_SNAPSHOT_END);
	open_peer(0, both, 2, 1);
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
	struct app	*a = (struct app *)htab_find(&ses.apptab, 1);
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
	expect_error(1001, APE_QUEUE);
	ck_assert_uint_ge(mono_ms() - start, 100);
	expect_error(1003, APE_QUEUE);
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
	struct app	*a = (struct app *)htab_find(&ses.apptab, 1);

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
	expect_error(1001, APE_NOTFOUND);
	ck_assert_uint_eq(a->wait_until, 0);
}
END_TEST

/* Over its rate a connection is not read; what it sent arrives all the same. */
START_TEST(rate)
{
	enum { RATE = 100000, MSG = 1000, COUNT = 30 };
	struct app	*a = (struct app *)htab_find(&ses.apptab, 1);
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
	/* the last one's debt is not waited for */
	ck_assert_uint_ge(mono_ms() - start,
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

/* With memory short queues are full early, and no peer has to go for it. */
START_TEST(memory_short)
{
	enum { LIMIT = 8 << 20, ROUNDS = 20 };
	unsigned int	 i, j, dropped = 0;

	teardown();
	world_limits(LIMIT, 4 << 20, 32 << 20, 5000);
	tapp_open(&ta, 1);
	tapp_attach(&ta, "bbb", 1, 4, APP_STOP, 100);
	tapp_expect(&ta, AF_SNAPSHOT_END);
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

/* Not of this capability is as good as not there. */
START_TEST(other_capability)
{
	static const uint32_t	 two[] = { 10, 11, 0 };

	struct tapp		 other;

	tapp_open(&other, 2);
	tapp_attach(&other, "ccc", 7, 2, APP_STOP, 200);
	open_peer(0, bbb, 1, 1);
	tapp_expect(&ta, AF_PEER_UP);
	open_peer(1, &ccc, 1, 1);
	ck_assert_ptr_nonnull(peer_find(11));
	many(APL_LIST, 0, two, 0, 1, "x", 1);
	expect_many(500, 1, 0, 1);
	many(APL_ALL, 0, NULL, 0, 1, "x", 1);
	expect_many(500, 1, 0, 0);
	tapp_close(&other);
}
END_TEST

static Suite *
suite(void)
{
	Suite	*s = suite_create("session_send");
	TCase	*t = tcase_create("send");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
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
	tcase_add_test(t, priority);
	tcase_add_test(t, turns);
	tcase_add_test(t, marks);
	tcase_add_test(t, depths);
	tcase_add_test(t, wait_limit);
	tcase_add_test(t, wait_for_gone);
	tcase_add_test(t, rate);
	tcase_add_test(t, memory_short);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner	*r = srunner_create(suite());
	int	 n;

	srunner_run_all(r, CK_ENV);
	n = srunner_ntests_failed(r);
	srunner_free(r);
	return n == 0 ? 0 : 1;
}
