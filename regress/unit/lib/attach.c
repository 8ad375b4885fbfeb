/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "regress/unit/lib/fake.h"

/* Options, taps, coming back, and the one descriptor of it all. */
static struct fake	 f;
static struct p2papp	*app;
static uint32_t		 cap;
static const uint32_t	 capids[] = { 7, 9 };
static const struct p2papp_version v = { 2, 8 };

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

/* The options of a frame as "type:length" words. */
static const char *
kinds(const uint8_t *p, size_t n)
{
	static char		 buf[256];
	struct app_opt_iter	 it;
	size_t			 len = 0;

	buf[0] = '\0';
	app_opt_start(&it, p, n);
	while (app_opt_next(&it) == 1)
		len += (size_t)snprintf(buf + len, sizeof(buf) - len, "%s%u:%u",
		    len == 0 ? "" : " ", it.type, it.len);
	ck_assert_uint_eq(it.left, 0);
	return buf;
}

static const char *
attach_kinds(uint16_t session)
{
	struct app_attach	 at;

	fake_read(&f, session, AF_ATTACH);
	ck_assert_int_eq(app_attach_decode(&at, f.body, f.head.len), 0);
	return kinds(at.opts, at.optslen);
}

START_TEST(options)
{
	static const struct p2papp_bytes prefixes[] = { { "\xc3\x82", 2 },
	    { "\xc4", 1 } };
	struct p2papp_options	*o;
	uint32_t		 c;

	ck_assert_ptr_nonnull(o = p2papp_options_new());
	ck_assert_int_eq(p2papp_opt_queue_peer(o, 1000), 0);
	ck_assert_int_eq(p2papp_opt_queue(o, 2000), 0);
	ck_assert_int_eq(p2papp_opt_handshake(o, 5000), 0);
	ck_assert_int_eq(p2papp_opt_first(o, 2, 0, "abc", 3), 0);
	ck_assert_int_eq(p2papp_opt_first(o, 1, 0, NULL, 0), 0);
	ck_assert_int_eq(p2papp_opt_wanted(o, 10), 0);
	ck_assert_int_eq(p2papp_opt_wanted(o, 25), 0);
	ck_assert_int_eq(p2papp_opt_enr(o, "opt", "\xc0", 1), 0);
	ck_assert_int_eq(p2papp_opt_condition(o, "opt", prefixes, 2), 0);
	ck_assert_int_eq(p2papp_attach_opt(app, "opt", &v, 1, P2PAPP_DROP, o,
	    &c), 0);
	p2papp_options_free(o);
	ck_assert_str_eq(attach_kinds(0), "1:4 2:4 3:4 4:11 4:8 5:4 6:5 7:9");
	fake_capid(&f, 0, AF_ATTACHED, f.head.request, 20);
	ck_assert_str_eq(attach_kinds(1), "1:4 2:4 3:4 4:11 4:8 5:4 6:5 7:9");
	expect(app, P2PAPP_ATTACHED);
	p2papp_options_free(NULL);
}
END_TEST

START_TEST(out_of_range)
{
	struct p2papp_bytes	 b[17];
	struct p2papp_options	*o;
	static uint8_t		 big[65536];
	char			 key[34];
	int			 i;

	memset(key, 'k', sizeof(key));
	key[33] = '\0';
	for (i = 0; i < 17; i++)
		b[i] = (struct p2papp_bytes){ "x", 1 };
	ck_assert_ptr_nonnull(o = p2papp_options_new());
	ck_assert_int_eq(p2papp_opt_handshake(o, 60001), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(p2papp_opt_enr(o, "", "x", 1), -1);
	ck_assert_int_eq(p2papp_opt_enr(o, key, "x", 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(p2papp_opt_enr(o, "a", "x", 0), -1);
	ck_assert_int_eq(p2papp_opt_condition(o, "a", b, 17), -1);
	ck_assert_int_eq(errno, E2BIG);
	b[3].len = 33;
	ck_assert_int_eq(p2papp_opt_condition(o, "a", b, 16), -1);
	ck_assert_int_eq(errno, EINVAL);
	b[3].len = 1;
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(p2papp_opt_condition(o, "a", b, 16), 0);
	ck_assert_int_eq(p2papp_opt_condition(o, "a", b, 0), -1);
	ck_assert_int_eq(errno, E2BIG);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(p2papp_opt_enr(o, "a", "x", 1), 0);
	ck_assert_int_eq(p2papp_opt_enr(o, "a", "x", 1), -1);
	ck_assert_int_eq(p2papp_opt_first(o, 0, 0, big, 65536), -1);
	ck_assert_int_eq(errno, E2BIG);
	ck_assert_int_eq(p2papp_opt_first(o, 0, 0, big, 60000), 0);
	ck_assert_int_eq(p2papp_opt_first(o, 0, 0, big, 10000), -1);
	ck_assert_int_eq(errno, E2BIG);
	for (i = 1; i < 16; i++)
		ck_assert_int_eq(p2papp_opt_first(o, 0, 0, big, 1), 0);
	ck_assert_int_eq(p2papp_opt_first(o, 0, 0, big, 1), -1);
	ck_assert_int_eq(p2papp_opt_clear(o, (enum p2papp_option)0), -1);
	ck_assert_int_eq(p2papp_opt_clear(o, (enum p2papp_option)99), -1);
	ck_assert_int_eq(p2papp_opt_clear(o, P2PAPP_OPT_FIRST), 0);
	ck_assert_int_eq(p2papp_opt_first(o, 0, 0, big, 60000), 0);
	p2papp_options_free(o);
}
END_TEST

static uint32_t
update(int clear)
{
	struct p2papp_options	*o;
	uint32_t		 request;

	ck_assert_ptr_nonnull(o = p2papp_options_new());
	ck_assert_int_eq(p2papp_opt_wanted(o, 50), 0);
	if (clear)
		ck_assert_int_eq(p2papp_opt_clear(o, P2PAPP_OPT_FIRST), 0);
	ck_assert_int_eq(p2papp_update(app, cap, o, &request), 0);
	ck_assert_int_eq(p2papp_update(app, cap, o, NULL), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(p2papp_update(app, 12345, o, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	p2papp_options_free(o);
	return request;
}

static void
come_back(uint16_t session)
{
	fake_back(&f, app, session);
}

/* One answer when all have given theirs; a session to come gets the new. */
START_TEST(updates)
{
	const struct p2papp_event	*ev;
	struct p2papp_options		*o;
	uint32_t			 request;

	request = update(1);
	fake_read(&f, 0, AF_UPDATE);
	ck_assert_uint_eq(f.head.request, request);
	ck_assert_uint_eq(app_get32(f.body), 7);
	ck_assert_str_eq(kinds(f.body + 4, f.head.len - 4), "5:4 4:0");
	fake_capid(&f, 0, AF_UPDATED, request, 7);
	expect_none(app);
	fake_read(&f, 1, AF_UPDATE);
	fake_capid(&f, 1, AF_UPDATED, request, 9);
	ev = expect(app, P2PAPP_UPDATED);
	ck_assert_uint_eq(ev->request, request);
	ck_assert_uint_eq(ev->error, 0);
	expect_none(app);
	fake_close(&f, 1);
	expect(app, P2PAPP_SESSION_DOWN);
	come_back(1);
	ck_assert_str_eq(attach_kinds(1), "5:4");
	fake_capid(&f, 1, AF_ATTACHED, f.head.request, 9);
	expect_none(app);

	/* refused: what was stays */
	ck_assert_ptr_nonnull(o = p2papp_options_new());
	ck_assert_int_eq(p2papp_opt_enr(o, "big", "\xc0", 1), 0);
	ck_assert_int_eq(p2papp_update(app, cap, o, &request), 0);
	p2papp_options_free(o);
	fake_read(&f, 0, AF_UPDATE);
	fake_error(&f, 0, request, APE_RECORD, "full");
	fake_read(&f, 1, AF_UPDATE);
	fake_error(&f, 1, request, APE_RECORD, "full");
	ev = expect(app, P2PAPP_UPDATED);
	ck_assert_uint_eq(ev->error, P2PAPP_E_RECORD);
	ck_assert_str_eq(ev->text, "full");
	fake_close(&f, 0);
	expect(app, P2PAPP_SESSION_DOWN);
	/* one that dies amid an update has answered, too */
	request = update(0);
	fake_read(&f, 1, AF_UPDATE);
	fake_close(&f, 1);
	expect(app, P2PAPP_SESSION_DOWN);
	ck_assert_uint_eq(expect(app, P2PAPP_UPDATED)->request, request);
}
END_TEST

/* One that is still being attached is updated as soon as it is. */
START_TEST(early_update)
{
	struct p2papp_options	*o;
	uint32_t		 c, request;

	ck_assert_int_eq(p2papp_attach(app, "new", &v, 1, P2PAPP_STOP, &c), 0);
	ck_assert_ptr_nonnull(o = p2papp_options_new());
	ck_assert_int_eq(p2papp_opt_wanted(o, 50), 0);
	ck_assert_int_eq(p2papp_update(app, c, o, &request), 0);
	p2papp_options_free(o);
	fake_read(&f, 0, AF_ATTACH);
	fake_capid(&f, 0, AF_ATTACHED, f.head.request, 20);
	expect(app, P2PAPP_ATTACHED);
	fake_read(&f, 0, AF_UPDATE);
	ck_assert_uint_eq(f.head.request, request);
	ck_assert_uint_eq(app_get32(f.body), 20);
	ck_assert_str_eq(kinds(f.body + 4, f.head.len - 4), "5:4");
	fake_capid(&f, 0, AF_UPDATED, request, 20);
	expect_none(app);
	/* the other is lost meanwhile, and attaches with what is new */
	fake_close(&f, 1);
	expect(app, P2PAPP_SESSION_DOWN);
	ck_assert_uint_eq(expect(app, P2PAPP_UPDATED)->request, request);
	come_back(1);
	ck_assert_str_eq(attach_kinds(1), "");
	ck_assert_str_eq(attach_kinds(1), "5:4");
}
END_TEST

/* 60 peers, a queue, and no first message: of this only the first was set. */
static uint32_t
ask_much(void)
{
	struct p2papp_options	*o;
	uint32_t		 request;

	ck_assert_ptr_nonnull(o = p2papp_options_new());
	ck_assert_int_eq(p2papp_opt_wanted(o, 60), 0);
	ck_assert_int_eq(p2papp_opt_queue(o, 1000), 0);
	ck_assert_int_eq(p2papp_opt_clear(o, P2PAPP_OPT_FIRST), 0);
	ck_assert_int_eq(p2papp_update(app, cap, o, &request), 0);
	p2papp_options_free(o);
	return request;
}

static void
want_fifty(void)
{
	uint32_t	 request = update(0);

	fake_read(&f, 0, AF_UPDATE);
	fake_capid(&f, 0, AF_UPDATED, request, 7);
	fake_read(&f, 1, AF_UPDATE);
	fake_capid(&f, 1, AF_UPDATED, request, 9);
	ck_assert_uint_eq(expect(app, P2PAPP_UPDATED)->error, 0);
}

/* The update that gives back what ask_much() asked; its number. */
static uint32_t
read_undo(uint16_t session, uint32_t request)
{
	fake_read(&f, session, AF_UPDATE);
	ck_assert_uint_ne(f.head.request, request);
	ck_assert_uint_eq(app_get32(f.body), capids[session]);
	ck_assert_str_eq(kinds(f.body + 4, f.head.len - 4), "5:4 2:0 4:0");
	ck_assert_uint_eq(app_get32(f.body + 8), 50);
	return f.head.request;
}

static void
expect_refused(uint32_t request, enum p2papp_code error)
{
	const struct p2papp_event	*ev = expect(app, P2PAPP_UPDATED);

	ck_assert_uint_eq(ev->request, request);
	ck_assert_uint_eq(ev->cap, cap);
	ck_assert_uint_eq(ev->error, error);
	ck_assert_str_eq(ev->text, "no");
}

/* Taken by one session and refused by the other it holds in none. */
START_TEST(half_refused)
{
	uint32_t	 request, undo;
	uint16_t	 takes = (uint16_t)_i, other = !takes;

	want_fifty();
	request = ask_much();
	fake_read(&f, 0, AF_UPDATE);
	fake_read(&f, 1, AF_UPDATE);
	fake_error(&f, other, request, APE_QUEUE, "no");
	expect_none(app);
	fake_capid(&f, takes, AF_UPDATED, request, capids[takes]);
	expect_none(app);
	undo = read_undo(takes, request);
	expect_none(app);
	fake_capid(&f, takes, AF_UPDATED, undo, capids[takes]);
	expect_refused(request, P2PAPP_E_QUEUE);
	expect_none(app);
	fake_close(&f, other);
	expect(app, P2PAPP_SESSION_DOWN);
	come_back(other);
	ck_assert_str_eq(attach_kinds(other), "5:4");
	ck_assert_uint_eq(app_get32(f.body + f.head.len - 4), 50);
}
END_TEST

/* Much asked for, taken by session 0 and refused by session 1; the request. */
static uint32_t
half_taken(enum app_error why)
{
	uint32_t	 request;

	want_fifty();
	request = ask_much();
	fake_read(&f, 0, AF_UPDATE);
	fake_read(&f, 1, AF_UPDATE);
	fake_capid(&f, 0, AF_UPDATED, request, 7);
	fake_error(&f, 1, request, why, "no");
	expect_none(app);
	return request;
}

/* Who will not give it back, or is lost then, is attached to anew. */
START_TEST(undo_refused)
{
	uint32_t	 request;

	request = half_taken(APE_INVALID);
	request = read_undo(0, request);
	if (_i == 0)
		fake_error(&f, 0, request, APE_RECORD, "neither");
	else
		fake_close(&f, 0);
	expect(app, P2PAPP_SESSION_DOWN);
	expect_refused(request - 1, P2PAPP_E_INVALID);
	if (_i == 0)
		fake_close(&f, 0);
	come_back(0);
	ck_assert_str_eq(attach_kinds(0), "5:4");
	ck_assert_uint_eq(app_get32(f.body + f.head.len - 4), 50);
}
END_TEST

/* Whose user has had its rate is asked again, for a while. */
START_TEST(undo_too_often)
{
	const struct p2papp_event	*ev;
	uint32_t			 request;
	int				 i;

	request = half_taken(APE_QUEUE);
	for (i = 0; _i == 1 || i < 3; i++) {
		fake_error(&f, 0, read_undo(0, request), APE_QUEUE, "too often");
		if (p2papp_next(app, &ev) == 1)
			break;
		ck_assert_int_gt(p2papp_timeout(app), 0);
		ck_assert_int_eq(p2papp_wait(app, 5000), 1);
		expect_none(app);
	}
	if (_i == 0)
		fake_capid(&f, 0, AF_UPDATED, read_undo(0, request), 7);
	else {
		ck_assert_int_eq(i, 9);
		ck_assert_int_eq(ev->type, P2PAPP_SESSION_DOWN);
	}
	expect_refused(request, P2PAPP_E_QUEUE);
}
END_TEST

/* One that comes amid an update has the old, the new, and the old again. */
START_TEST(refused_meanwhile)
{
	uint32_t	 request;

	want_fifty();
	fake_close(&f, 1);
	expect(app, P2PAPP_SESSION_DOWN);
	request = ask_much();
	fake_read(&f, 0, AF_UPDATE);
	come_back(1);
	ck_assert_str_eq(attach_kinds(1), "5:4");
	fake_capid(&f, 1, AF_ATTACHED, f.head.request, 9);
	fake_error(&f, 0, request, APE_QUEUE, "no");
	expect_none(app);
	fake_read(&f, 1, AF_UPDATE);
	ck_assert_uint_eq(f.head.request, request);
	ck_assert_str_eq(kinds(f.body + 4, f.head.len - 4), "5:4 2:4 4:0");
	fake_capid(&f, 1, AF_UPDATED, request, 9);
	expect_none(app);
	fake_capid(&f, 1, AF_UPDATED, read_undo(1, request), 9);
	expect_refused(request, P2PAPP_E_QUEUE);
}
END_TEST

START_TEST(taps)
{
	const struct p2papp_event	*ev;
	struct app_attach		 at;
	uint32_t			 tap, both;

	ck_assert_int_eq(p2papp_tap(app, "tst", NULL, 0, NULL, &tap), 0);
	ck_assert_int_eq(p2papp_tap(app, "tst", NULL, 0, NULL, &both), -1);
	ck_assert_int_eq(errno, EEXIST);
	fake_read(&f, 0, AF_ATTACH);
	ck_assert_int_eq(app_attach_decode(&at, f.body, f.head.len), 0);
	ck_assert_uint_eq(at.mode, APM_TAP);
	ck_assert_uint_eq(at.nvers, 0);
	fake_capid(&f, 0, AF_ATTACHED, f.head.request, 70);
	ck_assert_uint_eq(expect(app, P2PAPP_ATTACHED)->cap, tap);
	fake_peer_up(&f, 0, 1, 7);
	ck_assert_uint_eq(expect(app, P2PAPP_PEER_UP)->cap, cap);
	fake_peer_up(&f, 0, 1, 70);
	ck_assert_uint_eq(expect(app, P2PAPP_PEER_UP)->cap, tap);
	fake_write(&f, 0, AF_MESSAGE, AFL_OUT, ++f.events[0], 1,
	    "\0\0\0\x46\0\0\0\3xy", 10);
	ev = expect(app, P2PAPP_MESSAGE);
	ck_assert_uint_eq(ev->cap, tap);
	ck_assert_int_eq(ev->out, 1);
	ck_assert_uint_eq(ev->len, 2);
	fake_message(&f, 0, 1, 70, 3, "z", 1);
	ck_assert_int_eq(expect(app, P2PAPP_MESSAGE)->out, 0);
	ck_assert_int_eq(p2papp_send(app, 1, tap, 3, "x", 1, 0, NULL), -1);
	ck_assert_int_eq(errno, EACCES);
	ck_assert_int_eq(p2papp_send(app, 1, cap, 3, "x", 1, P2PAPP_PRIORITY,
	    NULL), 0);
	fake_read(&f, 0, AF_SEND);
	ck_assert_uint_eq(f.head.flags, AFL_PRIORITY);
}
END_TEST

START_TEST(requests)
{
	struct app_hint	 hint;
	uint8_t		 id[P2PAPP_ID];

	memset(id, 7, sizeof(id));
	fake_peer_up(&f, 1, 5, 9);
	expect(app, P2PAPP_PEER_UP);
	ck_assert_int_eq(p2papp_accept(app, 5, cap), 0);
	fake_read(&f, 1, AF_ACCEPT);
	ck_assert_uint_eq(f.head.peer, 5);
	ck_assert_uint_eq(app_get32(f.body), 9);
	ck_assert_int_eq(p2papp_accept(app, 6, cap), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(p2papp_penalise(app, 5, DISC_BREACH, 3600, NULL), 0);
	fake_read(&f, 1, AF_PENALISE);
	ck_assert_uint_eq(f.body[0], DISC_BREACH);
	ck_assert_uint_eq(app_get32(f.body + 4), 3600);
	ck_assert_int_eq(p2papp_penalise(app, 5, 255, 1, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(p2papp_penalise(app, 6, 2, 1, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(p2papp_hint(app, id, "[2001:db8::1]:30303", 30301,
	    NULL), 0);
	fake_read(&f, 0, AF_HINT);
	ck_assert_int_eq(app_hint_decode(&hint, f.body, f.head.len), 0);
	ck_assert_mem_eq(hint.id, id, sizeof(id));
	ck_assert_uint_eq(hint.addr.af, 6);
	ck_assert_uint_eq(hint.addr.port, 30303);
	ck_assert_uint_eq(hint.udp, 30301);
	ck_assert_int_eq(p2papp_hint(app, id, "nowhere", 0, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

static void
mark(uint16_t type, uint32_t peer, uint32_t depth)
{
	uint8_t	 body[8];

	app_put32(body, 7);
	app_put32(body + 4, depth);
	fake_write(&f, 0, type, 0, ++f.events[0], peer, body, sizeof(body));
}

START_TEST(pressure)
{
	const struct p2papp_event	*ev;

	fake_peer_up(&f, 0, 1, 7);
	expect(app, P2PAPP_PEER_UP);
	mark(AF_STALLED, 1, 1 << 20);
	ev = expect(app, P2PAPP_STALLED);
	ck_assert_uint_eq(ev->peer, 1);
	ck_assert_uint_eq(ev->cap, cap);
	ck_assert_uint_eq(ev->depth, 1 << 20);
	mark(AF_WRITABLE, 2, 0);
	mark(AF_WRITABLE, 1, 4096);
	ck_assert_uint_eq(expect(app, P2PAPP_WRITABLE)->depth, 4096);
	/* what is told is no gap; what is not told is one */
	fake_counts(&f, 0, AF_DROPPED, ++f.events[0], 1, 7, 3, 900);
	ev = expect(app, P2PAPP_LOST);
	ck_assert_uint_eq(ev->peer, 1);
	ck_assert_uint_eq(ev->messages, 3);
	ck_assert_uint_eq(ev->bytes, 900);
	ck_assert_uint_eq(ev->lost, 0);
	/* another's message amid the dropped ones, whose numbers are left out */
	f.events[0]++;
	fake_message(&f, 0, 1, 7, 0, "", 0);
	ck_assert_uint_eq(expect(app, P2PAPP_MESSAGE)->lost, 0);
	f.events[0] += 3;
	fake_counts(&f, 0, AF_DROPPED, ++f.events[0], 0, 7, 1, 20);
	ev = expect(app, P2PAPP_LOST);
	ck_assert_uint_eq(ev->peer, 0);
	ck_assert_uint_eq(ev->lost, 2);
	fake_message(&f, 0, 1, 7, 0, "", 0);
	ck_assert_uint_eq(expect(app, P2PAPP_MESSAGE)->lost, 0);
	expect_none(app);
}
END_TEST

/* A process that was started again: what was missed, of all sessions. */
START_TEST(token_known)
{
	const struct p2papp_event	*ev;
	struct app_hello		 hello;
	uint8_t				 token[P2PAPP_TOKEN];
	uint16_t			 i;

	memcpy(token, p2papp_token(app), sizeof(token));
	p2papp_close(app);
	fake_close(&f, 0);
	fake_close(&f, 1);
	f.flags = APW_RESUMED;
	f.grace = 10000;
	ck_assert_ptr_nonnull(app = p2papp_open(f.path, "test", token));
	ck_assert_int_eq(p2papp_attach(app, "tst", &v, 1, P2PAPP_STOP, &cap), 0);
	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(fake_accept(&f, &hello), i);
		ck_assert_mem_eq(hello.token, token, sizeof(token));
		fake_welcome(&f, i);
		ck_assert_int_eq(expect(app, P2PAPP_SESSION_UP)->resumed, 1);
		ck_assert_uint_eq(p2papp_grace(app), 10000);
		expect_none(app);
		fake_read(&f, i, AF_ATTACH);
		fake_capid(&f, i, AF_ATTACHED, f.head.request, 7);
		fake_counts(&f, i, AF_SNAPSHOT_END, ++f.events[i], 0, 7, 3, 30);
		if (i == 0)
			expect(app, P2PAPP_ATTACHED);
	}
	ev = expect(app, P2PAPP_SNAPSHOT_END);
	ck_assert_uint_eq(ev->messages, 6);
	ck_assert_uint_eq(ev->bytes, 60);
	/* a connection alone that was lost */
	fake_close(&f, 1);
	expect(app, P2PAPP_SESSION_DOWN);
	come_back(1);
	fake_read(&f, 1, AF_ATTACH);
	fake_capid(&f, 1, AF_ATTACHED, f.head.request, 9);
	fake_counts(&f, 1, AF_SNAPSHOT_END, ++f.events[1], 0, 9, 5, 50);
	ev = expect(app, P2PAPP_RESUMED);
	ck_assert_uint_eq(ev->session, 1);
	ck_assert_uint_eq(ev->messages, 5);
	ck_assert_uint_eq(ev->bytes, 50);
}
END_TEST

START_TEST(on_request)
{
	struct pollfd	 pfd = { f.lfd, POLLIN, 0 };
	struct app_hello hello;

	p2papp_set_deadline(app, 0);
	p2papp_set_reconnect(app, 0);
	fake_close(&f, 1);
	expect(app, P2PAPP_SESSION_DOWN);
	expect_none(app);
	ck_assert_int_eq(p2papp_timeout(app), -1);
	ck_assert_int_eq(p2papp_wait(app, 100), 0);
	expect_none(app);
	ck_assert_int_eq(poll(&pfd, 1, 0), 0);
	p2papp_reconnect(app);
	ck_assert_int_eq(p2papp_timeout(app), 0);
	/* once asked for it is tried until it stands */
	expect_none(app);
	fake_accept(&f, &hello);
	fake_close(&f, 1);
	expect_none(app);
	ck_assert_int_ge(p2papp_timeout(app), 0);
	come_back(1);
	expect_none(app);
	ck_assert_int_eq(p2papp_timeout(app), -1);
	p2papp_set_reconnect(app, 1);
	fake_close(&f, 0);
	expect(app, P2PAPP_SESSION_DOWN);
	ck_assert_int_ge(p2papp_timeout(app), 0);
}
END_TEST

/* What the daemon takes away by itself is no end that was asked for. */
START_TEST(taken_away)
{
	const struct p2papp_event	*ev;
	uint32_t			 other;

	fake_peer_up(&f, 0, 1, 7);
	expect(app, P2PAPP_PEER_UP);
	fake_capid(&f, 0, AF_DETACHED, 0, 7);
	expect_none(app);
	fake_read(&f, 1, AF_DETACH);
	fake_capid(&f, 1, AF_DETACHED, f.head.request, 9);
	ev = expect(app, P2PAPP_DETACHED);
	ck_assert_uint_eq(ev->cap, cap);
	ck_assert_uint_eq(ev->error, P2PAPP_E_DENIED);
	ck_assert_ptr_nonnull(ev->text);
	ck_assert_uint_eq(p2papp_npeers(app, cap), 0);
	/* the event is the caller's, whatever it does next */
	ck_assert_int_eq(p2papp_attach(app, "other", &v, 1, P2PAPP_STOP, &other), 0);
	ck_assert_str_eq(ev->capability, "tst");
	expect_none(app);
}
END_TEST

/* Waits on the descriptor alone; 1 when it is ready within ms. */
static int
ready(int ms)
{
	struct pollfd	 pfd = { p2papp_fd(app), POLLIN, 0 };

	return poll(&pfd, 1, ms);
}

START_TEST(one_descriptor)
{
	const struct p2papp_event	*ev;
	struct app_hello		 hello;
	struct pollfd			 pfd = { f.lfd, POLLIN, 0 };
	int				 fd;

	if ((fd = p2papp_fd(app)) == -1) {
		ck_assert_int_eq(errno, ENOSYS);
		return;
	}
	expect_none(app);
	ck_assert_int_eq(ready(0), 0);
	fake_peer_up(&f, 1, 5, 9);
	ck_assert_int_eq(ready(60000), 1);
	expect(app, P2PAPP_PEER_UP);
	expect_none(app);
	ck_assert_int_eq(ready(0), 0);
	/* an end, and the time to come back */
	fake_close(&f, 1);
	ck_assert_int_eq(ready(60000), 1);
	expect(app, P2PAPP_PEER_DOWN);
	/* there is more: it stays ready until all was read */
	ck_assert_int_eq(ready(60000), 1);
	expect(app, P2PAPP_SESSION_DOWN);
	expect_none(app);
	while (poll(&pfd, 1, 0) == 0) {
		ck_assert_int_eq(ready(60000), 1);
		expect_none(app);
	}
	ck_assert_uint_eq(fake_accept(&f, &hello), 1);
	fake_welcome(&f, 1);
	ck_assert_int_eq(ready(60000), 1);
	expect(app, P2PAPP_SESSION_UP);
	expect_none(app);
	fake_attached(&f, 1, 9);
	ck_assert_int_eq(ready(60000), 1);
	expect(app, P2PAPP_RESUMED);
	expect_none(app);
	ck_assert_int_eq(ready(50), 0);
	ck_assert_int_eq(p2papp_fd(app), fd);
	/* what is due without the daemon */
	ck_assert_int_eq(p2papp_detach(app, cap), 0);
	fake_read(&f, 0, AF_DETACH);
	fake_capid(&f, 0, AF_DETACHED, f.head.request, 7);
	fake_read(&f, 1, AF_DETACH);
	fake_capid(&f, 1, AF_DETACHED, f.head.request, 9);
	do
		ck_assert_int_eq(ready(60000), 1);
	while (p2papp_next(app, &ev) == 0);
	ck_assert_int_eq(ev->type, P2PAPP_DETACHED);
	expect_none(app);
	ck_assert_int_eq(ready(0), 0);
}
END_TEST

/* Output wakes it too: what did not fit goes when there is room. */
START_TEST(descriptor_writes)
{
	static uint8_t	 data[100000];
	int		 n = 0;

	if (p2papp_fd(app) == -1)
		return;
	fake_peer_up(&f, 0, 1, 7);
	expect(app, P2PAPP_PEER_UP);
	expect_none(app);
	while (p2papp_pending(app) == 0) {
		ck_assert_int_eq(p2papp_send(app, 1, cap, 0, data, sizeof(data),
		    0, NULL), 0);
		n++;
	}
	ck_assert_int_eq(ready(0), 0);
	while (n-- > 1)
		fake_read(&f, 0, AF_SEND);
	ck_assert_int_eq(ready(60000), 1);
	expect_none(app);
	fake_read(&f, 0, AF_SEND);
	ck_assert_uint_eq(p2papp_pending(app), 0);
	expect_none(app);
	ck_assert_int_eq(ready(0), 0);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("attach");
	TCase		*tc = tcase_create("attach");
	SRunner		*sr;
	int		 failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, options);
	tcase_add_test(tc, out_of_range);
	tcase_add_test(tc, updates);
	tcase_add_test(tc, early_update);
	tcase_add_loop_test(tc, half_refused, 0, 2);
	tcase_add_loop_test(tc, undo_refused, 0, 2);
	tcase_add_loop_test(tc, undo_too_often, 0, 2);
	tcase_add_test(tc, refused_meanwhile);
	tcase_add_test(tc, taken_away);
	tcase_add_test(tc, taps);
	tcase_add_test(tc, requests);
	tcase_add_test(tc, pressure);
	tcase_add_test(tc, token_known);
	tcase_add_test(tc, on_request);
	tcase_add_test(tc, one_descriptor);
	tcase_add_test(tc, descriptor_writes);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
