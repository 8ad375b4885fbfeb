/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/messages.h"

enum amount { LEAST, ANY, MOST };

#define ROUNDS	20

static uint64_t	seed;

/* The same bodies in every run. */
static uint32_t
rnd(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 32);
}

static void
rnd_bytes(uint8_t *p, size_t n)
{
	while (n-- > 0)
		*p++ = (uint8_t)rnd();
}

static uint32_t
pick(uint32_t max, enum amount how)
{
	return how == MOST ? max : how == LEAST ? 0 : rnd() % (max + 1);
}

static void
fill_addr(uint8_t *p, enum amount how)
{
	static const uint8_t	 afs[] = { 0, 4, 6 };
	struct addr		 a;

	memset(&a, 0, sizeof(a));
	a.af = afs[pick(2, how)];
	if (how != LEAST)
		a.port = (uint16_t)rnd();
	rnd_bytes(a.ip, a.af == 0 ? 0 : a.af == 4 ? 4 : 16);
	memcpy(p, &a, sizeof(a));
}

static void
fill_prefix(uint8_t *p, enum amount how)
{
	struct prefix	 pf;
	struct addr	 a;

	memset(&pf, 0, sizeof(pf));
	fill_addr((uint8_t *)&a, how);
	if (a.af != 0)
		prefix_of(&pf, &a, rnd() % (a.af == 4 ? 33 : 129));
	memcpy(p, &pf, sizeof(pf));
}

static void	 fill(const struct msgdesc *, uint8_t *, enum amount);

static void
fill_field(const struct msgfield *f, uint8_t *body, enum amount how)
{
	static const size_t	 widths[] = { [MF_U8] = 1, [MF_U16] = 2,
	    [MF_U32] = 4, [MF_U64] = 8 };
	uint8_t			*p = body + f->off;
	uint32_t		 i, n;

	switch (f->kind) {
	case MF_BYTES:
		rnd_bytes(p, f->max);
		break;
	case MF_STR:
		n = pick(f->max - 1, how);
		for (i = 0; i < n; i++)
			p[i] = (uint8_t)(1 + rnd() % 255);
		break;
	case MF_BLOB:
		n = pick(f->max, how);
		rnd_bytes(p, n);
		memcpy(body + f->lenoff, &n, sizeof(n));
		break;
	case MF_ADDR:
		fill_addr(p, how);
		break;
	case MF_PREFIX:
		fill_prefix(p, how);
		break;
	case MF_STRUCT:
		fill(f->sub, p, how);
		break;
	case MF_ARRAY:
		n = pick(f->max, how);
		for (i = 0; i < n; i++)
			fill(f->sub, p + i * f->sub->size, how);
		memcpy(body + f->lenoff, &n, sizeof(n));
		break;
	default:
		rnd_bytes(p, widths[f->kind]);
	}
}

static void
fill(const struct msgdesc *d, uint8_t *body, enum amount how)
{
	const struct msgfield	*f;

	memset(body, 0, d->size);
	for (f = d->fields; f->kind != MF_END; f++)
		fill_field(f, body, how);
}

static struct ibuf *
encoded(const struct msgdesc *d, const void *body)
{
	struct ibuf	*b = ibuf_dynamic(0, 1 << 20);

	ck_assert_ptr_nonnull(b);
	ck_assert_msg(msg_encode(d, body, b) == 0, "%s", d->name);
	return b;
}

static int
decoded(const struct msgdesc *d, uint8_t *data, size_t len, void *body)
{
	struct ibuf	 r;

	ibuf_from_buffer(&r, data, len);
	return msg_decode(d, &r, body);
}

static void
check_round_trip(const struct msgdesc *d, enum amount how)
{
	uint8_t		*in = malloc(d->size), *out = malloc(d->size);
	struct ibuf	*b;

	fill(d, in, how);
	b = encoded(d, in);
	ck_assert_uint_ge(ibuf_size(b), msg_minlen(d));
	ck_assert_uint_le(ibuf_size(b), msg_maxlen(d));
	if (how == LEAST)
		ck_assert_uint_eq(ibuf_size(b), msg_minlen(d));
	if (how == MOST)
		ck_assert_uint_eq(ibuf_size(b), msg_maxlen(d));
	memset(out, 0xa5, d->size);
	ck_assert_msg(decoded(d, ibuf_data(b), ibuf_size(b), out) == 0, "%s",
	    d->name);
	ck_assert_msg(memcmp(in, out, d->size) == 0, "%s", d->name);
	ibuf_free(b);
	free(in);
	free(out);
}

START_TEST(round_trip)
{
	const struct msgdesc	*d = msg_all[_i];
	int			 i;

	check_round_trip(d, LEAST);
	check_round_trip(d, MOST);
	for (i = 0; i < ROUNDS; i++)
		check_round_trip(d, ANY);
}
END_TEST

static void
check_refused(const struct msgdesc *d, const uint8_t *data, size_t len,
    uint8_t *body)
{
	uint8_t	*copy = malloc(len + 1);	/* of its own, for sanitizers */

	memcpy(copy, data, len);
	memset(body, 0xa5, d->size);
	errno = 0;
	ck_assert_msg(decoded(d, copy, len, body) == -1, "%s, %zu bytes",
	    d->name, len);
	ck_assert_int_eq(errno, EBADMSG);
	ck_assert_int_eq(body[0], 0);
	ck_assert(memcmp(body, body + 1, d->size - 1) == 0);
	free(copy);
}

START_TEST(truncations)
{
	const struct msgdesc	*d = msg_all[_i];
	uint8_t			*body = malloc(d->size), *data;
	struct ibuf		*b;
	size_t			 len, n;

	fill(d, body, ANY);
	b = encoded(d, body);
	ck_assert_int_eq(ibuf_add_n8(b, 0), 0);
	data = ibuf_data(b);
	n = ibuf_size(b) - 1;
	/* All of the small ones, and of the large ones both ends. */
	for (len = 0; len < n; len++)
		if (len < 1024 || len + 256 > n || len % 61 == 0)
			check_refused(d, data, len, body);
	check_refused(d, data, n + 1, body);
	ibuf_free(b);
	free(body);
}
END_TEST

/* Bytes and alignment of a field in its struct. */
static size_t
field_size(const struct msgfield *f, size_t *align)
{
	switch (f->kind) {
	case MF_U16:
		return *align = 2;
	case MF_U32:
		return *align = 4;
	case MF_U64:
		return *align = 8;
	case MF_BYTES:
	case MF_STR:
	case MF_BLOB:
		*align = 1;
		return f->max;
	case MF_ADDR:
		*align = alignof(struct addr);
		return sizeof(struct addr);
	case MF_PREFIX:
		*align = alignof(struct prefix);
		return sizeof(struct prefix);
	case MF_STRUCT:
	case MF_ARRAY:
		*align = alignof(uint32_t);
		return f->max * f->sub->size;
	default:
		return *align = 1;
	}
}

/*
 * A member that the table forgets, or has too small, would survive a round
 * trip by the table: so what it does not cover must be padding by its size.
 */
static void
check_covered(const struct msgdesc *d)
{
	uint8_t			*map = calloc(1, d->size);
	const struct msgfield	*f;
	size_t			 i, gap, align, most = 1;

	for (f = d->fields; f->kind != MF_END; f++) {
		i = field_size(f, &align);
		ck_assert_uint_le(f->off + i, d->size);
		memset(map + f->off, (int)align, i);
		if (f->kind == MF_BLOB || f->kind == MF_ARRAY)
			memset(map + f->lenoff, 4, 4);
		if (align > most)
			most = align;
		if (f->sub != NULL)
			check_covered(f->sub);
	}
	for (i = gap = 0; i < d->size; i++) {
		if (map[i] == 0) {
			gap++;
			continue;
		}
		ck_assert_msg(gap < map[i], "%s: %zu bytes before %zu",
		    d->name, gap, i);
		gap = 0;
	}
	ck_assert_msg(gap < 8, "%s: %zu bytes at the end", d->name, gap);
	free(map);
}

START_TEST(covers_its_struct)
{
	check_covered(msg_all[_i]);
}
END_TEST

static unsigned int
listed(uint32_t type)
{
	unsigned int	 i, n = 0;

	for (i = 0; msg_all[i] != NULL; i++)
		n += msg_all[i]->type == type;
	return n;
}

START_TEST(all_are_listed)
{
	uint32_t	 t;
	unsigned int	 n = 0;

	for (t = M_INIT; t <= M_QUERY; t++, n++)
		ck_assert_msg(listed(t) == 1, "type %u", t);
	for (t = CTL_HELLO; t <= CTL_LOOKUP; t++, n++)
		ck_assert_msg(listed(t) == 1, "type %u", t);
	ck_assert_ptr_null(msg_all[n]);
}
END_TEST

START_TEST(bounds)
{
	const struct msgdesc	*d = msg_all[_i];

	ck_assert_ptr_nonnull(d->name);
	ck_assert_uint_gt(msg_minlen(d), 0);
	ck_assert_uint_le(msg_minlen(d), msg_maxlen(d));
	/* What every channel takes in and sends. */
	ck_assert_uint_le(msg_maxlen(d), 64 * 1024);
}
END_TEST

START_TEST(rubbish)
{
	const struct msgdesc	*d = msg_all[_i];
	uint8_t			*body = malloc(d->size), *data;
	size_t			 max = msg_maxlen(d) + 8, n;
	int			 i;

	data = malloc(max);
	for (i = 0; i < 2000; i++) {
		n = rnd() % 4 != 0 ? rnd() % (max > 256 ? 256 : max) :
		    rnd() % max;
		rnd_bytes(data, n);
		/* Small lengths come true now and then. */
		if (n > 0 && rnd() % 2)
			memset(data, 0, rnd() % n);
		if (decoded(d, data, n, body) == 0)
			ibuf_free(encoded(d, body));
	}
	free(data);
	free(body);
}
END_TEST

START_TEST(over_the_limit)
{
	static struct m_check2	 c;
	static struct m_event	 e;
	static struct m_log	 l;
	struct ibuf		*b = ibuf_dynamic(0, 1 << 20);

	c.ncaps = CAPS_MAX + 1;
	ck_assert_int_eq(msg_encode(&m_check2_desc, &c, b), -1);
	ck_assert_int_eq(errno, ERANGE);
	e.len = sizeof(e.rec) + 1;
	ck_assert_int_eq(msg_encode(&m_event_desc, &e, b), -1);
	ck_assert_int_eq(errno, ERANGE);
	memset(l.line, 'x', sizeof(l.line));
	ck_assert_int_eq(msg_encode(&m_log_desc, &l, b), -1);
	ck_assert_int_eq(errno, ERANGE);
	ibuf_free(b);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(proc_name(PROC_PARENT), "parent");
	ck_assert_str_eq(proc_name(PROC_RESOLVER), "resolver");
	ck_assert_str_eq(proc_name(PROC_KINDS), "unknown");
	ck_assert_str_eq(proc_name((enum proc_kind)-1), "unknown");
	ck_assert_str_eq(stage_name(0), "none");
	ck_assert_str_eq(stage_name(ST_ACCEPT), "accept");
	ck_assert_str_eq(stage_name(ST_AUTH), "auth");
	ck_assert_str_eq(stage_name(ST_CHECK2), "add-peer");
	ck_assert_str_eq(stage_name(ST_CHECK2 + 1), "unknown");
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("p2pd/messages");
	TCase		*tc = tcase_create("messages");
	SRunner		*sr;
	unsigned int	 n = 0;
	int		 failed;

	while (msg_all[n] != NULL)
		n++;
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, all_are_listed);
	tcase_add_loop_test(tc, bounds, 0, n);
	tcase_add_loop_test(tc, covers_its_struct, 0, n);
	tcase_add_loop_test(tc, round_trip, 0, n);
	tcase_add_loop_test(tc, truncations, 0, n);
	tcase_add_loop_test(tc, rubbish, 0, n);
	tcase_add_test(tc, over_the_limit);
	tcase_add_test(tc, names);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
