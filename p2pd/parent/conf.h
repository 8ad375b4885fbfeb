/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_CONF_H
#define P2PD_PARENT_CONF_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/addr.h"
#include "common/wire/base.h"
#include "common/wire/enode.h"
#include "common/wire/network.h"

/*
 * p2pd.conf(5) as data: what parse.y fills, conf_print() prints and the parent
 * acts on.  Everything has a value after conf_new(): an empty file is a
 * working node.
 */
#define CONF_PATH		SYSCONFDIR "/p2pd.conf"
#define CONF_DATADIR		LOCALSTATEDIR "/lib/p2pd"
#define CONF_CHROOT		LOCALSTATEDIR "/empty/p2pd"
#define CONF_CTL_SOCK		RUNSTATEDIR "/p2pd/ctl.sock"
#define CONF_CTL_RO_SOCK	RUNSTATEDIR "/p2pd/ctl.ro.sock"
#define CONF_APP_SOCK		RUNSTATEDIR "/p2pd/app.sock"
#define CONF_KEYFILE		"nodekey"	/* in the data directory */

#define CONF_PORT		30303
#define CONF_PATH_MAX		1024
#define CONF_CHROOT_MAX		256		/* as children are told of it */
#define CONF_SOCK_MAX		104		/* sun_path of the smallest system */
#define CONF_NAME_MAX		64		/* a user's or group's name */
#define CONF_PATTERN_MAX	64
#define CONF_SESSIONS_MAX	16
#define CONF_PEERS_MAX		100000

struct conf_listen {
	TAILQ_ENTRY(conf_listen)	 entry;
	struct addr			 addr;
	/*
	 * Half of a "*", which is two entries, 0.0.0.0 and ::; one of them may
	 * fail to bind where its family is missing.
	 */
	int				 wildcard;
	int				 udp;	/* port, or one of these: */
#define CONF_UDP_SAME	(-1)			/* the one of TCP, once bound */
#define CONF_UDP_NONE	(-2)
};
TAILQ_HEAD(conf_listens, conf_listen);

/*
 * A node by its enode URL, or by its id alone (host is "" then). They are kept as
 * they are written, and by id: lists of thousands are read at a start.
 */
struct conf_node {
	TAILQ_ENTRY(conf_node)		 entry;
	RB_ENTRY(conf_node)		 byid;
	struct enode			 enode;
};
TAILQ_HEAD(conf_node_list, conf_node);
RB_HEAD(conf_node_ids, conf_node);
struct conf_nodes {
	struct conf_node_list		 list;
	struct conf_node_ids		 ids;
};

/* A node to begin at, as an enode URL (its host a name, maybe) or a record. */
struct conf_boot {
	TAILQ_ENTRY(conf_boot)		 entry;
	struct node_spec		 node;
	int				 unresolved;	/* its name, so far */
	struct addr			 found;		/* by its name */
};
TAILQ_HEAD(conf_boots, conf_boot);

struct conf_ban {
	TAILQ_ENTRY(conf_ban)		 entry;
	RB_ENTRY(conf_ban)		 bywhat;
	int				 is_id;
	uint8_t				 id[SECP_PUB];
	struct prefix			 prefix;
};
TAILQ_HEAD(conf_ban_list, conf_ban);
RB_HEAD(conf_ban_tree, conf_ban);
struct conf_bans {
	struct conf_ban_list		 list;
	struct conf_ban_tree		 tree;
};

/* Who may attach what, and how. First match wins; see conf_app_rule(). */
enum conf_who { CONF_WHO_ANY, CONF_WHO_USER, CONF_WHO_GROUP };
enum conf_as { CONF_AS_ANY, CONF_AS_OWNER, CONF_AS_TAP };

struct conf_apprule {
	TAILQ_ENTRY(conf_apprule)	 entry;
	int				 allow;
	enum conf_who			 who;
	char				 name[CONF_NAME_MAX];
	uid_t				 uid;
	gid_t				 gid;
	char				 pattern[CONF_PATTERN_MAX]; /* fnmatch(3) on "eth/69" */
	enum conf_as			 as;
	uint64_t			 rate;	/* bytes a second that it may send; 0 any */
};
TAILQ_HEAD(conf_apprules, conf_apprule);

struct conf_socket {
	char			 path[CONF_SOCK_MAX];	/* "" for none */
	char			 group[CONF_NAME_MAX];	/* "" for the daemon's own */
	gid_t			 gid;			/* when group is set */
	mode_t			 mode;
};

/* count attempts in seconds; count 0 is off. */
struct conf_throttle {
	uint32_t		 count;
	uint32_t		 seconds;
};

enum conf_sandbox { CONF_SANDBOX_DEFAULT, CONF_SANDBOX_REQUIRE, CONF_SANDBOX_OFF };

struct p2pd_conf {
	/* network */
	struct conf_listens	 listens;	/* empty: does not listen */
	int			 dial;		/* 0: dials nobody, static nodes included */
	uint32_t		 max_peers;
	uint32_t		 max_pending_in;
	uint32_t		 max_pending_out;
	uint32_t		 dial_ratio;	/* at most one peer in this many is dialed; >= 1 */
	uint32_t		 retire_age;	/* seconds, before one makes room */
	uint32_t		 retire_pause;	/* between two that do */
	struct conf_throttle	 throttle_addr;
	struct conf_throttle	 throttle_net;

	/* discovery */
	int			 discovery_v4;
	enum network	 network;	/* whose bootnodes are known */
	struct conf_boots	 bootnodes;	/* more of them */
	struct addr		 announce4;	/* af 0: as others see us */
	struct addr		 announce6;
	uint16_t		 announce_tcp;	/* 0: that of the socket */
	uint16_t		 announce_udp;

	/* identity and admission */
	char			 client[CLIENT_MAX];	/* the Hello's client name */
	struct netset		 netrestrict;	/* n 0: no restriction */
	int			 allowlist_on;
	struct conf_nodes	 allowlist;	/* besides static and trusted */
	struct conf_bans	 bans;
	struct conf_nodes	 statics;	/* always with a host */
	struct conf_nodes	 trusted;

	/* processes and files */
	uint32_t		 sessions;	/* 1 to CONF_SESSIONS_MAX */
	char			 user[CONF_NAME_MAX];
	char			 chroot[CONF_CHROOT_MAX];
	char			 datadir[CONF_PATH_MAX];
	char			 keyfile[CONF_PATH_MAX];
	enum conf_sandbox	 sandbox;

	/* local sockets */
	struct conf_socket	 ctl;
	struct conf_socket	 ctl_ro;
	struct conf_socket	 app;
	struct conf_apprules	 apprules;
	uint32_t		 app_grace;	/* seconds to come back in */

	/* queues, in bytes */
	uint64_t		 queue_peer;	/* per peer and capability */
	uint64_t		 queue_app;	/* per application */
	uint64_t		 session_memory;	/* whole budget of one session */
	uint32_t		 stall_limit;	/* seconds a stalled application holds its peers */
};

/* Takes one "file:line: message" without a newline. */
typedef void (*conf_errfn)(const char *line, void *arg);

/* All defaults, no listen. NULL: no memory. */
struct p2pd_conf *conf_new(void);
void	 conf_free(struct p2pd_conf *);

/*
 * Reads and checks path.  With path NULL it is CONF_PATH, and a file that does
 * not exist is an empty one.  defs is NULL or a NULL-terminated list of
 * "name=value" from -D; they go over macros of the same name in the file.
 * Every error is told to err (NULL: log_warnx), then NULL is returned.
 */
struct p2pd_conf *conf_parse(const char *path, char *const *defs,
	    conf_errfn err, void *arg);

/* Writes a file that parses to the same configuration. */
void	 conf_print(FILE *, const struct p2pd_conf *);

/*
 * Whom the children become when root starts it. -1 after a line in the log: no
 * such user, or it is root.
 */
int	 conf_user(const struct p2pd_conf *, uid_t *, gid_t *);

/* May this process attach anything at all? */
int	 conf_app_any(const struct p2pd_conf *, uid_t uid, const gid_t *gids,
	    size_t ngids);
/*
 * May this process attach a capability, "eth/69", as owner or tap? The first
 * rule that matches decides, and says how many bytes a second it may send (0:
 * any number); with none: root, own uid, and members of the socket's group
 * (gids are the process's groups, its effective one included). "eth", without a
 * version, is all of them that there may ever be: a rule that denies one of
 * them matches, one that allows only some does not.
 */
int	 conf_app_rule(const struct p2pd_conf *, const char *cap, enum conf_as,
	    uid_t uid, const gid_t *gids, size_t ngids, uint64_t *rate);

#endif
