/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/caps.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* The table of go-ethereum's TestMatchProtocols, its empty names as "p". */
static const struct {
	struct cap	 remote[4];
	uint32_t	 nremote;
	struct localcap	 local[4];
	uint32_t	 nlocal;
	struct sharedcap match[4];
	uint32_t	 nmatch;
} match_tests[] = {
	{ .local = { { { "a", 0 }, 1, 0 } }, .nlocal = 1 },
	{ .remote = { { "a", 0 } }, .nremote = 1 },
	{ .remote = { { "a", 0 } }, .nremote = 1,
	    .local = { { { "b", 0 }, 1, 0 } }, .nlocal = 1 },
	{ .remote = { { "local", 0 }, { "match1", 0 }, { "match2", 0 } },
	    .nremote = 3,
	    .local = { { { "match1", 0 }, 0, 0 }, { { "match2", 0 }, 0, 0 },
		{ { "remote", 0 }, 0, 0 } },
	    .nlocal = 3,
	    .match = { { { "match1", 0 }, 0, 16, 0 }, { { "match2", 0 }, 0, 16, 0 } },
	    .nmatch = 2 },
	{ .remote = { { "aa", 0 }, { "ab", 0 }, { "bb", 0 }, { "ba", 0 } },
	    .nremote = 4,
	    .local = { { { "ba", 0 }, 3, 1 }, { { "bb", 0 }, 4, 2 },
		{ { "ab", 0 }, 5, 3 }, { { "aa", 0 }, 6, 4 } },
	    .nlocal = 4,
	    .match = { { { "aa", 0 }, 6, 16, 4 }, { { "ab", 0 }, 5, 22, 3 },
		{ { "ba", 0 }, 3, 27, 1 }, { { "bb", 0 }, 4, 30, 2 } },
	    .nmatch = 4 },
	{ .remote = { { "p", 1 } }, .nremote = 1,
	    .local = { { { "p", 2 }, 1, 0 } }, .nlocal = 1 },
	{ .remote = { { "p", 1 }, { "p", 2 } }, .nremote = 2,
	    .local = { { { "p", 2 }, 1, 0 }, { { "p", 3 }, 1, 0 } }, .nlocal = 2,
	    .match = { { { "p", 2 }, 1, 16, 0 } }, .nmatch = 1 },
	{ .remote = { { "p", 1 }, { "p", 2 }, { "p", 3 }, { "p", 4 } },
	    .nremote = 4,
	    .local = { { { "p", 2 }, 1, 0 }, { { "p", 3 }, 1, 0 } }, .nlocal = 2,
	    .match = { { { "p", 3 }, 1, 16, 0 } }, .nmatch = 1 },
	{ .remote = { { "p", 4 }, { "p", 1 }, { "p", 3 }, { "p", 2 } },
	    .nremote = 4,
	    .local = { { { "p", 2 }, 1, 0 }, { { "p", 3 }, 1, 0 },
		{ { "p", 1 }, 1, 0 } },
	    .nlocal = 3,
	    .match = { { { "p", 3 }, 1, 16, 0 } }, .nmatch = 1 },
	{ .remote = { { "p", 1 }, { "p", 2 }, { "p", 3 }, { "q", 0 } },
	    .nremote = 4,
	    .local = { { { "p", 1 }, 1, 0 }, { { "p", 2 }, 2, 0 },
		{ { "p", 3 }, 3, 0 }, { { "q", 0 }, 1, 0 } },
	    .nlocal = 4,
	    .match = { { { "p", 3 }, 3, 16, 0 }, { { "q", 0 }, 1, 19, 0 } },
	    .nmatch = 2 },
};

static void
assert_shared(const struct sharedcap *a, const struct sharedcap *b)
{
	ck_assert_str_eq(a->cap.name, b->cap.name);
	ck_assert_uint_eq(a->cap.version, b->cap.version);
	ck_assert_uint_eq(a->codes, b->codes);
	ck_assert_uint_eq(a->offset, b->offset);
	ck_assert_uint_eq(a->owner, b->owner);
}

START_TEST(match_protocols)
{
	struct sharedcap out[4];
	size_t		 i;
	uint32_t	 j, n;

	for (i = 0; i < N(match_tests); i++) {
		n = caps_negotiate(out, N(out), match_tests[i].local,
		    match_tests[i].nlocal, match_tests[i].remote,
		    match_tests[i].nremote);
		ck_assert_uint_eq(n, match_tests[i].nmatch);
		for (j = 0; j < n; j++)
			assert_shared(&out[j], &match_tests[i].match[j]);
	}
}
END_TEST

static int
cap_cmp(const void *a, const void *b)
{
	const struct cap *x = a, *y = b;
	int		 c = strcmp(x->name, y->name);

	if (c != 0)
		return c;
	return x->version < y->version ? -1 : x->version > y->version;
}

/*
 * The rule as the network's other implementation states it: walk the remote
 * list in order, the first local that is equal wins, a later version of the
 * same name takes back the room of the earlier.
 */
static uint32_t
model(struct sharedcap *out, const struct localcap *ours, uint32_t nours,
    const struct cap *theirs, uint32_t ntheirs)
{
	struct cap	 sorted[64];
	uint32_t	 i, j, n = 0, offset = 16;

	memcpy(sorted, theirs, ntheirs * sizeof(*theirs));
	qsort(sorted, ntheirs, sizeof(*sorted), cap_cmp);
	for (i = 0; i < ntheirs; i++) {
		for (j = 0; j < nours; j++)
			if (cap_cmp(&ours[j].cap, &sorted[i]) == 0)
				break;
		if (j == nours)
			continue;
		if (n > 0 && strcmp(out[n - 1].cap.name, sorted[i].name) == 0)
			offset -= out[--n].codes;
		out[n].cap = ours[j].cap;
		out[n].codes = ours[j].codes;
		out[n].owner = ours[j].owner;
		out[n++].offset = offset;
		offset += ours[j].codes;
	}
	return n;
}

static struct cap
any_cap(void)
{
	static const char *const names[] = { "eth", "snap", "les", "a", "b",
	    "ETH", "eth2", "z", "aaaaaaaa", "~" };
	struct cap	 c;

	memset(&c, 0, sizeof(c));
	strcpy(c.name, names[(size_t)rand() % N(names)]);
	c.version = (uint32_t)rand() % 5;
	return c;
}

START_TEST(against_model)
{
	struct localcap	 ours[24];
	struct cap	 theirs[64];
	struct sharedcap want[24], got[24], few[2];
	uint32_t	 round, i, nours, ntheirs, n, max;

	srand(1);
	for (round = 0; round < 5000; round++) {
		nours = (uint32_t)rand() % (N(ours) + 1);
		ntheirs = (uint32_t)rand() % (N(theirs) + 1);
		for (i = 0; i < nours; i++) {
			ours[i].cap = any_cap();
			ours[i].codes = 1 + (uint32_t)rand() % 30;
			ours[i].owner = i;
		}
		for (i = 0; i < ntheirs; i++)
			theirs[i] = any_cap();
		n = model(want, ours, nours, theirs, ntheirs);
		ck_assert_uint_eq(caps_negotiate(got, N(got), ours, nours,
		    theirs, ntheirs), n);
		for (i = 0; i < n; i++)
			assert_shared(&got[i], &want[i]);
		for (max = 0; max <= 2; max++) {
			ck_assert_uint_eq(caps_negotiate(few, max, ours, nours,
			    theirs, ntheirs), n < max ? n : max);
			for (i = 0; i < max && i < n; i++)
				assert_shared(&few[i], &want[i]);
		}
	}
}
END_TEST

START_TEST(find)
{
	static const struct sharedcap v[] = {
		{ { "a", 1 }, 3, 16, 0 }, { { "b", 1 }, 1, 19, 0 },
		{ { "c", 1 }, 65536, 20, 0 },
	};

	ck_assert_ptr_null(caps_find(v, 3, 0));
	ck_assert_ptr_null(caps_find(v, 3, 15));
	ck_assert_ptr_eq(caps_find(v, 3, 16), &v[0]);
	ck_assert_ptr_eq(caps_find(v, 3, 18), &v[0]);
	ck_assert_ptr_eq(caps_find(v, 3, 19), &v[1]);
	ck_assert_ptr_eq(caps_find(v, 3, 20), &v[2]);
	ck_assert_ptr_eq(caps_find(v, 3, 65555), &v[2]);
	ck_assert_ptr_null(caps_find(v, 3, 65556));
	ck_assert_ptr_null(caps_find(v, 3, 0x100000010ULL));
	ck_assert_ptr_null(caps_find(v, 3, UINT64_MAX));
	ck_assert_ptr_null(caps_find(v, 0, 16));
}
END_TEST

START_TEST(names)
{
	static const char *const good[] = { "a", "eth", "aaaaaaaa", "!~", "p2p-x" };
	static const char *const bad[] = { "", "aaaaaaaaa", "a b", " ", "a/1",
	    "a,b", "\x7f", "\x1f", "\xc3\xa9", "a\n", "/" };
	size_t		 i;

	for (i = 0; i < N(good); i++)
		ck_assert(cap_name_valid(good[i]));
	for (i = 0; i < N(bad); i++)
		ck_assert(!cap_name_valid(bad[i]));
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("caps");
	TCase		*tc = tcase_create("caps");
	SRunner		*sr;
	int		 failed;

	tcase_add_test(tc, match_protocols);
	tcase_add_test(tc, against_model);
	tcase_add_test(tc, find);
	tcase_add_test(tc, names);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
