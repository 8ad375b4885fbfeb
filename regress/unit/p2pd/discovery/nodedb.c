/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/discovery/nodedb.h"

#define NOW	INT64_C(1790000000)

static char	 dir[64], file[96];

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/nodedbXXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	strlcat(dir, "/nodes", sizeof(dir));
	snprintf(file, sizeof(file), "%s/data.mdb", dir);
}

static void
teardown(void)
{
	unlink(file);
	rmdir(dir);
	*strrchr(dir, '/') = '\0';
	rmdir(dir);
}

/* The nth node, with no record, or that of a key of its own. */
static void
make(struct nodedb_node *n, uint32_t no, int64_t pong)
{
	memset(n, 0, sizeof(*n));
	memset(n->key, 0x5a, sizeof(n->key));
	memcpy(n->key, &no, sizeof(no));
	node_id(n->id, n->key);
	n->udp.af = no % 3 == 2 ? 6 : 4;
	n->udp.port = (uint16_t)(30000 + no % 1000);
	n->udp.ip[0] = 10;
	memcpy(n->udp.ip + 1, &no, n->udp.af == 4 ? 3 : 4);
	n->tcp = (uint16_t)no;
	n->seed = no % 2;
	n->pong = pong;
	n->ping = no % 5;
}

static void
make_signed(struct nodedb_node *n, uint8_t no, int64_t pong)
{
	uint8_t		 priv[SECP_PRIV];
	struct enr_build b;

	memset(priv, no, sizeof(priv));
	make(n, no, pong);
	ck_assert_int_eq(secp_pub_from_priv(n->key, priv), 0);
	node_id(n->id, n->key);
	ck_assert_int_eq(enr_build_init(&b, 7, n->key), 0);
	ck_assert_int_eq(enr_set_endpoint(&b, &n->udp, n->tcp), 0);
	ck_assert_int_eq(enr_sign(&n->record, &b, priv), 0);
}

static struct nodedb *
open_at(int64_t now)
{
	enum nodedb_err	 err;
	struct nodedb	*db = nodedb_open(dir, now, &err);

	ck_assert_msg(db != NULL, "%d: %s", err, strerror(errno));
	return db;
}

static void
same(const struct nodedb_node *a, const struct nodedb_node *b)
{
	ck_assert_mem_eq(a->id, b->id, sizeof(a->id));
	ck_assert_mem_eq(a->key, b->key, sizeof(a->key));
	ck_assert_int_eq(addr_cmp(&a->udp, &b->udp), 0);
	ck_assert_uint_eq(a->tcp, b->tcp);
	ck_assert_uint_eq(a->seed, b->seed);
	ck_assert_int_eq(a->pong, b->pong);
	ck_assert_int_eq(a->ping, b->ping);
	ck_assert(enr_equal(&a->record, &b->record));
}

START_TEST(values)
{
	struct nodedb_node	 n, m;
	uint8_t			 key[NODEDB_KEY], val[NODEDB_VALUE];
	size_t			 len, i;

	make_signed(&n, (uint8_t)(_i + 1), NOW);
	if (_i % 2)
		memset(&n.record, 0, sizeof(n.record));
	len = nodedb_encode(&n, key, val);
	ck_assert_int_eq(nodedb_decode(&m, key, sizeof(key), val, len), 0);
	same(&n, &m);
	for (i = 0; i < len; i++)
		ck_assert_int_eq(nodedb_decode(&m, key, sizeof(key), val, i), -1);
	for (i = 0; i < sizeof(key); i++)
		ck_assert_int_eq(nodedb_decode(&m, key, i, val, len), -1);
	for (i = 0; i < sizeof(key); i++) {
		key[i] ^= 0x10;
		ck_assert_int_eq(nodedb_decode(&m, key, sizeof(key), val, len),
		    -1);
		key[i] ^= 0x10;
	}
	/* The key of the node is what its id is made of. */
	for (i = 0; i < 2 + SECP_PUB; i++) {
		val[i] ^= 0x80;
		ck_assert_int_eq(nodedb_decode(&m, key, sizeof(key), val, len),
		    -1);
		val[i] ^= 0x80;
	}
	/* As is the key of its record. */
	make_signed(&m, (uint8_t)(_i + 2), NOW);
	n.record = m.record;
	len = nodedb_encode(&n, key, val);
	ck_assert_int_eq(nodedb_decode(&m, key, sizeof(key), val, len), -1);
}
END_TEST

struct told {
	size_t	 n;
	int64_t	 last;
};

static void
tell(const struct nodedb_proof *n, void *arg)
{
	struct told	*t = arg;

	ck_assert_int_ge(n->pong, t->last);
	t->last = n->pong;
	t->n++;
}

START_TEST(keeps)
{
	struct nodedb_node	 n, m;
	struct nodedb_stats	 st;
	struct nodedb		*db = open_at(NOW);
	struct told		 t = { 0, 0 };
	struct stat		 sb;
	uint32_t		 i;
	int			 found;

	ck_assert_int_eq(stat(dir, &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(file, &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 0777, 0600);
	for (i = 0; i < 1000; i++) {
		make(&n, i, NOW - (i * 7919) % 1000);
		ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	}
	make_signed(&n, 9, NOW);
	ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	nodedb_stats(db, &st);
	ck_assert_uint_eq(st.nodes, 1001);
	nodedb_close(db);

	db = open_at(NOW);
	nodedb_stats(db, &st);
	ck_assert_uint_eq(st.nodes, 1001);
	ck_assert_uint_gt(st.bytes, 100000);
	nodedb_proofs(db, tell, &t);
	ck_assert_uint_eq(t.n, 1001);
	ck_assert_int_eq(nodedb_find(db, n.id, &m, &found), NODEDB_OK);
	ck_assert_int_eq(found, 1);
	same(&n, &m);
	n.id[0] ^= 1;
	ck_assert_int_eq(nodedb_find(db, n.id, &m, &found), NODEDB_OK);
	ck_assert_int_eq(found, 0);
	nodedb_close(db);
}
END_TEST

START_TEST(expires)
{
	struct nodedb_node	 n;
	struct nodedb_stats	 st;
	struct nodedb		*db = open_at(NOW);
	size_t			 gone;
	uint32_t		 i;

	/* One an hour. */
	for (i = 0; i < 100; i++) {
		make(&n, i, NOW - 3600 * (int64_t)i);
		ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	}
	ck_assert_int_eq(nodedb_expire(db, NOW - NODEDB_EXPIRY, &gone),
	    NODEDB_OK);
	ck_assert_uint_eq(gone, 75);
	nodedb_close(db);
	/* Closed for a long time: seeds stay longer than that. */
	db = open_at(NOW + NODEDB_SEED_AGE - 10 * 3600);
	nodedb_stats(db, &st);
	ck_assert_uint_eq(st.nodes, 11);
	nodedb_close(db);
	db = open_at(NOW + NODEDB_SEED_AGE + 1);
	nodedb_stats(db, &st);
	ck_assert_uint_eq(st.nodes, 0);
	nodedb_close(db);
}
END_TEST

START_TEST(seeds)
{
	struct nodedb_node	 n, v[30];
	struct nodedb		*db = open_at(NOW);
	size_t			 i, j, got;
	uint32_t		 no;

	ck_assert_int_eq(nodedb_seeds(db, 0, v, 30, &got), NODEDB_OK);
	ck_assert_uint_eq(got, 0);
	/* One that is no seed yet is better than nobody, and no more. */
	make(&n, 2, NOW);
	ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	ck_assert_int_eq(nodedb_seeds(db, NOW - 50, v, 30, &got), NODEDB_OK);
	ck_assert_uint_eq(got, 1);
	for (no = 0; no < 500; no++) {
		make(&n, no, NOW - (no % 4 == 1 ? 100 : 0));
		ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	}
	ck_assert_int_eq(nodedb_seeds(db, NOW - 50, v, 30, &got), NODEDB_OK);
	ck_assert_uint_ge(got, 10);
	for (i = 0; i < got; i++) {
		ck_assert_int_eq(v[i].seed, 1);
		ck_assert_int_eq(v[i].pong, NOW);
		for (j = 0; j < i; j++)
			ck_assert_mem_ne(v[i].id, v[j].id, NODE_ID);
	}
	nodedb_close(db);
}
END_TEST

/*
 * Anybody can make nodes without number that are proven: they neither keep
 * seeds out nor hide them.
 */
START_TEST(crowd)
{
	struct nodedb_node	 n, v[30];
	struct nodedb_stats	 st;
	struct nodedb		*db = open_at(NOW);
	size_t			 i, got;
	uint32_t		 no;

	for (no = 0; no < NODEDB_CASUAL + 100; no++) {
		make(&n, no, NOW);
		n.seed = 0;
		ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	}
	nodedb_stats(db, &st);
	ck_assert_uint_eq(st.nodes, NODEDB_CASUAL);
	for (; no < NODEDB_CASUAL + 600; no++) {
		make(&n, no, NOW);
		n.seed = 1;
		ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	}
	ck_assert_int_eq(nodedb_seeds(db, 0, v, 30, &got), NODEDB_OK);
	ck_assert_uint_ge(got, 20);
	for (i = 0; i < got; i++)
		ck_assert_int_eq(v[i].seed, 1);
	nodedb_close(db);
}
END_TEST

/* Whose proof had to make room makes room here, once there is little. */
START_TEST(makes_room)
{
	struct nodedb_node	 n;
	struct nodedb_stats	 st;
	struct nodedb		*db = open_at(NOW);
	uint32_t		 no;
	int			 found;

	make(&n, 7, NOW);
	n.seed = 0;
	ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	ck_assert_int_eq(nodedb_forget(db, n.id, &n.udp), NODEDB_OK);
	ck_assert_int_eq(nodedb_find(db, n.id, &n, &found), NODEDB_OK);
	ck_assert_int_eq(found, 1);
	for (no = 0; no < NODEDB_ROOMY; no++) {
		make(&n, no, NOW);
		n.seed = no == 9;
		ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	}
	nodedb_stats(db, &st);
	ck_assert_uint_eq(st.nodes, NODEDB_ROOMY);
	/* Not a seed, nor what is known at another address, or not at all. */
	make(&n, 9, NOW);
	ck_assert_int_eq(nodedb_forget(db, n.id, &n.udp), NODEDB_OK);
	make(&n, NODEDB_ROOMY, NOW);
	ck_assert_int_eq(nodedb_forget(db, n.id, &n.udp), NODEDB_OK);
	make(&n, 7, NOW);
	n.udp.ip[3]++;
	ck_assert_int_eq(nodedb_forget(db, n.id, &n.udp), NODEDB_OK);
	nodedb_stats(db, &st);
	ck_assert_uint_eq(st.nodes, NODEDB_ROOMY);
	n.udp.ip[3]--;
	n.udp.port++;
	ck_assert_int_eq(nodedb_forget(db, n.id, &n.udp), NODEDB_OK);
	nodedb_stats(db, &st);
	ck_assert_uint_eq(st.nodes, NODEDB_ROOMY - 1);
	ck_assert_int_eq(nodedb_find(db, n.id, &n, &found), NODEDB_OK);
	ck_assert_int_eq(found, 0);
	nodedb_close(db);
}
END_TEST

/* After a restart a seed is one before it has been checked often again. */
START_TEST(stays_seed)
{
	struct nodedb_node	 n, m;
	struct nodedb		*db = open_at(NOW);
	int			 found;

	make(&n, (uint32_t)_i + 1, NOW);
	n.seed = 1;
	ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	n.seed = 0;
	n.pong++;
	ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	ck_assert_int_eq(nodedb_find(db, n.id, &m, &found), NODEDB_OK);
	ck_assert_int_eq(found, 1);
	ck_assert_int_eq(m.seed, 1);
	ck_assert_int_eq(m.pong, NOW + 1);
	/* Elsewhere it begins anew. */
	n.udp.ip[n.udp.af == 4 ? 3 : 15] ^= 1;
	ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	ck_assert_int_eq(nodedb_find(db, n.id, &m, &found), NODEDB_OK);
	ck_assert_int_eq(m.seed, 0);
	nodedb_close(db);
}
END_TEST

/* Commits rounds of 20 that belong together, until it is killed. */
static void
writer(uint32_t from, int out)
{
	struct nodedb_node	 n;
	struct nodedb		*db = open_at(NOW);
	uint32_t		 i, round;

	for (round = from;; round++) {
		for (i = 0; i < 20; i++) {
			make(&n, 1000 + i, NOW + round);
			if (nodedb_put(db, &n) != NODEDB_OK)
				_exit(2);
		}
		if (nodedb_commit(db) != NODEDB_OK ||
		    (round % 16 == 0 && nodedb_sync(db) != NODEDB_OK) ||
		    write(out, &round, sizeof(round)) != sizeof(round))
			_exit(3);
	}
}

struct rounds {
	size_t	 n;
	int64_t	 first;
	int	 mixed;
};

static void
look(const struct nodedb_proof *n, void *arg)
{
	struct rounds	*r = arg;

	if (r->n++ == 0)
		r->first = n->pong;
	r->mixed |= n->pong != r->first;
}

/* Killed at any moment: what was committed is there, and only whole rounds. */
START_TEST(killed)
{
	uint32_t	 last = 0, r;
	struct rounds	 seen;
	struct nodedb	*db;
	int		 i, p[2], status;
	pid_t		 pid;

	for (i = 0; i < 40; i++) {
		ck_assert_int_eq(pipe(p), 0);
		ck_assert_int_ge(pid = fork(), 0);
		if (pid == 0)
			writer(last + 1, p[1]);
		close(p[1]);
		/* At a round of its own each time, and within it. */
		for (r = 0; r < (uint32_t)(i % 7) * 3 + 1; r++)
			ck_assert_int_eq(read(p[0], &last, sizeof(last)),
			    sizeof(last));
		usleep((useconds_t)(i * 37 % 400));
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSIGNALED(status), "writer: %d", status);
		while (read(p[0], &r, sizeof(r)) == sizeof(r))
			last = r;
		close(p[0]);
		db = open_at(NOW);
		memset(&seen, 0, sizeof(seen));
		nodedb_proofs(db, look, &seen);
		ck_assert_uint_eq(seen.n, 20);
		ck_assert_int_eq(seen.mixed, 0);
		ck_assert_int_ge(seen.first, NOW + last);
		last = (uint32_t)(seen.first - NOW);
		nodedb_close(db);
	}
}
END_TEST

/* What became of opening and using the file, in a process of its own. */
static int
try_file(void)
{
	struct nodedb_node	 n, v[30];
	enum nodedb_err		 err;
	struct nodedb		*db;
	size_t			 got;
	int			 status;
	pid_t			 pid;

	ck_assert_int_ge(pid = fork(), 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		if ((db = nodedb_open(dir, NOW, &err)) == NULL)
			_exit(err == NODEDB_CORRUPT ? NODEDB_EXIT_CORRUPT : 7);
		make(&n, 5, NOW + 5);
		if ((err = nodedb_put(db, &n)) == NODEDB_OK &&
		    (err = nodedb_sync(db)) == NODEDB_OK)
			err = nodedb_seeds(db, 0, v, 30, &got);
		_exit(err == NODEDB_OK ? 0 : err == NODEDB_CORRUPT ?
		    NODEDB_EXIT_CORRUPT : 8);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* Damaged, it is used, or found out; a signal is what the parent reads, too. */
START_TEST(damaged)
{
	static uint8_t	 whole[1 << 20], bad[1 << 20];
	struct nodedb	*db = open_at(NOW);
	struct nodedb_node n;
	unsigned int	 found = 0;
	ssize_t		 len;
	uint32_t	 i;
	int		 fd, status, code;

	for (i = 0; i < 300; i++) {
		make(&n, i, NOW);
		ck_assert_int_eq(nodedb_put(db, &n), NODEDB_OK);
	}
	nodedb_close(db);
	ck_assert_int_ne(fd = open(file, O_RDWR), -1);
	ck_assert_int_gt(len = read(fd, whole, sizeof(whole)), 8192);
	for (i = 0; i < 60; i++) {
		memcpy(bad, whole, (size_t)len);
		if (i < 20)	/* rubbish over a part */
			memset(bad + (size_t)len * i / 20, (int)(i * 31 + 0x81),
			    i % 3 == 0 ? 4096 : 64);
		else if (i < 40)	/* a bit */
			bad[(size_t)len / 20 * (i - 20) + i] ^= 1 << i % 8;
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		/* and cut short */
		ck_assert_int_gt(pwrite(fd, bad, i < 40 ? (size_t)len :
		    (size_t)len * (i - 40) / 20 + 1, 0), 0);
		status = try_file();
		code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
		ck_assert_msg(WIFSIGNALED(status) || code == 0 ||
		    code == NODEDB_EXIT_CORRUPT, "damage %u: status %d", i,
		    code);
		found += WIFSIGNALED(status) || code == NODEDB_EXIT_CORRUPT;
	}
	close(fd);
	ck_assert_uint_gt(found, 20);
	/* An empty file and one of something else. */
	ck_assert_int_eq(truncate(file, 0), 0);
	ck_assert_int_eq(try_file(), 0);
	ck_assert_int_ne(fd = open(file, O_WRONLY | O_TRUNC), -1);
	ck_assert_int_eq(write(fd, "p2pd-state 1\n", 13), 13);
	close(fd);
	status = try_file();
	ck_assert(WIFEXITED(status) &&
	    WEXITSTATUS(status) == NODEDB_EXIT_CORRUPT);
}
END_TEST

/* No directory to be made, no file to be opened: it says so, with errno. */
START_TEST(barred)
{
	enum nodedb_err	 err;
	int		 fd;

	ck_assert_ptr_null(nodedb_open("/proc/none/nodes", NOW, &err));
	ck_assert_int_eq(err, NODEDB_FAILED);
	ck_assert_int_ne(errno, 0);
	ck_assert_int_ne(fd = open(dir, O_WRONLY | O_CREAT, 0600), -1);
	close(fd);
	ck_assert_ptr_null(nodedb_open(dir, NOW, &err));
	ck_assert_int_eq(err, NODEDB_FAILED);
	ck_assert_int_eq(errno, ENOTDIR);
	unlink(dir);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("nodedb");
	TCase	*tc = tcase_create("nodedb");
	SRunner	*sr;
	int	 failed;

	if (secp_init() == -1)
		return 1;
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, values, 0, 6);
	tcase_add_test(tc, keeps);
	tcase_add_test(tc, expires);
	tcase_add_test(tc, seeds);
	tcase_add_test(tc, crowd);
	tcase_add_test(tc, makes_room);
	tcase_add_loop_test(tc, stays_seed, 0, 2);
	tcase_add_test(tc, killed);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, barred);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
