/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/parent.h"

/* What p2pctl may change. */

#define WAITERS_MAX	256
#define MONITORS_MAX	1024

static unsigned int nwaiters;

void
control_end(uint32_t conn, int code, const char *fmt, ...)
{
	struct ctl_end m;
	va_list ap;

	memset(&m, 0, sizeof(m));
	m.conn = conn;
	m.code = code;
	va_start(ap, fmt);
	vsnprintf(m.text, sizeof(m.text), fmt, ap);
	va_end(ap);
	child_msg(child_first(PROC_CONTROL), &ctl_end_desc, &m, -1);
}

static void
waiter_free(struct waiter *w)
{
	LIST_REMOVE(w, entry);
	nwaiters--;
	free(w);
}

void
control_outcome(const uint8_t id[SECP_PUB], int code, const char *fmt, ...)
{
	struct waiter *w, *t;
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	LIST_FOREACH_SAFE(w, &parent.waiters, entry, t) {
		if (memcmp(w->id, id, SECP_PUB) != 0)
			continue;
		control_end(w->conn, code, "%s", text);
		waiter_free(w);
	}
}

static void
peer_add_wait(const struct ctl_peer_req *m)
{
	struct waiter *w = NULL;

	if (peers_byid(&parent.peers, m->id) != NULL) {
		control_end(m->conn, CTLE_OK, "connected already");
		return;
	}
	if (nwaiters < WAITERS_MAX)
		w = malloc(sizeof(*w));
	if (w == NULL) {
		control_end(m->conn, CTLE_BUSY, "too many wait already");
		return;
	}
	w->conn = m->conn;
	memcpy(w->id, m->id, sizeof(w->id));
	LIST_INSERT_HEAD(&parent.waiters, w, entry);
	nwaiters++;
}

/* What follows when state_save() has not; said behind what was done. */
static const char *
unsaved(int failed)
{
	return failed ? ", but not saved: the log says why" : "";
}

/* As the node is written into the state file and read again. */
static int
enode_sound(const struct enode *en)
{
	char url[ENODE_STRLEN];
	struct enode back;
	const char *err;

	return enode_parse(&back, enode_format(en, url, sizeof(url)), &err) == 0 &&
	    strcmp(back.host, en->host) == 0;
}

static void
peer_add(const struct ctl_peer_req *m)
{
	struct enode en;
	struct node *n;
	int failed;

	if (memcmp(m->id, parent.id, SECP_PUB) == 0) {
		control_end(m->conn, CTLE_INVALID, "that is this node itself");
		return;
	}
	if (m->host[0] == '\0' || m->tcp == 0) {
		control_end(m->conn, CTLE_INVALID,
		    "a node to dial needs a host and a TCP port");
		return;
	}
	if (!parent.conf->dial) {
		control_end(m->conn, CTLE_INVALID,
		    "dialing is off in the configuration");
		return;
	}
	memset(&en, 0, sizeof(en));
	memcpy(en.id, m->id, sizeof(en.id));
	memcpy(en.host, m->host, sizeof(en.host));
	en.tcp = m->tcp;
	en.udp = m->udp;
	if (!enode_sound(&en)) {
		control_end(m->conn, CTLE_INVALID,
		    "the host is neither an address nor a name");
		return;
	}
	n = nodes_set(&parent.nodes, &en, NODE_STATIC, m->save);
	if (n == NULL) {
		control_end(m->conn, CTLE_BUSY, "too many nodes");
		return;
	}
	failed = m->save && state_save() == -1;
	peer_reflag(m->id);
	/* Before the dialer hears of it: its answer must find who waits. */
	if (m->wait)
		peer_add_wait(m);
	childconf_static(n, 1);
	if (!m->wait)
		control_end(m->conn, CTLE_OK, "static node added%s",
		    unsaved(failed));
}

static void
peer_remove(const struct ctl_peer_req *m)
{
	struct node *n, gone;
	struct peer *p;
	int failed;

	n = nodes_find(&parent.nodes, m->id);
	if (n == NULL || !((n->is | n->saved) & NODE_STATIC)) {
		control_end(m->conn, CTLE_NOTFOUND, "not a static node");
		return;
	}
	gone = *n;
	nodes_clear(&parent.nodes, m->id, NODE_STATIC, 1);
	failed = (gone.saved & NODE_STATIC) && state_save() == -1;
	childconf_static(&gone, 0);
	control_outcome(m->id, CTLE_FAILED, "removed meanwhile");
	p = peers_byid(&parent.peers, m->id);
	if (p != NULL) {
		peer_reflag(m->id);
		peer_tell_stop(p, REASON_OPERATOR, DISC_REQUESTED);
	}
	control_end(m->conn, CTLE_OK, "static node removed%s", unsaved(failed));
}

static void
peer_trust(const struct ctl_peer_req *m)
{
	struct enode en;
	int failed;

	memset(&en, 0, sizeof(en));
	memcpy(en.id, m->id, sizeof(en.id));
	if (nodes_set(&parent.nodes, &en, NODE_TRUSTED, m->save) == NULL) {
		control_end(m->conn, CTLE_BUSY, "too many nodes");
		return;
	}
	failed = m->save && state_save() == -1;
	peer_reflag(m->id);
	control_end(m->conn, CTLE_OK, "trusted%s", unsaved(failed));
}

static void
peer_untrust(const struct ctl_peer_req *m)
{
	struct node *n = nodes_find(&parent.nodes, m->id);
	int saved = n != NULL && (n->saved & NODE_TRUSTED), failed;

	if (nodes_clear(&parent.nodes, m->id, NODE_TRUSTED, 1) == -1) {
		control_end(m->conn, CTLE_NOTFOUND, "not a trusted node");
		return;
	}
	failed = saved && state_save() == -1;
	peer_reflag(m->id);
	control_end(m->conn, CTLE_OK, "no longer trusted%s", unsaved(failed));
}

static void
peer_disconnect(const struct ctl_peer_req *m)
{
	struct peer *p = peers_byid(&parent.peers, m->id);

	if (p == NULL) {
		control_end(m->conn, CTLE_NOTFOUND, "not a peer");
		return;
	}
	peer_tell_stop(p, REASON_OPERATOR, m->reason);
	control_end(m->conn, CTLE_OK, "disconnecting");
}

void
control_peer(struct channel *ch, struct chan_msg *msg, void *arg)
{
	static void (*const ops[])(const struct ctl_peer_req *) = {
		[PEER_ADD] = peer_add,
		[PEER_REMOVE] = peer_remove,
		[PEER_TRUST] = peer_trust,
		[PEER_UNTRUST] = peer_untrust,
		[PEER_DISCONNECT] = peer_disconnect
	};
	const struct ctl_peer_req *m = msg->body;

	if (m->op >= nitems_of(ops) || ops[m->op] == NULL)
		control_end(m->conn, CTLE_INVALID, "unknown peer request");
	else if (parent.stopping)
		control_end(m->conn, CTLE_BUSY, "the daemon is stopping");
	else
		ops[m->op](m);
}

/* Takes away what has run out, from the children too. */
void
control_bans_sweep(void)
{
	struct ban *b, *t;
	int64_t now = time(NULL);
	int n = 0, gone;

	BANS_FOREACH_SAFE(b, &parent.bans, t) {
		if ((gone = ban_expire(b, now)) == 0)
			continue;
		n++;
		if (gone == -1)
			continue;
		childconf_ban(b, 0);
		bans_del(&parent.bans, b);
	}
	if (n > 0)
		(void)state_save();
}

static void
ban_enforce(const struct ban *b)
{
	struct peer *p, *t;

	PEERS_FOREACH_SAFE(p, &parent.peers, t)
		if (b->by_id ? memcmp(p->id, b->id, SECP_PUB) == 0 :
		    prefix_match(&b->prefix, &p->remote))
			peer_tell_stop(p, REASON_BANNED, reason_disc(REASON_BANNED));
}

static void
ban_add(const struct ctl_ban_req *m, struct ban *what)
{
	int64_t now = time(NULL);
	struct ban *b;
	int failed;

	if (m->by_id && memcmp(m->id, parent.id, SECP_PUB) == 0) {
		control_end(m->conn, CTLE_INVALID, "that is this node itself");
		return;
	}
	if (m->seconds > (uint64_t)INT32_MAX * 16) {
		control_end(m->conn, CTLE_INVALID, "that long is for ever");
		return;
	}
	what->until = m->seconds == 0 ? 0 : now + (int64_t)m->seconds;
	text_escape(what->note, sizeof(what->note), m->note, strlen(m->note));
	b = bans_add(&parent.bans, what);
	if (b == NULL) {
		control_end(m->conn, CTLE_BUSY, "too many bans");
		return;
	}
	failed = state_save() == -1;
	childconf_ban(b, 1);
	ban_enforce(b);
	control_end(m->conn, CTLE_OK, "banned%s%s",
	    b->from_conf ? ", as by the configuration" : "", unsaved(failed));
}

void
control_ban(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct ctl_ban_req *m = msg->body;
	struct ban what, *b;

	memset(&what, 0, sizeof(what));
	what.by_id = m->by_id != 0;
	if (what.by_id)
		memcpy(what.id, m->id, sizeof(what.id));
	else
		what.prefix = m->prefix;
	if (!what.by_id && what.prefix.af == 0) {
		control_end(m->conn, CTLE_INVALID, "neither a node nor a prefix");
	} else if (m->op == BAN_ADD) {
		ban_add(m, &what);
	} else if (m->op == BAN_DEL) {
		b = bans_find(&parent.bans, &what);
		if (b == NULL) {
			control_end(m->conn, CTLE_NOTFOUND, "no such ban");
			return;
		}
		childconf_ban(b, 0);
		bans_del(&parent.bans, b);
		control_end(m->conn, CTLE_OK, "ban lifted%s",
		    unsaved(state_save() == -1));
	} else
		control_end(m->conn, CTLE_INVALID, "unknown ban request");
}

void
control_log(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct ctl_log_req *m = msg->body;
	struct m_verbose v;
	struct child *c;

	parent.verbose = v.verbose = m->verbose != 0;
	log_setverbose(parent.verbose);
	for (c = parent.child; c < parent.child + parent.nchildren; c++)
		if (c->ch != NULL)
			child_msg(c, &m_verbose_desc, &v, -1);
	control_end(m->conn, CTLE_OK, "log is %s",
	    parent.verbose ? "verbose" : "brief");
}

void
control_stop(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct ctl_conn *m = msg->body;

	control_end(m->conn, CTLE_OK, "stopping");
	stop_begin("p2pctl stop");
}

/*
 * Who monitors is in control; the parent needs to know only whether anybody
 * does, and tells the sessions when message events are wanted.
 */
struct monitor {
	LIST_ENTRY(monitor)	 entry;
	uint32_t		 conn;
	int			 messages;
};
static LIST_HEAD(, monitor) monitors = LIST_HEAD_INITIALIZER(monitors);

static void
monitors_changed(void)
{
	unsigned int was = parent.msg_monitors;
	struct m_monitor m;
	struct monitor *mon;

	parent.monitors = parent.msg_monitors = 0;
	LIST_FOREACH(mon, &monitors, entry) {
		parent.monitors++;
		parent.msg_monitors += mon->messages;
	}
	if ((was > 0) == (parent.msg_monitors > 0))
		return;
	m.messages = parent.msg_monitors > 0;
	children_msg(PROC_SESSION, &m_monitor_desc, &m);
}

void
control_monitor(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct ctl_monitor_req *m = msg->body;
	struct monitor *mon;

	if (parent.monitors >= MONITORS_MAX) {
		child_kill(arg, "more monitors than it may have");
		return;
	}
	mon = calloc(1, sizeof(*mon));
	if (mon == NULL) {
		control_end(m->conn, CTLE_FAILED, "out of memory");
		return;
	}
	mon->conn = m->conn;
	mon->messages = m->messages != 0;
	LIST_INSERT_HEAD(&monitors, mon, entry);
	monitors_changed();
}

static void
conn_gone(uint32_t conn, int all)
{
	struct monitor *mon, *tm;
	struct waiter *w, *tw;
	struct show *s, *ts;

	LIST_FOREACH_SAFE(mon, &monitors, entry, tm)
		if (all || mon->conn == conn) {
			LIST_REMOVE(mon, entry);
			free(mon);
		}
	LIST_FOREACH_SAFE(w, &parent.waiters, entry, tw)
		if (all || w->conn == conn)
			waiter_free(w);
	LIST_FOREACH_SAFE(s, &parent.shows, entry, ts)
		if (all || s->conn == conn)
			show_gone(s);
	show_turn();
	monitors_changed();
}

void
control_gone(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct ctl_conn *m = msg->body;

	conn_gone(m->conn, 0);
}

void
control_lost(void)
{
	conn_gone(0, 1);
}
