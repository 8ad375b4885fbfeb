/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "regress/unit/lib/fake.h"

static struct fake	 f;
static struct p2papp	*app;
static uint32_t		 cap;
static const uint32_t	 capids[] = { 7, 9, 11 };

static void
setup(void)
{
	fake_start(&f, 2);
	app = fake_app(&f, capids, &cap);
}

static void
teardown(void)
{
	p2papp_close(app);
	app = NULL;
	fake_stop(&f);
}

static const struct p2papp_event *
peer(uint16_t session, uint32_t handle)
{
	fake_peer_up(&f, session, handle, capids[session]);
	return expect(app, P2PAPP_PEER_UP);
}

/* Waits until the library has come back, without an event. */
static uint16_t
accept_again(void)
{
	struct app_hello	 hello;
	struct pollfd		 pfd = { f.lfd, POLLIN, 0 };

	while (poll(&pfd, 1, 0) == 0) {
		ck_assert_int_eq(p2papp_wait(app, 6000), 1);
		expect_none(app);
	}
	fake_accept(&f, &hello);
	ck_assert_mem_eq(hello.token, f.token, 16);
	return hello.session;
}

/* Hello, token and number of sessions; peers of both in one stream. */
START_TEST(two_sessions)
{
	static const struct p2papp_version v = { 5, 3 };
	const struct p2papp_event	*ev;
	struct app_attach		 attach;
	struct app_hello		 hello;
	uint32_t			 second;

	fake_start(&f, 2);
	ck_assert_ptr_nonnull(app = p2papp_open(f.path, "two", NULL));
	ck_assert_ptr_null(p2papp_token(app));
	ck_assert_int_eq(p2papp_attach(app, "aaa", &v, 1, P2PAPP_DROP, &cap), 0);
	ck_assert_uint_eq(fake_accept(&f, &hello), 0);
	ck_assert_uint_eq(hello.token[0], 0);
	ck_assert_str_eq(hello.name, "two");
	expect_none(app);
	fake_welcome(&f, 0);
	ev = expect(app, P2PAPP_SESSION_UP);
	ck_assert_uint_eq(ev->session, 0);
	ck_assert_uint_eq(ev->sessions, 2);
	ck_assert_mem_eq(p2papp_token(app), f.token, 16);
	ck_assert_uint_eq(p2papp_id(app)[0], 0xdd);
	expect_none(app);

	/* the second shows the token; what the first tells is told already */
	ck_assert_uint_eq(fake_accept(&f, &hello), 1);
	ck_assert_mem_eq(hello.token, f.token, 16);
	second = f.head.request;
	fake_read(&f, 0, AF_ATTACH);
	ck_assert_int_eq(app_attach_decode(&attach, f.body, f.head.len), 0);
	ck_assert_str_eq(attach.name, "aaa");
	ck_assert_uint_eq(attach.policy, APP_DROP);
	ck_assert_uint_eq(attach.vers[0].codes, 3);
	fake_capid(&f, 0, AF_ATTACHED, f.head.request, 70);
	fake_peer_up(&f, 0, 1000, 70);
	fake_capid(&f, 0, AF_SNAPSHOT_END, ++f.events[0], 70);
	ev = expect(app, P2PAPP_ATTACHED);
	ck_assert_uint_eq(ev->cap, cap);
	ck_assert_str_eq(ev->capability, "aaa");
	ev = expect(app, P2PAPP_PEER_UP);
	ck_assert_uint_eq(ev->peer, 1000);
	ck_assert_uint_eq(ev->version, 2);
	ck_assert_uint_eq(ev->up->codes, 8);
	ck_assert_str_eq(ev->up->remote, "0.0.0.0:1000");
	ck_assert_str_eq(ev->up->client, "client-1000");
	expect_none(app);
	f.head.request = second;
	fake_welcome(&f, 1);
	expect(app, P2PAPP_SESSION_UP);
	fake_read(&f, 1, AF_ATTACH);
	fake_capid(&f, 1, AF_ATTACHED, f.head.request, 71);
	expect_none(app);
	fake_peer_up(&f, 1, 1001, 71);
	fake_capid(&f, 1, AF_SNAPSHOT_END, ++f.events[1], 71);
	ck_assert_uint_eq(expect(app, P2PAPP_PEER_UP)->peer, 1001);
	ck_assert_uint_eq(expect(app, P2PAPP_SNAPSHOT_END)->cap, cap);
}
END_TEST

/* Messages come from both, and are sent to where the peer is. */
START_TEST(messages)
{
	const struct p2papp_event	*ev;
	uint32_t			 other, request;

	peer(0, 1000);
	peer(1, 1001);
	fake_message(&f, 1, 1001, 9, 7, "abc", 3);
	fake_message(&f, 0, 1000, 7, 0, NULL, 0);
	for (other = 0; other < 2; other++) {
		ev = expect(app, P2PAPP_MESSAGE);
		if (ev->peer == 1001) {
			ck_assert_uint_eq(ev->code, 7);
			ck_assert_uint_eq(ev->len, 3);
			ck_assert_mem_eq(ev->data, "abc", 3);
		} else
			ck_assert_uint_eq(ev->len, 0);
	}
	ck_assert_int_eq(p2papp_send(app, 1001, cap, 3, "xyzz", 4,
	    P2PAPP_COMPLETE, &request), 0);
	ck_assert_uint_eq(p2papp_outstanding(app), 1);
	fake_read(&f, 1, AF_SEND);
	ck_assert_uint_eq(f.head.flags, AFL_COMPLETE);
	ck_assert_uint_eq(f.head.request, request);
	ck_assert_uint_eq(f.head.peer, 1001);
	ck_assert_uint_eq(app_get32(f.body), 9);
	ck_assert_uint_eq(app_get32(f.body + 4), 3);
	ck_assert_uint_eq(f.head.len, 12);
	ck_assert_mem_eq(f.body + 8, "xyzz", 4);
	fake_sent(&f, 1, request, 1001, APS_WRITTEN, 77);
	ev = expect(app, P2PAPP_SENT);
	ck_assert_uint_eq(ev->request, request);
	ck_assert_uint_eq(ev->peer, 1001);
	ck_assert_uint_eq(ev->outcome, P2PAPP_WRITTEN);
	ck_assert_uint_eq(ev->depth, 77);
	ck_assert_uint_eq(p2papp_outstanding(app), 0);
}
END_TEST

START_TEST(disconnect)
{
	const struct p2papp_event	*ev;

	peer(0, 1000);
	ck_assert_int_eq(p2papp_disconnect(app, 1000, DISC_USELESS, NULL), 0);
	fake_read(&f, 0, AF_DISCONNECT);
	ck_assert_uint_eq(f.head.peer, 1000);
	ck_assert_uint_eq(f.body[0], DISC_USELESS);
	fake_peer_down(&f, 0, 1000, 7);
	ev = expect(app, P2PAPP_PEER_DOWN);
	ck_assert_uint_eq(ev->peer, 1000);
	ck_assert_uint_eq(ev->down->reason, REASON_REMOTE);
	ck_assert_int_eq(ev->down->disc, DISC_TOO_MANY);
	ck_assert_int_eq(ev->down->remote, 1);
	ck_assert_uint_eq(ev->down->ms, 1234);
	ck_assert_int_eq(p2papp_send(app, 1000, cap, 3, "x", 1, 0, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(arguments)
{
	struct p2papp_version	 v[17] = { { 1, 1 }, { 2, 65536 }, { 1, 2 } };
	uint32_t		 c, i;
	char			 name[9];

	ck_assert_int_eq(p2papp_attach(app, "", v, 1, P2PAPP_STOP, &c), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(p2papp_attach(app, "a/b", v, 1, P2PAPP_STOP, &c), -1);
	ck_assert_int_eq(p2papp_attach(app, "123456789", v, 1, P2PAPP_STOP, &c), -1);
	ck_assert_int_eq(p2papp_attach(app, "x", v, 0, P2PAPP_STOP, &c), -1);
	ck_assert_int_eq(p2papp_attach(app, "x", v, 17, P2PAPP_STOP, &c), -1);
	ck_assert_int_eq(p2papp_attach(app, "x", v, 3, P2PAPP_STOP, &c), -1);
	ck_assert_int_eq(p2papp_attach(app, "tst", v, 1, P2PAPP_STOP, &c), -1);
	ck_assert_int_eq(errno, EEXIST);
	v[0].codes = 65537;
	ck_assert_int_eq(p2papp_attach(app, "x", v, 1, P2PAPP_STOP, &c), -1);
	v[0].codes = 1;
	for (i = 1; i < P2PAPP_CAPS; i++) {
		memset(name, 0, sizeof(name));
		name[0] = (char)('a' + i % 26);
		name[1] = (char)('a' + i / 26);
		ck_assert_int_eq(p2papp_attach(app, name, v, 2, P2PAPP_STOP, &c), 0);
	}
	ck_assert_int_eq(p2papp_attach(app, "zz", v, 2, P2PAPP_STOP, &c), -1);
	ck_assert_int_eq(errno, E2BIG);
	ck_assert_int_eq(p2papp_detach(app, 12345), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(p2papp_disconnect(app, 1, 0, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(p2papp_disconnect(app, 1, 255, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(p2papp_open("/nonexistent/app.sock", "x", NULL));
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

/* Exactly the peers of the dead session go; it comes back with the token. */
START_TEST(session_dies)
{
	const struct p2papp_event	*ev;
	uint32_t			 i, request;
	int				 seen = 0;

	for (i = 0; i < 10; i++)
		peer(i % 2, 100 + i);
	ck_assert_int_eq(p2papp_send(app, 103, cap, 0, "", 0, P2PAPP_COMPLETE,
	    &request), 0);
	ck_assert_int_eq(p2papp_send(app, 102, cap, 0, "", 0, P2PAPP_COMPLETE,
	    NULL), 0);
	fake_message(&f, 1, 101, 9, 1, "last", 4);
	fake_close(&f, 1);
	/* unread input makes the close a reset: the last words may be lost */
	do
		ev = NULL, p2papp_next(app, &ev);
	while (ev == NULL || ev->type == P2PAPP_MESSAGE);
	ck_assert_int_eq(ev->type, P2PAPP_SENT);
	ck_assert_uint_eq(ev->request, request);
	ck_assert_uint_eq(ev->outcome, P2PAPP_GONE);
	for (i = 0; i < 5; i++) {
		ev = expect(app, P2PAPP_PEER_DOWN);
		ck_assert_uint_eq(ev->down->reason, REASON_SESSION_DIED);
		ck_assert_int_eq(ev->down->disc, -1);
		ck_assert_uint_eq(ev->peer % 2, 1);
		seen |= 1 << (ev->peer - 100);
	}
	ck_assert_int_eq(seen, 0x2aa);
	ck_assert_uint_eq(expect(app, P2PAPP_SESSION_DOWN)->session, 1);
	ck_assert_int_eq(p2papp_send(app, 101, cap, 0, "", 0, 0, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(p2papp_send(app, 100, cap, 0, "", 0, 0, NULL), 0);

	ck_assert_int_ge(p2papp_timeout(app), 0);
	ck_assert_uint_eq(accept_again(), 1);
	fake_welcome(&f, 1);
	expect(app, P2PAPP_SESSION_UP);
	/* attached again without a word; its number there may differ */
	fake_attached(&f, 1, 33);
	ck_assert_uint_eq(expect(app, P2PAPP_RESUMED)->session, 1);
	fake_peer_up(&f, 1, 200, 33);
	ck_assert_uint_eq(expect(app, P2PAPP_PEER_UP)->peer, 200);
	fake_message(&f, 0, 102, 7, 1, "x", 1);
	ck_assert_uint_eq(expect(app, P2PAPP_MESSAGE)->peer, 102);
	expect_none(app);
	ck_assert_uint_eq(p2papp_outstanding(app), 1);
	ck_assert_int_eq(p2papp_timeout(app), -1);
}
END_TEST

/* A new token means a new daemon: the rest of the old one is let go. */
START_TEST(daemon_restarts)
{
	peer(1, 5);
	fake_close(&f, 0);
	ck_assert_uint_eq(expect(app, P2PAPP_SESSION_DOWN)->session, 0);
	accept_again();
	f.token[0] = 99;
	f.sessions = 1;
	fake_welcome(&f, 0);
	expect(app, P2PAPP_SESSION_UP);
	ck_assert_uint_eq(p2papp_token(app)[0], 99);
	ck_assert_uint_eq(expect(app, P2PAPP_PEER_DOWN)->peer, 5);
	ck_assert_uint_eq(expect(app, P2PAPP_SESSION_DOWN)->session, 1);
	fake_attached(&f, 0, 1);
	expect(app, P2PAPP_RESUMED);
	fake_peer_up(&f, 0, 5, 1);
	ck_assert_uint_eq(expect(app, P2PAPP_PEER_UP)->peer, 5);
	expect_none(app);
	ck_assert_int_eq(p2papp_timeout(app), -1);
}
END_TEST

/* All sessions gone: one hello at a time, until the daemon answers again. */
START_TEST(daemon_away)
{
	uint16_t		 s;

	fake_close(&f, 0);
	fake_close(&f, 1);
	expect(app, P2PAPP_SESSION_DOWN);
	expect(app, P2PAPP_SESSION_DOWN);
	s = accept_again();
	expect_none(app);
	ck_assert_int_eq(p2papp_wait(app, 300), 0);
	fake_error(&f, s, f.head.request, APE_STOPPING, "stopping");
	fake_close(&f, s);
	s = accept_again();
	f.token[0] ^= 1;
	fake_welcome(&f, s);
	ck_assert_uint_eq(expect(app, P2PAPP_SESSION_UP)->session, s);
}
END_TEST

START_TEST(hello_refused)
{
	static const struct {
		uint16_t	 error;
		int		 err;
	} cases[] = {
		{ APE_DENIED, EACCES }, { APE_VERSION, EPROTONOSUPPORT },
		{ APE_STOPPING, EBUSY }, { APE_OK, ECONNRESET },
	};
	const struct p2papp_event	*ev;
	struct app_hello		 hello;

	fake_start(&f, 1);
	ck_assert_ptr_nonnull(app = p2papp_open(f.path, "no", NULL));
	fake_accept(&f, &hello);
	if (cases[_i].error != APE_OK)
		fake_error(&f, 0, f.head.request, cases[_i].error, "because");
	fake_close(&f, 0);
	ck_assert_int_eq(p2papp_next(app, &ev), -1);
	ck_assert_int_eq(errno, cases[_i].err);
	if (cases[_i].error != APE_OK)
		ck_assert_ptr_nonnull(strstr(p2papp_error(app), "because"));
	ck_assert_int_eq(p2papp_next(app, &ev), -1);
	ck_assert_int_eq(errno, cases[_i].err);
}
END_TEST

START_TEST(attach_refused)
{
	static const struct p2papp_version	 v = { 1, 1 };
	const struct p2papp_event		*ev;
	uint32_t				 c, again;

	ck_assert_int_eq(p2papp_attach(app, "two", &v, 1, P2PAPP_STOP, &c), 0);
	fake_read(&f, 0, AF_ATTACH);
	fake_error(&f, 0, f.head.request, APE_BUSY, "owned by eth");
	ev = expect(app, P2PAPP_ERROR);
	ck_assert_uint_eq(ev->cap, c);
	ck_assert_str_eq(ev->capability, "two");
	ck_assert_uint_eq(ev->error, P2PAPP_E_BUSY);
	ck_assert_str_eq(ev->text, "owned by eth");
	ck_assert_int_eq(p2papp_attach(app, "two", &v, 1, P2PAPP_STOP, &again), -1);
	ck_assert_int_eq(errno, EBUSY);
	/* the other said yes: it gets it back */
	fake_read(&f, 1, AF_ATTACH);
	fake_capid(&f, 1, AF_ATTACHED, f.head.request, 50);
	fake_peer_up(&f, 1, 1, 50);
	expect_none(app);
	fake_read(&f, 1, AF_DETACH);
	ck_assert_uint_eq(app_get32(f.body), 50);
	fake_capid(&f, 1, AF_DETACHED, f.head.request, 50);
	expect_none(app);
	ck_assert_int_eq(p2papp_attach(app, "two", &v, 1, P2PAPP_STOP, &again), 0);
	ck_assert_uint_ne(again, c);
	fake_attached(&f, 0, 51);
	expect(app, P2PAPP_ATTACHED);
	fake_read(&f, 1, AF_ATTACH);
	fake_error(&f, 1, f.head.request, APE_BUSY, "too late");
	ev = expect(app, P2PAPP_DETACHED);
	ck_assert_uint_eq(ev->cap, again);
	ck_assert_uint_eq(ev->error, P2PAPP_E_BUSY);
	fake_read(&f, 0, AF_DETACH);
	fake_capid(&f, 0, AF_DETACHED, f.head.request, 51);
	expect_none(app);
}
END_TEST

START_TEST(detach)
{
	const struct p2papp_event	*ev;
	uint32_t			 request;

	peer(0, 1);
	peer(1, 2);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 0, "", 0, P2PAPP_COMPLETE,
	    &request), 0);
	ck_assert_int_eq(p2papp_detach(app, cap), 0);
	ck_assert_int_eq(p2papp_detach(app, cap), -1);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 0, "", 0, 0, NULL), -1);
	fake_message(&f, 0, 1, 7, 0, "late", 4);
	fake_peer_down(&f, 1, 2, 9);
	expect_none(app);
	fake_read(&f, 0, AF_SEND);
	fake_read(&f, 0, AF_DETACH);
	fake_sent(&f, 0, request, 1, APS_GONE, 0);
	ck_assert_uint_eq(expect(app, P2PAPP_SENT)->outcome, P2PAPP_GONE);
	fake_capid(&f, 0, AF_DETACHED, f.head.request, 7);
	expect_none(app);
	fake_read(&f, 1, AF_DETACH);
	fake_capid(&f, 1, AF_DETACHED, f.head.request, 9);
	ev = expect(app, P2PAPP_DETACHED);
	ck_assert_uint_eq(ev->cap, cap);
	ck_assert_uint_eq(ev->error, 0);
	expect_none(app);
}
END_TEST

START_TEST(errors)
{
	const struct p2papp_event	*ev;
	uint32_t			 request;

	peer(0, 1);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 8, "", 0, 0, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 7, "", 0x1000000, 0, NULL), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 7, "", 0, P2PAPP_COMPLETE,
	    &request), 0);
	fake_error(&f, 0, request, APE_TOOBIG, "big");
	ev = expect(app, P2PAPP_ERROR);
	ck_assert_uint_eq(ev->request, request);
	ck_assert_uint_eq(ev->peer, 1);
	ck_assert_uint_eq(ev->cap, cap);
	ck_assert_uint_eq(p2papp_outstanding(app), 0);
	/* an answer to nothing asked is passed over */
	fake_sent(&f, 0, request, 1, APS_WRITTEN, 0);
	fake_peer_down(&f, 0, 77, 7);
	fake_message(&f, 0, 77, 7, 0, "", 0);
	fake_message(&f, 0, 1, 8, 0, "", 0);
	fake_peer_up(&f, 0, 3, 8);
	fake_capid(&f, 0, AF_DETACHED, 1, 8);
	/* nor is a peer of another session touched */
	fake_peer_down(&f, 1, 1, 9);
	expect_none(app);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 7, "", 0, 0, NULL), 0);
}
END_TEST

/* A gap in the numbers of events is what the daemon dropped. */
START_TEST(lost)
{
	ck_assert_uint_eq(peer(0, 1)->lost, 0);
	f.events[0] += 3;
	fake_message(&f, 0, 1, 7, 0, "", 0);
	ck_assert_uint_eq(expect(app, P2PAPP_MESSAGE)->lost, 3);
	fake_message(&f, 0, 1, 7, 0, "", 0);
	ck_assert_uint_eq(expect(app, P2PAPP_MESSAGE)->lost, 0);
	/* one that is passed over does not take the count with it */
	f.events[0] += 2;
	fake_message(&f, 0, 9, 7, 0, "", 0);
	f.events[0]++;
	fake_message(&f, 0, 1, 7, 0, "", 0);
	ck_assert_uint_eq(expect(app, P2PAPP_MESSAGE)->lost, 3);
}
END_TEST

/* What no daemon may say ends its session, and no more. */
START_TEST(malformed)
{
	static const struct {
		uint16_t	 type;
		uint32_t	 len;	/* as claimed */
		const char	*body;
		size_t		 n;
		uint32_t	 peer;
	} cases[] = {
		{ AF_MESSAGE, APP_BODY_MAX + 1, "", 0, 1 },
		{ AF_MESSAGE, 0xffffffff, "", 0, 1 },
		{ 0xfff0, APP_BODY_MAX + 1, "", 0, 1 },
		{ AF_PEER_UP, APP_COLD_MAX + 1, "", 0, 1 },
		{ AF_MESSAGE, 7, "\0\0\0\7\0\0\0", 7, 1 },
		{ AF_MESSAGE, 8, "\0\0\0\7\0\0\0\x8", 8, 1 },
		{ AF_ATTACHED, 4, "\0\0\0\7", 4, 0 },
		{ AF_ATTACHED, 3, "\0\0\0", 3, 0 },
		{ AF_DETACHED, 3, "\0\0\0", 3, 0 },
		{ AF_SNAPSHOT_END, 0, "", 0, 0 },
		{ AF_SNAPSHOT_END, 4, "\0\0\0\7", 4, 0 },
		{ AF_DROPPED, 4, "\0\0\0\7", 4, 0 },
		{ AF_STALLED, 4, "\0\0\0\7", 4, 1 },
		{ AF_WRITABLE, 0, "", 0, 1 },
		{ AF_UPDATED, 3, "\0\0\0", 3, 0 },
		{ AF_SENT_MANY, 4, "\0\0\0\7", 4, 0 },
		{ AF_SENT, 1, "", 1, 0 },
		{ AF_ERROR, 5, "\0\1\0\0\0", 5, 0 },
		{ AF_ERROR, 6, "\0\1\0\0\0\1", 6, 0 },
		{ AF_PEER_DOWN, 4, "\0\0\0\7", 4, 1 },
		{ AF_PEER_UP, 4, "\0\0\0\7", 4, 1 },
		{ AF_WELCOME, 0, "", 0, 0 },
	};
	struct app_head	 h = { cases[_i].len, cases[_i].type, 0, 0, cases[_i].peer };
	uint8_t		 buf[64];

	peer(0, 1);
	peer(1, 2);
	app_head_encode(buf, &h);
	memcpy(buf + APP_HEADER, cases[_i].body, cases[_i].n);
	fake_raw(&f, 0, buf, APP_HEADER + cases[_i].n);
	ck_assert_uint_eq(expect(app, P2PAPP_PEER_DOWN)->peer, 1);
	ck_assert_str_eq(expect(app, P2PAPP_SESSION_DOWN)->text,
	    "malformed frame from daemon");
	expect_none(app);
	fake_message(&f, 1, 2, 9, 0, "on", 2);
	expect(app, P2PAPP_MESSAGE);
}
END_TEST

START_TEST(twice_up)
{
	peer(0, 1);
	fake_peer_up(&f, 1, 1, 9);
	ck_assert_uint_eq(expect(app, P2PAPP_SESSION_DOWN)->session, 1);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 0, "", 0, 0, NULL), 0);
	fake_peer_up(&f, 0, 0, 7);
	ck_assert_uint_eq(expect(app, P2PAPP_PEER_DOWN)->peer, 1);
	ck_assert_uint_eq(expect(app, P2PAPP_SESSION_DOWN)->session, 0);
}
END_TEST

/* Every way to cut a stream in two, and the stream a byte at a time. */
START_TEST(cuts)
{
	static const char hex[] =
	    /* unknown type of 3 bytes, message, sent of nothing, message */
	    "00000003" "ff010000" "00000000" "00000000" "aabbcc"
	    "0000000c" "80070000" "00000001" "00000001" "0000000700000002" "01020304"
	    "00000008" "80080000" "0000ffff" "00000001" "0000000000000000"
	    "00000008" "80070000" "00000002" "00000001" "0000000700000003";
	const struct p2papp_event	*ev;
	uint8_t				 buf[128];
	size_t				 len = (sizeof(hex) - 1) / 2, i, n;
	int				 got;

	ck_assert_int_eq(hex_decode(buf, len, hex), 0);
	peer(0, 1);
	for (i = 1; i <= len; i++) {
		for (n = 0, got = 0; n < len; n += i) {
			fake_raw(&f, 0, buf + n, i < len - n ? i : len - n);
			while (p2papp_next(app, &ev) == 1) {
				ck_assert_int_eq(ev->type, P2PAPP_MESSAGE);
				ck_assert_uint_eq(ev->code, got == 0 ? 2 : 3);
				ck_assert_uint_eq(ev->len, got == 0 ? 4 : 0);
				got++;
			}
		}
		ck_assert_int_eq(got, 2);
	}
	/* and cut off: what was whole is told, then the end */
	for (i = 0; i <= len; i++) {
		fake_raw(&f, 0, buf, i);
		ck_assert_int_eq(shutdown(f.fd[0], SHUT_RDWR), 0);
		for (got = 0; (ev = NULL, p2papp_next(app, &ev) == 1) &&
		    ev->type == P2PAPP_MESSAGE; got++)
			continue;
		ck_assert_int_eq(got, (i >= 19 + 28) + (i == len));
		ck_assert_int_eq(ev->type, P2PAPP_PEER_DOWN);
		expect(app, P2PAPP_SESSION_DOWN);
		fake_close(&f, 0);
		/* back-off would make all of them slow */
		p2papp_close(app);
		fake_close(&f, 1);
		app = fake_app(&f, capids, &cap);
		fake_peer_up(&f, 0, 1, 7);
		expect(app, P2PAPP_PEER_UP);
	}
}
END_TEST

static uint8_t *
pattern(size_t n)
{
	uint8_t	*p;
	size_t	 i;

	ck_assert_ptr_nonnull(p = malloc(n));
	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 31 >> 3);
	return p;
}

/* A piece at a time both ways; the reader lags the writer. */
static void
pump_in(const uint8_t *p, size_t n, const struct p2papp_event **ev)
{
	ssize_t	 r;

	*ev = NULL;
	while (n > 0 || *ev == NULL) {
		r = n == 0 ? 0 : send(f.fd[0], p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		}
		ck_assert_int_ge(p2papp_next(app, ev), 0);
	}
}

START_TEST(large_messages)
{
	const struct p2papp_event	*ev;
	uint8_t				*p, *frame;
	size_t				 n = _i == 0 ? 15 << 20 : 0xffffff;
	struct app_head			 h = { (uint32_t)n + 8, AF_MESSAGE, 0, 0, 1 };

	peer(0, 1);
	p = pattern(n);
	ck_assert_ptr_nonnull(frame = malloc(n + 24));
	app_head_encode(frame, &h);
	app_put32(frame + 16, 7);
	app_put32(frame + 20, 5);
	memcpy(frame + 24, p, n);
	pump_in(frame, n + 24, &ev);
	ck_assert_int_eq(ev->type, P2PAPP_MESSAGE);
	ck_assert_uint_eq(ev->len, n);
	ck_assert_mem_eq(ev->data, p, n);
	fake_message(&f, 0, 1, 7, 6, "s", 1);
	ck_assert_uint_eq(expect(app, P2PAPP_MESSAGE)->code, 6);

	/* the same of a type to come is passed over */
	h.type = 0xfffe;
	app_head_encode(frame, &h);
	fake_message(&f, 1, 1, 9, 0, "", 0);
	ck_assert_int_eq(fcntl(f.fd[0], F_SETFL, O_NONBLOCK), 0);
	for (h.len += 16; h.len > 0; ) {
		ssize_t r = send(f.fd[0], frame + n + 24 - h.len, h.len, MSG_NOSIGNAL);
		h.len -= r > 0 ? (uint32_t)r : 0;
		expect_none(app);
	}
	fake_message(&f, 0, 1, 7, 3, "t", 1);
	ck_assert_uint_eq(expect(app, P2PAPP_MESSAGE)->code, 3);
	free(frame);
	free(p);
}
END_TEST

/* Nothing is read: the queue grows to its bound, then drains in order. */
START_TEST(partial_writes)
{
	uint8_t		*p;
	size_t		 n = 300000;
	uint32_t	 i, sent = 0, request;

	peer(0, 1);
	p = pattern(n);
	p2papp_set_queue(app, 1 << 20);
	while (p2papp_send(app, 1, cap, sent % 8, p, n - sent,
	    sent % 3 == 0 ? P2PAPP_MORE : 0, &request) == 0)
		sent++;
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_gt(sent, 3);
	ck_assert_uint_gt(p2papp_pending(app), 700000);
	ck_assert_uint_le(p2papp_pending(app), 1 << 20);
	ck_assert_int_eq(p2papp_disconnect(app, 1, 0, NULL), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(p2papp_send(app, 1, cap, 0, p, n, 0, NULL), -1);
	ck_assert_int_eq(p2papp_flush(app), 0);
	for (i = 0; i < sent; i++) {
		/* each read makes room: the rest follows */
		while (recv(f.fd[0], &(uint8_t){ 0 }, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
			uint8_t	 hd[APP_HEADER];
			size_t	 have = 0;
			ssize_t	 r;

			ck_assert_int_eq(recv(f.fd[0], hd, sizeof(hd), MSG_WAITALL),
			    sizeof(hd));
			app_head_decode(&f.head, hd);
			free(f.body);
			ck_assert_ptr_nonnull(f.body = malloc(f.head.len));
			while (have < f.head.len) {
				r = recv(f.fd[0], f.body + have, f.head.len - have,
				    MSG_DONTWAIT);
				if (r > 0)
					have += (size_t)r;
				else
					p2papp_flush(app);
			}
			break;
		}
		ck_assert_uint_eq(f.head.type, AF_SEND);
		ck_assert_uint_eq(f.head.len, 8 + n - i);
		ck_assert_uint_eq(app_get32(f.body + 4), i % 8);
		ck_assert_mem_eq(f.body + 8, p, n - i);
		p2papp_flush(app);
	}
	ck_assert_int_eq(p2papp_flush(app), 1);
	ck_assert_uint_eq(p2papp_pending(app), 0);
	fake_read(&f, 0, AF_DISCONNECT);
	/* over the bound, but nothing is queued: one is taken */
	p2papp_set_queue(app, 10);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 0, p, n, P2PAPP_MORE, NULL), 0);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 0, p, n, 0, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	free(p);
}
END_TEST

/* The peer of the socket is gone while we write: no signal, no half event. */
START_TEST(write_to_dead)
{
	uint8_t	*p = pattern(100000);

	peer(0, 1);
	fake_close(&f, 0);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 0, p, 100000, 0, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 0, p, 100000, 0, NULL), -1);
	ck_assert_uint_eq(expect(app, P2PAPP_PEER_DOWN)->peer, 1);
	expect(app, P2PAPP_SESSION_DOWN);
	free(p);
}
END_TEST

/* One busy session does not starve the other. */
START_TEST(fairness)
{
	const struct p2papp_event	*ev;
	struct pollfd			 fds[4];
	struct app_head			 h = { 1000, AF_MESSAGE, 0, 0, 1 };
	uint8_t				 one[1016], many[130 * sizeof(one)];
	int				 i, first = 0;

	memset(one, 0, sizeof(one));
	app_head_encode(one, &h);
	one[APP_HEADER + 3] = 7;

	peer(0, 1);
	peer(1, 2);
	ck_assert_uint_eq(p2papp_pollfds(app, fds, 1), 2);
	ck_assert_uint_eq(p2papp_pollfds(app, fds, 4), 2);
	ck_assert_int_eq(fds[1].events, POLLIN);
	for (i = 0; i < 130; i++)
		memcpy(many + (size_t)i * sizeof(one), one, sizeof(one));
	fake_raw(&f, 0, many, sizeof(many));
	fake_message(&f, 1, 2, 9, 0, one, 1000);
	ck_assert_int_eq(poll(fds, 2, 0), 2);
	for (i = 0; i < 131; i++) {
		ev = expect(app, P2PAPP_MESSAGE);
		if (ev->peer == 2)
			first = i;
	}
	ck_assert_int_lt(first, 80);
	expect_none(app);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(p2papp_reason_name(REASON_SESSION_DIED), "session-died");
	ck_assert_str_eq(p2papp_reason_name(9999), "unknown");
	ck_assert_str_eq(p2papp_code_name(P2PAPP_E_BUSY), "busy");
	ck_assert_str_eq(p2papp_disc_name(DISC_QUITTING), disc_name(DISC_QUITTING));
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("libp2papp");
	TCase		*bare = tcase_create("bare"), *up = tcase_create("up");
	SRunner		*sr;
	int		 failed;

	tcase_set_timeout(bare, 60);
	tcase_set_timeout(up, 60);
	tcase_add_checked_fixture(bare, NULL, teardown);
	tcase_add_test(bare, two_sessions);
	tcase_add_loop_test(bare, hello_refused, 0, 4);
	tcase_add_checked_fixture(up, setup, teardown);
	tcase_add_test(up, messages);
	tcase_add_test(up, disconnect);
	tcase_add_test(up, arguments);
	tcase_add_test(up, session_dies);
	tcase_add_test(up, daemon_restarts);
	tcase_add_test(up, daemon_away);
	tcase_add_test(up, attach_refused);
	tcase_add_test(up, detach);
	tcase_add_test(up, errors);
	tcase_add_test(up, lost);
	tcase_add_loop_test(up, malformed, 0, 22);
	tcase_add_test(up, twice_up);
	tcase_add_test(up, cuts);
	tcase_add_loop_test(up, large_messages, 0, 2);
	tcase_add_test(up, partial_writes);
	tcase_add_test(up, write_to_dead);
	tcase_add_test(up, fairness);
	tcase_add_test(up, names);
	suite_add_tcase(s, bare);
	suite_add_tcase(s, up);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
