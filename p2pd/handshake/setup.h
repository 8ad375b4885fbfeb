/* SPDX-License-Identifier: ISC */
#ifndef P2PD_HANDSHAKE_SETUP_H
#define P2PD_HANDSHAKE_SETUP_H

#include <stddef.h>
#include <stdint.h>

#include "p2pd/messages.h"

struct event_base;

/*
 * RLPx set-up, both roles: from a TCP connection to an answered M_CHECK2.
 *
 *	key exchange, M_KEY to the parent for what needs the node key
 *	M_CHECK1	may a connection of this claimed identity go on?
 *	Hello both ways, ours at once: the recipient's with its ack
 *	M_CHECK2	the socket and the frame state, as copies
 *
 * Never a byte is read past the message that is due, so that whoever gets the
 * socket next finds in it all that follows Hello.  Every set-up ends once:
 * accepted by M_VERDICT2, or with one M_ATTEMPT.
 */
struct setups;		/* those of one process */

struct setup_end {
	uint32_t	 conn;
	int		 initiator;
	int		 accepted;	/* by M_VERDICT2; else the rest says why */
	uint8_t		 stage;
	uint16_t	 reason;
	uint8_t		 disc_recv;	/* DISC_NONE, or what the peer said */
	struct addr	 remote;
};

struct setups_conf {
	struct event_base	*base;
	const uint8_t		*own;	/* our node id */
	/* To the parent, as child_send(). */
	int	(*send)(const struct msgdesc *, const void *body, int fd);
	/* A set-up is over and its slot free. May run inside setup_begin(). */
	void	(*ended)(const struct setup_end *, void *arg);
	void	*arg;
};

/* NULL: no memory. */
struct setups *setups_new(const struct setups_conf *);
/* Closes and wipes everything, without a word. */
void	 setups_free(struct setups *);
void	 setups_set_deadline(struct setups *, uint32_t ms);
size_t	 setups_count(const struct setups *);
/* A number for a connection, never 0 and never given out before. */
uint32_t setups_number(struct setups *);

struct setup_start {
	uint32_t	 conn;
	int		 fd;		/* connected, non-blocking; taken */
	uint8_t		 flags;		/* PF_* */
	const uint8_t	*expect;	/* initiator: whom; NULL: recipient */
	struct addr	 remote;
	uint64_t	 begun_ms;	/* mono_ms() at the attempt's begin */
};
void	 setup_begin(struct setups *, const struct setup_start *);

/* The parent's answers. One for a set-up that is over is ignored. */
void	 setup_key_done(struct setups *, const struct m_key_done *);
void	 setup_verdict1(struct setups *, const struct m_verdict1 *);
void	 setup_verdict2(struct setups *, const struct m_verdict2 *);

/*
 * Ends a set-up silently. 0, or -1 when there is none, or when M_CHECK2 has
 * been asked: then the answer decides.
 */
int	 setup_cancel(struct setups *, uint32_t conn, unsigned int reason);
/*
 * Ends the oldest inbound set-up whose auth has not come whole and that is
 * older than ms. 1 when there was one.
 */
int	 setups_reap(struct setups *, uint32_t ms);
/* M_STOP: ends every set-up silently; Disconnects under way are still sent. */
void	 setups_stop(struct setups *);

/*
 * What a peer's first frame means. 0 and *h; REASON_REMOTE and *disc; or the
 * reason to end. ours is the Hello it was sent; id is the identity that the
 * key exchange proved.
 */
unsigned int setup_hello_read(struct hello *h, unsigned int *disc,
	    const struct hello *ours, const uint8_t id[SECP_PUB], uint64_t code,
	    const uint8_t *data, size_t len);

#endif
