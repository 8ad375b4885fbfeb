/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire/app.h"
#include "regress/fuzz/fuzz.h"

#define BODY_MAX	4096

/*
 * Every body of the application protocol: what decodes encodes, and decodes to
 * the same again. Structs are zeroed first, so that they compare as bytes.
 */
#define CODEC(name)							\
static void								\
check_##name(const uint8_t *data, size_t n)				\
{									\
	struct app_##name a, b;						\
	uint8_t buf[BODY_MAX], buf2[BODY_MAX];				\
	size_t len, len2;						\
									\
	memset(&a, 0, sizeof(a));					\
	memset(&b, 0, sizeof(b));					\
	if (app_##name##_decode(&a, data, n) == -1)			\
		return;							\
	if ((len = app_##name##_encode(buf, sizeof(buf), &a)) == 0)	\
		return;							\
	FUZZ_CHECK(app_##name##_decode(&b, buf, len) == 0);		\
	len2 = app_##name##_encode(buf2, sizeof(buf2), &b);		\
	FUZZ_CHECK(len == len2 && memcmp(buf, buf2, len) == 0);		\
}

CODEC(hello)
CODEC(welcome)
CODEC(attach)
CODEC(peer_up)
CODEC(peer_down)

static void
check_error(const uint8_t *data, size_t n)
{
	char		 text[APP_ERRTEXT_MAX], back[APP_ERRTEXT_MAX];
	uint8_t		 buf[BODY_MAX];
	uint16_t	 error, room, error2, room2;
	size_t		 len;

	if (app_error_decode(&error, &room, text, sizeof(text), data, n) == -1)
		return;
	FUZZ_CHECK(memchr(text, '\0', sizeof(text)) != NULL);
	FUZZ_CHECK(app_error_name(error) != NULL);
	len = app_error_encode(buf, sizeof(buf), error, room, text);
	FUZZ_CHECK(len > 0 && app_error_decode(&error2, &room2, back,
	    sizeof(back), buf, len) == 0);
	FUZZ_CHECK(error == error2 && room == room2 && strcmp(text, back) == 0);
}

static void
check_head(const uint8_t *data, size_t n)
{
	struct app_head	 h;
	uint8_t		 out[APP_HEADER];

	if (n < APP_HEADER)
		return;
	app_head_decode(&h, data);
	app_head_encode(out, &h);
	FUZZ_CHECK(memcmp(out, data, APP_HEADER) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	static void (*const checks[])(const uint8_t *, size_t) = {
		check_hello, check_welcome, check_attach, check_peer_up,
		check_peer_down, check_error, check_head
	};
	struct fuzz	 f;
	uint8_t		*data, which;
	size_t		 n;

	fuzz_begin(&f, bytes, nbytes);
	which = fuzz_u8(&f) % (sizeof(checks) / sizeof(checks[0]));
	data = fuzz_copy(&f, f.len, &n);
	checks[which](data, n);
	free(data);
	return 0;
}
