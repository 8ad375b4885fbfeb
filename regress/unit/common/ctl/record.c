/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ctl/record.h"

static struct rec rec;

static void
write_sample(struct rec *r)
{
	rec_init(r);
	rec_u64(r, "up", 1234567890123ULL);
	rec_i64(r, "drift", -2);
	rec_bool(r, "static", 7);
	rec_str(r, "client", "Geth/v1.17 \"\xc3\xa9\"");
	rec_str(r, "ban", NULL);
	rec_strf(r, "addr", "%s:%d", "192.0.2.1", 30303);
	rec_hex(r, "id", "\x00\xff\x10", 3);
	rec_list(r, "caps");
	rec_str(r, NULL, "eth/69");
	rec_map(r, NULL);
	rec_null(r, "none");
	rec_end(r);
	rec_end(r);
	rec_str(r, "", "");
}

/* The bytes on the socket: what an older p2pctl was built to read. */
START_TEST(golden)
{
	static const char want[] =
	    "\x01\x02up\x00\x00\x01\x1f\x71\xfb\x04\xcb"
	    "\x02\x01" "d\xff\xff\xff\xff\xff\xff\xff\xfe"
	    "\x03\x01" "b\x01" "\x04\x01s\x00\x02hi" "\x05\x01h\x00\x01\xab"
	    "\x06\x01m" "\x07\x01l" "\x04\x00\x00\x01x" "\x00\x00" "\x08\x01n";

	rec_init(&rec);
	rec_u64(&rec, "up", 1234567890123ULL);
	rec_i64(&rec, "d", -2);
	rec_bool(&rec, "b", 1);
	rec_str(&rec, "s", "hi");
	rec_hex(&rec, "h", "\xab", 1);
	rec_map(&rec, "m");
	rec_list(&rec, "l");
	rec_str(&rec, NULL, "x");
	rec_end(&rec);
	rec_end(&rec);
	rec_null(&rec, "n");
	ck_assert_int_eq(rec_finish(&rec), 0);
	ck_assert_uint_eq(rec.len, sizeof(want) - 1);
	ck_assert_mem_eq(rec.buf, want, rec.len);
}
END_TEST

START_TEST(round_trip)
{
	static const struct {
		enum rec_type	 type;
		const char	*key;
		uint64_t	 u64;
		const char	*data;
		size_t		 len;
	} want[] = {
		{ REC_U64, "up", 1234567890123ULL, NULL, 0 },
		{ REC_I64, "drift", (uint64_t)-2, NULL, 0 },
		{ REC_BOOL, "static", 1, NULL, 0 },
		{ REC_STR, "client", 0, "Geth/v1.17 \"\xc3\xa9\"", 15 },
		{ REC_NULL, "ban", 0, NULL, 0 },
		{ REC_STR, "addr", 0, "192.0.2.1:30303", 15 },
		{ REC_HEX, "id", 0, "\x00\xff\x10", 3 },
		{ REC_LIST, "caps", 0, NULL, 0 },
		{ REC_STR, "", 0, "eth/69", 6 },
		{ REC_MAP, "", 0, NULL, 0 },
		{ REC_NULL, "none", 0, NULL, 0 },
		{ REC_END, "", 0, NULL, 0 },
		{ REC_END, "", 0, NULL, 0 },
		{ REC_STR, "", 0, "", 0 },
	};
	struct rec_reader rd;
	struct rec_item	 it;
	size_t		 i;

	write_sample(&rec);
	ck_assert_int_eq(rec_finish(&rec), 0);
	rec_read(&rd, rec.buf, rec.len);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		ck_assert_int_eq(rec_next(&rd, &it), 1);
		ck_assert_int_eq(it.type, want[i].type);
		ck_assert_str_eq(it.key, want[i].key);
		ck_assert(it.u64 == want[i].u64);
		ck_assert_uint_eq(it.len, want[i].len);
		if (want[i].len > 0)
			ck_assert_mem_eq(it.data, want[i].data, it.len);
	}
	ck_assert_int_eq(rec_next(&rd, &it), 0);
	ck_assert_int_eq(rec_next(&rd, &it), 0);
}
END_TEST

static int
drain(const uint8_t *p, size_t n)
{
	struct rec_reader rd;
	struct rec_item	 it;
	int		 r;

	rec_read(&rd, p, n);
	while ((r = rec_next(&rd, &it)) == 1)
		continue;
	return r;
}

/* A cut is malformed, but between the items of the top. */
START_TEST(truncations)
{
	uint8_t		*cut;
	size_t		 i, whole = 0;

	write_sample(&rec);
	for (i = 0; i <= rec.len; i++) {
		cut = malloc(i == 0 ? 1 : i);
		ck_assert_ptr_nonnull(cut);
		memcpy(cut, rec.buf, i);
		if (drain(cut, i) == 0)
			whole++;
		free(cut);
	}
	ck_assert_uint_eq(whole, 10);
}
END_TEST

START_TEST(malformed)
{
	static const struct {
		const char	*p;
		size_t		 n;
	} bad[] = {
		{ "\x00", 1 },				/* end of nothing */
		{ "\x06\x00", 2 }, { "\x06\x00\x00\x00", 4 },
		{ "\x09\x00", 2 }, { "\xff\x00", 2 },	/* no such type */
		{ "\x08\x01", 2 }, { "\x08\x02" "a", 3 },
		{ "\x08\x02" "a\x00", 4 },		/* NUL in a key */
		{ "\x03\x00\x02", 3 },			/* neither true nor false */
		{ "\x04\x00\xff\xff", 4 }, { "\x05\x00\x00\x02" "a", 5 },
	};
	uint8_t		 key[2 + 255], deep[2 * 9 + 9];
	size_t		 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(drain((const uint8_t *)bad[i].p, bad[i].n), -1);
	memset(key, 'k', sizeof(key));
	key[0] = REC_NULL;
	key[1] = 63;
	ck_assert_int_eq(drain(key, 2 + 63), 0);
	key[1] = 64;
	ck_assert_int_eq(drain(key, 2 + 64), -1);
	key[1] = 255;
	ck_assert_int_eq(drain(key, 2 + 255), -1);

	for (i = 8; i <= 9; i++) {
		size_t	 j;

		memset(deep, 0, sizeof(deep));
		for (j = 0; j < i; j++)
			deep[2 * j] = j % 2 ? REC_LIST : REC_MAP;
		ck_assert_int_eq(drain(deep, 3 * i), i == 8 ? 0 : -1);
	}
}
END_TEST

START_TEST(writer_limits)
{
	static char	 big[RECORD_MAX + 1];
	char		 key[65];
	unsigned int	 i;

	rec_init(&rec);
	for (i = 0; i < RECORD_DEPTH; i++)
		rec_map(&rec, "m");
	ck_assert_int_eq(rec_finish(&rec), -1);
	for (i = 0; i < RECORD_DEPTH; i++)
		rec_end(&rec);
	ck_assert_int_eq(rec_finish(&rec), 0);
	rec_end(&rec);
	ck_assert_int_eq(rec_finish(&rec), -1);
	rec_init(&rec);
	for (i = 0; i <= RECORD_DEPTH; i++)
		rec_list(&rec, "m");
	for (i = 0; i < RECORD_DEPTH; i++)
		rec_end(&rec);
	ck_assert_int_eq(rec_finish(&rec), -1);

	memset(key, 'k', sizeof(key));
	key[64] = '\0';
	rec_init(&rec);
	rec_null(&rec, key);
	ck_assert_int_eq(rec_finish(&rec), -1);

	memset(big, 'x', sizeof(big) - 1);
	big[RECORD_MAX - 4] = '\0';
	rec_init(&rec);
	rec_str(&rec, NULL, big);
	ck_assert_int_eq(rec_finish(&rec), 0);
	ck_assert_uint_eq(rec.len, RECORD_MAX);
	ck_assert_int_eq(drain(rec.buf, rec.len), 0);
	rec_null(&rec, NULL);
	ck_assert_int_eq(rec_finish(&rec), -1);
	big[RECORD_MAX - 4] = 'x';
	rec_init(&rec);
	rec_str(&rec, NULL, big);
	ck_assert_int_eq(rec_finish(&rec), -1);
	rec_init(&rec);
	rec_strf(&rec, NULL, "%s", big);
	ck_assert_int_eq(rec_finish(&rec), -1);
	rec_init(&rec);
	rec_hex(&rec, "h", big, 65536);
	ck_assert_int_eq(rec_finish(&rec), -1);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("record");
	TCase		*tc = tcase_create("record");
	SRunner		*sr;
	int		 failed;

	tcase_add_test(tc, golden);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, truncations);
	tcase_add_test(tc, malformed);
	tcase_add_test(tc, writer_limits);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
