/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_ATTACHINT_H
#define P2PCTL_ATTACHINT_H

#include <sys/types.h>
#include <sys/tree.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/p2papp.h"

#define OUT_HIGH	(1024 * 1024)	/* over it the daemon is not read */
#define LINE_MAX_LEN	(34 * 1024 * 1024)	/* 16 MiB in hex and some more */

/* Bytes in a row: appended behind, taken off in front. */
struct buf {
	char	*p;
	size_t	 off, len, size;
};

/* Room for n more; where they go, or NULL. */
char	*buf_room(struct buf *, size_t n);
int	 buf_add(struct buf *, const void *, size_t);
void	 buf_drop(struct buf *, size_t n);
void	 buf_free(struct buf *);
/* n digits, an even number; 0 or -1. */
int	 unhex(uint8_t *dst, const char *src, size_t n);

struct attcap {
	char			 name[9];
	char			*json;		/* the name, quoted */
	struct p2papp_version	 v[P2PAPP_VERSIONS];
	size_t			 n;
	uint32_t		 id;
	int			 answered;
	int			 attached;
};

/* The "id" of a send whose outcome is not yet known. */
struct ident {
	RB_ENTRY(ident)	 entry;
	uint32_t	 request;
	json_t		*id;
};
RB_HEAD(idents, ident);
RB_PROTOTYPE(idents, ident, entry, ident_cmp)

/* A send that the library has no room for yet. */
struct held {
	int		 active;
	json_int_t	 line;
	uint32_t	 peer, cap, code;
	size_t		 len;
	json_t		*id;
};

struct attach {
	struct p2papp	*app;
	struct attcap	 caps[P2PAPP_CAPS];
	size_t		 ncaps;
	struct idents	 idents;
	struct buf	 in, out;
	size_t		 scanned;	/* of in: no newline before */
	int		 skipping;	/* the rest of a line that is too long */
	int		 eof;
	int		 keep;		/* goes on after the end of input */
	int		 leaving;	/* detaches, then exits */
	int		 code;		/* exit code, -1 while running */
	json_int_t	 line;
	uint64_t	 unsaid;	/* errors for which there was no room */
	struct held	 held;
	uint8_t		*data;		/* of the held send */
	size_t		 datasize;
};

/* attachin.c: takes whole lines from in, as long as the library takes sends. */
void	 input_run(struct attach *);
/* attachout.c: lines of output. */
void	 output_event(struct attach *, const struct p2papp_event *);
void	 output_error(struct attach *, const char *error, const char *text,
	    json_int_t line, uint32_t peer, json_t *id);
void	 output_unsaid(struct attach *);
const struct attcap *attcap_byname(const struct attach *, const char *);
struct attcap *attcap_byid(struct attach *, uint32_t id);

#endif
