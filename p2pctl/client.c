/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pctl/client.h"
#include "p2pctl/format.h"

/* What the daemon may say. */
union answer {
	struct ctl_hello	 hello;
	struct ctl_rec		 rec;
	struct ctl_end		 end;
};

static int	 fail(struct client *, int, const char *, ...)
		    __attribute__((format(printf, 3, 4)));

static int
fail(struct client *c, int code, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(c->err, sizeof(c->err), fmt, ap);
	va_end(ap);
	return code;
}

static int
gone(struct client *c)
{
	return fail(c, EX_NODAEMON, "the daemon closed the connection%s",
	    c->greeted ? "" : " without a greeting; is this its control "
	    "socket?");
}

/* Waits until the daemon says something, or nobody reads our output. */
static int
wait_readable(struct client *c, int timeout)
{
	struct pollfd	 pfd[2];
	int		 n;

	pfd[0].fd = c->fd;
	pfd[0].events = POLLIN;
	/* Only a monitor outlives its reader without noticing. */
	pfd[1].fd = timeout == -1 ? STDOUT_FILENO : -1;
	pfd[1].events = 0;
	pfd[1].revents = 0;
	do {
		n = poll(pfd, 2, timeout);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return fail(c, EX_FAILED, "poll: %s", strerror(errno));
	if (n == 0)
		return fail(c, EX_NODAEMON, "the daemon does not answer: "
		    "nothing in %g s", timeout / 1000.0);
	if (pfd[1].revents & (POLLERR | POLLHUP | POLLNVAL))
		return fail(c, EX_FAILED, "standard output is closed");
	return EX_DONE;
}

static int
client_get(struct client *c, int timeout, struct imsg *m)
{
	int	 n, r;

	while (imsgbuf_get(&c->ib, m) == 0) {
		if ((r = wait_readable(c, timeout)) != EX_DONE)
			return r;
		if ((n = imsgbuf_read(&c->ib)) == 0 ||
		    (n == -1 && errno == ECONNRESET))
			return gone(c);
		if (n == -1)
			return fail(c, EX_FAILED, "read from the daemon: %s",
			    strerror(errno));
	}
	return EX_DONE;
}

/* The next answer; *type is one of CTL_HELLO, CTL_REC, CTL_END. */
static int
client_recv(struct client *c, int timeout, uint32_t *type, union answer *a)
{
	static const struct msgdesc *const descs[] = { &ctl_hello_desc,
	    &ctl_rec_desc, &ctl_end_desc };
	struct imsg	 m;
	size_t		 i;
	int		 r;

	if ((r = client_get(c, timeout, &m)) != EX_DONE)
		return r;
	*type = imsg_get_type(&m);
	r = fail(c, EX_FAILED, "the daemon says what this p2pctl does not "
	    "understand; are they of one version?");
	for (i = 0; i < nitems_of(descs); i++)
		if (descs[i]->type == *type &&
		    msg_decode(descs[i], m.buf, a) == 0)
			r = EX_DONE;
	imsg_free(&m);
	return r;
}

static int
client_send(struct client *c, const struct msgdesc *d, const void *body)
{
	struct ibuf	*b;

	if ((b = imsg_create(&c->ib, d->type, 0, 0, 0)) == NULL ||
	    msg_encode(d, body, b) == -1) {
		ibuf_free(b);
		return fail(c, EX_FAILED, "request: %s", strerror(errno));
	}
	imsg_close(&c->ib, b);
	/* A daemon that has closed may have said why: that is read next. */
	if (imsgbuf_flush(&c->ib, c->timeout) == -1 && errno != EPIPE)
		return fail(c, EX_NODAEMON, "write to the daemon: %s",
		    strerror(errno));
	return EX_DONE;
}

int
client_exit_code(unsigned int code)
{
	static const int	 codes[] = {
		[CTLE_OK] = EX_DONE,
		[CTLE_FAILED] = EX_FAILED,
		[CTLE_DENIED] = EX_DENIED,
		[CTLE_NOTFOUND] = EX_NOTFOUND,
		[CTLE_INVALID] = EX_USAGE_ERR,
		[CTLE_BUSY] = EX_BUSY
	};

	return code < nitems_of(codes) ? codes[code] : EX_FAILED;
}

static int
end_code(struct client *c, const struct ctl_end *end)
{
	char	 text[sizeof(c->err)];

	if (end->code != CTLE_OK)
		fail(c, 0, "%s", text_safe(text, sizeof(text),
		    end->text));
	return client_exit_code(end->code);
}

int
client_attach(struct client *c, int fd, int timeout)
{
	struct ctl_hello	 hello = { .version = CTL_VERSION };
	union answer		 a;
	uint32_t		 type;
	int			 r;

	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->timeout = timeout;
	imsgbuf_init(&c->ib, fd);
	if ((r = client_send(c, &ctl_hello_desc, &hello)) != EX_DONE ||
	    (r = client_recv(c, timeout, &type, &a)) != EX_DONE)
		return r;
	if (type == CTL_END)
		return end_code(c, &a.end);
	if (type != CTL_HELLO)
		return fail(c, EX_FAILED, "no hello from the daemon");
	if (a.hello.version != CTL_VERSION)
		return fail(c, EX_FAILED, "the daemon speaks version %u of the "
		    "control protocol, this p2pctl version %u",
		    a.hello.version, CTL_VERSION);
	c->restricted = a.hello.restricted;
	c->greeted = 1;
	return EX_DONE;
}

/* A daemon that takes no connection lets who wants one wait. */
static void
limit_connect(int fd, int timeout)
{
	struct timeval	 tv;

	tv.tv_sec = timeout / 1000;
	tv.tv_usec = timeout % 1000 * 1000;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

int
client_open(struct client *c, const char *path, int timeout)
{
	struct sockaddr_un	 sun;
	int			 fd, code, r;

	memset(c, 0, sizeof(*c));
	c->fd = -1;
	imsgbuf_init(&c->ib, -1);
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		return fail(c, EX_USAGE_ERR, "%s: path is too long", path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return fail(c, EX_FAILED, "socket: %s", strerror(errno));
	limit_connect(fd, timeout);
	/* One who was stopped and goes on has not been queued: it asks again. */
	do
		r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	while (r == -1 && errno == EINTR);
	if (r == -1) {
		code = errno == EACCES || errno == EPERM ? EX_DENIED :
		    EX_NODAEMON;
		if (errno == EAGAIN)
			fail(c, code, "the daemon at %s takes no connection",
			    path);
		else
			fail(c, code, "%s %s: %s", code == EX_DENIED ?
			    "may not use" : "no daemon at", path,
			    strerror(errno));
		close(fd);
		return code;
	}
	return client_attach(c, fd, timeout);
}

void
client_close(struct client *c)
{
	imsgbuf_clear(&c->ib);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

int
client_ask(struct client *c, const struct msgdesc *d, const void *body,
    int timeout, int (*rec)(const void *, size_t, void *), void *arg, char *text)
{
	union answer	 a;
	uint32_t	 type;
	int		 r;

	if (text != NULL)
		text[0] = '\0';
	if ((r = client_send(c, d, body)) != EX_DONE)
		return r;
	while ((r = client_recv(c, timeout, &type, &a)) == EX_DONE) {
		switch (type) {
		case CTL_REC:
			if (rec != NULL && rec(a.rec.rec, a.rec.len, arg) == -1)
				return EX_DONE;
			break;
		case CTL_END:
			if (text != NULL)
				text_safe(text, sizeof(a.end.text),
				    a.end.text);
			return end_code(c, &a.end);
		default:
			return fail(c, EX_FAILED, "a second hello");
		}
	}
	return r;
}
