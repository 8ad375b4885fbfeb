/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_SENDQ_H
#define P2PD_SESSION_SENDQ_H

#include <sys/queue.h>
#include <stddef.h>
#include <stdint.h>

#include "p2pd/session/budget.h"

/*
 * Messages that wait for one peer, compressed but not encrypted: those with
 * priority before those without, each kind in order. What is small lies in
 * blocks, one behind the other; what is long, or goes to many, lies in a buffer
 * of its own.
 */

/* A payload as it will lie in frames, shared by all that wait with it. */
struct sbuf {
	struct holder	*holder;
	size_t		 size;		/* paid for */
	size_t		 len;
	uint32_t	 refs;
	uint8_t		 data[];
};

/* With one reference; NULL without memory. */
struct sbuf *sbuf_new(struct holder *, size_t size);
/* Only len bytes of it are used; it must not be shared yet. */
struct sbuf *sbuf_trim(struct sbuf *, size_t len);
struct sbuf *sbuf_ref(struct sbuf *);
void	 sbuf_unref(struct sbuf *);	/* NULL is allowed */

/* Whom the outcome of a message concerns. */
enum ticket_kind {
	TICKET_LOSS,		/* an error if it is lost */
	TICKET_SENT,		/* AF_SENT */
	TICKET_MANY		/* one of a multisend; request is its number */
};

struct ticket {
	uint32_t	 app;		/* 0: nobody */
	uint32_t	 request;
	uint32_t	 kind;
};

struct sitem {
	struct sbuf	*buf;		/* NULL: the data follow */
	struct ticket	 ticket;
	uint32_t	 code;		/* on the wire */
	uint32_t	 len;
	uint32_t	 room;		/* of what follows */
};

struct sblock;
TAILQ_HEAD(sblocks, sblock);

struct sendq {
	struct sblocks	 list[2];	/* without and with priority */
	size_t		 bytes;		/* as frames */
	uint64_t	 served;	/* send.c's turns */
};

#define SENDQ_INLINE	2048		/* bytes that may lie in a block */

/* An empty one, or NULL; it is freed empty. */
struct sendq *sendq_new(struct holder *);
void	 sendq_free(struct sendq *, struct holder *);
int	 sendq_empty(const struct sendq *);
/*
 * Adds a message with room for n (at most SENDQ_INLINE) bytes after it, to be
 * filled in, data and all, before anything else is done with the queue; then
 * sendq_added() counts it. NULL without memory.
 */
struct sitem *sendq_add(struct sendq *, struct holder *, int priority, size_t n);
void	 sendq_added(struct sendq *, int priority, struct sitem *);
const uint8_t *sendq_data(const struct sitem *);
/* The next to be sent, which sendq_pop() takes away; NULL when empty. */
struct sitem *sendq_first(const struct sendq *);
void	 sendq_pop(struct sendq *, struct holder *);

#endif
