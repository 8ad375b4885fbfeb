/* SPDX-License-Identifier: ISC */
#ifndef P2PD_CHILD_H
#define P2PD_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/channel.h"
#include "p2pd/messages.h"

struct event_base;

/*
 * What every child process shares: an event base, the channel to the parent,
 * and the two-step start.  M_INIT comes first; configuration and descriptors
 * follow; M_START confines the process, which answers M_READY and runs.
 * The log goes to the parent.
 */
enum child_state { CHILD_NEW, CHILD_CONFIG, CHILD_RUN };

/* For chan_rule.states. */
#define CHS_NEW		(1U << CHILD_NEW)
#define CHS_CONFIG	(1U << CHILD_CONFIG)
#define CHS_RUN		(1U << CHILD_RUN)

struct child_conf {
	enum proc_kind		 kind;
	/* What this child takes besides M_INIT, M_START, M_VERBOSE, M_STOP. */
	const struct chan_rule	*rules;
	size_t			 nrules;
	/* Hooks, each may be NULL. */
	/* M_INIT has come; not confined yet: open what must be opened. */
	void	(*init)(const struct m_init *, void *arg);
	/* Confined, M_READY is queued, about to loop. */
	void	(*start)(void *arg);
	/* M_STOP: may come in CHILD_RUN only. Comes at most once. */
	void	(*stop)(uint32_t grace_ms, void *arg);
	/* The parent's queue had been over CHAN_HIWAT and is short again. */
	void	(*drained)(void *arg);
	/* The parent is gone, the loop ends; nothing can be sent any more. */
	void	(*down)(void *arg);
	void	*arg;		/* of the hooks and of the rules' fn */
};

/*
 * Runs the process on PROC_CHANFD until the parent closes the channel (0) or
 * child_exit(). Returns the exit status.
 */
int	 child_run(const struct child_conf *);
/* Ends the loop after this event; what is queued to the parent is sent first. */
void	 child_exit(int status);

struct event_base *child_base(void);
struct channel *child_parent(void);
/* What M_INIT said; NULL before it. */
const struct m_init *child_init(void);
/* To the parent, as channel_send(): on -1 the caller sheds load. fd is taken. */
int	 child_send(const struct msgdesc *, const void *body, int fd);

#endif
