/* SPDX-License-Identifier: ISC */
/*
 * hotpath: one hot path, some times over, for an instruction counter. What
 * counts is within measured(); everything random is the same in each run.
 *
 *	hotpath			lists the paths: name, and operations in a run
 *	hotpath -V		what it was made and runs with
 *	hotpath NAME
 */
#include "config.h"

#include <check.h>
#include <event2/event.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/crypto/ecies.h"
#include "common/wire/discv4.h"
#include "common/wire/rlpx.h"
#include "regress/bench/payload.h"
#include "regress/unit/p2pd/session/world.h"

#define TIMES	4
#define BATCH	32	/* messages at once through a session */
#define SIZE_MAX_	(1 << 20)

/* In place of the C library's: every run makes the same keys and paddings. */
static uint64_t	 seed = 0x9e3779b97f4a7c15;

static uint8_t
next_byte(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint8_t)(seed * 0x2545f4914f6cdd1d >> 56);
}

void
arc4random_buf(void *p, size_t n)
{
	uint8_t	*b = p;

	while (n-- > 0)
		*b++ = next_byte();
}

uint32_t
arc4random(void)
{
	uint32_t	 v;

	arc4random_buf(&v, sizeof(v));
	return v;
}

uint32_t
arc4random_uniform(uint32_t bound)
{
	return bound < 2 ? 0 : arc4random() % bound;
}

static struct {
	size_t			 size;
	uint8_t			*plain, *wire, *back;
	size_t			 len;		/* of wire */
	uint8_t			 out[32];
	struct keccak		 k;
	struct frame_codec	*tx, *rx;
	/* a handshake */
	uint8_t			 priv[2][SECP_PRIV], pub[2][SECP_PUB];
	struct rlpx_keys	 keys[2];
	uint8_t			 auth[RLPX_HS_MAX], ack[RLPX_HS_MAX];
	size_t			 authlen, acklen;
	struct rlpx_state	 state[2];
	/* a packet */
	struct d4_packet	 packet;
	uint8_t			 d4[D4_MAX];
	size_t			 d4len;
	/* a session */
	struct tapp		 app;
	struct tpeer		 peer;
} g;

static void	(*op)(void);

/* The counter's switch. */
void measured(void);
__attribute__((noinline)) void
measured(void)
{
	op();
	__asm__ volatile("" ::: "memory");
}

static void
must(int ok)
{
	if (!ok) {
		fputs("hotpath: an operation failed\n", stderr);
		exit(1);
	}
}

static void
hash(void)
{
	keccak256(g.out, g.plain, g.size);
}

static void
digest(void)
{
	keccak_digest(&g.k, g.out);
}

/*
 * Handshake: each side's own work, in the order of the packets.
 */

static void
initiator_auth(void)
{
	uint8_t	 x[32];

	must(rlpx_keys_make(&g.keys[0]) == 0 &&
	    secp_ecdh_x(x, g.priv[0], g.pub[1]) == 0 &&
	    rlpx_auth_make(g.auth, &g.authlen, &g.keys[0], g.pub[0], g.pub[1],
	    x) == 0);
}

static void
recipient(void)
{
	struct rlpx_auth	 auth;
	uint8_t			 point[SECP_PUB], eph[SECP_PUB], x[32];

	must(ecies_point(point, g.auth + 2, g.authlen - 2) == 0 &&
	    secp_ecdh_x(x, g.priv[1], point) == 0 &&
	    rlpx_auth_open(&auth, g.auth, g.authlen, x) == 0 &&
	    secp_ecdh_x(x, g.priv[1], auth.pub) == 0 &&
	    rlpx_auth_ephemeral(eph, &auth, x) == 0 &&
	    rlpx_keys_make(&g.keys[1]) == 0 &&
	    rlpx_ack_make(g.ack, &g.acklen, &g.keys[1], auth.pub) == 0 &&
	    rlpx_secrets(&g.state[1], 0, &g.keys[1], eph, auth.nonce, g.auth,
	    g.authlen, g.ack, g.acklen) == 0);
}

static void
initiator_ack(void)
{
	struct rlpx_ack	 ack;
	uint8_t		 point[SECP_PUB], x[32];

	must(ecies_point(point, g.ack + 2, g.acklen - 2) == 0 &&
	    secp_ecdh_x(x, g.priv[0], point) == 0 &&
	    rlpx_ack_open(&ack, g.ack, g.acklen, x) == 0 &&
	    rlpx_secrets(&g.state[0], 1, &g.keys[0], ack.eph, ack.nonce, g.auth,
	    g.authlen, g.ack, g.acklen) == 0);
}

static void
run(void (*fn)(void), int counted)
{
	op = fn;
	if (counted)
		measured();
	else
		fn();
}

static void
handshake(int in, int out)
{
	int	 i;

	/* OpenSSL looks up at the first time what it keeps then. */
	run(initiator_auth, 0);
	for (i = 0; i < TIMES; i++) {
		run(initiator_auth, out);
		run(recipient, in);
		run(initiator_ack, out);
	}
}

static void
handshake_in(void)
{
	handshake(1, 0);
}

static void
handshake_out(void)
{
	handshake(0, 1);
}

/*
 * Frames.
 */

static void
codecs(void)
{
	initiator_auth();
	recipient();
	initiator_ack();
	must((g.tx = frame_new(&g.state[0])) != NULL &&
	    (g.rx = frame_new(&g.state[1])) != NULL);
	frame_set_snappy(g.tx, 1, 1);
	frame_set_snappy(g.rx, 1, 1);
}

static void
seal(void)
{
	g.len = frame_seal(g.tx, g.wire, 0x10, g.plain, g.size);
	must(g.len > 0);
}

static void
open_frame(void)
{
	uint8_t		*data;
	uint64_t	 code;
	size_t		 n, len, size;

	must(frame_open_head(g.rx, g.wire, &n) == 0 &&
	    frame_open_body(g.rx, g.wire + FRAME_HEAD, n, &code, &data, &len)
	    == 0 && frame_declared(data, len, &size) == 0 && size == g.size &&
	    frame_uncompress(g.back, size, data, len) == 0);
}

static void
frames(int sealing)
{
	int	 i;

	codecs();
	seal();
	open_frame();		/* once for what is only done once */
	for (i = 0; i < TIMES; i++) {
		run(seal, sealing);
		run(open_frame, !sealing);
	}
}

static void
sealing(void)
{
	frames(1);
}

static void
opening(void)
{
	frames(0);
}

/*
 * Discovery.
 */

static void
d4_make(void)
{
	must(d4_sign(&g.packet, g.d4, &g.d4len, g.priv[0]) == 0);
}

static void
d4_read(void)
{
	struct d4_packet	 p;

	must(d4_check(g.d4, g.d4len) == D4_OK &&
	    d4_decode(&p, g.d4, g.d4len) == D4_OK);
}

static void
d4_whose(void)
{
	uint8_t	 pub[SECP_PUB];

	must(d4_recover(pub, g.d4, g.d4len) == 0);
}

static void
packet(uint8_t type)
{
	struct addr	 a = { 4, 30303, { 192, 0, 2, 1 } };
	uint32_t	 i;

	memset(&g.packet, 0, sizeof(g.packet));
	g.packet.type = type;
	g.packet.expiration = 1700000000;
	if (type == D4_PING) {
		g.packet.ping.from.addr = g.packet.ping.to.addr = a;
		g.packet.ping.seq = 1;
	} else
		for (i = 0; i < D4_NODES_OUT; i++) {
			g.packet.neighbors.v[i].addr = a;
			g.packet.neighbors.v[i].tcp = 30303;
			memcpy(g.packet.neighbors.v[i].key, g.pub[1], SECP_PUB);
			g.packet.neighbors.n++;
		}
	d4_make();
	d4_read();
	d4_whose();
}

static void
times(void (*fn)(void))
{
	int	 i;

	for (i = 0; i < TIMES; i++)
		run(fn, 1);
}

static void hash_path(void) { hash(); times(hash); }
static void digest_path(void) { keccak_init(&g.k); digest(); times(digest); }
static void ping_sign(void) { packet(D4_PING); times(d4_make); }
static void ping_read(void) { packet(D4_PING); times(d4_read); }
static void ping_recover(void) { packet(D4_PING); times(d4_whose); }
static void neighbors_sign(void) { packet(D4_NEIGHBORS); times(d4_make); }
static void neighbors_read(void) { packet(D4_NEIGHBORS); times(d4_read); }

/*
 * A session, with its loop, between a peer and an application: user space's part.
 */
static const struct sharedcap	 bench_cap = { { "bench", 1 }, 6, 0x10, 100 };

static void
turns(void)
{
	int	 i;

	for (i = 0; i < 8; i++)
		pump();
}

static void
session_open(void)
{
	world_open();
	tapp_open(&g.app, 1);
	tapp_attach(&g.app, "bench", 1, 6, APP_STOP, 100);
	tapp_expect(&g.app, AF_SNAPSHOT_END);
	memset(&g.peer, 0, sizeof(g.peer));
	tpeer_open(&g.peer, 10, &bench_cap, 1, 1);
	tapp_expect(&g.app, AF_PEER_UP);
}

static void
session_close(void)
{
	tpeer_close(&g.peer);
	tapp_close(&g.app);
	world_close();
}

static void
messages(int counted, int out)
{
	int	 i;

	for (i = 0; i < BATCH; i++)
		if (out)
			tapp_message(&g.app, 0, 10, 0, 100, 0, g.plain, g.size);
		else
			tpeer_send(&g.peer, 0x10, g.plain, g.size);
	run(turns, counted);
	for (i = 0; i < BATCH; i++)
		ck_assert_int_eq(out ? tpeer_recv(&g.peer) :
		    tapp_recv(&g.app), 1);
}

static void
session(int out)
{
	int	 i;

	session_open();
	messages(0, out);
	for (i = 0; i < TIMES; i++)
		messages(1, out);
	session_close();
}

static void session_in(void) { session(0); }
static void session_out(void) { session(1); }

static const struct path {
	const char	*name;
	void		(*fn)(void);
	size_t		 size;
	int		 ops;
	int		 world;
} paths[] = {
	{ "keccak256-1024", hash_path, 1024, TIMES, 0 },
	{ "keccak-digest", digest_path, 0, TIMES, 0 },
	{ "seal-64", sealing, 64, TIMES, 0 },
	{ "seal-1024", sealing, 1024, TIMES, 0 },
	{ "seal-16384", sealing, 16384, TIMES, 0 },
	{ "seal-262144", sealing, 262144, TIMES, 0 },
	{ "seal-1048576", sealing, 1048576, TIMES, 0 },
	{ "open-64", opening, 64, TIMES, 0 },
	{ "open-1024", opening, 1024, TIMES, 0 },
	{ "open-16384", opening, 16384, TIMES, 0 },
	{ "open-262144", opening, 262144, TIMES, 0 },
	{ "open-1048576", opening, 1048576, TIMES, 0 },
	{ "handshake-in", handshake_in, 0, TIMES, 0 },
	{ "handshake-out", handshake_out, 0, TIMES, 0 },
	{ "discv4-ping-sign", ping_sign, 0, TIMES, 0 },
	{ "discv4-ping-read", ping_read, 0, TIMES, 0 },
	{ "discv4-ping-recover", ping_recover, 0, TIMES, 0 },
	{ "discv4-neighbors-sign", neighbors_sign, 0, TIMES, 0 },
	{ "discv4-neighbors-read", neighbors_read, 0, TIMES, 0 },
	{ "session-in-64", session_in, 64, TIMES * BATCH, 1 },
	{ "session-in-1024", session_in, 1024, TIMES * BATCH, 1 },
	{ "session-out-64", session_out, 64, TIMES * BATCH, 1 },
	{ "session-out-1024", session_out, 1024, TIMES * BATCH, 1 }
};

static const struct path *chosen;

START_TEST(in_world)
{
	chosen->fn();
}
END_TEST

/* The world asserts as tests do, so it needs to be in one. */
static int
run_world(void)
{
	Suite	*s = suite_create("hotpath");
	TCase	*tc = tcase_create("hotpath");
	SRunner	*sr;

	tcase_add_test(tc, in_world);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_SILENT);
	return srunner_ntests_failed(sr) == 0 ? 0 : 1;
}

static int
run_path(const struct path *p)
{
	chosen = p;
	g.size = p->size;
	g.plain = malloc(SIZE_MAX_);
	g.back = malloc(SIZE_MAX_);
	g.wire = malloc(2 * SIZE_MAX_);
	must(g.plain != NULL && g.back != NULL && g.wire != NULL);
	payload_fill(g.plain, SIZE_MAX_, 'c');
	must(secp_init() == 0 && secp_keygen(g.priv[0], g.pub[0]) == 0 &&
	    secp_keygen(g.priv[1], g.pub[1]) == 0);
	if (p->world)
		return run_world();
	p->fn();
	return 0;
}

int
main(int argc, char **argv)
{
	size_t	 i;

	if (argc == 2 && strcmp(argv[1], "-V") == 0) {
		printf("compiler %s %s; %s; libevent %s\n", __VERSION__,
		    MADE_WITH, OpenSSL_version(OPENSSL_VERSION), event_get_version());
		return 0;
	}
	for (i = 0; i < nitems_of(paths); i++)
		if (argc == 1)
			printf("%s %d\n", paths[i].name, paths[i].ops);
		else if (argc == 2 && strcmp(argv[1], paths[i].name) == 0)
			return run_path(&paths[i]);
	return argc == 1 ? 0 : 1;
}
