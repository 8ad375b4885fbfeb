/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "common/wire/rlp.h"
#include "p2pd/parent/meta.h"

/* Ours to set: identity, and where the node can be reached. */
static const char *const reserved[] = {
	"id", "ip", "ip6", "secp256k1", "tcp", "tcp6", "udp", "udp6", "v4", "v5"
};

static int
is_reserved(const char *key)
{
	size_t i;

	for (i = 0; i < nitems_of(reserved); i++)
		if (strcmp(reserved[i], key) == 0)
			return 1;
	return 0;
}

/* Bytes of a pair: the key as RLP, and the value, which is RLP. */
static uint32_t
entry_size(const struct m_enr *e)
{
	size_t n = strlen(e->key);

	return (uint32_t)(n == 1 && (uint8_t)e->key[0] < 0x80 ? 1 : 1 + n) +
	    e->len;
}

static int
value_sound(const struct m_enr *e)
{
	const uint8_t *raw;
	struct rlp r;
	size_t n;

	rlp_init(&r, e->val, e->len);
	return rlp_get_raw(&r, &raw, &n) == 0 && rlp_atend(&r);
}

static const struct m_enr *
entry_find(const struct m_app_meta *m, const char *key)
{
	uint32_t i;

	for (i = 0; i < m->nenr; i++)
		if (strcmp(m->enr[i].key, key) == 0)
			return &m->enr[i];
	return NULL;
}

/* Keys go into the log, and into p2pctl's output. */
static void
key_text(char out[4 * APP_ENRKEY_MAX + 1], const char *key)
{
	text_escape(out, 4 * APP_ENRKEY_MAX + 1, key, strlen(key));
}

static enum app_error
entry_check(struct apps *as, const struct capability *c,
    const struct m_app_meta *m, const struct m_enr *e, char *text,
    size_t textlen)
{
	const struct capability *other;
	char key[4 * APP_ENRKEY_MAX + 1];

	key_text(key, e->key);
	if (e->key[0] == '\0' || is_reserved(e->key)) {
		snprintf(text, textlen, "record: the key \"%s\" is reserved", key);
		return APE_INVALID;
	}
	if (!value_sound(e)) {
		snprintf(text, textlen, "record: the value of \"%s\" is not one "
		    "RLP item", key);
		return APE_INVALID;
	}
	if (entry_find(m, e->key) != e) {
		snprintf(text, textlen, "record: the key \"%s\" twice", key);
		return APE_INVALID;
	}
	TAILQ_FOREACH(other, &as->caps, entry)
		if (other != c && entry_find(&other->meta, e->key) != NULL) {
			snprintf(text, textlen, "record: the key \"%.40s\" is "
			    "published for %s by uid %u, pid %u", key,
			    other->name, other->owner->uid, other->owner->pid);
			return APE_BUSY;
		}
	return APE_OK;
}

static uint32_t
meta_size(const struct m_app_meta *m)
{
	uint32_t i, n = 0;

	for (i = 0; i < m->nenr; i++)
		n += entry_size(&m->enr[i]);
	return n;
}

static enum app_error
conds_check(const struct m_app_meta *m, char *text, size_t textlen)
{
	uint32_t i;

	for (i = 0; i < m->ncond; i++)
		if (m->cond[i].key[0] == '\0') {
			snprintf(text, textlen, "condition without a key");
			return APE_INVALID;
		}
	for (i = 0; i < m->nprefix; i++)
		if (m->prefix[i].cond >= m->ncond) {
			snprintf(text, textlen, "prefix without a condition");
			return APE_INVALID;
		}
	return APE_OK;
}

enum app_error
meta_check(struct apps *as, const struct capability *c, const struct app *a,
    unsigned int mode, const struct m_app_meta *m, uint16_t *room, char *text,
    size_t textlen)
{
	const struct capability *other;
	uint32_t i, used = 0, size = meta_size(m);
	enum app_error e = APE_OK;

	if (mode == APM_TAP && (m->nenr > 0 || m->ncond > 0 || m->wanted > 0)) {
		snprintf(text, textlen, "a tap publishes nothing, and wants no "
		    "peers");
		return APE_INVALID;
	}
	/* What a refused attach would have meant is of no interest. */
	if (c != NULL && c->owner != a)
		return APE_OK;
	e = conds_check(m, text, textlen);
	for (i = 0; e == APE_OK && i < m->nenr; i++)
		e = entry_check(as, c, m, &m->enr[i], text, textlen);
	if (e != APE_OK || size == 0)
		return e;
	TAILQ_FOREACH(other, &as->caps, entry)
		if (other != c)
			used += meta_size(&other->meta);
	if (used + size <= META_RECORD_ROOM)
		return APE_OK;
	*room = (uint16_t)(META_RECORD_ROOM - used);
	snprintf(text, textlen, "no room in the node's record: %u bytes asked, "
	    "%u left", size, *room);
	return APE_RECORD;
}

void
meta_merge(struct m_app_meta *m, unsigned int has, const struct m_app_meta *in)
{
	if (has & META_WANTED)
		m->wanted = in->wanted;
	if (has & META_ENR) {
		m->nenr = in->nenr;
		memcpy(m->enr, in->enr, sizeof(m->enr));
	}
	if (has & META_COND) {
		m->ncond = in->ncond;
		memcpy(m->cond, in->cond, sizeof(m->cond));
		m->nprefix = in->nprefix;
		memcpy(m->prefix, in->prefix, sizeof(m->prefix));
	}
}

static int
entry_cmp(const void *va, const void *vb)
{
	const struct m_enr *const *a = va, *const *b = vb;

	return strcmp((*a)->key, (*b)->key);
}

size_t
apps_enr_entries(struct apps *as, const struct m_enr **out, size_t max)
{
	const struct capability *c;
	size_t n = 0;
	uint32_t i;

	TAILQ_FOREACH(c, &as->caps, entry)
		for (i = 0; c->advertised && i < c->meta.nenr && n < max; i++)
			out[n++] = &c->meta.enr[i];
	qsort(out, n, sizeof(out[0]), entry_cmp);
	return n;
}

struct capability *
apps_conditions(struct apps *as, struct capability *c)
{
	c = c == NULL ? TAILQ_FIRST(&as->caps) : TAILQ_NEXT(c, entry);
	while (c != NULL && !c->advertised)
		c = TAILQ_NEXT(c, entry);
	return c;
}

int
cap_hungry(const struct capability *c)
{
	return c->advertised &&
	    (c->meta.wanted == 0 || c->npeers < c->meta.wanted);
}

uint32_t
apps_hungry(struct apps *as)
{
	struct capability *c;
	uint32_t sum = 0;

	/* In the order in which they were attached, with ids never used twice. */
	TAILQ_FOREACH(c, &as->caps, entry)
		if (cap_hungry(c))
			sum = ((sum ^ c->id) * 16777619U) | 1;
	return sum;
}
