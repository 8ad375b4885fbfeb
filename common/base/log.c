/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/log.h"

static struct {
	int		 to_stderr;
	int		 verbose;
	int		 in_sink;
	const char	*proc;
	void		 (*sink)(int, const char *, void *);
	void		*sink_arg;
} lg = { .to_stderr = 1, .proc = "p2pd" };

void
log_init(int to_stderr, int verbose)
{
	lg.to_stderr = to_stderr;
	lg.verbose = verbose;
	if (!to_stderr)
		openlog("p2pd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void
log_procinit(const char *procname)
{
	lg.proc = procname;
}

void
log_setverbose(int verbose)
{
	lg.verbose = verbose;
}

int
log_getverbose(void)
{
	return lg.verbose;
}

void
log_set_sink(void (*sink)(int, const char *, void *), void *arg)
{
	lg.sink = sink;
	lg.sink_arg = arg;
}

/*
 * Unlike text_escape() leaves the backslash alone: what a peer said was
 * escaped where it came in, and would be hard to read escaped twice.
 */
static void
line_escape(char *dst, size_t dstlen, const char *src)
{
	char	*d = dst, *end = dst + dstlen - 1;

	for (; *src != '\0'; src++) {
		if (*src >= 0x20 && *src < 0x7f) {
			if (end - d < 1)
				break;
			*d++ = *src;
		} else {
			if (end - d < 4)
				break;
			snprintf(d, 5, "\\x%02x", (unsigned char)*src);
			d += 4;
		}
	}
	*d = '\0';
}

void
log_line(int pri, const char *proc, const char *line)
{
	char	 name[64], text[LOG_LINE_MAX];
	int	 saved_errno = errno;

	if (pri == LOG_DEBUG && lg.verbose == 0)
		return;
	line_escape(name, sizeof(name), proc);
	line_escape(text, sizeof(text), line);
	if (lg.to_stderr)
		fprintf(stderr, "%s: %s\n", name, text);
	else
		syslog(pri, "%s: %s", name, text);
	errno = saved_errno;
}

static void
emit(int pri, const char *line)
{
	char	 text[LOG_LINE_MAX];

	if (lg.sink == NULL) {
		log_line(pri, lg.proc, line);
		return;
	}
	/* What a sink has to say about itself would come round for ever. */
	if (lg.in_sink)
		return;
	lg.in_sink = 1;
	line_escape(text, sizeof(text), line);
	lg.sink(pri, text, lg.sink_arg);
	lg.in_sink = 0;
}

static void
vlog(int pri, const char *prefix, int err, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

static void
vlog(int pri, const char *prefix, int err, const char *fmt, va_list ap)
{
	char	 text[LOG_LINE_MAX], line[LOG_LINE_MAX + 128];
	int	 saved_errno = errno;

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	snprintf(line, sizeof(line), "%s%s%s%s", prefix, text,
	    err != 0 ? ": " : "", err != 0 ? strerror(err) : "");
	emit(pri, line);
	errno = saved_errno;
}

void
log_warn(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_ERR, "", errno, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_ERR, "", 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_INFO, "", 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list	 ap;

	if (lg.verbose == 0)
		return;
	va_start(ap, fmt);
	vlog(LOG_DEBUG, "", 0, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, "fatal: ", errno, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, "fatal: ", 0, fmt, ap);
	va_end(ap);
	exit(1);
}
