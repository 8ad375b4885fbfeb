/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "lib/internal.h"

#define DEFAULT_PATH	RUNSTATEDIR "/p2pd/app.sock"

int
fail(struct p2papp *h, int error, const char *text)
{
	snprintf(h->error, sizeof(h->error), "%s", text);
	errno = error;
	return -1;
}

uint32_t
next_request(struct p2papp *h)
{
	if (++h->request == 0)
		h->request = 1;
	return h->request;
}

struct p2papp_event *
event(struct p2papp *h, enum p2papp_type type, const struct appcap *cap)
{
	memset(&h->ev, 0, sizeof(h->ev));
	h->ev.type = type;
	if (cap != NULL) {
		h->ev.cap = cap->id;
		h->ev.capability = cap->what.name;
	}
	return &h->ev;
}

struct p2papp *
p2papp_open(const char *path, const char *name,
    const uint8_t token[P2PAPP_TOKEN])
{
	struct p2papp	*h;
	unsigned int	 i;
	int		 saved;

	if (path == NULL)
		path = DEFAULT_PATH;
	if (strlen(path) >= sizeof(h->path) || strlen(name) >= sizeof(h->name)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	if ((h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	memcpy(h->path, path, strlen(path));
	memcpy(h->name, name, strlen(name));
	if (token != NULL)
		memcpy(h->token, token, sizeof(h->token));
	h->queue = QUEUE_MAX;
	h->nsessions = h->nslots = 1;
	for (i = 0; i < SESSIONS_MAX; i++) {
		h->s[i].index = i;
		conn_init(&h->s[i].c);
		list_init(&h->s[i].peers);
		list_init(&h->s[i].sends);
	}
	/* A full backlog is the one failure that time mends. */
	if (session_connect(h, &h->s[0]) == -1 && errno != EAGAIN) {
		saved = errno;
		p2papp_close(h);
		errno = saved;
		return NULL;
	}
	return h;
}

void
p2papp_close(struct p2papp *h)
{
	unsigned int	 i;

	if (h == NULL)
		return;
	for (i = 0; i < h->nslots; i++)
		conn_close(&h->s[i].c);
	table_free(&h->peers);
	table_free(&h->sends);
	free(h);
}

void
p2papp_set_queue(struct p2papp *h, size_t n)
{
	h->queue = n;
}

/* One more end to tell of a connection that is over, in order. */
static int
drain(struct p2papp *h, struct session *s)
{
	struct p2papp_event	*ev;
	struct appcap		*cap;
	struct send		*out;
	struct peer		*p;

	if ((out = (struct send *)list_first(&s->sends)) != NULL) {
		ev = event(h, P2PAPP_SENT, cap_find(h, out->cap));
		ev->cap = out->cap;
		ev->peer = out->peer;
		ev->request = (uint32_t)out->node.key;
		ev->outcome = P2PAPP_GONE;
		table_del(&h->sends, &out->node);
		free(out);
		return 1;
	}
	while ((p = (struct peer *)list_first(&s->peers)) != NULL) {
		cap = cap_find(h, p->cap);
		ev = event(h, P2PAPP_PEER_DOWN, cap);
		ev->peer = p->handle;
		ev->version = p->version;
		memset(&h->down, 0, sizeof(h->down));
		h->down.reason = REASON_SESSION_DIED;
		h->down.disc = -1;
		ev->down = &h->down;
		table_del(&h->peers, &p->node);
		free(p);
		if (cap != NULL && cap->state == C_ACTIVE)
			return 1;
	}
	s->draining = 0;
	h->ndraining--;
	ev = event(h, P2PAPP_SESSION_DOWN, NULL);
	ev->session = s->index;
	ev->sessions = h->nsessions;
	ev->text = s->why;
	return 1;
}

static int
due(struct p2papp *h)
{
	unsigned int	 i;

	for (i = 0; h->ndraining > 0 && i < h->nslots; i++) {
		if (h->s[i].draining)
			return drain(h, &h->s[i]);
	}
	return cap_due(h);
}

enum progress { IN_NONE, IN_EVENT, IN_CHANGE, IN_YIELD, IN_FAILED };

static enum progress
session_input(struct p2papp *h, struct session *s)
{
	struct app_head	 head;
	const uint8_t	*body;
	int		 r;

	for (;;) {
		r = conn_frame(&s->c, &head, &body);
		if (r == 1)
			r = frame_input(h, s, &head, body);
		else if (r == 0) {
			if (s->served) {
				s->served = 0;
				return IN_YIELD;
			}
			if (s->c.outlen > 0)
				conn_flush(&s->c);
			if ((r = conn_read(&s->c)) == 0)
				return IN_NONE;
			if (r == 1)
				continue;
			if (errno == ENOMEM)
				return IN_FAILED;
			session_drop(h, s, errno, errno == ECONNRESET ?
			    "connection closed by daemon" : strerror(errno));
			return IN_CHANGE;
		}
		if (r == -1) {
			session_drop(h, s, EPROTO, "malformed frame from daemon");
			return IN_CHANGE;
		}
		if (r == 1) {
			s->served = 1;
			return IN_EVENT;
		}
		/* What was not an event may have made one due, or an end. */
		if (h->due || h->ndraining > 0 || h->fatal != 0 ||
		    s->state == S_DOWN)
			return IN_CHANGE;
	}
}

/* Each session in turn, as much as one read brought. */
static enum progress
input(struct p2papp *h)
{
	struct session	*s;
	enum progress	 r, all = IN_NONE;
	unsigned int	 i;

	for (i = 0; i < h->nslots; i++) {
		s = &h->s[h->turn % h->nslots];
		r = IN_NONE;
		if (s->state == S_HELLO || s->state == S_UP)
			r = session_input(h, s);
		if (r == IN_EVENT || r == IN_CHANGE || r == IN_FAILED)
			return r;
		if (r == IN_YIELD)
			all = IN_CHANGE;
		h->turn = (h->turn + 1) % h->nslots;
	}
	return all;
}

/* Every event goes out here, with what was lost before it. */
static int
deliver(struct p2papp *h, const struct p2papp_event **evp)
{
	h->ev.lost = h->lost;
	h->lost = 0;
	*evp = &h->ev;
	return 1;
}

int
p2papp_next(struct p2papp *h, const struct p2papp_event **evp)
{
	enum progress	 r;

	*evp = NULL;
	do {
		session_tick(h);
		if (h->fatal != 0) {
			errno = h->fatal;
			return -1;
		}
		if (due(h))
			return deliver(h, evp);
		r = input(h);
	} while (r == IN_CHANGE);
	if (r == IN_FAILED)
		return fail(h, ENOMEM, "out of memory");
	return r == IN_EVENT ? deliver(h, evp) : 0;
}

size_t
p2papp_pollfds(struct p2papp *h, struct pollfd *fds, size_t max)
{
	struct session	*s;
	unsigned int	 i;
	size_t		 n = 0;

	for (i = 0; i < h->nslots; i++) {
		s = &h->s[i];
		if (s->state != S_HELLO && s->state != S_UP)
			continue;
		if (n < max) {
			fds[n].fd = s->c.fd;
			fds[n].events = POLLIN;
			if (s->c.outlen > 0)
				fds[n].events |= POLLOUT;
			fds[n].revents = 0;
		}
		n++;
	}
	return n;
}

int
p2papp_timeout(struct p2papp *h)
{
	struct session	*s;
	uint64_t	 now, first = UINT64_MAX;
	unsigned int	 i;

	if (h->fatal != 0 || h->due || h->ndraining > 0)
		return 0;
	for (i = 0; i < h->nslots; i++) {
		s = &h->s[i];
		if ((s->state == S_HELLO || s->state == S_UP) && !s->c.drained)
			return 0;
		if ((s->state == S_HELLO || session_may_connect(h, s)) &&
		    s->when < first)
			first = s->when;
	}
	if (first == UINT64_MAX)
		return -1;
	now = mono_ms();
	return first <= now ? 0 : (int)(first - now);
}

int
p2papp_wait(struct p2papp *h, int ms)
{
	struct pollfd	 fds[SESSIONS_MAX];
	size_t		 n;
	int		 r, own;

	if ((own = p2papp_timeout(h)) == 0)
		return 1;
	n = p2papp_pollfds(h, fds, SESSIONS_MAX);
	if (own == -1 || (ms >= 0 && ms < own))
		r = poll(fds, (nfds_t)n, ms);
	else if ((r = poll(fds, (nfds_t)n, own)) == 0)
		return 1;
	if (r == -1)
		return fail(h, errno, "poll");
	return r > 0;
}

/* Names go into Hello: printable ASCII, no separators. */
static int
name_ok(const char *name)
{
	const char	*p;

	for (p = name; *p != '\0'; p++) {
		if (*p <= ' ' || *p > '~' || *p == '/' || *p == ',')
			return 0;
	}
	return p != name && p - name <= CAP_NAME_MAX;
}

static int
fill_attach(struct app_attach *a, const char *name,
    const struct p2papp_version *v, size_t n, enum p2papp_policy policy)
{
	size_t	 i, j;

	memset(a, 0, sizeof(*a));
	if (!name_ok(name) || n == 0 || n > APP_VERS_MAX)
		return -1;
	memcpy(a->name, name, strlen(name));
	a->mode = APM_OWNER;
	a->policy = (uint8_t)policy;
	a->nvers = (uint16_t)n;
	for (i = 0; i < n; i++) {
		if (v[i].codes == 0 || v[i].codes > 65536)
			return -1;
		for (j = 0; j < i; j++) {
			if (v[j].version == v[i].version)
				return -1;
		}
		a->vers[i].version = v[i].version;
		a->vers[i].codes = v[i].codes;
	}
	return 0;
}

int
p2papp_attach(struct p2papp *h, const char *name,
    const struct p2papp_version *versions, size_t n, enum p2papp_policy policy,
    uint32_t *capp)
{
	struct app_attach	 what;
	struct appcap		*cap, *slot = NULL;
	unsigned int		 i;

	if (fill_attach(&what, name, versions, n, policy) == -1)
		return fail(h, EINVAL, "invalid capability or version");
	for (i = 0; i < P2PAPP_CAPS; i++) {
		cap = &h->cap[i];
		if (cap->state == C_FREE)
			slot = slot == NULL ? cap : slot;
		else if (strcmp(cap->what.name, name) == 0)
			return fail(h, cap->state == C_ACTIVE ? EEXIST : EBUSY,
			    "capability is attached already");
	}
	if (slot == NULL)
		return fail(h, E2BIG, "too many capabilities");
	memset(slot, 0, sizeof(*slot));
	slot->state = C_ACTIVE;
	slot->what = what;
	if (++h->capid == 0)
		h->capid = 1;
	*capp = slot->id = h->capid;
	for (i = 0; i < h->nslots; i++) {
		if (h->s[i].state == S_UP)
			cap_attach(h, slot, &h->s[i]);
	}
	return 0;
}

int
p2papp_detach(struct p2papp *h, uint32_t id)
{
	struct appcap	*cap;

	if ((cap = cap_find(h, id)) == NULL || cap->state != C_ACTIVE)
		return fail(h, ENOENT, "no such capability");
	cap_detach(h, cap, 0);
	return 0;
}

static int
write_failed(struct p2papp *h)
{
	if (errno == EAGAIN)
		return fail(h, EAGAIN, "queue to the daemon is full");
	if (errno == EPIPE)
		return fail(h, ENOENT, "connection to the daemon is lost");
	return fail(h, errno, "out of memory");
}

int
p2papp_send(struct p2papp *h, uint32_t handle, uint32_t capid, uint32_t code,
    const void *data, size_t len, unsigned int flags, uint32_t *request)
{
	struct app_head	 head;
	struct session	*s;
	struct peer	*p;
	struct appcap	*cap;
	struct send	*out = NULL;
	uint8_t		 pre[APP_MSG_HEAD];

	p = (struct peer *)table_find(&h->peers, PEER_KEY(handle, capid));
	if (p == NULL || (s = &h->s[p->session])->state != S_UP ||
	    (cap = cap_find(h, capid)) == NULL || cap->state != C_ACTIVE)
		return fail(h, ENOENT, "no such peer");
	if (code >= p->codes)
		return fail(h, EINVAL, "code is out of range");
	if (len > h->max_payload)
		return fail(h, EMSGSIZE, "message is too long");
	if ((flags & P2PAPP_COMPLETE) && h->sends.n >= SENDS_MAX)
		return fail(h, EAGAIN, "too many sends are outstanding");
	head.type = AF_SEND;
	head.flags = flags & P2PAPP_COMPLETE ? AFL_COMPLETE : 0;
	head.request = next_request(h);
	head.peer = handle;
	head.len = (uint32_t)(APP_MSG_HEAD + len);
	app_put32(pre, cap->at[s->index].capid);
	app_put32(pre + 4, code);
	if (flags & P2PAPP_COMPLETE) {
		if ((out = calloc(1, sizeof(*out))) == NULL ||
		    table_add(&h->sends, &s->sends, &out->node, head.request) == -1) {
			free(out);
			return fail(h, ENOMEM, "out of memory");
		}
		out->session = s->index;
		out->peer = handle;
		out->cap = capid;
	}
	if (conn_write(&s->c, &head, pre, sizeof(pre), data, len, h->queue,
	    (flags & P2PAPP_MORE) != 0) == -1) {
		if (out != NULL)
			table_del(&h->sends, &out->node);
		free(out);
		return write_failed(h);
	}
	if (request != NULL)
		*request = head.request;
	return 0;
}

/* Which session has the peer, for whichever capability. */
static struct session *
session_of(struct p2papp *h, uint32_t handle)
{
	struct peer	*p;
	size_t		 i;

	for (i = 0; i < P2PAPP_CAPS; i++) {
		if (h->cap[i].state != C_ACTIVE)
			continue;
		p = (struct peer *)table_find(&h->peers,
		    PEER_KEY(handle, h->cap[i].id));
		if (p != NULL && h->s[p->session].state == S_UP)
			return &h->s[p->session];
	}
	return NULL;
}

int
p2papp_disconnect(struct p2papp *h, uint32_t handle, unsigned int reason,
    uint32_t *request)
{
	struct app_head	 head;
	struct session	*s;
	uint8_t		 body;

	if (reason >= DISC_NONE)
		return fail(h, EINVAL, "invalid reason");
	if ((s = session_of(h, handle)) == NULL)
		return fail(h, ENOENT, "no such peer");
	memset(&head, 0, sizeof(head));
	head.type = AF_DISCONNECT;
	head.len = sizeof(body);
	head.request = next_request(h);
	head.peer = handle;
	body = (uint8_t)reason;
	if (conn_write(&s->c, &head, &body, sizeof(body), NULL, 0, h->queue, 0) == -1)
		return write_failed(h);
	if (request != NULL)
		*request = head.request;
	return 0;
}

int
p2papp_flush(struct p2papp *h)
{
	unsigned int	 i;

	for (i = 0; i < h->nslots; i++) {
		if (h->s[i].c.outlen > 0)
			conn_flush(&h->s[i].c);
	}
	return p2papp_pending(h) == 0;
}

size_t
p2papp_pending(const struct p2papp *h)
{
	unsigned int	 i;
	size_t		 n = 0;

	for (i = 0; i < h->nslots; i++)
		n += h->s[i].c.outlen;
	return n;
}

size_t
p2papp_outstanding(const struct p2papp *h)
{
	return h->sends.n;
}

const uint8_t *
p2papp_id(const struct p2papp *h)
{
	return h->welcomed ? h->id : NULL;
}

const uint8_t *
p2papp_token(const struct p2papp *h)
{
	return h->welcomed ? h->token : NULL;
}

const char *
p2papp_error(const struct p2papp *h)
{
	return h->error;
}

const char *
p2papp_reason_name(unsigned int reason)
{
	return reason_name(reason);
}

const char *
p2papp_disc_name(unsigned int disc)
{
	return disc_name(disc);
}

const char *
p2papp_code_name(unsigned int error)
{
	return app_error_name(error);
}
