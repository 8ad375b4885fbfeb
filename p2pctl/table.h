/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_TABLE_H
#define P2PCTL_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#define CELL_MAX	192

/* How the value under key in a row becomes text; "" for none. */
typedef void (*cell_fn)(char *dst, size_t len, const json_t *row, const char *key);

struct column {
	const char	*head;		/* NULL ends the list */
	const char	*key;
	cell_fn		 cell;
	int		 right;
};

/* Rows under heads, each column as wide as it must be. */
void	 table_print(FILE *, const struct column *, const json_t *rows);
/* One row as "  head:   value" lines; those without a value are left out. */
void	 table_print_one(FILE *, const struct column *, const json_t *row);

/* Any scalar, a list with commas between. */
void	 cell_text(char *, size_t, const json_t *, const char *);
void	 cell_id(char *, size_t, const json_t *, const char *);
void	 cell_bytes(char *, size_t, const json_t *, const char *);
void	 cell_ms(char *, size_t, const json_t *, const char *);
/* "yes" or nothing. */
void	 cell_yes(char *, size_t, const json_t *, const char *);

#endif
