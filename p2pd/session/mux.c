/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/wire/reason.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/pressure.h"
#include "p2pd/session/show.h"

struct peercap *
mux_find(struct peer *p, uint64_t code)
{
	struct sharedcap	*s;
	uint32_t		 i;

	for (i = 0; i < p->ncaps; i++) {
		s = &p->caps[i].shared;
		if (code >= s->offset && code - s->offset < s->codes)
			return &p->caps[i];
	}
	return NULL;
}

static int
app_full(const struct app *a)
{
	return a->out.bytes >= ses.init.queue_app ||
	    (a->out.bytes >= TIGHT && budget_over());
}

int
mux_blocked(const struct peer *p)
{
	uint32_t	 i;

	if (p->sole == NULL)
		return 0;
	if (app_full(p->sole))
		return 1;
	if (p->queued < ses.init.queue_peer)
		return 0;
	for (i = 0; i < p->ncaps; i++)
		if (p->caps[i].queued >= ses.init.queue_peer)
			return 1;
	return 0;
}

static void
drop(struct peer *p, struct peercap *pc)
{
	pc->dropped++;
	ses.dropped++;
	if (pc->ac != NULL) {
		pc->ac->app->dropped++;
		pc->ac->app->events++;	/* a gap in the numbers tells */
	}
}

/*
 * The size a message has uncompressed. A copy of three bytes makes at most 64,
 * so what promises more than that lies, and gets no memory.
 */
static int
payload_size(const struct peer *p, const uint8_t *data, size_t n, size_t *size)
{
	if (!frame_snappy_rx(p->codec)) {
		*size = n;
		return 0;
	}
	if (frame_declared(data, n, size) == -1 || *size > n * 22)
		return -1;
	return 0;
}

/* Straight into the application's queue: one copy, or none but snappy's. */
static int
deliver(struct peer *p, struct peercap *pc, uint32_t code, const uint8_t *data,
    size_t n, size_t size)
{
	struct app	*a = pc->ac->app;
	struct app_head	 h;
	uint8_t		*out;
	size_t		 len = APP_HEADER + APP_MSG_HEAD + size;

	if ((out = out_reserve(&a->out, len)) == NULL) {
		drop(p, pc);
		return REASON_NONE;
	}
	h.len = (uint32_t)(APP_MSG_HEAD + size);
	h.type = AF_MESSAGE;
	h.flags = 0;
	h.request = a->events + 1;
	h.peer = p->node.key;
	app_head_encode(out, &h);
	app_put32(out + APP_HEADER, pc->ac->capid);
	app_put32(out + APP_HEADER + 4, code);
	out += APP_HEADER + APP_MSG_HEAD;
	if (frame_snappy_rx(p->codec)) {
		if (frame_uncompress(out, size, data, n) == -1) {
			out_commit(&a->out, 0);
			return REASON_BAD_SNAPPY;
		}
	} else if (n > 0)
		memcpy(out, data, n);
	a->events++;
	out_commit(&a->out, len);
	if (out_mark(&a->out, p->node.key, (uint32_t)(pc - p->caps),
	    (uint32_t)len) == 0) {
		pc->queued += len;
		p->queued += len;
	}
	return REASON_NONE;
}

int
mux_message(struct peer *p, struct peercap *pc, uint64_t code,
    const uint8_t *data, size_t n)
{
	uint32_t	 rel = (uint32_t)(code - pc->shared.offset);
	size_t		 size;

	if (payload_size(p, data, n, &size) == -1)
		return REASON_BAD_SNAPPY;
	pc->msgs_in++;
	pc->bytes_in += size;
	p->msgs_in++;
	ses.msgs_in++;
	if (ses.monitor)
		show_message(p, pc, rel, size, "in");
	if (pc->ac == NULL || pc->ac->app->doomed) {
		drop(p, pc);
		return REASON_NONE;
	}
	if (app_full(pc->ac->app) || pc->queued >= ses.init.queue_peer) {
		if (pc->ac->policy == APP_DISCONNECT)
			return REASON_STALLED;
		drop(p, pc);
		return REASON_NONE;
	}
	return deliver(p, pc, rel, data, n, size);
}

/* A message has left for its application: a the peer, b the range, c bytes. */
static void
left(struct out *o, const struct out_mark *m)
{
	struct peer	*p;
	struct peercap	*pc;

	if ((p = peer_find(m->a)) == NULL)
		return;
	pc = &p->caps[m->b];
	pc->queued -= m->c;
	p->queued -= m->c;
	if (p->stalled_on == o->arg && p->queued <= ses.init.queue_peer / 2 &&
	    !mux_blocked(p))
		peer_resume(p, PAUSE_APP);
}

static void
wrote(struct out *o, size_t n)
{
	struct app	*a = o->arg;
	struct peer	*p, *next;

	if (a->closed)
		return;
	if (a->pause & APAUSE_OUT && o->bytes < ses.init.queue_app)
		app_resume(a, APAUSE_OUT);
	if (TAILQ_EMPTY(&a->stalled) || o->bytes > ses.init.queue_app / 2)
		return;
	TAILQ_FOREACH_SAFE(p, &a->stalled, stalled, next)
		if (!mux_blocked(p))
			peer_resume(p, PAUSE_APP);
}

static void
failed(struct out *o, int error)
{
	app_doom(o->arg, error == EPIPE || error == ECONNRESET ? NULL :
	    strerror(error));
}

const struct out_ops mux_out_ops = { left, wrote, failed };
