/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/crypto/ecies.h"
#include "common/crypto/secp.h"
#include "common/wire/reason.h"
#include "regress/tools/peer.h"

#define READ_SIZE	65536

static size_t
held(const struct pbuf *b)
{
	return b->len - b->off;
}

/* Room for n bytes at the end. */
static int
reserve(struct pbuf *b, size_t n)
{
	size_t		 cap;
	uint8_t		*p;

	if (b->off > 0) {
		memmove(b->p, b->p + b->off, held(b));
		b->len -= b->off;
		b->off = 0;
	}
	if (b->cap - b->len >= n)
		return 0;
	cap = b->len + n;
	if ((p = realloc(b->p, cap)) == NULL)
		return -1;
	b->p = p;
	b->cap = cap;
	return 0;
}

/* An idle peer keeps no buffers. */
static void
consume(struct pbuf *b, size_t n)
{
	b->off += n;
	if (b->off == b->len) {
		free(b->p);
		memset(b, 0, sizeof(*b));
	}
}

int
peer_connect(const struct addr *to, const struct addr *from)
{
	struct sockaddr_storage ss;
	socklen_t	 len = addr_to_sa(to, &ss);
	int		 fd, saved;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (from != NULL) {
		struct sockaddr_storage src;
		socklen_t srclen = addr_to_sa(from, &src);
#ifdef IP_BIND_ADDRESS_NO_PORT
		int on = 1;

		/* the port is chosen at connect: one port may go to many */
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
		    sizeof(on));
#endif
		if (bind(fd, (struct sockaddr *)&src, srclen) == -1)
			goto fail;
	}
	if (connect(fd, (struct sockaddr *)&ss, len) == -1 && errno != EINPROGRESS)
		goto fail;
	return fd;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
peer_init(struct peer *p, int fd, const uint8_t priv[SECP_PRIV],
    const uint8_t pub[SECP_PUB])
{
	memset(p, 0, sizeof(*p));
	p->fd = fd;
	memcpy(p->priv, priv, sizeof(p->priv));
	memcpy(p->pub, pub, sizeof(p->pub));
	return rlpx_keys_make(&p->keys);
}

void
peer_free(struct peer *p)
{
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
	free(p->hs);
	free(p->in.p);
	free(p->out.p);
	free(p->plain);
	p->hs = p->plain = NULL;
	memset(&p->in, 0, sizeof(p->in));
	memset(&p->out, 0, sizeof(p->out));
	if (p->codec != NULL)
		frame_free(p->codec);
	p->codec = NULL;
}

int
peer_put(struct peer *p, const void *data, size_t n)
{
	if (n == 0)
		return 0;
	if (reserve(&p->out, n) == -1)
		return -1;
	memcpy(p->out.p + p->out.len, data, n);
	p->out.len += n;
	return 0;
}

/* Our auth or ack: queued, and kept until the secrets are made. */
static int
put_packet(struct peer *p, int initiator)
{
	uint8_t		 own[RLPX_HS_MAX], *out = own, x[32];
	size_t		 len;
	int		 r;

	if (p->make != NULL) {
		if ((out = malloc(PEER_HS_MAX)) == NULL)
			return -1;
		r = p->make(p, out, &len);
	} else if (!initiator)
		r = rlpx_ack_make(out, &len, &p->keys, p->remote);
	else if ((r = secp_ecdh_x(x, p->priv, p->remote)) == 0)
		r = rlpx_auth_make(out, &len, &p->keys, p->pub, p->remote, x);
	if (r == 0 && (p->hs = malloc(len + 1)) != NULL) {
		memcpy(p->hs, out, len);
		p->hslen = len;
		r = peer_put(p, out, len);
	} else
		r = -1;
	if (out != own)
		free(out);
	return r;
}

int
peer_auth(struct peer *p, const uint8_t remote[SECP_PUB])
{
	memcpy(p->remote, remote, sizeof(p->remote));
	p->state = PEER_ACK;
	return put_packet(p, 1);
}

void
peer_await(struct peer *p)
{
	p->state = PEER_AUTH;
}

int
peer_fill(struct peer *p)
{
	size_t		 want = READ_SIZE;
	ssize_t		 n;

	if (p->headed && frame_rest(p->body) > want + held(&p->in))
		want = frame_rest(p->body) - held(&p->in);
	if (reserve(&p->in, want) == -1)
		return -1;
	do {
		n = read(p->fd, p->in.p + p->in.len, want);
	} while (n == -1 && errno == EINTR);
	if (n > 0)
		p->in.len += (size_t)n;
	else if (held(&p->in) == 0)
		consume(&p->in, 0);
	return (int)n;
}

int
peer_flush(struct peer *p)
{
	ssize_t		 n;

	while (held(&p->out) > 0) {
		n = send(p->fd, p->out.p + p->out.off, held(&p->out),
		    MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 1 : -1;
		consume(&p->out, (size_t)n);
	}
	return 0;
}

size_t
peer_pending(const struct peer *p)
{
	return held(&p->out);
}

/* As recipient: opens the auth, answers with the ack. */
static int
take_auth(struct peer *p, const uint8_t *pkt, size_t len,
    struct rlpx_state *st)
{
	struct rlpx_auth auth;
	uint8_t		 point[SECP_PUB], eph[SECP_PUB], x[32];

	if (ecies_point(point, pkt + 2, len - 2) == -1 ||
	    secp_ecdh_x(x, p->priv, point) == -1 ||
	    rlpx_auth_open(&auth, pkt, len, x) == -1 ||
	    secp_ecdh_x(x, p->priv, auth.pub) == -1 ||
	    rlpx_auth_ephemeral(eph, &auth, x) == -1)
		return -1;
	memcpy(p->remote, auth.pub, sizeof(p->remote));
	if (put_packet(p, 0) == -1)
		return -1;
	return rlpx_secrets(st, 0, &p->keys, eph, auth.nonce, pkt, len, p->hs,
	    p->hslen);
}

static int
take_ack(struct peer *p, const uint8_t *pkt, size_t len, struct rlpx_state *st)
{
	struct rlpx_ack	 ack;
	uint8_t		 point[SECP_PUB], x[32];

	if (ecies_point(point, pkt + 2, len - 2) == -1 ||
	    secp_ecdh_x(x, p->priv, point) == -1 ||
	    rlpx_ack_open(&ack, pkt, len, x) == -1)
		return -1;
	return rlpx_secrets(st, 1, &p->keys, ack.eph, ack.nonce, p->hs,
	    p->hslen, pkt, len);
}

int
peer_handshake(struct peer *p)
{
	struct rlpx_state st;
	const uint8_t	*pkt;
	size_t		 len;

	if (p->state == PEER_FRAMES)
		return 1;
	if (held(&p->in) < 2)
		return 0;
	pkt = p->in.p + p->in.off;
	if ((len = rlpx_packet_len(pkt)) == 0)
		return -1;
	if (held(&p->in) < len)
		return 0;
	if ((p->state == PEER_AUTH ? take_auth(p, pkt, len, &st) :
	    take_ack(p, pkt, len, &st)) == -1)
		return -1;
	consume(&p->in, len);
	free(p->hs);
	p->hs = NULL;
	p->state = PEER_FRAMES;
	p->codec = frame_new(&st);
	return p->codec == NULL ? -1 : 1;
}

int
peer_send(struct peer *p, uint64_t code, const void *data, size_t n)
{
	size_t		 len;

	if (reserve(&p->out, frame_seal_max(p->codec, n)) == -1)
		return -1;
	len = frame_seal(p->codec, p->out.p + p->out.len, code, data, n);
	p->out.len += len;
	return len == 0 ? -1 : 0;
}

int
peer_send_raw(struct peer *p, uint64_t code, const void *data, size_t n)
{
	size_t		 len;

	if (reserve(&p->out, frame_wire_len(n + 9)) == -1)
		return -1;
	len = frame_seal_raw(p->codec, p->out.p + p->out.len, code, data, n);
	p->out.len += len;
	return len == 0 ? -1 : 0;
}

int
peer_ping(struct peer *p, int pong)
{
	return peer_send(p, pong ? BASE_PONG : BASE_PING, "\xc0", 1);
}

int
peer_disconnect(struct peer *p, unsigned int reason)
{
	uint8_t		 buf[4];

	return peer_send(p, BASE_DISCONNECT, buf, disconnect_encode(buf, reason));
}

/* A Disconnect is left as it came: it may be compressed or not. */
static int
uncompress(struct peer *p, struct peer_msg *m)
{
	size_t		 size;

	if (!frame_snappy_rx(p->codec) || m->code == BASE_DISCONNECT)
		return 1;
	if (frame_declared(m->data, m->len, &size) == -1 ||
	    (p->plain = malloc(size + 1)) == NULL ||
	    frame_uncompress(p->plain, size, m->data, m->len) == -1)
		return -REASON_BAD_SNAPPY;
	m->data = p->plain;
	m->len = size;
	return 1;
}

int
peer_next(struct peer *p, struct peer_msg *m)
{
	uint8_t		*data;
	int		 r;

	free(p->plain);
	p->plain = NULL;
	if (held(&p->in) == 0)
		consume(&p->in, 0);
	if (!p->headed) {
		if (held(&p->in) < FRAME_HEAD)
			return 0;
		r = frame_open_head(p->codec, p->in.p + p->in.off, &p->body);
		if (r != 0)
			return -r;
		p->in.off += FRAME_HEAD;
		p->headed = 1;
	}
	if (held(&p->in) < frame_rest(p->body))
		return 0;
	r = frame_open_body(p->codec, p->in.p + p->in.off, p->body, &m->code,
	    &data, &m->len);
	if (r != 0)
		return -r;
	m->data = data;
	p->in.off += frame_rest(p->body);
	p->headed = 0;
	return uncompress(p, m);
}
