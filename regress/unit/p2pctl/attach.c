/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/wait.h>

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "p2pctl/attach.h"
#include "p2pctl/client.h"
#include "regress/unit/lib/fake.h"

/* How many a line begins. */
#define MULTI	"{\"multisend\":{\"capability\":\"tst\",\"code\":1"
#define UPDATE	"{\"update\":{\"capability\":\"tst\""
#define SEND1	"{\"send\":{\"peer\":42,\"capability\":\"tst\",\"code\":1"

/* p2pctl attach in a child, its daemon and its user here. */
static struct fake	 f;
static pid_t		 pid;
static int		 in = -1;	/* its stdin */
static FILE		*out;		/* its stdout */
static json_t		*got;

static void
start(const char *const *args)
{
	char	*argv[16];
	int	 pin[2], pout[2], n;

	for (n = 0; args[n] != NULL; n++)
		ck_assert_ptr_nonnull(argv[n] = strdup(args[n]));
	argv[n] = NULL;
	ck_assert_int_eq(pipe(pin), 0);
	ck_assert_int_eq(pipe(pout), 0);
	ck_assert_int_ne(pid = fork(), -1);
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		dup2(pin[0], STDIN_FILENO);
		dup2(pout[1], STDOUT_FILENO);
		closefrom(STDERR_FILENO + 1);
		_exit(attach_main(n, argv, f.path));
	}
	while (n > 0)
		free(argv[--n]);
	close(pin[0]);
	close(pout[1]);
	in = pin[1];
	ck_assert_ptr_nonnull(out = fdopen(pout[0], "r"));
}

/* One capability, one session, one peer. */
static void
start_up(const char *option)
{
	const char	*args[] = { "attach", "tst/2:8", option, NULL };
	struct app_hello hello;

	if (option != NULL) {
		args[1] = option;
		args[2] = "tst/2:8";
	}
	start(args);
	fake_accept(&f, &hello);
	fake_welcome(&f, 0);
	fake_attached(&f, 0, 7);
	fake_peer_up(&f, 0, 42, 7);
}

static void
end_input(void)
{
	if (in != -1)
		close(in);
	in = -1;
}

static int
leave(void)
{
	int	 status;

	end_input();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	pid = -1;
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
type(const char *line)
{
	size_t	 n = strlen(line);

	ck_assert_int_eq(write(in, line, n), (ssize_t)n);
	ck_assert_int_eq(write(in, "\n", 1), 1);
}

/* The next line of output, which must tell this event. */
static json_t *
line(const char *event)
{
	char	*p = NULL;
	size_t	 size = 0;
	ssize_t	 n;

	ck_assert_int_gt(n = getline(&p, &size, out), 0);
	json_decref(got);
	ck_assert_ptr_nonnull(got = json_loadb(p, (size_t)n, 0, NULL));
	ck_assert_str_eq(json_string_value(json_object_get(got, "event")), event);
	free(p);
	return got;
}

static const char *
text(const char *key)
{
	const char	*s = json_string_value(json_object_get(got, key));

	return s == NULL ? "" : s;
}

static json_int_t
num(const char *key)
{
	ck_assert(json_is_integer(json_object_get(got, key)));
	return json_integer_value(json_object_get(got, key));
}

/* EOF on stdin, the detach of each capability, and the end. */
static void
leave_orderly(int caps)
{
	int	 i;

	end_input();
	for (i = 0; i < caps; i++) {
		fake_read(&f, 0, AF_DETACH);
		fake_capid(&f, 0, AF_DETACHED, f.head.request, app_get32(f.body));
	}
	for (i = 0; i < caps; i++)
		line("detached");
	ck_assert_int_eq(leave(), EX_DONE);
}

static void
skip_to_peer(void)
{
	line("session-up");
	line("attached");
	line("snapshot-end");
	line("peer-up");
}

static void
setup(void)
{
	fake_start(&f, 1);
}

static void
setup_up(void)
{
	setup();
	start_up(NULL);
	skip_to_peer();
}

static void
teardown(void)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	end_input();
	if (out != NULL)
		fclose(out);
	out = NULL;
	json_decref(got);
	got = NULL;
	fake_stop(&f);
}

/* Two capabilities, one of them in two versions, until the end of input. */
START_TEST(two_capabilities)
{
	static const char *const args[] = { "attach", "-n", "demo", "tst/1:4",
	    "aux/9:2", "tst/2:8", NULL };
	struct app_attach	 at;
	struct app_hello	 hello;

	start(args);
	fake_accept(&f, &hello);
	ck_assert_str_eq(hello.name, "demo");
	fake_welcome(&f, 0);
	fake_read(&f, 0, AF_ATTACH);
	ck_assert_int_eq(app_attach_decode(&at, f.body, f.head.len), 0);
	ck_assert_str_eq(at.name, "tst");
	ck_assert_uint_eq(at.nvers, 2);
	ck_assert_uint_eq(at.vers[1].version, 2);
	ck_assert_uint_eq(at.vers[1].codes, 8);
	fake_capid(&f, 0, AF_ATTACHED, f.head.request, 7);
	fake_peer_up(&f, 0, 42, 7);
	fake_capid(&f, 0, AF_SNAPSHOT_END, ++f.events[0], 7);
	fake_attached(&f, 0, 8);

	line("session-up");
	ck_assert_uint_eq(strlen(text("node")), 128);
	line("attached");
	ck_assert_str_eq(text("capability"), "tst");
	ck_assert_uint_eq(json_array_size(json_object_get(got, "versions")), 2);
	line("peer-up");
	ck_assert_int_eq(num("peer"), 42);
	ck_assert_int_eq(num("version"), 2);
	ck_assert_int_eq(num("codes"), 8);
	ck_assert_str_eq(text("address"), "0.0.0.0:42");
	ck_assert(json_is_true(json_object_get(got, "inbound")));
	ck_assert(json_is_false(json_object_get(got, "static")));
	ck_assert_str_eq(text("client"), "client-42");
	ck_assert_str_eq(text("id") + 126, "00");
	line("snapshot-end");
	line("attached");
	ck_assert_str_eq(text("capability"), "aux");
	line("snapshot-end");
	leave_orderly(2);
}
END_TEST

START_TEST(messages)
{
	fake_message(&f, 0, 42, 7, 5, "\x01\xab", 2);
	f.events[0] += 2;
	fake_message(&f, 0, 42, 7, 0, "", 0);
	line("message");
	ck_assert_int_eq(num("peer"), 42);
	ck_assert_int_eq(num("version"), 2);
	ck_assert_int_eq(num("code"), 5);
	ck_assert_str_eq(text("data"), "0x01ab");
	ck_assert_str_eq(text("capability"), "tst");
	line("lost");
	ck_assert_int_eq(num("messages"), 2);
	line("message");
	ck_assert_str_eq(text("data"), "0x");
	leave_orderly(1);
}
END_TEST

START_TEST(sends)
{
	type("{\"send\":{\"peer\":42,\"capability\":\"tst\",\"code\":3,"
	    "\"data\":\"0xC0ffee\",\"id\":{\"any\":[1]}}}");
	fake_read(&f, 0, AF_SEND);
	ck_assert_uint_eq(f.head.flags, AFL_COMPLETE);
	ck_assert_uint_eq(f.head.peer, 42);
	ck_assert_uint_eq(f.head.len, APP_MSG_HEAD + 3);
	ck_assert_uint_eq(app_get32(f.body), 7);
	ck_assert_uint_eq(app_get32(f.body + 4), 3);
	ck_assert_mem_eq(f.body + 8, "\xc0\xff\xee", 3);
	fake_sent(&f, 0, f.head.request, 42, APS_WRITTEN, 0);
	line("sent");
	ck_assert_str_eq(text("outcome"), "written");
	ck_assert(json_is_array(json_object_get(json_object_get(got, "id"), "any")));
	ck_assert_int_eq(num("peer"), 42);
	type("{\"send\":{\"peer\":42,\"capability\":\"tst\",\"code\":7}}");
	fake_read(&f, 0, AF_SEND);
	ck_assert_uint_eq(f.head.flags, 0);
	ck_assert_uint_eq(f.head.len, APP_MSG_HEAD);
	leave_orderly(1);
}
END_TEST

START_TEST(disconnect)
{
	type("{\"disconnect\":{\"peer\":42,\"reason\":\"useless-peer\"}}");
	fake_read(&f, 0, AF_DISCONNECT);
	ck_assert_uint_eq(f.body[0], DISC_USELESS);
	fake_peer_down(&f, 0, 42, 7);
	line("peer-down");
	ck_assert_str_eq(text("reason"), "remote");
	ck_assert_str_eq(text("disc"), "too-many-peers");
	ck_assert_int_eq(num("disc_code"), 4);
	ck_assert_int_eq(num("ms"), 1234);
	ck_assert(json_is_true(json_object_get(got, "remote")));
	leave_orderly(1);
}
END_TEST

/* A bad line is told with its number, and nothing else comes of it. */
START_TEST(bad_lines)
{
	static const struct {
		const char	*line, *error, *part;
	} cases[] = {
		{ "{", "malformed", "line 1: " },
		{ "[]", "malformed", "line 2: " },
		{ "{}", "malformed", "one key" },
		{ SEND1 "},\"disconnect\":{\"peer\":42}}", "malformed", "one key" },
		{ "{\"sned\":{}}", "malformed", "sned" },
		{ "{\"send\":{\"peer\":42,\"capability\":\"tst\"}}",
		    "malformed", "code" },
		{ SEND1 ",\"dta\":\"0x\"}}", "malformed", "dta" },
		{ "{\"send\":{\"peer\":-1,\"capability\":\"tst\",\"code\":1}}",
		    "malformed", "range" },
		{ SEND1 ",\"data\":\"0x123\"}}", "malformed", "line 9: data" },
		{ SEND1 ",\"data\":\"0x1g\"}}", "malformed", "data" },
		{ SEND1 ",\"data\":\"12\"}}", "malformed", "data" },
		{ SEND1 ",\"code\":2}}", "malformed", "duplicate" },
		{ "{\"send\":{\"peer\":42,\"capability\":\"foo\",\"code\":1}}",
		    "not-found", "capability" },
		{ "{\"send\":{\"peer\":43,\"capability\":\"tst\",\"code\":1,"
		    "\"id\":\"x\"}}", "not-found", "peer" },
		{ "{\"send\":{\"peer\":42,\"capability\":\"tst\",\"code\":8}}",
		    "invalid", "code" },
		{ "{\"disconnect\":{\"peer\":42,\"reason\":\"whatever\"}}",
		    "malformed", "reason" },
		{ "{\"disconnect\":{\"peer\":43}}", "not-found", "peer" },
		{ "{\"update\":{\"capability\":\"tst\",\"wanted\":-1}}", "malformed", "wanted" },
	};
	size_t	 i;

	for (i = 0; i < nitems_of(cases); i++) {
		type(cases[i].line);
		line("error");
		ck_assert_str_eq(text("error"), cases[i].error);
		ck_assert_msg(strstr(text("text"), cases[i].part) != NULL,
		    "%s: %s", cases[i].line, text("text"));
		ck_assert_int_eq(num("line"), (json_int_t)i + 1);
	}
	type("");
	type("  ");
	type("x");
	line("error");
	ck_assert_int_eq(num("line"), (json_int_t)i + 3);
	/* the last line needs no newline */
	ck_assert_int_eq(write(in, "{\"disconnect\":{\"peer\":42}}", 26), 26);
	end_input();
	fake_read(&f, 0, AF_DISCONNECT);
	leave_orderly(1);
}
END_TEST

static char *
hex_line(const char *before, size_t n, const char *after)
{
	size_t	 pre = strlen(before), i;
	char	*p;

	ck_assert_ptr_nonnull(p = malloc(pre + 2 * n + strlen(after) + 1));
	memcpy(p, before, pre);
	for (i = 0; i < n; i++) {
		p[pre + 2 * i] = "0123456789abcdef"[(i * 7 >> 4) & 15];
		p[pre + 2 * i + 1] = "0123456789abcdef"[(i * 7) & 15];
	}
	memcpy(p + pre + 2 * n, after, strlen(after) + 1);
	return p;
}

/* Written by a child, so that neither side waits for us; s is freed. */
static pid_t
type_aside(char *s)
{
	pid_t	 writer;

	ck_assert_int_ne(writer = fork(), -1);
	if (writer == 0) {
		type(s);
		free(s);
		_exit(0);
	}
	free(s);
	return writer;
}

START_TEST(large)
{
	static const struct {
		const char	*before, *after;
		int		 ok;
	} cases[] = {
		{ SEND1 ",\"data\":\"0x", "\"}}", 1 },
		{ "{ \"send\": { \"data\" : \"0x", "\", \"peer\":42,"
		    "\"capability\":\"tst\",\"code\":1} }", 1 },
		/* the same key elsewhere: the digits are not the message */
		{ "{\"send\":{\"id\":{\"data\":\"0x", "\"},\"peer\":42,"
		    "\"capability\":\"tst\",\"code\":1,\"data\":\"0x00\"}}", 2 },
		{ "{\"send\":{\"id\":\",\\\"data\\\":0x", "\",\"peer\":42,"
		    "\"capability\":\"tst\",\"code\":1,\"data\":\"0x00\"}}", 2 },
		{ SEND1 ",\"data\":\"0x", "g\"}}", 0 },
		{ "{\"disconnect\":{\"data\":\"0x", "\"}}", 0 },
	};
	size_t	 n = 15 << 20, i;
	char	*s;

	if (_i > 1)
		n = 100000;
	s = hex_line(cases[_i].before, n, cases[_i].after);
	type_aside(s);
	if (!cases[_i].ok) {
		line("error");
		ck_assert_str_eq(text("error"), "malformed");
		leave_orderly(1);
		return;
	}
	fake_read(&f, 0, AF_SEND);
	if (cases[_i].ok == 2) {
		ck_assert_uint_eq(f.head.len, APP_MSG_HEAD + 1);
		return;
	}
	ck_assert_uint_eq(f.head.len, APP_MSG_HEAD + n);
	for (i = 0; i < n; i++) {
		if (f.body[APP_MSG_HEAD + i] != (uint8_t)(i * 7))
			ck_abort_msg("byte %zu differs", i);
	}
	/* and back */
	if (fork() == 0) {
		fake_message(&f, 0, 42, 7, 2, f.body + APP_MSG_HEAD, n);
		_exit(0);
	}
	line("message");
	ck_assert_uint_eq(json_string_length(json_object_get(got, "data")),
	    2 * n + 2);
	s = hex_line("0x", n, "");
	ck_assert_str_eq(text("data"), s);
	free(s);
	leave_orderly(1);
}
END_TEST

/* A line without an end is not kept; the one after it counts. */
START_TEST(overlong)
{
	pid_t	 writer;
	char	*s;

	s = hex_line("{\"send\":{\"data\":\"0x", 18 << 20, "\"}}");
	writer = type_aside(s);
	line("error");
	ck_assert_ptr_nonnull(strstr(text("text"), "line 1: too long"));
	/* its line must end before ours begins */
	ck_assert_int_eq(waitpid(writer, NULL, 0), writer);
	type("{\"disconnect\":{\"peer\":42}}");
	fake_read(&f, 0, AF_DISCONNECT);
	leave_orderly(1);
}
END_TEST

/*
 * Nobody reads the output: the daemon is not read beyond a bound, but what is
 * sent still goes, and so does the rest when someone reads again.
 */
START_TEST(stopped_reader)
{
	static char	 body[50000];
	int		 i, sent = 0, seen = 0;

	start_up(NULL);
	ck_assert_int_eq(fcntl(f.fd[0], F_SETFL, O_NONBLOCK), 0);
	while (fake_writable(&f, 0)) {
		struct app_head	 h = { APP_MSG_HEAD + sizeof(body), AF_MESSAGE, 0,
		    ++f.events[0], 42 };
		uint8_t		 frame[APP_HEADER + APP_MSG_HEAD + sizeof(body)];
		size_t		 done = 0;
		ssize_t		 r;

		memset(frame, 0, sizeof(frame));
		app_head_encode(frame, &h);
		frame[APP_HEADER + 3] = 7;
		while (done < sizeof(frame) && fake_writable(&f, 0)) {
			r = write(f.fd[0], frame + done, sizeof(frame) - done);
			done += r > 0 ? (size_t)r : 0;
		}
		if (done < sizeof(frame))
			break;
		sent++;
	}
	ck_assert_int_gt(sent, 10);
	ck_assert_int_lt(sent, 60);
	ck_assert_int_eq(fcntl(f.fd[0], F_SETFL, 0), 0);
	for (i = 0; i < 1000; i++)
		type(SEND1 "}}");
	for (i = 0; i < 1000; i++)
		fake_read(&f, 0, AF_SEND);
	skip_to_peer();
	for (; seen < sent; seen++)
		line("message");
	kill(pid, SIGKILL);
}
END_TEST

START_TEST(end_of_input)
{
	struct app_hello	 hello;

	/* -k goes on, and comes back to a session that was lost */
	start_up("-k");
	skip_to_peer();
	end_input();
	fake_message(&f, 0, 42, 7, 0, "a", 1);
	line("message");
	fake_close(&f, 0);
	line("peer-down");
	ck_assert_str_eq(text("reason"), "session-died");
	ck_assert(json_is_null(json_object_get(got, "disc")));
	line("session-down");
	fake_accept(&f, &hello);
	fake_welcome(&f, 0);
	line("session-up");
	fake_attached(&f, 0, 7);
	fake_peer_up(&f, 0, 43, 7);
	line("resumed");
	ck_assert_int_eq(num("session"), 0);
	line("peer-up");
	/* whoever reads us is gone: so are we */
	fclose(out);
	out = NULL;
	ck_assert_int_eq(leave(), EX_FAILED);
}
END_TEST

static void
multisend(struct app_multisend *m, const char *line, uint8_t select)
{
	type(line);
	fake_read(&f, 0, AF_MULTISEND);
	ck_assert_int_eq(app_multisend_decode(m, f.body, f.head.len), 0);
	ck_assert_uint_eq(m->select, select);
}

START_TEST(multisends)
{
	struct app_multisend	 m;

	multisend(&m, MULTI ",\"data\":\"0x01\",\"but\":[42,43],\"id\":9}}",
	    APL_BUT);
	ck_assert_uint_eq(m.count, 1);
	ck_assert_uint_eq(m.paylen, 1);
	fake_sent_many(&f, 0, f.head.request, 3, 2, 1);
	line("sent-many");
	ck_assert_int_eq(num("id"), 9);
	ck_assert_int_eq(num("written"), 3);
	ck_assert_int_eq(num("gone"), 1);
	multisend(&m, MULTI ",\"random\":4,\"version\":2}}", APL_RANDOM);
	ck_assert_uint_eq(m.k, 4);
	multisend(&m, MULTI "}}", APL_ALL);
	multisend(&m, MULTI ",\"peers\":[42]}}", APL_LIST);
	leave_orderly(1);
}
END_TEST

/* Every other request, as the daemon gets it. */
START_TEST(requests)
{
	struct app_opt_iter	 it;
	struct app_hint		 hint;
	struct app_first	 first;

	type(SEND1 ",\"priority\":true}}");
	fake_read(&f, 0, AF_SEND);
	ck_assert_uint_eq(f.head.flags, AFL_PRIORITY);
	type("{\"accept\":{\"peer\":42,\"capability\":\"tst\"}}");
	fake_read(&f, 0, AF_ACCEPT);
	ck_assert_uint_eq(f.head.peer, 42);
	type("{\"penalise\":{\"peer\":42,\"seconds\":60,\"reason\":2}}");
	fake_read(&f, 0, AF_PENALISE);
	ck_assert_uint_eq(f.body[0], 2);
	ck_assert_uint_eq(app_get32(f.body + 4), 60);
	type("{\"hint\":{\"node\":\"enode://79be667ef9dcbbac55a06295ce870b07029bf"
	    "cdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b44"
	    "8a68554199c47d08ffb10d4b8@192.0.2.1:30303?discport=30301\"}}");
	fake_read(&f, 0, AF_HINT);
	ck_assert_int_eq(app_hint_decode(&hint, f.body, f.head.len), 0);
	ck_assert_uint_eq(hint.addr.port, 30303);
	ck_assert_uint_eq(hint.udp, 30301);
	type(UPDATE ",\"id\":\"u\",\"wanted\":9,\"condition\":null,"
	    "\"first\":[{\"version\":2,\"code\":0,\"data\":\"0x0102\"}]}}");
	fake_read(&f, 0, AF_UPDATE);
	app_opt_start(&it, f.body + 4, f.head.len - 4);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_uint_eq(it.type, AO_WANTED);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_uint_eq(it.type, AO_CONDITION);
	ck_assert_uint_eq(it.len, 0);
	ck_assert_int_eq(app_opt_next(&it), 1);
	ck_assert_int_eq(app_opt_first(&it, &first), 0);
	ck_assert_uint_eq(first.len, 2);
	fake_error(&f, 0, f.head.request, APE_RECORD, "full");
	line("updated");
	ck_assert_str_eq(text("id"), "u");
	ck_assert_str_eq(text("error"), "record-full");
	leave_orderly(1);
}
END_TEST

START_TEST(bad_requests)
{
	static const struct {
		const char	*line, *error;
	} cases[] = {
		{ MULTI ",\"peers\":[1],\"random\":3}}", "malformed" },
		{ MULTI ",\"peers\":[\"a\"]}}", "malformed" },
		{ MULTI ",\"peers\":7}}", "malformed" },
		{ "{\"multisend\":{\"capability\":\"tst\",\"code\":99}}", "invalid" },
		{ "{\"multisend\":{\"capability\":\"foo\",\"code\":1}}", "not-found" },
		{ "{\"accept\":{\"peer\":1}}", "malformed" },
		{ "{\"accept\":{\"peer\":1,\"capability\":\"tst\"}}", "not-found" },
		{ "{\"penalise\":{\"peer\":1}}", "malformed" },
		{ "{\"penalise\":{\"peer\":1,\"seconds\":-1}}", "malformed" },
		{ "{\"penalise\":{\"peer\":1,\"seconds\":1}}", "not-found" },
		{ "{\"hint\":{\"node\":\"enode://00@1.2.3.4:5\"}}", "malformed" },
		{ "{\"update\":{\"wanted\":1}}", "malformed" },
		{ "{\"update\":{\"capability\":\"foo\",\"wanted\":1}}", "not-found" },
		{ UPDATE ",\"wanted\":\"x\"}}", "malformed" },
		{ UPDATE ",\"handshake\":60001}}", "malformed" },
		{ UPDATE ",\"enr\":[{\"key\":\"a\"}]}}", "malformed" },
		{ UPDATE ",\"what\":1}}", "malformed" },
		{ UPDATE ",\"condition\":[{\"key\":\"a\","
		    "\"prefixes\":[\"0x1\"]}]}}", "malformed" },
	};
	size_t	 i;

	for (i = 0; i < nitems_of(cases); i++) {
		type(cases[i].line);
		line("error");
		ck_assert_str_eq(text("error"), cases[i].error);
	}
	leave_orderly(1);
}
END_TEST

/* A tap: any version, both directions; and what else the daemon may tell. */
START_TEST(tap)
{
	static const char *const args[] = { "attach", "-t", "-k", "-o",
	    "{\"queue\":65536}", "tst", NULL };
	struct app_attach	 at;
	struct app_hello	 hello;
	uint8_t			 body[8];

	start(args);
	fake_accept(&f, &hello);
	fake_welcome(&f, 0);
	fake_read(&f, 0, AF_ATTACH);
	ck_assert_int_eq(app_attach_decode(&at, f.body, f.head.len), 0);
	ck_assert_uint_eq(at.mode, APM_TAP);
	ck_assert_uint_eq(at.nvers, 0);
	ck_assert_uint_eq(at.optslen, 8);
	fake_capid(&f, 0, AF_ATTACHED, f.head.request, 7);
	fake_peer_up(&f, 0, 42, 7);
	fake_counts(&f, 0, AF_SNAPSHOT_END, ++f.events[0], 0, 7, 5, 50);
	fake_write(&f, 0, AF_MESSAGE, AFL_OUT, ++f.events[0], 42,
	    "\0\0\0\7\0\0\0\1x", 9);
	fake_counts(&f, 0, AF_DROPPED, ++f.events[0], 0, 7, 3, 30);
	app_put32(body, 7);
	app_put32(body + 4, 4096);
	fake_write(&f, 0, AF_STALLED, 0, ++f.events[0], 42, body, 8);
	fake_write(&f, 0, AF_WRITABLE, 0, ++f.events[0], 42, body, 8);
	line("session-up");
	line("attached");
	ck_assert(json_is_true(json_object_get(got, "tap")));
	line("peer-up");
	line("snapshot-end");
	ck_assert_int_eq(num("messages"), 5);
	line("message");
	ck_assert(json_is_true(json_object_get(got, "out")));
	line("lost");
	ck_assert(json_is_null(json_object_get(got, "peer")));
	ck_assert_int_eq(num("bytes"), 30);
	line("stalled");
	ck_assert_int_eq(num("depth"), 4096);
	line("writable");
	type(SEND1 "}}");
	line("error");
	ck_assert_str_eq(text("error"), "denied");
	kill(pid, SIGKILL);
}
END_TEST

/* The outcome of what was sent is waited for. */
START_TEST(last_outcome)
{
	type(SEND1 ",\"id\":1}}");
	type(SEND1 ",\"id\":2}}");
	end_input();
	fake_read(&f, 0, AF_SEND);
	fake_error(&f, 0, f.head.request, APE_TOOBIG, "too big");
	line("error");
	ck_assert_int_eq(num("id"), 1);
	ck_assert_str_eq(text("error"), "too-big");
	fake_read(&f, 0, AF_SEND);
	fake_sent(&f, 0, f.head.request, 42, APS_GONE, 0);
	line("sent");
	ck_assert_int_eq(num("id"), 2);
	ck_assert_str_eq(text("outcome"), "gone");
	leave_orderly(1);
}
END_TEST

START_TEST(refused)
{
	static const char *const args[] = { "attach", "tst/2:8", NULL };
	struct app_hello	 hello;

	start(args);
	fake_accept(&f, &hello);
	if (_i == 0) {
		fake_error(&f, 0, f.head.request, APE_DENIED, "no");
		fake_close(&f, 0);
		ck_assert_int_eq(leave(), EX_DENIED);
		return;
	}
	fake_welcome(&f, 0);
	fake_read(&f, 0, AF_ATTACH);
	fake_error(&f, 0, f.head.request, APE_BUSY, "owned by eth");
	line("session-up");
	line("error");
	ck_assert_str_eq(text("error"), "busy");
	ck_assert_str_eq(text("text"), "owned by eth");
	ck_assert_str_eq(text("capability"), "tst");
	ck_assert_int_eq(leave(), EX_BUSY);
}
END_TEST

START_TEST(arguments)
{
	static const char *const bad[] = { "tst", "tst/1", "tst/1:0", "/1:1",
	    "tst/1:65537", "tst/-1:1", "tst/4294967296:1", "123456789/1:1",
	    "tst/1:8x", "tst/x:8", "a b/1:1", "tst/1: 8" };
	const char	*args[] = { "attach", NULL, NULL };

	/* with a daemon that never answers: they are refused before */
	args[1] = bad[_i];
	start(args);
	ck_assert_int_eq(leave(), EX_USAGE_ERR);
	ck_assert_int_eq(getc(out), EOF);
}
END_TEST

START_TEST(no_daemon)
{
	static const char *const args[] = { "attach", "tst/2:8", NULL };

	unlink(f.path);
	start(args);
	ck_assert_int_eq(leave(), EX_NODAEMON);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("attach");
	TCase		*tc = tcase_create("start"), *up = tcase_create("up");
	SRunner		*sr;
	int		 failed;

	signal(SIGPIPE, SIG_IGN);
	tcase_set_timeout(tc, 120);
	tcase_set_timeout(up, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_checked_fixture(up, setup_up, teardown);
	tcase_add_test(tc, two_capabilities);
	tcase_add_test(up, messages);
	tcase_add_test(up, sends);
	tcase_add_test(up, disconnect);
	tcase_add_test(up, bad_lines);
	tcase_add_loop_test(up, large, 0, 6);
	tcase_add_test(up, overlong);
	tcase_add_test(tc, stopped_reader);
	tcase_add_test(tc, end_of_input);
	tcase_add_test(up, multisends);
	tcase_add_test(up, requests);
	tcase_add_test(up, bad_requests);
	tcase_add_test(tc, tap);
	tcase_add_test(up, last_outcome);
	tcase_add_loop_test(tc, refused, 0, 2);
	tcase_add_loop_test(tc, arguments, 0, 12);
	tcase_add_test(tc, no_daemon);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, up);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
