/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/ipc/proc.h"
#include "p2pd/child.h"

#define LOG_RATE	50		/* lines a second to the parent */
#define LOG_BURST	200
#define LAST_WORDS_MS	500

static struct {
	const struct child_conf	*conf;
	struct event_base	*base;
	struct channel		*parent;
	struct chan_rule	*rules;
	struct m_init		 init;
	int			 has_init;
	int			 stopping;
	int			 status;
	struct bucket		 log_bucket;
	uint32_t		 log_dropped;
} ch;

/*
 * A line that cannot go to the parent, for the rate or the queue, is counted;
 * the next that can tells how many were lost.
 */
static void
log_to_parent(int pri, const char *line, void *arg)
{
	struct m_log	 m;

	if (ch.parent == NULL) {
		log_line(pri, proc_name(ch.conf->kind), line);
		return;
	}
	if (pri > LOG_CRIT && (channel_full(ch.parent) ||
	    !bucket_take(&ch.log_bucket, 1, mono_us()))) {
		ch.log_dropped++;
		return;
	}
	memset(&m, 0, sizeof(m));
	m.pri = (uint8_t)pri;
	m.dropped = ch.log_dropped;
	strlcpy(m.line, line, sizeof(m.line));
	if (child_send(&m_log_desc, &m, -1) == -1) {
		ch.log_dropped++;
		return;
	}
	ch.log_dropped = 0;
	if (pri <= LOG_CRIT)
		channel_flush(ch.parent, LAST_WORDS_MS);
}

static void
handle_init(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_init	*m = msg->body;

	if (m->version != MSG_VERSION)
		fatalx("parent speaks version %u, this is %u", m->version,
		    MSG_VERSION);
	if (m->kind != ch.conf->kind)
		fatalx("parent takes this process for %s",
		    proc_name((enum proc_kind)m->kind));
	ch.init = *m;
	ch.has_init = 1;
	log_setverbose(m->verbose);
	channel_set_state(c, CHILD_CONFIG);
	if (ch.conf->init != NULL)
		ch.conf->init(&ch.init, ch.conf->arg);
}

static void
confine(struct proc_layers *layers)
{
	const struct proc_profile	*profile;
	struct proc_opts		 opts;
	const char			*name = proc_name(ch.conf->kind);
	char				 why[256] = "";

	if ((profile = proc_profile(name)) == NULL)
		fatalx("no sandbox profile for %s", name);
	memset(&opts, 0, sizeof(opts));
	opts.sandbox = (enum proc_sandbox)ch.init.sandbox;
	opts.uid = ch.init.uid;
	opts.gid = ch.init.gid;
	opts.chroot = ch.init.chroot;
	opts.maxfiles = ch.init.maxfiles;
	if (proc_confine(profile, &opts, layers, why, sizeof(why)) == -1)
		fatalx("cannot confine this process: %s", why);
}

static void
handle_start(struct channel *c, struct chan_msg *msg, void *arg)
{
	struct proc_layers	 layers;
	struct m_ready		 ready;

	memset(&layers, 0, sizeof(layers));
	confine(&layers);
	channel_set_state(c, CHILD_RUN);
	memset(&ready, 0, sizeof(ready));
	ready.version = MSG_VERSION;
	ready.active = layers.active;
	ready.unavailable = layers.unavailable;
	ready.landlock_abi = layers.landlock_abi;
	if (child_send(&m_ready_desc, &ready, -1) == -1)
		fatal("M_READY");
	if (ch.conf->start != NULL)
		ch.conf->start(ch.conf->arg);
}

static void
handle_verbose(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_verbose	*m = msg->body;

	log_setverbose(m->verbose);
}

static void
handle_stop(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_stop	*m = msg->body;

	if (ch.stopping)
		return;
	ch.stopping = 1;
	if (ch.conf->stop != NULL)
		ch.conf->stop(m->grace_ms, ch.conf->arg);
}

static const struct chan_rule own_rules[] = {
	{ &m_init_desc, CHS_NEW, CHAN_NOFD, handle_init },
	{ &m_start_desc, CHS_CONFIG, CHAN_NOFD, handle_start },
	{ &m_verbose_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_verbose },
	{ &m_stop_desc, CHS_RUN, CHAN_NOFD, handle_stop },
};

static void
handle_down(struct channel *c, const char *why, void *arg)
{
	if (ch.conf->down != NULL)
		ch.conf->down(ch.conf->arg);
	channel_free(c);
	ch.parent = NULL;
	if (why != NULL) {
		log_warnx("channel to the parent: %s", why);
		ch.status = 1;
	}
	event_base_loopbreak(ch.base);
}

static void
handle_drained(struct channel *c, void *arg)
{
	if (ch.conf->drained != NULL)
		ch.conf->drained(ch.conf->arg);
}

/* The terminal's and the service manager's signals are the parent's to act on. */
static void
ignore_signals(void)
{
	static const int	 sigs[] = { SIGPIPE, SIGHUP, SIGINT, SIGTERM,
	    SIGQUIT, SIGUSR1, SIGUSR2 };
	size_t			 i;

	for (i = 0; i < nitems_of(sigs); i++)
		signal(sigs[i], SIG_IGN);
}

static void
make_rules(const struct child_conf *conf)
{
	size_t	 own = nitems_of(own_rules);

	if ((ch.rules = calloc(own + conf->nrules, sizeof(*ch.rules))) == NULL)
		fatal("calloc");
	memcpy(ch.rules, own_rules, sizeof(own_rules));
	if (conf->nrules > 0)
		memcpy(ch.rules + own, conf->rules,
		    conf->nrules * sizeof(*ch.rules));
}

int
child_run(const struct child_conf *conf)
{
	struct chan_conf	 cc;

	memset(&ch, 0, sizeof(ch));
	ch.conf = conf;
	log_procinit(proc_name(conf->kind));
	ignore_signals();
	bucket_init(&ch.log_bucket, LOG_RATE, LOG_BURST, mono_us());
	if ((ch.base = event_base_new()) == NULL)
		fatalx("event_base_new");
	make_rules(conf);
	memset(&cc, 0, sizeof(cc));
	cc.name = proc_name(PROC_PARENT);
	cc.rules = ch.rules;
	cc.nrules = nitems_of(own_rules) + conf->nrules;
	cc.hiwat = CHAN_HIWAT;
	cc.lowat = CHAN_LOWAT;
	cc.limit = CHAN_LIMIT;
	cc.fdpass = 1;
	cc.down = handle_down;
	cc.drained = handle_drained;
	cc.arg = conf->arg;
	if ((ch.parent = channel_new(ch.base, PROC_CHANFD, &cc)) == NULL)
		fatal("channel to the parent");
	channel_set_state(ch.parent, CHILD_NEW);
	log_set_sink(log_to_parent, NULL);

	event_base_dispatch(ch.base);

	log_set_sink(NULL, NULL);
	if (ch.parent != NULL) {
		channel_flush(ch.parent, LAST_WORDS_MS);
		channel_free(ch.parent);
	}
	free(ch.rules);
	return ch.status;
}

void
child_exit(int status)
{
	ch.status = status;
	event_base_loopbreak(ch.base);
}

struct event_base *
child_base(void)
{
	return ch.base;
}

struct channel *
child_parent(void)
{
	return ch.parent;
}

const struct m_init *
child_init(void)
{
	return ch.has_init ? &ch.init : NULL;
}

int
child_send(const struct msgdesc *desc, const void *body, int fd)
{
	if (ch.parent == NULL) {
		if (fd != -1)
			close(fd);
		errno = EPIPE;
		return -1;
	}
	return channel_send(ch.parent, desc, body, fd);
}
