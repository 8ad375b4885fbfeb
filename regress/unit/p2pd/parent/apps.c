/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/parent/apps.h"

static struct apps	as;
static int		no_memory;
static uint8_t		id[SECP_PUB];
static uint32_t		capid;
static uint16_t		room;
static char		text[sizeof(((struct m_app_attached *)0)->text)];

/* In the place of calloc, by the linker. */
void	*__real_calloc(size_t, size_t);
void	*__wrap_calloc(size_t, size_t);

void *
__wrap_calloc(size_t n, size_t size)
{
	if (!no_memory)
		return __real_calloc(n, size);
	errno = ENOMEM;
	return NULL;
}

static void
setup(void)
{
	memset(id, 0x42, sizeof(id));
	ck_assert_int_eq(apps_init(&as, "p2pd/test", id), 0);
	apps_set_running(&as, 1);
}

static void
teardown(void)
{
	while (!TAILQ_EMPTY(&as.conns))
		apps_disconnect(&as, TAILQ_FIRST(&as.conns), 0);
	ck_assert(TAILQ_EMPTY(&as.caps));
	ck_assert(TAILQ_EMPTY(&as.apps));
	ck_assert_uint_eq(as.napps, 0);
	ck_assert_uint_eq(as.nconns, 0);
	ck_assert_uint_eq(as.hello->n, 0);
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
	m.gid = uid + 1;
	m.pid = 4000 + uid;
	a = apps_new(&as, &m);
	ck_assert_ptr_nonnull(a);
	return a;
}

static struct appconn *
connected(struct app *a, unsigned int session)
{
	struct appconn	*ac = apps_connect(&as, a, session);

	ck_assert_ptr_nonnull(ac);
	ck_assert_ptr_eq(apps_conn(&as, ac->no), ac);
	return ac;
}

static struct m_app_attach
offer(const char *name, uint32_t version, uint32_t codes)
{
	struct m_app_attach	 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.name, name, sizeof(m.name));
	m.nvers = 1;
	m.vers[0].version = version;
	m.vers[0].codes = codes;
	return m;
}

static enum app_error
attach(struct appconn *ac, struct m_app_attach m)
{
	struct m_app_attached	 ans;
	enum app_error		 e;

	memset(&ans, 0, sizeof(ans));
	e = apps_attach(&as, ac, &m, &ans);
	capid = ans.capid;
	room = ans.room;
	memcpy(text, ans.text, sizeof(text));
	return e;
}

/* What our Hello lists now, by its bytes: "eth/68,eth/69". */
static const char *
listed(void)
{
	static char	 buf[4096];
	struct hello	 h;
	uint32_t	 i;
	size_t		 n = 0;

	ck_assert_uint_le(as.hello->len, HELLO_MAX);
	ck_assert_int_eq(hello_decode(&h, as.hello->payload, as.hello->len), 0);
	ck_assert_str_eq(h.client, "p2pd/test");
	ck_assert_mem_eq(h.id, id, sizeof(id));
	ck_assert_uint_eq(h.ncaps, as.hello->n);
	buf[0] = '\0';
	for (i = 0; i < h.ncaps; i++) {
		ck_assert_str_eq(h.caps[i].name, as.hello->caps[i].cap.name);
		ck_assert_uint_eq(h.caps[i].version,
		    as.hello->caps[i].cap.version);
		n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s%s/%u",
		    i == 0 ? "" : ",", h.caps[i].name, h.caps[i].version);
	}
	return buf;
}

START_TEST(nothing)
{
	ck_assert_str_eq(listed(), "");
	ck_assert_ptr_null(apps_conn(&as, 1));
	ck_assert_ptr_null(apps_cap(&as, 1));
}
END_TEST

START_TEST(long_client)
{
	static struct apps	 other;
	static char		 name[4 * CLIENT_MAX];

	memset(name, 'x', sizeof(name) - 1);
	ck_assert_int_eq(apps_init(&other, name, id), 0);
	ck_assert_uint_lt(strlen(other.client), CLIENT_MAX);
	helloset_unref(other.hello);
}
END_TEST

START_TEST(one_owner)
{
	struct app		*a = app_new("geth", 1000);
	struct appconn		*ac = connected(a, 0);
	struct m_app_attach	 m = offer("eth", 69, 18);
	uint32_t		 gen = as.hello->generation;

	m.nvers = 2;
	m.vers[1].version = 68;
	m.vers[1].codes = 17;
	ck_assert_int_eq(attach(ac, m), APE_OK);
	ck_assert_uint_ne(capid, 0);
	ck_assert_uint_eq(room, HELLO_MAX - as.hello->len);
	ck_assert_str_eq(listed(), "eth/68,eth/69");
	ck_assert_uint_gt(as.hello->generation, gen);
	ck_assert_uint_eq(as.hello->caps[0].codes, 17);
	ck_assert_uint_eq(as.hello->caps[1].codes, 18);
	ck_assert_uint_eq(as.hello->caps[1].owner, capid);
	ck_assert_ptr_eq(apps_cap(&as, capid)->owner, a);

	gen = as.hello->generation;
	ck_assert_int_eq(apps_detach(&as, ac, capid), 0);
	ck_assert_str_eq(listed(), "");
	ck_assert_uint_gt(as.hello->generation, gen);
	ck_assert_int_eq(apps_detach(&as, ac, capid), -1);
}
END_TEST

/* Hello lists by name, whoever attached first. */
START_TEST(several_owners)
{
	struct appconn	*a = connected(app_new("a", 1), 0);
	struct appconn	*b = connected(app_new("b", 2), 0);
	uint32_t	 snap, eth;

	ck_assert_int_eq(attach(a, offer("snap", 1, 8)), APE_OK);
	snap = capid;
	ck_assert_int_eq(attach(b, offer("eth", 69, 18)), APE_OK);
	eth = capid;
	ck_assert_uint_ne(snap, eth);
	ck_assert_int_eq(attach(b, offer("aa", 1, 1)), APE_OK);
	ck_assert_str_eq(listed(), "aa/1,eth/69,snap/1");
	/* Not what another owns. */
	ck_assert_int_eq(apps_detach(&as, a, eth), -1);
	ck_assert_str_eq(listed(), "aa/1,eth/69,snap/1");
	/* What an application had goes with it. */
	apps_disconnect(&as, b, 0);
	ck_assert_str_eq(listed(), "snap/1");
	ck_assert_ptr_null(apps_cap(&as, eth));
	ck_assert_uint_eq(as.napps, 1);
}
END_TEST

START_TEST(second_owner)
{
	struct appconn	*a = connected(app_new("first", 1000), 0);
	struct appconn	*b = connected(app_new("second", 1000), 0);
	uint32_t	 first, gen;

	ck_assert_int_eq(attach(a, offer("eth", 69, 18)), APE_OK);
	first = capid;
	gen = as.hello->generation;
	ck_assert_int_eq(attach(b, offer("eth", 69, 18)), APE_BUSY);
	ck_assert_uint_eq(capid, 0);
	ck_assert_ptr_nonnull(strstr(text, "\"first\""));
	ck_assert_ptr_nonnull(strstr(text, "5000"));
	ck_assert_ptr_nonnull(strstr(text, "1000"));
	/* Not with another version either, nor twice by itself. */
	ck_assert_int_eq(attach(b, offer("eth", 70, 18)), APE_BUSY);
	ck_assert_int_eq(attach(a, offer("eth", 69, 18)), APE_BUSY);
	ck_assert_uint_eq(as.hello->generation, gen);
	ck_assert_uint_eq(as.hello->caps[0].owner, first);
	/* Free again, it goes to who asks, as another one. */
	apps_disconnect(&as, a, 0);
	ck_assert_int_eq(attach(b, offer("eth", 69, 18)), APE_OK);
	ck_assert_uint_gt(capid, first);
}
END_TEST

START_TEST(several_sessions)
{
	struct app	*a = app_new("geth", 1000);
	struct appconn	*c0, *c1;
	uint32_t	 gen, eth;

	apps_set_running(&as, 3);
	gen = as.hello->generation;
	c0 = connected(a, 0);
	c1 = connected(a, 1);
	ck_assert_int_eq(attach(c0, offer("eth", 69, 18)), APE_OK);
	eth = capid;
	/* Not told before the second session has it. */
	ck_assert_str_eq(listed(), "");
	ck_assert_uint_eq(as.hello->generation, gen);
	ck_assert_int_eq(attach(c1, offer("eth", 68, 18)), APE_INVALID);
	ck_assert_int_eq(attach(c1, offer("eth", 69, 17)), APE_INVALID);
	ck_assert_int_eq(attach(c1, offer("eth", 69, 18)), APE_OK);
	ck_assert_uint_eq(capid, eth);
	ck_assert_str_eq(listed(), "eth/69");
	ck_assert_uint_gt(as.hello->generation, gen);
	gen = as.hello->generation;

	/* One leaves: what was told stays while the other has it. */
	ck_assert_int_eq(apps_detach(&as, c1, eth), 0);
	ck_assert_str_eq(listed(), "eth/69");
	ck_assert_uint_eq(as.hello->generation, gen);
	ck_assert_int_eq(attach(c1, offer("eth", 69, 18)), APE_OK);
	ck_assert_uint_eq(capid, eth);
	ck_assert_uint_eq(as.hello->generation, gen);

	ck_assert_int_eq(apps_detach(&as, c0, eth), 0);
	ck_assert_int_eq(apps_detach(&as, c1, eth), 0);
	ck_assert_str_eq(listed(), "");
	ck_assert_uint_gt(as.hello->generation, gen);
	/* With no connection left the application is gone too. */
	apps_disconnect(&as, c0, 0);
	ck_assert_uint_eq(as.napps, 1);
	apps_disconnect(&as, c1, 0);
	ck_assert_uint_eq(as.napps, 0);
}
END_TEST

START_TEST(session_dies)
{
	struct app	*a = app_new("geth", 1000);
	struct appconn	*c0, *c1, *b;
	uint32_t	 gen, eth, no1;

	apps_set_running(&as, 3);
	c0 = connected(a, 0);
	c1 = connected(a, 1);
	no1 = c1->no;
	b = connected(app_new("only there", 1), 1);
	ck_assert_int_eq(attach(b, offer("les", 4, 4)), APE_OK);
	ck_assert_int_eq(attach(c0, offer("eth", 69, 18)), APE_OK);
	eth = capid;
	ck_assert_int_eq(attach(c1, offer("eth", 69, 18)), APE_OK);
	ck_assert_str_eq(listed(), "eth/69");
	gen = as.hello->generation;

	apps_session_died(&as, 1, 0);
	ck_assert_ptr_null(apps_conn(&as, no1));
	ck_assert_uint_eq(as.napps, 1);
	ck_assert_uint_eq(as.nconns, 1);
	ck_assert_str_eq(listed(), "eth/69");
	ck_assert_uint_eq(as.hello->generation, gen);
	ck_assert_uint_eq(apps_cap(&as, eth)->sessions, 1);
	/* Back again, and attached there again: Hello never changed. */
	apps_set_running(&as, 3);
	ck_assert_str_eq(listed(), "eth/69");
	c1 = connected(a, 1);
	ck_assert_uint_ne(c1->no, no1);
	ck_assert_int_eq(attach(c1, offer("eth", 69, 18)), APE_OK);
	ck_assert_uint_eq(capid, eth);
	ck_assert_uint_eq(as.hello->generation, gen);

	apps_session_died(&as, 0, 0);
	apps_session_died(&as, 1, 0);
	ck_assert_str_eq(listed(), "");
	ck_assert_uint_eq(as.napps, 0);
}
END_TEST

START_TEST(waits_for_its_owner)
{
	static const struct cap	 eth = { "eth", 69 }, old = { "eth", 68 };
	struct app		*a = app_new("geth", 1000);
	struct appconn		*c0 = connected(a, 0);

	ck_assert_int_eq(apps_awaits(&as, NULL, 0), 0);
	ck_assert_int_eq(attach(c0, offer("eth", 69, 18)), APE_OK);
	ck_assert_int_eq(apps_awaits(&as, NULL, 0), 0);
	/* Its peers are kept: it is advertised, and nobody has to wait. */
	apps_disconnect(&as, c0, 1000);
	ck_assert_str_eq(listed(), "eth/69");
	ck_assert_int_eq(apps_awaits(&as, &eth, 1), 0);
	/* The only session dies, and is back before the owner is. */
	apps_session_died(&as, 0, 1000);
	ck_assert_int_eq(apps_awaits(&as, NULL, 0), 1);
	apps_set_running(&as, 1);
	ck_assert_str_eq(listed(), "");
	ck_assert_int_eq(apps_awaits(&as, &eth, 1), 1);
	ck_assert_int_eq(apps_awaits(&as, &old, 1), 0);
	ck_assert_int_eq(apps_awaits(&as, &eth, 0), 0);
	c0 = connected(a, 0);
	ck_assert_int_eq(attach(c0, offer("eth", 69, 18)), APE_OK);
	ck_assert_int_eq(apps_awaits(&as, &eth, 1), 0);
	/* It does not come back: then there is nothing to wait for. */
	apps_session_died(&as, 0, 1000);
	apps_expire(&as, 1000);
	ck_assert_int_eq(apps_awaits(&as, NULL, 0), 0);
}
END_TEST

/* The session that lacked it dies: now every one that runs has it. */
START_TEST(session_dies_that_lacked_it)
{
	struct appconn	*c0;

	apps_set_running(&as, 3);
	c0 = connected(app_new("geth", 1000), 0);
	ck_assert_int_eq(attach(c0, offer("eth", 69, 18)), APE_OK);
	ck_assert_str_eq(listed(), "");
	apps_session_died(&as, 1, 0);
	ck_assert_str_eq(listed(), "eth/69");
}
END_TEST

START_TEST(no_session_runs)
{
	struct appconn	*c0 = connected(app_new("geth", 1000), 0);

	ck_assert_int_eq(attach(c0, offer("eth", 69, 18)), APE_OK);
	ck_assert_str_eq(listed(), "eth/69");
	apps_set_running(&as, 0);
	ck_assert_str_eq(listed(), "");
	apps_set_running(&as, 1);
	ck_assert_str_eq(listed(), "eth/69");
}
END_TEST

START_TEST(invalid)
{
	static const struct {
		const char	*name;
		uint32_t	 version, codes;
		uint8_t		 mode, policy;
		enum app_error	 error;
	} t[] = {
		{ "eth", 1, 0, APM_OWNER, APP_STOP, APE_INVALID },
		{ "eth", 1, 65537, APM_OWNER, APP_STOP, APE_INVALID },
		{ "eth", 1, UINT32_MAX, APM_OWNER, APP_STOP, APE_INVALID },
		{ "eth", 1, 1, 255, APP_STOP, APE_UNSUPPORTED },
		{ "eth", 1, 1, APM_OWNER, APP_DISCONNECT + 1, APE_INVALID },
		{ "", 1, 1, APM_OWNER, APP_STOP, APE_INVALID },
		{ "p2p", 1, 1, APM_OWNER, APP_STOP, APE_INVALID },
		{ "e h", 1, 1, APM_OWNER, APP_STOP, APE_INVALID },
		{ "e/h", 1, 1, APM_OWNER, APP_STOP, APE_INVALID },
		{ "e,h", 1, 1, APM_OWNER, APP_STOP, APE_INVALID },
		{ "e\001h", 1, 1, APM_OWNER, APP_STOP, APE_INVALID },
		{ "\xc3\xa9th", 1, 1, APM_OWNER, APP_STOP, APE_INVALID }
	};
	struct appconn		*ac = connected(app_new("x", 1), 0);
	uint32_t		 gen = as.hello->generation;
	struct m_app_attach	 m;
	size_t			 i;

	for (i = 0; i < nitems_of(t); i++) {
		m = offer(t[i].name, t[i].version, t[i].codes);
		m.mode = t[i].mode;
		m.policy = t[i].policy;
		ck_assert_msg(attach(ac, m) == t[i].error, "%zu", i);
		ck_assert_uint_eq(capid, 0);
		ck_assert_uint_gt(strlen(text), 0);
		ck_assert_uint_eq(room, HELLO_MAX - as.hello->len);
	}
	m = offer("eth", 1, 1);
	m.nvers = 0;
	ck_assert_int_eq(attach(ac, m), APE_INVALID);
	m.nvers = 3;
	m.vers[1].version = 2;
	m.vers[1].codes = 1;
	m.vers[2].version = 1;
	m.vers[2].codes = 1;
	ck_assert_int_eq(attach(ac, m), APE_INVALID);
	ck_assert(TAILQ_EMPTY(&as.caps));
	ck_assert_uint_eq(as.hello->generation, gen);
	/* The extremes that are right. */
	ck_assert_int_eq(attach(ac, offer("e", 0, 1)), APE_OK);
	ck_assert_int_eq(attach(ac, offer("12345678", UINT32_MAX, 65536)), APE_OK);
	ck_assert_str_eq(listed(), "12345678/4294967295,e/0");
}
END_TEST

static struct m_app_attach
large_offer(unsigned int no, uint32_t nvers)
{
	struct m_app_attach	 m;
	char			 name[CAP_NAME_MAX + 1];
	uint32_t		 i;

	snprintf(name, sizeof(name), "proto%03u", no % 1000);
	m = offer(name, 0, 1);
	m.nvers = nvers;
	for (i = 0; i < nvers; i++) {
		m.vers[i].version = UINT32_MAX - i;
		m.vers[i].codes = 1;
	}
	return m;
}

/* What is attached and not advertised yet takes its room in Hello too. */
START_TEST(hello_room)
{
	struct appconn	*ac;
	unsigned int	 i;
	uint16_t	 last = HELLO_MAX;
	enum app_error	 e;

	apps_set_running(&as, 3);
	ac = connected(app_new("greedy", 1), 0);
	for (i = 0; (e = attach(ac, large_offer(i, 4))) == APE_OK; i++) {
		ck_assert_uint_lt(room, last);
		last = room;
	}
	ck_assert_int_eq(e, APE_ROOM);
	ck_assert_uint_eq(capid, 0);
	ck_assert_uint_eq(room, last);
	ck_assert_uint_eq(i, LOCALCAPS_MAX / 4);
	ck_assert_ptr_nonnull(strstr(text, "room"));
	ck_assert_str_eq(listed(), "");
	apps_set_running(&as, 1);
	ck_assert_uint_eq(as.hello->n, LOCALCAPS_MAX);
	ck_assert_uint_eq(as.hello->len, (uint32_t)(HELLO_MAX - last));
	listed();
}
END_TEST

/* A peer that has all that we list must be able to share all of it. */
START_TEST(hello_names)
{
	static struct sharedcap	 shared[SHARED_MAX];
	struct appconn		*ac;
	struct cap		 theirs[LOCALCAPS_MAX];
	char			 name[] = "c00";
	uint32_t		 i, n;
	enum app_error		 e;

	ac = connected(app_new("greedy", 1), 0);
	for (i = 0; ; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		if ((e = attach(ac, offer(name, 1, 8))) != APE_OK)
			break;
	}
	ck_assert_int_eq(e, APE_ROOM);
	n = as.hello->n;
	ck_assert_uint_gt(n, 1);
	for (i = 0; i < n; i++)
		theirs[i] = as.hello->caps[i].cap;
	ck_assert_uint_eq(caps_negotiate(shared, SHARED_MAX, as.hello->caps, n,
	    theirs, n), n);
	ck_assert_ptr_nonnull(strstr(text, "names"));
}
END_TEST

START_TEST(tokens)
{
	static const uint8_t	 none[APP_TOKEN];
	struct app		*a = app_new("a", 1000), *b = app_new("b", 1000);

	connected(a, 0);
	connected(b, 0);
	ck_assert(memcmp(a->token, none, sizeof(none)) != 0);
	ck_assert(memcmp(a->token, b->token, sizeof(none)) != 0);
	ck_assert_ptr_eq(apps_bytoken(&as, a->token, 1000), a);
	ck_assert_ptr_eq(apps_bytoken(&as, b->token, 1000), b);
	/* A token is worth nothing to another user. */
	ck_assert_ptr_null(apps_bytoken(&as, a->token, 1001));
	ck_assert_ptr_null(apps_bytoken(&as, none, 1000));
}
END_TEST

START_TEST(limits)
{
	struct app	*a[APPS_MAX];
	struct m_app	 m;
	unsigned int	 i;

	memset(&m, 0, sizeof(m));
	for (i = 0; i < APPS_MAX; i++)
		a[i] = app_new("x", i);
	errno = 0;
	ck_assert_ptr_null(apps_new(&as, &m));
	ck_assert_int_eq(errno, ENOSPC);
	for (i = 0; i < APP_CONNS_MAX; i++)
		connected(a[i % APPS_MAX], i / APPS_MAX);
	ck_assert_ptr_null(apps_connect(&as, a[0], 0));
	ck_assert_uint_eq(a[0]->nconns, APP_CONNS_MAX / APPS_MAX);
	/* One that never got a connection does not stay. */
	apps_session_died(&as, 0, 0);
	ck_assert_uint_eq(as.napps, APPS_MAX);
	for (i = 1; i < APP_CONNS_MAX / APPS_MAX; i++)
		apps_session_died(&as, i, 0);
	ck_assert_uint_eq(as.napps, 0);
	ck_assert_ptr_null(apps_connect(&as, app_new("y", 1), 32));
	ck_assert_uint_eq(as.napps, 0);
}
END_TEST

/* One user leaves room for others. */
START_TEST(shares)
{
	struct m_app	 m;
	struct app	*a;
	unsigned int	 i;

	memset(&m, 0, sizeof(m));
	m.uid = 1000;
	for (i = 0; i < APPS_UID_MAX; i++)
		connected(app_new("x", 1000), 0);
	ck_assert_ptr_null(apps_new(&as, &m));
	a = TAILQ_FIRST(&as.apps);
	for (; i < APP_CONNS_UID_MAX; i++)
		connected(a, 0);
	ck_assert_ptr_null(apps_connect(&as, a, 0));
	ck_assert_uint_eq(as.napps, APPS_UID_MAX);
	connected(app_new("y", 1001), 0);
}
END_TEST

/* A set-up under way keeps the Hello that it sent. */
START_TEST(kept_generation)
{
	struct appconn	*ac = connected(app_new("geth", 1000), 0);
	struct helloset	*old;
	uint32_t	 eth;

	ck_assert_int_eq(attach(ac, offer("eth", 69, 18)), APE_OK);
	eth = capid;
	old = helloset_ref(as.hello);
	ck_assert_int_eq(attach(ac, offer("snap", 1, 8)), APE_OK);
	ck_assert_ptr_ne(as.hello, old);
	ck_assert_uint_lt(old->generation, as.hello->generation);
	ck_assert_uint_eq(old->n, 1);
	ck_assert_uint_eq(old->caps[0].owner, eth);
	ck_assert_int_eq(apps_detach(&as, ac, eth), 0);
	/* Attached again: another one by the same name. */
	ck_assert_int_eq(attach(ac, offer("eth", 69, 18)), APE_OK);
	ck_assert_uint_ne(capid, eth);
	ck_assert_ptr_null(apps_cap(&as, old->caps[0].owner));
	helloset_unref(old);
	helloset_unref(NULL);
}
END_TEST

/* Whatever happens in whatever order, Hello lists what it should. */
START_TEST(turmoil)
{
	struct appconn		*ac;
	struct capability	*c;
	struct app		*a;
	unsigned int		 i, want;
	uint32_t		 r = 1;
	struct m_app_attach	 m;

	for (i = 0; i < 20000; i++) {
		r = r * 1103515245 + 12345;
		a = TAILQ_FIRST(&as.apps);
		ac = TAILQ_LAST(&as.conns, appconn_list);
		switch (r >> 16 & 7) {
		case 0:
			if (as.napps < 5)
				connected(app_new("x", i), r >> 20 & 1);
			break;
		case 1:
			if (a != NULL && as.nconns < 12)
				connected(a, r >> 20 & 1);
			break;
		case 2:
			if (ac != NULL)
				apps_disconnect(&as, ac, 0);
			break;
		case 3:
			apps_set_running(&as, r >> 20 & 3);
			break;
		case 4:
			apps_session_died(&as, r >> 20 & 1, 0);
			break;
		case 5:
			if (ac != NULL && !TAILQ_EMPTY(&as.caps))
				apps_detach(&as, ac, TAILQ_FIRST(&as.caps)->id);
			break;
		default:
			TAILQ_FOREACH(ac, &as.conns, entry) {
				m = large_offer(r >> 20 & 3, 1);
				attach(ac, m);
			}
		}
		want = 0;
		TAILQ_FOREACH(c, &as.caps, entry) {
			ck_assert_uint_ne(c->sessions, 0);
			if (as.running != 0 &&
			    (c->sessions & as.running) == as.running)
				ck_assert(c->advertised);
			if ((c->sessions & as.running) == 0)
				ck_assert(!c->advertised);
			want += c->advertised != 0;
		}
		ck_assert_uint_eq(as.hello->n, want);
		for (want = 0; want < as.hello->n; want++)
			ck_assert(apps_cap(&as,
			    as.hello->caps[want].owner)->advertised);
	}
}
END_TEST

/*
 * Without memory the old generation stays, and what was to change does when
 * there is some.
 */
START_TEST(no_new_hello)
{
	struct appconn	*ac = connected(app_new("a", 1), 0);
	struct appconn	*bc = connected(app_new("b", 2), 0);
	uint32_t	 gen;

	ck_assert_int_eq(attach(ac, offer("eth", 69, 18)), APE_OK);
	ck_assert_int_eq(attach(bc, offer("snap", 1, 8)), APE_OK);
	gen = as.hello->generation;
	no_memory = 1;
	ck_assert_int_eq(apps_detach(&as, bc, capid), 0);
	apps_disconnect(&as, bc, 0);
	ck_assert_uint_eq(as.hello->generation, gen);
	ck_assert_str_eq(listed(), "eth/69,snap/1");
	ck_assert(as.stale);
	apps_set_running(&as, 3);
	apps_set_running(&as, 1);
	apps_refresh(&as);
	ck_assert(as.stale);
	no_memory = 0;
	apps_refresh(&as);
	ck_assert(!as.stale);
	ck_assert_uint_gt(as.hello->generation, gen);
	ck_assert_str_eq(listed(), "eth/69");
	gen = as.hello->generation;
	apps_refresh(&as);
	ck_assert_uint_eq(as.hello->generation, gen);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/apps");
	TCase	*tc = tcase_create("apps");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing);
	tcase_add_test(tc, long_client);
	tcase_add_test(tc, one_owner);
	tcase_add_test(tc, several_owners);
	tcase_add_test(tc, second_owner);
	tcase_add_test(tc, several_sessions);
	tcase_add_test(tc, session_dies);
	tcase_add_test(tc, waits_for_its_owner);
	tcase_add_test(tc, session_dies_that_lacked_it);
	tcase_add_test(tc, no_session_runs);
	tcase_add_test(tc, invalid);
	tcase_add_test(tc, hello_room);
	tcase_add_test(tc, hello_names);
	tcase_add_test(tc, tokens);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, shares);
	tcase_add_test(tc, kept_generation);
	tcase_add_test(tc, turmoil);
	tcase_add_test(tc, no_new_hello);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
