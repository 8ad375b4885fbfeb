/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_PEER_H
#define P2PD_SESSION_PEER_H

#include <sys/queue.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "common/wire/frame.h"
#include "p2pd/messages.h"
#include "p2pd/session/appq.h"
#include "p2pd/session/core.h"
#include "p2pd/session/htab.h"
#include "p2pd/session/out.h"
#include "p2pd/session/rbuf.h"
#include "p2pd/session/sendq.h"

struct app;
struct appcap;

/* A shared capability of one peer: its range of codes and who has it. */
struct peercap {
	struct sharedcap	 shared;	/* owner: the capid */
	struct appcap		*ac;		/* NULL: no owner, or not here */
	struct aq_flow		 flow;		/* of the owner's queue */
	size_t			 queued;	/* what waits there */
	uint64_t		 msgs_in, msgs_out;
	uint64_t		 bytes_in, bytes_out;	/* payload */
	uint64_t		 dropped;
	struct sendq		*sendq;		/* NULL: nothing waits */
	uint32_t		 stalled_app;	/* was told of AF_STALLED; 0 */
	uint8_t			 slow;		/* nobody waits for it again */
	uint8_t			 accepted;
	uint8_t			 tapped;	/* somebody watches */
	uint64_t		 accept_by;	/* ms; 0: need not be */
};

enum peer_state { PEER_UP, PEER_LINGER, PEER_DEAD };

/* Why a peer is not read. */
#define PAUSE_APP	0x01	/* its application is full */
#define PAUSE_PONG	0x02	/* it does not read what it asks for */
#define PAUSE_MEM	0x04	/* it holds too much memory */

struct peer {
	struct hnode		 node;		/* first; key is the handle */
	TAILQ_ENTRY(peer)	 entry;		/* peers, lingering or dead */
	TAILQ_ENTRY(peer)	 stalled;	/* of sole, with PAUSE_APP */
	TAILQ_ENTRY(peer)	 resume;
	struct event		 ev_read;
	struct event		 ev_timer;
	struct out		 out;
	struct rbuf		 rb;
	struct holder		 holder;
	struct frame_codec	*codec;
	size_t			 bodylen;	/* when has_head */
	struct peercap		*caps;
	struct app		*sole;		/* the only owner, and patient */
	struct app		*stalled_on;	/* whose list stalled is in */
	char			*client;
	struct cap		*listed;	/* all that its Hello had */
	uint32_t		 ncaps, nlisted;
	uint32_t		 nwaiters;	/* applications waiting to send */
	uint32_t		 nwaiting;	/* caps with something in sendq */
	uint32_t		 nstalled;	/* caps with stalled_app */
	uint32_t		 stamp;		/* of the multisend that named it */
	uint64_t		 vtime;		/* send.c's turns */
	size_t			 shared;	/* bytes of ses.shared in sendq */
	size_t			 queued;	/* sum of caps' */
	uint64_t		 since;		/* all times in ms */
	uint64_t		 read_at;	/* the last whole frame */
	uint64_t		 ping_at;	/* the next ping */
	uint64_t		 ping_sent;	/* 0: no answer awaited */
	uint64_t		 stalled_at;
	uint64_t		 over_at;	/* a queue to it full since; 0: none */
	uint64_t		 msgs_in, msgs_out;
	uint64_t		 bytes_in, bytes_out;
	uint64_t		 drained;	/* bytes discarded in lingering */
	uint32_t		 ping_ms;	/* UINT32_MAX: not known */
	uint32_t		 p2p_version;
	struct addr		 remote, local;
	uint8_t			 id[SECP_PUB];
	uint8_t			 flags;
	uint8_t			 state;
	uint8_t			 pause;
	uint8_t			 has_head;
	uint8_t			 in_resumed;
	uint8_t			 parsing;	/* rb is in use */
	uint8_t			 pongs;		/* owed */
	uint8_t			 penalised;	/* the parent was asked to */
	uint8_t			 waits;		/* enum mux_full, PAUSE_APP */
	uint16_t		 waits_range;
};

/* M_PEER_START; takes fd. */
void	 peer_start(const struct m_peer_start *, int fd);
struct peer *peer_find(uint32_t handle);
/*
 * The one way out. disc is what to tell the peer, or what it said when remote.
 * The peer stays in memory until the end of the turn.
 */
void	 peer_end(struct peer *, unsigned int reason, unsigned int disc, int remote);
/* With the wire reason that belongs to it. */
void	 peer_fail(struct peer *, unsigned int reason);
/* M_PEER_STOP; 0 is all. */
void	 peers_stop(uint32_t handle, unsigned int reason, unsigned int disc);
void	 peer_pause(struct peer *, unsigned int why);
void	 peer_resume(struct peer *, unsigned int why);
/* Owners have changed: who may stall it; ends it when nobody is left. */
void	 peer_owners(struct peer *);
/* A deadline nearer than those there were has been set. */
void	 peer_arm(struct peer *);
/* Sealed into the output queue: 0, or -1 with errno: EMSGSIZE, ENOMEM. */
int	 peer_seal(struct peer *, uint64_t code, const void *, size_t);
void	 peer_free(struct peer *);
/* Frees what is in ses.dead. */
void	 peer_bury(void);

/* linger.c: the socket after the end. */
void	 linger_start(struct peer *);
void	 linger_read(struct peer *);
void	 linger_wrote(struct peer *);
void	 linger_end(struct peer *);

/* peerio.c: the socket and what comes out of it. */
extern const struct rb_ops peer_rb_ops;
void	 peer_readable(int, short, void *);
/* Goes on with what is kept. */
void	 peer_continue(struct peer *);
/* After reading or writing: pings and pongs that can go. */
void	 peer_pong(struct peer *);
void	 peer_ping(struct peer *, uint64_t now);
/*
 * One message as it came out of its frame, data still compressed when the
 * peer's snappy is on. REASON_NONE, or why the peer has to end; *disc is then
 * what it said when the reason is REASON_REMOTE.
 */
int	 peer_message(struct peer *, uint64_t code, uint8_t *data, size_t,
	    unsigned int *disc);

#endif
