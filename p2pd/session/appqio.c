/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/uio.h>
#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "p2pd/session/appq.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/mux.h"

/* An application's socket, written once a loop turn and when there is room. */

#define IOV		32
#define ROUNDS		8		/* writes before others have their turn */
#define WRITE_MAX	(1024 * 1024)	/* bytes for one write */

TAILQ_HEAD(appqs, appq);

static struct appqs	 queues;

void
appq_setup(void)
{
	TAILQ_INIT(&queues);
}

void
appq_ready(struct appq *q)
{
	if (q->queued || q->waiting)
		return;
	TAILQ_INSERT_TAIL(&queues, q, entry);
	q->queued = 1;
	turn_soon();
}

void
appq_gap_frame(const struct aq_rec *r, uint8_t out[AQ_GAP_LEN])
{
	struct app_head	 h = { AQ_GAP_LEN - APP_HEADER, AF_DROPPED, 0,
	    r->number, r->peer };

	app_head_encode(out, &h);
	app_counts_encode(out + APP_HEADER, AQ_GAP_LEN - APP_HEADER,
	    r->ac->capid, r->u.gap.msgs, r->u.gap.bytes);
}

static size_t
length(const struct aq_rec *r)
{
	return r->kind == AQ_PLAIN || r->kind == AQ_MESSAGE ? r->u.data.len :
	    AQ_GAP_LEN;
}

/* Pieces that lie side by side are one. */
static int
gather(const struct appq *q, struct iovec *iov, uint8_t gaps[][AQ_GAP_LEN])
{
	const struct aq_rec	*r;
	const uint8_t		*p;
	uint32_t		 i;
	size_t			 total = 0, n;
	int			 v = 0, g = 0;

	for (i = q->head; i != 0 && total < WRITE_MAX; i = r->next) {
		r = &q->recs[i];
		n = length(r);
		if (r->kind == AQ_GAP) {
			if (g == IOV)
				break;
			appq_gap_frame(r, gaps[g]);
			p = gaps[g++];
		} else
			p = r->kind == AQ_FROZEN ? q->frozen : appq_data(r);
		if (i == q->head) {
			p += q->off;
			n -= q->off;
		}
		if (v > 0 && (uint8_t *)iov[v - 1].iov_base +
		    iov[v - 1].iov_len == p)
			iov[v - 1].iov_len += n;
		else {
			if (v == IOV)
				break;
			iov[v].iov_base = (void *)(uintptr_t)p;
			iov[v++].iov_len = n;
		}
		total += n;
	}
	return v;
}

static void
taken(struct appq *q, size_t n)
{
	size_t	 left;

	q->bytes -= n;
	while (n > 0) {
		left = length(&q->recs[q->head]) - q->off;
		if (n < left) {
			appq_settle(q);
			q->off += n;
			return;
		}
		n -= left;
		appq_pop(q);
	}
}

/* One write: bytes taken, 0 when there is no room, -1 with errno. */
static ssize_t
write_some(struct appq *q)
{
	uint8_t		 gaps[IOV][AQ_GAP_LEN];
	struct iovec	 iov[IOV];
	ssize_t		 n;

	n = writev(q->fd, iov, gather(q, iov, gaps));
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR || errno == ENOBUFS))
		return 0;
	return n;
}

static void
flush(struct appq *q)
{
	ssize_t	 n = 1;
	size_t	 total = 0;
	int	 i, error = 0;

	for (i = 0; i < ROUNDS && q->bytes > 0; i++) {
		if ((n = write_some(q)) <= 0)
			break;
		taken(q, (size_t)n);
		total += (size_t)n;
	}
	if (n == -1)
		error = errno;
	else if (q->bytes > 0) {
		q->waiting = 1;
		event_add(&q->ev, NULL);
	}
	if (total > 0)
		mux_shrunk(q->app);
	if (error != 0)
		app_doom(q->app, error == EPIPE || error == ECONNRESET ? NULL :
		    strerror(error));
}

static void
writable(int fd, short what, void *arg)
{
	struct appq	*q = arg;

	q->waiting = 0;
	appq_ready(q);
}

void
appq_flush_all(void)
{
	struct appq	*q;

	while ((q = TAILQ_FIRST(&queues)) != NULL) {
		TAILQ_REMOVE(&queues, q, entry);
		q->queued = 0;
		flush(q);
	}
}

int
appq_init(struct appq *q, struct event_base *base, int fd, struct app *a,
    struct holder *h)
{
	memset(q, 0, sizeof(*q));
	q->fd = fd;
	q->app = a;
	q->holder = h;
	return event_assign(&q->ev, base, fd, EV_WRITE, writable, q);
}

void
appq_clear(struct appq *q)
{
	if (q->queued)
		TAILQ_REMOVE(&queues, q, entry);
	q->queued = q->waiting = 0;
	event_del(&q->ev);
	while (q->head != 0)
		appq_pop(q);
	q->bytes = 0;
	appq_idle(q);
}
