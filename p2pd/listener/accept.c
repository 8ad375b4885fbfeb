/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "p2pd/listener/accept.h"

struct lsock {
	LIST_ENTRY(lsock)	 entry;
	struct accepts		*all;
	struct event		 ev;
	int			 fd;
};

struct accepts {
	struct accepts_conf	 conf;
	LIST_HEAD(, lsock)	 socks;
	struct event		 timer;
	int			 running;
	unsigned int		 pause_ms;	/* 0: not paused; the last one */
	int			 paused;
	unsigned int		 aborted;	/* in a row */
};

static void
set_running(struct accepts *all, int on)
{
	struct lsock	*l;

	all->running = on;
	LIST_FOREACH(l, &all->socks, entry) {
		if (on)
			event_add(&l->ev, NULL);
		else
			event_del(&l->ev);
	}
}

/* An episode of shortage is told once: it ends with the next accept. */
static void
pause_accept(struct accepts *all, int err)
{
	struct timeval	 tv;

	if (all->pause_ms == 0) {
		log_warnx("accept: %s: pausing", strerror(err));
		all->pause_ms = ACCEPT_PAUSE_MIN;
	} else if ((all->pause_ms *= 2) > ACCEPT_PAUSE_MAX)
		all->pause_ms = ACCEPT_PAUSE_MAX;
	set_running(all, 0);
	all->paused = 1;
	tv.tv_sec = all->pause_ms / 1000;
	tv.tv_usec = all->pause_ms % 1000 * 1000;
	event_add(&all->timer, &tv);
}

static void
pause_over(int fd, short what, void *arg)
{
	accepts_resume(arg);
}

static int
accept_one(int lfd, struct sockaddr_storage *ss)
{
	socklen_t	 len = sizeof(*ss);
	int		 fd;

#ifdef HAVE_ACCEPT4
	fd = accept4(lfd, (struct sockaddr *)ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
	if ((fd = accept(lfd, (struct sockaddr *)ss, &len)) != -1 &&
	    (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1)) {
		close(fd);
		errno = ECONNABORTED;
		fd = -1;
	}
#endif
	return fd;
}

/* Whether to go on in this turn. */
static int
accept_failed(struct accepts *all, int err)
{
	switch (err) {
	case EAGAIN:
		return 0;
	case EINTR:
		return 1;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
		pause_accept(all, err);
		return 0;
	default:
		/*
		 * ECONNABORTED, and on Linux errors of the new connection: one
		 * peer's doing, which must not stop the others.
		 */
		if (++all->aborted <= ACCEPT_TURN)
			return 1;
		pause_accept(all, err);
		return 0;
	}
}

static void
accept_ready(int lfd, short what, void *arg)
{
	struct accepts		*all = ((struct lsock *)arg)->all;
	struct sockaddr_storage	 ss;
	struct addr		 remote;
	int			 fd, i;

	for (i = 0; i < ACCEPT_TURN && all->running; i++) {
		if (!all->conf.room(all->conf.arg)) {
			set_running(all, 0);
			return;
		}
		memset(&ss, 0, sizeof(ss));
		if ((fd = accept_one(lfd, &ss)) == -1) {
			if (!accept_failed(all, errno))
				return;
			continue;
		}
		if (all->pause_ms != 0)
			log_info("accept: going on");
		all->pause_ms = 0;
		all->aborted = 0;
		if (addr_from_sa(&remote, (struct sockaddr *)&ss) == -1)
			close(fd);
		else
			all->conf.take(fd, &remote, all->conf.arg);
	}
}

struct accepts *
accepts_new(const struct accepts_conf *conf)
{
	struct accepts	*all;

	if ((all = calloc(1, sizeof(*all))) == NULL)
		return NULL;
	all->conf = *conf;
	LIST_INIT(&all->socks);
	event_assign(&all->timer, conf->base, -1, 0, pause_over, all);
	return all;
}

int
accepts_add(struct accepts *all, int fd)
{
	struct lsock	*l;
	int		 flags, saved_errno;

	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    (l = calloc(1, sizeof(*l))) == NULL) {
		saved_errno = errno;
		close(fd);
		errno = saved_errno;
		return -1;
	}
	l->all = all;
	l->fd = fd;
	event_assign(&l->ev, all->conf.base, fd, EV_READ | EV_PERSIST,
	    accept_ready, l);
	LIST_INSERT_HEAD(&all->socks, l, entry);
	if (all->running)
		event_add(&l->ev, NULL);
	return 0;
}

void
accepts_resume(struct accepts *all)
{
	all->paused = 0;
	event_del(&all->timer);
	if (!all->running)
		set_running(all, 1);
}

int
accepts_paused(const struct accepts *all)
{
	return all->paused;
}

void
accepts_close(struct accepts *all)
{
	struct lsock	*l;

	event_del(&all->timer);
	all->running = all->paused = 0;
	while ((l = LIST_FIRST(&all->socks)) != NULL) {
		LIST_REMOVE(l, entry);
		event_del(&l->ev);
		close(l->fd);
		free(l);
	}
}

void
accepts_free(struct accepts *all)
{
	if (all == NULL)
		return;
	accepts_close(all);
	free(all);
}
