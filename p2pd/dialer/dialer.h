/* SPDX-License-Identifier: ISC */
#ifndef P2PD_DIALER_DIALER_H
#define P2PD_DIALER_DIALER_H

/* The process that makes connections. Runs to its end; the exit status. */
int	 dialer_main(int instance);

#endif
