/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/time.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/ipc/channel.h"
#include "p2pd/control/serverint.h"

/*
 * A client of the control sockets: says hello, then asks one thing at a time.
 * The parent knows it by a number that we give out, never by one it sends.
 */
#define CLIENT_HIWAT	(1024 * 1024)	/* above, a monitor loses events */
#define CLIENT_LOWAT	(256 * 1024)
#define CLIENT_RATE	1000		/* messages a second */

enum client_state { CL_HELLO = 0, CL_READY };
#define IN(state)	(1U << (state))

enum client_monitor { MON_OFF, MON_EVENTS, MON_MESSAGES };

struct client {
	TAILQ_ENTRY(client)	 entry;
	struct server		*server;
	struct channel		*ch;
	struct event		*timer;
	uint32_t		 conn;
	int			 restricted;
	uint32_t		 uid;
	int			 busy;		/* a request is with the parent */
	enum client_monitor	 monitor;
	uint64_t		 lost;		/* events, not yet told */
};

static void	 client_hello(struct channel *, struct chan_msg *, void *);
static void	 client_request(struct channel *, struct chan_msg *, void *);

static const struct chan_rule client_rules[] = {
	{ &ctl_hello_desc, IN(CL_HELLO), CHAN_NOFD, client_hello },
	{ &ctl_show_desc, IN(CL_READY), CHAN_NOFD, client_request },
	{ &ctl_peer_desc, IN(CL_READY), CHAN_NOFD, client_request },
	{ &ctl_ban_desc, IN(CL_READY), CHAN_NOFD, client_request },
	{ &ctl_log_desc, IN(CL_READY), CHAN_NOFD, client_request },
	{ &ctl_stop_desc, IN(CL_READY), CHAN_NOFD, client_request },
	{ &ctl_lookup_desc, IN(CL_READY), CHAN_NOFD, client_request },
	{ &ctl_monitor_desc, IN(CL_READY), CHAN_NOFD, client_request }
};

/* What may be asked, and whether the read-only socket will do. */
static const struct request {
	const struct msgdesc	*desc;
	int			 reads;
} requests[] = {
	{ &ctl_show_desc, 1 },
	{ &ctl_monitor_desc, 1 },
	{ &ctl_peer_desc, 0 },
	{ &ctl_ban_desc, 0 },
	{ &ctl_log_desc, 0 },
	{ &ctl_stop_desc, 0 },
	{ &ctl_lookup_desc, 0 }
};

/* Every request begins with the number that we stamp. */
union request_body {
	uint32_t		 conn;
	struct ctl_show_req	 show;
	struct ctl_monitor_req	 monitor;
	struct ctl_peer_req	 peer;
	struct ctl_ban_req	 ban;
	struct ctl_log_req	 log;
	struct ctl_conn		 stop;
	struct ctl_lookup_req	 lookup;
};
_Static_assert(offsetof(struct ctl_show_req, conn) == 0 &&
    offsetof(struct ctl_monitor_req, conn) == 0 &&
    offsetof(struct ctl_peer_req, conn) == 0 &&
    offsetof(struct ctl_ban_req, conn) == 0 &&
    offsetof(struct ctl_log_req, conn) == 0 &&
    offsetof(struct ctl_conn, conn) == 0 &&
    offsetof(struct ctl_lookup_req, conn) == 0, "conn comes first");

static void
client_arm(struct client *c, uint32_t ms)
{
	struct timeval	 tv;

	tv.tv_sec = ms / 1000;
	tv.tv_usec = (suseconds_t)(ms % 1000) * 1000;
	event_add(c->timer, &tv);
}

void
client_free(struct client *c)
{
	struct server	*s = c->server;

	TAILQ_REMOVE(&s->clients, c, entry);
	s->nclients[c->restricted]--;
	if (c->timer != NULL)
		event_free(c->timer);
	channel_free(c->ch);
	free(c);
}

void
client_flush(struct client *c)
{
	channel_flush(c->ch, 0);
}

/* The client leaves; the parent is told if it still works for it. */
static void
client_leave(struct client *c, const char *why)
{
	struct server	*s = c->server;
	struct ctl_conn	 gone = { .conn = c->conn };
	int		 tell = c->busy;

	if (why != NULL)
		log_debug("control client %u: %s", c->conn, why);
	client_free(c);
	if (tell)
		server_send(s, &ctl_gone_desc, &gone, -1);
}

static void
client_down(struct channel *ch, const char *why, void *arg)
{
	client_leave(arg, why);
}

static void
client_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct client	*c = arg;

	client_leave(c, channel_state(c->ch) == CL_HELLO ?
	    "no hello in time" : "idle too long");
}

/*
 * Whose unread answers are long pays for that when all of them are too long;
 * whoever may have the read-only socket is not to cost the other one anything.
 */
static int
outputs_full(const struct client *c)
{
	const struct client	*o;
	size_t			 n = 0;

	if (channel_queued(c->ch) <= CLIENT_HIWAT)
		return 0;
	TAILQ_FOREACH(o, &c->server->clients, entry)
		if (o->restricted == c->restricted)
			n += channel_queued(o->ch);
	return n > SERVER_OUTPUTS;
}

/* 0, or -1 and the client is gone. */
static int
client_send(struct client *c, const struct msgdesc *d, const void *body)
{
	if (outputs_full(c) || channel_send(c->ch, d, body, -1) == -1) {
		client_leave(c, "does not read");
		return -1;
	}
	return 0;
}

static int
client_answer(struct client *c, enum ctl_code code, const char *text)
{
	struct ctl_end	 end;

	memset(&end, 0, sizeof(end));
	end.code = (uint8_t)code;
	strlcpy(end.text, text, sizeof(end.text));
	return client_send(c, &ctl_end_desc, &end);
}

static void
client_drained(struct channel *ch, void *arg)
{
	struct client	*c = arg;
	struct ctl_rec	 out;
	struct rec	 r;

	if (c->lost == 0)
		return;
	rec_init(&r);
	rec_str(&r, "event", "lost");
	rec_u64(&r, "lost", c->lost);
	if (rec_finish(&r) == -1)
		return;
	out.conn = 0;
	out.len = r.len;
	memcpy(out.rec, r.buf, r.len);
	c->lost = 0;
	client_send(c, &ctl_rec_desc, &out);
}

static uint32_t
next_conn(struct server *s)
{
	do {
		if (++s->lastconn == 0)
			s->lastconn = 1;
	} while (client_find(s, s->lastconn) != NULL);
	return s->lastconn;
}

/* Of all, and of one user where anybody may come. */
static int
too_many(const struct client *c)
{
	const struct server	*s = c->server;
	const struct client	*o;
	unsigned int		 n = 0;

	if (s->nclients[c->restricted] > SERVER_CLIENTS)
		return 1;
	if (!c->restricted)
		return 0;
	TAILQ_FOREACH(o, &s->clients, entry)
		n += o->restricted && o->uid == c->uid;
	return n > SERVER_USER;
}

void
client_new(struct server *s, int restricted, int fd)
{
	struct client	*c;
	uint32_t	 uid, gid, pid;
	struct chan_conf conf = {
		.name = "control client",
		.rules = client_rules,
		.nrules = nitems_of(client_rules),
		.hiwat = CLIENT_HIWAT,
		.lowat = CLIENT_LOWAT,
		.limit = SERVER_OUTPUT,
		.rate = CLIENT_RATE,
		.down = client_down,
		.drained = client_drained
	};

	if (server_peer(fd, &uid, &gid, &pid) == -1 ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		log_warn("control client");
		close(fd);
		return;
	}
	c->uid = uid;
	conf.arg = c;
	if ((c->ch = channel_new(s->base, fd, &conf)) == NULL) {
		log_warn("control client");
		free(c);
		return;
	}
	c->server = s;
	c->restricted = restricted;
	c->conn = next_conn(s);
	s->nclients[restricted]++;
	TAILQ_INSERT_TAIL(&s->clients, c, entry);
	if ((c->timer = evtimer_new(s->base, client_timeout, c)) == NULL) {
		client_leave(c, "no memory");
		return;
	}
	if (too_many(c)) {
		log_warnx("%zu control clients at once, one more of uid %u "
		    "refused", s->nclients[restricted] - 1, uid);
		if (client_answer(c, CTLE_BUSY, "too many clients") == 0) {
			channel_flush(c->ch, 0);
			client_leave(c, NULL);
		}
		return;
	}
	client_arm(c, s->conf.hello_ms);
}

struct client *
client_find(const struct server *s, uint32_t conn)
{
	struct client	*c;

	TAILQ_FOREACH(c, &s->clients, entry)
		if (c->conn == conn)
			return c;
	return NULL;
}

static void
client_hello(struct channel *ch, struct chan_msg *m, void *arg)
{
	struct client		*c = arg;
	const struct ctl_hello	*in = m->body;
	struct ctl_hello	 out;

	memset(&out, 0, sizeof(out));
	out.version = CTL_VERSION;
	out.restricted = (uint8_t)c->restricted;
	if (client_send(c, &ctl_hello_desc, &out) == -1)
		return;
	if (in->version != CTL_VERSION) {
		/* It sees from our hello why. */
		channel_flush(ch, 0);
		client_leave(c, "speaks another version");
		return;
	}
	channel_set_state(ch, CL_READY);
	client_arm(c, c->server->conf.idle_ms);
}

static const struct request *
request_find(uint32_t type)
{
	size_t	 i;

	for (i = 0; i < nitems_of(requests); i++)
		if (requests[i].desc->type == type)
			return &requests[i];
	return NULL;
}

static void
client_request(struct channel *ch, struct chan_msg *m, void *arg)
{
	struct client		*c = arg;
	const struct request	*rq;
	union request_body	 body;

	if ((rq = request_find(m->type)) == NULL)
		fatalx("request %u is not in its table", m->type);
	if (c->busy) {
		client_leave(c, "second request before the end of the first");
		return;
	}
	if (c->restricted && !rq->reads) {
		if (client_answer(c, CTLE_DENIED,
		    "not allowed on the read-only socket") == 0)
			client_arm(c, c->server->conf.idle_ms);
		return;
	}
	memcpy(&body, m->body, rq->desc->size);
	body.conn = c->conn;
	if (server_send(c->server, rq->desc, &body, -1) == -1) {
		client_answer(c, CTLE_BUSY, "the daemon is busy, try again");
		return;
	}
	c->busy = 1;
	event_del(c->timer);
	if (m->type == CTL_MONITOR)
		c->monitor = body.monitor.messages ? MON_MESSAGES : MON_EVENTS;
}

void
client_rec(struct client *c, const struct ctl_rec *rec)
{
	struct ctl_rec	 out;

	if (!c->busy)
		return;
	out.conn = 0;
	out.len = rec->len;
	memcpy(out.rec, rec->rec, rec->len);
	client_send(c, &ctl_rec_desc, &out);
}

void
client_end(struct client *c, const struct ctl_end *end)
{
	struct ctl_end	 out = *end;

	if (!c->busy)
		return;
	c->busy = 0;
	c->monitor = MON_OFF;
	c->lost = 0;
	out.conn = 0;
	if (client_send(c, &ctl_end_desc, &out) == 0)
		client_arm(c, c->server->conf.idle_ms);
}

/* The event, with the count of those that this client has lost. */
static void
client_event(struct client *c, const struct m_event *ev)
{
	struct ctl_rec	 out;
	struct rec	 r;
	uint64_t	 lost = c->lost + ev->lost;

	if (channel_full(c->ch)) {
		c->lost = lost + 1;
		c->server->lost++;
		return;
	}
	out.conn = 0;
	out.len = ev->len;
	memcpy(out.rec, ev->rec, ev->len);
	if (lost > 0) {
		rec_init(&r);
		rec_u64(&r, "lost", lost);
		memcpy(out.rec + out.len, r.buf, r.len);
		out.len += r.len;
	}
	c->lost = 0;
	client_send(c, &ctl_rec_desc, &out);
}

void
client_events(struct server *s, const struct m_event *ev)
{
	struct client	*c, *next;
	enum client_monitor need = ev->message ? MON_MESSAGES : MON_EVENTS;

	/* A client that is dropped takes only itself out of the list. */
	for (c = TAILQ_FIRST(&s->clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->monitor >= need)
			client_event(c, ev);
	}
}
