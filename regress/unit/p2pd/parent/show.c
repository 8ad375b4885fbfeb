/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <string.h>

#include "common/base/util.h"
#include "regress/unit/p2pd/parent/far.h"

/* Between control, which asks, and the one session, which tells. */
#define AT_ONCE	2

static struct imsgbuf	 control, session;

static void
setup(void)
{
	far_parent();
	far_join(child_first(PROC_CONTROL), &control, NULL);
	far_join(child_session(0), &session, NULL);
}

static void
ask(uint32_t conn)
{
	struct ctl_show_req m;

	memset(&m, 0, sizeof(m));
	m.conn = conn;
	m.what = SHOW_PEERS;
	far_say(&control, &ctl_show_desc, &m, -1);
}

static void
leave(uint32_t conn)
{
	struct ctl_conn m = { .conn = conn };

	far_say(&control, &ctl_gone_desc, &m, -1);
}

/* The number of what the session is asked next; 0 nothing. */
static uint32_t
asked(void)
{
	struct m_show m;

	if (!far_hear(&session, &m_show_desc, &m))
		return 0;
	ck_assert_uint_eq(m.what, SHOW_PEERS);
	return m.conn;
}

static void
tell(uint32_t id)
{
	static struct ctl_rec m;
	struct rec	 r;
	char		 text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	rec_init(&r);
	rec_str(&r, "text", text);
	ck_assert_int_eq(rec_finish(&r), 0);
	m.conn = id;
	m.len = r.len;
	memcpy(m.rec, r.buf, r.len);
	far_say(&session, &ctl_rec_desc, &m, -1);
}

static void
end(uint32_t id)
{
	struct ctl_end	 m;

	memset(&m, 0, sizeof(m));
	m.conn = id;
	far_say(&session, &ctl_end_desc, &m, -1);
}

/* The client that was told a record, or its end; 0 nobody. */
static uint32_t
told(void)
{
	static struct ctl_rec m;

	return far_hear(&control, &ctl_rec_desc, &m) ? m.conn : 0;
}

static uint32_t
ended(void)
{
	struct ctl_end	 m;

	return far_hear(&control, &ctl_end_desc, &m) ? m.conn : 0;
}

START_TEST(some_at_once)
{
	uint32_t	 id[6], i;

	for (i = 1; i <= 5; i++)
		ask(i);
	for (i = 1; i <= AT_ONCE; i++)
		ck_assert_uint_ne(id[i] = asked(), 0);
	ck_assert_uint_eq(asked(), 0);
	for (i = 1; i <= 5; i++) {
		tell(id[i]);
		ck_assert_uint_eq(told(), i);
		end(id[i]);
		ck_assert_uint_eq(ended(), i);
		if (i + AT_ONCE <= 5)
			ck_assert_uint_ne(id[i + AT_ONCE] = asked(), 0);
		ck_assert_uint_eq(asked(), 0);
	}
	ck_assert(LIST_EMPTY(&parent.shows));
}
END_TEST

/* While control has not read what there is, no more of it comes. */
START_TEST(behind)
{
	struct child	*c = child_first(PROC_CONTROL);
	uint32_t	 id, i, n = 0;

	ask(1);
	ask(2);
	ask(3);
	ck_assert_uint_ne(id = asked(), 0);
	ck_assert_uint_ne(asked(), 0);
	while (!channel_full(c->ch)) {
		tell(id);
		n++;
	}
	end(id);
	ck_assert_uint_eq(asked(), 0);
	for (i = 0; i < n; i++)
		ck_assert_uint_eq(told(), 1);
	ck_assert_uint_eq(ended(), 1);
	ck_assert_uint_ne(asked(), 0);
}
END_TEST

/* Who leaves does not make room before the session has told all. */
START_TEST(left)
{
	uint32_t	 id[4], i;

	for (i = 1; i <= 4; i++)
		ask(i);
	id[1] = asked();
	id[2] = asked();
	leave(1);
	leave(3);
	ck_assert_uint_eq(asked(), 0);
	tell(id[1]);
	ck_assert_uint_eq(told(), 0);
	end(id[1]);
	ck_assert_uint_eq(ended(), 0);
	ck_assert_uint_ne(id[3] = asked(), 0);
	tell(id[3]);
	ck_assert_uint_eq(told(), 4);
	end(id[3]);
	ck_assert_uint_eq(ended(), 4);
	tell(id[2]);
	ck_assert_uint_eq(told(), 2);
	control_lost();
	ck_assert(!LIST_EMPTY(&parent.shows));
	end(id[2]);
	ck_assert(LIST_EMPTY(&parent.shows));
	/* The next is not another's. */
	ask(2);
	ck_assert_uint_gt(asked(), id[3]);
}
END_TEST

/* Without a session there is nothing to wait for. */
START_TEST(session_died)
{
	struct child	*c = child_session(0);
	uint32_t	 i;

	for (i = 1; i <= 5; i++)
		ask(i);
	channel_free(c->ch);
	c->ch = NULL;
	c->state = CH_DOWN;
	show_child_died(c);
	ck_assert(LIST_EMPTY(&parent.shows));
	for (i = 1; i <= 5; i++)
		ck_assert_uint_ne(ended(), 0);
	ck_assert_uint_eq(ended(), 0);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("parent/show");
	TCase		*tc = tcase_create("show");
	SRunner		*sr;
	int		 failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, some_at_once);
	tcase_add_test(tc, behind);
	tcase_add_test(tc, left);
	tcase_add_test(tc, session_died);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
