/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "p2pd/parent/retire.h"

static int
in_need(const struct capability *c)
{
	return c->advertised && c->meta.wanted > 0 &&
	    c->npeers < c->meta.wanted;
}

/* A new owner has the old one's peers, if all that was negotiated is equal. */
static struct capability *
served(struct apps *as, const struct peershare *s)
{
	struct capability *c = apps_byname(as, s->name);
	uint32_t i;

	if (c == NULL || c->id == s->owner)
		return c;
	for (i = 0; i < c->nvers; i++)
		if (c->vers[i].version == s->version &&
		    c->vers[i].codes == s->codes)
			return c;
	return NULL;
}

void
retire_count(struct apps *as, struct peers *ps)
{
	struct capability *c;
	struct peer *p;
	uint32_t i;

	TAILQ_FOREACH(c, &as->caps, entry)
		c->npeers = 0;
	PEERS_FOREACH(p, ps)
		for (i = 0; i < p->nshares; i++) {
			c = served(as, &p->shares[i]);
			if (c != NULL)
				c->npeers++;
		}
}

int
retire_needed(struct apps *as)
{
	struct capability *c;

	TAILQ_FOREACH(c, &as->caps, entry)
		if (in_need(c))
			return 1;
	return 0;
}

/* How many it serves, -1 when one of them can not do without it. */
static int
serves(struct apps *as, const struct peer *p)
{
	struct capability *c;
	uint32_t i;
	int n = 0;

	for (i = 0; i < p->nshares; i++) {
		c = served(as, &p->shares[i]);
		if (c == NULL)
			continue;
		if (c->meta.wanted > 0 && c->npeers <= c->meta.wanted)
			return -1;
		n++;
	}
	return n;
}

static int
may_go(const struct peer *p, int dialed, uint64_t now, uint64_t age_ms)
{
	return !(p->flags & (PF_STATIC | PF_TRUSTED)) && !p->stopping &&
	    !(dialed && (p->flags & PF_INBOUND)) &&
	    now - p->since_ms >= age_ms;
}

struct peer *
retire_pick(struct apps *as, struct peers *ps, int dialed, uint64_t now,
    uint64_t age_ms)
{
	struct peer *p, *best = NULL;
	int n, fewest = 0;

	PEERS_FOREACH(p, ps) {
		if (!may_go(p, dialed, now, age_ms) || (n = serves(as, p)) == -1)
			continue;
		if (best == NULL || n < fewest ||
		    (n == fewest && p->since_ms >= best->since_ms)) {
			best = p;
			fewest = n;
		}
	}
	return best;
}
