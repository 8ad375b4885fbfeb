/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/wire/reason.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/core.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/multisend.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/pressure.h"
#include "p2pd/session/show.h"

struct session	 ses;

void
session_tell(const struct msgdesc *desc, const void *body)
{
	if (ses.env.send(desc, body) == -1)
		fatal("%s to the parent", desc->name);
}

void
event_after(struct event *ev, uint64_t ms)
{
	struct timeval	 tv;

	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	event_add(ev, &tv);
}

void
turn_soon(void)
{
	if (ses.turning)
		return;
	ses.turning = 1;
	event_active(&ses.ev_turn, EV_TIMEOUT, 1);
}

/* What a peer here sends makes no room for another, so this comes to an end. */
static void
resume_peers(void)
{
	struct peer	*p;

	while ((p = TAILQ_FIRST(&ses.resumed)) != NULL) {
		TAILQ_REMOVE(&ses.resumed, p, resume);
		p->in_resumed = 0;
		if (p->pause == 0)
			peer_continue(p);
	}
}

/* All peers are gone, and the applications know. */
static void
check_done(void)
{
	struct app	*a;

	if (!ses.stopping || ses.done || !TAILQ_EMPTY(&ses.peers) ||
	    !TAILQ_EMPTY(&ses.lingering))
		return;
	TAILQ_FOREACH(a, &ses.apps, entry)
		if (a->q.bytes > 0)
			return;
	ses.done = 1;
	ses.env.done();
}

static void
turn(int fd, short what, void *arg)
{
	ses.turning = 0;
	mux_turn();
	resume_peers();
	pressure_turn();
	out_flush_all();
	appq_flush_all();
	apps_reap();
	peer_bury();
	apps_bury();
	check_done();
}

static void
grace_over(int fd, short what, void *arg)
{
	if (ses.done)
		return;
	ses.done = 1;
	ses.env.done();
}

void
session_stop(uint32_t grace_ms)
{
	ses.stopping = 1;
	peers_stop(0, REASON_QUITTING, DISC_QUITTING);
	event_after(&ses.ev_grace, grace_ms);
	turn_soon();
}

void
session_drained(void)
{
	show_continue();
}

int
session_setup(const struct session_env *env, const struct m_init *m)
{
	memset(&ses, 0, sizeof(ses));
	ses.env = *env;
	ses.init = *m;
	TAILQ_INIT(&ses.peers);
	TAILQ_INIT(&ses.lingering);
	TAILQ_INIT(&ses.resumed);
	TAILQ_INIT(&ses.dead);
	TAILQ_INIT(&ses.apps);
	TAILQ_INIT(&ses.deadapps);
	TAILQ_INIT(&ses.orphans);
	TAILQ_INIT(&ses.unheard);
	TAILQ_INIT(&ses.taps);
	TAILQ_INIT(&ses.shows);
	out_setup(turn_soon);
	appq_setup();
	pressure_setup();
	if ((ses.scratch = malloc(SCRATCH)) == NULL ||
	    event_assign(&ses.ev_turn, env->base, -1, 0, turn, NULL) == -1 ||
	    evtimer_assign(&ses.ev_grace, env->base, grace_over, NULL) == -1) {
		free(ses.scratch);
		return -1;
	}
	return 0;
}

static void
free_peers(struct peers *list)
{
	struct peer	*p;

	while ((p = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, p, entry);
		peer_free(p);
	}
}

void
session_cleanup(void)
{
	struct app	*a;

	/* what waits in their queues counts for peers */
	while ((a = TAILQ_FIRST(&ses.apps)) != NULL) {
		TAILQ_REMOVE(&ses.apps, a, entry);
		app_free(a);
	}
	apps_bury();
	orphans_free();
	free_peers(&ses.peers);
	free_peers(&ses.lingering);
	free_peers(&ses.dead);
	multisend_cleanup();
	show_cleanup();
	out_cleanup();
	appq_cleanup();
	htab_free(&ses.peertab);
	htab_free(&ses.apptab);
	event_del(&ses.ev_turn);
	event_del(&ses.ev_pressure);
	event_del(&ses.ev_grace);
	free(ses.scratch);
	ses.scratch = NULL;
}
