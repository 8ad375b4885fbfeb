/* SPDX-License-Identifier: ISC */

/*
 * Talk between p2pd nodes, by a capability of its own, chat/1.
 *
 *	chat [-n name] [-s socket]
 *
 * Lines of standard input go to all peers; what they say is printed with who
 * said it. Code 0 is a name, which the daemon sends for us as soon as a peer is
 * up, and without which a peer is let go after 5 seconds; code 1 is a line. Both
 * are plain text of at most 512 bytes. With two nodes on one machine:
 *
 *	p2pd -f one.conf; p2pd -f two.conf
 *	chat -s one.sock -n ann		chat -s two.sock -n ben
 *	p2pctl -s one-control.sock peer add enode://...
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p2papp.h>

enum { NAME = 0, LINE = 1, CODES = 2 };
#define TEXT_MAX	512

struct peer {
	struct peer	*next;
	uint32_t	 handle;
	char		 name[TEXT_MAX + 1];
};

struct chat {
	struct p2papp	*app;
	uint32_t	 cap;
	struct peer	*peers;
	char		 line[TEXT_MAX];
	size_t		 len;
	int		 eof;		/* of standard input */
	int		 leaving;
	int		 done;
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "chat: %s: %s\n", what, why);
	exit(1);
}

/*
 * What others wrote may be anything: nothing in it controls our terminal, also
 * not what UTF-8 has in two bytes for that.
 */
static void
clean(char *dst, const uint8_t *src, size_t len)
{
	size_t	 i;

	for (i = 0; i < len && i < TEXT_MAX; i++) {
		dst[i] = src[i] < ' ' || src[i] == 0x7f ? '?' : (char)src[i];
		if (i > 0 && src[i - 1] == 0xc2 && src[i] < 0xa0)
			dst[i - 1] = dst[i] = '?';
	}
	dst[i] = '\0';
}

static struct peer **
find(struct chat *c, uint32_t handle)
{
	struct peer	**p;

	for (p = &c->peers; *p != NULL && (*p)->handle != handle; )
		p = &(*p)->next;
	return p;
}

/* Until it tells its name it goes by the beginning of its key. */
static void
peer_up(struct chat *c, const struct p2papp_event *ev)
{
	struct peer	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		die("peer", strerror(errno));
	p->handle = ev->peer;
	snprintf(p->name, sizeof(p->name), "%02x%02x%02x%02x", ev->up->id[0],
	    ev->up->id[1], ev->up->id[2], ev->up->id[3]);
	p->next = c->peers;
	c->peers = p;
	/* It may have told its name to an earlier run of ours. */
	if (ev->up->snapshot)
		p2papp_accept(c->app, ev->peer, ev->cap);
}

static void
peer_down(struct chat *c, const struct p2papp_event *ev)
{
	struct peer	**pp = find(c, ev->peer), *p = *pp;

	if (p == NULL)
		return;
	printf("* %s has left: %s\n", p->name,
	    p2papp_reason_name(ev->down->reason));
	*pp = p->next;
	free(p);
}

static void
message(struct chat *c, const struct p2papp_event *ev)
{
	struct peer	*p = *find(c, ev->peer);
	char		 text[TEXT_MAX + 1];

	if (p == NULL)
		return;
	if (ev->len > TEXT_MAX) {
		/* 2 is devp2p's breach of protocol. */
		p2papp_penalise(c->app, ev->peer, 2, 60, NULL);
		return;
	}
	clean(text, ev->data, ev->len);
	if (ev->code == LINE) {
		printf("<%s> %s\n", p->name, text);
		return;
	}
	memcpy(p->name, text, sizeof(p->name));
	p2papp_accept(c->app, ev->peer, ev->cap);
	printf("* %s is here\n", p->name);
}

static void
event(struct chat *c, const struct p2papp_event *ev)
{
	switch (ev->type) {
	case P2PAPP_ATTACHED:
		printf("* ready\n");
		break;
	case P2PAPP_PEER_UP:
		peer_up(c, ev);
		break;
	case P2PAPP_PEER_DOWN:
		peer_down(c, ev);
		break;
	case P2PAPP_MESSAGE:
		message(c, ev);
		break;
	case P2PAPP_SENT_MANY:
		if (ev->dropped > 0)
			printf("* %u did not get that\n", (unsigned)ev->dropped);
		break;
	case P2PAPP_DETACHED:
		if (ev->error == 0) {
			c->done = 1;
			break;
		}
		die(p2papp_code_name(ev->error), ev->text);
		break;
	case P2PAPP_ERROR:
		/* A peer that has just gone is no error of ours. */
		if (ev->capability != NULL)
			die(p2papp_code_name(ev->error), ev->text);
		break;
	default:
		break;
	}
	fflush(stdout);
}

static void
say(struct chat *c, const char *text, size_t len)
{
	struct p2papp_many	 all;

	memset(&all, 0, sizeof(all));
	all.cap = c->cap;
	all.code = LINE;
	all.select = P2PAPP_ALL;
	if (p2papp_multisend(c->app, &all, text, len, P2PAPP_COMPLETE, NULL) == -1)
		printf("* not sent: %s\n", p2papp_error(c->app));
}

/* Whole lines, or as much as a message takes. */
static void
read_input(struct chat *c)
{
	ssize_t	 n;
	char	*nl;

	n = read(STDIN_FILENO, c->line + c->len, sizeof(c->line) - c->len);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		c->eof = 1;
	else
		c->len += (size_t)n;
	while (c->len > 0 && ((nl = memchr(c->line, '\n', c->len)) != NULL ||
	    c->len == sizeof(c->line) || c->eof)) {
		size_t	 len = nl != NULL ? (size_t)(nl - c->line) : c->len;

		if (len > 0)
			say(c, c->line, len);
		len += nl != NULL;
		c->len -= len;
		memmove(c->line, c->line + len, c->len);
	}
}

static void
attach(struct chat *c, const char *name)
{
	static const struct p2papp_version	 version = { 1, CODES };
	struct p2papp_options			*options;

	if ((options = p2papp_options_new()) == NULL ||
	    p2papp_opt_first(options, 0, NAME, name, strlen(name)) == -1 ||
	    p2papp_opt_handshake(options, 5000) == -1)
		die("options", strerror(errno));
	if (p2papp_attach_opt(c->app, "chat", &version, 1, P2PAPP_DROP, options,
	    &c->cap) == -1)
		die("attach", p2papp_error(c->app));
	p2papp_options_free(options);
}

/* All that was said is out: good bye, so that nobody waits for us. */
static void
leave(struct chat *c)
{
	if (!c->eof || c->leaving || p2papp_outstanding(c->app) > 0 ||
	    p2papp_pending(c->app) > 0)
		return;
	c->leaving = 1;
	if (p2papp_detach(c->app, c->cap) == -1)
		c->done = 1;
}

static void
run(struct chat *c)
{
	const struct p2papp_event	*ev;
	struct pollfd			 fds[2];
	int				 r;

	fds[0].events = fds[1].events = POLLIN;
	while (!c->done) {
		while ((r = p2papp_next(c->app, &ev)) == 1)
			event(c, ev);
		leave(c);
		if (r == -1)
			die("p2pd", p2papp_error(c->app));
		if (c->done)
			break;
		fds[0].fd = c->eof ? -1 : STDIN_FILENO;
		if ((fds[1].fd = p2papp_fd(c->app)) == -1)
			die("descriptor", p2papp_error(c->app));
		fds[0].revents = 0;
		if (poll(fds, 2, -1) == -1 && errno != EINTR)
			die("poll", strerror(errno));
		if (fds[0].revents != 0)
			read_input(c);
	}
}

int
main(int argc, char *argv[])
{
	static struct chat	 c;
	const char		*path = NULL, *name;
	struct peer		*p;
	int			 ch;

	if ((name = getenv("LOGNAME")) == NULL)
		name = "somebody";
	while ((ch = getopt(argc, argv, "n:s:")) != -1) {
		if (ch == 'n')
			name = optarg;
		else if (ch == 's')
			path = optarg;
		else
			die("usage", "chat [-n name] [-s socket]");
	}
	if (optind != argc || strlen(name) > TEXT_MAX)
		die("usage", "chat [-n name] [-s socket]");
	if ((c.app = p2papp_open(path, "chat", NULL)) == NULL)
		die("open", strerror(errno));
	attach(&c, name);
	run(&c);
	while ((p = c.peers) != NULL) {
		c.peers = p->next;
		free(p);
	}
	p2papp_close(c.app);
	return 0;
}
