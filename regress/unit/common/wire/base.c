/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <snappy-c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/base.h"
#include "common/wire/caps.h"
#include "common/wire/reason.h"
#include "common/wire/rlp.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* EIP-8, test vectors: version 55 and a few additional list elements. */
static const char eip8_hello[] =
    "f87137916b6e6574682f76302e39312f706c616e39cdc5836574683dc6846d6f726b1682"
    "270fb840fda1cff674c90c9a197539fe3dfb53086ace64f83ed7c6eabec741f7f381cc80"
    "3e52ab2cd55d5569bce4347107a310dfd5f88a010cd2ffd1005ca406f1842877c883666f"
    "6f836261720304";

static struct hello hello;
static uint8_t id[SECP_PUB];

START_TEST(eip8)
{
	uint8_t		 buf[(sizeof(eip8_hello) - 1) / 2];

	ck_assert_int_eq(hex_decode(buf, sizeof(buf), eip8_hello), 0);
	ck_assert_int_eq(hello_decode(&hello, buf, sizeof(buf)), 0);
	ck_assert(hello.version == 55);
	ck_assert_str_eq(hello.client, "kneth/v0.91/plan9");
	ck_assert_uint_eq(hello.ncaps, 2);
	ck_assert_str_eq(hello.caps[0].name, "eth");
	ck_assert_uint_eq(hello.caps[0].version, 61);
	ck_assert_str_eq(hello.caps[1].name, "mork");
	ck_assert_uint_eq(hello.caps[1].version, 22);
	ck_assert_uint_eq(hello.port, 9999);
	ck_assert_mem_eq(hello.id, "\xfd\xa1\xcf\xf6", 4);
}
END_TEST

static void
sample(struct hello *h)
{
	memset(h, 0, sizeof(*h));
	h->version = BASE_VERSION;
	strcpy(h->client, "p2pd/0.1.0");
	h->ncaps = 2;
	strcpy(h->caps[0].name, "eth");
	h->caps[0].version = 69;
	strcpy(h->caps[1].name, "aaaaaaaa");
	h->caps[1].version = UINT32_MAX;
	h->port = 30303;
	memset(h->id, 0xab, sizeof(h->id));
}

START_TEST(round_trip)
{
	struct hello	 h;
	uint8_t		 buf[HELLO_MAX], *cut;
	size_t		 i, len, small;

	sample(&h);
	ck_assert_int_eq(hello_encode(buf, sizeof(buf), &len, &h), 0);
	ck_assert_int_eq(hello_decode(&hello, buf, len), 0);
	ck_assert_mem_eq(&hello, &h, sizeof(h));
	for (i = 0; i < len; i++) {
		cut = malloc(i == 0 ? 1 : i);
		ck_assert_ptr_nonnull(cut);
		memcpy(cut, buf, i);
		ck_assert_int_eq(hello_decode(&hello, cut, i), REASON_HELLO_BAD);
		ck_assert_int_eq(hello_encode(cut, i, &small, &h), -1);
		free(cut);
	}
}
END_TEST

/* A Hello from its parts, each as RLP already. */
static size_t
build(uint8_t *out, size_t size, const char *version, const char *client,
    const uint8_t *caps, size_t ncaps, const uint8_t *key, size_t nkey)
{
	struct rlpw	 w;
	size_t		 len;

	rlpw_init(&w, out, size);
	rlpw_list(&w);
	rlpw_bytes(&w, version, strlen(version));
	rlpw_str(&w, client);
	rlpw_list(&w);
	if (ncaps > w.size - w.len)
		w.failed = 1;
	else if (ncaps > 0)
		memcpy(w.buf + w.len, caps, ncaps);
	w.len += ncaps;
	rlpw_end(&w);
	rlpw_uint(&w, 0);
	rlpw_bytes(&w, key, nkey);
	rlpw_end(&w);
	ck_assert_int_eq(rlpw_finish(&w, &len), 0);
	return len;
}

static int
decode_with(const char *caps, size_t n)
{
	uint8_t		 buf[8192];

	return hello_decode(&hello, buf, build(buf, sizeof(buf), "\x05", "x",
	    (const uint8_t *)caps, n, id, sizeof(id)));
}

START_TEST(odd_caps)
{
	static const struct {
		const char	*p;
		size_t		 n;
		int		 reason;
		uint32_t	 kept;
	} t[] = {
#define C(s, reason, kept)	{ s, sizeof(s) - 1, reason, kept }
		C("", 0, 0),
		C("\xc2" "a\x01", 0, 1),
		C("\xc2" "a\x01\xc2" "a\x01\xc2" "a\x02", 0, 2),
		C("\xca\x88" "abcdefgh\x01", 0, 1),
		C("\xcb\x89" "abcdefghi\x01", 0, 0),
		C("\xc2\x80\x01", 0, 0),
		C("\xc4\x82" "a/\x01", 0, 0),
		C("\xc4\x82" "a \x01", 0, 0),
		C("\xc4\x82" "\xc3\xa9\x01", 0, 0),
		C("\xc4\x82" "a\x00\x01", 0, 0),
		C("\xc4\x82" "\x00" "a\x01", 0, 0),
		C("\xc6" "a\x84\xff\xff\xff\xff", 0, 1),
		C("\xc7" "a\x85\x01\x00\x00\x00\x00", 0, 0),
		C("\xcb" "a\x89\x01\x00\x00\x00\x00\x00\x00\x00\x00", 0, 0),
		C("\xc3" "a\x01\x02", 0, 1),	/* an extra element */
		C("\xc2" "a\x00", REASON_HELLO_BAD, 0),
		C("\xc1" "a", REASON_HELLO_BAD, 0),
		C("\xc0", REASON_HELLO_BAD, 0),
		C("a", REASON_HELLO_BAD, 0),
		C("\x80", REASON_HELLO_BAD, 0),
		C("\xc3\xc1" "a\x01", REASON_HELLO_BAD, 0),
		C("\xc3" "a\xc1\x01", REASON_HELLO_BAD, 0),
		C("\xc3" "a\x82\x01", REASON_HELLO_BAD, 0),
	};
	size_t		 i;

	for (i = 0; i < N(t); i++) {
		ck_assert_msg(decode_with(t[i].p, t[i].n) == t[i].reason, "%zu", i);
		if (t[i].reason == 0)
			ck_assert_msg(hello.ncaps == t[i].kept, "%zu", i);
	}
}
END_TEST

START_TEST(many_caps)
{
	char		 caps[6000];
	uint32_t	 i, n = 0;

	for (i = 0; n + 5 <= 1900; i++) {
		caps[n++] = (char)0xc4;
		caps[n++] = (char)0x82;
		caps[n++] = (char)('A' + i / 26 % 26);
		caps[n++] = (char)('a' + i % 26);
		caps[n++] = 1;
	}
	ck_assert_int_eq(decode_with(caps, n), 0);
	ck_assert_uint_eq(hello.ncaps, CAPS_MAX);
	ck_assert_str_eq(hello.caps[63].name, "Cl");
	/* beyond the limit the form still counts */
	caps[n - 5] = (char)0x80;
	ck_assert_int_eq(decode_with(caps, n), REASON_HELLO_BAD);

	for (n = 0; n + 3 <= 1900; n += 3)
		memcpy(caps + n, "\xc2" "a\x01", 3);
	ck_assert_int_eq(decode_with(caps, n), 0);
	ck_assert_uint_eq(hello.ncaps, 1);
	for (; n + 3 <= sizeof(caps); n += 3)
		memcpy(caps + n, "\xc2" "a\x01", 3);
	ck_assert_int_eq(decode_with(caps, n), REASON_HELLO_BAD);
}
END_TEST

/* One of a name of three bytes. */
static size_t
put_cap(char *p, size_t n, const char *name, int version)
{
	p[n++] = (char)0xc5;
	p[n++] = (char)0x83;
	memcpy(p + n, name, 3);
	p[n + 3] = (char)version;
	return n + 4;
}

START_TEST(shared_behind_many)
{
	static const struct localcap	 local[] = {
		{ { "eth", 68 }, 17, 1 }, { { "eth", 69 }, 18, 1 },
		{ { "les", 4 }, 23, 2 }, { { "zzz", 1 }, 2, 3 },
	};
	struct sharedcap		 shared[4];
	struct hello			 ours;
	uint8_t				 buf[HELLO_MAX];
	char				 caps[1900], name[4] = "aaa";
	size_t				 n = 0, len;
	uint32_t			 i;

	memset(&ours, 0, sizeof(ours));
	for (i = 0; i < N(local); i++)
		ours.caps[ours.ncaps++] = local[i].cap;
	n = put_cap(caps, n, "eth", 68);
	for (i = 0; i < CAPS_MAX + 40; i++) {
		name[1] = (char)('a' + i / 26);
		name[2] = (char)('a' + i % 26);
		n = put_cap(caps, n, name, 1);
	}
	n = put_cap(caps, n, "eth", 69);
	n = put_cap(caps, n, "zzz", 1);
	n = put_cap(caps, n, "eth", 69);
	n = put_cap(caps, n, "zzz", 2);
	len = build(buf, sizeof(buf), "\x05", "x", (const uint8_t *)caps, n, id,
	    sizeof(id));
	ck_assert_int_eq(hello_decode_with(&hello, &ours, buf, len), 0);
	ck_assert_uint_eq(hello.ncaps, CAPS_MAX);
	ck_assert_uint_eq(caps_negotiate(shared, N(shared), local, N(local),
	    hello.caps, hello.ncaps), 2);
	ck_assert_uint_eq(shared[0].cap.version, 69);
	ck_assert_uint_eq(shared[0].offset, 0x10);
	ck_assert_str_eq(shared[1].cap.name, "zzz");
	ck_assert_uint_eq(shared[1].offset, 0x10 + 18);
	/* the others in their order */
	ck_assert_str_eq(hello.caps[0].name, "eth");
	for (i = 1; i + 2 < CAPS_MAX; i++)
		ck_assert_int_eq(hello.caps[i].name[2], 'a' + (int)(i - 1) % 26);
}
END_TEST

START_TEST(all_of_many_shared)
{
	struct hello	 ours;
	uint8_t		 buf[HELLO_MAX];
	char		 caps[1900], name[4] = "aaa";
	size_t		 n = 0, len;
	uint32_t	 i;

	memset(&ours, 0, sizeof(ours));
	ours.ncaps = CAPS_MAX;
	for (i = 0; i < 2 * CAPS_MAX; i++) {
		name[1] = (char)('a' + i / 26);
		name[2] = (char)('a' + i % 26);
		n = put_cap(caps, n, name, 1);
		if (i >= CAPS_MAX) {
			memcpy(ours.caps[i - CAPS_MAX].name, name, sizeof(name));
			ours.caps[i - CAPS_MAX].version = 1;
		}
	}
	len = build(buf, sizeof(buf), "\x05", "x", (const uint8_t *)caps, n, id,
	    sizeof(id));
	ck_assert_int_eq(hello_decode_with(&hello, &ours, buf, len), 0);
	ck_assert_uint_eq(hello.ncaps, CAPS_MAX);
	ck_assert_mem_eq(hello.caps, ours.caps, sizeof(ours.caps));
}
END_TEST

START_TEST(fields)
{
	uint8_t		 buf[HELLO_MAX], zero[SECP_PUB] = { 0 };
	char		 client[300];
	size_t		 n;

	/* the key */
	n = build(buf, sizeof(buf), "\x05", "x", NULL, 0, zero, 64);
	ck_assert_int_eq(hello_decode(&hello, buf, n), REASON_NULL_IDENTITY);
	n = build(buf, sizeof(buf), "\x05", "x", NULL, 0, id, 63);
	ck_assert_int_eq(hello_decode(&hello, buf, n), REASON_NULL_IDENTITY);
	n = build(buf, sizeof(buf), "\x05", "x", NULL, 0, id, 0);
	ck_assert_int_eq(hello_decode(&hello, buf, n), REASON_NULL_IDENTITY);
	/* the version */
	n = build(buf, sizeof(buf), "\xff\xff\xff\xff\xff\xff\xff\xff", "x",
	    NULL, 0, id, 64);
	ck_assert_int_eq(hello_decode(&hello, buf, n), 0);
	ck_assert(hello.version == UINT64_MAX);
	n = build(buf, sizeof(buf), "\x01\xff\xff\xff\xff\xff\xff\xff\xff", "x",
	    NULL, 0, id, 64);
	ck_assert_int_eq(hello_decode(&hello, buf, n), REASON_HELLO_BAD);
	/* the name: escaped and cut */
	n = build(buf, sizeof(buf), "\x05", "a\n\x1b[31m", NULL, 0, id, 64);
	ck_assert_int_eq(hello_decode(&hello, buf, n), 0);
	ck_assert_ptr_null(strpbrk(hello.client, "\n\x1b"));
	memset(client, 'c', sizeof(client));
	client[sizeof(client) - 1] = '\0';
	n = build(buf, sizeof(buf), "\x05", client, NULL, 0, id, 64);
	ck_assert_int_eq(hello_decode(&hello, buf, n), 0);
	ck_assert_uint_eq(strlen(hello.client), CLIENT_MAX - 1);
	/* bytes after the list */
	n = build(buf, sizeof(buf), "\x05", "x", NULL, 0, id, 64);
	memset(buf + n, 0xff, 10);
	ck_assert_int_eq(hello_decode(&hello, buf, n + 10), 0);
	/* other shapes */
	ck_assert_int_eq(hello_decode(&hello, NULL, 0), REASON_HELLO_BAD);
	ck_assert_int_eq(hello_decode(&hello, (const uint8_t *)"\xc0", 1),
	    REASON_HELLO_BAD);
	ck_assert_int_eq(hello_decode(&hello, (const uint8_t *)"\x83\x01\x02\x03",
	    4), REASON_HELLO_BAD);
}
END_TEST

START_TEST(any_port)
{
	static const struct {
		const char	*p;
		size_t		 n;
		uint16_t	 port;
	} t[] = {
		{ "\x80", 1, 0 }, { "\x82\xff\xff", 3, 65535 },
		{ "\x83\x01\x00\x00", 4, 0 }, { "\x00", 1, 0 },
		{ "\x89\x01\x00\x00\x00\x00\x00\x00\x00\x00", 10, 0 },
		{ "\xc1\x05", 2, 0 },
	};
	struct rlpw	 w;
	uint8_t		 buf[256];
	size_t		 i, len;

	for (i = 0; i < N(t); i++) {
		rlpw_init(&w, buf, sizeof(buf));
		rlpw_list(&w);
		rlpw_uint(&w, 5);
		rlpw_str(&w, "x");
		rlpw_list(&w);
		rlpw_end(&w);
		memcpy(w.buf + w.len, t[i].p, t[i].n);
		w.len += t[i].n;
		rlpw_bytes(&w, id, sizeof(id));
		rlpw_end(&w);
		ck_assert_int_eq(rlpw_finish(&w, &len), 0);
		ck_assert_int_eq(hello_decode(&hello, buf, len), 0);
		ck_assert_uint_eq(hello.port, t[i].port);
	}
}
END_TEST

START_TEST(encode_limits)
{
	struct hello	 h;
	uint8_t		 buf[4096];
	size_t		 len;
	uint32_t	 i;

	sample(&h);
	h.ncaps = CAPS_MAX;
	memset(h.caps, 0, sizeof(h.caps));
	for (i = 0; i < CAPS_MAX; i++) {
		snprintf(h.caps[i].name, sizeof(h.caps[i].name), "cap%u", i);
		h.caps[i].version = UINT32_MAX;
	}
	ck_assert_int_eq(hello_encode(buf, sizeof(buf), &len, &h), 0);
	ck_assert_uint_le(len, HELLO_MAX);
	ck_assert_int_eq(hello_decode(&hello, buf, len), 0);
	ck_assert_mem_eq(&hello, &h, sizeof(h));
	h.ncaps = CAPS_MAX + 1;
	ck_assert_int_eq(hello_encode(buf, sizeof(buf), &len, &h), -1);
}
END_TEST

static const struct {
	const char	*p;
	size_t		 n;
	int		 reason;	/* -1: none of the forms */
} discs[] = {
#define D(s, reason)	{ s, sizeof(s) - 1, reason }
	D("", 0), D("\xc0", 0), D("\xc1\x80", 0), D("\x80", 0),
	D("\xc1\x04", 4), D("\x04", 4), D("\xc1\x10", 0x10),
	/* zeros as some write them */
	D("\x00", 0), D("\xc1\x00", 0), D("\xc3\x82\x00\x04", 4),
	D("\xc2\x81\x80", 0x80), D("\x81\xfd", 0xfd),
	/* more in the list */
	D("\xc2\x04\x05", 4), D("\xc3\x04\xc1\x05", 4),
	/* no reason has these numbers */
	D("\x81\xfe", 0xfe), D("\x81\xff", 0xfe), D("\xc2\x81\xff", 0xfe),
	D("\xc3\x82\x01\x00", 0xfe), D("\xc3\x82\x01\x04", 0xfe),
	D("\xc9\x88\xff\xff\xff\xff\xff\xff\xff\xff", 0xfe),
	D("\xca\x89\x01\x00\x00\x00\x00\x00\x00\x00\x00", 0xfe),
	D("\x89\x01\x00\x00\x00\x00\x00\x00\x00\x04", 0xfe),
	D("\xcb\x8a\x01\x00\x00\x00\x00\x00\x00\x00\x00\x04", 0xfe),
	/* none of the forms */
	D("\xc1", -1), D("\xc2\x04", -1), D("\x81\x04", -1), D("\x04\x04", -1),
	D("\xc2\xc1\x04", -1), D("\xb8", -1), D("\xff\xff\xff\xff", -1),
	D("\x81", -1), D("\x88\xff", -1),
};

START_TEST(disconnects)
{
	uint8_t		 buf[4];
	char		 comp[256];
	unsigned int	 r;
	size_t		 i, len;
	int		 compressed;

	for (i = 0; i < N(discs); i++) {
		for (compressed = 0; compressed < 2; compressed++) {
			r = 0xdddd;
			ck_assert_msg(disconnect_decode(&r,
			    (const uint8_t *)discs[i].p, discs[i].n, compressed)
			    == (discs[i].reason == -1 ? -1 : 0), "%zu", i);
			ck_assert_msg(r == (discs[i].reason == -1 ? 0xdddd :
			    (unsigned int)discs[i].reason), "%zu: %u", i, r);
		}
		len = sizeof(comp);
		ck_assert_int_eq(snappy_compress(discs[i].p, discs[i].n, comp,
		    &len), SNAPPY_OK);
		r = 0xdddd;
		if (disconnect_decode(&r, (uint8_t *)comp, len, 1) == 0)
			ck_assert_msg((int)r == discs[i].reason, "%zu: %u", i, r);
		else
			ck_assert_msg(discs[i].reason == -1, "%zu", i);
	}
	/* bytes after the list: a compressed message could look like that */
	ck_assert_int_eq(disconnect_decode(&r, (const uint8_t *)"\xc1\x04\xff",
	    3, 0), 0);
	ck_assert_uint_eq(r, 4);
	ck_assert_int_eq(disconnect_decode(&r, (const uint8_t *)"\xc1\x04\xff",
	    3, 1), -1);
	for (i = 0; i < 256; i++) {
		len = disconnect_encode(buf, (unsigned int)i);
		ck_assert_uint_eq(len, i < 0x80 ? 2 : 3);
		ck_assert_int_eq(disconnect_decode(&r, buf, len, 0), 0);
		ck_assert_uint_eq(r, i == 0xff ? 0xfe : i);
	}
}
END_TEST

/* Very long integers and snappy that declares much. */
START_TEST(big_disconnects)
{
	uint8_t		 buf[HELLO_MAX];
	char		 comp[4096];
	struct rlpw	 w;
	unsigned int	 r;
	size_t		 len, clen = sizeof(comp);

	rlpw_init(&w, buf, sizeof(buf));
	rlpw_list(&w);
	memset(comp, 0x7e, 1000);
	rlpw_bytes(&w, comp, 1000);
	rlpw_end(&w);
	ck_assert_int_eq(rlpw_finish(&w, &len), 0);
	ck_assert_int_eq(disconnect_decode(&r, buf, len, 0), 0);
	ck_assert_uint_eq(r, 0xfe);
	ck_assert_int_eq(snappy_compress((char *)buf, len, comp, &clen), SNAPPY_OK);
	ck_assert_int_eq(disconnect_decode(&r, (uint8_t *)comp, clen, 1), 0);
	ck_assert_uint_eq(r, 0xfe);
	/* 4 GiB declared, 2,049 bytes declared, less than declared */
	ck_assert_int_eq(disconnect_decode(&r,
	    (const uint8_t *)"\xff\xff\xff\xff\x0f\x04\xc1\x04", 8, 1), -1);
	ck_assert_int_eq(disconnect_decode(&r,
	    (const uint8_t *)"\x81\x10\x04\xc1\x04", 5, 1), -1);
	ck_assert_int_eq(disconnect_decode(&r,
	    (const uint8_t *)"\x03\x04\xc1\x04", 4, 1), -1);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("base");
	TCase		*tc = tcase_create("base");
	SRunner		*sr;
	int		 failed;

	memset(id, 0xab, sizeof(id));
	tcase_add_test(tc, eip8);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, odd_caps);
	tcase_add_test(tc, many_caps);
	tcase_add_test(tc, shared_behind_many);
	tcase_add_test(tc, all_of_many_shared);
	tcase_add_test(tc, fields);
	tcase_add_test(tc, any_port);
	tcase_add_test(tc, encode_limits);
	tcase_add_test(tc, disconnects);
	tcase_add_test(tc, big_disconnects);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
