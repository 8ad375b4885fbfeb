/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "regress/unit/p2pd/discovery/rig.h"

#define EPOCH	INT64_C(1700000000)

struct rig	 rig;
static uint64_t	 rng;

int64_t
rig_wall(void)
{
	return EPOCH + (int64_t)(rig.now / 1000);
}

static uint64_t
op_now(void *arg)
{
	(void)arg;
	return rig.now;
}

static int64_t
op_wall(void *arg)
{
	(void)arg;
	return rig_wall() + rig.ahead;
}

static uint32_t
op_chance(void *arg, uint32_t bound)
{
	(void)arg;
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return bound == 0 ? 0 : (uint32_t)(rng >> 32) % bound;
}

static void
build(const struct peer *who, struct d4_packet *p, uint8_t buf[D4_MAX],
    size_t *len)
{
	uint8_t	 sig[SECP_SIG];

	if (p->type == D4_ENRRESPONSE) {
		p->enrresponse.record = who->rec.raw;
		p->enrresponse.len = who->rec.len;
	}
	ck_assert_int_eq(d4_encode(p, buf, len), 0);
	memcpy(sig, who->key, SECP_PUB);
	sig[SECP_PUB] = 0;
	d4_seal(buf, *len, sig);
}

static int
op_sign(void *arg, uint32_t cookie, const struct d4_packet *p)
{
	struct d4_packet	 copy = *p;
	uint8_t			 buf[D4_MAX];
	size_t			 len;

	(void)arg;
	if (rig.keys == KEYS_REFUSE)
		return -1;
	if (rig.keys == KEYS_LOSE)
		return 0;
	copy.expiration = op_wall(NULL) + D4_EXPIRATION;
	build(&rig.me, &copy, buf, &len);
	if (rig.keys == KEYS_AT_ONCE)
		d4_signed(rig.d, cookie, buf, len);
	else {
		ck_assert_uint_lt(rig.nlate, 256);
		rig.late[rig.nlate].cookie = cookie;
		rig.late[rig.nlate].len = len;
		memcpy(rig.late[rig.nlate++].buf, buf, len);
	}
	return 0;
}

void
rig_sign(void)
{
	size_t	 i, n = rig.nlate;

	rig.nlate = 0;
	for (i = 0; i < n; i++)
		d4_signed(rig.d, rig.late[i].cookie, rig.late[i].buf,
		    rig.late[i].len);
}

static void
op_send(void *arg, const struct addr *to, const uint8_t *buf, size_t len)
{
	struct sent	*s = &rig.out[rig.nout++];

	(void)arg;
	ck_assert_uint_lt(rig.nout, sizeof(rig.out) / sizeof(rig.out[0]));
	s->to = *to;
	s->len = len;
	memcpy(s->buf, buf, len);
	ck_assert_int_eq(d4_check(buf, len), D4_OK);
	ck_assert_int_eq(d4_decode(&s->p, s->buf, len), D4_OK);
}

static int
op_recover(void *arg, uint8_t key[SECP_PUB], const uint8_t *buf, size_t len)
{
	(void)arg;
	(void)len;
	rig.recovers++;
	if (buf[D4_HASH + SECP_PUB] > 3)
		return -1;
	memcpy(key, buf + D4_HASH, SECP_PUB);
	return 0;
}

static int
op_verify(void *arg, uint8_t key[SECP_PUB], const struct enr *e)
{
	(void)arg;
	rig.verifies++;
	return rig.verify_bad ? -1 : enr_pubkey(e, key);
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
	if (rig.forbidden.af != 0 && prefix_match(&rig.forbidden, a))
		return 0;
	return id == NULL || memcmp(id, rig.banned, NODE_ID) != 0;
}

static size_t
op_seeds(void *arg, struct node *v, size_t max)
{
	size_t	 i;

	(void)arg;
	for (i = 0; i < rig.nseeds && i < max; i++)
		node_copy(&v[i], &rig.seeds[i]);
	return i;
}

static void
op_found(void *arg, const struct node *n)
{
	(void)arg;
	(void)n;
	rig.nfound++;
}

static void
op_proven(void *arg, const struct node *n, int64_t ping, int keep)
{
	(void)arg;
	(void)n;
	rig.nproven++;
	rig.nkept += keep;
	rig.proven_ping = ping;
}

static void
op_endpoint(void *arg, const struct addr *ip4, const struct addr *ip6)
{
	(void)arg;
	rig.nendpoint++;
	rig.ip4 = *ip4;
	rig.ip6 = *ip6;
}

static void
op_skew(void *arg, int64_t offset)
{
	(void)arg;
	rig.nskew++;
	rig.skew = offset;
}

static void
op_refreshed(void *arg, size_t n)
{
	(void)arg;
	rig.nrefreshed++;
	rig.refreshed = n;
}

static const struct d4_ops ops = {
	.now = op_now, .wall = op_wall, .chance = op_chance, .sign = op_sign,
	.send = op_send, .recover = op_recover, .verify = op_verify,
	.key_ok = op_key_ok, .permitted = op_permitted, .seeds = op_seeds,
	.found = op_found, .proven = op_proven, .endpoint = op_endpoint,
	.skew = op_skew, .refreshed = op_refreshed
};

void
rig_up(void)
{
	struct d4_conf	 conf;

	memset(&rig, 0, sizeof(rig));
	rng = 42;
	rig.now = 3600 * 1000;
	rig.expires = D4_EXPIRATION;
	ck_assert_int_eq(secp_init(), 0);
	peer_make(&rig.me, 5000);
	memset(&conf, 0, sizeof(conf));
	memcpy(conf.key, rig.me.key, SECP_PUB);
	conf.families = NODE_IP4 | NODE_IP6;
	conf.strangers = 100;
	conf.pings_back = 50;
	rig.d = d4_new(&ops, NULL, &conf);
	ck_assert_ptr_nonnull(rig.d);
	d4_record(rig.d, &rig.me.rec);
}

void
rig_ready(void)
{
	rig_up();
	d4_start(rig.d);
	rig_pass(1);
	ck_assert_uint_eq(rig.nrefreshed, 1);
}

void
rig_down(void)
{
	d4_free(rig.d);
	rig.d = NULL;
}

void
rig_pass(uint64_t ms)
{
	uint64_t	 until = rig.now + ms, next;

	while ((next = d4_next_deadline(rig.d)) <= until) {
		if (next > rig.now)
			rig.now = next;
		d4_run(rig.d);
	}
	rig.now = until;
}

void
peer_make(struct peer *p, unsigned int n)
{
	memset(p, 0, sizeof(*p));
	memset(p->priv, 1, sizeof(p->priv));
	memcpy(p->priv + 4, &n, sizeof(n));
	ck_assert_int_eq(secp_pub_from_priv(p->key, p->priv), 0);
	node_id(p->id, p->key);
	p->addr.af = 4;
	p->addr.ip[0] = 20;
	p->addr.ip[1] = n >> 8;
	p->addr.ip[2] = n;
	p->addr.ip[3] = 1;
	p->addr.port = 30303;
	peer_record(p, 1, &p->addr);
}

void
peer_record(struct peer *p, uint64_t seq, const struct addr *a)
{
	struct enr_build	 b;

	ck_assert_int_eq(enr_build_init(&b, seq, p->key), 0);
	ck_assert_int_eq(enr_set_endpoint(&b, a, 30304), 0);
	ck_assert_int_eq(enr_sign(&p->rec, &b, p->priv), 0);
}

void
peer_node(const struct peer *p, struct node *n)
{
	node_init(n, p->key, &p->addr, 30304);
}

void
peer_say(const struct peer *who, struct d4_packet *p)
{
	uint8_t	 buf[D4_MAX];
	size_t	 len;

	p->expiration = rig_wall() + rig.expires;
	build(who, p, buf, &len);
	d4_input(rig.d, &who->addr, buf, len);
}

void
peer_ping(const struct peer *who)
{
	struct d4_packet	 p;

	memset(&p, 0, sizeof(p));
	p.type = D4_PING;
	p.ping.from.addr = who->addr;
	p.ping.from.tcp = 30304;
	p.ping.to.addr = rig.me.addr;
	peer_say(who, &p);
}

void
peer_pong(const struct peer *who, const struct sent *ping, uint64_t seq)
{
	struct d4_packet	 p;

	memset(&p, 0, sizeof(p));
	p.type = D4_PONG;
	p.pong.to.addr = rig.me.addr;
	p.pong.seq = seq;
	memcpy(p.pong.hash, ping->buf, D4_HASH);
	peer_say(who, &p);
}

void
peer_findnode(const struct peer *who, const uint8_t target[SECP_PUB])
{
	struct d4_packet	 p;

	memset(&p, 0, sizeof(p));
	p.type = D4_FINDNODE;
	memcpy(p.findnode.target, target, SECP_PUB);
	peer_say(who, &p);
}

void
peer_neighbors(const struct peer *who, const struct peer *v, size_t n)
{
	struct d4_packet	 p;
	size_t			 i;

	memset(&p, 0, sizeof(p));
	p.type = D4_NEIGHBORS;
	for (i = 0; i < n; i++) {
		p.neighbors.v[i].addr = v[i].addr;
		p.neighbors.v[i].tcp = 30304;
		memcpy(p.neighbors.v[i].key, v[i].key, SECP_PUB);
	}
	p.neighbors.n = n;
	peer_say(who, &p);
}

void
peer_enrrequest(const struct peer *who)
{
	struct d4_packet	 p;

	memset(&p, 0, sizeof(p));
	p.type = D4_ENRREQUEST;
	peer_say(who, &p);
}

void
peer_enrresponse(const struct peer *who, const struct sent *request)
{
	struct d4_packet	 p;

	memset(&p, 0, sizeof(p));
	p.type = D4_ENRRESPONSE;
	memcpy(p.enrresponse.hash, request->buf, D4_HASH);
	peer_say(who, &p);
}

const struct sent *
expect(unsigned int type, const struct peer *who)
{
	const struct sent	*s;

	ck_assert_msg(rig.next < rig.nout, "no %s was sent", d4_name(type));
	s = &rig.out[rig.next++];
	ck_assert_msg(s->p.type == type, "%s was sent, not %s",
	    d4_name(s->p.type), d4_name(type));
	if (who != NULL)
		ck_assert_int_eq(addr_cmp(&s->to, &who->addr), 0);
	return s;
}

void
quiet(void)
{
	ck_assert_msg(rig.next == rig.nout, "%s was sent",
	    d4_name(rig.out[rig.next].p.type));
}

void
peer_prove(const struct peer *who)
{
	const struct sent	*pong;

	peer_ping(who);
	pong = expect(D4_PONG, who);
	ck_assert_uint_eq(pong->p.pong.to.tcp, 30304);
	peer_pong(who, expect(D4_PING, who), 0);
	quiet();
}

void
peer_boot(const struct peer *b)
{
	struct node	 n;

	peer_node(b, &n);
	ck_assert_int_eq(d4_bootnode(rig.d, &n), 0);
}

void
peer_bonded(const struct peer *b)
{
	d4_bond(rig.d, b->id, &b->addr, rig_wall() - 10, rig_wall() - 10);
}

unsigned int
rig_play(uint64_t ms, const struct peer *v, size_t n, const struct peer *nb,
    size_t nn, unsigned int mute)
{
	const struct sent	*s;
	uint64_t		 until = rig.now + ms;
	unsigned int		 questions = 0;
	size_t			 i;

	for (;;) {
		while (rig.next < rig.nout) {
			s = &rig.out[rig.next++];
			for (i = 0; i < n; i++)
				if (addr_cmp(&v[i].addr, &s->to) == 0)
					break;
			questions += s->p.type == D4_FINDNODE;
			if (i == n || (mute >> i & 1))
				continue;
			if (s->p.type == D4_PING) {
				peer_pong(&v[i], s, v[i].rec.seq);
				peer_ping(&v[i]);
			} else if (s->p.type == D4_FINDNODE)
				peer_neighbors(&v[i], nb, nn);
			else if (s->p.type == D4_ENRREQUEST)
				peer_enrresponse(&v[i], s);
		}
		if (rig.now >= until)
			return questions;
		rig_pass(10);
	}
}
