/* SPDX-License-Identifier: ISC */
/*
 * rawpeer: one scriptable RLPx peer, proper or hostile, for tests.
 *
 *	rawpeer [options] enode://ID@IP:PORT [ACTION ...]	dials
 *	rawpeer [options] -l IP:PORT [ACTION ...]		waits for one
 *
 * Set-up goes as far as -u says; then the actions run one after the other,
 * each an argument ("wait hello" "send 0x10 1024" "wait msg") or, without any,
 * a line of standard input. Each event is a line on standard output:
 *	self ID | listening URL | handshake ID
 *	connected ADDR	our own when dialing, else the other side's
 *	hello version=V id=ID caps=A/1,B/2 client=TEXT
 *	ping | pong | msg CODE LEN SHA256 | sent CODE LEN SHA256
 *	disconnect 0x04 too-many-peers | closed | reset | error TEXT | timeout ACTION
 * Exit: 0 the script ran to its end, 1 usage or error, 2 the connection was
 * over before it, 3 an action timed out. rawpeer -h lists options and actions.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "regress/tools/rawpeer.h"

static const char *const event_names[EV_COUNT] = { "connected", "handshake",
    "hello", "ping", "pong", "msg", "disconnect", "closed" };
static const char *const step_names[] = { "connect", "half", "packet",
    "handshake", "hello" };

const char *
event_name(unsigned int i)
{
	return event_names[i];
}

void
say(const char *fmt, ...)
{
	va_list		 ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void
say_payload(const char *what, uint64_t code, const void *p, size_t n)
{
	uint8_t		 md[32];
	char		 hex[65];

	if (EVP_Digest(p, n, md, NULL, EVP_sha256(), NULL) != 1)
		abort();
	say("%s 0x%02llx %zu %s", what, (unsigned long long)code, n,
	    hex_encode(hex, md, sizeof(md)));
}

static __attribute__((noreturn)) void
die(const char *what, const char *detail)
{
	say("error %s%s%s", what, detail != NULL ? ": " : "",
	    detail != NULL ? detail : "");
	exit(1);
}

static void
usage(void)
{
	printf("usage: rawpeer [options] enode://ID@IP:PORT | -l IP:PORT [ACTION ...]\n"
	    "  -k KEY         node key: 64 hex digits or a file of them; else random\n"
	    "  -b IP          local address to dial from\n"
	    "  -c NAME/VER    a capability of our Hello, any number of times\n"
	    "  -n TEXT        our client name (rawpeer)\n"
	    "  -v VERSION     base protocol version of our Hello (5)\n"
	    "  -u STEP        set up as far as: connect, half (of our auth or ack),\n"
	    "                 packet (the whole), handshake, hello (default)\n"
	    "  -t SECONDS     limit of each action (10)\n"
	    "  -x FAULT       a fault, see below\n");
	action_usage();
	hostile_usage();
}

/* The connection is over; what was heard stays. */
static void
over(struct run *r, int error)
{
	if (r->over)
		return;
	if (error == 0)
		say("closed");
	else if (error == ECONNRESET || error == EPIPE)
		say("reset");
	else
		say("error %s", strerror(error));
	r->over = 1;
	r->setup = 0;
	r->seen[EV_CLOSED]++;
	close(r->peer.fd);
	r->peer.fd = -1;
}

void
sealed(struct run *r, size_t before)
{
	size_t		 n = peer_pending(&r->peer) - before;

	hostile_flip(&r->bad, r->peer.out.p + r->peer.out.len - n, n);
}

static void
set_snappy(struct run *r)
{
	int		 ours = r->hello.version >= 5;
	int		 known = r->seen[EV_HELLO] > 0;

	frame_set_snappy(r->peer.codec,
	    ours && (!known || r->peer_version >= 5),
	    ours && known && r->peer_version >= 5);
}

int
send_hello(struct run *r)
{
	size_t		 n, before = peer_pending(&r->peer);
	uint8_t		*p = NULL;
	int		 ret = -1;

	if (hostile_hello(&r->bad, &r->hello, r->pub, &p, &n) == 0)
		ret = peer_send(&r->peer, BASE_HELLO, p, n);
	free(p);
	if (ret == 0) {
		sealed(r, before);
		set_snappy(r);
	}
	return ret;
}

static int
make_packet(struct peer *p, uint8_t *out, size_t *len)
{
	struct run	*r = p->arg;

	if (hostile_packet(&r->bad, p, out, len) == -1)
		return -1;
	if (r->until == STEP_HALF)
		*len /= 2;
	return 0;
}

static void
got_hello(struct run *r, const struct peer_msg *m)
{
	static struct hello h;
	char		 id[2 * SECP_PUB + 1], caps[2048] = "", one[64];
	uint32_t	 i;
	int		 reason;

	if ((reason = hello_decode(&h, m->data, m->len)) != 0) {
		say("error hello: %s", reason_name((unsigned int)reason));
		return;
	}
	for (i = 0; i < h.ncaps; i++) {
		snprintf(one, sizeof(one), "%s%s/%u", i > 0 ? "," : "",
		    h.caps[i].name, h.caps[i].version);
		strlcat(caps, one, sizeof(caps));
	}
	say("hello version=%llu id=%s caps=%s client=%s",
	    (unsigned long long)h.version,
	    hex_encode(id, h.id, sizeof(h.id)), caps, h.client);
	r->peer_version = h.version;
	r->seen[EV_HELLO]++;
	set_snappy(r);
}

static void
got_disconnect(struct run *r, const struct peer_msg *m)
{
	char		 name[32], *s;
	unsigned int	 reason;

	if (disconnect_decode(&reason, m->data, m->len,
	    frame_snappy_rx(r->peer.codec)) == -1) {
		say("error disconnect does not decode");
		return;
	}
	strlcpy(name, disc_name(reason), sizeof(name));
	for (s = name; (s = strchr(s, ' ')) != NULL; )
		*s = '-';
	say("disconnect 0x%02x %s", reason, name);
	r->seen[EV_DISCONNECT]++;
}

static void
got_msg(struct run *r, const struct peer_msg *m)
{
	if (m->code == BASE_HELLO)
		got_hello(r, m);
	else if (m->code == BASE_DISCONNECT)
		got_disconnect(r, m);
	else if (m->code == BASE_PING) {
		say("ping");
		r->seen[EV_PING]++;
		if (!r->no_pong)
			peer_ping(&r->peer, 1);
	} else if (m->code == BASE_PONG) {
		say("pong");
		r->seen[EV_PONG]++;
	} else {
		say_payload("msg", m->code, m->data, m->len);
		r->seen[EV_MSG]++;
		if (r->echo && m->code >= BASE_LENGTH)
			peer_send(&r->peer, m->code, m->data, m->len);
	}
}

/* Goes on with the handshake, and with Hello after it, as far as asked. */
static void
go_on(struct run *r)
{
	char		 id[2 * SECP_PUB + 1];

	if (r->until < STEP_HANDSHAKE) {
		/* a recipient has to read the auth before its ack */
		if (r->until > STEP_CONNECT && r->peer.state == PEER_AUTH)
			(void)peer_handshake(&r->peer);
		return;
	}
	switch (peer_handshake(&r->peer)) {
	case 0:
		return;
	case -1:
		die("handshake", NULL);
	}
	say("handshake %s", hex_encode(id, r->peer.remote, SECP_PUB));
	r->seen[EV_HANDSHAKE]++;
	if (r->until == STEP_HELLO && send_hello(r) == -1)
		die("hello", NULL);
	r->setup = 0;
}

static void
readable(struct run *r)
{
	struct peer_msg	 m;
	int		 n, eof;

	if ((n = peer_fill(&r->peer)) == -1) {
		if (errno != EAGAIN)
			over(r, errno);
		return;
	}
	eof = n == 0;
	if (r->peer.state != PEER_FRAMES)
		go_on(r);
	while (r->peer.codec != NULL && (n = peer_next(&r->peer, &m)) != 0) {
		if (n < 0) {
			say("error %s", reason_name((unsigned int)-n));
			over(r, 0);
			return;
		}
		got_msg(r, &m);
	}
	if (eof)
		over(r, 0);
}

static void
connected(struct run *r)
{
	struct sockaddr_storage ss;
	socklen_t	 len = sizeof(ss), errlen = sizeof(int);
	struct addr	 a;
	char		 buf[ADDR_STRLEN];
	int		 error = 0;

	r->connecting = 0;
	if (getsockopt(r->peer.fd, SOL_SOCKET, SO_ERROR, &error, &errlen) == -1 ||
	    error != 0 ||
	    getsockname(r->peer.fd, (struct sockaddr *)&ss, &len) == -1 ||
	    addr_from_sa(&a, (struct sockaddr *)&ss) == -1)
		die("connect", strerror(error));
	say("connected %s", addr_format(&a, buf));
	r->seen[EV_CONNECTED]++;
	if (r->until == STEP_CONNECT)
		r->setup = 0;
	else if (peer_auth(&r->peer, r->target.id) == -1)
		die("auth", NULL);
}

static void
accepted(struct run *r)
{
	struct sockaddr_storage ss;
	socklen_t	 len = sizeof(ss);
	struct addr	 a;
	char		 buf[ADDR_STRLEN];
	int		 fd = accept(r->listener, (struct sockaddr *)&ss, &len);

	if (fd == -1 || fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    addr_from_sa(&a, (struct sockaddr *)&ss) == -1)
		die("accept", strerror(errno));
	close(r->listener);
	r->listener = -1;
	r->peer.fd = fd;
	r->over = 0;
	say("connected %s", addr_format(&a, buf));
	r->seen[EV_CONNECTED]++;
	peer_await(&r->peer);
	if (r->until == STEP_CONNECT)
		r->setup = 0;
}

/* What was queued is written; a set-up that ends with its packet ends here. */
static void
write_out(struct run *r)
{
	int		 saved;

	if (r->over || r->connecting || r->listener != -1)
		return;
	if (peer_pending(&r->peer) == 0)
		return;
	switch (peer_flush(&r->peer)) {
	case -1:
		saved = errno;
		/* a Disconnect may wait to be read */
		if (!r->no_read)
			readable(r);
		over(r, saved);
		break;
	case 0:
		if (r->setup && r->until < STEP_HANDSHAKE)
			r->setup = 0;
		break;
	}
}

static void
turn(struct run *r, int want_stdin)
{
	struct pollfd	 pfd[2];
	int		 ms = r->setup ? (int)r->timeout : action_wait(r);

	memset(pfd, 0, sizeof(pfd));
	pfd[0].fd = r->listener != -1 ? r->listener : r->peer.fd;
	if (r->connecting)
		pfd[0].events = POLLOUT;
	else {
		pfd[0].events = r->no_read ? 0 : POLLIN;
		if (r->listener == -1 && peer_pending(&r->peer) > 0)
			pfd[0].events |= POLLOUT;
	}
	pfd[1].fd = want_stdin ? STDIN_FILENO : -1;
	pfd[1].events = POLLIN;
	if (poll(pfd, 2, ms) == -1 && errno != EINTR)
		die("poll", strerror(errno));
	if (pfd[0].revents == 0) {
		if (r->setup && ms != -1 && pfd[1].revents == 0) {
			say("timeout set-up");
			exit(3);
		}
		return;
	}
	if (r->listener != -1)
		accepted(r);
	else if (r->connecting)
		connected(r);
	else if ((pfd[0].revents & POLLIN) && !r->no_read)
		readable(r);
	else if (pfd[0].revents & (POLLHUP | POLLERR))
		over(r, ECONNRESET);
}

/* The next action: of argv, or a line of standard input. NULL at the end. */
static char *
next_line(struct run *r, char ***argv, int from_stdin)
{
	static char	 buf[1 << 20];
	static size_t	 len, used;
	char		*nl, *line;
	ssize_t		 n;

	if (!from_stdin)
		return **argv == NULL ? NULL : *(*argv)++;
	memmove(buf, buf + used, len - used);
	len -= used;
	used = 0;
	while ((nl = memchr(buf, '\n', len)) == NULL) {
		struct pollfd	 pfd = { .fd = STDIN_FILENO, .events = POLLIN };

		if (poll(&pfd, 1, 0) != 1) {
			write_out(r);
			turn(r, 1);
			continue;
		}
		n = read(STDIN_FILENO, buf + len, sizeof(buf) - 1 - len);
		if (n <= 0)
			return NULL;
		len += (size_t)n;
	}
	*nl = '\0';
	used = (size_t)(nl - buf) + 1;
	line = buf;
	return line;
}

static void
run_action(struct run *r, char *line)
{
	char		 name[32];
	int		 err;

	strlcpy(name, line, sizeof(name));
	if ((err = action_start(r, line)) == -1)
		die("action", name);
	if (err == 1) {
		say("error no connection for: %s", name);
		exit(2);
	}
	if (r->cur == NULL)
		return;
	for (;;) {
		action_tick(r);
		write_out(r);
		if (action_done(r))
			break;
		if (r->over)
			exit(2);
		if (r->deadline != 0 && mono_ms() >= r->deadline) {
			say("timeout %s", name);
			exit(3);
		}
		turn(r, 0);
	}
	r->cur = NULL;
}

static void
load_key(struct run *r, const char *s)
{
	char		 buf[80] = "";
	FILE		*f;

	if (hex_decode(r->priv, sizeof(r->priv), s) == -1) {
		if ((f = fopen(s, "r")) == NULL ||
		    fgets(buf, sizeof(buf), f) == NULL)
			die("key", s);
		fclose(f);
		buf[strcspn(buf, "\r\n")] = '\0';
		if (hex_decode(r->priv, sizeof(r->priv), buf) == -1)
			die("key", s);
	}
	if (secp_pub_from_priv(r->pub, r->priv) == -1)
		die("key", s);
}

static void
add_cap(struct hello_args *h, const char *s)
{
	const char	*slash = strrchr(s, '/');
	size_t		 n;

	if (slash == NULL || h->ncaps == HELLO_CAPS)
		die("capability", s);
	n = (size_t)(slash - s);
	if (n >= sizeof(h->caps[0].name))
		die("capability", s);
	memcpy(h->caps[h->ncaps].name, s, n);
	h->caps[h->ncaps++].version = strtoull(slash + 1, NULL, 0);
}

static enum step
parse_step(const char *s)
{
	unsigned int	 i;

	for (i = 0; i < nitems_of(step_names); i++)
		if (strcmp(step_names[i], s) == 0)
			return (enum step)i;
	die("step", s);
}

static void
start_listen(struct run *r, const char *where)
{
	struct sockaddr_storage ss;
	struct enode	 self;
	struct addr	 a;
	socklen_t	 len;
	char		 url[ENODE_STRLEN], ip[ADDR_STRLEN];
	int		 on = 1;

	if (addr_parse(&a, where) == -1)
		die("address", where);
	len = addr_to_sa(&a, &ss);
	r->listener = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r->listener == -1 ||
	    setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(r->listener, (struct sockaddr *)&ss, len) == -1 ||
	    listen(r->listener, 8) == -1 ||
	    getsockname(r->listener, (struct sockaddr *)&ss, &len) == -1 ||
	    addr_from_sa(&a, (struct sockaddr *)&ss) == -1)
		die("listen", strerror(errno));
	memset(&self, 0, sizeof(self));
	memcpy(self.id, r->pub, sizeof(self.id));
	strlcpy(self.host, addr_format_ip(&a, ip), sizeof(self.host));
	self.tcp = self.udp = a.port;
	say("listening %s", enode_format(&self, url, sizeof(url)));
}

static void
start_dial(struct run *r, const char *url, const char *from)
{
	struct addr	 to, src;
	const char	*err;

	if (enode_parse(&r->target, url, &err) == -1)
		die(url, err);
	if (addr_parse_ip(&to, r->target.host) == -1)
		die("address", r->target.host);
	to.port = r->target.tcp;
	if (from != NULL && addr_parse_ip(&src, from) == -1)
		die("address", from);
	r->peer.fd = peer_connect(&to, from != NULL ? &src : NULL);
	if (r->peer.fd == -1)
		die("connect", strerror(errno));
	r->connecting = 1;
}

int
main(int argc, char **argv)
{
	static struct run r;
	const char	*from = NULL, *where = NULL, *key = NULL;
	char		 id[2 * SECP_PUB + 1], *line;
	int		 ch, from_stdin;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		usage();
		return 0;
	}
	r.until = STEP_HELLO;
	r.timeout = 10000;
	r.listener = -1;
	r.hello.version = BASE_VERSION;
	r.hello.client = "rawpeer";
	hostile_init(&r.bad);
	while ((ch = getopt(argc, argv, "b:c:hk:l:n:t:u:v:x:")) != -1) {
		switch (ch) {
		case 'b': from = optarg; break;
		case 'c': add_cap(&r.hello, optarg); break;
		case 'h': usage(); return 0;
		case 'k': key = optarg; break;
		case 'l': where = optarg; break;
		case 'n': r.hello.client = optarg; break;
		case 't': r.timeout = strtoull(optarg, NULL, 10) * 1000; break;
		case 'u': r.until = parse_step(optarg); break;
		case 'v': r.hello.version = strtoull(optarg, NULL, 0); break;
		case 'x':
			if (hostile_set(&r.bad, optarg) == -1)
				die("fault", optarg);
			break;
		default: usage(); return 1;
		}
	}
	argv += optind;
	if (where == NULL && *argv == NULL) {
		usage();
		return 1;
	}
	if (secp_init() == -1)
		die("secp256k1", NULL);
	if (key != NULL)
		load_key(&r, key);
	else if (secp_keygen(r.priv, r.pub) == -1)
		die("key", NULL);
	if (peer_init(&r.peer, -1, r.priv, r.pub) == -1)
		die("keys", NULL);
	say("self %s", hex_encode(id, r.pub, sizeof(r.pub)));
	r.peer.arg = &r;
	if (r.until == STEP_HALF || r.bad.hs_len != -1 || r.bad.ecies || r.bad.key)
		r.peer.make = make_packet;
	if (where != NULL)
		start_listen(&r, where);
	else
		start_dial(&r, *argv++, from);
	from_stdin = *argv == NULL;
	for (r.setup = 1; r.setup; write_out(&r))
		turn(&r, 0);
	while ((line = next_line(&r, &argv, from_stdin)) != NULL)
		run_action(&r, line);
	while (!r.over && peer_pending(&r.peer) > 0) {
		write_out(&r);
		if (!r.over && peer_pending(&r.peer) > 0)
			turn(&r, 0);
	}
	peer_free(&r.peer);
	return 0;
}
