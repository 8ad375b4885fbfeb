/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/messages.h"
#include "p2pd/parent/peers.h"

#define MANY	500

static struct peer *
peer_new(uint32_t no, uint32_t handle, uint8_t flags)
{
	struct peer	*p = calloc(1, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	memcpy(p->id + 5, &no, sizeof(no));
	p->handle = handle;
	p->flags = flags;
	return p;
}

START_TEST(both_ways)
{
	struct peers	 ps;
	struct peer	*a = peer_new(1, 10, PF_INBOUND);
	struct peer	*b = peer_new(2, 5, PF_STATIC);
	struct peer	*p;

	peers_init(&ps);
	ck_assert_ptr_null(peers_byid(&ps, a->id));
	ck_assert_ptr_null(peers_byhandle(&ps, 10));
	ck_assert_int_eq(peers_insert(&ps, a), 0);
	ck_assert_int_eq(peers_insert(&ps, b), 0);
	ck_assert_uint_eq(ps.n, 2);
	ck_assert_uint_eq(ps.inbound, 1);
	ck_assert_ptr_eq(peers_byid(&ps, a->id), a);
	ck_assert_ptr_eq(peers_byid(&ps, b->id), b);
	ck_assert_ptr_eq(peers_byhandle(&ps, 5), b);
	ck_assert_ptr_null(peers_byhandle(&ps, 6));

	/* The same id or the same handle is no second peer. */
	p = peer_new(1, 11, PF_INBOUND);
	ck_assert_int_eq(peers_insert(&ps, p), -1);
	ck_assert_ptr_null(peers_byhandle(&ps, 11));
	free(p);
	p = peer_new(3, 5, PF_INBOUND);
	ck_assert_int_eq(peers_insert(&ps, p), -1);
	ck_assert_ptr_null(peers_byid(&ps, p->id));
	free(p);
	ck_assert_uint_eq(ps.n, 2);
	ck_assert_uint_eq(ps.inbound, 1);

	peers_remove(&ps, b);
	ck_assert_uint_eq(ps.n, 1);
	ck_assert_uint_eq(ps.inbound, 1);
	ck_assert_ptr_null(peers_byid(&ps, b->id));
	ck_assert_ptr_null(peers_byhandle(&ps, 5));
	peers_remove(&ps, a);
	ck_assert_uint_eq(ps.n, 0);
	ck_assert_uint_eq(ps.inbound, 0);
	free(a);
	free(b);
}
END_TEST

START_TEST(in_order_of_handle)
{
	struct peers	 ps;
	struct peer	*p, *t;
	uint32_t	 i, last = 0, n = 0;

	peers_init(&ps);
	for (i = 1; i <= MANY; i++)
		ck_assert_int_eq(peers_insert(&ps, peer_new(i, i * 7919 % 7907 +
		    1, i % 3 == 0 ? PF_INBOUND : 0)), 0);
	ck_assert_uint_eq(ps.n, MANY);
	ck_assert_uint_eq(ps.inbound, MANY / 3);
	PEERS_FOREACH(p, &ps) {
		ck_assert_uint_gt(p->handle, last);
		last = p->handle;
		n++;
	}
	ck_assert_uint_eq(n, MANY);
	PEERS_FOREACH_SAFE(p, &ps, t) {
		peers_remove(&ps, p);
		free(p);
	}
	ck_assert_uint_eq(ps.n, 0);
	ck_assert_uint_eq(ps.inbound, 0);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/peers");
	TCase	*tc = tcase_create("peers");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, both_ways);
	tcase_add_test(tc, in_order_of_handle);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
