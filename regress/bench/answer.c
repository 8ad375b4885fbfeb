/* SPDX-License-Identifier: ISC */
/*
 * answer: many nodes that wait to be dialed, each with a key and an address of
 * its own, 127.4.1.1 and on, all on one port of one socket.
 *
 *	answer [-n nodes] [-w seconds] file
 *
 * Writes their URLs into the file, one a line, and prints "ready". Keys of
 * their own part of the handshake are made before that. A node is up at the
 * dialer's Hello; it stays and answers pings. Once all are up, or -w seconds
 * (120) after the first connection, prints
 *	up=N failed=N us=N
 * us from the first connection to the last Hello, then stays until SIGTERM or
 * the end of standard input. Exit: 0 when all were up and stayed, else 2.
 */
#include "config.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/wire/enode.h"
#include "regress/tools/peer.h"

#define NODES_MAX	100000
#define EVENTS_MAX	256
#define PER_BYTE	254	/* last bytes 1 to 254 */

enum phase { WAITING, HANDSHAKE, HELLO, UP, GONE };

struct node {
	struct peer	 peer;
	enum phase	 phase;
	uint32_t	 events;
};

static struct {
	struct node	*nodes;
	uint32_t	 n;
	uint32_t	 up;
	uint32_t	 failed;
	uint32_t	 lost;
	uint64_t	 first, last;	/* us */
	uint64_t	 limit;
	int		 ep;
	int		 listener;
	uint16_t	 port;
	int		 reported;
} g;

static const struct cap	 bench = { "bench", 1 };

static void
address(struct addr *a, uint32_t i)
{
	memset(a, 0, sizeof(*a));
	a->af = 4;
	a->ip[0] = 127;
	a->ip[1] = (uint8_t)(4 + i / PER_BYTE / PER_BYTE);
	a->ip[2] = (uint8_t)(1 + i / PER_BYTE % PER_BYTE);
	a->ip[3] = (uint8_t)(1 + i % PER_BYTE);
	a->port = g.port;
}

static struct node *
node_at(const struct in_addr *in)
{
	uint32_t	 ip = ntohl(in->s_addr), b, c, d, i;

	b = ip >> 16 & 255;
	c = ip >> 8 & 255;
	d = ip & 255;
	if (ip >> 24 != 127 || b < 4 || c < 1 || c > PER_BYTE || d < 1 ||
	    d > PER_BYTE)
		return NULL;
	i = ((b - 4) * PER_BYTE + c - 1) * PER_BYTE + d - 1;
	return i < g.n ? &g.nodes[i] : NULL;
}

static void
watch(struct node *n)
{
	struct epoll_event	 ev = { .data.ptr = n, .events = EPOLLIN };

	if (peer_pending(&n->peer) > 0)
		ev.events |= EPOLLOUT;
	if (ev.events == n->events)
		return;
	if (epoll_ctl(g.ep, n->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
	    n->peer.fd, &ev) == -1)
		err(1, "epoll_ctl");
	n->events = ev.events;
}

static void
end(struct node *n)
{
	if (n->phase == UP)
		g.lost++;
	else
		g.failed++;
	n->phase = GONE;
	peer_free(&n->peer);
}

static void
take(void)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	struct node		*n;
	int			 fd;

	while ((fd = accept4(g.listener, NULL, NULL, SOCK_NONBLOCK |
	    SOCK_CLOEXEC)) != -1) {
		if (getsockname(fd, (struct sockaddr *)&sin, &len) == -1 ||
		    (n = node_at(&sin.sin_addr)) == NULL ||
		    n->phase != WAITING) {
			/* Dialed twice: the dialer knows why. */
			close(fd);
			g.failed++;
			continue;
		}
		if (g.first == 0)
			g.first = mono_us();
		n->peer.fd = fd;
		n->phase = HANDSHAKE;
		peer_await(&n->peer);
		watch(n);
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		err(1, "accept");
}

static int
say_hello(struct peer *p)
{
	struct hello	 h;
	uint8_t		 buf[HELLO_MAX];
	size_t		 len;

	memset(&h, 0, sizeof(h));
	h.version = BASE_VERSION;
	strlcpy(h.client, "answer", sizeof(h.client));
	h.caps[0] = bench;
	h.ncaps = 1;
	memcpy(h.id, p->pub, sizeof(h.id));
	if (hello_encode(buf, sizeof(buf), &len, &h) == -1)
		return -1;
	return peer_send(p, BASE_HELLO, buf, len);
}

static int
message(struct node *n, const struct peer_msg *m)
{
	if (m->code == BASE_DISCONNECT)
		return -1;
	if (n->phase == HELLO) {
		if (m->code != BASE_HELLO)
			return -1;
		frame_set_snappy(n->peer.codec, 1, 1);
		n->phase = UP;
		g.up++;
		g.last = mono_us();
	} else if (m->code == BASE_PING)
		return peer_ping(&n->peer, 1);
	return 0;
}

static int
readable(struct node *n)
{
	struct peer_msg	 m;
	int		 r;

	if ((r = peer_fill(&n->peer)) <= 0)
		return r == -1 && errno == EAGAIN ? 0 : -1;
	if (n->phase == HANDSHAKE) {
		if ((r = peer_handshake(&n->peer)) <= 0)
			return r;
		n->phase = HELLO;
		if (say_hello(&n->peer) == -1)
			return -1;
	}
	while ((r = peer_next(&n->peer, &m)) == 1)
		if (message(n, &m) == -1)
			return -1;
	return r;
}

static void
handle(struct node *n, uint32_t events)
{
	if (n->phase == GONE)
		return;
	if (((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && readable(n) < 0) ||
	    peer_flush(&n->peer) == -1)
		end(n);
	else
		watch(n);
}

static void
report(void)
{
	g.reported = 1;
	printf("up=%u failed=%u us=%llu\n", g.up, g.failed,
	    (unsigned long long)(g.last - g.first));
	fflush(stdout);
}

static void
run(void)
{
	struct epoll_event	 ev[EVENTS_MAX];
	int			 i, n;

	for (;;) {
		if ((n = epoll_wait(g.ep, ev, EVENTS_MAX, 100)) == -1 &&
		    errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < n; i++) {
			if (ev[i].data.ptr == &g.listener)
				take();
			else if (ev[i].data.ptr == NULL)
				return;
			else
				handle(ev[i].data.ptr, ev[i].events);
		}
		if (!g.reported && (g.up == g.n || (g.first != 0 &&
		    mono_us() - g.first > g.limit)))
			report();
	}
}

static void
listen_all(void)
{
	struct epoll_event	 ev = { .events = EPOLLIN };
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	int			 fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, 4096) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		err(1, "listen");
	g.listener = fd;
	g.port = ntohs(sin.sin_port);
	if ((g.ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll");
	ev.data.ptr = &g.listener;
	if (epoll_ctl(g.ep, EPOLL_CTL_ADD, g.listener, &ev) == -1)
		err(1, "epoll_ctl");
	/* Standard input only says when to stop; a file there is no event. */
	ev.data.ptr = NULL;
	if (epoll_ctl(g.ep, EPOLL_CTL_ADD, STDIN_FILENO, &ev) == -1 &&
	    errno != EPERM)
		err(1, "epoll_ctl");
}

static void
make_nodes(const char *file)
{
	char		 buf[ENODE_STRLEN];
	uint8_t		 priv[SECP_PRIV], pub[SECP_PUB];
	struct enode	 e;
	struct addr	 a;
	uint32_t	 i;
	FILE		*f;

	if ((g.nodes = calloc(g.n, sizeof(*g.nodes))) == NULL)
		err(1, "nodes");
	if ((f = fopen(file, "w")) == NULL)
		err(1, "%s", file);
	for (i = 0; i < g.n; i++) {
		if (secp_keygen(priv, pub) == -1 ||
		    peer_init(&g.nodes[i].peer, -1, priv, pub) == -1)
			errx(1, "no randomness");
		address(&a, i);
		memset(&e, 0, sizeof(e));
		memcpy(e.id, pub, sizeof(e.id));
		addr_format_ip(&a, e.host);
		e.tcp = e.udp = g.port;
		fprintf(f, "%s\n", enode_format(&e, buf, sizeof(buf)));
	}
	if (fclose(f) == EOF)
		err(1, "%s", file);
}

int
main(int argc, char **argv)
{
	const char	*bad = NULL;
	struct rlimit	 rl;
	int		 ch;

	g.n = 1000;
	g.limit = 120 * 1000000ULL;
	while ((ch = getopt(argc, argv, "n:w:")) != -1 && bad == NULL) {
		if (ch == 'n')
			g.n = (uint32_t)strtonum(optarg, 1, NODES_MAX, &bad);
		else if (ch == 'w')
			g.limit = (uint64_t)strtonum(optarg, 1, 86400, &bad) *
			    1000000;
		else
			bad = "";
	}
	if (bad != NULL || optind + 1 != argc)
		errx(1, "usage: answer [-n nodes] [-w seconds] file");
	if (secp_init() == -1)
		errx(1, "secp256k1");
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	signal(SIGPIPE, SIG_IGN);
	listen_all();
	make_nodes(argv[optind]);
	puts("ready");
	fflush(stdout);
	run();
	return g.up == g.n && g.lost == 0 ? 0 : 2;
}
