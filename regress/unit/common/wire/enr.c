/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/enr.h"
#include "common/wire/rlp.h"

/* The example of EIP-778. */
#define PRIV	"b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"
#define PUB								\
	"ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138" \
	"7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f"
#define COMP	"03ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138"
#define ID	"a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7"
#define SIG								\
	"7098ad865b00a582051940cb9cf36836572411a47278783077011599ed5cd16b" \
	"76f2635f4e234738f30813a89eb9137e3e3df5266e3a1f11df72ecf1145ccb9c"
#define RAW								\
	"f884b840" SIG "01826964827634826970847f00000189736563703235366b31a1" \
	COMP "8375647082765f"
#define TEXT								\
	"enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjz" \
	"CBOonrkTfj499SZuOh8R33Ls8RRcy5wBgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQPK" \
	"Y0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8"
#define RAWLEN	134

static uint8_t	 priv[SECP_PRIV], pub[SECP_PUB];

static void
setup(void)
{
	ck_assert_int_eq(secp_init(), 0);
	ck_assert_int_eq(hex_decode(priv, sizeof(priv), PRIV), 0);
	ck_assert_int_eq(hex_decode(pub, sizeof(pub), PUB), 0);
}

static void
example(struct enr_build *b)
{
	struct addr	 a;

	ck_assert_int_eq(enr_build_init(b, 1, pub), 0);
	ck_assert_int_eq(addr_parse(&a, "127.0.0.1:30303"), 0);
	ck_assert_int_eq(enr_set_endpoint(b, &a, 0), 0);
}

START_TEST(published)
{
	struct enr	 e, twin;
	uint8_t		 raw[RAWLEN], key[SECP_PUB], id[NODE_ID], want[NODE_ID];
	char		 buf[ENR_STRLEN];
	const char	*err;
	const uint8_t	*p;
	struct addr	 a;
	size_t		 n;
	uint64_t	 v;
	uint16_t	 tcp;

	ck_assert_int_eq(hex_decode(raw, sizeof(raw), RAW), 0);
	ck_assert_int_eq(enr_decode(&e, raw, sizeof(raw), &err), 0);
	ck_assert_int_eq(enr_verify(&e, key, &err), 0);
	ck_assert_mem_eq(key, pub, sizeof(pub));
	node_id(id, key);
	ck_assert_int_eq(hex_decode(want, sizeof(want), ID), 0);
	ck_assert_mem_eq(id, want, sizeof(id));
	ck_assert_str_eq(enr_format(&e, buf), TEXT);
	ck_assert_uint_eq(e.seq, 1);

	ck_assert_int_eq(enr_parse(&twin, key, TEXT, &err), 0);
	ck_assert_int_eq(enr_equal(&e, &twin), 1);
	ck_assert_mem_eq(key, pub, sizeof(pub));
	ck_assert_uint_eq(twin.seq, 1);

	ck_assert_int_eq(enr_endpoint(&e, 4, &a, &tcp), 0);
	ck_assert_str_eq(addr_format(&a, buf), "127.0.0.1:30303");
	ck_assert_uint_eq(tcp, 0);
	ck_assert_int_eq(enr_endpoint(&e, 6, &a, &tcp), -1);
	ck_assert_int_eq(enr_get_uint(&e, "udp", &v, UINT16_MAX), 0);
	ck_assert_uint_eq(v, 30303);
	ck_assert_int_eq(enr_get_uint(&e, "udp", &v, 255), -1);
	ck_assert_int_eq(enr_get_uint(&e, "tcp", &v, UINT16_MAX), -1);
	ck_assert_int_eq(enr_get(&e, "udp", &p, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_mem_eq(p, "\x82\x76\x5f", 3);
	ck_assert_int_eq(enr_get(&e, "ud", &p, &n), -1);
	ck_assert_int_eq(enr_get_bytes(&e, "id", &p, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_mem_eq(p, "v4", 2);
}
END_TEST

/* Records that others made: go-ethereum's tests, and bootnodes of today. */
START_TEST(others)
{
	static const struct {
		const char	*text;
		uint64_t	 seq;
		const char	*udp4;
		const char	*udp6;
	} records[] = {
		{ "enr:-IS4QGrdq0ugARp5T2BZ41TrZOqLc_oKvZoPuZP5--anqWE_J-Tucc1xgkOL"
		    "7qXl0puJgT7qc2KSvcupc4NCb0nr4tdjgmlkgnY0gmlwhH8AAAGJc2VjcDI1"
		    "NmsxoQM6UUF2Rm-oFe1IH_rQkRCi00T2ybeMHRSvw1HDpRvjPYN1ZHCCdl8",
		    99, "127.0.0.1:30303", NULL },
		{ "enr:-Le4QPUXJS2BTORXxyx2Ia-9ae4YqA_JWX3ssj4E_J-3z1A-HmFGrU8Bpvpq"
		    "hNabayXeOZ2Nq_sbeDgtzMJpLLnXFgAChGV0aDKQtTA_KgEAAAAAIgEAAAAA"
		    "AIJpZIJ2NIJpcISsaa0Zg2lwNpAkAIkHAAAAAPA8kv_-awoTiXNlY3AyNTZr"
		    "MaEDHAD2JKYevx89W0CcFJFiskdcEzkH_Wdv9iW42qLK79ODdWRwgiMohHVk"
		    "cDaCI4I", 2, "172.105.173.25:9000",
		    "[2400:8907::f03c:92ff:fe6b:a13]:9090" },
		{ "enr:-Ku4QImhMc1z8yCiNJ1TyUxdcfNucje3BGwEHzodEZUan8PherEo4sF7pPHP"
		    "SIB1NNuSg5fZy7qFsjmUKs2ea1Whi0EBh2F0dG5ldHOIAAAAAAAAAACEZXRo"
		    "MpD1pf1CAAAAAP__________gmlkgnY0gmlwhBLf22SJc2VjcDI1NmsxoQOV"
		    "phkDqal4QzPMksc5wnpuC3gvSC8AfbFOnZY_On34wIN1ZHCCIyg", 1,
		    "18.223.219.100:9000", NULL }
	};
	static const char forged[] = "enr:-EmGZm9vYmFyY4JpZIJ2NIJpcIR_AAABiXNl"
	    "Y3AyNTZrMaEDOlFBdkZvqBXtSB_60JEQotNE9sm3jB0Ur8NRw6Ub4z2DdWRwgnZf";
	struct enr	 e;
	struct addr	 a;
	uint8_t		 key[SECP_PUB];
	char		 buf[ENR_STRLEN];
	const char	*err;
	uint16_t	 tcp;
	size_t		 i;

	for (i = 0; i < nitems_of(records); i++) {
		err = "";
		ck_assert_msg(enr_parse(&e, key, records[i].text, &err) == 0,
		    "%zu: %s", i, err);
		ck_assert_uint_eq(e.seq, records[i].seq);
		ck_assert_str_eq(enr_format(&e, buf), records[i].text);
		ck_assert_int_eq(enr_endpoint(&e, 4, &a, &tcp), 0);
		ck_assert_str_eq(addr_format(&a, buf), records[i].udp4);
		if (records[i].udp6 == NULL)
			continue;
		ck_assert_int_eq(enr_endpoint(&e, 6, &a, &tcp), 0);
		ck_assert_str_eq(addr_format(&a, buf), records[i].udp6);
	}
	ck_assert_int_eq(enr_parse(&e, key, forged, &err), -1);
	ck_assert_str_eq(err, "signature is not of 64 bytes");
}
END_TEST

/* Signatures are deterministic: the same record comes out. */
START_TEST(made)
{
	struct enr_build	 b;
	struct enr		 e;
	char			 buf[ENR_STRLEN];
	uint8_t			 hash[32], sig[SECP_SIG], key[SECP_PUB];
	const char		*err;

	example(&b);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	ck_assert_str_eq(enr_format(&e, buf), TEXT);

	enr_digest(&b, hash);
	ck_assert_int_eq(secp_sign(sig, hash, priv), 0);
	ck_assert_int_eq(enr_finish(&e, &b, sig), 0);
	ck_assert_str_eq(enr_format(&e, buf), TEXT);

	/* made from a record, changed there and back */
	enr_build_from(&b, &e);
	ck_assert_int_eq(enr_set_uint(&b, "zz", 5), 0);
	ck_assert_int_eq(enr_set_uint(&b, "aa", 5), 0);
	ck_assert_int_eq(enr_set_uint(&b, "ipx", 5), 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	ck_assert_int_eq(enr_verify(&e, key, &err), 0);
	enr_unset(&b, "aa");
	enr_unset(&b, "zz");
	enr_unset(&b, "ipx");
	enr_unset(&b, "none");
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	ck_assert_str_eq(enr_format(&e, buf), TEXT);

	/* no key signs as zero */
	memset(sig, 0, sizeof(sig));
	ck_assert_int_eq(enr_sign(&e, &b, sig), -1);
	ck_assert_uint_eq(e.len, 0);
	ck_assert_str_eq(enr_format(&e, buf), "");
	ck_assert_int_eq(enr_build_init(&b, 1, (uint8_t[SECP_PUB]){ 0 }), -1);
}
END_TEST

START_TEST(truncated)
{
	struct enr	 e;
	uint8_t		 raw[RAWLEN + 1] = { 0 }, *cut, key[SECP_PUB];
	char		*text;
	const char	*err;
	size_t		 i;

	ck_assert_int_eq(hex_decode(raw, RAWLEN, RAW), 0);
	for (i = 0; i < RAWLEN; i++) {
		cut = malloc(i + 1);
		memcpy(cut, raw, i);
		err = NULL;
		ck_assert_int_eq(enr_decode(&e, cut, i, &err), -1);
		ck_assert_ptr_nonnull(err);
		ck_assert_uint_eq(e.len, 0);
		free(cut);
	}
	ck_assert_int_eq(enr_decode(&e, raw, RAWLEN, NULL), 0);
	ck_assert_int_eq(enr_decode(&e, raw, RAWLEN + 1, NULL), -1);
	for (i = 0; i < strlen(TEXT); i++) {
		text = strndup(TEXT, i);
		ck_assert_int_eq(enr_parse(&e, key, text, &err), -1);
		ck_assert_uint_eq(e.len, 0);
		free(text);
	}
}
END_TEST

/* Whatever bit is another, it is no record, or not one that is signed. */
START_TEST(every_bit)
{
	struct enr	 e;
	uint8_t		 raw[RAWLEN], key[SECP_PUB];
	const char	*err;
	size_t		 i;

	ck_assert_int_eq(hex_decode(raw, RAWLEN, RAW), 0);
	for (i = 0; i < RAWLEN * 8; i++) {
		raw[i / 8] ^= (uint8_t)(1 << i % 8);
		if (enr_decode(&e, raw, RAWLEN, &err) == 0)
			ck_assert_int_eq(enr_verify(&e, key, &err), -1);
		raw[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}
END_TEST

/* The other half of s is a signature too, which nobody takes. */
START_TEST(high_s)
{
	static const char	 order[] = "fffffffffffffffffffffffffffffffe"
	    "baaedce6af48a03bbfd25e8cd0364141";
	struct enr		 e;
	uint8_t			 raw[RAWLEN], key[SECP_PUB], n[32], *s;
	const char		*err;
	unsigned int		 borrow = 0;
	int			 i, d;

	ck_assert_int_eq(hex_decode(raw, RAWLEN, RAW), 0);
	ck_assert_int_eq(hex_decode(n, sizeof(n), order), 0);
	s = raw + 4 + 32;
	for (i = 31; i >= 0; i--) {
		d = n[i] - s[i] - (int)borrow;
		borrow = d < 0;
		s[i] = (uint8_t)d;
	}
	ck_assert_int_eq(enr_decode(&e, raw, RAWLEN, &err), 0);
	ck_assert_int_eq(enr_verify(&e, key, &err), -1);
	ck_assert_str_eq(err, "signature is wrong");
}
END_TEST

START_TEST(bad_text)
{
	static const char *const texts[] = {
		"", "enr", "enr:", "enr://", "ENR:", "enr:A", "enr:AA=", "enr:!!!!",
		"enr:wA", TEXT "=", TEXT " ", TEXT "A", " " TEXT, TEXT "\n",
		"enode://" PUB
	};
	struct enr	 e;
	char		 text[2000], buf[] = TEXT;
	uint8_t		 key[SECP_PUB];
	const char	*err;
	size_t		 i;

	for (i = 0; i < nitems_of(texts); i++) {
		err = NULL;
		ck_assert_msg(enr_parse(&e, key, texts[i], &err) == -1, "%s",
		    texts[i]);
		ck_assert_ptr_nonnull(err);
	}
	/* bits behind the last byte */
	buf[strlen(buf) - 1]++;
	ck_assert_int_eq(enr_parse(&e, key, buf, &err), -1);
	for (i = 390; i < sizeof(text) - 5; i++) {
		memset(text, 'A', i + 4);
		memcpy(text, "enr:", 4);
		text[i + 4] = '\0';
		ck_assert_int_eq(enr_parse(&e, key, text, NULL), -1);
	}
}
END_TEST

/* A record with any signature from pairs that are given as RLP. */
static size_t
compose(uint8_t *buf, size_t size, const void *pairs, size_t n)
{
	struct rlpw	 w;
	uint8_t		 sig[SECP_SIG64] = { 1 };
	size_t		 len;

	rlpw_init(&w, buf, size);
	rlpw_list(&w);
	rlpw_bytes(&w, sig, sizeof(sig));
	rlpw_uint(&w, 1);
	rlpw_raw(&w, pairs, n);
	rlpw_end(&w);
	ck_assert_int_eq(rlpw_finish(&w, &len), 0);
	return len;
}

START_TEST(pairs)
{
	static const struct {
		const char	*pairs;
		const char	*err;	/* NULL: a good one */
	} cases[] = {
		{ "", NULL },
		{ "\x61\x01", NULL },
		{ "\x61\x01\x62\x02", NULL },
		{ "\x61\x01\x82\x61\x61\x02", NULL },
		{ "\x80\x01\x61\x02", NULL },			/* an empty key */
		{ "\x61\xc3\x01\x02\x03", NULL },		/* a list */
		{ "\x61\xc0\x62\xc1\xc0", NULL },
		{ "\x61\x81\xff\x81\xff\x01", NULL },		/* keys are bytes */
		{ "\x62\x01\x61\x02", "keys are not sorted" },
		{ "\x82\x61\x61\x01\x61\x02", "keys are not sorted" },
		{ "\x61\x01\x80\x01", "keys are not sorted" },
		{ "\x61\x01\x61\x01", "key stands twice" },
		{ "\x80\x01\x80\x01", "key stands twice" },
		{ "\x61", "key without a value" },
		{ "\x61\x01\x62", "key without a value" },
		{ "\x61\x82\x01", "key without a value" },
		{ "\x61\x81\x01", "key without a value" },	/* not canonical */
		{ "\xc1\x61\x01", "key is not a string" },
		{ "\x61\x01\xc0\x01", "key is not a string" },
		{ "\x81\x61\x01", "key is not a string" }
	};
	struct enr	 e;
	uint8_t		 raw[ENR_MAX];
	const char	*err;
	size_t		 i, n;

	for (i = 0; i < nitems_of(cases); i++) {
		n = compose(raw, sizeof(raw), cases[i].pairs,
		    strlen(cases[i].pairs));
		err = NULL;
		ck_assert_msg(enr_decode(&e, raw, n, &err) ==
		    (cases[i].err == NULL ? 0 : -1), "case %zu", i);
		if (cases[i].err != NULL)
			ck_assert_str_eq(err, cases[i].err);
	}
}
END_TEST

START_TEST(forms)
{
	static const struct {
		uint8_t	 raw[16];
		size_t	 n;
	} bad[] = {
		{ { 0x80 }, 1 },
		{ { 0xc0 }, 1 },			/* nothing in it */
		{ { 0xc1, 0x80 }, 2 },			/* no sequence */
		{ { 0xc2, 0xc0, 0x01 }, 3 },		/* signature a list */
		{ { 0xc2, 0x80, 0xc0 }, 3 },		/* sequence a list */
		{ { 0xc2, 0x80, 0x00 }, 3 },		/* leading zero */
		{ { 0xcb, 0x80, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0 }, 12 },
		{ { 0x82, 0x80, 0x01 }, 3 },		/* a string in all */
		{ { 0xf8, 0x02, 0x80, 0x01 }, 4 }	/* length not canonical */
	};
	struct enr	 e;
	uint8_t		 key[SECP_PUB];
	const char	*err;
	size_t		 i;

	for (i = 0; i < nitems_of(bad); i++)
		ck_assert_msg(enr_decode(&e, bad[i].raw, bad[i].n, &err) == -1,
		    "case %zu", i);
	/* no scheme, which is a record that cannot be verified */
	ck_assert_int_eq(enr_decode(&e, "\xc2\x80\x01", 3, &err), 0);
	ck_assert_int_eq(enr_verify(&e, key, &err), -1);
	ck_assert_str_eq(err, "identity scheme is not v4");
	/* the largest sequence */
	ck_assert_int_eq(enr_decode(&e,
	    "\xca\x80\x88\xff\xff\xff\xff\xff\xff\xff\xff", 11, &err), 0);
	ck_assert_uint_eq(e.seq, UINT64_MAX);
}
END_TEST

START_TEST(unverified)
{
	struct enr_build	 b, good;
	struct enr		 e;
	uint8_t			 key[SECP_PUB], comp[SECP_COMP];
	const char		*err;

	example(&good);
	b = good;
	ck_assert_int_eq(enr_set_bytes(&b, "id", "v5", 2), 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	ck_assert_int_eq(enr_verify(&e, key, &err), -1);
	b = good;
	ck_assert_int_eq(enr_set(&b, "id", "\xc0", 1), 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	ck_assert_int_eq(enr_verify(&e, key, &err), -1);
	b = good;
	enr_unset(&b, "secp256k1");
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	ck_assert_int_eq(enr_verify(&e, key, &err), -1);
	ck_assert_str_eq(err, "no valid public key");
	b = good;
	ck_assert_int_eq(enr_set_bytes(&b, "secp256k1", pub, sizeof(pub)), 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	ck_assert_int_eq(enr_verify(&e, key, &err), -1);
	/* the other y: a key, but another */
	b = good;
	ck_assert_int_eq(secp_compress(comp, pub), 0);
	comp[0] ^= 1;
	ck_assert_int_eq(enr_set_bytes(&b, "secp256k1", comp, sizeof(comp)), 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	ck_assert_int_eq(enr_verify(&e, key, &err), -1);
	ck_assert_str_eq(err, "signature is wrong");
	/* no point has this x */
	memset(comp + 1, 0xff, sizeof(comp) - 1);
	ck_assert_int_eq(enr_set_bytes(&b, "secp256k1", comp, sizeof(comp)), 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	ck_assert_int_eq(enr_verify(&e, key, &err), -1);
	ck_assert_str_eq(err, "no valid public key");
	ck_assert_int_eq(enr_pubkey(&e, key), -1);
}
END_TEST

START_TEST(size)
{
	struct enr_build	 b;
	struct enr		 e;
	uint8_t			 fill[ENR_MAX] = { 0 }, raw[ENR_MAX + 1], key[SECP_PUB];
	const char		*err;
	size_t			 n, room;

	example(&b);
	room = enr_room(&b);
	/* "zz" and the header of a long string are 5 bytes */
	for (n = 0; n < sizeof(fill); n++) {
		memset(fill, 0xff, sizeof(fill));
		if (enr_set_bytes(&b, "zz", fill, n) == -1)
			break;
		ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
		ck_assert_int_eq(enr_verify(&e, key, &err), 0);
	}
	ck_assert_uint_eq(n - 1, room - 5);
	ck_assert_uint_eq(e.len, ENR_MAX);
	ck_assert_uint_eq(enr_room(&b), 0);
	/* what failed changed nothing */
	ck_assert_int_eq(enr_set_uint(&b, "x", 1), -1);
	ck_assert_int_eq(enr_set_uint(&b, "udp6", 1), -1);
	ck_assert_int_eq(enr_set_uint(&b, "udp", 30304), 0);
	ck_assert_int_eq(enr_set_uint(&b, "udp", 65536), -1);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	ck_assert_uint_eq(e.len, ENR_MAX);
	/* the sequence alone can make it too long */
	b.seq = 1000;
	ck_assert_int_eq(enr_sign(&e, &b, priv), -1);
	ck_assert_uint_eq(enr_room(&b), 0);
	b.seq = 1;
	enr_unset(&b, "zz");
	ck_assert_uint_eq(enr_room(&b), room);

	/* 300 and 301 bytes of a well-formed record */
	memset(raw, 0, sizeof(raw));
	memcpy(raw, "\xf9\x01\x29\xb8\x40", 5);
	memset(raw + 5, 1, 64);
	memcpy(raw + 69, "\x01\x61\xb8\xe4", 4);
	ck_assert_int_eq(enr_decode(&e, raw, ENR_MAX, &err), -1);
	raw[72] = 0xe3;
	ck_assert_int_eq(enr_decode(&e, raw, ENR_MAX, &err), 0);
	ck_assert_uint_eq(e.len, ENR_MAX);
	raw[2] = 0x2a;
	raw[72] = 0xe4;
	ck_assert_int_eq(enr_decode(&e, raw, ENR_MAX + 1, &err), -1);
	ck_assert_str_eq(err, "record is longer than 300 bytes");
}
END_TEST

/* Sequences of all lengths, in a record that is full for each. */
START_TEST(sequences)
{
	struct enr_build	 b;
	struct enr		 e;
	uint8_t			 fill[ENR_MAX], key[SECP_PUB];
	const char		*err;
	unsigned int		 i;

	memset(fill, 0xff, sizeof(fill));
	for (i = 0; i <= 64; i++) {
		ck_assert_int_eq(enr_build_init(&b, i == 0 ? 0 :
		    UINT64_MAX >> (64 - i), pub), 0);
		ck_assert_int_eq(enr_set_bytes(&b, "zz", fill,
		    enr_room(&b) - 5), 0);
		ck_assert_uint_eq(enr_room(&b), 0);
		ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
		ck_assert_uint_eq(e.len, ENR_MAX);
		ck_assert_uint_eq(e.seq, b.seq);
		ck_assert_int_eq(enr_verify(&e, key, &err), 0);
	}
}
END_TEST

START_TEST(values)
{
	struct enr_build	 b;
	const struct enr_build	 none = { 0 };

	example(&b);
	ck_assert_int_eq(enr_set(&b, "eth", "\xc7\xc6\x84\x01\x02\x03\x04\x80",
	    8), 0);
	ck_assert_int_eq(enr_set(&b, "x", "", 0), -1);
	ck_assert_int_eq(enr_set(&b, "x", "\x01\x02", 2), -1);
	ck_assert_int_eq(enr_set(&b, "x", "\x82\x01", 2), -1);
	ck_assert_int_eq(enr_set(&b, "x", "\x81\x01", 2), -1);
	b = none;
	ck_assert_int_eq(enr_set_endpoint(&b, &(struct addr){ 0 }, 1), -1);
	ck_assert_mem_eq(&b, &none, sizeof(b));
}
END_TEST

static void
check_ends(const struct enr *e, const char *udp4, int tcp4, const char *udp6,
    int tcp6)
{
	struct addr	 a;
	char		 buf[ADDR_STRLEN];
	uint16_t	 tcp;

	ck_assert_int_eq(enr_endpoint(e, 4, &a, &tcp), udp4 == NULL ? -1 : 0);
	ck_assert_str_eq(addr_format(&a, buf), udp4 == NULL ? "-" : udp4);
	ck_assert_int_eq(tcp, tcp4);
	ck_assert_int_eq(enr_endpoint(e, 6, &a, &tcp), udp6 == NULL ? -1 : 0);
	ck_assert_str_eq(addr_format(&a, buf), udp6 == NULL ? "-" : udp6);
	ck_assert_int_eq(tcp, tcp6);
}

static void
set_end(struct enr_build *b, const char *udp, uint16_t tcp)
{
	struct addr	 a;

	ck_assert_int_eq(addr_parse(&a, udp), 0);
	ck_assert_int_eq(enr_set_endpoint(b, &a, tcp), 0);
}

START_TEST(endpoints)
{
	static const uint8_t	 mapped[16] = { [10] = 0xff, [11] = 0xff, 1, 2, 3, 4 };
	struct enr_build	 b;
	struct enr		 e;
	const uint8_t		*p;
	size_t			 n;

	ck_assert_int_eq(enr_build_init(&b, 1, pub), 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	check_ends(&e, NULL, 0, NULL, 0);
	/* the port of IPv4 is that of IPv6, and not said twice */
	set_end(&b, "192.0.2.1:30301", 30303);
	set_end(&b, "[2001:db8::1]:30301", 30303);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	check_ends(&e, "192.0.2.1:30301", 30303, "[2001:db8::1]:30301", 30303);
	ck_assert_int_eq(enr_get(&e, "udp6", &p, &n), -1);
	ck_assert_int_eq(enr_get(&e, "tcp6", &p, &n), -1);
	/* both differ */
	set_end(&b, "[2001:db8::1]:4", 5);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	check_ends(&e, "192.0.2.1:30301", 30303, "[2001:db8::1]:4", 5);
	/* and the ports go when they are no more */
	set_end(&b, "[2001:db8::1]:30301", 30303);
	set_end(&b, "192.0.2.1:7", 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	check_ends(&e, "192.0.2.1:7", 0, "[2001:db8::1]:7", 0);

	/* addresses that are none */
	ck_assert_int_eq(enr_set_bytes(&b, "ip6", mapped, 16), 0);
	ck_assert_int_eq(enr_set_bytes(&b, "ip", mapped, 3), 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	check_ends(&e, NULL, 0, NULL, 0);
	/* ports that are none */
	ck_assert_int_eq(enr_set_bytes(&b, "ip", mapped, 4), 0);
	ck_assert_int_eq(enr_set_uint(&b, "udp", 65536), 0);
	ck_assert_int_eq(enr_set(&b, "tcp", "\xc0", 1), 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	check_ends(&e, "0.0.0.0:0", 0, NULL, 0);
}
END_TEST

START_TEST(walk)
{
	static const char *const keys[] = { "id", "ip", "secp256k1", "udp" };
	struct enr	 e, none = { 0 };
	const uint8_t	*k, *v;
	uint8_t		 key[SECP_PUB];
	const char	*err;
	size_t		 it = 0, kn, vn, i = 0;

	ck_assert_int_eq(enr_parse(&e, key, TEXT, &err), 0);
	while (enr_next(&e, &it, &k, &kn, &v, &vn)) {
		ck_assert_uint_lt(i, nitems_of(keys));
		ck_assert_uint_eq(kn, strlen(keys[i]));
		ck_assert_mem_eq(k, keys[i], kn);
		i++;
	}
	ck_assert_uint_eq(i, nitems_of(keys));
	it = 0;
	ck_assert_int_eq(enr_next(&none, &it, &k, &kn, &v, &vn), 0);
	ck_assert_int_eq(enr_get(&none, "id", &v, &vn), -1);
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("enr");
	TCase		*tc = tcase_create("enr");
	SRunner		*sr;
	int		 failed;

	tcase_add_unchecked_fixture(tc, setup, NULL);
	tcase_add_test(tc, published);
	tcase_add_test(tc, others);
	tcase_add_test(tc, made);
	tcase_add_test(tc, truncated);
	tcase_add_test(tc, every_bit);
	tcase_add_test(tc, high_s);
	tcase_add_test(tc, bad_text);
	tcase_add_test(tc, pairs);
	tcase_add_test(tc, forms);
	tcase_add_test(tc, unverified);
	tcase_add_test(tc, size);
	tcase_add_test(tc, sequences);
	tcase_add_test(tc, values);
	tcase_add_test(tc, endpoints);
	tcase_add_test(tc, walk);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
