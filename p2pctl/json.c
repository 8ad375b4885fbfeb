/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/ctl/record.h"
#include "p2pctl/json.h"

/* UTF-8 as it is; other bytes escaped, since JSON has no place for them. */
static json_t *
text_value(const uint8_t *p, size_t n)
{
	json_t	*v;
	char	*s;

	if ((v = json_stringn((const char *)p, n)) != NULL)
		return v;
	if ((s = malloc(4 * n + 1)) == NULL)
		return NULL;
	text_escape(s, 4 * n + 1, p, n);
	v = json_string(s);
	free(s);
	return v;
}

static json_t *
hex_value(const uint8_t *p, size_t n)
{
	json_t	*v;
	char	*s;

	if ((s = malloc(2 * n + 1)) == NULL)
		return NULL;
	v = json_string(hex_encode(s, p, n));
	free(s);
	return v;
}

static json_t *
item_value(const struct rec_item *it)
{
	switch (it->type) {
	case REC_U64:
		/* JSON's readers know no more than 2^63 - 1 for sure. */
		if (it->u64 > INT64_MAX)
			return json_real((double)it->u64);
		return json_integer((json_int_t)it->u64);
	case REC_I64:
		return json_integer((json_int_t)(int64_t)it->u64);
	case REC_BOOL:
		return json_boolean(it->u64 != 0);
	case REC_STR:
		return text_value(it->data, it->len);
	case REC_HEX:
		return hex_value(it->data, it->len);
	case REC_MAP:
		return json_object();
	case REC_LIST:
		return json_array();
	case REC_NULL:
		return json_null();
	default:
		return NULL;
	}
}

/* Takes v in every case. */
static int
put(json_t *into, const char *key, json_t *v)
{
	if (json_is_array(into))
		return json_array_append_new(into, v);
	return json_object_set_new(into, key, v);
}

json_t *
json_from_record(const void *p, size_t len)
{
	json_t			*stack[RECORD_DEPTH + 1], *v;
	struct rec_reader	 rd;
	struct rec_item		 it;
	size_t			 depth = 0;
	int			 r;

	if ((stack[0] = json_object()) == NULL)
		return NULL;
	rec_read(&rd, p, len);
	while ((r = rec_next(&rd, &it)) == 1) {
		if (it.type == REC_END) {
			if (depth-- == 0)
				goto bad;
			continue;
		}
		if ((v = item_value(&it)) == NULL ||
		    put(stack[depth], it.key, v) == -1)
			goto bad;
		if (it.type == REC_MAP || it.type == REC_LIST) {
			if (depth == RECORD_DEPTH)
				goto bad;
			stack[++depth] = v;
		}
	}
	if (r == 0 && depth == 0)
		return stack[0];
 bad:
	json_decref(stack[0]);
	return NULL;
}

int
json_print(FILE *f, const json_t *v, int compact)
{
	size_t	 flags = JSON_ENSURE_ASCII | JSON_ENCODE_ANY;

	flags |= compact ? JSON_COMPACT : JSON_INDENT(2);
	if (json_dumpf(v, f, flags) == -1 || fputc('\n', f) == EOF)
		return -1;
	return ferror(f) ? -1 : 0;
}

const char *
json_text(const json_t *o, const char *key)
{
	const char	*s;

	s = json_string_value(json_object_get(o, key));
	return s == NULL ? "" : s;
}

json_int_t
json_num(const json_t *o, const char *key)
{
	const json_t	*v = json_object_get(o, key);

	if (json_is_real(v))
		return INT64_MAX;
	return json_integer_value(v);
}

int
json_has(const json_t *o, const char *key)
{
	const json_t	*v = json_object_get(o, key);

	return v != NULL && !json_is_null(v);
}

int
json_true_at(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}
