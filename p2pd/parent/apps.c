/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "p2pd/parent/apps.h"
#include "p2pd/parent/meta.h"

int
apps_init(struct apps *as, const char *client, const uint8_t id[SECP_PUB])
{
	memset(as, 0, sizeof(*as));
	TAILQ_INIT(&as->apps);
	TAILQ_INIT(&as->conns);
	TAILQ_INIT(&as->caps);
	TAILQ_INIT(&as->taps);
	as->next_conn = as->next_cap = as->next_gen = 1;
	strlcpy(as->client, client, sizeof(as->client));
	memcpy(as->id, id, sizeof(as->id));
	return apps_update(as);
}

struct app *
apps_bytoken(struct apps *as, const uint8_t token[APP_TOKEN], uint32_t uid)
{
	struct app *a;

	TAILQ_FOREACH(a, &as->apps, entry)
		if (a->uid == uid &&
		    CRYPTO_memcmp(a->token, token, sizeof(a->token)) == 0)
			return a;
	return NULL;
}

struct app *
apps_new(struct apps *as, const struct m_app *m)
{
	struct app *a;
	unsigned int own = 0;

	TAILQ_FOREACH(a, &as->apps, entry)
		own += a->uid == m->uid;
	if (as->napps >= APPS_MAX || own >= APPS_UID_MAX) {
		errno = ENOSPC;
		return NULL;
	}
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	arc4random_buf(a->token, sizeof(a->token));
	a->uid = m->uid;
	a->gid = m->gid;
	a->pid = m->pid;
	a->groups[0] = m->gid;
	a->ngroups = 1;
	memcpy(a->name, m->name, sizeof(a->name));
	bucket_init(&a->hints, APP_HINT_RATE, APP_HINT_BURST, mono_us());
	TAILQ_INSERT_TAIL(&as->apps, a, entry);
	as->napps++;
	return a;
}

static int
app_owns(const struct apps *as, const struct app *a)
{
	const struct capability *c;

	TAILQ_FOREACH(c, &as->caps, entry)
		if (c->owner == a)
			return 1;
	return 0;
}

/* It lasts as long as it is connected, or has something to come back to. */
static void
app_release(struct apps *as, struct app *a)
{
	if (a->nconns > 0 || app_owns(as, a))
		return;
	TAILQ_REMOVE(&as->apps, a, entry);
	as->napps--;
	free(a);
}

void
apps_drop(struct apps *as, struct app *a)
{
	app_release(as, a);
}

struct appconn *
apps_connect(struct apps *as, struct app *a, unsigned int session)
{
	struct appconn *ac;
	unsigned int own = 0;

	TAILQ_FOREACH(ac, &as->conns, entry)
		own += ac->app->uid == a->uid;
	ac = NULL;
	if (as->nconns < APP_CONNS_MAX && own < APP_CONNS_UID_MAX &&
	    session < APP_SESSIONS_MAX)
		ac = calloc(1, sizeof(*ac));
	if (ac == NULL) {
		app_release(as, a);
		return NULL;
	}
	ac->no = as->next_conn++;
	ac->app = a;
	ac->session = session;
	a->nconns++;
	as->nconns++;
	TAILQ_INSERT_TAIL(&as->conns, ac, entry);
	return ac;
}

struct appconn *
apps_conn(struct apps *as, uint32_t no)
{
	struct appconn *ac;

	TAILQ_FOREACH(ac, &as->conns, entry)
		if (ac->no == no)
			return ac;
	return NULL;
}

static void
cap_free(struct apps *as, struct capability *c)
{
	if (c->tap) {
		TAILQ_REMOVE(&as->taps, c, entry);
		as->ntaps--;
	} else
		TAILQ_REMOVE(&as->caps, c, entry);
	as->meta_changed = 1;
	free(c);
}

static void
cap_settle(struct apps *as, struct capability *c)
{
	if ((c->sessions | c->away) == 0)
		cap_free(as, c);
}

/* The grace in a session is over: what that has kept goes. */
static void
cap_lapse(struct apps *as, struct capability *c, unsigned int session)
{
	uint32_t bit = 1U << session;

	if ((c->away & bit) && as->lapsed != NULL)
		as->lapsed(c, session, (c->orphans & bit) != 0);
	c->away &= ~bit;
	c->orphans &= ~bit;
}

static void
cap_unattach(struct apps *as, struct capability *c, unsigned int session)
{
	c->sessions &= ~(1U << session);
	c->conns[session] = 0;
	cap_settle(as, c);
}

/* Its connection to a session was lost; the session keeps its peers for it. */
static void
cap_leave(struct apps *as, struct capability *c, unsigned int session,
    uint64_t until, int kept)
{
	uint32_t bit = 1U << session;

	c->sessions &= ~bit;
	c->conns[session] = 0;
	c->orphans |= kept ? bit : 0;
	c->away |= bit;
	c->until[session] = until;
	if (until == 0) {
		cap_lapse(as, c, session);
		cap_settle(as, c);
	}
}

static void
conn_end(struct apps *as, struct appconn *ac, uint64_t until, int kept)
{
	struct capability *c, *t;
	struct app *a = ac->app;

	TAILQ_FOREACH_SAFE(c, &as->caps, entry, t)
		if (c->conns[ac->session] == ac->no)
			cap_leave(as, c, ac->session, until, kept);
	TAILQ_FOREACH_SAFE(c, &as->taps, entry, t)
		if (c->conns[ac->session] == ac->no)
			cap_unattach(as, c, ac->session);
	TAILQ_REMOVE(&as->conns, ac, entry);
	as->nconns--;
	a->nconns--;
	free(ac);
	app_release(as, a);
}

void
apps_disconnect(struct apps *as, struct appconn *ac, uint64_t until)
{
	conn_end(as, ac, until, 1);
	apps_refresh(as);
}

/* Nobody comes back for a capability that no connection has any more. */
void
apps_forget(struct apps *as, struct capability *c)
{
	struct app *a = c->owner;
	unsigned int i;

	for (i = 0; i < APP_SESSIONS_MAX; i++)
		if (c->away & (1U << i))
			cap_lapse(as, c, i);
	cap_settle(as, c);
	app_release(as, a);
	apps_refresh(as);
}

/* In how many ms the next runs out; -1 none, 0 one has. */
static int64_t
cap_expire(struct apps *as, struct capability *c, uint64_t now)
{
	int64_t next = -1, left;
	unsigned int i;

	for (i = 0; i < APP_SESSIONS_MAX && c->away != 0; i++) {
		if (!(c->away & (1U << i)))
			continue;
		if (c->until[i] <= now) {
			cap_lapse(as, c, i);
			continue;
		}
		left = (int64_t)(c->until[i] - now);
		if (next == -1 || left < next)
			next = left;
	}
	return next;
}

int64_t
apps_expire(struct apps *as, uint64_t now)
{
	struct capability *c, *t;
	int64_t next = -1, left;
	struct app *a;

	TAILQ_FOREACH_SAFE(c, &as->caps, entry, t) {
		if (c->away == 0)
			continue;
		a = c->owner;
		left = cap_expire(as, c, now);
		if (left != -1 && (next == -1 || left < next))
			next = left;
		cap_settle(as, c);
		app_release(as, a);
	}
	apps_refresh(as);
	return next;
}

static struct capability *
cap_byid(struct capability_list *list, uint32_t capid)
{
	struct capability *c;

	TAILQ_FOREACH(c, list, entry)
		if (c->id == capid)
			return c;
	return NULL;
}

struct capability *
apps_cap(struct apps *as, uint32_t capid)
{
	return cap_byid(&as->caps, capid);
}

/* What a connection has attached, owned or tapped. */
struct capability *
apps_attached(struct apps *as, const struct appconn *ac, uint32_t capid)
{
	struct capability *c = cap_byid(&as->caps, capid);

	if (c == NULL)
		c = cap_byid(&as->taps, capid);
	return c != NULL && c->conns[ac->session] == ac->no ? c : NULL;
}

static enum app_error
attach_valid(const struct m_app_attach *m, char *text, size_t textlen)
{
	uint32_t i, j;

	if (m->mode != APM_OWNER && m->mode != APM_TAP) {
		snprintf(text, textlen, "attach mode %u is not supported", m->mode);
		return APE_UNSUPPORTED;
	}
	if (!cap_name_valid(m->name) || strcmp(m->name, "p2p") == 0) {
		snprintf(text, textlen, "not a capability's name");
		return APE_INVALID;
	}
	if ((m->nvers == 0 && m->mode != APM_TAP) ||
	    m->policy > APP_DISCONNECT) {
		snprintf(text, textlen, "no version, or an unknown policy");
		return APE_INVALID;
	}
	for (i = 0; i < m->nvers; i++) {
		if (m->vers[i].codes == 0 || m->vers[i].codes > 65536) {
			snprintf(text, textlen,
			    "version %u: 1 to 65536 message codes, not %u",
			    m->vers[i].version, m->vers[i].codes);
			return APE_INVALID;
		}
		for (j = 0; j < i; j++)
			if (m->vers[j].version == m->vers[i].version) {
				snprintf(text, textlen, "version %u twice",
				    m->vers[i].version);
				return APE_INVALID;
			}
	}
	return APE_OK;
}

struct capability *
apps_byname(struct apps *as, const char *name)
{
	struct capability *c;

	TAILQ_FOREACH(c, &as->caps, entry)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static struct capability *
tap_find(struct apps *as, const struct app *a, const char *name)
{
	struct capability *c;

	TAILQ_FOREACH(c, &as->taps, entry)
		if (c->owner == a && strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static enum app_error
busy(const struct capability *c, char *text, size_t textlen)
{
	const struct app *a = c->owner;

	snprintf(text, textlen, "%s is attached by uid %u, pid %u, \"%s\"%s",
	    c->name, a->uid, a->pid, a->name,
	    c->sessions == 0 ? ", which is away but may come back" : "");
	return APE_BUSY;
}

static int
same_versions(const struct capability *c, const struct m_app_attach *m)
{
	return c->nvers == m->nvers &&
	    memcmp(c->vers, m->vers, m->nvers * sizeof(m->vers[0])) == 0;
}

/*
 * The name has an owner: who may attach it nevertheless is that one, to one
 * more session, or coming back. *old is cleared when that is to go first.
 */
static enum app_error
attach_again(struct apps *as, struct capability **old, struct appconn *ac,
    const struct m_app_attach *m, char *text, size_t textlen)
{
	struct capability *c = *old;

	if (c->owner != ac->app || c->conns[ac->session] != 0)
		return busy(c, text, textlen);
	if (same_versions(c, m))
		return APE_OK;
	if (c->sessions != 0) {
		snprintf(text, textlen,
		    "%s: other versions than in another session", c->name);
		return APE_INVALID;
	}
	apps_forget(as, c);
	*old = NULL;
	return APE_OK;
}

static enum app_error
tap_again(const struct capability *c, const struct appconn *ac,
    const struct m_app_attach *m, char *text, size_t textlen)
{
	if (c->conns[ac->session] != 0) {
		snprintf(text, textlen, "%s is tapped already", c->name);
		return APE_BUSY;
	}
	if (!same_versions(c, m)) {
		snprintf(text, textlen,
		    "%s: other versions than in another session", c->name);
		return APE_INVALID;
	}
	return APE_OK;
}

static struct capability *
cap_make(struct apps *as, struct appconn *ac, const struct m_app_attach *m)
{
	struct capability *c;

	if (m->mode == APM_TAP && as->ntaps >= APP_TAPS_MAX)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->id = as->next_cap++;
	memcpy(c->name, m->name, sizeof(c->name));
	c->owner = ac->app;
	c->tap = m->mode == APM_TAP;
	c->nvers = m->nvers;
	memcpy(c->vers, m->vers, m->nvers * sizeof(m->vers[0]));
	if (c->tap) {
		TAILQ_INSERT_TAIL(&as->taps, c, entry);
		as->ntaps++;
	} else
		TAILQ_INSERT_TAIL(&as->caps, c, entry);
	return c;
}

/* A capability that is new in all sessions. */
static enum app_error
attach_anew(struct apps *as, struct capability **cp, struct appconn *ac,
    const struct m_app_attach *m, struct m_app_attached *ans)
{
	*cp = cap_make(as, ac, m);
	if (*cp == NULL) {
		snprintf(ans->text, sizeof(ans->text), "no memory, or too many "
		    "taps");
		return APE_QUEUE;
	}
	if (m->mode == APM_TAP || apps_hello_room(as, &ans->room) == 0)
		return APE_OK;
	cap_free(as, *cp);
	snprintf(ans->text, sizeof(ans->text), "no room in Hello: %u bytes "
	    "left, %d names with %d versions in all", ans->room, SHARED_MAX,
	    LOCALCAPS_MAX);
	return APE_ROOM;
}

static void
cap_attach(struct apps *as, struct capability *c, struct appconn *ac,
    const struct m_app_meta *meta, struct m_app_attached *ans)
{
	uint32_t bit = 1U << ac->session;

	ans->capid = c->id;
	ans->resumed = (c->orphans & bit) != 0;
	c->away &= ~bit;
	c->orphans &= ~bit;
	c->sessions |= bit;
	c->conns[ac->session] = ac->no;
	c->meta = *meta;
	as->meta_changed = 1;
	apps_refresh(as);
}

enum app_error
apps_attach(struct apps *as, struct appconn *ac, const struct m_app_attach *m,
    struct m_app_attached *ans)
{
	struct capability *c;
	enum app_error e;

	apps_hello_room(as, &ans->room);
	e = attach_valid(m, ans->text, sizeof(ans->text));
	if (e != APE_OK)
		return e;
	c = m->mode == APM_TAP ? tap_find(as, ac->app, m->name) :
	    apps_byname(as, m->name);
	e = meta_check(as, c, ac->app, m->mode, &m->meta, &ans->room, ans->text,
	    sizeof(ans->text));
	if (e != APE_OK)
		return e;
	if (c != NULL && c->tap)
		e = tap_again(c, ac, m, ans->text, sizeof(ans->text));
	else if (c != NULL)
		e = attach_again(as, &c, ac, m, ans->text, sizeof(ans->text));
	if (e == APE_OK && c == NULL)
		e = attach_anew(as, &c, ac, m, ans);
	if (e == APE_OK)
		cap_attach(as, c, ac, &m->meta, ans);
	return e;
}

enum app_error
apps_change(struct apps *as, struct appconn *ac, const struct m_app_update *m,
    struct m_app_updated *ans)
{
	struct capability *c = apps_attached(as, ac, m->capid);
	struct m_app_meta meta;
	enum app_error e;

	if (c == NULL) {
		snprintf(ans->text, sizeof(ans->text), "it is not attached");
		return APE_NOTFOUND;
	}
	meta = c->meta;
	meta_merge(&meta, m->has, &m->meta);
	e = meta_check(as, c, ac->app, c->tap ? APM_TAP : APM_OWNER, &meta,
	    &ans->room, ans->text, sizeof(ans->text));
	if (e != APE_OK)
		return e;
	c->meta = meta;
	as->meta_changed = 1;
	return APE_OK;
}

int
apps_detach(struct apps *as, struct appconn *ac, uint32_t capid)
{
	struct capability *c = apps_attached(as, ac, capid);

	if (c == NULL)
		return -1;
	cap_unattach(as, c, ac->session);
	apps_refresh(as);
	return 0;
}

void
apps_set_running(struct apps *as, uint32_t bits)
{
	as->running = bits;
	apps_refresh(as);
}

/* Who had waited in it for its owner is gone with it. */
static void
orphans_died(struct apps *as, unsigned int session)
{
	struct capability *c;

	TAILQ_FOREACH(c, &as->caps, entry)
		c->orphans &= ~(1U << session);
}

void
apps_session_died(struct apps *as, unsigned int session, uint64_t until)
{
	struct appconn *ac, *t;

	as->running &= ~(1U << session);
	TAILQ_FOREACH_SAFE(ac, &as->conns, entry, t)
		if (ac->session == session)
			conn_end(as, ac, until, 0);
	orphans_died(as, session);
	/* One that only this session lacked is everywhere now. */
	apps_refresh(as);
}
