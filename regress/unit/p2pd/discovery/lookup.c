/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/lookup.h"

#define NET	256

/* A network in which a node's id is its number, and the target 0. */
static struct node	 net[NET];
static uint8_t		 self[NODE_ID], target[NODE_ID];
static struct lookup	*l;
static uint32_t		 open_q[NET * 8], open_n[NET * 8];
static size_t		 nopen;
static unsigned int	 asked[NET], nseen, most_open;
static int		 busy, alive_all;

static int
ask(void *arg, uint32_t q, const struct node *n)
{
	(void)arg;
	if (busy)
		return -1;
	asked[n->key[0]]++;
	open_q[nopen] = q;
	open_n[nopen++] = n->key[0];
	if (nopen > most_open)
		most_open = nopen;
	return 0;
}

static void
seen(void *arg, const struct node *n)
{
	(void)arg;
	(void)n;
	nseen++;
}

static int
alive(void *arg, const struct node *n)
{
	(void)arg;
	(void)n;
	return alive_all;
}

static const struct lookup_ops ops = { ask, seen, alive };

static void
setup(void)
{
	unsigned int	 i;

	memset(self, 0xff, sizeof(self));
	memset(target, 0, sizeof(target));
	for (i = 0; i < NET; i++) {
		memset(&net[i], 0, sizeof(net[i]));
		net[i].id[0] = i;
		net[i].id[1] = 1;
		net[i].key[0] = i;
	}
	memset(asked, 0, sizeof(asked));
	nopen = nseen = most_open = busy = alive_all = 0;
}

static void
begin(unsigned int tries)
{
	l = lookup_new(&ops, NULL, self, target, tries, 1000);
	ck_assert_ptr_nonnull(l);
}

/* The oldest open question is answered: ok with the n nodes from on. */
static uint32_t
answer(int ok, unsigned int from, size_t n)
{
	uint32_t	 who = open_n[0], q = open_q[0];
	size_t		 i;

	ck_assert_uint_gt(nopen, 0);
	nopen--;
	for (i = 0; i < nopen; i++) {
		open_q[i] = open_q[i + 1];
		open_n[i] = open_n[i + 1];
	}
	lookup_answer(l, q, ok, &net[from], n);
	return who;
}

static unsigned int
result(unsigned int who[LOOKUP_K])
{
	const struct node	*v[LOOKUP_K];
	unsigned int		 i, n;

	n = lookup_result(l, v, LOOKUP_K);
	for (i = 0; i < n; i++)
		who[i] = v[i]->key[0];
	return n;
}

START_TEST(nobody)
{
	begin(3);
	ck_assert_int_eq(lookup_run(l, 1000), 0);
	lookup_add(l, &net[0]);
	busy = 1;
	ck_assert_int_eq(lookup_run(l, 1000), 0);
	lookup_free(l);
	lookup_free(NULL);
}
END_TEST

/* Step by step towards the target, three at a time, none twice. */
START_TEST(converges)
{
	struct lookup_stats	 st;
	unsigned int		 who[LOOKUP_K], i, n;
	uint32_t		 from;

	begin(1);
	for (i = 200; i < 216; i++)
		lookup_add(l, &net[i]);
	while (lookup_run(l, 1500)) {
		from = open_n[0];
		answer(1, from < 20 ? 0 : from - 20, LOOKUP_K);
	}
	ck_assert_uint_eq(most_open, LOOKUP_ALPHA);
	n = result(who);
	ck_assert_uint_eq(n, LOOKUP_K);
	for (i = 0; i < n; i++)
		ck_assert_uint_eq(who[i], i);
	for (i = 0; i < NET; i++)
		ck_assert_uint_le(asked[i], 1);
	lookup_stats(l, &st, 2500);
	ck_assert_uint_eq(st.ms, 1500);
	ck_assert_uint_eq(st.answered, st.asked);
	ck_assert_uint_eq(st.seen, nseen);
	ck_assert_uint_ge(st.hops, 10);
	ck_assert_uint_lt(st.asked, 80);
	lookup_free(l);
}
END_TEST

/* We are not told of ourselves, nor twice of anybody. */
START_TEST(once)
{
	struct node	 me;

	begin(1);
	memset(&me, 0, sizeof(me));
	memcpy(me.id, self, NODE_ID);
	lookup_add(l, &me);
	ck_assert_uint_eq(nseen, 0);
	lookup_add(l, &net[1]);
	lookup_add(l, &net[1]);
	ck_assert_uint_eq(nseen, 1);
	ck_assert_int_eq(lookup_run(l, 1000), 1);
	answer(1, 1, 1);
	ck_assert_int_eq(lookup_run(l, 1000), 0);
	/* Answers to nothing. */
	lookup_answer(l, 1, 1, &net[5], 3);
	lookup_answer(l, 0, 1, &net[5], 3);
	lookup_answer(l, 77, 1, &net[5], 3);
	ck_assert_uint_eq(nseen, 1);
	lookup_free(l);
}
END_TEST

/* The dead make room for the next, and are asked again at the end. */
START_TEST(dead)
{
	unsigned int	 who[LOOKUP_K], i, n;

	begin(4);
	for (i = 0; i < 32; i++)
		lookup_add(l, &net[i]);
	while (lookup_run(l, 1000))
		answer(open_n[0] % 2, 0, 0);
	n = result(who);
	ck_assert_uint_eq(n, LOOKUP_K);
	for (i = 0; i < n; i++)
		ck_assert_uint_eq(who[i], 2 * i + 1);
	for (i = 0; i < 31; i++)
		ck_assert_uint_eq(asked[i], i % 2 ? 1 : 4);
	/* Unless they show otherwise that they are there. */
	alive_all = 1;
	ck_assert_uint_eq(result(who), LOOKUP_K);
	for (i = 0; i < LOOKUP_K; i++)
		ck_assert_uint_eq(who[i], i);
	lookup_free(l);
}
END_TEST

/* One that answers at the second try is found. */
START_TEST(second_try)
{
	unsigned int	 who[LOOKUP_K], i;

	begin(2);
	for (i = 0; i < LOOKUP_K; i++)
		lookup_add(l, &net[i]);
	while (lookup_run(l, 1000))
		answer(asked[open_n[0]] == 2 || open_n[0] != 5, 0, 0);
	ck_assert_uint_eq(asked[5], 2);
	ck_assert_uint_eq(result(who), LOOKUP_K);
	lookup_free(l);
}
END_TEST

/* Nodes without end, each closer than the last: it ends all the same. */
START_TEST(liars)
{
	static struct node	 v[LOOKUP_K];
	struct lookup_stats	 st;
	unsigned int		 i;
	uint32_t		 n = 0xffffffff, q;

	begin(3);
	lookup_add(l, &net[255]);
	while (lookup_run(l, 1000)) {
		for (i = 0; i < LOOKUP_K; i++) {
			memset(&v[i], 0, sizeof(v[i]));
			n--;
			v[i].id[0] = n >> 24;
			v[i].id[1] = n >> 16;
			v[i].id[2] = n >> 8;
			v[i].id[3] = n;
			v[i].id[31] = n * 7;
		}
		q = open_q[--nopen];
		lookup_answer(l, q, 1, v, LOOKUP_K);
	}
	lookup_stats(l, &st, 1);
	ck_assert_uint_le(st.seen, LOOKUP_SEEN);
	ck_assert_uint_le(st.asked, 200);
	lookup_free(l);
}
END_TEST

/* Freed with questions open. */
START_TEST(cancelled)
{
	begin(1);
	lookup_add(l, &net[1]);
	lookup_add(l, &net[2]);
	ck_assert_int_eq(lookup_run(l, 1000), 1);
	lookup_free(l);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("lookup");
	TCase	*tc = tcase_create("all");
	SRunner	*sr = srunner_create(s);
	int	 bad;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, nobody);
	tcase_add_test(tc, converges);
	tcase_add_test(tc, once);
	tcase_add_test(tc, dead);
	tcase_add_test(tc, second_try);
	tcase_add_test(tc, liars);
	tcase_add_test(tc, cancelled);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
