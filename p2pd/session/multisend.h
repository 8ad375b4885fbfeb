/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_MULTISEND_H
#define P2PD_SESSION_MULTISEND_H

#include <stdint.h>

#include "common/wire/app.h"

/*
 * Messages to many: what they were asked with AFL_COMPLETE is kept until the
 * last of the peers is decided.
 */
struct app;

#define MULTIS_MAX	4096		/* undecided, of one application */

/* AF_MULTISEND, its body. */
void	 multisend(struct app *, const struct app_head *, const uint8_t *body);
/* One more of the peers of this one is decided. */
void	 multisend_decided(uint32_t multi, enum app_sent outcome);
void	 multisend_cleanup(void);

#endif
