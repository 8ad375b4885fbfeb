/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_APP_H
#define COMMON_WIRE_APP_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/wire/base.h"

/*
 * The application protocol, p2pd-app(5): its frames, for the daemon and for
 * libp2papp alike. Network byte order throughout. Every frame is
 *   u32 length of what follows the header | u16 type | u16 flags |
 *   u32 request | u32 peer
 * request is chosen by the application and comes back in the answer; in an
 * event it is the event's number on this connection, from 1, modulo 2^32.
 * peer is a handle, 0 where no peer is meant.
 *
 * Types below 0x8000 go to the daemon, the others to the application. A side
 * skips types it does not know by their length. A body may be longer than its
 * known fields: what is beyond is to be skipped too (not so in AF_SEND and
 * AF_MESSAGE, where it is the payload).
 *
 * Who answers what:
 *   AF_HELLO: AF_WELCOME, or AF_ERROR and the end. A token that is not known
 *   (any more) is no error: Welcome brings a new one.
 *   AF_ATTACH: AF_ATTACHED, then AF_PEER_UP with AFL_SNAPSHOT for each peer
 *   that is up and AF_SNAPSHOT_END, which counts what was missed when the
 *   capability was resumed within the grace time; or AF_ERROR.
 *   AF_UPDATE: AF_UPDATED or AF_ERROR. Each kind of option that it brings
 *   replaces all earlier ones of that kind; an empty value removes them.
 *   AF_DETACH: AF_DETACHED; nothing of this capability follows, nor do its
 *   peers go down one by one. AF_ERROR (NOTFOUND) when it is not attached.
 *   AF_SEND: with AFL_COMPLETE exactly one AF_SENT (APS_GONE when the peer is
 *   gone or not of this capability, APS_DROPPED when its queue is full) or
 *   AF_ERROR. Without, only an AF_ERROR: NOTFOUND for a peer that is gone,
 *   QUEUE for no memory; a full queue makes the connection wait, for the stall
 *   limit at most, and then it is QUEUE too, at once until the queue is short.
 *   Either way INVALID for a code out of range, TOOBIG. Each capability has a
 *   queue of its own to each peer, and they take turns.
 *   AF_MULTISEND: with AFL_COMPLETE one AF_SENT_MANY when the last of its peers
 *   is decided, or AF_ERROR (NOTFOUND for the capability, INVALID, TOOBIG,
 *   QUEUE). Of those listed, peers that are gone, not of this capability, or of
 *   another version when one is named, count as gone, and twice is once; those
 *   whose queue is full count as dropped: it never waits.
 *   AF_ACCEPT: the handshake of the program's own with this peer is done; no
 *   answer, AF_ERROR (NOTFOUND) for no such peer.
 *   AF_DISCONNECT, AF_PENALISE: AF_PEER_DOWN comes; AF_ERROR (NOTFOUND) for no
 *   such peer.
 *   AF_HINT: no answer; AF_ERROR (INVALID, QUEUE).
 * A tap may send AF_ATTACH, AF_UPDATE and AF_DETACH only; DENIED otherwise.
 * Events, which are numbered: AF_PEER_UP, AF_PEER_DOWN, AF_MESSAGE,
 * AF_SNAPSHOT_END, AF_DROPPED, AF_STALLED, AF_WRITABLE. A message that is
 * dropped leaves a gap in their numbers.
 */
#define APP_HEADER	16
#define APP_MAGIC	0x70327064U	/* "p2pd" */
#define APP_MAJOR	1
#define APP_MINOR	0
#define APP_HELLO_MAX	1024		/* body of AF_HELLO at most */
#define APP_LIST_MAX	4096		/* handles in AF_MULTISEND */
#define APP_MULTI_HEAD	20		/* before these */
#define APP_BODY_MAX	(0xffffffU + APP_MULTI_HEAD + 4 * APP_LIST_MAX)
					/* of any frame */
#define APP_COLD_MAX	65536		/* but SEND, MULTISEND and MESSAGE */
#define APP_ERRTEXT_MAX	256		/* text of AF_ERROR, with a NUL */

enum app_type {
	/* to the daemon */
	AF_HELLO = 0x0001,
	AF_ATTACH = 0x0002,
	AF_DETACH = 0x0003,
	AF_SEND = 0x0004,
	AF_DISCONNECT = 0x0005,
	AF_UPDATE = 0x0006,
	AF_MULTISEND = 0x0007,
	AF_ACCEPT = 0x0008,
	AF_PENALISE = 0x0009,
	AF_HINT = 0x000a,
	/* to the application */
	AF_WELCOME = 0x8001,
	AF_ATTACHED = 0x8002,
	AF_DETACHED = 0x8003,
	AF_ERROR = 0x8004,
	AF_PEER_UP = 0x8005,
	AF_PEER_DOWN = 0x8006,
	AF_MESSAGE = 0x8007,
	AF_SENT = 0x8008,
	AF_SNAPSHOT_END = 0x8009,
	AF_UPDATED = 0x800a,
	AF_DROPPED = 0x800b,
	AF_STALLED = 0x800c,
	AF_WRITABLE = 0x800d,
	AF_SENT_MANY = 0x800e
};

/* flags */
#define AFL_COMPLETE	0x0001	/* AF_SEND, AF_MULTISEND: tell the outcome */
#define AFL_SNAPSHOT	0x0002	/* AF_PEER_UP: was up before the attach */
#define AFL_PRIORITY	0x0004	/* AF_SEND, AF_MULTISEND: before what of this
				   capability waits without it, in order among
				   themselves */
#define AFL_OUT		0x0008	/* AF_MESSAGE to a tap: by the owner, to the
				   peer */

enum app_error {
	APE_OK = 0, APE_MALFORMED = 1, APE_VERSION = 2, APE_DENIED = 3,
	APE_BUSY = 4,		/* another owner has it */
	APE_ROOM = 5,		/* Hello would be too long */
	APE_INVALID = 6, APE_NOTFOUND = 7, APE_TOOBIG = 8, APE_UNSUPPORTED = 9,
	APE_STOPPING = 10, APE_QUEUE = 11,
	APE_RECORD = 12		/* the node's record would be too long; room says */
};

enum app_sent { APS_WRITTEN = 0, APS_DROPPED = 1, APS_GONE = 2 };
enum app_mode { APM_OWNER = 0, APM_TAP = 1 };
enum app_policy { APP_STOP = 0, APP_DROP = 1, APP_DISCONNECT = 2 };

struct app_head {
	uint32_t	 len;
	uint16_t	 type;
	uint16_t	 flags;
	uint32_t	 request;
	uint32_t	 peer;
};

struct app_hello {		/* magic u32, major u16, minor u16, features u64,
				   session u16, zero u16, token 16, name u16+bytes */
	uint16_t	 major, minor;
	uint64_t	 features;
	uint16_t	 session;
	uint8_t		 token[16];
	char		 name[64];
};

struct app_welcome {		/* magic, major, minor, features, sessions u16,
				   session u16, token, node id 64, max payload u32,
				   grace ms u32, flags u32 (1 resumed: the hello's
				   token was known), daemon's name u16+bytes */
	uint16_t	 major, minor;
	uint64_t	 features;
	uint16_t	 sessions;
	uint16_t	 session;
	uint8_t		 token[16];
	uint8_t		 id[64];
	uint32_t	 max_payload;
	uint32_t	 grace_ms;
	uint32_t	 flags;
	char		 name[CLIENT_MAX];
};
#define APW_RESUMED	0x01

#define APP_VERS_MAX	16
struct app_attach {		/* name 8 (NUL-padded), mode u8, policy u8, count u16,
				   count times: version u32, codes u32; options.
				   A tap may have a count of 0: all versions. */
	char		 name[CAP_NAME_MAX + 1];
	uint8_t		 mode;
	uint8_t		 policy;
	uint16_t	 nvers;
	struct {
		uint32_t version;
		uint32_t codes;
	}		 vers[APP_VERS_MAX];
	const uint8_t	*opts;		/* into the body; optslen 0: none */
	size_t		 optslen;
};

/*
 * Options stand at the end of AF_ATTACH and AF_UPDATE, one after the other:
 * type u16, length u16, value. Kinds that are not known are skipped. Kinds
 * marked * may stand several times.
 */
enum app_opt {
	AO_QUEUE_PEER = 1,	/* u32 bytes kept for a peer that we do not read
				   (at most, and by default, p2pd.conf's) */
	AO_QUEUE_APP = 2,	/* u32 the same for all peers of this capability */
	AO_HANDSHAKE = 3,	/* u32 ms: a peer that has not been accepted by
				   then is dropped (0x0b); 0: none; at most 60,000 */
	AO_FIRST = 4,		/* * version u32, code u32, payload: sent the moment
				   a peer with that version (0: any) is up */
	AO_WANTED = 5,		/* u32: peers wanted */
	AO_ENR = 6,		/* * key (u8 length, bytes), value (one RLP item):
				   to be published in the node's record */
	AO_CONDITION = 7	/* * key (u8 length, bytes), then any number of
				   prefixes (u8 length, bytes): dial only nodes
				   whose record has the key, its value (the RLP
				   item) beginning with one of them, if any */
};
#define APP_FIRSTS_MAX	APP_VERS_MAX
#define APP_ENRS_MAX	8
#define APP_ENRKEY_MAX	32
#define APP_CONDS_MAX	4
#define APP_PREFIXES_MAX 16
#define APP_PREFIX_MAX	32
#define APP_HANDSHAKE_MAX 60000

/* What is in the value of AO_FIRST, and of AO_ENR and AO_CONDITION. */
struct app_first {
	uint32_t	 version, code;
	const uint8_t	*payload;
	size_t		 len;
};

struct app_keyed {
	const uint8_t	*key;		/* 1 to APP_ENRKEY_MAX bytes */
	size_t		 keylen;
	const uint8_t	*rest;		/* a record's value, or prefixes */
	size_t		 restlen;
};

/* Walks over options: see app_opt_next(). */
struct app_opt_iter {
	const uint8_t	*p;
	size_t		 left;
	uint16_t	 type;		/* of the present one */
	const uint8_t	*value;
	uint16_t	 len;
};

enum app_select {
	APL_LIST = 0,		/* the handles listed */
	APL_ALL = 1,		/* every peer of the capability */
	APL_BUT = 2,		/* all but the handles listed */
	APL_RANDOM = 3		/* k of APL_BUT, at random */
};
struct app_multisend {		/* capid u32, code u32, version u32 (0 any), select u8,
				   zero u8, count u16, k u32, count times a handle
				   u32; then the payload */
	uint32_t	 capid, code, version;
	uint8_t		 select;
	uint16_t	 count;
	uint32_t	 k;
	const uint8_t	*handles;	/* into the body, count times 4 bytes */
	const uint8_t	*payload;	/* into the body */
	size_t		 paylen;
};

struct app_hint {		/* node id 64, address 19 (TCP), udp port u16 */
	uint8_t		 id[64];
	struct addr	 addr;
	uint16_t	 udp;
};

struct app_peer_up {		/* capid u32, version u32, codes u32, peer flags u8
				   (1 inbound, 2 static, 4 trusted), node id 64,
				   remote (family u8, port u16, ip 16), local,
				   client u16+bytes */
	uint32_t	 capid, version, codes;
	uint8_t		 flags;
	uint8_t		 id[64];
	struct addr	 remote, local;
	char		 client[CLIENT_MAX];
};

struct app_peer_down {		/* capid u32, reason u16, disc u8, remote u8, ms u64,
				   msgs in, msgs out, bytes in, bytes out u64 each
				   (of this capability: payload bytes) */
	uint32_t	 capid;
	uint16_t	 reason;
	uint8_t		 disc;
	uint8_t		 remote;
	uint64_t	 ms, msgs_in, msgs_out, bytes_in, bytes_out;
};

/*
 * Bodies without a struct:
 *   AF_DETACH, AF_ATTACHED, AF_DETACHED, AF_UPDATED, AF_ACCEPT: capid u32
 *   AF_UPDATE: capid u32, options
 *   AF_SNAPSHOT_END, AF_DROPPED: capid u32, zero u32, messages u64, bytes u64
 *     (missed, or dropped since last told; in AF_DROPPED of the peer in the
 *     header, of all together when that is 0)
 *   AF_SEND, AF_MESSAGE: capid u32, code u32 (relative), payload
 *   AF_DISCONNECT: wire reason u8
 *   AF_PENALISE: wire reason u8, zero 3, seconds u32 (0: no ban)
 *   AF_ERROR: error u16, room u16, text u16+bytes
 *   AF_SENT: outcome u8, zero 3, depth u32 (bytes that now wait for the peer,
 *     of this capability, as they go over the wire)
 *   AF_SENT_MANY: written u32, dropped u32, gone u32
 *   AF_STALLED, AF_WRITABLE: capid u32, depth u32 (the queue of this capability
 *     to the peer in the header went over its high mark, 4 MiB, or under the low
 *     one, 1 MiB, again; 32 MiB is full)
 */
#define APP_MSG_HEAD	8	/* capid and code before a payload */

void	 app_head_encode(uint8_t out[APP_HEADER], const struct app_head *);
void	 app_head_decode(struct app_head *, const uint8_t in[APP_HEADER]);

/*
 * Encoders write a body into out (size bytes) and return its length, 0 when it
 * does not fit or a field is out of range. Decoders return 0, or -1 when the
 * body is too short or malformed; texts with a NUL or longer than their field
 * are malformed.
 *
 * Of a hello or welcome of another major version only major and minor are
 * decoded. An attach's name, numbers, mode and policy and a multisend's select
 * are as sent: the daemon judges them; its options fit their body. An address
 * of an unknown family is none.
 */
size_t	 app_hello_encode(uint8_t *out, size_t size, const struct app_hello *);
int	 app_hello_decode(struct app_hello *, const uint8_t *, size_t);
size_t	 app_welcome_encode(uint8_t *out, size_t size, const struct app_welcome *);
int	 app_welcome_decode(struct app_welcome *, const uint8_t *, size_t);
size_t	 app_attach_encode(uint8_t *out, size_t size, const struct app_attach *);
int	 app_attach_decode(struct app_attach *, const uint8_t *, size_t);
size_t	 app_peer_up_encode(uint8_t *out, size_t size, const struct app_peer_up *);
int	 app_peer_up_decode(struct app_peer_up *, const uint8_t *, size_t);
size_t	 app_peer_down_encode(uint8_t *out, size_t size, const struct app_peer_down *);
int	 app_peer_down_decode(struct app_peer_down *, const uint8_t *, size_t);
size_t	 app_error_encode(uint8_t *out, size_t size, uint16_t error, uint16_t room,
	    const char *text);
int	 app_error_decode(uint16_t *error, uint16_t *room, char *text, size_t textlen,
	    const uint8_t *, size_t);
size_t	 app_multisend_encode(uint8_t *out, size_t size,
	    const struct app_multisend *);	/* up to the payload, without it */
int	 app_multisend_decode(struct app_multisend *, const uint8_t *, size_t);
size_t	 app_hint_encode(uint8_t *out, size_t size, const struct app_hint *);
int	 app_hint_decode(struct app_hint *, const uint8_t *, size_t);
size_t	 app_counts_encode(uint8_t *out, size_t size, uint32_t capid,
	    uint64_t msgs, uint64_t bytes);	/* SNAPSHOT_END, DROPPED */
int	 app_counts_decode(uint32_t *capid, uint64_t *msgs, uint64_t *bytes,
	    const uint8_t *, size_t);
/* Appends one option to out, which has *len bytes of size already; 0 or -1. */
int	 app_opt_add(uint8_t *out, size_t size, size_t *len, uint16_t type,
	    const void *value, size_t vlen);
void	 app_opt_start(struct app_opt_iter *, const uint8_t *opts, size_t len);
/* 1 with the next one, 0 at the end, -1 when it does not fit its body. */
int	 app_opt_next(struct app_opt_iter *);
/* The value of the present option: 0, or -1 when it is malformed. */
int	 app_opt_u32(const struct app_opt_iter *, uint32_t *);
int	 app_opt_first(const struct app_opt_iter *, struct app_first *);
int	 app_opt_keyed(const struct app_opt_iter *, struct app_keyed *);
/* The next prefix of a condition, taken out of its rest: 1, 0, or -1. */
int	 app_opt_prefix(struct app_keyed *, const uint8_t **, size_t *len);
uint32_t app_get32(const uint8_t *);
void	 app_put32(uint8_t *, uint32_t);
const char *app_error_name(unsigned int);

#endif
