/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_ENODE_H
#define COMMON_WIRE_ENODE_H

#include <stddef.h>
#include <stdint.h>

#include "common/crypto/secp.h"

#define HOST_MAX	256	/* a DNS name with its NUL */
#define ENODE_STRLEN	480

/* A node as an operator writes it: enode://id@host:port?discport=udp. */
struct enode {
	uint8_t		 id[SECP_PUB];
	char		 host[HOST_MAX];	/* IPv4, IPv6 without brackets, DNS name; "" when incomplete */
	uint16_t	 tcp;
	uint16_t	 udp;
};

/*
 * Parses an enode URL, or a bare id of 128 hex digits (with or without
 * enode://), which is an incomplete node. The key must be a point of the
 * curve. 0, or -1 with *errstr a static text.
 */
int	 enode_parse(struct enode *, const char *, const char **errstr);
/* Writes the URL; discport only when it differs. Returns buf. */
const char *enode_format(const struct enode *, char *buf, size_t len);

#endif
