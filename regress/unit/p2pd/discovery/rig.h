/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_UNIT_P2PD_DISCOVERY_RIG_H
#define REGRESS_UNIT_P2PD_DISCOVERY_RIG_H

#include <stddef.h>
#include <stdint.h>

#include "p2pd/discovery/d4.h"

/*
 * One engine on a bench: its clock is turned by hand, what it sends is kept,
 * and a packet's signature is the sender's key itself.
 */
struct peer {
	uint8_t		 priv[SECP_PRIV];
	uint8_t		 key[SECP_PUB];
	uint8_t		 id[NODE_ID];
	struct addr	 addr;
	struct enr	 rec;
};

struct sent {
	struct addr	 to;
	struct d4_packet p;
	uint8_t		 buf[D4_MAX];
	size_t		 len;
};

enum keys { KEYS_AT_ONCE, KEYS_LATER, KEYS_REFUSE, KEYS_LOSE };

struct rig {
	struct d4	*d;
	struct peer	 me;
	uint64_t	 now;
	int64_t		 ahead;		/* seconds that our clock is wrong */
	int64_t		 expires;	/* what peers give their packets */
	enum keys	 keys;
	struct sent	 out[4096];
	size_t		 nout, next;
	struct {
		uint32_t	 cookie;
		uint8_t		 buf[D4_MAX];
		size_t		 len;
	}		 late[256];
	size_t		 nlate;
	unsigned int	 recovers, verifies;
	int		 verify_bad;
	struct prefix	 forbidden;	/* af 0: none */
	uint8_t		 banned[NODE_ID];
	struct node	 seeds[8];
	size_t		 nseeds;
	/* Events. */
	unsigned int	 nfound, nproven, nkept, nendpoint, nskew, nrefreshed;
	struct addr	 ip4, ip6;
	int64_t		 skew, proven_ping;
	size_t		 refreshed;
};
extern struct rig rig;

/* An engine that is not started; with nobody to know. */
void	 rig_up(void);
/* Started, and through its first refresh. */
void	 rig_ready(void);
void	 rig_down(void);
/* Does what is due within the next ms. */
void	 rig_pass(uint64_t ms);
/* The keys answer what they have held back. */
void	 rig_sign(void);
int64_t	 rig_wall(void);

/* The nth peer, in a /24 of its own. */
void	 peer_make(struct peer *, unsigned int n);
/* With a record of this sequence, of its address or of another. */
void	 peer_record(struct peer *, uint64_t seq, const struct addr *);
void	 peer_node(const struct peer *, struct node *);
/* Each brings a packet to the engine. */
void	 peer_say(const struct peer *, struct d4_packet *);
void	 peer_ping(const struct peer *);
void	 peer_pong(const struct peer *, const struct sent *ping, uint64_t seq);
void	 peer_findnode(const struct peer *, const uint8_t target[SECP_PUB]);
void	 peer_neighbors(const struct peer *, const struct peer *v, size_t n);
void	 peer_enrrequest(const struct peer *);
void	 peer_enrresponse(const struct peer *, const struct sent *request);
/* Pings, is pinged and pongs: proven both ways. */
void	 peer_prove(const struct peer *);

void	 peer_boot(const struct peer *);
/* It is known by the database, both ways. */
void	 peer_bonded(const struct peer *);
/*
 * Every packet out is answered, as a network of these peers would. Neighbors
 * are those nn from on; those who are mute say nothing.
 */
unsigned int rig_play(uint64_t ms, const struct peer *v, size_t n,
	    const struct peer *nb, size_t nn, unsigned int mute);

/* The next packet out is of this type, to this peer. */
const struct sent *expect(unsigned int type, const struct peer *);
/* There is no packet out that was not expected. */
void	 quiet(void);

#endif
