/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_APPS_H
#define P2PD_SESSION_APPS_H

#include <sys/queue.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "common/base/util.h"
#include "common/wire/app.h"
#include "p2pd/messages.h"
#include "p2pd/session/appopts.h"
#include "p2pd/session/appq.h"
#include "p2pd/session/core.h"
#include "p2pd/session/rbuf.h"

struct peer;
struct peercap;

/*
 * A capability that an application owns, all its versions, or taps. Without an
 * application it is an orphan: its owner was lost and may come back.
 */
struct appcap {
	TAILQ_ENTRY(appcap)	 entry;		/* the application's, or orphans */
	TAILQ_ENTRY(appcap)	 tapping;	/* all taps */
	struct app		*app;
	uint32_t		 capid;
	uint32_t		 oldest, gap;	/* in the queue: see appq.h */
	uint64_t		 queued;	/* what waits of it counts for */
	uint64_t		 dropped;
	uint64_t		 missed_msgs, missed_bytes;	/* as an orphan */
	uint64_t		 max_peer, max_all;	/* limits */
	uint32_t		 handshake_ms;	/* 0: peers need no accept */
	struct firsts		*firsts;
	struct bucket		 rate;		/* bytes sent; rate 0: no limit */
	uint8_t			 policy;
	uint8_t			 tap;
	uint8_t			 waited;	/* peers wait for its room */
	uint32_t		 nvers;		/* a tap's may be 0: all */
	char			 name[CAP_NAME_MAX + 1];
	struct m_capver		 vers[CAPVERS_MAX];
};

/* An attach or update that the parent has not answered. */
struct attach {
	TAILQ_ENTRY(attach)	 entry;
	uint32_t		 app;		/* its number */
	uint32_t		 request;
	uint32_t		 capid;		/* of an update */
	uint8_t			 mode, policy;
	uint32_t		 nvers;
	char			 name[CAP_NAME_MAX + 1];
	struct m_capver		 vers[CAPVERS_MAX];
	struct app_opts		 opts;
};

#define ATTACHES_MAX	32	/* unanswered, one application */
#define APPCAPS_MAX	64

/* Why an application is not read. */
#define APAUSE_OUT	0x01	/* it does not read its answers */
#define APAUSE_PEER	0x02	/* the peer it sends to is slow */
#define APAUSE_MEM	0x04
#define APAUSE_TURN	0x08	/* others' turn, after much work for it */
#define APAUSE_RATE	0x10	/* it sends more than it may */
#define TURN_PEERS	4096	/* looked at for its multisends in one turn */

struct app {
	struct hnode		 node;		/* first; key is its number */
	TAILQ_ENTRY(app)	 entry;
	struct appcaps		 caps;
	struct attaches		 attaches;
	struct peers		 stalled;	/* peers not read for our sake */
	struct event		 ev_read;
	struct event		 ev_more;	/* goes on with what is kept */
	struct event		 ev_tick;	/* has waited enough */
	struct event		 ev_gone;	/* has left, while over its rate */
	struct appq		 q;
	struct rbuf		 rb;
	struct holder		 holder;
	struct app_head		 head;		/* when has_head */
	uint32_t		 uid;
	uint32_t		 ncaps, nattaches;
	uint32_t		 ntaps;		/* of caps */
	uint32_t		 events;	/* sent so far */
	uint32_t		 waiting_on;	/* peer's handle, APAUSE_PEER */
	uint32_t		 waiting_range;	/* of it */
	uint64_t		 wait_until;	/* ms; 0: none waits */
	uint32_t		 nmultis;	/* undecided multisends */
	uint32_t		 work;		/* peers, of TURN_PEERS */
	uint64_t		 dropped;
	uint8_t			 has_head;
	uint8_t			 pause;
	uint8_t			 waited;	/* peers wait for its room, */
	uint8_t			 room;		/* and there is some now */
	uint8_t			 gone;		/* nobody waits for its rate */
	uint8_t			 doomed;	/* to be closed this turn */
	uint8_t			 closed;
	char			 name[APP_NAME_MAX];
};

/* apps.c: from M_APP_OPEN to the end. */
void	 app_open(const struct m_app *, int fd);
/* The connection ends when this turn is over, and its output was tried. */
void	 app_doom(struct app *, const char *why);
void	 app_close(struct app *);
void	 app_free(struct app *);
void	 apps_reap(void);	/* closes the doomed */
void	 apps_bury(void);

/* appcap.c: what is attached. */
struct appcap *appcap_find(uint32_t capid);
/* Of this application, or NULL. */
struct appcap *app_cap(struct app *, uint32_t capid);
/* Its connection is lost: its capabilities are orphans, and those to come. */
void	 app_orphan(struct app *);
void	 app_free_caps(struct app *);
void	 orphans_free(void);
/* AF_ATTACH and AF_UPDATE asked of the parent, and its answers. APE_ */
int	 app_attach(struct app *, uint32_t request, const struct app_attach *,
	    const char **why);
int	 app_update(struct app *, uint32_t request, uint32_t capid,
	    const uint8_t *opts, size_t, const char **why);
void	 app_attached(const struct m_app_attached *);
void	 app_updated(const struct m_app_updated *);
/* AF_DETACH; -1 when it is not ours. */
int	 app_detach(struct app *, uint32_t capid);
/* M_CAP_GONE. */
void	 appcap_gone(uint32_t capid);

/* ranges.c: what peers share, and who has it. */
/* The owners of a peer that starts, and of its ranges. */
void	 ranges_own(struct peer *);
void	 ranges_up(struct peer *);
void	 ranges_down(struct peer *, const struct m_peer_end *);
/* Every range without an owner that this one may have; all are told. */
void	 ranges_snapshot(struct appcap *);
/* None is this one's any more. */
void	 ranges_disown(struct appcap *);
/* Its owner was lost, or is back. */
void	 ranges_orphan(struct appcap *);
void	 range_accept(struct peercap *);
/* The next time (ms) by which a range has to be accepted; 0 none. */
uint64_t ranges_deadline(const struct peer *);

/* taps.c */
void	 taps_up(struct peer *);
void	 taps_down(struct peer *, const struct m_peer_end *);
void	 tap_start(struct appcap *);
void	 tap_stop(struct appcap *);
/* A message of a tapped range; packed: data is compressed. */
void	 taps_message(struct peer *, struct peercap *, uint32_t code,
	    const uint8_t *data, size_t n, size_t size, int packed,
	    unsigned int flags);

/* appout.c: what an application is told. */
void	 app_reply(struct app *, enum app_type, uint32_t request, uint32_t peer,
	    const void *body, size_t);
void	 app_event(struct app *, enum app_type, unsigned int flags, uint32_t peer,
	    const void *body, size_t);
void	 app_error(struct app *, uint32_t request, uint32_t peer,
	    unsigned int error, unsigned int room, const char *text);
void	 app_peer_up(struct appcap *, struct peer *, struct peercap *,
	    unsigned int flags);
void	 app_peer_down(struct appcap *, struct peer *, struct peercap *,
	    const struct m_peer_end *);
/* AF_SENT to the application with this number, if it is still there. */
void	 app_sent(uint32_t app, uint32_t request, uint32_t peer,
	    enum app_sent outcome, size_t depth);

/* appio.c: its socket. */
extern const struct rb_ops app_rb_ops;
void	 app_readable(int, short, void *);
void	 app_more(int, short, void *);
void	 app_pause(struct app *, unsigned int why);
void	 app_resume(struct app *, unsigned int why);
/* A frame of it concerned so many peers: enough of them end its turn. */
void	 app_worked(struct app *, uint32_t peers);
/* Those that wait for this peer's queue, where it has room now. */
void	 apps_wake(struct peer *);
void	 app_tick(int, short, void *);
void	 app_gone(int, short, void *);

/* apprequest.c: one frame from an application. */
enum rb_result app_request(struct app *, const struct app_head *, uint8_t *body);
/* The range of a peer that this application has by this number, or NULL. */
struct peercap *app_range(struct app *, struct peer *, uint32_t capid);
/* It has sent so much: beyond its rate it is not read for a while. */
void	 app_charge(struct app *, struct appcap *, uint64_t bytes);

#endif
