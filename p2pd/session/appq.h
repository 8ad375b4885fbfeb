/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_APPQ_H
#define P2PD_SESSION_APPQ_H

#include <sys/queue.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/app.h"
#include "p2pd/session/budget.h"

/*
 * What waits to be written to an application, in order: frames, of which the
 * messages can be taken out again, the oldest of a peer's range or of a
 * capability first. Where some were taken a gap stays: it becomes one
 * AF_DROPPED, in the place and with the number of the first.
 *
 * Records are numbered from 1 in an array; 0 is none. A flow is what waits of
 * one peer's range, oldest first; two gaps never follow each other in it.
 */
struct app;
struct appcap;
struct peer;
struct peercap;
struct aq_chunk;

#define AQ_GAP_LEN	(APP_HEADER + 24)

enum aq_kind {
	AQ_PLAIN,		/* bytes that nobody takes out */
	AQ_MESSAGE,
	AQ_GAP,
	AQ_FROZEN		/* a gap of which the kernel has a part */
};

struct aq_flow {
	uint32_t	 first, last;
};

struct aq_rec {
	union {
		struct {
			struct aq_chunk	*chunk;
			uint32_t	 off, len;
		}	 data;
		struct {
			uint64_t	 msgs, bytes;
		}	 gap;
	}		 u;
	struct appcap	*ac;		/* of messages and gaps */
	uint32_t	 peer;		/* handle */
	uint32_t	 number;	/* of the event */
	uint32_t	 prev, next;	/* in the queue */
	uint32_t	 fnext;		/* in its flow */
	uint16_t	 range;		/* of the peer; AQ_NORANGE */
	uint8_t		 kind;
};
#define AQ_NORANGE	UINT16_MAX	/* a tap's: it is in no flow */

struct appq {
	TAILQ_ENTRY(appq) entry;	/* of those to be written */
	struct event	 ev;
	struct app	*app;
	struct holder	*holder;
	struct aq_rec	*recs;
	uint32_t	 nrecs, cap, spare;
	uint32_t	 head, tail;
	struct aq_chunk	*chunk;		/* being filled */
	size_t		 off;		/* of the first, that was written */
	size_t		 bytes;		/* to be written */
	size_t		 held;		/* in chunks */
	int		 fd;
	uint8_t		 queued;	/* for this turn */
	uint8_t		 waiting;	/* for room in the socket */
	uint8_t		 frozen[AQ_GAP_LEN];
};

void	 appq_setup(void);
void	 appq_cleanup(void);
int	 appq_init(struct appq *, struct event_base *, int fd, struct app *,
	    struct holder *);
/* What it counts for: frames and what is kept of each. */
size_t	 appq_cost(const struct appq *);
/* Room for a frame of n bytes at the end; NULL when there is no memory. */
uint8_t	*appq_reserve(struct appq *, size_t n);
/* The frame that was reserved: no message, or nothing after all. */
void	 appq_plain(struct appq *, size_t n);
void	 appq_cancel(struct appq *);
/* A message of n bytes; pc is NULL for a tap's. */
void	 appq_message(struct appq *, size_t n, struct appcap *, struct peer *,
	    struct peercap *pc, uint32_t number);
/* The oldest message of a range, or of a capability, goes; 0 there is none. */
int	 appq_drop_range(struct appq *, struct peercap *);
int	 appq_drop_cap(struct appq *, struct appcap *);
/* A message that never came in is told as one at the end. */
void	 appq_lost(struct appq *, struct appcap *, struct peer *,
	    struct peercap *pc, uint32_t number, size_t bytes);
/* Takes out all that waits of a capability, adding up what was not told. */
void	 appq_purge(struct appq *, struct appcap *, uint64_t *msgs,
	    uint64_t *bytes);
/* Frees all that waits, which is of no capability any more. */
void	 appq_clear(struct appq *);

/* appqio.c */
/* There is something to be written. */
void	 appq_ready(struct appq *);
void	 appq_idle(struct appq *);
/* Writes what became ready this turn. */
void	 appq_flush_all(void);
/* The first record is done with, or, in part, beyond taking out. */
void	 appq_pop(struct appq *);
void	 appq_settle(struct appq *);
void	 appq_gap_frame(const struct aq_rec *, uint8_t out[AQ_GAP_LEN]);
const uint8_t *appq_data(const struct aq_rec *);

#endif
