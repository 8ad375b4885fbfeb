/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "regress/unit/lib/fake.h"

/* One message to many peers, over several sessions. */
#define PEERS	10

static struct fake	 f;
static struct p2papp	*app;
static uint32_t		 cap;
static const uint32_t	 capids[] = { 7, 9, 11 };
static struct app_multisend m;

/* Peers 100 to 109: even ones in session 0, odd ones in 1. */
static void
setup(void)
{
	uint16_t	 i;

	fake_start(&f, 2);
	app = fake_app(&f, capids, &cap);
	for (i = 0; i < PEERS; i++) {
		fake_peer_up(&f, i % 2, 100U + i, capids[i % 2]);
		expect(app, P2PAPP_PEER_UP);
	}
	ck_assert_uint_eq(p2papp_npeers(app, cap), PEERS);
}

static void
teardown(void)
{
	p2papp_close(app);
	app = NULL;
	fake_stop(&f);
}

static void
take(uint16_t session)
{
	fake_read(&f, session, AF_MULTISEND);
	ck_assert_int_eq(app_multisend_decode(&m, f.body, f.head.len), 0);
	ck_assert_uint_eq(m.capid, capids[session]);
}

static int
multisend(enum p2papp_select select, uint32_t k, const uint32_t *peers,
    size_t n, unsigned int flags, uint32_t *request)
{
	struct p2papp_many	 what = { cap, 3, 0, select, k, peers, n };

	return p2papp_multisend(app, &what, "abc", 3, flags, request);
}

START_TEST(list)
{
	static const uint32_t		 peers[] = { 101, 100, 103, 101, 999, 102 };
	const struct p2papp_event	*ev;
	uint32_t			 request, part;

	ck_assert_int_eq(multisend(P2PAPP_LIST, 0, peers, 6,
	    P2PAPP_COMPLETE | P2PAPP_PRIORITY, &request), 0);
	take(0);
	ck_assert_uint_eq(f.head.flags, AFL_COMPLETE | AFL_PRIORITY);
	ck_assert_uint_eq(m.select, APL_LIST);
	ck_assert_uint_eq(m.count, 2);
	ck_assert_uint_eq(app_get32(m.handles) + app_get32(m.handles + 4), 202);
	ck_assert_uint_eq(m.code, 3);
	ck_assert_uint_eq(m.paylen, 3);
	ck_assert_mem_eq(m.payload, "abc", 3);
	part = f.head.request;
	take(1);
	ck_assert_uint_eq(m.count, 2);
	ck_assert_uint_eq(p2papp_outstanding(app), 2);
	fake_sent_many(&f, 1, f.head.request, 1, 1, 0);
	expect_none(app);
	fake_sent_many(&f, 0, part, 2, 0, 0);
	ev = expect(app, P2PAPP_SENT_MANY);
	ck_assert_uint_eq(ev->request, request);
	ck_assert_uint_eq(ev->cap, cap);
	ck_assert_uint_eq(ev->written, 3);
	ck_assert_uint_eq(ev->dropped, 1);
	ck_assert_uint_eq(ev->gone, 1);
	ck_assert_uint_eq(p2papp_outstanding(app), 0);
	/* none that is there: an answer all the same */
	ck_assert_int_eq(multisend(P2PAPP_LIST, 0, peers + 4, 1,
	    P2PAPP_COMPLETE, NULL), 0);
	ck_assert_uint_eq(expect(app, P2PAPP_SENT_MANY)->gone, 1);
	ck_assert_int_eq(multisend(P2PAPP_LIST, 0, NULL, 0, 0, NULL), 0);
	expect_none(app);
}
END_TEST

START_TEST(all_and_but)
{
	static const uint32_t	 peers[] = { 101, 104, 999 };

	ck_assert_int_eq(multisend(P2PAPP_ALL, 0, NULL, 0, 0, NULL), 0);
	take(0);
	ck_assert_uint_eq(f.head.flags, 0);
	ck_assert_uint_eq(m.select, APL_ALL);
	ck_assert_uint_eq(m.count, 0);
	take(1);
	ck_assert_int_eq(multisend(P2PAPP_BUT, 0, peers, 3, 0, NULL), 0);
	take(0);
	ck_assert_uint_eq(m.select, APL_BUT);
	ck_assert_uint_eq(m.count, 1);
	ck_assert_uint_eq(app_get32(m.handles), 104);
	take(1);
	ck_assert_uint_eq(m.count, 1);
	ck_assert_uint_eq(app_get32(m.handles), 101);
	/* all to leave out are of one session */
	ck_assert_int_eq(multisend(P2PAPP_BUT, 0, peers, 1, 0, NULL), 0);
	take(0);
	ck_assert_uint_eq(m.count, 0);
	take(1);
	ck_assert_uint_eq(m.count, 1);
}
END_TEST

static uint32_t
drawn(uint16_t session, int *hits)
{
	uint32_t	 i;

	take(session);
	ck_assert_uint_eq(m.select, APL_LIST);
	for (i = 0; i < m.count; i++)
		hits[app_get32(m.handles + 4 * i) - 100]++;
	return m.count;
}

/* Each as likely as any other, whichever its session; none twice. */
START_TEST(random_k)
{
	static const uint32_t	 but[] = { 100 };
	int			 hits[PEERS] = { 0 }, round, i, in0;
	uint8_t			 b;

	for (round = 0; round < 300; round++) {
		ck_assert_int_eq(multisend(P2PAPP_RANDOM, 3, but, 1, 0, NULL), 0);
		for (i = 0, in0 = 0; i < PEERS; i++)
			in0 += hits[i];
		/* which sessions have any is seen by what is there to read */
		i = in0;
		if (recv(f.fd[0], &b, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
			i += (int)drawn(0, hits);
		if (i < in0 + 3)
			i += (int)drawn(1, hits);
		ck_assert_int_eq(i, in0 + 3);
	}
	ck_assert_int_eq(hits[0], 0);
	/* 100 each are expected, with a deviation of 8 */
	for (i = 1; i < PEERS; i++) {
		ck_assert_int_gt(hits[i], 40);
		ck_assert_int_lt(hits[i], 160);
	}
	memset(hits, 0, sizeof(hits));
	ck_assert_int_eq(multisend(P2PAPP_RANDOM, 50, NULL, 0, 0, NULL), 0);
	ck_assert_uint_eq(drawn(0, hits) + drawn(1, hits), PEERS);
	ck_assert_int_eq(multisend(P2PAPP_RANDOM, 0, NULL, 0, P2PAPP_COMPLETE,
	    NULL), 0);
	ck_assert_uint_eq(expect(app, P2PAPP_SENT_MANY)->written, 0);
}
END_TEST

/* A session that dies takes its part; the other's is told. */
START_TEST(part_gone)
{
	const struct p2papp_event	*ev;
	uint32_t			 request;

	ck_assert_int_eq(multisend(P2PAPP_ALL, 0, NULL, 0, P2PAPP_COMPLETE,
	    &request), 0);
	take(0);
	fake_sent_many(&f, 0, f.head.request, 5, 0, 0);
	fake_close(&f, 1);
	ev = expect(app, P2PAPP_SENT_MANY);
	ck_assert_uint_eq(ev->request, request);
	ck_assert_uint_eq(ev->written, 5);
	ck_assert_uint_eq(ev->gone, 5);
	expect(app, P2PAPP_PEER_DOWN);
	/* one that is left is all; those that fade are not found */
	ck_assert_int_eq(multisend(P2PAPP_LIST, 0, (const uint32_t[]){ 103 }, 1,
	    P2PAPP_COMPLETE, NULL), 0);
	while ((ev = NULL, p2papp_next(app, &ev)) == 1 &&
	    ev->type == P2PAPP_PEER_DOWN)
		continue;
	ck_assert_ptr_nonnull(ev);
	ck_assert_int_eq(ev->type, P2PAPP_SESSION_DOWN);
	ck_assert_uint_eq(expect(app, P2PAPP_SENT_MANY)->gone, 1);
	ck_assert_uint_eq(p2papp_npeers(app, cap), 5);
}
END_TEST

START_TEST(refused)
{
	static const struct p2papp_version	 v = { 1, 1 };
	struct p2papp_many			 what = { cap, 8, 0, P2PAPP_ALL,
	    0, NULL, 0 };
	const struct p2papp_event		*ev;
	uint32_t				 request, tap;

	ck_assert_int_eq(p2papp_multisend(app, &what, "", 0, 0, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	what.code = 4;
	what.version = 1;
	ck_assert_int_eq(p2papp_multisend(app, &what, "", 0, 0, NULL), -1);
	what.version = 2;
	what.select = (enum p2papp_select)9;
	ck_assert_int_eq(p2papp_multisend(app, &what, "", 0, 0, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	what.select = P2PAPP_ALL;
	ck_assert_int_eq(p2papp_multisend(app, &what, "", 1 << 24, 0, NULL), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	what.cap = 12345;
	ck_assert_int_eq(p2papp_multisend(app, &what, "", 0, 0, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(p2papp_tap(app, "zzz", &v, 1, NULL, &tap), 0);
	what.cap = tap;
	ck_assert_int_eq(p2papp_multisend(app, &what, "", 0, 0, NULL), -1);
	ck_assert_int_eq(errno, EACCES);
	fake_attached(&f, 0, 20);
	fake_attached(&f, 1, 21);
	expect(app, P2PAPP_ATTACHED);
	expect(app, P2PAPP_SNAPSHOT_END);
	/* an error of the daemon's ends the whole, once */
	ck_assert_int_eq(multisend(P2PAPP_ALL, 0, NULL, 0, P2PAPP_COMPLETE,
	    &request), 0);
	take(0);
	fake_error(&f, 0, f.head.request, APE_TOOBIG, "big");
	take(1);
	fake_error(&f, 1, f.head.request, APE_TOOBIG, "big");
	ev = expect(app, P2PAPP_ERROR);
	ck_assert_uint_eq(ev->request, request);
	ck_assert_uint_eq(ev->error, P2PAPP_E_TOOBIG);
	expect_none(app);
	ck_assert_uint_eq(p2papp_outstanding(app), 0);
}
END_TEST

/* Where one session's queue is full none is sent anything. */
START_TEST(all_or_none)
{
	static uint8_t	 data[200000];
	struct p2papp_many what = { cap, 0, 0, P2PAPP_LIST, 0, NULL, 0 };
	uint32_t	 odd[] = { 101, 103 };
	int		 n = 0;

	p2papp_set_queue(app, 500000);
	what.peers = odd;
	what.npeers = 2;
	while (p2papp_multisend(app, &what, data, sizeof(data), 0, NULL) == 0)
		n++;
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_gt(n, 2);
	ck_assert_int_lt(n, 100);
	what.select = P2PAPP_ALL;
	what.npeers = 0;
	ck_assert_int_eq(p2papp_multisend(app, &what, data, sizeof(data),
	    P2PAPP_COMPLETE, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_eq(p2papp_outstanding(app), 0);
	while (n-- > 0) {
		fake_read(&f, 1, AF_MULTISEND);
		p2papp_flush(app);
	}
	ck_assert_int_eq(p2papp_multisend(app, &what, data, 10, 0, NULL), 0);
	take(0);
	ck_assert_uint_eq(m.paylen, 10);
	take(1);
	ck_assert_uint_eq(m.paylen, 10);
}
END_TEST

/* However often a queue goes round while it is full, the stream stays whole. */
START_TEST(queue_goes_round)
{
	static uint8_t	 data[60000];
	uint32_t	 sent = 0, got = 0, i;
	size_t		 n;

	p2papp_set_queue(app, 300000);
	while (got < 600) {
		n = 1 + sent * 7919 % sizeof(data);
		memset(data, (int)(sent & 0xff), n);
		if (sent < 600 && p2papp_send(app, 100, cap, sent % 8, data, n,
		    P2PAPP_MORE, NULL) == 0) {
			sent++;
			continue;
		}
		ck_assert(sent == 600 || errno == EAGAIN);
		fake_read(&f, 0, AF_SEND);
		n = 1 + got * 7919 % sizeof(data);
		ck_assert_uint_eq(f.head.len, APP_MSG_HEAD + n);
		ck_assert_uint_eq(app_get32(f.body + 4), got % 8);
		for (i = 0; i < n; i += 997)
			ck_assert_uint_eq(f.body[APP_MSG_HEAD + i], got & 0xff);
		ck_assert_uint_eq(f.body[APP_MSG_HEAD + n - 1], got & 0xff);
		got++;
		p2papp_flush(app);
	}
	ck_assert_uint_eq(p2papp_pending(app), 0);
}
END_TEST

/* Lists are cut at what a frame takes; too long an exception becomes a list. */
START_TEST(long_lists)
{
	static uint32_t	 peers[APP_LIST_MAX + 8];
	uint32_t	 i, n = 0;

	p2papp_close(app);
	fake_stop(&f);
	fake_start(&f, 1);
	app = fake_app(&f, capids, &cap);
	for (i = 0; i < nitems_of(peers); i++) {
		peers[i] = 1 + i;
		fake_peer_up(&f, 0, peers[i], 7);
		expect(app, P2PAPP_PEER_UP);
	}
	ck_assert_int_eq(multisend(P2PAPP_LIST, 0, peers, nitems_of(peers),
	    0, NULL), 0);
	take(0);
	ck_assert_uint_eq(m.count, APP_LIST_MAX);
	take(0);
	ck_assert_uint_eq(m.count, 8);
	ck_assert_int_eq(multisend(P2PAPP_BUT, 0, peers, APP_LIST_MAX + 3,
	    0, NULL), 0);
	take(0);
	ck_assert_uint_eq(m.select, APL_LIST);
	ck_assert_uint_eq(m.count, 5);
	for (i = 0; i < m.count; i++)
		n += app_get32(m.handles + 4 * i);
	ck_assert_uint_eq(n, 5 * (APP_LIST_MAX + 6));
	/* one session: it draws by itself, as far as the list is short */
	ck_assert_int_eq(multisend(P2PAPP_RANDOM, 9, peers, 2, 0, NULL), 0);
	take(0);
	ck_assert_uint_eq(m.select, APL_RANDOM);
	ck_assert_uint_eq(m.k, 9);
	ck_assert_uint_eq(m.count, 2);
}
END_TEST

/* What is outstanding is nobody's loss when we close. */
/* Outcomes that are known at once wait for the caller, not without end. */
START_TEST(outcomes_wait)
{
	static const uint32_t	 nobody[] = { 999 };
	unsigned int		 sent = 0, told = 0;

	while (sent < 65536 && multisend(P2PAPP_LIST, 0, nobody, 1,
	    P2PAPP_COMPLETE, NULL) == 0)
		sent++;
	ck_assert_uint_gt(sent, 60000);
	ck_assert_uint_lt(sent, 65536);
	ck_assert_int_eq(errno, EAGAIN);
	for (; told < sent; told++)
		ck_assert_uint_eq(expect(app, P2PAPP_SENT_MANY)->gone, 1);
	expect_none(app);
	ck_assert_int_eq(multisend(P2PAPP_LIST, 0, nobody, 1, P2PAPP_COMPLETE,
	    NULL), 0);
}
END_TEST

START_TEST(closes)
{
	ck_assert_int_eq(multisend(P2PAPP_ALL, 0, NULL, 0, P2PAPP_COMPLETE,
	    NULL), 0);
	ck_assert_int_eq(multisend(P2PAPP_LIST, 0, NULL, 0, P2PAPP_COMPLETE,
	    NULL), 0);
	ck_assert_uint_eq(p2papp_outstanding(app), 2);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("many");
	TCase		*tc = tcase_create("many");
	SRunner		*sr;
	int		 failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, list);
	tcase_add_test(tc, all_and_but);
	tcase_add_test(tc, random_k);
	tcase_add_test(tc, part_gone);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, all_or_none);
	tcase_add_test(tc, queue_goes_round);
	tcase_add_test(tc, long_lists);
	tcase_add_test(tc, outcomes_wait);
	tcase_add_test(tc, closes);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
