/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_PARSERINT_H
#define P2PCTL_PARSERINT_H

#include "p2pctl/parser.h"

/* What the tables of commands are made of. */
enum kind {
	END,		/* of the table */
	DONE,		/* the command may end here */
	WORD,		/* this word, or a prefix of it */
	ARG,		/* any text; word says what it is */
	REST		/* all that follows, as it is */
};

struct token {
	enum kind		 kind;
	const char		*word;
	const struct token	*next;
	/* NULL, or takes the text (of a WORD the value). 0, or -1 with err. */
	int			(*take)(struct request *, const struct token *,
				    const char *, char *err);
	int			 value;
};

#define fail	parse_fail
int	 parse_fail(char *, const char *, ...)
	    __attribute__((format(printf, 2, 3)));
int	 take_action(struct request *, const struct token *, const char *,
	    char *err);

/* The end of a command. */
extern const struct token	 t_end[];
/* Commands that need no daemon. */
extern const struct token	 t_key[], t_enode[], t_enr[], t_ping[],
				 t_resolve[], t_crawl[];

#endif
