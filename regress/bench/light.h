/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_BENCH_LIGHT_H
#define REGRESS_BENCH_LIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire/enode.h"
#include "common/wire/frame.h"

/*
 * A peer that is cheaper than what it measures: set up properly, it then reads
 * frames by decrypting them only, with no look at their MACs and no
 * decompression. What it sends is proper. Blocking socket; Linux, loopback.
 */
#define LIGHT_BUF	(256 * 1024)

struct light {
	int			 fd;
	struct frame_codec	*codec;	/* of what is sent */
	void			*aes;	/* of what is read */
	uint8_t			 part[32];	/* a header so far */
	size_t			 npart;
	size_t			 left;	/* of this frame's padded body and MAC */
	size_t			 data;	/* of which padded body */
	size_t			 keep;	/* of which to be kept in msg */
	int			 begun;	/* its code is known */
	uint32_t		 code;
	size_t			 len;	/* compressed, without the code */
	uint8_t			 msg[256];	/* the beginning of its data */
	size_t			 nmsg;
};

/* A connection from the i-th loopback address, non-blocking; -1 with errno. */
int	 light_connect(const struct enode *, uint32_t i);
/*
 * Connects, from the i-th loopback address, and goes as far as both Hellos,
 * with a key of its own. 0, or -1 with what failed in *why.
 */
int	 light_open(struct light *, const struct enode *, uint32_t i,
	    const char **why);
void	 light_close(struct light *);
/*
 * A message whose data is compressed already: put keeps it, until much is kept or
 * it is flushed; one link after the other. 0 or -1.
 */
int	 light_put(struct light *, uint32_t code, const void *, size_t);
int	 light_flush(struct light *);
int	 light_send(struct light *, uint32_t code, const void *, size_t);
/*
 * Takes n bytes that were read; fn is told of each whole frame: code, msg and
 * nmsg are set. Those of the base protocol are seen to here. -1: a Disconnect,
 * or out of step.
 */
int	 light_feed(struct light *, uint8_t *, size_t n,
	    void (*fn)(struct light *, void *), void *arg);

#endif
