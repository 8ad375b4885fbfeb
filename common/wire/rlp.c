/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/wire/rlp.h"

/* One item, as its header says it: head bytes, then body bytes. */
struct item {
	int		 list;
	size_t		 head;
	size_t		 body;
};

void
rlp_init(struct rlp *r, const void *p, size_t len)
{
	r->p = p;
	r->len = len;
}

int
rlp_atend(const struct rlp *r)
{
	return r->len == 0;
}

/* A length of n bytes after the first: no leading zero, and over 55. */
static int
long_length(const struct rlp *r, size_t n, size_t *body)
{
	uint64_t	 v = 0;
	size_t		 i;

	if (n >= r->len || r->p[1] == 0)
		return -1;
	for (i = 1; i <= n; i++)
		v = v << 8 | r->p[i];
	if (v <= 55 || v > r->len - 1 - n)
		return -1;
	*body = (size_t)v;
	return 0;
}

static int
peek(const struct rlp *r, struct item *it)
{
	uint8_t		 b;
	size_t		 n;

	if (r->len == 0)
		return -1;
	b = r->p[0];
	it->list = b >= 0xc0;
	if (b < 0x80) {
		it->head = 0;
		it->body = 1;
		return 0;
	}
	n = it->list ? b - 0xc0U : b - 0x80U;
	if (n > 55) {
		it->head = 1 + n - 55;
		return long_length(r, n - 55, &it->body);
	}
	it->head = 1;
	it->body = n;
	if (n > r->len - 1)
		return -1;
	/* a byte below 0x80 is its own encoding */
	if (!it->list && n == 1 && r->p[1] < 0x80)
		return -1;
	return 0;
}

static void
advance(struct rlp *r, const struct item *it)
{
	r->p += it->head + it->body;
	r->len -= it->head + it->body;
}

int
rlp_islist(const struct rlp *r)
{
	struct item	 it;

	if (peek(r, &it) == -1)
		return -1;
	return it.list;
}

int
rlp_get_list(struct rlp *r, struct rlp *inner)
{
	struct item	 it;
	struct rlp	 in;

	if (peek(r, &it) == -1 || !it.list)
		return -1;
	rlp_init(&in, r->p + it.head, it.body);
	advance(r, &it);
	*inner = in;
	return 0;
}

int
rlp_get_bytes(struct rlp *r, const uint8_t **p, size_t *n)
{
	struct item	 it;

	if (peek(r, &it) == -1 || it.list)
		return -1;
	*p = r->p + it.head;
	*n = it.body;
	advance(r, &it);
	return 0;
}

int
rlp_get_fixed(struct rlp *r, void *dst, size_t n)
{
	struct item	 it;

	if (peek(r, &it) == -1 || it.list || it.body != n)
		return -1;
	memcpy(dst, r->p + it.head, n);
	advance(r, &it);
	return 0;
}

int
rlp_get_uint(struct rlp *r, uint64_t *v, uint64_t max)
{
	struct item	 it;
	const uint8_t	*p;
	uint64_t	 x = 0;
	size_t		 i;

	if (peek(r, &it) == -1 || it.list || it.body > sizeof(x))
		return -1;
	p = r->p + it.head;
	if (it.body > 0 && p[0] == 0)
		return -1;
	for (i = 0; i < it.body; i++)
		x = x << 8 | p[i];
	if (x > max)
		return -1;
	*v = x;
	advance(r, &it);
	return 0;
}

int
rlp_skip(struct rlp *r)
{
	struct item	 it;

	if (peek(r, &it) == -1)
		return -1;
	advance(r, &it);
	return 0;
}

int
rlp_get_raw(struct rlp *r, const uint8_t **p, size_t *n)
{
	struct item	 it;

	if (peek(r, &it) == -1)
		return -1;
	*p = r->p;
	*n = it.head + it.body;
	advance(r, &it);
	return 0;
}

void
rlpw_init(struct rlpw *w, void *buf, size_t size)
{
	memset(w, 0, sizeof(*w));
	w->buf = buf;
	w->size = size;
}

static void
put(struct rlpw *w, const void *p, size_t n)
{
	if (w->failed || n > w->size - w->len) {
		w->failed = 1;
		return;
	}
	if (n > 0)
		memcpy(w->buf + w->len, p, n);
	w->len += n;
}

/* A header for n bytes of body; base is 0x80 or 0xc0. Returns its length. */
static size_t
header(uint8_t out[9], unsigned int base, size_t n)
{
	uint64_t	 v = n;
	size_t		 i, len = 0;

	if (n <= 55) {
		out[0] = (uint8_t)(base + n);
		return 1;
	}
	while (v > 0) {
		len++;
		v >>= 8;
	}
	out[0] = (uint8_t)(base + 55 + len);
	v = n;
	for (i = len; i > 0; i--) {
		out[i] = (uint8_t)v;
		v >>= 8;
	}
	return 1 + len;
}

void
rlpw_bytes(struct rlpw *w, const void *p, size_t n)
{
	uint8_t		 h[9];

	if (n != 1 || *(const uint8_t *)p >= 0x80)
		put(w, h, header(h, 0x80, n));
	put(w, p, n);
}

void
rlpw_str(struct rlpw *w, const char *s)
{
	rlpw_bytes(w, s, strlen(s));
}

void
rlpw_uint(struct rlpw *w, uint64_t v)
{
	uint8_t		 b[8];
	size_t		 i = sizeof(b);

	for (; v > 0; v >>= 8)
		b[--i] = (uint8_t)v;
	rlpw_bytes(w, b + i, sizeof(b) - i);
}

void
rlpw_raw(struct rlpw *w, const void *p, size_t n)
{
	put(w, p, n);
}

void
rlpw_list(struct rlpw *w)
{
	if (w->failed || w->depth == sizeof(w->start) / sizeof(w->start[0])) {
		w->failed = 1;
		return;
	}
	w->start[w->depth++] = w->len;
}

/* The header's length is known only now: the body moves up to let it in. */
void
rlpw_end(struct rlpw *w)
{
	uint8_t		 h[9];
	size_t		 start, body, n;

	if (w->failed || w->depth == 0) {
		w->failed = 1;
		return;
	}
	start = w->start[--w->depth];
	body = w->len - start;
	n = header(h, 0xc0, body);
	if (n > w->size - w->len) {
		w->failed = 1;
		return;
	}
	memmove(w->buf + start + n, w->buf + start, body);
	memcpy(w->buf + start, h, n);
	w->len += n;
}

int
rlpw_finish(struct rlpw *w, size_t *len)
{
	if (w->failed || w->depth != 0)
		return -1;
	*len = w->len;
	return 0;
}
