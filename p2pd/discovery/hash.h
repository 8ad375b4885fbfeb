/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_HASH_H
#define P2PD_DISCOVERY_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Hash tables whose keys strangers choose: SipHash-1-3 under a secret, so
 * that nobody can make chains long. Entries lie in what they stand for.
 */
struct hkey {
	uint64_t	 k[2];
};
uint64_t hash_bytes(const struct hkey *, const void *, size_t);

struct hent {
	struct hent	*next;
	uint64_t	 hash;
};

struct hmap {			/* all zero: empty */
	struct hent	**v;
	uint32_t	 size;	/* a power of two, or 0 */
	uint32_t	 n;
};

/* Those of a hash, one after the other; the caller compares the keys. */
struct hent *hmap_first(const struct hmap *, uint64_t hash);
struct hent *hmap_next(const struct hent *);
/* 0, or -1 without memory. */
int	 hmap_insert(struct hmap *, struct hent *, uint64_t hash);
void	 hmap_remove(struct hmap *, struct hent *);
/* Frees the table, not its entries. */
void	 hmap_free(struct hmap *);

#endif
