/* SPDX-License-Identifier: ISC */
#ifndef P2PD_HANDSHAKE_POLICY_H
#define P2PD_HANDSHAKE_POLICY_H

#include "p2pd/messages.h"

/* With whom listener, dialer and discovery may speak: limits, netrestrict, bans. */
struct policy;

struct policy *policy_new(void);	/* NULL: no memory */
void	 policy_free(struct policy *);
/* Clears the netrestrict set: until it is told anew, nothing is in it. */
void	 policy_set_net(struct policy *, const struct m_net *);
const struct m_net *policy_net(const struct policy *);
void	 policy_netrestrict(struct policy *, const struct m_netrestrict *);
void	 policy_ban(struct policy *, const struct m_ban *);
/* REASON_NONE, REASON_NETRESTRICT or REASON_BANNED_ADDR. */
unsigned int policy_addr(const struct policy *, const struct addr *);
/* REASON_NONE or REASON_BANNED_ID. */
unsigned int policy_id(const struct policy *, const uint8_t id[SECP_PUB]);

#endif
