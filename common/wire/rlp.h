/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_RLP_H
#define COMMON_WIRE_RLP_H

#include <stddef.h>
#include <stdint.h>

/*
 * RLP, strictly canonical.  The reader is a cursor over borrowed bytes; each
 * get fails by -1 and leaves the cursor where it was.  The writer fills a
 * caller's buffer and latches overflow.
 */
struct rlp {
	const uint8_t	*p;
	size_t		 len;
};

void	 rlp_init(struct rlp *, const void *, size_t);
int	 rlp_atend(const struct rlp *);
/* 1 list, 0 string, -1 at end or malformed. */
int	 rlp_islist(const struct rlp *);
int	 rlp_get_list(struct rlp *, struct rlp *inner);
int	 rlp_get_bytes(struct rlp *, const uint8_t **, size_t *);
/* A string of exactly n bytes. */
int	 rlp_get_fixed(struct rlp *, void *, size_t n);
/* An integer without leading zeros; fails above max. */
int	 rlp_get_uint(struct rlp *, uint64_t *, uint64_t max);
int	 rlp_skip(struct rlp *);
/* Any one item, header and all, as bytes. */
int	 rlp_get_raw(struct rlp *, const uint8_t **, size_t *);

struct rlpw {
	uint8_t		*buf;
	size_t		 size;
	size_t		 len;		/* bytes written */
	int		 failed;
	unsigned int	 depth;
	size_t		 start[8];	/* open lists */
};

void	 rlpw_init(struct rlpw *, void *, size_t);
void	 rlpw_bytes(struct rlpw *, const void *, size_t);
void	 rlpw_str(struct rlpw *, const char *);
void	 rlpw_uint(struct rlpw *, uint64_t);
/* What is RLP already. */
void	 rlpw_raw(struct rlpw *, const void *, size_t);
void	 rlpw_list(struct rlpw *);	/* at most 8 deep */
void	 rlpw_end(struct rlpw *);
/* Bytes written, or -1 when it did not fit or a list is open. */
int	 rlpw_finish(struct rlpw *, size_t *);

#endif
