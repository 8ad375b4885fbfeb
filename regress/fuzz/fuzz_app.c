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
CODEC(multisend)
CODEC(hint)

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
check_counts(const uint8_t *data, size_t n)
{
	uint8_t		 buf[BODY_MAX];
	uint32_t	 capid, capid2;
	uint64_t	 msgs, msgs2, bytes, bytes2;
	size_t		 len;

	if (app_counts_decode(&capid, &msgs, &bytes, data, n) == -1)
		return;
	len = app_counts_encode(buf, sizeof(buf), capid, msgs, bytes);
	FUZZ_CHECK(len > 0 && len <= n && app_counts_decode(&capid2, &msgs2,
	    &bytes2, buf, len) == 0);
	FUZZ_CHECK(capid == capid2 && msgs == msgs2 && bytes == bytes2);
}

static void
check_value(const struct app_opt_iter *it)
{
	struct app_first	 first;
	struct app_keyed	 k;
	const uint8_t		*p;
	uint32_t		 v;
	size_t			 len, i, sum = 0;

	(void)app_opt_u32(it, &v);
	if (app_opt_first(it, &first) == 0)
		FUZZ_CHECK(first.payload + first.len == it->value + it->len);
	if (app_opt_keyed(it, &k) == -1)
		return;
	FUZZ_CHECK(k.keylen > 0 && k.keylen <= APP_ENRKEY_MAX);
	while (app_opt_prefix(&k, &p, &len) == 1) {
		FUZZ_CHECK(len > 0 && len <= APP_PREFIX_MAX);
		for (i = 0; i < len; i++)
			sum += p[i];
	}
	FUZZ_CHECK(sum <= (size_t)it->len * 255);
}

/* Options that fit their body are found again, and make the same bytes. */
static void
check_options(const uint8_t *data, size_t n)
{
	struct app_opt_iter	 it;
	uint8_t			 buf[BODY_MAX];
	size_t			 len = 0;
	int			 r;

	app_opt_start(&it, data, n);
	while ((r = app_opt_next(&it)) == 1) {
		check_value(&it);
		if (n <= sizeof(buf))
			FUZZ_CHECK(app_opt_add(buf, sizeof(buf), &len, it.type,
			    it.value, it.len) == 0);
	}
	if (n <= sizeof(buf) && len > 0)
		FUZZ_CHECK(memcmp(buf, data, len) == 0 && (r == -1 || len == n));
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
		check_peer_down, check_error, check_head, check_multisend,
		check_hint, check_counts, check_options
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
