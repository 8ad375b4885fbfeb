/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/admit.h"
#include "p2pd/parent/parent.h"

/* What p2pctl may look at. The keys are in p2pctl(8). */

#define FAILURES_SHOWN	8	/* reasons on the status screen */
#define SHOWS_MAX	1024	/* that control may wait for */
#define CAP_REC_MAX	2560	/* bytes of one capability, and of what follows */
#define SHOWS_LONG	2	/* of all peers at once; see show_turn() */

static unsigned int nshows, nlong;
static uint32_t last_show;

static void
send_rec(const struct ctl_rec *m)
{
	struct child *c = child_first(PROC_CONTROL);

	child_msg(c, &ctl_rec_desc, m, -1);
	/* What is asked for next waits until this is read. */
	if (c->ch != NULL && channel_full(c->ch))
		channel_pause(c->ch);
}

void
show_rec(uint32_t conn, struct rec *r)
{
	static struct ctl_rec m;

	if (rec_finish(r) == -1) {
		log_warnx("record over %d bytes left out", RECORD_MAX);
		return;
	}
	m.conn = conn;
	m.len = r->len;
	memcpy(m.rec, r->buf, r->len);
	send_rec(&m);
}

static void
rec_id(struct rec *r, const char *key, const uint8_t id[SECP_PUB])
{
	char buf[2 * SECP_PUB + 1];

	rec_str(r, key, hex_encode(buf, id, SECP_PUB));
}

static void
rec_disc(struct rec *r, const char *key, unsigned int disc)
{
	rec_str(r, key, disc == DISC_NONE ? NULL : disc_name(disc));
}

void
show_attempt_fields(struct rec *r, const struct attempt *at)
{
	char addr[ADDR_STRLEN];

	rec_str(r, "direction", at->flags & PF_INBOUND ? "in" : "out");
	rec_str(r, "address", at->remote.af == 0 ? NULL :
	    addr_format(&at->remote, addr));
	if (at->has_id)
		rec_id(r, "id", at->id);
	else
		rec_null(r, "id");
	rec_str(r, "stage", at->ended ? "peer" : at->stage == 0 ? "connected" :
	    stage_name(at->stage));
	rec_str(r, "reason", at->reason == REASON_NONE ? NULL :
	    reason_name(at->reason));
	rec_str(r, "text", at->reason == REASON_NONE ? NULL :
	    reason_text(at->reason));
	rec_disc(r, "disc_sent", at->disc_sent);
	rec_disc(r, "disc_received", at->disc_recv);
	rec_u64(r, "ms", at->ms);
	rec_u64(r, "count", at->count);
	rec_str(r, "detail", at->detail[0] == '\0' ? NULL : at->detail);
	rec_bool(r, "static", at->flags & PF_STATIC);
	rec_bool(r, "trusted", at->flags & PF_TRUSTED);
}

/*
 * The URL of a listening address, as far as we know how others reach it: what
 * the configuration announces, or what the record has learned; of an address
 * that stands for all, and with nothing learned yet, one that is good here.
 */
static const char *
own_url(unsigned int i, const struct addr *a, char url[ENODE_STRLEN])
{
	const struct p2pd_conf *conf = parent.conf;
	const struct addr *fixed = a->af == 4 ? &conf->announce4 :
	    &conf->announce6;
	struct enode en;
	struct addr udp;
	uint16_t tcp;

	memset(&en, 0, sizeof(en));
	memcpy(en.id, parent.id, sizeof(en.id));
	en.tcp = conf->announce_tcp != 0 ? conf->announce_tcp : a->port;
	en.udp = sockets_udp(i) == 0 ? en.tcp : conf->announce_udp != 0 ?
	    conf->announce_udp : sockets_udp(i);
	addr_format_ip(fixed->af != 0 ? fixed : a, en.host);
	/* Bound to all of them: the record knows which. */
	if (fixed->af == 0 && addr_is_any(a)) {
		if (enr_endpoint(record_get(), a->af, &udp, &tcp) == 0) {
			addr_format_ip(&udp, en.host);
			/* of this socket, and not of another */
			if (tcp == en.tcp)
				en.udp = udp.port;
		} else
			strlcpy(en.host, a->af == 4 ? "127.0.0.1" : "::1",
			    sizeof(en.host));
	}
	return enode_format(&en, url, ENODE_STRLEN);
}

static void
status_addresses(struct rec *r)
{
	char buf[ADDR_STRLEN], url[ENODE_STRLEN], enr[ENR_STRLEN];
	const struct addr *a;
	unsigned int i;

	rec_list(r, "listening");
	for (i = 0; (a = sockets_addr(i)) != NULL; i++)
		rec_str(r, NULL, addr_format(a, buf));
	rec_end(r);
	rec_list(r, "enode");
	for (i = 0; (a = sockets_addr(i)) != NULL; i++)
		rec_str(r, NULL, own_url(i, a, url));
	rec_end(r);
	rec_str(r, "enr", child_first(PROC_DISCOVERY) == NULL ? NULL :
	    enr_format(record_get(), enr));
}

static void
status_caps(struct rec *r)
{
	const struct helloset *hs = parent.apps.hello;
	uint32_t i;

	rec_u64(r, "apps", parent.apps.napps);
	rec_list(r, "capabilities");
	for (i = 0; i < hs->n; i++)
		rec_strf(r, NULL, "%s/%u", hs->caps[i].cap.name,
		    hs->caps[i].cap.version);
	rec_end(r);
	rec_u64(r, "hello_generation", hs->generation);
}

static void
status_failures(struct rec *r)
{
	const struct attempt *at, *newer;
	uint64_t now = mono_ms();
	uint32_t i, j, n = 0;

	rec_list(r, "last_failures");
	for (i = 0; (at = history_get(&parent.history, i)) != NULL &&
	    n < FAILURES_SHOWN; i++) {
		if (at->reason == REASON_NONE)
			continue;
		for (j = 0; j < i; j++) {
			newer = history_get(&parent.history, j);
			if (newer->reason == at->reason &&
			    newer->ended == at->ended &&
			    ((newer->flags ^ at->flags) & PF_INBOUND) == 0)
				break;
		}
		if (j < i)
			continue;
		rec_map(r, NULL);
		rec_str(r, "reason", reason_name(at->reason));
		rec_str(r, "text", reason_text(at->reason));
		rec_str(r, "direction", at->flags & PF_INBOUND ? "in" : "out");
		rec_disc(r, "disc_received", at->disc_recv);
		rec_u64(r, "count", history_count(&parent.history, at));
		rec_u64(r, "ago_ms", now - at->at_ms);
		rec_end(r);
		n++;
	}
	rec_end(r);
}

static void
status_warnings(struct rec *r)
{
	struct child *c;

	rec_list(r, "warnings");
	/* A bootnode has no use for one. */
	if (parent.apps.hello->n == 0 && parent.conf->max_peers > 0)
		rec_str(r, NULL, apps_awaits(&parent.apps, NULL, 0) ?
		    "no application is back in its session yet: peers are "
		    "told to come again (0x04)" :
		    "no application is attached: peers are told "
		    "useless peer (0x03)");
	if (sockets_listening() == 0 && !parent.conf->dial)
		rec_str(r, NULL, "neither listening nor dialing: this node is "
		    "useless");
	if (parent.conf->max_peers == 0 && child_first(PROC_DISCOVERY) == NULL)
		rec_str(r, NULL, "max-peers is 0: only trusted and static nodes "
		    "may connect");
	for (c = parent.child; c < parent.child + parent.nchildren; c++)
		if (c->state != CH_READY)
			rec_strf(r, NULL, "%s[%u] is %s: %s", proc_name(c->kind),
			    c->instance, child_state_name(c->state), c->cause);
	rec_end(r);
}

static void
show_status(uint32_t conn)
{
	const struct p2pd_conf *conf = parent.conf;
	uint32_t max_in;
	struct rec r;

	max_in = admit_max_inbound(conf->max_peers, conf->dial_ratio, conf->dial);
	rec_init(&r);
	rec_str(&r, "kind", "node");
	rec_id(&r, "id", parent.id);
	rec_str(&r, "version", PACKAGE_VERSION);
	rec_str(&r, "client", conf->client);
	rec_u64(&r, "uptime_ms", mono_ms() - parent.started_ms);
	status_addresses(&r);
	rec_bool(&r, "dialing", conf->dial);
	rec_bool(&r, "restricted", conf->netrestrict.n > 0);
	rec_bool(&r, "allowlist", conf->allowlist_on);
	rec_u64(&r, "peers", parent.peers.n);
	rec_u64(&r, "peers_in", parent.peers.inbound);
	rec_u64(&r, "peers_out", parent.peers.n - parent.peers.inbound);
	rec_u64(&r, "max_peers", conf->max_peers);
	rec_u64(&r, "max_in", max_in);
	rec_u64(&r, "max_out", conf->dial ? conf->max_peers - max_in : 0);
	rec_u64(&r, "pending_in", child_first(PROC_LISTENER)->nconns);
	rec_u64(&r, "pending_out", child_first(PROC_DIALER)->nconns);
	rec_u64(&r, "candidates", parent.plan.waiting);
	rec_u64(&r, "candidates_wanted", parent.plan.want);
	rec_u64(&r, "candidates_taken", parent.plan.taken);
	rec_u64(&r, "candidates_refused", parent.plan.refused +
	    parent.refused);
	rec_u64(&r, "monitors", parent.monitors);
	rec_bool(&r, "stopping", parent.stopping);
	status_caps(&r);
	status_failures(&r);
	status_warnings(&r);
	show_rec(conn, &r);
}

static void
process_rec(uint32_t conn, const char *name, unsigned int instance, pid_t pid,
    const char *state, const struct proc_layers *l, const struct child *c)
{
	char buf[PROC_LAYERS_STRLEN];
	struct chan_stats st;
	struct rec r;

	rec_init(&r);
	rec_str(&r, "process", name);
	rec_u64(&r, "instance", instance);
	rec_u64(&r, "pid", (uint64_t)pid);
	rec_str(&r, "state", state);
	rec_str(&r, "layers", proc_layers_format(l, buf, sizeof(buf)));
	rec_u64(&r, "uptime_ms", mono_ms() -
	    (c == NULL ? parent.started_ms : c->since_ms));
	if (c != NULL) {
		memset(&st, 0, sizeof(st));
		if (c->ch != NULL)
			channel_stats(c->ch, &st);
		rec_u64(&r, "restarts", c->restarts);
		rec_str(&r, "last_cause", c->cause[0] == '\0' ? NULL : c->cause);
		rec_u64(&r, "queue", c->ch == NULL ? 0 : channel_queued(c->ch));
		rec_u64(&r, "msgs_in", st.in);
		rec_u64(&r, "msgs_out", st.out);
		rec_u64(&r, "held", st.held);
		rec_u64(&r, "pending", c->nconns);
	}
	show_rec(conn, &r);
}

static void
show_processes(uint32_t conn)
{
	struct child *c;

	process_rec(conn, "parent", 0, getpid(),
	    parent.stopping ? "stopping" : "running", &parent.layers, NULL);
	for (c = parent.child; c < parent.child + parent.nchildren; c++)
		process_rec(conn, proc_name(c->kind), c->instance, c->pid,
		    child_state_name(c->state), &c->layers, c);
}

static void
key_rec(uint32_t conn, const struct child *c, const char *op, uint64_t done,
    uint64_t refused, uint64_t delayed, unsigned int queued)
{
	struct rec r;

	rec_init(&r);
	rec_str(&r, "process", proc_name(c->kind));
	rec_u64(&r, "instance", c->instance);
	rec_str(&r, "op", op);
	rec_u64(&r, "requests", done);
	rec_u64(&r, "refused", refused);
	rec_u64(&r, "delayed", delayed);
	rec_u64(&r, "queued", queued);
	show_rec(conn, &r);
}

static void
show_keys(uint32_t conn)
{
	static const char *const ops[] = { "", "ecies", "static" };
	struct child *c;
	int op;

	for (c = parent.child; c < parent.child + parent.nchildren; c++) {
		if (c->kind == PROC_LISTENER || c->kind == PROC_DIALER)
			for (op = KEY_ECIES; op <= KEY_STATIC; op++)
				key_rec(conn, c, ops[op], c->key_done[op],
				    c->key_refused, c->key_delayed, c->nkeyq);
		if (c->kind == PROC_DISCOVERY) {
			for (op = D4_PING; op < D4_NTYPES; op++)
				key_rec(conn, c, d4_name(op), c->d4_done[op],
				    c->d4_refused, 0, c->nd4q);
			key_rec(conn, c, "record", record_made(), 0, 0, 0);
		}
	}
}

static void
cap_rec(struct rec *r, const struct capability *cap)
{
	char key[4 * APP_ENRKEY_MAX + 1];
	uint32_t i;

	rec_map(r, NULL);
	rec_str(r, "name", cap->name);
	rec_u64(r, "cap_id", cap->id);
	rec_bool(r, "tap", cap->tap);
	rec_bool(r, "advertised", cap->advertised);
	rec_bool(r, "away", cap->away != 0);
	rec_u64(r, "peers", cap->npeers);
	rec_u64(r, "wanted", cap->meta.wanted);
	rec_list(r, "versions");
	for (i = 0; i < cap->nvers; i++) {
		rec_map(r, NULL);
		rec_u64(r, "version", cap->vers[i].version);
		rec_u64(r, "codes", cap->vers[i].codes);
		rec_end(r);
	}
	rec_end(r);
	rec_list(r, "record");
	for (i = 0; i < cap->meta.nenr; i++)
		rec_str(r, NULL, text_escape(key, sizeof(key),
		    cap->meta.enr[i].key, strlen(cap->meta.enr[i].key)));
	rec_end(r);
	rec_end(r);
}

/* Those of one list that are the application's; how many had no room. */
static unsigned int
app_caps(struct rec *r, const struct capability_list *list, const struct app *a)
{
	struct capability *cap;
	unsigned int more = 0;

	TAILQ_FOREACH(cap, list, entry) {
		if (cap->owner != a)
			continue;
		if (r->len < RECORD_MAX - CAP_REC_MAX)
			cap_rec(r, cap);
		else
			more++;
	}
	return more;
}

static void
show_apps(uint32_t conn)
{
	unsigned int more;
	struct app *a;
	struct rec r;

	TAILQ_FOREACH(a, &parent.apps.apps, entry) {
		rec_init(&r);
		rec_str(&r, "name", a->name);
		rec_u64(&r, "uid", a->uid);
		rec_u64(&r, "gid", a->gid);
		rec_u64(&r, "pid", a->pid);
		rec_u64(&r, "sessions", a->nconns);
		rec_list(&r, "capabilities");
		more = app_caps(&r, &parent.apps.caps, a);
		more += app_caps(&r, &parent.apps.taps, a);
		rec_end(&r);
		rec_u64(&r, "more", more);
		show_rec(conn, &r);
	}
}

static void
show_history(uint32_t conn)
{
	const struct attempt *at;
	uint64_t now = mono_ms();
	struct rec r;
	uint32_t i;

	for (i = parent.history.n; i-- > 0;) {
		at = history_get(&parent.history, i);
		rec_init(&r);
		rec_u64(&r, "time", (uint64_t)at->when);
		rec_u64(&r, "ago_ms", now - at->at_ms);
		show_attempt_fields(&r, at);
		show_rec(conn, &r);
	}
}

static void
show_bans(uint32_t conn)
{
	char what[2 * SECP_PUB + 1];
	time_t now = time(NULL);
	struct ban *b;
	struct rec r;

	/* One that is not shown does not bar anybody either. */
	control_bans_sweep();
	BANS_FOREACH(b, &parent.bans) {
		rec_init(&r);
		rec_str(&r, "by", b->by_id ? "id" : "prefix");
		rec_str(&r, "what", ban_what(b, what, sizeof(what)));
		if (b->from_conf || b->until == 0)
			rec_null(&r, "expires_in_ms");
		else
			rec_u64(&r, "expires_in_ms",
			    b->until <= now ? 0 :
			    (uint64_t)(b->until - now) * 1000);
		rec_bool(&r, "from_config", b->from_conf);
		rec_str(&r, "note", b->note);
		show_rec(conn, &r);
	}
}

static void
show_nodes(uint32_t conn)
{
	char url[ENODE_STRLEN];
	struct node *n;
	struct rec r;

	NODES_FOREACH(n, &parent.nodes) {
		rec_init(&r);
		rec_id(&r, "id", n->en.id);
		rec_str(&r, "enode", n->en.host[0] == '\0' ? NULL :
		    enode_format(&n->en, url, sizeof(url)));
		rec_bool(&r, "static", n->is & NODE_STATIC);
		rec_bool(&r, "trusted", n->is & NODE_TRUSTED);
		rec_bool(&r, "allowed", n->is & NODE_ALLOWED);
		rec_bool(&r, "saved", n->saved != 0);
		rec_bool(&r, "connected",
		    peers_byid(&parent.peers, n->en.id) != NULL);
		show_rec(conn, &r);
	}
}

/* The configuration in force, printed and cut into records. */
static void
show_config(uint32_t conn)
{
	char *text = NULL, *line, *next;
	size_t len;
	struct rec r;
	FILE *f;

	f = open_memstream(&text, &len);
	if (f == NULL)
		return;
	conf_print(f, parent.conf);
	fclose(f);
	for (line = text; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		rec_init(&r);
		rec_str(&r, "text", line);
		show_rec(conn, &r);
	}
	free(text);
}

/*
 * What children know and the parent does not: they are asked, and the last one
 * to answer ends it. NULL, and the client has heard why.
 */
struct show *
show_begin(uint32_t conn)
{
	struct show *s;

	if (nshows >= SHOWS_MAX) {
		child_kill(child_first(PROC_CONTROL), "asks for too much at once");
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		control_end(conn, CTLE_FAILED, "out of memory");
		return NULL;
	}
	s->conn = conn;
	/* A number of ours: a session may still be at work for a client of the
	   control process before this one. */
	s->id = ++last_show;
	LIST_INSERT_HEAD(&parent.shows, s, entry);
	nshows++;
	return s;
}

static uint32_t
show_bit(const struct child *c)
{
	return c->kind == PROC_SESSION ? 1U << c->instance :
	    c->kind == PROC_DIALER ? 1U << 30 : 1U << 31;
}

/* The sessions, or the one that has the peer. */
static void
show_ask(struct show *s, unsigned int what, const struct peer *p)
{
	struct m_show m = { s->id, what, p == NULL ? 0 : p->handle };
	struct child *c;

	for (c = child_next(PROC_SESSION, NULL); c != NULL;
	    c = child_next(PROC_SESSION, c))
		if (child_ready(c) && (p == NULL || p->session == c->instance) &&
		    child_msg(c, &m_show_desc, &m, -1) == 0)
			s->pending |= show_bit(c);
}

/* Discovery, or the dialer; -1 when it is not there. */
int
show_query(struct show *s, enum proc_kind kind, unsigned int what,
    const uint8_t id[SECP_PUB])
{
	struct child *c = child_first(kind);
	struct m_query m;

	if (c == NULL || !child_ready(c))
		return -1;
	memset(&m, 0, sizeof(m));
	m.conn = s->id;
	m.what = what;
	if (id != NULL)
		memcpy(m.id, id, sizeof(m.id));
	if (child_msg(c, &m_query_desc, &m, -1) == -1)
		return -1;
	s->pending |= show_bit(c);
	return 0;
}

/* All that could be asked are; none may be. */
void
show_wait(struct show *s)
{
	if (s->pending != 0)
		return;
	control_end(s->conn, CTLE_OK, "%s", "");
	show_free(s);
}

void
show_free(struct show *s)
{
	LIST_REMOVE(s, entry);
	nshows--;
	nlong -= s->length == SHOW_LONG;
	free(s);
}

/* A session that tells of all its peers goes on to the end of them. */
void
show_gone(struct show *s)
{
	if (s->length == SHOW_LONG)
		s->gone = 1;
	else
		show_free(s);
}

/* The one that has waited longest. */
static struct show *
show_waiting(void)
{
	struct show *s, *first = NULL;

	LIST_FOREACH(s, &parent.shows, entry)
		if (s->length == SHOW_WAITS)
			first = s;
	return first;
}

/*
 * The sessions tell faster than control can pass on, and what waits for it is
 * here: the next begin when that has been read.
 */
void
show_turn(void)
{
	const struct child *c = child_first(PROC_CONTROL);
	struct show *s;

	while (nlong < SHOWS_LONG && (c->ch == NULL || !channel_full(c->ch)) &&
	    (s = show_waiting()) != NULL) {
		s->length = SHOW_LONG;
		nlong++;
		show_ask(s, SHOW_PEERS, NULL);
		show_wait(s);
	}
}

static struct show *
show_find(uint32_t id, const struct child *c)
{
	struct show *s;

	LIST_FOREACH(s, &parent.shows, entry)
		if (s->id == id && (s->pending & show_bit(c)))
			return s;
	return NULL;
}

static void
show_done(struct show *s, const struct child *c)
{
	s->pending &= ~show_bit(c);
	if (s->pending == 0) {
		if (!s->gone)
			control_end(s->conn, s->code, "%s", s->text);
		show_free(s);
	}
}

void
show_child_died(struct child *c)
{
	struct show *s, *t;

	LIST_FOREACH_SAFE(s, &parent.shows, entry, t)
		if (s->pending & show_bit(c))
			show_done(s, c);
	show_turn();
}

void
show_relay_end(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct ctl_end *m = msg->body;
	struct child *c = arg;
	struct show *s = show_find(m->conn, c);

	if (s == NULL)
		return;
	/* The sessions' ends say nothing; a query may come to nothing. */
	if (m->code != CTLE_OK) {
		s->code = m->code;
		strlcpy(s->text, m->text, sizeof(s->text));
	}
	show_done(s, c);
	show_turn();
}

void
show_relay_rec(struct channel *ch, struct chan_msg *msg, void *arg)
{
	static struct ctl_rec out;
	const struct ctl_rec *m = msg->body;
	struct child *c = arg;
	struct show *s = show_find(m->conn, c);

	if (s == NULL || s->gone)
		return;
	out.conn = s->conn;
	out.len = m->len;
	memcpy(out.rec, m->rec, m->len);
	send_rec(&out);
}

static void
show_peer(const struct ctl_show_req *m)
{
	struct peer *p = peers_byid(&parent.peers, m->id);
	struct show *s;

	if (p == NULL)
		control_end(m->conn, CTLE_NOTFOUND, "not a peer");
	else if ((s = show_begin(m->conn)) != NULL) {
		show_ask(s, SHOW_PEER, p);
		show_wait(s);
	}
}

static void
show_from_sessions(uint32_t conn, unsigned int what)
{
	struct show *s = show_begin(conn);

	if (s == NULL)
		return;
	show_ask(s, what, NULL);
	if (what == SHOW_STATUS)
		(void)show_query(s, PROC_DISCOVERY, SHOW_STATUS, NULL);
	show_wait(s);
}

static void
show_peers(uint32_t conn)
{
	struct show *s = show_begin(conn);

	if (s == NULL)
		return;
	s->length = SHOW_WAITS;
	show_turn();
}

void
show_request(struct channel *ch, struct chan_msg *msg, void *arg)
{
	static void (*const shows[])(uint32_t) = {
		[SHOW_PROCESSES] = show_processes,
		[SHOW_MEMORY] = show_memory,
		[SHOW_KEYS] = show_keys,
		[SHOW_HISTORY] = show_history,
		[SHOW_CONFIG] = show_config,
		[SHOW_BANS] = show_bans,
		[SHOW_NODES] = show_nodes,
		[SHOW_ENR] = show_enr
	};
	const struct ctl_show_req *m = msg->body;

	if (m->what == SHOW_STATUS) {
		show_status(m->conn);
		show_from_sessions(m->conn, SHOW_STATUS);
	} else if (m->what == SHOW_APPS) {
		show_apps(m->conn);
		show_from_sessions(m->conn, SHOW_APPS);
	} else if (m->what == SHOW_QUEUES) {
		show_queues(m->conn);
		show_from_sessions(m->conn, SHOW_QUEUES);
	} else if (m->what == SHOW_PEERS) {
		show_peers(m->conn);
	} else if (m->what == SHOW_TABLE || m->what == SHOW_NODE ||
	    m->what == SHOW_DB || m->what == SHOW_LOOKUPS ||
	    m->what == SHOW_WHY) {
		show_discovery(m);
	} else if (m->what == SHOW_PEER) {
		show_peer(m);
	} else if (m->what < nitems_of(shows) && shows[m->what] != NULL) {
		shows[m->what](m->conn);
		control_end(m->conn, CTLE_OK, "%s", "");
	} else
		control_end(m->conn, CTLE_INVALID, "unknown thing to show");
}
