/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/wire/frame.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/pressure.h"

/*
 * Those who watch what others own. A range knows whether it is watched, so that
 * without taps a message costs one look at it.
 */

static int
watches(const struct appcap *t, const struct peercap *pc)
{
	uint32_t	 i;

	if (strcmp(t->name, pc->shared.cap.name) != 0)
		return 0;
	for (i = 0; i < t->nvers; i++)
		if (t->vers[i].version == pc->shared.cap.version)
			return 1;
	return t->nvers == 0;
}

void
taps_up(struct peer *p)
{
	struct appcap	*t;
	uint32_t	 i;

	TAILQ_FOREACH(t, &ses.taps, tapping)
		for (i = 0; i < p->ncaps; i++)
			if (watches(t, &p->caps[i])) {
				p->caps[i].tapped = 1;
				app_peer_up(t, p, &p->caps[i], 0);
			}
}

void
taps_down(struct peer *p, const struct m_peer_end *end)
{
	struct appcap	*t;
	uint32_t	 i;

	TAILQ_FOREACH(t, &ses.taps, tapping)
		for (i = 0; i < p->ncaps; i++)
			if (watches(t, &p->caps[i]))
				app_peer_down(t, p, &p->caps[i], end);
}

void
tap_start(struct appcap *t)
{
	struct peer	*p;
	uint32_t	 i;

	TAILQ_INSERT_TAIL(&ses.taps, t, tapping);
	t->app->ntaps++;
	TAILQ_FOREACH(p, &ses.peers, entry)
		for (i = 0; i < p->ncaps; i++)
			if (watches(t, &p->caps[i])) {
				p->caps[i].tapped = 1;
				app_peer_up(t, p, &p->caps[i], AFL_SNAPSHOT);
			}
}

void
tap_stop(struct appcap *t)
{
	struct peercap	*pc;
	struct appcap	*other;
	struct peer	*p;
	uint32_t	 i;

	TAILQ_REMOVE(&ses.taps, t, tapping);
	t->app->ntaps--;
	TAILQ_FOREACH(p, &ses.peers, entry)
		for (i = 0; i < p->ncaps; i++) {
			pc = &p->caps[i];
			pc->tapped = 0;
			TAILQ_FOREACH(other, &ses.taps, tapping)
				pc->tapped |= (uint8_t)watches(other, pc);
		}
}

static int
crowded(const struct appcap *t, size_t len)
{
	size_t	 cost = appq_cost(&t->app->q);

	return cost + len > ses.init.queue_app ||
	    (cost > TIGHT && budget_over());
}

/* All that it has before goes too: what is lost is told where it would stand. */
static void
lose(struct appcap *t, struct peer *p, size_t size)
{
	while (appq_drop_cap(&t->app->q, t))
		;
	mux_dropped(t, NULL);
	t->app->events++;
	appq_lost(&t->app->q, t, p, NULL, t->app->events, size);
}

/* Its own older messages make place, and nothing else does. */
static void
watch(struct appcap *t, struct peer *p, struct app_head *h, uint32_t code,
    const uint8_t *data, size_t n, size_t size, int packed)
{
	struct appq	*q = &t->app->q;
	size_t		 len = APP_HEADER + h->len;
	uint8_t		*out;

	while ((t->queued + len > t->max_all || crowded(t, len)) &&
	    appq_drop_cap(q, t))
		;
	if (crowded(t, len) || (out = appq_reserve(q, len)) == NULL) {
		lose(t, p, size);
		return;
	}
	h->request = t->app->events + 1;
	app_head_encode(out, h);
	app_put32(out + APP_HEADER, t->capid);
	app_put32(out + APP_HEADER + 4, code);
	out += APP_HEADER + APP_MSG_HEAD;
	if (packed) {
		if (frame_uncompress(out, size, data, n) == -1) {
			appq_cancel(q);
			return;
		}
	} else if (n > 0)
		memcpy(out, data, n);
	appq_message(q, len, t, p, NULL, ++t->app->events);
}

void
taps_message(struct peer *p, struct peercap *pc, uint32_t code,
    const uint8_t *data, size_t n, size_t size, int packed, unsigned int flags)
{
	struct app_head	 h = { (uint32_t)(APP_MSG_HEAD + size), AF_MESSAGE,
	    (uint16_t)flags, 0, p->node.key };
	struct appcap	*t;

	TAILQ_FOREACH(t, &ses.taps, tapping)
		if (watches(t, pc) && !t->app->doomed)
			watch(t, p, &h, code, data, n, size, packed);
}
