/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/crypto/keccak.h"
#include "common/wire/discv4.h"
#include "common/wire/enr.h"
#include "common/wire/rlp.h"

enum d4_err
d4_check(const uint8_t *p, size_t len)
{
	uint8_t		 hash[D4_HASH];

	if (len < D4_MIN || len > D4_MAX)
		return D4_ESIZE;
	if (p[D4_SIGNED] < D4_PING || p[D4_SIGNED] > D4_ENRRESPONSE)
		return D4_ETYPE;
	keccak256(hash, p + D4_HASH, len - D4_HASH);
	return memcmp(hash, p, D4_HASH) == 0 ? D4_OK : D4_EHASH;
}

/* IP and ports, the first three elements of endpoints and nodes. 0 or -1. */
static int
get_addr(struct rlp *r, struct addr *a, uint16_t *tcp)
{
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t		*ip;
	uint64_t		 udp, t;
	size_t			 n;

	memset(a, 0, sizeof(*a));
	*tcp = 0;
	if (rlp_get_bytes(r, &ip, &n) == -1 ||
	    rlp_get_uint(r, &udp, UINT16_MAX) == -1 ||
	    rlp_get_uint(r, &t, UINT16_MAX) == -1)
		return -1;
	*tcp = (uint16_t)t;
	if (n == 16 && memcmp(ip, mapped, sizeof(mapped)) == 0) {
		ip += sizeof(mapped);
		n = 4;
	}
	if (n != 4 && n != 16)
		return 0;
	a->af = n == 4 ? 4 : 6;
	a->port = (uint16_t)udp;
	memcpy(a->ip, ip, n);
	return 0;
}

/* Whatever stands there, as long as it is an item. */
static int
get_endpoint(struct rlp *r, struct d4_endpoint *e)
{
	struct rlp	 in;

	memset(e, 0, sizeof(*e));
	if (rlp_get_list(r, &in) == -1)
		return rlp_skip(r);
	if (get_addr(&in, &e->addr, &e->tcp) == -1)
		memset(e, 0, sizeof(*e));
	return 0;
}

/* All 64 bits are a time; those of the far future are of the past. */
static int
get_expiration(struct rlp *r, struct d4_packet *k)
{
	uint64_t	 v;

	if (rlp_get_uint(r, &v, UINT64_MAX) == -1)
		return -1;
	k->expiration = v > INT64_MAX ? -(int64_t)(UINT64_MAX - v) - 1 :
	    (int64_t)v;
	return 0;
}

/* EIP-868: it may be missing, or something else may be in its place. */
static void
get_seq(struct rlp *r, uint64_t *seq)
{
	if (rlp_get_uint(r, seq, UINT64_MAX) == -1)
		*seq = 0;
}

static int
get_ping(struct rlp *r, struct d4_packet *k)
{
	if (rlp_skip(r) == -1 || get_endpoint(r, &k->ping.from) == -1 ||
	    get_endpoint(r, &k->ping.to) == -1 || get_expiration(r, k) == -1)
		return -1;
	get_seq(r, &k->ping.seq);
	return 0;
}

static int
get_pong(struct rlp *r, struct d4_packet *k)
{
	if (get_endpoint(r, &k->pong.to) == -1 ||
	    rlp_get_fixed(r, k->pong.hash, D4_HASH) == -1 ||
	    get_expiration(r, k) == -1)
		return -1;
	get_seq(r, &k->pong.seq);
	return 0;
}

static int
get_findnode(struct rlp *r, struct d4_packet *k)
{
	if (rlp_get_fixed(r, k->findnode.target, SECP_PUB) == -1)
		return -1;
	return get_expiration(r, k);
}

static int
get_node(struct rlp *r, struct d4_node *n)
{
	if (get_addr(r, &n->addr, &n->tcp) == -1 ||
	    rlp_get_fixed(r, n->key, SECP_PUB) == -1)
		return -1;
	return n->addr.af == 0 || addr_is_any(&n->addr) ? -1 : 0;
}

static int
get_neighbors(struct rlp *r, struct d4_packet *k)
{
	struct rlp	 list, in;

	if (rlp_get_list(r, &list) == -1)
		return -1;
	k->neighbors.n = 0;
	while (!rlp_atend(&list)) {
		if (k->neighbors.n == D4_NODES_MAX)
			return -1;
		if (rlp_get_list(&list, &in) == 0) {
			if (get_node(&in, &k->neighbors.v[k->neighbors.n]) == 0)
				k->neighbors.n++;
		} else if (rlp_skip(&list) == -1)
			return -1;
	}
	return get_expiration(r, k);
}

static int
get_enrrequest(struct rlp *r, struct d4_packet *k)
{
	return get_expiration(r, k);
}

static int
get_enrresponse(struct rlp *r, struct d4_packet *k)
{
	if (rlp_get_fixed(r, k->enrresponse.hash, D4_HASH) == -1 ||
	    rlp_islist(r) != 1 || rlp_get_raw(r, &k->enrresponse.record,
	    &k->enrresponse.len) == -1)
		return -1;
	k->expiration = 0;
	return k->enrresponse.len <= ENR_MAX ? 0 : -1;
}

static void
put_endpoint(struct rlpw *w, const struct addr *a, uint16_t tcp)
{
	rlpw_bytes(w, a->ip, a->af == 4 ? 4 : a->af == 6 ? 16 : 0);
	rlpw_uint(w, a->port);
	rlpw_uint(w, tcp);
}

static void
put_list_endpoint(struct rlpw *w, const struct d4_endpoint *e)
{
	rlpw_list(w);
	put_endpoint(w, &e->addr, e->tcp);
	rlpw_end(w);
}

static void
put_ping(struct rlpw *w, const struct d4_packet *k)
{
	rlpw_uint(w, D4_VERSION);
	put_list_endpoint(w, &k->ping.from);
	put_list_endpoint(w, &k->ping.to);
	rlpw_uint(w, (uint64_t)k->expiration);
	if (k->ping.seq != 0)
		rlpw_uint(w, k->ping.seq);
}

static void
put_pong(struct rlpw *w, const struct d4_packet *k)
{
	put_list_endpoint(w, &k->pong.to);
	rlpw_bytes(w, k->pong.hash, D4_HASH);
	rlpw_uint(w, (uint64_t)k->expiration);
	if (k->pong.seq != 0)
		rlpw_uint(w, k->pong.seq);
}

static void
put_findnode(struct rlpw *w, const struct d4_packet *k)
{
	rlpw_bytes(w, k->findnode.target, SECP_PUB);
	rlpw_uint(w, (uint64_t)k->expiration);
}

static void
put_neighbors(struct rlpw *w, const struct d4_packet *k)
{
	const struct d4_node	*n;
	uint32_t		 i;

	w->failed |= k->neighbors.n > D4_NODES_MAX;
	rlpw_list(w);
	for (i = 0; i < k->neighbors.n && !w->failed; i++) {
		n = &k->neighbors.v[i];
		rlpw_list(w);
		put_endpoint(w, &n->addr, n->tcp);
		rlpw_bytes(w, n->key, SECP_PUB);
		rlpw_end(w);
	}
	rlpw_end(w);
	rlpw_uint(w, (uint64_t)k->expiration);
}

static void
put_enrrequest(struct rlpw *w, const struct d4_packet *k)
{
	rlpw_uint(w, (uint64_t)k->expiration);
}

static void
put_enrresponse(struct rlpw *w, const struct d4_packet *k)
{
	rlpw_bytes(w, k->enrresponse.hash, D4_HASH);
	w->failed |= k->enrresponse.len > ENR_MAX;
	rlpw_raw(w, k->enrresponse.record, k->enrresponse.len);
}

static const struct {
	const char	*name;
	int		(*get)(struct rlp *, struct d4_packet *);
	void		(*put)(struct rlpw *, const struct d4_packet *);
} types[D4_NTYPES] = {
	[D4_PING] = { "ping", get_ping, put_ping },
	[D4_PONG] = { "pong", get_pong, put_pong },
	[D4_FINDNODE] = { "findnode", get_findnode, put_findnode },
	[D4_NEIGHBORS] = { "neighbors", get_neighbors, put_neighbors },
	[D4_ENRREQUEST] = { "enrrequest", get_enrrequest, put_enrrequest },
	[D4_ENRRESPONSE] = { "enrresponse", get_enrresponse, put_enrresponse }
};

enum d4_err
d4_decode(struct d4_packet *k, const uint8_t *p, size_t len)
{
	struct rlp	 r, list;

	if (len < D4_MIN)
		return D4_ESIZE;
	k->type = p[D4_SIGNED];
	if (k->type >= D4_NTYPES || types[k->type].get == NULL)
		return D4_ETYPE;
	rlp_init(&r, p + D4_MIN, len - D4_MIN);
	if (rlp_get_list(&r, &list) == -1 || types[k->type].get(&list, k) == -1)
		return D4_EFORM;
	return D4_OK;
}

int
d4_expired(const struct d4_packet *k, int64_t now)
{
	return k->type != D4_ENRRESPONSE && k->expiration < now;
}

int
d4_recover(uint8_t pub[SECP_PUB], const uint8_t *p, size_t len)
{
	uint8_t		 hash[32];

	d4_digest(p, len, hash);
	return secp_recover(pub, hash, p + D4_HASH);
}

int
d4_encode(const struct d4_packet *k, uint8_t buf[D4_MAX], size_t *len)
{
	struct rlpw	 w;
	size_t		 n;

	if (k->type >= D4_NTYPES || types[k->type].put == NULL)
		return -1;
	buf[D4_SIGNED] = k->type;
	rlpw_init(&w, buf + D4_MIN, D4_MAX - D4_MIN);
	rlpw_list(&w);
	types[k->type].put(&w, k);
	rlpw_end(&w);
	if (rlpw_finish(&w, &n) == -1)
		return -1;
	*len = D4_MIN + n;
	return 0;
}

void
d4_digest(const uint8_t *buf, size_t len, uint8_t hash[32])
{
	keccak256(hash, buf + D4_SIGNED, len - D4_SIGNED);
}

void
d4_seal(uint8_t *buf, size_t len, const uint8_t sig[SECP_SIG])
{
	memcpy(buf + D4_HASH, sig, SECP_SIG);
	keccak256(buf, buf + D4_HASH, len - D4_HASH);
}

int
d4_sign(const struct d4_packet *k, uint8_t buf[D4_MAX], size_t *len,
    const uint8_t priv[SECP_PRIV])
{
	uint8_t		 hash[32], sig[SECP_SIG];

	if (d4_encode(k, buf, len) == -1)
		return -1;
	d4_digest(buf, *len, hash);
	if (secp_sign(sig, hash, priv) == -1)
		return -1;
	d4_seal(buf, *len, sig);
	return 0;
}

const char *
d4_name(unsigned int type)
{
	return type < D4_NTYPES && types[type].name != NULL ?
	    types[type].name : "unknown";
}

const char *
d4_strerror(enum d4_err e)
{
	static const char *const texts[] = {
		[D4_OK] = "no error",
		[D4_ESIZE] = "bad size",
		[D4_ETYPE] = "unknown type",
		[D4_EHASH] = "bad hash",
		[D4_EFORM] = "malformed",
		[D4_EEXPIRED] = "expired",
		[D4_ESIG] = "bad signature"
	};

	return (size_t)e < sizeof(texts) / sizeof(texts[0]) ? texts[e] :
	    "unknown error";
}
