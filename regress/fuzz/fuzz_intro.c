/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "p2pd/control/intro.h"
#include "regress/fuzz/fuzz.h"

/* An application's hello, in pieces as a socket may give them. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct intro	 in;
	struct fuzz	 f;
	const uint8_t	*p;
	size_t		 want, piece, got;
	int		 r = 0;

	fuzz_begin(&f, data, size);
	intro_init(&in);
	piece = fuzz_u8(&f);
	while (r == 0) {
		want = intro_want(&in);
		FUZZ_CHECK(want > 0 && in.have + want <= sizeof(in.buf));
		if (piece > 0 && piece < want)
			want = piece;
		p = fuzz_take(&f, want, &got);
		if (got == 0)
			return 0;
		memcpy(in.buf + in.have, p, got);
		r = intro_got(&in, got);
	}
	if (r == 1) {
		FUZZ_CHECK(in.have == in.need);
		FUZZ_CHECK(memchr(in.hello.name, '\0', sizeof(in.hello.name)));
		FUZZ_CHECK(in.hello.major == APP_MAJOR);
	} else
		FUZZ_CHECK(r == -1 && in.error != APE_OK);
	return 0;
}
