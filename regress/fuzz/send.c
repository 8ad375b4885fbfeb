/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/fuzz/fuzz.h"

/* What somebody at the other end of a channel may send. */

#define LARGE	(64 * 1024)

/* Bytes that need be no message, and an fd beside them at will. */
static void
send_bytes(struct fuzz *f, int sock, int with_fd)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr	 msg;
	struct cmsghdr	*cm;
	struct iovec	 iov;
	uint8_t		*data;
	size_t		 n;
	int		 fd = STDERR_FILENO;

	data = fuzz_copy(f, fuzz_u8(f), &n);
	memset(&msg, 0, sizeof(msg));
	memset(&control, 0, sizeof(control));
	iov.iov_base = data;
	iov.iov_len = n;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	if (with_fd) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.buf);
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	}
	if (n > 0)
		(void)sendmsg(sock, &msg, MSG_NOSIGNAL);
	free(data);
}

static void
send_message(struct imsgbuf *ib, uint32_t type, const void *data, size_t n,
    int with_fd)
{
	size_t	 before;
	int	 fds[2];

	fds[0] = fds[1] = -1;
	/* A socket, since that is what is passed in earnest. */
	if (with_fd)
		fuzz_pair(fds);
	FUZZ_CHECK(imsg_compose(ib, type, 0, 0, fds[0], data, n) == 1);
	do {
		before = imsgbuf_queued(ib);
	} while (imsgbuf_write(ib) == 0 && imsgbuf_queued(ib) > 0 &&
	    imsgbuf_queued(ib) < before);
	if (fds[1] != -1)
		close(fds[1]);
}

static void
send_fields(struct fuzz *f, struct imsgbuf *ib, const struct chan_rule *r,
    int with_fd)
{
	struct ibuf	*b = ibuf_dynamic(0, LARGE);
	uint8_t		*body = calloc(1, r->desc->size);

	FUZZ_CHECK(b != NULL && body != NULL);
	fuzz_body(f, r->desc, body);
	FUZZ_CHECK(msg_encode(r->desc, body, b) == 0);
	send_message(ib, r->desc->type, ibuf_data(b), ibuf_size(b), with_fd);
	ibuf_free(b);
	free(body);
}

void
fuzz_send(struct fuzz *f, struct imsgbuf *ib, const struct chan_rule *rules,
    size_t nrules)
{
	const struct chan_rule	*r;
	uint8_t			 how = fuzz_u8(f), *data;
	size_t			 n;

	if (how >= 0xf8) {
		send_bytes(f, ib->fd, how & 1);
		return;
	}
	r = &rules[how % nrules];
	if (how < 0xe0) {
		send_fields(f, ib, r, r->fd == CHAN_FD);
		return;
	}
	how = fuzz_u8(f);
	if (how & 1) {
		send_fields(f, ib, r, how & 2);
		return;
	}
	data = fuzz_copy(f, fuzz_u8(f), &n);
	send_message(ib, how & 4 ? how : r->desc->type, data, n, how & 2);
	free(data);
}
