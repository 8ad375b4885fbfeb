/* SPDX-License-Identifier: ISC */
/*
 * d4flood: hostile datagrams at a node's discovery v4, and beside them good
 * nodes that go on asking for pongs.
 *
 *	d4flood [-n datagrams] [-r datagrams a second] [-t ms] enode://ID@IP:PORT
 *
 * Of the hostile ones some are properly signed, from sixteen addresses
 * (127.44.0.x, half of them by sockets that know them as ::ffff:127.44.0.x)
 * that never answer a ping, as who spoofs addresses does not: what comes back to
 * these is counted, and anything but a pong for a ping and one ping back is a
 * fault.  The flood is as fast as the machine can take, at most -r: it slows
 * down where good pings get lost in full buffers.  When it is over the good nodes
 * go on for -t.  Prints "flooding", and at the end one JSON object.
 */
#include "config.h"

#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/crypto/keccak.h"
#include "common/wire/discv4.h"
#include "common/wire/enode.h"

#define POOL		512		/* packets made ahead of each kind */
#define VICTIMS		16
#define GOODS		4
#define BATCH		32
#define PING_MS		50		/* of each good one */
#define PING_LATE	500000U		/* us: no answer */
#define PINGS		64		/* in flight */
#define PACKET		1500
#define WINDOW_MS	500		/* after which the speed is thought over */
#define RATE_MIN	5000

enum kind { RUBBISH, BAD_HASH, BAD_SIGNATURE, BAD_POINT, EXPIRED, CUT, LONG,
	BAD_TYPE, DEEP, UNASKED, MAPPED, KINDS };

struct packet {
	uint16_t	 len;
	uint8_t		 good;		/* a ping that deserves an answer */
	uint8_t		 data[PACKET];
};

struct victim {
	int		 fd;
	int		 mapped;	/* its socket is of IPv6 */
	uint64_t	 asked;		/* pings sent in its name */
	uint64_t	 pongs, pings;	/* that came */
	uint64_t	 faults;
};

static struct packet	 pool[KINDS][POOL];
static struct packet	 signed_pings[POOL], signed_asks[POOL];
static struct victim	 victims[VICTIMS];
static struct sockaddr_in to;
static struct sockaddr_in6 to_mapped;
static struct good {
	int		 fd;
	uint8_t		 priv[SECP_PRIV];
	uint64_t	 next;		/* ms: its next ping */
	uint64_t	 heard;		/* us: its last pong, or its begin */
	struct {
		uint8_t		 hash[D4_HASH];
		uint64_t	 at;		/* 0: free */
	} flying[PINGS];
} goods[GOODS];
static uint64_t		 sent, by_kind[KINDS + 2], pings, pongs, worst_us;
static uint64_t		 lost, silence_us;

static uint32_t
rnd(uint32_t n)
{
	return arc4random_uniform(n);
}

static void
make_ping(struct d4_packet *p, int64_t expire)
{
	memset(p, 0, sizeof(*p));
	p->type = D4_PING;
	p->expiration = (int64_t)time(NULL) + expire;
	p->ping.from.addr.af = p->ping.to.addr.af = 4;
	p->ping.from.addr.ip[0] = p->ping.to.addr.ip[0] = 127;
	p->ping.from.addr.port = p->ping.to.addr.port = 30303;
	p->ping.from.tcp = p->ping.to.tcp = 30303;
}

static void
sign(struct packet *out, const struct d4_packet *p, const uint8_t *priv)
{
	uint8_t	 key[SECP_PRIV], pub[SECP_PUB], buf[D4_MAX];
	size_t	 len;

	if (priv == NULL) {
		if (secp_keygen(key, pub) == -1)
			errx(2, "secp_keygen");
		priv = key;
	}
	if (d4_sign(p, buf, &len, priv) == -1)
		errx(2, "d4_sign");
	memcpy(out->data, buf, len);
	out->len = (uint16_t)len;
}

/* The hash of what is in the packet now. */
static void
rehash(struct packet *p)
{
	keccak256(p->data, p->data + D4_HASH, p->len - D4_HASH);
}

static void
make_unasked(struct packet *out, unsigned int i)
{
	struct d4_packet	 p;

	memset(&p, 0, sizeof(p));
	p.expiration = (int64_t)time(NULL) + 3600;
	p.type = i % 2 ? D4_PONG : D4_NEIGHBORS;
	if (p.type == D4_PONG) {
		arc4random_buf(p.pong.hash, sizeof(p.pong.hash));
		p.pong.to.addr.af = 4;
	} else {
		p.neighbors.n = 1;
		p.neighbors.v[0].addr.af = 4;
		p.neighbors.v[0].addr.ip[0] = 127;
		p.neighbors.v[0].addr.port = 2000;
		arc4random_buf(p.neighbors.v[0].key, SECP_PUB);
	}
	sign(out, &p, NULL);
}

/* An IPv4 address in the form that IPv6 has for it. */
static void
map(struct addr *a, uint32_t ip)
{
	memset(a, 0, sizeof(*a));
	a->af = 6;
	a->ip[10] = a->ip[11] = 0xff;
	ip = htonl(ip);
	memcpy(a->ip + 12, &ip, sizeof(ip));
	a->port = (uint16_t)(1025 + rnd(60000));
}

/* Addresses that are no host's, a LAN's, loopback's, or a victim's. */
static uint32_t
mapped_ip(unsigned int i)
{
	static const uint32_t	 ips[] = { 0, 0xffffffff, 0xe0000001,
		0x0a000001, 0x7f000001, 0x7f2c0001, 0xc0000201 };

	return ips[i % nitems_of(ips)];
}

/* Pings that say so of both ends, and answers that nobody has asked for. */
static void
make_mapped(struct packet *out, unsigned int i)
{
	struct d4_packet	 p;

	make_ping(&p, 3600);
	map(&p.ping.from.addr, mapped_ip(i));
	map(&p.ping.to.addr, mapped_ip(i + 1));
	if (i % 3 == 1) {
		p.type = D4_PONG;
		memset(&p.pong, 0, sizeof(p.pong));
		arc4random_buf(p.pong.hash, sizeof(p.pong.hash));
		map(&p.pong.to.addr, mapped_ip(i));
	} else if (i % 3 == 2) {
		p.type = D4_NEIGHBORS;
		memset(&p.neighbors, 0, sizeof(p.neighbors));
		p.neighbors.n = 1;
		map(&p.neighbors.v[0].addr, mapped_ip(i));
		arc4random_buf(p.neighbors.v[0].key, SECP_PUB);
	}
	sign(out, &p, NULL);
}

static void
make_one(struct packet *out, enum kind kind, unsigned int i)
{
	struct d4_packet	 p;

	make_ping(&p, kind == EXPIRED ? -1 - (int64_t)rnd(100000) : 3600);
	sign(out, &p, NULL);
	switch (kind) {
	case RUBBISH:
		out->len = (uint16_t)rnd(D4_MAX + 1);
		arc4random_buf(out->data, out->len);
		break;
	case BAD_HASH:
		out->data[i % out->len] ^= (uint8_t)(1 + rnd(255));
		break;
	case BAD_SIGNATURE:
		/* Every recovery id there is, and any byte before it. */
		if (i < 256)
			out->data[D4_HASH + 64] = (uint8_t)i;
		else
			out->data[D4_HASH + i % 64] ^= (uint8_t)(1 + rnd(255));
		rehash(out);
		break;
	case BAD_POINT:
		memset(out->data + D4_HASH + (i % 2 ? 32 : 0), i % 4 < 2 ? 0 :
		    0xff, 32);
		rehash(out);
		break;
	case CUT:
		out->len = (uint16_t)(1 + rnd(out->len - 1U));
		if (out->len > D4_HASH && i % 2)
			rehash(out);
		break;
	case LONG:
		out->len = (uint16_t)(D4_MAX + 1 + rnd(PACKET - D4_MAX - 1));
		rehash(out);
		break;
	case BAD_TYPE:
		out->data[D4_SIGNED] = i % 2 ? 0 : (uint8_t)(7 + rnd(249));
		rehash(out);
		break;
	case DEEP:
		out->len = D4_MAX;
		memset(out->data + D4_SIGNED + 1, i % 2 ? 0xc1 : 0xf8,
		    D4_MAX - D4_SIGNED - 1U);
		rehash(out);
		break;
	case UNASKED:
		make_unasked(out, i);
		break;
	case MAPPED:
		make_mapped(out, i);
		break;
	default:
		break;
	}
}

/*
 * Whatever is signed by nobody is signed by somebody: almost any signature has
 * a key, and that node's ping is as good as others.
 */
static int
is_ping(const struct packet *p)
{
	struct d4_packet	 d;
	uint8_t			 pub[SECP_PUB];

	return d4_check(p->data, p->len) == D4_OK &&
	    d4_decode(&d, p->data, p->len) == D4_OK && d.type == D4_PING &&
	    !d4_expired(&d, (int64_t)time(NULL)) &&
	    d4_recover(pub, p->data, p->len) == 0;
}

static void
make_pools(void)
{
	struct d4_packet	 p;
	unsigned int		 i, k;

	for (i = 0; i < POOL; i++) {
		for (k = 0; k < KINDS; k++) {
			make_one(&pool[k][i], (enum kind)k, i);
			pool[k][i].good = (uint8_t)is_ping(&pool[k][i]);
		}
		make_ping(&p, 3600);
		sign(&signed_pings[i], &p, NULL);
		signed_pings[i].good = 1;
		memset(&p, 0, sizeof(p));
		p.type = i % 2 ? D4_FINDNODE : D4_ENRREQUEST;
		p.expiration = (int64_t)time(NULL) + 3600;
		sign(&signed_asks[i], &p, NULL);
	}
}

static int
udp(const char *ip)
{
	struct sockaddr_in	 sin;
	int			 fd, size = 1 << 20;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = inet_addr(ip);
	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(2, "%s", ip);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

static void
sin6_mapped(struct sockaddr_in6 *sin6, const char *ip, uint16_t port)
{
	struct in_addr	 in;

	in.s_addr = inet_addr(ip);
	memset(sin6, 0, sizeof(*sin6));
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = port;
	sin6->sin6_addr.s6_addr[10] = sin6->sin6_addr.s6_addr[11] = 0xff;
	memcpy(sin6->sin6_addr.s6_addr + 12, &in, sizeof(in));
}

/* -1: this machine has no IPv6, or will not mix. */
static int
udp_mapped(const char *ip)
{
	struct sockaddr_in6	 sin6;
	int			 fd, off = 0;

	sin6_mapped(&sin6, ip, 0);
	if ((fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0)) == -1)
		return -1;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
push(int fd, const struct packet *p)
{
	return sendto(fd, p->data, p->len, 0, (struct sockaddr *)&to,
	    sizeof(to)) == -1 ? -1 : 0;
}

static int
push_as(const struct victim *v, const struct packet *p)
{
	if (!v->mapped)
		return push(v->fd, p);
	return sendto(v->fd, p->data, p->len, 0, (struct sockaddr *)&to_mapped,
	    sizeof(to_mapped)) == -1 ? -1 : 0;
}

static void
hostile_one(void)
{
	struct victim		*v = &victims[rnd(VICTIMS)];
	unsigned int		 k = rnd(KINDS + 2), i = rnd(POOL);
	const struct packet	*p;

	/* The signed ones again and again: a replay, and by another address. */
	p = k < KINDS ? &pool[k][i] : k == KINDS ? &signed_pings[i] :
	    &signed_asks[i];
	if (push_as(v, p) == 0)
		v->asked += p->good;
	by_kind[k]++;
	sent++;
}

/* Nobody has gone without an answer for longer. */
static void
waited(const struct good *g, uint64_t now)
{
	if (now - g->heard > silence_us)
		silence_us = now - g->heard;
}

static void
good_ping(struct good *g)
{
	struct d4_packet	 p;
	struct packet		 out;
	uint64_t		 now = mono_us();
	unsigned int		 i, at = PINGS;

	waited(g, now);
	for (i = 0; i < PINGS; i++) {
		if (g->flying[i].at != 0 &&
		    now - g->flying[i].at > PING_LATE) {
			g->flying[i].at = 0;
			lost++;
		}
		if (g->flying[i].at == 0)
			at = i;
	}
	if (at == PINGS)
		return;
	make_ping(&p, 20);
	/* Each is another packet, by its hash. */
	p.ping.from.tcp = (uint16_t)rnd(65536);
	p.ping.seq = now;
	sign(&out, &p, g->priv);
	memcpy(g->flying[at].hash, out.data, D4_HASH);
	g->flying[at].at = now;
	pings++;
	(void)push(g->fd, &out);
}

static void
good_pong(struct good *g, const struct d4_packet *p)
{
	uint64_t	 now = mono_us();
	unsigned int	 i;

	for (i = 0; i < PINGS; i++) {
		if (g->flying[i].at == 0 || now - g->flying[i].at > PING_LATE ||
		    memcmp(g->flying[i].hash, p->pong.hash, D4_HASH) != 0)
			continue;
		pongs++;
		waited(g, now);
		g->heard = now;
		if (now - g->flying[i].at > worst_us)
			worst_us = now - g->flying[i].at;
		g->flying[i].at = 0;
		return;
	}
}

/* The good ones answer, too: so they are proven. */
static void
good_read(struct good *g)
{
	struct d4_packet	 p, answer;
	struct packet		 out;
	uint8_t			 buf[PACKET];
	ssize_t			 n;

	while ((n = recv(g->fd, buf, sizeof(buf), 0)) > 0) {
		if (d4_check(buf, (size_t)n) != D4_OK ||
		    d4_decode(&p, buf, (size_t)n) != D4_OK)
			continue;
		if (p.type == D4_PONG)
			good_pong(g, &p);
		if (p.type != D4_PING)
			continue;
		memset(&answer, 0, sizeof(answer));
		answer.type = D4_PONG;
		answer.expiration = (int64_t)time(NULL) + 20;
		answer.pong.to.addr.af = 4;
		memcpy(answer.pong.hash, buf, D4_HASH);
		sign(&out, &answer, g->priv);
		(void)push(g->fd, &out);
	}
}

static void
victims_read(void)
{
	struct d4_packet	 p;
	struct victim		*v;
	uint8_t			 buf[PACKET];
	ssize_t			 n;

	for (v = victims; v < victims + VICTIMS; v++) {
		while ((n = recv(v->fd, buf, sizeof(buf), 0)) > 0) {
			if (d4_check(buf, (size_t)n) != D4_OK ||
			    d4_decode(&p, buf, (size_t)n) != D4_OK)
				v->faults++;
			else if (p.type == D4_PONG)
				v->pongs++;
			else if (p.type == D4_PING)
				v->pings++;
			else
				v->faults++;
		}
	}
}

static void
others(void)
{
	struct good	*g;

	for (g = goods; g < goods + GOODS; g++) {
		good_read(g);
		if (mono_ms() >= g->next) {
			g->next = mono_ms() + PING_MS;
			good_ping(g);
		}
	}
	victims_read();
}

/* One lost ping of the 40 of a window is chance; more is too fast a flood. */
static void
adapt(uint64_t *rate, uint64_t most)
{
	static uint64_t		 next, before;
	static unsigned int	 calm;

	if (mono_ms() < next)
		return;
	next = mono_ms() + WINDOW_MS;
	calm = lost > before ? 0 : calm + 1;
	if (lost > before + 1)
		*rate = *rate / 2 < RATE_MIN ? RATE_MIN : *rate / 2;
	else if (calm > 4)
		*rate = *rate * 21 / 20 > most ? most : *rate * 21 / 20;
	before = lost;
}

static void
flood(uint64_t n, uint64_t most)
{
	uint64_t	 rate = most, due = mono_us(), now;
	unsigned int	 i;

	while (sent < n) {
		for (i = 0; i < BATCH; i++)
			hostile_one();
		others();
		adapt(&rate, most);
		due += BATCH * 1000000 / rate;
		/* What was missed is not made up for. */
		now = mono_us();
		if (due < now)
			due = now;
		while (mono_us() < due) {
			usleep(200);
			others();
		}
	}
}

static void
report(uint64_t began)
{
	static const char *const names[] = { "rubbish", "bad_hash",
	    "bad_signature", "bad_point", "expired", "cut", "long", "bad_type",
	    "deep", "unasked", "mapped", "spoofed_ping", "spoofed_ask" };
	uint64_t	 asked = 0, back = 0, answers = 0, faults = 0;
	unsigned int	 i;

	for (i = 0; i < VICTIMS; i++) {
		asked += victims[i].asked;
		answers += victims[i].pongs;
		back += victims[i].pings;
		faults += victims[i].faults;
		/* More of either than pings came in its name. */
		if (victims[i].pongs > victims[i].asked)
			faults += victims[i].pongs - victims[i].asked;
		if (victims[i].pings > victims[i].asked)
			faults += victims[i].pings - victims[i].asked;
	}
	printf("{\"sent\": %llu, \"ms\": %llu, \"pings\": %llu, \"pongs\": %llu, "
	    "\"worst_us\": %llu, \"silence_ms\": %llu, "
	    "\"spoofed_pings\": %llu, \"spoofed_pongs\": %llu, \"spoofed_back\": %llu, \"faults\": %llu, \"kinds\": {",
	    (unsigned long long)sent,
	    (unsigned long long)(mono_us() - began) / 1000,
	    (unsigned long long)pings, (unsigned long long)pongs,
	    (unsigned long long)worst_us, (unsigned long long)silence_us / 1000,
	    (unsigned long long)asked,
	    (unsigned long long)answers, (unsigned long long)back,
	    (unsigned long long)faults);
	for (i = 0; i < nitems_of(names); i++)
		printf("%s\"%s\": %llu", i == 0 ? "" : ", ", names[i],
		    (unsigned long long)by_kind[i]);
	printf("}}\n");
}

static void
sockets(void)
{
	struct victim	*v;
	struct good	*g;
	uint8_t		 pub[SECP_PUB];
	char		 ip[32];

	for (v = victims; v < victims + VICTIMS; v++) {
		snprintf(ip, sizeof(ip), "127.44.0.%d", (int)(v - victims) + 1);
		v->mapped = (v - victims) % 2 && (v->fd = udp_mapped(ip)) != -1;
		if (!v->mapped)
			v->fd = udp(ip);
	}
	for (g = goods; g < goods + GOODS; g++) {
		snprintf(ip, sizeof(ip), "127.45.0.%d", (int)(g - goods) + 1);
		g->fd = udp(ip);
		g->heard = mono_us();
		g->next = mono_ms() + (uint64_t)(g - goods) * PING_MS / GOODS;
		if (secp_keygen(g->priv, pub) == -1)
			errx(2, "secp_keygen");
	}
}

int
main(int argc, char *argv[])
{
	const char	*why;
	struct enode	 en;
	uint64_t	 n = 1000000, rate = 40000, tail = 2000, began, end;
	int		 ch;

	while ((ch = getopt(argc, argv, "n:r:t:")) != -1) {
		if (ch != 'n' && ch != 'r' && ch != 't')
			return 2;
		*(ch == 'n' ? &n : ch == 'r' ? &rate : &tail) =
		    (uint64_t)strtonum(optarg, 1, 1000000000, &why);
		if (why != NULL)
			errx(2, "%s: %s", optarg, why);
	}
	if (optind + 1 != argc)
		errx(2, "usage: d4flood [-n datagrams] [-r rate] [-t ms] enode");
	if (secp_init() == -1 || enode_parse(&en, argv[optind], &why) == -1)
		errx(2, "%s", argv[optind]);
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = inet_addr(en.host);
	to.sin_port = htons(en.udp);
	sin6_mapped(&to_mapped, en.host, to.sin_port);
	make_pools();
	sockets();
	printf("flooding\n");
	fflush(stdout);
	began = mono_us();
	flood(n, rate);
	for (end = mono_ms() + tail; mono_ms() < end; usleep(1000))
		others();
	report(began);
	return 0;
}
