/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/proc.h"

static const char	*argv0;

/*
 * The child's side: looks at what it was given and says what is wrong with it
 * on its channel, or "ok".
 */
static const char *
wrong_fds(void)
{
	struct stat	 st, null;
	struct dirent	*de;
	DIR		*d;
	int		 fd, n = 0;

	if (fstat(0, &st) == -1 || stat("/dev/null", &null) == -1 ||
	    st.st_rdev != null.st_rdev)
		return "stdin is not /dev/null";
	if ((fcntl(PROC_CHANFD, F_GETFL) & O_NONBLOCK) == 0)
		return "channel may block";
	if ((d = opendir("/dev/fd")) == NULL)
		return "/dev/fd";
	while ((de = readdir(d)) != NULL) {
		fd = atoi(de->d_name);
		if (de->d_name[0] != '.' && fd != dirfd(d) && fd < 1024)
			n++;
	}
	closedir(d);
	return n == 4 ? NULL : "not four fds";
}

static const char *
wrong_signals(void)
{
	struct sigaction	 sa;
	sigset_t		 set;

	if (sigprocmask(SIG_SETMASK, NULL, &set) == -1 ||
	    sigismember(&set, SIGTERM) || sigismember(&set, SIGCHLD))
		return "signals blocked";
	if (sigaction(SIGPIPE, NULL, &sa) == -1 || sa.sa_handler != SIG_DFL ||
	    sigaction(SIGTERM, NULL, &sa) == -1 || sa.sa_handler != SIG_DFL)
		return "signals not at their default";
	return NULL;
}

static int
child(int argc, char *argv[])
{
	const char	*why = NULL;

	if (argc != 7 || strcmp(argv[0], "p2pd") != 0 ||
	    strcmp(argv[2], "session") != 0 || strcmp(argv[3], "-I") != 0 ||
	    strcmp(argv[4], "3") != 0 || strcmp(argv[5], "-v") != 0 ||
	    strcmp(argv[6], "x y") != 0)
		why = "arguments";
	if (why == NULL)
		why = wrong_fds();
	if (why == NULL)
		why = wrong_signals();
	if (why == NULL && (getenv("PATH") != NULL ||
	    getenv("LD_LIBRARY_PATH") != NULL))
		why = "environment";
	if (why == NULL && (getenv("UBSAN_OPTIONS") == NULL))
		why = "sanitizer's options are gone";
	if (why == NULL)
		why = "ok";
	return write(PROC_CHANFD, why, strlen(why)) == (ssize_t)strlen(why) ?
	    7 : 1;
}

static void
spawn_and_check(int bin)
{
	char		 v[] = "-v", x[] = "x y", *extra[] = { v, x, NULL };
	struct pollfd	 pfd;
	char		 buf[64];
	ssize_t		 n;
	int		 chan, status;
	pid_t		 pid;

	pid = proc_spawn(bin, "session", 3, extra, &chan);
	ck_assert_int_gt(pid, 0);
	ck_assert_int_ne(fcntl(chan, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(chan, F_GETFD), FD_CLOEXEC);
	pfd.fd = chan;
	pfd.events = POLLIN;
	ck_assert_int_eq(poll(&pfd, 1, 30000), 1);
	n = read(chan, buf, sizeof(buf) - 1);
	ck_assert_int_ge(n, 0);
	buf[n] = '\0';
	ck_assert_str_eq(buf, "ok");
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	close(chan);
}

START_TEST(spawning)
{
	const char	*preload = getenv("LD_PRELOAD");
	int		 bin, bin3, i;

	/* Under valgrind argv[0] is not what runs. */
	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		return;
	setenv("UBSAN_OPTIONS", "print_stacktrace=1", 1);
	setenv("LD_LIBRARY_PATH", "/nonexistent", 1);
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_ne(bin = proc_binary_open(argv0), -1);
	ck_assert_int_eq(fcntl(bin, F_GETFD), FD_CLOEXEC);
	/* Whatever its number, and whatever else is open and inherited. */
	for (i = 0; i < 20; i++)
		ck_assert_int_ne(dup(1), -1);
	spawn_and_check(bin);
	for (i = 3; i < 7; i++) {
		if (i == bin)
			continue;
		close(i);
		bin3 = fcntl(bin, F_DUPFD_CLOEXEC, i);
		ck_assert_int_eq(bin3, i);
		spawn_and_check(bin3);
		close(i);
	}
}
END_TEST

START_TEST(no_binary)
{
	int	 chan, status, fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t	 pid;

	pid = proc_spawn(fd, "session", 0, NULL, &chan);
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 127);
}
END_TEST

START_TEST(profiles)
{
	static const char *const	 names[] = { "parent", "control",
		    "listener", "dialer", "session", "resolver" };
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_ptr_nonnull(proc_profile(names[i]));
	ck_assert_ptr_null(proc_profile("nobody"));
	ck_assert_ptr_null(proc_profile(""));
}
END_TEST

START_TEST(layers)
{
	struct proc_layers	 l = { 0 };
	char			 s[PROC_LAYERS_STRLEN], small[12];

	ck_assert_str_eq(proc_layers_format(&l, s, sizeof(s)), "none");
	l.active = PROC_L_CHROOT | PROC_L_UID | PROC_L_RLIMITS;
	ck_assert_str_eq(proc_layers_format(&l, s, sizeof(s)),
	    "chroot uid rlimits");
	l.active = PROC_L_RLIMITS;
	l.unavailable = PROC_L_CHROOT | PROC_L_UID;
	ck_assert_str_eq(proc_layers_format(&l, s, sizeof(s)),
	    "rlimits; without chroot uid");
	ck_assert_str_eq(proc_layers_format(&l, small, sizeof(small)),
	    "rlimits; wi");
	l.unavailable |= PROC_L_OFF;
	ck_assert_str_eq(proc_layers_format(&l, s, sizeof(s)),
	    "rlimits; without chroot uid (sandbox off)");
	/* All that there could be fits. */
	l.active = l.unavailable = 0xffffffff;
	l.landlock_abi = 65535;
	proc_layers_format(&l, s, sizeof(s));
	ck_assert_uint_lt(strlen(s), sizeof(s) - 1);
#ifdef __linux__
	l.unavailable = 0;
	l.active = PROC_L_LANDLOCK | PROC_L_SECCOMP;
	l.landlock_abi = 7;
	ck_assert_str_eq(proc_layers_format(&l, s, sizeof(s)),
	    "landlock/7 seccomp");
#endif
}
END_TEST

int
main(int argc, char *argv[])
{
	Suite	*s;
	TCase	*tc;
	SRunner	*sr;
	int	 failed;

	if (argc > 1 && strcmp(argv[1], "-P") == 0)
		return child(argc, argv);
	argv0 = argv[0];
	s = suite_create("ipc/proc");
	tc = tcase_create("proc");
	tcase_add_test(tc, spawning);
	tcase_add_test(tc, no_binary);
	tcase_add_test(tc, profiles);
	tcase_add_test(tc, layers);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
