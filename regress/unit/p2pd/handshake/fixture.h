/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_HANDSHAKE_FIXTURE_H
#define REGRESS_HANDSHAKE_FIXTURE_H

#include <event2/event.h>

#include "common/wire/frame.h"
#include "p2pd/handshake/setup.h"

/*
 * Two processes' set-ups in one, each with a parent that answers as told, a
 * turn of the loop later.
 */
enum { IN, OUT, SIDES };

struct side {
	struct setups		*setups;
	uint8_t			 priv[SECP_PRIV];
	uint8_t			 pub[SECP_PUB];
	/* How its parent behaves. */
	int			 mute_keys;
	int			 mute_check1;
	int			 mute_check2;
	int			 refuse_all;	/* the channel is full */
	int			 lose_attempts;	/* so full that even these fail */
	uint16_t		 reason1, reason2;
	struct hello		 hello;
	/* What it was asked and told. */
	unsigned int		 keys[3];	/* by enum key_op */
	int			 secrets;	/* given */
	int			 checked1, checked2;
	struct m_check1		 check1;
	struct m_check2		 check2;
	int			 fd2;		/* came with check2 */
	int			 attempts;
	struct m_attempt	 attempt;
	int			 ended;
	struct setup_end	 end;
};
extern struct side side[SIDES];
extern struct event_base *base;

void	 fixture_setup(void);
void	 fixture_teardown(void);
/* Turns the loop until *flag, for at most ms; the flag. */
int	 turn_until(const int *flag, int ms);
/* A socket pair, non-blocking. */
void	 pair(int fd[2]);
uint32_t begin(int which, int fd);	/* OUT: expects IN's key */
/* A frame from fd, by c: the code, with *data in a static buffer. -1: none came. */
int	 frame_recv(int fd, struct frame_codec *c, uint8_t **data, size_t *len);
/* Exactly n bytes while the loop turns; what came. */
size_t	 read_turning(int fd, void *, size_t n);

/* A peer by hand. */
struct raw {
	int			 fd;
	struct rlpx_keys	 keys;
	uint8_t			 auth[RLPX_HS_MAX];
	size_t			 authlen;
	struct frame_codec	*codec;
};
/* The auth that OUT's key would send. */
void	 raw_auth(uint8_t *pkt, size_t *len, struct rlpx_keys *);
/* The initiator towards IN has sent its auth. */
void	 raw_ask(struct raw *);
/* ... and has the ack, too. */
void	 raw_connect(struct raw *);
/* The whole key exchange of the recipient that OUT dials. */
void	 raw_accept(struct raw *);
void	 raw_send(struct raw *, uint64_t code, const void *, size_t);
void	 raw_hello(struct raw *, const struct hello *);
/* The same, with as many other capabilities before its own as are kept. */
void	 raw_hello_behind(struct raw *, const struct hello *);
void	 raw_close(struct raw *);

/* Milliseconds, and ten times as many where everything takes longer. */
int	 pace(int ms);

#endif
