/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DIALER_PLAN_H
#define P2PD_DIALER_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/crypto/secp.h"
#include "common/wire/enode.h"

/*
 * Whom to dial, and when: no sockets, and clock and chance are given.
 *
 * A static node is dialed until it is a peer, for ever.  Between two dials to
 * one node lies at least the history time; failures lengthen that, up to
 * PLAN_BACKOFF_MAX; a life of PLAN_GOOD_MS as a peer forgives them.  Among the
 * nodes that are due, the longest due goes first, and chance decides ties.
 *
 * Candidates come after them: once each, hints of applications before what
 * discovery found, as long as fewer peers than the goal are of our dialing. A
 * node that is a peer, static, being dialed or was within the history time is
 * no candidate.
 */
#define PLAN_BACKOFF_MAX	300000U
#define PLAN_GOOD_MS		60000U

struct plan;

struct plan_conf {
	int		 on;		/* off: nothing is begun */
	uint32_t	 slots;		/* dials at once */
	uint64_t	 history_ms;
};

#define PLAN_CANDS_MAX	256	/* that wait, hints and others apart */
#define PLAN_PAST_MAX	4096	/* candidates dialed, remembered for the history */

struct plan_cand {
	uint8_t		 id[SECP_PUB];
	char		 host[HOST_MAX];
	uint16_t	 tcp;
	int		 hint;
};

struct plan_stats {
	uint32_t	 want;		/* candidates that could be dialed at once */
	uint32_t	 waiting;
	uint32_t	 dialing;	/* candidates */
	uint64_t	 taken;
	uint64_t	 refused;
};

struct plan_dial {
	uint8_t		 id[SECP_PUB];
	int		 is_static;
	char		 host[HOST_MAX];
	uint16_t	 tcp;
	uint32_t	 turn;		/* rises when an address led to no peer */
};

struct plan_result {
	int		 accepted;	/* it is a peer; else: */
	unsigned int	 reason;
	unsigned int	 disc_recv;
	int		 reached;	/* the TCP connection was made */
};

/* A number below bound, as arc4random_uniform(). NULL: no memory. */
struct plan *plan_new(uint32_t (*chance)(uint32_t bound));
void	 plan_free(struct plan *);
void	 plan_set(struct plan *, const struct plan_conf *);

/*
 * A static node is there, or has another address: it is due at once, whatever
 * was before. 1 when a dial to its old address is under way; -1 no memory.
 * One that is being dialed already is due again if it says that nothing is
 * attached, which has changed.
 */
int	 plan_add(struct plan *, const uint8_t id[SECP_PUB], const char *host,
	    uint16_t tcp, uint64_t now);
/* No longer. 1 when a dial to it is under way. */
int	 plan_del(struct plan *, const uint8_t id[SECP_PUB]);
/* A node is a peer, dialed or not by us. 0, or -1 no memory. */
int	 plan_up(struct plan *, const uint8_t id[SECP_PUB], int dialed);
/* It no longer is, after up_ms, for reason. */
void	 plan_down(struct plan *, const uint8_t id[SECP_PUB], unsigned int reason,
	    uint64_t up_ms, uint64_t now);

/* How many peers should be of our dialing, static ones included. */
void	 plan_goal(struct plan *, uint32_t dialed);
/* 1 when it waits now, 0 when it is none or too many wait. */
int	 plan_candidate(struct plan *, const struct plan_cand *, uint64_t now);
/* A candidate that came to nothing before the plan saw it. */
void	 plan_refused(struct plan *);
void	 plan_stats(const struct plan *, struct plan_stats *);

/* 1 and a dial to begin, which holds a slot until plan_done(); or 0. */
int	 plan_next(struct plan *, struct plan_dial *, uint64_t now);
void	 plan_done(struct plan *, const uint8_t id[SECP_PUB],
	    const struct plan_result *, uint64_t now);
/* ms until plan_next() may have one by time alone; -1: not by time. */
int64_t	 plan_wait(const struct plan *, uint64_t now);
size_t	 plan_dialing(const struct plan *);

/* How the plan stands to a node; *ms: until it is due, where that is said. */
enum plan_stand {
	PLAN_UNKNOWN,		/* it would take it as a candidate */
	PLAN_DUE,		/* static: dialed in *ms */
	PLAN_WAITS,		/* a candidate, for a free dial */
	PLAN_DIALS,
	PLAN_PEER,
	PLAN_DIALED		/* lately; a candidate again in *ms */
};
enum plan_stand plan_stand(const struct plan *, const uint8_t id[SECP_PUB],
	    uint64_t now, uint64_t *ms);

#endif
