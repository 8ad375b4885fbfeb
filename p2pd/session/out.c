/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/uio.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/session/out.h"

#define CHUNK		(16 * 1024)	/* with its head */
#define CHUNK_DATA	(CHUNK - sizeof(struct out_chunk))
#define SPARE_MAX	64		/* chunks kept for the next message */
#define IOV		32
#define ROUNDS		8		/* writes before others have their turn */
#define MARKS_MIN	16

struct out_chunk {
	TAILQ_ENTRY(out_chunk)	 entry;
	size_t			 size;
	size_t			 rpos;
	size_t			 wpos;
	uint8_t			 data[];
};

TAILQ_HEAD(outs, out);
TAILQ_HEAD(chunks, out_chunk);

static struct {
	struct outs	  ready;
	struct chunks	  spare;
	unsigned int	  nspare;
	void		(*soon)(void);
} outs;

void
out_setup(void (*soon)(void))
{
	TAILQ_INIT(&outs.ready);
	TAILQ_INIT(&outs.spare);
	outs.nspare = 0;
	outs.soon = soon;
}

void
out_cleanup(void)
{
	struct out_chunk	*c;

	while ((c = TAILQ_FIRST(&outs.spare)) != NULL) {
		TAILQ_REMOVE(&outs.spare, c, entry);
		free(c);
	}
	outs.nspare = 0;
}

static struct out_chunk *
chunk_new(struct out *o, size_t n)
{
	struct out_chunk	*c;
	size_t			 size = n > CHUNK_DATA ? n : CHUNK_DATA;

	if (budget_take(o->holder, size) == -1)
		return NULL;
	if (size == CHUNK_DATA && (c = TAILQ_FIRST(&outs.spare)) != NULL) {
		TAILQ_REMOVE(&outs.spare, c, entry);
		outs.nspare--;
	} else if ((c = malloc(sizeof(*c) + size)) == NULL) {
		budget_give(o->holder, size);
		return NULL;
	}
	c->size = size;
	c->rpos = c->wpos = 0;
	return c;
}

static void
chunk_free(struct out *o, struct out_chunk *c)
{
	TAILQ_REMOVE(&o->chunks, c, entry);
	budget_give(o->holder, c->size);
	if (c->size == CHUNK_DATA && outs.nspare < SPARE_MAX) {
		TAILQ_INSERT_HEAD(&outs.spare, c, entry);
		outs.nspare++;
	} else
		free(c);
}

uint8_t *
out_reserve(struct out *o, size_t n)
{
	struct out_chunk	*c = TAILQ_LAST(&o->chunks, chunks);

	if (c == NULL || c->size - c->wpos < n) {
		if ((c = chunk_new(o, n)) == NULL)
			return NULL;
		TAILQ_INSERT_TAIL(&o->chunks, c, entry);
	}
	return c->data + c->wpos;
}

/* A long reservation of which less was used gives the rest back. */
static void
trim(struct out *o, struct out_chunk *c)
{
	struct out_chunk	*t;

	if (c->size == CHUNK_DATA || c->wpos > c->size / 4 * 3)
		return;
	TAILQ_REMOVE(&o->chunks, c, entry);
	if ((t = realloc(c, sizeof(*c) + c->wpos)) != NULL) {
		c = t;
		budget_give(o->holder, c->size - c->wpos);
		c->size = c->wpos;
	}
	TAILQ_INSERT_TAIL(&o->chunks, c, entry);
}

static void
ready(struct out *o)
{
	if (o->queued || o->waiting || o->writing)
		return;
	TAILQ_INSERT_TAIL(&outs.ready, o, entry);
	o->queued = 1;
	outs.soon();
}

void
out_commit(struct out *o, size_t n)
{
	struct out_chunk	*c = TAILQ_LAST(&o->chunks, chunks);

	c->wpos += n;
	if (c->wpos == 0) {
		chunk_free(o, c);
		return;
	}
	trim(o, c);
	if (n == 0)
		return;
	if (o->bytes == 0)
		o->since = mono_ms();
	o->bytes += n;
	ready(o);
}

static int
grow_marks(struct out *o)
{
	struct out_mark	*v;
	uint32_t	 i, cap = o->mcap == 0 ? MARKS_MIN : o->mcap * 2;

	if (budget_take(o->holder, cap * sizeof(*v)) == -1)
		return -1;
	if ((v = malloc(cap * sizeof(*v))) == NULL) {
		budget_give(o->holder, cap * sizeof(*v));
		return -1;
	}
	for (i = 0; i < o->mlen; i++)
		v[i] = o->marks[(o->mhead + i) & (o->mcap - 1)];
	free(o->marks);
	budget_give(o->holder, o->mcap * sizeof(*v));
	o->marks = v;
	o->mcap = cap;
	o->mhead = 0;
	return 0;
}

int
out_mark_room(struct out *o)
{
	return o->mlen == o->mcap ? grow_marks(o) : 0;
}

void
out_mark(struct out *o, uint32_t a, uint32_t b, uint32_t c)
{
	struct out_mark	*m;

	m = &o->marks[(o->mhead + o->mlen++) & (o->mcap - 1)];
	m->end = o->written + o->bytes;
	m->a = a;
	m->b = b;
	m->c = c;
}

static void
free_marks(struct out *o)
{
	free(o->marks);
	budget_give(o->holder, o->mcap * sizeof(*o->marks));
	o->marks = NULL;
	o->mhead = o->mlen = o->mcap = 0;
}

void
out_mark_cancel(struct out *o)
{
	if (o->mlen == 0 && o->bytes == 0 && o->mcap > 0)
		free_marks(o);
}

static void
reach_marks(struct out *o)
{
	struct out_mark	 m;

	while (o->mlen > 0 && o->marks[o->mhead].end <= o->written) {
		m = o->marks[o->mhead];
		o->mhead = (o->mhead + 1) & (o->mcap - 1);
		o->mlen--;
		o->ops->mark(o, &m);
	}
	out_mark_cancel(o);
}

void
out_drop_marks(struct out *o, void (*fn)(struct out *, const struct out_mark *))
{
	uint32_t	 i;

	for (i = 0; i < o->mlen; i++)
		fn(o, &o->marks[(o->mhead + i) & (o->mcap - 1)]);
	free_marks(o);
}

void
out_clear(struct out *o)
{
	struct out_chunk	*c;

	if (o->queued)
		TAILQ_REMOVE(&outs.ready, o, entry);
	o->queued = o->waiting = 0;
	event_del(&o->ev);
	while ((c = TAILQ_FIRST(&o->chunks)) != NULL)
		chunk_free(o, c);
	o->bytes = 0;
	free_marks(o);
}

static void
taken(struct out *o, size_t n)
{
	struct out_chunk	*c;
	size_t			 len;

	o->written += n;
	o->bytes -= n;
	while (n > 0) {
		c = TAILQ_FIRST(&o->chunks);
		len = c->wpos - c->rpos;
		if (n < len) {
			c->rpos += n;
			return;
		}
		n -= len;
		chunk_free(o, c);
		o->since = mono_ms();
	}
}

/* One write: bytes taken, 0 when there is no room, -1 with errno. */
static ssize_t
write_some(struct out *o)
{
	struct iovec		 iov[IOV];
	struct out_chunk	*c;
	ssize_t			 n;
	int			 i = 0;

	TAILQ_FOREACH(c, &o->chunks, entry) {
		if (i == IOV)
			break;
		iov[i].iov_base = c->data + c->rpos;
		iov[i++].iov_len = c->wpos - c->rpos;
	}
	if ((n = writev(o->fd, iov, i)) == -1 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ||
	    errno == ENOBUFS))
		return 0;
	return n;
}

static void
flush(struct out *o)
{
	ssize_t	 n = 1;
	int	 i, error = 0;

	o->writing = 1;
	for (i = 0; i < ROUNDS && o->bytes > 0; i++) {
		if ((n = write_some(o)) <= 0)
			break;
		taken(o, (size_t)n);
		reach_marks(o);
		o->ops->wrote(o, (size_t)n);
	}
	if (n == -1)
		error = errno;
	o->writing = 0;
	if (error != 0)
		o->ops->failed(o, error);
	else if (o->bytes > 0) {
		o->waiting = 1;
		event_add(&o->ev, NULL);
	}
}

static void
writable(int fd, short what, void *arg)
{
	struct out	*o = arg;

	o->waiting = 0;
	ready(o);
}

void
out_flush_all(void)
{
	struct out	*o;

	while ((o = TAILQ_FIRST(&outs.ready)) != NULL) {
		TAILQ_REMOVE(&outs.ready, o, entry);
		o->queued = 0;
		flush(o);
	}
}

int
out_init(struct out *o, struct event_base *base, int fd,
    const struct out_ops *ops, void *arg, struct holder *h)
{
	memset(o, 0, sizeof(*o));
	TAILQ_INIT(&o->chunks);
	o->fd = fd;
	o->ops = ops;
	o->arg = arg;
	o->holder = h;
	return event_assign(&o->ev, base, fd, EV_WRITE, writable, o);
}
