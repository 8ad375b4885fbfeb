/* SPDX-License-Identifier: ISC */
#ifndef COMMON_IPC_IMSG_H
#define COMMON_IPC_IMSG_H

#include <sys/types.h>
#include <sys/uio.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/ibuf.h"

/*
 * Messages over a unix stream socket, with OpenBSD's names and meaning, but:
 * an fd whose message's header comes in two reads is kept; received fds are
 * close-on-exec; control data that did not fit (no fd slot left, or several
 * fds at once), a marked message without its fd and an fd that no message
 * claims are errors of imsgbuf_read(); the queue is counted in bytes too.
 */
#define IMSG_HEADER_SIZE	16
#define IMSG_MAXPAYLOAD		(64 * 1024)	/* unless set */

struct imsg_hdr {
	uint32_t	 type;
	uint32_t	 len;		/* header and payload */
	uint32_t	 peerid;
	uint32_t	 pid;
};

struct imsg {
	struct imsg_hdr	 hdr;
	struct ibuf	*buf;		/* payload */
};

struct imsgbuf {
	int		 fd;
	pid_t		 pid;
	int		 fdpass;
	int		 again;		/* the last read found nothing */
	int		 starved;	/* the last write was for want of memory
					   or of fds on the way: that the socket
					   is writable says nothing of these */
	uint32_t	 rmax;		/* payload taken in */
	uint32_t	 wmax;		/* payload sent */
	struct ibufqueue out;
	size_t		 outlen;	/* messages */
	size_t		 outbytes;
	struct ibufqueue in;		/* whole messages, header first */
	struct ibuf	*part;		/* one whose body is coming in */
	uint8_t		 hdr[IMSG_HEADER_SIZE];
	size_t		 hdrlen;	/* of the next header, so far */
	int		 fds[2];	/* not yet claimed, oldest first */
	size_t		 nfds;
};

int	 imsgbuf_init(struct imsgbuf *, int fd);
void	 imsgbuf_allow_fdpass(struct imsgbuf *);
/* Largest payload, both ways or of what is read; 0, or -1 with ERANGE. */
int	 imsgbuf_set_maxsize(struct imsgbuf *, uint32_t);
int	 imsgbuf_set_readmax(struct imsgbuf *, uint32_t);
/* Frees all that is queued, either way; the socket stays open. */
void	 imsgbuf_clear(struct imsgbuf *);
/* Frees what waits to be written. */
void	 imsgbuf_clear_out(struct imsgbuf *);
/* One read. 1 data or (again is set) none yet, 0 end of file, -1 with errno. */
int	 imsgbuf_read(struct imsgbuf *);
/* Whether the end of file would now cut a message short. */
int	 imsgbuf_partial(const struct imsgbuf *);
/* One write of all that goes in one. 0, also when it would block, or -1. */
int	 imsgbuf_write(struct imsgbuf *);
/* Writes all, waiting for room (at most ms in all; -1 without limit). 0 or -1. */
int	 imsgbuf_flush(struct imsgbuf *, int ms);
size_t	 imsgbuf_queuelen(const struct imsgbuf *);	/* messages to write */
size_t	 imsgbuf_queued(const struct imsgbuf *);	/* bytes to write */

/* 1 and a message, to be freed with imsg_free(), or 0. */
int	 imsgbuf_get(struct imsgbuf *, struct imsg *);
void	 imsg_free(struct imsg *);
uint32_t imsg_get_type(const struct imsg *);
uint32_t imsg_get_id(const struct imsg *);
pid_t	 imsg_get_pid(const struct imsg *);
size_t	 imsg_get_len(const struct imsg *);		/* payload unread */
/* Moves the fd out; -1 when there is none. */
int	 imsg_get_fd(struct imsg *);
/* A reader over the payload, valid until imsg_free(). 0, or -1 when empty. */
int	 imsg_get_ibuf(struct imsg *, struct ibuf *);
/* The whole payload, which must have this size; or its next bytes. */
int	 imsg_get_data(struct imsg *, void *, size_t);
int	 imsg_get_buf(struct imsg *, void *, size_t);

/*
 * Queue a message: 1, or -1 with errno, and then fd is still the caller's.
 * pid 0 is that of imsgbuf_init(). A queued fd is closed once sent.
 */
int	 imsg_compose(struct imsgbuf *, uint32_t type, uint32_t id, pid_t, int fd,
	    const void *, size_t);
int	 imsg_composev(struct imsgbuf *, uint32_t type, uint32_t id, pid_t, int fd,
	    const struct iovec *, int);
/* Takes the ibuf in every case. */
int	 imsg_compose_ibuf(struct imsgbuf *, uint32_t type, uint32_t id, pid_t,
	    struct ibuf *);
/* The same in steps. imsg_add() frees the message when it fails. */
struct ibuf *imsg_create(struct imsgbuf *, uint32_t type, uint32_t id, pid_t,
	    size_t len);
int	 imsg_add(struct ibuf *, const void *, size_t);
void	 imsg_close(struct imsgbuf *, struct ibuf *);
/* Sends the same type, id, pid and payload on; never the fd. 1 or -1. */
int	 imsg_forward(struct imsgbuf *, struct imsg *);

#endif
