/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/d4.h"
#include "regress/fuzz/fuzz.h"

/*
 * Datagrams into an engine, from a few nodes that know their trade, and what
 * else can happen to it. A signature is the sender's key itself. Who has never
 * answered a ping gets nothing but pongs and pings; address limits hold; and
 * at the end nothing is under way that has no end.
 */
#define PEERS		8
#define KINDS		16
#define WALL		INT64_C(1700000000)

static struct {
	struct d4	*d;
	struct fuzz	*f;
	uint64_t	 now;
	uint64_t	 rng;
	int		 keys;		/* at once, refused, lost, late */
	int		 banned;	/* a peer; PEERS: none */
	struct addr	 addr[PEERS];
	uint8_t		 ping[PEERS][D4_HASH];	/* the last hash sent to it */
	uint8_t		 ask[PEERS][D4_HASH];
	int		 proven[PEERS];
	uint32_t	 late;
	uint8_t		 late_buf[D4_MAX];
	size_t		 late_len;
	uint32_t	 req[KINDS];
	unsigned int	 open;
} w;

static const uint8_t *
key_of(unsigned int peer)
{
	return fuzz_pub(1 + peer % 3);
}

static uint64_t
op_now(void *arg)
{
	(void)arg;
	return w.now;
}

static int64_t
op_wall(void *arg)
{
	(void)arg;
	return WALL + (int64_t)(w.now / 1000);
}

static uint32_t
op_chance(void *arg, uint32_t bound)
{
	(void)arg;
	w.rng = w.rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return bound == 0 ? 0 : (uint32_t)(w.rng >> 32) % bound;
}

/* Sealed with this key. 0 or -1. */
static int
seal(struct d4_packet *p, const uint8_t key[SECP_PUB], uint8_t buf[D4_MAX],
    size_t *len)
{
	uint8_t	 sig[SECP_SIG];

	if (d4_encode(p, buf, len) == -1)
		return -1;
	memcpy(sig, key, SECP_PUB);
	sig[SECP_PUB] = 0;
	d4_seal(buf, *len, sig);
	return 0;
}

static int
op_sign(void *arg, uint32_t cookie, const struct d4_packet *p)
{
	struct d4_packet	 copy = *p;
	static struct enr	 own;
	struct enr_build	 b;
	uint8_t			 buf[D4_MAX];
	size_t			 len;

	(void)arg;
	if (own.len == 0)
		FUZZ_CHECK(enr_build_init(&b, 1, fuzz_pub(0)) == 0 &&
		    enr_sign(&own, &b, fuzz_priv(0)) == 0);
	copy.expiration = op_wall(NULL) + D4_EXPIRATION;
	if (copy.type == D4_ENRRESPONSE) {
		copy.enrresponse.record = own.raw;
		copy.enrresponse.len = own.len;
	}
	FUZZ_CHECK(seal(&copy, fuzz_pub(0), buf, &len) == 0);
	switch (w.keys) {
	case 0:
		d4_signed(w.d, cookie, buf, len);
		return 0;
	case 1:
		return -1;
	case 2:
		w.late = cookie;
		w.late_len = len;
		memcpy(w.late_buf, buf, len);
	}
	return 0;
}

static void
op_send(void *arg, const struct addr *to, const uint8_t *buf, size_t len)
{
	struct d4_packet	 p;
	unsigned int		 i;

	(void)arg;
	FUZZ_CHECK(d4_check(buf, len) == D4_OK);
	FUZZ_CHECK(d4_decode(&p, buf, len) == D4_OK);
	FUZZ_CHECK(to->af != 0 && to->port != 0);
	for (i = 0; i < PEERS; i++) {
		if (addr_cmp_ip(&w.addr[i], to) != 0)
			continue;
		if (p.type == D4_PING)
			memcpy(w.ping[i], buf, D4_HASH);
		else if (p.type == D4_ENRREQUEST)
			memcpy(w.ask[i], buf, D4_HASH);
		else if (p.type == D4_NEIGHBORS || p.type == D4_ENRRESPONSE)
			FUZZ_CHECK(w.proven[i]);
	}
}

static int
op_recover(void *arg, uint8_t key[SECP_PUB], const uint8_t *buf, size_t len)
{
	(void)arg;
	(void)len;
	memcpy(key, buf + D4_HASH, SECP_PUB);
	return secp_pub_valid(key);
}

static int
op_verify(void *arg, uint8_t key[SECP_PUB], const struct enr *e)
{
	(void)arg;
	return enr_pubkey(e, key);
}

static int
op_key_ok(void *arg, const uint8_t key[SECP_PUB])
{
	(void)arg;
	return secp_pub_valid(key) == 0;
}

static int
op_permitted(void *arg, const uint8_t id[NODE_ID], const struct addr *a)
{
	(void)arg;
	(void)id;
	return w.banned == PEERS || addr_cmp_ip(&w.addr[w.banned], a) != 0;
}

static size_t
op_seeds(void *arg, struct node *v, size_t max)
{
	(void)arg;
	(void)max;
	node_init(&v[0], key_of(1), &w.addr[1], 30303);
	return 1;
}

static const struct d4_ops ops = {
	.now = op_now, .wall = op_wall, .chance = op_chance, .sign = op_sign,
	.send = op_send, .recover = op_recover, .verify = op_verify,
	.key_ok = op_key_ok, .permitted = op_permitted, .seeds = op_seeds
};

static void
run_until(uint64_t t)
{
	uint64_t	 next;
	unsigned int	 turns = 0;

	while ((next = d4_next_deadline(w.d)) <= t) {
		if (next > w.now) {
			w.now = next;
			turns = 0;
		}
		/* What is due now comes to an end. */
		FUZZ_CHECK(turns++ < 10000);
		d4_run(w.d);
	}
	w.now = t;
}

static void
fill_record(struct d4_packet *p, unsigned int peer, struct enr *e)
{
	struct enr_build	 b;
	struct addr		 a = w.addr[fuzz_u8(w.f) % PEERS];

	if (enr_build_init(&b, fuzz_u8(w.f), key_of(peer)) == -1 ||
	    enr_set_endpoint(&b, &a, fuzz_u16(w.f)) == -1 ||
	    enr_sign(e, &b, fuzz_priv(1 + peer % 3)) == -1)
		e->len = 0;
	e->raw[fuzz_u16(w.f) % ENR_MAX] ^= fuzz_u8(w.f);
	p->enrresponse.record = e->raw;
	p->enrresponse.len = e->len;
}

/* A packet of a type, from a peer, that mostly fits what is going on. */
static void
say(unsigned int type, unsigned int peer)
{
	struct d4_packet	 p;
	struct enr		 e;
	uint8_t			 buf[D4_MAX], *hash;
	size_t			 len;
	uint32_t		 i;

	memset(&p, 0, sizeof(p));
	memset(&e, 0, sizeof(e));
	p.type = type;
	p.expiration = op_wall(NULL) + (int8_t)fuzz_u8(w.f);
	if (type == D4_PING) {
		p.ping.seq = fuzz_u8(w.f);
		p.ping.from.tcp = fuzz_u16(w.f);
	} else if (type == D4_PONG) {
		p.pong.to.addr = w.addr[fuzz_u8(w.f) % PEERS];
		p.pong.seq = fuzz_u8(w.f);
		hash = w.ping[peer];
		memcpy(p.pong.hash, hash, D4_HASH);
		w.proven[peer] = 1;
	} else if (type == D4_NEIGHBORS) {
		p.neighbors.n = fuzz_u8(w.f) % (D4_NODES_OUT + 1);
		for (i = 0; i < p.neighbors.n; i++) {
			p.neighbors.v[i].addr = w.addr[fuzz_u8(w.f) % PEERS];
			p.neighbors.v[i].addr.ip[3] ^= fuzz_u8(w.f);
			memcpy(p.neighbors.v[i].key, key_of(i), SECP_PUB);
		}
	} else if (type == D4_ENRRESPONSE) {
		memcpy(p.enrresponse.hash, w.ask[peer], D4_HASH);
		fill_record(&p, peer, &e);
	}
	if (seal(&p, key_of(peer), buf, &len) == 0)
		d4_input(w.d, &w.addr[peer], buf, len);
}

static void
raw(unsigned int peer)
{
	uint8_t	*buf, sig[SECP_SIG];
	size_t	 n, want = fuzz_u16(w.f) % (D4_MAX + 10);

	buf = fuzz_copy(w.f, want, &n);
	if (n >= D4_MIN && n <= D4_MAX && (buf[0] & 1)) {
		memcpy(sig, key_of(peer), SECP_PUB);
		sig[SECP_PUB] = 0;
		d4_seal(buf, n, sig);
	}
	/* It may be an answer to a ping by the hash that was copied. */
	d4_input(w.d, &w.addr[peer], buf, n);
	free(buf);
}

static void
pinged(void *arg, enum d4_outcome how, uint32_t rtt, uint64_t seq)
{
	(void)arg;
	(void)how;
	(void)rtt;
	(void)seq;
	w.open--;
}

static void
got_node(void *arg, enum d4_outcome how, const struct node *n)
{
	(void)arg;
	FUZZ_CHECK(how != D4_ANSWERED || n->rec != NULL);
	w.open--;
}

static void
looked_up(void *arg, enum d4_outcome how, const struct node *v, size_t n,
    const struct lookup_stats *st)
{
	(void)arg;
	(void)how;
	(void)v;
	(void)st;
	FUZZ_CHECK(n <= LOOKUP_K);
	w.open--;
}

static void
request(unsigned int kind, unsigned int peer)
{
	struct node	 n;
	uint32_t	 id = 0;

	node_init(&n, key_of(peer), &w.addr[peer], 30303);
	switch (kind % 6) {
	case 0:
		id = d4_ping(w.d, &n, pinged, NULL);
		break;
	case 1:
		id = d4_fetch(w.d, &n, got_node, NULL);
		break;
	case 2:
		id = d4_lookup(w.d, n.key, looked_up, NULL);
		break;
	case 3:
		id = d4_resolve(w.d, n.key, got_node, NULL);
		break;
	case 4:
		id = d4_ask(w.d, &n, fuzz_pub(0), looked_up, NULL);
		break;
	default:
		d4_cancel(w.d, w.req[peer]);
	}
	w.open += id != 0;
	if (id != 0)
		w.req[peer] = id;
}

static void
others(unsigned int what, unsigned int peer)
{
	struct node	 n;

	switch (what) {
	case 0:
		w.keys = peer % 4;
		break;
	case 1:
		d4_signed(w.d, w.late, w.late_buf, w.late_len);
		w.late_len = 0;
		break;
	case 2:
		w.banned = peer % 3 == 0 ? (int)peer : PEERS;
		d4_policy_changed(w.d);
		break;
	case 3:
		d4_want(w.d, peer % 2);
		break;
	case 4:
		node_init(&n, key_of(peer), &w.addr[peer], 1);
		(void)d4_bootnode(w.d, &n);
		break;
	default:
		d4_start(w.d);
	}
}

static void
step(void)
{
	unsigned int	 op = fuzz_u8(w.f), peer = fuzz_u8(w.f) % PEERS;

	switch (op % KINDS) {
	case D4_PING:
	case D4_PONG:
	case D4_FINDNODE:
	case D4_NEIGHBORS:
	case D4_ENRREQUEST:
	case D4_ENRRESPONSE:
		say(op % KINDS, peer);
		break;
	case 7:
		raw(peer);
		break;
	case 8:
	case 9:
		request(op / KINDS, peer);
		break;
	case 10:
		run_until(w.now + fuzz_u8(w.f));
		break;
	case 11:
		run_until(w.now + fuzz_u16(w.f));
		break;
	case 12:
		w.now += UINT64_C(3600000) * fuzz_u8(w.f);
		run_until(w.now);
		break;
	case 13:
		others(op / KINDS % 6, peer);
		break;
	default:
		run_until(w.now);
	}
}

static void
check_table(void)
{
	const struct table_bucket	*b;
	unsigned int			 i, j;
	size_t				 live = 0;

	for (i = 0; i < TABLE_BUCKETS; i++) {
		b = table_bucket(d4_table(w.d), i);
		FUZZ_CHECK(b->n <= TABLE_K && b->nspare <= TABLE_SPARES);
		for (j = 0; j < b->n; j++) {
			live += b->v[j]->live;
			FUZZ_CHECK(memcmp(b->v[j]->node.key, fuzz_pub(0),
			    SECP_PUB) != 0);
		}
	}
	FUZZ_CHECK(live == table_count_live(d4_table(w.d)));
}

static void
make_peers(void)
{
	static const char *const at[PEERS] = {
		"8.8.8.1:30303", "8.8.8.2:30303", "8.8.9.3:30303",
		"[2a00::1]:30303", "10.0.0.1:30303", "127.0.0.1:30303",
		"8.8.8.6:40000", "192.0.2.1:30303"
	};
	unsigned int	 i;

	for (i = 0; i < PEERS; i++)
		FUZZ_CHECK(addr_parse(&w.addr[i], at[i]) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	struct d4_conf	 conf;
	struct d4_stats	 st;
	struct fuzz	 f;

	fuzz_begin(&f, bytes, nbytes);
	memset(&w, 0, sizeof(w));
	memset(&conf, 0, sizeof(conf));
	w.f = &f;
	w.now = 1000;
	w.banned = PEERS;
	make_peers();
	memcpy(conf.key, fuzz_pub(0), SECP_PUB);
	conf.families = NODE_IP4 | NODE_IP6;
	FUZZ_CHECK((w.d = d4_new(&ops, NULL, &conf)) != NULL);
	while (f.len > 0)
		step();
	check_table();
	/* All that was begun comes to its end. */
	d4_want(w.d, 0);
	w.keys = 3;
	run_until(w.now + 600000);
	FUZZ_CHECK(w.open == 0);
	d4_stats(w.d, &st);
	/* A refresh may be under way. */
	FUZZ_CHECK(st.contacts < 64 && st.running <= 1);
	d4_free(w.d);
	return 0;
}
