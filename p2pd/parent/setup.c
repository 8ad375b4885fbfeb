/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/admit.h"
#include "p2pd/parent/parent.h"

/* Connections in set-up: their two checkpoints, and how they end. */

#define HOLD_MS	1500	/* a round trip, and what the other side takes for it */

static void	 hold_ends(const uint8_t id[SECP_PUB]);

static int
conn_cmp(struct conn *a, struct conn *b)
{
	return a->no < b->no ? -1 : a->no > b->no;
}

RB_PROTOTYPE(conn_tree, conn, entry, conn_cmp);
RB_GENERATE(conn_tree, conn, entry, conn_cmp)

struct conn *
conn_find(struct child *c, uint32_t no)
{
	struct conn key;

	key.no = no;
	return RB_FIND(conn_tree, &c->conns, &key);
}

/* The connection, made when new. A child with too many is ended. */
struct conn *
conn_get(struct child *c, uint32_t no)
{
	struct conn *conn;
	uint32_t max;

	conn = conn_find(c, no);
	if (conn != NULL)
		return conn;
	max = c->kind == PROC_LISTENER ? parent.conf->max_pending_in :
	    parent.conf->max_pending_out;
	if (c->nconns >= 2 * max + 16) {
		child_kill(c, "more connections in set-up than it may have");
		return NULL;
	}
	conn = calloc(1, sizeof(*conn));
	if (conn == NULL) {
		log_warn("connection of the %s", proc_name(c->kind));
		return NULL;
	}
	conn->no = no;
	RB_INSERT(conn_tree, &c->conns, conn);
	c->nconns++;
	return conn;
}

static void
conn_free(struct child *c, struct conn *conn)
{
	keyops_cancel(c, conn);
	RB_REMOVE(conn_tree, &c->conns, conn);
	c->nconns--;
	if (conn->hold != NULL)
		event_free(conn->hold);
	if (c->kind == PROC_LISTENER && conn->checked)
		hold_ends(conn->id);
	helloset_unref(conn->hello);
	free(conn);
}

void
conns_drop(struct child *c)
{
	struct conn *conn;

	while ((conn = RB_MIN(conn_tree, &c->conns)) != NULL)
		conn_free(c, conn);
}

int
conns_dialing(const uint8_t id[SECP_PUB])
{
	struct child *c = child_first(PROC_DIALER);
	struct conn *conn;

	RB_FOREACH(conn, conn_tree, &c->conns)
		if (conn->dialed && memcmp(conn->id, id, SECP_PUB) == 0)
			return 1;
	return 0;
}

/* One from who says to be this node was let past checkpoint one. */
static int
conns_entering(const uint8_t id[SECP_PUB])
{
	struct child *c = child_first(PROC_LISTENER);
	struct conn *conn;

	RB_FOREACH(conn, conn_tree, &c->conns)
		if (conn->checked && memcmp(conn->id, id, SECP_PUB) == 0)
			return 1;
	return 0;
}

static void
hold_over(int fd, short what, void *conn)
{
	setup_decide1(child_first(PROC_DIALER), conn);
}

/*
 * A dial of ours waits a while for the connection that goes first: then one of
 * the two is left. Who that is from is not proven yet, so it ends no dial.
 */
static int
hold(struct conn *conn)
{
	static const struct timeval tv = { HOLD_MS / 1000,
	    HOLD_MS % 1000 * 1000 };

	if (conn->hold == NULL) {
		conn->hold = evtimer_new(parent.base, hold_over, conn);
		if (conn->hold == NULL || evtimer_add(conn->hold, &tv) == -1)
			return 0;
	}
	conn->asked = evtimer_pending(conn->hold, NULL) != 0;
	return conn->asked;
}

/* What a dial to this node waited for has become a peer, or has ended. */
static void
hold_ends(const uint8_t id[SECP_PUB])
{
	struct child *c = child_first(PROC_DIALER);
	struct conn *conn;

	RB_FOREACH(conn, conn_tree, &c->conns)
		if (conn->hold != NULL && evtimer_pending(conn->hold, NULL) &&
		    memcmp(conn->id, id, SECP_PUB) == 0)
			setup_decide1(c, conn);
}

void
setup_dial(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_dial *m = msg->body;
	struct child *c = arg;
	struct conn *conn;

	if (m->conn == 0 || conn_find(c, m->conn) != NULL) {
		child_kill(c, "bad dial number");
		return;
	}
	conn = conn_get(c, m->conn);
	if (conn == NULL)
		return;
	conn->dialed = 1;
	memcpy(conn->id, m->id, sizeof(conn->id));
	conn->remote = m->remote;
	conn->flags = m->flags & PF_STATIC;
}

/* What the rules of admission need to know about a connection. */
static void
admit_fill(struct admit *a, const struct conn *conn, const uint8_t id[SECP_PUB],
    int inbound)
{
	const struct p2pd_conf *conf = parent.conf;
	unsigned int is = nodes_is(&parent.nodes, id);

	memset(a, 0, sizeof(*a));
	a->stopping = parent.stopping;
	a->inbound = inbound;
	a->trusted = (is & NODE_TRUSTED) != 0;
	a->is_static = (is & NODE_STATIC) != 0;
	a->allowlist = conf->allowlist_on;
	a->allowed = (is & NODE_ALLOWED) != 0;
	a->banned = bans_has_id(&parent.bans, id, time(NULL)) ||
	    bans_has_addr(&parent.bans, &conn->remote, time(NULL));
	a->connected = peers_byid(&parent.peers, id) != NULL;
	a->self = memcmp(id, parent.id, SECP_PUB) == 0;
	/* The smaller id lets one of two go first, the larger follows it. */
	a->cross_dial = memcmp(parent.id, id, SECP_PUB) < 0 &&
	    (inbound ? conns_dialing(id) : conns_entering(id));
	a->peers = parent.peers.n;
	a->inbound_peers = parent.peers.inbound;
	a->max_peers = conf->max_peers;
	a->max_inbound = admit_max_inbound(conf->max_peers, conf->dial_ratio,
	    conf->dial);
}

void
setup_check1(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_check1 *m = msg->body;
	struct child *c = arg;
	struct conn *conn;

	conn = conn_find(c, m->conn);
	if (conn == NULL || !(conn->ops & (1 << KEY_STATIC)) || conn->checked ||
	    conn->asked || memcmp(conn->keys[KEY_STATIC].point, m->id,
	    SECP_PUB) != 0 ||
	    (conn->dialed && memcmp(conn->id, m->id, SECP_PUB) != 0)) {
		child_kill(c, "post-handshake check of an id that is not its "
		    "connection's");
		return;
	}
	conn->remote = m->remote;
	memcpy(conn->id, m->id, sizeof(conn->id));
	if (keyops_wait(conn))
		conn->asked = 1;
	else
		setup_decide1(c, conn);
}

void
setup_decide1(struct child *c, struct conn *conn)
{
	struct admit a;
	struct m_verdict1 v;

	conn->asked = 0;
	admit_fill(&a, conn, conn->id, c->kind == PROC_LISTENER);
	/* A Hello that lists nothing would make us useless to the peer. */
	a.awaited = parent.apps.hello->n == 0 &&
	    apps_awaits(&parent.apps, NULL, 0);
	memset(&v, 0, sizeof(v));
	v.conn = conn->no;
	v.reason = admit_check1(&a);
	if (v.reason == REASON_CROSS_DIAL && !a.inbound) {
		if (hold(conn))
			return;
		a.cross_dial = 0;
		v.reason = admit_check1(&a);
	}
	if (conn->hold != NULL)
		evtimer_del(conn->hold);
	v.disc = reason_disc(v.reason);
	if (v.reason == REASON_NONE) {
		conn->checked = 1;
		helloset_unref(conn->hello);	/* of a check before, refused */
		conn->hello = helloset_ref(parent.apps.hello);
		v.generation = conn->hello->generation;
		v.hellolen = conn->hello->len;
		memcpy(v.hello, conn->hello->payload, conn->hello->len);
	}
	child_msg(c, &m_verdict1_desc, &v, -1);
}

/* What the two share and somebody still owns. */
static uint32_t
shared_live(struct sharedcap *out, const struct conn *conn,
    const struct m_check2 *m)
{
	uint32_t i, n;

	n = caps_negotiate(out, SHARED_MAX, conn->hello->caps, conn->hello->n,
	    m->caps, m->ncaps);
	for (i = 0; i < n; i++)
		if (apps_cap(&parent.apps, out[i].owner) != NULL)
			return n;
	return 0;
}

static int
check2_valid(const struct child *c, const struct conn *conn,
    const struct m_check2 *m)
{
	return conn != NULL && conn->checked &&
	    memcmp(conn->id, m->id, SECP_PUB) == 0 &&
	    m->generation == conn->hello->generation;
}

void
setup_check2(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_check2 *m = msg->body;
	struct sharedcap shared[SHARED_MAX];
	struct child *c = arg;
	struct m_verdict2 v;
	struct conn *conn;
	struct admit a;
	uint32_t n;
	int reason;

	conn = conn_find(c, m->conn);
	if (!check2_valid(c, conn, m)) {
		child_kill(c, "add-peer check out of order");
		return;
	}
	n = shared_live(shared, conn, m);
	admit_fill(&a, conn, m->id, c->kind == PROC_LISTENER);
	a.cross_dial = 0;	/* the first to come here wins */
	a.useless = n == 0;
	a.no_apps = conn->hello->n == 0;
	a.awaited = a.useless &&
	    apps_awaits(&parent.apps, m->caps, m->ncaps);
	reason = admit_check2(&a);
	if (reason == REASON_NONE) {
		reason = peer_admit(c, conn, m, shared, n, msg->fd);
		msg->fd = -1;
	}
	memset(&v, 0, sizeof(v));
	v.conn = m->conn;
	v.reason = reason;
	v.disc = reason_disc(reason);
	child_msg(c, &m_verdict2_desc, &v, -1);
	if (reason == REASON_NONE)
		conn_free(c, conn);
	else {
		conn->checked = 0;	/* its M_ATTEMPT is still to come */
		hold_ends(conn->id);
	}
}

static void
attempt_report(const struct attempt *at)
{
	char ip[ADDR_STRLEN];
	struct rec r;

	log_debug("%s %s: refused at %s: %s%s%s%s%s",
	    at->flags & PF_INBOUND ? "inbound from" : "dial to",
	    addr_format(&at->remote, ip), stage_name(at->stage),
	    reason_text(at->reason),
	    at->disc_recv != DISC_NONE ? ", peer says " : "",
	    at->disc_recv != DISC_NONE ? disc_name(at->disc_recv) : "",
	    at->detail[0] != '\0' ? ": " : "", at->detail);
	if (event_wanted()) {
		event_begin(&r, "attempt");
		show_attempt_fields(&r, at);
		event_send(&r);
	}
}

/*
 * Was it to where the node is said to be now? Who waits for a node that has
 * been given another address does not want to hear of the old one.
 */
static int
attempt_current(const struct m_attempt *m)
{
	struct node *n = nodes_find(&parent.nodes, m->id);
	struct addr a;

	if (m->reason == REASON_OPERATOR)
		return 0;
	/* Before it had an address there is nothing to tell it by. */
	if (n == NULL || n->en.host[0] == '\0' || m->remote.af == 0)
		return 1;
	if (addr_parse_ip(&a, n->en.host) == -1)
		return m->remote.port == n->en.tcp;
	a.port = n->en.tcp;
	return addr_cmp(&a, &m->remote) == 0;
}

void
setup_attempt(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_attempt *m = msg->body;
	struct child *c = arg;
	struct attempt at;
	struct conn *conn;

	if (m->reason >= REASON_MAX || m->stage > ST_CHECK2) {
		child_kill(c, "attempt with an unknown reason or stage");
		return;
	}
	memset(&at, 0, sizeof(at));
	at.at_ms = mono_ms();
	at.when = time(NULL);
	at.flags = (m->flags & ~PF_INBOUND) |
	    (c->kind == PROC_LISTENER ? PF_INBOUND : 0);
	at.stage = m->stage;
	at.reason = m->reason;
	at.disc_sent = m->disc_sent;
	at.disc_recv = m->disc_recv;
	at.has_id = m->has_id;
	memcpy(at.id, m->id, sizeof(at.id));
	at.remote = m->remote;
	at.ms = m->ms;
	at.count = m->count == 0 ? 1 : m->count;
	memcpy(at.detail, m->detail, sizeof(at.detail));
	history_add(&parent.history, &at);
	attempt_report(&at);
	if (c->kind == PROC_DIALER && m->has_id && attempt_current(m))
		control_outcome(m->id, CTLE_FAILED, "%s at %s%s%s%s%s",
		    reason_text(m->reason), stage_name(m->stage),
		    m->disc_recv != DISC_NONE ? ", peer says " : "",
		    m->disc_recv != DISC_NONE ? disc_name(m->disc_recv) : "",
		    m->detail[0] != '\0' ? ": " : "", m->detail);
	conn = m->conn == 0 ? NULL : conn_find(c, m->conn);
	if (conn != NULL)
		conn_free(c, conn);
}
