/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "p2pctl/format.h"

#define ID_SHOWN	16

char *
text_safe(char *dst, size_t len, const char *src)
{
	static const char	 hex[] = "0123456789abcdef";
	size_t			 n = 0;
	unsigned char		 c;

	for (; *src != '\0'; src++) {
		c = (unsigned char)*src;
		if (c >= 0x20 && c < 0x7f) {
			if (n + 1 >= len)
				break;
			dst[n++] = (char)c;
		} else {
			if (n + 4 >= len)
				break;
			dst[n++] = '\\';
			dst[n++] = 'x';
			dst[n++] = hex[c >> 4];
			dst[n++] = hex[c & 15];
		}
	}
	dst[n] = '\0';
	return dst;
}

char *
format_bytes(char *dst, size_t len, int64_t v)
{
	static const char	 units[] = "KMGTPE";
	double			 d = (double)v;
	int			 u = -1;

	if (v < 1024) {
		snprintf(dst, len, "%" PRId64 "B", v);
		return dst;
	}
	while (d >= 1023.95 && u < 5) {
		d /= 1024;
		u++;
	}
	snprintf(dst, len, "%.1f%c", d, units[u]);
	return dst;
}

char *
format_ms(char *dst, size_t len, int64_t ms)
{
	int64_t	 s = ms / 1000;

	if (ms < 1000)
		snprintf(dst, len, "%" PRId64 "ms", ms);
	else if (s < 60)
		snprintf(dst, len, "%" PRId64 "s", s);
	else if (s < 3600)
		snprintf(dst, len, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(dst, len, "%" PRId64 "h%02" PRId64 "m", s / 3600,
		    s / 60 % 60);
	else
		snprintf(dst, len, "%" PRId64 "d%02" PRId64 "h", s / 86400,
		    s / 3600 % 24);
	return dst;
}

char *
format_id(char *dst, size_t len, const char *hex)
{
	char	 id[ID_SHOWN + 1];

	snprintf(id, sizeof(id), "%s", hex);
	return text_safe(dst, len, id);
}
