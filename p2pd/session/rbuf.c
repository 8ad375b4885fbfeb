/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/uio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p2pd/session/rbuf.h"

#define RBUF_MIN	256
#define RBUF_DIRECT	(64 * 1024)	/* bytes there, and missing, worth this */

void
rbuf_clear(struct rbuf *rb)
{
	if (rb->buf == NULL)
		return;
	budget_give(rb->holder, rb->cap);
	free(rb->buf);
	rb->buf = NULL;
	rb->off = rb->len = rb->cap = 0;
}

/* To a capacity of at least size; what is kept moves to the front. */
static int
resize(struct rbuf *rb, size_t size)
{
	uint8_t	*buf;

	if (rb->off > 0) {
		memmove(rb->buf, rb->buf + rb->off, rb->len);
		rb->off = 0;
	}
	if (size <= rb->cap)
		return 0;
	if (budget_take(rb->holder, size - rb->cap) == -1)
		return -1;
	if ((buf = realloc(rb->buf, size)) == NULL) {
		budget_give(rb->holder, size - rb->cap);
		return -1;
	}
	rb->buf = buf;
	rb->cap = size;
	return 0;
}

/*
 * What a buffer grows to when it must hold min bytes and want are announced:
 * by doubling what has arrived, so that announcing costs the announcer.
 */
static size_t
target(const struct rbuf *rb, size_t min, size_t want)
{
	size_t	 size = rb->len * 2;

	if (size > want)
		size = want;
	if (size < RBUF_MIN)
		size = RBUF_MIN;
	return size < min ? min : size;
}

static int
append(struct rbuf *rb, const uint8_t *data, size_t n, size_t want)
{
	if (n == 0)
		return 0;
	if (n > rb->cap - rb->len - rb->off &&
	    resize(rb, target(rb, rb->len + n, want)) == -1)
		return -1;
	memcpy(rb->buf + rb->off + rb->len, data, n);
	rb->len += n;
	return 0;
}

static void
consume(struct rbuf *rb, size_t n)
{
	rb->off += n;
	rb->len -= n;
	if (rb->len == 0)
		rbuf_clear(rb);
}

enum rb_result
rbuf_feed(struct rbuf *rb, const struct rb_ops *ops, void *arg, uint8_t *data,
    size_t len)
{
	enum rb_result	 r;
	size_t		 need, n;

	for (;;) {
		need = ops->need(arg);
		if (rb->len > 0 && rb->len < need) {
			n = need - rb->len < len ? need - rb->len : len;
			if (append(rb, data, n, need) == -1)
				return RB_NOMEM;
			data += n;
			len -= n;
		}
		if (rb->len > 0) {
			if (rb->len < need)
				return RB_OK;
			r = ops->unit(arg, rb->buf + rb->off, need);
			if (r == RB_OK || r == RB_STOP)
				consume(rb, need);
		} else {
			if (len < need)
				return append(rb, data, len, need) == -1 ?
				    RB_NOMEM : RB_OK;
			r = ops->unit(arg, data, need);
			if (r == RB_OK || r == RB_STOP) {
				data += need;
				len -= need;
			}
		}
		if (r == RB_STOP || r == RB_WAIT)
			return append(rb, data, len, rb->len + len) == -1 ?
			    RB_NOMEM : RB_STOP;
		if (r != RB_OK)
			return r;
	}
}

ssize_t
rbuf_read(struct rbuf *rb, int fd, size_t need, uint8_t *scratch, size_t size,
    size_t *len)
{
	struct iovec	 iov[2];
	ssize_t		 n;
	size_t		 room;

	*len = 0;
	if (rb->len < RBUF_DIRECT || need < rb->len ||
	    need - rb->len < RBUF_DIRECT ||
	    resize(rb, target(rb, rb->len + RBUF_DIRECT, need)) == -1) {
		if ((n = read(fd, scratch, size)) > 0)
			*len = (size_t)n;
		return n;
	}
	room = (rb->cap < need ? rb->cap : need) - rb->len;
	iov[0].iov_base = rb->buf + rb->len;
	iov[0].iov_len = room;
	iov[1].iov_base = scratch;
	iov[1].iov_len = size;
	if ((n = readv(fd, iov, 2)) <= 0)
		return n;
	if ((size_t)n <= room)
		rb->len += (size_t)n;
	else {
		rb->len += room;
		*len = (size_t)n - room;
	}
	return n;
}
