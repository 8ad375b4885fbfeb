/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CTL_RECORD_H
#define COMMON_CTL_RECORD_H

#include <stddef.h>
#include <stdint.h>

/*
 * A record: what the daemon answers p2pctl with. Self-describing, so that the
 * daemon writes it in one place, nothing on the way interprets it, and the
 * tool turns it into JSON with the same keys. Grammar, network byte order:
 *   record = items
 *   item   = type u8, key (u8 length, bytes; empty inside a list), value
 *   value  = U64 u64 | I64 i64 | BOOL u8 | STR u16 length, bytes (UTF-8)
 *          | HEX u16 length, bytes | MAP items END | LIST items END | NULL
 *   END    = u8 0, with no key
 * Maps and lists nest at most 8 deep.
 */
enum rec_type {
	REC_END = 0, REC_U64, REC_I64, REC_BOOL, REC_STR, REC_HEX, REC_MAP,
	REC_LIST, REC_NULL
};

#define RECORD_MAX	12288	/* bytes of one record */
#define RECORD_DEPTH	8

struct rec {
	uint8_t		 buf[RECORD_MAX];
	uint32_t	 len;
	unsigned int	 depth;
	int		 failed;	/* overflow: latched */
};

void	 rec_init(struct rec *);
void	 rec_u64(struct rec *, const char *key, uint64_t);
void	 rec_i64(struct rec *, const char *key, int64_t);
void	 rec_bool(struct rec *, const char *key, int);
void	 rec_str(struct rec *, const char *key, const char *);	/* NULL: writes NULL */
void	 rec_strf(struct rec *, const char *key, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
void	 rec_hex(struct rec *, const char *key, const void *, size_t);
void	 rec_null(struct rec *, const char *key);
void	 rec_map(struct rec *, const char *key);
void	 rec_list(struct rec *, const char *key);
void	 rec_end(struct rec *);		/* closes the innermost map or list */
/* 0 when whole and closed, else -1. */
int	 rec_finish(struct rec *);

/* Reading: one item at a time. */
struct rec_item {
	enum rec_type	 type;
	char		 key[64];
	uint64_t	 u64;		/* U64, BOOL; I64 as two's complement */
	const uint8_t	*data;		/* STR, HEX */
	size_t		 len;
};
struct rec_reader {
	const uint8_t	*p;
	size_t		 len;
	unsigned int	 depth;
};
void	 rec_read(struct rec_reader *, const void *, size_t);
/* 1 an item, 0 the end of the record, -1 malformed. */
int	 rec_next(struct rec_reader *, struct rec_item *);

#endif
