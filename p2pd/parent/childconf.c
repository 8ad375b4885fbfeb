/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "p2pd/parent/parent.h"

#define SETUP_MS	10000	/* whole set-up deadline */
#define CONNECT_MS	15000
#define HISTORY_SECS	35	/* no second dial to a node within */

_Static_assert(sizeof(((struct m_init *)0)->chroot) >= CONF_CHROOT_MAX,
    "a jail is named whole");

static void
send_init(struct child *c)
{
	const struct p2pd_conf *conf = parent.conf;
	struct m_init m;

	memset(&m, 0, sizeof(m));
	m.version = MSG_VERSION;
	m.kind = c->kind;
	m.instance = c->instance;
	m.nsessions = conf->sessions;
	m.verbose = parent.verbose;
	m.sandbox = conf->sandbox == CONF_SANDBOX_OFF ? PROC_SANDBOX_OFF :
	    conf->sandbox == CONF_SANDBOX_REQUIRE ? PROC_SANDBOX_REQUIRE :
	    PROC_SANDBOX_DEFAULT;
	m.uid = parent.root ? parent.uid : PROC_STAY;
	m.gid = parent.root ? parent.gid : PROC_STAY;
	if (parent.root && c->kind != PROC_RESOLVER)
		strlcpy(m.chroot, conf->chroot, sizeof(m.chroot));
	switch (c->kind) {
	case PROC_SESSION:
		m.maxfiles = parent.maxfiles;
		break;
	case PROC_LISTENER:
		m.maxfiles = 2 * conf->max_pending_in + 512;
		break;
	case PROC_DIALER:
		m.maxfiles = 2 * conf->max_pending_out + 512;
		break;
	default:
		m.maxfiles = 256;
	}
	memcpy(m.id, parent.id, sizeof(m.id));
	memcpy(m.client, conf->client, sizeof(m.client));
	m.mem_budget = conf->session_memory;
	m.queue_peer = conf->queue_peer;
	m.queue_app = conf->queue_app;
	m.stall_ms = conf->stall_limit * 1000;
	child_msg(c, &m_init_desc, &m, -1);
}

static void
send_net(struct child *c)
{
	const struct p2pd_conf *conf = parent.conf;
	struct m_netrestrict nr;
	struct m_net m;
	size_t i;

	memset(&m, 0, sizeof(m));
	m.max_pending = c->kind == PROC_LISTENER ? conf->max_pending_in :
	    conf->max_pending_out;
	m.setup_ms = SETUP_MS;
	m.connect_ms = CONNECT_MS;
	m.addr_secs = conf->throttle_addr.count == 0 ? 0 :
	    conf->throttle_addr.seconds;
	m.net_count = conf->throttle_net.count;
	m.net_secs = conf->throttle_net.seconds;
	m.history_secs = HISTORY_SECS;
	m.dial = conf->dial != 0;
	m.restricted = conf->netrestrict.n > 0;
	child_msg(c, &m_net_desc, &m, -1);
	for (i = 0; i < conf->netrestrict.n; i++) {
		nr.prefix = conf->netrestrict.v[i];
		child_msg(c, &m_netrestrict_desc, &nr, -1);
	}
}

static void
send_ban(struct child *c, const struct ban *b, int add)
{
	struct m_ban m;

	memset(&m, 0, sizeof(m));
	m.add = add;
	m.by_id = b->by_id;
	memcpy(m.id, b->id, sizeof(m.id));
	m.prefix = b->prefix;
	if (c->kind != PROC_LISTENER || !b->by_id)
		child_msg(c, &m_ban_desc, &m, -1);
}

static void
send_static(struct child *c, const struct node *n, int add)
{
	struct m_static m;

	memset(&m, 0, sizeof(m));
	m.add = add;
	memcpy(m.id, n->en.id, sizeof(m.id));
	memcpy(m.host, n->en.host, sizeof(m.host));
	m.tcp = n->en.tcp;
	child_msg(c, &m_static_desc, &m, -1);
}

static void
send_dialer(struct child *c)
{
	struct m_connected up;
	struct node *n;
	struct peer *p;

	NODES_FOREACH(n, &parent.nodes)
		if (n->is & NODE_STATIC)
			send_static(c, n, 1);
	memset(&up, 0, sizeof(up));
	up.up = 1;
	PEERS_FOREACH(p, &parent.peers) {
		up.flags = p->flags;
		memcpy(up.id, p->id, sizeof(up.id));
		child_msg(c, &m_connected_desc, &up, -1);
	}
	balance_dialer(c);
}

void
childconf_send(struct child *c)
{
	struct m_start start = { 0 };
	struct m_monitor mon;
	struct ban *b;

	send_init(c);
	if (c->kind == PROC_LISTENER || c->kind == PROC_DIALER ||
	    c->kind == PROC_DISCOVERY) {
		send_net(c);
		BANS_FOREACH(b, &parent.bans)
			if (ban_live(b, time(NULL)))
				send_ban(c, b, 1);
	}
	if (c->kind == PROC_DIALER)
		send_dialer(c);
	if (c->kind == PROC_SESSION && parent.msg_monitors > 0) {
		mon.messages = 1;
		child_msg(c, &m_monitor_desc, &mon, -1);
	}
	sockets_send(c);
	if (c->kind == PROC_DISCOVERY)
		disc_configure(c);
	child_msg(c, &m_start_desc, &start, -1);
}

void
childconf_ban(const struct ban *b, int add)
{
	struct child *c;

	for (c = parent.child; c < parent.child + parent.nchildren; c++)
		if ((c->kind == PROC_LISTENER || c->kind == PROC_DIALER ||
		    c->kind == PROC_DISCOVERY) && c->ch != NULL)
			send_ban(c, b, add);
}

void
childconf_static(const struct node *n, int add)
{
	struct child *c = child_first(PROC_DIALER);

	if (c->ch != NULL)
		send_static(c, n, add);
}
