/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/imsg.h"
#include "regress/unit/p2pd/control/play.h"

struct conn {
	int		 fd;
	struct imsgbuf	 ib;
	int		 eof;
};

static void
conn_open(struct conn *c, const char *name)
{
	memset(c, 0, sizeof(*c));
	c->fd = dial(name);
	imsgbuf_init(&c->ib, c->fd);
}

static void
conn_close(struct conn *c)
{
	imsgbuf_clear(&c->ib);
	close(c->fd);
}

static void
say(struct conn *c, const struct msgdesc *d, const void *body)
{
	struct ibuf	*b;

	b = imsg_create(&c->ib, d->type, 0, 0, 0);
	ck_assert_ptr_nonnull(b);
	ck_assert_int_eq(msg_encode(d, body, b), 0);
	imsg_close(&c->ib, b);
	ck_assert_int_eq(imsgbuf_flush(&c->ib, 1000), 0);
}

/* 1 and the message, or 0 when none is there now. */
static int
heard(struct conn *c, struct imsg *m)
{
	int	 n;

	while (imsgbuf_get(&c->ib, m) == 0) {
		if (c->eof)
			return 0;
		n = imsgbuf_read(&c->ib);
		if (n == 0 || n == -1)
			c->eof = 1;
		else if (c->ib.again)
			return 0;
	}
	return 1;
}

static void
expect(struct conn *c, const struct msgdesc *d, void *body)
{
	struct imsg	 m;
	struct ibuf	 b;

	UNTIL(heard(c, &m));
	ck_assert_uint_eq(imsg_get_type(&m), d->type);
	ck_assert_int_eq(imsg_get_ibuf(&m, &b), 0);
	ck_assert_int_eq(msg_decode(d, &b, body), 0);
	imsg_free(&m);
}

static int
ended(struct conn *c)
{
	struct imsg	 m;

	while (heard(c, &m))
		imsg_free(&m);
	return c->eof;
}

static void
greet(struct conn *c, const char *name)
{
	struct ctl_hello	 h = { .version = CTL_VERSION };

	conn_open(c, name);
	say(c, &ctl_hello_desc, &h);
	expect(c, &ctl_hello_desc, &h);
	ck_assert_uint_eq(h.version, CTL_VERSION);
	ck_assert_uint_eq(h.restricted, strcmp(name, "ro") == 0);
}

static void
ask_show(struct conn *c, unsigned int what)
{
	struct ctl_show_req	 rq = { .conn = 0xdead, .what = (uint8_t)what };

	say(c, &ctl_show_desc, &rq);
}

static void
ask_monitor(struct conn *c, int messages)
{
	struct ctl_monitor_req	 rq = { .messages = (uint8_t)messages };
	size_t			 n = nsent;

	say(c, &ctl_monitor_desc, &rq);
	UNTIL(nsent == n + 1);
	ck_assert_uint_eq(sent[n].type, CTL_MONITOR);
	ck_assert_uint_eq(sent[n].body.monitor.messages, messages);
}

static void
answer(uint32_t conn, unsigned int code, const char *text)
{
	struct ctl_end	 end = { .conn = conn, .code = (uint8_t)code };

	strlcpy(end.text, text, sizeof(end.text));
	server_end(server, &end);
}

static struct ctl_rec *
record(uint32_t conn, const char *key, uint64_t v)
{
	static struct ctl_rec	 out;
	struct rec		 r;

	rec_init(&r);
	rec_u64(&r, key, v);
	ck_assert_int_eq(rec_finish(&r), 0);
	out.conn = conn;
	out.len = r.len;
	memcpy(out.rec, r.buf, r.len);
	return &out;
}

START_TEST(numbers_are_ours)
{
	struct conn	 a, b;
	struct ctl_rec	 rec;
	struct ctl_end	 end;

	greet(&a, "ctl");
	greet(&b, "ctl");
	ask_show(&a, SHOW_PEERS);
	UNTIL(nsent == 1);
	ask_show(&b, SHOW_APPS);
	UNTIL(nsent == 2);
	ck_assert_uint_eq(sent[0].body.show.what, SHOW_PEERS);
	ck_assert_uint_eq(sent[1].body.show.what, SHOW_APPS);
	ck_assert_uint_ne(sent[0].body.conn, 0xdead);
	ck_assert_uint_ne(sent[0].body.conn, 0);
	ck_assert_uint_ne(sent[0].body.conn, sent[1].body.conn);
	server_rec(server, record(sent[1].body.conn, "b", 2));
	server_rec(server, record(sent[0].body.conn, "a", 1));
	answer(sent[1].body.conn, CTLE_OK, "");
	answer(sent[0].body.conn, CTLE_NOTFOUND, "no such thing");
	expect(&a, &ctl_rec_desc, &rec);
	ck_assert_uint_eq(rec.conn, 0);
	ck_assert_uint_eq(rec.rec[2], 'a');
	expect(&a, &ctl_end_desc, &end);
	ck_assert_uint_eq(end.conn, 0);
	ck_assert_uint_eq(end.code, CTLE_NOTFOUND);
	ck_assert_str_eq(end.text, "no such thing");
	expect(&b, &ctl_rec_desc, &rec);
	ck_assert_uint_eq(rec.rec[2], 'b');
	expect(&b, &ctl_end_desc, &end);
	/* One after the other is fine. */
	ask_show(&a, SHOW_KEYS);
	UNTIL(nsent == 3);
	ck_assert_uint_eq(sent[2].body.conn, sent[0].body.conn);
	conn_close(&a);
	conn_close(&b);
}
END_TEST

START_TEST(answers_for_the_departed_are_dropped)
{
	struct conn	 a;

	greet(&a, "ctl");
	ask_show(&a, SHOW_PEERS);
	UNTIL(nsent == 1);
	conn_close(&a);
	UNTIL(nsent == 2);
	ck_assert_uint_eq(sent[1].type, CTL_GONE);
	ck_assert_uint_eq(sent[1].body.conn, sent[0].body.conn);
	server_rec(server, record(sent[0].body.conn, "a", 1));
	answer(sent[0].body.conn, CTLE_OK, "");
	answer(4711, CTLE_OK, "");
}
END_TEST

START_TEST(idle_departure_is_nobodys_business)
{
	struct server_stats	 st;
	struct conn		 a;

	greet(&a, "ctl");
	conn_close(&a);
	UNTIL((server_stats(server, &st), st.clients == 0));
	ck_assert_uint_eq(nsent, 0);
}
END_TEST

START_TEST(read_only_refuses)
{
	static const struct msgdesc *const descs[] = { &ctl_peer_desc,
	    &ctl_ban_desc, &ctl_log_desc, &ctl_stop_desc };
	static const union {
		struct ctl_peer_req	 peer;
		struct ctl_ban_req	 ban;
	}		 zero;
	struct ctl_ban_req ban = { .prefix = { .af = 4, .len = 8 } };
	struct ctl_end	 end;
	struct conn	 c;
	size_t		 i;

	greet(&c, "ro");
	for (i = 0; i < nitems_of(descs); i++) {
		say(&c, descs[i], descs[i] == &ctl_ban_desc ?
		    (const void *)&ban : (const void *)&zero);
		expect(&c, &ctl_end_desc, &end);
		ck_assert_uint_eq(end.code, CTLE_DENIED);
	}
	ck_assert_uint_eq(nsent, 0);
	ask_show(&c, SHOW_STATUS);
	UNTIL(nsent == 1);
	answer(sent[0].body.conn, CTLE_OK, "");
	expect(&c, &ctl_end_desc, &end);
	ask_monitor(&c, 0);
	conn_close(&c);
}
END_TEST

START_TEST(full_socket_takes_orders)
{
	struct ctl_peer_req	 rq = { .op = PEER_ADD, .tcp = 7, .wait = 1 };
	struct conn		 c;

	greet(&c, "ctl");
	say(&c, &ctl_peer_desc, &rq);
	UNTIL(nsent == 1);
	ck_assert_uint_eq(sent[0].type, CTL_PEER);
	ck_assert_uint_eq(sent[0].body.peer.tcp, 7);
	conn_close(&c);
}
END_TEST

/* Bytes that are no hello; each ends that client and no other. */
START_TEST(rubbish_ends_only_itself)
{
	static const struct imsg_hdr	 bad[] = {
		{ CTL_SHOW, IMSG_HEADER_SIZE + 69, 0, 0 },	/* before hello */
		{ CTL_HELLO, IMSG_HEADER_SIZE, 0, 0 },		/* too short */
		{ CTL_HELLO, 0xffffff, 0, 0 },			/* too long */
		{ CTL_HELLO, 3, 0, 0 },
		{ CTL_REC, IMSG_HEADER_SIZE + 8, 0, 0 },	/* not theirs */
		{ 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }
	};
	uint8_t		 buf[128] = { 0 };
	struct conn	 good, c;

	greet(&good, "ctl");
	conn_open(&c, "ctl");
	memcpy(buf, &bad[_i], sizeof(bad[_i]));
	ck_assert_int_gt(write(c.fd, buf, sizeof(buf)), 0);
	UNTIL(ended(&c));
	conn_close(&c);
	ask_show(&good, SHOW_PEERS);
	UNTIL(nsent == 1);
	conn_close(&good);
}
END_TEST

START_TEST(hello_in_single_bytes)
{
	uint8_t			 wire[IMSG_HEADER_SIZE + 5] = { 0 };
	struct imsg_hdr		 h = { CTL_HELLO, sizeof(wire), 0, 0 };
	struct ctl_hello	 in;
	struct conn		 c;
	size_t			 i;

	memcpy(wire, &h, sizeof(h));
	wire[IMSG_HEADER_SIZE + 3] = CTL_VERSION;
	conn_open(&c, "ctl");
	for (i = 0; i < sizeof(wire); i++) {
		ck_assert_int_eq(write(c.fd, wire + i, 1), 1);
		turn();
	}
	expect(&c, &ctl_hello_desc, &in);
	conn_close(&c);
}
END_TEST

START_TEST(another_version_is_told_ours)
{
	struct ctl_hello	 h = { .version = CTL_VERSION + 1 };
	struct conn		 c;

	conn_open(&c, "ctl");
	say(&c, &ctl_hello_desc, &h);
	expect(&c, &ctl_hello_desc, &h);
	ck_assert_uint_eq(h.version, CTL_VERSION);
	UNTIL(ended(&c));
	conn_close(&c);
}
END_TEST

START_TEST(silence_ends)
{
	struct conn	 mute, idle, busy;
	struct ctl_end	 end;

	play_teardown();
	play_start(100, 200);
	greet(&busy, "ctl");
	ask_show(&busy, SHOW_PEERS);
	greet(&idle, "ctl");
	conn_open(&mute, "ctl");
	UNTIL(ended(&mute));
	UNTIL(ended(&idle));
	/* What takes long in the daemon is not held against the client. */
	ck_assert_int_eq(ended(&busy), 0);
	answer(sent[0].body.conn, CTLE_OK, "");
	expect(&busy, &ctl_end_desc, &end);
	conn_close(&mute);
	conn_close(&idle);
	conn_close(&busy);
}
END_TEST

START_TEST(one_request_at_a_time)
{
	struct conn	 c;

	greet(&c, "ctl");
	ask_show(&c, SHOW_PEERS);
	UNTIL(nsent == 1);
	ask_show(&c, SHOW_PEERS);
	UNTIL(ended(&c));
	ck_assert_uint_eq(nsent, 2);
	ck_assert_uint_eq(sent[1].type, CTL_GONE);
	conn_close(&c);
}
END_TEST

START_TEST(who_reads_nothing_is_dropped)
{
	struct server_stats	 st;
	struct conn		 good, c;
	struct ctl_end		 end;
	struct ctl_rec		*big;
	unsigned int		 i;

	greet(&good, "ctl");
	greet(&c, "ctl");
	ask_show(&c, SHOW_PEERS);
	UNTIL(nsent == 1);
	big = record(sent[0].body.conn, "x", 1);
	big->len = RECORD_MAX;
	for (i = 0; i < 20000 && nsent == 1; i++) {
		server_rec(server, big);
		if (i % 16 == 0)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_eq(nsent, 2);
	ck_assert_uint_eq(sent[1].type, CTL_GONE);
	ck_assert_uint_eq(sent[1].body.conn, sent[0].body.conn);
	ck_assert_uint_le((size_t)i * RECORD_MAX, SERVER_OUTPUT + 1024 * 1024);
	server_stats(server, &st);
	ck_assert_uint_eq(st.clients, 1);
	ask_show(&good, SHOW_PEERS);
	UNTIL(nsent == 3);
	answer(sent[2].body.conn, CTLE_OK, "");
	expect(&good, &ctl_end_desc, &end);
	conn_close(&c);
	conn_close(&good);
}
END_TEST

/* The longest answer fits, but not for any number that do not read it. */
START_TEST(unread_answers_have_a_budget)
{
	struct server_stats	 st;
	struct conn		 c[4];
	struct ctl_rec		*big;
	size_t			 i, n = SERVER_OUTPUT / (RECORD_MAX + 64);

	for (i = 0; i < nitems_of(c); i++) {
		greet(&c[i], "ctl");
		ask_show(&c[i], SHOW_BANS);
		UNTIL(nsent == i + 1);
	}
	for (i = 0; i < 3 * n; i++) {
		big = record(sent[i % 3].body.conn, "x", 1);
		big->len = RECORD_MAX;
		server_rec(server, big);
		if (i == n) {
			server_stats(server, &st);
			ck_assert_uint_eq(st.clients, 4);
		}
		if (i % 16 == 0)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	server_stats(server, &st);
	ck_assert_uint_ge(st.clients, 2);
	ck_assert_uint_lt(st.clients, 4);
	/* One that leaves nothing unread is not meant. */
	answer(sent[3].body.conn, CTLE_OK, "");
	turn();
	for (i = 0; i < nitems_of(c); i++)
		conn_close(&c[i]);
}
END_TEST

/* What those of the read-only socket do not read costs nobody of the other. */
START_TEST(budgets_of_their_own)
{
	struct server_stats	 st;
	struct conn		 ro[2], c;
	struct ctl_rec		*big;
	size_t			 i, n = SERVER_OUTPUT / (RECORD_MAX + 64) - 64;

	for (i = 0; i < nitems_of(ro); i++) {
		greet(&ro[i], "ro");
		ask_show(&ro[i], SHOW_BANS);
		UNTIL(nsent == i + 1);
	}
	greet(&c, "ctl");
	ask_show(&c, SHOW_BANS);
	UNTIL(nsent == 3);
	for (i = 0; i < 3 * n; i++) {
		big = record(sent[i / n].body.conn, "x", 1);
		big->len = RECORD_MAX;
		server_rec(server, big);
	}
	server_stats(server, &st);
	ck_assert_uint_eq(st.clients, 3);
	ck_assert_uint_eq(nsent, 3);
	for (i = 0; i < nitems_of(ro); i++)
		conn_close(&ro[i]);
	conn_close(&c);
}
END_TEST

static void
event(int message, uint64_t v, uint32_t lost)
{
	static struct m_event	 ev;
	struct ctl_rec		*r = record(0, "n", v);

	ev.message = (uint8_t)message;
	ev.lost = lost;
	ev.len = r->len;
	memcpy(ev.rec, r->rec, r->len);
	server_event(server, &ev);
}

/* The value under key, or -1. */
static int64_t
value(const struct ctl_rec *rec, const char *key)
{
	struct rec_reader	 rd;
	struct rec_item		 it;

	rec_read(&rd, rec->rec, rec->len);
	while (rec_next(&rd, &it) == 1)
		if (strcmp(it.key, key) == 0)
			return (int64_t)it.u64;
	return -1;
}

START_TEST(events_go_to_monitors)
{
	struct conn	 plain, events, messages;
	struct ctl_rec	 rec;
	struct imsg	 m;
	struct ctl_end	 end;

	greet(&plain, "ctl");
	greet(&events, "ctl");
	greet(&messages, "ro");
	ask_monitor(&events, 0);
	ask_monitor(&messages, 1);
	event(0, 1, 0);
	event(1, 2, 0);
	event(0, 3, 5);
	expect(&events, &ctl_rec_desc, &rec);
	ck_assert_int_eq(value(&rec, "n"), 1);
	ck_assert_int_eq(value(&rec, "lost"), -1);
	expect(&events, &ctl_rec_desc, &rec);
	ck_assert_int_eq(value(&rec, "n"), 3);
	ck_assert_int_eq(value(&rec, "lost"), 5);
	expect(&messages, &ctl_rec_desc, &rec);
	expect(&messages, &ctl_rec_desc, &rec);
	ck_assert_int_eq(value(&rec, "n"), 2);
	expect(&messages, &ctl_rec_desc, &rec);
	ck_assert_int_eq(heard(&plain, &m), 0);
	/* The parent may end it. */
	answer(sent[0].body.conn, CTLE_FAILED, "out of memory");
	expect(&events, &ctl_end_desc, &end);
	event(0, 4, 0);
	turn();
	ck_assert_int_eq(heard(&events, &m), 0);
	/* And is told when a monitor leaves. */
	conn_close(&messages);
	UNTIL(nsent == 3);
	ck_assert_uint_eq(sent[2].type, CTL_GONE);
	ck_assert_uint_eq(sent[2].body.conn, sent[1].body.conn);
	conn_close(&plain);
	conn_close(&events);
}
END_TEST

START_TEST(slow_monitor_loses_events_not_its_connection)
{
	struct server_stats	 st;
	struct ctl_rec		 rec;
	struct conn		 c;
	uint64_t		 i, total = 200000, got = 0, lost = 0;
	int64_t			 v;

	greet(&c, "ctl");
	ask_monitor(&c, 0);
	for (i = 0; i < total; i++) {
		event(0, i, 0);
		if (i % 64 == 0)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	server_stats(server, &st);
	ck_assert_uint_gt(st.lost, 0);
	ck_assert_uint_eq(st.clients, 1);
	/* Read on: all that was sent and the count of the rest add up. */
	while (got + lost < total) {
		expect(&c, &ctl_rec_desc, &rec);
		if (value(&rec, "n") != -1)
			got++;
		if ((v = value(&rec, "lost")) != -1)
			lost += (uint64_t)v;
	}
	ck_assert_uint_eq(got + lost, total);
	ck_assert_uint_eq(lost, st.lost);
	event(0, 7, 0);
	expect(&c, &ctl_rec_desc, &rec);
	ck_assert_int_eq(value(&rec, "lost"), -1);
	ck_assert_uint_eq(nsent, 1);
	conn_close(&c);
}
END_TEST

START_TEST(too_many_clients)
{
	struct conn	 c[SERVER_CLIENTS], more, ro;
	struct ctl_end	 end;
	size_t		 i;

	for (i = 0; i < SERVER_CLIENTS; i++)
		greet(&c[i], "ctl");
	conn_open(&more, "ctl");
	expect(&more, &ctl_end_desc, &end);
	ck_assert_uint_eq(end.code, CTLE_BUSY);
	UNTIL(ended(&more));
	greet(&ro, "ro");
	conn_close(&c[0]);
	conn_close(&more);
	turn();
	greet(&c[0], "ctl");
	for (i = 0; i < SERVER_CLIENTS; i++)
		conn_close(&c[i]);
	conn_close(&ro);
}
END_TEST

/* Anybody may have the read-only socket, but not all of it. */
START_TEST(too_many_of_a_user)
{
	struct conn	 c[SERVER_USER], more;
	struct ctl_end	 end;
	size_t		 i;

	for (i = 0; i < SERVER_USER; i++)
		greet(&c[i], "ro");
	conn_open(&more, "ro");
	expect(&more, &ctl_end_desc, &end);
	ck_assert_uint_eq(end.code, CTLE_BUSY);
	UNTIL(ended(&more));
	conn_close(&more);
	conn_close(&c[0]);
	turn();
	greet(&c[0], "ro");
	for (i = 0; i < SERVER_USER; i++)
		conn_close(&c[i]);
}
END_TEST

START_TEST(busy_parent)
{
	struct ctl_end	 end;
	struct conn	 c;

	greet(&c, "ctl");
	parent_full = 1;
	ask_show(&c, SHOW_PEERS);
	expect(&c, &ctl_end_desc, &end);
	ck_assert_uint_eq(end.code, CTLE_BUSY);
	parent_full = 0;
	ask_show(&c, SHOW_PEERS);
	UNTIL(nsent == 1);
	conn_close(&c);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("control clients");
	TCase	*tc = tcase_create("clients");
	SRunner	*sr;
	int	 failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, play_setup, play_teardown);
	tcase_add_test(tc, numbers_are_ours);
	tcase_add_test(tc, answers_for_the_departed_are_dropped);
	tcase_add_test(tc, idle_departure_is_nobodys_business);
	tcase_add_test(tc, read_only_refuses);
	tcase_add_test(tc, full_socket_takes_orders);
	tcase_add_loop_test(tc, rubbish_ends_only_itself, 0, 6);
	tcase_add_test(tc, hello_in_single_bytes);
	tcase_add_test(tc, another_version_is_told_ours);
	tcase_add_test(tc, silence_ends);
	tcase_add_test(tc, one_request_at_a_time);
	tcase_add_test(tc, who_reads_nothing_is_dropped);
	tcase_add_test(tc, unread_answers_have_a_budget);
	tcase_add_test(tc, budgets_of_their_own);
	tcase_add_test(tc, events_go_to_monitors);
	tcase_add_test(tc, slow_monitor_loses_events_not_its_connection);
	tcase_add_test(tc, too_many_clients);
	tcase_add_test(tc, too_many_of_a_user);
	tcase_add_test(tc, busy_parent);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
