/* SPDX-License-Identifier: ISC */
/*
 * floor: what this machine can do at most, one primitive at a time, each the
 * median of some timed runs, in CPU time. A line for each: its name, nanoseconds.
 */
#include "config.h"

#include <sys/socket.h>
#include <netinet/in.h>

#include <err.h>
#include <openssl/evp.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/crypto/keccak.h"
#include "common/crypto/secp.h"
#include "regress/bench/payload.h"

#define RUNS	9
#define RUN_NS	20000000.0
#define BULK	(1 << 20)
#define BLOCK	65536

static struct {
	uint8_t		 priv[SECP_PRIV], pub[SECP_PUB], hash[32];
	uint8_t		 sig[SECP_SIG];
	uint8_t		*plain, *packed, *back;
	size_t		 size, npacked;
	struct keccak	 k;
	EVP_CIPHER_CTX	*ctr;
	int		 fd[2];
	int		 listener;
	struct sockaddr_in to;
} g;

static double
now_ns(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
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
		if (took > RUN_NS / 2)
			break;
		n = took < RUN_NS / 1000 ? n * 100 : (long)((double)n * RUN_NS / took) + 1;
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

static void
say(const char *name, double ns)
{
	printf("%s %.3f\n", name, ns);
	fflush(stdout);
}

static void
payloads(void)
{
	static const size_t	 sizes[] = { 64, 1024, 16384, 262144, BULK };
	static const char	 kinds[] = "rc";
	char			 name[64];
	size_t			 i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			g.size = sizes[i];
			payload_fill(g.plain, g.size, kinds[k]);
			snprintf(name, sizeof(name), "compress-%c-%zu", kinds[k],
			    g.size);
			say(name, measure(compress));
			snprintf(name, sizeof(name), "uncompress-%c-%zu",
			    kinds[k], g.size);
			say(name, measure(uncompress));
			snprintf(name, sizeof(name), "packed-%c-%zu", kinds[k],
			    g.size);
			say(name, (double)g.npacked);
		}
}

static void
sockets(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, g.fd) == -1)
		err(1, "socketpair");
	say("unix-byte", measure(pass) / BLOCK);
	close(g.fd[0]);
	close(g.fd[1]);
	udp();
	say("udp", measure(datagram));
	close(g.fd[0]);
	close(g.fd[1]);
	listen_here();
	say("tcp-visit", measure(visit));
	g.fd[0] = tcp();
	if ((g.fd[1] = accept(g.listener, NULL, NULL)) == -1)
		err(1, "accept");
	say("tcp-byte", measure(pass) / BLOCK);
}

int
main(void)
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
	say("ecdh", measure(ecdh));
	say("keygen", measure(keygen));
	say("sign", measure(sign));
	say("recover", measure(recover));
	say("keccak-byte", measure(absorb) / BULK);
	say("keccak-digest", measure(digest));
	say("aes-byte", measure(encrypt) / BULK);
	payloads();
	sockets();
	return 0;
}
