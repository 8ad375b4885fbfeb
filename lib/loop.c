/* SPDX-License-Identifier: ISC */
#include "config.h"

#ifdef HAVE_EPOLL_CREATE1
#include <sys/epoll.h>
#include <sys/timerfd.h>
#endif

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "lib/internal.h"

static int
is_open(const struct session *s)
{
	return s->state == S_HELLO || s->state == S_UP;
}

/* When p2papp_next() is due without any input: 0 at once, UINT64_MAX never. */
static uint64_t
deadline(const struct p2papp *h)
{
	const struct session	*s;
	uint64_t		 first = h->wake != 0 ? h->wake : UINT64_MAX, when;
	unsigned int		 i;

	if (h->fatal != 0 || h->due || h->ndraining > 0)
		return 0;
	for (i = 0; i < h->nslots; i++) {
		s = &h->s[i];
		if (is_open(s) && !s->c.drained)
			return 0;
		when = is_open(s) ? session_deadline(h, s) :
		    session_may_connect(h, s) ? s->when : UINT64_MAX;
		if (when < first)
			first = when;
	}
	return first;
}

size_t
p2papp_pollfds(struct p2papp *h, struct pollfd *fds, size_t max)
{
	struct session	*s;
	unsigned int	 i;
	size_t		 n = 0;

	for (i = 0; i < h->nslots; i++) {
		s = &h->s[i];
		if (!is_open(s))
			continue;
		if (n < max) {
			fds[n].fd = s->c.fd;
			fds[n].events = POLLIN;
			if (s->c.outlen > 0)
				fds[n].events |= POLLOUT;
			fds[n].revents = 0;
		}
		n++;
	}
	return n;
}

int
p2papp_timeout(struct p2papp *h)
{
	uint64_t	 now, first = deadline(h);

	if (first == UINT64_MAX)
		return -1;
	now = mono_ms();
	if (first <= now)
		return 0;
	return first - now > INT_MAX ? INT_MAX : (int)(first - now);
}

int
p2papp_wait(struct p2papp *h, int ms)
{
	struct pollfd	 fds[SESSIONS_MAX];
	size_t		 n;
	int		 r, own;

	if ((own = p2papp_timeout(h)) == 0)
		return 1;
	n = p2papp_pollfds(h, fds, SESSIONS_MAX);
	if (own == -1 || (ms >= 0 && ms < own))
		r = poll(fds, (nfds_t)n, ms);
	else if ((r = poll(fds, (nfds_t)n, own)) == 0)
		return 1;
	if (r == -1)
		return fail(h, errno, "poll");
	return r > 0;
}

#ifdef HAVE_EPOLL_CREATE1
/* All connections and a timer behind one descriptor. */
struct loop {
	int		 fd;
	int		 timer;
	uint64_t	 armed;
	struct {
		unsigned int	 serial;	/* of the connection known */
		uint32_t	 events;
	}		 at[SESSIONS_MAX];
};

void
loop_watch(struct p2papp *h, const struct session *s)
{
	struct epoll_event	 ev;
	struct loop		*l = h->loop;
	int			 op = EPOLL_CTL_MOD;

	if (l == NULL || !is_open(s))
		return;
	memset(&ev, 0, sizeof(ev));
	ev.events = EPOLLIN;
	if (s->c.outlen > 0)
		ev.events |= EPOLLOUT;
	/* A descriptor that was closed has left by itself. */
	if (l->at[s->index].serial != s->c.serial)
		op = EPOLL_CTL_ADD;
	else if (l->at[s->index].events == ev.events)
		return;
	if (epoll_ctl(l->fd, op, s->c.fd, &ev) == -1)
		return;
	l->at[s->index].serial = s->c.serial;
	l->at[s->index].events = ev.events;
}

static void
arm(struct loop *l, uint64_t when)
{
	struct itimerspec	 it;

	memset(&it, 0, sizeof(it));
	if (when == 0)
		it.it_value.tv_nsec = 1;
	else if (when != UINT64_MAX) {
		it.it_value.tv_sec = (time_t)(when / 1000);
		it.it_value.tv_nsec = (long)(when % 1000) * 1000000;
	}
	if (timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &it, NULL) == 0)
		l->armed = when;
}

void
loop_update(struct p2papp *h)
{
	uint64_t	 when;
	unsigned int	 i;

	if (h->loop == NULL)
		return;
	for (i = 0; i < h->nslots; i++)
		loop_watch(h, &h->s[i]);
	when = deadline(h);
	/* One that has gone off stays so until it is set anew. */
	if (when != h->loop->armed || (when != UINT64_MAX && when != 0 &&
	    when <= mono_ms()))
		arm(h->loop, when);
}

void
loop_free(struct p2papp *h)
{
	struct loop	*l = h->loop;

	if (l == NULL)
		return;
	if (l->timer != -1)
		close(l->timer);
	if (l->fd != -1)
		close(l->fd);
	free(l);
	h->loop = NULL;
}

static int
loop_new(struct p2papp *h)
{
	struct epoll_event	 ev;
	struct loop		*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return -1;
	h->loop = l;
	l->armed = UINT64_MAX;
	l->fd = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	memset(&ev, 0, sizeof(ev));
	ev.events = EPOLLIN;
	if (l->fd == -1 || l->timer == -1 ||
	    epoll_ctl(l->fd, EPOLL_CTL_ADD, l->timer, &ev) == -1) {
		loop_free(h);
		return -1;
	}
	return 0;
}

int
p2papp_fd(struct p2papp *h)
{
	if (h->loop == NULL && loop_new(h) == -1)
		return fail(h, errno, "no descriptor to poll");
	loop_update(h);
	return h->loop->fd;
}
#else
void
loop_watch(struct p2papp *h, const struct session *s)
{
}

void
loop_update(struct p2papp *h)
{
}

void
loop_free(struct p2papp *h)
{
}

int
p2papp_fd(struct p2papp *h)
{
	return fail(h, ENOSYS, "no descriptor to poll on this system");
}
#endif
