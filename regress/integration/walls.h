/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_INTEGRATION_WALLS_H
#define REGRESS_INTEGRATION_WALLS_H

#include <stddef.h>
#include <stdint.h>

#define MAXFILES	64	/* that a trial's process may have open */

enum { PARENT, CONTROL, LISTENER, DIALER, SESSION, RESOLVER, DISCOVERY, NPROCS };

#define P	(1U << PARENT)
#define C	(1U << CONTROL)
#define L	(1U << LISTENER)
#define D	(1U << DIALER)
#define S	(1U << SESSION)
#define R	(1U << RESOLVER)
#define N	(1U << DISCOVERY)
#define ALL	(P | C | L | D | S | R | N)

/* A thing to do behind the walls, with what it prepares before they go up. */
struct trial {
	const char	*name;
	unsigned int	 who;		/* may; the others must not */
	void		 (*pre)(void);
	int		 (*fn)(void);	/* -1: it was stopped */
	uint32_t	 resolver;	/* the layer that stops the resolver */
	unsigned int	 root_skip;	/* who can by other means as root */
	unsigned int	 unseen;	/* who can where sockets' arguments hide */
};

extern const struct trial probes[], needs[];
extern const size_t nprobes, nneeds;

/* What the trials work on. */
struct ground {
	char		 dir[64];	/* scratch, writable by all */
	uint16_t	 port;		/* somebody listens, on loopback */
};
extern struct ground ground;

/* What a trial prepares before the walls go up. */
extern int pre_fd, pre_fd2;
struct sockaddr_in;
void	 loopback(struct sockaddr_in *, uint16_t port);
int	 try_connect(int fd, uint16_t port);
void	 pre_udp(void);
void	 pre_waiting(void);

void	 broken(const char *what) __attribute__((noreturn));
int	 tcp_listener(uint16_t *port);
char	*in_dir(const char *name);

#endif
