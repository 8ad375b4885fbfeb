/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_CAPS_H
#define COMMON_WIRE_CAPS_H

#include <stdint.h>

#include "common/wire/base.h"

/* What we can speak: one name and version with its number of codes. */
struct localcap {
	struct cap	 cap;
	uint32_t	 codes;		/* message codes, 1 to 65536 */
	uint32_t	 owner;		/* whatever the caller keys owners by */
};

/* What a connection speaks: fixed for its life by the Hellos exchanged. */
struct sharedcap {
	struct cap	 cap;
	uint32_t	 codes;
	uint32_t	 offset;	/* first code on the wire */
	uint32_t	 owner;
};

/*
 * Negotiation as geth does it: for each name the highest version that both
 * list; offsets from 0x10 in order of name (byte order). out has room for max;
 * returns the number shared (capped at max).
 */
uint32_t caps_negotiate(struct sharedcap *out, uint32_t max,
	    const struct localcap *ours, uint32_t nours,
	    const struct cap *theirs, uint32_t ntheirs);
/* The capability that holds this wire code; NULL when none does. */
const struct sharedcap *caps_find(const struct sharedcap *, uint32_t n, uint64_t code);
/* Non-empty, at most 8 bytes, printable ASCII without '/', ',' and space. */
int	 cap_name_valid(const char *);

#endif
