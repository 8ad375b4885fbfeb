/* SPDX-License-Identifier: ISC */
#ifndef P2PD_MESSAGES_H
#define P2PD_MESSAGES_H

#include "common/base/addr.h"
#include "common/ctl/ctl.h"
#include "common/ipc/msg.h"
#include "common/wire/app.h"
#include "common/wire/base.h"
#include "common/wire/caps.h"
#include "common/wire/discv4.h"
#include "common/wire/enode.h"
#include "common/wire/enr.h"
#include "common/wire/rlpx.h"

/*
 * What the parent and its children say to each other. Children speak to the
 * parent only. P parent, L listener, D dialer, S session, C control,
 * R resolver, N discovery of nodes. (fd) marks a message that carries a
 * descriptor.
 */
#define MSG_VERSION	1

enum proc_kind {
	PROC_PARENT, PROC_CONTROL, PROC_LISTENER, PROC_DIALER, PROC_SESSION,
	PROC_RESOLVER, PROC_DISCOVERY, PROC_KINDS
};

enum msg_type {
	/* every child */
	M_INIT = 1,		/* P>*  first: version, verbosity, limits */
	M_START,		/* P>*  configuration is complete: confine, run */
	M_READY,		/* *>P  confined and running, with the layers */
	M_LOG,			/* *>P  a log line */
	M_VERBOSE,		/* P>*  log verbosity */
	M_STOP,			/* P>*  orderly stop begins; L, D: take and
				   begin nothing more and drop what is in
				   set-up; S: Disconnect 0x08 to all */
	/* network policy */
	M_NET,			/* P>LDN limits; also clears the netrestrict set */
	M_NETRESTRICT,		/* P>LDN one prefix of netrestrict */
	M_BAN,			/* P>LDN a ban by prefix or, to DN, by id; or its end */
	M_LISTEN,		/* P>L  (fd) a listening socket */
	/* set-up of a connection; conn is the child's number, not 0 */
	M_KEY,			/* LD>P an ECDH with the node key */
	M_KEY_DONE,		/* P>LD */
	M_CHECK1,		/* LD>P post-handshake: may this go on?  Answered
				   behind the secrets that were asked for
				   before it */
	M_VERDICT1,		/* P>LD */
	M_CHECK2,		/* LD>P (fd) add-peer */
	M_VERDICT2,		/* P>LD */
	M_ATTEMPT,		/* LD>P set-up ended without a peer; conn is over */
	/* dialing */
	M_DIAL,			/* D>P  a dial begins: conn and id in set-up */
	M_STATIC,		/* P>D  keep connected to a node, or no longer */
	M_CONNECTED,		/* P>D  a node is, or is no longer, a peer */
	M_RESOLVE,		/* D>P>R */
	M_RESOLVED,		/* R>P>D */
	M_RESOLVE_STOP,		/* D>P  a name is waited for no more */
	M_CANDIDATE,		/* N>P>D a node that may be dialed */
	M_GOAL,			/* P>D  how many peers should be of our dialing */
	M_PLAN,			/* D>P  candidates looked for, and what waits */
	/* peers */
	M_PEER_START,		/* P>S  (fd) */
	M_PEER_END,		/* S>P */
	M_PEER_STOP,		/* P>S  disconnect with a reason */
	M_PEER_FLAGS,		/* P>S  static or trusted changed */
	/* applications; app is the parent's number of one connection */
	M_APP_NEW,		/* C>P  (fd) checked credentials and hello */
	M_APP_OPEN,		/* P>S  (fd) */
	M_APP_ATTACH,		/* S>P */
	M_APP_ATTACHED,		/* P>S */
	M_APP_DETACH,		/* S>P */
	M_APP_CLOSED,		/* S>P  the connection ended; its capabilities
				   are kept until M_CAP_GONE or a resuming
				   M_APP_ATTACHED */
	M_APP_UPDATE,		/* S>P */
	M_APP_UPDATED,		/* P>S */
	M_APP_PENALISE,		/* S>P  ban by id; M_PEER_STOP is the answer */
	M_APP_HINT,		/* S>P  to the dialer as M_CANDIDATE */
	M_CAP_GONE,		/* P>S  nobody comes back for a capability */
	/* control */
	M_SOCKET,		/* P>C  (fd) a listening unix socket */
	M_SHOW,			/* P>S  answer with CTL_REC and CTL_END */
	M_MONITOR,		/* P>S  message events on or off */
	M_EVENT,		/* S>P>C an event for those who monitor */
	/* discovery */
	M_DISC,			/* P>N  what to serve, where the database is */
	M_UDP,			/* P>N  (fd) a bound UDP socket */
	M_BOOTNODE,		/* P>N  where to begin */
	M_D4_SIGN,		/* N>P  a packet to be built and signed */
	M_D4_SIGNED,		/* P>N */
	M_RECORD_FACTS,		/* N>P  where others say that they see us */
	M_RECORD,		/* P>N  our record, signed */
	M_WANT,			/* P>N  how many more candidates are wanted */
	M_CONDITION,		/* P>N  keys that a candidate's record must have */
	M_QUERY			/* P>ND p2pctl asks; CTL_REC and CTL_END answer */
	/* and CTL_*: C>P requests; P>C, S>P answers */
};

/* Peer and connection flags. */
#define PF_INBOUND	0x01
#define PF_STATIC	0x02
#define PF_TRUSTED	0x04

struct m_init {
	uint32_t	 version;	/* MSG_VERSION */
	uint8_t		 kind;		/* enum proc_kind */
	uint8_t		 instance;	/* session number from 0 */
	uint8_t		 nsessions;
	uint8_t		 verbose;
	uint8_t		 sandbox;	/* enum: 0 off, 1 default, 2 require */
	uint32_t	 uid, gid;	/* to become; 0xffffffff: stay */
	char		 chroot[256];	/* "" none */
	uint32_t	 maxfiles;	/* RLIMIT_NOFILE */
	uint8_t		 id[SECP_PUB];	/* our node id */
	char		 client[CLIENT_MAX];
	/* session */
	uint64_t	 mem_budget;	/* bytes */
	uint64_t	 queue_peer;	/* bytes a (peer, capability) */
	uint64_t	 queue_app;	/* bytes an application */
	uint32_t	 stall_ms;
};

struct m_start {
	uint8_t		 dummy;
};

struct m_ready {
	uint32_t	 version;	/* MSG_VERSION */
	uint32_t	 active;	/* struct proc_layers */
	uint32_t	 unavailable;
	uint16_t	 landlock_abi;
};

struct m_log {
	uint8_t		 pri;
	uint32_t	 dropped;	/* lines lost before this one */
	char		 line[1024];
};

struct m_verbose {
	uint8_t		 verbose;
};

struct m_stop {
	uint32_t	 grace_ms;
};

struct m_net {
	uint32_t	 max_pending;	/* L: inbound in set-up; D: dials at once */
	uint32_t	 setup_ms;	/* whole set-up deadline */
	uint32_t	 connect_ms;
	uint32_t	 addr_secs;	/* L: one attempt an address in so long; 0 off */
	uint32_t	 net_count;	/* L: attempts a subnet in net_secs; 0 off */
	uint32_t	 net_secs;
	uint32_t	 history_secs;	/* D: no second dial within */
	uint8_t		 dial;		/* D: dialing is on */
	uint8_t		 restricted;	/* netrestrict is in force */
};

struct m_netrestrict {
	struct prefix	 prefix;
};

struct m_ban {
	uint8_t		 add;
	uint8_t		 by_id;
	uint8_t		 id[SECP_PUB];
	struct prefix	 prefix;
};

struct m_listen {
	struct addr	 addr;
};

enum key_op { KEY_ECIES = 1, KEY_STATIC = 2 };

struct m_key {
	uint32_t	 conn;
	uint8_t		 op;
	uint8_t		 point[SECP_PUB];
};

struct m_key_done {
	uint32_t	 conn;
	uint8_t		 op;
	uint8_t		 secret[32];	/* x of the product; a bad point gives
					   another secret, not an error */
};

struct m_check1 {
	uint32_t	 conn;
	uint8_t		 flags;		/* PF_INBOUND */
	uint8_t		 id[SECP_PUB];
	struct addr	 remote;
	struct addr	 local;
};

struct m_verdict1 {
	uint32_t	 conn;
	uint16_t	 reason;	/* REASON_NONE: go on */
	uint8_t		 disc;		/* what to tell the peer when refused */
	uint32_t	 generation;	/* of the Hello below */
	uint32_t	 hellolen;
	uint8_t		 hello[HELLO_MAX];	/* encoded payload to send */
};

struct m_check2 {
	uint32_t	 conn;
	uint8_t		 flags;
	uint8_t		 id[SECP_PUB];
	struct addr	 remote;
	struct addr	 local;
	uint32_t	 generation;
	uint64_t	 p2p_version;
	char		 client[CLIENT_MAX];
	uint16_t	 port;
	uint32_t	 ncaps;
	struct cap	 caps[CAPS_MAX];
	uint64_t	 bytes_in;	/* on the wire so far */
	uint64_t	 bytes_out;
	uint8_t		 state[RLPX_STATE_LEN];
};

struct m_verdict2 {
	uint32_t	 conn;
	uint16_t	 reason;	/* REASON_NONE: the peer is in; close and wipe */
	uint8_t		 disc;
};

/* How far an attempt came. */
enum stage { ST_ACCEPT = 1, ST_RESOLVE, ST_CONNECT, ST_AUTH, ST_CHECK1, ST_HELLO, ST_CHECK2 };

struct m_attempt {
	uint32_t	 conn;		/* 0: ended before it had one */
	uint8_t		 flags;
	uint8_t		 stage;
	uint16_t	 reason;
	uint8_t		 disc_sent;	/* DISC_NONE */
	uint8_t		 disc_recv;
	uint8_t		 has_id;
	uint8_t		 id[SECP_PUB];
	struct addr	 remote;
	uint32_t	 ms;
	uint32_t	 count;		/* this many alike, to spare messages; >= 1 */
	char		 detail[128];	/* errno text or the like */
};

struct m_dial {
	uint32_t	 conn;
	uint8_t		 id[SECP_PUB];
	struct addr	 remote;
	uint8_t		 flags;
};

struct m_static {
	uint8_t		 add;
	uint8_t		 id[SECP_PUB];
	char		 host[HOST_MAX];	/* IP or name */
	uint16_t	 tcp;
};

struct m_connected {
	uint8_t		 up;
	uint8_t		 flags;		/* of the peer, PF_ */
	uint8_t		 id[SECP_PUB];
	uint16_t	 reason;	/* down: why, for the back-off */
	uint32_t	 ms;		/* down: how long it was up */
};

struct m_resolve {
	uint32_t	 req;
	char		 host[HOST_MAX];
};

struct m_resolve_stop {
	uint32_t	 req;
};

#define RESOLVED_MAX	16
struct m_addr {
	struct addr	 addr;
};
struct m_resolved {
	uint32_t	 req;
	uint32_t	 n;		/* 0: failed, text says why */
	struct m_addr	 addrs[RESOLVED_MAX];
	char		 text[128];
};

/* Who knows of a candidate. */
enum cand_source { CAND_HINT = 1, CAND_DISCV4, CAND_DISCV5, CAND_DNS,
	CAND_BOOTNODE };

struct m_candidate {
	uint8_t		 id[SECP_PUB];
	struct addr	 addr;		/* TCP */
	uint16_t	 udp;		/* port, 0: unknown */
	uint8_t		 source;	/* enum cand_source */
};

struct m_goal {
	uint32_t	 dialed;	/* static ones count; 0: only these */
};

struct m_plan {
	uint32_t	 want;		/* candidates that it could dial at once */
	uint32_t	 waiting;	/* candidates not dialed yet */
	uint32_t	 dialing;	/* of all dials those to candidates */
	uint64_t	 taken;		/* candidates so far */
	uint64_t	 refused;	/* known, banned, too many */
};

#define SHARED_MAX	32

struct m_peer_start {
	uint32_t	 handle;	/* never reused; not 0 */
	uint8_t		 flags;
	uint8_t		 id[SECP_PUB];
	struct addr	 remote;
	struct addr	 local;
	uint64_t	 p2p_version;
	char		 client[CLIENT_MAX];
	uint32_t	 ncaps;		/* all that its Hello listed */
	struct cap	 caps[CAPS_MAX];
	uint32_t	 nshared;
	struct sharedcap shared[SHARED_MAX];	/* owner: the parent's capid */
	uint64_t	 bytes_in;
	uint64_t	 bytes_out;
	uint8_t		 state[RLPX_STATE_LEN];
};

struct m_peer_end {
	uint32_t	 handle;
	uint16_t	 reason;
	uint8_t		 disc;		/* sent, or received when remote */
	uint8_t		 remote;	/* the peer ended it */
	uint64_t	 ms;
	uint64_t	 msgs_in, msgs_out;	/* subprotocol messages */
	uint64_t	 bytes_in, bytes_out;	/* on the wire */
};

struct m_peer_stop {
	uint32_t	 handle;	/* 0: all */
	uint16_t	 reason;
	uint8_t		 disc;
};

struct m_peer_flags {
	uint32_t	 handle;
	uint8_t		 flags;
};

#define APP_TOKEN	16
#define APP_NAME_MAX	64

struct m_app {			/* M_APP_NEW, M_APP_OPEN */
	uint32_t	 app;		/* 0 in M_APP_NEW */
	uint32_t	 uid, gid, pid;
	uint16_t	 session;	/* index the hello asks for */
	uint16_t	 nsessions;	/* M_APP_OPEN */
	uint32_t	 request;	/* hello's request id, for the answer */
	uint64_t	 features;
	uint8_t		 token[APP_TOKEN];
	uint32_t	 grace_ms;	/* M_APP_OPEN: time to come back in */
	uint8_t		 resumed;	/* M_APP_OPEN: the token was known */
	char		 name[APP_NAME_MAX];	/* escaped */
};

struct m_capver {
	uint32_t	 version;
	uint32_t	 codes;
};
#define CAPVERS_MAX	16

#define APP_ENRVAL_MAX	255

/* What an owner says of its capability beside its versions: AO_* options. */
struct m_enr {
	char		 key[APP_ENRKEY_MAX + 1];
	uint32_t	 len;
	uint8_t		 val[APP_ENRVAL_MAX];	/* one RLP item */
};
struct m_cond {
	char		 key[APP_ENRKEY_MAX + 1];
};
struct m_prefix {
	uint8_t		 cond;		/* which of the conditions */
	uint32_t	 len;
	uint8_t		 bytes[APP_PREFIX_MAX];
};
struct m_app_meta {
	uint32_t	 wanted;	/* peers; 0: as many as come */
	uint32_t	 nenr;
	struct m_enr	 enr[APP_ENRS_MAX];
	uint32_t	 ncond;
	struct m_cond	 cond[APP_CONDS_MAX];
	uint32_t	 nprefix;
	struct m_prefix	 prefix[APP_CONDS_MAX * APP_PREFIXES_MAX];
};

struct m_app_attach {
	uint32_t	 app;
	uint32_t	 request;
	char		 name[CAP_NAME_MAX + 1];
	uint8_t		 mode;
	uint8_t		 policy;
	uint32_t	 nvers;
	struct m_capver	 vers[CAPVERS_MAX];
	struct m_app_meta meta;
};

struct m_app_attached {
	uint32_t	 app;
	uint32_t	 request;
	uint32_t	 capid;		/* 0: refused */
	uint8_t		 resumed;	/* within the grace: the capid it had */
	uint64_t	 rate;		/* bytes a second that it may send; 0 any */
	uint16_t	 error;		/* enum app_error of common/wire/app.h */
	uint16_t	 room;		/* bytes left in Hello, or in the record */
	char		 text[192];
};

/* Which parts of meta replace what there was. */
#define META_WANTED	0x01
#define META_ENR	0x02
#define META_COND	0x04

struct m_app_update {
	uint32_t	 app;
	uint32_t	 request;
	uint32_t	 capid;
	uint8_t		 has;		/* META_ */
	struct m_app_meta meta;
};

struct m_app_updated {
	uint32_t	 app;
	uint32_t	 request;
	uint32_t	 capid;
	uint16_t	 error;
	uint16_t	 room;
	char		 text[192];
};

struct m_app_detach {
	uint32_t	 app;
	uint32_t	 capid;
};

struct m_app_closed {
	uint32_t	 app;
};

struct m_app_penalise {
	uint32_t	 app;
	uint32_t	 handle;
	uint8_t		 disc;
	uint32_t	 secs;		/* 0: disconnected only */
};

struct m_app_hint {
	uint32_t	 app;
	uint8_t		 id[SECP_PUB];
	struct addr	 addr;
	uint16_t	 udp;
};

struct m_cap_gone {
	uint32_t	 capid;
};

enum sock_kind { SOCK_CTL = 1, SOCK_CTL_RO, SOCK_APP };

struct m_socket {
	uint8_t		 kind;
};

struct m_show {
	uint32_t	 conn;
	uint8_t		 what;		/* SHOW_STATUS, _PEERS, _PEER, ... */
	uint32_t	 handle;	/* SHOW_PEER */
};

struct m_monitor {
	uint8_t		 messages;
};

struct m_event {
	uint8_t		 message;	/* a message event: not for all */
	uint32_t	 lost;		/* events dropped before this one */
	uint32_t	 len;
	uint8_t		 rec[4096];
};

struct m_disc {
	uint8_t		 v4;		/* speak discv4 */
	char		 dir[1040];	/* of the node database; "" none */
	struct addr	 announce4;	/* fixed by configuration; af 0: by votes */
	struct addr	 announce6;
};

struct m_udp {
	struct addr	 addr;
};

struct m_bootnode {
	uint8_t		 id[SECP_PUB];
	struct addr	 addr;		/* with its UDP port */
	uint16_t	 tcp;
	uint32_t	 len;		/* of its record; 0: an enode URL */
	uint8_t		 record[ENR_MAX];
};

/* As struct d4_node. */
struct m_d4_node {
	uint8_t		 key[SECP_PUB];
	struct addr	 addr;		/* with its UDP port */
	uint16_t	 tcp;
};

/*
 * What goes into a packet, by its type (1 to 6): ping 1 from, to; pong 2 to,
 * hash; findnode 3 target; neighbors 4 nodes; ENRRequest 5; ENRResponse 6
 * hash.  Expiration, sequence and record are the parent's own to put in.
 */
struct m_d4_sign {
	uint32_t	 req;
	uint8_t		 type;
	struct m_d4_node from;		/* key unused */
	struct m_d4_node to;
	uint8_t		 hash[D4_HASH];	/* of the packet that is answered */
	uint8_t		 target[SECP_PUB];
	uint32_t	 n;
	struct m_d4_node nodes[D4_NODES_OUT];
};

struct m_d4_signed {
	uint32_t	 req;
	uint32_t	 len;		/* 0: refused, for the rate */
	uint8_t		 packet[D4_MAX];
};

/* Our endpoints as votes have them, per family; af 0: nothing new. */
struct m_record_facts {
	struct addr	 ip4;		/* with the UDP port */
	struct addr	 ip6;
};

struct m_record {
	uint64_t	 seq;
	uint32_t	 len;
	uint8_t		 record[ENR_MAX];
};

struct m_want {
	uint32_t	 n;		/* candidates; 0: rest */
};

/* Of one application's capability: a candidate satisfies one of them all. */
struct m_condition {
	uint8_t		 first;		/* forgets those before */
	uint32_t	 ncond;		/* all are to hold; 0: anybody will do */
	struct m_cond	 cond[APP_CONDS_MAX];
	uint32_t	 nprefix;
	struct m_prefix	 prefix[APP_CONDS_MAX * APP_PREFIXES_MAX];
};

struct m_query {
	uint32_t	 conn;
	uint8_t		 what;		/* SHOW_TABLE and the like; 0 a look-up */
	uint8_t		 id[SECP_PUB];
};

#define MSG_DESCS(X)							\
	X(init) X(start) X(ready) X(log) X(verbose) X(stop) X(net)	\
	X(netrestrict) X(ban) X(listen) X(key) X(key_done) X(check1)	\
	X(verdict1) X(check2) X(verdict2) X(attempt) X(dial) X(static)	\
	X(connected) X(resolve) X(resolved) X(resolve_stop)		\
	X(peer_start) X(peer_end) X(peer_stop) X(peer_flags)		\
	X(app_new) X(app_open) X(app_attach)				\
	X(app_attached) X(app_detach) X(app_closed) X(app_update)	\
	X(app_updated) X(app_penalise) X(app_hint) X(cap_gone)		\
	X(candidate) X(goal) X(plan) X(socket) X(show) X(monitor)	\
	X(event) X(disc) X(udp) X(bootnode) X(d4_sign) X(d4_signed)	\
	X(record_facts) X(record) X(want) X(condition) X(query)
#define MSG_EXTERN(n)	extern const struct msgdesc m_##n##_desc;
MSG_DESCS(MSG_EXTERN)
#undef MSG_EXTERN

/* All descriptors, for tests and fuzzers; ends with NULL. */
extern const struct msgdesc *const msg_all[];

const char *proc_name(enum proc_kind);
const char *stage_name(unsigned int);

#endif
