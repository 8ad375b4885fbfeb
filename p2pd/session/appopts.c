/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/session/appopts.h"

/* What is being built of one body. */
struct build {
	struct app_opts		*opts;
	struct m_app_meta	*meta;
	const char		*why;
};

static int
invalid(struct build *b, const char *why)
{
	b->why = why;
	return APE_INVALID;
}

static int
opt_u32(struct build *b, const struct app_opt_iter *it, uint32_t *v)
{
	*v = 0;
	if (it->len == 0 || app_opt_u32(it, v) == 0)
		return APE_OK;
	b->why = "an option is malformed";
	return APE_MALFORMED;
}

static int
opt_queue_peer(struct build *b, const struct app_opt_iter *it)
{
	return opt_u32(b, it, &b->opts->queue_peer);
}

static int
opt_queue_app(struct build *b, const struct app_opt_iter *it)
{
	return opt_u32(b, it, &b->opts->queue_app);
}

static int
opt_handshake(struct build *b, const struct app_opt_iter *it)
{
	int	 error = opt_u32(b, it, &b->opts->handshake_ms);

	if (error == APE_OK && b->opts->handshake_ms > APP_HANDSHAKE_MAX)
		return invalid(b, "a handshake has 60,000 ms at most");
	return error;
}

static int
opt_wanted(struct build *b, const struct app_opt_iter *it)
{
	return opt_u32(b, it, &b->meta->wanted);
}

/* There is room for all of them: what options can hold in one frame. */
static int
opt_first(struct build *b, const struct app_opt_iter *it)
{
	struct firsts		*f = b->opts->firsts;
	struct app_first	 in;
	struct first		*v;

	if (it->len == 0)
		return APE_OK;
	if (app_opt_first(it, &in) == -1) {
		b->why = "a first message is malformed";
		return APE_MALFORMED;
	}
	if (f->n == APP_FIRSTS_MAX)
		return invalid(b, "too many first messages");
	for (v = f->v; v < f->v + f->n; v++)
		if (v->version == in.version)
			return invalid(b, "two first messages for a version");
	v->version = in.version;
	v->code = in.code;
	v->off = f->n == 0 ? 0 : v[-1].off + v[-1].len;
	v->len = (uint32_t)in.len;
	memcpy(f->data + v->off, in.payload, in.len);
	f->n++;
	return APE_OK;
}

/* Printable, as the keys of records are. */
static int
copy_key(char out[APP_ENRKEY_MAX + 1], const struct app_keyed *k)
{
	size_t	 i;

	for (i = 0; i < k->keylen; i++)
		if (k->key[i] <= ' ' || k->key[i] > '~')
			return -1;
	memcpy(out, k->key, k->keylen);
	out[k->keylen] = '\0';
	return 0;
}

static int
opt_enr(struct build *b, const struct app_opt_iter *it)
{
	struct app_keyed	 k;
	struct m_enr		*e;

	if (it->len == 0)
		return APE_OK;
	if (app_opt_keyed(it, &k) == -1) {
		b->why = "an entry of the record is malformed";
		return APE_MALFORMED;
	}
	if (b->meta->nenr == APP_ENRS_MAX)
		return invalid(b, "too many entries of the record");
	e = &b->meta->enr[b->meta->nenr++];
	if (copy_key(e->key, &k) == -1 || k.restlen > sizeof(e->val))
		return invalid(b, "no key, or no value, of a record");
	e->len = (uint32_t)k.restlen;
	memcpy(e->val, k.rest, k.restlen);
	return APE_OK;
}

static int
prefixes(struct build *b, struct app_keyed *k)
{
	struct m_prefix	*p;
	const uint8_t	*data;
	size_t		 len;
	unsigned int	 n = 0;
	int		 r;

	while ((r = app_opt_prefix(k, &data, &len)) == 1) {
		if (n++ == APP_PREFIXES_MAX)
			return invalid(b, "too many prefixes in a condition");
		p = &b->meta->prefix[b->meta->nprefix++];
		p->cond = (uint8_t)(b->meta->ncond - 1);
		p->len = (uint32_t)len;
		memcpy(p->bytes, data, len);
	}
	if (r == 0)
		return APE_OK;
	b->why = "a prefix is malformed";
	return APE_MALFORMED;
}

static int
opt_condition(struct build *b, const struct app_opt_iter *it)
{
	struct app_keyed	 k;

	if (it->len == 0)
		return APE_OK;
	if (app_opt_keyed(it, &k) == -1) {
		b->why = "a condition is malformed";
		return APE_MALFORMED;
	}
	if (b->meta->ncond == APP_CONDS_MAX)
		return invalid(b, "too many conditions");
	if (copy_key(b->meta->cond[b->meta->ncond++].key, &k) == -1)
		return invalid(b, "no key of a record");
	return prefixes(b, &k);
}

static int	(*const kinds[])(struct build *, const struct app_opt_iter *) = {
	[AO_QUEUE_PEER] = opt_queue_peer,
	[AO_QUEUE_APP] = opt_queue_app,
	[AO_HANDSHAKE] = opt_handshake,
	[AO_FIRST] = opt_first,
	[AO_WANTED] = opt_wanted,
	[AO_ENR] = opt_enr,
	[AO_CONDITION] = opt_condition
};

static int
walk(struct build *b, const uint8_t *opts, size_t len)
{
	struct app_opt_iter	 it;
	int			 error, r;

	app_opt_start(&it, opts, len);
	while ((r = app_opt_next(&it)) == 1) {
		if (it.type >= nitems_of(kinds) || kinds[it.type] == NULL)
			continue;
		b->opts->has |= OPT_HAS(it.type);
		if ((error = kinds[it.type](b, &it)) != APE_OK)
			return error;
	}
	if (r == 0)
		return APE_OK;
	b->why = "options do not fit their frame";
	return APE_MALFORMED;
}

/* To the size that it has come to; none is NULL. */
static void
trim(struct app_opts *o)
{
	struct firsts	*f = o->firsts, *t;

	if (f->n == 0) {
		free(f);
		o->firsts = NULL;
		return;
	}
	f->size = sizeof(*f) + f->v[f->n - 1].off + f->v[f->n - 1].len;
	if ((t = realloc(f, f->size)) != NULL)
		o->firsts = t;
}

int
app_opts_parse(struct app_opts *o, struct m_app_meta *meta, const uint8_t *opts,
    size_t len, const char **why)
{
	struct build	 b = { o, meta, NULL };
	int		 error;

	memset(o, 0, sizeof(*o));
	memset(meta, 0, sizeof(*meta));
	if ((o->firsts = calloc(1, sizeof(*o->firsts) + len)) == NULL) {
		*why = "no memory";
		return APE_QUEUE;
	}
	error = walk(&b, opts, len);
	if (error != APE_OK) {
		free(o->firsts);
		o->firsts = NULL;
		*why = b.why;
		return error;
	}
	trim(o);
	return APE_OK;
}

uint8_t
app_opts_meta(const struct app_opts *o)
{
	return (uint8_t)((o->has & OPT_HAS(AO_WANTED) ? META_WANTED : 0) |
	    (o->has & OPT_HAS(AO_ENR) ? META_ENR : 0) |
	    (o->has & OPT_HAS(AO_CONDITION) ? META_COND : 0));
}

const struct first *
firsts_find(const struct firsts *f, uint32_t version)
{
	const struct first	*any = NULL;
	uint32_t		 i;

	for (i = 0; f != NULL && i < f->n; i++) {
		if (f->v[i].version == version)
			return &f->v[i];
		if (f->v[i].version == 0)
			any = &f->v[i];
	}
	return any;
}

int
firsts_fit(const struct firsts *f, const struct m_capver *vers, uint32_t n)
{
	const struct first	*v;
	uint32_t		 i, k, known;

	for (k = 0; f != NULL && k < f->n; k++) {
		known = f->v[k].version == 0;
		for (i = 0; i < n; i++)
			known |= vers[i].version == f->v[k].version;
		if (!known)
			return 0;
	}
	for (i = 0; i < n; i++) {
		v = firsts_find(f, vers[i].version);
		if (v != NULL && v->code >= vers[i].codes)
			return 0;
	}
	return 1;
}

int
firsts_hold(struct firsts *f, struct holder *h)
{
	if (f == NULL)
		return 0;
	if (budget_take(h, f->size) == -1)
		return -1;
	if (f->holder != NULL)
		budget_give(f->holder, f->size);
	f->holder = h;
	return 0;
}

void
firsts_free(struct firsts *f)
{
	if (f == NULL)
		return;
	if (f->holder != NULL)
		budget_give(f->holder, f->size);
	free(f);
}
