/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_HTAB_H
#define P2PD_SESSION_HTAB_H

#include <stdint.h>

/*
 * A table by number. Nodes lie in what they stand for, as its first member.
 * Keys are the parent's and run on, so their low bits are hash enough.
 */
struct hnode {
	struct hnode	*next;
	uint32_t	 key;
};

struct htab {			/* all zero: empty */
	struct hnode	**v;
	uint32_t	  size;
	uint32_t	  n;
};

struct hnode *htab_find(const struct htab *, uint32_t key);
/* 0, or -1 without memory. The key must not be there yet. */
int	 htab_insert(struct htab *, struct hnode *);
void	 htab_remove(struct htab *, struct hnode *);
/* Frees the table, not what it names. */
void	 htab_free(struct htab *);

#endif
