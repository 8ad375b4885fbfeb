/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void
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

int
in_u32(json_int_t v)
{
	return v >= 0 && v <= UINT32_MAX;
}

void
request_failed(struct attach *a, json_int_t line, uint32_t peer, json_t *id)
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
	case E2BIG:
		name = "too-big";
		break;
	case EACCES:
		name = "denied";
		break;
	case EBUSY:
	case EAGAIN:
		name = "busy";
		break;
	}
	output_error(a, name, p2papp_error(a->app), line, peer, id);
}

void
ident_add(struct attach *a, uint32_t request, json_t *id)
{
	struct ident	*i;

	if (id == NULL)
		return;
	if ((i = malloc(sizeof(*i))) == NULL) {
		output_error(a, "failed", "out of memory", a->line, 0, id);
		return;
	}
	i->request = request;
	i->id = json_incref(id);
	RB_INSERT(idents, &a->idents, i);
}

static void
held_done(struct held *h)
{
	json_decref(h->id);
	free(h->peers);
	h->id = NULL;
	h->peers = NULL;
	h->active = 0;
}

/* The send that is held; it stays so when there is no room for it. */
static void
try_send(struct attach *a)
{
	struct held	*h = &a->held;
	uint32_t	 request;
	int		 r;

	if (h->many)
		r = p2papp_multisend(a->app, &h->what, a->data, h->len,
		    h->flags, &request);
	else
		r = p2papp_send(a->app, h->peer, h->cap, h->code, a->data,
		    h->len, h->flags, &request);
	if (r == -1 && errno == EAGAIN)
		return;
	if (r == -1)
		request_failed(a, h->line, h->peer, h->id);
	else
		ident_add(a, request, h->id);
	held_done(h);
}

/* The rest of a send: its capability, data, id and order. */
static void
hold(struct attach *a, const char *name, json_t *data, json_t *id, int priority,
    struct cut *c)
{
	struct held		*h = &a->held;
	const struct attcap	*cap;

	if (take_data(a, data, c) == -1) {
		malformed(a, "data is not 0x and an even number of digits");
		held_done(h);
		return;
	}
	h->line = a->line;
	if ((cap = attcap_byname(a, name)) == NULL) {
		output_error(a, "not-found", "no such capability is attached",
		    a->line, h->peer, id);
		held_done(h);
		return;
	}
	h->cap = h->what.cap = cap->id;
	h->what.code = h->code;
	h->id = json_incref(id);
	h->flags = P2PAPP_MORE | (id != NULL ? P2PAPP_COMPLETE : 0) |
	    (priority ? P2PAPP_PRIORITY : 0);
	h->active = 1;
	try_send(a);
}

static void
do_send(struct attach *a, json_t *o, struct cut *c)
{
	json_error_t	 err;
	json_int_t	 peer, code;
	json_t		*data = NULL, *id = NULL;
	const char	*name;
	int		 priority = 0;

	if (json_unpack_ex(o, &err, JSON_STRICT,
	    "{s:I, s:s, s:I, s?o, s?o, s?b}", "peer", &peer, "capability",
	    &name, "code", &code, "data", &data, "id", &id, "priority",
	    &priority) == -1) {
		malformed(a, err.text);
		return;
	}
	if (!in_u32(peer) || !in_u32(code)) {
		malformed(a, "number out of range");
		return;
	}
	memset(&a->held, 0, sizeof(a->held));
	a->held.peer = (uint32_t)peer;
	a->held.code = (uint32_t)code;
	hold(a, name, data, id, priority, c);
}

/* An array of peers; 0, or -1 when it is none. */
static int
peer_list(struct held *h, const json_t *list)
{
	json_int_t	 v;
	size_t		 i, n = json_array_size(list);

	if (!json_is_array(list) ||
	    (h->peers = calloc(n + 1, sizeof(*h->peers))) == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		v = json_integer_value(json_array_get(list, i));
		if (!in_u32(v) || v == 0)
			return -1;
		h->peers[i] = (uint32_t)v;
	}
	h->what.peers = h->peers;
	h->what.npeers = n;
	return 0;
}

/* Whom a multisend is for: "peers", or all, but "but", "random" of them. */
static int
choose(struct held *h, const json_t *peers, const json_t *but, json_int_t k)
{
	if (peers != NULL && (but != NULL || k != -1))
		return -1;
	if (!in_u32(k) && k != -1)
		return -1;
	h->what.k = k == -1 ? 0 : (uint32_t)k;
	h->what.select = peers != NULL ? P2PAPP_LIST : k != -1 ? P2PAPP_RANDOM :
	    but != NULL ? P2PAPP_BUT : P2PAPP_ALL;
	if (peers == NULL && but == NULL)
		return 0;
	return peer_list(h, peers != NULL ? peers : but);
}

static void
do_multisend(struct attach *a, json_t *o, struct cut *c)
{
	struct held	*h = &a->held;
	json_error_t	 err;
	json_int_t	 code, k = -1, version = 0;
	json_t		*data = NULL, *id = NULL, *peers = NULL, *but = NULL;
	const char	*name;
	int		 priority = 0;

	if (json_unpack_ex(o, &err, JSON_STRICT,
	    "{s:s, s:I, s?o, s?o, s?b, s?o, s?o, s?I, s?I}", "capability",
	    &name, "code", &code, "data", &data, "id", &id, "priority",
	    &priority, "peers", &peers, "but", &but, "random", &k, "version",
	    &version) == -1) {
		malformed(a, err.text);
		return;
	}
	memset(h, 0, sizeof(*h));
	h->many = 1;
	if (!in_u32(code) || !in_u32(version) ||
	    choose(h, peers, but, k) == -1) {
		malformed(a, "a number is out of range, or the choice of peers "
		    "is not one of peers, but and random");
		held_done(h);
		return;
	}
	h->code = (uint32_t)code;
	h->what.version = (uint32_t)version;
	hold(a, name, data, id, priority, c);
}

static void
do_line(struct attach *a, const char *p, size_t len)
{
	const char	*name;
	json_t		*o, *body;
	struct cut	 c;
	char		 why[96];

	a->line++;
	if (skip_blanks(p, p + len) == p + len ||
	    (o = parse_line(a, p, len, &c)) == NULL)
		return;
	if (json_object_size(o) != 1) {
		malformed(a, "an object with one key is expected");
		json_decref(o);
		return;
	}
	name = json_object_iter_key(json_object_iter(o));
	body = json_object_iter_value(json_object_iter(o));
	if (strcmp(name, "send") == 0)
		do_send(a, body, &c);
	else if (strcmp(name, "multisend") == 0)
		do_multisend(a, body, &c);
	else if (!request_run(a, name, body)) {
		snprintf(why, sizeof(why), "no request is called %.40s", name);
		malformed(a, why);
	}
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
