/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/ctl/ctl.h"
#include "p2pd/discovery/proc.h"

/* What p2pctl asks of discovery. The keys are in p2pctl(8). */
#define LOOKUPS_MAX	8		/* that operators have under way */

struct asked {
	uint32_t	 conn;
	uint8_t		 target[NODE_ID];
};

static unsigned int	 nasked;

static void
send_rec(uint32_t conn, struct rec *r)
{
	static struct ctl_rec	 m;

	if (rec_finish(r) == -1) {
		log_warnx("record over %d bytes left out", RECORD_MAX);
		return;
	}
	m.conn = conn;
	m.len = r->len;
	memcpy(m.rec, r->buf, r->len);
	(void)child_send(&ctl_rec_desc, &m, -1);
}

static void
send_end(uint32_t conn, enum ctl_code code, const char *text)
{
	struct ctl_end	 m;

	memset(&m, 0, sizeof(m));
	m.conn = conn;
	m.code = (uint8_t)code;
	strlcpy(m.text, text, sizeof(m.text));
	(void)child_send(&ctl_end_desc, &m, -1);
}

static void
rec_node(struct rec *r, const struct node *n)
{
	char	 hex[2 * SECP_PUB + 1], addr[ADDR_STRLEN];

	rec_str(r, "id", hex_encode(hex, n->key, SECP_PUB));
	rec_str(r, "node_id", hex_encode(hex, n->id, NODE_ID));
	rec_str(r, "address", addr_format(&n->udp, addr));
	rec_u64(r, "tcp", n->tcp);
	if (n->rec != NULL)
		rec_u64(r, "seq", n->seq);
	else
		rec_null(r, "seq");
}

static void
rec_age(struct rec *r, const char *key, int64_t when)
{
	int64_t	 now = (int64_t)time(NULL);

	if (when == 0)
		rec_null(r, key);
	else
		rec_u64(r, key, when > now ? 0 : (uint64_t)(now - when));
}

static void
rec_tnode(struct rec *r, const struct tnode *t)
{
	uint64_t	 now = mono_ms();

	rec_u64(r, "bucket", t->bucket);
	rec_bool(r, "spare", t->spare);
	rec_bool(r, "live", t->live);
	rec_u64(r, "checks", t->checks);
	rec_u64(r, "fails", t->fails);
	if (t->checked == 0)
		rec_null(r, "checked_ms");
	else
		rec_u64(r, "checked_ms", now - t->checked);
	rec_u64(r, "added_ms", now - t->added);
}

static void
table_node(uint32_t conn, const struct tnode *t)
{
	struct rec	 r;

	rec_init(&r);
	rec_node(&r, &t->node);
	rec_tnode(&r, t);
	send_rec(conn, &r);
}

static void
show_table(const struct m_query *m)
{
	const struct table_bucket	*b;
	unsigned int			 i, j;

	for (i = 0; i < TABLE_BUCKETS; i++) {
		b = table_bucket(d4_table(disc.d4), i);
		for (j = 0; j < b->n; j++)
			table_node(m->conn, b->v[j]);
		for (j = 0; j < b->nspare; j++)
			table_node(m->conn, b->spare[j]);
	}
	send_end(m->conn, CTLE_OK, "");
}

static void
rec_record(struct rec *r, const struct enr *e)
{
	char	 text[ENR_STRLEN];

	rec_str(r, "enr", e->len == 0 ? NULL : enr_format(e, text));
}

/* What the database remembers; 1 when it does. */
static int
stored(const uint8_t id[NODE_ID], struct nodedb_node *d)
{
	int	 found = 0;

	if (disc.db != NULL)
		disc_db_result(nodedb_find(disc.db, id, d, &found));
	return found;
}

static void
from_stored(struct node *n, const struct nodedb_node *d)
{
	node_init(n, d->key, &d->udp, d->tcp);
	if (d->record.len != 0)
		(void)node_set_record(n, &d->record);
}

/* The node as the table has it, or the database; 0 when neither. */
static int
known(struct node *n, const struct tnode **t, const uint8_t key[SECP_PUB])
{
	struct nodedb_node	 d;
	uint8_t			 id[NODE_ID];

	memset(n, 0, sizeof(*n));
	node_id(id, key);
	if ((*t = table_find(d4_table(disc.d4), id)) != NULL) {
		node_copy(n, &(*t)->node);
		return 1;
	}
	if (!stored(id, &d))
		return 0;
	from_stored(n, &d);
	return 1;
}

static void
show_node(const struct m_query *m)
{
	const struct tnode	*t;
	struct nodedb_node	 d;
	struct node		 n;
	struct rec		 r;
	uint8_t			 self[NODE_ID];
	int64_t			 pong, ping;

	if (!known(&n, &t, m->id)) {
		send_end(m->conn, CTLE_NOTFOUND, "discovery does not know this "
		    "node; p2pctl lookup ID searches for it");
		return;
	}
	rec_init(&r);
	rec_node(&r, &n);
	rec_bool(&r, "in_table", t != NULL);
	if (t != NULL)
		rec_tnode(&r, t);
	node_id(self, child_init()->id);
	rec_u64(&r, "distance", node_logdist(n.id, self));
	d4_proof(disc.d4, n.id, &n.udp, &pong, &ping);
	rec_age(&r, "pong_age", pong);
	rec_age(&r, "ping_age", ping);
	rec_bool(&r, "in_db", stored(n.id, &d));
	if (n.rec != NULL)
		rec_record(&r, &n.rec->enr);
	else
		rec_null(&r, "enr");
	send_rec(m->conn, &r);
	node_clear(&n);
	send_end(m->conn, CTLE_OK, "");
}

static void
show_db(const struct m_query *m)
{
	struct nodedb_stats	 st;
	struct rec		 r;

	if (disc.db == NULL) {
		send_end(m->conn, CTLE_FAILED, "there is no node database");
		return;
	}
	nodedb_stats(disc.db, &st);
	rec_init(&r);
	rec_str(&r, "directory", disc.conf.dir);
	rec_u64(&r, "nodes", st.nodes);
	rec_u64(&r, "max_nodes", NODEDB_NODES);
	rec_u64(&r, "bytes", st.bytes);
	rec_u64(&r, "puts", st.puts);
	rec_u64(&r, "commits", st.commits);
	rec_u64(&r, "failures", st.failures);
	rec_str(&r, "last_error", st.last_errno == 0 ? NULL :
	    strerror(st.last_errno));
	send_rec(m->conn, &r);
	send_end(m->conn, CTLE_OK, "");
}

static void
one_lookup(void *arg, const struct d4_running *l)
{
	const struct m_query	*m = arg;
	char			 hex[2 * NODE_ID + 1];
	struct rec		 r;

	rec_init(&r);
	rec_str(&r, "why", l->why);
	rec_str(&r, "target", hex_encode(hex, l->target, sizeof(l->target)));
	rec_u64(&r, "ms", mono_ms() - l->began);
	rec_u64(&r, "asked", l->st.asked);
	rec_u64(&r, "answered", l->st.answered);
	rec_u64(&r, "seen", l->st.seen);
	rec_u64(&r, "hops", l->st.hops);
	send_rec(m->conn, &r);
}

static void
show_lookups(const struct m_query *m)
{
	struct m_query	 copy = *m;

	d4_lookups(disc.d4, one_lookup, &copy);
	send_end(m->conn, CTLE_OK, "");
}

static void
rec_by_type(struct rec *r, const char *key, const uint64_t v[D4_NTYPES])
{
	unsigned int	 i;

	rec_map(r, key);
	for (i = D4_PING; i < D4_NTYPES; i++)
		rec_u64(r, d4_name(i), v[i]);
	rec_end(r);
}

static void
rec_bad(struct rec *r, const struct d4_stats *st)
{
	static const char *const names[] = { [D4_ESIZE] = "size",
	    [D4_ETYPE] = "type", [D4_EHASH] = "hash", [D4_EFORM] = "form",
	    [D4_EEXPIRED] = "expired", [D4_ESIG] = "signature" };
	unsigned int	 i;

	rec_map(r, "refused");
	for (i = D4_ESIZE; i <= D4_ESIG; i++)
		rec_u64(r, names[i], st->bad[i]);
	rec_u64(r, "forbidden", st->forbidden);
	rec_u64(r, "unproven", st->unproven);
	rec_u64(r, "unsolicited", st->unsolicited);
	rec_u64(r, "limited", st->limited);
	rec_end(r);
}

static void
rec_seen(struct rec *r, const struct d4_stats *st)
{
	char	 buf[ADDR_STRLEN];

	rec_list(r, "seen_as");
	if (st->ip4.af != 0)
		rec_str(r, NULL, addr_format(&st->ip4, buf));
	if (st->ip6.af != 0)
		rec_str(r, NULL, addr_format(&st->ip6, buf));
	rec_end(r);
}

static void
show_status(const struct m_query *m)
{
	const struct table	*t = d4_table(disc.d4);
	const struct udp_stats	*us = udp_stats(disc.udp);
	struct nodedb_stats	 ns;
	struct d4_stats		 st;
	struct rec		 r;

	d4_stats(disc.d4, &st);
	memset(&ns, 0, sizeof(ns));
	if (disc.db != NULL)
		nodedb_stats(disc.db, &ns);
	rec_init(&r);
	rec_str(&r, "kind", "discovery");
	rec_bool(&r, "ready", st.ready);
	rec_u64(&r, "table", table_count(t));
	rec_u64(&r, "live", table_count_live(t));
	rec_u64(&r, "spares", table_count_spares(t));
	rec_u64(&r, "known", ns.nodes);
	rec_u64(&r, "wanted", st.wanted);
	rec_u64(&r, "lookups", st.lookups);
	rec_u64(&r, "timeouts", st.timeouts);
	rec_seen(&r, &st);
	rec_by_type(&r, "in", st.in);
	rec_by_type(&r, "out", st.out);
	rec_bad(&r, &st);
	rec_u64(&r, "bytes_in", us->in_bytes);
	rec_u64(&r, "bytes_out", us->out_bytes);
	rec_u64(&r, "unsent", st.unsent + us->dropped + us->failed);
	send_rec(m->conn, &r);
	send_end(m->conn, CTLE_OK, "");
}

/* What speaks against handing this node to the dialer. */
static void
show_why(const struct m_query *m)
{
	const struct tnode	*t;
	const char		*why;
	struct node		 n;
	struct rec		 r;
	char			 addr[ADDR_STRLEN];
	int			 fetch;

	rec_init(&r);
	if (!known(&n, &t, m->id)) {
		rec_bool(&r, "known", 0);
		rec_list(&r, "reasons");
		rec_str(&r, NULL, "discovery does not know it, or not yet");
		rec_end(&r);
		send_rec(m->conn, &r);
		send_end(m->conn, CTLE_OK, "");
		return;
	}
	rec_bool(&r, "known", 1);
	rec_str(&r, "address", addr_format(&n.udp, addr));
	why = candidate_refusal(&n, &fetch);
	if (why != NULL && !fetch) {
		rec_list(&r, "reasons");
		rec_str(&r, NULL, why);
		rec_end(&r);
	}
	rec_bool(&r, "record_missing", fetch);
	send_rec(m->conn, &r);
	node_clear(&n);
	send_end(m->conn, CTLE_OK, "");
}

static void
looked_up(void *arg, enum d4_outcome outcome, const struct node *v, size_t n,
    const struct lookup_stats *st)
{
	struct asked	*a = arg;
	struct rec	 r;
	size_t		 i;

	nasked--;
	for (i = 0; i < n; i++) {
		rec_init(&r);
		rec_node(&r, &v[i]);
		rec_u64(&r, "distance", node_logdist(a->target, v[i].id));
		send_rec(a->conn, &r);
	}
	send_end(a->conn, outcome == D4_ANSWERED ? CTLE_OK : CTLE_FAILED,
	    outcome == D4_ANSWERED ? "" : "the lookup was given up");
	free(a);
}

static void
lookup(const struct m_query *m)
{
	static const uint8_t	 zero[SECP_PUB];
	uint8_t			 target[SECP_PUB];
	struct asked		*a = NULL;

	memcpy(target, m->id, sizeof(target));
	if (memcmp(target, zero, sizeof(zero)) == 0)
		arc4random_buf(target, sizeof(target));
	if (nasked < LOOKUPS_MAX)
		a = calloc(1, sizeof(*a));
	if (a != NULL) {
		a->conn = m->conn;
		node_id(a->target, target);
		if (d4_lookup(disc.d4, target, looked_up, a) != 0) {
			nasked++;
			return;
		}
	}
	free(a);
	send_end(m->conn, CTLE_BUSY, "too many lookups at once");
}

void
query_start(const struct m_query *m)
{
	static void (*const shows[])(const struct m_query *) = {
		[0] = lookup,
		[SHOW_STATUS] = show_status,
		[SHOW_TABLE] = show_table,
		[SHOW_NODE] = show_node,
		[SHOW_DB] = show_db,
		[SHOW_LOOKUPS] = show_lookups,
		[SHOW_WHY] = show_why
	};

	if (m->what >= nitems_of(shows) || shows[m->what] == NULL)
		fatalx("query %u", m->what);
	shows[m->what](m);
}
