/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/crypto/ecies.h"
#include "common/wire/rlp.h"
#include "common/wire/rlpx.h"
#include "regress/vectors/rlpx_eip8.h"

#define ZERO	"0000000000000000000000000000000000000000000000000000000000000000"
#define P_PLUS_1 "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30"
#define ONE_Y	"4218f20ae6c646b363db68605822fb14264ca8d2587fdd6fbc750d587e76a7ee"
#define OFF_CURVE							\
	"0101010101010101010101010101010101010101010101010101010101010101" \
	"0202020202020202020202020202020202020202020202020202020202020202"

struct node {
	uint8_t		 priv[SECP_PRIV];
	uint8_t		 pub[SECP_PUB];
	struct rlpx_keys keys;
};

struct packet {
	uint8_t		 p[RLPX_HS_MAX];
	size_t		 len;
};

static struct node	 a, b;		/* A dials B */

static void
unhex(void *out, size_t n, const char *hex)
{
	ck_assert_int_eq(hex_decode(out, n, hex), 0);
}

static void
load(struct node *n, const char *key, const char *eph, const char *nonce)
{
	unhex(n->priv, SECP_PRIV, key);
	unhex(n->keys.eph_priv, SECP_PRIV, eph);
	unhex(n->keys.nonce, RLPX_NONCE, nonce);
	ck_assert_int_eq(secp_pub_from_priv(n->pub, n->priv), 0);
	ck_assert_int_eq(secp_pub_from_priv(n->keys.eph_pub, n->keys.eph_priv), 0);
}

static void
setup(void)
{
	load(&a, EIP8_KEY_A, EIP8_EPH_A, EIP8_NONCE_A);
	load(&b, EIP8_KEY_B, EIP8_EPH_B, EIP8_NONCE_B);
}

static void
packet(struct packet *pkt, const char *hex)
{
	pkt->len = strlen(hex) / 2;
	ck_assert_uint_le(pkt->len, sizeof(pkt->p));
	unhex(pkt->p, pkt->len, hex);
	ck_assert_uint_eq(rlpx_packet_len(pkt->p), pkt->len);
}

/* What a process without the key does, and what the one with it does for it. */
static void
ecies_x(uint8_t x[32], const struct node *n, const uint8_t *pkt, size_t len)
{
	uint8_t	 r[SECP_PUB];

	memset(x, 0, 32);
	if (len >= 2 && ecies_point(r, pkt + 2, len - 2) == 0)
		(void)secp_ecdh_x_uniform(x, n->priv, r);
}

static int
open_auth(struct rlpx_auth *auth, const uint8_t *pkt, size_t len)
{
	uint8_t	 x[32];

	ecies_x(x, &b, pkt, len);
	return rlpx_auth_open(auth, pkt, len, x);
}

static int
open_ack(struct rlpx_ack *ack, const uint8_t *pkt, size_t len)
{
	uint8_t	 x[32];

	ecies_x(x, &a, pkt, len);
	return rlpx_ack_open(ack, pkt, len, x);
}

START_TEST(eip8_auth)
{
	static const struct {
		const char	*hex;
		uint64_t	 version;
	} v[] = { { EIP8_AUTH2, 4 }, { EIP8_AUTH3, 56 } };
	struct packet	 pkt;
	struct rlpx_auth auth;
	uint8_t		 sig[SECP_SIG], x[32], eph[SECP_PUB];
	size_t		 i;

	unhex(sig, sizeof(sig), EIP8_SIG_A);
	for (i = 0; i < nitems_of(v); i++) {
		packet(&pkt, v[i].hex);
		ck_assert_int_eq(open_auth(&auth, pkt.p, pkt.len), 0);
		ck_assert_mem_eq(auth.sig, sig, sizeof(sig));
		ck_assert_mem_eq(auth.pub, a.pub, SECP_PUB);
		ck_assert_mem_eq(auth.nonce, a.keys.nonce, RLPX_NONCE);
		ck_assert_uint_eq(auth.version, v[i].version);
		ck_assert_int_eq(secp_ecdh_x(x, b.priv, auth.pub), 0);
		ck_assert_int_eq(rlpx_auth_ephemeral(eph, &auth, x), 0);
		ck_assert_mem_eq(eph, a.keys.eph_pub, SECP_PUB);
	}
}
END_TEST

START_TEST(eip8_ack)
{
	static const struct {
		const char	*hex;
		uint64_t	 version;
	} v[] = { { EIP8_ACK2, 4 }, { EIP8_ACK3, 57 } };
	struct packet	 pkt;
	struct rlpx_ack	 ack;
	size_t		 i;

	for (i = 0; i < nitems_of(v); i++) {
		packet(&pkt, v[i].hex);
		ck_assert_int_eq(open_ack(&ack, pkt.p, pkt.len), 0);
		ck_assert_mem_eq(ack.eph, b.keys.eph_pub, SECP_PUB);
		ck_assert_mem_eq(ack.nonce, b.keys.nonce, RLPX_NONCE);
		ck_assert_uint_eq(ack.version, v[i].version);
	}
}
END_TEST

START_TEST(eip8_secrets)
{
	struct packet		 auth, ack;
	struct rlpx_state	 sa, sb;
	uint8_t			 want[32], got[32];

	packet(&auth, EIP8_AUTH2);
	packet(&ack, EIP8_ACK2);
	ck_assert_int_eq(rlpx_secrets(&sb, 0, &b.keys, a.keys.eph_pub,
	    a.keys.nonce, auth.p, auth.len, ack.p, ack.len), 0);
	ck_assert_int_eq(rlpx_secrets(&sa, 1, &a.keys, b.keys.eph_pub,
	    b.keys.nonce, auth.p, auth.len, ack.p, ack.len), 0);
	unhex(want, 32, EIP8_AES);
	ck_assert_mem_eq(sb.aes_key, want, 32);
	ck_assert_mem_eq(sa.aes_key, want, 32);
	unhex(want, 32, EIP8_MAC);
	ck_assert_mem_eq(sb.mac_key, want, 32);
	ck_assert_mem_eq(sa.mac_key, want, 32);
	/* What one reads the other writes. */
	ck_assert_mem_eq(&sa.tx_mac, &sb.rx_mac, sizeof(sa.tx_mac));
	ck_assert_mem_eq(&sa.rx_mac, &sb.tx_mac, sizeof(sa.rx_mac));
	keccak_update(&sb.rx_mac, "foo", 3);
	keccak_final(&sb.rx_mac, got);
	unhex(want, 32, EIP8_FOO);
	ck_assert_mem_eq(got, want, 32);

	memset(want, 0xff, 32);
	memcpy(a.keys.eph_pub, want, 32);
	ck_assert_int_eq(rlpx_secrets(&sb, 0, &b.keys, a.keys.eph_pub,
	    a.keys.nonce, auth.p, auth.len, ack.p, ack.len), -1);
}
END_TEST

/* Both sides from nothing, twenty times over. */
START_TEST(handshake)
{
	struct packet		 pauth, pack;
	struct rlpx_auth	 auth;
	struct rlpx_ack		 ack;
	struct rlpx_state	 sa, sb;
	uint8_t			 xa[32], xb[32], eph[SECP_PUB];
	int			 i;

	for (i = 0; i < 20; i++) {
		secp_keygen(a.priv, a.pub);
		secp_keygen(b.priv, b.pub);
		ck_assert_int_eq(rlpx_keys_make(&a.keys), 0);
		ck_assert_int_eq(rlpx_keys_make(&b.keys), 0);
		ck_assert_int_eq(secp_ecdh_x(xa, a.priv, b.pub), 0);
		ck_assert_int_eq(rlpx_auth_make(pauth.p, &pauth.len, &a.keys,
		    a.pub, b.pub, xa), 0);
		ck_assert_uint_eq(rlpx_packet_len(pauth.p), pauth.len);
		ck_assert_int_eq(open_auth(&auth, pauth.p, pauth.len), 0);
		ck_assert_mem_eq(auth.pub, a.pub, SECP_PUB);
		ck_assert_uint_eq(auth.version, 4);
		ck_assert_int_eq(secp_ecdh_x(xb, b.priv, auth.pub), 0);
		ck_assert_int_eq(rlpx_auth_ephemeral(eph, &auth, xb), 0);
		ck_assert_mem_eq(eph, a.keys.eph_pub, SECP_PUB);
		ck_assert_int_eq(rlpx_ack_make(pack.p, &pack.len, &b.keys,
		    auth.pub), 0);
		ck_assert_int_eq(open_ack(&ack, pack.p, pack.len), 0);
		ck_assert_uint_eq(ack.version, 4);
		ck_assert_int_eq(rlpx_secrets(&sb, 0, &b.keys, eph, auth.nonce,
		    pauth.p, pauth.len, pack.p, pack.len), 0);
		ck_assert_int_eq(rlpx_secrets(&sa, 1, &a.keys, ack.eph,
		    ack.nonce, pauth.p, pauth.len, pack.p, pack.len), 0);
		ck_assert_mem_eq(sa.aes_key, sb.aes_key, 32);
		ck_assert_mem_eq(&sa.tx_mac, &sb.rx_mac, sizeof(sa.tx_mac));
		ck_assert_mem_eq(&sa.rx_mac, &sb.tx_mac, sizeof(sa.rx_mac));
	}
}
END_TEST

START_TEST(truncated)
{
	struct packet	 auth, ack;
	struct rlpx_auth ia;
	struct rlpx_ack	 ik;
	uint8_t		 was;
	size_t		 i;

	packet(&auth, EIP8_AUTH3);
	packet(&ack, EIP8_ACK3);
	for (i = 0; i < auth.len; i++)
		ck_assert_int_eq(open_auth(&ia, auth.p, i), -1);
	for (i = 0; i < ack.len; i++)
		ck_assert_int_eq(open_ack(&ik, ack.p, i), -1);
	/* The same with a size that is true, so that only the tag tells. */
	for (i = 0; i + 2 < auth.len; i++) {
		auth.p[0] = (uint8_t)(i >> 8);
		auth.p[1] = (uint8_t)i;
		ck_assert_int_eq(open_auth(&ia, auth.p, i + 2), -1);
	}
	for (i = 0; i < ack.len; i++) {
		was = ack.p[i];
		ack.p[i] ^= 0x80;
		ck_assert_int_eq(open_ack(&ik, ack.p, ack.len), -1);
		ack.p[i] = was;
	}
	ck_assert_int_eq(open_ack(&ik, ack.p, ack.len), 0);
}
END_TEST

/* Every announced length; the packet itself is noise. */
START_TEST(lengths)
{
	uint8_t		 buf[2100 + 2];
	struct rlpx_auth auth;
	size_t		 size;
	unsigned int	 taken = 0;

	arc4random_buf(buf, sizeof(buf));
	for (size = 0; size <= 2100; size++) {
		buf[0] = (uint8_t)(size >> 8);
		buf[1] = (uint8_t)size;
		if (rlpx_packet_len(buf) != 0) {
			ck_assert_uint_eq(rlpx_packet_len(buf), size + 2);
			ck_assert_uint_le(size + 2, RLPX_HS_MAX);
			ck_assert_uint_gt(size, ECIES_OVERHEAD);
			taken++;
		}
		if (size % 10 == 0 || size > 2030)
			ck_assert_int_eq(open_auth(&auth, buf, size + 2), -1);
	}
	ck_assert_uint_gt(taken, 1500);
	memset(buf, 0xff, 2);
	ck_assert_uint_eq(rlpx_packet_len(buf), 0);
}
END_TEST

/* A sealed auth of any text: what a peer that does its own thing may send. */
static void
seal_text(struct packet *pkt, const uint8_t *text, size_t len)
{
	size_t	 size = len + ECIES_OVERHEAD;

	pkt->p[0] = (uint8_t)(size >> 8);
	pkt->p[1] = (uint8_t)size;
	pkt->len = size + 2;
	ck_assert_int_eq(ecies_seal(pkt->p + 2, text, len, b.pub, pkt->p, 2), 0);
}

static size_t
auth_text(uint8_t *text, size_t size, const uint8_t *sig, const uint8_t *pub)
{
	struct rlpw	 w;
	size_t		 len = 0;

	rlpw_init(&w, text, size);
	rlpw_list(&w);
	rlpw_bytes(&w, sig, SECP_SIG);
	rlpw_bytes(&w, pub, SECP_PUB);
	rlpw_bytes(&w, a.keys.nonce, RLPX_NONCE);
	rlpw_uint(&w, 4);
	rlpw_end(&w);
	ck_assert_int_eq(rlpw_finish(&w, &len), 0);
	return len;
}

/* Well-sealed nonsense: every cut of the list, and heads that lie. */
START_TEST(sealed_nonsense)
{
	struct packet	 pkt;
	struct rlpx_auth auth;
	uint8_t		 text[400], sig[SECP_SIG];
	/* The list's head, and those of its first three strings. */
	static const size_t heads[] = { 0, 2, 2 + 67, 2 + 67 + 66 };
	size_t		 i, len;

	memset(sig, 1, sizeof(sig));
	memset(text, 0, sizeof(text));
	len = auth_text(text, sizeof(text), sig, a.pub);
	seal_text(&pkt, text, len);
	ck_assert_int_eq(open_auth(&auth, pkt.p, pkt.len), 0);
	seal_text(&pkt, text, sizeof(text));
	ck_assert_int_eq(open_auth(&auth, pkt.p, pkt.len), 0);
	for (i = 0; i < len; i++) {
		seal_text(&pkt, text, i);
		ck_assert_int_eq(open_auth(&auth, pkt.p, pkt.len), -1);
	}
	for (i = 0; i < nitems_of(heads); i++) {
		text[heads[i]] ^= 0x40;
		seal_text(&pkt, text, sizeof(text));
		ck_assert_int_eq(open_auth(&auth, pkt.p, pkt.len), -1);
		text[heads[i]] ^= 0x40;
	}
}
END_TEST

/* A bad R is a wrong secret; a bad static or ephemeral key is refused. */
START_TEST(bad_points)
{
	static const char *const bad[] = {
		OFF_CURVE,
		P_PLUS_1 ONE_Y,		/* x not below p; good as x = 1 */
		ZERO ZERO,
	};
	struct packet	 pkt;
	struct rlpx_auth auth;
	struct rlpx_ack	 ack;
	struct rlpw	 w;
	uint8_t		 point[SECP_PUB], text[300], x[32], sig[SECP_SIG];
	size_t		 i, len, size;

	for (i = 0; i < nitems_of(bad); i++) {
		unhex(point, sizeof(point), bad[i]);

		packet(&pkt, EIP8_AUTH2);
		memcpy(pkt.p + 3, point, sizeof(point));
		ck_assert_int_eq(open_auth(&auth, pkt.p, pkt.len), -1);

		memset(sig, 1, sizeof(sig));
		len = auth_text(text, sizeof(text), sig, point);
		seal_text(&pkt, text, len);
		ck_assert_int_eq(open_auth(&auth, pkt.p, pkt.len), 0);
		ck_assert_int_eq(secp_ecdh_x(x, b.priv, auth.pub), -1);
		ck_assert_int_eq(secp_ecdh_x_uniform(x, b.priv, auth.pub), -1);

		rlpw_init(&w, text, sizeof(text));
		rlpw_list(&w);
		rlpw_bytes(&w, point, sizeof(point));
		rlpw_bytes(&w, b.keys.nonce, RLPX_NONCE);
		rlpw_uint(&w, 4);
		rlpw_end(&w);
		ck_assert_int_eq(rlpw_finish(&w, &len), 0);
		size = len + ECIES_OVERHEAD;
		pkt.p[0] = (uint8_t)(size >> 8);
		pkt.p[1] = (uint8_t)size;
		ck_assert_int_eq(ecies_seal(pkt.p + 2, text, len, a.pub, pkt.p, 2), 0);
		ck_assert_int_eq(open_ack(&ack, pkt.p, size + 2), -1);
		ck_assert_int_eq(rlpx_auth_make(pkt.p, &len, &a.keys, a.pub, point, x), -1);
		ck_assert_int_eq(rlpx_ack_make(pkt.p, &len, &b.keys, point), -1);
	}
	memset(&auth, 0, sizeof(auth));
	ck_assert_int_eq(rlpx_auth_ephemeral(point, &auth, x), -1);
	memset(auth.sig, 1, sizeof(auth.sig));
	auth.sig[64] = 4;
	ck_assert_int_eq(rlpx_auth_ephemeral(point, &auth, x), -1);
}
END_TEST

START_TEST(state)
{
	struct packet		 auth, ack;
	struct rlpx_state	 s, t;
	uint8_t			 raw[RLPX_STATE_LEN], again[RLPX_STATE_LEN];
	static const size_t	 bad[] = { 71, 79, 80 + 200, 80 + 401,
	    RLPX_STATE_LEN - 2, RLPX_STATE_LEN - 1 };
	size_t			 i;

	packet(&auth, EIP8_AUTH2);
	packet(&ack, EIP8_ACK2);
	ck_assert_int_eq(rlpx_secrets(&s, 0, &b.keys, a.keys.eph_pub,
	    a.keys.nonce, auth.p, auth.len, ack.p, ack.len), 0);
	s.tx_bytes = 0x0102030405060710;
	s.rx_bytes = 0xf0f0f0f0f0f0f0f0;
	s.snappy_rx = 1;
	rlpx_state_export(&s, raw);
	ck_assert_int_eq(rlpx_state_import(&t, raw), 0);
	ck_assert_uint_eq(t.tx_bytes, s.tx_bytes);
	ck_assert_uint_eq(t.rx_bytes, s.rx_bytes);
	ck_assert_uint_eq(t.snappy_tx, 0);
	ck_assert_uint_eq(t.snappy_rx, 1);
	rlpx_state_export(&t, again);
	ck_assert_mem_eq(raw, again, sizeof(raw));
	for (i = 0; i < nitems_of(bad); i++) {
		rlpx_state_export(&s, raw);
		raw[bad[i]] = bad[i] == 80 + 200 || bad[i] == 80 + 401 ? 136 : 3;
		ck_assert_int_eq(rlpx_state_import(&t, raw), -1);
	}
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("rlpx");
	TCase	*tc = tcase_create("rlpx");
	SRunner	*sr;
	int	 failed;

	if (secp_init() == -1)
		return 1;
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, eip8_auth);
	tcase_add_test(tc, eip8_ack);
	tcase_add_test(tc, eip8_secrets);
	tcase_add_test(tc, handshake);
	tcase_add_test(tc, truncated);
	tcase_add_test(tc, lengths);
	tcase_add_test(tc, sealed_nonsense);
	tcase_add_test(tc, bad_points);
	tcase_add_test(tc, state);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
