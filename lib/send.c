/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/reason.h"
#include "lib/internal.h"

int
write_failed(struct p2papp *h)
{
	if (errno == EAGAIN)
		return fail(h, EAGAIN, "queue to the daemon is full");
	if (errno == EPIPE)
		return fail(h, ENOENT, "connection to the daemon is lost");
	return fail(h, errno, "out of memory");
}

struct send *
send_new(struct p2papp *h, struct session *s, uint32_t request)
{
	struct send	*out;

	if ((out = calloc(1, sizeof(*out))) == NULL)
		return NULL;
	if (table_add(&h->sends, &s->sends, &out->node, request) == -1) {
		free(out);
		return NULL;
	}
	out->session = s->index;
	return out;
}

/* A peer that can be reached, with its capability and session. */
static struct peer *
find(struct p2papp *h, uint32_t handle, uint32_t capid, struct session **s,
    struct appcap **cap)
{
	struct peer	*p;

	p = (struct peer *)table_find(&h->peers, PEER_KEY(handle, capid));
	if (p == NULL || (*s = &h->s[p->session])->state != S_UP ||
	    (*cap = cap_find(h, capid)) == NULL || (*cap)->state != C_ACTIVE)
		return NULL;
	return p;
}

static uint16_t
send_flags(unsigned int flags)
{
	return (uint16_t)((flags & P2PAPP_COMPLETE ? AFL_COMPLETE : 0) |
	    (flags & P2PAPP_PRIORITY ? AFL_PRIORITY : 0));
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

	if ((p = find(h, handle, capid, &s, &cap)) == NULL)
		return fail(h, ENOENT, "no such peer");
	if (cap->what.mode == APM_TAP)
		return fail(h, EACCES, "a tap does not send");
	if (code >= p->codes)
		return fail(h, EINVAL, "code is out of range");
	if (len > h->max_payload)
		return fail(h, EMSGSIZE, "message is too long");
	if ((flags & P2PAPP_COMPLETE) && h->sends.n >= SENDS_MAX)
		return fail(h, EAGAIN, "too many sends are outstanding");
	head.type = AF_SEND;
	head.flags = send_flags(flags);
	head.request = next_request(h);
	head.peer = handle;
	head.len = (uint32_t)(APP_MSG_HEAD + len);
	app_put32(pre, cap->at[s->index].capid);
	app_put32(pre + 4, code);
	if (flags & P2PAPP_COMPLETE) {
		if ((out = send_new(h, s, head.request)) == NULL)
			return fail(h, ENOMEM, "out of memory");
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
	loop_watch(h, s);
	if (request != NULL)
		*request = head.request;
	return 0;
}

/* Which session has the peer, for whichever capability we own. */
static struct session *
session_of(struct p2papp *h, uint32_t handle)
{
	struct session	*s;
	struct appcap	*cap;
	size_t		 i;

	for (i = 0; i < P2PAPP_CAPS; i++) {
		if (h->cap[i].state == C_ACTIVE &&
		    h->cap[i].what.mode == APM_OWNER &&
		    find(h, handle, h->cap[i].id, &s, &cap) != NULL)
			return s;
	}
	return NULL;
}

/* A small frame, under the queue's limit. */
static int
request_write(struct p2papp *h, struct session *s, uint16_t type,
    uint32_t peer, const void *body, size_t n, uint32_t *request)
{
	struct app_head	 head = { (uint32_t)n, type, 0, next_request(h), peer };

	if (conn_write(&s->c, &head, body, n, NULL, 0, h->queue, 0) == -1)
		return write_failed(h);
	loop_watch(h, s);
	if (request != NULL)
		*request = head.request;
	return 0;
}

int
p2papp_accept(struct p2papp *h, uint32_t handle, uint32_t capid)
{
	struct session	*s;
	struct appcap	*cap;
	uint8_t		 body[4];

	if (find(h, handle, capid, &s, &cap) == NULL)
		return fail(h, ENOENT, "no such peer");
	app_put32(body, cap->at[s->index].capid);
	return request_write(h, s, AF_ACCEPT, handle, body, sizeof(body), NULL);
}

int
p2papp_disconnect(struct p2papp *h, uint32_t handle, unsigned int reason,
    uint32_t *request)
{
	struct session	*s;
	uint8_t		 body = (uint8_t)reason;

	if (reason >= DISC_NONE)
		return fail(h, EINVAL, "invalid reason");
	if ((s = session_of(h, handle)) == NULL)
		return fail(h, ENOENT, "no such peer");
	return request_write(h, s, AF_DISCONNECT, handle, &body, sizeof(body),
	    request);
}

int
p2papp_penalise(struct p2papp *h, uint32_t handle, unsigned int reason,
    uint32_t seconds, uint32_t *request)
{
	struct session	*s;
	uint8_t		 body[8] = { (uint8_t)reason };

	if (reason >= DISC_NONE)
		return fail(h, EINVAL, "invalid reason");
	if ((s = session_of(h, handle)) == NULL)
		return fail(h, ENOENT, "no such peer");
	app_put32(body + 4, seconds);
	return request_write(h, s, AF_PENALISE, handle, body, sizeof(body),
	    request);
}

/* Any session will do: the parent has it from there. */
int
p2papp_hint(struct p2papp *h, const uint8_t id[P2PAPP_ID], const char *address,
    uint16_t udp, uint32_t *request)
{
	struct app_hint	 hint;
	uint8_t		 body[128];
	size_t		 n;
	unsigned int	 i;

	memset(&hint, 0, sizeof(hint));
	if (addr_parse(&hint.addr, address) == -1 || hint.addr.port == 0)
		return fail(h, EINVAL, "invalid address");
	memcpy(hint.id, id, sizeof(hint.id));
	hint.udp = udp;
	n = app_hint_encode(body, sizeof(body), &hint);
	for (i = 0; i < h->nslots; i++) {
		if (h->s[i].state == S_UP)
			return request_write(h, &h->s[i], AF_HINT, 0, body, n,
			    request);
	}
	return fail(h, ENOENT, "connection to the daemon is lost");
}
