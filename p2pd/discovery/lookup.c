/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/lookup.h"

#define SLOTS		(2 * LOOKUP_SEEN)	/* a power of two */
#define ASKED_MAX	160	/* questions: liars cannot keep us for ever */

enum state { NEW, ASKING, ANSWERED, FAILED };

struct held {
	struct node	 node;
	enum state	 state;
	uint8_t		 tries;
	uint8_t		 hops;
};

struct question {
	uint32_t	 q;		/* 0: none */
	uint8_t		 id[NODE_ID];
	uint8_t		 hops;
};

struct lookup {
	const struct lookup_ops	*ops;
	void			*arg;
	uint8_t			 self[NODE_ID];
	uint8_t			 target[NODE_ID];
	unsigned int		 tries;
	uint64_t		 began;
	uint32_t		 q;
	unsigned int		 nopen;
	struct question		 open[LOOKUP_ALPHA];
	struct held		*v[LOOKUP_HELD];	/* closest first */
	unsigned int		 n;
	struct lookup_stats	 st;
	uint64_t		 seen[SLOTS];	/* the first bytes of an id; 0: free */
};

struct lookup *
lookup_new(const struct lookup_ops *ops, void *arg, const uint8_t self[NODE_ID],
    const uint8_t target[NODE_ID], unsigned int tries, uint64_t now)
{
	struct lookup	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	l->ops = ops;
	l->arg = arg;
	memcpy(l->self, self, NODE_ID);
	memcpy(l->target, target, NODE_ID);
	l->tries = tries;
	l->began = now;
	return l;
}

static void
held_free(struct held *h)
{
	node_clear(&h->node);
	free(h);
}

void
lookup_free(struct lookup *l)
{
	if (l == NULL)
		return;
	while (l->n > 0)
		held_free(l->v[--l->n]);
	free(l);
}

/* 1 where the id was not seen before, and there is room to remember it. */
static int
first_sight(struct lookup *l, const uint8_t id[NODE_ID])
{
	uint64_t	 word;
	size_t		 i;

	memcpy(&word, id, sizeof(word));
	if (word == 0 || l->st.seen >= LOOKUP_SEEN)
		return 0;
	/* The last bytes choose the place: the first are all alike. */
	i = (id[NODE_ID - 1] | (size_t)id[NODE_ID - 2] << 8) & (SLOTS - 1);
	for (; l->seen[i] != 0; i = (i + 1) & (SLOTS - 1))
		if (l->seen[i] == word)
			return 0;
	l->seen[i] = word;
	l->st.seen++;
	return 1;
}

static void
insert(struct lookup *l, const struct node *n, unsigned int hops)
{
	struct held	*h;
	unsigned int	 at;

	for (at = l->n; at > 0 && node_cmp(l->target, n->id,
	    l->v[at - 1]->node.id) < 0; at--)
		continue;
	if (at == LOOKUP_HELD || (h = calloc(1, sizeof(*h))) == NULL)
		return;
	if (l->n == LOOKUP_HELD)
		held_free(l->v[--l->n]);
	node_copy(&h->node, n);
	h->hops = hops;
	memmove(&l->v[at + 1], &l->v[at], (l->n - at) * sizeof(l->v[0]));
	l->v[at] = h;
	l->n++;
}

static void
take(struct lookup *l, const struct node *n, unsigned int hops)
{
	if (memcmp(n->id, l->self, NODE_ID) == 0 || !first_sight(l, n->id))
		return;
	insert(l, n, hops);
	if (l->ops->seen != NULL)
		l->ops->seen(l->arg, n);
}

void
lookup_add(struct lookup *l, const struct node *n)
{
	take(l, n, 0);
}

static void
ask(struct lookup *l, struct held *h)
{
	struct question	*o = l->open;

	while (o->q != 0)
		o++;
	o->q = ++l->q;
	memcpy(o->id, h->node.id, NODE_ID);
	o->hops = h->hops;
	h->tries++;
	l->st.asked++;
	if (l->ops->ask(l->arg, o->q, &h->node) == -1) {
		o->q = 0;
		h->state = FAILED;
	} else {
		h->state = ASKING;
		l->nopen++;
	}
}

/* The closest that are of use: asks those of them that are new. */
static void
ask_new(struct lookup *l)
{
	unsigned int	 i, k = 0;

	for (i = 0; i < l->n && k < LOOKUP_K; i++) {
		if (l->nopen == LOOKUP_ALPHA || l->st.asked == ASKED_MAX)
			return;
		if (l->v[i]->state == NEW)
			ask(l, l->v[i]);
		k += l->v[i]->state != FAILED;
	}
}

/* Those among the closest that did not answer, as often as may be. */
static void
ask_again(struct lookup *l)
{
	unsigned int	 i, k = 0;

	for (i = 0; i < l->n && k < LOOKUP_K; i++) {
		if (l->nopen == LOOKUP_ALPHA || l->st.asked == ASKED_MAX)
			return;
		if (l->v[i]->state == FAILED && l->v[i]->tries < l->tries)
			ask(l, l->v[i]);
		k += l->v[i]->state != FAILED;
	}
}

int
lookup_run(struct lookup *l, uint64_t now)
{
	ask_new(l);
	if (l->nopen < LOOKUP_ALPHA)
		ask_again(l);
	l->st.ms = now - l->began;
	return l->nopen > 0;
}

static void
mark(struct lookup *l, const uint8_t id[NODE_ID], int ok)
{
	unsigned int	 i;

	for (i = 0; i < l->n; i++)
		if (memcmp(l->v[i]->node.id, id, NODE_ID) == 0)
			l->v[i]->state = ok ? ANSWERED : FAILED;
}

void
lookup_answer(struct lookup *l, uint32_t q, int ok, const struct node *v,
    size_t n)
{
	struct question	*o;
	unsigned int	 hops;
	size_t		 i;

	for (o = l->open; o < l->open + LOOKUP_ALPHA && o->q != q; o++)
		continue;
	if (q == 0 || o == l->open + LOOKUP_ALPHA)
		return;
	mark(l, o->id, ok);
	hops = o->hops + (o->hops < UINT8_MAX);
	o->q = 0;
	l->nopen--;
	l->st.answered += ok != 0;
	for (i = 0; i < n; i++)
		take(l, &v[i], hops);
}

/* Given no answer, it may have shown otherwise that it is there. */
static int
counts(const struct lookup *l, const struct held *h)
{
	return h->state == ANSWERED || (h->state == FAILED &&
	    l->ops->alive != NULL && l->ops->alive(l->arg, &h->node));
}

size_t
lookup_result(const struct lookup *l, const struct node **out, size_t max)
{
	size_t		 have = 0;
	unsigned int	 i;

	for (i = 0; i < l->n && have < max; i++)
		if (counts(l, l->v[i]))
			out[have++] = &l->v[i]->node;
	return have;
}

void
lookup_stats(const struct lookup *l, struct lookup_stats *st, uint64_t now)
{
	unsigned int	 i, k = 0;

	*st = l->st;
	st->ms = now - l->began;
	for (i = 0; i < l->n && k < LOOKUP_K; i++) {
		if (!counts(l, l->v[i]))
			continue;
		k++;
		if (l->v[i]->hops > st->hops)
			st->hops = l->v[i]->hops;
	}
}
