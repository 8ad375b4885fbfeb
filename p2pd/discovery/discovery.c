/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/crypto/secp.h"
#include "common/wire/reason.h"
#include "p2pd/discovery/discovery.h"
#include "p2pd/discovery/proc.h"

/* The discovery process: sockets, clock, database and messages around d4.c. */
#define COMMIT_MS	1000
#define SYNC_MS		60000
#define EXPIRE_MS	(3600 * 1000)
#define COMPLAIN_MS	60000	/* between two lines about a failing disk */
#define SKEW_MS		(600 * 1000)
#define LAST_WORDS_MS	500

struct discovery	 disc;

static struct {
	struct event	 run;		/* the engine's deadline */
	struct event	 commit;
	uint64_t	 sync_ms, expire_ms, complain_ms, skew_ms;
	uint32_t	 bonds;
} ds;

/*
 * The engine's side.
 */
static uint64_t
op_now(void *arg)
{
	return mono_ms();
}

static int64_t
op_wall(void *arg)
{
	return (int64_t)time(NULL);
}

static uint32_t
op_chance(void *arg, uint32_t bound)
{
	return arc4random_uniform(bound);
}

static void
give_node(struct m_d4_node *to, const struct addr *addr, uint16_t tcp)
{
	to->addr = *addr;
	to->tcp = tcp;
}

static void
give_nodes(struct m_d4_sign *m, const struct d4_packet *p)
{
	uint32_t	 i;

	for (i = 0; i < p->neighbors.n && i < nitems_of(m->nodes); i++) {
		give_node(&m->nodes[i], &p->neighbors.v[i].addr,
		    p->neighbors.v[i].tcp);
		memcpy(m->nodes[i].key, p->neighbors.v[i].key, SECP_PUB);
	}
	m->n = i;
}

static int
op_sign(void *arg, uint32_t cookie, const struct d4_packet *p)
{
	struct m_d4_sign	 m;

	if (channel_full(child_parent()))
		return -1;
	memset(&m, 0, sizeof(m));
	m.req = cookie;
	m.type = p->type;
	switch (p->type) {
	case D4_PING:
		give_node(&m.from, &p->ping.from.addr, p->ping.from.tcp);
		give_node(&m.to, &p->ping.to.addr, p->ping.to.tcp);
		break;
	case D4_PONG:
		give_node(&m.to, &p->pong.to.addr, p->pong.to.tcp);
		memcpy(m.hash, p->pong.hash, sizeof(m.hash));
		break;
	case D4_FINDNODE:
		memcpy(m.target, p->findnode.target, sizeof(m.target));
		break;
	case D4_NEIGHBORS:
		give_nodes(&m, p);
		break;
	case D4_ENRRESPONSE:
		memcpy(m.hash, p->enrresponse.hash, sizeof(m.hash));
		break;
	}
	return child_send(&m_d4_sign_desc, &m, -1);
}

static void
op_send(void *arg, const struct addr *to, const uint8_t *p, size_t len)
{
	(void)udp_send(disc.udp, to, p, len);
}

static int
op_recover(void *arg, uint8_t key[SECP_PUB], const uint8_t *p, size_t len)
{
	return d4_recover(key, p, len);
}

static int
op_verify(void *arg, uint8_t key[SECP_PUB], const struct enr *e)
{
	return enr_verify(e, key, NULL);
}

static int
op_key_ok(void *arg, const uint8_t key[SECP_PUB])
{
	return secp_pub_valid(key) == 0;
}

static int
op_permitted(void *arg, const uint8_t id[NODE_ID], const struct addr *a)
{
	return disc_permitted(id, a);
}

/* A record was verified before it was kept, but the disk is not ours alone. */
static void
seed_node(struct node *n, const struct nodedb_node *s)
{
	uint8_t	 key[SECP_PUB];

	node_init(n, s->key, &s->udp, s->tcp);
	if (s->record.len != 0 && enr_verify(&s->record, key, NULL) == 0 &&
	    memcmp(key, s->key, sizeof(key)) == 0)
		(void)node_set_record(n, &s->record);
}

static size_t
op_seeds(void *arg, struct node *v, size_t max)
{
	struct nodedb_node	 found[D4_SEEDS];
	size_t			 i, n = 0;

	if (disc.db == NULL)
		return 0;
	if (max > nitems_of(found))
		max = nitems_of(found);
	disc_db_result(nodedb_seeds(disc.db, time(NULL) - NODEDB_SEED_AGE,
	    found, max, &n));
	for (i = 0; i < n; i++)
		seed_node(&v[i], &found[i]);
	return n;
}

static void
op_found(void *arg, const struct node *n)
{
	candidate_found(n);
}

static void
op_proven(void *arg, const struct node *n, int64_t ping, int keep)
{
	struct nodedb_node	 d;

	if (disc.db == NULL)
		return;
	memset(&d, 0, sizeof(d));
	memcpy(d.id, n->id, sizeof(d.id));
	memcpy(d.key, n->key, sizeof(d.key));
	d.udp = n->udp;
	d.tcp = n->tcp;
	d.seed = keep != 0;
	d.pong = (int64_t)time(NULL);
	d.ping = ping;
	if (n->rec != NULL)
		d.record = n->rec->enr;
	disc_db_result(nodedb_put(disc.db, &d));
}

static void
op_forgotten(void *arg, const uint8_t id[NODE_ID], const struct addr *a)
{
	if (disc.db != NULL)
		disc_db_result(nodedb_forget(disc.db, id, a));
}

static void
op_endpoint(void *arg, const struct addr *ip4, const struct addr *ip6)
{
	struct m_record_facts	 m;
	char			 a[ADDR_STRLEN], b[ADDR_STRLEN];

	m.ip4 = *ip4;
	m.ip6 = *ip6;
	log_info("others see us at %s, %s", addr_format(ip4, a),
	    addr_format(ip6, b));
	if (child_send(&m_record_facts_desc, &m, -1) == -1)
		log_warn("M_RECORD_FACTS");
}

static void
op_skew(void *arg, int64_t offset)
{
	uint64_t	 now = mono_ms();

	if (ds.skew_ms != 0 && now < ds.skew_ms + SKEW_MS)
		return;
	ds.skew_ms = now;
	log_warnx("the clock of this machine is wrong: by what others say it is "
	    "%lld seconds %s; packets with wrong times are ignored",
	    (long long)(offset < 0 ? -offset : offset),
	    offset < 0 ? "fast" : "slow");
}

static void
op_refreshed(void *arg, size_t n)
{
	log_debug("refreshed: %zu nodes in the table", n);
}

static const struct d4_ops	 ops = {
	.now = op_now, .wall = op_wall, .chance = op_chance, .sign = op_sign,
	.send = op_send, .recover = op_recover, .verify = op_verify,
	.key_ok = op_key_ok, .permitted = op_permitted, .seeds = op_seeds,
	.found = op_found, .proven = op_proven, .forgotten = op_forgotten,
	.endpoint = op_endpoint, .skew = op_skew, .refreshed = op_refreshed
};

/*
 * The database.
 */
/* Nothing of this process can be tidied up; the parent reads the status. */
static void
db_corrupt(void)
{
	log_warnx("the node database is damaged: starting anew");
	(void)channel_flush(child_parent(), LAST_WORDS_MS);
	_exit(NODEDB_EXIT_CORRUPT);
}

void
disc_db_result(enum nodedb_err err)
{
	struct nodedb_stats	 st;
	uint64_t		 now = mono_ms();

	if (err == NODEDB_CORRUPT)
		db_corrupt();
	if (err == NODEDB_FAILED &&
	    (ds.complain_ms == 0 || now >= ds.complain_ms + COMPLAIN_MS)) {
		ds.complain_ms = now;
		nodedb_stats(disc.db, &st);
		log_warnx("node database: %s; what was learned is not kept",
		    strerror(st.last_errno));
	}
}

static void
commit(int fd, short what, void *arg)
{
	uint64_t	 now = mono_ms();
	size_t		 n;

	if (now >= ds.expire_ms) {
		ds.expire_ms = now + EXPIRE_MS;
		disc_db_result(nodedb_expire(disc.db, time(NULL) -
		    NODEDB_EXPIRY, &n));
	}
	if (now >= ds.sync_ms) {
		ds.sync_ms = now + SYNC_MS;
		disc_db_result(nodedb_sync(disc.db));
	} else
		disc_db_result(nodedb_commit(disc.db));
}

static void
bond(const struct nodedb_proof *p, void *arg)
{
	d4_bond(disc.d4, p->id, &p->udp, p->pong, p->ping);
	ds.bonds++;
}

/* Before the walls go up: all of the file is read. */
static void
db_open(const char *dir)
{
	enum nodedb_err	 err;

	if ((disc.db = nodedb_open(dir, time(NULL), &err)) == NULL) {
		if (err == NODEDB_CORRUPT)
			db_corrupt();
		log_warn("%s: no node database; what is learned is not kept",
		    dir);
		return;
	}
	nodedb_proofs(disc.db, bond, NULL);
	log_debug("node database: %u nodes", ds.bonds);
}

/*
 * Time.
 */
void
disc_soon(void)
{
	static const struct timeval	 now = { 0, 0 };

	event_add(&ds.run, &now);
}

static void
schedule(void)
{
	struct timeval	 tv;
	uint64_t	 now = mono_ms(), due = d4_next_deadline(disc.d4);

	if (disc.stopping || due == UINT64_MAX)
		return;
	due = due <= now ? 0 : due - now;
	if (due > 3600 * 1000)
		due = 3600 * 1000;
	tv.tv_sec = (time_t)(due / 1000);
	tv.tv_usec = (suseconds_t)(due % 1000 * 1000);
	event_add(&ds.run, &tv);
}

static void
run(int fd, short what, void *arg)
{
	if (disc.stopping)
		return;
	d4_run(disc.d4);
	schedule();
}

static void
datagram(const struct addr *from, const uint8_t *p, size_t len, void *arg)
{
	if (!disc.stopping)
		d4_input(disc.d4, from, p, len);
}

static void
turn(void *arg)
{
	schedule();
}

/*
 * Netrestrict and bans. The engine knows nodes by the hash of their keys, so
 * that is what a ban is entered by.
 */
void
disc_ban(const struct m_ban *m)
{
	struct m_ban	 hashed = *m;

	if (m->by_id) {
		memset(hashed.id, 0, sizeof(hashed.id));
		node_id(hashed.id, m->id);
	}
	policy_ban(disc.policy, &hashed);
}

int
disc_permitted(const uint8_t id[NODE_ID], const struct addr *a)
{
	uint8_t	 padded[SECP_PUB];

	if (policy_addr(disc.policy, a) != REASON_NONE)
		return 0;
	if (id == NULL)
		return 1;
	memset(padded, 0, sizeof(padded));
	memcpy(padded, id, NODE_ID);
	return policy_id(disc.policy, padded) == REASON_NONE;
}

/*
 * Messages.
 */
static void
policy_changed(struct channel *c)
{
	if (channel_state(c) != CHILD_RUN)
		return;
	d4_policy_changed(disc.d4);
	disc_soon();
}

static void
handle_net(struct channel *c, struct chan_msg *msg, void *arg)
{
	policy_set_net(disc.policy, msg->body);
	policy_changed(c);
}

static void
handle_netrestrict(struct channel *c, struct chan_msg *msg, void *arg)
{
	policy_netrestrict(disc.policy, msg->body);
	policy_changed(c);
}

static void
handle_ban(struct channel *c, struct chan_msg *msg, void *arg)
{
	disc_ban(msg->body);
	policy_changed(c);
}

static void
handle_udp(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_udp	*m = msg->body;
	char			 text[ADDR_STRLEN];
	int			 fd = msg->fd;

	msg->fd = -1;
	if (udp_add(disc.udp, fd, &m->addr) == -1)
		fatal("socket of %s", addr_format(&m->addr, text));
}

/* The sockets are there: the engine can be, and what the database knows. */
static void
handle_disc(struct channel *c, struct chan_msg *msg, void *arg)
{
	struct d4_conf	 conf;

	if (disc.d4 != NULL)
		fatalx("M_DISC twice");
	disc.conf = *(const struct m_disc *)msg->body;
	memset(&conf, 0, sizeof(conf));
	memcpy(conf.key, child_init()->id, sizeof(conf.key));
	conf.families = (udp_has(disc.udp, 4) ? NODE_IP4 : 0) |
	    (udp_has(disc.udp, 6) ? NODE_IP6 : 0);
	if ((disc.d4 = d4_new(&ops, NULL, &conf)) == NULL)
		fatal("discovery");
	d4_fixed(disc.d4, 4, disc.conf.announce4.af != 0);
	d4_fixed(disc.d4, 6, disc.conf.announce6.af != 0);
	if (disc.conf.dir[0] != '\0')
		db_open(disc.conf.dir);
}

/* What follows is about the engine. */
static void
need_engine(void)
{
	if (disc.d4 == NULL)
		fatalx("M_DISC is missing");
}

static void
handle_bootnode(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_bootnode	*m = msg->body;
	struct node		 n;
	struct enr		 e;
	char			 text[ADDR_STRLEN];

	need_engine();
	node_init(&n, m->id, &m->addr, m->tcp);
	if (m->len != 0 && enr_decode(&e, m->record, m->len, NULL) == 0)
		(void)node_set_record(&n, &e);
	if (d4_bootnode(disc.d4, &n) == -1)
		log_warnx("bootnode at %s is not taken",
		    addr_format(&m->addr, text));
	node_clear(&n);
	/* One that had to be resolved first. */
	if (channel_state(c) == CHILD_RUN)
		disc_soon();
}

static void
handle_record(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_record	*m = msg->body;

	need_engine();
	if (enr_decode(&disc.record, m->record, m->len, NULL) == -1)
		fatalx("own record does not decode");
	d4_record(disc.d4, &disc.record);
}

static void
handle_want(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_want	*m = msg->body;

	need_engine();
	candidate_want(m->n);
	if (channel_state(c) == CHILD_RUN)
		disc_soon();
}

static void
handle_condition(struct channel *c, struct chan_msg *msg, void *arg)
{
	candidate_condition(msg->body);
}

static void
handle_signed(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_d4_signed	*m = msg->body;

	d4_signed(disc.d4, m->req, m->packet, m->len);
	disc_soon();
}

static void
handle_query(struct channel *c, struct chan_msg *msg, void *arg)
{
	query_start(msg->body);
	disc_soon();
}

static const struct chan_rule rules[] = {
	{ &m_net_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_net },
	{ &m_netrestrict_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_netrestrict },
	{ &m_ban_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_ban },
	{ &m_udp_desc, CHS_CONFIG, CHAN_FD, handle_udp },
	{ &m_disc_desc, CHS_CONFIG, CHAN_NOFD, handle_disc },
	{ &m_bootnode_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_bootnode },
	{ &m_record_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_record },
	{ &m_condition_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_condition },
	{ &m_want_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_want },
	{ &m_d4_signed_desc, CHS_RUN, CHAN_NOFD, handle_signed },
	{ &m_query_desc, CHS_RUN, CHAN_NOFD, handle_query },
};

static void
discovery_init(const struct m_init *m, void *arg)
{
	struct udp_conf	 uc;

	if (secp_init() == -1)
		fatalx("secp256k1");
	memset(&uc, 0, sizeof(uc));
	uc.base = child_base();
	uc.input = datagram;
	uc.turn = turn;
	if ((disc.udp = udp_new(&uc)) == NULL ||
	    (disc.policy = policy_new()) == NULL)
		fatal("discovery");
	event_assign(&ds.run, child_base(), -1, 0, run, NULL);
	event_assign(&ds.commit, child_base(), -1, EV_PERSIST, commit, NULL);
	ds.expire_ms = mono_ms() + EXPIRE_MS;
	ds.sync_ms = mono_ms() + SYNC_MS;
}

static void
discovery_start(void *arg)
{
	static const struct timeval	 tv = { COMMIT_MS / 1000, 0 };

	need_engine();
	udp_start(disc.udp);
	d4_start(disc.d4);
	if (disc.db != NULL)
		event_add(&ds.commit, &tv);
	disc_soon();
}

static void
discovery_stop(uint32_t grace_ms, void *arg)
{
	disc.stopping = 1;
	if (disc.db != NULL)
		disc_db_result(nodedb_sync(disc.db));
}

static void
discovery_drained(void *arg)
{
	disc_soon();
}

static void
discovery_down(void *arg)
{
	if (disc.d4 == NULL)
		return;
	event_del(&ds.run);
	event_del(&ds.commit);
	d4_free(disc.d4);
	nodedb_close(disc.db);
	udp_free(disc.udp);
	policy_free(disc.policy);
}

int
discovery_main(int instance)
{
	static const struct child_conf	 conf = {
		.kind = PROC_DISCOVERY,
		.rules = rules,
		.nrules = nitems_of(rules),
		.init = discovery_init,
		.start = discovery_start,
		.stop = discovery_stop,
		.drained = discovery_drained,
		.down = discovery_down,
	};

	return child_run(&conf);
}
