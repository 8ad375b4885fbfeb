/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "p2pd/parent/parent.h"

/* Applications: their connections to sessions, and what they attach. */

/*
 * Who is at the other end is asked of the socket: control has looked already,
 * but it is not control's word that decides who may attach.
 */
static int
app_who(struct m_app *m, int fd)
{
#ifdef __linux__
	struct ucred cr;
	socklen_t len = sizeof(cr);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cr, &len) == -1)
		return -1;
	m->uid = cr.uid;
	m->gid = cr.gid;
	m->pid = cr.pid;
#else
	uid_t uid;
	gid_t gid;

	if (getpeereid(fd, &uid, &gid) == -1)
		return -1;
	m->uid = uid;
	m->gid = gid;
#endif
	return 0;
}

/* Supplementary groups, where the system tells them of a socket's peer. */
static void
app_groups(struct app *a, int fd)
{
#ifdef SO_PEERGROUPS
	gid_t groups[APP_GROUPS_MAX];
	socklen_t len = sizeof(groups);
	size_t i, n;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == -1)
		return;
	n = len / sizeof(groups[0]);
	for (i = 0; i < n && a->ngroups < APP_GROUPS_MAX; i++)
		a->groups[a->ngroups++] = groups[i];
#endif
}

static struct app *
app_of(const struct m_app *m, int fd)
{
	static const uint8_t none[APP_TOKEN];
	struct app *a = NULL;

	if (memcmp(m->token, none, sizeof(none)) != 0)
		a = apps_bytoken(&parent.apps, m->token, m->uid);
	if (a == NULL) {
		a = apps_new(&parent.apps, m);
		if (a != NULL)
			app_groups(a, fd);
	}
	return a;
}

void
attach_new(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app *m = msg->body;
	struct child *s = child_session(m->session);
	struct appconn *ac;
	struct app *a;
	struct m_app open;

	if (s == NULL || !child_ready(s) || channel_full(s->ch) ||
	    parent.stopping) {
		log_debug("application \"%s\": session %u is not there", m->name,
		    m->session);
		return;
	}
	open = *m;
	if (app_who(&open, msg->fd) == -1) {
		child_kill(arg, "passes on what is no local connection");
		return;
	}
	a = app_of(&open, msg->fd);
	ac = a == NULL ? NULL : apps_connect(&parent.apps, a, m->session);
	if (ac == NULL) {
		log_warnx("application \"%s\", pid %u: too many applications",
		    m->name, open.pid);
		return;
	}
	open.app = ac->no;
	open.nsessions = parent.conf->sessions;
	memcpy(open.token, a->token, sizeof(open.token));
	child_msg(s, &m_app_open_desc, &open, msg->fd);
	msg->fd = -1;
	log_debug("application \"%s\", uid %u, pid %u, in session %u", m->name,
	    open.uid, open.pid, m->session);
}

static void
attach_event(const char *name, const struct app *a, const char *cap)
{
	struct rec r;

	if (!event_wanted())
		return;
	event_begin(&r, name);
	rec_str(&r, "name", a->name);
	rec_u64(&r, "uid", a->uid);
	rec_u64(&r, "pid", a->pid);
	rec_str(&r, "capability", cap);
	event_send(&r);
}

static int
attach_allowed(const struct app *a, const struct m_app_attach *m,
    char *text, size_t textlen)
{
	char cap[CAP_NAME_MAX + 12];
	uint32_t i;

	for (i = 0; i < m->nvers; i++) {
		snprintf(cap, sizeof(cap), "%s/%u", m->name, m->vers[i].version);
		if (!conf_app_allowed(parent.conf, cap, a->uid, a->groups,
		    a->ngroups)) {
			snprintf(text, textlen,
			    "the configuration does not let uid %u attach %s",
			    a->uid, cap);
			return 0;
		}
	}
	return 1;
}

static struct appconn *
conn_of(struct child *c, uint32_t no)
{
	struct appconn *ac = apps_conn(&parent.apps, no);

	if (ac == NULL || ac->session != c->instance) {
		child_kill(c, "speaks for an application that it does not have");
		return NULL;
	}
	return ac;
}

/*
 * Dials that found nothing attached were in vain: now is the time to try the
 * static nodes again, not at the end of their back-off.
 */
static void
attach_first(void)
{
	struct node *n;

	NODES_FOREACH(n, &parent.nodes)
		if ((n->is & NODE_STATIC) &&
		    peers_byid(&parent.peers, n->en.id) == NULL)
			childconf_static(n, 1);
}

void
attach_request(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app_attach *m = msg->body;
	struct child *c = arg;
	struct m_app_attached ans;
	struct appconn *ac;
	uint32_t before = parent.apps.hello->n;

	ac = conn_of(c, m->app);
	if (ac == NULL)
		return;
	memset(&ans, 0, sizeof(ans));
	ans.app = m->app;
	ans.request = m->request;
	if (parent.stopping) {
		ans.error = APE_STOPPING;
		strlcpy(ans.text, "the daemon is stopping", sizeof(ans.text));
	} else if (!attach_allowed(ac->app, m, ans.text, sizeof(ans.text)))
		ans.error = APE_DENIED;
	else
		ans.error = apps_attach(&parent.apps, ac, m, &ans.capid,
		    &ans.room, ans.text, sizeof(ans.text));
	child_msg(c, &m_app_attached_desc, &ans, -1);
	if (ans.error == APE_OK) {
		log_info("application \"%s\", uid %u, pid %u, attached %s in "
		    "session %u", ac->app->name, ac->app->uid, ac->app->pid,
		    m->name, c->instance);
		balance_soon();
		attach_event("app-attached", ac->app, m->name);
		if (before == 0 && parent.apps.hello->n > 0)
			attach_first();
	} else
		log_info("application \"%s\", uid %u, pid %u, may not attach "
		    "%s: %s", ac->app->name, ac->app->uid, ac->app->pid, m->name,
		    ans.text);
}

void
attach_detach(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app_detach *m = msg->body;
	struct child *c = arg;
	struct capability *cap;
	struct appconn *ac;

	ac = conn_of(c, m->app);
	if (ac == NULL)
		return;
	cap = apps_cap(&parent.apps, m->capid);
	if (cap != NULL)
		attach_event("app-detached", ac->app, cap->name);
	if (apps_detach(&parent.apps, ac, m->capid) == -1)
		child_kill(c, "detaches what is not attached");
	balance_soon();
}

void
attach_closed(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app_closed *m = msg->body;
	struct child *c = arg;
	struct capability *cap;
	struct appconn *ac;

	ac = conn_of(c, m->app);
	if (ac == NULL)
		return;
	TAILQ_FOREACH(cap, &parent.apps.caps, entry)
		if (cap->conns[ac->session] == ac->no)
			attach_event("app-detached", ac->app, cap->name);
	log_debug("application \"%s\", pid %u, left session %u", ac->app->name,
	    ac->app->pid, c->instance);
	apps_disconnect(&parent.apps, ac);
	balance_soon();
}

/* Hints are taken from who owns something, as many as it may give. */
static int
hint_sound(struct appconn *ac, const struct m_app_hint *m)
{
	struct capability *cap;

	if (m->addr.af == 0 || m->addr.port == 0)
		return 0;
	TAILQ_FOREACH(cap, &parent.apps.caps, entry)
		if (cap->owner == ac->app)
			return bucket_take(&ac->app->hints, 1, mono_us());
	return 0;
}

void
attach_hint(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app_hint *m = msg->body;
	struct child *d = child_first(PROC_DIALER);
	struct m_candidate cand;
	struct appconn *ac;

	ac = conn_of(arg, m->app);
	if (ac == NULL || !parent.conf->dial || !hint_sound(ac, m) ||
	    !child_ready(d) || channel_full(d->ch))
		return;
	memset(&cand, 0, sizeof(cand));
	memcpy(cand.id, m->id, sizeof(cand.id));
	cand.addr = m->addr;
	cand.udp = m->udp;
	cand.source = CAND_HINT;
	child_msg(d, &m_candidate_desc, &cand, -1);
}

/* A session came up or went down. */
void
attach_session_changed(struct child *changed)
{
	struct child *c;
	uint32_t bits = 0;

	for (c = child_next(PROC_SESSION, NULL); c != NULL;
	    c = child_next(PROC_SESSION, c))
		if (c->state == CH_READY)
			bits |= 1U << c->instance;
	apps_set_running(&parent.apps, bits);
	balance_soon();
}
