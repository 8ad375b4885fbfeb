/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/base/log.h"
#include "p2pd/parent/admit.h"
#include "p2pd/parent/meta.h"
#include "p2pd/parent/parent.h"
#include "p2pd/parent/retire.h"

/*
 * How many peers are wanted and by whom. Peers and capabilities come in
 * bursts: what follows from the first few, as at the start, is worked out almost
 * at once, and then no more often than each BALANCE_MS, until there is a rest.
 */
#define BALANCE_FIRST	10
#define BALANCE_MS	250
#define BALANCE_QUICK	4
#define BALANCE_REST	1000

static struct event *balance_ev, *retire_ev;
static uint32_t goal_told, hungry_told;
static uint64_t balanced_ms;
static unsigned int quick;		/* since the last rest */

/* The places that admission keeps free for those that we dial. */
static uint32_t
max_dialed(void)
{
	const struct p2pd_conf *conf = parent.conf;

	return conf->max_peers - admit_max_inbound(conf->max_peers,
	    conf->dial_ratio, conf->dial);
}

/*
 * Nodes are dialed as long as an application has use for more: without one
 * only static nodes are.
 */
static uint32_t
goal(void)
{
	return apps_hungry(&parent.apps) != 0 ? max_dialed() : 0;
}

static void
goal_tell(void)
{
	struct m_goal m = { goal() };

	if (m.dialed == goal_told)
		return;
	goal_told = m.dialed;
	children_msg(PROC_DIALER, &m_goal_desc, &m);
}

/* No room: 1 for nobody, -1 for those that we would dial. */
static int
is_full(void)
{
	uint32_t dialed = parent.peers.n - parent.peers.inbound;

	if (parent.peers.n >= parent.conf->max_peers)
		return 1;
	return parent.conf->dial && dialed >= max_dialed() ? -1 : 0;
}

static void
retire_arm(void)
{
	struct timeval tv = { (time_t)parent.conf->retire_pause, 0 };

	if (is_full() && retire_needed(&parent.apps) &&
	    !evtimer_pending(retire_ev, NULL))
		evtimer_add(retire_ev, &tv);
}

/* One at a time: who comes in its place may be of as little use. */
static void
retire_turn(int fd, short what, void *arg)
{
	char addr[ADDR_STRLEN];
	struct peer *p;
	int full = is_full();

	if (parent.stopping || !full)
		return;
	retire_count(&parent.apps, &parent.peers);
	if (!retire_needed(&parent.apps))
		return;
	p = retire_pick(&parent.apps, &parent.peers, full == -1, mono_ms(),
	    (uint64_t)parent.conf->retire_age * 1000);
	if (p != NULL) {
		log_debug("peer %s makes room", addr_format(&p->remote, addr));
		peer_tell_stop(p, REASON_RETIRED, reason_disc(REASON_RETIRED));
	}
	retire_arm();
}

/* There was no memory for a new Hello; there may be now. */
static void
hello_again(void)
{
	if (!parent.apps.stale)
		return;
	apps_refresh(&parent.apps);
	if (!parent.apps.stale)
		return;
	log_warn("what is attached cannot be advertised yet");
	balance_soon();
}

static void
balance_turn(int fd, short what, void *arg)
{
	uint32_t hungry;

	balanced_ms = mono_ms();
	hello_again();
	retire_count(&parent.apps, &parent.peers);
	goal_tell();
	retire_arm();
	hungry = apps_hungry(&parent.apps);
	if (!parent.apps.meta_changed && hungry == hungry_told)
		return;
	if (parent.apps.meta_changed)
		record_changed();
	parent.apps.meta_changed = 0;
	hungry_told = hungry;
	disc_conditions();
}

void
balance_init(void)
{
	balance_ev = evtimer_new(parent.base, balance_turn, NULL);
	retire_ev = evtimer_new(parent.base, retire_turn, NULL);
	if (balance_ev == NULL || retire_ev == NULL)
		fatalx("no memory");
}

void
balance_soon(void)
{
	uint64_t now = mono_ms(), wait = BALANCE_FIRST;
	struct timeval tv;

	if (parent.stopping || evtimer_pending(balance_ev, NULL))
		return;
	if (now - balanced_ms >= BALANCE_REST)
		quick = 0;
	if (quick < BALANCE_QUICK)
		quick++;
	else if (now + wait < balanced_ms + BALANCE_MS)
		wait = balanced_ms + BALANCE_MS - now;
	tv.tv_sec = 0;
	tv.tv_usec = (suseconds_t)wait * 1000;
	evtimer_add(balance_ev, &tv);
}

/* A dialer that was started again. */
void
balance_dialer(struct child *c)
{
	struct m_goal m = { goal() };

	memset(&parent.plan, 0, sizeof(parent.plan));
	parent.refused = 0;
	disc_want(0);
	goal_told = m.dialed;
	child_msg(c, &m_goal_desc, &m, -1);
}

void
balance_plan(struct channel *ch, struct chan_msg *msg, void *arg)
{
	parent.plan = *(const struct m_plan *)msg->body;
	disc_want(parent.plan.want);
}
