/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pctl/attach.h"
#include "p2pctl/client.h"
#include "regress/unit/lib/fake.h"

/* p2pctl attach -- program: a shell in the middle, the daemon is the test. */
static struct fake	 f;
static pid_t		 pid;

static void
start(const char *const *options, const char *script)
{
	char	*argv[16];
	int	 n = 0;

	argv[n++] = strdup("attach");
	for (; *options != NULL; options++)
		argv[n++] = strdup(*options);
	argv[n++] = strdup("tst/2:8");
	argv[n++] = strdup("--");
	argv[n++] = strdup("/bin/sh");
	argv[n++] = strdup("-c");
	argv[n++] = strdup(script);
	argv[n] = NULL;
	ck_assert_int_ne(pid = fork(), -1);
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		if (chdir(f.dir) == -1)
			_exit(99);
		closefrom(STDERR_FILENO + 1);
		_exit(attach_main(n, argv, f.path));
	}
	while (n > 0)
		free(argv[--n]);
}

/* Attached, with one peer. */
static void
come_up(void)
{
	struct app_hello	 hello;

	fake_accept(&f, &hello);
	fake_welcome(&f, 0);
	fake_attached(&f, 0, 7);
	fake_peer_up(&f, 0, 42, 7);
}

static int
end(void)
{
	int	 status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	pid = 0;
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
end_orderly(void)
{
	fake_read(&f, 0, AF_DETACH);
	fake_capid(&f, 0, AF_DETACHED, f.head.request, 7);
	return end();
}

static void
setup(void)
{
	fake_start(&f, 1);
}

static void
teardown(void)
{
	char	 path[128];

	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	pid = 0;
	snprintf(path, sizeof(path), "%s/mark", f.dir);
	unlink(path);
	fake_stop(&f);
}

#define NONE	(const char *const []){ NULL }

/* Events in, requests out, and its exit status is ours. */
START_TEST(in_and_out)
{
	start(NONE, "while read line; do case $line in *message*) "
	    "echo '{\"send\":{\"peer\":42,\"capability\":\"tst\",\"code\":3}}';"
	    "exit 7;; esac; done");
	come_up();
	fake_message(&f, 0, 42, 7, 1, "x", 1);
	fake_read(&f, 0, AF_SEND);
	ck_assert_uint_eq(app_get32(f.body + 4), 3);
	ck_assert_int_eq(end_orderly(), 7);
}
END_TEST

START_TEST(not_there)
{
	static const char *const args[] = { "attach", "tst/2:8", "--",
	    "/nonexistent/program", NULL };
	char	*argv[5];
	int	 n;

	for (n = 0; args[n] != NULL; n++)
		argv[n] = strdup(args[n]);
	argv[n] = NULL;
	ck_assert_int_ne(pid = fork(), -1);
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		_exit(attach_main(n, argv, f.path));
	}
	while (n > 0)
		free(argv[--n]);
	come_up();
	ck_assert_int_eq(end_orderly(), 127);
}
END_TEST

/* What its daemon refuses ends it, program and all. */
START_TEST(refused)
{
	struct app_hello	 hello;

	start(NONE, "cat >/dev/null");
	fake_accept(&f, &hello);
	fake_welcome(&f, 0);
	fake_read(&f, 0, AF_ATTACH);
	fake_error(&f, 0, f.head.request, APE_BUSY, "taken");
	ck_assert_int_eq(end(), EX_BUSY);
}
END_TEST

static void
expect_eof(void)
{
	char	 c;

	ck_assert_int_eq(read(f.fd[0], &c, 1), 0);
	fake_close(&f, 0);
}

/* No daemon, or not its application socket. */
START_TEST(not_greeted)
{
	struct app_hello	 hello;

	start(NONE, "cat >/dev/null");
	fake_accept(&f, &hello);
	fake_close(&f, 0);
	ck_assert_int_eq(end(), EX_NODAEMON);
}
END_TEST

/* By its token, after a second; the new one is told what there is. */
START_TEST(restart_on_failure)
{
	static const char *const on_failure[] = { "--restart", "on-failure",
	    NULL };
	struct app_hello	 hello;

	start(on_failure, "if test -f mark; then while read l; do case $l in "
	    "*peer-up*) exit 0;; esac; done; else : >mark; exit 3; fi");
	come_up();
	expect_eof();
	fake_accept(&f, &hello);
	ck_assert_mem_eq(hello.token, f.token, sizeof(f.token));
	fake_welcome(&f, 0);
	fake_attached(&f, 0, 7);
	fake_peer_up(&f, 0, 42, 7);
	ck_assert_int_eq(end_orderly(), 0);
}
END_TEST

START_TEST(restart_limit)
{
	static const char *const always[] = { "--restart", "always",
	    "--restart-limit", "1", NULL };

	start(always, "exit 5");
	come_up();
	expect_eof();
	come_up();
	ck_assert_int_eq(end_orderly(), 5);
}
END_TEST

/* What it said before its end is sent before the application goes. */
START_TEST(last_words)
{
	static const char *const always[] = { "--restart", "always", NULL };

	start(always, "while read l; do case $l in *peer-up*) "
	    "echo '{\"send\":{\"peer\":42,\"capability\":\"tst\",\"code\":3}}';"
	    "printf '{\"disconnect\":{\"peer\":42}}'; exit 0;; esac; done");
	come_up();
	fake_read(&f, 0, AF_SEND);
	fake_read(&f, 0, AF_DISCONNECT);
	expect_eof();
	/* asked to end while there is none */
	kill(pid, SIGTERM);
	ck_assert_int_eq(end(), 128 + SIGTERM);
}
END_TEST

static pid_t
program_pid(void)
{
	char	 path[128];
	int	 n = 0;
	FILE	*mark;

	snprintf(path, sizeof(path), "%s/mark", f.dir);
	while (n == 0) {
		if ((mark = fopen(path, "r")) != NULL) {
			if (fscanf(mark, "%d", &n) != 1)
				n = 0;
			fclose(mark);
		}
		poll(NULL, 0, 5);
	}
	return (pid_t)n;
}

START_TEST(ends_on_signal)
{
	static const char *const always[] = { "--restart", "always", NULL };

	start(always, "trap 'exit 9' TERM; echo $$ >mark; "
	    "while :; do sleep 0.1; done");
	come_up();
	program_pid();
	kill(pid, SIGTERM);
	ck_assert_int_eq(end_orderly(), 9);
}
END_TEST

/* One message of n bytes, as far as the socket takes it within a while. */
static int
flood(size_t n)
{
	static uint8_t	 frame[APP_HEADER + APP_MSG_HEAD + 50000];
	struct app_head	 h = { (uint32_t)(APP_MSG_HEAD + n), AF_MESSAGE, 0,
	    ++f.events[0], 42 };
	size_t		 done = 0;
	ssize_t		 r;

	app_head_encode(frame, &h);
	app_put32(frame + APP_HEADER, 7);
	while (done < APP_HEADER + h.len && fake_writable(&f, 0)) {
		r = send(f.fd[0], frame + done, APP_HEADER + h.len - done,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		done += r > 0 ? (size_t)r : 0;
	}
	if (done > 0 && done < APP_HEADER + h.len) {
		/* the rest of it follows when somebody reads again */
		memmove(frame, frame + done, APP_HEADER + h.len - done);
		return (int)(APP_HEADER + h.len - done);
	}
	return done == 0 ? -1 : 0;
}

/*
 * The program stops: the daemon is not read beyond a bound. It goes on, and all
 * goes on, with nothing lost.
 */
START_TEST(program_stops)
{
	pid_t	 program;
	int	 i, sent = 0, rest;
	uint8_t	*zeros;

	start(NONE, "echo $$ >mark; while read l; do case $l in *message*) "
	    "echo '{\"send\":{\"peer\":42,\"capability\":\"tst\",\"code\":1}}'"
	    ";; esac; done");
	come_up();
	program = program_pid();
	fake_message(&f, 0, 42, 7, 1, "x", 1);
	fake_read(&f, 0, AF_SEND);
	ck_assert_int_eq(kill(program, SIGSTOP), 0);
	while ((rest = flood(50000)) == 0)
		sent++;
	ck_assert_int_gt(sent, 10);
	ck_assert_int_lt(sent, 100);
	ck_assert_int_eq(kill(program, SIGCONT), 0);
	if (rest > 0) {
		ck_assert_ptr_nonnull(zeros = calloc(1, (size_t)rest));
		fake_raw(&f, 0, zeros, (size_t)rest);
		free(zeros);
		sent++;
	}
	for (i = 0; i < sent; i++)
		fake_read(&f, 0, AF_SEND);
	ck_assert_int_eq(kill(program, SIGTERM), 0);
	ck_assert_int_eq(end_orderly(), 128 + SIGTERM);
}
END_TEST

#define SENDS	160	/* of 64 KiB: more than all queues hold */
#define WRITER	"BEGIN { d = \"0000\"; while (length(d) < 131072) d = d d; " \
	"for (i = 0; i < 160; i++) { printf \"{\\\"send\\\":{\\\"peer\\\":42," \
	"\\\"capability\\\":\\\"tst\\\",\\\"code\\\":%d,\\\"data\\\":\\\"0x" \
	"%s\\\"}}\\n\", i % 8, d } fflush(); "

static void
read_sends(void)
{
	int	 i;

	for (i = 0; i < SENDS; i++) {
		fake_read(&f, 0, AF_SEND);
		ck_assert_uint_eq(app_get32(f.body + 4), i % 8);
		ck_assert_uint_eq(f.head.len, APP_MSG_HEAD + 65536);
	}
}

/* The daemon does not read: the program has to wait, and all arrives. */
START_TEST(daemon_stops)
{
	start(NONE, "exec awk '" WRITER "exit 4 }'");
	come_up();
	poll(NULL, 0, 1500);
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
	read_sends();
	ck_assert_int_eq(end_orderly(), 4);
}
END_TEST

/*
 * A program that does not read while it writes, and a daemon that does not read
 * while nobody reads it: that is let go of by messages, which are counted.
 */
START_TEST(both_stop)
{
	struct app_head	 h = { APP_MSG_HEAD + 50000, AF_MESSAGE, 0, 0, 42 };
	static uint8_t	 frame[APP_HEADER + APP_MSG_HEAD + 50000];
	int		 i;

	start(NONE, "awk '" WRITER "}'; while read l; do case $l in *lost*) "
	    "exit 6;; esac; done; exit 1");
	come_up();
	app_put32(frame + APP_HEADER, 7);
	for (i = 0; i < 100; i++) {
		h.request = ++f.events[0];
		app_head_encode(frame, &h);
		fake_raw(&f, 0, frame, sizeof(frame));
	}
	read_sends();
	/* the count comes with the next event */
	fake_peer_down(&f, 0, 42, 7);
	ck_assert_int_eq(end_orderly(), 6);
}
END_TEST

START_TEST(arguments)
{
	static const char *const cases[][6] = {
		{ "attach", "tst/1:2", "--" },
		{ "attach", "-k", "tst/1:2", "--", "true" },
		{ "attach", "--restart", "sometimes", "tst/1:2", "--", "true" },
		{ "attach", "--restart", "always", "tst/1:2" },
		{ "attach", "--restart-limit", "x", "tst/1:2" },
		{ "attach", "-o", "{", "tst/1:2" },
		{ "attach", "-o", "{\"what\":1}", "tst/1:2" },
		{ "attach", "tst" },
		{ "attach", "-t", "tst/x" },
		{ "attach", "--", "true" },
		{ "attach", "-n", "0123456789012345678901234567890123456789"
		    "012345678901234567890123", "tst/1:2" },
	};
	char	*argv[7];
	int	 n, status;
	size_t	 i;

	for (i = 0; i < nitems_of(cases); i++) {
		memset(argv, 0, sizeof(argv));
		for (n = 0; n < 6 && cases[i][n] != NULL; n++)
			argv[n] = strdup(cases[i][n]);
		ck_assert_int_ne(pid = fork(), -1);
		if (pid == 0) {
			dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
			_exit(attach_main(n, argv, "/nonexistent"));
		}
		while (n > 0)
			free(argv[--n]);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(WEXITSTATUS(status), EX_USAGE_ERR);
		pid = 0;
	}
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("program");
	TCase		*tc = tcase_create("program");
	SRunner		*sr;
	int		 failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, in_and_out);
	tcase_add_test(tc, not_there);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, not_greeted);
	tcase_add_test(tc, restart_on_failure);
	tcase_add_test(tc, restart_limit);
	tcase_add_test(tc, last_words);
	tcase_add_test(tc, ends_on_signal);
	tcase_add_test(tc, program_stops);
	tcase_add_test(tc, daemon_stops);
	tcase_add_test(tc, both_stop);
	tcase_add_test(tc, arguments);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
