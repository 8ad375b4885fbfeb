/* SPDX-License-Identifier: ISC */
#ifndef LIB_INTERNAL_H
#define LIB_INTERNAL_H

#include "common/wire/app.h"
#include "lib/p2papp.h"

#define SESSIONS_MAX	64
#define PEERS_MAX	(1U << 20)	/* (peer, capability) pairs in all */
#define SENDS_MAX	(1U << 16)	/* completions outstanding */
#define QUEUE_MAX	(32U << 20)
#define ANSWER_MS	10000
#define LATE_MS		100		/* who calls so late has not looked */
#define RETRY_MIN_MS	50
#define RETRY_MAX_MS	5000
#define STEADY_MS	10000		/* up so long: back-off starts anew */
#define UNDO_MS		100		/* between tries to put options back, */
#define UNDO_TRIES	10		/* when there were too many requests */
#define OPTS_MAX	(APP_COLD_MAX - 256)	/* leaves room for the rest */

/* Something by number in a table, and in the list of its session. */
struct node {
	struct node	*chain;
	struct node	*prev, *next;
	uint64_t	 key;
};

struct table {
	struct node	**bucket;
	size_t		 nbuckets;
	size_t		 n;
};

/* 0, or -1 when out of memory. The list is circular around its head. */
int	 table_add(struct table *, struct node *list, struct node *, uint64_t key);
struct node *table_find(const struct table *, uint64_t key);
void	 table_del(struct table *, struct node *);
void	 table_free(struct table *);
void	 list_init(struct node *);
struct node *list_first(const struct node *);	/* NULL when empty */

/* One connection: frames in, a queue of bytes out. */
struct conn {
	int		 fd;
	unsigned int	 serial;	/* another one for each descriptor */
	int		 drained;	/* the last read found nothing */
	int		 broken;	/* no more writing; the reader will see why */
	uint8_t		*in;
	size_t		 incap, inoff, inlen;
	size_t		 skip;		/* rest of a frame of no concern */
	uint8_t		*out;
	size_t		 outcap, outoff, outlen;
	uint64_t	 sent;		/* bytes that the system took */
	size_t		 fresh;		/* queued since the last write */
	int		 full;		/* that write did not take all */
};

void	 conn_init(struct conn *);
int	 conn_open(struct conn *, const char *path);
void	 conn_close(struct conn *);
/* 1 and a frame, valid until conn_read(); 0 incomplete; -1 malformed. */
int	 conn_frame(struct conn *, struct app_head *, const uint8_t **body);
/* 1 read some, 0 nothing there, -1 with errno; the end is ECONNRESET. */
int	 conn_read(struct conn *);
/*
 * Queues or writes a frame with its body in two parts; 0, or -1 with errno and
 * nothing taken: EAGAIN when more than limit bytes would be queued.
 */
int	 conn_write(struct conn *, const struct app_head *, const void *, size_t,
	    const void *, size_t, size_t limit, int more);
/* Whether conn_write() would take a frame, or frames, of so many bytes now. */
int	 conn_room(struct conn *, size_t total, size_t limit);
/* The same for what must not get lost: it goes out or the connection ends. */
void	 conn_control(struct conn *, const struct app_head *, const void *, size_t,
	    const void *, size_t);
void	 conn_flush(struct conn *);

enum session_state { S_NONE, S_HELLO, S_UP, S_DOWN };

struct session {
	struct conn	 c;
	enum session_state state;
	unsigned int	 index;
	unsigned int	 fails;
	uint64_t	 when;		/* not up: next try */
	uint64_t	 since;		/* S_UP */
	uint64_t	 asked;		/* since when an answer is owed; 0: none */
	uint64_t	 asked_to;	/* where in c.sent the question ends, */
	uint64_t	 taken;		/* and how far it was then */
	int		 spared;	/* that time was given again */
	uint32_t	 request;	/* of its hello */
	uint32_t	 events;	/* number of the last */
	uint64_t	 told;		/* gaps in them that were told beforehand */
	int		 wanted;	/* to connect, by p2papp_reconnect() */
	int		 served;	/* gave events since it last read */
	int		 draining;	/* its end is still to be told */
	char		 why[128];
	struct node	 peers;
	struct node	 sends;
};

struct peer {
	struct node	 node;		/* key: PEER_KEY */
	unsigned int	 session;
	uint32_t	 handle;
	uint32_t	 cap;
	uint32_t	 version;
	uint32_t	 codes;
	uint32_t	 mark;		/* of the list that has it, see many.c */
};
#define PEER_KEY(handle, cap)	((uint64_t)(handle) << 32 | (cap))

struct send {
	struct node	 node;		/* key: request */
	unsigned int	 session;
	uint32_t	 peer;
	uint32_t	 cap;
	struct many	*many;		/* this is a part of it, */
	uint32_t	 targets;	/* for so many peers */
};

/* A multisend whose outcome is to be told when its last part is known. */
struct many {
	struct many	*next;		/* in h->done */
	uint32_t	 request;
	uint32_t	 cap;
	unsigned int	 parts;
	unsigned int	 error;		/* of any part */
	uint32_t	 written, dropped, gone;
};

/*
 * An answer that is to come, of as many sessions as are updating. When one of
 * them refuses, those that took it are updated back to what was, again when
 * the user has had its rate: that is why most differ in the first place.
 */
struct update {
	int		 active;
	int		 undoing;
	unsigned int	 tries;
	uint64_t	 when;		/* of the next */
	uint32_t	 request;	/* the caller's, */
	uint32_t	 wire;		/* and that of the frames under way */
	unsigned int	 error, room;
	char		 text[APP_ERRTEXT_MAX];
	uint8_t		*opts;		/* what holds when it is granted */
	size_t		 len;
	uint8_t		*asked;		/* what is asked for */
	size_t		 asklen;
	uint8_t		*undo;		/* and what takes that back */
	size_t		 undolen;
};

/* C_DETACHING is dead to the caller: only its end is told, unless silent. */
enum cap_state { C_FREE, C_ACTIVE, C_DETACHING };
enum at_state { AT_NONE, AT_ASKED, AT_ON };

struct appcap {
	enum cap_state	 state;
	uint32_t	 id;
	int		 silent;
	int		 taken;		/* by the daemon */
	int		 attached;	/* told */
	int		 snapshot;	/* its end told */
	size_t		 npeers;
	uint64_t	 missed, missed_bytes;
	struct app_attach what;
	uint8_t		*opts;		/* those in what */
	struct update	 update;
	struct {
		enum at_state	 state;
		uint32_t	 capid;		/* the daemon's */
		uint32_t	 request;
		int		 snapshot;	/* complete */
		int		 updating;
		int		 late;		/* ask when it is attached */
		int		 took;		/* has what is being asked for */
		size_t		 npeers;
	}		 at[SESSIONS_MAX];
};

struct p2papp {
	char		 path[104];
	char		 name[64];
	size_t		 queue;
	int		 fatal;		/* errno that ended the handle */
	int		 welcomed;
	int		 reconnect;
	unsigned int	 deadline;	/* ms of an answer, 0 none */
	uint8_t		 token[P2PAPP_TOKEN];
	uint8_t		 id[P2PAPP_ID];
	uint32_t	 max_payload;
	uint32_t	 grace;
	unsigned int	 nsessions;	/* that the daemon has */
	unsigned int	 nslots;	/* of s[] that were ever used */
	unsigned int	 turn;		/* slot whose input is next */
	unsigned int	 nup;
	unsigned int	 ndraining;
	uint32_t	 lost;		/* gaps in the numbers of events */
	int		 due;		/* caps may have something to tell, */
	uint64_t	 wake;		/* or will have then; 0: no such time */
	uint32_t	 request;	/* last numbers given */
	uint32_t	 capid;
	uint32_t	 mark;
	struct table	 peers;
	struct table	 sends;
	struct many	*done, **donetail;
	size_t		 ndone;
	struct loop	*loop;		/* of p2papp_fd(); NULL: not asked for */
	struct session	 s[SESSIONS_MAX];
	struct appcap	 cap[P2PAPP_CAPS];

	/* what the event of the last p2papp_next() points into */
	struct p2papp_event ev;
	struct p2papp_up up;
	struct p2papp_down down;
	struct app_peer_up peer_up;
	char		 remote[ADDR_STRLEN], local[ADDR_STRLEN];
	char		 text[APP_ERRTEXT_MAX];
	char		 gone[CAP_NAME_MAX + 1];	/* name of what is detached */
	char		 error[APP_ERRTEXT_MAX + 64];
};

/* sessions: connect, hello, back-off (session.c) */
int	 session_connect(struct p2papp *, struct session *);
void	 session_drop(struct p2papp *, struct session *, int error, const char *why);
int	 session_may_connect(const struct p2papp *, const struct session *);
void	 session_tick(struct p2papp *);
/* A question of a capability was put, or answered. */
void	 session_asked(struct session *);
void	 session_answered(struct p2papp *, struct session *);
/* When an answer is due; UINT64_MAX: none is. */
uint64_t session_deadline(const struct p2papp *, const struct session *);
/* All that came was read: 1 if the answer should have, and it is dropped. */
int	 session_overdue(struct p2papp *, struct session *);
int	 session_welcome(struct p2papp *, struct session *, const struct app_welcome *);

/* what is attached (cap.c) */
struct appcap *cap_find(struct p2papp *, uint32_t id);
struct appcap *cap_at(struct p2papp *, const struct session *, uint32_t capid);
struct appcap *cap_asked(struct p2papp *, const struct session *, uint32_t request);
void	 cap_attach(struct p2papp *, struct appcap *, struct session *);
void	 cap_detach(struct p2papp *, struct appcap *, int silent);
void	 cap_send_detach(struct p2papp *, struct appcap *, struct session *);
void	 cap_off(struct p2papp *, struct appcap *, struct session *);
void	 cap_lost(struct p2papp *, struct session *);
int	 cap_due(struct p2papp *);	/* 1: an event is in h->ev */
void	 cap_free(struct appcap *);
int	 cap_attached(const struct appcap *, const struct session *);
int	 cap_waits(const struct appcap *, const struct session *);
/* NULL: no memory, or there are too many, or that one is there. */
struct peer *peer_new(struct p2papp *, struct session *, uint32_t handle,
	    struct appcap *);
void	 peer_free(struct p2papp *, struct peer *);

/* options (option.c) */
struct p2papp_options {
	uint8_t		*p;
	size_t		 len;
};
/* The first, but for kinds that are in the second, and that; malloc()ed. */
int	 opts_merge(uint8_t **, size_t *, const uint8_t *, size_t,
	    const uint8_t *, size_t);
/* Of each kind in the second what the first has, or that there is none. */
int	 opts_undo(uint8_t **, size_t *, const uint8_t *, size_t,
	    const uint8_t *, size_t);
/* What this session has answered to an update. */
void	 update_taken(struct p2papp *, struct appcap *, struct session *);
void	 update_refused(struct p2papp *, struct appcap *, struct session *,
	    unsigned int error, unsigned int room, const char *text);
void	 update_send(struct p2papp *, struct appcap *, struct session *);
void	 update_free(struct update *);
int	 update_due(struct p2papp *, struct appcap *);

/* sending (send.c, many.c) */
int	 write_failed(struct p2papp *);
struct send *send_new(struct p2papp *, struct session *, uint32_t request);
/* It is over for this part; the multisend is due after the last one. */
void	 many_part(struct p2papp *, struct send *, uint32_t written,
	    uint32_t dropped, uint32_t gone, unsigned int error);
int	 many_due(struct p2papp *);

/* the descriptor of p2papp_fd(), if any (loop.c) */
void	 loop_watch(struct p2papp *, const struct session *);
void	 loop_update(struct p2papp *);
void	 loop_free(struct p2papp *);

/* frames to events (frame.c): 1 event, 0 none, -1 malformed */
int	 frame_input(struct p2papp *, struct session *, const struct app_head *,
	    const uint8_t *);

uint32_t next_request(struct p2papp *);
int	 fail(struct p2papp *, int error, const char *text);	/* -1, errno set */
struct p2papp_event *event(struct p2papp *, enum p2papp_type, const struct appcap *);

#endif
