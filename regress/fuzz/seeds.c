/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/crypto/ecies.h"
#include "common/ctl/record.h"
#include "common/wire/app.h"
#include "common/wire/base.h"
#include "common/wire/discv4.h"
#include "common/wire/enr.h"
#include "common/wire/frame.h"
#include "common/wire/rlp.h"
#include "p2pd/discovery/nodedb.h"
#include "p2pd/messages.h"
#include "regress/fuzz/fuzz.h"

/*
 * Writes the seeds that are made rather than kept: valid input of each target,
 * by our own encoders, the same in every run. Usage: seeds directory
 */
static const char	*dir;

static void
make_dir(const char *path)
{
	if (mkdir(path, 0777) == -1 && errno != EEXIST) {
		perror(path);
		exit(1);
	}
}

/* A seed of a target: a few bytes that choose what is done, then the rest. */
static void
seed(const char *target, const char *name, const char *head, size_t headlen,
    const void *data, size_t n)
{
	char	 path[4096];
	FILE	*f;

	snprintf(path, sizeof(path), "%s/%s", dir, target);
	make_dir(path);
	snprintf(path, sizeof(path), "%s/%s/%s", dir, target, name);
	if ((f = fopen(path, "wb")) == NULL ||
	    fwrite(head, 1, headlen, f) != headlen ||
	    fwrite(data, 1, n, f) != n || fclose(f) == EOF) {
		perror(path);
		exit(1);
	}
}

static size_t
make_hello(uint8_t *out, uint32_t ncaps)
{
	static const char *const names[] = { "aa", "eth", "snap", "les" };
	struct hello	 h;
	size_t		 len;
	uint32_t	 i;

	memset(&h, 0, sizeof(h));
	h.version = BASE_VERSION;
	strlcpy(h.client, "Geth/v1.16.0/linux", sizeof(h.client));
	memcpy(h.id, fuzz_pub(1), sizeof(h.id));
	h.port = 30303;
	for (i = 0; i < ncaps; i++) {
		strlcpy(h.caps[i].name, names[i % 4], sizeof(h.caps[i].name));
		h.caps[i].version = 1 + i / 4;
	}
	h.ncaps = ncaps;
	FUZZ_CHECK(hello_encode(out, HELLO_MAX, &len, &h) == 0);
	return len;
}

/* More capabilities than we keep. */
static size_t
make_long_hello(uint8_t *out)
{
	struct rlpw	 w;
	size_t		 len;
	char		 name[8];
	unsigned int	 i;

	rlpw_init(&w, out, HELLO_MAX);
	rlpw_list(&w);
	rlpw_uint(&w, BASE_VERSION);
	rlpw_str(&w, "many");
	rlpw_list(&w);
	for (i = 0; i < CAPS_MAX + 10; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		rlpw_list(&w);
		rlpw_str(&w, name);
		rlpw_uint(&w, i);
		rlpw_end(&w);
	}
	rlpw_end(&w);
	rlpw_uint(&w, 30303);
	rlpw_bytes(&w, fuzz_pub(1), SECP_PUB);
	rlpw_end(&w);
	FUZZ_CHECK(rlpw_finish(&w, &len) == 0);
	return len;
}

static void
base_seeds(void)
{
	uint8_t	 hello[HELLO_MAX], packed[2 * HELLO_MAX];
	size_t	 n;

	n = make_long_hello(hello);
	seed("base", "hello-many", "\0", 1, hello, n);

	n = make_hello(hello, 2);
	seed("base", "hello", "\0", 1, hello, n);
	seed("rlp", "hello", "", 0, hello, n);
	n = make_hello(hello, CAPS_MAX);
	seed("base", "hello-caps", "\0", 1, hello, n);
	seed("base", "disc-list", "\2", 1, "\xc1\x04", 2);
	seed("base", "disc-int", "\2", 1, "\x10", 1);
	seed("base", "disc-empty", "\2", 1, "\xc0", 1);
	n = frame_compress(packed, "\xc1\x08", 2);
	seed("base", "disc-snappy", "\3", 1, packed, n);
	seed("rlp", "nested", "", 0, "\xc7\xc0\xc1\xc0\xc3\xc0\xc1\xc0", 8);
	seed("rlp", "strings", "", 0, "\x80\x7f\x81\x80\x83" "dog", 8);
	seed("rlp", "numbers", "", 0, "\xc8\x01\x82\x04\x00\x84\xff\xff\xff\xff", 10);
}

/* What is sealed in a packet, for the target to seal again. */
static size_t
unsealed(uint8_t *out, const uint8_t *pkt, size_t len)
{
	uint8_t	 point[SECP_PUB], x[32];

	FUZZ_CHECK(ecies_point(point, pkt + 2, len - 2) == 0);
	FUZZ_CHECK(secp_ecdh_x(x, fuzz_priv(0), point) == 0);
	FUZZ_CHECK(ecies_open(out, pkt + 2, len - 2, x, pkt, 2) == 0);
	return len - 2 - ECIES_OVERHEAD;
}

static void
handshake_seeds(void)
{
	struct rlpx_keys keys;
	uint8_t		 pkt[RLPX_HS_MAX], plain[RLPX_HS_MAX], x[32];
	size_t		 len, n;

	FUZZ_CHECK(rlpx_keys_make(&keys) == 0);
	FUZZ_CHECK(secp_ecdh_x(x, fuzz_priv(1), fuzz_pub(0)) == 0);
	FUZZ_CHECK(rlpx_auth_make(pkt, &len, &keys, fuzz_pub(1), fuzz_pub(0),
	    x) == 0);
	n = unsealed(plain, pkt, len);
	seed("auth", "sealed", "\0", 1, plain, n);
	seed("auth", "packet", "\2", 1, pkt, len);
	seed("auth", "unchanged", "\1", 1, "\0\0\0", 3);
	seed("auth", "changed", "\1", 1, "\0\x42\1", 3);
	seed("setup", "in-raw", "\2", 1, pkt, len);
	FUZZ_CHECK(rlpx_ack_make(pkt, &len, &keys, fuzz_pub(0)) == 0);
	n = unsealed(plain, pkt, len);
	seed("ack", "sealed", "\0", 1, plain, n);
	seed("ack", "packet", "\2", 1, pkt, len);
	seed("ack", "unchanged", "\1", 1, "\0\0\0", 3);
	seed("ack", "changed", "\1", 1, "\0\x42\1", 3);
	seed("setup", "out-raw", "\3", 1, pkt, len);
	/* mode; then how, version, changes */
	seed("setup", "in", "\0", 1, "\1\1\0", 3);
	seed("setup", "out", "\1", 1, "\1\1\0", 3);
	seed("setup", "in-old", "\0", 1, "\1\0\0", 3);
	seed("setup", "in-refused1", "\4", 1, "\1\1\0", 3);
	seed("setup", "in-refused2", "\x08", 1, "\1\1\0", 3);
	seed("setup", "out-refused", "\x0d", 1, "\1\1\0", 3);
	seed("setup", "in-disconnect", "\0", 1, "\2\0\3\1\xc1\4", 6);
	seed("setup", "in-head", "\0", 1, "\0\0\x08\x01\xc2\x80\x80", 7);
	seed("setup", "out-changed", "\1", 1, "\1\1\1\x10\xff", 5);
}

static void
frame_seeds(void)
{
	uint8_t	 packed[256];
	size_t	 n;

	seed("frame", "ping", "\0\0\0\2\xc2\x80\x80\0\0\0\0\0\0\0\0\0\0", 17,
	    "\2\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	n = frame_compress(packed + 1, "to be compressed, compressed", 28);
	packed[0] = 0x10;
	seed("frame", "snappy", "\0\0\0\x1e\xc2\x80\x80\0\0\0\0\0\0\0\0\0\0",
	    17, packed, n + 1);
	seed("frame", "trip", "\1\1", 2, "\0\0\0\0\0\0\0\x10\0\0\4text", 15);
	seed("frame", "trip-plain", "\1\0", 2,
	    "\xff\0\0\0\0\0\0\x10\0\0\4text\0\0\0\0\0\0\0\0\x3f\0\1", 26);
	seed("frame", "raw", "\2", 1, "not a frame", 11);
	seed("frame", "payload", "\3", 1, packed + 1, n);
}

/* One record to each printer, twice. */
static void
show_seeds(const struct rec *r)
{
	uint8_t	 buf[2 * (RECORD_MAX + 2)];
	char	 name[16];
	uint8_t	 i;

	buf[0] = (uint8_t)(r->len >> 8);
	buf[1] = (uint8_t)r->len;
	memcpy(buf + 2, r->buf, r->len);
	memcpy(buf + 2 + r->len, buf, 2 + r->len);
	for (i = 0; i < 11; i++) {
		snprintf(name, sizeof(name), "print-%u", i);
		seed("show", name, (char[]){ (char)i, (char)(i * 3) }, 2, buf,
		    2 * (2 + r->len));
	}
}

static void
record_seeds(void)
{
	static struct rec	 r;

	rec_init(&r);
	rec_str(&r, "kind", "node");
	rec_u64(&r, "peers", 12345678901);
	rec_i64(&r, "skew", -3);
	rec_bool(&r, "dialing", 1);
	rec_hex(&r, "id", fuzz_pub(0), SECP_PUB);
	rec_null(&r, "disc");
	rec_list(&r, "listening");
	rec_str(&r, NULL, "127.0.0.1:30303");
	rec_map(&r, NULL);
	rec_list(&r, "deeper");
	rec_end(&r);
	rec_end(&r);
	rec_end(&r);
	FUZZ_CHECK(rec_finish(&r) == 0);
	seed("record", "all", "", 0, r.buf, r.len);
	show_seeds(&r);
	rec_init(&r);
	FUZZ_CHECK(rec_finish(&r) == 0);
	seed("record", "empty", "", 0, r.buf, r.len);
}

/* An attach with options, and what is sent to many. */
static void
app_requests(struct app_attach *at)
{
	static const uint8_t	 handles[8] = { 0, 0, 0, 1, 0, 0, 0, 2 };
	struct app_multisend	 m;
	struct app_hint		 hint;
	uint8_t			 opts[256], buf[1024];
	size_t			 n = 0;

	app_opt_add(opts, sizeof(opts), &n, AO_WANTED, "\0\0\0\x19", 4);
	app_opt_add(opts, sizeof(opts), &n, AO_FIRST, "\0\0\0\x45\0\0\0\0\xc0",
	    9);
	app_opt_add(opts, sizeof(opts), &n, AO_ENR, "\3eth\xc1\x80", 6);
	app_opt_add(opts, sizeof(opts), &n, AO_CONDITION, "\3eth\1\xc1\2\xc1\x80",
	    9);
	seed("app", "options", "\x0a", 1, opts, n);
	at->opts = opts;
	at->optslen = n;
	n = app_attach_encode(buf, sizeof(buf), at);
	seed("app", "attach-options", "\2", 1, buf, n);
	memset(&m, 0, sizeof(m));
	m.capid = 1;
	m.select = APL_RANDOM;
	m.count = 2;
	m.k = 3;
	m.handles = handles;
	n = app_multisend_encode(buf, sizeof(buf), &m);
	seed("app", "multisend", "\7", 1, buf, n);
	memset(&hint, 0, sizeof(hint));
	memcpy(hint.id, fuzz_pub(1), sizeof(hint.id));
	addr_parse(&hint.addr, "192.0.2.1:30303");
	n = app_hint_encode(buf, sizeof(buf), &hint);
	seed("app", "hint", "\x08", 1, buf, n);
	hint.addr.af = 6;
	memcpy(hint.addr.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
	n = app_hint_encode(buf, sizeof(buf), &hint);
	seed("app", "hint-mapped", "\x08", 1, buf, n);
	n = app_counts_encode(buf, sizeof(buf), 1, 2, 3);
	seed("app", "counts", "\x09", 1, buf, n);
}

static void
app_bodies(void)
{
	struct app_attach	 at;
	struct app_peer_up	 up;
	struct app_peer_down	 down;
	struct app_welcome	 w;
	uint8_t			 buf[1024];
	size_t			 n;

	memset(&w, 0, sizeof(w));
	w.major = APP_MAJOR;
	w.sessions = 2;
	w.max_payload = FRAME_MAX;
	strlcpy(w.name, "p2pd/0.1", sizeof(w.name));
	n = app_welcome_encode(buf, sizeof(buf), &w);
	seed("app", "welcome", "\1", 1, buf, n);
	memset(&at, 0, sizeof(at));
	strlcpy(at.name, "eth", sizeof(at.name));
	at.nvers = 2;
	at.vers[0].version = 68;
	at.vers[0].codes = 17;
	at.vers[1].version = 69;
	at.vers[1].codes = 18;
	n = app_attach_encode(buf, sizeof(buf), &at);
	seed("app", "attach", "\2", 1, buf, n);
	memset(&up, 0, sizeof(up));
	up.capid = 1;
	up.version = 69;
	up.codes = 18;
	addr_parse(&up.remote, "192.0.2.1:30303");
	addr_parse(&up.local, "[2001:db8::1]:30303");
	strlcpy(up.client, "Geth", sizeof(up.client));
	n = app_peer_up_encode(buf, sizeof(buf), &up);
	seed("app", "peer-up", "\3", 1, buf, n);
	memset(&down, 0, sizeof(down));
	down.reason = 50;
	down.bytes_in = 1000;
	n = app_peer_down_encode(buf, sizeof(buf), &down);
	seed("app", "peer-down", "\4", 1, buf, n);
	n = app_error_encode(buf, sizeof(buf), APE_BUSY, 7, "taken");
	seed("app", "error", "\5", 1, buf, n);
	app_requests(&at);
}

static void
app_seeds(void)
{
	struct app_hello	 h;
	struct app_head		 head;
	uint8_t			 buf[APP_HEADER + 256];
	size_t			 n;

	memset(&h, 0, sizeof(h));
	h.major = APP_MAJOR;
	h.minor = APP_MINOR;
	strlcpy(h.name, "echo", sizeof(h.name));
	n = app_hello_encode(buf + APP_HEADER, sizeof(buf) - APP_HEADER, &h);
	seed("app", "hello", "\0", 1, buf + APP_HEADER, n);
	memset(&head, 0, sizeof(head));
	head.len = (uint32_t)n;
	head.type = AF_HELLO;
	head.request = 1;
	app_head_encode(buf, &head);
	seed("app", "head", "\6", 1, buf, APP_HEADER);
	seed("intro", "whole", "\0", 1, buf, APP_HEADER + n);
	seed("intro", "bytes", "\1", 1, buf, APP_HEADER + n);
	/* In the control process an application is client 3. */
	FUZZ_CHECK(APP_HEADER + n < 256);
	memmove(buf + 3, buf, APP_HEADER + n);
	memcpy(buf, "\x53\x53", 2);
	buf[2] = (uint8_t)(APP_HEADER + n);
	seed("client", "application", "", 0, buf, 3 + APP_HEADER + n);
	app_bodies();
}

/* libp2papp with eth attached as 1, and peer 7. */
#define LIB_UP	"\0\x60\x41\1\x70\2\2\0\4\0\0\0\1\x64\5\1\7"

/* Steps of the targets that play a process: literal, as their code reads. */
#define STEPS(target, name, s)	seed(target, name, "", 0, s, sizeof(s) - 1)

/* Four long messages, one by one and all at once; and a peer reads for long. */
#define SENDS	"\x0e\xff\x60\x60\1\1\2" "\x4e\xff\x60\x60\1\1\2" \
		"\x4e\xff\x60\x60\1\1\2" "\x0e\xff\x60\x60\1\1\2"
#define READS	"\6\6\6\6\6\6\6\6"

/* A long message of peer 0, and of peer 1. */
#define LONG1	"\x1c\x20\x10\0\1"
#define LONG2	"\x1d\x20\x0f\0\2"

static void
dispatch_seeds(void)
{
	char	 buf[64];
	uint8_t	 t, r;

	for (t = 0; t < 10; t++) {
		for (r = 0; r < 14; r++) {
			snprintf(buf, sizeof(buf), "table-%u-%u", t, r);
			seed("dispatch", buf, (char[]){ (char)t, 1, (char)r }, 3,
			    "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 16);
		}
		snprintf(buf, sizeof(buf), "raw-%u", t);
		seed("dispatch", buf, (char[]){ (char)t, 1, (char)0xf9 }, 3,
		    "\x10\1\0\0\0\x10\0\0\x80\0\0\0\0\0\0\0\0", 17);
	}
}

static void
lib_seeds(void)
{
	/* Attach eth, welcome, attached as 1, a peer, a message, sent. */
	STEPS("lib", "life", "\0\x60\x41\1\x70\2\2\0\4\0\0\0\1\x64\5\1\7"
	    "\x70\7\2\7\x0c\0\0\0\1\0\0\0\0text\x47\7\0\1\4");
	STEPS("lib", "sessions", "\0\x60\x42\1\x61\x46\1\x70\2\2\0\4\0\0\0\1"
	    "\x71\2\2\0\4\0\0\0\1\x68\5\x10");
	/* To all, and its outcome; an update; what was dropped, what waits. */
	STEPS("lib", "many", LIB_UP "\x57\1\1\0\0\1\0\0\3\x70\x0e\4\0\x0c"
	    "\0\0\0\1\0\0\0\0\0\0\0\0");
	STEPS("lib", "update", LIB_UP "\x51\x80\0\0\0\5\1\x70\x0a\3\0\4"
	    "\0\0\0\1");
	STEPS("lib", "lost", LIB_UP "\x5e\x70\x0b\2\7\x18\0\0\0\1\0\0\0\0"
	    "\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\x09\x70\x0c\3\7\x08"
	    "\0\0\0\1\0\0\0\x09");
}

static void
client_seeds(void)
{
	/* Client 1 says hello, asks for the status, and gets it. */
	STEPS("client", "show", "\1\x21\x51\1\1\1\0\1\xe1\1\xe2\1\0\1x");
	STEPS("client", "monitor", "\1\x21\x51\6\1\1\xe0\0\1\3abc\x1d");
	STEPS("client", "read-only", "\0\x20\x50\2\1\1\1\0\0\0\1\1\1\1");
}

static void
peer_seeds(void)
{
	/* Peer 0 begins, pings, sends to eth, and leaves. */
	STEPS("peer", "ping", "\0\x10\x14\2\1\0\xc0");
	STEPS("peer", "message", "\0\x10\x1c\x20\4\x74\x65\x78\x74\x10");
	STEPS("peer", "pressure", "\0\x10\x1c\x20\x4e\x20\x01\x1c\x20\x4e\x20\2"
	    "\x1c\x20\x4e\x20\3\x0c\x0c\x08");
	/* Not read for its full application's sake, and stopped meanwhile. */
	STEPS("peer", "stalled", "\0\x12\x10\x1c\x20\x4e\0\1\x1c\x20\x4e\0\2"
	    "\x1c\x20\x4e\0\3\x18\x08\x3c\0\x08\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e");
	STEPS("peer", "stalled-long", "\0\x10\x1c\x20\x4e\0\1\x1c\x20\x4e\0\2"
	    "\x1c\x20\x4e\0\3\x18\5\x18\x0c\x0c");
	STEPS("peer", "disconnect", "\2\x10\x1c\1\2\xc1\4\x0c\x10");
	STEPS("peer", "two-owners", "\x44\x10\x1c\x10\4text\x1c\x20\4text\x08");
	/* The oldest go, of one peer and of two; then they are read. */
	STEPS("peer", "oldest", "\1\x10\x11" LONG1 LONG1 LONG1 LONG2 LONG2 LONG2
	    LONG1 LONG2 "\x0c\x0c\x0c\x0c");
	/* A tap sees all; the owner is lost, comes back, and is lost for good. */
	STEPS("peer", "tapped", "\x80\x10\x1c\x20\4text\x2c\x1c\x20\4text\x2c\x0c"
	    "\x1c\x20\4text\x2c\x18\x0e\x0c");
}

static void
appsock_seeds(void)
{
	/* Two applications: attach, a peer, sends, disconnect. */
	STEPS("appsock", "send", "\0\x88\2\x0e\7\0\1\1\1\2\x0e\2\1\1\2\6");
	STEPS("appsock", "attach", "\0\x88\1\x08\2\x0c\0\5\0\1\0\0\0\0\1\x0a");
	STEPS("appsock", "detach", "\0\x88\2\x0c\0\3\0\4\0\x04\0\0\0\1");
	STEPS("appsock", "fill", "\0\x88\2\x0e\xff\xff\xff\1\1\2\x0e\xff\xff\xff\1"
	    "\1\2\x0e\xff\xff\xff\1\1\2\6");
	/* Three peers; to all, a list, all but, one of them; then they read. */
	STEPS("appsock", "many", "\0\x88\2\x12\x22"
	    "\x2e\x41\1\2\0\5" "\x2e\x58\1\2\7\1\2\0\5"
	    "\x2e\x4a\1\1\2\0\5" "\x2e\x43\1\2\1\5" "\6\x16\x26");
	/* What waits, with priority and without, for two; one reads. */
	STEPS("appsock", "waiting", "\1\x88\2\x12" SENDS SENDS SENDS
	    "\x1e\2\1\1\2" "\x0e\2\1\1\2" "\x2e\xc1\1\2\0\xff\xff"
	    READS READS READS READS READS READS "\x16");
	/* The same, and the peer leaves; and the application. */
	STEPS("appsock", "waiting-gone", "\1\x88\2\x12" SENDS SENDS SENDS
	    "\x2e\xc1\1\2\0\xff\xff" "\4\6");
	STEPS("appsock", "waiting-closed", "\1\x88\2\x12" SENDS SENDS SENDS
	    "\x2e\xc1\1\2\0\xff\xff" "\xfa\6\6");
	/* Every option; a peer that gets the first message and is not accepted. */
	STEPS("appsock", "options", "\0\x3e\1\2\5" "\1\0\x08\0" "\3\0\3\xe8"
	    "\4\0\0\0\0\0\0\1hello, first" "\5\0\0\7" "\6aa123456"
	    "\2\6\x0c\5\x14\6");
	STEPS("appsock", "condition", "\0\x3e\1\2\1" "\7bb\x09" "abcdefghi"
	    "\x0a" "abcdefghij" "\x3e\4\3\2" "\5\0\0\3" "\3\0\0\0");
	/* Lost, and back; lost, and gone. */
	STEPS("appsock", "orphan", "\0\x88\2\1\xfa\x13\0\x88\6\xfa\x0d\x0e\0\x88");
	/* A tap that watches what the owner sends. */
	STEPS("appsock", "tap", "\0\x88\1\xe9\2\x0e\2\1\1\2\7\x0e\xff\xff\xff\1"
	    "\1\2\xfb\x0e\2\1\1\2");
	/* More than a second's worth by policy 2, which has a rate here. */
	STEPS("appsock", "rate", "\1\xa8\2\x0e\xff\xff\xff\1\1\2\x0e\2\1\1\2"
	    "\x0c\5\x40\x0c\5\x40\6");
}

/* fuzz_body() of a text: its length, then its bytes. */
#define TEXT(s)	"\3" s
#define ZERO16	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define APP_NEW	"\0\2" "\0\0\0\1\0\0\1\0" ZERO16 "\0\0" TEXT("app")
#define ATTACH	"\5\3" "\1\1" TEXT("eth") "\0\0" "\1\x45\x11" "\0\0\0\0"
#define KEYS	"\1\2\1\1\1" "\1\2\1\2\1"
#define CHECK1	"\1\3\1\1\1\2\1"
#define CHECK2	"\1\4\1\1\1\2\1\2\5\0\0" "\1" TEXT("eth") "\x45" "\0\0"

static void
parent_seeds(void)
{
	static uint8_t	 state[RLPX_STATE_LEN + 16];

	/* One session; an application; an inbound peer, who is shown and ends. */
	seed("parent", "peer", "\x40\0" APP_NEW ATTACH KEYS CHECK1 CHECK2,
	    sizeof("\x40\0" APP_NEW ATTACH KEYS CHECK1 CHECK2) - 1, state,
	    RLPX_STATE_LEN);
	memcpy(state + RLPX_STATE_LEN, "\5\2\2\x32\4\1\0\0\0\0\0", 11);
	seed("parent", "peer-end", "\x40\0" APP_NEW ATTACH KEYS CHECK1 CHECK2,
	    sizeof("\x40\0" APP_NEW ATTACH KEYS CHECK1 CHECK2) - 1, state,
	    RLPX_STATE_LEN + 11);
	/* Refused for want of applications, and asked for again. */
	memcpy(state + RLPX_STATE_LEN, CHECK1, sizeof(CHECK1) - 1);
	seed("parent", "refused", "\0\0" KEYS CHECK1 "\1\4\1\1\1\2\1\1\5\0\0\0\0\0",
	    sizeof("\0\0" KEYS CHECK1 "\1\4\1\1\1\2\1\1\5\0\0\0\0\0") - 1, state,
	    RLPX_STATE_LEN + sizeof(CHECK1) - 1);
	/* Penalised, twice; and hinted at, with a port and without. */
	memcpy(state + RLPX_STATE_LEN, "\5\x08\1\2\2\x3c\5\x08\1\2\2\0", 12);
	seed("parent", "penalise", "\x40\0" APP_NEW ATTACH KEYS CHECK1 CHECK2,
	    sizeof("\x40\0" APP_NEW ATTACH KEYS CHECK1 CHECK2) - 1, state,
	    RLPX_STATE_LEN + 12);
	STEPS("parent", "hint", "\x40\0" APP_NEW ATTACH "\5\7\1\2\1\0"
	    "\5\7\1\2\0\0");
	/* Options at the attach and later, theirs and ours; the owner leaves,
	   comes back too late, and the session dies under it. */
	STEPS("parent", "options", "\x40\0" APP_NEW "\5\3" "\1\1" TEXT("eth")
	    "\0\0" "\1\x45\x11" "\5\1" TEXT("abc") "\1\7" "\1" TEXT("abc")
	    "\1\0\1\xc2" "\5\6\1\2\1\7\3\1" TEXT("xyz") "\1\5\0\0"
	    "\5\6\1\3\1\2\0\1\2id\1\5\0\0");
	STEPS("parent", "grace", "\x40\0" APP_NEW ATTACH "\5\5\1" APP_NEW
	    "\5\3" "\2\1" TEXT("eth") "\0\0" "\1\x45\x11" "\0\0\0\0"
	    "\xf0\xff" APP_NEW ATTACH "\xfa\5\0\1\1\0\0" APP_NEW ATTACH);
	STEPS("parent", "attempt", "\0\0" KEYS "\1\5\1\1\4\x0f\xff\xff\1\1\2\1\1");
	STEPS("parent", "dial", "\0\0\2\6\1\1\2\0\2\2\1\2\1\2\3\1\0\1\2\1");
	STEPS("parent", "resolve", "\0\0\2\7\1\3abc\3\2\1\1\2");
	STEPS("parent", "resolve-stop", "\0\0\2\7\1\3abc\2\7\2\3abc\2\x0b\2\2\x0b\1"
	    "\3\2\1\1\2");
	STEPS("parent", "starting", "\x7f\0\0\0\1\1\0\0\1\0\1\1\0\0\5\0\1\1\0\0");
	STEPS("parent", "show", "\0\0\0\3\1\1\0\0\3\1\2\0\0\3\1\4\0\0\3\1\5\0\0\3"
	    "\1\6\0\0\3\1\7\0\0\3\1\x08\0\0\3\1\x09\0\0\3\1\x0a\0");
	STEPS("parent", "peers", "\0\0\0\4\1\1\2\3abc\1\1\0\1\1\0\4\1\3\2\0\0\0\0\0"
	    "\0\0\4\1\2\2\0\0\0\0\0\0\0\4\1\4\2\0\0\0\0\0\0");
	STEPS("parent", "bans", "\0\0\0\5\1\1\1\1\0\0\0\3abc\0\5\1\1\0\1\x18\2\0"
	    "\3abc\0\5\1\2\1\1\0\0\0\0");
	STEPS("parent", "monitor", "\0\0\x08\1\1\0\6\1\1\4\6\1\0\3abc\0\x09\1");
	STEPS("parent", "detach", "\x40\0" APP_NEW "\5\3\1\1" TEXT("eth") "\0\0"
	    "\2\x44\x11\x45\x12" "\0\0\0\0" "\5\4\1\1" "\5\5\1");
	STEPS("parent", "cross-dial", "\0\0\2\6\1\1\2\0" KEYS CHECK1
	    "\2\6\2\2\2\0" "\1\2\2\1\2" "\1\2\2\2\2" "\1\3\2\1\2\3\1");
	STEPS("parent", "session-dies", "\0\0" APP_NEW ATTACH "\xfa\xff");
}

static void
make_record(struct enr *e)
{
	struct enr_build	 b;
	struct addr		 a4, a6;

	FUZZ_CHECK(addr_parse(&a4, "192.0.2.1:30303") == 0);
	FUZZ_CHECK(addr_parse(&a6, "[2001:db8::1]:30304") == 0);
	FUZZ_CHECK(enr_build_init(&b, 1700000000000, fuzz_pub(1)) == 0);
	FUZZ_CHECK(enr_set_endpoint(&b, &a4, 30303) == 0);
	FUZZ_CHECK(enr_set_endpoint(&b, &a6, 30304) == 0);
	FUZZ_CHECK(enr_set(&b, "eth", "\xc7\xc6\x84\x01\x02\x03\x04\x80",
	    8) == 0);
	FUZZ_CHECK(enr_sign(e, &b, fuzz_priv(1)) == 0);
}

static void
discovery_seeds(void)
{
	struct d4_packet	 k;
	struct enr		 e;
	uint8_t			 buf[D4_MAX];
	char			 text[ENR_STRLEN];
	size_t			 n, i;

	make_record(&e);
	seed("enr", "record", "b", 1, e.raw, e.len);
	enr_format(&e, text);
	seed("enr", "text", "t", 1, text, strlen(text));
	for (i = D4_PING; i < D4_NTYPES; i++) {
		memset(&k, 0, sizeof(k));
		k.type = (uint8_t)i;
		k.expiration = 1700000000;
		if (i == D4_PING) {
			addr_parse(&k.ping.from.addr, "192.0.2.1:30303");
			k.ping.to = k.ping.from;
			k.ping.seq = e.seq;
		} else if (i == D4_FINDNODE)
			memcpy(k.findnode.target, fuzz_pub(2), SECP_PUB);
		else if (i == D4_NEIGHBORS) {
			addr_parse(&k.neighbors.v[0].addr, "192.0.2.1:30303");
			addr_parse(&k.neighbors.v[1].addr, "[2001:db8::1]:1");
			memcpy(k.neighbors.v[0].key, fuzz_pub(2), SECP_PUB);
			k.neighbors.n = 2;
		} else if (i == D4_ENRRESPONSE) {
			k.enrresponse.record = e.raw;
			k.enrresponse.len = e.len;
		}
		FUZZ_CHECK(d4_sign(&k, buf, &n, fuzz_priv(1)) == 0);
		seed("discv4", d4_name(k.type), "\1", 1, buf, n);
	}
}

static void
database_seeds(void)
{
	struct nodedb_node	 n;
	uint8_t			 pair[NODEDB_KEY + NODEDB_VALUE];
	size_t			 len;
	int			 i;

	for (i = 0; i < 4; i++) {
		memset(&n, 0, sizeof(n));
		if (i & 2)
			make_record(&n.record);
		if (!(i & 2) || enr_pubkey(&n.record, n.key) == -1)
			memcpy(n.key, fuzz_pub(1), sizeof(n.key));
		node_id(n.id, n.key);
		addr_parse(&n.udp, i & 1 ? "[2001:db8::1]:1" : "192.0.2.1:30303");
		n.tcp = 30303;
		n.seed = i & 1;
		n.pong = 1700000000;
		len = nodedb_encode(&n, pair, pair + NODEDB_KEY);
		seed("nodeval", i == 0 ? "ip4" : i == 1 ? "ip6" : i == 2 ?
		    "record4" : "record6", "", 0, pair, NODEDB_KEY + len);
	}
}

/*
 * Of the engine: a byte that says what happens, one for the peer, and what
 * that needs; pings both ways, then questions and answers.
 */
static void
engine_seeds(void)
{
#define START	"\x5d\0"
#define PROVE	"\1\0\x14\1\0\1\2\0\x14\0\1"
#define PASS	"\x0b\0\1\0"
#define S(name, bytes)	seed("d4engine", name, bytes, sizeof(bytes) - 1, "", 0)
	S("refresh", START PASS PASS);
	S("proven", START PASS PROVE "\3\0\x14" "\5\0\x14" PASS);
	S("unproven", START "\3\1\x14" "\5\1\x14" PASS);
	S("ask", START PROVE "\x48\0" "\4\0\x14\2\1\0\2\0" PASS);
	S("fetch", START PROVE "\x18\0" "\6\0\x14\1\5\x76\x5f\0\0\0" PASS);
	S("lookup", START PROVE PROVE "\x28\0" PASS "\4\0\x14\2\1\0\2\0"
	    PASS PASS);
	S("resolve", START PROVE "\x38\0" PASS "\x58\0" PASS);
	S("keys", "\x0d\2" "\1\0\x14\1\0\1" "\x1d\0" PASS "\x0d\1"
	    "\1\2\x14\1\0\1" PASS);
	S("ban", START PROVE "\x2d\0" "\1\0\x14\1\0\1" PASS);
	S("walk", START PROVE "\x3d\1" PASS PASS "\x4d\2" PASS);
	S("days", START PROVE "\x0c\0\x14" "\1\0\x14\1\0\1" "\3\0\x14");
#undef START
#undef PROVE
#undef PASS
#undef S
}

int
main(int argc, char **argv)
{
	struct fuzz	 f;

	if (argc != 2) {
		fprintf(stderr, "usage: seeds directory\n");
		return 2;
	}
	dir = argv[1];
	make_dir(dir);
	fuzz_begin(&f, NULL, 0);
	base_seeds();
	handshake_seeds();
	discovery_seeds();
	database_seeds();
	engine_seeds();
	frame_seeds();
	record_seeds();
	app_seeds();
	dispatch_seeds();
	lib_seeds();
	client_seeds();
	peer_seeds();
	appsock_seeds();
	parent_seeds();
	return 0;
}
