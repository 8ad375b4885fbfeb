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
/*
 * Whether all that this peer shares belongs to one application which is full:
 * then it is not to be read.
 */
int	 mux_blocked(const struct peer *);
/* Something that waited for this application counts no longer for this peer. */
void	 mux_left(struct app *, struct peer *);
/* One that waited was dropped, of this capability and range, either NULL. */
void	 mux_dropped(struct appcap *, struct peercap *);
/* It has read some. */
void	 mux_wrote(struct app *);

#endif
