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

#include "p2pctl/attach.h"
#include "p2pctl/attachint.h"
#include "p2pctl/client.h"

#define FDS_MAX		66
#define READ_SIZE	65536
#define CODES_MAX	65536

static int
usage(void)
{
	fprintf(stderr, "usage: p2pctl attach [-k] [-n name] [-p policy] "
	    "capability/version:codes ...\n");
	return EX_USAGE_ERR;
}

static int
number(const char *s, uint32_t min, uint32_t max, uint32_t *v)
{
	const char	*err;

	if (*s < '0' || *s > '9')
		return -1;
	*v = (uint32_t)strtonum(s, min, max, &err);
	return err == NULL ? 0 : -1;
}

/* "eth/69:18"; versions of one name belong together, wherever they stand. */
static int
add_spec(struct attach *a, const char *spec)
{
	char			 copy[64], *version, *codes;
	struct p2papp_version	 v;
	struct attcap		*c;
	size_t			 i;

	if (strlcpy(copy, spec, sizeof(copy)) >= sizeof(copy) ||
	    (version = strchr(copy, '/')) == NULL ||
	    (codes = strchr(version, ':')) == NULL)
		return -1;
	*version++ = '\0';
	*codes++ = '\0';
	if (number(version, 0, UINT32_MAX, &v.version) == -1 ||
	    number(codes, 1, CODES_MAX, &v.codes) == -1 ||
	    copy[0] == '\0' || strlen(copy) >= sizeof(a->caps[0].name))
		return -1;
	for (i = 0; i < a->ncaps && strcmp(a->caps[i].name, copy) != 0; i++)
		continue;
	if (i == P2PAPP_CAPS)
		return -1;
	c = &a->caps[i];
	if (i == a->ncaps) {
		a->ncaps++;
		memcpy(c->name, copy, strlen(copy) + 1);
	}
	if (c->n == P2PAPP_VERSIONS)
		return -1;
	c->v[c->n++] = v;
	return 0;
}

static int
policy_byname(const char *name)
{
	static const char *const names[] = {
		[P2PAPP_STOP] = "stop", [P2PAPP_DROP] = "drop",
		[P2PAPP_DISCONNECT] = "disconnect"
	};
	int	 i;

	for (i = 0; i < 3; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

static int
attach_all(struct attach *a, enum p2papp_policy policy)
{
	struct attcap	*c;
	json_t		*name;
	size_t		 i;

	for (i = 0; i < a->ncaps; i++) {
		c = &a->caps[i];
		if ((name = json_string(c->name)) == NULL ||
		    (c->json = json_dumps(name, JSON_ENCODE_ANY)) == NULL) {
			json_decref(name);
			fprintf(stderr, "p2pctl: out of memory\n");
			return EX_FAILED;
		}
		json_decref(name);
		if (p2papp_attach(a->app, c->name, c->v, c->n, policy,
		    &c->id) == -1) {
			fprintf(stderr, "p2pctl: %s: %s\n", c->name,
			    p2papp_error(a->app));
			return EX_USAGE_ERR;
		}
	}
	return EX_DONE;
}

static int
errno_exit(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return EX_DENIED;
	case ENOENT:
	case ECONNREFUSED:
		return EX_NODAEMON;
	case EBUSY:
		return EX_BUSY;
	}
	return EX_FAILED;
}

static void
read_daemon(struct attach *a)
{
	const struct p2papp_event	*ev;
	int				 r = 1;

	while (a->code == -1 && a->out.len < OUT_HIGH &&
	    (r = p2papp_next(a->app, &ev)) == 1)
		output_event(a, ev);
	if (r == -1) {
		a->code = errno_exit(errno);
		fprintf(stderr, "p2pctl: %s\n", p2papp_error(a->app));
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
	n = read(STDIN_FILENO, p, READ_SIZE);
	if (n > 0)
		a->in.len += (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		a->eof = 1;
}

/*
 * Never blocks, and leaves the descriptor's flags, which others share, alone:
 * where poll(2) says so a pipe takes PIPE_BUF at least, and a file all.
 */
static void
write_output(struct attach *a, size_t piece)
{
	struct pollfd	 pfd = { STDOUT_FILENO, POLLOUT, 0 };
	ssize_t		 n;

	while (a->out.len > 0 && poll(&pfd, 1, 0) == 1) {
		n = write(STDOUT_FILENO, a->out.p + a->out.off,
		    a->out.len < piece ? a->out.len : piece);
		if (n > 0) {
			buf_drop(&a->out, (size_t)n);
			continue;
		}
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n == -1 && errno != EPIPE)
			fprintf(stderr, "p2pctl: write: %s\n", strerror(errno));
		a->code = EX_FAILED;
		buf_drop(&a->out, a->out.len);
	}
}

/*
 * Input is over: when the outcome of every send is known, and the daemon has
 * said by its answer to the detach that it has read all there was, we go.
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
	    p2papp_pending(a->app) > 0 || p2papp_outstanding(a->app) > 0)
		return;
	for (i = 0; i < a->ncaps; i++) {
		if (!a->leaving && a->caps[i].attached)
			(void)p2papp_detach(a->app, a->caps[i].id);
	}
	a->leaving = 1;
	for (i = 0; i < a->ncaps; i++) {
		if (a->caps[i].attached)
			return;
	}
	a->code = EX_DONE;
}

static void
wait_any(struct attach *a)
{
	struct pollfd	 fds[FDS_MAX];
	size_t		 i, n;
	int		 timeout = -1, full = a->out.len >= OUT_HIGH;

	memset(fds, 0, 2 * sizeof(fds[0]));
	fds[0].fd = a->eof || a->held.active || a->code != -1 ? -1 :
	    STDIN_FILENO;
	fds[0].events = POLLIN;
	/* Without a wish it still tells when its reader is gone. */
	fds[1].fd = STDOUT_FILENO;
	fds[1].events = a->out.len > 0 ? POLLOUT : 0;
	n = a->code != -1 ? 0 : p2papp_pollfds(a->app, fds + 2, FDS_MAX - 2);
	for (i = 2; full && i < n + 2; i++)
		fds[i].events &= ~POLLIN;
	if (!full && a->code == -1)
		timeout = p2papp_timeout(a->app);
	if (poll(fds, (nfds_t)(n + 2), timeout) <= 0)
		return;
	if (fds[1].revents & (POLLERR | POLLNVAL)) {
		a->code = EX_FAILED;
		buf_drop(&a->out, a->out.len);
	}
	if (fds[0].revents != 0)
		read_input(a);
}

static int
run(struct attach *a)
{
	struct stat	 st;
	size_t		 piece = PIPE_BUF;

	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		piece = SSIZE_MAX;
	while (a->code == -1 || a->out.len > 0) {
		if (a->code == -1) {
			read_daemon(a);
			input_run(a);
			output_unsaid(a);
			leave(a);
		}
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
	free(a->data);
	buf_free(&a->in);
	buf_free(&a->out);
	p2papp_close(a->app);
}

int
attach_main(int argc, char *argv[], const char *sockpath)
{
	static struct attach	 a;
	const char		*name = "p2pctl";
	int			 ch, policy = P2PAPP_STOP, r;

	memset(&a, 0, sizeof(a));
	a.code = -1;
	optind = 1;
	while ((ch = getopt(argc, argv, "+kn:p:")) != -1) {
		if (ch == 'k')
			a.keep = 1;
		else if (ch == 'n')
			name = optarg;
		else if (ch != 'p' || (policy = policy_byname(optarg)) == -1)
			return usage();
	}
	if (optind == argc)
		return usage();
	for (; optind < argc; optind++) {
		if (add_spec(&a, argv[optind]) == -1) {
			fprintf(stderr, "p2pctl: %s: not capability/version:codes\n",
			    argv[optind]);
			return EX_USAGE_ERR;
		}
	}
	if ((a.app = p2papp_open(sockpath, name, NULL)) == NULL) {
		r = errno_exit(errno);
		fprintf(stderr, "p2pctl: application socket: %s\n",
		    strerror(errno));
		return r;
	}
	if ((r = attach_all(&a, (enum p2papp_policy)policy)) == EX_DONE)
		r = run(&a);
	clean_up(&a);
	return r;
}
