/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_FORMAT_H
#define P2PCTL_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Values for people. Each writes into dst and returns it.
 *
 * text_safe: what reaches a terminal is printable ASCII, whatever comes; the
 * daemon's own escapes stay as they are.
 */
char	*text_safe(char *dst, size_t len, const char *src);
/* "17B", "1.2K", "34.5M" */
char	*format_bytes(char *dst, size_t len, int64_t);
/* "850ms", "12s", "3m04s", "5h10m", "12d03h" */
char	*format_ms(char *dst, size_t len, int64_t ms);
/* The first 16 digits of an id. */
char	*format_id(char *dst, size_t len, const char *hex);

#endif
