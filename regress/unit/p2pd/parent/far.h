/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_UNIT_P2PD_PARENT_FAR_H
#define REGRESS_UNIT_P2PD_PARENT_FAR_H

#include "common/ipc/imsg.h"
#include "p2pd/parent/parent.h"

/* A parent of its own rules, with nothing in its tables and no child started. */
void	 far_parent(void);
/*
 * The test as a child that is ready: the far end of a channel that the parent
 * has with its own rules. down is told when the channel is over, and frees it;
 * NULL: that fails the test.
 */
void	 far_join(struct child *, struct imsgbuf *far,
	    void (*down)(struct channel *, const char *why, void *child));
/* Says it, and turns the parent's loop once. fd: passed along, or -1. */
void	 far_say(struct imsgbuf *far, const struct msgdesc *, const void *body,
	    int fd);
/* 1: the next that is there after a turn, which must be this; 0: none is. */
int	 far_hear(struct imsgbuf *far, const struct msgdesc *, void *body);

#endif
