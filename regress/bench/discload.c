/* SPDX-License-Identifier: ISC */
/*
 * discload: many discv4 nodes in one process, 127.20.1.1 and on, each with a
 * key of its own, that bond with one node under measurement and so fill its
 * table, and then put it to work.
 *
 *	discload [-d directory] [-n nodes] enode://ID@IP:PORT
 *
 * They answer pings, requests for their records and, with the closest of each
 * other, findnode. When all are bonded both ways, prints "ready" and takes commands on
 * standard input, each with milliseconds, until its end:
 *	ping MS, findnode MS	16 requests in flight, signed ahead, by another
 *		node each; an answer is a pong, or two neighbors. Findnode begins
 *		when the answers to 16 in a row hold 16 nodes.
 *		answers=N us=N lost=N
 *	hash MS, signature MS, expired MS	pings with just that fault, from
 *		64,516 addresses in turn that are not bonded; after each 128 of
 *		them a node's ping, so that none is lost before it is read.
 *		refused=N us=N lost=N
 * Lost are requests without an answer within half a second.
 *
 * With -d the node is yet to start: its node database, in that directory, is
 * filled with ours as if it had met them all a minute ago. After "ready" they
 * wait to be asked, and at the first TCP connection to any of them it prints the
 * time by CLOCK_MONOTONIC, and ends:
 *	at=N
 */
#include "config.h"

#include <sys/socket.h>
#include <netinet/in.h>

#include <endian.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/wire/discv4.h"
#include "common/wire/enode.h"
#include "common/wire/enr.h"
#include "p2pd/discovery/nodedb.h"

#define NODES_MAX	16384
#define IN_FLIGHT	16
#define LOST_US		500000U
#define PATIENCE_US	60000000U
#define BATCH		128
#define HOSTILE		256	/* packets made ahead */
#define STRANGERS	(254 * 254)
#define EXPIRATION	86400
#define FOUND		16	/* nodes that a full answer has */

struct packet {
	uint16_t	 len;
	uint8_t		 buf[256];
};

struct node {
	uint8_t		 priv[SECP_PRIV];
	uint8_t		 pub[SECP_PUB];
	uint8_t		 id[NODE_ID];
	struct enr	 record;
	struct packet	 ping, findnode;
	uint64_t	 asked;		/* us; 0: nothing in flight */
	uint32_t	 packets;	/* of the answer */
	uint32_t	 found;		/* nodes in them */
	uint8_t		 ponged;	/* the target to us */
	uint8_t		 proven;	/* we to the target */
};

static struct {
	struct addr	 to;
	struct sockaddr_in sin;
	int		 fd, tcp;
	uint16_t	 port;
	struct node	*nodes;
	uint32_t	 n;
	uint32_t	 next;
	uint8_t		 want;		/* type of what is awaited */
	uint32_t	 flying;
	uint64_t	 answers, lost;
	struct packet	 hostile[HOSTILE];
} g;

/* The i-th address of 127.net.1.1 and on. */
static void
address(struct addr *a, uint8_t net, uint32_t i)
{
	memset(a, 0, sizeof(*a));
	a->af = 4;
	a->ip[0] = 127;
	a->ip[1] = net;
	a->ip[2] = (uint8_t)(1 + i / 254 % 254);
	a->ip[3] = (uint8_t)(1 + i % 254);
	a->port = g.port;
}

static void
post(const void *buf, size_t len, uint8_t net, uint32_t i)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control;
	struct iovec		 iov = { (void *)(uintptr_t)buf, len };
	struct msghdr		 msg = { &g.sin, sizeof(g.sin), &iov, 1, &control,
	    sizeof(control), 0 };
	struct in_pktinfo	 info;
	struct addr		 from;

	memset(&control, 0, sizeof(control));
	memset(&info, 0, sizeof(info));
	address(&from, net, i);
	memcpy(&info.ipi_spec_dst, from.ip, 4);
	control.hdr.cmsg_level = IPPROTO_IP;
	control.hdr.cmsg_type = IP_PKTINFO;
	control.hdr.cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(&control.hdr), &info, sizeof(info));
	while (sendmsg(g.fd, &msg, 0) == -1)
		if (errno != EINTR && errno != EAGAIN && errno != ENOBUFS &&
		    errno != ECONNREFUSED)
			err(1, "sendmsg");
}

static void
post_node(const struct packet *p, const struct node *n)
{
	post(p->buf, p->len, 20, (uint32_t)(n - g.nodes));
}

/* The node that a packet is for, and its length; NULL: nothing there. */
static struct node *
take(uint8_t *buf, size_t size, size_t *len)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control;
	struct iovec		 iov = { buf, size };
	struct msghdr		 msg;
	struct in_pktinfo	 info;
	const uint8_t		*ip = (const uint8_t *)&info.ipi_addr;
	ssize_t			 r;
	uint32_t		 i;

	for (;;) {
		memset(&msg, 0, sizeof(msg));
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		if ((r = recvmsg(g.fd, &msg, MSG_DONTWAIT)) == -1) {
			if (errno == EINTR || errno == ECONNREFUSED)
				continue;
			if (errno == EAGAIN)
				return NULL;
			err(1, "recvmsg");
		}
		if (CMSG_FIRSTHDR(&msg) == NULL || r < D4_MIN)
			continue;
		memcpy(&info, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(info));
		i = (ip[2] - 1U) * 254 + ip[3] - 1U;
		if (ip[1] != 20 || i >= g.n)
			continue;
		*len = (size_t)r;
		return &g.nodes[i];
	}
}

static void
make(struct packet *out, struct d4_packet *p, const uint8_t priv[SECP_PRIV],
    int64_t in)
{
	uint8_t	 buf[D4_MAX];
	size_t	 len;

	p->expiration = (int64_t)time(NULL) + in;
	if (d4_sign(p, buf, &len, priv) == -1 || len > sizeof(out->buf))
		errx(1, "packet");
	memcpy(out->buf, buf, len);
	out->len = (uint16_t)len;
}

static void
make_ping(struct packet *out, uint8_t net, uint32_t i,
    const uint8_t priv[SECP_PRIV], int64_t in)
{
	struct d4_packet	 p;

	memset(&p, 0, sizeof(p));
	p.type = D4_PING;
	address(&p.ping.from.addr, net, i);
	p.ping.from.tcp = g.port;
	p.ping.to.addr = g.to;
	make(out, &p, priv, in);
}

static void
make_node(struct node *n, uint32_t i)
{
	struct enr_build	 b;
	struct d4_packet	 p;
	struct addr		 a;

	address(&a, 20, i);
	memset(&p, 0, sizeof(p));
	p.type = D4_FINDNODE;
	arc4random_buf(p.findnode.target, sizeof(p.findnode.target));
	if (secp_keygen(n->priv, n->pub) == -1)
		errx(1, "no randomness");
	node_id(n->id, n->pub);
	if (enr_build_init(&b, 1, n->pub) == -1 ||
	    enr_set_endpoint(&b, &a, g.port) == -1 ||
	    enr_sign(&n->record, &b, n->priv) == -1)
		errx(1, "node");
	make_ping(&n->ping, 20, i, n->priv, EXPIRATION);
	make(&n->findnode, &p, n->priv, EXPIRATION);
}

/*
 * What the node under measurement asks of ours.
 */

/* As much of the distance as tells them apart. */
static uint64_t
distance(const uint8_t a[NODE_ID], const uint8_t b[NODE_ID])
{
	uint64_t	 x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return be64toh(x ^ y);
}

static void
closest(uint32_t v[FOUND], const uint8_t target[NODE_ID])
{
	uint64_t	 d[FOUND], x;
	uint32_t	 i, k, n = 0;

	for (i = 0; i < g.n; i++) {
		x = distance(g.nodes[i].id, target);
		if (n == FOUND && x >= d[FOUND - 1])
			continue;
		if (n < FOUND)
			n++;
		for (k = n - 1; k > 0 && d[k - 1] > x; k--) {
			d[k] = d[k - 1];
			v[k] = v[k - 1];
		}
		d[k] = x;
		v[k] = i;
	}
}

static void
reply(const struct node *n, struct d4_packet *p)
{
	uint8_t	 out[D4_MAX];
	size_t	 len;

	p->expiration = (int64_t)time(NULL) + 20;
	if (d4_sign(p, out, &len, n->priv) == -1)
		errx(1, "answer");
	post(out, len, 20, (uint32_t)(n - g.nodes));
}

static void
tell_nodes(const struct node *n, const uint8_t *buf, size_t len)
{
	struct d4_packet	 p;
	struct d4_node		*o;
	uint8_t			 target[NODE_ID];
	uint32_t		 v[FOUND], i;

	if (d4_decode(&p, buf, len) != D4_OK)
		return;
	node_id(target, p.findnode.target);
	closest(v, target);
	memset(&p, 0, sizeof(p));
	p.type = D4_NEIGHBORS;
	for (i = 0; i < FOUND; i++) {
		o = &p.neighbors.v[p.neighbors.n++];
		address(&o->addr, 20, v[i]);
		o->tcp = g.port;
		memcpy(o->key, g.nodes[v[i]].pub, SECP_PUB);
		if (p.neighbors.n == D4_NODES_OUT) {
			reply(n, &p);
			p.neighbors.n = 0;
		}
	}
	reply(n, &p);
}

static void
answer(struct node *n, const uint8_t *buf, size_t len)
{
	struct d4_packet	 p;

	memset(&p, 0, sizeof(p));
	switch (buf[D4_SIGNED]) {
	case D4_PING:
		p.type = D4_PONG;
		p.pong.to.addr = g.to;
		memcpy(p.pong.hash, buf, D4_HASH);
		p.pong.seq = n->record.seq;
		n->proven = 1;
		break;
	case D4_FINDNODE:
		tell_nodes(n, buf, len);
		return;
	case D4_ENRREQUEST:
		p.type = D4_ENRRESPONSE;
		memcpy(p.enrresponse.hash, buf, D4_HASH);
		p.enrresponse.record = n->record.raw;
		p.enrresponse.len = n->record.len;
		break;
	default:
		return;
	}
	reply(n, &p);
}

/*
 * What ours ask of it.
 */

/* How many nodes a neighbors packet has; only looked at while filling. */
static uint32_t
count(const uint8_t *buf, size_t len)
{
	struct d4_packet	 p;

	if (d4_check(buf, len) != D4_OK || d4_decode(&p, buf, len) != D4_OK)
		errx(1, "bad neighbors");
	return p.neighbors.n;
}

static void
done(struct node *n)
{
	n->asked = 0;
	g.flying--;
}

static void
got(struct node *n, const uint8_t *buf, size_t len, int counted)
{
	uint8_t	 type = buf[D4_SIGNED];

	if (type != D4_PONG && type != D4_NEIGHBORS) {
		answer(n, buf, len);
		return;
	}
	if (type == D4_PONG)
		n->ponged = 1;
	if (n->asked == 0 || type != g.want)
		return;
	n->packets++;
	if (type == D4_NEIGHBORS && counted)
		n->found += count(buf, len);
	if (type == D4_NEIGHBORS && n->packets < 2)
		return;
	g.answers++;
	done(n);
}

/* Reads all there is, waiting up to ms for the first of it. */
static void
pump(int ms, int counted)
{
	struct pollfd	 pfd = { g.fd, POLLIN, 0 };
	uint8_t		 buf[D4_MAX + 1];
	struct node	*n;
	size_t		 len;
	int		 some = 0;

	for (;;) {
		while ((n = take(buf, sizeof(buf), &len)) != NULL) {
			got(n, buf, len, counted);
			some = 1;
		}
		if (some || ms == 0 || poll(&pfd, 1, ms) <= 0)
			return;
		ms = 0;
	}
}

static struct node *
ask(uint8_t want)
{
	struct node	*n;

	do {
		n = &g.nodes[g.next++ % g.n];
	} while (n->asked != 0);
	g.want = want;
	n->asked = mono_us();
	n->packets = n->found = 0;
	g.flying++;
	post_node(want == D4_PONG ? &n->ping : &n->findnode, n);
	return n;
}

static void
sweep(void)
{
	uint64_t	 now = mono_us();
	uint32_t	 i;

	for (i = 0; i < g.n; i++)
		if (g.nodes[i].asked != 0 && now - g.nodes[i].asked > LOST_US) {
			done(&g.nodes[i]);
			g.lost++;
		}
}

static int
bonded(const struct node *n)
{
	return n->ponged && n->proven;
}

/* All of them, some at a time, again where nothing came of it. */
static void
bond(void)
{
	uint64_t	 start = mono_us(), now;
	uint32_t	 i, left;

	do {
		left = 0;
		now = mono_us();
		if (now - start > PATIENCE_US)
			errx(1, "no bonds");
		for (i = 0; i < g.n && left < 2 * IN_FLIGHT; i++) {
			if (bonded(&g.nodes[i]))
				continue;
			left++;
			if (g.nodes[i].asked != 0 &&
			    now - g.nodes[i].asked < LOST_US)
				continue;
			g.nodes[i].asked = now;
			post_node(&g.nodes[i].ping, &g.nodes[i]);
		}
		pump(100, 0);
	} while (left > 0);
	for (i = 0; i < g.n; i++)
		g.nodes[i].asked = 0;
	g.flying = 0;
}

/* Until answers are full. */
static void
fill(void)
{
	uint64_t	 start = mono_us(), asked;
	struct node	*n;
	int		 full = 0;

	while (full < 16) {
		if (mono_us() - start > PATIENCE_US)
			errx(1, "the table does not fill");
		n = ask(D4_NEIGHBORS);
		asked = n->asked;
		while (n->asked != 0 && mono_us() - asked < LOST_US)
			pump(100, 1);
		if (n->asked != 0)
			done(n);
		if (n->found == FOUND)
			full++;
		else {
			full = 0;
			pump(50, 1);
		}
	}
}

static void
work(uint8_t want, uint64_t us)
{
	uint64_t	 start, now, swept;

	if (want == D4_NEIGHBORS)
		fill();
	g.answers = g.lost = 0;
	start = now = swept = mono_us();
	while (now - start < us || g.flying > 0) {
		while (g.flying < IN_FLIGHT && now - start < us)
			ask(want);
		pump(100, 0);
		now = mono_us();
		if (now - swept > LOST_US / 2) {
			sweep();
			swept = now;
		}
	}
	printf("answers=%llu us=%llu lost=%llu\n", (unsigned long long)g.answers,
	    (unsigned long long)(now - start), (unsigned long long)g.lost);
	fflush(stdout);
}

/*
 * Hostile ones.
 */

static void
make_hostile(const char *fault)
{
	uint8_t		 priv[SECP_PRIV], pub[SECP_PUB], sig[SECP_SIG];
	struct packet	*p;
	uint32_t	 i;

	for (i = 0; i < HOSTILE; i++) {
		p = &g.hostile[i];
		if (secp_keygen(priv, pub) == -1)
			errx(1, "no randomness");
		make_ping(p, 21, i, priv, strcmp(fault, "expired") == 0 ? -3600 :
		    EXPIRATION);
		if (strcmp(fault, "hash") == 0)
			p->buf[0] ^= 1;
		if (strcmp(fault, "signature") != 0)
			continue;
		/* half of all are no signature of anybody's */
		do {
			arc4random_buf(sig, sizeof(sig));
			sig[64] &= 1;
			d4_seal(p->buf, p->len, sig);
		} while (d4_recover(pub, p->buf, p->len) == 0);
	}
}

static void
attack(const char *fault, uint64_t us)
{
	uint64_t	 start, sent = 0;
	struct node	*n;
	uint32_t	 i;

	make_hostile(fault);
	g.lost = 0;
	start = mono_us();
	while (mono_us() - start < us) {
		for (i = 0; i < BATCH; i++, sent++)
			post(g.hostile[sent % HOSTILE].buf,
			    g.hostile[sent % HOSTILE].len, 21,
			    (uint32_t)(sent % STRANGERS));
		n = ask(D4_PONG);
		while (n->asked != 0) {
			pump(100, 0);
			sweep();
		}
	}
	printf("refused=%llu us=%llu lost=%llu\n", (unsigned long long)sent,
	    (unsigned long long)(mono_us() - start),
	    (unsigned long long)g.lost);
	fflush(stdout);
}

static void
command(char *line)
{
	char		*ms = strchr(line, ' ');
	const char	*bad;
	uint64_t	 us;

	if (ms == NULL)
		errx(1, "%s: no time", line);
	*ms++ = '\0';
	us = (uint64_t)strtonum(ms, 1, 3600000, &bad) * 1000;
	if (bad != NULL)
		errx(1, "%s: %s", ms, bad);
	if (strcmp(line, "ping") == 0)
		work(D4_PONG, us);
	else if (strcmp(line, "findnode") == 0)
		work(D4_NEIGHBORS, us);
	else if (strcmp(line, "hash") == 0 || strcmp(line, "signature") == 0 ||
	    strcmp(line, "expired") == 0)
		attack(line, us);
	else
		errx(1, "%s: no such command", line);
}

static void
serve(void)
{
	struct pollfd	 pfd[2] = { { g.fd, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };
	char		 line[128];
	ssize_t		 n;

	for (;;) {
		if (poll(pfd, 2, -1) == -1 && errno != EINTR)
			err(1, "poll");
		pump(0, 0);
		if (pfd[1].revents == 0)
			continue;
		/* one command at a time: the next waits for this one's line */
		if ((n = read(STDIN_FILENO, line, sizeof(line) - 1)) <= 0)
			return;
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		command(line);
	}
}

/*
 * A node with a past.
 */

static void
remember(const char *dir)
{
	struct nodedb_node	 v;
	struct nodedb		*db;
	enum nodedb_err		 why;
	int64_t			 now = (int64_t)time(NULL);
	uint32_t		 i;

	if ((db = nodedb_open(dir, now, &why)) == NULL)
		err(1, "%s", dir);
	for (i = 0; i < g.n; i++) {
		memset(&v, 0, sizeof(v));
		node_id(v.id, g.nodes[i].pub);
		memcpy(v.key, g.nodes[i].pub, sizeof(v.key));
		address(&v.udp, 20, i);
		v.tcp = g.port;
		v.seed = 1;
		v.pong = v.ping = now - 60;
		v.record = g.nodes[i].record;
		if (nodedb_put(db, &v) != NODEDB_OK)
			errx(1, "node database");
		if (i % 1000 == 999 && nodedb_commit(db) != NODEDB_OK)
			errx(1, "node database");
	}
	nodedb_close(db);
}

static void
await_dial(void)
{
	struct pollfd	 pfd[2] = { { g.fd, POLLIN, 0 }, { g.tcp, POLLIN, 0 } };

	if (listen(g.tcp, 64) == -1)
		err(1, "listen");
	puts("ready");
	fflush(stdout);
	while (pfd[1].revents == 0) {
		if (poll(pfd, 2, 60000) == 0)
			errx(1, "nobody is dialed");
		pump(0, 0);
	}
	printf("at=%llu\n", (unsigned long long)mono_us());
}

/* One port of both protocols; what UDP is given may be taken in TCP. */
static int
bind_both(void)
{
	struct sockaddr_in	 any;
	socklen_t		 len = sizeof(any);

	memset(&any, 0, sizeof(any));
	any.sin_family = AF_INET;
	g.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	g.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (g.fd == -1 || g.tcp == -1 ||
	    bind(g.fd, (struct sockaddr *)&any, sizeof(any)) == -1 ||
	    getsockname(g.fd, (struct sockaddr *)&any, &len) == -1)
		err(1, "socket");
	g.port = ntohs(any.sin_port);
	if (bind(g.tcp, (struct sockaddr *)&any, sizeof(any)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		err(1, "port %u", g.port);
	close(g.fd);
	close(g.tcp);
	return -1;
}

static void
open_sockets(void)
{
	int	 i, on = 1, size = 4 << 20;

	for (i = 0; bind_both() == -1; i++)
		if (i == 100)
			errx(1, "no port is free in UDP and TCP");
	if (setsockopt(g.fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == -1)
		err(1, "socket");
	(void)setsockopt(g.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	g.sin.sin_family = AF_INET;
	g.sin.sin_port = htons(g.to.port);
	memcpy(&g.sin.sin_addr, g.to.ip, 4);
}

int
main(int argc, char **argv)
{
	struct enode	 e;
	const char	*why, *bad = NULL, *dir = NULL;
	uint32_t	 i;
	int		 ch;

	g.n = 1024;
	while ((ch = getopt(argc, argv, "d:n:")) != -1 && bad == NULL) {
		if (ch == 'd')
			dir = optarg;
		else if (ch == 'n')
			g.n = (uint32_t)strtonum(optarg, 2 * IN_FLIGHT,
			    NODES_MAX, &bad);
		else
			bad = "";
	}
	if (bad != NULL || optind + 1 != argc)
		errx(1, "usage: discload [-d directory] [-n nodes] URL");
	if (enode_parse(&e, argv[optind], &why) == -1)
		errx(1, "%s: %s", argv[optind], why);
	if (addr_parse_ip(&g.to, e.host) == -1 || g.to.af != 4)
		errx(1, "%s: not an IPv4 address", e.host);
	g.to.port = e.udp;
	if (secp_init() == -1)
		errx(1, "secp256k1");
	open_sockets();
	if ((g.nodes = calloc(g.n, sizeof(*g.nodes))) == NULL)
		err(1, "nodes");
	for (i = 0; i < g.n; i++)
		make_node(&g.nodes[i], i);
	if (dir != NULL) {
		remember(dir);
		await_dial();
		return 0;
	}
	bond();
	puts("ready");
	fflush(stdout);
	serve();
	return 0;
}
