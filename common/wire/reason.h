/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_REASON_H
#define COMMON_WIRE_REASON_H

#include <stdint.h>

/* Disconnect reasons on the wire: devp2p, rlpx.md, "Disconnect (0x01)". */
enum disc {
	DISC_REQUESTED = 0x00,
	DISC_NETWORK = 0x01,
	DISC_BREACH = 0x02,
	DISC_USELESS = 0x03,
	DISC_TOO_MANY = 0x04,
	DISC_ALREADY = 0x05,
	DISC_VERSION = 0x06,
	DISC_NULL_IDENTITY = 0x07,
	DISC_QUITTING = 0x08,
	DISC_UNEXPECTED_IDENTITY = 0x09,
	DISC_SELF = 0x0a,
	DISC_TIMEOUT = 0x0b,
	DISC_SUBPROTOCOL = 0x10,
	DISC_NONE = 0xff		/* none was sent or received */
};

/*
 * Local reasons: finer than the wire's, they name the limit and the side.
 * The numbers are stable: they are in p2pctl's JSON and in the app protocol.
 */
#define REASON_LIST(X)							\
	X(NONE, 0, DISC_NONE, "none", "no reason")			\
	/* before the handshake: closed silently */			\
	X(NETRESTRICT, 1, DISC_NONE, "netrestrict", "address is outside netrestrict") \
	X(BANNED_ADDR, 2, DISC_NONE, "banned-address", "address is banned") \
	X(THROTTLED_ADDR, 3, DISC_NONE, "throttled-address", "this address tried again too soon") \
	X(THROTTLED_NET, 4, DISC_NONE, "throttled-subnet", "too many attempts from this subnet") \
	X(PENDING_FULL, 5, DISC_NONE, "pending-full", "all slots for connections in set-up are taken") \
	/* in set-up */							\
	X(CONNECT_FAILED, 10, DISC_NONE, "connect-failed", "TCP connection failed") \
	X(CONNECT_TIMEOUT, 11, DISC_NONE, "connect-timeout", "TCP connection timed out") \
	X(RESOLVE_FAILED, 12, DISC_NONE, "resolve-failed", "host name did not resolve") \
	X(SETUP_TIMEOUT, 13, DISC_NONE, "setup-timeout", "set-up took longer than its deadline") \
	X(HANDSHAKE_EOF, 14, DISC_NONE, "handshake-eof", "peer closed during set-up") \
	X(HANDSHAKE_BAD, 15, DISC_NONE, "handshake-bad", "handshake did not decrypt or decode") \
	X(HELLO_BAD, 16, DISC_BREACH, "hello-bad", "Hello did not decode") \
	X(HELLO_EXPECTED, 17, DISC_BREACH, "hello-expected", "first message was not Hello") \
	X(NULL_IDENTITY, 18, DISC_NULL_IDENTITY, "null-identity", "Hello has a null key") \
	X(WRONG_IDENTITY, 19, DISC_UNEXPECTED_IDENTITY, "wrong-identity", "Hello's key is not the handshake's") \
	X(WRONG_MAC, 20, DISC_NONE, "wrong-mac", "frame failed its MAC") \
	X(PARENT_BUSY, 21, DISC_NONE, "parent-busy", "key service did not answer") \
	/* admission */							\
	X(BANNED_ID, 30, DISC_REQUESTED, "banned-id", "node is banned")	\
	X(NOT_ALLOWED, 31, DISC_REQUESTED, "not-on-allowlist", "node is not on the allowlist") \
	X(TOO_MANY_PEERS, 32, DISC_TOO_MANY, "too-many-peers", "max-peers reached") \
	X(TOO_MANY_INBOUND, 33, DISC_TOO_MANY, "too-many-inbound", "inbound share of max-peers reached") \
	X(ALREADY_CONNECTED, 34, DISC_ALREADY, "already-connected", "node is already a peer") \
	X(CROSS_DIAL, 35, DISC_ALREADY, "cross-dial", "another connection with this node goes first") \
	X(SELF, 36, DISC_SELF, "self", "node is ourselves")		\
	X(USELESS, 37, DISC_USELESS, "useless", "no capability in common") \
	X(NO_APPS, 38, DISC_USELESS, "no-applications", "no application is attached") \
	X(SESSION_BUSY, 39, DISC_TOO_MANY, "session-busy", "no session process can take the peer") \
	X(STOPPING, 40, DISC_QUITTING, "stopping", "the daemon is stopping") \
	/* life as a peer */						\
	X(REMOTE, 50, DISC_NONE, "remote", "peer sent Disconnect")	\
	X(CLOSED, 51, DISC_NONE, "closed", "peer closed the connection") \
	X(NETWORK, 52, DISC_NETWORK, "network-error", "connection failed") \
	X(READ_TIMEOUT, 53, DISC_TIMEOUT, "read-timeout", "nothing arrived within the read deadline") \
	X(WRITE_TIMEOUT, 54, DISC_NETWORK, "write-timeout", "peer did not read within the write deadline") \
	X(BAD_FRAME, 55, DISC_BREACH, "bad-frame", "frame malformed")	\
	X(BAD_MAC, 56, DISC_BREACH, "bad-mac", "frame failed its MAC")	\
	X(BAD_SNAPPY, 57, DISC_BREACH, "bad-snappy", "payload did not decompress or is over the limit") \
	X(BAD_CODE, 58, DISC_BREACH, "bad-code", "message code outside the negotiated range") \
	X(QUEUE_FULL, 59, DISC_NETWORK, "queue-full", "queue to the peer is full") \
	X(OPERATOR, 60, DISC_REQUESTED, "operator", "disconnected by the operator") \
	X(APPLICATION, 61, DISC_REQUESTED, "application", "disconnected by an application") \
	X(APP_GONE, 62, DISC_USELESS, "application-gone", "the last application this peer served is gone") \
	X(STALLED, 63, DISC_SUBPROTOCOL, "application-stalled", "application did not read within the stall limit") \
	X(QUITTING, 64, DISC_QUITTING, "quitting", "the daemon is stopping") \
	X(SESSION_DIED, 65, DISC_NONE, "session-died", "the peer's session process died") \
	X(BANNED, 66, DISC_REQUESTED, "banned", "banned while connected") \
	X(MEMORY, 67, DISC_TOO_MANY, "memory", "the session's memory budget is used up") \
	X(HANDSHAKE_TIMEOUT, 68, DISC_TIMEOUT, "handshake-timeout", "application did not accept the peer in time") \
	X(RETIRED, 69, DISC_TOO_MANY, "retired", "made room for a peer that serves an application")

#define REASON_ENUM(sym, num, disc, name, text)	REASON_##sym = num,
enum reason { REASON_LIST(REASON_ENUM) REASON_MAX = 70 };
#undef REASON_ENUM

/* "too-many-peers"; "unknown" for a number that is not listed. Never NULL. */
const char *reason_name(unsigned int);
const char *reason_text(unsigned int);
/* What the peer is told, DISC_NONE to close silently. */
enum disc reason_disc(unsigned int);
/* By name; -1 when there is none. */
int	 reason_byname(const char *);

/* "too many peers"; "unknown" for others. Never NULL. */
const char *disc_name(unsigned int);
/* "too-many-peers" style, a number, or -1. */
int	 disc_byname(const char *);

#endif
