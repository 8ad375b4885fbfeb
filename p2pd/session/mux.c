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
	size_t	 cost = appq_cost(&a->q);

	return cost >= ses.init.queue_app || (cost >= TIGHT && budget_over());
}

static int
cap_full(const struct appcap *ac)
{
	return ac->queued >= ac->max_all || app_full(ac->app);
}

int
mux_blocked(const struct peer *p)
{
	const struct peercap	*pc;
	uint32_t		 i;

	if (p->sole == NULL)
		return 0;
	for (i = 0; i < p->ncaps; i++) {
		pc = &p->caps[i];
		if (pc->ac != NULL &&
		    (pc->queued >= pc->ac->max_peer || cap_full(pc->ac)))
			return 1;
	}
	return 0;
}

void
mux_dropped(struct appcap *ac, struct peercap *pc)
{
	if (pc != NULL)
		pc->dropped++;
	if (ac != NULL && ac->app != NULL) {
		ac->dropped++;
		ac->app->dropped++;
	}
	if (ac != NULL && ac->tap)
		ses.tap_dropped++;
	else
		ses.dropped++;
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

/* There is no place for it, and none can be made. */
static int
lose(struct peer *p, struct peercap *pc, size_t size)
{
	struct app	*a = pc->ac->app;

	mux_dropped(pc->ac, pc);
	a->events++;
	appq_lost(&a->q, pc->ac, p, pc, a->events, size);
	return REASON_NONE;
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

	if ((out = appq_reserve(&a->q, len)) == NULL)
		return lose(p, pc, size);
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
			appq_cancel(&a->q);
			return REASON_BAD_SNAPPY;
		}
	} else if (n > 0)
		memcpy(out, data, n);
	appq_message(&a->q, len, pc->ac, p, pc, ++a->events);
	return REASON_NONE;
}

/*
 * What goes is the oldest: of the capability, where its owner would rather have
 * news than all; else of this range, so that no other peer's are lost for it.
 */
static int
drop_oldest(struct peercap *pc)
{
	struct appq	*q = &pc->ac->app->q;

	return pc->ac->policy == APP_DROP ? appq_drop_cap(q, pc->ac) :
	    appq_drop_range(q, pc);
}

/* Makes place for n bytes; 0 when there is nothing to drop for it. */
static int
make_place(struct peercap *pc, size_t n)
{
	struct appcap	*ac = pc->ac;
	struct appq	*q = &ac->app->q;
	size_t		 before;

	while (pc->queued >= ac->max_peer)
		if (!appq_drop_range(q, pc))
			return 0;
	while (ac->queued >= ac->max_all || appq_cost(q) >= ses.init.queue_app)
		if (!drop_oldest(pc))
			return 0;
	before = appq_cost(q);
	while (app_full(ac->app) && before - appq_cost(q) < n)
		if (!drop_oldest(pc))
			return 0;
	return 1;
}

/* Nobody is there for it: who comes back will be told how much it was. */
static void
miss(struct peercap *pc, size_t size)
{
	mux_dropped(pc->ac, pc);
	if (pc->ac != NULL) {
		pc->ac->missed_msgs++;
		pc->ac->missed_bytes += size;
	}
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
	if (pc->tapped)
		taps_message(p, pc, rel, data, n, size,
		    frame_snappy_rx(p->codec), 0);
	if (pc->ac == NULL || pc->ac->app == NULL || pc->ac->app->doomed) {
		miss(pc, size);
		return REASON_NONE;
	}
	if (pc->queued >= pc->ac->max_peer || cap_full(pc->ac)) {
		if (pc->ac->policy == APP_DISCONNECT)
			return REASON_STALLED;
		if (!make_place(pc, APP_HEADER + APP_MSG_HEAD + size))
			return lose(p, pc, size);
	}
	return deliver(p, pc, rel, data, n, size);
}

void
mux_left(struct app *a, struct peer *p)
{
	if (p->stalled_on == a && p->queued <= ses.init.queue_peer / 2 &&
	    !mux_blocked(p))
		peer_resume(p, PAUSE_APP);
}

void
mux_wrote(struct app *a)
{
	struct peer	*p, *next;

	if (a->closed)
		return;
	if (a->pause & APAUSE_OUT && appq_cost(&a->q) < ses.init.queue_app)
		app_resume(a, APAUSE_OUT);
	if (TAILQ_EMPTY(&a->stalled) ||
	    appq_cost(&a->q) > ses.init.queue_app / 2)
		return;
	TAILQ_FOREACH_SAFE(p, &a->stalled, stalled, next)
		if (!mux_blocked(p))
			peer_resume(p, PAUSE_APP);
}
