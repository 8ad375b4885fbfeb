/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_ENODE_H
#define COMMON_WIRE_ENODE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/crypto/secp.h"
#include "common/wire/enr.h"

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

/*
 * A node by whatever text names it: "enr:...", enode URL or bare id.  The
 * endpoints hold what the text gave as numbers, by family, ip4 with af 4 or 0,
 * ip6 with af 6 or 0, ports being UDP's.  A name to be resolved is in host,
 * and then the ports in udp and tcp.
 */
struct node_spec {
	uint8_t		 key[SECP_PUB];
	struct addr	 ip4;
	struct addr	 ip6;
	uint16_t	 tcp4;
	uint16_t	 tcp6;
	char		 host[HOST_MAX];	/* "" but for a name */
	uint16_t	 udp;
	uint16_t	 tcp;
	struct enr	 record;	/* verified; len 0 when there is none */
};

/* 0, or -1 with *errstr a static text. */
int	 node_spec_parse(struct node_spec *, const char *, const char **errstr);
/* From a record that was verified, and its key. */
void	 node_spec_record(struct node_spec *, const struct enr *,
	    const uint8_t key[SECP_PUB]);
/*
 * The better of the two endpoints: global before private, link-local and
 * loopback, and IPv4 where they are equal. 0, or -1 when there is none.
 */
int	 node_spec_best(const struct node_spec *, struct addr *udp,
	    uint16_t *tcp);
/* The enode URL of the best endpoint. Returns buf, of ENODE_STRLEN. */
const char *node_spec_url(const struct node_spec *, char *buf, size_t len);

#endif
