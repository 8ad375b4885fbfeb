/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_UNIT_P2PD_CONTROL_PLAY_H
#define REGRESS_UNIT_P2PD_CONTROL_PLAY_H

#include <check.h>
#include <stdint.h>

#include "common/base/util.h"
#include "p2pd/control/server.h"

/*
 * A server with its three sockets in a directory of its own. The test plays
 * the parent on one side and the clients on the other.
 */
#define SENT_MAX	256

struct sent {
	uint32_t	 type;
	int		 fd;
	union {
		uint32_t		 conn;
		struct ctl_show_req	 show;
		struct ctl_monitor_req	 monitor;
		struct ctl_peer_req	 peer;
		struct m_app		 app;
	}		 body;
};

extern struct event_base	*base;
extern struct server		*server;
extern struct sent		 sent[SENT_MAX];	/* what the parent got */
extern size_t			 nsent;
extern int			 parent_full;	/* it takes nothing */

void	 play_start(uint32_t hello_ms, uint32_t idle_ms);
void	 play_setup(void);
void	 play_teardown(void);
void	 turn(void);
/* Of the socket "ctl", "ro" or "app"; the caller's next call reuses it. */
const char *sockpath(const char *name);
struct sockaddr_un;
void	 sockaddr_of(struct sockaddr_un *, const char *name);
/* A non-blocking connection. */
int	 dial(const char *name);

#define UNTIL(cond) do {						\
	uint64_t end_ = mono_ms() + 5000;				\
	while (!(cond)) {						\
		ck_assert_msg(mono_ms() < end_, "never: %s", #cond);	\
		turn();							\
	}								\
} while (0)

#endif
