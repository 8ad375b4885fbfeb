/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/base.h"
#include "common/wire/caps.h"
#include "common/wire/reason.h"
#include "regress/fuzz/fuzz.h"

static int
printable(const char *s, size_t size)
{
	size_t	 i;

	for (i = 0; i < size && s[i] != '\0'; i++)
		if (s[i] < ' ' || s[i] > '~')
			return 0;
	return i < size;
}

/* What was kept is fit for every later use, and ours to say again. */
static void
check_hello(const struct hello *h)
{
	static const uint8_t	 null[SECP_PUB];
	struct localcap		 ours[CAPS_MAX];
	struct sharedcap	 shared[32];
	struct hello		 twin;
	uint8_t			 buf[HELLO_MAX];
	size_t			 len;
	uint32_t		 i, j, n;

	FUZZ_CHECK(printable(h->client, sizeof(h->client)));
	FUZZ_CHECK(memcmp(h->id, null, sizeof(null)) != 0);
	FUZZ_CHECK(h->ncaps <= CAPS_MAX);
	for (i = 0; i < h->ncaps; i++) {
		FUZZ_CHECK(cap_name_valid(h->caps[i].name));
		for (j = 0; j < i; j++)
			FUZZ_CHECK(h->caps[i].version != h->caps[j].version ||
			    strcmp(h->caps[i].name, h->caps[j].name) != 0);
		ours[i].cap = h->caps[i];
		ours[i].codes = 1 + i;
		ours[i].owner = i;
	}
	if (hello_encode(buf, sizeof(buf), &len, h) == 0) {
		FUZZ_CHECK(hello_decode(&twin, buf, len) == 0);
		FUZZ_CHECK(twin.version == h->version && twin.ncaps == h->ncaps);
		FUZZ_CHECK(memcmp(twin.caps, h->caps, sizeof(h->caps)) == 0);
	}
	n = caps_negotiate(shared, nitems_of(shared), ours, h->ncaps, h->caps,
	    h->ncaps);
	FUZZ_CHECK(n <= nitems_of(shared) && (n > 0 || h->ncaps == 0));
	for (i = 0; i < n; i++) {
		FUZZ_CHECK(shared[i].offset == (i == 0 ? BASE_LENGTH :
		    shared[i - 1].offset + shared[i - 1].codes));
		FUZZ_CHECK(caps_find(shared, n, shared[i].offset) == &shared[i]);
		FUZZ_CHECK(i == 0 || strcmp(shared[i - 1].cap.name,
		    shared[i].cap.name) < 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	struct fuzz	 f;
	struct hello	 h, again;
	unsigned int	 reason;
	uint8_t		*data, mode;
	size_t		 n;
	int		 r;

	fuzz_begin(&f, bytes, nbytes);
	mode = fuzz_u8(&f);
	data = fuzz_copy(&f, f.len, &n);
	if (mode % 4 < 2) {
		r = hello_decode(&h, data, n);
		if (r == 0) {
			check_hello(&h);
			h.ncaps /= 2;	/* the rest makes room, if it must */
			FUZZ_CHECK(hello_decode_with(&again, &h, data, n) == 0);
			check_hello(&again);
			FUZZ_CHECK(memcmp(again.caps, h.caps,
			    h.ncaps * sizeof(h.caps[0])) == 0);
		} else
			FUZZ_CHECK(r == REASON_HELLO_BAD ||
			    r == REASON_NULL_IDENTITY);
	} else {
		r = disconnect_decode(&reason, data, n, mode & 1);
		FUZZ_CHECK(r == -1 || (r == 0 && reason < DISC_NONE));
	}
	free(data);
	return 0;
}
