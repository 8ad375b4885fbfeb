/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/ipc/msg.h"

struct item {
	char		 name[9];
	uint32_t	 version;
};

struct all {
	uint8_t		 a;
	uint16_t	 b;
	uint32_t	 c;
	uint64_t	 d;
	uint8_t		 bytes[3];
	char		 str[5];
	uint32_t	 bloblen;
	uint8_t		 blob[4];
	struct addr	 addr;
	struct prefix	 prefix;
	struct item	 one;
	uint32_t	 n;
	struct item	 items[3];
};

static const struct msgfield item_fields[] = {
	MSG_STR(struct item, name),
	MSG_U32(struct item, version),
	MSG_END
};
static const struct msgdesc item_desc = {
	0, "item", sizeof(struct item), item_fields
};

static const struct msgfield all_fields[] = {
	MSG_U8(struct all, a),
	MSG_U16(struct all, b),
	MSG_U32(struct all, c),
	MSG_U64(struct all, d),
	MSG_BYTES(struct all, bytes),
	MSG_STR(struct all, str),
	MSG_BLOB(struct all, blob, bloblen),
	MSG_ADDR(struct all, addr),
	MSG_PREFIX(struct all, prefix),
	MSG_STRUCT(struct all, one, &item_desc),
	MSG_ARRAY(struct all, items, n, &item_desc),
	MSG_END
};
static const struct msgdesc all_desc = {
	7, "all", sizeof(struct all), all_fields
};

#define FIXED	(1 + 2 + 4 + 8 + 3)
#define MINLEN	(FIXED + 2 + 4 + 19 + 18 + (2 + 4) + 2)
#define MAXLEN	(FIXED + 6 + 8 + 19 + 18 + 14 + 2 + 3 * 14)

static void
fill(struct all *m)
{
	memset(m, 0, sizeof(*m));
	m->a = 1;
	m->b = 0x0203;
	m->c = 0x04050607;
	m->d = 0x08090a0b0c0d0e0f;
	memcpy(m->bytes, "\x10\x11\x12", 3);
	strcpy(m->str, "abcd");
	m->bloblen = 4;
	memcpy(m->blob, "\0\1\2\3", 4);
	ck_assert_int_eq(addr_parse(&m->addr, "192.0.2.1:30303"), 0);
	ck_assert_int_eq(prefix_parse(&m->prefix, "10.0.0.0/8"), 0);
	strcpy(m->one.name, "eth");
	m->one.version = 69;
	m->n = 2;
	strcpy(m->items[0].name, "snap");
	m->items[0].version = 1;
	strcpy(m->items[1].name, "12345678");
	m->items[1].version = 2;
}

START_TEST(round_trip)
{
	static const char	 want[] = "01" "0203" "04050607"
		    "08090a0b0c0d0e0f" "101112" "0004" "61626364"
		    "00000004" "00010203"
		    "04" "765f" "c0000201000000000000000000000000"
		    "04" "08" "0a000000000000000000000000000000"
		    "0003" "657468" "00000045"
		    "0002" "0004" "736e6170" "00000001"
		    "0008" "3132333435363738" "00000002";
	struct all		 in, out;
	struct ibuf		*b = ibuf_dynamic(0, 4096), r;
	uint8_t			 raw[256];
	char			 hex[513];

	fill(&in);
	ck_assert_int_eq(msg_encode(&all_desc, &in, b), 0);
	ck_assert_str_eq(hex_encode(hex, ibuf_data(b), ibuf_size(b)), want);
	ibuf_from_ibuf(&r, b);
	memset(&out, 0xff, sizeof(out));
	ck_assert_int_eq(msg_decode(&all_desc, &r, &out), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	/* Rubbish behind an address stays here. */
	in.addr.ip[10] = 9;
	ibuf_truncate(b, 0);
	ck_assert_int_eq(msg_encode(&all_desc, &in, b), 0);
	ck_assert_int_eq(hex_decode(raw, ibuf_size(b), want), 0);
	ck_assert_mem_eq(raw, ibuf_data(b), ibuf_size(b));
	ibuf_free(b);
}
END_TEST

START_TEST(bounds)
{
	struct all	 m;
	struct ibuf	*b = ibuf_dynamic(0, 4096);

	ck_assert_uint_eq(msg_minlen(&all_desc), MINLEN);
	ck_assert_uint_eq(msg_maxlen(&all_desc), MAXLEN);
	memset(&m, 0, sizeof(m));
	ck_assert_int_eq(msg_encode(&all_desc, &m, b), 0);
	ck_assert_uint_eq(ibuf_size(b), MINLEN);
	ck_assert_int_eq(msg_decode(&all_desc, b, &m), 0);
	ibuf_truncate(b, 0);
	fill(&m);
	strcpy(m.one.name, "12345678");
	m.items[2] = m.items[0] = m.items[1];
	m.n = 3;
	ck_assert_int_eq(msg_encode(&all_desc, &m, b), 0);
	ck_assert_uint_eq(ibuf_size(b), MAXLEN);
	ibuf_free(b);
}
END_TEST

START_TEST(bad_bodies)
{
	struct all	 m;
	struct ibuf	*b = ibuf_dynamic(0, 4096);
	int		 i;

	for (i = 0; i < 7; i++) {
		fill(&m);
		switch (i) {
		case 0: memset(m.str, 'x', sizeof(m.str)); break;
		case 1: m.bloblen = 5; break;
		case 2: m.n = 4; break;
		case 3: m.addr.af = 5; break;
		case 4: m.prefix.len = 33; break;
		case 5: m.prefix.ip[1] = 1; break;
		case 6:
			m.addr.af = 6;
			memset(m.addr.ip, 0, 16);
			m.addr.ip[10] = m.addr.ip[11] = 0xff;
			break;
		}
		errno = 0;
		ck_assert_msg(msg_encode(&all_desc, &m, b) == -1, "%d", i);
		ck_assert_int_eq(errno, ERANGE);
	}
	ibuf_free(b);
}
END_TEST

static int
try_decode(const uint8_t *p, size_t n)
{
	static const struct all	 zero;
	struct all		 m;
	struct ibuf		 r;
	uint8_t			*copy = malloc(n + 1);
	int			 ret;

	/* A copy of its own size, so that a checker sees any step beyond. */
	memcpy(copy, p, n);
	copy = realloc(copy, n == 0 ? 1 : n);
	ibuf_from_buffer(&r, copy, n);
	memset(&m, 0xff, sizeof(m));
	ret = msg_decode(&all_desc, &r, &m);
	if (ret == -1) {
		ck_assert_int_eq(errno, EBADMSG);
		ck_assert_mem_eq(&m, &zero, sizeof(m));
	}
	free(copy);
	return ret;
}

START_TEST(truncations)
{
	struct all	 m;
	struct ibuf	*b = ibuf_dynamic(0, 4096);
	size_t		 n, len;

	fill(&m);
	ck_assert_int_eq(msg_encode(&all_desc, &m, b), 0);
	len = ibuf_size(b);
	for (n = 0; n < len; n++)
		ck_assert_int_eq(try_decode(ibuf_data(b), n), -1);
	ck_assert_int_eq(try_decode(ibuf_data(b), len), 0);
	ibuf_add_zero(b, 1);
	ck_assert_int_eq(try_decode(ibuf_data(b), len + 1), -1);
	ibuf_free(b);
}
END_TEST

START_TEST(rubbish)
{
	/* Offsets into the encoding above, what to write there. */
	static const struct {
		size_t		 off;
		uint8_t		 v;
	} t[] = {
		{ FIXED + 1, 5 },	/* STR: one too long for its field */
		{ FIXED, 1 },		/* ... and far too long */
		{ FIXED + 3, 0 },	/* ... with a NUL in it */
		{ FIXED + 6, 1 },	/* BLOB: 2^24 and more */
		{ FIXED + 9, 5 },	/* ... one over */
		{ FIXED + 14, 5 },	/* ADDR: family */
		{ FIXED + 14, 0 },	/* ... none, and yet an address */
		{ FIXED + 22, 1 },	/* ... a byte beyond IPv4 */
		{ FIXED + 33, 7 },	/* PREFIX: family */
		{ FIXED + 34, 33 },	/* ... bits */
		{ FIXED + 36, 1 },	/* ... set beyond its length */
		{ FIXED + 61, 4 },	/* ARRAY: one over */
		{ FIXED + 60, 0xff },	/* ... and far over */
	};
	struct all	 m;
	struct ibuf	*b = ibuf_dynamic(0, 4096);
	uint8_t		*p, old;
	size_t		 i;

	fill(&m);
	ck_assert_int_eq(msg_encode(&all_desc, &m, b), 0);
	p = ibuf_data(b);
	for (i = 0; i < nitems_of(t); i++) {
		old = p[t[i].off];
		p[t[i].off] = t[i].v;
		ck_assert_msg(try_decode(p, ibuf_size(b)) == -1, "%zu", i);
		p[t[i].off] = old;
		ck_assert_int_eq(try_decode(p, ibuf_size(b)), 0);
	}
	ibuf_free(b);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("ipc/msg");
	TCase	*tc = tcase_create("msg");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, bounds);
	tcase_add_test(tc, bad_bodies);
	tcase_add_test(tc, truncations);
	tcase_add_test(tc, rubbish);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
