/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "common/wire/reason.h"
#include "p2pd/dialer/plan.h"

#define RETRY_MIN	1000U	/* after the end of a dial, or of a peer */
#define SPREAD		2000U	/* so that not all come back at once */
#define SLOW_FAILS	3	/* where the node has said that it is no use */

/* Kept while a node is static, a candidate, being dialed, a peer, or past. */
struct node {
	RB_ENTRY(node)	 byid;
	RB_ENTRY(node)	 bydue;
	uint8_t		 id[SECP_PUB];
	char		 host[HOST_MAX];
	uint16_t	 tcp;
	int		 is_static;
	int		 dialing;
	int		 up;
	int		 dialed;	/* up, and we dialed it */
	int		 hint;
	int		 waits;		/* in cands */
	int		 chosen;	/* dialing as a candidate */
	int		 past;		/* in past: was dialed as a candidate */
	TAILQ_ENTRY(node) entry;	/* of cands or of past, never of both */
	int		 fresh;		/* moved while a dial was under way */
	int		 again;		/* or added as it was */
	int		 queued;	/* in bydue */
	uint64_t	 due;
	uint32_t	 tie;
	uint64_t	 begun;		/* the last dial */
	uint32_t	 fails;		/* in a row */
	uint32_t	 turn;
};

TAILQ_HEAD(plan_nodes, node);
RB_HEAD(plan_ids, node);
RB_HEAD(plan_dues, node);

struct plan {
	struct plan_conf	 conf;
	uint32_t		 (*chance)(uint32_t);
	struct plan_ids		 ids;
	struct plan_dues	 dues;		/* static, not dialing, not up */
	size_t			 dialing;
	struct plan_nodes	 cands[2];	/* hints, others */
	uint32_t		 ncands[2];
	struct plan_nodes	 past;		/* by the end of their dial */
	uint32_t		 npast;
	uint32_t		 goal;
	uint32_t		 dialed;	/* peers that we dialed */
	uint32_t		 chosen;	/* dials to candidates */
	uint64_t		 taken, refused;
};

static int
id_cmp(const struct node *a, const struct node *b)
{
	return memcmp(a->id, b->id, SECP_PUB);
}

static int
due_cmp(const struct node *a, const struct node *b)
{
	if (a->due != b->due)
		return a->due < b->due ? -1 : 1;
	if (a->tie != b->tie)
		return a->tie < b->tie ? -1 : 1;
	return id_cmp(a, b);
}

RB_PROTOTYPE(plan_ids, node, byid, id_cmp);
RB_GENERATE(plan_ids, node, byid, id_cmp)
RB_PROTOTYPE(plan_dues, node, bydue, due_cmp);
RB_GENERATE(plan_dues, node, bydue, due_cmp)

struct plan *
plan_new(uint32_t (*chance)(uint32_t))
{
	struct plan	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->chance = chance;
	RB_INIT(&p->ids);
	RB_INIT(&p->dues);
	TAILQ_INIT(&p->cands[0]);
	TAILQ_INIT(&p->cands[1]);
	TAILQ_INIT(&p->past);
	return p;
}

void
plan_free(struct plan *p)
{
	struct node	*n;

	if (p == NULL)
		return;
	while ((n = RB_ROOT(&p->ids)) != NULL) {
		RB_REMOVE(plan_ids, &p->ids, n);
		free(n);
	}
	free(p);
}

void
plan_set(struct plan *p, const struct plan_conf *conf)
{
	p->conf = *conf;
}

static struct node *
node_find(struct plan *p, const uint8_t id[SECP_PUB])
{
	struct node	 key;

	memcpy(key.id, id, SECP_PUB);
	return RB_FIND(plan_ids, &p->ids, &key);
}

static struct node *
node_get(struct plan *p, const uint8_t id[SECP_PUB])
{
	struct node	*n;

	if ((n = node_find(p, id)) != NULL)
		return n;
	if ((n = calloc(1, sizeof(*n))) == NULL)
		return NULL;
	memcpy(n->id, id, SECP_PUB);
	RB_INSERT(plan_ids, &p->ids, n);
	return n;
}

static void
node_unqueue(struct plan *p, struct node *n)
{
	if (n->queued)
		RB_REMOVE(plan_dues, &p->dues, n);
	n->queued = 0;
}

static struct plan_nodes *
cands_of(struct plan *p, const struct node *n)
{
	return &p->cands[!n->hint];
}

static void
cand_remove(struct plan *p, struct node *n)
{
	if (!n->waits)
		return;
	TAILQ_REMOVE(cands_of(p, n), n, entry);
	p->ncands[!n->hint]--;
	n->waits = 0;
}

/* Enters n at its time, or takes it away, as its state demands; may free it. */
static void
node_settle(struct plan *p, struct node *n, uint64_t due)
{
	node_unqueue(p, n);
	if (!n->is_static && !n->dialing && !n->up && !n->waits && !n->past) {
		RB_REMOVE(plan_ids, &p->ids, n);
		free(n);
		return;
	}
	if (!n->is_static || n->dialing || n->up)
		return;
	n->due = due;
	n->tie = p->chance(UINT32_MAX);
	n->queued = 1;
	RB_INSERT(plan_dues, &p->dues, n);
}

/*
 * When to dial again: doubling with each failure and spread over a quarter,
 * within the history time never.
 */
static uint64_t
backoff(struct plan *p, const struct node *n, uint64_t from, uint64_t now)
{
	uint64_t	 history = p->conf.history_ms, wait, due, earliest;
	uint32_t	 i;

	wait = history > RETRY_MIN ? history : RETRY_MIN;
	for (i = 1; i < n->fails && wait < PLAN_BACKOFF_MAX; i++)
		wait *= 2;
	if (wait > PLAN_BACKOFF_MAX)
		wait = PLAN_BACKOFF_MAX;
	due = from + wait - p->chance((uint32_t)(wait / 4));
	earliest = from + history + p->chance(SPREAD);
	if (due < earliest)
		due = earliest;
	earliest = now + RETRY_MIN;
	return due < earliest ? earliest : due;
}

int
plan_add(struct plan *p, const uint8_t id[SECP_PUB], const char *host,
    uint16_t tcp, uint64_t now)
{
	struct node	*n;
	int		 moved;

	if ((n = node_get(p, id)) == NULL)
		return -1;
	moved = strcmp(n->host, host) != 0 || n->tcp != tcp;
	cand_remove(p, n);
	strlcpy(n->host, host, sizeof(n->host));
	n->tcp = tcp;
	n->is_static = 1;
	n->fails = 0;
	n->turn = 0;
	if (n->dialing) {
		n->fresh |= moved;
		n->again = 1;
		return moved;
	}
	node_settle(p, n, now);
	return 0;
}

int
plan_del(struct plan *p, const uint8_t id[SECP_PUB])
{
	struct node	*n;
	int		 dialing;

	if ((n = node_find(p, id)) == NULL)
		return 0;
	n->is_static = 0;
	n->fresh = n->again = 0;
	dialing = n->dialing;
	node_settle(p, n, 0);
	return dialing;
}

static void
node_up(struct plan *p, struct node *n, int dialed)
{
	if (n->up)
		return;
	n->up = 1;
	n->dialed = dialed;
	p->dialed += dialed != 0;
	cand_remove(p, n);
	node_unqueue(p, n);
}

int
plan_up(struct plan *p, const uint8_t id[SECP_PUB], int dialed)
{
	struct node	*n;

	if ((n = node_get(p, id)) == NULL)
		return -1;
	node_up(p, n, dialed);
	return 0;
}

/* Told by the node or seen by us: it has no use for us, or we for it. */
static int
is_slow(unsigned int reason, unsigned int disc)
{
	switch (reason) {
	case REASON_NETRESTRICT:
	case REASON_BANNED_ADDR:
	case REASON_BANNED_ID:
	case REASON_NOT_ALLOWED:
	case REASON_TOO_MANY_PEERS:
	case REASON_SELF:
	case REASON_USELESS:
	case REASON_APP_GONE:
	case REASON_MEMORY:
	case REASON_BANNED:
		return 1;
	}
	return disc == DISC_TOO_MANY || disc == DISC_USELESS || disc == DISC_SELF;
}

/* Nothing that speaks against dialing again as soon as the history permits. */
static int
is_harmless(unsigned int reason, unsigned int disc)
{
	return reason == REASON_ALREADY_CONNECTED || reason == REASON_CROSS_DIAL ||
	    reason == REASON_NO_APPS || reason == REASON_SESSION_BUSY ||
	    disc == DISC_ALREADY;
}

/*
 * Static nodes are added again when more is attached than before: a dial whose
 * Hello is of before that comes to nothing, but does not count.
 */
static int
is_outdated(const struct node *n, const struct plan_result *r)
{
	return n->fresh || (n->again && (r->reason == REASON_NO_APPS ||
	    r->disc_recv == DISC_USELESS));
}

static void
count_failure(struct node *n, unsigned int reason, unsigned int disc)
{
	if (is_harmless(reason, disc)) {
		n->fails = 1;
		return;
	}
	n->fails++;
	if (is_slow(reason, disc) && n->fails < SLOW_FAILS)
		n->fails = SLOW_FAILS;
}

void
plan_down(struct plan *p, const uint8_t id[SECP_PUB], unsigned int reason,
    uint64_t up_ms, uint64_t now)
{
	struct node	*n;
	uint64_t	 due;

	if ((n = node_find(p, id)) == NULL || !n->up)
		return;
	n->up = 0;
	p->dialed -= n->dialed != 0;
	n->dialed = 0;
	if (reason == REASON_SESSION_DIED ||
	    (up_ms >= PLAN_GOOD_MS && !is_slow(reason, DISC_NONE))) {
		n->fails = 0;
		/* The dial may have been long ago, or the node's own. */
		due = n->begun == 0 ? now : n->begun + p->conf.history_ms;
		if (due < now + RETRY_MIN)
			due = now + RETRY_MIN + p->chance(SPREAD);
	} else {
		count_failure(n, reason, DISC_NONE);
		due = backoff(p, n, now, now);
	}
	node_settle(p, n, due);
}

void
plan_goal(struct plan *p, uint32_t dialed)
{
	p->goal = dialed;
}

static void
past_drop(struct plan *p, struct node *n)
{
	TAILQ_REMOVE(&p->past, n, entry);
	p->npast--;
	n->past = 0;
	node_settle(p, n, n->due);
}

static void
past_expire(struct plan *p, uint64_t now)
{
	struct node	*n;

	while ((n = TAILQ_FIRST(&p->past)) != NULL &&
	    (p->npast > PLAN_PAST_MAX || n->begun + p->conf.history_ms <= now))
		past_drop(p, n);
}

int
plan_candidate(struct plan *p, const struct plan_cand *c, uint64_t now)
{
	struct node	*n;

	past_expire(p, now);
	if (p->ncands[!c->hint] >= PLAN_CANDS_MAX ||
	    node_find(p, c->id) != NULL || (n = node_get(p, c->id)) == NULL) {
		p->refused++;
		return 0;
	}
	memcpy(n->host, c->host, sizeof(n->host));
	n->tcp = c->tcp;
	n->hint = c->hint != 0;
	n->waits = 1;
	TAILQ_INSERT_TAIL(cands_of(p, n), n, entry);
	p->ncands[!n->hint]++;
	p->taken++;
	return 1;
}

void
plan_refused(struct plan *p)
{
	p->refused++;
}

/* Dials to candidates that may begin: twice what is missing, as most fail. */
static uint32_t
cand_room(const struct plan *p)
{
	uint64_t	 room;

	if (!p->conf.on || p->dialed >= p->goal)
		return 0;
	room = 2 * (uint64_t)(p->goal - p->dialed);
	if (room > p->conf.slots)
		room = p->conf.slots;
	room = room > p->chosen ? room - p->chosen : 0;
	if (room > p->conf.slots - p->dialing)
		room = p->conf.slots - p->dialing;
	return (uint32_t)room;
}

static struct node *
cand_first(const struct plan *p)
{
	struct node	*n = TAILQ_FIRST(&p->cands[0]);

	return n != NULL ? n : TAILQ_FIRST(&p->cands[1]);
}

void
plan_stats(const struct plan *p, struct plan_stats *st)
{
	uint32_t	 room = p->dialing >= p->conf.slots ? 0 : cand_room(p);

	st->waiting = p->ncands[0] + p->ncands[1];
	st->want = room > st->waiting ? room - st->waiting : 0;
	st->dialing = p->chosen;
	st->taken = p->taken;
	st->refused = p->refused;
}

/* A static node that is due, else a candidate. */
static struct node *
choose(struct plan *p, uint64_t now)
{
	struct node	*n = RB_MIN(plan_dues, &p->dues);

	if (n != NULL && n->due <= now) {
		node_unqueue(p, n);
		return n;
	}
	n = cand_room(p) == 0 ? NULL : cand_first(p);
	if (n != NULL) {
		cand_remove(p, n);
		n->chosen = 1;
		p->chosen++;
	}
	return n;
}

int
plan_next(struct plan *p, struct plan_dial *d, uint64_t now)
{
	struct node	*n;

	if (!p->conf.on || p->dialing >= p->conf.slots ||
	    (n = choose(p, now)) == NULL)
		return 0;
	n->dialing = 1;
	n->begun = now;
	p->dialing++;
	memcpy(d->id, n->id, SECP_PUB);
	memcpy(d->host, n->host, sizeof(d->host));
	d->is_static = n->is_static;
	d->tcp = n->tcp;
	d->turn = n->turn;
	return 1;
}

/* The dial to a candidate is over. */
static void
cand_done(struct plan *p, struct node *n)
{
	n->chosen = 0;
	p->chosen--;
	if (n->is_static)
		return;
	n->past = 1;
	TAILQ_INSERT_TAIL(&p->past, n, entry);
	p->npast++;
}

void
plan_done(struct plan *p, const uint8_t id[SECP_PUB],
    const struct plan_result *r, uint64_t now)
{
	struct node	*n;
	uint64_t	 due = now;

	if ((n = node_find(p, id)) == NULL || !n->dialing)
		return;
	n->dialing = 0;
	p->dialing--;
	if (n->chosen)
		cand_done(p, n);
	if (r->accepted)
		node_up(p, n, 1);
	else if (!is_outdated(n, r)) {
		count_failure(n, r->reason, r->disc_recv);
		n->turn += r->reached != 0;
		due = backoff(p, n, n->begun, now);
	}
	n->fresh = n->again = 0;
	node_settle(p, n, due);
	past_expire(p, now);
}

int64_t
plan_wait(const struct plan *p, uint64_t now)
{
	struct plan_dues	 head = p->dues;
	struct node		*n;

	if (!p->conf.on || p->dialing >= p->conf.slots)
		return -1;
	if (cand_first(p) != NULL && cand_room(p) > 0)
		return 0;
	if ((n = RB_MIN(plan_dues, &head)) == NULL)
		return -1;
	return n->due <= now ? 0 : (int64_t)(n->due - now);
}

size_t
plan_dialing(const struct plan *p)
{
	return p->dialing;
}

enum plan_stand
plan_stand(const struct plan *p, const uint8_t id[SECP_PUB], uint64_t now,
    uint64_t *ms)
{
	struct plan_ids	 head = p->ids;
	struct node	*n, key;
	uint64_t	 end;

	*ms = 0;
	memcpy(key.id, id, SECP_PUB);
	if ((n = RB_FIND(plan_ids, &head, &key)) == NULL)
		return PLAN_UNKNOWN;
	if (n->up)
		return PLAN_PEER;
	if (n->dialing)
		return PLAN_DIALS;
	if (n->is_static) {
		*ms = n->due <= now ? 0 : n->due - now;
		return PLAN_DUE;
	}
	if (n->waits)
		return PLAN_WAITS;
	end = n->begun + p->conf.history_ms;
	if (!n->past || end <= now)
		return PLAN_UNKNOWN;
	*ms = end - now;
	return PLAN_DIALED;
}
