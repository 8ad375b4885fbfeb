/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/wire/app.h"

/* A cursor that latches: past an end it does nothing but stay failed. */
struct writer {
	uint8_t		*p;
	size_t		 left;
	size_t		 len;
	int		 failed;
};

struct reader {
	const uint8_t	*p;
	size_t		 left;
	int		 failed;
};

static void
put(struct writer *w, const void *src, size_t n)
{
	if (w->failed || n > w->left) {
		w->failed = 1;
		return;
	}
	if (n > 0)
		memcpy(w->p, src, n);
	w->p += n;
	w->left -= n;
	w->len += n;
}

static void
put_uint(struct writer *w, uint64_t v, size_t n)
{
	uint8_t	 b[8];
	size_t	 i;

	for (i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	put(w, b, n);
}

/* A text of fewer than max bytes, as its length and its bytes. */
static void
put_text(struct writer *w, const char *s, size_t max)
{
	size_t	 n = strnlen(s, max);

	if (n >= max)
		w->failed = 1;
	put_uint(w, n, 2);
	put(w, s, n);
}

static void
put_addr(struct writer *w, const struct addr *a)
{
	put_uint(w, a->af, 1);
	put_uint(w, a->port, 2);
	put(w, a->ip, sizeof(a->ip));
}

static size_t
written(const struct writer *w)
{
	return w->failed ? 0 : w->len;
}

static const uint8_t *
get(struct reader *r, size_t n)
{
	const uint8_t	*p = r->p;

	if (r->failed || n > r->left) {
		r->failed = 1;
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return p;
}

static void
get_bytes(struct reader *r, void *dst, size_t n)
{
	const uint8_t	*p;

	if ((p = get(r, n)) != NULL)
		memcpy(dst, p, n);
}

static uint64_t
get_uint(struct reader *r, size_t n)
{
	const uint8_t	*p;
	uint64_t	 v = 0;

	if ((p = get(r, n)) == NULL)
		return 0;
	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

/* A text that fits into dst and has no NUL in it. */
static void
get_text(struct reader *r, char *dst, size_t size)
{
	const uint8_t	*p;
	size_t		 n;

	n = (size_t)get_uint(r, 2);
	if ((p = get(r, n)) == NULL)
		return;
	if (n >= size || memchr(p, '\0', n) != NULL) {
		r->failed = 1;
		return;
	}
	memcpy(dst, p, n);
	dst[n] = '\0';
}

/*
 * A family that is not known yet is no address; so are foreign bytes. IPv4
 * mapped into IPv6 is IPv4.
 */
static void
get_addr(struct reader *r, struct addr *a)
{
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };

	memset(a, 0, sizeof(*a));
	a->af = (uint8_t)get_uint(r, 1);
	a->port = (uint16_t)get_uint(r, 2);
	get_bytes(r, a->ip, sizeof(a->ip));
	if (a->af == 6 && memcmp(a->ip, mapped, sizeof(mapped)) == 0) {
		a->af = 4;
		memcpy(a->ip, a->ip + sizeof(mapped), 4);
	}
	if (a->af == 4)
		memset(a->ip + 4, 0, sizeof(a->ip) - 4);
	else if (a->af != 6)
		memset(a, 0, sizeof(*a));
}

uint32_t
app_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

void
app_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void
app_head_encode(uint8_t out[APP_HEADER], const struct app_head *h)
{
	app_put32(out, h->len);
	app_put32(out + 4, (uint32_t)h->type << 16 | h->flags);
	app_put32(out + 8, h->request);
	app_put32(out + 12, h->peer);
}

void
app_head_decode(struct app_head *h, const uint8_t in[APP_HEADER])
{
	uint32_t	 v = app_get32(in + 4);

	h->len = app_get32(in);
	h->type = (uint16_t)(v >> 16);
	h->flags = (uint16_t)v;
	h->request = app_get32(in + 8);
	h->peer = app_get32(in + 12);
}

size_t
app_hello_encode(uint8_t *out, size_t size, const struct app_hello *h)
{
	struct writer	 w = { out, size, 0, 0 };

	put_uint(&w, APP_MAGIC, 4);
	put_uint(&w, h->major, 2);
	put_uint(&w, h->minor, 2);
	put_uint(&w, h->features, 8);
	put_uint(&w, h->session, 2);
	put_uint(&w, 0, 2);
	put(&w, h->token, sizeof(h->token));
	put_text(&w, h->name, sizeof(h->name));
	return written(&w);
}

/*
 * Magic and version; 0 when the rest is of our major version. Of another one
 * nothing but these is known, and the caller has to refuse it by name.
 */
static int
get_version(struct reader *r, uint16_t *major, uint16_t *minor)
{
	if (get_uint(r, 4) != APP_MAGIC)
		r->failed = 1;
	*major = (uint16_t)get_uint(r, 2);
	*minor = (uint16_t)get_uint(r, 2);
	return r->failed || *major != APP_MAJOR ? -1 : 0;
}

int
app_hello_decode(struct app_hello *h, const uint8_t *p, size_t len)
{
	struct reader	 r = { p, len, 0 };

	memset(h, 0, sizeof(*h));
	if (get_version(&r, &h->major, &h->minor) == -1)
		return r.failed ? -1 : 0;
	h->features = get_uint(&r, 8);
	h->session = (uint16_t)get_uint(&r, 2);
	get(&r, 2);
	get_bytes(&r, h->token, sizeof(h->token));
	get_text(&r, h->name, sizeof(h->name));
	return r.failed ? -1 : 0;
}

size_t
app_welcome_encode(uint8_t *out, size_t size, const struct app_welcome *v)
{
	struct writer	 w = { out, size, 0, 0 };

	put_uint(&w, APP_MAGIC, 4);
	put_uint(&w, v->major, 2);
	put_uint(&w, v->minor, 2);
	put_uint(&w, v->features, 8);
	put_uint(&w, v->sessions, 2);
	put_uint(&w, v->session, 2);
	put(&w, v->token, sizeof(v->token));
	put(&w, v->id, sizeof(v->id));
	put_uint(&w, v->max_payload, 4);
	put_uint(&w, v->grace_ms, 4);
	put_uint(&w, v->flags, 4);
	put_text(&w, v->name, sizeof(v->name));
	return written(&w);
}

int
app_welcome_decode(struct app_welcome *v, const uint8_t *p, size_t len)
{
	struct reader	 r = { p, len, 0 };

	memset(v, 0, sizeof(*v));
	if (get_version(&r, &v->major, &v->minor) == -1)
		return r.failed ? -1 : 0;
	v->features = get_uint(&r, 8);
	v->sessions = (uint16_t)get_uint(&r, 2);
	v->session = (uint16_t)get_uint(&r, 2);
	get_bytes(&r, v->token, sizeof(v->token));
	get_bytes(&r, v->id, sizeof(v->id));
	v->max_payload = (uint32_t)get_uint(&r, 4);
	v->grace_ms = (uint32_t)get_uint(&r, 4);
	v->flags = (uint32_t)get_uint(&r, 4);
	get_text(&r, v->name, sizeof(v->name));
	return r.failed ? -1 : 0;
}

size_t
app_attach_encode(uint8_t *out, size_t size, const struct app_attach *a)
{
	struct writer	 w = { out, size, 0, 0 };
	char		 name[CAP_NAME_MAX];
	size_t		 i, n;

	n = strnlen(a->name, sizeof(a->name));
	if (n == 0 || n > CAP_NAME_MAX || a->nvers > APP_VERS_MAX ||
	    (a->nvers == 0 && a->mode != APM_TAP))
		return 0;
	memset(name, 0, sizeof(name));
	memcpy(name, a->name, n);
	put(&w, name, sizeof(name));
	put_uint(&w, a->mode, 1);
	put_uint(&w, a->policy, 1);
	put_uint(&w, a->nvers, 2);
	for (i = 0; i < a->nvers; i++) {
		put_uint(&w, a->vers[i].version, 4);
		put_uint(&w, a->vers[i].codes, 4);
	}
	put(&w, a->opts, a->optslen);
	return written(&w);
}

/* Whether a name, number, mode or policy is one we serve, the caller says. */
int
app_attach_decode(struct app_attach *a, const uint8_t *p, size_t len)
{
	struct app_opt_iter	 it;
	struct reader		 r = { p, len, 0 };
	size_t			 i;
	int			 more;

	memset(a, 0, sizeof(*a));
	get_bytes(&r, a->name, CAP_NAME_MAX);
	a->mode = (uint8_t)get_uint(&r, 1);
	a->policy = (uint8_t)get_uint(&r, 1);
	a->nvers = (uint16_t)get_uint(&r, 2);
	for (i = strlen(a->name); i < CAP_NAME_MAX; i++) {
		if (a->name[i] != '\0')
			return -1;
	}
	if (r.failed || a->nvers > APP_VERS_MAX)
		return -1;
	for (i = 0; i < a->nvers; i++) {
		a->vers[i].version = (uint32_t)get_uint(&r, 4);
		a->vers[i].codes = (uint32_t)get_uint(&r, 4);
	}
	if (r.failed)
		return -1;
	a->opts = r.p;
	a->optslen = r.left;
	app_opt_start(&it, a->opts, a->optslen);
	while ((more = app_opt_next(&it)) == 1)
		continue;
	return more;
}

size_t
app_peer_up_encode(uint8_t *out, size_t size, const struct app_peer_up *u)
{
	struct writer	 w = { out, size, 0, 0 };

	put_uint(&w, u->capid, 4);
	put_uint(&w, u->version, 4);
	put_uint(&w, u->codes, 4);
	put_uint(&w, u->flags, 1);
	put(&w, u->id, sizeof(u->id));
	put_addr(&w, &u->remote);
	put_addr(&w, &u->local);
	put_text(&w, u->client, sizeof(u->client));
	return written(&w);
}

int
app_peer_up_decode(struct app_peer_up *u, const uint8_t *p, size_t len)
{
	struct reader	 r = { p, len, 0 };

	memset(u, 0, sizeof(*u));
	u->capid = (uint32_t)get_uint(&r, 4);
	u->version = (uint32_t)get_uint(&r, 4);
	u->codes = (uint32_t)get_uint(&r, 4);
	u->flags = (uint8_t)get_uint(&r, 1);
	get_bytes(&r, u->id, sizeof(u->id));
	get_addr(&r, &u->remote);
	get_addr(&r, &u->local);
	get_text(&r, u->client, sizeof(u->client));
	return r.failed ? -1 : 0;
}

size_t
app_peer_down_encode(uint8_t *out, size_t size, const struct app_peer_down *d)
{
	struct writer	 w = { out, size, 0, 0 };

	put_uint(&w, d->capid, 4);
	put_uint(&w, d->reason, 2);
	put_uint(&w, d->disc, 1);
	put_uint(&w, d->remote, 1);
	put_uint(&w, d->ms, 8);
	put_uint(&w, d->msgs_in, 8);
	put_uint(&w, d->msgs_out, 8);
	put_uint(&w, d->bytes_in, 8);
	put_uint(&w, d->bytes_out, 8);
	return written(&w);
}

int
app_peer_down_decode(struct app_peer_down *d, const uint8_t *p, size_t len)
{
	struct reader	 r = { p, len, 0 };

	memset(d, 0, sizeof(*d));
	d->capid = (uint32_t)get_uint(&r, 4);
	d->reason = (uint16_t)get_uint(&r, 2);
	d->disc = (uint8_t)get_uint(&r, 1);
	d->remote = (uint8_t)get_uint(&r, 1);
	d->ms = get_uint(&r, 8);
	d->msgs_in = get_uint(&r, 8);
	d->msgs_out = get_uint(&r, 8);
	d->bytes_in = get_uint(&r, 8);
	d->bytes_out = get_uint(&r, 8);
	return r.failed ? -1 : 0;
}

size_t
app_error_encode(uint8_t *out, size_t size, uint16_t error, uint16_t room,
    const char *text)
{
	struct writer	 w = { out, size, 0, 0 };

	put_uint(&w, error, 2);
	put_uint(&w, room, 2);
	put_text(&w, text, APP_ERRTEXT_MAX);
	return written(&w);
}

int
app_error_decode(uint16_t *error, uint16_t *room, char *text, size_t textlen,
    const uint8_t *p, size_t len)
{
	struct reader	 r = { p, len, 0 };

	*error = (uint16_t)get_uint(&r, 2);
	*room = (uint16_t)get_uint(&r, 2);
	text[0] = '\0';
	get_text(&r, text, textlen);
	return r.failed ? -1 : 0;
}

size_t
app_multisend_encode(uint8_t *out, size_t size, const struct app_multisend *m)
{
	struct writer	 w = { out, size, 0, 0 };

	if (m->count > APP_LIST_MAX)
		return 0;
	put_uint(&w, m->capid, 4);
	put_uint(&w, m->code, 4);
	put_uint(&w, m->version, 4);
	put_uint(&w, m->select, 1);
	put_uint(&w, 0, 1);
	put_uint(&w, m->count, 2);
	put_uint(&w, m->k, 4);
	put(&w, m->handles, 4 * (size_t)m->count);
	return written(&w);
}

int
app_multisend_decode(struct app_multisend *m, const uint8_t *p, size_t len)
{
	struct reader	 r = { p, len, 0 };

	memset(m, 0, sizeof(*m));
	m->capid = (uint32_t)get_uint(&r, 4);
	m->code = (uint32_t)get_uint(&r, 4);
	m->version = (uint32_t)get_uint(&r, 4);
	m->select = (uint8_t)get_uint(&r, 1);
	get(&r, 1);
	m->count = (uint16_t)get_uint(&r, 2);
	m->k = (uint32_t)get_uint(&r, 4);
	if (m->count > APP_LIST_MAX)
		return -1;
	m->handles = get(&r, 4 * (size_t)m->count);
	if (r.failed)
		return -1;
	m->payload = r.p;
	m->paylen = r.left;
	return 0;
}

size_t
app_hint_encode(uint8_t *out, size_t size, const struct app_hint *h)
{
	struct writer	 w = { out, size, 0, 0 };

	put(&w, h->id, sizeof(h->id));
	put_addr(&w, &h->addr);
	put_uint(&w, h->udp, 2);
	return written(&w);
}

int
app_hint_decode(struct app_hint *h, const uint8_t *p, size_t len)
{
	struct reader	 r = { p, len, 0 };

	memset(h, 0, sizeof(*h));
	get_bytes(&r, h->id, sizeof(h->id));
	get_addr(&r, &h->addr);
	h->udp = (uint16_t)get_uint(&r, 2);
	return r.failed ? -1 : 0;
}

size_t
app_counts_encode(uint8_t *out, size_t size, uint32_t capid, uint64_t msgs,
    uint64_t bytes)
{
	struct writer	 w = { out, size, 0, 0 };

	put_uint(&w, capid, 4);
	put_uint(&w, 0, 4);
	put_uint(&w, msgs, 8);
	put_uint(&w, bytes, 8);
	return written(&w);
}

int
app_counts_decode(uint32_t *capid, uint64_t *msgs, uint64_t *bytes,
    const uint8_t *p, size_t len)
{
	struct reader	 r = { p, len, 0 };

	*capid = (uint32_t)get_uint(&r, 4);
	get(&r, 4);
	*msgs = get_uint(&r, 8);
	*bytes = get_uint(&r, 8);
	return r.failed ? -1 : 0;
}

const char *
app_error_name(unsigned int error)
{
	static const char *const names[] = {
		[APE_OK] = "ok",
		[APE_MALFORMED] = "malformed",
		[APE_VERSION] = "version",
		[APE_DENIED] = "denied",
		[APE_BUSY] = "busy",
		[APE_ROOM] = "no-room",
		[APE_INVALID] = "invalid",
		[APE_NOTFOUND] = "not-found",
		[APE_TOOBIG] = "too-big",
		[APE_UNSUPPORTED] = "unsupported",
		[APE_STOPPING] = "stopping",
		[APE_QUEUE] = "queue-full",
		[APE_RECORD] = "record-full",
	};

	if (error >= sizeof(names) / sizeof(names[0]))
		return "unknown";
	return names[error];
}
