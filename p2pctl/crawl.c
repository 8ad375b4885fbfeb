/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/scope.h"
#include "common/base/util.h"
#include "p2pctl/client.h"
#include "p2pctl/d4client.h"
#include "p2pctl/nettool.h"
#include "p2pctl/nodeset.h"
#include "p2pctl/offline.h"

/*
 * Each node is asked for its record, and then for the nodes that it knows,
 * once for each of the furthest distances, where its table is full, as long as
 * it tells of new ones.
 */
#define TRIES		2
#define WALKS		8
#define MISSES		2		/* and it is asked for nodes no more */
#define DULL		3		/* the same, of answers without news */
#define MOVES		3		/* that others may tell of a dead node */
#define ASKED_MAX	512		/* at once */
#define RECENT		600		/* seconds for which a check holds */
#define SAVE_MS		30000
#define TURN_MS		50
#define UDP_MIN		1025		/* below are no nodes */

enum state { ST_NEW, ST_QUEUED, ST_ASKED, ST_DONE, ST_DEAD };

struct crawl {
	const struct net_request *rq;
	struct nodeset		 set;
	struct netnodes		 queue;
	struct d4_client	*c;
	struct bucket		 rate;
	uint64_t		 began_ms;
	uint64_t		 saved_ms;
	uint64_t		 told_ms;
	size_t			 queued;
	size_t			 checked;
	size_t			 answered;
	size_t			 added;
	size_t			 dead;
	size_t			 saved;		/* nodes in the file */
};

static void
enqueue(struct crawl *cr, struct netnode *n)
{
	n->state = ST_QUEUED;
	TAILQ_INSERT_TAIL(&cr->queue, n, entry);
	cr->queued++;
}

/*
 * Nobody may tell us of what is nearer to us than he is: that would be a way
 * to have our own networks probed.
 */
static int
fit(const struct addr *from, const struct addr *a)
{
	return a->port >= UDP_MIN && addr_relay_ok(from, a);
}

static void
learn(struct crawl *cr, const struct addr *from, const struct d4_node *d)
{
	struct netnode	*n;

	if (!fit(from, &d->addr) || secp_pub_valid(d->key) == -1 ||
	    memcmp(d->key, d4c_key(cr->c), SECP_PUB) == 0)
		return;
	if (d4c_find(cr->c, d->key) == NULL && cr->set.n >= cr->rq->max)
		return;
	if ((n = nodeset_add(&cr->set, d->key, &d->addr)) == NULL)
		return;
	if (n->state == ST_NEW) {
		d4c_add(cr->c, &n->peer);
		enqueue(cr, n);
	} else if (n->state == ST_DEAD && n->score > 0 && n->moved < MOVES &&
	    addr_cmp(&n->peer.addr, &d->addr) != 0) {
		/* It has moved since the file was written: checked anew. */
		n->peer.addr = d->addr;
		n->moved++;
		n->check = 0;
		enqueue(cr, n);
	}
}

/* A key whose hash is at this distance from the node, 256 or a few less. */
static void
target_at(uint8_t key[SECP_PUB], const uint8_t id[NODE_ID], unsigned int below)
{
	uint8_t		 hash[NODE_ID];
	unsigned int	 want = 0x80U >> below;

	arc4random_buf(key, SECP_PUB);
	for (;;) {
		node_id(hash, key);
		hash[0] ^= id[0];
		if (hash[0] >= want && hash[0] < 2 * want)
			return;
		memcpy(key, hash, sizeof(hash));
		key[NODE_ID]++;
	}
}

static void
got_nodes(const struct d4_answer *w, void *arg)
{
	struct netnode	*n = arg;
	struct crawl	*cr = n->crawl;
	size_t		 known = cr->set.n;
	uint32_t	 i;

	n->walk++;
	if (w->outcome != D4C_OK)
		n->misses++;
	for (i = 0; i < w->nnodes; i++)
		learn(cr, &n->peer.addr, &w->nodes[i]);
	n->dull = cr->set.n > known ? 0 : n->dull + 1;
	if (n->walk < WALKS && n->misses < MISSES && n->dull < DULL)
		enqueue(cr, n);
	else
		n->state = ST_DONE;
}

/* Go-ethereum's score: one more for each check passed, half for one failed. */
static void
got_record(const struct d4_answer *w, void *arg)
{
	struct netnode	*n = arg;
	struct crawl	*cr = n->crawl;

	n->check = time(NULL);
	cr->checked++;
	if (w->outcome != D4C_OK) {
		n->state = ST_DEAD;
		/* one check, however many places it is said to be at */
		if (n->moved == 0)
			n->score /= 2;
		cr->dead++;
		return;
	}
	if (n->record.len == 0 || w->record.seq >= n->record.seq)
		n->record = w->record;
	n->score++;
	n->last = n->check;
	if (n->first == 0) {
		n->first = n->check;
		cr->added++;
	}
	cr->answered++;
	enqueue(cr, n);
}

static void
ask_next(struct crawl *cr, struct netnode *n)
{
	uint8_t		 target[SECP_PUB];
	int		 r;

	n->crawl = cr;
	n->state = ST_ASKED;
	if (n->check + RECENT < time(NULL) || n->score == 0)
		r = d4c_ask(cr->c, &n->peer, D4C_RECORD, NULL, got_record, n);
	else {
		target_at(target, n->id, n->walk);
		r = d4c_ask(cr->c, &n->peer, D4C_NODES, target, got_nodes, n);
	}
	if (r == -1)
		n->state = ST_DONE;
}

static void
ask_some(struct crawl *cr)
{
	struct netnode	*n;

	while (d4c_asked(cr->c) < ASKED_MAX &&
	    (n = TAILQ_FIRST(&cr->queue)) != NULL &&
	    bucket_take(&cr->rate, 1, mono_us())) {
		TAILQ_REMOVE(&cr->queue, n, entry);
		cr->queued--;
		ask_next(cr, n);
	}
}

static void
tell(struct crawl *cr)
{
	uint64_t	 now = mono_ms(), every = isatty(2) ? 1000 : 10000;

	if (now - cr->told_ms < every)
		return;
	cr->told_ms = now;
	fprintf(stderr, "crawl: %llus: %zu nodes known, %zu answer, %zu do "
	    "not, %zu to go\n", (unsigned long long)(now - cr->began_ms) / 1000,
	    cr->set.n, cr->answered, cr->dead, cr->queued +
	    d4c_asked(cr->c));
}

static int
save_now_and_then(struct crawl *cr, char *err)
{
	if (strcmp(cr->rq->file, "-") == 0 ||
	    mono_ms() - cr->saved_ms < SAVE_MS)
		return EX_DONE;
	cr->saved_ms = mono_ms();
	return nodeset_save(&cr->set, cr->rq->file, &cr->saved, err);
}

static int
boot_node(struct crawl *cr, const char *text, char *err)
{
	struct node_spec	 spec;
	struct addr		 udp;
	struct netnode		*n;
	const char		*why;
	uint16_t		 tcp;

	if (node_spec_parse(&spec, text, &why) == -1)
		return offline_fail(err, "%s: %s", text, why);
	if (node_spec_best(&spec, &udp, &tcp) == -1 || udp.port == 0)
		return offline_fail(err, "%s: an IP address and a UDP port are "
		    "needed", text);
	if ((n = nodeset_add(&cr->set, spec.key, &udp)) == NULL)
		return offline_fail(err, "%s", strerror(errno));
	return EX_DONE;
}

/* The file's nodes, bootnodes, and a network's. */
static int
begin(struct crawl *cr, char *err)
{
	const struct net_request *rq = cr->rq;
	const char		 *url;
	uint32_t		  i;
	int			  r = EX_DONE;

	if (strcmp(rq->file, "-") != 0 &&
	    (r = nodeset_load(&cr->set, rq->file, err)) == EX_DONE)
		r = nodeset_writable(rq->file, err);
	for (i = 0; i < rq->nboot && r == EX_DONE; i++)
		r = boot_node(cr, rq->boot[i], err);
	for (i = 0; r == EX_DONE && (url = network_bootnode(rq->network,
	    i)) != NULL; i++)
		r = boot_node(cr, url, err);
	if (r == EX_DONE && cr->set.n == 0) {
		offline_fail(err, "no node to begin with: give --bootnode, "
		    "--network, or a file of nodes");
		r = EX_USAGE_ERR;
	}
	return r;
}

static int
open_client(struct crawl *cr, char *err)
{
	const struct net_request *rq = cr->rq;
	uint8_t			  priv[SECP_PRIV];
	size_t			  i;
	int			  r;

	if (rq->key != NULL && (r = key_load(rq->key, priv, err)) != EX_DONE)
		return r;
	cr->c = d4c_new(rq->key != NULL ? priv : NULL, rq->timeout_ms, TRIES);
	explicit_bzero(priv, sizeof(priv));
	if (cr->c == NULL)
		return offline_fail(err, "socket: %s", strerror(errno));
	for (i = 0; i < cr->set.size; i++)
		if (cr->set.v[i] != NULL) {
			d4c_add(cr->c, &cr->set.v[i]->peer);
			enqueue(cr, cr->set.v[i]);
		}
	return EX_DONE;
}

static int
run(struct crawl *cr, char *err)
{
	int		 r = EX_DONE;

	while (!net_interrupted && r == EX_DONE &&
	    (cr->queued > 0 || d4c_asked(cr->c) > 0) &&
	    mono_ms() - cr->began_ms < cr->rq->seconds * 1000) {
		ask_some(cr);
		d4c_turn(cr->c, TURN_MS);
		tell(cr);
		r = save_now_and_then(cr, err);
	}
	return r;
}

static json_t *
summary(const struct crawl *cr)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "file",
	    cr->rq->file, "nodes", (json_int_t)cr->saved, "known",
	    (json_int_t)cr->set.n, "checked", (json_int_t)cr->checked,
	    "answered", (json_int_t)cr->answered, "added",
	    (json_int_t)cr->added, "ms", (json_int_t)(mono_ms() -
	    cr->began_ms), "complete", cr->queued == 0 &&
	    d4c_asked(cr->c) == 0);
}

int
net_crawl(const struct net_request *rq, json_t **out, char *err)
{
	struct crawl	 cr = { .rq = rq };
	int		 r;

	TAILQ_INIT(&cr.queue);
	cr.began_ms = cr.saved_ms = cr.told_ms = mono_ms();
	bucket_init(&cr.rate, rq->rate, rq->rate < 10 ? 1 : rq->rate / 10.0,
	    mono_us());
	net_catch_signals(0);
	if ((r = begin(&cr, err)) == EX_DONE &&
	    (r = open_client(&cr, err)) == EX_DONE &&
	    (r = run(&cr, err)) == EX_DONE &&
	    (r = nodeset_save(&cr.set, rq->file, &cr.saved, err)) == EX_DONE &&
	    strcmp(rq->file, "-") != 0)
		*out = summary(&cr);
	d4c_free(cr.c);
	nodeset_free(&cr.set);
	return r;
}
