/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_DISCV4_H
#define COMMON_WIRE_DISCV4_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/crypto/secp.h"

/*
 * The packets of Node Discovery v4:
 *	hash (32) || signature (65) || type (1) || RLP list
 * Additional elements of the list and bytes behind it are ignored (EIP-8).
 */
#define D4_MAX		1280	/* bytes of a packet */
#define D4_HASH		32
#define D4_SIGNED	97	/* offset of what is signed: type and list */
#define D4_MIN		98
#define D4_NODES_OUT	12	/* of the largest nodes fit into one packet */
#define D4_NODES_MAX	16	/* no more of the smallest do */
#define D4_VERSION	4

enum d4_type {
	D4_PING = 1, D4_PONG, D4_FINDNODE, D4_NEIGHBORS, D4_ENRREQUEST,
	D4_ENRRESPONSE
};
#define D4_NTYPES	7	/* for tables by type */

/* What is wrong with a packet; in the order of the checks. */
enum d4_err {
	D4_OK,
	D4_ESIZE,		/* too short or too long */
	D4_ETYPE,		/* no such type */
	D4_EHASH,
	D4_EFORM,		/* elements missing or of another form */
	D4_EEXPIRED,		/* for callers; no function here has a clock */
	D4_ESIG			/* no key has made this signature */
};

/* Address with UDP port; af 0 where it is empty or not readable. */
struct d4_endpoint {
	struct addr	 addr;
	uint16_t	 tcp;
};

struct d4_node {
	struct addr	 addr;		/* with UDP port */
	uint16_t	 tcp;
	uint8_t		 key[SECP_PUB];
};

/*
 * A packet by its type. Nothing but the record is borrowed. What a ping or
 * pong says in from and to is a hint at best, and the sender's version
 * nothing: they are read with leniency, and af 0 is what could not be.
 */
struct d4_packet {
	uint8_t		 type;		/* enum d4_type */
	int64_t		 expiration;	/* Unix seconds, over 2^63 negative; none in ENRRESPONSE: 0 */
	union {
		struct {
			struct d4_endpoint	 from;
			struct d4_endpoint	 to;
			uint64_t		 seq;	/* of the sender's record; 0: none said */
		} ping;
		struct {
			struct d4_endpoint	 to;
			uint8_t			 hash[D4_HASH];	/* of the ping */
			uint64_t		 seq;
		} pong;
		struct {
			uint8_t			 target[SECP_PUB];	/* maybe no point */
		} findnode;
		struct {
			struct d4_node		 v[D4_NODES_MAX];
			uint32_t		 n;
		} neighbors;
		struct {
			uint8_t			 hash[D4_HASH];	/* of the request */
			const uint8_t		*record;	/* raw, in the packet */
			size_t			 len;
		} enrresponse;
	};
};

/* The checks that cost little: size, type, then hash. */
enum d4_err d4_check(const uint8_t *, size_t);
/*
 * Decodes a packet that d4_check has passed. D4_OK or D4_EFORM. Neighbors
 * without a usable address (neither 4 nor 16 bytes, unspecified), or not of
 * the form at all are left out, keys are not checked to be points; the record
 * of an ENRRESPONSE is one RLP list of at most ENR_MAX bytes, and no more is
 * said of it.
 */
enum d4_err d4_decode(struct d4_packet *, const uint8_t *, size_t);
/* True when the packet is of the past; an ENRRESPONSE never is. */
int	 d4_expired(const struct d4_packet *, int64_t now);
/* The key that signed a packet that d4_check has passed. 0, or -1. */
int	 d4_recover(uint8_t pub[SECP_PUB], const uint8_t *, size_t);

/*
 * Writes type and list at D4_SIGNED of buf, leaving the head for d4_seal.
 * *len is that of the whole packet. 0, or -1 when it would not fit or the
 * fields make no packet.
 */
int	 d4_encode(const struct d4_packet *, uint8_t buf[D4_MAX], size_t *len);
/* The digest that is to be signed. */
void	 d4_digest(const uint8_t *buf, size_t len, uint8_t hash[32]);
/* Puts the signature in its place, and the hash before it. */
void	 d4_seal(uint8_t *buf, size_t len, const uint8_t sig[SECP_SIG]);
/* Encode, digest, sign and seal in one, where the key is at hand. 0 or -1. */
int	 d4_sign(const struct d4_packet *, uint8_t buf[D4_MAX], size_t *len,
	    const uint8_t priv[SECP_PRIV]);

/* "ping", "enrresponse", "unknown". */
const char *d4_name(unsigned int type);
const char *d4_strerror(enum d4_err);

#endif
