/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "lib/internal.h"

#define DEFAULT_PATH	RUNSTATEDIR "/p2pd/app.sock"

int
fail(struct p2papp *h, int error, const char *text)
{
	snprintf(h->error, sizeof(h->error), "%s", text);
	errno = error;
	return -1;
}

uint32_t
next_request(struct p2papp *h)
{
	if (++h->request == 0)
		h->request = 1;
	return h->request;
}

struct p2papp_event *
event(struct p2papp *h, enum p2papp_type type, const struct appcap *cap)
{
	memset(&h->ev, 0, sizeof(h->ev));
	h->ev.type = type;
	if (cap != NULL) {
		h->ev.cap = cap->id;
		h->ev.capability = cap->what.name;
	}
	return &h->ev;
}

struct p2papp *
p2papp_open(const char *path, const char *name,
    const uint8_t token[P2PAPP_TOKEN])
{
	struct p2papp	*h;
	unsigned int	 i;
	int		 saved;

	if (path == NULL)
		path = DEFAULT_PATH;
	if (strlen(path) >= sizeof(h->path) || strlen(name) >= sizeof(h->name)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	if ((h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	memcpy(h->path, path, strlen(path));
	memcpy(h->name, name, strlen(name));
	if (token != NULL)
		memcpy(h->token, token, sizeof(h->token));
	h->queue = QUEUE_MAX;
	h->reconnect = 1;
	h->deadline = ANSWER_MS;
	h->donetail = &h->done;
	h->nsessions = h->nslots = 1;
	for (i = 0; i < SESSIONS_MAX; i++) {
		h->s[i].index = i;
		conn_init(&h->s[i].c);
		list_init(&h->s[i].peers);
		list_init(&h->s[i].sends);
	}
	/* A full backlog is the one failure that time mends. */
	if (session_connect(h, &h->s[0]) == -1 && errno != EAGAIN) {
		saved = errno;
		p2papp_close(h);
		errno = saved;
		return NULL;
	}
	return h;
}

/* Those that are parts of one have it in common. */
static void
free_sends(struct p2papp *h)
{
	struct send	*out;
	unsigned int	 i;

	for (i = 0; i < h->nslots; i++) {
		while ((out = (struct send *)list_first(&h->s[i].sends)) != NULL) {
			if (out->many != NULL) {
				many_part(h, out, 0, 0, 0, 0);
				continue;
			}
			table_del(&h->sends, &out->node);
			free(out);
		}
	}
	while (many_due(h))
		continue;
	table_free(&h->sends);
}

void
p2papp_close(struct p2papp *h)
{
	unsigned int	 i;

	if (h == NULL)
		return;
	for (i = 0; i < h->nslots; i++)
		conn_close(&h->s[i].c);
	for (i = 0; i < P2PAPP_CAPS; i++)
		cap_free(&h->cap[i]);
	loop_free(h);
	table_free(&h->peers);
	free_sends(h);
	free(h);
}

void
p2papp_set_queue(struct p2papp *h, size_t n)
{
	h->queue = n;
}

/* The outcome of a send that nobody will tell us any more. */
static int
drain_send(struct p2papp *h, struct send *out)
{
	struct p2papp_event	*ev;

	if (out->many != NULL) {
		many_part(h, out, 0, 0, out->targets, 0);
		return many_due(h);
	}
	ev = event(h, P2PAPP_SENT, cap_find(h, out->cap));
	ev->cap = out->cap;
	ev->peer = out->peer;
	ev->request = (uint32_t)out->node.key;
	ev->outcome = P2PAPP_GONE;
	table_del(&h->sends, &out->node);
	free(out);
	return 1;
}

/* One more end to tell of a connection that is over, in order. */
static int
drain(struct p2papp *h, struct session *s)
{
	struct p2papp_event	*ev;
	struct appcap		*cap;
	struct send		*out;
	struct peer		*p;

	while ((out = (struct send *)list_first(&s->sends)) != NULL) {
		if (drain_send(h, out))
			return 1;
	}
	while ((p = (struct peer *)list_first(&s->peers)) != NULL) {
		cap = cap_find(h, p->cap);
		ev = event(h, P2PAPP_PEER_DOWN, cap);
		ev->peer = p->handle;
		ev->version = p->version;
		memset(&h->down, 0, sizeof(h->down));
		h->down.reason = REASON_SESSION_DIED;
		h->down.disc = -1;
		ev->down = &h->down;
		peer_free(h, p);
		if (cap != NULL && cap->state == C_ACTIVE)
			return 1;
	}
	s->draining = 0;
	h->ndraining--;
	ev = event(h, P2PAPP_SESSION_DOWN, NULL);
	ev->session = s->index;
	ev->sessions = h->nsessions;
	ev->text = s->why;
	return 1;
}

static int
due(struct p2papp *h)
{
	unsigned int	 i;

	for (i = 0; h->ndraining > 0 && i < h->nslots; i++) {
		if (h->s[i].draining)
			return drain(h, &h->s[i]);
	}
	return many_due(h) || cap_due(h);
}

enum progress { IN_NONE, IN_EVENT, IN_CHANGE, IN_YIELD, IN_FAILED };

static enum progress
session_input(struct p2papp *h, struct session *s)
{
	struct app_head	 head;
	const uint8_t	*body;
	int		 r;

	for (;;) {
		r = conn_frame(&s->c, &head, &body);
		if (r == 1)
			r = frame_input(h, s, &head, body);
		else if (r == 0) {
			if (s->served) {
				s->served = 0;
				return IN_YIELD;
			}
			if (s->c.outlen > 0)
				conn_flush(&s->c);
			if ((r = conn_read(&s->c)) == 0)
				return IN_NONE;
			if (r == 1)
				continue;
			if (errno == ENOMEM)
				return IN_FAILED;
			session_drop(h, s, errno, errno == ECONNRESET ?
			    "connection closed by daemon" : strerror(errno));
			return IN_CHANGE;
		}
		if (r == -1) {
			session_drop(h, s, EPROTO, "malformed frame from daemon");
			return IN_CHANGE;
		}
		if (r == 1) {
			s->served = 1;
			return IN_EVENT;
		}
		/* What was not an event may have made one due, or an end. */
		if (h->due || h->ndraining > 0 || h->fatal != 0 ||
		    s->state == S_DOWN)
			return IN_CHANGE;
	}
}

/* Each session in turn, as much as one read brought. */
static enum progress
input(struct p2papp *h)
{
	struct session	*s;
	enum progress	 r, all = IN_NONE;
	unsigned int	 i;

	for (i = 0; i < h->nslots; i++) {
		s = &h->s[h->turn % h->nslots];
		r = IN_NONE;
		if (s->state == S_HELLO || s->state == S_UP)
			r = session_input(h, s);
		if (r == IN_NONE && session_overdue(h, s))
			r = IN_CHANGE;
		if (r == IN_EVENT || r == IN_CHANGE || r == IN_FAILED)
			return r;
		if (r == IN_YIELD)
			all = IN_CHANGE;
		h->turn = (h->turn + 1) % h->nslots;
	}
	return all;
}

/* Every event goes out here, with what was lost before it. */
static int
deliver(struct p2papp *h, const struct p2papp_event **evp)
{
	h->ev.lost = h->lost;
	h->lost = 0;
	*evp = &h->ev;
	return 1;
}

int
p2papp_next(struct p2papp *h, const struct p2papp_event **evp)
{
	enum progress	 r;

	*evp = NULL;
	do {
		session_tick(h);
		if (h->fatal != 0) {
			errno = h->fatal;
			return -1;
		}
		if (due(h))
			return deliver(h, evp);
		r = input(h);
	} while (r == IN_CHANGE);
	if (r == IN_FAILED)
		return fail(h, ENOMEM, "out of memory");
	if (r == IN_EVENT)
		return deliver(h, evp);
	loop_update(h);
	return 0;
}

/* Names go into Hello: printable ASCII, no separators. */
static int
name_ok(const char *name)
{
	const char	*p;

	for (p = name; *p != '\0'; p++) {
		if (*p <= ' ' || *p > '~' || *p == '/' || *p == ',')
			return 0;
	}
	return p != name && p - name <= CAP_NAME_MAX;
}

static int
fill_attach(struct app_attach *a, const char *name,
    const struct p2papp_version *v, size_t n, enum app_mode mode,
    enum p2papp_policy policy)
{
	size_t	 i, j;

	memset(a, 0, sizeof(*a));
	if (!name_ok(name) || n > APP_VERS_MAX ||
	    (n == 0 && mode != APM_TAP) || policy > P2PAPP_DISCONNECT)
		return -1;
	memcpy(a->name, name, strlen(name));
	a->mode = (uint8_t)mode;
	a->policy = (uint8_t)policy;
	a->nvers = (uint16_t)n;
	for (i = 0; i < n; i++) {
		if (v[i].codes == 0 || v[i].codes > 65536)
			return -1;
		for (j = 0; j < i; j++) {
			if (v[j].version == v[i].version)
				return -1;
		}
		a->vers[i].version = v[i].version;
		a->vers[i].codes = v[i].codes;
	}
	return 0;
}

/* A free slot, where nothing of this name and mode is attached. */
static struct appcap *
new_slot(struct p2papp *h, const struct app_attach *what)
{
	struct appcap	*cap, *slot = NULL;
	unsigned int	 i;

	for (i = 0; i < P2PAPP_CAPS; i++) {
		cap = &h->cap[i];
		if (cap->state == C_FREE)
			slot = slot == NULL ? cap : slot;
		else if (strcmp(cap->what.name, what->name) == 0 &&
		    cap->what.mode == what->mode) {
			fail(h, cap->state == C_ACTIVE ? EEXIST : EBUSY,
			    "capability is attached already");
			return NULL;
		}
	}
	if (slot == NULL)
		fail(h, E2BIG, "too many capabilities");
	return slot;
}

static int
attach(struct p2papp *h, const struct app_attach *what,
    const struct p2papp_options *o, uint32_t *capp)
{
	struct appcap	*slot;
	uint8_t		*opts = NULL;
	size_t		 len = 0;
	unsigned int	 i;

	if ((slot = new_slot(h, what)) == NULL)
		return -1;
	if (o != NULL && opts_merge(&opts, &len, NULL, 0, o->p, o->len) == -1)
		return fail(h, errno, "out of memory");
	memset(slot, 0, sizeof(*slot));
	slot->state = C_ACTIVE;
	slot->what = *what;
	slot->what.optslen = len;
	slot->opts = opts;
	if (++h->capid == 0)
		h->capid = 1;
	*capp = slot->id = h->capid;
	for (i = 0; i < h->nslots; i++) {
		if (h->s[i].state == S_UP)
			cap_attach(h, slot, &h->s[i]);
	}
	loop_update(h);
	return 0;
}

int
p2papp_attach_opt(struct p2papp *h, const char *name,
    const struct p2papp_version *versions, size_t n, enum p2papp_policy policy,
    const struct p2papp_options *o, uint32_t *capp)
{
	struct app_attach	 what;

	if (fill_attach(&what, name, versions, n, APM_OWNER, policy) == -1)
		return fail(h, EINVAL, "invalid capability or version");
	return attach(h, &what, o, capp);
}

int
p2papp_attach(struct p2papp *h, const char *name,
    const struct p2papp_version *versions, size_t n, enum p2papp_policy policy,
    uint32_t *capp)
{
	return p2papp_attach_opt(h, name, versions, n, policy, NULL, capp);
}

int
p2papp_tap(struct p2papp *h, const char *name,
    const struct p2papp_version *versions, size_t n,
    const struct p2papp_options *o, uint32_t *capp)
{
	struct app_attach	 what;

	if (fill_attach(&what, name, versions, n, APM_TAP, P2PAPP_DROP) == -1)
		return fail(h, EINVAL, "invalid capability or version");
	return attach(h, &what, o, capp);
}

int
p2papp_detach(struct p2papp *h, uint32_t id)
{
	struct appcap	*cap;

	if ((cap = cap_find(h, id)) == NULL || cap->state != C_ACTIVE)
		return fail(h, ENOENT, "no such capability");
	cap_detach(h, cap, 0);
	loop_update(h);
	return 0;
}

int
p2papp_flush(struct p2papp *h)
{
	unsigned int	 i;

	for (i = 0; i < h->nslots; i++) {
		if (h->s[i].c.outlen > 0) {
			conn_flush(&h->s[i].c);
			loop_watch(h, &h->s[i]);
		}
	}
	return p2papp_pending(h) == 0;
}

size_t
p2papp_pending(const struct p2papp *h)
{
	unsigned int	 i;
	size_t		 n = 0;

	for (i = 0; i < h->nslots; i++)
		n += h->s[i].c.outlen;
	return n;
}

size_t
p2papp_outstanding(const struct p2papp *h)
{
	return h->sends.n;
}

size_t
p2papp_npeers(const struct p2papp *h, uint32_t id)
{
	size_t	 i;

	for (i = 0; i < P2PAPP_CAPS; i++) {
		if (h->cap[i].state == C_ACTIVE && h->cap[i].id == id)
			return h->cap[i].npeers;
	}
	return 0;
}

unsigned int
p2papp_grace(const struct p2papp *h)
{
	return h->grace;
}

const uint8_t *
p2papp_id(const struct p2papp *h)
{
	return h->welcomed ? h->id : NULL;
}

const uint8_t *
p2papp_token(const struct p2papp *h)
{
	return h->welcomed ? h->token : NULL;
}

const char *
p2papp_error(const struct p2papp *h)
{
	return h->error;
}

const char *
p2papp_reason_name(unsigned int reason)
{
	return reason_name(reason);
}

const char *
p2papp_disc_name(unsigned int disc)
{
	return disc_name(disc);
}

const char *
p2papp_code_name(unsigned int error)
{
	return app_error_name(error);
}
