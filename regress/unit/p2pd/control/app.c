/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wire/app.h"
#include "regress/unit/p2pd/control/play.h"

static size_t
app_hello(uint8_t *buf, size_t size)
{
	struct app_hello	 h = { .major = APP_MAJOR, .session = 2,
	    .features = 5 };
	struct app_head		 head = { .type = AF_HELLO, .request = 42 };

	strlcpy(h.name, "app\n\x1b[1m", sizeof(h.name));
	head.len = (uint32_t)app_hello_encode(buf + APP_HEADER,
	    size - APP_HEADER, &h);
	app_head_encode(buf, &head);
	return APP_HEADER + head.len;
}

static void
check_app(const struct sent *s)
{
	ck_assert_uint_eq(s->type, M_APP_NEW);
	ck_assert_int_ne(s->fd, -1);
	ck_assert_uint_eq(s->body.app.uid, getuid());
	ck_assert_uint_eq(s->body.app.gid, getgid());
#ifdef SO_PEERCRED
	ck_assert_uint_eq(s->body.app.pid, (uint32_t)getpid());
#endif
	ck_assert_uint_eq(s->body.app.app, 0);
	ck_assert_uint_eq(s->body.app.session, 2);
	ck_assert_uint_eq(s->body.app.request, 42);
	ck_assert_uint_eq(s->body.app.features, 5);
	ck_assert_str_eq(s->body.app.name, "app\\x0a\\x1b[1m");
}

START_TEST(app_is_passed_with_what_follows)
{
	uint8_t		 buf[512], in[64];
	size_t		 n;
	ssize_t		 got;
	int		 fd = dial("app");

	n = app_hello(buf, sizeof(buf));
	memcpy(buf + n, "what comes next", 15);
	ck_assert_int_eq(write(fd, buf, n + 15), (ssize_t)(n + 15));
	UNTIL(nsent == 1);
	check_app(&sent[0]);
	got = read(sent[0].fd, in, sizeof(in));
	ck_assert_int_eq(got, 15);
	ck_assert_mem_eq(in, "what comes next", 15);
	/* The connection works both ways and is closed nowhere else. */
	ck_assert_int_eq(write(sent[0].fd, "x", 1), 1);
	ck_assert_int_eq(read(fd, in, sizeof(in)), 1);
	close(sent[0].fd);
	sent[0].fd = -1;
	ck_assert_int_eq(read(fd, in, sizeof(in)), 0);
	close(fd);
}
END_TEST

START_TEST(app_hello_in_single_bytes)
{
	uint8_t	 buf[512];
	size_t	 i, n;
	int	 fd = dial("app");

	n = app_hello(buf, sizeof(buf));
	for (i = 0; i < n; i++) {
		ck_assert_uint_eq(nsent, 0);
		ck_assert_int_eq(write(fd, buf + i, 1), 1);
		turn();
	}
	UNTIL(nsent == 1);
	check_app(&sent[0]);
	close(fd);
}
END_TEST

static int
readable_or_closed(int fd)
{
	struct pollfd	 p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* The connection ends with this error and nothing else. */
static void
expect_error(int fd, unsigned int error, uint32_t request)
{
	uint8_t		 buf[512];
	struct app_head	 head;
	uint16_t	 code, room;
	char		 text[256];
	ssize_t		 n;

	UNTIL(readable_or_closed(fd));
	n = read(fd, buf, sizeof(buf));
	ck_assert_int_gt(n, APP_HEADER);
	app_head_decode(&head, buf);
	ck_assert_uint_eq(head.type, AF_ERROR);
	ck_assert_uint_eq(head.request, request);
	ck_assert_uint_eq(head.len, (size_t)n - APP_HEADER);
	ck_assert_int_eq(app_error_decode(&code, &room, text, sizeof(text),
	    buf + APP_HEADER, head.len), 0);
	ck_assert_uint_eq(code, error);
	ck_assert_uint_gt(strlen(text), 0);
	UNTIL(readable_or_closed(fd));
	ck_assert_int_le(read(fd, buf, sizeof(buf)), 0);
	close(fd);
}

START_TEST(app_refusals)
{
	static const struct {
		size_t	 off;
		uint8_t	 value;
		unsigned error;
		uint32_t request;
	} t[] = {
		{ 5, AF_SEND, APE_MALFORMED, 42 },
		{ 1, 1, APE_TOOBIG, 42 },
		{ APP_HEADER + 1, 0, APE_MALFORMED, 42 },
		{ APP_HEADER + 5, 9, APE_VERSION, 42 }
	};
	struct server_stats	 st;
	uint8_t			 buf[512];
	size_t			 n;
	int			 fd = dial("app");

	n = app_hello(buf, sizeof(buf));
	buf[t[_i].off] = t[_i].value;
	ck_assert_int_eq(write(fd, buf, n), (ssize_t)n);
	expect_error(fd, t[_i].error, t[_i].request);
	ck_assert_uint_eq(nsent, 0);
	server_stats(server, &st);
	ck_assert_uint_eq(st.apps, 0);
}
END_TEST

START_TEST(app_silence_ends)
{
	uint8_t	 buf[512];
	int	 fd, drip;
	size_t	 n, i;

	play_teardown();
	play_start(100, 100);
	fd = dial("app");
	drip = dial("app");
	/* A byte now and then does not put the end off. */
	n = app_hello(buf, sizeof(buf));
	for (i = 0; i + 1 < n && !readable_or_closed(drip); i++) {
		ck_assert_int_eq(write(drip, buf + i, 1), 1);
		turn();
		turn();
	}
	expect_error(drip, APE_MALFORMED, i >= APP_HEADER ? 42 : 0);
	expect_error(fd, APE_MALFORMED, 0);
	ck_assert_uint_eq(nsent, 0);
}
END_TEST

START_TEST(oldest_silent_app_gives_way)
{
	struct server_stats	 st;
	int			 fd[SERVER_APPS + 1];
	size_t			 i;

	for (i = 0; i <= SERVER_APPS; i++)
		fd[i] = dial("app");
	expect_error(fd[0], APE_DENIED, 0);
	server_stats(server, &st);
	ck_assert_uint_eq(st.apps, SERVER_APPS);
	ck_assert_int_eq(readable_or_closed(fd[1]), 0);
	for (i = 1; i <= SERVER_APPS; i++)
		close(fd[i]);
	UNTIL((server_stats(server, &st), st.apps == 0));
}
END_TEST

START_TEST(stop_closes_the_app_socket_only)
{
	struct sockaddr_un	 sun;
	int			 pending = dial("app"), fd;
	struct server_stats	 st;

	UNTIL((server_stats(server, &st), st.apps == 1));
	server_stop(server);
	expect_error(pending, APE_STOPPING, 0);
	sockaddr_of(&sun, "app");
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), -1);
	close(fd);
	/* Control goes on. */
	fd = dial("ctl");
	UNTIL((server_stats(server, &st), st.clients == 1));
	close(fd);
}
END_TEST

START_TEST(out_of_descriptors_pauses)
{
	struct server_stats	 st;
	struct rlimit		 rl;
	uint64_t		 end;
	unsigned int		 turns = 0;
	int			 fd = dial("app"), more, fill[256];
	size_t			 n = 0;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = nitems_of(fill);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
	while ((fill[n] = dup(fd)) != -1)
		n++;
	ck_assert_int_eq(errno, EMFILE);
	for (end = mono_ms() + 150; mono_ms() < end; turns++)
		turn();
	server_stats(server, &st);
	ck_assert_uint_eq(st.apps, 0);
	/* One turn a tick of 5 ms, and no more: nothing spins. */
	ck_assert_uint_lt(turns, 60);
	while (n > 0)
		close(fill[--n]);
	/* Under valgrind the first is lost: it plays the limit after accept. */
	more = dial("app");
	UNTIL((server_stats(server, &st), st.apps >= 1));
	close(fd);
	close(more);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("control applications");
	TCase	*tc = tcase_create("applications");
	SRunner	*sr;
	int	 failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, play_setup, play_teardown);
	tcase_add_test(tc, app_is_passed_with_what_follows);
	tcase_add_test(tc, app_hello_in_single_bytes);
	tcase_add_loop_test(tc, app_refusals, 0, 4);
	tcase_add_test(tc, app_silence_ends);
	tcase_add_test(tc, oldest_silent_app_gives_way);
	tcase_add_test(tc, stop_closes_the_app_socket_only);
	tcase_add_test(tc, out_of_descriptors_pauses);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
