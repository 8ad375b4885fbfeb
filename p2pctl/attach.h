/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_ATTACH_H
#define P2PCTL_ATTACH_H

/*
 * p2pctl attach: argv[0] is the word, then options and what to attach, as
 * NAME/VERSION:CODES. sockpath is the application socket's, or NULL for the
 * default. Returns an exit code.
 */
int	 attach_main(int argc, char *argv[], const char *sockpath);

#endif
