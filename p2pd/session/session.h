/* SPDX-License-Identifier: ISC */
#ifndef P2PD_SESSION_SESSION_H
#define P2PD_SESSION_SESSION_H

/* The session process: established peers and attached applications. */
int	 session_main(int instance);

#endif
