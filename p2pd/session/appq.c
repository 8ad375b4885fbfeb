/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/session/appq.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/peer.h"

#define CHUNK		(16 * 1024)	/* with its head */
#define CHUNK_DATA	(CHUNK - sizeof(struct aq_chunk))
#define SPARE_MAX	64		/* chunks kept for the next frame */
#define RECS_MIN	64
#define HOLES		(256 * 1024)	/* bytes not worth packing for */

struct aq_chunk {
	struct aq_chunk	*next;		/* of the spare ones */
	size_t		 size, used;
	size_t		 live;		/* bytes of records */
	uint8_t		 data[];
};

static struct {
	struct aq_chunk	*v;
	unsigned int	 n;
} spares;

void
appq_cleanup(void)
{
	struct aq_chunk	*c;

	while ((c = spares.v) != NULL) {
		spares.v = c->next;
		free(c);
	}
	spares.n = 0;
}

static struct aq_chunk *
chunk_new(struct appq *q, size_t n)
{
	struct aq_chunk	*c;
	size_t		 size = n > CHUNK_DATA ? n : CHUNK_DATA;

	if (budget_take(q->holder, size) == -1)
		return NULL;
	if (size == CHUNK_DATA && (c = spares.v) != NULL) {
		spares.v = c->next;
		spares.n--;
	} else if ((c = malloc(sizeof(*c) + size)) == NULL) {
		budget_give(q->holder, size);
		return NULL;
	}
	c->size = size;
	c->used = c->live = 0;
	q->held += size;
	return c;
}

static void
chunk_free(struct appq *q, struct aq_chunk *c)
{
	budget_give(q->holder, c->size);
	q->held -= c->size;
	if (c->size == CHUNK_DATA && spares.n < SPARE_MAX) {
		c->next = spares.v;
		spares.v = c;
		spares.n++;
	} else
		free(c);
}

static void
chunk_give(struct appq *q, struct aq_chunk *c, size_t n)
{
	c->live -= n;
	if (c->live > 0)
		return;
	if (c != q->chunk)
		chunk_free(q, c);
	else
		appq_cancel(q);
}

/* What is being filled holds nothing (any more): from its start again. */
void
appq_cancel(struct appq *q)
{
	struct aq_chunk	*c = q->chunk;

	if (c->live > 0)
		return;
	c->used = 0;
	if (c->size != CHUNK_DATA || q->head == 0) {
		q->chunk = NULL;
		chunk_free(q, c);
	}
}

static int
recs_grow(struct appq *q)
{
	struct aq_rec	*v;
	uint32_t	 i, cap = q->cap == 0 ? RECS_MIN : q->cap * 2;

	if (budget_take(q->holder, (cap - q->cap) * sizeof(*v)) == -1)
		return -1;
	if ((v = reallocarray(q->recs, cap, sizeof(*v))) == NULL) {
		budget_give(q->holder, (cap - q->cap) * sizeof(*v));
		return -1;
	}
	q->recs = v;
	for (i = cap - 1; i >= q->cap && i > 0; i--) {
		v[i].next = q->spare;
		q->spare = i;
	}
	q->cap = cap;
	return 0;
}

static void
recs_free(struct appq *q)
{
	budget_give(q->holder, q->cap * sizeof(*q->recs));
	free(q->recs);
	q->recs = NULL;
	q->cap = q->spare = 0;
}

/* At the end of the queue. There is a spare one: see appq_reserve(). */
static uint32_t
rec_new(struct appq *q, enum aq_kind kind)
{
	uint32_t	 i = q->spare;
	struct aq_rec	*r = &q->recs[i];

	q->spare = r->next;
	memset(r, 0, sizeof(*r));
	r->kind = (uint8_t)kind;
	r->prev = q->tail;
	if (q->tail != 0)
		q->recs[q->tail].next = i;
	else
		q->head = i;
	q->tail = i;
	q->nrecs++;
	return i;
}

static void
rec_free(struct appq *q, uint32_t i)
{
	struct aq_rec	*r = &q->recs[i];

	if (r->prev != 0)
		q->recs[r->prev].next = r->next;
	else
		q->head = r->next;
	if (r->next != 0)
		q->recs[r->next].prev = r->prev;
	else
		q->tail = r->prev;
	r->next = q->spare;
	q->spare = i;
	q->nrecs--;
}

size_t
appq_cost(const struct appq *q)
{
	return q->bytes + q->nrecs * sizeof(struct aq_rec);
}

uint8_t *
appq_reserve(struct appq *q, size_t n)
{
	struct aq_chunk	*c = q->chunk;

	if (q->spare == 0 && recs_grow(q) == -1)
		return NULL;
	if (c == NULL || c->size - c->used < n) {
		if ((c = chunk_new(q, n)) == NULL)
			return NULL;
		if (q->chunk != NULL && q->chunk->live == 0)
			chunk_free(q, q->chunk);
		q->chunk = c;
	}
	return c->data + c->used;
}

static void
fill(struct appq *q, struct aq_rec *r, size_t n)
{
	struct aq_chunk	*c = q->chunk;

	r->u.data.chunk = c;
	r->u.data.off = (uint32_t)c->used;
	r->u.data.len = (uint32_t)n;
	c->used += n;
	c->live += n;
}

/* Frames that follow each other in memory need one record. */
static int
extend(struct appq *q, size_t n)
{
	struct aq_chunk	*c = q->chunk;
	struct aq_rec	*r = &q->recs[q->tail];

	if (q->tail == 0 || r->kind != AQ_PLAIN || r->u.data.chunk != c ||
	    r->u.data.off + r->u.data.len != c->used)
		return 0;
	r->u.data.len += (uint32_t)n;
	c->used += n;
	c->live += n;
	return 1;
}

void
appq_plain(struct appq *q, size_t n)
{
	if (!extend(q, n))
		fill(q, &q->recs[rec_new(q, AQ_PLAIN)], n);
	q->bytes += n;
	appq_ready(q);
}

static void
flow_add(struct appq *q, struct aq_flow *f, uint32_t i)
{
	if (f->last != 0)
		q->recs[f->last].fnext = i;
	else
		f->first = i;
	f->last = i;
}

static size_t
cost(const struct aq_rec *r)
{
	return r->u.data.len + sizeof(*r);
}

void
appq_message(struct appq *q, size_t n, struct appcap *ac, struct peer *p,
    struct peercap *pc, uint32_t number)
{
	uint32_t	 i = rec_new(q, AQ_MESSAGE);
	struct aq_rec	*r = &q->recs[i];

	fill(q, r, n);
	r->ac = ac;
	r->peer = p->node.key;
	r->number = number;
	r->range = AQ_NORANGE;
	if (pc != NULL) {
		r->range = (uint16_t)(pc - p->caps);
		flow_add(q, &pc->flow, i);
		pc->queued += cost(r);
		p->queued += cost(r);
	}
	ac->queued += cost(r);
	if (ac->oldest == 0)
		ac->oldest = i;
	q->bytes += n;
	appq_ready(q);
}

static struct peercap *
range_of(const struct aq_rec *r, struct peer **p)
{
	if (r->range == AQ_NORANGE || (*p = peer_find(r->peer)) == NULL)
		return NULL;
	return &(*p)->caps[r->range];
}

/* The oldest message of its capability is the next that is one. */
static void
age(struct appq *q, struct appcap *ac, uint32_t i)
{
	if (ac->oldest != i)
		return;
	do
		i = q->recs[i].next;
	while (i != 0 && (q->recs[i].kind != AQ_MESSAGE || q->recs[i].ac != ac));
	ac->oldest = i;
}

/* A message no longer counts for its range and its capability. */
static void
uncount(struct appq *q, uint32_t i)
{
	struct aq_rec	*r = &q->recs[i];
	struct peercap	*pc;
	struct peer	*p = NULL;

	r->ac->queued -= cost(r);
	age(q, r->ac, i);
	if ((pc = range_of(r, &p)) != NULL) {
		pc->queued -= cost(r);
		p->queued -= cost(r);
	}
	mux_left(r->ac, p);
}

static void
forget_bytes(struct appq *q, struct aq_rec *r)
{
	q->bytes -= r->u.data.len;
	chunk_give(q, r->u.data.chunk, r->u.data.len);
}

/* Out of its flow, whose first or, after a gap, second it is. */
static void
flow_take(struct appq *q, uint32_t i)
{
	struct aq_rec	*r = &q->recs[i];
	struct peercap	*pc;
	struct peer	*p;
	struct aq_flow	*f;

	if (r->kind == AQ_GAP && r->ac->gap == i)
		r->ac->gap = 0;
	if ((pc = range_of(r, &p)) == NULL)
		return;
	f = &pc->flow;
	if (f->first == i) {
		f->first = r->fnext;
		if (f->last == i)
			f->last = 0;
	} else {
		q->recs[f->first].fnext = r->fnext;
		if (f->last == i)
			f->last = f->first;
	}
}

static void
gap_add(struct aq_rec *r, uint64_t msgs, uint64_t bytes)
{
	r->u.gap.msgs += msgs;
	r->u.gap.bytes += bytes;
}

static void
gap_free(struct appq *q, uint32_t i)
{
	q->bytes -= AQ_GAP_LEN;
	flow_take(q, i);
	rec_free(q, i);
}

static void
count_drop(const struct aq_rec *r)
{
	struct peer	*p;

	mux_dropped(r->ac, range_of(r, &p));
}

/* A message's record becomes the gap that it leaves. */
static void
to_gap(struct appq *q, uint32_t i)
{
	struct aq_rec	*r = &q->recs[i];
	uint64_t	 bytes = r->u.data.len - APP_HEADER - APP_MSG_HEAD;

	count_drop(r);
	uncount(q, i);
	forget_bytes(q, r);
	r->kind = AQ_GAP;
	r->u.gap.msgs = 1;
	r->u.gap.bytes = bytes;
	q->bytes += AQ_GAP_LEN;
}

/* A message goes into a gap that is there before it. */
static void
into_gap(struct appq *q, uint32_t gap, uint32_t i)
{
	struct aq_rec	*r = &q->recs[i];

	count_drop(r);
	gap_add(&q->recs[gap], 1, r->u.data.len - APP_HEADER - APP_MSG_HEAD);
	uncount(q, i);
	flow_take(q, i);
	forget_bytes(q, r);
	rec_free(q, i);
}

/*
 * Records in the order of the queue are copied together, where chunks are more
 * holes than not. Each byte copied stands for one that was dropped.
 */
static void
pack(struct appq *q)
{
	struct aq_chunk	*c;
	struct aq_rec	*r;
	uint32_t	 i;
	uint8_t		*p;

	c = q->chunk;
	q->chunk = NULL;
	if (c != NULL && c->live == 0)
		chunk_free(q, c);
	for (i = q->head; i != 0; i = q->recs[i].next) {
		r = &q->recs[i];
		if (r->kind != AQ_PLAIN && r->kind != AQ_MESSAGE)
			continue;
		c = r->u.data.chunk;
		if (c == q->chunk || c->live >= c->size / 4 * 3)
			continue;
		if ((p = appq_reserve(q, r->u.data.len)) == NULL)
			return;
		r = &q->recs[i];	/* they may have moved */
		memcpy(p, c->data + r->u.data.off, r->u.data.len);
		fill(q, r, r->u.data.len);
		chunk_give(q, c, r->u.data.len);
	}
}

/* Something was taken out; what is written of the first stays to its end. */
static void
shrunk(struct appq *q)
{
	if (q->held > 2 * (q->bytes + q->off) + HOLES)
		pack(q);
	mux_shrunk(q->app);
}

int
appq_drop_range(struct appq *q, struct peercap *pc)
{
	uint32_t	 gap = 0, i = pc->flow.first, next;

	if (i != 0 && q->recs[i].kind == AQ_GAP) {
		gap = i;
		i = q->recs[i].fnext;
	}
	if (i == 0)
		return 0;
	if (gap == 0) {
		gap = i;
		to_gap(q, i);
	} else
		into_gap(q, gap, i);
	next = q->recs[gap].fnext;
	if (next != 0 && q->recs[next].kind == AQ_GAP) {
		gap_add(&q->recs[gap], q->recs[next].u.gap.msgs,
		    q->recs[next].u.gap.bytes);
		gap_free(q, next);
	}
	shrunk(q);
	return 1;
}

/* Peers that are gone, and all of a tap's, share a gap without a peer. */
int
appq_drop_cap(struct appq *q, struct appcap *ac)
{
	uint32_t	 i = ac->oldest;
	struct peercap	*pc;
	struct peer	*p;

	if (i == 0)
		return 0;
	if ((pc = range_of(&q->recs[i], &p)) != NULL)
		return appq_drop_range(q, pc);
	if (ac->gap != 0)
		into_gap(q, ac->gap, i);
	else {
		to_gap(q, i);
		q->recs[i].peer = 0;
		q->recs[i].range = AQ_NORANGE;
		ac->gap = i;
	}
	shrunk(q);
	return 1;
}

void
appq_lost(struct appq *q, struct appcap *ac, struct peer *p,
    struct peercap *pc, uint32_t number, size_t bytes)
{
	uint32_t	 i = pc != NULL ? pc->flow.last : ac->gap;

	if (i == 0 || q->recs[i].kind != AQ_GAP) {
		if (q->spare == 0 && recs_grow(q) == -1)
			return;
		i = rec_new(q, AQ_GAP);
		q->recs[i].ac = ac;
		q->recs[i].number = number;
		q->recs[i].range = AQ_NORANGE;
		if (pc != NULL) {
			q->recs[i].peer = p->node.key;
			q->recs[i].range = (uint16_t)(pc - p->caps);
			flow_add(q, &pc->flow, i);
		} else
			ac->gap = i;
		q->bytes += AQ_GAP_LEN;
		appq_ready(q);
	}
	gap_add(&q->recs[i], 1, bytes);
}

void
appq_purge(struct appq *q, struct appcap *ac, uint64_t *msgs, uint64_t *bytes)
{
	struct aq_rec	*r;
	uint32_t	 i, next;

	for (i = q->head; i != 0; i = next) {
		r = &q->recs[i];
		next = r->next;
		if (r->ac != ac)
			continue;
		if (r->kind == AQ_GAP) {
			*msgs += r->u.gap.msgs;
			*bytes += r->u.gap.bytes;
			gap_free(q, i);
		} else if (r->kind == AQ_MESSAGE) {
			*msgs += 1;
			*bytes += r->u.data.len - APP_HEADER - APP_MSG_HEAD;
			uncount(q, i);
			flow_take(q, i);
			forget_bytes(q, r);
			rec_free(q, i);
		}
	}
	if (q->head == 0)
		appq_idle(q);
	shrunk(q);
}

void
appq_settle(struct appq *q)
{
	struct aq_rec	*r = &q->recs[q->head];

	if (r->kind == AQ_MESSAGE) {
		uncount(q, q->head);
		flow_take(q, q->head);
		r->kind = AQ_PLAIN;
		r->ac = NULL;
	} else if (r->kind == AQ_GAP) {
		appq_gap_frame(r, q->frozen);
		flow_take(q, q->head);
		r->kind = AQ_FROZEN;
		r->ac = NULL;
	}
}

void
appq_pop(struct appq *q)
{
	struct aq_rec	*r = &q->recs[q->head];

	appq_settle(q);
	/* the bytes themselves were taken off as they were written */
	if (r->kind == AQ_PLAIN)
		chunk_give(q, r->u.data.chunk, r->u.data.len);
	rec_free(q, q->head);
	q->off = 0;
	if (q->head == 0)
		appq_idle(q);
}

void
appq_idle(struct appq *q)
{
	if (q->chunk != NULL)
		appq_cancel(q);
	if (q->recs != NULL)
		recs_free(q);
}

const uint8_t *
appq_data(const struct aq_rec *r)
{
	return r->u.data.chunk->data + r->u.data.off;
}
