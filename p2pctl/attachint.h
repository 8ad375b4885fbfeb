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

/* The "id" of a request whose outcome is not yet known. */
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
	int		 many;		/* to all that what says */
	json_int_t	 line;
	uint32_t	 peer, cap, code;
	unsigned int	 flags;
	struct p2papp_many what;
	uint32_t	*peers;		/* of what */
	size_t		 len;
	json_t		*id;
};

enum restart { RESTART_NEVER, RESTART_FAILURE, RESTART_ALWAYS };

/* What -- starts, with a pipe to its input and one from its output. */
struct program {
	char		**argv;		/* NULL: none, we are the program */
	enum restart	 restart;
	uint32_t	 limit;		/* of restarts in a row */
	uint32_t	 fails;
	pid_t		 pid;		/* 0: not running */
	int		 status;	/* of the last, as of a shell */
	uint64_t	 started;
	uint64_t	 again;		/* when to start it anew; 0: not now */
};

struct attach {
	struct p2papp	*app;
	struct attcap	 caps[P2PAPP_CAPS];
	size_t		 ncaps;
	int		 tap;
	enum p2papp_policy policy;
	const char	*sockpath, *name;
	struct p2papp_options *options;
	uint8_t		 token[P2PAPP_TOKEN];
	int		 has_token;
	struct program	 prog;
	int		 rfd, wfd;	/* where lines come from and go to */
	uint64_t	 stuck;		/* since when neither side goes on; or 0 */
	uint64_t	 shed;		/* messages dropped for that */
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

/* attach.c: attaches all that was asked for, at a new connection; exit code. */
int	 attach_open(struct attach *);

/* attachargs.c: the command line; an exit code. */
int	 attach_args(struct attach *, int argc, char *argv[]);

/* attachprog.c: a program with a restart policy. */
int	 program_start(struct attach *);
int	 program_fd(void);	/* to be polled: one has ended, or we shall */
void	 program_check(struct attach *);
int	 program_timeout(const struct attach *);	/* ms, -1 never */
/* All it said is done: 1 when it is to be started again, 0 to leave. */
int	 program_over(struct attach *);
void	 program_end(struct attach *);

/* attachopt.c: options from JSON; NULL and a text when they are malformed. */
#define OPTIONS_ERRLEN	96
struct p2papp_options *options_parse(json_t *, char why[OPTIONS_ERRLEN]);
/* "0x0102" as bytes to be freed; NULL when it is not that. */
uint8_t	*hex_value(const json_t *, size_t *len);

/* attachin.c: takes whole lines from in, as long as the library takes sends. */
void	 input_run(struct attach *);
void	 malformed(struct attach *, const char *why);
/* What the library did not take of a request, errno set. */
void	 request_failed(struct attach *, json_int_t line, uint32_t peer,
	    json_t *id);
/* To be found again with the answer; takes no reference of its own if NULL. */
void	 ident_add(struct attach *, uint32_t request, json_t *id);
int	 in_u32(json_int_t);
/* attachreq.c: a request of this name, other than a send. 0 if there is none. */
int	 request_run(struct attach *, const char *name, json_t *);
/* attachout.c: lines of output. */
void	 output_event(struct attach *, const struct p2papp_event *);
void	 output_error(struct attach *, const char *error, const char *text,
	    json_int_t line, uint32_t peer, json_t *id);
void	 output_unsaid(struct attach *);
const struct attcap *attcap_byname(const struct attach *, const char *);
struct attcap *attcap_byid(struct attach *, uint32_t id);

#endif
