/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <snappy-c.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/base.h"
#include "common/wire/caps.h"
#include "common/wire/reason.h"
#include "common/wire/rlp.h"

#define DISC_UNKNOWN	(DISC_NONE - 1)	/* a number that is no reason */

int
hello_encode(uint8_t *out, size_t size, size_t *len, const struct hello *h)
{
	struct rlpw	 w;
	uint32_t	 i;

	if (h->ncaps > CAPS_MAX)
		return -1;
	rlpw_init(&w, out, size < HELLO_MAX ? size : HELLO_MAX);
	rlpw_list(&w);
	rlpw_uint(&w, h->version);
	rlpw_str(&w, h->client);
	rlpw_list(&w);
	for (i = 0; i < h->ncaps; i++) {
		rlpw_list(&w);
		rlpw_str(&w, h->caps[i].name);
		rlpw_uint(&w, h->caps[i].version);
		rlpw_end(&w);
	}
	rlpw_end(&w);
	rlpw_uint(&w, h->port);
	rlpw_bytes(&w, h->id, sizeof(h->id));
	rlpw_end(&w);
	return rlpw_finish(&w, len);
}

/*
 * One [name, version]. 1 when it is worth keeping, 0 when not, -1 when it is
 * not of that form; a version of any size is of that form.
 */
static int
decode_cap(struct rlp *caps, struct cap *c)
{
	struct rlp	 r;
	const uint8_t	*name, *ver;
	size_t		 i, namelen, verlen;

	memset(c, 0, sizeof(*c));
	if (rlp_get_list(caps, &r) == -1 ||
	    rlp_get_bytes(&r, &name, &namelen) == -1 ||
	    rlp_get_bytes(&r, &ver, &verlen) == -1)
		return -1;
	if (verlen > 0 && ver[0] == 0)
		return -1;
	if (namelen > CAP_NAME_MAX || memchr(name, '\0', namelen) != NULL ||
	    verlen > sizeof(c->version))
		return 0;
	memcpy(c->name, name, namelen);
	for (i = 0; i < verlen; i++)
		c->version = c->version << 8 | ver[i];
	return cap_name_valid(c->name);
}

static int
has_cap(const struct hello *h, const struct cap *c)
{
	uint32_t	 i;

	for (i = 0; i < h->ncaps; i++)
		if (memcmp(&h->caps[i], c, sizeof(*c)) == 0)
			return 1;
	return 0;
}

/* The last that ours lacks makes room for one that it lists. */
static void
make_room(struct hello *h, const struct hello *ours)
{
	uint32_t	 i;

	for (i = h->ncaps; i > 0; i--)
		if (!has_cap(ours, &h->caps[i - 1])) {
			h->ncaps--;
			memmove(&h->caps[i - 1], &h->caps[i],
			    (h->ncaps - (i - 1)) * sizeof(h->caps[0]));
			return;
		}
}

static int
decode_caps(struct hello *h, const struct hello *ours, struct rlp *caps)
{
	struct cap	 c;
	int		 keep;

	while (!rlp_atend(caps)) {
		if ((keep = decode_cap(caps, &c)) == -1)
			return -1;
		if (!keep || has_cap(h, &c))
			continue;
		if (h->ncaps == CAPS_MAX && ours != NULL && has_cap(ours, &c))
			make_room(h, ours);
		if (h->ncaps < CAPS_MAX)
			h->caps[h->ncaps++] = c;
	}
	return 0;
}

/* 0 when the key is of 64 bytes and not null. */
static int
decode_id(struct hello *h, struct rlp *r)
{
	static const uint8_t zero[SECP_PUB];

	if (rlp_islist(r) != 0)
		return REASON_HELLO_BAD;
	if (rlp_get_fixed(r, h->id, sizeof(h->id)) == -1 ||
	    memcmp(h->id, zero, sizeof(zero)) == 0)
		return REASON_NULL_IDENTITY;
	return 0;
}

int
hello_decode(struct hello *h, const uint8_t *p, size_t n)
{
	return hello_decode_with(h, NULL, p, n);
}

int
hello_decode_with(struct hello *h, const struct hello *ours, const uint8_t *p,
    size_t n)
{
	struct rlp	 r, msg, caps;
	const uint8_t	*client;
	uint64_t	 port;
	size_t		 clientlen;

	memset(h, 0, sizeof(*h));
	rlp_init(&r, p, n);
	if (n > HELLO_MAX || rlp_get_list(&r, &msg) == -1 ||
	    rlp_get_uint(&msg, &h->version, UINT64_MAX) == -1 ||
	    rlp_get_bytes(&msg, &client, &clientlen) == -1 ||
	    rlp_get_list(&msg, &caps) == -1 || decode_caps(h, ours, &caps) == -1)
		return REASON_HELLO_BAD;
	text_escape(h->client, sizeof(h->client), client, clientlen);
	/* the port is without meaning, so no fault in it counts */
	if (rlp_get_uint(&msg, &port, UINT16_MAX) == 0)
		h->port = (uint16_t)port;
	else if (rlp_skip(&msg) == -1)
		return REASON_HELLO_BAD;
	return decode_id(h, &msg);
}

size_t
disconnect_encode(uint8_t out[4], unsigned int reason)
{
	struct rlpw	 w;
	size_t		 len;

	rlpw_init(&w, out, 4);
	rlpw_list(&w);
	rlpw_uint(&w, reason & 0xff);
	rlpw_end(&w);
	if (rlpw_finish(&w, &len) == -1)
		return 0;
	return len;
}

/* An integer of any size, leading zeros or not. */
static int
decode_reason(unsigned int *reason, struct rlp *r)
{
	const uint8_t	*p;
	size_t		 n;

	if (rlp_get_bytes(r, &p, &n) == -1)
		return -1;
	for (; n > 0 && *p == 0; n--)
		p++;
	if (n == 0)
		*reason = DISC_REQUESTED;
	else
		*reason = n > 1 || *p > DISC_UNKNOWN ? DISC_UNKNOWN : *p;
	return 0;
}

/* Bytes after a list are ignored, but where the list has to be exact. */
static int
decode_plain(unsigned int *reason, const uint8_t *p, size_t n, int exact)
{
	struct rlp	 r, list;

	*reason = DISC_REQUESTED;
	if (n == 0)
		return 0;
	rlp_init(&r, p, n);
	if (rlp_get_list(&r, &list) == 0) {
		if (exact && !rlp_atend(&r))
			return -1;
		return rlp_atend(&list) ? 0 : decode_reason(reason, &list);
	}
	if (decode_reason(reason, &r) == -1 || !rlp_atend(&r))
		return -1;
	return 0;
}

int
disconnect_decode(unsigned int *reason, const uint8_t *p, size_t n,
    int compressed)
{
	char		 buf[HELLO_MAX];
	size_t		 len;
	unsigned int	 v;

	/*
	 * The length that begins a compressed message could pass for an
	 * integer or a list's header; then it would not end where p does.
	 */
	if (decode_plain(&v, p, n, compressed) == 0) {
		*reason = v;
		return 0;
	}
	if (!compressed || n > HELLO_MAX ||
	    snappy_uncompressed_length((const char *)p, n, &len) != SNAPPY_OK ||
	    len > sizeof(buf))
		return -1;
	if (snappy_uncompress((const char *)p, n, buf, &len) != SNAPPY_OK ||
	    decode_plain(&v, (const uint8_t *)buf, len, 0) == -1)
		return -1;
	*reason = v;
	return 0;
}
