/* SPDX-License-Identifier: ISC */
/*
 * floor: what this machine can do at most in one primitive, the median of some
 * timed runs, in CPU time. Prints nanoseconds, and what the payload packs to.
 *
 *	ms of a run, another core to answer from, primitive
 */
#include "config.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <openssl/evp.h>
#include <sched.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/crypto/keccak.h"
#include "common/crypto/secp.h"
#include "regress/bench/payload.h"

#define RUNS	9
#define BULK	(1 << 20)
#define BLOCK	65536
#define ECHO	160		/* a frame of 100 bytes */
#define PING	64		/* its frame, and its pong's */
#define PEERS	400

static struct {
	uint8_t		 priv[SECP_PRIV], pub[SECP_PUB], hash[32];
	uint8_t		 sig[SECP_SIG];
	uint8_t		*plain, *packed, *back;
	size_t		 size, npacked;
	struct keccak	 k;
	EVP_CIPHER_CTX	*ctr;
	int		 fd[2];
	int		 listener;
	int		 peers[PEERS], epoll;
	struct sockaddr_in to;
	clockid_t	 clock;
	double		 run_ns;
	int		 other;		/* core */
} g;

static double
now_ns(void)
{
	struct timespec	 ts;

	clock_gettime(g.clock, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int
cmp(const void *a, const void *b)
{
	const double	*x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Nanoseconds of one fn. */
static double
measure(void (*fn)(void))
{
	double	 t[RUNS], start, took;
	long	 n = 1, i;
	int	 r;

	for (;;) {
		start = now_ns();
		for (i = 0; i < n; i++)
			fn();
		took = now_ns() - start;
		if (took > g.run_ns / 2)
			break;
		n = took < g.run_ns / 1000 ? n * 100 : (long)((double)n * g.run_ns / took) + 1;
	}
	for (r = 0; r < RUNS; r++) {
		start = now_ns();
		for (i = 0; i < n; i++)
			fn();
		t[r] = (now_ns() - start) / (double)n;
	}
	qsort(t, RUNS, sizeof(*t), cmp);
	return t[RUNS / 2];
}

static void
ecdh(void)
{
	uint8_t	 x[32];

	if (secp_ecdh_x(x, g.priv, g.pub) == -1)
		errx(1, "ecdh");
}

static void
keygen(void)
{
	uint8_t	 priv[SECP_PRIV], pub[SECP_PUB];

	if (secp_keygen(priv, pub) == -1)
		errx(1, "keygen");
}

static void
sign(void)
{
	if (secp_sign(g.sig, g.hash, g.priv) == -1)
		errx(1, "sign");
}

static void
recover(void)
{
	uint8_t	 pub[SECP_PUB];

	if (secp_recover(pub, g.hash, g.sig) == -1)
		errx(1, "recover");
}

static void
absorb(void)
{
	keccak_update(&g.k, g.plain, BULK);
}

static void
digest(void)
{
	uint8_t	 out[32];

	keccak_digest(&g.k, out);
}

static void
encrypt(void)
{
	int	 n;

	if (EVP_EncryptUpdate(g.ctr, g.back, &n, g.plain, BULK) != 1)
		errx(1, "aes");
}

static void
compress(void)
{
	g.npacked = snappy_max_compressed_length(g.size);
	if (snappy_compress((char *)g.plain, g.size, (char *)g.packed,
	    &g.npacked) != SNAPPY_OK)
		errx(1, "snappy");
}

static void
uncompress(void)
{
	size_t	 n = BULK;

	if (snappy_uncompress((char *)g.packed, g.npacked, (char *)g.back, &n) !=
	    SNAPPY_OK)
		errx(1, "snappy");
}

static void
pass(void)
{
	ssize_t	 n, got = 0;

	if (write(g.fd[0], g.plain, BLOCK) != BLOCK)
		err(1, "write");
	while (got < BLOCK) {
		if ((n = read(g.fd[1], g.back, BLOCK)) <= 0)
			err(1, "read");
		got += n;
	}
}

/* A datagram out and one in. */
static void
datagram(void)
{
	if (send(g.fd[0], g.plain, 200, 0) != 200 ||
	    recv(g.fd[1], g.back, 1280, 0) != 200)
		err(1, "datagram");
}

static int
tcp(void)
{
	int	 fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1 || connect(fd, (struct sockaddr *)&g.to, sizeof(g.to)) == -1)
		err(1, "connect");
	return fd;
}

static void
visit(void)
{
	struct linger	 now = { 1, 0 };
	int		 a = tcp(), b;

	if ((b = accept(g.listener, NULL, NULL)) == -1)
		err(1, "accept");
	(void)setsockopt(a, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(a);
	close(b);
}

static void
listen_here(void)
{
	socklen_t	 len = sizeof(g.to);

	g.to.sin_family = AF_INET;
	g.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g.listener = socket(AF_INET, SOCK_STREAM, 0);
	if (g.listener == -1 || bind(g.listener, (struct sockaddr *)&g.to,
	    sizeof(g.to)) == -1 || listen(g.listener, 16) == -1 ||
	    getsockname(g.listener, (struct sockaddr *)&g.to, &len) == -1)
		err(1, "listen");
}

static void
udp(void)
{
	struct sockaddr_in	 a;
	socklen_t		 len = sizeof(a);

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g.fd[0] = socket(AF_INET, SOCK_DGRAM, 0);
	g.fd[1] = socket(AF_INET, SOCK_DGRAM, 0);
	if (g.fd[0] == -1 || g.fd[1] == -1 ||
	    bind(g.fd[1], (struct sockaddr *)&a, sizeof(a)) == -1 ||
	    getsockname(g.fd[1], (struct sockaddr *)&a, &len) == -1 ||
	    connect(g.fd[0], (struct sockaddr *)&a, sizeof(a)) == -1)
		err(1, "udp");
}

/* There and back, to a process on another core; the wall's time. */
static void
round_trip(void)
{
	if (write(g.fd[0], g.plain, ECHO) != ECHO ||
	    read(g.fd[0], g.back, ECHO) != ECHO)
		err(1, "echo");
}

/* A child on the other core; 0 in it. */
static int
other_core(void)
{
	cpu_set_t	 set;
	pid_t		 pid = fork();

	if (pid == -1)
		err(1, "fork");
	if (pid != 0)
		return 1;
	CPU_ZERO(&set);
	CPU_SET(g.other, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == -1)
		err(1, "core %d", g.other);
	return 0;
}

static void
echo_back(int fd)
{
	char	 buf[ECHO];

	while (read(fd, buf, sizeof(buf)) == sizeof(buf))
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			break;
	_exit(0);
}

static void
tcp_pair(void)
{
	int	 on = 1;

	listen_here();
	g.fd[0] = tcp();
	if ((g.fd[1] = accept(g.listener, NULL, NULL)) == -1)
		err(1, "accept");
	(void)setsockopt(g.fd[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(g.fd[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void
tcp_echo(void)
{
	tcp_pair();
	if (other_core() == 0) {
		close(g.fd[0]);
		echo_back(g.fd[1]);
	}
	close(g.fd[1]);
	g.clock = CLOCK_MONOTONIC;
}

/*
 * A ping to the next of many peers and its pong. Both sides sleep before and in
 * between: to be woken is most of what an idle peer costs.
 */
static void
ping(void)
{
	static unsigned int	 next;
	static const struct timespec	 ms = { 0, 1000000 };
	struct epoll_event	 ev;

	(void)nanosleep(&ms, NULL);
	if (write(g.peers[next++ % PEERS], g.plain, PING) != PING ||
	    epoll_wait(g.epoll, &ev, 1, -1) != 1 ||
	    read(ev.data.fd, g.back, BLOCK) != PING)
		err(1, "ping");
}

/* Until the other side has gone. */
static void
pong(int epoll)
{
	struct epoll_event	 ev;
	char			 buf[PING];

	while (epoll_wait(epoll, &ev, 1, -1) == 1 &&
	    read(ev.data.fd, buf, PING) == PING)
		if (write(ev.data.fd, buf, PING) != PING)
			break;
	_exit(0);
}

static int
new_epoll(void)
{
	int	 fd = epoll_create1(0);

	if (fd == -1)
		err(1, "epoll");
	return fd;
}

static void
watch(int epoll, int fd)
{
	struct epoll_event	 ev = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) == -1)
		err(1, "epoll");
}

static void
idle_peers(void)
{
	int	 i, theirs = new_epoll();

	g.epoll = new_epoll();
	listen_here();
	for (i = 0; i < PEERS; i++) {
		g.peers[i] = tcp();
		watch(g.epoll, g.peers[i]);
		if ((g.fd[1] = accept(g.listener, NULL, NULL)) == -1)
			err(1, "accept");
		watch(theirs, g.fd[1]);
	}
	if (other_core() == 0) {
		for (i = 0; i < PEERS; i++)
			close(g.peers[i]);
		pong(theirs);
	}
}

static void
unix_pair(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, g.fd) == -1)
		err(1, "socketpair");
}

static const struct primitive {
	const char	*name;
	void		(*ready)(void);		/* or NULL */
	void		(*fn)(void);
	double		 units;			/* in one fn */
} primitives[] = {
	{ "ecdh", NULL, ecdh, 1 },
	{ "keygen", NULL, keygen, 1 },
	{ "sign", NULL, sign, 1 },
	{ "recover", NULL, recover, 1 },
	{ "keccak-byte", NULL, absorb, BULK },
	{ "keccak-digest", NULL, digest, 1 },
	{ "aes-byte", NULL, encrypt, BULK },
	{ "compress", NULL, compress, 1 },
	{ "uncompress", NULL, uncompress, 1 },
	{ "unix-byte", unix_pair, pass, BLOCK },
	{ "udp", udp, datagram, 1 },
	{ "tcp-visit", listen_here, visit, 1 },
	{ "tcp-byte", tcp_pair, pass, BLOCK },
	{ "tcp-echo", tcp_echo, round_trip, 1 },
	{ "tcp-ping", idle_peers, ping, 1 },
};

/* NAME, or NAME-KIND-SIZE of what depends on the payload. */
static void
say(const char *what)
{
	const struct primitive	*p;
	char			 kind;
	size_t			 i, n;

	for (i = 0; i < nitems_of(primitives); i++) {
		p = &primitives[i];
		n = strlen(p->name);
		if (strncmp(what, p->name, n) != 0)
			continue;
		if (sscanf(what + n, "-%c-%zu", &kind, &g.size) == 2 &&
		    g.size <= BULK) {
			payload_fill(g.plain, g.size, kind);
			compress();
		} else if (what[n] != '\0')
			continue;
		if (p->ready != NULL)
			p->ready();
		printf("%.3f %zu\n", measure(p->fn) / p->units, g.npacked);
		return;
	}
	errx(1, "%s: no such primitive", what);
}

static void
prepare(void)
{
	static const uint8_t	 key[32] = { 1 }, iv[16] = { 2 };

	if (secp_init() == -1 || secp_keygen(g.priv, g.pub) == -1)
		errx(1, "secp256k1");
	g.plain = malloc(BULK);
	g.back = malloc(BULK);
	g.packed = malloc(snappy_max_compressed_length(BULK));
	g.ctr = EVP_CIPHER_CTX_new();
	if (g.plain == NULL || g.back == NULL || g.packed == NULL ||
	    g.ctr == NULL || EVP_EncryptInit_ex(g.ctr, EVP_aes_256_ctr(), NULL,
	    key, iv) != 1)
		errx(1, "no memory");
	payload_fill(g.plain, BULK, 'r');
	keccak256(g.hash, "floor", 5);
	keccak_init(&g.k);
	sign();
	g.clock = CLOCK_PROCESS_CPUTIME_ID;
}

int
main(int argc, char **argv)
{
	if (argc != 4 || sscanf(argv[1], "%lf", &g.run_ns) != 1 ||
	    sscanf(argv[2], "%d", &g.other) != 1)
		errx(1, "usage: floor ms core primitive");
	g.run_ns *= 1e6;
	prepare();
	say(argv[3]);
	return 0;
}
