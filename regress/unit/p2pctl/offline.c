/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p2pctl/client.h"
#include "p2pctl/json.h"
#include "p2pctl/offline.h"

static char		 dir[64], path[128], err[OFFLINE_ERRLEN];
static struct enode	 host;
static json_t		*out;

static void
setup(void)
{
	ck_assert_int_eq(secp_init(), 0);
	strlcpy(dir, "/tmp/p2pctl-key.XXXXXX", sizeof(dir));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
	memset(&host, 0, sizeof(host));
	out = NULL;
}

static void
teardown(void)
{
	json_decref(out);
	unlink(path);
	/* Fails if anything else was left behind. */
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
write_file(const char *text, mode_t mode)
{
	int	 fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(generate_and_show)
{
	struct stat	 st;
	char		*id;

	umask(0);
	ck_assert_msg(key_generate(path, &host, &out, err) == EX_DONE, "%s", err);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(st.st_size, 64);
	ck_assert_uint_eq(strlen(json_text(out, "id")), 128);
	id = strdup(json_text(out, "id"));
	json_decref(out);
	strlcpy(host.host, "2001:db8::1", sizeof(host.host));
	host.tcp = 7;
	host.udp = 8;
	ck_assert_msg(key_show(path, &host, &out, err) == EX_DONE, "%s", err);
	ck_assert_str_eq(json_text(out, "id"), id);
	ck_assert_ptr_nonnull(strstr(json_text(out, "enode"),
	    "@[2001:db8::1]:7?discport=8"));
	free(id);
}
END_TEST

START_TEST(never_over_another)
{
	char	 other[128];

	write_file("mine", 0600);
	ck_assert_int_eq(key_generate(path, &host, &out, err), EX_FAILED);
	unlink(path);
	snprintf(other, sizeof(other), "%s/other", dir);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(key_generate(path, &host, &out, err), EX_FAILED);
	ck_assert_int_eq(access(other, F_OK), -1);
}
END_TEST

#define ONE "0000000000000000000000000000000000000000000000000000000000000001"

START_TEST(known_key)
{
	write_file(_i == 0 ? ONE : ONE "\n", 0600);
	ck_assert_msg(key_show(path, &host, &out, err) == EX_DONE, "%s", err);
	ck_assert_str_eq(json_text(out, "enode"), "enode://"
	    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
	    "@127.0.0.1:30303");
}
END_TEST

START_TEST(bad_keys)
{
	static const char *const t[] = { "", "00", ONE "0", ONE "\n\n",
	    ONE "\nx", ("0x" ONE),
	    "000000000000000000000000000000000000000000000000000000000000000g",
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" };

	write_file(t[_i], 0600);
	ck_assert_int_eq(key_show(path, &host, &out, err), EX_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "not a key"));
}
END_TEST

START_TEST(bad_files)
{
	char	 target[128];

	write_file(ONE, 0640);
	ck_assert_int_eq(key_show(path, &host, &out, err), EX_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "0640"));
	write_file(ONE, 0600);
	snprintf(target, sizeof(target), "%s/real", dir);
	ck_assert_int_eq(rename(path, target), 0);
	ck_assert_int_eq(key_show(path, &host, &out, err), EX_FAILED);
	ck_assert_int_eq(symlink(target, path), 0);
	ck_assert_int_eq(key_show(path, &host, &out, err), EX_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "symbolic link"));
	unlink(path);
	unlink(target);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(key_show(path, &host, &out, err), EX_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "not a regular file"));
}
END_TEST

START_TEST(enodes)
{
	struct enode	 e;
	const char	*why;

	ck_assert_int_eq(enode_parse(&e, "enode://"
	    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
	    "@host.example:7", &why), 0);
	ck_assert_int_eq(enode_show(&e, &out), EX_DONE);
	ck_assert_str_eq(json_text(out, "host"), "host.example");
	ck_assert(json_num(out, "tcp") == 7);
	ck_assert(json_num(out, "udp") == 7);
	json_decref(out);
	e.host[0] = '\0';
	ck_assert_int_eq(enode_show(&e, &out), EX_DONE);
	ck_assert(json_is_null(json_object_get(out, "host")));
}
END_TEST

#define EXAMPLE_KEY							\
	"b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"
#define EXAMPLE								\
	"enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjz" \
	"CBOonrkTfj499SZuOh8R33Ls8RRcy5wBgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQPK" \
	"Y0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8"
#define EXAMPLE_HEX							\
	"f884b8407098ad865b00a582051940cb9cf36836572411a47278783077011599ed5c" \
	"d16b76f2635f4e234738f30813a89eb9137e3e3df5266e3a1f11df72ecf1145ccb9c" \
	"01826964827634826970847f00000189736563703235366b31a103ca634cae0d49ac" \
	"b401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd31388375647082765f"

START_TEST(record_decoded)
{
	static const char *const t[] = { EXAMPLE, EXAMPLE_HEX, "0x" EXAMPLE_HEX };
	const json_t	*entries;

	ck_assert_int_eq(enr_decode_show(t[_i], &out, err), EX_DONE);
	ck_assert(json_true_at(out, "valid"));
	ck_assert_str_eq(json_text(out, "record"), EXAMPLE);
	ck_assert_str_eq(json_text(out, "node_id"),
	    "a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7");
	ck_assert_int_eq(json_num(out, "seq"), 1);
	ck_assert_int_eq(json_num(out, "size"), 134);
	ck_assert_str_eq(json_text(out, "ip"), "127.0.0.1");
	ck_assert_int_eq(json_num(out, "udp"), 30303);
	ck_assert(!json_has(out, "tcp"));
	ck_assert(!json_has(out, "ip6"));
	ck_assert(!json_has(out, "why"));
	entries = json_object_get(out, "entries");
	ck_assert_str_eq(json_text(entries, "udp"), "0x82765f");
	ck_assert_uint_eq(json_object_size(entries), 4);
}
END_TEST

/* What can be read is shown, and is still a failure. */
START_TEST(record_refused)
{
	static const char *const t[] = { "", "enr:", "banana", "0x", "f8",
	    EXAMPLE "A", EXAMPLE_HEX "00", "enode://x" };
	char	 forged[] = EXAMPLE_HEX;
	size_t	 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		err[0] = '\0';
		ck_assert_int_eq(enr_decode_show(t[i], &out, err), EX_USAGE_ERR);
		ck_assert_ptr_null(out);
		ck_assert_str_ne(err, "");
	}
	forged[10] ^= 1;
	ck_assert_int_eq(enr_decode_show(forged, &out, err), EX_FAILED);
	ck_assert(!json_true_at(out, "valid"));
	ck_assert_str_eq(json_text(out, "why"), "signature is wrong");
	ck_assert_str_eq(json_text(out, "why"), err);
	ck_assert_str_eq(json_text(out, "ip"), "127.0.0.1");
}
END_TEST

START_TEST(record_made)
{
	struct node_spec	 spec;
	char			*record;

	write_file(EXAMPLE_KEY, 0600);
	memset(&spec, 0, sizeof(spec));
	addr_parse(&spec.ip4, "127.0.0.1:30303");
	ck_assert_int_eq(enr_make(path, &spec, 1, &out, err), EX_DONE);
	ck_assert_str_eq(json_text(out, "record"), EXAMPLE);
	json_decref(out);
	/* by the clock, and with both families */
	addr_parse(&spec.ip6, "[2001:db8::1]:1");
	spec.tcp6 = 2;
	ck_assert_int_eq(enr_make(path, &spec, 0, &out, err), EX_DONE);
	ck_assert(json_num(out, "seq") > 1700000000000);
	record = strdup(json_text(out, "record"));
	json_decref(out);
	out = NULL;
	ck_assert_int_eq(enr_decode_show(record, &out, err), EX_DONE);
	ck_assert_str_eq(json_text(out, "ip6"), "2001:db8::1");
	ck_assert_int_eq(json_num(out, "udp6"), 1);
	ck_assert_int_eq(json_num(out, "tcp6"), 2);
	free(record);
	json_decref(out);
	out = NULL;
	write_file("none", 0600);
	ck_assert_int_eq(enr_make(path, &spec, 0, &out, err), EX_FAILED);
	ck_assert_ptr_null(out);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("p2pctl offline");
	TCase	*tc = tcase_create("offline");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, generate_and_show);
	tcase_add_test(tc, never_over_another);
	tcase_add_loop_test(tc, known_key, 0, 2);
	tcase_add_loop_test(tc, bad_keys, 0, 9);
	tcase_add_test(tc, bad_files);
	tcase_add_test(tc, enodes);
	tcase_add_loop_test(tc, record_decoded, 0, 3);
	tcase_add_test(tc, record_refused);
	tcase_add_test(tc, record_made);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
