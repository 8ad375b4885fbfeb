/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_PARENT_H
#define P2PD_PARENT_PARENT_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>
#include <event2/event.h>

#include "common/base/util.h"
#include "common/ipc/channel.h"
#include "common/ipc/proc.h"
#include "common/wire/reason.h"
#include "p2pd/messages.h"
#include "p2pd/parent/apps.h"
#include "p2pd/parent/bans.h"
#include "p2pd/parent/conf.h"
#include "p2pd/parent/history.h"
#include "p2pd/parent/nodes.h"
#include "p2pd/parent/peers.h"

/*
 * The parent: owns the node key, the configuration, the peer table and the
 * decisions. Its files, by subject:
 *   parent.c    start, signals, main loop      key.c      the node key's file
 *   children.c  spawn, reap, start again       keyops.c   ECDH for the children
 *   childconf.c what a child is told at start  sockets.c  bind what they need
 *   setup.c     checkpoints of connections     admit.c    the rules behind them
 *   peers.c     the peer table                 apps.c     who offers what
 *   nodes.c     static and trusted nodes       bans.c     bans
 *   state.c     what outlives a restart        history.c  attempts remembered
 *   control.c, show.c  p2pctl's requests       stop.c     orderly shutdown
 *   resolve.c   the resolver's queue           attach.c   applications' requests
 *   balance.c   how many peers are wanted
 *   d4sign.c    packets built and signed       record.c   our own node record
 *   disc.c      what discovery is told, and tells
 *   candidate.c whom the dialer is told of
 */

enum child_state { CH_DOWN, CH_STARTING, CH_READY, CH_GIVEN_UP };

/* An operation with the node key, for a connection in set-up. */
struct keyreq {
	TAILQ_ENTRY(keyreq)	 entry;
	struct conn		*conn;
	uint8_t			 op;
	uint8_t			 waits;
	uint8_t			 point[SECP_PUB];
};
TAILQ_HEAD(keyreqs, keyreq);

/* A connection in set-up at a listener or dialer. */
struct conn {
	RB_ENTRY(conn)	 entry;
	uint32_t	 no;
	uint8_t		 ops;		/* key operations asked, bit per enum key_op */
	uint8_t		 asked;		/* checkpoint one: behind what is in keys */
	uint8_t		 checked;	/* passed checkpoint one */
	uint8_t		 dialed;	/* M_DIAL seen: id and remote are the dial's */
	uint8_t		 flags;
	struct keyreq	 keys[KEY_STATIC + 1];
	uint8_t		 id[SECP_PUB];
	struct addr	 remote;
	struct helloset	*hello;		/* the one sent at checkpoint one */
	struct event	*hold;		/* its verdict waits, or did: see hold() */
};
RB_HEAD(conn_tree, conn);

struct d4req {
	TAILQ_ENTRY(d4req)	 entry;
	struct m_d4_sign	 sign;
};
TAILQ_HEAD(d4reqs, d4req);

struct child {
	enum proc_kind		 kind;
	unsigned int		 instance;
	enum child_state	 state;
	pid_t			 pid;		/* 0: reaped */
	struct channel		*ch;
	struct event		*timer;		/* start again, or not ready in time */
	uint64_t		 since_ms;	/* of the state */
	unsigned int		 restarts;
	size_t			 unread;	/* at the last look at its start */
	unsigned int		 unready;	/* deaths before ready, running */
	int			 worked;	/* was ready once: never given up */
	unsigned int		 backoff_ms;
	char			 cause[160];	/* of the last death */
	int			 status;	/* ... as wait(2) tells it */
	const char		*bad;		/* why we ended it, static text or NULL */
	struct proc_layers	 layers;
	struct bucket		 log_bucket;
	uint64_t		 log_dropped;

	struct conn_tree	 conns;		/* listener, dialer */
	unsigned int		 nconns;
	struct keyreqs		 keyq;
	unsigned int		 nkeyq;
	struct bucket		 key_bucket;
	uint64_t		 key_done[3], key_refused, key_delayed;
	unsigned int		 npeers;	/* session */
	struct d4reqs		 d4q;		/* discovery */
	unsigned int		 nd4q;
	struct bucket		 d4_bucket;
	uint64_t		 d4_done[D4_NTYPES], d4_refused;
	int64_t			 ready_bytes;	/* resident at M_READY; -1 */
};

struct show {			/* an answer that sessions give together */
	LIST_ENTRY(show)	 entry;
	uint32_t		 id;		/* sessions know it by this */
	uint32_t		 conn;		/* control's client */
	uint32_t		 pending;	/* bit per child asked */
	enum { SHOW_SHORT, SHOW_WAITS, SHOW_LONG } length;	/* of all peers */
	int			 gone;		/* the client is */
	uint8_t			 code;		/* CTLE_, unless all is well */
	char			 text[128];
};
LIST_HEAD(shows, show);

struct waiter {			/* peer add --wait */
	LIST_ENTRY(waiter)	 entry;
	uint32_t		 conn;
	uint8_t			 id[SECP_PUB];
};
LIST_HEAD(waiters, waiter);

struct parent {
	struct event_base	*base;
	struct p2pd_conf	*conf;
	int			 binfd;
	int			 foreground;
	int			 verbose;
	uid_t			 uid;		/* children's, when root */
	gid_t			 gid;
	int			 root;
	int			 stopping;
	int			 failed;	/* for the exit status */
	uint64_t		 started_ms;
	uint32_t		 maxfiles;	/* that a process may have open */
	struct proc_layers	 layers;
	uint8_t			 id[SECP_PUB];

	struct child		 child[5 + CONF_SESSIONS_MAX];
	unsigned int		 nchildren;

	struct peers		 peers;
	struct apps		 apps;
	struct nodes		 nodes;
	struct bans		 bans;
	struct history		 history;
	struct m_plan		 plan;		/* the dialer's last word */
	uint64_t		 refused;	/* candidates kept from it */
	uint32_t		 next_handle;
	unsigned int		 monitors;	/* clients that monitor */
	unsigned int		 msg_monitors;
	struct shows		 shows;
	struct waiters		 waiters;
};

/* Files of a session that are not its peers: goodbyes, applications, loop. */
#define SESSION_SPARE_FILES	1024

extern struct parent	 parent;	/* the one */

/* children.c */
void	 children_init(void);
void	 children_start(void);
void	 children_one_ready(void);	/* a child is: the next may start */
/* Never NULL but for a session, and for discovery where there is none. */
struct child *child_first(enum proc_kind);
struct child *child_session(unsigned int instance);	/* NULL beyond */
/* Next of a kind after c, c NULL for the first; NULL at the end. */
struct child *child_next(enum proc_kind, struct child *);
int	 child_ready(const struct child *);
/* Sends to a child; closes fd and returns -1 when it is not there or is full. */
int	 child_msg(struct child *, const struct msgdesc *, const void *, int fd);
/* To the first of a kind, if it is there: it is not woken for this alone. */
void	 child_news(enum proc_kind, const struct msgdesc *, const void *);
/* To every running child of a kind. */
void	 children_msg(enum proc_kind, const struct msgdesc *, const void *);
/* Ends a child that misbehaves or hangs; it is started again. */
void	 child_kill(struct child *, const char *why);
void	 children_close(void);
unsigned int children_alive(void);
const char *child_state_name(enum child_state);

/* childconf.c: all that a fresh child has to know before M_START */
void	 childconf_send(struct child *);
void	 childconf_ban(const struct ban *, int add);
void	 childconf_static(const struct node *, int add);

/* rules.c: what each kind of child may say */
const struct chan_rule *rules_for(enum proc_kind, size_t *);

/* sockets.c */
int	 sockets_open(void);
void	 sockets_send(struct child *);
void	 sockets_close(void);
unsigned int sockets_listening(void);
/* The nth address listened on, with the port really bound; NULL beyond. */
const struct addr *sockets_addr(unsigned int n);
/* ... and the UDP port beside it, 0 for none. */
uint16_t sockets_udp(unsigned int n);

/* key.c: the file; the secret stays in there */
int	 key_load(const char *path, uint8_t pub[SECP_PUB]);
/* Locks the secret in memory and keeps it from forks: once in the background. */
void	 key_guard(void);
void	 key_ecdh(uint8_t secret[32], const uint8_t point[SECP_PUB]);
/* No digest comes from outside: what is signed is built here, from fields. */
int	 key_sign_d4(const struct d4_packet *, uint8_t buf[D4_MAX], size_t *len);
int	 key_sign_record(struct enr *, const struct enr_build *);
void	 key_wipe(void);

/* keyops.c */
#define KEYOPS_RATE	10000	/* a second that a child may have */
void	 keyops_init(void);
void	 keyops_request(struct channel *, struct chan_msg *, void *);
/* Is a secret of the connection still to be made? */
int	 keyops_wait(const struct conn *);
void	 keyops_cancel(struct child *, struct conn *);

/* setup.c */
void	 setup_check1(struct channel *, struct chan_msg *, void *);
/* Answers checkpoint one. */
void	 setup_decide1(struct child *, struct conn *);
void	 setup_check2(struct channel *, struct chan_msg *, void *);
void	 setup_attempt(struct channel *, struct chan_msg *, void *);
void	 setup_dial(struct channel *, struct chan_msg *, void *);
struct conn *conn_find(struct child *, uint32_t no);
struct conn *conn_get(struct child *, uint32_t no);
void	 conns_drop(struct child *);
/* A dial of ours to id is in set-up. */
int	 conns_dialing(const uint8_t id[SECP_PUB]);

/* peerlife.c */
void	 peer_ended(struct channel *, struct chan_msg *, void *);
void	 peer_gone(struct peer *, const struct m_peer_end *);
void	 peers_session_died(struct child *);
int	 peer_admit(struct child *, struct conn *, const struct m_check2 *,
	    const struct sharedcap *, uint32_t n, int fd);
void	 peer_tell_stop(struct peer *, unsigned int reason, unsigned int disc);
void	 peer_reflag(const uint8_t id[SECP_PUB]);

/* attach.c */
void	 attach_init(void);
void	 attach_new(struct channel *, struct chan_msg *, void *);
void	 attach_request(struct channel *, struct chan_msg *, void *);
void	 attach_update(struct channel *, struct chan_msg *, void *);
void	 attach_detach(struct channel *, struct chan_msg *, void *);
void	 attach_closed(struct channel *, struct chan_msg *, void *);
struct appconn *attach_conn(struct child *, uint32_t no);
void	 attach_session_died(struct child *);
void	 attach_session_changed(struct child *);

/* appact.c: what applications say of nodes */
void	 appact_hint(struct channel *, struct chan_msg *, void *);
void	 appact_penalise(struct channel *, struct chan_msg *, void *);

/* balance.c */
void	 balance_init(void);
/* Peers or capabilities have changed. */
void	 balance_soon(void);
void	 balance_dialer(struct child *);
void	 balance_plan(struct channel *, struct chan_msg *, void *);

/* resolve.c */
void	 resolve_init(void);
void	 resolve_request(struct channel *, struct chan_msg *, void *);
void	 resolve_stop(struct channel *, struct chan_msg *, void *);
void	 resolve_done(struct channel *, struct chan_msg *, void *);
void	 resolve_resolver_up(void);
void	 resolve_resolver_gone(void);
void	 resolve_dialer_gone(void);
/* For the parent itself. */
void	 resolve_name(const char *host, void (*done)(const struct m_resolved *,
	    void *), void *arg);

/* d4sign.c */
void	 d4sign_init(void);
void	 d4sign_request(struct channel *, struct chan_msg *, void *);
void	 d4sign_drop(struct child *);

/* record.c */
void	 record_init(void);	/* it is made in the loop's first turn */
/* What it is made of has changed, or may have. */
void	 record_changed(void);
void	 record_facts(struct channel *, struct chan_msg *, void *);
void	 record_send(struct child *);
const struct enr *record_get(void);	/* len 0: not made yet */
uint64_t record_made(void);		/* how often it was signed */
/* Of the state file. */
uint64_t record_seq(void);
void	 record_seq_set(uint64_t);

/* disc.c */
void	 disc_init(void);
int	 disc_wanted(void);		/* is there such a process? */
void	 disc_configure(struct child *);
void	 disc_conditions(void);
void	 disc_candidate(struct channel *, struct chan_msg *, void *);
void	 disc_want(uint32_t n);
void	 disc_died(struct child *);

/* candidate.c */
/* To the dialer, unless something speaks against it; source is set. */
void	 candidate_tell(const struct m_candidate *);

/* control.c, show.c */
void	 control_peer(struct channel *, struct chan_msg *, void *);
void	 control_ban(struct channel *, struct chan_msg *, void *);
void	 control_bans_sweep(void);
void	 control_log(struct channel *, struct chan_msg *, void *);
void	 control_stop(struct channel *, struct chan_msg *, void *);
void	 control_monitor(struct channel *, struct chan_msg *, void *);
void	 control_gone(struct channel *, struct chan_msg *, void *);
void	 control_lost(void);
void	 control_end(uint32_t conn, int code, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
/* Tells those who wait for a node how it ended. */
void	 control_outcome(const uint8_t id[SECP_PUB], int code, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
void	 show_request(struct channel *, struct chan_msg *, void *);
void	 show_relay_rec(struct channel *, struct chan_msg *, void *);
void	 show_relay_end(struct channel *, struct chan_msg *, void *);
void	 show_child_died(struct child *);
struct show *show_begin(uint32_t conn);
int	 show_query(struct show *, enum proc_kind, unsigned int what,
	    const uint8_t id[SECP_PUB]);
void	 show_wait(struct show *);
void	 show_free(struct show *);
/* Its client has left: free, or of no use but to be waited for. */
void	 show_gone(struct show *);
/* Some have ended, or control has read what there was: others may begin. */
void	 show_turn(void);
void	 show_rec(uint32_t conn, struct rec *);
void	 show_attempt_fields(struct rec *, const struct attempt *);

/* showdisc.c */
void	 show_enr(uint32_t conn);
void	 show_discovery(const struct ctl_show_req *);
void	 show_lookup(struct channel *, struct chan_msg *, void *);

/* usage.c */
void	 usage_ready(struct child *);
void	 show_memory(uint32_t conn);
void	 show_queues(uint32_t conn);

/* event.c: for those who monitor; rec begins with what event_begin wrote */
int	 event_wanted(void);
void	 event_begin(struct rec *, const char *name);
void	 event_send(struct rec *);
void	 event_relay(struct channel *, struct chan_msg *, void *);

/* state.c */
int	 state_load(void);
/* 0, or -1: it was logged, and is tried again later. */
int	 state_save(void);
/* Within a second: for what may come often. */
void	 state_init(void);
void	 state_save_soon(void);
void	 state_flush(void);

/* stop.c */
void	 stop_begin(const char *why);
void	 stop_child_gone(void);

#endif
