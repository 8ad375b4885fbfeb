/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_APPOPTS_H
#define P2PD_SESSION_APPOPTS_H

#include "common/wire/app.h"
#include "p2pd/messages.h"
#include "p2pd/session/budget.h"

/* The options of AF_ATTACH and AF_UPDATE. */

/* First messages, copied; one piece of memory. */
struct firsts {
	struct holder	*holder;	/* NULL: not counted */
	size_t		 size;
	uint32_t	 n;
	struct first {
		uint32_t	 version, code;
		uint32_t	 off, len;
	}		 v[APP_FIRSTS_MAX];
	uint8_t		 data[];
};

#define OPT_HAS(type)	(1U << (type))

struct app_opts {
	uint32_t	 has;		/* OPT_HAS: kinds that were there */
	uint32_t	 queue_peer, queue_app;	/* 0: the default */
	uint32_t	 handshake_ms;
	struct firsts	*firsts;
};

/*
 * Takes options apart: what is for the session, and into meta what is for the
 * parent. enum app_error, and why. Nothing is left to free unless APE_OK.
 */
int	 app_opts_parse(struct app_opts *, struct m_app_meta *meta,
	    const uint8_t *opts, size_t len, const char **why);
/* Whether the parent has to hear of an update: META_ bits. */
uint8_t	 app_opts_meta(const struct app_opts *);
/* Every first message has a code that its version has. */
int	 firsts_fit(const struct firsts *, const struct m_capver *, uint32_t n);
const struct first *firsts_find(const struct firsts *, uint32_t version);
/* Counts from now on for this holder. */
int	 firsts_hold(struct firsts *, struct holder *);
void	 firsts_free(struct firsts *);

#endif
