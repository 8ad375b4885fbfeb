/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/d4int.h"

/* Requests of whoever has the engine. */

#define ASKED_TRIES	7	/* of a lookup that somebody waits for */
#define PING_TRIES	1

enum kind { REQ_PING, REQ_FETCH, REQ_LOOKUP, REQ_RESOLVE, REQ_ASK };

struct req {
	TAILQ_ENTRY(req)	 entry;
	struct d4		*d;
	uint32_t		 id;
	enum kind		 kind;
	union {
		d4_ping_fn	*ping;
		d4_node_fn	*node;
		d4_lookup_fn	*lookup;
	}			 fn;
	void			*arg;
	struct node		 node;
	struct waiter		 w;
	struct query		*q;
	struct run		*run;
};

static struct req *
req_new(struct d4 *d, enum kind kind, const struct node *n, void *arg)
{
	struct req	*r;

	if (d->nreqs >= REQS || (r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	r->d = d;
	r->kind = kind;
	r->arg = arg;
	if (++d->req_last == 0)
		d->req_last = 1;
	r->id = d->req_last;
	if (n != NULL)
		node_copy(&r->node, n);
	TAILQ_INSERT_TAIL(&d->reqs, r, entry);
	d->nreqs++;
	return r;
}

static void
req_free(struct req *r)
{
	waiter_drop(&r->w);
	if (r->q != NULL)
		query_drop(r->q);
	if (r->run != NULL)
		run_free(r->run);
	TAILQ_REMOVE(&r->d->reqs, r, entry);
	r->d->nreqs--;
	node_clear(&r->node);
	free(r);
}

/* Frees r first: its callback may do what it likes. */
static void
answer_node(struct req *r, enum d4_outcome how, const struct node *n)
{
	d4_node_fn	*fn = r->fn.node;
	void		*arg = r->arg;
	struct node	 copy;

	memset(&copy, 0, sizeof(copy));
	node_copy(&copy, n != NULL ? n : &r->node);
	req_free(r);
	fn(arg, how, copy.udp.af == 0 ? NULL : &copy);
	node_clear(&copy);
}

static void
answer_lookup(struct req *r, enum d4_outcome how, const struct node *v,
    size_t n, const struct lookup_stats *st)
{
	d4_lookup_fn	*fn = r->fn.lookup;
	void		*arg = r->arg;

	req_free(r);
	fn(arg, how, v, n, st);
}

static void
pinged(void *arg, int ok, uint32_t rtt, uint64_t seq)
{
	struct req	*r = arg;
	d4_ping_fn	*fn = r->fn.ping;
	void		*fn_arg = r->arg;

	req_free(r);
	fn(fn_arg, ok == 1 ? D4_ANSWERED : ok == 0 ? D4_TIMED_OUT : D4_BUSY,
	    rtt, seq);
}

uint32_t
d4_ping(struct d4 *d, const struct node *n, d4_ping_fn *fn, void *arg)
{
	struct req	*r;

	if ((r = req_new(d, REQ_PING, n, arg)) == NULL)
		return 0;
	r->fn.ping = fn;
	r->w.fn = pinged;
	r->w.arg = r;
	if (contact_ping(d, n, PING_TRIES, &r->w) == -1) {
		req_free(r);
		return 0;
	}
	return r->id;
}

static void
fetched(void *arg, uint32_t num, enum d4_outcome how, const struct node *v,
    size_t n)
{
	struct req	*r = arg;

	(void)num;
	r->q = NULL;
	answer_node(r, how, n == 1 ? &v[0] : NULL);
}

static int
fetch(struct req *r)
{
	r->q = contact_ask(r->d, &r->node, WANT_RECORD, NULL, fetched, r, 0);
	return r->q == NULL ? -1 : 0;
}

uint32_t
d4_fetch(struct d4 *d, const struct node *n, d4_node_fn *fn, void *arg)
{
	struct req	*r;

	if ((r = req_new(d, REQ_FETCH, n, arg)) == NULL)
		return 0;
	r->fn.node = fn;
	if (fetch(r) == -1) {
		req_free(r);
		return 0;
	}
	return r->id;
}

/* A copy of what the lookup found, since it goes before the callback. */
static void
looked_up(void *arg, struct run *run)
{
	struct req		*r = arg;
	const struct node	*found[LOOKUP_K];
	struct node		 v[LOOKUP_K];
	struct lookup_stats	 st;
	size_t			 n, i;

	n = lookup_result(run->l, found, LOOKUP_K);
	memset(v, 0, sizeof(v));
	for (i = 0; i < n; i++)
		node_copy(&v[i], found[i]);
	lookup_stats(run->l, &st, now_ms(r->d));
	answer_lookup(r, D4_ANSWERED, v, n, &st);
	for (i = 0; i < n; i++)
		node_clear(&v[i]);
}

uint32_t
d4_lookup(struct d4 *d, const uint8_t target[SECP_PUB], d4_lookup_fn *fn,
    void *arg)
{
	struct req	*r;

	if ((r = req_new(d, REQ_LOOKUP, NULL, arg)) == NULL)
		return 0;
	r->fn.lookup = fn;
	r->run = run_new(d, WHY_ASKED, target, ASKED_TRIES, looked_up, r);
	if (r->run == NULL) {
		req_free(r);
		return 0;
	}
	r->run->req = r->id;
	return r->id;
}

/* Found by its key, or not: then what the table has is the last word. */
static void
resolved(void *arg, struct run *run)
{
	struct req		*r = arg;
	const struct node	*found[LOOKUP_K];
	const struct tnode	*tn;
	size_t			 n;

	n = lookup_result(run->l, found, LOOKUP_K);
	if (n > 0 && memcmp(found[0]->id, run->target, NODE_ID) == 0)
		node_copy(&r->node, found[0]);
	else if ((tn = table_find(r->d->table, run->target)) != NULL)
		node_copy(&r->node, &tn->node);
	r->run = NULL;
	run_free(run);
	if (r->node.udp.af == 0)
		answer_node(r, D4_TIMED_OUT, NULL);
	else if (fetch(r) == -1)
		answer_node(r, D4_BUSY, NULL);
}

uint32_t
d4_resolve(struct d4 *d, const uint8_t key[SECP_PUB], d4_node_fn *fn,
    void *arg)
{
	struct req	*r;

	if ((r = req_new(d, REQ_RESOLVE, NULL, arg)) == NULL)
		return 0;
	r->fn.node = fn;
	r->run = run_new(d, WHY_ASKED, key, ASKED_TRIES, resolved, r);
	if (r->run == NULL) {
		req_free(r);
		return 0;
	}
	r->run->req = r->id;
	return r->id;
}

static void
told(void *arg, uint32_t num, enum d4_outcome how, const struct node *v,
    size_t n)
{
	struct req	*r = arg;

	(void)num;
	r->q = NULL;
	answer_lookup(r, how, v, n, NULL);
}

uint32_t
d4_ask(struct d4 *d, const struct node *n, const uint8_t target[SECP_PUB],
    d4_lookup_fn *fn, void *arg)
{
	struct req	*r;

	if ((r = req_new(d, REQ_ASK, n, arg)) == NULL)
		return 0;
	r->fn.lookup = fn;
	r->q = contact_ask(d, n, WANT_NODES, target, told, r, 0);
	if (r->q == NULL) {
		req_free(r);
		return 0;
	}
	return r->id;
}

static void
cancel(struct req *r)
{
	d4_ping_fn	*fn = r->fn.ping;
	void		*arg = r->arg;

	switch (r->kind) {
	case REQ_PING:
		req_free(r);
		fn(arg, D4_CANCELLED, 0, 0);
		break;
	case REQ_FETCH:
	case REQ_RESOLVE:
		answer_node(r, D4_CANCELLED, NULL);
		break;
	case REQ_LOOKUP:
	case REQ_ASK:
		answer_lookup(r, D4_CANCELLED, NULL, 0, NULL);
		break;
	}
}

void
d4_cancel(struct d4 *d, uint32_t id)
{
	struct req	*r;

	TAILQ_FOREACH(r, &d->reqs, entry)
		if (r->id == id) {
			cancel(r);
			return;
		}
}

/* Without a word. */
void
reqs_free(struct d4 *d)
{
	struct req	*r;

	while ((r = TAILQ_FIRST(&d->reqs)) != NULL)
		req_free(r);
}
