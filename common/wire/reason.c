/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire/reason.h"

static const struct {
	const char	*name;
	const char	*text;
	enum disc	 disc;
} reasons[REASON_MAX] = {
#define REASON_ROW(sym, num, disc, name, text)	[num] = { name, text, disc },
	REASON_LIST(REASON_ROW)
#undef REASON_ROW
};

static const struct {
	enum disc	 disc;
	const char	*name;
} discs[] = {
	{ DISC_REQUESTED, "requested" },
	{ DISC_NETWORK, "network error" },
	{ DISC_BREACH, "breach of protocol" },
	{ DISC_USELESS, "useless peer" },
	{ DISC_TOO_MANY, "too many peers" },
	{ DISC_ALREADY, "already connected" },
	{ DISC_VERSION, "incompatible version" },
	{ DISC_NULL_IDENTITY, "null identity" },
	{ DISC_QUITTING, "quitting" },
	{ DISC_UNEXPECTED_IDENTITY, "unexpected identity" },
	{ DISC_SELF, "self" },
	{ DISC_TIMEOUT, "timeout" },
	{ DISC_SUBPROTOCOL, "subprotocol error" },
};
#define NDISCS	(sizeof(discs) / sizeof(discs[0]))

const char *
reason_name(unsigned int r)
{
	if (r >= REASON_MAX || reasons[r].name == NULL)
		return "unknown";
	return reasons[r].name;
}

const char *
reason_text(unsigned int r)
{
	if (r >= REASON_MAX || reasons[r].text == NULL)
		return "unknown";
	return reasons[r].text;
}

enum disc
reason_disc(unsigned int r)
{
	if (r >= REASON_MAX || reasons[r].name == NULL)
		return DISC_NONE;
	return reasons[r].disc;
}

int
reason_byname(const char *name)
{
	int	 r;

	for (r = 0; r < REASON_MAX; r++)
		if (reasons[r].name != NULL && strcmp(reasons[r].name, name) == 0)
			return r;
	return -1;
}

const char *
disc_name(unsigned int d)
{
	size_t	 i;

	for (i = 0; i < NDISCS; i++)
		if (discs[i].disc == d)
			return discs[i].name;
	return "unknown";
}

/* Equal, a hyphen for each space. */
static int
hyphened(const char *name, const char *s)
{
	for (; *name != '\0'; name++, s++)
		if (*s != (*name == ' ' ? '-' : *name))
			return 0;
	return *s == '\0';
}

int
disc_byname(const char *s)
{
	char		*end;
	unsigned long	 v;
	size_t		 i;

	for (i = 0; i < NDISCS; i++)
		if (hyphened(discs[i].name, s))
			return (int)discs[i].disc;
	if (*s < '0' || *s > '9')
		return -1;
	v = strtoul(s, &end, 0);
	if (*end != '\0' || v >= DISC_NONE)
		return -1;
	return (int)v;
}
