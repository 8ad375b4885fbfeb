/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <snappy-c.h>

#include "common/crypto/evp.h"
#include "common/wire/frame.h"
#include "common/wire/reason.h"
#include "common/wire/rlp.h"

#define BLOCK		16U
#define MAC_LEN		16U
#define CODE_MAX	9U		/* a message code of 64 bits in RLP */
#define PADDED(n)	(((n) + BLOCK - 1) / BLOCK * BLOCK)

struct frame_codec {
	struct rlpx_state	 s;
	EVP_CIPHER_CTX		*tx;		/* AES-256-CTR */
	EVP_CIPHER_CTX		*rx;
	EVP_CIPHER_CTX		*mac;		/* AES-256-ECB */
	/*
	 * The digest of each MAC state as it is now: what opens a header's MAC
	 * is the MAC that ended the frame before, so it is kept, not made again.
	 */
	uint8_t			 tx_digest[MAC_LEN];
	uint8_t			 rx_digest[MAC_LEN];
};

static void
digest16(const struct keccak *k, uint8_t out[MAC_LEN])
{
	uint8_t	 full[32];

	keccak_digest(k, full);
	memcpy(out, full, MAC_LEN);
}

/* Both directions start at a zero counter with the same key (rlpx.md). */
static EVP_CIPHER_CTX *
ctr_at(const EVP_CIPHER *cipher, const uint8_t key[32], uint64_t bytes)
{
	EVP_CIPHER_CTX	*c;
	uint64_t	 block = bytes / BLOCK;
	uint8_t		 iv[BLOCK] = { 0 };
	int		 i;

	for (i = BLOCK - 1; block != 0; i--, block >>= 8)
		iv[i] = (uint8_t)block;
	if ((c = EVP_CIPHER_CTX_new()) == NULL)
		return NULL;
	if (!EVP_EncryptInit_ex2(c, cipher, key, iv, NULL)) {
		EVP_CIPHER_CTX_free(c);
		return NULL;
	}
	return c;
}

static EVP_CIPHER_CTX *
ecb(const EVP_CIPHER *cipher, const uint8_t key[32])
{
	EVP_CIPHER_CTX	*c;

	if ((c = EVP_CIPHER_CTX_new()) == NULL)
		return NULL;
	if (!EVP_EncryptInit_ex2(c, cipher, key, NULL, NULL) ||
	    !EVP_CIPHER_CTX_set_padding(c, 0)) {
		EVP_CIPHER_CTX_free(c);
		return NULL;
	}
	return c;
}

struct frame_codec *
frame_new(const struct rlpx_state *s)
{
	const struct evp_algs	*algs;
	struct frame_codec	*f;

	if ((algs = evp_algs()) == NULL ||
	    (f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->s = *s;
	if ((f->tx = ctr_at(algs->aes_256_ctr, s->aes_key, s->tx_bytes)) == NULL ||
	    (f->rx = ctr_at(algs->aes_256_ctr, s->aes_key, s->rx_bytes)) == NULL ||
	    (f->mac = ecb(algs->aes_256_ecb, s->mac_key)) == NULL) {
		frame_free(f);
		return NULL;
	}
	digest16(&f->s.tx_mac, f->tx_digest);
	digest16(&f->s.rx_mac, f->rx_digest);
	return f;
}

void
frame_free(struct frame_codec *f)
{
	if (f == NULL)
		return;
	EVP_CIPHER_CTX_free(f->tx);
	EVP_CIPHER_CTX_free(f->rx);
	EVP_CIPHER_CTX_free(f->mac);
	freezero(f, sizeof(*f));
}

void
frame_export(const struct frame_codec *f, struct rlpx_state *s)
{
	*s = f->s;
}

void
frame_set_snappy(struct frame_codec *f, int tx, int rx)
{
	f->s.snappy_tx = tx != 0;
	f->s.snappy_rx = rx != 0;
}

int
frame_snappy_rx(const struct frame_codec *f)
{
	return f->s.snappy_rx;
}

int
frame_snappy_tx(const struct frame_codec *f)
{
	return f->s.snappy_tx;
}

/* CTR in place over whole blocks; the position is kept for an export. */
static int
crypt_ctr(EVP_CIPHER_CTX *c, uint64_t *pos, uint8_t *p, size_t len)
{
	int	 n;

	*pos += len;
	return EVP_EncryptUpdate(c, p, &n, p, (int)len) ? 0 : -1;
}

/*
 * A header's or body's MAC (rlpx.md, "MAC"): the digest so far, encrypted,
 * xored with other, goes into the state; the new digest is the MAC.
 */
static int
mac_step(struct frame_codec *f, struct keccak *k, uint8_t digest[MAC_LEN],
    const uint8_t other[MAC_LEN])
{
	uint8_t		 b[BLOCK];
	unsigned int	 i;
	int		 n;

	if (!EVP_EncryptUpdate(f->mac, b, &n, digest, BLOCK))
		return -1;
	for (i = 0; i < BLOCK; i++)
		b[i] ^= other[i];
	keccak_update(k, b, BLOCK);
	digest16(k, digest);
	return 0;
}

static int
mac_body(struct frame_codec *f, struct keccak *k, uint8_t digest[MAC_LEN],
    const uint8_t *body, size_t len)
{
	uint8_t	 other[MAC_LEN];

	keccak_update(k, body, len);
	digest16(k, digest);
	memcpy(other, digest, sizeof(other));
	return mac_step(f, k, digest, other);
}

size_t
frame_rest(size_t n)
{
	return PADDED(n) + MAC_LEN;
}

size_t
frame_wire_len(size_t n)
{
	return FRAME_HEAD + frame_rest(n);
}

size_t
frame_compress_max(size_t n)
{
	return snappy_max_compressed_length(n);
}

size_t
frame_seal_max(const struct frame_codec *f, size_t n)
{
	if (n > FRAME_MAX)
		return 0;
	return frame_wire_len(CODE_MAX +
	    (f->s.snappy_tx ? frame_compress_max(n) : n));
}

size_t
frame_compress(uint8_t *out, const void *payload, size_t n)
{
	size_t	 len = frame_compress_max(n);

	if (n > FRAME_MAX || snappy_compress(payload, n, (char *)out,
	    &len) != SNAPPY_OK)
		return 0;
	return len;
}

/* Seals the n bytes that lie at out + FRAME_HEAD. */
static size_t
seal(struct frame_codec *f, uint8_t *out, size_t n)
{
	uint8_t	*body = out + FRAME_HEAD;
	size_t	 len = PADDED(n);

	memset(out, 0, BLOCK);
	out[0] = (uint8_t)(n >> 16);
	out[1] = (uint8_t)(n >> 8);
	out[2] = (uint8_t)n;
	memcpy(out + 3, "\xc2\x80\x80", 3);
	memset(body + n, 0, len - n);

	if (crypt_ctr(f->tx, &f->s.tx_bytes, out, BLOCK) == -1 ||
	    mac_step(f, &f->s.tx_mac, f->tx_digest, out) == -1)
		return 0;
	memcpy(out + BLOCK, f->tx_digest, MAC_LEN);
	if (crypt_ctr(f->tx, &f->s.tx_bytes, body, len) == -1 ||
	    mac_body(f, &f->s.tx_mac, f->tx_digest, body, len) == -1)
		return 0;
	memcpy(body + len, f->tx_digest, MAC_LEN);
	return FRAME_HEAD + len + MAC_LEN;
}

/* Writes the code where the body begins; returns its length. */
static size_t
put_code(uint8_t *out, uint64_t code)
{
	struct rlpw	 w;
	size_t		 len = 0;

	rlpw_init(&w, out + FRAME_HEAD, CODE_MAX);
	rlpw_uint(&w, code);
	rlpw_finish(&w, &len);
	return len;
}

size_t
frame_seal(struct frame_codec *f, uint8_t *out, uint64_t code,
    const void *payload, size_t n)
{
	size_t	 len;

	if (!f->s.snappy_tx)
		return frame_seal_raw(f, out, code, payload, n);
	if (n > FRAME_MAX)
		return 0;
	len = put_code(out, code);
	n = frame_compress(out + FRAME_HEAD + len, payload, n);
	if (n == 0 || n > FRAME_MAX - len)
		return 0;
	return seal(f, out, len + n);
}

size_t
frame_seal_raw(struct frame_codec *f, uint8_t *out, uint64_t code,
    const void *data, size_t n)
{
	size_t	 len;

	if (n > FRAME_MAX)
		return 0;
	len = put_code(out, code);
	if (n > FRAME_MAX - len)
		return 0;
	if (n > 0)
		memcpy(out + FRAME_HEAD + len, data, n);
	return seal(f, out, len + n);
}

int
frame_open_head(struct frame_codec *f, uint8_t *head, size_t *n)
{
	if (mac_step(f, &f->s.rx_mac, f->rx_digest, head) == -1 ||
	    CRYPTO_memcmp(f->rx_digest, head + BLOCK, MAC_LEN) != 0)
		return REASON_BAD_MAC;
	if (crypt_ctr(f->rx, &f->s.rx_bytes, head, BLOCK) == -1)
		return REASON_BAD_FRAME;
	*n = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
	/* A body holds a code at least. */
	return *n == 0 ? REASON_BAD_FRAME : REASON_NONE;
}

int
frame_open_body(struct frame_codec *f, uint8_t *body, size_t n,
    uint64_t *code, uint8_t **data, size_t *datalen)
{
	struct rlp	 r;
	size_t		 len;

	if (n == 0 || n > FRAME_MAX)
		return REASON_BAD_FRAME;
	len = PADDED(n);
	if (mac_body(f, &f->s.rx_mac, f->rx_digest, body, len) == -1 ||
	    CRYPTO_memcmp(f->rx_digest, body + len, MAC_LEN) != 0)
		return REASON_BAD_MAC;
	if (crypt_ctr(f->rx, &f->s.rx_bytes, body, len) == -1)
		return REASON_BAD_FRAME;
	rlp_init(&r, body, n);
	if (rlp_get_uint(&r, code, UINT64_MAX) == -1)
		return REASON_BAD_FRAME;
	*datalen = r.len;
	*data = body + (n - r.len);
	return REASON_NONE;
}

int
frame_declared(const void *data, size_t n, size_t *size)
{
	if (snappy_uncompressed_length(data, n, size) != SNAPPY_OK ||
	    *size > FRAME_MAX)
		return -1;
	return 0;
}

int
frame_uncompress(void *out, size_t size, const void *data, size_t n)
{
	size_t	 len;

	if (frame_declared(data, n, &len) == -1 || len != size)
		return -1;
	return snappy_uncompress(data, n, out, &len) == SNAPPY_OK ? 0 : -1;
}
