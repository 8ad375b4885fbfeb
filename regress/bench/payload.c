/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "regress/bench/payload.h"

#define SEED	0x9e3779b97f4a7c15U
#define RECORD	128

static uint64_t
next(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545f4914f6cdd1dU;
}

static void
fill_random(uint8_t *p, size_t n, uint64_t *s)
{
	uint64_t	 v;
	size_t		 i, k;

	for (i = 0; i < n; i += 8) {
		v = next(s);
		for (k = 0; k < 8 && i + k < n; k++)
			p[i + k] = (uint8_t)(v >> 8 * k);
	}
}

/* nonce, gas price, gas, to, value, 32 random bytes, zeros, a few random. */
static void
record(uint8_t *r, uint64_t no, uint64_t *s)
{
	static const uint8_t	 fixed[] = { 0x85, 0x04, 0xa8, 0x17, 0xc8, 0x00,
		    0x82, 0x52, 0x08, 0x94 };

	memset(r, 0, RECORD);
	r[0] = 0xf8;
	r[1] = RECORD - 2;
	r[2] = 0x84;
	put_be(r + 3, 4, no);
	memcpy(r + 7, fixed, sizeof(fixed));
	memset(r + 17, (int)(0x11 * (next(s) & 15)), 20);
	r[37] = 0x88;
	put_be(r + 38, 8, 1000000000000000000U);
	r[46] = 0xa0;
	fill_random(r + 47, 32, s);
	fill_random(r + 47 + 32 + 24, 8, s);
}

void
payload_fill(uint8_t *p, size_t n, char kind)
{
	uint8_t		 r[RECORD];
	uint64_t	 s = SEED, no = 0;
	size_t		 i, m;

	if (kind == 'r') {
		fill_random(p, n, &s);
		return;
	}
	for (i = 0; i < n; i += m) {
		m = n - i < RECORD ? n - i : RECORD;
		record(r, no++, &s);
		memcpy(p + i, r, m);
	}
}

uint64_t
get_be(const uint8_t *p, size_t n)
{
	uint64_t	 v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

void
put_be(uint8_t *p, size_t n, uint64_t v)
{
	while (n-- > 0) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}
