/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DIALER_DIAL_H
#define P2PD_DIALER_DIAL_H

#include <stddef.h>
#include <stdint.h>

#include "p2pd/dialer/plan.h"
#include "p2pd/handshake/policy.h"
#include "p2pd/handshake/setup.h"

/*
 * Dials under way: name, addresses, TCP, set-up.  The addresses of a name are
 * tried in turn until one connects; netrestrict and bans are held against
 * each.  Every dial ends in one done(), and one M_ATTEMPT unless accepted.
 */
#define DIAL_RESOLVE_MS	30000	/* the parent asks for one name at a time */

struct dials;

struct dials_conf {
	struct event_base	*base;
	const uint8_t		*own;	/* our node id */
	struct policy		*policy;
	struct setups		*setups;
	int	(*send)(const struct msgdesc *, const void *body, int fd);
	/* May run inside dial_begin(). */
	void	(*done)(const uint8_t id[SECP_PUB], const struct plan_result *,
		    void *arg);
	void	*arg;
};

struct dials *dials_new(const struct dials_conf *);	/* NULL: no memory */
void	 dials_free(struct dials *);	/* without a word */
void	 dial_begin(struct dials *, const struct plan_dial *);
/* The resolver's answer, and the end of a set-up that a dial began. */
void	 dials_resolved(struct dials *, const struct m_resolved *);
void	 dials_ended(struct dials *, const struct setup_end *);
/* Ends a dial if that is still for us to say. */
void	 dial_cancel(struct dials *, const uint8_t id[SECP_PUB], unsigned int reason);
/* Ends those that are not in set-up yet. */
void	 dials_stop(struct dials *);
size_t	 dials_count(const struct dials *);

#endif
