/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_FUZZ_SESSION_H
#define REGRESS_FUZZ_SESSION_H

#include "common/wire/rlpx.h"
#include "regress/fuzz/fuzz.h"

/*
 * A session process with the target as its parent: every attach is granted,
 * and what it tells is counted.
 */
#define SES_PEERS	4
#define SES_APPS	2

struct ses_world {
	int		 peer[SES_PEERS];	/* the far ends, or -1 */
	int		 app[SES_APPS];
	struct rlpx_state state[SES_PEERS];	/* of the far ends */
	unsigned int	 started, ended;	/* peers */
	unsigned int	 opened, closed;	/* applications */
	int		 full;			/* the parent does not read */
	int		 done;			/* the process would be over */
	int		 before;
};

extern struct ses_world	 world;

/* Small queues and, with SES_LITTLE, memory, so that the limits are met. */
#define SES_LITTLE	(48 * 1024)
#define SES_AMPLE	(4 * 1024 * 1024)
void	 ses_begin(uint64_t memory);
/* Peer i with handle i + 1, speaking aa/1 and eth/69 with 16 codes each. */
void	 ses_peer(unsigned int i, int snappy);
void	 ses_app(unsigned int i);
/* An application's attach, as it would send it; a tap's with policy 3. */
void	 ses_attach(unsigned int i, const char *name, uint32_t version,
	    uint32_t policy);
/* Something that the parent may ask for at any time. */
void	 ses_parent(struct fuzz *);
/* Turns of the loop, with the parent's answers. */
void	 ses_loop(void);
/* Closes the far ends, sees that all is told and freed. */
void	 ses_end(void);

#endif
