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

#include "common/base/log.h"
#include "p2pd/discovery/udp.h"

#define BATCH	64

#if !defined(HAVE_RECVMMSG) || !defined(HAVE_SENDMMSG)
#define NO_MMSG
#define mmsghdr udp_mmsghdr
struct udp_mmsghdr {
	struct msghdr	 msg_hdr;
	unsigned int	 msg_len;
};
#endif

#define HEARD	1024		/* addresses, by hash: the last of each */

struct datagram {
	TAILQ_ENTRY(datagram)	 entry;
	struct addr		 to;
	uint32_t		 len;
	uint8_t			 data[UDP_MAX];
};
TAILQ_HEAD(datagrams, datagram);

struct sock {
	TAILQ_ENTRY(sock)	 entry;
	struct udp		*udp;
	int			 fd;
	struct addr		 local;
	struct event		 read;
	struct event		 write;
	struct event		 retry;
	struct datagrams	 out;
};

struct udp {
	struct udp_conf		 conf;
	TAILQ_HEAD(, sock)	 socks;
	struct datagrams	 spare;
	unsigned int		 queued;
	struct udp_stats	 stats;
	int			 started;
	unsigned int		 nsocks[2];	/* IPv4, IPv6 */
	struct {
		struct addr	 from;
		struct sock	*sock;
	} heard[HEARD];
	/* One batch, in or out. */
	struct mmsghdr		 msgs[BATCH];
	struct iovec		 iovs[BATCH];
	struct sockaddr_storage	 names[BATCH];
	uint8_t			 in[BATCH][UDP_MAX + 1];
};

struct udp *
udp_new(const struct udp_conf *conf)
{
	struct udp	*u;

	if ((u = calloc(1, sizeof(*u))) == NULL)
		return NULL;
	u->conf = *conf;
	TAILQ_INIT(&u->socks);
	TAILQ_INIT(&u->spare);
	return u;
}

static void
datagrams_free(struct datagrams *list)
{
	struct datagram	*d;

	while ((d = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, d, entry);
		free(d);
	}
}

void
udp_free(struct udp *u)
{
	struct sock	*s;

	if (u == NULL)
		return;
	while ((s = TAILQ_FIRST(&u->socks)) != NULL) {
		TAILQ_REMOVE(&u->socks, s, entry);
		event_del(&s->read);
		event_del(&s->write);
		event_del(&s->retry);
		close(s->fd);
		datagrams_free(&s->out);
		free(s);
	}
	datagrams_free(&u->spare);
	free(u);
}

#ifdef NO_MMSG
static int
receive(int fd, struct mmsghdr *v, unsigned int n)
{
	unsigned int	 i;
	ssize_t		 len;

	for (i = 0; i < n; i++) {
		if ((len = recvmsg(fd, &v[i].msg_hdr, 0)) == -1)
			break;
		v[i].msg_len = (unsigned int)len;
	}
	return i == 0 ? -1 : (int)i;
}

static int
transmit(int fd, struct mmsghdr *v, unsigned int n)
{
	unsigned int	 i;

	for (i = 0; i < n; i++)
		if (sendmsg(fd, &v[i].msg_hdr, 0) == -1)
			break;
	return i == 0 ? -1 : (int)i;
}
#else
static int
receive(int fd, struct mmsghdr *v, unsigned int n)
{
	return recvmmsg(fd, v, n, MSG_DONTWAIT, NULL);
}

static int
transmit(int fd, struct mmsghdr *v, unsigned int n)
{
	return sendmmsg(fd, v, n, MSG_DONTWAIT);
}
#endif

/* A node that knows us by one of several addresses is answered from it. */
static size_t
heard_slot(const struct addr *a)
{
	uint32_t	 h = 2166136261U ^ a->port;
	size_t		 i;

	for (i = 0; i < sizeof(a->ip); i++)
		h = (h ^ a->ip[i]) * 16777619U;
	return (h ^ h >> 16) % HEARD;
}

static void
heard(struct sock *s, const struct addr *from)
{
	struct udp	*u = s->udp;
	size_t		 i;

	if (u->nsocks[s->local.af == 6] < 2)
		return;
	i = heard_slot(from);
	u->heard[i].from = *from;
	u->heard[i].sock = s;
}

static int
read_batch(struct sock *s)
{
	struct udp	*u = s->udp;
	struct addr	 from;
	int		 i, n;

	for (i = 0; i < BATCH; i++) {
		u->iovs[i].iov_base = u->in[i];
		u->iovs[i].iov_len = sizeof(u->in[i]);
		memset(&u->msgs[i], 0, sizeof(u->msgs[i]));
		u->msgs[i].msg_hdr.msg_iov = &u->iovs[i];
		u->msgs[i].msg_hdr.msg_iovlen = 1;
		u->msgs[i].msg_hdr.msg_name = &u->names[i];
		u->msgs[i].msg_hdr.msg_namelen = sizeof(u->names[i]);
	}
	if ((n = receive(s->fd, u->msgs, BATCH)) <= 0)
		return 0;
	for (i = 0; i < n; i++) {
		u->stats.in++;
		u->stats.in_bytes += u->msgs[i].msg_len;
		if (addr_from_sa(&from, (struct sockaddr *)&u->names[i]) == -1)
			continue;
		heard(s, &from);
		u->conf.input(&from, u->in[i], u->msgs[i].msg_len,
		    u->conf.arg);
	}
	return n;
}

static void
sock_read(int fd, short what, void *arg)
{
	struct sock	*s = arg;
	int		 n, turn = 0;

	/* An error of an earlier datagram ends a batch, not the socket. */
	do {
		n = read_batch(s);
		turn += n;
	} while (n == BATCH && turn < UDP_TURN);
	if (turn > 0 && s->udp->conf.turn != NULL)
		s->udp->conf.turn(s->udp->conf.arg);
}

static void
sent(struct sock *s, int n, int ok)
{
	struct udp	*u = s->udp;
	struct datagram	*d;

	while (n-- > 0) {
		d = TAILQ_FIRST(&s->out);
		TAILQ_REMOVE(&s->out, d, entry);
		TAILQ_INSERT_HEAD(&u->spare, d, entry);
		u->queued--;
		if (ok) {
			u->stats.out++;
			u->stats.out_bytes += d->len;
		} else
			u->stats.failed++;
	}
}

static void
queue(struct sock *s, struct datagram *d)
{
	TAILQ_INSERT_TAIL(&s->out, d, entry);
	/* After what else this turn has to say. */
	if (!event_pending(&s->write, EV_WRITE, NULL) &&
	    !event_pending(&s->retry, EV_TIMEOUT, NULL))
		event_add(&s->write, NULL);
}

/* The system sends the first one not from here: the next socket has a try. */
static void
unsendable(struct sock *s)
{
	struct datagram	*d = TAILQ_FIRST(&s->out);
	struct sock	*t = s;

	while ((t = TAILQ_NEXT(t, entry)) != NULL)
		if (t->local.af == s->local.af)
			break;
	if (t == NULL) {
		sent(s, 1, 0);
		return;
	}
	TAILQ_REMOVE(&s->out, d, entry);
	queue(t, d);
}

static unsigned int
write_fill(struct sock *s)
{
	struct udp	*u = s->udp;
	struct datagram	*d;
	unsigned int	 n = 0;

	TAILQ_FOREACH(d, &s->out, entry) {
		if (n == BATCH)
			break;
		u->iovs[n].iov_base = d->data;
		u->iovs[n].iov_len = d->len;
		memset(&u->msgs[n], 0, sizeof(u->msgs[n]));
		u->msgs[n].msg_hdr.msg_iov = &u->iovs[n];
		u->msgs[n].msg_hdr.msg_iovlen = 1;
		u->msgs[n].msg_hdr.msg_name = &u->names[n];
		u->msgs[n].msg_hdr.msg_namelen = addr_to_sa(&d->to,
		    &u->names[n]);
		n++;
	}
	return n;
}

static void
sock_write(int fd, short what, void *arg)
{
	static const struct timeval	 pause = { 0, UDP_PAUSE * 1000 };
	struct sock			*s = arg;
	unsigned int			 n;
	int				 r;

	while ((n = write_fill(s)) > 0) {
		if ((r = transmit(s->fd, s->udp->msgs, n)) > 0) {
			sent(s, r, 1);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			event_add(&s->write, NULL);
			return;
		}
		/* No room beyond the socket, which goes on to be writable. */
		if (errno == ENOBUFS || errno == ENOMEM) {
			event_add(&s->retry, &pause);
			return;
		}
		unsendable(s);
	}
}

int
udp_add(struct udp *u, int fd, const struct addr *local)
{
	struct sock	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		close(fd);
		return -1;
	}
	s->udp = u;
	s->fd = fd;
	s->local = *local;
	TAILQ_INIT(&s->out);
	event_assign(&s->read, u->conf.base, fd, EV_READ | EV_PERSIST,
	    sock_read, s);
	event_assign(&s->write, u->conf.base, fd, EV_WRITE, sock_write, s);
	event_assign(&s->retry, u->conf.base, -1, 0, sock_write, s);
	TAILQ_INSERT_TAIL(&u->socks, s, entry);
	u->nsocks[s->local.af == 6]++;
	if (u->started)
		event_add(&s->read, NULL);
	return 0;
}

void
udp_start(struct udp *u)
{
	struct sock	*s;

	u->started = 1;
	TAILQ_FOREACH(s, &u->socks, entry)
		event_add(&s->read, NULL);
}

static struct sock *
sock_for(const struct udp *u, const struct addr *to)
{
	struct sock	*s;
	size_t		 i = heard_slot(to);

	if (u->heard[i].sock != NULL && addr_cmp(&u->heard[i].from, to) == 0)
		return u->heard[i].sock;
	TAILQ_FOREACH(s, &u->socks, entry)
		if (s->local.af == to->af)
			return s;
	return NULL;
}

static struct datagram *
datagram_get(struct udp *u)
{
	struct datagram	*d;

	if (u->queued >= UDP_QUEUE)
		return NULL;
	if ((d = TAILQ_FIRST(&u->spare)) != NULL)
		TAILQ_REMOVE(&u->spare, d, entry);
	else if ((d = malloc(sizeof(*d))) == NULL)
		return NULL;
	u->queued++;
	return d;
}

int
udp_send(struct udp *u, const struct addr *to, const void *data, size_t len)
{
	struct datagram	*d;
	struct sock	*s;

	if (len > UDP_MAX)
		fatalx("datagram of %zu bytes", len);
	if ((s = sock_for(u, to)) == NULL) {
		u->stats.failed++;
		return -1;
	}
	if ((d = datagram_get(u)) == NULL) {
		u->stats.dropped++;
		return -1;
	}
	d->to = *to;
	d->len = (uint32_t)len;
	memcpy(d->data, data, len);
	queue(s, d);
	return 0;
}

int
udp_has(const struct udp *u, unsigned int af)
{
	struct sock	*s;

	TAILQ_FOREACH(s, &u->socks, entry)
		if (s->local.af == af)
			return 1;
	return 0;
}

const struct udp_stats *
udp_stats(const struct udp *u)
{
	return &u->stats;
}
