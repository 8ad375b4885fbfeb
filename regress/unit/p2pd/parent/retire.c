/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/parent/retire.h"

#define AGE	600000
#define NOW	(10 * (uint64_t)AGE)

static struct apps	as;
static struct peers	ps;
static uint32_t		handle;

static void
setup(void)
{
	static const uint8_t	 id[SECP_PUB] = { 1 };

	ck_assert_int_eq(apps_init(&as, "p2pd/test", id), 0);
	apps_set_running(&as, 1);
	peers_init(&ps);
	handle = 0;
}

static void
teardown(void)
{
	struct peer	*p, *t;

	PEERS_FOREACH_SAFE(p, &ps, t) {
		peers_remove(&ps, p);
		peers_free(p);
	}
	while (!TAILQ_EMPTY(&as.conns))
		apps_disconnect(&as, TAILQ_FIRST(&as.conns), 0);
	helloset_unref(as.hello);
}

static struct capability *
owned(const char *name, uint32_t wanted)
{
	struct m_app_attached	 ans;
	struct m_app_attach	 m;
	struct m_app		 who;
	struct app		*a;

	memset(&who, 0, sizeof(who));
	memset(&m, 0, sizeof(m));
	memset(&ans, 0, sizeof(ans));
	ck_assert_ptr_nonnull(a = apps_new(&as, &who));
	strlcpy(m.name, name, sizeof(m.name));
	m.nvers = 1;
	m.vers[0].version = 1;
	m.vers[0].codes = 8;
	m.meta.wanted = wanted;
	ck_assert_int_eq(apps_attach(&as, apps_connect(&as, a, 0), &m, &ans),
	    APE_OK);
	return apps_cap(&as, ans.capid);
}

/* A peer that is so old and shares these, as "eth" or "eth,snap". */
static struct peer *
peer(uint8_t flags, uint64_t age, const char *names)
{
	struct sharedcap	 sc[4];
	struct peer		*p = calloc(1, sizeof(*p));
	char			 buf[64], *s = buf, *name;
	uint32_t		 n = 0;

	memset(sc, 0, sizeof(sc));
	strlcpy(buf, names, sizeof(buf));
	while ((name = strsep(&s, ",")) != NULL) {
		if (*name == '\0')
			continue;
		strlcpy(sc[n].cap.name, name, sizeof(sc[n].cap.name));
		sc[n].cap.version = 1;
		sc[n++].codes = 8;
	}
	ck_assert_int_eq(peers_share(p, sc, n), 0);
	p->handle = ++handle;
	memcpy(p->id, &p->handle, sizeof(p->handle));
	p->flags = flags;
	p->since_ms = NOW - age;
	ck_assert_int_eq(peers_insert(&ps, p), 0);
	return p;
}

static struct peer *
pick(int dialed)
{
	retire_count(&as, &ps);
	return retire_pick(&as, &ps, dialed, NOW, AGE);
}

START_TEST(nobody)
{
	ck_assert_ptr_null(pick(0));
	ck_assert(!retire_needed(&as));
	peer(PF_INBOUND, AGE - 1, "");
	peer(PF_INBOUND | PF_STATIC, NOW, "");
	peer(PF_TRUSTED, NOW, "");
	peer(0, NOW, "")->stopping = 1;
	ck_assert_ptr_null(pick(0));
}
END_TEST

START_TEST(need)
{
	struct capability	*eth = owned("eth", 2), *any = owned("any", 0);

	peer(0, NOW, "eth,any");
	retire_count(&as, &ps);
	ck_assert_uint_eq(eth->npeers, 1);
	ck_assert_uint_eq(any->npeers, 1);
	ck_assert(retire_needed(&as));
	peer(0, NOW, "eth");
	retire_count(&as, &ps);
	ck_assert_uint_eq(eth->npeers, 2);
	ck_assert(!retire_needed(&as));
	/* Who says no number is never in need. */
	eth->meta.wanted = 0;
	retire_count(&as, &ps);
	ck_assert(!retire_needed(&as));
	eth->meta.wanted = 3;
	ck_assert(retire_needed(&as));
	apps_set_running(&as, 0);
	ck_assert(!retire_needed(&as));
}
END_TEST

START_TEST(choice)
{
	struct peer	*idle, *young, *one, *two;

	owned("eth", 3);
	owned("any", 0);
	owned("all", 0);
	peer(0, NOW, "eth");
	idle = peer(0, NOW, "");
	young = peer(PF_INBOUND, AGE, "les");
	one = peer(0, NOW, "any");
	two = peer(PF_INBOUND, NOW - 1, "any,all");
	ck_assert_ptr_eq(pick(0), young);
	ck_assert_ptr_eq(pick(1), idle);
	young->stopping = 1;
	ck_assert_ptr_eq(pick(0), idle);
	idle->stopping = 1;
	ck_assert_ptr_eq(pick(0), one);
	one->stopping = 1;
	ck_assert_ptr_eq(pick(0), two);
	ck_assert_ptr_null(pick(1));
	two->stopping = 1;
	ck_assert_ptr_null(pick(0));
}
END_TEST

/* What another application wants is not taken from it. */
START_TEST(others)
{
	struct capability	*les = owned("les", 2);
	struct peer		*spare;

	owned("eth", 1);
	peer(0, NOW, "les");
	peer(0, NOW, "les");
	ck_assert_ptr_null(pick(0));
	spare = peer(0, NOW - 1, "les");
	ck_assert_ptr_eq(pick(0), spare);
	les->meta.wanted = 3;
	ck_assert_ptr_null(pick(0));
}
END_TEST

/* By owner, and by equal version and length where that has changed. */
START_TEST(inherited)
{
	struct capability	*eth = owned("eth", 1);
	struct peer		*p = peer(0, NOW, "eth");

	retire_count(&as, &ps);
	ck_assert_uint_eq(eth->npeers, 1);
	p->shares[0].codes = 9;
	retire_count(&as, &ps);
	ck_assert_uint_eq(eth->npeers, 0);
	ck_assert_ptr_eq(pick(0), p);
	p->shares[0].owner = eth->id;
	retire_count(&as, &ps);
	ck_assert_uint_eq(eth->npeers, 1);
	ck_assert_ptr_null(pick(0));
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/retire");
	TCase	*tc = tcase_create("retire");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nobody);
	tcase_add_test(tc, need);
	tcase_add_test(tc, choice);
	tcase_add_test(tc, others);
	tcase_add_test(tc, inherited);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
