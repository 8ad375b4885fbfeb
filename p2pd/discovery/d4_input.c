/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/base/scope.h"
#include "p2pd/discovery/d4int.h"

/* A datagram on its way in: what costs least is looked at first. */
struct input {
	struct d4		*d;
	const struct addr	*from;
	const uint8_t		*buf;
	size_t			 len;
	struct d4_packet	 p;
	struct bucket		*tries;		/* paid, since it may be forged */
	uint8_t			 key[SECP_PUB];
	uint8_t			 id[NODE_ID];
};

/*
 * Rates, before the signature.
 */

/*
 * What of a source is counted by itself, since its address may be forged:
 * requests are no reason not to hear its answers, nor are answers whose sender
 * need not know what we asked a reason not to hear those of who does. Requests
 * of those who have proven to be there count when the signature is known to
 * be theirs; others', before it, and for all of a subnet: to forge one
 * address of it or the next is the same.
 */
enum tally { TALLY_STRANGER, TALLY_REQUEST, TALLY_GUESS, TALLY_ANSWER };

static size_t
tally_len(const struct addr *from, enum tally what)
{
	if (what == TALLY_STRANGER)
		return from->af == 4 ? 3 : 6;
	return from->af == 4 ? 4 : 8;
}

/* The rate of an address, of IPv6 of its /64; on a LAN the port counts too. */
static int
source_ok(struct d4 *d, const struct addr *from, enum tally what)
{
	struct source	*s;
	uint8_t		 buf[19];
	uint64_t	 hash, now = now_ms(d);

	memset(buf, 0, sizeof(buf));
	if (addr_is_lan(from)) {
		memcpy(buf, from->ip, 16);
		memcpy(buf + 16, &from->port, 2);
	} else
		memcpy(buf, from->ip, tally_len(from, what));
	buf[18] = what;
	hash = hash_bytes(&d->hkey, buf, sizeof(buf));
	s = &d->source[hash & (SOURCES - 1)];
	if (s->tag != hash >> 32) {
		s->tag = hash >> 32;
		s->level = SOURCE_BURST;
	} else {
		s->level += (float)(now - s->last) * SOURCE_RATE / 1000;
		if (s->level > SOURCE_BURST)
			s->level = SOURCE_BURST;
	}
	s->last = now;
	if (s->level < 1)
		return 0;
	s->level -= 1;
	return 1;
}

static int
limited(struct d4 *d)
{
	d->st.limited++;
	return 0;
}

/*
 * Pays for a signature with one of its address's tries, which it gets back
 * when it is who has proven to be there.
 */
static int
pays(struct input *in, struct bucket *tries)
{
	if (tries == NULL || !bucket_take(tries, 1, now_ms(in->d) * 1000))
		return 0;
	in->tries = tries;
	return 1;
}

static int
stranger_ok(struct input *in, int awaited)
{
	struct d4	*d = in->d;

	return (source_ok(d, in->from, TALLY_STRANGER) && (awaited ||
	    bucket_take(&d->strangers, 1, now_ms(d) * 1000))) ? 1 : limited(d);
}

/* May this packet cost a signature? */
static int
worth_ping(struct input *in)
{
	return pays(in, bond_tries(in->d->bonds, in->from)) ||
	    stranger_ok(in, contact_ip(in->d, in->from));
}

/* With nobody known there it would not be answered. */
static int
worth_request(struct input *in)
{
	struct bucket	*tries = bond_tries(in->d->bonds, in->from);

	if (tries == NULL) {
		in->d->st.unproven++;
		return 0;
	}
	return pays(in, tries) || stranger_ok(in, 0);
}

static int
unsolicited(struct d4 *d)
{
	d->st.unsolicited++;
	return 0;
}

/* Whoever is asked may still not answer for ever. */
static int
worth_answer(struct input *in, int awaited, enum tally what)
{
	if (!awaited)
		return unsolicited(in->d);
	return source_ok(in->d, in->from, what) ? 1 : limited(in->d);
}

static int
worth_pong(struct input *in)
{
	return worth_answer(in, contact_ping_hash(in->d, in->from,
	    in->p.pong.hash), TALLY_ANSWER);
}

static int
worth_neighbors(struct input *in)
{
	return worth_answer(in, contact_asked(in->d, in->from), TALLY_GUESS);
}

static int
worth_record(struct input *in)
{
	return worth_answer(in, contact_ask_hash(in->d, in->from,
	    in->p.enrresponse.hash), TALLY_ANSWER);
}

/*
 * What others say of us.
 */

static void
vote(struct d4 *d, const struct addr *from, const struct addr *says)
{
	static const uint32_t	 need[2] = { VOTES_NEED4, VOTES_NEED6 };
	unsigned int		 f = from->af == 6;
	uint64_t		 now = now_ms(d);
	struct addr		 won;

	if (d->fixed[f] || says->af != from->af || says->port == 0 ||
	    !addr_relay_ok(from, says))
		return;
	votes_add(&d->votes[f], from, says, now);
	if (now < d->vote_next)
		return;
	d->vote_next = now + 1000;
	votes_winner(&d->votes[f], need[f], now, &won);
	/* No majority at the moment is no reason to forget the last one. */
	if (won.af == 0 || addr_cmp(&won, &d->seen[f]) == 0)
		return;
	d->seen[f] = won;
	if (d->ops->endpoint != NULL)
		d->ops->endpoint(d->arg, &d->seen[0], &d->seen[1]);
}

/* All who speak discv4 let their packets expire after about as long. */
static int64_t
offset_of(const struct input *in)
{
	int64_t	 wall = in->d->ops->wall(in->d->arg);

	if (in->p.expiration > wall + INT32_MAX)
		return INT32_MAX;
	if (in->p.expiration < wall - INT32_MAX)
		return -INT32_MAX;
	return in->p.expiration - D4_EXPIRATION - wall;
}

static void
clocks(struct input *in, struct skew *s)
{
	int64_t	 median;

	if (skew_add(s, in->from, offset_of(in), now_ms(in->d), &median) &&
	    in->d->ops->skew != NULL)
		in->d->ops->skew(in->d->arg, median);
}

/*
 * Handlers, with the signature verified.
 */

/* The proof of the last 24 hours that the sender is there, or NULL. */
static const struct bond *
proof(struct input *in)
{
	const struct bond	*b = bond_find(in->d->bonds, in->id, in->from);

	return b != NULL && now_secs(in->d) - b->pong < D4_PROOF_ANSWER ? b :
	    NULL;
}

/* It is who it says: no forger's try. But it has a rate as well. */
static int
rate_ok(struct input *in)
{
	if (!source_ok(in->d, in->from, TALLY_REQUEST))
		return limited(in->d);
	if (in->tries != NULL)
		in->tries->level += 1;
	return 1;
}

/*
 * Is it in the table by another endpoint? A ping says nothing of whom it is for,
 * so anybody whom the node pings can send it to us, within the 20 s and from any
 * port: the table goes by our own ping there.
 */
static int
moved(struct d4 *d, const struct node *n)
{
	const struct tnode	*tn = table_find(d->table, n->id);

	return tn != NULL && tn->node.udp.af == n->udp.af &&
	    addr_cmp(&tn->node.udp, &n->udp) != 0;
}

static void
on_ping(struct input *in)
{
	struct d4		*d = in->d;
	struct d4_packet	 p;
	struct bond		*b;
	struct contact		*c;
	struct node		 n;
	int64_t			 age = INT64_MAX;
	int			 elsewhere;

	if (proof(in) != NULL && !rate_ok(in))
		return;
	memset(&p, 0, sizeof(p));
	p.type = D4_PONG;
	p.pong.to.addr = *in->from;
	p.pong.to.tcp = in->p.ping.from.tcp;
	memcpy(p.pong.hash, in->buf, D4_HASH);
	sign_answer(d, in->from, &p);

	memset(&n, 0, sizeof(n));
	memcpy(n.key, in->key, SECP_PUB);
	memcpy(n.id, in->id, NODE_ID);
	n.udp = *in->from;
	n.tcp = in->p.ping.from.tcp;
	if ((b = bond_find(d->bonds, in->id, in->from)) != NULL) {
		age = now_secs(d) - b->pong;
		b->ping = now_secs(d);
	}
	elsewhere = moved(d, &n);
	if (age < D4_PROOF_ANSWER && !elsewhere &&
	    table_add(d->table, &n, TABLE_INBOUND, now_ms(d)) == TABLE_ADDED)
		check_soon(d);
	if (age >= D4_PROOF_RENEW || elsewhere)
		contact_ping_back(d, &n, b != NULL);
	else if ((c = contact_find(d, in->id, in->from)) != NULL)
		contact_pinged(c);
	/*
	 * Others' clocks are before ours, and none of our pings is answered:
	 * to them they have expired.
	 */
	if (d->silence >= SILENCE)
		clocks(in, &d->pings);
}

/*
 * What we ask of two nodes at one address within a second is the same packet,
 * so its hash is not enough to know whom an answer comes from.
 */
static struct contact *
answerer(struct input *in, const uint8_t hash[D4_HASH])
{
	struct contact	*c = contact_find(in->d, in->id, in->from);

	if (c != NULL && in->p.type == D4_PONG && c->ping == PING_SENT &&
	    memcmp(c->ping_hash, hash, D4_HASH) == 0)
		return c;
	if (c != NULL && in->p.type == D4_ENRRESPONSE &&
	    c->stage == ASK_SENT && memcmp(c->ask_hash, hash, D4_HASH) == 0 &&
	    TAILQ_FIRST(&c->queries)->want == WANT_RECORD)
		return c;
	unsolicited(in->d);
	return NULL;
}

static void
on_pong(struct input *in)
{
	struct d4	*d = in->d;
	struct contact	*c = answerer(in, in->p.pong.hash);

	if (c == NULL)
		return;
	clocks(in, &d->pongs);
	/* Strangers' voices would be as many as they like. */
	if (c->own)
		vote(d, in->from, &in->p.pong.to.addr);
	contact_pong(c, in->p.pong.seq);
}

/* Is this request to be answered? */
static int
proven(struct input *in)
{
	if (proof(in) != NULL)
		return rate_ok(in);
	in->d->st.unproven++;
	return 0;
}

static void
on_findnode(struct input *in)
{
	struct d4		*d = in->d;
	const struct tnode	*v[2 * LOOKUP_K];
	struct d4_packet	 p;
	struct d4_node		*o;
	uint8_t			 target[NODE_ID];
	size_t			 i, n, all = 0;

	if (!proven(in))
		return;
	node_id(target, in->p.findnode.target);
	n = table_closest(d->table, target, 1, v, nitems_of(v));
	memset(&p, 0, sizeof(p));
	p.type = D4_NEIGHBORS;
	for (i = 0; i < n && all < LOOKUP_K; i++) {
		if (!addr_relay_ok(in->from, &v[i]->node.udp) ||
		    memcmp(v[i]->node.id, in->id, NODE_ID) == 0)
			continue;
		all++;
		o = &p.neighbors.v[p.neighbors.n++];
		o->addr = v[i]->node.udp;
		o->tcp = v[i]->node.tcp;
		memcpy(o->key, v[i]->node.key, SECP_PUB);
		if (p.neighbors.n == D4_NODES_OUT) {
			sign_answer(d, in->from, &p);
			p.neighbors.n = 0;
		}
	}
	if (p.neighbors.n > 0 || all == 0)
		sign_answer(d, in->from, &p);
}

/* A neighbor that may be spoken to, and told of by whom it was. */
static int
neighbor_ok(struct input *in, const struct d4_node *o)
{
	struct d4	*d = in->d;

	return o->addr.port >= NODE_UDP_MIN && family_ok(d, &o->addr) &&
	    addr_relay_ok(in->from, &o->addr) &&
	    memcmp(o->key, d->conf.key, SECP_PUB) != 0;
}

static void
on_neighbors(struct input *in)
{
	struct d4		*d = in->d;
	const struct d4_node	*o;
	struct contact		*c;
	struct query		*q;
	struct node		*n;
	uint32_t		 i;

	c = contact_find(d, in->id, in->from);
	if (c == NULL || c->stage != ASK_SENT ||
	    (q = TAILQ_FIRST(&c->queries))->want != WANT_NODES) {
		unsolicited(d);
		return;
	}
	q->heard = 1;
	q->told += in->p.neighbors.n;
	for (i = 0; i < in->p.neighbors.n && q->n < LOOKUP_K; i++) {
		o = &in->p.neighbors.v[i];
		if (!neighbor_ok(in, o))
			continue;
		n = &q->v[q->n];
		node_init(n, o->key, &o->addr, o->tcp);
		if (peer_ok(d, n->id, &n->udp) &&
		    (table_find(d->table, n->id) != NULL ||
		    d->ops->key_ok(d->arg, n->key)))
			q->n++;
	}
	if (q->told >= LOOKUP_K)
		query_done(c, D4_ANSWERED);
	else if (in->p.neighbors.n < D4_NODES_OUT &&
	    now_ms(d) + GRACE_MS < c->ask_timer.when)
		timer_set(&d->timers, &c->ask_timer, now_ms(d) + GRACE_MS);
}

static void
on_enrrequest(struct input *in)
{
	struct d4_packet	 p;

	if (!proven(in))
		return;
	memset(&p, 0, sizeof(p));
	p.type = D4_ENRRESPONSE;
	memcpy(p.enrresponse.hash, in->buf, D4_HASH);
	sign_answer(in->d, in->from, &p);
}

/* The record holds, is its sender's, and is not older than what we have. */
static int
record_good(struct input *in, struct enr *e, uint64_t seq)
{
	struct d4	*d = in->d;
	uint8_t		 key[SECP_PUB];

	return enr_decode(e, in->p.enrresponse.record, in->p.enrresponse.len,
	    NULL) == 0 && e->seq >= seq &&
	    d->ops->verify(d->arg, key, e) == 0 &&
	    memcmp(key, in->key, SECP_PUB) == 0;
}

static void
on_enrresponse(struct input *in)
{
	struct d4	*d = in->d;
	struct contact	*c = answerer(in, in->p.enrresponse.hash);
	struct query	*q;
	struct addr	 at;
	uint16_t	 tcp;
	struct enr	 e;

	if (c == NULL)
		return;
	q = TAILQ_FIRST(&c->queries);
	if (!record_good(in, &e, c->node.seq)) {
		query_done(c, D4_BAD_ANSWER);
		return;
	}
	node_copy(&q->v[0], &c->node);
	at = c->node.udp;
	tcp = c->node.tcp;
	if (node_set_record(&q->v[0], &e) == 0) {
		q->n = 1;
		if (!peer_ok(d, in->id, &q->v[0].udp)) {
			q->v[0].udp = at;
			q->v[0].tcp = tcp;
		}
		table_add(d->table, &q->v[0], TABLE_HEARD, now_ms(d));
	} else
		node_clear(&q->v[0]);
	query_done(c, q->n == 1 ? D4_ANSWERED : D4_BUSY);
}

static const struct {
	int	(*worth)(struct input *);
	void	(*handle)(struct input *);
} rules[D4_NTYPES] = {
	[D4_PING] = { worth_ping, on_ping },
	[D4_PONG] = { worth_pong, on_pong },
	[D4_FINDNODE] = { worth_request, on_findnode },
	[D4_NEIGHBORS] = { worth_neighbors, on_neighbors },
	[D4_ENRREQUEST] = { worth_request, on_enrrequest },
	[D4_ENRRESPONSE] = { worth_record, on_enrresponse }
};

/* A pong that fits one of our pings and has expired tells of clocks. */
static void
expired(struct input *in)
{
	in->d->st.bad[D4_EEXPIRED]++;
	if (in->p.type == D4_PONG &&
	    contact_ping_hash(in->d, in->from, in->p.pong.hash))
		clocks(in, &in->d->pongs);
}

void
d4_input(struct d4 *d, const struct addr *from, const uint8_t *buf, size_t len)
{
	struct input	 in;
	enum d4_err	 err;

	d->st.in_bytes += len;
	if (from->port == 0 || !family_ok(d, from) || addr_is_any(from) ||
	    !d->ops->permitted(d->arg, NULL, from)) {
		d->st.forbidden++;
		return;
	}
	if ((err = d4_check(buf, len)) != D4_OK ||
	    (err = d4_decode(&in.p, buf, len)) != D4_OK) {
		d->st.bad[err]++;
		return;
	}
	in.d = d;
	in.from = from;
	in.buf = buf;
	in.len = len;
	in.tries = NULL;
	if (d4_expired(&in.p, d->ops->wall(d->arg))) {
		expired(&in);
		return;
	}
	if (!rules[in.p.type].worth(&in))
		return;
	if (d->ops->recover(d->arg, in.key, buf, len) == -1) {
		d->st.bad[D4_ESIG]++;
		return;
	}
	node_id(in.id, in.key);
	if (memcmp(in.id, d->self, NODE_ID) == 0 ||
	    !d->ops->permitted(d->arg, in.id, from)) {
		d->st.forbidden++;
		return;
	}
	d->st.in[in.p.type]++;
	rules[in.p.type].handle(&in);
}
