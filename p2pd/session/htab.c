/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>

#include "p2pd/session/htab.h"

#define HTAB_MIN	16

struct hnode *
htab_find(const struct htab *t, uint32_t key)
{
	struct hnode	*n;

	if (t->size == 0)
		return NULL;
	for (n = t->v[key & (t->size - 1)]; n != NULL; n = n->next)
		if (n->key == key)
			return n;
	return NULL;
}

static int
grow(struct htab *t)
{
	struct hnode	**v, *n, *next;
	uint32_t	  size, i;

	size = t->size == 0 ? HTAB_MIN : t->size * 2;
	if ((v = calloc(size, sizeof(struct hnode *))) == NULL)
		return -1;
	for (i = 0; i < t->size; i++) {
		for (n = t->v[i]; n != NULL; n = next) {
			next = n->next;
			n->next = v[n->key & (size - 1)];
			v[n->key & (size - 1)] = n;
		}
	}
	free(t->v);
	t->v = v;
	t->size = size;
	return 0;
}

int
htab_insert(struct htab *t, struct hnode *n)
{
	struct hnode	**slot;

	if (t->n >= t->size && grow(t) == -1 && t->size == 0)
		return -1;
	slot = &t->v[n->key & (t->size - 1)];
	n->next = *slot;
	*slot = n;
	t->n++;
	return 0;
}

void
htab_remove(struct htab *t, struct hnode *n)
{
	struct hnode	**slot;

	for (slot = &t->v[n->key & (t->size - 1)]; *slot != NULL;
	    slot = &(*slot)->next) {
		if (*slot == n) {
			*slot = n->next;
			n->next = NULL;
			t->n--;
			return;
		}
	}
}

void
htab_free(struct htab *t)
{
	free(t->v);
	t->v = NULL;
	t->size = t->n = 0;
}
