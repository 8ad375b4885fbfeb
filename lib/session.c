/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/util.h"
#include "lib/internal.h"

/* With the longest list before it, it is still a body. */
#define PAYLOAD_MAX	(APP_BODY_MAX - APP_MULTI_HEAD - 4 * APP_LIST_MAX)

static void
retry_later(struct session *s, uint64_t now)
{
	uint64_t	 ms = RETRY_MAX_MS;

	if (s->fails < 8 && (RETRY_MIN_MS << s->fails) < RETRY_MAX_MS)
		ms = RETRY_MIN_MS << s->fails;
	s->fails++;
	s->when = now + ms;
}

static int
send_hello(struct p2papp *h, struct session *s)
{
	struct app_hello	 hello;
	struct app_head		 head;
	uint8_t			 body[APP_HELLO_MAX];

	memset(&hello, 0, sizeof(hello));
	hello.major = APP_MAJOR;
	hello.minor = APP_MINOR;
	hello.session = (uint16_t)s->index;
	memcpy(hello.token, h->token, sizeof(hello.token));
	memcpy(hello.name, h->name, sizeof(hello.name));
	memset(&head, 0, sizeof(head));
	head.type = AF_HELLO;
	head.len = (uint32_t)app_hello_encode(body, sizeof(body), &hello);
	head.request = s->request = next_request(h);
	return conn_write(&s->c, &head, body, head.len, NULL, 0, SIZE_MAX, 0);
}

int
session_connect(struct p2papp *h, struct session *s)
{
	int	 saved;

	if (conn_open(&s->c, h->path) == -1)
		return -1;
	if (send_hello(h, s) == -1) {
		saved = errno;
		conn_close(&s->c);
		errno = saved;
		return -1;
	}
	s->state = S_HELLO;
	session_asked(s);
	s->served = 0;
	s->events = 0;
	s->told = 0;
	return 0;
}

/*
 * The connection is over. Its peers and outstanding sends stay in its lists
 * until p2papp_next() has told their ends one by one.
 */
void
session_drop(struct p2papp *h, struct session *s, int error, const char *why)
{
	uint64_t	 now = mono_ms();

	conn_close(&s->c);
	if (s->state == S_UP) {
		h->nup--;
		h->ndraining++;
		s->draining = 1;
		snprintf(s->why, sizeof(s->why), "%s", why);
		if (now - s->since >= STEADY_MS)
			s->fails = 0;
	}
	s->state = S_DOWN;
	s->asked = 0;
	retry_later(s, now);
	cap_lost(h, s);
	if (!h->welcomed) {
		h->fatal = error;
		fail(h, error, why);
	}
}

/*
 * Until a session is up only one at a time says hello: after a restart of the
 * daemon the first brings the token that the others have to show.
 */
int
session_may_connect(const struct p2papp *h, const struct session *s)
{
	unsigned int	 i;

	if (s->index >= h->nsessions || s->draining ||
	    (s->state != S_NONE && s->state != S_DOWN) ||
	    (s->state == S_DOWN && !h->reconnect && !s->wanted))
		return 0;
	if (h->nup > 0)
		return 1;
	for (i = 0; i < h->nslots; i++) {
		if (h->s[i].state == S_HELLO)
			return 0;
	}
	return 1;
}

void
session_asked(struct session *s)
{
	if (s->asked == 0) {
		s->asked = mono_ms();
		s->spared = 0;
	}
	s->asked_to = s->c.sent + s->c.outlen;
	s->taken = s->c.sent;
}

/* Who answers something is not gone: the time for the rest begins anew. */
void
session_answered(struct p2papp *h, struct session *s)
{
	size_t	 i;

	s->asked = 0;
	s->spared = 0;
	for (i = 0; i < P2PAPP_CAPS && s->asked == 0; i++) {
		if (cap_waits(&h->cap[i], s))
			s->asked = mono_ms();
	}
}

uint64_t
session_deadline(const struct p2papp *h, const struct session *s)
{
	if (s->asked == 0 || h->deadline == 0)
		return UINT64_MAX;
	return s->asked + h->deadline;
}

int
session_overdue(struct p2papp *h, struct session *s)
{
	uint64_t	 now, by = session_deadline(h, s);

	if (by == UINT64_MAX || (now = mono_ms()) < by)
		return 0;
	/* A daemon that still takes what was sent before has not been asked. */
	if (s->taken < s->asked_to && s->taken < s->c.sent) {
		s->taken = s->c.sent;
		s->asked = now;
		return 0;
	}
	/* Nor could one answer who had filled the socket, and was not read. */
	if (now - by >= LATE_MS && !s->spared) {
		s->spared = 1;
		s->asked = now;
		return 0;
	}
	session_drop(h, s, ETIMEDOUT, "no answer from daemon");
	return 1;
}

void
session_tick(struct p2papp *h)
{
	struct session	*s;
	uint64_t	 now;
	unsigned int	 i;

	if (h->nup == h->nsessions || h->fatal != 0)
		return;
	now = mono_ms();
	for (i = 0; i < h->nslots; i++) {
		s = &h->s[i];
		if (session_may_connect(h, s) && now >= s->when &&
		    session_connect(h, s) == -1) {
			s->state = S_DOWN;
			retry_later(s, now);
			h->due = 1;
		}
	}
}

/* Those that know the token of a daemon that is no more. */
static void
drop_others(struct p2papp *h, const struct session *but)
{
	struct session	*s;
	unsigned int	 i;

	for (i = 0; i < h->nslots; i++) {
		s = &h->s[i];
		if (s == but || (s->state != S_UP && s->state != S_HELLO))
			continue;
		session_drop(h, s, ECONNRESET, "daemon started anew");
		s->when = 0;
	}
}

int
session_welcome(struct p2papp *h, struct session *s, const struct app_welcome *w)
{
	unsigned int	 i;

	if (w->session != s->index || w->sessions > SESSIONS_MAX ||
	    w->sessions <= s->index || w->max_payload == 0)
		return -1;
	if (h->welcomed && memcmp(h->token, w->token, sizeof(h->token)) != 0)
		drop_others(h, s);
	for (i = w->sessions; i < h->nslots; i++) {
		if (h->s[i].state == S_UP || h->s[i].state == S_HELLO)
			session_drop(h, &h->s[i], ECONNRESET, "session is no more");
	}
	memcpy(h->token, w->token, sizeof(h->token));
	memcpy(h->id, w->id, sizeof(h->id));
	h->grace = w->grace_ms;
	h->max_payload = w->max_payload;
	if (h->max_payload > PAYLOAD_MAX)
		h->max_payload = PAYLOAD_MAX;
	h->nsessions = w->sessions;
	if (h->nslots < h->nsessions)
		h->nslots = h->nsessions;
	h->welcomed = 1;
	h->nup++;
	h->due = 1;
	s->state = S_UP;
	s->wanted = 0;
	s->asked = 0;
	s->since = mono_ms();
	for (i = 0; i < P2PAPP_CAPS; i++) {
		if (h->cap[i].state == C_ACTIVE)
			cap_attach(h, &h->cap[i], s);
	}
	return 0;
}

void
p2papp_set_deadline(struct p2papp *h, unsigned int ms)
{
	h->deadline = ms;
	loop_update(h);
}

void
p2papp_set_reconnect(struct p2papp *h, int on)
{
	h->reconnect = on;
	loop_update(h);
}

void
p2papp_reconnect(struct p2papp *h)
{
	unsigned int	 i;

	for (i = 0; i < h->nslots; i++) {
		if (h->s[i].state != S_DOWN)
			continue;
		h->s[i].wanted = 1;
		h->s[i].when = 0;
	}
	loop_update(h);
}
