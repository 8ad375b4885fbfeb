/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/ctl/ctl.h"
#include "common/wire/enode.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/show.h"

struct show {
	TAILQ_ENTRY(show)	 entry;
	struct m_show		 m;
	struct peer		*next;		/* SHOW_PEERS */
	uint32_t		 told;		/* SHOW_APPS */
};

static void
cap_string(struct rec *r, const char *key, const struct cap *c)
{
	rec_strf(r, key, "%s/%u", c->name, c->version);
}

static void
rec_shared(struct rec *r, const struct peercap *pc, int detail)
{
	rec_map(r, "");
	rec_str(r, "name", pc->shared.cap.name);
	rec_u64(r, "version", pc->shared.cap.version);
	rec_u64(r, "offset", pc->shared.offset);
	rec_u64(r, "codes", pc->shared.codes);
	rec_bool(r, "app", pc->ac != NULL);
	rec_u64(r, "msgs_in", pc->msgs_in);
	rec_u64(r, "msgs_out", pc->msgs_out);
	rec_u64(r, "bytes_in", pc->bytes_in);
	rec_u64(r, "bytes_out", pc->bytes_out);
	rec_u64(r, "dropped", pc->dropped);
	if (detail) {
		rec_u64(r, "queued", pc->queued);
		rec_bool(r, "away", pc->ac != NULL && pc->ac->app == NULL);
		rec_bool(r, "tapped", pc->tapped);
		rec_bool(r, "accepted", pc->accepted);
		if (pc->ac != NULL && pc->ac->app != NULL)
			rec_str(r, "application", pc->ac->app->name);
		else
			rec_null(r, "application");
	}
	rec_end(r);
}

static void
rec_enode(struct rec *r, const struct peer *p)
{
	struct enode	 e;
	char		 buf[ENODE_STRLEN];

	memset(&e, 0, sizeof(e));
	memcpy(e.id, p->id, sizeof(e.id));
	addr_format_ip(&p->remote, e.host);
	e.tcp = e.udp = p->remote.port;
	rec_str(r, "enode", enode_format(&e, buf, sizeof(buf)));
}

static void
rec_detail(struct rec *r, const struct peer *p, uint64_t now)
{
	rec_bool(r, "snappy", frame_snappy_tx(p->codec));
	rec_u64(r, "memory", p->holder.held);
	rec_u64(r, "read_ms", now - p->read_at);
	rec_bool(r, "stalled", (p->pause & PAUSE_APP) != 0);
	rec_bool(r, "paused", p->pause != 0);
}

static uint64_t
queue_out(const struct peer *p)
{
	uint64_t	 n = p->out.bytes;
	uint32_t	 i;

	for (i = 0; i < p->ncaps; i++)
		if (p->caps[i].sendq != NULL)
			n += p->caps[i].sendq->bytes;
	return n;
}

static void
rec_peer(struct rec *r, const struct peer *p, int detail)
{
	char		 addr[ADDR_STRLEN], hex[2 * SECP_PUB + 1];
	uint64_t	 now = mono_ms();
	uint32_t	 i;

	rec_u64(r, "handle", p->node.key);
	rec_u64(r, "session", ses.init.instance);
	rec_str(r, "id", hex_encode(hex, p->id, sizeof(p->id)));
	rec_enode(r, p);
	rec_str(r, "address", addr_format(&p->remote, addr));
	rec_str(r, "local", addr_format(&p->local, addr));
	rec_str(r, "direction", p->flags & PF_INBOUND ? "in" : "out");
	rec_bool(r, "static", (p->flags & PF_STATIC) != 0);
	rec_bool(r, "trusted", (p->flags & PF_TRUSTED) != 0);
	rec_str(r, "client", p->client);
	rec_u64(r, "p2p_version", p->p2p_version);
	rec_list(r, "capabilities");
	for (i = 0; i < p->nlisted; i++)
		cap_string(r, "", &p->listed[i]);
	rec_end(r);
	rec_list(r, "shared");
	for (i = 0; i < p->ncaps; i++)
		rec_shared(r, &p->caps[i], detail);
	rec_end(r);
	rec_u64(r, "since_ms", now - p->since);
	rec_u64(r, "bytes_in", p->bytes_in);
	rec_u64(r, "bytes_out", p->bytes_out);
	rec_u64(r, "msgs_in", p->msgs_in);
	rec_u64(r, "msgs_out", p->msgs_out);
	if (p->ping_ms == UINT32_MAX)
		rec_null(r, "ping_ms");
	else
		rec_u64(r, "ping_ms", p->ping_ms);
	rec_u64(r, "queue_in", p->queued);
	rec_u64(r, "queue_out", queue_out(p));
	if (detail)
		rec_detail(r, p, now);
}

static void
rec_status(struct rec *r)
{
	rec_str(r, "kind", "session");
	rec_u64(r, "instance", ses.init.instance);
	rec_u64(r, "peers", ses.npeers);
	rec_u64(r, "apps", ses.apptab.n);
	rec_u64(r, "memory", budget_used());
	rec_u64(r, "memory_limit", ses.init.mem_budget);
	rec_u64(r, "lingering", ses.nlinger);
	rec_u64(r, "bytes_in", ses.bytes_in);
	rec_u64(r, "bytes_out", ses.bytes_out);
	rec_u64(r, "msgs_in", ses.msgs_in);
	rec_u64(r, "msgs_out", ses.msgs_out);
	rec_u64(r, "dropped", ses.dropped);
	rec_u64(r, "tap_dropped", ses.tap_dropped);
}

/* What waits for an application, or is missed by one that is away. */
static void
rec_queue(struct rec *r, const struct appcap *ac)
{
	rec_str(r, "kind", "queue");
	rec_u64(r, "cap_id", ac->capid);
	rec_u64(r, "session", ses.init.instance);
	rec_u64(r, "queue", ac->app == NULL ? 0 : appq_cost(&ac->app->q));
	rec_u64(r, "queued", ac->queued);
	rec_u64(r, "dropped", ac->dropped);
	rec_u64(r, "missed", ac->missed_msgs);
	rec_u64(r, "missed_bytes", ac->missed_bytes);
	rec_bool(r, "paused", ac->app != NULL && ac->app->pause != 0);
}

static void
send_rec(uint32_t conn, struct rec *r)
{
	static struct ctl_rec	 m;

	if (rec_finish(r) == -1)
		return;
	m.conn = conn;
	m.len = r->len;
	memcpy(m.rec, r->buf, r->len);
	session_tell(&ctl_rec_desc, &m);
}

static void
send_peer(uint32_t conn, const struct peer *p, int detail)
{
	static struct rec	 r;

	rec_init(&r);
	rec_peer(&r, p, detail);
	send_rec(conn, &r);
}

static void
send_status(uint32_t conn)
{
	static struct rec	 r;

	rec_init(&r);
	rec_status(&r);
	send_rec(conn, &r);
}

static void
finish(struct show *s, enum ctl_code code)
{
	struct ctl_end	 m;

	memset(&m, 0, sizeof(m));
	m.conn = s->m.conn;
	m.code = (uint8_t)code;
	if (code == CTLE_NOTFOUND)
		strlcpy(m.text, "no such peer", sizeof(m.text));
	session_tell(&ctl_end_desc, &m);
	TAILQ_REMOVE(&ses.shows, s, entry);
	free(s);
}

static void
show_peer(struct show *s)
{
	struct peer	*p = peer_find(s->m.handle);

	if (p != NULL)
		send_peer(s->m.conn, p, 1);
	finish(s, p != NULL ? CTLE_OK : CTLE_NOTFOUND);
}

static void
show_some_peers(struct show *s)
{
	struct peer	*p;

	while (!ses.env.full()) {
		if ((p = s->next) == NULL) {
			finish(s, CTLE_OK);
			return;
		}
		s->next = TAILQ_NEXT(p, entry);
		send_peer(s->m.conn, p, 0);
	}
}

/* The n-th of all capabilities, then of those that are away; or NULL. */
static const struct appcap *
nth_cap(uint32_t n)
{
	const struct appcap	*ac;
	const struct app	*a;

	TAILQ_FOREACH(a, &ses.apps, entry)
		TAILQ_FOREACH(ac, &a->caps, entry)
			if (n-- == 0)
				return ac;
	TAILQ_FOREACH(ac, &ses.orphans, entry)
		if (n-- == 0)
			return ac;
	return NULL;
}

static void
show_some_apps(struct show *s)
{
	static struct rec	 r;
	const struct appcap	*ac;

	while (!ses.env.full()) {
		if ((ac = nth_cap(s->told++)) == NULL) {
			finish(s, CTLE_OK);
			return;
		}
		rec_init(&r);
		rec_queue(&r, ac);
		send_rec(s->m.conn, &r);
	}
}

static void
send_queue(uint32_t conn, const char *name, uint64_t bytes, uint64_t waiting,
    uint64_t limit)
{
	static struct rec	 r;

	rec_init(&r);
	rec_str(&r, "queue", name);
	rec_str(&r, "process", "session");
	rec_u64(&r, "instance", ses.init.instance);
	rec_u64(&r, "bytes", bytes);
	rec_u64(&r, "waiting", waiting);
	if (limit == 0)
		rec_null(&r, "limit");
	else
		rec_u64(&r, "limit", limit);
	send_rec(conn, &r);
}

/* All peers' together, and how many have any. */
static void
show_queues(struct show *s)
{
	struct peer	*p;
	uint64_t	 in = 0, out = 0, n, nin = 0, nout = 0, nheld = 0;

	TAILQ_FOREACH(p, &ses.peers, entry) {
		in += p->queued;
		nin += p->queued > 0;
		n = queue_out(p);
		out += n;
		nout += n > 0;
		nheld += p->holder.held > 0;
	}
	send_queue(s->m.conn, "from-peers", in, nin, 0);
	send_queue(s->m.conn, "to-peers", out, nout, 0);
	send_queue(s->m.conn, "memory", budget_used(), nheld,
	    ses.init.mem_budget);
	finish(s, CTLE_OK);
}

void
show_continue(void)
{
	struct show	*s, *next;

	TAILQ_FOREACH_SAFE(s, &ses.shows, entry, next) {
		if (ses.env.full())
			return;
		switch (s->m.what) {
		case SHOW_PEERS:
			show_some_peers(s);
			break;
		case SHOW_PEER:
			show_peer(s);
			break;
		case SHOW_APPS:
			show_some_apps(s);
			break;
		case SHOW_QUEUES:
			show_queues(s);
			break;
		default:
			send_status(s->m.conn);
			finish(s, CTLE_OK);
			break;
		}
	}
}

void
show_start(const struct m_show *m)
{
	struct ctl_end	 end;
	struct show	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		memset(&end, 0, sizeof(end));
		end.conn = m->conn;
		end.code = CTLE_FAILED;
		session_tell(&ctl_end_desc, &end);
		return;
	}
	s->m = *m;
	s->next = TAILQ_FIRST(&ses.peers);
	TAILQ_INSERT_TAIL(&ses.shows, s, entry);
	show_continue();
}

void
show_forget(struct peer *p)
{
	struct show	*s;

	TAILQ_FOREACH(s, &ses.shows, entry)
		if (s->next == p)
			s->next = TAILQ_NEXT(p, entry);
}

void
show_cleanup(void)
{
	struct show	*s;

	while ((s = TAILQ_FIRST(&ses.shows)) != NULL) {
		TAILQ_REMOVE(&ses.shows, s, entry);
		free(s);
	}
}

void
show_message(const struct peer *p, const struct peercap *pc, uint32_t code,
    size_t size, const char *direction)
{
	static struct rec	 r;
	static struct m_event	 m;
	char			 hex[2 * SECP_PUB + 1];

	if (ses.env.full()) {
		ses.lost++;
		return;
	}
	rec_init(&r);
	rec_str(&r, "event", "message");
	rec_str(&r, "direction", direction);
	rec_u64(&r, "handle", p->node.key);
	rec_str(&r, "id", hex_encode(hex, p->id, sizeof(p->id)));
	rec_str(&r, "capability", pc->shared.cap.name);
	rec_u64(&r, "version", pc->shared.cap.version);
	rec_u64(&r, "code", code);
	rec_u64(&r, "size", size);
	if (rec_finish(&r) == -1 || r.len > sizeof(m.rec))
		return;
	m.message = 1;
	m.lost = ses.lost;
	m.len = r.len;
	memcpy(m.rec, r.buf, r.len);
	if (ses.env.send(&m_event_desc, &m) == -1)
		ses.lost++;
	else
		ses.lost = 0;
}
