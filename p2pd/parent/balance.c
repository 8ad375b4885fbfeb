/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/base/log.h"
#include "p2pd/parent/parent.h"

/*
 * How many peers are wanted and by whom. Peers and capabilities come in
 * bursts: what follows from them is worked out once things are quiet for
 * BALANCE_MS.
 */
#define BALANCE_MS	250

static struct event *balance_ev;
static uint32_t goal_told;

/* Without an application only static nodes are of use. */
static uint32_t
goal(void)
{
	const struct p2pd_conf *conf = parent.conf;

	if (!conf->dial || parent.apps.hello->n == 0)
		return 0;
	return conf->max_peers / conf->dial_ratio;
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

static void
balance_turn(int fd, short what, void *arg)
{
	goal_tell();
	if (!parent.apps.meta_changed)
		return;
	parent.apps.meta_changed = 0;
	record_changed();
	disc_conditions();
}

void
balance_init(void)
{
	balance_ev = evtimer_new(parent.base, balance_turn, NULL);
	if (balance_ev == NULL)
		fatalx("no memory");
}

void
balance_soon(void)
{
	static const struct timeval tv = { 0, BALANCE_MS * 1000 };

	if (!parent.stopping && !evtimer_pending(balance_ev, NULL))
		evtimer_add(balance_ev, &tv);
}

/* A dialer that was started again. */
void
balance_dialer(struct child *c)
{
	struct m_goal m = { goal() };

	memset(&parent.plan, 0, sizeof(parent.plan));
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
