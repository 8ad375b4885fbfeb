/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/imsg.h"
#include "p2pd/parent/parent.h"

/*
 * The start: the parent's own, and what a fresh child is told. The parent
 * starts it, and the test is at the other end of its channel.
 */
static struct imsgbuf	 far;
static int		 started;	/* dialers */
static pid_t		 idle;		/* stands for all of them */

static int		 few;		/* files, once a child is started */
static int		 nomem;		/* for messages, and for a page */

struct ibuf *__real_imsg_create(struct imsgbuf *, uint32_t, uint32_t, pid_t,
	    size_t);
struct ibuf *__wrap_imsg_create(struct imsgbuf *, uint32_t, uint32_t, pid_t,
	    size_t);

struct ibuf *
__wrap_imsg_create(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid,
    size_t len)
{
	if (nomem) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_imsg_create(ib, type, id, pid, len);
}

/* What the linker knows it as, where the header has two. */
#ifdef _FILE_OFFSET_BITS
#define __real_mmap	__real_mmap64
#define __wrap_mmap	__wrap_mmap64
#endif
void	*__real_mmap(void *, size_t, int, int, int, off_t);
void	*__wrap_mmap(void *, size_t, int, int, int, off_t);

void *
__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	if (nomem) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return __real_mmap(addr, len, prot, flags, fd, off);
}

/* How many may be open from now on; those that are stay. */
static void
files(rlim_t n)
{
	struct rlimit	 rl;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = n < rl.rlim_max ? n : rl.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
}

pid_t	 __wrap_proc_spawn(int, const char *, unsigned int, char *const [],
	    int *);

pid_t
__wrap_proc_spawn(int binfd, const char *name, unsigned int instance,
    char *const extra[], int *chanfd)
{
	int		 sv[2];

	if (few)
		files(RLIM_INFINITY);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    sv), 0);
	*chanfd = sv[0];
	if (few)
		files(3);
	if (strcmp(name, "dialer") == 0) {
		imsgbuf_init(&far, sv[1]);
		imsgbuf_allow_fdpass(&far);
		started++;
	}
	return idle;
}

static void
setup(void)
{
	parent.base = event_base_new();
	parent.conf = conf_new();
	ck_assert_ptr_nonnull(parent.conf);
	parent.conf->discovery_v4 = 0;
	memset(parent.id, 7, sizeof(parent.id));
	peers_init(&parent.peers);
	nodes_init(&parent.nodes);
	bans_init(&parent.bans);
	ck_assert_int_eq(apps_init(&parent.apps, "p2pd/test", parent.id), 0);
	balance_init();
	state_init();
	attach_init();
	resolve_init();
	children_init();
	if ((idle = fork()) == 0) {
		pause();
		_exit(0);
	}
	ck_assert_int_gt(idle, 0);
}

static void
teardown(void)
{
	kill(idle, SIGKILL);
	/* A sanitizer's last look opens some. */
	files(RLIM_INFINITY);
}

/* As many of all as there may be. */
static void
fill(void)
{
	struct enode	 en;
	struct ban	 b;
	struct peer	*p;
	uint32_t	 i;

	memset(&en, 0, sizeof(en));
	memset(&b, 0, sizeof(b));
	memset(en.host, 'h', sizeof(en.host) - 1);
	en.tcp = en.udp = 30303;
	for (i = 0; i < NODES_MAX; i++) {
		memcpy(en.id, &i, sizeof(i));
		ck_assert_ptr_nonnull(nodes_set(&parent.nodes, &en,
		    NODE_STATIC, 0));
	}
	b.by_id = 1;
	for (i = 0; i < BANS_MAX; i++) {
		memcpy(b.id, &i, sizeof(i));
		ck_assert_ptr_nonnull(bans_add(&parent.bans, &b));
	}
	parent.conf->max_peers = CONF_PEERS_MAX;
	for (i = 0; i < CONF_PEERS_MAX; i++) {
		ck_assert_ptr_nonnull(p = calloc(1, sizeof(*p)));
		p->handle = ++parent.next_handle;
		memcpy(p->id, &i, sizeof(i));
		ck_assert_int_eq(peers_insert(&parent.peers, p), 0);
	}
}

START_TEST(all_that_there_may_be)
{
	static uint32_t	 got[M_QUERY + 1];
	struct child	*c = child_first(PROC_DIALER);
	uint64_t	 end = mono_ms() + 120000;
	struct imsg	 m;
	struct ban	*b;
	uint32_t	 type;

	fill();
	children_start();
	while (started == 0 && mono_ms() < end)
		event_base_loop(parent.base, EVLOOP_ONCE);
	ck_assert_int_eq(started, 1);
	ck_assert_ptr_null(c->bad);
	ck_assert_ptr_nonnull(c->ch);
	/* What changes before it has heard all of it comes behind that. */
	b = RB_MIN(ban_tree, &parent.bans.tree);
	childconf_ban(b, 0);
	while (got[M_BAN] <= BANS_MAX && mono_ms() < end) {
		event_base_loop(parent.base, EVLOOP_NONBLOCK);
		ck_assert_int_eq(imsgbuf_read(&far), 1);
		while (imsgbuf_get(&far, &m) == 1) {
			type = imsg_get_type(&m);
			ck_assert_uint_le(type, M_QUERY);
			got[type]++;
			if (type == M_START)
				ck_assert_uint_eq(got[M_BAN], BANS_MAX);
			imsg_free(&m);
		}
	}
	ck_assert_uint_eq(got[M_INIT], 1);
	ck_assert_uint_eq(got[M_BAN], BANS_MAX + 1);
	ck_assert_uint_eq(got[M_STATIC], NODES_MAX);
	ck_assert_uint_eq(got[M_CONNECTED], CONF_PEERS_MAX);
	ck_assert_uint_eq(got[M_START], 1);
	ck_assert_ptr_null(c->bad);
}
END_TEST

/* Time is up: it is looked at whether the dialer, which is not ready, reads. */
static void
time_is_up(struct child *c)
{
	event_active(c->timer, EV_TIMEOUT, 1);
	event_base_loop(parent.base, EVLOOP_NONBLOCK);
}

/* On a slow machine it takes its time to hear all, until it reads no more. */
START_TEST(reads_slowly)
{
	struct child	*c = child_first(PROC_DIALER);
	uint64_t	 end = mono_ms() + 120000;
	struct imsg	 m;
	size_t		 left;

	if (_i == 0)
		fill();
	children_start();
	while (started == 0 && mono_ms() < end)
		event_base_loop(parent.base, EVLOOP_ONCE);
	ck_assert_int_eq(started, 1);
	if (_i == 0) {
		left = channel_queued(c->ch) / 2;
		while (channel_queued(c->ch) > left && mono_ms() < end) {
			event_base_loop(parent.base, EVLOOP_NONBLOCK);
			ck_assert_int_eq(imsgbuf_read(&far), 1);
			while (imsgbuf_get(&far, &m) == 1)
				imsg_free(&m);
		}
		time_is_up(c);
		ck_assert_ptr_null(c->bad);
		ck_assert_int_eq(evtimer_pending(c->timer, NULL), EV_TIMEOUT);
	}
	time_is_up(c);
	ck_assert_str_eq(c->bad, "not ready in time");
	ck_assert_ptr_null(c->ch);
}
END_TEST

/* One that does not read what comes later is ended as ever. */
START_TEST(not_read)
{
	struct child	*c = child_first(PROC_DIALER);
	uint64_t	 end = mono_ms() + 120000;
	struct ban	 b;
	uint32_t	 i;

	memset(&b, 0, sizeof(b));
	b.by_id = 1;
	children_start();
	while (started == 0 && mono_ms() < end)
		event_base_loop(parent.base, EVLOOP_ONCE);
	for (i = 0; i < 400000 && c->bad == NULL; i++)
		childconf_ban(&b, 1);
	ck_assert_ptr_nonnull(c->bad);
	ck_assert_ptr_null(c->ch);
}
END_TEST

/* A listener that has no socket would be there, and nobody would come in. */
START_TEST(no_socket)
{
	struct child		*c = child_first(PROC_LISTENER);
	struct conf_listen	*l = calloc(1, sizeof(*l));

	ck_assert_ptr_nonnull(l);
	(void)addr_parse_ip(&l->addr, "127.0.0.1");
	TAILQ_INSERT_TAIL(&parent.conf->listens, l, entry);
	parent.conf->ctl.path[0] = parent.conf->ctl_ro.path[0] =
	    parent.conf->app.path[0] = '\0';
	ck_assert_int_eq(sockets_open(), 0);
	few = 1;
	children_start();
	ck_assert_ptr_nonnull(c->bad);
	ck_assert_ptr_null(c->ch);
}
END_TEST

/* One that could not be told of a ban does not go on without it. */
START_TEST(no_memory)
{
	struct child	*c = child_first(PROC_LISTENER);
	struct ban	 b;

	memset(&b, 0, sizeof(b));
	b.prefix.af = 4;
	children_start();
	ck_assert_ptr_null(c->bad);
	nomem = 1;
	childconf_ban(&b, 1);
	nomem = 0;
	ck_assert_ptr_nonnull(c->bad);
}
END_TEST

/*
 * Names that hang cost the others no more than the time that they hang: the
 * resolver is there again as if it had done nothing. Others are not.
 */
START_TEST(hangs_are_forgiven)
{
	static const enum proc_kind	 kinds[] = { PROC_RESOLVER, PROC_DIALER };
	struct child			*c = child_first(kinds[_i]);

	children_start();
	while (c->state != CH_STARTING)
		event_base_loop(parent.base, EVLOOP_ONCE);
	c->state = CH_READY;
	c->since_ms = mono_ms() - 5000;		/* as long as it may hang */
	c->backoff_ms = 8000;
	c->pid = 0;
	child_kill(c, "hangs");
	while (c->state == CH_READY)
		event_base_loop(parent.base, EVLOOP_ONCE);
	ck_assert_uint_eq(c->backoff_ms, _i == 0 ? 50 : 16000);
}
END_TEST

/* Without memory for the key there is none to wipe either. */
START_TEST(no_room_for_the_key)
{
	uint8_t	 pub[SECP_PUB];

	nomem = 1;
	ck_assert_int_eq(key_load("/nowhere/nodekey", pub), -1);
	key_wipe();
	nomem = 0;
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/start");
	TCase	*tc = tcase_create("start");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 150);
	tcase_add_test(tc, all_that_there_may_be);
	tcase_add_loop_test(tc, reads_slowly, 0, 2);
	tcase_add_test(tc, not_read);
	tcase_add_test(tc, no_socket);
	tcase_add_test(tc, no_memory);
	tcase_add_loop_test(tc, hangs_are_forgiven, 0, 2);
	tcase_add_test(tc, no_room_for_the_key);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
