/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/util.h"

static const char hexdigits[] = "0123456789abcdef";

uint64_t
mono_us(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
mono_ms(void)
{
	return mono_us() / 1000;
}

char *
hex_encode(char *dst, const void *src, size_t n)
{
	const uint8_t	*p = src;
	size_t		 i;

	for (i = 0; i < n; i++) {
		dst[2 * i] = hexdigits[p[i] >> 4];
		dst[2 * i + 1] = hexdigits[p[i] & 15];
	}
	dst[2 * n] = '\0';
	return dst;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
hex_decode(void *dst, size_t n, const char *src)
{
	uint8_t	*p = dst;
	size_t	 i;
	int	 hi, lo;

	if (src[0] == '0' && (src[1] == 'x' || src[1] == 'X'))
		src += 2;
	for (i = 0; i < n; i++) {
		/* A NUL is no digit, so a short string ends here. */
		if ((hi = hex_value(src[2 * i])) == -1 ||
		    (lo = hex_value(src[2 * i + 1])) == -1)
			return -1;
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	return src[2 * n] == '\0' ? 0 : -1;
}

char *
text_escape(char *dst, size_t dstlen, const void *src, size_t n)
{
	const uint8_t	*p = src;
	char		*d = dst;
	size_t		 i, left;

	if (dstlen == 0)
		return dst;
	left = dstlen - 1;
	for (i = 0; i < n; i++) {
		if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\') {
			if (left < 1)
				break;
			*d++ = (char)p[i];
			left--;
		} else {
			/* An escape goes in whole or not at all. */
			if (left < 4)
				break;
			*d++ = '\\';
			*d++ = 'x';
			*d++ = hexdigits[p[i] >> 4];
			*d++ = hexdigits[p[i] & 15];
			left -= 4;
		}
	}
	*d = '\0';
	return dst;
}

void
bucket_init(struct bucket *b, double rate, double burst, uint64_t now_us)
{
	b->last_us = now_us;
	b->level = burst;
	b->rate = rate;
	b->burst = burst;
}

static void
fill(struct bucket *b, uint64_t now_us)
{
	if (now_us <= b->last_us)
		return;
	b->level += (double)(now_us - b->last_us) * b->rate / 1e6;
	if (b->level > b->burst)
		b->level = b->burst;
	b->last_us = now_us;
}

uint64_t
bucket_owe(struct bucket *b, double n, uint64_t now_us)
{
	fill(b, now_us);
	b->level -= n;
	return b->level >= 0 ? 0 : (uint64_t)(-b->level * 1e3 / b->rate) + 1;
}

int
bucket_take(struct bucket *b, double n, uint64_t now_us)
{
	fill(b, now_us);
	if (b->level < n)
		return 0;
	b->level -= n;
	return 1;
}

int
sync_dir_of(const char *path)
{
	const char	*slash = strrchr(path, '/');
	size_t		 len = slash == NULL ? 1 : (size_t)(slash - path);
	char		 dir[4096];
	int		 fd, ret, saved;

	if (len == 0)
		len = 1;
	if (len >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, slash == NULL ? "." : path, len);
	dir[len] = '\0';
	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	ret = fsync(fd);
	saved = errno;
	close(fd);
	/* Not every file system can, nor needs to. */
	if (ret == -1 && saved == EINVAL)
		return 0;
	errno = saved;
	return ret;
}

int
std_fds_open(void)
{
	int	 fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null", O_RDONLY) != fd)
			return -1;
	}
	return 0;
}
