/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/peer.h"

/* What applications own or tap: from AF_ATTACH to the end, or to M_CAP_GONE. */

/* What users still owe for bytes over the rate of a capability that they had. */
#define DEBTS_MAX	APPCAPS_MAX
static struct debt {
	char		 name[CAP_NAME_MAX + 1];
	uint32_t	 uid;
	uint64_t	 paid;		/* us: when it will be */
} debts[DEBTS_MAX];

static int
debt_is(const struct debt *d, uint32_t uid, const char *name)
{
	return d->uid == uid && strcmp(d->name, name) == 0;
}

/* With too many of them the one that is soonest paid is forgotten. */
static void
debt_keep(const struct app *a, struct appcap *ac)
{
	struct debt	*d, *at = debts;
	uint64_t	 now = mono_us(), ms;

	if (ac->rate.rate == 0 || (ms = bucket_owe(&ac->rate, 0, now)) == 0)
		return;
	for (d = debts; d < debts + DEBTS_MAX; d++) {
		if (debt_is(d, a->uid, ac->name)) {
			at = d;
			break;
		}
		if (d->paid < at->paid)
			at = d;
	}
	memcpy(at->name, ac->name, sizeof(at->name));
	at->uid = a->uid;
	at->paid = now + ms * 1000;
}

/* In us. */
static uint64_t
debt_left(const struct app *a, const char *name, uint64_t now)
{
	const struct debt	*d;

	for (d = debts; d < debts + DEBTS_MAX; d++)
		if (d->paid > now && debt_is(d, a->uid, name))
			return d->paid - now;
	return 0;
}

struct appcap *
app_cap(struct app *a, uint32_t capid)
{
	struct appcap	*ac;

	TAILQ_FOREACH(ac, &a->caps, entry)
		if (ac->capid == capid)
			return ac;
	return NULL;
}

static struct appcap *
orphan_find(uint32_t capid)
{
	struct appcap	*ac;

	TAILQ_FOREACH(ac, &ses.orphans, entry)
		if (ac->capid == capid)
			return ac;
	return NULL;
}

struct appcap *
appcap_find(uint32_t capid)
{
	struct app	*a;
	struct appcap	*ac;

	TAILQ_FOREACH(a, &ses.apps, entry)
		if ((ac = app_cap(a, capid)) != NULL)
			return ac;
	return orphan_find(capid);
}

static void
appcap_free(struct appcap *ac)
{
	if (ac->app != NULL) {
		TAILQ_REMOVE(&ac->app->caps, ac, entry);
		ac->app->ncaps--;
	} else
		TAILQ_REMOVE(&ses.orphans, ac, entry);
	firsts_free(ac->firsts);
	free(ac);
}

static void
attach_free(struct app *a, struct attach *at)
{
	TAILQ_REMOVE(&a->attaches, at, entry);
	a->nattaches--;
	firsts_free(at->opts.firsts);
	free(at);
}

static void
lost_free(struct attach *at)
{
	TAILQ_REMOVE(&ses.unheard, at, entry);
	firsts_free(at->opts.firsts);
	free(at);
}

/* Nothing of it follows, and its ranges have no owner. */
static void
appcap_end(struct appcap *ac)
{
	uint64_t	 msgs = 0, bytes = 0;

	if (ac->app != NULL) {
		debt_keep(ac->app, ac);
		appq_purge(&ac->app->q, ac, &msgs, &bytes);
	}
	if (ac->tap)
		tap_stop(ac);
	else
		ranges_disown(ac);
	appcap_free(ac);
}

static void
orphan(struct app *a, struct appcap *ac)
{
	debt_keep(a, ac);
	appq_purge(&a->q, ac, &ac->missed_msgs, &ac->missed_bytes);
	TAILQ_REMOVE(&a->caps, ac, entry);
	a->ncaps--;
	ac->app = NULL;
	TAILQ_INSERT_TAIL(&ses.orphans, ac, entry);
	if (firsts_hold(ac->firsts, &ses.orphaned) == -1) {
		firsts_free(ac->firsts);
		ac->firsts = NULL;
	}
	ranges_orphan(ac);
}

/*
 * What the parent may be granting at this moment is advertised then, and waits
 * for its owner as all the rest.
 */
static void
attach_lose(struct app *a, struct attach *at)
{
	if (at->capid != 0 || at->mode == APM_TAP)
		return;
	TAILQ_REMOVE(&a->attaches, at, entry);
	a->nattaches--;
	TAILQ_INSERT_TAIL(&ses.unheard, at, entry);
	if (firsts_hold(at->opts.firsts, &ses.orphaned) == -1) {
		firsts_free(at->opts.firsts);
		at->opts.firsts = NULL;
	}
}

void
app_orphan(struct app *a)
{
	struct appcap	*ac, *next;
	struct attach	*at, *later;

	TAILQ_FOREACH_SAFE(at, &a->attaches, entry, later)
		attach_lose(a, at);
	TAILQ_FOREACH_SAFE(ac, &a->caps, entry, next)
		if (ac->tap)
			appcap_end(ac);
		else
			orphan(a, ac);
}

void
app_free_caps(struct app *a)
{
	struct appcap	*ac;
	struct attach	*at;

	while ((ac = TAILQ_FIRST(&a->caps)) != NULL) {
		if (ac->tap)
			TAILQ_REMOVE(&ses.taps, ac, tapping);
		appcap_free(ac);
	}
	while ((at = TAILQ_FIRST(&a->attaches)) != NULL)
		attach_free(a, at);
}

void
orphans_free(void)
{
	struct appcap	*ac;
	struct attach	*at;

	while ((ac = TAILQ_FIRST(&ses.orphans)) != NULL)
		appcap_free(ac);
	while ((at = TAILQ_FIRST(&ses.unheard)) != NULL)
		lost_free(at);
}

static struct attach *
attach_new(struct app *a, uint32_t request)
{
	struct attach	*at;

	if (a->nattaches >= ATTACHES_MAX || ses.env.full() ||
	    (at = calloc(1, sizeof(*at))) == NULL)
		return NULL;
	at->app = a->node.key;
	at->request = request;
	TAILQ_INSERT_TAIL(&a->attaches, at, entry);
	a->nattaches++;
	return at;
}

static int
parse(struct app *a, struct attach *at, struct m_app_meta *meta,
    const uint8_t *opts, size_t len, const char **why)
{
	int	 error;

	error = app_opts_parse(&at->opts, meta, opts, len, why);
	if (error == APE_OK && at->mode == APM_TAP &&
	    (at->opts.firsts != NULL || at->opts.handshake_ms > 0)) {
		*why = "a tap has no first message and no handshake";
		error = APE_INVALID;
	}
	if (error == APE_OK && !firsts_fit(at->opts.firsts, at->vers,
	    at->nvers)) {
		*why = "a first message has no such version or code";
		error = APE_INVALID;
	}
	if (error == APE_OK && firsts_hold(at->opts.firsts, &a->holder) == -1) {
		*why = "no memory";
		error = APE_QUEUE;
	}
	return error;
}

int
app_attach(struct app *a, uint32_t request, const struct app_attach *req,
    const char **why)
{
	static struct m_app_attach	 m;
	struct attach			*at;
	uint32_t			 i;
	int				 error;

	*why = "too many attaches";
	if (a->ncaps + a->nattaches >= APPCAPS_MAX ||
	    (at = attach_new(a, request)) == NULL)
		return APE_QUEUE;
	strlcpy(at->name, req->name, sizeof(at->name));
	at->mode = req->mode;
	at->policy = req->mode == APM_TAP ? APP_DROP : req->policy;
	at->nvers = req->nvers;
	for (i = 0; i < req->nvers; i++) {
		at->vers[i].version = req->vers[i].version;
		at->vers[i].codes = req->vers[i].codes;
	}
	error = parse(a, at, &m.meta, req->opts, req->optslen, why);
	if (error != APE_OK) {
		attach_free(a, at);
		return error;
	}
	m.app = a->node.key;
	m.request = request;
	m.mode = at->mode;
	m.policy = at->policy;
	m.nvers = at->nvers;
	memcpy(m.name, at->name, sizeof(m.name));
	memcpy(m.vers, at->vers, sizeof(m.vers));
	session_tell(&m_app_attach_desc, &m);
	return APE_OK;
}

/* What options say of the session's part; limits can only be lowered. */
static void
set_options(struct appcap *ac, struct app_opts *o)
{
	uint64_t	 most = ses.init.queue_app;

	if (ac->tap)
		most /= 2;
	if (o->has & OPT_HAS(AO_QUEUE_PEER))
		ac->max_peer = o->queue_peer;
	if (o->has & OPT_HAS(AO_QUEUE_APP))
		ac->max_all = o->queue_app;
	if (ac->max_peer == 0 || ac->max_peer > ses.init.queue_peer)
		ac->max_peer = ses.init.queue_peer;
	if (ac->max_all == 0 || ac->max_all > most)
		ac->max_all = most;
	if (o->has & OPT_HAS(AO_HANDSHAKE))
		ac->handshake_ms = o->handshake_ms;
	if (o->has & OPT_HAS(AO_FIRST)) {
		firsts_free(ac->firsts);
		ac->firsts = o->firsts;
		o->firsts = NULL;
	}
}

int
app_update(struct app *a, uint32_t request, uint32_t capid,
    const uint8_t *opts, size_t len, const char **why)
{
	static struct m_app_update	 m;
	struct appcap			*ac;
	struct attach			*at;
	uint8_t				 body[4];
	int				 error;

	*why = "not attached";
	if ((ac = app_cap(a, capid)) == NULL)
		return APE_NOTFOUND;
	*why = "too many updates";
	if ((at = attach_new(a, request)) == NULL)
		return APE_QUEUE;
	at->capid = capid;
	at->mode = ac->tap ? APM_TAP : APM_OWNER;
	at->nvers = ac->nvers;
	memcpy(at->vers, ac->vers, sizeof(at->vers));
	if ((error = parse(a, at, &m.meta, opts, len, why)) != APE_OK) {
		attach_free(a, at);
		return error;
	}
	m.app = a->node.key;
	m.request = request;
	m.capid = capid;
	if ((m.has = app_opts_meta(&at->opts)) != 0) {
		session_tell(&m_app_update_desc, &m);
		return APE_OK;
	}
	set_options(ac, &at->opts);
	mux_limits(a);
	attach_free(a, at);
	app_put32(body, capid);
	app_reply(a, AF_UPDATED, request, 0, body, sizeof(body));
	return APE_OK;
}

static struct attach *
attach_find(struct app *a, uint32_t request, uint32_t capid)
{
	struct attach	*at;

	TAILQ_FOREACH(at, &a->attaches, entry)
		if (at->request == request && at->capid == capid)
			return at;
	return NULL;
}

void
app_updated(const struct m_app_updated *m)
{
	struct app	*a;
	struct appcap	*ac;
	struct attach	*at;
	uint8_t		 body[4];

	if ((a = (struct app *)htab_find(&ses.apptab, m->app)) == NULL)
		return;
	if ((at = attach_find(a, m->request, m->capid)) == NULL)
		fatalx("parent answered update %u of application %u, which it "
		    "did not ask", m->request, m->app);
	ac = app_cap(a, m->capid);
	if (m->error != APE_OK)
		app_error(a, m->request, 0, m->error, m->room, m->text);
	else if (ac == NULL)
		app_error(a, m->request, 0, APE_NOTFOUND, 0, "not attached");
	else {
		set_options(ac, &at->opts);
		mux_limits(a);
		app_put32(body, m->capid);
		app_reply(a, AF_UPDATED, m->request, 0, body, sizeof(body));
	}
	attach_free(a, at);
}

/* Nothing is saved, and all is owed: attaching again is no way round it. */
static void
set_rate(struct appcap *ac, uint64_t rate)
{
	uint64_t	 now = mono_us();

	memset(&ac->rate, 0, sizeof(ac->rate));
	if (rate == 0)
		return;
	bucket_init(&ac->rate, (double)rate, (double)rate, now);
	ac->rate.level = -(double)debt_left(ac->app, ac->name, now) *
	    (double)rate / 1e6;
}

static void
appcap_set(struct appcap *ac, struct attach *at, const struct m_app_attached *m)
{
	ac->capid = m->capid;
	ac->tap = at->mode == APM_TAP;
	ac->policy = at->policy;
	ac->nvers = at->nvers;
	memcpy(ac->name, at->name, sizeof(ac->name));
	memcpy(ac->vers, at->vers, sizeof(ac->vers));
	at->opts.has = UINT32_MAX;
	set_options(ac, &at->opts);
}

/*
 * The capability that an answer grants: a new one, or the one that waited for
 * its owner, with what it missed and nothing of what it was set to.
 */
static struct appcap *
appcap_make(struct app *a, struct attach *at, const struct m_app_attached *m)
{
	struct appcap	*ac;

	if ((ac = orphan_find(m->capid)) != NULL)
		TAILQ_REMOVE(&ses.orphans, ac, entry);
	else if ((ac = calloc(1, sizeof(*ac))) == NULL)
		return NULL;
	ac->app = a;
	TAILQ_INSERT_TAIL(&a->caps, ac, entry);
	a->ncaps++;
	appcap_set(ac, at, m);
	set_rate(ac, m->rate);
	return ac;
}

/* Granted to one who has gone: without memory its peers go at once. */
static void
orphan_make(struct attach *at, const struct m_app_attached *m)
{
	struct appcap	*ac;

	if ((ac = orphan_find(m->capid)) == NULL) {
		if ((ac = calloc(1, sizeof(*ac))) == NULL)
			return;
		TAILQ_INSERT_TAIL(&ses.orphans, ac, entry);
	}
	appcap_set(ac, at, m);
}

static void
snapshot(struct app *a, struct appcap *ac)
{
	uint8_t	 body[AQ_GAP_LEN - APP_HEADER];

	if (ac->tap)
		tap_start(ac);
	else
		ranges_snapshot(ac);
	app_counts_encode(body, sizeof(body), ac->capid, ac->missed_msgs,
	    ac->missed_bytes);
	ac->missed_msgs = ac->missed_bytes = 0;
	app_event(a, AF_SNAPSHOT_END, 0, 0, body, sizeof(body));
}

static void
lost_attached(const struct m_app_attached *m)
{
	struct attach	*at;

	TAILQ_FOREACH(at, &ses.unheard, entry)
		if (at->app == m->app && at->request == m->request)
			break;
	if (at == NULL)
		return;
	if (m->capid != 0)
		orphan_make(at, m);
	lost_free(at);
}

void
app_attached(const struct m_app_attached *m)
{
	struct app	*a;
	struct attach	*at;
	struct appcap	*ac;
	uint8_t		 body[4];

	/* it may have gone in the meantime: the parent will hear of it */
	if ((a = (struct app *)htab_find(&ses.apptab, m->app)) == NULL) {
		lost_attached(m);
		return;
	}
	if ((at = attach_find(a, m->request, 0)) == NULL)
		fatalx("parent answered attach %u of application %u, which it "
		    "did not ask", m->request, m->app);
	if (m->capid == 0) {
		attach_free(a, at);
		app_error(a, m->request, 0, m->error, m->room, m->text);
		return;
	}
	ac = appcap_make(a, at, m);
	attach_free(a, at);
	if (ac == NULL) {
		app_doom(a, "no memory to attach");
		return;
	}
	app_put32(body, m->capid);
	app_reply(a, AF_ATTACHED, m->request, 0, body, sizeof(body));
	snapshot(a, ac);
	app_charge(a, ac, 0);
}

int
app_detach(struct app *a, uint32_t capid)
{
	struct m_app_detach	 m = { a->node.key, capid };
	struct appcap		*ac;

	if ((ac = app_cap(a, capid)) == NULL)
		return -1;
	session_tell(&m_app_detach_desc, &m);
	appcap_end(ac);
	return 0;
}

/*
 * The grace is over. The parent may also take what still has its application,
 * which learns of it by an answer that it did not ask for.
 */
void
appcap_gone(uint32_t capid)
{
	struct appcap	*ac;
	struct app	*a;
	uint8_t		 body[4];

	if ((ac = appcap_find(capid)) == NULL)
		return;
	a = ac->app;
	appcap_end(ac);
	if (a != NULL) {
		app_put32(body, capid);
		app_reply(a, AF_DETACHED, 0, 0, body, sizeof(body));
	}
}
