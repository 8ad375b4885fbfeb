/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_BANS_H
#define P2PD_PARENT_BANS_H

#include <sys/queue.h>
#include <sys/tree.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/crypto/secp.h"

/*
 * A ban by node id, or by address or prefix. It is in the configuration, or was
 * asked for while running and is saved, or both: then it is for ever, and what
 * was asked for outlives the configuration's line. Expiry is wall time: it has
 * to mean the same after a restart; and wide, since a ban may end after 2038
 * where time_t does before.
 */
struct ban {
	RB_ENTRY(ban)	 entry;
	int		 by_id;
	uint8_t		 id[SECP_PUB];
	struct prefix	 prefix;
	int		 from_conf;
	int		 saved;		/* set by bans_add(), with these: */
	int64_t		 until;		/* 0: for ever */
	char		 note[128];
};
RB_HEAD(ban_tree, ban);

struct bans {
	struct ban_tree	 tree;		/* ids first, then prefixes */
	unsigned int	 n;
};

#define BANS_MAX	65536
#define BANS_APP_MAX	49152	/* with so many applications add no more: what is
				   left is the operator's */

void	 bans_init(struct bans *);
/* from_conf, or asked for, when that replaces what was before. NULL with errno. */
struct ban *bans_add(struct bans *, const struct ban *);
struct ban *bans_find(struct bans *, const struct ban *);
int	 bans_has_id(struct bans *, const uint8_t id[SECP_PUB], int64_t now);
int	 bans_has_addr(struct bans *, const struct addr *, int64_t now);
void	 bans_del(struct bans *, struct ban *);
/* Has not run out. */
int	 ban_live(const struct ban *, int64_t now);
/* Drops what was asked for and has run out: 1 if nothing else bars it, -1 if so. */
int	 ban_expire(struct ban *, int64_t now);
/* "prefix" or the id in hex; buf has room for 129. */
const char *ban_what(const struct ban *, char *buf, size_t);

#define BANS_FOREACH(b, bs)	RB_FOREACH(b, ban_tree, &(bs)->tree)
#define BANS_FOREACH_SAFE(b, bs, t) \
	RB_FOREACH_SAFE(b, ban_tree, &(bs)->tree, t)
RB_PROTOTYPE(ban_tree, ban, entry, ban_cmp);

#endif
