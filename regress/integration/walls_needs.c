/* SPDX-License-Identifier: ISC */
#include "config.h"

/*
 * What has to work behind the walls: see walls.c.
 */

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/ipc/imsg.h"
#include "regress/integration/walls.h"

static int	 pre_ep = -1;
static uint16_t	 pre_port;

/* Both ends of a TCP connection, and an epoll set. */
static void
pre_connected(void)
{
	int	 fd;

	pre_waiting();
	if ((fd = accept4(pre_fd, NULL, NULL, 0)) == -1)
		broken("accept");
	close(pre_fd);
	pre_fd = fd;
	if ((pre_ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		broken("epoll_create1");
}

static void
pre_pair(void)
{
	int	 sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		broken("socketpair");
	pre_fd = sv[0];
	pre_fd2 = sv[1];
}

static void
pre_unix_waiting(void)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s.%d", ground.dir,
	    (int)getpid());
	if ((pre_fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1 ||
	    bind(pre_fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(pre_fd, 4) == -1 ||
	    (pre_fd2 = socket(AF_UNIX, SOCK_STREAM, 0)) == -1 ||
	    connect(pre_fd2, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		broken("unix socket");
	unlink(sun.sun_path);
}

/* Two sockets that are bound, and a file that is open, as discovery has them. */
static void
pre_discovery(void)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);

	pre_udp();
	pre_fd2 = pre_fd;
	pre_udp();
	loopback(&sin, 0);
	if (bind(pre_fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    bind(pre_fd2, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    getsockname(pre_fd2, (struct sockaddr *)&sin, &len) == -1 ||
	    (pre_ep = open(in_dir("db"), O_RDWR | O_CREAT | O_CLOEXEC,
	    0600)) == -1)
		broken("discovery");
	pre_port = ntohs(sin.sin_port);
}

/*
 * Needs: -1 is a wall in the wrong place.
 */
static int
nd_memory(void)
{
	size_t	 n;
	char	*p = NULL, *q;

	for (n = 1024; n <= 64 << 20; n *= 4) {
		if ((q = realloc(p, n)) == NULL)
			return -1;
		p = q;
		memset(p, 1, n);
	}
	free(p);
	return mono_ms() > 0 && arc4random() != arc4random() ? 0 : -1;
}

static int
nd_loop(void)
{
	struct epoll_event	 ev = { .events = EPOLLIN };
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);
	struct iovec		 iov = { (void *)(uintptr_t)"pq", 2 };
	char			 buf[8];
	int			 one = 1;

	if (setsockopt(pre_fd, IPPROTO_TCP, TCP_NODELAY, &one,
	    sizeof(one)) == -1 ||
	    fcntl(pre_fd, F_SETFL, O_NONBLOCK) == -1 ||
	    getpeername(pre_fd, (struct sockaddr *)&ss, &len) == -1 ||
	    epoll_ctl(pre_ep, EPOLL_CTL_ADD, pre_fd, &ev) == -1 ||
	    write(pre_fd2, "ab", 2) != 2 || writev(pre_fd2, &iov, 1) != 2 ||
	    send(pre_fd2, "yz", 2, 0) != 2 ||
	    epoll_wait(pre_ep, &ev, 1, 1000) != 1)
		return -1;
	if (recv(pre_fd, buf, 1, 0) != 1 || read(pre_fd, buf, 1) != 1 ||
	    shutdown(pre_fd2, SHUT_WR) == -1 || close(pre_fd) == -1)
		return -1;
	return 0;
}

static int
nd_fds(void)
{
	struct imsgbuf	 a, b;
	struct imsg	 m;
	int		 fd;

	imsgbuf_init(&a, pre_fd);
	imsgbuf_init(&b, pre_fd2);
	imsgbuf_allow_fdpass(&a);
	imsgbuf_allow_fdpass(&b);
	if ((fd = fcntl(1, F_DUPFD_CLOEXEC, 0)) == -1 ||
	    imsg_compose(&a, 1, 0, 0, fd, "x", 1) == -1 ||
	    imsgbuf_flush(&a, 1000) == -1 || imsgbuf_read(&b) != 1 ||
	    imsgbuf_get(&b, &m) != 1 || (fd = imsg_get_fd(&m)) == -1)
		return -1;
	imsg_free(&m);
	return close(fd);
}

static int
nd_accept(void)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);
	int			 fd;

	if ((fd = accept4(pre_fd, (struct sockaddr *)&ss, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC)) == -1)
		return -1;
	return send(fd, "x", 1, 0) == 1 ? 0 : -1;
}

static int
nd_peercred(void)
{
	struct ucred	 uc;
	socklen_t	 len = sizeof(uc);
	int		 fd;

	if ((fd = accept4(pre_fd, NULL, NULL, SOCK_CLOEXEC)) == -1)
		return -1;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len);
}

static int
nd_connect(void)
{
	struct epoll_event	 ev = { .events = EPOLLOUT };
	socklen_t		 len = sizeof(int);
	int			 fd, err = -1;

	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0)) == -1 ||
	    (try_connect(fd, ground.port) == -1 && errno != EINPROGRESS) ||
	    epoll_ctl(pre_ep, EPOLL_CTL_ADD, fd, &ev) == -1 ||
	    epoll_wait(pre_ep, &ev, 1, 2000) != 1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
		return -1;
	errno = err;
	return err == 0 ? 0 : -1;
}

static int
nd_datagrams(void)
{
	struct sockaddr_in	 sin;
	struct iovec		 iov = { (void *)(uintptr_t)"pq", 2 };
	struct mmsghdr		 m = { .msg_hdr = { .msg_iov = &iov,
				    .msg_iovlen = 1 } };
	char			 buf[8];

	loopback(&sin, pre_port);
	m.msg_hdr.msg_name = &sin;
	m.msg_hdr.msg_namelen = sizeof(sin);
	if (sendmmsg(pre_fd, &m, 1, MSG_DONTWAIT) != 1)
		return -1;
	iov.iov_base = buf;
	iov.iov_len = sizeof(buf);
	return recvmmsg(pre_fd2, &m, 1, MSG_DONTWAIT, NULL) == 1 &&
	    m.msg_len == 2 ? 0 : -1;
}

/* As LMDB writes, and grows no further than a limit. */
static int
nd_database(void)
{
	struct iovec	 iov = { (void *)(uintptr_t)"pq", 2 };
	char		 buf[4096] = { 1 };

	if (pwrite(pre_ep, buf, sizeof(buf), 1 << 20) != sizeof(buf) ||
	    lseek(pre_ep, 4096, SEEK_SET) != 4096 ||
	    writev(pre_ep, &iov, 1) != 2 || pwritev(pre_ep, &iov, 1, 0) != 2 ||
	    pread(pre_ep, buf, 2, 0) != 2 || fdatasync(pre_ep) == -1)
		return -1;
	return mmap(NULL, 4096, PROT_READ, MAP_SHARED, pre_ep, 0) ==
	    MAP_FAILED ? -1 : 0;
}

static int
nd_resolve(void)
{
	struct addrinfo	 hints = { .ai_socktype = SOCK_STREAM }, *ai;
	int		 rc;

	if ((rc = getaddrinfo("localhost", NULL, &hints, &ai)) != 0) {
		fprintf(stderr, "localhost: %s\n", gai_strerror(rc));
		return -1;
	}
	freeaddrinfo(ai);
	/* Whatever becomes of this one, the process outlives it. */
	hints.ai_flags = AI_NUMERICSERV;
	if (getaddrinfo("p2pd.invalid", "1", &hints, &ai) == 0)
		freeaddrinfo(ai);
	return 0;
}

static int
nd_files(void)
{
	char	 from[128];
	int	 fd;

	snprintf(from, sizeof(from), "%s", in_dir("state.new"));
	if ((fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600)) == -1 ||
	    write(fd, "x", 1) != 1 || fchmod(fd, 0640) == -1 ||
	    fsync(fd) == -1 || close(fd) == -1 ||
	    rename(from, in_dir("state")) == -1)
		return -1;
	return unlink(in_dir("state"));
}

static int
nd_sockets(void)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	uint16_t		 port;
	int			 fd;

	close(tcp_listener(&port));
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/ctl", ground.dir);
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    chmod(sun.sun_path, 0660) == -1 || listen(fd, 1) == -1)
		return -1;
	return unlink(sun.sun_path);
}

/* Ends by SIGABRT: that is what the table expects of it. */
static int
nd_abort(void)
{
	abort();
}

const struct trial needs[] = {
	{ "memory", ALL, NULL, nd_memory, 0, 0 },
	{ "datagrams", N, pre_discovery, nd_datagrams, 0, 0 },
	{ "database", N, pre_discovery, nd_database, 0, 0 },
	{ "loop", P | L | D | S, pre_connected, nd_loop, 0, 0 },
	{ "fd-passing", ALL, pre_pair, nd_fds, 0, 0 },
	{ "accept", L, pre_waiting, nd_accept, 0, 0 },
	{ "peer-credentials", C, pre_unix_waiting, nd_peercred, 0, 0 },
	{ "connect", D, pre_connected, nd_connect, 0, 0 },
	{ "resolve", R, NULL, nd_resolve, 0, 0 },
	{ "files", P, NULL, nd_files, 0, 0 },
	{ "sockets", P, NULL, nd_sockets, 0, 0 },
	{ "abort", ALL, NULL, nd_abort, 0, 0 },
};

const size_t nneeds = nitems_of(needs);
