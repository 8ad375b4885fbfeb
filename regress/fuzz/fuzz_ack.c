/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/crypto/ecies.h"
#include "regress/fuzz/fuzz.h"

static const uint8_t	auth[] = "the auth that this ack answers";

/* As the dialer: key 0 is the node's. */
static int
open_ack(const uint8_t *pkt, size_t len)
{
	struct rlpx_state state;
	struct rlpx_keys keys;
	struct rlpx_ack	 ack;
	uint8_t		 point[SECP_PUB], x[32];

	if (len < 2 || rlpx_packet_len(pkt) != len ||
	    ecies_point(point, pkt + 2, len - 2) == -1)
		return -1;
	secp_ecdh_x_uniform(x, fuzz_priv(0), point);
	if (rlpx_ack_open(&ack, pkt, len, x) == -1)
		return -1;
	FUZZ_CHECK(secp_pub_valid(ack.eph) == 0);
	FUZZ_CHECK(rlpx_keys_make(&keys) == 0);
	FUZZ_CHECK(rlpx_secrets(&state, 1, &keys, ack.eph, ack.nonce, auth,
	    sizeof(auth), pkt, len) == 0);
	return 0;
}

static void
open_sealed(struct fuzz *f)
{
	static const uint8_t	 iv[16] = { 1 };
	uint8_t			 pkt[RLPX_HS_MAX], *body;
	size_t			 n, len;

	body = fuzz_copy(f, RLPX_HS_MAX - 2 - ECIES_OVERHEAD, &n);
	len = n + ECIES_OVERHEAD;
	pkt[0] = (uint8_t)(len >> 8);
	pkt[1] = (uint8_t)len;
	FUZZ_CHECK(ecies_seal_with(pkt + 2, body, n, fuzz_pub(0), pkt, 2,
	    fuzz_priv(1), iv) == 0);
	open_ack(pkt, 2 + len);
	free(body);
}

static void
open_changed(struct fuzz *f)
{
	struct rlpx_keys keys;
	uint8_t		 pkt[RLPX_HS_MAX], change;
	size_t		 len, at;

	FUZZ_CHECK(rlpx_keys_make(&keys) == 0);
	FUZZ_CHECK(rlpx_ack_make(pkt, &len, &keys, fuzz_pub(0)) == 0);
	at = fuzz_u16(f) % len;
	change = fuzz_u8(f);
	pkt[at] ^= change;
	FUZZ_CHECK((open_ack(pkt, len) == 0) == (change == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz	 f;
	uint8_t		*pkt;
	size_t		 n;

	fuzz_begin(&f, data, size);
	switch (fuzz_u8(&f) % 3) {
	case 0:
		open_sealed(&f);
		break;
	case 1:
		open_changed(&f);
		break;
	default:
		pkt = fuzz_copy(&f, f.len, &n);
		open_ack(pkt, n);
		free(pkt);
	}
	return 0;
}
