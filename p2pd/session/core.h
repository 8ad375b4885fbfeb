/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_CORE_H
#define P2PD_SESSION_CORE_H

#include <sys/queue.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "p2pd/messages.h"
#include "p2pd/session/budget.h"
#include "p2pd/session/htab.h"

/*
 * The session's state and its one turn of deferred work. Nothing that owns
 * memory is freed, no stopped reader started again and no socket written where
 * that is decided, deep in somebody's parser, but at the end of the loop turn.
 */
struct peer;
struct app;
struct show;
TAILQ_HEAD(peers, peer);
TAILQ_HEAD(apps, app);
TAILQ_HEAD(shows, show);
TAILQ_HEAD(appcaps, appcap);
TAILQ_HEAD(attaches, attach);

#define SCRATCH		(256 * 1024)	/* one read of any socket at most */

#define PING_MS		15000
#define READ_MS		30000
#define WRITE_MS	20000
#define LINGER_MS	2000
#define LINGER_BYTES	65536
#define LINGER_MAX	256		/* but when stopping */

#define OUT_PONG	(320 * 1024)	/* a peer's chunks: pings wait above, and
					   not for what is sent to it */
#define APP_SLACK	(16 * 1024 * 1024)	/* for answers, over queue_app */

/* How the session reaches the world, so that tests can be the world. */
struct session_env {
	struct event_base	*base;
	/* To the parent; 0 or -1. */
	int	(*send)(const struct msgdesc *, const void *body);
	/* The parent's queue is over its mark: whatever can wait, waits. */
	int	(*full)(void);
	/* The orderly stop is complete. */
	void	(*done)(void);
};

struct session {
	struct session_env	 env;
	struct m_init		 init;
	uint8_t			*scratch;
	struct htab		 peertab;
	struct peers		 peers;		/* by handle */
	struct peers		 lingering;	/* oldest first */
	struct peers		 resumed;	/* to be read again */
	struct peers		 dead;
	uint32_t		 npeers;
	uint32_t		 nlinger;
	struct htab		 apptab;
	struct holder		 shared;	/* what goes to several peers */
	struct apps		 apps;
	struct apps		 deadapps;
	struct appcaps		 orphans;
	struct attaches		 unheard;	/* whose application went first */
	struct appcaps		 taps;
	struct holder		 orphaned;	/* memory of orphans */
	struct shows		 shows;
	struct event		 ev_turn;
	struct event		 ev_pressure;
	struct event		 ev_grace;
	int			 turning;	/* ev_turn is active */
	uint32_t		 ndoomed;	/* applications to be closed */
	int			 pressed;	/* over the memory limit */
	int			 room;		/* for peers that wait for it */
	int			 stopping;
	int			 done;
	int			 monitor;
	uint32_t		 lost;		/* events, since the last sent */
	uint64_t		 bytes_in, bytes_out;
	uint64_t		 msgs_in, msgs_out;
	uint64_t		 dropped;
	uint64_t		 tap_dropped;
};

extern struct session ses;

/* 0, or -1 without memory. */
int	 session_setup(const struct session_env *, const struct m_init *);
/* Frees everything at once, telling nobody. */
void	 session_cleanup(void);
/* M_STOP. */
void	 session_stop(uint32_t grace_ms);
/* The parent's queue is short again. */
void	 session_drained(void);

/* There is deferred work. */
void	 turn_soon(void);

/* To the parent; what must not be lost: the parent not reading is fatal. */
void	 session_tell(const struct msgdesc *, const void *body);
void	 event_after(struct event *, uint64_t ms);

#endif
