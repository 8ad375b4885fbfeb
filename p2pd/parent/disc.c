/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "p2pd/parent/parent.h"

/* What the discovery process is told, and what it and the dialer tell. */

#define NODES_DIR	"nodes"		/* of the data directory */

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

static void
boot_resolved(const struct m_resolved *r, void *arg)
{
	const struct conf_boot *b = arg;
	struct child *c = child_first(PROC_DISCOVERY);
	struct addr a;

	if (r->n == 0) {
		log_warnx("bootnode %s: %s", b->node.host, r->text);
		return;
	}
	a = r->addrs[0].addr;
	a.port = b->node.udp;
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
	boots_send(c);
}

void
disc_conditions(void)
{
}

void
disc_candidate(struct channel *ch, struct chan_msg *msg, void *arg)
{
	struct child *d = child_first(PROC_DIALER);
	struct m_candidate m = *(const struct m_candidate *)msg->body;

	/* What it is hungry for now it will still be hungry for then. */
	if (!parent.conf->dial || !child_ready(d) || channel_full(d->ch))
		return;
	m.source = CAND_DISCV4;
	child_msg(d, &m_candidate_desc, &m, -1);
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
	if (child_ready(c))
		child_msg(c, &m_want_desc, &m, -1);
}

void
disc_died(struct child *c)
{
}
