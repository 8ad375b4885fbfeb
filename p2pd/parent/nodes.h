/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_NODES_H
#define P2PD_PARENT_NODES_H

#include <sys/tree.h>
#include <stdint.h>

#include "common/wire/enode.h"

/* A node that the operator named. */
#define NODE_STATIC	0x01	/* keep connected */
#define NODE_TRUSTED	0x02	/* may enter above max-peers */
#define NODE_ALLOWED	0x04	/* on the allowlist */

struct node {
	RB_ENTRY(node)	 entry;
	struct enode	 en;		/* host is "" unless static, or saved as such */
	uint8_t		 is;		/* NODE_* in force */
	uint8_t		 saved;		/* NODE_* kept in the state file */
};
RB_HEAD(node_tree, node);

struct nodes {
	struct node_tree tree;
	unsigned int	 n;
};

#define NODES_MAX	16384	/* that a daemon remembers */

void	 nodes_init(struct nodes *);
struct node *nodes_find(struct nodes *, const uint8_t id[SECP_PUB]);
/* What a node is, 0 when unknown. */
unsigned int nodes_is(struct nodes *, const uint8_t id[SECP_PUB]);
/*
 * Adds bits to a node, making it when new; a static node takes the address
 * given. NULL with errno when there are too many or no memory.
 */
struct node *nodes_set(struct nodes *, const struct enode *, unsigned int is,
	    int save);
/*
 * Takes bits away; saved ones too when save is set. A node with none left is
 * freed. -1 when it did not have them.
 */
int	 nodes_clear(struct nodes *, const uint8_t id[SECP_PUB], unsigned int is,
	    int save);

#define NODES_FOREACH(n, ns)	RB_FOREACH(n, node_tree, &(ns)->tree)
RB_PROTOTYPE(node_tree, node, entry, node_cmp);

#endif
