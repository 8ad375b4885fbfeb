/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p2pd/session/apps.h"
#include "p2pd/session/core.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/show.h"
#include "regress/fuzz/session.h"

#define ANSWERS	64
#define CODES	16

struct ses_world	 world;

static struct m_app_attached	 answers[ANSWERS];
static unsigned int		 nanswers;
static struct m_app_updated	 updated[ANSWERS];
static unsigned int		 nupdated;
static uint32_t			 next_capid;

/* What was granted to whom, so that those who come back find it. */
static struct {
	uint32_t	 app;		/* 0: it is away */
	char		 name[CAP_NAME_MAX + 1];
	uint8_t		 mode;
} granted[ANSWERS];

/* A number that is away, or a new one; 0 when there are enough. */
static uint32_t
grant_capid(const struct m_app_attach *m)
{
	uint32_t	 i;

	for (i = 1; i < next_capid; i++)
		if (granted[i].app == 0 && granted[i].mode == m->mode &&
		    strcmp(granted[i].name, m->name) == 0)
			break;
	if (i == ANSWERS)
		return 0;
	if (i == next_capid)
		next_capid++;
	granted[i].app = m->app;
	granted[i].mode = m->mode;
	memcpy(granted[i].name, m->name, sizeof(granted[i].name));
	return i;
}

/* Grants what is asked, but some versions. */
static void
grant(const struct m_app_attach *m)
{
	struct m_app_attached	*a;

	FUZZ_CHECK(m->nvers <= CAPVERS_MAX);
	FUZZ_CHECK(m->nvers > 0 || m->mode == APM_TAP);
	if (nanswers == ANSWERS)
		return;
	a = &answers[nanswers++];
	memset(a, 0, sizeof(*a));
	a->app = m->app;
	a->request = m->request;
	if (m->nvers > 0 && m->vers[0].version % 7 == 3)
		a->error = APE_BUSY;
	else
		a->capid = grant_capid(m);
	a->rate = m->policy == APP_DISCONNECT ? 5000 : 0;
	a->resumed = a->capid != 0 && a->capid < next_capid - 1;
}

static void
update(const struct m_app_update *m)
{
	struct m_app_updated	*u;

	FUZZ_CHECK(m->has != 0);
	if (nupdated == ANSWERS)
		return;
	u = &updated[nupdated++];
	memset(u, 0, sizeof(*u));
	u->app = m->app;
	u->request = m->request;
	u->capid = m->capid;
	if (m->meta.wanted % 7 == 3)
		u->error = APE_RECORD;
}

static void
closed(const struct m_app_closed *m)
{
	uint32_t	 i;

	world.closed++;
	for (i = 0; i < ANSWERS; i++)
		if (granted[i].app == m->app)
			granted[i].app = 0;
}

static int
to_parent(const struct msgdesc *d, const void *body)
{
	struct ibuf	*b;

	/* Whatever it tells can be told. */
	FUZZ_CHECK((b = ibuf_dynamic(0, 1 << 20)) != NULL);
	FUZZ_CHECK(msg_encode(d, body, b) == 0);
	ibuf_free(b);
	switch (d->type) {
	case M_APP_ATTACH:
		grant(body);
		break;
	case M_APP_UPDATE:
		update(body);
		break;
	case M_APP_CLOSED:
		closed(body);
		break;
	case M_PEER_END:
		world.ended++;
		break;
	}
	return 0;
}

static int
parent_full(void)
{
	return world.full;
}

static void
done(void)
{
	FUZZ_CHECK(!world.done);
	world.done = 1;
}

/* The near end holds little, so that queues fill. */
static int
connection(int *far)
{
	int	 fds[2], size = 4096;

	fuzz_pair(fds);
	FUZZ_CHECK(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size,
	    sizeof(size)) == 0);
	*far = fds[1];
	return fds[0];
}

void
ses_begin(uint64_t memory)
{
	struct session_env	 env = { fuzz_base(), to_parent, parent_full, done };
	struct m_init		 m;
	unsigned int		 i;

	memset(&world, 0, sizeof(world));
	world.before = fuzz_next_fd();
	for (i = 0; i < SES_PEERS; i++)
		world.peer[i] = -1;
	for (i = 0; i < SES_APPS; i++)
		world.app[i] = -1;
	nanswers = nupdated = 0;
	next_capid = 1;
	memset(granted, 0, sizeof(granted));
	memset(&m, 0, sizeof(m));
	m.version = MSG_VERSION;
	m.kind = PROC_SESSION;
	m.nsessions = 1;
	memcpy(m.id, fuzz_pub(0), sizeof(m.id));
	strlcpy(m.client, "p2pd/fuzz", sizeof(m.client));
	m.mem_budget = memory;
	m.queue_peer = 4096;
	m.queue_app = 8192;
	m.stall_ms = 5000;
	FUZZ_CHECK(session_setup(&env, &m) == 0);
	ses.monitor = 1;
}

static void
shared(struct m_peer_start *m, const char *name, uint32_t version)
{
	struct sharedcap	*s = &m->shared[m->nshared];
	struct appcap		*ac;
	struct app		*a;

	strlcpy(s->cap.name, name, sizeof(s->cap.name));
	s->cap.version = version;
	s->codes = CODES;
	s->offset = BASE_LENGTH + m->nshared * CODES;
	s->owner = 0xffff;
	TAILQ_FOREACH(a, &ses.apps, entry)
		TAILQ_FOREACH(ac, &a->caps, entry)
			if (!ac->tap && strcmp(ac->name, name) == 0)
				s->owner = ac->capid;
	TAILQ_FOREACH(ac, &ses.orphans, entry)
		if (strcmp(ac->name, name) == 0)
			s->owner = ac->capid;
	m->caps[m->ncaps++] = s->cap;
	m->nshared++;
}

void
ses_peer(unsigned int i, int snappy)
{
	struct m_peer_start	 m;
	struct rlpx_state	 near;

	if (world.peer[i] != -1 || peer_find(i + 1) != NULL)
		return;
	memset(&m, 0, sizeof(m));
	m.handle = i + 1;
	m.flags = i & 1 ? PF_INBOUND : 0;
	memcpy(m.id, fuzz_pub(i), sizeof(m.id));
	m.p2p_version = BASE_VERSION;
	strlcpy(m.client, "fuzz", sizeof(m.client));
	shared(&m, "aa", 1);
	shared(&m, "eth", 69);
	fuzz_states(&near, &world.state[i]);
	near.snappy_tx = near.snappy_rx = snappy != 0;
	rlpx_state_export(&near, m.state);
	world.started++;
	peer_start(&m, connection(&world.peer[i]));
}

void
ses_app(unsigned int i)
{
	struct m_app	 m;

	if (world.app[i] != -1)
		return;
	memset(&m, 0, sizeof(m));
	m.app = ++world.opened;
	m.nsessions = 1;
	m.request = 1;
	strlcpy(m.name, "fuzz", sizeof(m.name));
	app_open(&m, connection(&world.app[i]));
}

void
ses_attach(unsigned int i, const char *name, uint32_t version, uint32_t policy)
{
	struct app_attach	 at;
	struct app_head		 h;
	uint8_t			 buf[APP_HEADER + 64];
	size_t			 n;

	memset(&at, 0, sizeof(at));
	strlcpy(at.name, name, sizeof(at.name));
	at.mode = policy > APP_DISCONNECT ? APM_TAP : APM_OWNER;
	at.policy = (uint8_t)(policy % 3);
	at.nvers = 1;
	at.vers[0].version = version;
	at.vers[0].codes = CODES;
	n = app_attach_encode(buf + APP_HEADER, sizeof(buf) - APP_HEADER, &at);
	FUZZ_CHECK(n > 0);
	memset(&h, 0, sizeof(h));
	h.len = (uint32_t)n;
	h.type = AF_ATTACH;
	h.request = 2;
	app_head_encode(buf, &h);
	fuzz_write(world.app[i], buf, APP_HEADER + n);
	ses_loop();
}

static void
gone(uint32_t capid)
{
	if (capid < ANSWERS) {
		memset(&granted[capid], 0, sizeof(granted[capid]));
		granted[capid].mode = UINT8_MAX;
	}
	appcap_gone(capid);
}

void
ses_parent(struct fuzz *f)
{
	struct m_show	 m;
	uint8_t		 what = fuzz_u8(f);

	switch (what % 8) {
	case 0:
		peers_stop(what / 8 % (SES_PEERS + 1), fuzz_u8(f), fuzz_u8(f));
		break;
	case 1:
		fuzz_body(f, &m_show_desc, &m);
		show_start(&m);
		break;
	case 2:
		ses.monitor = !ses.monitor;
		break;
	case 3:
		world.full = !world.full;
		if (!world.full)
			session_drained();
		break;
	case 4:
		if (!ses.stopping)
			session_stop(1000);
		break;
	case 5:
		fuzz_pass(250U * fuzz_u8(f));
		break;
	case 6:
		/* the grace of any is over, or the parent takes it away */
		gone(what / 8);
		break;
	}
}

/* What waits for a peer is counted, and moves when its socket does. */
static void
check_sends(const struct peer *p)
{
	uint32_t	 i, waiting = 0, stalled = 0;

	for (i = 0; i < p->ncaps; i++) {
		stalled += p->caps[i].stalled_app != 0;
		if (p->caps[i].sendq == NULL)
			continue;
		waiting++;
		FUZZ_CHECK(!sendq_empty(p->caps[i].sendq));
		FUZZ_CHECK(p->caps[i].sendq->bytes > 0);
	}
	FUZZ_CHECK(waiting == p->nwaiting && stalled == p->nstalled);
	FUZZ_CHECK(waiting == 0 || p->out.bytes > 0);
	FUZZ_CHECK(p->state == PEER_UP || waiting == 0);
	FUZZ_CHECK(waiting > 0 || p->shared == 0);
}

static uint64_t
held_by(const struct peers *list, int state)
{
	struct peer	*p;
	uint64_t	 held = 0;

	TAILQ_FOREACH(p, list, entry) {
		FUZZ_CHECK((int)p->state == state);
		FUZZ_CHECK((p->stalled_on != NULL) == ((p->pause & PAUSE_APP) != 0));
		FUZZ_CHECK(p->stalled_on == NULL || mux_waits(p) ||
		    ses.turning || ses.pressed);
		check_sends(p);
		held += p->holder.held;
	}
	return held;
}

/* What holds between turns. */
static void
check(void)
{
	struct peer	*p;
	struct app	*a;
	uint64_t	 held;

	held = held_by(&ses.peers, PEER_UP) +
	    held_by(&ses.lingering, PEER_LINGER) + ses.shared.held +
	    ses.orphaned.held;
	TAILQ_FOREACH(a, &ses.apps, entry) {
		held += a->holder.held;
		FUZZ_CHECK(!(a->pause & APAUSE_PEER) || a->wait_until != 0);
		TAILQ_FOREACH(p, &a->stalled, stalled)
			FUZZ_CHECK(p->state == PEER_UP && p->stalled_on == a);
	}
	FUZZ_CHECK(TAILQ_EMPTY(&ses.dead) && TAILQ_EMPTY(&ses.deadapps));
	FUZZ_CHECK(held == budget_used());
}

void
ses_loop(void)
{
	unsigned int	 i;

	fuzz_loop();
	for (i = 0; i < nanswers; i++)
		app_attached(&answers[i]);
	nanswers = 0;
	for (i = 0; i < nupdated; i++)
		app_updated(&updated[i]);
	nupdated = 0;
	fuzz_loop();
	if (!world.done)
		check();
}

void
ses_end(void)
{
	unsigned int	 i;

	for (i = 0; i < SES_PEERS; i++)
		if (world.peer[i] != -1)
			close(world.peer[i]);
	for (i = 0; i < SES_APPS; i++)
		if (world.app[i] != -1)
			close(world.app[i]);
	ses_loop();
	FUZZ_CHECK(world.closed <= world.opened);
	FUZZ_CHECK(world.ended <= world.started);
	session_cleanup();
	/* Every byte that was taken from the budget is back. */
	FUZZ_CHECK(budget_used() == 0);
	FUZZ_CHECK(fuzz_next_fd() == world.before);
}
