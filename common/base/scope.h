/* SPDX-License-Identifier: ISC */
#ifndef COMMON_BASE_SCOPE_H
#define COMMON_BASE_SCOPE_H

#include "common/base/addr.h"

/* How far a network reaches; ordinary is what no registry names. */
enum addr_scope {
	SCOPE_ORDINARY,
	SCOPE_NEVER,		/* special use: no host is there */
	SCOPE_LOOPBACK,
	SCOPE_LAN,
	SCOPE_CARRIER		/* shared by a carrier's customers */
};

enum addr_scope addr_scope(const struct addr *);
/*
 * May a node at from tell of one at a? Never special-use, multicast or
 * unspecified addresses; loopback from loopback only, a LAN's from a LAN or
 * loopback, a carrier's (100.64/10) from one of them.
 */
int	 addr_relay_ok(const struct addr *from, const struct addr *a);

#endif
