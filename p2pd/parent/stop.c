/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <signal.h>
#include <string.h>

#include "common/base/log.h"
#include "p2pd/parent/parent.h"

/*
 * Orderly stop: nobody new, Disconnect 0x08 to all, and out when the sessions
 * have said goodbye or STOP_MS are over.
 */
#define STOP_MS		4000	/* and children_await() takes the rest of 5 s */
#define STOP_GRACE_MS	3000	/* what a session may take */

static struct event *stop_timer;

static void
stop_done(void)
{
	event_base_loopexit(parent.base, NULL);
}

static void
stop_timeout(int fd, short what, void *arg)
{
	log_warnx("stop: %u processes had to be left", children_alive());
	stop_done();
}

void
stop_begin(const char *why)
{
	static const struct timeval tv = { STOP_MS / 1000,
	    STOP_MS % 1000 * 1000 };
	struct m_stop m = { STOP_GRACE_MS };
	struct child *c;
	struct rec r;

	if (parent.stopping) {
		log_info("stop: not waiting any longer (%s)", why);
		stop_done();
		return;
	}
	parent.stopping = 1;
	log_info("stopping: %s; %u peers", why, parent.peers.n);
	if (event_wanted()) {
		event_begin(&r, "stopping");
		rec_str(&r, "cause", why);
		event_send(&r);
	}
	sockets_close();
	for (c = parent.child; c < parent.child + parent.nchildren; c++) {
		if (child_ready(c))
			child_msg(c, &m_stop_desc, &m, -1);
		else if (c->pid > 0)
			kill(c->pid, SIGKILL);
	}
	stop_timer = evtimer_new(parent.base, stop_timeout, NULL);
	if (stop_timer == NULL || evtimer_add(stop_timer, &tv) == -1)
		stop_done();
	stop_child_gone();
}

/* The sessions are who we wait for: with them gone, all have been told. */
void
stop_child_gone(void)
{
	struct child *c;

	for (c = child_next(PROC_SESSION, NULL); c != NULL;
	    c = child_next(PROC_SESSION, c))
		if (c->pid > 0 || c->ch != NULL)
			return;
	stop_done();
}
