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
 *   that is up and AF_SNAPSHOT_END; or AF_ERROR.
 *   AF_DETACH: AF_DETACHED; nothing of this capability follows, nor do its
 *   peers go down one by one. AF_ERROR (NOTFOUND) when it is not attached.
 *   AF_SEND: with AFL_COMPLETE exactly one AF_SENT (APS_GONE when the peer is
 *   gone or not of this capability, APS_DROPPED when its queue is full) or
 *   AF_ERROR. Without, only an AF_ERROR: NOTFOUND for a peer that is gone,
 *   QUEUE for no memory; a full queue makes the connection wait. Either way
 *   INVALID for a code out of range, TOOBIG.
 *   AF_DISCONNECT: AF_PEER_DOWN comes; AF_ERROR (NOTFOUND) for no such peer.
 * Events, which are numbered: AF_PEER_UP, AF_PEER_DOWN, AF_MESSAGE,
 * AF_SNAPSHOT_END. A message that is dropped leaves a gap in their numbers.
 */
#define APP_HEADER	16
#define APP_MAGIC	0x70327064U	/* "p2pd" */
#define APP_MAJOR	1
#define APP_MINOR	0
#define APP_HELLO_MAX	1024		/* body of AF_HELLO at most */
#define APP_BODY_MAX	(0xffffffU + 64)	/* of any frame */
#define APP_COLD_MAX	65536		/* of any frame but SEND and MESSAGE */
#define APP_ERRTEXT_MAX	256		/* text of AF_ERROR, with a NUL */

enum app_type {
	/* to the daemon */
	AF_HELLO = 0x0001,
	AF_ATTACH = 0x0002,
	AF_DETACH = 0x0003,
	AF_SEND = 0x0004,
	AF_DISCONNECT = 0x0005,
	/* to the application */
	AF_WELCOME = 0x8001,
	AF_ATTACHED = 0x8002,
	AF_DETACHED = 0x8003,
	AF_ERROR = 0x8004,
	AF_PEER_UP = 0x8005,
	AF_PEER_DOWN = 0x8006,
	AF_MESSAGE = 0x8007,
	AF_SENT = 0x8008,
	AF_SNAPSHOT_END = 0x8009
};

/* flags */
#define AFL_COMPLETE	0x0001	/* AF_SEND: answer with AF_SENT */
#define AFL_SNAPSHOT	0x0002	/* AF_PEER_UP: was up before the attach */

enum app_error {
	APE_OK = 0, APE_MALFORMED = 1, APE_VERSION = 2, APE_DENIED = 3,
	APE_BUSY = 4,		/* another owner has it */
	APE_ROOM = 5,		/* Hello would be too long */
	APE_INVALID = 6, APE_NOTFOUND = 7, APE_TOOBIG = 8, APE_UNSUPPORTED = 9,
	APE_STOPPING = 10, APE_QUEUE = 11
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
				   daemon's name u16+bytes */
	uint16_t	 major, minor;
	uint64_t	 features;
	uint16_t	 sessions;
	uint16_t	 session;
	uint8_t		 token[16];
	uint8_t		 id[64];
	uint32_t	 max_payload;
	char		 name[CLIENT_MAX];
};

#define APP_VERS_MAX	16
struct app_attach {		/* name 8 (NUL-padded), mode u8, policy u8, count u16,
				   count times: version u32, codes u32 */
	char		 name[CAP_NAME_MAX + 1];
	uint8_t		 mode;
	uint8_t		 policy;
	uint16_t	 nvers;
	struct {
		uint32_t version;
		uint32_t codes;
	}		 vers[APP_VERS_MAX];
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
 *   AF_DETACH, AF_ATTACHED, AF_DETACHED, AF_SNAPSHOT_END: capid u32
 *   AF_SEND, AF_MESSAGE: capid u32, code u32 (relative), payload
 *   AF_DISCONNECT: wire reason u8
 *   AF_ERROR: error u16, room u16, text u16+bytes
 *   AF_SENT: outcome u8
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
 * decoded. An attach's name, numbers, mode and policy are as sent: the daemon
 * judges them. An address of an unknown family is none.
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
uint32_t app_get32(const uint8_t *);
void	 app_put32(uint8_t *, uint32_t);
const char *app_error_name(unsigned int);

#endif
