/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "offload.h"

/* Taps: what they see, what they may not ask for, and that they cost nobody. */

static void
expect_message(struct tapp *app, uint32_t flags, uint32_t capid, uint32_t code,
    const char *text)
{
	tapp_expect(app, AF_MESSAGE);
	ck_assert_uint_eq(app->head.flags, flags);
	ck_assert_uint_eq(app_get32(app->body), capid);
	ck_assert_uint_eq(app_get32(app->body + 4), code);
	ck_assert_uint_eq(app->head.len, APP_MSG_HEAD + strlen(text));
	ck_assert_mem_eq(app->body + APP_MSG_HEAD, text, strlen(text));
}

/* Before there is an owner, with one, and after: both ways, and no more. */
START_TEST(taps)
{
	tapp_open(&tb, 2);
	ask(&tb, APM_TAP, 0, _i & 1);
	granted(&tb, 300, 0);
	counts(&tb, AF_SNAPSHOT_END, 0, 0);
	attach(&ta, APM_OWNER, APP_STOP, 100);
	tpeer_open(&tp, 5, shared, 2, _i >> 1);
	tapp_expect(&ta, AF_PEER_UP);
	tapp_expect(&tb, AF_PEER_UP);
	ck_assert_uint_eq(app_get32(tb.body), 300);
	tpeer_send(&tp, 0x11, "in", 2);
	expect_message(&ta, 0, 100, 1, "in");
	expect_message(&tb, 0, 300, 1, "in");
	tpeer_send(&tp, 0x14, "not its own", 11);
	tapp_message(&ta, 1, 5, 0, 100, 2, "out", 3);
	expect_message(&tb, AFL_OUT, 300, 2, "out");
	ck_assert_int_eq(tpeer_recv(&tp), 1);
	/* it sends nothing */
	tapp_message(&tb, 1, 5, AFL_COMPLETE, 300, 2, "out", 3);
	expect_error(&tb, 1, APE_DENIED);
	request(&tb, AF_DISCONNECT, 2, 5, "\x03", 1);
	expect_error(&tb, 2, APE_DENIED);
	app_put32(body, 300);
	request(&tb, AF_UPDATE, 3, 0, body, 4);
	tapp_expect(&tb, AF_UPDATED);
	/* the owner goes, the tap stays with the peer, if that stays */
	lose_app(100);
	tpeer_send(&tp, 0x10, "still", 5);
	expect_message(&tb, 0, 300, 0, "still");
	tapp_open(&ta, 3);
	ask(&ta, APM_OWNER, APP_STOP, 0);
	granted(&ta, 100, 1);
	tapp_expect(&ta, AF_PEER_UP);
	counts(&ta, AF_SNAPSHOT_END, 1, 5);
	/* a second tap, which leaves */
	told_forget();
	ask(&ta, APM_TAP, 0, 1);
	granted(&ta, 301, 0);
	tapp_expect(&ta, AF_PEER_UP);
	counts(&ta, AF_SNAPSHOT_END, 0, 0);
	tpeer_send(&tp, 0x10, "thrice", 6);
	expect_message(&tb, 0, 300, 0, "thrice");
	expect_message(&ta, 0, 301, 0, "thrice");
	expect_message(&ta, 0, 100, 0, "thrice");
	app_put32(body, 301);
	request(&ta, AF_DETACH, 4, 0, body, 4);
	tapp_expect(&ta, AF_DETACHED);
	ck_assert_uint_eq(peer_find(5)->caps[0].tapped, 1);
	tapp_close(&tb);
	PUMP_UNTIL(told_first(M_APP_CLOSED) != NULL);
	PUMP_UNTIL(TAILQ_EMPTY(&ses.taps));
	ck_assert_uint_eq(peer_find(5)->caps[0].tapped, 0);
	tpeer_send(&tp, 0x10, "one", 3);
	expect_message(&ta, 0, 100, 0, "one");
	ck_assert_int_eq(tapp_poll(&ta), 0);
	ck_assert(TAILQ_EMPTY(&ses.orphans));
	tpeer_close(&tp);
}
END_TEST

/* What a tap may not ask for is refused, here or by the parent. */
START_TEST(tap_options)
{
	const struct m_app_attach *m;
	const struct m_app_update *u;
	struct m_app_attached	 no;
	struct m_app_updated	 up;

	opt_first(0, 0, "hello");
	ask(&ta, APM_TAP, 0, 1);
	expect_error(&ta, 99, APE_INVALID);
	opt_u32(AO_HANDSHAKE, 1000);
	ask(&ta, APM_TAP, 0, 0);
	expect_error(&ta, 99, APE_INVALID);
	ck_assert_uint_eq(told_count(M_APP_ATTACH), 0);
	opt_u32(AO_WANTED, 5);
	opt(AO_ENR, "\x03tst\xc3\x82\x01\x02", 8);
	opt(AO_CONDITION, "\x01z", 2);
	ask(&ta, APM_TAP, 0, 0);
	PUMP_UNTIL((m = told_first(M_APP_ATTACH)) != NULL);
	ck_assert_uint_eq(m->meta.wanted, 5);
	ck_assert_uint_eq(m->meta.nenr, 1);
	ck_assert_uint_eq(m->meta.ncond, 1);
	memset(&no, 0, sizeof(no));
	no.app = 1;
	no.request = 99;
	no.error = APE_INVALID;
	strlcpy(no.text, "no", sizeof(no.text));
	app_attached(&no);
	expect_error(&ta, 99, APE_INVALID);

	/* what says that there is none of it asks for nothing */
	opt(AO_FIRST, "", 0);
	opt_u32(AO_HANDSHAKE, 0);
	opt_u32(AO_QUEUE_APP, 5000);
	attach(&ta, APM_TAP, 0, 300);
	ck_assert_uint_eq(appcap_find(300)->max_all, 5000);
	opt_u32(AO_HANDSHAKE, 1000);
	update(1, 300);
	expect_error(&ta, 1, APE_INVALID);
	opt_u32(AO_QUEUE_APP, 6000);
	opt_u32(AO_WANTED, 5);
	update(2, 300);
	PUMP_UNTIL((u = told_first(M_APP_UPDATE)) != NULL);
	ck_assert_uint_eq(u->has, META_WANTED);
	memset(&up, 0, sizeof(up));
	up.app = 1;
	up.request = 2;
	up.capid = 300;
	up.error = APE_INVALID;
	strlcpy(up.text, "no", sizeof(up.text));
	app_updated(&up);
	expect_error(&ta, 2, APE_INVALID);
	ck_assert_uint_eq(appcap_find(300)->max_all, 5000);
}
END_TEST

/* An owner that taps something else cannot send by that. */
START_TEST(owner_and_tap)
{
	struct app_multisend	 m;
	size_t			 n;
	int			 complete;

	attach(&ta, APM_OWNER, APP_STOP, 100);
	tapp_own(&tb, 2, 1, APP_STOP);
	ask(&tb, APM_TAP, 0, 1);
	granted(&tb, 300, 0);
	counts(&tb, AF_SNAPSHOT_END, 0, 0);
	tpeer_up(&tp, 5, 2, &tb);
	tapp_expect(&tb, AF_PEER_UP);
	for (complete = 0; complete < 2; complete++) {
		tapp_message(&tb, 1, 5, complete ? AFL_COMPLETE : 0, 300, 2,
		    "out", 3);
		expect_error(&tb, 1, APE_DENIED);
	}
	app_put32(body, 300);
	request(&tb, AF_ACCEPT, 2, 5, body, 4);
	expect_error(&tb, 2, APE_DENIED);
	memset(&m, 0, sizeof(m));
	m.capid = 300;
	m.select = APL_ALL;
	n = app_multisend_encode(body, sizeof(body), &m);
	request(&tb, AF_MULTISEND, 3, 0, body, n);
	expect_error(&tb, 3, APE_DENIED);
	/* what it owns it may */
	tapp_message(&tb, 4, 5, AFL_COMPLETE, 200, 1, "x", 1);
	tapp_expect(&tb, AF_SENT);
	tapp_close(&tb);
	tpeer_close(&tp);
}
END_TEST

/* What a deaf tap reads in the end: all in order, or counted in its place. */
static void
read_deaf(struct tapp *app, uint32_t all, unsigned int gaps)
{
	uint32_t	 k, at = 0, number;
	uint64_t	 msgs, bytes;

	tapp_expect(app, AF_PEER_UP);
	number = app->head.request;
	while (tapp_poll(app)) {
		ck_assert_uint_eq(app->head.request, ++number);
		if (app->head.type == AF_DROPPED) {
			ck_assert_int_eq(app_counts_decode(&k, &msgs, &bytes,
			    app->body, app->head.len), 0);
			ck_assert_uint_eq(app->head.peer, 0);
			ck_assert_uint_gt(gaps--, 0);
			at += (uint32_t)msgs;
			number += (uint32_t)msgs - 1;
			continue;
		}
		memcpy(&k, app->body + APP_MSG_HEAD, sizeof(k));
		ck_assert_uint_eq(k, at++);
	}
	ck_assert_uint_eq(at, all);
	ck_assert_uint_eq(gaps, 0);
}

/* A tap that does not read loses its own, and holds nobody up. */
START_TEST(deaf_tap)
{
	static uint8_t	 msg[4000];
	uint32_t	 i;

	tapp_open(&tb, 2);
	ask(&tb, APM_TAP, 0, 1);
	granted(&tb, 300, 0);
	counts(&tb, AF_SNAPSHOT_END, 0, 0);
	attach(&ta, APM_OWNER, APP_STOP, 100);
	tpeer_up(&tp, 5, 1, &ta);
	arc4random_buf(msg, sizeof(msg));
	for (i = 0; i < 1000; i++) {
		memcpy(msg, &i, sizeof(i));
		tpeer_send(&tp, 0x10, msg, sizeof(msg));
		tapp_expect(&ta, AF_MESSAGE);
		ck_assert_mem_eq(ta.body + APP_MSG_HEAD, msg, sizeof(msg));
		ck_assert_uint_eq(peer_find(5)->pause, 0);
		ck_assert_uint_lt(budget_used(), 1 << 20);
	}
	ck_assert_uint_eq(ses.dropped, 0);
	ck_assert_uint_gt(ses.tap_dropped, 500);
	read_deaf(&tb, 1000, 1);
	tapp_close(&tb);
	tpeer_close(&tp);
}
END_TEST

/* Of a message for which there is no memory, too. */
START_TEST(deaf_tap_without_memory)
{
	static uint8_t	 msg[100000];
	uint32_t	 i;
	size_t		 n;

	ses.init.queue_app = 2 << 20;
	tapp_open(&tb, 2);
	ask(&tb, APM_TAP, 0, 1);
	granted(&tb, 300, 0);
	counts(&tb, AF_SNAPSHOT_END, 0, 0);
	attach(&ta, APM_OWNER, APP_STOP, 100);
	tpeer_open(&tp, 5, shared, 1, 1);
	tapp_expect(&ta, AF_PEER_UP);
	arc4random_buf(msg, sizeof(msg));
	for (i = 0; i < 1000; i++) {
		memcpy(msg, &i, sizeof(i));
		if (i != 60) {
			tpeer_send(&tp, 0x10, msg, 4000);
			tapp_expect(&ta, AF_MESSAGE);
			continue;
		}
		ck_assert_uint_eq(ses.tap_dropped, 0);
		n = ses.init.mem_budget / 8 * 9 - budget_used();
		ck_assert_int_eq(budget_take(&ses.shared, n), 0);
		tpeer_send(&tp, 0x10, msg, sizeof(msg));
		tapp_expect(&ta, AF_DROPPED);
		budget_give(&ses.shared, n);
		ck_assert_uint_gt(ses.tap_dropped, 0);
	}
	ck_assert_uint_gt(ses.tap_dropped, 500);
	read_deaf(&tb, 1000, 1);
	tapp_close(&tb);
	tpeer_close(&tp);
}
END_TEST

TCase *
taps_case(void)
{
	TCase	*t = world_case("taps", offload_setup, offload_teardown);

	tcase_add_loop_test(t, taps, 0, 4);
	tcase_add_test(t, deaf_tap);
	tcase_add_test(t, deaf_tap_without_memory);
	tcase_add_test(t, tap_options);
	tcase_add_test(t, owner_and_tap);
	return t;
}
