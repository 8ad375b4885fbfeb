/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "p2pd/discovery/nodedb.h"

/* The form of what is stored: see nodedb.h. */

static uint8_t *
put(uint8_t *p, uint64_t v, unsigned int n)
{
	while (n-- > 0)
		*p++ = (uint8_t)(v >> (8 * n));
	return p;
}

/* NULL when there is no more. */
static const uint8_t *
get(const uint8_t *p, const uint8_t *end, uint64_t *v, unsigned int n)
{
	*v = 0;
	if (p == NULL || (size_t)(end - p) < n)
		return NULL;
	while (n-- > 0)
		*v = *v << 8 | *p++;
	return p;
}

static const uint8_t *
get_bytes(const uint8_t *p, const uint8_t *end, void *to, size_t n)
{
	if (p == NULL || (size_t)(end - p) < n)
		return NULL;
	memcpy(to, p, n);
	return p + n;
}

size_t
nodedb_encode(const struct nodedb_node *n, uint8_t key[NODEDB_KEY],
    uint8_t val[NODEDB_VALUE])
{
	size_t	 iplen = n->udp.af == 4 ? 4 : 16;
	uint8_t	*p = val;

	memcpy(key, n->id, NODE_ID);
	key[NODE_ID] = n->udp.af;
	*p++ = NODEDB_FORMAT;
	*p++ = n->seed != 0;
	memcpy(p, n->key, SECP_PUB);
	p += SECP_PUB;
	memcpy(p, n->udp.ip, iplen);
	p += iplen;
	p = put(p, n->udp.port, 2);
	p = put(p, n->tcp, 2);
	p = put(p, (uint64_t)n->pong, 8);
	p = put(p, (uint64_t)n->ping, 8);
	p = put(p, n->record.len, 2);
	memcpy(p, n->record.raw, n->record.len);
	return (size_t)(p + n->record.len - val);
}

int
nodedb_is_seed(const uint8_t *val, size_t len)
{
	return len > 1 && (val[1] & 1);
}

int
nodedb_is_at(const uint8_t *val, size_t len, const struct addr *a)
{
	size_t	 at = 2 + SECP_PUB, n = a->af == 4 ? 4 : 16;

	return len >= at + n && memcmp(val + at, a->ip, n) == 0;
}

void
nodedb_inherit(uint8_t *val, unsigned int af, const uint8_t *old, size_t oldlen)
{
	size_t	 at = 2 + SECP_PUB, n = af == 4 ? 4 : 16;

	if (nodedb_is_seed(old, oldlen) && oldlen >= at + n &&
	    memcmp(val + at, old + at, n) == 0)
		val[1] |= 1;
}

/* Of the node's key; that it is a point says who verifies the record. */
static int
decode_record(struct nodedb_node *n, const uint8_t *p, size_t len)
{
	const uint8_t	*key;
	size_t		 klen;

	if (len == 0)
		return 0;
	return enr_decode(&n->record, p, len, NULL) == 0 &&
	    enr_get_bytes(&n->record, "secp256k1", &key, &klen) == 0 &&
	    klen == SECP_COMP && key[0] == (2 | (n->key[SECP_PUB - 1] & 1)) &&
	    memcmp(key + 1, n->key, SECP_COMP - 1) == 0 ? 0 : -1;
}

static int
decode_value(struct nodedb_node *n, const uint8_t *p, const uint8_t *end)
{
	uint64_t	 v, flags, port, tcp, pong, ping, len;

	p = get(p, end, &v, 1);
	p = get(p, end, &flags, 1);
	p = get_bytes(p, end, n->key, SECP_PUB);
	p = get_bytes(p, end, n->udp.ip, n->udp.af == 4 ? 4 : 16);
	p = get(p, end, &port, 2);
	p = get(p, end, &tcp, 2);
	p = get(p, end, &pong, 8);
	p = get(p, end, &ping, 8);
	p = get(p, end, &len, 2);
	if (p == NULL || v != NODEDB_FORMAT || flags > 1 || port == 0 ||
	    pong > INT64_MAX || ping > INT64_MAX || len > ENR_MAX ||
	    len != (size_t)(end - p))
		return -1;
	n->seed = (uint8_t)flags;
	n->udp.port = (uint16_t)port;
	n->tcp = (uint16_t)tcp;
	n->pong = (int64_t)pong;
	n->ping = (int64_t)ping;
	return decode_record(n, p, (size_t)len);
}

int
nodedb_decode(struct nodedb_node *n, const uint8_t *key, size_t klen,
    const uint8_t *val, size_t vlen)
{
	uint8_t	 id[NODE_ID];

	memset(n, 0, sizeof(*n));
	if (klen != NODEDB_KEY || (key[NODE_ID] != 4 && key[NODE_ID] != 6))
		return -1;
	memcpy(n->id, key, NODE_ID);
	n->udp.af = key[NODE_ID];
	if (decode_value(n, val, val + vlen) == -1)
		return -1;
	node_id(id, n->key);
	return memcmp(id, n->id, sizeof(id)) == 0 ? 0 : -1;
}
