/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "p2pd/dialer/dial.h"

/* Dials over loopback, with a parent that only listens. */
static struct event_base *base;
static struct policy *policy;
static struct setups *setups;
static struct dials *dials;
static uint8_t own_priv[SECP_PRIV], own[SECP_PUB], id[SECP_PUB];

static int full, deaf;
static int ndials, nkeys, nresolves, nstopped, nattempts, ndone;
static struct m_dial dial_msg;
static struct m_key key;
static struct m_resolve resolve;
static struct m_resolve_stop stopped;
static struct m_attempt attempt;
static struct plan_result result;

static int
to_parent(const struct msgdesc *desc, const void *body, int fd)
{
	if (desc->type == M_ATTEMPT && deaf) {
		errno = ENOBUFS;
		return -1;
	} else if (desc->type == M_ATTEMPT) {
		memcpy(&attempt, body, sizeof(attempt));
		nattempts++;
	} else if (full) {
		errno = ENOBUFS;
		return -1;
	} else if (desc->type == M_DIAL) {
		memcpy(&dial_msg, body, sizeof(dial_msg));
		ndials++;
	} else if (desc->type == M_KEY) {
		memcpy(&key, body, sizeof(key));
		nkeys++;
	} else if (desc->type == M_RESOLVE) {
		memcpy(&resolve, body, sizeof(resolve));
		nresolves++;
	} else if (desc->type == M_RESOLVE_STOP) {
		memcpy(&stopped, body, sizeof(stopped));
		nstopped++;
	} else
		ck_abort_msg("unexpected %s", desc->name);
	return 0;
}

static void
ended(const struct setup_end *end, void *arg)
{
	dials_ended(dials, end);
}

static void
done(const uint8_t *who, const struct plan_result *r, void *arg)
{
	ck_assert_ptr_null(arg);
	result = *r;
	ndone++;
}

static void
set_net(uint32_t connect_ms, int restricted)
{
	struct m_net	 net = { .max_pending = 4, .setup_ms = 300,
	    .connect_ms = connect_ms, .restricted = (uint8_t)restricted };

	policy_set_net(policy, &net);
	setups_set_deadline(setups, net.setup_ms);
}

static void
setup(void)
{
	struct setups_conf	 sc;
	struct dials_conf	 dc;
	uint8_t			 priv[SECP_PRIV];

	full = deaf = ndials = nkeys = nresolves = nstopped = nattempts = ndone = 0;
	ck_assert_int_eq(secp_keygen(own_priv, own), 0);
	ck_assert_int_eq(secp_keygen(priv, id), 0);
	ck_assert_ptr_nonnull(base = event_base_new());
	ck_assert_ptr_nonnull(policy = policy_new());
	memset(&sc, 0, sizeof(sc));
	sc.base = base;
	sc.own = own;
	sc.send = to_parent;
	sc.ended = ended;
	ck_assert_ptr_nonnull(setups = setups_new(&sc));
	memset(&dc, 0, sizeof(dc));
	dc.base = base;
	dc.own = own;
	dc.policy = policy;
	dc.setups = setups;
	dc.send = to_parent;
	dc.done = done;
	ck_assert_ptr_nonnull(dials = dials_new(&dc));
	set_net(3000, 0);
}

static void
teardown(void)
{
	dials_free(dials);
	setups_free(setups);
	policy_free(policy);
	event_base_free(base);
}

static void
wake(int fd, short what, void *arg)
{
}

static int
turn_until(const int *flag, int ms)
{
	static const struct timeval	 tv = { 0, 2000 };
	uint64_t			 end = mono_ms() + (uint64_t)ms;

	while (!*flag && mono_ms() < end) {
		event_base_once(base, -1, EV_TIMEOUT, wake, NULL, &tv);
		event_base_loop(base, EVLOOP_ONCE);
	}
	return *flag;
}

/* A bound port of loopback; listening or refusing. */
static int
port_of(const char *ip, int listening, uint16_t *port)
{
	struct sockaddr_storage	 ss;
	struct addr		 a;
	socklen_t		 len;
	int			 fd;

	ck_assert_int_eq(addr_parse_ip(&a, ip), 0);
	a.port = *port;
	len = addr_to_sa(&a, &ss);
	ck_assert_int_ne(fd = socket(ss.ss_family, SOCK_STREAM, 0), -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&ss, len), 0);
	if (listening)
		ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	ck_assert_int_eq(addr_from_sa(&a, (struct sockaddr *)&ss), 0);
	*port = a.port;
	return fd;
}

static void
dial(const char *host, uint16_t port, uint32_t turn)
{
	struct plan_dial	 d;

	memset(&d, 0, sizeof(d));
	memcpy(d.id, id, SECP_PUB);
	strlcpy(d.host, host, sizeof(d.host));
	d.is_static = 1;
	d.tcp = port;
	d.turn = turn;
	dial_begin(dials, &d);
}

static void
resolved(uint32_t req, int n, const char *const ips[])
{
	struct m_resolved	 m;
	int			 i;

	memset(&m, 0, sizeof(m));
	m.req = req;
	m.n = (uint32_t)n;
	for (i = 0; i < n; i++)
		ck_assert_int_eq(addr_parse_ip(&m.addrs[i].addr, ips[i]), 0);
	if (n == 0)
		strlcpy(m.text, "no such name", sizeof(m.text));
	dials_resolved(dials, &m);
}

static void
check_failed(unsigned int stage, unsigned int reason, int announced)
{
	ck_assert_int_eq(ndone, 1);
	ck_assert_int_eq(nattempts, 1);
	ck_assert_int_eq(result.accepted, 0);
	ck_assert_uint_eq(result.reason, reason);
	ck_assert_uint_eq(attempt.stage, stage);
	ck_assert_uint_eq(attempt.reason, reason);
	ck_assert_uint_eq(attempt.disc_sent, DISC_NONE);
	ck_assert_uint_eq(attempt.disc_recv, DISC_NONE);
	ck_assert_int_eq(attempt.has_id, 1);
	ck_assert_mem_eq(attempt.id, id, SECP_PUB);
	ck_assert_int_eq(ndials, announced);
	ck_assert_uint_eq(attempt.conn, announced ? dial_msg.conn : 0);
	ck_assert_uint_eq(dials_count(dials), 0);
	ck_assert_uint_eq(setups_count(setups), 0);
}

START_TEST(connects)
{
	uint16_t	 port = 0;
	int		 fd = port_of("127.0.0.1", 1, &port);

	dial("127.0.0.1", port, 0);
	ck_assert_int_eq(ndials, 1);	/* before the node can know */
	ck_assert_uint_ne(dial_msg.conn, 0);
	ck_assert_uint_eq(dial_msg.remote.port, port);
	ck_assert_uint_eq(dial_msg.flags, PF_STATIC);
	ck_assert_mem_eq(dial_msg.id, id, SECP_PUB);
	ck_assert(turn_until(&nkeys, 2000));
	ck_assert_uint_eq(key.conn, dial_msg.conn);
	ck_assert_uint_eq(key.op, KEY_STATIC);
	ck_assert_mem_eq(key.point, id, SECP_PUB);
	ck_assert_int_eq(nresolves, 0);
	/* no answer: the set-up's deadline ends the dial */
	ck_assert(turn_until(&ndone, 2000));
	check_failed(ST_AUTH, REASON_PARENT_BUSY, 1);
	ck_assert_int_eq(result.reached, 1);
	close(fd);
}
END_TEST

START_TEST(refused)
{
	uint16_t	 port = 0;
	int		 fd = port_of("127.0.0.1", 0, &port);

	dial("127.0.0.1", port, 0);
	ck_assert(turn_until(&ndone, 2000));
	check_failed(ST_CONNECT, REASON_CONNECT_FAILED, 1);
	ck_assert_str_eq(attempt.detail, strerror(ECONNREFUSED));
	ck_assert_uint_eq(attempt.remote.port, port);
	ck_assert_int_eq(result.reached, 0);
	close(fd);
}
END_TEST

/* A listener whose queue is full does not answer on Linux. */
START_TEST(times_out)
{
	uint16_t	 port = 0;
	int		 fd = port_of("127.0.0.1", 0, &port), fill[8], i;
	struct addr	 a;
	struct sockaddr_storage ss;
	socklen_t	 len;

	ck_assert_int_eq(listen(fd, 0), 0);
	ck_assert_int_eq(addr_parse_ip(&a, "127.0.0.1"), 0);
	a.port = port;
	len = addr_to_sa(&a, &ss);
	for (i = 0; i < 8; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_eq(fcntl(fill[i], F_SETFL, O_NONBLOCK), 0);
		ck_assert(connect(fill[i], (struct sockaddr *)&ss, len) == 0 ||
		    errno == EINPROGRESS);
	}
	set_net(100, 0);
	dial("127.0.0.1", port, 0);
	ck_assert(turn_until(&ndone, 2000));
	check_failed(ST_CONNECT, REASON_CONNECT_TIMEOUT, 1);
	ck_assert_uint_ge(attempt.ms, 90);
	close(fd);
}
END_TEST

START_TEST(name)
{
	static const char *const	 ips[] = { "127.0.0.1" };
	uint16_t			 port = 0;
	int				 fd = port_of("127.0.0.1", 1, &port);

	dial("node.example", port, 0);
	ck_assert_int_eq(nresolves, 1);
	ck_assert_str_eq(resolve.host, "node.example");
	ck_assert_int_eq(ndials, 0);
	resolved(resolve.req + 1, 1, ips);	/* of another dial */
	ck_assert_int_eq(ndials, 0);
	resolved(resolve.req, 1, ips);
	ck_assert_int_eq(ndials, 1);
	ck_assert(turn_until(&nkeys, 2000));
	resolved(resolve.req, 1, ips);		/* twice is no harm */
	ck_assert_int_eq(nstopped, 0);
	close(fd);
}
END_TEST

START_TEST(no_such_name)
{
	dial("node.example", 1, 0);
	resolved(resolve.req, 0, NULL);
	check_failed(ST_RESOLVE, REASON_RESOLVE_FAILED, 0);
	ck_assert_str_eq(attempt.detail, "no such name");
	ck_assert_int_eq(nstopped, 0);
}
END_TEST

/* Who waits no more says so: others' names are behind it. */
START_TEST(given_up)
{
	dial("node.example", 1, 0);
	dial_cancel(dials, id, REASON_OPERATOR);
	check_failed(ST_RESOLVE, REASON_OPERATOR, 0);
	ck_assert_int_eq(nstopped, 1);
	ck_assert_uint_eq(stopped.req, resolve.req);
	ndone = nattempts = 0;
	dial("node.example", 1, 0);
	dials_stop(dials);
	check_failed(ST_RESOLVE, REASON_STOPPING, 0);
	ck_assert_int_eq(nstopped, 2);
	ck_assert_uint_eq(stopped.req, resolve.req);
	/* What was never asked is not taken back. */
	full = 1;
	ndone = nattempts = 0;
	dial("node.example", 1, 0);
	check_failed(ST_RESOLVE, REASON_PARENT_BUSY, 0);
	ck_assert_int_eq(nstopped, 2);
}
END_TEST

START_TEST(next_address)
{
	static const char *const	 ips[] = { "127.0.0.2", "::1", "127.0.0.1" };
	uint16_t			 port = 0;
	int				 fd = port_of("127.0.0.1", 1, &port);

	dial("node.example", port, 0);
	resolved(resolve.req, 3, ips);
	ck_assert(turn_until(&nkeys, 2000));
	ck_assert_int_eq(ndials, 1);	/* one dial, whatever it takes */
	ck_assert_int_eq(nattempts, 0);
	close(fd);
}
END_TEST

START_TEST(turn_decides_the_first)
{
	static const char *const	 ips[] = { "127.0.0.2", "127.0.0.1" };
	uint16_t			 port = 0;
	int				 fd = port_of("127.0.0.1", 1, &port);

	dial("node.example", port, 5);
	resolved(resolve.req, 2, ips);
	ck_assert(turn_until(&nkeys, 2000));
	ck_assert_uint_eq(dial_msg.remote.ip[3], 1);
	close(fd);
}
END_TEST

START_TEST(all_addresses_fail)
{
	static const char *const	 ips[] = { "127.0.0.2", "127.0.0.3" };
	uint16_t			 port = 0;
	int				 fd = port_of("127.0.0.1", 0, &port);

	dial("node.example", port, 0);
	resolved(resolve.req, 2, ips);
	ck_assert(turn_until(&ndone, 2000));
	check_failed(ST_CONNECT, REASON_CONNECT_FAILED, 1);
	ck_assert_uint_eq(attempt.remote.ip[3], 3);
	close(fd);
}
END_TEST

/* It is the address behind the name that counts. */
START_TEST(netrestrict)
{
	static const char *const	 ips[] = { "127.0.0.2", "127.0.0.1" };
	struct m_netrestrict		 nr;
	uint16_t			 port = 0;
	int				 fd = port_of("127.0.0.1", 1, &port);

	set_net(3000, 1);
	ck_assert_int_eq(prefix_parse(&nr.prefix, "127.0.0.1/32"), 0);
	policy_netrestrict(policy, &nr);
	dial("127.0.0.2", port, 0);
	check_failed(ST_CONNECT, REASON_NETRESTRICT, 0);
	ck_assert_uint_eq(attempt.remote.ip[3], 2);
	dial("node.example", port, 0);
	resolved(resolve.req, 2, ips);
	ck_assert(turn_until(&nkeys, 2000));
	ck_assert_uint_eq(dial_msg.remote.ip[3], 1);
	close(fd);
}
END_TEST

START_TEST(banned)
{
	struct m_ban	 ban;

	memset(&ban, 0, sizeof(ban));
	ban.add = 1;
	ck_assert_int_eq(prefix_parse(&ban.prefix, "127.0.0.0/8"), 0);
	policy_ban(policy, &ban);
	dial("127.0.0.1", 1, 0);
	check_failed(ST_CONNECT, REASON_BANNED_ADDR, 0);
	ndone = nattempts = 0;
	ban.by_id = 1;
	memcpy(ban.id, id, SECP_PUB);
	policy_ban(policy, &ban);
	dial("192.0.2.1", 1, 0);
	check_failed(ST_CONNECT, REASON_BANNED_ID, 0);
}
END_TEST

START_TEST(ourselves)
{
	memcpy(id, own, SECP_PUB);
	dial("192.0.2.1", 1, 0);
	check_failed(ST_CONNECT, REASON_SELF, 0);
}
END_TEST

START_TEST(parent_full)
{
	full = 1;
	dial("node.example", 1, 0);
	check_failed(ST_RESOLVE, REASON_PARENT_BUSY, 0);
	ndone = nattempts = 0;
	dial("127.0.0.1", 1, 0);
	check_failed(ST_CONNECT, REASON_PARENT_BUSY, 0);
}
END_TEST

/* A dial that the parent knows of is known for ever if its end is not heard. */
START_TEST(end_unheard)
{
	deaf = 1;
	dial("node.example", 1, 0);
	dial_cancel(dials, id, REASON_OPERATOR);
	ck_assert_int_eq(ndone, 1);
}
END_TEST

START_TEST(end_owed)
{
	uint16_t	 port = 0;
	int		 fd = port_of("127.0.0.1", 1, &port);

	deaf = 1;
	dial("127.0.0.1", port, 0);
	ck_assert_int_eq(ndials, 1);
	dial_cancel(dials, id, REASON_OPERATOR);
	close(fd);
}
END_TEST

START_TEST(cancel)
{
	uint16_t	 port = 0;
	int		 fd = port_of("127.0.0.1", 1, &port);

	dial_cancel(dials, id, REASON_OPERATOR);	/* none */
	dial("node.example", port, 0);
	dial_cancel(dials, id, REASON_OPERATOR);
	check_failed(ST_RESOLVE, REASON_OPERATOR, 0);
	ndone = nattempts = 0;
	dial("127.0.0.1", port, 0);
	dial_cancel(dials, id, REASON_OPERATOR);
	check_failed(ST_CONNECT, REASON_OPERATOR, 1);
	ndone = nattempts = ndials = 0;
	dial("127.0.0.1", port, 0);
	ck_assert(turn_until(&nkeys, 2000));
	dial_cancel(dials, id, REASON_OPERATOR);
	check_failed(ST_AUTH, REASON_OPERATOR, 1);
	close(fd);
}
END_TEST

START_TEST(stop)
{
	uint16_t	 port = 0;
	int		 fd = port_of("127.0.0.1", 1, &port);

	dial("127.0.0.1", port, 0);
	ck_assert(turn_until(&nkeys, 2000));
	dial("node.example", 1, 0);
	dials_stop(dials);
	setups_stop(setups);
	ck_assert_int_eq(ndone, 2);
	ck_assert_int_eq(nattempts, 2);
	ck_assert_uint_eq(attempt.reason, REASON_STOPPING);
	ck_assert_uint_eq(dials_count(dials), 0);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("dial");
	TCase		*tc = tcase_create("dial");
	SRunner		*sr;
	int		 failed;

	signal(SIGPIPE, SIG_IGN);
	if (secp_init() == -1)
		return 1;
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, connects);
	tcase_add_test(tc, refused);
#ifdef __linux__
	tcase_add_test(tc, times_out);
#endif
	tcase_add_test(tc, name);
	tcase_add_test(tc, no_such_name);
	tcase_add_test(tc, given_up);
	tcase_add_test(tc, next_address);
	tcase_add_test(tc, turn_decides_the_first);
	tcase_add_test(tc, all_addresses_fail);
	tcase_add_test(tc, netrestrict);
	tcase_add_test(tc, banned);
	tcase_add_test(tc, ourselves);
	tcase_add_test(tc, parent_full);
	tcase_add_test(tc, end_unheard);
	tcase_add_exit_test(tc, end_owed, 1);
	tcase_add_test(tc, cancel);
	tcase_add_test(tc, stop);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
