/* SPDX-License-Identifier: ISC */
/*
 * app: the program behind the node in the measurements, on libp2papp(3). It
 * owns bench/1, answers as payload.h says, and prints "ready" when attached.
 *
 *	app socket
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "lib/p2papp.h"
#include "regress/bench/payload.h"

#define PAYLOAD_MAX	(15U << 20)
#define QUEUE		(4 * 1024 * 1024)
#define AHEAD		64		/* casts whose outcome is awaited */

static struct {
	struct p2papp	*app;
	uint32_t	 cap;
	/* what arrives */
	uint64_t	 messages, bytes, since;
	/* what is sent */
	uint32_t	 peer;		/* who asked; 0: nobody does */
	int		 cast;
	uint8_t		*data;
	uint32_t	 size;
	uint64_t	 sent, begun, until;
	uint32_t	 ahead;
} g;

static int
post(uint32_t peer, uint32_t code, const void *data, size_t n, unsigned int flags)
{
	if (p2papp_send(g.app, peer, g.cap, code, data, n, flags, NULL) == 0)
		return 0;
	if (errno != EAGAIN && errno != ENOENT)
		errx(1, "send: %s", p2papp_error(g.app));
	return -1;
}

static int
post_end(uint32_t peer, uint64_t messages, uint64_t bytes, uint64_t us)
{
	uint8_t	 body[BENCH_END_LEN];

	put_be(body, 8, messages);
	put_be(body + 8, 8, bytes);
	put_be(body + 16, 8, us);
	return post(peer, BENCH_END, body, sizeof(body), 0);
}

static void
begin(const struct p2papp_event *ev)
{
	if (ev->len != BENCH_SEND_LEN || g.peer != 0)
		return;
	g.size = (uint32_t)get_be(ev->data + 4, 4);
	if (g.size > PAYLOAD_MAX || (g.data = malloc(g.size + 1)) == NULL)
		return;
	payload_fill(g.data, g.size, (char)ev->data[8]);
	g.cast = ev->code == BENCH_CAST;
	g.peer = ev->peer;
	g.sent = 0;
	g.begun = mono_us();
	g.until = g.begun + get_be(ev->data, 4) * 1000;
}

static void
message(const struct p2papp_event *ev)
{
	switch (ev->code) {
	case BENCH_DATA:
		if (g.messages++ == 0)
			g.since = mono_us();
		g.bytes += ev->len;
		break;
	case BENCH_END:
		(void)post_end(ev->peer, g.messages, g.bytes, mono_us() - g.since);
		g.messages = g.bytes = 0;
		break;
	case BENCH_ECHO:
		(void)post(ev->peer, BENCH_ECHOED, ev->data, ev->len, 0);
		break;
	case BENCH_SEND:
	case BENCH_CAST:
		begin(ev);
		break;
	}
}

static void
handle(const struct p2papp_event *ev)
{
	switch (ev->type) {
	case P2PAPP_ATTACHED:
		puts("ready");
		fflush(stdout);
		break;
	case P2PAPP_MESSAGE:
		message(ev);
		break;
	case P2PAPP_SENT_MANY:
		g.ahead--;
		g.sent += ev->written;
		break;
	case P2PAPP_PEER_DOWN:
		if (ev->peer == g.peer)
			g.peer = 0;
		break;
	case P2PAPP_ERROR:
		if (ev->error != P2PAPP_E_NOTFOUND)
			errx(1, "%s", ev->text);
		break;
	default:
		break;
	}
}

/* To all, with some outcomes awaited, so that no peer's queue is ever full. */
static int
cast_one(void)
{
	const struct p2papp_many	 all = { .cap = g.cap, .code = BENCH_DATA,
	    .select = P2PAPP_ALL };

	if (g.ahead >= AHEAD || (g.ahead > 0 && g.ahead * g.size > QUEUE))
		return -1;
	if (p2papp_multisend(g.app, &all, g.data, g.size, P2PAPP_COMPLETE |
	    P2PAPP_MORE, NULL) == -1) {
		if (errno != EAGAIN)
			errx(1, "multisend: %s", p2papp_error(g.app));
		return -1;
	}
	g.ahead++;
	return 0;
}

/* One more of what was asked for; -1 when the queue is full. */
static int
send_one(void)
{
	if (g.cast)
		return cast_one();
	if (post(g.peer, BENCH_DATA, g.data, g.size, P2PAPP_MORE) == -1)
		return -1;
	g.sent++;
	return 0;
}

/* As much as goes now; 1 when it would go on. */
static int
pump(void)
{
	int	 i, full = 0;

	if (g.peer == 0)
		return 0;
	for (i = 0; i < 256 && !full && mono_us() < g.until; i++)
		full = send_one() == -1;
	(void)p2papp_flush(g.app);
	if (full || mono_us() < g.until)
		return !full;
	if (g.ahead > 0)
		return 0;
	if (post_end(g.peer, g.sent, g.sent * g.size, mono_us() - g.begun) == 0) {
		free(g.data);
		g.peer = 0;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct p2papp_version	 v = { 1, BENCH_CODES };
	const struct p2papp_event		*ev;
	int					 r, more = 0;

	if (argc != 2)
		errx(1, "usage: app socket");
	if ((g.app = p2papp_open(argv[1], "bench", NULL)) == NULL)
		err(1, "%s", argv[1]);
	p2papp_set_queue(g.app, QUEUE);
	if (p2papp_attach(g.app, "bench", &v, 1, P2PAPP_STOP, &g.cap) == -1)
		errx(1, "attach: %s", p2papp_error(g.app));
	for (;;) {
		while ((r = p2papp_next(g.app, &ev)) == 1)
			handle(ev);
		if (r == -1)
			errx(1, "%s", p2papp_error(g.app));
		more = pump();
		if (p2papp_wait(g.app, more ? 0 : -1) == -1 && errno != EINTR)
			err(1, "wait");
	}
}
