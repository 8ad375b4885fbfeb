/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_UNIT_LIB_FAKE_H
#define REGRESS_UNIT_LIB_FAKE_H

#include "common/wire/app.h"
#include "lib/p2papp.h"

/*
 * A daemon in the same thread: it answers when the test says so.  What it waits
 * for is there already or comes within a minute (of valgrind), or the test
 * fails.
 */
struct fake {
	char		 dir[64], path[96];
	int		 lfd;
	int		 fd[4];		/* by session */
	uint8_t		 token[16];
	uint16_t	 sessions;
	uint32_t	 events[4];	/* numbers of the last */
	uint32_t	 grace, flags;	/* of the next welcome */
	/* the frame that fake_read() got last */
	struct app_head	 head;
	uint8_t		*body;
};

void	 fake_start(struct fake *, uint16_t sessions);
void	 fake_stop(struct fake *);
/* Accepts, reads the hello, keeps the connection by its session. */
uint16_t fake_accept(struct fake *, struct app_hello *);
void	 fake_welcome(struct fake *, uint16_t session);
void	 fake_close(struct fake *, uint16_t session);
void	 fake_read(struct fake *, uint16_t session, uint16_t type);
void	 fake_write(struct fake *, uint16_t session, uint16_t type, uint16_t flags,
	    uint32_t request, uint32_t peer, const void *, size_t);
void	 fake_raw(struct fake *, uint16_t session, const void *, size_t);
/* There is room to write. 0: for a while there was none, so nobody reads. */
int	 fake_writable(struct fake *, uint16_t session);
/* capid alone; of an attached, updated, detached, or a snapshot's end */
void	 fake_capid(struct fake *, uint16_t session, uint16_t type,
	    uint32_t request, uint32_t capid);
void	 fake_counts(struct fake *, uint16_t session, uint16_t type,
	    uint32_t request, uint32_t peer, uint32_t capid, uint64_t msgs,
	    uint64_t bytes);
void	 fake_sent(struct fake *, uint16_t session, uint32_t request,
	    uint32_t peer, uint8_t outcome, uint32_t depth);
void	 fake_sent_many(struct fake *, uint16_t session, uint32_t request,
	    uint32_t written, uint32_t dropped, uint32_t gone);
void	 fake_peer_up(struct fake *, uint16_t session, uint32_t peer, uint32_t capid);
void	 fake_peer_down(struct fake *, uint16_t session, uint32_t peer, uint32_t capid);
void	 fake_message(struct fake *, uint16_t session, uint32_t peer,
	    uint32_t capid, uint32_t code, const void *, size_t);
void	 fake_error(struct fake *, uint16_t session, uint32_t request,
	    uint16_t error, const char *);
/* Reads the attach and says yes. */
void	 fake_attached(struct fake *, uint16_t session, uint32_t capid);

/* The next event, which must be of this type. */
const struct p2papp_event *expect(struct p2papp *, enum p2papp_type);
void	 expect_none(struct p2papp *);
/* A session that was lost is up again; what it attaches is not answered yet. */
void	 fake_back(struct fake *, struct p2papp *, uint16_t session);
/* An application with all sessions up and "tst" attached as capids[session]. */
struct p2papp *fake_app(struct fake *, const uint32_t *capids, uint32_t *cap);

#endif
