/* SPDX-License-Identifier: ISC */
#ifndef COMMON_IPC_CHANNEL_H
#define COMMON_IPC_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/msg.h"

struct event_base;
struct channel;

/*
 * A channel is one imsg socket under libevent with a table of what may come
 * in.  Every message is checked against the table (listed, allowed in this
 * state, length within the descriptor's bounds, fd as declared) and decoded
 * before its handler sees it.  Anything else ends the channel through down().
 * Output is queued and written once a loop turn; the queue is bounded in bytes.
 */
enum chan_fd { CHAN_NOFD, CHAN_FD };

#define CHAN_ANY_STATE	0xffffffffU

struct chan_msg {
	uint32_t	 type;
	const void	*body;		/* decoded struct, valid in the handler */
	int		 fd;		/* take it by setting this to -1, else it is closed */
};

struct chan_rule {
	const struct msgdesc	*desc;
	uint32_t		 states;	/* bit set of (1 << state) */
	enum chan_fd		 fd;
	void			(*fn)(struct channel *, struct chan_msg *, void *arg);
};

struct chan_conf {
	const char		*name;		/* of the other side, for the log */
	const struct chan_rule	*rules;
	size_t			 nrules;
	size_t			 hiwat;		/* bytes queued: chan_full() is true above */
	size_t			 lowat;		/* drained() is called below, after hiwat */
	size_t			 limit;		/* channel_send() fails above */
	size_t			 rate;		/* messages a second taken in; 0 no limit:
						   over it reading pauses, nothing is lost */
	int			 fdpass;	/* may carry fds */
	/* The channel ended: EOF (why NULL) or rubbish. Called once; free it there. */
	void			(*down)(struct channel *, const char *why, void *arg);
	void			(*drained)(struct channel *, void *arg);
	void			*arg;
};

#define CHAN_HIWAT	(256 * 1024)
#define CHAN_LOWAT	(64 * 1024)
#define CHAN_LIMIT	(16 * 1024 * 1024)

/* Takes fd (made non-blocking) in every case. NULL with errno on failure. */
struct channel *channel_new(struct event_base *, int fd, const struct chan_conf *);
/* Closes the socket and every queued fd. Safe inside a handler. */
void	 channel_free(struct channel *);
/*
 * Queues a message. fd (or -1) is taken in every case, and closed after it is
 * sent. 0, or -1 with errno: ENOBUFS over the limit, ERANGE a bad body.
 */
int	 channel_send(struct channel *, const struct msgdesc *, const void *body, int fd);
/*
 * The same for news that nobody waits for: written with what is sent next, or
 * some ms later, so that the other side is not woken for each.
 */
int	 channel_send_later(struct channel *, const struct msgdesc *,
	    const void *body);
/* Another bound than that of its chan_conf, for what is sent from now on. */
void	 channel_set_limit(struct channel *, size_t limit);
int	 channel_full(const struct channel *);
size_t	 channel_queued(const struct channel *);
void	 channel_set_state(struct channel *, unsigned int state);
unsigned int channel_state(const struct channel *);
const char *channel_name(const struct channel *);
void	*channel_arg(const struct channel *);
/* Stop and start taking messages in. */
void	 channel_pause(struct channel *);
void	 channel_resume(struct channel *);
/* Writes all that is queued, waiting at most ms; 0, or -1. For last words. */
int	 channel_flush(struct channel *, int ms);

struct chan_stats {
	uint64_t	 in, out;		/* messages */
	uint64_t	 in_bytes, out_bytes;
	uint64_t	 bad;			/* refused */
	uint64_t	 held;			/* times over the rate */
};
void	 channel_stats(const struct channel *, struct chan_stats *);

#endif
