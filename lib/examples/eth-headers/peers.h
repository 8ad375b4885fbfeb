/* SPDX-License-Identifier: ISC */
#ifndef ETH_HEADERS_PEERS_H
#define ETH_HEADERS_PEERS_H

#include <p2papp.h>

#include "lib/examples/eth-headers/chain.h"

#define PEER_REQUESTS	4	/* under way with one peer */
#define PEER_PATIENCE	2	/* answers in a row that may be late */
#define LIARS_MAX	64	/* remembered */

enum peer_state {
	PEER_NEW,		/* its status has not come */
	PEER_READY,
	PEER_AWAY		/* the connection to p2pd is lost: it may be back */
};

struct request {
	uint64_t	 id;		/* 0: unused */
	uint64_t	 due;
	struct piece	*piece;		/* NULL: for its head */
};

struct peer {
	TAILQ_ENTRY(peer) entry;
	uint32_t	 handle;
	uint32_t	 version;
	enum peer_state	 state;
	uint64_t	 max;		/* the last header it has */
	unsigned int	 late;
	uint64_t	 away;		/* since */
	uint8_t		 id[P2PAPP_ID];
	struct request	 requests[PEER_REQUESTS];
};
TAILQ_HEAD(peerlist, peer);

struct fetch {
	struct p2papp	*app;
	uint32_t	 cap;
	int		 known;		/* us says which chain it is */
	int		 first;		/* p2pd sends our status */
	struct eth_status us;
	struct chain	 chain;
	int		 started;
	struct peerlist	 peers;
	uint64_t	 request;	/* the last id */
	uint8_t		 liars[LIARS_MAX][P2PAPP_ID];
	unsigned int	 nliars;
	/* options */
	uint64_t	 batch, last, rate, timeout;
	/* for print */
	uint64_t	 began, printed, shown;
	unsigned int	 peers_shown;
	uint64_t	 asked;		/* headers, for rate */
};

uint64_t fetch_clock(void);	/* ms */
int	 fetch_attach(struct fetch *);	/* 0 or -1 */
void	 fetch_free(struct fetch *);
void	 fetch_up(struct fetch *, const struct p2papp_event *);
void	 fetch_down(struct fetch *, const struct p2papp_event *);
void	 fetch_message(struct fetch *, const struct p2papp_event *);
/* Asks for what can be asked for; returns in how many ms to call again. */
uint64_t fetch_work(struct fetch *, uint64_t now);
int	 fetch_done(const struct fetch *);
unsigned int fetch_ready(const struct fetch *);

#endif
