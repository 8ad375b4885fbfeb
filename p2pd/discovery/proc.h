/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_PROC_H
#define P2PD_DISCOVERY_PROC_H

#include "p2pd/child.h"
#include "p2pd/discovery/d4.h"
#include "p2pd/discovery/nodedb.h"
#include "p2pd/discovery/udp.h"
#include "p2pd/handshake/policy.h"

/* What the files of the process share; the engine knows none of it. */
struct discovery {
	struct udp	*udp;
	struct nodedb	*db;		/* NULL: none to be had */
	struct policy	*policy;
	struct d4	*d4;
	struct m_disc	 conf;
	struct enr	 record;	/* our own */
	int		 stopping;
};
extern struct discovery	 disc;

/* A database that is damaged ends the process; a full disk is logged. */
void	 disc_db_result(enum nodedb_err);
/* Look at the engine's deadline once this event is over. */
void	 disc_soon(void);

/* candidate.c: from what the walk finds to what the dialer is told */
void	 candidate_condition(const struct m_condition *);
void	 candidate_want(uint32_t n);
void	 candidate_found(const struct node *);
/* Why it would not be handed on, or NULL; *fetch: its record is needed. */
const char *candidate_refusal(const struct node *, int *fetch);

/* query.c: M_QUERY */
void	 query_start(const struct m_query *);

/* A banned node is known to the engine by the hash of its key alone. */
void	 disc_ban(const struct m_ban *);
int	 disc_permitted(const uint8_t id[NODE_ID], const struct addr *);

#endif
