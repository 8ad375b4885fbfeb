/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "regress/unit/p2pd/handshake/fixture.h"

/* Both sides of one socket pair, until both have ended. */
static void
run_both(void)
{
	int	 fd[2];

	pair(fd);
	begin(IN, fd[0]);
	begin(OUT, fd[1]);
	ck_assert(turn_until(&side[IN].ended, pace(3000)));
	ck_assert(turn_until(&side[OUT].ended, pace(3000)));
}

static struct frame_codec *
codec_of(const struct side *s)
{
	struct rlpx_state	 st;
	struct frame_codec	*c;

	ck_assert_int_eq(rlpx_state_import(&st, s->check2.state), 0);
	ck_assert_ptr_nonnull(c = frame_new(&st));
	return c;
}

/* The reason of the Disconnect that is next on a peer's own socket. */
static unsigned int
disconnect_at(const struct side *s, int compressed)
{
	struct frame_codec	*c = codec_of(s);
	uint8_t			*data;
	size_t			 len, size;
	unsigned int		 disc;

	ck_assert_int_eq(frame_snappy_rx(c), compressed);
	ck_assert_int_eq(frame_recv(s->fd2, c, &data, &len), BASE_DISCONNECT);
	if (compressed) {
		ck_assert_int_eq(frame_declared(data, len, &size), 0);
		ck_assert_uint_eq(size, 2);
	} else
		ck_assert_uint_eq(len, 2);
	ck_assert_int_eq(disconnect_decode(&disc, data, len, compressed), 0);
	frame_free(c);
	return disc;
}

static void
check_accepted(const struct side *s)
{
	ck_assert_int_eq(s->attempts, 0);
	ck_assert_int_eq(s->ended, 1);
	ck_assert_int_eq(s->end.accepted, 1);
	ck_assert_int_eq(s->checked1, 1);
	ck_assert_int_eq(s->checked2, 1);
	ck_assert_uint_eq(s->keys[KEY_ECIES], 1);
	ck_assert_uint_eq(s->keys[KEY_STATIC], 1);
	ck_assert_uint_eq(setups_count(s->setups), 0);
}

static void
check_refused(const struct side *s, unsigned int stage, unsigned int reason,
    unsigned int sent, unsigned int recv)
{
	ck_assert_int_eq(s->ended, 1);
	ck_assert_int_eq(s->end.accepted, 0);
	ck_assert_uint_eq(s->end.reason, reason);
	ck_assert_int_eq(s->attempts, 1);
	ck_assert_uint_eq(s->attempt.conn, s->end.conn);
	ck_assert_uint_eq(s->attempt.stage, stage);
	ck_assert_uint_eq(s->attempt.reason, reason);
	ck_assert_uint_eq(s->attempt.disc_sent, sent);
	ck_assert_uint_eq(s->attempt.disc_recv, recv);
	ck_assert_uint_eq(s->attempt.count, 1);
	ck_assert_uint_eq(setups_count(s->setups), 0);
}

START_TEST(both_accept)
{
	const struct side	*i = &side[IN], *o = &side[OUT];
	struct frame_codec	*ci, *co;
	uint8_t			 buf[256], *data;
	size_t			 len;

	run_both();
	check_accepted(i);
	check_accepted(o);
	ck_assert_mem_eq(i->check1.id, o->pub, SECP_PUB);
	ck_assert_mem_eq(o->check1.id, i->pub, SECP_PUB);
	ck_assert_mem_eq(i->check2.id, o->pub, SECP_PUB);
	ck_assert_uint_eq(i->check1.flags, PF_INBOUND);
	ck_assert_uint_eq(o->check1.flags, 0);
	ck_assert_uint_eq(i->check2.generation, 7);
	ck_assert_uint_eq(i->check2.p2p_version, BASE_VERSION);
	ck_assert_str_eq(i->check2.client, "test/1");
	ck_assert_uint_eq(i->check2.ncaps, 2);
	ck_assert_str_eq(i->check2.caps[1].name, "eth");
	ck_assert_uint_eq(i->check2.caps[1].version, 69);
	ck_assert_uint_eq(i->check2.bytes_in, o->check2.bytes_out);
	ck_assert_uint_eq(o->check2.bytes_in, i->check2.bytes_out);
	/* Whoever gets the sockets and states can go on. */
	ci = codec_of(i);
	co = codec_of(o);
	ck_assert(frame_snappy_rx(ci) && frame_snappy_tx(ci));
	len = frame_seal(ci, buf, 0x10, "hello", 5);
	ck_assert_int_eq(write(i->fd2, buf, len), (ssize_t)len);
	ck_assert_int_eq(frame_recv(o->fd2, co, &data, &len), 0x10);
	frame_free(ci);
	frame_free(co);
}
END_TEST

START_TEST(many_at_once)
{
	int	 fd[2], i;

	for (i = 0; i < 100; i++) {
		pair(fd);
		begin(IN, fd[0]);
		begin(OUT, fd[1]);
	}
	while (side[IN].ended < 100 || side[OUT].ended < 100) {
		i = 0;
		turn_until(&i, 5);
		if (side[IN].fd2 != -1)
			close(side[IN].fd2);
		if (side[OUT].fd2 != -1)
			close(side[OUT].fd2);
		side[IN].fd2 = side[OUT].fd2 = -1;
	}
	ck_assert_int_eq(side[IN].attempts + side[OUT].attempts, 0);
	ck_assert_uint_eq(side[IN].end.conn, 100);
}
END_TEST

START_TEST(refused_at_check1_by_recipient)
{
	side[IN].reason1 = REASON_TOO_MANY_PEERS;
	run_both();
	check_refused(&side[IN], ST_CHECK1, REASON_TOO_MANY_PEERS, DISC_TOO_MANY,
	    DISC_NONE);
	check_refused(&side[OUT], ST_HELLO, REASON_REMOTE, DISC_NONE,
	    DISC_TOO_MANY);
	ck_assert_int_eq(side[OUT].attempt.has_id, 1);
	ck_assert_mem_eq(side[OUT].attempt.id, side[IN].pub, SECP_PUB);
	ck_assert_mem_eq(side[IN].attempt.id, side[OUT].pub, SECP_PUB);
}
END_TEST

START_TEST(refused_at_check1_by_initiator)
{
	side[OUT].reason1 = REASON_ALREADY_CONNECTED;
	run_both();
	check_refused(&side[OUT], ST_CHECK1, REASON_ALREADY_CONNECTED,
	    DISC_ALREADY, DISC_NONE);
	check_refused(&side[IN], ST_HELLO, REASON_REMOTE, DISC_NONE, DISC_ALREADY);
}
END_TEST

START_TEST(refused_silently)
{
	side[IN].reason1 = REASON_SESSION_DIED;	/* has nothing to say */
	run_both();
	check_refused(&side[IN], ST_CHECK1, REASON_SESSION_DIED, DISC_NONE,
	    DISC_NONE);
	check_refused(&side[OUT], ST_AUTH, REASON_HANDSHAKE_EOF, DISC_NONE,
	    DISC_NONE);
}
END_TEST

/* ack and Hello are one write: nobody is woken twice for them. */
START_TEST(ack_with_hello)
{
	uint8_t		 buf[RLPX_HS_MAX + HELLO_MAX];
	struct raw	 raw;
	size_t		 len;
	ssize_t		 n;

	raw_ask(&raw);
	ck_assert_uint_eq(read_turning(raw.fd, buf, 2), 2);
	ck_assert_uint_ne(len = rlpx_packet_len(buf), 0);
	n = read(raw.fd, buf + 2, sizeof(buf) - 2);
	ck_assert_int_gt(n, (ssize_t)(len - 2 + FRAME_HEAD));
	raw_close(&raw);
}
END_TEST

START_TEST(refused_at_check2)
{
	side[IN].reason2 = REASON_USELESS;
	run_both();
	check_refused(&side[IN], ST_CHECK2, REASON_USELESS, DISC_USELESS,
	    DISC_NONE);
	check_accepted(&side[OUT]);
	ck_assert_uint_eq(disconnect_at(&side[OUT], 1), DISC_USELESS);
}
END_TEST

START_TEST(refused_at_check2_without_snappy)
{
	side[OUT].reason2 = REASON_QUITTING;
	side[IN].hello.version = side[OUT].hello.version = 4;
	run_both();
	check_refused(&side[OUT], ST_CHECK2, REASON_QUITTING, DISC_QUITTING,
	    DISC_NONE);
	check_accepted(&side[IN]);
	ck_assert_uint_eq(side[IN].check2.p2p_version, 4);
	ck_assert_uint_eq(disconnect_at(&side[IN], 0), DISC_QUITTING);
}
END_TEST

START_TEST(wrong_identity)
{
	uint8_t	 priv[SECP_PRIV];

	ck_assert_int_eq(secp_keygen(priv, side[OUT].hello.id), 0);
	run_both();
	check_refused(&side[IN], ST_HELLO, REASON_WRONG_IDENTITY,
	    DISC_UNEXPECTED_IDENTITY, DISC_NONE);
	check_accepted(&side[OUT]);
	ck_assert_uint_eq(disconnect_at(&side[OUT], 1), DISC_UNEXPECTED_IDENTITY);
}
END_TEST

/* More capabilities than are kept: what is ours as well is among the kept. */
START_TEST(shared_behind_many)
{
	struct raw	 raw;

	raw_connect(&raw);
	raw_hello_behind(&raw, &side[OUT].hello);
	ck_assert(turn_until(&side[IN].ended, pace(3000)));
	check_accepted(&side[IN]);
	ck_assert_uint_eq(side[IN].check2.ncaps, CAPS_MAX);
	ck_assert_str_eq(side[IN].check2.caps[CAPS_MAX - 1].name, "eth");
	raw_close(&raw);
}
END_TEST

START_TEST(null_identity)
{
	memset(side[IN].hello.id, 0, SECP_PUB);
	run_both();
	check_refused(&side[OUT], ST_HELLO, REASON_NULL_IDENTITY,
	    DISC_NULL_IDENTITY, DISC_NONE);
	ck_assert_uint_eq(disconnect_at(&side[IN], 1), DISC_NULL_IDENTITY);
}
END_TEST

/* Dialed, but not whom we meant: its key cannot open our auth. */
START_TEST(dialed_another)
{
	uint8_t	 other[SECP_PRIV], pub[SECP_PUB];

	ck_assert_int_eq(secp_keygen(other, pub), 0);
	memcpy(side[IN].priv, other, sizeof(other));
	run_both();
	check_refused(&side[IN], ST_AUTH, REASON_HANDSHAKE_BAD, DISC_NONE,
	    DISC_NONE);
	check_refused(&side[OUT], ST_AUTH, REASON_HANDSHAKE_EOF, DISC_NONE,
	    DISC_NONE);
	ck_assert_int_eq(side[IN].attempt.has_id, 0);
}
END_TEST

START_TEST(parent_full)
{
	int	 fd[2];

	pair(fd);
	side[OUT].refuse_all = 1;
	begin(OUT, fd[0]);
	check_refused(&side[OUT], ST_AUTH, REASON_PARENT_BUSY, DISC_NONE, DISC_NONE);
	close(fd[1]);
}
END_TEST

START_TEST(deadline_silent_peer)
{
	int	 fd[2];
	char	 c;

	pair(fd);
	setups_set_deadline(side[IN].setups, 50);
	begin(IN, fd[0]);
	ck_assert(turn_until(&side[IN].ended, 2000));
	check_refused(&side[IN], ST_AUTH, REASON_SETUP_TIMEOUT, DISC_NONE, DISC_NONE);
	ck_assert_uint_ge(side[IN].attempt.ms, 40);
	ck_assert_int_eq(read(fd[1], &c, 1), 0);
	close(fd[1]);
}
END_TEST

START_TEST(deadline_busy_parent)
{
	int	 fd[2];

	pair(fd);
	setups_set_deadline(side[OUT].setups, 50);
	side[OUT].mute_keys = 1;
	begin(OUT, fd[0]);
	ck_assert(turn_until(&side[OUT].ended, 2000));
	check_refused(&side[OUT], ST_AUTH, REASON_PARENT_BUSY, DISC_NONE, DISC_NONE);
	close(fd[1]);
}
END_TEST

START_TEST(deadline_in_hello)
{
	struct raw	 raw;

	setups_set_deadline(side[IN].setups, (uint32_t)pace(200));
	raw_connect(&raw);
	ck_assert(turn_until(&side[IN].ended, pace(2000)));
	check_refused(&side[IN], ST_HELLO, REASON_SETUP_TIMEOUT, DISC_NONE, DISC_NONE);
	raw_close(&raw);
}
END_TEST

START_TEST(no_deadline_at_check2)
{
	struct m_verdict2	 v;
	int			 never = 0, fd[2];

	setups_set_deadline(side[IN].setups, (uint32_t)pace(200));
	side[IN].mute_check2 = 1;
	pair(fd);
	begin(IN, fd[0]);
	begin(OUT, fd[1]);
	ck_assert(turn_until(&side[OUT].ended, pace(3000)));
	turn_until(&never, pace(300));
	ck_assert_int_eq(side[IN].ended, 0);
	ck_assert_int_eq(side[IN].checked2, 1);
	ck_assert_int_eq(setup_cancel(side[IN].setups, 1, REASON_OPERATOR), -1);
	memset(&v, 0, sizeof(v));
	v.conn = side[IN].check2.conn;
	setup_verdict2(side[IN].setups, &v);
	check_accepted(&side[IN]);
	setup_verdict2(side[IN].setups, &v);	/* over: ignored */
}
END_TEST

START_TEST(cancel)
{
	struct m_key_done	 k;
	uint32_t		 conn;
	int			 fd[2];

	pair(fd);
	side[OUT].mute_keys = 1;
	conn = begin(OUT, fd[0]);
	ck_assert_int_eq(setup_cancel(side[OUT].setups, conn + 1, REASON_OPERATOR), -1);
	ck_assert_int_eq(setup_cancel(side[OUT].setups, conn, REASON_OPERATOR), 0);
	check_refused(&side[OUT], ST_AUTH, REASON_OPERATOR, DISC_NONE, DISC_NONE);
	memset(&k, 0, sizeof(k));
	k.conn = conn;
	k.op = KEY_STATIC;
	setup_key_done(side[OUT].setups, &k);	/* too late */
	close(fd[1]);
}
END_TEST

START_TEST(stop)
{
	struct raw	 raw;
	int		 fd[2];

	side[IN].mute_check1 = 1;
	raw_ask(&raw);
	ck_assert(turn_until(&side[IN].checked1, pace(3000)));
	pair(fd);
	begin(IN, fd[0]);
	setups_stop(side[IN].setups);
	ck_assert_int_eq(side[IN].attempts, 2);
	ck_assert_uint_eq(side[IN].attempt.reason, REASON_STOPPING);
	ck_assert_uint_eq(setups_count(side[IN].setups), 0);
	close(fd[1]);
	raw_close(&raw);
}
END_TEST

START_TEST(reap)
{
	struct raw	 raw;
	int		 fd[2], never = 0;

	side[IN].mute_check1 = 1;
	raw_ask(&raw);		/* older, but has said all it should */
	ck_assert(turn_until(&side[IN].checked1, pace(3000)));
	pair(fd);
	begin(IN, fd[0]);
	turn_until(&never, 30);
	ck_assert_int_eq(setups_reap(side[IN].setups, 1000), 0);
	ck_assert_int_eq(setups_reap(side[IN].setups, 10), 1);
	ck_assert_int_eq(side[IN].attempts, 1);
	ck_assert_uint_eq(side[IN].attempt.conn, 2);
	ck_assert_uint_eq(side[IN].attempt.reason, REASON_SETUP_TIMEOUT);
	ck_assert_int_eq(setups_reap(side[IN].setups, 10), 0);
	ck_assert_uint_eq(setups_count(side[IN].setups), 1);
	close(fd[1]);
	raw_close(&raw);
}
END_TEST

/* What follows Hello stays in the socket for whoever gets it. */
START_TEST(nothing_past_hello)
{
	struct frame_codec	*c;
	struct raw		 raw;
	uint8_t			*data, rest;
	size_t			 len;

	raw_connect(&raw);
	raw_hello(&raw, &side[OUT].hello);
	frame_set_snappy(raw.codec, 1, 1);
	raw_send(&raw, BASE_PING, "\xc0", 1);
	raw_send(&raw, 0x10, "after", 5);
	ck_assert(turn_until(&side[IN].ended, pace(3000)));
	check_accepted(&side[IN]);
	c = codec_of(&side[IN]);
	ck_assert_int_eq(frame_recv(side[IN].fd2, c, &data, &len), BASE_PING);
	ck_assert_int_eq(frame_recv(side[IN].fd2, c, &data, &len), 0x10);
	ck_assert_int_eq(read(side[IN].fd2, &rest, 1), -1);
	frame_free(c);
	raw_close(&raw);
}
END_TEST

static void
first_frame(uint64_t code, const void *data, size_t n, unsigned int reason,
    unsigned int sent, unsigned int recv)
{
	struct raw	 raw;

	raw_connect(&raw);
	raw_send(&raw, code, data, n);
	ck_assert(turn_until(&side[IN].ended, pace(3000)));
	check_refused(&side[IN], ST_HELLO, reason, sent, recv);
	raw_close(&raw);
}

static const struct {
	uint64_t	 code;
	const char	*data;
	size_t		 n;
	unsigned int	 reason;
	unsigned int	 sent;
	unsigned int	 recv;
} firsts[] = {
	{ BASE_PING, "\xc0", 1, REASON_HELLO_EXPECTED, DISC_BREACH, DISC_NONE },
	{ 0x10, "\xc0", 1, REASON_HELLO_EXPECTED, DISC_BREACH, DISC_NONE },
	{ BASE_HELLO, "", 0, REASON_HELLO_BAD, DISC_BREACH, DISC_NONE },
	{ BASE_HELLO, "\xc0", 1, REASON_HELLO_BAD, DISC_BREACH, DISC_NONE },
	{ BASE_HELLO, "\xff\xff\xff\xff", 4, REASON_HELLO_BAD, DISC_BREACH, DISC_NONE },
	{ BASE_DISCONNECT, "\xc1\x04", 2, REASON_REMOTE, DISC_NONE, DISC_TOO_MANY },
	{ BASE_DISCONNECT, "\x10", 1, REASON_REMOTE, DISC_NONE, DISC_SUBPROTOCOL },
	{ BASE_DISCONNECT, "\xc0", 1, REASON_REMOTE, DISC_NONE, DISC_REQUESTED },
	{ BASE_DISCONNECT, "", 0, REASON_REMOTE, DISC_NONE, DISC_REQUESTED },
	/* as if compressed already */
	{ BASE_DISCONNECT, "\x02\x04\xc1\x05", 4, REASON_REMOTE, DISC_NONE, DISC_ALREADY },
	{ BASE_DISCONNECT, "\xc9\x88\xff\xff\xff\xff\xff\xff\xff\xff", 10,
	    REASON_REMOTE, DISC_NONE, 0xfe },
};

START_TEST(first_frames)
{
	first_frame(firsts[_i].code, firsts[_i].data, firsts[_i].n,
	    firsts[_i].reason, firsts[_i].sent, firsts[_i].recv);
}
END_TEST

START_TEST(hello_too_big)
{
	uint8_t	 buf[HELLO_MAX + 1] = { 0 };

	first_frame(BASE_HELLO, buf, sizeof(buf), REASON_HELLO_BAD, DISC_BREACH,
	    DISC_NONE);
}
END_TEST

/* Even of 16 MiB: the length alone is enough. */
START_TEST(hello_huge)
{
	struct raw	 raw;
	uint8_t		*buf, *big;

	raw_connect(&raw);
	ck_assert_ptr_nonnull(big = calloc(1, FRAME_MAX - 16));
	ck_assert_ptr_nonnull(buf = malloc(frame_seal_max(raw.codec, FRAME_MAX - 16)));
	ck_assert_uint_ne(frame_seal(raw.codec, buf, 0, big, FRAME_MAX - 16), 0);
	ck_assert_int_eq(write(raw.fd, buf, FRAME_HEAD), FRAME_HEAD);
	ck_assert(turn_until(&side[IN].ended, pace(3000)));
	check_refused(&side[IN], ST_HELLO, REASON_HELLO_BAD, DISC_BREACH, DISC_NONE);
	free(big);
	free(buf);
	raw_close(&raw);
}
END_TEST

/* A bit wrong anywhere in Hello's frame: closed without a word. */
START_TEST(bad_mac)
{
	uint8_t		 payload[HELLO_MAX], frame[2 * HELLO_MAX], *data;
	struct raw	 raw;
	size_t		 n, len;

	raw_connect(&raw);
	ck_assert_int_eq(hello_encode(payload, sizeof(payload), &n, &side[OUT].hello), 0);
	n = frame_seal(raw.codec, frame, BASE_HELLO, payload, n);
	frame[(size_t)_i * n / 16] ^= 0x10;
	ck_assert_int_eq(write(raw.fd, frame, n), (ssize_t)n);
	ck_assert(turn_until(&side[IN].ended, pace(3000)));
	check_refused(&side[IN], ST_HELLO, REASON_WRONG_MAC, DISC_NONE, DISC_NONE);
	/* only its Hello had come */
	ck_assert_int_eq(frame_recv(raw.fd, raw.codec, &data, &len), BASE_HELLO);
	ck_assert_uint_eq(read_turning(raw.fd, frame, 1), 0);
	raw_close(&raw);
}
END_TEST

/* Its last word can be read although it has hung up. */
START_TEST(disconnect_and_gone)
{
	struct m_verdict1	 v;
	struct raw		 raw;
	uint8_t			 payload[4];
	size_t			 n;

	side[OUT].mute_check1 = 1;
	raw_accept(&raw);
	n = disconnect_encode(payload, DISC_TOO_MANY);
	raw_send(&raw, BASE_DISCONNECT, payload, n);
	raw_close(&raw);
	while (side[OUT].secrets < 2)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(side[OUT].checked1, 1);
	memset(&v, 0, sizeof(v));
	v.conn = side[OUT].check1.conn;
	ck_assert_int_eq(hello_encode(v.hello, sizeof(v.hello), &n,
	    &side[OUT].hello), 0);
	v.hellolen = (uint32_t)n;
	setup_verdict1(side[OUT].setups, &v);
	ck_assert(turn_until(&side[OUT].ended, pace(3000)));
	check_refused(&side[OUT], ST_HELLO, REASON_REMOTE, DISC_NONE, DISC_TOO_MANY);
}
END_TEST

/* The Disconnect of a refusal, before either Hello, is not compressed. */
START_TEST(plain_disconnect)
{
	struct raw	 raw;
	uint8_t		*data, c;
	size_t		 len;

	side[IN].reason1 = REASON_TOO_MANY_INBOUND;
	raw_connect(&raw);
	ck_assert_int_eq(frame_recv(raw.fd, raw.codec, &data, &len), BASE_DISCONNECT);
	ck_assert_uint_eq(len, 2);
	ck_assert_mem_eq(data, "\xc1\x04", 2);
	/* the other half of the connection is still read from */
	ck_assert_int_eq(read(raw.fd, &c, 1), 0);
	ck_assert_int_eq(write(raw.fd, "x", 1), 1);
	raw_close(&raw);
}
END_TEST

static void
hostile_auth(size_t n, const uint8_t *body)
{
	uint8_t	 buf[2 + 4096], c;
	int	 fd[2];

	side[IN].ended = side[IN].attempts = 0;
	pair(fd);
	begin(IN, fd[0]);
	buf[0] = (uint8_t)(n >> 8);
	buf[1] = (uint8_t)n;
	memcpy(buf + 2, body, n);
	ck_assert_int_eq(write(fd[1], buf, n + 2), (ssize_t)n + 2);
	ck_assert(turn_until(&side[IN].ended, pace(3000)));
	check_refused(&side[IN], ST_AUTH, REASON_HANDSHAKE_BAD, DISC_NONE, DISC_NONE);
	/* EOF, or a reset for what was left unread; never a byte */
	ck_assert_int_le(read(fd[1], &c, 1), 0);
	close(fd[1]);
}

START_TEST(every_auth_length)
{
	uint8_t	 body[4096];
	size_t	 n;

	arc4random_buf(body, sizeof(body));
	body[0] = 4;
	for (n = 0; n <= 2100; n++)
		hostile_auth(n, body);
}
END_TEST

START_TEST(every_ack_length)
{
	uint8_t	 auth[RLPX_HS_MAX], buf[2 + 4096];
	size_t	 n, len;
	int	 fd[2];

	arc4random_buf(buf, sizeof(buf));
	for (n = 0; n <= 2100; n++) {
		side[OUT].ended = side[OUT].attempts = 0;
		pair(fd);
		begin(OUT, fd[0]);
		ck_assert_uint_eq(read_turning(fd[1], auth, 2), 2);
		len = rlpx_packet_len(auth) - 2;
		ck_assert_uint_eq(read_turning(fd[1], auth, len), len);
		buf[0] = (uint8_t)(n >> 8);
		buf[1] = (uint8_t)n;
		buf[2] = 4;
		ck_assert_int_eq(write(fd[1], buf, n + 2), (ssize_t)n + 2);
		ck_assert(turn_until(&side[OUT].ended, pace(3000)));
		check_refused(&side[OUT], ST_AUTH, REASON_HANDSHAKE_BAD,
		    DISC_NONE, DISC_NONE);
		close(fd[1]);
	}
}
END_TEST

/* Every truncation of a good auth is an end of file, at most one key op. */
START_TEST(truncated_auth)
{
	struct rlpx_keys	 keys;
	uint8_t			 auth[RLPX_HS_MAX];
	size_t			 len, n;
	int			 fd[2];

	raw_auth(auth, &len, &keys);
	for (n = 0; n < len; n++) {
		side[IN].ended = side[IN].attempts = 0;
		pair(fd);
		begin(IN, fd[0]);
		ck_assert_int_eq(write(fd[1], auth, n), (ssize_t)n);
		close(fd[1]);
		ck_assert(turn_until(&side[IN].ended, pace(3000)));
		check_refused(&side[IN], ST_AUTH, REASON_HANDSHAKE_EOF,
		    DISC_NONE, DISC_NONE);
	}
	ck_assert_uint_eq(side[IN].keys[KEY_ECIES], 0);
}
END_TEST

/* A byte at a time is as good as all at once. */
START_TEST(trickled_auth)
{
	struct rlpx_keys	 keys;
	uint8_t			 auth[RLPX_HS_MAX], ack[2];
	size_t			 len, n;
	int			 fd[2], never = 0;

	raw_auth(auth, &len, &keys);
	pair(fd);
	begin(IN, fd[0]);
	for (n = 0; n < len; n++) {
		ck_assert_int_eq(write(fd[1], auth + n, 1), 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	turn_until(&never, 10);
	ck_assert_uint_eq(read_turning(fd[1], ack, 2), 2);
	ck_assert_int_eq(side[IN].ended, 0);
	close(fd[1]);
}
END_TEST

START_TEST(corrupt_auth)
{
	struct rlpx_keys	 keys;
	uint8_t			 auth[RLPX_HS_MAX];
	size_t			 len, n;

	raw_auth(auth, &len, &keys);
	for (n = 2; n < len; n += 7) {
		auth[n] ^= 1;
		hostile_auth(len - 2, auth + 2);
		auth[n] ^= 1;
	}
}
END_TEST

/* The claimed id is no point: it fails, as a false signature would. */
START_TEST(auth_of_no_point)
{
	struct rlpx_keys	 keys;
	uint8_t			 auth[RLPX_HS_MAX], x[32], bad[SECP_PUB];
	size_t			 len;

	memset(bad, 0xff, sizeof(bad));
	ck_assert_int_eq(rlpx_keys_make(&keys), 0);
	memset(x, 1, sizeof(x));
	ck_assert_int_eq(rlpx_auth_make(auth, &len, &keys, bad, side[IN].pub, x), 0);
	hostile_auth(len - 2, auth + 2);
}
END_TEST

START_TEST(numbers)
{
	ck_assert_uint_eq(setups_number(side[IN].setups), 1);
	ck_assert_uint_eq(setups_number(side[IN].setups), 2);
}
END_TEST

static SRunner *
runner(void)
{
	Suite	*s = suite_create("setup");
	TCase	*good = tcase_create("good"), *bad = tcase_create("refused");
	TCase	*hostile = tcase_create("hostile");

	tcase_add_checked_fixture(good, fixture_setup, fixture_teardown);
	tcase_add_checked_fixture(bad, fixture_setup, fixture_teardown);
	tcase_add_checked_fixture(hostile, fixture_setup, fixture_teardown);
	tcase_set_timeout(hostile, 120);
	tcase_add_test(good, both_accept);
	tcase_add_test(good, many_at_once);
	tcase_add_test(good, ack_with_hello);
	tcase_add_test(good, nothing_past_hello);
	tcase_add_test(good, no_deadline_at_check2);
	tcase_add_test(good, numbers);
	tcase_add_test(good, trickled_auth);
	tcase_add_test(bad, refused_at_check1_by_recipient);
	tcase_add_test(bad, refused_at_check1_by_initiator);
	tcase_add_test(bad, refused_silently);
	tcase_add_test(bad, refused_at_check2);
	tcase_add_test(bad, refused_at_check2_without_snappy);
	tcase_add_test(bad, wrong_identity);
	tcase_add_test(bad, null_identity);
	tcase_add_test(bad, shared_behind_many);
	tcase_add_test(bad, dialed_another);
	tcase_add_test(bad, parent_full);
	tcase_add_test(bad, deadline_silent_peer);
	tcase_add_test(bad, deadline_busy_parent);
	tcase_add_test(bad, deadline_in_hello);
	tcase_add_test(bad, cancel);
	tcase_add_test(bad, stop);
	tcase_add_test(bad, reap);
	tcase_add_test(bad, plain_disconnect);
	tcase_add_test(bad, disconnect_and_gone);
	tcase_add_loop_test(hostile, first_frames, 0, (int)nitems_of(firsts));
	tcase_add_test(hostile, hello_too_big);
	tcase_add_test(hostile, hello_huge);
	tcase_add_loop_test(hostile, bad_mac, 0, 16);
	tcase_add_test(hostile, every_auth_length);
	tcase_add_test(hostile, every_ack_length);
	tcase_add_test(hostile, truncated_auth);
	tcase_add_test(hostile, corrupt_auth);
	tcase_add_test(hostile, auth_of_no_point);
	suite_add_tcase(s, good);
	suite_add_tcase(s, bad);
	suite_add_tcase(s, hostile);
	return srunner_create(s);
}

int
main(void)
{
	SRunner	*sr;
	int	 failed;

	signal(SIGPIPE, SIG_IGN);
	if (secp_init() == -1)
		return 1;
	sr = runner();
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
