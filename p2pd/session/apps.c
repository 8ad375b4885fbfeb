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

struct appcap *
appcap_find(uint32_t capid)
{
	struct app	*a;
	struct appcap	*ac;

	TAILQ_FOREACH(a, &ses.apps, entry)
		TAILQ_FOREACH(ac, &a->caps, entry)
			if (ac->capid == capid)
				return ac;
	return NULL;
}

/* Its ranges, of one capability or of all, have no owner from now on. */
static void
disown(struct app *a, const struct appcap *ac)
{
	struct peer	*p, *next;
	struct peercap	*pc;
	uint32_t	 i, n;

	TAILQ_FOREACH_SAFE(p, &ses.peers, entry, next) {
		for (i = n = 0; i < p->ncaps; i++) {
			pc = &p->caps[i];
			if (pc->ac == NULL || pc->ac->app != a ||
			    (ac != NULL && pc->ac != ac))
				continue;
			pc->ac = NULL;
			n++;
		}
		if (n > 0)
			peer_owners(p);
	}
}

static void
appcap_free(struct app *a, struct appcap *ac)
{
	TAILQ_REMOVE(&a->caps, ac, entry);
	a->ncaps--;
	free(ac);
}

static void
attach_free(struct app *a, struct attach *at)
{
	TAILQ_REMOVE(&a->attaches, at, entry);
	a->nattaches--;
	free(at);
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
	if (a->pause & APAUSE_PEER)
		app_resume(a, APAUSE_PEER);
	session_tell(&m_app_closed_desc, &closed);
	/* what was on its way to it no longer counts for its peers */
	appq_clear(&a->q);
	disown(a, NULL);
	TAILQ_INSERT_TAIL(&ses.deadapps, a, entry);
	turn_soon();
}

void
app_free(struct app *a)
{
	struct appcap	*ac;
	struct attach	*at;

	event_del(&a->ev_read);
	event_del(&a->ev_more);
	event_del(&a->ev_tick);
	appq_clear(&a->q);
	rbuf_clear(&a->rb);
	close(a->q.fd);
	while ((ac = TAILQ_FIRST(&a->caps)) != NULL)
		appcap_free(a, ac);
	while ((at = TAILQ_FIRST(&a->attaches)) != NULL)
		attach_free(a, at);
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

int
app_attach(struct app *a, uint32_t request, const struct app_attach *req)
{
	struct attach	*at;
	uint32_t	 i;

	if (a->nattaches >= ATTACHES_MAX ||
	    a->ncaps + a->nattaches >= APPCAPS_MAX ||
	    (at = calloc(1, sizeof(*at))) == NULL)
		return -1;
	at->m.app = a->node.key;
	at->m.request = request;
	strlcpy(at->m.name, req->name, sizeof(at->m.name));
	at->m.mode = req->mode;
	at->m.policy = req->policy;
	at->m.nvers = req->nvers;
	for (i = 0; i < req->nvers; i++) {
		at->m.vers[i].version = req->vers[i].version;
		at->m.vers[i].codes = req->vers[i].codes;
	}
	TAILQ_INSERT_TAIL(&a->attaches, at, entry);
	a->nattaches++;
	session_tell(&m_app_attach_desc, &at->m);
	return 0;
}

/*
 * A range without an owner goes to a new one of equal name, version and
 * length.
 */
static int
inherits(const struct appcap *ac, const struct peercap *pc)
{
	uint32_t	 i;

	if (pc->ac != NULL)
		return 0;
	if (pc->shared.owner == ac->capid)
		return 1;
	if (strcmp(pc->shared.cap.name, ac->name) != 0)
		return 0;
	for (i = 0; i < ac->nvers; i++)
		if (ac->vers[i].version == pc->shared.cap.version &&
		    ac->vers[i].codes == pc->shared.codes)
			return 1;
	return 0;
}

static void
snapshot(struct app *a, struct appcap *ac)
{
	struct peer	*p, *next;
	uint32_t	 i;

	TAILQ_FOREACH_SAFE(p, &ses.peers, entry, next) {
		for (i = 0; i < p->ncaps; i++) {
			if (!inherits(ac, &p->caps[i]))
				continue;
			p->caps[i].ac = ac;
			p->caps[i].shared.owner = ac->capid;
			app_peer_up(ac, p, &p->caps[i], AFL_SNAPSHOT);
			peer_owners(p);
		}
	}
}

static struct attach *
attach_find(struct app *a, uint32_t request)
{
	struct attach	*at;

	TAILQ_FOREACH(at, &a->attaches, entry)
		if (at->m.request == request)
			return at;
	return NULL;
}

static struct appcap *
appcap_new(struct app *a, const struct m_app_attach *m, uint32_t capid)
{
	struct appcap	*ac;

	if ((ac = calloc(1, sizeof(*ac))) == NULL)
		return NULL;
	ac->app = a;
	ac->capid = capid;
	ac->policy = m->policy;
	ac->max_peer = ses.init.queue_peer;
	ac->max_all = ses.init.queue_app;
	ac->nvers = m->nvers;
	memcpy(ac->name, m->name, sizeof(ac->name));
	memcpy(ac->vers, m->vers, sizeof(ac->vers));
	TAILQ_INSERT_TAIL(&a->caps, ac, entry);
	a->ncaps++;
	return ac;
}

void
app_attached(const struct m_app_attached *m)
{
	struct app	*a;
	struct attach	*at;
	struct appcap	*ac;
	uint8_t		 body[32];
	size_t		 n;

	/* it may have gone in the meantime: the parent will hear of it */
	if ((a = (struct app *)htab_find(&ses.apptab, m->app)) == NULL)
		return;
	if ((at = attach_find(a, m->request)) == NULL)
		fatalx("parent answered attach %u of application %u, which it "
		    "did not ask", m->request, m->app);
	if (m->capid == 0) {
		attach_free(a, at);
		app_error(a, m->request, m->error, m->room, m->text);
		return;
	}
	ac = appcap_new(a, &at->m, m->capid);
	attach_free(a, at);
	if (ac != NULL && m->rate != 0) {
		bucket_init(&ac->rate, (double)m->rate, (double)m->rate,
		    mono_us());
		/* nothing saved: attaching again is no way round it */
		ac->rate.level = 0;
	}
	if (ac == NULL) {
		app_doom(a, "no memory to attach");
		return;
	}
	app_put32(body, m->capid);
	app_reply(a, AF_ATTACHED, m->request, 0, body, 4);
	snapshot(a, ac);
	n = app_counts_encode(body, sizeof(body), m->capid, 0, 0);
	app_event(a, AF_SNAPSHOT_END, 0, 0, body, n);
}

int
app_detach(struct app *a, uint32_t capid)
{
	struct m_app_detach	 m = { a->node.key, capid };
	struct appcap		*ac;

	TAILQ_FOREACH(ac, &a->caps, entry)
		if (ac->capid == capid)
			break;
	if (ac == NULL)
		return -1;
	session_tell(&m_app_detach_desc, &m);
	disown(a, ac);
	appcap_free(a, ac);
	return 0;
}
