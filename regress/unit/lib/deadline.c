/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>

#include "regress/unit/lib/fake.h"

/* A daemon that does not answer, and one that only is slow. */
static struct fake	 f;
static struct p2papp	*app;
static uint32_t		 cap;
static const uint32_t	 capids[] = { 7, 9 };
static const struct p2papp_version v = { 2, 8 };

static void
setup(void)
{
	fake_start(&f, 2);
	app = fake_app(&f, capids, &cap);
}

static void
teardown(void)
{
	p2papp_close(app);
	app = NULL;
	fake_stop(&f);
}

/* The daemon owes an answer to session 0 alone, and gives none. */
static void
expect_lost(void)
{
	const struct p2papp_event	*ev;

	p2papp_set_deadline(app, 200);
	ck_assert_int_ge(p2papp_timeout(app), 0);
	ev = expect(app, P2PAPP_SESSION_DOWN);
	ck_assert_uint_eq(ev->session, 0);
	ck_assert_str_eq(ev->text, "no answer from daemon");
	p2papp_set_deadline(app, 10000);
	fake_close(&f, 0);
}

/* Who answers is not lost, and with no question there is no time. */
static void
expect_stays(void)
{
	p2papp_set_deadline(app, 1);
	expect_none(app);
	ck_assert_int_eq(p2papp_timeout(app), -1);
}

START_TEST(mute_attach)
{
	const struct p2papp_event	*ev;
	uint32_t			 c, other;

	expect_stays();
	p2papp_set_deadline(app, 0);
	ck_assert_int_eq(p2papp_attach(app, "new", &v, 1, P2PAPP_STOP, &c), 0);
	ck_assert_int_eq(p2papp_attach(app, "other", &v, 1, P2PAPP_STOP, &other),
	    0);
	expect_none(app);
	ck_assert_int_eq(p2papp_timeout(app), -1);
	fake_read(&f, 1, AF_ATTACH);
	fake_error(&f, 1, f.head.request, APE_BUSY, "taken");
	ck_assert_uint_eq(expect(app, P2PAPP_ERROR)->cap, c);
	fake_read(&f, 1, AF_ATTACH);
	fake_capid(&f, 1, AF_ATTACHED, f.head.request, 21);
	expect(app, P2PAPP_ATTACHED);
	expect_lost();
	/* It comes with all that is to be attached still. */
	fake_back(&f, app, 0);
	ck_assert_int_eq(p2papp_next(app, &ev), 0);
	fake_attached(&f, 0, 7);
	expect(app, P2PAPP_RESUMED);
	expect_lost();
}
END_TEST

START_TEST(mute_others)
{
	struct p2papp_options	*o;
	uint32_t		 request;

	ck_assert_ptr_nonnull(o = p2papp_options_new());
	ck_assert_int_eq(p2papp_opt_wanted(o, 50), 0);
	ck_assert_int_eq(p2papp_update(app, cap, o, &request), 0);
	p2papp_options_free(o);
	fake_read(&f, 1, AF_UPDATE);
	fake_capid(&f, 1, AF_UPDATED, request, 9);
	expect_none(app);
	expect_lost();
	ck_assert_uint_eq(expect(app, P2PAPP_UPDATED)->request, request);
	fake_back(&f, app, 0);
	fake_attached(&f, 0, 7);
	expect(app, P2PAPP_RESUMED);
	expect_stays();
	p2papp_set_deadline(app, 10000);
	ck_assert_int_eq(p2papp_detach(app, cap), 0);
	fake_read(&f, 1, AF_DETACH);
	fake_capid(&f, 1, AF_DETACHED, f.head.request, 9);
	expect_none(app);
	expect_lost();
	ck_assert_uint_eq(expect(app, P2PAPP_DETACHED)->cap, cap);
}
END_TEST

/* An answer that is there was given in time, however late it is read. */
START_TEST(read_late)
{
	struct app_hello	 hello;
	uint32_t		 c;

	p2papp_set_deadline(app, 1);
	ck_assert_int_eq(p2papp_attach(app, "new", &v, 1, P2PAPP_STOP, &c), 0);
	fake_read(&f, 0, AF_ATTACH);
	fake_capid(&f, 0, AF_ATTACHED, f.head.request, 20);
	fake_read(&f, 1, AF_ATTACH);
	fake_capid(&f, 1, AF_ATTACHED, f.head.request, 21);
	while (poll(NULL, 0, 5) == -1)
		continue;
	expect(app, P2PAPP_ATTACHED);
	expect_stays();
	p2papp_close(app);
	fake_close(&f, 0);
	fake_close(&f, 1);
	ck_assert_ptr_nonnull(app = p2papp_open(f.path, "test", NULL));
	p2papp_set_deadline(app, 1);
	fake_accept(&f, &hello);
	fake_welcome(&f, 0);
	while (poll(NULL, 0, 5) == -1)
		continue;
	expect(app, P2PAPP_SESSION_UP);
}
END_TEST

/* Who did not look for so long has perhaps not let the answer come: once. */
START_TEST(looked_late)
{
	uint32_t	 c;

	p2papp_set_deadline(app, 50);
	ck_assert_int_eq(p2papp_attach(app, "new", &v, 1, P2PAPP_STOP, &c), 0);
	while (poll(NULL, 0, 300) == -1)
		continue;
	expect_none(app);
	p2papp_set_deadline(app, 10000);
	fake_read(&f, 1, AF_ATTACH);
	fake_capid(&f, 1, AF_ATTACHED, f.head.request, 21);
	expect(app, P2PAPP_ATTACHED);
	while (poll(NULL, 0, 400) == -1)
		continue;
	expect_lost();
}
END_TEST

/* A time that is longer than poll(2) knows is a long one. */
START_TEST(long_time)
{
	uint32_t	 c;

	ck_assert_int_eq(p2papp_attach(app, "new", &v, 1, P2PAPP_STOP, &c), 0);
	p2papp_set_deadline(app, UINT_MAX);
	ck_assert_int_gt(p2papp_timeout(app), 10000);
	p2papp_set_deadline(app, 3000000000U);
	ck_assert_int_gt(p2papp_timeout(app), 10000);
	expect_none(app);
	ck_assert_int_eq(p2papp_wait(app, 1), 0);
}
END_TEST

/* Nobody is asked before what was sent earlier has been taken. */
START_TEST(slow_taker)
{
	static uint8_t	 data[100000];
	uint32_t	 c;
	size_t		 left;
	int		 n, i, ms;

	fake_peer_up(&f, 0, 1, 7);
	expect(app, P2PAPP_PEER_UP);
	for (n = 0; p2papp_pending(app) < 20 * sizeof(data); n++)
		ck_assert_int_eq(p2papp_send(app, 1, cap, 0, data, sizeof(data),
		    0, NULL), 0);
	ck_assert_int_eq(p2papp_attach(app, "new", &v, 1, P2PAPP_STOP, &c), 0);
	fake_read(&f, 1, AF_ATTACH);
	fake_capid(&f, 1, AF_ATTACHED, f.head.request, 21);
	expect(app, P2PAPP_ATTACHED);
	p2papp_set_deadline(app, 100);
	for (i = 0; i < 3; i++) {
		left = p2papp_pending(app);
		for (; p2papp_pending(app) == left; n--) {
			fake_read(&f, 0, AF_SEND);
			p2papp_flush(app);
		}
		while ((ms = p2papp_timeout(app)) > 0)
			poll(NULL, 0, ms);
		expect_none(app);
	}
	p2papp_set_deadline(app, 10000);
	for (; n > 0; n--) {
		fake_read(&f, 0, AF_SEND);
		p2papp_flush(app);
	}
	fake_read(&f, 0, AF_ATTACH);
	fake_capid(&f, 0, AF_ATTACHED, f.head.request, 20);
	expect_none(app);
	expect_stays();
}
END_TEST

START_TEST(mute_hello)
{
	const struct p2papp_event	*ev;

	p2papp_close(app);
	fake_close(&f, 0);
	fake_close(&f, 1);
	ck_assert_ptr_nonnull(app = p2papp_open(f.path, "test", NULL));
	expect_none(app);
	ck_assert_int_gt(p2papp_timeout(app), 5000);
	p2papp_set_deadline(app, 50);
	ck_assert_int_le(p2papp_timeout(app), 50);
	while (p2papp_next(app, &ev) == 0)
		ck_assert_int_eq(p2papp_wait(app, 2000), 1);
	ck_assert_int_eq(errno, ETIMEDOUT);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("deadline");
	TCase		*tc = tcase_create("deadline");
	SRunner		*sr;
	int		 failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, mute_attach);
	tcase_add_test(tc, mute_others);
	tcase_add_test(tc, mute_hello);
	tcase_add_test(tc, read_late);
	tcase_add_test(tc, looked_late);
	tcase_add_test(tc, long_time);
	tcase_add_test(tc, slow_taker);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
