/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "p2pd/parent/meta.h"
#include "p2pd/parent/parent.h"

/* What the discovery process is told, and what it and the dialer tell. */

#define NODES_DIR	"nodes"		/* of the data directory */
#define NODES_FILE	NODES_DIR "/data.mdb"
#define EXIT_CORRUPT	65		/* of a child: that file is damaged */
#define FALLBACK_SECS	20		/* without a peer, until a bootnode is tried */

static struct event *fallback_ev;
static uint32_t wanted;			/* candidates, as discovery was told */

int
disc_wanted(void)
{
	struct conf_listen *l;

	if (!parent.conf->discovery_v4)
		return 0;
	TAILQ_FOREACH(l, &parent.conf->listens, entry)
		if (l->udp != CONF_UDP_NONE)
			return 1;
	return 0;
}

static void
boot_send(struct child *c, const struct node_spec *s, const struct addr *addr,
    uint16_t tcp)
{
	struct m_bootnode m;

	if (memcmp(s->key, parent.id, SECP_PUB) == 0)
		return;
	memset(&m, 0, sizeof(m));
	memcpy(m.id, s->key, sizeof(m.id));
	m.addr = *addr;
	m.tcp = tcp;
	m.len = s->record.len;
	memcpy(m.record, s->record.raw, s->record.len);
	child_msg(c, &m_bootnode_desc, &m, -1);
}

/* We have a socket of the address's family. */
static int
family_served(unsigned int af)
{
	const struct addr *a;
	unsigned int i;

	for (i = 0; (a = sockets_addr(i)) != NULL; i++)
		if (a->af == af && sockets_udp(i) != 0)
			return 1;
	return 0;
}

/* Of the addresses of a name one that we can reach, IPv4 before IPv6. */
static const struct addr *
boot_choose(const struct m_resolved *r)
{
	const struct addr *a, *best = NULL;
	uint32_t i;

	for (i = 0; i < r->n; i++) {
		a = &r->addrs[i].addr;
		if (family_served(a->af) && (best == NULL || a->af < best->af))
			best = a;
	}
	return best;
}

static void
boot_resolved(const struct m_resolved *r, void *arg)
{
	struct conf_boot *b = arg;
	struct child *c = child_first(PROC_DISCOVERY);
	const struct addr *found = boot_choose(r);
	struct addr a;

	b->unresolved = found == NULL;
	if (found == NULL) {
		log_warnx("bootnode %s: %s", b->node.host, r->n == 0 ? r->text :
		    "no address of a family that we listen on");
		return;
	}
	a = *found;
	a.port = b->node.udp;
	b->found = a;
	if (c != NULL && c->ch != NULL)
		boot_send(c, &b->node, &a, b->node.tcp);
}

static void
boot_one(struct child *c, struct conf_boot *b)
{
	struct addr a;
	uint16_t tcp;

	if (b->node.host[0] != '\0')
		resolve_name(b->node.host, boot_resolved, b);
	else if (node_spec_best(&b->node, &a, &tcp) == 0)
		boot_send(c, &b->node, &a, tcp);
}

static void
boots_send(struct child *c)
{
	const struct p2pd_conf *conf = parent.conf;
	struct node_spec s;
	struct conf_boot *b;
	struct addr a;
	const char *url, *why;
	unsigned int i;
	uint16_t tcp;

	TAILQ_FOREACH(b, &conf->bootnodes, entry)
		boot_one(c, b);
	for (i = 0; (url = network_bootnode(conf->network, i)) != NULL; i++) {
		if (node_spec_parse(&s, url, &why) == -1 ||
		    node_spec_best(&s, &a, &tcp) == -1)
			fatalx("bootnode of %s: %s",
			    network_name(conf->network), why);
		boot_send(c, &s, &a, tcp);
	}
}

/*
 * Of those who lack peers, for nobody else is dialed for; when none does, of
 * all: what p2pctl says of a node goes by them.
 */
static void
conditions_send(struct child *c)
{
	struct capability *cap = NULL;
	struct m_condition m;
	int hungry = apps_hungry(&parent.apps) != 0;

	memset(&m, 0, sizeof(m));
	m.first = 1;
	while ((cap = apps_conditions(&parent.apps, cap)) != NULL) {
		if (hungry && !cap_hungry(cap))
			continue;
		m.ncond = cap->meta.ncond;
		memcpy(m.cond, cap->meta.cond, sizeof(m.cond));
		m.nprefix = cap->meta.nprefix;
		memcpy(m.prefix, cap->meta.prefix, sizeof(m.prefix));
		child_msg(c, &m_condition_desc, &m, -1);
		m.first = 0;
	}
	if (m.first)
		child_msg(c, &m_condition_desc, &m, -1);
}

void
disc_configure(struct child *c)
{
	const struct p2pd_conf *conf = parent.conf;
	struct m_want want;
	struct m_disc m;

	memset(&m, 0, sizeof(m));
	m.v4 = conf->discovery_v4 != 0;
	m.announce4 = conf->announce4;
	m.announce6 = conf->announce6;
	snprintf(m.dir, sizeof(m.dir), "%s/" NODES_DIR, conf->datadir);
	child_msg(c, &m_disc_desc, &m, -1);
	record_send(c);
	want.n = wanted;
	child_msg(c, &m_want_desc, &want, -1);
	conditions_send(c);
	boots_send(c);
}

void
disc_conditions(void)
{
	struct child *c = child_first(PROC_DISCOVERY);

	if (c != NULL && c->ch != NULL)
		conditions_send(c);
}

void
disc_candidate(struct channel *ch, struct chan_msg *msg, void *arg)
{
	struct m_candidate m = *(const struct m_candidate *)msg->body;

	m.source = CAND_DISCV4;
	candidate_tell(&m);
}

/* The dialer's hunger. */
void
disc_want(uint32_t n)
{
	struct child *c = child_first(PROC_DISCOVERY);
	struct m_want m = { n };

	if (c == NULL || n == wanted)
		return;
	wanted = n;
	/* One that starts is told, too: what it began with is old by now. */
	if (c->state == CH_STARTING || child_ready(c))
		child_msg(c, &m_want_desc, &m, -1);
}

/* As one to dial; found is where its name has led to, or NULL. */
static void
boot_candidate(const struct node_spec *s, const struct addr *found,
    struct m_candidate *m)
{
	uint16_t tcp = s->tcp;

	memset(m, 0, sizeof(*m));
	m->source = CAND_BOOTNODE;
	memcpy(m->id, s->key, sizeof(m->id));
	if (found != NULL && found->af != 0)
		m->addr = *found;
	else if (node_spec_best(s, &m->addr, &tcp) == -1)
		return;
	m->udp = m->addr.port;
	m->addr.port = tcp;
}

/* The nth of all bootnodes, without an address where it has none; -1 beyond. */
static int
boot_nth(unsigned int n, struct m_candidate *m)
{
	const struct p2pd_conf *conf = parent.conf;
	struct conf_boot *b;
	struct node_spec s;
	const char *url, *why;

	TAILQ_FOREACH(b, &conf->bootnodes, entry) {
		if (n-- == 0) {
			boot_candidate(&b->node, &b->found, m);
			return 0;
		}
	}
	url = network_bootnode(conf->network, n);
	if (url == NULL || node_spec_parse(&s, url, &why) == -1)
		return -1;
	boot_candidate(&s, NULL, m);
	return 0;
}

/* Names that could not be resolved may be by now: the network was not up. */
static void
boots_again(void)
{
	struct conf_boot *b;

	TAILQ_FOREACH(b, &parent.conf->bootnodes, entry) {
		if (!b->unresolved)
			continue;
		b->unresolved = 0;
		resolve_name(b->node.host, boot_resolved, b);
	}
}

/*
 * The table may be full of nodes that are no use to us: with nobody at all, a
 * bootnode is somebody to dial.
 */
static void
fallback(int fd, short what, void *arg)
{
	char addr[ADDR_STRLEN];
	struct m_candidate m;
	unsigned int n = 0;

	if (disc_wanted() && !parent.stopping)
		boots_again();
	if (wanted == 0 || parent.peers.n > 0 || parent.stopping)
		return;
	while (boot_nth(n, &m) == 0)
		n++;
	if (n == 0 || boot_nth(arc4random_uniform(n), &m) == -1 ||
	    m.addr.af == 0 || m.addr.port == 0)
		return;
	log_debug("no peers, and nobody to dial: trying the bootnode at %s",
	    addr_format(&m.addr, addr));
	candidate_tell(&m);
}

void
disc_init(void)
{
	static const struct timeval tv = { FALLBACK_SECS, 0 };

	fallback_ev = event_new(parent.base, -1, EV_PERSIST, fallback, NULL);
	if (fallback_ev == NULL || event_add(fallback_ev, &tv) == -1)
		fatalx("no memory");
}

/*
 * The file did it: the child says so, or a page of it was not there, or the
 * child did not even come through reading it.
 */
static int
db_damaged(const struct child *c)
{
	if (WIFEXITED(c->status))
		return WEXITSTATUS(c->status) == EXIT_CORRUPT;
	if (!WIFSIGNALED(c->status))
		return 0;
	switch (WTERMSIG(c->status)) {
	case SIGBUS:
		return 1;
	case SIGSEGV:
	case SIGABRT:
	case SIGFPE:
	case SIGILL:
		return c->unready > 0;
	}
	return 0;
}

void
disc_died(struct child *c)
{
	char path[CONF_PATH_MAX + 32], bad[CONF_PATH_MAX + 40];

	if (!db_damaged(c) || parent.stopping)
		return;
	snprintf(path, sizeof(path), "%s/" NODES_FILE, parent.conf->datadir);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	if (rename(path, bad) == 0)
		log_warnx("the node database was damaged: it is set aside as "
		    "%s, and a new one begun", bad);
	else if (errno != ENOENT)
		log_warn("%s: cannot be set aside", path);
}
