/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/examples/eth-headers/peers.h"

#define HANDSHAKE_MS	10000	/* for a peer's status */
#define PEERS_WANTED	8
#define BAN_LIAR	3600	/* seconds */
#define BAN_USELESS	600
#define AWAY_MS		60000	/* after which it will not be back */

#define BREACH		0x02	/* of devp2p's reasons */
#define USELESS		0x03
#define TIMEOUT		0x0b
#define SUBPROTOCOL	0x10

uint64_t
fetch_clock(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/*
 * The node's record says which chain it is of, in "eth": a list of lists, of
 * which the first is the fork id. Only nodes of the same fork, whatever they
 * think comes next, are worth dialing.
 */
static int
add_fork(struct p2papp_options *o, const struct eth_status *us)
{
	struct p2papp_bytes	 prefixes[9];
	uint8_t			 entry[32], buf[9][7];
	size_t			 i, len;

	if ((len = eth_fork_encode(entry, sizeof(entry), us)) == 0 ||
	    p2papp_opt_enr(o, "eth", entry, len) == -1)
		return -1;
	for (i = 0; i < 9; i++) {	/* the next fork has 1 to 9 bytes */
		buf[i][0] = (uint8_t)(0xc0 + 7 + i);
		buf[i][1] = (uint8_t)(0xc0 + 6 + i);
		buf[i][2] = 0x80 + 4;
		memcpy(buf[i] + 3, us->fork, 4);
		prefixes[i].data = buf[i];
		prefixes[i].len = 7;
	}
	return p2papp_opt_condition(o, "eth", prefixes, 9);
}

static int
add_status(struct p2papp_options *o, const struct eth_status *us)
{
	struct eth_status	 st = *us;
	uint8_t			 buf[256];
	size_t			 i, n;

	for (i = 0; i < ETH_NVERSIONS; i++) {
		st.version = eth_versions[i].version;
		n = eth_status_encode(buf, sizeof(buf), &st);
		if (p2papp_opt_first(o, st.version, ETH_STATUS, buf, n) == -1)
			return -1;
	}
	return 0;
}

static int
attach(struct fetch *f, struct p2papp_options *o)
{
	struct p2papp_version	 versions[ETH_NVERSIONS];
	unsigned int		 i;

	for (i = 0; i < ETH_NVERSIONS; i++) {
		versions[i].version = eth_versions[i].version;
		versions[i].codes = eth_versions[i].codes;
	}
	if (p2papp_opt_handshake(o, HANDSHAKE_MS) == -1 ||
	    p2papp_opt_wanted(o, PEERS_WANTED) == -1 ||
	    (f->known && (add_status(o, &f->us) == -1 ||
	    add_fork(o, &f->us) == -1)))
		return -1;
	return p2papp_attach_opt(f->app, "eth", versions, ETH_NVERSIONS, P2PAPP_STOP,
	    o, &f->cap);
}

int
fetch_attach(struct fetch *f)
{
	struct p2papp_options	*o;
	int			 r;

	TAILQ_INIT(&f->peers);
	f->first = f->known;
	if (f->known) {
		chain_init(&f->chain, f->us.genesis, f->batch);
		f->started = 1;
	}
	if ((o = p2papp_options_new()) == NULL)
		return -1;
	r = attach(f, o);
	p2papp_options_free(o);
	return r;
}

static struct peer *
find(struct fetch *f, uint32_t handle)
{
	struct peer	*p;

	TAILQ_FOREACH(p, &f->peers, entry) {
		if (p->handle == handle)
			return p;
	}
	return NULL;
}

unsigned int
fetch_ready(const struct fetch *f)
{
	const struct peer	*p;
	unsigned int		 n = 0;

	TAILQ_FOREACH(p, &f->peers, entry)
		n += p->state == PEER_READY;
	return n;
}

/* What it owes is owed by nobody now. */
static void
give_up(struct fetch *f, struct peer *p)
{
	unsigned int	 i;

	for (i = PEER_REQUESTS; i-- > 0;) {
		if (p->requests[i].id != 0 && p->requests[i].piece != NULL)
			chain_give_up(&f->chain, p->requests[i].piece);
		p->requests[i].id = 0;
	}
}

static void
forget(struct fetch *f, struct peer *p)
{
	give_up(f, p);
	TAILQ_REMOVE(&f->peers, p, entry);
	free(p);
}

void
fetch_free(struct fetch *f)
{
	struct peer	*p;

	while ((p = TAILQ_FIRST(&f->peers)) != NULL)
		forget(f, p);
	if (f->started)
		chain_free(&f->chain);
}

static void
dismiss(struct fetch *f, struct peer *p, unsigned int reason, uint32_t secs,
    const char *why)
{
	printf("peer %" PRIu32 " dismissed: %s\n", p->handle, why);
	p2papp_penalise(f->app, p->handle, reason, secs, NULL);
	forget(f, p);
}

static void
liar(struct fetch *f, struct peer *p, const char *why)
{
	memcpy(f->liars[f->nliars++ % LIARS_MAX], p->id, P2PAPP_ID);
	dismiss(f, p, SUBPROTOCOL, BAN_LIAR, why);
}

static int
is_liar(const struct fetch *f, const uint8_t id[P2PAPP_ID])
{
	unsigned int	 i;

	for (i = 0; i < f->nliars && i < LIARS_MAX; i++) {
		if (memcmp(f->liars[i], id, P2PAPP_ID) == 0)
			return 1;
	}
	return 0;
}

static int
send_to(struct fetch *f, struct peer *p, uint32_t code, const uint8_t *data,
    size_t len)
{
	return p2papp_send(f->app, p->handle, f->cap, code, data, len, 0, NULL);
}

static void
send_status(struct fetch *f, struct peer *p)
{
	uint8_t	 buf[256];

	f->us.version = p->version;
	send_to(f, p, ETH_STATUS, buf, eth_status_encode(buf, sizeof(buf), &f->us));
}

void
fetch_up(struct fetch *f, const struct p2papp_event *ev)
{
	struct peer	*p;

	if ((p = find(f, ev->peer)) != NULL) {
		/* Back with the connection to p2pd: our handshake stands. */
		p2papp_accept(f->app, p->handle, f->cap);
		p->state = PEER_READY;
		printf("peer %" PRIu32 " is back\n", ev->peer);
		return;
	}
	if (ev->up->snapshot || is_liar(f, ev->up->id)) {
		/* Of a snapshot: who knows what was said to it before us. */
		p2papp_disconnect(f->app, ev->peer, 0, NULL);
		return;
	}
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return;
	p->handle = ev->peer;
	p->version = ev->version;
	p->state = PEER_NEW;
	memcpy(p->id, ev->up->id, P2PAPP_ID);
	TAILQ_INSERT_TAIL(&f->peers, p, entry);
	printf("peer %" PRIu32 " up: eth/%" PRIu32 " %s at %s\n", ev->peer,
	    ev->version, ev->up->client, ev->up->remote);
	if (f->known && !f->first)
		send_status(f, p);
}

void
fetch_down(struct fetch *f, const struct p2papp_event *ev)
{
	struct peer	*p;
	const char	*why;

	if ((p = find(f, ev->peer)) == NULL)
		return;
	why = p2papp_reason_name(ev->down->reason);
	printf("peer %" PRIu32 " down: %s\n", ev->peer, why);
	if (p->state == PEER_READY && strcmp(why, "session-died") == 0) {
		/* Its end was not told: p2pd may have it still. */
		give_up(f, p);
		p->state = PEER_AWAY;
		p->away = fetch_clock();
	} else
		forget(f, p);
}

static struct request *
request(struct fetch *f, struct peer *p, struct piece *piece)
{
	struct request	*r;
	unsigned int	 i;

	for (i = 0; i < PEER_REQUESTS; i++) {
		r = &p->requests[i];
		if (r->id != 0)
			continue;
		r->id = ++f->request;
		r->due = fetch_clock() + f->timeout;
		r->piece = piece;
		return r;
	}
	return NULL;
}

/* eth/68 tells the hash of its last block, not the number. */
static void
ask_head(struct fetch *f, struct peer *p, const uint8_t hash[ETH_HASH])
{
	struct request	*r = request(f, p, NULL);
	uint8_t		 buf[64];

	send_to(f, p, ETH_GET_HEADERS, buf,
	    eth_get_header(buf, sizeof(buf), r->id, hash));
}

static void
learn(struct fetch *f, const struct eth_status *st)
{
	int	 i;

	f->us = *st;
	f->known = 1;
	f->started = 1;
	chain_init(&f->chain, st->genesis, f->batch);
	printf("network %" PRIu64 ", genesis 0x", st->network);
	for (i = 0; i < ETH_HASH; i++)
		printf("%02x", st->genesis[i]);
	printf(", fork %02x%02x%02x%02x,%" PRIu64 "\n", st->fork[0], st->fork[1],
	    st->fork[2], st->fork[3], st->fork_next);
}

static void
got_status(struct fetch *f, struct peer *p, const struct p2papp_event *ev)
{
	struct eth_status	 st;
	struct peer		*q;

	if (p->state != PEER_NEW || eth_status_decode(&st, ev->data, ev->len) == -1 ||
	    st.version != p->version) {
		dismiss(f, p, BREACH, 0, "bad status");
		return;
	}
	if (!f->known) {
		learn(f, &st);
		TAILQ_FOREACH(q, &f->peers, entry)
			send_status(f, q);
	}
	if (st.network != f->us.network ||
	    memcmp(st.genesis, f->us.genesis, ETH_HASH) != 0) {
		dismiss(f, p, USELESS, BAN_USELESS, "another chain");
		return;
	}
	p2papp_accept(f->app, p->handle, f->cap);
	p->state = PEER_READY;
	p->max = st.latest;
	if (st.version < 69)
		ask_head(f, p, st.latest_hash);
}

static void
got_head(struct peer *p, struct rlp *headers)
{
	struct eth_header	 h;

	if (eth_header_next(&h, headers) == 0)
		p->max = h.number;
}

static void
lay(struct fetch *f)
{
	struct peer	*p;
	uint32_t	 who;

	while ((who = chain_lay(&f->chain)) != 0) {
		if ((p = find(f, who)) != NULL)
			liar(f, p, "its headers are not of the chain");
	}
}

static void
got_headers(struct fetch *f, struct peer *p, const struct p2papp_event *ev)
{
	struct rlp	 headers;
	struct request	*r = NULL;
	struct piece	*piece;
	uint64_t	 id, first;
	unsigned int	 i;
	int		 n;

	if (eth_headers_decode(&id, &headers, ev->data, ev->len) == -1) {
		liar(f, p, "malformed headers");
		return;
	}
	for (i = 0; i < PEER_REQUESTS && r == NULL; i++) {
		if (id != 0 && p->requests[i].id == id)
			r = &p->requests[i];
	}
	if (r == NULL)
		return;		/* late: it has been asked of another */
	r->id = 0;
	p->late = 0;
	if ((piece = r->piece) == NULL) {
		got_head(p, &headers);
		return;
	}
	first = piece->first;
	n = chain_put(&f->chain, piece, p->handle, &headers);
	if (n == -1) {
		liar(f, p, "headers that do not link");
		return;
	}
	if (n == 0 && p->max >= first)
		p->max = first - 1;
	lay(f);
}

void
fetch_message(struct fetch *f, const struct p2papp_event *ev)
{
	struct peer	*p;
	uint64_t	 latest;
	uint8_t		 buf[64];
	uint32_t	 reply;
	size_t		 n;

	if ((p = find(f, ev->peer)) == NULL)
		return;
	if (ev->code == ETH_STATUS)
		got_status(f, p, ev);
	else if (p->state != PEER_READY)
		dismiss(f, p, BREACH, 0, "no status");
	else if (ev->code == ETH_HEADERS)
		got_headers(f, p, ev);
	else if (ev->code == ETH_RANGE_UPDATE) {
		if (eth_range_decode(&latest, ev->data, ev->len) == 0)
			p->max = latest;
	} else if ((n = eth_answer(buf, sizeof(buf), p->version, ev->code, &reply,
	    ev->data, ev->len)) > 0)
		send_to(f, p, reply, buf, n);
}

static void
too_late(struct fetch *f, struct peer *p, uint64_t now)
{
	struct request	*r;
	unsigned int	 i;

	for (i = PEER_REQUESTS; i-- > 0;) {
		r = &p->requests[i];
		if (r->id == 0 || now < r->due)
			continue;
		r->id = 0;
		if (r->piece != NULL)
			chain_give_up(&f->chain, r->piece);
		if (++p->late >= PEER_PATIENCE) {
			dismiss(f, p, TIMEOUT, 0, "does not answer");
			return;
		}
	}
}

static uint64_t
next_due(const struct peer *p, uint64_t now, uint64_t wait)
{
	unsigned int	 i;

	for (i = 0; i < PEER_REQUESTS; i++) {
		if (p->requests[i].id != 0 && p->requests[i].due - now < wait)
			wait = p->requests[i].due - now;
	}
	return wait;
}

static int
over_rate(const struct fetch *f, uint64_t now)
{
	return f->rate != 0 && f->began != 0 &&
	    f->asked > (now - f->began) * f->rate / 1000;
}

/* How many have what comes next. */
static unsigned int
able(const struct fetch *f)
{
	const struct peer	*p;
	unsigned int		 n = 0;

	TAILQ_FOREACH(p, &f->peers, entry)
		n += p->state == PEER_READY && p->max > f->chain.height;
	return n;
}

/* One more request to this peer: 1 when it could be made. */
static int
ask(struct fetch *f, struct peer *p)
{
	struct request	*r = NULL;
	struct piece	*piece;
	uint8_t		 buf[64];
	unsigned int	 i;

	for (i = 0; i < PEER_REQUESTS && r == NULL; i++) {
		if (p->requests[i].id == 0)
			r = &p->requests[i];
	}
	if (r == NULL || p->state != PEER_READY)
		return 0;
	piece = chain_want(&f->chain, p->handle, p->max, able(f));
	if (piece == NULL)
		return 0;
	r = request(f, p, piece);
	if (send_to(f, p, ETH_GET_HEADERS, buf, eth_get_headers(buf, sizeof(buf),
	    r->id, piece->first, piece->count)) == -1) {
		r->id = 0;
		chain_give_up(&f->chain, piece);
		return 0;
	}
	f->asked += piece->count;
	return 1;
}

static void
set_target(struct fetch *f)
{
	struct peer	*p;
	uint64_t	 max = 0;

	TAILQ_FOREACH(p, &f->peers, entry) {
		if (p->state == PEER_READY && p->max > max)
			max = p->max;
	}
	if (f->last != 0)
		f->chain.target = f->last;
	else if (max > 0)
		f->chain.target = max;
}

uint64_t
fetch_work(struct fetch *f, uint64_t now)
{
	struct peer	*p, *next;
	uint64_t	 wait = UINT64_MAX;
	int		 more = 1;

	for (p = TAILQ_FIRST(&f->peers); p != NULL; p = next) {
		next = TAILQ_NEXT(p, entry);
		if (p->state == PEER_AWAY && now - p->away > AWAY_MS)
			forget(f, p);
		else
			too_late(f, p, now);
	}
	if (!f->started)
		return wait;
	set_target(f);
	if (f->began == 0 && fetch_ready(f) > 0)
		f->began = now;
	/* In turn, so that what is first is spread over all. */
	while (more && !over_rate(f, now)) {
		more = 0;
		TAILQ_FOREACH(p, &f->peers, entry) {
			if (!over_rate(f, now))
				more |= ask(f, p);
		}
	}
	TAILQ_FOREACH(p, &f->peers, entry)
		wait = next_due(p, now, wait);
	return over_rate(f, now) && wait > 20 ? 20 : wait;
}

int
fetch_done(const struct fetch *f)
{
	return f->started && f->chain.target > 0 &&
	    f->chain.height >= f->chain.target;
}
