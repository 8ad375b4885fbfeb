/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_D4INT_H
#define P2PD_DISCOVERY_D4INT_H

#include <sys/queue.h>

#include "common/base/util.h"
#include "p2pd/discovery/bond.h"
#include "p2pd/discovery/d4.h"
#include "p2pd/discovery/hash.h"
#include "p2pd/discovery/timer.h"
#include "p2pd/discovery/votes.h"

/* What the engine's files share. */

#define CONTACTS	1024	/* nodes with something under way */
#define CONTACTS_STRANGERS 512	/* of them, for pings back to strangers */
#define QUERIES		512	/* questions under way or waiting */
#define SLOTS		1024	/* packets at the keys; a power of two */
#define SLOTS_ANSWERS	768	/* of them, for what answers others */
#define ANSWERS		15000	/* a second: three quarters of what the keys do */
#define SIGN_MS		1000	/* then the keys have lost it */
#define RUNS		16	/* lookups at once */
#define REQS		64	/* requests at once */
#define FETCHES		32	/* records for the table at once */
#define RENEWALS	200	/* pings back a second to those who were proven */
#define SOURCES		1024	/* addresses whose rate is known; a power of two */
#define SOURCE_RATE	50	/* packets a second from one of them */
#define SOURCE_BURST	200
#define SETTLE_MS	50	/* for our pong to be there before a question */
#define GRACE_MS	100	/* for the rest of an answer in two packets */
#define NOVEL		4096	/* nodes that the walk remembers */
#define SILENCE		32	/* pings in a row that nobody answers */

enum want { WANT_NODES, WANT_RECORD };

struct contact;
struct run;

/* Waits for the end of a ping. */
struct waiter {
	TAILQ_ENTRY(waiter)	 entry;
	struct contact		*c;		/* NULL: not waiting */
	uint32_t		 turn;
	struct addr		 to;		/* whom a ping must have reached */
	unsigned int		 tries;
	/* ok: 1 answered, 0 not; -1: it was not sent, the keys would not. */
	void			(*fn)(void *, int ok, uint32_t rtt, uint64_t seq);
	void			*arg;
};

/* A question to a node, asked when both have proven themselves. */
struct query {
	TAILQ_ENTRY(query)	 entry;
	struct contact		*c;
	enum want		 want;
	uint8_t			 target[SECP_PUB];
	/* v: neighbors, or the one node with its record. */
	void			(*fn)(void *, uint32_t num, enum d4_outcome,
				    const struct node *v, size_t n);
	void			*arg;
	uint32_t		 num;
	uint8_t			 heard;		/* an answer, if only in part */
	uint32_t		 told;		/* nodes in it, good or not */
	size_t			 n;
	struct node		 v[LOOKUP_K];
};

enum ping { PING_NONE, PING_SIGNING, PING_SENT, PING_LOST };
enum stage {
	ASK_IDLE,
	ASK_PROOF,		/* our ping is to be answered */
	ASK_SETTLE,		/* it is to ping us, and hear our pong */
	ASK_SIGNING,
	ASK_SENT,
	ASK_LOST		/* the keys would not */
};

/* What is under way with (id, IP): at most one ping and one question. */
struct contact {
	struct hent		 h;		/* first; by id and IP */
	struct hent		 ip;		/* by IP */
	struct d4		*d4;
	struct node		 node;
	unsigned int		 hold;
	uint8_t			 stranger;	/* only to ping back */
	uint8_t			 inbound;	/* into the table when proven */
	uint8_t			 own;		/* we began it */
	uint8_t			 tries;		/* pings left */
	enum ping		 ping;
	struct addr		 ping_to;
	uint8_t			 ping_hash[D4_HASH];
	uint64_t		 ping_sent;
	int64_t			 pinged;	/* when it has pinged us */
	uint32_t		 turn;
	uint32_t		 ping_cookie;
	struct timer		 ping_timer;
	TAILQ_HEAD(, waiter)	 waiters;
	enum stage		 stage;
	uint8_t			 ask_hash[D4_HASH];
	uint32_t		 ask_cookie;
	struct timer		 ask_timer;
	TAILQ_HEAD(, query)	 queries;	/* the first is being asked */
};

/* A packet that is at the keys. */
struct slot {
	TAILQ_ENTRY(slot)	 entry;
	uint32_t		 cookie;
	uint8_t			 type;
	uint8_t			 answer;
	uint8_t			 used;
	struct addr		 to;
	struct contact		*c;		/* NULL: an answer */
	uint64_t		 until;
};
TAILQ_HEAD(slots, slot);

enum why { WHY_ASKED, WHY_REFRESH, WHY_WALK };

/* A lookup that is under way. */
struct run {
	TAILQ_ENTRY(run)	 entry;
	struct d4		*d4;
	struct lookup		*l;
	enum why		 why;
	uint32_t		 req;
	uint8_t			 key[SECP_PUB];
	uint8_t			 target[NODE_ID];
	uint64_t		 began;
	struct timer		 timer;
	struct query		*open[LOOKUP_ALPHA];
	uint32_t		 num[LOOKUP_ALPHA];	/* of them */
	void			(*fn)(void *, struct run *);
	void			*arg;
};

struct source {
	uint32_t		 tag;
	float			 level;
	uint64_t		 last;
};

struct req;
struct check;

struct d4 {
	const struct d4_ops	*ops;
	void			*arg;
	struct d4_conf		 conf;
	uint8_t			 self[NODE_ID];
	struct hkey		 hkey;
	struct table		*table;
	struct bonds		*bonds;
	struct timers		 timers;
	struct addr		 from[2];	/* IPv4, IPv6: our pings' origin */
	uint16_t		 from_tcp[2];
	int			 started;

	struct hmap		 contacts;
	struct hmap		 ips;
	uint32_t		 nstrangers;
	uint32_t		 nqueries;

	struct slot		 slot[SLOTS];
	struct slots		 free;
	struct slots		 busy;		/* oldest first */
	uint32_t		 nanswers;
	uint32_t		 generation;
	struct timer		 slot_timer;

	struct source		 source[SOURCES];
	struct bucket		 strangers;
	struct bucket		 pings_back;
	struct bucket		 renewals;	/* of proofs: pings back, too */
	struct bucket		 answers;

	struct node		 boot[D4_BOOTNODES];
	uint32_t		 nboot;
	TAILQ_HEAD(, run)	 runs;
	uint32_t		 nruns;
	TAILQ_HEAD(, req)	 reqs;
	uint32_t		 nreqs;
	uint32_t		 req_last;

	struct timer		 check_timer;
	LIST_HEAD(, check)	 checks;
	uint32_t		 nfetches;
	struct timer		 refresh_timer;
	uint64_t		 refreshed;	/* when the last one ended */
	unsigned int		 refresh_left;	/* lookups; 0: none under way */
	uint32_t		 hunger;	/* ms until a refresh that found nobody is tried again */
	uint32_t		 settled;	/* ms until the next that found some */
	struct timer		 walk_timer;
	struct run		*walk;
	uint32_t		 walk_found;	/* new ones */
	uint64_t		 walk_idle;	/* ms to rest, as it finds nobody new */
	uint32_t		 novel[NOVEL];	/* whom it has met */
	uint32_t		 wanted;

	struct votes		 votes[2];
	struct addr		 seen[2];	/* the winners */
	int			 fixed[2];
	uint64_t		 vote_next;
	struct skew		 pongs;		/* clocks of those we asked */
	struct skew		 pings;		/* of those who ask */
	uint32_t		 silence;
	struct d4_stats		 st;
};

/* d4.c */
uint64_t now_ms(const struct d4 *);
/* Seconds of bond.h, and Unix time of them. */
int64_t	 now_secs(const struct d4 *);
int64_t	 unix_of(const struct d4 *, int64_t secs);
int	 family_ok(const struct d4 *, const struct addr *);
/* Where it is by the rules of this host and this engine. */
int	 peer_ok(struct d4 *, const uint8_t id[NODE_ID], const struct addr *);
/* A lookup has found it, or somebody has named it. */
void	 heard_of(struct d4 *, const struct node *);
void	 check_soon(struct d4 *);

/* d4_maint.c: checks, refresh and random walk */
void	 maint_init(struct d4 *);
void	 maint_free(struct d4 *);
/* Gives a node of the table its record, where it has a newer one. */
void	 fetch_newer(struct d4 *, const struct node *, uint64_t seq);
void	 walk_kick(struct d4 *);
void	 walk_met(struct d4 *, const struct node *);

/* d4_sign.c */
void	 slots_init(struct d4 *);
/* Has p signed and sent. 0 and *cookie, or -1: not now. */
int	 sign_for(struct d4 *, struct contact *, const struct addr *to,
	    const struct d4_packet *, uint32_t *cookie);
void	 sign_answer(struct d4 *, const struct addr *to,
	    const struct d4_packet *);
/* The contact no longer cares. */
void	 sign_forget(struct d4 *, uint32_t cookie);

/* d4_contact.c */
struct contact *contact_find(struct d4 *, const uint8_t id[NODE_ID],
	    const struct addr *);
/* Is anything under way with this address that we began? */
int	 contact_ip(const struct d4 *, const struct addr *);
/* Is an answer to a question awaited from there? */
int	 contact_asked(const struct d4 *, const struct addr *);
/* Is a ping, or a question, of this hash under way with this address? */
int	 contact_ping_hash(const struct d4 *, const struct addr *,
	    const uint8_t hash[D4_HASH]);
int	 contact_ask_hash(const struct d4 *, const struct addr *,
	    const uint8_t hash[D4_HASH]);
void	 contact_signed(struct contact *, unsigned int type,
	    const uint8_t hash[D4_HASH]);
void	 contact_unsigned(struct contact *, unsigned int type);
/*
 * Pings the node at this very port, and calls w later. 0, or -1: too much
 * under way.
 */
int	 contact_ping(struct d4 *, const struct node *, unsigned int tries,
	    struct waiter *);
void	 waiter_drop(struct waiter *);
/*
 * It has pinged us: ping it back, unless a ping is open. known: it has proven
 * once to be there, which nobody can forge, so it need not share with those who
 * may be forged.
 */
void	 contact_ping_back(struct d4 *, const struct node *, int known);
/* It has pinged us, and been answered. */
void	 contact_pinged(struct contact *);
/*
 * The answer to our ping is in. It proves that the ping came to the port it
 * was sent to; that it came back from there is not asked, as translating
 * routers have their ways.
 */
void	 contact_pong(struct contact *, uint64_t seq);
/* NULL: too much under way. */
struct query *contact_ask(struct d4 *, const struct node *, enum want,
	    const uint8_t target[SECP_PUB], void (*fn)(void *, uint32_t,
	    enum d4_outcome, const struct node *, size_t), void *arg,
	    uint32_t num);
void	 query_drop(struct query *);
/* The end of the question that is being asked. */
void	 query_done(struct contact *, enum d4_outcome);
void	 contacts_free(struct d4 *);

/* d4_run.c: lookups */
struct run *run_new(struct d4 *, enum why, const uint8_t key[SECP_PUB],
	    unsigned int tries, void (*fn)(void *, struct run *), void *arg);
void	 run_free(struct run *);

/* d4_req.c */
void	 reqs_free(struct d4 *);

#endif
