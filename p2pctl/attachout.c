/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pctl/attachint.h"
#include "p2pctl/client.h"

const struct attcap *
attcap_byname(const struct attach *a, const char *name)
{
	size_t	 i;

	for (i = 0; i < a->ncaps; i++) {
		if (strcmp(a->caps[i].name, name) == 0)
			return &a->caps[i];
	}
	return NULL;
}

struct attcap *
attcap_byid(struct attach *a, uint32_t id)
{
	size_t	 i;

	for (i = 0; i < a->ncaps; i++) {
		if (a->caps[i].id == id)
			return &a->caps[i];
	}
	return NULL;
}

static void
no_memory(struct attach *a)
{
	fprintf(stderr, "p2pctl: out of memory\n");
	a->code = EX_FAILED;
	buf_free(&a->out);
}

static int
dump(const char *p, size_t n, void *arg)
{
	return buf_add(arg, p, n);
}

/* One object a line; takes the reference. */
static void
line(struct attach *a, json_t *o)
{
	if (o == NULL || json_dump_callback(o, dump, &a->out,
	    JSON_COMPACT | JSON_ENSURE_ASCII) == -1 ||
	    buf_add(&a->out, "\n", 1) == -1)
		no_memory(a);
	json_decref(o);
}

static json_t *
hex_string(const uint8_t *p, size_t n)
{
	char	 buf[2 * P2PAPP_ID + 1];

	return json_string(hex_encode(buf, p, n));
}

/* A wire reason in one word: "too-many-peers", null when there is none. */
static json_t *
disc_string(int disc)
{
	char	 buf[64], *p;

	if (disc == -1)
		return json_null();
	snprintf(buf, sizeof(buf), "%s", p2papp_disc_name((unsigned int)disc));
	for (p = buf; *p != '\0'; p++) {
		if (*p == ' ')
			*p = '-';
	}
	return json_string(buf);
}

/* Errors of the input's alone are bounded: nobody may be reading. */
void
output_error(struct attach *a, const char *error, const char *text,
    json_int_t lineno, uint32_t peer, json_t *id)
{
	json_t	*o;

	if (a->out.len > 2 * OUT_HIGH) {
		a->unsaid++;
		return;
	}
	o = json_pack("{s:s, s:s, s:s}", "event", "error", "error", error,
	    "text", text);
	if (lineno > 0)
		json_object_set_new(o, "line", json_integer(lineno));
	if (peer != 0)
		json_object_set_new(o, "peer", json_integer(peer));
	if (id != NULL)
		json_object_set(o, "id", id);
	line(a, o);
}

void
output_unsaid(struct attach *a)
{
	char	 text[64];

	if (a->unsaid == 0 || a->out.len > OUT_HIGH)
		return;
	snprintf(text, sizeof(text), "%llu errors are not shown",
	    (unsigned long long)a->unsaid);
	a->unsaid = 0;
	output_error(a, "overflow", text, 0, 0, NULL);
}

static void
ev_session_up(struct attach *a, const struct p2papp_event *ev)
{
	memcpy(a->token, p2papp_token(a->app), sizeof(a->token));
	a->has_token = 1;
	line(a, json_pack("{s:s, s:i, s:i, s:o, s:b, s:I}", "event",
	    "session-up", "session", (int)ev->session,
	    "sessions", (int)ev->sessions,
	    "node", hex_string(p2papp_id(a->app), P2PAPP_ID),
	    "resumed", ev->resumed,
	    "grace_ms", (json_int_t)p2papp_grace(a->app)));
}

static void
ev_session_down(struct attach *a, const struct p2papp_event *ev)
{
	line(a, json_pack("{s:s, s:i, s:i, s:s}", "event", "session-down",
	    "session", (int)ev->session, "sessions", (int)ev->sessions,
	    "text", ev->text));
}

static void
ev_attached(struct attach *a, const struct p2papp_event *ev)
{
	struct attcap	*c = attcap_byid(a, ev->cap);
	json_t		*versions = json_array();
	size_t		 i;

	for (i = 0; i < c->n; i++)
		json_array_append_new(versions, json_integer(c->v[i].version));
	c->attached = c->answered = 1;
	line(a, json_pack("{s:s, s:s, s:o, s:b, s:I, s:o}", "event", "attached",
	    "capability", c->name, "versions", versions, "tap", a->tap,
	    "cap_id", (json_int_t)ev->cap,
	    "node", hex_string(p2papp_id(a->app), P2PAPP_ID)));
}

/* Without its capabilities there is nothing left to do. */
static int
error_exit(unsigned int error)
{
	switch (error) {
	case P2PAPP_E_DENIED:
		return EX_DENIED;
	case P2PAPP_E_BUSY:
		return EX_BUSY;
	}
	return EX_FAILED;
}

static void
ev_detached(struct attach *a, const struct p2papp_event *ev)
{
	json_t	*o;

	attcap_byid(a, ev->cap)->attached = 0;
	o = json_pack("{s:s, s:s}", "event", "detached", "capability",
	    ev->capability);
	if (ev->error != 0) {
		json_object_set_new(o, "error",
		    json_string(p2papp_code_name(ev->error)));
		json_object_set_new(o, "text", json_string(ev->text));
	}
	line(a, o);
	if (!a->leaving)
		a->code = error_exit(ev->error);
}

static void
ev_snapshot_end(struct attach *a, const struct p2papp_event *ev)
{
	line(a, json_pack("{s:s, s:s, s:I, s:I}", "event", "snapshot-end",
	    "capability", ev->capability, "messages", (json_int_t)ev->messages,
	    "bytes", (json_int_t)ev->bytes));
}

static void
ev_resumed(struct attach *a, const struct p2papp_event *ev)
{
	line(a, json_pack("{s:s, s:s, s:i, s:I, s:I}", "event", "resumed",
	    "capability", ev->capability, "session", (int)ev->session,
	    "messages", (json_int_t)ev->messages,
	    "bytes", (json_int_t)ev->bytes));
}

static void
ev_lost(struct attach *a, const struct p2papp_event *ev)
{
	line(a, json_pack("{s:s, s:s, s:o, s:I, s:I}", "event", "lost",
	    "capability", ev->capability,
	    "peer", ev->peer == 0 ? json_null() : json_integer(ev->peer),
	    "messages", (json_int_t)ev->messages,
	    "bytes", (json_int_t)ev->bytes));
}

static void
ev_depth(struct attach *a, const struct p2papp_event *ev)
{
	line(a, json_pack("{s:s, s:I, s:s, s:I}", "event",
	    ev->type == P2PAPP_STALLED ? "stalled" : "writable",
	    "peer", (json_int_t)ev->peer, "capability", ev->capability,
	    "depth", (json_int_t)ev->depth));
}

static void
ev_peer_up(struct attach *a, const struct p2papp_event *ev)
{
	const struct p2papp_up	*u = ev->up;

	line(a, json_pack("{s:s, s:I, s:s, s:I, s:I, s:o, s:s, s:s, s:b, s:b, "
	    "s:b, s:s, s:b}", "event", "peer-up",
	    "peer", (json_int_t)ev->peer, "capability", ev->capability,
	    "version", (json_int_t)ev->version, "codes", (json_int_t)u->codes,
	    "id", hex_string(u->id, P2PAPP_ID), "address", u->remote,
	    "local", u->local, "inbound", (u->flags & P2PAPP_INBOUND) != 0,
	    "static", (u->flags & P2PAPP_STATIC) != 0,
	    "trusted", (u->flags & P2PAPP_TRUSTED) != 0,
	    "client", u->client, "snapshot", u->snapshot));
}

static void
ev_peer_down(struct attach *a, const struct p2papp_event *ev)
{
	const struct p2papp_down	*d = ev->down;

	line(a, json_pack("{s:s, s:I, s:s, s:s, s:o, s:o, s:b, s:I, s:I, s:I, "
	    "s:I, s:I}", "event", "peer-down", "peer", (json_int_t)ev->peer,
	    "capability", ev->capability,
	    "reason", p2papp_reason_name(d->reason),
	    "disc", disc_string(d->disc),
	    "disc_code", d->disc == -1 ? json_null() : json_integer(d->disc),
	    "remote", d->remote, "ms", (json_int_t)d->ms,
	    "msgs_in", (json_int_t)d->msgs_in,
	    "msgs_out", (json_int_t)d->msgs_out,
	    "bytes_in", (json_int_t)d->bytes_in,
	    "bytes_out", (json_int_t)d->bytes_out));
}

/* The one that must be fast: no tree, the payload straight into the buffer. */
static void
ev_message(struct attach *a, const struct p2papp_event *ev)
{
	const char	*name = attcap_byid(a, ev->cap)->json;
	size_t		 size = 160 + strlen(name) + 2 * ev->len;
	char		*p;
	int		 n;

	if (a->out.len >= OUT_HIGH) {
		/* Neither side goes on, see attach.c. */
		a->shed++;
		return;
	}
	if ((p = buf_room(&a->out, size)) == NULL) {
		no_memory(a);
		return;
	}
	n = snprintf(p, size, "{\"event\":\"message\",\"peer\":%u,"
	    "\"capability\":%s,\"version\":%u,\"code\":%u,%s\"data\":\"0x",
	    ev->peer, name, ev->version, ev->code,
	    !a->tap ? "" : ev->out ? "\"out\":true," : "\"out\":false,");
	hex_encode(p + n, ev->data, ev->len);
	p += (size_t)n + 2 * ev->len;
	memcpy(p, "\"}\n", 3);
	a->out.len += (size_t)n + 2 * ev->len + 3;
}

static struct ident *
ident_find(struct attach *a, uint32_t request)
{
	struct ident	 key;

	key.request = request;
	return RB_FIND(idents, &a->idents, &key);
}

static void
ident_free(struct attach *a, struct ident *i)
{
	if (i == NULL)
		return;
	RB_REMOVE(idents, &a->idents, i);
	json_decref(i->id);
	free(i);
}

static void
ev_sent(struct attach *a, const struct p2papp_event *ev)
{
	static const char *const outcomes[] = {
		[P2PAPP_WRITTEN] = "written", [P2PAPP_DROPPED] = "dropped",
		[P2PAPP_GONE] = "gone"
	};
	struct ident	*i = ident_find(a, ev->request);

	line(a, json_pack("{s:s, s:O?, s:I, s:s, s:I}", "event", "sent",
	    "id", i == NULL ? NULL : i->id, "peer", (json_int_t)ev->peer,
	    "outcome", ev->outcome < nitems_of(outcomes) ?
	    outcomes[ev->outcome] : "unknown",
	    "depth", (json_int_t)ev->depth));
	ident_free(a, i);
}

static void
ev_sent_many(struct attach *a, const struct p2papp_event *ev)
{
	struct ident	*i = ident_find(a, ev->request);

	line(a, json_pack("{s:s, s:O?, s:I, s:I, s:I}", "event", "sent-many",
	    "id", i == NULL ? NULL : i->id,
	    "written", (json_int_t)ev->written,
	    "dropped", (json_int_t)ev->dropped, "gone", (json_int_t)ev->gone));
	ident_free(a, i);
}

static void
ev_updated(struct attach *a, const struct p2papp_event *ev)
{
	struct ident	*i = ident_find(a, ev->request);
	json_t		*o;

	o = json_pack("{s:s, s:s}", "event", "updated", "capability",
	    ev->capability);
	if (i != NULL)
		json_object_set(o, "id", i->id);
	if (ev->error != 0) {
		json_object_set_new(o, "error",
		    json_string(p2papp_code_name(ev->error)));
		json_object_set_new(o, "text", json_string(ev->text));
	}
	if (ev->error == P2PAPP_E_ROOM || ev->error == P2PAPP_E_RECORD)
		json_object_set_new(o, "room", json_integer(ev->room));
	line(a, o);
	ident_free(a, i);
}

static void
ev_error(struct attach *a, const struct p2papp_event *ev)
{
	struct ident	*i = ident_find(a, ev->request);
	json_t		*o;

	o = json_pack("{s:s, s:s, s:s}", "event", "error", "error",
	    p2papp_code_name(ev->error), "text", ev->text);
	if (ev->capability != NULL)
		json_object_set_new(o, "capability", json_string(ev->capability));
	if (ev->error == P2PAPP_E_ROOM || ev->error == P2PAPP_E_RECORD)
		json_object_set_new(o, "room", json_integer(ev->room));
	if (ev->peer != 0)
		json_object_set_new(o, "peer", json_integer(ev->peer));
	if (i != NULL)
		json_object_set(o, "id", i->id);
	line(a, o);
	ident_free(a, i);
	/* With a capability it is an attach that was refused. */
	if (ev->capability != NULL)
		a->code = error_exit(ev->error);
}

void
output_event(struct attach *a, const struct p2papp_event *ev)
{
	static void (*const show[])(struct attach *, const struct p2papp_event *) = {
		[P2PAPP_SESSION_UP] = ev_session_up,
		[P2PAPP_SESSION_DOWN] = ev_session_down,
		[P2PAPP_ATTACHED] = ev_attached,
		[P2PAPP_DETACHED] = ev_detached,
		[P2PAPP_SNAPSHOT_END] = ev_snapshot_end,
		[P2PAPP_PEER_UP] = ev_peer_up,
		[P2PAPP_PEER_DOWN] = ev_peer_down,
		[P2PAPP_MESSAGE] = ev_message,
		[P2PAPP_SENT] = ev_sent,
		[P2PAPP_ERROR] = ev_error,
		[P2PAPP_SENT_MANY] = ev_sent_many,
		[P2PAPP_RESUMED] = ev_resumed,
		[P2PAPP_UPDATED] = ev_updated,
		[P2PAPP_LOST] = ev_lost,
		[P2PAPP_STALLED] = ev_depth,
		[P2PAPP_WRITABLE] = ev_depth,
	};

	uint64_t	 lost = ev->lost;

	if (a->out.len < OUT_HIGH) {
		lost += a->shed;
		a->shed = 0;
	}
	if (lost > 0)
		line(a, json_pack("{s:s, s:I}", "event", "lost",
		    "messages", (json_int_t)lost));
	if (ev->type < nitems_of(show) && show[ev->type] != NULL)
		show[ev->type](a, ev);
}
