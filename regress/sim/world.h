/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_SIM_WORLD_H
#define REGRESS_SIM_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "p2pd/discovery/d4.h"

/*
 * Many discv4 engines in one process, on a clock and a network that are not
 * real. All chance comes from one seed: the same world runs alike every time.
 */
#define WORLD_EPOCH	1700000000	/* Unix time at the beginning */
#define WORLD_KEPT	256		/* nodes that a host's database holds */

struct world_conf {
	uint64_t	 seed;
	double		 loss;		/* of a datagram, 0 to 1 */
	uint32_t	 delay_min;	/* ms on its way */
	uint32_t	 delay_max;
	int		 real;		/* real signatures */
};

struct world;

/* What a host's database remembers, beyond its engine's life. */
struct kept {
	struct node	 node;
	int64_t		 pong;
	int64_t		 ping;
	int		 seed;
};

struct host {
	struct world	*w;
	uint32_t	 index;
	struct addr	 addr;
	uint8_t		 priv[SECP_PRIV];
	uint8_t		 key[SECP_PUB];
	uint8_t		 id[NODE_ID];
	struct enr	 record;
	struct d4	*d4;		/* NULL: it is down */
	uint64_t	 armed;		/* when it is to be run next */
	struct kept	*kept;
	uint32_t	 nkept;
	uint64_t	 found;		/* nodes that its walk has met */
	/* One that has no engine, but a mind of its own. */
	void		(*mind)(struct host *, const struct addr *,
			    const uint8_t *, size_t);
	void		*arg;
};

struct world_stats {
	uint64_t	 sent;
	uint64_t	 lost;
	uint64_t	 undelivered;	/* to nobody */
	uint64_t	 bytes;
	uint64_t	 events;
};

struct world *world_new(const struct world_conf *);
void	 world_free(struct world *);
uint64_t world_now(const struct world *);
/* A number below bound. */
uint32_t world_chance(struct world *, uint32_t bound);
/* A new host, which is down. */
struct host *world_host(struct world *, const struct addr *);
struct host *world_at(struct world *, const struct addr *);
/* Up with what its database has, and the bootnodes given; or down. */
void	 host_up(struct host *, const struct host *const *boot, size_t nboot);
void	 host_down(struct host *);
void	 host_node(const struct host *, struct node *);
/* After a call into the engine that did not come from the world. */
void	 host_arm(struct host *);
/* Builds, signs and sends a packet as the host's key and address have it. */
void	 host_send(struct host *, const struct addr *to, struct d4_packet *);
/* Runs all that happens until then. */
void	 world_run(struct world *, uint64_t until);
const struct world_stats *world_stats(const struct world *);

#endif
