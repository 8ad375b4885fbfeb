/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/parent/meta.h"

/* Applications that go and come back, taps, and what owners ask for. */
static struct apps		as;
static struct m_app_attached	ans;
static struct m_app_updated	upd;
static char			gone[512];	/* "capid@session " */

static void
on_lapse(const struct capability *c, unsigned int session, int kept)
{
	size_t	 n = strlen(gone);

	if (kept)
		snprintf(gone + n, sizeof(gone) - n, "%u@%u ", c->id, session);
}

static void
setup(void)
{
	static const uint8_t	 id[SECP_PUB] = { 1 };

	ck_assert_int_eq(apps_init(&as, "p2pd/test", id), 0);
	as.lapsed = on_lapse;
	gone[0] = '\0';
	apps_set_running(&as, 3);
}

static void
teardown(void)
{
	while (!TAILQ_EMPTY(&as.conns))
		apps_disconnect(&as, TAILQ_FIRST(&as.conns), 0);
	ck_assert_int_eq(apps_expire(&as, UINT64_MAX), -1);
	ck_assert(TAILQ_EMPTY(&as.caps) && TAILQ_EMPTY(&as.taps));
	ck_assert_uint_eq(as.napps + as.nconns + as.ntaps, 0);
	helloset_unref(as.hello);
}

static struct app *
app_new(const char *name, uint32_t uid)
{
	struct m_app	 m;
	struct app	*a;

	memset(&m, 0, sizeof(m));
	strlcpy(m.name, name, sizeof(m.name));
	m.uid = uid;
	m.pid = 4000 + uid;
	ck_assert_ptr_nonnull(a = apps_new(&as, &m));
	return a;
}

static struct appconn *
connected(struct app *a, unsigned int session)
{
	struct appconn	*ac = apps_connect(&as, a, session);

	ck_assert_ptr_nonnull(ac);
	return ac;
}

static struct m_app_attach *
offer(const char *name, uint32_t version)
{
	static struct m_app_attach	 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.name, name, sizeof(m.name));
	m.nvers = 1;
	m.vers[0].version = version;
	m.vers[0].codes = 8;
	return &m;
}

static enum app_error
attach(struct appconn *ac, const struct m_app_attach *m)
{
	memset(&ans, 0, sizeof(ans));
	return apps_attach(&as, ac, m, &ans);
}

static void
entry(struct m_app_meta *m, const char *key, const void *val, uint32_t len)
{
	struct m_enr	*e = &m->enr[m->nenr++];

	strlcpy(e->key, key, sizeof(e->key));
	memcpy(e->val, val, len);
	e->len = len;
}

/* An application in both sessions, with eth/1. */
static struct app *
both(uint32_t *capid)
{
	struct app	*a = app_new("geth", 1000);

	ck_assert_int_eq(attach(connected(a, 0), offer("eth", 1)), APE_OK);
	ck_assert_int_eq(attach(connected(a, 1), offer("eth", 1)), APE_OK);
	ck_assert_int_eq(ans.resumed, 0);
	*capid = ans.capid;
	ck_assert_uint_eq(as.hello->n, 1);
	return a;
}

static void
lose(uint64_t until)
{
	apps_disconnect(&as, TAILQ_FIRST(&as.conns), until);
}

START_TEST(resume)
{
	uint32_t	 capid, gen;
	struct app	*a = both(&capid);

	gen = as.hello->generation;
	lose(1000);
	lose(1200);
	ck_assert_uint_eq(as.nconns, 0);
	/* Advertised as before, by one who is known by the token. */
	ck_assert_uint_eq(as.hello->generation, gen);
	ck_assert_uint_eq(apps_cap(&as, capid)->orphans, 3);
	ck_assert_ptr_eq(apps_bytoken(&as, a->token, 1000), a);
	ck_assert_int_eq(apps_expire(&as, 100), 900);
	ck_assert_int_eq(attach(connected(a, 0), offer("eth", 1)), APE_OK);
	ck_assert_uint_eq(ans.capid, capid);
	ck_assert_int_eq(ans.resumed, 1);
	ck_assert_int_eq(apps_expire(&as, 1100), 100);
	ck_assert_int_eq(attach(connected(a, 1), offer("eth", 1)), APE_OK);
	ck_assert_int_eq(ans.resumed, 1);
	ck_assert_int_eq(apps_expire(&as, 99999), -1);
	ck_assert_uint_eq(as.hello->generation, gen);
	ck_assert_str_eq(gone, "");
}
END_TEST

START_TEST(too_late)
{
	char		 want[64];
	uint32_t	 capid, gen;

	both(&capid);
	gen = as.hello->generation;
	lose(1000);
	lose(1200);
	ck_assert_int_eq(apps_expire(&as, 1000), 200);
	snprintf(want, sizeof(want), "%u@0 ", capid);
	ck_assert_str_eq(gone, want);
	ck_assert_uint_eq(as.hello->generation, gen);
	ck_assert_int_eq(apps_expire(&as, 1200), -1);
	snprintf(want, sizeof(want), "%u@0 %u@1 ", capid, capid);
	ck_assert_str_eq(gone, want);
	ck_assert_uint_gt(as.hello->generation, gen);
	ck_assert_uint_eq(as.hello->n, 0);
	ck_assert_uint_eq(as.napps, 0);
}
END_TEST

START_TEST(no_grace)
{
	char		 want[64];
	uint32_t	 capid;

	both(&capid);
	lose(0);
	snprintf(want, sizeof(want), "%u@0 ", capid);
	ck_assert_str_eq(gone, want);
	ck_assert_uint_eq(as.napps, 1);
	lose(0);
	ck_assert_uint_eq(as.napps, 0);
}
END_TEST

/* What the application has told it will not come back for does not wait. */
START_TEST(detached)
{
	uint32_t	 capid;
	struct app	*a = both(&capid);
	struct appconn	*ac;

	TAILQ_FOREACH(ac, &as.conns, entry)
		ck_assert_int_eq(apps_detach(&as, ac, capid), 0);
	lose(1000);
	lose(1000);
	ck_assert_uint_eq(as.napps, 0);
	ck_assert_str_eq(gone, "");
	/* In one session only: the other waits. */
	a = both(&capid);
	ck_assert_int_eq(apps_detach(&as, TAILQ_FIRST(&as.conns), capid), 0);
	lose(1000);
	lose(1000);
	ck_assert_uint_eq(apps_cap(&as, capid)->orphans, 2);
	ck_assert_ptr_eq(apps_byname(&as, "eth")->owner, a);
}
END_TEST

START_TEST(other_versions)
{
	char		 want[64];
	uint32_t	 capid;
	struct app	*a = both(&capid);
	struct appconn	*ac;

	lose(1000);
	ac = connected(a, 0);
	/* The other session has the old ones still. */
	ck_assert_int_eq(attach(ac, offer("eth", 2)), APE_INVALID);
	ck_assert_str_eq(gone, "");
	lose(1000);
	ck_assert_int_eq(attach(ac, offer("eth", 2)), APE_OK);
	ck_assert_int_eq(ans.resumed, 0);
	ck_assert_uint_gt(ans.capid, capid);
	snprintf(want, sizeof(want), "%u@0 %u@1 ", capid, capid);
	ck_assert_str_eq(gone, want);
	ck_assert_ptr_null(apps_cap(&as, capid));
}
END_TEST

START_TEST(second_owner)
{
	struct appconn	*b = connected(app_new("other", 1001), 0);
	uint32_t	 capid;

	both(&capid);
	ck_assert_int_eq(attach(b, offer("eth", 1)), APE_BUSY);
	ck_assert_str_eq(ans.text,
	    "eth is attached by uid 1000, pid 5000, \"geth\"");
	lose(1000);	/* b's: the first connected */
	lose(1000);
	lose(1000);
	b = connected(app_new("other", 1001), 0);
	ck_assert_int_eq(attach(b, offer("eth", 1)), APE_BUSY);
	ck_assert_str_eq(ans.text, "eth is attached by uid 1000, pid 5000, "
	    "\"geth\", which is away but may come back");
	apps_forget(&as, apps_cap(&as, capid));
	ck_assert_uint_eq(as.napps, 1);
	ck_assert_int_eq(attach(b, offer("eth", 1)), APE_OK);
	ck_assert_uint_gt(ans.capid, capid);
}
END_TEST

/* A session that died has kept nothing: it is not told, and nothing resumes. */
START_TEST(session_dies)
{
	uint32_t	 capid, gen;
	struct app	*a = both(&capid);

	gen = as.hello->generation;
	apps_session_died(&as, 1, 1000);
	ck_assert_uint_eq(apps_cap(&as, capid)->away, 2);
	ck_assert_uint_eq(apps_cap(&as, capid)->orphans, 0);
	apps_set_running(&as, 3);
	ck_assert_uint_eq(as.hello->generation, gen);
	ck_assert_int_eq(attach(connected(a, 1), offer("eth", 1)), APE_OK);
	ck_assert_uint_eq(ans.capid, capid);
	ck_assert_int_eq(ans.resumed, 0);
	/* Both at once: the application is known for its time. */
	apps_session_died(&as, 0, 1000);
	apps_session_died(&as, 1, 1000);
	ck_assert_ptr_eq(apps_bytoken(&as, a->token, 1000), a);
	ck_assert_int_eq(apps_expire(&as, 1000), -1);
	ck_assert_uint_eq(as.napps, 0);
	ck_assert_str_eq(gone, "");
	/* One that waited there is lost too. */
	apps_set_running(&as, 3);
	both(&capid);
	lose(2000);
	apps_session_died(&as, 0, 3000);
	ck_assert_uint_eq(apps_cap(&as, capid)->away, 1);
	ck_assert_uint_eq(apps_cap(&as, capid)->orphans, 0);
}
END_TEST

START_TEST(taps)
{
	struct appconn		*a = connected(app_new("owner", 1), 0), *b, *b1;
	struct app		*tapper = app_new("tap", 2);
	struct m_app_attach	 m = *offer("eth", 1);
	struct m_app_update	 u;
	uint32_t		 capid;

	b = connected(tapper, 0);
	b1 = connected(tapper, 1);
	m.mode = APM_TAP;
	m.nvers = 0;
	/* Before there is an owner, and never in Hello. */
	ck_assert_int_eq(attach(b, &m), APE_OK);
	capid = ans.capid;
	ck_assert_uint_ne(capid, 0);
	ck_assert_int_eq(attach(b, &m), APE_BUSY);
	m.nvers = 1;
	ck_assert_int_eq(attach(b1, &m), APE_INVALID);
	m.nvers = 0;
	ck_assert_int_eq(attach(b1, &m), APE_OK);
	ck_assert_uint_eq(ans.capid, capid);
	ck_assert_uint_eq(as.hello->n, 0);
	ck_assert_int_eq(attach(a, offer("eth", 1)), APE_OK);
	ck_assert_uint_ne(ans.capid, capid);
	/* Another, and the owner itself. */
	ck_assert_int_eq(attach(a, &m), APE_OK);
	ck_assert_uint_ne(ans.capid, capid);
	ck_assert_ptr_null(apps_cap(&as, capid));
	m.meta.wanted = 1;
	ck_assert_int_eq(attach(connected(app_new("x", 3), 0), &m), APE_INVALID);
	m.meta.wanted = 0;
	m.meta.ncond = 1;
	strlcpy(m.meta.cond[0].key, "k", sizeof(m.meta.cond[0].key));
	ck_assert_int_eq(attach(connected(app_new("y", 4), 0), &m), APE_INVALID);
	memset(&u, 0, sizeof(u));
	u.capid = capid;
	u.has = META_WANTED;
	ck_assert_int_eq(apps_change(&as, b, &u, &upd), APE_OK);
	u.meta.wanted = 1;
	ck_assert_int_eq(apps_change(&as, b, &u, &upd), APE_INVALID);
	ck_assert_int_eq(apps_detach(&as, b, capid), 0);
	ck_assert_int_eq(apps_detach(&as, b, capid), -1);
	/* It does not wait for anybody. */
	apps_disconnect(&as, b1, 1000);
	apps_disconnect(&as, b, 1000);
	ck_assert_uint_eq(as.ntaps, 1);
	ck_assert_ptr_null(apps_bytoken(&as, tapper->token, 2));
	ck_assert_str_eq(gone, "");
}
END_TEST

START_TEST(entries)
{
	static const char *const bad[] = { "id", "secp256k1", "ip", "ip6", "tcp",
	    "tcp6", "udp", "udp6", "v4", "v5", "" };
	static const uint8_t	 list[] = { 0xc3, 0x82, 1, 2 }, two[] = { 1, 2 };
	struct appconn		*a = connected(app_new("a", 1), 0);
	struct appconn		*b = connected(app_new("b", 2), 0);
	const struct m_enr	*out[APPS_ENRS_MAX];
	struct m_app_attach	 m;
	struct capability	*c;
	size_t			 i;

	apps_set_running(&as, 1);
	for (i = 0; i < nitems_of(bad); i++) {
		m = *offer("eth", 1);
		entry(&m.meta, bad[i], "\001", 1);
		ck_assert_int_eq(attach(a, &m), APE_INVALID);
	}
	m = *offer("eth", 1);
	entry(&m.meta, "x", "", 0);
	ck_assert_int_eq(attach(a, &m), APE_INVALID);
	m = *offer("eth", 1);
	entry(&m.meta, "x", two, 2);
	ck_assert_int_eq(attach(a, &m), APE_INVALID);
	m = *offer("eth", 1);
	entry(&m.meta, "x", list, 3);
	ck_assert_int_eq(attach(a, &m), APE_INVALID);
	m = *offer("eth", 1);
	entry(&m.meta, "x", list, 4);
	entry(&m.meta, "x", list, 4);
	ck_assert_int_eq(attach(a, &m), APE_INVALID);
	m = *offer("eth", 1);
	entry(&m.meta, "x", list, 4);
	entry(&m.meta, "eth", list, 4);
	ck_assert_int_eq(attach(a, &m), APE_OK);
	ck_assert(as.meta_changed);
	ck_assert_uint_eq(apps_enr_entries(&as, out, APPS_ENRS_MAX), 2);
	ck_assert_str_eq(out[0]->key, "eth");
	ck_assert_str_eq(out[1]->key, "x");
	ck_assert_uint_eq(apps_enr_entries(&as, out, 1), 1);
	/* Another's key. */
	m = *offer("snap", 1);
	entry(&m.meta, "eth", list, 4);
	ck_assert_int_eq(attach(b, &m), APE_BUSY);
	ck_assert_ptr_nonnull(strstr(ans.text, "uid 1, pid 4001"));
	/* Away or not, it is published as long as it is advertised. */
	apps_disconnect(&as, a, 1000);
	ck_assert_uint_eq(apps_enr_entries(&as, out, APPS_ENRS_MAX), 2);
	ck_assert_int_eq(attach(b, &m), APE_BUSY);
	apps_expire(&as, 1000);
	ck_assert_uint_eq(apps_enr_entries(&as, out, APPS_ENRS_MAX), 0);
	ck_assert_int_eq(attach(b, &m), APE_OK);
	ck_assert_ptr_nonnull(c = apps_conditions(&as, NULL));
	ck_assert_uint_eq(c->id, ans.capid);
	ck_assert_ptr_null(apps_conditions(&as, c));
}
END_TEST

/* A key of 5 and 6 with its header, and 52 for the value: 115 in all. */
START_TEST(record_room)
{
	struct appconn		*a = connected(app_new("a", 1), 0);
	struct appconn		*b = connected(app_new("b", 2), 0);
	struct m_app_attach	 m = *offer("eth", 1);
	struct m_app_update	 u;
	uint8_t			 val[60] = { 0xb7 };
	uint32_t		 eth;

	/* As a string of 51 bytes; the first byte says so. */
	val[0] = 0x80 + 51;
	entry(&m.meta, "four", val, 52);
	ck_assert_int_eq(attach(a, &m), APE_OK);
	eth = ans.capid;
	ck_assert_uint_gt(ans.room, 1000);	/* Hello's */
	m = *offer("snap", 1);
	val[0] = 0x80 + 52;
	entry(&m.meta, "fiver", val, 53);
	ck_assert_int_eq(attach(b, &m), APE_RECORD);
	ck_assert_uint_eq(ans.room, 58);
	ck_assert_uint_eq(ans.capid, 0);
	m.meta.nenr = 0;
	val[0] = 0x80 + 51;
	entry(&m.meta, "fiver", val, 52);
	ck_assert_int_eq(attach(b, &m), APE_OK);
	/* By an update: what it replaces is free for it. */
	memset(&u, 0, sizeof(u));
	memset(&upd, 0, sizeof(upd));
	u.capid = eth;
	u.has = META_ENR;
	entry(&u.meta, "full", val, 52);
	ck_assert_int_eq(apps_change(&as, a, &u, &upd), APE_OK);
	entry(&u.meta, "a", "\001", 1);
	ck_assert_int_eq(apps_change(&as, a, &u, &upd), APE_RECORD);
	ck_assert_uint_eq(upd.room, 57);
	ck_assert_uint_eq(apps_cap(&as, eth)->meta.nenr, 1);
	ck_assert_int_eq(apps_change(&as, b, &u, &upd), APE_NOTFOUND);
	u.has = META_WANTED;
	u.meta.wanted = 7;
	ck_assert_int_eq(apps_change(&as, a, &u, &upd), APE_OK);
	ck_assert_uint_eq(apps_cap(&as, eth)->meta.wanted, 7);
	ck_assert_str_eq(apps_cap(&as, eth)->meta.enr[0].key, "full");
}
END_TEST

START_TEST(conditions)
{
	struct appconn		*a = connected(app_new("a", 1), 0);
	struct m_app_attach	 m = *offer("eth", 1);
	struct capability	*c;

	apps_set_running(&as, 1);
	m.meta.ncond = 1;
	ck_assert_int_eq(attach(a, &m), APE_INVALID);
	strlcpy(m.meta.cond[0].key, "eth", sizeof(m.meta.cond[0].key));
	m.meta.nprefix = 1;
	m.meta.prefix[0].cond = 1;
	ck_assert_int_eq(attach(a, &m), APE_INVALID);
	m.meta.prefix[0].cond = 0;
	ck_assert_int_eq(attach(a, &m), APE_OK);
	ck_assert_ptr_nonnull(c = apps_conditions(&as, NULL));
	ck_assert_str_eq(c->meta.cond[0].key, "eth");
	ck_assert(cap_hungry(c));
	c->meta.wanted = 2;
	c->npeers = 1;
	ck_assert(cap_hungry(c));
	c->npeers = 2;
	ck_assert(!cap_hungry(c));
	apps_set_running(&as, 0);
	ck_assert_ptr_null(apps_conditions(&as, NULL));
}
END_TEST

/* One thing that happens, as r says: to the first or the last connection. */
static void
any_event(uint32_t r, uint32_t uid, uint64_t now)
{
	static const char *const names[] = { "aa", "bb", "cc" };
	unsigned int		 session = r >> 20 & 1;
	struct app		*a = TAILQ_FIRST(&as.apps);
	struct capability	*c = TAILQ_FIRST(&as.caps);
	struct appconn		*ac;
	struct m_app_attach	 m;

	ac = r & 1 << 24 ? TAILQ_FIRST(&as.conns) :
	    TAILQ_LAST(&as.conns, appconn_list);
	switch (r >> 16 & 7) {
	case 0:
		if (as.napps < 4)
			connected(app_new("x", uid), session);
		break;
	case 1:
		if (a != NULL && as.nconns < 9)
			connected(a, session);
		break;
	case 2:
		if (ac != NULL)
			apps_disconnect(&as, ac, r >> 20 & 1 ? now + 20 : 0);
		break;
	case 3:
		apps_expire(&as, now);
		break;
	case 4:
		if (r >> 21 & 1) {
			apps_session_died(&as, session, now + 30);
			apps_set_running(&as, 3);
		}
		break;
	case 5:
		if (c != NULL && c->sessions == 0)
			apps_forget(&as, c);
		break;
	default:
		if (ac == NULL)
			break;
		m = *offer(names[(r >> 20) % 3], r >> 22 & 1);
		m.mode = r >> 23 & 1 ? APM_OWNER : APM_TAP;
		attach(ac, &m);
	}
}

/* Every capability is attached or awaited somewhere, by an application. */
static void
caps_are_owned(void)
{
	struct capability	*c;
	struct app		*a;

	TAILQ_FOREACH(c, &as.caps, entry) {
		ck_assert_uint_ne(c->sessions | c->away, 0);
		ck_assert_uint_eq(c->sessions & c->away, 0);
		ck_assert_uint_eq(c->orphans & ~c->away, 0);
		TAILQ_FOREACH(a, &as.apps, entry)
			if (a == c->owner)
				break;
		ck_assert_ptr_nonnull(a);
	}
}

/* Who is not connected is known only as long as it has a capability. */
static void
absent_own_something(void)
{
	struct capability	*c;
	struct app		*a;

	TAILQ_FOREACH(a, &as.apps, entry) {
		if (a->nconns != 0)
			continue;
		TAILQ_FOREACH(c, &as.caps, entry)
			if (c->owner == a)
				break;
		ck_assert_ptr_nonnull(c);
	}
}

/* Whatever happens in whatever order, nothing is lost nor kept for ever. */
START_TEST(turmoil)
{
	uint64_t	 now = 1;
	uint32_t	 r = 7, i;

	for (i = 0; i < 30000; i++) {
		r = r * 1103515245 + 12345;
		now += r >> 28;
		any_event(r, i, now);
		caps_are_owned();
		absent_own_something();
		gone[0] = '\0';
	}
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/grace");
	TCase	*tc = tcase_create("grace");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, resume);
	tcase_add_test(tc, too_late);
	tcase_add_test(tc, no_grace);
	tcase_add_test(tc, detached);
	tcase_add_test(tc, other_versions);
	tcase_add_test(tc, second_owner);
	tcase_add_test(tc, session_dies);
	tcase_add_test(tc, taps);
	tcase_add_test(tc, entries);
	tcase_add_test(tc, record_room);
	tcase_add_test(tc, conditions);
	tcase_add_test(tc, turmoil);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
