/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_ENR_H
#define COMMON_WIRE_ENR_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/crypto/secp.h"

/*
 * Node records (EIP-778) of the identity scheme "v4".  A record is a value:
 * it can be copied, and holds its bytes as they were signed.  The functions
 * that fail say why by *errstr, a static text; errstr may be NULL.
 */
#define ENR_MAX		300	/* bytes of a whole record */
#define ENR_STRLEN	(4 + (ENR_MAX * 4 + 2) / 3 + 1)	/* "enr:", base64, NUL */
#define NODE_ID		32	/* keccak256 of the public key */

struct enr {
	uint64_t	 seq;
	uint16_t	 len;		/* of raw; 0: no record */
	uint16_t	 content;	/* offset of the sequence, behind the signature */
	uint16_t	 pairs;		/* offset of the first key */
	uint8_t		 raw[ENR_MAX];
};

/* The address of a node in the DHT. Pure hashing: pub is not checked. */
void	 node_id(uint8_t id[NODE_ID], const uint8_t pub[SECP_PUB]);

/*
 * Takes a record of exactly n bytes: size, form, keys sorted and unique.  The
 * signature is not verified.  0, or -1 and e->len 0.
 */
int	 enr_decode(struct enr *, const void *, size_t n, const char **errstr);
/*
 * Verifies a decoded record as scheme v4 and stores the signer's public key.
 * Costs a signature.  0 or -1.
 */
int	 enr_verify(const struct enr *, uint8_t pub[SECP_PUB],
	    const char **errstr);
/* The public key that the record claims, unverified. 0 or -1. */
int	 enr_pubkey(const struct enr *, uint8_t pub[SECP_PUB]);
/* The same record, byte for byte. */
int	 enr_equal(const struct enr *, const struct enr *);

/* "enr:..." to a record, decoded and verified. 0 or -1. */
int	 enr_parse(struct enr *, uint8_t pub[SECP_PUB], const char *,
	    const char **errstr);
/* The same, but not verified. */
int	 enr_read(struct enr *, const char *, const char **errstr);
/* "" for no record. Returns buf. */
const char *enr_format(const struct enr *, char buf[ENR_STRLEN]);

/*
 * A value by its key, as raw RLP (one item) that lies in the record, as a
 * string, as an integer.  0, or -1 when it is missing or of another form.
 */
int	 enr_get(const struct enr *, const char *key, const uint8_t **raw,
	    size_t *n);
int	 enr_get_bytes(const struct enr *, const char *key, const uint8_t **,
	    size_t *n);
int	 enr_get_uint(const struct enr *, const char *key, uint64_t *,
	    uint64_t max);
/*
 * The endpoint of a family, 4 or 6: address with UDP port, and TCP port, 0
 * where there is none; the port of IPv4 is that of IPv6 too where that has
 * none of its own.  0, or -1 without an address of the family; an IPv4 address
 * mapped into ip6 is none.
 */
int	 enr_endpoint(const struct enr *, unsigned int af, struct addr *udp,
	    uint16_t *tcp);
/*
 * Walks through all pairs in their order: *it is 0 at first. 1 with a pair,
 * 0 at the end.  The key is not a C string.
 */
int	 enr_next(const struct enr *, size_t *it, const uint8_t **key,
	    size_t *keylen, const uint8_t **raw, size_t *n);

/*
 * A record in the making.  "id" and "secp256k1" are set by enr_build_init.
 * Each function returns 0, or -1 where the record would be over ENR_MAX, or
 * the value no single RLP item: nothing is changed then.
 */
struct enr_build {
	uint64_t	 seq;
	uint16_t	 len;		/* of pairs */
	uint8_t		 pairs[ENR_MAX];
};

/* -1 when pub is no point of the curve. */
int	 enr_build_init(struct enr_build *, uint64_t seq,
	    const uint8_t pub[SECP_PUB]);
/* From a record, to change it. */
void	 enr_build_from(struct enr_build *, const struct enr *);
/* Sets, or replaces, a value given as RLP. */
int	 enr_set(struct enr_build *, const char *key, const void *raw, size_t n);
int	 enr_set_bytes(struct enr_build *, const char *key, const void *, size_t n);
int	 enr_set_uint(struct enr_build *, const char *key, uint64_t);
/*
 * Sets the address, and the ports that are not 0, under the names of its
 * family, and removes those that are; for IPv6 a port equal to that of IPv4,
 * which is set first, is left out, as the specification asks.
 */
int	 enr_set_endpoint(struct enr_build *, const struct addr *udp,
	    uint16_t tcp);
/* Nothing happens where there is no such key. */
void	 enr_unset(struct enr_build *, const char *key);
/* What is left for pairs (key and value with their RLP headers). */
size_t	 enr_room(const struct enr_build *);
/* The digest that is to be signed. */
void	 enr_digest(const struct enr_build *, uint8_t hash[32]);
/*
 * The record with this signature of the digest, of which secp_sign's first 64
 * bytes will do.  It is not verified.  0 or -1.
 */
int	 enr_finish(struct enr *, const struct enr_build *,
	    const uint8_t sig[SECP_SIG64]);
/* Digest, signature and finish in one, where the key is at hand. */
int	 enr_sign(struct enr *, const struct enr_build *,
	    const uint8_t priv[SECP_PRIV]);

#endif
