/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/parent/nodes.h"

static struct enode
node_at(uint32_t no, const char *host, uint16_t tcp)
{
	struct enode	 en;

	memset(&en, 0, sizeof(en));
	memcpy(en.id + 30, &no, sizeof(no));
	strlcpy(en.host, host, sizeof(en.host));
	en.tcp = en.udp = tcp;
	return en;
}

static void
clear_all(struct nodes *ns)
{
	struct node	*n;

	while ((n = RB_MIN(node_tree, &ns->tree)) != NULL)
		ck_assert_int_eq(nodes_clear(ns, n->en.id, 0xff, 1), 0);
	ck_assert_uint_eq(ns->n, 0);
}

START_TEST(bits)
{
	struct nodes	 ns;
	struct enode	 a = node_at(1, "192.0.2.1", 30303);
	struct enode	 b = node_at(2, "", 0);

	nodes_init(&ns);
	ck_assert_ptr_null(nodes_find(&ns, a.id));
	ck_assert_uint_eq(nodes_is(&ns, a.id), 0);
	ck_assert_int_eq(nodes_clear(&ns, a.id, NODE_STATIC, 1), -1);

	ck_assert_ptr_nonnull(nodes_set(&ns, &a, NODE_STATIC, 0));
	ck_assert_ptr_nonnull(nodes_set(&ns, &a, NODE_TRUSTED, 0));
	ck_assert_ptr_nonnull(nodes_set(&ns, &b, NODE_ALLOWED, 0));
	ck_assert_uint_eq(ns.n, 2);
	ck_assert_uint_eq(nodes_is(&ns, a.id), NODE_STATIC | NODE_TRUSTED);
	ck_assert_uint_eq(nodes_is(&ns, b.id), NODE_ALLOWED);

	ck_assert_int_eq(nodes_clear(&ns, a.id, NODE_ALLOWED, 1), -1);
	ck_assert_int_eq(nodes_clear(&ns, a.id, NODE_STATIC, 0), 0);
	ck_assert_uint_eq(nodes_is(&ns, a.id), NODE_TRUSTED);
	ck_assert_int_eq(nodes_clear(&ns, a.id, NODE_STATIC, 0), -1);
	ck_assert_int_eq(nodes_clear(&ns, a.id, NODE_TRUSTED, 0), 0);
	ck_assert_ptr_null(nodes_find(&ns, a.id));
	clear_all(&ns);
}
END_TEST

START_TEST(addresses)
{
	struct nodes	 ns;
	struct node	*n;
	struct enode	 old = node_at(1, "192.0.2.1", 30303);
	struct enode	 new = node_at(1, "node.example.org", 30304);
	struct enode	 bare = node_at(1, "", 0);

	nodes_init(&ns);
	n = nodes_set(&ns, &bare, NODE_TRUSTED, 0);
	ck_assert_str_eq(n->en.host, "");
	ck_assert_ptr_eq(nodes_set(&ns, &old, NODE_STATIC, 0), n);
	ck_assert_str_eq(n->en.host, "192.0.2.1");
	/* Added again: the new address holds. */
	ck_assert_ptr_eq(nodes_set(&ns, &new, NODE_STATIC, 0), n);
	ck_assert_str_eq(n->en.host, "node.example.org");
	ck_assert_uint_eq(n->en.tcp, 30304);
	/* To trust it says nothing of its address. */
	nodes_set(&ns, &bare, NODE_TRUSTED, 0);
	ck_assert_str_eq(n->en.host, "node.example.org");
	/* Static no longer, it has none. */
	ck_assert_int_eq(nodes_clear(&ns, old.id, NODE_STATIC, 1), 0);
	ck_assert_ptr_eq(nodes_find(&ns, old.id), n);
	ck_assert_str_eq(n->en.host, "");
	ck_assert_uint_eq(n->en.tcp, 0);
	clear_all(&ns);
}
END_TEST

START_TEST(saved)
{
	struct nodes	 ns;
	struct node	*n;
	struct enode	 a = node_at(1, "192.0.2.1", 30303);

	nodes_init(&ns);
	n = nodes_set(&ns, &a, NODE_STATIC, 1);
	nodes_set(&ns, &a, NODE_TRUSTED, 0);
	ck_assert_uint_eq(n->saved, NODE_STATIC);
	/* Not in force, still in the file, with what the file says of it. */
	ck_assert_int_eq(nodes_clear(&ns, a.id, NODE_STATIC | NODE_TRUSTED, 0), 0);
	ck_assert_ptr_eq(nodes_find(&ns, a.id), n);
	ck_assert_uint_eq(n->is, 0);
	ck_assert_uint_eq(n->saved, NODE_STATIC);
	ck_assert_str_eq(n->en.host, "192.0.2.1");
	ck_assert_int_eq(nodes_clear(&ns, a.id, NODE_STATIC, 0), -1);
	ck_assert_int_eq(nodes_clear(&ns, a.id, NODE_STATIC, 1), 0);
	ck_assert_ptr_null(nodes_find(&ns, a.id));
	ck_assert_uint_eq(ns.n, 0);
}
END_TEST

START_TEST(many)
{
	struct nodes	 ns;
	struct enode	 en;
	struct node	*n;
	uint32_t	 i, seen = 0;

	nodes_init(&ns);
	for (i = 0; i < NODES_MAX; i++) {
		en = node_at(i, "", 0);
		ck_assert_ptr_nonnull(nodes_set(&ns, &en, NODE_TRUSTED, 0));
	}
	en = node_at(i, "", 0);
	errno = 0;
	ck_assert_ptr_null(nodes_set(&ns, &en, NODE_TRUSTED, 0));
	ck_assert_int_eq(errno, ENOSPC);
	/* One that is there takes more bits all the same. */
	en = node_at(7, "", 0);
	ck_assert_ptr_nonnull(nodes_set(&ns, &en, NODE_ALLOWED, 0));
	NODES_FOREACH(n, &ns)
		seen++;
	ck_assert_uint_eq(seen, NODES_MAX);
	clear_all(&ns);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/nodes");
	TCase	*tc = tcase_create("nodes");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, bits);
	tcase_add_test(tc, addresses);
	tcase_add_test(tc, saved);
	tcase_add_test(tc, many);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
