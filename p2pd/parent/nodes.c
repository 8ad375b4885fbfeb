/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/parent/nodes.h"

static int
node_cmp(struct node *a, struct node *b)
{
	return memcmp(a->en.id, b->en.id, sizeof(a->en.id));
}

RB_GENERATE(node_tree, node, entry, node_cmp)

void
nodes_init(struct nodes *ns)
{
	RB_INIT(&ns->tree);
	ns->n = 0;
}

struct node *
nodes_find(struct nodes *ns, const uint8_t id[SECP_PUB])
{
	struct node key;

	memcpy(key.en.id, id, sizeof(key.en.id));
	return RB_FIND(node_tree, &ns->tree, &key);
}

unsigned int
nodes_is(struct nodes *ns, const uint8_t id[SECP_PUB])
{
	struct node *n = nodes_find(ns, id);

	return n == NULL ? 0 : n->is;
}

struct node *
nodes_set(struct nodes *ns, const struct enode *en, unsigned int is, int save)
{
	struct node *n;

	n = nodes_find(ns, en->id);
	if (n == NULL) {
		if (ns->n >= NODES_MAX) {
			errno = ENOSPC;
			return NULL;
		}
		n = calloc(1, sizeof(*n));
		if (n == NULL)
			return NULL;
		memcpy(n->en.id, en->id, sizeof(n->en.id));
		RB_INSERT(node_tree, &ns->tree, n);
		ns->n++;
	}
	if (is & NODE_STATIC)
		n->en = *en;
	n->is |= is;
	if (save)
		n->saved |= is;
	return n;
}

int
nodes_clear(struct nodes *ns, const uint8_t id[SECP_PUB], unsigned int is,
    int save)
{
	struct node *n;

	n = nodes_find(ns, id);
	if (n == NULL || !((n->is | (save ? n->saved : 0)) & is))
		return -1;
	n->is &= ~is;
	if (save)
		n->saved &= ~is;
	if (!((n->is | n->saved) & NODE_STATIC)) {
		memset(n->en.host, 0, sizeof(n->en.host));
		n->en.tcp = n->en.udp = 0;
	}
	if (n->is == 0 && n->saved == 0) {
		RB_REMOVE(node_tree, &ns->tree, n);
		ns->n--;
		free(n);
	}
	return 0;
}
