/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_TIMER_H
#define P2PD_DISCOVERY_TIMER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Deadlines, the earliest first: a heap. Timers lie in what they stand for;
 * an all zero one, with its function set, is not in the heap.
 */
struct timer {
	void		(*fn)(void *arg);
	void		*arg;
	uint64_t	 when;
	uint64_t	 order;		/* equal times: first set, first run */
	uint32_t	 pos;		/* from 1; 0: not set */
};

struct timers {			/* all zero: empty */
	struct timer	**v;
	uint32_t	 n;
	uint32_t	 size;
	uint64_t	 order;
};

/* Room for n timers at once, so that setting cannot fail. 0 or -1. */
int	 timers_reserve(struct timers *, uint32_t n);
/* Sets, or moves. There must be room. */
void	 timer_set(struct timers *, struct timer *, uint64_t when);
void	 timer_clear(struct timers *, struct timer *);
int	 timer_isset(const struct timer *);
/* The next deadline, UINT64_MAX: none. */
uint64_t timers_next(const struct timers *);
/* Runs those that were due by now, each no longer set. */
void	 timers_run(struct timers *, uint64_t now);
void	 timers_free(struct timers *);

#endif
