/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/wire/reason.h"
#include "p2pd/child.h"
#include "p2pd/handshake/setupproc.h"
#include "p2pd/listener/accept.h"
#include "p2pd/listener/listener.h"
#include "p2pd/listener/throttle.h"

#define REPORT_MS	500	/* refusals alike are told together */
#define REAP_MS		250	/* with all slots taken, how often to look */
#define SILENT_MS	2000	/* and how long one may then be silent */

/* Refused at the door, by reason, not yet told to the parent. */
struct refusals {
	unsigned int	 reason;
	uint32_t	 count;
	struct addr	 last;
};

static struct {
	struct setupproc	 net;
	struct throttle	*throttle;
	struct accepts	*accepts;
	struct event	 report;
	struct event	 reap;
	struct refusals	 refused[4];
	int		 stopping;
} ln = {
	.refused = { { REASON_NETRESTRICT }, { REASON_BANNED_ADDR },
	    { REASON_THROTTLED_ADDR }, { REASON_THROTTLED_NET } }
};

static void
timer_add(struct event *ev, int ms)
{
	struct timeval	 tv;

	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	if (!event_pending(ev, EV_TIMEOUT, NULL))
		event_add(ev, &tv);
}

static void
report(int fd, short what, void *arg)
{
	struct m_attempt	 m;
	struct refusals		*r;

	for (r = ln.refused; r < ln.refused + nitems_of(ln.refused); r++) {
		if (r->count == 0)
			continue;
		memset(&m, 0, sizeof(m));
		m.flags = PF_INBOUND;
		m.stage = ST_ACCEPT;
		m.reason = (uint16_t)r->reason;
		m.disc_sent = m.disc_recv = DISC_NONE;
		m.remote = r->last;
		m.count = r->count;
		/* What cannot be told now is told with the next. */
		if (child_send(&m_attempt_desc, &m, -1) == -1)
			timer_add(&ln.report, REPORT_MS);
		else
			r->count = 0;
	}
}

static void
refuse(unsigned int reason, const struct addr *remote)
{
	struct refusals	*r;

	for (r = ln.refused; r < ln.refused + nitems_of(ln.refused); r++) {
		if (r->reason == reason) {
			r->count++;
			r->last = *remote;
			timer_add(&ln.report, REPORT_MS);
		}
	}
}

/*
 * With all slots taken nothing is accepted: who waits in the kernel's queue
 * keeps its turn.  So that silent ones cannot hold every slot for the whole
 * deadline, those without a whole auth after SILENT_MS then make room.
 */
static int
has_room(void *arg)
{
	uint32_t	 max = policy_net(ln.net.policy)->max_pending;

	if (setups_count(ln.net.setups) < (max == 0 ? 1 : max))
		return 1;
	timer_add(&ln.reap, REAP_MS);
	return 0;
}

static void
reap(int fd, short what, void *arg)
{
	if (ln.stopping || has_room(NULL))
		return;
	while (setups_reap(ln.net.setups, SILENT_MS))
		continue;
}

static void
take(int fd, const struct addr *remote, void *arg)
{
	struct setup_start	 start;
	unsigned int		 reason;
	int			 on = 1;

	if ((reason = policy_addr(ln.net.policy, remote)) != REASON_NONE ||
	    (reason = throttle_try(ln.throttle, remote, mono_ms())) != REASON_NONE) {
		refuse(reason, remote);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	memset(&start, 0, sizeof(start));
	start.conn = setups_number(ln.net.setups);
	start.fd = fd;
	start.flags = PF_INBOUND;
	start.remote = *remote;
	start.begun_ms = mono_ms();
	setup_begin(ln.net.setups, &start);
}

/* A slot and a descriptor are free: whatever had stopped us, look again. */
static void
setup_ended(const struct setup_end *end, void *arg)
{
	if (!ln.stopping)
		accepts_resume(ln.accepts);
}

static void
handle_net(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_net	*m = msg->body;
	struct throttle_conf	 tc;

	setupproc_net(&ln.net, m);
	tc.addr_secs = m->addr_secs;
	tc.net_count = m->net_count;
	tc.net_secs = m->net_secs;
	throttle_set(ln.throttle, &tc);
	if (channel_state(c) == CHILD_RUN && !ln.stopping)
		accepts_resume(ln.accepts);
}

static void
handle_listen(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_listen	*m = msg->body;
	char			 text[ADDR_STRLEN];
	int			 fd = msg->fd;

	msg->fd = -1;
	if (ln.stopping)
		close(fd);
	else if (accepts_add(ln.accepts, fd) == -1)
		fatal("listen on %s", addr_format(&m->addr, text));
}

static const struct chan_rule rules[] = {
	SETUPPROC_RULES,
	{ &m_net_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_net },
	{ &m_listen_desc, CHS_CONFIG | CHS_RUN, CHAN_FD, handle_listen },
};

static void
listener_init(const struct m_init *m, void *arg)
{
	struct accepts_conf	 ac;

	setupproc_init(&ln.net, m, setup_ended);
	memset(&ac, 0, sizeof(ac));
	ac.base = child_base();
	ac.room = has_room;
	ac.take = take;
	if ((ln.throttle = throttle_new()) == NULL ||
	    (ln.accepts = accepts_new(&ac)) == NULL)
		fatal("listener");
	event_assign(&ln.report, child_base(), -1, 0, report, NULL);
	event_assign(&ln.reap, child_base(), -1, 0, reap, NULL);
}

static void
listener_start(void *arg)
{
	accepts_resume(ln.accepts);
}

static void
listener_stop(uint32_t grace_ms, void *arg)
{
	ln.stopping = 1;
	accepts_close(ln.accepts);
	setups_stop(ln.net.setups);
}

static void
listener_down(void *arg)
{
	if (ln.accepts == NULL)
		return;
	event_del(&ln.report);
	event_del(&ln.reap);
	accepts_free(ln.accepts);
	throttle_free(ln.throttle);
	setupproc_free(&ln.net);
}

int
listener_main(int instance)
{
	static const struct child_conf	 conf = {
		.kind = PROC_LISTENER,
		.rules = rules,
		.nrules = nitems_of(rules),
		.init = listener_init,
		.start = listener_start,
		.stop = listener_stop,
		.down = listener_down,
		.arg = &ln.net,
	};

	return child_run(&conf);
}
