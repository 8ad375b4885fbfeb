/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire/enode.h"
#include "common/wire/enr.h"
#include "regress/fuzz/fuzz.h"

/* All that is asked of a record, whether it can be verified or not. */
static void
check_values(const struct enr *e)
{
	const uint8_t	*k, *v, *again;
	struct addr	 a;
	uint64_t	 u;
	uint16_t	 tcp;
	size_t		 it = 0, kn, vn, n;
	char		 name[ENR_MAX + 1];

	while (enr_next(e, &it, &k, &kn, &v, &vn)) {
		FUZZ_CHECK(k >= e->raw && v + vn <= e->raw + e->len);
		if (memchr(k, '\0', kn) != NULL)
			continue;
		memcpy(name, k, kn);
		name[kn] = '\0';
		FUZZ_CHECK(enr_get(e, name, &again, &n) == 0);
		FUZZ_CHECK(again == v && n == vn);
		(void)enr_get_uint(e, name, &u, UINT64_MAX);
	}
	FUZZ_CHECK(it == 0 || it == e->len);
	FUZZ_CHECK(enr_endpoint(e, 4, &a, &tcp) == -1 || a.af == 4);
	FUZZ_CHECK(enr_endpoint(e, 6, &a, &tcp) == -1 || a.af == 6);
}

/* Made our own, it is a good record, in both forms. */
static void
check_signed(const struct enr *e)
{
	struct enr_build	 b;
	struct enr		 mine, twin;
	const char		*why;
	uint8_t			 pub[SECP_PUB];
	char			 text[ENR_STRLEN];

	enr_build_from(&b, e);
	enr_unset(&b, "secp256k1");
	enr_unset(&b, "id");
	if (enr_set_bytes(&b, "id", "v4", 2) == -1)
		return;
	(void)secp_compress(pub, fuzz_pub(0));
	if (enr_set_bytes(&b, "secp256k1", pub, SECP_COMP) == -1)
		return;
	FUZZ_CHECK(enr_sign(&mine, &b, fuzz_priv(0)) == 0);
	FUZZ_CHECK(enr_verify(&mine, pub, &why) == 0);
	FUZZ_CHECK(memcmp(pub, fuzz_pub(0), sizeof(pub)) == 0);
	FUZZ_CHECK(enr_parse(&twin, pub, enr_format(&mine, text), &why) == 0);
	FUZZ_CHECK(enr_equal(&mine, &twin) && mine.seq == e->seq);
	check_values(&mine);
}

static void
check_text(const char *s)
{
	struct node_spec	 spec, twin;
	struct addr		 a;
	const char		*why = NULL;
	uint16_t		 tcp;
	char			 url[ENODE_STRLEN], text[ENR_STRLEN];

	if (node_spec_parse(&spec, s, &why) == -1) {
		FUZZ_CHECK(why != NULL);
		return;
	}
	(void)node_spec_best(&spec, &a, &tcp);
	FUZZ_CHECK(node_spec_parse(&twin, node_spec_url(&spec, url,
	    sizeof(url)), &why) == 0);
	FUZZ_CHECK(memcmp(spec.key, twin.key, sizeof(spec.key)) == 0);
	if (spec.record.len == 0)
		return;
	FUZZ_CHECK(strcmp(s, enr_format(&spec.record, text)) == 0);
	check_values(&spec.record);
}

/* A first byte of 't' says text. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	struct enr	 e;
	struct fuzz	 f;
	const char	*why = NULL;
	uint8_t		*data, mode, pub[SECP_PUB];
	char		*s;
	size_t		 n;

	fuzz_begin(&f, bytes, nbytes);
	mode = fuzz_u8(&f);
	if (mode == 't') {
		s = fuzz_text(&f);
		check_text(s);
		free(s);
		return 0;
	}
	data = fuzz_copy(&f, f.len, &n);
	if (enr_decode(&e, data, n, &why) == 0) {
		FUZZ_CHECK(e.len == n && n <= ENR_MAX);
		check_values(&e);
		(void)enr_verify(&e, pub, &why);
		check_signed(&e);
	} else
		FUZZ_CHECK(why != NULL && e.len == 0);
	free(data);
	return 0;
}
