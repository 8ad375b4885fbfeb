/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/wire/reason.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/send.h"
#include "p2pd/session/show.h"

static void	 tick(int, short, void *);

struct peer *
peer_find(uint32_t handle)
{
	return (struct peer *)htab_find(&ses.peertab, handle);
}

/*
 * One timer a peer, never touched by a message: it goes off for the nearest of
 * the deadlines as they are now, at the latest for the next ping. A deadline
 * set in between is farther away than that, but for a stall's.
 */
static void
arm(struct peer *p, uint64_t now)
{
	uint64_t	 at = p->ping_at, accept = ranges_deadline(p);

	if (p->pause == 0 && p->read_at + READ_MS < at)
		at = p->read_at + READ_MS;
	if (p->out.bytes > 0 && p->out.since + WRITE_MS < at)
		at = p->out.since + WRITE_MS;
	if (p->over_at != 0 && p->over_at + WRITE_MS < at)
		at = p->over_at + WRITE_MS;
	if ((p->pause & PAUSE_APP) && p->stalled_at + ses.init.stall_ms < at)
		at = p->stalled_at + ses.init.stall_ms;
	if (accept != 0 && accept < at)
		at = accept;
	event_after(&p->ev_timer, at > now ? at - now : 0);
}

void
peer_arm(struct peer *p)
{
	if (p->state == PEER_UP)
		arm(p, mono_ms());
}

static unsigned int
overdue(const struct peer *p, uint64_t now)
{
	uint64_t	 accept = ranges_deadline(p);

	if (p->out.bytes > 0 && now >= p->out.since + WRITE_MS)
		return REASON_WRITE_TIMEOUT;
	if (p->over_at != 0 && now >= p->over_at + WRITE_MS)
		return REASON_QUEUE_FULL;
	if ((p->pause & PAUSE_APP) && now >= p->stalled_at + ses.init.stall_ms)
		return REASON_STALLED;
	if (p->pause == 0 && now >= p->read_at + READ_MS)
		return REASON_READ_TIMEOUT;
	if (accept != 0 && now >= accept)
		return REASON_HANDSHAKE_TIMEOUT;
	return REASON_NONE;
}

static void
tick(int fd, short what, void *arg)
{
	struct peer	*p = arg;
	uint64_t	 now = mono_ms();
	unsigned int	 reason;

	if (p->state == PEER_LINGER) {
		linger_end(p);
		return;
	}
	if ((reason = overdue(p, now)) != REASON_NONE) {
		peer_fail(p, reason);
		return;
	}
	if (now >= p->ping_at)
		peer_ping(p, now);
	arm(p, now);
}

static void
sent_mark(struct out *o, const struct out_mark *m)
{
	struct peer	*p = o->arg;

	if (p->state == PEER_UP)
		send_mark(p, m, 1);
}

static void
gone_mark(struct out *o, const struct out_mark *m)
{
	send_mark(o->arg, m, 0);
}

static void
wrote(struct out *o, size_t n)
{
	struct peer	*p = o->arg;

	p->bytes_out += n;
	ses.bytes_out += n;
	if (p->state == PEER_LINGER)
		linger_wrote(p);
	if (p->state != PEER_UP)
		return;
	peer_pong(p);
	send_wrote(p);
}

/*
 * It has hung up: what it said before, and why it goes, may still be there to
 * read, and nothing follows that.
 */
static void
read_rest(struct peer *p)
{
	uint64_t	 before;

	do {
		before = p->bytes_in;
		peer_readable(p->out.fd, EV_READ, p);
	} while (p->state == PEER_UP && p->bytes_in != before);
}

static void
failed(struct out *o, int error)
{
	struct peer	*p = o->arg;
	int		 closed = error == EPIPE || error == ECONNRESET;

	if (p->state == PEER_LINGER)
		linger_end(p);
	if (p->state != PEER_UP)
		return;
	if (closed)
		read_rest(p);
	peer_fail(p, closed ? REASON_CLOSED : REASON_NETWORK);
}

static const struct out_ops	 out_ops = { sent_mark, wrote, failed };

static int
set_caps(struct peer *p, const struct m_peer_start *m)
{
	uint32_t	 i;

	p->nlisted = m->ncaps;
	p->ncaps = m->nshared;
	if ((p->client = strdup(m->client)) == NULL ||
	    (p->listed = calloc(m->ncaps + 1, sizeof(*p->listed))) == NULL ||
	    (p->caps = calloc(m->nshared + 1, sizeof(*p->caps))) == NULL)
		return -1;
	memcpy(p->listed, m->caps, m->ncaps * sizeof(*p->listed));
	for (i = 0; i < m->nshared; i++)
		p->caps[i].shared = m->shared[i];
	ranges_own(p);
	return 0;
}

static int
set_codec(struct peer *p, const struct m_peer_start *m)
{
	struct rlpx_state	 state;
	int			 ok;

	ok = rlpx_state_import(&state, m->state) == 0 &&
	    (p->codec = frame_new(&state)) != NULL;
	explicit_bzero(&state, sizeof(state));
	return ok ? 0 : -1;
}

/* A list by handle; they come in order but for a race in the parent. */
static void
enlist(struct peer *p)
{
	struct peer	*before;

	TAILQ_FOREACH_REVERSE(before, &ses.peers, peers, entry)
		if (before->node.key < p->node.key)
			break;
	if (before != NULL)
		TAILQ_INSERT_AFTER(&ses.peers, before, p, entry);
	else
		TAILQ_INSERT_HEAD(&ses.peers, p, entry);
	ses.npeers++;
}

static struct peer *
peer_new(const struct m_peer_start *m, int fd)
{
	struct peer	*p;
	int		 flags;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->state = PEER_DEAD;
	p->node.key = m->handle;
	p->flags = m->flags;
	memcpy(p->id, m->id, sizeof(p->id));
	p->remote = m->remote;
	p->local = m->local;
	p->p2p_version = (uint32_t)(m->p2p_version > UINT32_MAX ? UINT32_MAX :
	    m->p2p_version);
	p->bytes_in = m->bytes_in;
	p->bytes_out = m->bytes_out;
	p->ping_ms = UINT32_MAX;
	p->rb.holder = &p->holder;
	if (out_init(&p->out, ses.env.base, fd, &out_ops, p, &p->holder) == -1 ||
	    event_assign(&p->ev_read, ses.env.base, fd, EV_READ | EV_PERSIST,
	    peer_readable, p) == -1 ||
	    evtimer_assign(&p->ev_timer, ses.env.base, tick, p) == -1) {
		free(p);
		return NULL;
	}
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    ((flags & O_NONBLOCK) == 0 &&
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1) ||
	    set_caps(p, m) == -1 || set_codec(p, m) == -1 ||
	    htab_insert(&ses.peertab, &p->node) == -1) {
		p->out.fd = -1;
		peer_free(p);
		return NULL;
	}
	return p;
}

void
peer_start(const struct m_peer_start *m, int fd)
{
	struct m_peer_end	 end;
	struct peer		*p;
	uint64_t		 now = mono_ms();

	if (m->handle == 0 || peer_find(m->handle) != NULL)
		fatalx("parent started peer %u twice", m->handle);
	if ((p = peer_new(m, fd)) == NULL) {
		log_warn("peer %u not started", m->handle);
		close(fd);
		memset(&end, 0, sizeof(end));
		end.handle = m->handle;
		end.reason = REASON_MEMORY;
		end.disc = DISC_NONE;
		session_tell(&m_peer_end_desc, &end);
		return;
	}
	p->state = PEER_UP;
	p->since = p->read_at = now;
	p->ping_at = now + PING_MS;
	enlist(p);
	if (ses.stopping) {
		peer_fail(p, REASON_QUITTING);
		return;
	}
	event_add(&p->ev_read, NULL);
	taps_up(p);
	ranges_up(p);
	arm(p, now);
	peer_owners(p);
}

void
peer_owners(struct peer *p)
{
	struct app	*sole = NULL;
	uint32_t	 i, owned = 0;
	int		 alone = 1;

	if (p->state != PEER_UP)
		return;
	for (i = 0; i < p->ncaps; i++) {
		if (p->caps[i].ac == NULL)
			continue;
		if (owned++ == 0)
			sole = p->caps[i].ac->app;
		else if (p->caps[i].ac->app != sole)
			alone = 0;
		if (p->caps[i].ac->policy != APP_STOP)
			alone = 0;
		/* who is away is not to be waited for */
		if (p->caps[i].ac->app == NULL)
			alone = 0;
	}
	p->sole = alone ? sole : NULL;
	if (p->sole != p->stalled_on)
		peer_resume(p, PAUSE_APP);
	else
		mux_again(p);
	if (owned == 0)
		peer_fail(p, REASON_APP_GONE);
}

void
peer_pause(struct peer *p, unsigned int why)
{
	uint64_t	 now = mono_ms();

	if (p->pause == 0)
		event_del(&p->ev_read);
	if (why == PAUSE_APP && !(p->pause & PAUSE_APP)) {
		p->stalled_at = now;
		p->stalled_on = p->sole;
		TAILQ_INSERT_TAIL(&p->stalled_on->stalled, p, stalled);
	}
	p->pause |= why;
	arm(p, now);
}

static void
unstall(struct peer *p)
{
	if (p->stalled_on == NULL)
		return;
	TAILQ_REMOVE(&p->stalled_on->stalled, p, stalled);
	p->stalled_on = NULL;
}

void
peer_resume(struct peer *p, unsigned int why)
{
	if (p->state != PEER_UP || !(p->pause & why))
		return;
	p->pause &= ~why;
	if (why == PAUSE_APP)
		unstall(p);
	if (p->pause != 0)
		return;
	p->read_at = mono_ms();
	event_add(&p->ev_read, NULL);
	if (!p->in_resumed) {
		p->in_resumed = 1;
		TAILQ_INSERT_TAIL(&ses.resumed, p, resume);
		turn_soon();
	}
}

int
peer_seal(struct peer *p, uint64_t code, const void *data, size_t n)
{
	uint8_t	*out;
	size_t	 max, len;

	if ((max = frame_seal_max(p->codec, n)) == 0) {
		errno = EMSGSIZE;
		return -1;
	}
	if ((out = out_reserve(&p->out, max)) == NULL) {
		errno = ENOMEM;
		return -1;
	}
	len = frame_seal(p->codec, out, code, data, n);
	out_commit(&p->out, len);
	if (len == 0) {
		errno = EMSGSIZE;
		return -1;
	}
	return 0;
}

/* Whether the socket, and the case, are fit for a last message. */
static int
say_goodbye(struct peer *p, unsigned int reason, unsigned int disc)
{
	uint8_t	 buf[4];
	size_t	 n;

	switch (reason) {
	case REASON_REMOTE:
	case REASON_CLOSED:
	case REASON_NETWORK:
	case REASON_WRITE_TIMEOUT:
	case REASON_QUEUE_FULL:
		return 0;
	case REASON_MEMORY:
		if (p->out.bytes > LINGER_BYTES)
			return 0;
		break;
	}
	if (disc == DISC_NONE)
		return 0;
	if (reason != REASON_MEMORY)
		send_last(p);
	n = disconnect_encode(buf, disc);
	return peer_seal(p, BASE_DISCONNECT, buf, n) == 0;
}

static void
tell_apps(struct peer *p, const struct m_peer_end *end)
{
	taps_down(p, end);
	ranges_down(p, end);
	out_drop_marks(&p->out, gone_mark);
	send_gone(p);
}

static void
unlist(struct peer *p)
{
	show_forget(p);
	TAILQ_REMOVE(&ses.peers, p, entry);
	ses.npeers--;
	htab_remove(&ses.peertab, &p->node);
	unstall(p);
	if (p->in_resumed)
		TAILQ_REMOVE(&ses.resumed, p, resume);
	p->in_resumed = 0;
}

void
peer_end(struct peer *p, unsigned int reason, unsigned int disc, int remote)
{
	struct m_peer_end	 end;
	int			 told = 0;

	if (p->state != PEER_UP)
		return;
	if (!remote)
		told = say_goodbye(p, reason, disc);
	memset(&end, 0, sizeof(end));
	end.handle = p->node.key;
	end.reason = (uint16_t)reason;
	end.disc = (uint8_t)(told || remote ? disc : DISC_NONE);
	end.remote = (uint8_t)remote;
	end.ms = mono_ms() - p->since;
	end.msgs_in = p->msgs_in;
	end.msgs_out = p->msgs_out;
	end.bytes_in = p->bytes_in;
	end.bytes_out = p->bytes_out;
	p->state = PEER_LINGER;
	unlist(p);
	session_tell(&m_peer_end_desc, &end);
	tell_apps(p, &end);
	apps_wake(p);
	p->pause = 0;
	if (!p->parsing)
		rbuf_clear(&p->rb);
	if (told) {
		TAILQ_INSERT_TAIL(&ses.lingering, p, entry);
		ses.nlinger++;
		linger_start(p);
	} else {
		p->state = PEER_DEAD;
		TAILQ_INSERT_TAIL(&ses.dead, p, entry);
		turn_soon();
	}
}

void
peer_fail(struct peer *p, unsigned int reason)
{
	peer_end(p, reason, reason_disc(reason), reason == REASON_CLOSED);
}

void
peers_stop(uint32_t handle, unsigned int reason, unsigned int disc)
{
	struct peer	*p, *next;

	if (handle != 0) {
		/* it may just have gone by itself */
		if ((p = peer_find(handle)) != NULL)
			peer_end(p, reason, disc, 0);
		return;
	}
	TAILQ_FOREACH_SAFE(p, &ses.peers, entry, next)
		peer_end(p, reason, disc, 0);
}

void
peer_free(struct peer *p)
{
	event_del(&p->ev_read);
	event_del(&p->ev_timer);
	send_clear(p);
	out_clear(&p->out);
	rbuf_clear(&p->rb);
	if (p->out.fd != -1)
		close(p->out.fd);
	frame_free(p->codec);
	free(p->caps);
	free(p->listed);
	free(p->client);
	freezero(p, sizeof(*p));
}

void
peer_bury(void)
{
	struct peer	*p;

	while ((p = TAILQ_FIRST(&ses.dead)) != NULL) {
		TAILQ_REMOVE(&ses.dead, p, entry);
		peer_free(p);
	}
}
