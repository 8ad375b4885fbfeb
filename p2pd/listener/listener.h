/* SPDX-License-Identifier: ISC */
#ifndef P2PD_LISTENER_LISTENER_H
#define P2PD_LISTENER_LISTENER_H

/* The process that accepts connections. Runs to its end; the exit status. */
int	 listener_main(int instance);

#endif
