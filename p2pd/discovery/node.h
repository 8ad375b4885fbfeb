/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_NODE_H
#define P2PD_DISCOVERY_NODE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/wire/discv4.h"
#include "common/wire/enr.h"

/* A record that several nodes' values share. It never changes. */
struct record {
	uint32_t	 refs;
	struct enr	 enr;
};

/*
 * A node of the network, as both discovery protocols know it. Where there is
 * a record it says who the node is; udp is where the node is spoken to, which
 * without a record is all there is.
 * A node is a value: an all zero one is empty, what holds a record is copied
 * by node_copy() and given up by node_clear().
 */
struct node {
	uint8_t		 id[NODE_ID];	/* keccak256 of key */
	uint8_t		 key[SECP_PUB];
	struct addr	 udp;
	uint16_t	 tcp;		/* at the same address; 0: none */
	uint64_t	 seq;		/* of rec; 0: none */
	struct record	*rec;		/* NULL: not fetched yet */
};

/* Families, as bits. */
#define NODE_IP4	0x1U
#define NODE_IP6	0x2U
#define NODE_UDP_MIN	1025	/* ports below are nobody's but a victim's */

/* Without a record. */
void	 node_init(struct node *, const uint8_t key[SECP_PUB],
	    const struct addr *udp, uint16_t tcp);
/*
 * From a verified record and the key that signed it; of its endpoints the one
 * of the families asked for that reaches furthest, and IPv4 among equals.
 * 0; -1 when there is none of them, or no memory, and n is empty then.
 */
int	 node_from_record(struct node *, const struct enr *,
	    const uint8_t key[SECP_PUB], unsigned int families);
/*
 * Gives the node a newer record. Its endpoint of the node's own family is
 * taken where it has one that is fit to be relayed by the node; otherwise the
 * address stays, which has answered. 0, or -1 without memory.
 */
int	 node_set_record(struct node *, const struct enr *);
void	 node_copy(struct node *, const struct node *);
void	 node_clear(struct node *);

/* By distance to target: as memcmp. */
int	 node_cmp(const uint8_t target[NODE_ID], const uint8_t a[NODE_ID],
	    const uint8_t b[NODE_ID]);
/* Bits in which they may differ: 0 the same, 256 the furthest. */
unsigned int node_logdist(const uint8_t a[NODE_ID], const uint8_t b[NODE_ID]);

/* The subnet that address limits count: /24, or /48 of IPv6. */
void	 node_subnet(struct prefix *, const struct addr *);

#endif
