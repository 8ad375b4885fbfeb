/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/wire/caps.h"

int
cap_name_valid(const char *s)
{
	size_t	 n;

	for (n = 0; s[n] != '\0'; n++) {
		if (n == CAP_NAME_MAX || s[n] <= ' ' || s[n] > '~' ||
		    s[n] == '/' || s[n] == ',')
			return 0;
	}
	return n > 0;
}

static int
listed(const struct cap *c, const struct cap *v, uint32_t n)
{
	uint32_t	 i;

	for (i = 0; i < n; i++)
		if (v[i].version == c->version && strcmp(v[i].name, c->name) == 0)
			return 1;
	return 0;
}

/* Keeps out sorted by name, the highest version of each, the first n names. */
static uint32_t
insert(struct sharedcap *out, uint32_t n, uint32_t max, const struct localcap *l)
{
	uint32_t	 i;
	int		 cmp = -1;

	for (i = 0; i < n; i++)
		if ((cmp = strcmp(l->cap.name, out[i].cap.name)) <= 0)
			break;
	if (i < n && cmp == 0) {
		if (l->cap.version <= out[i].cap.version)
			return n;
	} else {
		if (i == max)
			return n;
		if (n < max)
			n++;
		memmove(&out[i + 1], &out[i], (n - 1 - i) * sizeof(*out));
	}
	out[i].cap = l->cap;
	out[i].codes = l->codes;
	out[i].owner = l->owner;
	return n;
}

uint32_t
caps_negotiate(struct sharedcap *out, uint32_t max, const struct localcap *ours,
    uint32_t nours, const struct cap *theirs, uint32_t ntheirs)
{
	uint32_t	 i, n = 0, offset = BASE_LENGTH;

	for (i = 0; i < nours; i++)
		if (listed(&ours[i].cap, theirs, ntheirs))
			n = insert(out, n, max, &ours[i]);
	for (i = 0; i < n; i++) {
		out[i].offset = offset;
		offset += out[i].codes;
	}
	return n;
}

const struct sharedcap *
caps_find(const struct sharedcap *v, uint32_t n, uint64_t code)
{
	uint32_t	 i;

	for (i = 0; i < n; i++)
		if (code >= v[i].offset && code - v[i].offset < v[i].codes)
			return &v[i];
	return NULL;
}
