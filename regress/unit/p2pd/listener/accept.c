/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/listener/accept.h"

static struct event_base *base;
static struct accepts *all;
static int room, taken, last_fd, warnings;
static struct addr last;

static int
has_room(void *arg)
{
	return taken < room;
}

static void
take(int fd, const struct addr *remote, void *arg)
{
	last_fd = fd;
	last = *remote;
	taken++;
}

static void
count_warnings(int pri, const char *line, void *arg)
{
	warnings += strstr(line, "pausing") != NULL;
}

static void
setup(void)
{
	struct accepts_conf	 conf;

	log_set_sink(count_warnings, NULL);
	room = 1000;
	taken = warnings = 0;
	ck_assert_ptr_nonnull(base = event_base_new());
	memset(&conf, 0, sizeof(conf));
	conf.base = base;
	conf.room = has_room;
	conf.take = take;
	ck_assert_ptr_nonnull(all = accepts_new(&conf));
}

static void
teardown(void)
{
	accepts_free(all);
	event_base_free(base);
	log_set_sink(NULL, NULL);
}

static void
listen_on(const char *ip, struct sockaddr_storage *ss, socklen_t *len)
{
	struct addr	 a;
	int		 fd;

	ck_assert_int_eq(addr_parse_ip(&a, ip), 0);
	*len = addr_to_sa(&a, ss);
	fd = socket(ss->ss_family, SOCK_STREAM, 0);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)ss, *len), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)ss, len), 0);
	ck_assert_int_eq(accepts_add(all, fd), 0);
}

static int
dial(const struct sockaddr_storage *ss, socklen_t len)
{
	int	 fd = socket(ss->ss_family, SOCK_STREAM, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)ss, len), 0);
	return fd;
}

static void
wake(int fd, short what, void *arg)
{
}

#define PATIENCE	30000	/* ms: more than any machine takes */

/* For so long, or until so many are taken; the turns it took. */
static int
loop(int ms, int until)
{
	static const struct timeval	 tv = { 0, 5000 };
	uint64_t			 end = mono_ms() + (uint64_t)ms;
	int				 turns = 0;

	while (taken < until && mono_ms() < end) {
		event_base_once(base, -1, EV_TIMEOUT, wake, NULL, &tv);
		event_base_loop(base, EVLOOP_ONCE);
		turns++;
	}
	return turns;
}

START_TEST(takes)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 fd;

	listen_on("127.0.0.1", &ss, &len);
	fd = dial(&ss, len);
	loop(50, 1);
	ck_assert_int_eq(taken, 0);	/* not begun */
	accepts_resume(all);
	loop(PATIENCE, 1);
	ck_assert_int_eq(taken, 1);
	ck_assert_int_eq(last.af, 4);
	ck_assert(addr_is_loopback(&last));
	ck_assert_int_ne(fcntl(last_fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(last_fd, F_GETFD) & FD_CLOEXEC, 0);
	close(fd);
}
END_TEST

START_TEST(several_sockets)
{
	struct sockaddr_storage	 s4, s6;
	socklen_t		 l4, l6;
	int			 probe;

	if ((probe = socket(AF_INET6, SOCK_STREAM, 0)) == -1)
		return;
	close(probe);
	listen_on("127.0.0.1", &s4, &l4);
	listen_on("::1", &s6, &l6);
	accepts_resume(all);
	dial(&s6, l6);
	loop(PATIENCE, 1);
	ck_assert_int_eq(taken, 1);
	ck_assert_int_eq(last.af, 6);
	dial(&s4, l4);
	loop(PATIENCE, 2);
	ck_assert_int_eq(last.af, 4);
}
END_TEST

START_TEST(stops_without_room)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 i;

	listen_on("127.0.0.1", &ss, &len);
	room = 3;
	accepts_resume(all);
	for (i = 0; i < 5; i++)
		dial(&ss, len);
	loop(PATIENCE, 3);
	/* no spin: a turn each 5 ms, not thousands */
	ck_assert_int_lt(loop(200, 5), 60);
	ck_assert_int_eq(taken, 3);
	ck_assert_int_eq(accepts_paused(all), 0);
	room = 5;
	loop(50, 5);
	ck_assert_int_eq(taken, 3);
	accepts_resume(all);
	loop(PATIENCE, 5);
	ck_assert_int_eq(taken, 5);
}
END_TEST

START_TEST(out_of_descriptors)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	struct rlimit		 was, rl;
	const char		*preload = getenv("LD_PRELOAD");
	int			 i, turns;

	/* valgrind keeps such limits itself, and plays them after accept. */
	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		return;
	listen_on("127.0.0.1", &ss, &len);
	for (i = 0; i < 3; i++)
		dial(&ss, len);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	rl = was;
	i = dup(0);
	close(i);
	rl.rlim_cur = (rlim_t)i + 1;	/* room for one */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
	accepts_resume(all);
	loop(PATIENCE, 1);
	turns = loop(700, 3);
	ck_assert_int_eq(taken, 1);
	ck_assert_int_eq(accepts_paused(all), 1);
	ck_assert_int_lt(turns, 200);
	ck_assert_int_eq(warnings, 1);
	/* one is free: that it is told resumes before the pause is over */
	close(last_fd);
	accepts_resume(all);
	ck_assert_int_eq(accepts_paused(all), 0);
	loop(PATIENCE, 2);
	ck_assert_int_eq(taken, 2);
	/* and by itself */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	loop(PATIENCE, 3);
	ck_assert_int_eq(taken, 3);
	ck_assert_int_eq(accepts_paused(all), 0);
}
END_TEST

START_TEST(closes)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 fd;

	listen_on("127.0.0.1", &ss, &len);
	accepts_resume(all);
	accepts_close(all);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&ss, len), -1);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("accept");
	TCase		*tc = tcase_create("accept");
	SRunner		*sr;
	int		 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, takes);
	tcase_add_test(tc, several_sockets);
	tcase_add_test(tc, stops_without_room);
	tcase_add_test(tc, out_of_descriptors);
	tcase_add_test(tc, closes);
	tcase_set_timeout(tc, 150);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
