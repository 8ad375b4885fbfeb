/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/log.h"

static int	 last_pri, nlines;
static char	 last[LOG_LINE_MAX];

static void
sink(int pri, const char *line, void *arg)
{
	ck_assert_ptr_eq(arg, &nlines);
	last_pri = pri;
	snprintf(last, sizeof(last), "%s", line);
	nlines++;
	/* A sink that complains must not be called for it again. */
	log_warnx("in the sink");
}

START_TEST(sinks)
{
	char	 lng[3000];

	nlines = 0;
	log_set_sink(sink, &nlines);
	log_setverbose(0);
	errno = ENOENT;
	log_warn("open %s", "x");
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(last_pri, LOG_ERR);
	ck_assert_str_eq(last, "open x: No such file or directory");
	log_warnx("a\nb\x1b[0m\\x");
	ck_assert_str_eq(last, "a\\x0ab\\x1b[0m\\x");
	log_info("hi");
	ck_assert_int_eq(last_pri, LOG_INFO);
	ck_assert_int_eq(nlines, 3);
	log_debug("quiet");
	ck_assert_int_eq(nlines, 3);
	log_setverbose(1);
	ck_assert_int_eq(log_getverbose(), 1);
	log_debug("loud");
	ck_assert_int_eq(last_pri, LOG_DEBUG);
	ck_assert_int_eq(nlines, 4);
	memset(lng, '\n', sizeof(lng));
	lng[sizeof(lng) - 1] = '\0';
	log_warnx("%s", lng);
	ck_assert_uint_le(strlen(last), LOG_LINE_MAX - 1);
	ck_assert_str_eq(last + strlen(last) - 4, "\\x0a");
	log_set_sink(NULL, NULL);
	log_setverbose(0);
}
END_TEST

/* Runs fn with stderr in a file and returns what it wrote. */
static const char *
capture(void (*fn)(void))
{
	static char	 out[4096];
	FILE		*f = tmpfile();
	int		 saved = dup(2);
	ssize_t		 n;

	ck_assert_ptr_nonnull(f);
	dup2(fileno(f), 2);
	fn();
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	n = pread(fileno(f), out, sizeof(out) - 1, 0);
	fclose(f);
	out[n < 0 ? 0 : n] = '\0';
	return out;
}

static void
say(void)
{
	log_line(LOG_INFO, "list\nener", "one\rtwo");
	log_line(LOG_DEBUG, "listener", "not now");
	log_procinit("dialer");
	log_info("three");
}

START_TEST(streams)
{
	log_init(1, 0);
	ck_assert_str_eq(capture(say),
	    "list\\x0aener: one\\x0dtwo\ndialer: three\n");
}
END_TEST

START_TEST(fatal_exits)
{
	errno = EPERM;
	fatal("over");
}
END_TEST

START_TEST(fatalx_exits)
{
	fatalx("over");
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("base/log");
	TCase	*tc = tcase_create("log");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, sinks);
	tcase_add_test(tc, streams);
	tcase_add_exit_test(tc, fatal_exits, 1);
	tcase_add_exit_test(tc, fatalx_exits, 1);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
