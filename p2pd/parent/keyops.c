/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/base/log.h"
#include "p2pd/parent/parent.h"

/*
 * ECDH with the node key for listener and dialer: typed, at most one of each
 * kind a connection, done after admission and control have had their turn, at
 * most KEYOPS_TURN a channel and turn of the loop, round robin, and KEYOPS_RATE
 * a second: an operation takes some 50 us, so that one child has half a core at
 * most. What is over that waits.
 */
#define KEYOPS_TURN	32

static struct event *keyops_ev;

static void
dequeue(struct child *c, struct keyreq *k)
{
	k->waits = 0;
	TAILQ_REMOVE(&c->keyq, k, entry);
	c->nkeyq--;
}

int
keyops_wait(const struct conn *conn)
{
	return conn->keys[KEY_ECIES].waits || conn->keys[KEY_STATIC].waits;
}

static void
keyops_one(struct child *c)
{
	struct keyreq *k = TAILQ_FIRST(&c->keyq);
	struct conn *conn = k->conn;
	struct m_key_done done;

	dequeue(c, k);
	memset(&done, 0, sizeof(done));
	done.conn = conn->no;
	done.op = k->op;
	key_ecdh(done.secret, k->point);
	c->key_done[k->op]++;
	child_msg(c, &m_key_done_desc, &done, -1);
	explicit_bzero(&done, sizeof(done));
	if (conn->asked && !keyops_wait(conn))
		setup_decide1(c, conn);
}

/* One child's turn; 0 when its rate has ended it. */
static int
keyops_some(struct child *c)
{
	unsigned int n;

	for (n = 0; n < KEYOPS_TURN && !TAILQ_EMPTY(&c->keyq); n++) {
		if (!bucket_take(&c->key_bucket, 1, mono_us())) {
			c->key_delayed++;
			return 0;
		}
		keyops_one(c);
	}
	return 1;
}

static void
keyops_turn(int fd, short what, void *arg)
{
	static const struct timeval now = { 0, 0 }, later = { 0, 1000 };
	struct child *c;
	unsigned int i;
	int more = 0, soon = 0;

	for (i = 0; i < parent.nchildren; i++) {
		c = &parent.child[i];
		if (TAILQ_EMPTY(&c->keyq))
			continue;
		if (keyops_some(c))
			soon = 1;
		more |= !TAILQ_EMPTY(&c->keyq);
	}
	if (more)
		evtimer_add(keyops_ev, soon ? &now : &later);
}

void
keyops_init(void)
{
	keyops_ev = evtimer_new(parent.base, keyops_turn, NULL);
	if (keyops_ev == NULL)
		fatalx("no memory");
}

void
keyops_request(struct channel *ch, struct chan_msg *msg, void *arg)
{
	static const struct timeval now = { 0, 0 };
	const struct m_key *m = msg->body;
	struct child *c = arg;
	struct conn *conn;
	struct keyreq *k;

	if (m->conn == 0 || (m->op != KEY_ECIES && m->op != KEY_STATIC)) {
		child_kill(c, "bad key request");
		return;
	}
	/* A dialer's are for nodes that it said it dials. */
	if (c->kind == PROC_DIALER && conn_find(c, m->conn) == NULL) {
		c->key_refused++;
		child_kill(c, "key request without a dial");
		return;
	}
	conn = conn_get(c, m->conn);
	if (conn == NULL)
		return;
	if (conn->ops & (1 << m->op)) {
		c->key_refused++;
		child_kill(c, "second key operation of a kind for one connection");
		return;
	}
	conn->ops |= 1 << m->op;
	k = &conn->keys[m->op];
	k->conn = conn;
	k->op = m->op;
	k->waits = 1;
	memcpy(k->point, m->point, sizeof(k->point));
	TAILQ_INSERT_TAIL(&c->keyq, k, entry);
	c->nkeyq++;
	if (!evtimer_pending(keyops_ev, NULL))
		evtimer_add(keyops_ev, &now);
}

/* What a connection still waits for ends with it. */
void
keyops_cancel(struct child *c, struct conn *conn)
{
	int op;

	for (op = KEY_ECIES; op <= KEY_STATIC; op++)
		if (conn->keys[op].waits)
			dequeue(c, &conn->keys[op]);
}
