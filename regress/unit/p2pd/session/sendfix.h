/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_SESSION_SENDFIX_H
#define REGRESS_SESSION_SENDFIX_H

#include "world.h"

/* From an application, "bbb" its own, to peers that share it. */
#define N	6
#define BIG	(1 << 20)

extern struct tapp	 ta;
extern struct tpeer	 tp[N];
extern uint8_t		 big[BIG];

void	 send_setup(void);
void	 send_teardown(void);
/* The next message that is no ping; 0 at the end. */
int	 next_data(struct tpeer *p);
/* Peer i gets handle 10 + i. */
void	 open_peer(unsigned int i, const struct sharedcap *, uint32_t n,
	    int snappy);
void	 open_peers(unsigned int n);
/* However long a test takes, no deadline of its peers passes. */
void	 no_hurry(void);
void	 many_raw(const struct app_multisend *m, unsigned int flags,
	    uint32_t request, const void *data, size_t n);
/* A multisend of data; handles end with 0. */
void	 many(enum app_select select, uint32_t k, const uint32_t *handles,
	    uint32_t version, uint32_t code, const void *data, size_t n);
void	 expect_many(uint32_t request, uint32_t written, uint32_t dropped,
	    uint32_t gone);
/* Which peers have a message, which is data, as bits. */
unsigned int	 who_got(uint64_t code, const void *data, size_t n);
void	 expect_event(enum app_type type, uint32_t peer);
/* Sends to a peer that does not read until so much waits. */
unsigned int	 fill(uint32_t handle, size_t depth);

/* multisend.c: one message to many. */
TCase	*multisend_case(void);

#endif
