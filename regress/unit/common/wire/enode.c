/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/enode.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))
#define ID								\
	"1dd9d65c4552b5eb43d5ad55a2ee3f56c6cbc1c64a5c8d659f51fcd51bace243" \
	"51232b8d7821617d2b29b54b81cdefb9b3e9c37d7fd5f63270bcc9e1a6f6a439"
#define UPPER								\
	"1DD9D65C4552B5EB43D5AD55A2EE3F56C6CBC1C64A5C8D659F51FCD51BACE243" \
	"51232B8D7821617D2B29B54B81CDEFB9B3E9C37D7FD5F63270BCC9E1A6F6A439"
#define OFF_CURVE							\
	"1dd9d65c4552b5eb43d5ad55a2ee3f56c6cbc1c64a5c8d659f51fcd51bace243" \
	"51232b8d7821617d2b29b54b81cdefb9b3e9c37d7fd5f63270bcc9e1a6f6a438"
/* x is the field's prime and more */
#define OVER_P								\
	"fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f" \
	"51232b8d7821617d2b29b54b81cdefb9b3e9c37d7fd5f63270bcc9e1a6f6a439"
#define ZEROS								\
	"0000000000000000000000000000000000000000000000000000000000000000" \
	"0000000000000000000000000000000000000000000000000000000000000000"

/* go-ethereum's urlv4 tests that are valid, and more. */
static const struct {
	const char	*in;
	const char	*host;
	uint16_t	 tcp;
	uint16_t	 udp;
	const char	*out;		/* NULL: as in */
} good[] = {
	{ "enode://" ID "@127.0.0.1:52150", "127.0.0.1", 52150, 52150, NULL },
	{ "enode://" ID "@valid.:3", "valid.", 3, 3, NULL },
	{ "enode://" ID "@[::]:52150", "::", 52150, 52150, NULL },
	{ "enode://" ID "@[2001:db8:3c4d:15::abcd:ef12]:52150",
	    "2001:db8:3c4d:15::abcd:ef12", 52150, 52150, NULL },
	{ "enode://" ID "@127.0.0.1:52150?discport=22334", "127.0.0.1", 52150,
	    22334, NULL },
	{ "enode://" ID, "", 0, 0, NULL },
	{ ID, "", 0, 0, "enode://" ID },
	{ UPPER, "", 0, 0, "enode://" ID },
	{ "ENODE://" UPPER "@[2001:DB8::1]:1", "2001:db8::1", 1, 1,
	    "enode://" ID "@[2001:db8::1]:1" },
	/* a node that only discovers, as bootnode prints it */
	{ "enode://" ID "@127.0.0.1:0?discport=30301", "127.0.0.1", 0, 30301, NULL },
	{ "enode://" ID "@127.0.0.1:30303?discport=0", "127.0.0.1", 30303, 0, NULL },
	{ "enode://" ID "@127.0.0.1:30303?discport=30303", "127.0.0.1", 30303,
	    30303, "enode://" ID "@127.0.0.1:30303" },
	{ "enode://" ID "@127.0.0.1:30303/", "127.0.0.1", 30303, 30303,
	    "enode://" ID "@127.0.0.1:30303" },
	{ "enode://" ID "@127.0.0.1:65535/?discport=65535", "127.0.0.1", 65535,
	    65535, "enode://" ID "@127.0.0.1:65535" },
	{ "enode://" ID "@[::ffff:192.0.2.1]:1", "192.0.2.1", 1, 1,
	    "enode://" ID "@192.0.2.1:1" },
	{ "enode://" ID "@bootnode-1.my_net.example:30303",
	    "bootnode-1.my_net.example", 30303, 30303, NULL },
	{ "enode://" ID "@1.2.3.example:1", "1.2.3.example", 1, 1, NULL },
};

static const char *const bad[] = {
	/* go-ethereum's */
	"enode://" ID "@127.0.0.1:foo",
	"enode://" ID "@127.0.0.1:3?discport=foo",
	"", "01010101", "enode://01010101@123.124.125.126:3",
	"enode://01010101", "http://foobar", "://foo",
	/* keys */
	OFF_CURVE, OVER_P, ZEROS, "enode://" OFF_CURVE "@127.0.0.1:1",
	"0x" ID, ID "0", "enode://0x" ID, "enode:// " ID, ID " ",
	"enode://" ID "00@127.0.0.1:1", "enode://" ID ":pw@127.0.0.1:1",
	"enode://@127.0.0.1:1", "enode://", "@", "enode://@", "g" ID,
	/* scheme */
	ID "@127.0.0.1:1", "http://" ID "@127.0.0.1:1", "enode:/" ID,
	"enr:" ID, "enode:" ID "@127.0.0.1:1",
	/* ports */
	"enode://" ID "@127.0.0.1", "enode://" ID "@127.0.0.1:",
	"enode://" ID "@127.0.0.1:65536", "enode://" ID "@127.0.0.1:-1",
	"enode://" ID "@127.0.0.1:+1", "enode://" ID "@127.0.0.1: 1",
	"enode://" ID "@127.0.0.1:1 ", "enode://" ID "@127.0.0.1:0x10",
	"enode://" ID "@127.0.0.1:4294967297",
	"enode://" ID "@127.0.0.1:18446744073709551617",
	"enode://" ID "@127.0.0.1:1?", "enode://" ID "@127.0.0.1:1?discport=",
	"enode://" ID "@127.0.0.1:1?discport=65536",
	"enode://" ID "@127.0.0.1:1?disport=1",
	"enode://" ID "@127.0.0.1:1?discport=1&x=2",
	"enode://" ID "@127.0.0.1:1/path", "enode://" ID "@127.0.0.1:1#frag",
	/* hosts */
	"enode://" ID "@", "enode://" ID "@:1", "enode://" ID "@[]:1",
	"enode://" ID "@[::1:1", "enode://" ID "@::1:1",
	"enode://" ID "@[::1]", "enode://" ID "@[::1]1:1",
	"enode://" ID "@[127.0.0.1]:1", "enode://" ID "@[fe80::1%eth0]:1",
	"enode://" ID "@[::g]:1", "enode://" ID "@[1:2:3:4:5:6:7:8:9]:1",
	"enode://" ID "@a@b:1", "enode://" ID "@a..b:1", "enode://" ID "@.:1",
	"enode://" ID "@.a:1", "enode://" ID "@a..:1", "enode://" ID "@a b:1",
	"enode://" ID "@a%20b:1", "enode://" ID "@\xc3\xa9:1",
	"enode://" ID "@a\n:1",
	"enode://" ID "@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaa:1",
	/* what inet_aton would take for an address */
	"enode://" ID "@127.1:1", "enode://" ID "@2130706433:1",
	"enode://" ID "@0x7f.1:1", "enode://" ID "@0x7f000001:1",
	"enode://" ID "@127.0.0.256:1", "enode://" ID "@127.0.0.1.:1",
	"enode://" ID "@1.2.3.4.5:1",
};

START_TEST(valid)
{
	struct enode	 e;
	char		 buf[ENODE_STRLEN];
	const char	*err;
	size_t		 i;

	for (i = 0; i < N(good); i++) {
		err = "x";
		ck_assert_msg(enode_parse(&e, good[i].in, &err) == 0, "%s: %s",
		    good[i].in, err);
		ck_assert_ptr_null(err);
		ck_assert_str_eq(e.host, good[i].host);
		ck_assert_uint_eq(e.tcp, good[i].tcp);
		ck_assert_uint_eq(e.udp, good[i].udp);
		ck_assert_mem_eq(e.id, "\x1d\xd9\xd6\x5c", 4);
		ck_assert_mem_eq(e.id + 60, "\xa6\xf6\xa4\x39", 4);
		ck_assert_str_eq(enode_format(&e, buf, sizeof(buf)),
		    good[i].out == NULL ? good[i].in : good[i].out);
	}
}
END_TEST

START_TEST(invalid)
{
	struct enode	 e;
	const char	*err;
	size_t		 i;

	for (i = 0; i < N(bad); i++) {
		err = NULL;
		ck_assert_msg(enode_parse(&e, bad[i], &err) == -1, "%s", bad[i]);
		ck_assert_ptr_nonnull(err);
	}
}
END_TEST

/* Every cut of a URL, in a block of its size: only a few are URLs. */
START_TEST(truncations)
{
	static const char url[] = "enode://" ID "@[2001:db8::1]:30303?discport=30301";
	struct enode	 e;
	const char	*err;
	char		*cut;
	size_t		 i, n = 0;

	for (i = 0; i < sizeof(url); i++) {
		cut = strndup(url, i);
		ck_assert_ptr_nonnull(cut);
		n += enode_parse(&e, cut, &err) == 0;
		free(cut);
	}
	/* the bare key, five ports, five discports */
	ck_assert_uint_eq(n, 11);
}
END_TEST

START_TEST(long_names)
{
	struct enode	 e;
	char		 name[400], url[800], buf[ENODE_STRLEN];
	const char	*err;
	size_t		 n, i;

	for (n = 200; n < 300; n++) {
		for (i = 0; i < n; i++)
			name[i] = i % 50 == 49 ? '.' : 'a';
		name[n - 1] = 'b';
		name[n] = '\0';
		snprintf(url, sizeof(url), "enode://%s@%s:65535?discport=65534",
		    ID, name);
		if (n > 254) {
			ck_assert_int_eq(enode_parse(&e, url, &err), -1);
			continue;
		}
		ck_assert_int_eq(enode_parse(&e, url, &err), 0);
		ck_assert_str_eq(e.host, name);
		ck_assert_str_eq(enode_format(&e, buf, sizeof(buf)), url);
		ck_assert_uint_eq(strlen(enode_format(&e, buf, 20)), 19);
	}
}
END_TEST

#define TEXT								\
	"enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjz" \
	"CBOonrkTfj499SZuOh8R33Ls8RRcy5wBgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQPK" \
	"Y0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8"
#define TEXT_PUB							\
	"ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138" \
	"7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f"
#define DUAL								\
	"enr:-Le4QPUXJS2BTORXxyx2Ia-9ae4YqA_JWX3ssj4E_J-3z1A-HmFGrU8BpvpqhNab" \
	"ayXeOZ2Nq_sbeDgtzMJpLLnXFgAChGV0aDKQtTA_KgEAAAAAIgEAAAAAAIJpZIJ2NIJp" \
	"cISsaa0Zg2lwNpAkAIkHAAAAAPA8kv_-awoTiXNlY3AyNTZrMaEDHAD2JKYevx89W0Cc" \
	"FJFiskdcEzkH_Wdv9iW42qLK79ODdWRwgiMohHVkcDaCI4I"

START_TEST(any_text)
{
	static const struct {
		const char	*in;
		const char	*ip4;
		const char	*ip6;
		const char	*host;
		const char	*url;	/* NULL: as in */
		int		 record;
	} texts[] = {
		{ ID, "-", "-", "", "enode://" ID, 0 },
		{ "enode://" ID "@192.0.2.1:3?discport=4", "192.0.2.1:4", "-",
		    "", NULL, 0 },
		{ "enode://" ID "@[2001:db8::1]:3", "-", "[2001:db8::1]:3", "",
		    NULL, 0 },
		{ "enode://" ID "@a.example:3?discport=9", "-", "-", "a.example",
		    NULL, 0 },
		{ TEXT, "127.0.0.1:30303", "-", "", "enode://" TEXT_PUB
		    "@127.0.0.1:0?discport=30303", 1 },
		{ DUAL, "172.105.173.25:9000",
		    "[2400:8907::f03c:92ff:fe6b:a13]:9090", "", "", 1 }
	};
	static const char *const wrong[] = { "", "enr:", TEXT "A",
	    "enode://" ID "@127.0.0.1", "xyz" };
	struct node_spec	 n;
	char			 buf[ENODE_STRLEN];
	const char		*err;
	size_t			 i;

	for (i = 0; i < N(texts); i++) {
		err = "";
		ck_assert_msg(node_spec_parse(&n, texts[i].in, &err) == 0,
		    "%s: %s", texts[i].in, err);
		ck_assert_str_eq(addr_format(&n.ip4, buf), texts[i].ip4);
		ck_assert_str_eq(addr_format(&n.ip6, buf), texts[i].ip6);
		ck_assert_str_eq(n.host, texts[i].host);
		ck_assert_int_eq(n.record.len > 0, texts[i].record);
		if (texts[i].url == NULL || texts[i].url[0] != '\0')
			ck_assert_str_eq(node_spec_url(&n, buf, sizeof(buf)),
			    texts[i].url == NULL ? texts[i].in : texts[i].url);
	}
	for (i = 0; i < N(wrong); i++) {
		err = NULL;
		ck_assert_int_eq(node_spec_parse(&n, wrong[i], &err), -1);
		ck_assert_ptr_nonnull(err);
	}
}
END_TEST

/* The pairs of go-ethereum's tests, and those with what nobody dials. */
START_TEST(best)
{
	static const struct {
		const char	*v4;
		const char	*v6;
		const char	*want;
	} pairs[] = {
		{ NULL, NULL, NULL },
		{ "127.0.0.1", NULL, "127.0.0.1" },
		{ "0.0.0.0", NULL, "0.0.0.0" },
		{ NULL, "2001::ff00:42:8329", "2001::ff00:42:8329" },
		{ "127.0.0.1", "2001::ff00:42:8329", "2001::ff00:42:8329" },
		{ "0.0.0.0", "::1", "::1" },
		{ "192.168.2.2", "2001::ff00:42:8329", "2001::ff00:42:8329" },
		{ "169.254.2.6", "2001::ff00:42:8329", "2001::ff00:42:8329" },
		{ "192.168.2.2", "fd00::abcd:1", "192.168.2.2" },
		{ "192.168.2.2", "fe80::1", "192.168.2.2" },
		{ "169.254.2.6", "fe80::1", "169.254.2.6" },
		{ "127.0.0.1", "fe80::1", "fe80::1" },
		{ "99.22.33.1", "2001::ff00:42:8329", "99.22.33.1" },
		{ "224.0.0.1", NULL, NULL },
		{ "239.255.255.255", "ff02::1", NULL },
		{ "224.0.0.1", "::1", "::1" }
	};
	struct node_spec	 n;
	struct addr		 a;
	char			 buf[ADDR_STRLEN];
	uint16_t		 tcp;
	size_t			 i;

	for (i = 0; i < N(pairs); i++) {
		memset(&n, 0, sizeof(n));
		if (pairs[i].v4 != NULL)
			addr_parse_ip(&n.ip4, pairs[i].v4);
		if (pairs[i].v6 != NULL)
			addr_parse_ip(&n.ip6, pairs[i].v6);
		n.tcp4 = 4;
		n.tcp6 = 6;
		n.ip4.port = 44;
		n.ip6.port = 66;
		if (pairs[i].want == NULL) {
			ck_assert_int_eq(node_spec_best(&n, &a, &tcp), -1);
			continue;
		}
		ck_assert_int_eq(node_spec_best(&n, &a, &tcp), 0);
		ck_assert_str_eq(addr_format_ip(&a, buf), pairs[i].want);
		ck_assert_uint_eq(tcp, a.af);
		ck_assert_uint_eq(a.port, a.af * 11);
	}
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("enode");
	TCase		*tc = tcase_create("enode");
	SRunner		*sr;
	int		 failed;

	if (secp_init() == -1)
		return 1;
	tcase_add_test(tc, valid);
	tcase_add_test(tc, invalid);
	tcase_add_test(tc, truncations);
	tcase_add_test(tc, long_names);
	tcase_add_test(tc, any_text);
	tcase_add_test(tc, best);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
