/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/d4int.h"

/* Lookups, and the questions they ask. */

#define ALIVE_SECS	30

static void
answered(void *arg, uint32_t num, enum d4_outcome how, const struct node *v,
    size_t n)
{
	struct run	*r = arg;
	size_t		 i;

	for (i = 0; i < LOOKUP_ALPHA; i++)
		if (r->num[i] == num)
			r->open[i] = NULL;
	for (i = 0; i < n; i++)
		heard_of(r->d4, &v[i]);
	lookup_answer(r->l, num, how == D4_ANSWERED, v, n);
	/* By the timer: its end calls whoever began it. */
	timer_set(&r->d4->timers, &r->timer, now_ms(r->d4));
}

static int
ask(void *arg, uint32_t num, const struct node *n)
{
	struct run	*r = arg;
	size_t		 i = 0;

	while (r->open[i] != NULL)
		i++;
	r->num[i] = num;
	r->open[i] = contact_ask(r->d4, n, WANT_NODES, r->key, answered, r,
	    num);
	return r->open[i] == NULL ? -1 : 0;
}

static void
seen(void *arg, const struct node *n)
{
	struct run	*r = arg;

	/*
	 * At a start the dialer need not wait for the walk. Around ourselves
	 * only who wants to be there is found.
	 */
	if (r->why == WHY_WALK || (r->why == WHY_REFRESH && r->d4->wanted > 0 &&
	    memcmp(r->target, r->d4->self, NODE_ID) != 0))
		walk_met(r->d4, n);
}

/* A pong of late will do: questions and answers are lost, too. */
static int
alive(void *arg, const struct node *n)
{
	struct d4	*d = ((struct run *)arg)->d4;
	struct bond	*b = bond_find(d->bonds, n->id, &n->udp);

	return b != NULL && now_secs(d) - b->pong < ALIVE_SECS;
}

static const struct lookup_ops lookup_ops = { ask, seen, alive };

static void
turn(void *arg)
{
	struct run	*r = arg;

	if (lookup_run(r->l, now_ms(r->d4)))
		return;
	r->d4->st.lookups++;
	r->fn(r->arg, r);
}

/* Where a lookup begins: what the table has, and where it has little, boots. */
static void
begin_with(struct d4 *d, struct lookup *l, const uint8_t target[NODE_ID])
{
	const struct tnode	*v[LOOKUP_K];
	size_t			 n, i;

	n = table_closest(d->table, target, 0, v, LOOKUP_K);
	for (i = 0; i < n; i++)
		lookup_add(l, &v[i]->node);
	for (i = 0; i < d->nboot && n < LOOKUP_ALPHA; i++)
		if (peer_ok(d, d->boot[i].id, &d->boot[i].udp))
			lookup_add(l, &d->boot[i]);
}

struct run *
run_new(struct d4 *d, enum why why, const uint8_t key[SECP_PUB],
    unsigned int tries, void (*fn)(void *, struct run *), void *arg)
{
	struct run	*r;

	if (d->nruns >= RUNS || (r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	r->d4 = d;
	r->why = why;
	memcpy(r->key, key, SECP_PUB);
	node_id(r->target, key);
	r->began = now_ms(d);
	r->fn = fn;
	r->arg = arg;
	r->timer.fn = turn;
	r->timer.arg = r;
	r->l = lookup_new(&lookup_ops, r, d->self, r->target, tries, r->began);
	if (r->l == NULL) {
		free(r);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&d->runs, r, entry);
	d->nruns++;
	begin_with(d, r->l, r->target);
	timer_set(&d->timers, &r->timer, r->began);
	return r;
}

void
run_free(struct run *r)
{
	struct d4	*d = r->d4;
	size_t		 i;

	for (i = 0; i < LOOKUP_ALPHA; i++)
		if (r->open[i] != NULL)
			query_drop(r->open[i]);
	timer_clear(&d->timers, &r->timer);
	lookup_free(r->l);
	TAILQ_REMOVE(&d->runs, r, entry);
	d->nruns--;
	free(r);
}

void
d4_lookups(const struct d4 *d, void (*fn)(void *, const struct d4_running *),
    void *arg)
{
	static const char *const	 why[] = { "asked", "refresh", "walk" };
	struct d4_running		 s;
	const struct run		*r;

	TAILQ_FOREACH(r, &d->runs, entry) {
		memset(&s, 0, sizeof(s));
		s.req = r->req;
		s.why = why[r->why];
		memcpy(s.target, r->target, NODE_ID);
		s.began = r->began;
		lookup_stats(r->l, &s.st, now_ms(d));
		fn(arg, &s);
	}
}
