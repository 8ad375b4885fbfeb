/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/reason.h"
#include "p2pd/listener/throttle.h"

static struct throttle *t;
static const struct throttle_conf usual = { 30, 10, 30 };

static void
setup(void)
{
	ck_assert_ptr_nonnull(t = throttle_new());
	throttle_set(t, &usual);
}

static void
teardown(void)
{
	throttle_free(t);
}

static unsigned int
try(const char *s, uint64_t now)
{
	struct addr	 a;

	ck_assert_int_eq(addr_parse_ip(&a, s), 0);
	return throttle_try(t, &a, now);
}

START_TEST(one_address)
{
	ck_assert_uint_eq(try("8.8.8.8", 1000), REASON_NONE);
	ck_assert_uint_eq(try("8.8.8.8", 1000), REASON_THROTTLED_ADDR);
	ck_assert_uint_eq(try("8.8.8.9", 1000), REASON_NONE);
	/* what was refused has not been recorded */
	ck_assert_uint_eq(try("8.8.8.8", 30999), REASON_THROTTLED_ADDR);
	ck_assert_uint_eq(try("8.8.8.8", 31000), REASON_NONE);
	ck_assert_uint_eq(try("8.8.8.8", 31001), REASON_THROTTLED_ADDR);
}
END_TEST

START_TEST(one_subnet)
{
	char		 s[32];
	unsigned int	 i;

	for (i = 0; i < 10; i++) {
		snprintf(s, sizeof(s), "8.8.8.%u", i);
		ck_assert_uint_eq(try(s, 1000 + i), REASON_NONE);
	}
	ck_assert_uint_eq(try("8.8.8.200", 1010), REASON_THROTTLED_NET);
	ck_assert_uint_eq(try("8.8.9.200", 1010), REASON_NONE);
	/* the first has left the window */
	ck_assert_uint_eq(try("8.8.8.200", 31000), REASON_NONE);
	ck_assert_uint_eq(try("8.8.8.201", 31000), REASON_THROTTLED_NET);
}
END_TEST

START_TEST(ipv6)
{
	char		 s[64];
	unsigned int	 i;

	ck_assert_uint_eq(try("2600:1:2:3::1", 0), REASON_NONE);
	ck_assert_uint_eq(try("2600:1:2:3:ffff::9", 0), REASON_THROTTLED_ADDR);
	for (i = 4; i < 13; i++) {
		snprintf(s, sizeof(s), "2600:1:2:%x::1", i);
		ck_assert_uint_eq(try(s, 0), REASON_NONE);
	}
	ck_assert_uint_eq(try("2600:1:2:ffff::1", 0), REASON_THROTTLED_NET);
	ck_assert_uint_eq(try("2600:1:3:3::1", 0), REASON_NONE);
}
END_TEST

START_TEST(lan_is_exempt)
{
	int	 i;

	for (i = 0; i < 100; i++) {
		ck_assert_uint_eq(try("127.0.0.1", 0), REASON_NONE);
		ck_assert_uint_eq(try("192.168.1.1", 0), REASON_NONE);
		ck_assert_uint_eq(try("fd00::1", 0), REASON_NONE);
	}
	ck_assert_uint_eq(throttle_count(t), 0);
}
END_TEST

/* Another limit is for what was recorded under the old one, too. */
START_TEST(other_limit)
{
	struct throttle_conf	 conf = usual;
	char			 s[32];
	unsigned int		 i;

	for (i = 0; i < 10; i++) {
		snprintf(s, sizeof(s), "8.8.8.%u", i);
		ck_assert_uint_eq(try(s, 1000), REASON_NONE);
	}
	conf.net_count = 11;
	throttle_set(t, &conf);
	ck_assert_uint_eq(try("8.8.8.200", 1000), REASON_NONE);
	ck_assert_uint_eq(try("8.8.8.201", 1000), REASON_THROTTLED_NET);
	conf.net_count = 1;
	throttle_set(t, &conf);
	ck_assert_uint_eq(try("8.8.8.201", 30999), REASON_THROTTLED_NET);
	ck_assert_uint_eq(try("8.8.8.201", 31000), REASON_NONE);
}
END_TEST

START_TEST(off)
{
	const struct throttle_conf	 none = { 0, 0, 0 }, addr = { 5, 0, 0 };
	int				 i;

	throttle_set(t, &none);
	for (i = 0; i < 100; i++)
		ck_assert_uint_eq(try("8.8.8.8", 0), REASON_NONE);
	throttle_set(t, &addr);
	ck_assert_uint_eq(try("8.8.8.8", 0), REASON_NONE);
	ck_assert_uint_eq(try("8.8.8.8", 4999), REASON_THROTTLED_ADDR);
	/* the same again forgets nothing */
	throttle_set(t, &addr);
	ck_assert_uint_eq(try("8.8.8.8", 4999), REASON_THROTTLED_ADDR);
	ck_assert_uint_eq(try("8.8.8.8", 5000), REASON_NONE);
}
END_TEST

/* More than it holds: the newest are remembered, memory is what it was. */
START_TEST(flood)
{
	struct addr	 a;
	uint32_t	 i, ip;

	memset(&a, 0, sizeof(a));
	a.af = 4;
	for (i = 0; i < 3 * THROTTLE_MAX; i++) {
		ip = 0x20000000U + i * 256;
		a.ip[0] = (uint8_t)(ip >> 24);
		a.ip[1] = (uint8_t)(ip >> 16);
		a.ip[2] = (uint8_t)(ip >> 8);
		a.ip[3] = 1;
		ck_assert_uint_eq(throttle_try(t, &a, i / 1000), REASON_NONE);
		ck_assert_uint_eq(throttle_try(t, &a, i / 1000),
		    REASON_THROTTLED_ADDR);
	}
	ck_assert_uint_eq(throttle_count(t), 2 * THROTTLE_MAX);
	/* forgotten early */
	ck_assert_uint_eq(try("32.0.0.1", 100), REASON_NONE);
	/* all of it by time */
	ck_assert_uint_eq(try("9.9.9.9", 100000), REASON_NONE);
	ck_assert_uint_eq(throttle_count(t), 2);
}
END_TEST

/* Against a plain array, with time going on. */
START_TEST(model)
{
	static struct { uint64_t at; uint8_t host, net; } log[20000];
	const struct throttle_conf	 conf = { 3, 4, 5 };
	struct addr			 a;
	unsigned int			 want, addrs, nets;
	uint64_t			 now = 0;
	size_t				 n = 0, i, j;

	throttle_set(t, &conf);
	memset(&a, 0, sizeof(a));
	a.af = 4;
	a.ip[0] = 8;
	for (i = 0; i < 20000; i++) {
		now += arc4random_uniform(200);
		a.ip[2] = (uint8_t)arc4random_uniform(4);
		a.ip[3] = (uint8_t)arc4random_uniform(8);
		addrs = nets = 0;
		for (j = n; j > 0 && now - log[j - 1].at < 5000; j--) {
			nets += log[j - 1].net == a.ip[2];
			addrs += log[j - 1].net == a.ip[2] &&
			    log[j - 1].host == a.ip[3] && now - log[j - 1].at < 3000;
		}
		want = addrs >= 1 ? REASON_THROTTLED_ADDR :
		    nets >= 4 ? REASON_THROTTLED_NET : REASON_NONE;
		ck_assert_uint_eq(throttle_try(t, &a, now), want);
		if (want == REASON_NONE) {
			log[n].at = now;
			log[n].net = a.ip[2];
			log[n++].host = a.ip[3];
		}
	}
	ck_assert_uint_gt(n, 100);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("throttle");
	TCase		*tc = tcase_create("throttle");
	SRunner		*sr;
	int		 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_address);
	tcase_add_test(tc, one_subnet);
	tcase_add_test(tc, ipv6);
	tcase_add_test(tc, lan_is_exempt);
	tcase_add_test(tc, other_limit);
	tcase_add_test(tc, off);
	tcase_add_test(tc, flood);
	tcase_add_test(tc, model);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
