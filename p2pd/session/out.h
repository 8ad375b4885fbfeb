/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_OUT_H
#define P2PD_SESSION_OUT_H

#include <sys/queue.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

#include "p2pd/session/budget.h"

/*
 * The output queue of one socket, in chunks, written once a loop turn and
 * then whenever there is room. A mark names the end of something queued; it is
 * handed back when the kernel has taken all before it.
 */
struct out_mark {
	uint64_t	 end;		/* offset in the stream */
	uint32_t	 a, b, c;	/* the caller's */
};

struct out;
struct out_chunk;

struct out_ops {
	void	(*mark)(struct out *, const struct out_mark *);
	/* After a write of n bytes and its marks; may queue more. */
	void	(*wrote)(struct out *, size_t n);
	void	(*failed)(struct out *, int error);
};

struct out {
	TAILQ_HEAD(, out_chunk)	 chunks;
	TAILQ_ENTRY(out)	 entry;		/* of those to be written */
	struct event		 ev;
	struct holder		*holder;
	const struct out_ops	*ops;
	void			*arg;
	struct out_mark		*marks;
	uint32_t		 mhead, mlen, mcap;
	uint64_t		 written;	/* bytes the kernel took, ever */
	size_t			 bytes;		/* queued */
	uint64_t		 since;		/* ms: the first chunk is first */
	int			 fd;
	uint8_t			 queued;	/* for this turn */
	uint8_t			 waiting;	/* for room in the socket */
	uint8_t			 writing;	/* now */
};

/* soon is called when there is something to be written this turn. */
void	 out_setup(void (*soon)(void));
void	 out_cleanup(void);

int	 out_init(struct out *, struct event_base *, int fd,
	    const struct out_ops *, void *arg, struct holder *);
/* Room for n bytes at the end; NULL when there is no memory. */
uint8_t	*out_reserve(struct out *, size_t n);
/* Queues the first n bytes of what was reserved; 0 takes the room back. */
void	 out_commit(struct out *, size_t n);
/* Room for one more mark; 0, or -1 without memory. */
int	 out_mark_room(struct out *);
/* Marks the end of what is queued now. There has to be room; or no mark. */
void	 out_mark(struct out *, uint32_t a, uint32_t b, uint32_t c);
void	 out_mark_cancel(struct out *);
/* Hands every mark back to fn, in order: they will not be reached. */
void	 out_drop_marks(struct out *, void (*fn)(struct out *,
	    const struct out_mark *));
/* Frees what is queued; the socket is the caller's to close. */
void	 out_clear(struct out *);
/* Writes what became ready this turn. */
void	 out_flush_all(void);

#endif
