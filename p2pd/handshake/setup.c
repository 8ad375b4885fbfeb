/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/crypto/ecies.h"
#include "common/wire/frame.h"
#include "common/wire/reason.h"
#include "p2pd/handshake/keypool.h"
#include "p2pd/handshake/linger.h"
#include "p2pd/handshake/setup.h"

#define BUCKETS		1024	/* numbers are handed out in sequence */
#define DEADLINE_MS	10000	/* until told otherwise */
/* A Hello's frame: the code is one byte. */
#define IN_MAX		(FRAME_HEAD + HELLO_MAX + 64)
/* auth or ack, then Hello's frame and a Disconnect's. */
#define OUT_MAX		(RLPX_HS_MAX + 2 * HELLO_MAX)

/*
 * initiator: STATIC, PACKET (ack), ECIES, CHECK1, HELLO, CHECK2
 * recipient: PACKET (auth), ECIES, STATIC, CHECK1, HELLO, CHECK2
 *
 * The last secret and the verdict are asked for at once, and the answers come
 * in this order: a recipient's ack and Hello leave together.
 */
enum phase { PH_PACKET, PH_ECIES, PH_STATIC, PH_CHECK1, PH_HELLO, PH_CHECK2 };

static const struct {
	uint8_t	 stage;
	uint8_t	 parent;	/* it is the parent that we wait for */
} phases[] = {
	[PH_PACKET] =	{ ST_AUTH, 0 },
	[PH_ECIES] =	{ ST_AUTH, 1 },
	[PH_STATIC] =	{ ST_AUTH, 1 },
	[PH_CHECK1] =	{ ST_CHECK1, 1 },
	[PH_HELLO] =	{ ST_HELLO, 0 },
	[PH_CHECK2] =	{ ST_CHECK2, 1 },
};

struct setup {
	LIST_ENTRY(setup)	 entry;		/* by number */
	TAILQ_ENTRY(setup)	 age;
	struct setups		*all;
	uint32_t		 conn;
	int			 fd;
	int			 initiator;
	uint8_t			 flags;
	int			 known;		/* to the parent */
	enum phase		 phase;
	struct addr		 remote;
	struct addr		 local;
	uint64_t		 begun_ms;
	struct event		 rev;
	struct event		 wev;
	struct event		 timer;
	int			 has_id;
	uint8_t			 id[SECP_PUB];
	struct rlpx_keys	 keys;
	struct rlpx_auth	 auth;
	struct frame_codec	*codec;
	int			 hello_queued;	/* ours */
	int			 hello_got;	/* theirs, in hello */
	int			 write_failed;
	struct hello		 ours;
	struct hello		 hello;
	uint32_t		 generation;
	uint64_t		 bytes_in;
	uint64_t		 bytes_out;
	/* The message that is due: need grows when its head is in. */
	size_t			 need, have;
	size_t			 bodylen;	/* a frame's, before padding */
	size_t			 authlen;	/* initiator: first in out */
	size_t			 outlen, outoff;
	uint8_t			 in[IN_MAX];
	uint8_t			 out[OUT_MAX];
};

struct setups {
	struct setups_conf	 conf;
	LIST_HEAD(, setup)	 byconn[BUCKETS];
	TAILQ_HEAD(, setup)	 byage;		/* oldest first */
	size_t			 n;
	uint32_t		 last_conn;
	uint32_t		 deadline_ms;
	struct lingerers	*lingerers;
	struct keypool		*keypool;
};

static void	 setup_read(int, short, void *);

struct setups *
setups_new(const struct setups_conf *conf)
{
	struct setups	*all;
	size_t		 i;

	if ((all = calloc(1, sizeof(*all))) == NULL)
		return NULL;
	all->conf = *conf;
	all->deadline_ms = DEADLINE_MS;
	for (i = 0; i < BUCKETS; i++)
		LIST_INIT(&all->byconn[i]);
	TAILQ_INIT(&all->byage);
	if ((all->lingerers = lingerers_new(conf->base)) == NULL ||
	    (all->keypool = keypool_new(conf->base)) == NULL) {
		setups_free(all);
		return NULL;
	}
	return all;
}

void
setups_set_deadline(struct setups *all, uint32_t ms)
{
	all->deadline_ms = ms;
}

size_t
setups_count(const struct setups *all)
{
	return all->n;
}

uint32_t
setups_number(struct setups *all)
{
	if (++all->last_conn == 0)
		fatalx("connection numbers are used up");
	return all->last_conn;
}

static struct setup *
setup_find(struct setups *all, uint32_t conn)
{
	struct setup	*s;

	LIST_FOREACH(s, &all->byconn[conn % BUCKETS], entry) {
		if (s->conn == conn)
			return s;
	}
	return NULL;
}

static void
setup_free(struct setup *s)
{
	LIST_REMOVE(s, entry);
	TAILQ_REMOVE(&s->all->byage, s, age);
	s->all->n--;
	event_del(&s->rev);
	event_del(&s->wev);
	event_del(&s->timer);
	frame_free(s->codec);
	if (s->fd != -1)
		close(s->fd);
	freezero(s, sizeof(*s));
}

void
setups_free(struct setups *all)
{
	if (all == NULL)
		return;
	while (!TAILQ_EMPTY(&all->byage))
		setup_free(TAILQ_FIRST(&all->byage));
	lingerers_free(all->lingerers);
	keypool_free(all->keypool);
	free(all);
}

/* The end of every set-up; s is gone. */
static void
setup_over(struct setup *s, int accepted, unsigned int reason,
    unsigned int disc_recv)
{
	struct setups		*all = s->all;
	struct setup_end	 end;

	memset(&end, 0, sizeof(end));
	end.conn = s->conn;
	end.initiator = s->initiator;
	end.accepted = accepted;
	end.stage = phases[s->phase].stage;
	end.reason = (uint16_t)reason;
	end.disc_recv = (uint8_t)disc_recv;
	end.remote = s->remote;
	setup_free(s);
	if (all->conf.ended != NULL)
		all->conf.ended(&end, all->conf.arg);
}

struct failure {
	unsigned int	 reason;
	unsigned int	 disc_sent;
	unsigned int	 disc_recv;
	int		 err;		/* errno, or 0 */
};

static void
setup_fail(struct setup *s, const struct failure *f)
{
	struct m_attempt	 m;

	memset(&m, 0, sizeof(m));
	m.conn = s->conn;
	m.flags = s->flags;
	m.stage = phases[s->phase].stage;
	m.reason = (uint16_t)f->reason;
	m.disc_sent = (uint8_t)f->disc_sent;
	m.disc_recv = (uint8_t)f->disc_recv;
	m.has_id = (uint8_t)s->has_id;
	if (s->has_id)
		memcpy(m.id, s->id, SECP_PUB);
	m.remote = s->remote;
	m.ms = (uint32_t)(mono_ms() - s->begun_ms);
	m.count = 1;
	if (f->err != 0)
		strlcpy(m.detail, strerror(f->err), sizeof(m.detail));
	if (s->all->conf.send(&m_attempt_desc, &m, -1) == -1) {
		/* For the parent it would be in set-up for ever. */
		if (s->known)
			fatal("M_ATTEMPT for connection %u", s->conn);
		log_warn("M_ATTEMPT for connection %u", s->conn);
	}
	setup_over(s, 0, f->reason, f->disc_recv);
}

/* Closes without telling the peer. */
static void
setup_drop(struct setup *s, unsigned int reason, int err)
{
	const struct failure	 f = { reason, DISC_NONE, DISC_NONE, err };

	setup_fail(s, &f);
}

/*
 * What we send after our own Hello is compressed, unless theirs has said that
 * they do not know of it.
 */
static int
snappy_tx(const struct setup *s)
{
	return s->hello_queued && (!s->hello_got || s->hello.version >= BASE_VERSION);
}

/* Closes with a Disconnect, when there are frames to put it in. */
static void
setup_refuse(struct setup *s, unsigned int reason, unsigned int disc)
{
	struct failure	 f = { reason, DISC_NONE, DISC_NONE, 0 };
	uint8_t		 payload[4];
	size_t		 n;

	if (s->codec == NULL || s->write_failed || disc == DISC_NONE) {
		setup_fail(s, &f);
		return;
	}
	n = disconnect_encode(payload, disc);
	frame_set_snappy(s->codec, snappy_tx(s), 0);
	if (OUT_MAX - s->outlen >= frame_seal_max(s->codec, n)) {
		s->outlen += frame_seal(s->codec, s->out + s->outlen,
		    BASE_DISCONNECT, payload, n);
		linger(s->all->lingerers, s->fd, s->out + s->outoff,
		    s->outlen - s->outoff);
		event_del(&s->rev);
		event_del(&s->wev);
		s->fd = -1;
		f.disc_sent = disc;
	}
	setup_fail(s, &f);
}

/* -1 and s is gone when the parent cannot be asked. Takes fd. */
static int
ask_parent(struct setup *s, enum phase phase, const struct msgdesc *desc,
    const void *body, int fd)
{
	s->phase = phase;
	if (s->all->conf.send(desc, body, fd) == -1) {
		setup_drop(s, REASON_PARENT_BUSY, errno);
		return -1;
	}
	s->known = 1;
	return 0;
}

static int
ask_key(struct setup *s, enum key_op op, const uint8_t point[SECP_PUB])
{
	struct m_key	 m;

	memset(&m, 0, sizeof(m));
	m.conn = s->conn;
	m.op = (uint8_t)op;
	memcpy(m.point, point, SECP_PUB);
	return ask_parent(s, op == KEY_ECIES ? PH_ECIES : PH_STATIC, &m_key_desc,
	    &m, -1);
}

/* With the last secret: it is that which is waited for. */
static void
ask_check1(struct setup *s)
{
	struct m_check1	 m;

	memset(&m, 0, sizeof(m));
	m.conn = s->conn;
	m.flags = s->flags;
	memcpy(m.id, s->id, SECP_PUB);
	m.remote = s->remote;
	m.local = s->local;
	ask_parent(s, s->phase, &m_check1_desc, &m, -1);
}

static void
fill_check2(const struct setup *s, struct m_check2 *m)
{
	struct rlpx_state	 st;

	memset(m, 0, sizeof(*m));
	m->conn = s->conn;
	m->flags = s->flags;
	memcpy(m->id, s->id, SECP_PUB);
	m->remote = s->remote;
	m->local = s->local;
	m->generation = s->generation;
	m->p2p_version = s->hello.version;
	strlcpy(m->client, s->hello.client, sizeof(m->client));
	m->port = s->hello.port;
	m->ncaps = s->hello.ncaps;
	memcpy(m->caps, s->hello.caps, sizeof(m->caps));
	m->bytes_in = s->bytes_in;
	m->bytes_out = s->bytes_out;
	frame_export(s->codec, &st);
	rlpx_state_export(&st, m->state);
	explicit_bzero(&st, sizeof(st));
}

/* Both Hellos are through: the deadline stops, and so do reading and writing. */
static void
ask_check2(struct setup *s)
{
	struct m_check2	 m;
	int		 fd, on;

	if ((fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		setup_refuse(s, REASON_SESSION_BUSY, DISC_TOO_MANY);
		return;
	}
	event_del(&s->timer);
	on = s->hello.version >= BASE_VERSION;
	frame_set_snappy(s->codec, on, on);
	fill_check2(s, &m);
	ask_parent(s, PH_CHECK2, &m_check2_desc, &m, fd);
	explicit_bzero(&m, sizeof(m));
}

static void
hello_progress(struct setup *s)
{
	if (!s->hello_got)
		return;
	if (s->write_failed)
		setup_drop(s, REASON_HANDSHAKE_EOF, 0);
	else if (s->hello_queued && s->outoff == s->outlen)
		ask_check2(s);
}

/*
 * Writes what it can of out; -1 when that ended s.  When the peer has hung up
 * in the Hello phase, what it said first may still be there to read.
 */
static int
setup_write(struct setup *s)
{
	ssize_t	 n;

	while (s->outoff < s->outlen) {
		n = write(s->fd, s->out + s->outoff, s->outlen - s->outoff);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			event_add(&s->wev, NULL);
			return 0;
		}
		if (n == -1 && s->phase == PH_HELLO) {
			s->write_failed = 1;
			return 0;
		}
		if (n == -1) {
			setup_drop(s, REASON_HANDSHAKE_EOF, errno);
			return -1;
		}
		s->outoff += (size_t)n;
		s->bytes_out += (uint64_t)n;
	}
	return 0;
}

static void
setup_writable(int fd, short what, void *arg)
{
	struct setup	*s = arg;

	if (setup_write(s) == 0 && s->phase == PH_HELLO)
		hello_progress(s);
}

static void
expect_message(struct setup *s, enum phase phase, size_t head)
{
	s->phase = phase;
	s->have = 0;
	s->need = head;
	event_add(&s->rev, NULL);
}

/* The end of the key exchange, for both roles. */
static int
derive(struct setup *s, const uint8_t eph[SECP_PUB], const uint8_t nonce[RLPX_NONCE],
    const uint8_t *auth, size_t authlen, const uint8_t *ack, size_t acklen)
{
	struct rlpx_state	 st;

	if (rlpx_secrets(&st, s->initiator, &s->keys, eph, nonce, auth, authlen,
	    ack, acklen) == -1)
		return -1;
	s->codec = frame_new(&st);
	explicit_bzero(&st, sizeof(st));
	explicit_bzero(&s->keys, sizeof(s->keys));
	return s->codec == NULL ? -1 : 0;
}

/*
 * Recipient: auth is open and the claimed id's static secret is here. Only now
 * is a key of our own spent on it.
 */
static void
answer_auth(struct setup *s, const uint8_t static_x[32])
{
	uint8_t	 eph[SECP_PUB];
	size_t	 len;

	if (keypool_take(s->all->keypool, &s->keys) == -1 ||
	    rlpx_auth_ephemeral(eph, &s->auth, static_x) == -1 ||
	    rlpx_ack_make(s->out, &len, &s->keys, s->id) == -1 ||
	    derive(s, eph, s->auth.nonce, s->in, s->have, s->out, len) == -1) {
		setup_drop(s, REASON_HANDSHAKE_BAD, 0);
		return;
	}
	s->outlen = len;
	s->phase = PH_CHECK1;
}

static void
open_auth(struct setup *s, const uint8_t ecies_x[32])
{
	if (rlpx_auth_open(&s->auth, s->in, s->have, ecies_x) == -1) {
		setup_drop(s, REASON_HANDSHAKE_BAD, 0);
		return;
	}
	memcpy(s->id, s->auth.pub, SECP_PUB);
	s->has_id = 1;
	if (ask_key(s, KEY_STATIC, s->id) == 0)
		ask_check1(s);
}

/* Initiator: the expected node's static secret is here. */
static void
send_auth(struct setup *s, const uint8_t static_x[32])
{
	if (keypool_take(s->all->keypool, &s->keys) == -1 ||
	    rlpx_auth_make(s->out, &s->authlen, &s->keys, s->all->conf.own,
	    s->id, static_x) == -1) {
		setup_drop(s, REASON_HANDSHAKE_BAD, 0);
		return;
	}
	s->outlen = s->authlen;
	expect_message(s, PH_PACKET, 2);
	setup_write(s);
}

static void
open_ack(struct setup *s, const uint8_t ecies_x[32])
{
	struct rlpx_ack	 ack;

	if (rlpx_ack_open(&ack, s->in, s->have, ecies_x) == -1 ||
	    derive(s, ack.eph, ack.nonce, s->out, s->authlen, s->in,
	    s->have) == -1) {
		setup_drop(s, REASON_HANDSHAKE_BAD, 0);
		return;
	}
	s->phase = PH_CHECK1;
}

/* auth or ack is in. */
static void
packet_read(struct setup *s)
{
	uint8_t	 point[SECP_PUB];

	if (ecies_point(point, s->in + 2, s->have - 2) == -1)
		setup_drop(s, REASON_HANDSHAKE_BAD, 0);
	else if (ask_key(s, KEY_ECIES, point) == 0 && s->initiator)
		ask_check1(s);
}

/* Hello's head is in: -1 and s is gone, or how much more is to come. */
static int
frame_head_read(struct setup *s)
{
	int	 reason;

	reason = frame_open_head(s->codec, s->in, &s->bodylen);
	if (reason == REASON_BAD_MAC) {
		setup_drop(s, REASON_WRONG_MAC, 0);
		return -1;
	}
	if (reason != 0 || s->bodylen == 0 || s->bodylen > HELLO_MAX + 1) {
		setup_refuse(s, REASON_HELLO_BAD, DISC_BREACH);
		return -1;
	}
	s->need += frame_rest(s->bodylen);
	return 0;
}

static void
frame_body_read(struct setup *s)
{
	struct failure	 f = { REASON_REMOTE, DISC_NONE, DISC_NONE, 0 };
	unsigned int	 reason;
	uint64_t	 code;
	uint8_t		*data;
	size_t		 len;
	int		 bad;

	bad = frame_open_body(s->codec, s->in + FRAME_HEAD, s->bodylen, &code,
	    &data, &len);
	if (bad == REASON_BAD_MAC) {
		setup_drop(s, REASON_WRONG_MAC, 0);
		return;
	}
	reason = bad != 0 ? REASON_HELLO_BAD : setup_hello_read(&s->hello,
	    &f.disc_recv, &s->ours, s->id, code, data, len);
	if (reason == REASON_REMOTE) {
		setup_fail(s, &f);
		return;
	}
	/* Then its version is known, and how to word the refusal. */
	s->hello_got = reason == REASON_NONE || reason == REASON_WRONG_IDENTITY;
	if (reason != REASON_NONE) {
		setup_refuse(s, reason, reason_disc(reason));
		return;
	}
	hello_progress(s);
}

/* need bytes are in. 1 when more of the same message is to come. */
static int
message_progress(struct setup *s)
{
	switch (s->phase) {
	case PH_PACKET:
		if (s->have > 2) {
			packet_read(s);
			return 0;
		}
		if ((s->need = rlpx_packet_len(s->in)) <= 2) {
			setup_drop(s, REASON_HANDSHAKE_BAD, 0);
			return 0;
		}
		return 1;
	case PH_HELLO:
		if (s->have > FRAME_HEAD) {
			frame_body_read(s);
			return 0;
		}
		return frame_head_read(s) == 0;
	default:
		return 0;	/* the event is not added then */
	}
}

static void
setup_read(int fd, short what, void *arg)
{
	struct setup	*s = arg;
	ssize_t		 n;

	/* Few say anything before they are answered: only then it is taken off. */
	if (phases[s->phase].parent || s->hello_got) {
		event_del(&s->rev);
		return;
	}
	do {
		n = read(fd, s->in + s->have, s->need - s->have);
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			return;
		if (n <= 0) {
			setup_drop(s, REASON_HANDSHAKE_EOF, n == 0 ? 0 : errno);
			return;
		}
		s->have += (size_t)n;
		s->bytes_in += (uint64_t)n;
	} while (s->have < s->need || message_progress(s));
}

static void
setup_timeout(int fd, short what, void *arg)
{
	struct setup	*s = arg;

	setup_drop(s, phases[s->phase].parent ? REASON_PARENT_BUSY :
	    REASON_SETUP_TIMEOUT, 0);
}

static void
setup_events(struct setup *s)
{
	struct event_base	*base = s->all->conf.base;
	struct timeval		 tv;

	tv.tv_sec = s->all->deadline_ms / 1000;
	tv.tv_usec = s->all->deadline_ms % 1000 * 1000;
	event_assign(&s->rev, base, s->fd, EV_READ | EV_PERSIST, setup_read, s);
	event_assign(&s->wev, base, s->fd, EV_WRITE, setup_writable, s);
	event_assign(&s->timer, base, -1, 0, setup_timeout, s);
	event_add(&s->timer, &tv);
}

void
setup_begin(struct setups *all, const struct setup_start *start)
{
	struct sockaddr_storage	 ss;
	socklen_t		 sslen = sizeof(ss);
	struct setup		*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal("calloc");
	s->all = all;
	s->conn = start->conn;
	s->fd = start->fd;
	s->flags = start->flags;
	s->remote = start->remote;
	s->begun_ms = start->begun_ms;
	s->initiator = start->expect != NULL;
	s->known = s->initiator;	/* by M_DIAL */
	s->phase = s->initiator ? PH_STATIC : PH_PACKET;
	if (s->initiator) {
		memcpy(s->id, start->expect, SECP_PUB);
		s->has_id = 1;
	}
	if (getsockname(s->fd, (struct sockaddr *)&ss, &sslen) == 0)
		addr_from_sa(&s->local, (struct sockaddr *)&ss);
	LIST_INSERT_HEAD(&all->byconn[s->conn % BUCKETS], s, entry);
	TAILQ_INSERT_TAIL(&all->byage, s, age);
	all->n++;
	setup_events(s);
	if (s->initiator)
		ask_key(s, KEY_STATIC, s->id);
	else
		expect_message(s, PH_PACKET, 2);
}

void
setup_key_done(struct setups *all, const struct m_key_done *m)
{
	struct setup	*s;

	if ((s = setup_find(all, m->conn)) == NULL)
		return;
	if (s->phase == PH_ECIES && m->op == KEY_ECIES) {
		if (s->initiator)
			open_ack(s, m->secret);
		else
			open_auth(s, m->secret);
	} else if (s->phase == PH_STATIC && m->op == KEY_STATIC) {
		if (s->initiator)
			send_auth(s, m->secret);
		else
			answer_auth(s, m->secret);
	} else
		fatalx("M_KEY_DONE for connection %u out of turn", m->conn);
}

void
setup_verdict1(struct setups *all, const struct m_verdict1 *m)
{
	struct setup	*s;
	size_t		 n;

	if ((s = setup_find(all, m->conn)) == NULL)
		return;
	if (s->phase != PH_CHECK1)
		fatalx("M_VERDICT1 for connection %u out of turn", m->conn);
	if (m->reason != REASON_NONE) {
		setup_refuse(s, m->reason, m->disc);
		return;
	}
	if (OUT_MAX - s->outlen < frame_seal_max(s->codec, m->hellolen) ||
	    (n = frame_seal(s->codec, s->out + s->outlen, BASE_HELLO, m->hello,
	    m->hellolen)) == 0)
		fatalx("M_VERDICT1: a Hello of %u bytes", m->hellolen);
	(void)hello_decode(&s->ours, m->hello, m->hellolen);
	s->generation = m->generation;
	s->outlen += n;
	s->hello_queued = 1;
	expect_message(s, PH_HELLO, FRAME_HEAD);
	setup_write(s);
}

void
setup_verdict2(struct setups *all, const struct m_verdict2 *m)
{
	struct setup	*s;

	if ((s = setup_find(all, m->conn)) == NULL)
		return;
	if (s->phase != PH_CHECK2)
		fatalx("M_VERDICT2 for connection %u out of turn", m->conn);
	if (m->reason != REASON_NONE)
		setup_refuse(s, m->reason, m->disc);
	else
		setup_over(s, 1, REASON_NONE, DISC_NONE);
}

int
setup_cancel(struct setups *all, uint32_t conn, unsigned int reason)
{
	struct setup	*s;

	if ((s = setup_find(all, conn)) == NULL || s->phase == PH_CHECK2)
		return -1;
	setup_drop(s, reason, 0);
	return 0;
}

int
setups_reap(struct setups *all, uint32_t ms)
{
	struct setup	*s;
	uint64_t	 now = mono_ms();

	TAILQ_FOREACH(s, &all->byage, age) {
		if (now - s->begun_ms <= ms)
			return 0;
		if (!s->initiator && s->phase == PH_PACKET) {
			setup_drop(s, REASON_SETUP_TIMEOUT, 0);
			return 1;
		}
	}
	return 0;
}

void
setups_stop(struct setups *all)
{
	while (!TAILQ_EMPTY(&all->byage))
		setup_drop(TAILQ_FIRST(&all->byage), REASON_STOPPING, 0);
}
