/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_BASE_H
#define COMMON_WIRE_BASE_H

#include <stddef.h>
#include <stdint.h>

#include "common/crypto/secp.h"

/* The base protocol "p2p" (devp2p, rlpx.md, "p2p Capability"). */
enum { BASE_HELLO = 0x00, BASE_DISCONNECT = 0x01, BASE_PING = 0x02, BASE_PONG = 0x03 };
#define BASE_LENGTH	0x10	/* codes the base protocol holds */
#define BASE_VERSION	5
#define HELLO_MAX	2048	/* bytes of a Hello payload, ours or theirs */
#define CAP_NAME_MAX	8
#define CAPS_MAX	64	/* capabilities kept of a peer's Hello */
#define CLIENT_MAX	128	/* bytes kept of a client's name, escaped, with the NUL */

struct cap {
	char		 name[CAP_NAME_MAX + 1];
	uint32_t	 version;
};

struct hello {
	uint64_t	 version;
	char		 client[CLIENT_MAX];
	uint32_t	 ncaps;
	struct cap	 caps[CAPS_MAX];
	uint16_t	 port;			/* legacy */
	uint8_t		 id[SECP_PUB];
};

/*
 * Encodes a Hello payload, uncompressed. 0 with *len, or -1 when it does not
 * fit into HELLO_MAX or size.
 */
int	 hello_encode(uint8_t *out, size_t size, size_t *len, const struct hello *);
/*
 * Decodes; extra list elements are ignored. Capabilities with a name that is
 * not cap_name_valid(), or a version over 32 bits, are left out, as are those
 * beyond CAPS_MAX and exact duplicates. The client's name is escaped. 0, or a
 * reason: REASON_HELLO_BAD, REASON_NULL_IDENTITY (null, or not of 64 bytes).
 */
int	 hello_decode(struct hello *, const uint8_t *, size_t);
/*
 * The same, but of more than CAPS_MAX those are kept first that ours lists as
 * well: with every one of them the peer reckons its message codes.
 */
int	 hello_decode_with(struct hello *, const struct hello *ours,
	    const uint8_t *, size_t);

/* A Disconnect payload: always a list of one. Returns its length (2). */
size_t	 disconnect_encode(uint8_t out[4], unsigned int reason);
/*
 * Reads [reason], a bare integer, an empty list or nothing (as 0x00), and the
 * snappy-compressed form of these when compressed is on and the plain form
 * does not parse. Any size of integer; over a byte it is DISC_NONE - 1 (0xfe,
 * "unknown"). -1 when it is none of these.
 */
int	 disconnect_decode(unsigned int *reason, const uint8_t *, size_t, int compressed);

#endif
