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

/* Half of it is free, of what it may hold as things are. */
static int
app_roomy(const struct app *a)
{
	size_t	 most = ses.init.queue_app;

	if (most > TIGHT && budget_over())
		most = TIGHT;
	return appq_cost(&a->q) <= most / 2;
}

static enum mux_full
range_full(const struct peercap *pc)
{
	if (pc->queued >= pc->ac->max_peer)
		return FULL_RANGE;
	if (pc->ac->queued >= pc->ac->max_all)
		return FULL_CAP;
	return app_full(pc->ac->app) ? FULL_APP : FULL_NOT;
}

/*
 * What stands in a peer's way, with the range concerned; nothing does when it
 * shares with several, or with those who would rather lose messages.
 */
static enum mux_full
peer_full(const struct peer *p, uint32_t *range)
{
	enum mux_full	 why;
	uint32_t	 i;

	if (p->sole == NULL)
		return FULL_NOT;
	for (i = 0; i < p->ncaps; i++)
		if (p->caps[i].ac != NULL &&
		    (why = range_full(&p->caps[i])) != FULL_NOT) {
			*range = i;
			return why;
		}
	return FULL_NOT;
}

/* Who has to make room is marked: where nobody waits, nobody is looked for. */
static void
wait_for(struct peer *p, enum mux_full why, uint32_t range)
{
	struct appcap	*ac = p->caps[range].ac;

	p->waits = (uint8_t)why;
	p->waits_range = (uint16_t)range;
	if (why == FULL_CAP)
		ac->waited = 1;
	else if (why == FULL_APP)
		ac->app->waited = 1;
}

int
mux_stall(struct peer *p)
{
	enum mux_full	 why;
	uint32_t	 range;

	if ((why = peer_full(p, &range)) == FULL_NOT)
		return 0;
	wait_for(p, why, range);
	peer_pause(p, PAUSE_APP);
	return 1;
}

int
mux_waits(const struct peer *p)
{
	const struct peercap	*pc = &p->caps[p->waits_range];

	if (p->stalled_on == NULL || pc->ac == NULL)
		return 0;
	switch ((enum mux_full)p->waits) {
	case FULL_RANGE:
		return pc->queued > pc->ac->max_peer / 2;
	case FULL_CAP:
		return pc->ac->queued > pc->ac->max_all / 2;
	case FULL_APP:
		return !app_roomy(p->stalled_on);
	case FULL_NOT:
		break;
	}
	return 0;
}

void
mux_again(struct peer *p)
{
	enum mux_full	 why;
	uint32_t	 range;

	if (!(p->pause & PAUSE_APP))
		return;
	if ((why = peer_full(p, &range)) != FULL_NOT)
		wait_for(p, why, range);
	else
		peer_resume(p, PAUSE_APP);
}

void
mux_limits(struct app *a)
{
	struct peer	*p, *next;
	uint32_t	 n = 0;

	TAILQ_FOREACH_SAFE(p, &a->stalled, stalled, next) {
		mux_again(p);
		n++;
	}
	app_worked(a, n);
}

void
mux_turn(void)
{
	struct peer	*p, *next;
	struct app	*a;

	if (!ses.room)
		return;
	ses.room = 0;
	TAILQ_FOREACH(a, &ses.apps, entry) {
		if (!a->room)
			continue;
		a->room = 0;
		TAILQ_FOREACH_SAFE(p, &a->stalled, stalled, next)
			if (!mux_waits(p))
				mux_again(p);
			else	/* others may have taken what room there was */
				wait_for(p, (enum mux_full)p->waits,
				    p->waits_range);
	}
}

static void
has_room(struct app *a)
{
	a->room = 1;
	ses.room = 1;
	turn_soon();
}

void
mux_left(struct appcap *ac, struct peer *p)
{
	if (p != NULL && p->pause & PAUSE_APP && !mux_waits(p))
		mux_again(p);
	if (ac->waited && ac->queued <= ac->max_all / 2) {
		ac->waited = 0;
		has_room(ac->app);
	}
}

void
mux_shrunk(struct app *a)
{
	if (a->closed)
		return;
	if (a->pause & APAUSE_OUT && appq_cost(&a->q) < ses.init.queue_app)
		app_resume(a, APAUSE_OUT);
	if (a->waited && app_roomy(a)) {
		a->waited = 0;
		has_room(a);
	}
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
	if (range_full(pc) != FULL_NOT) {
		if (pc->ac->policy == APP_DISCONNECT)
			return REASON_STALLED;
		if (!make_place(pc, APP_HEADER + APP_MSG_HEAD + size))
			return lose(p, pc, size);
	}
	return deliver(p, pc, rel, data, n, size);
}
