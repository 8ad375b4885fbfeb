/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/ipc/channel.h"
#include "common/ipc/imsg.h"

#define TURN_MSGS	256	/* handled before others have their turn */
#define TURN_WRITES	64
#define SEND_MAX	(1024 * 1024)
#define SEND_HINT	240	/* most messages are smaller */
#define LATER_MS	10

struct bounds {
	size_t		 min, max;
};

struct channel {
	struct imsgbuf		 ib;
	struct chan_conf	 conf;
	struct bounds		*bounds;	/* one a rule */
	uint8_t			*body;		/* scratch for the largest rule */
	struct event		 ev_read;
	struct event		 ev_write;
	struct event		 ev_more;	/* messages wait, not the socket */
	struct event		 ev_later;	/* what is queued can wait so long */
	struct bucket		 bucket;
	struct chan_stats	 stats;
	unsigned int		 state;
	unsigned int		 busy;		/* callbacks running */
	int			 paused;
	int			 filled;	/* was over hiwat */
	int			 mute;		/* the other side reads no more */
	int			 ended;		/* down() was called */
	int			 freed;		/* by a callback: last one out frees */
};

static void	 readable(int, short, void *);
static void	 writable(int, short, void *);
static void	 more(int, short, void *);
static void	 later(int, short, void *);

static int
measure(struct channel *c)
{
	const struct msgdesc	*d;
	size_t			 i, size = 1, max = 0;

	if ((c->bounds = calloc(c->conf.nrules + 1, sizeof(*c->bounds))) == NULL)
		return -1;
	for (i = 0; i < c->conf.nrules; i++) {
		d = c->conf.rules[i].desc;
		c->bounds[i].min = msg_minlen(d);
		c->bounds[i].max = msg_maxlen(d);
		if (c->bounds[i].max > max)
			max = c->bounds[i].max;
		if (d->size > size)
			size = d->size;
	}
	if ((c->body = malloc(size)) == NULL)
		return -1;
	/* Nothing is allocated for a message that no rule could take. */
	if (imsgbuf_set_maxsize(&c->ib, SEND_MAX) == -1)
		return -1;
	return imsgbuf_set_readmax(&c->ib, (uint32_t)max);
}

struct channel *
channel_new(struct event_base *base, int fd, const struct chan_conf *conf)
{
	struct channel	*c;
	int		 flags, saved_errno;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return NULL;
	}
	imsgbuf_init(&c->ib, fd);
	c->conf = *conf;
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    ((flags & O_NONBLOCK) == 0 &&
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1) ||
	    measure(c) == -1 ||
	    event_assign(&c->ev_read, base, fd, EV_READ | EV_PERSIST, readable,
	    c) == -1 ||
	    event_assign(&c->ev_write, base, fd, EV_WRITE, writable, c) == -1 ||
	    evtimer_assign(&c->ev_more, base, more, c) == -1 ||
	    evtimer_assign(&c->ev_later, base, later, c) == -1 ||
	    event_add(&c->ev_read, NULL) == -1) {
		saved_errno = errno;
		close(fd);
		free(c->bounds);
		free(c->body);
		free(c);
		errno = saved_errno;
		return NULL;
	}
	if (conf->fdpass)
		imsgbuf_allow_fdpass(&c->ib);
	if (conf->rate != 0)
		bucket_init(&c->bucket, (double)conf->rate, (double)conf->rate,
		    mono_us());
	return c;
}

static void
quiet(struct channel *c)
{
	event_del(&c->ev_read);
	event_del(&c->ev_write);
	event_del(&c->ev_more);
	event_del(&c->ev_later);
}

static void
release(struct channel *c)
{
	free(c->bounds);
	free(c->body);
	free(c);
}

void
channel_free(struct channel *c)
{
	if (c == NULL || c->freed)
		return;
	quiet(c);
	imsgbuf_clear(&c->ib);
	close(c->ib.fd);
	c->freed = 1;
	if (c->busy == 0)
		release(c);
}

/* Every callback runs between these two: it may free the channel. */
static void
enter(struct channel *c)
{
	c->busy++;
}

static void
leave(struct channel *c)
{
	if (--c->busy == 0 && c->freed)
		release(c);
}

static void
finish(struct channel *c, const char *why)
{
	if (c->ended || c->freed)
		return;
	c->ended = 1;
	quiet(c);
	c->conf.down(c, why, c->conf.arg);
}

static void
refuse(struct channel *c, const struct imsg *m, const char *what)
{
	char	 why[128];

	c->stats.bad++;
	snprintf(why, sizeof(why), "message %u of %zu bytes: %s",
	    imsg_get_type(m), imsg_get_len(m), what);
	finish(c, why);
}

/* The rule for a message, or NULL and the reason why it may not come in. */
static const struct chan_rule *
admit(const struct channel *c, const struct imsg *m, const char **what)
{
	const struct chan_rule	*r;
	size_t			 i, len = imsg_get_len(m);

	for (i = 0; i < c->conf.nrules; i++) {
		r = &c->conf.rules[i];
		if (r->desc->type != imsg_get_type(m))
			continue;
		*what = NULL;
		if ((r->states & 1U << c->state) == 0)
			*what = "not in this state";
		else if (len < c->bounds[i].min)
			*what = "too short";
		else if (len > c->bounds[i].max)
			*what = "too long";
		else if (r->fd == CHAN_FD && !ibuf_fd_avail(m->buf))
			*what = "without its fd";
		else if (r->fd == CHAN_NOFD && ibuf_fd_avail(m->buf))
			*what = "with an fd";
		return *what == NULL ? r : NULL;
	}
	*what = "not allowed";
	return NULL;
}

static void
deliver(struct channel *c, struct imsg *m)
{
	const struct chan_rule	*r;
	const char		*what;
	struct chan_msg		 cm;
	size_t			 size;

	c->stats.in++;
	c->stats.in_bytes += IMSG_HEADER_SIZE + imsg_get_len(m);
	if ((r = admit(c, m, &what)) == NULL) {
		refuse(c, m, what);
		return;
	}
	size = r->desc->size;
	if (msg_decode(r->desc, m->buf, c->body) == -1) {
		refuse(c, m, "malformed");
		return;
	}
	cm.type = r->desc->type;
	cm.body = c->body;
	cm.fd = imsg_get_fd(m);
	r->fn(c, &cm, c->conf.arg);
	if (cm.fd != -1)
		close(cm.fd);
	explicit_bzero(c->body, size);
}

static int
stopped(const struct channel *c)
{
	return c->freed || c->ended || c->paused;
}

/* Until a message may be taken in again, the socket is left alone. */
static void
wait_for_rate(struct channel *c)
{
	struct timeval	 tv = { 0, 10000 };

	c->stats.held++;
	event_del(&c->ev_read);
	event_add(&c->ev_more, &tv);
}

static void
read_failed(struct channel *c, int n)
{
	/* Reset: it left without reading all that we said. */
	if (n == 0 || errno == ECONNRESET)
		finish(c, imsgbuf_partial(&c->ib) ?
		    "closed within a message" : NULL);
	else {
		c->stats.bad += errno == EBADMSG || errno == ERANGE;
		finish(c, strerror(errno));
	}
}

/*
 * Takes messages in until the socket is empty, but no more than so many: then
 * the rest comes on the next turn of the loop, after everybody else.
 */
static void
take_in(struct channel *c)
{
	static const struct timeval	 soon = { 0, 0 };
	struct imsg			 m;
	unsigned int			 left = TURN_MSGS;
	int				 n;

	while (!stopped(c)) {
		if (TAILQ_EMPTY(&c->ib.in)) {
			if ((n = imsgbuf_read(&c->ib)) <= 0) {
				read_failed(c, n);
				return;
			}
			if (c->ib.again)
				return;
			/* Large messages count as what they cost. */
			if (TAILQ_EMPTY(&c->ib.in) && left-- == 0)
				break;
			continue;
		}
		if (left == 0)
			break;
		left--;
		if (c->conf.rate != 0 &&
		    !bucket_take(&c->bucket, 1, mono_us())) {
			wait_for_rate(c);
			return;
		}
		imsgbuf_get(&c->ib, &m);
		deliver(c, &m);
		imsg_free(&m);
	}
	if (!stopped(c))
		event_add(&c->ev_more, &soon);
}

static void
readable(int fd, short what, void *arg)
{
	struct channel	*c = arg;

	enter(c);
	/* With a turn to come the timer has it. */
	if (!evtimer_pending(&c->ev_more, NULL))
		take_in(c);
	leave(c);
}

static void
more(int fd, short what, void *arg)
{
	struct channel	*c = arg;

	enter(c);
	if (!stopped(c)) {
		event_add(&c->ev_read, NULL);
		take_in(c);
	}
	leave(c);
}

/*
 * What the other side said before it left is still to be read, and its end
 * comes after that; only what we have to say is in vain.
 */
static void
write_failed(struct channel *c)
{
	if ((errno != EPIPE && errno != ECONNRESET) || c->paused) {
		finish(c, strerror(errno));
		return;
	}
	c->mute = 1;
	imsgbuf_clear_out(&c->ib);
}

/* Until there is room in the socket, or for a while if it is not that. */
static void
write_wait(struct channel *c)
{
	static const struct timeval	 tv = { 0, LATER_MS * 1000 };

	if (!c->ib.starved)
		event_add(&c->ev_write, NULL);
	else if (!evtimer_pending(&c->ev_later, NULL))
		event_add(&c->ev_later, &tv);
}

static void
writable(int fd, short what, void *arg)
{
	struct channel	*c = arg;
	size_t		 before;
	int		 i;

	enter(c);
	/* One write does unless fds, each with a write of its own, are queued. */
	for (i = 0; i < TURN_WRITES && c->ib.outbytes > 0; i++) {
		before = c->ib.outbytes;
		if (imsgbuf_write(&c->ib) == -1) {
			write_failed(c);
			break;
		}
		c->stats.out_bytes += before - c->ib.outbytes;
		if (c->ib.outbytes == before)
			break;
	}
	if (!c->ended && c->ib.outbytes > 0)
		write_wait(c);
	if (!c->ended && c->filled && c->ib.outbytes < c->conf.lowat) {
		c->filled = 0;
		if (c->conf.drained != NULL)
			c->conf.drained(c, c->conf.arg);
	}
	leave(c);
}

static int
enqueue(struct channel *c, const struct msgdesc *d, const void *body, int fd)
{
	struct ibuf	*b = NULL;
	int		 saved_errno;

	if (c->freed || c->ended) {
		errno = EPIPE;
		goto fail;
	}
	/* As lost as what was in the socket; down() is on its way. */
	if (c->mute) {
		if (fd != -1)
			close(fd);
		return 0;
	}
	if (c->ib.outbytes > c->conf.limit) {
		errno = ENOBUFS;
		goto fail;
	}
	if ((b = imsg_create(&c->ib, d->type, 0, 0, SEND_HINT)) == NULL ||
	    msg_encode(d, body, b) == -1)
		goto fail;
	ibuf_fd_set(b, fd);
	imsg_close(&c->ib, b);
	c->stats.out++;
	if (c->ib.outbytes > c->conf.hiwat)
		c->filled = 1;
	return 0;
 fail:
	saved_errno = errno;
	ibuf_free(b);
	if (fd != -1)
		close(fd);
	errno = saved_errno;
	return -1;
}

/*
 * Written after all that is active in this turn, so that what they send goes
 * in the same write; waits for EV_WRITE only if it must.
 */
static void
write_soon(struct channel *c)
{
	if (c->ib.outbytes > 0 && !event_pending(&c->ev_write, EV_WRITE, NULL))
		event_active(&c->ev_write, EV_WRITE, 1);
}

static void
later(int fd, short what, void *arg)
{
	write_soon(arg);
}

int
channel_send(struct channel *c, const struct msgdesc *d, const void *body,
    int fd)
{
	if (enqueue(c, d, body, fd) == -1)
		return -1;
	write_soon(c);
	return 0;
}

int
channel_send_later(struct channel *c, const struct msgdesc *d, const void *body)
{
	static const struct timeval	 tv = { 0, LATER_MS * 1000 };

	if (enqueue(c, d, body, -1) == -1)
		return -1;
	if (!evtimer_pending(&c->ev_later, NULL))
		event_add(&c->ev_later, &tv);
	return 0;
}

void
channel_set_limit(struct channel *c, size_t limit)
{
	c->conf.limit = limit;
}

int
channel_full(const struct channel *c)
{
	return c->ib.outbytes > c->conf.hiwat;
}

size_t
channel_queued(const struct channel *c)
{
	return c->ib.outbytes;
}

void
channel_set_state(struct channel *c, unsigned int state)
{
	c->state = state & 31;
}

unsigned int
channel_state(const struct channel *c)
{
	return c->state;
}

const char *
channel_name(const struct channel *c)
{
	return c->conf.name;
}

void *
channel_arg(const struct channel *c)
{
	return c->conf.arg;
}

void
channel_pause(struct channel *c)
{
	if (c->paused || c->ended || c->freed)
		return;
	c->paused = 1;
	event_del(&c->ev_read);
	event_del(&c->ev_more);
}

void
channel_resume(struct channel *c)
{
	static const struct timeval	 soon = { 0, 0 };

	if (!c->paused || c->ended || c->freed)
		return;
	c->paused = 0;
	/* Whole messages may wait here with nothing left in the socket. */
	event_add(&c->ev_more, &soon);
}

int
channel_flush(struct channel *c, int ms)
{
	size_t	 before = c->ib.outbytes;
	int	 ret;

	if (c->freed || c->ended) {
		errno = EPIPE;
		return -1;
	}
	ret = imsgbuf_flush(&c->ib, ms);
	c->stats.out_bytes += before - c->ib.outbytes;
	return ret;
}

void
channel_stats(const struct channel *c, struct chan_stats *st)
{
	*st = c->stats;
}
