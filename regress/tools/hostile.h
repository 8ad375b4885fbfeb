/* SPDX-License-Identifier: ISC */
#ifndef REGRESS_TOOLS_HOSTILE_H
#define REGRESS_TOOLS_HOSTILE_H

#include "regress/tools/peer.h"

/* What a hostile peer does otherwise than a proper one. */
enum point_fault { POINT_GOOD, POINT_OFF_CURVE, POINT_OVER_P, POINT_ZERO };
enum id_fault { ID_GOOD, ID_NULL, ID_FOREIGN, ID_SHORT };
enum frame_part { PART_NONE, PART_HEADER, PART_HEADER_MAC, PART_BODY,
	PART_BODY_MAC };

struct hostile {
	int		 hs_len;	/* size announced and sent; -1 the proper one */
	int		 hs_random;	/* that many random bytes */
	enum point_fault ecies;	/* the point the packet begins with */
	enum point_fault key;	/* the key inside: auth static, ack ephemeral */
	enum id_fault	 id;
	unsigned int	 caps;		/* that many more capabilities in Hello */
	unsigned int	 dup;		/* every capability that often more */
	int		 odd;		/* odd names and versions too */
	enum frame_part	 flip;		/* one bit in the next frame, once */
	size_t		 flip_at;
};

#define HELLO_CAPS	64
struct hello_args {			/* what our Hello says */
	uint64_t	 version;
	const char	*client;
	struct {
		char		 name[64];	/* any bytes but NUL */
		uint64_t	 version;
	} caps[HELLO_CAPS];
	size_t		 ncaps;
};

void	 hostile_init(struct hostile *);
/* "name=value"; 0, or -1. */
int	 hostile_set(struct hostile *, const char *);
void	 hostile_usage(void);
/* Our auth or ack with its faults, into PEER_HS_MAX. */
int	 hostile_packet(const struct hostile *, struct peer *, uint8_t *, size_t *);
/* A Hello; *out is allocated. */
int	 hostile_hello(const struct hostile *, const struct hello_args *,
	    const uint8_t id[SECP_PUB], uint8_t **out, size_t *len);
/* Flips the bit in a sealed frame; the fault is spent. */
void	 hostile_flip(struct hostile *, uint8_t *frame, size_t len);

#endif
