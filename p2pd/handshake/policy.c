/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/wire/reason.h"
#include "p2pd/handshake/policy.h"

struct ban {
	RB_ENTRY(ban)	 entry;
	uint8_t		 by_id;
	struct prefix	 prefix;
	uint8_t		 id[SECP_PUB];
};
RB_HEAD(policy_bans, ban);

#define PREFIX_LENS	129

struct policy {
	struct m_net	 net;
	struct netset	 restrict_to;
	struct policy_bans bans;
	/* Bans of each prefix length: an address is looked up once a length. */
	uint32_t	 lens[2][PREFIX_LENS];	/* IPv4, IPv6 */
};

static int
ban_cmp(const struct ban *a, const struct ban *b)
{
	if (a->by_id != b->by_id)
		return a->by_id < b->by_id ? -1 : 1;
	if (a->by_id)
		return memcmp(a->id, b->id, sizeof(a->id));
	return prefix_cmp(&a->prefix, &b->prefix);
}

RB_PROTOTYPE(policy_bans, ban, entry, ban_cmp);
RB_GENERATE(policy_bans, ban, entry, ban_cmp)

struct policy *
policy_new(void)
{
	struct policy	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	RB_INIT(&p->bans);
	return p;
}

void
policy_free(struct policy *p)
{
	struct ban	*b;

	if (p == NULL)
		return;
	while ((b = RB_ROOT(&p->bans)) != NULL) {
		RB_REMOVE(policy_bans, &p->bans, b);
		free(b);
	}
	netset_clear(&p->restrict_to);
	free(p);
}

void
policy_set_net(struct policy *p, const struct m_net *m)
{
	p->net = *m;
	netset_clear(&p->restrict_to);
}

const struct m_net *
policy_net(const struct policy *p)
{
	return &p->net;
}

void
policy_netrestrict(struct policy *p, const struct m_netrestrict *m)
{
	if (netset_add(&p->restrict_to, &m->prefix) == -1)
		fatal("netrestrict");
}

static uint32_t *
prefix_count(struct policy *p, const struct prefix *prefix)
{
	return &p->lens[prefix->af == 6][prefix->len % PREFIX_LENS];
}

void
policy_ban(struct policy *p, const struct m_ban *m)
{
	struct ban	 key, *b;

	memset(&key, 0, sizeof(key));
	key.by_id = m->by_id != 0;
	if (key.by_id)
		memcpy(key.id, m->id, sizeof(key.id));
	else
		key.prefix = m->prefix;
	b = RB_FIND(policy_bans, &p->bans, &key);
	if (m->add && b == NULL) {
		if ((b = malloc(sizeof(*b))) == NULL)
			fatal("ban");
		*b = key;
		RB_INSERT(policy_bans, &p->bans, b);
		if (!b->by_id)
			(*prefix_count(p, &b->prefix))++;
	} else if (!m->add && b != NULL) {
		if (!b->by_id)
			(*prefix_count(p, &b->prefix))--;
		RB_REMOVE(policy_bans, &p->bans, b);
		free(b);
	}
}

/* The tree's functions change nothing when they find. */
static int
is_banned(const struct policy *p, struct ban *key)
{
	struct policy_bans	 head = p->bans;

	return RB_FIND(policy_bans, &head, key) != NULL;
}

unsigned int
policy_addr(const struct policy *p, const struct addr *a)
{
	struct ban	 key;
	unsigned int	 len;

	if (p->net.restricted && !netset_match(&p->restrict_to, a))
		return REASON_NETRESTRICT;
	memset(&key, 0, sizeof(key));
	for (len = 0; len <= (a->af == 4 ? 32U : 128U); len++) {
		if (p->lens[a->af == 6][len] == 0)
			continue;
		prefix_of(&key.prefix, a, len);
		if (is_banned(p, &key))
			return REASON_BANNED_ADDR;
	}
	return REASON_NONE;
}

unsigned int
policy_id(const struct policy *p, const uint8_t id[SECP_PUB])
{
	struct ban	 key;

	memset(&key, 0, sizeof(key));
	key.by_id = 1;
	memcpy(key.id, id, sizeof(key.id));
	return is_banned(p, &key) ? REASON_BANNED_ID : REASON_NONE;
}
