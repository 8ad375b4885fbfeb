/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <unistd.h>

#include "p2pd/session/peer.h"

/*
 * A Disconnect must arrive: closing a socket with unread input resets it, and
 * a reset overtakes what was sent. So what is queued is written, the sending
 * side shut, and what still comes is read and discarded for a while.
 */

void
linger_end(struct peer *p)
{
	if (p->state != PEER_LINGER)
		return;
	p->state = PEER_DEAD;
	TAILQ_REMOVE(&ses.lingering, p, entry);
	ses.nlinger--;
	TAILQ_INSERT_TAIL(&ses.dead, p, entry);
	turn_soon();
}

void
linger_wrote(struct peer *p)
{
	if (p->out.bytes == 0 && shutdown(p->out.fd, SHUT_WR) == -1)
		linger_end(p);
}

void
linger_read(struct peer *p)
{
	ssize_t	 n;

	n = read(p->out.fd, ses.scratch, LINGER_BYTES);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		p->drained += (uint64_t)n;
	if (n <= 0 || p->drained > LINGER_BYTES)
		linger_end(p);
}

/* Peer was put at the end of ses.lingering. */
void
linger_start(struct peer *p)
{
	if (ses.nlinger > LINGER_MAX && !ses.stopping)
		linger_end(TAILQ_FIRST(&ses.lingering));
	event_add(&p->ev_read, NULL);
	event_after(&p->ev_timer, LINGER_MS);
}
