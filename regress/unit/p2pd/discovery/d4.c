/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "regress/unit/p2pd/discovery/rig.h"

/* What the engine does with what comes in unasked. */

static struct peer	 p, q, many[64];

static void
setup(void)
{
	size_t	 i;

	rig_ready();
	peer_make(&p, 1);
	peer_make(&q, 2);
	for (i = 0; i < 64; i++)
		peer_make(&many[i], 100 + i);
}

static struct d4_stats
stats(void)
{
	struct d4_stats	 st;

	d4_stats(rig.d, &st);
	return st;
}

/* The table has it, and it has passed a check. */
static void
enlist(struct peer *v, size_t n)
{
	struct table	*t = (struct table *)(uintptr_t)d4_table(rig.d);
	struct node	 node;
	size_t		 i;

	for (i = 0; i < n; i++) {
		peer_node(&v[i], &node);
		table_add(t, &node, TABLE_HEARD, rig.now);
		if (table_find(t, v[i].id) != NULL)
			table_checked(t, table_find(t, v[i].id)->serial,
			    v[i].id, 1, rig.now);
	}
}

/* A stranger's ping: a pong and one ping, and no second while it is open. */
START_TEST(stranger)
{
	const struct sent	*pong, *ping;
	int			 i;

	peer_ping(&p);
	pong = expect(D4_PONG, &p);
	ck_assert_int_eq(addr_cmp(&pong->p.pong.to.addr, &p.addr), 0);
	ping = expect(D4_PING, &p);
	ck_assert_int_eq(addr_cmp(&ping->p.ping.from.addr, &rig.me.addr), 0);
	ck_assert_uint_eq(ping->p.ping.from.tcp, 30304);
	quiet();
	for (i = 0; i < 5; i++) {
		peer_ping(&p);
		expect(D4_PONG, &p);
		quiet();
	}
	rig_pass(2000);
	quiet();
	ck_assert_uint_eq(stats().contacts, 0);
	ck_assert_uint_eq(stats().bonds, 0);
	ck_assert_uint_eq(table_count(d4_table(rig.d)), 0);
	/* Then one more, for another ping. */
	peer_ping(&p);
	expect(D4_PONG, &p);
	expect(D4_PING, &p);
	rig_pass(2000);
	quiet();
}
END_TEST

/* The pong answers its ping by its hash. */
START_TEST(pong_hash)
{
	struct d4_packet	 k;
	uint8_t			 buf[D4_MAX], sig[SECP_SIG];
	size_t			 len;

	memset(&k, 0, sizeof(k));
	k.type = D4_PING;
	k.expiration = rig_wall() + 1;
	ck_assert_int_eq(d4_encode(&k, buf, &len), 0);
	memset(sig, 0, sizeof(sig));
	memcpy(sig, p.key, SECP_PUB);
	d4_seal(buf, len, sig);
	d4_input(rig.d, &p.addr, buf, len);
	ck_assert_mem_eq(expect(D4_PONG, &p)->p.pong.hash, buf, D4_HASH);
}
END_TEST

/* Who has proven nothing gets nothing, and costs no signature. */
START_TEST(unproven)
{
	struct peer	 other;

	peer_findnode(&p, q.key);
	peer_enrrequest(&p);
	quiet();
	ck_assert_uint_eq(rig.recovers, 0);
	ck_assert_uint_eq(stats().unproven, 2);
	/* Nor does a neighbour's proof help, or the same key from elsewhere. */
	peer_prove(&p);
	other = q;
	other.addr = p.addr;
	peer_findnode(&other, q.key);
	peer_enrrequest(&other);
	other = p;
	other.addr.ip[3] = 77;
	peer_findnode(&other, q.key);
	peer_enrrequest(&other);
	quiet();
	ck_assert_uint_eq(stats().unproven, 6);
	/* The port is free to be another. */
	other = p;
	other.addr.port = 40000;
	peer_findnode(&other, q.key);
	expect(D4_NEIGHBORS, &other);
	peer_enrrequest(&p);
	expect(D4_ENRRESPONSE, &p);
	quiet();
}
END_TEST

/* A proof is answered on for 24 hours, and renewed after 12. */
START_TEST(ages)
{
	peer_prove(&p);
	rig_down();
	rig_up();
	d4_bond(rig.d, p.id, &p.addr, rig_wall() - 12 * 3600 + 2, 0);
	d4_bond(rig.d, q.id, &q.addr, rig_wall() - 24 * 3600 + 2, 0);
	d4_bond(rig.d, many[0].id, &many[0].addr, rig_wall() + 100, 0);
	peer_findnode(&p, q.key);
	expect(D4_NEIGHBORS, &p);
	peer_findnode(&q, q.key);
	expect(D4_NEIGHBORS, &q);
	peer_findnode(&many[0], q.key);
	quiet();
	peer_ping(&p);
	expect(D4_PONG, &p);
	quiet();
	peer_ping(&q);
	expect(D4_PONG, &q);
	expect(D4_PING, &q);
	quiet();
	rig_pass(3000);
	peer_ping(&p);
	expect(D4_PONG, &p);
	expect(D4_PING, &p);
	quiet();
	peer_findnode(&p, q.key);
	expect(D4_NEIGHBORS, &p);
	peer_findnode(&q, q.key);
	quiet();
}
END_TEST

/* Only an answer to our ping, from there, in time, is a proof. */
START_TEST(late_pongs)
{
	const struct sent	*ping;
	struct sent		 wrong;
	struct peer		 other = p;

	peer_ping(&p);
	expect(D4_PONG, &p);
	ping = expect(D4_PING, &p);
	other.addr.ip[3] = 9;
	peer_pong(&other, ping, 0);
	ck_assert_uint_eq(rig.recovers, 1);
	wrong = *ping;
	wrong.buf[0] ^= 1;
	peer_pong(&p, &wrong, 0);
	ck_assert_uint_eq(rig.recovers, 1);
	other = q;
	other.addr = p.addr;
	peer_pong(&other, ping, 0);
	ck_assert_uint_eq(stats().unsolicited, 3);
	ck_assert_uint_eq(stats().bonds, 0);
	rig.expires = -1;
	peer_pong(&p, ping, 0);
	ck_assert_uint_eq(stats().bad[D4_EEXPIRED], 1);
	ck_assert_uint_eq(stats().bonds, 0);
	rig.expires = D4_EXPIRATION;
	rig_pass(D4_TIMEOUT - 1);
	peer_pong(&p, ping, 0);
	ck_assert_uint_eq(stats().bonds, 1);
	ck_assert_uint_eq(rig.nproven, 1);
	ck_assert_int_eq(rig.proven_ping, rig_wall());
	/* Again: replayed. */
	peer_pong(&p, ping, 0);
	ck_assert_uint_eq(stats().unsolicited, 4);
	ck_assert_uint_eq(rig.nproven, 1);
	/* Too late. */
	peer_ping(&q);
	expect(D4_PONG, &q);
	ping = expect(D4_PING, &q);
	rig_pass(D4_TIMEOUT);
	peer_pong(&q, ping, 0);
	ck_assert_uint_eq(stats().bonds, 1);
}
END_TEST

/* What has expired is of no use, and 2^64 - 1 is the past. */
START_TEST(expired)
{
	rig.expires = -1;
	peer_ping(&p);
	rig.expires = -rig_wall() - 1;
	peer_ping(&p);
	rig.expires = INT64_MIN / 2;
	peer_ping(&p);
	quiet();
	ck_assert_uint_eq(stats().bad[D4_EEXPIRED], 3);
	ck_assert_uint_eq(rig.recovers, 0);
	rig.expires = 0;
	peer_ping(&p);
	expect(D4_PONG, &p);
}
END_TEST

/* Rubbish of every kind is counted, and not answered. */
START_TEST(rubbish)
{
	struct d4_packet	 k;
	uint8_t			 buf[D4_MAX + 1], sig[SECP_SIG];
	struct addr		 a;
	size_t			 len;

	memset(buf, 0, sizeof(buf));
	d4_input(rig.d, &p.addr, buf, 0);
	d4_input(rig.d, &p.addr, buf, D4_MIN - 1);
	d4_input(rig.d, &p.addr, buf, D4_MAX + 1);
	ck_assert_uint_eq(stats().bad[D4_ESIZE], 3);
	memset(&k, 0, sizeof(k));
	k.type = D4_PING;
	k.expiration = rig_wall() + 10;
	ck_assert_int_eq(d4_encode(&k, buf, &len), 0);
	memset(sig, 0, sizeof(sig));
	sig[SECP_PUB] = 4;
	d4_seal(buf, len, sig);
	d4_input(rig.d, &p.addr, buf, len);
	ck_assert_uint_eq(stats().bad[D4_ESIG], 1);
	buf[40] ^= 1;
	d4_input(rig.d, &p.addr, buf, len);
	ck_assert_uint_eq(stats().bad[D4_EHASH], 1);
	/* Senders that nobody can be, and ourselves. */
	memcpy(sig, p.key, SECP_PUB);
	sig[SECP_PUB] = 0;
	d4_seal(buf, len, sig);
	a = p.addr;
	a.port = 0;
	d4_input(rig.d, &a, buf, len);
	a = p.addr;
	memset(a.ip, 0, sizeof(a.ip));
	d4_input(rig.d, &a, buf, len);
	a.af = 0;
	d4_input(rig.d, &a, buf, len);
	ck_assert_uint_eq(stats().forbidden, 3);
	peer_ping(&rig.me);
	ck_assert_uint_eq(stats().forbidden, 4);
	quiet();
}
END_TEST

/* Nobody answers us: neighbors and records that nobody asked for. */
START_TEST(unsolicited)
{
	struct sent	 s;

	memset(&s, 0, sizeof(s));
	peer_prove(&p);
	rig.recovers = 0;
	peer_neighbors(&p, many, 12);
	peer_enrresponse(&p, &s);
	ck_assert_uint_eq(rig.recovers, 0);
	ck_assert_uint_eq(stats().unsolicited, 2);
	rig_pass(100);
	ck_assert_uint_eq(table_count(d4_table(rig.d)), 1);
}
END_TEST

/* Only checked nodes are served, 12 and 4, and none to whom it may not be. */
START_TEST(served)
{
	const struct sent	*s;
	struct node		 n;
	struct peer		 lan;
	uint32_t		 i;

	peer_prove(&p);
	peer_findnode(&p, q.key);
	ck_assert_uint_eq(expect(D4_NEIGHBORS, &p)->p.neighbors.n, 0);
	quiet();
	/* Heard of, but not checked. */
	peer_node(&q, &n);
	table_add((struct table *)(uintptr_t)d4_table(rig.d), &n, TABLE_HEARD,
	    rig.now);
	peer_findnode(&p, q.key);
	ck_assert_uint_eq(expect(D4_NEIGHBORS, &p)->p.neighbors.n, 0);
	peer_make(&lan, 900);
	lan.addr.ip[0] = 10;
	enlist(&lan, 1);
	enlist(many, 40);
	peer_findnode(&p, many[7].key);
	s = expect(D4_NEIGHBORS, &p);
	ck_assert_uint_eq(s->p.neighbors.n, D4_NODES_OUT);
	ck_assert_mem_eq(s->p.neighbors.v[0].key, many[7].key, SECP_PUB);
	ck_assert_int_eq(addr_cmp(&s->p.neighbors.v[0].addr,
	    &many[7].addr), 0);
	ck_assert_uint_eq(s->p.neighbors.v[0].tcp, 30304);
	ck_assert_uint_eq(expect(D4_NEIGHBORS, &p)->p.neighbors.n, 4);
	quiet();
	/* A LAN's node is told of in the LAN only. */
	peer_findnode(&p, lan.key);
	s = expect(D4_NEIGHBORS, &p);
	for (i = 0; i < s->p.neighbors.n; i++)
		ck_assert_mem_ne(s->p.neighbors.v[i].key, lan.key, SECP_PUB);
	expect(D4_NEIGHBORS, &p);
	peer_make(&q, 901);
	q.addr.ip[0] = 10;
	peer_prove(&q);
	peer_findnode(&q, lan.key);
	s = expect(D4_NEIGHBORS, &q);
	ck_assert_mem_eq(s->p.neighbors.v[0].key, lan.key, SECP_PUB);
	expect(D4_NEIGHBORS, &q);
	quiet();
}
END_TEST

/* Strangers come into the table when proven, and not before the refresh. */
START_TEST(inbound)
{
	rig_down();
	rig_up();
	peer_prove(&p);
	ck_assert_uint_eq(table_count(d4_table(rig.d)), 0);
	d4_start(rig.d);
	rig_pass(1);
	ck_assert_uint_eq(rig.nrefreshed, 1);
	peer_prove(&q);
	ck_assert_ptr_nonnull(table_find(d4_table(rig.d), q.id));
	ck_assert_int_eq(table_find(d4_table(rig.d), q.id)->live, 0);
	ck_assert_uint_eq(table_find(d4_table(rig.d), q.id)->node.tcp, 30304);
	/* One that is proven already, at its next ping. */
	peer_ping(&p);
	expect(D4_PONG, &p);
	ck_assert_ptr_nonnull(table_find(d4_table(rig.d), p.id));
	/* Not one that only pings. */
	peer_ping(&many[0]);
	expect(D4_PONG, &many[0]);
	expect(D4_PING, &many[0]);
	ck_assert_ptr_null(table_find(d4_table(rig.d), many[0].id));
}
END_TEST

/* netrestrict and bans, by address before anything and by id. */
START_TEST(policy)
{
	enlist(many, 16);
	ck_assert_uint_eq(table_count(d4_table(rig.d)), 16);
	ck_assert_int_eq(prefix_parse(&rig.forbidden, "20.0.100.0/22"), 0);
	peer_ping(&many[0]);
	quiet();
	ck_assert_uint_eq(stats().forbidden, 1);
	ck_assert_uint_eq(rig.recovers, 0);
	memcpy(rig.banned, q.id, NODE_ID);
	peer_ping(&q);
	quiet();
	ck_assert_uint_eq(stats().forbidden, 2);
	ck_assert_uint_eq(rig.recovers, 1);
	d4_policy_changed(rig.d);
	ck_assert_uint_eq(table_count(d4_table(rig.d)), 12);
}
END_TEST

/* Strangers' signatures, and pings back, have a rate; friends have their own. */
START_TEST(rates)
{
	struct peer	 s;
	unsigned int	 i, pongs = 0, pings = 0;

	peer_prove(&p);
	rig.recovers = 0;
	for (i = 0; i < 1000; i++) {
		peer_make(&s, 1000 + i);
		peer_ping(&s);
	}
	ck_assert_uint_ge(rig.recovers, 98);
	ck_assert_uint_le(rig.recovers, 100);
	for (; rig.next < rig.nout; rig.next++)
		if (rig.out[rig.next].p.type == D4_PONG)
			pongs++;
		else
			pings++;
	ck_assert_uint_eq(pongs, rig.recovers);
	ck_assert_uint_ge(pings, 48);
	ck_assert_uint_le(pings, 50);
	ck_assert_uint_ge(stats().limited, 900);
	/* In the middle of that, a friend. */
	peer_ping(&p);
	expect(D4_PONG, &p);
	peer_findnode(&p, q.key);
	expect(D4_NEIGHBORS, &p);
	/* A friend who talks too much. */
	for (i = 0; i < 1000; i++)
		peer_ping(&p);
	ck_assert_uint_ge(rig.nout - rig.next, 150);
	ck_assert_uint_le(rig.nout - rig.next, 201);
	rig.next = rig.nout;
	rig_pass(1000);
	rig.next = rig.nout;
	peer_ping(&p);
	expect(D4_PONG, &p);
}
END_TEST

/* However many are forged, who was proven once is pinged back for the next time. */
START_TEST(renewals)
{
	struct peer	 s;
	unsigned int	 i;

	rig_down();
	rig_up();
	d4_bond(rig.d, p.id, &p.addr, rig_wall() - 13 * 3600,
	    rig_wall() - 13 * 3600);
	d4_start(rig.d);
	rig_pass(1);
	for (i = 0; i < 200; i++) {
		peer_make(&s, 1000 + i);
		peer_ping(&s);
	}
	ck_assert_uint_ge(stats().limited, 150);
	rig.next = rig.nout;
	peer_ping(&p);
	expect(D4_PONG, &p);
	expect(D4_PING, &p);
	quiet();
	/* The same sender elsewhere is a stranger. */
	p.addr.ip[1] ^= 1;
	peer_ping(&p);
	ck_assert_uint_eq(rig.nout, rig.next);
}
END_TEST

/* Who has a network of IPv6 to himself has no more for it. */
START_TEST(rates6)
{
	struct peer	*s[3] = { &p, &q, &many[0] };
	unsigned int	 i, pongs = 0;

	for (i = 0; i < 3; i++) {
		memset(s[i]->addr.ip, 0, sizeof(s[i]->addr.ip));
		s[i]->addr.af = 6;
		s[i]->addr.ip[0] = 0x26;
		s[i]->addr.ip[15] = i;
	}
	many[0].addr.ip[7] = 1;
	for (i = 0; i < 3; i++)
		peer_prove(s[i]);
	for (i = 0; i < 1000; i++)
		peer_ping(s[i % 2]);
	for (; rig.next < rig.nout; rig.next++)
		pongs += rig.out[rig.next].p.type == D4_PONG;
	ck_assert_uint_le(pongs, 200);
	ck_assert_uint_ge(pongs, 190);
	/* Another's of the same /48. */
	peer_ping(&many[0]);
	expect(D4_PONG, &many[0]);
}
END_TEST

/*
 * Others in its name are strangers, even while it is pinged, and use up no
 * more than its requests: its answers still count.
 */
START_TEST(forged)
{
	const struct sent	*ping;
	struct peer		 s = q;
	unsigned int		 i;

	peer_ping(&p);
	expect(D4_PONG, &p);
	ping = expect(D4_PING, &p);
	s.addr = p.addr;
	for (i = 0; i < 1000; i++)
		peer_ping(&s);
	ck_assert_uint_le(rig.recovers, 101);
	ck_assert_uint_ge(stats().limited, 800);
	peer_pong(&p, ping, 0);
	ck_assert_uint_eq(stats().bonds, 1);
}
END_TEST

/* What strangers can make us hold has an end. */
START_TEST(bounded)
{
	struct peer	 s;
	unsigned int	 i;

	rig.keys = KEYS_LOSE;
	for (i = 0; i < 3000; i++) {
		peer_make(&s, 1000 + i % 60000);
		peer_ping(&s);
		rig.now += 1;
	}
	ck_assert_uint_le(stats().contacts, 512);
	ck_assert_uint_eq(stats().bonds, 0);
	rig_pass(5000);
	ck_assert_uint_eq(stats().contacts, 0);
	quiet();
}
END_TEST

/* The keys' slowness, refusals and losses cost a packet each. */
START_TEST(keys)
{
	rig_down();
	rig_up();
	rig.keys = KEYS_LATER;
	peer_ping(&p);
	quiet();
	rig_sign();
	expect(D4_PONG, &p);
	peer_pong(&p, expect(D4_PING, &p), 0);
	ck_assert_uint_eq(stats().bonds, 1);
	/* The clock of our question runs from when it was sent. */
	peer_ping(&q);
	rig_pass(900);
	rig_sign();
	expect(D4_PONG, &q);
	rig_pass(400);
	peer_pong(&q, expect(D4_PING, &q), 0);
	ck_assert_uint_eq(stats().bonds, 2);
	rig.keys = KEYS_REFUSE;
	peer_ping(&many[0]);
	quiet();
	ck_assert_uint_eq(stats().unsent, 2);
	rig.keys = KEYS_LOSE;
	peer_ping(&many[1]);
	rig_pass(1100);
	quiet();
	ck_assert_uint_eq(stats().unsent, 4);
	ck_assert_uint_eq(stats().contacts, 0);
	rig.keys = KEYS_AT_ONCE;
	peer_prove(&many[2]);
	/* Answers to questions that nobody has put, or no longer. */
	d4_signed(rig.d, 12345, rig.out[0].buf, rig.out[0].len);
	quiet();
}
END_TEST

static void
pinged(void *arg, enum d4_outcome how, uint32_t rtt, uint64_t seq)
{
	(void)rtt;
	(void)seq;
	*(unsigned int *)arg += how == D4_ANSWERED;
}

/* We ping it of our own accord, and it answers. */
static void
ask(const struct peer *who)
{
	struct node	 n;
	unsigned int	 answers = 0;

	rig_pass(1100);
	rig.next = rig.nout;
	peer_node(who, &n);
	ck_assert_uint_ne(d4_ping(rig.d, &n, pinged, &answers), 0);
	peer_pong(who, expect(D4_PING, who), 0);
	ck_assert_uint_eq(answers, 1);
}

/* Endpoints by votes, of those we have asked, a voice a subnet. */
START_TEST(endpoint)
{
	unsigned int	 i;

	for (i = 0; i < 30; i++) {
		many[i].addr.ip[3] = i;
		ck_assert_uint_eq(rig.nendpoint, i >= 10);
		ask(&many[i]);
	}
	ck_assert_uint_eq(rig.nendpoint, 1);
	ck_assert_int_eq(addr_cmp(&rig.ip4, &rig.me.addr), 0);
	ck_assert_uint_eq(rig.ip6.af, 0);
	/* Fixed: nobody is asked. */
	d4_fixed(rig.d, 4, 1);
	ck_assert_uint_eq(stats().ip4.af, 0);
	rig.me.addr.ip[3] = 99;
	for (i = 30; i < 50; i++)
		ask(&many[i]);
	ck_assert_uint_eq(rig.nendpoint, 1);
}
END_TEST

/* IPv6 has votes of its own, and needs fewer. */
START_TEST(endpoint6)
{
	unsigned int	 i;

	rig.me.addr.af = 6;
	memset(rig.me.addr.ip, 0x2a, 16);
	for (i = 0; i < 6; i++) {
		many[i].addr.af = 6;
		memset(many[i].addr.ip, 0, 16);
		many[i].addr.ip[0] = 0x2a;
		many[i].addr.ip[3] = i % 2;
		many[i].addr.ip[5] = i;
		ask(&many[i]);
	}
	ck_assert_uint_eq(rig.nendpoint, 1);
	ck_assert_int_eq(addr_cmp(&rig.ip6, &rig.me.addr), 0);
	ck_assert_uint_eq(rig.ip4.af, 0);
}
END_TEST

/*
 * Whoever pings us has us ping back: with an address in each of many subnets
 * one could have all the votes.
 */
START_TEST(endpoint_strangers)
{
	unsigned int	 i;

	for (i = 0; i < 12; i++)
		ask(&many[i]);
	ck_assert_uint_eq(rig.nendpoint, 1);
	ck_assert_int_eq(addr_cmp(&rig.ip4, &rig.me.addr), 0);
	rig.me.addr.ip[3] = 99;
	for (i = 12; i < 64; i++) {
		rig_pass(1100);
		rig.next = rig.nout;
		peer_prove(&many[i]);
	}
	ck_assert_uint_eq(rig.nendpoint, 1);
}
END_TEST

/* Our clock goes ahead: all their pongs have expired when they come. */
START_TEST(clock_ahead)
{
	unsigned int	 i;

	for (i = 0; i < 12; i++) {
		rig.ahead = 0;
		peer_ping(&many[i]);
		expect(D4_PONG, &many[i]);
		rig.ahead = 60;
		peer_pong(&many[i], expect(D4_PING, &many[i]), 0);
	}
	ck_assert_uint_eq(rig.nskew, 1);
	ck_assert_int_eq(rig.skew, -60);
	ck_assert_uint_eq(stats().bonds, 0);
}
END_TEST

static void
unanswered(void *arg, enum d4_outcome how, uint32_t rtt, uint64_t seq)
{
	(void)rtt;
	(void)seq;
	ck_assert_int_eq(how, D4_TIMED_OUT);
	++*(unsigned int *)arg;
}

/* It is behind: nobody answers us, and their pings are of the future. */
START_TEST(clock_behind)
{
	struct node	 n;
	unsigned int	 i, done = 0;

	rig.ahead = -90;
	for (i = 0; i < 12; i++)
		peer_ping(&many[i]);
	ck_assert_uint_eq(rig.nskew, 0);
	for (i = 0; i < 40; i++) {
		peer_node(&many[20 + i], &n);
		ck_assert_uint_ne(d4_ping(rig.d, &n, unanswered, &done), 0);
	}
	rig_pass(1000);
	ck_assert_uint_eq(done, 40);
	for (i = 0; i < 12; i++)
		peer_ping(&many[i]);
	ck_assert_uint_eq(rig.nskew, 1);
	ck_assert_int_eq(rig.skew, 90);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("d4");
	TCase	*tc = tcase_create("all");
	SRunner	*sr = srunner_create(s);
	int	 bad;

	tcase_add_checked_fixture(tc, setup, rig_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, stranger);
	tcase_add_test(tc, pong_hash);
	tcase_add_test(tc, unproven);
	tcase_add_test(tc, ages);
	tcase_add_test(tc, late_pongs);
	tcase_add_test(tc, expired);
	tcase_add_test(tc, rubbish);
	tcase_add_test(tc, unsolicited);
	tcase_add_test(tc, served);
	tcase_add_test(tc, inbound);
	tcase_add_test(tc, policy);
	tcase_add_test(tc, rates);
	tcase_add_test(tc, renewals);
	tcase_add_test(tc, rates6);
	tcase_add_test(tc, forged);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, keys);
	tcase_add_test(tc, endpoint);
	tcase_add_test(tc, endpoint6);
	tcase_add_test(tc, endpoint_strangers);
	tcase_add_test(tc, clock_ahead);
	tcase_add_test(tc, clock_behind);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
