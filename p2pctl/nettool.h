/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_NETTOOL_H
#define P2PCTL_NETTOOL_H

#include <signal.h>
#include <stdint.h>

#include <jansson.h>

#include "common/wire/enode.h"
#include "common/wire/network.h"

/*
 * What asks other nodes by discovery v4, without a daemon. Each returns an
 * exit code, with the object to print or a message in err (OFFLINE_ERRLEN).
 */
#define NET_BOOTNODES	16
#define NET_COUNT	3
#define NET_TIMEOUT	1000		/* ms */
#define NET_RATE	100		/* questions a second */
#define NET_SECONDS	1800
#define NET_NODES	50000

struct net_request {
	struct node_spec	 node;
	const char		*key;		/* file; NULL: a new one */
	uint32_t		 count;		/* pings */
	uint32_t		 timeout_ms;
	/* crawl */
	const char		*file;
	const char		*boot[NET_BOOTNODES];
	uint32_t		 nboot;
	enum network		 network;
	uint32_t		 rate;
	uint32_t		 max;
	uint64_t		 seconds;
};

/*
 * SIGINT and SIGTERM end what goes on, in order; once: a second one at once.
 */
extern volatile sig_atomic_t	 net_interrupted;
void	 net_catch_signals(int once);

int	 net_ping(const struct net_request *, json_t **out, char *err);
int	 net_resolve(const struct net_request *, json_t **out, char *err);
/* A crawl into the file "-" prints by itself, and has no object. */
int	 net_crawl(const struct net_request *, json_t **out, char *err);

#endif
