/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire/frame.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/multisend.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/send.h"

/* What is known so far of one with AFL_COMPLETE. */
struct multi {
	struct hnode		 node;	/* first; key is its number */
	TAILQ_ENTRY(multi)	 entry;
	uint32_t		 app;
	uint32_t		 request;
	uint32_t		 left;	/* peers undecided */
	uint32_t		 count[3];	/* by enum app_sent */
};

/* One in the making. */
struct cast {
	struct app		*app;
	struct appcap		*ac;
	const struct app_multisend *ask;
	struct message		 m;
	struct multi		*multi;		/* NULL: nobody asks */
	uint32_t		 stamp;		/* of the peers listed */
	uint32_t		 accepted, toobig;
};

static struct {
	TAILQ_HEAD(, multi)	 list;
	struct htab		 tab;
	uint32_t		 last;
	uint32_t		 stamp;
} multis = { TAILQ_HEAD_INITIALIZER(multis.list), { NULL, 0, 0 }, 0, 0 };

static struct multi *
multi_new(struct app *a, uint32_t request)
{
	struct multi	*mu;

	if (a->nmultis >= MULTIS_MAX ||
	    budget_take(&ses.shared, sizeof(*mu)) == -1)
		return NULL;
	if ((mu = calloc(1, sizeof(*mu))) == NULL) {
		budget_give(&ses.shared, sizeof(*mu));
		return NULL;
	}
	do
		mu->node.key = ++multis.last;
	while (htab_find(&multis.tab, mu->node.key) != NULL);
	if (htab_insert(&multis.tab, &mu->node) == -1) {
		budget_give(&ses.shared, sizeof(*mu));
		free(mu);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&multis.list, mu, entry);
	mu->app = a->node.key;
	mu->request = request;
	mu->left = 1;			/* until all were asked */
	a->nmultis++;
	return mu;
}

static void
multi_free(struct multi *mu)
{
	TAILQ_REMOVE(&multis.list, mu, entry);
	htab_remove(&multis.tab, &mu->node);
	budget_give(&ses.shared, sizeof(*mu));
	free(mu);
}

/* One less to wait for; the last one answers. */
static void
settle(struct multi *mu)
{
	struct app	*a;
	uint8_t		 body[12];
	unsigned int	 i;

	if (--mu->left > 0)
		return;
	if ((a = (struct app *)htab_find(&ses.apptab, mu->app)) != NULL) {
		a->nmultis--;
		for (i = 0; i < 3; i++)
			app_put32(body + 4 * i, mu->count[i]);
		app_reply(a, AF_SENT_MANY, mu->request, 0, body, sizeof(body));
	}
	multi_free(mu);
}

void
multisend_decided(uint32_t num, enum app_sent outcome)
{
	struct multi	*mu = (struct multi *)htab_find(&multis.tab, num);

	if (mu == NULL)
		return;
	mu->count[outcome]++;
	settle(mu);
}

void
multisend_cleanup(void)
{
	struct multi	*mu;

	while ((mu = TAILQ_FIRST(&multis.list)) != NULL)
		multi_free(mu);
	htab_free(&multis.tab);
}

static void
count(struct cast *c, enum app_sent outcome)
{
	if (c->multi != NULL)
		c->multi->count[outcome]++;
}

/* The range that this goes to; NULL for a peer that is not of those meant. */
static struct peercap *
range(const struct cast *c, struct peer *p)
{
	struct peercap	*pc = app_range(c->app, p, c->ask->capid);

	if (pc == NULL || c->m.code >= pc->shared.codes || (c->ask->version != 0 &&
	    c->ask->version != pc->shared.cap.version))
		return NULL;
	return pc;
}

static void
cast_to(struct cast *c, struct peer *p, struct peercap *pc)
{
	enum send_result	 r;

	/* its outcome may be known before this returns */
	if (c->multi != NULL)
		c->multi->left++;
	if ((r = send_message(p, pc, &c->m)) == SEND_OK) {
		c->accepted++;
		return;
	}
	if (c->multi != NULL)
		c->multi->left--;
	if (r == SEND_TOOBIG)
		c->toobig++;
	pc->dropped++;
	ses.dropped++;
	count(c, APS_DROPPED);
}

/* Every peer that is listed gets the stamp; one twice counts once. */
static void
cast_list(struct cast *c, int send)
{
	struct peer	*p;
	struct peercap	*pc;
	uint32_t	 i;

	c->stamp = ++multis.stamp;
	for (i = 0; i < c->ask->count; i++) {
		p = peer_find(app_get32(c->ask->handles + 4 * i));
		if (p != NULL && p->stamp == c->stamp)
			continue;
		if (p != NULL)
			p->stamp = c->stamp;
		if (!send)
			continue;
		if (p != NULL && (pc = range(c, p)) != NULL)
			cast_to(c, p, pc);
		else
			count(c, APS_GONE);
	}
}

static void
cast_all(struct cast *c)
{
	struct peer	*p;
	struct peercap	*pc;

	TAILQ_FOREACH(p, &ses.peers, entry)
		if (p->stamp != c->stamp && (pc = range(c, p)) != NULL)
			cast_to(c, p, pc);
}

/* Each choice of k among those there are is as likely as any other. */
static void
cast_random(struct cast *c)
{
	struct peer	*p;
	struct peercap	*pc;
	uint32_t	 n = 0, k = c->ask->k;

	TAILQ_FOREACH(p, &ses.peers, entry)
		n += p->stamp != c->stamp && range(c, p) != NULL;
	TAILQ_FOREACH(p, &ses.peers, entry) {
		if (k == 0)
			break;
		if (p->stamp == c->stamp || (pc = range(c, p)) == NULL)
			continue;
		if (arc4random_uniform(n--) < k) {
			cast_to(c, p, pc);
			k--;
		}
	}
}

static void
cast(struct cast *c)
{
	/* to all means to all, whatever is listed */
	if (c->ask->select == APL_ALL)
		c->stamp = ++multis.stamp;
	else
		cast_list(c, c->ask->select == APL_LIST);
	switch (c->ask->select) {
	case APL_ALL:
	case APL_BUT:
		cast_all(c);
		break;
	case APL_RANDOM:
		cast_random(c);
		break;
	}
	message_done(&c->m);
}

/* Whether any version that is meant has this code. */
static int
code_valid(const struct appcap *ac, const struct app_multisend *ask)
{
	uint32_t	 i;

	for (i = 0; i < ac->nvers; i++)
		if (ask->code < ac->vers[i].codes && (ask->version == 0 ||
		    ask->version == ac->vers[i].version))
			return 1;
	return 0;
}

static void
finish(struct cast *c, const struct app_head *h)
{
	uint64_t	 times = c->accepted == 0 ? 1 : c->accepted;

	if (c->accepted == 0 && c->toobig > 0) {
		if (c->multi != NULL) {
			c->app->nmultis--;
			multi_free(c->multi);
		}
		app_error(c->app, h->request, h->peer, APE_TOOBIG, 0,
		    "message is too long");
	} else if (c->multi != NULL)
		settle(c->multi);
	app_charge(c->app, c->ac, times * (APP_MSG_HEAD + c->m.len));
}

void
multisend(struct app *a, const struct app_head *h, const uint8_t *body)
{
	struct app_multisend	 ask;
	struct cast		 c;
	const char		*why = NULL;
	unsigned int		 error = APE_INVALID;

	memset(&c, 0, sizeof(c));
	if (app_multisend_decode(&ask, body, h->len) == -1) {
		why = "multisend is malformed";
		error = APE_MALFORMED;
	} else if ((c.ac = app_cap(a, ask.capid)) == NULL) {
		why = "not attached";
		error = APE_NOTFOUND;
	} else if (c.ac->tap) {
		why = "a tap only listens";
		error = APE_DENIED;
	} else if (ask.select > APL_RANDOM)
		why = "no such selection";
	else if (!code_valid(c.ac, &ask))
		why = "code is out of range";
	else if (ask.paylen > FRAME_MAX) {
		why = "message is too long";
		error = APE_TOOBIG;
	} else if (h->flags & AFL_COMPLETE &&
	    (c.multi = multi_new(a, h->request)) == NULL) {
		why = "too many multisends are undecided";
		error = APE_QUEUE;
	}
	if (why != NULL) {
		app_error(a, h->request, h->peer, error, 0, why);
		return;
	}
	c.app = a;
	c.ask = &ask;
	c.m.payload = ask.payload;
	c.m.len = ask.paylen;
	c.m.code = ask.code;
	c.m.priority = h->flags & AFL_PRIORITY;
	c.m.many = 1;
	if (c.multi != NULL) {
		c.m.ticket.app = a->node.key;
		c.m.ticket.request = c.multi->node.key;
		c.m.ticket.kind = TICKET_MANY;
	}
	cast(&c);
	finish(&c, h);
	app_worked(a, ask.count + (ask.select == APL_LIST ? 0 : ses.npeers));
}
