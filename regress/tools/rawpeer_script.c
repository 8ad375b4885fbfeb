/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "regress/tools/rawpeer.h"

#define ARGS_MAX	6
#define PING_BATCH	4096	/* queued at a time */

static int
parse_u64(uint64_t *v, const char *s)
{
	char	*end;

	*v = strtoull(s, &end, 0);
	return *s >= '0' && *s <= '9' && *end == '\0' ? 0 : -1;
}

/* "hex:c0ff" as bytes, a number as that many random ones, "zero:N". Allocated. */
static uint8_t *
payload(const char *s, size_t *n)
{
	uint8_t		*p;
	uint64_t	 v;
	int		 zero;

	if (strncmp(s, "hex:", 4) == 0) {
		s += 4;
		*n = strlen(s) / 2;
		if ((p = malloc(*n + 1)) == NULL ||
		    hex_decode(p, *n, s) == -1) {
			free(p);
			return NULL;
		}
		return p;
	}
	zero = strncmp(s, "zero:", 5) == 0;
	if (parse_u64(&v, zero ? s + 5 : s) == -1 || v > FRAME_MAX ||
	    (p = calloc(1, v + 1)) == NULL)
		return NULL;
	*n = (size_t)v;
	if (!zero)
		arc4random_buf(p, *n);
	return p;
}

static int
start_hello(struct run *r, char **argv)
{
	return send_hello(r);
}

static int
do_send(struct run *r, char **argv, int raw)
{
	size_t		 n, before = peer_pending(&r->peer);
	uint8_t		*p;
	uint64_t	 code;
	int		 ret;

	if (parse_u64(&code, argv[1]) == -1 || (p = payload(argv[2], &n)) == NULL)
		return -1;
	ret = raw ? peer_send_raw(&r->peer, code, p, n) :
	    peer_send(&r->peer, code, p, n);
	if (ret == 0) {
		sealed(r, before);
		say_payload("sent", code, p, n);
	}
	free(p);
	return ret;
}

static int
start_send(struct run *r, char **argv)
{
	return do_send(r, argv, 0);
}

static int
start_sendraw(struct run *r, char **argv)
{
	return do_send(r, argv, 1);
}

/* Four bytes of literal under a declared size of anything. */
static int
start_lie(struct run *r, char **argv)
{
	uint8_t		 buf[16];
	uint64_t	 code, v;
	size_t		 n = 0, before = peer_pending(&r->peer);

	if (parse_u64(&code, argv[1]) == -1 || parse_u64(&v, argv[2]) == -1)
		return -1;
	for (; v >= 0x80; v >>= 7)
		buf[n++] = (uint8_t)(v | 0x80);
	buf[n++] = (uint8_t)v;
	memcpy(buf + n, "\x0c" "four", 5);
	if (peer_send_raw(&r->peer, code, buf, n + 5) == -1)
		return -1;
	sealed(r, before);
	return 0;
}

static int
start_ping(struct run *r, char **argv)
{
	r->pings = 1;
	return argv[1] == NULL ? 0 : parse_u64(&r->pings, argv[1]);
}

static int
done_ping(struct run *r)
{
	return r->pings == 0 && peer_pending(&r->peer) == 0;
}

static int
start_disconnect(struct run *r, char **argv)
{
	int		 reason = disc_byname(argv[1]);
	size_t		 before = peer_pending(&r->peer);

	if (reason == -1 || peer_disconnect(&r->peer, (unsigned int)reason) == -1)
		return -1;
	sealed(r, before);
	return 0;
}

static int
start_raw(struct run *r, char **argv)
{
	size_t		 n;
	uint8_t		*p = payload(argv[1], &n);
	int		 ret;

	if (p == NULL)
		return -1;
	ret = peer_put(&r->peer, p, n);
	free(p);
	return ret;
}

/* Takes the frame out of the queue again, to be written a byte at a time. */
static int
start_drip(struct run *r, char **argv)
{
	uint8_t		*p;
	uint64_t	 code, limit = UINT64_MAX;
	size_t		 n, before = peer_pending(&r->peer);
	int		 ret;

	if (parse_u64(&code, argv[1]) == -1 ||
	    parse_u64(&r->drip_ms, argv[3]) == -1 ||
	    (argv[4] != NULL && parse_u64(&limit, argv[4]) == -1) ||
	    (p = payload(argv[2], &n)) == NULL)
		return -1;
	ret = peer_send(&r->peer, code, p, n);
	free(p);
	if (ret == -1)
		return -1;
	sealed(r, before);
	n = peer_pending(&r->peer) - before;
	free(r->drip);
	if ((r->drip = malloc(n)) == NULL)
		return -1;
	r->peer.out.len -= n;
	memcpy(r->drip, r->peer.out.p + r->peer.out.len, n);
	r->driplen = n < limit ? n : (size_t)limit;
	r->dripped = 0;
	r->drip_next = mono_ms();
	r->deadline = 0;
	return 0;
}

static int
done_drip(struct run *r)
{
	return r->dripped == r->driplen && peer_pending(&r->peer) == 0;
}

static int
on_off(const char *s, int *off)
{
	if (strcmp(s, "on") != 0 && strcmp(s, "off") != 0)
		return -1;
	*off = strcmp(s, "off") == 0;
	return 0;
}

static int
start_echo(struct run *r, char **argv)
{
	int		 off;

	if (on_off(argv[1], &off) == -1)
		return -1;
	r->echo = !off;
	return 0;
}

static int
start_read(struct run *r, char **argv)
{
	return on_off(argv[1], &r->no_read);
}

static int
start_pong(struct run *r, char **argv)
{
	return on_off(argv[1], &r->no_pong);
}

static int
start_set(struct run *r, char **argv)
{
	return hostile_set(&r->bad, argv[1]);
}

static int
start_wait(struct run *r, char **argv)
{
	uint64_t	 n = 1;
	unsigned int	 i;

	if (argv[2] != NULL && parse_u64(&n, argv[2]) == -1)
		return -1;
	r->count = (unsigned int)n;
	for (i = 0; i < EV_COUNT; i++) {
		r->want = (enum event)i;
		if (strcmp(event_name(i), argv[1]) == 0)
			return 0;
	}
	return -1;
}

static int
done_wait(struct run *r)
{
	if (r->seen[r->want] < r->count)
		return 0;
	if (r->want == EV_PING || r->want == EV_PONG || r->want == EV_MSG)
		r->seen[r->want] -= r->count;
	return 1;
}

static int
start_timeout(struct run *r, char **argv)
{
	uint64_t	 s;

	if (parse_u64(&s, argv[1]) == -1)
		return -1;
	r->timeout = s * 1000;
	return 0;
}

/* Without a time until the other side closes. */
static int
start_hold(struct run *r, char **argv)
{
	uint64_t	 s;

	r->deadline = 0;
	r->count = 0;
	if (argv[1] == NULL)
		return 0;
	if (parse_u64(&s, argv[1]) == -1)
		return -1;
	r->count = 1;
	r->drip_next = mono_ms() + s * 1000;
	return 0;
}

static int
done_hold(struct run *r)
{
	return r->over || (r->count == 1 && mono_ms() >= r->drip_next);
}

static int
start_shutdown(struct run *r, char **argv)
{
	(void)shutdown(r->peer.fd, SHUT_WR);
	return 0;
}

static int
start_close(struct run *r, char **argv)
{
	return close(r->peer.fd);
}

static int
start_reset(struct run *r, char **argv)
{
	struct linger	 l = { .l_onoff = 1, .l_linger = 0 };

	if (setsockopt(r->peer.fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)) == -1)
		return -1;
	return close(r->peer.fd);
}

static int
done_close(struct run *r)
{
	r->peer.fd = -1;
	r->over = 1;
	r->setup = 0;
	return 1;
}

static int
done_now(struct run *r)
{
	return 1;
}

static const struct action actions[] = {
	{ "wait", 1, 0, start_wait, done_wait,
	    "EVENT [COUNT]  until it was seen; ping, pong and msg are used up" },
	{ "hello", 0, 2, start_hello, NULL, "send our Hello" },
	{ "send", 2, 2, start_send, NULL,
	    "CODE SIZE|zero:SIZE|hex:BYTES  a message, of random bytes, zeros or these" },
	{ "sendraw", 2, 2, start_sendraw, NULL,
	    "CODE ...  the same, as if compressed already" },
	{ "lie", 2, 2, start_lie, NULL,
	    "CODE SIZE  snappy that declares SIZE and holds 4 bytes" },
	{ "ping", 0, 2, start_ping, done_ping,
	    "[N]  that many, without waiting for a pong" },
	{ "disconnect", 1, 2, start_disconnect, NULL, "REASON  by name or number" },
	{ "drip", 3, 2, start_drip, done_drip,
	    "CODE SIZE MS [COUNT]  a message, a byte every MS, COUNT bytes at most" },
	{ "raw", 1, 1, start_raw, NULL, "N|hex:BYTES  bytes on the socket" },
	{ "echo", 1, 0, start_echo, done_now, "on|off  send messages back" },
	{ "read", 1, 0, start_read, done_now, "on|off  off: leave the socket unread" },
	{ "pong", 1, 0, start_pong, done_now, "on|off  answer pings" },
	{ "set", 1, 0, start_set, done_now, "FAULT  one of the faults below" },
	{ "timeout", 1, 0, start_timeout, done_now, "S  of each action that follows" },
	{ "hold", 0, 0, start_hold, done_hold, "[S]  stay, until closed or S seconds" },
	{ "shutdown", 0, 1, start_shutdown, NULL, "end our direction" },
	{ "close", 0, 1, start_close, done_close, "close the socket" },
	{ "reset", 0, 1, start_reset, done_close, "close it with a reset" },
};

void
action_usage(void)
{
	size_t		 i;

	printf("actions:\n");
	for (i = 0; i < nitems_of(actions); i++)
		printf("  %s %s\n", actions[i].name, actions[i].help);
}

static const struct action *
find(const char *name)
{
	size_t		 i;

	for (i = 0; i < nitems_of(actions); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

int
action_start(struct run *r, char *line)
{
	char		*argv[ARGS_MAX + 1] = { NULL }, *save = NULL, *s;
	int		 n = 0;

	for (s = strtok_r(line, " \t\r\n", &save); s != NULL && n < ARGS_MAX;
	    s = strtok_r(NULL, " \t\r\n", &save))
		argv[n++] = s;
	if (n == 0 || argv[0][0] == '#')
		return 0;
	if ((r->cur = find(argv[0])) == NULL || n - 1 < r->cur->args) {
		r->cur = NULL;
		return -1;
	}
	if ((r->cur->needs >= 1 && r->over) ||
	    (r->cur->needs == 2 && r->peer.codec == NULL))
		return 1;
	r->deadline = mono_ms() + r->timeout;
	return r->cur->start(r, argv);
}

int
action_done(struct run *r)
{
	return r->cur->done != NULL ? r->cur->done(r) :
	    peer_pending(&r->peer) == 0;
}

void
action_tick(struct run *r)
{
	unsigned int	 i;

	if (r->over)
		return;
	if (r->pings > 0 && peer_pending(&r->peer) == 0) {
		for (i = 0; i < PING_BATCH && r->pings > 0; i++, r->pings--)
			if (peer_ping(&r->peer, 0) == -1)
				break;
	}
	if (r->drip != NULL && r->dripped < r->driplen &&
	    mono_ms() >= r->drip_next) {
		if (peer_put(&r->peer, r->drip + r->dripped, 1) == 0)
			r->dripped++;
		r->drip_next = mono_ms() + r->drip_ms;
	}
}

static int
until(uint64_t when)
{
	uint64_t	 now = mono_ms();

	if (when <= now)
		return 0;
	return when - now > 60000 ? 60000 : (int)(when - now);
}

int
action_wait(const struct run *r)
{
	int		 ms = -1, next;

	if (r->cur == NULL)
		return -1;
	if (r->deadline != 0)
		ms = until(r->deadline);
	if ((r->drip != NULL && r->dripped < r->driplen) ||
	    (r->cur->done == done_hold && r->count == 1)) {
		next = until(r->drip_next);
		if (ms == -1 || next < ms)
			ms = next;
	}
	return ms;
}
