/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/ipc/imsg.h"
#include "p2pd/parent/parent.h"
#include "regress/unit/p2pd/parent/far.h"

/*
 * The packets and the record that the parent signs, and what a discovery
 * process may not ask of it: the test speaks for that process.
 */
static struct imsgbuf	 far, dialer;
static struct child	*c;
static char		 dir[64];

/* Sockets of the addresses that the test wants; else those that are. */
struct fake {
	const char	*ip;
	uint16_t	 tcp, udp;
};
static const struct fake *fakes;
const struct addr *__real_sockets_addr(unsigned int);
const struct addr *__wrap_sockets_addr(unsigned int);
uint16_t	 __real_sockets_udp(unsigned int);
uint16_t	 __wrap_sockets_udp(unsigned int);

const struct addr *
__wrap_sockets_addr(unsigned int n)
{
	static struct addr	 a;

	if (fakes == NULL)
		return __real_sockets_addr(n);
	if (fakes[n].ip == NULL)
		return NULL;
	ck_assert_int_eq(addr_parse_ip(&a, fakes[n].ip), 0);
	a.port = fakes[n].tcp;
	return &a;
}

uint16_t
__wrap_sockets_udp(unsigned int n)
{
	return fakes == NULL ? __real_sockets_udp(n) : fakes[n].udp;
}

static void
went_down(struct channel *ch, const char *why, void *arg)
{
	((struct child *)arg)->ch = NULL;
	channel_free(ch);
}

static struct child *
join(enum proc_kind kind, struct imsgbuf *to)
{
	far_join(child_first(kind), to, went_down);
	return child_first(kind);
}

/* The test process is forked for each test: little is taken down. */
static void
begin(const char *announce)
{
	struct conf_listen	*l = calloc(1, sizeof(*l));
	char			 path[96];

	snprintf(dir, sizeof(dir), "/tmp/discXXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	parent.base = event_base_new();
	parent.conf = conf_new();
	ck_assert(parent.conf != NULL && l != NULL);
	strlcpy(parent.conf->datadir, dir, sizeof(parent.conf->datadir));
	(void)addr_parse_ip(&l->addr, "127.0.0.1");
	l->udp = CONF_UDP_SAME;
	TAILQ_INSERT_TAIL(&parent.conf->listens, l, entry);
	parent.conf->ctl.path[0] = parent.conf->ctl_ro.path[0] =
	    parent.conf->app.path[0] = '\0';
	if (announce != NULL)
		(void)addr_parse_ip(&parent.conf->announce4, announce);
	snprintf(path, sizeof(path), "%s/nodekey", dir);
	ck_assert_int_eq(key_load(path, parent.id), 0);
	ck_assert_int_eq(sockets_open(), 0);
	peers_init(&parent.peers);
	nodes_init(&parent.nodes);
	bans_init(&parent.bans);
	ck_assert_int_eq(apps_init(&parent.apps, "p2pd/test", parent.id), 0);
	keyops_init();
	balance_init();
	d4sign_init();
	record_init();
	resolve_init();
	children_init();
	ck_assert_int_ne(event_base_loop(parent.base, EVLOOP_NONBLOCK), -1);
	c = join(PROC_DISCOVERY, &far);
	(void)join(PROC_DIALER, &dialer);
}

static void
setup(void)
{
	begin(NULL);
}

static void
setup_public(void)
{
	begin("20.9.9.9");
}

static void
teardown(void)
{
	char	 cmd[96];

	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static void
say(const struct msgdesc *d, const void *body)
{
	struct ibuf	*b;

	b = imsg_create(&far, d->type, 0, 0, 64);
	ck_assert_ptr_nonnull(b);
	ck_assert_int_eq(msg_encode(d, body, b), 0);
	imsg_close(&far, b);
	ck_assert_int_eq(imsgbuf_flush(&far, 1000), 0);
}

static void
turns(unsigned int n)
{
	while (n-- > 0)
		event_base_loop(parent.base, EVLOOP_NONBLOCK);
}

/* What has come already, if it is of the type. */
static int
taken(struct imsgbuf *ib, const struct msgdesc *d, void *body)
{
	struct imsg	 m;
	struct ibuf	 buf;
	int		 ok = 0;

	while (!ok && imsgbuf_get(ib, &m) == 1) {
		if (imsg_get_type(&m) == d->type) {
			ck_assert_int_eq(imsg_get_ibuf(&m, &buf), 0);
			ck_assert_int_eq(msg_decode(d, &buf, body), 0);
			ok = 1;
		}
		imsg_free(&m);
	}
	return ok;
}

/* The next message of the type; 0 when there is none. */
static int
hear(const struct msgdesc *d, void *body)
{
	while (!taken(&far, d, body)) {
		turns(4);
		if (imsgbuf_read(&far) != 1)
			return 0;
	}
	return 1;
}

/* The next that comes. */
static void
await(const struct msgdesc *d, void *body)
{
	while (!hear(d, body))
		event_base_loop(parent.base, EVLOOP_ONCE);
}

/* The same of the dialer, which is told at once or not at all. */
static int
dialer_hears(struct m_candidate *m)
{
	turns(4);
	ck_assert_int_eq(imsgbuf_read(&dialer), 1);
	return taken(&dialer, &m_candidate_desc, m);
}

static void
fill(struct m_d4_sign *m, uint32_t req, uint8_t type)
{
	memset(m, 0, sizeof(*m));
	m->req = req;
	m->type = type;
	(void)addr_parse(&m->from.addr, "127.0.0.1:30303");
	(void)addr_parse(&m->to.addr, "192.0.2.9:40000");
	m->from.tcp = 30303;
	m->to.tcp = 40001;
	memset(m->hash, 0xab, sizeof(m->hash));
	memcpy(m->target, parent.id, sizeof(m->target));
	m->n = 2;
	(void)addr_parse(&m->nodes[0].addr, "[2001:db8::1]:1");
	(void)addr_parse(&m->nodes[1].addr, "192.0.2.1:2");
	memcpy(m->nodes[1].key, parent.id, SECP_PUB);
}

static void
decoded(struct d4_packet *p, const struct m_d4_signed *s)
{
	uint8_t	 key[SECP_PUB];
	int64_t	 ahead;

	ck_assert_int_eq(d4_check(s->packet, s->len), D4_OK);
	ck_assert_int_eq(d4_recover(key, s->packet, s->len), 0);
	ck_assert_mem_eq(key, parent.id, sizeof(key));
	ck_assert_int_eq(d4_decode(p, s->packet, s->len), D4_OK);
	if (p->type == D4_ENRRESPONSE)
		return;
	ahead = p->expiration - (int64_t)time(NULL);
	ck_assert(ahead >= 18 && ahead <= 20);
}

/* Every type: signed by the node key, of the fields asked and our own. */
START_TEST(packets)
{
	const struct enr	*e = record_get();
	struct m_d4_sign	 m;
	struct m_d4_signed	 s;
	struct d4_packet	 p;

	fill(&m, 77, (uint8_t)_i);
	say(&m_d4_sign_desc, &m);
	ck_assert(hear(&m_d4_signed_desc, &s));
	ck_assert_uint_eq(s.req, 77);
	decoded(&p, &s);
	ck_assert_uint_eq(p.type, (unsigned int)_i);
	switch (p.type) {
	case D4_PING:
		ck_assert_int_eq(addr_cmp(&p.ping.to.addr, &m.to.addr), 0);
		ck_assert_uint_eq(p.ping.from.tcp, 30303);
		ck_assert_uint_eq(p.ping.seq, e->seq);
		break;
	case D4_PONG:
		ck_assert_mem_eq(p.pong.hash, m.hash, sizeof(m.hash));
		ck_assert_uint_eq(p.pong.seq, e->seq);
		break;
	case D4_FINDNODE:
		ck_assert_mem_eq(p.findnode.target, m.target, SECP_PUB);
		break;
	case D4_NEIGHBORS:
		ck_assert_uint_eq(p.neighbors.n, 2);
		ck_assert_int_eq(addr_cmp(&p.neighbors.v[0].addr,
		    &m.nodes[0].addr), 0);
		ck_assert_mem_eq(p.neighbors.v[1].key, parent.id, SECP_PUB);
		break;
	case D4_ENRRESPONSE:
		ck_assert_uint_eq(p.enrresponse.len, e->len);
		ck_assert_mem_eq(p.enrresponse.record, e->raw, e->len);
		break;
	}
	ck_assert_uint_eq(c->d4_done[_i], 1);
}
END_TEST

START_TEST(no_such_packet)
{
	static const uint8_t	 types[] = { 0, 7, 0x80, 255 };
	struct m_d4_sign	 m;

	fill(&m, 1, types[_i]);
	say(&m_d4_sign_desc, &m);
	turns(4);
	ck_assert_ptr_null(c->ch);
	ck_assert_uint_eq(c->nd4q, 0);
}
END_TEST

/* A flood of requests: all are answered, those over the limit by nothing. */
START_TEST(too_many)
{
	struct m_d4_sign	 m;
	struct m_d4_signed	 s;
	struct chan_msg		 msg = { M_D4_SIGN, &m, -1 };
	unsigned int		 i, got = 0, refused = 0;

	for (i = 0; i < 6000; i++) {
		fill(&m, i, D4_PONG);
		d4sign_request(c->ch, &msg, c);
		ck_assert_uint_le(c->nd4q, 2048);
	}
	while (got < 6000 && hear(&m_d4_signed_desc, &s)) {
		got++;
		refused += s.len == 0;
	}
	ck_assert_uint_eq(got, 6000);
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_lt(refused, 6000);
	ck_assert_uint_eq(c->d4_refused, refused);
	ck_assert_uint_eq(c->nd4q, 0);
}
END_TEST

START_TEST(record)
{
	struct m_record_facts	 f;
	struct m_record		 r;
	struct addr		 a;
	struct enr		 e;
	uint8_t			 key[SECP_PUB];
	uint64_t		 seq = record_get()->seq;
	uint16_t		 tcp;

	ck_assert_int_eq(enr_verify(record_get(), key, NULL), 0);
	ck_assert_mem_eq(key, parent.id, sizeof(key));
	ck_assert_int_eq(enr_endpoint(record_get(), 4, &a, &tcp), 0);
	ck_assert(addr_is_loopback(&a));
	ck_assert_uint_eq(tcp, sockets_addr(0)->port);
	ck_assert_uint_eq(a.port, sockets_udp(0));
	/* Votes go before the address that is bound. */
	memset(&f, 0, sizeof(f));
	(void)addr_parse(&f.ip4, "20.1.2.3:5555");
	say(&m_record_facts_desc, &f);
	await(&m_record_desc, &r);
	ck_assert_uint_gt(r.seq, seq);
	ck_assert_int_eq(enr_decode(&e, r.record, r.len, NULL), 0);
	ck_assert_int_eq(enr_endpoint(&e, 4, &a, &tcp), 0);
	ck_assert_int_eq(addr_cmp(&a, &f.ip4), 0);
	ck_assert_uint_eq(tcp, sockets_addr(0)->port);
	ck_assert_uint_eq(record_seq(), e.seq);
	/* The same facts make no new one. */
	say(&m_record_facts_desc, &f);
	turns(4);
	ck_assert_uint_eq(record_made(), 2);
}
END_TEST

START_TEST(odd_facts)
{
	static const char *const odd[][2] = { { "[2600::1]:5", NULL },
	    { NULL, "20.1.2.3:5" }, { "224.0.0.1:5", NULL },
	    { "0.0.0.0:5", NULL }, { "20.1.2.3:5", "[ff02::1]:5" } };
	struct m_record_facts	 f;

	memset(&f, 0, sizeof(f));
	if (odd[_i][0] != NULL)
		ck_assert_int_eq(addr_parse(&f.ip4, odd[_i][0]), 0);
	if (odd[_i][1] != NULL)
		ck_assert_int_eq(addr_parse(&f.ip6, odd[_i][1]), 0);
	say(&m_record_facts_desc, &f);
	turns(4);
	ck_assert_ptr_null(c->ch);
}
END_TEST

static void
attach_eth(struct m_app_attach *m)
{
	struct m_app_attached	 ans;
	struct m_app		 who;

	memset(&who, 0, sizeof(who));
	memset(&ans, 0, sizeof(ans));
	apps_set_running(&parent.apps, 1);
	strlcpy(m->name, "eth", sizeof(m->name));
	m->nvers = m->vers[0].version = m->vers[0].codes = 1;
	ck_assert_int_eq(apps_attach(&parent.apps, apps_connect(&parent.apps,
	    apps_new(&parent.apps, &who), 0), m, &ans), APE_OK);
}

/*
 * A discovery process that was started again hears of one family first: that
 * it does not know the other yet is no reason to forget it.
 */
START_TEST(record_remembers)
{
	struct m_record_facts	 f;
	struct m_app_attach	 m;
	struct m_record		 r;
	struct addr		 a, seen;
	struct enr		 e;
	uint16_t		 tcp;

	memset(&f, 0, sizeof(f));
	(void)addr_parse(&f.ip4, "20.1.2.3:5555");
	seen = f.ip4;
	say(&m_record_facts_desc, &f);
	await(&m_record_desc, &r);
	memset(&f, 0, sizeof(f));
	(void)addr_parse(&f.ip6, "[2a00::5]:5555");
	say(&m_record_facts_desc, &f);
	turns(4);
	memset(&m, 0, sizeof(m));
	m.meta.nenr = m.meta.enr[0].len = 1;
	m.meta.enr[0].key[0] = 'x';
	attach_eth(&m);
	record_changed();
	await(&m_record_desc, &r);
	ck_assert_int_eq(enr_decode(&e, r.record, r.len, NULL), 0);
	ck_assert_int_eq(enr_endpoint(&e, 4, &a, &tcp), 0);
	ck_assert_int_eq(addr_cmp(&a, &seen), 0);
}
END_TEST

/* Discovery has found a node: is the dialer told of it? */
static int
candidate(uint8_t id, const char *addr)
{
	struct m_candidate	 m, got;

	memset(&m, 0, sizeof(m));
	memset(m.id, id, sizeof(m.id));
	ck_assert_int_eq(addr_parse(&m.addr, addr), 0);
	m.udp = 30304;
	m.source = CAND_HINT;	/* which it can not make it */
	say(&m_candidate_desc, &m);
	if (!dialer_hears(&got))
		return 0;
	ck_assert_mem_eq(got.id, m.id, sizeof(m.id));
	ck_assert_int_eq(addr_cmp(&got.addr, &m.addr), 0);
	ck_assert_uint_eq(got.udp, m.udp);
	ck_assert_uint_eq(got.source, CAND_DISCV4);
	return 1;
}

START_TEST(candidates)
{
	struct prefix		 only;
	struct peer		*p;
	struct enode		 en;
	struct ban		 b;

	ck_assert(candidate(1, "20.1.2.3:30303"));
	/* We are on loopback, as they are. */
	ck_assert(candidate(1, "127.0.0.1:30303"));
	ck_assert(!candidate(1, "224.0.0.1:30303"));
	ck_assert(!candidate(1, "20.1.2.3:0"));
	/* Banned, by id and by address. */
	memset(&b, 0, sizeof(b));
	b.by_id = 1;
	memset(b.id, 2, sizeof(b.id));
	ck_assert_ptr_nonnull(bans_add(&parent.bans, &b));
	memset(&b, 0, sizeof(b));
	ck_assert_int_eq(prefix_parse(&b.prefix, "30.0.0.0/8"), 0);
	ck_assert_ptr_nonnull(bans_add(&parent.bans, &b));
	ck_assert(!candidate(2, "20.1.2.3:30303"));
	ck_assert(!candidate(1, "30.1.2.3:30303"));
	ck_assert(candidate(1, "31.1.2.3:30303"));
	/* A peer already. */
	ck_assert_ptr_nonnull(p = calloc(1, sizeof(*p)));
	memset(p->id, 3, sizeof(p->id));
	p->handle = 1;
	ck_assert_int_eq(peers_insert(&parent.peers, p), 0);
	ck_assert(!candidate(3, "20.1.2.3:30303"));
	/* Outside netrestrict, and not on the allowlist. */
	ck_assert_int_eq(prefix_parse(&only, "20.0.0.0/8"), 0);
	ck_assert_int_eq(netset_add(&parent.conf->netrestrict, &only), 0);
	ck_assert(!candidate(1, "21.1.2.3:30303"));
	ck_assert(candidate(1, "20.1.2.3:30303"));
	parent.conf->allowlist_on = 1;
	ck_assert(!candidate(1, "20.1.2.3:30303"));
	memset(&en, 0, sizeof(en));
	memset(en.id, 1, sizeof(en.id));
	ck_assert_ptr_nonnull(nodes_set(&parent.nodes, &en, NODE_ALLOWED, 0));
	ck_assert(candidate(1, "20.1.2.3:30303"));
	ck_assert_uint_eq(parent.refused, 7);
}
END_TEST

START_TEST(candidate_self)
{
	struct m_candidate	 m, got;

	memset(&m, 0, sizeof(m));
	memcpy(m.id, parent.id, sizeof(m.id));
	(void)addr_parse(&m.addr, "20.1.2.3:30303");
	say(&m_candidate_desc, &m);
	ck_assert(!dialer_hears(&got));
	ck_assert_uint_eq(parent.refused, 1);
}
END_TEST

/* While we are public; unless an application of this machine says so. */
START_TEST(candidates_private)
{
	struct m_candidate	 m, got;

	ck_assert(candidate(1, "20.1.2.3:30303"));
	ck_assert(!candidate(1, "10.1.2.3:30303"));
	ck_assert(!candidate(1, "192.168.1.1:30303"));
	ck_assert(!candidate(1, "127.0.0.1:30303"));
	/* Of IPv6 we have none to compare. */
	ck_assert(candidate(1, "[fd00::1]:30303"));
	memset(&m, 0, sizeof(m));
	memset(m.id, 1, sizeof(m.id));
	(void)addr_parse(&m.addr, "10.1.2.3:30303");
	m.source = CAND_HINT;
	candidate_tell(&m);
	ck_assert(dialer_hears(&got));
	ck_assert_uint_eq(got.source, CAND_HINT);
}
END_TEST

/*
 * How many peers the dialer is to bring: what the dial ratio leaves to us, and
 * where that is none but for rounding, one, whose place is kept free.
 */
START_TEST(goals)
{
	static const struct {
		uint32_t	 max, ratio;
		int		 dial;
		uint32_t	 goal;
	} t[] = { { 50, 3, 1, 16 }, { 6, 3, 1, 2 }, { 2, 3, 1, 1 },
	    { 1, 3, 1, 1 }, { 1, 1, 1, 1 }, { 0, 3, 1, 0 }, { 50, 3, 0, 0 } };
	struct m_app_attach	 m;
	struct m_goal		 got;

	memset(&m, 0, sizeof(m));
	attach_eth(&m);
	parent.conf->max_peers = t[_i].max;
	parent.conf->dial_ratio = t[_i].ratio;
	parent.conf->dial = t[_i].dial;
	balance_dialer(child_first(PROC_DIALER));
	turns(4);
	ck_assert_int_eq(imsgbuf_read(&dialer), 1);
	ck_assert(taken(&dialer, &m_goal_desc, &got));
	ck_assert_uint_eq(got.dialed, t[_i].goal);
}
END_TEST

static uint32_t
attach_wanting(const char *name, uint32_t wanted, const char *key)
{
	struct m_app_attached	 ans;
	struct m_app_attach	 m;
	struct m_app		 who;

	memset(&who, 0, sizeof(who));
	memset(&m, 0, sizeof(m));
	strlcpy(m.name, name, sizeof(m.name));
	m.nvers = m.vers[0].version = m.vers[0].codes = 1;
	m.meta.wanted = wanted;
	m.meta.ncond = key != NULL;
	if (key != NULL)
		strlcpy(m.meta.cond[0].key, key, sizeof(m.meta.cond[0].key));
	ck_assert_int_eq(apps_attach(&parent.apps, apps_connect(&parent.apps,
	    apps_new(&parent.apps, &who), 0), &m, &ans), APE_OK);
	return ans.capid;
}

static struct m_condition *
next_condition(void)
{
	static struct m_condition	 m;
	uint64_t			 end = mono_ms() + 30000;

	while (!taken(&far, &m_condition_desc, &m)) {
		ck_assert_uint_lt(mono_ms(), end);
		event_base_loop(parent.base, EVLOOP_NONBLOCK);
		if (imsgbuf_read(&far) != 1)
			ck_abort();
	}
	return &m;
}

/*
 * Nodes are looked for on behalf of those who lack peers: who takes anybody, and
 * has enough, does not make anybody worth dialing.
 */
START_TEST(conditions_of_the_hungry)
{
	struct m_condition	*m;
	struct sharedcap	 shared;
	struct peer		*p = calloc(1, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	memset(&shared, 0, sizeof(shared));
	apps_set_running(&parent.apps, 1);
	shared.owner = attach_wanting("any", 1, NULL);
	strlcpy(shared.cap.name, "any", sizeof(shared.cap.name));
	shared.cap.version = shared.codes = 1;
	(void)attach_wanting("eth", 5, "eth");
	balance_soon();
	m = next_condition();
	ck_assert(m->first && m->ncond == 0);
	m = next_condition();
	ck_assert(!m->first && m->ncond == 1);
	memset(p->id, 3, sizeof(p->id));
	p->handle = 1;
	ck_assert_int_eq(peers_share(p, &shared, 1), 0);
	ck_assert_int_eq(peers_insert(&parent.peers, p), 0);
	balance_soon();
	m = next_condition();
	ck_assert(m->first && m->ncond == 1);
	/* With one peer less anybody will do again. */
	peers_remove(&parent.peers, p);
	balance_soon();
	m = next_condition();
	ck_assert(m->first && m->ncond == 0);
	m = next_condition();
	ck_assert(!m->first && m->ncond == 1);
	peers_free(p);
}
END_TEST

/* Of several sockets the record tells of the one that is most of use. */
static const struct {
	struct fake	 fakes[4];
	const char	*announce, *seen;
	uint16_t	 seen_port;
	const char	*ip;		/* NULL: none */
	uint16_t	 tcp, udp;
} places[] = {
	{ { { "127.0.0.1", 1, 1 }, { "10.0.0.1", 2, 2 }, { "20.1.1.1", 3, 3 } },
	    NULL, NULL, 0, "20.1.1.1", 3, 3 },
	{ { { "127.0.0.1", 1, 1 }, { "10.0.0.1", 2, 2 } },
	    NULL, NULL, 0, "10.0.0.1", 2, 2 },
	{ { { "10.0.0.1", 1, 1 }, { "192.168.0.1", 2, 2 }, { "100.64.0.1", 3, 3 } },
	    NULL, NULL, 0, "10.0.0.1", 1, 1 },
	{ { { "20.1.1.1", 1, 1 }, { "20.1.1.2", 2, 2 } },
	    NULL, NULL, 0, "20.1.1.1", 1, 1 },
	/* one without discovery is none */
	{ { { "20.1.1.1", 1, 0 }, { "127.0.0.1", 2, 2 } },
	    NULL, NULL, 0, "127.0.0.1", 2, 2 },
	/* all of a family: as others see us */
	{ { { "10.0.0.1", 1, 1 }, { "0.0.0.0", 2, 2 } }, NULL, NULL, 0, NULL, 0, 0 },
	{ { { "10.0.0.1", 1, 1 }, { "0.0.0.0", 2, 2 } },
	    NULL, "20.9.9.9", 7, "20.9.9.9", 2, 7 },
	{ { { "0.0.0.0", 1, 1 }, { "20.1.1.1", 2, 2 } },
	    NULL, NULL, 0, "20.1.1.1", 2, 2 },
	/* behind a router that keeps the port */
	{ { { "10.0.0.1", 1, 1 }, { "10.0.0.2", 2, 5 } },
	    NULL, "20.9.9.9", 5, "20.9.9.9", 2, 5 },
	/* what is told is bound */
	{ { { "20.1.1.1", 1, 1 }, { "20.1.1.2", 2, 2 } },
	    NULL, "20.1.1.2", 2, "20.1.1.2", 2, 2 },
	{ { { "20.1.1.1", 1, 1 }, { "20.1.1.2", 2, 2 } },
	    "20.1.1.2", "20.1.1.1", 1, "20.1.1.2", 2, 2 },
};

START_TEST(endpoint_chosen)
{
	struct m_record_facts	 facts;
	struct chan_msg		 msg = { M_RECORD_FACTS, &facts, -1 };
	struct addr		 a;
	uint16_t		 tcp;
	char			 ip[ADDR_STRLEN];

	fakes = places[_i].fakes;
	memset(&facts, 0, sizeof(facts));
	if (places[_i].seen != NULL) {
		(void)addr_parse_ip(&facts.ip4, places[_i].seen);
		facts.ip4.port = places[_i].seen_port;
		record_facts(NULL, &msg, NULL);
	}
	begin(places[_i].announce);
	if (places[_i].ip == NULL) {
		ck_assert_int_eq(enr_endpoint(record_get(), 4, &a, &tcp), -1);
		return;
	}
	ck_assert_int_eq(enr_endpoint(record_get(), 4, &a, &tcp), 0);
	ck_assert_str_eq(addr_format_ip(&a, ip), places[_i].ip);
	ck_assert_uint_eq(a.port, places[_i].udp);
	ck_assert_uint_eq(tcp, places[_i].tcp);
}
END_TEST

/* A URL has the ports of its own socket, whichever the record tells of. */
START_TEST(urls_of_several)
{
	static const struct fake two[] = { { "0.0.0.0", 1, 1 },
	    { "20.1.1.1", 2, 2 }, { NULL, 0, 0 } };
	struct ctl_show_req	 m;
	struct chan_msg		 msg = { CTL_SHOW, &m, -1 };
	static struct ctl_rec	 rec;
	struct imsgbuf		 control;

	fakes = two;
	begin(NULL);
	(void)join(PROC_CONTROL, &control);
	memset(&m, 0, sizeof(m));
	m.what = SHOW_STATUS;
	show_request(NULL, &msg, NULL);
	turns(3);
	ck_assert_int_eq(imsgbuf_read(&control), 1);
	ck_assert(taken(&control, &ctl_rec_desc, &rec));
	ck_assert_ptr_nonnull(memmem(rec.rec, rec.len, "@20.1.1.1:1", 11));
	ck_assert_ptr_nonnull(memmem(rec.rec, rec.len, "@20.1.1.1:2", 11));
	ck_assert_ptr_null(memmem(rec.rec, rec.len, "discport", 8));
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/disc");
	TCase	*tc = tcase_create("disc"), *pub = tcase_create("public");
	TCase	*places_tc = tcase_create("places");
	SRunner	*sr;
	int	 failed;

	if (secp_init() == -1)
		return 1;
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, packets, D4_PING, D4_NTYPES);
	tcase_add_loop_test(tc, no_such_packet, 0, 4);
	tcase_add_test(tc, too_many);
	tcase_add_test(tc, record);
	tcase_add_test(tc, record_remembers);
	tcase_add_loop_test(tc, odd_facts, 0, 5);
	tcase_add_test(tc, candidates);
	tcase_add_test(tc, candidate_self);
	tcase_add_loop_test(tc, goals, 0, 7);
	tcase_add_test(tc, conditions_of_the_hungry);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(pub, setup_public, teardown);
	tcase_add_test(pub, candidates_private);
	suite_add_tcase(s, pub);
	tcase_add_checked_fixture(places_tc, NULL, teardown);
	tcase_set_timeout(places_tc, 60);
	tcase_add_loop_test(places_tc, endpoint_chosen, 0,
	    (int)nitems_of(places));
	tcase_add_test(places_tc, urls_of_several);
	suite_add_tcase(s, places_tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
