/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/unit/lib/fake.h"

void
fake_start(struct fake *f, uint16_t sessions)
{
	struct sockaddr_un	 sun;
	size_t			 i;

	memset(f, 0, sizeof(*f));
	f->sessions = sessions;
	for (i = 0; i < 4; i++)
		f->fd[i] = -1;
	for (i = 0; i < sizeof(f->token); i++)
		f->token[i] = (uint8_t)(i + 1);
	snprintf(f->dir, sizeof(f->dir), "/tmp/p2papp.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/app.sock", f->dir);
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", f->path);
	ck_assert_int_ne(f->lfd = socket(AF_UNIX, SOCK_STREAM, 0), -1);
	ck_assert_int_eq(bind(f->lfd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(f->lfd, 8), 0);
}

void
fake_stop(struct fake *f)
{
	uint16_t	 i;

	for (i = 0; i < 4; i++)
		fake_close(f, i);
	if (f->lfd != -1)
		close(f->lfd);
	unlink(f->path);
	rmdir(f->dir);
	free(f->body);
}

static void
read_all(int fd, void *buf, size_t n)
{
	uint8_t	*p = buf;
	ssize_t	 r;

	while (n > 0) {
		r = read(fd, p, n);
		ck_assert_int_gt(r, 0);
		p += r;
		n -= (size_t)r;
	}
}

static void
read_frame(struct fake *f, int fd, uint16_t type)
{
	uint8_t	 buf[APP_HEADER];

	read_all(fd, buf, sizeof(buf));
	app_head_decode(&f->head, buf);
	ck_assert_uint_eq(f->head.type, type);
	free(f->body);
	ck_assert_ptr_nonnull(f->body = malloc(f->head.len + 1));
	read_all(fd, f->body, f->head.len);
}

uint16_t
fake_accept(struct fake *f, struct app_hello *hello)
{
	struct timeval	 tv = { 60, 0 };
	int		 fd;

	ck_assert_int_eq(setsockopt(f->lfd, SOL_SOCKET, SO_RCVTIMEO, &tv,
	    sizeof(tv)), 0);
	ck_assert_int_ne(fd = accept(f->lfd, NULL, NULL), -1);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv,
	    sizeof(tv)), 0);
	read_frame(f, fd, AF_HELLO);
	ck_assert_int_eq(app_hello_decode(hello, f->body, f->head.len), 0);
	ck_assert_uint_lt(hello->session, 4);
	ck_assert_int_eq(f->fd[hello->session], -1);
	f->fd[hello->session] = fd;
	f->events[hello->session] = 0;
	return hello->session;
}

void
fake_welcome(struct fake *f, uint16_t session)
{
	struct app_welcome	 w;
	uint8_t			 buf[512];
	size_t			 n;

	memset(&w, 0, sizeof(w));
	w.major = APP_MAJOR;
	w.sessions = f->sessions;
	w.session = session;
	memcpy(w.token, f->token, sizeof(w.token));
	memset(w.id, 0xdd, sizeof(w.id));
	w.max_payload = 0xffffff;
	w.grace_ms = f->grace;
	w.flags = f->flags;
	snprintf(w.name, sizeof(w.name), "fake");
	n = app_welcome_encode(buf, sizeof(buf), &w);
	fake_write(f, session, AF_WELCOME, 0, f->head.request, 0, buf, n);
}

void
fake_close(struct fake *f, uint16_t session)
{
	if (f->fd[session] != -1)
		close(f->fd[session]);
	f->fd[session] = -1;
}

void
fake_read(struct fake *f, uint16_t session, uint16_t type)
{
	read_frame(f, f->fd[session], type);
}

void
fake_raw(struct fake *f, uint16_t session, const void *p, size_t n)
{
	ck_assert_int_eq(send(f->fd[session], p, n, MSG_NOSIGNAL), (ssize_t)n);
}

int
fake_writable(struct fake *f, uint16_t session)
{
	struct pollfd	 pfd = { f->fd[session], POLLOUT, 0 };

	/* A reader under valgrind may be seconds without a processor. */
	return poll(&pfd, 1,
	    getenv("CK_TIMEOUT_MULTIPLIER") != NULL ? 10000 : 1000) == 1;
}

void
fake_write(struct fake *f, uint16_t session, uint16_t type, uint16_t flags,
    uint32_t request, uint32_t peer, const void *body, size_t n)
{
	struct app_head	 h = { (uint32_t)n, type, flags, request, peer };
	uint8_t		 buf[APP_HEADER];

	app_head_encode(buf, &h);
	fake_raw(f, session, buf, sizeof(buf));
	if (n > 0)
		fake_raw(f, session, body, n);
}

void
fake_capid(struct fake *f, uint16_t session, uint16_t type, uint32_t request,
    uint32_t capid)
{
	uint8_t	 body[4];

	if (type == AF_SNAPSHOT_END) {
		fake_counts(f, session, type, request, 0, capid, 0, 0);
		return;
	}
	app_put32(body, capid);
	fake_write(f, session, type, 0, request, 0, body, sizeof(body));
}

void
fake_counts(struct fake *f, uint16_t session, uint16_t type, uint32_t request,
    uint32_t peer, uint32_t capid, uint64_t msgs, uint64_t bytes)
{
	uint8_t	 body[32];
	size_t	 n;

	n = app_counts_encode(body, sizeof(body), capid, msgs, bytes);
	fake_write(f, session, type, 0, request, peer, body, n);
}

void
fake_sent(struct fake *f, uint16_t session, uint32_t request, uint32_t peer,
    uint8_t outcome, uint32_t depth)
{
	uint8_t	 body[8] = { outcome };

	app_put32(body + 4, depth);
	fake_write(f, session, AF_SENT, 0, request, peer, body, sizeof(body));
}

void
fake_sent_many(struct fake *f, uint16_t session, uint32_t request,
    uint32_t written, uint32_t dropped, uint32_t gone)
{
	uint8_t	 body[12];

	app_put32(body, written);
	app_put32(body + 4, dropped);
	app_put32(body + 8, gone);
	fake_write(f, session, AF_SENT_MANY, 0, request, 0, body, sizeof(body));
}

void
fake_peer_up(struct fake *f, uint16_t session, uint32_t peer, uint32_t capid)
{
	struct app_peer_up	 u;
	uint8_t			 buf[512];
	size_t			 n;

	memset(&u, 0, sizeof(u));
	u.capid = capid;
	u.version = 2;
	u.codes = 8;
	u.flags = 1;
	u.remote.af = 4;
	u.remote.port = (uint16_t)peer;
	snprintf(u.client, sizeof(u.client), "client-%u", (unsigned)peer);
	n = app_peer_up_encode(buf, sizeof(buf), &u);
	fake_write(f, session, AF_PEER_UP, 0, ++f->events[session], peer, buf, n);
}

void
fake_peer_down(struct fake *f, uint16_t session, uint32_t peer, uint32_t capid)
{
	struct app_peer_down	 d;
	uint8_t			 buf[64];
	size_t			 n;

	memset(&d, 0, sizeof(d));
	d.capid = capid;
	d.reason = 50;
	d.disc = 4;
	d.remote = 1;
	d.ms = 1234;
	n = app_peer_down_encode(buf, sizeof(buf), &d);
	fake_write(f, session, AF_PEER_DOWN, 0, ++f->events[session], peer, buf, n);
}

void
fake_message(struct fake *f, uint16_t session, uint32_t peer, uint32_t capid,
    uint32_t code, const void *data, size_t len)
{
	struct app_head	 h = { (uint32_t)(APP_MSG_HEAD + len), AF_MESSAGE, 0,
	    ++f->events[session], peer };
	uint8_t		 buf[APP_HEADER + APP_MSG_HEAD];

	app_head_encode(buf, &h);
	app_put32(buf + APP_HEADER, capid);
	app_put32(buf + APP_HEADER + 4, code);
	fake_raw(f, session, buf, sizeof(buf));
	if (len > 0)
		fake_raw(f, session, data, len);
}

void
fake_error(struct fake *f, uint16_t session, uint32_t request, uint16_t error,
    const char *text)
{
	uint8_t	 buf[512];
	size_t	 n;

	n = app_error_encode(buf, sizeof(buf), error, 0, text);
	fake_write(f, session, AF_ERROR, 0, request, 0, buf, n);
}

void
fake_attached(struct fake *f, uint16_t session, uint32_t capid)
{
	fake_read(f, session, AF_ATTACH);
	fake_capid(f, session, AF_ATTACHED, f->head.request, capid);
	fake_capid(f, session, AF_SNAPSHOT_END, ++f->events[session], capid);
}

const struct p2papp_event *
expect(struct p2papp *app, enum p2papp_type type)
{
	const struct p2papp_event	*ev;
	int				 r;

	while ((r = p2papp_next(app, &ev)) == 0)
		ck_assert_int_eq(p2papp_wait(app, 2000), 1);
	ck_assert_int_eq(r, 1);
	ck_assert_int_eq(ev->type, type);
	return ev;
}

void
expect_none(struct p2papp *app)
{
	const struct p2papp_event	*ev;

	ck_assert_int_eq(p2papp_next(app, &ev), 0);
	ck_assert_ptr_null(ev);
}

void
fake_back(struct fake *f, struct p2papp *app, uint16_t session)
{
	struct app_hello	 hello;
	struct pollfd		 pfd = { f->lfd, POLLIN, 0 };

	while (poll(&pfd, 1, 0) == 0) {
		ck_assert_int_eq(p2papp_wait(app, 6000), 1);
		expect_none(app);
	}
	ck_assert_uint_eq(fake_accept(f, &hello), session);
	ck_assert_mem_eq(hello.token, f->token, 16);
	fake_welcome(f, session);
	expect(app, P2PAPP_SESSION_UP);
}

struct p2papp *
fake_app(struct fake *f, const uint32_t *capids, uint32_t *cap)
{
	static const struct p2papp_version v[] = { { 1, 4 }, { 2, 8 } };
	struct app_hello	 hello;
	struct p2papp		*app;
	uint16_t		 i;

	ck_assert_ptr_nonnull(app = p2papp_open(f->path, "test", NULL));
	ck_assert_int_eq(p2papp_attach(app, "tst", v, 2, P2PAPP_STOP, cap), 0);
	for (i = 0; i < f->sessions; i++) {
		ck_assert_uint_eq(fake_accept(f, &hello), i);
		fake_welcome(f, i);
		expect(app, P2PAPP_SESSION_UP);
		expect_none(app);
		fake_attached(f, i, capids[i]);
		if (i == 0)
			expect(app, P2PAPP_ATTACHED);
	}
	ck_assert_uint_eq(expect(app, P2PAPP_SNAPSHOT_END)->cap, *cap);
	expect_none(app);
	return app;
}
