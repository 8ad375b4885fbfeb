/* SPDX-License-Identifier: ISC */

/*
 * Sends every message back to the peer it came from.
 *
 *	echo [-s socket] name/version:codes
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p2papp.h>

#define USAGE	"echo [-s socket] name/version:codes"

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "echo: %s: %s\n", what, why);
	exit(1);
}

static void
wait_writable(struct p2papp *app)
{
	struct pollfd	 fds[64];
	size_t		 i, n;

	n = p2papp_pollfds(app, fds, 64);
	for (i = 0; i < n; i++)
		fds[i].events &= ~POLLIN;
	if (poll(fds, n, -1) == -1 && errno != EINTR)
		die("poll", strerror(errno));
	p2papp_flush(app);
}

static void
handle(struct p2papp *app, const struct p2papp_event *ev)
{
	switch (ev->type) {
	case P2PAPP_ATTACHED:
		printf("attached %s\n", ev->capability);
		break;
	case P2PAPP_PEER_UP:
		printf("peer %u up: %s/%u at %s, %s\n", ev->peer, ev->capability,
		    ev->version, ev->up->remote, ev->up->client);
		break;
	case P2PAPP_PEER_DOWN:
		printf("peer %u down: %s\n", ev->peer,
		    p2papp_reason_name(ev->down->reason));
		break;
	case P2PAPP_MESSAGE:
		while (p2papp_send(app, ev->peer, ev->cap, ev->code, ev->data,
		    ev->len, 0, NULL) == -1) {
			if (errno != EAGAIN)
				break;
			/* Our queue is full.  Reading waits until it is not. */
			wait_writable(app);
		}
		break;
	case P2PAPP_ERROR:
	case P2PAPP_DETACHED:
		/* Without it, it is about a peer that has just gone. */
		if (ev->capability != NULL)
			die(p2papp_code_name(ev->error),
			    ev->text != NULL ? ev->text : "detached");
		break;
	default:
		break;
	}
	fflush(stdout);
}

int
main(int argc, char *argv[])
{
	const struct p2papp_event	*ev;
	struct p2papp_version		 version;
	struct p2papp			*app;
	const char			*path = NULL;
	uint32_t			 cap;
	char				 name[9];
	int				 ch, r;

	while ((ch = getopt(argc, argv, "s:")) != -1) {
		if (ch != 's')
			die("usage", USAGE);
		path = optarg;
	}
	if (optind + 1 != argc || sscanf(argv[optind], "%8[^/]/%u:%u", name,
	    &version.version, &version.codes) != 3)
		die("usage", USAGE);

	if ((app = p2papp_open(path, "echo", NULL)) == NULL)
		die("open", strerror(errno));
	if (p2papp_attach(app, name, &version, 1, P2PAPP_STOP, &cap) == -1)
		die("attach", p2papp_error(app));
	for (;;) {
		while ((r = p2papp_next(app, &ev)) == 1)
			handle(app, ev);
		if (r == -1)
			die("p2pd", p2papp_error(app));
		if (p2papp_wait(app, -1) == -1 && errno != EINTR)
			die("wait", strerror(errno));
	}
}
