/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_NODEDB_H
#define P2PD_DISCOVERY_NODEDB_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/wire/enr.h"

/*
 * What is remembered of nodes, in LMDB: one file, data.mdb, in a directory of
 * mode 0700.  It is opened and read through before the process is confined,
 * and needs no further file after that.  A process that is killed at any
 * moment loses what it put within the last second, and nothing else; a system
 * that stops may lose the file, which is then found out and made anew, since
 * all in it can be learned again.
 *
 * Format, in the one unnamed database, network byte order:
 *	key	"format"
 *	value	u8 1
 *	key	32 bytes node id (keccak256 of the public key), u8 family 4 or 6
 *	value	u8 1			version of the value
 *		u8			bit 0: has stood long enough to be a seed
 *		64 bytes		public key
 *		4 or 16 bytes, u16, u16	address, UDP port, TCP port
 *		u64, u64		Unix time of its last pong, of its last
 *					ping (0 never)
 *		u16, bytes		length of its record, and the record;
 *					0 none
 */
#define NODEDB_FORMAT	1
#define NODEDB_KEY	33
#define NODEDB_VALUE	(2 + SECP_PUB + 20 + 16 + 2 + ENR_MAX)
#define NODEDB_NODES	100000		/* that are kept */
#define NODEDB_CASUAL	50000		/* ... with room for nodes not yet seeds:
					   anybody can make many of them */
#define NODEDB_ROOMY	(NODEDB_CASUAL / 2)	/* less is no reason to forget */
#define NODEDB_EXPIRY	(24 * 3600)	/* s since the last pong, while we run */
#define NODEDB_SEED_AGE	(5 * 24 * 3600)	/* ... and over a time that we did not */

struct nodedb_node {
	uint8_t		 id[NODE_ID];
	uint8_t		 key[SECP_PUB];
	struct addr	 udp;
	uint16_t	 tcp;
	uint8_t		 seed;
	int64_t		 pong;
	int64_t		 ping;
	struct enr	 record;	/* len 0: none; decoded, not verified */
};

/* Exit status of a process that finds its database damaged. */
#define NODEDB_EXIT_CORRUPT	65

enum nodedb_err {
	NODEDB_OK,
	NODEDB_FAILED,		/* the system does not let us: errno */
	NODEDB_CORRUPT		/* the file is no such database, or was one */
};

struct nodedb;

/*
 * Opens and reads through the database of the directory, which is made when it
 * is missing; expires what is older than a seed may be.  NULL and why.
 */
struct nodedb *nodedb_open(const char *dir, int64_t now, enum nodedb_err *);
/* Commits what was put. */
void	 nodedb_close(struct nodedb *);

/* Who has answered where, and when: what is left of a bond over a restart. */
struct nodedb_proof {
	uint8_t		 id[NODE_ID];
	struct addr	 udp;
	int64_t		 pong;
	int64_t		 ping;
};

/*
 * All that nodedb_open() found, in the order of their last pong, oldest first.
 * Once: they are forgotten then.
 */
void	 nodedb_proofs(struct nodedb *,
	    void (*)(const struct nodedb_proof *, void *), void *arg);

/*
 * The functions below return NODEDB_CORRUPT when the file is damaged: nothing
 * more is to be done with it then.  NODEDB_FAILED (a full disk, mostly) costs
 * what was put since the last commit.
 */
/* Keeps a node, or what is new of it. In force with nodedb_commit(). */
enum nodedb_err nodedb_put(struct nodedb *, const struct nodedb_node *);
enum nodedb_err nodedb_commit(struct nodedb *);
/*
 * The proof of (id, address) had to make room for others: unless the node is a
 * seed or there are few, so has what is known of it.
 */
enum nodedb_err nodedb_forget(struct nodedb *, const uint8_t id[NODE_ID],
	    const struct addr *);
/* To the disk, from time to time. */
enum nodedb_err nodedb_sync(struct nodedb *);
/* Forgets those whose last pong is older than before. *n: how many. */
enum nodedb_err nodedb_expire(struct nodedb *, int64_t before, size_t *n);
/*
 * At most max seeds that are not older than since, from random places; where
 * none is to be had, nodes that are not seeds yet.
 */
enum nodedb_err nodedb_seeds(struct nodedb *, int64_t since,
	    struct nodedb_node *, size_t max, size_t *n);
/* By id, in either family, IPv4 first; *found 0 or 1. */
enum nodedb_err nodedb_find(struct nodedb *, const uint8_t id[NODE_ID],
	    struct nodedb_node *, int *found);

struct nodedb_stats {
	uint64_t	 nodes;
	uint64_t	 bytes;		/* of the file */
	uint64_t	 puts;
	uint64_t	 commits;
	uint64_t	 failures;
	int		 last_errno;	/* of the last failure */
};
void	 nodedb_stats(struct nodedb *, struct nodedb_stats *);

/* A pair as it is stored: 0, or -1 when it is not of the form. Pure. */
int	 nodedb_decode(struct nodedb_node *, const uint8_t *key, size_t klen,
	    const uint8_t *val, size_t vlen);
/* The length of the value, of at most NODEDB_VALUE. */
size_t	 nodedb_encode(const struct nodedb_node *, uint8_t key[NODEDB_KEY],
	    uint8_t val[NODEDB_VALUE]);
int	 nodedb_is_seed(const uint8_t *val, size_t len);
int	 nodedb_is_at(const uint8_t *val, size_t len, const struct addr *);
/* What was a seed at the same address stays one. */
void	 nodedb_inherit(uint8_t *val, unsigned int af, const uint8_t *old,
	    size_t oldlen);

#endif
