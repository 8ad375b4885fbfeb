/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_JSON_H
#define P2PCTL_JSON_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

/* A record of the daemon as an object with the same keys; NULL if malformed. */
json_t	*json_from_record(const void *, size_t);
/* One value a line: indented for people, or compact. 0, or -1 write error. */
int	 json_print(FILE *, const json_t *, int compact);

/* Values by key, tolerant of what is missing or of another type. */
const char *json_text(const json_t *, const char *key);	/* "" if none */
json_int_t json_num(const json_t *, const char *key);	/* 0 if none */
int	 json_has(const json_t *, const char *key);	/* and not null */
int	 json_true_at(const json_t *, const char *key);

#endif
