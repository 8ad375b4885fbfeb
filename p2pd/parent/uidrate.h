/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_UIDRATE_H
#define P2PD_PARENT_UIDRATE_H

#include <stdint.h>

#include "common/base/util.h"

/*
 * How often each user may do something: a token bucket a uid, in bounded
 * memory. Users of whom nothing was heard for longest make room for others; an
 * entry is full again after burst / rate seconds anyway. The clock is the
 * caller's.
 */
#define UIDRATE_MAX	128

struct uidrate {
	double		 rate, burst;
	unsigned int	 n;
	struct {
		uint32_t	 uid;
		uint64_t	 used_us;
		struct bucket	 bucket;
	} v[UIDRATE_MAX];
};

void	 uidrate_init(struct uidrate *, double rate, double burst);
/* 1 and takes one, or 0: this user has had its share. */
int	 uidrate_take(struct uidrate *, uint32_t uid, uint64_t now_us);

#endif
