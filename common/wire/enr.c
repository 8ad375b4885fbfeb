/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/crypto/keccak.h"
#include "common/wire/enr.h"
#include "common/wire/rlp.h"

#define PREFIX		"enr:"
#define PREFIXLEN	(sizeof(PREFIX) - 1)
#define LIST_HEAD	3	/* of a list over 255 bytes */
#define SIG_LEN		(2 + SECP_SIG64)

static int
fail(const char **errstr, const char *text)
{
	if (errstr != NULL)
		*errstr = text;
	return -1;
}

void
node_id(uint8_t id[NODE_ID], const uint8_t pub[SECP_PUB])
{
	keccak256(id, pub, SECP_PUB);
}

/* As memcmp; of two that begin alike the shorter is the lesser. */
static int
key_cmp(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	size_t		 n = alen < blen ? alen : blen;
	int		 c = n > 0 ? memcmp(a, b, n) : 0;

	return c != 0 ? c : alen < blen ? -1 : alen > blen;
}

static int
check_pairs(struct rlp r, const char **errstr)
{
	const uint8_t	*key, *last = NULL;
	size_t		 n, lastlen = 0;
	int		 c;

	while (!rlp_atend(&r)) {
		if (rlp_get_bytes(&r, &key, &n) == -1)
			return fail(errstr, "key is not a string");
		if (rlp_skip(&r) == -1)
			return fail(errstr, "key without a value");
		c = last == NULL ? -1 : key_cmp(last, lastlen, key, n);
		if (c == 0)
			return fail(errstr, "key stands twice");
		if (c > 0)
			return fail(errstr, "keys are not sorted");
		last = key;
		lastlen = n;
	}
	return 0;
}

int
enr_decode(struct enr *e, const void *p, size_t n, const char **errstr)
{
	struct rlp	 r, list;
	const uint8_t	*sig;
	size_t		 siglen;

	e->len = 0;
	if (n > ENR_MAX)
		return fail(errstr, "record is longer than 300 bytes");
	memcpy(e->raw, p, n);
	rlp_init(&r, e->raw, n);
	if (rlp_get_list(&r, &list) == -1 || !rlp_atend(&r))
		return fail(errstr, "record is not an RLP list");
	if (rlp_get_bytes(&list, &sig, &siglen) == -1)
		return fail(errstr, "signature is not a string");
	e->content = (uint16_t)(list.p - e->raw);
	if (rlp_get_uint(&list, &e->seq, UINT64_MAX) == -1)
		return fail(errstr, "sequence is not a number");
	e->pairs = (uint16_t)(list.p - e->raw);
	if (check_pairs(list, errstr) == -1)
		return -1;
	e->len = (uint16_t)n;
	return 0;
}

/* The digest of what is signed: sequence and pairs as a list. */
static void
content_hash(uint8_t hash[32], const void *content, size_t n)
{
	struct rlpw	 w;
	uint8_t		 buf[ENR_MAX + 3];
	size_t		 len = 0;

	rlpw_init(&w, buf, sizeof(buf));
	rlpw_list(&w);
	rlpw_raw(&w, content, n);
	rlpw_end(&w);
	(void)rlpw_finish(&w, &len);
	keccak256(hash, buf, len);
}

int
enr_pubkey(const struct enr *e, uint8_t pub[SECP_PUB])
{
	const uint8_t	*key;
	size_t		 n;

	if (enr_get_bytes(e, "secp256k1", &key, &n) == -1 || n != SECP_COMP)
		return -1;
	return secp_decompress(pub, key);
}

int
enr_verify(const struct enr *e, uint8_t pub[SECP_PUB], const char **errstr)
{
	struct rlp	 r, list;
	const uint8_t	*id, *sig;
	uint8_t		 hash[32];
	size_t		 n;

	if (enr_get_bytes(e, "id", &id, &n) == -1 || n != 2 ||
	    memcmp(id, "v4", 2) != 0)
		return fail(errstr, "identity scheme is not v4");
	rlp_init(&r, e->raw, e->len);
	if (rlp_get_list(&r, &list) == -1 ||
	    rlp_get_bytes(&list, &sig, &n) == -1 || n != SECP_SIG64)
		return fail(errstr, "signature is not of 64 bytes");
	if (enr_pubkey(e, pub) == -1)
		return fail(errstr, "no valid public key");
	content_hash(hash, e->raw + e->content, e->len - e->content);
	if (secp_verify(pub, hash, sig) == -1)
		return fail(errstr, "signature is wrong");
	return 0;
}

int
enr_equal(const struct enr *a, const struct enr *b)
{
	return a->len == b->len && memcmp(a->raw, b->raw, a->len) == 0;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789-_";

/* Unpadded, and with nothing in the bits that are left over. */
static int
base64_decode(uint8_t *out, size_t size, const char *s, size_t *len)
{
	const char	*d;
	uint32_t	 acc = 0;
	unsigned int	 bits = 0;

	for (*len = 0; *s != '\0'; s++) {
		if ((d = strchr(digits, *s)) == NULL)
			return -1;
		acc = acc << 6 | (uint32_t)(d - digits);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (*len == size)
			return -1;
		out[(*len)++] = (uint8_t)(acc >> bits);
		acc &= (1U << bits) - 1;
	}
	return bits < 6 && acc == 0 ? 0 : -1;
}

static void
base64_encode(char *out, const uint8_t *p, size_t n)
{
	uint32_t	 acc = 0;
	unsigned int	 bits = 0;

	for (; n > 0; n--) {
		acc = (acc << 8 | *p++) & 0x3fff;
		for (bits += 8; bits >= 6; bits -= 6)
			*out++ = digits[acc >> (bits - 6) & 0x3f];
	}
	if (bits > 0)
		*out++ = digits[acc << (6 - bits) & 0x3f];
	*out = '\0';
}

int
enr_read(struct enr *e, const char *s, const char **errstr)
{
	uint8_t		 raw[ENR_MAX];
	size_t		 n;

	e->len = 0;
	if (strncmp(s, PREFIX, PREFIXLEN) != 0)
		return fail(errstr, "no record begins like this");
	s += PREFIXLEN;
	if (strlen(s) > ENR_STRLEN - 1 - PREFIXLEN)
		return fail(errstr, "record is longer than 300 bytes");
	if (base64_decode(raw, sizeof(raw), s, &n) == -1)
		return fail(errstr, "record is not base64 for URLs without padding");
	return enr_decode(e, raw, n, errstr);
}

int
enr_parse(struct enr *e, uint8_t pub[SECP_PUB], const char *s,
    const char **errstr)
{
	if (enr_read(e, s, errstr) == -1)
		return -1;
	if (enr_verify(e, pub, errstr) == -1) {
		e->len = 0;
		return -1;
	}
	return 0;
}

const char *
enr_format(const struct enr *e, char buf[ENR_STRLEN])
{
	if (e->len == 0) {
		buf[0] = '\0';
		return buf;
	}
	memcpy(buf, PREFIX, PREFIXLEN);
	base64_encode(buf + PREFIXLEN, e->raw, e->len);
	return buf;
}

int
enr_next(const struct enr *e, size_t *it, const uint8_t **key, size_t *keylen,
    const uint8_t **raw, size_t *n)
{
	struct rlp	 r;

	if (e->len == 0)
		return 0;
	if (*it == 0)
		*it = e->pairs;
	rlp_init(&r, e->raw + *it, e->len - *it);
	if (rlp_get_bytes(&r, key, keylen) == -1 ||
	    rlp_get_raw(&r, raw, n) == -1)
		return 0;
	*it = (size_t)(r.p - e->raw);
	return 1;
}

int
enr_get(const struct enr *e, const char *key, const uint8_t **raw, size_t *n)
{
	const uint8_t	*k;
	size_t		 it = 0, len = strlen(key), klen;

	while (enr_next(e, &it, &k, &klen, raw, n))
		if (klen == len && memcmp(k, key, len) == 0)
			return 0;
	return -1;
}

int
enr_get_bytes(const struct enr *e, const char *key, const uint8_t **p,
    size_t *n)
{
	struct rlp	 r;
	const uint8_t	*raw;
	size_t		 len;

	if (enr_get(e, key, &raw, &len) == -1)
		return -1;
	rlp_init(&r, raw, len);
	return rlp_get_bytes(&r, p, n);
}

int
enr_get_uint(const struct enr *e, const char *key, uint64_t *v, uint64_t max)
{
	struct rlp	 r;
	const uint8_t	*raw;
	size_t		 len;

	if (enr_get(e, key, &raw, &len) == -1)
		return -1;
	rlp_init(&r, raw, len);
	return rlp_get_uint(&r, v, max);
}

static int
get_port(const struct enr *e, const char *key, uint16_t *port)
{
	uint64_t	 v;

	if (enr_get_uint(e, key, &v, UINT16_MAX) == -1)
		return -1;
	*port = (uint16_t)v;
	return 0;
}

int
enr_endpoint(const struct enr *e, unsigned int af, struct addr *udp,
    uint16_t *tcp)
{
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t		*ip;
	size_t			 n, want = af == 4 ? 4 : 16;

	memset(udp, 0, sizeof(*udp));
	*tcp = 0;
	if (enr_get_bytes(e, af == 4 ? "ip" : "ip6", &ip, &n) == -1 ||
	    n != want)
		return -1;
	if (af != 4 && memcmp(ip, mapped, sizeof(mapped)) == 0)
		return -1;
	udp->af = (uint8_t)af;
	memcpy(udp->ip, ip, n);
	if (af == 4 || get_port(e, "udp6", &udp->port) == -1)
		(void)get_port(e, "udp", &udp->port);
	if (af == 4 || get_port(e, "tcp6", tcp) == -1)
		(void)get_port(e, "tcp", tcp);
	return 0;
}

int
enr_build_init(struct enr_build *b, uint64_t seq, const uint8_t pub[SECP_PUB])
{
	uint8_t		 key[SECP_COMP];

	memset(b, 0, sizeof(*b));
	b->seq = seq;
	if (secp_compress(key, pub) == -1)
		return -1;
	(void)enr_set_bytes(b, "id", "v4", 2);
	return enr_set_bytes(b, "secp256k1", key, sizeof(key));
}

void
enr_build_from(struct enr_build *b, const struct enr *e)
{
	memset(b, 0, sizeof(*b));
	b->seq = e->seq;
	if (e->len == 0)
		return;
	b->len = (uint16_t)(e->len - e->pairs);
	memcpy(b->pairs, e->raw + e->pairs, b->len);
}

/*
 * Where key is or belongs: its offset, and the length of the pair that is
 * there, 0 for none.
 */
static size_t
find(const struct enr_build *b, const char *key, size_t *len)
{
	struct rlp	 r;
	const uint8_t	*k, *start;
	size_t		 klen;
	int		 c;

	rlp_init(&r, b->pairs, b->len);
	*len = 0;
	for (;;) {
		start = r.p;
		if (rlp_get_bytes(&r, &k, &klen) == -1 || rlp_skip(&r) == -1)
			return b->len;
		c = key_cmp(k, klen, (const uint8_t *)key, strlen(key));
		if (c == 0)
			*len = (size_t)(r.p - start);
		if (c >= 0)
			return (size_t)(start - b->pairs);
	}
}

/* What is left for pairs when signature and sequence are in. */
static size_t
pairs_max(const struct enr_build *b)
{
	struct rlpw	 w;
	uint8_t		 seq[9];
	size_t		 n = 0;

	rlpw_init(&w, seq, sizeof(seq));
	rlpw_uint(&w, b->seq);
	(void)rlpw_finish(&w, &n);
	return ENR_MAX - LIST_HEAD - SIG_LEN - n;
}

void
enr_unset(struct enr_build *b, const char *key)
{
	size_t		 at, n;

	at = find(b, key, &n);
	memmove(b->pairs + at, b->pairs + at + n, b->len - at - n);
	b->len -= (uint16_t)n;
}

int
enr_set(struct enr_build *b, const char *key, const void *raw, size_t n)
{
	struct rlpw	 w;
	struct rlp	 r;
	uint8_t		 pair[ENR_MAX];
	size_t		 at, len, old;

	rlp_init(&r, raw, n);
	if (rlp_skip(&r) == -1 || !rlp_atend(&r))
		return -1;
	rlpw_init(&w, pair, sizeof(pair));
	rlpw_str(&w, key);
	rlpw_raw(&w, raw, n);
	if (rlpw_finish(&w, &len) == -1)
		return -1;
	at = find(b, key, &old);
	if (b->len - old + len > pairs_max(b))
		return -1;
	memmove(b->pairs + at + len, b->pairs + at + old, b->len - at - old);
	memcpy(b->pairs + at, pair, len);
	b->len = (uint16_t)(b->len - old + len);
	return 0;
}

int
enr_set_bytes(struct enr_build *b, const char *key, const void *p, size_t n)
{
	struct rlpw	 w;
	uint8_t		 buf[ENR_MAX];
	size_t		 len;

	rlpw_init(&w, buf, sizeof(buf));
	rlpw_bytes(&w, p, n);
	return rlpw_finish(&w, &len) == -1 ? -1 : enr_set(b, key, buf, len);
}

int
enr_set_uint(struct enr_build *b, const char *key, uint64_t v)
{
	struct rlpw	 w;
	uint8_t		 buf[9];
	size_t		 len;

	rlpw_init(&w, buf, sizeof(buf));
	rlpw_uint(&w, v);
	return rlpw_finish(&w, &len) == -1 ? -1 : enr_set(b, key, buf, len);
}

/* The port under a key of b, 0 for none. */
static uint16_t
built_port(const struct enr_build *b, const char *key)
{
	struct rlp	 r;
	const uint8_t	*k;
	size_t		 at, n, klen;
	uint64_t	 v;

	at = find(b, key, &n);
	rlp_init(&r, b->pairs + at, n);
	if (n == 0 || rlp_get_bytes(&r, &k, &klen) == -1 ||
	    rlp_get_uint(&r, &v, UINT16_MAX) == -1)
		return 0;
	return (uint16_t)v;
}

static int
set_port(struct enr_build *b, const char *key, uint16_t port)
{
	enr_unset(b, key);
	return port == 0 ? 0 : enr_set_uint(b, key, port);
}

int
enr_set_endpoint(struct enr_build *b, const struct addr *udp, uint16_t tcp)
{
	struct enr_build	 was = *b;
	uint16_t		 u = udp->port, t = tcp;
	int			 v4 = udp->af == 4;

	if (udp->af != 4 && udp->af != 6)
		return -1;
	if (!v4 && u == built_port(b, "udp"))
		u = 0;
	if (!v4 && t == built_port(b, "tcp"))
		t = 0;
	if (enr_set_bytes(b, v4 ? "ip" : "ip6", udp->ip, v4 ? 4 : 16) == 0 &&
	    set_port(b, v4 ? "udp" : "udp6", u) == 0 &&
	    set_port(b, v4 ? "tcp" : "tcp6", t) == 0)
		return 0;
	*b = was;
	return -1;
}

size_t
enr_room(const struct enr_build *b)
{
	size_t		 max = pairs_max(b);

	return b->len < max ? max - b->len : 0;
}

void
enr_digest(const struct enr_build *b, uint8_t hash[32])
{
	struct rlpw	 w;
	uint8_t		 content[ENR_MAX];
	size_t		 n = 0;

	rlpw_init(&w, content, sizeof(content));
	rlpw_uint(&w, b->seq);
	rlpw_raw(&w, b->pairs, b->len);
	(void)rlpw_finish(&w, &n);
	content_hash(hash, content, n);
}

int
enr_finish(struct enr *e, const struct enr_build *b,
    const uint8_t sig[SECP_SIG64])
{
	struct rlpw	 w;
	uint8_t		 raw[ENR_MAX];
	size_t		 n;

	e->len = 0;
	rlpw_init(&w, raw, sizeof(raw));
	rlpw_list(&w);
	rlpw_bytes(&w, sig, SECP_SIG64);
	rlpw_uint(&w, b->seq);
	rlpw_raw(&w, b->pairs, b->len);
	rlpw_end(&w);
	if (rlpw_finish(&w, &n) == -1)
		return -1;
	return enr_decode(e, raw, n, NULL);
}

int
enr_sign(struct enr *e, const struct enr_build *b,
    const uint8_t priv[SECP_PRIV])
{
	uint8_t		 hash[32], sig[SECP_SIG];

	e->len = 0;
	enr_digest(b, hash);
	if (secp_sign(sig, hash, priv) == -1)
		return -1;
	return enr_finish(e, b, sig);
}
