/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_TOOLS_PEER_H
#define REGRESS_TOOLS_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/wire/base.h"
#include "common/wire/frame.h"
#include "common/wire/rlpx.h"

/*
 * One RLPx connection of a test peer over a non-blocking socket: no event
 * loop of its own, so that rawpeer drives it by poll and load by epoll.
 *	peer_init, peer_auth (initiator) or peer_await (recipient);
 *	then peer_fill when readable and peer_flush when writable,
 *	peer_handshake until it is done, peer_next for each message.
 */
struct pbuf {
	uint8_t		*p;
	size_t		 off;		/* what is before is consumed */
	size_t		 len;
	size_t		 cap;
};

enum peer_state { PEER_NEW, PEER_AUTH, PEER_ACK, PEER_FRAMES };

struct peer {
	int		 fd;
	enum peer_state	 state;		/* what is awaited */
	uint8_t		 priv[SECP_PRIV];
	uint8_t		 pub[SECP_PUB];
	uint8_t		 remote[SECP_PUB];
	struct rlpx_keys keys;
	/* Makes our auth or ack in place of the proper one. 0 or -1. */
	int		(*make)(struct peer *, uint8_t *out, size_t *len);
	uint8_t		*hs;		/* our handshake packet, for the secrets */
	size_t		 hslen;
	struct frame_codec *codec;
	struct pbuf	 in;
	struct pbuf	 out;
	int		 headed;	/* a header was opened, body bytes follow */
	size_t		 body;
	uint8_t		*plain;		/* the last message, uncompressed */
	int		 closing;	/* peer_free when all is written */
	void		*arg;		/* the program's own */
};

struct peer_msg {
	uint64_t	 code;
	const uint8_t	*data;		/* good until the next call for this peer */
	size_t		 len;
};

#define PEER_HS_MAX	(2 + 65535)	/* room that make may fill */

/* A non-blocking connect from an address (NULL: any). The fd or -1, errno. */
int	 peer_connect(const struct addr *to, const struct addr *from);

int	 peer_init(struct peer *, int fd, const uint8_t priv[SECP_PRIV],
	    const uint8_t pub[SECP_PUB]);
void	 peer_free(struct peer *);	/* closes and frees what it holds */
int	 peer_auth(struct peer *, const uint8_t remote[SECP_PUB]);
void	 peer_await(struct peer *);

/* Bytes read, 0 at the end, -1 with errno (EAGAIN too). */
int	 peer_fill(struct peer *);
/* 0 all is written, 1 some is left, -1 with errno. */
int	 peer_flush(struct peer *);
size_t	 peer_pending(const struct peer *);
/* 1 done, 0 needs more, -1 the other side's packet is bad. */
int	 peer_handshake(struct peer *);

/* 0, or -1 when it does not fit into a frame or memory. */
int	 peer_put(struct peer *, const void *, size_t);	/* as it is */
int	 peer_send(struct peer *, uint64_t code, const void *, size_t);
/* The same with data taken for compressed already, be it so or not. */
int	 peer_send_raw(struct peer *, uint64_t code, const void *, size_t);
int	 peer_ping(struct peer *, int pong);
int	 peer_disconnect(struct peer *, unsigned int reason);
/* 1 a message, 0 needs more, a negative reason (-REASON_BAD_MAC, ...). */
int	 peer_next(struct peer *, struct peer_msg *);

#endif
