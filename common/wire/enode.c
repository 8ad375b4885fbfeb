/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/addr.h"
#include "common/base/util.h"
#include "common/wire/enode.h"

#define SCHEME		"enode://"
#define ID_DIGITS	(2 * SECP_PUB)
#define DIGITS		"0123456789"
#define XDIGITS		DIGITS "abcdefABCDEF"
#define LETTERS		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LABEL_MAX	63
#define RECORD		"enr:"

static const char *
parse_id(struct enode *e, const char *s, size_t n)
{
	char		 hex[ID_DIGITS + 1];

	if (n != ID_DIGITS || strspn(s, XDIGITS) < n)
		return "node id is not 128 hex digits";
	memcpy(hex, s, n);
	hex[n] = '\0';
	if (hex_decode(e->id, sizeof(e->id), hex) == -1)
		return "node id is not 128 hex digits";
	if (secp_pub_valid(e->id) == -1)
		return "node id is not a point of the curve";
	return NULL;
}

/*
 * A label that resolvers would read as a part of an address: inet_aton takes
 * "127.1", "0x7f.1" and "2130706433", so a name must not end in a number.
 */
static int
is_number(const char *s, size_t n)
{
	if (n > 1 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return strspn(s + 2, XDIGITS) >= n - 2;
	return strspn(s, DIGITS) >= n;
}

static int
name_valid(const char *s)
{
	size_t		 n;

	for (;;) {
		n = strspn(s, LETTERS DIGITS "-_");
		if (n == 0 || n > LABEL_MAX)
			return 0;
		if (s[n] == '\0' || strcmp(s + n, ".") == 0)
			return !is_number(s, n);
		if (s[n] != '.')
			return 0;
		s += n + 1;
	}
}

static const char *
parse_host(struct enode *e, const char *s, size_t n, int bracketed)
{
	char		 host[HOST_MAX], buf[ADDR_STRLEN];
	struct addr	 a;

	if (n == 0 || n >= sizeof(host) - 1)
		return "host is missing or too long";
	memcpy(host, s, n);
	host[n] = '\0';
	if ((strchr(host, ':') != NULL) != bracketed)
		return "IPv6 addresses, and only these, are in brackets";
	if (addr_parse_ip(&a, host) == 0)
		strlcpy(e->host, addr_format_ip(&a, buf), sizeof(e->host));
	else if (!bracketed && name_valid(host))
		strlcpy(e->host, host, sizeof(e->host));
	else
		return "host is neither an address nor a name";
	return NULL;
}

/* A decimal of n digits, at most 65535. */
static int
parse_port(uint16_t *port, const char *s, size_t n)
{
	uint32_t	 v = 0;
	size_t		 i;

	if (n == 0 || strspn(s, DIGITS) < n)
		return -1;
	for (i = 0; i < n; i++)
		if ((v = v * 10 + (uint32_t)(s[i] - '0')) > UINT16_MAX)
			return -1;
	*port = (uint16_t)v;
	return 0;
}

static const char *
parse_query(struct enode *e, const char *s)
{
	static const char key[] = "discport=";
	const size_t	 keylen = sizeof(key) - 1;

	if (*s == '/')
		s++;
	if (*s == '\0')
		return NULL;
	if (*s++ != '?' || strncmp(s, key, keylen) != 0)
		return "nothing but ?discport= may follow the port";
	if (parse_port(&e->udp, s + keylen, strlen(s + keylen)) == -1)
		return "discport is not a port";
	return NULL;
}

static const char *
parse_complete(struct enode *e, const char *s)
{
	const char	*at, *host, *port, *err;
	size_t		 n;
	int		 bracketed;

	at = strchr(s, '@');
	if ((err = parse_id(e, s, (size_t)(at - s))) != NULL)
		return err;
	host = at + 1;
	bracketed = *host == '[';
	if (bracketed) {
		host++;
		n = strcspn(host, "]");
		port = host + n;
		if (*port++ != ']')
			return "bracket is not closed";
	} else {
		n = strcspn(host, "/?");
		while (n > 0 && host[n] != ':')
			n--;
		port = host + n;
	}
	if (*port++ != ':')
		return "port is missing";
	if ((err = parse_host(e, host, n, bracketed)) != NULL)
		return err;
	n = strcspn(port, "/?");
	if (parse_port(&e->tcp, port, n) == -1)
		return "port is not a port";
	e->udp = e->tcp;
	return parse_query(e, port + n);
}

int
enode_parse(struct enode *e, const char *s, const char **errstr)
{
	int		 scheme;

	memset(e, 0, sizeof(*e));
	scheme = strncasecmp(s, SCHEME, sizeof(SCHEME) - 1) == 0;
	if (scheme)
		s += sizeof(SCHEME) - 1;
	if (strchr(s, '@') == NULL)
		*errstr = parse_id(e, s, strlen(s));
	else if (!scheme)
		*errstr = "not an enode:// URL";
	else
		*errstr = parse_complete(e, s);
	return *errstr == NULL ? 0 : -1;
}

const char *
enode_format(const struct enode *e, char *buf, size_t len)
{
	char		 id[ID_DIGITS + 1], disc[sizeof("?discport=65535")] = "";
	int		 v6 = strchr(e->host, ':') != NULL;

	hex_encode(id, e->id, sizeof(e->id));
	if (e->host[0] == '\0') {
		snprintf(buf, len, SCHEME "%s", id);
		return buf;
	}
	if (e->udp != e->tcp)
		snprintf(disc, sizeof(disc), "?discport=%u", (unsigned int)e->udp);
	snprintf(buf, len, SCHEME "%s@%s%s%s:%u%s", id, v6 ? "[" : "", e->host,
	    v6 ? "]" : "", (unsigned int)e->tcp, disc);
	return buf;
}

void
node_spec_record(struct node_spec *s, const struct enr *e,
    const uint8_t key[SECP_PUB])
{
	memset(s, 0, sizeof(*s));
	memcpy(s->key, key, sizeof(s->key));
	s->record = *e;
	(void)enr_endpoint(e, 4, &s->ip4, &s->tcp4);
	(void)enr_endpoint(e, 6, &s->ip6, &s->tcp6);
}

/* A URL has one endpoint, or a name. */
static void
spec_enode(struct node_spec *s, const struct enode *e)
{
	struct addr	 a;

	memset(s, 0, sizeof(*s));
	memcpy(s->key, e->id, sizeof(s->key));
	if (e->host[0] == '\0')
		return;
	if (addr_parse_ip(&a, e->host) == -1) {
		memcpy(s->host, e->host, sizeof(s->host));
		s->udp = e->udp;
		s->tcp = e->tcp;
		return;
	}
	a.port = e->udp;
	if (a.af == 4) {
		s->ip4 = a;
		s->tcp4 = e->tcp;
	} else {
		s->ip6 = a;
		s->tcp6 = e->tcp;
	}
}

int
node_spec_parse(struct node_spec *s, const char *text, const char **errstr)
{
	struct enode	 e;
	struct enr	 r;
	uint8_t		 key[SECP_PUB];

	if (strncmp(text, RECORD, sizeof(RECORD) - 1) == 0) {
		if (enr_parse(&r, key, text, errstr) == -1)
			return -1;
		node_spec_record(s, &r, key);
		return 0;
	}
	if (enode_parse(&e, text, errstr) == -1)
		return -1;
	spec_enode(s, &e);
	return 0;
}

/* As go-ethereum ranks addresses; 0 is none at all. */
static int
rank(const struct addr *a)
{
	if (a->af == 0)
		return 0;
	if ((a->af == 4 && a->ip[0] >= 224 && a->ip[0] < 240) ||
	    (a->af == 6 && a->ip[0] == 0xff))
		return 0;
	if (addr_is_any(a))
		return 1;
	if (addr_is_loopback(a))
		return 2;
	if ((a->af == 4 && a->ip[0] == 169 && a->ip[1] == 254) ||
	    (a->af == 6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80))
		return 3;
	return addr_is_lan(a) ? 4 : 5;
}

int
node_spec_best(const struct node_spec *s, struct addr *udp, uint16_t *tcp)
{
	int		 r4 = rank(&s->ip4), r6 = rank(&s->ip6);

	memset(udp, 0, sizeof(*udp));
	*tcp = 0;
	if (r4 == 0 && r6 == 0)
		return -1;
	*udp = r4 >= r6 ? s->ip4 : s->ip6;
	*tcp = r4 >= r6 ? s->tcp4 : s->tcp6;
	return 0;
}

const char *
node_spec_url(const struct node_spec *s, char *buf, size_t len)
{
	struct enode	 e;
	struct addr	 a;
	char		 ip[ADDR_STRLEN];

	memset(&e, 0, sizeof(e));
	memcpy(e.id, s->key, sizeof(e.id));
	if (node_spec_best(s, &a, &e.tcp) == 0) {
		strlcpy(e.host, addr_format_ip(&a, ip), sizeof(e.host));
		e.udp = a.port;
	} else {
		memcpy(e.host, s->host, sizeof(e.host));
		e.udp = s->udp;
		e.tcp = s->tcp;
	}
	return enode_format(&e, buf, len);
}
