/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/crypto/keccak.h"
#include "common/wire/discv4.h"
#include "common/wire/enr.h"
#include "common/wire/rlp.h"

#define PRIV	"b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"
#define PUB								\
	"ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138" \
	"7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f"
#define WHEN	1136239445

/* The packets of EIP-8, all signed by this key. */
enum { PING, PING_MORE, PING_STRANGE, FINDNODE, PONG, NEIGHBORS };
static const char *const eip8[] = {
	[PING] = "71dbda3a79554728d4f94411e42ee1f8b0d561c10e1e5f5893367948c6a7d70b"
	    "b87b235fa28a77070271b6c164a2dce8c7e13a5739b53b5e96f2e5acb0e458a0"
	    "2902f5965d55ecbeb2ebb6cabb8b2b232896a36b737666c55265ad0a68412f25"
	    "0001ea04cb847f000001820cfa8215a8d7900000000000000000000000000000"
	    "00018208ae820d058443b9a355",
	[PING_MORE] = "e9614ccfd9fc3e74360018522d30e1419a143407ffcce748de3e22116b7e8dc9"
	    "2ff74788c0b6663aaa3d67d641936511c8f8d6ad8698b820a7cf9e1be7155e9a"
	    "241f556658c55428ec0563514365799a4be2be5a685a80971ddcfa80cb422cdd"
	    "0101ec04cb847f000001820cfa8215a8d7900000000000000000000000000000"
	    "00018208ae820d058443b9a3550102",
	[PING_STRANGE] = "577be4349c4dd26768081f58de4c6f375a7a22f3f7adda654d1428637412c3d7"
	    "fe917cadc56d4e5e7ffae1dbe3efffb9849feb71b262de37977e7c7a44e67729"
	    "5680e9e38ab26bee2fcbae207fba3ff3d74069a50b902a82c9903ed37cc993c5"
	    "0001f83e82022bd79020010db83c4d001500000000abcdef12820cfa8215a8d7"
	    "9020010db885a308d313198a2e037073488208ae82823a8443b9a355c5010203"
	    "040531b9019afde696e582a78fa8d95ea13ce3297d4afb8ba6433e4154caa5ac"
	    "6431af1b80ba76023fa4090c408f6b4bc3701562c031041d4702971d102c9ab7"
	    "fa5eed4cd6bab8f7af956f7d565ee1917084a95398b6a21eac920fe3dd1345ec"
	    "0a7ef39367ee69ddf092cbfe5b93e5e568ebc491983c09c76d922dc3",
	[FINDNODE] = "c7c44041b9f7c7e41934417ebac9a8e1a4c6298f74553f2fcfdcae6ed6fe5316"
	    "3eb3d2b52e39fe91831b8a927bf4fc222c3902202027e5e9eb812195f95d2006"
	    "1ef5cd31d502e47ecb61183f74a504fe04c51e73df81f25c4d506b26db451749"
	    "0103f84eb840ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc140"
	    "0f3258cd31387574077f301b421bc84df7266c44e9e6d569fc56be0081290476"
	    "7bf5ccd1fc7f8443b9a35582999983999999280dc62cc8255c73471e0a61da0c"
	    "89acdc0e035e260add7fc0c04ad9ebf3919644c91cb247affc82b69bd2ca235c"
	    "71eab8e49737c937a2c396",
	[PONG] = "09b2428d83348d27cdf7064ad9024f526cebc19e4958f0fdad87c15eb598dd61"
	    "d08423e0bf66b2069869e1724125f820d851c136684082774f870e614d95a285"
	    "5d000f05d1648b2d5945470bc187c2d2216fbe870f43ed0909009882e176a46b"
	    "0102f846d79020010db885a308d313198a2e037073488208ae82823aa0fbc914"
	    "b16819237dcd8801d7e53f69e9719adecb3cc0e790c57e91ca4461c9548443b9"
	    "a355c6010203c2040506a0c969a58f6f9095004c0177a6b47f451530cab38966"
	    "a25cca5cb58f055542124e",
	[NEIGHBORS] = "c679fc8fe0b8b12f06577f2e802d34f6fa257e6137a995f6f4cbfc9ee50ed371"
	    "0faf6e66f932c4c8d81d64343f429651328758b47d3dbc02c4042f0fff6946a5"
	    "0f4a49037a72bb550f3a7872363a83e1b9ee6469856c24eb4ef80b7535bcf99c"
	    "0004f9015bf90150f84d846321163782115c82115db8403155e1427f85f10a5c"
	    "9a7755877748041af1bcd8d474ec065eb33df57a97babf54bfd2103575fa8291"
	    "15d224c523596b401065a97f74010610fce76382c0bf32f84984010203040101"
	    "b840312c55512422cf9b8a4097e9a6ad79402e87a15ae909a4bfefa22398f03d"
	    "20951933beea1e4dfa6f968212385e829f04c2d314fc2d4e255e0d3bc08792b0"
	    "69dbf8599020010db83c4d001500000000abcdef12820d05820d05b840386432"
	    "00b172dcfef857492156971f0e6aa2c538d8b74010f8e140811d53b98c765dd2"
	    "d96126051913f44582e8c199ad7c6d6819e9a56483f637feaac9448aacf85990"
	    "20010db885a308d313198a2e037073488203e78203e8b8408dcab8618c3253b5"
	    "58d459da53bd8fa68935a719aff8b811197101a4b2b47dd2d47295286fc00cc0"
	    "81bb542d760717d1bdd6bec2c37cd72eca367d6dd3b9df738443b9a355010203"
	    "b525a138aa34383fec3d2719a0",
};

static uint8_t	 priv[SECP_PRIV], pub[SECP_PUB];

static void
setup(void)
{
	ck_assert_int_eq(secp_init(), 0);
	ck_assert_int_eq(hex_decode(priv, sizeof(priv), PRIV), 0);
	ck_assert_int_eq(hex_decode(pub, sizeof(pub), PUB), 0);
}

static size_t
unhex(uint8_t *buf, const char *hex)
{
	size_t		 n = strlen(hex) / 2;

	ck_assert_uint_le(n, D4_MAX);
	ck_assert_int_eq(hex_decode(buf, n, hex), 0);
	return n;
}

static void
decode(struct d4_packet *k, unsigned int which)
{
	uint8_t		 buf[D4_MAX], key[SECP_PUB];
	size_t		 n;

	n = unhex(buf, eip8[which]);
	ck_assert_int_eq(d4_check(buf, n), D4_OK);
	ck_assert_int_eq(d4_decode(k, buf, n), D4_OK);
	ck_assert_int_eq(d4_recover(key, buf, n), 0);
	ck_assert_mem_eq(key, pub, sizeof(key));
	ck_assert(k->expiration == WHEN);
	ck_assert_int_eq(d4_expired(k, WHEN), 0);
	ck_assert_int_eq(d4_expired(k, WHEN + 1), 1);
}

static void
addr_is(const struct addr *a, const char *text)
{
	char		 buf[ADDR_STRLEN];

	ck_assert_str_eq(addr_format(a, buf), text);
}

START_TEST(published)
{
	static const char *const addrs[] = { "99.33.22.55:4444", "1.2.3.4:1",
	    "[2001:db8:3c4d:15::abcd:ef12]:3333",
	    "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:999" };
	static const uint16_t	 tcp[] = { 4445, 1, 3333, 1000 };
	static const uint8_t	 first[] = { 0x31, 0x31, 0x38, 0x8d };
	struct d4_packet	 k;
	size_t			 i;

	decode(&k, PING);
	ck_assert_uint_eq(k.type, D4_PING);
	addr_is(&k.ping.from.addr, "127.0.0.1:3322");
	ck_assert_uint_eq(k.ping.from.tcp, 5544);
	addr_is(&k.ping.to.addr, "[::1]:2222");
	ck_assert_uint_eq(k.ping.to.tcp, 3333);
	ck_assert(k.ping.seq == 0);

	decode(&k, PING_MORE);
	addr_is(&k.ping.from.addr, "127.0.0.1:3322");
	ck_assert(k.ping.seq == 1);

	decode(&k, PING_STRANGE);
	ck_assert_uint_eq(k.type, D4_PING);
	addr_is(&k.ping.from.addr, "[2001:db8:3c4d:15::abcd:ef12]:3322");
	ck_assert_uint_eq(k.ping.from.tcp, 5544);
	addr_is(&k.ping.to.addr, "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:2222");
	ck_assert_uint_eq(k.ping.to.tcp, 33338);
	ck_assert(k.ping.seq == 0);		/* a list stands there */

	decode(&k, FINDNODE);
	ck_assert_uint_eq(k.type, D4_FINDNODE);
	ck_assert_mem_eq(k.findnode.target, pub, sizeof(pub));

	decode(&k, PONG);
	ck_assert_uint_eq(k.type, D4_PONG);
	addr_is(&k.pong.to.addr, "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:2222");
	ck_assert_mem_eq(k.pong.hash, "\xfb\xc9\x14\xb1\x68\x19\x23\x7d", 8);

	decode(&k, NEIGHBORS);
	ck_assert_uint_eq(k.type, D4_NEIGHBORS);
	ck_assert_uint_eq(k.neighbors.n, nitems_of(addrs));
	for (i = 0; i < nitems_of(addrs); i++) {
		addr_is(&k.neighbors.v[i].addr, addrs[i]);
		ck_assert_uint_eq(k.neighbors.v[i].tcp, tcp[i]);
		ck_assert_uint_eq(k.neighbors.v[i].key[0], first[i]);
	}
}
END_TEST

/* A packet of any data, well sealed. */
static size_t
compose(uint8_t *buf, unsigned int type, const void *data, size_t n)
{
	uint8_t		 hash[32], sig[SECP_SIG];

	ck_assert_uint_le(D4_MIN + n, D4_MAX);
	buf[D4_SIGNED] = (uint8_t)type;
	memcpy(buf + D4_MIN, data, n);
	d4_digest(buf, D4_MIN + n, hash);
	ck_assert_int_eq(secp_sign(sig, hash, priv), 0);
	d4_seal(buf, D4_MIN + n, sig);
	return D4_MIN + n;
}

START_TEST(checks)
{
	uint8_t		 buf[D4_MAX + 1] = { 0 }, key[SECP_PUB];
	size_t		 n, i;
	unsigned int	 v;

	/* every truncation, sealed or not; every length beyond */
	n = unhex(buf, eip8[PING]);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(d4_check(buf, i),
		    i < D4_MIN ? D4_ESIZE : D4_EHASH);
	ck_assert_int_eq(d4_check(buf, D4_MAX), D4_EHASH);
	ck_assert_int_eq(d4_check(buf, D4_MAX + 1), D4_ESIZE);
	/* every bit */
	for (i = 0; i < n * 8; i++) {
		buf[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_ne(d4_check(buf, n), D4_OK);
		buf[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ck_assert_int_eq(d4_check(buf, n), D4_OK);
	for (v = 0; v < 256; v++) {
		n = compose(buf, v, "\xc0", 1);
		ck_assert_int_eq(d4_check(buf, n),
		    v >= D4_PING && v <= D4_ENRRESPONSE ? D4_OK : D4_ETYPE);
	}
	/* every recovery id: of four one is ours, the rest is none */
	n = unhex(buf, eip8[PING]);
	for (v = 0; v < 256; v++) {
		buf[D4_SIGNED - 1] = (uint8_t)v;
		keccak256(buf, buf + D4_HASH, n - D4_HASH);
		ck_assert_int_eq(d4_check(buf, n), D4_OK);
		memset(key, 0, sizeof(key));
		if (d4_recover(key, buf, n) == 0)
			ck_assert_uint_lt(v, 4);
		ck_assert_int_eq(memcmp(key, pub, sizeof(key)) == 0, v == 1 ||
		    v == 0 ? eip8[PING][2 * D4_SIGNED - 1] - '0' == (int)v : 0);
	}
	/* r and s that are none */
	memset(buf + D4_HASH, 0, SECP_SIG);
	ck_assert_int_eq(d4_recover(key, buf, n), -1);
	memset(buf + D4_HASH, 0xff, SECP_SIG);
	ck_assert_int_eq(d4_recover(key, buf, n), -1);
	buf[D4_SIGNED - 1] = 0;
	ck_assert_int_eq(d4_recover(key, buf, n), -1);
}
END_TEST

/* Every truncation of a packet's data, hashed anew: no list is whole. */
START_TEST(truncated)
{
	struct d4_packet	 k;
	uint8_t			 buf[D4_MAX], *cut;
	size_t			 i, j, n, whole;

	for (i = 0; i < nitems_of(eip8); i++) {
		n = unhex(buf, eip8[i]);
		whole = D4_MIN + (buf[D4_MIN] < 0xf8 ? 1 + buf[D4_MIN] - 0xc0U :
		    buf[D4_MIN] == 0xf8 ? 2U + buf[D4_MIN + 1] :
		    3U + (size_t)(buf[D4_MIN + 1] << 8 | buf[D4_MIN + 2]));
		for (j = 0; j <= n; j++) {
			cut = malloc(j + 1);
			memcpy(cut, buf, j);
			ck_assert_int_eq(d4_decode(&k, cut, j), j < D4_MIN ?
			    D4_ESIZE : j < whole ? D4_EFORM : D4_OK);
			free(cut);
		}
	}
}
END_TEST

static enum d4_err
decode_hex(struct d4_packet *k, unsigned int type, const char *hex)
{
	static uint8_t	 buf[D4_MAX];
	uint8_t		 data[D4_MAX];
	size_t		 n;

	n = unhex(data, hex);
	n = compose(buf, type, data, n);
	ck_assert_int_eq(d4_check(buf, n), D4_OK);
	return d4_decode(k, buf, n);
}

#define H8	"0102030405060708"
#define H32	H8 H8 H8 H8
#define H64	H32 H32
#define EXP	"8443b9a355"

START_TEST(forms)
{
	static const struct {
		unsigned int	 type;
		const char	*hex;
		int		 ok;
	} cases[] = {
		/* version, from and to may be anything */
		{ D4_PING, "c8" "80" "80" "80" EXP, 1 },
		{ D4_PING, "c8" "c0" "c0" "c0" EXP, 1 },
		{ D4_PING, "cb" "04" "c28080" "c101" EXP, 1 },
		{ D4_PING, "c3" "04" "c0" "c0", 0 },	/* no expiration */
		{ D4_PING, "c4" "04" "c0" "c0" "c0", 0 },
		{ D4_PING, "c4" "04" "c0" "c0" "00", 0 },	/* leading zero */
		{ D4_PING, "c4" "04" "c0" "c0" "80", 1 },
		{ D4_PING, "cd" "04" "c0" "c0" "89010000000000000000", 0 },
		{ D4_PING, "84" "04" "c0" "c0" "80", 0 },
		{ D4_PING, "c4" "04" "c0" "c0" "80" "ffffff", 1 },	/* behind */
		{ D4_PING, "c6" "04" "c0" "c0" "80" "01" "ff", 1 },	/* more, broken */
		{ D4_PONG, "e3" "c0" "a0" H32 "80", 1 },
		{ D4_PONG, "e3" "80" "a0" H32 "80", 1 },
		{ D4_PONG, "e2" "c0" "a0" H32, 0 },
		{ D4_PONG, "c3" "c0" "80" "80", 0 },		/* hash of another size */
		{ D4_PONG, "c3" "c0" "c0" "80", 0 },
		{ D4_FINDNODE, "f843" "b840" H64 "80", 1 },
		{ D4_FINDNODE, "f842" "b840" H64, 0 },
		{ D4_FINDNODE, "e2" "a0" H32 "80", 0 },
		{ D4_FINDNODE, "c2" "c0" "80", 0 },
		{ D4_NEIGHBORS, "c2" "c0" "80", 1 },
		{ D4_NEIGHBORS, "c2" "80" "80", 0 },
		{ D4_NEIGHBORS, "c1" "c0", 0 },
		{ D4_NEIGHBORS, "c4" "c2c080" "80", 1 },
		{ D4_NEIGHBORS, "c4" "c2c281" "80", 0 },
		{ D4_ENRREQUEST, "c1" "80", 1 },
		{ D4_ENRREQUEST, "c0", 0 },
		{ D4_ENRREQUEST, "c1" "c0", 0 },
		{ D4_ENRREQUEST, "c3" "80c1c0", 1 },
		{ D4_ENRRESPONSE, "e2" "a0" H32 "c0", 1 },
		{ D4_ENRRESPONSE, "e3" "a0" H32 "c0" "01", 1 },
		{ D4_ENRRESPONSE, "e2" "a0" H32 "80", 0 },
		{ D4_ENRRESPONSE, "e1" "a0" H32, 0 },
		{ D4_ENRRESPONSE, "c2" "80" "c0", 0 }
	};
	struct d4_packet	 k;
	size_t			 i;

	for (i = 0; i < nitems_of(cases); i++)
		ck_assert_msg(decode_hex(&k, cases[i].type, cases[i].hex) ==
		    (cases[i].ok ? D4_OK : D4_EFORM), "case %zu: %s", i,
		    cases[i].hex);
}
END_TEST

START_TEST(expirations)
{
	static const struct {
		const char	*hex;
		int64_t		 want;
		int		 expired;
	} cases[] = {
		{ "c180", 0, 1 },
		{ "c58443b9a355", WHEN, 0 },
		{ "c58443b9a354", WHEN - 1, 1 },
		{ "c9887fffffffffffffff", INT64_MAX, 0 },
		{ "c9888000000000000000", INT64_MIN, 1 },
		{ "c9888000000000000001", INT64_MIN + 1, 1 },
		{ "c988ffffffffffffffff", -1, 1 },
		{ "c988ffffffff43b9a355", (int64_t)0xffffffff43b9a355, 1 }
	};
	struct d4_packet	 k;
	size_t			 i;

	for (i = 0; i < nitems_of(cases); i++) {
		ck_assert_int_eq(decode_hex(&k, D4_ENRREQUEST, cases[i].hex),
		    D4_OK);
		ck_assert(k.expiration == cases[i].want);
		ck_assert_int_eq(d4_expired(&k, WHEN), cases[i].expired);
	}
	ck_assert_int_eq(decode_hex(&k, D4_ENRRESPONSE, "e2a0" H32 "c0"), D4_OK);
	ck_assert_int_eq(d4_expired(&k, WHEN), 0);
}
END_TEST

START_TEST(leniency)
{
	struct d4_packet	 k;

	/* 4-in-6 is IPv4; a port of 65536 and an address of 5 bytes are none */
	ck_assert_int_eq(decode_hex(&k, D4_PING, "df"
	    "04" "d79000000000000000000000ffff01020304820102820304" "c0" EXP), D4_OK);
	addr_is(&k.ping.from.addr, "1.2.3.4:258");
	ck_assert_uint_eq(k.ping.from.tcp, 0x304);
	ck_assert_int_eq(k.ping.to.addr.af, 0);
	ck_assert_int_eq(decode_hex(&k, D4_PING, "d2"
	    "04" "ca840102030483010000" "80" "c0" EXP), D4_OK);
	addr_is(&k.ping.from.addr, "-");
	ck_assert_int_eq(decode_hex(&k, D4_PING, "d1"
	    "04" "c985010203040501" "02" "03" "c0" EXP), D4_OK);
	addr_is(&k.ping.from.addr, "-");
	ck_assert_int_eq(decode_hex(&k, D4_PING, "d0"
	    "04" "c884010203040102" "03" "c0" EXP), D4_OK);
	addr_is(&k.ping.from.addr, "1.2.3.4:1");
	ck_assert_uint_eq(k.ping.from.tcp, 2);
	/* a sequence of too many bytes, or a string, is none */
	ck_assert_int_eq(decode_hex(&k, D4_PING, "d2" "04c0c0" EXP
	    "89010203040506070809"), D4_OK);
	ck_assert(k.ping.seq == 0);
	ck_assert_int_eq(decode_hex(&k, D4_PING, "d1" "04c0c0" EXP
	    "88ffffffffffffffff"), D4_OK);
	ck_assert(k.ping.seq == UINT64_MAX);
}
END_TEST

/* Nodes that nobody could be reached at are left out, the rest is taken. */
START_TEST(neighbors)
{
	static const char *const nodes[] = {
		"f849" "8401020304" "01" "02" "b840" H64,	/* good */
		"f849" "8400000000" "01" "02" "b840" H64,
		"f845" "80" "01" "02" "b840" H64,
		"f848" "83010203" "01" "02" "b840" H64,
		"f84c" "8401020304" "83010000" "02" "b840" H64,
		"e8" "8401020304" "01" "02" "a0" H32,
		"c0", "80", "01", "c7" "8401020304" "01" "02",
		"f84b" "8401020304" "03" "02" "b840" H64 "c0" "80",	/* good */
		"f855" "9000000000000000000000000000000000" "01" "02" "b840" H64,
		"f855" "9000000000000000000000ffff01020304" "05" "02" "b840" H64,
		"f855" "9020010db8000000000000000000000001" "07" "08" "b840" H64
	};
	static const char	*const want[] = { "1.2.3.4:1", "1.2.3.4:3",
	    "1.2.3.4:5", "[2001:db8::1]:7" };
	struct d4_packet	 k;
	struct rlpw		 w;
	uint8_t			 data[D4_MAX], item[200], buf[D4_MAX];
	size_t			 i, n;

	rlpw_init(&w, data, sizeof(data));
	rlpw_list(&w);
	rlpw_list(&w);
	for (i = 0; i < nitems_of(nodes); i++) {
		n = unhex(item, nodes[i]);
		rlpw_raw(&w, item, n);
	}
	rlpw_end(&w);
	rlpw_uint(&w, WHEN);
	rlpw_end(&w);
	ck_assert_int_eq(rlpw_finish(&w, &n), 0);
	n = compose(buf, D4_NEIGHBORS, data, n);
	ck_assert_int_eq(d4_decode(&k, buf, n), D4_OK);
	ck_assert_uint_eq(k.neighbors.n, nitems_of(want));
	for (i = 0; i < nitems_of(want); i++)
		addr_is(&k.neighbors.v[i].addr, want[i]);
	ck_assert_uint_eq(k.neighbors.v[3].tcp, 8);
}
END_TEST

static void
fill_nodes(struct d4_packet *k, uint32_t n, const char *addr)
{
	uint32_t	 i;

	k->neighbors.n = n;
	for (i = 0; i < n && i < D4_NODES_MAX; i++) {
		ck_assert_int_eq(addr_parse(&k->neighbors.v[i].addr, addr), 0);
		k->neighbors.v[i].tcp = 65535;
		memset(k->neighbors.v[i].key, (int)i + 1, SECP_PUB);
	}
}

static void
round_trip(const struct d4_packet *k)
{
	struct d4_packet	 twin;
	uint8_t			 buf[D4_MAX], again[D4_MAX], key[SECP_PUB];
	size_t			 n, m;

	ck_assert_int_eq(d4_sign(k, buf, &n, priv), 0);
	ck_assert_int_eq(d4_check(buf, n), D4_OK);
	ck_assert_int_eq(d4_recover(key, buf, n), 0);
	ck_assert_mem_eq(key, pub, sizeof(key));
	ck_assert_int_eq(d4_decode(&twin, buf, n), D4_OK);
	ck_assert_uint_eq(twin.type, k->type);
	ck_assert(twin.expiration == k->expiration);
	ck_assert_int_eq(d4_sign(&twin, again, &m, priv), 0);
	ck_assert_uint_eq(m, n);
	ck_assert_mem_eq(again, buf, n);
}

START_TEST(round_trips)
{
	struct d4_packet	 k = { .type = D4_PING, .expiration = WHEN };
	struct enr_build	 b;
	struct enr		 e;
	uint8_t			 buf[D4_MAX];
	size_t			 n;

	round_trip(&k);
	ck_assert_int_eq(addr_parse(&k.ping.from.addr, "192.0.2.1:30301"), 0);
	ck_assert_int_eq(addr_parse(&k.ping.to.addr, "[2001:db8::1]:65535"), 0);
	k.ping.from.tcp = 30303;
	k.ping.seq = UINT64_MAX;
	k.expiration = -5;
	round_trip(&k);

	memset(&k, 0, sizeof(k));
	k.type = D4_PONG;
	k.expiration = INT64_MAX;
	memset(k.pong.hash, 5, sizeof(k.pong.hash));
	round_trip(&k);
	k.pong.seq = 3;
	round_trip(&k);

	k.type = D4_FINDNODE;
	memcpy(k.findnode.target, pub, sizeof(pub));
	round_trip(&k);

	k.type = D4_NEIGHBORS;
	fill_nodes(&k, 0, NULL);
	round_trip(&k);
	fill_nodes(&k, D4_NODES_OUT, "[2001:db8::1]:65535");
	round_trip(&k);
	ck_assert_int_eq(d4_encode(&k, buf, &n), 0);
	k.expiration = -1;
	round_trip(&k);
	fill_nodes(&k, D4_NODES_OUT + 1, "[2001:db8::1]:65535");
	ck_assert_int_eq(d4_encode(&k, buf, &n), -1);
	fill_nodes(&k, D4_NODES_MAX + 1, "192.0.2.1:1");
	ck_assert_int_eq(d4_encode(&k, buf, &n), -1);

	k.type = D4_ENRREQUEST;
	round_trip(&k);

	ck_assert_int_eq(enr_build_init(&b, 5, pub), 0);
	ck_assert_int_eq(enr_sign(&e, &b, priv), 0);
	memset(&k, 0, sizeof(k));
	k.type = D4_ENRRESPONSE;
	k.enrresponse.record = e.raw;
	k.enrresponse.len = e.len;
	round_trip(&k);
	k.enrresponse.len = ENR_MAX + 1;
	ck_assert_int_eq(d4_encode(&k, buf, &n), -1);

	k.type = 0;
	ck_assert_int_eq(d4_encode(&k, buf, &n), -1);
	k.type = D4_NTYPES;
	ck_assert_int_eq(d4_encode(&k, buf, &n), -1);
}
END_TEST

/* Our ping is that of the vector, byte for byte but for the signature. */
START_TEST(bytes)
{
	struct d4_packet	 k = { .type = D4_PING, .expiration = WHEN };
	uint8_t			 buf[D4_MAX], want[D4_MAX];
	size_t			 n;

	ck_assert_int_eq(addr_parse(&k.ping.from.addr, "127.0.0.1:3322"), 0);
	k.ping.from.tcp = 5544;
	ck_assert_int_eq(addr_parse(&k.ping.to.addr, "[::1]:2222"), 0);
	k.ping.to.tcp = 3333;
	ck_assert_int_eq(d4_sign(&k, buf, &n, priv), 0);
	ck_assert_uint_eq(n, unhex(want, eip8[PING]));
	ck_assert_mem_eq(buf + D4_SIGNED, want + D4_SIGNED, n - D4_SIGNED);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(d4_name(D4_PING), "ping");
	ck_assert_str_eq(d4_name(D4_ENRRESPONSE), "enrresponse");
	ck_assert_str_eq(d4_name(0), "unknown");
	ck_assert_str_eq(d4_name(D4_NTYPES), "unknown");
	ck_assert_str_eq(d4_strerror(D4_EHASH), "bad hash");
	ck_assert_str_eq(d4_strerror(D4_ESIG), "bad signature");
}
END_TEST

int
main(void)
{
	Suite		*s = suite_create("discv4");
	TCase		*tc = tcase_create("discv4");
	SRunner		*sr;
	int		 failed;

	tcase_add_unchecked_fixture(tc, setup, NULL);
	tcase_add_test(tc, published);
	tcase_add_test(tc, checks);
	tcase_add_test(tc, truncated);
	tcase_add_test(tc, forms);
	tcase_add_test(tc, expirations);
	tcase_add_test(tc, leniency);
	tcase_add_test(tc, neighbors);
	tcase_add_test(tc, round_trips);
	tcase_add_test(tc, bytes);
	tcase_add_test(tc, names);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
