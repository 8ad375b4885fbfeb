/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_D4_H
#define P2PD_DISCOVERY_D4_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire/discv4.h"
#include "common/wire/enr.h"
#include "p2pd/discovery/lookup.h"
#include "p2pd/discovery/node.h"
#include "p2pd/discovery/table.h"

/*
 * Node Discovery v4 as a state machine. It has no socket, clock, key or
 * chance of its own: it asks for them by struct d4_ops, and is driven by
 * d4_input(), d4_signed() and d4_run(). Its memory is bounded. No function
 * here may be called from within an op, unless the op says so.
 */
struct d4;

#define D4_TIMEOUT	500	/* ms for an answer */
#define D4_EXPIRATION	20	/* s that our packets are good for */
#define D4_PROOF_ANSWER	(24 * 3600)	/* s: age of a proof that is answered on */
#define D4_PROOF_RENEW	(12 * 3600)	/* s: age of a proof that is renewed */
#define D4_SEEDS	30
#define D4_BOOTNODES	64

/* What became of a request; also of the packets that came in. */
enum d4_outcome {
	D4_ANSWERED,
	D4_TIMED_OUT,
	D4_BUSY,		/* too much is under way */
	D4_BAD_ANSWER,		/* a record that does not hold */
	D4_CANCELLED
};

struct d4_ops {
	/* Milliseconds of a clock that never steps; Unix time in seconds. */
	uint64_t (*now)(void *arg);
	int64_t	 (*wall)(void *arg);
	/* As arc4random_uniform(). */
	uint32_t (*chance)(void *arg, uint32_t bound);
	/*
	 * Asks for the packet to be built and signed. Expiration, sequence and
	 * record are put in by whoever signs. The answer is d4_signed() with
	 * the cookie, later or from within; it may be lost. -1: not taken.
	 */
	int	 (*sign)(void *arg, uint32_t cookie, const struct d4_packet *);
	void	 (*send)(void *arg, const struct addr *to, const uint8_t *,
		    size_t);
	/* As d4_recover(), enr_verify() and secp_pub_valid(). */
	int	 (*recover)(void *arg, uint8_t key[SECP_PUB], const uint8_t *,
		    size_t);
	int	 (*verify)(void *arg, uint8_t key[SECP_PUB],
		    const struct enr *);
	int	 (*key_ok)(void *arg, const uint8_t key[SECP_PUB]);
	/*
	 * netrestrict and bans: true for one that may be spoken with. id is
	 * NULL for the address alone.
	 */
	int	 (*permitted)(void *arg, const uint8_t id[NODE_ID],
		    const struct addr *);
	/* Fills v with nodes last seen alive; the engine clears them. */
	size_t	 (*seeds)(void *arg, struct node *v, size_t max);

	/* What follows are events; each may be NULL. */
	/*
	 * A node was found by the random walk, or while candidates are wanted
	 * by a refresh; alive or not. May call d4_fetch().
	 */
	void	 (*found)(void *arg, const struct node *);
	/*
	 * For the database: a pong has proven (id, address of node) just now;
	 * ping is when it last pinged us (Unix, 0 never). keep: it has stood
	 * long enough to be a seed.
	 */
	void	 (*proven)(void *arg, const struct node *, int64_t ping,
		    int keep);
	/* For the database: too many are proven, and this one has to go. */
	void	 (*forgotten)(void *arg, const uint8_t id[NODE_ID],
		    const struct addr *);
	/* The endpoint that others see of us, by family; af 0: not known. */
	void	 (*endpoint)(void *arg, const struct addr *ip4,
		    const struct addr *ip6);
	/* Our clock is wrong: seconds that must be added to it. */
	void	 (*skew)(void *arg, int64_t offset);
	/* The first refresh, or a later one, is done; n nodes in the table. */
	void	 (*refreshed)(void *arg, size_t n);
};

struct d4_conf {
	uint8_t		 key[SECP_PUB];		/* our own */
	unsigned int	 families;		/* NODE_IP4, NODE_IP6: with a socket */
	uint32_t	 strangers;		/* signatures a second for sources
						   not known; 0: 5000 */
	uint32_t	 pings_back;		/* a second, to strangers; 0: 1000 */
};

/* NULL: no memory. ops stay the caller's. */
struct d4 *d4_new(const struct d4_ops *, void *arg, const struct d4_conf *);
void	 d4_free(struct d4 *);

/* Our own record, where it says what our pings give as their origin. */
void	 d4_record(struct d4 *, const struct enr *);
/* 0, or -1: too many, or not permitted. Known by its id, it is replaced. */
int	 d4_bootnode(struct d4 *, const struct node *);
void	 d4_bootnodes_clear(struct d4 *);
/*
 * Before d4_start: what the database says of (id, address), in Unix seconds;
 * 0: never. Oldest first, for the newest are kept.
 */
void	 d4_bond(struct d4 *, const uint8_t id[NODE_ID], const struct addr *,
	    int64_t pong, int64_t ping);
/* Begins with the first refresh. Packets before it are answered all the same. */
void	 d4_start(struct d4 *);

/* A datagram. Any sender, any bytes. */
void	 d4_input(struct d4 *, const struct addr *from, const uint8_t *, size_t);
/* len 0: refused. A cookie that is not known is ignored. */
void	 d4_signed(struct d4 *, uint32_t cookie, const uint8_t *, size_t len);
/* Does what is due by now. */
void	 d4_run(struct d4 *);
/* When d4_run() has something to do next, by ops->now; UINT64_MAX: never. */
uint64_t d4_next_deadline(const struct d4 *);

/* netrestrict or bans are others now: what is no longer permitted goes. */
void	 d4_policy_changed(struct d4 *);
/* n more candidates are wanted; 0: the random walk rests. */
void	 d4_want(struct d4 *, uint32_t n);
/* Endpoint votes of a family (4 or 6) no longer matter: it is fixed. */
void	 d4_fixed(struct d4 *, unsigned int af, int on);

/*
 * Requests. Each answers its callback once, never from within the call; the
 * number is for d4_cancel(), which answers D4_CANCELLED, from within. 0:
 * refused, too much is under way, and no callback comes. Callbacks may make
 * new requests and cancel others.
 */
typedef void d4_ping_fn(void *arg, enum d4_outcome, uint32_t rtt_ms,
	    uint64_t seq);
/* The node as it is known now, with its record where D4_ANSWERED. */
typedef void d4_node_fn(void *arg, enum d4_outcome, const struct node *);
/* Closest first. */
typedef void d4_lookup_fn(void *arg, enum d4_outcome, const struct node *v,
	    size_t n, const struct lookup_stats *);

uint32_t d4_ping(struct d4 *, const struct node *, d4_ping_fn *, void *arg);
/* Its record, newer or not than the one given. */
uint32_t d4_fetch(struct d4 *, const struct node *, d4_node_fn *, void *arg);
/* The nodes closest to the key. */
uint32_t d4_lookup(struct d4 *, const uint8_t target[SECP_PUB],
	    d4_lookup_fn *, void *arg);
/* Finds the node with this key and fetches its record. */
uint32_t d4_resolve(struct d4 *, const uint8_t key[SECP_PUB], d4_node_fn *,
	    void *arg);
/*
 * Asks one node alone for those closest to target; the callback has what it
 * said, for a crawl.
 */
uint32_t d4_ask(struct d4 *, const struct node *, const uint8_t target[SECP_PUB],
	    d4_lookup_fn *, void *arg);
void	 d4_cancel(struct d4 *, uint32_t req);

/* What there is to show. */
const struct table *d4_table(const struct d4 *);

struct d4_stats {
	uint64_t	 in[D4_NTYPES];		/* by type, taken */
	uint64_t	 out[D4_NTYPES];
	uint64_t	 in_bytes;
	uint64_t	 out_bytes;
	uint64_t	 bad[D4_ESIG + 1];	/* by enum d4_err */
	uint64_t	 forbidden;		/* netrestrict, bans, odd sources */
	uint64_t	 unproven;		/* findnode, ENRRequest without proof */
	uint64_t	 unsolicited;		/* answers to nothing asked */
	uint64_t	 limited;		/* over a rate */
	uint64_t	 unsent;		/* the keys refused or lost it */
	uint64_t	 timeouts;
	uint64_t	 lookups;		/* done */
	uint32_t	 bonds;
	uint32_t	 contacts;		/* with something under way */
	uint32_t	 running;		/* lookups */
	uint32_t	 wanted;
	int		 ready;			/* the first refresh is done */
	struct addr	 ip4;			/* by votes */
	struct addr	 ip6;
};
void	 d4_stats(const struct d4 *, struct d4_stats *);

/* A lookup that is under way. */
struct d4_running {
	uint32_t	 req;		/* 0: the engine's own */
	const char	*why;		/* "refresh", "walk", "asked" */
	uint8_t		 target[NODE_ID];
	uint64_t	 began;		/* by ops->now */
	struct lookup_stats st;
};
/* Calls fn for each. */
void	 d4_lookups(const struct d4 *, void (*fn)(void *,
	    const struct d4_running *), void *arg);
/* When was (id, address) last proven, and did it last ping us? Unix; 0 never. */
void	 d4_proof(const struct d4 *, const uint8_t id[NODE_ID],
	    const struct addr *, int64_t *pong, int64_t *ping);

#endif
