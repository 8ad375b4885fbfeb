/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/internal.h"

#define CHUNK	65536	/* of reading, and of what is worth a write */

/* At once, where that can be: another thread may be about to exec. */
#ifndef SOCK_CLOEXEC
#define SOCK_CLOEXEC	0
#endif

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL	0
#endif

void
conn_init(struct conn *c)
{
	unsigned int	 serial = c->serial;

	memset(c, 0, sizeof(*c));
	c->serial = serial + 1;
	c->fd = -1;
}

static int
set_flags(int fd)
{
	int	 flags;

#ifdef SO_NOSIGPIPE
	flags = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &flags, sizeof(flags)) == -1)
		return -1;
#endif
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	return 0;
}

int
conn_open(struct conn *c, const char *path)
{
	struct sockaddr_un	 sun;
	int			 saved;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path));
	if ((c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	if (set_flags(c->fd) == -1 ||
	    (connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 &&
	    errno != EINPROGRESS)) {
		saved = errno;
		conn_close(c);
		errno = saved;
		return -1;
	}
	return 0;
}

void
conn_close(struct conn *c)
{
	if (c->fd != -1)
		close(c->fd);
	free(c->in);
	free(c->out);
	conn_init(c);
}

int
conn_frame(struct conn *c, struct app_head *h, const uint8_t **body)
{
	size_t	 n;

	for (;;) {
		if (c->skip > 0) {
			n = c->skip < c->inlen ? c->skip : c->inlen;
			c->skip -= n;
			c->inoff += n;
			c->inlen -= n;
			if (c->skip > 0)
				return 0;
		}
		if (c->inlen < APP_HEADER)
			return 0;
		app_head_decode(h, c->in + c->inoff);
		if (h->len > APP_BODY_MAX)
			return -1;
		if (h->type >= AF_WELCOME && h->type <= AF_SENT_MANY)
			break;
		c->inoff += APP_HEADER;
		c->inlen -= APP_HEADER;
		c->skip = h->len;
	}
	if (h->type != AF_MESSAGE && h->len > APP_COLD_MAX)
		return -1;
	if (c->inlen < APP_HEADER + h->len)
		return 0;
	*body = c->in + c->inoff + APP_HEADER;
	c->inoff += APP_HEADER + h->len;
	c->inlen -= APP_HEADER + h->len;
	return 1;
}

/* Room for the rest of the frame that is there in part, or for a chunk. */
static int
make_room(struct conn *c)
{
	struct app_head	 h;
	uint8_t		*p;
	size_t		 want = CHUNK;

	if (c->skip == 0 && c->inlen >= APP_HEADER) {
		app_head_decode(&h, c->in + c->inoff);
		if (want < APP_HEADER + h.len)
			want = APP_HEADER + h.len;
	}
	if (c->inoff > 0 && (c->inlen == 0 || c->inoff + want > c->incap)) {
		memmove(c->in, c->in + c->inoff, c->inlen);
		c->inoff = 0;
	}
	if (c->incap >= want)
		return 0;
	if ((p = realloc(c->in, want)) == NULL)
		return -1;
	c->in = p;
	c->incap = want;
	return 0;
}

int
conn_read(struct conn *c)
{
	ssize_t	 n;

	if (make_room(c) == -1)
		return -1;
	do
		n = read(c->fd, c->in + c->inoff + c->inlen,
		    c->incap - c->inoff - c->inlen);
	while (n == -1 && errno == EINTR);
	if (n > 0) {
		c->inlen += (size_t)n;
		c->drained = 0;
		return 1;
	}
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		c->drained = 1;
		if (c->inlen == 0 && c->incap > 16 * CHUNK) {
			free(c->in);
			c->in = NULL;
			c->incap = c->inoff = 0;
		}
		return 0;
	}
	if (n == 0)
		errno = ECONNRESET;
	return -1;
}

/* The stream cannot go on, but what was received is still to be read. */
static void
conn_break(struct conn *c)
{
	c->broken = 1;
	c->drained = 0;
	c->outlen = c->outoff = 0;
	shutdown(c->fd, SHUT_RDWR);
}

/*
 * What is queued is a ring, so that a full queue costs no more than an empty one.
 * The parts of it are those that iov is set to.
 */
static int
queued(const struct conn *c, struct iovec iov[2])
{
	size_t	 first = c->outcap - c->outoff;

	iov[0].iov_base = c->out + c->outoff;
	iov[1].iov_base = c->out;
	if (c->outlen <= first) {
		iov[0].iov_len = c->outlen;
		return 1;
	}
	iov[0].iov_len = first;
	iov[1].iov_len = c->outlen - first;
	return 2;
}

static int
grow(struct conn *c, size_t need)
{
	struct iovec	 iov[2] = { { NULL, 0 }, { NULL, 0 } };
	uint8_t		*p;
	size_t		 cap = need;

	if (cap < 2 * c->outcap)
		cap = 2 * c->outcap;
	else if (cap < 4096)
		cap = 4096;
	if ((p = malloc(cap)) == NULL)
		return -1;
	if (c->outlen > 0) {
		queued(c, iov);
		memcpy(p, iov[0].iov_base, iov[0].iov_len);
		if (iov[1].iov_len > 0)
			memcpy(p + iov[0].iov_len, iov[1].iov_base,
			    iov[1].iov_len);
	}
	free(c->out);
	c->out = p;
	c->outcap = cap;
	c->outoff = 0;
	return 0;
}

static int
queue(struct conn *c, const uint8_t *data, size_t n)
{
	size_t	 at, first;

	if (n == 0)
		return 0;
	if (c->outlen + n > c->outcap && grow(c, c->outlen + n) == -1)
		return -1;
	at = (c->outoff + c->outlen) % c->outcap;
	first = c->outcap - at < n ? c->outcap - at : n;
	memcpy(c->out + at, data, first);
	if (first < n)
		memcpy(c->out, data + first, n - first);
	c->outlen += n;
	c->fresh += n;
	return 0;
}

/* Bytes written, 0 when the socket is full or broken. */
static size_t
push(struct conn *c, struct iovec *iov, int niov)
{
	struct msghdr	 msg;
	ssize_t		 n;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = iov;
	msg.msg_iovlen = niov;
	do
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n != -1) {
		c->sent += (uint64_t)n;
		return (size_t)n;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
		c->full = 1;
	else
		conn_break(c);
	return 0;
}

void
conn_flush(struct conn *c)
{
	struct iovec	 iov[2];
	size_t		 n;
	int		 niov;

	c->fresh = 0;
	c->full = 0;
	while (c->outlen > 0) {
		niov = queued(c, iov);
		if ((n = push(c, iov, niov)) == 0)
			break;
		c->outoff = (c->outoff + n) % c->outcap;
		c->outlen -= n;
	}
	if (c->outlen == 0) {
		c->outoff = 0;
		if (c->outcap > 4 * CHUNK) {
			free(c->out);
			c->out = NULL;
			c->outcap = 0;
		}
	}
}

/* Past what the socket takes, all parts go into the queue or none. */
static int
queue_rest(struct conn *c, const struct iovec *iov, int niov, size_t done)
{
	size_t	 before = c->outlen;
	int	 i;

	for (i = 0; i < niov; i++) {
		if (done >= iov[i].iov_len) {
			done -= iov[i].iov_len;
			continue;
		}
		if (queue(c, (const uint8_t *)iov[i].iov_base + done,
		    iov[i].iov_len - done) == -1) {
			c->outlen = before;
			return -1;
		}
		done = 0;
	}
	return 0;
}

static void
iov_set(struct iovec *iov, const void *p, size_t n)
{
	/* An iovec has no const; sendmsg() only reads. */
	memcpy(&iov->iov_base, &p, sizeof(p));
	iov->iov_len = n;
}

int
conn_room(struct conn *c, size_t total, size_t limit)
{
	if (c->outlen > 0 && c->outlen + total > limit)
		conn_flush(c);
	return c->broken || c->outlen == 0 || c->outlen + total <= limit;
}

int
conn_write(struct conn *c, const struct app_head *h, const void *p1, size_t n1,
    const void *p2, size_t n2, size_t limit, int more)
{
	struct iovec	 iov[3];
	uint8_t		 head[APP_HEADER];
	size_t		 total = sizeof(head) + n1 + n2, done = 0;

	if (!conn_room(c, total, limit)) {
		errno = EAGAIN;
		return -1;
	}
	if (c->broken) {
		errno = EPIPE;
		return -1;
	}
	app_head_encode(head, h);
	iov_set(&iov[0], head, sizeof(head));
	iov_set(&iov[1], p1, n1);
	iov_set(&iov[2], p2, n2);
	if (c->outlen == 0 && !more)
		done = push(c, iov, 3);
	if (c->broken) {
		errno = EPIPE;
		return -1;
	}
	if (done < total && queue_rest(c, iov, 3, done) == -1) {
		/* Half a frame is out: the stream is of no more use. */
		if (done > 0)
			conn_break(c);
		errno = ENOMEM;
		return -1;
	}
	/* A full socket is not tried again for every small frame. */
	if (c->fresh >= CHUNK || (!more && !c->full))
		conn_flush(c);
	return 0;
}

void
conn_control(struct conn *c, const struct app_head *h, const void *p1,
    size_t n1, const void *p2, size_t n2)
{
	if (conn_write(c, h, p1, n1, p2, n2, SIZE_MAX, 0) == -1 && !c->broken)
		conn_break(c);
}
