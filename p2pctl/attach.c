/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pctl/attach.h"
#include "p2pctl/attachint.h"
#include "p2pctl/client.h"

#define APP_SOCK	RUNSTATEDIR "/p2pd/app.sock"
#define FDS_MAX		67
#define READ_SIZE	65536
#define STUCK_MS	1000
#define QUEUE		(4 * 1024 * 1024)	/* to the daemon: input waits then */

static int
errno_exit(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return EX_DENIED;
	case ENOENT:
	case ECONNREFUSED:
	case ECONNRESET:
	case ETIMEDOUT:
		return EX_NODAEMON;
	case EBUSY:
		return EX_BUSY;
	}
	return EX_FAILED;
}

static int
attach_cap(struct attach *a, struct attcap *c)
{
	if (a->tap)
		return p2papp_tap(a->app, c->name, c->v, c->n, a->options,
		    &c->id);
	return p2papp_attach_opt(a->app, c->name, c->v, c->n, a->policy,
	    a->options, &c->id);
}

static int
attach_all(struct attach *a)
{
	struct attcap	*c;
	size_t		 i;

	for (i = 0; i < a->ncaps; i++) {
		c = &a->caps[i];
		c->attached = c->answered = 0;
		if (attach_cap(a, c) == -1) {
			fprintf(stderr, "p2pctl: %s: %s\n", c->name,
			    p2papp_error(a->app));
			return EX_USAGE_ERR;
		}
	}
	return EX_DONE;
}

int
attach_open(struct attach *a)
{
	int	 r;

	a->app = p2papp_open(a->sockpath, a->name,
	    a->has_token ? a->token : NULL);
	if (a->app == NULL) {
		r = errno_exit(errno);
		fprintf(stderr, "p2pctl: %s %s: %s\n", r == EX_NODAEMON ?
		    "no daemon at" : "application socket", a->sockpath,
		    strerror(errno));
		return r;
	}
	p2papp_set_queue(a->app, QUEUE);
	return attach_all(a);
}

/*
 * A program that does not read while it writes, and a daemon that is not read
 * and so does not read: after a second of this messages are let go, and
 * counted, until one of them moves.
 */
static int
is_stuck(struct attach *a)
{
	if (!a->held.active || a->out.len < OUT_HIGH)
		a->stuck = 0;
	else if (a->stuck == 0)
		a->stuck = mono_ms();
	return a->stuck != 0 && mono_ms() - a->stuck >= STUCK_MS;
}

static void
read_daemon(struct attach *a)
{
	const struct p2papp_event	*ev;
	int				 r = 1, n = 0, stuck = is_stuck(a);

	while (a->code == -1 && (a->out.len < OUT_HIGH ||
	    (stuck && n++ < 1000)) && (r = p2papp_next(a->app, &ev)) == 1)
		output_event(a, ev);
	if (r == -1) {
		a->code = errno_exit(errno);
		fprintf(stderr, "p2pctl: %s%s\n", p2papp_error(a->app),
		    errno == ECONNRESET || errno == ETIMEDOUT ?
		    "; is this its application socket?" : "");
	}
}

static void
read_input(struct attach *a)
{
	ssize_t	 n;
	char	*p;

	if ((p = buf_room(&a->in, READ_SIZE)) == NULL) {
		fprintf(stderr, "p2pctl: out of memory\n");
		a->code = EX_FAILED;
		return;
	}
	n = read(a->rfd, p, READ_SIZE);
	if (n > 0)
		a->in.len += (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		a->eof = 1;
}

/* Nobody reads us any more. Of a program we wait for the end. */
static void
output_over(struct attach *a)
{
	buf_drop(&a->out, a->out.len);
	if (a->prog.argv == NULL)
		a->code = EX_FAILED;
	else if (a->wfd != -1) {
		close(a->wfd);
		a->wfd = -1;
	}
}

/*
 * Never blocks, and leaves the descriptor's flags, which others share, alone:
 * where poll(2) says so a pipe takes PIPE_BUF at least, and a file all.
 */
static void
write_output(struct attach *a, size_t piece)
{
	struct pollfd	 pfd = { a->wfd, POLLOUT, 0 };
	ssize_t		 n;

	if (a->prog.argv != NULL && a->wfd == -1)
		buf_drop(&a->out, a->out.len);
	while (a->out.len > 0 && poll(&pfd, 1, 0) == 1) {
		n = write(a->wfd, a->out.p + a->out.off,
		    a->out.len < piece ? a->out.len : piece);
		if (n > 0) {
			buf_drop(&a->out, (size_t)n);
			continue;
		}
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n == -1 && errno != EPIPE)
			fprintf(stderr, "p2pctl: write: %s\n", strerror(errno));
		output_over(a);
	}
}

static void
detach_all(struct attach *a)
{
	size_t	 i;

	for (i = 0; i < a->ncaps; i++) {
		if (!a->leaving && a->caps[i].attached)
			(void)p2papp_detach(a->app, a->caps[i].id);
	}
	a->leaving = 1;
	for (i = 0; i < a->ncaps; i++) {
		if (a->caps[i].attached)
			return;
	}
	a->code = a->prog.argv != NULL ? a->prog.status : EX_DONE;
}

/*
 * Input is over: when the outcome of every send is known, and the daemon has
 * said by its answer to the detach that it has read all there was, we go, or
 * start the program again.
 */
static void
leave(struct attach *a)
{
	size_t	 i;

	/* Who was not even answered yet may still be refused. */
	for (i = 0; i < a->ncaps; i++) {
		if (!a->caps[i].answered)
			return;
	}
	if (!a->eof || a->keep || a->held.active || a->in.len > 0 ||
	    p2papp_pending(a->app) > 0 || p2papp_outstanding(a->app) > 0 ||
	    a->prog.pid != 0)
		return;
	if (a->prog.argv == NULL || a->leaving || !program_over(a))
		detach_all(a);
}

/* The sooner of what the library, a program and a dead-lock wait for. */
static int
next_timeout(struct attach *a, int full)
{
	int	 t = a->app == NULL || full ? -1 : p2papp_timeout(a->app);
	int	 other = program_timeout(a);

	if (other != -1 && (t == -1 || other < t))
		t = other;
	if (a->stuck != 0 && (t == -1 || t > STUCK_MS / 10))
		t = STUCK_MS / 10;
	return t;
}

static void
wait_any(struct attach *a)
{
	struct pollfd	 fds[FDS_MAX];
	size_t		 i, n = 0;
	int		 timeout = -1;
	int		 full = a->out.len >= OUT_HIGH && !is_stuck(a);

	memset(fds, 0, 3 * sizeof(fds[0]));
	fds[0].fd = a->eof || a->held.active || a->code != -1 ? -1 : a->rfd;
	fds[0].events = POLLIN;
	/* Without a wish it still tells when its reader is gone. */
	fds[1].fd = a->wfd;
	fds[1].events = a->out.len > 0 ? POLLOUT : 0;
	fds[2].fd = program_fd();
	fds[2].events = POLLIN;
	if (a->code == -1 && a->app != NULL)
		n = p2papp_pollfds(a->app, fds + 3, FDS_MAX - 3);
	for (i = 3; full && i < n + 3; i++)
		fds[i].events &= ~POLLIN;
	if (a->code == -1)
		timeout = next_timeout(a, full);
	if (poll(fds, (nfds_t)(n + 3), timeout) <= 0)
		return;
	if (fds[1].revents & (POLLERR | POLLNVAL))
		output_over(a);
	if (fds[0].revents != 0)
		read_input(a);
}

/* Of a program that has ended nothing more comes than what is there. */
static void
read_rest(struct attach *a)
{
	struct pollfd	 pfd = { a->rfd, POLLIN, 0 };

	if (a->prog.argv != NULL && a->prog.pid == 0 && !a->eof &&
	    !a->held.active && poll(&pfd, 1, 0) == 0)
		a->eof = 1;
}

static void
turn(struct attach *a)
{
	program_check(a);
	if (a->app == NULL)
		return;
	read_rest(a);
	read_daemon(a);
	input_run(a);
	output_unsaid(a);
	if (a->code == -1)
		leave(a);
}

static int
run(struct attach *a)
{
	struct stat	 st;
	size_t		 piece = PIPE_BUF;

	if (a->wfd != -1 && fstat(a->wfd, &st) == 0 && S_ISREG(st.st_mode))
		piece = SSIZE_MAX;
	while (a->code == -1 || (a->out.len > 0 && a->prog.argv == NULL)) {
		if (a->code == -1)
			turn(a);
		write_output(a, piece);
		if (a->code == -1 || a->out.len > 0)
			wait_any(a);
	}
	return a->code;
}

static void
clean_up(struct attach *a)
{
	struct ident	*i;
	size_t		 n;

	while ((i = RB_ROOT(&a->idents)) != NULL) {
		RB_REMOVE(idents, &a->idents, i);
		json_decref(i->id);
		free(i);
	}
	for (n = 0; n < a->ncaps; n++)
		free(a->caps[n].json);
	json_decref(a->held.id);
	free(a->held.peers);
	free(a->data);
	buf_free(&a->in);
	buf_free(&a->out);
	p2papp_options_free(a->options);
	p2papp_close(a->app);
}

int
attach_main(int argc, char *argv[], const char *sockpath)
{
	static struct attach	 a;
	int			 r;

	memset(&a, 0, sizeof(a));
	a.code = -1;
	a.sockpath = sockpath != NULL ? sockpath : APP_SOCK;
	a.rfd = STDIN_FILENO;
	a.wfd = STDOUT_FILENO;
	if ((r = attach_args(&a, argc, argv)) == EX_DONE &&
	    (r = attach_open(&a)) == EX_DONE &&
	    (a.prog.argv == NULL || (r = program_start(&a)) == EX_DONE))
		r = run(&a);
	program_end(&a);
	clean_up(&a);
	return r;
}
