/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/send.h"
#include "world.h"

static struct tapp	 ta;
static struct tpeer	 tp;
static uint8_t		 body[4096];

static void
setup(void)
{
	world_open();
	tapp_own(&ta, 1, 0, APP_STOP);
	tpeer_up(&tp, 5, 1, &ta);
	ck_assert_uint_eq(ta.head.request, 2);
	told_forget();
}

static void
teardown(void)
{
	tpeer_close(&tp);
	tapp_close(&ta);
	world_close();
}

START_TEST(send_errors)
{
	tapp_message(&ta, 1, 5, 0, 100, 4, "x", 1);
	expect_error(&ta, 1, APE_INVALID);
	tapp_message(&ta, 2, 5, 0, 100, UINT32_MAX, "x", 1);
	expect_error(&ta, 2, APE_INVALID);
	tapp_message(&ta, 3, 6, 0, 100, 0, "x", 1);
	expect_error(&ta, 3, APE_NOTFOUND);
	ck_assert_uint_eq(ta.head.peer, 6);
	tapp_message(&ta, 4, 5, 0, 101, 0, "x", 1);
	expect_error(&ta, 4, APE_NOTFOUND);
	tapp_message(&ta, 5, 0, AFL_COMPLETE, 100, 0, "x", 1);
	tapp_expect(&ta, AF_SENT);
	ck_assert_uint_eq(ta.head.request, 5);
	ck_assert_uint_eq(ta.body[0], APS_GONE);
	request(&ta, AF_HELLO, 6, 0, "", 0);
	expect_error(&ta, 6, APE_INVALID);
	still_works(&ta, &tp);
}
END_TEST

/* Every length that is too short costs the request, not the connection. */
START_TEST(short_frames)
{
	struct app_attach	 at;
	size_t			 n, i;
	uint32_t		 req = 100;

	for (i = 0; i < APP_MSG_HEAD; i++) {
		request(&ta, AF_SEND, ++req, 5, body, i);
		expect_error(&ta, req, APE_MALFORMED);
	}
	for (i = 0; i < 4; i++) {
		request(&ta, AF_DETACH, ++req, 0, body, i);
		expect_error(&ta, req, APE_MALFORMED);
	}
	request(&ta, AF_DISCONNECT, ++req, 5, body, 0);
	expect_error(&ta, req, APE_MALFORMED);
	memset(&at, 0, sizeof(at));
	strlcpy(at.name, "ddd", sizeof(at.name));
	at.nvers = 2;
	at.vers[0].version = 1;
	at.vers[0].codes = at.vers[1].codes = 1;
	n = app_attach_encode(body, sizeof(body), &at);
	for (i = 0; i < n; i++) {
		request(&ta, AF_ATTACH, ++req, 0, body, i);
		expect_error(&ta, req, APE_MALFORMED);
	}
	ck_assert_uint_eq(told_count(M_APP_ATTACH), 0);
	still_works(&ta, &tp);
}
END_TEST

/* Whole requests, byte by byte, in one stream with types nobody knows. */
START_TEST(split_stream)
{
	struct app_head	 h = { 3, 0x0777, 0, 1, 0 };
	uint8_t		 buf[256];
	size_t		 len = 0, i;

	app_head_encode(buf, &h);
	memcpy(buf + APP_HEADER, "abc", 3);
	len += APP_HEADER + 3;
	h.type = AF_MESSAGE;		/* not for the daemon */
	app_head_encode(buf + len, &h);
	memcpy(buf + len + APP_HEADER, "abc", 3);
	len += APP_HEADER + 3;
	h.type = 0x7fff;
	h.len = 0;
	app_head_encode(buf + len, &h);
	len += APP_HEADER;
	h.type = AF_SEND;
	h.len = APP_MSG_HEAD + 4;
	h.peer = 5;
	app_head_encode(buf + len, &h);
	app_put32(buf + len + APP_HEADER, 100);
	app_put32(buf + len + APP_HEADER + 4, 2);
	memcpy(buf + len + APP_HEADER + 8, "data", 4);
	len += APP_HEADER + h.len;
	for (i = 0; i < len; i++) {
		tapp_write(&ta, buf + i, 1);
		pump();
	}
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_uint_eq(tp.code, 0x12);
	ck_assert_mem_eq(tp.data, "data", 4);
	still_works(&ta, &tp);
}
END_TEST

static void
expect_closed(void)
{
	PUMP_UNTIL(told_first(M_APP_CLOSED) != NULL);
	ck_assert_uint_eq(told_count(M_APP_CLOSED), 1);
	while (tapp_recv(&ta))
		;
	ck_assert_ptr_null(app_of(1));
	appcap_gone(100);
}

/* Gone in the middle of a frame, at any byte: its peer ends, cleanly. */
START_TEST(cut_short)
{
	struct app_head	 h = { APP_MSG_HEAD + 10, AF_SEND, 0, 1, 5 };

	app_head_encode(body, &h);
	app_put32(body + APP_HEADER, 100);
	tapp_write(&ta, body, (size_t)_i);
	pump();
	tapp_close(&ta);
	PUMP_UNTIL(told_first(M_APP_CLOSED) != NULL);
	pump();
	ck_assert_uint_eq(told_count(M_PEER_END), 0);
	appcap_gone(100);
	tpeer_expect_disc(&tp, DISC_USELESS);
	ck_assert_uint_eq(((const struct m_peer_end *)
	    told_first(M_PEER_END))->reason, REASON_APP_GONE);
	PUMP_UNTIL(budget_used() == 0);
	tapp_open(&ta, 9);
}
END_TEST

static const struct {
	uint16_t	 type;
	uint32_t	 len;
} monsters[] = {
	{ AF_SEND, APP_BODY_MAX + 1 },
	{ AF_SEND, UINT32_MAX },
	{ AF_ATTACH, APP_COLD_MAX + 1 },
	{ 0x0777, APP_COLD_MAX + 1 },
	{ 0xffff, UINT32_MAX },
};

START_TEST(monster)
{
	struct app_head	 h = { monsters[_i].len, monsters[_i].type, 0, 8, 5 };

	app_head_encode(body, &h);
	tapp_write(&ta, body, APP_HEADER);
	expect_error(&ta, 8, APE_MALFORMED);
	expect_closed();
	tpeer_expect_disc(&tp, DISC_USELESS);
}
END_TEST

/* Noise: whatever it does, it does to itself. */
START_TEST(rubbish)
{
	struct tapp	 bad, other;
	struct tpeer	 p;
	uint8_t		 noise[512];
	unsigned int	 i;

	tapp_own(&other, 2, 1, APP_STOP);
	tpeer_open(&p, 6, shared + 1, 1, 1);
	tapp_expect(&other, AF_PEER_UP);
	for (i = 0; i < 300; i++) {
		tapp_open(&bad, 10 + i);
		arc4random_buf(noise, sizeof(noise));
		/* a third near to what it should be */
		if (i % 3 == 0) {
			memset(noise, 0, 2);
			noise[4] = 0;
			noise[5] = (uint8_t)(i % 7);
		}
		tapp_write(&bad, noise, sizeof(noise));
		pump();
		tapp_close(&bad);
		pump();
	}
	tapp_message(&other, 1, 6, AFL_COMPLETE, 200, 1, "ok", 2);
	tapp_expect(&other, AF_SENT);
	ck_assert_uint_eq(other.body[0], APS_WRITTEN);
	tapp_close(&other);
	tpeer_close(&p);
	still_works(&ta, &tp);
	PUMP_UNTIL(ses.apptab.n == 1);
}
END_TEST

static void
attach_bad(const struct app_attach *at, enum app_error want)
{
	size_t	 n = app_attach_encode(body, sizeof(body), at);

	ck_assert_uint_ne(n, 0);
	request(&ta, AF_ATTACH, 12, 0, body, n);
	expect_error(&ta, 12, want);
}

START_TEST(attach_errors)
{
	struct app_attach	 at, ok;
	struct m_app_attached	 m;
	size_t			 n;
	unsigned int		 i;

	memset(&ok, 0, sizeof(ok));
	strlcpy(ok.name, "ddd", sizeof(ok.name));
	ok.nvers = 2;
	ok.vers[0].version = 1;
	ok.vers[1].version = 2;
	ok.vers[0].codes = ok.vers[1].codes = 17;
	at = ok;
	at.vers[1].version = 1;
	attach_bad(&at, APE_INVALID);
	at = ok;
	at.vers[1].codes = 0;
	attach_bad(&at, APE_INVALID);
	at.mode = APM_TAP;
	attach_bad(&at, APE_INVALID);
	at.vers[1].codes = 65537;
	attach_bad(&at, APE_INVALID);
	at.mode = APM_OWNER;
	attach_bad(&at, APE_INVALID);
	at = ok;
	strlcpy(at.name, "a b", sizeof(at.name));
	attach_bad(&at, APE_INVALID);
	at = ok;
	at.mode = APM_TAP + 1;
	attach_bad(&at, APE_UNSUPPORTED);
	at = ok;
	at.policy = 3;
	attach_bad(&at, APE_UNSUPPORTED);
	ck_assert_uint_eq(told_count(M_APP_ATTACH), 0);

	/* refused by the parent */
	n = app_attach_encode(body, sizeof(body), &ok);
	request(&ta, AF_ATTACH, 13, 0, body, n);
	PUMP_UNTIL(told_first(M_APP_ATTACH) != NULL);
	memset(&m, 0, sizeof(m));
	m.app = 1;
	m.request = 13;
	m.error = APE_BUSY;
	strlcpy(m.text, "taken", sizeof(m.text));
	app_attached(&m);
	expect_error(&ta, 13, APE_BUSY);

	/* only so many at once */
	for (i = 0; i < ATTACHES_MAX; i++)
		request(&ta, AF_ATTACH, 100 + i, 0, body, n);
	request(&ta, AF_ATTACH, 99, 0, body, n);
	expect_error(&ta, 99, APE_QUEUE);

	/* the answer for one that has gone is nobody's */
	m.app = 4444;
	app_attached(&m);
	still_works(&ta, &tp);
}
END_TEST

START_TEST(detach)
{
	const struct m_app_detach *d;

	app_put32(body, 101);
	request(&ta, AF_DETACH, 1, 0, body, 4);
	expect_error(&ta, 1, APE_NOTFOUND);
	app_put32(body, 100);
	request(&ta, AF_DETACH, 2, 0, body, 4);
	tapp_expect(&ta, AF_DETACHED);
	ck_assert_uint_eq(ta.head.request, 2);
	ck_assert_uint_eq(app_get32(ta.body), 100);
	ck_assert_ptr_nonnull(d = told_first(M_APP_DETACH));
	ck_assert_uint_eq(d->app, 1);
	ck_assert_uint_eq(d->capid, 100);
	tpeer_expect_disc(&tp, DISC_USELESS);
	tapp_message(&ta, 3, 5, AFL_COMPLETE, 100, 0, "x", 1);
	tapp_expect(&ta, AF_SENT);
	ck_assert_uint_eq(ta.body[0], APS_GONE);
}
END_TEST

START_TEST(disconnect)
{
	struct app_peer_down	 d;

	request(&ta, AF_DISCONNECT, 1, 4, "\x10", 1);
	expect_error(&ta, 1, APE_NOTFOUND);
	request(&ta, AF_DISCONNECT, 2, 5, "\xff", 1);
	expect_error(&ta, 2, APE_INVALID);
	request(&ta, AF_DISCONNECT, 3, 5, "\x10", 1);
	tapp_expect(&ta, AF_PEER_DOWN);
	ck_assert_int_eq(app_peer_down_decode(&d, ta.body, ta.head.len), 0);
	ck_assert_uint_eq(d.reason, REASON_APPLICATION);
	ck_assert_uint_eq(d.disc, 0x10);
	ck_assert_uint_eq(d.remote, 0);
	tpeer_expect_disc(&tp, 0x10);
}
END_TEST

/* Counters of the end, on both sides of the daemon. */
START_TEST(counters)
{
	const struct m_peer_end	*e;
	struct app_peer_down	 d;

	tpeer_send(&tp, 0x10, "12345", 5);
	tpeer_send(&tp, 0x10, "1234567", 7);
	tapp_expect(&ta, AF_MESSAGE);
	tapp_expect(&ta, AF_MESSAGE);
	tapp_message(&ta, 1, 5, AFL_COMPLETE, 100, 0, "123", 3);
	tapp_expect(&ta, AF_SENT);
	request(&ta, AF_DISCONNECT, 3, 5, "\x00", 1);
	tapp_expect(&ta, AF_PEER_DOWN);
	ck_assert_int_eq(app_peer_down_decode(&d, ta.body, ta.head.len), 0);
	ck_assert_uint_eq(d.msgs_in, 2);
	ck_assert_uint_eq(d.bytes_in, 12);
	ck_assert_uint_eq(d.msgs_out, 1);
	ck_assert_uint_eq(d.bytes_out, 3);
	ck_assert_ptr_nonnull(e = told_first(M_PEER_END));
	ck_assert_uint_eq(e->msgs_in, 2);
	ck_assert_uint_eq(e->msgs_out, 1);
	ck_assert_uint_eq(e->bytes_in, 2 * (FRAME_HEAD + 32));
	ck_assert_uint_eq(e->bytes_out, FRAME_HEAD + 32);
}
END_TEST

/*
 * A sender that asks for nothing back and a peer that reads later: nothing is
 * lost, and the queue stays bounded.
 */
START_TEST(slow_peer)
{
	enum { N = 72, SIZE = 1 << 20 };
	static uint8_t	 data[SIZE];
	struct peer	*p = peer_find(5);
	unsigned int	 i, got = 0;

	arc4random_buf(data, sizeof(data));
	for (i = 0; i < N; i++) {
		data[0] = (uint8_t)i;
		tapp_message(&ta, i, 5, 0, 100, 0, data, SIZE);
		pump();
		ck_assert_uint_lt(budget_used(), SEND_FULL + 8 * SIZE);
		if (app_of(1) != NULL && app_of(1)->pause != 0)
			break;
	}
	/* it waits, and with completion it would not have to */
	ck_assert_uint_lt(i, N);
	ck_assert_uint_ge(send_depth(p, p->caps), SEND_FULL);
	ck_assert_uint_le(p->out.bytes, SEND_SEALED + 2 * SIZE);
	ck_assert(p->over_at != 0);
	while (got <= i && tpeer_recv(&tp)) {
		ck_assert_uint_eq(tp.len, SIZE);
		ck_assert_uint_eq(tp.data[0], got);
		got++;
	}
	ck_assert_uint_eq(got, i + 1);
	ck_assert(p->over_at == 0);
	still_works(&ta, &tp);
}
END_TEST

START_TEST(slow_peer_completion)
{
	enum { N = 40, SIZE = 1 << 20 };
	static uint8_t	 data[SIZE];
	unsigned int	 i, dropped = 0, written = 0;

	arc4random_buf(data, sizeof(data));
	for (i = 0; i < N; i++)
		tapp_message(&ta, i, 5, AFL_COMPLETE, 100, 0, data, SIZE);
	while (tapp_poll(&ta) || dropped == 0) {
		if (ta.head.type == AF_STALLED)
			continue;
		ck_assert_uint_eq(ta.head.type, AF_SENT);
		dropped += ta.body[0] == APS_DROPPED;
		if (dropped == N - 32)
			break;
	}
	ck_assert_uint_ge(dropped, 1);
	ck_assert_uint_eq(peer_find(5)->caps[0].dropped, dropped);
	while (written + dropped < N) {
		while (tpeer_poll(&tp))
			;
		if (!tapp_poll(&ta) || ta.head.type == AF_WRITABLE)
			continue;
		ck_assert_uint_eq(ta.head.type, AF_SENT);
		if (ta.body[0] == APS_WRITTEN)
			written++;
		else
			dropped++;
	}
	ck_assert_uint_ge(written, 31);
}
END_TEST

/* A peer that never reads: the queue's deadline ends it, the sender goes on. */
START_TEST(stuck_peer)
{
	static uint8_t		 data[1 << 20];
	struct peer		*p = peer_find(5);
	struct app		*a = app_of(1);
	const struct m_peer_end	*e;
	struct tpeer		 other;

	tpeer_up(&other, 6, 1, &ta);
	arc4random_buf(data, sizeof(data));
	while (a->pause == 0) {
		tapp_message(&ta, 1, 5, 0, 100, 0, data, sizeof(data));
		pump();
	}
	ck_assert_uint_eq(a->waiting_on, 5);
	p->over_at = mono_ms() - WRITE_MS;
	event_active(&p->ev_timer, EV_TIMEOUT, 1);
	PUMP_UNTIL((e = told_first(M_PEER_END)) != NULL);
	ck_assert_uint_eq(e->reason, REASON_QUEUE_FULL);
	tapp_message(&ta, 2, 6, AFL_COMPLETE, 100, 0, "next", 4);
	ck_assert_int_eq(tpeer_recv(&other), 1);
	ck_assert_mem_eq(other.data, "next", 4);
	tpeer_close(&other);
	PUMP_UNTIL(budget_used() < 1 << 20);
}
END_TEST

int
main(void)
{
	TCase	*t = world_case("app", setup, teardown);

	tcase_add_test(t, send_errors);
	tcase_add_test(t, short_frames);
	tcase_add_test(t, split_stream);
	tcase_add_loop_test(t, cut_short, 0, APP_HEADER + 12);
	tcase_add_loop_test(t, monster, 0, (int)nitems_of(monsters));
	tcase_add_test(t, rubbish);
	tcase_add_test(t, attach_errors);
	tcase_add_test(t, detach);
	tcase_add_test(t, disconnect);
	tcase_add_test(t, counters);
	tcase_add_test(t, slow_peer);
	tcase_add_test(t, slow_peer_completion);
	tcase_add_test(t, stuck_peer);
	return world_run("session_app", t, NULL);
}
