/* SPDX-License-Identifier: ISC */
#ifndef P2PD_CONTROL_SERVER_H
#define P2PD_CONTROL_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "p2pd/messages.h"

struct event_base;

/*
 * What the control process does between its sockets and the parent, apart from
 * the process frame: a test gives it sockets and plays the parent.
 */
struct server;

#define SERVER_CLIENTS	64		/* at once, each of the two sockets */
#define SERVER_USER	16		/* ... the read-only one, of a user */
#define SERVER_APPS	64		/* applications before their hello */
/*
 * Bytes that a client may leave unread: the longest answer but that of all peers,
 * a full table of bans, is some 20 MB. And all clients of a socket together,
 * where those with little, 1 MiB, do not count: at most 128 MiB a socket, then.
 */
#define SERVER_OUTPUT	(32 * 1024 * 1024)
#define SERVER_OUTPUTS	(64 * 1024 * 1024)

struct server_conf {
	/* To the parent; takes fd in every case. 0 or -1. */
	int		(*send)(const struct msgdesc *, const void *body, int fd,
			    void *arg);
	void		*arg;
	uint32_t	 hello_ms;	/* for a hello to be complete */
	uint32_t	 idle_ms;	/* between a client's requests */
	uint32_t	 pause_ms;	/* of accepting, when out of descriptors */
};

/* NULL with errno when out of memory. */
struct server *server_new(struct event_base *, const struct server_conf *);
/* Closes every socket. */
void	 server_free(struct server *);
/* Takes a listening socket; 0, or -1 with errno and fd closed. */
int	 server_listen(struct server *, enum sock_kind, int fd);
/* Confined: accept from now on. */
int	 server_start(struct server *);
/* No application comes in any more; clients go on to see the end. */
void	 server_stop(struct server *);

/* From the parent, to whom they name; for one who has left they are dropped. */
void	 server_rec(struct server *, const struct ctl_rec *);
void	 server_end(struct server *, const struct ctl_end *);
/* From the parent, to all who monitor. */
void	 server_event(struct server *, const struct m_event *);

struct server_stats {
	size_t		 clients;
	size_t		 apps;		/* before their hello */
	uint64_t	 lost;		/* events not told to slow monitors */
};
void	 server_stats(const struct server *, struct server_stats *);

#endif
