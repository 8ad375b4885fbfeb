/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/bond.h"

struct entry {
	struct hent		 h;		/* first */
	struct bond		 bond;
	uint8_t			 id[NODE_ID];
	struct addr		 ip;
	struct subnet		*net;
	TAILQ_ENTRY(entry)	 old;		/* of all, oldest proof first */
	TAILQ_ENTRY(entry)	 netold;	/* of the subnet */
};
TAILQ_HEAD(entries, entry);

struct subnet {
	struct hent		 h;		/* first */
	struct addr		 ip;		/* of one of them */
	struct entries		 old;
	uint32_t		 n;
};

struct bonds {
	struct hkey		 key;
	struct hmap		 map;
	struct hmap		 nets;
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

static void
forget(struct bonds *b, struct entry *e)
{
	struct subnet	*net = e->net;

	hmap_remove(&b->map, &e->h);
	TAILQ_REMOVE(&b->old, e, old);
	TAILQ_REMOVE(&net->old, e, netold);
	free(e);
	if (--net->n == 0) {
		hmap_remove(&b->nets, &net->h);
		free(net);
	}
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
	hmap_free(&b->nets);
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

static struct subnet *
find_net(const struct bonds *b, const struct addr *ip, uint64_t hash)
{
	struct hent	*h;
	struct subnet	*net;

	for (h = hmap_first(&b->nets, hash); h != NULL; h = hmap_next(h)) {
		net = (struct subnet *)h;
		if (net->ip.af == ip->af &&
		    memcmp(net->ip.ip, ip->ip, net_len(ip)) == 0)
			return net;
	}
	return NULL;
}

static struct subnet *
need_net(struct bonds *b, const struct addr *ip)
{
	uint64_t	 hash = hash_bytes(&b->key, ip->ip, net_len(ip));
	struct subnet	*net;

	if ((net = find_net(b, ip, hash)) != NULL)
		return net;
	if ((net = calloc(1, sizeof(*net))) == NULL)
		return NULL;
	net->ip = *ip;
	TAILQ_INIT(&net->old);
	if (hmap_insert(&b->nets, &net->h, hash) == -1) {
		free(net);
		return NULL;
	}
	return net;
}

/* Keeps both limits before one more comes. */
static void
make_room(struct bonds *b, const struct addr *ip)
{
	struct subnet	*net;
	uint64_t	 hash;

	if (!addr_is_lan(ip)) {
		hash = hash_bytes(&b->key, ip->ip, net_len(ip));
		net = find_net(b, ip, hash);
		if (net != NULL && net->n >= BOND_NET)
			forget(b, TAILQ_FIRST(&net->old));
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
	if ((e->net = need_net(b, ip)) == NULL) {
		free(e);
		return NULL;
	}
	if (hmap_insert(&b->map, &e->h, hash) == -1) {
		if (e->net->n == 0) {
			hmap_remove(&b->nets, &e->net->h);
			free(e->net);
		}
		free(e);
		return NULL;
	}
	e->net->n++;
	return e;
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
	} else if ((e = entry_new(b, id, ip, hash)) == NULL)
		return NULL;
	TAILQ_INSERT_TAIL(&b->old, e, old);
	TAILQ_INSERT_TAIL(&e->net->old, e, netold);
	e->bond.pong = now;
	return &e->bond;
}

int
bond_net(const struct bonds *b, const struct addr *ip)
{
	return find_net(b, ip, hash_bytes(&b->key, ip->ip, net_len(ip))) != NULL;
}

uint32_t
bonds_count(const struct bonds *b)
{
	return b->map.n;
}
