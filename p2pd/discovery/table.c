/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/table.h"

#define TABLE_NODES	(TABLE_BUCKETS * TABLE_K)
#define CLOSEST_MAX	64

/* Nodes that are to be checked, in no order; the next when next has come. */
struct list {
	struct tnode	*v[TABLE_NODES];
	uint32_t	 n;
	uint64_t	 next;
};

struct table {
	uint8_t			 self[NODE_ID];
	uint32_t		(*chance)(void *, uint32_t);
	void			*arg;
	int			 open;
	uint32_t		 serial;
	uint32_t		 live;
	struct table_bucket	 b[TABLE_BUCKETS];
	struct list		 lists[TABLE_LISTS];
	struct hkey		 hkey;
	struct hmap		 nets[2];	/* subnets, and /32 of IPv6 */
};

static const uint32_t interval[TABLE_LISTS] = {
	TABLE_FRESH_MS, TABLE_FAST_MS, TABLE_SLOW_MS
};

struct table *
table_new(const uint8_t self[NODE_ID], uint32_t (*chance)(void *, uint32_t),
    void *arg)
{
	struct table	*t;
	size_t		 i;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	memcpy(t->self, self, NODE_ID);
	t->chance = chance;
	t->arg = arg;
	for (i = 0; i < 4; i++)
		t->hkey.k[i / 2] = t->hkey.k[i / 2] << 32 |
		    chance(arg, UINT32_MAX);
	for (i = 0; i < TABLE_LISTS; i++)
		t->lists[i].next = UINT64_MAX;
	return t;
}

static void
tnode_free(struct tnode *tn)
{
	node_clear(&tn->node);
	free(tn);
}

void
table_free(struct table *t)
{
	struct table_bucket	*b;

	if (t == NULL)
		return;
	for (b = t->b; b < t->b + TABLE_BUCKETS; b++) {
		while (b->n > 0)
			tnode_free(b->v[--b->n]);
		while (b->nspare > 0)
			tnode_free(b->spare[--b->nspare]);
	}
	hmap_free(&t->nets[0]);
	hmap_free(&t->nets[1]);
	free(t);
}

void
table_open(struct table *t)
{
	t->open = 1;
}

static unsigned int
bucket_at(unsigned int dist)
{
	return dist <= TABLE_NEAREST ? 0 : dist - TABLE_NEAREST;
}

/*
 * Address limits.
 */

static size_t
net_len(const struct addr *a, unsigned int which)
{
	if (which == 1)
		return 4;
	return a->af == 4 ? 3 : 6;
}

static int
has_room(const struct table *t, const struct tnode *tn, unsigned int which,
    uint64_t hash)
{
	static const unsigned int	 max[2] = { TABLE_NET, TABLE_WIDE };
	static const unsigned int	 max_here[2] = {
		TABLE_NET_BUCKET, TABLE_WIDE_BUCKET
	};
	const struct addr		*a = &tn->node.udp;
	const struct tnode		*o;
	struct hent			*e;
	unsigned int			 all = 0, here = 0;

	for (e = hmap_first(&t->nets[which], hash); e != NULL;
	    e = hmap_next(e)) {
		o = (const struct tnode *)(const void *)((const char *)
		    (e - which) - offsetof(struct tnode, net));
		if (o->node.udp.af != a->af ||
		    memcmp(o->node.udp.ip, a->ip, net_len(a, which)) != 0)
			continue;
		all++;
		here += o->bucket == tn->bucket;
	}
	return all < max[which] && here < max_here[which];
}

static void
net_uncount(struct table *t, struct tnode *tn)
{
	for (; tn->counted > 0; tn->counted--)
		hmap_remove(&t->nets[tn->counted - 1],
		    &tn->net[tn->counted - 1]);
}

/* Counts the node's address; 0 where that would be one too many. */
static int
net_count(struct table *t, struct tnode *tn)
{
	const struct addr	*a = &tn->node.udp;
	unsigned int		 n = a->af == 4 ? 1 : 2;
	uint64_t		 hash;

	tn->counted = 0;
	if (addr_is_lan(a))
		return 1;
	while (tn->counted < n) {
		hash = hash_bytes(&t->hkey, a->ip, net_len(a, tn->counted));
		if (!has_room(t, tn, tn->counted, hash) ||
		    hmap_insert(&t->nets[tn->counted], &tn->net[tn->counted],
		    hash) == -1) {
			net_uncount(t, tn);
			return 0;
		}
		tn->counted++;
	}
	return 1;
}

/*
 * Lists of revalidation.
 */

static void
schedule(struct table *t, unsigned int which, uint64_t now)
{
	t->lists[which].next = now + t->chance(t->arg, interval[which]);
}

static void
list_leave(struct table *t, struct tnode *tn)
{
	struct list	*l = &t->lists[tn->list];

	l->v[tn->pos] = l->v[--l->n];
	l->v[tn->pos]->pos = tn->pos;
	if (l->n == 0)
		l->next = UINT64_MAX;
}

static void
list_enter(struct table *t, struct tnode *tn, unsigned int which, uint64_t now)
{
	struct list	*l = &t->lists[which];

	tn->list = which;
	tn->pos = l->n;
	l->v[l->n++] = tn;
	if (l->n == 1)
		schedule(t, which, now);
}

static void
list_move(struct table *t, struct tnode *tn, unsigned int which, uint64_t now)
{
	if (tn->list == which)
		return;
	list_leave(t, tn);
	list_enter(t, tn, which, now);
}

static void
set_live(struct table *t, struct tnode *tn, int live)
{
	t->live += live - tn->live;
	tn->live = live;
}

/*
 * Nodes in and out.
 */

static struct tnode *
find_in(struct tnode *const *v, unsigned int n, const uint8_t id[NODE_ID],
    unsigned int *at)
{
	for (*at = 0; *at < n; (*at)++)
		if (memcmp(v[*at]->node.id, id, NODE_ID) == 0)
			return v[*at];
	return NULL;
}

static struct table_bucket *
bucket_of(struct table *t, const uint8_t id[NODE_ID])
{
	return &t->b[bucket_at(node_logdist(t->self, id))];
}

static struct tnode *
find_entry(const struct table *t, const uint8_t id[NODE_ID])
{
	const struct table_bucket	*b;
	unsigned int			 at;

	b = &t->b[bucket_at(node_logdist(t->self, id))];
	return find_in(b->v, b->n, id, &at);
}

static struct tnode *
tnode_new(struct table *t, const struct table_bucket *b, const struct node *n)
{
	struct tnode	*tn;

	if ((tn = calloc(1, sizeof(*tn))) == NULL)
		return NULL;
	node_copy(&tn->node, n);
	tn->bucket = b - t->b;
	tn->serial = ++t->serial;
	if (!net_count(t, tn)) {
		tnode_free(tn);
		return NULL;
	}
	return tn;
}

static void
enter(struct table *t, struct table_bucket *b, struct tnode *tn, uint64_t now)
{
	tn->spare = 0;
	tn->added = now;
	b->v[b->n++] = tn;
	list_enter(t, tn, TABLE_FRESH, now);
}

static void
spare_drop(struct table *t, struct table_bucket *b, unsigned int at)
{
	struct tnode	*tn = b->spare[at];

	b->nspare--;
	memmove(&b->spare[at], &b->spare[at + 1],
	    (b->nspare - at) * sizeof(b->spare[0]));
	net_uncount(t, tn);
	tnode_free(tn);
}

static enum table_add
add_spare(struct table *t, struct table_bucket *b, const struct node *n)
{
	struct tnode	*tn;

	if ((tn = tnode_new(t, b, n)) == NULL)
		return TABLE_LIMITED;
	if (b->nspare == TABLE_SPARES)
		spare_drop(t, b, b->nspare - 1);
	tn->spare = 1;
	memmove(&b->spare[1], &b->spare[0], b->nspare * sizeof(b->spare[0]));
	b->spare[0] = tn;
	b->nspare++;
	return TABLE_SPARED;
}

/*
 * Takes what is new in n. A node whose new address would be over a limit
 * stays what it was.
 */
static void
update(struct table *t, struct tnode *tn, const struct node *n,
    enum table_how how, uint64_t now)
{
	struct node	 old;

	if (how == TABLE_HEARD && n->seq <= tn->node.seq)
		return;
	/* One that speaks both families is not to change at every ping. */
	if (how == TABLE_INBOUND && tn->live && n->udp.af != tn->node.udp.af)
		return;
	memset(&old, 0, sizeof(old));
	node_copy(&old, &tn->node);
	net_uncount(t, tn);
	if (n->seq > tn->node.seq)
		node_copy(&tn->node, n);
	else {
		tn->node.udp = n->udp;
		tn->node.tcp = n->tcp;
	}
	if (!net_count(t, tn)) {
		node_copy(&tn->node, &old);
		net_count(t, tn);
	} else if (addr_cmp(&old.udp, &tn->node.udp) != 0) {
		/* A check that is under way is one of the old address. */
		tn->serial = ++t->serial;
		tn->checking = 0;
		tn->fails = 0;
		if (!tn->spare) {
			set_live(t, tn, 0);
			list_move(t, tn,
			    tn->checked == 0 ? TABLE_FRESH : TABLE_FAST, now);
		}
	}
	node_clear(&old);
}

enum table_add
table_add(struct table *t, const struct node *n, enum table_how how,
    uint64_t now)
{
	struct table_bucket	*b = bucket_of(t, n->id);
	struct tnode		*tn;
	unsigned int		 at;

	if (n->udp.af == 0 || n->udp.port == 0 || addr_is_any(&n->udp) ||
	    memcmp(n->id, t->self, NODE_ID) == 0)
		return TABLE_REFUSED;
	if (how == TABLE_INBOUND && !t->open)
		return TABLE_REFUSED;
	if ((tn = find_in(b->v, b->n, n->id, &at)) != NULL ||
	    (tn = find_in(b->spare, b->nspare, n->id, &at)) != NULL) {
		update(t, tn, n, how, now);
		return TABLE_KNOWN;
	}
	if (b->n == TABLE_K)
		return add_spare(t, b, n);
	if ((tn = tnode_new(t, b, n)) == NULL)
		return TABLE_LIMITED;
	enter(t, b, tn, now);
	return TABLE_ADDED;
}

/* Takes one out of its bucket; a spare that chance finds comes for it. */
static void
remove_at(struct table *t, struct table_bucket *b, unsigned int at,
    uint64_t now)
{
	struct tnode	*tn = b->v[at];

	b->v[at] = b->v[--b->n];
	set_live(t, tn, 0);
	list_leave(t, tn);
	net_uncount(t, tn);
	tnode_free(tn);
	if (b->nspare == 0)
		return;
	at = t->chance(t->arg, b->nspare);
	tn = b->spare[at];
	b->nspare--;
	memmove(&b->spare[at], &b->spare[at + 1],
	    (b->nspare - at) * sizeof(b->spare[0]));
	enter(t, b, tn, now);
}

void
table_remove(struct table *t, const uint8_t id[NODE_ID], uint64_t now)
{
	struct table_bucket	*b = bucket_of(t, id);
	unsigned int		 at;

	if (find_in(b->v, b->n, id, &at) != NULL)
		remove_at(t, b, at, now);
	else if (find_in(b->spare, b->nspare, id, &at) != NULL)
		spare_drop(t, b, at);
}

const struct tnode *
table_find(const struct table *t, const uint8_t id[NODE_ID])
{
	return find_entry(t, id);
}

void
table_sweep(struct table *t, int (*keep)(void *, const struct node *),
    void *arg, uint64_t now)
{
	struct table_bucket	*b;
	unsigned int		 i;

	for (b = t->b; b < t->b + TABLE_BUCKETS; b++) {
		/* Spares first: none that is unwanted is to move up. */
		for (i = b->nspare; i-- > 0;)
			if (!keep(arg, &b->spare[i]->node))
				spare_drop(t, b, i);
		for (i = b->n; i-- > 0;)
			if (!keep(arg, &b->v[i]->node))
				remove_at(t, b, i, now);
	}
}

/*
 * Whom to name.
 */

size_t
table_closest(const struct table *t, const uint8_t target[NODE_ID], int live,
    const struct tnode **out, size_t n)
{
	const struct table_bucket	*b;
	const struct tnode		*tn;
	size_t				 have = 0, at;
	unsigned int			 i;

	if (n > CLOSEST_MAX)
		n = CLOSEST_MAX;
	for (b = t->b; b < t->b + TABLE_BUCKETS; b++)
		for (i = 0; i < b->n; i++) {
			tn = b->v[i];
			if (live && !tn->live)
				continue;
			for (at = have; at > 0 && node_cmp(target, tn->node.id,
			    out[at - 1]->node.id) < 0; at--)
				continue;
			if (at >= n)
				continue;
			if (have < n)
				have++;
			memmove(&out[at + 1], &out[at],
			    (have - 1 - at) * sizeof(*out));
			out[at] = tn;
		}
	return have;
}

size_t
table_at(const struct table *t, unsigned int dist, int live,
    const struct tnode **out, size_t n)
{
	const struct table_bucket	*b;
	const struct tnode		*v[TABLE_K], *tn;
	size_t				 have = 0, i, pick;

	if (dist > 8 * NODE_ID)
		return 0;
	b = &t->b[bucket_at(dist)];
	for (i = 0; i < b->n; i++)
		if ((!live || b->v[i]->live) &&
		    node_logdist(t->self, b->v[i]->node.id) == dist)
			v[have++] = b->v[i];
	if (n > have)
		n = have;
	for (i = 0; i < n; i++) {
		pick = i + t->chance(t->arg, have - i);
		tn = v[pick];
		v[pick] = v[i];
		v[i] = tn;
		out[i] = tn;
	}
	return n;
}

/*
 * Checks.
 */

const struct tnode *
table_due(struct table *t, uint64_t now)
{
	struct list	*l;
	struct tnode	*tn;
	unsigned int	 which;
	uint32_t	 i, from;

	for (which = 0; which < TABLE_LISTS; which++) {
		l = &t->lists[which];
		if (l->n == 0 || l->next > now)
			continue;
		schedule(t, which, now + 1);
		from = t->chance(t->arg, l->n);
		for (i = 0; i < l->n; i++) {
			tn = l->v[(from + i) % l->n];
			if (!tn->checking) {
				tn->checking = 1;
				return tn;
			}
		}
	}
	return NULL;
}

uint64_t
table_next(const struct table *t)
{
	uint64_t	 next = UINT64_MAX;
	unsigned int	 i;

	for (i = 0; i < TABLE_LISTS; i++)
		if (t->lists[i].next < next)
			next = t->lists[i].next;
	return next;
}

const struct tnode *
table_checked(struct table *t, uint32_t serial, const uint8_t id[NODE_ID],
    int ok, uint64_t now)
{
	struct tnode	*tn = find_entry(t, id);

	if (tn == NULL || tn->serial != serial)
		return NULL;
	tn->checking = 0;
	tn->checked = now;
	set_live(t, tn, ok);
	if (ok) {
		tn->checks++;
		list_move(t, tn, TABLE_SLOW, now);
		return tn;
	}
	tn->checks /= 3;
	if (tn->checks == 0) {
		table_remove(t, id, now);
		return NULL;
	}
	list_move(t, tn, TABLE_FAST, now);
	return tn;
}

void
table_skip(struct table *t, uint32_t serial, const uint8_t id[NODE_ID])
{
	struct tnode	*tn = find_entry(t, id);

	if (tn != NULL && tn->serial == serial)
		tn->checking = 0;
}

void
table_asked(struct table *t, const uint8_t id[NODE_ID], int ok, uint64_t now)
{
	struct tnode	*tn = find_entry(t, id);

	if (tn == NULL)
		return;
	if (ok)
		tn->fails = 0;
	else if (++tn->fails >= TABLE_FAILS) {
		tn->fails = TABLE_FAILS;
		if (t->b[tn->bucket].n >= TABLE_K / 4)
			table_remove(t, id, now);
	}
}

/*
 * What there is.
 */

size_t
table_count(const struct table *t)
{
	size_t		 n = 0;
	unsigned int	 i;

	for (i = 0; i < TABLE_BUCKETS; i++)
		n += t->b[i].n;
	return n;
}

size_t
table_count_live(const struct table *t)
{
	return t->live;
}

size_t
table_count_spares(const struct table *t)
{
	size_t		 n = 0;
	unsigned int	 i;

	for (i = 0; i < TABLE_BUCKETS; i++)
		n += t->b[i].nspare;
	return n;
}

const struct table_bucket *
table_bucket(const struct table *t, unsigned int i)
{
	return &t->b[i];
}
