/* SPDX-License-Identifier: ISC */
#ifndef P2PD_CONTROL_CONTROL_H
#define P2PD_CONTROL_CONTROL_H

/*
 * The control process: holds the unix sockets, speaks to p2pctl, and lets
 * applications in as far as their hello.
 */
int	 control_main(int instance);

#endif
