/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/timer.h"

static int
before(const struct timer *a, const struct timer *b)
{
	if (a->when != b->when)
		return a->when < b->when;
	return a->order < b->order;
}

static void
place(struct timers *ts, struct timer *t, uint32_t pos)
{
	ts->v[pos - 1] = t;
	t->pos = pos;
}

static void
up(struct timers *ts, struct timer *t)
{
	uint32_t	 pos = t->pos;

	while (pos > 1 && before(t, ts->v[pos / 2 - 1])) {
		place(ts, ts->v[pos / 2 - 1], pos);
		pos /= 2;
	}
	place(ts, t, pos);
}

static void
down(struct timers *ts, struct timer *t)
{
	uint32_t	 pos = t->pos, child;

	for (;;) {
		child = pos * 2;
		if (child > ts->n)
			break;
		if (child < ts->n && before(ts->v[child], ts->v[child - 1]))
			child++;
		if (!before(ts->v[child - 1], t))
			break;
		place(ts, ts->v[child - 1], pos);
		pos = child;
	}
	place(ts, t, pos);
}

int
timers_reserve(struct timers *ts, uint32_t n)
{
	struct timer	**v;

	if (n <= ts->size)
		return 0;
	if ((v = reallocarray(ts->v, n, sizeof(*v))) == NULL)
		return -1;
	ts->v = v;
	ts->size = n;
	return 0;
}

void
timer_set(struct timers *ts, struct timer *t, uint64_t when)
{
	t->when = when;
	t->order = ts->order++;
	if (t->pos == 0)
		place(ts, t, ++ts->n);
	up(ts, t);
	down(ts, t);
}

void
timer_clear(struct timers *ts, struct timer *t)
{
	struct timer	*last;
	uint32_t	 pos = t->pos;

	if (pos == 0)
		return;
	t->pos = 0;
	last = ts->v[--ts->n];
	if (last == t)
		return;
	place(ts, last, pos);
	up(ts, last);
	down(ts, last);
}

int
timer_isset(const struct timer *t)
{
	return t->pos != 0;
}

uint64_t
timers_next(const struct timers *ts)
{
	return ts->n == 0 ? UINT64_MAX : ts->v[0]->when;
}

void
timers_run(struct timers *ts, uint64_t now)
{
	struct timer	*t;
	uint64_t	 order = ts->order;

	/* What is set meanwhile waits for the next call: no endless loop. */
	while (ts->n > 0 && (t = ts->v[0])->when <= now && t->order < order) {
		timer_clear(ts, t);
		t->fn(t->arg);
	}
}

void
timers_free(struct timers *ts)
{
	free(ts->v);
	memset(ts, 0, sizeof(*ts));
}
