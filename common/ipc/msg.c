/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "common/ipc/msg.h"

#define ADDR_WIRELEN	19
#define PREFIX_WIRELEN	18

static int	 encode(const struct msgdesc *, const uint8_t *, struct ibuf *);
static int	 decode(const struct msgdesc *, struct ibuf *, uint8_t *);

static size_t
field_len(const struct msgfield *f, int largest)
{
	switch (f->kind) {
	case MF_U8:
		return 1;
	case MF_U16:
		return 2;
	case MF_U32:
		return 4;
	case MF_U64:
		return 8;
	case MF_BYTES:
		return f->max;
	case MF_STR:
		return 2 + (largest ? f->max - 1 : 0);
	case MF_BLOB:
		return 4 + (largest ? f->max : 0);
	case MF_ADDR:
		return ADDR_WIRELEN;
	case MF_PREFIX:
		return PREFIX_WIRELEN;
	case MF_STRUCT:
		return largest ? msg_maxlen(f->sub) : msg_minlen(f->sub);
	case MF_ARRAY:
		return 2 + (largest ? f->max * msg_maxlen(f->sub) : 0);
	case MF_END:
		break;
	}
	return 0;
}

static size_t
desc_len(const struct msgdesc *d, int largest)
{
	const struct msgfield	*f;
	size_t			 len = 0;

	for (f = d->fields; f->kind != MF_END; f++)
		len += field_len(f, largest);
	return len;
}

size_t
msg_minlen(const struct msgdesc *d)
{
	return desc_len(d, 0);
}

size_t
msg_maxlen(const struct msgdesc *d)
{
	return desc_len(d, 1);
}

static int
is_mapped(const uint8_t ip[16])
{
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

/* One form for each address: nothing beyond it, no IPv4 in IPv6. */
static int
addr_valid(uint8_t af, const uint8_t ip[16])
{
	static const uint8_t	 zero[16];

	switch (af) {
	case 0:
		return memcmp(ip, zero, 16) == 0;
	case 4:
		return memcmp(ip + 4, zero, 12) == 0;
	case 6:
		return !is_mapped(ip);
	}
	return 0;
}

static int
prefix_valid(const struct prefix *p)
{
	struct prefix	 q;
	struct addr	 a = { .af = p->af };

	if (p->af == 0)
		return p->len == 0 && addr_valid(0, p->ip);
	if ((p->af != 4 && p->af != 6) || p->len > (p->af == 4 ? 32 : 128))
		return 0;
	memcpy(a.ip, p->ip, sizeof(a.ip));
	prefix_of(&q, &a, p->len);
	return prefix_cmp(p, &q) == 0;
}

static int
encode_str(const struct msgfield *f, const uint8_t *p, struct ibuf *b)
{
	size_t	 len;

	if ((len = strnlen((const char *)p, f->max)) == f->max) {
		errno = ERANGE;
		return -1;
	}
	if (ibuf_add_n16(b, len) == -1)
		return -1;
	return ibuf_add(b, p, len);
}

static int
encode_addr(const uint8_t *p, struct ibuf *b)
{
	struct addr	 a;

	memcpy(&a, p, sizeof(a));
	/* Senders may leave rubbish behind an address; it does not travel. */
	if (a.af == 4)
		memset(a.ip + 4, 0, 12);
	else if (a.af == 0)
		memset(a.ip, 0, 16);
	if (!addr_valid(a.af, a.ip)) {
		errno = ERANGE;
		return -1;
	}
	if (ibuf_add_n8(b, a.af) == -1 || ibuf_add_n16(b, a.port) == -1)
		return -1;
	return ibuf_add(b, a.ip, sizeof(a.ip));
}

static int
encode_prefix(const uint8_t *p, struct ibuf *b)
{
	struct prefix	 pf;

	memcpy(&pf, p, sizeof(pf));
	if (!prefix_valid(&pf)) {
		errno = ERANGE;
		return -1;
	}
	if (ibuf_add_n8(b, pf.af) == -1 || ibuf_add_n8(b, pf.len) == -1)
		return -1;
	return ibuf_add(b, pf.ip, sizeof(pf.ip));
}

static int
encode_blob(const struct msgfield *f, const uint8_t *p, uint32_t len,
    struct ibuf *b)
{
	if (len > f->max) {
		errno = ERANGE;
		return -1;
	}
	if (ibuf_add_n32(b, len) == -1)
		return -1;
	return ibuf_add(b, p, len);
}

static int
encode_array(const struct msgfield *f, const uint8_t *p, uint32_t n,
    struct ibuf *b)
{
	uint32_t	 i;

	if (n > f->max) {
		errno = ERANGE;
		return -1;
	}
	if (ibuf_add_n16(b, n) == -1)
		return -1;
	for (i = 0; i < n; i++) {
		if (encode(f->sub, p + i * f->sub->size, b) == -1)
			return -1;
	}
	return 0;
}

static int
encode_field(const struct msgfield *f, const uint8_t *body, struct ibuf *b)
{
	const uint8_t	*p = body + f->off;
	uint16_t	 n16;
	uint32_t	 n32;
	uint64_t	 n64;

	switch (f->kind) {
	case MF_U8:
		return ibuf_add_n8(b, *p);
	case MF_U16:
		memcpy(&n16, p, sizeof(n16));
		return ibuf_add_n16(b, n16);
	case MF_U32:
		memcpy(&n32, p, sizeof(n32));
		return ibuf_add_n32(b, n32);
	case MF_U64:
		memcpy(&n64, p, sizeof(n64));
		return ibuf_add_n64(b, n64);
	case MF_BYTES:
		return ibuf_add(b, p, f->max);
	case MF_STR:
		return encode_str(f, p, b);
	case MF_BLOB:
		memcpy(&n32, body + f->lenoff, sizeof(n32));
		return encode_blob(f, p, n32, b);
	case MF_ADDR:
		return encode_addr(p, b);
	case MF_PREFIX:
		return encode_prefix(p, b);
	case MF_STRUCT:
		return encode(f->sub, p, b);
	case MF_ARRAY:
		memcpy(&n32, body + f->lenoff, sizeof(n32));
		return encode_array(f, p, n32, b);
	case MF_END:
		break;
	}
	errno = EINVAL;
	return -1;
}

static int
encode(const struct msgdesc *d, const uint8_t *body, struct ibuf *b)
{
	const struct msgfield	*f;

	for (f = d->fields; f->kind != MF_END; f++) {
		if (encode_field(f, body, b) == -1)
			return -1;
	}
	return 0;
}

int
msg_encode(const struct msgdesc *d, const void *body, struct ibuf *b)
{
	return encode(d, body, b);
}

static int
decode_str(const struct msgfield *f, struct ibuf *b, uint8_t *p)
{
	uint16_t	 len;

	if (ibuf_get_n16(b, &len) == -1 || len >= f->max ||
	    ibuf_get(b, p, len) == -1 || memchr(p, 0, len) != NULL)
		return -1;
	p[len] = '\0';
	return 0;
}

static int
decode_addr(struct ibuf *b, uint8_t *p)
{
	struct addr	 a;

	memset(&a, 0, sizeof(a));
	if (ibuf_get_n8(b, &a.af) == -1 || ibuf_get_n16(b, &a.port) == -1 ||
	    ibuf_get(b, a.ip, sizeof(a.ip)) == -1 || !addr_valid(a.af, a.ip))
		return -1;
	memcpy(p, &a, sizeof(a));
	return 0;
}

static int
decode_prefix(struct ibuf *b, uint8_t *p)
{
	struct prefix	 pf;

	memset(&pf, 0, sizeof(pf));
	if (ibuf_get_n8(b, &pf.af) == -1 || ibuf_get_n8(b, &pf.len) == -1 ||
	    ibuf_get(b, pf.ip, sizeof(pf.ip)) == -1 || !prefix_valid(&pf))
		return -1;
	memcpy(p, &pf, sizeof(pf));
	return 0;
}

static int
decode_blob(const struct msgfield *f, struct ibuf *b, uint8_t *p, uint8_t *len)
{
	uint32_t	 n;

	if (ibuf_get_n32(b, &n) == -1 || n > f->max || ibuf_get(b, p, n) == -1)
		return -1;
	memcpy(len, &n, sizeof(n));
	return 0;
}

static int
decode_array(const struct msgfield *f, struct ibuf *b, uint8_t *p,
    uint8_t *count)
{
	uint16_t	 n;
	uint32_t	 i;

	if (ibuf_get_n16(b, &n) == -1 || n > f->max)
		return -1;
	for (i = 0; i < n; i++) {
		if (decode(f->sub, b, p + i * f->sub->size) == -1)
			return -1;
	}
	memcpy(count, &i, sizeof(i));
	return 0;
}

static int
decode_field(const struct msgfield *f, struct ibuf *b, uint8_t *body)
{
	uint8_t		*p = body + f->off;
	uint16_t	 n16;
	uint32_t	 n32;
	uint64_t	 n64;

	switch (f->kind) {
	case MF_U8:
		return ibuf_get_n8(b, p);
	case MF_U16:
		if (ibuf_get_n16(b, &n16) == -1)
			return -1;
		memcpy(p, &n16, sizeof(n16));
		return 0;
	case MF_U32:
		if (ibuf_get_n32(b, &n32) == -1)
			return -1;
		memcpy(p, &n32, sizeof(n32));
		return 0;
	case MF_U64:
		if (ibuf_get_n64(b, &n64) == -1)
			return -1;
		memcpy(p, &n64, sizeof(n64));
		return 0;
	case MF_BYTES:
		return ibuf_get(b, p, f->max);
	case MF_STR:
		return decode_str(f, b, p);
	case MF_BLOB:
		return decode_blob(f, b, p, body + f->lenoff);
	case MF_ADDR:
		return decode_addr(b, p);
	case MF_PREFIX:
		return decode_prefix(b, p);
	case MF_STRUCT:
		return decode(f->sub, b, p);
	case MF_ARRAY:
		return decode_array(f, b, p, body + f->lenoff);
	case MF_END:
		break;
	}
	return -1;
}

static int
decode(const struct msgdesc *d, struct ibuf *b, uint8_t *body)
{
	const struct msgfield	*f;

	for (f = d->fields; f->kind != MF_END; f++) {
		if (decode_field(f, b, body) == -1)
			return -1;
	}
	return 0;
}

int
msg_decode(const struct msgdesc *d, struct ibuf *b, void *body)
{
	memset(body, 0, d->size);
	if (decode(d, b, body) == -1 || ibuf_size(b) != 0) {
		explicit_bzero(body, d->size);
		errno = EBADMSG;
		return -1;
	}
	return 0;
}
