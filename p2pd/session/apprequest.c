/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/caps.h"
#include "common/wire/reason.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/show.h"

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

/* The range of a peer that this application has by this number. */
static struct peercap *
own_range(struct app *a, struct peer *p, uint32_t capid)
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

static enum rb_result
wait_for(struct app *a, struct peer *p)
{
	if (p->over_at == 0)
		p->over_at = mono_ms();
	a->waiting_on = p->node.key;
	p->nwaiters++;
	app_pause(a, APAUSE_PEER);
	return RB_WAIT;
}

static enum rb_result
unsent(struct app *a, const struct app_head *h, struct peercap *pc)
{
	pc->dropped++;
	ses.dropped++;
	if (h->flags & AFL_COMPLETE)
		app_sent(a->node.key, h->request, h->peer, APS_DROPPED);
	else
		refuse(a, h, APE_QUEUE, "the peer's queue is full");
	return RB_OK;
}

static void
sent(struct app *a, const struct app_head *h, struct peer *p,
    struct peercap *pc, uint32_t code, size_t n)
{
	pc->msgs_out++;
	pc->bytes_out += n;
	p->msgs_out++;
	ses.msgs_out++;
	if (ses.monitor)
		show_message(p, pc, code, n, "out");
	if (h->flags & AFL_COMPLETE &&
	    out_mark(&p->out, a->node.key, h->request, 0) == -1)
		app_sent(a->node.key, h->request, h->peer, APS_WRITTEN);
}

/*
 * Who asks for completion learns at once when the peer's queue is full; who
 * does not is made to wait, and loses nothing as long as the peer reads.
 */
static enum rb_result
request_send(struct app *a, const struct app_head *h, uint8_t *body)
{
	struct peer	*p = peer_find(h->peer);
	struct peercap	*pc = NULL;
	uint32_t	 code = app_get32(body + 4);
	size_t		 n = h->len - APP_MSG_HEAD;

	if (p != NULL)
		pc = own_range(a, p, app_get32(body));
	if (pc == NULL) {
		/* peers go at any time: no error of the sender's */
		if (h->flags & AFL_COMPLETE)
			app_sent(a->node.key, h->request, h->peer, APS_GONE);
		else
			refuse(a, h, APE_NOTFOUND, "no such peer");
		return RB_OK;
	}
	if (code >= pc->shared.codes)
		return refuse(a, h, APE_INVALID, "code is out of range");
	if (n > FRAME_MAX)
		return refuse(a, h, APE_TOOBIG, "message is too long");
	if (p->out.bytes >= OUT_HIGH)
		return h->flags & AFL_COMPLETE ? unsent(a, h, pc) :
		    wait_for(a, p);
	if (peer_seal(p, (uint64_t)pc->shared.offset + code,
	    body + APP_MSG_HEAD, n) == -1) {
		if (errno == EMSGSIZE)
			return refuse(a, h, APE_TOOBIG, "message is too long");
		return unsent(a, h, pc);
	}
	sent(a, h, p, pc, code, n);
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
