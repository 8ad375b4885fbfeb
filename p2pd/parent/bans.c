/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/parent/bans.h"

static int
ban_cmp(struct ban *a, struct ban *b)
{
	if (a->by_id != b->by_id)
		return a->by_id ? -1 : 1;
	if (a->by_id)
		return memcmp(a->id, b->id, sizeof(a->id));
	return prefix_cmp(&a->prefix, &b->prefix);
}

RB_GENERATE(ban_tree, ban, entry, ban_cmp)

void
bans_init(struct bans *bs)
{
	RB_INIT(&bs->tree);
	bs->n = 0;
}

struct ban *
bans_find(struct bans *bs, const struct ban *what)
{
	struct ban key = *what;

	return RB_FIND(ban_tree, &bs->tree, &key);
}

struct ban *
bans_add(struct bans *bs, const struct ban *what)
{
	struct ban *b;

	b = bans_find(bs, what);
	if (b != NULL && what->from_conf) {
		b->from_conf = 1;
		return b;
	}
	if (b != NULL) {
		b->saved = 1;
		b->until = what->until;
		memcpy(b->note, what->note, sizeof(b->note));
		return b;
	}
	if (bs->n >= BANS_MAX) {
		errno = ENOSPC;
		return NULL;
	}
	b = malloc(sizeof(*b));
	if (b == NULL)
		return NULL;
	*b = *what;
	b->saved = !b->from_conf;
	RB_INSERT(ban_tree, &bs->tree, b);
	bs->n++;
	return b;
}

int
ban_live(const struct ban *b, int64_t now)
{
	return b->from_conf || b->until == 0 || b->until > now;
}

int
ban_expire(struct ban *b, int64_t now)
{
	if (!b->saved || b->until == 0 || b->until > now)
		return 0;
	if (!b->from_conf)
		return 1;
	b->saved = 0;
	b->until = 0;
	b->note[0] = '\0';
	return -1;
}

int
bans_has_id(struct bans *bs, const uint8_t id[SECP_PUB], int64_t now)
{
	struct ban key, *b;

	memset(&key, 0, sizeof(key));
	key.by_id = 1;
	memcpy(key.id, id, sizeof(key.id));
	b = RB_FIND(ban_tree, &bs->tree, &key);
	return b != NULL && ban_live(b, now);
}

int
bans_has_addr(struct bans *bs, const struct addr *a, int64_t now)
{
	struct ban key, *b;
	int bits;

	memset(&key, 0, sizeof(key));
	for (bits = a->af == 4 ? 32 : 128; bits >= 0 && bs->n > 0; bits--) {
		prefix_of(&key.prefix, a, bits);
		b = RB_FIND(ban_tree, &bs->tree, &key);
		if (b != NULL && ban_live(b, now))
			return 1;
	}
	return 0;
}

void
bans_del(struct bans *bs, struct ban *b)
{
	RB_REMOVE(ban_tree, &bs->tree, b);
	bs->n--;
	free(b);
}

const char *
ban_what(const struct ban *b, char *buf, size_t len)
{
	if (b->by_id)
		hex_encode(buf, b->id, sizeof(b->id));
	else
		prefix_format(&b->prefix, buf);
	return buf;
}
