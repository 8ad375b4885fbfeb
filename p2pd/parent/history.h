/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_HISTORY_H
#define P2PD_PARENT_HISTORY_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "p2pd/messages.h"
#include "common/wire/reason.h"

#define HISTORY_LEN	1024	/* attempts remembered */

/* One attempt to connect, ours or theirs, and how it went. */
struct attempt {
	uint64_t	 at_ms;
	time_t		 when;
	uint8_t		 flags;		/* PF_* */
	uint8_t		 stage;		/* 0: became a peer, or was one */
	uint8_t		 ended;		/* an established peer ended */
	uint16_t	 reason;
	uint8_t		 disc_sent, disc_recv;
	uint8_t		 has_id;
	uint8_t		 id[SECP_PUB];
	struct addr	 remote;
	uint64_t	 ms;
	uint32_t	 count;
	char		 detail[128];
};

struct history {
	struct attempt	 ring[HISTORY_LEN];
	uint32_t	 next;
	uint32_t	 n;
	uint64_t	 in[REASON_MAX];	/* by reason; REASON_NONE: admitted */
	uint64_t	 out[REASON_MAX];
	uint64_t	 ended[REASON_MAX];
};

void	 history_add(struct history *, const struct attempt *);
/* How many like this one there were: its side, its reason. */
uint64_t history_count(struct history *, const struct attempt *);
/* The ith newest, from 0; NULL beyond. */
const struct attempt *history_get(const struct history *, uint32_t i);

#endif
