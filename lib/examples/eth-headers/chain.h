/* SPDX-License-Identifier: ISC */
#ifndef ETH_HEADERS_CHAIN_H
#define ETH_HEADERS_CHAIN_H

#include <sys/queue.h>

#include <stdint.h>

#include "lib/examples/eth-headers/eth.h"

/*
 * A chain of headers in the making. It is fetched in pieces, from several peers
 * at once and in any order; within a piece the links are checked when it comes,
 * and it is laid when the tip of what is laid is its first header's parent.
 *
 * A piece that does not link says that its sender lies, or that the one before
 * did. It is asked for again, of a third peer: if that one links, its first
 * sender lied; if it claims the same parent, the tip is false, is taken back,
 * and whoever sent it lied. With more honest peers than liars the chain that
 * they share is what comes out; what makes a chain the right one, consensus, is
 * beyond this program.
 */
#define CHAIN_WINDOW	64	/* pieces under way or waiting to be laid */
#define CHAIN_BACK	64	/* pieces that can be taken back */

enum piece_state { PIECE_WANTED, PIECE_ASKED, PIECE_HERE };

struct piece {
	TAILQ_ENTRY(piece) entry;
	enum piece_state state;
	uint64_t	 first;
	uint64_t	 count;
	uint32_t	 from;			/* the peer it came from */
	uint8_t		 parent[ETH_HASH];	/* of its first header */
	uint8_t		 last[ETH_HASH];
	uint32_t	 claimant;		/* who gave one that did not link, */
	uint8_t		 claim[ETH_HASH];	/* with this parent; 0: nobody */
};
TAILQ_HEAD(pieces, piece);

struct laid {
	uint64_t	 first;
	uint32_t	 from;
	uint8_t		 parent[ETH_HASH];
};

struct chain {
	uint64_t	 height;	/* headers laid and verified */
	uint8_t		 tip[ETH_HASH];	/* the hash of the last */
	uint64_t	 target;	/* wanted up to here */
	uint64_t	 next;		/* the first that is in no piece */
	uint64_t	 batch;
	struct pieces	 pieces;	/* by first */
	unsigned int	 npieces;
	struct laid	 back[CHAIN_BACK];
	unsigned int	 nback;		/* of them in use, as a ring */
	unsigned int	 at;
};

void	 chain_init(struct chain *, const uint8_t genesis[ETH_HASH], uint64_t batch);
void	 chain_free(struct chain *);
/*
 * A piece to be asked of this peer, which has headers up to max; NULL when
 * there is none, or memory is short. able: how many peers have what is next.
 */
struct piece *chain_want(struct chain *, uint32_t peer, uint64_t max,
	    unsigned int able);
/* It will not come from whom it was asked of. */
void	 chain_give_up(struct chain *, struct piece *);
/*
 * It came. The number of headers in it, fewer than asked for being allowed; -1
 * when they are not what was asked for or do not link: it is wanted again.
 */
int	 chain_put(struct chain *, struct piece *, uint32_t from, struct rlp *headers);
/*
 * Lays what links. 0, or a peer that has been found to lie: call again.
 */
uint32_t chain_lay(struct chain *);

#endif
