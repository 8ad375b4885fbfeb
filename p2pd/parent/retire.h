/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_RETIRE_H
#define P2PD_PARENT_RETIRE_H

#include "p2pd/parent/apps.h"
#include "p2pd/parent/peers.h"

/*
 * Who serves whom, and who makes room when the table is full and an
 * application has fewer peers than it wants. Pure: the clock is the caller's.
 */

/* Counts the peers of each capability anew. */
void	 retire_count(struct apps *, struct peers *);
/* A capability that said how many peers it wants has fewer. */
int	 retire_needed(struct apps *);
/*
 * The peer that is missed least: neither static nor trusted, of age_ms, of no
 * use to those in need, and no other application would fall below what it
 * wants. Of these who serves the fewest, and of these the youngest. With
 * dialed only peers that we dialed count. NULL when there is none.
 */
struct peer *retire_pick(struct apps *, struct peers *, int dialed,
	    uint64_t now, uint64_t age_ms);

#endif
