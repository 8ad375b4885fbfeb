/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_TABLE_H
#define P2PD_DISCOVERY_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "p2pd/discovery/hash.h"
#include "p2pd/discovery/node.h"

/*
 * The routing table: 17 buckets by distance, of which the first holds all
 * that is at 240 or nearer. It is pure: clock and chance are given. It asks
 * nobody anything: table_due() says which node to check, table_checked()
 * takes the answer.
 */
#define TABLE_BUCKETS	17
#define TABLE_K		16
#define TABLE_SPARES	10	/* replacements of a bucket */
#define TABLE_NEAREST	240	/* distances up to it share a bucket */
#define TABLE_NET_BUCKET 2	/* nodes of a subnet, spares included */
#define TABLE_NET	10
#define TABLE_WIDE_BUCKET 4	/* of a /32 of IPv6, which has many subnets */
#define TABLE_WIDE	20
#define TABLE_SEED_CHECKS 5	/* more make a node fit for the database */
#define TABLE_FAILS	5	/* questions in a row without an answer */
#define TABLE_FRESH_MS	1000	/* checks come within so long of each other: */
#define TABLE_FAST_MS	3000	/* those never checked, first */
#define TABLE_SLOW_MS	9000

enum table_list { TABLE_FRESH, TABLE_FAST, TABLE_SLOW, TABLE_LISTS };

struct tnode {
	struct node	 node;
	uint32_t	 serial;	/* never used twice */
	uint32_t	 checks;	/* passed; a third of them after a failure */
	uint8_t		 live;		/* passed the last one, at this address */
	uint8_t		 checking;
	uint8_t		 spare;		/* a replacement */
	uint8_t		 bucket;
	uint8_t		 list;		/* enum table_list; not of spares */
	uint8_t		 fails;		/* of questions, in a row */
	uint32_t	 pos;		/* in the list */
	uint64_t	 added;		/* to the bucket, by the clock given */
	uint64_t	 checked;	/* when last; 0: never */
	struct hent	 net[2];	/* by subnet and /32, unless of a LAN */
	uint8_t		 counted;	/* is in so many of them */
};

struct table_bucket {
	struct tnode	*v[TABLE_K];
	struct tnode	*spare[TABLE_SPARES];	/* newest first */
	uint8_t		 n;
	uint8_t		 nspare;
};

enum table_add {
	TABLE_ADDED,
	TABLE_SPARED,		/* the bucket is full: a replacement */
	TABLE_KNOWN,		/* it was there; maybe it is newer now */
	TABLE_LIMITED,		/* too many of its subnet */
	TABLE_REFUSED		/* ourselves, no address, or inbound too early */
};
/* How a node came to be known. */
enum table_how {
	TABLE_HEARD,		/* others told of it, or the database did */
	TABLE_INBOUND		/* it has spoken to us first, and is proven */
};

struct table;

/* chance as arc4random_uniform(). NULL: no memory. */
struct table *table_new(const uint8_t self[NODE_ID],
	    uint32_t (*chance)(void *, uint32_t), void *arg);
void	 table_free(struct table *);

/* Inbound nodes are taken from now on. */
void	 table_open(struct table *);
/*
 * Adds a copy of the node, or brings one that is known up to date: heard of,
 * only by a record of a higher sequence; inbound, its address too. A node
 * whose address changes is no longer live.
 */
enum table_add table_add(struct table *, const struct node *, enum table_how,
	    uint64_t now);
void	 table_remove(struct table *, const uint8_t id[NODE_ID], uint64_t now);
/* In a bucket, not a spare; or NULL. */
const struct tnode *table_find(const struct table *,
	    const uint8_t id[NODE_ID]);

/*
 * The closest to target, at most n of at most 64, closest first; live: only those
 * that are. What out points to is good until the table changes.
 */
size_t	 table_closest(const struct table *, const uint8_t target[NODE_ID],
	    int live, const struct tnode **out, size_t n);
/* Those at a distance (0 to 256), shuffled, as discv5 asks for them. */
size_t	 table_at(const struct table *, unsigned int dist, int live,
	    const struct tnode **out, size_t n);

/*
 * The next node that is due to be checked, marked as being so until
 * table_checked(); NULL: nobody now.
 */
const struct tnode *table_due(struct table *, uint64_t now);
/* When table_due() may have one by time alone; UINT64_MAX: never. */
uint64_t table_next(const struct table *);
/*
 * The end of a check, begun by table_due() or by chance: ok, it answered at
 * this address. A serial that is no longer there is ignored. Returns the
 * node, or NULL when it is not, or no longer, in the table.
 */
const struct tnode *table_checked(struct table *, uint32_t serial,
	    const uint8_t id[NODE_ID], int ok, uint64_t now);
/* The check could not be made. */
void	 table_skip(struct table *, uint32_t serial, const uint8_t id[NODE_ID]);
/*
 * A question to it was answered, or not: after TABLE_FAILS in a row a node
 * goes whose bucket has others enough.
 */
void	 table_asked(struct table *, const uint8_t id[NODE_ID], int ok,
	    uint64_t now);
/* Removes whom keep() does not want. */
void	 table_sweep(struct table *, int (*keep)(void *, const struct node *),
	    void *arg, uint64_t now);

size_t	 table_count(const struct table *);	/* without spares */
size_t	 table_count_live(const struct table *);
size_t	 table_count_spares(const struct table *);
/* 0 to TABLE_BUCKETS - 1; the distance of the bucket is TABLE_NEAREST + i. */
const struct table_bucket *table_bucket(const struct table *, unsigned int i);

#endif
