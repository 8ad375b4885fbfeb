/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/send.h"

/*
 * What peers share, and who has it. A range is fixed for a connection's life;
 * its owners come and go.
 */

/* A range without an owner goes to one of equal name, version and length. */
static int
fits(const struct appcap *ac, const struct sharedcap *s)
{
	uint32_t	 i;

	if (ac->tap || strcmp(s->cap.name, ac->name) != 0)
		return 0;
	for (i = 0; i < ac->nvers; i++)
		if (ac->vers[i].version == s->cap.version)
			return ac->vers[i].codes == s->codes;
	return 0;
}

/*
 * The owner of the Hello that the peer got, or, when that has gone since, one
 * that would have inherited it.
 */
static struct appcap *
owner_of(const struct sharedcap *s)
{
	struct appcap	*ac;
	struct app	*a;

	if ((ac = appcap_find(s->owner)) != NULL)
		return ac->tap ? NULL : ac;
	TAILQ_FOREACH(a, &ses.apps, entry)
		TAILQ_FOREACH(ac, &a->caps, entry)
			if (fits(ac, s))
				return ac;
	return NULL;
}

static void
owned(struct peercap *pc, struct appcap *ac)
{
	pc->ac = ac;
	pc->shared.owner = ac->capid;
}

void
ranges_own(struct peer *p)
{
	struct appcap	*ac;
	uint32_t	 i;

	for (i = 0; i < p->ncaps; i++)
		if ((ac = owner_of(&p->caps[i].shared)) != NULL)
			owned(&p->caps[i], ac);
}

static void
send_first(struct peer *p, struct peercap *pc)
{
	const struct first	*f;
	struct message		 m;

	f = firsts_find(pc->ac->firsts, pc->shared.cap.version);
	if (f == NULL || f->code >= pc->shared.codes)
		return;
	memset(&m, 0, sizeof(m));
	m.payload = pc->ac->firsts->data + f->off;
	m.len = f->len;
	m.code = f->code;
	if (send_message(p, pc, &m) != SEND_OK) {
		pc->dropped++;
		ses.dropped++;
	}
}

/* It is told of a peer, which it has to accept from now on. */
static void
tell_up(struct peer *p, struct peercap *pc, unsigned int flags)
{
	app_peer_up(pc->ac, p, pc, flags);
	pc->accept_by = 0;
	if (pc->ac->handshake_ms > 0 && !pc->accepted)
		pc->accept_by = mono_ms() + pc->ac->handshake_ms;
}

void
ranges_up(struct peer *p)
{
	uint32_t	 i;

	for (i = 0; i < p->ncaps && p->state == PEER_UP; i++) {
		if (p->caps[i].ac == NULL)
			continue;
		send_first(p, &p->caps[i]);
		if (p->caps[i].ac->app != NULL)
			tell_up(p, &p->caps[i], 0);
	}
}

void
ranges_down(struct peer *p, const struct m_peer_end *end)
{
	struct appcap	*ac;
	uint32_t	 i;

	for (i = 0; i < p->ncaps; i++) {
		ac = p->caps[i].ac;
		if (ac != NULL && ac->app != NULL)
			app_peer_down(ac, p, &p->caps[i], end);
	}
}

/*
 * A range that this one has, having come back, or may have now. What another
 * owner accepted this one has to accept anew.
 */
static int
takes(struct appcap *ac, struct peercap *pc)
{
	if (pc->ac == ac)
		return 1;
	if (pc->ac != NULL ||
	    (pc->shared.owner != ac->capid && !fits(ac, &pc->shared)))
		return 0;
	owned(pc, ac);
	pc->accepted = 0;
	return 1;
}

void
ranges_snapshot(struct appcap *ac)
{
	struct peer	*p, *next;
	uint32_t	 i, n;

	TAILQ_FOREACH_SAFE(p, &ses.peers, entry, next) {
		for (i = n = 0; i < p->ncaps; i++) {
			if (!takes(ac, &p->caps[i]))
				continue;
			tell_up(p, &p->caps[i], AFL_SNAPSHOT);
			n++;
		}
		if (n > 0) {
			peer_owners(p);
			peer_arm(p);
		}
	}
}

static int
has(const struct peer *p, const struct appcap *ac)
{
	uint32_t	 i;

	for (i = 0; i < p->ncaps; i++)
		if (p->caps[i].ac == ac)
			return 1;
	return 0;
}

void
ranges_disown(struct appcap *ac)
{
	struct peer	*p, *next;
	uint32_t	 i;

	TAILQ_FOREACH_SAFE(p, &ses.peers, entry, next) {
		if (!has(p, ac))
			continue;
		for (i = 0; i < p->ncaps; i++) {
			if (p->caps[i].ac != ac)
				continue;
			p->caps[i].ac = NULL;
			p->caps[i].accept_by = 0;
		}
		peer_owners(p);
	}
}

void
ranges_orphan(struct appcap *ac)
{
	struct peer	*p, *next;
	uint32_t	 i;

	TAILQ_FOREACH_SAFE(p, &ses.peers, entry, next) {
		if (!has(p, ac))
			continue;
		for (i = 0; i < p->ncaps; i++)
			if (p->caps[i].ac == ac)
				p->caps[i].accept_by = 0;
		peer_owners(p);
	}
}

void
range_accept(struct peercap *pc)
{
	pc->accepted = 1;
	pc->accept_by = 0;
}

uint64_t
ranges_deadline(const struct peer *p)
{
	uint64_t	 at, min = 0;
	uint32_t	 i;

	for (i = 0; i < p->ncaps; i++) {
		at = p->caps[i].accept_by;
		if (at != 0 && (min == 0 || at < min))
			min = at;
	}
	return min;
}
