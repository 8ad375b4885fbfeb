/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p2pctl/client.h"

/* The test is the daemon: all it says is in the socket before the tool asks. */
static struct client	 c;
static struct imsgbuf	 daemon_ib;
static int		 sv[2];

static void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	imsgbuf_init(&daemon_ib, sv[1]);
}

static void
teardown(void)
{
	client_close(&c);
	imsgbuf_clear(&daemon_ib);
	if (sv[1] != -1)
		close(sv[1]);
}

static void
say(const struct msgdesc *d, const void *body)
{
	struct ibuf	*b;

	b = imsg_create(&daemon_ib, d->type, 0, 0, 0);
	ck_assert_int_eq(msg_encode(d, body, b), 0);
	imsg_close(&daemon_ib, b);
	ck_assert_int_eq(imsgbuf_flush(&daemon_ib, 1000), 0);
}

static void
say_hello(uint32_t version, int restricted)
{
	struct ctl_hello	 h = { version, (uint8_t)restricted };

	say(&ctl_hello_desc, &h);
}

static void
say_end(unsigned int code, const char *text)
{
	struct ctl_end	 end = { .code = (uint8_t)code };

	strlcpy(end.text, text, sizeof(end.text));
	say(&ctl_end_desc, &end);
}

static void
say_rec(uint8_t first)
{
	static struct ctl_rec	 rec;

	rec.len = 1;
	rec.rec[0] = first;
	say(&ctl_rec_desc, &rec);
}

static void
hang_up(void)
{
	close(sv[1]);
	sv[1] = -1;
}

static int
collect(const void *p, size_t len, void *arg)
{
	unsigned int	*sum = arg;

	ck_assert_uint_eq(len, 1);
	*sum = *sum * 10 + *(const uint8_t *)p;
	return *sum >= 100 ? -1 : 0;
}

static int
ask(unsigned int *sum, char text[256])
{
	struct ctl_show_req	 rq = { .what = SHOW_PEERS };

	return client_ask(&c, &ctl_show_desc, &rq, 1000, collect, sum, text);
}

START_TEST(asks)
{
	unsigned int	 sum = 0;
	char		 text[256];

	say_hello(CTL_VERSION, 1);
	ck_assert_int_eq(client_attach(&c, sv[0], 1000), EX_DONE);
	ck_assert_int_eq(c.restricted, 1);
	say_rec(1);
	say_rec(2);
	say_end(CTLE_OK, "all\ndone");
	ck_assert_int_eq(ask(&sum, text), EX_DONE);
	ck_assert_uint_eq(sum, 12);
	ck_assert_str_eq(text, "all\\x0adone");
	/* And again; the reader may have enough. */
	sum = 1;
	say_rec(2);
	say_rec(3);
	ck_assert_int_eq(ask(&sum, text), EX_DONE);
	ck_assert_uint_eq(sum, 123);
}
END_TEST

START_TEST(codes)
{
	static const struct {
		unsigned int	 code;
		int		 exit;
	} t[] = {
		{ CTLE_FAILED, EX_FAILED }, { CTLE_DENIED, EX_DENIED },
		{ CTLE_NOTFOUND, EX_NOTFOUND }, { CTLE_INVALID, EX_USAGE_ERR },
		{ CTLE_BUSY, EX_BUSY }, { 200, EX_FAILED }
	};
	unsigned int	 sum = 0;

	say_hello(CTL_VERSION, 0);
	ck_assert_int_eq(client_attach(&c, sv[0], 1000), EX_DONE);
	say_end(t[_i].code, "because");
	ck_assert_int_eq(ask(&sum, NULL), t[_i].exit);
	ck_assert_str_eq(c.err, "because");
}
END_TEST

START_TEST(daemon_goes_away)
{
	unsigned int	 sum = 0;

	say_hello(CTL_VERSION, 0);
	ck_assert_int_eq(client_attach(&c, sv[0], 1000), EX_DONE);
	say_rec(1);
	hang_up();
	ck_assert_int_eq(ask(&sum, NULL), EX_NODAEMON);
	ck_assert_ptr_nonnull(strstr(c.err, "closed"));
}
END_TEST

START_TEST(daemon_hangs)
{
	struct ctl_show_req	 rq = { .what = SHOW_PEERS };

	say_hello(CTL_VERSION, 0);
	ck_assert_int_eq(client_attach(&c, sv[0], 1000), EX_DONE);
	ck_assert_int_eq(client_ask(&c, &ctl_show_desc, &rq, 30, NULL, NULL,
	    NULL), EX_NODAEMON);
	ck_assert_ptr_nonnull(strstr(c.err, "does not answer"));
}
END_TEST

static void
on_alarm(int sig)
{
}

/* Not even a hello; and one who does not even accept, whatever interrupts. */
START_TEST(never_alive)
{
	static const struct itimerval	 soon = { .it_value.tv_usec = 50000 };
	struct sigaction	 sa = { .sa_handler = on_alarm };
	struct sockaddr_un	 sun;
	char			 dir[] = "/tmp/p2pctlXXXXXX";
	int			 fd, more[8], i;

	ck_assert_int_eq(client_attach(&c, sv[0], 30), EX_NODAEMON);
	ck_assert_ptr_nonnull(strstr(c.err, "does not answer"));
	client_close(&c);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/sock", dir);
	ck_assert_int_ne(fd = socket(AF_UNIX, SOCK_STREAM, 0), -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	/* Until its queue is full. */
	for (i = 0; i < 8; i++) {
		more[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(more[i], (struct sockaddr *)&sun,
		    sizeof(sun)) == -1)
			break;
	}
	ck_assert_int_lt(i, 8);
	ck_assert_int_eq(client_open(&c, sun.sun_path, 30), EX_NODAEMON);
	ck_assert_ptr_nonnull(strstr(c.err, sun.sun_path));
	ck_assert_int_eq(sigaction(SIGALRM, &sa, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
	ck_assert_int_eq(client_open(&c, sun.sun_path, 500), EX_NODAEMON);
	ck_assert_ptr_nonnull(strstr(c.err, "takes no connection"));
	for (; i >= 0; i--)
		close(more[i]);
	close(fd);
	unlink(sun.sun_path);
	rmdir(dir);
}
END_TEST

START_TEST(refused_before_hello)
{
	say_end(CTLE_BUSY, "too many clients");
	hang_up();
	ck_assert_int_eq(client_attach(&c, sv[0], 1000), EX_BUSY);
	ck_assert_str_eq(c.err, "too many clients");
}
END_TEST

START_TEST(another_version)
{
	say_hello(CTL_VERSION + 1, 0);
	ck_assert_int_eq(client_attach(&c, sv[0], 1000), EX_FAILED);
	ck_assert_ptr_nonnull(strstr(c.err, "version"));
}
END_TEST

START_TEST(rubbish)
{
	struct ctl_conn	 gone = { 1 };

	if (_i == 0) {
		/* Not for a client. */
		say(&ctl_gone_desc, &gone);
	} else {
		ck_assert_int_gt(write(sv[1], "HTTP/1.1 400 Bad Request\r\n"
		    "Connection: close\r\n\r\n", 47), 0);
	}
	ck_assert_int_eq(client_attach(&c, sv[0], 1000), EX_FAILED);
	ck_assert_int_ne(c.err[0], '\0');
}
END_TEST

START_TEST(no_daemon)
{
	close(sv[0]);
	ck_assert_int_eq(client_open(&c, "/nonexistent/ctl.sock", 1000), EX_NODAEMON);
	ck_assert_ptr_nonnull(strstr(c.err, "/nonexistent/ctl.sock"));
	ck_assert_int_eq(client_open(&c, "/0123456789/0123456789/0123456789/"
	    "0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
	    "0123456789/0123456789", 1000), EX_USAGE_ERR);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("p2pctl client");
	TCase	*tc = tcase_create("client");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, asks);
	tcase_add_loop_test(tc, codes, 0, 6);
	tcase_add_test(tc, daemon_goes_away);
	tcase_add_test(tc, daemon_hangs);
	tcase_add_test(tc, never_alive);
	tcase_add_test(tc, refused_before_hello);
	tcase_add_test(tc, another_version);
	tcase_add_loop_test(tc, rubbish, 0, 2);
	tcase_add_test(tc, no_daemon);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
