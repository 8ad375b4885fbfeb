/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "p2pd/session/budget.h"

#define SMALL	(64 * 1024)

static struct {
	uint64_t	 used;
	uint64_t	 limit;
	void		(*pressed)(void);
} budget;

static uint64_t
hard(void)
{
	return budget.limit + budget.limit / 8;
}

void
budget_init(uint64_t limit, void (*pressed)(void))
{
	budget.used = 0;
	budget.limit = limit;
	budget.pressed = pressed;
}

int
budget_take(struct holder *h, size_t n)
{
	int	 was = budget_over();

	if (n > SMALL && budget.used + n > hard()) {
		budget.pressed();
		return -1;
	}
	budget.used += n;
	h->held += n;
	if ((!was && budget_over()) || budget_critical())
		budget.pressed();
	return 0;
}

void
budget_give(struct holder *h, size_t n)
{
	budget.used -= n;
	h->held -= n;
}

int
budget_over(void)
{
	return budget.used > budget.limit;
}

int
budget_room(size_t n)
{
	return budget.used + n <= budget.limit - budget.limit / 8;
}

int
budget_critical(void)
{
	return budget.used > hard();
}

uint64_t
budget_used(void)
{
	return budget.used;
}
