/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/parent/bans.h"

#define NOW	1000000

static struct bans	bs;

static struct ban
by_prefix(const char *text, int64_t until)
{
	struct ban	 b;

	memset(&b, 0, sizeof(b));
	ck_assert_int_eq(prefix_parse(&b.prefix, text), 0);
	b.until = until;
	return b;
}

static struct ban
by_id(uint8_t first, int64_t until)
{
	struct ban	 b;

	memset(&b, 0, sizeof(b));
	b.by_id = 1;
	memset(b.id, 0x11, sizeof(b.id));
	b.id[0] = first;
	b.until = until;
	return b;
}

static struct ban *
add(struct ban b)
{
	struct ban	*r = bans_add(&bs, &b);

	ck_assert_ptr_nonnull(r);
	return r;
}

static int
bars(const char *text, int64_t now)
{
	struct addr	 a;

	ck_assert_int_eq(addr_parse_ip(&a, text), 0);
	a.port = 30303;
	return bans_has_addr(&bs, &a, now);
}

static void
clear(void)
{
	struct ban	*b;

	while ((b = RB_MIN(ban_tree, &bs.tree)) != NULL)
		bans_del(&bs, b);
	ck_assert_uint_eq(bs.n, 0);
}

START_TEST(addresses)
{
	bans_init(&bs);
	ck_assert(!bars("192.0.2.1", NOW));
	add(by_prefix("192.0.2.1", 0));
	add(by_prefix("198.51.100.0/24", 0));
	add(by_prefix("2001:db8::/32", 0));
	add(by_prefix("2001:db9::1", 0));
	ck_assert_uint_eq(bs.n, 4);
	ck_assert(bars("192.0.2.1", NOW));
	ck_assert(!bars("192.0.2.2", NOW));
	ck_assert(!bars("192.0.2.0", NOW));
	ck_assert(bars("198.51.100.0", NOW));
	ck_assert(bars("198.51.100.255", NOW));
	ck_assert(!bars("198.51.101.0", NOW));
	ck_assert(bars("2001:db8:ffff::1", NOW));
	ck_assert(bars("2001:db9::1", NOW));
	ck_assert(!bars("2001:db9::2", NOW));
	/* IPv4 in IPv6 is IPv4. */
	ck_assert(bars("::ffff:192.0.2.1", NOW));
	clear();
	ck_assert(!bars("192.0.2.1", NOW));
}
END_TEST

START_TEST(whole_families)
{
	bans_init(&bs);
	add(by_prefix("0.0.0.0/0", 0));
	ck_assert(bars("203.0.113.7", NOW));
	ck_assert(!bars("2001:db8::1", NOW));
	add(by_prefix("::/0", 0));
	ck_assert(bars("2001:db8::1", NOW));
	clear();
}
END_TEST

START_TEST(ids)
{
	struct ban	 a = by_id(1, 0), b = by_id(2, NOW + 10);

	bans_init(&bs);
	add(a);
	add(b);
	ck_assert(bans_has_id(&bs, a.id, NOW));
	ck_assert(bans_has_id(&bs, b.id, NOW));
	ck_assert(!bans_has_id(&bs, b.id, NOW + 10));
	ck_assert(!bars("192.0.2.1", NOW));
	b.id[0] = 3;
	ck_assert(!bans_has_id(&bs, b.id, NOW));
	clear();
}
END_TEST

START_TEST(replaced)
{
	struct ban	 b = by_prefix("192.0.2.0/24", NOW + 5), *r;

	bans_init(&bs);
	strlcpy(b.note, "first", sizeof(b.note));
	r = add(b);
	b.until = 0;
	strlcpy(b.note, "second", sizeof(b.note));
	ck_assert_ptr_eq(add(b), r);
	ck_assert_uint_eq(bs.n, 1);
	ck_assert_str_eq(r->note, "second");
	ck_assert_int_eq(r->until, 0);
	ck_assert(bars("192.0.2.9", NOW + 100));
	/* Another length is another ban. */
	add(by_prefix("192.0.2.0/25", 0));
	ck_assert_uint_eq(bs.n, 2);
	ck_assert_ptr_eq(bans_find(&bs, &b), r);
	bans_del(&bs, r);
	ck_assert_ptr_null(bans_find(&bs, &b));
	ck_assert(bars("192.0.2.9", NOW));
	ck_assert(!bars("192.0.2.129", NOW));
	clear();
}
END_TEST

/* What was asked for is kept beside what is configured, whichever came first. */
START_TEST(of_both)
{
	struct ban	 conf = by_prefix("192.0.2.0/24", 0), b, *r;

	bans_init(&bs);
	conf.from_conf = 1;
	b = by_prefix("192.0.2.0/24", NOW + 5);
	strlcpy(b.note, "asked for", sizeof(b.note));
	r = add(_i == 0 ? conf : b);
	ck_assert_int_eq(r->saved, _i != 0);
	ck_assert_ptr_eq(add(_i == 0 ? b : conf), r);
	ck_assert_uint_eq(bs.n, 1);
	ck_assert_int_eq(r->from_conf, 1);
	ck_assert_int_eq(r->saved, 1);
	ck_assert_int_eq(r->until, NOW + 5);
	ck_assert_str_eq(r->note, "asked for");
	/* One with an end does not take the place of one without. */
	ck_assert_int_eq(ban_expire(r, NOW + 4), 0);
	ck_assert(bars("192.0.2.9", NOW + 100));
	ck_assert_int_eq(ban_expire(r, NOW + 5), -1);
	ck_assert_int_eq(r->saved, 0);
	ck_assert_str_eq(r->note, "");
	ck_assert_int_eq(ban_expire(r, NOW + 5), 0);
	ck_assert(bars("192.0.2.9", NOW + 100));
	clear();
}
END_TEST

START_TEST(expiry)
{
	struct ban	*b, *t;

	bans_init(&bs);
	add(by_prefix("192.0.2.1", 0));
	add(by_prefix("192.0.2.2", NOW + 20));
	add(by_id(9, NOW + 10));
	add(by_prefix("2001:db8::/64", NOW + 30));
	/* One that has run out bars nobody, even before it is taken away. */
	ck_assert(bars("192.0.2.2", NOW + 19));
	ck_assert(!bars("192.0.2.2", NOW + 20));
	BANS_FOREACH_SAFE(b, &bs, t) {
		ck_assert_int_eq(ban_live(b, NOW + 20), b->until == 0 ||
		    b->until == NOW + 30);
		ck_assert_int_eq(ban_expire(b, NOW + 20), !ban_live(b, NOW + 20));
		if (!ban_live(b, NOW + 20))
			bans_del(&bs, b);
	}
	ck_assert_uint_eq(bs.n, 2);
	ck_assert(bars("192.0.2.1", NOW + 1000));
	clear();
}
END_TEST

/* After the last second that 32 bits count. */
START_TEST(far_end)
{
	const int64_t	 end = INT64_C(1) << 31;

	bans_init(&bs);
	add(by_prefix("192.0.2.1", end + 20));
	ck_assert(bars("192.0.2.1", NOW));
	ck_assert(bars("192.0.2.1", end + 19));
	ck_assert(!bars("192.0.2.1", end + 20));
	clear();
}
END_TEST

/* A wider ban in force bars although a narrower one has run out. */
START_TEST(nested)
{
	bans_init(&bs);
	add(by_prefix("192.0.2.0/24", 0));
	add(by_prefix("192.0.2.1", NOW - 1));
	ck_assert(bars("192.0.2.1", NOW));
	clear();
}
END_TEST

START_TEST(text)
{
	char		 buf[2 * SECP_PUB + 1];
	struct ban	 b = by_prefix("2001:db8::/48", 0);

	ck_assert_str_eq(ban_what(&b, buf, sizeof(buf)), "2001:db8::/48");
	b = by_prefix("192.0.2.7", 0);
	ban_what(&b, buf, sizeof(buf));
	ck_assert_int_eq(prefix_parse(&b.prefix, buf), 0);
	ck_assert_uint_eq(b.prefix.len, 32);
	b = by_id(0xab, 0);
	ck_assert_uint_eq(strlen(ban_what(&b, buf, sizeof(buf))), 2 * SECP_PUB);
	ck_assert_int_eq(strncmp(buf, "ab1111", 6), 0);
}
END_TEST

START_TEST(full)
{
	struct ban	 b = by_prefix("10.0.0.0", 0);
	uint32_t	 i;

	bans_init(&bs);
	for (i = 0; i < BANS_MAX; i++) {
		b.prefix.ip[1] = (uint8_t)(i >> 16);
		b.prefix.ip[2] = (uint8_t)(i >> 8);
		b.prefix.ip[3] = (uint8_t)i;
		add(b);
	}
	errno = 0;
	b.prefix.ip[0] = 11;
	ck_assert_ptr_null(bans_add(&bs, &b));
	ck_assert_int_eq(errno, ENOSPC);
	b.prefix.ip[0] = 10;
	add(b);
	ck_assert(bars("10.0.0.0", NOW));
	ck_assert(!bars("10.1.0.0", NOW));
	clear();
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/bans");
	TCase	*tc = tcase_create("bans");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, addresses);
	tcase_add_test(tc, whole_families);
	tcase_add_test(tc, ids);
	tcase_add_test(tc, replaced);
	tcase_add_loop_test(tc, of_both, 0, 2);
	tcase_add_test(tc, expiry);
	tcase_add_test(tc, far_end);
	tcase_add_test(tc, nested);
	tcase_add_test(tc, text);
	tcase_add_test(tc, full);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
