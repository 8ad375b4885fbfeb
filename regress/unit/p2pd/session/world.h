/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_SESSION_WORLD_H
#define REGRESS_SESSION_WORLD_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/app.h"
#include "common/wire/frame.h"
#include "common/wire/reason.h"
#include "p2pd/messages.h"
#include "p2pd/session/core.h"

/*
 * What surrounds a session: the parent, peers and applications, all in this
 * process. Whatever waits lets the session's loop run.
 */
struct told {				/* what the parent was told */
	TAILQ_ENTRY(told)	 entry;
	uint32_t		 type;
	void			*body;
};
TAILQ_HEAD(tolds, told);

extern struct tolds	 told;
extern int		 parent_full, session_done;
extern uint64_t		 attach_rate;	/* that tapp_attach() is granted */
extern struct event_base *base;

void	 world_open(void);		/* ample limits */
void	 world_limits(uint64_t mem, uint64_t peer, uint64_t app, uint32_t stall);
void	 world_close(void);
void	 pump(void);			/* what is ready, and no more */
/* Runs the loop until cond; fails the test after PATIENCE ms. */
#define PATIENCE	50000		/* valgrind is slow */
#define PUMP_UNTIL(cond) do {						\
	uint64_t until_ = mono_ms() + PATIENCE;				\
	while (!(cond)) {						\
		ck_assert_msg(mono_ms() < until_, "waited for " #cond);	\
		pump_wait();						\
	}								\
} while (0)
void	 pump_wait(void);
/* The first message of this type that the parent was told, or NULL. */
const void *told_first(uint32_t type);
unsigned int told_count(uint32_t type);
void	 told_forget(void);

/* "bbb" at 0x10, which 100 owns, "ccc" after it, 200's, and "bbb" version 2. */
extern const struct sharedcap shared[3];

struct tpeer {
	int			 fd;		/* the peer's end */
	uint32_t		 handle;
	struct frame_codec	*codec;
	uint8_t			*in;
	size_t			 inlen, incap;
	size_t			 bodylen;
	int			 has_head, eof;
	uint64_t		 code;		/* of the last message */
	uint8_t			*data;		/* uncompressed */
	size_t			 len;
};

void	 tpeer_open(struct tpeer *, uint32_t handle, const struct sharedcap *,
	    uint32_t n, int snappy);
void	 tpeer_close(struct tpeer *);
/* As it is, letting the session run while the socket is full. */
void	 tpeer_write(struct tpeer *, const void *, size_t);
void	 tpeer_send(struct tpeer *, uint64_t code, const void *, size_t);
/* One frame with data as it is. */
void	 tpeer_send_raw(struct tpeer *, uint64_t code, const void *, size_t);
/* The next message; 1, 0 at the end of the stream. */
int	 tpeer_recv(struct tpeer *);
/* The same, but 0 too when nothing is there now. */
int	 tpeer_poll(struct tpeer *);
/* Expects a Disconnect with this reason, then the end. */
void	 tpeer_expect_disc(struct tpeer *, unsigned int disc);

struct tapp {
	int		 fd;
	uint32_t	 app;
	uint8_t		*in;
	size_t		 inlen, incap, off;
	int		 eof;
	struct app_head	 head;		/* of the last frame */
	uint8_t		*body;
	size_t		 cap;
};

void	 tapp_open(struct tapp *, uint32_t app);	/* and reads AF_WELCOME */
void	 tapp_close(struct tapp *);
void	 tapp_write(struct tapp *, const void *, size_t);
void	 tapp_send(struct tapp *, const struct app_head *, const void *body);
int	 tapp_recv(struct tapp *);	/* 1, 0 at the end */
int	 tapp_poll(struct tapp *);
/* The next, but for AF_STALLED and AF_WRITABLE, must be of this type. */
void	 tapp_expect(struct tapp *, enum app_type);
/* Attaches one version with the parent's consent as capid; reads all answers. */
void	 tapp_attach(struct tapp *, const char *name, uint32_t version,
	    uint32_t codes, enum app_policy, uint32_t capid);
/* Opens it and attaches what is shared[which]; reads the empty snapshot too. */
void	 tapp_own(struct tapp *, uint32_t app, unsigned int which,
	    enum app_policy);
void	 tapp_message(struct tapp *, uint32_t request, uint32_t peer,
	    unsigned int flags, uint32_t capid, uint32_t code, const void *, size_t);
struct app *app_of(uint32_t app);
/* A peer with the first n of shared, of which the application is told. */
void	 tpeer_up(struct tpeer *, uint32_t handle, uint32_t n, struct tapp *);
void	 request(struct tapp *, enum app_type, uint32_t req, uint32_t peer,
	    const void *data, size_t);
void	 expect_error(struct tapp *, uint32_t req, enum app_error);
/* It and its peer with "bbb" are as well as before. */
void	 still_works(struct tapp *, struct tpeer *);

/* A case with a minute for each test, and the program of one or two of them. */
TCase	*world_case(const char *name, void (*setup)(void),
	    void (*teardown)(void));
int	 world_run(const char *suite, TCase *, TCase *);

/* stall.c: peers that wait for room. */
TCase	*stall_case(void);

#endif
