/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/bond.h"

#define WIDE_LEN	4		/* bytes of an IPv6 address */

#define SHARE		(BOND_WIDE / BOND_NET)	/* subnets that a /32 counts for */

struct entry {
	struct hent		 h;		/* first */
	struct bond		 bond;
	uint8_t			 id[NODE_ID];
	struct addr		 ip;
	struct place		*host;
	struct place		*net;
	struct place		*group;
	TAILQ_ENTRY(entry)	 old;		/* of the group, oldest proof first */
};

/*
 * An address (of IPv6 its /64), a subnet or a /32, by the address of one in
 * it. A subnet of IPv4 is a group, and so is a /32 of IPv6: groups have equal
 * shares of the whole.
 */
struct place {
	struct hent		 h;		/* first */
	struct addr		 ip;
	uint32_t		 n;
	struct bucket		 tries;		/* of an address */
	TAILQ_HEAD(, entry)	 old;		/* of a group */
	uint32_t		 rank;		/* of a group: how heavy it is */
	TAILQ_ENTRY(place)	 peers;		/* of the rank */
};

struct bonds {
	struct hkey		 key;
	struct hmap		 map;
	struct hmap		 hosts;
	struct hmap		 nets;
	struct hmap		 wides;
	TAILQ_HEAD(, place)	 ranks[BOND_NET + 1];	/* least used first */
	uint32_t		 top;		/* rank of the heaviest, or 0 */
	uint32_t		 max;
	void			(*lost)(void *, const uint8_t *,
				    const struct addr *);
	void			*arg;
};

struct bonds *
bonds_new(const struct hkey *key, uint32_t max)
{
	struct bonds	*b;
	size_t		 i;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	b->key = *key;
	b->max = max;
	for (i = 0; i <= BOND_NET; i++)
		TAILQ_INIT(&b->ranks[i]);
	return b;
}

void
bonds_on_loss(struct bonds *b, void (*lost)(void *, const uint8_t *,
    const struct addr *), void *arg)
{
	b->lost = lost;
	b->arg = arg;
}

/* A group is another size now, or has been used. */
static void
rank(struct bonds *b, struct place *g)
{
	if (g->rank > 0)
		TAILQ_REMOVE(&b->ranks[g->rank], g, peers);
	g->rank = g->ip.af == 4 ? g->n : (g->n + SHARE - 1) / SHARE;
	if (g->rank > BOND_NET)		/* a LAN */
		g->rank = BOND_NET;
	if (g->rank > 0)
		TAILQ_INSERT_TAIL(&b->ranks[g->rank], g, peers);
	if (g->rank > b->top)
		b->top = g->rank;
	while (b->top > 0 && TAILQ_EMPTY(&b->ranks[b->top]))
		b->top--;
}

/* With nobody there it is forgotten. */
static void
place_put(struct hmap *map, struct place *p)
{
	if (p->n > 0)
		return;
	hmap_remove(map, &p->h);
	free(p);
}

static void
count(struct bonds *b, struct entry *e, int by)
{
	e->host->n += by;
	e->net->n += by;
	if (e->group != e->net)
		e->group->n += by;
	rank(b, e->group);
}

static void
forget(struct bonds *b, struct entry *e)
{
	hmap_remove(&b->map, &e->h);
	TAILQ_REMOVE(&e->group->old, e, old);
	count(b, e, -1);
	place_put(&b->hosts, e->host);
	if (e->group != e->net)
		place_put(&b->wides, e->group);
	place_put(&b->nets, e->net);
	free(e);
}

void
bonds_free(struct bonds *b)
{
	if (b == NULL)
		return;
	while (b->top > 0)
		forget(b, TAILQ_FIRST(&TAILQ_FIRST(&b->ranks[b->top])->old));
	hmap_free(&b->map);
	hmap_free(&b->hosts);
	hmap_free(&b->nets);
	hmap_free(&b->wides);
	free(b);
}

static size_t
ip_len(const struct addr *a)
{
	return a->af == 4 ? 4 : 16;
}

static size_t
host_len(const struct addr *a)
{
	return a->af == 4 ? 4 : 8;
}

static size_t
net_len(const struct addr *a)
{
	return a->af == 4 ? 3 : 6;
}

static uint64_t
hash_of(const struct bonds *b, const uint8_t id[NODE_ID], const struct addr *ip)
{
	uint8_t	 buf[NODE_ID + 16];

	memcpy(buf, id, NODE_ID);
	memcpy(buf + NODE_ID, ip->ip, ip_len(ip));
	return hash_bytes(&b->key, buf, NODE_ID + ip_len(ip));
}

static struct entry *
find(const struct bonds *b, const uint8_t id[NODE_ID], const struct addr *ip,
    uint64_t hash)
{
	struct hent	*h;
	struct entry	*e;

	for (h = hmap_first(&b->map, hash); h != NULL; h = hmap_next(h)) {
		e = (struct entry *)h;
		if (memcmp(e->id, id, NODE_ID) == 0 &&
		    addr_cmp_ip(&e->ip, ip) == 0)
			return e;
	}
	return NULL;
}

/* len bytes of an address are those of the place. */
static struct place *
place_find(const struct bonds *b, const struct hmap *map,
    const struct addr *ip, size_t len)
{
	struct hent	*h;
	struct place	*p;

	for (h = hmap_first(map, hash_bytes(&b->key, ip->ip, len)); h != NULL;
	    h = hmap_next(h)) {
		p = (struct place *)h;
		if (p->ip.af == ip->af && memcmp(p->ip.ip, ip->ip, len) == 0)
			return p;
	}
	return NULL;
}

static struct place *
place_need(struct bonds *b, struct hmap *map, const struct addr *ip, size_t len)
{
	struct place	*p;

	if ((p = place_find(b, map, ip, len)) != NULL)
		return p;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->ip = *ip;
	TAILQ_INIT(&p->old);
	bucket_init(&p->tries, BOND_TRIES_RATE, BOND_TRIES, 0);
	if (hmap_insert(map, &p->h, hash_bytes(&b->key, ip->ip, len)) == -1) {
		free(p);
		return NULL;
	}
	return p;
}

/*
 * Of a group, or of one subnet in it: the oldest proof of the address that has
 * the most in the subnet that has the most. Of a LAN not all are looked at.
 */
static void
give_up(struct bonds *b, const struct place *group, const struct place *net)
{
	struct entry	*e, *worst = NULL;
	uint32_t	 looks = BOND_WIDE;

	TAILQ_FOREACH(e, &group->old, old) {
		if (net != NULL && e->net != net)
			continue;
		if (worst == NULL || e->net->n > worst->net->n ||
		    (e->net == worst->net && e->host->n > worst->host->n))
			worst = e;
		if (--looks == 0)
			break;
	}
	if (worst == NULL)
		return;
	if (b->lost != NULL)
		b->lost(b->arg, worst->id, &worst->ip);
	forget(b, worst);
}

/* Keeps the limits before one more comes. */
static void
make_room(struct bonds *b, const struct addr *ip)
{
	struct place	*p;

	if (!addr_is_lan(ip)) {
		p = place_find(b, &b->nets, ip, net_len(ip));
		if (p != NULL && p->n >= BOND_NET)
			give_up(b, ip->af == 4 ? p : place_find(b, &b->wides,
			    ip, WIDE_LEN), p);
		p = ip->af == 6 ? place_find(b, &b->wides, ip, WIDE_LEN) : NULL;
		if (p != NULL && p->n >= BOND_WIDE)
			give_up(b, p, NULL);
	}
	if (b->map.n >= b->max)
		give_up(b, TAILQ_FIRST(&b->ranks[b->top]), NULL);
}

static struct entry *
entry_new(struct bonds *b, const uint8_t id[NODE_ID], const struct addr *ip,
    uint64_t hash)
{
	struct entry	*e;

	make_room(b, ip);
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return NULL;
	memcpy(e->id, id, NODE_ID);
	e->ip = *ip;
	e->bond.ping = BOND_NEVER;
	if ((e->host = place_need(b, &b->hosts, ip, host_len(ip))) == NULL)
		goto no_host;
	if ((e->net = place_need(b, &b->nets, ip, net_len(ip))) == NULL)
		goto no_net;
	e->group = ip->af == 4 ? e->net :
	    place_need(b, &b->wides, ip, WIDE_LEN);
	if (e->group == NULL)
		goto no_group;
	if (hmap_insert(&b->map, &e->h, hash) == -1)
		goto no_entry;
	TAILQ_INSERT_TAIL(&e->group->old, e, old);
	count(b, e, 1);
	return e;
 no_entry:
	if (e->group != e->net)
		place_put(&b->wides, e->group);
 no_group:
	place_put(&b->nets, e->net);
 no_net:
	place_put(&b->hosts, e->host);
 no_host:
	free(e);
	return NULL;
}

struct bond *
bond_find(struct bonds *b, const uint8_t id[NODE_ID], const struct addr *ip)
{
	struct entry	*e = find(b, id, ip, hash_of(b, id, ip));

	return e == NULL ? NULL : &e->bond;
}

struct bond *
bond_prove(struct bonds *b, const uint8_t id[NODE_ID], const struct addr *ip,
    int64_t now)
{
	uint64_t	 hash = hash_of(b, id, ip);
	struct entry	*e;

	if ((e = find(b, id, ip, hash)) != NULL) {
		TAILQ_REMOVE(&e->group->old, e, old);
		TAILQ_INSERT_TAIL(&e->group->old, e, old);
		rank(b, e->group);
	} else if ((e = entry_new(b, id, ip, hash)) == NULL)
		return NULL;
	e->bond.pong = now;
	return &e->bond;
}

struct bucket *
bond_tries(const struct bonds *b, const struct addr *ip)
{
	struct place	*host = place_find(b, &b->hosts, ip, host_len(ip));

	return host == NULL ? NULL : &host->tries;
}

uint32_t
bonds_count(const struct bonds *b)
{
	return b->map.n;
}
