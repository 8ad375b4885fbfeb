/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_BOND_H
#define P2PD_DISCOVERY_BOND_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/util.h"
#include "common/wire/enr.h"
#include "p2pd/discovery/hash.h"

/*
 * Who has proven to be where: proofs by (node id, IP), the port does not
 * count. Only a proof makes an entry, so that a forged sender takes no room;
 * a subnet (but a LAN) has at most BOND_NET of them, a /32 of IPv6, whose subnets
 * are many and cheap, BOND_WIDE. When all is full, whoever has the most of it
 * makes room: newcomers from many subnets never push out those of a few each.
 * The same holds in a subnet for its addresses, or the /64 of IPv6. Among equals
 * the oldest proof goes. Times are seconds of a clock that never steps, before
 * which there may have been others: BOND_NEVER is none.
 */
#define BOND_NEVER	INT64_MIN
#define BOND_MAX	16384
#define BOND_NET	256
#define BOND_WIDE	1024

/*
 * Whoever sends from an address where somebody is known to be may be another,
 * who forged it: so many times, and so often a second, it is found out.
 */
#define BOND_TRIES	20
#define BOND_TRIES_RATE	1

struct bond {
	int64_t		 pong;		/* the last proof */
	int64_t		 ping;		/* when it last pinged us */
	uint32_t	 fails;		/* questions in a row without an answer;
					   that is the caller's */
};

struct bonds;

/* NULL: no memory. */
struct bonds *bonds_new(const struct hkey *, uint32_t max);
void	 bonds_free(struct bonds *);
/* lost is called with each that has to make room. */
void	 bonds_on_loss(struct bonds *, void (*lost)(void *arg,
	    const uint8_t id[NODE_ID], const struct addr *), void *arg);
/* The entry to be read or changed, or NULL. */
struct bond *bond_find(struct bonds *, const uint8_t id[NODE_ID],
	    const struct addr *);
/* A proof: the entry, made where it is not there; NULL: no memory. */
struct bond *bond_prove(struct bonds *, const uint8_t id[NODE_ID],
	    const struct addr *, int64_t now);
/*
 * The tries that this address (of IPv6 its /64) has left, or NULL: nobody is known there. Costs
 * next to nothing, and is good until the bonds change.
 */
struct bucket *bond_tries(const struct bonds *, const struct addr *ip);
uint32_t bonds_count(const struct bonds *);

#endif
