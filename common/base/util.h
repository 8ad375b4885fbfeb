/* SPDX-License-Identifier: ISC */
#ifndef COMMON_BASE_UTIL_H
#define COMMON_BASE_UTIL_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds and microseconds of a clock that never steps. */
uint64_t mono_ms(void);
uint64_t mono_us(void);

/* dst takes 2 * n + 1 bytes. */
char	*hex_encode(char *dst, const void *src, size_t n);
/* Exactly 2 * n digits, either case, an optional 0x first; 0 or -1. */
int	 hex_decode(void *dst, size_t n, const char *src);

/*
 * Copies text from a peer, every byte outside printable ASCII (and the
 * backslash) as \xHH; cut at dstlen - 1.  Returns dst.
 */
char	*text_escape(char *dst, size_t dstlen, const void *src, size_t n);

/*
 * Makes what was linked or renamed to path outlive a crash: syncs the directory
 * that it is in. 0, or -1 with errno.
 */
int	 sync_dir_of(const char *path);

/*
 * For main(): standard descriptors that are closed are opened, for reading of
 * nothing, lest a file or socket gets that number and what is printed. 0 or -1.
 */
int	 std_fds_open(void);

/* A token bucket: rate tokens a second, at most burst saved. */
struct bucket {
	uint64_t	 last_us;
	double		 level;
	double		 rate;
	double		 burst;
};
void	 bucket_init(struct bucket *, double rate, double burst, uint64_t now_us);
/* 1 and takes n tokens, or 0 and takes none. */
int	 bucket_take(struct bucket *, double n, uint64_t now_us);
/* Takes n tokens, into debt if need be: ms until out of it, 0 for no debt. */
uint64_t bucket_owe(struct bucket *, double n, uint64_t now_us);

#define nitems_of(a)	(sizeof(a) / sizeof((a)[0]))

#endif
