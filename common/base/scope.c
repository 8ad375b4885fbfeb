/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/base/scope.h"
#include "common/base/util.h"

/*
 * IANA's special-purpose registries, and multicast. The first row that fits
 * decides, so exceptions of a network come before it.
 */
static const struct special {
	uint8_t		 af;
	uint8_t		 len;
	uint8_t		 ip[16];
	enum addr_scope	 scope;
} special[] = {
	{ 4, 8, { 0 }, SCOPE_NEVER },	/* this network */
	{ 4, 8, { 10 }, SCOPE_LAN },
	{ 4, 10, { 100, 64 }, SCOPE_CARRIER },
	{ 4, 8, { 127 }, SCOPE_LOOPBACK },
	{ 4, 16, { 169, 254 }, SCOPE_LAN },	/* link-local */
	{ 4, 12, { 172, 16 }, SCOPE_LAN },
	{ 4, 24, { 192, 0, 0 }, SCOPE_NEVER },	/* protocol assignments */
	{ 4, 24, { 192, 0, 2 }, SCOPE_NEVER },	/* TEST-NET-1 */
	{ 4, 24, { 192, 31, 196 }, SCOPE_NEVER },	/* AS112-v4 */
	{ 4, 24, { 192, 52, 193 }, SCOPE_NEVER },	/* AMT */
	{ 4, 24, { 192, 88, 99 }, SCOPE_NEVER },	/* 6to4 anycast */
	{ 4, 16, { 192, 168 }, SCOPE_LAN },
	{ 4, 24, { 192, 175, 48 }, SCOPE_NEVER },	/* AS112 direct delegation */
	{ 4, 15, { 198, 18 }, SCOPE_NEVER },	/* benchmarks */
	{ 4, 24, { 198, 51, 100 }, SCOPE_NEVER },	/* TEST-NET-2 */
	{ 4, 24, { 203, 0, 113 }, SCOPE_NEVER },	/* TEST-NET-3 */
	{ 4, 4, { 224 }, SCOPE_NEVER },	/* multicast */
	{ 4, 4, { 240 }, SCOPE_NEVER },	/* reserved, broadcast */
	{ 6, 128, { [15] = 1 }, SCOPE_LOOPBACK },
	{ 6, 8, { 0 }, SCOPE_NEVER },	/* unspecified, 4-in-6, NAT64 */
	{ 6, 64, { 0x01 }, SCOPE_NEVER },	/* discard */
	{ 6, 23, { 0x20, 0x01 }, SCOPE_NEVER },	/* Teredo, benchmark, ORCHID */
	{ 6, 32, { 0x20, 0x01, 0x0d, 0xb8 }, SCOPE_NEVER },	/* documentation */
	{ 6, 16, { 0x20, 0x02 }, SCOPE_NEVER },	/* 6to4 */
	{ 6, 20, { 0x3f, 0xff }, SCOPE_NEVER },	/* documentation */
	{ 6, 48, { 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00 }, SCOPE_NEVER },	/* AS112 */
	{ 6, 7, { 0xfc }, SCOPE_LAN },
	{ 6, 10, { 0xfe, 0x80 }, SCOPE_LAN },
	{ 6, 10, { 0xfe, 0xc0 }, SCOPE_LAN },	/* old site-local */
	{ 6, 8, { 0xff }, SCOPE_NEVER },	/* multicast */
};

static int
covers(const struct special *s, const struct addr *a)
{
	unsigned int	 whole = s->len / 8, rest = s->len % 8, mask;

	if (s->af != a->af || memcmp(s->ip, a->ip, whole) != 0)
		return 0;
	mask = 0xff00U >> rest & 0xffU;
	return rest == 0 || (a->ip[whole] & mask) == (s->ip[whole] & mask);
}

enum addr_scope
addr_scope(const struct addr *a)
{
	size_t	 i;

	if (a->af != 4 && a->af != 6)
		return SCOPE_NEVER;
	for (i = 0; i < nitems_of(special); i++)
		if (covers(&special[i], a))
			return special[i].scope;
	return SCOPE_ORDINARY;
}

int
addr_relay_ok(const struct addr *from, const struct addr *a)
{
	enum addr_scope	 f = addr_scope(from);

	switch (addr_scope(a)) {
	case SCOPE_ORDINARY:
		return 1;
	case SCOPE_LOOPBACK:
		return f == SCOPE_LOOPBACK;
	case SCOPE_LAN:
		return f == SCOPE_LAN || f == SCOPE_LOOPBACK;
	case SCOPE_CARRIER:
		return f == SCOPE_CARRIER || f == SCOPE_LAN ||
		    f == SCOPE_LOOPBACK;
	case SCOPE_NEVER:
		break;
	}
	return 0;
}
