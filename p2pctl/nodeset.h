/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_NODESET_H
#define P2PCTL_NODESET_H

#include <sys/types.h>
#include <sys/queue.h>
#include <stdint.h>
#include <time.h>

#include "common/wire/enode.h"
#include "p2pctl/d4client.h"

struct crawl;

/*
 * Nodes by their id, and the file of them: nodes.json as go-ethereum's
 * "devp2p discv4 crawl" reads and writes it.
 */
struct netnode {
	TAILQ_ENTRY(netnode)	 entry;		/* the crawl's queue */
	uint8_t			 id[NODE_ID];
	struct d4_peer		 peer;
	struct enr		 record;	/* len 0: none yet */
	uint32_t		 score;		/* checks it passed, halved when not */
	time_t			 first;		/* answers; 0 never */
	time_t			 last;
	time_t			 check;
	/* The crawl's. */
	struct crawl		*crawl;
	uint8_t			 state;
	uint8_t			 walk;		/* questions for nodes so far */
	uint8_t			 misses;	/* of them without an answer */
	uint8_t			 dull;		/* without news, in a row */
	uint8_t			 moved;		/* times, by what others say */
};
TAILQ_HEAD(netnodes, netnode);

struct nodeset {
	struct netnode		**v;		/* by id, with free places */
	size_t			 size;
	size_t			 n;
};

void	 nodeset_free(struct nodeset *);
/* NULL when there is none. */
struct netnode *nodeset_find(const struct nodeset *, const uint8_t id[NODE_ID]);
/* The node with this key, made if there is none; NULL without memory. */
struct netnode *nodeset_add(struct nodeset *, const uint8_t key[SECP_PUB],
	    const struct addr *udp);
/*
 * Reads a file into the set; a file that is not there is an empty one. An
 * exit code, with a message in err (OFFLINE_ERRLEN).
 */
int	 nodeset_load(struct nodeset *, const char *path, char *err);
/* Whether nodeset_save() could write there now. An exit code. */
int	 nodeset_writable(const char *path, char *err);
/*
 * Writes those that have a record and a score, by id, over the file at once
 * or not at all; "-" is standard output. An exit code.
 */
int	 nodeset_save(const struct nodeset *, const char *path, size_t *n,
	    char *err);

#endif
