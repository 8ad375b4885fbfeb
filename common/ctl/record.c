/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/ctl/record.h"

#define KEY_MAX	(sizeof(((struct rec_item *)0)->key) - 1)

void
rec_init(struct rec *r)
{
	r->len = 0;
	r->depth = 0;
	r->failed = 0;
}

/* Room for n bytes, or NULL and the record has failed. */
static uint8_t *
reserve(struct rec *r, size_t n)
{
	uint8_t		*p;

	if (r->failed || n > sizeof(r->buf) - r->len) {
		r->failed = 1;
		return NULL;
	}
	p = r->buf + r->len;
	r->len += (uint32_t)n;
	return p;
}

/* An item's type and key, and n bytes of room for its value. */
static uint8_t *
item(struct rec *r, enum rec_type type, const char *key, size_t n)
{
	size_t		 klen = key == NULL ? 0 : strlen(key);
	uint8_t		*p;

	if (klen > KEY_MAX) {
		r->failed = 1;
		return NULL;
	}
	if ((p = reserve(r, 2 + klen + n)) == NULL)
		return NULL;
	*p++ = (uint8_t)type;
	*p++ = (uint8_t)klen;
	if (klen > 0)
		memcpy(p, key, klen);
	return p + klen;
}

static void
number(struct rec *r, enum rec_type type, const char *key, uint64_t v)
{
	uint8_t		*p;
	int		 i;

	if ((p = item(r, type, key, 8)) == NULL)
		return;
	for (i = 7; i >= 0; i--) {
		p[i] = (uint8_t)v;
		v >>= 8;
	}
}

static void
blob(struct rec *r, enum rec_type type, const char *key, const void *data,
    size_t n)
{
	uint8_t		*p;

	if (n > UINT16_MAX) {
		r->failed = 1;
		return;
	}
	if ((p = item(r, type, key, 2 + n)) == NULL)
		return;
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	if (n > 0)
		memcpy(p + 2, data, n);
}

static void
enter(struct rec *r, enum rec_type type, const char *key)
{
	if (r->depth == RECORD_DEPTH) {
		r->failed = 1;
		return;
	}
	if (item(r, type, key, 0) != NULL)
		r->depth++;
}

void
rec_u64(struct rec *r, const char *key, uint64_t v)
{
	number(r, REC_U64, key, v);
}

void
rec_i64(struct rec *r, const char *key, int64_t v)
{
	number(r, REC_I64, key, (uint64_t)v);
}

void
rec_bool(struct rec *r, const char *key, int v)
{
	uint8_t		*p;

	if ((p = item(r, REC_BOOL, key, 1)) != NULL)
		*p = v != 0;
}

void
rec_str(struct rec *r, const char *key, const char *s)
{
	if (s == NULL)
		rec_null(r, key);
	else
		blob(r, REC_STR, key, s, strlen(s));
}

void
rec_strf(struct rec *r, const char *key, const char *fmt, ...)
{
	va_list		 ap;
	uint8_t		*p;
	size_t		 room;
	int		 n;

	if ((p = item(r, REC_STR, key, 2)) == NULL)
		return;
	room = sizeof(r->buf) - r->len;
	va_start(ap, fmt);
	n = vsnprintf((char *)r->buf + r->len, room, fmt, ap);
	va_end(ap);
	/* vsnprintf needs a byte for its NUL, which the record does not keep */
	if (n < 0 || (size_t)n >= room) {
		r->failed = 1;
		return;
	}
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	r->len += (uint32_t)n;
}

void
rec_hex(struct rec *r, const char *key, const void *data, size_t n)
{
	blob(r, REC_HEX, key, data, n);
}

void
rec_null(struct rec *r, const char *key)
{
	item(r, REC_NULL, key, 0);
}

void
rec_map(struct rec *r, const char *key)
{
	enter(r, REC_MAP, key);
}

void
rec_list(struct rec *r, const char *key)
{
	enter(r, REC_LIST, key);
}

void
rec_end(struct rec *r)
{
	uint8_t		*p;

	if (r->depth == 0) {
		r->failed = 1;
		return;
	}
	if ((p = reserve(r, 1)) != NULL) {
		*p = REC_END;
		r->depth--;
	}
}

int
rec_finish(struct rec *r)
{
	return r->failed || r->depth != 0 ? -1 : 0;
}

void
rec_read(struct rec_reader *rd, const void *p, size_t len)
{
	rd->p = p;
	rd->len = len;
	rd->depth = 0;
}

static const uint8_t *
take(struct rec_reader *rd, size_t n)
{
	const uint8_t	*p = rd->p;

	if (n > rd->len)
		return NULL;
	rd->p += n;
	rd->len -= n;
	return p;
}

static int
read_key(struct rec_reader *rd, struct rec_item *it)
{
	const uint8_t	*p;
	size_t		 n;

	if ((p = take(rd, 1)) == NULL)
		return -1;
	n = p[0];
	if (n > KEY_MAX || (p = take(rd, n)) == NULL || memchr(p, '\0', n) != NULL)
		return -1;
	memcpy(it->key, p, n);
	it->key[n] = '\0';
	return 0;
}

static int
read_number(struct rec_reader *rd, struct rec_item *it, size_t n)
{
	const uint8_t	*p;
	size_t		 i;

	if ((p = take(rd, n)) == NULL)
		return -1;
	for (i = 0; i < n; i++)
		it->u64 = it->u64 << 8 | p[i];
	return 0;
}

static int
read_blob(struct rec_reader *rd, struct rec_item *it)
{
	const uint8_t	*p;

	if ((p = take(rd, 2)) == NULL)
		return -1;
	it->len = (size_t)p[0] << 8 | p[1];
	it->data = take(rd, it->len);
	return it->data == NULL ? -1 : 0;
}

static int
read_value(struct rec_reader *rd, struct rec_item *it)
{
	switch (it->type) {
	case REC_U64:
	case REC_I64:
		return read_number(rd, it, 8);
	case REC_BOOL:
		if (read_number(rd, it, 1) == -1 || it->u64 > 1)
			return -1;
		return 0;
	case REC_STR:
	case REC_HEX:
		return read_blob(rd, it);
	case REC_MAP:
	case REC_LIST:
		return ++rd->depth > RECORD_DEPTH ? -1 : 0;
	case REC_NULL:
		return 0;
	default:
		return -1;
	}
}

int
rec_next(struct rec_reader *rd, struct rec_item *it)
{
	const uint8_t	*p;

	memset(it, 0, sizeof(*it));
	if ((p = take(rd, 1)) == NULL)
		return rd->depth == 0 ? 0 : -1;
	it->type = (enum rec_type)p[0];
	if (it->type == REC_END) {
		if (rd->depth == 0)
			return -1;
		rd->depth--;
		return 1;
	}
	if (read_key(rd, it) == -1 || read_value(rd, it) == -1)
		return -1;
	return 1;
}
