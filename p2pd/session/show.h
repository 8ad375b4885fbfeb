/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_SHOW_H
#define P2PD_SESSION_SHOW_H

#include <stddef.h>
#include <stdint.h>

#include "p2pd/messages.h"

struct peer;
struct peercap;

/* M_SHOW: answered as fast as the parent's queue takes it. */
void	 show_start(const struct m_show *);
/* Goes on with what waits. */
void	 show_continue(void);
/* This peer leaves the list that shows walk along. */
void	 show_forget(struct peer *);
void	 show_cleanup(void);
/* A message event for those who monitor; lost when the parent is behind. */
void	 show_message(const struct peer *, const struct peercap *, uint32_t code,
	    size_t size, const char *direction);

#endif
