/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_LOOKUP_H
#define P2PD_DISCOVERY_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "p2pd/discovery/node.h"

/*
 * An iterative search for the nodes closest to a target. It asks at most
 * LOOKUP_ALPHA at once, always the closest not asked yet, and is over when
 * the LOOKUP_K closest of those that are not given up have been asked. A node
 * that gave no answer makes room for the next; as long as it is among the
 * closest it is asked again at the end, up to the tries given.
 */
#define LOOKUP_ALPHA	3
#define LOOKUP_K	16
#define LOOKUP_HELD	48	/* nodes held, closest first */
#define LOOKUP_SEEN	512	/* nodes looked at in all */

struct lookup_stats {
	uint32_t	 asked;		/* questions */
	uint32_t	 answered;
	uint32_t	 seen;		/* different nodes */
	uint32_t	 hops;		/* longest way from what we knew to a result */
	uint32_t	 ms;
};

struct lookup_ops {
	/*
	 * Asks the node, by number: lookup_answer() is to be called with it,
	 * later, unless lookup_free() comes first. -1: cannot now.
	 */
	int	 (*ask)(void *arg, uint32_t q, const struct node *);
	/* A node not seen before. May be NULL. */
	void	 (*seen)(void *arg, const struct node *);
	/*
	 * Is a node there that gave no answer? It belongs to the result then.
	 * May be NULL: no.
	 */
	int	 (*alive)(void *arg, const struct node *);
};

struct lookup;

/* tries: how often a node is asked before it is given up. NULL: no memory. */
struct lookup *lookup_new(const struct lookup_ops *, void *arg,
	    const uint8_t self[NODE_ID], const uint8_t target[NODE_ID],
	    unsigned int tries, uint64_t now);
/* No question is open any more. */
void	 lookup_free(struct lookup *);
/* A node to begin with. */
void	 lookup_add(struct lookup *, const struct node *);
/* Asks as many as may be asked. 1: goes on; 0: done. */
int	 lookup_run(struct lookup *, uint64_t now);
/* What q was answered with; ok 0: no answer came. Then lookup_run(). */
void	 lookup_answer(struct lookup *, uint32_t q, int ok,
	    const struct node *v, size_t n);
/* The closest, without those given up. Good until the lookup changes. */
size_t	 lookup_result(const struct lookup *, const struct node **out,
	    size_t max);
void	 lookup_stats(const struct lookup *, struct lookup_stats *,
	    uint64_t now);

#endif
