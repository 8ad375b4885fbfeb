/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>

#include "common/base/log.h"
#include "common/wire/reason.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/pressure.h"

#define PAUSE_FOR_MS	1000

static void
pressed(void)
{
	ses.pressed = 1;
	turn_soon();
}

/* What many wait for is held by each of them. */
static uint64_t
holds(const struct peer *p)
{
	return p->holder.held + p->shared;
}

static struct peer *
largest_of(struct peers *list, struct peer *max, uint64_t *sum)
{
	struct peer	*p;

	TAILQ_FOREACH(p, list, entry) {
		*sum += p->holder.held;
		if (max == NULL || holds(p) > holds(max))
			max = p;
	}
	return max;
}

static uint64_t
user_holds(uint32_t uid)
{
	struct app	*a;
	uint64_t	 sum = 0;

	TAILQ_FOREACH(a, &ses.apps, entry)
		if (a->uid == uid)
			sum += a->holder.held;
	return sum;
}

/* Of the user who holds most, lest many small ones cost another's large one. */
static struct app *
largest_app(uint64_t *sum)
{
	struct app	*a, *max = NULL;
	uint64_t	 n, most = 0;

	TAILQ_FOREACH(a, &ses.apps, entry) {
		*sum += a->holder.held;
		n = user_holds(a->uid);
		if (max == NULL || n > most || (a->uid == max->uid &&
		    a->holder.held > max->holder.held)) {
			max = a;
			most = n;
		}
	}
	return max;
}

/*
 * Ends the largest holder; 0 when nobody holds anything.  An application's end
 * is that of all its peers, so it is not for many peers that hold a little less
 * each to bring it about: only where applications hold more than all peers do.
 */
static int
drop_largest(void)
{
	uint64_t	 apps = 0, peers = ses.shared.held;
	struct app	*a = largest_app(&apps);
	struct peer	*p;

	p = largest_of(&ses.peers, NULL, &peers);
	p = largest_of(&ses.lingering, p, &peers);
	if (a != NULL && apps > peers) {
		if (a->holder.held == 0)
			return 0;
		app_doom(a, "memory is short and it holds most");
		apps_reap();
	} else {
		if (p == NULL || holds(p) == 0)
			return 0;
		log_warnx("peer %u ended: memory is short and it holds %llu "
		    "bytes", p->node.key, (unsigned long long)holds(p));
		if (p->state == PEER_LINGER)
			linger_end(p);
		else
			peer_fail(p, REASON_MEMORY);
	}
	peer_bury();
	apps_bury();
	return 1;
}

static void
relax(void)
{
	struct peer	*p, *next;
	struct app	*a;

	ses.pressed = 0;
	event_del(&ses.ev_pressure);
	TAILQ_FOREACH_SAFE(p, &ses.peers, entry, next) {
		peer_resume(p, PAUSE_MEM);
		mux_again(p);
	}
	TAILQ_FOREACH(a, &ses.apps, entry) {
		app_resume(a, APAUSE_MEM);
		app_resume(a, APAUSE_PEER);
	}
}

static void
overdue(int fd, short what, void *arg)
{
	while (budget_over() && drop_largest())
		;
	turn_soon();
}

void
pressure_turn(void)
{
	if (!ses.pressed)
		return;
	while (budget_critical() && drop_largest())
		;
	if (!budget_over())
		relax();
	else if (!evtimer_pending(&ses.ev_pressure, NULL))
		event_after(&ses.ev_pressure, PAUSE_FOR_MS);
}

void
pressure_setup(void)
{
	evtimer_assign(&ses.ev_pressure, ses.env.base, overdue, NULL);
	budget_init(ses.init.mem_budget, pressed);
}
