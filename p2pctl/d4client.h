/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_D4CLIENT_H
#define P2PCTL_D4CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/wire/discv4.h"
#include "common/wire/enr.h"

/*
 * A small client of discovery v4, for the tools that need no daemon: many
 * questions at once, one at a time to a node. It answers pings and requests
 * for its record, which nodes want before they answer, and nothing else.
 */
struct d4_client;

/* A node that is asked; it belongs to the caller, and is known by its key. */
struct d4_peer {
	uint8_t		 key[SECP_PUB];
	struct addr	 addr;		/* UDP */
	uint64_t	 pinged_ms;	/* it pinged us and has our pong; 0 never */
	struct d4_ask	*ask;		/* what it is being asked */
	struct d4_peer	*next;
};

enum d4_outcome {
	D4C_OK,
	D4C_TIMEOUT,
	D4C_IMPOSTOR,		/* who answers has another key */
	D4C_BADRECORD,		/* of another node, or not signed well */
	D4C_UNREACHABLE		/* datagrams cannot be sent there; errno */
};

struct d4_answer {
	enum d4_outcome	 outcome;
	int		 error;		/* errno of D4C_UNREACHABLE */
	uint64_t	 rtt_us;	/* of the last packet that was answered */
	struct addr	 seen;		/* pong: the address it sees us at */
	uint64_t	 seq;		/* pong: of its record, 0 none */
	uint8_t		 key[SECP_PUB];	/* the impostor's */
	struct enr	 record;
	uint32_t	 nnodes;
	struct d4_node	 nodes[D4_NODES_MAX];
};

enum d4_question { D4C_PING, D4C_RECORD, D4C_NODES };

typedef void (*d4_done)(const struct d4_answer *, void *);

/* priv NULL: a key of its own. NULL with errno when no socket can be had. */
struct d4_client *d4c_new(const uint8_t priv[SECP_PRIV], uint32_t timeout_ms,
	    uint32_t tries);
void	 d4c_free(struct d4_client *);
const uint8_t *d4c_key(const struct d4_client *);
/* Where it listens, by family; af 0 for none. */
void	 d4c_local(const struct d4_client *, unsigned int af, struct addr *);

void	 d4c_add(struct d4_client *, struct d4_peer *);
void	 d4c_remove(struct d4_client *, struct d4_peer *);
/* The one with this key, or NULL. */
struct d4_peer *d4c_find(const struct d4_client *, const uint8_t key[SECP_PUB]);
/*
 * Asks a node that was added. For a record or nodes it first sees to it that
 * each has proved its address to the other. done is called from d4c_turn,
 * once, and may ask again. 0, or -1 when the node is being asked or there is
 * no memory.
 */
int	 d4c_ask(struct d4_client *, struct d4_peer *, enum d4_question,
	    const uint8_t target[SECP_PUB], d4_done, void *arg);
size_t	 d4c_asked(const struct d4_client *);
/* Waits for datagrams and deadlines, for max_ms at most, and serves them. */
void	 d4c_turn(struct d4_client *, uint32_t max_ms);
/* Asks and waits for the answer. 0, or -1 as d4c_ask. */
int	 d4c_wait(struct d4_client *, struct d4_peer *, enum d4_question,
	    struct d4_answer *);

#endif
