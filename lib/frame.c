/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "lib/internal.h"

/*
 * From the daemon's frames to events.  What refers to a capability or peer that
 * is not known is passed over: it may have been detached meanwhile.
 */

/* How a refused hello looks to a caller who only knows errno. */
static int
error_errno(unsigned int error)
{
	switch (error) {
	case APE_DENIED:
		return EACCES;
	case APE_VERSION:
	case APE_UNSUPPORTED:
		return EPROTONOSUPPORT;
	case APE_BUSY:
	case APE_STOPPING:
		return EBUSY;
	}
	return EPROTO;
}

static struct peer *
find_peer(struct p2papp *h, const struct session *s, uint32_t handle,
    const struct appcap *cap)
{
	struct peer	*p;

	p = (struct peer *)table_find(&h->peers, PEER_KEY(handle, cap->id));
	return p == NULL || p->session != s->index ? NULL : p;
}

static struct p2papp_event *
peer_event(struct p2papp *h, enum p2papp_type type, const struct appcap *cap,
    const struct peer *p)
{
	struct p2papp_event	*ev = event(h, type, cap);

	ev->peer = p->handle;
	ev->version = p->version;
	return ev;
}

static int
welcome(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct app_welcome	 w;
	struct p2papp_event	*ev;

	if (s->state != S_HELLO || head->request != s->request ||
	    app_welcome_decode(&w, body, head->len) == -1)
		return -1;
	if (w.major != APP_MAJOR) {
		session_drop(h, s, EPROTONOSUPPORT,
		    "daemon speaks another major version");
		return 0;
	}
	if (session_welcome(h, s, &w) == -1)
		return -1;
	ev = event(h, P2PAPP_SESSION_UP, NULL);
	ev->session = s->index;
	ev->sessions = h->nsessions;
	ev->resumed = (w.flags & APW_RESUMED) != 0;
	return 1;
}

static int
attached(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct appcap	*cap;
	uint32_t	 capid;

	if (head->len < 4)
		return -1;
	capid = app_get32(body);
	if ((cap = cap_asked(h, s, head->request)) == NULL ||
	    cap->at[s->index].state != AT_ASKED || cap_at(h, s, capid) != NULL)
		return -1;
	cap->at[s->index].state = AT_ON;
	cap->at[s->index].capid = capid;
	session_answered(h, s);
	if (cap->state == C_DETACHING) {
		cap_send_detach(h, cap, s);
		return 0;
	}
	if (cap->at[s->index].late)
		update_send(h, cap, s);
	if (cap->attached)
		return 0;
	cap->attached = 1;
	event(h, P2PAPP_ATTACHED, cap);
	return 1;
}

static int
detached(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct appcap	*cap;

	if (head->len < 4)
		return -1;
	if ((cap = cap_at(h, s, app_get32(body))) == NULL)
		return 0;
	cap_off(h, cap, s);
	if (cap->state != C_ACTIVE)
		return 0;
	/* The daemon's own decision. */
	cap->taken = 1;
	cap_detach(h, cap, 0);
	return 0;
}

/* An attach was refused; what it has elsewhere is given back. */
static void
refused(struct p2papp *h, struct session *s, struct appcap *cap,
    struct p2papp_event *ev)
{
	ev->type = cap->attached ? P2PAPP_DETACHED : P2PAPP_ERROR;
	ev->cap = cap->id;
	ev->capability = cap->what.name;
	cap_off(h, cap, s);
	cap_detach(h, cap, 1);
}

/* Its answer, when all have given theirs, is told by the capability. */
static struct appcap *
updating(struct p2papp *h, const struct session *s, uint32_t request)
{
	struct appcap	*cap;
	size_t		 i;

	for (i = 0; i < P2PAPP_CAPS; i++) {
		cap = &h->cap[i];
		if (cap->state == C_ACTIVE && cap->at[s->index].updating &&
		    cap->update.wire == request)
			return cap;
	}
	return NULL;
}

static int
updated(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct appcap	*cap;

	if (head->len < 4)
		return -1;
	if ((cap = updating(h, s, head->request)) == NULL)
		return 0;
	update_taken(h, cap, s);
	return 0;
}

/* An error that ends a send, or a part of a multisend: 1 if it is told. */
static int
send_error(struct p2papp *h, struct send *out, struct p2papp_event *ev)
{
	if (out->many != NULL) {
		many_part(h, out, 0, 0, 0, ev->error);
		return 0;
	}
	ev->peer = out->peer;
	ev->cap = out->cap;
	table_del(&h->sends, &out->node);
	free(out);
	return 1;
}

static int
error(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct p2papp_event	*ev;
	struct appcap		*cap;
	struct node		*n;
	char			 why[APP_ERRTEXT_MAX + 32];
	uint16_t		 code, room;

	if (app_error_decode(&code, &room, h->text, sizeof(h->text), body,
	    head->len) == -1)
		return -1;
	if (s->state == S_HELLO) {
		snprintf(why, sizeof(why), "%s: %s", app_error_name(code), h->text);
		session_drop(h, s, error_errno(code), why);
		return 0;
	}
	ev = event(h, P2PAPP_ERROR, NULL);
	ev->error = code;
	ev->room = room;
	ev->text = h->text;
	ev->request = head->request;
	ev->peer = head->peer;
	if ((cap = updating(h, s, head->request)) != NULL) {
		update_refused(h, cap, s, code, room, h->text);
		return 0;
	}
	if ((cap = cap_asked(h, s, head->request)) != NULL) {
		if (cap->state == C_DETACHING) {
			cap_off(h, cap, s);
			return 0;
		}
		/* AT_ON: not an answer to what is outstanding. */
		if (cap->at[s->index].state == AT_ASKED)
			refused(h, s, cap, ev);
	} else if ((n = table_find(&h->sends, head->request)) != NULL &&
	    ((struct send *)n)->session == s->index)
		return send_error(h, (struct send *)n, ev);
	return 1;
}

static int
peer_up(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct app_peer_up	*u = &h->peer_up;
	struct p2papp_event	*ev;
	struct appcap		*cap;
	struct peer		*p;

	if (app_peer_up_decode(u, body, head->len) == -1 || head->peer == 0)
		return -1;
	if ((cap = cap_at(h, s, u->capid)) == NULL)
		return 0;
	if ((p = peer_new(h, s, head->peer, cap)) == NULL)
		return -1;
	p->version = u->version;
	p->codes = u->codes;
	if (cap->state != C_ACTIVE)
		return 0;
	ev = peer_event(h, P2PAPP_PEER_UP, cap, p);
	memset(&h->up, 0, sizeof(h->up));
	h->up.codes = u->codes;
	h->up.flags = u->flags;
	h->up.snapshot = (head->flags & AFL_SNAPSHOT) != 0;
	h->up.id = u->id;
	h->up.remote = addr_format(&u->remote, h->remote);
	h->up.local = addr_format(&u->local, h->local);
	h->up.client = u->client;
	ev->up = &h->up;
	return 1;
}

static int
peer_down(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct app_peer_down	 d;
	struct p2papp_event	*ev;
	struct appcap		*cap;
	struct peer		*p;

	if (app_peer_down_decode(&d, body, head->len) == -1)
		return -1;
	if ((cap = cap_at(h, s, d.capid)) == NULL ||
	    (p = find_peer(h, s, head->peer, cap)) == NULL)
		return 0;
	ev = peer_event(h, P2PAPP_PEER_DOWN, cap, p);
	h->down.reason = d.reason;
	h->down.disc = d.disc == DISC_NONE ? -1 : d.disc;
	h->down.remote = d.remote != 0;
	h->down.ms = d.ms;
	h->down.msgs_in = d.msgs_in;
	h->down.msgs_out = d.msgs_out;
	h->down.bytes_in = d.bytes_in;
	h->down.bytes_out = d.bytes_out;
	ev->down = &h->down;
	peer_free(h, p);
	return cap->state == C_ACTIVE;
}

static int
message(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct p2papp_event	*ev;
	struct appcap		*cap;
	struct peer		*p;
	uint32_t		 code;

	if (head->len < APP_MSG_HEAD)
		return -1;
	if ((cap = cap_at(h, s, app_get32(body))) == NULL ||
	    (p = find_peer(h, s, head->peer, cap)) == NULL)
		return 0;
	if ((code = app_get32(body + 4)) >= p->codes)
		return -1;
	if (cap->state != C_ACTIVE)
		return 0;
	ev = peer_event(h, P2PAPP_MESSAGE, cap, p);
	ev->code = code;
	ev->data = body + APP_MSG_HEAD;
	ev->len = head->len - APP_MSG_HEAD;
	ev->out = (head->flags & AFL_OUT) != 0;
	return 1;
}

static struct send *
find_send(struct p2papp *h, const struct session *s, uint32_t request, int many)
{
	struct send	*out;

	out = (struct send *)table_find(&h->sends, request);
	if (out == NULL || out->session != s->index ||
	    (out->many != NULL) != many)
		return NULL;
	return out;
}

static int
sent(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct p2papp_event	*ev;
	struct send		*out;

	if (head->len < 8)
		return -1;
	if ((out = find_send(h, s, head->request, 0)) == NULL)
		return 0;
	ev = event(h, P2PAPP_SENT, cap_find(h, out->cap));
	ev->cap = out->cap;
	ev->peer = out->peer;
	ev->request = head->request;
	ev->outcome = body[0];
	ev->depth = app_get32(body + 4);
	table_del(&h->sends, &out->node);
	free(out);
	return 1;
}

static int
sent_many(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct send	*out;

	if (head->len < 12)
		return -1;
	if ((out = find_send(h, s, head->request, 1)) != NULL)
		many_part(h, out, app_get32(body), app_get32(body + 4),
		    app_get32(body + 8), 0);
	return 0;
}

/* Told when all sessions have; again when one of them was lost and is back. */
static int
snapshot_end(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct p2papp_event	*ev;
	struct appcap		*cap;
	uint32_t		 capid;
	uint64_t		 msgs, bytes;

	if (app_counts_decode(&capid, &msgs, &bytes, body, head->len) == -1)
		return -1;
	if ((cap = cap_at(h, s, capid)) == NULL)
		return 0;
	cap->at[s->index].snapshot = 1;
	if (cap->snapshot && cap->state == C_ACTIVE) {
		ev = event(h, P2PAPP_RESUMED, cap);
		ev->session = s->index;
		ev->sessions = h->nsessions;
		ev->messages = msgs;
		ev->bytes = bytes;
		return 1;
	}
	cap->missed += msgs;
	cap->missed_bytes += bytes;
	h->due = 1;
	return 0;
}

static int
dropped(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct p2papp_event	*ev;
	struct appcap		*cap;
	uint32_t		 capid;
	uint64_t		 msgs, bytes;

	if (app_counts_decode(&capid, &msgs, &bytes, body, head->len) == -1)
		return -1;
	/* It has the number of the first of them; the others' are left out. */
	if (msgs > 1 && s->told <= UINT32_MAX)
		s->told += msgs - 1 < UINT32_MAX ? msgs - 1 : UINT32_MAX;
	if ((cap = cap_at(h, s, capid)) == NULL || cap->state != C_ACTIVE)
		return 0;
	ev = event(h, P2PAPP_LOST, cap);
	ev->peer = head->peer;
	ev->messages = msgs;
	ev->bytes = bytes;
	return 1;
}

static int
mark(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	struct p2papp_event	*ev;
	struct appcap		*cap;
	struct peer		*p;

	if (head->len < 8)
		return -1;
	if ((cap = cap_at(h, s, app_get32(body))) == NULL ||
	    cap->state != C_ACTIVE ||
	    (p = find_peer(h, s, head->peer, cap)) == NULL)
		return 0;
	ev = peer_event(h, head->type == AF_STALLED ? P2PAPP_STALLED :
	    P2PAPP_WRITABLE, cap, p);
	ev->depth = app_get32(body + 4);
	return 1;
}

/* A gap in the numbers is what was lost, unless that was told already. */
static void
numbered(struct p2papp *h, struct session *s, uint32_t number)
{
	uint32_t	 gap = number - s->events - 1;
	uint32_t	 told = s->told < gap ? (uint32_t)s->told : gap;

	s->events = number;
	s->told -= told;
	h->lost += gap - told;
}

static int
is_event(unsigned int type)
{
	static const uint16_t	 events[] = { AF_PEER_UP, AF_PEER_DOWN,
	    AF_MESSAGE, AF_SNAPSHOT_END, AF_DROPPED, AF_STALLED, AF_WRITABLE };
	size_t			 i;

	for (i = 0; i < nitems_of(events); i++) {
		if (events[i] == type)
			return 1;
	}
	return 0;
}

int
frame_input(struct p2papp *h, struct session *s, const struct app_head *head,
    const uint8_t *body)
{
	static int (*const handler[])(struct p2papp *, struct session *,
	    const struct app_head *, const uint8_t *) = {
		[AF_WELCOME - AF_WELCOME] = welcome,
		[AF_ATTACHED - AF_WELCOME] = attached,
		[AF_DETACHED - AF_WELCOME] = detached,
		[AF_ERROR - AF_WELCOME] = error,
		[AF_PEER_UP - AF_WELCOME] = peer_up,
		[AF_PEER_DOWN - AF_WELCOME] = peer_down,
		[AF_MESSAGE - AF_WELCOME] = message,
		[AF_SENT - AF_WELCOME] = sent,
		[AF_SNAPSHOT_END - AF_WELCOME] = snapshot_end,
		[AF_UPDATED - AF_WELCOME] = updated,
		[AF_DROPPED - AF_WELCOME] = dropped,
		[AF_STALLED - AF_WELCOME] = mark,
		[AF_WRITABLE - AF_WELCOME] = mark,
		[AF_SENT_MANY - AF_WELCOME] = sent_many,
	};

	if (s->state == S_HELLO && head->type != AF_WELCOME &&
	    head->type != AF_ERROR)
		return -1;
	if (is_event(head->type))
		numbered(h, s, head->request);
	return handler[head->type - AF_WELCOME](h, s, head, body);
}
