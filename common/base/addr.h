/* SPDX-License-Identifier: ISC */
#ifndef COMMON_BASE_ADDR_H
#define COMMON_BASE_ADDR_H

#include <sys/types.h>
#include <sys/socket.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An address and port without the platform's sockaddr in it, so that it can
 * cross processes.  An IPv4 address mapped into IPv6 is always held as IPv4.
 */
struct addr {
	uint8_t		 af;		/* 0 none, 4 or 6 */
	uint16_t	 port;		/* host order */
	uint8_t		 ip[16];	/* network order; IPv4 uses the first 4 */
};

struct prefix {
	uint8_t		 af;		/* 4 or 6 */
	uint8_t		 len;		/* bits */
	uint8_t		 ip[16];	/* bits beyond len are zero */
};

/* A set of prefixes; all zero is the empty set. */
struct netset {
	struct prefix	*v;
	size_t		 n;
};

#define ADDR_STRLEN	64	/* "[v6]:port" and a NUL */
#define PREFIX_STRLEN	64

/* 0, or -1 when sa is neither AF_INET nor AF_INET6. Maps 4-in-6 to IPv4. */
int	 addr_from_sa(struct addr *, const struct sockaddr *);
/* Fills ss and returns its length, 0 for an addr with af 0. */
socklen_t addr_to_sa(const struct addr *, struct sockaddr_storage *);
/* "192.0.2.1:30303" or "[2001:db8::1]:30303"; "-" when af is 0. */
const char *addr_format(const struct addr *, char buf[ADDR_STRLEN]);
/* The address without port or brackets. */
const char *addr_format_ip(const struct addr *, char buf[ADDR_STRLEN]);
/* A numeric IP, no port (left 0); 0 or -1. */
int	 addr_parse_ip(struct addr *, const char *);
/* "ip:port", "[ip6]:port"; 0 or -1. */
int	 addr_parse(struct addr *, const char *);
/* As memcmp; the port counts only in addr_cmp. */
int	 addr_cmp(const struct addr *, const struct addr *);
int	 addr_cmp_ip(const struct addr *, const struct addr *);
int	 addr_is_any(const struct addr *);
int	 addr_is_loopback(const struct addr *);
/* Loopback, RFC 1918, 169.254/16, fc00::/7, fe80::/10. */
int	 addr_is_lan(const struct addr *);

/* "10.0.0.0/8", "2001:db8::/32", or a bare address (/32, /128); 0 or -1. */
int	 prefix_parse(struct prefix *, const char *);
const char *prefix_format(const struct prefix *, char buf[PREFIX_STRLEN]);
void	 prefix_of(struct prefix *, const struct addr *, unsigned int bits);
int	 prefix_match(const struct prefix *, const struct addr *);
int	 prefix_cmp(const struct prefix *, const struct prefix *);

/* 0, or -1 with errno when out of memory. */
int	 netset_add(struct netset *, const struct prefix *);
int	 netset_match(const struct netset *, const struct addr *);
void	 netset_clear(struct netset *);

#endif
