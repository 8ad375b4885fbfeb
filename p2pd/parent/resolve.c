/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "p2pd/parent/parent.h"

/*
 * The resolver may block, so it is given one name at a time; when it has not
 * answered in RESOLVE_MS it is killed, and the next one starts with the next
 * name.
 */
#define RESOLVE_MS	5000
#define RESOLVE_QUEUE	1024

struct query {
	TAILQ_ENTRY(query) entry;
	struct m_resolve   m;
	int		   dead;	/* who asked is gone */
	void		 (*done)(const struct m_resolved *, void *);	/* NULL:
					   the dialer asks */
	void		  *arg;
};
static TAILQ_HEAD(queryhead, query) queries = TAILQ_HEAD_INITIALIZER(queries);
static unsigned int nqueries;
static int asked;		/* the first one is with the resolver */
static struct event *resolve_timer;

static void
resolve_tell(const struct query *q, const struct m_resolved *r)
{
	if (q->dead)
		return;
	if (q->done != NULL)
		q->done(r, q->arg);
	else
		children_msg(PROC_DIALER, &m_resolved_desc, r);
}

static void
resolve_fail(const struct query *q, const char *why)
{
	struct m_resolved r;

	memset(&r, 0, sizeof(r));
	r.req = q->m.req;
	strlcpy(r.text, why, sizeof(r.text));
	resolve_tell(q, &r);
}

static void
resolve_pop(void)
{
	struct query *q = TAILQ_FIRST(&queries);

	TAILQ_REMOVE(&queries, q, entry);
	nqueries--;
	free(q);
	asked = 0;
	evtimer_del(resolve_timer);
}

static void
resolve_next(void)
{
	static const struct timeval tv = { RESOLVE_MS / 1000, 0 };
	struct child *c = child_first(PROC_RESOLVER);
	struct query *q = TAILQ_FIRST(&queries);

	if (q == NULL || asked || !child_ready(c))
		return;
	if (child_msg(c, &m_resolve_desc, &q->m, -1) == -1)
		return;
	asked = 1;
	evtimer_add(resolve_timer, &tv);
}

static void
resolve_timeout(int fd, short what, void *arg)
{
	struct query *q = TAILQ_FIRST(&queries);

	if (!asked || q == NULL)
		return;
	log_warnx("resolver: no answer for %s in %d s", q->m.host,
	    RESOLVE_MS / 1000);
	resolve_fail(q, "no answer in time");
	resolve_pop();
	child_kill(child_first(PROC_RESOLVER), "hangs on a name");
}

void
resolve_init(void)
{
	resolve_timer = evtimer_new(parent.base, resolve_timeout, NULL);
	if (resolve_timer == NULL)
		fatalx("no memory");
}

static void
resolve_ask(const struct query *what)
{
	struct query *q = NULL;

	if (child_first(PROC_RESOLVER)->state == CH_GIVEN_UP) {
		resolve_fail(what, "the resolver was given up");
		return;
	}
	if (nqueries < RESOLVE_QUEUE)
		q = malloc(sizeof(*q));
	if (q == NULL) {
		resolve_fail(what, "too many names at once");
		return;
	}
	*q = *what;
	TAILQ_INSERT_TAIL(&queries, q, entry);
	nqueries++;
	resolve_next();
}

void
resolve_request(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_resolve *m = msg->body;
	struct query q;

	memset(&q, 0, sizeof(q));
	q.m = *m;
	resolve_ask(&q);
}

/* One that the resolver has already is only not answered. */
void
resolve_stop(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_resolve_stop *m = msg->body;
	struct query *q;

	TAILQ_FOREACH(q, &queries, entry)
		if (q->done == NULL && q->m.req == m->req)
			break;
	if (q == NULL)
		return;
	if (asked && q == TAILQ_FIRST(&queries)) {
		q->dead = 1;
		return;
	}
	TAILQ_REMOVE(&queries, q, entry);
	nqueries--;
	free(q);
}

void
resolve_name(const char *host, void (*done)(const struct m_resolved *, void *),
    void *arg)
{
	struct query q;

	memset(&q, 0, sizeof(q));
	strlcpy(q.m.host, host, sizeof(q.m.host));
	q.done = done;
	q.arg = arg;
	resolve_ask(&q);
}

void
resolve_done(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_resolved *m = msg->body;
	struct query *q = TAILQ_FIRST(&queries);
	uint32_t i;

	for (i = 0; i < m->n; i++)
		if (m->addrs[i].addr.af == 0) {
			child_kill(arg, "answers with what is no address");
			return;
		}
	/* An answer that came just too late. */
	if (!asked || q == NULL || q->m.req != m->req)
		return;
	resolve_tell(q, m);
	resolve_pop();
	resolve_next();
}

void
resolve_resolver_up(void)
{
	resolve_next();
}

void
resolve_resolver_gone(void)
{
	/* It died over the first name: not again. */
	if (asked) {
		resolve_fail(TAILQ_FIRST(&queries), "the resolver died");
		resolve_pop();
	}
	while (child_first(PROC_RESOLVER)->state == CH_GIVEN_UP &&
	    !TAILQ_EMPTY(&queries)) {
		resolve_fail(TAILQ_FIRST(&queries), "the resolver was given up");
		resolve_pop();
	}
}

void
resolve_dialer_gone(void)
{
	struct query *q, *t, *first;

	/* Its numbers mean nothing to the next dialer. */
	first = asked ? TAILQ_FIRST(&queries) : NULL;
	if (first != NULL && first->done == NULL)
		first->dead = 1;
	TAILQ_FOREACH_SAFE(q, &queries, entry, t) {
		if (q == first || q->done != NULL)
			continue;
		TAILQ_REMOVE(&queries, q, entry);
		nqueries--;
		free(q);
	}
}
