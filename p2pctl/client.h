/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_CLIENT_H
#define P2PCTL_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/ctl/ctl.h"
#include "common/ipc/imsg.h"

/* p2pctl's exit codes; p2pctl(8) lists them. */
enum exit_code {
	EX_DONE = 0, EX_FAILED = 1, EX_USAGE_ERR = 2, EX_NODAEMON = 3,
	EX_DENIED = 4, EX_NOTFOUND = 5, EX_BUSY = 6
};

/* A connection to the daemon, one request at a time. */
struct client {
	struct imsgbuf	 ib;
	int		 fd;
	int		 greeted;
	int		 restricted;
	int		 timeout;	/* ms; see client_open() */
	char		 err[512];	/* after a failure, for people */
};

/* Milliseconds without a byte, after which the daemon is said to hang. */
#define CLIENT_TIMEOUT	10000

/* Takes a connected socket and says hello. An exit code. */
int	 client_attach(struct client *, int fd, int timeout);
/* Connects to path first. timeout, in ms, is for each step, in and out. */
int	 client_open(struct client *, const char *path, int timeout);
void	 client_close(struct client *);
/*
 * Asks, gives each record to rec, and waits for the end, whose code becomes an
 * exit code; text (of at least 256 bytes) takes what the daemon says with it.
 * rec returns -1 to stop early (EX_DONE). timeout is for the answer, which may
 * take longer than others; -1: as long as it takes.
 */
int	 client_ask(struct client *, const struct msgdesc *, const void *body,
	    int timeout, int (*rec)(const void *, size_t, void *), void *arg,
	    char *text);
int	 client_exit_code(unsigned int ctl_code);

#endif
