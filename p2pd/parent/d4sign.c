/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "p2pd/parent/parent.h"

/*
 * Packets of discovery: it says what is to be in them, field by field, and the
 * parent writes and signs them. So nobody who takes over that process can have
 * anything else signed, nor anything in advance: the expiration is ours.
 * Admission and control go first, at most D4_TURN in a turn of the loop.
 */
#define D4_TURN		32
#define D4_QUEUE	2048		/* asked for and not yet answered */
#define D4_RATE		20000.0		/* a second: half of a processor */
#define D4_BURST	4000.0
#define D4_EXPIRE	20		/* seconds */

static struct event *d4_ev;

static void
take_node(struct d4_endpoint *to, const struct m_d4_node *from)
{
	to->addr = from->addr;
	to->tcp = from->tcp;
}

static void
take_nodes(struct d4_packet *p, const struct m_d4_sign *m)
{
	uint32_t i;

	p->neighbors.n = m->n;
	for (i = 0; i < m->n; i++) {
		p->neighbors.v[i].addr = m->nodes[i].addr;
		p->neighbors.v[i].tcp = m->nodes[i].tcp;
		memcpy(p->neighbors.v[i].key, m->nodes[i].key, SECP_PUB);
	}
}

static int
packet_make(struct d4_packet *p, const struct m_d4_sign *m)
{
	const struct enr *e = record_get();

	memset(p, 0, sizeof(*p));
	p->type = m->type;
	p->expiration = (int64_t)time(NULL) + D4_EXPIRE;
	switch (m->type) {
	case D4_PING:
		take_node(&p->ping.from, &m->from);
		take_node(&p->ping.to, &m->to);
		p->ping.seq = e->seq;
		return 0;
	case D4_PONG:
		take_node(&p->pong.to, &m->to);
		memcpy(p->pong.hash, m->hash, sizeof(p->pong.hash));
		p->pong.seq = e->seq;
		return 0;
	case D4_FINDNODE:
		memcpy(p->findnode.target, m->target, SECP_PUB);
		return 0;
	case D4_NEIGHBORS:
		take_nodes(p, m);
		return 0;
	case D4_ENRREQUEST:
		return 0;
	case D4_ENRRESPONSE:
		memcpy(p->enrresponse.hash, m->hash, sizeof(m->hash));
		p->enrresponse.record = e->raw;
		p->enrresponse.len = e->len;
		return e->len == 0 ? -1 : 0;
	default:
		return -1;
	}
}

static void
answer(struct child *c, const struct m_d4_sign *m, int make)
{
	struct m_d4_signed s;
	struct d4_packet p;
	size_t len = 0;

	memset(&s, 0, sizeof(s));
	s.req = m->req;
	if (make && packet_make(&p, m) == 0 &&
	    key_sign_d4(&p, s.packet, &len) == 0) {
		s.len = len;
		c->d4_done[m->type]++;
	} else
		c->d4_refused++;
	child_msg(c, &m_d4_signed_desc, &s, -1);
}

static void
d4sign_turn(int fd, short what, void *arg)
{
	static const struct timeval now = { 0, 0 };
	struct child *c = child_first(PROC_DISCOVERY);
	struct d4req *q;
	unsigned int n;

	for (n = 0; n < D4_TURN && (q = TAILQ_FIRST(&c->d4q)) != NULL; n++) {
		TAILQ_REMOVE(&c->d4q, q, entry);
		c->nd4q--;
		answer(c, &q->sign, 1);
		free(q);
	}
	if (!TAILQ_EMPTY(&c->d4q))
		evtimer_add(d4_ev, &now);
}

void
d4sign_init(void)
{
	d4_ev = evtimer_new(parent.base, d4sign_turn, NULL);
	if (d4_ev == NULL)
		fatalx("no memory");
}

void
d4sign_request(struct channel *ch, struct chan_msg *msg, void *arg)
{
	static const struct timeval now = { 0, 0 };
	const struct m_d4_sign *m = msg->body;
	struct child *c = arg;
	struct d4req *q = NULL;

	if (m->type < D4_PING || m->type >= D4_NTYPES) {
		child_kill(c, "asks for a packet of no known type");
		return;
	}
	if (c->nd4q < D4_QUEUE && bucket_take(&c->d4_bucket, 1, mono_us()))
		q = malloc(sizeof(*q));
	if (q == NULL) {
		answer(c, m, 0);
		return;
	}
	q->sign = *m;
	TAILQ_INSERT_TAIL(&c->d4q, q, entry);
	c->nd4q++;
	if (!evtimer_pending(d4_ev, NULL))
		evtimer_add(d4_ev, &now);
}

/* What was asked for is for nobody any more; the next one begins anew. */
void
d4sign_drop(struct child *c)
{
	struct d4req *q;

	while ((q = TAILQ_FIRST(&c->d4q)) != NULL) {
		TAILQ_REMOVE(&c->d4q, q, entry);
		free(q);
	}
	c->nd4q = 0;
	bucket_init(&c->d4_bucket, D4_RATE, D4_BURST, mono_us());
}
