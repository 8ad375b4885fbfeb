/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_BUDGET_H
#define P2PD_SESSION_BUDGET_H

#include <stddef.h>
#include <stdint.h>

/*
 * One memory budget for the process: whatever grows with what peers and
 * applications send is taken from it and given back to it, by holder. Over the
 * limit the session sheds load (pressure.c); an eighth above it at once, and
 * large pieces are not to be had.
 */
struct holder {
	size_t		 held;
};

/* pressed is called when the limit is crossed upwards. */
void	 budget_init(uint64_t limit, void (*pressed)(void));
/* 0, or -1 when there is not so much. */
int	 budget_take(struct holder *, size_t);
void	 budget_give(struct holder *, size_t);
int	 budget_over(void);
/* Whether so much more leaves an eighth of the limit for what cannot wait. */
int	 budget_room(size_t);
int	 budget_critical(void);
uint64_t budget_used(void);

#endif
