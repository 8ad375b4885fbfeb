/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_PRESSURE_H
#define P2PD_SESSION_PRESSURE_H

/*
 * Memory is over its budget: whoever holds more than a little is not read, and
 * an application's queue is full early. If that does not help within a second
 * the largest holders go, and at once when it is critical.
 */
#define TIGHT	(64 * 1024)	/* bytes that anybody may hold */

void	 pressure_setup(void);
/* In the turn, where objects may be freed. */
void	 pressure_turn(void);

#endif
