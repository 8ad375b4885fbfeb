/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/control/serverint.h"
#include "regress/fuzz/fuzz.h"

/*
 * The control process: clients of both sockets and applications before their
 * hello are the input's, and so is the parent.
 */
#define CLIENTS	4	/* even ones read-only; the last an application */

static struct imsgbuf	 ends[CLIENTS];
static int		 fds[CLIENTS];
static uint32_t		 conns[8];	/* who asked last */
static unsigned int	 nasked;
static int		 refuse;

static const struct chan_rule rules[] = {
	{ &ctl_hello_desc, 0, CHAN_NOFD, NULL },
	{ &ctl_show_desc, 0, CHAN_NOFD, NULL },
	{ &ctl_peer_desc, 0, CHAN_NOFD, NULL },
	{ &ctl_ban_desc, 0, CHAN_NOFD, NULL },
	{ &ctl_log_desc, 0, CHAN_NOFD, NULL },
	{ &ctl_stop_desc, 0, CHAN_NOFD, NULL },
	{ &ctl_monitor_desc, 0, CHAN_NOFD, NULL },
	{ &m_app_new_desc, 0, CHAN_FD, NULL }
};

static int
to_parent(const struct msgdesc *d, const void *body, int fd, void *arg)
{
	struct ibuf	*b;

	FUZZ_CHECK((fd != -1) == (d == &m_app_new_desc));
	FUZZ_CHECK((b = ibuf_dynamic(0, 1 << 20)) != NULL);
	FUZZ_CHECK(msg_encode(d, body, b) == 0);
	ibuf_free(b);
	if (fd != -1)
		close(fd);
	else if (d != &ctl_gone_desc)
		conns[nasked++ % nitems_of(conns)] = *(const uint32_t *)body;
	return refuse ? -1 : 0;
}

static void
parent_says(struct fuzz *f, struct server *s)
{
	static struct m_event	 ev;
	static struct ctl_rec	 rec;
	static struct ctl_end	 end;
	uint8_t			 how = fuzz_u8(f);
	uint32_t		 conn = conns[how / 4 % nitems_of(conns)];

	switch (how % 4) {
	case 0:
		fuzz_body(f, &m_event_desc, &ev);
		server_event(s, &ev);
		break;
	case 1:
		fuzz_body(f, &ctl_end_desc, &end);
		end.conn = conn;
		server_end(s, &end);
		break;
	case 2:
		rec.conn = conn;
		rec.len = how == 0xfe ? RECORD_MAX : how;
		server_rec(s, &rec);
		break;
	default:
		if (how & 4)
			refuse = !refuse;
		else
			fuzz_pass(500U * fuzz_u8(f));
	}
}

static void
join(struct server *s, unsigned int i)
{
	int	 pair[2];

	fuzz_pair(pair);
	fds[i] = pair[1];
	imsgbuf_init(&ends[i], pair[1]);
	imsgbuf_allow_fdpass(&ends[i]);
	if (i == CLIENTS - 1)
		appconn_new(s, pair[0]);
	else
		client_new(s, i % 2 == 0, pair[0]);
}

static void
leave(unsigned int i)
{
	imsgbuf_clear(&ends[i]);
	close(fds[i]);
	fds[i] = -1;
}

static void
say_hello(unsigned int i)
{
	struct ctl_hello h = { .version = CTL_VERSION };
	struct ibuf	*b = ibuf_dynamic(0, 64);

	FUZZ_CHECK(b != NULL && msg_encode(&ctl_hello_desc, &h, b) == 0);
	FUZZ_CHECK(imsg_compose(&ends[i], CTL_HELLO, 0, 0, -1, ibuf_data(b),
	    ibuf_size(b)) == 1);
	imsgbuf_write(&ends[i]);
	ibuf_free(b);
}

static void
step(struct fuzz *f, struct server *s)
{
	uint8_t		 what = fuzz_u8(f), *data;
	unsigned int	 i = what % CLIENTS;
	size_t		 n;

	what /= CLIENTS;
	if (what >= 56)
		parent_says(f, s);
	else if (fds[i] == -1)
		join(s, i);
	else if (what < 4)
		leave(i);
	else if (what < 8)
		fuzz_drain(fds[i]);
	else if (i == CLIENTS - 1) {
		data = fuzz_copy(f, fuzz_u8(f), &n);
		fuzz_write(fds[i], data, n);
		free(data);
	} else if (what < 20)
		say_hello(i);
	else
		fuzz_send(f, &ends[i], rules, nitems_of(rules));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct server_conf	 conf;
	struct server_stats	 stats;
	struct server		*s;
	struct fuzz		 f;
	unsigned int		 i;
	int			 before;

	fuzz_begin(&f, data, size);
	fuzz_base();
	before = fuzz_next_fd();
	memset(&conf, 0, sizeof(conf));
	conf.send = to_parent;
	conf.hello_ms = 5000;
	conf.idle_ms = 60000;
	conf.pause_ms = 1000;
	FUZZ_CHECK((s = server_new(fuzz_base(), &conf)) != NULL);
	memset(conns, 0, sizeof(conns));
	nasked = 0;
	refuse = 0;
	for (i = 0; i < CLIENTS; i++)
		fds[i] = -1;
	while (f.len > 0) {
		step(&f, s);
		fuzz_loop();
	}
	for (i = 0; i < CLIENTS; i++)
		if (fds[i] != -1)
			leave(i);
	fuzz_loop();
	server_stats(s, &stats);
	FUZZ_CHECK(stats.clients == 0 && stats.apps == 0);
	server_free(s);
	FUZZ_CHECK(fuzz_next_fd() == before);
	return 0;
}
