/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/base/util.h"
#include "common/crypto/secp.h"
#include "common/wire/frame.h"
#include "common/wire/reason.h"
#include "regress/vectors/rlpx_frames.h"

static struct frame_codec	*tx, *rx;	/* what tx writes rx reads */

static void
states(struct rlpx_state *w, struct rlpx_state *r)
{
	memset(w, 0, sizeof(*w));
	keccak256(w->aes_key, "aes", 3);
	keccak256(w->mac_key, "mac", 3);
	keccak_init(&w->tx_mac);
	keccak_update(&w->tx_mac, "egress", 6);
	keccak_init(&w->rx_mac);
	keccak_update(&w->rx_mac, "ingress", 7);
	*r = *w;
	r->tx_mac = w->rx_mac;
	r->rx_mac = w->tx_mac;
}

static void
setup(void)
{
	struct rlpx_state	 w, r;

	states(&w, &r);
	tx = frame_new(&w);
	rx = frame_new(&r);
	ck_assert_ptr_nonnull(tx);
	ck_assert_ptr_nonnull(rx);
}

static void
teardown(void)
{
	frame_free(tx);
	frame_free(rx);
	frame_free(NULL);
}

/* Opens a whole frame as a session would; the data is uncompressed into *out. */
static int
open_frame(uint8_t *p, size_t len, uint64_t *code, uint8_t **out, size_t *outlen)
{
	uint8_t	*data;
	size_t	 n, datalen, size;
	int	 r;

	ck_assert_uint_ge(len, FRAME_HEAD);
	if ((r = frame_open_head(rx, p, &n)) != REASON_NONE)
		return r;
	ck_assert_uint_eq(len, frame_wire_len(n));
	ck_assert_uint_eq(len, FRAME_HEAD + frame_rest(n));
	r = frame_open_body(rx, p + FRAME_HEAD, n, code, &data, &datalen);
	if (r != REASON_NONE)
		return r;
	if (!frame_snappy_rx(rx)) {
		*out = malloc(datalen + 1);
		memcpy(*out, data, datalen);
		*outlen = datalen;
		return REASON_NONE;
	}
	if (frame_declared(data, datalen, &size) == -1)
		return REASON_BAD_SNAPPY;
	*out = malloc(size + 1);
	*outlen = size;
	if (frame_uncompress(*out, size, data, datalen) == -1) {
		free(*out);
		return REASON_BAD_SNAPPY;
	}
	return REASON_NONE;
}

static void
trip(uint64_t code, const uint8_t *payload, size_t n)
{
	uint8_t		*buf, *got;
	uint64_t	 gotcode;
	size_t		 len, gotlen, max;

	max = frame_seal_max(tx, n);
	buf = malloc(max);
	len = frame_seal(tx, buf, code, payload, n);
	ck_assert_uint_gt(len, n / 30);
	ck_assert_uint_le(len, max);
	ck_assert_uint_eq(len % 16, 0);
	ck_assert_int_eq(open_frame(buf, len, &gotcode, &got, &gotlen), REASON_NONE);
	ck_assert_uint_eq(gotcode, code);
	ck_assert_uint_eq(gotlen, n);
	ck_assert_int_eq(memcmp(got, payload, n), 0);
	free(got);
	free(buf);
}

/* A stream that go-ethereum wrote, read and, where snappy's choice is not in it, written. */
START_TEST(geth_stream)
{
	static const struct {
		const char	*hex;
		uint64_t	 code;
		size_t		 len;
		int		 snappy;
	} v[] = {
		{ GETH_FRAME1, 8, 5, 0 },
		{ GETH_FRAME2, 0, 0, 0 },
		{ GETH_FRAME3, 16, 200, 0 },
		{ GETH_FRAME4, 0x1234, 300, 1 },
		{ GETH_FRAME5, UINT64_MAX, 1, 1 },
		{ GETH_FRAME6, 2, 0, 1 },
	};
	static const uint8_t	 one[] = { 0xc4, 1, 2, 3, 4 };
	uint8_t			 pay[6][300], wire[400], ours[1024], *got;
	uint64_t		 code;
	size_t			 i, j, n, gotlen;

	memset(pay, 0, sizeof(pay));
	memcpy(pay[0], one, sizeof(one));
	for (j = 0; j < 200; j++)
		pay[2][j] = (uint8_t)j;
	memset(pay[3], 'a', 300);
	pay[4][0] = 0xc0;
	for (i = 0; i < nitems_of(v); i++) {
		n = strlen(v[i].hex) / 2;
		ck_assert_int_eq(hex_decode(wire, n, v[i].hex), 0);
		if (!v[i].snappy) {
			ck_assert_uint_eq(frame_seal(tx, ours, v[i].code,
			    pay[i], v[i].len), n);
			ck_assert_mem_eq(ours, wire, n);
		}
		frame_set_snappy(rx, 0, v[i].snappy);
		ck_assert_int_eq(open_frame(wire, n, &code, &got, &gotlen), 0);
		ck_assert_uint_eq(code, v[i].code);
		ck_assert_uint_eq(gotlen, v[i].len);
		ck_assert_mem_eq(got, pay[i], gotlen);
		free(got);
	}
}
END_TEST

/*
 * go-ethereum's TestFrameReadWrite: its MACs come from a sham hash, but the
 * ciphertext is what an AES key of keccak256("") gives.
 */
START_TEST(geth_golden)
{
	static const uint8_t	 msg[] = { 0xc4, 1, 2, 3, 4 };
	struct rlpx_state	 s;
	struct frame_codec	*f;
	uint8_t			 buf[128], want[16];

	memset(&s, 0, sizeof(s));
	keccak256(s.aes_key, "", 0);
	keccak256(s.mac_key, "", 0);
	ck_assert_ptr_nonnull(f = frame_new(&s));
	ck_assert_uint_eq(frame_seal(f, buf, 8, msg, sizeof(msg)), 64);
	hex_decode(want, 16, "00828ddae471818bb0bfa6b551d1cb42");
	ck_assert_mem_eq(buf, want, 16);
	hex_decode(want, 16, "ba628a4ba590cb43f7848f41c4382885");
	ck_assert_mem_eq(buf + 32, want, 16);
	frame_free(f);
}
END_TEST

static const size_t sizes[] = { 0, 1, 2, 14, 15, 16, 17, 31, 32, 33, 100, 135,
    136, 137, 1024, 65535, 65536, 65537, 1 << 20 };
static const uint64_t codes[] = { 0, 1, 0x10, 0x7f, 0x80, 0xff, 0x100, 0xffff,
    0x10000, 0xffffffff, UINT64_MAX };

START_TEST(round_trip)
{
	uint8_t	*p;
	size_t	 i;
	int	 snappy;

	p = malloc(1 << 20);
	arc4random_buf(p, 1 << 19);
	memset(p + (1 << 19), 7, 1 << 19);
	for (snappy = 0; snappy < 2; snappy++) {
		frame_set_snappy(tx, snappy, snappy);
		frame_set_snappy(rx, snappy, snappy);
		ck_assert_int_eq(frame_snappy_tx(tx), snappy);
		for (i = 0; i < nitems_of(sizes); i++)
			trip(0x10 + i, p, sizes[i]);
		for (i = 0; i < nitems_of(codes); i++)
			trip(codes[i], p, i);
	}
	free(p);
}
END_TEST

START_TEST(largest)
{
	const size_t	 max = FRAME_MAX;
	uint8_t		*p, *out;

	p = calloc(1, max + 1);
	out = malloc(frame_wire_len(max) + 16);
	ck_assert_uint_eq(frame_seal_max(tx, max + 1), 0);
	ck_assert_uint_eq(frame_seal(tx, out, 1, p, max + 1), 0);
	ck_assert_uint_eq(frame_seal(tx, out, 1, p, max), 0);
	ck_assert_uint_eq(frame_seal(tx, out, 0x80, p, max - 1), 0);
	trip(1, p, max - 1);
	/* Compressed, the data may have all of it. */
	frame_set_snappy(tx, 1, 1);
	frame_set_snappy(rx, 1, 1);
	ck_assert_uint_eq(frame_seal(tx, out, 1, p, max + 1), 0);
	ck_assert_uint_eq(frame_compress(out, p, max + 1), 0);
	trip(1, p, max);
	free(p);
	free(out);
}
END_TEST

START_TEST(largest_incompressible)
{
	uint8_t	*p, *out;

	frame_set_snappy(tx, 1, 1);
	p = malloc(FRAME_MAX);
	arc4random_buf(p, FRAME_MAX);
	out = malloc(frame_seal_max(tx, FRAME_MAX));
	ck_assert_uint_eq(frame_seal(tx, out, 1, p, FRAME_MAX), 0);
	free(p);
	free(out);
}
END_TEST

/* Compressed once, sealed for two peers: as if each had been sent its own. */
START_TEST(one_payload_two_peers)
{
	struct rlpx_state	 w, r;
	struct frame_codec	*other;
	uint8_t			 p[500], c[1024], x[1024], y[1024];
	size_t			 n, len;

	memset(p, 3, sizeof(p));
	states(&w, &r);
	w.snappy_tx = 1;
	ck_assert_ptr_nonnull(other = frame_new(&w));
	frame_set_snappy(tx, 1, 1);
	ck_assert_uint_le(frame_compress_max(sizeof(p)), sizeof(c));
	n = frame_compress(c, p, sizeof(p));
	ck_assert_uint_gt(n, 0);
	len = frame_seal_raw(other, x, 0x1234, c, n);
	ck_assert_uint_eq(frame_seal(tx, y, 0x1234, p, sizeof(p)), len);
	ck_assert_mem_eq(x, y, len);
	frame_free(other);
}
END_TEST

/* A flip of any byte is found, in the header before the body is asked for. */
START_TEST(tampered)
{
	struct rlpx_state	 w, r;
	uint8_t			 p[40], good[256], bad[256], *got;
	uint64_t		 code;
	size_t			 i, n, len;
	int			 reason;

	arc4random_buf(p, sizeof(p));
	len = frame_seal(tx, good, 5, p, sizeof(p));
	states(&w, &r);
	for (i = 0; i < len; i++) {
		frame_free(rx);
		ck_assert_ptr_nonnull(rx = frame_new(&r));
		memcpy(bad, good, len);
		bad[i] ^= 0x01;
		reason = frame_open_head(rx, bad, &n);
		if (i < FRAME_HEAD) {
			ck_assert_int_eq(reason, REASON_BAD_MAC);
			continue;
		}
		ck_assert_int_eq(reason, REASON_NONE);
		ck_assert_uint_eq(n, sizeof(p) + 1);
		ck_assert_int_eq(frame_open_body(rx, bad + FRAME_HEAD, n, &code,
		    &got, &n), REASON_BAD_MAC);
	}
	/* So is a frame replayed. */
	frame_free(rx);
	ck_assert_ptr_nonnull(rx = frame_new(&r));
	memcpy(bad, good, len);
	ck_assert_int_eq(open_frame(bad, len, &code, &got, &n), REASON_NONE);
	free(got);
	memcpy(bad, good, len);
	ck_assert_int_eq(frame_open_head(rx, bad, &n), REASON_BAD_MAC);
}
END_TEST

/*
 * rlpx.md once more, word for word with its four digests: a peer that writes
 * what it pleases.
 */
struct forger {
	EVP_CIPHER_CTX	*ctr;
	EVP_CIPHER_CTX	*ecb;
	struct keccak	 mac;
};

static void
forger_init(struct forger *f)
{
	struct rlpx_state	 w, r;
	static const uint8_t	 iv[16];

	states(&w, &r);
	f->ctr = EVP_CIPHER_CTX_new();
	f->ecb = EVP_CIPHER_CTX_new();
	f->mac = w.tx_mac;
	ck_assert(EVP_EncryptInit_ex(f->ctr, EVP_aes_256_ctr(), NULL, w.aes_key, iv));
	ck_assert(EVP_EncryptInit_ex(f->ecb, EVP_aes_256_ecb(), NULL, w.mac_key, NULL));
}

static void
forger_free(struct forger *f)
{
	EVP_CIPHER_CTX_free(f->ctr);
	EVP_CIPHER_CTX_free(f->ecb);
}

static void
forge_mac(struct forger *f, uint8_t out[16], const uint8_t *xor)
{
	uint8_t	 seed[16], digest[32];
	int	 i, n;

	keccak_digest(&f->mac, digest);
	EVP_EncryptUpdate(f->ecb, seed, &n, digest, 16);
	for (i = 0; i < 16; i++)
		seed[i] ^= xor != NULL ? xor[i] : digest[i];
	keccak_update(&f->mac, seed, 16);
	keccak_digest(&f->mac, digest);
	memcpy(out, digest, 16);
}

static size_t
forge(struct forger *f, uint8_t *out, const uint8_t head[16],
    const uint8_t *body, size_t len)
{
	int	 n;

	EVP_EncryptUpdate(f->ctr, out, &n, head, 16);
	forge_mac(f, out + 16, out);
	EVP_EncryptUpdate(f->ctr, out + 32, &n, body, (int)len);
	keccak_update(&f->mac, out + 32, len);
	forge_mac(f, out + 32 + len, NULL);
	return len + 48;
}

START_TEST(as_the_text_says)
{
	struct forger	 f;
	uint8_t		 head[16] = { 0, 0, 0, 0xc2, 0x80, 0x80 }, body[48];
	uint8_t		 theirs[128], ours[128];
	uint8_t		 n;

	forger_init(&f);
	for (n = 1; n < sizeof(body); n++) {
		head[2] = n;
		memset(body, 0, sizeof(body));
		memset(body, 0x33, n);
		ck_assert_uint_eq(forge(&f, theirs, head, body, (n + 15U) / 16 * 16),
		    frame_seal_raw(tx, ours, 0x33, body + 1, n - 1U));
		ck_assert_mem_eq(theirs, ours, frame_wire_len(n));
	}
	forger_free(&f);
}
END_TEST

START_TEST(codes_on_the_wire)
{
	static const struct {
		const char	*body;
		size_t		 n;
		int		 reason;
		uint64_t	 code;
		size_t		 datalen;
	} v[] = {
		{ "\x80", 1, REASON_NONE, 0, 0 },
		{ "\x80\xc0", 2, REASON_NONE, 0, 1 },
		{ "\x7f\x01\x02", 3, REASON_NONE, 0x7f, 2 },
		{ "\x81\x80", 2, REASON_NONE, 0x80, 0 },
		{ "\x88\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, REASON_NONE,
		    UINT64_MAX, 1 },
		{ "\x00", 1, REASON_BAD_FRAME, 0, 0 },
		{ "\x81\x7f", 2, REASON_BAD_FRAME, 0, 0 },
		{ "\x81\x00", 2, REASON_BAD_FRAME, 0, 0 },
		{ "\x81", 1, REASON_BAD_FRAME, 0, 0 },
		{ "\x82\x00\x80", 3, REASON_BAD_FRAME, 0, 0 },
		{ "\x82\x01", 2, REASON_BAD_FRAME, 0, 0 },
		{ "\x89\x01\xff\xff\xff\xff\xff\xff\xff\xff", 10,
		    REASON_BAD_FRAME, 0, 0 },
		{ "\xb8\x01\x80", 3, REASON_BAD_FRAME, 0, 0 },
		{ "\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10,
		    REASON_BAD_FRAME, 0, 0 },
		{ "\xc0", 1, REASON_BAD_FRAME, 0, 0 },
		{ "\xc1\x01", 2, REASON_BAD_FRAME, 0, 0 },
	};
	struct forger	 f;
	uint8_t		 head[16], body[16], buf[64], *data;
	uint64_t	 code;
	size_t		 i, n, datalen;

	forger_init(&f);
	for (i = 0; i < nitems_of(v); i++) {
		/* Header data and padding are nobody's business. */
		memset(head, (int)i, sizeof(head));
		head[0] = head[1] = 0;
		head[2] = (uint8_t)v[i].n;
		memset(body, 0xee, sizeof(body));
		memcpy(body, v[i].body, v[i].n);
		forge(&f, buf, head, body, sizeof(body));
		ck_assert_int_eq(frame_open_head(rx, buf, &n), REASON_NONE);
		ck_assert_uint_eq(n, v[i].n);
		ck_assert_int_eq(frame_open_body(rx, buf + FRAME_HEAD, n, &code,
		    &data, &datalen), v[i].reason);
		if (v[i].reason == REASON_NONE) {
			ck_assert_uint_eq(code, v[i].code);
			ck_assert_uint_eq(datalen, v[i].datalen);
			ck_assert_mem_eq(data, v[i].body + v[i].n - datalen, datalen);
		}
	}
	memset(head, 0, sizeof(head));
	forge(&f, buf, head, body, 0);
	ck_assert_int_eq(frame_open_head(rx, buf, &n), REASON_BAD_FRAME);
	forger_free(&f);
}
END_TEST

/* Handed over between any two steps, both ends go on as if nothing had been. */
START_TEST(export_import)
{
	struct rlpx_state	 s;
	uint8_t			 p[100], buf[512], raw[RLPX_STATE_LEN], *data;
	uint64_t		 code;
	size_t			 i, n, got;

	arc4random_buf(p, sizeof(p));
	frame_set_snappy(tx, 1, 0);
	frame_set_snappy(rx, 0, 1);
	for (i = 0; i < 40; i++) {
		(void)frame_seal(tx, buf, i, p, i * 2);
		ck_assert_int_eq(frame_open_head(rx, buf, &n), REASON_NONE);
		if (i % 3 == 0) {
			frame_export(rx, &s);
			frame_free(rx);
			rlpx_state_export(&s, raw);
			ck_assert_int_eq(rlpx_state_import(&s, raw), 0);
			ck_assert_ptr_nonnull(rx = frame_new(&s));
			ck_assert_int_eq(frame_snappy_rx(rx), 1);
		}
		ck_assert_int_eq(frame_open_body(rx, buf + FRAME_HEAD, n, &code,
		    &data, &got), REASON_NONE);
		ck_assert_uint_eq(code, i);
		ck_assert_int_eq(frame_declared(data, got, &n), 0);
		ck_assert_uint_eq(n, i * 2);
		if (i % 5 == 0) {
			frame_export(tx, &s);
			frame_free(tx);
			ck_assert_ptr_nonnull(tx = frame_new(&s));
		}
	}
}
END_TEST

/* The counter's carry: a stream that is 64 GiB and more along. */
START_TEST(far_along)
{
	static const uint64_t	 at[] = { 0xff0, 0xffff0, 0xfffffffff0,
	    0xfffffffffffff0, 0xfffffffffffffff0 };
	struct rlpx_state	 w, r;
	uint8_t			 buf[256], head[16] = { 0 }, want[32], key[16];
	EVP_CIPHER_CTX		*c;
	size_t			 i;
	int			 n;

	for (i = 0; i < nitems_of(at); i++) {
		frame_free(tx);
		frame_free(rx);
		states(&w, &r);
		w.tx_bytes = r.rx_bytes = at[i];
		ck_assert_ptr_nonnull(tx = frame_new(&w));
		ck_assert_ptr_nonnull(rx = frame_new(&r));
		(void)frame_seal(tx, buf, 1, "0123456789abcdefghij", 20);
		/* One key stream from the counter on, the body's after the header's. */
		memset(key, 0, sizeof(key));
		for (n = 0; n < 8; n++)
			key[15 - n] = (uint8_t)(at[i] / 16 >> n * 8);
		c = EVP_CIPHER_CTX_new();
		ck_assert(EVP_EncryptInit_ex(c, EVP_aes_256_ctr(), NULL, w.aes_key, key));
		memcpy(head, "\0\0\x15\xc2\x80\x80", 6);
		EVP_EncryptUpdate(c, want, &n, head, 16);
		ck_assert_mem_eq(want, buf, 16);
		EVP_EncryptUpdate(c, want, &n,
		    (const uint8_t *)"\x01" "0123456789abcde", 16);
		ck_assert_mem_eq(want, buf + 32, 16);
		EVP_CIPHER_CTX_free(c);
	}
}
END_TEST

START_TEST(snappy_lies)
{
	static const struct {
		const char	*data;
		size_t		 n;
		int		 declared;	/* frame_declared() */
	} v[] = {
		{ "", 0, -1 },				/* no size */
		{ "\x80", 1, -1 },			/* half a size */
		{ "\xff\xff\xff\xff\xff\xff\xff", 7, -1 }, /* no end of it */
		{ "\x80\x80\x80\x08", 4, -1 },		/* 2^24 */
		{ "\xff\xff\xff\xff\x0f", 5, -1 },	/* 2^32 - 1 */
		{ "\xff\xff\xff\x07", 4, 0 },		/* 2^24 - 1, and nothing */
		{ "\x05", 1, 0 },			/* nothing follows */
		{ "\x05\x10" "abcd", 6, 0 },		/* a byte too few */
		{ "\x05\x10" "abcde!", 8, 0 },		/* a byte too many */
		{ "\x04\x10" "abcde", 7, 0 },		/* more than declared */
		{ "\x00\x00" "a", 3, 0 },		/* something, of nothing */
		{ "\x0a\x04" "ab\x1d\x03", 6, 0 },	/* copies from before the start */
		{ "\x0a\x04" "ab\x11\x00", 6, 0 },	/* copies from offset 0 */
		{ "\x06\x04" "ab\x3d\x02", 6, 0 },	/* copies beyond the end */
		{ "\x0a\x04" "ab\x1d", 5, 0 },		/* half a copy */
		{ "\x0a\xfc\xff\xff\xff\x7f" "ab", 8, 0 }, /* a literal of 2 GiB */
	};
	uint8_t	*out;
	size_t	 i, size;

	out = malloc(FRAME_MAX);
	for (i = 0; i < nitems_of(v); i++) {
		ck_assert_int_eq(frame_declared(v[i].data, v[i].n, &size), v[i].declared);
		if (v[i].declared == 0)
			ck_assert_int_eq(frame_uncompress(out, size, v[i].data,
			    v[i].n), -1);
	}
	/* And a true one, with a buffer of another size. */
	ck_assert_int_eq(frame_uncompress(out, 5, "\x05\x10" "abcde", 7), 0);
	ck_assert_mem_eq(out, "abcde", 5);
	ck_assert_int_eq(frame_uncompress(out, 4, "\x05\x10" "abcde", 7), -1);
	ck_assert_int_eq(frame_uncompress(out, 6, "\x05\x10" "abcde", 7), -1);
	ck_assert_int_eq(frame_declared("\x00", 1, &size), 0);
	ck_assert_uint_eq(size, 0);
	ck_assert_int_eq(frame_uncompress(out, 0, "\x00", 1), 0);
	free(out);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("frame");
	TCase	*tc = tcase_create("frame");
	SRunner	*sr;
	int	 failed;

	if (secp_init() == -1)
		return 1;
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, geth_stream);
	tcase_add_test(tc, geth_golden);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, largest);
	tcase_add_test(tc, largest_incompressible);
	tcase_add_test(tc, one_payload_two_peers);
	tcase_add_test(tc, tampered);
	tcase_add_test(tc, as_the_text_says);
	tcase_add_test(tc, codes_on_the_wire);
	tcase_add_test(tc, export_import);
	tcase_add_test(tc, far_along);
	tcase_add_test(tc, snappy_lies);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
