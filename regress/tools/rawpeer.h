/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_TOOLS_RAWPEER_H
#define REGRESS_TOOLS_RAWPEER_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire/enode.h"
#include "regress/tools/hostile.h"
#include "regress/tools/peer.h"

/* How far set-up goes before the script begins. */
enum step { STEP_CONNECT, STEP_HALF, STEP_PACKET, STEP_HANDSHAKE, STEP_HELLO };

/* What a script can wait for, each counted as it happens. */
enum event { EV_CONNECTED, EV_HANDSHAKE, EV_HELLO, EV_PING, EV_PONG, EV_MSG,
	EV_DISCONNECT, EV_CLOSED, EV_COUNT };

struct run;
struct action {
	const char	*name;
	int		 args;		/* at least */
	int		 needs;		/* 1 a socket, 2 a finished handshake */
	int		(*start)(struct run *, char **argv);	/* 0 or -1 */
	int		(*done)(struct run *);			/* NULL: flushed */
	const char	*help;
};

struct run {
	/* options */
	enum step	 until;
	uint8_t		 priv[SECP_PRIV];
	uint8_t		 pub[SECP_PUB];
	struct hello_args hello;
	struct hostile	 bad;
	uint64_t	 timeout;	/* ms an action may take */
	/* the connection */
	struct peer	 peer;
	int		 listener;	/* -1 when dialing or accepted */
	struct enode	 target;
	int		 connecting;
	int		 setup;		/* set-up goes on */
	int		 over;		/* the connection is */
	int		 no_read;
	int		 no_pong;
	int		 echo;
	uint64_t	 peer_version;	/* of its Hello */
	unsigned int	 seen[EV_COUNT];
	/* the script */
	const struct action *cur;
	uint64_t	 deadline;	/* 0: none */
	enum event	 want;
	unsigned int	 count;
	uint64_t	 pings;		/* still to be queued */
	uint8_t		*drip;		/* bytes to go one at a time */
	size_t		 driplen;
	size_t		 dripped;
	uint64_t	 drip_ms;
	uint64_t	 drip_next;
};

/* Actions: rawpeer_script.c. */
int	 action_start(struct run *, char *line);	/* 0, -1 usage, 1 no connection */
int	 action_done(struct run *);
void	 action_tick(struct run *);	/* whatever an action does by and by */
int	 action_wait(const struct run *);	/* ms until the next tick; -1 */
void	 action_usage(void);

/* The connection: rawpeer.c. */
int	 send_hello(struct run *);
/* Flips what is to be flipped in the frame just queued. */
void	 sealed(struct run *, size_t before);
void	 say(const char *, ...) __attribute__((format(printf, 1, 2)));
void	 say_payload(const char *what, uint64_t code, const void *, size_t);
const char *event_name(unsigned int);

#endif
