/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "regress/unit/p2pd/discovery/rig.h"

/* What the engine does because it is asked to. */

static struct peer	 p, q, many[40];

/* What the last callback was told. */
static struct {
	unsigned int	 n;
	enum d4_outcome	 how;
	uint32_t	 rtt;
	uint64_t	 seq;
	size_t		 nodes;
	struct node	 v[LOOKUP_K];
	struct lookup_stats st;
} got;

static void
setup(void)
{
	size_t	 i;

	memset(&got, 0, sizeof(got));
	rig_up();
	peer_make(&p, 1);
	peer_make(&q, 2);
	for (i = 0; i < 40; i++)
		peer_make(&many[i], 100 + i);
}

static void
teardown(void)
{
	size_t	 i;

	rig_down();
	for (i = 0; i < LOOKUP_K; i++)
		node_clear(&got.v[i]);
	for (i = 0; i < rig.nseeds; i++)
		node_clear(&rig.seeds[i]);
}

static struct d4_stats
stats(void)
{
	struct d4_stats	 st;

	d4_stats(rig.d, &st);
	return st;
}

static void
got_ping(void *arg, enum d4_outcome how, uint32_t rtt, uint64_t seq)
{
	ck_assert_ptr_eq(arg, &got);
	got.n++;
	got.how = how;
	got.rtt = rtt;
	got.seq = seq;
}

static void
got_lookup(void *arg, enum d4_outcome how, const struct node *v, size_t n,
    const struct lookup_stats *st)
{
	size_t	 i;

	ck_assert_ptr_eq(arg, &got);
	got.n++;
	got.how = how;
	got.nodes = n;
	for (i = 0; i < n; i++)
		node_copy(&got.v[i], &v[i]);
	if (st != NULL)
		got.st = *st;
}

static void
got_node(void *arg, enum d4_outcome how, const struct node *n)
{
	got_lookup(arg, how, n, n != NULL, NULL);
}

START_TEST(pings)
{
	const struct sent	*s;
	struct node		 n;

	peer_node(&p, &n);
	ck_assert_uint_ne(d4_ping(rig.d, &n, got_ping, &got), 0);
	ck_assert_uint_ne(d4_ping(rig.d, &n, got_ping, &got), 0);
	s = expect(D4_PING, &p);
	quiet();
	ck_assert_uint_eq(got.n, 0);
	rig_pass(123);
	peer_pong(&p, s, 77);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_int_eq(got.how, D4_ANSWERED);
	ck_assert_uint_eq(got.rtt, 123);
	ck_assert_uint_eq(got.seq, 77);
	ck_assert_uint_ne(d4_ping(rig.d, &n, got_ping, &got), 0);
	rig_pass(D4_TIMEOUT);
	ck_assert_uint_eq(got.n, 3);
	ck_assert_int_eq(got.how, D4_TIMED_OUT);
	ck_assert_uint_eq(stats().contacts, 0);
	/* The keys would not. */
	rig.keys = KEYS_REFUSE;
	ck_assert_uint_ne(d4_ping(rig.d, &n, got_ping, &got), 0);
	ck_assert_uint_eq(got.n, 3);
	rig_pass(0);
	ck_assert_uint_eq(got.n, 4);
	ck_assert_int_eq(got.how, D4_BUSY);
}
END_TEST

/*
 * A question to one who may not know us: a ping first, its ping is waited
 * for and answered, and then it is asked.
 */
START_TEST(proof_first)
{
	struct node	 n;

	peer_node(&p, &n);
	ck_assert_uint_ne(d4_ask(rig.d, &n, q.key, got_lookup, &got), 0);
	rig_pass(10);
	peer_pong(&p, expect(D4_PING, &p), 0);
	rig_pass(100);
	quiet();
	peer_ping(&p);
	expect(D4_PONG, &p);
	quiet();
	rig_pass(60);
	ck_assert_mem_eq(expect(D4_FINDNODE, &p)->p.findnode.target, q.key,
	    SECP_PUB);
	peer_neighbors(&p, &q, 1);
	rig_pass(100);
	ck_assert_uint_eq(got.n, 1);
	ck_assert_int_eq(got.how, D4_ANSWERED);
	ck_assert_uint_eq(got.nodes, 1);
	ck_assert_mem_eq(got.v[0].key, q.key, SECP_PUB);
	/* Now it knows us. */
	ck_assert_uint_ne(d4_ask(rig.d, &n, q.key, got_lookup, &got), 0);
	expect(D4_FINDNODE, &p);
	rig_pass(D4_TIMEOUT);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_int_eq(got.how, D4_TIMED_OUT);
	/* Or so we thought: it may have missed our pong. */
	ck_assert_uint_ne(d4_ask(rig.d, &n, q.key, got_lookup, &got), 0);
	peer_pong(&p, expect(D4_PING, &p), 0);
	rig_pass(D4_TIMEOUT - 1);
	quiet();
	rig_pass(1);
	expect(D4_FINDNODE, &p);
	peer_neighbors(&p, NULL, 0);
	rig_pass(100);
	ck_assert_uint_eq(got.n, 3);
	ck_assert_int_eq(got.how, D4_ANSWERED);
	ck_assert_uint_eq(got.nodes, 0);
}
END_TEST

/* After 12 hours without its ping it may have forgotten us. */
START_TEST(proof_age)
{
	struct node	 n;

	d4_bond(rig.d, p.id, &p.addr, rig_wall() - 10,
	    rig_wall() - 12 * 3600 + 1);
	d4_bond(rig.d, q.id, &q.addr, rig_wall() - 10,
	    rig_wall() - 12 * 3600);
	peer_node(&p, &n);
	ck_assert_uint_ne(d4_ask(rig.d, &n, q.key, got_lookup, &got), 0);
	expect(D4_FINDNODE, &p);
	peer_node(&q, &n);
	ck_assert_uint_ne(d4_ask(rig.d, &n, q.key, got_lookup, &got), 0);
	expect(D4_PING, &q);
	quiet();
}
END_TEST

/* An answer may come in two packets, and in any order. */
START_TEST(two_packets)
{
	struct node	 n;

	peer_bonded(&p);
	peer_node(&p, &n);
	d4_ask(rig.d, &n, q.key, got_lookup, &got);
	expect(D4_FINDNODE, &p);
	peer_neighbors(&p, many, 12);
	ck_assert_uint_eq(got.n, 0);
	peer_neighbors(&p, many + 12, 4);
	ck_assert_uint_eq(got.n, 1);
	ck_assert_uint_eq(got.nodes, 16);
	d4_ask(rig.d, &n, q.key, got_lookup, &got);
	expect(D4_FINDNODE, &p);
	peer_neighbors(&p, many + 12, 4);
	rig_pass(50);
	peer_neighbors(&p, many, 12);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_uint_eq(got.nodes, 16);
	/* The second is lost: what there is, at the end. */
	d4_ask(rig.d, &n, q.key, got_lookup, &got);
	expect(D4_FINDNODE, &p);
	peer_neighbors(&p, many, 12);
	rig_pass(D4_TIMEOUT - 1);
	ck_assert_uint_eq(got.n, 2);
	rig_pass(1);
	ck_assert_uint_eq(got.n, 3);
	ck_assert_int_eq(got.how, D4_ANSWERED);
	ck_assert_uint_eq(got.nodes, 12);
	/* Two questions to one node: one after the other. */
	d4_ask(rig.d, &n, q.key, got_lookup, &got);
	d4_ask(rig.d, &n, p.key, got_lookup, &got);
	ck_assert_mem_eq(expect(D4_FINDNODE, &p)->p.findnode.target, q.key, 64);
	quiet();
	peer_neighbors(&p, NULL, 0);
	rig_pass(100);
	ck_assert_mem_eq(expect(D4_FINDNODE, &p)->p.findnode.target, p.key, 64);
}
END_TEST

/* Neighbors that cannot be, or may not be told of, are passed over. */
START_TEST(bad_neighbors)
{
	struct peer	 v[8];
	struct node	 n;
	unsigned int	 i;

	for (i = 0; i < 8; i++)
		v[i] = many[i];
	v[0].addr.ip[0] = 10;			/* of a LAN, by a stranger */
	v[1].addr.ip[0] = 127;
	v[2].addr.port = 1024;
	memcpy(v[3].key, rig.me.key, SECP_PUB);
	memset(v[4].key, 0xff, SECP_PUB);	/* no point */
	v[5].addr.ip[0] = 230;
	ck_assert_int_eq(prefix_parse(&rig.forbidden, "20.0.106.0/24"), 0);
	peer_bonded(&p);
	peer_node(&p, &n);
	d4_ask(rig.d, &n, q.key, got_lookup, &got);
	/* Nor is a record an answer. */
	peer_enrresponse(&p, expect(D4_FINDNODE, &p));
	ck_assert_uint_eq(stats().unsolicited, 1);
	peer_neighbors(&p, v, 8);
	rig_pass(100);
	ck_assert_uint_eq(got.nodes, 1);
	ck_assert_mem_eq(got.v[0].key, v[7].key, SECP_PUB);
}
END_TEST

/* One that answers without end has a rate, too, and costs no signatures. */
START_TEST(talkative)
{
	struct peer	 other = q;
	struct node	 n;
	unsigned int	 i;

	peer_bonded(&p);
	peer_node(&p, &n);
	peer_neighbors(&p, many, 12);
	ck_assert_uint_eq(rig.recovers, 0);
	d4_ask(rig.d, &n, q.key, got_lookup, &got);
	expect(D4_FINDNODE, &p);
	other.addr = p.addr;
	for (i = 0; i < 1000; i++)
		peer_neighbors(&other, many, 12);
	ck_assert_uint_le(rig.recovers, 200);
	ck_assert_uint_eq(got.n, 0);
	ck_assert_uint_ge(stats().limited, 800);
}
END_TEST

START_TEST(fetch)
{
	const struct sent	*s;
	struct node		 n;
	struct addr		 lan;

	peer_bonded(&p);
	peer_node(&p, &n);
	peer_record(&p, 9, &p.addr);
	ck_assert_uint_ne(d4_fetch(rig.d, &n, got_node, &got), 0);
	s = expect(D4_ENRREQUEST, &p);
	/* From elsewhere, and for another request. */
	many[0] = p;
	many[0].addr.ip[3] = 3;
	peer_enrresponse(&many[0], s);
	peer_enrresponse(&p, &rig.out[sizeof(rig.out) / sizeof(rig.out[0]) - 1]);
	ck_assert_uint_eq(got.n, 0);
	ck_assert_uint_eq(stats().unsolicited, 2);
	ck_assert_uint_eq(rig.recovers, 0);
	peer_enrresponse(&p, s);
	ck_assert_uint_eq(got.n, 1);
	ck_assert_int_eq(got.how, D4_ANSWERED);
	ck_assert_uint_eq(got.v[0].seq, 9);
	ck_assert_int_eq(enr_equal(&got.v[0].rec->enr, &p.rec), 1);
	/* Again: nobody asked. */
	peer_enrresponse(&p, s);
	ck_assert_uint_eq(got.n, 1);
	/* Its record may not lead us into a LAN. */
	lan = p.addr;
	lan.ip[0] = 10;
	peer_record(&p, 10, &lan);
	d4_fetch(rig.d, &n, got_node, &got);
	peer_enrresponse(&p, expect(D4_ENRREQUEST, &p));
	ck_assert_uint_eq(got.v[0].seq, 10);
	ck_assert_int_eq(addr_cmp(&got.v[0].udp, &p.addr), 0);
}
END_TEST

/* Two nodes at one address, asked the same at once. */
START_TEST(neighbours)
{
	const struct sent	*s;
	struct node		 a, b;

	q.addr = p.addr;
	q.addr.port++;
	peer_bonded(&p);
	peer_bonded(&q);
	peer_node(&p, &a);
	peer_node(&q, &b);
	d4_fetch(rig.d, &a, got_node, &got);
	d4_fetch(rig.d, &b, got_node, &got);
	s = expect(D4_ENRREQUEST, &p);
	peer_enrresponse(&p, s);
	peer_enrresponse(&q, expect(D4_ENRREQUEST, &q));
	ck_assert_uint_eq(got.n, 2);
	ck_assert_uint_eq(stats().unsolicited, 0);
}
END_TEST

/* Records that do not hold, are another's, or old. */
START_TEST(bad_records)
{
	struct node	 n;
	struct enr	 own = p.rec;

	peer_bonded(&p);
	peer_node(&p, &n);
	d4_fetch(rig.d, &n, got_node, &got);
	p.rec = q.rec;
	peer_enrresponse(&p, expect(D4_ENRREQUEST, &p));
	ck_assert_int_eq(got.how, D4_BAD_ANSWER);
	p.rec = own;
	rig.verify_bad = 1;
	d4_fetch(rig.d, &n, got_node, &got);
	peer_enrresponse(&p, expect(D4_ENRREQUEST, &p));
	ck_assert_int_eq(got.how, D4_BAD_ANSWER);
	rig.verify_bad = 0;
	n.seq = 2;
	d4_fetch(rig.d, &n, got_node, &got);
	peer_enrresponse(&p, expect(D4_ENRREQUEST, &p));
	ck_assert_int_eq(got.how, D4_BAD_ANSWER);
	n.seq = 1;
	d4_fetch(rig.d, &n, got_node, &got);
	peer_enrresponse(&p, expect(D4_ENRREQUEST, &p));
	ck_assert_int_eq(got.how, D4_ANSWERED);
	ck_assert_uint_eq(got.n, 4);
	d4_fetch(rig.d, &n, got_node, &got);
	rig_pass(D4_TIMEOUT);
	ck_assert_int_eq(got.how, D4_TIMED_OUT);
}
END_TEST

/* A lookup finds what its nodes tell of, and takes it into the table. */
START_TEST(lookup)
{
	size_t	 i;

	rig_down();
	rig_ready();
	peer_boot(&p);
	ck_assert_uint_ne(d4_lookup(rig.d, q.key, got_lookup, &got), 0);
	ck_assert_uint_eq(stats().running, 1);
	many[30] = p;
	rig_play(15000, many, 31, many, 12, 0);
	ck_assert_uint_eq(got.n, 1);
	ck_assert_int_eq(got.how, D4_ANSWERED);
	ck_assert_uint_eq(got.nodes, 13);
	for (i = 1; i < got.nodes; i++)
		ck_assert_int_le(node_cmp(q.id, got.v[i - 1].id, got.v[i].id),
		    0);
	ck_assert_uint_eq(got.st.answered, 13);
	ck_assert_uint_eq(got.st.hops, 1);
	ck_assert_uint_ge(table_count(d4_table(rig.d)), 13);
	ck_assert_uint_eq(stats().running, 0);
}
END_TEST

/* The dead do not stop it, nor does an empty table. */
START_TEST(lookup_dead)
{
	ck_assert_uint_ne(d4_lookup(rig.d, q.key, got_lookup, &got), 0);
	ck_assert_uint_eq(got.n, 0);
	rig_pass(0);
	ck_assert_uint_eq(got.n, 1);
	ck_assert_uint_eq(got.nodes, 0);
	peer_boot(&p);
	ck_assert_uint_ne(d4_lookup(rig.d, q.key, got_lookup, &got), 0);
	many[30] = p;
	rig_play(20000, many, 31, many, 12, 0xf0);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_uint_eq(got.nodes, 9);
}
END_TEST

/* Everything that is under way can be called off, once. */
START_TEST(cancels)
{
	struct node	 n;
	uint32_t	 id[5];
	unsigned int	 i;

	peer_boot(&q);
	peer_bonded(&p);
	peer_node(&p, &n);
	id[0] = d4_ping(rig.d, &n, got_ping, &got);
	id[1] = d4_fetch(rig.d, &n, got_node, &got);
	id[2] = d4_lookup(rig.d, q.key, got_lookup, &got);
	id[3] = d4_ask(rig.d, &n, q.key, got_lookup, &got);
	id[4] = d4_resolve(rig.d, q.key, got_node, &got);
	rig_pass(1);
	for (i = 0; i < 5; i++) {
		ck_assert_uint_ne(id[i], 0);
		d4_cancel(rig.d, id[i]);
		ck_assert_uint_eq(got.n, i + 1);
		ck_assert_int_eq(got.how, D4_CANCELLED);
		d4_cancel(rig.d, id[i]);
	}
	ck_assert_uint_eq(stats().running, 0);
	rig_play(5000, &p, 1, NULL, 0, 0);
	ck_assert_uint_eq(got.n, 5);
	ck_assert_uint_eq(stats().contacts, 0);
}
END_TEST

/* A callback that cancels what has waited with it, and asks anew. */
static uint32_t	 twin;

static void
cancel_twin(void *arg, enum d4_outcome how, uint32_t rtt, uint64_t seq)
{
	struct node	 n;

	(void)rtt;
	(void)seq;
	got.n++;
	if (how == D4_CANCELLED)
		return;
	d4_cancel(rig.d, twin);
	peer_node(&p, &n);
	d4_ping(rig.d, &n, got_ping, arg);
}

START_TEST(from_callbacks)
{
	struct node	 n;

	peer_node(&p, &n);
	d4_ping(rig.d, &n, cancel_twin, &got);
	twin = d4_ping(rig.d, &n, cancel_twin, &got);
	peer_pong(&p, expect(D4_PING, &p), 0);
	ck_assert_uint_eq(got.n, 2);
	rig_pass(1);
	peer_pong(&p, expect(D4_PING, &p), 3);
	ck_assert_uint_eq(got.n, 3);
	ck_assert_uint_eq(got.seq, 3);
	quiet();
}
END_TEST

/* Not more at once than may be. */
START_TEST(too_many)
{
	struct node	 n;
	unsigned int	 i, taken = 0;

	peer_node(&p, &n);
	for (i = 0; i < 100; i++)
		taken += d4_ping(rig.d, &n, got_ping, &got) != 0;
	ck_assert_uint_eq(taken, 64);
	rig_pass(1000);
	ck_assert_uint_eq(got.n, 64);
	for (i = taken = 0; i < 100; i++)
		taken += d4_lookup(rig.d, q.key, got_lookup, &got) != 0;
	ck_assert_uint_eq(taken, 16);
	rig_pass(1);
	ck_assert_uint_eq(got.n, 80);
}
END_TEST

START_TEST(resolve)
{
	peer_boot(&p);
	peer_record(&q, 6, &q.addr);
	ck_assert_uint_ne(d4_resolve(rig.d, q.key, got_node, &got), 0);
	many[0] = p;
	many[1] = q;
	rig_play(20000, many, 2, &q, 1, 0);
	ck_assert_uint_eq(got.n, 1);
	ck_assert_int_eq(got.how, D4_ANSWERED);
	ck_assert_uint_eq(got.v[0].seq, 6);
	ck_assert_int_eq(addr_cmp(&got.v[0].udp, &q.addr), 0);
	/* Nobody by that name. */
	ck_assert_uint_ne(d4_resolve(rig.d, many[9].key, got_node, &got), 0);
	rig_play(20000, many, 2, &q, 1, 0);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_int_eq(got.how, D4_TIMED_OUT);
	ck_assert_uint_eq(got.nodes, 0);
}
END_TEST

/* Freed in the middle of everything. */
START_TEST(freed)
{
	struct node	 n;

	peer_boot(&q);
	peer_bonded(&p);
	peer_node(&p, &n);
	d4_start(rig.d);
	rig.keys = KEYS_LATER;
	rig_pass(1);
	d4_ping(rig.d, &n, got_ping, &got);
	d4_fetch(rig.d, &n, got_node, &got);
	d4_ask(rig.d, &n, q.key, got_lookup, &got);
	d4_lookup(rig.d, q.key, got_lookup, &got);
	d4_want(rig.d, 5);
	peer_ping(&many[0]);
	rig_pass(100);
	rig_sign();
	rig_pass(100);
	ck_assert_uint_ne(stats().contacts, 0);
	rig_down();
	ck_assert_uint_eq(got.n, 0);
}
END_TEST

static void
count(void *arg, const struct d4_running *r)
{
	ck_assert_str_eq(r->why, "asked");
	ck_assert_mem_eq(r->target, q.id, NODE_ID);
	++*(unsigned int *)arg;
}

START_TEST(shown)
{
	unsigned int	 n = 0;
	int64_t		 pong, ping;

	peer_bonded(&p);
	d4_proof(rig.d, p.id, &p.addr, &pong, &ping);
	ck_assert_int_eq(pong, rig_wall() - 10);
	ck_assert_int_eq(ping, rig_wall() - 10);
	d4_proof(rig.d, q.id, &p.addr, &pong, &ping);
	ck_assert_int_eq(pong, 0);
	d4_lookup(rig.d, q.key, got_lookup, &got);
	d4_lookups(rig.d, count, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(stats().bonds, 1);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("d4ask");
	TCase	*tc = tcase_create("all");
	SRunner	*sr = srunner_create(s);
	int	 bad;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, pings);
	tcase_add_test(tc, proof_first);
	tcase_add_test(tc, proof_age);
	tcase_add_test(tc, two_packets);
	tcase_add_test(tc, bad_neighbors);
	tcase_add_test(tc, talkative);
	tcase_add_test(tc, fetch);
	tcase_add_test(tc, neighbours);
	tcase_add_test(tc, bad_records);
	tcase_add_test(tc, lookup);
	tcase_add_test(tc, lookup_dead);
	tcase_add_test(tc, cancels);
	tcase_add_test(tc, from_callbacks);
	tcase_add_test(tc, too_many);
	tcase_add_test(tc, resolve);
	tcase_add_test(tc, freed);
	tcase_add_test(tc, shown);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
