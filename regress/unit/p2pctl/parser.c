/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "p2pctl/parser.h"

/* The generator's coordinates: a point that is one for sure. */
#define ID	"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" \
		"483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
#define ENODE	"enode://" ID "@192.0.2.1:30303?discport=30301"

static struct request	 rq;
static char		 err[PARSE_ERRLEN];

/* Parses a line cut at spaces. */
static int
line(const char *s)
{
	static char	 buf[1024];
	static char	*argv[32];
	char		*p = buf;
	int		 argc = 0;

	strlcpy(buf, s, sizeof(buf));
	while ((p = strtok(argc == 0 ? buf : NULL, " ")) != NULL)
		argv[argc++] = p;
	argv[argc] = NULL;
	err[0] = '\0';
	return parse(&rq, argc, argv, err);
}

static void
setup(void)
{
	ck_assert_int_eq(secp_init(), 0);
}

START_TEST(shows)
{
	static const struct {
		const char	*line;
		enum ctl_show	 what;
	} t[] = {
		{ "", SHOW_STATUS },
		{ "show status", SHOW_STATUS },
		{ "show peers", SHOW_PEERS },
		{ "show apps", SHOW_APPS },
		{ "show processes", SHOW_PROCESSES },
		{ "show keys", SHOW_KEYS },
		{ "show memory", SHOW_MEMORY },
		{ "show queues", SHOW_QUEUES },
		{ "show history", SHOW_HISTORY },
		{ "show config", SHOW_CONFIG },
		{ "show bans", SHOW_BANS },
		{ "ban show", SHOW_BANS },
		{ "show nodes", SHOW_NODES },
		{ "show e", SHOW_ENR },
		{ "show table", SHOW_TABLE },
		{ "show db", SHOW_DB },
		{ "show l", SHOW_LOOKUPS },
		{ "sh a", SHOW_APPS },
		{ "sh pr", SHOW_PROCESSES },
		{ "s", 0 },
		{ "sho h", SHOW_HISTORY }
	};

	if (t[_i].what == 0) {
		ck_assert_int_eq(line(t[_i].line), -1);
		return;
	}
	ck_assert_msg(line(t[_i].line) == 0, "%s: %s", t[_i].line, err);
	ck_assert_int_eq((int)rq.action, ACT_SHOW);
	ck_assert_int_eq(rq.show.what, (int)t[_i].what);
	ck_assert_int_eq(rq.json, 0);
}
END_TEST

START_TEST(errors_name_what_would_do)
{
	static const struct {
		const char	*line;
		const char	*says;
	} t[] = {
		{ "frob", "unknown \"frob\"; valid: show, peer, ban, attach" },
		{ "show pe", "ambiguous \"pe\": peers, peer" },
		{ "show", "more is needed; valid: status, peers" },
		{ "show frob", "valid: status, peers, peer, apps" },
		{ "peer", "valid: add, remove, trust, untrust, disconnect" },
		{ "peer add", "valid: ENODE" },
		{ "peer add " ENODE " --frob", "valid: --wait, --save" },
		{ "peer add " ENODE " more", "valid: --wait, --save" },
		{ "peer add " ID, "address" },
		{ "peer remove xyz", "xyz" },
		{ "peer disconnect abcd banana", "too-many-peers" },
		{ "ban add 10.0.0.0/33", "not an address or prefix" },
		{ "ban add 10.0.0.0/8 --for", "valid: DURATION" },
		{ "ban add 10.0.0.0/8 --for soon", "not a duration" },
		{ "ban del", "ID|ADDRESS|PREFIX" },
		{ "log", "verbose, brief" },
		{ "stop now", "unexpected \"now\"" },
		{ "key", "generate, show" },
		{ "key show", "FILE" },
		{ "key show f --port 70000", "port is too large" },
		{ "key show f --ip banana", "not an IP address" },
		{ "enode", "parse, FILE" },
		{ "enode parse banana", "banana" },
		{ "en", "ambiguous \"en\": enode, enr" },
		{ "enr", "decode, show" },
		{ "enr decode", "RECORD" },
		{ "enr show f --ip banana", "not an IP address" },
		{ "enr show f --ip 192.0.2.1 --ip 192.0.2.2", "second IPv4" },
		{ "enr show f --seq 0", "too small" },
		{ "enr show f --port 0", "too small" },
		{ "ping", "NODE" },
		{ "ping banana", "banana" },
		{ "ping " ENODE " --count 0", "COUNT is too small" },
		{ "ping " ENODE " --timeout 1s", "MILLISECONDS is invalid" },
		{ "resolve " ENODE " --count 1", "valid: --timeout, --key" },
		{ "crawl", "FILE" },
		{ "crawl f --network banana", "mainnet, sepolia, hoodi" },
		{ "crawl f --rate 1000000", "QUESTIONS is too large" },
		{ "crawl f --for ever", "not a duration" },
		{ "monitor banana", "valid: messages" }
	};

	ck_assert_msg(line(t[_i].line) == -1, "%s parsed", t[_i].line);
	ck_assert_msg(strstr(err, t[_i].says) != NULL, "%s: %s", t[_i].line, err);
}
END_TEST

START_TEST(json_anywhere)
{
	ck_assert_int_eq(line("show peers -j"), 0);
	ck_assert_int_eq(rq.json, 1);
	ck_assert_int_eq(line("-j peer add " ENODE), 0);
	ck_assert_int_eq(rq.json, 1);
}
END_TEST

static void
check_id(const uint8_t id[SECP_PUB])
{
	char	 hex[2 * SECP_PUB + 1];

	ck_assert_str_eq(hex_encode(hex, id, SECP_PUB), ID);
}

START_TEST(nodes)
{
	ck_assert_msg(line("peer add " ENODE " --save --wait") == 0, "%s", err);
	ck_assert_int_eq((int)rq.action, ACT_PEER);
	ck_assert_int_eq(rq.peer.op, PEER_ADD);
	ck_assert_str_eq(rq.peer.host, "192.0.2.1");
	ck_assert_uint_eq(rq.peer.tcp, 30303);
	ck_assert_uint_eq(rq.peer.udp, 30301);
	ck_assert_uint_eq(rq.peer.save, 1);
	ck_assert_uint_eq(rq.peer.wait, 1);
	check_id(rq.peer.id);
	ck_assert_int_eq(line("peer untrust " ID), 0);
	ck_assert_int_eq(rq.peer.op, PEER_UNTRUST);
	ck_assert_uint_eq(rq.peer.save, 0);
	check_id(rq.peer.id);
	ck_assert_int_eq(line("show peer 0x" ID), 0);
	ck_assert_int_eq(rq.show.what, SHOW_PEER);
	check_id(rq.show.id);
	ck_assert_int_eq(line("peer trust " ENODE " --s"), 0);
	ck_assert_uint_eq(rq.peer.save, 1);
	ck_assert_int_eq(line("peer remove 0x79BE66"), 0);
	ck_assert_str_eq(rq.digits, "79be66");
	ck_assert_int_eq(line("peer remove 79b"), -1);
	/* 128 digits that are not on the curve. */
	ck_assert_int_eq(line("show peer 79be667ef9dcbbac55a06295ce870b07029bf"
	    "cdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b4"
	    "48a68554199c47d08ffb10d4b9"), -1);
}
END_TEST

START_TEST(reasons)
{
	ck_assert_int_eq(line("peer disconnect " ID), 0);
	ck_assert_uint_eq(rq.peer.reason, DISC_REQUESTED);
	ck_assert_int_eq(line("peer d abcd too-many-peers"), 0);
	ck_assert_uint_eq(rq.peer.reason, DISC_TOO_MANY);
	ck_assert_str_eq(rq.digits, "abcd");
	ck_assert_int_eq(line("peer d abcd 0x10"), 0);
	ck_assert_uint_eq(rq.peer.reason, DISC_SUBPROTOCOL);
	ck_assert_int_eq(line("peer d abcd 256"), -1);
}
END_TEST

START_TEST(bans)
{
	char	*argv[] = { (char []){ "ban" }, (char []){ "add" },
	    (char []){ "2001:db8::/32" }, (char []){ "--note" },
	    (char []){ "a note" }, (char []){ "--for" }, (char []){ "2h" } };
	char	 long_note[200];

	ck_assert_msg(parse(&rq, 7, argv, err) == 0, "%s", err);
	ck_assert_int_eq((int)rq.action, ACT_BAN);
	ck_assert_int_eq(rq.ban.op, BAN_ADD);
	ck_assert_uint_eq(rq.ban.by_id, 0);
	ck_assert_uint_eq(rq.ban.prefix.af, 6);
	ck_assert_uint_eq(rq.ban.prefix.len, 32);
	ck_assert_uint_eq(rq.ban.seconds, 7200);
	ck_assert_str_eq(rq.ban.note, "a note");
	ck_assert_int_eq(line("ban del 192.0.2.7"), 0);
	ck_assert_uint_eq(rq.ban.prefix.len, 32);
	ck_assert_int_eq(rq.ban.op, BAN_DEL);
	ck_assert_int_eq(line("ban add " ENODE), 0);
	ck_assert_uint_eq(rq.ban.by_id, 1);
	check_id(rq.ban.id);
	ck_assert_int_eq(line("ban add 79be667e --for 1d"), 0);
	ck_assert_uint_eq(rq.ban.by_id, 1);
	ck_assert_str_eq(rq.digits, "79be667e");
	memset(long_note, 'x', sizeof(long_note) - 1);
	long_note[sizeof(long_note) - 1] = '\0';
	argv[4] = long_note;
	ck_assert_int_eq(parse(&rq, 7, argv, err), -1);
}
END_TEST

START_TEST(others)
{
	ck_assert_int_eq(line("m"), 0);
	ck_assert_int_eq((int)rq.action, ACT_MONITOR);
	ck_assert_uint_eq(rq.monitor.messages, 0);
	ck_assert_int_eq(line("monitor mess"), 0);
	ck_assert_uint_eq(rq.monitor.messages, 1);
	ck_assert_int_eq(line("log verbose"), 0);
	ck_assert_uint_eq(rq.log.verbose, 1);
	ck_assert_int_eq(line("log b"), 0);
	ck_assert_uint_eq(rq.log.verbose, 0);
	ck_assert_int_eq(line("lookup"), 0);
	ck_assert_int_eq((int)rq.action, ACT_LOOKUP);
	ck_assert_int_eq(line("lookup " ENODE), 0);
	check_id(rq.lookup.id);
	ck_assert_int_eq(line("show why " ENODE), 0);
	ck_assert_uint_eq(rq.show.what, SHOW_WHY);
	check_id(rq.show.id);
	ck_assert_int_eq(line("show node 79be667e"), 0);
	ck_assert_uint_eq(rq.show.what, SHOW_NODE);
	ck_assert_str_eq(rq.digits, "79be667e");
	ck_assert_int_eq(line("show node enr:rubbish"), -1);
	ck_assert_int_eq(line("stop"), 0);
	ck_assert_int_eq((int)rq.action, ACT_STOP);
	ck_assert_int_eq(line("key generate f --ip 2001:db8::1 --port 1 --udp 2"), 0);
	ck_assert_int_eq((int)rq.action, ACT_KEY_GENERATE);
	ck_assert_str_eq(rq.file, "f");
	ck_assert_str_eq(rq.node.host, "2001:db8::1");
	ck_assert_uint_eq(rq.node.tcp, 1);
	ck_assert_uint_eq(rq.node.udp, 2);
	/* A file may be called like the beginning of a word. */
	ck_assert_int_eq(line("enode par"), 0);
	ck_assert_int_eq((int)rq.action, ACT_KEY_SHOW);
	ck_assert_str_eq(rq.file, "par");
	ck_assert_int_eq(line("enode parse " ENODE), 0);
	ck_assert_int_eq((int)rq.action, ACT_ENODE_PARSE);
	check_id(rq.node.id);
	ck_assert_int_eq(line("enr dec enr:x"), 0);
	ck_assert_int_eq((int)rq.action, ACT_ENR_DECODE);
	ck_assert_str_eq(rq.text, "enr:x");
	ck_assert_int_eq(line("enr sh f --ip ::1 --ip 1.2.3.4 --port 5 --udp 6 "
	    "--seq 7"), 0);
	ck_assert_int_eq((int)rq.action, ACT_ENR_SHOW);
	ck_assert_int_eq(rq.spec.ip4.af, 4);
	ck_assert_int_eq(rq.spec.ip6.af, 6);
	ck_assert_uint_eq(rq.node.tcp, 5);
	ck_assert_uint_eq(rq.node.udp, 6);
	ck_assert_uint_eq(rq.seq, 7);
}
END_TEST

START_TEST(net_tools)
{
	ck_assert_int_eq(line("pi " ENODE), 0);
	ck_assert_int_eq((int)rq.action, ACT_PING);
	check_id(rq.net.node.key);
	ck_assert_uint_eq(rq.net.node.ip4.port, 30301);
	ck_assert_uint_eq(rq.net.count, NET_COUNT);
	ck_assert_uint_eq(rq.net.timeout_ms, NET_TIMEOUT);
	ck_assert_ptr_null(rq.net.key);
	ck_assert_int_eq(line("ping " ENODE " --count 5 --timeout 60000 --key k"),
	    0);
	ck_assert_uint_eq(rq.net.count, 5);
	ck_assert_uint_eq(rq.net.timeout_ms, 60000);
	ck_assert_str_eq(rq.net.key, "k");
	ck_assert_int_eq(line("res " ENODE " -j --timeout 5"), 0);
	ck_assert_int_eq((int)rq.action, ACT_RESOLVE);
	ck_assert_uint_eq(rq.net.timeout_ms, 5);
	ck_assert_int_eq(line("crawl f"), 0);
	ck_assert_int_eq((int)rq.action, ACT_CRAWL);
	ck_assert_int_eq((int)rq.net.network, NETWORK_NONE);
	ck_assert_uint_eq(rq.net.rate, NET_RATE);
	ck_assert_int_eq(line("c - --bootnode " ENODE " --bootnode " ID
	    " --network hoodi --rate 1 --max 2 --for 1h --timeout 3"), 0);
	ck_assert_str_eq(rq.net.file, "-");
	ck_assert_uint_eq(rq.net.nboot, 2);
	ck_assert_int_eq((int)rq.net.network, NETWORK_HOODI);
	ck_assert_uint_eq(rq.net.rate, 1);
	ck_assert_uint_eq(rq.net.max, 2);
	ck_assert_uint_eq(rq.net.seconds, 3600);
	ck_assert_uint_eq(rq.net.timeout_ms, 3);
}
END_TEST

START_TEST(attach_takes_the_rest)
{
	ck_assert_int_eq(line("at eth/69:18 -j -- show"), 0);
	ck_assert_int_eq((int)rq.action, ACT_ATTACH);
	ck_assert_int_eq(rq.json, 0);
	ck_assert_int_eq(rq.argc, 5);
	ck_assert_str_eq(rq.argv[0], "at");
	ck_assert_str_eq(rq.argv[1], "eth/69:18");
	ck_assert_str_eq(rq.argv[4], "show");
	ck_assert_ptr_null(rq.argv[5]);
	ck_assert_int_eq(line("attach"), 0);
	ck_assert_int_eq(rq.argc, 1);
}
END_TEST

START_TEST(durations)
{
	static const struct {
		const char	*s;
		uint64_t	 secs;
	} t[] = {
		{ "1", 1 }, { "90", 90 }, { "90s", 90 }, { "15m", 900 },
		{ "2h", 7200 }, { "2h30m", 9000 }, { "7d", 604800 },
		{ "2w", 1209600 }, { "1h1", 3601 }, { "4294967295", 4294967295 },
		{ "", 0 }, { "0", 0 }, { "h", 0 }, { "2x", 0 }, { "-1", 0 },
		{ " 1", 0 }, { "1 h", 0 }, { "2h30mm", 0 }, { "1.5h", 0 },
		{ "4294967296", 0 }, { "7102w", 0 },
		{ "99999999999999999999", 0 }, { "4294967295s1s", 0 }
	};
	uint64_t	 v = 0;
	int		 r = parse_duration(&v, t[_i].s);

	ck_assert_msg(r == (t[_i].secs == 0 ? -1 : 0), "%s", t[_i].s);
	if (r == 0)
		ck_assert_uint_eq(v, t[_i].secs);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("p2pctl parser");
	TCase	*tc = tcase_create("parser");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, shows, 0, 15);
	tcase_add_loop_test(tc, errors_name_what_would_do, 0, 40);
	tcase_add_test(tc, json_anywhere);
	tcase_add_test(tc, nodes);
	tcase_add_test(tc, reasons);
	tcase_add_test(tc, bans);
	tcase_add_test(tc, others);
	tcase_add_test(tc, net_tools);
	tcase_add_test(tc, attach_takes_the_rest);
	tcase_add_loop_test(tc, durations, 0, 23);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
