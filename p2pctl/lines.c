/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pctl/attachint.h"

#define SMALL	(1024 * 1024)	/* kept when empty */

char *
buf_room(struct buf *b, size_t n)
{
	size_t	 size;
	char	*p;

	if (b->off > 0 && b->off + b->len + n > b->size) {
		memmove(b->p, b->p + b->off, b->len);
		b->off = 0;
	}
	if (b->len + n > b->size) {
		size = b->len + n;
		if (size < b->size + b->size / 2)
			size = b->size + b->size / 2;
		if ((p = realloc(b->p, size)) == NULL)
			return NULL;
		b->p = p;
		b->size = size;
	}
	return b->p + b->off + b->len;
}

int
buf_add(struct buf *b, const void *p, size_t n)
{
	char	*dst;

	if ((dst = buf_room(b, n)) == NULL)
		return -1;
	memcpy(dst, p, n);
	b->len += n;
	return 0;
}

void
buf_drop(struct buf *b, size_t n)
{
	b->off += n;
	b->len -= n;
	if (b->len > 0)
		return;
	b->off = 0;
	if (b->size > SMALL)
		buf_free(b);
}

void
buf_free(struct buf *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

/* Values of digits plus one: what is no digit is 0. */
static const uint8_t digit[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
	['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
	['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16
};

int
unhex(uint8_t *dst, const char *src, size_t n)
{
	const uint8_t	*p = (const uint8_t *)src;
	unsigned int	 hi, lo, bad = 0;
	size_t		 i;

	if (n % 2 != 0)
		return -1;
	for (i = 0; i < n / 2; i++) {
		hi = digit[p[2 * i]];
		lo = digit[p[2 * i + 1]];
		/* 0 - 1 has the high bits set, and is looked at but once */
		bad |= (hi - 1) | (lo - 1);
		dst[i] = (uint8_t)((hi - 1) << 4 | ((lo - 1) & 15));
	}
	return bad > 15 ? -1 : 0;
}
