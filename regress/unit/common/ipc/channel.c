/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/ipc/channel.h"
#include "common/ipc/imsg.h"

/* The system's want of something that the socket's state does not show. */
static struct {
	int		 err;
	unsigned int	 calls;
} starve;
ssize_t	 __real_sendmsg(int, const struct msghdr *, int);
ssize_t	 __wrap_sendmsg(int, const struct msghdr *, int);

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (starve.err == 0)
		return __real_sendmsg(fd, msg, flags);
	starve.calls++;
	errno = starve.err;
	return -1;
}

struct num {
	uint32_t	 n;
	char		 s[9];
};
static const struct msgfield num_fields[] = {
	MSG_U32(struct num, n), MSG_STR(struct num, s), MSG_END
};
static const struct msgdesc num_desc = { 1, "num", sizeof(struct num), num_fields };
static const struct msgdesc file_desc = { 2, "file", sizeof(struct num), num_fields };
static const struct msgdesc late_desc = { 3, "late", sizeof(struct num), num_fields };

struct big {
	uint32_t	 len;
	uint8_t		 data[60000];
};
static const struct msgfield big_fields[] = {
	MSG_BLOB(struct big, data, len), MSG_END
};
static const struct msgdesc big_desc = { 5, "big", sizeof(struct big), big_fields };

#define NUM_MIN	6
#define NUM_MAX	14

static struct event_base	*base;
static struct channel		*ch, *far;
static int			 sv[2];
static struct {
	unsigned int	 got, files, bigs, downs, drains;
	uint32_t	 last;
	char		 why[128];
	int		 eof;
	int		 free_at, pause_at, send_at, keep;
	int		 fd;
} seen;

static void
on_num(struct channel *c, struct chan_msg *m, void *arg)
{
	const struct num	*n = m->body;
	struct num		 reply = { .n = 0 };

	ck_assert_ptr_eq(arg, &seen);
	/* The body is aligned whatever its place among the bytes. */
	ck_assert_uint_eq((uintptr_t)m->body % _Alignof(max_align_t), 0);
	ck_assert_uint_eq(n->n, seen.last);
	seen.last++;
	seen.got++;
	if (seen.send_at == (int)seen.got)
		ck_assert_int_eq(channel_send(c, &num_desc, &reply, -1), 0);
	if (seen.pause_at == (int)seen.got)
		channel_pause(c);
	if (seen.free_at == (int)seen.got) {
		channel_free(c);
		ch = NULL;
	}
}

static void
on_file(struct channel *c, struct chan_msg *m, void *arg)
{
	ck_assert_int_ne(m->fd, -1);
	ck_assert_int_eq(fcntl(m->fd, F_GETFD), FD_CLOEXEC);
	seen.files++;
	if (seen.keep) {
		seen.fd = m->fd;
		m->fd = -1;
	}
}

static void
on_big(struct channel *c, struct chan_msg *m, void *arg)
{
	seen.bigs++;
}

static void
on_down(struct channel *c, const char *why, void *arg)
{
	seen.downs++;
	seen.eof = why == NULL;
	snprintf(seen.why, sizeof(seen.why), "%s", why == NULL ? "" : why);
	if (ch != NULL)
		channel_free(c);
	ch = NULL;
}

static void
on_drained(struct channel *c, void *arg)
{
	seen.drains++;
}

static const struct chan_rule rules[] = {
	{ &num_desc, CHAN_ANY_STATE, CHAN_NOFD, on_num },
	{ &file_desc, CHAN_ANY_STATE, CHAN_FD, on_file },
	{ &late_desc, 1U << 3, CHAN_NOFD, on_num },
	{ &big_desc, CHAN_ANY_STATE, CHAN_NOFD, on_big },
};

static struct chan_conf
conf(void)
{
	struct chan_conf	 cc = {
		.name = "far", .rules = rules, .nrules = nitems_of(rules),
		.hiwat = CHAN_HIWAT, .lowat = CHAN_LOWAT, .limit = CHAN_LIMIT,
		.fdpass = 1, .down = on_down, .drained = on_drained,
		.arg = &seen
	};

	return cc;
}

static void
start(const struct chan_conf *cc)
{
	memset(&seen, 0, sizeof(seen));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	ch = channel_new(base, sv[0], cc);
	ck_assert_ptr_nonnull(ch);
	far = NULL;
}

static void
setup(void)
{
	struct chan_conf	 cc = conf();

	base = event_base_new();
	start(&cc);
}

static void
finish(void)
{
	if (ch != NULL)
		channel_free(ch);
	ch = NULL;
	if (sv[1] != -1)
		close(sv[1]);
	sv[1] = -1;
}

static void
teardown(void)
{
	finish();
	event_base_free(base);
}

static int
open_fds(void)
{
	DIR	*d = opendir("/dev/fd");
	int	 n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
spin(void)
{
	int	 i;

	for (i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Sends one message of any type and length from the other side. */
static void
send_type(uint32_t type, const void *p, size_t len, int fd)
{
	struct imsgbuf	 ib;

	imsgbuf_init(&ib, sv[1]);
	ck_assert_int_eq(imsg_compose(&ib, type, 0, 0, fd, p, len), 1);
	ck_assert_int_eq(imsgbuf_flush(&ib, 1000), 0);
	imsgbuf_clear(&ib);
}

static void
send_num(uint32_t type, uint32_t n, int fd)
{
	struct num	 m = { .n = n };
	struct ibuf	*b = ibuf_dynamic(0, 64);

	ck_assert_int_eq(msg_encode(&num_desc, &m, b), 0);
	send_type(type, ibuf_data(b), ibuf_size(b), fd);
	ibuf_free(b);
}

START_TEST(messages)
{
	struct chan_stats	 st;
	struct num		 m = { .n = 5, .s = "x" };
	struct imsgbuf		 ib;
	struct imsg		 im;

	ck_assert_str_eq(channel_name(ch), "far");
	ck_assert_ptr_eq(channel_arg(ch), &seen);
	send_num(1, 0, -1);
	send_num(1, 1, -1);
	spin();
	ck_assert_uint_eq(seen.got, 2);
	ck_assert_uint_eq(seen.downs, 0);
	/* Queued at once, written in the loop. */
	ck_assert_int_eq(channel_send(ch, &num_desc, &m, -1), 0);
	ck_assert_uint_eq(channel_queued(ch), 16 + NUM_MIN + 1);
	spin();
	ck_assert_uint_eq(channel_queued(ch), 0);
	imsgbuf_init(&ib, sv[1]);
	ck_assert_int_eq(imsgbuf_read(&ib), 1);
	ck_assert_int_eq(imsgbuf_get(&ib, &im), 1);
	ck_assert_uint_eq(imsg_get_type(&im), 1);
	imsg_free(&im);
	channel_stats(ch, &st);
	ck_assert_uint_eq(st.in, 2);
	ck_assert_uint_eq(st.in_bytes, 2 * (16 + NUM_MIN));
	ck_assert_uint_eq(st.out, 1);
	ck_assert_uint_eq(st.out_bytes, 16 + NUM_MIN + 1);
	ck_assert_uint_eq(st.bad, 0);
	memset(m.s, 'x', sizeof(m.s));
	ck_assert_int_eq(channel_send(ch, &num_desc, &m, -1), -1);
	ck_assert_int_eq(errno, ERANGE);
	close(sv[1]);
	sv[1] = -1;
	spin();
	ck_assert_uint_eq(seen.downs, 1);
	ck_assert_int_eq(seen.eof, 1);
}
END_TEST

/* Each ends the channel once, with every fd closed and nothing delivered. */
START_TEST(refused)
{
	static const struct {
		uint32_t	 type;
		int		 len;	/* -1: a good body */
		int		 fd;
		const char	*why;
	} t[] = {
		{ 9, -1, 0, "not allowed" },
		{ 4, -1, 0, "not allowed" },
		{ 9, -1, 1, "not allowed" },
		{ 3, -1, 0, "not in this state" },
		{ 1, 0, 0, "too short" },
		{ 1, NUM_MIN - 1, 0, "too short" },
		{ 1, NUM_MAX + 1, 0, "too long" },
		{ 1, NUM_MIN + 1, 0, "malformed" },
		{ 2, -1, 0, "without its fd" },
		{ 1, -1, 1, "with an fd" },
		{ 1, 60005, 0, "Numerical result out of range" },
	};
	static uint8_t	 zero[65536];
	struct chan_conf cc = conf();
	size_t		 i;
	int		 before = open_fds(), fd;

	for (i = 0; i < nitems_of(t); i++) {
		fd = t[i].fd ? open("/dev/null", O_RDONLY) : -1;
		if (t[i].len == -1)
			send_num(t[i].type, 0, fd);
		else
			send_type(t[i].type, zero, (size_t)t[i].len, fd);
		/* What comes behind is not looked at. */
		if (t[i].len <= NUM_MAX)
			send_num(1, 0, -1);
		spin();
		ck_assert_msg(strstr(seen.why, t[i].why) != NULL,
		    "%zu: %s", i, seen.why);
		ck_assert_uint_eq(seen.downs, 1);
		ck_assert_uint_eq(seen.got + seen.files + seen.bigs, 0);
		finish();
		start(&cc);
		ck_assert_int_eq(open_fds(), before);
	}
}
END_TEST

START_TEST(states)
{
	channel_set_state(ch, 3);
	ck_assert_uint_eq(channel_state(ch), 3);
	send_num(3, 0, -1);
	send_num(1, 1, -1);
	spin();
	ck_assert_uint_eq(seen.got, 2);
	channel_set_state(ch, 2);
	send_num(3, 2, -1);
	spin();
	ck_assert_uint_eq(seen.got, 2);
	ck_assert_uint_eq(seen.downs, 1);
}
END_TEST

START_TEST(truncations)
{
	struct chan_conf cc = conf();
	struct imsg_hdr	 h = { .type = 1, .len = 16 + NUM_MIN };
	uint8_t		 buf[16 + NUM_MIN] = { 0 };
	size_t		 n;

	memcpy(buf, &h, sizeof(h));
	for (n = 0; n <= sizeof(buf); n++) {
		ck_assert_int_eq(write(sv[1], buf, n), (ssize_t)n);
		spin();
		ck_assert_uint_eq(seen.downs, 0);
		close(sv[1]);
		sv[1] = -1;
		spin();
		ck_assert_uint_eq(seen.downs, 1);
		ck_assert_uint_eq(seen.got, n == sizeof(buf));
		ck_assert_int_eq(seen.eof, n == 0 || n == sizeof(buf));
		finish();
		start(&cc);
	}
}
END_TEST

START_TEST(files)
{
	int	 before = open_fds();

	send_num(2, 0, open("/dev/null", O_RDONLY));
	spin();
	ck_assert_uint_eq(seen.files, 1);
	ck_assert_int_eq(open_fds(), before);
	seen.keep = 1;
	send_num(2, 0, open("/dev/null", O_RDONLY));
	spin();
	ck_assert_uint_eq(seen.files, 2);
	ck_assert_int_eq(open_fds(), before + 1);
	close(seen.fd);
	/* Sent on: taken whether or not it goes. */
	ck_assert_int_eq(channel_send(ch, &num_desc, &(struct num){ 0 },
	    open("/dev/null", O_RDONLY)), 0);
	spin();
	ck_assert_int_eq(open_fds(), before);
	ck_assert_int_eq(channel_send(ch, &big_desc,
	    &(struct big){ .len = 60001 }, open("/dev/null", O_RDONLY)), -1);
	ck_assert_int_eq(open_fds(), before);
	/* Queued ones go with the channel. */
	ck_assert_int_eq(channel_send(ch, &num_desc, &(struct num){ 0 },
	    open("/dev/null", O_RDONLY)), 0);
	channel_free(ch);
	ch = NULL;
	ck_assert_int_eq(open_fds(), before - 1);
}
END_TEST

START_TEST(free_in_handler)
{
	unsigned int	 i;

	seen.free_at = 3;
	for (i = 0; i < 10; i++)
		send_num(1, i, -1);
	spin();
	ck_assert_uint_eq(seen.got, 3);
	ck_assert_uint_eq(seen.downs, 0);
	ck_assert_ptr_null(ch);
	/* And outside of any. */
	teardown();
	setup();
	ck_assert_int_eq(channel_send(ch, &num_desc, &(struct num){ 0 }, -1), 0);
	channel_free(ch);
	ch = NULL;
	spin();
	channel_free(NULL);
}
END_TEST

/* A flood is taken in slices, so that a timer still has its turn. */
static unsigned int	 ticks, got_at_tick;

static void
tick(int fd, short what, void *arg)
{
	ticks++;
	got_at_tick = seen.got;
}

START_TEST(fairness)
{
	struct imsgbuf	 ib;
	struct timeval	 now = { 0, 0 };
	struct num	 m = { 0 };
	struct ibuf	*b;
	unsigned int	 i, turns;

	imsgbuf_init(&ib, sv[1]);
	for (i = 0; i < 2000; i++) {
		m.n = i;
		b = ibuf_dynamic(0, 64);
		ck_assert_int_eq(msg_encode(&num_desc, &m, b), 0);
		ck_assert_int_eq(imsg_compose_ibuf(&ib, 1, 0, 0, b), 1);
	}
	fcntl(sv[1], F_SETFL, O_NONBLOCK);
	ck_assert_int_eq(imsgbuf_flush(&ib, 1000), 0);
	ticks = 0;
	event_base_once(base, -1, EV_TIMEOUT, tick, NULL, &now);
	for (turns = 0; seen.got < 2000; turns++) {
		i = seen.got;
		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_le(seen.got - i, 512);
		ck_assert_uint_lt(turns, 100);
	}
	ck_assert_uint_ge(turns, 4);
	ck_assert_uint_eq(ticks, 1);
	ck_assert_uint_lt(got_at_tick, 2000);
	ck_assert_uint_eq(seen.downs, 0);
}
END_TEST

START_TEST(rate)
{
	struct chan_conf cc = conf();
	struct chan_stats st;
	uint64_t	 t0 = mono_ms();
	unsigned int	 i;

	finish();
	cc.rate = 100;
	start(&cc);
	/* A second's worth at once, then no faster than the rate. */
	for (i = 0; i < 130; i++)
		send_num(1, i, -1);
	while (seen.got < 130)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_ge(mono_ms() - t0, 290);
	channel_stats(ch, &st);
	ck_assert_uint_gt(st.held, 0);
	ck_assert_uint_eq(seen.downs, 0);
}
END_TEST

/* News wait for what is urgent, and not for long; the order is kept. */
START_TEST(news)
{
	struct chan_conf	 cc = conf();
	struct num		 m = { .n = 0 };

	far = channel_new(base, sv[1], &cc);
	sv[1] = -1;
	ck_assert_int_eq(channel_send_later(far, &num_desc, &m), 0);
	m.n = 1;
	ck_assert_int_eq(channel_send_later(far, &num_desc, &m), 0);
	while (seen.got < 2)
		event_base_loop(base, EVLOOP_ONCE);
	m.n = 2;
	ck_assert_int_eq(channel_send_later(far, &num_desc, &m), 0);
	m.n = 3;
	ck_assert_int_eq(channel_send(far, &num_desc, &m, -1), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(channel_queued(far), 0);
	spin();
	ck_assert_uint_eq(seen.got, 4);
	channel_free(far);
}
END_TEST

START_TEST(pausing)
{
	unsigned int	 i;

	seen.pause_at = 2;
	for (i = 0; i < 5; i++)
		send_num(1, i, -1);
	spin();
	ck_assert_uint_eq(seen.got, 2);
	/* Nothing new in the socket; the rest waits here. */
	channel_resume(ch);
	spin();
	ck_assert_uint_eq(seen.got, 5);
	channel_pause(ch);
	close(sv[1]);
	sv[1] = -1;
	spin();
	ck_assert_uint_eq(seen.downs, 0);
	channel_resume(ch);
	spin();
	ck_assert_uint_eq(seen.downs, 1);
}
END_TEST

START_TEST(marks)
{
	static struct big	 big;
	struct chan_conf	 cc = conf();
	char			 buf[65536];
	int			 i, ret, before;

	finish();
	cc.hiwat = 100000;
	cc.lowat = 50000;
	cc.limit = 1000000;
	start(&cc);
	big.len = sizeof(big.data);
	ck_assert_int_eq(channel_send(ch, &big_desc, &big, -1), 0);
	ck_assert_int_eq(channel_full(ch), 0);
	ck_assert_int_eq(channel_send(ch, &big_desc, &big, -1), 0);
	ck_assert_int_eq(channel_full(ch), 1);
	before = open_fds();
	for (i = 0; (ret = channel_send(ch, &big_desc, &big, -1)) == 0; i++)
		ck_assert_int_lt(i, 100);
	ck_assert_int_eq(errno, ENOBUFS);
	ck_assert_uint_gt(channel_queued(ch), 1000000);
	ck_assert_uint_lt(channel_queued(ch), 1000000 + 60020 + 1);
	ck_assert_int_eq(channel_send(ch, &num_desc, &(struct num){ 0 },
	    open("/dev/null", O_RDONLY)), -1);
	ck_assert_int_eq(open_fds(), before);
	spin();
	ck_assert_uint_eq(seen.drains, 0);
	ck_assert_int_eq(channel_flush(ch, 20), -1);
	while (channel_queued(ch) > 0) {
		ck_assert_int_gt(read(sv[1], buf, sizeof(buf)), 0);
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_uint_eq(seen.drains, channel_queued(ch) < 50000);
	}
	ck_assert_uint_eq(seen.drains, 1);
	/* Below the mark nothing is said. */
	ck_assert_int_eq(channel_send(ch, &num_desc, &(struct num){ 0 }, -1), 0);
	ck_assert_int_eq(channel_flush(ch, 1000), 0);
	spin();
	ck_assert_uint_eq(seen.drains, 1);
}
END_TEST

START_TEST(reader_gone)
{
	close(sv[1]);
	sv[1] = -1;
	ck_assert_int_eq(channel_send(ch, &num_desc, &(struct num){ 0 }, -1), 0);
	spin();
	ck_assert_uint_eq(seen.downs, 1);
}
END_TEST

/* One that goes is heard to the end, whatever we wanted to say to it. */
START_TEST(last_words)
{
	unsigned int	 i;
	int		 unread;

	for (unread = 0; unread < 2; unread++) {
		if (unread) {
			ck_assert_int_eq(channel_send(ch, &num_desc,
			    &(struct num){ 0 }, -1), 0);
			ck_assert_int_eq(channel_flush(ch, 1000), 0);
		}
		for (i = 0; i < 3; i++)
			send_num(1, i, -1);
		close(sv[1]);
		sv[1] = -1;
		/* The write is tried before the reader's turn. */
		ck_assert_int_eq(channel_send(ch, &num_desc,
		    &(struct num){ 0 }, -1), 0);
		(void)channel_flush(ch, 0);
		spin();
		ck_assert_uint_eq(seen.got, 3);
		ck_assert_uint_eq(seen.downs, 1);
		ck_assert_int_eq(seen.eof, 1);
		finish();
		start(&(struct chan_conf){ .name = "far", .rules = rules,
		    .nrules = nitems_of(rules), .hiwat = CHAN_HIWAT,
		    .lowat = CHAN_LOWAT, .limit = CHAN_LIMIT, .fdpass = 1,
		    .down = on_down, .drained = on_drained, .arg = &seen });
	}
}
END_TEST

/* The one in fifty of two channels talking, fds among the rest. */
static void
far_down(struct channel *c, const char *why, void *arg)
{
	ck_abort_msg("far: %s", why == NULL ? "closed" : why);
}

START_TEST(two_channels)
{
	static struct big	 big;
	struct chan_conf	 cc = conf();
	struct chan_stats	 st;
	unsigned int		 i, nfiles = 0, nbigs = 0;
	int			 before;

	cc.down = far_down;
	before = open_fds();
	far = channel_new(base, sv[1], &cc);
	sv[1] = -1;
	big.len = sizeof(big.data);
	for (i = 0; i < 2000; i++) {
		if (i % 50 == 7) {
			nfiles++;
			ck_assert_int_eq(channel_send(far, &file_desc,
			    &(struct num){ 0 }, open("/dev/null", O_RDONLY)), 0);
		} else if (i % 50 == 30) {
			nbigs++;
			ck_assert_int_eq(channel_send(far, &big_desc, &big,
			    -1), 0);
		} else
			ck_assert_int_eq(channel_send(far, &num_desc,
			    &(struct num){ .n = i - nfiles - nbigs }, -1), 0);
	}
	while (channel_queued(far) > 0)
		event_base_loop(base, EVLOOP_ONCE);
	spin();
	ck_assert_uint_eq(seen.files, nfiles);
	ck_assert_uint_eq(seen.bigs, nbigs);
	ck_assert_uint_eq(seen.got, 2000 - nfiles - nbigs);
	channel_stats(far, &st);
	ck_assert_uint_eq(st.out, 2000);
	ck_assert_int_eq(open_fds(), before);
	channel_free(far);
}
END_TEST

static void
stop_spin(int fd, short what, void *arg)
{
	event_base_loopbreak(base);
}

/* The socket is writable all the time: it is asked now and then only. */
START_TEST(starved)
{
	static const struct timeval	 tv = { 0, 100000 };
	struct num			 m = { .n = 0 };
	struct imsgbuf			 ib;
	uint64_t			 end = mono_ms() + 30000;

	starve.err = _i == 0 ? ENOBUFS : ETOOMANYREFS;
	starve.calls = 0;
	ck_assert_int_eq(channel_send(ch, &num_desc, &m, -1), 0);
	ck_assert_int_eq(event_base_once(base, -1, EV_TIMEOUT, stop_spin, NULL,
	    &tv), 0);
	event_base_dispatch(base);
	ck_assert_uint_ge(starve.calls, 2);
	ck_assert_uint_le(starve.calls, 15);
	ck_assert_uint_gt(channel_queued(ch), 0);
	ck_assert_uint_eq(seen.downs, 0);
	starve.err = 0;
	while (channel_queued(ch) > 0 && mono_ms() < end)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(channel_queued(ch), 0);

	starve.err = _i == 0 ? ENOBUFS : ETOOMANYREFS;
	starve.calls = 0;
	imsgbuf_init(&ib, sv[1]);
	ck_assert_int_eq(imsg_compose(&ib, 1, 0, 0, -1, "x", 1), 1);
	ck_assert_int_eq(imsgbuf_flush(&ib, 100), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_uint_le(starve.calls, 15);
	imsgbuf_clear(&ib);
	starve.err = 0;
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("ipc/channel");
	TCase	*tc = tcase_create("channel");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, messages);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, states);
	tcase_add_test(tc, truncations);
	tcase_add_test(tc, files);
	tcase_add_test(tc, free_in_handler);
	tcase_add_test(tc, fairness);
	tcase_add_test(tc, rate);
	tcase_add_test(tc, news);
	tcase_add_test(tc, pausing);
	tcase_add_test(tc, marks);
	tcase_add_test(tc, reader_gone);
	tcase_add_test(tc, last_words);
	tcase_add_test(tc, two_channels);
	tcase_add_loop_test(tc, starved, 0, 2);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
