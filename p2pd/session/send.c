/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/multisend.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/pressure.h"
#include "p2pd/session/send.h"
#include "p2pd/session/show.h"

#define KIND_BITS	2		/* of a mark's c, over them the range */

size_t
send_depth(const struct peer *p, const struct peercap *pc)
{
	return p->out.bytes + (pc->sendq != NULL ? pc->sendq->bytes : 0);
}

/*
 * With memory short a queue is full early, so that what is sent faster than it
 * is read costs messages, not peers. One that stays full without cause has its
 * time limit.
 */
static int
full(struct peer *p, const struct peercap *pc, size_t n)
{
	size_t	 depth = send_depth(p, pc);

	if (depth < SEND_FULL)
		return depth >= TIGHT && !budget_room(n);
	if (p->over_at == 0)
		p->over_at = mono_ms();
	return 1;
}

static void
decided(struct peer *p, const struct peercap *pc, const struct ticket *t,
    enum app_sent outcome)
{
	struct app	*a;

	switch (t->kind) {
	case TICKET_SENT:
		app_sent(t->app, t->request, p->node.key, outcome,
		    outcome == APS_GONE ? 0 : send_depth(p, pc));
		break;
	case TICKET_MANY:
		multisend_decided(t->request, outcome);
		break;
	default:
		a = (struct app *)htab_find(&ses.apptab, t->app);
		if (a != NULL && outcome == APS_DROPPED)
			app_error(a, t->request, p->node.key, APE_QUEUE, 0,
			    "no memory to send it");
		break;
	}
}

void
send_mark(struct peer *p, const struct out_mark *m, int written)
{
	struct ticket	 t = { m->a, m->b, m->c & ((1U << KIND_BITS) - 1) };

	decided(p, &p->caps[m->c >> KIND_BITS], &t,
	    written ? APS_WRITTEN : APS_GONE);
}

/* Whether somebody is to be told when it is written. */
static int
is_asked(const struct ticket *t)
{
	return t->app != 0 && t->kind != TICKET_LOSS;
}

/*
 * What is sealed goes out, so that there must be room for its mark before: of
 * what nobody could tell the fate nothing is sent.
 */
static enum send_result
mark_room(struct peer *p, const struct ticket *t)
{
	if (is_asked(t) && out_mark_room(&p->out) == -1)
		return SEND_NOMEM;
	return SEND_OK;
}

/* What has, or has not, just been sealed is known by this ticket. */
static void
mark(struct peer *p, const struct peercap *pc, const struct ticket *t,
    enum send_result r)
{
	uint32_t	 c = (uint32_t)(pc - p->caps) << KIND_BITS | t->kind;

	if (!is_asked(t))
		return;
	if (r == SEND_OK)
		out_mark(&p->out, t->app, t->request, c);
	else
		out_mark_cancel(&p->out);
}

/*
 * A message has been taken on its way to this peer: whoever watches what owners
 * send hears of it here, with its payload, and nowhere else.
 */
static void
accepted(struct peer *p, struct peercap *pc, const struct message *m)
{
	pc->msgs_out++;
	pc->bytes_out += m->len;
	p->msgs_out++;
	ses.msgs_out++;
	if (ses.monitor)
		show_message(p, pc, m->code, m->len, "out");
	if (pc->tapped)
		taps_message(p, pc, m->code, m->payload, m->len, m->len, 0,
		    AFL_OUT);
}

static void
tell_depth(struct peer *p, struct peercap *pc, enum app_type type, size_t depth)
{
	uint8_t	 body[8];

	app_put32(body, pc->ac->capid);
	app_put32(body + 4, (uint32_t)depth);
	app_event(pc->ac->app, type, 0, p->node.key, body, sizeof(body));
}

/* Edges are told to the owner that caused them, and to no later one. */
static void
check_stalled(struct peer *p, struct peercap *pc)
{
	size_t	 depth = send_depth(p, pc);

	if (depth < SEND_STALLED || pc->ac == NULL || pc->ac->app == NULL ||
	    pc->stalled_app == pc->ac->app->node.key)
		return;
	if (pc->stalled_app == 0)
		p->nstalled++;
	pc->stalled_app = pc->ac->app->node.key;
	tell_depth(p, pc, AF_STALLED, depth);
}

static void
check_writable(struct peer *p, struct peercap *pc)
{
	size_t	 depth = send_depth(p, pc);

	if (pc->stalled_app == 0 || depth > SEND_WRITABLE)
		return;
	if (pc->ac != NULL && pc->ac->app != NULL &&
	    pc->ac->app->node.key == pc->stalled_app)
		tell_depth(p, pc, AF_WRITABLE, depth);
	pc->stalled_app = 0;
	p->nstalled--;
}

static size_t
code_len(uint32_t code)
{
	if (code < 0x80)
		return 1;
	return code <= 0xff ? 2 : code <= 0xffff ? 3 : 5;
}

/* The payload as this kind of peer gets it, in a buffer of its own. */
static enum send_result
make_form(struct message *m, int packed, struct holder *h)
{
	struct sbuf	*b;
	size_t		 len = m->len;

	if (m->form[packed] != NULL)
		return SEND_OK;
	if (len > FRAME_MAX)
		return SEND_TOOBIG;
	b = sbuf_new(h, packed ? frame_compress_max(len) : len);
	if (b == NULL)
		return SEND_NOMEM;
	if (packed)
		len = frame_compress(b->data, m->payload, len);
	else if (len > 0)
		memcpy(b->data, m->payload, len);
	if (packed && len == 0) {
		sbuf_unref(b);
		return SEND_TOOBIG;
	}
	m->form[packed] = sbuf_trim(b, len);
	return SEND_OK;
}

void
message_done(struct message *m)
{
	sbuf_unref(m->form[0]);
	sbuf_unref(m->form[1]);
	m->form[0] = m->form[1] = NULL;
}

/* Data as they lie in a frame, sealed for this peer. */
static enum send_result
seal_raw(struct peer *p, uint32_t code, const void *data, size_t n)
{
	uint8_t	*out;
	size_t	 len;

	if (n > FRAME_MAX - code_len(code))
		return SEND_TOOBIG;
	if ((out = out_reserve(&p->out, frame_wire_len(n + 9))) == NULL)
		return SEND_NOMEM;
	len = frame_seal_raw(p->codec, out, code, data, n);
	out_commit(&p->out, len);
	return len == 0 ? SEND_TOOBIG : SEND_OK;
}

/* One to one is compressed to where it is encrypted, without a copy. */
static enum send_result
seal_now(struct peer *p, uint32_t code, struct message *m)
{
	enum send_result	 r;
	uint8_t			*out;
	size_t			 max, len;

	if (m->many && frame_snappy_tx(p->codec)) {
		if ((r = make_form(m, 1, &ses.shared)) != SEND_OK)
			return r;
		return seal_raw(p, code, m->form[1]->data, m->form[1]->len);
	}
	if ((max = frame_seal_max(p->codec, m->len)) == 0)
		return SEND_TOOBIG;
	if ((out = out_reserve(&p->out, max)) == NULL)
		return SEND_NOMEM;
	len = frame_seal(p->codec, out, code, m->payload, m->len);
	out_commit(&p->out, len);
	return len == 0 ? SEND_TOOBIG : SEND_OK;
}

/* A buffer that goes to many is ours too; one that does not is taken over. */
static enum send_result
queue_form(struct peer *p, struct sendq *q, uint32_t code, struct message *m,
    struct sitem **itp)
{
	int			 packed = frame_snappy_tx(p->codec);
	enum send_result	 r;
	struct sbuf		*b;

	r = make_form(m, packed, m->many ? &ses.shared : &p->holder);
	if (r != SEND_OK)
		return r;
	b = m->form[packed];
	if (b->len > FRAME_MAX - code_len(code))
		r = SEND_TOOBIG;
	else if ((*itp = sendq_add(q, &p->holder, m->priority, 0)) == NULL)
		r = SEND_NOMEM;
	if (r != SEND_OK) {
		if (!m->many)
			message_done(m);
		return r;
	}
	(*itp)->buf = m->many ? sbuf_ref(b) : b;
	(*itp)->len = (uint32_t)b->len;
	if (m->many)
		p->shared += b->len;
	else
		m->form[packed] = NULL;
	return SEND_OK;
}

static enum send_result
queue_inline(struct peer *p, struct sendq *q, struct message *m, size_t max,
    struct sitem **itp)
{
	struct sitem	*it;
	uint8_t		*data;

	if ((it = sendq_add(q, &p->holder, m->priority, max)) == NULL)
		return SEND_NOMEM;
	data = (uint8_t *)(it + 1);
	it->len = (uint32_t)m->len;
	if (frame_snappy_tx(p->codec))
		it->len = (uint32_t)frame_compress(data, m->payload, m->len);
	else if (m->len > 0)
		memcpy(data, m->payload, m->len);
	*itp = it;
	return SEND_OK;
}

/* Frees the queue of a range if nothing waits there. */
static int
emptied(struct peer *p, struct peercap *pc)
{
	if (!sendq_empty(pc->sendq))
		return 0;
	sendq_free(pc->sendq, &p->holder);
	pc->sendq = NULL;
	return 1;
}

static enum send_result
queue(struct peer *p, struct peercap *pc, uint32_t code, struct message *m)
{
	size_t			 max = frame_compress_max(m->len);
	struct sitem		*it;
	enum send_result	 r;
	int			 first = pc->sendq == NULL;

	if (first && (pc->sendq = sendq_new(&p->holder)) == NULL)
		return SEND_NOMEM;
	r = m->many || max > SENDQ_INLINE ?
	    queue_form(p, pc->sendq, code, m, &it) :
	    queue_inline(p, pc->sendq, m, max, &it);
	if (r != SEND_OK) {
		emptied(p, pc);
		return r;
	}
	it->code = code;
	it->ticket = m->ticket;
	sendq_added(pc->sendq, m->priority, it);
	if (first) {
		p->nwaiting++;
		pc->sendq->served = p->vtime;
	}
	return SEND_OK;
}

enum send_result
send_message(struct peer *p, struct peercap *pc, struct message *m)
{
	uint32_t		 code = pc->shared.offset + m->code;
	enum send_result	 r;

	if (full(p, pc, m->len))
		return SEND_NOROOM;
	if (p->nwaiting == 0 &&
	    p->out.bytes < (m->many ? SEND_SEALED : SEND_DIRECT)) {
		if ((r = mark_room(p, &m->ticket)) == SEND_OK)
			r = seal_now(p, code, m);
		mark(p, pc, &m->ticket, r);
	} else
		r = queue(p, pc, code, m);
	if (r != SEND_OK)
		return r;
	accepted(p, pc, m);
	check_stalled(p, pc);
	return SEND_OK;
}

/* The next message's range: of those with any, the one served least. */
static struct peercap *
next_range(struct peer *p)
{
	struct peercap	*pc, *min = NULL;
	uint32_t	 i;

	for (i = 0; i < p->ncaps; i++) {
		pc = &p->caps[i];
		if (pc->sendq != NULL && (min == NULL ||
		    pc->sendq->served < min->sendq->served))
			min = pc;
	}
	return min;
}

/* Takes the first message of a range away. */
static void
pop(struct peer *p, struct peercap *pc)
{
	struct sitem	*it = sendq_first(pc->sendq);

	if (it->buf != NULL && it->buf->holder == &ses.shared)
		p->shared -= it->len;
	sendq_pop(pc->sendq, &p->holder);
	p->nwaiting -= (uint32_t)emptied(p, pc);
}

/*
 * Turns are by bytes: the range whose messages so far would have ended first,
 * had each been alone, is next. One that had nothing to send saved nothing up.
 */
static void
seal_next(struct peer *p)
{
	struct peercap	*pc = next_range(p);
	struct sitem	*it = sendq_first(pc->sendq);
	struct ticket	 t = it->ticket;
	size_t		 before = p->out.bytes;
	enum send_result r;

	if ((r = mark_room(p, &t)) == SEND_OK)
		r = seal_raw(p, it->code, sendq_data(it), it->len);
	p->vtime = pc->sendq->served;
	pc->sendq->served += p->out.bytes - before;
	pop(p, pc);
	mark(p, pc, &t, r);
	if (r != SEND_OK) {
		pc->dropped++;
		ses.dropped++;
		decided(p, pc, &t, APS_DROPPED);
	}
}

static int
roomy(const struct peer *p)
{
	uint32_t	 i;

	for (i = 0; i < p->ncaps; i++)
		if (send_depth(p, &p->caps[i]) > SEND_ROOM)
			return 0;
	return 1;
}

void
send_wrote(struct peer *p)
{
	uint32_t	 i;

	while (p->nwaiting > 0 && p->out.bytes < SEND_SEALED)
		seal_next(p);
	for (i = 0; p->nstalled > 0 && i < p->ncaps; i++)
		check_writable(p, &p->caps[i]);
	if (p->over_at != 0 && roomy(p))
		p->over_at = 0;
	apps_wake(p);
}

void
send_last(struct peer *p)
{
	while (p->nwaiting > 0 && p->out.bytes < SEND_LAST)
		seal_next(p);
}

void
send_gone(struct peer *p)
{
	struct peercap	*pc;
	struct ticket	 t;
	uint32_t	 i;

	for (i = 0; i < p->ncaps; i++) {
		pc = &p->caps[i];
		while (pc->sendq != NULL) {
			t = sendq_first(pc->sendq)->ticket;
			pop(p, pc);
			decided(p, pc, &t, APS_GONE);
		}
	}
}

void
send_clear(struct peer *p)
{
	uint32_t	 i;

	if (p->nwaiting == 0)
		return;
	for (i = 0; i < p->ncaps; i++)
		while (p->caps[i].sendq != NULL)
			pop(p, &p->caps[i]);
}
