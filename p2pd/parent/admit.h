/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_ADMIT_H
#define P2PD_PARENT_ADMIT_H

#include <stdint.h>

#include "common/wire/reason.h"

/* All that the rules of admission look at. */
struct admit {
	int		 stopping;
	int		 inbound;
	int		 trusted;
	int		 is_static;
	int		 banned;
	int		 allowlist;	/* the mode is on */
	int		 allowed;	/* node is on the list */
	int		 connected;	/* node is a peer */
	int		 self;
	int		 cross_dial;	/* another that goes first is in
					   set-up between the two */
	int		 useless;	/* checkpoint two: nothing shared */
	int		 no_apps;	/* ... since nothing is attached */
	int		 awaited;	/* ... yet: its owner is to come back */
	uint32_t	 peers;
	uint32_t	 inbound_peers;
	uint32_t	 max_peers;
	uint32_t	 max_inbound;
};

/* Inbound share of max_peers: what the dial ratio leaves. */
uint32_t admit_max_inbound(uint32_t max_peers, uint32_t dial_ratio, int dial);
/* REASON_NONE when the connection may go on. Order: DESIGN of checkpoint one. */
enum reason admit_check1(const struct admit *);
enum reason admit_check2(const struct admit *);

#endif
