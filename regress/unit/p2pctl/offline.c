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
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
