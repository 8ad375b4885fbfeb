/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire/rlp.h"
#include "regress/fuzz/fuzz.h"

#define DEPTH	7	/* lists that the writer nests */

/* Every getter on the item at hand: they agree, or leave it where it was. */
static void
look(const struct rlp *at)
{
	struct rlp	 r, inner;
	const uint8_t	*p, *raw;
	uint8_t		 fixed[32];
	uint64_t	 v;
	size_t		 n, rawlen;
	int		 whole;

	r = *at;
	whole = rlp_get_raw(&r, &raw, &rawlen) == 0;
	if (whole) {
		FUZZ_CHECK(raw == at->p && rawlen <= at->len);
		FUZZ_CHECK(r.p == at->p + rawlen && r.len == at->len - rawlen);
	} else
		FUZZ_CHECK(r.p == at->p && r.len == at->len);
	r = *at;
	FUZZ_CHECK((rlp_skip(&r) == 0) == whole);
	r = *at;
	if (rlp_get_bytes(&r, &p, &n) == 0) {
		FUZZ_CHECK(whole && rlp_islist(at) == 0 && n <= rawlen);
		FUZZ_CHECK(r.p == at->p + rawlen);
		r = *at;
		if (n <= sizeof(fixed))
			FUZZ_CHECK(rlp_get_fixed(&r, fixed, n) == 0 &&
			    memcmp(fixed, p, n) == 0);
		r = *at;
		if (rlp_get_uint(&r, &v, UINT64_MAX) == 0)
			FUZZ_CHECK(n <= 8 && (n == 0 || p[0] != 0));
		r = *at;
		if (rlp_get_uint(&r, &v, 1000) == 0)
			FUZZ_CHECK(v <= 1000);
	}
	r = *at;
	if (rlp_get_list(&r, &inner) == 0) {
		FUZZ_CHECK(whole && rlp_islist(at) == 1);
		FUZZ_CHECK(inner.len < rawlen || rawlen == 0);
		FUZZ_CHECK(r.p == at->p + rawlen);
	}
}

/* What was read, written again. -1 when it is not well formed all through. */
static int
again(struct rlp *r, struct rlpw *w, unsigned int depth)
{
	struct rlp	 inner;
	const uint8_t	*p;
	size_t		 n;

	while (!rlp_atend(r)) {
		look(r);
		if (rlp_get_bytes(r, &p, &n) == 0)
			rlpw_bytes(w, p, n);
		else if (depth < DEPTH && rlp_get_list(r, &inner) == 0) {
			rlpw_list(w);
			if (again(&inner, w, depth + 1) == -1)
				return -1;
			rlpw_end(w);
		} else
			return -1;
	}
	return 0;
}

/* The reader is canonical: there is one form, the writer's. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz	 f;
	struct rlpw	 w;
	struct rlp	 r;
	uint8_t		*copy, *out;
	size_t		 n, len;

	fuzz_begin(&f, data, size);
	copy = fuzz_copy(&f, size, &n);
	FUZZ_CHECK((out = malloc(n + 1)) != NULL);
	rlp_init(&r, copy, n);
	rlpw_init(&w, out, n);
	if (again(&r, &w, 0) == 0) {
		FUZZ_CHECK(rlpw_finish(&w, &len) == 0);
		FUZZ_CHECK(len == n && memcmp(out, copy, n) == 0);
	}
	free(out);
	free(copy);
	return 0;
}
