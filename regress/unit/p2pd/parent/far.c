/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <check.h>
#include <string.h>

#include "regress/unit/p2pd/parent/far.h"

void
far_parent(void)
{
	parent.base = event_base_new();
	parent.conf = conf_new();
	ck_assert_ptr_nonnull(parent.conf);
	parent.conf->max_pending_in = parent.conf->max_pending_out = 4;
	memset(parent.id, 7, sizeof(parent.id));
	peers_init(&parent.peers);
	nodes_init(&parent.nodes);
	bans_init(&parent.bans);
	ck_assert_int_eq(apps_init(&parent.apps, "p2pd/test", parent.id), 0);
	children_init();
	keyops_init();
	balance_init();
	state_init();
	attach_init();
	resolve_init();
}

static void
not_down(struct channel *ch, const char *why, void *arg)
{
	ck_abort_msg("%s", why);
}

/* As the parent's own. */
static void
drained(struct channel *ch, void *arg)
{
	channel_resume(ch);
	if (((const struct child *)arg)->kind == PROC_CONTROL)
		show_turn();
}

void
far_join(struct child *c, struct imsgbuf *far,
    void (*down)(struct channel *, const char *, void *))
{
	struct chan_conf cc;
	int		 sv[2];

	ck_assert_ptr_nonnull(c);
	memset(&cc, 0, sizeof(cc));
	cc.name = proc_name(c->kind);
	cc.rules = rules_for(c->kind, &cc.nrules);
	cc.hiwat = CHAN_HIWAT;
	cc.lowat = CHAN_LOWAT;
	cc.limit = CHAN_LIMIT;
	cc.fdpass = 1;
	cc.down = down != NULL ? down : not_down;
	cc.drained = drained;
	cc.arg = c;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    sv), 0);
	ck_assert_ptr_nonnull(c->ch = channel_new(parent.base, sv[0], &cc));
	channel_set_state(c->ch, 1);
	c->state = CH_READY;
	imsgbuf_init(far, sv[1]);
	imsgbuf_allow_fdpass(far);
}

void
far_say(struct imsgbuf *far, const struct msgdesc *d, const void *body, int fd)
{
	struct ibuf	*b = imsg_create(far, d->type, 0, 0, 64);

	ck_assert_ptr_nonnull(b);
	ck_assert_int_eq(msg_encode(d, body, b), 0);
	ibuf_fd_set(b, fd);
	imsg_close(far, b);
	ck_assert_int_eq(imsgbuf_flush(far, 1000), 0);
	event_base_loop(parent.base, EVLOOP_NONBLOCK);
}

int
far_hear(struct imsgbuf *far, const struct msgdesc *d, void *body)
{
	struct imsg	 imsg;
	struct ibuf	 b;

	event_base_loop(parent.base, EVLOOP_NONBLOCK);
	(void)imsgbuf_read(far);
	if (imsgbuf_get(far, &imsg) != 1)
		return 0;
	ck_assert_uint_eq(imsg_get_type(&imsg), d->type);
	ck_assert_int_eq(imsg_get_ibuf(&imsg, &b), 0);
	ck_assert_int_eq(msg_decode(d, &b, body), 0);
	imsg_free(&imsg);
	return 1;
}
