/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/table.h"

static uint8_t		 self[NODE_ID];
static struct table	*t;
static uint64_t		 rng;

static uint32_t
chance(void *arg, uint32_t bound)
{
	(void)arg;
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return bound == 0 ? 0 : (uint32_t)(rng >> 33) % bound;
}

static void
setup(void)
{
	rng = 1;
	memset(self, 0, sizeof(self));
	t = table_new(self, chance, NULL);
	ck_assert_ptr_nonnull(t);
}

static void
teardown(void)
{
	table_free(t);
}

/* The nth node at a distance, in the subnet net. */
static struct node
make(unsigned int dist, uint16_t n, uint16_t net)
{
	struct node	 v;

	memset(&v, 0, sizeof(v));
	v.id[(256 - dist) / 8] = 0x80 >> (256 - dist) % 8;
	v.id[30] = n >> 8;
	v.id[31] = n;
	v.key[0] = n;
	v.udp.af = 4;
	v.udp.ip[0] = 20;
	v.udp.ip[1] = net >> 8;
	v.udp.ip[2] = net;
	v.udp.ip[3] = n;
	v.udp.port = 30303;
	return v;
}

static enum table_add
add(struct node v, enum table_how how)
{
	return table_add(t, &v, how, 1000);
}

static const struct tnode *
pass(const struct node *v, int ok)
{
	const struct tnode	*tn = table_find(t, v->id);

	ck_assert_ptr_nonnull(tn);
	return table_checked(t, tn->serial, v->id, ok, 2000);
}

/* Not ourselves, nobody without an address, nobody inbound at first. */
START_TEST(refused)
{
	struct node	 v = make(250, 1, 1);

	ck_assert_int_eq(add(v, TABLE_INBOUND), TABLE_REFUSED);
	table_open(t);
	ck_assert_int_eq(add(v, TABLE_INBOUND), TABLE_ADDED);
	ck_assert_int_eq(add(v, TABLE_INBOUND), TABLE_KNOWN);
	v = make(250, 2, 2);
	v.udp.af = 0;
	ck_assert_int_eq(add(v, TABLE_HEARD), TABLE_REFUSED);
	v = make(250, 2, 2);
	v.udp.port = 0;
	ck_assert_int_eq(add(v, TABLE_HEARD), TABLE_REFUSED);
	v = make(250, 2, 2);
	memset(v.udp.ip, 0, sizeof(v.udp.ip));
	ck_assert_int_eq(add(v, TABLE_HEARD), TABLE_REFUSED);
	v = make(250, 2, 2);
	memcpy(v.id, self, NODE_ID);
	ck_assert_int_eq(add(v, TABLE_HEARD), TABLE_REFUSED);
	ck_assert_uint_eq(table_count(t), 1);
}
END_TEST

/* Sixteen, and ten behind them, of which the newest stay. */
START_TEST(buckets)
{
	const struct table_bucket	*b;
	struct node			 v;
	unsigned int			 i;

	for (i = 0; i < 16; i++)
		ck_assert_int_eq(add(make(256, i, i), TABLE_HEARD), TABLE_ADDED);
	for (; i < 40; i++)
		ck_assert_int_eq(add(make(256, i, i), TABLE_HEARD),
		    TABLE_SPARED);
	b = table_bucket(t, 16);
	ck_assert_uint_eq(b->n, 16);
	ck_assert_uint_eq(b->nspare, 10);
	v = make(256, 39, 39);
	ck_assert_mem_eq(b->spare[0]->node.id, v.id, NODE_ID);
	/* The far end of the tree shares the first bucket. */
	ck_assert_int_eq(add(make(240, 1, 100), TABLE_HEARD), TABLE_ADDED);
	ck_assert_int_eq(add(make(17, 1, 101), TABLE_HEARD), TABLE_ADDED);
	ck_assert_int_eq(add(make(241, 1, 102), TABLE_HEARD), TABLE_ADDED);
	ck_assert_uint_eq(table_bucket(t, 0)->n, 2);
	ck_assert_uint_eq(table_bucket(t, 1)->n, 1);
	ck_assert_uint_eq(table_count(t), 19);
	ck_assert_uint_eq(table_count_spares(t), 10);
	/* One that goes is followed by a spare. */
	v = make(256, 3, 3);
	table_remove(t, v.id, 5);
	ck_assert_ptr_null(table_find(t, v.id));
	ck_assert_uint_eq(b->n, 16);
	ck_assert_uint_eq(b->nspare, 9);
	/* Spares can be removed, and known ones stay where they are. */
	v = b->spare[4]->node;
	ck_assert_int_eq(add(v, TABLE_HEARD), TABLE_KNOWN);
	table_remove(t, v.id, 5);
	ck_assert_uint_eq(b->nspare, 8);
}
END_TEST

/* Two of a /24 in a bucket, ten in the table, spares included. */
START_TEST(limits)
{
	struct node	 v;
	unsigned int	 i, dist;

	ck_assert_int_eq(add(make(256, 1, 1), TABLE_HEARD), TABLE_ADDED);
	ck_assert_int_eq(add(make(256, 2, 1), TABLE_HEARD), TABLE_ADDED);
	ck_assert_int_eq(add(make(256, 3, 1), TABLE_HEARD), TABLE_LIMITED);
	for (dist = 255; dist > 251; dist--)
		for (i = 0; i < 2; i++)
			ck_assert_int_eq(add(make(dist, i, 1), TABLE_HEARD),
			    TABLE_ADDED);
	ck_assert_int_eq(add(make(251, 1, 1), TABLE_HEARD), TABLE_LIMITED);
	v = make(255, 0, 1);
	table_remove(t, v.id, 1);
	ck_assert_int_eq(add(make(251, 1, 1), TABLE_HEARD), TABLE_ADDED);
	ck_assert_int_eq(add(make(251, 2, 1), TABLE_HEARD), TABLE_LIMITED);
	/* Replacements count. */
	for (i = 0; i < 16; i++)
		add(make(250, i, 100 + i), TABLE_HEARD);
	ck_assert_int_eq(add(make(250, 60, 7), TABLE_HEARD), TABLE_SPARED);
	ck_assert_int_eq(add(make(250, 61, 7), TABLE_HEARD), TABLE_SPARED);
	ck_assert_int_eq(add(make(250, 62, 7), TABLE_HEARD), TABLE_LIMITED);
}
END_TEST

START_TEST(limits_others)
{
	struct node	 v;
	unsigned int	 i;

	/* A LAN is exempt. */
	for (i = 0; i < 16; i++) {
		v = make(256, i, 1);
		v.udp.ip[0] = 10;
		ck_assert_int_eq(add(v, TABLE_HEARD), TABLE_ADDED);
	}
	/* IPv6 counts by /48. */
	for (i = 0; i < 4; i++) {
		v = make(255, i, 1);
		memset(v.udp.ip, 0, sizeof(v.udp.ip));
		v.udp.af = 6;
		v.udp.ip[0] = 0x2a;
		v.udp.ip[5] = i / 3;
		v.udp.ip[6] = i;
		ck_assert_int_eq(add(v, TABLE_HEARD),
		    i == 2 ? TABLE_LIMITED : TABLE_ADDED);
	}
}
END_TEST

/* The nth node at a distance, in an own /48 of the /32. */
static struct node
make6(unsigned int dist, uint16_t n, uint16_t wide)
{
	struct node	 v = make(dist, n, 1);

	memset(v.udp.ip, 0, sizeof(v.udp.ip));
	v.udp.af = 6;
	v.udp.ip[0] = 0x2a;
	v.udp.ip[2] = wide >> 8;
	v.udp.ip[3] = wide;
	v.udp.ip[4] = dist;
	v.udp.ip[5] = n;
	return v;
}

/* A /32 of IPv6 has subnets for all of the table, and may not have it. */
START_TEST(limits_wide)
{
	struct node	 v;
	unsigned int	 dist, i;

	for (dist = 256; dist > 240; dist--)
		for (i = 0; i < 16; i++)
			add(make6(dist, i, 1), TABLE_HEARD);
	ck_assert_uint_eq(table_count(t), TABLE_WIDE);
	ck_assert_uint_eq(table_bucket(t, 16)->n, TABLE_WIDE_BUCKET);
	ck_assert_int_eq(add(make6(256, 20, 2), TABLE_HEARD), TABLE_ADDED);
	/* Room for one, and for a new address of one who is there. */
	v = make6(256, 0, 1);
	table_remove(t, v.id, 1);
	v = make6(256, 20, 1);
	table_open(t);
	ck_assert_int_eq(add(v, TABLE_INBOUND), TABLE_KNOWN);
	ck_assert_int_eq(addr_cmp(&table_find(t, v.id)->node.udp, &v.udp), 0);
	ck_assert_int_eq(add(make6(256, 21, 1), TABLE_HEARD), TABLE_LIMITED);
	/* A LAN's has no such limit. */
	for (i = 30; i < 40; i++) {
		v = make6(256, i, 1);
		v.udp.ip[0] = 0xfd;
		ck_assert_int_eq(add(v, TABLE_HEARD), TABLE_ADDED);
	}
}
END_TEST

static void
give_record(struct node *v, struct record *r, uint64_t seq)
{
	r->refs += 100;
	r->enr.seq = seq;
	v->rec = r;
	v->seq = seq;
}

/* Hearsay changes nobody but by a newer record; a node speaks for itself. */
START_TEST(updates)
{
	struct node		 v = make(256, 1, 1), w;
	const struct tnode	*tn;
	static struct record	 r;	/* outlives the table */
	uint32_t		 serial;

	table_open(t);
	add(v, TABLE_HEARD);
	ck_assert_ptr_nonnull(pass(&v, 1));
	tn = table_find(t, v.id);
	ck_assert_int_eq(tn->live, 1);
	ck_assert_int_eq(tn->list, TABLE_SLOW);
	serial = tn->serial;
	w = make(256, 1, 9);
	ck_assert_int_eq(add(w, TABLE_HEARD), TABLE_KNOWN);
	ck_assert_int_eq(addr_cmp(&tn->node.udp, &v.udp), 0);
	/* A newer record, elsewhere: to be checked anew, and soon. */
	give_record(&w, &r, 7);
	add(w, TABLE_HEARD);
	ck_assert_int_eq(addr_cmp(&tn->node.udp, &w.udp), 0);
	ck_assert_uint_eq(tn->node.seq, 7);
	ck_assert_int_eq(tn->live, 0);
	ck_assert_int_eq(tn->list, TABLE_FAST);
	ck_assert_uint_eq(table_count_live(t), 0);
	/* The answer of the old address is of no use. */
	ck_assert_ptr_null(table_checked(t, serial, v.id, 1, 2000));
	ck_assert_int_eq(tn->live, 0);
	/* An older one does nothing; its own word does. */
	give_record(&v, &r, 6);
	add(v, TABLE_HEARD);
	ck_assert_uint_eq(tn->node.seq, 7);
	v.rec = NULL;
	v.seq = 0;
	add(v, TABLE_INBOUND);
	ck_assert_int_eq(addr_cmp(&tn->node.udp, &v.udp), 0);
	ck_assert_uint_eq(tn->node.seq, 7);
	/* The other family is not a change of one that is live. */
	ck_assert_ptr_nonnull(pass(&v, 1));
	v.udp.af = 6;
	v.udp.ip[0] = 0x2a;
	add(v, TABLE_INBOUND);
	ck_assert_uint_eq(tn->node.udp.af, 4);
}
END_TEST

/* A move into a subnet that is full does not happen. */
START_TEST(update_limited)
{
	struct node	 v = make(256, 3, 3), w;

	table_open(t);
	add(make(256, 1, 1), TABLE_HEARD);
	add(make(256, 2, 1), TABLE_HEARD);
	add(v, TABLE_HEARD);
	w = v;
	w.udp.ip[2] = 1;
	ck_assert_int_eq(add(w, TABLE_INBOUND), TABLE_KNOWN);
	ck_assert_int_eq(addr_cmp(&table_find(t, v.id)->node.udp, &v.udp), 0);
	ck_assert_int_eq(add(make(256, 4, 3), TABLE_HEARD), TABLE_ADDED);
	ck_assert_int_eq(add(make(256, 5, 3), TABLE_HEARD), TABLE_LIMITED);
}
END_TEST

/* Checks passed count up; one failed leaves a third, and none removes. */
START_TEST(revalidation)
{
	struct node		 v = make(256, 1, 1);
	const struct tnode	*tn;
	unsigned int		 i;

	add(v, TABLE_HEARD);
	tn = table_find(t, v.id);
	ck_assert_int_eq(tn->list, TABLE_FRESH);
	for (i = 0; i < 10; i++)
		ck_assert_ptr_eq(pass(&v, 1), tn);
	ck_assert_uint_eq(tn->checks, 10);
	ck_assert_ptr_eq(pass(&v, 0), tn);
	ck_assert_uint_eq(tn->checks, 3);
	ck_assert_int_eq(tn->live, 0);
	ck_assert_int_eq(tn->list, TABLE_FAST);
	ck_assert_ptr_eq(pass(&v, 1), tn);
	ck_assert_int_eq(tn->list, TABLE_SLOW);
	ck_assert_ptr_eq(pass(&v, 0), tn);
	ck_assert_ptr_null(pass(&v, 0));
	ck_assert_ptr_null(table_find(t, v.id));
	/* What is gone is ignored, and so is one that came back. */
	ck_assert_ptr_null(table_checked(t, 1, v.id, 1, 1));
	add(v, TABLE_HEARD);
	ck_assert_ptr_null(table_checked(t, 1, v.id, 1, 1));
	ck_assert_int_eq(table_find(t, v.id)->live, 0);
}
END_TEST

/* Runs the table's checks for so long; counts by list. */
static void
checks(uint64_t from, uint64_t ms, unsigned int n[TABLE_LISTS], int ok)
{
	const struct tnode	*tn;
	uint64_t		 now = from;

	memset(n, 0, TABLE_LISTS * sizeof(n[0]));
	while ((now = table_next(t)) < from + ms) {
		while ((tn = table_due(t, now)) != NULL) {
			n[tn->list]++;
			table_checked(t, tn->serial, tn->node.id, ok, now);
		}
		ck_assert(table_next(t) > now);
	}
}

START_TEST(pace)
{
	struct node	 v;
	unsigned int	 n[TABLE_LISTS], i;

	ck_assert(table_next(t) == UINT64_MAX);
	ck_assert_ptr_null(table_due(t, 1));
	for (i = 0; i < 16; i++)
		add(make(256, i, i), TABLE_HEARD);
	/* The fresh ones are checked within a second each, and go. */
	checks(1000, 16000, n, 1);
	ck_assert_uint_eq(n[TABLE_FRESH], 16);
	ck_assert_uint_eq(n[TABLE_FAST], 0);
	ck_assert_uint_eq(table_count_live(t), 16);
	/* Then at the slow pace: 4.5 s on average. */
	checks(17000, 4500 * 1000, n, 1);
	ck_assert_uint_eq(n[TABLE_FRESH], 0);
	ck_assert(n[TABLE_SLOW] > 900 && n[TABLE_SLOW] < 1100);
	/* One that fails is in the fast list, and back. */
	v = make(256, 1, 1);
	ck_assert_ptr_nonnull(pass(&v, 0));
	checks(5000000, 3000, n, 1);
	ck_assert_uint_eq(n[TABLE_FAST], 1);
}
END_TEST

/* One that is being checked is not chosen again. */
START_TEST(one_check)
{
	const struct tnode	*tn;
	uint64_t		 now;

	add(make(256, 1, 1), TABLE_HEARD);
	now = table_next(t);
	tn = table_due(t, now);
	ck_assert_ptr_nonnull(tn);
	ck_assert_int_eq(tn->checking, 1);
	now += 100000;
	ck_assert_ptr_null(table_due(t, now));
	table_skip(t, tn->serial, tn->node.id);
	ck_assert_ptr_eq(table_due(t, now + 100000), tn);
}
END_TEST

/* Five unanswered questions end a node where there are others. */
START_TEST(questions)
{
	struct node	 v = make(256, 0, 0);
	unsigned int	 i;

	for (i = 0; i < 3; i++)
		add(make(256, i, i), TABLE_HEARD);
	for (i = 0; i < 20; i++)
		table_asked(t, v.id, 0, 1);
	ck_assert_ptr_nonnull(table_find(t, v.id));
	add(make(256, 3, 3), TABLE_HEARD);
	table_asked(t, v.id, 1, 1);
	for (i = 0; i < 4; i++)
		table_asked(t, v.id, 0, 1);
	ck_assert_ptr_nonnull(table_find(t, v.id));
	table_asked(t, v.id, 0, 1);
	ck_assert_ptr_null(table_find(t, v.id));
	table_asked(t, v.id, 0, 1);
}
END_TEST

START_TEST(closest)
{
	const struct tnode	*v[64];
	struct node		 target = make(256, 0xffff, 0), n;
	size_t			 have, i;

	for (i = 0; i < 40; i++)
		add(make(230 + i % 27, i, i), TABLE_HEARD);
	have = table_closest(t, target.id, 0, v, 16);
	ck_assert_uint_eq(have, 16);
	for (i = 1; i < have; i++)
		ck_assert_int_eq(node_cmp(target.id, v[i - 1]->node.id,
		    v[i]->node.id), -1);
	ck_assert_uint_eq(table_closest(t, target.id, 1, v, 16), 0);
	n = make(250, 20, 20);
	ck_assert_ptr_nonnull(pass(&n, 1));
	ck_assert_uint_eq(table_closest(t, target.id, 1, v, 16), 1);
	ck_assert_uint_eq(table_closest(t, target.id, 0, v, 64),
	    table_count(t));
	/* By distance alone, for the other protocol. */
	ck_assert_uint_eq(table_at(t, 250, 1, v, 16), 1);
	ck_assert_uint_eq(table_at(t, 251, 1, v, 16), 0);
	ck_assert_uint_eq(table_at(t, 251, 0, v, 16), 1);
	ck_assert_uint_eq(table_at(t, 241, 0, v, 16), 2);
	ck_assert_uint_eq(table_at(t, 241, 0, v, 1), 1);
	ck_assert_uint_eq(table_at(t, 257, 0, v, 16), 0);
	ck_assert_uint_eq(table_at(t, 0, 0, v, 16), 0);
}
END_TEST

static int
keep_even(void *arg, const struct node *v)
{
	(void)arg;
	return v->id[31] % 2 == 0;
}

START_TEST(sweep)
{
	unsigned int	 i;

	for (i = 0; i < 26; i++)
		add(make(256, i, i), TABLE_HEARD);
	table_sweep(t, keep_even, NULL, 1);
	ck_assert_uint_eq(table_count(t), 13);
	ck_assert_uint_eq(table_count_spares(t), 0);
	for (i = 0; i < 16; i++)
		add(make(255, i, i), TABLE_HEARD);
	ck_assert_uint_eq(table_count(t), 29);
}
END_TEST

/* Whatever is done, counts and limits hold. */
START_TEST(random_work)
{
	const struct table_bucket	*b;
	const struct tnode		*tn;
	struct node			 v;
	unsigned int			 i, j, k, live, same;
	uint64_t			 now;

	table_open(t);
	for (now = 1; now < 20000; now++) {
		v = make(230 + chance(NULL, 27), chance(NULL, 64),
		    chance(NULL, 40));
		switch (chance(NULL, 5)) {
		case 0:
			table_add(t, &v, TABLE_INBOUND, now);
			break;
		case 1:
			table_add(t, &v, TABLE_HEARD, now);
			break;
		case 2:
			if ((tn = table_due(t, now * 100)) != NULL)
				table_checked(t, tn->serial, tn->node.id,
				    chance(NULL, 3), now);
			break;
		case 3:
			table_asked(t, v.id, chance(NULL, 2), now);
			break;
		default:
			if (chance(NULL, 10) == 0)
				table_remove(t, v.id, now);
		}
	}
	live = 0;
	for (i = 0; i < TABLE_BUCKETS; i++) {
		b = table_bucket(t, i);
		for (j = 0; j < b->n; j++) {
			live += b->v[j]->live;
			for (k = same = 0; k < b->n; k++)
				same += memcmp(b->v[k]->node.udp.ip,
				    b->v[j]->node.udp.ip, 3) == 0;
			ck_assert_uint_le(same, TABLE_NET_BUCKET);
		}
	}
	ck_assert_uint_eq(live, table_count_live(t));
	ck_assert_uint_gt(live, 20);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("table");
	TCase	*tc = tcase_create("all");
	SRunner	*sr = srunner_create(s);
	int	 bad;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, buckets);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, limits_others);
	tcase_add_test(tc, limits_wide);
	tcase_add_test(tc, updates);
	tcase_add_test(tc, update_limited);
	tcase_add_test(tc, revalidation);
	tcase_add_test(tc, pace);
	tcase_add_test(tc, one_check);
	tcase_add_test(tc, questions);
	tcase_add_test(tc, closest);
	tcase_add_test(tc, sweep);
	tcase_add_test(tc, random_work);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
