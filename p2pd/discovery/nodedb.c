/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "p2pd/discovery/nodedb.h"

/*
 * No WRITEMAP: on a full disk that is SIGBUS, and a stray write of ours would
 * be the file's. No lock file: the parent's lock on the data directory holds
 * for this one, too. No sync at commit, but in order: nodedb_sync().
 */
#define MAP_SIZE	(UINT64_C(256) << 20)
#define OPEN_FLAGS	(MDB_NOSYNC | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD)

#define SEED_TRIES	200		/* looks for each seed that is wanted */

static const char	format_key[] = "format";

/* Sorted at the end: the walk is in the order of the keys. */
struct proofs {
	struct nodedb_proof	*v;
	size_t			 n, size;
};

struct nodedb {
	MDB_env			*env;
	MDB_dbi			 dbi;
	MDB_txn			*txn;		/* what was put since the commit */
	int			 off;		/* it has failed for good */
	struct proofs		 proofs;	/* found as it was opened */
	struct nodedb_stats	 stats;
};

static void
txn_end(struct nodedb *db)
{
	if (db->txn != NULL)
		mdb_txn_abort(db->txn);
	db->txn = NULL;
}

/* The library found the file's pages in contradiction, and would abort(). */
static void
assert_failed(MDB_env *env, const char *msg)
{
	log_warnx("node database: %s", msg);
	_exit(NODEDB_EXIT_CORRUPT);
}

static enum nodedb_err
result(struct nodedb *db, int rc)
{
	switch (rc) {
	case 0:
		return NODEDB_OK;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_VALSIZE:
	case MDB_BAD_DBI:
	case MDB_CURSOR_FULL:
		txn_end(db);
		return NODEDB_CORRUPT;
	case MDB_PANIC:
		/* A write went wrong half way: nothing more until a restart. */
		db->off = 1;
		break;
	}
	txn_end(db);
	db->stats.failures++;
	db->stats.last_errno = errno = rc > 0 ? rc :
	    rc == MDB_MAP_FULL || rc == MDB_TXN_FULL ? ENOSPC : EIO;
	return NODEDB_FAILED;
}

static enum nodedb_err
txn_begin(struct nodedb *db)
{
	if (db->off) {
		errno = EIO;
		return NODEDB_FAILED;
	}
	if (db->txn != NULL)
		return NODEDB_OK;
	return result(db, mdb_txn_begin(db->env, NULL, 0, &db->txn));
}

enum nodedb_err
nodedb_commit(struct nodedb *db)
{
	MDB_txn	*txn = db->txn;

	if (txn == NULL)
		return NODEDB_OK;
	db->txn = NULL;		/* whatever comes of it */
	db->stats.commits++;
	return result(db, mdb_txn_commit(txn));
}

enum nodedb_err
nodedb_sync(struct nodedb *db)
{
	enum nodedb_err	 err;

	if ((err = nodedb_commit(db)) != NODEDB_OK || db->off)
		return err;
	return result(db, mdb_env_sync(db->env, 1));
}

/* A walk over all pairs but that of the format. fn: 1 delete, 0 go on, -1 stop. */
static enum nodedb_err
walk(struct nodedb *db, int (*fn)(const struct nodedb_node *, void *), void *arg)
{
	struct nodedb_node	 n;
	enum nodedb_err		 err;
	MDB_cursor		*cur;
	MDB_val			 k, v;
	int			 rc, what = 0;

	if ((err = txn_begin(db)) != NODEDB_OK)
		return err;
	if ((rc = mdb_cursor_open(db->txn, db->dbi, &cur)) != 0)
		return result(db, rc);
	while (what != -1 && (rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0) {
		if (k.mv_size == sizeof(format_key) - 1)
			continue;
		if (nodedb_decode(&n, k.mv_data, k.mv_size, v.mv_data,
		    v.mv_size) == -1) {
			rc = MDB_CORRUPTED;
			break;
		}
		what = fn(&n, arg);
		if (what == 1 && (rc = mdb_cursor_del(cur, 0)) != 0)
			break;
	}
	mdb_cursor_close(cur);
	return rc == 0 || rc == MDB_NOTFOUND ? NODEDB_OK : result(db, rc);
}

struct expiry {
	int64_t	 before;
	size_t	 n;
};

static int
expire_one(const struct nodedb_node *n, void *arg)
{
	struct expiry	*e = arg;

	if (n->pong >= e->before)
		return 0;
	e->n++;
	return 1;
}

enum nodedb_err
nodedb_expire(struct nodedb *db, int64_t before, size_t *n)
{
	struct expiry	 e = { before, 0 };
	enum nodedb_err	 err;

	if ((err = walk(db, expire_one, &e)) == NODEDB_OK)
		err = nodedb_commit(db);
	*n = err == NODEDB_OK ? e.n : 0;
	return err;
}

/* The file says what it is, or becomes what it says. */
static int
format_check(struct nodedb *db)
{
	uint8_t	 format = NODEDB_FORMAT;
	MDB_val	 k, v;
	MDB_stat st;
	int	 rc;

	k.mv_data = (void *)(uintptr_t)format_key;
	k.mv_size = sizeof(format_key) - 1;
	rc = mdb_get(db->txn, db->dbi, &k, &v);
	if (rc == 0)
		return v.mv_size == 1 && *(uint8_t *)v.mv_data == format ? 0 :
		    MDB_VERSION_MISMATCH;
	if (rc != MDB_NOTFOUND || (rc = mdb_stat(db->txn, db->dbi, &st)) != 0)
		return rc;
	if (st.ms_entries != 0)
		return MDB_CORRUPTED;
	v.mv_data = &format;
	v.mv_size = 1;
	return mdb_put(db->txn, db->dbi, &k, &v, 0);
}

static enum nodedb_err
open_env(struct nodedb *db, const char *dir)
{
	int	 rc;

	if ((rc = mdb_env_create(&db->env)) != 0)
		return result(db, rc);
	(void)mdb_env_set_assert(db->env, assert_failed);
	if ((rc = mdb_env_set_mapsize(db->env, MAP_SIZE)) != 0 ||
	    (rc = mdb_env_open(db->env, dir, OPEN_FLAGS, 0600)) != 0 ||
	    (rc = mdb_txn_begin(db->env, NULL, 0, &db->txn)) != 0 ||
	    (rc = mdb_dbi_open(db->txn, NULL, 0, &db->dbi)) != 0 ||
	    (rc = format_check(db)) != 0)
		return result(db, rc);
	return nodedb_commit(db);
}

static enum nodedb_err
count(struct nodedb *db)
{
	enum nodedb_err	 err;
	MDB_stat	 st;

	if ((err = txn_begin(db)) != NODEDB_OK ||
	    (err = result(db, mdb_stat(db->txn, db->dbi, &st))) != NODEDB_OK)
		return err;
	db->stats.nodes = st.ms_entries - 1;
	return NODEDB_OK;
}

static int
dir_make(const char *dir)
{
	struct stat	 st;

	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		return -1;
	if (lstat(dir, &st) == -1)
		return -1;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	return 0;
}

static int
proof_add(struct proofs *l, const struct nodedb_node *n)
{
	struct nodedb_proof	*v;
	size_t			 size;

	if (l->n == l->size) {
		size = l->size == 0 ? 256 : l->size * 2;
		if ((v = reallocarray(l->v, size, sizeof(*v))) == NULL)
			return -1;
		l->v = v;
		l->size = size;
	}
	v = &l->v[l->n++];
	memcpy(v->id, n->id, sizeof(v->id));
	v->udp = n->udp;
	v->pong = n->pong;
	v->ping = n->ping;
	return 0;
}

struct reading {
	struct proofs	*proofs;
	int64_t		 before;	/* whose pong is older, is forgotten */
	int		 failed;
};

static int
read_one(const struct nodedb_node *n, void *arg)
{
	struct reading	*r = arg;

	if (n->pong < r->before)
		return 1;
	r->failed = proof_add(r->proofs, n) == -1;
	return r->failed ? -1 : 0;
}

/* Every page in use, once. */
static enum nodedb_err
read_through(struct nodedb *db, int64_t before)
{
	struct reading	 r = { &db->proofs, before, 0 };
	enum nodedb_err	 err;

	if ((err = walk(db, read_one, &r)) == NODEDB_OK && r.failed) {
		errno = ENOMEM;
		err = NODEDB_FAILED;
	}
	return err == NODEDB_OK ? nodedb_commit(db) : err;
}

static int
pong_cmp(const void *a, const void *b)
{
	const struct nodedb_proof	*x = a, *y = b;

	return x->pong < y->pong ? -1 : x->pong > y->pong;
}

void
nodedb_proofs(struct nodedb *db, void (*fn)(const struct nodedb_proof *, void *),
    void *arg)
{
	struct proofs	*l = &db->proofs;
	size_t		 i;

	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), pong_cmp);
	for (i = 0; i < l->n; i++)
		fn(&l->v[i], arg);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

struct nodedb *
nodedb_open(const char *dir, int64_t now, enum nodedb_err *err)
{
	struct nodedb	*db;
	int		 saved;

	*err = NODEDB_FAILED;
	if ((db = calloc(1, sizeof(*db))) == NULL || dir_make(dir) == -1) {
		free(db);
		return NULL;
	}
	if ((*err = open_env(db, dir)) == NODEDB_OK &&
	    (*err = read_through(db, now - NODEDB_SEED_AGE)) == NODEDB_OK &&
	    (*err = count(db)) == NODEDB_OK)
		return db;
	saved = errno;
	txn_end(db);
	if (db->env != NULL)
		mdb_env_close(db->env);
	free(db->proofs.v);
	free(db);
	errno = saved;
	return NULL;
}

void
nodedb_close(struct nodedb *db)
{
	if (db == NULL)
		return;
	(void)nodedb_sync(db);
	txn_end(db);
	mdb_env_close(db->env);
	free(db->proofs.v);
	free(db);
}

enum nodedb_err
nodedb_put(struct nodedb *db, const struct nodedb_node *n)
{
	uint8_t		 key[NODEDB_KEY], val[NODEDB_VALUE];
	uint64_t	 room = n->seed ? NODEDB_NODES : NODEDB_CASUAL;
	enum nodedb_err	 err;
	MDB_val		 k, v, old;
	int		 rc;

	if ((err = txn_begin(db)) != NODEDB_OK)
		return err;
	k.mv_data = key;
	k.mv_size = sizeof(key);
	v.mv_size = nodedb_encode(n, key, val);
	v.mv_data = val;
	rc = mdb_get(db->txn, db->dbi, &k, &old);
	/* Full of others: who is known already stays so. */
	if (rc == MDB_NOTFOUND && db->stats.nodes >= room)
		return NODEDB_OK;
	if (rc == 0)
		nodedb_inherit(val, n->udp.af, old.mv_data, old.mv_size);
	else if (rc != MDB_NOTFOUND)
		return result(db, rc);
	if ((rc = mdb_put(db->txn, db->dbi, &k, &v, 0)) != 0)
		return result(db, rc);
	db->stats.puts++;
	return count(db);
}

enum nodedb_err
nodedb_forget(struct nodedb *db, const uint8_t id[NODE_ID],
    const struct addr *a)
{
	uint8_t		 key[NODEDB_KEY];
	enum nodedb_err	 err;
	MDB_val		 k, v;
	int		 rc;

	if ((err = txn_begin(db)) != NODEDB_OK ||
	    db->stats.nodes < NODEDB_ROOMY)
		return err;
	memcpy(key, id, NODE_ID);
	key[NODE_ID] = a->af;
	k.mv_data = key;
	k.mv_size = sizeof(key);
	if ((rc = mdb_get(db->txn, db->dbi, &k, &v)) == MDB_NOTFOUND)
		return NODEDB_OK;
	if (rc != 0)
		return result(db, rc);
	if (nodedb_is_seed(v.mv_data, v.mv_size) ||
	    !nodedb_is_at(v.mv_data, v.mv_size, a))
		return NODEDB_OK;
	if ((rc = mdb_del(db->txn, db->dbi, &k, NULL)) != 0)
		return result(db, rc);
	return count(db);
}

/* What is behind a random place; MDB_NOTFOUND when there is nothing. */
static int
random_pair(MDB_cursor *cur, MDB_val *k, MDB_val *v)
{
	uint8_t	 at[NODEDB_KEY];
	int	 rc;

	arc4random_buf(at, sizeof(at));
	k->mv_data = at;
	k->mv_size = sizeof(at);
	rc = mdb_cursor_get(cur, k, v, MDB_SET_RANGE);
	if (rc == MDB_NOTFOUND)
		rc = mdb_cursor_get(cur, k, v, MDB_FIRST);
	if (rc == 0 && k->mv_size == sizeof(format_key) - 1) {
		rc = mdb_cursor_get(cur, k, v, MDB_NEXT);
		if (rc == MDB_NOTFOUND)
			rc = mdb_cursor_get(cur, k, v, MDB_FIRST);
		if (rc == 0 && k->mv_size == sizeof(format_key) - 1)
			rc = MDB_NOTFOUND;
	}
	return rc;
}

static int
is_among(const struct nodedb_node *v, size_t n, const struct nodedb_node *s)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (memcmp(v[i].id, s->id, sizeof(s->id)) == 0)
			return 1;
	return 0;
}

/* Seeds may be few among very many: others cost no more than a look. */
static int
seeds_pass(MDB_cursor *cur, int64_t since, int all, struct nodedb_node *v,
    size_t max, size_t *n)
{
	struct nodedb_node	 s;
	MDB_val			 key, val;
	size_t			 tries, most = (all ? 5 : SEED_TRIES) * max;
	int			 rc;

	for (tries = 0; *n < max && tries < most; tries++) {
		if ((rc = random_pair(cur, &key, &val)) != 0)
			return rc;
		if (!all && !nodedb_is_seed(val.mv_data, val.mv_size))
			continue;
		if (nodedb_decode(&s, key.mv_data, key.mv_size, val.mv_data,
		    val.mv_size) == -1)
			return MDB_CORRUPTED;
		if (s.pong >= since && !is_among(v, *n, &s))
			v[(*n)++] = s;
	}
	return 0;
}

enum nodedb_err
nodedb_seeds(struct nodedb *db, int64_t since, struct nodedb_node *v,
    size_t max, size_t *n)
{
	enum nodedb_err	 err;
	MDB_cursor	*cur;
	int		 rc;

	*n = 0;
	if ((err = txn_begin(db)) != NODEDB_OK)
		return err;
	if ((rc = mdb_cursor_open(db->txn, db->dbi, &cur)) != 0)
		return result(db, rc);
	rc = seeds_pass(cur, since, 0, v, max, n);
	if (rc == 0 && *n == 0)
		rc = seeds_pass(cur, since, 1, v, max, n);
	mdb_cursor_close(cur);
	return rc == 0 || rc == MDB_NOTFOUND ? NODEDB_OK : result(db, rc);
}

enum nodedb_err
nodedb_find(struct nodedb *db, const uint8_t id[NODE_ID],
    struct nodedb_node *n, int *found)
{
	uint8_t		 key[NODEDB_KEY];
	enum nodedb_err	 err;
	MDB_val		 k, v;
	int		 rc;

	*found = 0;
	if ((err = txn_begin(db)) != NODEDB_OK)
		return err;
	memcpy(key, id, NODE_ID);
	k.mv_data = key;
	k.mv_size = sizeof(key);
	key[NODE_ID] = 4;
	if ((rc = mdb_get(db->txn, db->dbi, &k, &v)) == MDB_NOTFOUND) {
		key[NODE_ID] = 6;
		rc = mdb_get(db->txn, db->dbi, &k, &v);
	}
	if (rc == MDB_NOTFOUND)
		return NODEDB_OK;
	if (rc == 0 && nodedb_decode(n, k.mv_data, k.mv_size, v.mv_data,
	    v.mv_size) == -1)
		rc = MDB_CORRUPTED;
	*found = rc == 0;
	return result(db, rc);
}

void
nodedb_stats(struct nodedb *db, struct nodedb_stats *st)
{
	MDB_envinfo	 info;
	MDB_stat	 ms;

	*st = db->stats;
	if (mdb_env_info(db->env, &info) == 0 && mdb_env_stat(db->env, &ms) == 0)
		st->bytes = (uint64_t)(info.me_last_pgno + 1) * ms.ms_psize;
}
