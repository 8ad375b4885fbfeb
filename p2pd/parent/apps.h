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
 * them that run. Pure bookkeeping: who may attach is decided by the caller.
 */
#define APPS_MAX	64	/* applications at once */
#define APP_CONNS_MAX	256
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

struct capability {
	TAILQ_ENTRY(capability) entry;
	uint32_t	 id;		/* never reused */
	char		 name[CAP_NAME_MAX + 1];
	struct app	*owner;
	uint32_t	 nvers;
	struct m_capver	 vers[CAPVERS_MAX];
	uint32_t	 sessions;	/* bit per session it is attached to */
	uint32_t	 conns[32];	/* appconn number by session */
	int		 advertised;
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
	unsigned int		 napps, nconns;
	uint32_t		 next_conn, next_cap, next_gen;
	uint32_t		 running;	/* sessions that run */
	struct helloset		*hello;		/* the present one */
	char			 client[CLIENT_MAX];
	uint8_t			 id[SECP_PUB];
};

/* -1 when even an empty Hello does not encode: the client name is too long. */
int	 apps_init(struct apps *, const char *client, const uint8_t id[SECP_PUB]);

struct app *apps_bytoken(struct apps *, const uint8_t token[APP_TOKEN], uint32_t uid);
/* A new application with a random token; NULL with errno. */
struct app *apps_new(struct apps *, const struct m_app *);
struct appconn *apps_connect(struct apps *, struct app *, unsigned int session);
struct appconn *apps_conn(struct apps *, uint32_t no);
/* The connection is over: its attachments go, the application with its last. */
void	 apps_disconnect(struct apps *, struct appconn *);
/*
 * Attaches; *capid is set, or an error is returned with text, and the room
 * left in Hello in *room.
 */
enum app_error apps_attach(struct apps *, struct appconn *,
	    const struct m_app_attach *, uint32_t *capid, uint16_t *room,
	    char *text, size_t textlen);
int	 apps_detach(struct apps *, struct appconn *, uint32_t capid);
struct capability *apps_cap(struct apps *, uint32_t capid);
/* Sessions that run, as bits; recomputes what is advertised. */
void	 apps_set_running(struct apps *, uint32_t bits);
/* All connections to a session are gone with it. */
void	 apps_session_died(struct apps *, unsigned int session);

struct helloset *helloset_ref(struct helloset *);
void	 helloset_unref(struct helloset *);

#endif
