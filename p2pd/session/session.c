/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <string.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/crypto/evp.h"
#include "p2pd/child.h"
#include "p2pd/messages.h"
#include "p2pd/session/apps.h"
#include "p2pd/session/core.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/session.h"
#include "p2pd/session/show.h"

/* Takes the fd out of the message. */
static int
take_fd(struct chan_msg *msg)
{
	int	 fd = msg->fd;

	msg->fd = -1;
	return fd;
}

static void
handle_peer_start(struct channel *c, struct chan_msg *msg, void *arg)
{
	peer_start(msg->body, take_fd(msg));
}

static void
handle_peer_stop(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_peer_stop	*m = msg->body;

	peers_stop(m->handle, m->reason, m->disc);
}

static void
handle_peer_flags(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_peer_flags	*m = msg->body;
	struct peer			*p;

	if ((p = peer_find(m->handle)) != NULL)
		p->flags = m->flags;
}

static void
handle_app_open(struct channel *c, struct chan_msg *msg, void *arg)
{
	app_open(msg->body, take_fd(msg));
}

static void
handle_app_attached(struct channel *c, struct chan_msg *msg, void *arg)
{
	app_attached(msg->body);
}

static void
handle_app_updated(struct channel *c, struct chan_msg *msg, void *arg)
{
	app_updated(msg->body);
}

static void
handle_cap_gone(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_cap_gone	*m = msg->body;

	appcap_gone(m->capid);
}

static void
handle_show(struct channel *c, struct chan_msg *msg, void *arg)
{
	show_start(msg->body);
}

static void
handle_monitor(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_monitor	*m = msg->body;

	ses.monitor = m->messages;
}

static const struct chan_rule	 rules[] = {
	{ &m_peer_start_desc, CHS_RUN, CHAN_FD, handle_peer_start },
	{ &m_peer_stop_desc, CHS_RUN, CHAN_NOFD, handle_peer_stop },
	{ &m_peer_flags_desc, CHS_RUN, CHAN_NOFD, handle_peer_flags },
	{ &m_app_open_desc, CHS_RUN, CHAN_FD, handle_app_open },
	{ &m_app_attached_desc, CHS_RUN, CHAN_NOFD, handle_app_attached },
	{ &m_app_updated_desc, CHS_RUN, CHAN_NOFD, handle_app_updated },
	{ &m_cap_gone_desc, CHS_RUN, CHAN_NOFD, handle_cap_gone },
	{ &m_show_desc, CHS_RUN, CHAN_NOFD, handle_show },
	{ &m_monitor_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_monitor },
};

static int
to_parent(const struct msgdesc *desc, const void *body)
{
	return child_send(desc, body, -1);
}

static int
parent_full(void)
{
	return channel_full(child_parent());
}

static void
done(void)
{
	child_exit(0);
}

#ifdef __GLIBC__
/*
 * Buffers of large messages come and go: to have their pages from the system
 * and back for each would cost a sixth of all the work. So memory is kept
 * while there is traffic, and given back when it is quiet, or at times.
 */
#define KEEP		(16 * 1024 * 1024)
#define TRIM_S		5
#define TRIM_LATEST	12		/* of TRIM_S */
#define TRAFFIC		(1024 * 1024)	/* bytes, what is not quiet */

static struct event	*trim_ev;

static void
trim(int fd, short what, void *arg)
{
	static uint64_t		 last, trimmed;
	static unsigned int	 waited;
	uint64_t		 moved = ses.bytes_in + ses.bytes_out;

	if (moved - trimmed >= TRAFFIC && (moved - last < TRAFFIC ||
	    ++waited >= TRIM_LATEST)) {
		(void)malloc_trim(0);
		trimmed = moved;
		waited = 0;
	}
	last = moved;
}

static void
memory_init(void)
{
	static const struct timeval	 tv = { TRIM_S, 0 };

	(void)mallopt(M_MMAP_THRESHOLD, KEEP);
	(void)mallopt(M_TRIM_THRESHOLD, KEEP);
	trim_ev = event_new(child_base(), -1, EV_PERSIST, trim, NULL);
	if (trim_ev == NULL || event_add(trim_ev, &tv) == -1)
		fatalx("no memory");
}
#else
#define memory_init()	((void)0)
#endif

static void
hook_init(const struct m_init *m, void *arg)
{
	struct session_env	 env = { child_base(), to_parent, parent_full,
	    done };

	if (evp_algs() == NULL)
		fatalx("OpenSSL lacks an algorithm");
	if (session_setup(&env, m) == -1)
		fatal("session");
	memory_init();
}

static void
hook_stop(uint32_t grace_ms, void *arg)
{
	session_stop(grace_ms);
}

static void
hook_drained(void *arg)
{
	session_drained();
}

int
session_main(int instance)
{
	struct child_conf	 conf;

	memset(&conf, 0, sizeof(conf));
	conf.kind = PROC_SESSION;
	conf.rules = rules;
	conf.nrules = nitems_of(rules);
	conf.init = hook_init;
	conf.stop = hook_stop;
	conf.drained = hook_drained;
	return child_run(&conf);
}
