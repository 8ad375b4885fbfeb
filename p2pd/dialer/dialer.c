/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/wire/reason.h"
#include "p2pd/child.h"
#include "p2pd/dialer/dial.h"
#include "p2pd/dialer/dialer.h"
#include "p2pd/dialer/plan.h"
#include "p2pd/handshake/setupproc.h"

static struct {
	struct setupproc	 net;
	struct plan	*plan;
	struct dials	*dials;
	struct event	 run;		/* when the plan has its next */
	struct event	 report;	/* when the parent hears what is wanted */
	struct m_plan	 told;
	uint64_t	 told_ms;
	int		 stopping;
} dl;

#define REPORT_MS	200	/* between two M_PLAN */

/* Looks at the plan in the next turn of the loop, or in so many ms. */
static void
schedule(int64_t ms)
{
	struct timeval	 tv;

	if (dl.stopping || ms < 0)
		return;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	event_add(&dl.run, &tv);
}

/* What the parent knows of the plan is REPORT_MS old at most. */
static void
report_soon(void)
{
	struct timeval	 tv = { 0, 0 };
	uint64_t	 now = mono_ms();

	if (dl.stopping || event_pending(&dl.report, EV_TIMEOUT, NULL))
		return;
	/* The first word of hunger goes at once. */
	if (now < dl.told_ms + REPORT_MS)
		tv.tv_usec = (suseconds_t)(dl.told_ms + REPORT_MS - now) * 1000;
	event_add(&dl.report, &tv);
}

static void
report(int fd, short what, void *arg)
{
	struct plan_stats	 st;
	struct m_plan		 m;

	plan_stats(dl.plan, &st);
	memset(&m, 0, sizeof(m));
	m.want = st.want;
	m.waiting = st.waiting;
	m.dialing = st.dialing;
	m.taken = st.taken;
	m.refused = st.refused;
	if (memcmp(&m, &dl.told, sizeof(m)) == 0)
		return;
	dl.told_ms = mono_ms();
	if (child_send(&m_plan_desc, &m, -1) == -1)
		report_soon();
	else
		dl.told = m;
}

static void
run(int fd, short what, void *arg)
{
	struct plan_dial	 d;

	/* With a full queue to the parent dialer_drained() goes on. */
	if (dl.stopping || channel_full(child_parent()))
		return;
	while (plan_next(dl.plan, &d, mono_ms()))
		dial_begin(dl.dials, &d);
	report_soon();
	schedule(plan_wait(dl.plan, mono_ms()));
}

static void
dial_done(const uint8_t id[SECP_PUB], const struct plan_result *r, void *arg)
{
	plan_done(dl.plan, id, r, mono_ms());
	schedule(0);
}

static void
setup_ended(const struct setup_end *end, void *arg)
{
	dials_ended(dl.dials, end);
}

static void
handle_net(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_net	*m = msg->body;
	struct plan_conf	 pc;

	setupproc_net(&dl.net, m);
	pc.on = m->dial;
	pc.slots = m->max_pending == 0 ? 1 : m->max_pending;
	pc.history_ms = (uint64_t)m->history_secs * 1000;
	plan_set(dl.plan, &pc);
	if (channel_state(c) == CHILD_RUN)
		schedule(0);
}

static void
handle_static(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_static	*m = msg->body;
	int			 under_way;

	if (m->add)
		under_way = plan_add(dl.plan, m->id, m->host, m->tcp, mono_ms());
	else
		under_way = plan_del(dl.plan, m->id);
	if (under_way == -1)
		fatal("static node");
	if (under_way == 1)
		dial_cancel(dl.dials, m->id, REASON_OPERATOR);
	if (channel_state(c) == CHILD_RUN)
		schedule(0);
}

static void
handle_connected(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_connected	*m = msg->body;

	if (!m->up)
		plan_down(dl.plan, m->id, m->reason, m->ms, mono_ms());
	else if (plan_up(dl.plan, m->id, !(m->flags & PF_INBOUND)) == -1)
		fatal("connected node");
	if (channel_state(c) == CHILD_RUN)
		schedule(0);
}

static void
handle_goal(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_goal	*m = msg->body;

	plan_goal(dl.plan, m->dialed);
	if (channel_state(c) == CHILD_RUN)
		schedule(0);
}

/* Sorted out here what would only be an attempt that failed. */
static void
handle_candidate(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_candidate	*m = msg->body;
	struct plan_cand		 cand;

	if (m->addr.af == 0 || m->addr.port == 0 ||
	    memcmp(m->id, child_init()->id, SECP_PUB) == 0 ||
	    policy_id(dl.net.policy, m->id) != REASON_NONE ||
	    policy_addr(dl.net.policy, &m->addr) != REASON_NONE)
		plan_refused(dl.plan);
	else {
		memset(&cand, 0, sizeof(cand));
		memcpy(cand.id, m->id, sizeof(cand.id));
		addr_format_ip(&m->addr, cand.host);
		cand.tcp = m->addr.port;
		cand.hint = m->source == CAND_HINT;
		if (plan_candidate(dl.plan, &cand, mono_ms()))
			schedule(0);
	}
	report_soon();
}

static void
handle_resolved(struct channel *c, struct chan_msg *msg, void *arg)
{
	dials_resolved(dl.dials, msg->body);
}

/* p2pctl show why: what the plan has to say of a node. */
static void
handle_query(struct channel *c, struct chan_msg *msg, void *arg)
{
	static const char *const names[] = { [PLAN_UNKNOWN] = "none",
	    [PLAN_DUE] = "due", [PLAN_WAITS] = "waiting",
	    [PLAN_DIALS] = "dialing", [PLAN_PEER] = "peer",
	    [PLAN_DIALED] = "dialed" };
	const struct m_query	*m = msg->body;
	enum plan_stand		 stand;
	struct ctl_rec		 out;
	struct ctl_end		 end;
	struct rec		 r;
	uint64_t		 ms;

	stand = plan_stand(dl.plan, m->id, mono_ms(), &ms);
	rec_init(&r);
	rec_str(&r, "plan", names[stand]);
	rec_u64(&r, "plan_ms", ms);
	if (stand == PLAN_DIALED || (stand == PLAN_DUE && ms > 0)) {
		rec_list(&r, "reasons");
		rec_strf(&r, NULL, "it was dialed lately: again in %llu s",
		    (unsigned long long)(ms + 999) / 1000);
		rec_end(&r);
	}
	memset(&end, 0, sizeof(end));
	out.conn = end.conn = m->conn;
	if (rec_finish(&r) == 0) {
		out.len = r.len;
		memcpy(out.rec, r.buf, r.len);
		(void)child_send(&ctl_rec_desc, &out, -1);
	}
	(void)child_send(&ctl_end_desc, &end, -1);
}

static const struct chan_rule rules[] = {
	SETUPPROC_RULES,
	{ &m_net_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_net },
	{ &m_static_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_static },
	{ &m_connected_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_connected },
	{ &m_goal_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_goal },
	{ &m_candidate_desc, CHS_RUN, CHAN_NOFD, handle_candidate },
	{ &m_resolved_desc, CHS_RUN, CHAN_NOFD, handle_resolved },
	{ &m_query_desc, CHS_RUN, CHAN_NOFD, handle_query },
};

static void
dialer_init(const struct m_init *m, void *arg)
{
	struct dials_conf	 dc;

	setupproc_init(&dl.net, m, setup_ended);
	if ((dl.plan = plan_new(arc4random_uniform)) == NULL)
		fatal("dialer");
	memset(&dc, 0, sizeof(dc));
	dc.base = child_base();
	dc.own = m->id;
	dc.policy = dl.net.policy;
	dc.setups = dl.net.setups;
	dc.send = child_send;
	dc.done = dial_done;
	if ((dl.dials = dials_new(&dc)) == NULL)
		fatal("dialer");
	event_assign(&dl.run, child_base(), -1, 0, run, NULL);
	event_assign(&dl.report, child_base(), -1, 0, report, NULL);
}

static void
dialer_start(void *arg)
{
	schedule(0);
}

static void
dialer_stop(uint32_t grace_ms, void *arg)
{
	dl.stopping = 1;
	event_del(&dl.run);
	event_del(&dl.report);
	dials_stop(dl.dials);
	setups_stop(dl.net.setups);
}

static void
dialer_drained(void *arg)
{
	schedule(0);
}

static void
dialer_down(void *arg)
{
	if (dl.dials == NULL)
		return;
	event_del(&dl.run);
	event_del(&dl.report);
	dials_free(dl.dials);
	plan_free(dl.plan);
	setupproc_free(&dl.net);
}

int
dialer_main(int instance)
{
	static const struct child_conf	 conf = {
		.kind = PROC_DIALER,
		.rules = rules,
		.nrules = nitems_of(rules),
		.init = dialer_init,
		.start = dialer_start,
		.stop = dialer_stop,
		.drained = dialer_drained,
		.down = dialer_down,
		.arg = &dl.net,
	};

	return child_run(&conf);
}
