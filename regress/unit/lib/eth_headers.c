/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/keccak.h"
#include "lib/examples/eth-headers/chain.h"

#define HEADERS	64
#define HEADER_SIZE	400

/* Two chains that part after header FORK: the honest one and the liar's. */
#define FORK	20
static struct {
	uint8_t	 raw[HEADER_SIZE];
	size_t	 len;
	uint8_t	 hash[ETH_HASH];
} world[2][HEADERS + 1];

static const uint8_t	*genesis = world[0][0].hash;
static uint8_t		 answer[HEADERS * HEADER_SIZE];
static struct chain	 c;

static void
make_header(int fork, uint64_t n, const uint8_t parent[ETH_HASH])
{
	static const uint8_t	 zero[256];
	struct rlpw		 w;
	int			 i;

	rlpw_init(&w, world[fork][n].raw, HEADER_SIZE);
	rlpw_list(&w);
	rlpw_bytes(&w, parent, ETH_HASH);
	for (i = 1; i < 6; i++)
		rlpw_bytes(&w, zero, 1 + (size_t)i);
	rlpw_bytes(&w, zero, sizeof(zero));	/* bloom */
	rlpw_bytes(&w, (const uint8_t[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 9);
	rlpw_uint(&w, n);
	rlpw_uint(&w, (uint64_t)fork);
	rlpw_end(&w);
	ck_assert_int_eq(rlpw_finish(&w, &world[fork][n].len), 0);
	keccak256(world[fork][n].hash, world[fork][n].raw, world[fork][n].len);
}

static void
setup(void)
{
	uint64_t	 n;

	make_header(0, 0, (const uint8_t[ETH_HASH]){ 0 });
	world[1][0] = world[0][0];
	for (n = 1; n <= HEADERS; n++) {
		make_header(0, n, world[0][n - 1].hash);
		if (n <= FORK)
			world[1][n] = world[0][n];
		else
			make_header(1, n, world[1][n - 1].hash);
	}
	chain_init(&c, genesis, 8);
	c.target = HEADERS;
}

static void
teardown(void)
{
	chain_free(&c);
}

static int
put(struct piece *p, uint32_t from, int fork, uint64_t count)
{
	struct rlp	 headers;
	size_t		 len = 0;
	uint64_t	 n;

	for (n = 0; n < count; n++) {
		memcpy(answer + len, world[fork][p->first + n].raw,
		    world[fork][p->first + n].len);
		len += world[fork][p->first + n].len;
	}
	rlp_init(&headers, answer, len);
	return chain_put(&c, p, from, &headers);
}

static struct piece *
want(uint32_t peer)
{
	return chain_want(&c, peer, HEADERS, 3);
}

static void
whole(void)
{
	ck_assert_uint_eq(c.height, HEADERS);
	ck_assert_mem_eq(c.tip, world[0][HEADERS].hash, ETH_HASH);
	ck_assert_ptr_null(TAILQ_FIRST(&c.pieces));
	ck_assert_ptr_null(want(1));
}

START_TEST(test_any_order)
{
	struct piece	*p[8];
	int		 i;

	for (i = 0; i < 8; i++)
		ck_assert_ptr_nonnull(p[i] = want(1 + (uint32_t)i % 3));
	ck_assert_ptr_null(want(1));
	for (i = 7; i >= 0; i--) {
		ck_assert_uint_eq(c.height, 0);
		ck_assert_int_eq(put(p[i], 1 + (uint32_t)i % 3, 0, 8), 8);
		ck_assert_uint_eq(chain_lay(&c), 0);
	}
	whole();
}
END_TEST

START_TEST(test_short_and_missing_answers)
{
	struct piece	*p;

	ck_assert_ptr_nonnull(p = want(1));
	ck_assert_int_eq(put(p, 1, 0, 3), 3);
	ck_assert_ptr_nonnull(p = want(1));
	ck_assert_uint_eq(p->first, 4);
	ck_assert_uint_eq(p->count, 5);
	ck_assert_int_eq(put(p, 1, 0, 0), 0);
	/* for a peer that has as much */
	ck_assert_ptr_null(chain_want(&c, 1, 3, 3));
	while ((p = want(2)) != NULL)
		ck_assert_int_gt(put(p, 2, 0, p->count), 0);
	ck_assert_uint_eq(chain_lay(&c), 0);
	whole();
}
END_TEST

START_TEST(test_peers_vanish)
{
	struct piece	*p, *lost;

	lost = want(1);
	p = want(1);
	chain_give_up(&c, p);		/* the last: planned anew */
	chain_give_up(&c, lost);
	while ((p = want(2)) != NULL)
		ck_assert_int_eq(put(p, 2, 0, p->count), (int)p->count);
	ck_assert_uint_eq(chain_lay(&c), 0);
	whole();
}
END_TEST

START_TEST(test_what_was_not_asked_for)
{
	struct piece	*p;
	struct rlp	 headers;
	uint8_t		 rubbish[] = { 0xc3, 0x01, 0x02, 0x03 };

	p = want(1);
	ck_assert_int_eq(put(p, 1, 0, 9), -1);		/* too many */
	p = want(1);
	p->first++;					/* other numbers */
	ck_assert_int_eq(put(p, 1, 0, 1), 1);
	teardown();
	chain_init(&c, genesis, 8);
	c.target = HEADERS;
	p = want(1);
	rlp_init(&headers, rubbish, sizeof(rubbish));
	ck_assert_int_eq(chain_put(&c, p, 1, &headers), -1);
	/* a broken link within */
	world[0][3] = world[0][4];
	p = want(1);
	ck_assert_int_eq(put(p, 1, 0, 8), -1);
	ck_assert_uint_eq(c.height, 0);
}
END_TEST

/* Everybody's pieces until the end; the liar's are of the other chain. */
static uint32_t
fetch_with(uint32_t liar, uint32_t peers, int *accused)
{
	struct piece	*p;
	uint32_t	 i, who, last = 0;
	int		 turns;

	*accused = 0;
	for (turns = 0; c.height < HEADERS && turns < 200; turns++) {
		for (i = 1; i <= peers; i++) {
			if (i == last || (p = want(i)) == NULL)
				continue;
			put(p, i, i == liar, p->count);
			while ((who = chain_lay(&c)) != 0) {
				last = who;
				(*accused)++;
			}
		}
	}
	return last;
}

START_TEST(test_liar)
{
	int	 accused;

	/* the liar's place in the turn decides what it gets to lie about */
	ck_assert_uint_eq(fetch_with((uint32_t)_i, 4, &accused), (uint32_t)_i);
	ck_assert_int_eq(accused, 1);
	whole();
}
END_TEST

/* Its headers are laid before anybody objects. */
static void
first(uint32_t liar)
{
	struct piece	*p;

	do {
		p = want(liar);
		put(p, liar, 1, p->count);
		ck_assert_uint_eq(chain_lay(&c), 0);
	} while (c.height < 32);
}

START_TEST(test_liar_was_first)
{
	int	 accused;

	first(9);
	ck_assert_uint_eq(fetch_with(0, 3, &accused), 9);
	ck_assert_int_ge(accused, 1);
	whole();
}
END_TEST

/* It is no judge of what it laid. */
START_TEST(test_liar_was_first_and_stays)
{
	struct piece	*p, *next;
	int		 accused;

	first(1);
	p = want(2);
	put(p, 2, 0, p->count);
	ck_assert_uint_eq(chain_lay(&c), 0);
	next = want(1);
	ck_assert_ptr_ne(next, p);
	chain_give_up(&c, next);
	ck_assert_uint_eq(fetch_with(1, 3, &accused), 1);
	ck_assert_int_ge(accused, 1);
	whole();
}
END_TEST

/* Of two the word of one against the other's is all there is. */
START_TEST(test_two_come_to_an_end)
{
	struct piece	*p;
	int		 turns;

	first(1);
	for (turns = 0; c.height < HEADERS && turns < 200; turns++)
		if ((p = chain_want(&c, 2, HEADERS, 1 + (turns & 1))) != NULL) {
			put(p, 2, 0, p->count);
			while (chain_lay(&c) != 0)
				;
		}
	whole();
}
END_TEST

START_TEST(test_not_on_the_genesis)
{
	struct piece	*p;

	c.tip[0] ^= 1;
	p = want(1);
	ck_assert_int_eq(put(p, 1, 0, 8), 8);
	ck_assert_uint_eq(chain_lay(&c), 1);
	ck_assert_uint_eq(c.height, 0);
}
END_TEST

START_TEST(test_status)
{
	struct eth_status	 st, back;
	uint8_t			 buf[256];
	size_t			 len, i;

	memset(&st, 0, sizeof(st));
	st.version = eth_versions[_i].version;
	st.network = 20220915;
	memset(st.genesis, 0xab, sizeof(st.genesis));
	memcpy(st.fork, "\x11\xa9\xf8\xb4", 4);
	st.fork_next = 1 << 20;
	ck_assert_uint_ne(len = eth_status_encode(buf, sizeof(buf), &st), 0);
	ck_assert_int_eq(eth_status_decode(&back, buf, len), 0);
	ck_assert_mem_eq(back.latest_hash, st.genesis, ETH_HASH);
	memcpy(st.latest_hash, st.genesis, ETH_HASH);
	ck_assert_uint_eq(back.version, st.version);
	ck_assert_uint_eq(back.network, st.network);
	ck_assert_uint_eq(back.fork_next, st.fork_next);
	ck_assert_mem_eq(back.genesis, st.genesis, ETH_HASH);
	ck_assert_mem_eq(back.fork, st.fork, sizeof(st.fork));
	for (i = 0; i < len; i++) {
		ck_assert_int_eq(eth_status_decode(&back, buf, i), -1);
		ck_assert_uint_eq(eth_status_encode(buf, i, &st), 0);
	}
}
END_TEST

START_TEST(test_answers)
{
	static const struct {
		uint32_t	 version, code;
		const char	*answer;
		size_t		 len;
	} cases[] = {
		{ 69, ETH_GET_HEADERS, "\xc2\x07\xc0", 3 },
		{ 69, ETH_GET_RECEIPTS, "\xc2\x07\xc0", 3 },
		{ 70, ETH_GET_RECEIPTS, "\xc3\x07\x80\xc0", 4 },
		{ 72, ETH_GET_CELLS, "\xd4\x07\xc0\xc0\x90\0\0\0\0\0\0\0\0\0\0\0\0"
		    "\0\0\0\0", 21 },
		{ 69, 0x02, "", 0 }
	};
	uint8_t			 buf[64];
	uint32_t		 reply = 0;
	size_t			 i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = eth_answer(buf, sizeof(buf), cases[i].version, cases[i].code,
		    &reply, (const uint8_t *)"\xc2\x07\xc0", 3);
		ck_assert_uint_eq(n, cases[i].len);
		ck_assert_mem_eq(buf, cases[i].answer, n);
		if (n > 0)
			ck_assert_uint_eq(reply, cases[i].code + 1);
	}
	ck_assert_uint_eq(eth_answer(buf, sizeof(buf), 69, ETH_GET_HEADERS, &reply,
	    (const uint8_t *)"\xc2\x07", 2), 0);
}
END_TEST

START_TEST(test_questions)
{
	struct eth_header	 h;
	struct rlp		 headers;
	uint64_t		 n;
	uint8_t			 buf[64];

	ck_assert_uint_eq(eth_get_headers(buf, sizeof(buf), 7, 1, 1024), 9);
	ck_assert_mem_eq(buf, "\xc8\x07\xc6\x01\x82\x04\x00\x80\x80", 9);
	ck_assert_uint_eq(eth_get_header(buf, sizeof(buf), 7, genesis), 39);
	ck_assert_mem_eq(buf, "\xe6\x07\xe4\xa0", 4);
	ck_assert_int_eq(eth_headers_decode(&n, &headers,
	    (const uint8_t *)"\xc2\x07\xc0", 3), 0);
	ck_assert_uint_eq(n, 7);
	ck_assert_int_eq(eth_header_next(&h, &headers), -1);
	ck_assert_int_eq(eth_range_decode(&n, (const uint8_t *)"\xc3\x80\x05\x80", 4), 0);
	ck_assert_uint_eq(n, 5);
	ck_assert_int_eq(eth_range_decode(&n, (const uint8_t *)"\xc3\x06\x05\x80", 4), -1);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("eth-headers");
	TCase	*tc = tcase_create("chain");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_any_order);
	tcase_add_test(tc, test_short_and_missing_answers);
	tcase_add_test(tc, test_peers_vanish);
	tcase_add_test(tc, test_what_was_not_asked_for);
	tcase_add_loop_test(tc, test_liar, 1, 5);
	tcase_add_test(tc, test_liar_was_first);
	tcase_add_test(tc, test_liar_was_first_and_stays);
	tcase_add_test(tc, test_two_come_to_an_end);
	tcase_add_test(tc, test_not_on_the_genesis);
	tcase_add_loop_test(tc, test_status, 0, ETH_NVERSIONS);
	tcase_add_test(tc, test_answers);
	tcase_add_test(tc, test_questions);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
