/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>

#include "common/base/util.h"
#include "common/wire/reason.h"
#include "p2pd/session/mux.h"
#include "p2pd/session/peer.h"
#include "p2pd/session/pressure.h"

#define PONGS_MAX	16	/* owed; then the peer has to read first */
#define DISC_UNKNOWN	(DISC_NONE - 1)

static const uint8_t	 empty_list[] = { 0xc0 };

void
peer_ping(struct peer *p, uint64_t now)
{
	p->ping_at = now + PING_MS;
	if (p->out.bytes > OUT_PONG)
		return;
	if (peer_seal(p, BASE_PING, empty_list, sizeof(empty_list)) == 0 &&
	    p->ping_sent == 0)
		p->ping_sent = now;
}

void
peer_pong(struct peer *p)
{
	while (p->pongs > 0 && p->out.bytes <= OUT_PONG) {
		if (peer_seal(p, BASE_PONG, empty_list,
		    sizeof(empty_list)) == -1)
			break;
		p->pongs--;
	}
	if (p->pongs >= PONGS_MAX)
		peer_pause(p, PAUSE_PONG);
	else if (p->pongs == 0)
		peer_resume(p, PAUSE_PONG);
}

static int
base_message(struct peer *p, uint64_t code, const uint8_t *data, size_t n,
    unsigned int *disc)
{
	switch (code) {
	case BASE_DISCONNECT:
		if (disconnect_decode(disc, data, n,
		    frame_snappy_rx(p->codec)) == -1)
			*disc = DISC_UNKNOWN;
		return REASON_REMOTE;
	case BASE_PING:
		p->pongs++;
		peer_pong(p);
		break;
	case BASE_PONG:
		if (p->ping_sent != 0)
			p->ping_ms = (uint32_t)(p->read_at - p->ping_sent);
		p->ping_sent = 0;
		break;
	}
	return REASON_NONE;
}

int
peer_message(struct peer *p, uint64_t code, uint8_t *data, size_t n,
    unsigned int *disc)
{
	struct peercap	*pc;

	if (code < BASE_LENGTH)
		return base_message(p, code, data, n, disc);
	if ((pc = mux_find(p, code)) == NULL)
		return REASON_BAD_CODE;
	return mux_message(p, pc, code, data, n);
}

static size_t
need(void *arg)
{
	struct peer	*p = arg;

	return p->has_head ? frame_rest(p->bodylen) : FRAME_HEAD;
}

static enum rb_result
ended(struct peer *p, int reason, unsigned int disc)
{
	if (reason == REASON_REMOTE)
		peer_end(p, REASON_REMOTE, disc, 1);
	else
		peer_fail(p, (unsigned int)reason);
	return RB_END;
}

static enum rb_result
unit(void *arg, uint8_t *buf, size_t len)
{
	struct peer	*p = arg;
	uint8_t		*data;
	uint64_t	 code;
	size_t		 n;
	unsigned int	 disc = DISC_NONE;
	int		 reason;

	if (!p->has_head) {
		reason = frame_open_head(p->codec, buf, &p->bodylen);
		if (reason != REASON_NONE)
			return ended(p, reason, disc);
		p->has_head = 1;
		return RB_OK;
	}
	/* once opened it could not be put back */
	if (mux_stall(p))
		return RB_WAIT;
	p->has_head = 0;
	reason = frame_open_body(p->codec, buf, p->bodylen, &code, &data, &n);
	if (reason == REASON_NONE) {
		p->read_at = mono_ms();
		reason = peer_message(p, code, data, n, &disc);
	}
	if (reason != REASON_NONE)
		return ended(p, reason, disc);
	if (p->state != PEER_UP)
		return RB_END;
	return p->pause != 0 ? RB_STOP : RB_OK;
}

const struct rb_ops	 peer_rb_ops = { need, unit };

static void
feed(struct peer *p, uint8_t *data, size_t len)
{
	enum rb_result	 r;

	p->parsing = 1;
	r = rbuf_feed(&p->rb, &peer_rb_ops, p, data, len);
	p->parsing = 0;
	if (r == RB_NOMEM)
		peer_fail(p, REASON_MEMORY);
	if (p->state != PEER_UP)
		rbuf_clear(&p->rb);
	else if (p->holder.held > TIGHT && budget_over())
		peer_pause(p, PAUSE_MEM);
}

void
peer_continue(struct peer *p)
{
	feed(p, ses.scratch, 0);
}

void
peer_readable(int fd, short what, void *arg)
{
	struct peer	*p = arg;
	size_t		 len;
	ssize_t		 n;

	if (p->state == PEER_LINGER) {
		linger_read(p);
		return;
	}
	if (p->state != PEER_UP || p->pause != 0)
		return;
	if (mux_stall(p))
		return;
	n = rbuf_read(&p->rb, fd, need(p), ses.scratch, SCRATCH, &len);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_fail(p, n == 0 || errno == ECONNRESET ? REASON_CLOSED :
		    REASON_NETWORK);
		return;
	}
	p->bytes_in += (uint64_t)n;
	ses.bytes_in += (uint64_t)n;
	feed(p, ses.scratch, len);
}
