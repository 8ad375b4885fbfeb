/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "p2pd/parent/parent.h"

/*
 * Sockets that the parent binds and keeps, so that the next child of a kind
 * gets the same ones: a port is never lost with the process that served it.
 */
#define LISTEN_BACKLOG	128
#define UDP_BUFFER	(1024 * 1024)
#define ORPHANS_MAX	50	/* looks, 20 ms apart, whether they are gone */

struct netsock {
	TAILQ_ENTRY(netsock) entry;
	int		 fd;
	struct addr	 addr;
	int		 udpfd;		/* -1 none */
	struct addr	 udp;
};
static TAILQ_HEAD(, netsock) netsocks = TAILQ_HEAD_INITIALIZER(netsocks);

static struct {
	enum sock_kind	 kind;
	int		 fd;
	const char	*path;
} unixsocks[] = { { SOCK_CTL, -1, NULL }, { SOCK_CTL_RO, -1, NULL },
    { SOCK_APP, -1, NULL } };

static int
set_nonblock(int fd)
{
	int fl = fcntl(fd, F_GETFL);

	if (fl == -1 || fcntl(fd, F_SETFL, fl | O_NONBLOCK) == -1)
		return -1;
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/*
 * A daemon that was killed leaves children that hold its sockets until they
 * see it gone: a new start waits for them a little.
 */
static int
wait_orphans(unsigned int *waited)
{
	static const struct timespec ts = { 0, 20 * 1000 * 1000 };

	nanosleep(&ts, NULL);
	return ++*waited < ORPHANS_MAX;
}

static int
net_bind(const struct addr *a, int type, struct addr *bound)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, on = 1;

	len = addr_to_sa(a, &ss);
	fd = socket(a->af == 4 ? AF_INET : AF_INET6, type, 0);
	if (fd == -1)
		return -1;
	if (set_nonblock(fd) == -1 ||
	    (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR,
	    &on, sizeof(on)) == -1) ||
	    (a->af == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
	    sizeof(on)) == -1) ||
	    bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, LISTEN_BACKLOG) == -1))
		goto fail;
	len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    addr_from_sa(bound, (struct sockaddr *)&ss) == -1)
		goto fail;
	return fd;
fail:
	len = errno;
	close(fd);
	errno = len;
	return -1;
}

/*
 * The UDP socket beside that of TCP. Bursts are normal there, and a buffer that
 * holds them is the difference between a late answer and none.
 */
static int
udp_open(const struct conf_listen *l, struct netsock *t)
{
	struct addr a = t->addr;
	unsigned int waited = 0;
	int size = UDP_BUFFER;

	t->udpfd = -1;
	if (!parent.conf->discovery_v4 || l->udp == CONF_UDP_NONE)
		return 0;
	if (l->udp != CONF_UDP_SAME)
		a.port = l->udp;
	do {
		t->udpfd = net_bind(&a, SOCK_DGRAM, &t->udp);
	} while (t->udpfd == -1 && errno == EADDRINUSE && wait_orphans(&waited));
	if (t->udpfd == -1)
		return -1;
	(void)setsockopt(t->udpfd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(t->udpfd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

static int
net_open(const struct conf_listen *l)
{
	char buf[ADDR_STRLEN];
	unsigned int waited = 0;
	struct netsock *t;

	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		log_warn("listen");
		return -1;
	}
	do {
		t->fd = net_bind(&l->addr, SOCK_STREAM, &t->addr);
	} while (t->fd == -1 && errno == EADDRINUSE && wait_orphans(&waited));
	if (t->fd != -1 && udp_open(l, t) == -1) {
		log_warn("no UDP port on %s", addr_format(&t->addr, buf));
		close(t->fd);
		free(t);
		return -1;
	}
	if (t->fd == -1) {
		free(t);
		if (l->wildcard && l->addr.af == 6 && (errno == EAFNOSUPPORT ||
		    errno == EADDRNOTAVAIL)) {
			log_info("no IPv6 here: listening on IPv4 only");
			return 0;
		}
		log_warn("cannot listen on %s", addr_format(&l->addr, buf));
		return -1;
	}
	TAILQ_INSERT_TAIL(&netsocks, t, entry);
	return 0;
}

/* The directory of a socket's path, made when it is missing. */
static int
socket_dir(const char *path)
{
	char dir[CONF_SOCK_MAX], *slash;

	strlcpy(dir, path, sizeof(dir));
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return 0;
	*slash = '\0';
	if (mkdir(dir, 0755) == -1 && errno != EEXIST) {
		log_warn("%s", dir);
		return -1;
	}
	return 0;
}

/* Another daemon answers at this path: it is not ours to take away. */
static int
unix_taken(const struct sockaddr_un *sun)
{
	int fd, taken;

	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1)
		return 0;
	/* A full backlog has a listener too. */
	taken = set_nonblock(fd) == 0 &&
	    (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 ||
	    errno == EAGAIN);
	close(fd);
	return taken;
}

static int
unix_bind(const struct conf_socket *cs)
{
	struct sockaddr_un sun;
	unsigned int waited = 0;
	mode_t mask;
	int fd, ret;

	if (socket_dir(cs->path) == -1)
		return -1;
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, cs->path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	while (unix_taken(&sun)) {
		if (!wait_orphans(&waited)) {
			errno = EADDRINUSE;
			return -1;
		}
	}
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1)
		return -1;
	/* Left by one that died. */
	if (unlink(cs->path) == -1 && errno != ENOENT)
		goto fail;
	mask = umask(0777);
	ret = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (ret == -1)
		goto fail;
	if ((cs->group[0] != '\0' && chown(cs->path, -1, cs->gid) == -1) ||
	    chmod(cs->path, cs->mode) == -1 || set_nonblock(fd) == -1 ||
	    listen(fd, LISTEN_BACKLOG) == -1) {
		ret = errno;
		unlink(cs->path);
		errno = ret;
		goto fail;
	}
	return fd;
fail:
	ret = errno;
	close(fd);
	errno = ret;
	return -1;
}

static int
unix_open(unsigned int i, const struct conf_socket *cs)
{
	if (cs->path[0] == '\0')
		return 0;
	unixsocks[i].fd = unix_bind(cs);
	if (unixsocks[i].fd == -1) {
		log_warn("%s", cs->path);
		return -1;
	}
	unixsocks[i].path = cs->path;
	return 0;
}

int
sockets_open(void)
{
	const struct p2pd_conf *conf = parent.conf;
	struct conf_listen *l;

	TAILQ_FOREACH(l, &conf->listens, entry)
		if (net_open(l) == -1)
			return -1;
	if (unix_open(0, &conf->ctl) == -1 || unix_open(1, &conf->ctl_ro) == -1 ||
	    unix_open(2, &conf->app) == -1)
		return -1;
	return 0;
}

static void
send_dup(struct child *c, const struct msgdesc *d, const void *body, int fd)
{
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 4);
	if (fd == -1) {
		/* It would be there, and deaf; the next one may have more. */
		log_warn("%s: socket", proc_name(c->kind));
		child_kill(c, "cannot be given its sockets");
	} else
		child_msg(c, d, body, fd);
}

void
sockets_send(struct child *c)
{
	struct m_listen l;
	struct m_socket s;
	struct m_udp u;
	struct netsock *t;
	size_t i;

	if (c->kind == PROC_LISTENER) {
		TAILQ_FOREACH(t, &netsocks, entry) {
			l.addr = t->addr;
			send_dup(c, &m_listen_desc, &l, t->fd);
		}
	} else if (c->kind == PROC_DISCOVERY) {
		TAILQ_FOREACH(t, &netsocks, entry) {
			u.addr = t->udp;
			if (t->udpfd != -1)
				send_dup(c, &m_udp_desc, &u, t->udpfd);
		}
	} else if (c->kind == PROC_CONTROL) {
		for (i = 0; i < sizeof(unixsocks) / sizeof(unixsocks[0]); i++) {
			s.kind = unixsocks[i].kind;
			if (unixsocks[i].fd != -1)
				send_dup(c, &m_socket_desc, &s, unixsocks[i].fd);
		}
	}
}

/* No new connections: the TCP sockets at once, the others' paths too. */
void
sockets_close(void)
{
	struct netsock *t;
	size_t i;

	while ((t = TAILQ_FIRST(&netsocks)) != NULL) {
		TAILQ_REMOVE(&netsocks, t, entry);
		close(t->fd);
		if (t->udpfd != -1)
			close(t->udpfd);
		free(t);
	}
	for (i = 0; i < sizeof(unixsocks) / sizeof(unixsocks[0]); i++) {
		if (unixsocks[i].fd == -1)
			continue;
		close(unixsocks[i].fd);
		unlink(unixsocks[i].path);
		unixsocks[i].fd = -1;
	}
}

unsigned int
sockets_listening(void)
{
	struct netsock *t;
	unsigned int n = 0;

	TAILQ_FOREACH(t, &netsocks, entry)
		n++;
	return n;
}

const struct addr *
sockets_addr(unsigned int n)
{
	struct netsock *t;

	TAILQ_FOREACH(t, &netsocks, entry)
		if (n-- == 0)
			return &t->addr;
	return NULL;
}

uint16_t
sockets_udp(unsigned int n)
{
	struct netsock *t;

	TAILQ_FOREACH(t, &netsocks, entry)
		if (n-- == 0)
			return t->udpfd == -1 ? 0 : t->udp.port;
	return 0;
}
