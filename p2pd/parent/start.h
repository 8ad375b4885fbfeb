/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_START_H
#define P2PD_PARENT_START_H

/*
 * Runs the daemon until it is stopped; returns its exit status. conffile NULL
 * is the default file. defs: as conf_parse().
 */
int	 parent_main(const char *conffile, char *const *defs, int foreground,
	    int verbose, const char *argv0);

#endif
