/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "p2pd/parent/history.h"

void
history_add(struct history *h, const struct attempt *a)
{
	uint64_t *counters;

	counters = a->ended ? h->ended : (a->flags & PF_INBOUND) ? h->in : h->out;
	if (a->reason < REASON_MAX)
		counters[a->reason] += a->count;
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
