/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_VOTES_H
#define P2PD_DISCOVERY_VOTES_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

/*
 * What others say of us, a voice a subnet: of a family, at which endpoint
 * they see us; and how far their clocks are from ours.
 */
#define VOTES_MAX	64
#define VOTES_MS	300000		/* how long a voice counts */
#define VOTES_NEED4	10		/* of them must agree */
/*
 * Fewer speak IPv6, and those who do hold more of it: a /48 is a site, and
 * many can be had for nothing. Under five there is no majority to speak of; who
 * knows fewer is told its address by the configuration.
 */
#define VOTES_NEED6	5
#define VOTES_WIDE	3		/* voices of one /32 of IPv6 */

struct vote {
	struct addr	 from;
	struct addr	 says;
	uint64_t	 at;
};

struct votes {				/* all zero: none */
	struct vote	 v[VOTES_MAX];
	uint32_t	 n;
};

/* A node at from, of the same family, says that it sees us at says. */
void	 votes_add(struct votes *, const struct addr *from,
	    const struct addr *says, uint64_t now);
/*
 * The address that enough voices and the most of all agree on, with the port
 * that most of them see, 0 where it is another for each. af 0: none.
 */
void	 votes_winner(const struct votes *, uint32_t need, uint64_t now,
	    struct addr *);

#define SKEW_MAX	32
#define SKEW_NEED	8
#define SKEW_WARN	10		/* seconds that are too many */
#define SKEW_QUIET	600000		/* ms between two warnings */

struct skew {				/* all zero: none */
	struct {
		struct addr	 from;
		int64_t		 offset;
	}		 v[SKEW_MAX];
	uint32_t	 n;
	uint32_t	 next;
	uint64_t	 quiet;		/* until */
};

/*
 * A node's clock is offset seconds before ours. 1 and *median when it is
 * time to warn; the voices are counted anew then.
 */
int	 skew_add(struct skew *, const struct addr *from, int64_t offset,
	    uint64_t now, int64_t *median);

#endif
