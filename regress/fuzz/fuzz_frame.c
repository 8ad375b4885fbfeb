/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/frame.h"
#include "common/wire/reason.h"
#include "regress/fuzz/fuzz.h"

#define BODY_MAX	65536

/* What is done with a message whose frame was right. */
static void
payload(const uint8_t *data, size_t n)
{
	uint8_t	*out;
	size_t	 size;

	if (frame_declared(data, n, &size) == -1)
		return;
	FUZZ_CHECK(size <= FRAME_MAX);
	if (size > BODY_MAX)
		return;
	FUZZ_CHECK((out = malloc(size + 1)) != NULL);
	out[size] = 0xa5;
	frame_uncompress(out, size, data, n);
	FUZZ_CHECK(out[size] == 0xa5);
	free(out);
}

/*
 * Frames whose MACs are right, and nothing else need be: the header as it
 * comes from the input, then the body that it announces.
 */
static void
sealed(struct fuzz *f, struct frame_codec *codec, struct fuzz_sealer *s)
{
	uint8_t	 head[16], wire[FRAME_HEAD], *body, *data;
	uint64_t code;
	size_t	 n, len;

	while (f->len > 0) {
		fuzz_fill(f, head, sizeof(head));
		fuzz_seal_head(s, wire, head);
		if (frame_open_head(codec, wire, &n) != REASON_NONE)
			return;
		FUZZ_CHECK(n > 0 && n <= FRAME_MAX);
		if (n > BODY_MAX)
			return;
		len = frame_rest(n);
		FUZZ_CHECK((body = malloc(len)) != NULL);
		fuzz_fill(f, body, len - 16);
		fuzz_seal_body(s, body, body, len - 16);
		if (frame_open_body(codec, body, n, &code, &data,
		    &len) == REASON_NONE) {
			FUZZ_CHECK(data >= body && data + len == body + n);
			payload(data, len);
		}
		free(body);
	}
}

/* Bytes without a right MAC: nothing of them may pass. */
static void
raw(struct fuzz *f, struct frame_codec *codec)
{
	uint8_t	 wire[FRAME_HEAD], *body, *data;
	uint64_t code;
	size_t	 n, len;

	fuzz_fill(f, wire, sizeof(wire));
	FUZZ_CHECK(frame_open_head(codec, wire, &n) == REASON_BAD_MAC);
	n = fuzz_u16(f);
	len = frame_rest(n);
	FUZZ_CHECK((body = malloc(len)) != NULL);
	fuzz_fill(f, body, len);
	FUZZ_CHECK(frame_open_body(codec, body, n, &code, &data, &len) !=
	    REASON_NONE);
	free(body);
}

/* What we seal opens, whatever it is, at both ends of a transfer of state. */
static void
round_trip(struct fuzz *f, struct frame_codec *rx, struct frame_codec *tx)
{
	uint8_t	*out, *msg, *data, *back;
	uint64_t code, sent;
	size_t	 n, len, size;
	int	 snappy = fuzz_u8(f) & 1;

	frame_set_snappy(tx, snappy, 0);
	do {
		sent = fuzz_u64(f) >> fuzz_u8(f) % 64;
		msg = fuzz_copy(f, fuzz_u16(f), &n);
		FUZZ_CHECK((out = malloc(frame_seal_max(tx, n))) != NULL);
		len = frame_seal(tx, out, sent, msg, n);
		FUZZ_CHECK(len > 0 && len <= frame_seal_max(tx, n));
		FUZZ_CHECK(frame_open_head(rx, out, &size) == REASON_NONE);
		FUZZ_CHECK(len == frame_wire_len(size));
		FUZZ_CHECK(frame_open_body(rx, out + FRAME_HEAD, size, &code,
		    &data, &len) == REASON_NONE);
		FUZZ_CHECK(code == sent);
		if (snappy) {
			FUZZ_CHECK((back = malloc(n + 1)) != NULL);
			FUZZ_CHECK(frame_declared(data, len, &size) == 0);
			FUZZ_CHECK(size == n);
			FUZZ_CHECK(frame_uncompress(back, n, data, len) == 0);
			FUZZ_CHECK(memcmp(back, msg, n) == 0);
			free(back);
		} else
			FUZZ_CHECK(len == n && memcmp(data, msg, n) == 0);
		free(out);
		free(msg);
	} while (f->len > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	struct fuzz_sealer	 s;
	struct frame_codec	*rx, *tx;
	struct rlpx_state	 here, there, moved;
	struct fuzz		 f;
	uint8_t			 packed[RLPX_STATE_LEN], mode;
	uint8_t			*data;
	size_t			 n;

	fuzz_begin(&f, bytes, nbytes);
	fuzz_states(&here, &there);
	rlpx_state_export(&here, packed);
	FUZZ_CHECK(rlpx_state_import(&moved, packed) == 0);
	FUZZ_CHECK((rx = frame_new(&moved)) != NULL);
	FUZZ_CHECK((tx = frame_new(&there)) != NULL);
	fuzz_sealer_init(&s, &there);
	mode = fuzz_u8(&f);
	if (mode % 4 == 0)
		sealed(&f, rx, &s);
	else if (mode % 4 == 1)
		round_trip(&f, rx, tx);
	else if (mode % 4 == 2)
		raw(&f, rx);
	else {
		data = fuzz_copy(&f, f.len, &n);
		payload(data, n);
		if (n >= RLPX_STATE_LEN)
			rlpx_state_import(&moved, data);
		free(data);
	}
	fuzz_sealer_free(&s);
	frame_free(rx);
	frame_free(tx);
	return 0;
}
