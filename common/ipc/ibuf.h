/* SPDX-License-Identifier: ISC */
#ifndef COMMON_IPC_IBUF_H
#define COMMON_IPC_IBUF_H

#include <sys/types.h>
#include <sys/queue.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes to write or to read, with bounds kept: names and meaning are those of
 * OpenBSD's ibuf.  One from ibuf_open() or ibuf_dynamic() may be
 * appended to; one set up by ibuf_from_buffer(), ibuf_from_ibuf(),
 * ibuf_get_ibuf() or imsg_get_ibuf() is a reader over memory that it does not
 * own, and must not be freed.
 *
 * Functions that can fail return -1 with errno: ERANGE a value or length over
 * a limit, ENOMEM, EBADMSG nothing (or not enough) left to read, EINVAL a
 * reader used for writing.  A failed ibuf_get_*() changes neither the buffer
 * nor the value.  Integers are in network order.
 */
struct ibuf {
	TAILQ_ENTRY(ibuf)	 entry;
	uint8_t			*buf;
	size_t			 size;		/* allocated; 0 of a reader */
	size_t			 max;		/* may grow to */
	size_t			 wpos;
	size_t			 rpos;
	int			 fd;		/* travels along; -1 none */
};
TAILQ_HEAD(ibufqueue, ibuf);

/* Of exactly len bytes; or of len bytes now and at most max. */
struct ibuf *ibuf_open(size_t len);
struct ibuf *ibuf_dynamic(size_t len, size_t max);
/* Wipes what it held and closes its fd. NULL is fine. */
void	 ibuf_free(struct ibuf *);

/* Room for len more bytes, to be filled in by the caller; NULL on failure. */
void	*ibuf_reserve(struct ibuf *, size_t len);
int	 ibuf_add(struct ibuf *, const void *, size_t);
int	 ibuf_add_ibuf(struct ibuf *, const struct ibuf *);
int	 ibuf_add_zero(struct ibuf *, size_t);
int	 ibuf_add_n8(struct ibuf *, uint64_t);
int	 ibuf_add_n16(struct ibuf *, uint64_t);
int	 ibuf_add_n32(struct ibuf *, uint64_t);
int	 ibuf_add_n64(struct ibuf *, uint64_t);
/* The len bytes at pos, already written; NULL with ERANGE. */
void	*ibuf_seek(struct ibuf *, size_t pos, size_t len);
int	 ibuf_set(struct ibuf *, size_t pos, const void *, size_t);
/* Cuts or zero-extends what is unread to len bytes. */
int	 ibuf_truncate(struct ibuf *, size_t len);

/* What is unread. */
void	*ibuf_data(const struct ibuf *);
size_t	 ibuf_size(const struct ibuf *);
/* Bytes that can still be appended. */
size_t	 ibuf_left(const struct ibuf *);
void	 ibuf_rewind(struct ibuf *);

void	 ibuf_from_buffer(struct ibuf *, void *, size_t);
void	 ibuf_from_ibuf(struct ibuf *, const struct ibuf *);
int	 ibuf_get(struct ibuf *, void *, size_t);
int	 ibuf_get_n8(struct ibuf *, uint8_t *);
int	 ibuf_get_n16(struct ibuf *, uint16_t *);
int	 ibuf_get_n32(struct ibuf *, uint32_t *);
int	 ibuf_get_n64(struct ibuf *, uint64_t *);
/* The next len bytes as a reader of their own. */
int	 ibuf_get_ibuf(struct ibuf *, size_t len, struct ibuf *);
int	 ibuf_skip(struct ibuf *, size_t len);

int	 ibuf_fd_avail(const struct ibuf *);
/* Moves the fd out; -1 when there is none. */
int	 ibuf_fd_get(struct ibuf *);
/* Takes fd; one that was there is closed. */
void	 ibuf_fd_set(struct ibuf *, int fd);

#endif
