/* SPDX-License-Identifier: ISC */
#ifndef P2PD_CONTROL_INTRO_H
#define P2PD_CONTROL_INTRO_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire/app.h"

/*
 * How an application introduces itself: one AF_HELLO, read to its last byte and
 * not a byte further, since what follows belongs to the session that gets the
 * connection. Bytes in, a hello or an error out.
 */
struct intro {
	uint8_t		 buf[APP_HEADER + APP_HELLO_MAX];
	size_t		 have;
	size_t		 need;		/* in all, as far as is known */
	struct app_head	 head;
	struct app_hello hello;		/* once complete */
	enum app_error	 error;		/* once it failed */
};

void	 intro_init(struct intro *);
/* Bytes that may be read at buf + have now; at least 1 until it is over. */
size_t	 intro_want(const struct intro *);
/*
 * n more bytes, at most intro_want(), are at buf + have. 1 the hello is
 * complete, 0 more is wanted, -1 with error set.
 */
int	 intro_got(struct intro *, size_t n);

#endif
