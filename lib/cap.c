/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "lib/internal.h"

struct appcap *
cap_find(struct p2papp *h, uint32_t id)
{
	size_t	 i;

	for (i = 0; i < P2PAPP_CAPS; i++) {
		if (h->cap[i].state != C_FREE && h->cap[i].id == id)
			return &h->cap[i];
	}
	return NULL;
}

/* By the daemon's number; also one whose end the caller has asked for. */
struct appcap *
cap_at(struct p2papp *h, const struct session *s, uint32_t capid)
{
	struct appcap	*cap;
	size_t		 i;

	for (i = 0; i < P2PAPP_CAPS; i++) {
		cap = &h->cap[i];
		if (cap->state != C_FREE && cap->at[s->index].state == AT_ON &&
		    cap->at[s->index].capid == capid)
			return cap;
	}
	return NULL;
}

/* Whose attach or detach there bore this number. */
struct appcap *
cap_asked(struct p2papp *h, const struct session *s, uint32_t request)
{
	struct appcap	*cap;
	size_t		 i;

	for (i = 0; i < P2PAPP_CAPS; i++) {
		cap = &h->cap[i];
		if (cap->state != C_FREE && cap->at[s->index].state != AT_NONE &&
		    cap->at[s->index].request == request)
			return cap;
	}
	return NULL;
}

int
cap_attached(const struct appcap *cap, const struct session *s)
{
	return s->state == S_UP && cap->at[s->index].state == AT_ON;
}

/* Whether an answer is to come. */
int
cap_waits(const struct appcap *cap, const struct session *s)
{
	if (cap->state == C_FREE)
		return 0;
	switch (cap->at[s->index].state) {
	case AT_NONE:
		return 0;
	case AT_ASKED:
		return 1;
	case AT_ON:
		return cap->state == C_DETACHING || cap->at[s->index].updating;
	}
	return 0;
}

/* With what holds: an update that is under way is for this session, too. */
void
cap_attach(struct p2papp *h, struct appcap *cap, struct session *s)
{
	struct app_attach	 what = cap->what;
	struct app_head		 head;
	uint8_t			 fixed[64 + 8 * APP_VERS_MAX];
	size_t			 n;

	what.optslen = 0;
	memset(&head, 0, sizeof(head));
	n = app_attach_encode(fixed, sizeof(fixed), &what);
	head.type = AF_ATTACH;
	head.len = (uint32_t)(n + cap->what.optslen);
	head.request = next_request(h);
	cap->at[s->index].state = AT_ASKED;
	cap->at[s->index].request = head.request;
	cap->at[s->index].snapshot = 0;
	cap->at[s->index].late = cap->at[s->index].updating =
	    cap->update.active && !cap->update.undoing;
	conn_control(&s->c, &head, fixed, n, cap->opts, cap->what.optslen);
	session_asked(s);
}

void
cap_send_detach(struct p2papp *h, struct appcap *cap, struct session *s)
{
	struct app_head	 head;
	uint8_t		 body[4];

	memset(&head, 0, sizeof(head));
	head.type = AF_DETACH;
	head.len = sizeof(body);
	head.request = next_request(h);
	cap->at[s->index].request = head.request;
	app_put32(body, cap->at[s->index].capid);
	conn_control(&s->c, &head, body, sizeof(body), NULL, 0);
	session_asked(s);
}

void
cap_detach(struct p2papp *h, struct appcap *cap, int silent)
{
	unsigned int	 i;

	cap->state = C_DETACHING;
	cap->silent = silent;
	h->due = 1;
	for (i = 0; i < h->nslots; i++) {
		if (cap->at[i].state == AT_ON)
			cap_send_detach(h, cap, &h->s[i]);
	}
}

/* The daemon has confirmed: the peers of it there are forgotten. */
void
cap_off(struct p2papp *h, struct appcap *cap, struct session *s)
{
	struct node	*n, *next;

	cap->at[s->index].state = AT_NONE;
	cap->at[s->index].updating = cap->at[s->index].took = 0;
	session_answered(h, s);
	h->due = 1;
	for (n = s->peers.next; n != &s->peers; n = next) {
		next = n->next;
		if (((struct peer *)n)->cap == cap->id)
			peer_free(h, (struct peer *)n);
	}
}

/* The connection is lost: nothing is attached there any more. */
void
cap_lost(struct p2papp *h, struct session *s)
{
	size_t	 i;

	for (i = 0; i < P2PAPP_CAPS; i++) {
		h->cap[i].at[s->index].state = AT_NONE;
		h->cap[i].at[s->index].snapshot = 0;
		h->cap[i].at[s->index].updating = 0;
		h->cap[i].at[s->index].took = 0;
	}
	h->due = 1;
}

static int
is_off(const struct p2papp *h, const struct appcap *cap)
{
	unsigned int	 i;

	for (i = 0; i < h->nslots; i++) {
		if (cap->at[i].state != AT_NONE)
			return 0;
	}
	return 1;
}

/* Sessions that are out of reach are not waited for. */
static int
is_told(const struct p2papp *h, const struct appcap *cap)
{
	unsigned int	 i, n = 0;

	for (i = 0; i < h->nsessions; i++) {
		if (cap->at[i].snapshot)
			n++;
		else if (h->s[i].state != S_DOWN)
			return 0;
	}
	return n > 0;
}

void
cap_free(struct appcap *cap)
{
	cap->state = C_FREE;
	free(cap->opts);
	update_free(&cap->update);
	cap->opts = NULL;
	cap->what.optslen = 0;
}

struct peer *
peer_new(struct p2papp *h, struct session *s, uint32_t handle,
    struct appcap *cap)
{
	struct peer	*p;
	uint64_t	 key = PEER_KEY(handle, cap->id);

	if (h->peers.n >= PEERS_MAX || table_find(&h->peers, key) != NULL ||
	    (p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	if (table_add(&h->peers, &s->peers, &p->node, key) == -1) {
		free(p);
		return NULL;
	}
	p->session = s->index;
	p->handle = handle;
	p->cap = cap->id;
	cap->npeers++;
	cap->at[s->index].npeers++;
	return p;
}

void
peer_free(struct p2papp *h, struct peer *p)
{
	struct appcap	*cap;

	if ((cap = cap_find(h, p->cap)) != NULL) {
		cap->npeers--;
		cap->at[p->session].npeers--;
	}
	table_del(&h->peers, &p->node);
	free(p);
}

static int
snapshot_end(struct p2papp *h, struct appcap *cap)
{
	struct p2papp_event	*ev = event(h, P2PAPP_SNAPSHOT_END, cap);

	cap->snapshot = 1;
	ev->messages = cap->missed;
	ev->bytes = cap->missed_bytes;
	return 1;
}

static int
detached(struct p2papp *h, struct appcap *cap)
{
	struct p2papp_event	*ev = event(h, P2PAPP_DETACHED, cap);

	/* Its slot is free for another. */
	memcpy(h->gone, cap->what.name, sizeof(h->gone));
	ev->capability = h->gone;
	if (cap->taken) {
		ev->error = APE_DENIED;
		ev->text = "taken away by the daemon";
	}
	return 1;
}

int
cap_due(struct p2papp *h)
{
	struct appcap	*cap;
	size_t		 i;

	if (h->wake != 0 && mono_ms() >= h->wake) {
		h->wake = 0;
		h->due = 1;
	}
	if (!h->due)
		return 0;
	for (i = 0; i < P2PAPP_CAPS; i++) {
		cap = &h->cap[i];
		if (cap->state == C_DETACHING && is_off(h, cap)) {
			cap_free(cap);
			if (cap->silent)
				continue;
			return detached(h, cap);
		}
		if (cap->state == C_ACTIVE && cap->attached &&
		    !cap->snapshot && is_told(h, cap))
			return snapshot_end(h, cap);
		if (cap->state == C_ACTIVE && update_due(h, cap))
			return 1;
	}
	h->due = 0;
	return 0;
}
