/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/unit/p2pd/parent/far.h"

/*
 * Two nodes that dial each other: the one with the smaller id lets one of the
 * two connections go first, whichever it hears of first; the other lets both.
 */
static struct imsgbuf	 fars[2];
static struct child	*listener, *dialer;
static uint8_t		 id[SECP_PUB];

static void
setup(void)
{
	far_parent();
	far_join(listener = child_first(PROC_LISTENER), &fars[0], NULL);
	far_join(dialer = child_first(PROC_DIALER), &fars[1], NULL);
}

static struct imsgbuf *
far_of(const struct child *c)
{
	return &fars[c == dialer];
}

static void
dials(uint32_t no)
{
	struct m_dial	 d;

	memset(&d, 0, sizeof(d));
	d.conn = no;
	memcpy(d.id, id, sizeof(d.id));
	far_say(far_of(dialer), &m_dial_desc, &d, -1);
	ck_assert_ptr_nonnull(conn_find(dialer, no));
}

/* What was decided of a connection; -1: nothing yet. */
static int
verdict(struct child *c, uint32_t no)
{
	static struct m_verdict1 v;

	if (far_hear(far_of(c), &m_verdict1_desc, &v) == 0)
		return -1;
	ck_assert_uint_eq(v.conn, no);
	return v.reason;
}

/* Checkpoint one of a connection whose secrets are made; the verdict. */
static int
check1(struct child *c, uint32_t no)
{
	struct m_check1		 ck;
	struct conn		*conn = conn_get(c, no);

	ck_assert_ptr_nonnull(conn);
	memcpy(conn->keys[KEY_STATIC].point, id, sizeof(id));
	conn->ops = 1 << KEY_STATIC;
	memset(&ck, 0, sizeof(ck));
	ck.conn = no;
	memcpy(ck.id, id, sizeof(ck.id));
	far_say(far_of(c), &m_check1_desc, &ck, -1);
	return verdict(c, no);
}

static void
ends(struct child *c, uint32_t no)
{
	struct m_attempt	 m;

	memset(&m, 0, sizeof(m));
	m.conn = no;
	m.reason = REASON_SETUP_TIMEOUT;
	far_say(far_of(c), &m_attempt_desc, &m, -1);
	ck_assert_ptr_null(conn_find(c, no));
}

START_TEST(own_dial_first)
{
	memset(id, 8, sizeof(id));
	dials(1);
	ck_assert_int_eq(check1(listener, 1), REASON_CROSS_DIAL);
	/* One that was refused does not count. */
	ck_assert_int_eq(check1(dialer, 1), REASON_NONE);
	ck_assert_int_eq(check1(listener, 2), REASON_CROSS_DIAL);
	/* others are others */
	id[0] = 9;
	ck_assert_int_eq(check1(listener, 3), REASON_NONE);
	id[0] = 10;
	dials(2);
	ck_assert_int_eq(check1(dialer, 2), REASON_NONE);
}
END_TEST

/* The other's was first: our dial 1 waits for 2. */
static void
waits(void)
{
	memset(id, 8, sizeof(id));
	ck_assert_int_eq(check1(listener, 1), REASON_NONE);
	ck_assert_int_eq(check1(listener, 2), REASON_NONE);
	dials(1);
	ck_assert_int_eq(check1(dialer, 1), -1);
	ck_assert_int_eq(check1(listener, 3), REASON_CROSS_DIAL);
	ends(listener, 3);
	ck_assert_int_eq(verdict(dialer, 1), -1);
	ends(listener, 1);
	ck_assert_int_eq(verdict(dialer, 1), -1);
}

START_TEST(goes_on_when_that_ends)
{
	waits();
	ends(listener, 2);
	ck_assert_int_eq(verdict(dialer, 1), REASON_NONE);
	ck_assert_int_eq(verdict(dialer, 1), -1);
}
END_TEST

START_TEST(goes_on_when_that_is_refused)
{
	static struct m_check2	 m;
	struct m_verdict2	 v;

	waits();
	m.conn = 2;
	memcpy(m.id, id, sizeof(m.id));
	m.generation = conn_find(listener, 2)->hello->generation;
	far_say(far_of(listener), &m_check2_desc, &m, dup(STDIN_FILENO));
	ck_assert_int_eq(far_hear(far_of(listener), &m_verdict2_desc, &v), 1);
	ck_assert_int_eq(v.reason, REASON_NO_APPS);
	ck_assert_int_eq(verdict(dialer, 1), REASON_NONE);
	ends(listener, 2);
	ck_assert_int_eq(verdict(dialer, 1), -1);
}
END_TEST

START_TEST(goes_on_when_the_listener_dies)
{
	waits();
	conns_drop(listener);
	ck_assert_int_eq(verdict(dialer, 1), REASON_NONE);
}
END_TEST

/* Anybody may say that he is that node: it waits no longer than a while. */
START_TEST(goes_on_in_time)
{
	uint64_t	 end = mono_ms() + 30000;
	int		 r;

	waits();
	while ((r = verdict(dialer, 1)) == -1 && mono_ms() < end)
		event_base_loop(parent.base, EVLOOP_ONCE);
	ck_assert_int_eq(r, REASON_NONE);
	ends(listener, 2);
	ck_assert_int_eq(verdict(dialer, 1), -1);
}
END_TEST

START_TEST(ends_when_that_is_a_peer)
{
	struct peer	*p = calloc(1, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	waits();
	p->handle = 1;
	memcpy(p->id, id, sizeof(p->id));
	ck_assert_int_eq(peers_insert(&parent.peers, p), 0);
	ends(listener, 2);
	ck_assert_int_eq(verdict(dialer, 1), REASON_ALREADY_CONNECTED);
}
END_TEST

START_TEST(ends_by_itself)
{
	waits();
	ends(dialer, 1);
	ends(listener, 2);
	ck_assert_int_eq(verdict(dialer, 1), -1);
}
END_TEST

START_TEST(larger)
{
	memset(id, 6, sizeof(id));
	dials(1);
	ck_assert_int_eq(check1(listener, 1), REASON_NONE);
	ck_assert_int_eq(check1(dialer, 1), REASON_NONE);
	dials(2);
	ck_assert_int_eq(check1(dialer, 2), REASON_NONE);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/cross");
	TCase	*tc = tcase_create("cross");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, own_dial_first);
	tcase_add_test(tc, goes_on_when_that_ends);
	tcase_add_test(tc, goes_on_when_that_is_refused);
	tcase_add_test(tc, goes_on_when_the_listener_dies);
	tcase_add_test(tc, goes_on_in_time);
	tcase_add_test(tc, ends_when_that_is_a_peer);
	tcase_add_test(tc, ends_by_itself);
	tcase_add_test(tc, larger);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
