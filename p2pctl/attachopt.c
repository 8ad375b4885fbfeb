/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pctl/attachint.h"

/* Options of a capability, as -o and update have them. */

uint8_t *
hex_value(const json_t *v, size_t *len)
{
	const char	*s;
	uint8_t		*p;
	size_t		 n;

	if ((s = json_string_value(v)) == NULL || strncmp(s, "0x", 2) != 0)
		return NULL;
	n = json_string_length(v) - 2;
	if ((p = malloc(n / 2 + 1)) == NULL)
		return NULL;
	if (unhex(p, s + 2, n) == -1) {
		free(p);
		return NULL;
	}
	*len = n / 2;
	return p;
}

static int
set_wanted(struct p2papp_options *o, json_t *v)
{
	return p2papp_opt_wanted(o, (uint32_t)json_integer_value(v));
}

static int
set_handshake(struct p2papp_options *o, json_t *v)
{
	return p2papp_opt_handshake(o, (uint32_t)json_integer_value(v));
}

static int
set_queue(struct p2papp_options *o, json_t *v)
{
	return p2papp_opt_queue(o, (uint32_t)json_integer_value(v));
}

static int
set_queue_peer(struct p2papp_options *o, json_t *v)
{
	return p2papp_opt_queue_peer(o, (uint32_t)json_integer_value(v));
}

static int
add_first(struct p2papp_options *o, json_t *v)
{
	json_int_t	 version = 0, code;
	json_t		*data;
	uint8_t		*p;
	size_t		 n;
	int		 r;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s?I, s:I, s:o}", "version",
	    &version, "code", &code, "data", &data) == -1 ||
	    !in_u32(version) || !in_u32(code) ||
	    (p = hex_value(data, &n)) == NULL)
		return -1;
	r = p2papp_opt_first(o, (uint32_t)version, (uint32_t)code, p, n);
	free(p);
	return r;
}

static int
add_enr(struct p2papp_options *o, json_t *v)
{
	const char	*key;
	json_t		*value;
	uint8_t		*p;
	size_t		 n;
	int		 r;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s:s, s:o}", "key", &key,
	    "value", &value) == -1 || (p = hex_value(value, &n)) == NULL)
		return -1;
	r = p2papp_opt_enr(o, key, p, n);
	free(p);
	return r;
}

#define PREFIXES	16

static int
add_condition(struct p2papp_options *o, json_t *v)
{
	struct p2papp_bytes	 b[PREFIXES];
	uint8_t			*p[PREFIXES];
	const char		*key;
	json_t			*list = NULL;
	size_t			 i, n = 0, want;
	int			 r = -1;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s:s, s?o}", "key", &key,
	    "prefixes", &list) == -1 || (list != NULL && !json_is_array(list)) ||
	    (want = json_array_size(list)) > PREFIXES)
		return -1;
	for (; n < want; n++) {
		p[n] = hex_value(json_array_get(list, n), &b[n].len);
		if (p[n] == NULL)
			break;
		b[n].data = p[n];
	}
	if (n == want)
		r = p2papp_opt_condition(o, key, b, n);
	for (i = 0; i < n; i++)
		free(p[i]);
	return r;
}

static const struct kind {
	const char		*name;
	enum p2papp_option	 kind;
	int			(*number)(struct p2papp_options *, json_t *);
	int			(*item)(struct p2papp_options *, json_t *);
} kinds[] = {
	{ "wanted", P2PAPP_OPT_WANTED, set_wanted, NULL },
	{ "handshake", P2PAPP_OPT_HANDSHAKE, set_handshake, NULL },
	{ "queue", P2PAPP_OPT_QUEUE, set_queue, NULL },
	{ "queue_peer", P2PAPP_OPT_QUEUE_PEER, set_queue_peer, NULL },
	{ "first", P2PAPP_OPT_FIRST, NULL, add_first },
	{ "enr", P2PAPP_OPT_ENR, NULL, add_enr },
	{ "condition", P2PAPP_OPT_CONDITION, NULL, add_condition },
};

/* A number, a list of objects, or null to have none of the kind. */
static int
parse_kind(struct p2papp_options *o, const struct kind *k, json_t *v)
{
	size_t	 i;

	if (json_is_null(v))
		return p2papp_opt_clear(o, k->kind);
	if (k->number != NULL)
		return json_is_integer(v) && in_u32(json_integer_value(v)) ?
		    k->number(o, v) : -1;
	if (!json_is_array(v))
		return -1;
	for (i = 0; i < json_array_size(v); i++) {
		if (k->item(o, json_array_get(v, i)) == -1)
			return -1;
	}
	return 0;
}

struct p2papp_options *
options_parse(json_t *o, char why[OPTIONS_ERRLEN])
{
	struct p2papp_options	*options;
	const char		*name;
	json_t			*v;
	size_t			 i;

	snprintf(why, OPTIONS_ERRLEN, "options are not an object");
	if (!json_is_object(o) || (options = p2papp_options_new()) == NULL)
		return NULL;
	json_object_foreach(o, name, v) {
		if (strcmp(name, "capability") == 0 || strcmp(name, "id") == 0)
			continue;
		for (i = 0; i < nitems_of(kinds); i++) {
			if (strcmp(kinds[i].name, name) == 0)
				break;
		}
		snprintf(why, OPTIONS_ERRLEN, i == nitems_of(kinds) ?
		    "no option is called %.40s" :
		    "%.40s is malformed or out of range", name);
		if (i == nitems_of(kinds) ||
		    parse_kind(options, &kinds[i], v) == -1) {
			p2papp_options_free(options);
			return NULL;
		}
	}
	return options;
}
