/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pctl/attachint.h"
#include "p2pctl/client.h"

/*
 * A program on the other side of two pipes, started again when it ends, if that
 * is wanted: after a second, then two, up to a minute. Its application is closed
 * at its end and opened by its token at its start, so that the daemon keeps the
 * peers, tells the new one what there is, and how much it missed.
 */
#define BACKOFF_MS	1000
#define BACKOFF_MAX	60000
#define STEADY_MS	60000	/* ran so long: it counts from the beginning */

static int	 wake[2] = { -1, -1 };
static volatile sig_atomic_t asked;	/* to end, so often */
static volatile sig_atomic_t asked_by;

static void
on_signal(int sig)
{
	int	 saved = errno;

	if (sig != SIGCHLD) {
		asked++;
		asked_by = sig;
	}
	(void)!write(wake[1], "", 1);
	errno = saved;
}

static int
set_flags(int fd)
{
	int	 flags;

	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	return 0;
}

static int
signals_init(void)
{
	static const int	 sigs[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP };
	struct sigaction	 sa;
	size_t			 i;

	if (wake[0] != -1)
		return 0;
	if (pipe(wake) == -1 || set_flags(wake[0]) == -1 ||
	    set_flags(wake[1]) == -1)
		return -1;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sa.sa_flags = SA_RESTART;
	for (i = 0; i < nitems_of(sigs); i++) {
		if (sigaction(sigs[i], &sa, NULL) == -1)
			return -1;
	}
	return 0;
}

int
program_fd(void)
{
	return wake[0];
}

static void
child(char **argv, int in, int out)
{
	static const int	 sigs[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP,
	    SIGPIPE };
	size_t			 i;

	for (i = 0; i < nitems_of(sigs); i++)
		signal(sigs[i], SIG_DFL);
	if (dup2(in, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1)
		_exit(127);
	closefrom(STDERR_FILENO + 1);
	execvp(argv[0], argv);
	fprintf(stderr, "p2pctl: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void
close_pipes(struct attach *a)
{
	if (a->rfd != -1)
		close(a->rfd);
	if (a->wfd != -1)
		close(a->wfd);
	a->rfd = a->wfd = -1;
}

int
program_start(struct attach *a)
{
	int	 in[2], out[2];

	a->rfd = a->wfd = -1;
	a->eof = 0;
	a->prog.again = 0;
	if (signals_init() == -1 || pipe(in) == -1 || pipe(out) == -1 ||
	    set_flags(in[1]) == -1 || set_flags(out[0]) == -1 ||
	    (a->prog.pid = fork()) == -1) {
		fprintf(stderr, "p2pctl: %s\n", strerror(errno));
		a->prog.pid = 0;
		return EX_FAILED;
	}
	if (a->prog.pid == 0)
		child(a->prog.argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	a->wfd = in[1];
	a->rfd = out[0];
	a->prog.started = mono_ms();
	return EX_DONE;
}

static void
reap(struct attach *a)
{
	int	 status;

	if (a->prog.pid == 0 || waitpid(a->prog.pid, &status, WNOHANG) <= 0)
		return;
	a->prog.pid = 0;
	a->prog.status = WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
	/* What it wrote is still read; who has its pipe by now is not it. */
	if (a->wfd != -1)
		close(a->wfd);
	a->wfd = -1;
}

/* The application, and what belonged to it, goes; the next one has the token. */
static void
forget(struct attach *a)
{
	struct ident	*i;

	while ((i = RB_ROOT(&a->idents)) != NULL) {
		RB_REMOVE(idents, &a->idents, i);
		json_decref(i->id);
		free(i);
	}
	p2papp_close(a->app);
	a->app = NULL;
	close_pipes(a);
	buf_free(&a->in);
	buf_free(&a->out);
	a->scanned = 0;
	a->skipping = 0;
	a->line = 0;
	a->unsaid = a->shed = a->stuck = 0;
}

static uint64_t
backoff(struct program *p)
{
	uint64_t	 ms = BACKOFF_MAX;

	if (p->fails < 6)
		ms = (uint64_t)BACKOFF_MS << p->fails;
	p->fails++;
	return ms < BACKOFF_MAX ? ms : BACKOFF_MAX;
}

int
program_over(struct attach *a)
{
	struct program	*p = &a->prog;
	uint64_t	 now = mono_ms(), ms;

	if (now - p->started >= STEADY_MS)
		p->fails = 0;
	if (asked || p->restart == RESTART_NEVER ||
	    (p->restart == RESTART_FAILURE && p->status == 0))
		return 0;
	if (p->fails >= p->limit) {
		fprintf(stderr, "p2pctl: %s ended with status %d and is not "
		    "started again after %u times\n", p->argv[0], p->status,
		    p->fails);
		return 0;
	}
	ms = backoff(p);
	fprintf(stderr, "p2pctl: %s ended with status %d; starting it again in "
	    "%llu s\n", p->argv[0], p->status, (unsigned long long)ms / 1000);
	forget(a);
	p->again = now + ms;
	return 1;
}

/* An application that cannot be had now is one more failure. */
static void
start_again(struct attach *a)
{
	struct program	*p = &a->prog;
	int		 r;

	p->again = 0;
	if ((r = attach_open(a)) != EX_DONE) {
		p2papp_close(a->app);
		a->app = NULL;
		if (p->fails >= p->limit)
			a->code = r;
		else
			p->again = mono_ms() + backoff(p);
		return;
	}
	if ((r = program_start(a)) != EX_DONE)
		a->code = r;
}

/* The first goes to the program, whose end is then ours; a second ends us. */
static void
pass_signal(struct attach *a)
{
	static int	 passed;

	if (asked == passed)
		return;
	passed = asked;
	if (a->prog.pid != 0 && passed == 1)
		kill(a->prog.pid, asked_by);
	else
		a->code = 128 + asked_by;
}

void
program_check(struct attach *a)
{
	char	 buf[64];

	if (a->prog.argv == NULL)
		return;
	while (read(wake[0], buf, sizeof(buf)) > 0)
		continue;
	pass_signal(a);
	reap(a);
	if (a->code == -1 && a->prog.again != 0 && mono_ms() >= a->prog.again)
		start_again(a);
}

int
program_timeout(const struct attach *a)
{
	uint64_t	 now;

	if (a->prog.again == 0)
		return -1;
	now = mono_ms();
	return a->prog.again <= now ? 0 : (int)(a->prog.again - now);
}

void
program_end(struct attach *a)
{
	if (a->prog.argv == NULL)
		return;
	close_pipes(a);
	if (a->prog.pid != 0)
		kill(a->prog.pid, SIGTERM);
	a->prog.pid = 0;
}
