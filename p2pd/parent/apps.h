/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_APPS_H
#define P2PD_PARENT_APPS_H

#include <sys/types.h>
#include <sys/queue.h>
#include <stdint.h>

#include "common/base/util.h"
#include "common/wire/app.h"
#include "common/wire/caps.h"
#include "p2pd/messages.h"

/*
 * Applications and what they offer. An application has a connection to each
 * session; a capability is advertised once its owner is attached to all of
 * them that run. When a connection is lost, what it had attached waits for its
 * owner until a given time: its sessions keep its peers, and it stays
 * advertised. Pure bookkeeping: who may attach is decided by the caller, and
 * the clock is the caller's.
 */
#define APPS_MAX	64	/* applications at once */
#define APPS_UID_MAX	32	/* of them one user's */
#define APP_CONNS_MAX	256
#define APP_CONNS_UID_MAX 128
#define APP_TAPS_MAX	256
#define APP_SESSIONS_MAX 32
#define APP_GROUPS_MAX	64
#define APP_HINT_RATE	50	/* hints a second that are taken from one */
#define APP_HINT_BURST	512
#define LOCALCAPS_MAX	64	/* name and version pairs advertised */

struct app {
	TAILQ_ENTRY(app) entry;
	uint8_t		 token[APP_TOKEN];
	uint32_t	 uid, gid, pid;
	gid_t		 groups[APP_GROUPS_MAX];
	unsigned int	 ngroups;
	char		 name[APP_NAME_MAX];
	unsigned int	 nconns;
	struct bucket	 hints;
};
TAILQ_HEAD(app_list, app);

struct appconn {
	TAILQ_ENTRY(appconn) entry;
	uint32_t	 no;
	struct app	*app;
	unsigned int	 session;
};
TAILQ_HEAD(appconn_list, appconn);

struct capability {		/* or a tap, which nobody is told of */
	TAILQ_ENTRY(capability) entry;
	uint32_t	 id;		/* never reused */
	char		 name[CAP_NAME_MAX + 1];
	struct app	*owner;
	int		 tap;
	uint32_t	 nvers;
	struct m_capver	 vers[CAPVERS_MAX];
	uint32_t	 sessions;	/* bit per session it is attached to */
	uint32_t	 away;		/* ... that waits for its owner */
	uint32_t	 orphans;	/* ... of these, that keeps its peers */
	uint64_t	 until[APP_SESSIONS_MAX];	/* away: at most */
	uint32_t	 conns[APP_SESSIONS_MAX];	/* appconn number */
	int		 advertised;
	struct m_app_meta meta;		/* what its owner said last */
	uint32_t	 npeers;	/* that share it: the caller's count */
};
TAILQ_HEAD(capability_list, capability);

/* What one generation of our Hello lists; kept while a set-up refers to it. */
struct helloset {
	uint32_t	 generation;
	unsigned int	 refs;
	uint32_t	 n;
	struct localcap	 caps[LOCALCAPS_MAX];
	uint32_t	 len;
	uint8_t		 payload[HELLO_MAX];
};

struct apps {
	struct app_list		 apps;
	struct appconn_list	 conns;
	struct capability_list	 caps;
	struct capability_list	 taps;
	unsigned int		 napps, nconns, ntaps;
	uint32_t		 next_conn, next_cap, next_gen;
	uint32_t		 running;	/* sessions that run */
	struct helloset		*hello;		/* the present one, never NULL */
	int			 stale;		/* ... and no memory for a newer */
	char			 client[CLIENT_MAX];
	uint8_t			 id[SECP_PUB];
	/* Entries, conditions or numbers wanted may have changed since this
	   was cleared. */
	int			 meta_changed;
	/* A capability waits no longer in a session, which is to let go of
	   its peers when it kept them; NULL: nobody is told. */
	void			(*lapsed)(const struct capability *,
				    unsigned int session, int kept);
};

/* -1 when even an empty Hello does not encode: the client name is too long. */
int	 apps_init(struct apps *, const char *client, const uint8_t id[SECP_PUB]);

struct app *apps_bytoken(struct apps *, const uint8_t token[APP_TOKEN], uint32_t uid);
/* A new application with a random token; NULL with errno. */
struct app *apps_new(struct apps *, const struct m_app *);
/* One without a connection, that will not have one. */
void	 apps_drop(struct apps *, struct app *);
struct appconn *apps_connect(struct apps *, struct app *, unsigned int session);
struct appconn *apps_conn(struct apps *, uint32_t no);
/*
 * The connection is over: what it had attached waits until then, 0: for
 * nothing, and the session is told at once that it is gone. The application
 * goes with the last it had.
 */
void	 apps_disconnect(struct apps *, struct appconn *, uint64_t until);
/* Those whose time is over; ms until the next, -1 when none waits. */
int64_t	 apps_expire(struct apps *, uint64_t now);
/* A capability that waits in all its sessions is waited for no longer. */
void	 apps_forget(struct apps *, struct capability *);
/*
 * Attaches, anew or resuming: capid and resumed of the answer are set, or an
 * error is returned with its text, and the room left in Hello, or in the
 * record, in room.
 */
enum app_error apps_attach(struct apps *, struct appconn *,
	    const struct m_app_attach *, struct m_app_attached *);
/* Other options for what it has attached. */
enum app_error apps_change(struct apps *, struct appconn *,
	    const struct m_app_update *, struct m_app_updated *);
int	 apps_detach(struct apps *, struct appconn *, uint32_t capid);
/* Owned by somebody, by number and by name. */
struct capability *apps_cap(struct apps *, uint32_t capid);
struct capability *apps_byname(struct apps *, const char *name);
struct capability *apps_attached(struct apps *, const struct appconn *,
	    uint32_t capid);
/* Sessions that run, as bits; recomputes what is advertised. */
void	 apps_set_running(struct apps *, uint32_t bits);
/* All connections to a session are gone with it, and the peers that it had. */
void	 apps_session_died(struct apps *, unsigned int session, uint64_t until);

/* helloset.c */
/* -1 with errno when there can be no newer set: ENOMEM, or EMSGSIZE. */
int	 apps_update(struct apps *);
/* The same for all that is attached already; stale when there is no memory. */
void	 apps_refresh(struct apps *);
int	 apps_hello_room(struct apps *, uint16_t *room);
/*
 * Is anything of theirs, NULL: anything at all, not advertised only because
 * it waits for its owner?
 */
int	 apps_awaits(const struct apps *, const struct cap *theirs, uint32_t n);
struct helloset *helloset_ref(struct helloset *);
void	 helloset_unref(struct helloset *);

#endif
