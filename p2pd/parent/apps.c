/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "p2pd/parent/apps.h"

static int
localcap_cmp(const void *va, const void *vb)
{
	const struct localcap *a = va, *b = vb;
	int c;

	c = strcmp(a->cap.name, b->cap.name);
	if (c != 0)
		return c;
	return a->cap.version < b->cap.version ? -1 :
	    a->cap.version > b->cap.version;
}

/* Fills a helloset with the capabilities for which want() holds. */
static int
helloset_fill(struct apps *as, struct helloset *hs,
    int (*want)(const struct capability *))
{
	struct hello h;
	struct capability *c;
	size_t len;
	uint32_t i;

	hs->n = 0;
	TAILQ_FOREACH(c, &as->caps, entry) {
		if (!want(c))
			continue;
		for (i = 0; i < c->nvers; i++) {
			if (hs->n == LOCALCAPS_MAX)
				return -1;
			memcpy(hs->caps[hs->n].cap.name, c->name, sizeof(c->name));
			hs->caps[hs->n].cap.version = c->vers[i].version;
			hs->caps[hs->n].codes = c->vers[i].codes;
			hs->caps[hs->n].owner = c->id;
			hs->n++;
		}
	}
	qsort(hs->caps, hs->n, sizeof(hs->caps[0]), localcap_cmp);

	memset(&h, 0, sizeof(h));
	h.version = BASE_VERSION;
	memcpy(h.client, as->client, sizeof(h.client));
	memcpy(h.id, as->id, sizeof(h.id));
	for (i = 0; i < hs->n && i < CAPS_MAX; i++)
		h.caps[h.ncaps++] = hs->caps[i].cap;
	if (hello_encode(hs->payload, sizeof(hs->payload), &len, &h) == -1)
		return -1;
	hs->len = len;
	return 0;
}

static int
want_advertised(const struct capability *c)
{
	return c->advertised;
}

static int
want_all(const struct capability *c)
{
	return 1;
}

struct helloset *
helloset_ref(struct helloset *hs)
{
	hs->refs++;
	return hs;
}

void
helloset_unref(struct helloset *hs)
{
	if (hs != NULL && --hs->refs == 0)
		free(hs);
}

/* Recomputes what is advertised; a new generation when it changed. */
static int
apps_update(struct apps *as)
{
	struct capability *c;
	struct helloset *hs;
	int adv, changed = as->hello == NULL;

	TAILQ_FOREACH(c, &as->caps, entry) {
		adv = as->running != 0 &&
		    (c->sessions & as->running) == as->running;
		/* Once advertised it stays while a session has it: a session
		   that was started again is given to its owner meanwhile. */
		if (c->advertised && (c->sessions & as->running) != 0)
			adv = 1;
		if (adv != c->advertised) {
			c->advertised = adv;
			changed = 1;
		}
	}
	if (!changed)
		return 0;
	hs = calloc(1, sizeof(*hs));
	if (hs == NULL)
		return -1;
	if (helloset_fill(as, hs, want_advertised) == -1) {
		free(hs);
		return -1;
	}
	hs->generation = as->next_gen++;
	hs->refs = 1;
	helloset_unref(as->hello);
	as->hello = hs;
	return 0;
}

int
apps_init(struct apps *as, const char *client, const uint8_t id[SECP_PUB])
{
	memset(as, 0, sizeof(*as));
	TAILQ_INIT(&as->apps);
	TAILQ_INIT(&as->conns);
	TAILQ_INIT(&as->caps);
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

	if (as->napps >= APPS_MAX) {
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

static void
app_release(struct apps *as, struct app *a)
{
	if (a->nconns > 0)
		return;
	TAILQ_REMOVE(&as->apps, a, entry);
	as->napps--;
	free(a);
}

struct appconn *
apps_connect(struct apps *as, struct app *a, unsigned int session)
{
	struct appconn *ac = NULL;

	if (as->nconns < APP_CONNS_MAX && session < 32)
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
cap_unattach(struct apps *as, struct capability *c, unsigned int session)
{
	c->sessions &= ~(1U << session);
	c->conns[session] = 0;
	if (c->sessions == 0) {
		TAILQ_REMOVE(&as->caps, c, entry);
		free(c);
	}
}

/* After capabilities were freed the present set may list them still. */
static void
apps_refresh(struct apps *as)
{
	struct capability *c;
	uint32_t i, live = 0;

	for (i = 0; i < as->hello->n; i++) {
		c = apps_cap(as, as->hello->caps[i].owner);
		if (c != NULL)
			live++;
	}
	if (live != as->hello->n) {
		helloset_unref(as->hello);
		as->hello = NULL;
	}
	if (apps_update(as) == -1)
		abort();	/* less than what encoded before */
}

void
apps_disconnect(struct apps *as, struct appconn *ac)
{
	struct capability *c, *t;

	TAILQ_FOREACH_SAFE(c, &as->caps, entry, t)
		if (c->conns[ac->session] == ac->no)
			cap_unattach(as, c, ac->session);
	TAILQ_REMOVE(&as->conns, ac, entry);
	as->nconns--;
	ac->app->nconns--;
	app_release(as, ac->app);
	free(ac);
	apps_refresh(as);
}

struct capability *
apps_cap(struct apps *as, uint32_t capid)
{
	struct capability *c;

	TAILQ_FOREACH(c, &as->caps, entry)
		if (c->id == capid)
			return c;
	return NULL;
}

static enum app_error
attach_valid(const struct m_app_attach *m, char *text, size_t textlen)
{
	uint32_t i, j;

	if (m->mode != APM_OWNER) {
		snprintf(text, textlen, "attach mode %u is not supported", m->mode);
		return APE_UNSUPPORTED;
	}
	if (!cap_name_valid(m->name) || strcmp(m->name, "p2p") == 0) {
		snprintf(text, textlen, "not a capability's name");
		return APE_INVALID;
	}
	if (m->nvers == 0 || m->policy > APP_DISCONNECT) {
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

static struct capability *
cap_byname(struct apps *as, const char *name)
{
	struct capability *c;

	TAILQ_FOREACH(c, &as->caps, entry)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* An application attaches what it has elsewhere to one more session. */
static enum app_error
attach_again(struct apps *as, struct capability *c, struct appconn *ac,
    const struct m_app_attach *m, char *text, size_t textlen)
{
	if (c->owner != ac->app || c->conns[ac->session] != 0) {
		snprintf(text, textlen, "%s is attached by \"%s\", pid %u, uid %u",
		    c->name, c->owner->name, c->owner->pid, c->owner->uid);
		return APE_BUSY;
	}
	if (c->nvers != m->nvers ||
	    memcmp(c->vers, m->vers, m->nvers * sizeof(m->vers[0])) != 0) {
		snprintf(text, textlen,
		    "%s: other versions than in the first session", c->name);
		return APE_INVALID;
	}
	return APE_OK;
}

/*
 * The bytes that a Hello with all that is attached, advertised yet or not,
 * leaves; -1 and room as it was when it would not fit.
 */
static int
hello_room(struct apps *as, uint16_t *room)
{
	static struct helloset trial;

	if (helloset_fill(as, &trial, want_all) == -1)
		return -1;
	*room = HELLO_MAX - trial.len;
	return 0;
}

static struct capability *
cap_make(struct apps *as, struct appconn *ac, const struct m_app_attach *m)
{
	struct capability *c;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->id = as->next_cap++;
	memcpy(c->name, m->name, sizeof(c->name));
	c->owner = ac->app;
	c->nvers = m->nvers;
	memcpy(c->vers, m->vers, m->nvers * sizeof(m->vers[0]));
	TAILQ_INSERT_TAIL(&as->caps, c, entry);
	return c;
}

enum app_error
apps_attach(struct apps *as, struct appconn *ac, const struct m_app_attach *m,
    uint32_t *capid, uint16_t *room, char *text, size_t textlen)
{
	struct capability *c;
	enum app_error e;

	*room = 0;
	hello_room(as, room);
	e = attach_valid(m, text, textlen);
	if (e != APE_OK)
		return e;
	c = cap_byname(as, m->name);
	if (c != NULL) {
		e = attach_again(as, c, ac, m, text, textlen);
		if (e != APE_OK)
			return e;
	} else {
		c = cap_make(as, ac, m);
		if (c == NULL) {
			snprintf(text, textlen, "out of memory");
			return APE_QUEUE;
		}
		if (hello_room(as, room) == -1) {
			TAILQ_REMOVE(&as->caps, c, entry);
			free(c);
			snprintf(text, textlen, "no room in Hello: %u bytes "
			    "left, %d versions in all", *room, LOCALCAPS_MAX);
			return APE_ROOM;
		}
	}
	c->sessions |= 1U << ac->session;
	c->conns[ac->session] = ac->no;
	apps_refresh(as);
	*capid = c->id;
	return APE_OK;
}

int
apps_detach(struct apps *as, struct appconn *ac, uint32_t capid)
{
	struct capability *c = apps_cap(as, capid);

	if (c == NULL || c->conns[ac->session] != ac->no)
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

void
apps_session_died(struct apps *as, unsigned int session)
{
	struct appconn *ac, *t;

	as->running &= ~(1U << session);
	TAILQ_FOREACH_SAFE(ac, &as->conns, entry, t)
		if (ac->session == session)
			apps_disconnect(as, ac);
	/* One that only this session lacked is everywhere now. */
	apps_refresh(as);
}
