/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_RBUF_H
#define P2PD_SESSION_RBUF_H

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

#include "p2pd/session/budget.h"

/*
 * Takes a byte stream apart into units whose length is known before they
 * begin. Whole units are handed out where they lie; only what is incomplete,
 * or may not be handed out yet, is kept. All zero: nothing is kept.
 */
struct rbuf {
	uint8_t		*buf;
	size_t		 off;
	size_t		 len;		/* from off on */
	size_t		 cap;
	struct holder	*holder;
};

enum rb_result {
	RB_OK,		/* taken, go on */
	RB_STOP,	/* taken, but no more for now */
	RB_WAIT,	/* not taken: again later */
	RB_END,		/* what the stream belongs to has ended */
	RB_NOMEM
};

struct rb_ops {
	/* Length of the next unit; may be 0. */
	size_t		(*need)(void *);
	/* May change the bytes, but not when it answers RB_WAIT. */
	enum rb_result	(*unit)(void *, uint8_t *, size_t);
};

/*
 * Hands out every whole unit of what is kept and then of data. RB_OK, RB_STOP
 * (also for RB_WAIT; the rest is kept), RB_END (nothing was touched since) or
 * RB_NOMEM.
 */
enum rb_result rbuf_feed(struct rbuf *, const struct rb_ops *, void *arg,
	    uint8_t *data, size_t len);
/*
 * One read. The body of a long unit goes where it is kept, what is beyond into
 * scratch, whose used part is *len. As read(2).
 */
ssize_t	 rbuf_read(struct rbuf *, int fd, size_t need, uint8_t *scratch,
	    size_t size, size_t *len);
void	 rbuf_clear(struct rbuf *);

#endif
