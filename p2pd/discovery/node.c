/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/scope.h"
#include "p2pd/discovery/node.h"

/* How far an address reaches, for the choice among a record's; 0: nowhere. */
static unsigned int
reach(const struct addr *a)
{
	switch (addr_scope(a)) {
	case SCOPE_ORDINARY:
		return 4;
	case SCOPE_CARRIER:
		return 3;
	case SCOPE_LAN:
		return 2;
	case SCOPE_LOOPBACK:
		return 1;
	case SCOPE_NEVER:
		break;
	}
	return 0;
}

void
node_subnet(struct prefix *p, const struct addr *a)
{
	prefix_of(p, a, a->af == 4 ? 24 : 48);
}

void
node_init(struct node *n, const uint8_t key[SECP_PUB], const struct addr *udp,
    uint16_t tcp)
{
	memset(n, 0, sizeof(*n));
	memcpy(n->key, key, SECP_PUB);
	node_id(n->id, key);
	n->udp = *udp;
	n->tcp = tcp;
}

static struct record *
record_new(const struct enr *e)
{
	struct record	*r;

	if ((r = malloc(sizeof(*r))) == NULL)
		return NULL;
	r->refs = 1;
	r->enr = *e;
	return r;
}

static void
record_unref(struct record *r)
{
	if (r != NULL && --r->refs == 0)
		free(r);
}

int
node_from_record(struct node *n, const struct enr *e,
    const uint8_t key[SECP_PUB], unsigned int families)
{
	static const unsigned int	 af[2] = { 4, 6 };
	static const unsigned int	 bit[2] = { NODE_IP4, NODE_IP6 };
	struct addr			 udp, best;
	uint16_t			 tcp, best_tcp = 0;
	unsigned int			 i, r, best_reach = 0;

	memset(n, 0, sizeof(*n));
	memset(&best, 0, sizeof(best));
	for (i = 0; i < 2; i++) {
		if ((families & bit[i]) == 0 ||
		    enr_endpoint(e, af[i], &udp, &tcp) == -1 || udp.port == 0)
			continue;
		if ((r = reach(&udp)) > best_reach) {
			best = udp;
			best_tcp = tcp;
			best_reach = r;
		}
	}
	if (best_reach == 0)
		return -1;
	node_init(n, key, &best, best_tcp);
	if ((n->rec = record_new(e)) == NULL) {
		node_clear(n);
		return -1;
	}
	n->seq = e->seq;
	return 0;
}

int
node_set_record(struct node *n, const struct enr *e)
{
	struct record	*r;
	struct addr	 udp;
	uint16_t	 tcp;

	if ((r = record_new(e)) == NULL)
		return -1;
	record_unref(n->rec);
	n->rec = r;
	n->seq = e->seq;
	if (enr_endpoint(e, n->udp.af, &udp, &tcp) == -1)
		return 0;
	if (addr_cmp_ip(&udp, &n->udp) == 0)
		n->tcp = tcp;
	else if (!addr_relay_ok(&n->udp, &udp))
		return 0;
	if (udp.port >= NODE_UDP_MIN) {
		n->udp = udp;
		n->tcp = tcp;
	}
	return 0;
}

void
node_copy(struct node *dst, const struct node *src)
{
	struct record	*old = dst->rec;

	if (dst == src)
		return;
	if (src->rec != NULL)
		src->rec->refs++;
	*dst = *src;
	record_unref(old);
}

void
node_clear(struct node *n)
{
	record_unref(n->rec);
	memset(n, 0, sizeof(*n));
}

int
node_cmp(const uint8_t target[NODE_ID], const uint8_t a[NODE_ID],
    const uint8_t b[NODE_ID])
{
	size_t	 i;

	for (i = 0; i < NODE_ID; i++)
		if (a[i] != b[i])
			return (a[i] ^ target[i]) < (b[i] ^ target[i]) ? -1 : 1;
	return 0;
}

unsigned int
node_logdist(const uint8_t a[NODE_ID], const uint8_t b[NODE_ID])
{
	unsigned int	 i, bits, x;

	for (i = 0; i < NODE_ID && a[i] == b[i]; i++)
		continue;
	if (i == NODE_ID)
		return 0;
	bits = 8 * (NODE_ID - 1 - i);
	for (x = a[i] ^ b[i]; x != 0; x >>= 1)
		bits++;
	return bits;
}
