/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "regress/bench/light.h"
#include "regress/tools/peer.h"

#define BATCH	(64 * 1024)

static uint8_t	 out[32 * 1024 * 1024];	/* of one link at a time */
static size_t	 outlen;

static void
source(struct addr *a, uint32_t i)
{
	memset(a, 0, sizeof(*a));
	a->af = 4;
	a->ip[0] = 127;
	a->ip[1] = 3;
	a->ip[2] = (uint8_t)(1 + i / 254 % 254);
	a->ip[3] = (uint8_t)(1 + i % 254);
}

static int
ready(int fd, short events)
{
	struct pollfd	 pfd = { fd, events, 0 };

	return poll(&pfd, 1, 15000) == 1;
}

static int
hello(struct peer *p)
{
	struct hello	 h;
	uint8_t		 buf[HELLO_MAX];
	size_t		 len;

	memset(&h, 0, sizeof(h));
	h.version = BASE_VERSION;
	strlcpy(h.client, "bench", sizeof(h.client));
	strlcpy(h.caps[0].name, "bench", sizeof(h.caps[0].name));
	h.caps[0].version = 1;
	h.ncaps = 1;
	memcpy(h.id, p->pub, sizeof(h.id));
	if (hello_encode(buf, sizeof(buf), &len, &h) == -1)
		return -1;
	return peer_send(p, BASE_HELLO, buf, len);
}

static const char *
set_up(struct peer *p, const uint8_t id[SECP_PUB])
{
	struct peer_msg	 m;
	int		 r = 0, done = 0;

	if (peer_auth(p, id) == -1)
		return "handshake";
	for (;;) {
		if (peer_flush(p) == -1 || !ready(p->fd, POLLIN) ||
		    peer_fill(p) <= 0)
			return done ? "hello" : "handshake";
		if (!done && (r = peer_handshake(p)) == -1)
			return "handshake";
		if (!done && r == 1) {
			done = 1;
			if (hello(p) == -1 || peer_flush(p) == -1)
				return "hello";
		}
		if (!done || (r = peer_next(p, &m)) == 0)
			continue;
		if (r < 0 || m.code != BASE_HELLO)
			return "hello";
		frame_set_snappy(p->codec, 1, 1);
		return NULL;
	}
}

/* From here the key stream goes on by ourselves. */
static int
take_over(struct light *l, struct peer *p)
{
	struct rlpx_state	 st;
	uint8_t			 iv[16] = { 0 };
	uint64_t		 block;
	int			 i;

	frame_export(p->codec, &st);
	block = st.rx_bytes / 16;
	for (i = 15; i >= 8; i--, block >>= 8)
		iv[i] = (uint8_t)block;
	if ((l->aes = EVP_CIPHER_CTX_new()) == NULL || EVP_DecryptInit_ex(l->aes,
	    EVP_aes_256_ctr(), NULL, st.aes_key, iv) != 1)
		return -1;
	l->fd = p->fd;
	l->codec = p->codec;
	p->fd = -1;
	p->codec = NULL;
	return fcntl(l->fd, F_SETFL, 0);
}

int
light_connect(const struct enode *node, uint32_t i)
{
	struct addr	 to, from;
	int		 fd, on = 1;

	if (addr_parse_ip(&to, node->host) == -1)
		return -1;
	to.port = node->tcp;
	source(&from, i);
	if ((fd = peer_connect(&to, &from)) == -1)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!ready(fd, POLLOUT)) {
		close(fd);
		return -1;
	}
	return fd;
}

int
light_open(struct light *l, const struct enode *node, uint32_t i,
    const char **why)
{
	struct peer	 p;
	uint8_t		 priv[SECP_PRIV], pub[SECP_PUB];
	int		 fd;

	memset(l, 0, sizeof(*l));
	*why = "connect";
	if ((fd = light_connect(node, i)) == -1)
		return -1;
	if (secp_keygen(priv, pub) == -1 || peer_init(&p, fd, priv, pub) == -1)
		return -1;
	if ((*why = set_up(&p, node->id)) == NULL &&
	    (p.in.off != p.in.len || take_over(l, &p) == -1))
		*why = "more than a hello";
	peer_free(&p);
	return *why == NULL ? 0 : -1;
}

void
light_close(struct light *l)
{
	frame_free(l->codec);
	EVP_CIPHER_CTX_free(l->aes);
	close(l->fd);
}

static int
write_all(int fd, const uint8_t *p, size_t n)
{
	ssize_t	 w;

	for (; n > 0; p += w, n -= (size_t)w)
		if ((w = write(fd, p, n)) == -1) {
			if (errno != EINTR)
				return -1;
			w = 0;
		}
	return 0;
}

int
light_flush(struct light *l)
{
	size_t	 n = outlen;

	outlen = 0;
	return write_all(l->fd, out, n);
}

int
light_put(struct light *l, uint32_t code, const void *data, size_t n)
{
	size_t	 len;

	if (outlen >= BATCH && light_flush(l) == -1)
		return -1;
	len = frame_seal_raw(l->codec, out + outlen, code, data, n);
	outlen += len;
	return len == 0 ? -1 : 0;
}

int
light_send(struct light *l, uint32_t code, const void *data, size_t n)
{
	if (light_put(l, code, data, n) == -1)
		return -1;
	return light_flush(l);
}

static int
decrypt(struct light *l, uint8_t *p, size_t n)
{
	int	 len;

	return EVP_DecryptUpdate(l->aes, p, &len, p, (int)n) == 1 ? 0 : -1;
}

static int
head(struct light *l)
{
	size_t	 n;

	if (decrypt(l, l->part, 16) == -1)
		return -1;
	n = (size_t)l->part[0] << 16 | (size_t)l->part[1] << 8 | l->part[2];
	if (n == 0)
		return -1;
	l->data = (n + 15) / 16 * 16;
	l->left = l->data + 16;
	l->keep = l->len = n - 1;
	l->begun = 0;
	l->nmsg = 0;
	return 0;
}

static int
whole(struct light *l, void (*fn)(struct light *, void *), void *arg)
{
	static const uint8_t	 pong[] = { 0x01, 0x00, 0xc0 };

	l->npart = 0;
	if (l->code == BASE_DISCONNECT)
		return -1;
	if (l->code == BASE_PING)
		return light_send(l, BASE_PONG, pong, sizeof(pong));
	if (l->code >= BASE_LENGTH) {
		l->code -= BASE_LENGTH;
		fn(l, arg);
	}
	return 0;
}

/* Some of a body; what is after it is left alone. Returns what was taken. */
static size_t
body(struct light *l, uint8_t *p, size_t n)
{
	size_t	 taken, k;

	if (n > l->data)
		n = l->data;
	if (n == 0 || decrypt(l, p, n) == -1)
		return 0;
	taken = n;
	l->data -= n;
	l->left -= n;
	if (!l->begun) {
		l->begun = 1;
		l->code = *p == 0x80 ? 0 : *p;
		p++;
		n--;
	}
	k = sizeof(l->msg) - l->nmsg;
	if (k > n)
		k = n;
	if (k > l->keep)
		k = l->keep;
	memcpy(l->msg + l->nmsg, p, k);
	l->nmsg += k;
	l->keep -= k;
	return taken;
}

int
light_feed(struct light *l, uint8_t *p, size_t n,
    void (*fn)(struct light *, void *), void *arg)
{
	size_t	 k;

	while (n > 0) {
		if (l->left == 0) {
			k = sizeof(l->part) - l->npart;
			if (k > n)
				k = n;
			memcpy(l->part + l->npart, p, k);
			l->npart += k;
			if (l->npart == sizeof(l->part) && head(l) == -1)
				return -1;
		} else if (l->data > 0) {
			if ((k = body(l, p, n)) == 0)
				return -1;
		} else {
			k = l->left < n ? l->left : n;
			l->left -= k;
		}
		p += k;
		n -= k;
		if (l->npart == sizeof(l->part) && l->left == 0 && l->begun &&
		    whole(l, fn, arg) == -1)
			return -1;
	}
	return 0;
}
