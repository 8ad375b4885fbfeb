/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_SEND_H
#define P2PD_SESSION_SEND_H

#include <stddef.h>
#include <stdint.h>

#include "p2pd/session/out.h"
#include "p2pd/session/sendq.h"

/*
 * From applications to peers. A message goes straight into the socket's chunks,
 * encrypted, while they hold little; else it waits, compressed, in the queue of
 * its range, and the ranges take turns by bytes: what one owner sends never
 * waits for all that another has sent, and encryption's order, which cannot be
 * changed any more, is decided late. Messages of the base protocol do not wait.
 */
struct app;
struct peer;
struct peercap;

#define SEND_DIRECT	(256 * 1024)	/* chunks: one for one peer goes straight */
#define SEND_SEALED	(64 * 1024)	/* and what waited, or goes to many */
#define SEND_LAST	(1024 * 1024)	/* sealed at most before a Disconnect */
/* Of what waits for a peer in one range, chunks included: */
#define SEND_FULL	(32 * 1024 * 1024)	/* nothing more is taken */
#define SEND_ROOM	(30 * 1024 * 1024)	/* who waits goes on */
#define SEND_STALLED	(4 * 1024 * 1024)	/* AF_STALLED is told */
#define SEND_WRITABLE	(1 * 1024 * 1024)	/* and AF_WRITABLE */

enum send_result {
	SEND_OK,
	SEND_NOROOM,		/* the queue is full */
	SEND_TOOBIG,
	SEND_NOMEM
};

/* One payload for one peer or, with many set, for several. */
struct message {
	const uint8_t	*payload;
	size_t		 len;
	uint32_t	 code;		/* relative; in range */
	int		 priority;
	int		 many;
	struct ticket	 ticket;
	struct sbuf	*form[2];	/* plain and compressed, when needed */
};

/* The ticket is used when SEND_OK is answered, once at most. */
enum send_result send_message(struct peer *, struct peercap *, struct message *);
/* Gives up what a message with many set was turned into. */
void	 message_done(struct message *);

/* Bytes that wait for a peer in this range. */
size_t	 send_depth(const struct peer *, const struct peercap *);
/* The socket has taken something: go on, and wake who waited for it. */
void	 send_wrote(struct peer *);
/* Before a Disconnect: what still may go first. */
void	 send_last(struct peer *);
/* The peer has ended: tells and frees what it will not get. */
void	 send_gone(struct peer *);
void	 send_clear(struct peer *);		/* tells nobody */
/* Marks of a peer's socket, as written or as gone. */
void	 send_mark(struct peer *, const struct out_mark *, int written);

#endif
