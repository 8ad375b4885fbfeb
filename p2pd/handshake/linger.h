/* SPDX-License-Identifier: ISC */
#ifndef P2PD_HANDSHAKE_LINGER_H
#define P2PD_HANDSHAKE_LINGER_H

#include <stddef.h>
#include <stdint.h>

struct event_base;

/*
 * Sockets that have a last word to deliver.  A close with unread bytes in the
 * socket becomes a reset, which can destroy a Disconnect before the peer has
 * read it.  So: write, shut down for writing, read and discard until the peer
 * closes, LINGER_MS pass or LINGER_BYTES have come.
 */
#define LINGER_MS	2000
#define LINGER_BYTES	(64 * 1024)
#define LINGER_MAX	256		/* over it the oldest is closed */

struct lingerers;

struct lingerers *lingerers_new(struct event_base *);
void	 lingerers_free(struct lingerers *);
size_t	 lingerers_count(const struct lingerers *);
/* Takes the non-blocking fd. Without memory for it the bytes are tried once. */
void	 linger(struct lingerers *, int fd, const void *, size_t);

#endif
