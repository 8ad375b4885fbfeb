/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CTL_CTL_H
#define COMMON_CTL_CTL_H

#include "common/ctl/record.h"
#include "common/ipc/msg.h"
#include "common/wire/enode.h"

/*
 * What p2pctl and the control process say to each other over the control
 * sockets, and the control process and the parent about it: imsgs with these
 * bodies. conn is 0 on the socket and names the client behind it.
 *
 * A request gets any number of CTL_REC, then one CTL_END. CTL_MONITOR has no
 * end but the connection's.
 */
#define CTL_VERSION	1

enum ctl_type {
	CTL_HELLO = 0x100,	/* both ways, first */
	CTL_SHOW, CTL_PEER, CTL_BAN, CTL_LOG, CTL_STOP, CTL_MONITOR,
	CTL_REC, CTL_END,
	CTL_GONE,		/* control to parent: client has left */
	CTL_LOOKUP
};

enum ctl_show {
	SHOW_STATUS = 1, SHOW_PEERS, SHOW_PEER, SHOW_APPS, SHOW_PROCESSES,
	SHOW_KEYS, SHOW_HISTORY, SHOW_CONFIG, SHOW_BANS, SHOW_NODES, SHOW_ENR,
	SHOW_TABLE, SHOW_NODE, SHOW_DB, SHOW_LOOKUPS, SHOW_WHY,
	SHOW_MEMORY, SHOW_QUEUES
};

enum ctl_peer_op { PEER_ADD = 1, PEER_REMOVE, PEER_TRUST, PEER_UNTRUST, PEER_DISCONNECT };
enum ctl_ban_op { BAN_ADD = 1, BAN_DEL };

/* CTL_END codes; p2pctl's exit codes follow from them. */
enum ctl_code {
	CTLE_OK = 0, CTLE_FAILED = 1, CTLE_DENIED = 2, CTLE_NOTFOUND = 3,
	CTLE_INVALID = 4, CTLE_BUSY = 5
};

struct ctl_hello {
	uint32_t	 version;
	uint8_t		 restricted;	/* in the answer: this socket only reads */
};

struct ctl_show_req {
	uint32_t	 conn;
	uint8_t		 what;			/* enum ctl_show */
	uint8_t		 id[SECP_PUB];		/* SHOW_PEER, SHOW_NODE, SHOW_WHY */
};

struct ctl_peer_req {
	uint32_t	 conn;
	uint8_t		 op;
	uint8_t		 id[SECP_PUB];
	char		 host[HOST_MAX];	/* PEER_ADD */
	uint16_t	 tcp;
	uint16_t	 udp;
	uint8_t		 reason;		/* wire reason of PEER_DISCONNECT */
	uint8_t		 save;			/* keep the change across restarts */
	uint8_t		 wait;			/* PEER_ADD: answer with the outcome */
};

struct ctl_ban_req {
	uint32_t	 conn;
	uint8_t		 op;
	uint8_t		 by_id;			/* else by prefix */
	uint8_t		 id[SECP_PUB];
	struct prefix	 prefix;
	uint64_t	 seconds;		/* 0: for ever */
	char		 note[128];
};

struct ctl_log_req {
	uint32_t	 conn;
	uint8_t		 verbose;
};

struct ctl_monitor_req {
	uint32_t	 conn;
	uint8_t		 messages;		/* each message's code and size too */
};

struct ctl_lookup_req {
	uint32_t	 conn;
	uint8_t		 id[SECP_PUB];		/* target; zero: by chance */
};

struct ctl_conn {				/* CTL_STOP, CTL_GONE */
	uint32_t	 conn;
};

struct ctl_rec {
	uint32_t	 conn;
	uint32_t	 len;
	uint8_t		 rec[RECORD_MAX];
};

struct ctl_end {
	uint32_t	 conn;
	uint8_t		 code;
	char		 text[256];
};

extern const struct msgdesc ctl_hello_desc, ctl_show_desc, ctl_peer_desc,
    ctl_ban_desc, ctl_log_desc, ctl_stop_desc, ctl_monitor_desc, ctl_rec_desc,
    ctl_end_desc, ctl_gone_desc, ctl_lookup_desc;

#endif
