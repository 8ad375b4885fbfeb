/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

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

void
cap_attach(struct p2papp *h, struct appcap *cap, struct session *s)
{
	struct app_head	 head;
	uint8_t		 body[APP_HEADER + 8 * APP_VERS_MAX];

	memset(&head, 0, sizeof(head));
	head.type = AF_ATTACH;
	head.len = (uint32_t)app_attach_encode(body, sizeof(body), &cap->what);
	head.request = next_request(h);
	cap->at[s->index].state = AT_ASKED;
	cap->at[s->index].request = head.request;
	cap->at[s->index].snapshot = 0;
	conn_control(&s->c, &head, body);
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
	conn_control(&s->c, &head, body);
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
	h->due = 1;
	for (n = s->peers.next; n != &s->peers; n = next) {
		next = n->next;
		if (((struct peer *)n)->cap == cap->id) {
			table_del(&h->peers, n);
			free(n);
		}
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

int
cap_due(struct p2papp *h)
{
	struct appcap	*cap;
	size_t		 i;

	if (!h->due)
		return 0;
	for (i = 0; i < P2PAPP_CAPS; i++) {
		cap = &h->cap[i];
		if (cap->state == C_DETACHING && is_off(h, cap)) {
			cap->state = C_FREE;
			if (cap->silent)
				continue;
			/* The name stays in its slot until the next attach. */
			event(h, P2PAPP_DETACHED, cap);
			return 1;
		}
		if (cap->state == C_ACTIVE && cap->attached &&
		    !cap->snapshot && is_told(h, cap)) {
			cap->snapshot = 1;
			event(h, P2PAPP_SNAPSHOT_END, cap);
			return 1;
		}
	}
	h->due = 0;
	return 0;
}
