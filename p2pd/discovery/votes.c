/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pd/discovery/votes.h"

/* One voice a subnet; in a LAN every address has its own. */
static int
same_voice(const struct addr *a, const struct addr *b)
{
	if (a->af != b->af || memcmp(a->ip, b->ip, a->af == 4 ? 3 : 6) != 0)
		return 0;
	return !addr_is_lan(a) || addr_cmp_ip(a, b) == 0;
}

static int
same_wide(const struct addr *a, const struct addr *b)
{
	return a->af == 6 && b->af == 6 && memcmp(a->ip, b->ip, 4) == 0 &&
	    !addr_is_lan(a);
}

/* Its own; of a /32 that has all of its own, the oldest; of all, likewise. */
static struct vote *
vote_for(struct votes *vs, const struct addr *from)
{
	struct vote	*v, *oldest = vs->v, *wide = NULL;
	unsigned int	 nwide = 0;

	for (v = vs->v; v < vs->v + vs->n; v++) {
		if (same_voice(&v->from, from))
			return v;
		if (v->at < oldest->at)
			oldest = v;
		if (!same_wide(&v->from, from))
			continue;
		if (wide == NULL || v->at < wide->at)
			wide = v;
		nwide++;
	}
	if (nwide >= VOTES_WIDE)
		return wide;
	return vs->n < VOTES_MAX ? &vs->v[vs->n++] : oldest;
}

void
votes_add(struct votes *vs, const struct addr *from, const struct addr *says,
    uint64_t now)
{
	struct vote	*v = vote_for(vs, from);

	v->from = *from;
	v->says = *says;
	v->at = now;
}

static int
counts(const struct vote *v, uint64_t now)
{
	return now - v->at < VOTES_MS;
}

static uint32_t
support(const struct votes *vs, const struct addr *a, uint64_t now,
    int (*cmp)(const struct addr *, const struct addr *))
{
	uint32_t	 i, n = 0;

	for (i = 0; i < vs->n; i++)
		n += counts(&vs->v[i], now) && cmp(&vs->v[i].says, a) == 0;
	return n;
}

void
votes_winner(const struct votes *vs, uint32_t need, uint64_t now,
    struct addr *a)
{
	uint32_t	 i, n, most = 0, all = 0;

	memset(a, 0, sizeof(*a));
	for (i = 0; i < vs->n; i++) {
		if (!counts(&vs->v[i], now))
			continue;
		all++;
		n = support(vs, &vs->v[i].says, now, addr_cmp_ip);
		if (n > most) {
			most = n;
			*a = vs->v[i].says;
		}
	}
	if (most < need || most * 2 <= all) {
		memset(a, 0, sizeof(*a));
		return;
	}
	for (i = 0; i < vs->n; i++)
		if (addr_cmp_ip(&vs->v[i].says, a) == 0 &&
		    support(vs, &vs->v[i].says, now, addr_cmp) * 2 > most) {
			a->port = vs->v[i].says.port;
			return;
		}
	a->port = 0;
}

static int
by_value(const void *a, const void *b)
{
	const int64_t	*x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int
skew_add(struct skew *s, const struct addr *from, int64_t offset, uint64_t now,
    int64_t *median)
{
	int64_t		 v[SKEW_MAX];
	uint32_t	 i;

	for (i = 0; i < s->n; i++)
		if (same_voice(&s->v[i].from, from))
			break;
	if (i == s->n) {
		if (s->n < SKEW_MAX)
			s->n++;
		else {
			i = s->next;
			s->next = (s->next + 1) % SKEW_MAX;
		}
	}
	s->v[i].from = *from;
	s->v[i].offset = offset;
	if (s->n < SKEW_NEED || now < s->quiet)
		return 0;
	for (i = 0; i < s->n; i++)
		v[i] = s->v[i].offset;
	qsort(v, s->n, sizeof(v[0]), by_value);
	*median = v[s->n / 2];
	if (*median <= SKEW_WARN && *median >= -SKEW_WARN)
		return 0;
	s->quiet = now + SKEW_QUIET;
	s->n = s->next = 0;
	return 1;
}
