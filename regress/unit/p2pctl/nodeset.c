/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/stat.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "common/base/util.h"
#include "p2pctl/client.h"
#include "p2pctl/nodeset.h"
#include "p2pctl/offline.h"

/* The example of EIP-778. */
#define KEY	"b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"
#define PUB								\
	"ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138" \
	"7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f"
#define ID	"a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7"
#define RECORD								\
	"enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjz" \
	"CBOonrkTfj499SZuOh8R33Ls8RRcy5wBgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQPK" \
	"Y0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8"
#define MEMBERS	"\"seq\": 1, \"record\": \"" RECORD "\""

static char		 dir[64], path[128], err[OFFLINE_ERRLEN];
static struct nodeset	 set;

static void
setup(void)
{
	ck_assert_int_eq(secp_init(), 0);
	strlcpy(dir, "/tmp/p2pctl-nodes.XXXXXX", sizeof(dir));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/nodes.json", dir);
	memset(&set, 0, sizeof(set));
}

static void
teardown(void)
{
	nodeset_free(&set);
	unlink(path);
	/* Fails if anything else was left behind. */
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
write_file(const char *text)
{
	FILE	*f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static struct netnode *
the_one(void)
{
	struct netnode	*n;
	uint8_t		 id[NODE_ID];

	ck_assert_int_eq(hex_decode(id, sizeof(id), ID), 0);
	ck_assert_uint_eq(set.n, 1);
	n = nodeset_find(&set, id);
	ck_assert_ptr_nonnull(n);
	return n;
}

START_TEST(read_and_written)
{
	static const char	 text[] = "{\n"
	    "    \"" ID "\": {\n"
	    "        \"seq\": 1,\n"
	    "        \"record\": \"" RECORD "\",\n"
	    "        \"score\": 12,\n"
	    "        \"firstResponse\": \"2026-01-02T03:04:05Z\",\n"
	    "        \"lastResponse\": \"2026-02-03T04:05:06Z\",\n"
	    "        \"lastCheck\": \"2026-02-03T04:05:07Z\"\n"
	    "    }\n"
	    "}\n";
	struct netnode		*n;
	struct stat		 st;
	char			 buf[2000] = "", at[ADDR_STRLEN];
	size_t			 count;
	FILE			*f;

	umask(022);
	write_file(text);
	ck_assert_msg(nodeset_load(&set, path, err) == EX_DONE, "%s", err);
	n = the_one();
	ck_assert_uint_eq(n->score, 12);
	ck_assert_int_eq(n->first, 1767323045);
	ck_assert_int_eq(n->last, 1770091506);
	ck_assert_int_eq(n->check, 1770091507);
	ck_assert_str_eq(addr_format(&n->peer.addr, at), "127.0.0.1:30303");
	ck_assert_int_eq(nodeset_save(&set, path, &count, err), EX_DONE);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0644);
	f = fopen(path, "r");
	ck_assert_uint_gt(fread(buf, 1, sizeof(buf) - 1, f), 0);
	fclose(f);
	ck_assert_str_eq(buf, text);
}
END_TEST

/* As Go writes what is not: times of the year 1, and no member at all. */
START_TEST(go_forms)
{
	static const char *const t[] = {
		"{\"" ID "\": {" MEMBERS "}}",
		"{\"" ID "\": {" MEMBERS ", \"lastCheck\": "
		    "\"0001-01-01T00:00:00Z\", \"score\": 0}}",
		"{\"" ID "\": {\"seq\": 0, \"record\": \"enode://" PUB
		    "@127.0.0.1:30303\", \"lastCheck\": "
		    "\"0001-01-01T00:00:00Z\"}}",
		"{\"" ID "\": {" MEMBERS ", \"more\": [1, 2]}}"
	};
	struct netnode	*n;
	size_t		 count;

	write_file(t[_i]);
	ck_assert_msg(nodeset_load(&set, path, err) == EX_DONE, "%s", err);
	n = the_one();
	ck_assert_uint_eq(n->score, 0);
	ck_assert_int_eq(n->check, 0);
	/* Without a score nobody has seen it alive. */
	ck_assert_int_eq(nodeset_save(&set, path, &count, err), EX_DONE);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(wrong_files)
{
	static const struct {
		const char	*text;
		const char	*says;
	} t[] = {
		{ "", "nodes.json:1: " },
		{ "[]", "not an object" },
		{ "{\"xyz\": {}}", "64 hex digits" },
		{ "{\"" ID "\": 1}", "node id" },
		{ "{\"" ID "\": {\"record\": \"enr:AA\"}}", "RLP" },
		{ "{\"00" ID "\": {" MEMBERS "}}", "64 hex digits" },
		{ "{\"b448f24c6d18e575453db13171562b71999873db5b286df957af199e"
		    "c94617f7\": {" MEMBERS "}}", "not that of the record" },
		{ "{\"" ID "\": {" MEMBERS ", \"lastCheck\": \"now\"}}",
		    "a time" },
		{ "{\"" ID "\": {" MEMBERS ", \"lastCheck\": "
		    "\"2026-01-02T03:04:05+01:00\"}}", "a time" },
		{ "{\"" ID "\": {" MEMBERS "}, \"" ID "\": {" MEMBERS "}}",
		    "duplicate" }
	};

	write_file(t[_i].text);
	ck_assert_int_eq(nodeset_load(&set, path, err), EX_FAILED);
	ck_assert_msg(strstr(err, t[_i].says) != NULL, "%s", err);
}
END_TEST

/* A file that is not there is empty; one that cannot be written is told. */
START_TEST(no_file)
{
	size_t	 count;

	ck_assert_int_eq(nodeset_load(&set, path, err), EX_DONE);
	ck_assert_uint_eq(set.n, 0);
	ck_assert_ptr_null(nodeset_find(&set, (uint8_t[NODE_ID]){ 0 }));
	ck_assert_int_eq(nodeset_save(&set, "/nowhere/nodes.json", &count, err),
	    EX_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "/nowhere/"));
	ck_assert_int_eq(nodeset_load(&set, dir, err), EX_FAILED);
}
END_TEST

START_TEST(many)
{
	struct netnode	*n;
	struct addr	 a;
	uint8_t		 key[SECP_PUB] = { 0 }, id[NODE_ID];
	unsigned int	 i;

	ck_assert_int_eq(addr_parse(&a, "192.0.2.1:30303"), 0);
	for (i = 0; i < 5000; i++) {
		memcpy(key, &i, sizeof(i));
		n = nodeset_add(&set, key, &a);
		ck_assert_ptr_nonnull(n);
		n->score = i;
		ck_assert_ptr_eq(nodeset_add(&set, key, &a), n);
	}
	ck_assert_uint_eq(set.n, 5000);
	for (i = 0; i < 5000; i++) {
		memcpy(key, &i, sizeof(i));
		node_id(id, key);
		ck_assert_uint_eq(nodeset_find(&set, id)->score, i);
	}
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("p2pctl nodeset");
	TCase	*tc = tcase_create("nodeset");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, read_and_written);
	tcase_add_loop_test(tc, go_forms, 0, 4);
	tcase_add_loop_test(tc, wrong_files, 0, 10);
	tcase_add_test(tc, no_file);
	tcase_add_test(tc, many);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
