/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <string.h>

#include "p2pd/parent/history.h"

static struct history	h;

static void
add(uint8_t flags, uint8_t ended, uint16_t reason, uint32_t count, uint64_t ms)
{
	struct attempt	 at;

	memset(&at, 0, sizeof(at));
	at.flags = flags;
	at.ended = ended;
	at.reason = reason;
	at.count = count;
	at.ms = ms;
	history_add(&h, &at);
}

START_TEST(counters)
{
	memset(&h, 0, sizeof(h));
	add(PF_INBOUND, 0, REASON_NONE, 1, 0);
	add(PF_INBOUND, 0, REASON_TOO_MANY_PEERS, 7, 0);
	add(PF_INBOUND | PF_TRUSTED, 0, REASON_TOO_MANY_PEERS, 1, 0);
	add(0, 0, REASON_CONNECT_FAILED, 2, 0);
	add(PF_STATIC, 0, REASON_NONE, 1, 0);
	add(PF_INBOUND, 1, REASON_REMOTE, 1, 0);
	add(0, 1, REASON_REMOTE, 1, 0);
	ck_assert_uint_eq(h.in[REASON_NONE], 1);
	ck_assert_uint_eq(h.in[REASON_TOO_MANY_PEERS], 8);
	ck_assert_uint_eq(h.out[REASON_CONNECT_FAILED], 2);
	ck_assert_uint_eq(h.out[REASON_NONE], 1);
	ck_assert_uint_eq(h.ended[REASON_REMOTE], 2);
	ck_assert_uint_eq(h.in[REASON_REMOTE] + h.out[REASON_REMOTE], 0);
}
END_TEST

/* A reason that this version does not know is remembered, not counted. */
START_TEST(unknown_reasons)
{
	static const uint64_t	 zero[REASON_MAX];

	memset(&h, 0, sizeof(h));
	add(PF_INBOUND, 0, REASON_MAX, 1, 0);
	add(0, 1, UINT16_MAX, UINT32_MAX, 0);
	ck_assert_uint_eq(h.n, 2);
	ck_assert_uint_eq(history_count(&h, history_get(&h, 0)), 0);
	ck_assert_uint_eq(history_count(&h, history_get(&h, 1)), 0);
	ck_assert_uint_eq(history_get(&h, 0)->reason, UINT16_MAX);
	ck_assert_mem_eq(h.in, zero, sizeof(zero));
	ck_assert_mem_eq(h.out, zero, sizeof(zero));
	ck_assert_mem_eq(h.ended, zero, sizeof(zero));
}
END_TEST

START_TEST(newest_first)
{
	uint32_t	 i, n;

	memset(&h, 0, sizeof(h));
	ck_assert_ptr_null(history_get(&h, 0));
	for (n = 1; n <= 2 * HISTORY_LEN + 3; n++) {
		add(0, 0, REASON_NONE, 1, n);
		ck_assert_uint_eq(h.n, n < HISTORY_LEN ? n : HISTORY_LEN);
		ck_assert_uint_eq(history_get(&h, 0)->ms, n);
		ck_assert_uint_eq(history_get(&h, h.n - 1)->ms, n - h.n + 1);
		ck_assert_ptr_null(history_get(&h, h.n));
	}
	for (i = 0; i < HISTORY_LEN; i++)
		ck_assert_uint_eq(history_get(&h, i)->ms, n - 1 - i);
	ck_assert_ptr_null(history_get(&h, HISTORY_LEN));
	ck_assert_ptr_null(history_get(&h, UINT32_MAX));
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/history");
	TCase	*tc = tcase_create("history");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, counters);
	tcase_add_test(tc, unknown_reasons);
	tcase_add_test(tc, newest_first);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
