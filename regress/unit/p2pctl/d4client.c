/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pctl/d4client.h"

/* The client's, in ms; where time is scaled, as under valgrind, more. */
#define TIMEOUT	(getenv("CK_TIMEOUT_MULTIPLIER") != NULL ? 4000 : 1000)

/* A node by hand: what it gets is looked at, what it says is written out. */
static int			 fd;
static struct sockaddr_in	 here;
static uint8_t			 priv[SECP_PRIV], pub[SECP_PUB];
static uint8_t			 other_priv[SECP_PRIV], other_pub[SECP_PUB];

static struct d4_client		*c;
static struct d4_peer		 peer;
static struct d4_answer		 answer;
static unsigned int		 answers;

/* The last packet from the client. */
static struct d4_packet		 got;
static uint8_t			 buf[D4_MAX];
static struct sockaddr_in	 from;

static void
setup(void)
{
	socklen_t	 len = sizeof(here);

	ck_assert_int_eq(secp_init(), 0);
	ck_assert_int_eq(secp_keygen(priv, pub), 0);
	ck_assert_int_eq(secp_keygen(other_priv, other_pub), 0);
	memset(&here, 0, sizeof(here));
	here.sin_family = AF_INET;
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&here, &len), 0);
	c = d4c_new(NULL, TIMEOUT, 2);
	ck_assert_ptr_nonnull(c);
	memset(&peer, 0, sizeof(peer));
	memcpy(peer.key, pub, sizeof(pub));
	ck_assert_int_eq(addr_from_sa(&peer.addr, (struct sockaddr *)&here), 0);
	d4c_add(c, &peer);
	answers = 0;
}

static void
teardown(void)
{
	d4c_free(c);
	close(fd);
}

static void
done(const struct d4_answer *w, void *arg)
{
	answer = *w;
	answers++;
	ck_assert_ptr_eq(arg, &peer);
}

static void
ask(enum d4_question q)
{
	ck_assert_int_eq(d4c_ask(c, &peer, q, q == D4C_NODES ? pub : NULL, done,
	    &peer), 0);
	ck_assert_int_eq(d4c_ask(c, &peer, q, pub, done, &peer), -1);
	ck_assert_uint_eq(d4c_asked(c), 1);
}

/* Lets the client work until it has sent something, of this type. */
static void
expect(unsigned int type)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };
	uint8_t		 key[SECP_PUB];
	socklen_t	 len = sizeof(from);
	uint64_t	 end = mono_ms() + 60000;
	ssize_t		 n;

	while (poll(&pfd, 1, 0) == 0) {
		ck_assert_uint_lt(mono_ms(), end);
		d4c_turn(c, 10);
	}
	n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(d4_check(buf, (size_t)n), D4_OK);
	ck_assert_int_eq(d4_decode(&got, buf, (size_t)n), D4_OK);
	ck_assert_int_eq(d4_recover(key, buf, (size_t)n), 0);
	ck_assert_mem_eq(key, d4c_key(c), sizeof(key));
	ck_assert_int_eq(d4_expired(&got, time(NULL)), 0);
	ck_assert_msg(got.type == type, "%s, not %s", d4_name(got.type),
	    d4_name(type));
}

static void
say_as(struct d4_packet *k, const uint8_t *key)
{
	uint8_t		 out[D4_MAX];
	size_t		 n;

	if (k->expiration == 0)
		k->expiration = (int64_t)time(NULL) + 20;
	ck_assert_int_eq(d4_sign(k, out, &n, key), 0);
	ck_assert_int_eq(sendto(fd, out, n, 0, (struct sockaddr *)&from,
	    sizeof(from)), (ssize_t)n);
}

static void
say_pong(const uint8_t *key)
{
	struct d4_packet	 k = { .type = D4_PONG };

	ck_assert_int_eq(addr_from_sa(&k.pong.to.addr,
	    (struct sockaddr *)&from), 0);
	memcpy(k.pong.hash, buf, D4_HASH);
	k.pong.seq = 7;
	say_as(&k, key);
}

static void
say_ping(void)
{
	struct d4_packet	 k = { .type = D4_PING };

	say_as(&k, priv);
}

static void
await(void)
{
	uint64_t	 end = mono_ms() + 60000;

	while (answers == 0) {
		ck_assert_uint_lt(mono_ms(), end);
		d4c_turn(c, 10);
	}
	ck_assert_uint_eq(answers, 1);
	ck_assert_uint_eq(d4c_asked(c), 0);
	answers = 0;
}

/* Each proves its address to the other; then the question comes. */
static void
prove(unsigned int next)
{
	expect(D4_PING);
	say_pong(priv);
	say_ping();
	expect(D4_PONG);
	ck_assert_uint_ne(got.pong.seq, 0);
	expect(next);
}

START_TEST(pinged)
{
	struct addr	 local;

	ask(D4C_PING);
	expect(D4_PING);
	ck_assert_uint_eq(got.ping.to.addr.port, ntohs(here.sin_port));
	ck_assert_int_eq(got.ping.from.addr.af, 4);
	say_pong(priv);
	await();
	ck_assert_int_eq(answer.outcome, D4C_OK);
	ck_assert_uint_eq(answer.seq, 7);
	ck_assert_uint_lt(answer.rtt_us, 60000000);
	d4c_local(c, 4, &local);
	ck_assert_uint_eq(answer.seen.port, local.port);
}
END_TEST

/* Once more when nothing comes, and then no more. */
START_TEST(lost)
{
	ask(D4C_PING);
	expect(D4_PING);
	expect(D4_PING);
	say_pong(priv);
	await();
	ck_assert_int_eq(answer.outcome, D4C_OK);
	ask(D4C_PING);
	expect(D4_PING);
	expect(D4_PING);
	await();
	ck_assert_int_eq(answer.outcome, D4C_TIMEOUT);
}
END_TEST

/* An answer to another packet, an expired one, one to nobody: as if none. */
START_TEST(not_answers)
{
	struct d4_packet	 k = { .type = D4_PONG };

	ask(D4C_PING);
	expect(D4_PING);
	say_as(&k, priv);
	memcpy(k.pong.hash, buf, D4_HASH);
	k.expiration = (int64_t)time(NULL) - 5;
	say_as(&k, priv);
	k.expiration = 0;
	k.type = D4_NEIGHBORS;
	memset(&k.neighbors, 0, sizeof(k.neighbors));
	say_as(&k, priv);
	ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&from,
	    sizeof(from)), 1);
	expect(D4_PING);
	await();
	ck_assert_int_eq(answer.outcome, D4C_TIMEOUT);
	say_pong(priv);
	d4c_turn(c, 50);
	ck_assert_uint_eq(answers, 0);
}
END_TEST

START_TEST(impostor)
{
	ask(D4C_PING);
	expect(D4_PING);
	say_pong(other_priv);
	await();
	ck_assert_int_eq(answer.outcome, D4C_IMPOSTOR);
	ck_assert_mem_eq(answer.key, other_pub, sizeof(other_pub));
}
END_TEST

static void
say_record(const uint8_t *record_priv, const uint8_t *record_pub, int flip)
{
	struct d4_packet	 k = { .type = D4_ENRRESPONSE };
	struct enr_build	 b;
	struct enr		 e;

	ck_assert_int_eq(enr_build_init(&b, 9, record_pub), 0);
	ck_assert_int_eq(enr_sign(&e, &b, record_priv), 0);
	e.raw[20] ^= (uint8_t)flip;
	memcpy(k.enrresponse.hash, buf, D4_HASH);
	k.enrresponse.record = e.raw;
	k.enrresponse.len = e.len;
	say_as(&k, priv);
}

START_TEST(record)
{
	ask(D4C_RECORD);
	prove(D4_ENRREQUEST);
	say_record(priv, pub, 0);
	await();
	ck_assert_int_eq(answer.outcome, D4C_OK);
	ck_assert_uint_eq(answer.record.seq, 9);
	/* Proved already: no ping. */
	ask(D4C_RECORD);
	expect(D4_ENRREQUEST);
	say_record(priv, pub, 1);
	await();
	ck_assert_int_eq(answer.outcome, D4C_BADRECORD);
	ask(D4C_RECORD);
	expect(D4_ENRREQUEST);
	say_record(other_priv, other_pub, 0);
	await();
	ck_assert_int_eq(answer.outcome, D4C_BADRECORD);
	ck_assert_uint_eq(answer.record.len, 0);
	/* Silence undoes the proof. */
	ask(D4C_RECORD);
	expect(D4_ENRREQUEST);
	expect(D4_ENRREQUEST);
	await();
	ck_assert_int_eq(answer.outcome, D4C_TIMEOUT);
	ask(D4C_RECORD);
	expect(D4_PING);
}
END_TEST

/* A node that does not ping back has our proof already, maybe. */
START_TEST(no_ping_back)
{
	ask(D4C_RECORD);
	expect(D4_PING);
	say_pong(priv);
	expect(D4_ENRREQUEST);
	say_record(priv, pub, 0);
	await();
	ck_assert_int_eq(answer.outcome, D4C_OK);
}
END_TEST

static void
say_neighbors(uint32_t n)
{
	struct d4_packet	 k = { .type = D4_NEIGHBORS };
	uint32_t		 i;

	k.neighbors.n = n;
	for (i = 0; i < n; i++) {
		k.neighbors.v[i].addr = peer.addr;
		memcpy(k.neighbors.v[i].key, pub, SECP_PUB);
	}
	say_as(&k, priv);
}

START_TEST(nodes)
{
	ask(D4C_NODES);
	prove(D4_FINDNODE);
	ck_assert_mem_eq(got.findnode.target, pub, SECP_PUB);
	say_neighbors(12);
	say_neighbors(4);
	await();
	ck_assert_int_eq(answer.outcome, D4C_OK);
	ck_assert_uint_eq(answer.nnodes, 16);
	ask(D4C_NODES);
	expect(D4_FINDNODE);
	say_neighbors(12);
	say_neighbors(12);
	await();
	ck_assert_uint_eq(answer.nnodes, 16);
	/* Fewer: what comes within the time for more. */
	ask(D4C_NODES);
	expect(D4_FINDNODE);
	say_neighbors(3);
	await();
	ck_assert_int_eq(answer.outcome, D4C_OK);
	ck_assert_uint_eq(answer.nnodes, 3);
	ask(D4C_NODES);
	expect(D4_FINDNODE);
	say_neighbors(0);
	await();
	ck_assert_int_eq(answer.outcome, D4C_OK);
	ck_assert_uint_eq(answer.nnodes, 0);
	ask(D4C_NODES);
	expect(D4_FINDNODE);
	expect(D4_FINDNODE);
	await();
	ck_assert_int_eq(answer.outcome, D4C_TIMEOUT);
}
END_TEST

/* It answers like a node: pings of all, its record to who is being asked. */
START_TEST(asked)
{
	struct d4_packet	 k = { .type = D4_ENRREQUEST };
	struct enr		 e;
	uint8_t			 key[SECP_PUB];

	ask(D4C_RECORD);
	prove(D4_ENRREQUEST);
	say_as(&k, priv);
	expect(D4_ENRRESPONSE);
	ck_assert_int_eq(enr_decode(&e, got.enrresponse.record,
	    got.enrresponse.len, NULL), 0);
	ck_assert_int_eq(enr_verify(&e, key, NULL), 0);
	ck_assert_mem_eq(key, d4c_key(c), sizeof(key));
	k.type = D4_PING;
	memset(&k.ping, 0, sizeof(k.ping));
	say_as(&k, other_priv);
	expect(D4_PONG);
}
END_TEST

START_TEST(unreachable)
{
	ck_assert_int_eq(addr_parse(&peer.addr, "255.255.255.255:30303"), 0);
	ask(D4C_PING);
	await();
	ck_assert_int_eq(answer.outcome, D4C_UNREACHABLE);
	ck_assert_int_ne(answer.error, 0);
}
END_TEST

START_TEST(removed)
{
	struct d4_peer	 twin = { 0 };

	memcpy(twin.key, other_pub, SECP_PUB);
	d4c_add(c, &twin);
	ask(D4C_PING);
	d4c_remove(c, &peer);
	ck_assert_uint_eq(d4c_asked(c), 0);
	ck_assert_ptr_null(d4c_find(c, pub));
	ck_assert_ptr_eq(d4c_find(c, other_pub), &twin);
	d4c_turn(c, 0);
	ck_assert_uint_eq(answers, 0);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("p2pctl d4client");
	TCase	*tc = tcase_create("d4client");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, pinged);
	tcase_add_test(tc, lost);
	tcase_add_test(tc, not_answers);
	tcase_add_test(tc, impostor);
	tcase_add_test(tc, record);
	tcase_add_test(tc, no_ping_back);
	tcase_add_test(tc, nodes);
	tcase_add_test(tc, asked);
	tcase_add_test(tc, unreachable);
	tcase_add_test(tc, removed);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
