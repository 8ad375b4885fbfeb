/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/keccak.h"
#include "p2pd/discovery/hash.h"
#include "regress/sim/world.h"

struct event {
	uint64_t	 when;
	uint64_t	 order;
	struct host	*timer;		/* NULL: a datagram */
	struct addr	 from;
	struct addr	 to;
	uint16_t	 len;
	uint8_t		*buf;
};

struct place {
	struct hent	 h;		/* first */
	struct host	*host;
};

struct world {
	struct world_conf	 conf;
	uint64_t		 now;
	uint64_t		 rng;
	uint64_t		 order;
	struct event		*heap;
	size_t			 n;
	size_t			 size;
	struct hmap		 places;
	struct hkey		 hkey;
	uint32_t		 nhosts;
	struct world_stats	 st;
};

static uint64_t
next_random(struct world *w)
{
	uint64_t	 z = w->rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

uint32_t
world_chance(struct world *w, uint32_t bound)
{
	return bound == 0 ? 0 : (next_random(w) >> 32) * bound >> 32;
}

static int
before(const struct event *a, const struct event *b)
{
	return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void
push(struct world *w, struct event *e)
{
	size_t	 i;

	e->order = w->order++;
	if (w->n == w->size) {
		w->size = w->size == 0 ? 1024 : w->size * 2;
		w->heap = reallocarray(w->heap, w->size, sizeof(*w->heap));
		if (w->heap == NULL)
			err(1, NULL);
	}
	for (i = w->n++; i > 0 && before(e, &w->heap[(i - 1) / 2]);
	    i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = *e;
}

static void
pop(struct world *w, struct event *e)
{
	struct event	*last;
	size_t		 i = 0, c;

	*e = w->heap[0];
	last = &w->heap[--w->n];
	while ((c = 2 * i + 1) < w->n) {
		if (c + 1 < w->n && before(&w->heap[c + 1], &w->heap[c]))
			c++;
		if (!before(&w->heap[c], last))
			break;
		w->heap[i] = w->heap[c];
		i = c;
	}
	w->heap[i] = *last;
}

struct world *
world_new(const struct world_conf *conf)
{
	struct world	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		err(1, NULL);
	w->conf = *conf;
	w->rng = conf->seed;
	w->now = 1000;
	return w;
}

uint64_t
world_now(const struct world *w)
{
	return w->now;
}

const struct world_stats *
world_stats(const struct world *w)
{
	return &w->st;
}

static uint64_t
hash_addr(const struct world *w, const struct addr *a)
{
	uint8_t	 buf[18];

	memcpy(buf, a->ip, 16);
	memcpy(buf + 16, &a->port, 2);
	return hash_bytes(&w->hkey, buf, sizeof(buf));
}

struct host *
world_at(struct world *w, const struct addr *a)
{
	struct hent	*h;

	for (h = hmap_first(&w->places, hash_addr(w, a)); h != NULL;
	    h = hmap_next(h))
		if (addr_cmp(&((struct place *)h)->host->addr, a) == 0)
			return ((struct place *)h)->host;
	return NULL;
}

static void
make_keys(struct host *h)
{
	struct keccak		 k;
	struct enr_build	 b;

	keccak_init(&k);
	keccak_update(&k, &h->w->conf.seed, sizeof(h->w->conf.seed));
	keccak_update(&k, &h->index, sizeof(h->index));
	keccak_final(&k, h->priv);
	if (secp_pub_from_priv(h->key, h->priv) == -1 ||
	    enr_build_init(&b, 1, h->key) == -1 ||
	    enr_set_endpoint(&b, &h->addr, h->addr.port) == -1 ||
	    enr_sign(&h->record, &b, h->priv) == -1)
		errx(1, "no key or record for a host");
	node_id(h->id, h->key);
}

struct host *
world_host(struct world *w, const struct addr *a)
{
	struct place	*p;
	struct host	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL ||
	    (p = calloc(1, sizeof(*p))) == NULL)
		err(1, NULL);
	h->w = w;
	h->index = w->nhosts++;
	h->addr = *a;
	h->armed = UINT64_MAX;
	make_keys(h);
	p->host = h;
	if (hmap_insert(&w->places, &p->h, hash_addr(w, a)) == -1)
		err(1, NULL);
	return h;
}

void
host_node(const struct host *h, struct node *n)
{
	node_init(n, h->key, &h->addr, h->addr.port);
}

/*
 * What an engine asks for.
 */

static uint64_t
op_now(void *arg)
{
	return ((struct host *)arg)->w->now;
}

static int64_t
op_wall(void *arg)
{
	return WORLD_EPOCH + (int64_t)(op_now(arg) / 1000);
}

static uint32_t
op_chance(void *arg, uint32_t bound)
{
	return world_chance(((struct host *)arg)->w, bound);
}

static void
op_send(void *arg, const struct addr *to, const uint8_t *buf, size_t len)
{
	struct host	*h = arg;
	struct world	*w = h->w;
	struct event	 e;

	w->st.sent++;
	w->st.bytes += len;
	if (world_chance(w, 1000000) < w->conf.loss * 1000000) {
		w->st.lost++;
		return;
	}
	memset(&e, 0, sizeof(e));
	e.when = w->now + w->conf.delay_min + world_chance(w,
	    w->conf.delay_max - w->conf.delay_min + 1);
	e.from = h->addr;
	e.to = *to;
	e.len = len;
	if ((e.buf = malloc(len)) == NULL)
		err(1, NULL);
	memcpy(e.buf, buf, len);
	push(w, &e);
}

/* The cheap signature is the key itself. */
static int
build(struct host *h, struct d4_packet *p, uint8_t buf[D4_MAX], size_t *len)
{
	uint8_t	 sig[SECP_SIG];

	p->expiration = op_wall(h) + D4_EXPIRATION;
	if (p->type == D4_PING)
		p->ping.seq = h->record.seq;
	else if (p->type == D4_PONG)
		p->pong.seq = h->record.seq;
	else if (p->type == D4_ENRRESPONSE) {
		p->enrresponse.record = h->record.raw;
		p->enrresponse.len = h->record.len;
	}
	if (h->w->conf.real)
		return d4_sign(p, buf, len, h->priv);
	if (d4_encode(p, buf, len) == -1)
		return -1;
	memcpy(sig, h->key, SECP_PUB);
	sig[SECP_PUB] = 0;
	d4_seal(buf, *len, sig);
	return 0;
}

static int
op_sign(void *arg, uint32_t cookie, const struct d4_packet *p)
{
	struct host		*h = arg;
	struct d4_packet	 copy = *p;
	uint8_t			 buf[D4_MAX];
	size_t			 len;

	if (build(h, &copy, buf, &len) == -1)
		return -1;
	d4_signed(h->d4, cookie, buf, len);
	return 0;
}

void
host_send(struct host *h, const struct addr *to, struct d4_packet *p)
{
	uint8_t	 buf[D4_MAX];
	size_t	 len;

	if (build(h, p, buf, &len) == 0)
		op_send(h, to, buf, len);
}

static int
op_recover(void *arg, uint8_t key[SECP_PUB], const uint8_t *buf, size_t len)
{
	if (((struct host *)arg)->w->conf.real)
		return d4_recover(key, buf, len);
	memcpy(key, buf + D4_HASH, SECP_PUB);
	return 0;
}

static int
op_verify(void *arg, uint8_t key[SECP_PUB], const struct enr *e)
{
	if (((struct host *)arg)->w->conf.real)
		return enr_verify(e, key, NULL);
	return enr_pubkey(e, key);
}

static int
op_key_ok(void *arg, const uint8_t key[SECP_PUB])
{
	return !((struct host *)arg)->w->conf.real || secp_pub_valid(key) == 0;
}

static int
op_permitted(void *arg, const uint8_t id[NODE_ID], const struct addr *a)
{
	(void)arg;
	(void)id;
	(void)a;
	return 1;
}

static size_t
op_seeds(void *arg, struct node *v, size_t max)
{
	struct host	*h = arg;
	size_t		 n = 0;
	uint32_t	 i, from;

	from = world_chance(h->w, h->nkept);
	for (i = 0; i < h->nkept && n < max; i++)
		if (h->kept[(from + i) % h->nkept].seed)
			node_copy(&v[n++], &h->kept[(from + i) % h->nkept].node);
	return n;
}

static void
op_proven(void *arg, const struct node *n, int64_t ping, int keep)
{
	struct host	*h = arg;
	struct kept	*k;
	uint32_t	 i;

	if (h->kept == NULL &&
	    (h->kept = calloc(WORLD_KEPT, sizeof(*h->kept))) == NULL)
		err(1, NULL);
	for (i = 0; i < h->nkept; i++)
		if (memcmp(h->kept[i].node.id, n->id, NODE_ID) == 0)
			break;
	if (i == WORLD_KEPT)
		i = world_chance(h->w, WORLD_KEPT);
	else
		h->nkept += i == h->nkept;
	k = &h->kept[i];
	k->seed = keep || (k->seed &&
	    memcmp(k->node.id, n->id, NODE_ID) == 0);
	node_copy(&k->node, n);
	k->pong = op_wall(arg);
	k->ping = ping;
}

static void
op_found(void *arg, const struct node *n)
{
	(void)n;
	((struct host *)arg)->found++;
}

static const struct d4_ops ops = {
	.now = op_now, .wall = op_wall, .chance = op_chance, .sign = op_sign,
	.send = op_send, .recover = op_recover, .verify = op_verify,
	.key_ok = op_key_ok, .permitted = op_permitted, .seeds = op_seeds,
	.found = op_found, .proven = op_proven
};

void
host_arm(struct host *h)
{
	struct event	 e;
	uint64_t	 next;

	if (h->d4 == NULL || (next = d4_next_deadline(h->d4)) >= h->armed)
		return;
	memset(&e, 0, sizeof(e));
	h->armed = e.when = next < h->w->now ? h->w->now : next;
	e.timer = h;
	push(h->w, &e);
}

void
host_up(struct host *h, const struct host *const *boot, size_t nboot)
{
	struct d4_conf	 conf;
	struct node	 n;
	uint32_t	 i;

	memset(&conf, 0, sizeof(conf));
	memcpy(conf.key, h->key, SECP_PUB);
	conf.families = NODE_IP4 | NODE_IP6;
	if ((h->d4 = d4_new(&ops, h, &conf)) == NULL)
		err(1, NULL);
	d4_record(h->d4, &h->record);
	for (i = 0; i < h->nkept; i++)
		d4_bond(h->d4, h->kept[i].node.id, &h->kept[i].node.udp,
		    h->kept[i].pong, h->kept[i].ping);
	for (i = 0; i < nboot; i++) {
		host_node(boot[i], &n);
		(void)d4_bootnode(h->d4, &n);
	}
	d4_start(h->d4);
	h->armed = UINT64_MAX;
	host_arm(h);
}

void
host_down(struct host *h)
{
	d4_free(h->d4);
	h->d4 = NULL;
	h->armed = UINT64_MAX;
}

static void
deliver(struct world *w, struct event *e)
{
	struct host	*h = world_at(w, &e->to);

	if (h != NULL && h->d4 != NULL) {
		d4_input(h->d4, &e->from, e->buf, e->len);
		d4_run(h->d4);
		host_arm(h);
	} else if (h != NULL && h->mind != NULL)
		h->mind(h, &e->from, e->buf, e->len);
	else
		w->st.undelivered++;
	free(e->buf);
}

void
world_run(struct world *w, uint64_t until)
{
	struct event	 e;

	while (w->n > 0 && w->heap[0].when <= until) {
		pop(w, &e);
		w->st.events++;
		w->now = e.when;
		if (e.timer == NULL) {
			deliver(w, &e);
			continue;
		}
		/* A timer that was moved is void. */
		if (e.timer->d4 == NULL || e.timer->armed != e.when)
			continue;
		e.timer->armed = UINT64_MAX;
		d4_run(e.timer->d4);
		host_arm(e.timer);
	}
	w->now = until;
}

static void
host_free(struct host *h)
{
	while (h->nkept > 0)
		node_clear(&h->kept[--h->nkept].node);
	d4_free(h->d4);
	free(h->kept);
	free(h);
}

void
world_free(struct world *w)
{
	struct place	*p;
	uint32_t	 i;

	while (w->n > 0)
		free(w->heap[--w->n].buf);
	for (i = 0; i < w->places.size; i++)
		while ((p = (struct place *)w->places.v[i]) != NULL) {
			hmap_remove(&w->places, &p->h);
			host_free(p->host);
			free(p);
		}
	hmap_free(&w->places);
	free(w->heap);
	free(w);
}
