/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_MUX_H
#define P2PD_SESSION_MUX_H

#include <stddef.h>
#include <stdint.h>

#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"

/*
 * From peers to applications, with back-pressure. A queue counts as full when
 * it holds its limit already, so that any one message fits into an empty one.
 */

/* The range that holds a wire code; NULL when none does. */
struct peercap *mux_find(struct peer *, uint64_t code);
/* A message of this range, still compressed. REASON_NONE or why to end. */
int	 mux_message(struct peer *, struct peercap *, uint64_t code,
	    const uint8_t *data, size_t);
/* One that waited was dropped, of this capability and range, either NULL. */
void	 mux_dropped(struct appcap *, struct peercap *);

/*
 * A peer of which all that it shares belongs to one application is not read
 * while something is full: it is paused and waits for that, until half of it is
 * free, then for the next that is full, if any.
 */
enum mux_full {
	FULL_NOT,
	FULL_RANGE,		/* what waits of its range */
	FULL_CAP,		/* of the range's capability */
	FULL_APP		/* of the application */
};

/* Pauses the peer, answering 1, if something is full. */
int	 mux_stall(struct peer *);
/* Whether what it waits for has no room yet. */
int	 mux_waits(const struct peer *);
/* Goes on as soon as nothing is full: owners, limits or memory have changed. */
void	 mux_again(struct peer *);
void	 mux_limits(struct app *);	/* all that wait for it */
/* A message of this capability, and of this peer or NULL, waits no longer. */
void	 mux_left(struct appcap *, struct peer *);
/* Less waits for it: it has read some, or some was taken out. */
void	 mux_shrunk(struct app *);
/* In the turn: those for whom there is room go on. */
void	 mux_turn(void);

#endif
