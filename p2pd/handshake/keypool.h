/* SPDX-License-Identifier: ISC */
#ifndef P2PD_HANDSHAKE_KEYPOOL_H
#define P2PD_HANDSHAKE_KEYPOOL_H

#include "common/wire/rlpx.h"

struct event_base;

/* Ephemeral keys made ahead, one a turn of the loop, each used once. */
#define KEYPOOL_MAX	32

struct keypool;

struct keypool *keypool_new(struct event_base *);
void	 keypool_free(struct keypool *);
/* One from the pool, or made on the spot; 0, or -1 without randomness. */
int	 keypool_take(struct keypool *, struct rlpx_keys *);

#endif
