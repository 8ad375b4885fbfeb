/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/control/intro.h"
#include "p2pd/control/serverint.h"

/* An application that has connected and not yet introduced itself. */
struct appconn {
	TAILQ_ENTRY(appconn)	 entry;
	struct server		*server;
	int			 fd;
	struct event		*ev;
	struct event		*timer;
	uint32_t		 uid, gid, pid;
	struct intro		 intro;
};

void
appconn_free(struct appconn *a)
{
	TAILQ_REMOVE(&a->server->apps, a, entry);
	a->server->napps--;
	if (a->ev != NULL)
		event_free(a->ev);
	if (a->timer != NULL)
		event_free(a->timer);
	if (a->fd != -1)
		close(a->fd);
	free(a);
}

/* Says why, if there is room to, and closes. */
void
appconn_refuse(struct appconn *a, enum app_error error, const char *text)
{
	uint8_t		 buf[APP_HEADER + 256];
	struct app_head	 head;
	size_t		 n;

	log_debug("application of uid %u, pid %u: %s", a->uid, a->pid, text);
	memset(&head, 0, sizeof(head));
	n = app_error_encode(buf + APP_HEADER, sizeof(buf) - APP_HEADER,
	    (uint16_t)error, 0, text);
	head.len = (uint32_t)n;
	head.type = AF_ERROR;
	head.request = a->intro.head.request;
	app_head_encode(buf, &head);
	if (send(a->fd, buf, APP_HEADER + n, MSG_NOSIGNAL) == -1)
		log_debug("application of uid %u: could not be told", a->uid);
	appconn_free(a);
}

static void
appconn_pass(struct appconn *a)
{
	struct server			*s = a->server;
	const struct app_hello		*h = &a->intro.hello;
	struct m_app			 m;
	int				 fd = a->fd;

	memset(&m, 0, sizeof(m));
	m.uid = a->uid;
	m.gid = a->gid;
	m.pid = a->pid;
	m.session = h->session;
	m.request = a->intro.head.request;
	m.features = h->features;
	memcpy(m.token, h->token, sizeof(m.token));
	text_escape(m.name, sizeof(m.name), h->name, strlen(h->name));
	a->fd = -1;
	appconn_free(a);
	if (server_send(s, &m_app_new_desc, &m, fd) == -1)
		log_warnx("application of uid %u: the parent does not take it",
		    m.uid);
}

static const char *
intro_text(enum app_error error)
{
	switch (error) {
	case APE_VERSION:
		return "this daemon speaks another major version";
	case APE_TOOBIG:
		return "hello is too long";
	default:
		return "hello expected";
	}
}

static void
appconn_read(evutil_socket_t fd, short what, void *arg)
{
	struct appconn	*a = arg;
	struct intro	*in = &a->intro;
	ssize_t		 n;
	int		 r = 0;

	while (r == 0) {
		n = recv(a->fd, in->buf + in->have, intro_want(in), 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			appconn_free(a);
			return;
		}
		r = intro_got(in, (size_t)n);
	}
	if (r == -1)
		appconn_refuse(a, in->error, intro_text(in->error));
	else
		appconn_pass(a);
}

/* One deadline for the whole hello, which single bytes do not put off. */
static void
appconn_deadline(evutil_socket_t fd, short what, void *arg)
{
	appconn_refuse(arg, APE_MALFORMED, "no hello in time");
}

void
appconn_new(struct server *s, int fd)
{
	struct appconn	*a;
	struct timeval	 tv;

	if ((a = calloc(1, sizeof(*a))) == NULL) {
		log_warn("application");
		close(fd);
		return;
	}
	a->server = s;
	a->fd = fd;
	intro_init(&a->intro);
	TAILQ_INSERT_TAIL(&s->apps, a, entry);
	s->napps++;
	if (server_peer(fd, &a->uid, &a->gid, &a->pid) == -1) {
		log_warn("application's credentials");
		appconn_free(a);
		return;
	}
	tv.tv_sec = s->conf.hello_ms / 1000;
	tv.tv_usec = (suseconds_t)(s->conf.hello_ms % 1000) * 1000;
	if ((a->ev = event_new(s->base, fd, EV_READ | EV_PERSIST, appconn_read,
	    a)) == NULL || event_add(a->ev, NULL) == -1 ||
	    (a->timer = evtimer_new(s->base, appconn_deadline, a)) == NULL ||
	    event_add(a->timer, &tv) == -1) {
		appconn_free(a);
		return;
	}
	/* An honest one is done in no time: the oldest gives way. */
	if (s->napps > SERVER_APPS)
		appconn_refuse(TAILQ_FIRST(&s->apps), APE_DENIED,
		    "too many connections without a hello");
}
