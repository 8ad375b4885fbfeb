/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/ctl/ctl.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/show.h"
#include "world.h"

static struct tapp	 ta;

static void
setup(void)
{
	world_open();
	tapp_own(&ta, 1, 0, APP_STOP);
	told_forget();
}

static void
teardown(void)
{
	tapp_close(&ta);
	world_close();
}

static void
show(enum ctl_show what, uint32_t handle)
{
	struct m_show	 m = { 33, (uint8_t)what, handle };

	show_start(&m);
}

/* Finds a key at the top of a record. */
static int
find(const struct ctl_rec *m, const char *key, struct rec_item *it)
{
	struct rec_reader	 r;
	int			 depth = 0;

	rec_read(&r, m->rec, m->len);
	while (rec_next(&r, it) == 1) {
		if (depth == 0 && strcmp(it->key, key) == 0)
			return 1;
		if (it->type == REC_MAP || it->type == REC_LIST)
			depth++;
		else if (it->type == REC_END)
			depth--;
	}
	return 0;
}

static uint64_t
number(const struct ctl_rec *m, const char *key)
{
	struct rec_item	 it;

	ck_assert_msg(find(m, key, &it), "no %s", key);
	return it.u64;
}

START_TEST(status)
{
	const struct ctl_rec	*m;
	const struct ctl_end	*e;
	struct rec_item		 it;

	show(SHOW_STATUS, 0);
	ck_assert_ptr_nonnull(m = told_first(CTL_REC));
	ck_assert_uint_eq(m->conn, 33);
	ck_assert_int_eq(find(m, "kind", &it), 1);
	ck_assert_mem_eq(it.data, "session", 7);
	ck_assert_uint_eq(number(m, "instance"), 1);
	ck_assert_uint_eq(number(m, "peers"), 0);
	ck_assert_uint_eq(number(m, "apps"), 1);
	ck_assert_ptr_nonnull(e = told_first(CTL_END));
	ck_assert_uint_eq(e->conn, 33);
	ck_assert_uint_eq(e->code, CTLE_OK);
}
END_TEST

START_TEST(one_peer)
{
	static const char *const keys[] = { "handle", "id", "enode", "address",
	    "local", "direction", "static", "trusted", "client", "p2p_version",
	    "capabilities", "shared", "since_ms", "bytes_in", "bytes_out",
	    "msgs_in", "msgs_out", "ping_ms", "queue_in", "queue_out" };
	const struct ctl_rec	*m;
	struct rec_item		 it;
	struct tpeer		 tp;
	size_t			 i;

	tpeer_open(&tp, 7, shared, 1, 1);
	show(SHOW_PEER, 7);
	ck_assert_ptr_nonnull(m = told_first(CTL_REC));
	for (i = 0; i < nitems_of(keys); i++)
		ck_assert_msg(find(m, keys[i], &it), "no %s", keys[i]);
	ck_assert_uint_eq(number(m, "handle"), 7);
	find(m, "ping_ms", &it);
	ck_assert_uint_eq(it.type, REC_NULL);
	find(m, "id", &it);
	ck_assert_uint_eq(it.len, 128);
	find(m, "direction", &it);
	ck_assert_mem_eq(it.data, "in", 2);
	told_forget();
	show(SHOW_PEER, 8);
	ck_assert_ptr_null(told_first(CTL_REC));
	ck_assert_uint_eq(((const struct ctl_end *)told_first(CTL_END))->code,
	    CTLE_NOTFOUND);
	tpeer_close(&tp);
}
END_TEST

/* Records wait while the parent's queue is full; peers may go meanwhile. */
START_TEST(with_patience)
{
	enum { N = 50 };
	struct tpeer	 v[N];
	struct told	*t;
	unsigned int	 i;
	uint64_t	 last = 0, h;

	for (i = 0; i < N; i++)
		tpeer_open(&v[i], 1 + i, shared, 1, 1);
	parent_full = 1;
	show(SHOW_PEERS, 0);
	show(SHOW_STATUS, 0);
	ck_assert_uint_eq(told_count(CTL_REC), 0);
	peers_stop(1, REASON_OPERATOR, DISC_REQUESTED);
	parent_full = 0;
	session_drained();
	ck_assert_uint_eq(told_count(CTL_REC), N - 1 + 1);
	ck_assert_uint_eq(told_count(CTL_END), 2);
	i = 0;
	TAILQ_FOREACH(t, &told, entry) {
		if (t->type != CTL_REC || ++i == N)
			continue;
		h = number(t->body, "handle");
		ck_assert_uint_gt(h, last);
		last = h;
	}
	ck_assert_uint_eq(last, N);
	for (i = 0; i < N; i++)
		tpeer_close(&v[i]);
}
END_TEST

/* The largest Hello makes a record that still fits. */
START_TEST(full_record)
{
	struct m_peer_start	 m;
	struct peer		*p;
	struct tpeer		 tp;
	unsigned int		 i;

	memset(&m, 0, sizeof(m));
	tpeer_open(&tp, 7, shared, 1, 1);
	p = peer_find(7);
	free(p->listed);
	free(p->caps);
	free(p->client);
	ck_assert_ptr_nonnull(p->client = malloc(CLIENT_MAX));
	memset(p->client, 'c', CLIENT_MAX - 1);
	p->client[CLIENT_MAX - 1] = '\0';
	p->nlisted = CAPS_MAX;
	p->ncaps = SHARED_MAX;
	p->listed = calloc(CAPS_MAX, sizeof(*p->listed));
	p->caps = calloc(SHARED_MAX, sizeof(*p->caps));
	for (i = 0; i < CAPS_MAX; i++) {
		strlcpy(p->listed[i].name, "abcdefgh", CAP_NAME_MAX + 1);
		p->listed[i].version = UINT32_MAX;
	}
	for (i = 0; i < SHARED_MAX; i++)
		p->caps[i].shared.cap = p->listed[i];
	show(SHOW_PEER, 7);
	ck_assert_uint_eq(told_count(CTL_REC), 1);
	tpeer_close(&tp);
}
END_TEST

START_TEST(monitor)
{
	const struct m_event	*ev;
	struct rec_reader	 r;
	struct rec_item		 it;
	struct tpeer		 tp;

	tpeer_up(&tp, 7, 1, &ta);
	tpeer_send(&tp, 0x11, "before", 6);
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_uint_eq(told_count(M_EVENT), 0);
	ses.monitor = 1;
	parent_full = 1;
	tpeer_send(&tp, 0x11, "lost", 4);
	tapp_expect(&ta, AF_MESSAGE);
	parent_full = 0;
	tpeer_send(&tp, 0x12, "seen!", 5);
	tapp_expect(&ta, AF_MESSAGE);
	ck_assert_uint_eq(told_count(M_EVENT), 1);
	ev = told_first(M_EVENT);
	ck_assert_uint_eq(ev->message, 1);
	ck_assert_uint_eq(ev->lost, 1);
	rec_read(&r, ev->rec, ev->len);
	while (rec_next(&r, &it) == 1) {
		if (strcmp(it.key, "code") == 0)
			ck_assert_uint_eq(it.u64, 2);
		if (strcmp(it.key, "size") == 0)
			ck_assert_uint_eq(it.u64, 5);
		if (strcmp(it.key, "direction") == 0)
			ck_assert_mem_eq(it.data, "in", 2);
	}
	tpeer_close(&tp);
}
END_TEST

/* Queues of who is there, and what is missed by who is not. */
START_TEST(queues)
{
	const struct ctl_rec	*m;
	struct rec_item		 it;
	struct tpeer		 tp;

	tpeer_up(&tp, 7, 1, &ta);
	parent_full = 1;
	show(SHOW_APPS, 0);
	ck_assert_uint_eq(told_count(CTL_END), 0);
	parent_full = 0;
	session_drained();
	ck_assert_uint_eq(told_count(CTL_REC), 1);
	ck_assert_uint_eq(told_count(CTL_END), 1);
	m = told_first(CTL_REC);
	ck_assert_uint_eq(number(m, "cap_id"), 100);
	ck_assert_uint_eq(number(m, "session"), 1);
	ck_assert_uint_eq(number(m, "queued"), 0);
	ck_assert_uint_eq(number(m, "missed"), 0);
	ck_assert_int_eq(find(m, "paused", &it), 1);
	tapp_close(&ta);
	PUMP_UNTIL(told_first(M_APP_CLOSED) != NULL);
	tpeer_send(&tp, 0x10, "12345", 5);
	PUMP_UNTIL(peer_find(7)->msgs_in == 1);
	told_forget();
	show(SHOW_APPS, 0);
	ck_assert_uint_eq(told_count(CTL_REC), 1);
	m = told_first(CTL_REC);
	ck_assert_uint_eq(number(m, "cap_id"), 100);
	ck_assert_uint_eq(number(m, "queue"), 0);
	ck_assert_uint_eq(number(m, "missed"), 1);
	ck_assert_uint_eq(number(m, "missed_bytes"), 5);
	tapp_open(&ta, 2);
	tpeer_close(&tp);
}
END_TEST

int
main(void)
{
	TCase	*t = world_case("show", setup, teardown);

	tcase_add_test(t, status);
	tcase_add_test(t, one_peer);
	tcase_add_test(t, with_patience);
	tcase_add_test(t, full_record);
	tcase_add_test(t, monitor);
	tcase_add_test(t, queues);
	return world_run("session_show", t, NULL);
}
