/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "p2pd/parent/uidrate.h"

void
uidrate_init(struct uidrate *u, double rate, double burst)
{
	memset(u, 0, sizeof(*u));
	u->rate = rate;
	u->burst = burst;
}

int
uidrate_take(struct uidrate *u, uint32_t uid, uint64_t now_us)
{
	unsigned int i, oldest = 0;

	for (i = 0; i < u->n && u->v[i].uid != uid; i++)
		if (u->v[i].used_us < u->v[oldest].used_us)
			oldest = i;
	if (i == u->n) {
		if (u->n < UIDRATE_MAX)
			u->n++;
		else
			i = oldest;
		u->v[i].uid = uid;
		bucket_init(&u->v[i].bucket, u->rate, u->burst, now_us);
	}
	u->v[i].used_us = now_us;
	return bucket_take(&u->v[i].bucket, 1, now_us);
}
