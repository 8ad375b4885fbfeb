/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <netinet/in.h>

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p2pd/discovery/udp.h"

static struct event_base *base;
static struct udp	*u;
static int		 other, here;	/* sockets; the first is not u's */
static struct addr	 other_at, here_at;
static unsigned int	 got;
static struct addr	 got_from;
static size_t		 got_len;
static int		 fail;		/* errno of what is to be sent */
static unsigned int	 sends;		/* calls into the system */

/* In the place of libc's, which cannot be made to fail. */
#ifdef HAVE_SENDMMSG
int
sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags)
{
	unsigned int	 i;

	sends++;
	if (fail != 0) {
		errno = fail;
		return -1;
	}
	for (i = 0; i < n; i++) {
		ssize_t	 len = sendmsg(fd, &v[i].msg_hdr, flags);

		if (len == -1)
			break;
		v[i].msg_len = (unsigned int)len;
	}
	return i == 0 ? -1 : (int)i;
}
#endif

static void
input(const struct addr *from, const uint8_t *buf, size_t len, void *arg)
{
	(void)buf;
	(void)arg;
	got++;
	got_from = *from;
	got_len = len;
}

static int
bound(const char *ip, struct addr *at)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 fd, off = 0;

	ck_assert_int_eq(addr_parse_ip(at, ip), 0);
	len = addr_to_sa(at, &ss);
	fd = socket(ss.ss_family, SOCK_DGRAM, 0);
	if (fd == -1 && at->af == 6)
		return -1;
	ck_assert_int_ne(fd, -1);
	ck_assert_int_ne(fcntl(fd, F_SETFL, O_NONBLOCK), -1);
	if (at->af == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
	    sizeof(off)) == -1) {
		close(fd);
		return -1;
	}
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&ss, len), 0);
	len = sizeof(ss);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	ck_assert_int_eq(addr_from_sa(at, (struct sockaddr *)&ss), 0);
	return fd;
}

static void
setup(void)
{
	struct udp_conf	 conf = { .input = input };

	got = sends = 0;
	fail = 0;
	conf.base = base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_ptr_nonnull(u = udp_new(&conf));
	other = bound("127.0.0.1", &other_at);
	here = bound("127.0.0.1", &here_at);
	ck_assert_int_eq(udp_add(u, here, &here_at), 0);
	udp_start(u);
}

static void
teardown(void)
{
	close(other);
	udp_free(u);
	event_base_free(base);
}

static void
loop(unsigned int ms)
{
	struct timeval	 tv = { ms / 1000, (suseconds_t)(ms % 1000 * 1000) };

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

/* How many bytes of how many datagrams have come to the other socket. */
static size_t
arrived(unsigned int *n)
{
	uint8_t	 buf[UDP_MAX];
	size_t	 all = 0;
	ssize_t	 len;

	for (*n = 0; (len = recv(other, buf, sizeof(buf), 0)) > 0; ++*n)
		all += (size_t)len;
	return all;
}

static void
say(const struct addr *to, size_t len)
{
	static const uint8_t	 zero[UDP_MAX + 10];
	struct sockaddr_storage	 ss;
	socklen_t		 n = addr_to_sa(to, &ss);

	ck_assert_int_eq(sendto(other, zero, len, 0, (struct sockaddr *)&ss, n),
	    (ssize_t)len);
}

START_TEST(both_ways)
{
	unsigned int	 i, n;

	for (i = 0; i < 100; i++)
		ck_assert_int_eq(udp_send(u, &other_at, "abc", 3), 0);
	loop(20);
	ck_assert_uint_eq(arrived(&n), 300);
	ck_assert_uint_eq(n, 100);
	ck_assert_uint_eq(udp_stats(u)->out, 100);
	say(&here_at, 7);
	loop(20);
	ck_assert_uint_eq(got, 1);
	ck_assert_uint_eq(got_len, 7);
	ck_assert_int_eq(addr_cmp(&got_from, &other_at), 0);
	say(&here_at, UDP_MAX + 9);
	loop(20);
	ck_assert_uint_eq(got_len, UDP_MAX + 1);
}
END_TEST

/* A full queue loses the newest. */
START_TEST(full)
{
	unsigned int	 i;

	for (i = 0; i < UDP_QUEUE; i++)
		ck_assert_int_eq(udp_send(u, &other_at, "abc", 3), 0);
	ck_assert_int_eq(udp_send(u, &other_at, "abc", 3), -1);
	ck_assert_uint_eq(udp_stats(u)->dropped, 1);
	loop(50);
	ck_assert_int_eq(udp_send(u, &other_at, "abc", 3), 0);
}
END_TEST

#ifdef HAVE_SENDMMSG
/*
 * The system has no room, though the socket is writable: what waits is tried
 * again at times, not all the time, and goes out in the end.
 */
START_TEST(no_room)
{
	static const int	 why[] = { ENOBUFS, ENOMEM };
	unsigned int		 n;

	fail = why[_i];
	ck_assert_int_eq(udp_send(u, &other_at, "abc", 3), 0);
	loop(10 * UDP_PAUSE);
	ck_assert_int_eq(udp_send(u, &other_at, "de", 2), 0);
	loop(10 * UDP_PAUSE);
	ck_assert_uint_ge(sends, 2);
	ck_assert_uint_le(sends, 22);
	ck_assert_uint_eq(udp_stats(u)->out, 0);
	ck_assert_uint_eq(udp_stats(u)->failed, 0);
	/* What comes in is heard meanwhile. */
	say(&here_at, 7);
	loop(UDP_PAUSE);
	ck_assert_uint_eq(got, 1);
	fail = 0;
	loop(10 * UDP_PAUSE);
	ck_assert_uint_eq(arrived(&n), 5);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(udp_stats(u)->out, 2);
}
END_TEST

/* What can never be sent is not tried again. */
START_TEST(refused)
{
	fail = EPERM;
	ck_assert_int_eq(udp_send(u, &other_at, "abc", 3), 0);
	loop(5 * UDP_PAUSE);
	ck_assert_uint_eq(sends, 1);
	ck_assert_uint_eq(udp_stats(u)->failed, 1);
}
END_TEST
#endif

/* A socket that hears both families: ::ffff:127.0.0.1 is 127.0.0.1. */
START_TEST(mapped)
{
	struct addr	 both, at;
	int		 fd;

	if ((fd = bound("::", &both)) == -1)
		return;
	ck_assert_int_eq(udp_add(u, fd, &both), 0);
	at = here_at;
	at.port = both.port;
	say(&at, 7);
	loop(20);
	ck_assert_uint_eq(got, 1);
	ck_assert_uint_eq(got_from.af, 4);
	ck_assert_int_eq(addr_cmp(&got_from, &other_at), 0);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("udp");
	TCase	*tc = tcase_create("all");
	SRunner	*sr = srunner_create(s);
	int	 bad;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, both_ways);
	tcase_add_test(tc, full);
#ifdef HAVE_SENDMMSG
	tcase_add_loop_test(tc, no_room, 0, 2);
	tcase_add_test(tc, refused);
#endif
	tcase_add_test(tc, mapped);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
