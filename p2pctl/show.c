/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pctl/format.h"
#include "p2pctl/json.h"
#include "p2pctl/show.h"
#include "p2pctl/table.h"

enum shape {
	SH_LIST,	/* an array of the records */
	SH_ONE,		/* one object of all of them */
	SH_STATUS,	/* the node, with its sessions and discovery */
	SH_APPS,	/* an array, with what sessions say of each */
	SH_WHY,		/* one object, the reasons of all gathered */
	SH_TEXT		/* lines of text */
};

static void
cell_pair(char *dst, size_t len, const json_t *row, const char *in,
    const char *out)
{
	dst[0] = '\0';
	if (json_has(row, in) || json_has(row, out))
		snprintf(dst, len, "%" JSON_INTEGER_FORMAT "/%"
		    JSON_INTEGER_FORMAT, json_num(row, in), json_num(row, out));
}

static void
cell_msgs(char *dst, size_t len, const json_t *row, const char *key)
{
	cell_pair(dst, len, row, "msgs_in", "msgs_out");
}

static void
cell_wire(char *dst, size_t len, const json_t *row, const char *key)
{
	char	 in[32], out[32];

	dst[0] = '\0';
	if (json_has(row, "bytes_in"))
		snprintf(dst, len, "%s/%s", format_bytes(in, sizeof(in),
		    json_num(row, "bytes_in")), format_bytes(out, sizeof(out),
		    json_num(row, "bytes_out")));
}

/* "i", "o", with "s" static and "t" trusted. */
static void
cell_flags(char *dst, size_t len, const json_t *row, const char *key)
{
	const char	*dir = json_text(row, "direction");

	snprintf(dst, len, "%s%s%s", *dir == '\0' ? "" : *dir == 'i' ? "in" :
	    "out", json_true_at(row, "static") ? ",static" : "",
	    json_true_at(row, "trusted") ? ",trusted" : "");
}

/* What is banned: an id is cut, a prefix is not. */
static void
cell_banned(char *dst, size_t len, const json_t *row, const char *key)
{
	if (strcmp(json_text(row, "by"), "id") == 0)
		cell_id(dst, len, row, key);
	else
		cell_text(dst, len, row, key);
}

static void
cell_expires(char *dst, size_t len, const json_t *row, const char *key)
{
	if (json_has(row, key))
		cell_ms(dst, len, row, key);
	else
		strlcpy(dst, "never", len);
}

/* "eth/69" of a text, or of an object with a name and a version. */
static void
add_cap(char *dst, size_t len, const char *name, const json_t *version)
{
	char	 one[80], safe[64];

	text_safe(safe, sizeof(safe), name);
	if (version == NULL)
		snprintf(one, sizeof(one), "%s", safe);
	else
		snprintf(one, sizeof(one), "%s/%" JSON_INTEGER_FORMAT, safe,
		    json_integer_value(version));
	if (dst[0] != '\0')
		strlcat(dst, ",", len);
	strlcat(dst, one, len);
}

static void
cell_caps(char *dst, size_t len, const json_t *row, const char *key)
{
	const json_t	*e;
	size_t		 i;

	dst[0] = '\0';
	json_array_foreach(json_object_get(row, key), i, e) {
		if (json_is_string(e))
			add_cap(dst, len, json_string_value(e), NULL);
		else
			add_cap(dst, len, json_text(e, "name"),
			    json_object_get(e, "version"));
	}
}

/* Of all an application's capabilities, in all sessions. */
static void
cell_queues(char *dst, size_t len, const json_t *row, const char *key)
{
	const json_t	*cap, *q;
	json_int_t	 sum = 0;
	size_t		 i, j;

	json_array_foreach(json_object_get(row, "capabilities"), i, cap)
		json_array_foreach(json_object_get(cap, "queues"), j, q)
			sum += json_num(q, key);
	snprintf(dst, len, "%" JSON_INTEGER_FORMAT, sum);
}

/* What an application owns; marked are those that peers are not told of. */
static void
cell_owned(char *dst, size_t len, const json_t *row, const char *key)
{
	const json_t	*cap, *v;
	char		 name[64];
	size_t		 i, j;

	dst[0] = '\0';
	json_array_foreach(json_object_get(row, key), i, cap) {
		snprintf(name, sizeof(name), "%s%s", json_true_at(cap, "tap") ?
		    "(tap)" : json_true_at(cap, "away") ? "(away)" :
		    json_true_at(cap, "advertised") ? "" : "(hidden)",
		    json_text(cap, "name"));
		if (json_array_size(json_object_get(cap, "versions")) == 0)
			add_cap(dst, len, name, NULL);
		json_array_foreach(json_object_get(cap, "versions"), j, v)
			add_cap(dst, len, name, json_object_get(v, "version"));
	}
}

static const struct column peers_cols[] = {
	{ "ID", "id", cell_id },
	{ "ADDRESS", "address", cell_text },
	{ "KIND", "direction", cell_flags },
	{ "CAPABILITIES", "shared", cell_caps },
	{ "UP", "since_ms", cell_ms, 1 },
	{ "IN/OUT", "bytes_in", cell_wire, 1 },
	{ "MSGS", "msgs_in", cell_msgs, 1 },
	{ "CLIENT", "client", cell_text },
	{ NULL }
};

static const struct column apps_cols[] = {
	{ "NAME", "name", cell_text },
	{ "UID", "uid", cell_text, 1 },
	{ "PID", "pid", cell_text, 1 },
	{ "SESSIONS", "sessions", cell_text, 1 },
	{ "QUEUED", "queued", cell_queues, 1 },
	{ "DROPPED", "dropped", cell_queues, 1 },
	{ "CAPABILITIES", "capabilities", cell_owned },
	{ NULL }
};

static const struct column processes_cols[] = {
	{ "PROCESS", "process", cell_text },
	{ "N", "instance", cell_text, 1 },
	{ "PID", "pid", cell_text, 1 },
	{ "STATE", "state", cell_text },
	{ "UP", "uptime_ms", cell_ms, 1 },
	{ "RESTARTS", "restarts", cell_text, 1 },
	{ "QUEUE", "queue", cell_bytes, 1 },
	{ "MSGS", "msgs_in", cell_msgs, 1 },
	{ "LAST-CAUSE", "last_cause", cell_text },
	{ "LAYERS", "layers", cell_text },
	{ NULL }
};

static const struct column keys_cols[] = {
	{ "PROCESS", "process", cell_text },
	{ "N", "instance", cell_text, 1 },
	{ "OPERATION", "op", cell_text },
	{ "REQUESTS", "requests", cell_text, 1 },
	{ "REFUSED", "refused", cell_text, 1 },
	{ "DELAYED", "delayed", cell_text, 1 },
	{ "QUEUED", "queued", cell_text, 1 },
	{ NULL }
};

static const struct column memory_cols[] = {
	{ "PROCESS", "process", cell_text },
	{ "N", "instance", cell_text, 1 },
	{ "PID", "pid", cell_text, 1 },
	{ "RESIDENT", "resident", cell_bytes, 1 },
	{ "GROWN", "grown", cell_bytes, 1 },
	{ "PEERS", "peers", cell_text, 1 },
	{ "PER-PEER", "per_peer", cell_bytes, 1 },
	{ NULL }
};

static const struct column queues_cols[] = {
	{ "QUEUE", "queue", cell_text },
	{ "PROCESS", "process", cell_text },
	{ "N", "instance", cell_text, 1 },
	{ "BYTES", "bytes", cell_bytes, 1 },
	{ "WAITING", "waiting", cell_text, 1 },
	{ "LIMIT", "limit", cell_bytes, 1 },
	{ NULL }
};

static const struct column history_cols[] = {
	{ "AGO", "ago_ms", cell_ms, 1 },
	{ "KIND", "direction", cell_flags },
	{ "ADDRESS", "address", cell_text },
	{ "ID", "id", cell_id },
	{ "STAGE", "stage", cell_text },
	{ "TOOK", "ms", cell_ms, 1 },
	{ "COUNT", "count", cell_text, 1 },
	{ "REASON", "reason", cell_text },
	{ "DETAIL", "detail", cell_text },
	{ NULL }
};

static const struct column bans_cols[] = {
	{ "BANNED", "what", cell_banned },
	{ "EXPIRES-IN", "expires_in_ms", cell_expires, 1 },
	{ "NOTE", "note", cell_text },
	{ NULL }
};

static const struct column nodes_cols[] = {
	{ "ID", "id", cell_id },
	{ "STATIC", "static", cell_yes },
	{ "TRUSTED", "trusted", cell_yes },
	{ "SAVED", "saved", cell_yes },
	{ "CONNECTED", "connected", cell_yes },
	{ "ENODE", "enode", cell_text },
	{ NULL }
};

static const struct column table_cols[] = {
	{ "ID", "id", cell_id },
	{ "ADDRESS", "address", cell_text },
	{ "TCP", "tcp", cell_text, 1 },
	{ "BUCKET", "bucket", cell_text, 1 },
	{ "SPARE", "spare", cell_yes },
	{ "LIVE", "live", cell_yes },
	{ "CHECKS", "checks", cell_text, 1 },
	{ "CHECKED", "checked_ms", cell_ms, 1 },
	{ "SEQ", "seq", cell_text, 1 },
	{ NULL }
};

static const struct column lookup_cols[] = {
	{ "ID", "id", cell_id },
	{ "ADDRESS", "address", cell_text },
	{ "TCP", "tcp", cell_text, 1 },
	{ "DISTANCE", "distance", cell_text, 1 },
	{ NULL }
};

static const struct column lookups_cols[] = {
	{ "WHY", "why", cell_text },
	{ "TARGET", "target", cell_id },
	{ "SINCE", "ms", cell_ms, 1 },
	{ "ASKED", "asked", cell_text, 1 },
	{ "ANSWERED", "answered", cell_text, 1 },
	{ "SEEN", "seen", cell_text, 1 },
	{ NULL }
};

static const struct column session_cols[] = {
	{ "SESSION", "instance", cell_text, 1 },
	{ "PEERS", "peers", cell_text, 1 },
	{ "APPS", "apps", cell_text, 1 },
	{ "MEMORY", "memory", cell_bytes, 1 },
	{ "IN/OUT", "bytes_in", cell_wire, 1 },
	{ "MSGS", "msgs_in", cell_msgs, 1 },
	{ "DROPPED", "dropped", cell_text, 1 },
	{ NULL }
};

static const struct column failure_cols[] = {
	{ "COUNT", "count", cell_text, 1 },
	{ "LAST", "ago_ms", cell_ms, 1 },
	{ "REASON", "reason", cell_text },
	{ "MEANING", "text", cell_text },
	{ NULL }
};

static const struct view {
	enum ctl_show		 what;
	enum shape		 shape;
	const struct column	*cols;
	const char		*empty;
} views[] = {
	{ SHOW_STATUS, SH_STATUS, NULL, NULL },
	{ SHOW_PEERS, SH_LIST, peers_cols, "no peers" },
	{ SHOW_PEER, SH_ONE, NULL, NULL },
	{ SHOW_APPS, SH_APPS, apps_cols, "no application is attached" },
	{ SHOW_PROCESSES, SH_LIST, processes_cols, "no processes" },
	{ SHOW_KEYS, SH_LIST, keys_cols, "no key operations" },
	{ SHOW_MEMORY, SH_LIST, memory_cols, "no processes" },
	{ SHOW_QUEUES, SH_LIST, queues_cols, "no queues" },
	{ SHOW_HISTORY, SH_LIST, history_cols, "no attempts yet" },
	{ SHOW_CONFIG, SH_TEXT, NULL, NULL },
	{ SHOW_BANS, SH_LIST, bans_cols, "no bans" },
	{ SHOW_NODES, SH_LIST, nodes_cols, "no static or trusted nodes" },
	{ SHOW_ENR, SH_ONE, NULL, NULL },
	{ SHOW_TABLE, SH_LIST, table_cols, "the table is empty" },
	{ SHOW_NODE, SH_ONE, NULL, NULL },
	{ SHOW_DB, SH_ONE, NULL, NULL },
	{ SHOW_LOOKUPS, SH_LIST, lookups_cols, "no lookup is under way" },
	{ SHOW_WHY, SH_WHY, NULL, NULL }
};

static const struct view *
view_of(enum ctl_show what)
{
	size_t	 i;

	for (i = 0; i < nitems_of(views); i++)
		if (views[i].what == what)
			return &views[i];
	return &views[0];
}

static json_t *
shape_one(const json_t *records)
{
	json_t	*one = json_object(), *r;
	size_t	 i;

	/* The first to say something has said it. */
	json_array_foreach(records, i, r)
		json_object_update_missing(one, r);
	return one;
}

static json_t *
shape_status(const json_t *records)
{
	json_t	*node = json_object(), *sessions = json_array(), *r;
	size_t	 i;

	json_array_foreach(records, i, r) {
		if (strcmp(json_text(r, "kind"), "session") == 0) {
			json_object_del(r, "kind");
			json_array_append(sessions, r);
		} else if (strcmp(json_text(r, "kind"), "discovery") == 0) {
			json_object_del(r, "kind");
			json_object_set(node, "discovery", r);
		} else
			json_object_update_missing(node, r);
	}
	json_object_del(node, "kind");
	json_object_set_new(node, "sessions", sessions);
	return node;
}

/* The sessions' word on a capability goes with it. */
static void
add_queue(json_t *apps, json_t *queue)
{
	json_t	*a, *cap, *list;
	size_t	 i, k;

	json_array_foreach(apps, i, a)
		json_array_foreach(json_object_get(a, "capabilities"), k, cap) {
			if (!json_equal(json_object_get(cap, "cap_id"),
			    json_object_get(queue, "cap_id")))
				continue;
			json_object_del(queue, "kind");
			json_object_del(queue, "cap_id");
			list = json_object_get(cap, "queues");
			json_array_append(list, queue);
			return;
		}
}

static json_t *
shape_apps(const json_t *records)
{
	json_t	*apps = json_array(), *r, *cap;
	size_t	 i, k;

	json_array_foreach(records, i, r) {
		if (strcmp(json_text(r, "kind"), "queue") == 0) {
			add_queue(apps, r);
			continue;
		}
		json_array_foreach(json_object_get(r, "capabilities"), k, cap)
			json_object_set_new(cap, "queues", json_array());
		json_array_append(apps, r);
	}
	return apps;
}

/* What speaks against a dial, by whoever; nothing: it would be dialed. */
static json_t *
shape_why(const json_t *records)
{
	json_t	*one = json_object(), *reasons = json_array(), *r;
	size_t	 i;

	json_array_foreach(records, i, r) {
		json_array_extend(reasons, json_object_get(r, "reasons"));
		json_object_update_missing(one, r);
	}
	json_object_set_new(one, "would_dial",
	    json_boolean(json_array_size(reasons) == 0));
	json_object_set_new(one, "reasons", reasons);
	return one;
}

static json_t *
shape_text(const json_t *records)
{
	json_t	*lines = json_array(), *r;
	size_t	 i;

	json_array_foreach(records, i, r)
		json_array_append(lines, json_object_get(r, "text"));
	return json_pack("{s:o}", "lines", lines);
}

json_t *
show_shape(enum ctl_show what, json_t *records)
{
	json_t	*v;

	switch (view_of(what)->shape) {
	case SH_ONE:
		v = shape_one(records);
		break;
	case SH_APPS:
		v = shape_apps(records);
		break;
	case SH_WHY:
		v = shape_why(records);
		break;
	case SH_STATUS:
		v = shape_status(records);
		break;
	case SH_TEXT:
		v = shape_text(records);
		break;
	default:
		return records;
	}
	json_decref(records);
	return v;
}

static void
status_peers(FILE *f, const json_t *n)
{
	fprintf(f, "peers      %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT,
	    json_num(n, "peers"), json_num(n, "max_peers"));
	fprintf(f, ", %" JSON_INTEGER_FORMAT " in (at most %"
	    JSON_INTEGER_FORMAT ")", json_num(n, "peers_in"),
	    json_num(n, "max_in"));
	fprintf(f, ", %" JSON_INTEGER_FORMAT " out (at most %"
	    JSON_INTEGER_FORMAT ")\n", json_num(n, "peers_out"),
	    json_num(n, "max_out"));
	fprintf(f, "in set-up  %" JSON_INTEGER_FORMAT " in, %"
	    JSON_INTEGER_FORMAT " out", json_num(n, "pending_in"),
	    json_num(n, "pending_out"));
	if (json_num(n, "candidates") > 0)
		fprintf(f, ", %" JSON_INTEGER_FORMAT " waiting to be dialed",
		    json_num(n, "candidates"));
	putc('\n', f);
}

static void
status_line(FILE *f, const char *label, const json_t *n, const char *key,
    const char *none)
{
	char	 cell[CELL_MAX * 8];

	cell_text(cell, sizeof(cell), n, key);
	if (cell[0] == '\0' && none == NULL)
		return;
	fprintf(f, "%-9s  %s\n", label, cell[0] == '\0' ? none : cell);
}

static void
status_discovery(FILE *f, const json_t *d)
{
	if (d == NULL)
		return;
	fprintf(f, "discovery  %" JSON_INTEGER_FORMAT " nodes in the table, %"
	    JSON_INTEGER_FORMAT " of them live, %" JSON_INTEGER_FORMAT
	    " remembered; ", json_num(d, "table"), json_num(d, "live"),
	    json_num(d, "known"));
	if (json_num(d, "wanted") == 0)
		fputs("resting\n", f);
	else
		fprintf(f, "%" JSON_INTEGER_FORMAT " more are wanted\n",
		    json_num(d, "wanted"));
}

static void
why_print(FILE *f, const json_t *v)
{
	char	 line[CELL_MAX * 2];
	json_t	*e;
	size_t	 i;

	if (json_true_at(v, "would_dial"))
		fprintf(f, "it would be dialed%s\n", json_true_at(v,
		    "record_missing") ? ", if its record is what applications "
		    "ask for" : "");
	else
		fprintf(f, "it would not be dialed:\n");
	json_array_foreach(json_object_get(v, "reasons"), i, e)
		if (json_is_string(e))
			fprintf(f, "  %s\n", text_safe(line, sizeof(line),
			    json_string_value(e)));
}

void
lookup_print(FILE *f, const json_t *nodes)
{
	if (json_array_size(nodes) == 0)
		fputs("nobody was found\n", f);
	else
		table_print(f, lookup_cols, nodes);
}

static void
status_print(FILE *f, const json_t *n)
{
	char	 client[CELL_MAX], up[32], line[CELL_MAX * 2];
	json_t	*v;
	size_t	 i;

	text_safe(client, sizeof(client), json_text(n, "client"));
	fprintf(f, "%s, up %s\n", client[0] == '\0' ? "p2pd" : client,
	    format_ms(up, sizeof(up), json_num(n, "uptime_ms")));
	status_line(f, "id", n, "id", NULL);
	json_array_foreach(json_object_get(n, "enode"), i, v)
		if (json_is_string(v))
			fprintf(f, "enode      %s\n", text_safe(line,
			    sizeof(line), json_string_value(v)));
	status_line(f, "listening", n, "listening", "nowhere");
	status_peers(f, n);
	status_discovery(f, json_object_get(n, "discovery"));
	fprintf(f, "apps       %" JSON_INTEGER_FORMAT "\n", json_num(n, "apps"));
	status_line(f, "speaks", n, "capabilities", "nothing");
	if (json_array_size(json_object_get(n, "sessions")) > 0) {
		fputc('\n', f);
		table_print(f, session_cols, json_object_get(n, "sessions"));
	}
	if (json_array_size(json_object_get(n, "last_failures")) > 0) {
		fputs("\nlast failures\n", f);
		table_print(f, failure_cols, json_object_get(n, "last_failures"));
	}
	json_array_foreach(json_object_get(n, "warnings"), i, v) {
		if (i == 0)
			fputc('\n', f);
		if (json_is_string(v))
			fprintf(f, "warning: %s\n", text_safe(line,
			    sizeof(line), json_string_value(v)));
	}
}

static void
lines_print(FILE *f, const json_t *v)
{
	const json_t	*e;
	char		 line[4096];
	size_t		 i;

	json_array_foreach(json_object_get(v, "lines"), i, e)
		if (json_is_string(e))
			fprintf(f, "%s\n", text_safe(line, sizeof(line),
			    json_string_value(e)));
}

void
show_print(FILE *f, enum ctl_show what, const json_t *v)
{
	const struct view	*view = view_of(what);

	switch (view->shape) {
	case SH_STATUS:
		status_print(f, v);
		break;
	case SH_WHY:
		why_print(f, v);
		break;
	case SH_TEXT:
		lines_print(f, v);
		break;
	case SH_ONE:
		object_print(f, v);
		break;
	case SH_APPS:
	case SH_LIST:
		if (json_array_size(v) == 0)
			fprintf(f, "%s\n", view->empty);
		else
			table_print(f, view->cols, v);
		break;
	}
}
