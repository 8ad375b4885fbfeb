/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/wire/reason.h"
#include "p2pd/dialer/dial.h"

struct dial {
	TAILQ_ENTRY(dial)	 entry;
	struct dials		*all;
	struct plan_dial	 what;
	enum stage		 stage;		/* ST_RESOLVE, ST_CONNECT, ST_AUTH */
	uint32_t		 conn;		/* 0 until M_DIAL */
	uint32_t		 req;		/* to the resolver; 0: none */
	uint64_t		 begun_ms;
	struct addr		 addrs[RESOLVED_MAX];
	uint32_t		 naddrs;
	uint32_t		 tried;
	struct addr		 remote;	/* the last that was tried */
	unsigned int		 reason;	/* why it was not that one */
	int			 err;
	int			 fd;
	struct event		 ev;		/* the resolver's time, or the socket */
};

struct dials {
	struct dials_conf	 conf;
	TAILQ_HEAD(, dial)	 list;
	size_t			 n;
	uint32_t		 last_req;
};

static void	 dial_try(struct dial *);

struct dials *
dials_new(const struct dials_conf *conf)
{
	struct dials	*all;

	if ((all = calloc(1, sizeof(*all))) == NULL)
		return NULL;
	all->conf = *conf;
	TAILQ_INIT(&all->list);
	return all;
}

static void
dial_free(struct dial *d)
{
	TAILQ_REMOVE(&d->all->list, d, entry);
	d->all->n--;
	event_del(&d->ev);
	if (d->fd != -1)
		close(d->fd);
	free(d);
}

void
dials_free(struct dials *all)
{
	if (all == NULL)
		return;
	while (!TAILQ_EMPTY(&all->list))
		dial_free(TAILQ_FIRST(&all->list));
	free(all);
}

size_t
dials_count(const struct dials *all)
{
	return all->n;
}

static void
dial_over(struct dial *d, const struct plan_result *r)
{
	struct dials	*all = d->all;
	uint8_t		 id[SECP_PUB];

	memcpy(id, d->what.id, sizeof(id));
	dial_free(d);
	all->conf.done(id, r, all->conf.arg);
}

/* The parent asks for one name at a time: not for this one in vain. */
static void
resolve_end(struct dial *d)
{
	struct m_resolve_stop	 m = { .req = d->req };

	if (d->req == 0)
		return;
	d->req = 0;
	if (d->all->conf.send(&m_resolve_stop_desc, &m, -1) == -1)
		log_debug("M_RESOLVE_STOP");
}

/* The end of a dial that came to no set-up. */
static void
dial_fail(struct dial *d, unsigned int reason, const char *detail)
{
	struct plan_result	 r;
	struct m_attempt	 m;

	resolve_end(d);
	memset(&m, 0, sizeof(m));
	m.conn = d->conn;
	m.flags = d->what.is_static ? PF_STATIC : 0;
	m.stage = (uint8_t)d->stage;
	m.reason = (uint16_t)reason;
	m.disc_sent = m.disc_recv = DISC_NONE;
	m.has_id = 1;
	memcpy(m.id, d->what.id, sizeof(m.id));
	m.remote = d->remote;
	m.ms = (uint32_t)(mono_ms() - d->begun_ms);
	m.count = 1;
	strlcpy(m.detail, detail, sizeof(m.detail));
	if (d->all->conf.send(&m_attempt_desc, &m, -1) == -1) {
		/* For the parent it would be under way for ever. */
		if (d->conn != 0)
			fatal("M_ATTEMPT for dial %u", d->conn);
		log_warn("M_ATTEMPT for a dial");
	}
	memset(&r, 0, sizeof(r));
	r.reason = reason;
	r.disc_recv = DISC_NONE;
	dial_over(d, &r);
}

/* The parent hears of a dial before the node can, for the sake of cross-dials. */
static int
announce(struct dial *d)
{
	struct m_dial	 m;

	if (d->conn != 0)
		return 0;
	d->conn = setups_number(d->all->conf.setups);
	memset(&m, 0, sizeof(m));
	m.conn = d->conn;
	memcpy(m.id, d->what.id, sizeof(m.id));
	m.remote = d->remote;
	m.flags = d->what.is_static ? PF_STATIC : 0;
	if (d->all->conf.send(&m_dial_desc, &m, -1) == -1) {
		d->conn = 0;
		return -1;
	}
	return 0;
}

static void
begin_setup(struct dial *d)
{
	struct setup_start	 start;
	int			 on = 1;

	event_del(&d->ev);
	setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	memset(&start, 0, sizeof(start));
	start.conn = d->conn;
	start.fd = d->fd;
	start.flags = d->what.is_static ? PF_STATIC : 0;
	start.expect = d->what.id;
	start.remote = d->remote;
	start.begun_ms = d->begun_ms;
	d->fd = -1;
	d->stage = ST_AUTH;
	setup_begin(d->all->conf.setups, &start);
}

static void
address_failed(struct dial *d, unsigned int reason, int err)
{
	d->reason = reason;
	d->err = err;
	if (d->fd != -1) {
		event_del(&d->ev);
		close(d->fd);
		d->fd = -1;
	}
}

static void
connect_done(int fd, short what, void *arg)
{
	struct dial	*d = arg;
	socklen_t	 len = sizeof(int);
	int		 err = 0;

	if (what & EV_TIMEOUT) {
		address_failed(d, REASON_CONNECT_TIMEOUT, 0);
		dial_try(d);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
		err = errno;
	if (err != 0) {
		address_failed(d, REASON_CONNECT_FAILED, err);
		dial_try(d);
		return;
	}
	begin_setup(d);
}

/* One of several addresses has a third of the time. */
static void
connect_wait(struct dial *d)
{
	uint32_t	 ms = policy_net(d->all->conf.policy)->connect_ms;
	struct timeval	 tv;

	if (d->naddrs > 1)
		ms /= 3;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	event_del(&d->ev);
	event_assign(&d->ev, d->all->conf.base, d->fd, EV_WRITE, connect_done, d);
	event_add(&d->ev, &tv);
}

static int
connect_begin(struct dial *d)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;

	len = addr_to_sa(&d->remote, &ss);
	d->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd == -1 || (connect(d->fd, (struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS)) {
		address_failed(d, REASON_CONNECT_FAILED, errno);
		return -1;
	}
	connect_wait(d);
	return 0;
}

/* Goes on with the next address, or ends the dial. */
static void
dial_try(struct dial *d)
{
	unsigned int	 reason;

	d->stage = ST_CONNECT;
	while (d->tried < d->naddrs) {
		d->remote = d->addrs[(d->what.turn + d->tried++) % d->naddrs];
		d->remote.port = d->what.tcp;
		reason = policy_addr(d->all->conf.policy, &d->remote);
		if (reason != REASON_NONE) {
			address_failed(d, reason, 0);
			continue;
		}
		if (announce(d) == -1) {
			dial_fail(d, REASON_PARENT_BUSY, "");
			return;
		}
		if (connect_begin(d) == 0)
			return;
	}
	dial_fail(d, d->reason, d->err == 0 ? "" : strerror(d->err));
}

static void
resolve_timeout(int fd, short what, void *arg)
{
	dial_fail(arg, REASON_RESOLVE_FAILED, "resolver did not answer");
}

static void
resolve_begin(struct dial *d)
{
	static const struct timeval	 tv = { DIAL_RESOLVE_MS / 1000, 0 };
	struct m_resolve		 m;

	d->stage = ST_RESOLVE;
	if (++d->all->last_req == 0)
		d->all->last_req = 1;
	memset(&m, 0, sizeof(m));
	m.req = d->all->last_req;
	strlcpy(m.host, d->what.host, sizeof(m.host));
	if (d->all->conf.send(&m_resolve_desc, &m, -1) == -1) {
		dial_fail(d, REASON_PARENT_BUSY, "");
		return;
	}
	d->req = m.req;
	event_add(&d->ev, &tv);
}

void
dial_begin(struct dials *all, const struct plan_dial *what)
{
	struct dial	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		fatal("calloc");
	d->all = all;
	d->what = *what;
	d->fd = -1;
	d->stage = ST_CONNECT;
	d->begun_ms = mono_ms();
	TAILQ_INSERT_TAIL(&all->list, d, entry);
	all->n++;
	event_assign(&d->ev, all->conf.base, -1, 0, resolve_timeout, d);
	if (memcmp(d->what.id, all->conf.own, SECP_PUB) == 0)
		dial_fail(d, REASON_SELF, "");
	else if (policy_id(all->conf.policy, d->what.id) != REASON_NONE)
		dial_fail(d, REASON_BANNED_ID, "");
	else if (addr_parse_ip(&d->addrs[0], d->what.host) == 0) {
		d->naddrs = 1;
		dial_try(d);
	} else
		resolve_begin(d);
}

void
dials_resolved(struct dials *all, const struct m_resolved *m)
{
	struct dial	*d;
	uint32_t	 i;

	TAILQ_FOREACH(d, &all->list, entry) {
		if (d->req != 0 && d->req == m->req)
			break;
	}
	if (d == NULL)
		return;
	d->req = 0;
	event_del(&d->ev);
	if (m->n == 0) {
		dial_fail(d, REASON_RESOLVE_FAILED, m->text);
		return;
	}
	for (i = 0; i < m->n; i++)
		d->addrs[i] = m->addrs[i].addr;
	d->naddrs = m->n;
	dial_try(d);
}

void
dials_ended(struct dials *all, const struct setup_end *end)
{
	struct plan_result	 r;
	struct dial		*d;

	TAILQ_FOREACH(d, &all->list, entry) {
		if (d->conn == end->conn)
			break;
	}
	if (d == NULL)
		return;
	memset(&r, 0, sizeof(r));
	r.accepted = end->accepted;
	r.reason = end->reason;
	r.disc_recv = end->disc_recv;
	r.reached = 1;
	dial_over(d, &r);
}

void
dial_cancel(struct dials *all, const uint8_t id[SECP_PUB], unsigned int reason)
{
	struct dial	*d;

	TAILQ_FOREACH(d, &all->list, entry) {
		if (memcmp(d->what.id, id, SECP_PUB) == 0)
			break;
	}
	if (d == NULL)
		return;
	if (d->stage == ST_AUTH)
		setup_cancel(all->conf.setups, d->conn, reason);
	else
		dial_fail(d, reason, "");
}

void
dials_stop(struct dials *all)
{
	struct dial	*d, *next;

	for (d = TAILQ_FIRST(&all->list); d != NULL; d = next) {
		next = TAILQ_NEXT(d, entry);
		if (d->stage != ST_AUTH)
			dial_fail(d, REASON_STOPPING, "");
	}
}
