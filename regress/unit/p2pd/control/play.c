/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "regress/unit/p2pd/control/play.h"

struct event_base	*base;
struct server		*server;
struct sent		 sent[SENT_MAX];
size_t			 nsent;
int			 parent_full;
static struct event	*tick;
static char		 dir[64];

static int
fake_send(const struct msgdesc *d, const void *body, int fd, void *arg)
{
	struct sent	*s;

	ck_assert_uint_lt(nsent, SENT_MAX);
	if (parent_full) {
		if (fd != -1)
			close(fd);
		errno = ENOBUFS;
		return -1;
	}
	s = &sent[nsent++];
	s->type = d->type;
	s->fd = fd;
	memcpy(&s->body, body, d->size < sizeof(s->body) ? d->size :
	    sizeof(s->body));
	return 0;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
}

const char *
sockpath(const char *name)
{
	static char	 path[100];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

void
sockaddr_of(struct sockaddr_un *sun, const char *name)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	strlcpy(sun->sun_path, sockpath(name), sizeof(sun->sun_path));
}

static void
add_listener(enum sock_kind kind, const char *name)
{
	struct sockaddr_un	 sun;
	int			 fd;

	sockaddr_of(&sun, name);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	ck_assert_int_eq(server_listen(server, kind, fd), 0);
}

void
play_start(uint32_t hello_ms, uint32_t idle_ms)
{
	struct server_conf	 conf = {
		.send = fake_send,
		.hello_ms = hello_ms,
		.idle_ms = idle_ms,
		.pause_ms = 50
	};
	struct timeval		 tv = { 0, 5000 };

	signal(SIGPIPE, SIG_IGN);
	log_init(1, 0);
	nsent = 0;
	parent_full = 0;
	strlcpy(dir, "/tmp/p2pd-control.XXXXXX", sizeof(dir));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	base = event_base_new();
	tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	event_add(tick, &tv);
	server = server_new(base, &conf);
	ck_assert_ptr_nonnull(server);
	add_listener(SOCK_CTL, "ctl");
	add_listener(SOCK_CTL_RO, "ro");
	add_listener(SOCK_APP, "app");
	ck_assert_int_eq(server_start(server), 0);
}

void
play_setup(void)
{
	play_start(5000, 5000);
}

void
play_teardown(void)
{
	size_t	 i;

	server_free(server);
	event_free(tick);
	event_base_free(base);
	for (i = 0; i < nsent; i++)
		if (sent[i].fd != -1)
			close(sent[i].fd);
	unlink(sockpath("ctl"));
	unlink(sockpath("ro"));
	unlink(sockpath("app"));
	rmdir(dir);
}

void
turn(void)
{
	event_base_loop(base, EVLOOP_ONCE);
}

int
dial(const char *name)
{
	struct sockaddr_un	 sun;
	int			 fd;

	sockaddr_of(&sun, name);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}
