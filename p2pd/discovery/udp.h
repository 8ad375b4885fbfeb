/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_UDP_H
#define P2PD_DISCOVERY_UDP_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

struct event_base;

/*
 * UDP sockets under libevent: what has come is read until there is no more, and
 * what is to go out is queued and sent in as few calls as there can be, once a
 * turn of the loop.  A full queue loses the newest datagram.
 */
#define UDP_MAX		1280		/* of what is sent */
#define UDP_QUEUE	2048		/* datagrams that wait to go */
#define UDP_TURN	512		/* read in a turn: others have theirs */
#define UDP_PAUSE	10		/* ms, when the system has no room */

struct udp;

struct udp_conf {
	struct event_base	*base;
	/*
	 * A datagram of any length; one over UDP_MAX comes as UDP_MAX + 1 bytes.
	 */
	void	(*input)(const struct addr *from, const uint8_t *, size_t,
		    void *arg);
	/* After what has come in one turn. */
	void	(*turn)(void *arg);
	void	*arg;
};

struct udp_stats {
	uint64_t	 in, in_bytes, out, out_bytes;
	uint64_t	 dropped;	/* the queue was full */
	uint64_t	 failed;	/* the system would not send */
};

struct udp *udp_new(const struct udp_conf *);	/* NULL: no memory */
void	 udp_free(struct udp *);
/* Takes a bound socket, in every case. 0, or -1 with errno. */
int	 udp_add(struct udp *, int fd, const struct addr *local);
/* Begins to read. */
void	 udp_start(struct udp *);
/*
 * Queues a datagram: by the socket that has heard from the address, or by the
 * first of its family that the system sends it from. 0, or -1: lost.
 */
int	 udp_send(struct udp *, const struct addr *to, const void *, size_t);
/* Is there a socket of the family, 4 or 6? */
int	 udp_has(const struct udp *, unsigned int af);
const struct udp_stats *udp_stats(const struct udp *);

#endif
