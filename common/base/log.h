/* SPDX-License-Identifier: ISC */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include <stdarg.h>

/*
 * One log per process.  The parent writes to stderr (foreground) or syslog;
 * a child installs a sink that carries the line to the parent.
 * Priorities are syslog's.  Lines are escaped: no control characters leave.
 */
#define LOG_LINE_MAX	1024	/* bytes with the NUL; longer lines are cut */

void	 log_init(int to_stderr, int verbose);
void	 log_procinit(const char *procname);
void	 log_setverbose(int);
int	 log_getverbose(void);
void	 log_set_sink(void (*)(int pri, const char *line, void *arg), void *arg);
/* Writes a line as process proc, unformatted: the parent for its children. */
void	 log_line(int pri, const char *proc, const char *line);

void	 log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void	 log_warnx(const char *, ...) __attribute__((format(printf, 1, 2)));
void	 log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
void	 log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));
/* Our own broken invariant, or rubbish from a more trusted process; exit 1. */
void	 fatal(const char *, ...) __attribute__((noreturn, format(printf, 1, 2)));
void	 fatalx(const char *, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
