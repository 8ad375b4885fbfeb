/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/crypto/keccak.h"
#include "lib/examples/eth-headers/eth.h"

const struct eth_version eth_versions[ETH_NVERSIONS] = {
	{ 68, 17 }, { 69, 18 }, { 70, 18 }, { 71, 20 }, { 72, 22 }
};

static size_t
finish(struct rlpw *w)
{
	size_t	 len;

	return rlpw_finish(w, &len) == -1 ? 0 : len;
}

static void
put_fork(struct rlpw *w, const struct eth_status *st)
{
	rlpw_list(w);
	rlpw_bytes(w, st->fork, sizeof(st->fork));
	rlpw_uint(w, st->fork_next);
	rlpw_end(w);
}

size_t
eth_fork_encode(uint8_t *out, size_t size, const struct eth_status *st)
{
	struct rlpw	 w;

	rlpw_init(&w, out, size);
	rlpw_list(&w);
	put_fork(&w, st);
	rlpw_end(&w);
	return finish(&w);
}

size_t
eth_status_encode(uint8_t *out, size_t size, const struct eth_status *st)
{
	struct rlpw	 w;

	rlpw_init(&w, out, size);
	rlpw_list(&w);
	rlpw_uint(&w, st->version);
	rlpw_uint(&w, st->network);
	if (st->version < 69) {
		rlpw_uint(&w, 0);		/* total difficulty */
		rlpw_bytes(&w, st->genesis, ETH_HASH);	/* head */
	}
	rlpw_bytes(&w, st->genesis, ETH_HASH);
	put_fork(&w, st);
	if (st->version >= 69) {
		rlpw_uint(&w, 0);		/* earliest and latest block */
		rlpw_uint(&w, 0);
		rlpw_bytes(&w, st->genesis, ETH_HASH);
	}
	rlpw_end(&w);
	return finish(&w);
}

static int
get_fork(struct rlp *r, struct eth_status *st)
{
	struct rlp	 fork;

	if (rlp_get_list(r, &fork) == -1 ||
	    rlp_get_fixed(&fork, st->fork, sizeof(st->fork)) == -1 ||
	    rlp_get_uint(&fork, &st->fork_next, UINT64_MAX) == -1)
		return -1;
	return 0;
}

int
eth_status_decode(struct eth_status *st, const uint8_t *data, size_t len)
{
	struct rlp	 outer, r;
	uint64_t	 version, earliest;

	memset(st, 0, sizeof(*st));
	rlp_init(&outer, data, len);
	if (rlp_get_list(&outer, &r) == -1 ||
	    rlp_get_uint(&r, &version, UINT32_MAX) == -1 ||
	    rlp_get_uint(&r, &st->network, UINT64_MAX) == -1)
		return -1;
	st->version = (uint32_t)version;
	if (version < 69)	/* a total difficulty may have 256 bits */
		return rlp_skip(&r) == -1 ||
		    rlp_get_fixed(&r, st->latest_hash, ETH_HASH) == -1 ||
		    rlp_get_fixed(&r, st->genesis, ETH_HASH) == -1 ||
		    get_fork(&r, st) == -1 ? -1 : 0;
	if (rlp_get_fixed(&r, st->genesis, ETH_HASH) == -1 ||
	    get_fork(&r, st) == -1 ||
	    rlp_get_uint(&r, &earliest, UINT64_MAX) == -1 ||
	    rlp_get_uint(&r, &st->latest, UINT64_MAX) == -1 ||
	    earliest > st->latest ||
	    rlp_get_fixed(&r, st->latest_hash, ETH_HASH) == -1)
		return -1;
	return 0;
}

size_t
eth_get_headers(uint8_t *out, size_t size, uint64_t request, uint64_t first,
    uint64_t count)
{
	struct rlpw	 w;

	rlpw_init(&w, out, size);
	rlpw_list(&w);
	rlpw_uint(&w, request);
	rlpw_list(&w);
	rlpw_uint(&w, first);
	rlpw_uint(&w, count);
	rlpw_uint(&w, 0);		/* skip none */
	rlpw_uint(&w, 0);		/* upwards */
	rlpw_end(&w);
	rlpw_end(&w);
	return finish(&w);
}

size_t
eth_get_header(uint8_t *out, size_t size, uint64_t request,
    const uint8_t hash[ETH_HASH])
{
	struct rlpw	 w;

	rlpw_init(&w, out, size);
	rlpw_list(&w);
	rlpw_uint(&w, request);
	rlpw_list(&w);
	rlpw_bytes(&w, hash, ETH_HASH);
	rlpw_uint(&w, 1);
	rlpw_uint(&w, 0);
	rlpw_uint(&w, 0);
	rlpw_end(&w);
	rlpw_end(&w);
	return finish(&w);
}

int
eth_headers_decode(uint64_t *request, struct rlp *headers, const uint8_t *data,
    size_t len)
{
	struct rlp	 outer, r;

	rlp_init(&outer, data, len);
	if (rlp_get_list(&outer, &r) == -1 ||
	    rlp_get_uint(&r, request, UINT64_MAX) == -1 ||
	    rlp_get_list(&r, headers) == -1)
		return -1;
	return 0;
}

/*
 * A header's hash is that of its bytes, so fields to come change nothing here:
 * only its parent, the first, and its number, the ninth, are looked at.
 */
int
eth_header_next(struct eth_header *h, struct rlp *headers)
{
	struct rlp	 r, item;
	const uint8_t	*raw;
	size_t		 rawlen;
	int		 i;

	if (rlp_get_raw(headers, &raw, &rawlen) == -1)
		return -1;
	rlp_init(&item, raw, rawlen);
	if (rlp_get_list(&item, &r) == -1 ||
	    rlp_get_fixed(&r, h->parent, ETH_HASH) == -1)
		return -1;
	for (i = 1; i < 8; i++) {
		if (rlp_skip(&r) == -1)
			return -1;
	}
	if (rlp_get_uint(&r, &h->number, UINT64_MAX) == -1)
		return -1;
	keccak256(h->hash, raw, rawlen);
	return 0;
}

int
eth_range_decode(uint64_t *latest, const uint8_t *data, size_t len)
{
	struct rlp	 outer, r;
	uint64_t	 earliest;

	rlp_init(&outer, data, len);
	if (rlp_get_list(&outer, &r) == -1 ||
	    rlp_get_uint(&r, &earliest, UINT64_MAX) == -1 ||
	    rlp_get_uint(&r, latest, UINT64_MAX) == -1 || earliest > *latest)
		return -1;
	return 0;
}

size_t
eth_answer(uint8_t *out, size_t size, uint32_t version, uint32_t code,
    uint32_t *reply, const uint8_t *data, size_t len)
{
	static const uint8_t	 mask[16];
	struct rlp		 outer, r;
	struct rlpw		 w;
	uint64_t		 request;

	switch (code) {
	case ETH_GET_HEADERS:
	case ETH_GET_BODIES:
	case ETH_GET_POOLED:
	case ETH_GET_RECEIPTS:
	case ETH_GET_ACCESS_LISTS:
	case ETH_GET_CELLS:
		break;
	default:
		return 0;
	}
	rlp_init(&outer, data, len);
	if (rlp_get_list(&outer, &r) == -1 ||
	    rlp_get_uint(&r, &request, UINT64_MAX) == -1)
		return 0;
	*reply = code + 1;
	rlpw_init(&w, out, size);
	rlpw_list(&w);
	rlpw_uint(&w, request);
	if (code == ETH_GET_RECEIPTS && version >= 70)
		rlpw_uint(&w, 0);	/* the last block is not cut short */
	rlpw_list(&w);
	rlpw_end(&w);
	if (code == ETH_GET_CELLS) {
		rlpw_list(&w);
		rlpw_end(&w);
		rlpw_bytes(&w, mask, sizeof(mask));
	}
	rlpw_end(&w);
	return finish(&w);
}
