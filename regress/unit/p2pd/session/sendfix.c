/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/multisend.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/send.h"
#include "sendfix.h"

struct tapp	 ta;
struct tpeer	 tp[N];
uint8_t		 big[BIG];

void
send_setup(void)
{
	world_open();
	tapp_own(&ta, 1, 0, APP_STOP);
	memset(tp, 0, sizeof(tp));
	arc4random_buf(big, sizeof(big));
}

void
send_teardown(void)
{
	unsigned int	 i;

	for (i = 0; i < N; i++)
		if (tp[i].handle != 0)
			tpeer_close(&tp[i]);
	tapp_close(&ta);
	world_close();
}

int
next_data(struct tpeer *p)
{
	do
		if (!tpeer_recv(p))
			return 0;
	while (p->code == BASE_PING);
	return 1;
}

void
open_peer(unsigned int i, const struct sharedcap *caps, uint32_t n, int snappy)
{
	tpeer_open(&tp[i], 10 + i, caps, n, snappy);
}

void
open_peers(unsigned int n)
{
	unsigned int	 i;

	for (i = 0; i < n; i++)
		tpeer_up(&tp[i], 10 + i, 1, &ta);
}

void
no_hurry(void)
{
	struct peer	*p;

	TAILQ_FOREACH(p, &ses.peers, entry)
		p->read_at = p->out.since = mono_ms() + 10 * 60 * 1000;
}

void
many_raw(const struct app_multisend *m, unsigned int flags, uint32_t request,
    const void *data, size_t n)
{
	struct app_head	 h = { 0, AF_MULTISEND, (uint16_t)flags, request, 0 };
	uint8_t		 buf[APP_HEADER + APP_MULTI_HEAD + 4 * 64];
	size_t		 len;

	len = app_multisend_encode(buf + APP_HEADER, sizeof(buf) - APP_HEADER,
	    m);
	ck_assert_uint_gt(len, 0);
	h.len = (uint32_t)(len + n);
	app_head_encode(buf, &h);
	tapp_write(&ta, buf, APP_HEADER + len);
	tapp_write(&ta, data, n);
}

void
many(enum app_select select, uint32_t k, const uint32_t *handles,
    uint32_t version, uint32_t code, const void *data, size_t n)
{
	struct app_multisend	 m;
	uint8_t			 list[4 * 64];

	memset(&m, 0, sizeof(m));
	m.capid = 100;
	m.code = code;
	m.version = version;
	m.select = (uint8_t)select;
	m.k = k;
	while (handles != NULL && handles[m.count] != 0) {
		app_put32(list + 4 * m.count, handles[m.count]);
		m.count++;
	}
	m.handles = list;
	many_raw(&m, AFL_COMPLETE, 500, data, n);
}

void
expect_many(uint32_t request, uint32_t written, uint32_t dropped, uint32_t gone)
{
	tapp_expect(&ta, AF_SENT_MANY);
	ck_assert_uint_eq(ta.head.request, request);
	ck_assert_uint_eq(ta.head.len, 12);
	ck_assert_uint_eq(app_get32(ta.body), written);
	ck_assert_uint_eq(app_get32(ta.body + 4), dropped);
	ck_assert_uint_eq(app_get32(ta.body + 8), gone);
}

unsigned int
who_got(uint64_t code, const void *data, size_t n)
{
	unsigned int	 i, mask = 0;

	for (i = 0; i < N; i++) {
		if (tp[i].handle == 0 || !tpeer_poll(&tp[i]) ||
		    (tp[i].code == BASE_PING && !tpeer_poll(&tp[i])))
			continue;
		ck_assert_uint_eq(tp[i].code, code);
		ck_assert_uint_eq(tp[i].len, n);
		ck_assert_mem_eq(tp[i].data, data, n);
		mask |= 1U << i;
	}
	return mask;
}

void
expect_event(enum app_type type, uint32_t peer)
{
	do
		ck_assert_int_eq(tapp_recv(&ta), 1);
	while (ta.head.type != type);
	ck_assert_uint_eq(ta.head.peer, peer);
}

unsigned int
fill(uint32_t handle, size_t depth)
{
	struct peer	*p = peer_find(handle);
	unsigned int	 n = 0;
	uint64_t	 before = p->msgs_out;

	while (send_depth(p, p->caps) < depth) {
		memcpy(big, &n, sizeof(n));
		tapp_message(&ta, n, handle, 0, 100, 0, big, sizeof(big));
		n++;
		PUMP_UNTIL(p->msgs_out >= before + n);
	}
	no_hurry();
	return n;
}
