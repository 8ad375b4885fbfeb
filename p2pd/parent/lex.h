/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_LEX_H
#define P2PD_PARENT_LEX_H

#include <stddef.h>

#include "p2pd/parent/conf.h"

/*
 * The configuration's words: comments, quotes, continued lines, macros and
 * included files are dealt with here.  Everything that is handed out lives
 * until lex_free().
 */
struct lex_word {
	struct lex_word	*chunk;		/* of the lexer: all its words */
	struct lex_word	*next;		/* of the parser: a list of words */
	const char	*file;
	int		 line;
	int		 quoted;
	int		 is_name;	/* a bare word before an equals sign */
	char		 s[];
};

enum {
	LEX_EOF = 0,
	LEX_WORD = 256,
	LEX_BAD				/* told already */
	/* else the character: newline, braces, comma, equals sign */
};

struct lex;

/*
 * Opens path; a missing file is an empty one when missing_ok.  defs is as in
 * conf_parse().  NULL after the error was told.
 */
struct lex *lex_open(const char *path, int missing_ok, char *const *defs,
	    conf_errfn, void *arg);
void	 lex_free(struct lex *);
/* The next token, and always its word: for other than LEX_WORD its look. */
int	 lex_next(struct lex *, struct lex_word **);
/* Reads on in another file, and comes back at its end. */
int	 lex_include(struct lex *, const struct lex_word *path);
/* A macro of the file, which does not go over one of -D. 0 or -1. */
int	 lex_define(struct lex *, const struct lex_word *name, const char *value);
/* "a b", where a is. */
struct lex_word *lex_join(struct lex *, const struct lex_word *a,
	    const struct lex_word *b);
/* Tells and counts an error at w. Always -1. */
int	 lex_error(struct lex *, const struct lex_word *w, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
unsigned int lex_errors(const struct lex *);

#endif
