/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/messages.h"
#include "p2pd/parent/peers.h"

static int
peer_cmp_id(struct peer *a, struct peer *b)
{
	return memcmp(a->id, b->id, sizeof(a->id));
}

static int
peer_cmp_handle(struct peer *a, struct peer *b)
{
	return a->handle < b->handle ? -1 : a->handle > b->handle;
}

RB_PROTOTYPE(peer_ids, peer, byid, peer_cmp_id);
RB_GENERATE(peer_ids, peer, byid, peer_cmp_id)
RB_GENERATE(peer_handles, peer, byhandle, peer_cmp_handle)

void
peers_init(struct peers *ps)
{
	memset(ps, 0, sizeof(*ps));
	RB_INIT(&ps->ids);
	RB_INIT(&ps->handles);
}

struct peer *
peers_byid(struct peers *ps, const uint8_t id[SECP_PUB])
{
	struct peer key;

	memcpy(key.id, id, sizeof(key.id));
	return RB_FIND(peer_ids, &ps->ids, &key);
}

struct peer *
peers_byhandle(struct peers *ps, uint32_t handle)
{
	struct peer key;

	key.handle = handle;
	return RB_FIND(peer_handles, &ps->handles, &key);
}

int
peers_insert(struct peers *ps, struct peer *p)
{
	if (RB_INSERT(peer_ids, &ps->ids, p) != NULL)
		return -1;
	if (RB_INSERT(peer_handles, &ps->handles, p) != NULL) {
		RB_REMOVE(peer_ids, &ps->ids, p);
		return -1;
	}
	ps->n++;
	if (p->flags & PF_INBOUND)
		ps->inbound++;
	return 0;
}

int
peers_share(struct peer *p, const struct sharedcap *shared, uint32_t n)
{
	uint32_t i;

	p->shares = calloc(n == 0 ? 1 : n, sizeof(p->shares[0]));
	if (p->shares == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		memcpy(p->shares[i].name, shared[i].cap.name,
		    sizeof(p->shares[i].name));
		p->shares[i].version = shared[i].cap.version;
		p->shares[i].codes = shared[i].codes;
		p->shares[i].owner = shared[i].owner;
	}
	p->nshares = n;
	return 0;
}

void
peers_free(struct peer *p)
{
	if (p != NULL)
		free(p->shares);
	free(p);
}

void
peers_remove(struct peers *ps, struct peer *p)
{
	RB_REMOVE(peer_ids, &ps->ids, p);
	RB_REMOVE(peer_handles, &ps->handles, p);
	ps->n--;
	if (p->flags & PF_INBOUND)
		ps->inbound--;
}
