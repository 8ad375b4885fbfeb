/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/parent.h"

/* What p2pctl may ask about discovery. The keys are in p2pctl(8). */

static void
enr_endpoints(struct rec *r, const struct enr *e)
{
	static const unsigned int afs[] = { 4, 6 };
	char buf[ADDR_STRLEN];
	struct addr a;
	uint16_t tcp;
	size_t i;

	rec_list(r, "endpoints");
	for (i = 0; i < nitems_of(afs); i++) {
		if (enr_endpoint(e, afs[i], &a, &tcp) == -1)
			continue;
		rec_map(r, NULL);
		rec_str(r, "address", addr_format_ip(&a, buf));
		rec_u64(r, "udp", a.port);
		rec_u64(r, "tcp", tcp);
		rec_end(r);
	}
	rec_end(r);
}

static void
enr_keys(struct rec *r, const struct enr *e)
{
	const uint8_t *key, *raw;
	size_t it = 0, klen, n;
	char text[64];

	rec_list(r, "keys");
	while (enr_next(e, &it, &key, &klen, &raw, &n) == 1)
		rec_str(r, NULL, text_escape(text, sizeof(text), key, klen));
	rec_end(r);
}

void
show_enr(uint32_t conn)
{
	char text[ENR_STRLEN], hex[2 * SECP_PUB + 1];
	const struct enr *e = record_get();
	uint8_t id[NODE_ID];
	struct rec r;

	node_id(id, parent.id);
	rec_init(&r);
	rec_str(&r, "enr", enr_format(e, text));
	rec_u64(&r, "seq", e->seq);
	rec_str(&r, "id", hex_encode(hex, parent.id, sizeof(parent.id)));
	rec_str(&r, "node_id", hex_encode(hex, id, sizeof(id)));
	enr_endpoints(&r, e);
	enr_keys(&r, e);
	rec_u64(&r, "bytes", e->len);
	show_rec(conn, &r);
}

/*
 * Against the address of a static node, where it is one and not a name: of
 * others discovery knows where they are.
 */
static void
why_address(struct rec *r, const uint8_t id[SECP_PUB])
{
	const struct netset *only = &parent.conf->netrestrict;
	struct node *n = nodes_find(&parent.nodes, id);
	struct addr a;

	if (n == NULL || addr_parse_ip(&a, n->en.host) == -1)
		return;
	if (bans_has_addr(&parent.bans, &a, time(NULL)))
		rec_str(r, NULL, "its address is banned");
	if (only->n > 0 && !netset_match(only, &a))
		rec_str(r, NULL, "its address is outside netrestrict");
}

/* What speaks against dialing a node, as far as the parent can tell. */
static void
why_reasons(struct rec *r, const uint8_t id[SECP_PUB], unsigned int is)
{
	const struct p2pd_conf *conf = parent.conf;

	if (memcmp(id, parent.id, SECP_PUB) == 0)
		rec_str(r, NULL, "it is this node itself");
	if (peers_byid(&parent.peers, id) != NULL)
		rec_str(r, NULL, "it is a peer already");
	if (conns_dialing(id))
		rec_str(r, NULL, "it is being dialed right now");
	if (!conf->dial)
		rec_str(r, NULL, "dialing is off by configuration");
	if (bans_has_id(&parent.bans, id, time(NULL)))
		rec_str(r, NULL, "it is banned");
	if (is & NODE_STATIC) {
		why_address(r, id);
		return;
	}
	if (conf->allowlist_on && !(is & (NODE_ALLOWED | NODE_TRUSTED)))
		rec_str(r, NULL, "it is not on the allowlist");
	if (parent.apps.hello->n == 0)
		rec_str(r, NULL, "no application is attached: only static "
		    "nodes are dialed");
	else if (parent.peers.n >= conf->max_peers)
		rec_str(r, NULL, "there are max-peers peers");
	else if (parent.plan.want == 0)
		rec_str(r, NULL, "as many peers are dialed, or waiting to be, "
		    "as the dial ratio permits");
}

static void
show_why(struct show *s, const uint8_t id[SECP_PUB])
{
	unsigned int is = nodes_is(&parent.nodes, id);
	char hex[2 * SECP_PUB + 1];
	struct rec r;

	rec_init(&r);
	rec_str(&r, "id", hex_encode(hex, id, SECP_PUB));
	rec_bool(&r, "static", is & NODE_STATIC);
	rec_bool(&r, "trusted", is & NODE_TRUSTED);
	rec_bool(&r, "connected", peers_byid(&parent.peers, id) != NULL);
	rec_list(&r, "reasons");
	why_reasons(&r, id, is);
	rec_end(&r);
	show_rec(s->conn, &r);
	(void)show_query(s, PROC_DIALER, SHOW_WHY, id);
	if (!(is & NODE_STATIC))
		(void)show_query(s, PROC_DISCOVERY, SHOW_WHY, id);
}

static int
discovery_there(uint32_t conn)
{
	struct child *c = child_first(PROC_DISCOVERY);

	if (c == NULL)
		control_end(conn, CTLE_FAILED, "discovery is off by "
		    "configuration");
	else if (!child_ready(c))
		control_end(conn, CTLE_BUSY, "discovery is starting");
	return c != NULL && child_ready(c);
}

void
show_discovery(const struct ctl_show_req *m)
{
	struct show *s;

	if (m->what != SHOW_WHY && !discovery_there(m->conn))
		return;
	s = show_begin(m->conn);
	if (s == NULL)
		return;
	if (m->what == SHOW_WHY)
		show_why(s, m->id);
	else
		(void)show_query(s, PROC_DISCOVERY, m->what, m->id);
	show_wait(s);
}

void
show_lookup(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct ctl_lookup_req *m = msg->body;
	struct show *s;

	if (!discovery_there(m->conn))
		return;
	s = show_begin(m->conn);
	if (s == NULL)
		return;
	(void)show_query(s, PROC_DISCOVERY, 0, m->id);
	show_wait(s);
}
