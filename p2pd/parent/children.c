/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/parent.h"

/*
 * A child is gone when it is reaped and its channel is at its end: then every
 * last word of it has been heard. It is started again, since giving up on one
 * that has worked would be a remote off switch.
 */
#define UNREADY_MAX	5		/* deaths before ready until given up */
#define BACKOFF_MIN	50		/* ms to the first restart */
#define BACKOFF_MAX	30000
#define BACKOFF_RESET	60000		/* up for so long: forgiven */
#define RESOLVER_RESET	4000		/* who hangs on a name is no crash */
#define READY_MS	15000		/* from start to M_READY, unless it reads */
#define READY_READS	262144		/* bytes: more than its socket takes unread */
#define LOG_RATE	200		/* lines a second that a child may log */
#define LOG_BURST	1000
#define ALONE_MS	50		/* at most, until the next may start */
#define KNOCK_MS	5		/* for who waited at the door */
#define LEAVE_MS	2000		/* from the channel's end to exit */

/*
 * Messages a second that are taken in; beyond, a child waits, and what it has
 * to say waits with it. Ten times what has been seen under load: a set-up is
 * six messages of its child, and sessions tell of single messages when somebody
 * monitors these.
 */
static const size_t rates[PROC_KINDS] = {
	[PROC_CONTROL] = 10000,
	[PROC_LISTENER] = 50000,
	[PROC_DIALER] = 50000,
	[PROC_SESSION] = 200000,
	[PROC_RESOLVER] = 1000,
	[PROC_DISCOVERY] = 50000
};

static const struct timeval ready_tv = { READY_MS / 1000, 0 };
static void	 child_spawn(struct child *);
static struct event *rest_ev;
static int	 rest_begun;
static void	 children_rest(int, short, void *);
static void	 child_timer(int, short, void *);

const char *
child_state_name(enum child_state s)
{
	static const char *const names[] = { "down", "starting", "running",
	    "given up" };

	return names[s];
}

static struct child *
child_add(enum proc_kind kind, unsigned int instance)
{
	struct child *c = &parent.child[parent.nchildren++];

	c->kind = kind;
	c->instance = instance;
	c->state = CH_DOWN;
	RB_INIT(&c->conns);
	TAILQ_INIT(&c->keyq);
	/* Not anew with each life of it. */
	bucket_init(&c->key_bucket, KEYOPS_RATE, KEYOPS_RATE, mono_us());
	TAILQ_INIT(&c->d4q);
	d4sign_drop(c);
	c->timer = evtimer_new(parent.base, child_timer, c);
	if (c->timer == NULL)
		fatalx("no memory");
	return c;
}

void
children_init(void)
{
	unsigned int i;

	/*
	 * As they are started: applications find all sessions there, and those
	 * that wait at the door are in before nodes are dialed for them.
	 */
	child_add(PROC_LISTENER, 0);
	for (i = 0; i < parent.conf->sessions; i++)
		child_add(PROC_SESSION, i);
	child_add(PROC_CONTROL, 0);
	child_add(PROC_DIALER, 0);
	if (disc_wanted())
		child_add(PROC_DISCOVERY, 0);
	child_add(PROC_RESOLVER, 0);
	rest_ev = evtimer_new(parent.base, children_rest, NULL);
	if (rest_ev == NULL)
		fatalx("no memory");
}

struct child *
child_next(enum proc_kind kind, struct child *c)
{
	c = c == NULL ? parent.child : c + 1;
	for (; c < parent.child + parent.nchildren; c++)
		if (c->kind == kind)
			return c;
	return NULL;
}

struct child *
child_first(enum proc_kind kind)
{
	return child_next(kind, NULL);
}

struct child *
child_session(unsigned int instance)
{
	struct child *c;

	for (c = child_next(PROC_SESSION, NULL); c != NULL;
	    c = child_next(PROC_SESSION, c))
		if (c->instance == instance)
			return c;
	return NULL;
}

int
child_ready(const struct child *c)
{
	return c->state == CH_READY && c->ch != NULL && c->bad == NULL;
}

static void
send_failed(struct child *c, const struct msgdesc *d)
{
	log_warn("%s: cannot send %s", proc_name(c->kind), d->name);
	if (errno == ENOBUFS)
		child_kill(c, "does not read its channel");
	/* What it has not been told it would never know. */
	if (errno == ENOMEM)
		child_kill(c, "cannot be told all for want of memory");
}

int
child_msg(struct child *c, const struct msgdesc *d, const void *body, int fd)
{
	if (c == NULL || c->ch == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	if (channel_send(c->ch, d, body, fd) == 0)
		return 0;
	send_failed(c, d);
	return -1;
}

void
child_news(enum proc_kind kind, const struct msgdesc *d, const void *body)
{
	struct child *c = child_first(kind);

	if (c != NULL && c->ch != NULL &&
	    channel_send_later(c->ch, d, body) == -1)
		send_failed(c, d);
}

void
children_msg(enum proc_kind kind, const struct msgdesc *d, const void *body)
{
	struct child *c;

	for (c = child_next(kind, NULL); c != NULL; c = child_next(kind, c))
		if (c->state != CH_DOWN)
			child_msg(c, d, body, -1);
}

/*
 * Nothing more of it is heard, and nothing it left is taken away here: that
 * may be in the hands of who calls.
 */
void
child_kill(struct child *c, const char *why)
{
	static const struct timeval now = { 0, 0 };

	/* One that is dead already must not carry this into its next life. */
	if (c->bad != NULL || (c->pid == 0 && c->ch == NULL))
		return;
	c->bad = why;
	log_warnx("%s[%u]: %s: ending it", proc_name(c->kind), c->instance, why);
	channel_free(c->ch);
	c->ch = NULL;
	if (c->pid > 0)
		kill(c->pid, SIGKILL);
	else
		evtimer_add(c->timer, &now);
}

static void
child_died_event(struct child *c)
{
	struct rec r;

	if (!event_wanted())
		return;
	event_begin(&r, "process-died");
	rec_str(&r, "process", proc_name(c->kind));
	rec_u64(&r, "instance", c->instance);
	rec_str(&r, "cause", c->cause);
	event_send(&r);
}

/* Tells whom it concerns. */
static void
child_mourn(struct child *c)
{
	conns_drop(c);
	switch (c->kind) {
	case PROC_SESSION:
		peers_session_died(c);
		show_child_died(c);
		attach_session_died(c);
		attach_session_changed(c);
		break;
	case PROC_CONTROL:
		control_lost();
		break;
	case PROC_DIALER:
		resolve_dialer_gone();
		show_child_died(c);
		break;
	case PROC_RESOLVER:
		resolve_resolver_gone();
		break;
	case PROC_DISCOVERY:
		d4sign_drop(c);
		disc_died(c);
		show_child_died(c);
		break;
	default:
		break;
	}
}

static unsigned int
child_delay(struct child *c, int was_ready)
{
	unsigned int reset = c->kind == PROC_RESOLVER ? RESOLVER_RESET :
	    BACKOFF_RESET;

	if (was_ready && mono_ms() - c->since_ms >= reset)
		c->backoff_ms = 0;
	c->backoff_ms = c->backoff_ms == 0 ? BACKOFF_MIN : c->backoff_ms * 2;
	if (c->backoff_ms > BACKOFF_MAX)
		c->backoff_ms = BACKOFF_MAX;
	return c->backoff_ms;
}

static void
child_give_up(struct child *c)
{
	c->state = CH_GIVEN_UP;
	log_warnx("%s[%u] died %u times before it was ready: given up; "
	    "restart the daemon when the cause is mended", proc_name(c->kind),
	    c->instance, c->unready);
	if (c->kind == PROC_RESOLVER)
		resolve_resolver_gone();
	/* Without it nobody could ask what is wrong. */
	if (c->kind == PROC_CONTROL) {
		parent.failed = 1;
		stop_begin("this start has failed");
	}
}

static void
child_gone(struct child *c)
{
	int was_ready = c->state == CH_READY;
	struct timeval tv;
	unsigned int ms;

	if (c->pid != 0 || c->ch != NULL || c->state == CH_DOWN)
		return;
	if (!parent.stopping)
		log_warnx("%s[%u] died: %s", proc_name(c->kind), c->instance,
		    c->cause);
	c->unready = was_ready ? 0 : c->unready + 1;
	ms = child_delay(c, was_ready);
	c->state = CH_DOWN;
	c->bad = NULL;
	c->since_ms = mono_ms();
	evtimer_del(c->timer);
	child_mourn(c);
	if (parent.stopping) {
		stop_child_gone();
		return;
	}
	child_died_event(c);
	if (c->unready >= UNREADY_MAX && !c->worked) {
		child_give_up(c);
		return;
	}
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	evtimer_add(c->timer, &tv);
}

static void
child_down(struct channel *ch, const char *why, void *arg)
{
	static const struct timeval tv = { LEAVE_MS / 1000,
	    LEAVE_MS % 1000 * 1000 };
	struct child *c = arg;

	c->ch = NULL;
	if (why != NULL && c->bad == NULL)
		log_warnx("%s[%u]: %s", proc_name(c->kind), c->instance, why);
	channel_free(ch);
	/* One that leaves by itself may do so, and its exit status be seen. */
	if (c->pid > 0 && why != NULL)
		kill(c->pid, SIGKILL);
	else if (c->pid > 0)
		evtimer_add(c->timer, &tv);
	child_gone(c);
}

static void
child_drained(struct channel *ch, void *arg)
{
	channel_resume(ch);
	if (((const struct child *)arg)->kind == PROC_CONTROL)
		show_turn();
}

static void
child_cause(struct child *c, int status)
{
	c->status = status;
	if (WIFSIGNALED(status))
		snprintf(c->cause, sizeof(c->cause), "signal %d (%s)%s%s",
		    WTERMSIG(status), strsignal(WTERMSIG(status)),
		    c->bad != NULL ? ": " : "", c->bad != NULL ? c->bad : "");
	else
		snprintf(c->cause, sizeof(c->cause), "exit status %d",
		    WEXITSTATUS(status));
}

static void
children_reap(int sig, short what, void *arg)
{
	struct child *c;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (c = parent.child; c < parent.child + parent.nchildren; c++)
			if (c->pid == pid)
				break;
		if (c == parent.child + parent.nchildren)
			continue;
		child_cause(c, status);
		c->pid = 0;
		child_gone(c);
	}
}

/*
 * What it has to know at start is as much as there is: bans, nodes and peers
 * have bounds of their own, which are no reason to end a process for. All that
 * comes later counts.
 */
static void
child_limit(struct child *c)
{
	/* Control is asked for whole tables: see send_rec(). */
	size_t limit = c->kind == PROC_CONTROL ? 4 * CHAN_LIMIT : CHAN_LIMIT;

	if (c->ch == NULL)
		return;
	c->unread = channel_queued(c->ch);
	channel_set_limit(c->ch, c->unread + limit);
}

static void
child_spawn(struct child *c)
{
	struct chan_conf cc;
	size_t n;
	int fd;

	c->state = CH_STARTING;
	c->since_ms = mono_ms();
	bucket_init(&c->log_bucket, LOG_RATE, LOG_BURST, mono_us());
	c->pid = proc_spawn(parent.binfd, proc_name(c->kind), c->instance, NULL,
	    &fd);
	if (c->pid == -1) {
		log_warn("cannot start %s[%u]", proc_name(c->kind), c->instance);
		c->pid = 0;
		snprintf(c->cause, sizeof(c->cause), "could not be started");
		child_gone(c);
		return;
	}
	memset(&cc, 0, sizeof(cc));
	cc.name = proc_name(c->kind);
	cc.rules = rules_for(c->kind, &n);
	cc.nrules = n;
	cc.hiwat = CHAN_HIWAT;
	cc.lowat = CHAN_LOWAT;
	cc.limit = SIZE_MAX;
	cc.rate = rates[c->kind];
	cc.fdpass = 1;
	cc.down = child_down;
	cc.drained = child_drained;
	cc.arg = c;
	evtimer_add(c->timer, &ready_tv);
	c->ch = channel_new(parent.base, fd, &cc);
	if (c->ch == NULL) {
		log_warn("channel of %s[%u]", proc_name(c->kind), c->instance);
		kill(c->pid, SIGKILL);
		return;
	}
	childconf_send(c);
	child_limit(c);
}

/*
 * There may be a great deal to tell it, which takes a slow machine longer: one
 * that has read a part of it does not hang. What is left has to get less.
 */
static int
child_reads(struct child *c)
{
	size_t left = channel_queued(c->ch);

	if (c->unread < left || c->unread - left < READY_READS)
		return 0;
	c->unread = left;
	return 1;
}

static void
child_timer(int fd, short what, void *arg)
{
	struct child *c = arg;

	if (c->state == CH_DOWN) {
		if (!parent.stopping) {
			c->restarts++;
			child_spawn(c);
		}
	} else if (c->ch == NULL) {
		if (c->pid > 0)
			kill(c->pid, SIGKILL);
		child_gone(c);
	} else if (c->state == CH_STARTING) {
		if (child_reads(c))
			evtimer_add(c->timer, &ready_tv);
		else
			child_kill(c, "not ready in time");
	}
}

/*
 * Peers knock from the first moment on, and programs loading their libraries
 * are most of a start: the listener and the first session, who let peers in,
 * have the processors to themselves until they are ready, and a moment more,
 * for those that have waited. Then the others, one after another, so that peers
 * are let in meanwhile.
 */
static void
children_rest(int fd, short what, void *arg)
{
	static const struct timeval tv = { 0, ALONE_MS * 1000 };
	struct child *c;

	for (c = parent.child; c < parent.child + parent.nchildren; c++)
		if (c->state == CH_DOWN && c->since_ms == 0)
			break;
	if (c == parent.child + parent.nchildren || parent.stopping)
		return;
	rest_begun = 1;
	child_spawn(c);
	evtimer_add(rest_ev, &tv);
}

void
children_start(void)
{
	static const struct timeval tv = { 0, ALONE_MS * 1000 };
	static struct event *ev;

	ev = evsignal_new(parent.base, SIGCHLD, children_reap, NULL);
	if (ev == NULL || evsignal_add(ev, NULL) == -1)
		fatalx("no memory");
	child_spawn(child_first(PROC_LISTENER));
	child_spawn(child_first(PROC_SESSION));
	evtimer_add(rest_ev, &tv);
}

void
children_one_ready(void)
{
	static const struct timeval now = { 0, 0 },
	    moment = { 0, KNOCK_MS * 1000 };
	struct child *c;

	if (!evtimer_pending(rest_ev, NULL))
		return;
	for (c = parent.child; c < parent.child + parent.nchildren; c++)
		if (c->state == CH_STARTING)
			return;
	evtimer_add(rest_ev, rest_begun ? &now : &moment);
}

void
children_close(void)
{
	struct child *c;

	for (c = parent.child; c < parent.child + parent.nchildren; c++) {
		if (c->ch != NULL) {
			channel_free(c->ch);
			c->ch = NULL;
		}
	}
}

unsigned int
children_alive(void)
{
	struct child *c;
	unsigned int n = 0;

	for (c = parent.child; c < parent.child + parent.nchildren; c++)
		n += c->pid > 0;
	return n;
}
