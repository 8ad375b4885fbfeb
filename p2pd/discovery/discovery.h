/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DISCOVERY_DISCOVERY_H
#define P2PD_DISCOVERY_DISCOVERY_H

/* The process that finds nodes. Runs to its end; the exit status. */
int	 discovery_main(int instance);

#endif
