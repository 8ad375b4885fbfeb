/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pctl/client.h"
#include "p2pctl/d4client.h"
#include "p2pctl/nettool.h"
#include "p2pctl/offline.h"

#define TRIES		3		/* of a datagram */
#define PAUSE_MS	1000		/* between pings */

volatile sig_atomic_t	 net_interrupted;

static void
on_signal(int sig)
{
	net_interrupted = sig;
}

/* No SA_RESTART: poll is to return. */
void
net_catch_signals(int once)
{
	struct sigaction	 sa = { .sa_handler = on_signal };

	if (once)
		sa.sa_flags = (int)SA_RESETHAND;
	net_interrupted = 0;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

static int
resolve_name(struct addr *a, const char *host, char *err)
{
	struct addrinfo	 hints = { .ai_socktype = SOCK_DGRAM }, *list, *ai;
	int		 r;

	if ((r = getaddrinfo(host, NULL, &hints, &list)) != 0)
		return offline_fail(err, "%s: %s", host, gai_strerror(r));
	r = -1;
	for (ai = list; ai != NULL && r == -1; ai = ai->ai_next)
		r = addr_from_sa(a, ai->ai_addr);
	freeaddrinfo(list);
	return r == 0 ? EX_DONE : offline_fail(err, "%s: no address", host);
}

/* Where the node is spoken to. An exit code. */
static int
find_address(struct addr *a, const struct node_spec *n, char *err)
{
	uint16_t	 tcp;
	int		 r;

	if (n->host[0] != '\0') {
		if ((r = resolve_name(a, n->host, err)) != EX_DONE)
			return r;
		a->port = n->udp;
	} else if (node_spec_best(n, a, &tcp) == -1)
		a->port = 0;
	if (a->port == 0) {
		offline_fail(err, "the node has no address and UDP port");
		return EX_USAGE_ERR;
	}
	return EX_DONE;
}

static int
begin(struct d4_client **c, struct d4_peer *p, const struct net_request *rq,
    uint32_t tries, char *err)
{
	uint8_t		 priv[SECP_PRIV];
	int		 r = EX_DONE;

	memset(p, 0, sizeof(*p));
	memcpy(p->key, rq->node.key, SECP_PUB);
	if ((r = find_address(&p->addr, &rq->node, err)) != EX_DONE)
		return r;
	if (rq->key != NULL && (r = key_load(rq->key, priv, err)) != EX_DONE)
		return r;
	*c = d4c_new(rq->key != NULL ? priv : NULL, rq->timeout_ms, tries);
	explicit_bzero(priv, sizeof(priv));
	if (*c == NULL)
		return offline_fail(err, "socket: %s", strerror(errno));
	d4c_add(*c, p);
	return EX_DONE;
}

/* Why there is no answer. */
static int
no_answer(const struct d4_answer *w, const struct d4_peer *p, char *err)
{
	char		 at[ADDR_STRLEN], id[2 * SECP_PUB + 1];

	addr_format(&p->addr, at);
	switch (w->outcome) {
	case D4C_UNREACHABLE:
		return offline_fail(err, "%s: %s", at, strerror(w->error));
	case D4C_IMPOSTOR:
		return offline_fail(err, "%s is another node: %s", at,
		    hex_encode(id, w->key, SECP_PUB));
	case D4C_BADRECORD:
		return offline_fail(err, "%s sent a record that is not valid, "
		    "or not its own", at);
	default:
		if (w->rtt_us > 0)
			return offline_fail(err, "%s answers pings, but not "
			    "requests for its record", at);
		return offline_fail(err, "%s does not answer", at);
	}
}

static json_t *
text_or_null(const char *s)
{
	return s[0] == '\0' || strcmp(s, "-") == 0 ? json_null() :
	    json_string(s);
}

struct pings {
	uint32_t	 sent;
	uint32_t	 received;
	uint64_t	 sum;
	uint64_t	 min;
	uint64_t	 max;
};

static void
count_ping(struct pings *s, const struct d4_answer *w)
{
	s->sent++;
	if (w->outcome != D4C_OK)
		return;
	s->received++;
	s->sum += w->rtt_us;
	if (s->min == 0 || w->rtt_us < s->min)
		s->min = w->rtt_us;
	if (w->rtt_us > s->max)
		s->max = w->rtt_us;
}

static json_t *
ping_object(const struct d4_peer *p, const struct d4_answer *w,
    const struct pings *s)
{
	json_t		*o = json_object();
	char		 id[2 * SECP_PUB + 1], at[ADDR_STRLEN];

	json_object_set_new(o, "id", json_string(hex_encode(id, p->key,
	    SECP_PUB)));
	json_object_set_new(o, "address", json_string(addr_format(&p->addr,
	    at)));
	json_object_set_new(o, "sent", json_integer(s->sent));
	json_object_set_new(o, "received", json_integer(s->received));
	json_object_set_new(o, "rtt_us",
	    json_integer((json_int_t)(s->sum / s->received)));
	json_object_set_new(o, "rtt_min_us", json_integer((json_int_t)s->min));
	json_object_set_new(o, "rtt_max_us", json_integer((json_int_t)s->max));
	json_object_set_new(o, "seen", text_or_null(addr_format(&w->seen, at)));
	json_object_set_new(o, "seq", w->seq == 0 || w->seq > INT64_MAX ?
	    json_null() : json_integer((json_int_t)w->seq));
	return o;
}

static void
pause_for(struct d4_client *c, uint64_t ms)
{
	uint64_t	 end = mono_ms() + ms, now;

	while (!net_interrupted && (now = mono_ms()) < end)
		d4c_turn(c, (uint32_t)(end - now));
}

int
net_ping(const struct net_request *rq, json_t **out, char *err)
{
	struct d4_client	*c = NULL;
	struct d4_answer	 w, good = { .outcome = D4C_TIMEOUT };
	struct pings		 s = { 0 };
	struct d4_peer		 p;
	uint32_t		 i;
	int			 r;

	if ((r = begin(&c, &p, rq, 1, err)) != EX_DONE)
		return r;
	net_catch_signals(1);
	for (i = 0; i < rq->count; i++) {
		if (i > 0)
			pause_for(c, PAUSE_MS);
		if (net_interrupted)
			break;
		if (d4c_wait(c, &p, D4C_PING, &w) == -1) {
			r = offline_fail(err, "%s", strerror(errno));
			break;
		}
		count_ping(&s, &w);
		if (w.outcome == D4C_OK || good.outcome != D4C_OK)
			good = w;
	}
	if (s.received > 0)
		*out = ping_object(&p, &good, &s);
	else if (r == EX_DONE)
		r = no_answer(&good, &p, err);
	d4c_free(c);
	return r;
}

int
net_resolve(const struct net_request *rq, json_t **out, char *err)
{
	struct d4_client	*c = NULL;
	struct d4_answer	 w;
	struct d4_peer		 p;
	char			 at[ADDR_STRLEN];
	int			 r;

	if ((r = begin(&c, &p, rq, TRIES, err)) != EX_DONE)
		return r;
	if (d4c_wait(c, &p, D4C_RECORD, &w) == -1)
		r = offline_fail(err, "%s", strerror(errno));
	else if (w.outcome != D4C_OK)
		r = no_answer(&w, &p, err);
	else {
		*out = record_object(&w.record, NULL);
		json_object_set_new(*out, "address",
		    json_string(addr_format(&p.addr, at)));
		json_object_set_new(*out, "seen",
		    text_or_null(addr_format(&w.seen, at)));
		json_object_set_new(*out, "rtt_us",
		    json_integer((json_int_t)w.rtt_us));
	}
	d4c_free(c);
	return r;
}
