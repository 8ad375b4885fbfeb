/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ctl/record.h"
#include "p2pctl/format.h"
#include "p2pctl/json.h"
#include "p2pctl/show.h"
#include "p2pctl/table.h"

static struct rec	 r;

static json_t *
parsed(void)
{
	json_t	*o;

	ck_assert_int_eq(rec_finish(&r), 0);
	o = json_from_record(r.buf, r.len);
	ck_assert_ptr_nonnull(o);
	return o;
}

static void
check_json(json_t *v, const char *want)
{
	char	*s = json_dumps(v, JSON_COMPACT | JSON_ENSURE_ASCII);

	ck_assert_str_eq(s, want);
	free(s);
	json_decref(v);
}

static void
build_all(void)
{
	rec_init(&r);
	rec_u64(&r, "u", 7);
	rec_i64(&r, "i", -7);
	rec_bool(&r, "t", 1);
	rec_bool(&r, "f", 0);
	rec_str(&r, "s", "text \"q\"");
	rec_hex(&r, "h", "\x01\xff", 2);
	rec_null(&r, "n");
	rec_map(&r, "m");
	rec_u64(&r, "x", 1);
	rec_list(&r, "l");
	rec_str(&r, NULL, "a");
	rec_map(&r, NULL);
	rec_end(&r);
	rec_end(&r);
	rec_end(&r);
	rec_u64(&r, "after", 2);
}

START_TEST(record_to_json)
{
	build_all();
	check_json(parsed(), "{\"u\":7,\"i\":-7,\"t\":true,\"f\":false,"
	    "\"s\":\"text \\\"q\\\"\",\"h\":\"01ff\",\"n\":null,"
	    "\"m\":{\"x\":1,\"l\":[\"a\",{}]},\"after\":2}");
	rec_init(&r);
	check_json(parsed(), "{}");
}
END_TEST

START_TEST(odd_values)
{
	json_t	*o;

	rec_init(&r);
	rec_u64(&r, "max", INT64_MAX);
	rec_u64(&r, "over", UINT64_MAX);
	rec_str(&r, "bad", "a\xff\x80z");
	rec_str(&r, "utf8", "\xc3\xa9\x1b");
	o = parsed();
	ck_assert(json_num(o, "max") == INT64_MAX);
	ck_assert(json_is_real(json_object_get(o, "over")));
	ck_assert_str_eq(json_text(o, "bad"), "a\\xff\\x80z");
	json_object_del(o, "over");
	json_object_del(o, "max");
	check_json(o, "{\"bad\":\"a\\\\xff\\\\x80z\",\"utf8\":\"\\u00E9\\u001B\"}");
}
END_TEST

START_TEST(malformed_records)
{
	uint8_t	 copy[RECORD_MAX];
	size_t	 i, n;
	json_t	*o;

	build_all();
	/* A record may end after an item of its own, not within one. */
	for (n = 0; n < r.len; n++) {
		if ((o = json_from_record(r.buf, n)) != NULL)
			ck_assert(json_object_size(o) < 9);
		json_decref(o);
	}
	/* No byte that is wrong may do worse than refuse. */
	for (i = 0; i < r.len; i++) {
		for (n = 0; n < 256; n++) {
			memcpy(copy, r.buf, r.len);
			copy[i] = (uint8_t)n;
			json_decref(json_from_record(copy, r.len));
		}
	}
}
END_TEST

START_TEST(missing_keys)
{
	json_t	*o = json_pack("{s:n, s:s}", "null", "text", "x");

	ck_assert_str_eq(json_text(o, "none"), "");
	ck_assert_str_eq(json_text(o, "null"), "");
	ck_assert(json_num(o, "text") == 0);
	ck_assert_int_eq(json_has(o, "null"), 0);
	ck_assert_int_eq(json_has(o, "text"), 1);
	ck_assert_int_eq(json_true_at(o, "text"), 0);
	json_decref(o);
}
END_TEST

START_TEST(formats)
{
	char	 b[64];

	ck_assert_str_eq(text_safe(b, sizeof(b), "a\x1b[1m\xe9\n\\x41"),
	    "a\\x1b[1m\\xe9\\x0a\\x41");
	ck_assert_str_eq(text_safe(b, 6, "abcdefgh"), "abcde");
	ck_assert_str_eq(text_safe(b, 6, "abc\x01"), "abc");
	ck_assert_str_eq(text_safe(b, 1, "abc"), "");
	ck_assert_str_eq(format_bytes(b, sizeof(b), 0), "0B");
	ck_assert_str_eq(format_bytes(b, sizeof(b), 1023), "1023B");
	ck_assert_str_eq(format_bytes(b, sizeof(b), 1024), "1.0K");
	ck_assert_str_eq(format_bytes(b, sizeof(b), 1048575), "1.0M");
	ck_assert_str_eq(format_bytes(b, sizeof(b), INT64_MAX), "8.0E");
	ck_assert_str_eq(format_ms(b, sizeof(b), 999), "999ms");
	ck_assert_str_eq(format_ms(b, sizeof(b), 59999), "59s");
	ck_assert_str_eq(format_ms(b, sizeof(b), 184000), "3m04s");
	ck_assert_str_eq(format_ms(b, sizeof(b), 5 * 3600000 + 600000), "5h10m");
	ck_assert_str_eq(format_ms(b, sizeof(b), 86400000LL * 12 + 3 * 3600000),
	    "12d03h");
	ck_assert_str_eq(format_id(b, sizeof(b), "0123456789abcdef0123"),
	    "0123456789abcdef");
}
END_TEST

/* What is printed for a text in JSON, as a string to be freed. */
static char *
shown(enum ctl_show what, const char *json)
{
	json_error_t	 e;
	json_t		*v = json_loads(json, 0, &e);
	char		*s = NULL;
	size_t		 len;
	FILE		*f = open_memstream(&s, &len);

	ck_assert_msg(v != NULL, "%s", e.text);
	v = show_shape(what, v);
	show_print(f, what, v);
	fclose(f);
	json_decref(v);
	return s;
}

START_TEST(tables)
{
	char	*s;

	s = shown(SHOW_BANS, "[]");
	ck_assert_str_eq(s, "no bans\n");
	free(s);
	s = shown(SHOW_BANS, "[{\"by\":\"prefix\",\"what\":\"192.0.2.0/24\","
	    "\"expires_in_ms\":null,\"note\":\"scan\\u001b[2Jner\"},"
	    "{\"by\":\"id\",\"what\":\"0123456789abcdef0123\","
	    "\"expires_in_ms\":60000,\"note\":\"\"}]");
	ck_assert_str_eq(s,
	    "BANNED            EXPIRES-IN  NOTE\n"
	    "192.0.2.0/24           never  scan\\x1b[2Jner\n"
	    "0123456789abcdef       1m00s  -\n");
	free(s);
	s = shown(SHOW_APPS, "[{\"name\":\"geth\",\"uid\":7,\"pid\":9,\"sessions\":1,"
	    "\"capabilities\":[{\"name\":\"eth\",\"advertised\":true,"
	    "\"versions\":[{\"version\":68,\"codes\":17},{\"version\":69}]},"
	    "{\"name\":\"snap\",\"advertised\":false,"
	    "\"versions\":[{\"version\":1}]}]}]");
	ck_assert_str_eq(s,
	    "NAME  UID  PID  SESSIONS  QUEUED  DROPPED  CAPABILITIES\n"
	    "geth    7    9         1       0        0  eth/68,eth/69,(hidden)snap/1\n");
	free(s);
}
END_TEST

START_TEST(rows_of_any_shape)
{
	/* Keys that are missing, or of another type, are dashes. */
	static const char	 odd[] = "[{}, {\"id\":7, \"address\":[], "
	    "\"direction\":null, \"shared\":\"x\", \"bytes_in\":\"y\", "
	    "\"client\":{\"a\":1}, \"peers\":true, \"warnings\":{}, "
	    "\"sessions\":3, \"last_failures\":[1,2], \"text\":4}, 5]";
	int			 what;

	for (what = SHOW_STATUS; what <= SHOW_QUEUES; what++)
		free(shown((enum ctl_show)what, odd));
}
END_TEST

START_TEST(status)
{
	char	*s;

	s = shown(SHOW_STATUS, "[{\"kind\":\"node\",\"id\":\"ab\","
	    "\"client\":\"p2pd/v0.1.0\",\"uptime_ms\":61000,"
	    "\"enode\":[\"enode://ab@192.0.2.1:30303\"],"
	    "\"listening\":[\"0.0.0.0:30303\",\"[::]:30303\"],\"peers\":3,"
	    "\"peers_in\":1,\"peers_out\":2,\"max_peers\":50,\"max_in\":34,"
	    "\"max_out\":16,\"pending_in\":4,\"pending_out\":5,\"candidates\":6,\"apps\":0,"
	    "\"capabilities\":[],\"last_failures\":[{\"count\":2,\"ago_ms\":5000,"
	    "\"reason\":\"useless\",\"text\":\"no capability in common\"}],"
	    "\"warnings\":[\"no application is attached\"]},"
	    "{\"kind\":\"session\",\"instance\":0,\"peers\":3,\"apps\":0,"
	    "\"memory\":2048,\"bytes_in\":1,\"bytes_out\":2,\"msgs_in\":3,"
	    "\"msgs_out\":4,\"dropped\":0}]");
	ck_assert_str_eq(s,
	    "p2pd/v0.1.0, up 1m01s\n"
	    "id         ab\n"
	    "enode      enode://ab@192.0.2.1:30303\n"
	    "listening  0.0.0.0:30303,[::]:30303\n"
	    "peers      3 of 50, 1 in (at most 34), 2 out (at most 16)\n"
	    "in set-up  4 in, 5 out, 6 waiting to be dialed\n"
	    "apps       0\n"
	    "speaks     nothing\n"
	    "\n"
	    "SESSION  PEERS  APPS  MEMORY  IN/OUT  MSGS  DROPPED\n"
	    "      0      3     0    2.0K   1B/2B   3/4        0\n"
	    "\n"
	    "last failures\n"
	    "COUNT  LAST  REASON   MEANING\n"
	    "    2    5s  useless  no capability in common\n"
	    "\n"
	    "warning: no application is attached\n");
	free(s);
}
END_TEST

START_TEST(shapes)
{
	check_json(show_shape(SHOW_STATUS, json_pack("[{s:s,s:i},{s:s,s:i}]",
	    "kind", "node", "peers", 1, "kind", "session", "instance", 0)),
	    "{\"peers\":1,\"sessions\":[{\"instance\":0}]}");
	check_json(show_shape(SHOW_PEER, json_pack("[{s:i,s:i},{s:i,s:i}]",
	    "a", 1, "b", 2, "b", 3, "c", 4)), "{\"a\":1,\"b\":2,\"c\":4}");
	check_json(show_shape(SHOW_CONFIG, json_pack("[{s:s},{s:s}]", "text",
	    "one", "text", "two")), "{\"lines\":[\"one\",\"two\"]}");
	check_json(show_shape(SHOW_PEERS, json_array()), "[]");
}
END_TEST

START_TEST(events)
{
	json_t	*o;
	char	*s = NULL;
	size_t	 len;
	FILE	*f = open_memstream(&s, &len);

	o = json_pack("{s:s, s:s, s:s, s:i, s:n}", "event", "peer-down", "id",
	    "0123456789abcdef0123", "text", "read timed\n out", "ms", 1500,
	    "gone");
	event_print(f, o);
	fclose(f);
	ck_assert_ptr_nonnull(strstr(s, " peer-down id=0123456789abcdef "
	    "text=\"read timed\\x0a out\" ms=1s\n"));
	free(s);
	json_decref(o);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("p2pctl output");
	TCase	*tc = tcase_create("output");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, record_to_json);
	tcase_add_test(tc, odd_values);
	tcase_add_test(tc, malformed_records);
	tcase_add_test(tc, missing_keys);
	tcase_add_test(tc, formats);
	tcase_add_test(tc, tables);
	tcase_add_test(tc, rows_of_any_shape);
	tcase_add_test(tc, status);
	tcase_add_test(tc, shapes);
	tcase_add_test(tc, events);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
