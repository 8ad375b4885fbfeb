/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pctl/client.h"
#include "p2pctl/json.h"
#include "p2pctl/nettool.h"
#include "p2pctl/nodeset.h"
#include "p2pctl/offline.h"

/*
 * A world of nodes in a process of its own. Each knows the next three of the
 * ring, and says of more than that; some are not as they should be.
 */
#define NODES	12
#define MUTE	4		/* does not answer */
#define FORGER	7		/* its record is not signed */
#define LIAR	1		/* tells of addresses that are none */

static struct world {
	struct addr	 addr;
	uint8_t		 priv[SECP_PRIV];
	uint8_t		 pub[SECP_PUB];
	struct enr	 record;
} world[NODES];
static struct pollfd	 fds[NODES];
static pid_t		 pid;
static char		 dir[64], path[128], boot[ENODE_STRLEN];
static char		 err[OFFLINE_ERRLEN];
static struct net_request rq;
static json_t		*out;

static void
reply(int fd, struct d4_packet *k, const struct world *w, struct addr *to)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = addr_to_sa(to, &ss);
	uint8_t			 buf[D4_MAX];
	size_t			 n;

	k->expiration = (int64_t)time(NULL) + 20;
	if (d4_sign(k, buf, &n, w->priv) == 0)
		(void)sendto(fd, buf, n, 0, (struct sockaddr *)&ss, len);
}

static void
lie(struct d4_packet *k)
{
	static const char *const addrs[] = { "224.0.0.1:30303",
	    "127.0.0.1:53", "[ff02::1]:30303", "255.255.255.255:30303",
	    "192.0.2.1:30303", "198.18.0.1:30303", "[2001:db8::1]:30303" };
	struct d4_node		*n;
	uint8_t			 priv[SECP_PRIV];
	size_t			 i;

	for (i = 0; i < nitems_of(addrs); i++) {
		n = &k->neighbors.v[k->neighbors.n++];
		ck_assert_int_eq(addr_parse(&n->addr, addrs[i]), 0);
		ck_assert_int_eq(secp_keygen(priv, n->key), 0);
	}
	/* A good address for a key that is no point. */
	n = &k->neighbors.v[k->neighbors.n++];
	n->addr = world[0].addr;
	memset(n->key, 0xff, sizeof(n->key));
}

static void
answer_one(unsigned int i, const uint8_t *p, size_t n, struct addr *from)
{
	struct d4_packet	 k, a;
	uint32_t		 j;

	if (d4_check(p, n) != D4_OK || d4_decode(&k, p, n) != D4_OK)
		return;
	memset(&a, 0, sizeof(a));
	if (k.type == D4_PING) {
		a.type = D4_PONG;
		a.pong.to.addr = *from;
		memcpy(a.pong.hash, p, D4_HASH);
		reply(fds[i].fd, &a, &world[i], from);
		memset(&a, 0, sizeof(a));
		a.type = D4_PING;
	} else if (k.type == D4_ENRREQUEST) {
		a.type = D4_ENRRESPONSE;
		memcpy(a.enrresponse.hash, p, D4_HASH);
		a.enrresponse.record = world[i].record.raw;
		a.enrresponse.len = world[i].record.len;
	} else if (k.type == D4_FINDNODE) {
		a.type = D4_NEIGHBORS;
		for (j = 1; j <= 3; j++) {
			a.neighbors.v[j - 1].addr = world[(i + j) % NODES].addr;
			memcpy(a.neighbors.v[j - 1].key,
			    world[(i + j) % NODES].pub, SECP_PUB);
		}
		a.neighbors.n = 3;
		if (i == LIAR)
			lie(&a);
	} else
		return;
	reply(fds[i].fd, &a, &world[i], from);
}

static void
run_world(void)
{
	struct sockaddr_storage	 ss;
	struct addr		 from;
	uint8_t			 buf[D4_MAX];
	socklen_t		 len;
	ssize_t			 n;
	unsigned int		 i;

	for (;;) {
		poll(fds, NODES, -1);
		for (i = 0; i < NODES; i++) {
			if (fds[i].revents == 0)
				continue;
			len = sizeof(ss);
			n = recvfrom(fds[i].fd, buf, sizeof(buf), 0,
			    (struct sockaddr *)&ss, &len);
			if (n > 0 && i != MUTE && addr_from_sa(&from,
			    (struct sockaddr *)&ss) == 0)
				answer_one(i, buf, (size_t)n, &from);
		}
	}
}

static void
make_node(unsigned int i)
{
	struct sockaddr_in	 sa = { .sin_family = AF_INET };
	struct enr_build	 b;
	socklen_t		 len = sizeof(sa);
	int			 fd;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	fds[i].fd = fd;
	fds[i].events = POLLIN;
	ck_assert_int_eq(addr_from_sa(&world[i].addr,
	    (struct sockaddr *)&sa), 0);
	ck_assert_int_eq(secp_keygen(world[i].priv, world[i].pub), 0);
	ck_assert_int_eq(enr_build_init(&b, i + 1, world[i].pub), 0);
	ck_assert_int_eq(enr_set_endpoint(&b, &world[i].addr, 0), 0);
	ck_assert_int_eq(enr_sign(&world[i].record, &b, world[i].priv), 0);
	if (i == FORGER)
		world[i].record.raw[10] ^= 1;
}

static void
setup(void)
{
	struct node_spec	 spec = { 0 };
	unsigned int		 i;

	ck_assert_int_eq(secp_init(), 0);
	strlcpy(dir, "/tmp/p2pctl-crawl.XXXXXX", sizeof(dir));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/nodes.json", dir);
	for (i = 0; i < NODES; i++)
		make_node(i);
	if ((pid = fork()) == 0)
		run_world();
	for (i = 0; i < NODES; i++)
		close(fds[i].fd);
	memcpy(spec.key, world[0].pub, SECP_PUB);
	spec.ip4 = world[0].addr;
	memset(&rq, 0, sizeof(rq));
	rq.boot[0] = node_spec_url(&spec, boot, sizeof(boot));
	rq.nboot = 1;
	rq.file = path;
	rq.network = NETWORK_NONE;
	rq.timeout_ms = getenv("CK_TIMEOUT_MULTIPLIER") != NULL ? 4000 : 1000;
	rq.rate = 10000;
	rq.max = NET_NODES;
	rq.seconds = 100;
	out = NULL;
}

static void
teardown(void)
{
	json_decref(out);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	/* Fails if anything else was left behind. */
	ck_assert_int_eq(rmdir(dir), 0);
}

static struct netnode *
find(const struct nodeset *s, unsigned int i)
{
	uint8_t		 id[NODE_ID];

	node_id(id, world[i].pub);
	return nodeset_find(s, id);
}

/* Two are missing: one is mute, and one has no record. */
static void
check_file(uint32_t score)
{
	struct nodeset	 s = { 0 };
	struct netnode	*n;
	unsigned int	 i;

	ck_assert_msg(nodeset_load(&s, path, err) == EX_DONE, "%s", err);
	ck_assert_uint_eq(s.n, NODES - 2);
	for (i = 0; i < NODES; i++) {
		n = find(&s, i);
		ck_assert_int_eq(n == NULL, i == MUTE || i == FORGER);
		if (n == NULL)
			continue;
		ck_assert_int_eq(enr_equal(&n->record, &world[i].record), 1);
		ck_assert_uint_eq(n->score, score);
		ck_assert_int_ne(n->first, 0);
		ck_assert_int_eq(n->last, n->check);
	}
	nodeset_free(&s);
}

START_TEST(whole_world)
{
	ck_assert_msg(net_crawl(&rq, &out, err) == EX_DONE, "%s", err);
	ck_assert(json_true_at(out, "complete"));
	ck_assert_int_eq(json_num(out, "known"), NODES);
	ck_assert_int_eq(json_num(out, "checked"), NODES);
	ck_assert_int_eq(json_num(out, "answered"), NODES - 2);
	ck_assert_int_eq(json_num(out, "added"), NODES - 2);
	ck_assert_int_eq(json_num(out, "nodes"), NODES - 2);
	check_file(1);
	json_decref(out);
	out = NULL;
	/* Again, at once: what is known holds for a while. */
	rq.nboot = 0;
	ck_assert_msg(net_crawl(&rq, &out, err) == EX_DONE, "%s", err);
	ck_assert_int_eq(json_num(out, "answered"), 0);
	ck_assert_int_eq(json_num(out, "nodes"), NODES - 2);
	check_file(1);
}
END_TEST

/* A file with one node of the world, at an address of the past. */
static void
past(unsigned int i, const struct addr *addr, uint32_t score)
{
	struct nodeset		 s = { 0 };
	struct enr_build	 b;
	struct netnode		*n;
	size_t			 saved;

	ck_assert_int_eq(enr_build_init(&b, 1, world[i].pub), 0);
	ck_assert_int_eq(enr_set_endpoint(&b, addr, 0), 0);
	n = nodeset_add(&s, world[i].pub, addr);
	ck_assert_ptr_nonnull(n);
	ck_assert_int_eq(enr_sign(&n->record, &b, world[i].priv), 0);
	n->score = score;
	n->first = n->last = n->check = time(NULL) - 86400;
	ck_assert_int_eq(nodeset_save(&s, path, &saved, err), EX_DONE);
	nodeset_free(&s);
	/* Slow enough for the news to come when it is wanted. */
	rq.rate = getenv("CK_TIMEOUT_MULTIPLIER") != NULL ? 2 : 20;
	ck_assert_msg(net_crawl(&rq, &out, err) == EX_DONE, "%s", err);
}

/* What the file has is where it was; others tell where it is. */
START_TEST(moved)
{
	struct nodeset	 s = { 0 };
	struct netnode	*n;

	past(5, &world[MUTE].addr, 4);
	ck_assert_msg(nodeset_load(&s, path, err) == EX_DONE, "%s", err);
	ck_assert_ptr_nonnull(n = find(&s, 5));
	ck_assert_int_eq(enr_equal(&n->record, &world[5].record), 1);
	ck_assert_uint_eq(n->score, 3);
	ck_assert_int_eq(n->last, n->check);
	nodeset_free(&s);
}
END_TEST

/* Not where it was, nor where others say: that is one check failed. */
START_TEST(moved_and_gone)
{
	struct nodeset	 s = { 0 };
	struct netnode	*n;
	struct addr	 was = world[MUTE].addr;

	was.ip[3] = 77;
	past(MUTE, &was, 2);
	ck_assert_msg(nodeset_load(&s, path, err) == EX_DONE, "%s", err);
	ck_assert_ptr_nonnull(n = find(&s, MUTE));
	ck_assert_uint_eq(n->score, 1);
	nodeset_free(&s);
}
END_TEST

START_TEST(no_more_than)
{
	rq.max = 5;
	ck_assert_msg(net_crawl(&rq, &out, err) == EX_DONE, "%s", err);
	ck_assert_int_eq(json_num(out, "known"), 5);
}
END_TEST

START_TEST(no_longer_than)
{
	uint64_t	 began = mono_ms();

	rq.rate = 1;
	rq.seconds = 2;
	ck_assert_msg(net_crawl(&rq, &out, err) == EX_DONE, "%s", err);
	ck_assert(!json_true_at(out, "complete"));
	ck_assert_int_le(json_num(out, "checked"), 4);
	ck_assert_uint_lt(mono_ms() - began, 20000);
}
END_TEST

/* The mute one's question is open at the end: the sanitizers see it left. */
START_TEST(no_longer_than_answers)
{
	rq.timeout_ms = 60000;
	rq.seconds = 2;
	ck_assert_msg(net_crawl(&rq, &out, err) == EX_DONE, "%s", err);
	ck_assert(!json_true_at(out, "complete"));
}
END_TEST

START_TEST(nowhere_to_begin)
{
	rq.nboot = 0;
	ck_assert_int_eq(net_crawl(&rq, &out, err), EX_USAGE_ERR);
	ck_assert_ptr_null(out);
	ck_assert_ptr_nonnull(strstr(err, "--bootnode"));
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

/* What cannot be written is told before it is found, not half an hour later. */
START_TEST(nowhere_to_write)
{
	char		 gone[sizeof(path) + 16];
	uint64_t	 began = mono_ms();

	snprintf(gone, sizeof(gone), "%s.d/nodes.json", path);
	rq.file = gone;
	rq.rate = 1;
	rq.seconds = 20;
	ck_assert_int_eq(net_crawl(&rq, &out, err), EX_FAILED);
	ck_assert_ptr_null(out);
	ck_assert_ptr_nonnull(strstr(err, "nodes.json: No such file"));
	ck_assert_uint_lt(mono_ms() - began, 10000);
}
END_TEST

START_TEST(ping_and_resolve)
{
	const char	*why;

	rq.count = 2;
	ck_assert_int_eq(node_spec_parse(&rq.node, boot, &why), 0);
	ck_assert_msg(net_ping(&rq, &out, err) == EX_DONE, "%s", err);
	ck_assert_int_eq(json_num(out, "sent"), 2);
	ck_assert_int_eq(json_num(out, "received"), 2);
	ck_assert_int_le(json_num(out, "rtt_min_us"), json_num(out, "rtt_us"));
	ck_assert_int_le(json_num(out, "rtt_us"), json_num(out, "rtt_max_us"));
	ck_assert(!json_has(out, "seq"));
	json_decref(out);
	out = NULL;
	ck_assert_msg(net_resolve(&rq, &out, err) == EX_DONE, "%s", err);
	ck_assert_int_eq(json_num(out, "seq"), 1);
	json_decref(out);
	out = NULL;
	memcpy(rq.node.key, world[FORGER].pub, SECP_PUB);
	ck_assert_int_eq(net_resolve(&rq, &out, err), EX_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "another node"));
	rq.node.ip4 = world[FORGER].addr;
	ck_assert_int_eq(net_resolve(&rq, &out, err), EX_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "record"));
	memcpy(rq.node.key, world[MUTE].pub, SECP_PUB);
	rq.node.ip4 = world[MUTE].addr;
	rq.count = 1;
	ck_assert_int_eq(net_ping(&rq, &out, err), EX_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "does not answer"));
	rq.node.ip4.port = 0;
	ck_assert_int_eq(net_ping(&rq, &out, err), EX_USAGE_ERR);
	rq.node.ip4.af = 0;
	ck_assert_int_eq(net_ping(&rq, &out, err), EX_USAGE_ERR);
	rq.node.ip4 = world[0].addr;
	rq.key = "/nowhere/key";
	ck_assert_int_eq(net_ping(&rq, &out, err), EX_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "/nowhere/key"));
	ck_assert_ptr_null(out);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("p2pctl crawl");
	TCase	*tc = tcase_create("crawl");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, whole_world);
	tcase_add_test(tc, moved);
	tcase_add_test(tc, moved_and_gone);
	tcase_add_test(tc, no_more_than);
	tcase_add_test(tc, no_longer_than);
	tcase_add_test(tc, no_longer_than_answers);
	tcase_add_test(tc, nowhere_to_begin);
	tcase_add_test(tc, nowhere_to_write);
	tcase_add_test(tc, ping_and_resolve);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
