/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/handshake/linger.h"

static struct event_base *base;
static struct lingerers *all;

static void
setup(void)
{
	ck_assert_ptr_nonnull(base = event_base_new());
	ck_assert_ptr_nonnull(all = lingerers_new(base));
}

static void
teardown(void)
{
	lingerers_free(all);
	event_base_free(base);
}

static void
pair(int fd[2])
{
	int	 i;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(fcntl(fd[i], F_SETFL, O_NONBLOCK), 0);
}

START_TEST(delivers_and_waits_for_eof)
{
	int	 fd[2];
	char	 buf[16];

	pair(fd);
	ck_assert_int_eq(write(fd[1], "unread", 6), 6);
	linger(all, fd[0], "bye", 3);
	ck_assert_int_eq(read(fd[1], buf, sizeof(buf)), 3);
	ck_assert_mem_eq(buf, "bye", 3);
	ck_assert_int_eq(read(fd[1], buf, sizeof(buf)), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(lingerers_count(all), 1);
	close(fd[1]);
	event_base_loop(base, 0);
	ck_assert_uint_eq(lingerers_count(all), 0);
}
END_TEST

START_TEST(gives_up_after_its_time)
{
	uint64_t	 from = mono_ms();
	int		 fd[2];

	pair(fd);
	linger(all, fd[0], "bye", 3);
	event_base_loop(base, 0);
	ck_assert_uint_eq(lingerers_count(all), 0);
	ck_assert_uint_ge(mono_ms() - from, LINGER_MS - 20);
	ck_assert_uint_lt(mono_ms() - from, LINGER_MS + 1000);
	close(fd[1]);
}
END_TEST

START_TEST(gives_up_after_its_bytes)
{
	static char	 buf[4096];
	size_t		 sent = 0;
	ssize_t		 n;
	int		 fd[2];

	pair(fd);
	linger(all, fd[0], "bye", 3);
	while (lingerers_count(all) > 0 && sent < 2 * LINGER_BYTES) {
		if ((n = write(fd[1], buf, sizeof(buf))) > 0)
			sent += (size_t)n;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_eq(lingerers_count(all), 0);
	ck_assert_uint_lt(sent, 2 * LINGER_BYTES);
	close(fd[1]);
}
END_TEST

START_TEST(oldest_makes_room)
{
	char	 c;
	int	 fd[2], first = -1, i;

	for (i = 0; i <= LINGER_MAX; i++) {
		pair(fd);
		if (i == 0)
			first = fd[1];
		linger(all, fd[0], "", 0);
	}
	ck_assert_uint_eq(lingerers_count(all), LINGER_MAX);
	ck_assert_int_eq(read(first, &c, 1), 0);
	ck_assert_int_eq(write(first, "x", 1), -1);
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
}
END_TEST

/* What does not fit at once is written when there is room. */
START_TEST(slow_reader)
{
	static char	 big[1024 * 1024], buf[65536];
	size_t		 got = 0;
	ssize_t		 n;
	int		 fd[2];

	pair(fd);
	linger(all, fd[0], big, sizeof(big));
	for (;;) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		n = read(fd[1], buf, sizeof(buf));
		if (n == 0)
			break;
		if (n > 0)
			got += (size_t)n;
	}
	ck_assert_uint_eq(got, sizeof(big));
	close(fd[1]);
}
END_TEST

START_TEST(peer_gone)
{
	int	 fd[2];

	pair(fd);
	close(fd[1]);
	linger(all, fd[0], "bye", 3);
	ck_assert_uint_eq(lingerers_count(all), 0);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("linger");
	TCase		*tc = tcase_create("linger");
	SRunner		*sr;
	int		 failed;

	signal(SIGPIPE, SIG_IGN);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, delivers_and_waits_for_eof);
	tcase_add_test(tc, gives_up_after_its_time);
	tcase_add_test(tc, gives_up_after_its_bytes);
	tcase_add_test(tc, oldest_makes_room);
	tcase_add_test(tc, slow_reader);
	tcase_add_test(tc, peer_gone);
	tcase_set_timeout(tc, 30);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
