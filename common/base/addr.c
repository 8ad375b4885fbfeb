/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/addr.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void
set_ip6(struct addr *a, const uint8_t *ip6)
{
	memset(a, 0, sizeof(*a));
	if (memcmp(ip6, mapped, sizeof(mapped)) == 0) {
		a->af = 4;
		memcpy(a->ip, ip6 + 12, 4);
	} else {
		a->af = 6;
		memcpy(a->ip, ip6, 16);
	}
}

static unsigned int
max_bits(uint8_t af)
{
	return af == 4 ? 32 : 128;
}

int
addr_from_sa(struct addr *a, const struct sockaddr *sa)
{
	struct sockaddr_in	 sin;
	struct sockaddr_in6	 sin6;

	memset(a, 0, sizeof(*a));
	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&sin, sa, sizeof(sin));
		a->af = 4;
		memcpy(a->ip, &sin.sin_addr, 4);
		a->port = ntohs(sin.sin_port);
		return 0;
	case AF_INET6:
		memcpy(&sin6, sa, sizeof(sin6));
		set_ip6(a, sin6.sin6_addr.s6_addr);
		a->port = ntohs(sin6.sin6_port);
		return 0;
	}
	return -1;
}

socklen_t
addr_to_sa(const struct addr *a, struct sockaddr_storage *ss)
{
	struct sockaddr_in	 sin;
	struct sockaddr_in6	 sin6;

	memset(ss, 0, sizeof(*ss));
	switch (a->af) {
	case 4:
		memset(&sin, 0, sizeof(sin));
		sin.sin_family = AF_INET;
		sin.sin_port = htons(a->port);
		memcpy(&sin.sin_addr, a->ip, 4);
		memcpy(ss, &sin, sizeof(sin));
		return sizeof(sin);
	case 6:
		memset(&sin6, 0, sizeof(sin6));
		sin6.sin6_family = AF_INET6;
		sin6.sin6_port = htons(a->port);
		memcpy(&sin6.sin6_addr, a->ip, 16);
		memcpy(ss, &sin6, sizeof(sin6));
		return sizeof(sin6);
	}
	return 0;
}

static const char *
ip_string(uint8_t af, const uint8_t *ip, char *buf, size_t len)
{
	if ((af != 4 && af != 6) ||
	    inet_ntop(af == 4 ? AF_INET : AF_INET6, ip, buf, len) == NULL)
		snprintf(buf, len, "-");
	return buf;
}

const char *
addr_format_ip(const struct addr *a, char buf[ADDR_STRLEN])
{
	return ip_string(a->af, a->ip, buf, ADDR_STRLEN);
}

const char *
addr_format(const struct addr *a, char buf[ADDR_STRLEN])
{
	char	 ip[INET6_ADDRSTRLEN];

	ip_string(a->af, a->ip, ip, sizeof(ip));
	switch (a->af) {
	case 4:
		snprintf(buf, ADDR_STRLEN, "%s:%u", ip, (unsigned)a->port);
		break;
	case 6:
		snprintf(buf, ADDR_STRLEN, "[%s]:%u", ip, (unsigned)a->port);
		break;
	default:
		snprintf(buf, ADDR_STRLEN, "-");
	}
	return buf;
}

int
addr_parse_ip(struct addr *a, const char *s)
{
	uint8_t	 ip[16];

	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, s, ip) == 1) {
		a->af = 4;
		memcpy(a->ip, ip, 4);
		return 0;
	}
	if (inet_pton(AF_INET6, s, ip) == 1) {
		set_ip6(a, ip);
		return 0;
	}
	return -1;
}

/* Digits only: strtonum() would take blanks and a sign. */
static int
parse_uint(const char *s, unsigned int max, unsigned int *out)
{
	unsigned int	 v = 0;
	size_t		 n;

	for (n = 0; s[n] >= '0' && s[n] <= '9' && n < 5; n++)
		v = v * 10 + (unsigned int)(s[n] - '0');
	if (n == 0 || s[n] != '\0' || v > max)
		return -1;
	*out = v;
	return 0;
}

int
addr_parse(struct addr *a, const char *s)
{
	char		 ip[INET6_ADDRSTRLEN];
	const char	*end;
	unsigned int	 port;
	int		 six;

	memset(a, 0, sizeof(*a));
	six = s[0] == '[';
	if (six)
		s++;
	if ((end = strchr(s, six ? ']' : ':')) == NULL ||
	    (size_t)(end - s) >= sizeof(ip))
		return -1;
	memcpy(ip, s, (size_t)(end - s));
	ip[end - s] = '\0';
	/* Brackets hold an IPv6 address and nothing else does. */
	if (six != (strchr(ip, ':') != NULL) || (six && *++end != ':'))
		return -1;
	if (parse_uint(end + 1, 65535, &port) == -1 ||
	    addr_parse_ip(a, ip) == -1)
		return -1;
	a->port = (uint16_t)port;
	return 0;
}

int
addr_cmp_ip(const struct addr *a, const struct addr *b)
{
	if (a->af != b->af)
		return a->af < b->af ? -1 : 1;
	return memcmp(a->ip, b->ip, max_bits(a->af) / 8);
}

int
addr_cmp(const struct addr *a, const struct addr *b)
{
	int	 c;

	if ((c = addr_cmp_ip(a, b)) != 0)
		return c;
	return a->port < b->port ? -1 : a->port > b->port;
}

int
addr_is_any(const struct addr *a)
{
	static const uint8_t	 zero[16];

	return (a->af == 4 || a->af == 6) &&
	    memcmp(a->ip, zero, max_bits(a->af) / 8) == 0;
}

static int
match_any(const struct prefix *v, size_t n, const struct addr *a)
{
	size_t	 i;

	for (i = 0; i < n; i++) {
		if (prefix_match(&v[i], a))
			return 1;
	}
	return 0;
}

int
addr_is_loopback(const struct addr *a)
{
	static const struct prefix	 v[] = {
		{ 4, 8, { 127 } },
		{ 6, 128, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } },
	};

	return match_any(v, sizeof(v) / sizeof(v[0]), a);
}

int
addr_is_lan(const struct addr *a)
{
	static const struct prefix	 v[] = {
		{ 4, 8, { 10 } },
		{ 4, 12, { 172, 16 } },
		{ 4, 16, { 192, 168 } },
		{ 4, 16, { 169, 254 } },
		{ 6, 7, { 0xfc } },
		{ 6, 10, { 0xfe, 0x80 } },
	};

	return addr_is_loopback(a) ||
	    match_any(v, sizeof(v) / sizeof(v[0]), a);
}

/* Zeroes what lies beyond len bits. */
static void
mask_bits(uint8_t ip[16], unsigned int len)
{
	unsigned int	 i;

	for (i = 0; i < 16; i++) {
		if (len >= 8 * (i + 1))
			continue;
		ip[i] &= len <= 8 * i ? 0 : (uint8_t)(0xff << (8 - len % 8));
	}
}

int
prefix_parse(struct prefix *p, const char *s)
{
	char		 ip[INET6_ADDRSTRLEN];
	const char	*slash;
	size_t		 n;
	unsigned int	 len;

	memset(p, 0, sizeof(*p));
	slash = strchr(s, '/');
	n = slash == NULL ? strlen(s) : (size_t)(slash - s);
	if (n >= sizeof(ip))
		return -1;
	memcpy(ip, s, n);
	ip[n] = '\0';
	if (inet_pton(AF_INET, ip, p->ip) == 1)
		p->af = 4;
	else if (inet_pton(AF_INET6, ip, p->ip) == 1)
		p->af = 6;
	else
		goto bad;
	len = max_bits(p->af);
	if (slash != NULL && parse_uint(slash + 1, len, &len) == -1)
		goto bad;
	/* No address is ever held as mapped, so such a prefix means IPv4. */
	if (p->af == 6 && len >= 96 &&
	    memcmp(p->ip, mapped, sizeof(mapped)) == 0) {
		p->af = 4;
		len -= 96;
		memmove(p->ip, p->ip + 12, 4);
		memset(p->ip + 4, 0, 12);
	}
	p->len = (uint8_t)len;
	mask_bits(p->ip, len);
	return 0;
 bad:
	memset(p, 0, sizeof(*p));
	return -1;
}

const char *
prefix_format(const struct prefix *p, char buf[PREFIX_STRLEN])
{
	char	 ip[INET6_ADDRSTRLEN];

	ip_string(p->af, p->ip, ip, sizeof(ip));
	if (p->af != 4 && p->af != 6)
		snprintf(buf, PREFIX_STRLEN, "-");
	else
		snprintf(buf, PREFIX_STRLEN, "%s/%u", ip, (unsigned)p->len);
	return buf;
}

void
prefix_of(struct prefix *p, const struct addr *a, unsigned int bits)
{
	if (bits > max_bits(a->af))
		bits = max_bits(a->af);
	memset(p, 0, sizeof(*p));
	p->af = a->af;
	p->len = (uint8_t)bits;
	memcpy(p->ip, a->ip, a->af == 4 ? 4 : 16);
	mask_bits(p->ip, bits);
}

int
prefix_match(const struct prefix *p, const struct addr *a)
{
	struct prefix	 q;

	if (p->af != a->af || (a->af != 4 && a->af != 6))
		return 0;
	prefix_of(&q, a, p->len);
	return memcmp(p->ip, q.ip, sizeof(q.ip)) == 0;
}

int
prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	if (a->af != b->af)
		return a->af < b->af ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->ip, b->ip, sizeof(a->ip));
}

int
netset_add(struct netset *s, const struct prefix *p)
{
	struct prefix	*v;
	size_t		 i, cap;

	for (i = 0; i < s->n; i++) {
		if (prefix_cmp(&s->v[i], p) == 0)
			return 0;
	}
	/* Grows whenever n is a power of two; nothing else ever shrinks it. */
	if ((s->n & (s->n - 1)) == 0) {
		cap = s->n == 0 ? 1 : 2 * s->n;
		if ((v = reallocarray(s->v, cap, sizeof(*v))) == NULL)
			return -1;
		s->v = v;
	}
	s->v[s->n++] = *p;
	return 0;
}

int
netset_match(const struct netset *s, const struct addr *a)
{
	return match_any(s->v, s->n, a);
}

void
netset_clear(struct netset *s)
{
	free(s->v);
	s->v = NULL;
	s->n = 0;
}
