/* SPDX-License-Identifier: ISC */
#ifndef P2PD_CONTROL_SERVERINT_H
#define P2PD_CONTROL_SERVERINT_H

#include <sys/queue.h>

#include "p2pd/control/server.h"

/* Shared by server.c, client.c and app.c only. */
struct client;
struct appconn;
struct event;

struct listener {
	TAILQ_ENTRY(listener)	 entry;
	struct server		*server;
	enum sock_kind		 kind;
	int			 fd;
	struct event		*ev;
	struct event		*pause;
};

struct server {
	struct event_base	*base;
	struct server_conf	 conf;
	TAILQ_HEAD(, listener)	 listeners;
	TAILQ_HEAD(, client)	 clients;
	TAILQ_HEAD(, appconn)	 apps;		/* oldest first */
	size_t			 nclients[2];	/* full, read-only */
	size_t			 napps;
	uint32_t		 lastconn;
	uint64_t		 lost;
	int			 running;
};

int	 server_send(struct server *, const struct msgdesc *, const void *, int fd);

/* Whose socket it is; pid 0 where the system does not say. 0 or -1. */
int	 server_peer(int fd, uint32_t *uid, uint32_t *gid, uint32_t *pid);

/* Both take fd. */
void	 client_new(struct server *, int restricted, int fd);
void	 appconn_new(struct server *, int fd);
void	 client_free(struct client *);
/* Writes what can be written at once. */
void	 client_flush(struct client *);
struct client *client_find(const struct server *, uint32_t conn);
void	 client_rec(struct client *, const struct ctl_rec *);
void	 client_end(struct client *, const struct ctl_end *);
void	 client_events(struct server *, const struct m_event *);
void	 appconn_free(struct appconn *);
/* Says why, if there is room to, and closes. */
void	 appconn_refuse(struct appconn *, enum app_error, const char *text);

#endif
