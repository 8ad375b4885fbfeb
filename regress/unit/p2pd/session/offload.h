/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_SESSION_OFFLOAD_H
#define REGRESS_SESSION_OFFLOAD_H

#include "world.h"

/* One application, ta, and what it asks for: owning and tapping "bbb". */
extern struct tapp	 ta, tb;
extern struct tpeer	 tp;
extern uint8_t		 body[70000];

void	 offload_setup(void);
void	 offload_teardown(void);
/* Options of the next ask() or update(). */
void	 opt(uint16_t type, const void *value, size_t);
void	 opt_u32(uint16_t type, uint32_t);
void	 opt_first(uint32_t version, uint32_t code, const char *text);
/* bbb/1 and bbb/2, or any; the parent's consent, which reads AF_ATTACHED. */
void	 ask(struct tapp *, enum app_mode, enum app_policy, int any);
const struct m_app_attach *granted(struct tapp *, uint32_t capid, int resumed);
void	 counts(struct tapp *, enum app_type, uint64_t msgs, uint64_t bytes);
/* All of these. */
void	 attach(struct tapp *, enum app_mode, enum app_policy, uint32_t capid);
void	 update(uint32_t req, uint32_t capid);
/* ta is lost, which had this. */
void	 lose_app(uint32_t capid);

/* taps.c: those who watch. */
TCase	*taps_case(void);

#endif
