/* SPDX-License-Identifier: ISC */
#ifndef P2PD_HANDSHAKE_SETUPPROC_H
#define P2PD_HANDSHAKE_SETUPPROC_H

#include "p2pd/child.h"
#include "p2pd/handshake/policy.h"
#include "p2pd/handshake/setup.h"

/*
 * What listener and dialer have in common: with whom they may speak, the
 * set-ups under way, and what the parent says of both.
 */
struct setupproc {
	struct policy	*policy;
	struct setups	*setups;
};

/* At M_INIT; fatal when it can not be. ended is as in setups_conf. */
void	 setupproc_init(struct setupproc *, const struct m_init *,
	    void (*ended)(const struct setup_end *, void *));
void	 setupproc_free(struct setupproc *);
/* M_NET: the limits that both have. */
void	 setupproc_net(struct setupproc *, const struct m_net *);

/* Rules of a child whose child_conf.arg is its struct setupproc. */
#define SETUPPROC_RULES							\
	{ &m_netrestrict_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD,		\
	    setupproc_netrestrict },					\
	{ &m_ban_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, setupproc_ban },	\
	{ &m_key_done_desc, CHS_RUN, CHAN_NOFD, setupproc_key_done },	\
	{ &m_verdict1_desc, CHS_RUN, CHAN_NOFD, setupproc_verdict1 },	\
	{ &m_verdict2_desc, CHS_RUN, CHAN_NOFD, setupproc_verdict2 }

void	 setupproc_netrestrict(struct channel *, struct chan_msg *, void *);
void	 setupproc_ban(struct channel *, struct chan_msg *, void *);
void	 setupproc_key_done(struct channel *, struct chan_msg *, void *);
void	 setupproc_verdict1(struct channel *, struct chan_msg *, void *);
void	 setupproc_verdict2(struct channel *, struct chan_msg *, void *);

#endif
