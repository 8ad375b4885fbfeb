/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/parent.h"

/* Peers from the moment they are in the table until they are out of it. */

/*
 * A session without a file to receive a peer by would lose its channel and all
 * its peers: stay well below its limit.
 */
static int
session_has_files(const struct child *c)
{
	uint32_t spare = SESSION_SPARE_FILES;

	if (spare > parent.maxfiles / 2)
		spare = parent.maxfiles / 2;
	return c->npeers < parent.maxfiles - spare;
}

/* The least loaded session that has every owner, and room for a peer. */
static struct child *
session_choose(const struct sharedcap *shared, uint32_t n)
{
	struct child *c, *best = NULL;
	struct capability *cap;
	uint32_t i;

	for (c = child_next(PROC_SESSION, NULL); c != NULL;
	    c = child_next(PROC_SESSION, c)) {
		if (!child_ready(c) || channel_full(c->ch) ||
		    !session_has_files(c))
			continue;
		for (i = 0; i < n; i++) {
			cap = apps_cap(&parent.apps, shared[i].owner);
			if (cap != NULL && !((cap->sessions | cap->orphans) &
			    (1U << c->instance)))
				break;
		}
		if (i == n && (best == NULL || c->npeers < best->npeers))
			best = c;
	}
	return best;
}

static unsigned int
flags_of(const uint8_t id[SECP_PUB])
{
	unsigned int is = nodes_is(&parent.nodes, id);

	return (is & NODE_STATIC ? PF_STATIC : 0) |
	    (is & NODE_TRUSTED ? PF_TRUSTED : 0);
}

static void
peer_tell_session(struct m_peer_start *s, const struct peer *p,
    const struct m_check2 *m, const struct sharedcap *shared, uint32_t n)
{
	memset(s, 0, sizeof(*s));
	s->handle = p->handle;
	s->flags = p->flags;
	memcpy(s->id, p->id, sizeof(s->id));
	s->remote = p->remote;
	s->local = m->local;
	s->p2p_version = m->p2p_version;
	memcpy(s->client, m->client, sizeof(s->client));
	s->ncaps = m->ncaps;
	memcpy(s->caps, m->caps, m->ncaps * sizeof(m->caps[0]));
	s->nshared = n;
	memcpy(s->shared, shared, n * sizeof(shared[0]));
	s->bytes_in = m->bytes_in;
	s->bytes_out = m->bytes_out;
	memcpy(s->state, m->state, sizeof(s->state));
}

static void
peer_event(const char *name, const struct peer *p)
{
	static const char *const dirs[] = { "out", "in" };
	char buf[2 * SECP_PUB + 1], addr[ADDR_STRLEN];
	struct rec r;

	if (!event_wanted())
		return;
	event_begin(&r, name);
	rec_u64(&r, "handle", p->handle);
	rec_str(&r, "id", hex_encode(buf, p->id, sizeof(p->id)));
	rec_str(&r, "address", addr_format(&p->remote, addr));
	rec_str(&r, "direction", dirs[(p->flags & PF_INBOUND) != 0]);
	rec_bool(&r, "static", p->flags & PF_STATIC);
	rec_bool(&r, "trusted", p->flags & PF_TRUSTED);
	rec_u64(&r, "session", p->session);
	event_send(&r);
}

static void
peer_history(const struct peer *p, const struct m_peer_end *e)
{
	struct attempt at;

	memset(&at, 0, sizeof(at));
	at.at_ms = mono_ms();
	at.when = time(NULL);
	at.flags = p->flags;
	at.has_id = 1;
	memcpy(at.id, p->id, sizeof(at.id));
	at.remote = p->remote;
	at.disc_sent = at.disc_recv = DISC_NONE;
	at.count = 1;
	if (e != NULL) {
		at.ended = 1;
		at.reason = e->reason;
		at.ms = e->ms;
		if (e->remote)
			at.disc_recv = e->disc;
		else
			at.disc_sent = e->disc;
	}
	history_add(&parent.history, &at);
}

/*
 * Enters a peer and hands it to a session. Takes fd. REASON_NONE, or why not:
 * the caller still has its own copy to say so to the peer.
 */
int
peer_admit(struct child *c, struct conn *conn, const struct m_check2 *m,
    const struct sharedcap *shared, uint32_t n, int fd)
{
	static struct m_peer_start start;
	struct m_connected up;
	struct child *s;
	struct peer *p;
	int sent;

	s = session_choose(shared, n);
	p = s == NULL ? NULL : calloc(1, sizeof(*p));
	if (p == NULL || peers_share(p, shared, n) == -1) {
		peers_free(p);
		close(fd);
		return REASON_SESSION_BUSY;
	}
	memcpy(p->id, m->id, sizeof(p->id));
	p->handle = ++parent.next_handle;
	p->flags = flags_of(m->id) |
	    (c->kind == PROC_LISTENER ? PF_INBOUND : 0);
	p->session = s->instance;
	p->remote = conn->remote;
	p->since_ms = mono_ms();

	peer_tell_session(&start, p, m, shared, n);
	sent = child_msg(s, &m_peer_start_desc, &start, fd);
	explicit_bzero(&start, sizeof(start));
	if (sent == -1 || peers_insert(&parent.peers, p) == -1) {
		peers_free(p);
		return REASON_SESSION_BUSY;
	}
	s->npeers++;
	memset(&up, 0, sizeof(up));
	up.up = 1;
	up.flags = p->flags;
	memcpy(up.id, p->id, sizeof(up.id));
	child_news(PROC_DIALER, &m_connected_desc, &up);
	balance_soon();
	peer_history(p, NULL);
	peer_event("peer-up", p);
	control_outcome(p->id, CTLE_OK, "connected");
	return REASON_NONE;
}

void
peer_gone(struct peer *p, const struct m_peer_end *e)
{
	struct child *s = child_session(p->session);
	char buf[2 * SECP_PUB + 1], addr[ADDR_STRLEN];
	struct m_connected down;
	struct rec r;

	peers_remove(&parent.peers, p);
	if (s != NULL && s->npeers > 0)
		s->npeers--;
	memset(&down, 0, sizeof(down));
	memcpy(down.id, p->id, sizeof(down.id));
	down.flags = p->flags;
	down.reason = e->reason;
	down.ms = e->ms > UINT32_MAX ? UINT32_MAX : e->ms;
	child_news(PROC_DIALER, &m_connected_desc, &down);
	peer_history(p, e);
	log_debug("peer %s gone after %llu ms: %s%s%s",
	    addr_format(&p->remote, addr), (unsigned long long)e->ms,
	    reason_text(e->reason), e->disc != DISC_NONE ? ", " : "",
	    e->disc != DISC_NONE ? disc_name(e->disc) : "");
	if (event_wanted()) {
		event_begin(&r, "peer-down");
		rec_u64(&r, "handle", p->handle);
		rec_str(&r, "id", hex_encode(buf, p->id, sizeof(p->id)));
		rec_str(&r, "address", addr_format(&p->remote, addr));
		rec_str(&r, "reason", reason_name(e->reason));
		rec_str(&r, "text", reason_text(e->reason));
		rec_bool(&r, "remote", e->remote);
		rec_str(&r, "disc", e->disc == DISC_NONE ? NULL :
		    disc_name(e->disc));
		rec_u64(&r, "ms", e->ms);
		rec_u64(&r, "bytes_in", e->bytes_in);
		rec_u64(&r, "bytes_out", e->bytes_out);
		rec_u64(&r, "msgs_in", e->msgs_in);
		rec_u64(&r, "msgs_out", e->msgs_out);
		event_send(&r);
	}
	peers_free(p);
	balance_soon();
}

void
peer_ended(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_peer_end *m = msg->body;
	struct child *c = arg;
	struct peer *p;

	p = peers_byhandle(&parent.peers, m->handle);
	if (p == NULL || p->session != c->instance) {
		child_kill(c, "end of a peer that it does not have");
		return;
	}
	if (m->reason >= REASON_MAX) {
		child_kill(c, "end of a peer for an unknown reason");
		return;
	}
	peer_gone(p, m);
}

void
peers_session_died(struct child *c)
{
	struct peer *p, *t;
	struct m_peer_end e;

	memset(&e, 0, sizeof(e));
	e.reason = REASON_SESSION_DIED;
	e.disc = DISC_NONE;
	PEERS_FOREACH_SAFE(p, &parent.peers, t) {
		if (p->session != c->instance)
			continue;
		e.handle = p->handle;
		e.ms = mono_ms() - p->since_ms;
		peer_gone(p, &e);
	}
	c->npeers = 0;
}

void
peer_tell_stop(struct peer *p, unsigned int reason, unsigned int disc)
{
	struct m_peer_stop m;

	memset(&m, 0, sizeof(m));
	m.handle = p->handle;
	m.reason = reason;
	m.disc = disc;
	p->stopping = 1;
	child_msg(child_session(p->session), &m_peer_stop_desc, &m, -1);
}

/* The operator changed what a node is. */
void
peer_reflag(const uint8_t id[SECP_PUB])
{
	struct m_peer_flags m;
	struct peer *p;

	p = peers_byid(&parent.peers, id);
	if (p == NULL)
		return;
	p->flags = (p->flags & PF_INBOUND) | flags_of(id);
	m.handle = p->handle;
	m.flags = p->flags;
	child_msg(child_session(p->session), &m_peer_flags_desc, &m, -1);
}
