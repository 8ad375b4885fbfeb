/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/d4int.h"

#define STRANGERS	5000	/* signatures a second for those not known */
#define PINGS_BACK	1000

uint64_t
now_ms(const struct d4 *d)
{
	return d->ops->now(d->arg);
}

int64_t
now_secs(const struct d4 *d)
{
	return (int64_t)(now_ms(d) / 1000);
}

int64_t
unix_of(const struct d4 *d, int64_t secs)
{
	return d->ops->wall(d->arg) - (now_secs(d) - secs);
}

int
family_ok(const struct d4 *d, const struct addr *a)
{
	return (a->af == 4 && d->conf.families & NODE_IP4) ||
	    (a->af == 6 && d->conf.families & NODE_IP6);
}

int
peer_ok(struct d4 *d, const uint8_t id[NODE_ID], const struct addr *a)
{
	return d->ops->permitted(d->arg, id, a);
}

void
heard_of(struct d4 *d, const struct node *n)
{
	if (table_add(d->table, n, TABLE_HEARD, now_ms(d)) == TABLE_ADDED)
		check_soon(d);
}

static void
make_secret(struct d4 *d)
{
	size_t	 i;

	for (i = 0; i < 4; i++)
		d->hkey.k[i / 2] = d->hkey.k[i / 2] << 32 |
		    d->ops->chance(d->arg, UINT32_MAX);
}

struct d4 *
d4_new(const struct d4_ops *ops, void *arg, const struct d4_conf *conf)
{
	struct d4	*d;
	uint64_t	 us;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	d->ops = ops;
	d->arg = arg;
	d->conf = *conf;
	if (d->conf.strangers == 0)
		d->conf.strangers = STRANGERS;
	if (d->conf.pings_back == 0)
		d->conf.pings_back = PINGS_BACK;
	node_id(d->self, conf->key);
	make_secret(d);
	TAILQ_INIT(&d->runs);
	TAILQ_INIT(&d->reqs);
	slots_init(d);
	maint_init(d);
	us = now_ms(d) * 1000;
	bucket_init(&d->strangers, d->conf.strangers, d->conf.strangers, us);
	bucket_init(&d->pings_back, d->conf.pings_back, d->conf.pings_back,
	    us);
	bucket_init(&d->renewals, RENEWALS, RENEWALS, us);
	bucket_init(&d->answers, ANSWERS, ANSWERS / 5, us);
	d->table = table_new(d->self, ops->chance, arg);
	d->bonds = bonds_new(&d->hkey, BOND_MAX);
	if (d->bonds != NULL)
		bonds_on_loss(d->bonds, ops->forgotten, arg);
	if (d->table == NULL || d->bonds == NULL ||
	    timers_reserve(&d->timers, 2 * CONTACTS + RUNS + 8) == -1) {
		d4_free(d);
		return NULL;
	}
	return d;
}

void
d4_free(struct d4 *d)
{
	struct run	*r;

	if (d == NULL)
		return;
	reqs_free(d);
	while ((r = TAILQ_FIRST(&d->runs)) != NULL)
		run_free(r);
	maint_free(d);
	contacts_free(d);
	d4_bootnodes_clear(d);
	table_free(d->table);
	bonds_free(d->bonds);
	timers_free(&d->timers);
	free(d);
}

void
d4_record(struct d4 *d, const struct enr *e)
{
	static const unsigned int	 af[2] = { 4, 6 };
	unsigned int			 f;

	for (f = 0; f < 2; f++)
		if (enr_endpoint(e, af[f], &d->from[f],
		    &d->from_tcp[f]) == -1) {
			memset(&d->from[f], 0, sizeof(d->from[f]));
			d->from_tcp[f] = 0;
		}
}

int
d4_bootnode(struct d4 *d, const struct node *n)
{
	uint32_t	 i;

	if (!family_ok(d, &n->udp) || n->udp.port == 0 ||
	    memcmp(n->id, d->self, NODE_ID) == 0 ||
	    !peer_ok(d, n->id, &n->udp))
		return -1;
	for (i = 0; i < d->nboot; i++)
		if (memcmp(d->boot[i].id, n->id, NODE_ID) == 0)
			break;
	if (i == D4_BOOTNODES)
		return -1;
	d->nboot += i == d->nboot;
	node_copy(&d->boot[i], n);
	/* A running engine without anybody has just been given somebody. */
	if (d->started && table_count(d->table) == 0 &&
	    timer_isset(&d->refresh_timer)) {
		d->hunger = 0;
		timer_set(&d->timers, &d->refresh_timer, now_ms(d));
	}
	return 0;
}

void
d4_bootnodes_clear(struct d4 *d)
{
	while (d->nboot > 0)
		node_clear(&d->boot[--d->nboot]);
}

/* Unix time to our seconds; what lies in the future has not happened. */
static int64_t
secs_of(const struct d4 *d, int64_t unix_secs)
{
	int64_t	 wall = d->ops->wall(d->arg);

	if (unix_secs <= 0 || unix_secs > wall)
		return BOND_NEVER;
	return now_secs(d) - (wall - unix_secs);
}

void
d4_bond(struct d4 *d, const uint8_t id[NODE_ID], const struct addr *a,
    int64_t pong, int64_t ping)
{
	struct bond	*b;
	int64_t		 at = secs_of(d, pong);

	if (at != BOND_NEVER &&
	    (b = bond_prove(d->bonds, id, a, at)) != NULL)
		b->ping = secs_of(d, ping);
}

void
d4_proof(const struct d4 *d, const uint8_t id[NODE_ID], const struct addr *a,
    int64_t *pong, int64_t *ping)
{
	struct bond	*b = bond_find(d->bonds, id, a);

	*pong = *ping = 0;
	if (b == NULL)
		return;
	*pong = unix_of(d, b->pong);
	if (b->ping != BOND_NEVER)
		*ping = unix_of(d, b->ping);
}

void
d4_start(struct d4 *d)
{
	if (d->started)
		return;
	d->started = 1;
	timer_set(&d->timers, &d->refresh_timer, now_ms(d));
}

void
d4_run(struct d4 *d)
{
	timers_run(&d->timers, now_ms(d));
}

uint64_t
d4_next_deadline(const struct d4 *d)
{
	return timers_next(&d->timers);
}

static int
keep(void *arg, const struct node *n)
{
	struct d4	*d = arg;

	return peer_ok(d, n->id, &n->udp);
}

void
d4_policy_changed(struct d4 *d)
{
	table_sweep(d->table, keep, d, now_ms(d));
	check_soon(d);
}

void
d4_want(struct d4 *d, uint32_t n)
{
	uint32_t	 before = d->wanted;

	d->wanted = n;
	if (n == 0)
		timer_clear(&d->timers, &d->walk_timer);
	else if (before == 0)
		walk_kick(d);
}

void
d4_fixed(struct d4 *d, unsigned int af, int on)
{
	unsigned int	 f = af == 6;

	d->fixed[f] = on;
	memset(&d->votes[f], 0, sizeof(d->votes[f]));
	memset(&d->seen[f], 0, sizeof(d->seen[f]));
}

const struct table *
d4_table(const struct d4 *d)
{
	return d->table;
}

void
d4_stats(const struct d4 *d, struct d4_stats *st)
{
	*st = d->st;
	st->bonds = bonds_count(d->bonds);
	st->contacts = d->contacts.n;
	st->running = d->nruns;
	st->wanted = d->wanted;
	st->ip4 = d->seen[0];
	st->ip6 = d->seen[1];
}
