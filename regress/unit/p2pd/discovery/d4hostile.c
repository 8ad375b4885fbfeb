/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/discovery/bond.h"
#include "regress/unit/p2pd/discovery/rig.h"

/* Others in a node's name, from its address or its neighbours'. */

#define STRANGERS	100		/* the rig's rate of signatures for them */
#define ANSWERS		15000		/* signatures a second for others */
#define SOURCE_BURST	200		/* of one of them, and of one who is known */

static struct peer	 p, q;
static unsigned int	 answered, failed;

static void
setup(void)
{
	answered = failed = 0;
	rig_ready();
	peer_make(&p, 1);
	peer_make(&q, 2);
}

static struct d4_stats
stats(void)
{
	struct d4_stats	 st;

	d4_stats(rig.d, &st);
	return st;
}

/* The nth forger, who says to be at this address. */
static struct peer
forger(unsigned int n, const struct addr *at)
{
	struct peer	 f;

	peer_make(&f, 3000 + n);
	f.addr = *at;
	return f;
}

static unsigned int
sent_of(unsigned int type)
{
	unsigned int	 n = 0;

	for (; rig.next < rig.nout; rig.next++)
		n += rig.out[rig.next].p.type == type;
	return n;
}

/* All of a known node's subnet speaks: who is elsewhere does not feel it. */
START_TEST(forged_subnet)
{
	struct peer	 f;
	struct addr	 a = p.addr;
	unsigned int	 i;

	peer_prove(&p);
	peer_prove(&q);
	rig.recovers = 0;
	for (i = 0; i < 1000; i++) {
		a.ip[3] = 2 + i % 250;
		f = forger(i % 50, &a);
		peer_findnode(&f, q.key);
		peer_enrrequest(&f);
	}
	/* They could not have been answered. */
	ck_assert_uint_eq(rig.recovers, 0);
	quiet();
	for (i = 0; i < 1000; i++) {
		a.ip[3] = 2 + i % 250;
		f = forger(i % 50, &a);
		peer_ping(&f);
	}
	ck_assert_uint_le(rig.recovers, STRANGERS);
	rig.next = rig.nout;
	peer_ping(&q);
	expect(D4_PONG, &q);
	peer_findnode(&q, p.key);
	expect(D4_NEIGHBORS, &q);
	/* Nor does the node itself, whose address is left alone. */
	peer_ping(&p);
	expect(D4_PONG, &p);
	peer_findnode(&p, q.key);
	expect(D4_NEIGHBORS, &p);
}
END_TEST

/* A subnet has no more of the strangers' share than one address. */
START_TEST(strange_subnet)
{
	struct peer	 f;
	unsigned int	 i, n;

	rig.recovers = 0;
	for (n = 0; n < 10; n++) {
		for (i = 0; i < 250; i++) {
			f = forger(i % 50, &p.addr);
			f.addr.ip[3] = i;
			peer_ping(&f);
		}
		rig_pass(1000);
	}
	ck_assert_uint_le(rig.recovers, SOURCE_BURST + 10 * 50);
	rig.next = rig.nout;
	peer_ping(&q);
	expect(D4_PONG, &q);
}
END_TEST

/* A node's own address forged: its tries, and a stranger's share, no more. */
START_TEST(forged_address)
{
	struct peer	 f = forger(0, &p.addr);
	unsigned int	 i;

	peer_prove(&p);
	peer_prove(&q);
	rig.recovers = 0;
	for (i = 0; i < 1000; i++)
		peer_findnode(&f, q.key);
	quiet();
	ck_assert_uint_le(rig.recovers, BOND_TRIES + STRANGERS);
	peer_findnode(&q, p.key);
	expect(D4_NEIGHBORS, &q);
	/* It is heard again when that has an end. */
	rig_pass(2000);
	rig.next = rig.nout;
	peer_findnode(&p, q.key);
	expect(D4_NEIGHBORS, &p);
}
END_TEST

/* A few forged ones take nothing from its own rate. */
START_TEST(forged_few)
{
	struct peer	 f = forger(0, &p.addr);
	unsigned int	 i;

	peer_prove(&p);
	for (i = 0; i < BOND_TRIES - 2; i++)
		peer_enrrequest(&f);
	quiet();
	for (i = 0; i < SOURCE_BURST; i++)
		peer_findnode(&p, q.key);
	ck_assert_uint_eq(sent_of(D4_NEIGHBORS), SOURCE_BURST);
	/* What is over the rate costs what a forger does. */
	rig.recovers = 0;
	for (i = 0; i < 1000; i++)
		peer_findnode(&p, q.key);
	quiet();
	ck_assert_uint_le(rig.recovers, BOND_TRIES + STRANGERS);
	rig_pass(3000);
	rig.next = rig.nout;
	for (i = 0; i < 100; i++)
		peer_findnode(&p, q.key);
	ck_assert_uint_eq(sent_of(D4_NEIGHBORS), 100);
}
END_TEST

/* However many ask: there are signatures left for what we ask ourselves. */
START_TEST(many_askers)
{
	struct peer	 v[30];
	unsigned int	 i, n, all = 0;

	for (n = 0; n < nitems_of(v); n++) {
		peer_make(&v[n], 200 + n);
		d4_bond(rig.d, v[n].id, &v[n].addr, rig_wall() - 10,
		    rig_wall() - 10);
	}
	for (n = 0; n < nitems_of(v); n++) {
		for (i = 0; i < SOURCE_BURST; i++)
			peer_findnode(&v[n], q.key);
		all += sent_of(D4_NEIGHBORS);
		rig.nout = rig.next = 0;
	}
	ck_assert_uint_ge(all, ANSWERS / 5);
	ck_assert_uint_le(all, ANSWERS / 5 + 1);
	rig_pass(100);
	peer_ping(&q);
	expect(D4_PONG, &q);
}
END_TEST

static void
pinged(void *arg, enum d4_outcome how, uint32_t rtt, uint64_t seq)
{
	(void)arg;
	(void)rtt;
	(void)seq;
	answered += how == D4_ANSWERED;
	failed += how == D4_TIMED_OUT;
}

/*
 * A pong proves the port that the ping went to, wherever it comes back from:
 * go-ethereum looks at the IP alone, too, and NATs change ports.
 */
START_TEST(pong_port)
{
	const struct sent	*ping;
	struct peer		 other = p;
	struct node		 n;

	peer_node(&p, &n);
	ck_assert_uint_ne(d4_ping(rig.d, &n, pinged, NULL), 0);
	ping = expect(D4_PING, &p);
	other.addr.port = 40000;
	peer_pong(&other, ping, 0);
	ck_assert_uint_eq(answered, 1);
	ck_assert_uint_eq(stats().bonds, 1);
	/* What comes into the table is the port that was asked. */
	peer_ping(&q);
	expect(D4_PONG, &q);
	ping = expect(D4_PING, &q);
	other = q;
	other.addr.port = 40000;
	peer_pong(&other, ping, 0);
	ck_assert_int_eq(addr_cmp(&table_find(d4_table(rig.d), q.id)->node.udp,
	    &q.addr), 0);
	/* Another IP is another place. */
	ck_assert_uint_ne(d4_ping(rig.d, &n, pinged, NULL), 0);
	ping = expect(D4_PING, &p);
	other = p;
	other.addr.ip[3] = 77;
	peer_pong(&other, ping, 0);
	ck_assert_uint_eq(answered, 1);
	rig_pass(D4_TIMEOUT);
	ck_assert_uint_eq(failed, 1);
}
END_TEST

/* A node is pinged back at one port, and its check at another is not that. */
START_TEST(ping_ports)
{
	const struct sent	*back, *check;
	struct peer		 other = p;
	struct node		 n;

	other.addr.port = 40000;
	peer_node(&p, &n);
	peer_ping(&other);
	expect(D4_PONG, &other);
	back = expect(D4_PING, &other);
	ck_assert_uint_ne(d4_ping(rig.d, &n, pinged, NULL), 0);
	ck_assert_uint_ne(d4_ping(rig.d, &n, pinged, NULL), 0);
	quiet();
	peer_pong(&other, back, 0);
	ck_assert_uint_eq(answered, 0);
	check = expect(D4_PING, &p);
	quiet();
	peer_pong(&p, check, 0);
	ck_assert_uint_eq(answered, 2);
	/* Nor is it failed for want of an answer there: a replayed ping does that. */
	peer_make(&other, 7);
	peer_node(&other, &n);
	n.udp.port = 30309;
	peer_ping(&other);
	expect(D4_PONG, &other);
	expect(D4_PING, &other);
	ck_assert_uint_ne(d4_ping(rig.d, &n, pinged, NULL), 0);
	rig_pass(D4_TIMEOUT);
	other.addr.port = 30309;
	ck_assert_uint_eq(failed, 0);
	peer_pong(&other, expect(D4_PING, &other), 0);
	ck_assert_uint_eq(answered, 3);
	rig_pass(2000);
	ck_assert_uint_eq(stats().contacts, 0);
}
END_TEST

/* The same of the table's checks, which make a node live. */
START_TEST(check_ports)
{
	const struct sent	*back, *check;
	struct peer		 other = p;
	struct table		*t = (struct table *)(uintptr_t)d4_table(rig.d);
	struct node		 n;
	unsigned int		 i;

	peer_node(&p, &n);
	table_add(t, &n, TABLE_HEARD, rig.now);
	d4_policy_changed(rig.d);
	other.addr.port = 40000;
	for (i = 0; i < 1000 && stats().out[D4_PING] == 0; i++)
		rig_pass(1);
	check = expect(D4_PING, &p);
	peer_pong(&p, check, 0);
	ck_assert_int_eq(table_find(t, p.id)->live, 1);
	/* A replay from another port changes nothing, */
	peer_ping(&other);
	expect(D4_PONG, &other);
	expect(D4_PING, &other);
	rig_pass(D4_TIMEOUT);
	ck_assert_int_eq(table_find(t, p.id)->live, 1);
	ck_assert_uint_eq(table_find(t, p.id)->node.udp.port, p.addr.port);
	/* but it can move to one, and is not live until it is checked there. */
	rig.next = rig.nout;
	peer_ping(&other);
	expect(D4_PONG, &other);
	peer_pong(&other, expect(D4_PING, &other), 0);
	ck_assert_int_eq(table_find(t, p.id)->live, 0);
	ck_assert_uint_eq(table_find(t, p.id)->node.udp.port, 40000);
	/* Meanwhile somebody asks for the old one. */
	ck_assert_uint_ne(d4_ping(rig.d, &n, pinged, NULL), 0);
	back = expect(D4_PING, &p);
	peer_pong(&p, back, 0);
	ck_assert_uint_eq(answered, 1);
	ck_assert_int_eq(table_find(t, p.id)->live, 0);
	for (i = 0; i < 10000 && rig.next == rig.nout; i++)
		rig_pass(1);
	peer_pong(&other, expect(D4_PING, &other), 0);
	ck_assert_int_eq(table_find(t, p.id)->live, 1);
}
END_TEST

static void
fetched(void *arg, enum d4_outcome how, const struct node *n)
{
	(void)arg;
	answered += how == D4_ANSWERED && n->rec != NULL;
	failed += how != D4_ANSWERED;
}

/* A question does not fail because a ping went to a port of a replay. */
START_TEST(ask_ports)
{
	struct peer	 other = p;
	struct node	 n;

	other.addr.port = 40000;
	peer_node(&p, &n);
	peer_ping(&other);
	expect(D4_PONG, &other);
	expect(D4_PING, &other);
	ck_assert_uint_ne(d4_fetch(rig.d, &n, fetched, NULL), 0);
	quiet();
	rig_pass(D4_TIMEOUT);
	ck_assert_uint_eq(failed, 0);
	peer_pong(&p, expect(D4_PING, &p), 0);
	rig_pass(D4_TIMEOUT);
	peer_enrresponse(&p, expect(D4_ENRREQUEST, &p));
	ck_assert_uint_eq(answered, 1);
	/* That one is really not there. */
	peer_node(&q, &n);
	ck_assert_uint_ne(d4_fetch(rig.d, &n, fetched, NULL), 0);
	rig_pass(2 * D4_TIMEOUT);
	ck_assert_uint_eq(failed, 1);
}
END_TEST

static struct addr
map(const struct addr *a)
{
	struct addr	 m = *a;

	memset(m.ip, 0, sizeof(m.ip));
	m.af = 6;
	m.ip[10] = m.ip[11] = 0xff;
	memcpy(m.ip + 12, a->ip, 4);
	return m;
}

static void
told(void *arg, enum d4_outcome how, const struct node *v, size_t n,
    const struct lookup_stats *st)
{
	(void)how;
	(void)st;
	answered += n;
	if (n > 0)
		*(struct addr *)arg = v[0].udp;
}

/* IPv4 in the clothes of IPv6 is IPv4, or nothing where that may not be. */
START_TEST(mapped_neighbors)
{
	struct peer	 v[4];
	struct addr	 at;
	struct node	 n;
	unsigned int	 i;

	for (i = 0; i < 4; i++)
		peer_make(&v[i], 100 + i);
	v[0].addr.ip[0] = 127;
	v[1].addr.ip[0] = 10;
	v[2].addr.ip[0] = 224;
	at = v[3].addr;
	for (i = 0; i < 4; i++)
		v[i].addr = map(&v[i].addr);
	d4_bond(rig.d, p.id, &p.addr, rig_wall() - 10, rig_wall() - 10);
	peer_node(&p, &n);
	ck_assert_uint_ne(d4_ask(rig.d, &n, q.key, told, &v[0].addr), 0);
	expect(D4_FINDNODE, &p);
	peer_neighbors(&p, v, 4);
	rig_pass(200);
	ck_assert_uint_eq(answered, 1);
	ck_assert_int_eq(addr_cmp(&v[0].addr, &at), 0);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("d4hostile");
	TCase	*tc = tcase_create("all");
	SRunner	*sr = srunner_create(s);
	int	 bad;

	tcase_add_checked_fixture(tc, setup, rig_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, forged_subnet);
	tcase_add_test(tc, strange_subnet);
	tcase_add_test(tc, forged_address);
	tcase_add_test(tc, forged_few);
	tcase_add_test(tc, many_askers);
	tcase_add_test(tc, pong_port);
	tcase_add_test(tc, ping_ports);
	tcase_add_test(tc, check_ports);
	tcase_add_test(tc, ask_ports);
	tcase_add_test(tc, mapped_neighbors);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
