/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/ipc/proc.h"

#define ARGS_MAX	32
#define HIGH_FD		10	/* above all that a child is given */
#define BIN_FD		(PROC_CHANFD + 1)

/*
 * The child runs on our memory until it executes, which spares a copy of the
 * page tables; sanitizers do not follow that.
 */
#if defined(P2PD_SANITIZERS)
#define spawn_fork	fork
#else
#define spawn_fork	vfork
#endif

#ifndef HAVE_FEXECVE
/* Where a system can execute no descriptor, the path as it was at start. */
static char	 binary_path[PATH_MAX];
#endif

#ifndef __linux__
static int
open_resolved(const char *path)
{
#ifndef HAVE_FEXECVE
	if (realpath(path, binary_path) == NULL)
		return -1;
#endif
	if (access(path, X_OK) == -1)
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int
open_from_path(const char *argv0)
{
	char		 buf[PATH_MAX];
	const char	*path, *end;
	int		 fd, n;

	if (strchr(argv0, '/') != NULL)
		return open_resolved(argv0);
	if ((path = getenv("PATH")) == NULL)
		path = "";
	for (; *path != '\0'; path = *end == ':' ? end + 1 : end) {
		end = path + strcspn(path, ":");
		n = snprintf(buf, sizeof(buf), "%.*s/%s", (int)(end - path),
		    path, argv0);
		if (n > 0 && (size_t)n < sizeof(buf) &&
		    (fd = open_resolved(buf)) != -1)
			return fd;
	}
	errno = ENOENT;
	return -1;
}
#endif

int
proc_binary_open(const char *argv0)
{
#ifdef __linux__
	return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
#else
	return open_from_path(argv0);
#endif
}

/*
 * Our fds at their places and nothing else open.  First both go where no place
 * is taken, so that there is one way through whatever their numbers were.
 */
static int
arrange_fds(int chan, int bin)
{
	int	 null;

	if ((chan = fcntl(chan, F_DUPFD_CLOEXEC, HIGH_FD)) == -1 ||
	    (bin = fcntl(bin, F_DUPFD_CLOEXEC, HIGH_FD)) == -1 ||
	    (null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1 ||
	    (null = fcntl(null, F_DUPFD_CLOEXEC, HIGH_FD)) == -1)
		return -1;
	if (dup2(null, STDIN_FILENO) == -1 ||
	    dup2(chan, PROC_CHANFD) == -1 ||
	    dup2(bin, BIN_FD) == -1 ||
	    fcntl(BIN_FD, F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	closefrom(BIN_FD + 1);
	return 0;
}

static void
reset_signals(void)
{
	struct sigaction	 sa;
	sigset_t		 set;
	int			 sig;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	sigemptyset(&sa.sa_mask);
	for (sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* Nothing of the environment but what tunes a sanitizer. */
static void
pick_env(char *env[], size_t n)
{
	static const char *const	 keep[] = {
		"ASAN_OPTIONS=", "LSAN_OPTIONS=", "UBSAN_OPTIONS="
	};
	extern char			**environ;
	size_t				 i, k = 0;
	char				**e;

	for (e = environ; e != NULL && *e != NULL; e++) {
		for (i = 0; i < nitems_of(keep) && k < n - 1; i++) {
			if (strncmp(*e, keep[i], strlen(keep[i])) == 0)
				env[k++] = *e;
		}
	}
	env[k] = NULL;
}

static void
become(int chan, int bin, char *argv[])
{
	char	*env[4];

	pick_env(env, nitems_of(env));
	reset_signals();
	if (arrange_fds(chan, bin) == -1)
		return;
#ifdef HAVE_FEXECVE
	fexecve(BIN_FD, argv, env);
#else
	execve(binary_path, argv, env);
#endif
}

pid_t
proc_spawn(int binfd, const char *name, unsigned int instance,
    char *const extra[], int *chanfd)
{
	char		 prog[] = "p2pd", dash_p[] = "-P", dash_i[] = "-I";
	char		 pname[32], num[16], *argv[ARGS_MAX];
	sigset_t	 all, old;
	size_t		 n = 0;
	int		 sv[2], saved_errno;
	pid_t		 pid;

	strlcpy(pname, name, sizeof(pname));
	snprintf(num, sizeof(num), "%u", instance);
	argv[n++] = prog;
	argv[n++] = dash_p;
	argv[n++] = pname;
	argv[n++] = dash_i;
	argv[n++] = num;
	while (extra != NULL && *extra != NULL && n < ARGS_MAX - 1)
		argv[n++] = *extra++;
	argv[n] = NULL;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    sv) == -1)
		return -1;
	/* No handler of ours may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	if ((pid = spawn_fork()) == 0) {
		become(sv[1], binfd, argv);
		_exit(127);
	}
	saved_errno = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(sv[1]);
	if (pid == -1) {
		close(sv[0]);
		errno = saved_errno;
		return -1;
	}
	*chanfd = sv[0];
	return pid;
}
