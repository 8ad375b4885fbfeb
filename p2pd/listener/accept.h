/* SPDX-License-Identifier: ISC */
#ifndef P2PD_LISTENER_ACCEPT_H
#define P2PD_LISTENER_ACCEPT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

struct event_base;

/*
 * Listening sockets and when to take from them.  accept(2) failing for want
 * of something pauses all of them, first ACCEPT_PAUSE_MIN ms, then longer, so
 * that a shortage is never a busy loop.
 */
#define ACCEPT_PAUSE_MIN	200
#define ACCEPT_PAUSE_MAX	1000
#define ACCEPT_TURN		16	/* accepted a socket and turn */

struct accepts;

struct accepts_conf {
	struct event_base	*base;
	/* Whether there is room for one more; asked before each accept. */
	int	(*room)(void *arg);
	/* Takes the non-blocking, close-on-exec fd. */
	void	(*take)(int fd, const struct addr *remote, void *arg);
	void	*arg;
};

struct accepts *accepts_new(const struct accepts_conf *);	/* NULL: no memory */
void	 accepts_free(struct accepts *);
/* Takes the listening fd, which is made non-blocking. 0, or -1 with errno. */
int	 accepts_add(struct accepts *, int fd);
/* Begins, or goes on where room() or a shortage had stopped it. */
void	 accepts_resume(struct accepts *);
/* Closes all sockets. */
void	 accepts_close(struct accepts *);
int	 accepts_paused(const struct accepts *);	/* by a shortage */

#endif
