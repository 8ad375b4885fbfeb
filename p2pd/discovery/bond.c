/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/bond.h"

#define WIDE_LEN	4		/* bytes of an IPv6 address */

struct entry {
	struct hent		 h;		/* first */
	struct bond		 bond;
	uint8_t			 id[NODE_ID];
	struct addr		 ip;
	struct place		*host;
	struct place		*net;
	struct place		*wide;		/* NULL: IPv4 */
	TAILQ_ENTRY(entry)	 old;		/* of all, oldest proof first */
	TAILQ_ENTRY(entry)	 netold;	/* of the subnet */
	TAILQ_ENTRY(entry)	 wideold;	/* of the /32 of IPv6 */
};
TAILQ_HEAD(entries, entry);

/* An address, or a subnet by the address of one in it. */
struct place {
	struct hent		 h;		/* first */
	struct addr		 ip;
	struct bucket		 tries;		/* of an address */
	struct entries		 old;		/* of a subnet, or a /32 */
	uint32_t		 n;
};

struct bonds {
	struct hkey		 key;
	struct hmap		 map;
	struct hmap		 hosts;
	struct hmap		 nets;
	struct hmap		 wides;
	struct entries		 old;
	uint32_t		 max;
};

struct bonds *
bonds_new(const struct hkey *key, uint32_t max)
{
	struct bonds	*b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	b->key = *key;
	b->max = max;
	TAILQ_INIT(&b->old);
	return b;
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
forget(struct bonds *b, struct entry *e)
{
	hmap_remove(&b->map, &e->h);
	TAILQ_REMOVE(&b->old, e, old);
	TAILQ_REMOVE(&e->net->old, e, netold);
	e->host->n--;
	e->net->n--;
	place_put(&b->hosts, e->host);
	place_put(&b->nets, e->net);
	if (e->wide != NULL) {
		TAILQ_REMOVE(&e->wide->old, e, wideold);
		e->wide->n--;
		place_put(&b->wides, e->wide);
	}
	free(e);
}

void
bonds_free(struct bonds *b)
{
	struct entry	*e;

	if (b == NULL)
		return;
	while ((e = TAILQ_FIRST(&b->old)) != NULL)
		forget(b, e);
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

/* Keeps the limits before one more comes. */
static void
make_room(struct bonds *b, const struct addr *ip)
{
	struct place	*p;

	if (!addr_is_lan(ip)) {
		p = place_find(b, &b->nets, ip, net_len(ip));
		if (p != NULL && p->n >= BOND_NET)
			forget(b, TAILQ_FIRST(&p->old));
		p = ip->af == 6 ? place_find(b, &b->wides, ip, WIDE_LEN) : NULL;
		if (p != NULL && p->n >= BOND_WIDE)
			forget(b, TAILQ_FIRST(&p->old));
	}
	if (b->map.n >= b->max)
		forget(b, TAILQ_FIRST(&b->old));
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
	if ((e->host = place_need(b, &b->hosts, ip, ip_len(ip))) == NULL)
		goto no_host;
	if ((e->net = place_need(b, &b->nets, ip, net_len(ip))) == NULL)
		goto no_net;
	if (ip->af == 6 && (e->wide = place_need(b, &b->wides, ip,
	    WIDE_LEN)) == NULL)
		goto no_wide;
	if (hmap_insert(&b->map, &e->h, hash) == -1)
		goto no_entry;
	e->host->n++;
	e->net->n++;
	if (e->wide != NULL)
		e->wide->n++;
	return e;
 no_entry:
	if (e->wide != NULL)
		place_put(&b->wides, e->wide);
 no_wide:
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
		TAILQ_REMOVE(&b->old, e, old);
		TAILQ_REMOVE(&e->net->old, e, netold);
		if (e->wide != NULL)
			TAILQ_REMOVE(&e->wide->old, e, wideold);
	} else if ((e = entry_new(b, id, ip, hash)) == NULL)
		return NULL;
	TAILQ_INSERT_TAIL(&b->old, e, old);
	TAILQ_INSERT_TAIL(&e->net->old, e, netold);
	if (e->wide != NULL)
		TAILQ_INSERT_TAIL(&e->wide->old, e, wideold);
	e->bond.pong = now;
	return &e->bond;
}

struct bucket *
bond_tries(const struct bonds *b, const struct addr *ip)
{
	struct place	*host = place_find(b, &b->hosts, ip, ip_len(ip));

	return host == NULL ? NULL : &host->tries;
}

uint32_t
bonds_count(const struct bonds *b)
{
	return b->map.n;
}
