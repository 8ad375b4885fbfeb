/* SPDX-License-Identifier: ISC */
#ifndef P2PAPP_H
#define P2PAPP_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

/*
 * libp2papp(3): devp2p for an application, by way of p2pd(8).
 *
 * One handle is one application: it holds a connection to each session process
 * of the daemon, attaches to all, and shows one stream of peers and messages.
 * A connection that is lost is made again, and what was attached comes back.
 * No threads, globals or callbacks; nothing blocks but p2papp_wait(). A handle
 * is for one thread at a time.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define P2PAPP_TOKEN	16	/* bytes of a session token */
#define P2PAPP_ID	64	/* bytes of a node id: an uncompressed public key */
#define P2PAPP_CAPS	32	/* capabilities of one handle at most */
#define P2PAPP_VERSIONS	16	/* versions of one capability at most */

struct p2papp;
struct p2papp_options;

struct p2papp_version {
	uint32_t	 version;
	uint32_t	 codes;		/* message codes, counted from 0 */
};

/* What the daemon does when its queue for this application is full. */
enum p2papp_policy {
	P2PAPP_STOP = 0,		/* stop reading its peers */
	P2PAPP_DROP = 1,		/* drop its oldest messages, counted */
	P2PAPP_DISCONNECT = 2		/* disconnect the peer */
};

/* All enumerations below may grow. */
enum p2papp_type {
	P2PAPP_SESSION_UP = 1,	/* session, sessions, resumed */
	P2PAPP_SESSION_DOWN,	/* session, text; after its peers went down */
	P2PAPP_ATTACHED,	/* cap */
	P2PAPP_DETACHED,	/* cap; error and text when not asked for */
	P2PAPP_SNAPSHOT_END,	/* cap, messages, bytes: all peers up before the
				   attach are told; so much was missed */
	P2PAPP_PEER_UP,		/* cap, peer, up */
	P2PAPP_PEER_DOWN,	/* cap, peer, down */
	P2PAPP_MESSAGE,		/* cap, peer, version, code, data, len, out */
	P2PAPP_SENT,		/* cap, peer, request, outcome, depth */
	P2PAPP_ERROR,		/* request or cap, peer, error, text, room */
	P2PAPP_SENT_MANY,	/* cap, request, written, dropped, gone */
	P2PAPP_RESUMED,		/* cap, session, messages, bytes: as SNAPSHOT_END,
				   of a session that was lost and is back */
	P2PAPP_UPDATED,		/* cap, request; error, text, room if refused */
	P2PAPP_LOST,		/* cap, peer or 0 for all, messages, bytes that
				   were dropped here by the daemon */
	P2PAPP_STALLED,		/* cap, peer, depth: its queue is long */
	P2PAPP_WRITABLE		/* cap, peer, depth: it is short again */
};

enum p2papp_outcome {
	P2PAPP_WRITTEN = 0,		/* handed to the system's socket */
	P2PAPP_DROPPED = 1,		/* the queue to the peer was full */
	P2PAPP_GONE = 2			/* the peer is gone */
};

enum p2papp_code {
	P2PAPP_E_MALFORMED = 1, P2PAPP_E_VERSION = 2, P2PAPP_E_DENIED = 3,
	P2PAPP_E_BUSY = 4,		/* another application owns it */
	P2PAPP_E_ROOM = 5,		/* the daemon's Hello has no room for it */
	P2PAPP_E_INVALID = 6, P2PAPP_E_NOTFOUND = 7, P2PAPP_E_TOOBIG = 8,
	P2PAPP_E_UNSUPPORTED = 9, P2PAPP_E_STOPPING = 10, P2PAPP_E_QUEUE = 11,
	P2PAPP_E_RECORD = 12		/* the node's record has no room for it */
};

#define P2PAPP_INBOUND	0x01	/* flags of a peer */
#define P2PAPP_STATIC	0x02
#define P2PAPP_TRUSTED	0x04

struct p2papp_up {
	uint32_t	 codes;
	unsigned int	 flags;
	int		 snapshot;	/* was up before the attach */
	const uint8_t	*id;		/* P2PAPP_ID bytes */
	const char	*remote;	/* "192.0.2.1:30303", "[2001:db8::1]:30303" */
	const char	*local;
	const char	*client;	/* printable, backslash escapes \xHH */
};

struct p2papp_down {
	unsigned int	 reason;	/* p2papp_reason_name() */
	int		 disc;		/* reason on the wire, -1 for none */
	int		 remote;	/* the peer ended it */
	uint64_t	 ms;		/* that it was up */
	uint64_t	 msgs_in, msgs_out;	/* of this capability */
	uint64_t	 bytes_in, bytes_out;	/* payload */
};

struct p2papp_event {
	enum p2papp_type	 type;
	uint32_t		 cap;		/* from p2papp_attach() */
	uint32_t		 peer;		/* never reused */
	uint32_t		 request;	/* from p2papp_send() and others */
	const char		*capability;	/* name of cap */
	uint32_t		 version;	/* spoken with the peer */
	uint32_t		 code;
	const uint8_t		*data;
	size_t			 len;
	const struct p2papp_up	*up;
	const struct p2papp_down *down;
	unsigned int		 outcome;
	unsigned int		 error;		/* enum p2papp_code, 0 none */
	unsigned int		 room;		/* with P2PAPP_E_ROOM, _RECORD */
	const char		*text;
	unsigned int		 session, sessions;
	uint32_t		 lost;		/* messages missing before this event
						   that no P2PAPP_LOST has told */
	int			 out;		/* to a tap: sent by the owner */
	int			 resumed;	/* the daemon knew our token */
	uint32_t		 depth;		/* bytes that wait for the peer */
	uint32_t		 written, dropped, gone;	/* peers */
	uint64_t		 messages, bytes;
};

/*
 * Connects to the daemon's application socket, path or NULL for the default.
 * name is shown by p2pctl(8). token is NULL, or the token of an earlier run to
 * resume it. NULL with errno when the socket cannot be reached; all else comes
 * by p2papp_next().
 */
struct p2papp *p2papp_open(const char *path, const char *name,
	    const uint8_t token[P2PAPP_TOKEN]);
void	 p2papp_close(struct p2papp *);

/* Bytes queued at most for each session before EAGAIN; 32 MiB by default. */
void	 p2papp_set_queue(struct p2papp *, size_t);
/*
 * Milliseconds for the daemon to answer hello, attach, update and detach; 10,000
 * by default, 0 for any time. A connection whose answer does not come is lost.
 */
void	 p2papp_set_deadline(struct p2papp *, unsigned int ms);
/*
 * Whether lost connections are made again by p2papp_next(), with growing pauses
 * from 50 ms to 5 s: yes (1) by default. p2papp_reconnect() tries all that are
 * lost, the first time without a pause, until they stand, either way.
 */
void	 p2papp_set_reconnect(struct p2papp *, int);
void	 p2papp_reconnect(struct p2papp *);

/*
 * The next event, without blocking: 1; 0 when there is none; -1 with errno when
 * the daemon refused us (the handle is then of no more use) or memory is short.
 * The event and all it points to are valid until the next call of
 * p2papp_next() or p2papp_close(). Writes what is queued, too.
 */
int	 p2papp_next(struct p2papp *, const struct p2papp_event **);

/*
 * For the caller's loop, one descriptor: readable when p2papp_next() has
 * something to do, be it input, output or for its time. It is the same until
 * p2papp_close(), and for polling only. -1 with errno; ENOSYS where the system
 * has neither epoll(7) nor kqueue(2).
 */
int	 p2papp_fd(struct p2papp *);
/*
 * Or, for poll(2): fills up to max entries and returns how many there
 * are; it may change after any call. Timeout is for poll(2): milliseconds or
 * -1. When either fires call p2papp_next() until it returns 0.
 */
size_t	 p2papp_pollfds(struct p2papp *, struct pollfd *, size_t max);
int	 p2papp_timeout(struct p2papp *);
/*
 * poll(2) on these for at most ms (-1 for ever): 1 when p2papp_next() has
 * something to do, 0 on timeout, -1 with errno.
 */
int	 p2papp_wait(struct p2papp *, int ms);

/*
 * Attaches a capability as its owner, to all sessions, the present and the
 * restarted. Its number is returned in cap; P2PAPP_ATTACHED or P2PAPP_ERROR
 * answers. 0, or -1 with errno: EINVAL, E2BIG (over P2PAPP_CAPS), ENOMEM.
 */
int	 p2papp_attach(struct p2papp *, const char *name,
	    const struct p2papp_version *, size_t n, enum p2papp_policy,
	    uint32_t *cap);
/* The same with options, which may be freed at once; NULL is none. */
int	 p2papp_attach_opt(struct p2papp *, const char *name,
	    const struct p2papp_version *, size_t n, enum p2papp_policy,
	    const struct p2papp_options *, uint32_t *cap);
/*
 * To watch a capability that another application owns or will own: its peers
 * and the messages of both directions, as far as we read in time. n may be 0,
 * for all versions.
 */
int	 p2papp_tap(struct p2papp *, const char *name,
	    const struct p2papp_version *, size_t n,
	    const struct p2papp_options *, uint32_t *cap);
/*
 * Each kind of option that is set replaces all of that kind, in all sessions or,
 * when one refuses, in none; P2PAPP_UPDATED answers with the number in request.
 * -1 with errno: ENOENT, E2BIG, EBUSY while an update is under way, ENOMEM.
 */
int	 p2papp_update(struct p2papp *, uint32_t cap,
	    const struct p2papp_options *, uint32_t *request);
/* No event of cap follows but P2PAPP_DETACHED and outstanding outcomes. */
int	 p2papp_detach(struct p2papp *, uint32_t cap);

/*
 * Options of a capability, p2pd-app(5). Setters return 0, or -1 with errno:
 * EINVAL out of range, E2BIG too many or too long, ENOMEM.
 */
enum p2papp_option {
	P2PAPP_OPT_QUEUE_PEER = 1, P2PAPP_OPT_QUEUE = 2, P2PAPP_OPT_HANDSHAKE = 3,
	P2PAPP_OPT_FIRST = 4, P2PAPP_OPT_WANTED = 5, P2PAPP_OPT_ENR = 6,
	P2PAPP_OPT_CONDITION = 7
};

struct p2papp_bytes {
	const void	*data;
	size_t		 len;
};

struct p2papp_options *p2papp_options_new(void);	/* NULL: ENOMEM */
void	 p2papp_options_free(struct p2papp_options *);
/* Bytes that the daemon keeps for us, of one peer and of all. */
int	 p2papp_opt_queue_peer(struct p2papp_options *, uint32_t bytes);
int	 p2papp_opt_queue(struct p2papp_options *, uint32_t bytes);
/* Peers that are not p2papp_accept()ed by then are dropped; 0: never. */
int	 p2papp_opt_handshake(struct p2papp_options *, uint32_t ms);
/* What the daemon sends at once to a peer with this version, 0 for any. */
int	 p2papp_opt_first(struct p2papp_options *, uint32_t version,
	    uint32_t code, const void *data, size_t len);
int	 p2papp_opt_wanted(struct p2papp_options *, uint32_t peers);
/* A pair for the node's record; value is one RLP item. */
int	 p2papp_opt_enr(struct p2papp_options *, const char *key,
	    const void *value, size_t len);
/* Dial nodes whose record has key, its value beginning so; n may be 0. */
int	 p2papp_opt_condition(struct p2papp_options *, const char *key,
	    const struct p2papp_bytes *prefixes, size_t n);
/* With p2papp_update(): none of this kind any more. */
int	 p2papp_opt_clear(struct p2papp_options *, enum p2papp_option);

#define P2PAPP_COMPLETE	0x01	/* tell the outcome: P2PAPP_SENT, _SENT_MANY */
#define P2PAPP_MORE	0x02	/* more follows: queue, let p2papp_flush() write */
#define P2PAPP_PRIORITY	0x04	/* before what waits for the peer without it */

/*
 * Sends data, copied when the socket does not take it at once. request may be
 * NULL; it gets the number that the answer will bear. 0, or -1 with errno:
 * EAGAIN the queue is full, ENOENT no such peer (any more) of this capability,
 * EINVAL the code is out of range, EMSGSIZE, ENOMEM.
 */
int	 p2papp_send(struct p2papp *, uint32_t peer, uint32_t cap, uint32_t code,
	    const void *data, size_t len, unsigned int flags, uint32_t *request);

enum p2papp_select {
	P2PAPP_LIST = 0,	/* peers */
	P2PAPP_ALL = 1,		/* all */
	P2PAPP_BUT = 2,		/* all but peers */
	P2PAPP_RANDOM = 3	/* k of all but peers, at random */
};
struct p2papp_many {
	uint32_t		 cap, code;
	uint32_t		 version;	/* 0: any */
	enum p2papp_select	 select;
	uint32_t		 k;
	const uint32_t		*peers;
	size_t			 npeers;
};
/*
 * Sends data to many peers of a capability. It never waits for one of them: who
 * has a full queue does not get it. Taken for all or for none. Errors as of
 * p2papp_send(), ENOENT when cap is not attached.
 */
int	 p2papp_multisend(struct p2papp *, const struct p2papp_many *,
	    const void *data, size_t len, unsigned int flags, uint32_t *request);

/* The program's own handshake with the peer is done, p2papp_opt_handshake(). */
int	 p2papp_accept(struct p2papp *, uint32_t peer, uint32_t cap);
/* Ends the peer for all its capabilities, with a devp2p reason. */
int	 p2papp_disconnect(struct p2papp *, uint32_t peer, unsigned int reason,
	    uint32_t *request);
/* The same, and bans its node for so many seconds. */
int	 p2papp_penalise(struct p2papp *, uint32_t peer, unsigned int reason,
	    uint32_t seconds, uint32_t *request);
/* A node worth dialing, at "192.0.2.1:30303"; udp 0: unknown. */
int	 p2papp_hint(struct p2papp *, const uint8_t id[P2PAPP_ID],
	    const char *address, uint16_t udp, uint32_t *request);
/* 1 when all is written, 0 when some is still queued. */
int	 p2papp_flush(struct p2papp *);
size_t	 p2papp_pending(const struct p2papp *);	/* bytes queued */
size_t	 p2papp_outstanding(const struct p2papp *); /* sends without outcome yet */

size_t	 p2papp_npeers(const struct p2papp *, uint32_t cap);	/* that are up */
/* Milliseconds that the daemon waits for us when we are lost; 0: not at all. */
unsigned int p2papp_grace(const struct p2papp *);
/* The daemon's node id and our token; NULL before the first P2PAPP_SESSION_UP. */
const uint8_t *p2papp_id(const struct p2papp *);
const uint8_t *p2papp_token(const struct p2papp *);
/* Text for the last failure of a function above. Never NULL. */
const char *p2papp_error(const struct p2papp *);

/* "too-many-peers" and the like; "unknown" for what this library does not know. */
const char *p2papp_reason_name(unsigned int reason);
const char *p2papp_disc_name(unsigned int disc);
const char *p2papp_code_name(unsigned int error);

#ifdef __cplusplus
}
#endif

#endif
