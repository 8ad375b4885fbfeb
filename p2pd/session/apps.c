/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/wire/frame.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/peer.h"

static struct app *
app_new(const struct m_app *m, int fd)
{
	struct app	*a;
	int		 flags;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	a->node.key = m->app;
	a->uid = m->uid;
	strlcpy(a->name, m->name, sizeof(a->name));
	TAILQ_INIT(&a->caps);
	TAILQ_INIT(&a->attaches);
	TAILQ_INIT(&a->stalled);
	a->rb.holder = &a->holder;
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    ((flags & O_NONBLOCK) == 0 &&
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1) ||
	    appq_init(&a->q, ses.env.base, fd, a, &a->holder) == -1 ||
	    event_assign(&a->ev_read, ses.env.base, fd, EV_READ | EV_PERSIST,
	    app_readable, a) == -1 ||
	    event_assign(&a->ev_more, ses.env.base, -1, 0, app_more, a) == -1 ||
	    evtimer_assign(&a->ev_tick, ses.env.base, app_tick, a) == -1 ||
	    event_assign(&a->ev_gone, ses.env.base, fd, EV_CLOSED, app_gone,
	    a) == -1 ||
	    htab_insert(&ses.apptab, &a->node) == -1) {
		free(a);
		return NULL;
	}
	return a;
}

static void
welcome(struct app *a, const struct m_app *m)
{
	struct app_welcome	 w;
	uint8_t			 buf[512];
	size_t			 n;

	memset(&w, 0, sizeof(w));
	w.major = APP_MAJOR;
	w.minor = APP_MINOR;
	w.sessions = m->nsessions;
	w.session = ses.init.instance;
	memcpy(w.token, m->token, sizeof(w.token));
	memcpy(w.id, ses.init.id, sizeof(w.id));
	w.max_payload = FRAME_MAX;
	w.grace_ms = m->grace_ms;
	w.flags = m->resumed ? APW_RESUMED : 0;
	strlcpy(w.name, ses.init.client, sizeof(w.name));
	n = app_welcome_encode(buf, sizeof(buf), &w);
	app_reply(a, AF_WELCOME, m->request, 0, buf, n);
}

void
app_open(const struct m_app *m, int fd)
{
	struct m_app_closed	 closed = { m->app };
	struct app		*a;

	if (m->app == 0 || htab_find(&ses.apptab, m->app) != NULL)
		fatalx("parent opened application %u twice", m->app);
	if (ses.stopping || (a = app_new(m, fd)) == NULL) {
		close(fd);
		session_tell(&m_app_closed_desc, &closed);
		return;
	}
	TAILQ_INSERT_TAIL(&ses.apps, a, entry);
	welcome(a, m);
	event_add(&a->ev_read, NULL);
}

void
app_doom(struct app *a, const char *why)
{
	if (a->doomed || a->closed)
		return;
	if (why != NULL)
		log_warnx("application %s: %s", a->name, why);
	a->doomed = 1;
	event_del(&a->ev_read);
	event_del(&a->ev_more);
	event_del(&a->ev_tick);
	event_del(&a->ev_gone);
	ses.ndoomed++;
	turn_soon();
}

void
apps_reap(void)
{
	struct app	*a, *next;

	if (ses.ndoomed == 0)
		return;
	ses.ndoomed = 0;
	TAILQ_FOREACH_SAFE(a, &ses.apps, entry, next)
		if (a->doomed)
			app_close(a);
}

void
app_close(struct app *a)
{
	struct m_app_closed	 closed = { a->node.key };

	a->closed = 1;
	TAILQ_REMOVE(&ses.apps, a, entry);
	htab_remove(&ses.apptab, &a->node);
	event_del(&a->ev_read);
	event_del(&a->ev_more);
	event_del(&a->ev_tick);
	event_del(&a->ev_gone);
	if (a->pause & APAUSE_PEER)
		app_resume(a, APAUSE_PEER);
	session_tell(&m_app_closed_desc, &closed);
	app_orphan(a);
	appq_clear(&a->q);
	TAILQ_INSERT_TAIL(&ses.deadapps, a, entry);
	turn_soon();
}

void
app_free(struct app *a)
{
	event_del(&a->ev_read);
	event_del(&a->ev_more);
	event_del(&a->ev_tick);
	event_del(&a->ev_gone);
	appq_clear(&a->q);
	rbuf_clear(&a->rb);
	close(a->q.fd);
	app_free_caps(a);
	free(a);
}

void
apps_bury(void)
{
	struct app	*a;

	while ((a = TAILQ_FIRST(&ses.deadapps)) != NULL) {
		TAILQ_REMOVE(&ses.deadapps, a, entry);
		app_free(a);
	}
}
