/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/stat.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "p2pd/parent/lex.h"

#define FILE_SIZE_MAX	(1024 * 1024)
#define WORD_MAX	8191
#define INCLUDE_MAX	16		/* files within files */
#define MACRO_MAX	16		/* macros within macros */

struct macro {
	struct macro	*next;
	int		 fixed;		/* from -D */
	char		*value;
	char		 name[];
};

/* A file, or the value of a macro where it was named. */
struct source {
	struct source	*outer;
	const char	*file;
	int		 line;
	int		 is_macro;
	char		*text;
	size_t		 len;
	size_t		 pos;		/* len: at the separator that ends it */
};

struct lex {
	struct source	*top;
	unsigned int	 nfiles;
	unsigned int	 nmacros;
	struct macro	*macros;
	struct lex_word	*words;
	struct lex_word	*last;		/* the newest token: where an end is */
	unsigned int	 errors;
	conf_errfn	 err;
	void		*errarg;
};

static void
tell(struct lex *l, const char *line)
{
	l->errors++;
	if (l->err != NULL)
		l->err(line, l->errarg);
	else
		log_warnx("%s", line);
}

int
lex_error(struct lex *l, const struct lex_word *w, const char *fmt, ...)
{
	va_list	 ap;
	char	 msg[512], line[LOG_LINE_MAX];

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (w->line > 0)
		snprintf(line, sizeof(line), "%s:%d: %s", w->file, w->line, msg);
	else
		snprintf(line, sizeof(line), "%s: %s", w->file, msg);
	tell(l, line);
	return -1;
}

unsigned int
lex_errors(const struct lex *l)
{
	return l->errors;
}

static struct lex_word *
word_alloc(struct lex *l, const char *file, int line, size_t len)
{
	struct lex_word	*w;

	if ((w = calloc(1, sizeof(*w) + len + 1)) == NULL)
		fatal("configuration");
	w->file = file;
	w->line = line;
	w->chunk = l->words;
	l->words = w;
	return w;
}

static struct lex_word *
word_new(struct lex *l, const char *file, int line, const char *s, size_t len)
{
	struct lex_word	*w = word_alloc(l, file, line, len);

	memcpy(w->s, s, len);
	return w;
}

struct lex_word *
lex_join(struct lex *l, const struct lex_word *a, const struct lex_word *b)
{
	struct lex_word	*w;
	size_t		 len = strlen(a->s), add = strlen(b->s);

	w = word_alloc(l, a->file, a->line, len + 1 + add);
	memcpy(w->s, a->s, len);
	w->s[len] = ' ';
	memcpy(w->s + len + 1, b->s, add);
	return w;
}

static void
push(struct lex *l, const char *file, int line, int is_macro, char *text,
    size_t len)
{
	struct source	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal("configuration");
	s->file = file;
	s->line = line;
	s->is_macro = is_macro;
	s->text = text;
	s->len = len;
	s->outer = l->top;
	l->top = s;
	if (is_macro)
		l->nmacros++;
	else
		l->nfiles++;
}

static void
pop(struct lex *l)
{
	struct source	*s = l->top;

	if (s->is_macro)
		l->nmacros--;
	else
		l->nfiles--;
	l->top = s->outer;
	free(s->text);
	free(s);
}

/* Whoever can write the file can do what the daemon can. */
static const char *
file_fault(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to another user";
	if (st->st_mode & S_IWOTH)
		return "can be written by anyone";
	if (st->st_size > FILE_SIZE_MAX)
		return "is too large";
	return NULL;
}

static char *
read_all(int fd, size_t size, size_t *len)
{
	char	*buf;
	ssize_t	 n;

	if ((buf = malloc(size + 1)) == NULL)
		return NULL;
	for (*len = 0; *len < size; *len += (size_t)n) {
		n = read(fd, buf + *len, size - *len);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1) {
			free(buf);
			return NULL;
		} else if (n == 0)
			break;
	}
	return buf;
}

/* at is what named the file, for the error. */
static int
push_file(struct lex *l, const struct lex_word *at, const char *path,
    int missing_ok)
{
	struct lex_word	*name;
	struct stat	 st;
	const char	*fault;
	char		*text = NULL;
	size_t		 len = 0;
	int		 fd;

	name = word_new(l, path, 0, path, strlen(path));
	/* Without O_NONBLOCK a fifo would hold us. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1) {
		if (errno == ENOENT && missing_ok) {
			push(l, name->s, 1, 0, NULL, 0);
			return 0;
		}
		return lex_error(l, at, "cannot open %s: %s", path,
		    strerror(errno));
	}
	if (fstat(fd, &st) == -1) {
		close(fd);
		return lex_error(l, at, "%s: %s", path, strerror(errno));
	}
	if ((fault = file_fault(&st)) != NULL) {
		close(fd);
		return lex_error(l, at, "%s %s", path, fault);
	}
	text = read_all(fd, (size_t)st.st_size, &len);
	close(fd);
	if (text == NULL)
		return lex_error(l, at, "%s: %s", path, strerror(errno));
	push(l, name->s, 1, 0, text, len);
	return 0;
}

/* A relative path is so to the file that names it. */
int
lex_include(struct lex *l, const struct lex_word *w)
{
	const char	*slash = strrchr(w->file, '/');
	char		 path[CONF_PATH_MAX];
	int		 n;

	if (l->nfiles >= INCLUDE_MAX)
		return lex_error(l, w, "files include each other too deep");
	if (w->s[0] == '/' || slash == NULL)
		n = snprintf(path, sizeof(path), "%s", w->s);
	else
		n = snprintf(path, sizeof(path), "%.*s/%s",
		    (int)(slash - w->file), w->file, w->s);
	if (n < 0 || (size_t)n >= sizeof(path))
		return lex_error(l, w, "path is too long");
	return push_file(l, w, path, 0);
}

static struct macro *
macro_find(struct lex *l, const char *name)
{
	struct macro	*m;

	for (m = l->macros; m != NULL; m = m->next)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static int
macro_name_ok(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return 0;
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			return 0;
	return 1;
}

static void
macro_set(struct lex *l, const char *name, const char *value, int fixed)
{
	struct macro	*m;
	size_t		 len = strlen(name) + 1;

	if ((m = macro_find(l, name)) == NULL) {
		if ((m = calloc(1, sizeof(*m) + len)) == NULL)
			fatal("configuration");
		memcpy(m->name, name, len);
		m->next = l->macros;
		l->macros = m;
	} else if (m->fixed && !fixed)
		return;
	free(m->value);
	if ((m->value = strdup(value)) == NULL)
		fatal("configuration");
	m->fixed = fixed;
}

int
lex_define(struct lex *l, const struct lex_word *name, const char *value)
{
	if (!macro_name_ok(name->s))
		return lex_error(l, name, "\"%s\" is no name for a macro",
		    name->s);
	macro_set(l, name->s, value, 0);
	return 0;
}

/* "name=value" of the command line. */
static int
define_arg(struct lex *l, const char *def)
{
	struct lex_word	*at, *name;
	const char	*eq = strchr(def, '=');
	size_t		 len = eq == NULL ? 0 : (size_t)(eq - def);

	at = word_new(l, "-D", 0, "", 0);
	name = word_new(l, at->file, 0, def, len);
	if (!macro_name_ok(name->s))
		return lex_error(l, at, "\"%s\" is not name=value", def);
	macro_set(l, name->s, eq + 1, 1);
	return 0;
}

struct lex *
lex_open(const char *path, int missing_ok, char *const *defs, conf_errfn err,
    void *arg)
{
	struct lex_word	*at;
	struct lex	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("configuration");
	l->err = err;
	l->errarg = arg;
	for (; defs != NULL && *defs != NULL; defs++)
		if (define_arg(l, *defs) == -1)
			goto fail;
	at = word_new(l, "configuration", 0, "", 0);
	if (push_file(l, at, path, missing_ok) == 0)
		return l;
fail:
	lex_free(l);
	return NULL;
}

void
lex_free(struct lex *l)
{
	struct lex_word	*w;
	struct macro	*m;

	if (l == NULL)
		return;
	while (l->top != NULL)
		pop(l);
	while ((m = l->macros) != NULL) {
		l->macros = m->next;
		free(m->value);
		free(m);
	}
	while ((w = l->words) != NULL) {
		l->words = w->chunk;
		free(w);
	}
	free(l);
}

/*
 * The character at hand. Every source ends with a separator of its own, so no
 * word crosses from one to the next.
 */
static int
peek(const struct lex *l)
{
	const struct source	*s = l->top;

	if (s->pos < s->len)
		return (unsigned char)s->text[s->pos];
	return s->is_macro ? ' ' : '\n';
}

static void
advance(struct lex *l)
{
	struct source	*s = l->top;

	if (s->pos >= s->len) {
		pop(l);
		return;
	}
	if (s->text[s->pos++] == '\n')
		s->line++;
}

static int
continued(const struct lex *l)
{
	const struct source	*s = l->top;

	return s->pos + 1 < s->len && s->text[s->pos] == '\\' &&
	    s->text[s->pos + 1] == '\n';
}

/* To the next token; leaves newlines, which are tokens. */
static void
skip_blank(struct lex *l)
{
	while (l->top != NULL) {
		if (continued(l)) {
			advance(l);
			advance(l);
		} else if (peek(l) == '#') {
			while (peek(l) != '\n' && l->top->pos < l->top->len)
				advance(l);
		} else if (peek(l) == ' ' || peek(l) == '\t' || peek(l) == '\r')
			advance(l);
		else
			return;
	}
}

static int
is_word_char(int c)
{
	return c > ' ' && c != 0x7f && strchr("{},=#\"\\$", c) == NULL;
}

static struct lex_word *
bare_word(struct lex *l)
{
	struct source	*s = l->top;
	struct lex_word	*w;
	size_t		 start = s->pos, i;

	while (s->pos < s->len && is_word_char(peek(l)))
		s->pos++;
	w = word_new(l, s->file, s->line, s->text + start, s->pos - start);
	for (i = s->pos; i < s->len && (s->text[i] == ' ' ||
	    s->text[i] == '\t'); i++)
		;
	w->is_name = i < s->len && s->text[i] == '=';
	return w;
}

/*
 * Within quotes a backslash keeps a quote or itself, and takes a newline
 * away.
 */
static struct lex_word *
quoted_word(struct lex *l)
{
	struct source	*s = l->top;
	struct lex_word	*w;
	char		 buf[WORD_MAX + 1];
	size_t		 n = 0;
	int		 line = s->line;
	char		 c;

	for (s->pos++; s->pos < s->len && n < WORD_MAX; s->pos++) {
		c = s->text[s->pos];
		if (continued(l)) {
			s->pos++;
			s->line++;
			continue;
		}
		if (c == '"' || ((unsigned char)c < ' ' && c != '\t'))
			break;
		if (c == '\\' && s->pos + 1 < s->len &&
		    strchr("\"\\", s->text[s->pos + 1]) != NULL)
			c = s->text[++s->pos];
		buf[n++] = c;
	}
	w = word_new(l, s->file, line, buf, n);
	w->quoted = 1;
	if (s->pos < s->len && s->text[s->pos] == '"') {
		s->pos++;
		return w;
	}
	lex_error(l, w, n == WORD_MAX ? "text is too long" :
	    "closing quote is missing");
	return NULL;
}

/* $name: its value is read next. */
static int
expand(struct lex *l)
{
	struct source	*s = l->top;
	struct lex_word	*w;
	struct macro	*m;
	size_t		 start;
	char		*text;

	start = ++s->pos;
	while (s->pos < s->len && (isalnum((unsigned char)s->text[s->pos]) ||
	    s->text[s->pos] == '_'))
		s->pos++;
	w = word_new(l, s->file, s->line, s->text + start, s->pos - start);
	if ((m = macro_find(l, w->s)) == NULL)
		return lex_error(l, w, "macro \"%s\" is not defined", w->s);
	if (l->nmacros >= MACRO_MAX)
		return lex_error(l, w, "macro \"%s\" names itself", w->s);
	if ((text = strdup(m->value)) == NULL)
		fatal("configuration");
	push(l, s->file, s->line, 1, text, strlen(text));
	return 0;
}

/* After an error nothing of the line is of use. */
static int
bad_line(struct lex *l, struct lex_word **w)
{
	while (l->top->is_macro)
		pop(l);
	while (peek(l) != '\n')
		advance(l);
	*w = word_new(l, l->top->file, l->top->line, "", 0);
	return LEX_BAD;
}

int
lex_next(struct lex *l, struct lex_word **w)
{
	char	 c;

	for (;;) {
		skip_blank(l);
		if (l->top == NULL) {
			*w = word_new(l, l->last->file, l->last->line, "", 0);
			return LEX_EOF;
		}
		if (peek(l) != '$')
			break;
		if (expand(l) == -1)
			return bad_line(l, w);
	}
	c = (char)peek(l);
	if (is_word_char((unsigned char)c)) {
		*w = bare_word(l);
		return LEX_WORD;
	}
	if (c == '"') {
		*w = quoted_word(l);
		return *w == NULL ? bad_line(l, w) : LEX_WORD;
	}
	*w = l->last = word_new(l, l->top->file, l->top->line, &c, 1);
	if (strchr("\n{},=", c) == NULL || c == '\0') {
		lex_error(l, *w, c > ' ' && c < 0x7f ? "unexpected \"%c\"" :
		    "unexpected character 0x%02x", (unsigned char)c);
		return bad_line(l, w);
	}
	advance(l);
	return c;
}
