/* SPDX-License-Identifier: ISC */
#ifndef ETH_HEADERS_ETH_H
#define ETH_HEADERS_ETH_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire/rlp.h"

/*
 * As much of the eth protocol as is needed for headers: versions 68 to 72,
 * https://github.com/ethereum/devp2p/blob/master/caps/eth.md
 */
#define ETH_HASH	32
#define ETH_NVERSIONS	5

enum eth_code {
	ETH_STATUS = 0x00,
	ETH_GET_HEADERS = 0x03,
	ETH_HEADERS = 0x04,
	ETH_GET_BODIES = 0x05,
	ETH_GET_POOLED = 0x09,
	ETH_GET_RECEIPTS = 0x0f,
	ETH_RANGE_UPDATE = 0x11,	/* from eth/69 on */
	ETH_GET_ACCESS_LISTS = 0x12,	/* eth/71 */
	ETH_GET_CELLS = 0x14		/* eth/72 */
};

struct eth_version {
	uint32_t	 version;
	uint32_t	 codes;
};
extern const struct eth_version eth_versions[ETH_NVERSIONS];

struct eth_status {
	uint32_t	 version;
	uint64_t	 network;
	uint8_t		 genesis[ETH_HASH];
	uint8_t		 fork[4];	/* EIP-2124 */
	uint64_t	 fork_next;
	uint64_t	 latest;	/* its last block; not in eth/68 */
	uint8_t		 latest_hash[ETH_HASH];
};

struct eth_header {
	uint64_t	 number;
	uint8_t		 parent[ETH_HASH];
	uint8_t		 hash[ETH_HASH];
};

/* Encoders return the length, 0 when it does not fit; decoders 0 or -1. */

/* The status of a node that has no block but the genesis. */
size_t	 eth_status_encode(uint8_t *out, size_t size, const struct eth_status *);
/* The fork id as it stands in a node's record. */
size_t	 eth_fork_encode(uint8_t *out, size_t size, const struct eth_status *);
int	 eth_status_decode(struct eth_status *, const uint8_t *, size_t);
size_t	 eth_get_headers(uint8_t *out, size_t size, uint64_t request,
	    uint64_t first, uint64_t count);
size_t	 eth_get_header(uint8_t *out, size_t size, uint64_t request,
	    const uint8_t hash[ETH_HASH]);
/* The request that is answered, and the cursor on its headers. */
int	 eth_headers_decode(uint64_t *request, struct rlp *headers,
	    const uint8_t *, size_t);
int	 eth_header_next(struct eth_header *, struct rlp *headers);
int	 eth_range_decode(uint64_t *latest, const uint8_t *, size_t);
/*
 * We have nothing that a peer might ask for, and say so, which is allowed:
 * the answer to a request with this code, whose own code is put into *reply.
 * 0 for what needs no answer.
 */
size_t	 eth_answer(uint8_t *out, size_t size, uint32_t version, uint32_t code,
	    uint32_t *reply, const uint8_t *, size_t);

#endif
