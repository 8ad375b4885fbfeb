/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "lib/internal.h"

struct p2papp_options *
p2papp_options_new(void)
{
	return calloc(1, sizeof(struct p2papp_options));
}

void
p2papp_options_free(struct p2papp_options *o)
{
	if (o == NULL)
		return;
	free(o->p);
	free(o);
}

static int
refuse(int error)
{
	errno = error;
	return -1;
}

static unsigned int
count(const struct p2papp_options *o, uint16_t type)
{
	struct app_opt_iter	 it;
	unsigned int		 n = 0;

	app_opt_start(&it, o->p, o->len);
	while (app_opt_next(&it) == 1)
		n += it.type == type && it.len > 0;
	return n;
}

/* All of a kind out of a row of options; what is left of it. */
static size_t
without(uint8_t *p, size_t len, uint16_t type)
{
	struct app_opt_iter	 it;
	size_t			 n, kept = 0;

	app_opt_start(&it, p, len);
	while (app_opt_next(&it) == 1) {
		n = 4 + (size_t)it.len;
		if (it.type != type) {
			memmove(p + kept, it.value - 4, n);
			kept += n;
		}
	}
	return kept;
}

static int
add(struct p2papp_options *o, uint16_t type, const void *value, size_t n)
{
	uint8_t	*p;

	if (n > UINT16_MAX || o->len + 4 + n > OPTS_MAX)
		return refuse(E2BIG);
	if ((p = realloc(o->p, o->len + 4 + n)) == NULL)
		return -1;
	o->p = p;
	return app_opt_add(o->p, o->len + 4 + n, &o->len, type, value, n);
}

/* One of a kind: the last one set holds. */
static int
set_u32(struct p2papp_options *o, uint16_t type, uint32_t v)
{
	uint8_t	 value[4];

	app_put32(value, v);
	o->len = without(o->p, o->len, type);
	return add(o, type, value, sizeof(value));
}

int
p2papp_opt_queue_peer(struct p2papp_options *o, uint32_t bytes)
{
	return set_u32(o, AO_QUEUE_PEER, bytes);
}

int
p2papp_opt_queue(struct p2papp_options *o, uint32_t bytes)
{
	return set_u32(o, AO_QUEUE_APP, bytes);
}

int
p2papp_opt_handshake(struct p2papp_options *o, uint32_t ms)
{
	if (ms > APP_HANDSHAKE_MAX)
		return refuse(EINVAL);
	return set_u32(o, AO_HANDSHAKE, ms);
}

int
p2papp_opt_wanted(struct p2papp_options *o, uint32_t peers)
{
	return set_u32(o, AO_WANTED, peers);
}

/* Two parts as one value. */
static int
add_parts(struct p2papp_options *o, uint16_t type, const void *p1, size_t n1,
    const void *p2, size_t n2)
{
	uint8_t	*value;
	int	 r;

	if (n1 > UINT16_MAX || n2 > UINT16_MAX)
		return refuse(E2BIG);
	if ((value = malloc(n1 + n2)) == NULL)
		return -1;
	memcpy(value, p1, n1);
	if (n2 > 0)
		memcpy(value + n1, p2, n2);
	r = add(o, type, value, n1 + n2);
	free(value);
	return r;
}

int
p2papp_opt_first(struct p2papp_options *o, uint32_t version, uint32_t code,
    const void *data, size_t len)
{
	uint8_t	 head[8];

	if (count(o, AO_FIRST) >= APP_FIRSTS_MAX)
		return refuse(E2BIG);
	app_put32(head, version);
	app_put32(head + 4, code);
	return add_parts(o, AO_FIRST, head, sizeof(head), data, len);
}

/* The key in front of a value; its length, 0 for none that may be. */
static size_t
put_key(uint8_t out[1 + APP_ENRKEY_MAX], const char *key)
{
	size_t	 n = strnlen(key, APP_ENRKEY_MAX + 1);

	if (n == 0 || n > APP_ENRKEY_MAX)
		return 0;
	out[0] = (uint8_t)n;
	memcpy(out + 1, key, n);
	return 1 + n;
}

int
p2papp_opt_enr(struct p2papp_options *o, const char *key, const void *value,
    size_t len)
{
	uint8_t	 head[1 + APP_ENRKEY_MAX];
	size_t	 n;

	if ((n = put_key(head, key)) == 0 || len == 0)
		return refuse(EINVAL);
	if (count(o, AO_ENR) >= APP_ENRS_MAX)
		return refuse(E2BIG);
	return add_parts(o, AO_ENR, head, n, value, len);
}

int
p2papp_opt_condition(struct p2papp_options *o, const char *key,
    const struct p2papp_bytes *prefixes, size_t n)
{
	uint8_t	 head[1 + APP_ENRKEY_MAX];
	uint8_t	 rest[APP_PREFIXES_MAX * (1 + APP_PREFIX_MAX)];
	size_t	 i, keylen, len = 0;

	if ((keylen = put_key(head, key)) == 0)
		return refuse(EINVAL);
	if (n > APP_PREFIXES_MAX || count(o, AO_CONDITION) >= APP_CONDS_MAX)
		return refuse(E2BIG);
	for (i = 0; i < n; i++) {
		if (prefixes[i].len == 0 || prefixes[i].len > APP_PREFIX_MAX)
			return refuse(EINVAL);
		rest[len++] = (uint8_t)prefixes[i].len;
		memcpy(rest + len, prefixes[i].data, prefixes[i].len);
		len += prefixes[i].len;
	}
	return add_parts(o, AO_CONDITION, head, keylen, rest, len);
}

int
p2papp_opt_clear(struct p2papp_options *o, enum p2papp_option kind)
{
	if (kind < P2PAPP_OPT_QUEUE_PEER || kind > P2PAPP_OPT_CONDITION)
		return refuse(EINVAL);
	o->len = without(o->p, o->len, (uint16_t)kind);
	return add(o, (uint16_t)kind, NULL, 0);
}

int
opts_merge(uint8_t **to, size_t *tolen, const uint8_t *old, size_t oldlen,
    const uint8_t *new, size_t newlen)
{
	struct app_opt_iter	 it;
	uint8_t			*p;
	size_t			 len = oldlen, size = oldlen + newlen;

	if ((p = malloc(size + 1)) == NULL)
		return -1;
	if (oldlen > 0)
		memcpy(p, old, oldlen);
	app_opt_start(&it, new, newlen);
	while (app_opt_next(&it) == 1)
		len = without(p, len, it.type);
	/* What was cleared is not there: no need to say so in an attach. */
	app_opt_start(&it, new, newlen);
	while (app_opt_next(&it) == 1) {
		if (it.len > 0)
			(void)app_opt_add(p, size, &len, it.type, it.value,
			    it.len);
	}
	if (len > OPTS_MAX) {
		free(p);
		return refuse(E2BIG);
	}
	*to = p;
	*tolen = len;
	return 0;
}

/* Appends all of a kind that there are, or one that says there are none. */
static void
copy_kind(uint8_t *to, size_t size, size_t *len, const uint8_t *from, size_t n,
    uint16_t type)
{
	struct app_opt_iter	 it;
	size_t			 before = *len;

	app_opt_start(&it, from, n);
	while (app_opt_next(&it) == 1)
		if (it.type == type)
			(void)app_opt_add(to, size, len, type, it.value, it.len);
	if (*len == before)
		(void)app_opt_add(to, size, len, type, NULL, 0);
}

int
opts_undo(uint8_t **to, size_t *tolen, const uint8_t *old, size_t oldlen,
    const uint8_t *new, size_t newlen)
{
	struct app_opt_iter	 it;
	uint8_t			*p;
	size_t			 len = 0, size = oldlen + newlen;
	uint32_t		 done = 0;

	if ((p = malloc(size + 1)) == NULL)
		return -1;
	app_opt_start(&it, new, newlen);
	while (app_opt_next(&it) == 1) {
		if (done & 1U << it.type)
			continue;
		done |= 1U << it.type;
		copy_kind(p, size, &len, old, oldlen, it.type);
	}
	*to = p;
	*tolen = len;
	return 0;
}

void
update_free(struct update *u)
{
	free(u->opts);
	free(u->asked);
	free(u->undo);
	memset(u, 0, sizeof(*u));
}

void
update_send(struct p2papp *h, struct appcap *cap, struct session *s)
{
	struct update	*u = &cap->update;
	struct app_head	 head;
	const uint8_t	*opts = u->asked;
	uint8_t		 capid[4];
	size_t		 len = u->asklen;

	memset(&head, 0, sizeof(head));
	head.type = AF_UPDATE;
	if (u->undoing) {
		opts = u->undo;
		len = u->undolen;
	}
	head.len = (uint32_t)(sizeof(capid) + len);
	head.request = u->wire;
	app_put32(capid, cap->at[s->index].capid);
	cap->at[s->index].late = 0;
	conn_control(&s->c, &head, capid, sizeof(capid), opts, len);
	session_asked(s);
	loop_watch(h, s);
}

/*
 * To every session that has the capability, or as soon as it has. Back, to
 * those that have the new.
 */
static void
send_updates(struct p2papp *h, struct appcap *cap)
{
	struct session	*s;
	unsigned int	 i;

	cap->update.wire = next_request(h);
	for (i = 0; i < h->nslots; i++) {
		s = &h->s[i];
		if (s->state != S_UP || cap->at[i].state == AT_NONE ||
		    (cap->update.undoing && !cap->at[i].took))
			continue;
		cap->at[i].updating = 1;
		cap->at[i].took = 0;
		if (cap->at[i].state == AT_ON)
			update_send(h, cap, s);
		else
			cap->at[i].late = 1;
	}
}

int
p2papp_update(struct p2papp *h, uint32_t id, const struct p2papp_options *o,
    uint32_t *request)
{
	struct appcap	*cap;
	struct update	*u;

	if ((cap = cap_find(h, id)) == NULL || cap->state != C_ACTIVE)
		return fail(h, ENOENT, "no such capability");
	u = &cap->update;
	if (u->active)
		return fail(h, EBUSY, "an update is under way");
	memset(u, 0, sizeof(*u));
	if ((u->asked = malloc(o->len + 1)) == NULL ||
	    opts_merge(&u->opts, &u->len, cap->opts, cap->what.optslen, o->p,
	    o->len) == -1 || opts_undo(&u->undo, &u->undolen, cap->opts,
	    cap->what.optslen, o->p, o->len) == -1) {
		update_free(u);
		return fail(h, errno, errno == E2BIG ? "options are too long" :
		    "out of memory");
	}
	if (o->len > 0)
		memcpy(u->asked, o->p, o->len);
	u->asklen = o->len;
	u->active = 1;
	send_updates(h, cap);
	u->request = u->wire;
	if (request != NULL)
		*request = u->request;
	h->due = 1;
	loop_update(h);
	return 0;
}

void
update_taken(struct p2papp *h, struct appcap *cap, struct session *s)
{
	cap->at[s->index].updating = 0;
	cap->at[s->index].took = !cap->update.undoing;
	session_answered(h, s);
	h->due = 1;
}

/*
 * What was granted once is hardly refused when it is to be so again, but for
 * too many requests; a session that does has to be attached to anew, with that.
 */
void
update_refused(struct p2papp *h, struct appcap *cap, struct session *s,
    unsigned int error, unsigned int room, const char *text)
{
	struct update	*u = &cap->update;

	cap->at[s->index].updating = 0;
	session_answered(h, s);
	h->due = 1;
	if (u->undoing && error == APE_QUEUE && u->tries < UNDO_TRIES) {
		cap->at[s->index].took = 1;
		u->when = mono_ms() + UNDO_MS;
		return;
	}
	if (u->undoing) {
		session_drop(h, s, EPROTO, "options could not be put back");
		return;
	}
	u->error = error;
	u->room = room;
	snprintf(u->text, sizeof(u->text), "%s", text);
}

/* Refused by some: the others have to give it back first; 1 until they have. */
static int
undo(struct p2papp *h, struct appcap *cap)
{
	struct update	*u = &cap->update;
	unsigned int	 i;
	int		 any = 0;

	if (u->error == 0)
		return 0;
	for (i = 0; i < h->nslots; i++)
		any |= cap->at[i].took;
	if (!any)
		return 0;
	if (u->when > mono_ms()) {
		if (h->wake == 0 || u->when < h->wake)
			h->wake = u->when;
		return 1;
	}
	u->undoing = 1;
	u->tries++;
	send_updates(h, cap);
	return 1;
}

/* When all have answered the new options are ours, or the old ones stay. */
int
update_due(struct p2papp *h, struct appcap *cap)
{
	struct p2papp_event	*ev;
	struct update		*u = &cap->update;
	unsigned int		 i;

	if (!u->active)
		return 0;
	for (i = 0; i < h->nslots; i++) {
		if (cap->at[i].updating)
			return 0;
	}
	if (undo(h, cap))
		return 0;
	for (i = 0; i < h->nslots; i++)
		cap->at[i].took = 0;
	ev = event(h, P2PAPP_UPDATED, cap);
	ev->request = u->request;
	if (u->error == 0) {
		free(cap->opts);
		cap->opts = u->opts;
		cap->what.optslen = u->len;
		u->opts = NULL;
	} else {
		snprintf(h->text, sizeof(h->text), "%s", u->text);
		ev->error = u->error;
		ev->room = u->room;
		ev->text = h->text;
	}
	update_free(u);
	return 1;
}
