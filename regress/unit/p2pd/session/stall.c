/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/peer.h"
#include "world.h"

/*
 * Peers that wait for an application: whatever was full, its own queue, its
 * capability's or all that waits, it goes on when that has room again.
 */
enum { MSG = 1000, ALL = 256 << 10, BACKLOG = ALL / 8 * 5 };

static struct tapp	 ta;
static struct tpeer	 tp[3];		/* two of bbb, one of ccc */
static struct peer	*p[3];
static struct app	*app;
static uint8_t		 msg[MSG];

static void
setup(void)
{
	world_limits(64 << 20, ALL, ALL, 5000);
	arc4random_buf(msg, sizeof(msg));
}

static void
teardown(void)
{
	unsigned int	 i;

	for (i = 0; i < 3; i++)
		tpeer_close(&tp[i]);
	tapp_close(&ta);
	world_close();
}

static void
open_all(enum app_policy ccc)
{
	unsigned int	 i;

	tapp_own(&ta, 1, 0, APP_STOP);
	tapp_attach(&ta, "ccc", 7, 2, ccc, 200);
	tapp_expect(&ta, AF_SNAPSHOT_END);
	app = app_of(1);
	for (i = 0; i < 3; i++) {
		tpeer_open(&tp[i], i + 1, &shared[i / 2], 1, 1);
		tapp_expect(&ta, AF_PEER_UP);
		p[i] = peer_find(i + 1);
	}
}

/* An update; its answer is left to be read. */
static void
limit(uint32_t capid, uint16_t option, uint32_t bytes)
{
	struct app_head	 h = { 12, AF_UPDATE, 0, 1, 0 };
	uint8_t		 body[12], v[4];
	size_t		 n = 4;

	app_put32(body, capid);
	app_put32(v, bytes);
	ck_assert_int_eq(app_opt_add(body, sizeof(body), &n, option, v,
	    sizeof(v)), 0);
	tapp_send(&ta, &h, body);
	pump();
}

static void
say(unsigned int i)
{
	tpeer_send(&tp[i], i == 2 ? 0x14 : 0x10, msg, MSG);
	pump();
}

/* Until it is not read any more, which it has tried to tell us. */
static unsigned int
stall(unsigned int i)
{
	unsigned int	 n;

	for (n = 0; p[i]->pause == 0; n++)
		say(i);
	ck_assert_uint_eq(p[i]->pause, PAUSE_APP);
	ck_assert_uint_lt(n, 1000);
	return n;
}

/* As much of ccc's as is to wait. */
static void
backlog(void)
{
	while (p[2]->queued < BACKLOG && p[2]->pause == 0)
		say(2);
}

/* Reads n messages of a peer, while as much as ever waits of ccc's. */
static void
take(uint32_t handle, unsigned int n)
{
	while (n > 0) {
		ck_assert_int_eq(tapp_recv(&ta), 1);
		if (ta.head.type == AF_MESSAGE && ta.head.peer == handle)
			n--;
		backlog();
	}
}

/* The capability was full; the application never has less than half to read. */
START_TEST(capability)
{
	unsigned int	 n;

	open_all(APP_STOP);
	limit(100, AO_QUEUE_APP, 20000);
	tapp_expect(&ta, AF_UPDATED);
	backlog();
	n = stall(0);
	ck_assert_uint_eq(stall(1), 1);
	ck_assert_int_eq(mux_waits(p[1]), 1);
	take(1, n - 1);
	ck_assert_uint_gt(appq_cost(&app->q), ALL / 2);
	PUMP_UNTIL(p[0]->pause == 0 && p[1]->pause == 0);
	take(1, 1);
	take(2, 1);
	ck_assert_uint_gt(appq_cost(&app->q), ALL / 2);
	ck_assert_uint_eq(ses.dropped, 0);
}
END_TEST

/* Where its capability has room but the application has none it waits on. */
START_TEST(next_in_the_way)
{
	open_all(APP_DROP);
	limit(100, AO_QUEUE_APP, 20000);
	tapp_expect(&ta, AF_UPDATED);
	stall(0);
	ck_assert_uint_eq(stall(1), 1);
	ck_assert_uint_eq(p[1]->waits, FULL_CAP);
	while (appq_cost(&app->q) < ALL)
		say(2);
	limit(100, AO_QUEUE_APP, 0);
	ck_assert_uint_eq(p[1]->pause, PAUSE_APP);
	ck_assert_uint_eq(p[1]->waits, FULL_APP);
	PUMP_UNTIL(tapp_poll(&ta) && p[1]->pause == 0);
	ck_assert_uint_le(appq_cost(&app->q), ALL / 2 + MSG * 2);
	do
		ck_assert_int_eq(tapp_recv(&ta), 1);
	while (ta.head.type != AF_MESSAGE || ta.head.peer != 2);
	ck_assert_uint_eq(p[0]->pause, 0);
}
END_TEST

/* All of another capability's that waited is gone: nothing was read. */
START_TEST(detached)
{
	struct app_head	 h = { 4, AF_DETACH, 0, 1, 0 };
	uint8_t		 body[4];

	open_all(APP_STOP);
	stall(2);
	ck_assert_uint_eq(stall(0), 1);
	ck_assert_uint_eq(p[0]->queued, 0);
	app_put32(body, 200);
	tapp_send(&ta, &h, body);
	PUMP_UNTIL(p[0]->msgs_in == 1);
	ck_assert_uint_eq(p[0]->pause, 0);
	ck_assert_uint_gt(p[0]->queued, 0);
}
END_TEST

/* Room that was there, but not any more when peers were to go on. */
START_TEST(filled_again)
{
	static uint8_t	 packed[2 * MSG];
	struct peercap	*pc;
	size_t		 n = frame_compress(packed, msg, MSG);

	open_all(APP_STOP);
	backlog();
	limit(100, AO_QUEUE_APP, 20000);
	stall(0);
	ck_assert_uint_eq(stall(1), 1);
	ck_assert_uint_eq(p[1]->waits, FULL_CAP);
	pc = &p[0]->caps[0];
	while (pc->ac->queued > 10000)
		ck_assert_int_eq(appq_drop_range(&app->q, pc), 1);
	while (pc->ac->queued <= 10000)
		ck_assert_int_eq(mux_message(p[0], pc, 0x10, packed, n),
		    REASON_NONE);
	pump();
	ck_assert_uint_eq(p[1]->pause, PAUSE_APP);
	while (pc->queued > 0 && peer_find(2) != NULL)
		ck_assert_int_eq(tapp_recv(&ta), 1);
	ck_assert_uint_eq(p[1]->pause, 0);
}
END_TEST

/* A limit that is raised is room at once. */
START_TEST(raised)
{
	uint16_t	 option = _i == 0 ? AO_QUEUE_PEER : AO_QUEUE_APP;

	open_all(APP_STOP);
	/* the socket's buffer holds no more */
	backlog();
	limit(100, option, 20000);
	stall(0);
	limit(100, option, 21000);
	ck_assert_uint_eq(p[0]->pause, 0);
	stall(0);
	limit(100, option, 10000);
	ck_assert_uint_eq(p[0]->pause, PAUSE_APP);
	/* the default */
	limit(100, option, 0);
	ck_assert_uint_eq(p[0]->pause, 0);
	ck_assert_uint_gt(p[0]->queued, 20000);
}
END_TEST

/* Limits changed again and again do not cost others their turns. */
START_TEST(changed_often)
{
	uint32_t	 n;

	open_all(APP_STOP);
	backlog();
	limit(100, AO_QUEUE_APP, 20000);
	stall(0);
	stall(1);
	for (n = 0; n < TURN_PEERS / 2; n++) {
		ck_assert_uint_eq(app->pause, 0);
		mux_limits(app);
	}
	ck_assert_uint_eq(app->pause, APAUSE_TURN);
	PUMP_UNTIL(app->pause == 0);
}
END_TEST

TCase *
stall_case(void)
{
	TCase	*t = world_case("stall", setup, teardown);

	tcase_add_test(t, capability);
	tcase_add_test(t, next_in_the_way);
	tcase_add_test(t, detached);
	tcase_add_test(t, filled_again);
	tcase_add_loop_test(t, raised, 0, 2);
	tcase_add_test(t, changed_often);
	return t;
}
