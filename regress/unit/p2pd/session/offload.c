/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "offload.h"

/* Options, and owners that are lost and come back. */
struct tapp	 ta, tb;
struct tpeer	 tp;
uint8_t		 body[70000];
static uint8_t	 opts[8192];
static size_t	 nopts;

void
opt(uint16_t type, const void *value, size_t n)
{
	ck_assert_int_eq(app_opt_add(opts, sizeof(opts), &nopts, type, value,
	    n), 0);
}

void
opt_u32(uint16_t type, uint32_t v)
{
	uint8_t	 buf[4];

	app_put32(buf, v);
	opt(type, buf, sizeof(buf));
}

void
opt_first(uint32_t version, uint32_t code, const char *text)
{
	uint8_t	 buf[256];

	app_put32(buf, version);
	app_put32(buf + 4, code);
	memcpy(buf + 8, text, strlen(text));
	opt(AO_FIRST, buf, 8 + strlen(text));
}

/* bbb/1 and bbb/2, with what opts has; emptied after. */
void
ask(struct tapp *app, enum app_mode mode, enum app_policy policy, int any)
{
	struct app_attach	 at;
	size_t			 n;

	memset(&at, 0, sizeof(at));
	strlcpy(at.name, "bbb", sizeof(at.name));
	at.mode = (uint8_t)mode;
	at.policy = (uint8_t)policy;
	at.nvers = any ? 0 : 2;
	at.vers[0].version = 1;
	at.vers[0].codes = 4;
	at.vers[1].version = 2;
	at.vers[1].codes = 5;
	at.opts = opts;
	at.optslen = nopts;
	told_forget();
	n = app_attach_encode(body, sizeof(body), &at);
	ck_assert_uint_ne(n, 0);
	request(app, AF_ATTACH, 99, 0, body, n);
	nopts = 0;
}

const struct m_app_attach *
granted(struct tapp *app, uint32_t capid, int resumed)
{
	const struct m_app_attach *asked;
	struct m_app_attached	 m;

	PUMP_UNTIL((asked = told_first(M_APP_ATTACH)) != NULL);
	memset(&m, 0, sizeof(m));
	m.app = app->app;
	m.request = 99;
	m.capid = capid;
	m.resumed = (uint8_t)resumed;
	app_attached(&m);
	tapp_expect(app, AF_ATTACHED);
	return asked;
}

void
counts(struct tapp *app, enum app_type type, uint64_t msgs, uint64_t bytes)
{
	uint64_t	 m, b;
	uint32_t	 id;

	tapp_expect(app, type);
	ck_assert_int_eq(app_counts_decode(&id, &m, &b, app->body,
	    app->head.len), 0);
	ck_assert_uint_eq(m, msgs);
	ck_assert_uint_eq(b, bytes);
}

void
attach(struct tapp *app, enum app_mode mode, enum app_policy policy,
    uint32_t capid)
{
	ask(app, mode, policy, 0);
	granted(app, capid, 0);
	counts(app, AF_SNAPSHOT_END, 0, 0);
}

void
offload_setup(void)
{
	world_limits(64 << 20, 64 << 10, 256 << 10, 5000);
	nopts = 0;
	tapp_open(&ta, 1);
}

void
offload_teardown(void)
{
	tapp_close(&ta);
	world_close();
}

void
lose_app(uint32_t capid)
{
	told_forget();
	tapp_close(&ta);
	PUMP_UNTIL(told_first(M_APP_CLOSED) != NULL);
	PUMP_UNTIL(appcap_find(capid)->app == NULL);
}

/* Lost and back: the same peers, and the count of what was missed. */
START_TEST(back_in_time)
{
	attach(&ta, APM_OWNER, APP_STOP, 100);
	tpeer_up(&tp, 5, 1, &ta);
	tpeer_send(&tp, 0x10, "0123456789", 10);
	tapp_expect(&ta, AF_MESSAGE);
	lose_app(100);
	ck_assert_ptr_nonnull(peer_find(5));
	tpeer_send(&tp, 0x10, "12345", 5);
	tpeer_send(&tp, 0x11, "123", 3);
	PUMP_UNTIL(peer_find(5)->msgs_in == 3);
	tpeer_send(&tp, BASE_PING, "\xc0", 1);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_uint_eq(tp.code, BASE_PONG);
	ck_assert_uint_eq(budget_used(), 0);

	tapp_open(&ta, 2);
	ask(&ta, APM_OWNER, APP_DROP, 0);
	granted(&ta, 100, 1);
	tapp_expect(&ta, AF_PEER_UP);
	ck_assert_uint_eq(ta.head.peer, 5);
	ck_assert_uint_eq(ta.head.flags, AFL_SNAPSHOT);
	counts(&ta, AF_SNAPSHOT_END, 2, 8);
	ck_assert(TAILQ_EMPTY(&ses.orphans));
	ck_assert_uint_eq(told_count(M_PEER_END), 0);
	tpeer_send(&tp, 0x10, "back", 4);
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_uint_eq(app_get32(ta.body), 100);
	tapp_message(&ta, 1, 5, AFL_COMPLETE, 100, 0, "x", 1);
	tapp_expect(&ta, AF_SENT);
	ck_assert_uint_eq(ta.body[0], APS_WRITTEN);
	/* what it missed is told once */
	lose_app(100);
	tapp_open(&ta, 3);
	ask(&ta, APM_OWNER, APP_DROP, 0);
	granted(&ta, 100, 1);
	tapp_expect(&ta, AF_PEER_UP);
	counts(&ta, AF_SNAPSHOT_END, 0, 0);
	tpeer_close(&tp);
}
END_TEST

/* What waited for it when it went is among what it missed. */
START_TEST(queue_is_missed)
{
	static uint8_t	 msg[4000];
	struct peer	*p;
	unsigned int	 i;

	attach(&ta, APM_OWNER, APP_STOP, 100);
	tpeer_open(&tp, 5, shared, 1, 1);
	p = peer_find(5);
	arc4random_buf(msg, sizeof(msg));
	for (i = 0; !(p->pause & PAUSE_APP); i++) {
		tpeer_send(&tp, 0x10, msg, sizeof(msg));
		pump();
	}
	lose_app(100);
	/* what was not read of it goes on, to nobody */
	PUMP_UNTIL(p->msgs_in == i && p->pause == 0);
	ck_assert_uint_gt(appcap_find(100)->missed_msgs, 10);
	ck_assert_uint_le(appcap_find(100)->missed_msgs, i);
	ck_assert_uint_eq(appcap_find(100)->missed_bytes,
	    appcap_find(100)->missed_msgs * sizeof(msg));
	ck_assert_uint_eq(p->queued, 0);
	tapp_open(&ta, 2);
	tpeer_close(&tp);
}
END_TEST

static void
answer(uint32_t app, uint32_t capid)
{
	struct m_app_attached	 m;

	memset(&m, 0, sizeof(m));
	m.app = app;
	m.request = 99;
	m.capid = capid;
	m.error = capid == 0 ? APE_BUSY : APE_OK;
	app_attached(&m);
}

/* It has asked, and goes before it has its answer. */
static void
leaves_unheard(void)
{
	PUMP_UNTIL(told_first(M_APP_ATTACH) != NULL);
	tapp_close(&ta);
	PUMP_UNTIL(told_first(M_APP_CLOSED) != NULL);
	pump();
}

/* Gone before it had its answer: what is advertised then waits for it, too. */
START_TEST(gone_before_answer)
{
	opt_first(0, 1, "any");
	ask(&ta, APM_OWNER, APP_STOP, 0);
	leaves_unheard();
	answer(1, 100);
	ck_assert_ptr_nonnull(appcap_find(100));
	ck_assert(TAILQ_EMPTY(&ses.unheard));
	tpeer_open(&tp, 5, shared, 1, 1);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_mem_eq(tp.data, "any", 3);
	ck_assert_uint_eq(told_count(M_PEER_END), 0);
	tapp_open(&ta, 2);
	ask(&ta, APM_OWNER, APP_STOP, 0);
	granted(&ta, 100, 1);
	tapp_expect(&ta, AF_PEER_UP);
	ck_assert_uint_eq(ta.head.peer, 5);
	counts(&ta, AF_SNAPSHOT_END, 0, 0);
	ck_assert_uint_eq(ses.orphaned.held, 0);
	/* refused, and a tap: nothing waits */
	ask(&ta, APM_OWNER, APP_STOP, 0);
	ask(&ta, APM_TAP, APP_DROP, 0);
	leaves_unheard();
	answer(2, 0);
	answer(2, 101);
	ck_assert(TAILQ_EMPTY(&ses.unheard));
	ck_assert_ptr_null(appcap_find(101));
	appcap_gone(100);
	tpeer_expect_disc(&tp, DISC_USELESS);
	tapp_open(&ta, 3);
	tpeer_close(&tp);
}
END_TEST

/* The grace is over: who serves nobody else goes, the others stay. */
START_TEST(back_too_late)
{
	const struct m_peer_end	*e;
	struct tpeer		 both;

	attach(&ta, APM_OWNER, APP_STOP, 100);
	tapp_own(&tb, 2, 1, APP_STOP);
	tpeer_open(&tp, 5, shared, 1, 1);
	tpeer_up(&both, 6, 2, &tb);
	lose_app(100);
	/* one that comes meanwhile is welcome too */
	tpeer_send(&both, 0x14, "on", 2);
	tapp_expect(&tb, AF_MESSAGE);
	ck_assert_uint_eq(told_count(M_PEER_END), 0);
	appcap_gone(100);
	ck_assert_ptr_nonnull(e = told_first(M_PEER_END));
	ck_assert_uint_eq(e->handle, 5);
	ck_assert_uint_eq(e->reason, REASON_APP_GONE);
	ck_assert_uint_eq(told_count(M_PEER_END), 1);
	tpeer_expect_disc(&tp, DISC_USELESS);
	appcap_gone(100);
	appcap_gone(4711);
	/* its range is there still, for one of equal versions and codes */
	tpeer_send(&both, 0x10, "lost", 4);
	tpeer_send(&both, 0x14, "on", 2);
	tapp_expect(&tb, AF_MESSAGE);
	ck_assert_uint_eq(peer_find(6)->caps[0].dropped, 1);
	tapp_open(&ta, 3);
	ask(&ta, APM_OWNER, APP_STOP, 0);
	granted(&ta, 101, 0);
	tapp_expect(&ta, AF_PEER_UP);
	ck_assert_uint_eq(ta.head.peer, 6);
	counts(&ta, AF_SNAPSHOT_END, 0, 0);
	tpeer_send(&both, 0x10, "mine", 4);
	tapp_expect(&ta, AF_MESSAGE);
	/* taken away by the parent, it is told */
	appcap_gone(101);
	tapp_expect(&ta, AF_DETACHED);
	ck_assert_uint_eq(ta.head.request, 0);
	ck_assert_ptr_nonnull(peer_find(6));
	tapp_close(&tb);
	tpeer_close(&tp);
	tpeer_close(&both);
}
END_TEST

/* Peers of an older Hello, whose owner has gone since, go to its heir. */
START_TEST(older_hello)
{
	struct sharedcap	 old = shared[0];

	old.owner = 77;
	attach(&ta, APM_OWNER, APP_STOP, 100);
	tpeer_open(&tp, 5, &old, 1, 1);
	tapp_expect(&ta, AF_PEER_UP);
	ck_assert_uint_eq(ta.head.flags, 0);
	tpeer_close(&tp);
	tapp_expect(&ta, AF_PEER_DOWN);
	old.codes = 3;
	told_forget();
	tpeer_open(&tp, 6, &old, 1, 1);
	PUMP_UNTIL(told_first(M_PEER_END) != NULL);
	tpeer_close(&tp);
}
END_TEST

/* While the owner is away a new peer gets its first message all the same. */
START_TEST(first_message)
{
	opt_first(0, 1, "any");
	opt_first(2, 4, "two");
	attach(&ta, APM_OWNER, APP_STOP, 100);
	tpeer_up(&tp, 5, 1, &ta);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_uint_eq(tp.code, 0x11);
	ck_assert_uint_eq(tp.len, 3);
	ck_assert_mem_eq(tp.data, "any", 3);
	ck_assert_uint_eq(peer_find(5)->caps[0].msgs_out, 1);
	tpeer_close(&tp);
	tpeer_open(&tp, 6, shared + 2, 1, 1);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_uint_eq(tp.code, 0x14);
	ck_assert_mem_eq(tp.data, "two", 3);
	tpeer_close(&tp);
	ck_assert_uint_gt(budget_used(), 0);
	lose_app(100);
	ck_assert_uint_gt(ses.orphaned.held, 0);
	tpeer_open(&tp, 7, shared, 1, 1);
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	ck_assert_mem_eq(tp.data, "any", 3);
	/* nothing to those of the snapshot */
	tapp_open(&ta, 2);
	opt_first(0, 1, "new");
	ask(&ta, APM_OWNER, APP_STOP, 0);
	granted(&ta, 100, 1);
	tapp_expect(&ta, AF_PEER_UP);
	counts(&ta, AF_SNAPSHOT_END, 0, 0);
	ck_assert_int_eq(tpeer_poll(&tp), 0);
	ck_assert_uint_eq(ses.orphaned.held, 0);
	tpeer_close(&tp);
}
END_TEST

START_TEST(handshake)
{
	const struct m_peer_end	*e;
	struct tpeer		 slow;
	uint8_t			 id[4];

	app_put32(id, 100);
	opt_u32(AO_HANDSHAKE, 60);
	attach(&ta, APM_OWNER, APP_STOP, 100);
	tpeer_open(&tp, 5, shared, 1, 1);
	tpeer_open(&slow, 6, shared, 1, 1);
	request(&ta, AF_ACCEPT, 1, 5, id, 4);
	request(&ta, AF_ACCEPT, 2, 7, id, 4);
	tapp_expect(&ta, AF_PEER_UP);
	tapp_expect(&ta, AF_PEER_UP);
	expect_error(&ta, 2, APE_NOTFOUND);
	app_put32(id, 101);
	request(&ta, AF_ACCEPT, 3, 6, id, 4);
	expect_error(&ta, 3, APE_NOTFOUND);
	PUMP_UNTIL((e = told_first(M_PEER_END)) != NULL);
	ck_assert_uint_eq(e->handle, 6);
	ck_assert_uint_eq(e->reason, REASON_HANDSHAKE_TIMEOUT);
	tapp_expect(&ta, AF_PEER_DOWN);
	tpeer_expect_disc(&slow, DISC_TIMEOUT);
	ck_assert_uint_eq(peer_find(5)->caps[0].accept_by, 0);
	tpeer_close(&slow);

	/* whoever is away accepts nobody, and need not again who it did */
	tpeer_up(&slow, 8, 1, &ta);
	lose_app(100);
	ck_assert_uint_eq(peer_find(8)->caps[0].accept_by, 0);
	tapp_open(&ta, 2);
	opt_u32(AO_HANDSHAKE, 50);
	ask(&ta, APM_OWNER, APP_STOP, 0);
	granted(&ta, 100, 1);
	ck_assert_uint_eq(peer_find(5)->caps[0].accept_by, 0);
	PUMP_UNTIL((e = told_first(M_PEER_END)) != NULL);
	ck_assert_uint_eq(e->handle, 8);
	ck_assert_ptr_nonnull(peer_find(5));
	tpeer_close(&slow);
	tpeer_close(&tp);
}
END_TEST

static void
bad(enum app_error want)
{
	ask(&ta, APM_OWNER, APP_STOP, 0);
	expect_error(&ta, 99, want);
	ck_assert_uint_eq(told_count(M_APP_ATTACH), 0);
	ck_assert_uint_eq(budget_used(), 0);
}

START_TEST(bad_options)
{
	unsigned int	 i;

	opt(AO_QUEUE_PEER, "123", 3);
	bad(APE_MALFORMED);
	opt_u32(AO_HANDSHAKE, APP_HANDSHAKE_MAX + 1);
	bad(APE_INVALID);
	opt(AO_FIRST, "1234567", 7);
	bad(APE_MALFORMED);
	opt_first(3, 0, "no such version");
	bad(APE_INVALID);
	opt_first(1, 4, "no such code");
	bad(APE_INVALID);
	opt_first(0, 4, "in one version only");
	bad(APE_INVALID);
	opt_first(1, 1, "twice");
	opt_first(1, 2, "twice");
	bad(APE_INVALID);
	opt(AO_ENR, "\x05shrt", 5);
	bad(APE_MALFORMED);
	opt(AO_ENR, "\x03" "a\0b\x01", 5);
	bad(APE_INVALID);
	for (i = 0; i <= APP_ENRS_MAX; i++)
		opt(AO_ENR, "\x01" "a\x01", 3);
	bad(APE_INVALID);
	for (i = 0; i <= APP_CONDS_MAX; i++)
		opt(AO_CONDITION, "\x01" "a", 2);
	bad(APE_INVALID);
	opt(AO_CONDITION, "\x01" "a\x21", 3);
	bad(APE_MALFORMED);
	opt(AO_CONDITION, "\x01" "a\x00", 3);
	bad(APE_MALFORMED);
}
END_TEST

/* What is the parent's comes to it; the rest is set here. */
START_TEST(all_options)
{
	const struct m_app_attach *m;
	struct appcap		*ac;

	opt_u32(AO_QUEUE_PEER, 1000);
	opt_u32(AO_QUEUE_APP, 1 << 30);
	opt(0x7777, "whatever", 8);
	opt_u32(AO_WANTED, 25);
	opt(AO_ENR, "\x03tst\xc3\x82\x01\x02", 8);
	opt(AO_ENR, "\x02xy\x01", 4);
	opt(AO_CONDITION, "\x01z", 2);
	opt(AO_CONDITION, "\x03tst\x03\xc3\x82\x01\x02\xc3\x82", 11);
	ask(&ta, APM_OWNER, APP_STOP, 0);
	m = granted(&ta, 100, 0);
	ck_assert_uint_eq(m->meta.wanted, 25);
	ck_assert_uint_eq(m->meta.nenr, 2);
	ck_assert_str_eq(m->meta.enr[0].key, "tst");
	ck_assert_uint_eq(m->meta.enr[0].len, 4);
	ck_assert_mem_eq(m->meta.enr[0].val, "\xc3\x82\x01\x02", 4);
	ck_assert_str_eq(m->meta.enr[1].key, "xy");
	ck_assert_uint_eq(m->meta.ncond, 2);
	ck_assert_str_eq(m->meta.cond[1].key, "tst");
	ck_assert_uint_eq(m->meta.nprefix, 2);
	ck_assert_uint_eq(m->meta.prefix[0].cond, 1);
	ck_assert_uint_eq(m->meta.prefix[1].len, 2);
	ck_assert_ptr_nonnull(ac = appcap_find(100));
	ck_assert_uint_eq(ac->max_peer, 1000);
	ck_assert_uint_eq(ac->max_all, 256 << 10);
}
END_TEST

void
update(uint32_t req, uint32_t capid)
{
	app_put32(body, capid);
	memcpy(body + 4, opts, nopts);
	request(&ta, AF_UPDATE, req, 0, body, 4 + nopts);
	nopts = 0;
}

/* Of capability 100, with options that updates change. */
static struct appcap *
attach_owner(void)
{
	opt_first(1, 1, "first");
	opt_u32(AO_QUEUE_PEER, 2000);
	attach(&ta, APM_OWNER, APP_STOP, 100);
	return appcap_find(100);
}

START_TEST(updates)
{
	struct m_app_updated	 m;
	struct appcap		*ac;

	ac = attach_owner();
	update(1, 101);
	expect_error(&ta, 1, APE_NOTFOUND);
	opt_u32(AO_HANDSHAKE, 1234);
	update(2, 100);
	tapp_expect(&ta, AF_UPDATED);
	ck_assert_uint_eq(app_get32(ta.body), 100);
	ck_assert_uint_eq(ac->handshake_ms, 1234);
	ck_assert_uint_eq(ac->max_peer, 2000);
	ck_assert_ptr_nonnull(ac->firsts);
	ck_assert_uint_eq(told_count(M_APP_UPDATE), 0);
	/* detached before the answer */
	opt_u32(AO_WANTED, 1);
	update(5, 100);
	request(&ta, AF_DETACH, 6, 0, body, 4);
	tapp_expect(&ta, AF_DETACHED);
	memset(&m, 0, sizeof(m));
	m.app = 1;
	m.capid = 100;
	m.request = 5;
	app_updated(&m);
	expect_error(&ta, 5, APE_NOTFOUND);
	/* one that has gone is told nothing */
	m.app = 4711;
	app_updated(&m);
}
END_TEST

START_TEST(parent_decides)
{
	const struct m_app_update *u;
	struct m_app_updated	 m;
	struct appcap		*ac;

	ac = attach_owner();
	/* whole or not at all: the parent's no is for the session's part too */
	opt(AO_FIRST, "", 0);
	opt(AO_QUEUE_PEER, "", 0);
	opt_u32(AO_WANTED, 50);
	update(3, 100);
	PUMP_UNTIL((u = told_first(M_APP_UPDATE)) != NULL);
	ck_assert_uint_eq(u->capid, 100);
	ck_assert_uint_eq(u->has, META_WANTED);
	ck_assert_uint_eq(u->meta.wanted, 50);
	memset(&m, 0, sizeof(m));
	m.app = 1;
	m.request = 3;
	m.capid = 100;
	m.error = APE_RECORD;
	strlcpy(m.text, "full", sizeof(m.text));
	app_updated(&m);
	expect_error(&ta, 3, APE_RECORD);
	ck_assert_ptr_nonnull(ac->firsts);
	ck_assert_uint_eq(ac->max_peer, 2000);
	told_forget();
	opt(AO_FIRST, "", 0);
	opt(AO_QUEUE_PEER, "", 0);
	opt(AO_ENR, "", 0);
	update(4, 100);
	PUMP_UNTIL((u = told_first(M_APP_UPDATE)) != NULL);
	ck_assert_uint_eq(u->has, META_ENR);
	ck_assert_uint_eq(u->meta.nenr, 0);
	m.request = 4;
	m.error = APE_OK;
	app_updated(&m);
	tapp_expect(&ta, AF_UPDATED);
	ck_assert_ptr_null(ac->firsts);
	ck_assert_uint_eq(ac->max_peer, 64 << 10);
	ck_assert_uint_eq(budget_used(), 0);
}
END_TEST

START_TEST(lower_limits)
{
	static uint8_t	 msg[1000];
	unsigned int	 i;

	opt_u32(AO_QUEUE_PEER, 8000);
	opt_u32(AO_QUEUE_APP, 20000);
	attach(&ta, APM_OWNER, APP_DROP, 100);
	tpeer_open(&tp, 5, shared, 1, 1);
	arc4random_buf(msg, sizeof(msg));
	for (i = 0; i < 1000; i++) {
		tpeer_send(&tp, 0x10, msg, sizeof(msg));
		pump();
		ck_assert_uint_lt(peer_find(5)->queued, 8000 + 1100);
		ck_assert_uint_lt(appcap_find(100)->queued, 20000 + 1100);
	}
	ck_assert_uint_gt(appcap_find(100)->dropped, 100);
	tpeer_close(&tp);
}
END_TEST

START_TEST(penalties_and_hints)
{
	const struct m_app_penalise *pen;
	const struct m_app_hint	*hint;
	struct app_hint		 h;
	struct app_peer_down	 d;
	char			 text[ADDR_STRLEN];
	size_t			 n;

	attach(&ta, APM_OWNER, APP_STOP, 100);
	tpeer_up(&tp, 5, 1, &ta);
	told_forget();
	request(&ta, AF_PENALISE, 1, 6, "\x02\0\0\0\0\0\0\x10", 8);
	expect_error(&ta, 1, APE_NOTFOUND);
	request(&ta, AF_PENALISE, 2, 5, "\xff\0\0\0\0\0\0\x10", 8);
	expect_error(&ta, 2, APE_INVALID);
	request(&ta, AF_PENALISE, 3, 5, "\x02\0\0\0\0\0\0", 7);
	expect_error(&ta, 3, APE_MALFORMED);
	/* once is enough */
	request(&ta, AF_PENALISE, 4, 5, "\x02\0\0\0\0\0\x0e\x10", 8);
	request(&ta, AF_PENALISE, 5, 5, "\x02\0\0\0\0\0\x0e\x10", 8);
	PUMP_UNTIL((pen = told_first(M_APP_PENALISE)) != NULL);
	pump();
	ck_assert_uint_eq(told_count(M_APP_PENALISE), 1);
	ck_assert_uint_eq(pen->handle, 5);
	ck_assert_uint_eq(pen->disc, 2);
	ck_assert_uint_eq(pen->secs, 3600);
	peers_stop(5, REASON_APPLICATION, 2);
	tapp_expect(&ta, AF_PEER_DOWN);
	tpeer_close(&tp);
	tpeer_up(&tp, 7, 1, &ta);
	request(&ta, AF_PENALISE, 6, 7, "\x03\0\0\0\0\0\0\0", 8);
	tapp_expect(&ta, AF_PEER_DOWN);
	ck_assert_int_eq(app_peer_down_decode(&d, ta.body, ta.head.len), 0);
	ck_assert_uint_eq(d.disc, 3);
	tpeer_close(&tp);

	memset(&h, 0, sizeof(h));
	memset(h.id, 0x55, sizeof(h.id));
	n = app_hint_encode(body, sizeof(body), &h);
	request(&ta, AF_HINT, 7, 0, body, n);
	expect_error(&ta, 7, APE_INVALID);
	ck_assert_int_eq(addr_parse(&h.addr, "192.0.2.7:30303"), 0);
	h.udp = 30301;
	n = app_hint_encode(body, sizeof(body), &h);
	request(&ta, AF_HINT, 8, 0, body, n);
	PUMP_UNTIL((hint = told_first(M_APP_HINT)) != NULL);
	ck_assert_uint_eq(hint->app, 1);
	ck_assert_uint_eq(hint->udp, 30301);
	ck_assert_mem_eq(hint->id, h.id, sizeof(h.id));
	ck_assert_int_eq(addr_cmp(&hint->addr, &h.addr), 0);
	/* as a socket for both families writes it */
	told_forget();
	h.addr.af = 6;
	memcpy(h.addr.ip + 12, h.addr.ip, 4);
	memset(h.addr.ip, 0, 10);
	memset(h.addr.ip + 10, 0xff, 2);
	n = app_hint_encode(body, sizeof(body), &h);
	request(&ta, AF_HINT, 10, 0, body, n);
	PUMP_UNTIL((hint = told_first(M_APP_HINT)) != NULL);
	ck_assert_str_eq(addr_format(&hint->addr, text), "192.0.2.7:30303");
	parent_full = 1;
	request(&ta, AF_HINT, 9, 0, body, n);
	expect_error(&ta, 9, APE_QUEUE);
}
END_TEST

int
main(void)
{
	TCase	*t = world_case("offload", offload_setup, offload_teardown);

	tcase_add_test(t, back_in_time);
	tcase_add_test(t, queue_is_missed);
	tcase_add_test(t, gone_before_answer);
	tcase_add_test(t, back_too_late);
	tcase_add_test(t, older_hello);
	tcase_add_test(t, first_message);
	tcase_add_test(t, handshake);
	tcase_add_test(t, bad_options);
	tcase_add_test(t, all_options);
	tcase_add_test(t, updates);
	tcase_add_test(t, parent_decides);
	tcase_add_test(t, lower_limits);
	tcase_add_test(t, penalties_and_hints);
	return world_run("session_offload", t, taps_case());
}
