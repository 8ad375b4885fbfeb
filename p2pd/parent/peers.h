/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_PEERS_H
#define P2PD_PARENT_PEERS_H

#include <sys/tree.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/wire/base.h"
#include "common/wire/caps.h"

/* A capability negotiated with it. */
struct peershare {
	char		 name[CAP_NAME_MAX + 1];
	uint32_t	 version, codes;
	uint32_t	 owner;		/* capid then */
};

/* An established peer, as the parent knows it; the session has the rest. */
struct peer {
	RB_ENTRY(peer)	 byid;
	RB_ENTRY(peer)	 byhandle;
	uint8_t		 id[SECP_PUB];
	uint32_t	 handle;
	uint8_t		 flags;		/* PF_* */
	uint8_t		 session;
	uint8_t		 stopping;	/* told to end */
	struct addr	 remote;
	uint64_t	 since_ms;
	uint32_t	 nshares;
	struct peershare *shares;
};
RB_HEAD(peer_ids, peer);
RB_HEAD(peer_handles, peer);

struct peers {
	struct peer_ids		 ids;
	struct peer_handles	 handles;
	uint32_t		 n;
	uint32_t		 inbound;
};

void	 peers_init(struct peers *);
struct peer *peers_byid(struct peers *, const uint8_t id[SECP_PUB]);
struct peer *peers_byhandle(struct peers *, uint32_t);
/* Takes a filled peer; -1 when its id or handle is there already. */
int	 peers_insert(struct peers *, struct peer *);
void	 peers_remove(struct peers *, struct peer *);	/* frees nothing */
/* Notes what was negotiated; 0, or -1 out of memory. */
int	 peers_share(struct peer *, const struct sharedcap *, uint32_t n);
void	 peers_free(struct peer *);

#define PEERS_FOREACH(p, ps)	RB_FOREACH(p, peer_handles, &(ps)->handles)
#define PEERS_FOREACH_SAFE(p, ps, t) \
	RB_FOREACH_SAFE(p, peer_handles, &(ps)->handles, t)
RB_PROTOTYPE(peer_handles, peer, byhandle, peer_cmp_handle);

#endif
