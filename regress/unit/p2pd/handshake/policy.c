/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "common/wire/reason.h"
#include "p2pd/handshake/policy.h"

static struct policy *p;

static void
setup(void)
{
	ck_assert_ptr_nonnull(p = policy_new());
}

static void
teardown(void)
{
	policy_free(p);
}

static unsigned int
of(const char *s)
{
	struct addr	 a;

	ck_assert_int_eq(addr_parse_ip(&a, s), 0);
	return policy_addr(p, &a);
}

static void
restrict_to(const char *s)
{
	struct m_netrestrict	 m;

	ck_assert_int_eq(prefix_parse(&m.prefix, s), 0);
	policy_netrestrict(p, &m);
}

static void
ban(const char *s, int add)
{
	struct m_ban	 m;

	memset(&m, 0, sizeof(m));
	m.add = (uint8_t)add;
	ck_assert_int_eq(prefix_parse(&m.prefix, s), 0);
	policy_ban(p, &m);
}

START_TEST(open_by_default)
{
	ck_assert_uint_eq(of("192.0.2.1"), REASON_NONE);
	ck_assert_uint_eq(of("2001:db8::1"), REASON_NONE);
}
END_TEST

START_TEST(netrestrict)
{
	struct m_net	 net = { .restricted = 1, .max_pending = 3 };

	policy_set_net(p, &net);
	ck_assert_uint_eq(policy_net(p)->max_pending, 3);
	ck_assert_uint_eq(of("192.0.2.1"), REASON_NETRESTRICT);
	restrict_to("192.0.2.0/24");
	restrict_to("2001:db8::/32");
	ck_assert_uint_eq(of("192.0.2.1"), REASON_NONE);
	ck_assert_uint_eq(of("192.0.3.1"), REASON_NETRESTRICT);
	ck_assert_uint_eq(of("2001:db8:1::1"), REASON_NONE);
	ck_assert_uint_eq(of("::ffff:192.0.2.1"), REASON_NONE);
	/* told anew: nothing of the old set is left */
	policy_set_net(p, &net);
	restrict_to("10.0.0.0/8");
	ck_assert_uint_eq(of("192.0.2.1"), REASON_NETRESTRICT);
	net.restricted = 0;
	policy_set_net(p, &net);
	ck_assert_uint_eq(of("192.0.2.1"), REASON_NONE);
}
END_TEST

START_TEST(bans_by_prefix)
{
	ban("192.0.2.7", 1);
	ban("192.0.2.7", 1);
	ban("198.51.100.0/24", 1);
	ban("2001:db8::/32", 1);
	ck_assert_uint_eq(of("192.0.2.7"), REASON_BANNED_ADDR);
	ck_assert_uint_eq(of("192.0.2.8"), REASON_NONE);
	ck_assert_uint_eq(of("198.51.100.255"), REASON_BANNED_ADDR);
	ck_assert_uint_eq(of("2001:db8:ffff::1"), REASON_BANNED_ADDR);
	ck_assert_uint_eq(of("2001:db9::1"), REASON_NONE);
	/* one smaller within a larger */
	ban("198.51.100.1", 1);
	ban("198.51.100.0/24", 0);
	ck_assert_uint_eq(of("198.51.100.1"), REASON_BANNED_ADDR);
	ck_assert_uint_eq(of("198.51.100.2"), REASON_NONE);
	ban("198.51.100.2", 0);
	ban("192.0.2.7", 0);
	ck_assert_uint_eq(of("192.0.2.7"), REASON_NONE);
	ban("0.0.0.0/0", 1);
	ban("::/0", 1);
	ck_assert_uint_eq(of("203.0.113.1"), REASON_BANNED_ADDR);
	ck_assert_uint_eq(of("2001:db9::1"), REASON_BANNED_ADDR);
}
END_TEST

START_TEST(bans_by_id)
{
	struct m_ban	 m;
	uint8_t		 other[SECP_PUB];

	memset(&m, 0, sizeof(m));
	m.add = m.by_id = 1;
	memset(m.id, 0xab, sizeof(m.id));
	memset(other, 0xac, sizeof(other));
	policy_ban(p, &m);
	ck_assert_uint_eq(policy_id(p, m.id), REASON_BANNED_ID);
	ck_assert_uint_eq(policy_id(p, other), REASON_NONE);
	ck_assert_uint_eq(of("192.0.2.1"), REASON_NONE);
	m.add = 0;
	policy_ban(p, &m);
	ck_assert_uint_eq(policy_id(p, m.id), REASON_NONE);
}
END_TEST

START_TEST(many_bans)
{
	char	 s[32];
	int	 i;

	for (i = 0; i < 20000; i++) {
		snprintf(s, sizeof(s), "10.%d.%d.1", i / 250, i % 250);
		ban(s, 1);
	}
	ck_assert_uint_eq(of("10.79.249.1"), REASON_BANNED_ADDR);
	ck_assert_uint_eq(of("10.80.0.1"), REASON_NONE);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("policy");
	TCase		*tc = tcase_create("policy");
	SRunner		*sr;
	int		 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, open_by_default);
	tcase_add_test(tc, netrestrict);
	tcase_add_test(tc, bans_by_prefix);
	tcase_add_test(tc, bans_by_id);
	tcase_add_test(tc, many_bans);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
