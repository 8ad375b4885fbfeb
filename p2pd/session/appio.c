/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "p2pd/session/apps.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/pressure.h"
#include "p2pd/session/send.h"

static size_t
need(void *arg)
{
	struct app	*a = arg;

	return a->has_head ? a->head.len : APP_HEADER;
}

static enum rb_result
unit(void *arg, uint8_t *buf, size_t len)
{
	struct app	*a = arg;
	size_t		 max = APP_COLD_MAX;

	if (!a->has_head) {
		app_head_decode(&a->head, buf);
		if (a->head.type == AF_SEND || a->head.type == AF_MULTISEND)
			max = APP_BODY_MAX;
		if (a->head.len > max) {
			app_error(a, a->head.request, a->head.peer,
			    APE_MALFORMED, 0, "frame too long");
			app_doom(a, "sent a frame that is too long");
			return RB_END;
		}
		a->has_head = 1;
		return RB_OK;
	}
	if (app_request(a, &a->head, buf) == RB_WAIT)
		return RB_WAIT;
	a->has_head = 0;
	if (a->doomed)
		return RB_END;
	return a->pause != 0 ? RB_STOP : RB_OK;
}

const struct rb_ops	 app_rb_ops = { need, unit };

static void
feed(struct app *a, uint8_t *data, size_t len)
{
	enum rb_result	 r;

	r = rbuf_feed(&a->rb, &app_rb_ops, a, data, len);
	if (r == RB_NOMEM)
		app_doom(a, "no memory for what it sends");
	else if (r != RB_END && a->holder.held > TIGHT && budget_over())
		app_pause(a, APAUSE_MEM);
}

void
app_readable(int fd, short what, void *arg)
{
	struct app	*a = arg;
	size_t		 len;
	ssize_t		 n;

	if (a->doomed || a->closed || a->pause != 0)
		return;
	n = rbuf_read(&a->rb, fd, need(a), ses.scratch, SCRATCH, &len);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		app_doom(a, n == 0 || errno == ECONNRESET ? NULL :
		    strerror(errno));
		return;
	}
	feed(a, ses.scratch, len);
}

void
app_more(int fd, short what, void *arg)
{
	struct app	*a = arg;

	if (a->pause & APAUSE_TURN)
		app_resume(a, APAUSE_TURN);
	else if (!a->doomed && !a->closed && a->pause == 0)
		feed(a, ses.scratch, 0);
}

/* A timer, since what is made active now goes before all sockets. */
void
app_worked(struct app *a, uint32_t peers)
{
	if ((a->work += peers) < TURN_PEERS)
		return;
	a->work = 0;
	app_pause(a, APAUSE_TURN);
	event_after(&a->ev_more, 0);
}

void
app_pause(struct app *a, unsigned int why)
{
	if (a->pause == 0)
		event_del(&a->ev_read);
	a->pause |= why;
}

void
app_resume(struct app *a, unsigned int why)
{
	struct peer	*p;

	if (!(a->pause & why))
		return;
	a->pause &= ~why;
	if (why == APAUSE_PEER && (p = peer_find(a->waiting_on)) != NULL)
		p->nwaiters--;
	if (a->pause != 0 || a->doomed || a->closed)
		return;
	event_add(&a->ev_read, NULL);
	event_active(&a->ev_more, EV_TIMEOUT, 1);
}

void
apps_wake(struct peer *p)
{
	struct app	*a;

	if (p->nwaiters == 0)
		return;
	TAILQ_FOREACH(a, &ses.apps, entry)
		if (a->pause & APAUSE_PEER && a->waiting_on == p->node.key &&
		    (p->state != PEER_UP ||
		    send_depth(p, &p->caps[a->waiting_range]) <= SEND_ROOM))
			app_resume(a, APAUSE_PEER);
}

void
app_tick(int fd, short what, void *arg)
{
	struct app	*a = arg;

	event_del(&a->ev_gone);
	app_resume(a, APAUSE_PEER);
	app_resume(a, APAUSE_RATE);
}

/*
 * Over its rate it is not read, so that its end would be seen when all is paid,
 * and its capabilities taken as long. What it has sent is read now, and owed
 * by who comes after.
 */
void
app_gone(int fd, short what, void *arg)
{
	struct app	*a = arg;

	a->gone = 1;
	app_resume(a, APAUSE_RATE);
}
