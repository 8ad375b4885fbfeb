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
}	 vectors[32];
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

enum kind { HELLO, WELCOME, ATTACH, UP, DOWN, ERROR_ };
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
	}
	return 0;
}

static const struct {
	const char	*name;
	enum kind	 kind;
	uint16_t	 type;
} bodies[] = {
	{ "hello", HELLO, AF_HELLO }, { "hello-session", HELLO, AF_HELLO },
	{ "welcome", WELCOME, AF_WELCOME }, { "attach", ATTACH, AF_ATTACH },
	{ "peer-up", UP, AF_PEER_UP }, { "peer-up-v6", UP, AF_PEER_UP },
	{ "peer-down", DOWN, AF_PEER_DOWN },
	{ "peer-down-remote", DOWN, AF_PEER_DOWN },
	{ "error", ERROR_, AF_ERROR }, { "error-room", ERROR_, AF_ERROR },
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
	size_t		 n;

	p = body(bodies[_i].name, &h);
	ck_assert_uint_eq(h.type, bodies[_i].type);
	for (n = 0; n < h.len; n++) {
		ck_assert_ptr_nonnull(exact = malloc(n == 0 ? 1 : n));
		memcpy(exact, p, n);
		/* version and magic alone are enough when they are foreign */
		ck_assert_int_eq(decode(bodies[_i].kind, &a, exact, n), -1);
		free(exact);
	}
	ck_assert_int_eq(decode(bodies[_i].kind, &a, p, h.len), 0);
	for (n = 0; n < h.len; n++) {
		memset(out, 0x5a, sizeof(out));
		ck_assert_uint_eq(encode(bodies[_i].kind, &a, out, n), 0);
		ck_assert_uint_eq(out[n], 0x5a);
	}
	ck_assert_uint_eq(encode(bodies[_i].kind, &a, out, sizeof(out)), h.len);
	ck_assert_mem_eq(out, p, h.len);
	/* an option to come, where options stand, and bytes elsewhere */
	memcpy(out + h.len, "\xff\xff\0\3\1\2\3", 7);
	ck_assert_int_eq(decode(bodies[_i].kind, &a, out, h.len + 7), 0);
	if (bodies[_i].kind == ATTACH)
		a.attach.optslen = 0;
	ck_assert_uint_eq(encode(bodies[_i].kind, &a, out, sizeof(out)), h.len);
	ck_assert_mem_eq(out, p, h.len);
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
