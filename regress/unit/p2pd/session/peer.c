/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "world.h"

static struct tapp	 ta;
static struct tpeer	 tp;
static uint8_t		*big;

#define BIG	FRAME_MAX

static void
expect_up(struct tapp *a, uint32_t handle, uint32_t capid)
{
	struct app_peer_up	 up;

	tapp_expect(a, AF_PEER_UP);
	ck_assert_int_eq(app_peer_up_decode(&up, a->body, a->head.len), 0);
	ck_assert_uint_eq(a->head.peer, handle);
	ck_assert_uint_eq(up.capid, capid);
	ck_assert_uint_eq(up.flags, PF_INBOUND);
	ck_assert_uint_eq(up.id[0], handle & 0xff);
	ck_assert_str_eq(up.client, "peer/1.0");
}

static void
open_one(int snappy)
{
	world_open();
	tapp_own(&ta, 1, 0, APP_STOP);
	tpeer_open(&tp, 5, shared, 1, snappy);
	expect_up(&ta, 5, 100);
	told_forget();
}

static void
setup(void)
{
	open_one(1);
}

static void
setup_plain(void)
{
	open_one(0);
}

static void
teardown(void)
{
	tpeer_close(&tp);
	tapp_close(&ta);
	world_close();
}

static const struct m_peer_end *
wait_end(void)
{
	const struct m_peer_end	*e;

	PUMP_UNTIL((e = told_first(M_PEER_END)) != NULL);
	ck_assert_uint_eq(told_count(M_PEER_END), 1);
	ck_assert_uint_eq(e->handle, 5);
	ck_assert_ptr_null(peer_find(5));
	return e;
}

/* It ends with this, tells the peer so, and the application. */
static void
expect_end(unsigned int reason, int remote, unsigned int disc)
{
	const struct m_peer_end	*e = wait_end();
	struct app_peer_down	 d;

	ck_assert_uint_eq(e->reason, reason);
	ck_assert_uint_eq(e->remote, remote);
	ck_assert_uint_eq(e->disc, disc);
	do
		ck_assert_int_eq(tapp_recv(&ta), 1);
	while (ta.head.type == AF_MESSAGE);
	ck_assert_uint_eq(ta.head.type, AF_PEER_DOWN);
	ck_assert_int_eq(app_peer_down_decode(&d, ta.body, ta.head.len), 0);
	ck_assert_uint_eq(d.capid, 100);
	ck_assert_uint_eq(d.reason, reason);
	ck_assert_uint_eq(d.disc, disc);
	if (!remote && disc != DISC_NONE)
		tpeer_expect_disc(&tp, disc);
	else
		ck_assert_int_eq(tpeer_recv(&tp), 0);
	PUMP_UNTIL(ses.nlinger == 0);
	ck_assert_uint_eq(budget_used(), 0);
}

START_TEST(ping)
{
	tpeer_send(&tp, BASE_PING, "\xc0", 1);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_uint_eq(tp.code, BASE_PONG);
	ck_assert_uint_eq(tp.len, 1);
	ck_assert_uint_eq(tp.data[0], 0xc0);
	/* other reserved codes are ignored, Hello too */
	tpeer_send(&tp, 0x00, "\xc0", 1);
	tpeer_send(&tp, 0x04, "x", 1);
	tpeer_send(&tp, 0x0f, "x", 1);
	tpeer_send(&tp, BASE_PING, "\xc0", 1);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_uint_eq(tp.code, BASE_PONG);
	PUMP_UNTIL(budget_used() == 0);
}
END_TEST

START_TEST(own_ping)
{
	struct peer	*p = peer_find(5);

	ck_assert(p->ping_at > mono_ms() + PING_MS - 1000);
	p->ping_at = mono_ms();
	event_active(&p->ev_timer, EV_TIMEOUT, 1);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_uint_eq(tp.code, BASE_PING);
	ck_assert_uint_eq(p->ping_ms, UINT32_MAX);
	tpeer_send(&tp, BASE_PONG, "\xc0", 1);
	PUMP_UNTIL(p->ping_ms != UINT32_MAX);
	ck_assert_uint_lt(p->ping_ms, 5000);
	ck_assert(p->ping_at > mono_ms() + PING_MS - 1000);
}
END_TEST

/* Pings without end, no pong read: memory stays flat, then it is answered. */
START_TEST(ping_flood)
{
	uint8_t		 buf[128];
	size_t		 len, off = 0;
	ssize_t		 n;
	unsigned int	 i, sent = 0, idle = 0, got = 0;

	len = frame_seal(tp.codec, buf, BASE_PING, "\xc0", 1);
	for (i = 0; i < 1000000 && idle < 1000; i++) {
		n = write(tp.fd, buf + off, len - off);
		if (n == -1) {
			idle++;
			pump();
			continue;
		}
		idle = 0;
		off += (size_t)n;
		if (off == len) {
			sent++;
			len = frame_seal(tp.codec, buf, BASE_PING, "\xc0", 1);
			off = 0;
		}
		ck_assert_uint_lt(budget_used(), OUT_PONG + SCRATCH + 65536);
	}
	ck_assert_uint_eq(idle, 1000);
	ck_assert(peer_find(5)->pause & PAUSE_PONG);
	while (tpeer_poll(&tp) || got < sent - 1) {
		ck_assert_uint_eq(tp.code, BASE_PONG);
		got = got < sent ? got + 1 : got;
		if (got == sent - 1)
			break;
		if (!tpeer_recv(&tp))
			break;
		got++;
	}
	ck_assert_uint_ge(got, sent - 1);
	ck_assert_uint_eq(peer_find(5)->pause, 0);
}
END_TEST

static void
both_ways(size_t n)
{
	tpeer_send(&tp, 0x12, big, n);
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_uint_eq(ta.head.peer, 5);
	ck_assert_uint_eq(ta.head.len, APP_MSG_HEAD + n);
	ck_assert_uint_eq(app_get32(ta.body), 100);
	ck_assert_uint_eq(app_get32(ta.body + 4), 2);
	ck_assert(memcmp(ta.body + APP_MSG_HEAD, big, n) == 0);

	tapp_message(&ta, (uint32_t)n, 5, AFL_COMPLETE, 100, 3, big, n);
	/* Under valgrind it takes long enough for a ping in between. */
	do
		ck_assert_int_eq(tpeer_recv(&tp), 1);
	while (tp.code == BASE_PING);
	ck_assert_uint_eq(tp.code, 0x13);
	ck_assert_uint_eq(tp.len, n);
	ck_assert(memcmp(tp.data, big, n) == 0);
	tapp_expect(&ta, AF_SENT);
	ck_assert_uint_eq(ta.head.request, n);
	ck_assert_uint_eq(ta.head.peer, 5);
	ck_assert_uint_eq(ta.body[0], APS_WRITTEN);
}

START_TEST(sizes)
{
	static const size_t	 small[] = { 0, 1, 2, 15, 16, 17, 1024, 65535,
	    65536, 262144, 300000, 1 << 20 };
	const char		*preload = getenv("LD_PRELOAD");
	size_t			 i;

	for (i = 0; i < nitems_of(small); i++) {
		arc4random_buf(big, small[i]);
		both_ways(small[i]);
	}
	/* Under valgrind what follows takes longer than a peer may. */
	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		return;
	/* so long that only what compresses fits into a frame */
	memset(big, 'p', BIG);
	both_ways(15 << 20);
	if (frame_snappy_tx(tp.codec))
		both_ways(FRAME_MAX);
	else
		both_ways(FRAME_MAX - 1);
	pump();
	ck_assert_uint_eq(budget_used(), 0);
}
END_TEST

START_TEST(too_long)
{
	arc4random_buf(big, FRAME_MAX);
	tapp_message(&ta, 1, 5, AFL_COMPLETE, 100, 0, big, FRAME_MAX);
	tapp_expect(&ta, AF_ERROR);
	ck_assert_uint_eq(ta.body[1], APE_TOOBIG);
	both_ways(10);
}
END_TEST

/* The stream may break anywhere. */
START_TEST(byte_by_byte)
{
	uint8_t		 buf[4096];
	size_t		 len = 0, i;

	len += frame_seal(tp.codec, buf, 0x10, "first", 5);
	len += frame_seal(tp.codec, buf + len, BASE_PING, "\xc0", 1);
	memset(big, 'x', 1000);
	len += frame_seal(tp.codec, buf + len, 0x11, big, 1000);
	for (i = 0; i < len; i++) {
		tpeer_write(&tp, buf + i, 1);
		pump();
	}
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_uint_eq(ta.head.len, APP_MSG_HEAD + 5);
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_uint_eq(ta.head.len, APP_MSG_HEAD + 1000);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_uint_eq(tp.code, BASE_PONG);
	pump();
	ck_assert_uint_eq(budget_used(), 0);
}
END_TEST

/* Announcing a long frame costs the session what has arrived, not more. */
START_TEST(announced)
{
	uint8_t	*buf;
	size_t	 len, n;

	ck_assert_ptr_nonnull(buf = calloc(1, frame_wire_len(FRAME_MAX) + 16));
	len = frame_seal_raw(tp.codec, buf, 0x10, big, FRAME_MAX - 1);
	tpeer_write(&tp, buf, FRAME_HEAD + 1);
	pump();
	ck_assert_uint_le(budget_used(), 1024);
	tpeer_write(&tp, buf + FRAME_HEAD + 1, 10000);
	PUMP_UNTIL(peer_find(5)->rb.len == 10001);
	ck_assert_uint_le(budget_used(), 40000);
	n = FRAME_HEAD + 10001;
	tpeer_write(&tp, buf + n, 1 << 20);
	PUMP_UNTIL(peer_find(5)->rb.len == 10001 + (1 << 20));
	ck_assert_uint_le(budget_used(), 4 << 20);
	/* the rest, with its last byte wrong */
	n += 1 << 20;
	buf[len - 1] ^= 1;
	tpeer_write(&tp, buf + n, len - n);
	free(buf);
	expect_end(REASON_BAD_MAC, 0, DISC_BREACH);
}
END_TEST

static const uint64_t	 outside[] = { 0x14, 0x15, 0xff, 1 << 16, UINT64_MAX };

START_TEST(bad_code)
{
	tpeer_send(&tp, outside[_i], "x", 1);
	expect_end(REASON_BAD_CODE, 0, DISC_BREACH);
}
END_TEST

/* One bit wrong, in the header, its MAC, the body, its padding, its MAC. */
START_TEST(bad_mac)
{
	uint8_t	 buf[256];
	size_t	 len;

	len = frame_seal(tp.codec, buf, 0x10, "hello", 5);
	ck_assert_uint_eq(len, FRAME_HEAD + 32);
	buf[_i] ^= 0x10;
	tpeer_write(&tp, buf, len);
	expect_end(REASON_BAD_MAC, 0, DISC_BREACH);
}
END_TEST

static const struct {
	const char	*data;
	size_t		 n;
} lies[] = {
	{ "", 0 },				/* not even a length */
	{ "\x80", 1 },
	{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10 },
	{ "\x80\x80\x80\x08\x00x", 6 },		/* 16 MiB */
	{ "\xff\xff\xff\x07\x00x", 6 },		/* one less, of one byte */
	{ "\x05\x00x", 3 },			/* five, but one */
	{ "\x01\x04xy", 4 },			/* one, but two */
	{ "\x04\x01\x07", 3 },			/* a copy from nowhere */
};

START_TEST(snappy_lies)
{
	tpeer_send_raw(&tp, 0x10, lies[_i].data, lies[_i].n);
	expect_end(REASON_BAD_SNAPPY, 0, DISC_BREACH);
}
END_TEST

static const struct {
	const char	*data;
	size_t		 n;
	int		 compress;
	unsigned int	 disc;
} goodbyes[] = {
	{ "\xc1\x04", 2, 1, DISC_TOO_MANY },
	{ "\xc1\x04", 2, 0, DISC_TOO_MANY },
	{ "\x04", 1, 1, DISC_TOO_MANY },
	{ "\x04", 1, 0, DISC_TOO_MANY },
	{ "\xc0", 1, 1, DISC_REQUESTED },
	{ "\xc0", 1, 0, DISC_REQUESTED },
	{ "", 0, 0, DISC_REQUESTED },
	{ "\xc1\x80", 2, 1, DISC_REQUESTED },
	{ "\xc2\x81\xff", 3, 1, 0xfe },
	{ "\xca\x89\x01\0\0\0\0\0\0\0\0", 11, 1, 0xfe },	/* 2^64 */
	{ "\xff\xff", 2, 0, 0xfe },		/* rubbish */
};

START_TEST(goodbye)
{
	uint8_t	 buf[64];
	size_t	 n = goodbyes[_i].n;

	memcpy(buf, goodbyes[_i].data, n);
	if (goodbyes[_i].compress && frame_snappy_tx(tp.codec))
		n = frame_compress(buf, goodbyes[_i].data, n);
	tpeer_send_raw(&tp, BASE_DISCONNECT, buf, n);
	expect_end(REASON_REMOTE, 1, goodbyes[_i].disc);
}
END_TEST

/* We write and fail before we read what it said as it hung up. */
START_TEST(goodbye_unread)
{
	uint8_t	 buf[1000];
	size_t	 i;

	memset(buf, 7, sizeof(buf));
	for (i = 0; i < 100; i++)
		tpeer_send(&tp, 0x10, buf, sizeof(buf));
	tpeer_send(&tp, BASE_DISCONNECT, "\xc1\x04", 2);
	close(tp.fd);
	tp.fd = dup(0);
	peer_ping(peer_find(5), mono_ms());
	out_flush_all();
	ck_assert_uint_eq(wait_end()->reason, REASON_REMOTE);
	ck_assert_uint_eq(wait_end()->disc, DISC_TOO_MANY);
	ck_assert_uint_eq(wait_end()->msgs_in, 100);
}
END_TEST

START_TEST(closed)
{
	close(tp.fd);
	ck_assert_uint_eq(wait_end()->reason, REASON_CLOSED);
	ck_assert_uint_eq(wait_end()->remote, 1);
	ck_assert_uint_eq(wait_end()->disc, DISC_NONE);
	tp.fd = dup(0);
}
END_TEST

START_TEST(read_timeout)
{
	struct peer	*p = peer_find(5);

	tpeer_write(&tp, "0123456789", 10);
	pump();
	p->read_at = mono_ms() - READ_MS;
	event_active(&p->ev_timer, EV_TIMEOUT, 1);
	expect_end(REASON_READ_TIMEOUT, 0, DISC_TIMEOUT);
}
END_TEST

START_TEST(write_timeout)
{
	struct peer	*p = peer_find(5);
	unsigned int	 i;

	memset(big, 'w', 1 << 20);
	for (i = 0; i < 4; i++) {
		arc4random_buf(big, 1 << 20);
		tapp_message(&ta, i, 5, AFL_COMPLETE, 100, 0, big, 1 << 20);
	}
	PUMP_UNTIL(p->msgs_out == 4);
	ck_assert_uint_gt(p->out.bytes, 0);
	p->out.since = mono_ms() - WRITE_MS;
	event_active(&p->ev_timer, EV_TIMEOUT, 1);
	ck_assert_uint_eq(wait_end()->reason, REASON_WRITE_TIMEOUT);
	ck_assert_uint_eq(wait_end()->disc, DISC_NONE);
	/* what was not written is gone */
	tapp_expect(&ta, AF_PEER_DOWN);
	tapp_expect(&ta, AF_SENT);
	ck_assert_uint_eq(ta.body[0], APS_GONE);
	pump();
	ck_assert_uint_eq(budget_used(), 0);
}
END_TEST

START_TEST(stopped)
{
	peers_stop(4, REASON_OPERATOR, DISC_REQUESTED);
	ck_assert_ptr_nonnull(peer_find(5));
	peers_stop(5, REASON_OPERATOR, DISC_REQUESTED);
	expect_end(REASON_OPERATOR, 0, DISC_REQUESTED);
}
END_TEST

/* What was sent before the Disconnect goes out before it. */
START_TEST(stopped_after_data)
{
	arc4random_buf(big, 1 << 20);
	tapp_message(&ta, 1, 5, 0, 100, 0, big, 1 << 20);
	PUMP_UNTIL(peer_find(5)->msgs_out == 1);
	peers_stop(0, REASON_OPERATOR, DISC_REQUESTED);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_uint_eq(tp.len, 1 << 20);
	ck_assert(memcmp(tp.data, big, 1 << 20) == 0);
	expect_end(REASON_OPERATOR, 0, DISC_REQUESTED);
}
END_TEST

/* One that keeps talking after its end is heard out no longer than told. */
START_TEST(linger_limit)
{
	static uint8_t	 noise[4096];
	uint64_t	 until;
	unsigned int	 i = 0;

	peers_stop(5, REASON_OPERATOR, DISC_REQUESTED);
	pump();
	ck_assert_uint_eq(ses.nlinger, 1);
	until = mono_ms() + 1000;
	while (ses.nlinger > 0 && mono_ms() < until) {
		if (write(tp.fd, noise, sizeof(noise)) > 0)
			i++;
		pump();
	}
	ck_assert_uint_eq(ses.nlinger, 0);
	ck_assert_uint_le(i, LINGER_BYTES / sizeof(noise) + 2 + 64);
}
END_TEST

/* A stop with peers and applications ends when all have heard. */
START_TEST(orderly_stop)
{
	struct tpeer	 late;

	session_stop(5000);
	ck_assert_int_eq(session_done, 0);
	expect_end(REASON_QUITTING, 0, DISC_QUITTING);
	told_forget();
	tpeer_open(&late, 6, shared, 1, 1);
	tpeer_expect_disc(&late, DISC_QUITTING);
	ck_assert_uint_eq(told_count(M_PEER_END), 1);
	tpeer_close(&late);
	PUMP_UNTIL(session_done);
}
END_TEST

/* Two hands on one peer: another application's capability, and none's. */
START_TEST(two_owners)
{
	struct tapp	 other;
	struct tpeer	 both;

	tapp_own(&other, 2, 1, APP_STOP);
	tpeer_open(&both, 6, shared, 2, 1);
	expect_up(&ta, 6, 100);
	expect_up(&other, 6, 200);
	tpeer_send(&both, 0x10, "one", 3);
	tpeer_send(&both, 0x15, "two!", 4);
	tapp_expect(&other, AF_MESSAGE);
	ck_assert_uint_eq(app_get32(other.body), 200);
	ck_assert_uint_eq(app_get32(other.body + 4), 1);
	ck_assert_mem_eq(other.body + 8, "two!", 4);
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_mem_eq(ta.body + 8, "one", 3);
	/* nobody may send where he does not own */
	tapp_message(&ta, 1, 6, AFL_COMPLETE, 200, 0, "x", 1);
	tapp_expect(&ta, AF_SENT);
	ck_assert_uint_eq(ta.body[0], APS_GONE);
	tapp_message(&other, 1, 5, AFL_COMPLETE, 200, 0, "x", 1);
	tapp_expect(&other, AF_SENT);
	ck_assert_uint_eq(other.body[0], APS_GONE);

	/* one goes: the peer stays, its messages are dropped and counted */
	tapp_close(&other);
	PUMP_UNTIL(told_first(M_APP_CLOSED) != NULL);
	ck_assert_ptr_nonnull(peer_find(6));
	tpeer_send(&both, 0x15, "nobody", 6);
	tpeer_send(&both, 0x10, "still", 5);
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_mem_eq(ta.body + 8, "still", 5);
	ck_assert_uint_eq(peer_find(6)->caps[1].dropped, 1);
	ck_assert_uint_eq(told_count(M_PEER_END), 0);

	appcap_gone(200);
	ck_assert_ptr_nonnull(peer_find(6));

	/* a new owner of the same gets it, one of another length does not */
	tapp_open(&other, 3);
	tapp_attach(&other, "ccc", 7, 3, APP_STOP, 201);
	tapp_expect(&other, AF_SNAPSHOT_END);
	tapp_attach(&other, "ccc", 7, 2, APP_STOP, 202);
	expect_up(&other, 6, 202);
	ck_assert_uint_eq(other.head.flags, AFL_SNAPSHOT);
	tapp_expect(&other, AF_SNAPSHOT_END);

	/* both go: so does the peer */
	tapp_close(&other);
	tapp_close(&ta);
	PUMP_UNTIL(told_count(M_APP_CLOSED) == 2);
	appcap_gone(202);
	appcap_gone(100);
	PUMP_UNTIL(told_count(M_PEER_END) == 2);
	tpeer_expect_disc(&both, DISC_USELESS);
	tpeer_close(&both);
	tapp_open(&ta, 4);
}
END_TEST

START_TEST(no_owner)
{
	struct tpeer	 lost;

	tpeer_open(&lost, 6, shared + 1, 1, 1);
	ck_assert_uint_eq(((const struct m_peer_end *)
	    told_first(M_PEER_END))->reason, REASON_APP_GONE);
	tpeer_expect_disc(&lost, DISC_USELESS);
	tpeer_close(&lost);
}
END_TEST

/* What a peer costs while nothing happens. */
START_TEST(idle_memory)
{
	enum { N = 500 };
	static struct tpeer	 v[N];
	struct mallinfo2	 before, after;
	struct frame_codec	*codec;
	struct rlpx_state	 state;
	size_t			 mine = 0, theirs;
	unsigned int		 i;

	memset(&state, 0, sizeof(state));
	before = mallinfo2();
	ck_assert_ptr_nonnull(codec = frame_new(&state));
	after = mallinfo2();
	theirs = after.uordblks - before.uordblks;
	frame_free(codec);
	for (i = 0; i < N; i++) {
		before = mallinfo2();
		tpeer_up(&v[i], 100 + i, 1, &ta);
		tpeer_send(&v[i], BASE_PING, "\xc0", 1);
		ck_assert_int_eq(tpeer_recv(&v[i]), 1);
		free(v[i].in);
		free(v[i].data);
		v[i].in = v[i].data = NULL;
		v[i].incap = v[i].inlen = 0;
		after = mallinfo2();
		mine += after.uordblks - before.uordblks - theirs;
	}
	printf("idle peer: %zu bytes\n", mine / N);
	ck_assert_uint_eq(budget_used(), 0);
	ck_assert_uint_lt(mine / N, 4096);
	for (i = 0; i < N; i++)
		tpeer_close(&v[i]);
	PUMP_UNTIL(ses.npeers == 1);
}
END_TEST

/* 2,000 peers, ended in the middle of anything, leave nothing behind. */
START_TEST(turnover)
{
	struct tpeer	 v[8];
	unsigned int	 i, j;

	for (i = 0; i < 250; i++) {
		for (j = 0; j < 8; j++) {
			tpeer_open(&v[j], 1000 + i * 8 + j, shared, 1, 1);
			tpeer_send(&v[j], 0x10, "hi", 2);
		}
		for (j = 0; j < 8; j++) {
			if (j & 1)
				pump();
			tpeer_write(&v[j], "rubbish", j);
			tpeer_close(&v[j]);
		}
		while (tapp_poll(&ta))
			;
	}
	PUMP_UNTIL(ses.npeers == 1);
	PUMP_UNTIL(ses.nlinger == 0);
	ck_assert_uint_eq(told_count(M_PEER_END), 2000);
	while (tapp_poll(&ta))
		;
	ck_assert_uint_eq(budget_used(), 0);
}
END_TEST

int
main(void)
{
	TCase	*t = world_case("snappy", setup, teardown);
	TCase	*u = world_case("plain", setup_plain, teardown);

	if ((big = calloc(1, BIG)) == NULL)
		return 1;
	tcase_add_test(t, ping);
	tcase_add_test(u, ping);
	tcase_add_test(t, own_ping);
	tcase_add_test(t, ping_flood);
	tcase_add_test(t, sizes);
	tcase_add_test(u, sizes);
	tcase_add_test(t, too_long);
	tcase_add_test(t, byte_by_byte);
	tcase_add_test(t, announced);
	tcase_add_loop_test(t, bad_code, 0, (int)nitems_of(outside));
	tcase_add_loop_test(t, bad_mac, 0, FRAME_HEAD + 32);
	tcase_add_loop_test(t, snappy_lies, 0, (int)nitems_of(lies));
	tcase_add_loop_test(t, goodbye, 0, (int)nitems_of(goodbyes));
	tcase_add_loop_test(u, goodbye, 0, (int)nitems_of(goodbyes));
	tcase_add_test(t, goodbye_unread);
	tcase_add_test(t, closed);
	tcase_add_test(t, read_timeout);
	tcase_add_test(t, write_timeout);
	tcase_add_test(t, stopped);
	tcase_add_test(t, stopped_after_data);
	tcase_add_test(t, linger_limit);
	tcase_add_test(t, orderly_stop);
	tcase_add_test(t, two_owners);
	tcase_add_test(t, no_owner);
	tcase_add_test(t, idle_memory);
	tcase_add_test(t, turnover);
	return world_run("session_peer", t, u);
}
