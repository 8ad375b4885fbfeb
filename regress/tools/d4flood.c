/* SPDX-License-Identifier: ISC */
/*
 * d4flood: hostile datagrams at a node's discovery v4, and beside them a good
 * node that goes on asking for pongs.
 *
 *	d4flood [-n datagrams] [-r datagrams a second] [-t ms] enode://ID@IP:PORT
 *
 * Of the hostile ones some are properly signed, from sixteen addresses
 * (127.44.0.x) that never answer a ping, as who spoofs addresses does not: what
 * comes back to these is counted, and anything but a pong for a ping and one
 * ping back is a fault.  When the flood is over the good node goes on for -t.
 * Prints "flooding", and at the end one JSON object.
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
#define BATCH		32
#define PING_MS		20
#define PING_LATE	1000000U	/* us: no answer */
#define PINGS		64		/* in flight */
#define PACKET		1500

enum kind { RUBBISH, BAD_HASH, BAD_SIGNATURE, BAD_POINT, EXPIRED, CUT, LONG,
	BAD_TYPE, DEEP, UNASKED, KINDS };

struct packet {
	uint16_t	 len;
	uint8_t		 good;		/* a ping that deserves an answer */
	uint8_t		 data[PACKET];
};

struct victim {
	int		 fd;
	uint64_t	 asked;		/* pings sent in its name */
	uint64_t	 pongs, pings;	/* that came */
	uint64_t	 faults;
};

static struct packet	 pool[KINDS][POOL];
static struct packet	 signed_pings[POOL], signed_asks[POOL];
static struct victim	 victims[VICTIMS];
static struct sockaddr_in to;
static uint8_t		 good_priv[SECP_PRIV];
static struct {
	uint8_t		 hash[D4_HASH];
	uint64_t	 at;		/* 0: free */
} flying[PINGS];
static uint64_t		 sent, by_kind[KINDS + 2], pings, pongs, worst_us;
static int		 good_fd;

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

static int
push(int fd, const struct packet *p)
{
	return sendto(fd, p->data, p->len, 0, (struct sockaddr *)&to,
	    sizeof(to)) == -1 ? -1 : 0;
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
	if (push(v->fd, p) == 0)
		v->asked += p->good;
	by_kind[k]++;
	sent++;
}

static void
good_ping(void)
{
	struct d4_packet	 p;
	struct packet		 out;
	uint64_t		 now = mono_us();
	unsigned int		 i;

	for (i = 0; i < PINGS; i++)
		if (flying[i].at == 0 || now - flying[i].at > PING_LATE)
			break;
	if (i == PINGS)
		return;
	make_ping(&p, 20);
	/* Each is another packet, by its hash. */
	p.ping.from.tcp = (uint16_t)rnd(65536);
	p.ping.seq = now;
	sign(&out, &p, good_priv);
	memcpy(flying[i].hash, out.data, D4_HASH);
	flying[i].at = now;
	pings++;
	(void)push(good_fd, &out);
}

static void
good_pong(const struct d4_packet *p)
{
	uint64_t	 now = mono_us();
	unsigned int	 i;

	for (i = 0; i < PINGS; i++) {
		if (flying[i].at == 0 ||
		    memcmp(flying[i].hash, p->pong.hash, D4_HASH) != 0)
			continue;
		if (now - flying[i].at <= PING_LATE) {
			pongs++;
			if (now - flying[i].at > worst_us)
				worst_us = now - flying[i].at;
		}
		flying[i].at = 0;
		return;
	}
}

/* The good one answers, too: so it is proven. */
static void
good_read(void)
{
	struct d4_packet	 p, answer;
	struct packet		 out;
	uint8_t			 buf[PACKET];
	ssize_t			 n;

	while ((n = recv(good_fd, buf, sizeof(buf), 0)) > 0) {
		if (d4_check(buf, (size_t)n) != D4_OK ||
		    d4_decode(&p, buf, (size_t)n) != D4_OK)
			continue;
		if (p.type == D4_PONG)
			good_pong(&p);
		if (p.type != D4_PING)
			continue;
		memset(&answer, 0, sizeof(answer));
		answer.type = D4_PONG;
		answer.expiration = (int64_t)time(NULL) + 20;
		answer.pong.to.addr.af = 4;
		memcpy(answer.pong.hash, buf, D4_HASH);
		sign(&out, &answer, good_priv);
		(void)push(good_fd, &out);
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
	static uint64_t	 next;

	good_read();
	victims_read();
	if (mono_ms() >= next) {
		next = mono_ms() + PING_MS;
		good_ping();
	}
}

static void
flood(uint64_t n, uint64_t rate)
{
	uint64_t	 began = mono_us(), due;
	unsigned int	 i;

	while (sent < n) {
		for (i = 0; i < BATCH; i++)
			hostile_one();
		others();
		due = began + sent * 1000000 / rate;
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
	    "deep", "unasked", "spoofed_ping", "spoofed_ask" };
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
	    "\"worst_us\": %llu, \"spoofed_pings\": %llu, \"spoofed_pongs\": "
	    "%llu, \"spoofed_back\": %llu, \"faults\": %llu, \"kinds\": {",
	    (unsigned long long)sent,
	    (unsigned long long)(mono_us() - began) / 1000,
	    (unsigned long long)pings, (unsigned long long)pongs,
	    (unsigned long long)worst_us, (unsigned long long)asked,
	    (unsigned long long)answers, (unsigned long long)back,
	    (unsigned long long)faults);
	for (i = 0; i < nitems_of(names); i++)
		printf("%s\"%s\": %llu", i == 0 ? "" : ", ", names[i],
		    (unsigned long long)by_kind[i]);
	printf("}}\n");
}

int
main(int argc, char *argv[])
{
	const char	*why;
	struct enode	 en;
	uint64_t	 n = 1000000, rate = 40000, tail = 2000, began, end;
	uint8_t		 pub[SECP_PUB];
	char		 ip[32];
	int		 ch, i;

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
	if (secp_init() == -1 || enode_parse(&en, argv[optind], &why) == -1 ||
	    secp_keygen(good_priv, pub) == -1)
		errx(2, "%s", argv[optind]);
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = inet_addr(en.host);
	to.sin_port = htons(en.udp);
	good_fd = udp("127.0.0.1");
	for (i = 0; i < VICTIMS; i++) {
		snprintf(ip, sizeof(ip), "127.44.0.%d", i + 1);
		victims[i].fd = udp(ip);
	}
	make_pools();
	printf("flooding\n");
	fflush(stdout);
	began = mono_us();
	flood(n, rate);
	for (end = mono_ms() + tail; mono_ms() < end; usleep(1000))
		others();
	report(began);
	return 0;
}
