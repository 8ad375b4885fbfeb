/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/d4int.h"

/* What the engine does unasked: checks, refresh, random walk. */

#define CHECK_TRIES	3
#define REFRESH_MS	1800000U	/* half of it, and chance the rest */
#define REFRESH_FIRST	60000U		/* at first, doubling up to that */
#define REFRESH_RANDOM	3		/* lookups, behind that for ourselves */
#define REFRESH_TRIES	3
#define HUNGER_MIN	5000U		/* retry of a refresh that found nobody */
#define HUNGER_MAX	120000U
#define WALK_MIN	250		/* ms from one lookup's begin to the next */
#define WALK_IDLE	1000		/* after one that found nobody new; doubles */
#define WALK_IDLE_MAX	30000

/*
 * Checks of the table's nodes.
 */

struct check {
	LIST_ENTRY(check) entry;
	struct waiter	 w;
	struct d4	*d;
	uint32_t	 serial;
	uint8_t		 id[NODE_ID];
};

static void	 check_done(void *, int, uint32_t, uint64_t);

static void
fetched(void *arg, uint32_t num, enum d4_outcome how, const struct node *v,
    size_t n)
{
	struct d4	*d = arg;

	/* The table has it already. */
	(void)num;
	(void)how;
	(void)v;
	(void)n;
	d->nfetches--;
}

void
fetch_newer(struct d4 *d, const struct node *n, uint64_t seq)
{
	if (seq <= n->seq || d->nfetches >= FETCHES)
		return;
	if (contact_ask(d, n, WANT_RECORD, NULL, fetched, d, 0) != NULL)
		d->nfetches++;
}

/*
 * A check of a node that is not permitted any more, or for which there is no
 * room now, waits for its next turn.
 */
static void
check(struct d4 *d, const struct tnode *tn)
{
	struct check	*k;

	if ((k = calloc(1, sizeof(*k))) != NULL) {
		k->d = d;
		k->serial = tn->serial;
		memcpy(k->id, tn->node.id, NODE_ID);
		k->w.fn = check_done;
		k->w.arg = k;
		if (contact_ping(d, &tn->node, CHECK_TRIES, &k->w) == 0) {
			LIST_INSERT_HEAD(&d->checks, k, entry);
			return;
		}
		free(k);
	}
	table_skip(d->table, tn->serial, tn->node.id);
}

static void
checks_due(void *arg)
{
	struct d4		*d = arg;
	const struct tnode	*tn;

	while ((tn = table_due(d->table, now_ms(d))) != NULL)
		check(d, tn);
	check_soon(d);
}

void
check_soon(struct d4 *d)
{
	uint64_t	 next = table_next(d->table);

	if (!d->started || next == UINT64_MAX)
		timer_clear(&d->timers, &d->check_timer);
	else if (!timer_isset(&d->check_timer) || d->check_timer.when != next)
		timer_set(&d->timers, &d->check_timer, next);
}

/* The last one is gone: the next refresh is not to be half an hour away. */
static void
deserted(struct d4 *d)
{
	uint64_t	 now = now_ms(d), soon = d->refreshed + HUNGER_MAX;

	if (soon < now)
		soon = now;
	if (timer_isset(&d->refresh_timer) && d->refresh_timer.when > soon)
		timer_set(&d->timers, &d->refresh_timer, soon);
}

static void
check_done(void *arg, int ok, uint32_t rtt, uint64_t seq)
{
	struct check		*k = arg;
	struct d4		*d = k->d;
	const struct tnode	*tn = NULL;

	(void)rtt;
	/* What was not sent is no failure of the node. */
	if (ok == -1)
		table_skip(d->table, k->serial, k->id);
	else
		tn = table_checked(d->table, k->serial, k->id, ok, now_ms(d));
	LIST_REMOVE(k, entry);
	free(k);
	if (tn != NULL && ok == 1)
		fetch_newer(d, &tn->node, seq);
	if (table_count(d->table) == 0)
		deserted(d);
	check_soon(d);
}

/*
 * Refresh: those whom the database knows and the bootnodes, a lookup for
 * ourselves and some for nobody.
 */

static void	 refresh_step(struct d4 *);

static void
random_key(struct d4 *d, uint8_t key[SECP_PUB])
{
	uint32_t	 r;
	size_t		 i;

	for (i = 0; i < SECP_PUB; i += sizeof(r)) {
		r = d->ops->chance(d->arg, UINT32_MAX);
		memcpy(key + i, &r, sizeof(r));
	}
}

static void
refresh_end(struct d4 *d)
{
	size_t		 n = table_count(d->table);
	uint32_t	 wait;

	if (n == 0 && d->nboot > 0) {
		wait = d->hunger == 0 ? HUNGER_MIN : d->hunger * 2;
		d->hunger = wait = wait > HUNGER_MAX ? HUNGER_MAX : wait;
	} else {
		/* A beginning that went badly is made good soon. */
		d->hunger = 0;
		d->settled = d->settled == 0 ? REFRESH_FIRST : d->settled * 2;
		if (d->settled > REFRESH_MS)
			d->settled = REFRESH_MS;
		wait = d->settled / 2 + d->ops->chance(d->arg, d->settled / 2);
	}
	timer_set(&d->timers, &d->refresh_timer, now_ms(d) + wait);
	d->refreshed = now_ms(d);
	d->st.ready = 1;
	table_open(d->table);
	memset(d->novel, 0, sizeof(d->novel));
	if (d->ops->refreshed != NULL)
		d->ops->refreshed(d->arg, n);
	walk_kick(d);
}

static void
refresh_ran(void *arg, struct run *r)
{
	run_free(r);
	refresh_step(arg);
}

static void
refresh_step(struct d4 *d)
{
	uint8_t	 key[SECP_PUB];

	while (d->refresh_left > 0) {
		if (d->refresh_left-- > REFRESH_RANDOM)
			memcpy(key, d->conf.key, SECP_PUB);
		else
			random_key(d, key);
		if (run_new(d, WHY_REFRESH, key, REFRESH_TRIES, refresh_ran,
		    d) != NULL)
			return;
	}
	refresh_end(d);
}

static void
refresh(void *arg)
{
	struct d4	*d = arg;
	struct node	 v[D4_SEEDS];
	size_t		 i, n;

	memset(v, 0, sizeof(v));
	n = d->ops->seeds(d->arg, v, D4_SEEDS);
	for (i = 0; i < n; i++) {
		if (family_ok(d, &v[i].udp) && peer_ok(d, v[i].id, &v[i].udp))
			heard_of(d, &v[i]);
		node_clear(&v[i]);
	}
	for (i = 0; i < d->nboot; i++)
		if (peer_ok(d, d->boot[i].id, &d->boot[i].udp))
			heard_of(d, &d->boot[i]);
	d->refresh_left = 1 + REFRESH_RANDOM;
	refresh_step(d);
}

/*
 * The random walk, while the dialer is hungry. One that finds nobody new has
 * seen all there is, so it slows down.
 */

static void
walked(void *arg, struct run *r)
{
	struct d4	*d = arg;
	uint64_t	 now = now_ms(d), next = r->began + WALK_MIN;

	d->walk = NULL;
	run_free(r);
	if (d->walk_found > 0)
		d->walk_idle = 0;
	else {
		d->walk_idle = d->walk_idle == 0 ? WALK_IDLE : d->walk_idle * 2;
		if (d->walk_idle > WALK_IDLE_MAX)
			d->walk_idle = WALK_IDLE_MAX;
		next = now + d->walk_idle;
	}
	if (d->wanted > 0)
		timer_set(&d->timers, &d->walk_timer, next < now ? now : next);
}

static void
walk(void *arg)
{
	struct d4	*d = arg;
	uint8_t		 key[SECP_PUB];

	if (d->wanted == 0 || d->walk != NULL)
		return;
	random_key(d, key);
	d->walk_found = 0;
	d->walk = run_new(d, WHY_WALK, key, 1, walked, d);
	if (d->walk == NULL)
		timer_set(&d->timers, &d->walk_timer, now_ms(d) + WALK_IDLE);
}

void
walk_kick(struct d4 *d)
{
	if (d->wanted == 0 || !d->st.ready || d->walk != NULL)
		return;
	d->walk_idle = 0;
	timer_set(&d->timers, &d->walk_timer, now_ms(d));
}

void
walk_met(struct d4 *d, const struct node *n)
{
	uint32_t	 tag;
	size_t		 i;

	/* The far end of an id: the near one is much alike in a walk. */
	memcpy(&tag, n->id + NODE_ID - sizeof(tag), sizeof(tag));
	i = tag % nitems_of(d->novel);
	d->walk_found += d->novel[i] != tag;
	d->novel[i] = tag;
	if (d->ops->found != NULL)
		d->ops->found(d->arg, n);
}

void
maint_init(struct d4 *d)
{
	LIST_INIT(&d->checks);
	d->check_timer.fn = checks_due;
	d->check_timer.arg = d;
	d->refresh_timer.fn = refresh;
	d->refresh_timer.arg = d;
	d->walk_timer.fn = walk;
	d->walk_timer.arg = d;
}

void
maint_free(struct d4 *d)
{
	struct check	*k;

	while ((k = LIST_FIRST(&d->checks)) != NULL) {
		LIST_REMOVE(k, entry);
		waiter_drop(&k->w);
		free(k);
	}
}
