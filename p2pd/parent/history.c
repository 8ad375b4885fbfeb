/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "p2pd/parent/history.h"

static uint64_t *
counters_of(struct history *h, const struct attempt *a)
{
	return a->ended ? h->ended : (a->flags & PF_INBOUND) ? h->in : h->out;
}

uint64_t
history_count(struct history *h, const struct attempt *a)
{
	return a->reason < REASON_MAX ? counters_of(h, a)[a->reason] : 0;
}

void
history_add(struct history *h, const struct attempt *a)
{
	if (a->reason < REASON_MAX)
		counters_of(h, a)[a->reason] += a->count;
	h->ring[h->next] = *a;
	h->next = (h->next + 1) % HISTORY_LEN;
	if (h->n < HISTORY_LEN)
		h->n++;
}

const struct attempt *
history_get(const struct history *h, uint32_t i)
{
	if (i >= h->n)
		return NULL;
	return &h->ring[(h->next + HISTORY_LEN - 1 - i) % HISTORY_LEN];
}
