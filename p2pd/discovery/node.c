/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/discovery/node.h"

/* How far a network reaches; ORDINARY is what no row names. */
enum scope { ORDINARY, NEVER, LOOPBACK, LAN, CARRIER };

/*
 * IANA's special-purpose registries, and multicast. The first row that fits
 * decides, so exceptions of a network come before it.
 */
static const struct special {
	uint8_t		 af;
	uint8_t		 len;
	uint8_t		 ip[16];
	enum scope	 scope;
} special[] = {
	{ 4, 8, { 0 }, NEVER },			/* this network */
	{ 4, 8, { 10 }, LAN },
	{ 4, 10, { 100, 64 }, CARRIER },
	{ 4, 8, { 127 }, LOOPBACK },
	{ 4, 16, { 169, 254 }, LAN },		/* link-local */
	{ 4, 12, { 172, 16 }, LAN },
	{ 4, 24, { 192, 0, 0 }, NEVER },	/* protocol assignments */
	{ 4, 24, { 192, 0, 2 }, NEVER },	/* TEST-NET-1 */
	{ 4, 24, { 192, 31, 196 }, NEVER },	/* AS112-v4 */
	{ 4, 24, { 192, 52, 193 }, NEVER },	/* AMT */
	{ 4, 24, { 192, 88, 99 }, NEVER },	/* 6to4 anycast */
	{ 4, 16, { 192, 168 }, LAN },
	{ 4, 24, { 192, 175, 48 }, NEVER },	/* AS112 direct delegation */
	{ 4, 15, { 198, 18 }, NEVER },		/* benchmarks */
	{ 4, 24, { 198, 51, 100 }, NEVER },	/* TEST-NET-2 */
	{ 4, 24, { 203, 0, 113 }, NEVER },	/* TEST-NET-3 */
	{ 4, 4, { 224 }, NEVER },		/* multicast */
	{ 4, 4, { 240 }, NEVER },		/* reserved, broadcast */
	{ 6, 128, { [15] = 1 }, LOOPBACK },
	{ 6, 8, { 0 }, NEVER },			/* unspecified, 4-in-6, NAT64 */
	{ 6, 64, { 0x01 }, NEVER },		/* discard */
	{ 6, 23, { 0x20, 0x01 }, NEVER },	/* Teredo, benchmark, ORCHID */
	{ 6, 32, { 0x20, 0x01, 0x0d, 0xb8 }, NEVER },	/* documentation */
	{ 6, 16, { 0x20, 0x02 }, NEVER },	/* 6to4 */
	{ 6, 20, { 0x3f, 0xff }, NEVER },	/* documentation */
	{ 6, 48, { 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00 }, NEVER },	/* AS112 */
	{ 6, 7, { 0xfc }, LAN },
	{ 6, 10, { 0xfe, 0x80 }, LAN },
	{ 6, 10, { 0xfe, 0xc0 }, LAN },		/* old site-local */
	{ 6, 8, { 0xff }, NEVER },		/* multicast */
};

static int
covers(const struct special *s, const struct addr *a)
{
	unsigned int	 whole = s->len / 8, rest = s->len % 8, mask;

	if (s->af != a->af || memcmp(s->ip, a->ip, whole) != 0)
		return 0;
	mask = 0xff00U >> rest & 0xffU;
	return rest == 0 || (a->ip[whole] & mask) == (s->ip[whole] & mask);
}

static enum scope
scope_of(const struct addr *a)
{
	size_t	 i;

	if (a->af != 4 && a->af != 6)
		return NEVER;
	for (i = 0; i < nitems_of(special); i++)
		if (covers(&special[i], a))
			return special[i].scope;
	return ORDINARY;
}

int
node_relay_ok(const struct addr *from, const struct addr *a)
{
	enum scope	 f = scope_of(from);

	switch (scope_of(a)) {
	case ORDINARY:
		return 1;
	case LOOPBACK:
		return f == LOOPBACK;
	case LAN:
		return f == LAN || f == LOOPBACK;
	case CARRIER:
		return f == CARRIER || f == LAN || f == LOOPBACK;
	case NEVER:
		break;
	}
	return 0;
}

/* How far an address reaches, for the choice among a record's; 0: nowhere. */
static unsigned int
reach(const struct addr *a)
{
	switch (scope_of(a)) {
	case ORDINARY:
		return 4;
	case CARRIER:
		return 3;
	case LAN:
		return 2;
	case LOOPBACK:
		return 1;
	case NEVER:
		break;
	}
	return 0;
}

void
node_subnet(struct prefix *p, const struct addr *a)
{
	prefix_of(p, a, a->af == 4 ? 24 : 48);
}

void
node_init(struct node *n, const uint8_t key[SECP_PUB], const struct addr *udp,
    uint16_t tcp)
{
	memset(n, 0, sizeof(*n));
	memcpy(n->key, key, SECP_PUB);
	node_id(n->id, key);
	n->udp = *udp;
	n->tcp = tcp;
}

static struct record *
record_new(const struct enr *e)
{
	struct record	*r;

	if ((r = malloc(sizeof(*r))) == NULL)
		return NULL;
	r->refs = 1;
	r->enr = *e;
	return r;
}

static void
record_unref(struct record *r)
{
	if (r != NULL && --r->refs == 0)
		free(r);
}

int
node_from_record(struct node *n, const struct enr *e,
    const uint8_t key[SECP_PUB], unsigned int families)
{
	static const unsigned int	 af[2] = { 4, 6 };
	static const unsigned int	 bit[2] = { NODE_IP4, NODE_IP6 };
	struct addr			 udp, best;
	uint16_t			 tcp, best_tcp = 0;
	unsigned int			 i, r, best_reach = 0;

	memset(n, 0, sizeof(*n));
	memset(&best, 0, sizeof(best));
	for (i = 0; i < 2; i++) {
		if ((families & bit[i]) == 0 ||
		    enr_endpoint(e, af[i], &udp, &tcp) == -1 || udp.port == 0)
			continue;
		if ((r = reach(&udp)) > best_reach) {
			best = udp;
			best_tcp = tcp;
			best_reach = r;
		}
	}
	if (best_reach == 0)
		return -1;
	node_init(n, key, &best, best_tcp);
	if ((n->rec = record_new(e)) == NULL) {
		node_clear(n);
		return -1;
	}
	n->seq = e->seq;
	return 0;
}

int
node_set_record(struct node *n, const struct enr *e)
{
	struct record	*r;
	struct addr	 udp;
	uint16_t	 tcp;

	if ((r = record_new(e)) == NULL)
		return -1;
	record_unref(n->rec);
	n->rec = r;
	n->seq = e->seq;
	if (enr_endpoint(e, n->udp.af, &udp, &tcp) == -1)
		return 0;
	if (addr_cmp_ip(&udp, &n->udp) == 0)
		n->tcp = tcp;
	else if (!node_relay_ok(&n->udp, &udp))
		return 0;
	if (udp.port >= NODE_UDP_MIN) {
		n->udp = udp;
		n->tcp = tcp;
	}
	return 0;
}

void
node_copy(struct node *dst, const struct node *src)
{
	struct record	*old = dst->rec;

	if (dst == src)
		return;
	if (src->rec != NULL)
		src->rec->refs++;
	*dst = *src;
	record_unref(old);
}

void
node_clear(struct node *n)
{
	record_unref(n->rec);
	memset(n, 0, sizeof(*n));
}

int
node_cmp(const uint8_t target[NODE_ID], const uint8_t a[NODE_ID],
    const uint8_t b[NODE_ID])
{
	size_t	 i;

	for (i = 0; i < NODE_ID; i++)
		if (a[i] != b[i])
			return (a[i] ^ target[i]) < (b[i] ^ target[i]) ? -1 : 1;
	return 0;
}

unsigned int
node_logdist(const uint8_t a[NODE_ID], const uint8_t b[NODE_ID])
{
	unsigned int	 i, bits, x;

	for (i = 0; i < NODE_ID && a[i] == b[i]; i++)
		continue;
	if (i == NODE_ID)
		return 0;
	bits = 8 * (NODE_ID - 1 - i);
	for (x = a[i] ^ b[i]; x != 0; x >>= 1)
		bits++;
	return bits;
}
