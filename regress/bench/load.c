/* SPDX-License-Identifier: ISC */
/*
 * load: many peers from one process, each with a key of its own, made ahead,
 * and on loopback a source address of its own in 127/8.
 *
 *	load [options] enode://ID@IP:PORT
 *
 * Hold (-n N, the default, 1,000): dials N peers, answers their pings and
 * stays until SIGTERM, or -T seconds. Prints, once all are up or given up,
 *	up=N failed=N seconds=S rate=R p50_ms=M p99_ms=M
 * and at SIGUSR1 and the end
 *	alive=N lost=N pings=N
 * At SIGUSR2 each peer sends one message of -m bytes, code 0; when all are
 * written:
 *	sent=N
 * With -p half of another follows it, and only at the next SIGUSR2 the rest.
 * Turnover (-t COUNT): connect, talk, Disconnect (quitting), and again, COUNT
 * times over -K at once. Prints
 *	done=N failed=N seconds=S rate=R p50_ms=M p99_ms=M
 * Both: a line "fail WHY N" for each kind of failure or loss. A peer is up
 * when its ping was answered (-e ping), so that it is known to have been
 * admitted; with -e none at the other side's Hello; with -e SIZE when a
 * message of SIZE bytes came back from an application that echoes.
 * Exit: 0 when none failed or was lost, else 2; 1 for errors.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/wire/enode.h"
#include "common/wire/reason.h"
#include "regress/tools/peer.h"

#define COUNT_MAX	1000000
#define DIAL_LIMIT_MS	15000	/* connect to up */
#define BYE_LIMIT_MS	2000	/* Disconnect to end of file */
#define EVENTS_MAX	256

enum phase { FREE, CONNECTING, HANDSHAKE, HELLO, TALK, UP, BYE };
enum talk { TALK_NONE, TALK_PING, TALK_ECHO };
/* Why one failed: Disconnects by reason, 0 to 255, then these. */
enum why { WHY_NONE = -1, WHY_CONNECT = 256, WHY_HANDSHAKE, WHY_HELLO, WHY_FRAME, WHY_CLOSED,
	WHY_RESET, WHY_TIMEOUT, WHY_MAX };
static const char *const why_names[] = { "connect", "handshake", "hello",
    "frame", "closed", "reset", "timeout" };

struct key {
	uint8_t		 priv[SECP_PRIV];
	uint8_t		 pub[SECP_PUB];
};

struct conn {
	struct peer	 peer;
	enum phase	 phase;
	uint32_t	 events;	/* as epoll has it */
	uint64_t	 start;		/* us */
	uint64_t	 bye;
	uint8_t		*rest;		/* of a message that is half sent */
	size_t		 nrest;
	unsigned int	 owed;		/* pongs that come after it */
};

static struct {
	/* options */
	struct addr	 to;
	struct enode	 node;
	struct cap	 cap;
	enum talk	 talk;
	size_t		 size;
	uint32_t	 count;		/* peers, or turns */
	uint32_t	 atonce;
	int		 turnover;
	uint64_t	 limit;		/* us of the dialing in all */
	uint64_t	 hold;		/* us to stay up, 0: until SIGTERM */
	/* state */
	int		 ep;
	struct key	*keys;
	struct conn	*conns;
	uint32_t	 nconns;
	uint32_t	 dialed;
	uint32_t	 dialing;	/* not up yet, or saying bye */
	uint32_t	 up;		/* ever */
	uint32_t	 alive;
	uint32_t	 failed;
	uint32_t	 lost;
	uint64_t	 pings;
	uint32_t	*times;		/* us from connect to up */
	uint32_t	 why[WHY_MAX];
	uint8_t		 hello[HELLO_MAX];
	uint8_t		*payload;
	size_t		 once;		/* bytes of the message at SIGUSR2 */
	int		 part;		/* and half of another */
	int		 sending;	/* not all of it is written */
} g;

static volatile sig_atomic_t quit, status, burst;

static __attribute__((noreturn, format(printf, 1, 2))) void
die(const char *fmt, ...)
{
	va_list		 ap;

	va_start(ap, fmt);
	fputs("load: ", stderr);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void
on_signal(int sig)
{
	if (sig == SIGUSR1)
		status = 1;
	else if (sig == SIGUSR2)
		burst = 1;
	else
		quit = 1;
}

static void
drop(struct conn *c)
{
	peer_free(&c->peer);
	free(c->rest);
	c->rest = NULL;
	c->owed = 0;
	c->phase = FREE;
}

static void
fail(struct conn *c, enum why why)
{
	g.why[why]++;
	if (c->phase == UP) {
		g.lost++;
		g.alive--;
	} else {
		g.failed++;
		g.dialing--;
	}
	drop(c);
}

static void
watch(struct conn *c)
{
	struct epoll_event ev = { .data.ptr = c };

	ev.events = EPOLLIN;
	if (c->phase == CONNECTING || peer_pending(&c->peer) > 0)
		ev.events |= EPOLLOUT;
	if (ev.events == c->events)
		return;
	if (epoll_ctl(g.ep, c->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
	    c->peer.fd, &ev) == -1)
		die("epoll_ctl: %s", strerror(errno));
	c->events = ev.events;
}

/* The i-th address of 127.1.1.1 and on; over 16 million before one repeats. */
static void
source(struct addr *a, uint32_t i)
{
	memset(a, 0, sizeof(*a));
	a->af = 4;
	a->ip[0] = 127;
	a->ip[1] = (uint8_t)(1 + i / (254 * 254) % 254);
	a->ip[2] = (uint8_t)(1 + i / 254 % 254);
	a->ip[3] = (uint8_t)(1 + i % 254);
}

static void
dial(struct conn *c)
{
	const struct key *k = &g.keys[g.dialed];
	struct addr	 from;
	int		 fd;

	source(&from, g.dialed++);
	g.dialing++;
	c->phase = CONNECTING;
	c->events = 0;
	c->start = mono_us();
	c->peer.fd = -1;
	fd = peer_connect(&g.to, g.to.af == 4 && addr_is_loopback(&g.to) ?
	    &from : NULL);
	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE)
			die("socket: %s", strerror(errno));
		fail(c, WHY_CONNECT);
		return;
	}
	if (peer_init(&c->peer, fd, k->priv, k->pub) == -1)
		die("no randomness");
	watch(c);
}

/* As many dials as may run at once. */
static void
fill(void)
{
	struct conn	*c;

	while (g.dialed < g.count && g.dialing < g.atonce) {
		c = g.conns + (g.turnover ? 0 : g.dialed);
		while (c->phase != FREE)
			c++;
		dial(c);
	}
}

static int
send_hello(struct conn *c)
{
	struct hello	 h;
	size_t		 len;

	memset(&h, 0, sizeof(h));
	h.version = BASE_VERSION;
	strlcpy(h.client, "load", sizeof(h.client));
	h.caps[0] = g.cap;
	h.ncaps = 1;
	memcpy(h.id, c->peer.pub, sizeof(h.id));
	if (hello_encode(g.hello, sizeof(g.hello), &len, &h) == -1)
		return -1;
	return peer_send(&c->peer, BASE_HELLO, g.hello, len);
}

static void
came_up(struct conn *c)
{
	g.times[g.up++] = (uint32_t)(mono_us() - c->start);
	if (!g.turnover) {
		c->phase = UP;
		g.alive++;
		g.dialing--;
		return;
	}
	c->phase = BYE;
	c->bye = mono_us();
	(void)peer_disconnect(&c->peer, DISC_QUITTING);
}

/* Our side of the set-up as far as what has been read allows. */
static int
set_up(struct conn *c)
{
	int		 r;

	if ((r = peer_handshake(&c->peer)) <= 0)
		return r;
	c->phase = HELLO;
	return send_hello(c);
}

static int
got_hello(struct conn *c, const struct peer_msg *m)
{
	static struct hello h;

	if (m->code != BASE_HELLO || hello_decode(&h, m->data, m->len) != 0)
		return -1;
	frame_set_snappy(c->peer.codec, h.version >= 5, h.version >= 5);
	if (g.talk == TALK_NONE) {
		came_up(c);
		return 0;
	}
	c->phase = TALK;
	return g.talk == TALK_PING ? peer_ping(&c->peer, 0) :
	    peer_send(&c->peer, BASE_LENGTH, g.payload, g.size);
}

static enum why
got(struct conn *c, const struct peer_msg *m)
{
	unsigned int	 reason;

	if (m->code == BASE_DISCONNECT) {
		if (disconnect_decode(&reason, m->data, m->len,
		    frame_snappy_rx(c->peer.codec)) == -1)
			return WHY_FRAME;
		return (enum why)reason;
	}
	if (c->phase == HELLO)
		return got_hello(c, m) == -1 ? WHY_HELLO : WHY_NONE;
	if (m->code == BASE_PING) {
		g.pings++;
		if (c->rest != NULL)
			c->owed++;
		else
			(void)peer_ping(&c->peer, 1);
	} else if (c->phase == TALK && ((g.talk == TALK_PING &&
	    m->code == BASE_PONG) || (g.talk == TALK_ECHO &&
	    m->code == BASE_LENGTH && m->len == g.size)))
		came_up(c);
	return WHY_NONE;
}

/* After our Disconnect every end is a good one. */
static void
ended(struct conn *c, enum why why)
{
	if (c->phase == BYE) {
		g.dialing--;
		drop(c);
	} else
		fail(c, why);
}

static void
readable(struct conn *c)
{
	struct peer_msg	 m;
	enum why	 why = WHY_NONE;
	int		 n, r;

	if ((n = peer_fill(&c->peer)) == -1) {
		if (errno != EAGAIN)
			ended(c, WHY_RESET);
		return;
	}
	if (n > 0 && c->phase == HANDSHAKE && set_up(c) == -1) {
		ended(c, WHY_HANDSHAKE);
		return;
	}
	while (c->peer.codec != NULL && why == WHY_NONE &&
	    (r = peer_next(&c->peer, &m)) != 0)
		why = r < 0 ? WHY_FRAME : got(c, &m);
	if (why == WHY_NONE && n == 0)
		why = WHY_CLOSED;
	if (why != WHY_NONE)
		ended(c, why);
}

static void
handle(struct conn *c, uint32_t events)
{
	socklen_t	 len = sizeof(int);
	int		 error = 0;

	if (c->phase == FREE)
		return;
	if (c->phase == CONNECTING) {
		if (getsockopt(c->peer.fd, SOL_SOCKET, SO_ERROR, &error, &len)
		    == -1 || error != 0) {
			fail(c, WHY_CONNECT);
			return;
		}
		c->phase = HANDSHAKE;
		if (peer_auth(&c->peer, g.node.id) == -1) {
			fail(c, WHY_HANDSHAKE);
			return;
		}
	} else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		readable(c);
	if (c->phase == FREE)
		return;
	if (peer_flush(&c->peer) == -1)
		ended(c, WHY_RESET);
	else
		watch(c);
}

/* The end of what waits to be written is for later. */
static int
hold_back(struct conn *c, size_t n)
{
	struct pbuf	*out = &c->peer.out;

	if ((c->rest = malloc(n)) == NULL)
		return -1;
	out->len -= n;
	memcpy(c->rest, out->p + out->len, n);
	c->nrest = n;
	return 0;
}

static int
send_rest(struct conn *c)
{
	int		 r = peer_put(&c->peer, c->rest, c->nrest);

	free(c->rest);
	c->rest = NULL;
	for (; r == 0 && c->owed > 0; c->owed--)
		r = peer_ping(&c->peer, 1);
	return r;
}

static int
send_message(struct conn *c, const uint8_t *data)
{
	if (c->rest != NULL)
		return send_rest(c);
	if (peer_send(&c->peer, BASE_LENGTH, data, g.once) == -1)
		return -1;
	if (!g.part)
		return 0;
	if (peer_send(&c->peer, BASE_LENGTH, data, g.once) == -1)
		return -1;
	return hold_back(c, g.once / 2 + 1);
}

static void
send_once(void)
{
	uint8_t		*data = calloc(1, g.once + 1);
	uint32_t	 i;

	if (data == NULL)
		die("no memory");
	arc4random_buf(data, g.once);
	for (i = 0; i < g.nconns; i++) {
		struct conn	*c = &g.conns[i];

		if (c->phase != UP)
			continue;
		if (send_message(c, data) == -1 || peer_flush(&c->peer) == -1)
			fail(c, WHY_RESET);
		else
			watch(c);
	}
	free(data);
	g.sending = 1;
}

/* Whether the burst is written. */
static void
sent_once(void)
{
	uint32_t	 i;

	for (i = 0; i < g.nconns; i++)
		if (g.conns[i].phase == UP && peer_pending(&g.conns[i].peer) > 0)
			return;
	g.sending = 0;
	printf("sent=%u\n", g.alive);
	fflush(stdout);
}

static void
sweep(void)
{
	uint64_t	 now = mono_us();
	uint32_t	 i;

	for (i = 0; i < g.nconns; i++) {
		struct conn	*c = &g.conns[i];

		if (c->phase == BYE && now - c->bye > BYE_LIMIT_MS * 1000ULL)
			ended(c, WHY_TIMEOUT);
		else if (c->phase != FREE && c->phase != UP && c->phase != BYE &&
		    now - c->start > DIAL_LIMIT_MS * 1000ULL)
			fail(c, WHY_TIMEOUT);
	}
}

static int
cmp(const void *a, const void *b)
{
	const uint32_t	*x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
report(uint64_t us)
{
	double		 s = (double)us / 1e6;

	qsort(g.times, g.up, sizeof(*g.times), cmp);
	printf("%s=%u failed=%u seconds=%.3f rate=%.1f p50_ms=%.2f p99_ms=%.2f\n",
	    g.turnover ? "done" : "up", g.up, g.failed, s,
	    s > 0 ? g.up / s : 0.0,
	    g.up > 0 ? g.times[g.up / 2] / 1000.0 : 0.0,
	    g.up > 0 ? g.times[(uint64_t)g.up * 99 / 100] / 1000.0 : 0.0);
	fflush(stdout);
}

static void
report_fails(void)
{
	char		 name[32];
	unsigned int	 i;

	for (i = 0; i < WHY_MAX; i++) {
		if (g.why[i] == 0)
			continue;
		if (i < 256)
			snprintf(name, sizeof(name), "disconnect-0x%02x", i);
		printf("fail %s %u\n", i < 256 ? name : why_names[i - 256],
		    g.why[i]);
	}
	fflush(stdout);
}

static void
report_alive(void)
{
	printf("alive=%u lost=%u pings=%llu\n", g.alive, g.lost,
	    (unsigned long long)g.pings);
	fflush(stdout);
}

/* Until done: all dialed (and gone, in turnover), the time is up, or SIGTERM. */
static void
run(void)
{
	struct epoll_event ev[EVENTS_MAX];
	sigset_t	 none;
	uint64_t	 start = mono_us(), swept = start, ready = 0, now;
	int		 i, n;

	sigemptyset(&none);
	while (!quit) {
		if (ready == 0) {
			fill();
			if (g.dialed == g.count && g.dialing == 0) {
				ready = mono_us();
				report(ready - start);
				if (g.turnover || g.alive == 0)
					return;
			}
		}
		n = epoll_pwait(g.ep, ev, EVENTS_MAX, 100, &none);
		for (i = 0; i < n; i++)
			handle(ev[i].data.ptr, ev[i].events);
		now = mono_us();
		if (now - swept > 500000) {
			swept = now;
			sweep();
		}
		if (status) {
			status = 0;
			report_alive();
		}
		if (burst) {
			burst = 0;
			send_once();
		}
		if (g.sending)
			sent_once();
		if (ready == 0 && now - start > g.limit) {
			report(now - start);
			die("not done within the limit");
		}
		if (ready != 0 && g.hold != 0 && now - ready > g.hold)
			return;
	}
	if (ready == 0)
		report(mono_us() - start);
}

static __attribute__((noreturn)) void
usage(int code)
{
	fputs("usage: load [options] enode://ID@IP:PORT\n"
	    "  -n N          peers to hold (1000)\n"
	    "  -t COUNT      turnover: that many connections, one after the other\n"
	    "  -K N          dials, or connections in turnover, at once (64)\n"
	    "  -c NAME/VER   our capability (bench/1)\n"
	    "  -e none|ping|SIZE\n"
	    "                what is exchanged before a peer is up (ping)\n"
	    "  -m SIZE       of the message that each sends at SIGUSR2 (0)\n"
	    "  -p            and half of another, the rest at the next\n"
	    "  -w SECONDS    limit of the dialing in all (120)\n"
	    "  -T SECONDS    hold that long (0: until SIGTERM)\n",
	    code == 0 ? stdout : stderr);
	exit(code);
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
options(int argc, char **argv)
{
	const char	*err, *slash;
	int		 ch;

	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		usage(0);
	g.count = 1000;
	g.atonce = 64;
	g.talk = TALK_PING;
	g.limit = 120 * 1000000ULL;
	strlcpy(g.cap.name, "bench", sizeof(g.cap.name));
	g.cap.version = 1;
	while ((ch = getopt(argc, argv, "c:e:hK:m:n:pt:T:w:")) != -1) {
		switch (ch) {
		case 'c':
			if ((slash = strchr(optarg, '/')) == NULL ||
			    (size_t)(slash - optarg) > CAP_NAME_MAX)
				die("%s: not NAME/VERSION", optarg);
			memset(&g.cap, 0, sizeof(g.cap));
			memcpy(g.cap.name, optarg, (size_t)(slash - optarg));
			g.cap.version = number(slash + 1, UINT32_MAX);
			break;
		case 'e':
			g.talk = strcmp(optarg, "none") == 0 ? TALK_NONE :
			    strcmp(optarg, "ping") == 0 ? TALK_PING : TALK_ECHO;
			if (g.talk == TALK_ECHO)
				g.size = number(optarg, 1 << 24);
			break;
		case 'K': g.atonce = number(optarg, 65536); break;
		case 'm': g.once = number(optarg, 15 << 20); break;
		case 'p': g.part = 1; break;
		case 'n':
		case 't':
			g.turnover = ch == 't';
			g.count = number(optarg, COUNT_MAX);
			break;
		case 'T': g.hold = number(optarg, 1 << 30) * 1000000ULL; break;
		case 'w': g.limit = number(optarg, 1 << 30) * 1000000ULL; break;
		case 'h': usage(0);
		default: usage(1);
		}
	}
	if (optind != argc - 1 || g.atonce == 0)
		usage(1);
	if (enode_parse(&g.node, argv[optind], &err) == -1)
		die("%s: %s", argv[optind], err);
	if (addr_parse_ip(&g.to, g.node.host) == -1)
		die("%s: not an address", g.node.host);
	g.to.port = g.node.tcp;
}

static void
prepare(void)
{
	struct rlimit	 rl;
	struct sigaction sa;
	sigset_t	 block;
	uint32_t	 i;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGUSR2);
	sigprocmask(SIG_BLOCK, &block, NULL);

	g.nconns = g.turnover ? g.atonce : g.count;
	g.keys = calloc(g.count + 1, sizeof(*g.keys));
	g.times = calloc(g.count + 1, sizeof(*g.times));
	g.conns = calloc(g.nconns + 1, sizeof(*g.conns));
	g.payload = calloc(1, g.size + 1);
	g.ep = epoll_create1(EPOLL_CLOEXEC);
	if (g.keys == NULL || g.times == NULL || g.conns == NULL ||
	    g.payload == NULL || g.ep == -1)
		die("%s", strerror(errno));
	arc4random_buf(g.payload, g.size);
	for (i = 0; i < g.count; i++)
		if (secp_keygen(g.keys[i].priv, g.keys[i].pub) == -1)
			die("no randomness");
}

int
main(int argc, char **argv)
{
	uint32_t	 i;

	options(argc, argv);
	if (secp_init() == -1)
		die("secp256k1");
	prepare();
	run();
	for (i = 0; i < g.nconns; i++) {
		if (g.conns[i].phase != UP)
			continue;
		(void)peer_disconnect(&g.conns[i].peer, DISC_QUITTING);
		(void)peer_flush(&g.conns[i].peer);
	}
	if (!g.turnover)
		report_alive();
	report_fails();
	return g.failed == 0 && g.lost == 0 ? 0 : 2;
}
