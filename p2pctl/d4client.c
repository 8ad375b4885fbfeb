/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pctl/d4client.h"

#define BUCKETS		4096
#define EXPIRATION	20		/* seconds */
#define PROOF_MS	(12U * 3600 * 1000)	/* what the slowest take for fresh */
#define PINGED_MS	500		/* for the ping that follows our pong */
#define MORE_MS		300		/* for another packet of neighbors */
#define REPLIES		500		/* a second, to whoever pings */
#define READS		256		/* datagrams in a turn */

/* What is awaited. */
enum d4_step { STEP_PONG, STEP_PINGED, STEP_ANSWER };

struct d4_ask {
	TAILQ_ENTRY(d4_ask)	 entry;
	struct d4_peer		*peer;
	enum d4_question	 question;
	enum d4_step		 step;
	uint32_t		 tries;		/* left at this step */
	uint64_t		 sent_us;
	uint64_t		 deadline_ms;
	uint8_t			 hash[D4_HASH];
	uint8_t			 target[SECP_PUB];
	struct d4_answer	 answer;
	d4_done			 done;
	void			*arg;
};

struct d4_client {
	uint8_t			 priv[SECP_PRIV];
	uint8_t			 pub[SECP_PUB];
	struct enr		 record;
	struct pollfd		 fds[2];	/* IPv4, IPv6; fd -1 for none */
	uint32_t		 timeout_ms;
	uint32_t		 tries;
	struct bucket		 replies;
	TAILQ_HEAD(, d4_ask)	 asks;
	size_t			 nasks;
	struct d4_peer		*peers[BUCKETS];
};

static size_t
bucket_of(const uint8_t *key)
{
	return (size_t)(key[0] << 8 | key[1]) % BUCKETS;
}

static int
open_socket(int af)
{
	struct sockaddr_storage	 ss;
	struct addr		 any = { .af = af == AF_INET ? 4 : 6 };
	socklen_t		 len;
	int			 fd, on = 1;

	if ((fd = socket(af, SOCK_DGRAM, 0)) == -1)
		return -1;
	len = addr_to_sa(&any, &ss);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    (af == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
	    sizeof(on)) == -1) ||
	    bind(fd, (struct sockaddr *)&ss, len) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Without an address: nobody is to come to us. */
static int
make_record(struct d4_client *c)
{
	struct enr_build	 b;

	if (enr_build_init(&b, (uint64_t)time(NULL) * 1000, c->pub) == -1)
		return -1;
	return enr_sign(&c->record, &b, c->priv);
}

struct d4_client *
d4c_new(const uint8_t priv[SECP_PRIV], uint32_t timeout_ms, uint32_t tries)
{
	struct d4_client	*c;
	int			 r;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	TAILQ_INIT(&c->asks);
	c->timeout_ms = timeout_ms;
	c->tries = tries;
	bucket_init(&c->replies, REPLIES, REPLIES, mono_us());
	if (priv != NULL)
		memcpy(c->priv, priv, SECP_PRIV);
	r = priv != NULL ? secp_pub_from_priv(c->pub, priv) :
	    secp_keygen(c->priv, c->pub);
	c->fds[0].fd = open_socket(AF_INET);
	c->fds[1].fd = open_socket(AF_INET6);
	c->fds[0].events = c->fds[1].events = POLLIN;
	if (r == -1 || make_record(c) == -1 ||
	    (c->fds[0].fd == -1 && c->fds[1].fd == -1)) {
		d4c_free(c);
		return NULL;
	}
	return c;
}

static void
drop_ask(struct d4_client *c, struct d4_ask *a)
{
	TAILQ_REMOVE(&c->asks, a, entry);
	c->nasks--;
	a->peer->ask = NULL;
	free(a);
}

void
d4c_free(struct d4_client *c)
{
	struct d4_ask	*a;

	if (c == NULL)
		return;
	while ((a = TAILQ_FIRST(&c->asks)) != NULL)
		drop_ask(c, a);
	if (c->fds[0].fd != -1)
		close(c->fds[0].fd);
	if (c->fds[1].fd != -1)
		close(c->fds[1].fd);
	freezero(c, sizeof(*c));
}

const uint8_t *
d4c_key(const struct d4_client *c)
{
	return c->pub;
}

void
d4c_local(const struct d4_client *c, unsigned int af, struct addr *a)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);
	int			 fd = c->fds[af == 4 ? 0 : 1].fd;

	memset(a, 0, sizeof(*a));
	if (fd != -1 && getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
		(void)addr_from_sa(a, (struct sockaddr *)&ss);
}

void
d4c_add(struct d4_client *c, struct d4_peer *p)
{
	struct d4_peer	**s = &c->peers[bucket_of(p->key)];

	p->pinged_ms = 0;
	p->ask = NULL;
	p->next = *s;
	*s = p;
}

void
d4c_remove(struct d4_client *c, struct d4_peer *p)
{
	struct d4_peer	**s = &c->peers[bucket_of(p->key)];

	if (p->ask != NULL)
		drop_ask(c, p->ask);
	for (; *s != NULL; s = &(*s)->next)
		if (*s == p) {
			*s = p->next;
			return;
		}
}

struct d4_peer *
d4c_find(const struct d4_client *c, const uint8_t key[SECP_PUB])
{
	struct d4_peer	*p = c->peers[bucket_of(key)];

	while (p != NULL && memcmp(p->key, key, SECP_PUB) != 0)
		p = p->next;
	return p;
}

size_t
d4c_asked(const struct d4_client *c)
{
	return c->nasks;
}

/*
 * 0, with the packet's hash; or -1 with errno when it cannot be sent there at
 * all. What the system drops for now is lost like any datagram.
 */
static int
send_packet(struct d4_client *c, struct d4_packet *k, const struct addr *to,
    uint8_t hash[D4_HASH])
{
	struct sockaddr_storage	 ss;
	uint8_t			 buf[D4_MAX];
	socklen_t		 len;
	size_t			 n;
	int			 fd = c->fds[to->af == 4 ? 0 : 1].fd;

	if (fd == -1) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	k->expiration = (int64_t)time(NULL) + EXPIRATION;
	if (d4_sign(k, buf, &n, c->priv) == -1) {
		errno = EINVAL;
		return -1;
	}
	if (hash != NULL)
		memcpy(hash, buf, D4_HASH);
	len = addr_to_sa(to, &ss);
	if (sendto(fd, buf, n, 0, (struct sockaddr *)&ss, len) == -1 &&
	    errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
		return -1;
	return 0;
}

/* An address of no host, with our port: some do not take an empty one. */
static int
send_ping(struct d4_client *c, const struct addr *to, uint8_t hash[D4_HASH])
{
	struct d4_packet	 k = { .type = D4_PING };

	d4c_local(c, to->af, &k.ping.from.addr);
	k.ping.to.addr = *to;
	k.ping.seq = c->record.seq;
	return send_packet(c, &k, to, hash);
}

static int
send_question(struct d4_client *c, struct d4_ask *a)
{
	struct d4_packet	 k = { 0 };

	if (a->step == STEP_PONG)
		return send_ping(c, &a->peer->addr, a->hash);
	k.type = a->question == D4C_RECORD ? D4_ENRREQUEST : D4_FINDNODE;
	if (a->question == D4C_NODES)
		memcpy(k.findnode.target, a->target, SECP_PUB);
	return send_packet(c, &k, &a->peer->addr, a->hash);
}

/* The question is gone before done is called, which may put another. */
static void
finish(struct d4_client *c, struct d4_ask *a, enum d4_outcome outcome)
{
	struct d4_answer	 answer = a->answer;
	d4_done			 done = a->done;
	void			*arg = a->arg;

	answer.outcome = outcome;
	/* It may have forgotten us, or never have had our pong. */
	if (outcome == D4C_TIMEOUT)
		a->peer->pinged_ms = 0;
	drop_ask(c, a);
	done(&answer, arg);
}

/* -1 when the question has come to its end. */
static int
put_question(struct d4_client *c, struct d4_ask *a)
{
	a->sent_us = mono_us();
	a->deadline_ms = mono_ms() + c->timeout_ms;
	if (send_question(c, a) == 0)
		return 0;
	a->answer.error = errno;
	finish(c, a, D4C_UNREACHABLE);
	return -1;
}

static void
begin_step(struct d4_client *c, struct d4_ask *a, enum d4_step step)
{
	a->step = step;
	a->tries = c->tries;
	if (step == STEP_PINGED)
		a->deadline_ms = mono_ms() + PINGED_MS;
	else
		(void)put_question(c, a);
}

static int
proved(const struct d4_peer *p)
{
	return p->pinged_ms != 0 && mono_ms() - p->pinged_ms < PROOF_MS;
}

/* The first packet leaves in d4c_turn, so that done is called from there. */
int
d4c_ask(struct d4_client *c, struct d4_peer *p, enum d4_question question,
    const uint8_t target[SECP_PUB], d4_done done, void *arg)
{
	struct d4_ask	*a;

	if (p->ask != NULL || (a = calloc(1, sizeof(*a))) == NULL)
		return -1;
	a->peer = p;
	a->question = question;
	a->step = question == D4C_PING || !proved(p) ? STEP_PONG : STEP_ANSWER;
	a->tries = c->tries + 1;
	a->done = done;
	a->arg = arg;
	if (target != NULL)
		memcpy(a->target, target, SECP_PUB);
	p->ask = a;
	TAILQ_INSERT_TAIL(&c->asks, a, entry);
	c->nasks++;
	return 0;
}

static void
got_ping(struct d4_client *c, struct d4_peer *p, const struct d4_packet *k,
    const struct addr *from, const uint8_t *hash)
{
	struct d4_packet	 pong = { .type = D4_PONG };

	if (!bucket_take(&c->replies, 1, mono_us()))
		return;
	pong.pong.to.addr = *from;
	pong.pong.to.tcp = k->ping.from.tcp;
	memcpy(pong.pong.hash, hash, D4_HASH);
	pong.pong.seq = c->record.seq;
	if (send_packet(c, &pong, from, NULL) == -1 || p == NULL)
		return;
	p->pinged_ms = mono_ms();
	if (p->ask != NULL && p->ask->step == STEP_PINGED)
		begin_step(c, p->ask, STEP_ANSWER);
}

static void
got_enrrequest(struct d4_client *c, struct d4_peer *p, const struct addr *from,
    const uint8_t *hash)
{
	struct d4_packet	 k = { .type = D4_ENRRESPONSE };

	if (p == NULL || !bucket_take(&c->replies, 1, mono_us()))
		return;
	memcpy(k.enrresponse.hash, hash, D4_HASH);
	k.enrresponse.record = c->record.raw;
	k.enrresponse.len = c->record.len;
	(void)send_packet(c, &k, from, NULL);
}

/* Someone at the address that we pinged, who has what we sent there. */
static void
got_foreign_pong(struct d4_client *c, const struct d4_packet *k,
    const struct addr *from, const uint8_t key[SECP_PUB])
{
	struct d4_ask	*a;

	TAILQ_FOREACH(a, &c->asks, entry)
		if (a->step == STEP_PONG &&
		    memcmp(a->hash, k->pong.hash, D4_HASH) == 0 &&
		    addr_cmp_ip(&a->peer->addr, from) == 0 &&
		    memcmp(a->peer->key, key, SECP_PUB) != 0)
			break;
	if (a == NULL)
		return;
	memcpy(a->answer.key, key, SECP_PUB);
	finish(c, a, D4C_IMPOSTOR);
}

static int
is_pong_for(const struct d4_peer *p, const struct d4_packet *k)
{
	return p != NULL && p->ask != NULL && p->ask->step == STEP_PONG &&
	    memcmp(p->ask->hash, k->pong.hash, D4_HASH) == 0;
}

static void
got_pong(struct d4_client *c, struct d4_ask *a, const struct d4_packet *k)
{
	a->answer.rtt_us = mono_us() - a->sent_us;
	a->answer.seen = k->pong.to.addr;
	a->answer.seq = k->pong.seq;
	if (a->question == D4C_PING)
		finish(c, a, D4C_OK);
	else
		begin_step(c, a, proved(a->peer) ? STEP_ANSWER : STEP_PINGED);
}

static void
got_record(struct d4_client *c, struct d4_ask *a, const struct d4_packet *k)
{
	uint8_t		 key[SECP_PUB];

	if (a->step != STEP_ANSWER || a->question != D4C_RECORD ||
	    memcmp(a->hash, k->enrresponse.hash, D4_HASH) != 0)
		return;
	a->answer.rtt_us = mono_us() - a->sent_us;
	if (enr_decode(&a->answer.record, k->enrresponse.record,
	    k->enrresponse.len, NULL) == -1 ||
	    enr_verify(&a->answer.record, key, NULL) == -1 ||
	    memcmp(key, a->peer->key, SECP_PUB) != 0) {
		a->answer.record.len = 0;
		finish(c, a, D4C_BADRECORD);
	} else
		finish(c, a, D4C_OK);
}

/* Sixteen are all there are; after fewer there may be another packet. */
static void
got_neighbors(struct d4_client *c, struct d4_ask *a, const struct d4_packet *k)
{
	struct d4_answer	*w = &a->answer;
	uint32_t		 n = k->neighbors.n;

	if (a->step != STEP_ANSWER || a->question != D4C_NODES)
		return;
	if (w->nnodes == 0)
		w->rtt_us = mono_us() - a->sent_us;
	if (n > D4_NODES_MAX - w->nnodes)
		n = D4_NODES_MAX - w->nnodes;
	memcpy(w->nodes + w->nnodes, k->neighbors.v, n * sizeof(w->nodes[0]));
	w->nnodes += n;
	if (w->nnodes == D4_NODES_MAX)
		finish(c, a, D4C_OK);
	else {
		a->tries = 0;
		a->deadline_ms = mono_ms() + MORE_MS;
	}
}

static void
got_packet(struct d4_client *c, const uint8_t *p, size_t n,
    const struct addr *from)
{
	struct d4_packet	 k;
	struct d4_peer		*peer;
	uint8_t			 key[SECP_PUB];

	if (d4_check(p, n) != D4_OK || d4_decode(&k, p, n) != D4_OK ||
	    d4_expired(&k, (int64_t)time(NULL)) || d4_recover(key, p, n) == -1)
		return;
	peer = d4c_find(c, key);
	if (peer != NULL && addr_cmp_ip(&peer->addr, from) != 0)
		peer = NULL;
	if (k.type == D4_PING)
		got_ping(c, peer, &k, from, p);
	else if (k.type == D4_ENRREQUEST)
		got_enrrequest(c, peer, from, p);
	else if (k.type == D4_PONG && is_pong_for(peer, &k))
		got_pong(c, peer->ask, &k);
	else if (k.type == D4_PONG)
		got_foreign_pong(c, &k, from, key);
	else if (peer == NULL || peer->ask == NULL)
		return;
	else if (k.type == D4_ENRRESPONSE)
		got_record(c, peer->ask, &k);
	else if (k.type == D4_NEIGHBORS)
		got_neighbors(c, peer->ask, &k);
}

static void
read_socket(struct d4_client *c, int fd)
{
	struct sockaddr_storage	 ss;
	struct addr		 from;
	uint8_t			 buf[D4_MAX + 1];
	socklen_t		 len;
	ssize_t			 n;
	unsigned int		 i;

	for (i = 0; i < READS; i++) {
		len = sizeof(ss);
		n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&ss,
		    &len);
		if (n == -1)
			return;
		if (addr_from_sa(&from, (struct sockaddr *)&ss) == 0)
			got_packet(c, buf, (size_t)n, &from);
	}
}

/* What has waited long enough. */
static void
expire(struct d4_client *c, struct d4_ask *a)
{
	if (a->step == STEP_PINGED)
		begin_step(c, a, STEP_ANSWER);
	else if (a->tries > 1) {
		a->tries--;
		(void)put_question(c, a);
	} else
		finish(c, a, a->step == STEP_ANSWER &&
		    a->question == D4C_NODES && a->tries == 0 ?
		    D4C_OK : D4C_TIMEOUT);
}

static struct d4_ask *
first_due(struct d4_client *c)
{
	struct d4_ask	*a, *first = NULL;

	TAILQ_FOREACH(a, &c->asks, entry)
		if (first == NULL || a->deadline_ms < first->deadline_ms)
			first = a;
	return first;
}

void
d4c_turn(struct d4_client *c, uint32_t max_ms)
{
	struct d4_ask	*a;
	uint64_t	 now = 0;
	int		 i, wait = (int)max_ms;

	/* The next is after the now that it is held against. */
	while ((a = first_due(c)) != NULL && a->deadline_ms <= (now = mono_ms()))
		expire(c, a);
	if (a != NULL && a->deadline_ms - now < max_ms)
		wait = (int)(a->deadline_ms - now);
	if (poll(c->fds, nitems_of(c->fds), wait) <= 0)
		return;
	for (i = 0; i < 2; i++)
		if (c->fds[i].revents != 0)
			read_socket(c, c->fds[i].fd);
}

struct waiting {
	struct d4_answer	*answer;
	int			 done;
};

static void
waited(const struct d4_answer *answer, void *arg)
{
	struct waiting	*w = arg;

	*w->answer = *answer;
	w->done = 1;
}

int
d4c_wait(struct d4_client *c, struct d4_peer *p, enum d4_question question,
    struct d4_answer *answer)
{
	struct waiting	 w = { .answer = answer };

	if (d4c_ask(c, p, question, NULL, waited, &w) == -1)
		return -1;
	while (!w.done)
		d4c_turn(c, 1000);
	return 0;
}
