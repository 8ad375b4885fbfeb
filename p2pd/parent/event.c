/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>
#include <time.h>

#include "p2pd/parent/parent.h"

/* Events for those who monitor: through control, and lossy by design. */
static uint32_t events_lost;

int
event_wanted(void)
{
	return parent.monitors > 0;
}

void
event_begin(struct rec *r, const char *name)
{
	rec_init(r);
	rec_str(r, "event", name);
	rec_u64(r, "time", (uint64_t)time(NULL));
}

static void
event_forward(const struct m_event *m)
{
	struct child *c = child_first(PROC_CONTROL);
	struct m_event out;

	if (!child_ready(c) || channel_full(c->ch)) {
		events_lost++;
		return;
	}
	out = *m;
	out.lost += events_lost;
	events_lost = 0;
	child_msg(c, &m_event_desc, &out, -1);
}

void
event_send(struct rec *r)
{
	struct m_event m;

	if (rec_finish(r) == -1 || r->len > sizeof(m.rec))
		return;
	memset(&m, 0, sizeof(m));
	m.len = r->len;
	memcpy(m.rec, r->buf, r->len);
	event_forward(&m);
}

void
event_relay(struct channel *ch, struct chan_msg *msg, void *arg)
{
	if (event_wanted())
		event_forward(msg->body);
}
