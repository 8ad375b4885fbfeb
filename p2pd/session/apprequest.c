/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/caps.h"
#include "common/wire/reason.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/multisend.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/send.h"

#define CODES_MAX	65536

static enum rb_result
refuse(struct app *a, const struct app_head *h, unsigned int error,
    const char *text)
{
	app_error(a, h->request, error, 0, text);
	return RB_OK;
}

static int
versions_valid(const struct app_attach *at)
{
	uint32_t	 i, j;

	if (at->nvers == 0)
		return 0;
	for (i = 0; i < at->nvers; i++) {
		if (at->vers[i].codes == 0 || at->vers[i].codes > CODES_MAX)
			return 0;
		for (j = 0; j < i; j++)
			if (at->vers[i].version == at->vers[j].version)
				return 0;
	}
	return 1;
}

static enum rb_result
request_attach(struct app *a, const struct app_head *h, uint8_t *body)
{
	struct app_attach	 at;

	if (app_attach_decode(&at, body, h->len) == -1)
		return refuse(a, h, APE_MALFORMED, "attach is malformed");
	if (!cap_name_valid(at.name))
		return refuse(a, h, APE_INVALID,
		    "a capability's name is 1 to 8 printable characters");
	if (!versions_valid(&at))
		return refuse(a, h, APE_INVALID,
		    "versions must differ, with 1 to 65536 codes each");
	if (at.mode != APM_OWNER || at.policy > APP_DISCONNECT)
		return refuse(a, h, APE_UNSUPPORTED,
		    "this mode or policy is not supported");
	if (ses.stopping)
		return refuse(a, h, APE_STOPPING, "the daemon is stopping");
	if (app_attach(a, h->request, &at) == -1)
		return refuse(a, h, APE_QUEUE, "too many attaches");
	return RB_OK;
}

static enum rb_result
request_detach(struct app *a, const struct app_head *h, uint8_t *body)
{
	if (app_detach(a, app_get32(body)) == -1)
		return refuse(a, h, APE_NOTFOUND, "not attached");
	app_reply(a, AF_DETACHED, h->request, 0, body, 4);
	return RB_OK;
}

struct peercap *
app_range(struct app *a, struct peer *p, uint32_t capid)
{
	struct appcap	*ac;
	uint32_t	 i;

	for (i = 0; i < p->ncaps; i++) {
		ac = p->caps[i].ac;
		if (ac != NULL && ac->app == a && ac->capid == capid)
			return &p->caps[i];
	}
	return NULL;
}

void
app_charge(struct app *a, struct appcap *ac, uint64_t bytes)
{
	uint64_t	 ms;

	if (ac->rate.rate == 0)
		return;
	if ((ms = bucket_owe(&ac->rate, (double)bytes, mono_us())) == 0)
		return;
	app_pause(a, APAUSE_RATE);
	event_after(&a->ev_tick, ms);
}

/*
 * Who does not ask for completion waits for a full queue, but no longer than
 * the stall limit, and not again before the queue is short: one slow peer holds
 * up what goes to the others once, for so long.
 */
static int
may_wait(struct app *a, struct peer *p, struct peercap *pc)
{
	uint64_t	 now = mono_ms();

	if (pc->slow && send_depth(p, pc) > SEND_WRITABLE)
		return 0;
	pc->slow = 0;
	if (a->wait_until == 0)
		a->wait_until = now + ses.init.stall_ms;
	if (now >= a->wait_until) {
		pc->slow = 1;
		return 0;
	}
	event_after(&a->ev_tick, a->wait_until - now);
	a->waiting_on = p->node.key;
	a->waiting_range = (uint32_t)(pc - p->caps);
	p->nwaiters++;
	app_pause(a, APAUSE_PEER);
	return 1;
}

static void
waited(struct app *a)
{
	if (a->wait_until == 0)
		return;
	a->wait_until = 0;
	event_del(&a->ev_tick);
}

static enum rb_result
unsent(struct app *a, const struct app_head *h, struct peer *p,
    struct peercap *pc, const char *why)
{
	pc->dropped++;
	ses.dropped++;
	if (h->flags & AFL_COMPLETE)
		app_sent(a->node.key, h->request, h->peer, APS_DROPPED,
		    send_depth(p, pc));
	else
		refuse(a, h, APE_QUEUE, why);
	return RB_OK;
}

static enum rb_result
send_to(struct app *a, const struct app_head *h, struct peer *p,
    struct peercap *pc, uint8_t *body)
{
	struct message	 m = { body + APP_MSG_HEAD, h->len - APP_MSG_HEAD,
	    app_get32(body + 4), h->flags & AFL_PRIORITY, 0,
	    { a->node.key, h->request, TICKET_LOSS }, { NULL, NULL } };

	if (m.code >= pc->shared.codes)
		return refuse(a, h, APE_INVALID, "code is out of range");
	if (h->flags & AFL_COMPLETE)
		m.ticket.kind = TICKET_SENT;
	switch (send_message(p, pc, &m)) {
	case SEND_OK:
		return RB_OK;
	case SEND_TOOBIG:
		return refuse(a, h, APE_TOOBIG, "message is too long");
	case SEND_NOROOM:
		if (!(h->flags & AFL_COMPLETE) && may_wait(a, p, pc))
			return RB_WAIT;
		return unsent(a, h, p, pc, "the peer's queue is full");
	default:
		return unsent(a, h, p, pc, "no memory to send it");
	}
}

static enum rb_result
request_send(struct app *a, const struct app_head *h, uint8_t *body)
{
	struct peer	*p = peer_find(h->peer);
	struct peercap	*pc = NULL;

	if (p != NULL)
		pc = app_range(a, p, app_get32(body));
	if (pc != NULL && send_to(a, h, p, pc, body) == RB_WAIT)
		return RB_WAIT;
	waited(a);
	if (pc != NULL)
		app_charge(a, pc->ac, h->len);
	/* peers go at any time: no error of the sender's */
	else if (h->flags & AFL_COMPLETE)
		app_sent(a->node.key, h->request, h->peer, APS_GONE, 0);
	else
		refuse(a, h, APE_NOTFOUND, "no such peer");
	return RB_OK;
}

static enum rb_result
request_multisend(struct app *a, const struct app_head *h, uint8_t *body)
{
	multisend(a, h, body);
	return RB_OK;
}

static enum rb_result
request_disconnect(struct app *a, const struct app_head *h, uint8_t *body)
{
	struct peer	*p = peer_find(h->peer);
	uint32_t	 i;

	if (body[0] == DISC_NONE)
		return refuse(a, h, APE_INVALID, "no such reason");
	for (i = 0; p != NULL && i < p->ncaps; i++) {
		if (p->caps[i].ac != NULL && p->caps[i].ac->app == a) {
			peer_end(p, REASON_APPLICATION, body[0], 0);
			return RB_OK;
		}
	}
	return refuse(a, h, APE_NOTFOUND, "no such peer");
}

static enum rb_result
request_hello(struct app *a, const struct app_head *h, uint8_t *body)
{
	return refuse(a, h, APE_INVALID, "hello was said already");
}

static const struct request {
	uint16_t	 type;
	uint32_t	 minlen;
	enum rb_result	(*fn)(struct app *, const struct app_head *, uint8_t *);
} requests[] = {
	{ AF_SEND,		APP_MSG_HEAD,	request_send },
	{ AF_MULTISEND,		APP_MULTI_HEAD,	request_multisend },
	{ AF_ATTACH,		0,		request_attach },
	{ AF_DETACH,		4,		request_detach },
	{ AF_DISCONNECT,	1,		request_disconnect },
	{ AF_HELLO,		0,		request_hello },
};

/* A type that is not known is skipped, by the protocol's rule. */
enum rb_result
app_request(struct app *a, const struct app_head *h, uint8_t *body)
{
	size_t	 i;

	for (i = 0; i < nitems_of(requests); i++) {
		if (requests[i].type != h->type)
			continue;
		if (h->len < requests[i].minlen)
			return refuse(a, h, APE_MALFORMED, "frame too short");
		return requests[i].fn(a, h, body);
	}
	return RB_OK;
}
