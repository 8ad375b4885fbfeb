/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/d4int.h"

/*
 * What is under way with a node at an address: its proof, and the questions
 * that wait for it. A contact is there as long as anything is.
 */

static void	 advance(struct contact *);

static uint64_t
hash_both(const struct d4 *d, const uint8_t id[NODE_ID], const struct addr *a)
{
	uint8_t	 buf[NODE_ID + 16];

	memcpy(buf, id, NODE_ID);
	memcpy(buf + NODE_ID, a->ip, 16);
	return hash_bytes(&d->hkey, buf, sizeof(buf));
}

static uint64_t
hash_ip(const struct d4 *d, const struct addr *a)
{
	return hash_bytes(&d->hkey, a->ip, 16);
}

static struct contact *
of_ip(struct hent *h)
{
	return (struct contact *)((char *)h - offsetof(struct contact, ip));
}

struct contact *
contact_find(struct d4 *d, const uint8_t id[NODE_ID], const struct addr *a)
{
	struct hent	*h;
	struct contact	*c;

	for (h = hmap_first(&d->contacts, hash_both(d, id, a)); h != NULL;
	    h = hmap_next(h)) {
		c = (struct contact *)h;
		if (memcmp(c->node.id, id, NODE_ID) == 0 &&
		    addr_cmp_ip(&c->node.udp, a) == 0)
			return c;
	}
	return NULL;
}

int
contact_ip(const struct d4 *d, const struct addr *a)
{
	struct hent	*h;

	for (h = hmap_first(&d->ips, hash_ip(d, a)); h != NULL;
	    h = hmap_next(h))
		if (!of_ip(h)->stranger)
			return 1;
	return 0;
}

int
contact_asked(const struct d4 *d, const struct addr *a)
{
	struct hent	*h;

	for (h = hmap_first(&d->ips, hash_ip(d, a)); h != NULL;
	    h = hmap_next(h))
		if (of_ip(h)->stage == ASK_SENT)
			return 1;
	return 0;
}

int
contact_ping_hash(const struct d4 *d, const struct addr *a,
    const uint8_t hash[D4_HASH])
{
	struct hent	*h;
	struct contact	*c;

	for (h = hmap_first(&d->ips, hash_ip(d, a)); h != NULL;
	    h = hmap_next(h)) {
		c = of_ip(h);
		if (c->ping == PING_SENT &&
		    memcmp(c->ping_hash, hash, D4_HASH) == 0)
			return 1;
	}
	return 0;
}

int
contact_ask_hash(const struct d4 *d, const struct addr *a,
    const uint8_t hash[D4_HASH])
{
	struct hent	*h;
	struct contact	*c;

	for (h = hmap_first(&d->ips, hash_ip(d, a)); h != NULL;
	    h = hmap_next(h)) {
		c = of_ip(h);
		if (c->stage == ASK_SENT &&
		    memcmp(c->ask_hash, hash, D4_HASH) == 0)
			return 1;
	}
	return 0;
}

static void
contact_free(struct contact *c)
{
	struct d4	*d = c->d4;

	if (c->ping == PING_SIGNING)
		sign_forget(d, c->ping_cookie);
	if (c->stage == ASK_SIGNING)
		sign_forget(d, c->ask_cookie);
	timer_clear(&d->timers, &c->ping_timer);
	timer_clear(&d->timers, &c->ask_timer);
	hmap_remove(&d->contacts, &c->h);
	hmap_remove(&d->ips, &c->ip);
	d->nstrangers -= c->stranger;
	node_clear(&c->node);
	free(c);
}

static void
hold(struct contact *c)
{
	c->hold++;
}

static void
release(struct contact *c)
{
	if (--c->hold == 0 && c->ping == PING_NONE &&
	    TAILQ_EMPTY(&c->queries))
		contact_free(c);
}

static void	 ping_over(void *);
static void	 ask_over(void *);

static struct contact *
contact_get(struct d4 *d, const struct node *n, int stranger)
{
	struct contact	*c;

	if ((c = contact_find(d, n->id, &n->udp)) != NULL)
		return c;
	if (d->contacts.n >= CONTACTS ||
	    (stranger && d->nstrangers >= CONTACTS_STRANGERS) ||
	    (c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->d4 = d;
	c->pinged = BOND_NEVER;
	c->ping_timer.fn = ping_over;
	c->ping_timer.arg = c;
	c->ask_timer.fn = ask_over;
	c->ask_timer.arg = c;
	TAILQ_INIT(&c->waiters);
	TAILQ_INIT(&c->queries);
	node_copy(&c->node, n);
	if (hmap_insert(&d->contacts, &c->h,
	    hash_both(d, n->id, &n->udp)) == -1) {
		node_clear(&c->node);
		free(c);
		return NULL;
	}
	if (hmap_insert(&d->ips, &c->ip, hash_ip(d, &n->udp)) == -1) {
		hmap_remove(&d->contacts, &c->h);
		node_clear(&c->node);
		free(c);
		return NULL;
	}
	c->stranger = stranger;
	d->nstrangers += stranger;
	return c;
}

/* We want something of it ourselves, too. */
static void
adopt(struct contact *c)
{
	c->d4->nstrangers -= c->stranger;
	c->stranger = 0;
	c->own = 1;
}

/*
 * Pings.
 */

static void
ping_send(struct contact *c)
{
	struct d4		*d = c->d4;
	struct d4_packet	 p;
	unsigned int		 f = c->ping_to.af == 6;

	memset(&p, 0, sizeof(p));
	p.type = D4_PING;
	p.ping.from.addr = d->from[f];
	p.ping.from.tcp = d->from_tcp[f];
	p.ping.to.addr = c->ping_to;
	c->tries -= c->tries > 0;
	c->ping = PING_SIGNING;
	if (sign_for(d, c, &c->ping_to, &p, &c->ping_cookie) == -1)
		contact_unsigned(c, D4_PING);
}

void
contact_signed(struct contact *c, unsigned int type,
    const uint8_t hash[D4_HASH])
{
	struct d4	*d = c->d4;
	uint64_t	 now = now_ms(d);

	if (type == D4_PING) {
		memcpy(c->ping_hash, hash, D4_HASH);
		c->ping = PING_SENT;
		c->ping_sent = now;
		timer_set(&d->timers, &c->ping_timer, now + D4_TIMEOUT);
	} else {
		memcpy(c->ask_hash, hash, D4_HASH);
		c->stage = ASK_SENT;
		timer_set(&d->timers, &c->ask_timer, now + D4_TIMEOUT);
	}
}

/* Told by the timer, so that nobody hears of it from within his own call. */
void
contact_unsigned(struct contact *c, unsigned int type)
{
	struct d4	*d = c->d4;

	if (type == D4_PING) {
		c->ping = PING_LOST;
		timer_set(&d->timers, &c->ping_timer, now_ms(d));
	} else {
		c->stage = ASK_LOST;
		timer_set(&d->timers, &c->ask_timer, now_ms(d));
	}
}

static void	 ping_begin(struct contact *, const struct addr *, unsigned int);

static struct waiter *
waiter_of(const struct contact *c, const struct addr *to, uint32_t turn)
{
	struct waiter	*w;

	TAILQ_FOREACH(w, &c->waiters, entry)
		if (w->turn <= turn && addr_cmp(&w->to, to) == 0)
			return w;
	return NULL;
}

/*
 * Tells those who have waited so far for what became of a ping to there. The
 * contact is held.
 */
static void
tell(struct contact *c, int ok, uint32_t rtt, uint64_t seq)
{
	struct addr	 to = c->ping_to;
	struct waiter	*w;
	uint32_t	 turn = c->turn++;

	while ((w = waiter_of(c, &to, turn)) != NULL) {
		waiter_drop(w);
		w->fn(w->arg, ok, rtt, seq);
	}
}

/* Those who wait for a ping to another port have their turn. */
static void
ping_next(struct contact *c)
{
	struct waiter	*w = TAILQ_FIRST(&c->waiters);

	if (c->ping == PING_NONE && w != NULL)
		ping_begin(c, &w->to, w->tries);
}

static void
ping_over(void *arg)
{
	struct contact	*c = arg;
	struct d4	*d = c->d4;
	struct addr	 to;
	int		 lost = c->ping == PING_LOST;

	if (c->ping == PING_SENT) {
		d->st.timeouts++;
		if (c->own)
			d->silence++;
	}
	if (c->tries > 0) {
		ping_send(c);
		return;
	}
	hold(c);
	c->ping = PING_NONE;
	c->inbound = 0;
	to = c->ping_to;
	tell(c, lost ? -1 : 0, 0, 0);
	if (c->stage == ASK_PROOF && c->ping == PING_NONE) {
		/* A stranger may have had us ping where it is not. */
		if (addr_cmp(&to, &c->node.udp) != 0)
			ping_begin(c, &c->node.udp, 1);
		else
			query_done(c, lost ? D4_BUSY : D4_TIMED_OUT);
	}
	ping_next(c);
	release(c);
}

static void
ping_begin(struct contact *c, const struct addr *to, unsigned int tries)
{
	if (c->ping != PING_NONE) {
		if (tries > 0 && c->tries < tries - 1)
			c->tries = tries - 1;
		return;
	}
	c->ping_to = *to;
	c->tries = tries;
	ping_send(c);
}

int
contact_ping(struct d4 *d, const struct node *n, unsigned int tries,
    struct waiter *w)
{
	struct contact	*c;

	if ((c = contact_get(d, n, 0)) == NULL)
		return -1;
	adopt(c);
	w->c = c;
	w->turn = c->turn;
	w->to = n->udp;
	w->tries = tries;
	TAILQ_INSERT_TAIL(&c->waiters, w, entry);
	if (c->ping == PING_NONE || addr_cmp(&c->ping_to, &w->to) == 0)
		ping_begin(c, &w->to, tries);
	return 0;
}

void
waiter_drop(struct waiter *w)
{
	if (w->c != NULL)
		TAILQ_REMOVE(&w->c->waiters, w, entry);
	w->c = NULL;
}

void
contact_ping_back(struct d4 *d, const struct node *n, int known)
{
	uint64_t	 us = now_ms(d) * 1000;
	struct contact	*c;
	int		 stranger = 1;

	if ((c = contact_find(d, n->id, &n->udp)) == NULL ||
	    c->ping == PING_NONE) {
		if (known && bucket_take(&d->renewals, 1, us))
			stranger = 0;
		else if (!bucket_take(&d->pings_back, 1, us)) {
			d->st.limited++;
			return;
		}
	}
	if ((c = contact_get(d, n, stranger)) == NULL) {
		d->st.limited++;
		return;
	}
	if (c->ping == PING_NONE) {
		c->inbound = 1;
		c->node.tcp = n->tcp;
		ping_begin(c, &n->udp, 1);
	} else if (addr_cmp(&c->ping_to, &n->udp) == 0)
		c->inbound = 1;
	contact_pinged(c);
}

void
contact_pinged(struct contact *c)
{
	c->pinged = now_secs(c->d4);
	if (c->stage == ASK_SETTLE)
		timer_set(&c->d4->timers, &c->ask_timer,
		    now_ms(c->d4) + SETTLE_MS);
}

/* The table hears of a proof that nobody's check has asked for. */
static void
proven_table(struct contact *c)
{
	struct d4		*d = c->d4;
	const struct tnode	*tn;
	struct node		 n;

	if (c->inbound) {
		node_init(&n, c->node.key, &c->ping_to, c->node.tcp);
		table_add(d->table, &n, TABLE_INBOUND, now_ms(d));
		node_clear(&n);
	}
	c->inbound = 0;
	/* A stranger's is no check: its turn comes when we choose. */
	if (c->own && (tn = table_find(d->table, c->node.id)) != NULL &&
	    !tn->checking && addr_cmp(&tn->node.udp, &c->ping_to) == 0)
		table_checked(d->table, tn->serial, c->node.id, 1, now_ms(d));
	check_soon(d);
}

static void
proven_event(struct contact *c, const struct addr *at, const struct bond *b)
{
	struct d4		*d = c->d4;
	const struct tnode	*tn = table_find(d->table, c->node.id);
	struct node		 n;
	int			 keep = 0;

	if (d->ops->proven == NULL)
		return;
	memset(&n, 0, sizeof(n));
	if (tn != NULL && addr_cmp_ip(&tn->node.udp, at) == 0) {
		node_copy(&n, &tn->node);
		keep = tn->live && tn->checks > TABLE_SEED_CHECKS;
	} else {
		node_copy(&n, &c->node);
		n.udp = *at;
	}
	d->ops->proven(d->arg, &n,
	    b->ping == BOND_NEVER ? 0 : unix_of(d, b->ping), keep);
	node_clear(&n);
}

void
contact_pong(struct contact *c, uint64_t seq)
{
	struct d4	*d = c->d4;
	struct bond	*b;
	struct addr	 at = c->ping_to;
	uint32_t	 rtt = (uint32_t)(now_ms(d) - c->ping_sent);

	hold(c);
	timer_clear(&d->timers, &c->ping_timer);
	c->ping = PING_NONE;
	d->silence = 0;
	b = bond_prove(d->bonds, c->node.id, &at, now_secs(d));
	if (b != NULL && c->pinged > b->ping)
		b->ping = c->pinged;
	proven_table(c);
	tell(c, 1, rtt, seq);
	if (b != NULL)
		proven_event(c, &at, b);
	if (c->stage == ASK_PROOF) {
		c->stage = ASK_SETTLE;
		timer_set(&d->timers, &c->ask_timer, now_ms(d) +
		    (c->pinged != BOND_NEVER ? SETTLE_MS : D4_TIMEOUT));
	}
	ping_next(c);
	release(c);
}

/*
 * Questions.
 */

/*
 * Does it know where we are? Our pong of less than 12 hours ago says so, but
 * may not have arrived: a question without an answer puts it in doubt.
 */
static int
knows_us(struct contact *c)
{
	struct bond	*b;

	b = bond_find(c->d4->bonds, c->node.id, &c->node.udp);
	return b != NULL && b->ping != BOND_NEVER && b->fails == 0 &&
	    now_secs(c->d4) - b->ping < D4_PROOF_RENEW;
}

static void
ask_send(struct contact *c)
{
	struct query		*q = TAILQ_FIRST(&c->queries);
	struct d4_packet	 p;

	memset(&p, 0, sizeof(p));
	if (q->want == WANT_NODES) {
		p.type = D4_FINDNODE;
		memcpy(p.findnode.target, q->target, SECP_PUB);
	} else
		p.type = D4_ENRREQUEST;
	c->stage = ASK_SIGNING;
	if (sign_for(c->d4, c, &c->node.udp, &p, &c->ask_cookie) == -1)
		contact_unsigned(c, p.type);
}

/* Begins with the first question, if none is being asked. */
static void
advance(struct contact *c)
{
	if (c->stage != ASK_IDLE || TAILQ_EMPTY(&c->queries))
		return;
	if (knows_us(c)) {
		ask_send(c);
		return;
	}
	c->stage = ASK_PROOF;
	ping_begin(c, &c->node.udp, 1);
}

struct query *
contact_ask(struct d4 *d, const struct node *n, enum want want,
    const uint8_t target[SECP_PUB], void (*fn)(void *, uint32_t,
    enum d4_outcome, const struct node *, size_t), void *arg, uint32_t num)
{
	struct contact	*c;
	struct query	*q;

	if (d->nqueries >= QUERIES || (c = contact_get(d, n, 0)) == NULL)
		return NULL;
	adopt(c);
	hold(c);
	if ((q = calloc(1, sizeof(*q))) != NULL) {
		q->c = c;
		q->want = want;
		if (target != NULL)
			memcpy(q->target, target, SECP_PUB);
		q->fn = fn;
		q->arg = arg;
		q->num = num;
		d->nqueries++;
		/* The port may be another than that of who pinged us. */
		if (TAILQ_EMPTY(&c->queries))
			node_copy(&c->node, n);
		TAILQ_INSERT_TAIL(&c->queries, q, entry);
		advance(c);
	}
	release(c);
	return q;
}

static void
query_free(struct query *q)
{
	struct contact	*c = q->c;
	struct d4	*d = c->d4;
	int		 first = q == TAILQ_FIRST(&c->queries);

	TAILQ_REMOVE(&c->queries, q, entry);
	d->nqueries--;
	while (q->n > 0)
		node_clear(&q->v[--q->n]);
	free(q);
	if (!first || c->stage == ASK_IDLE)
		return;
	if (c->stage == ASK_SIGNING)
		sign_forget(d, c->ask_cookie);
	timer_clear(&d->timers, &c->ask_timer);
	c->stage = ASK_IDLE;
}

void
query_drop(struct query *q)
{
	struct contact	*c = q->c;

	hold(c);
	query_free(q);
	advance(c);
	release(c);
}

/* What the end of a question says of who was asked. */
static void
reckon(struct contact *c, const struct query *q, enum d4_outcome how)
{
	struct d4	*d = c->d4;
	struct bond	*b = bond_find(d->bonds, c->node.id, &c->node.udp);

	if (b != NULL && how == D4_ANSWERED)
		b->fails = 0;
	else if (b != NULL && how == D4_TIMED_OUT)
		b->fails++;
	if (q->want == WANT_NODES && how != D4_BUSY)
		table_asked(d->table, c->node.id,
		    how == D4_ANSWERED && q->n > 0, now_ms(d));
}

void
query_done(struct contact *c, enum d4_outcome how)
{
	struct query	*q = TAILQ_FIRST(&c->queries), copy;

	hold(c);
	reckon(c, q, how);
	copy = *q;
	q->n = 0;
	query_free(q);
	advance(c);
	copy.fn(copy.arg, copy.num, how, copy.v, copy.n);
	while (copy.n > 0)
		node_clear(&copy.v[--copy.n]);
	check_soon(c->d4);
	release(c);
}

static void
ask_over(void *arg)
{
	struct contact	*c = arg;
	struct query	*q = TAILQ_FIRST(&c->queries);

	hold(c);
	if (c->stage == ASK_SETTLE)
		ask_send(c);
	else if (c->stage == ASK_LOST)
		query_done(c, D4_BUSY);
	else if (c->stage == ASK_SENT) {
		/* The first part of an answer is one, too. */
		c->d4->st.timeouts += !q->heard;
		query_done(c, q->heard ? D4_ANSWERED : D4_TIMED_OUT);
	}
	release(c);
}

void
contacts_free(struct d4 *d)
{
	struct contact	*c;
	struct query	*q;
	uint32_t	 i;

	for (i = 0; i < d->contacts.size; i++)
		while ((c = (struct contact *)d->contacts.v[i]) != NULL) {
			while ((q = TAILQ_FIRST(&c->queries)) != NULL)
				query_free(q);
			contact_free(c);
		}
	hmap_free(&d->contacts);
	hmap_free(&d->ips);
}
