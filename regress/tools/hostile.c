/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/crypto/ecies.h"
#include "common/wire/rlp.h"
#include "regress/tools/hostile.h"

/*
 * x = p + 1 and the y that belongs to x = 1: on the curve for whoever reduces
 * coordinates modulo p before the check.
 */
static const char over_p[] =
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30"
    "4218f20ae6c646b363db68605822fb14264ca8d2587fdd6fbc750d587e76a7ee";

static const char *const point_names[] = { "good", "off-curve", "over-p",
    "zero", NULL };
static const char *const id_names[] = { "good", "null", "foreign", "short",
    NULL };
static const char *const part_names[] = { "none", "header", "header-mac",
    "body", "body-mac", NULL };

void
hostile_init(struct hostile *h)
{
	memset(h, 0, sizeof(*h));
	h->hs_len = -1;
}

void
hostile_usage(void)
{
	fputs("faults (-x, and set in a script):\n"
	    "  hs-len=N            our auth or ack announces and has N bytes (0 to 65535)\n"
	    "  hs-fill=random|real random bytes, or the real packet cut or padded\n"
	    "  ecies-point=FAULT   the point it begins with: off-curve, over-p, zero\n"
	    "  key-point=FAULT     the key in it: static in an auth, ephemeral in an ack\n"
	    "  id=null|foreign|short\n"
	    "                      the key in Hello\n"
	    "  caps=N dup-caps=N   N more capabilities, each N times more, in Hello\n"
	    "  odd-caps=1          capabilities of odd names and versions too\n"
	    "  flip=PART:N         a bit of byte N of the next frame: PART is header,\n"
	    "                      header-mac, body, body-mac\n", stdout);
}

static int
lookup(const char *const *names, const char *s, size_t n)
{
	int	 i;

	for (i = 0; names[i] != NULL; i++)
		if (strlen(names[i]) == n && strncmp(names[i], s, n) == 0)
			return i;
	return -1;
}

static int
number(const char *s, long max)
{
	char	*end;
	long	 v = strtol(s, &end, 0);

	return *s == '\0' || *end != '\0' || v < 0 || v > max ? -1 : (int)v;
}

static int
set_flip(struct hostile *h, const char *v)
{
	int	 part, at;

	part = lookup(part_names, v, strcspn(v, ":"));
	v += strcspn(v, ":");
	if (part == -1 || *v != ':' || (at = number(v + 1, 1 << 24)) == -1)
		return -1;
	h->flip = (enum frame_part)part;
	h->flip_at = (size_t)at;
	return 0;
}

int
hostile_set(struct hostile *h, const char *s)
{
	const char	*v = strchr(s, '=');
	size_t		 n;
	int		 x = 0;

	if (v == NULL)
		return -1;
	n = (size_t)(v++ - s);
#define IS(name)	(n == sizeof(name) - 1 && strncmp(s, name, n) == 0)
	if (IS("hs-len"))
		h->hs_len = x = number(v, 65535);
	else if (IS("hs-fill"))
		h->hs_random = strcmp(v, "random") == 0;
	else if (IS("ecies-point"))
		h->ecies = (enum point_fault)(x = lookup(point_names, v, strlen(v)));
	else if (IS("key-point"))
		h->key = (enum point_fault)(x = lookup(point_names, v, strlen(v)));
	else if (IS("id"))
		h->id = (enum id_fault)(x = lookup(id_names, v, strlen(v)));
	else if (IS("caps"))
		h->caps = (unsigned int)(x = number(v, 100000));
	else if (IS("dup-caps"))
		h->dup = (unsigned int)(x = number(v, 100000));
	else if (IS("odd-caps"))
		h->odd = x = number(v, 1);
	else if (IS("flip"))
		x = set_flip(h, v);
	else
		x = -1;
#undef IS
	return x == -1 ? -1 : 0;
}

static void
spoil(uint8_t pub[SECP_PUB], enum point_fault f)
{
	switch (f) {
	case POINT_GOOD:
		break;
	case POINT_OFF_CURVE:
		pub[SECP_PUB - 1] ^= 1;
		break;
	case POINT_OVER_P:
		(void)hex_decode(pub, SECP_PUB, over_p);
		break;
	case POINT_ZERO:
		memset(pub, 0, SECP_PUB);
		break;
	}
}

/* The list inside an auth: signature, static key, nonce, version. */
static int
auth_body(const struct hostile *h, struct peer *p, struct rlpw *w)
{
	uint8_t		 x[32], sig[SECP_SIG], pub[SECP_PUB];
	size_t		 i;

	if (secp_ecdh_x(x, p->priv, p->remote) == -1)
		return -1;
	for (i = 0; i < sizeof(x); i++)
		x[i] ^= p->keys.nonce[i];
	if (secp_sign(sig, x, p->keys.eph_priv) == -1)
		return -1;
	memcpy(pub, p->pub, sizeof(pub));
	spoil(pub, h->key);
	rlpw_list(w);
	rlpw_bytes(w, sig, sizeof(sig));
	rlpw_bytes(w, pub, sizeof(pub));
	rlpw_bytes(w, p->keys.nonce, sizeof(p->keys.nonce));
	rlpw_uint(w, 4);
	rlpw_end(w);
	return 0;
}

static int
ack_body(const struct hostile *h, struct peer *p, struct rlpw *w)
{
	uint8_t		 pub[SECP_PUB];

	memcpy(pub, p->keys.eph_pub, sizeof(pub));
	spoil(pub, h->key);
	rlpw_list(w);
	rlpw_bytes(w, pub, sizeof(pub));
	rlpw_bytes(w, p->keys.nonce, sizeof(p->keys.nonce));
	rlpw_uint(w, 4);
	rlpw_end(w);
	return 0;
}

int
hostile_packet(const struct hostile *h, struct peer *p, uint8_t *out,
    size_t *len)
{
	static uint8_t	 body[65536], sealed[65536 + ECIES_OVERHEAD];
	struct rlpw	 w;
	size_t		 n, total;

	rlpw_init(&w, body, 512);
	if ((p->state == PEER_ACK ? auth_body(h, p, &w) : ack_body(h, p, &w))
	    == -1 || rlpw_finish(&w, &n) == -1)
		return -1;
	memset(body + n, 0, sizeof(body) - n);
	total = h->hs_len == -1 ? n + RLPX_PAD_MIN + ECIES_OVERHEAD :
	    (size_t)h->hs_len;
	if (total > n + ECIES_OVERHEAD)
		n = total - ECIES_OVERHEAD;
	out[0] = (uint8_t)(total >> 8);
	out[1] = (uint8_t)total;
	if (ecies_seal(sealed, body, n, p->remote, out, 2) == -1)
		return -1;
	spoil(sealed + 1, h->ecies);
	if (h->hs_random)
		arc4random_buf(sealed, sizeof(sealed));
	memcpy(out + 2, sealed, total);
	*len = 2 + total;
	return 0;
}

static void
put_cap(struct rlpw *w, const char *name, size_t n, uint64_t version)
{
	rlpw_list(w);
	rlpw_bytes(w, name, n);
	rlpw_uint(w, version);
	rlpw_end(w);
}

static void
put_odd(struct rlpw *w)
{
	static const struct {
		const char	*s;
		size_t		 n;
	} odd[] = {
#define O(s)	{ s, sizeof(s) - 1 }
		O(""), O(" "), O("a b"), O("a/1"), O("a,b"), O("\0"), O("a\0b"),
		O("\n"), O("\x1b[31mred"), O("%s%n%s"), O("\xc3\xa9"),
		O("\xff\xfe"), O("123456789"), O("a\"b"), O("\\"), O("</a>"),
#undef O
	};
	char		 big[300];
	size_t		 i;

	for (i = 0; i < nitems_of(odd); i++)
		put_cap(w, odd[i].s, odd[i].n, i);
	memset(big, 'x', sizeof(big));
	put_cap(w, big, sizeof(big), 1);
	put_cap(w, "big", 3, UINT32_MAX);
	put_cap(w, "bigger", 6, (uint64_t)UINT32_MAX + 1);
	put_cap(w, "biggest", 7, UINT64_MAX);
}

static void
put_caps(const struct hostile *h, const struct hello_args *a, struct rlpw *w)
{
	char		 name[16];
	unsigned int	 round, i;

	rlpw_list(w);
	for (round = 0; round <= h->dup; round++) {
		for (i = 0; i < a->ncaps; i++)
			put_cap(w, a->caps[i].name, strlen(a->caps[i].name),
			    a->caps[i].version);
		for (i = 0; i < h->caps; i++) {
			snprintf(name, sizeof(name), "c%u", i);
			put_cap(w, name, strlen(name), i);
		}
		if (h->odd)
			put_odd(w);
	}
	rlpw_end(w);
}

int
hostile_hello(const struct hostile *h, const struct hello_args *a,
    const uint8_t id[SECP_PUB], uint8_t **out, size_t *len)
{
	uint8_t		 key[SECP_PUB], priv[SECP_PRIV];
	struct rlpw	 w;

	memcpy(key, id, sizeof(key));
	if (h->id == ID_NULL)
		memset(key, 0, sizeof(key));
	else if (h->id == ID_FOREIGN && secp_keygen(priv, key) == -1)
		return -1;
	if ((*out = malloc(FRAME_MAX)) == NULL)
		return -1;
	rlpw_init(&w, *out, FRAME_MAX);
	rlpw_list(&w);
	rlpw_uint(&w, a->version);
	rlpw_str(&w, a->client);
	put_caps(h, a, &w);
	rlpw_uint(&w, 0);
	rlpw_bytes(&w, key, h->id == ID_SHORT ? sizeof(key) - 1 : sizeof(key));
	rlpw_end(&w);
	return rlpw_finish(&w, len);
}

void
hostile_flip(struct hostile *h, uint8_t *frame, size_t len)
{
	size_t		 start[] = { 0, 0, 16, FRAME_HEAD, len - 16 };
	size_t		 end[] = { 0, 16, FRAME_HEAD, len - 16, len };
	size_t		 size = end[h->flip] - start[h->flip];

	if (h->flip == PART_NONE)
		return;
	frame[start[h->flip] + h->flip_at % size] ^= 1;
	h->flip = PART_NONE;
}
