/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/wire/app.h"

#define OPT_HEAD	4	/* type and length */

static unsigned int
get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

int
app_opt_add(uint8_t *out, size_t size, size_t *len, uint16_t type,
    const void *value, size_t vlen)
{
	uint8_t	*p = out + *len;

	if (vlen > UINT16_MAX || *len > size || size - *len < OPT_HEAD + vlen)
		return -1;
	p[0] = (uint8_t)(type >> 8);
	p[1] = (uint8_t)type;
	p[2] = (uint8_t)(vlen >> 8);
	p[3] = (uint8_t)vlen;
	if (vlen > 0)
		memcpy(p + OPT_HEAD, value, vlen);
	*len += OPT_HEAD + vlen;
	return 0;
}

void
app_opt_start(struct app_opt_iter *it, const uint8_t *opts, size_t len)
{
	memset(it, 0, sizeof(*it));
	it->p = opts;
	it->left = len;
}

int
app_opt_next(struct app_opt_iter *it)
{
	size_t	 n;

	if (it->left == 0)
		return 0;
	if (it->left < OPT_HEAD ||
	    it->left - OPT_HEAD < (n = get16(it->p + 2)))
		return -1;
	it->type = (uint16_t)get16(it->p);
	it->len = (uint16_t)n;
	it->value = it->p + OPT_HEAD;
	it->p += OPT_HEAD + n;
	it->left -= OPT_HEAD + n;
	return 1;
}

/* As with bodies, what is beyond the number is for a later version. */
int
app_opt_u32(const struct app_opt_iter *it, uint32_t *v)
{
	if (it->len < 4)
		return -1;
	*v = app_get32(it->value);
	return 0;
}

int
app_opt_first(const struct app_opt_iter *it, struct app_first *f)
{
	if (it->len < 8)
		return -1;
	f->version = app_get32(it->value);
	f->code = app_get32(it->value + 4);
	f->payload = it->value + 8;
	f->len = it->len - 8U;
	return 0;
}

int
app_opt_keyed(const struct app_opt_iter *it, struct app_keyed *k)
{
	size_t	 n;

	if (it->len < 1 || (n = it->value[0]) == 0 || n > APP_ENRKEY_MAX ||
	    n > it->len - 1U)
		return -1;
	k->key = it->value + 1;
	k->keylen = n;
	k->rest = k->key + n;
	k->restlen = it->len - 1U - n;
	return 0;
}

int
app_opt_prefix(struct app_keyed *k, const uint8_t **prefix, size_t *len)
{
	size_t	 n;

	if (k->restlen == 0)
		return 0;
	if ((n = k->rest[0]) == 0 || n > APP_PREFIX_MAX || n > k->restlen - 1)
		return -1;
	*prefix = k->rest + 1;
	*len = n;
	k->rest += 1 + n;
	k->restlen -= 1 + n;
	return 1;
}
