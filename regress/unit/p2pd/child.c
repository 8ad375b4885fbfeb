/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/ipc/proc.h"
#include "p2pd/child.h"

/*
 * The child runs as a process of its own; the test is its parent.  What the
 * child's hooks see comes back as log lines, and its end as its exit status.
 */
static struct event_base *base;
static struct channel *chan;
static pid_t pid;
static int ready, down, lines;
static uint32_t dropped;
static char last[1024];
static char log_text[65536];

static void
on_ready(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_ready	*m = msg->body;

	ck_assert_uint_eq(m->version, MSG_VERSION);
	ready++;
}

static void
on_log(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_log	*m = msg->body;

	lines++;
	dropped += m->dropped;
	strlcpy(last, m->line, sizeof(last));
	strlcat(log_text, m->line, sizeof(log_text));
	strlcat(log_text, "\n", sizeof(log_text));
}

static void
on_down(struct channel *c, const char *why, void *arg)
{
	channel_free(c);
	chan = NULL;
	down = 1;
}

static const struct chan_rule parent_rules[] = {
	{ &m_ready_desc, CHAN_ANY_STATE, CHAN_NOFD, on_ready },
	{ &m_log_desc, CHAN_ANY_STATE, CHAN_NOFD, on_log },
};

/* The child's side. */
static void
hook_init(const struct m_init *m, void *arg)
{
	log_info("init %s %s", m->client, (const char *)arg);
	if (child_init() == NULL || child_init()->instance != 3)
		log_info("wrong init");
}

static void
hook_start(void *arg)
{
	log_info("start");
}

static void
hook_stop(uint32_t grace_ms, void *arg)
{
	log_info("stop %u", grace_ms);
}

static void
hook_down(void *arg)
{
	if (write(STDERR_FILENO, "", 0) == -1)
		_exit(9);
}

/* M_RESOLVE stands for any message of a child's own. */
static void
on_resolve(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_resolve	*m = msg->body;
	uint32_t		 i;

	if (strcmp(m->host, "exit") == 0)
		child_exit((int)m->req);
	else if (strcmp(m->host, "fatal") == 0)
		fatalx("last words");
	else if (strcmp(m->host, "flood") == 0)
		for (i = 0; i < m->req; i++)
			log_info("line %u", i);
	else if (strcmp(m->host, "debug") == 0)
		log_debug("debug line");
	else
		log_info("host %s", m->host);
}

static const struct chan_rule child_rules[] = {
	{ &m_resolve_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, on_resolve },
};

static void
run_child(int fd)
{
	static char		 arg[] = "arg";
	struct child_conf	 conf = {
		.kind = PROC_RESOLVER, .rules = child_rules,
		.nrules = nitems_of(child_rules), .init = hook_init,
		.start = hook_start, .stop = hook_stop, .down = hook_down,
		.arg = arg
	};

	if (fd != PROC_CHANFD) {
		dup2(fd, PROC_CHANFD);
		close(fd);
	}
	_exit(child_run(&conf));
}

static void
setup(void)
{
	struct chan_conf	 conf;
	int			 fd[2];

	ready = down = lines = 0;
	dropped = 0;
	log_text[0] = '\0';
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ck_assert_int_ne(pid = fork(), -1);
	if (pid == 0) {
		if (fd[0] != PROC_CHANFD)
			close(fd[0]);
		run_child(fd[1]);
	}
	close(fd[1]);
	ck_assert_ptr_nonnull(base = event_base_new());
	memset(&conf, 0, sizeof(conf));
	conf.name = "child";
	conf.rules = parent_rules;
	conf.nrules = nitems_of(parent_rules);
	conf.hiwat = CHAN_HIWAT;
	conf.lowat = CHAN_LOWAT;
	conf.limit = CHAN_LIMIT;
	conf.fdpass = 1;
	conf.down = on_down;
	ck_assert_ptr_nonnull(chan = channel_new(base, fd[0], &conf));
}

static void
teardown(void)
{
	if (chan != NULL)
		channel_free(chan);
	event_base_free(base);
	if (pid != 0)
		kill(pid, SIGKILL);
}

static void
wake(int fd, short what, void *arg)
{
}

static void
turn(void)
{
	static const struct timeval	 tv = { 0, 2000 };

	event_base_once(base, -1, EV_TIMEOUT, wake, NULL, &tv);
	event_base_loop(base, EVLOOP_ONCE);
}

static int
turn_until(const int *flag)
{
	uint64_t	 end = mono_ms() + 5000;

	while (!*flag && mono_ms() < end)
		turn();
	return *flag;
}

static void
expect_line(const char *text)
{
	uint64_t	 end = mono_ms() + 5000;

	while (strstr(log_text, text) == NULL && mono_ms() < end)
		turn();
	ck_assert_msg(strstr(log_text, text) != NULL, "no \"%s\" in: %s", text,
	    log_text);
}

static void
send_init(uint32_t version, enum proc_kind kind)
{
	struct m_init	 m;

	memset(&m, 0, sizeof(m));
	m.version = version;
	m.kind = (uint8_t)kind;
	m.instance = 3;
	m.sandbox = PROC_SANDBOX_OFF;
	m.uid = m.gid = PROC_STAY;
	strlcpy(m.client, "p2pd/test", sizeof(m.client));
	ck_assert_int_eq(channel_send(chan, &m_init_desc, &m, -1), 0);
}

static void
send_start(void)
{
	struct m_start	 m = { 0 };

	ck_assert_int_eq(channel_send(chan, &m_start_desc, &m, -1), 0);
}

static void
send_host(const char *host, uint32_t req)
{
	struct m_resolve	 m;

	memset(&m, 0, sizeof(m));
	m.req = req;
	strlcpy(m.host, host, sizeof(m.host));
	ck_assert_int_eq(channel_send(chan, &m_resolve_desc, &m, -1), 0);
}

static void
start(void)
{
	send_init(MSG_VERSION, PROC_RESOLVER);
	send_start();
	ck_assert(turn_until(&ready));
}

static int
status(void)
{
	int	 st;

	if (chan != NULL) {
		channel_free(chan);
		chan = NULL;
	}
	ck_assert_int_eq(waitpid(pid, &st, 0), pid);
	pid = 0;
	ck_assert(WIFEXITED(st));
	return WEXITSTATUS(st);
}

START_TEST(two_steps)
{
	send_init(MSG_VERSION, PROC_RESOLVER);
	expect_line("init p2pd/test arg");
	ck_assert_int_eq(ready, 0);
	send_host("config.example", 0);
	expect_line("host config.example");
	send_start();
	ck_assert(turn_until(&ready));
	expect_line("start");
	ck_assert_ptr_null(strstr(log_text, "wrong init"));
	send_host("run.example", 0);
	expect_line("host run.example");
	/* the parent is gone: a clean end */
	ck_assert_int_eq(status(), 0);
}
END_TEST

START_TEST(stop_once)
{
	struct m_stop	 m = { 1234 };

	start();
	ck_assert_int_eq(channel_send(chan, &m_stop_desc, &m, -1), 0);
	ck_assert_int_eq(channel_send(chan, &m_stop_desc, &m, -1), 0);
	send_host("after", 0);
	expect_line("host after");
	ck_assert_ptr_nonnull(strstr(log_text, "stop 1234"));
	ck_assert_ptr_null(strstr(strstr(log_text, "stop 1234") + 1, "stop 1234"));
	ck_assert_int_eq(status(), 0);
}
END_TEST

START_TEST(exits_with_status)
{
	start();
	send_host("exit", 7);
	ck_assert(turn_until(&down));
	ck_assert_int_eq(status(), 7);
}
END_TEST

START_TEST(last_words)
{
	start();
	send_host("fatal", 0);
	ck_assert(turn_until(&down));
	ck_assert_str_eq(last, "fatal: last words");
	ck_assert_int_eq(status(), 1);
}
END_TEST

START_TEST(other_version)
{
	send_init(MSG_VERSION + 1, PROC_RESOLVER);
	ck_assert(turn_until(&down));
	ck_assert_ptr_nonnull(strstr(last, "version"));
	ck_assert_int_eq(status(), 1);
}
END_TEST

START_TEST(other_kind)
{
	send_init(MSG_VERSION, PROC_SESSION);
	ck_assert(turn_until(&down));
	ck_assert_ptr_nonnull(strstr(last, "session"));
	ck_assert_int_eq(status(), 1);
}
END_TEST

/* Out of order is rubbish from the parent: it is not carried on with. */
START_TEST(out_of_order)
{
	send_start();
	ck_assert(turn_until(&down));
	ck_assert_int_eq(ready, 0);
	ck_assert_int_eq(status(), 1);
}
END_TEST

START_TEST(init_twice)
{
	start();
	send_init(MSG_VERSION, PROC_RESOLVER);
	ck_assert(turn_until(&down));
	ck_assert_int_eq(status(), 1);
}
END_TEST

START_TEST(verbosity)
{
	struct m_verbose	 m = { 1 };

	start();
	send_host("debug", 0);
	send_host("first", 0);
	expect_line("host first");
	ck_assert_ptr_null(strstr(log_text, "debug line"));
	ck_assert_int_eq(channel_send(chan, &m_verbose_desc, &m, -1), 0);
	send_host("debug", 0);
	expect_line("debug line");
}
END_TEST

/* A flood of lines is cut, and what was cut is counted. */
START_TEST(log_flood)
{
	uint64_t	 end = mono_ms() + 5000;

	start();
	send_host("flood", 10000);
	expect_line("line 100");
	/* when the rate allows the next line, it tells */
	while (dropped == 0 && mono_ms() < end) {
		send_host("next", 0);
		turn();
	}
	/* How many pass depends on how long this machine took. */
	ck_assert_uint_gt(dropped, 1000);
	ck_assert_int_lt(lines, 9000);
}
END_TEST

/* The terminal's signals are for the parent. */
START_TEST(signals)
{
	start();
	kill(pid, SIGINT);
	kill(pid, SIGTERM);
	kill(pid, SIGHUP);
	send_host("alive", 0);
	expect_line("host alive");
	ck_assert_int_eq(status(), 0);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("child");
	TCase		*tc = tcase_create("child");
	SRunner		*sr;
	int		 failed;

	signal(SIGPIPE, SIG_IGN);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, two_steps);
	tcase_add_test(tc, stop_once);
	tcase_add_test(tc, exits_with_status);
	tcase_add_test(tc, last_words);
	tcase_add_test(tc, other_version);
	tcase_add_test(tc, other_kind);
	tcase_add_test(tc, out_of_order);
	tcase_add_test(tc, init_twice);
	tcase_add_test(tc, verbosity);
	tcase_add_test(tc, log_flood);
	tcase_add_test(tc, signals);
	tcase_set_timeout(tc, 30);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
