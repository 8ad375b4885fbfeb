/* SPDX-License-Identifier: ISC */
/*
 * traffic: a peer that measures how messages go through a node to the program
 * behind it, which speaks bench/1 (payload.h), and back.
 *
 *	traffic [options] in|out|echo|cast|forge|knock enode://ID@IP:PORT
 *
 * in: sends DATA for -t milliseconds. out: has DATA sent to it. Both print what
 * the program counted, and for out what arrived here:
 *	messages=N bytes=N us=N [arrived=N]
 * echo: -n messages there and back, one at a time, after a tenth as many
 * uncounted:
 *	messages=N p50_us=N p99_us=N
 * cast: holds -n peers; the program sends DATA to all of them.
 *	messages=N bytes=N us=N arrived=N
 * forge: auth packets with a proper key and nothing else proper, over 16
 * connections at once (-n: fewer), for -t milliseconds.
 *	refused=N us=N
 * knock: connects until a handshake completes with the node's Hello, for a node
 * that is yet to start. at is the time of CLOCK_MONOTONIC:
 *	at=N
 * -s is the size of a payload, -g its kind, r or c.
 */
#include "config.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/wire/base.h"
#include "regress/bench/light.h"
#include "regress/bench/payload.h"

#define PAYLOAD_MAX	(15U << 20)
#define LINKS_MAX	100000
#define PATIENCE_US	60000000U

static struct {
	struct enode	 node;
	struct light	*links;
	uint32_t	 n;
	uint32_t	 size;
	uint32_t	 ms;
	char		 kind;
	int		 ep;
	uint8_t		*data;		/* the payload, compressed */
	size_t		 len;
	/* what has come */
	uint64_t	 arrived;
	uint64_t	 echoed;
	int		 ended;
	uint64_t	 end[3];	/* messages, bytes, us */
} g;

static __attribute__((noreturn, format(printf, 1, 2))) void
die(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	fputs("traffic: ", stderr);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void
open_links(void)
{
	struct epoll_event	 ev = { .events = EPOLLIN };
	const char		*why;
	uint32_t		 i;

	if ((g.ep = epoll_create1(EPOLL_CLOEXEC)) == -1 ||
	    (g.links = calloc(g.n, sizeof(*g.links))) == NULL)
		die("%s", strerror(errno));
	for (i = 0; i < g.n; i++) {
		if (light_open(&g.links[i], &g.node, i, &why) == -1)
			die("peer %u: %s", i, why);
		ev.data.ptr = &g.links[i];
		if (epoll_ctl(g.ep, EPOLL_CTL_ADD, g.links[i].fd, &ev) == -1)
			die("epoll_ctl: %s", strerror(errno));
	}
}

static void
nreadyend(const struct light *l)
{
	uint8_t	 body[BENCH_END_LEN];
	size_t	 n;
	int	 i;

	if (l->nmsg != l->len || frame_declared(l->msg, l->nmsg, &n) == -1 ||
	    n != sizeof(body) || frame_uncompress(body, n, l->msg, l->nmsg) == -1)
		die("odd end");
	for (i = 0; i < 3; i++)
		g.end[i] = get_be(body + 8 * i, 8);
	g.ended = 1;
}

static void
got(struct light *l, void *arg)
{
	(void)arg;
	switch (l->code) {
	case BENCH_DATA:
		g.arrived++;
		break;
	case BENCH_ECHOED:
		g.echoed++;
		break;
	case BENCH_END:
		nreadyend(l);
		break;
	}
}

/* Reads whatever there is, waiting up to ms for the first of it. */
static void
take(int ms)
{
	static uint8_t		 buf[LIGHT_BUF];
	struct epoll_event	 ev[64];
	ssize_t			 r;
	int			 i, n;

	n = epoll_wait(g.ep, ev, 64, ms);
	for (i = 0; i < n; i++) {
		struct light	*l = ev[i].data.ptr;

		if ((r = read(l->fd, buf, sizeof(buf))) <= 0)
			die("closed: %s", r == 0 ? "by the node" :
			    strerror(errno));
		if (light_feed(l, buf, (size_t)r, got, NULL) == -1)
			die("disconnected");
	}
}

static void
send_code(uint32_t code, const uint8_t *body, size_t n)
{
	uint8_t	 data[64];
	size_t	 len = frame_compress(data, body, n);

	if (light_send(&g.links[0], BASE_LENGTH + code, data, len) == -1)
		die("write: %s", strerror(errno));
}

static void
until_ended(void)
{
	uint64_t	 limit = mono_us() + PATIENCE_US;

	while (!g.ended) {
		if (mono_us() > limit)
			die("no end");
		take(1000);
	}
}

static void
in(void)
{
	uint64_t	 until = mono_us() + g.ms * 1000ULL;
	uint32_t	 i;

	do {
		for (i = 0; i < 1 + 65536 / (g.size + 64); i++)
			if (light_put(&g.links[0], BASE_LENGTH + BENCH_DATA,
			    g.data, g.len) == -1)
				die("write: %s", strerror(errno));
	} while (mono_us() < until);
	if (light_flush(&g.links[0]) == -1)
		die("write: %s", strerror(errno));
	send_code(BENCH_END, NULL, 0);
	until_ended();
	printf("messages=%llu bytes=%llu us=%llu\n",
	    (unsigned long long)g.end[0], (unsigned long long)g.end[1],
	    (unsigned long long)g.end[2]);
}

static void
out(uint32_t code)
{
	uint8_t		 ask[BENCH_SEND_LEN];
	uint64_t	 all, limit;

	put_be(ask, 4, g.ms);
	put_be(ask + 4, 4, g.size);
	ask[8] = (uint8_t)g.kind;
	send_code(code, ask, sizeof(ask));
	until_ended();
	all = g.end[0];
	limit = mono_us() + PATIENCE_US;
	while (g.arrived < all && mono_us() < limit)
		take(1000);
	printf("messages=%llu bytes=%llu us=%llu arrived=%llu\n",
	    (unsigned long long)all, (unsigned long long)g.end[1],
	    (unsigned long long)g.end[2], (unsigned long long)g.arrived);
	if (g.arrived != all)
		die("messages are missing");
}

static int
cmp(const void *a, const void *b)
{
	const uint32_t	*x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
echo(uint32_t n)
{
	uint32_t	*t, i, warm = n / 10;
	uint64_t	 start;

	if ((t = calloc(n, sizeof(*t))) == NULL)
		die("no memory");
	for (i = 0; i < warm + n; i++) {
		start = mono_us();
		if (light_send(&g.links[0], BASE_LENGTH + BENCH_ECHO, g.data,
		    g.len) == -1)
			die("write: %s", strerror(errno));
		while (g.echoed <= i)
			take(15000);
		if (i >= warm)
			t[i - warm] = (uint32_t)(mono_us() - start);
	}
	qsort(t, n, sizeof(*t), cmp);
	printf("messages=%u p50_us=%u p99_us=%u\n", n, t[n / 2],
	    t[(uint64_t)n * 99 / 100]);
	free(t);
}

/*
 * A packet that costs the other side an ECDH before it sees that it is forged:
 * size, a point of the curve, then noise.
 */
static size_t
forged(uint8_t *p)
{
	const size_t	 n = 2 + 400;
	uint8_t		 priv[SECP_PRIV];

	arc4random_buf(p, n);
	put_be(p, 2, n - 2);
	p[2] = 0x04;
	if (secp_keygen(priv, p + 3) == -1)
		die("no randomness");
	return n;
}

static void
forge_one(uint8_t *packet, size_t n, uint32_t i)
{
	struct epoll_event	 ev = { .events = EPOLLIN };
	int			 fd = light_connect(&g.node, i);

	if (fd == -1 || write(fd, packet, n) != (ssize_t)n)
		die("connect: %s", strerror(errno));
	ev.data.fd = fd;
	if (epoll_ctl(g.ep, EPOLL_CTL_ADD, fd, &ev) == -1)
		die("epoll_ctl: %s", strerror(errno));
}

static void
forge(uint32_t atonce)
{
	uint8_t			 packet[512];
	size_t			 n = forged(packet);
	struct epoll_event	 ev[64];
	uint64_t		 start = mono_us(), refused = 0;
	uint32_t		 i, open = 0;
	int			 nready, k;

	if ((g.ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		die("%s", strerror(errno));
	for (i = 0; mono_us() - start < g.ms * 1000ULL || open > 0;) {
		for (; open < atonce && mono_us() - start < g.ms * 1000ULL; open++)
			forge_one(packet, n, i++);
		if ((nready = epoll_wait(g.ep, ev, 64, 15000)) == 0)
			die("not refused");
		for (k = 0; k < nready; k++, open--, refused++)
			close(ev[k].data.fd);
	}
	printf("refused=%llu us=%llu\n", (unsigned long long)refused,
	    (unsigned long long)(mono_us() - start));
}

static void
knock(void)
{
	struct light	 l;
	const char	*why;
	uint64_t	 limit = mono_us() + PATIENCE_US;
	uint32_t	 i;

	for (i = 0; light_open(&l, &g.node, i, &why) == -1; i++) {
		if (mono_us() > limit)
			die("nobody answers: %s", why);
		usleep(500);
	}
	printf("at=%llu\n", (unsigned long long)mono_us());
	light_close(&l);
}

static __attribute__((noreturn)) void
usage(void)
{
	fputs("usage: traffic [-g r|c] [-n number] [-s size] [-t ms] "
	    "in|out|echo|cast|forge|knock URL\n", stderr);
	exit(1);
}

static uint32_t
number(const char *s, uint32_t max)
{
	const char	*err;
	uint32_t	 v = (uint32_t)strtonum(s, 0, max, &err);

	if (err != NULL)
		die("%s: %s", s, err);
	return v;
}

static void
prepare(void)
{
	struct rlimit	 rl;
	uint8_t		*plain;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	signal(SIGPIPE, SIG_IGN);
	plain = malloc(g.size + 1);
	g.data = malloc(frame_compress_max(g.size));
	if (plain == NULL || g.data == NULL)
		die("no memory");
	payload_fill(plain, g.size, g.kind);
	g.len = frame_compress(g.data, plain, g.size);
	free(plain);
}

int
main(int argc, char **argv)
{
	const char	*err, *mode;
	uint32_t	 n = 1000;
	int		 ch;

	g.size = 1024;
	g.ms = 2000;
	g.kind = 'r';
	while ((ch = getopt(argc, argv, "g:n:s:t:")) != -1) {
		switch (ch) {
		case 'g': g.kind = *optarg; break;
		case 'n': n = number(optarg, 1000000); break;
		case 's': g.size = number(optarg, PAYLOAD_MAX); break;
		case 't': g.ms = number(optarg, 60000); break;
		default: usage();
		}
	}
	if (optind + 2 != argc || n == 0)
		usage();
	mode = argv[optind];
	if (enode_parse(&g.node, argv[optind + 1], &err) == -1)
		die("%s: %s", argv[optind + 1], err);
	if (secp_init() == -1)
		die("secp256k1");
	prepare();
	if (strcmp(mode, "forge") == 0) {
		forge(n < 16 ? n : 16);
		return 0;
	}
	if (strcmp(mode, "knock") == 0) {
		knock();
		return 0;
	}
	g.n = strcmp(mode, "cast") == 0 ? n : 1;
	if (g.n > LINKS_MAX)
		usage();
	open_links();
	if (strcmp(mode, "in") == 0)
		in();
	else if (strcmp(mode, "out") == 0)
		out(BENCH_SEND);
	else if (strcmp(mode, "cast") == 0)
		out(BENCH_CAST);
	else if (strcmp(mode, "echo") == 0)
		echo(n);
	else
		usage();
	return 0;
}
