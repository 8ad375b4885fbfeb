/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"

/*
 * An application that reads nothing is not told without end: messages stop at
 * its limit, requests are not read at one slack above it, and where even
 * events have used up two, it goes.
 */
static void
frame(struct app *a, const struct app_head *h, const void *body)
{
	uint8_t	*out;

	if (a->closed || a->doomed)
		return;
	if (appq_cost(&a->q) > ses.init.queue_app + 2 * APP_SLACK) {
		app_doom(a, "does not read");
		return;
	}
	if ((out = appq_reserve(&a->q, APP_HEADER + h->len)) == NULL) {
		app_doom(a, "no memory for its queue");
		return;
	}
	app_head_encode(out, h);
	if (h->len > 0)
		memcpy(out + APP_HEADER, body, h->len);
	appq_plain(&a->q, APP_HEADER + h->len);
}

void
app_reply(struct app *a, enum app_type type, uint32_t request, uint32_t peer,
    const void *body, size_t n)
{
	struct app_head	 h = { (uint32_t)n, (uint16_t)type, 0, request, peer };

	frame(a, &h, body);
	if (appq_cost(&a->q) > ses.init.queue_app + APP_SLACK)
		app_pause(a, APAUSE_OUT);
}

void
app_event(struct app *a, enum app_type type, unsigned int flags, uint32_t peer,
    const void *body, size_t n)
{
	struct app_head	 h = { (uint32_t)n, (uint16_t)type, (uint16_t)flags,
	    ++a->events, peer };

	frame(a, &h, body);
}

void
app_error(struct app *a, uint32_t request, uint32_t peer, unsigned int error,
    unsigned int room, const char *text)
{
	uint8_t	 buf[512];
	size_t	 n;

	n = app_error_encode(buf, sizeof(buf), (uint16_t)error, (uint16_t)room,
	    text);
	app_reply(a, AF_ERROR, request, peer, buf, n);
}

void
app_peer_up(struct appcap *ac, struct peer *p, struct peercap *pc,
    unsigned int flags)
{
	struct app_peer_up	 up;
	uint8_t			 buf[512];
	size_t			 n;

	memset(&up, 0, sizeof(up));
	up.capid = ac->capid;
	up.version = pc->shared.cap.version;
	up.codes = pc->shared.codes;
	up.flags = p->flags;
	memcpy(up.id, p->id, sizeof(up.id));
	up.remote = p->remote;
	up.local = p->local;
	strlcpy(up.client, p->client, sizeof(up.client));
	n = app_peer_up_encode(buf, sizeof(buf), &up);
	app_event(ac->app, AF_PEER_UP, flags, p->node.key, buf, n);
}

void
app_peer_down(struct appcap *ac, struct peer *p, struct peercap *pc,
    const struct m_peer_end *end)
{
	struct app_peer_down	 down;
	uint8_t			 buf[128];
	size_t			 n;

	memset(&down, 0, sizeof(down));
	down.capid = ac->capid;
	down.reason = end->reason;
	down.disc = end->disc;
	down.remote = end->remote;
	down.ms = end->ms;
	down.msgs_in = pc->msgs_in;
	down.msgs_out = pc->msgs_out;
	down.bytes_in = pc->bytes_in;
	down.bytes_out = pc->bytes_out;
	n = app_peer_down_encode(buf, sizeof(buf), &down);
	app_event(ac->app, AF_PEER_DOWN, 0, p->node.key, buf, n);
}

void
app_sent(uint32_t num, uint32_t request, uint32_t peer, enum app_sent outcome,
    size_t depth)
{
	struct app	*a;
	uint8_t		 body[8] = { (uint8_t)outcome };

	if ((a = (struct app *)htab_find(&ses.apptab, num)) == NULL)
		return;
	app_put32(body + 4, (uint32_t)depth);
	app_reply(a, AF_SENT, request, peer, body, sizeof(body));
}
