/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/enode.h"
#include "common/wire/reason.h"
#include "p2pctl/attachint.h"

/* Requests but the sends: each takes the value of its one key. */

/* A reason by name or number; requested when there is none, -1 when bad. */
static int
disc_value(const json_t *reason)
{
	if (reason == NULL)
		return DISC_REQUESTED;
	if (json_is_string(reason))
		return disc_byname(json_string_value(reason));
	if (json_is_integer(reason) && json_integer_value(reason) >= 0 &&
	    json_integer_value(reason) < DISC_NONE)
		return (int)json_integer_value(reason);
	return -1;
}

static int
peer_reason(struct attach *a, json_int_t peer, const json_t *reason)
{
	int	 disc = disc_value(reason);

	if (disc != -1 && in_u32(peer))
		return disc;
	malformed(a, disc == -1 ? "no such reason" : "no such peer");
	return -1;
}

static void
do_disconnect(struct attach *a, json_t *o)
{
	json_error_t	 err;
	json_int_t	 peer;
	json_t		*reason = NULL;
	int		 disc;

	if (json_unpack_ex(o, &err, JSON_STRICT, "{s:I, s?o}", "peer", &peer,
	    "reason", &reason) == -1) {
		malformed(a, err.text);
		return;
	}
	if ((disc = peer_reason(a, peer, reason)) != -1 &&
	    p2papp_disconnect(a->app, (uint32_t)peer, (unsigned int)disc,
	    NULL) == -1)
		request_failed(a, a->line, (uint32_t)peer, NULL);
}

static void
do_penalise(struct attach *a, json_t *o)
{
	json_error_t	 err;
	json_int_t	 peer, seconds;
	json_t		*reason = NULL;
	int		 disc;

	if (json_unpack_ex(o, &err, JSON_STRICT, "{s:I, s:I, s?o}", "peer",
	    &peer, "seconds", &seconds, "reason", &reason) == -1) {
		malformed(a, err.text);
		return;
	}
	if (!in_u32(seconds)) {
		malformed(a, "number out of range");
		return;
	}
	if ((disc = peer_reason(a, peer, reason)) != -1 &&
	    p2papp_penalise(a->app, (uint32_t)peer, (unsigned int)disc,
	    (uint32_t)seconds, NULL) == -1)
		request_failed(a, a->line, (uint32_t)peer, NULL);
}

static const struct attcap *
find_cap(struct attach *a, const char *name, json_t *id)
{
	const struct attcap	*cap;

	if ((cap = attcap_byname(a, name)) == NULL)
		output_error(a, "not-found", "no such capability is attached",
		    a->line, 0, id);
	return cap;
}

static void
do_accept(struct attach *a, json_t *o)
{
	const struct attcap	*cap;
	json_error_t		 err;
	json_int_t		 peer;
	const char		*name;

	if (json_unpack_ex(o, &err, JSON_STRICT, "{s:I, s:s}", "peer", &peer,
	    "capability", &name) == -1) {
		malformed(a, err.text);
		return;
	}
	if (!in_u32(peer)) {
		malformed(a, "no such peer");
		return;
	}
	if ((cap = find_cap(a, name, NULL)) != NULL &&
	    p2papp_accept(a->app, (uint32_t)peer, cap->id) == -1)
		request_failed(a, a->line, (uint32_t)peer, NULL);
}

/* Any text that names a node and where it is. */
static void
do_hint(struct attach *a, json_t *o)
{
	struct node_spec	 node;
	struct addr		 best;
	json_error_t		 err;
	const char		*text, *why = "it has no address";
	char			 buf[ADDR_STRLEN];
	uint16_t		 udp, tcp;

	if (json_unpack_ex(o, &err, JSON_STRICT, "{s:s}", "node", &text) == -1) {
		malformed(a, err.text);
		return;
	}
	if (node_spec_parse(&node, text, &why) == -1 ||
	    node_spec_best(&node, &best, &tcp) == -1) {
		malformed(a, why);
		return;
	}
	udp = best.port;
	best.port = tcp;
	if (p2papp_hint(a->app, node.key, addr_format(&best, buf), udp,
	    NULL) == -1)
		request_failed(a, a->line, 0, NULL);
}

static void
do_update(struct attach *a, json_t *o)
{
	const struct attcap	*cap;
	struct p2papp_options	*options;
	const char		*name;
	char			 why[OPTIONS_ERRLEN];
	json_t			*id;
	uint32_t		 request;

	if ((name = json_string_value(json_object_get(o, "capability"))) == NULL) {
		malformed(a, "capability is missing");
		return;
	}
	id = json_object_get(o, "id");
	if ((cap = find_cap(a, name, id)) == NULL)
		return;
	if ((options = options_parse(o, why)) == NULL) {
		malformed(a, why);
		return;
	}
	if (p2papp_update(a->app, cap->id, options, &request) == -1)
		request_failed(a, a->line, 0, id);
	else
		ident_add(a, request, id);
	p2papp_options_free(options);
}

int
request_run(struct attach *a, const char *name, json_t *o)
{
	static const struct {
		const char	*name;
		void		(*fn)(struct attach *, json_t *);
	} requests[] = {
		{ "disconnect", do_disconnect }, { "accept", do_accept },
		{ "penalise", do_penalise }, { "hint", do_hint },
		{ "update", do_update }
	};
	size_t	 i;

	for (i = 0; i < nitems_of(requests); i++) {
		if (strcmp(requests[i].name, name) == 0) {
			requests[i].fn(a, o);
			return 1;
		}
	}
	return 0;
}
