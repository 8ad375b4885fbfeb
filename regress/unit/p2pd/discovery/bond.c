/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/bond.h"
#include "p2pd/discovery/timer.h"

static const struct hkey	 hkey = { { 1, 2 } };

static void
make(uint8_t id[NODE_ID], struct addr *a, uint32_t who, uint32_t where)
{
	memset(id, 0, NODE_ID);
	memcpy(id, &who, sizeof(who));
	memset(a, 0, sizeof(*a));
	a->af = 4;
	a->port = 30303;
	a->ip[0] = 20 + (where >> 24);
	a->ip[1] = where >> 16;
	a->ip[2] = where >> 8;
	a->ip[3] = where;
}

/* By id and IP; the port does not matter. */
START_TEST(keys)
{
	struct bonds	*b = bonds_new(&hkey, 16);
	struct bond	*bond;
	struct addr	 a, other;
	uint8_t		 id[NODE_ID], other_id[NODE_ID];

	make(id, &a, 1, 0x0101);
	make(other_id, &other, 2, 0x010101);
	ck_assert_ptr_null(bond_find(b, id, &a));
	ck_assert_ptr_null(bond_tries(b, &a));
	bond = bond_prove(b, id, &a, 100);
	ck_assert_int_eq(bond->pong, 100);
	ck_assert(bond->ping == BOND_NEVER);
	bond->ping = 50;
	bond->fails = 3;
	a.port = 9;
	ck_assert_ptr_eq(bond_find(b, id, &a), bond);
	ck_assert_ptr_nonnull(bond_tries(b, &a));
	ck_assert_ptr_null(bond_find(b, other_id, &a));
	ck_assert_ptr_null(bond_find(b, id, &other));
	ck_assert_ptr_null(bond_tries(b, &other));
	bond = bond_prove(b, id, &a, 200);
	ck_assert_int_eq(bond->pong, 200);
	ck_assert_int_eq(bond->ping, 50);
	ck_assert_uint_eq(bond->fails, 3);
	ck_assert_uint_eq(bonds_count(b), 1);
	bonds_free(b);
}
END_TEST

/* The oldest proof goes when there are too many. */
START_TEST(bounded)
{
	struct bonds	*b = bonds_new(&hkey, 16);
	struct addr	 a;
	uint8_t		 id[NODE_ID];
	uint32_t	 i;

	for (i = 0; i < 100; i++) {
		make(id, &a, i, i << 8);
		ck_assert_ptr_nonnull(bond_prove(b, id, &a, i));
		make(id, &a, 0, 0);
		ck_assert_ptr_nonnull(bond_prove(b, id, &a, i));
		ck_assert_uint_le(bonds_count(b), 16);
	}
	ck_assert_ptr_nonnull(bond_find(b, id, &a));
	make(id, &a, 80, 80 << 8);
	ck_assert_ptr_null(bond_find(b, id, &a));
	ck_assert_ptr_null(bond_tries(b, &a));
	make(id, &a, 99, 99 << 8);
	ck_assert_ptr_nonnull(bond_find(b, id, &a));
	bonds_free(b);
}
END_TEST

/* Who has proven to be at an address shares its tries, as long as one is there. */
START_TEST(tries)
{
	struct bonds	*b = bonds_new(&hkey, 2);
	struct bucket	*t;
	struct addr	 a, next, far;
	uint8_t		 id[NODE_ID], other[NODE_ID];
	int		 i;

	make(other, &next, 2, 0x0102);
	make(other, &far, 3, 0x990101);
	make(other, &a, 2, 0x0101);
	make(id, &a, 1, 0x0101);
	ck_assert_ptr_nonnull(bond_prove(b, id, &a, 1));
	ck_assert_ptr_nonnull(t = bond_tries(b, &a));
	for (i = 0; i < BOND_TRIES; i++)
		ck_assert_int_eq(bucket_take(t, 1, 1000000), 1);
	ck_assert_int_eq(bucket_take(t, 1, 1000000), 0);
	ck_assert_int_eq(bucket_take(t, 1, 2000000), 1);
	ck_assert_int_eq(bucket_take(t, 1, 2000000), 0);
	/* Not its neighbour's. */
	ck_assert_ptr_null(bond_tries(b, &next));
	ck_assert_ptr_nonnull(bond_prove(b, other, &a, 2));
	a.port = 7;
	ck_assert_ptr_eq(bond_tries(b, &a), t);
	ck_assert_ptr_nonnull(bond_prove(b, other, &next, 3));
	ck_assert_ptr_null(bond_find(b, id, &a));
	ck_assert_ptr_eq(bond_tries(b, &a), t);
	ck_assert_ptr_nonnull(bond_prove(b, other, &far, 4));
	ck_assert_ptr_null(bond_tries(b, &a));
	ck_assert_ptr_nonnull(bond_tries(b, &next));
	bonds_free(b);
}
END_TEST

/* One subnet forgets its own, not others'; a LAN has no such limit. */
START_TEST(subnets)
{
	struct bonds	*b = bonds_new(&hkey, BOND_MAX);
	struct addr	 a;
	uint8_t		 id[NODE_ID];
	uint32_t	 i;

	make(id, &a, 1000000, 0xffff00);
	ck_assert_ptr_nonnull(bond_prove(b, id, &a, 0));
	for (i = 0; i < 2 * BOND_NET; i++) {
		make(id, &a, i, i & 0xff);
		ck_assert_ptr_nonnull(bond_prove(b, id, &a, i));
	}
	ck_assert_uint_eq(bonds_count(b), BOND_NET + 1);
	make(id, &a, 1000000, 0xffff00);
	ck_assert_ptr_nonnull(bond_find(b, id, &a));
	for (i = 0; i < 2 * BOND_NET; i++) {
		make(id, &a, i, 0);
		a.ip[0] = 127;
		ck_assert_ptr_nonnull(bond_prove(b, id, &a, i));
	}
	ck_assert_uint_eq(bonds_count(b), 3 * BOND_NET + 1);
	bonds_free(b);
}
END_TEST

/* Who has a /32 of IPv6 has many subnets, and does not fill it all with them. */
START_TEST(wide)
{
	struct bonds	*b = bonds_new(&hkey, 2 * BOND_WIDE);
	struct addr	 a;
	uint8_t		 id[NODE_ID];
	uint32_t	 i, kept = 0;

	make(id, &a, 1000000, 0);
	ck_assert_ptr_nonnull(bond_prove(b, id, &a, 0));
	for (i = 0; i < 4 * BOND_WIDE; i++) {
		make(id, &a, i, 0);
		a.af = 6;
		a.ip[4] = i >> 8;
		a.ip[5] = i;
		ck_assert_ptr_nonnull(bond_prove(b, id, &a, i));
		/* The first one again and again: it stays. */
		make(id, &a, 0, 0);
		a.af = 6;
		ck_assert_ptr_nonnull(bond_prove(b, id, &a, i));
	}
	ck_assert_uint_eq(bonds_count(b), BOND_WIDE + 1);
	for (i = 0; i < 4 * BOND_WIDE; i++) {
		make(id, &a, i, 0);
		a.af = 6;
		a.ip[4] = i >> 8;
		a.ip[5] = i;
		kept += bond_find(b, id, &a) != NULL;
		ck_assert(i == 0 || (bond_find(b, id, &a) != NULL) ==
		    (i > 3 * BOND_WIDE));
	}
	ck_assert_uint_eq(kept, BOND_WIDE);
	make(id, &a, 1000000, 0);
	ck_assert_ptr_nonnull(bond_find(b, id, &a));
	/* Another's, and a LAN's, which has no such limit. */
	for (i = 0; i < 2 * BOND_WIDE; i++) {
		make(id, &a, i, 0);
		a.af = 6;
		a.ip[0] = i < 10 ? 0x2a : 0xfd;
		a.ip[5] = i;
		ck_assert_ptr_nonnull(bond_prove(b, id, &a, i));
	}
	ck_assert_uint_eq(bonds_count(b), 2 * BOND_WIDE);
	bonds_free(b);
}
END_TEST

/* All who were there before, two to a subnet, in so many of them. */
#define CROWD		2048

static void
crowd(struct bonds *b, int check)
{
	struct addr	 a;
	uint8_t		 id[NODE_ID];
	uint32_t	 i;

	for (i = 0; i < 2 * CROWD; i++) {
		make(id, &a, 500000 + i, 0x1000000 + (i / 2 << 8) + i % 2);
		if (check)
			ck_assert_ptr_nonnull(bond_find(b, id, &a));
		else
			ck_assert_ptr_nonnull(bond_prove(b, id, &a, 1));
	}
}

static void
lost(void *arg, const uint8_t id[NODE_ID], const struct addr *a)
{
	uint32_t	 who;

	memcpy(&who, id, sizeof(who));
	ck_assert_uint_lt(who, 64 << 16);
	ck_assert_uint_eq(a->ip[2], who >> 16);
	++*(uint32_t *)arg;
}

/* Addresses in many subnets make room for each other, not in the others. */
START_TEST(crowded)
{
	struct bonds	*b = bonds_new(&hkey, BOND_MAX);
	struct addr	 a;
	uint8_t		 id[NODE_ID];
	uint32_t	 i, net, n = 0;

	bonds_on_loss(b, lost, &n);
	crowd(b, 0);
	for (net = 0; net < 64; net++)
		for (i = 0; i < 2 * BOND_NET; i++) {
			make(id, &a, net << 16 | i, net << 8);
			ck_assert_ptr_nonnull(bond_prove(b, id, &a, 2));
		}
	ck_assert_uint_eq(bonds_count(b), BOND_MAX);
	crowd(b, 1);
	ck_assert_uint_eq(n, 2 * CROWD + 64 * 2 * BOND_NET - BOND_MAX);
	bonds_on_loss(b, NULL, NULL);
	/* Each has its share, to the last. */
	for (net = 0; net < 64; net++) {
		make(id, &a, net << 16 | (2 * BOND_NET - 1), net << 8);
		ck_assert_ptr_nonnull(bond_find(b, id, &a));
	}
	/* And IPv6, a subnet for each, of as many /32. */
	for (net = 0; net < 32; net++)
		for (i = 0; i < BOND_WIDE; i++) {
			make(id, &a, net << 16 | i, net << 16);
			a.af = 6;
			a.ip[4] = i >> 8;
			a.ip[5] = i;
			ck_assert_ptr_nonnull(bond_prove(b, id, &a, 3));
		}
	ck_assert_uint_eq(bonds_count(b), BOND_MAX);
	crowd(b, 1);
	bonds_free(b);
}
END_TEST

/* Who makes many at an address gives up his own, not his neighbour's. */
START_TEST(neighbours)
{
	struct bonds	*b = bonds_new(&hkey, BOND_MAX);
	struct addr	 a4, a6, a;
	uint8_t		 id[NODE_ID];
	uint32_t	 i;

	make(id, &a4, 1000000, 0x0101);
	make(id, &a6, 1000000, 0x0101);
	a6.af = 6;
	ck_assert_ptr_nonnull(bond_prove(b, id, &a4, 1));
	ck_assert_ptr_nonnull(bond_prove(b, id, &a6, 1));
	for (i = 0; i < 2 * BOND_NET; i++) {
		make(id, &a, i, 0x0102);
		ck_assert_ptr_nonnull(bond_prove(b, id, &a, 2));
		/* A /64 is one place, as an address is. */
		make(id, &a, i, 0x0101);
		a.af = 6;
		a.ip[7] = 1;
		a.ip[14] = i >> 8;
		a.ip[15] = i;
		ck_assert_ptr_nonnull(bond_prove(b, id, &a, 2));
	}
	ck_assert_uint_eq(bonds_count(b), 2 * BOND_NET);
	make(id, &a, 1000000, 0);
	ck_assert_ptr_nonnull(bond_find(b, id, &a4));
	ck_assert_ptr_nonnull(bond_find(b, id, &a6));
	/* Another subnet of the /32 that has very many, too. */
	for (i = 0; i < 4 * BOND_NET; i++) {
		make(id, &a, i, 0x0101);
		a.af = 6;
		a.ip[5] = 1 + i / BOND_NET;
		a.ip[6] = i >> 8;
		a.ip[7] = i;
		ck_assert_ptr_nonnull(bond_prove(b, id, &a, 3));
	}
	make(id, &a, 1000000, 0);
	ck_assert_ptr_nonnull(bond_find(b, id, &a6));
	bonds_free(b);
}
END_TEST

/* Many entries, in and out, against a plain array. */
START_TEST(hash_tables)
{
	static struct hent	 e[500];
	struct hmap		 m;
	struct hent		*h;
	uint32_t		 i, n;

	memset(&m, 0, sizeof(m));
	ck_assert_ptr_null(hmap_first(&m, 1));
	for (i = 0; i < 500; i++)
		ck_assert_int_eq(hmap_insert(&m, &e[i], i % 250), 0);
	for (i = 0; i < 500; i += 4)
		hmap_remove(&m, &e[i]);
	ck_assert_uint_eq(m.n, 375);
	for (i = 0; i < 250; i++) {
		for (n = 0, h = hmap_first(&m, i); h != NULL;
		    h = hmap_next(h)) {
			ck_assert(h == &e[i] || h == &e[i + 250]);
			n++;
		}
		ck_assert_uint_eq(n, (i % 4 != 0) + ((i + 250) % 4 != 0));
	}
	hmap_free(&m);
}
END_TEST

/* SipHash-1-3 of the bytes 0, 1, 2 ... under the key of these. */
START_TEST(siphash)
{
	struct hkey	 k = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
	uint8_t		 in[64];
	size_t		 i;

	for (i = 0; i < sizeof(in); i++)
		in[i] = i;
	ck_assert(hash_bytes(&k, in, 0) == 0xabac0158050fc4dcULL);
	ck_assert(hash_bytes(&k, in, 1) == 0xc9f49bf37d57ca93ULL);
	ck_assert(hash_bytes(&k, in, 7) != hash_bytes(&k, in, 8));
}
END_TEST

struct tick {
	struct timer	 t;
	uint32_t	 order;
	struct timers	*again;
};
static uint32_t	 ticks;

static void
tick(void *arg)
{
	struct tick	*k = arg;

	ck_assert_int_eq(timer_isset(&k->t), 0);
	k->order = ++ticks;
	if (k->again != NULL)
		timer_set(k->again, &k->t, 5000);
}

START_TEST(deadlines)
{
	static struct tick	 k[64];
	struct timers		 ts;
	uint32_t		 i;

	memset(&ts, 0, sizeof(ts));
	ck_assert(timers_next(&ts) == UINT64_MAX);
	ck_assert_int_eq(timers_reserve(&ts, 64), 0);
	for (i = 0; i < 64; i++) {
		k[i].t.fn = tick;
		k[i].t.arg = &k[i];
		timer_set(&ts, &k[i].t, 1000 + (i * 37) % 64);
	}
	for (i = 0; i < 64; i += 2)
		timer_clear(&ts, &k[i].t);
	timer_clear(&ts, &k[0].t);
	timer_set(&ts, &k[1].t, 999);
	ck_assert(timers_next(&ts) == 999);
	timers_run(&ts, 998);
	ck_assert_uint_eq(ticks, 0);
	timers_run(&ts, 1031);
	for (i = 0; i < 64; i++)
		ck_assert_int_eq(k[i].order != 0, i % 2 == 1 &&
		    (i == 1 || (i * 37) % 64 <= 31));
	ck_assert_uint_eq(k[1].order, 1);
	timers_run(&ts, 5000);
	ck_assert_uint_eq(ticks, 32);
	/* One that sets itself anew runs once a turn; equals run in order. */
	k[0].again = &ts;
	timer_set(&ts, &k[0].t, 1);
	timer_set(&ts, &k[2].t, 1);
	timers_run(&ts, 5000);
	ck_assert_uint_eq(k[0].order, 33);
	ck_assert_uint_eq(k[2].order, 34);
	ck_assert_int_eq(timer_isset(&k[0].t), 1);
	timers_free(&ts);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("bond");
	TCase	*tc = tcase_create("all");
	SRunner	*sr = srunner_create(s);
	int	 bad;

	tcase_add_test(tc, keys);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, tries);
	tcase_add_test(tc, subnets);
	tcase_add_test(tc, wide);
	tcase_add_test(tc, crowded);
	tcase_add_test(tc, neighbours);
	tcase_add_test(tc, hash_tables);
	tcase_add_test(tc, siphash);
	tcase_add_test(tc, deadlines);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
