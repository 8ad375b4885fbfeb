/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>

#include "lib/internal.h"

static size_t
slot(const struct table *t, uint64_t key)
{
	key *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(key >> 32) & (t->nbuckets - 1);
}

static int
grow(struct table *t)
{
	struct table	 to;
	struct node	*n, *chain;
	size_t		 i, s;

	to.nbuckets = t->nbuckets == 0 ? 64 : 2 * t->nbuckets;
	to.n = t->n;
	if ((to.bucket = calloc(to.nbuckets, sizeof(*to.bucket))) == NULL)
		return -1;
	for (i = 0; i < t->nbuckets; i++) {
		for (n = t->bucket[i]; n != NULL; n = chain) {
			chain = n->chain;
			s = slot(&to, n->key);
			n->chain = to.bucket[s];
			to.bucket[s] = n;
		}
	}
	free(t->bucket);
	*t = to;
	return 0;
}

int
table_add(struct table *t, struct node *list, struct node *n, uint64_t key)
{
	size_t	 s;

	if (t->n >= t->nbuckets && grow(t) == -1)
		return -1;
	n->key = key;
	s = slot(t, key);
	n->chain = t->bucket[s];
	t->bucket[s] = n;
	t->n++;
	n->next = list;
	n->prev = list->prev;
	list->prev->next = n;
	list->prev = n;
	return 0;
}

struct node *
table_find(const struct table *t, uint64_t key)
{
	struct node	*n;

	if (t->nbuckets == 0)
		return NULL;
	for (n = t->bucket[slot(t, key)]; n != NULL; n = n->chain) {
		if (n->key == key)
			return n;
	}
	return NULL;
}

void
table_del(struct table *t, struct node *n)
{
	struct node	**pp;

	for (pp = &t->bucket[slot(t, n->key)]; *pp != n; pp = &(*pp)->chain)
		continue;
	*pp = n->chain;
	t->n--;
	n->prev->next = n->next;
	n->next->prev = n->prev;
}

void
table_free(struct table *t)
{
	struct node	*n, *chain;
	size_t		 i;

	for (i = 0; i < t->nbuckets; i++) {
		for (n = t->bucket[i]; n != NULL; n = chain) {
			chain = n->chain;
			free(n);
		}
	}
	free(t->bucket);
	t->bucket = NULL;
	t->nbuckets = t->n = 0;
}

void
list_init(struct node *list)
{
	list->prev = list->next = list;
}

struct node *
list_first(const struct node *list)
{
	return list->next == list ? NULL : list->next;
}
