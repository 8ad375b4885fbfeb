/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_FRAME_H
#define COMMON_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire/rlpx.h"

/*
 * RLPx frames (devp2p, rlpx.md, "Framing") in place in the caller's buffers:
 *   header 16 | header mac 16 | body padded to 16 | body mac 16
 * One codec is one connection, both directions.
 */
#define FRAME_HEAD	32		/* header and its mac */
#define FRAME_MAX	0xffffffU	/* body and snappy-declared size */

struct frame_codec;	/* cipher contexts and MAC states */

struct frame_codec *frame_new(const struct rlpx_state *);	/* NULL: no memory */
void	 frame_free(struct frame_codec *);			/* wipes */
void	 frame_export(const struct frame_codec *, struct rlpx_state *);
void	 frame_set_snappy(struct frame_codec *, int tx, int rx);

/* Bytes on the wire of a frame whose body (code and data) has n bytes. */
size_t	 frame_wire_len(size_t n);
/* The most that frame_seal writes for a payload of n bytes, compression included. */
size_t	 frame_seal_max(const struct frame_codec *, size_t n);
/*
 * Seals message code with payload into out (frame_seal_max bytes at least),
 * compressing when snappy_tx is on. Returns bytes written, 0 when the message
 * is over FRAME_MAX.
 */
size_t	 frame_seal(struct frame_codec *, uint8_t *out, uint64_t code,
	    const void *payload, size_t n);
/*
 * The same in two steps, for one payload to many peers: frame_compress once
 * (out has frame_compress_max(n)), frame_seal_raw for each. code is encoded by
 * frame_seal_raw; the data is already compressed if the peer's snappy_tx is on.
 */
size_t	 frame_compress_max(size_t n);
size_t	 frame_compress(uint8_t *out, const void *payload, size_t n);
size_t	 frame_seal_raw(struct frame_codec *, uint8_t *out, uint64_t code,
	    const void *data, size_t n);

/*
 * Opens a header of FRAME_HEAD bytes in place. 0 with the body's length
 * (before padding) in *n, or a reason: REASON_BAD_MAC, REASON_BAD_FRAME.
 */
int	 frame_open_head(struct frame_codec *, uint8_t *head, size_t *n);
/* What follows a header that announced n: padded body and mac. */
size_t	 frame_rest(size_t n);
/*
 * Opens the body in place (frame_rest(n) bytes). 0 with the code, and data
 * pointing into body at the n bytes after it, still compressed; or a reason.
 */
int	 frame_open_body(struct frame_codec *, uint8_t *body, size_t n,
	    uint64_t *code, uint8_t **data, size_t *datalen);
/*
 * The size that compressed data declares; -1 when malformed or over FRAME_MAX.
 * Call it before allocating.
 */
int	 frame_declared(const void *data, size_t n, size_t *size);
/* Decompresses into out of exactly that size; 0 or -1. */
int	 frame_uncompress(void *out, size_t size, const void *data, size_t n);
int	 frame_snappy_rx(const struct frame_codec *);
int	 frame_snappy_tx(const struct frame_codec *);

#endif
