/* SPDX-License-Identifier: ISC */
#ifndef P2PD_RESOLVER_RESOLVER_H
#define P2PD_RESOLVER_RESOLVER_H

/* The process that looks up names. Runs to its end; the exit status. */
int	 resolver_main(int instance);

#endif
