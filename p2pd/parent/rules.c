/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>
#include <syslog.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/parent.h"

/* What each kind of child may say to the parent, and who listens. */

static void
on_ready(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_ready *m = msg->body;
	char buf[PROC_LAYERS_STRLEN];
	struct child *c = arg;
	struct rec r;

	if (m->version != MSG_VERSION) {
		child_kill(c, "speaks another version");
		return;
	}
	c->state = CH_READY;
	c->worked = 1;
	c->since_ms = mono_ms();
	c->layers.active = m->active;
	c->layers.unavailable = m->unavailable;
	c->layers.landlock_abi = m->landlock_abi;
	channel_set_state(ch, 1);
	evtimer_del(c->timer);
	log_info("%s[%u] running, pid %ld: %s", proc_name(c->kind), c->instance,
	    (long)c->pid, proc_layers_format(&c->layers, buf, sizeof(buf)));
	children_one_ready();
	usage_ready(c);
	if (c->kind == PROC_SESSION)
		attach_session_changed(c);
	if (c->kind == PROC_RESOLVER)
		resolve_resolver_up();
	if (c->restarts > 0 && event_wanted()) {
		event_begin(&r, "process-restarted");
		rec_str(&r, "process", proc_name(c->kind));
		rec_u64(&r, "instance", c->instance);
		rec_u64(&r, "restarts", c->restarts);
		event_send(&r);
	}
}

/*
 * A child keeps to a rate by itself; one that is no longer ours must not fill
 * the disk, nor shout at every terminal.
 */
static void
on_log(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_log *m = msg->body;
	struct child *c = arg;

	if (!bucket_take(&c->log_bucket, 1, mono_us())) {
		c->log_dropped++;
		return;
	}
	c->log_dropped += m->dropped;
	if (c->log_dropped > 0)
		log_warnx("%s[%u]: %llu log lines dropped", proc_name(c->kind),
		    c->instance, (unsigned long long)c->log_dropped);
	c->log_dropped = 0;
	log_line(m->pri < LOG_CRIT ? LOG_CRIT : m->pri > LOG_DEBUG ? LOG_DEBUG :
	    m->pri, proc_name(c->kind), m->line);
}

#define STARTING	(1U << 0)
#define RUNNING		(1U << 1)
#define ALWAYS		(STARTING | RUNNING)
#define COMMON								\
	{ &m_ready_desc, STARTING, CHAN_NOFD, on_ready },		\
	{ &m_log_desc, ALWAYS, CHAN_NOFD, on_log }
#define SETUP								\
	{ &m_key_desc, RUNNING, CHAN_NOFD, keyops_request },		\
	{ &m_check1_desc, RUNNING, CHAN_NOFD, setup_check1 },		\
	{ &m_check2_desc, RUNNING, CHAN_FD, setup_check2 },		\
	{ &m_attempt_desc, RUNNING, CHAN_NOFD, setup_attempt }

static const struct chan_rule listener_rules[] = { COMMON, SETUP };

static const struct chan_rule dialer_rules[] = {
	COMMON, SETUP,
	{ &m_dial_desc, RUNNING, CHAN_NOFD, setup_dial },
	{ &m_resolve_desc, RUNNING, CHAN_NOFD, resolve_request },
	{ &m_plan_desc, RUNNING, CHAN_NOFD, balance_plan },
	{ &ctl_rec_desc, RUNNING, CHAN_NOFD, show_relay_rec },
	{ &ctl_end_desc, RUNNING, CHAN_NOFD, show_relay_end },
	{ &m_resolve_stop_desc, RUNNING, CHAN_NOFD, resolve_stop }
};

static const struct chan_rule discovery_rules[] = {
	COMMON,
	{ &m_d4_sign_desc, RUNNING, CHAN_NOFD, d4sign_request },
	{ &m_record_facts_desc, RUNNING, CHAN_NOFD, record_facts },
	{ &m_candidate_desc, RUNNING, CHAN_NOFD, disc_candidate },
	{ &ctl_rec_desc, RUNNING, CHAN_NOFD, show_relay_rec },
	{ &ctl_end_desc, RUNNING, CHAN_NOFD, show_relay_end }
};

static const struct chan_rule resolver_rules[] = {
	COMMON,
	{ &m_resolved_desc, RUNNING, CHAN_NOFD, resolve_done }
};

static const struct chan_rule session_rules[] = {
	COMMON,
	{ &m_peer_end_desc, RUNNING, CHAN_NOFD, peer_ended },
	{ &m_app_attach_desc, RUNNING, CHAN_NOFD, attach_request },
	{ &m_app_detach_desc, RUNNING, CHAN_NOFD, attach_detach },
	{ &m_app_closed_desc, RUNNING, CHAN_NOFD, attach_closed },
	{ &m_app_update_desc, RUNNING, CHAN_NOFD, attach_update },
	{ &m_app_hint_desc, RUNNING, CHAN_NOFD, appact_hint },
	{ &m_app_penalise_desc, RUNNING, CHAN_NOFD, appact_penalise },
	{ &m_event_desc, RUNNING, CHAN_NOFD, event_relay },
	{ &ctl_rec_desc, RUNNING, CHAN_NOFD, show_relay_rec },
	{ &ctl_end_desc, RUNNING, CHAN_NOFD, show_relay_end }
};

static const struct chan_rule control_rules[] = {
	COMMON,
	{ &m_app_new_desc, RUNNING, CHAN_FD, attach_new },
	{ &ctl_show_desc, RUNNING, CHAN_NOFD, show_request },
	{ &ctl_peer_desc, RUNNING, CHAN_NOFD, control_peer },
	{ &ctl_ban_desc, RUNNING, CHAN_NOFD, control_ban },
	{ &ctl_log_desc, RUNNING, CHAN_NOFD, control_log },
	{ &ctl_stop_desc, RUNNING, CHAN_NOFD, control_stop },
	{ &ctl_monitor_desc, RUNNING, CHAN_NOFD, control_monitor },
	{ &ctl_lookup_desc, RUNNING, CHAN_NOFD, show_lookup },
	{ &ctl_gone_desc, RUNNING, CHAN_NOFD, control_gone }
};

static const struct {
	const struct chan_rule	*rules;
	size_t			 n;
} tables[PROC_KINDS] = {
	[PROC_CONTROL] = { control_rules, nitems_of(control_rules) },
	[PROC_LISTENER] = { listener_rules, nitems_of(listener_rules) },
	[PROC_DIALER] = { dialer_rules, nitems_of(dialer_rules) },
	[PROC_SESSION] = { session_rules, nitems_of(session_rules) },
	[PROC_DISCOVERY] = { discovery_rules, nitems_of(discovery_rules) },
	[PROC_RESOLVER] = { resolver_rules, nitems_of(resolver_rules) }
};

const struct chan_rule *
rules_for(enum proc_kind kind, size_t *n)
{
	*n = tables[kind].n;
	return tables[kind].rules;
}
