/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>
#include <time.h>

#include "common/base/scope.h"
#include "p2pd/parent/parent.h"

/*
 * Who may be dialed, besides static nodes. Discovery has looked already at
 * those that it finds, but it is not its word that decides.
 */

/* Is our own address in the family one of the whole internet? */
static int
we_are_public(unsigned int af)
{
	struct addr a;
	uint16_t tcp;

	return record_get()->len != 0 &&
	    enr_endpoint(record_get(), af, &a, &tcp) == 0 && !addr_is_lan(&a);
}

static int
address_refused(const struct m_candidate *m)
{
	const struct netset *only = &parent.conf->netrestrict;

	if (m->addr.af == 0 || m->addr.port == 0)
		return 1;
	if (only->n > 0 && !netset_match(only, &m->addr))
		return 1;
	if (bans_has_addr(&parent.bans, &m->addr, time(NULL)))
		return 1;
	/* The operator, and programs of this machine, may know better. */
	if (m->source == CAND_HINT || m->source == CAND_BOOTNODE)
		return 0;
	return addr_scope(&m->addr) == SCOPE_NEVER ||
	    (addr_is_lan(&m->addr) && we_are_public(m->addr.af));
}

static int
node_refused(const struct m_candidate *m)
{
	if (memcmp(m->id, parent.id, sizeof(m->id)) == 0 ||
	    peers_byid(&parent.peers, m->id) != NULL ||
	    bans_has_id(&parent.bans, m->id, time(NULL)))
		return 1;
	return parent.conf->allowlist_on && nodes_is(&parent.nodes, m->id) == 0;
}

void
candidate_tell(const struct m_candidate *m)
{
	struct child *d = child_first(PROC_DIALER);

	/* What it is hungry for now it will still be hungry for then. */
	if (!parent.conf->dial || !child_ready(d) || channel_full(d->ch))
		return;
	if (node_refused(m) || address_refused(m))
		parent.refused++;
	else
		child_msg(d, &m_candidate_desc, m, -1);
}
