/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/discovery/proc.h"

/*
 * From what the random walk finds to what the dialer is told: those that may
 * be dialed and that an application could use. Whether a node is a peer or was
 * dialed lately the dialer knows by itself.
 */
#define CONDITIONS	64		/* capabilities there can be */
#define FETCHES		16		/* records asked for at once */
#define RECENT		512		/* nodes not told of again for RECENT_MS */
#define RECENT_MS	10000

static struct {
	struct m_condition	*v[CONDITIONS];
	unsigned int		 n;
	uint32_t		 want;
	unsigned int		 fetching;
	struct {
		uint8_t		 id[NODE_ID];
		uint64_t	 at;
	} recent[RECENT];
} cd;

void
candidate_condition(const struct m_condition *m)
{
	if (m->first) {
		while (cd.n > 0)
			free(cd.v[--cd.n]);
		memset(cd.recent, 0, sizeof(cd.recent));
	}
	if (cd.n == CONDITIONS)
		return;
	if ((cd.v[cd.n] = malloc(sizeof(*m))) == NULL)
		fatal("condition");
	*cd.v[cd.n++] = *m;
}

void
candidate_want(uint32_t n)
{
	cd.want = n;
	d4_want(disc.d4, n);
}

static int
cond_holds(const struct m_condition *m, unsigned int i, const struct enr *e)
{
	const struct m_prefix	*p;
	const uint8_t		*raw;
	size_t			 n;
	uint32_t		 j;
	int			 any = 1;

	if (enr_get(e, m->cond[i].key, &raw, &n) == -1)
		return 0;
	for (j = 0; j < m->nprefix; j++) {
		p = &m->prefix[j];
		if (p->cond != i)
			continue;
		any = 0;
		if (p->len <= n && memcmp(raw, p->bytes, p->len) == 0)
			return 1;
	}
	return any;
}

/* 1, 0, or -1: only its record could say. */
static int
conditions_hold(const struct node *node)
{
	unsigned int	 i;
	uint32_t	 j;

	if (cd.n == 0)
		return 1;
	for (i = 0; i < cd.n; i++)
		if (cd.v[i]->ncond == 0)
			return 1;
	if (node->rec == NULL)
		return -1;
	for (i = 0; i < cd.n; i++) {
		for (j = 0; j < cd.v[i]->ncond; j++)
			if (!cond_holds(cd.v[i], j, &node->rec->enr))
				break;
		if (j == cd.v[i]->ncond)
			return 1;
	}
	return 0;
}

/* Is our own address one of the whole internet? */
static int
we_are_public(unsigned int af)
{
	struct addr	 a;
	uint16_t	 tcp;

	return disc.record.len != 0 &&
	    enr_endpoint(&disc.record, af, &a, &tcp) == 0 && !addr_is_lan(&a);
}

const char *
candidate_refusal(const struct node *n, int *fetch)
{
	int	 holds;

	*fetch = 0;
	if (memcmp(n->key, child_init()->id, SECP_PUB) == 0)
		return "it is this node itself";
	if (!disc_permitted(n->id, &n->udp))
		return "it is banned, or outside netrestrict";
	if (addr_is_lan(&n->udp) && we_are_public(n->udp.af))
		return "its address is private, and ours is public";
	if ((holds = conditions_hold(n)) == 0)
		return "its record does not satisfy what applications ask for";
	if (holds == -1) {
		*fetch = 1;
		return "its record is not known yet";
	}
	if (n->tcp == 0)
		return "it has no TCP port";
	return NULL;
}

/* Told of lately? Now it is. */
static int
recent(const uint8_t id[NODE_ID])
{
	uint64_t	 now = mono_ms();
	size_t		 i = (id[0] | (size_t)id[1] << 8) % RECENT;

	if (memcmp(cd.recent[i].id, id, NODE_ID) == 0 &&
	    cd.recent[i].at != 0 && now < cd.recent[i].at + RECENT_MS)
		return 1;
	memcpy(cd.recent[i].id, id, NODE_ID);
	cd.recent[i].at = now;
	return 0;
}

/* Nothing came of it: the next time it is found it is looked at again. */
static void
forget(const uint8_t id[NODE_ID])
{
	size_t	 i = (id[0] | (size_t)id[1] << 8) % RECENT;

	if (memcmp(cd.recent[i].id, id, NODE_ID) == 0)
		cd.recent[i].at = 0;
}

static void
tell(const struct node *n)
{
	struct m_candidate	 m;

	memset(&m, 0, sizeof(m));
	memcpy(m.id, n->key, sizeof(m.id));
	m.addr = n->udp;
	m.addr.port = n->tcp;
	m.udp = n->udp.port;
	m.source = CAND_DISCV4;
	/* With a full queue there are enough of them on the way. */
	if (!channel_full(child_parent()))
		(void)child_send(&m_candidate_desc, &m, -1);
}

static void
fetched(void *arg, enum d4_outcome outcome, const struct node *n)
{
	int	 fetch;

	cd.fetching--;
	if (outcome != D4_ANSWERED && n != NULL)
		forget(n->id);
	if (outcome == D4_ANSWERED && cd.want > 0 &&
	    candidate_refusal(n, &fetch) == NULL)
		tell(n);
}

void
candidate_found(const struct node *n)
{
	const char	*why;
	int		 fetch;

	if (cd.want == 0 || disc.stopping)
		return;
	why = candidate_refusal(n, &fetch);
	if (why != NULL && !fetch)
		return;
	if (why == NULL) {
		if (!recent(n->id))
			tell(n);
		return;
	}
	if (cd.fetching < FETCHES && !recent(n->id) &&
	    d4_fetch(disc.d4, n, fetched, NULL) != 0)
		cd.fetching++;
}
