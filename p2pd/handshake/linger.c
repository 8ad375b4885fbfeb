/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p2pd/handshake/linger.h"

struct lingerer {
	TAILQ_ENTRY(lingerer)	 entry;
	struct lingerers	*all;
	int			 fd;
	struct event		 rev;
	struct event		 wev;
	struct event		 timer;
	size_t			 discarded;
	size_t			 len, off;
	uint8_t			 out[];
};

struct lingerers {
	struct event_base		*base;
	TAILQ_HEAD(, lingerer)		 list;		/* oldest first */
	size_t				 n;
};

struct lingerers *
lingerers_new(struct event_base *base)
{
	struct lingerers	*all;

	if ((all = calloc(1, sizeof(*all))) == NULL)
		return NULL;
	all->base = base;
	TAILQ_INIT(&all->list);
	return all;
}

static void
linger_end(struct lingerer *l)
{
	TAILQ_REMOVE(&l->all->list, l, entry);
	l->all->n--;
	event_del(&l->rev);
	event_del(&l->wev);
	event_del(&l->timer);
	close(l->fd);
	free(l);
}

void
lingerers_free(struct lingerers *all)
{
	if (all == NULL)
		return;
	while (!TAILQ_EMPTY(&all->list))
		linger_end(TAILQ_FIRST(&all->list));
	free(all);
}

size_t
lingerers_count(const struct lingerers *all)
{
	return all->n;
}

static void
linger_read(int fd, short what, void *arg)
{
	struct lingerer	*l = arg;
	uint8_t		 scratch[8192];
	ssize_t		 n;

	n = read(fd, scratch, sizeof(scratch));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || (l->discarded += (size_t)n) >= LINGER_BYTES)
		linger_end(l);
}

static void
linger_write(int fd, short what, void *arg)
{
	struct lingerer	*l = arg;
	ssize_t		 n;

	while (l->off < l->len) {
		n = write(fd, l->out + l->off, l->len - l->off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			event_add(&l->wev, NULL);
			return;
		}
		if (n == -1) {
			linger_end(l);
			return;
		}
		l->off += (size_t)n;
	}
	if (shutdown(fd, SHUT_WR) == -1)
		linger_end(l);
}

static void
linger_timeout(int fd, short what, void *arg)
{
	linger_end(arg);
}

void
linger(struct lingerers *all, int fd, const void *out, size_t len)
{
	static const struct timeval	 limit = { LINGER_MS / 1000,
	    LINGER_MS % 1000 * 1000 };
	struct lingerer			*l;

	if ((l = calloc(1, sizeof(*l) + len)) == NULL) {
		if (write(fd, out, len) != -1)
			shutdown(fd, SHUT_WR);
		close(fd);
		return;
	}
	if (all->n >= LINGER_MAX)
		linger_end(TAILQ_FIRST(&all->list));
	l->all = all;
	l->fd = fd;
	l->len = len;
	memcpy(l->out, out, len);
	TAILQ_INSERT_TAIL(&all->list, l, entry);
	all->n++;
	event_assign(&l->rev, all->base, fd, EV_READ | EV_PERSIST, linger_read, l);
	event_assign(&l->wev, all->base, fd, EV_WRITE, linger_write, l);
	event_assign(&l->timer, all->base, -1, 0, linger_timeout, l);
	event_add(&l->rev, NULL);
	event_add(&l->timer, &limit);
	linger_write(fd, EV_WRITE, l);
}
