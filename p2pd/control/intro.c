/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "p2pd/control/intro.h"

/* Every hello begins so, whatever its version: magic u32, major u16. */
#define INTRO_PREFIX	6

void
intro_init(struct intro *in)
{
	memset(in, 0, sizeof(*in));
	in->need = APP_HEADER;
}

size_t
intro_want(const struct intro *in)
{
	return in->need - in->have;
}

static int
intro_fail(struct intro *in, enum app_error error)
{
	in->error = error;
	return -1;
}

static int
intro_header(struct intro *in)
{
	app_head_decode(&in->head, in->buf);
	if (in->head.type != AF_HELLO || in->head.peer != 0)
		return intro_fail(in, APE_MALFORMED);
	if (in->head.len > APP_HELLO_MAX)
		return intro_fail(in, APE_TOOBIG);
	if (in->head.len < INTRO_PREFIX)
		return intro_fail(in, APE_MALFORMED);
	in->need = APP_HEADER + in->head.len;
	return 0;
}

static int
intro_body(struct intro *in)
{
	const uint8_t	*p = in->buf + APP_HEADER;

	if (app_get32(p) != APP_MAGIC)
		return intro_fail(in, APE_MALFORMED);
	if ((p[4] << 8 | p[5]) != APP_MAJOR)
		return intro_fail(in, APE_VERSION);
	if (app_hello_decode(&in->hello, p, in->head.len) == -1)
		return intro_fail(in, APE_MALFORMED);
	return 1;
}

int
intro_got(struct intro *in, size_t n)
{
	if (n > intro_want(in))
		return intro_fail(in, APE_MALFORMED);
	in->have += n;
	if (in->have < in->need)
		return 0;
	if (in->need == APP_HEADER)
		return intro_header(in);
	return intro_body(in);
}
