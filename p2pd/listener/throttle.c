/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire/reason.h"
#include "p2pd/listener/throttle.h"

#define BUCKETS		4096
#define NONE		UINT32_MAX

struct attempt {
	uint64_t	 key;
	uint64_t	 at_ms;
	uint32_t	 next;		/* in its bucket, newest first */
};

/*
 * The attempts within a time: a ring, oldest first, of which each entry is
 * also in a hash chain.  The chain's last is the oldest, so that whatever
 * leaves the ring is the end of its chain.
 */
struct window {
	uint64_t	 ms;
	uint32_t	 limit;		/* a key; 0 off */
	uint64_t	 seed;
	size_t		 first;
	size_t		 n;
	uint32_t	 bucket[BUCKETS];
	struct attempt	 ring[THROTTLE_MAX];
};

struct throttle {
	struct window	 addr;
	struct window	 net;
};

static void
window_clear(struct window *w)
{
	memset(w->bucket, 0xff, sizeof(w->bucket));
	w->first = w->n = 0;
	arc4random_buf(&w->seed, sizeof(w->seed));
}

static uint32_t *
window_bucket(struct window *w, uint64_t key)
{
	uint64_t	 h = (key ^ w->seed) * 0x9e3779b97f4a7c15ULL;

	h ^= h >> 32;
	h = (h ^ w->seed) * 0xd6e8feb86659fd93ULL;
	return &w->bucket[(h >> 40) % BUCKETS];
}

static void
window_forget_oldest(struct window *w)
{
	struct attempt	*a = &w->ring[w->first];
	uint32_t	*link = window_bucket(w, a->key);

	while (*link != w->first)
		link = &w->ring[*link].next;
	*link = a->next;
	w->first = (w->first + 1) % THROTTLE_MAX;
	w->n--;
}

static int
window_full(struct window *w, uint64_t key, uint64_t now_ms)
{
	uint32_t	 i, count = 0;

	if (w->limit == 0)
		return 0;
	while (w->n > 0 && now_ms - w->ring[w->first].at_ms >= w->ms)
		window_forget_oldest(w);
	for (i = *window_bucket(w, key); i != NONE; i = w->ring[i].next) {
		if (w->ring[i].key == key && ++count >= w->limit)
			return 1;
	}
	return 0;
}

static void
window_record(struct window *w, uint64_t key, uint64_t now_ms)
{
	uint32_t	*link, i;

	if (w->limit == 0)
		return;
	if (w->n == THROTTLE_MAX)
		window_forget_oldest(w);
	i = (uint32_t)((w->first + w->n) % THROTTLE_MAX);
	link = window_bucket(w, key);
	w->ring[i].key = key;
	w->ring[i].at_ms = now_ms;
	w->ring[i].next = *link;
	*link = i;
	w->n++;
}

static void
window_set(struct window *w, uint32_t limit, uint32_t secs)
{
	if (secs == 0)
		limit = 0;
	/* While it was off nothing was recorded. */
	if (w->limit == 0 || limit == 0 || w->ms != (uint64_t)secs * 1000)
		window_clear(w);
	w->limit = limit;
	w->ms = (uint64_t)secs * 1000;
}

struct throttle *
throttle_new(void)
{
	struct throttle	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	window_clear(&t->addr);
	window_clear(&t->net);
	return t;
}

void
throttle_free(struct throttle *t)
{
	free(t);
}

void
throttle_set(struct throttle *t, const struct throttle_conf *conf)
{
	window_set(&t->addr, conf->addr_secs > 0, conf->addr_secs);
	window_set(&t->net, conf->net_count, conf->net_secs);
}

/* The first n bytes of the address as a number, with the family on top. */
static uint64_t
addr_key(const struct addr *a, size_t n)
{
	uint64_t	 key = 0;
	size_t		 i;

	for (i = 0; i < n; i++)
		key = key << 8 | a->ip[i];
	/* No global IPv6 unicast address (2000::/3) has these top bits. */
	return a->af == 4 ? key | 0xffULL << 56 : key;
}

unsigned int
throttle_try(struct throttle *t, const struct addr *a, uint64_t now_ms)
{
	uint64_t	 addr, net;

	if (addr_is_lan(a))
		return REASON_NONE;
	addr = addr_key(a, a->af == 4 ? 4 : 8);
	net = addr_key(a, a->af == 4 ? 3 : 6);
	if (window_full(&t->addr, addr, now_ms))
		return REASON_THROTTLED_ADDR;
	if (window_full(&t->net, net, now_ms))
		return REASON_THROTTLED_NET;
	window_record(&t->addr, addr, now_ms);
	window_record(&t->net, net, now_ms);
	return REASON_NONE;
}

size_t
throttle_count(const struct throttle *t)
{
	return t->addr.n + t->net.n;
}
