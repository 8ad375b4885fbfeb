/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "p2pd/discovery/nodedb.h"
#include "regress/fuzz/fuzz.h"

/*
 * What stands in a node database: 33 bytes of key, then the value.  Whatever
 * is taken is written as it was read; with its id made right, so that inputs
 * get beyond the hash.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nodedb_node	 n, again;
	uint8_t			 key[NODEDB_KEY], mine[NODEDB_KEY];
	uint8_t			 val[NODEDB_VALUE];
	size_t			 klen = size < NODEDB_KEY ? size : NODEDB_KEY;
	size_t			 vlen = size - klen;

	if (nodedb_decode(&n, data, klen, data + klen, vlen) == 0) {
		FUZZ_CHECK(nodedb_encode(&n, mine, val) == vlen);
		FUZZ_CHECK(memcmp(val, data + klen, vlen) == 0);
	}
	if (klen < NODEDB_KEY || vlen < 2 + SECP_PUB)
		return 0;
	memcpy(key, data, sizeof(key));
	node_id(key, data + NODEDB_KEY + 2);
	if (nodedb_decode(&n, key, sizeof(key), data + klen, vlen) == -1)
		return 0;
	FUZZ_CHECK(vlen <= NODEDB_VALUE);
	FUZZ_CHECK(nodedb_encode(&n, mine, val) == vlen);
	FUZZ_CHECK(memcmp(mine, key, sizeof(key)) == 0);
	FUZZ_CHECK(memcmp(val, data + klen, vlen) == 0);
	FUZZ_CHECK(nodedb_decode(&again, mine, sizeof(mine), val, vlen) == 0);
	FUZZ_CHECK(n.udp.port != 0 && n.pong >= 0 && n.ping >= 0);
	return 0;
}
