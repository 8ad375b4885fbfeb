/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire/discv4.h"
#include "common/wire/enr.h"
#include "regress/fuzz/fuzz.h"

static void
check_fields(const struct d4_packet *k)
{
	uint32_t	 i;

	switch (k->type) {
	case D4_PING:
		FUZZ_CHECK(k->ping.from.addr.af == 0 ||
		    k->ping.from.addr.af == 4 || k->ping.from.addr.af == 6);
		break;
	case D4_NEIGHBORS:
		FUZZ_CHECK(k->neighbors.n <= D4_NODES_MAX);
		for (i = 0; i < k->neighbors.n; i++)
			FUZZ_CHECK(!addr_is_any(&k->neighbors.v[i].addr) &&
			    k->neighbors.v[i].addr.af != 0);
		break;
	case D4_ENRRESPONSE:
		FUZZ_CHECK(k->enrresponse.len > 0 &&
		    k->enrresponse.len <= ENR_MAX);
		break;
	default:
		break;
	}
}

/* What was understood is said again, and that is understood as the same. */
static void
check_twin(const struct d4_packet *k)
{
	struct d4_packet	 twin;
	uint8_t			 buf[D4_MAX], again[D4_MAX], pub[SECP_PUB];
	size_t			 n, m;

	FUZZ_CHECK(d4_sign(k, buf, &n, fuzz_priv(0)) == 0);
	FUZZ_CHECK(d4_check(buf, n) == D4_OK);
	FUZZ_CHECK(d4_recover(pub, buf, n) == 0);
	FUZZ_CHECK(memcmp(pub, fuzz_pub(0), sizeof(pub)) == 0);
	FUZZ_CHECK(d4_decode(&twin, buf, n) == D4_OK);
	FUZZ_CHECK(twin.expiration == k->expiration);
	FUZZ_CHECK(d4_sign(&twin, again, &m, fuzz_priv(0)) == 0);
	FUZZ_CHECK(m == n && memcmp(again, buf, n) == 0);
}

/* A first byte that is odd asks for the hash to be put right. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	struct d4_packet	 k;
	struct fuzz		 f;
	uint8_t			*data, mode, pub[SECP_PUB], sig[SECP_SIG];
	size_t			 n;

	fuzz_begin(&f, bytes, nbytes);
	mode = fuzz_u8(&f);
	data = fuzz_copy(&f, f.len, &n);
	if ((mode & 1) && n >= D4_MIN) {
		memcpy(sig, data + D4_HASH, sizeof(sig));
		d4_seal(data, n, sig);
	}
	if (d4_check(data, n) == D4_OK) {
		if (d4_decode(&k, data, n) == D4_OK) {
			check_fields(&k);
			check_twin(&k);
			d4_expired(&k, 0);
		}
		if (d4_recover(pub, data, n) == 0)
			FUZZ_CHECK(secp_pub_valid(pub) == 0);
	}
	free(data);
	return 0;
}
