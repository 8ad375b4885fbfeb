/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/parent/apps.h"

/* What our Hello lists, generation by generation. */

static int
localcap_cmp(const void *va, const void *vb)
{
	const struct localcap *a = va, *b = vb;
	int c;

	c = strcmp(a->cap.name, b->cap.name);
	if (c != 0)
		return c;
	return a->cap.version < b->cap.version ? -1 :
	    a->cap.version > b->cap.version;
}

/* Fills a helloset with the capabilities for which want() holds. */
static int
helloset_fill(struct apps *as, struct helloset *hs,
    int (*want)(const struct capability *))
{
	struct hello h;
	struct capability *c;
	size_t len;
	uint32_t i, names = 0;

	hs->n = 0;
	TAILQ_FOREACH(c, &as->caps, entry) {
		if (!want(c))
			continue;
		/* What is offered must fit into what a peer may share. */
		if (names++ == SHARED_MAX)
			return -1;
		for (i = 0; i < c->nvers; i++) {
			if (hs->n == LOCALCAPS_MAX)
				return -1;
			memcpy(hs->caps[hs->n].cap.name, c->name, sizeof(c->name));
			hs->caps[hs->n].cap.version = c->vers[i].version;
			hs->caps[hs->n].codes = c->vers[i].codes;
			hs->caps[hs->n].owner = c->id;
			hs->n++;
		}
	}
	qsort(hs->caps, hs->n, sizeof(hs->caps[0]), localcap_cmp);

	memset(&h, 0, sizeof(h));
	h.version = BASE_VERSION;
	memcpy(h.client, as->client, sizeof(h.client));
	memcpy(h.id, as->id, sizeof(h.id));
	for (i = 0; i < hs->n && i < CAPS_MAX; i++)
		h.caps[h.ncaps++] = hs->caps[i].cap;
	if (hello_encode(hs->payload, sizeof(hs->payload), &len, &h) == -1)
		return -1;
	hs->len = len;
	return 0;
}

static int
want_advertised(const struct capability *c)
{
	return c->advertised;
}

static int
want_all(const struct capability *c)
{
	return 1;
}

static int
cap_among(const struct capability *c, const struct cap *theirs, uint32_t n)
{
	uint32_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < c->nvers; j++)
			if (c->vers[j].version == theirs[i].version &&
			    strcmp(c->name, theirs[i].name) == 0)
				return 1;
	return 0;
}

int
apps_awaits(const struct apps *as, const struct cap *theirs, uint32_t n)
{
	const struct capability *c;

	TAILQ_FOREACH(c, &as->caps, entry)
		if (!c->advertised && c->away != 0 &&
		    (theirs == NULL || cap_among(c, theirs, n)))
			return 1;
	return 0;
}

struct helloset *
helloset_ref(struct helloset *hs)
{
	hs->refs++;
	return hs;
}

void
helloset_unref(struct helloset *hs)
{
	if (hs != NULL && --hs->refs == 0)
		free(hs);
}

/* Recomputes what is advertised; a new generation when it changed. */
int
apps_update(struct apps *as)
{
	struct capability *c;
	struct helloset *hs;
	int adv, changed = as->hello == NULL || as->stale;

	TAILQ_FOREACH(c, &as->caps, entry) {
		adv = as->running != 0 &&
		    (c->sessions & as->running) == as->running;
		/* Once advertised it stays while a session can take its
		   peers: those that were started again are given to its owner
		   meanwhile, others keep it for one that is away. */
		if (c->advertised &&
		    ((c->sessions | c->orphans) & as->running) != 0)
			adv = 1;
		if (adv != c->advertised) {
			c->advertised = adv;
			changed = as->meta_changed = 1;
		}
	}
	if (!changed)
		return 0;
	as->stale = 1;
	hs = calloc(1, sizeof(*hs));
	if (hs == NULL)
		return -1;
	if (helloset_fill(as, hs, want_advertised) == -1) {
		free(hs);
		errno = EMSGSIZE;
		return -1;
	}
	as->stale = 0;
	hs->generation = as->next_gen++;
	hs->refs = 1;
	helloset_unref(as->hello);
	as->hello = hs;
	return 0;
}

/*
 * After capabilities were freed the present set may list them still. Without
 * memory it goes on as an older generation does: what it lists and nobody owns
 * any more is of no use at checkpoint two.
 */
void
apps_refresh(struct apps *as)
{
	struct capability *c;
	uint32_t i, live = 0;

	for (i = 0; i < as->hello->n; i++) {
		c = apps_cap(as, as->hello->caps[i].owner);
		if (c != NULL)
			live++;
	}
	if (live != as->hello->n)
		as->stale = 1;
	if (apps_update(as) == -1 && errno == EMSGSIZE)
		abort();	/* apps_hello_room() was asked before */
}

/*
 * The bytes that a Hello with all that is attached, advertised yet or not,
 * leaves; -1 and room as it was when it would not fit.
 */
int
apps_hello_room(struct apps *as, uint16_t *room)
{
	static struct helloset trial;

	if (helloset_fill(as, &trial, want_all) == -1)
		return -1;
	*room = HELLO_MAX - trial.len;
	return 0;
}
