/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/crypto/ecies.h"
#include "common/wire/reason.h"
#include "common/wire/rlp.h"
#include "regress/unit/p2pd/handshake/fixture.h"

struct side side[SIDES];
struct event_base *base;

struct answer {
	struct side	*side;
	enum msg_type	 type;
	union {
		struct m_key_done	 key;
		struct m_verdict1	 v1;
		struct m_verdict2	 v2;
	} u;
};

static void
deliver(int fd, short what, void *arg)
{
	struct answer	*a = arg;

	if (a->side->setups != NULL) {
		if (a->type == M_KEY_DONE) {
			a->side->secrets++;
			setup_key_done(a->side->setups, &a->u.key);
		} else if (a->type == M_VERDICT1)
			setup_verdict1(a->side->setups, &a->u.v1);
		else
			setup_verdict2(a->side->setups, &a->u.v2);
	}
	free(a);
}

static struct answer *
answer(struct side *s, enum msg_type type)
{
	static const struct timeval	 now = { 0, 0 };
	struct answer			*a;

	ck_assert_ptr_nonnull(a = calloc(1, sizeof(*a)));
	a->side = s;
	a->type = type;
	ck_assert_int_eq(event_base_once(base, -1, EV_TIMEOUT, deliver, a, &now), 0);
	return a;
}

static void
on_key(struct side *s, const struct m_key *m)
{
	struct answer	*a;

	s->keys[m->op]++;
	if (s->mute_keys)
		return;
	a = answer(s, M_KEY_DONE);
	a->u.key.conn = m->conn;
	a->u.key.op = m->op;
	secp_ecdh_x_uniform(a->u.key.secret, s->priv, m->point);
}

static void
on_check1(struct side *s, const struct m_check1 *m)
{
	struct answer	*a;
	size_t		 len;

	s->checked1++;
	s->check1 = *m;
	if (s->mute_check1)
		return;
	a = answer(s, M_VERDICT1);
	a->u.v1.conn = m->conn;
	a->u.v1.reason = s->reason1;
	a->u.v1.disc = (uint8_t)reason_disc(s->reason1);
	a->u.v1.generation = 7;
	ck_assert_int_eq(hello_encode(a->u.v1.hello, sizeof(a->u.v1.hello), &len,
	    &s->hello), 0);
	a->u.v1.hellolen = (uint32_t)len;
}

static void
on_check2(struct side *s, const struct m_check2 *m, int fd)
{
	struct answer	*a;

	s->checked2++;
	s->check2 = *m;
	ck_assert_int_ne(fd, -1);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	s->fd2 = fd;
	if (s->mute_check2)
		return;
	a = answer(s, M_VERDICT2);
	a->u.v2.conn = m->conn;
	a->u.v2.reason = s->reason2;
	a->u.v2.disc = (uint8_t)reason_disc(s->reason2);
}

static int
send_parent(struct side *s, const struct msgdesc *desc, const void *body, int fd)
{
	if (desc->type == M_ATTEMPT && s->lose_attempts) {
		errno = ENOBUFS;
		return -1;
	} else if (desc->type == M_ATTEMPT) {
		s->attempts++;
		memcpy(&s->attempt, body, sizeof(s->attempt));
	} else if (s->refuse_all) {
		if (fd != -1)
			close(fd);
		errno = ENOBUFS;
		return -1;
	} else if (desc->type == M_KEY)
		on_key(s, body);
	else if (desc->type == M_CHECK1)
		on_check1(s, body);
	else if (desc->type == M_CHECK2)
		on_check2(s, body, fd);
	else
		ck_abort_msg("unexpected %s", desc->name);
	return 0;
}

static int
send_in(const struct msgdesc *desc, const void *body, int fd)
{
	return send_parent(&side[IN], desc, body, fd);
}

static int
send_out(const struct msgdesc *desc, const void *body, int fd)
{
	return send_parent(&side[OUT], desc, body, fd);
}

static void
on_ended(const struct setup_end *end, void *arg)
{
	struct side	*s = arg;

	s->ended++;
	s->end = *end;
}

static void
side_setup(struct side *s, int (*send)(const struct msgdesc *, const void *, int))
{
	struct setups_conf	 conf;

	memset(s, 0, sizeof(*s));
	s->fd2 = -1;
	ck_assert_int_eq(secp_keygen(s->priv, s->pub), 0);
	s->hello.version = BASE_VERSION;
	strlcpy(s->hello.client, "test/1", sizeof(s->hello.client));
	s->hello.ncaps = 2;
	strlcpy(s->hello.caps[0].name, "eth", sizeof(s->hello.caps[0].name));
	s->hello.caps[0].version = 68;
	s->hello.caps[1] = s->hello.caps[0];
	s->hello.caps[1].version = 69;
	memcpy(s->hello.id, s->pub, SECP_PUB);
	memset(&conf, 0, sizeof(conf));
	conf.base = base;
	conf.own = s->pub;
	conf.send = send;
	conf.ended = on_ended;
	conf.arg = s;
	ck_assert_ptr_nonnull(s->setups = setups_new(&conf));
	setups_set_deadline(s->setups, (uint32_t)pace(5000));
}

int
pace(int ms)
{
	return getenv("P2PD_TEST_SLOW") != NULL ? 10 * ms : ms;
}

void
fixture_setup(void)
{
	ck_assert_ptr_nonnull(base = event_base_new());
	side_setup(&side[IN], send_in);
	side_setup(&side[OUT], send_out);
}

void
fixture_teardown(void)
{
	int	 i;

	for (i = 0; i < SIDES; i++) {
		setups_free(side[i].setups);
		side[i].setups = NULL;
		if (side[i].fd2 != -1)
			close(side[i].fd2);
	}
	/* What was still to be delivered. */
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
}

static void
wake(int fd, short what, void *arg)
{
}

static void
turn(void)
{
	static const struct timeval	 tv = { 0, 2000 };

	event_base_once(base, -1, EV_TIMEOUT, wake, NULL, &tv);
	event_base_loop(base, EVLOOP_ONCE);
}

int
turn_until(const int *flag, int ms)
{
	uint64_t	 end = mono_ms() + (uint64_t)ms;

	while (!*flag && mono_ms() < end)
		turn();
	return *flag;
}

void
pair(int fd[2])
{
	int	 i;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(fcntl(fd[i], F_SETFL, O_NONBLOCK), 0);
}

uint32_t
begin(int which, int fd)
{
	struct setup_start	 start;

	memset(&start, 0, sizeof(start));
	start.conn = setups_number(side[which].setups);
	start.fd = fd;
	start.begun_ms = mono_ms();
	ck_assert_int_eq(addr_parse(&start.remote, "192.0.2.7:30303"), 0);
	if (which == OUT)
		start.expect = side[IN].pub;
	else
		start.flags = PF_INBOUND;
	setup_begin(side[which].setups, &start);
	return start.conn;
}

size_t
read_turning(int fd, void *buf, size_t n)
{
	uint64_t	 end = mono_ms() + (uint64_t)pace(3000);
	size_t		 got = 0;
	ssize_t		 r;

	while (got < n && mono_ms() < end) {
		r = read(fd, (uint8_t *)buf + got, n - got);
		if (r == 0 || (r == -1 && errno != EAGAIN))
			break;
		if (r > 0)
			got += (size_t)r;
		else
			turn();
	}
	return got;
}

int
frame_recv(int fd, struct frame_codec *c, uint8_t **data, size_t *len)
{
	static uint8_t	 buf[8192];
	uint64_t	 code;
	size_t		 n;

	if (read_turning(fd, buf, FRAME_HEAD) != FRAME_HEAD)
		return -1;
	ck_assert_int_eq(frame_open_head(c, buf, &n), 0);
	ck_assert_uint_le(frame_rest(n), sizeof(buf));
	ck_assert_uint_eq(read_turning(fd, buf, frame_rest(n)), frame_rest(n));
	ck_assert_int_eq(frame_open_body(c, buf, n, &code, data, len), 0);
	return (int)code;
}

void
raw_auth(uint8_t *pkt, size_t *len, struct rlpx_keys *keys)
{
	uint8_t	 x[32];

	ck_assert_int_eq(rlpx_keys_make(keys), 0);
	ck_assert_int_eq(secp_ecdh_x(x, side[OUT].priv, side[IN].pub), 0);
	ck_assert_int_eq(rlpx_auth_make(pkt, len, keys, side[OUT].pub,
	    side[IN].pub, x), 0);
}

/* A packet of the key exchange is in; the secret of its point with s's key. */
static size_t
raw_packet(struct raw *raw, uint8_t buf[RLPX_HS_MAX], const struct side *s,
    uint8_t x[32])
{
	uint8_t	 point[SECP_PUB];
	size_t	 len;

	ck_assert_uint_eq(read_turning(raw->fd, buf, 2), 2);
	ck_assert_uint_ne(len = rlpx_packet_len(buf), 0);
	ck_assert_uint_eq(read_turning(raw->fd, buf + 2, len - 2), len - 2);
	ck_assert_int_eq(ecies_point(point, buf + 2, len - 2), 0);
	ck_assert_int_eq(secp_ecdh_x(x, s->priv, point), 0);
	return len;
}

void
raw_ask(struct raw *raw)
{
	int	 fd[2];

	pair(fd);
	raw->fd = fd[0];
	raw->codec = NULL;
	begin(IN, fd[1]);
	raw_auth(raw->auth, &raw->authlen, &raw->keys);
	ck_assert_int_eq(write(raw->fd, raw->auth, raw->authlen),
	    (ssize_t)raw->authlen);
}

void
raw_connect(struct raw *raw)
{
	uint8_t			 ack[RLPX_HS_MAX], x[32];
	struct rlpx_state	 st;
	struct rlpx_ack		 a;
	size_t			 len;

	raw_ask(raw);
	len = raw_packet(raw, ack, &side[OUT], x);
	ck_assert_int_eq(rlpx_ack_open(&a, ack, len, x), 0);
	ck_assert_int_eq(rlpx_secrets(&st, 1, &raw->keys, a.eph, a.nonce,
	    raw->auth, raw->authlen, ack, len), 0);
	ck_assert_ptr_nonnull(raw->codec = frame_new(&st));
}

void
raw_accept(struct raw *raw)
{
	uint8_t			 ack[RLPX_HS_MAX], eph[SECP_PUB], x[32];
	struct rlpx_state	 st;
	struct rlpx_auth	 auth;
	size_t			 len;
	int			 fd[2];

	pair(fd);
	raw->fd = fd[0];
	begin(OUT, fd[1]);
	raw->authlen = raw_packet(raw, raw->auth, &side[IN], x);
	ck_assert_int_eq(rlpx_auth_open(&auth, raw->auth, raw->authlen, x), 0);
	ck_assert_int_eq(secp_ecdh_x(x, side[IN].priv, side[OUT].pub), 0);
	ck_assert_int_eq(rlpx_auth_ephemeral(eph, &auth, x), 0);
	ck_assert_int_eq(rlpx_keys_make(&raw->keys), 0);
	ck_assert_int_eq(rlpx_ack_make(ack, &len, &raw->keys, side[OUT].pub), 0);
	ck_assert_int_eq(write(raw->fd, ack, len), (ssize_t)len);
	ck_assert_int_eq(rlpx_secrets(&st, 0, &raw->keys, eph, auth.nonce,
	    raw->auth, raw->authlen, ack, len), 0);
	ck_assert_ptr_nonnull(raw->codec = frame_new(&st));
}

void
raw_send(struct raw *raw, uint64_t code, const void *data, size_t n)
{
	uint8_t	*buf;
	size_t	 len;

	ck_assert_ptr_nonnull(buf = malloc(frame_seal_max(raw->codec, n)));
	len = frame_seal(raw->codec, buf, code, data, n);
	ck_assert_uint_ne(len, 0);
	ck_assert_int_eq(write(raw->fd, buf, len), (ssize_t)len);
	free(buf);
}

void
raw_hello(struct raw *raw, const struct hello *h)
{
	uint8_t	 buf[HELLO_MAX];
	size_t	 len;

	ck_assert_int_eq(hello_encode(buf, sizeof(buf), &len, h), 0);
	raw_send(raw, BASE_HELLO, buf, len);
}

static void
put_cap(struct rlpw *w, const char *name, uint32_t version)
{
	rlpw_list(w);
	rlpw_str(w, name);
	rlpw_uint(w, version);
	rlpw_end(w);
}

void
raw_hello_behind(struct raw *raw, const struct hello *h)
{
	struct rlpw	 w;
	uint8_t		 buf[HELLO_MAX];
	char		 name[CAP_NAME_MAX + 1];
	size_t		 len;
	uint32_t	 i;

	rlpw_init(&w, buf, sizeof(buf));
	rlpw_list(&w);
	rlpw_uint(&w, h->version);
	rlpw_str(&w, h->client);
	rlpw_list(&w);
	for (i = 0; i < CAPS_MAX; i++) {
		snprintf(name, sizeof(name), "cap%u", i);
		put_cap(&w, name, 69);
	}
	for (i = 0; i < h->ncaps; i++)
		put_cap(&w, h->caps[i].name, h->caps[i].version);
	rlpw_end(&w);
	rlpw_uint(&w, h->port);
	rlpw_bytes(&w, h->id, sizeof(h->id));
	rlpw_end(&w);
	ck_assert_int_eq(rlpw_finish(&w, &len), 0);
	raw_send(raw, BASE_HELLO, buf, len);
}

void
raw_close(struct raw *raw)
{
	close(raw->fd);
	frame_free(raw->codec);
}
