/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/ipc/ibuf.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "world.h"

struct tolds	 told = TAILQ_HEAD_INITIALIZER(told);
int		 parent_full, session_done;
uint64_t	 attach_rate;
struct event_base *base;
const struct sharedcap	 shared[3] = {
	{ { "bbb", 1 }, 4, 0x10, 100 },
	{ { "ccc", 7 }, 2, 0x14, 200 },
	{ { "bbb", 2 }, 5, 0x10, 100 },
};

static int
hear(const struct msgdesc *d, const void *body)
{
	struct ibuf	*b;
	struct told	*t;

	/* What could not be told would be the session's end. */
	ck_assert_ptr_nonnull(b = ibuf_dynamic(0, 1 << 20));
	ck_assert_msg(msg_encode(d, body, b) == 0, "%s", d->name);
	ibuf_free(b);
	ck_assert_ptr_nonnull(t = calloc(1, sizeof(*t)));
	t->type = d->type;
	ck_assert_ptr_nonnull(t->body = malloc(d->size));
	memcpy(t->body, body, d->size);
	TAILQ_INSERT_TAIL(&told, t, entry);
	return 0;
}

static int
full(void)
{
	return parent_full;
}

static void
done(void)
{
	session_done = 1;
}

/* What hostile parties are told off for is not for the test's log. */
static void
quiet(int pri, const char *line, void *arg)
{
}

void
world_limits(uint64_t mem, uint64_t peer, uint64_t app, uint32_t stall)
{
	struct session_env	 env = { NULL, hear, full, done };
	struct m_init		 m;

	signal(SIGPIPE, SIG_IGN);
	log_init(1, 0);
	log_set_sink(quiet, NULL);
	ck_assert_ptr_nonnull(base = event_base_new());
	env.base = base;
	memset(&m, 0, sizeof(m));
	m.version = MSG_VERSION;
	m.kind = PROC_SESSION;
	m.instance = 1;
	m.nsessions = 2;
	memset(m.id, 0x77, sizeof(m.id));
	strlcpy(m.client, "p2pd/test", sizeof(m.client));
	m.mem_budget = mem;
	m.queue_peer = peer;
	m.queue_app = app;
	m.stall_ms = stall;
	parent_full = session_done = 0;
	attach_rate = 0;
	ck_assert_int_eq(session_setup(&env, &m), 0);
}

void
world_open(void)
{
	world_limits(256 << 20, 4 << 20, 32 << 20, 5000);
}

void
world_close(void)
{
	session_cleanup();
	event_base_free(base);
	told_forget();
}

void
pump(void)
{
	ck_assert_int_ne(event_base_loop(base, EVLOOP_NONBLOCK), -1);
}

static void
woken(int fd, short what, void *arg)
{
}

void
pump_wait(void)
{
	struct timeval	 tv = { 0, 2000 };

	event_base_once(base, -1, EV_TIMEOUT, woken, NULL, &tv);
	ck_assert_int_ne(event_base_loop(base, EVLOOP_ONCE), -1);
}

const void *
told_first(uint32_t type)
{
	struct told	*t;

	TAILQ_FOREACH(t, &told, entry)
		if (t->type == type)
			return t->body;
	return NULL;
}

unsigned int
told_count(uint32_t type)
{
	struct told	*t;
	unsigned int	 n = 0;

	TAILQ_FOREACH(t, &told, entry)
		n += t->type == type;
	return n;
}

void
told_forget(void)
{
	struct told	*t;

	while ((t = TAILQ_FIRST(&told)) != NULL) {
		TAILQ_REMOVE(&told, t, entry);
		free(t->body);
		free(t);
	}
}

static void
make_pair(int sv[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	ck_assert_int_ne(fcntl(sv[0], F_SETFL, O_NONBLOCK), -1);
}

/* All of it, the session running while there is no room. */
static void
write_all(int fd, const void *data, size_t n)
{
	const uint8_t	*p = data;
	ssize_t		 w;
	uint64_t	 until = mono_ms() + PATIENCE;

	while (n > 0) {
		if ((w = write(fd, p, n)) == -1) {
			if (errno == EPIPE || errno == ECONNRESET)
				return;
			ck_assert_int_eq(errno, EAGAIN);
			ck_assert_msg(mono_ms() < until, "nobody reads");
			pump_wait();
			continue;
		}
		p += w;
		n -= (size_t)w;
		until = mono_ms() + PATIENCE;
	}
}

static void
more(int fd, uint8_t **buf, size_t *len, size_t *cap, int *eof)
{
	ssize_t	 n;

	if (*cap - *len < 65536) {
		*cap = (*cap + 65536) * 2;
		ck_assert_ptr_nonnull(*buf = realloc(*buf, *cap));
	}
	n = read(fd, *buf + *len, *cap - *len);
	if (n > 0)
		*len += (size_t)n;
	else if (n == 0 || errno != EAGAIN)
		*eof = 1;
}

static void
twin_states(struct rlpx_state *a, struct rlpx_state *b, int snappy)
{
	memset(a, 0, sizeof(*a));
	arc4random_buf(a->aes_key, sizeof(a->aes_key));
	arc4random_buf(a->mac_key, sizeof(a->mac_key));
	keccak_init(&a->tx_mac);
	keccak_update(&a->tx_mac, "here", 4);
	keccak_init(&a->rx_mac);
	keccak_update(&a->rx_mac, "there", 5);
	a->snappy_tx = a->snappy_rx = (uint8_t)snappy;
	*b = *a;
	b->tx_mac = a->rx_mac;
	b->rx_mac = a->tx_mac;
}

void
tpeer_open(struct tpeer *tp, uint32_t handle, const struct sharedcap *caps,
    uint32_t n, int snappy)
{
	struct m_peer_start	 m;
	struct rlpx_state	 ours, theirs;
	int			 sv[2];
	uint32_t		 i;

	memset(tp, 0, sizeof(*tp));
	memset(&m, 0, sizeof(m));
	make_pair(sv);
	tp->fd = sv[0];
	tp->handle = m.handle = handle;
	m.flags = PF_INBOUND;
	memset(m.id, (int)handle, sizeof(m.id));
	ck_assert_int_eq(addr_parse(&m.remote, "192.0.2.1:30303"), 0);
	ck_assert_int_eq(addr_parse(&m.local, "192.0.2.2:30303"), 0);
	m.p2p_version = snappy ? 5 : 4;
	strlcpy(m.client, "peer/1.0", sizeof(m.client));
	m.nshared = m.ncaps = n;
	for (i = 0; i < n; i++) {
		m.shared[i] = caps[i];
		m.caps[i] = caps[i].cap;
	}
	twin_states(&ours, &theirs, snappy);
	rlpx_state_export(&ours, m.state);
	ck_assert_ptr_nonnull(tp->codec = frame_new(&theirs));
	peer_start(&m, sv[1]);
}

void
tpeer_close(struct tpeer *tp)
{
	close(tp->fd);
	frame_free(tp->codec);
	free(tp->in);
	free(tp->data);
}

void
tpeer_write(struct tpeer *tp, const void *data, size_t n)
{
	write_all(tp->fd, data, n);
}

void
tpeer_send(struct tpeer *tp, uint64_t code, const void *data, size_t n)
{
	uint8_t	*buf;
	size_t	 len;

	ck_assert_ptr_nonnull(buf = malloc(frame_seal_max(tp->codec, n)));
	ck_assert_uint_ne(len = frame_seal(tp->codec, buf, code, data, n), 0);
	tpeer_write(tp, buf, len);
	free(buf);
}

void
tpeer_send_raw(struct tpeer *tp, uint64_t code, const void *data, size_t n)
{
	uint8_t	*buf;
	size_t	 len;

	ck_assert_ptr_nonnull(buf = malloc(frame_wire_len(n + 9)));
	ck_assert_uint_ne(len = frame_seal_raw(tp->codec, buf, code, data, n),
	    0);
	tpeer_write(tp, buf, len);
	free(buf);
}

static void
eat(uint8_t *buf, size_t *len, size_t n)
{
	memmove(buf, buf + n, *len - n);
	*len -= n;
}

static void
keep_data(struct tpeer *tp, const uint8_t *data, size_t n)
{
	free(tp->data);
	tp->len = n;
	if (frame_snappy_rx(tp->codec))
		ck_assert_int_eq(frame_declared(data, n, &tp->len), 0);
	ck_assert_ptr_nonnull(tp->data = malloc(tp->len + 1));
	if (frame_snappy_rx(tp->codec))
		ck_assert_int_eq(frame_uncompress(tp->data, tp->len, data, n),
		    0);
	else
		memcpy(tp->data, data, n);
}

static int
next_frame(struct tpeer *tp)
{
	uint8_t	*data;
	size_t	 n;

	if (!tp->has_head && tp->inlen >= FRAME_HEAD) {
		ck_assert_int_eq(frame_open_head(tp->codec, tp->in,
		    &tp->bodylen), 0);
		eat(tp->in, &tp->inlen, FRAME_HEAD);
		tp->has_head = 1;
	}
	if (!tp->has_head || tp->inlen < frame_rest(tp->bodylen))
		return 0;
	ck_assert_int_eq(frame_open_body(tp->codec, tp->in, tp->bodylen,
	    &tp->code, &data, &n), 0);
	keep_data(tp, data, n);
	eat(tp->in, &tp->inlen, frame_rest(tp->bodylen));
	tp->has_head = 0;
	return 1;
}

int
tpeer_poll(struct tpeer *tp)
{
	if (next_frame(tp))
		return 1;
	pump();
	more(tp->fd, &tp->in, &tp->inlen, &tp->incap, &tp->eof);
	return next_frame(tp);
}

int
tpeer_recv(struct tpeer *tp)
{
	uint64_t	 until = mono_ms() + PATIENCE;
	size_t		 before;

	for (;;) {
		before = tp->inlen;
		if (tpeer_poll(tp))
			return 1;
		if (tp->eof)
			return 0;
		ck_assert_msg(mono_ms() < until, "the session sends nothing");
		if (tp->inlen == before)
			pump_wait();
	}
}

void
tpeer_expect_disc(struct tpeer *tp, unsigned int disc)
{
	ck_assert_int_eq(tpeer_recv(tp), 1);
	ck_assert_uint_eq(tp->code, BASE_DISCONNECT);
	ck_assert_uint_eq(tp->len, 2);
	ck_assert_uint_eq(tp->data[0], 0xc1);
	ck_assert_uint_eq(tp->data[1], disc == 0 ? 0x80 : disc);
	ck_assert_int_eq(tpeer_recv(tp), 0);
	/* nothing to wait for any more */
	shutdown(tp->fd, SHUT_RDWR);
}

void
tapp_open(struct tapp *ta, uint32_t app)
{
	struct app_welcome	 w;
	struct m_app		 m;
	int			 sv[2];

	memset(ta, 0, sizeof(*ta));
	memset(&m, 0, sizeof(m));
	make_pair(sv);
	ta->fd = sv[0];
	ta->app = m.app = app;
	m.nsessions = 2;
	m.request = 4711;
	memset(m.token, 0x42, sizeof(m.token));
	strlcpy(m.name, "test", sizeof(m.name));
	app_open(&m, sv[1]);
	tapp_expect(ta, AF_WELCOME);
	ck_assert_uint_eq(ta->head.request, 4711);
	ck_assert_int_eq(app_welcome_decode(&w, ta->body, ta->head.len), 0);
	ck_assert_uint_eq(w.major, APP_MAJOR);
	ck_assert_uint_eq(w.sessions, 2);
	ck_assert_uint_eq(w.session, 1);
	ck_assert_uint_eq(w.token[0], 0x42);
	ck_assert_uint_eq(w.id[63], 0x77);
	ck_assert_uint_eq(w.max_payload, FRAME_MAX);
	ck_assert_str_eq(w.name, "p2pd/test");
}

void
tapp_close(struct tapp *ta)
{
	close(ta->fd);
	free(ta->in);
	free(ta->body);
}

void
tapp_write(struct tapp *ta, const void *data, size_t n)
{
	write_all(ta->fd, data, n);
}

void
tapp_send(struct tapp *ta, const struct app_head *h, const void *body)
{
	uint8_t	 head[APP_HEADER];

	app_head_encode(head, h);
	tapp_write(ta, head, sizeof(head));
	tapp_write(ta, body, h->len);
}

static int
app_frame(struct tapp *ta)
{
	uint8_t	*p = ta->in + ta->off;
	size_t	 left = ta->inlen - ta->off;

	if (left >= APP_HEADER) {
		app_head_decode(&ta->head, p);
		if (left >= APP_HEADER + ta->head.len) {
			if (ta->head.len >= ta->cap) {
				ta->cap = ta->head.len + 1;
				ta->body = realloc(ta->body, ta->cap);
				ck_assert_ptr_nonnull(ta->body);
			}
			memcpy(ta->body, p + APP_HEADER, ta->head.len);
			ta->off += APP_HEADER + ta->head.len;
			return 1;
		}
	}
	if (ta->off > 0) {
		eat(ta->in, &ta->inlen, ta->off);
		ta->off = 0;
	}
	return 0;
}

int
tapp_poll(struct tapp *ta)
{
	if (app_frame(ta))
		return 1;
	pump();
	more(ta->fd, &ta->in, &ta->inlen, &ta->incap, &ta->eof);
	return app_frame(ta);
}

int
tapp_recv(struct tapp *ta)
{
	uint64_t	 until = mono_ms() + PATIENCE;
	size_t		 before;

	for (;;) {
		before = ta->inlen;
		if (tapp_poll(ta))
			return 1;
		if (ta->eof)
			return 0;
		ck_assert_msg(mono_ms() < until, "the session sends nothing");
		if (ta->inlen == before)
			pump_wait();
	}
}

void
tapp_expect(struct tapp *ta, enum app_type type)
{
	do
		ck_assert_int_eq(tapp_recv(ta), 1);
	while (ta->head.type != type && (ta->head.type == AF_STALLED ||
	    ta->head.type == AF_WRITABLE));
	ck_assert_uint_eq(ta->head.type, type);
}

void
tapp_attach(struct tapp *ta, const char *name, uint32_t version, uint32_t codes,
    enum app_policy policy, uint32_t capid)
{
	const struct m_app_attach *asked;
	struct m_app_attached	 m;
	struct app_attach	 at;
	struct app_head		 h = { 0, AF_ATTACH, 0, 99, 0 };
	uint8_t			 body[256];

	memset(&at, 0, sizeof(at));
	strlcpy(at.name, name, sizeof(at.name));
	at.policy = (uint8_t)policy;
	at.nvers = 1;
	at.vers[0].version = version;
	at.vers[0].codes = codes;
	h.len = (uint32_t)app_attach_encode(body, sizeof(body), &at);
	told_forget();
	tapp_send(ta, &h, body);
	PUMP_UNTIL((asked = told_first(M_APP_ATTACH)) != NULL);
	ck_assert_uint_eq(asked->app, ta->app);
	ck_assert_uint_eq(asked->request, 99);
	ck_assert_str_eq(asked->name, name);
	ck_assert_uint_eq(asked->nvers, 1);
	ck_assert_uint_eq(asked->vers[0].version, version);
	ck_assert_uint_eq(asked->vers[0].codes, codes);
	memset(&m, 0, sizeof(m));
	m.app = ta->app;
	m.request = 99;
	m.capid = capid;
	m.rate = attach_rate;
	app_attached(&m);
	tapp_expect(ta, AF_ATTACHED);
	ck_assert_uint_eq(ta->head.request, 99);
	ck_assert_uint_eq(app_get32(ta->body), capid);
}

void
tapp_message(struct tapp *ta, uint32_t request, uint32_t peer,
    unsigned int flags, uint32_t capid, uint32_t code, const void *data, size_t n)
{
	struct app_head	 h = { (uint32_t)(APP_MSG_HEAD + n), AF_SEND,
	    (uint16_t)flags, request, peer };
	uint8_t		 head[APP_HEADER + APP_MSG_HEAD];

	app_head_encode(head, &h);
	app_put32(head + APP_HEADER, capid);
	app_put32(head + APP_HEADER + 4, code);
	tapp_write(ta, head, sizeof(head));
	tapp_write(ta, data, n);
}

void
tapp_own(struct tapp *ta, uint32_t app, unsigned int which,
    enum app_policy policy)
{
	const struct sharedcap	*c = &shared[which];

	tapp_open(ta, app);
	tapp_attach(ta, c->cap.name, c->cap.version, c->codes, policy, c->owner);
	tapp_expect(ta, AF_SNAPSHOT_END);
	ck_assert_uint_eq(ta->head.request, 1);
	ck_assert_uint_eq(app_get32(ta->body), c->owner);
}

struct app *
app_of(uint32_t app)
{
	return (struct app *)htab_find(&ses.apptab, app);
}

void
tpeer_up(struct tpeer *tp, uint32_t handle, uint32_t n, struct tapp *ta)
{
	tpeer_open(tp, handle, shared, n, 1);
	tapp_expect(ta, AF_PEER_UP);
}

void
request(struct tapp *ta, enum app_type type, uint32_t req, uint32_t peer,
    const void *data, size_t n)
{
	struct app_head	 h = { (uint32_t)n, (uint16_t)type, 0, req, peer };

	tapp_send(ta, &h, data);
}

void
expect_error(struct tapp *ta, uint32_t req, enum app_error want)
{
	uint16_t	 error, room;
	char		 text[256];

	tapp_expect(ta, AF_ERROR);
	ck_assert_uint_eq(ta->head.request, req);
	ck_assert_int_eq(app_error_decode(&error, &room, text, sizeof(text),
	    ta->body, ta->head.len), 0);
	ck_assert_uint_eq(error, want);
	ck_assert_uint_gt(strlen(text), 0);
}

void
still_works(struct tapp *ta, struct tpeer *tp)
{
	tapp_message(ta, 77, tp->handle, AFL_COMPLETE, 100, 1, "hello", 5);
	tapp_expect(ta, AF_SENT);
	ck_assert_uint_eq(ta->head.request, 77);
	ck_assert_int_eq(tpeer_recv(tp), 1);
	ck_assert_mem_eq(tp->data, "hello", 5);
}

TCase *
world_case(const char *name, void (*setup)(void), void (*teardown)(void))
{
	TCase	*t = tcase_create(name);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	return t;
}

int
world_run(const char *suite, TCase *one, TCase *two)
{
	Suite	*s = suite_create(suite);
	SRunner	*r;
	int	 n;

	suite_add_tcase(s, one);
	if (two != NULL)
		suite_add_tcase(s, two);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	n = srunner_ntests_failed(r);
	srunner_free(r);
	return n == 0 ? 0 : 1;
}
