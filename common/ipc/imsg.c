/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/ipc/imsg.h"

/* In the header's length: an fd belongs to this message. */
#define FD_MARK		0x80000000U
#define MAXSIZE_LIMIT	(0x7fffffffU - IMSG_HEADER_SIZE)

#define READ_SIZE	65536
#define WRITE_IOV	64
#define STARVED_MS	10

/* Same host, same program: the header is in host order, as OpenBSD's. */
union hdr_bytes {
	struct imsg_hdr	 h;
	uint8_t		 b[IMSG_HEADER_SIZE];
};
_Static_assert(sizeof(struct imsg_hdr) == IMSG_HEADER_SIZE, "imsg_hdr");

int
imsgbuf_init(struct imsgbuf *ib, int fd)
{
	memset(ib, 0, sizeof(*ib));
	ib->fd = fd;
	ib->pid = getpid();
	ib->rmax = ib->wmax = IMSG_MAXPAYLOAD;
	TAILQ_INIT(&ib->out);
	TAILQ_INIT(&ib->in);
	return 0;
}

void
imsgbuf_allow_fdpass(struct imsgbuf *ib)
{
	ib->fdpass = 1;
}

int
imsgbuf_set_readmax(struct imsgbuf *ib, uint32_t max)
{
	if (max > MAXSIZE_LIMIT) {
		errno = ERANGE;
		return -1;
	}
	ib->rmax = max;
	return 0;
}

int
imsgbuf_set_maxsize(struct imsgbuf *ib, uint32_t max)
{
	if (imsgbuf_set_readmax(ib, max) == -1)
		return -1;
	ib->wmax = max;
	return 0;
}

static void
queue_clear(struct ibufqueue *q)
{
	struct ibuf	*b;

	while ((b = TAILQ_FIRST(q)) != NULL) {
		TAILQ_REMOVE(q, b, entry);
		ibuf_free(b);
	}
}

static void
fds_clear(struct imsgbuf *ib)
{
	while (ib->nfds > 0)
		close(ib->fds[--ib->nfds]);
}

void
imsgbuf_clear_out(struct imsgbuf *ib)
{
	queue_clear(&ib->out);
	ib->outlen = ib->outbytes = 0;
}

void
imsgbuf_clear(struct imsgbuf *ib)
{
	imsgbuf_clear_out(ib);
	queue_clear(&ib->in);
	ibuf_free(ib->part);
	ib->part = NULL;
	ib->hdrlen = 0;
	fds_clear(ib);
}

int
imsgbuf_partial(const struct imsgbuf *ib)
{
	return ib->part != NULL || ib->hdrlen > 0;
}

/*
 * Keeps what fds came.  One read ends at the first socket buffer with fds and
 * a buffer holds one fd, so more than one is not from our sender.
 */
static int
take_fds(struct imsgbuf *ib, struct msghdr *msg)
{
	struct cmsghdr	*cm;
	size_t		 i, n;
	int		 fd, bad = 0;

	for (cm = CMSG_FIRSTHDR(msg); cm != NULL; cm = CMSG_NXTHDR(msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
			if (i > 0 || ib->nfds == nitems_of(ib->fds)) {
				close(fd);
				bad = 1;
			} else
				ib->fds[ib->nfds++] = fd;
		}
	}
	if (msg->msg_flags & MSG_CTRUNC) {
		errno = EMSGSIZE;
		return -1;
	}
	if (bad) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

/* The header is whole: make room for the payload it announces. */
static int
start_message(struct imsgbuf *ib)
{
	union hdr_bytes	 h;
	struct ibuf	*b;
	uint32_t	 len;

	memcpy(h.b, ib->hdr, sizeof(h.b));
	len = h.h.len & ~FD_MARK;
	if (len < IMSG_HEADER_SIZE || len - IMSG_HEADER_SIZE > ib->rmax) {
		errno = ERANGE;
		return -1;
	}
	if ((h.h.len & FD_MARK) && ib->nfds == 0) {
		errno = EBADMSG;
		return -1;
	}
	if ((b = ibuf_open(len)) == NULL)
		return -1;
	if (h.h.len & FD_MARK) {
		ibuf_fd_set(b, ib->fds[0]);
		ib->fds[0] = ib->fds[1];
		ib->nfds--;
	}
	h.h.len = len;
	ibuf_add(b, h.b, sizeof(h.b));
	ib->part = b;
	ib->hdrlen = 0;
	return 0;
}

/* Cuts what was read into messages. */
static int
slice(struct imsgbuf *ib, const uint8_t *p, size_t n)
{
	size_t	 want;

	while (n > 0 || (ib->part != NULL && ibuf_left(ib->part) == 0)) {
		if (ib->part == NULL) {
			want = IMSG_HEADER_SIZE - ib->hdrlen;
			if (want > n)
				want = n;
			memcpy(ib->hdr + ib->hdrlen, p, want);
			ib->hdrlen += want;
			if (ib->hdrlen == IMSG_HEADER_SIZE &&
			    start_message(ib) == -1)
				return -1;
		} else {
			if ((want = ibuf_left(ib->part)) > n)
				want = n;
			ibuf_add(ib->part, p, want);
			if (ibuf_left(ib->part) == 0) {
				TAILQ_INSERT_TAIL(&ib->in, ib->part, entry);
				ib->part = NULL;
			}
		}
		p += want;
		n -= want;
	}
	/*
	 * An fd may wait for the rest of its header, no longer; and at most
	 * one header can be incomplete.
	 */
	if (ib->nfds > (ib->hdrlen > 0 ? 1 : 0)) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

int
imsgbuf_read(struct imsgbuf *ib)
{
	/* One for the process: nothing stays in it between calls. */
	static uint8_t	 scratch[READ_SIZE];
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(sizeof(int))];
	} cmsgbuf;
	struct msghdr	 msg;
	struct iovec	 iov;
	ssize_t		 n;
	int		 flags = 0, ret;

	memset(&msg, 0, sizeof(msg));
	iov.iov_base = scratch;
	iov.iov_len = sizeof(scratch);
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	/* Without room for control data the system closes fds that come. */
	if (ib->fdpass) {
		msg.msg_control = &cmsgbuf;
		msg.msg_controllen = sizeof(cmsgbuf.buf);
#ifdef MSG_CMSG_CLOEXEC
		flags = MSG_CMSG_CLOEXEC;
#endif
	}
	ib->again = 0;
	do {
		n = recvmsg(ib->fd, &msg, flags);
	} while (n == -1 && errno == EINTR);
	if (n == -1) {
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return -1;
		ib->again = 1;
		return 1;
	}
	if (ib->fdpass && take_fds(ib, &msg) == -1)
		ret = -1;
	else if (n == 0)
		ret = 0;
	else
		ret = slice(ib, scratch, (size_t)n) == -1 ? -1 : 1;
	if (n > 0)
		explicit_bzero(scratch, (size_t)n);
	return ret;
}

/* Takes n written bytes off the queue. */
static void
out_drain(struct imsgbuf *ib, size_t n)
{
	struct ibuf	*b;
	size_t		 len;

	ib->outbytes -= n;
	while (n > 0) {
		b = TAILQ_FIRST(&ib->out);
		/* The fd goes with the first byte. */
		if (b->fd != -1)
			close(ibuf_fd_get(b));
		len = ibuf_size(b);
		if (n < len) {
			ibuf_skip(b, n);
			return;
		}
		n -= len;
		TAILQ_REMOVE(&ib->out, b, entry);
		ib->outlen--;
		ibuf_free(b);
	}
}

int
imsgbuf_write(struct imsgbuf *ib)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(sizeof(int))];
	} cmsgbuf;
	struct iovec	 iov[WRITE_IOV];
	struct cmsghdr	*cm;
	struct msghdr	 msg;
	struct ibuf	*b;
	ssize_t		 n;
	int		 niov = 0;

	ib->starved = 0;
	memset(&msg, 0, sizeof(msg));
	memset(&cmsgbuf, 0, sizeof(cmsgbuf));
	TAILQ_FOREACH(b, &ib->out, entry) {
		/* An fd starts a write, so that it arrives with its header. */
		if (niov == WRITE_IOV || (b->fd != -1 && niov > 0))
			break;
		iov[niov].iov_base = ibuf_data(b);
		iov[niov].iov_len = ibuf_size(b);
		niov++;
	}
	if (niov == 0)
		return 0;
	msg.msg_iov = iov;
	msg.msg_iovlen = niov;
	b = TAILQ_FIRST(&ib->out);
	if (b->fd != -1) {
		msg.msg_control = &cmsgbuf;
		msg.msg_controllen = sizeof(cmsgbuf.buf);
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cm), &b->fd, sizeof(int));
	}
	do {
		n = sendmsg(ib->fd, &msg, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1) {
		/* ETOOMANYREFS: our user has too many fds on the way. */
		ib->starved = errno == ENOBUFS || errno == ETOOMANYREFS;
		if (errno == EAGAIN || errno == EWOULDBLOCK || ib->starved)
			return 0;
		return -1;
	}
	out_drain(ib, (size_t)n);
	return 0;
}

int
imsgbuf_flush(struct imsgbuf *ib, int ms)
{
	struct pollfd	 pfd = { .fd = ib->fd, .events = POLLOUT };
	uint64_t	 now, end;
	size_t		 before;
	int		 wait;

	now = mono_ms();
	end = now + (uint64_t)(ms < 0 ? 0 : ms);
	while (ib->outbytes > 0) {
		before = ib->outbytes;
		if (imsgbuf_write(ib) == -1)
			return -1;
		if (ib->outbytes < before)
			continue;
		if (ms >= 0 && (now = mono_ms()) >= end) {
			errno = ETIMEDOUT;
			return -1;
		}
		wait = ms < 0 ? -1 : (int)(end - now);
		if (ib->starved && (wait < 0 || wait > STARVED_MS))
			wait = STARVED_MS;
		if (poll(&pfd, ib->starved ? 0 : 1, wait) == -1 &&
		    errno != EINTR)
			return -1;
	}
	return 0;
}

size_t
imsgbuf_queuelen(const struct imsgbuf *ib)
{
	return ib->outlen;
}

size_t
imsgbuf_queued(const struct imsgbuf *ib)
{
	return ib->outbytes;
}

int
imsgbuf_get(struct imsgbuf *ib, struct imsg *imsg)
{
	union hdr_bytes	 h;
	struct ibuf	*b;

	if ((b = TAILQ_FIRST(&ib->in)) == NULL)
		return 0;
	TAILQ_REMOVE(&ib->in, b, entry);
	ibuf_get(b, h.b, sizeof(h.b));
	imsg->hdr = h.h;
	imsg->buf = b;
	return 1;
}

void
imsg_free(struct imsg *imsg)
{
	ibuf_free(imsg->buf);
	imsg->buf = NULL;
}

uint32_t
imsg_get_type(const struct imsg *imsg)
{
	return imsg->hdr.type;
}

uint32_t
imsg_get_id(const struct imsg *imsg)
{
	return imsg->hdr.peerid;
}

pid_t
imsg_get_pid(const struct imsg *imsg)
{
	return (pid_t)imsg->hdr.pid;
}

size_t
imsg_get_len(const struct imsg *imsg)
{
	return ibuf_size(imsg->buf);
}

int
imsg_get_fd(struct imsg *imsg)
{
	return ibuf_fd_get(imsg->buf);
}

int
imsg_get_ibuf(struct imsg *imsg, struct ibuf *b)
{
	if (ibuf_size(imsg->buf) == 0) {
		errno = EBADMSG;
		return -1;
	}
	ibuf_from_ibuf(b, imsg->buf);
	return 0;
}

int
imsg_get_data(struct imsg *imsg, void *data, size_t len)
{
	if (len == 0 || ibuf_size(imsg->buf) != len) {
		errno = EBADMSG;
		return -1;
	}
	return ibuf_get(imsg->buf, data, len);
}

int
imsg_get_buf(struct imsg *imsg, void *data, size_t len)
{
	return ibuf_get(imsg->buf, data, len);
}

struct ibuf *
imsg_create(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid,
    size_t len)
{
	union hdr_bytes	 h;
	struct ibuf	*b;

	if (len > ib->wmax) {
		errno = ERANGE;
		return NULL;
	}
	if ((b = ibuf_dynamic(IMSG_HEADER_SIZE + len,
	    IMSG_HEADER_SIZE + (size_t)ib->wmax)) == NULL)
		return NULL;
	h.h.type = type;
	h.h.len = 0;
	h.h.peerid = id;
	h.h.pid = (uint32_t)(pid != 0 ? pid : ib->pid);
	ibuf_add(b, h.b, sizeof(h.b));
	return b;
}

int
imsg_add(struct ibuf *b, const void *data, size_t len)
{
	if (ibuf_add(b, data, len) == -1) {
		ibuf_free(b);
		return -1;
	}
	return (int)len;
}

void
imsg_close(struct imsgbuf *ib, struct ibuf *b)
{
	uint32_t	 len = (uint32_t)ibuf_size(b);

	if (b->fd != -1)
		len |= FD_MARK;
	ibuf_set(b, offsetof(struct imsg_hdr, len), &len, sizeof(len));
	ib->outlen++;
	ib->outbytes += ibuf_size(b);
	TAILQ_INSERT_TAIL(&ib->out, b, entry);
}

int
imsg_composev(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid,
    int fd, const struct iovec *iov, int niov)
{
	struct ibuf	*b;
	size_t		 len = 0;
	int		 i;

	for (i = 0; i < niov; i++) {
		if (iov[i].iov_len > ib->wmax - len) {
			errno = ERANGE;
			return -1;
		}
		len += iov[i].iov_len;
	}
	if ((b = imsg_create(ib, type, id, pid, len)) == NULL)
		return -1;
	for (i = 0; i < niov; i++) {
		if (imsg_add(b, iov[i].iov_base, iov[i].iov_len) == -1)
			return -1;
	}
	ibuf_fd_set(b, fd);
	imsg_close(ib, b);
	return 1;
}

int
imsg_compose(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid, int fd,
    const void *data, size_t len)
{
	struct ibuf	*b;

	if ((b = imsg_create(ib, type, id, pid, len)) == NULL ||
	    imsg_add(b, data, len) == -1)
		return -1;
	ibuf_fd_set(b, fd);
	imsg_close(ib, b);
	return 1;
}

int
imsg_compose_ibuf(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid,
    struct ibuf *buf)
{
	int	 ret;

	ret = imsg_compose(ib, type, id, pid, -1, ibuf_data(buf),
	    ibuf_size(buf));
	ibuf_free(buf);
	return ret;
}

int
imsg_forward(struct imsgbuf *ib, struct imsg *imsg)
{
	return imsg_compose(ib, imsg_get_type(imsg), imsg_get_id(imsg),
	    imsg_get_pid(imsg), -1, ibuf_data(imsg->buf), ibuf_size(imsg->buf));
}
