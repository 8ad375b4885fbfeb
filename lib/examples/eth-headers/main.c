/* SPDX-License-Identifier: ISC */

/*
 * Fetches the headers of an Ethereum chain from the peers of p2pd(8), several at
 * a time, and checks that each links to its parent by hash.
 *
 *	eth-headers [-s socket] [-b batch] [-n last] [-r rate] [-t seconds]
 *	    -l | -N network -g genesis -f fork[,next]
 *
 * -l learns network, genesis and fork id from the first peer's status: for a
 * private chain. Without it they are given, fork being the 4 bytes of EIP-2124
 * in hex; then p2pd itself sends our status the moment a peer is up.
 * -n is the last header wanted; by default that is the highest that a peer has.
 * -b headers are asked for at once (512); -r headers a second at most.
 * -t is how long a peer may take to answer (10 s).
 *
 * Peers that vanish or time out cost no more than the time: what they owed is
 * asked of others, or of them when they return. One that sends what does not
 * link is disconnected, and not talked to again.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <p2papp.h>

#include "lib/examples/eth-headers/peers.h"

static _Noreturn void
die(const char *what, const char *why)
{
	fprintf(stderr, "eth-headers: %s: %s\n", what, why);
	exit(1);
}

static _Noreturn void
usage(void)
{
	fprintf(stderr, "usage: eth-headers [-s socket] [-b batch] [-n last] "
	    "[-r rate] [-t seconds]\n"
	    "\t-l | -N network -g genesis -f fork[,next]\n");
	exit(2);
}

static uint64_t
number(const char *text, uint64_t min, uint64_t max)
{
	char		*end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n < min ||
	    n > max)
		die(text, "not a number, or out of range");
	return n;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Returns what follows the digits. */
static const char *
hex(const char *text, uint8_t *out, size_t n)
{
	const char	*p = text;
	size_t		 i;

	if (strncmp(p, "0x", 2) == 0)
		p += 2;
	for (i = 0; i < n; i++, p += 2) {
		if (digit(p[0]) == -1 || digit(p[1]) == -1)
			die(text, "not so many bytes in hex");
		out[i] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
	}
	return p;
}

static void
parse_fork(const char *text, struct eth_status *us)
{
	const char	*rest;

	rest = hex(text, us->fork, sizeof(us->fork));
	if (*rest == ',')
		us->fork_next = number(rest + 1, 0, UINT64_MAX);
	else if (*rest != '\0')
		die(text, "not a fork id");
}

static void
parse(struct fetch *f, int argc, char *argv[], const char **path)
{
	int	 ch, learn = 0, given = 0;

	while ((ch = getopt(argc, argv, "b:f:g:lN:n:r:s:t:")) != -1) {
		switch (ch) {
		case 'b':
			f->batch = number(optarg, 1, 1024);
			break;
		case 'f':
			parse_fork(optarg, &f->us);
			given |= 1;
			break;
		case 'g':
			if (*hex(optarg, f->us.genesis, ETH_HASH) != '\0')
				die(optarg, "not 32 bytes in hex");
			given |= 2;
			break;
		case 'l':
			learn = 1;
			break;
		case 'N':
			f->us.network = number(optarg, 0, UINT64_MAX);
			given |= 4;
			break;
		case 'n':
			f->last = number(optarg, 1, UINT64_MAX - 1024);
			break;
		case 'r':
			f->rate = number(optarg, 1, 1000000000);
			break;
		case 's':
			*path = optarg;
			break;
		case 't':
			f->timeout = number(optarg, 1, 3600) * 1000;
			break;
		default:
			usage();
		}
	}
	if (optind != argc || (learn && given != 0) || (!learn && given != 7))
		usage();
	f->known = !learn;
}

static void
print_progress(struct fetch *f, uint64_t now)
{
	uint64_t	 ms = now - f->printed;

	if (f->chain.height != f->shown || f->peers_shown != fetch_ready(f)) {
		printf("%llu of %llu headers, %llu/s, %u peers\n",
		    (unsigned long long)f->chain.height,
		    (unsigned long long)f->chain.target,
		    (unsigned long long)(f->chain.height > f->shown && ms > 0 ?
		    (f->chain.height - f->shown) * 1000 / ms : 0), fetch_ready(f));
		fflush(stdout);
	}
	f->shown = f->chain.height;
	f->peers_shown = fetch_ready(f);
	f->printed = now;
}

static void
print_end(const struct fetch *f, uint64_t now)
{
	uint64_t	 ms = now > f->began ? now - f->began : 1;
	int		 i;

	printf("done: %llu headers in %llu.%02llu s, %llu/s, last 0x",
	    (unsigned long long)f->chain.height, (unsigned long long)(ms / 1000),
	    (unsigned long long)(ms % 1000 / 10),
	    (unsigned long long)(f->chain.height * 1000 / ms));
	for (i = 0; i < ETH_HASH; i++)
		printf("%02x", f->chain.tip[i]);
	printf("\n");
}

static void
event(struct fetch *f, const struct p2papp_event *ev)
{
	switch (ev->type) {
	case P2PAPP_ATTACHED:
		printf("attached %s\n", ev->capability);
		break;
	case P2PAPP_SESSION_DOWN:
		printf("session %u down: %s\n", ev->session, ev->text);
		break;
	case P2PAPP_PEER_UP:
		fetch_up(f, ev);
		break;
	case P2PAPP_PEER_DOWN:
		fetch_down(f, ev);
		break;
	case P2PAPP_MESSAGE:
		fetch_message(f, ev);
		break;
	case P2PAPP_DETACHED:
		die(p2papp_code_name(ev->error),
		    ev->text != NULL ? ev->text : "detached");
	case P2PAPP_ERROR:
		/* About a peer: it has just gone. */
		if (ev->peer == 0)
			die(p2papp_code_name(ev->error),
			    ev->text != NULL ? ev->text : "");
		break;
	default:
		break;
	}
	fflush(stdout);
}

#define PROGRESS_MS	500
#define LEAVE_MS	2000

static void
run(struct fetch *f)
{
	const struct p2papp_event	*ev;
	uint64_t			 now, wait;
	int				 r;

	for (;;) {
		while ((r = p2papp_next(f->app, &ev)) == 1)
			event(f, ev);
		if (r == -1)
			die("p2pd", p2papp_error(f->app));
		now = fetch_clock();
		wait = fetch_work(f, now);
		if (fetch_done(f)) {
			print_progress(f, now);
			print_end(f, now);
			return;
		}
		if (now - f->printed >= PROGRESS_MS)
			print_progress(f, now);
		if (wait > PROGRESS_MS)
			wait = PROGRESS_MS;
		if (p2papp_wait(f->app, (int)wait) == -1 && errno != EINTR)
			die("wait", strerror(errno));
	}
}

/* In order, so that p2pd does not wait for us to come back. */
static void
leave(struct fetch *f)
{
	const struct p2papp_event	*ev;
	uint64_t			 end = fetch_clock() + LEAVE_MS;

	if (p2papp_detach(f->app, f->cap) == -1)
		return;
	do {
		while (p2papp_next(f->app, &ev) == 1) {
			if (ev->type == P2PAPP_DETACHED)
				return;
		}
	} while (fetch_clock() < end && p2papp_wait(f->app, LEAVE_MS) == 1);
}

int
main(int argc, char *argv[])
{
	struct fetch	 f;
	const char	*path = NULL;

	memset(&f, 0, sizeof(f));
	f.batch = 512;
	f.timeout = 10000;
	parse(&f, argc, argv, &path);
	f.printed = fetch_clock();
	if ((f.app = p2papp_open(path, "eth-headers", NULL)) == NULL)
		die("open", strerror(errno));
	if (fetch_attach(&f) == -1)
		die("attach", p2papp_error(f.app));
	run(&f);
	leave(&f);
	p2papp_close(f.app);
	fetch_free(&f);
	return 0;
}
