/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/app.h"
#include "common/wire/reason.h"

static struct vector {
	char	 name[32];
	size_t	 len;
	uint8_t	 bytes[512];
}	 vectors[64];
static size_t	 nvectors;

static void
load(void)
{
	char		 path[1024], line[2048];
	struct vector	*v;
	const char	*dir;
	char		*hex;
	FILE		*f;

	dir = getenv("srcdir");
	snprintf(path, sizeof(path), "%s/regress/vectors/app.txt",
	    dir == NULL ? "." : dir);
	if ((f = fopen(path, "r")) == NULL) {
		perror(path);
		exit(1);
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0' ||
		    (hex = strchr(line, ' ')) == NULL ||
		    nvectors == nitems_of(vectors))
			continue;
		*hex++ = '\0';
		v = &vectors[nvectors++];
		snprintf(v->name, sizeof(v->name), "%.31s", line);
		v->len = strlen(hex) / 2;
		if (v->len > sizeof(v->bytes) ||
		    hex_decode(v->bytes, v->len, hex) == -1) {
			fprintf(stderr, "%s: bad vector\n", line);
			exit(1);
		}
	}
	fclose(f);
}

static const struct vector *
vector(const char *name)
{
	size_t	 i;

	for (i = 0; i < nvectors; i++) {
		if (strcmp(vectors[i].name, name) == 0)
			return &vectors[i];
	}
	ck_abort_msg("no vector %s", name);
	return NULL;
}

/* The vector's header, and the same header encoded again. */
static const uint8_t *
body(const char *name, struct app_head *h)
{
	const struct vector	*v = vector(name);
	uint8_t			 out[APP_HEADER];

	app_head_decode(h, v->bytes);
	ck_assert_uint_eq(h->len, v->len - APP_HEADER);
	app_head_encode(out, h);
	ck_assert_mem_eq(out, v->bytes, sizeof(out));
	return v->bytes + APP_HEADER;
}

static size_t
copy(uint8_t *dst, const char *name)
{
	struct app_head	 h;
	const uint8_t	*p = body(name, &h);

	memcpy(dst, p, h.len);
	return h.len;
}

enum kind { HELLO, WELCOME, ATTACH, UP, DOWN, ERROR_, MULTI, HINT, COUNTS };
union any {
	struct app_hello	 hello;
	struct app_welcome	 welcome;
	struct app_attach	 attach;
	struct app_peer_up	 up;
	struct app_peer_down	 down;
	struct {
		uint16_t	 error, room;
		char		 text[APP_ERRTEXT_MAX];
	}			 error;
	struct app_multisend	 multi;
	struct app_hint		 hint;
	struct {
		uint32_t	 capid;
		uint64_t	 msgs, bytes;
	}			 counts;
};

static int
decode(enum kind k, union any *a, const uint8_t *p, size_t n)
{
	switch (k) {
	case HELLO:
		return app_hello_decode(&a->hello, p, n);
	case WELCOME:
		return app_welcome_decode(&a->welcome, p, n);
	case ATTACH:
		return app_attach_decode(&a->attach, p, n);
	case UP:
		return app_peer_up_decode(&a->up, p, n);
	case DOWN:
		return app_peer_down_decode(&a->down, p, n);
	case ERROR_:
		return app_error_decode(&a->error.error, &a->error.room,
		    a->error.text, sizeof(a->error.text), p, n);
	case MULTI:
		return app_multisend_decode(&a->multi, p, n);
	case HINT:
		return app_hint_decode(&a->hint, p, n);
	case COUNTS:
		return app_counts_decode(&a->counts.capid, &a->counts.msgs,
		    &a->counts.bytes, p, n);
	}
	return -1;
}

static size_t
encode(enum kind k, const union any *a, uint8_t *p, size_t n)
{
	switch (k) {
	case HELLO:
		return app_hello_encode(p, n, &a->hello);
	case WELCOME:
		return app_welcome_encode(p, n, &a->welcome);
	case ATTACH:
		return app_attach_encode(p, n, &a->attach);
	case UP:
		return app_peer_up_encode(p, n, &a->up);
	case DOWN:
		return app_peer_down_encode(p, n, &a->down);
	case ERROR_:
		return app_error_encode(p, n, a->error.error, a->error.room,
		    a->error.text);
	case MULTI:
		return app_multisend_encode(p, n, &a->multi);
	case HINT:
		return app_hint_encode(p, n, &a->hint);
	case COUNTS:
		return app_counts_encode(p, n, a->counts.capid, a->counts.msgs,
		    a->counts.bytes);
	}
	return 0;
}

/* Where more than the fields is known to follow, so many bytes do. */
static const struct {
	const char	*name;
	enum kind	 kind;
	uint16_t	 type;
	size_t		 tail;
} bodies[] = {
	{ "hello", HELLO, AF_HELLO, 0 },
	{ "hello-session", HELLO, AF_HELLO, 0 },
	{ "welcome", WELCOME, AF_WELCOME, 0 },
	{ "welcome-resumed", WELCOME, AF_WELCOME, 0 },
	{ "attach", ATTACH, AF_ATTACH, 0 },
	{ "attach-tap", ATTACH, AF_ATTACH, 0 },
	{ "peer-up", UP, AF_PEER_UP, 0 },
	{ "peer-up-v6", UP, AF_PEER_UP, 0 },
	{ "peer-down", DOWN, AF_PEER_DOWN, 0 },
	{ "peer-down-remote", DOWN, AF_PEER_DOWN, 0 },
	{ "error", ERROR_, AF_ERROR, 0 },
	{ "error-room", ERROR_, AF_ERROR, 0 },
	{ "error-record", ERROR_, AF_ERROR, 0 },
	{ "multisend", MULTI, AF_MULTISEND, 3 },
	{ "multisend-all", MULTI, AF_MULTISEND, 2 },
	{ "multisend-but", MULTI, AF_MULTISEND, 2 },
	{ "multisend-random", MULTI, AF_MULTISEND, 0 },
	{ "hint", HINT, AF_HINT, 0 },
	{ "snapshot-end", COUNTS, AF_SNAPSHOT_END, 0 },
	{ "dropped", COUNTS, AF_DROPPED, 0 },
	{ "dropped-all", COUNTS, AF_DROPPED, 0 },
};

/*
 * Each body decodes and encodes to itself, not from a byte less nor into one;
 * what is beyond its fields is skipped.
 */
START_TEST(round_trips)
{
	union any	 a;
	struct app_head	 h;
	uint8_t		 out[1024], *exact;
	const uint8_t	*p;
	size_t		 len, n;

	p = body(bodies[_i].name, &h);
	ck_assert_uint_eq(h.type, bodies[_i].type);
	len = h.len - bodies[_i].tail;
	for (n = 0; n < len; n++) {
		ck_assert_ptr_nonnull(exact = malloc(n == 0 ? 1 : n));
		memcpy(exact, p, n);
		/* version and magic alone are enough when they are foreign */
		ck_assert_int_eq(decode(bodies[_i].kind, &a, exact, n), -1);
		free(exact);
	}
	ck_assert_int_eq(decode(bodies[_i].kind, &a, p, h.len), 0);
	for (n = 0; n < len; n++) {
		memset(out, 0x5a, sizeof(out));
		ck_assert_uint_eq(encode(bodies[_i].kind, &a, out, n), 0);
		ck_assert_uint_eq(out[n], 0x5a);
	}
	ck_assert_uint_eq(encode(bodies[_i].kind, &a, out, sizeof(out)), len);
	ck_assert_mem_eq(out, p, len);
	/* an option to come, where options stand, and bytes elsewhere */
	memcpy(out + len, "\xff\xff\0\3\1\2\3", 7);
	ck_assert_int_eq(decode(bodies[_i].kind, &a, out, len + 7), 0);
	if (bodies[_i].kind == ATTACH)
		a.attach.optslen = 0;
	ck_assert_uint_eq(encode(bodies[_i].kind, &a, out, sizeof(out)), len);
	ck_assert_mem_eq(out, p, len);
}
END_TEST

START_TEST(fields)
{
	struct app_head	 h;
	union any	 a;
	char		 buf[ADDR_STRLEN];
	const uint8_t	*p;

	p = body("hello-session", &h);
	ck_assert_uint_eq(h.request, 2);
	ck_assert_int_eq(decode(HELLO, &a, p, h.len), 0);
	ck_assert_uint_eq(a.hello.session, 1);
	ck_assert_uint_eq(a.hello.token[15], 15);
	ck_assert_str_eq(a.hello.name, "echo");

	p = body("welcome", &h);
	ck_assert_int_eq(decode(WELCOME, &a, p, h.len), 0);
	ck_assert_uint_eq(a.welcome.major, APP_MAJOR);
	ck_assert_uint_eq(a.welcome.sessions, 2);
	ck_assert_uint_eq(a.welcome.max_payload, 0xffffff);
	ck_assert_uint_eq(a.welcome.id[0], 0x79);
	ck_assert_str_eq(a.welcome.name, "p2pd/0.1.0");

	p = body("attach", &h);
	ck_assert_int_eq(decode(ATTACH, &a, p, h.len), 0);
	ck_assert_str_eq(a.attach.name, "tst");
	ck_assert_uint_eq(a.attach.nvers, 2);
	ck_assert_uint_eq(a.attach.vers[1].version, 2);
	ck_assert_uint_eq(a.attach.vers[1].codes, 12);

	p = body("peer-up", &h);
	ck_assert_uint_eq(h.flags, AFL_SNAPSHOT);
	ck_assert_uint_eq(h.peer, 42);
	ck_assert_int_eq(decode(UP, &a, p, h.len), 0);
	ck_assert_uint_eq(a.up.capid, 7);
	ck_assert_uint_eq(a.up.flags, 1);
	ck_assert_str_eq(addr_format(&a.up.remote, buf), "192.0.2.1:51234");
	ck_assert_str_eq(addr_format(&a.up.local, buf), "198.51.100.7:30303");
	ck_assert_str_eq(a.up.client, "Geth/v1.16.0");
	p = body("peer-up-v6", &h);
	ck_assert_int_eq(decode(UP, &a, p, h.len), 0);
	ck_assert_str_eq(addr_format(&a.up.remote, buf), "[2001:db8::1]:30303");
	ck_assert_str_eq(a.up.client, "");

	p = body("peer-down-remote", &h);
	ck_assert_int_eq(decode(DOWN, &a, p, h.len), 0);
	ck_assert_uint_eq(a.down.reason, REASON_REMOTE);
	ck_assert_uint_eq(a.down.disc, DISC_TOO_MANY);
	ck_assert_uint_eq(a.down.remote, 1);
	ck_assert(a.down.ms == UINT64_C(1) << 40);
	ck_assert(a.down.bytes_out == UINT64_C(5) << 32);

	p = body("error-room", &h);
	ck_assert_int_eq(decode(ERROR_, &a, p, h.len), 0);
	ck_assert_uint_eq(a.error.error, APE_ROOM);
	ck_assert_uint_eq(a.error.room, 17);
	ck_assert_str_eq(a.error.text, "Hello is full");
}
END_TEST

START_TEST(sends)
{
	struct app_head	 h;
	union any	 a;
	const uint8_t	*p;

	p = body("multisend", &h);
	ck_assert_uint_eq(h.flags, AFL_COMPLETE | AFL_PRIORITY);
	ck_assert_int_eq(decode(MULTI, &a, p, h.len), 0);
	ck_assert_uint_eq(a.multi.capid, 7);
	ck_assert_uint_eq(a.multi.code, 2);
	ck_assert_uint_eq(a.multi.version, 0);
	ck_assert_uint_eq(a.multi.select, APL_LIST);
	ck_assert_uint_eq(a.multi.count, 2);
	ck_assert_uint_eq(app_get32(a.multi.handles + 4), 43);
	ck_assert_uint_eq(a.multi.paylen, 3);
	ck_assert_mem_eq(a.multi.payload, "\xc2\1\x80", 3);
	p = body("multisend-all", &h);
	ck_assert_int_eq(decode(MULTI, &a, p, h.len), 0);
	ck_assert_uint_eq(a.multi.select, APL_ALL);
	ck_assert_uint_eq(a.multi.version, 2);
	ck_assert_uint_eq(a.multi.count, 0);
	p = body("multisend-random", &h);
	ck_assert_int_eq(decode(MULTI, &a, p, h.len), 0);
	ck_assert_uint_eq(a.multi.select, APL_RANDOM);
	ck_assert_uint_eq(a.multi.k, 5);
	ck_assert_uint_eq(a.multi.paylen, 0);
	a.multi.count = APP_LIST_MAX + 1;
	ck_assert_uint_eq(encode(MULTI, &a, (uint8_t[32]){ 0 }, 32), 0);
	p = body("sent-many", &h);
	ck_assert_uint_eq(h.type, AF_SENT_MANY);
	ck_assert_uint_eq(app_get32(p), 3);
	ck_assert_uint_eq(app_get32(p + 8), 1);
	body("send-priority", &h);
	ck_assert_uint_eq(h.flags, AFL_PRIORITY);
}
END_TEST

/* No more handles than fit, and no more than there may be. */
START_TEST(long_lists)
{
	static uint8_t	 buf[APP_MULTI_HEAD + 4 * (APP_LIST_MAX + 1)];
	union any	 a;

	memset(buf, 1, sizeof(buf));
	buf[14] = (APP_LIST_MAX + 1) >> 8;
	buf[15] = (APP_LIST_MAX + 1) & 0xff;
	ck_assert_int_eq(decode(MULTI, &a, buf, sizeof(buf)), -1);
	buf[14] = APP_LIST_MAX >> 8;
	buf[15] = APP_LIST_MAX & 0xff;
	ck_assert_int_eq(decode(MULTI, &a, buf, sizeof(buf)), 0);
	ck_assert_uint_eq(a.multi.paylen, 4);
	ck_assert_int_eq(decode(MULTI, &a, buf, sizeof(buf) - 5), -1);
}
END_TEST

START_TEST(news)
{
	struct app_head	 h;
	union any	 a;
	char		 buf[ADDR_STRLEN];
	const uint8_t	*p;

	p = body("welcome-resumed", &h);
	ck_assert_int_eq(decode(WELCOME, &a, p, h.len), 0);
	ck_assert_uint_eq(a.welcome.flags, APW_RESUMED);
	ck_assert_uint_eq(a.welcome.grace_ms, 10000);
	p = body("hint", &h);
	ck_assert_int_eq(decode(HINT, &a, p, h.len), 0);
	ck_assert_str_eq(addr_format(&a.hint.addr, buf), "192.0.2.1:30303");
	ck_assert_uint_eq(a.hint.udp, 30301);
	ck_assert_uint_eq(a.hint.id[0], 0xc6);
	p = body("snapshot-end", &h);
	ck_assert_int_eq(decode(COUNTS, &a, p, h.len), 0);
	ck_assert_uint_eq(a.counts.capid, 7);
	ck_assert_uint_eq(a.counts.msgs, 3);
	ck_assert_uint_eq(a.counts.bytes, 700);
	p = body("dropped-all", &h);
	ck_assert_uint_eq(h.peer, 0);
	ck_assert_int_eq(decode(COUNTS, &a, p, h.len), 0);
	ck_assert_uint_eq(a.counts.msgs, 1000);
	p = body("stalled", &h);
	ck_assert_uint_eq(h.type, AF_STALLED);
	ck_assert_uint_eq(app_get32(p + 4), 4 << 20);
	body("writable", &h);
	ck_assert_uint_eq(h.type, AF_WRITABLE);
	body("message-out", &h);
	ck_assert_uint_eq(h.type, AF_MESSAGE);
	ck_assert_uint_eq(h.flags, AFL_OUT);
	p = body("accept", &h);
	ck_assert_uint_eq(h.type, AF_ACCEPT);
	ck_assert_uint_eq(app_get32(p), 7);
	p = body("penalise", &h);
	ck_assert_uint_eq(h.type, AF_PENALISE);
	ck_assert_uint_eq(p[0], DISC_BREACH);
	ck_assert_uint_eq(app_get32(p + 4), 3600);
	body("updated", &h);
	ck_assert_uint_eq(h.type, AF_UPDATED);
}
END_TEST

/* The options of an attach, each as a session reads it. */
START_TEST(options)
{
	struct app_opt_iter	 it;
	struct app_head		 h;
	struct app_first	 first;
	struct app_keyed	 k;
	union any		 a;
	const uint8_t		*p, *prefix;
	uint32_t		 v;
	size_t			 len;

	p = body("attach-options", &h);
	ck_assert_int_eq(decode(ATTACH, &a, p, h.len), 0);
	ck_assert_uint_eq(a.attach.policy, APP_DROP);
	app_opt_start(&it, a.attach.opts, a.attach.optslen);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_uint_eq(it.type, AO_QUEUE_PEER);
	ck_assert_int_eq(app_opt_u32(&it, &v), 0);
	ck_assert_uint_eq(v, 1 << 20);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_uint_eq(it.type, AO_QUEUE_APP);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_uint_eq(it.type, AO_HANDSHAKE);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_uint_eq(it.type, AO_FIRST);
	ck_assert_int_eq(app_opt_first(&it, &first), 0);
	ck_assert_uint_eq(first.version, 2);
	ck_assert_uint_eq(first.code, 0);
	ck_assert_uint_eq(first.len, 3);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_uint_eq(it.type, AO_WANTED);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_uint_eq(it.type, AO_ENR);
	ck_assert_int_eq(app_opt_keyed(&it, &k), 0);
	ck_assert_uint_eq(k.keylen, 3);
	ck_assert_mem_eq(k.rest, "\xc3\x82\1\2", k.restlen);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_uint_eq(it.type, AO_CONDITION);
	ck_assert_int_eq(app_opt_keyed(&it, &k), 0);
	ck_assert_int_eq(app_opt_prefix(&k, &prefix, &len), 1);
	ck_assert_uint_eq(len, 3);
	ck_assert_int_eq(app_opt_prefix(&k, &prefix, &len), 1);
	ck_assert_mem_eq(prefix, "\xc3\x82\2\3", len);
	ck_assert_int_eq(app_opt_prefix(&k, &prefix, &len), 0);
	ck_assert_int_eq(app_opt_next(&it), 0);
	p = body("attach-option-to-come", &h);
	ck_assert_int_eq(decode(ATTACH, &a, p, h.len), 0);
	p = body("update", &h);
	ck_assert_uint_eq(h.type, AF_UPDATE);
	app_opt_start(&it, p + 4, h.len - 4);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_uint_eq(it.type, AO_FIRST);
	ck_assert_uint_eq(it.len, 0);
	ck_assert_int_eq(app_opt_next(&it), 0);
}
END_TEST

/* Cut anywhere, it is malformed but between two options. */
START_TEST(options_cut)
{
	struct app_opt_iter	 it;
	struct app_head		 h;
	union any		 a;
	uint8_t			*exact, back[512];
	const uint8_t		*p;
	size_t			 n, len, good = 0;

	p = body("attach-options", &h);
	for (n = 20; n <= h.len; n++) {
		ck_assert_ptr_nonnull(exact = malloc(n));
		memcpy(exact, p, n);
		if (decode(ATTACH, &a, exact, n) == 0) {
			len = 0;
			app_opt_start(&it, a.attach.opts, a.attach.optslen);
			while (app_opt_next(&it) == 1)
				ck_assert_int_eq(app_opt_add(back, sizeof(back),
				    &len, it.type, it.value, it.len), 0);
			ck_assert_uint_eq(len, n - 20);
			ck_assert_mem_eq(back, p + 20, len);
			ck_assert_uint_eq(encode(ATTACH, &a, back, n - 1), 0);
			ck_assert_uint_eq(encode(ATTACH, &a, back, n), n);
			ck_assert_mem_eq(back, p, n);
			good++;
		}
		free(exact);
	}
	ck_assert_uint_eq(good, 8);
}
END_TEST

START_TEST(options_malformed)
{
	static const struct {
		const char	*value;
		size_t		 len;
		int		 keyed, prefix;
	} cases[] = {
		{ "", 0, -1, 0 }, { "\0", 1, -1, 0 }, { "\1", 1, -1, 0 },
		{ "\1k", 2, 0, 0 }, { "\x21" "012345678901234567890123456789012",
		    34, -1, 0 },
		{ "\x20" "01234567890123456789012345678901", 33, 0, 0 },
		{ "\1k\0", 3, 0, -1 }, { "\1k\1", 3, 0, -1 },
		{ "\1k\2a", 4, 0, -1 }, { "\1k\1a", 4, 0, 1 },
		{ "\1k\x21" "012345678901234567890123456789012", 36, 0, -1 },
	};
	struct app_opt_iter	 it;
	struct app_first	 first;
	struct app_keyed	 k;
	const uint8_t		*prefix;
	uint8_t			*exact, out[8];
	uint32_t		 v;
	size_t			 i, len;

	memset(&it, 0, sizeof(it));
	for (i = 0; i < nitems_of(cases); i++) {
		ck_assert_ptr_nonnull(exact = malloc(cases[i].len + 1));
		memcpy(exact, cases[i].value, cases[i].len);
		it.value = exact;
		it.len = (uint16_t)cases[i].len;
		ck_assert_int_eq(app_opt_keyed(&it, &k), cases[i].keyed);
		if (cases[i].keyed == 0)
			ck_assert_int_eq(app_opt_prefix(&k, &prefix, &len),
			    cases[i].prefix);
		ck_assert_int_eq(app_opt_u32(&it, &v), cases[i].len < 4 ? -1 : 0);
		ck_assert_int_eq(app_opt_first(&it, &first),
		    cases[i].len < 8 ? -1 : 0);
		free(exact);
	}
	len = 0;
	ck_assert_int_eq(app_opt_add(out, sizeof(out), &len, 1, "12345", 5), -1);
	ck_assert_int_eq(app_opt_add(out, sizeof(out), &len, 1, out, 65536), -1);
	ck_assert_int_eq(app_opt_add(out, sizeof(out), &len, 1, "1234", 4), 0);
	ck_assert_uint_eq(len, 8);
	ck_assert_int_eq(app_opt_add(out, sizeof(out), &len, 1, NULL, 0), -1);
	ck_assert_mem_eq(out, "\0\1\0\4" "1234", 8);
}
END_TEST

/* Frames whose bodies are only numbers and payload. */
START_TEST(plain_frames)
{
	struct app_head	 h;
	const uint8_t	*p;

	p = body("message", &h);
	ck_assert_uint_eq(h.type, AF_MESSAGE);
	ck_assert_uint_eq(h.len, APP_MSG_HEAD + 2);
	ck_assert_uint_eq(app_get32(p), 7);
	ck_assert_uint_eq(app_get32(p + 4), 1);
	p = body("send", &h);
	ck_assert_uint_eq(h.type, AF_SEND);
	ck_assert_uint_eq(h.flags, AFL_COMPLETE);
	ck_assert_uint_eq(app_get32(p + 4), 2);
	p = body("send-empty", &h);
	ck_assert_uint_eq(h.len, APP_MSG_HEAD);
	p = body("sent", &h);
	ck_assert_uint_eq(h.type, AF_SENT);
	ck_assert_uint_eq(p[0], APS_WRITTEN);
	p = body("disconnect", &h);
	ck_assert_uint_eq(h.type, AF_DISCONNECT);
	ck_assert_uint_eq(p[0], DISC_USELESS);
	p = body("attached", &h);
	ck_assert_uint_eq(h.type, AF_ATTACHED);
	ck_assert_uint_eq(app_get32(p), 7);
	body("attached-longer", &h);
	ck_assert_uint_gt(h.len, 4);
	body("detach", &h);
	ck_assert_uint_eq(h.type, AF_DETACH);
	body("detached", &h);
	ck_assert_uint_eq(h.type, AF_DETACHED);
	body("snapshot-end", &h);
	ck_assert_uint_eq(h.type, AF_SNAPSHOT_END);
	body("unknown", &h);
	ck_assert_uint_eq(h.len, 3);
}
END_TEST

START_TEST(foreign_version)
{
	uint8_t		 buf[512];
	union any	 a;
	size_t		 n;

	n = copy(buf, "hello");
	buf[5] = 9;
	ck_assert_int_eq(decode(HELLO, &a, buf, 8), 0);
	ck_assert_uint_eq(a.hello.major, 9);
	ck_assert_int_eq(decode(HELLO, &a, buf, 7), -1);
	buf[0] ^= 1;
	ck_assert_int_eq(decode(HELLO, &a, buf, n), -1);
	n = copy(buf, "welcome");
	buf[4] = 1;
	ck_assert_int_eq(decode(WELCOME, &a, buf, n), 0);
	ck_assert_uint_eq(a.welcome.major, 0x101);
	ck_assert_uint_eq(a.welcome.sessions, 0);
	buf[3] ^= 1;
	ck_assert_int_eq(decode(WELCOME, &a, buf, n), -1);
}
END_TEST

START_TEST(out_of_range)
{
	uint8_t		 buf[2048];
	union any	 a;
	size_t		 n;

	/* hello: a name of 63 is the longest, none has a NUL */
	n = copy(buf, "hello");
	ck_assert_int_eq(decode(HELLO, &a, buf, n), 0);
	memset(a.hello.name, 'x', sizeof(a.hello.name));
	ck_assert_uint_eq(encode(HELLO, &a, buf, sizeof(buf)), 0);
	a.hello.name[63] = '\0';
	n = encode(HELLO, &a, buf, sizeof(buf));
	ck_assert_uint_eq(n, 38 + 63);
	ck_assert_int_eq(decode(HELLO, &a, buf, n), 0);
	buf[37]++;
	ck_assert_int_eq(decode(HELLO, &a, buf, n + 1), -1);
	buf[37]--;
	buf[50] = '\0';
	ck_assert_int_eq(decode(HELLO, &a, buf, n), -1);

	/* attach: name of 1 to 8 without a NUL inside, 1 to 16 versions */
	n = copy(buf, "attach");
	ck_assert_int_eq(decode(ATTACH, &a, buf, n), 0);
	a.attach.nvers = 0;
	ck_assert_uint_eq(encode(ATTACH, &a, buf, sizeof(buf)), 0);
	a.attach.nvers = APP_VERS_MAX + 1;
	ck_assert_uint_eq(encode(ATTACH, &a, buf, sizeof(buf)), 0);
	a.attach.nvers = APP_VERS_MAX;
	memcpy(a.attach.name, "12345678", 9);
	n = encode(ATTACH, &a, buf, sizeof(buf));
	ck_assert_uint_eq(n, 12 + 8 * APP_VERS_MAX);
	ck_assert_int_eq(decode(ATTACH, &a, buf, n), 0);
	ck_assert_str_eq(a.attach.name, "12345678");
	buf[11]++;
	ck_assert_int_eq(decode(ATTACH, &a, buf, n + 8), -1);
	buf[11]--;
	buf[3] = '\0';
	ck_assert_int_eq(decode(ATTACH, &a, buf, n), -1);
	a.attach.name[0] = '\0';
	ck_assert_uint_eq(encode(ATTACH, &a, buf, sizeof(buf)), 0);

	/* a family to come is no address */
	n = copy(buf, "peer-up");
	buf[77] = 9;
	ck_assert_int_eq(decode(UP, &a, buf, n), 0);
	ck_assert_uint_eq(a.up.remote.af, 0);
	ck_assert_uint_eq(a.up.remote.port, 0);
	ck_assert_uint_eq(a.up.local.af, 4);

	memset(a.error.text, 'e', sizeof(a.error.text));
	ck_assert_uint_eq(encode(ERROR_, &a, buf, sizeof(buf)), 0);
	a.error.text[sizeof(a.error.text) - 1] = '\0';
	n = encode(ERROR_, &a, buf, sizeof(buf));
	ck_assert_uint_eq(n, 6 + 255);
	ck_assert_int_eq(app_error_decode(&a.error.error, &a.error.room,
	    a.error.text, 255, buf, n), -1);
	ck_assert_str_eq(a.error.text, "");
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(app_error_name(APE_NOTFOUND), "not-found");
	ck_assert_str_eq(app_error_name(APE_QUEUE), "queue-full");
	ck_assert_str_eq(app_error_name(APE_RECORD), "record-full");
	ck_assert_str_eq(app_error_name(13), "unknown");
	ck_assert_str_eq(app_error_name(65535), "unknown");
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("app");
	TCase		*tc = tcase_create("app");
	SRunner		*sr;
	int		 failed;

	load();
	tcase_add_loop_test(tc, round_trips, 0, (int)nitems_of(bodies));
	tcase_add_test(tc, fields);
	tcase_add_test(tc, sends);
	tcase_add_test(tc, long_lists);
	tcase_add_test(tc, news);
	tcase_add_test(tc, options);
	tcase_add_test(tc, options_cut);
	tcase_add_test(tc, options_malformed);
	tcase_add_test(tc, plain_frames);
	tcase_add_test(tc, foreign_version);
	tcase_add_test(tc, out_of_range);
	tcase_add_test(tc, names);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
