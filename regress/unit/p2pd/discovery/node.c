/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/scope.h"
#include "p2pd/discovery/node.h"

static uint8_t	 priv[SECP_PRIV], key[SECP_PUB];

static struct addr
ip(const char *s, uint16_t port)
{
	struct addr	 a;

	ck_assert_int_eq(addr_parse_ip(&a, s), 0);
	a.port = port;
	return a;
}

static void
setup(void)
{
	ck_assert_int_eq(secp_init(), 0);
	memset(priv, 7, sizeof(priv));
	ck_assert_int_eq(secp_pub_from_priv(key, priv), 0);
}

static void
record(struct enr *e, uint64_t seq, const char *ip4, uint16_t udp4,
    const char *ip6, uint16_t udp6)
{
	struct enr_build	 b;
	struct addr		 a;

	ck_assert_int_eq(enr_build_init(&b, seq, key), 0);
	if (ip4 != NULL) {
		a = ip(ip4, udp4);
		ck_assert_int_eq(enr_set_endpoint(&b, &a, 30303), 0);
	}
	if (ip6 != NULL) {
		a = ip(ip6, udp6);
		ck_assert_int_eq(enr_set_endpoint(&b, &a, 30304), 0);
	}
	ck_assert_int_eq(enr_sign(e, &b, priv), 0);
}

/* Who may tell of what, by the networks of both. */
static const struct {
	const char	*from;
	const char	*a;
	int		 ok;
} relays[] = {
	{ "8.8.8.8", "1.1.1.1", 1 },
	{ "8.8.8.8", "127.0.0.1", 0 },
	{ "8.8.8.8", "10.1.2.3", 0 },
	{ "8.8.8.8", "172.16.0.1", 0 },
	{ "8.8.8.8", "172.32.0.1", 1 },
	{ "8.8.8.8", "192.168.0.1", 0 },
	{ "8.8.8.8", "169.254.1.1", 0 },
	{ "8.8.8.8", "100.64.0.1", 0 },
	{ "8.8.8.8", "100.127.255.255", 0 },
	{ "8.8.8.8", "100.128.0.1", 1 },
	{ "10.0.0.1", "192.168.0.1", 1 },
	{ "10.0.0.1", "127.0.0.1", 0 },
	{ "10.0.0.1", "100.64.0.1", 1 },
	{ "100.64.0.9", "100.64.0.1", 1 },
	{ "100.64.0.9", "10.0.0.1", 0 },
	{ "127.0.0.1", "127.0.0.1", 1 },
	{ "127.0.0.1", "10.0.0.1", 1 },
	{ "127.0.0.1", "192.0.2.1", 0 },
	{ "8.8.8.8", "0.0.0.0", 0 },
	{ "8.8.8.8", "0.1.2.3", 0 },
	{ "8.8.8.8", "192.0.2.1", 0 },
	{ "8.8.8.8", "192.0.0.8", 0 },
	{ "8.8.8.8", "192.88.99.1", 0 },
	{ "8.8.8.8", "198.18.0.1", 0 },
	{ "8.8.8.8", "198.19.255.1", 0 },
	{ "8.8.8.8", "198.20.0.1", 1 },
	{ "8.8.8.8", "198.51.100.1", 0 },
	{ "8.8.8.8", "203.0.113.9", 0 },
	{ "8.8.8.8", "224.0.0.1", 0 },
	{ "8.8.8.8", "239.1.1.1", 0 },
	{ "8.8.8.8", "240.0.0.1", 0 },
	{ "8.8.8.8", "255.255.255.255", 0 },
	{ "2a00::1", "2a01::1", 1 },
	{ "2a00::1", "8.8.8.8", 1 },
	{ "2a00::1", "::1", 0 },
	{ "::1", "::1", 1 },
	{ "::1", "fd00::1", 1 },
	{ "fd00::1", "fe80::1", 1 },
	{ "2a00::1", "fe80::1", 0 },
	{ "2a00::1", "fd00::1", 0 },
	{ "2a00::1", "::", 0 },
	{ "2a00::1", "64:ff9b::1", 0 },
	{ "2a00::1", "100::1", 0 },
	{ "2a00::1", "2001::1", 0 },
	{ "2a00::1", "2001:1ff::1", 0 },
	{ "2a00::1", "2001:200::1", 1 },
	{ "2a00::1", "2001:db8::1", 0 },
	{ "2a00::1", "2002::1", 0 },
	{ "2a00::1", "ff02::1", 0 },
};

START_TEST(relay)
{
	struct addr	 from, a;
	size_t		 i;

	for (i = 0; i < sizeof(relays) / sizeof(relays[0]); i++) {
		from = ip(relays[i].from, 30303);
		a = ip(relays[i].a, 30303);
		ck_assert_msg(addr_relay_ok(&from, &a) == relays[i].ok,
		    "%s telling of %s", relays[i].from, relays[i].a);
	}
	memset(&a, 0, sizeof(a));
	from = ip("8.8.8.8", 1);
	ck_assert_int_eq(addr_relay_ok(&from, &a), 0);
}
END_TEST

START_TEST(distance)
{
	uint8_t	 a[NODE_ID] = { 0 }, b[NODE_ID] = { 0 }, t[NODE_ID] = { 0 };

	ck_assert_uint_eq(node_logdist(a, b), 0);
	b[NODE_ID - 1] = 1;
	ck_assert_uint_eq(node_logdist(a, b), 1);
	b[NODE_ID - 1] = 0xff;
	ck_assert_uint_eq(node_logdist(a, b), 8);
	b[0] = 0x80;
	ck_assert_uint_eq(node_logdist(a, b), 256);
	b[0] = 0x01;
	ck_assert_uint_eq(node_logdist(a, b), 249);
	ck_assert_int_eq(node_cmp(t, a, b), -1);
	ck_assert_int_eq(node_cmp(t, b, a), 1);
	ck_assert_int_eq(node_cmp(t, a, a), 0);
	t[0] = 1;
	ck_assert_int_eq(node_cmp(t, a, b), 1);
}
END_TEST

/* The endpoint that reaches furthest, of the families there are. */
START_TEST(endpoints)
{
	struct enr	 e;
	struct node	 n;
	struct addr	 a;

	record(&e, 5, "10.0.0.1", 30301, "2a00::5", 30302);
	ck_assert_int_eq(node_from_record(&n, &e, key, NODE_IP4 | NODE_IP6), 0);
	a = ip("2a00::5", 30302);
	ck_assert_int_eq(addr_cmp(&n.udp, &a), 0);
	ck_assert_uint_eq(n.tcp, 30304);
	ck_assert_uint_eq(n.seq, 5);
	node_clear(&n);
	ck_assert_int_eq(node_from_record(&n, &e, key, NODE_IP4), 0);
	ck_assert_uint_eq(n.udp.af, 4);
	node_clear(&n);
	record(&e, 5, "8.8.8.8", 30301, "2a00::5", 30302);
	ck_assert_int_eq(node_from_record(&n, &e, key, NODE_IP4 | NODE_IP6), 0);
	ck_assert_uint_eq(n.udp.af, 4);
	node_clear(&n);
	record(&e, 5, "8.8.8.8", 30301, NULL, 0);
	ck_assert_int_eq(node_from_record(&n, &e, key, NODE_IP6), -1);
	ck_assert_ptr_null(n.rec);
	record(&e, 5, "224.0.0.1", 30301, NULL, 0);
	ck_assert_int_eq(node_from_record(&n, &e, key, NODE_IP4), -1);
	record(&e, 5, NULL, 0, NULL, 0);
	ck_assert_int_eq(node_from_record(&n, &e, key, NODE_IP4), -1);
}
END_TEST

/* A record moves its node, but not to where it may not point. */
START_TEST(set_record)
{
	struct addr	 a = ip("8.8.8.8", 30303), was = a;
	struct node	 n, copy;
	struct enr	 e;

	node_init(&n, key, &a, 1);
	record(&e, 2, "9.9.9.9", 40000, NULL, 0);
	ck_assert_int_eq(node_set_record(&n, &e), 0);
	a = ip("9.9.9.9", 40000);
	ck_assert_int_eq(addr_cmp(&n.udp, &a), 0);
	ck_assert_uint_eq(n.tcp, 30303);
	ck_assert_uint_eq(n.seq, 2);
	memset(&copy, 0, sizeof(copy));
	node_copy(&copy, &n);
	ck_assert_ptr_eq(copy.rec, n.rec);
	node_clear(&n);
	ck_assert_uint_eq(copy.rec->enr.seq, 2);
	node_clear(&copy);

	node_init(&n, key, &was, 1);
	record(&e, 2, "10.0.0.1", 40000, "2a00::5", 30302);
	ck_assert_int_eq(node_set_record(&n, &e), 0);
	ck_assert_int_eq(addr_cmp(&n.udp, &was), 0);
	record(&e, 3, "9.9.9.9", 80, NULL, 0);
	ck_assert_int_eq(node_set_record(&n, &e), 0);
	ck_assert_int_eq(addr_cmp(&n.udp, &was), 0);
	ck_assert_uint_eq(n.seq, 3);
	node_clear(&n);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("node");
	TCase	*tc = tcase_create("all");
	SRunner	*sr = srunner_create(s);
	int	 bad;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, relay);
	tcase_add_test(tc, distance);
	tcase_add_test(tc, endpoints);
	tcase_add_test(tc, set_record);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
