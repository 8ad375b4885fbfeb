/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/examples/eth-headers/chain.h"

void
chain_init(struct chain *c, const uint8_t genesis[ETH_HASH], uint64_t batch)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->tip, genesis, ETH_HASH);
	c->next = 1;
	c->batch = batch;
	TAILQ_INIT(&c->pieces);
}

static void
drop(struct chain *c, struct piece *p)
{
	TAILQ_REMOVE(&c->pieces, p, entry);
	c->npieces--;
	free(p);
}

void
chain_free(struct chain *c)
{
	struct piece	*p;

	while ((p = TAILQ_FIRST(&c->pieces)) != NULL)
		drop(c, p);
}

/* A new piece in its place; pieces are few. */
static struct piece *
add(struct chain *c, uint64_t first, uint64_t count)
{
	struct piece	*p, *after;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->first = first;
	p->count = count;
	TAILQ_FOREACH_REVERSE(after, &c->pieces, pieces, entry) {
		if (after->first < first)
			break;
	}
	if (after != NULL)
		TAILQ_INSERT_AFTER(&c->pieces, after, p, entry);
	else
		TAILQ_INSERT_HEAD(&c->pieces, p, entry);
	c->npieces++;
	return p;
}

static struct laid *
newest(struct chain *c)
{
	if (c->nback == 0)
		return NULL;
	return &c->back[(c->at + CHAIN_BACK - 1) % CHAIN_BACK];
}

/*
 * In a dispute neither party is asked, as long as there is a third; of two the
 * one who gave the tip.
 */
static int
may_judge(struct chain *c, const struct piece *p, uint32_t peer,
    unsigned int able)
{
	const struct laid	*l = newest(c);

	if (p->claimant == 0 || able <= 1)
		return 1;
	return p->claimant != peer &&
	    (able <= 2 || l == NULL || l->from != peer);
}

struct piece *
chain_want(struct chain *c, uint32_t peer, uint64_t max, unsigned int able)
{
	struct piece	*p;
	uint64_t	 count = c->batch;

	TAILQ_FOREACH(p, &c->pieces, entry) {
		if (p->state == PIECE_WANTED && p->first <= max &&
		    may_judge(c, p, peer, able)) {
			p->state = PIECE_ASKED;
			return p;
		}
	}
	if (c->npieces >= CHAIN_WINDOW || c->next > c->target || c->next > max)
		return NULL;
	if (count > c->target - c->next + 1)
		count = c->target - c->next + 1;
	if ((p = add(c, c->next, count)) == NULL)
		return NULL;
	c->next += count;
	p->state = PIECE_ASKED;
	return p;
}

void
chain_give_up(struct chain *c, struct piece *p)
{
	p->state = PIECE_WANTED;
	/* Nobody may have it: what is at the end can be planned anew. */
	if (TAILQ_NEXT(p, entry) == NULL && p->claimant == 0 &&
	    p->first + p->count == c->next) {
		c->next = p->first;
		drop(c, p);
	}
}

int
chain_put(struct chain *c, struct piece *p, uint32_t from, struct rlp *headers)
{
	struct eth_header	 h;
	uint8_t			 last[ETH_HASH];
	uint64_t		 n;

	for (n = 0; !rlp_atend(headers); n++) {
		if (n == p->count || eth_header_next(&h, headers) == -1 ||
		    h.number != p->first + n ||
		    (n > 0 && memcmp(h.parent, last, ETH_HASH) != 0)) {
			chain_give_up(c, p);
			return -1;
		}
		if (n == 0)
			memcpy(p->parent, h.parent, ETH_HASH);
		memcpy(last, h.hash, ETH_HASH);
	}
	/* What is missing at its end becomes a piece of its own. */
	if (n == 0 || (n < p->count &&
	    add(c, p->first + n, p->count - n) == NULL)) {
		chain_give_up(c, p);
		return 0;
	}
	memcpy(p->last, last, ETH_HASH);
	p->count = n;
	p->from = from;
	p->state = PIECE_HERE;
	return (int)n;
}

static void
lay(struct chain *c, struct piece *p)
{
	struct laid	*l;

	l = &c->back[c->at];
	c->at = (c->at + 1) % CHAIN_BACK;
	if (c->nback < CHAIN_BACK)
		c->nback++;
	l->first = p->first;
	l->from = p->from;
	memcpy(l->parent, p->parent, ETH_HASH);
	c->height = p->first + p->count - 1;
	memcpy(c->tip, p->last, ETH_HASH);
	drop(c, p);
}

/* The tip is false: its piece is wanted again. Returns who gave it. */
static uint32_t
take_back(struct chain *c)
{
	struct laid	*l = newest(c);

	if (add(c, l->first, c->height - l->first + 1) == NULL)
		return 0;
	c->height = l->first - 1;
	memcpy(c->tip, l->parent, ETH_HASH);
	c->at = (c->at + CHAIN_BACK - 1) % CHAIN_BACK;
	c->nback--;
	return l->from;
}

/* The piece does not link. Returns who lied, if that can be told. */
static uint32_t
dispute(struct chain *c, struct piece *p)
{
	struct laid	*l = newest(c);
	uint32_t	 liar = 0;

	if (l == NULL || l->from == p->from) {
		/* Not on the genesis that all agree on, or against itself. */
		liar = p->from;
		if (l != NULL)
			take_back(c);
		p->state = PIECE_WANTED;
		return liar;
	}
	if (p->claimant != 0 && memcmp(p->claim, p->parent, ETH_HASH) == 0) {
		p->claimant = 0;
		return take_back(c);
	}
	p->claimant = p->from;
	memcpy(p->claim, p->parent, ETH_HASH);
	p->state = PIECE_WANTED;
	return 0;
}

uint32_t
chain_lay(struct chain *c)
{
	struct piece	*p;
	uint32_t	 liar;

	while ((p = TAILQ_FIRST(&c->pieces)) != NULL && p->state == PIECE_HERE &&
	    p->first == c->height + 1) {
		if (memcmp(p->parent, c->tip, ETH_HASH) == 0) {
			liar = p->claimant != p->from ? p->claimant : 0;
			lay(c, p);
		} else
			liar = dispute(c, p);
		if (liar != 0)
			return liar;
	}
	return 0;
}
