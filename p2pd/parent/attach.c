/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "p2pd/parent/parent.h"
#include "p2pd/parent/uidrate.h"

/* Applications: their connections to sessions, and what they attach. */

#define LOG_RATE	50	/* lines a second that applications can cause */
#define LOG_BURST	200
/*
 * Each attach and update costs all: a Hello, a record, a look at every peer.
 * The burst is an application with all that one may have in every session.
 */
#define ATTACH_RATE	100	/* a second, of one user */
#define ATTACH_BURST	1024

/* One that attaches again and again must not fill the disk. */
static void __attribute__((format(printf, 1, 2)))
attach_log(const char *fmt, ...)
{
	static struct bucket bucket;
	static uint64_t dropped;
	char line[1024];
	va_list ap;

	if (bucket.rate == 0)
		bucket_init(&bucket, LOG_RATE, LOG_BURST, mono_us());
	if (!bucket_take(&bucket, 1, mono_us())) {
		dropped++;
		return;
	}
	if (dropped > 0)
		log_warnx("%llu log lines of applications dropped",
		    (unsigned long long)dropped);
	dropped = 0;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_info("%s", line);
}

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

/*
 * Who comes back may be another process than before: the rules are for what it
 * is now.
 */
static void
app_credit(struct app *a, const struct m_app *m, int fd)
{
	a->gid = m->gid;
	a->pid = m->pid;
	memcpy(a->name, m->name, sizeof(a->name));
	a->groups[0] = m->gid;
	a->ngroups = 1;
	app_groups(a, fd);
}

/*
 * As a session would say it; the fresh connection has room for it, or is not
 * one: control's word is not what we wait by.
 */
static void
refuse(const struct m_app *m, int fd, enum app_error error, const char *text)
{
	uint8_t buf[APP_HEADER + APP_ERRTEXT_MAX + 8];
	struct app_head head;

	attach_log("application \"%s\", uid %u, pid %u, refused: %s", m->name,
	    m->uid, m->pid, text);
	memset(&head, 0, sizeof(head));
	head.len = (uint32_t)app_error_encode(buf + APP_HEADER,
	    sizeof(buf) - APP_HEADER, error, 0, text);
	head.type = AF_ERROR;
	head.request = m->request;
	app_head_encode(buf, &head);
	if (send(fd, buf, APP_HEADER + head.len, MSG_DONTWAIT |
	    MSG_NOSIGNAL) == -1)
		log_debug("application \"%s\": could not be told", m->name);
}

/* The application of a connection, known by its token or new. */
static struct app *
app_of(struct m_app *m, int fd)
{
	static const uint8_t none[APP_TOKEN];
	struct app *a = NULL;

	if (memcmp(m->token, none, sizeof(none)) != 0)
		a = apps_bytoken(&parent.apps, m->token, m->uid);
	m->resumed = a != NULL;
	if (a == NULL)
		a = apps_new(&parent.apps, m);
	if (a != NULL)
		app_credit(a, m, fd);
	return a;
}

static void
app_enter(struct child *s, struct m_app *m, int *fd)
{
	struct appconn *ac;
	struct app *a;

	a = app_of(m, *fd);
	if (a != NULL && !conf_app_any(parent.conf, a->uid, a->groups,
	    a->ngroups)) {
		if (!m->resumed)
			apps_drop(&parent.apps, a);
		refuse(m, *fd, APE_DENIED, "the configuration does not let you "
		    "attach anything");
		return;
	}
	ac = a == NULL ? NULL : apps_connect(&parent.apps, a, m->session);
	if (ac == NULL) {
		refuse(m, *fd, APE_QUEUE, "too many applications");
		return;
	}
	m->app = ac->no;
	m->nsessions = parent.conf->sessions;
	m->grace_ms = parent.conf->app_grace * 1000;
	memcpy(m->token, a->token, sizeof(m->token));
	child_msg(s, &m_app_open_desc, m, *fd);
	*fd = -1;
	log_debug("application \"%s\", uid %u, pid %u, in session %u%s", m->name,
	    m->uid, m->pid, m->session, m->resumed ? ", by its token" : "");
}

/* It goes into the log, and into the state file with a ban. */
static int
is_printable(const char *s)
{
	while (*s >= ' ' && *s <= '~')
		s++;
	return *s == '\0';
}

void
attach_new(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app *m = msg->body;
	struct child *s = child_session(m->session);
	struct m_app open = *m;

	if (!is_printable(m->name)) {
		child_kill(arg, "passes on a name that is not escaped");
		return;
	}
	if (app_who(&open, msg->fd) == -1) {
		child_kill(arg, "passes on what is no local connection");
		return;
	}
	if (parent.stopping)
		refuse(&open, msg->fd, APE_STOPPING, "the daemon is stopping");
	else if (s == NULL)
		refuse(&open, msg->fd, APE_NOTFOUND, "there is no such session");
	else if (!child_ready(s) || channel_full(s->ch))
		/* The end without a word: it is to try again. */
		log_debug("application \"%s\": session %u is not there",
		    m->name, m->session);
	else
		app_enter(s, &open, &msg->fd);
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

/* A detach has its attach, so the rate of these is that of both. */
static int
attach_too_often(const struct app *a, char *text, size_t textlen)
{
	static struct uidrate rates;

	if (rates.rate == 0)
		uidrate_init(&rates, ATTACH_RATE, ATTACH_BURST);
	if (uidrate_take(&rates, a->uid, mono_us()))
		return 0;
	snprintf(text, textlen, "uid %u attaches and updates too often: %d a "
	    "second are taken", a->uid, ATTACH_RATE);
	return 1;
}

/* By the rules; rate is the least that they set. */
static int
attach_allowed(const struct app *a, const struct m_app_attach *m,
    uint64_t *rate, char *text, size_t textlen)
{
	enum conf_as as = m->mode == APM_TAP ? CONF_AS_TAP : CONF_AS_OWNER;
	char cap[CAP_NAME_MAX + 12];
	uint32_t i = 0;
	uint64_t r;

	*rate = 0;
	do {
		if (m->nvers == 0)
			strlcpy(cap, m->name, sizeof(cap));
		else
			snprintf(cap, sizeof(cap), "%s/%u", m->name,
			    m->vers[i].version);
		if (!conf_app_rule(parent.conf, cap, as, a->uid, a->groups,
		    a->ngroups, &r)) {
			snprintf(text, textlen, "the configuration does not let "
			    "uid %u %s %s", a->uid, as == CONF_AS_TAP ? "tap" :
			    "attach", cap);
			return 0;
		}
		if (r != 0 && (*rate == 0 || r < *rate))
			*rate = r;
	} while (++i < m->nvers);
	return 1;
}

/* NULL: the session has no such application, and was ended for it. */
struct appconn *
attach_conn(struct child *c, uint32_t no)
{
	struct appconn *ac = apps_conn(&parent.apps, no);

	if (ac == NULL || ac->session != c->instance) {
		child_kill(c, "speaks for an application that it does not have");
		return NULL;
	}
	return ac;
}

/*
 * Dials that found nothing attached, or not this, were in vain: now is the time
 * to try the static nodes again, not at the end of their back-off. An
 * application that comes and goes has this a few times; then they have their
 * rest.
 */
#define REDIAL_SECS	35
#define REDIAL_BURST	3

static struct event *redial_ev;
static struct bucket redial_bucket;

static void
redial_statics(void)
{
	struct node *n;

	NODES_FOREACH(n, &parent.nodes)
		if ((n->is & NODE_STATIC) &&
		    peers_byid(&parent.peers, n->en.id) == NULL)
			childconf_static(n, 1);
}

static void
redial_turn(int fd, short what, void *arg)
{
	if (parent.apps.hello->n > 0 && !parent.stopping)
		redial_statics();
}

static void
attach_gained(void)
{
	struct timeval tv;
	uint64_t ms;

	if (evtimer_pending(redial_ev, NULL))
		return;
	ms = bucket_owe(&redial_bucket, 1, mono_us());
	if (ms == 0) {
		redial_statics();
		return;
	}
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	evtimer_add(redial_ev, &tv);
}

/*
 * Of an owner that is away and whose process has ended, nobody will come back
 * but the same user's next one: that need not wait for the grace time.
 */
static void
take_over(const struct app *a, const char *name)
{
	struct capability *cap = apps_byname(&parent.apps, name);

	if (cap == NULL || cap->owner == a || cap->sessions != 0 ||
	    cap->owner->uid != a->uid || cap->owner->pid == 0 ||
	    kill((pid_t)cap->owner->pid, 0) == 0 || errno != ESRCH)
		return;
	attach_log("application \"%s\", uid %u, pid %u, is gone: %s is free",
	    cap->owner->name, cap->owner->uid, cap->owner->pid, name);
	apps_forget(&parent.apps, cap);
}

static void
attach_decide(struct appconn *ac, const struct m_app_attach *m,
    struct m_app_attached *ans)
{
	if (parent.stopping) {
		ans->error = APE_STOPPING;
		strlcpy(ans->text, "the daemon is stopping", sizeof(ans->text));
		return;
	}
	if (attach_too_often(ac->app, ans->text, sizeof(ans->text))) {
		ans->error = APE_QUEUE;
		return;
	}
	if (!attach_allowed(ac->app, m, &ans->rate, ans->text,
	    sizeof(ans->text))) {
		ans->error = APE_DENIED;
		return;
	}
	/* each session counts what goes through it, which is its part */
	if (ans->rate != 0)
		ans->rate = (ans->rate + parent.conf->sessions - 1) /
		    parent.conf->sessions;
	if (m->mode == APM_OWNER)
		take_over(ac->app, m->name);
	ans->error = apps_attach(&parent.apps, ac, m, ans);
}

void
attach_request(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app_attach *m = msg->body;
	struct child *c = arg;
	struct m_app_attached ans;
	struct appconn *ac;
	uint32_t before = parent.apps.hello->n;

	ac = attach_conn(c, m->app);
	if (ac == NULL)
		return;
	memset(&ans, 0, sizeof(ans));
	ans.app = m->app;
	ans.request = m->request;
	attach_decide(ac, m, &ans);
	child_msg(c, &m_app_attached_desc, &ans, -1);
	if (ans.error != APE_OK) {
		attach_log("application \"%s\", uid %u, pid %u, may not attach "
		    "%s: %s", ac->app->name, ac->app->uid, ac->app->pid, m->name,
		    ans.text);
		return;
	}
	attach_log("application \"%s\", uid %u, pid %u, %s %s in session %u",
	    ac->app->name, ac->app->uid, ac->app->pid, m->mode == APM_TAP ?
	    "taps" : ans.resumed ? "resumed" : "attached", m->name, c->instance);
	attach_event(m->mode == APM_TAP ? "app-tapped" : ans.resumed ?
	    "app-resumed" : "app-attached", ac->app, m->name);
	balance_soon();
	if (parent.apps.hello->n > before)
		attach_gained();
}

void
attach_update(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app_update *m = msg->body;
	struct m_app_updated ans;
	struct appconn *ac;

	ac = attach_conn(arg, m->app);
	if (ac == NULL)
		return;
	memset(&ans, 0, sizeof(ans));
	ans.app = m->app;
	ans.request = m->request;
	ans.capid = m->capid;
	ans.error = attach_too_often(ac->app, ans.text, sizeof(ans.text)) ?
	    APE_QUEUE : apps_change(&parent.apps, ac, m, &ans);
	child_msg(arg, &m_app_updated_desc, &ans, -1);
	if (ans.error == APE_OK)
		balance_soon();
}

void
attach_detach(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app_detach *m = msg->body;
	struct child *c = arg;
	struct capability *cap;
	struct appconn *ac;

	ac = attach_conn(c, m->app);
	if (ac == NULL)
		return;
	cap = apps_attached(&parent.apps, ac, m->capid);
	if (cap != NULL)
		attach_event("app-detached", ac->app, cap->name);
	if (apps_detach(&parent.apps, ac, m->capid) == -1)
		child_kill(c, "detaches what is not attached");
	balance_soon();
}

/*
 * The grace time: what an application had attached waits for it, since its
 * connection to one session was lost.
 */
static struct event *grace_ev;

static void
grace_arm(int64_t ms)
{
	struct timeval tv;

	if (ms < 0)
		return;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	evtimer_add(grace_ev, &tv);
}

static void
grace_turn(int fd, short what, void *arg)
{
	grace_arm(apps_expire(&parent.apps, mono_ms()));
	balance_soon();
}

static uint64_t
grace_until(void)
{
	if (parent.stopping || parent.conf->app_grace == 0)
		return 0;
	return mono_ms() + parent.conf->app_grace * 1000ULL;
}

static void
grace_over(const struct capability *cap, unsigned int session, int kept)
{
	struct m_cap_gone m = { cap->id };

	attach_event("app-detached", cap->owner, cap->name);
	if (kept)
		child_msg(child_session(session), &m_cap_gone_desc, &m, -1);
}

/* Before applications come in, after apps_init(). */
void
attach_init(void)
{
	parent.apps.lapsed = grace_over;
	if (grace_ev != NULL)
		return;
	grace_ev = evtimer_new(parent.base, grace_turn, NULL);
	redial_ev = evtimer_new(parent.base, redial_turn, NULL);
	if (grace_ev == NULL || redial_ev == NULL)
		fatalx("no memory");
	bucket_init(&redial_bucket, 1.0 / REDIAL_SECS, REDIAL_BURST, mono_us());
}

void
attach_closed(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app_closed *m = msg->body;
	uint64_t until = grace_until();
	struct child *c = arg;
	struct capability *cap;
	struct appconn *ac;

	ac = attach_conn(c, m->app);
	if (ac == NULL)
		return;
	TAILQ_FOREACH(cap, &parent.apps.caps, entry)
		if (until > 0 && cap->conns[ac->session] == ac->no)
			attach_event("app-away", ac->app, cap->name);
	log_debug("application \"%s\", pid %u, left session %u", ac->app->name,
	    ac->app->pid, c->instance);
	apps_disconnect(&parent.apps, ac, until);
	grace_arm(apps_expire(&parent.apps, mono_ms()));
	balance_soon();
}

/* Its applications lose a connection, and have the same time to come back. */
void
attach_session_died(struct child *c)
{
	apps_session_died(&parent.apps, c->instance, grace_until());
	grace_arm(apps_expire(&parent.apps, mono_ms()));
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
