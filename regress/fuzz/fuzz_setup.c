/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/crypto/ecies.h"
#include "common/wire/base.h"
#include "common/wire/frame.h"
#include "common/wire/reason.h"
#include "p2pd/handshake/setup.h"
#include "regress/fuzz/fuzz.h"

/*
 * The set-up of one connection, both roles: key 0 is ours, the input is the
 * peer, who may know how to shake hands (key 1) and lie only after that, and
 * decides how the parent answers.
 */
#define CONN		7
#define QUESTIONS	8

static struct {
	struct setups	*setups;
	struct m_key	 key;
	int		 asked_key, asked1, asked2;
	int		 withhold;	/* the second verdict comes late */
	int		 attempts, ended, accepted;
} st;

static struct m_verdict1	 verdict1;
static struct m_verdict2	 verdict2;

static int
to_parent(const struct msgdesc *d, const void *body, int fd)
{
	FUZZ_CHECK(st.ended == 0);
	switch (d->type) {
	case M_KEY:
		st.key = *(const struct m_key *)body;
		st.asked_key = 1;
		break;
	case M_CHECK1:
		st.asked1 = 1;
		break;
	case M_CHECK2:
		FUZZ_CHECK(fd != -1);
		FUZZ_CHECK(((const struct m_check2 *)body)->ncaps <= CAPS_MAX);
		st.asked2 = 1;
		break;
	case M_ATTEMPT:
		FUZZ_CHECK(((const struct m_attempt *)body)->conn == CONN);
		st.attempts++;
		break;
	}
	if (fd != -1)
		close(fd);
	return 0;
}

static void
on_end(const struct setup_end *e, void *arg)
{
	FUZZ_CHECK(e->conn == CONN);
	st.ended++;
	st.accepted = e->accepted;
}

/* The answers that are due. */
static void
answer(void)
{
	struct m_key_done	 done;
	int			 i;

	for (i = 0; i < QUESTIONS; i++) {
		fuzz_loop();
		if (st.asked_key) {
			st.asked_key = 0;
			memset(&done, 0, sizeof(done));
			done.conn = st.key.conn;
			done.op = st.key.op;
			secp_ecdh_x_uniform(done.secret, fuzz_priv(0),
			    st.key.point);
			setup_key_done(st.setups, &done);
		} else if (st.asked1) {
			st.asked1 = 0;
			setup_verdict1(st.setups, &verdict1);
		} else if (st.asked2 && !st.withhold) {
			st.asked2 = 0;
			setup_verdict2(st.setups, &verdict2);
		} else
			return;
	}
}

static void
make_verdicts(uint8_t how)
{
	struct hello	 h;
	size_t		 len;

	memset(&h, 0, sizeof(h));
	h.version = BASE_VERSION;
	strlcpy(h.client, "p2pd/fuzz", sizeof(h.client));
	memcpy(h.id, fuzz_pub(0), sizeof(h.id));
	memset(&verdict1, 0, sizeof(verdict1));
	verdict1.conn = CONN;
	FUZZ_CHECK(hello_encode(verdict1.hello, sizeof(verdict1.hello), &len,
	    &h) == 0);
	verdict1.hellolen = (uint32_t)len;
	verdict1.generation = 3;
	if (how & 1) {
		verdict1.reason = REASON_TOO_MANY_PEERS;
		verdict1.disc = DISC_TOO_MANY;
	}
	memset(&verdict2, 0, sizeof(verdict2));
	verdict2.conn = CONN;
	if (how & 2) {
		verdict2.reason = REASON_USELESS;
		verdict2.disc = DISC_USELESS;
	}
}

static void
begin(int fd, int initiator)
{
	struct setup_start	 start;

	memset(&start, 0, sizeof(start));
	start.conn = CONN;
	start.fd = fd;
	start.flags = initiator ? 0 : PF_INBOUND;
	start.expect = initiator ? fuzz_pub(1) : NULL;
	start.begun_ms = mono_ms();
	setup_begin(st.setups, &start);
	answer();
}

/* What came from the other end, until there is no more. */
static size_t
receive(int fd, uint8_t *buf, size_t size)
{
	size_t	 n = 0;
	ssize_t	 r;

	while (n < size && (r = read(fd, buf + n, size - n)) > 0)
		n += (size_t)r;
	return n;
}

/* The peer as initiator: a proper auth, and their ack opened. */
static int
shake_as_initiator(int fd, struct rlpx_state *state)
{
	struct rlpx_keys keys;
	struct rlpx_ack	 ack;
	uint8_t		 auth[RLPX_HS_MAX], in[RLPX_HS_MAX], x[32];
	uint8_t		 point[SECP_PUB];
	size_t		 authlen, n;

	FUZZ_CHECK(rlpx_keys_make(&keys) == 0);
	FUZZ_CHECK(secp_ecdh_x(x, fuzz_priv(1), fuzz_pub(0)) == 0);
	FUZZ_CHECK(rlpx_auth_make(auth, &authlen, &keys, fuzz_pub(1),
	    fuzz_pub(0), x) == 0);
	fuzz_write(fd, auth, authlen);
	answer();
	/* After it may come what they have to say in frames. */
	if (receive(fd, in, 2) != 2 || (n = rlpx_packet_len(in)) == 0 ||
	    receive(fd, in + 2, n - 2) != n - 2)
		return -1;
	FUZZ_CHECK(ecies_point(point, in + 2, n - 2) == 0);
	FUZZ_CHECK(secp_ecdh_x(x, fuzz_priv(1), point) == 0);
	FUZZ_CHECK(rlpx_ack_open(&ack, in, n, x) == 0);
	FUZZ_CHECK(rlpx_secrets(state, 1, &keys, ack.eph, ack.nonce, auth,
	    authlen, in, n) == 0);
	return 0;
}

/* The peer as recipient: their auth opened, and a proper ack. */
static int
shake_as_recipient(int fd, struct rlpx_state *state)
{
	struct rlpx_keys keys;
	struct rlpx_auth auth;
	uint8_t		 in[RLPX_HS_MAX], ack[RLPX_HS_MAX], x[32];
	uint8_t		 point[SECP_PUB], eph[SECP_PUB];
	size_t		 acklen, n;

	if ((n = receive(fd, in, sizeof(in))) < 2)
		return -1;
	FUZZ_CHECK(rlpx_packet_len(in) == n);
	FUZZ_CHECK(ecies_point(point, in + 2, n - 2) == 0);
	FUZZ_CHECK(secp_ecdh_x(x, fuzz_priv(1), point) == 0);
	FUZZ_CHECK(rlpx_auth_open(&auth, in, n, x) == 0);
	FUZZ_CHECK(memcmp(auth.pub, fuzz_pub(0), SECP_PUB) == 0);
	FUZZ_CHECK(secp_ecdh_x(x, fuzz_priv(1), auth.pub) == 0);
	FUZZ_CHECK(rlpx_auth_ephemeral(eph, &auth, x) == 0);
	FUZZ_CHECK(rlpx_keys_make(&keys) == 0);
	FUZZ_CHECK(rlpx_ack_make(ack, &acklen, &keys, auth.pub) == 0);
	FUZZ_CHECK(rlpx_secrets(state, 0, &keys, eph, auth.nonce, in, n, ack,
	    acklen) == 0);
	fuzz_write(fd, ack, acklen);
	answer();
	return 0;
}

/* A Hello of key 1, of which the input may change some bytes. */
static size_t
make_hello(struct fuzz *f, uint8_t *out)
{
	struct hello	 h;
	uint8_t		 changes;
	size_t		 len, at;

	memset(&h, 0, sizeof(h));
	h.version = fuzz_u8(f) & 1 ? BASE_VERSION : 4;
	strlcpy(h.client, "fuzz", sizeof(h.client));
	memcpy(h.id, fuzz_pub(1), sizeof(h.id));
	h.ncaps = 1;
	strlcpy(h.caps[0].name, "eth", sizeof(h.caps[0].name));
	h.caps[0].version = 69;
	FUZZ_CHECK(hello_encode(out + 1, HELLO_MAX, &len, &h) == 0);
	out[0] = 0x80;
	for (changes = fuzz_u8(f) % 4; changes > 0; changes--) {
		at = fuzz_u8(f) % (len + 1);
		out[at] = fuzz_u8(f);
	}
	return len + 1;
}

/* Frames with right MACs: a Hello, any bytes, or a header that lies. */
static void
say_frames(struct fuzz *f, int fd, const struct rlpx_state *state)
{
	struct fuzz_sealer	 s;
	uint8_t			 wire[FUZZ_FRAME_LEN(HELLO_MAX + 1)];
	uint8_t			 body[HELLO_MAX + 1], head[16], how;
	size_t			 n;

	fuzz_sealer_init(&s, state);
	while (f->len > 0 && !st.ended) {
		how = fuzz_u8(f);
		if (how >= 0xe0)
			fuzz_pass(200U * fuzz_u8(f));
		else if (how % 4 == 0) {
			fuzz_fill(f, head, sizeof(head));
			fuzz_seal_head(&s, wire, head);
			fuzz_write(fd, wire, 32);
		} else {
			if (how % 4 == 1)
				n = make_hello(f, body);
			else {
				n = fuzz_u16(f) % sizeof(body);
				fuzz_fill(f, body, n);
			}
			n = fuzz_seal(&s, wire, body, n);
			/* In two pieces, or all but its end. */
			fuzz_write(fd, wire, n / 2);
			answer();
			if (how % 4 != 3)
				fuzz_write(fd, wire + n / 2, n - n / 2);
		}
		answer();
		fuzz_drain(fd);
	}
	fuzz_sealer_free(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct setups_conf	 conf;
	struct rlpx_state	 state;
	struct fuzz		 f;
	uint8_t			 mode, *bytes;
	size_t			 n;
	int			 fds[2], before, ok;

	fuzz_begin(&f, data, size);
	fuzz_base();
	before = fuzz_next_fd();
	memset(&st, 0, sizeof(st));
	memset(&conf, 0, sizeof(conf));
	conf.base = fuzz_base();
	conf.own = fuzz_pub(0);
	conf.send = to_parent;
	conf.ended = on_end;
	FUZZ_CHECK((st.setups = setups_new(&conf)) != NULL);
	setups_set_deadline(st.setups, 10000);
	mode = fuzz_u8(&f);
	make_verdicts(mode >> 2);
	st.withhold = mode & 0x10;
	fuzz_pair(fds);
	begin(fds[0], mode & 1);
	if (mode & 2) {
		bytes = fuzz_copy(&f, f.len, &n);
		fuzz_write(fds[1], bytes, n);
		answer();
		free(bytes);
	} else {
		ok = mode & 1 ? shake_as_recipient(fds[1], &state) :
		    shake_as_initiator(fds[1], &state);
		FUZZ_CHECK(ok == 0);
		say_frames(&f, fds[1], &state);
	}
	if (mode & 0x20)
		setup_cancel(st.setups, CONN, REASON_OPERATOR);
	if (mode & 0x40)
		setups_reap(st.setups, 0);
	st.withhold = 0;
	close(fds[1]);
	answer();
	FUZZ_CHECK(st.ended == 1 && st.attempts == !st.accepted);
	FUZZ_CHECK(setups_count(st.setups) == 0);
	setups_free(st.setups);
	FUZZ_CHECK(fuzz_next_fd() == before);
	return 0;
}
