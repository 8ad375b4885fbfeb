/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "regress/unit/p2pd/discovery/rig.h"

/* What the engine does of its own. */

static struct peer	 p, q, many[40];

static void
setup(void)
{
	size_t	 i;

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
fetched(void *arg, enum d4_outcome how, const struct node *n)
{
	(void)n;
	*(enum d4_outcome *)arg = how;
}

/* Seeds and bootnodes at the start; then a lookup for ourselves. */
START_TEST(begins)
{
	struct node	 n;

	peer_node(&p, &rig.seeds[0]);
	rig.nseeds = 1;
	peer_bonded(&p);
	peer_bonded(&q);
	peer_boot(&q);
	peer_boot(&q);
	peer_node(&rig.me, &n);
	ck_assert_int_eq(d4_bootnode(rig.d, &n), -1);
	ck_assert_int_eq(prefix_parse(&rig.forbidden, "20.0.100.0/24"), 0);
	peer_node(&many[0], &n);
	ck_assert_int_eq(d4_bootnode(rig.d, &n), -1);
	d4_start(rig.d);
	rig_pass(0);
	ck_assert_uint_eq(table_count(d4_table(rig.d)), 2);
	ck_assert_mem_eq(expect(D4_FINDNODE, NULL)->p.findnode.target,
	    rig.me.key, SECP_PUB);
	ck_assert_mem_eq(expect(D4_FINDNODE, NULL)->p.findnode.target,
	    rig.me.key, SECP_PUB);
	quiet();
	ck_assert_uint_eq(rig.nrefreshed, 0);
	rig_play(12000, &p, 1, NULL, 0, 0);
	ck_assert_uint_eq(rig.nrefreshed, 1);
	ck_assert_int_eq(stats().ready, 1);
	ck_assert_uint_eq(stats().lookups, 4);
}
END_TEST

/* Nobody answers: again after five seconds, then less and less often. */
START_TEST(hunger)
{
	unsigned int	 i;

	peer_boot(&p);
	d4_start(rig.d);
	rig_pass(60000);
	ck_assert_uint_ge(rig.nrefreshed, 3);
	ck_assert_uint_le(rig.nrefreshed, 6);
	ck_assert_uint_eq(rig.refreshed, 0);
	rig_pass(3600 * 1000);
	ck_assert_uint_le(rig.nrefreshed, 45);
	/* It comes, and is found. */
	rig.next = rig.nout;
	for (i = 0; i < 140 && table_count_live(d4_table(rig.d)) == 0; i++)
		rig_play(1000, &p, 1, NULL, 0, 0);
	ck_assert_uint_eq(table_count_live(d4_table(rig.d)), 1);
	/* A bootnode that is added to nobody's network is asked at once. */
	rig_down();
	rig_ready();
	peer_boot(&q);
	rig_pass(0);
	expect(D4_PING, &q);
}
END_TEST

/* The network is away for long: it is not half an hour until we are back. */
START_TEST(outage)
{
	unsigned int	 i;

	peer_boot(&p);
	d4_start(rig.d);
	for (i = 0; i < 7200; i++) {
		rig_play(1000, &p, 1, NULL, 0, 0);
		if (rig.nout > 3000)
			rig.nout = rig.next = 0;
	}
	ck_assert_uint_eq(table_count_live(d4_table(rig.d)), 1);
	for (i = 0; i < 1800 && table_count(d4_table(rig.d)) > 0; i++) {
		rig_pass(1000);
		rig.nout = rig.next = 0;
	}
	ck_assert_uint_eq(table_count(d4_table(rig.d)), 0);
	rig.nrefreshed = 0;
	for (i = 0; i < 600; i++) {
		rig_pass(1000);
		rig.nout = rig.next = 0;
	}
	ck_assert_uint_ge(rig.nrefreshed, 2);
	ck_assert_uint_le(rig.nrefreshed, 10);
	for (i = 0; i < 140 && table_count_live(d4_table(rig.d)) == 0; i++)
		rig_play(1000, &p, 1, NULL, 0, 0);
	ck_assert_uint_eq(table_count_live(d4_table(rig.d)), 1);
}
END_TEST

/* A node of the table is checked, thrice, and goes; or gets its record. */
START_TEST(checks)
{
	const struct tnode	*tn;
	unsigned int		 i;

	rig_down();
	rig_ready();
	peer_prove(&p);
	peer_record(&p, 4, &p.addr);
	ck_assert_int_eq(table_find(d4_table(rig.d), p.id)->live, 0);
	rig_play(1500, &p, 1, NULL, 0, 0);
	tn = table_find(d4_table(rig.d), p.id);
	ck_assert_int_eq(tn->live, 1);
	ck_assert_uint_eq(tn->node.seq, 4);
	ck_assert_ptr_nonnull(tn->node.rec);
	for (i = 0; i < 100 && tn->checks <= TABLE_SEED_CHECKS; i++)
		rig_play(1000, &p, 1, NULL, 0, 0);
	ck_assert_uint_eq(rig.nkept, 1);
	/* It moves, by its record, and is checked there. */
	q = p;
	q.addr.ip[3] = 200;
	peer_record(&q, 5, &q.addr);
	for (i = 0; i < 100 && addr_cmp(&tn->node.udp, &q.addr) != 0; i++) {
		p.rec = q.rec;
		rig_play(1000, &p, 1, NULL, 0, 0);
	}
	ck_assert_int_eq(addr_cmp(&tn->node.udp, &q.addr), 0);
	rig_play(4000, &q, 1, NULL, 0, 0);
	ck_assert_int_eq(tn->live, 1);
	/* It falls silent. */
	rig_pass(60000);
	ck_assert_ptr_null(table_find(d4_table(rig.d), p.id));
	ck_assert_uint_eq(stats().contacts, 0);
}
END_TEST

/* With the keys busy or gone nobody was asked: that is no node's failure. */
START_TEST(checks_unsigned)
{
	struct node	 n;
	enum keys	 how[2] = { KEYS_REFUSE, KEYS_LOSE };
	enum d4_outcome	 outcome = D4_ANSWERED;
	size_t		 i, j;

	rig_down();
	rig_ready();
	for (i = 0; i < 10; i++)
		peer_boot(&many[i]);
	rig_play(20000, many, 10, many, 10, 0);
	ck_assert_uint_eq(table_count_live(d4_table(rig.d)), 10);
	for (i = 0; i < 2; i++) {
		rig.keys = how[i];
		for (j = 0; j < 10; j++) {
			peer_node(&many[j], &n);
			(void)d4_fetch(rig.d, &n, fetched, &outcome);
		}
		rig_pass(120000);
		ck_assert_uint_eq(table_count_live(d4_table(rig.d)), 10);
		ck_assert_int_eq(outcome, D4_BUSY);
		/* A stranger to us, whose proof could not be had. */
		peer_node(&p, &n);
		outcome = D4_ANSWERED;
		(void)d4_fetch(rig.d, &n, fetched, &outcome);
		rig_pass(10000);
		ck_assert_int_eq(outcome, D4_BUSY);
	}
	rig.keys = KEYS_AT_ONCE;
	rig.next = rig.nout;
	rig_play(10000, many, 10, many, 10, 0);
	ck_assert_uint_eq(table_count_live(d4_table(rig.d)), 10);
}
END_TEST

/* The walk feeds the hungry, and rests when nobody is. */
START_TEST(walk)
{
	unsigned int	 questions;

	peer_boot(&p);
	many[30] = p;
	d4_start(rig.d);
	rig_play(20000, many, 31, many, 12, 0);
	ck_assert_uint_eq(rig.nfound, 0);
	d4_want(rig.d, 10);
	rig_play(3000, many, 31, many, 12, 0);
	ck_assert_uint_ge(rig.nfound, 12);
	/* It has met them all, and slows down. */
	rig_play(60000, many, 31, many, 12, 0);
	questions = rig_play(60000, many, 31, many, 12, 0);
	ck_assert_uint_ge(questions, 12);
	ck_assert_uint_le(questions, 200);
	/* News. */
	rig.nfound = 0;
	rig_play(40000, many, 31, many + 12, 12, 0);
	ck_assert_uint_ge(rig.nfound, 24);
	d4_want(rig.d, 0);
	rig_play(3000, many, 31, many, 12, 0);
	rig.nfound = 0;
	rig_play(10000, many, 31, many, 12, 0);
	ck_assert_uint_eq(rig.nfound, 0);
	ck_assert_uint_eq(stats().wanted, 0);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("d4maint");
	TCase	*tc = tcase_create("all");
	SRunner	*sr = srunner_create(s);
	int	 bad;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, begins);
	tcase_add_test(tc, hunger);
	tcase_add_test(tc, outage);
	tcase_add_test(tc, checks);
	tcase_add_test(tc, checks_unsigned);
	tcase_add_test(tc, walk);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
