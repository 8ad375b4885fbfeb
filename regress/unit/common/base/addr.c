/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <netinet/in.h>
#include <arpa/inet.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/addr.h"

static struct addr
ip(const char *s)
{
	struct addr	 a;

	ck_assert_msg(addr_parse_ip(&a, s) == 0, "%s", s);
	return a;
}

static struct prefix
pfx(const char *s)
{
	struct prefix	 p;

	ck_assert_msg(prefix_parse(&p, s) == 0, "%s", s);
	return p;
}

START_TEST(text)
{
	static const struct {
		const char	*in, *out;
	} t[] = {
		{ "192.0.2.1:30303", "192.0.2.1:30303" },
		{ "[2001:db8::1]:0", "[2001:db8::1]:0" },
		{ "[::ffff:192.0.2.1]:65535", "192.0.2.1:65535" },
		{ "192.0.2.1", NULL }, { "192.0.2.1:", NULL },
		{ "192.0.2.1:65536", NULL }, { "192.0.2.1:+1", NULL },
		{ "192.0.2.1: 1", NULL }, { "192.0.2.1:000001", NULL },
		{ "192.0.2.1:1x", NULL }, { "[192.0.2.1]:1", NULL },
		{ "[2001:db8::1]", NULL }, { "[2001:db8::1]1:1", NULL },
		{ "2001:db8::1:30303", NULL }, { "[2001:db8::1", NULL },
		{ "", NULL }, { ":1", NULL }, { "[]:1", NULL },
		{ "host:1", NULL }, { "[fe80::1%lo]:1", NULL },
		{ "1111111111111111111111111111111111111111111111111111:1", NULL },
	};
	char		 buf[ADDR_STRLEN];
	struct addr	 a;
	size_t		 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (t[i].out == NULL) {
			ck_assert_msg(addr_parse(&a, t[i].in) == -1, "%s",
			    t[i].in);
			continue;
		}
		ck_assert_msg(addr_parse(&a, t[i].in) == 0, "%s", t[i].in);
		ck_assert_str_eq(addr_format(&a, buf), t[i].out);
	}
	memset(&a, 0, sizeof(a));
	ck_assert_str_eq(addr_format(&a, buf), "-");
	ck_assert_str_eq(addr_format_ip(&a, buf), "-");
	a = ip("2001:db8::1");
	ck_assert_str_eq(addr_format_ip(&a, buf), "2001:db8::1");
	ck_assert_int_eq(addr_parse_ip(&a, "1.2.3"), -1);
}
END_TEST

START_TEST(sockaddr)
{
	struct sockaddr_storage	 ss;
	struct sockaddr_in6	 sin6;
	struct sockaddr		 un = { .sa_family = AF_UNIX };
	struct addr		 a, b;

	ck_assert_int_eq(addr_parse(&a, "192.0.2.7:443"), 0);
	ck_assert_int_eq(addr_to_sa(&a, &ss), sizeof(struct sockaddr_in));
	ck_assert_int_eq(addr_from_sa(&b, (struct sockaddr *)&ss), 0);
	ck_assert_int_eq(addr_cmp(&a, &b), 0);

	ck_assert_int_eq(addr_parse(&a, "[2001:db8::7]:443"), 0);
	ck_assert_int_eq(addr_to_sa(&a, &ss), sizeof(struct sockaddr_in6));
	ck_assert_int_eq(addr_from_sa(&b, (struct sockaddr *)&ss), 0);
	ck_assert_int_eq(addr_cmp(&a, &b), 0);

	memset(&sin6, 0, sizeof(sin6));
	sin6.sin6_family = AF_INET6;
	inet_pton(AF_INET6, "::ffff:10.1.2.3", &sin6.sin6_addr);
	ck_assert_int_eq(addr_from_sa(&b, (struct sockaddr *)&sin6), 0);
	a = ip("10.1.2.3");
	ck_assert_int_eq(b.af, 4);
	ck_assert_int_eq(addr_cmp_ip(&a, &b), 0);

	ck_assert_int_eq(addr_from_sa(&b, &un), -1);
	ck_assert_int_eq(b.af, 0);
	ck_assert_int_eq(addr_to_sa(&b, &ss), 0);
}
END_TEST

START_TEST(kinds)
{
	static const struct {
		const char	*s;
		int		 any, loop, lan;
	} t[] = {
		{ "0.0.0.0", 1, 0, 0 }, { "::", 1, 0, 0 },
		{ "127.0.0.1", 0, 1, 1 }, { "127.255.1.2", 0, 1, 1 },
		{ "::1", 0, 1, 1 }, { "::2", 0, 0, 0 },
		{ "10.255.0.1", 0, 0, 1 }, { "11.0.0.1", 0, 0, 0 },
		{ "172.16.0.1", 0, 0, 1 }, { "172.31.255.255", 0, 0, 1 },
		{ "172.32.0.1", 0, 0, 0 }, { "172.15.0.1", 0, 0, 0 },
		{ "192.168.9.9", 0, 0, 1 }, { "169.254.1.1", 0, 0, 1 },
		{ "fc00::1", 0, 0, 1 }, { "fdff::1", 0, 0, 1 },
		{ "fe80::1", 0, 0, 1 }, { "febf::1", 0, 0, 1 },
		{ "fec0::1", 0, 0, 0 }, { "2001:db8::1", 0, 0, 0 },
	};
	struct addr	 a;
	size_t		 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		a = ip(t[i].s);
		ck_assert_msg(addr_is_any(&a) == t[i].any, "%s", t[i].s);
		ck_assert_msg(addr_is_loopback(&a) == t[i].loop, "%s", t[i].s);
		ck_assert_msg(addr_is_lan(&a) == t[i].lan, "%s", t[i].s);
	}
	memset(&a, 0, sizeof(a));
	ck_assert_int_eq(addr_is_any(&a), 0);
	ck_assert_int_eq(addr_is_lan(&a), 0);
}
END_TEST

START_TEST(order)
{
	struct addr	 a = ip("10.0.0.1"), b = ip("10.0.0.2");
	struct addr	 c = ip("::1"), d = a;

	ck_assert_int_lt(addr_cmp(&a, &b), 0);
	ck_assert_int_gt(addr_cmp(&b, &a), 0);
	ck_assert_int_lt(addr_cmp(&b, &c), 0);
	d.port = 1;
	ck_assert_int_lt(addr_cmp(&a, &d), 0);
	ck_assert_int_eq(addr_cmp_ip(&a, &d), 0);
}
END_TEST

START_TEST(prefixes)
{
	static const struct {
		const char	*in, *out;
	} t[] = {
		{ "10.1.2.3/8", "10.0.0.0/8" }, { "10.1.2.3", "10.1.2.3/32" },
		{ "0.0.0.0/0", "0.0.0.0/0" }, { "::/0", "::/0" },
		{ "10.1.2.255/25", "10.1.2.128/25" },
		{ "2001:db8:ffff::/33", "2001:db8:8000::/33" },
		{ "2001:db8::1", "2001:db8::1/128" },
		{ "::ffff:10.1.0.0/112", "10.1.0.0/16" },
		{ "10.0.0.0/33", NULL }, { "::/129", NULL },
		{ "10.0.0.0/", NULL }, { "10.0.0.0/-1", NULL },
		{ "10.0.0.0/8/8", NULL }, { "/8", NULL }, { "", NULL },
		{ "10.0.0/8", NULL },
	};
	char		 buf[PREFIX_STRLEN];
	struct prefix	 p, q;
	struct addr	 a;
	size_t		 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (t[i].out == NULL) {
			ck_assert_msg(prefix_parse(&p, t[i].in) == -1, "%s",
			    t[i].in);
			continue;
		}
		p = pfx(t[i].in);
		ck_assert_str_eq(prefix_format(&p, buf), t[i].out);
	}
	/* Every length matches its own network and misses the neighbour bit. */
	for (i = 1; i <= 128; i++) {
		a = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
		prefix_of(&p, &a, (unsigned int)i);
		ck_assert_int_eq(prefix_match(&p, &a), 1);
		a.ip[(i - 1) / 8] ^= (uint8_t)(0x80 >> ((i - 1) % 8));
		ck_assert_int_eq(prefix_match(&p, &a), 0);
		prefix_of(&q, &a, (unsigned int)i);
		ck_assert_int_ne(prefix_cmp(&p, &q), 0);
	}
	a = ip("10.0.0.1");
	prefix_of(&p, &a, 64);
	ck_assert_int_eq(p.len, 32);
	p = pfx("::/0");
	ck_assert_int_eq(prefix_match(&p, &a), 0);
	memset(&a, 0, sizeof(a));
	memset(&p, 0, sizeof(p));
	ck_assert_int_eq(prefix_match(&p, &a), 0);
	ck_assert_str_eq(prefix_format(&p, buf), "-");
}
END_TEST

START_TEST(sets)
{
	struct netset	 s = { 0 };
	struct addr	 a = ip("10.7.0.1");
	struct prefix	 p;
	unsigned int	 i;

	ck_assert_int_eq(netset_match(&s, &a), 0);
	for (i = 0; i < 100; i++) {
		a.ip[1] = (uint8_t)i;
		prefix_of(&p, &a, 16);
		ck_assert_int_eq(netset_add(&s, &p), 0);
		ck_assert_int_eq(netset_add(&s, &p), 0);
	}
	ck_assert_uint_eq(s.n, 100);
	a.ip[1] = 99;
	ck_assert_int_eq(netset_match(&s, &a), 1);
	a.ip[1] = 100;
	ck_assert_int_eq(netset_match(&s, &a), 0);
	netset_clear(&s);
	ck_assert_ptr_null(s.v);
	a.ip[1] = 1;
	ck_assert_int_eq(netset_match(&s, &a), 0);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("base/addr");
	TCase	*tc = tcase_create("addr");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, text);
	tcase_add_test(tc, sockaddr);
	tcase_add_test(tc, kinds);
	tcase_add_test(tc, order);
	tcase_add_test(tc, prefixes);
	tcase_add_test(tc, sets);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
