/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "common/base/util.h"
#include "p2pctl/client.h"
#include "p2pctl/json.h"
#include "p2pctl/nodeset.h"
#include "p2pctl/offline.h"

#define FIRST_SIZE	1024		/* a power of two */
#define TIME_LEN	sizeof("2026-01-02T03:04:05Z")

void
nodeset_free(struct nodeset *s)
{
	size_t		 i;

	for (i = 0; i < s->size; i++)
		free(s->v[i]);
	free(s->v);
	memset(s, 0, sizeof(*s));
}

/* Where the node is, or belongs. Ids are hashes: any of their bytes will do. */
static size_t
place(struct netnode *const *v, size_t size, const uint8_t id[NODE_ID])
{
	uint64_t	 h;
	size_t		 i;

	memcpy(&h, id, sizeof(h));
	for (i = h & (size - 1); v[i] != NULL; i = (i + 1) & (size - 1))
		if (memcmp(v[i]->id, id, NODE_ID) == 0)
			break;
	return i;
}

struct netnode *
nodeset_find(const struct nodeset *s, const uint8_t id[NODE_ID])
{
	return s->size == 0 ? NULL : s->v[place(s->v, s->size, id)];
}

static int
grow(struct nodeset *s)
{
	struct netnode	**v;
	size_t		 size = s->size == 0 ? FIRST_SIZE : 2 * s->size, i;

	if ((v = calloc(size, sizeof(struct netnode *))) == NULL)
		return -1;
	for (i = 0; i < s->size; i++)
		if (s->v[i] != NULL)
			v[place(v, size, s->v[i]->id)] = s->v[i];
	free(s->v);
	s->v = v;
	s->size = size;
	return 0;
}

struct netnode *
nodeset_add(struct nodeset *s, const uint8_t key[SECP_PUB],
    const struct addr *udp)
{
	struct netnode	*n;
	uint8_t		 id[NODE_ID];

	node_id(id, key);
	if ((n = nodeset_find(s, id)) != NULL)
		return n;
	if (s->n >= s->size / 2 && grow(s) == -1)
		return NULL;
	if ((n = calloc(1, sizeof(*n))) == NULL)
		return NULL;
	memcpy(n->id, id, sizeof(n->id));
	memcpy(n->peer.key, key, SECP_PUB);
	n->peer.addr = *udp;
	s->v[place(s->v, s->size, id)] = n;
	s->n++;
	return n;
}

/* As Go writes times that are none. */
static int
parse_time(time_t *t, const char *s)
{
	struct tm	 tm = { 0 };
	const char	*end;

	*t = 0;
	if (s[0] == '\0' || strncmp(s, "0001-", 5) == 0)
		return 0;
	if ((end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm)) == NULL)
		return -1;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (strcmp(end, "Z") != 0)
		return -1;
	*t = timegm(&tm);
	return 0;
}

static const char *
read_node(struct nodeset *s, const char *key, const json_t *o)
{
	struct node_spec	 spec;
	struct netnode		*n;
	struct addr		 udp;
	const char		*why;
	uint8_t			 id[NODE_ID];
	uint16_t		 tcp;

	if (hex_decode(id, sizeof(id), key) == -1)
		return "the id is not 64 hex digits";
	if (node_spec_parse(&spec, json_text(o, "record"), &why) == -1)
		return why;
	if (node_spec_best(&spec, &udp, &tcp) == -1 || udp.port == 0)
		return NULL;		/* nothing to ask it at */
	if ((n = nodeset_add(s, spec.key, &udp)) == NULL)
		return strerror(errno);
	if (memcmp(n->id, id, sizeof(id)) != 0)
		return "the id is not that of the record";
	n->record = spec.record;
	if (json_num(o, "score") > 0 && json_num(o, "score") < UINT32_MAX)
		n->score = (uint32_t)json_num(o, "score");
	if (parse_time(&n->first, json_text(o, "firstResponse")) == -1 ||
	    parse_time(&n->last, json_text(o, "lastResponse")) == -1 ||
	    parse_time(&n->check, json_text(o, "lastCheck")) == -1)
		return "a time is not of the form 2026-01-02T03:04:05Z";
	return NULL;
}

int
nodeset_load(struct nodeset *s, const char *path, char *err)
{
	json_error_t	 e;
	json_t		*root, *o;
	const char	*key, *why = NULL;
	FILE		*f;
	int		 r = EX_DONE;

	if ((f = fopen(path, "r")) == NULL)
		return errno == ENOENT ? EX_DONE :
		    offline_fail(err, "%s: %s", path, strerror(errno));
	root = json_loadf(f, JSON_REJECT_DUPLICATES, &e);
	fclose(f);
	if (root == NULL)
		return offline_fail(err, "%s:%d: %s", path, e.line, e.text);
	if (!json_is_object(root))
		why = "not an object of nodes by their ids";
	json_object_foreach(root, key, o)
		if (why == NULL && (why = read_node(s, key, o)) != NULL)
			r = offline_fail(err, "%s: %.64s: %s", path, key, why);
	if (why != NULL && r == EX_DONE)
		r = offline_fail(err, "%s: %s", path, why);
	json_decref(root);
	return r;
}

static void
put_time(json_t *o, const char *key, time_t t)
{
	struct tm	 tm;
	char		 text[TIME_LEN];

	if (t != 0 && gmtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		json_object_set_new(o, key, json_string(text));
}

static json_t *
node_json(const struct netnode *n)
{
	json_t		*o = json_object();
	char		 text[ENR_STRLEN];

	json_object_set_new(o, "seq",
	    json_integer((json_int_t)n->record.seq));
	json_object_set_new(o, "record", json_string(enr_format(&n->record,
	    text)));
	json_object_set_new(o, "score", json_integer(n->score));
	put_time(o, "firstResponse", n->first);
	put_time(o, "lastResponse", n->last);
	put_time(o, "lastCheck", n->check);
	return o;
}

static int
by_id(const void *a, const void *b)
{
	return memcmp((*(struct netnode *const *)a)->id,
	    (*(struct netnode *const *)b)->id, NODE_ID);
}

/* A sequence over 2^63 - 1 is no number that JSON's readers agree on. */
static int
worth_saving(const struct netnode *n)
{
	return n->record.len > 0 && n->score > 0 && n->record.seq <= INT64_MAX;
}

static json_t *
set_json(const struct nodeset *s, size_t *count)
{
	struct netnode	**list;
	json_t		*root = json_object();
	char		 id[2 * NODE_ID + 1];
	size_t		 i, n = 0;

	*count = 0;
	if ((list = calloc(s->n + 1, sizeof(struct netnode *))) == NULL) {
		json_decref(root);
		return NULL;
	}
	for (i = 0; i < s->size; i++)
		if (s->v[i] != NULL && worth_saving(s->v[i]))
			list[n++] = s->v[i];
	qsort(list, n, sizeof(list[0]), by_id);
	for (i = 0; i < n; i++)
		json_object_set_new(root, hex_encode(id, list[i]->id, NODE_ID),
		    node_json(list[i]));
	free(list);
	*count = n;
	return root;
}

/* The file that will take the place of path; -1 with a message. */
static int
open_beside(const char *path, char tmp[PATH_MAX], char *err)
{
	int	 fd;

	if (snprintf(tmp, PATH_MAX, "%s.XXXXXXXXXX", path) >= PATH_MAX) {
		offline_fail(err, "%s: path is too long", path);
		return -1;
	}
	if ((fd = mkstemp(tmp)) == -1)
		offline_fail(err, "%s: %s", path, strerror(errno));
	return fd;
}

int
nodeset_writable(const char *path, char *err)
{
	char	 tmp[PATH_MAX];
	int	 fd;

	if ((fd = open_beside(path, tmp, err)) == -1)
		return EX_FAILED;
	close(fd);
	unlink(tmp);
	return EX_DONE;
}

static int
write_json(const json_t *root, const char *path, char *err)
{
	char		 tmp[PATH_MAX];
	FILE		*f = NULL;
	mode_t		 mask;
	int		 fd, bad;

	if ((fd = open_beside(path, tmp, err)) == -1)
		return EX_FAILED;
	umask(mask = umask(0));
	bad = fchmod(fd, 0666 & ~mask) == -1 || (f = fdopen(fd, "w")) == NULL ||
	    json_dumpf(root, f, JSON_INDENT(4)) == -1 ||
	    fputc('\n', f) == EOF || fflush(f) == EOF || fsync(fd) == -1 ||
	    rename(tmp, path) == -1;
	if (bad) {
		offline_fail(err, "%s: %s", path, strerror(errno));
		unlink(tmp);
	}
	if (f != NULL)
		fclose(f);
	else
		close(fd);
	return bad ? EX_FAILED : EX_DONE;
}

int
nodeset_save(const struct nodeset *s, const char *path, size_t *n, char *err)
{
	json_t		*root;
	int		 r;

	if ((root = set_json(s, n)) == NULL)
		return offline_fail(err, "%s", strerror(errno));
	if (strcmp(path, "-") != 0)
		r = write_json(root, path, err);
	else if (json_dumpf(root, stdout, JSON_INDENT(4)) == -1 ||
	    putchar('\n') == EOF)
		r = offline_fail(err, "write: %s", strerror(errno));
	else
		r = EX_DONE;
	json_decref(root);
	return r;
}
