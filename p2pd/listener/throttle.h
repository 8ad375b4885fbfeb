/* SPDX-License-Identifier: ISC */
#ifndef P2PD_LISTENER_THROTTLE_H
#define P2PD_LISTENER_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

/*
 * How often one address (IPv6: /64) and one subnet (/24, IPv6: /48) may try.
 * Only what is let in is recorded, so that a refused attempt does not push
 * the next chance away.  Memory is bounded: over THROTTLE_MAX attempts within
 * the time the oldest is forgotten early.
 */
#define THROTTLE_MAX	16384

struct throttle_conf {
	uint32_t	 addr_secs;	/* one attempt in so long; 0 off */
	uint32_t	 net_count;	/* attempts in net_secs; 0 off */
	uint32_t	 net_secs;
};

struct throttle;

struct throttle *throttle_new(void);	/* NULL: no memory */
void	 throttle_free(struct throttle *);
/* What is recorded stays, unless its time changes. */
void	 throttle_set(struct throttle *, const struct throttle_conf *);
/* REASON_NONE and recorded, or REASON_THROTTLED_ADDR or _NET. LAN is exempt. */
unsigned int throttle_try(struct throttle *, const struct addr *, uint64_t now_ms);
/* Attempts remembered, for addresses and for subnets. */
size_t	 throttle_count(const struct throttle *);

#endif
