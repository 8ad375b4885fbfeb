/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/hash.h"

#define HMAP_MIN	16U

static uint64_t
rotl(uint64_t v, unsigned int n)
{
	return v << n | v >> (64 - n);
}

static void
sipround(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* The first bytes are the lowest, whatever the machine's order is. */
static uint64_t
le64(const uint8_t *p, size_t n)
{
	uint64_t	 v = 0;

	memcpy(&v, p, n);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

uint64_t
hash_bytes(const struct hkey *key, const void *data, size_t len)
{
	const uint8_t	*p = data;
	uint64_t	 v[4], m;
	size_t		 left = len;
	int		 i;

	v[0] = key->k[0] ^ 0x736f6d6570736575ULL;
	v[1] = key->k[1] ^ 0x646f72616e646f6dULL;
	v[2] = key->k[0] ^ 0x6c7967656e657261ULL;
	v[3] = key->k[1] ^ 0x7465646279746573ULL;
	for (; left >= 8; p += 8, left -= 8) {
		m = le64(p, 8);
		v[3] ^= m;
		sipround(v);
		v[0] ^= m;
	}
	m = le64(p, left) ^ (uint64_t)len << 56;
	v[3] ^= m;
	sipround(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		sipround(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct hent *
hmap_first(const struct hmap *m, uint64_t hash)
{
	struct hent	*e;

	if (m->size == 0)
		return NULL;
	e = m->v[hash & (m->size - 1)];
	while (e != NULL && e->hash != hash)
		e = e->next;
	return e;
}

struct hent *
hmap_next(const struct hent *e)
{
	uint64_t	 hash = e->hash;
	struct hent	*o = e->next;

	while (o != NULL && o->hash != hash)
		o = o->next;
	return o;
}

static int
grow(struct hmap *m)
{
	struct hent	**v, *e, *next;
	uint32_t	 size = m->size == 0 ? HMAP_MIN : m->size * 2, i;

	if ((v = calloc(size, sizeof(*v))) == NULL)
		return -1;
	for (i = 0; i < m->size; i++)
		for (e = m->v[i]; e != NULL; e = next) {
			next = e->next;
			e->next = v[e->hash & (size - 1)];
			v[e->hash & (size - 1)] = e;
		}
	free(m->v);
	m->v = v;
	m->size = size;
	return 0;
}

int
hmap_insert(struct hmap *m, struct hent *e, uint64_t hash)
{
	struct hent	**head;

	/* A table that cannot grow goes on with longer chains. */
	if (m->n >= m->size && grow(m) == -1 && m->size == 0)
		return -1;
	head = &m->v[hash & (m->size - 1)];
	e->hash = hash;
	e->next = *head;
	*head = e;
	m->n++;
	return 0;
}

void
hmap_remove(struct hmap *m, struct hent *e)
{
	struct hent	**p = &m->v[e->hash & (m->size - 1)];

	while (*p != e)
		p = &(*p)->next;
	*p = e->next;
	e->next = NULL;
	m->n--;
}

void
hmap_free(struct hmap *m)
{
	free(m->v);
	memset(m, 0, sizeof(*m));
}
