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
	app_error(a, h->request, h->peer, error, 0, text);
	return RB_OK;
}

/* Only a tap may leave out versions. */
static int
versions_valid(const struct app_attach *at)
{
	uint32_t	 i, j;

	if (at->nvers == 0)
		return at->mode == APM_TAP;
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
	const char		*why;
	int			 error;

	if (app_attach_decode(&at, body, h->len) == -1)
		return refuse(a, h, APE_MALFORMED, "attach is malformed");
	if (!cap_name_valid(at.name))
		return refuse(a, h, APE_INVALID,
		    "a capability's name is 1 to 8 printable characters");
	if (!versions_valid(&at))
		return refuse(a, h, APE_INVALID,
		    "versions must differ, with 1 to 65536 codes each");
	if (at.mode > APM_TAP || at.policy > APP_DISCONNECT)
		return refuse(a, h, APE_UNSUPPORTED,
		    "this mode or policy is not supported");
	if (ses.stopping)
		return refuse(a, h, APE_STOPPING, "the daemon is stopping");
	if ((error = app_attach(a, h->request, &at, &why)) != APE_OK)
		return refuse(a, h, (unsigned int)error, why);
	return RB_OK;
}

static enum rb_result
request_update(struct app *a, const struct app_head *h, uint8_t *body)
{
	const char	*why;
	int		 error;

	if ((error = app_update(a, h->request, app_get32(body), body + 4,
	    h->len - 4, &why)) != APE_OK)
		return refuse(a, h, (unsigned int)error, why);
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
	if ((ms = bucket_owe(&ac->rate, (double)bytes, mono_us())) == 0 ||
	    a->gone)
		return;
	app_pause(a, APAUSE_RATE);
	event_after(&a->ev_tick, ms);
	/* where the system can tell */
	if (event_base_get_features(ses.env.base) & EV_FEATURE_EARLY_CLOSE)
		event_add(&a->ev_gone, NULL);
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

/* What an owner asks by the number of a capability that it only taps. */
static int
only_tapped(struct app *a, uint32_t capid)
{
	struct appcap	*ac = app_cap(a, capid);

	return ac != NULL && ac->tap;
}

static enum rb_result
not_there(struct app *a, const struct app_head *h, uint32_t capid)
{
	if (only_tapped(a, capid))
		return refuse(a, h, APE_DENIED, "a tap only listens");
	return refuse(a, h, APE_NOTFOUND, "no such peer");
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
	else if (h->flags & AFL_COMPLETE && !only_tapped(a, app_get32(body)))
		app_sent(a->node.key, h->request, h->peer, APS_GONE, 0);
	else
		not_there(a, h, app_get32(body));
	return RB_OK;
}

static enum rb_result
request_multisend(struct app *a, const struct app_head *h, uint8_t *body)
{
	multisend(a, h, body);
	return RB_OK;
}

static enum rb_result
request_accept(struct app *a, const struct app_head *h, uint8_t *body)
{
	struct peer	*p = peer_find(h->peer);
	struct peercap	*pc = NULL;

	if (p != NULL)
		pc = app_range(a, p, app_get32(body));
	if (pc == NULL)
		return not_there(a, h, app_get32(body));
	range_accept(pc);
	return RB_OK;
}

/* A peer that this application has, by any capability. */
static struct peer *
own_peer(struct app *a, uint32_t handle)
{
	struct peer	*p = peer_find(handle);
	uint32_t	 i;

	for (i = 0; p != NULL && i < p->ncaps; i++)
		if (p->caps[i].ac != NULL && p->caps[i].ac->app == a)
			return p;
	return NULL;
}

static enum rb_result
request_disconnect(struct app *a, const struct app_head *h, uint8_t *body)
{
	struct peer	*p;

	if (body[0] == DISC_NONE)
		return refuse(a, h, APE_INVALID, "no such reason");
	if ((p = own_peer(a, h->peer)) == NULL)
		return refuse(a, h, APE_NOTFOUND, "no such peer");
	peer_end(p, REASON_APPLICATION, body[0], 0);
	return RB_OK;
}

/* The parent, who keeps bans, ends the peer. */
static enum rb_result
request_penalise(struct app *a, const struct app_head *h, uint8_t *body)
{
	struct m_app_penalise	 m = { a->node.key, h->peer, body[0],
	    app_get32(body + 4) };
	struct peer		*p;

	if (m.disc == DISC_NONE)
		return refuse(a, h, APE_INVALID, "no such reason");
	if ((p = own_peer(a, h->peer)) == NULL)
		return refuse(a, h, APE_NOTFOUND, "no such peer");
	if (m.secs == 0)
		peer_end(p, REASON_APPLICATION, m.disc, 0);
	else if (!p->penalised) {
		p->penalised = 1;
		session_tell(&m_app_penalise_desc, &m);
	}
	return RB_OK;
}

static enum rb_result
request_hint(struct app *a, const struct app_head *h, uint8_t *body)
{
	struct m_app_hint	 m;
	struct app_hint		 in;

	if (app_hint_decode(&in, body, h->len) == -1)
		return refuse(a, h, APE_MALFORMED, "hint is malformed");
	if (in.addr.af == 0 || in.addr.port == 0)
		return refuse(a, h, APE_INVALID, "a hint needs an address");
	if (ses.env.full())
		return refuse(a, h, APE_QUEUE, "too many hints");
	memset(&m, 0, sizeof(m));
	m.app = a->node.key;
	memcpy(m.id, in.id, sizeof(m.id));
	m.addr = in.addr;
	m.udp = in.udp;
	session_tell(&m_app_hint_desc, &m);
	return RB_OK;
}

static enum rb_result
request_hello(struct app *a, const struct app_head *h, uint8_t *body)
{
	return refuse(a, h, APE_INVALID, "hello was said already");
}

static const struct request {
	uint16_t	 type;
	uint8_t		 owner;		/* not for who only taps */
	uint32_t	 minlen;
	enum rb_result	(*fn)(struct app *, const struct app_head *, uint8_t *);
} requests[] = {
	{ AF_SEND,		1, APP_MSG_HEAD,	request_send },
	{ AF_MULTISEND,		1, APP_MULTI_HEAD,	request_multisend },
	{ AF_ATTACH,		0, 0,			request_attach },
	{ AF_UPDATE,		0, 4,			request_update },
	{ AF_DETACH,		0, 4,			request_detach },
	{ AF_ACCEPT,		1, 4,			request_accept },
	{ AF_DISCONNECT,	1, 1,			request_disconnect },
	{ AF_PENALISE,		1, 8,			request_penalise },
	{ AF_HINT,		1, 0,			request_hint },
	{ AF_HELLO,		0, 0,			request_hello },
};

static int
only_taps(const struct app *a)
{
	const struct appcap	*ac;

	TAILQ_FOREACH(ac, &a->caps, entry)
		if (!ac->tap)
			return 0;
	return a->ncaps > 0;
}

/* A type that is not known is skipped, by the protocol's rule. */
enum rb_result
app_request(struct app *a, const struct app_head *h, uint8_t *body)
{
	const struct request	*r;

	for (r = requests; r < requests + nitems_of(requests); r++) {
		if (r->type != h->type)
			continue;
		if (h->len < r->minlen)
			return refuse(a, h, APE_MALFORMED, "frame too short");
		if (r->owner && a->ntaps > 0 && only_taps(a))
			return refuse(a, h, APE_DENIED, "a tap only listens");
		return r->fn(a, h, body);
	}
	return RB_OK;
}
