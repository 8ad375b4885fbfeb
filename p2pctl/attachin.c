/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/reason.h"
#include "p2pctl/attachint.h"

#define CUT_MIN	65536	/* lines so long are not for jansson's lexer */

static int
ident_cmp(struct ident *a, struct ident *b)
{
	return a->request < b->request ? -1 : a->request > b->request;
}

RB_GENERATE(idents, ident, entry, ident_cmp)

/* The data of a long line, taken out of it. */
struct cut {
	const char	*hex;
	size_t		 n;
};

static const char	 mark[] = "\\u0001";

static void
malformed(struct attach *a, const char *why)
{
	char	 text[256];

	snprintf(text, sizeof(text), "line %lld: %s", (long long)a->line, why);
	output_error(a, "malformed", text, a->line, 0, NULL);
}

/* How deep in objects the end of this text is; -1 within a string. */
static int
depth_at(const char *p, size_t n)
{
	int	 depth = 0, quoted = 0;
	size_t	 i;

	for (i = 0; i < n; i++) {
		if (quoted && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			quoted = !quoted;
		else if (!quoted && (p[i] == '{' || p[i] == '['))
			depth++;
		else if (!quoted && (p[i] == '}' || p[i] == ']'))
			depth--;
	}
	return quoted ? -1 : depth;
}

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

/*
 * Where the digits are in a line {"send":{..."data":"0x..."...}}: a quote that
 * no backslash precedes is no part of a string, so at depth two the key can be
 * no other than the send's own. Anything unusual goes the long way.
 */
static int
find_data(const char *p, size_t len, struct cut *c)
{
	static const char	 key[] = "\"data\"";
	const char		*k, *q, *end = p + len;

	if ((k = memmem(p, len, key, sizeof(key) - 1)) == NULL ||
	    depth_at(p, (size_t)(k - p)) != 2)
		return -1;
	q = skip_blanks(k + sizeof(key) - 1, end);
	if (q == end || *q++ != ':')
		return -1;
	q = skip_blanks(q, end);
	if (end - q < 4 || memcmp(q, "\"0x", 3) != 0)
		return -1;
	c->hex = q + 3;
	if ((q = memchr(c->hex, '"', (size_t)(end - c->hex))) == NULL)
		return -1;
	c->n = (size_t)(q - c->hex);
	return 0;
}

static json_t *
parse_cut(const char *p, size_t len, struct cut *c)
{
	size_t	 before = (size_t)(c->hex - 2 - p), after;
	json_t	*o;
	char	*small;

	after = len - before - 2 - c->n;
	if ((small = malloc(before + sizeof(mark) + after)) == NULL)
		return NULL;
	memcpy(small, p, before);
	memcpy(small + before, mark, sizeof(mark) - 1);
	memcpy(small + before + sizeof(mark) - 1, c->hex + c->n, after);
	o = json_loadb(small, before + sizeof(mark) - 1 + after,
	    JSON_REJECT_DUPLICATES, NULL);
	free(small);
	return o;
}

/* The line as an object, its data in c where that is long; NULL when bad. */
static json_t *
parse_line(struct attach *a, const char *p, size_t len, struct cut *c)
{
	json_error_t	 err;
	json_t		*o;

	memset(c, 0, sizeof(*c));
	if (len >= CUT_MIN && find_data(p, len, c) == 0 && c->n > len / 2 &&
	    (o = parse_cut(p, len, c)) != NULL)
		return o;
	memset(c, 0, sizeof(*c));
	if ((o = json_loadb(p, len, JSON_REJECT_DUPLICATES, &err)) == NULL)
		malformed(a, err.text);
	return o;
}

static int
data_room(struct attach *a, size_t n)
{
	uint8_t	*p;

	if (n <= a->datasize)
		return 0;
	if ((p = realloc(a->data, n)) == NULL)
		return -1;
	a->data = p;
	a->datasize = n;
	return 0;
}

static int
take_data(struct attach *a, const json_t *data, struct cut *c)
{
	const char	*s;

	a->held.len = 0;
	if (data == NULL)
		return 0;
	if (c->hex == NULL) {
		if ((s = json_string_value(data)) == NULL ||
		    strncmp(s, "0x", 2) != 0)
			return -1;
		c->hex = s + 2;
		c->n = json_string_length(data) - 2;
	}
	if (data_room(a, c->n / 2) == -1 || unhex(a->data, c->hex, c->n) == -1)
		return -1;
	a->held.len = c->n / 2;
	return 0;
}

static int
in_u32(json_int_t v)
{
	return v >= 0 && v <= UINT32_MAX;
}

static void
send_failed(struct attach *a, const struct held *h)
{
	const char	*name = "failed";

	switch (errno) {
	case ENOENT:
		name = "not-found";
		break;
	case EINVAL:
		name = "invalid";
		break;
	case EMSGSIZE:
		name = "too-big";
		break;
	}
	output_error(a, name, p2papp_error(a->app), h->line, h->peer, h->id);
}

/* The send that is held; it stays so when there is no room for it. */
static void
try_send(struct attach *a)
{
	struct held	*h = &a->held;
	struct ident	*i = NULL;
	uint32_t	 request;

	if (h->id != NULL && (i = malloc(sizeof(*i))) == NULL)
		errno = ENOMEM;
	else if (p2papp_send(a->app, h->peer, h->cap, h->code, a->data, h->len,
	    P2PAPP_MORE | (h->id != NULL ? P2PAPP_COMPLETE : 0), &request) == 0) {
		h->active = 0;
		if (i != NULL) {
			i->request = request;
			i->id = h->id;
			RB_INSERT(idents, &a->idents, i);
		}
		h->id = NULL;
		return;
	}
	free(i);
	if (errno == EAGAIN)
		return;
	send_failed(a, h);
	json_decref(h->id);
	h->id = NULL;
	h->active = 0;
}

static void
do_send(struct attach *a, json_t *o, struct cut *c)
{
	const struct attcap	*cap;
	json_error_t		 err;
	json_int_t		 peer, code;
	json_t			*data = NULL, *id = NULL;
	const char		*name;

	if (json_unpack_ex(o, &err, JSON_STRICT, "{s:I, s:s, s:I, s?o, s?o}",
	    "peer", &peer, "capability", &name, "code", &code, "data", &data,
	    "id", &id) == -1) {
		malformed(a, err.text);
		return;
	}
	if (!in_u32(peer) || !in_u32(code)) {
		malformed(a, "number out of range");
		return;
	}
	if (take_data(a, data, c) == -1) {
		malformed(a, "data is not 0x and an even number of digits");
		return;
	}
	a->held.line = a->line;
	a->held.peer = (uint32_t)peer;
	a->held.code = (uint32_t)code;
	if ((cap = attcap_byname(a, name)) == NULL) {
		output_error(a, "not-found", "no such capability is attached",
		    a->line, a->held.peer, id);
		return;
	}
	a->held.cap = cap->id;
	a->held.id = json_incref(id);
	a->held.active = 1;
	try_send(a);
}

static void
do_disconnect(struct attach *a, json_t *o)
{
	struct held	 what;
	json_error_t	 err;
	json_int_t	 peer;
	json_t		*reason = NULL;
	int		 disc = DISC_REQUESTED;

	if (json_unpack_ex(o, &err, JSON_STRICT, "{s:I, s?o}", "peer", &peer,
	    "reason", &reason) == -1) {
		malformed(a, err.text);
		return;
	}
	if (json_is_string(reason))
		disc = disc_byname(json_string_value(reason));
	else if (json_is_integer(reason) && json_integer_value(reason) >= 0 &&
	    json_integer_value(reason) < DISC_NONE)
		disc = (int)json_integer_value(reason);
	else if (reason != NULL)
		disc = -1;
	if (disc == -1 || !in_u32(peer)) {
		malformed(a, disc == -1 ? "no such reason" : "no such peer");
		return;
	}
	memset(&what, 0, sizeof(what));
	what.line = a->line;
	what.peer = (uint32_t)peer;
	if (p2papp_disconnect(a->app, what.peer, (unsigned int)disc, NULL) == -1)
		send_failed(a, &what);
}

static void
do_line(struct attach *a, const char *p, size_t len)
{
	json_t		*o, *send = NULL, *disconnect = NULL;
	json_error_t	 err;
	struct cut	 c;

	a->line++;
	if (skip_blanks(p, p + len) == p + len ||
	    (o = parse_line(a, p, len, &c)) == NULL)
		return;
	if (json_unpack_ex(o, &err, JSON_STRICT, "{s?o, s?o}", "send", &send,
	    "disconnect", &disconnect) == -1)
		malformed(a, err.text);
	else if ((send == NULL) == (disconnect == NULL))
		malformed(a, "one of send and disconnect is expected");
	else if (send != NULL)
		do_send(a, send, &c);
	else
		do_disconnect(a, disconnect);
	json_decref(o);
}

/* The next line of the buffer, or at the end of input its rest. */
static int
next_line(struct attach *a, size_t *len)
{
	const char	*p = a->in.p + a->in.off, *nl = NULL;

	if (a->in.len > a->scanned)
		nl = memchr(p + a->scanned, '\n', a->in.len - a->scanned);
	if (nl == NULL) {
		a->scanned = a->in.len;
		if (!a->eof || a->in.len == 0)
			return 0;
		*len = a->in.len;
		return 1;
	}
	*len = (size_t)(nl - p) + 1;
	return 1;
}

static void
overlong(struct attach *a)
{
	if (!a->skipping) {
		a->line++;
		malformed(a, "too long");
	}
	a->skipping = 1;
	buf_drop(&a->in, a->in.len);
	a->scanned = 0;
}

void
input_run(struct attach *a)
{
	size_t	 len;

	if (a->held.active)
		try_send(a);
	while (!a->held.active && a->code == -1 && next_line(a, &len)) {
		if (!a->skipping)
			do_line(a, a->in.p + a->in.off, len -
			    (a->in.p[a->in.off + len - 1] == '\n'));
		a->skipping = 0;
		buf_drop(&a->in, len);
		a->scanned = 0;
	}
	if (a->in.len > LINE_MAX_LEN && a->scanned == a->in.len)
		overlong(a);
	p2papp_flush(a->app);
	if (!a->held.active && a->datasize > OUT_HIGH) {
		free(a->data);
		a->data = NULL;
		a->datasize = 0;
	}
}
