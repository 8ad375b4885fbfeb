/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/child.h"
#include "p2pd/control/control.h"
#include "p2pd/control/server.h"

#define HELLO_MS	5000
#define IDLE_MS		60000
#define PAUSE_MS	1000

static struct server	*server;

static int
to_parent(const struct msgdesc *d, const void *body, int fd, void *arg)
{
	return child_send(d, body, fd);
}

static void
control_init(const struct m_init *init, void *arg)
{
	struct server_conf	 conf = {
		.send = to_parent,
		.hello_ms = HELLO_MS,
		.idle_ms = IDLE_MS,
		.pause_ms = PAUSE_MS
	};

	if ((server = server_new(child_base(), &conf)) == NULL)
		fatal("server");
}

static void
control_start(void *arg)
{
	if (server_start(server) == -1)
		fatal("listening sockets");
}

static void
control_stop(uint32_t grace_ms, void *arg)
{
	server_stop(server);
}

static void
handle_socket(struct channel *ch, struct chan_msg *m, void *arg)
{
	const struct m_socket	*s = m->body;
	int			 fd = m->fd;

	if (s->kind < SOCK_CTL || s->kind > SOCK_APP)
		fatalx("M_SOCKET of kind %u", s->kind);
	m->fd = -1;
	if (server_listen(server, (enum sock_kind)s->kind, fd) == -1)
		fatal("listening socket");
}

static void
handle_rec(struct channel *ch, struct chan_msg *m, void *arg)
{
	server_rec(server, m->body);
}

static void
handle_end(struct channel *ch, struct chan_msg *m, void *arg)
{
	server_end(server, m->body);
}

static void
handle_event(struct channel *ch, struct chan_msg *m, void *arg)
{
	server_event(server, m->body);
}

static const struct chan_rule rules[] = {
	{ &m_socket_desc, CHS_CONFIG, CHAN_FD, handle_socket },
	{ &ctl_rec_desc, CHS_RUN, CHAN_NOFD, handle_rec },
	{ &ctl_end_desc, CHS_RUN, CHAN_NOFD, handle_end },
	{ &m_event_desc, CHS_RUN, CHAN_NOFD, handle_event }
};

int
control_main(int instance)
{
	static const struct child_conf	 conf = {
		.kind = PROC_CONTROL,
		.rules = rules,
		.nrules = nitems_of(rules),
		.init = control_init,
		.start = control_start,
		.stop = control_stop
	};
	int	 status;

	status = child_run(&conf);
	server_free(server);
	return status;
}
