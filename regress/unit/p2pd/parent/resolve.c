/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <string.h>

#include "common/base/util.h"
#include "regress/unit/p2pd/parent/far.h"

/* The queue of names between a dialer and a resolver, both of which are here. */
#define QUEUE	1024

static struct imsgbuf	 dialer, resolver;

static void
setup(void)
{
	far_parent();
	far_join(child_first(PROC_DIALER), &dialer, NULL);
	far_join(child_first(PROC_RESOLVER), &resolver, NULL);
}

static void
ask(uint32_t req)
{
	struct m_resolve m;

	memset(&m, 0, sizeof(m));
	m.req = req;
	snprintf(m.host, sizeof(m.host), "n%u.example", req);
	far_say(&dialer, &m_resolve_desc, &m, -1);
}

static void
stop(uint32_t req)
{
	struct m_resolve_stop m = { .req = req };

	far_say(&dialer, &m_resolve_stop_desc, &m, -1);
}

static void
answer(uint32_t req)
{
	struct m_resolved m;

	memset(&m, 0, sizeof(m));
	m.req = req;
	m.n = 1;
	ck_assert_int_eq(addr_parse_ip(&m.addrs[0].addr, "192.0.2.1"), 0);
	far_say(&resolver, &m_resolved_desc, &m, -1);
}

/* What the resolver, or the dialer, is given next: its number, 0 nothing. */
static uint32_t
asked(void)
{
	struct m_resolve m;

	return far_hear(&resolver, &m_resolve_desc, &m) ? m.req : 0;
}

static uint32_t
answered(uint32_t *n)
{
	struct m_resolved m;

	if (!far_hear(&dialer, &m_resolved_desc, &m))
		return 0;
	*n = m.n;
	return m.req;
}

START_TEST(one_at_a_time)
{
	uint32_t	 req, n = 9;

	for (req = 1; req <= 3; req++)
		ask(req);
	for (req = 1; req <= 3; req++) {
		ck_assert_uint_eq(asked(), req);
		ck_assert_uint_eq(asked(), 0);
		answer(req);
		ck_assert_uint_eq(answered(&n), req);
		ck_assert_uint_eq(n, 1);
	}
	ck_assert_uint_eq(asked(), 0);
}
END_TEST

/* A name that nobody waits for is not looked up, and keeps nobody waiting. */
START_TEST(given_up)
{
	uint32_t	 req, n;

	for (req = 1; req <= 4; req++)
		ask(req);
	ck_assert_uint_eq(asked(), 1);
	stop(2);
	stop(3);
	stop(3);
	stop(99);
	stop(1);		/* under way: no answer, but it comes to its end */
	ck_assert_uint_eq(asked(), 0);
	answer(1);
	ck_assert_uint_eq(answered(&n), 0);
	ck_assert_uint_eq(asked(), 4);
	answer(4);
	ck_assert_uint_eq(answered(&n), 4);
	ck_assert_uint_eq(asked(), 0);
}
END_TEST

static unsigned int	 ours;

static void
on_resolved(const struct m_resolved *r, void *arg)
{
	ours++;
}

/* The parent's own names have no number of the dialer's. */
START_TEST(not_the_parents)
{
	ask(1);
	resolve_name("boot.example", on_resolved, NULL);
	stop(0);
	ck_assert_uint_eq(asked(), 1);
	answer(1);
	ck_assert_uint_eq(asked(), 0);	/* its number is 0 */
	answer(0);
	ck_assert_uint_eq(ours, 1);
}
END_TEST

START_TEST(bounded)
{
	uint32_t	 req, n = 9;

	for (req = 1; req <= QUEUE; req++)
		ask(req);
	ck_assert_uint_eq(answered(&n), 0);
	ask(req);
	ck_assert_uint_eq(answered(&n), req);
	ck_assert_uint_eq(n, 0);
	for (req = 2; req <= QUEUE; req++)
		stop(req);
	ask(5000);
	ck_assert_uint_eq(answered(&n), 0);
	ck_assert_uint_eq(asked(), 1);
	answer(1);
	ck_assert_uint_eq(asked(), 5000);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("parent/resolve");
	TCase		*tc = tcase_create("resolve");
	SRunner		*sr;
	int		 failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, one_at_a_time);
	tcase_add_test(tc, given_up);
	tcase_add_test(tc, not_the_parents);
	tcase_add_test(tc, bounded);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
