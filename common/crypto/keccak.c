/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/crypto/keccak.h"

#define RATE	136		/* bytes a block: 1600 bits less twice 256 */

/*
 * andn and rorx of x86-64-v3 are worth a seventh of the time; the loader
 * chooses.  Sanitizers are not up yet when it asks, so they go without.
 */
#if defined(HAVE_TARGET_CLONES_V3) && !defined(P2PD_SANITIZERS)
#define CLONES	__attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

static const uint64_t iota[24] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a,
	0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
	0x8000000080008081, 0x8000000000008009, 0x000000000000008a,
	0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
	0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
	0x000000000000800a, 0x800000008000000a, 0x8000000080008081,
	0x8000000000008080, 0x0000000080000001, 0x8000000080008008
};

#define ROL(v, n)	((v) << (n) | (v) >> (-(n) & 63))

/* Lane i of s after theta and rho; its column is i % 5. */
#define LANE(s, i, r)	(x = (s)[i] ^ d[(i) % 5], ROL(x, r))

/* Row o of t: pi brings five lanes together, chi mixes them. */
#define ROW(s, t, o, i0, r0, i1, r1, i2, r2, i3, r3, i4, r4) do {	\
	b[0] = LANE(s, i0, r0);						\
	b[1] = LANE(s, i1, r1);						\
	b[2] = LANE(s, i2, r2);						\
	b[3] = LANE(s, i3, r3);						\
	b[4] = LANE(s, i4, r4);						\
	(t)[(o) + 0] = b[0] ^ (~b[1] & b[2]);				\
	(t)[(o) + 1] = b[1] ^ (~b[2] & b[3]);				\
	(t)[(o) + 2] = b[2] ^ (~b[3] & b[4]);				\
	(t)[(o) + 3] = b[3] ^ (~b[4] & b[0]);				\
	(t)[(o) + 4] = b[4] ^ (~b[0] & b[1]);				\
} while (0)

#define COLUMN(s, i)	((s)[i] ^ (s)[(i) + 5] ^ (s)[(i) + 10] ^	\
	(s)[(i) + 15] ^ (s)[(i) + 20])

/* One round from s to t. Indices are constants: all of it lives in registers. */
#define ROUND(s, t, rc) do {						\
	c[0] = COLUMN(s, 0);						\
	c[1] = COLUMN(s, 1);						\
	c[2] = COLUMN(s, 2);						\
	c[3] = COLUMN(s, 3);						\
	c[4] = COLUMN(s, 4);						\
	d[0] = c[4] ^ ROL(c[1], 1);					\
	d[1] = c[0] ^ ROL(c[2], 1);					\
	d[2] = c[1] ^ ROL(c[3], 1);					\
	d[3] = c[2] ^ ROL(c[4], 1);					\
	d[4] = c[3] ^ ROL(c[0], 1);					\
	ROW(s, t, 0, 0, 0, 6, 44, 12, 43, 18, 21, 24, 14);		\
	ROW(s, t, 5, 3, 28, 9, 20, 10, 3, 16, 45, 22, 61);		\
	ROW(s, t, 10, 1, 1, 7, 6, 13, 25, 19, 8, 20, 18);		\
	ROW(s, t, 15, 4, 27, 5, 36, 11, 10, 17, 15, 23, 56);		\
	ROW(s, t, 20, 2, 62, 8, 55, 14, 39, 15, 41, 21, 2);		\
	(t)[0] ^= (rc);							\
} while (0)

CLONES static void
permute(uint64_t *state)
{
	uint64_t	 s[25], t[25], b[5], c[5], d[5], x;
	unsigned int	 i;

	memcpy(s, state, sizeof(s));
	for (i = 0; i < 24; i += 2) {
		ROUND(s, t, iota[i]);
		ROUND(t, s, iota[i + 1]);
	}
	memcpy(state, s, sizeof(s));
}

static uint64_t
load64le(const uint8_t *p)
{
	uint64_t	 v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static void
store64le(uint8_t *p, uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	memcpy(p, &v, sizeof(v));
}

static void
xor_byte(struct keccak *k, uint32_t pos, uint8_t byte)
{
	k->a[pos / 8] ^= (uint64_t)byte << (pos % 8 * 8);
}

void
keccak_init(struct keccak *k)
{
	memset(k, 0, sizeof(*k));
}

void
keccak_update(struct keccak *k, const void *data, size_t len)
{
	const uint8_t	*p = data;
	unsigned int	 i;

	while (len > 0) {
		if (k->pos == 0 && len >= RATE) {
			for (i = 0; i < RATE / 8; i++)
				k->a[i] ^= load64le(p + i * 8);
			p += RATE;
			len -= RATE;
			permute(k->a);
		} else if (k->pos % 8 == 0 && len >= 8) {
			k->a[k->pos / 8] ^= load64le(p);
			p += 8;
			len -= 8;
			k->pos += 8;
		} else {
			xor_byte(k, k->pos++, *p++);
			len--;
		}
		if (k->pos == RATE) {
			permute(k->a);
			k->pos = 0;
		}
	}
}

void
keccak_final(struct keccak *k, uint8_t out[32])
{
	unsigned int	 i;

	xor_byte(k, k->pos, 0x01);
	xor_byte(k, RATE - 1, 0x80);
	permute(k->a);
	for (i = 0; i < 4; i++)
		store64le(out + i * 8, k->a[i]);
}

void
keccak_digest(const struct keccak *k, uint8_t out[32])
{
	struct keccak	 fork = *k;

	keccak_final(&fork, out);
	/* Its permutation can be run back. */
	explicit_bzero(&fork, sizeof(fork));
}

void
keccak256(uint8_t out[32], const void *data, size_t len)
{
	struct keccak	 k;

	keccak_init(&k);
	keccak_update(&k, data, len);
	keccak_final(&k, out);
}

void
keccak_export(const struct keccak *k, uint8_t out[KECCAK_STATE_LEN])
{
	unsigned int	 i;

	for (i = 0; i < 25; i++)
		store64le(out + i * 8, k->a[i]);
	out[200] = (uint8_t)k->pos;
}

int
keccak_import(struct keccak *k, const uint8_t in[KECCAK_STATE_LEN])
{
	unsigned int	 i;

	if (in[200] >= RATE)
		return -1;
	for (i = 0; i < 25; i++)
		k->a[i] = load64le(in + i * 8);
	k->pos = in[200];
	k->pad = 0;
	return 0;
}
