/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/crypto/ecies.h"
#include "common/wire/rlp.h"
#include "common/wire/rlpx.h"

#define SIZE_LEN	2
#define RLPX_VERSION	4
/* [ephemeral key, nonce, version]: an ack without padding is the least. */
#define HS_MIN		(SIZE_LEN + ECIES_OVERHEAD + 2 + 66 + 33 + 1)
#define TEXT_MAX	(RLPX_HS_MAX - SIZE_LEN - ECIES_OVERHEAD)

int
rlpx_keys_make(struct rlpx_keys *k)
{
	arc4random_buf(k->nonce, sizeof(k->nonce));
	return secp_keygen(k->eph_priv, k->eph_pub);
}

size_t
rlpx_packet_len(const uint8_t head[2])
{
	size_t	 len = SIZE_LEN + ((size_t)head[0] << 8 | head[1]);

	return len < HS_MIN || len > RLPX_HS_MAX ? 0 : len;
}

static void
xor32(uint8_t out[32], const uint8_t a[32], const uint8_t b[32])
{
	unsigned int	 i;

	for (i = 0; i < 32; i++)
		out[i] = a[i] ^ b[i];
}

/* Pads the text in buf, which has room for TEXT_MAX, and seals it. */
static int
seal(uint8_t *out, size_t *outlen, uint8_t *buf, size_t len,
    const uint8_t peer[SECP_PUB])
{
	size_t	 pad, size;

	pad = RLPX_PAD_MIN + arc4random_uniform(RLPX_PAD_MAX - RLPX_PAD_MIN + 1);
	arc4random_buf(buf + len, pad);
	size = len + pad + ECIES_OVERHEAD;
	out[0] = (uint8_t)(size >> 8);
	out[1] = (uint8_t)size;
	if (ecies_seal(out + SIZE_LEN, buf, len + pad, peer, out,
	    SIZE_LEN) == -1)
		return -1;
	*outlen = SIZE_LEN + size;
	return 0;
}

/*
 * Opens a whole packet into text and enters its list; what follows the list
 * is padding.
 */
static int
unseal(uint8_t text[TEXT_MAX], struct rlp *list, const uint8_t *pkt,
    size_t len, const uint8_t ecies_x[32])
{
	struct rlp	 r;

	if (len < SIZE_LEN || rlpx_packet_len(pkt) != len)
		return -1;
	if (ecies_open(text, pkt + SIZE_LEN, len - SIZE_LEN, ecies_x, pkt,
	    SIZE_LEN) == -1)
		return -1;
	rlp_init(&r, text, len - SIZE_LEN - ECIES_OVERHEAD);
	return rlp_get_list(&r, list);
}

int
rlpx_auth_make(uint8_t *out, size_t *len, const struct rlpx_keys *k,
    const uint8_t own[SECP_PUB], const uint8_t peer[SECP_PUB],
    const uint8_t static_x[32])
{
	struct rlpw	 w;
	uint8_t		 text[TEXT_MAX], hash[32], sig[SECP_SIG];
	size_t		 n;
	int		 ret = -1;

	xor32(hash, static_x, k->nonce);
	if (secp_sign(sig, hash, k->eph_priv) == 0) {
		rlpw_init(&w, text, sizeof(text) - RLPX_PAD_MAX);
		rlpw_list(&w);
		rlpw_bytes(&w, sig, sizeof(sig));
		rlpw_bytes(&w, own, SECP_PUB);
		rlpw_bytes(&w, k->nonce, sizeof(k->nonce));
		rlpw_uint(&w, RLPX_VERSION);
		rlpw_end(&w);
		if (rlpw_finish(&w, &n) == 0)
			ret = seal(out, len, text, n, peer);
	}
	explicit_bzero(hash, sizeof(hash));
	explicit_bzero(text, sizeof(text));
	return ret;
}

int
rlpx_auth_open(struct rlpx_auth *a, const uint8_t *pkt, size_t len,
    const uint8_t ecies_x[32])
{
	struct rlp	 r;
	uint8_t		 text[TEXT_MAX];
	int		 ret;

	ret = unseal(text, &r, pkt, len, ecies_x);
	if (ret == 0 &&
	    (rlp_get_fixed(&r, a->sig, sizeof(a->sig)) == -1 ||
	    rlp_get_fixed(&r, a->pub, sizeof(a->pub)) == -1 ||
	    rlp_get_fixed(&r, a->nonce, sizeof(a->nonce)) == -1 ||
	    rlp_get_uint(&r, &a->version, UINT64_MAX) == -1))
		ret = -1;
	explicit_bzero(text, sizeof(text));
	return ret;
}

int
rlpx_auth_ephemeral(uint8_t eph[SECP_PUB], const struct rlpx_auth *a,
    const uint8_t static_x[32])
{
	uint8_t	 hash[32];
	int	 ret;

	xor32(hash, static_x, a->nonce);
	ret = secp_recover(eph, hash, a->sig);
	explicit_bzero(hash, sizeof(hash));
	return ret;
}

int
rlpx_ack_make(uint8_t *out, size_t *len, const struct rlpx_keys *k,
    const uint8_t peer[SECP_PUB])
{
	struct rlpw	 w;
	uint8_t		 text[TEXT_MAX];
	size_t		 n;
	int		 ret = -1;

	rlpw_init(&w, text, sizeof(text) - RLPX_PAD_MAX);
	rlpw_list(&w);
	rlpw_bytes(&w, k->eph_pub, sizeof(k->eph_pub));
	rlpw_bytes(&w, k->nonce, sizeof(k->nonce));
	rlpw_uint(&w, RLPX_VERSION);
	rlpw_end(&w);
	if (rlpw_finish(&w, &n) == 0)
		ret = seal(out, len, text, n, peer);
	explicit_bzero(text, sizeof(text));
	return ret;
}

int
rlpx_ack_open(struct rlpx_ack *a, const uint8_t *pkt, size_t len,
    const uint8_t ecies_x[32])
{
	struct rlp	 r;
	uint8_t		 text[TEXT_MAX];
	int		 ret;

	ret = unseal(text, &r, pkt, len, ecies_x);
	if (ret == 0 &&
	    (rlp_get_fixed(&r, a->eph, sizeof(a->eph)) == -1 ||
	    rlp_get_fixed(&r, a->nonce, sizeof(a->nonce)) == -1 ||
	    rlp_get_uint(&r, &a->version, UINT64_MAX) == -1 ||
	    secp_pub_valid(a->eph) == -1))
		ret = -1;
	explicit_bzero(text, sizeof(text));
	return ret;
}

/* keccak256(a || b), each of 32 bytes. */
static void
hash2(uint8_t out[32], const uint8_t a[32], const uint8_t b[32])
{
	struct keccak	 k;

	keccak_init(&k);
	keccak_update(&k, a, 32);
	keccak_update(&k, b, 32);
	keccak_final(&k, out);
	explicit_bzero(&k, sizeof(k));
}

/* One direction's MAC: (mac key ^ the reader's nonce) || the writer's packet. */
static void
mac_init(struct keccak *m, const uint8_t mac_key[32], const uint8_t nonce[32],
    const uint8_t *pkt, size_t len)
{
	uint8_t	 first[32];

	xor32(first, mac_key, nonce);
	keccak_init(m);
	keccak_update(m, first, sizeof(first));
	keccak_update(m, pkt, len);
	explicit_bzero(first, sizeof(first));
}

int
rlpx_secrets(struct rlpx_state *s, int initiator, const struct rlpx_keys *own,
    const uint8_t peer_eph[SECP_PUB], const uint8_t peer_nonce[RLPX_NONCE],
    const uint8_t *auth, size_t authlen, const uint8_t *ack, size_t acklen)
{
	uint8_t	 eph_x[32], shared[32];

	memset(s, 0, sizeof(*s));
	if (secp_ecdh_x(eph_x, own->eph_priv, peer_eph) == -1)
		return -1;
	if (initiator)
		hash2(shared, peer_nonce, own->nonce);
	else
		hash2(shared, own->nonce, peer_nonce);
	hash2(shared, eph_x, shared);
	hash2(s->aes_key, eph_x, shared);
	hash2(s->mac_key, eph_x, s->aes_key);
	explicit_bzero(eph_x, sizeof(eph_x));
	explicit_bzero(shared, sizeof(shared));

	if (initiator) {
		mac_init(&s->tx_mac, s->mac_key, peer_nonce, auth, authlen);
		mac_init(&s->rx_mac, s->mac_key, own->nonce, ack, acklen);
	} else {
		mac_init(&s->tx_mac, s->mac_key, peer_nonce, ack, acklen);
		mac_init(&s->rx_mac, s->mac_key, own->nonce, auth, authlen);
	}
	return 0;
}

static uint8_t *
put64(uint8_t *p, uint64_t v)
{
	int	 i;

	for (i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
	return p + 8;
}

static const uint8_t *
get64(uint64_t *v, const uint8_t *p)
{
	int	 i;

	for (*v = 0, i = 0; i < 8; i++)
		*v = *v << 8 | p[i];
	return p + 8;
}

void
rlpx_state_export(const struct rlpx_state *s, uint8_t out[RLPX_STATE_LEN])
{
	uint8_t	*p = out;

	memcpy(p, s->aes_key, 32);
	memcpy(p + 32, s->mac_key, 32);
	p = put64(p + 64, s->tx_bytes);
	p = put64(p, s->rx_bytes);
	keccak_export(&s->tx_mac, p);
	keccak_export(&s->rx_mac, p + KECCAK_STATE_LEN);
	p += 2 * KECCAK_STATE_LEN;
	p[0] = s->snappy_tx;
	p[1] = s->snappy_rx;
}

int
rlpx_state_import(struct rlpx_state *s, const uint8_t in[RLPX_STATE_LEN])
{
	const uint8_t	*p = in;

	memset(s, 0, sizeof(*s));
	memcpy(s->aes_key, p, 32);
	memcpy(s->mac_key, p + 32, 32);
	p = get64(&s->tx_bytes, p + 64);
	p = get64(&s->rx_bytes, p);
	/* Frames are whole cipher blocks. */
	if (s->tx_bytes % 16 != 0 || s->rx_bytes % 16 != 0 ||
	    keccak_import(&s->tx_mac, p) == -1 ||
	    keccak_import(&s->rx_mac, p + KECCAK_STATE_LEN) == -1)
		goto bad;
	p += 2 * KECCAK_STATE_LEN;
	if (p[0] > 1 || p[1] > 1)
		goto bad;
	s->snappy_tx = p[0];
	s->snappy_rx = p[1];
	return 0;

bad:
	explicit_bzero(s, sizeof(*s));
	return -1;
}
