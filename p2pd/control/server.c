/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/base/log.h"
#include "p2pd/control/serverint.h"

#define ACCEPT_TURN	16	/* taken in one turn of the loop */

static int
set_flags(int fd)
{
	int	 fl;

	if ((fl = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, fl | O_NONBLOCK) == -1)
		return -1;
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int
accept_one(int lfd)
{
	int	 fd;

#ifdef HAVE_ACCEPT4
	fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
	if ((fd = accept(lfd, NULL, NULL)) != -1 && set_flags(fd) == -1) {
		close(fd);
		errno = ECONNABORTED;
		return -1;
	}
#endif
	return fd;
}

static void
listener_pause(struct listener *l)
{
	uint32_t	 ms = l->server->conf.pause_ms;
	struct timeval	 tv;

	log_warn("accept on a local socket, paused for %u ms", ms);
	tv.tv_sec = ms / 1000;
	tv.tv_usec = (suseconds_t)(ms % 1000) * 1000;
	event_del(l->ev);
	event_add(l->pause, &tv);
}

static void
listener_resume(evutil_socket_t fd, short what, void *arg)
{
	struct listener	*l = arg;

	event_add(l->ev, NULL);
}

static void
listener_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct listener	*l = arg;
	int		 fd, i;

	for (i = 0; i < ACCEPT_TURN; i++) {
		if ((fd = accept_one((int)lfd)) != -1) {
			if (l->kind == SOCK_APP)
				appconn_new(l->server, fd);
			else
				client_new(l->server, l->kind == SOCK_CTL_RO, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			listener_pause(l);
		return;
	}
}

static void
listener_free(struct listener *l)
{
	TAILQ_REMOVE(&l->server->listeners, l, entry);
	if (l->ev != NULL)
		event_free(l->ev);
	if (l->pause != NULL)
		event_free(l->pause);
	close(l->fd);
	free(l);
}

int
server_listen(struct server *s, enum sock_kind kind, int fd)
{
	struct listener	*l;
	int		 saved;

	if ((l = calloc(1, sizeof(*l))) == NULL) {
		close(fd);
		return -1;
	}
	l->server = s;
	l->kind = kind;
	l->fd = fd;
	TAILQ_INSERT_TAIL(&s->listeners, l, entry);
	if (set_flags(fd) == -1 ||
	    (l->ev = event_new(s->base, fd, EV_READ | EV_PERSIST,
	    listener_accept, l)) == NULL ||
	    (l->pause = evtimer_new(s->base, listener_resume, l)) == NULL ||
	    (s->running && event_add(l->ev, NULL) == -1)) {
		saved = errno;
		listener_free(l);
		errno = saved;
		return -1;
	}
	return 0;
}

struct server *
server_new(struct event_base *base, const struct server_conf *conf)
{
	struct server	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->base = base;
	s->conf = *conf;
	TAILQ_INIT(&s->listeners);
	TAILQ_INIT(&s->clients);
	TAILQ_INIT(&s->apps);
	return s;
}

void
server_free(struct server *s)
{
	struct listener	*l;
	struct client	*c;
	struct appconn	*a;

	if (s == NULL)
		return;
	while ((l = TAILQ_FIRST(&s->listeners)) != NULL)
		listener_free(l);
	/* Who said "stop" has its answer on the way. */
	while ((c = TAILQ_FIRST(&s->clients)) != NULL) {
		client_flush(c);
		client_free(c);
	}
	while ((a = TAILQ_FIRST(&s->apps)) != NULL)
		appconn_free(a);
	free(s);
}

int
server_start(struct server *s)
{
	struct listener	*l;

	s->running = 1;
	TAILQ_FOREACH(l, &s->listeners, entry)
		if (event_add(l->ev, NULL) == -1)
			return -1;
	return 0;
}

void
server_stop(struct server *s)
{
	struct listener	*l, *next;
	struct appconn	*a;

	for (l = TAILQ_FIRST(&s->listeners); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (l->kind == SOCK_APP)
			listener_free(l);
	}
	while ((a = TAILQ_FIRST(&s->apps)) != NULL)
		appconn_refuse(a, APE_STOPPING, "the daemon is stopping");
}

#ifdef __linux__
int
server_peer(int fd, uint32_t *uid, uint32_t *gid, uint32_t *pid)
{
	struct ucred	 cr;
	socklen_t	 len = sizeof(cr);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cr, &len) == -1)
		return -1;
	*uid = (uint32_t)cr.uid;
	*gid = (uint32_t)cr.gid;
	*pid = (uint32_t)cr.pid;
	return 0;
}
#else
int
server_peer(int fd, uint32_t *uid, uint32_t *gid, uint32_t *pid)
{
	uid_t	 u;
	gid_t	 g;

	if (getpeereid(fd, &u, &g) == -1)
		return -1;
	*uid = (uint32_t)u;
	*gid = (uint32_t)g;
	*pid = 0;
	return 0;
}
#endif

int
server_send(struct server *s, const struct msgdesc *d, const void *body, int fd)
{
	return s->conf.send(d, body, fd, s->conf.arg);
}

void
server_rec(struct server *s, const struct ctl_rec *rec)
{
	struct client	*c;

	if ((c = client_find(s, rec->conn)) != NULL)
		client_rec(c, rec);
}

void
server_end(struct server *s, const struct ctl_end *end)
{
	struct client	*c;

	if ((c = client_find(s, end->conn)) != NULL)
		client_end(c, end);
}

void
server_event(struct server *s, const struct m_event *ev)
{
	client_events(s, ev);
}

void
server_stats(const struct server *s, struct server_stats *st)
{
	st->clients = s->nclients[0] + s->nclients[1];
	st->apps = s->napps;
	st->lost = s->lost;
}
