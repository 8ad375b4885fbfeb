/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/util.h"
#include "common/wire/rlp.h"
#include "p2pctl/client.h"
#include "p2pctl/offline.h"

/* Records, decoded and made without a daemon. */

static json_t *
hex_text(const void *p, size_t n)
{
	char	 hex[2 * ENR_MAX + 1];

	return json_string(hex_encode(hex, p, n));
}

static json_t *
number(uint64_t v)
{
	return v > INT64_MAX ? json_real((double)v) :
	    json_integer((json_int_t)v);
}

/* "0x" and the value's RLP, by its key. */
static json_t *
entries_object(const struct enr *e)
{
	json_t		*o = json_object();
	const uint8_t	*key, *raw;
	size_t		 it = 0, keylen, n;
	char		 name[4 * ENR_MAX + 1], hex[2 * ENR_MAX + 3] = "0x";

	while (enr_next(e, &it, &key, &keylen, &raw, &n)) {
		text_escape(name, sizeof(name), key, keylen);
		hex_encode(hex + 2, raw, n);
		json_object_set_new(o, name, json_string(hex));
	}
	return o;
}

static void
put_endpoint(json_t *o, const struct enr *e, unsigned int af)
{
	struct addr	 a;
	uint16_t	 tcp;
	char		 ip[ADDR_STRLEN];

	if (enr_endpoint(e, af, &a, &tcp) == -1)
		return;
	json_object_set_new(o, af == 4 ? "ip" : "ip6",
	    json_string(addr_format_ip(&a, ip)));
	if (a.port != 0)
		json_object_set_new(o, af == 4 ? "udp" : "udp6",
		    json_integer(a.port));
	if (tcp != 0)
		json_object_set_new(o, af == 4 ? "tcp" : "tcp6",
		    json_integer(tcp));
}

/* EIP-2124: which chain the node is on, [[hash, next]]. */
static void
put_fork(json_t *o, const struct enr *e)
{
	struct rlp	 r, list, fork;
	const uint8_t	*raw;
	uint8_t		 hash[4];
	uint64_t	 next;
	size_t		 n;

	if (enr_get(e, "eth", &raw, &n) == -1)
		return;
	rlp_init(&r, raw, n);
	if (rlp_get_list(&r, &list) == -1 || rlp_get_list(&list, &fork) == -1 ||
	    rlp_get_fixed(&fork, hash, sizeof(hash)) == -1 ||
	    rlp_get_uint(&fork, &next, UINT64_MAX) == -1)
		return;
	json_object_set_new(o, "fork_hash", hex_text(hash, sizeof(hash)));
	json_object_set_new(o, "fork_next", number(next));
}

json_t *
record_object(const struct enr *e, const char *why)
{
	static const char *const ends[] = { "ip", "udp", "tcp", "ip6", "udp6",
	    "tcp6", "fork_hash", "fork_next" };
	struct node_spec	 spec;
	json_t			*o = json_object();
	uint8_t			 pub[SECP_PUB], id[NODE_ID];
	char			 text[ENR_STRLEN], url[ENODE_STRLEN];
	size_t			 i;

	json_object_set_new(o, "valid", json_boolean(why == NULL));
	json_object_set_new(o, "why", why == NULL ? json_null() :
	    json_string(why));
	json_object_set_new(o, "record", json_string(enr_format(e, text)));
	json_object_set_new(o, "id", json_null());
	json_object_set_new(o, "node_id", json_null());
	json_object_set_new(o, "enode", json_null());
	if (enr_pubkey(e, pub) == 0) {
		json_object_set_new(o, "id", hex_text(pub, sizeof(pub)));
		node_id(id, pub);
		json_object_set_new(o, "node_id", hex_text(id, sizeof(id)));
		node_spec_record(&spec, e, pub);
		json_object_set_new(o, "enode",
		    json_string(node_spec_url(&spec, url, sizeof(url))));
	}
	json_object_set_new(o, "seq", number(e->seq));
	json_object_set_new(o, "size", json_integer(e->len));
	for (i = 0; i < nitems_of(ends); i++)
		json_object_set_new(o, ends[i], json_null());
	put_endpoint(o, e, 4);
	put_endpoint(o, e, 6);
	put_fork(o, e);
	json_object_set_new(o, "entries", entries_object(e));
	return o;
}

/* As it is found in logs and dumps. */
static int
read_hex(struct enr *e, const char *s, const char **why)
{
	uint8_t		 raw[ENR_MAX];
	size_t		 n;

	if (strncmp(s, "0x", 2) == 0)
		s += 2;
	n = strlen(s) / 2;
	*why = "record is neither \"enr:\" and base64 nor hex digits";
	if (n > sizeof(raw) || strlen(s) % 2 != 0 ||
	    hex_decode(raw, n, s) == -1)
		return -1;
	return enr_decode(e, raw, n, why);
}

int
enr_decode_show(const char *text, json_t **out, char *err)
{
	struct enr	 e;
	const char	*why = NULL;
	uint8_t		 pub[SECP_PUB];
	int		 r;

	r = strncmp(text, "enr:", 4) == 0 ? enr_read(&e, text, &why) :
	    read_hex(&e, text, &why);
	if (r == -1) {
		offline_fail(err, "%s", why);
		return EX_USAGE_ERR;
	}
	if (enr_verify(&e, pub, &why) == -1)
		r = offline_fail(err, "%s", why);
	*out = record_object(&e, r == 0 ? NULL : why);
	return r == 0 ? EX_DONE : EX_FAILED;
}

static uint64_t
now_ms(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int
make(struct enr *e, const uint8_t priv[SECP_PRIV],
    const struct node_spec *spec, uint64_t seq, char *err)
{
	struct enr_build	 b;
	uint8_t			 pub[SECP_PUB];

	if (secp_pub_from_priv(pub, priv) == -1 ||
	    enr_build_init(&b, seq == 0 ? now_ms() : seq, pub) == -1 ||
	    (spec->ip4.af != 0 &&
	    enr_set_endpoint(&b, &spec->ip4, spec->tcp4) == -1) ||
	    (spec->ip6.af != 0 &&
	    enr_set_endpoint(&b, &spec->ip6, spec->tcp6) == -1) ||
	    enr_sign(e, &b, priv) == -1)
		return offline_fail(err, "the record cannot be made");
	return EX_DONE;
}

int
enr_make(const char *path, const struct node_spec *spec, uint64_t seq,
    json_t **out, char *err)
{
	struct enr	 e;
	uint8_t		 priv[SECP_PRIV];
	int		 r;

	if ((r = key_load(path, priv, err)) == EX_DONE &&
	    (r = make(&e, priv, spec, seq, err)) == EX_DONE)
		*out = record_object(&e, NULL);
	explicit_bzero(priv, sizeof(priv));
	return r;
}
