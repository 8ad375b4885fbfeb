/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/ibuf.h"

struct ibuf *
ibuf_open(size_t len)
{
	return ibuf_dynamic(len, len);
}

struct ibuf *
ibuf_dynamic(size_t len, size_t max)
{
	struct ibuf	*b;

	if (max == 0 || len > max) {
		errno = EINVAL;
		return NULL;
	}
	if (len == 0)
		len = max < 64 ? max : 64;
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	if ((b->buf = malloc(len)) == NULL) {
		free(b);
		return NULL;
	}
	b->size = len;
	b->max = max;
	b->fd = -1;
	return b;
}

void
ibuf_free(struct ibuf *b)
{
	int	 saved_errno = errno;

	if (b == NULL)
		return;
	if (b->fd != -1)
		close(b->fd);
	/* Messages carry secrets between processes. */
	freezero(b->buf, b->size);
	free(b);
	errno = saved_errno;
}

/* Moves to a larger block by hand: realloc() would leave a copy unwiped. */
static int
grow(struct ibuf *b, size_t need)
{
	uint8_t	*p;
	size_t	 size;

	size = b->size;
	while (size < need)
		size = size > b->max / 2 ? b->max : 2 * size;
	if ((p = malloc(size)) == NULL)
		return -1;
	memcpy(p, b->buf, b->wpos);
	freezero(b->buf, b->size);
	b->buf = p;
	b->size = size;
	return 0;
}

void *
ibuf_reserve(struct ibuf *b, size_t len)
{
	void	*p;

	if (b->size == 0) {
		errno = EINVAL;
		return NULL;
	}
	if (len > b->max - b->wpos) {
		errno = ERANGE;
		return NULL;
	}
	if (len > b->size - b->wpos && grow(b, b->wpos + len) == -1)
		return NULL;
	p = b->buf + b->wpos;
	b->wpos += len;
	return p;
}

int
ibuf_add(struct ibuf *b, const void *data, size_t len)
{
	void	*p;

	if ((p = ibuf_reserve(b, len)) == NULL)
		return -1;
	if (len != 0)
		memcpy(p, data, len);
	return 0;
}

int
ibuf_add_ibuf(struct ibuf *b, const struct ibuf *from)
{
	return ibuf_add(b, ibuf_data(from), ibuf_size(from));
}

int
ibuf_add_zero(struct ibuf *b, size_t len)
{
	void	*p;

	if ((p = ibuf_reserve(b, len)) == NULL)
		return -1;
	memset(p, 0, len);
	return 0;
}

static int
add_int(struct ibuf *b, uint64_t v, unsigned int bytes)
{
	uint8_t		 n[8];
	unsigned int	 i;

	if (bytes < 8 && v >> (8 * bytes) != 0) {
		errno = ERANGE;
		return -1;
	}
	for (i = bytes; i > 0; i--, v >>= 8)
		n[i - 1] = (uint8_t)v;
	return ibuf_add(b, n, bytes);
}

int
ibuf_add_n8(struct ibuf *b, uint64_t v)
{
	return add_int(b, v, 1);
}

int
ibuf_add_n16(struct ibuf *b, uint64_t v)
{
	return add_int(b, v, 2);
}

int
ibuf_add_n32(struct ibuf *b, uint64_t v)
{
	return add_int(b, v, 4);
}

int
ibuf_add_n64(struct ibuf *b, uint64_t v)
{
	return add_int(b, v, 8);
}

void *
ibuf_seek(struct ibuf *b, size_t pos, size_t len)
{
	if (pos > ibuf_size(b) || len > ibuf_size(b) - pos) {
		errno = ERANGE;
		return NULL;
	}
	return b->buf + b->rpos + pos;
}

int
ibuf_set(struct ibuf *b, size_t pos, const void *data, size_t len)
{
	void	*p;

	if (b->size == 0) {
		errno = EINVAL;
		return -1;
	}
	if ((p = ibuf_seek(b, pos, len)) == NULL)
		return -1;
	if (len != 0)
		memcpy(p, data, len);
	return 0;
}

int
ibuf_truncate(struct ibuf *b, size_t len)
{
	if (len > ibuf_size(b))
		return ibuf_add_zero(b, len - ibuf_size(b));
	b->wpos = b->rpos + len;
	return 0;
}

void *
ibuf_data(const struct ibuf *b)
{
	return b->buf + b->rpos;
}

size_t
ibuf_size(const struct ibuf *b)
{
	return b->wpos - b->rpos;
}

size_t
ibuf_left(const struct ibuf *b)
{
	return b->size == 0 ? 0 : b->max - b->wpos;
}

void
ibuf_rewind(struct ibuf *b)
{
	b->rpos = 0;
}

void
ibuf_from_buffer(struct ibuf *b, void *data, size_t len)
{
	memset(b, 0, sizeof(*b));
	b->buf = data;
	b->wpos = len;
	b->fd = -1;
}

void
ibuf_from_ibuf(struct ibuf *b, const struct ibuf *from)
{
	ibuf_from_buffer(b, ibuf_data(from), ibuf_size(from));
}

int
ibuf_get(struct ibuf *b, void *data, size_t len)
{
	if (len > ibuf_size(b)) {
		errno = EBADMSG;
		return -1;
	}
	if (len != 0)
		memcpy(data, ibuf_data(b), len);
	b->rpos += len;
	return 0;
}

static int
get_int(struct ibuf *b, uint64_t *v, unsigned int bytes)
{
	uint8_t		 n[8];
	unsigned int	 i;

	if (ibuf_get(b, n, bytes) == -1)
		return -1;
	for (*v = 0, i = 0; i < bytes; i++)
		*v = *v << 8 | n[i];
	return 0;
}

int
ibuf_get_n8(struct ibuf *b, uint8_t *v)
{
	return ibuf_get(b, v, 1);
}

int
ibuf_get_n16(struct ibuf *b, uint16_t *v)
{
	uint64_t	 n;

	if (get_int(b, &n, 2) == -1)
		return -1;
	*v = (uint16_t)n;
	return 0;
}

int
ibuf_get_n32(struct ibuf *b, uint32_t *v)
{
	uint64_t	 n;

	if (get_int(b, &n, 4) == -1)
		return -1;
	*v = (uint32_t)n;
	return 0;
}

int
ibuf_get_n64(struct ibuf *b, uint64_t *v)
{
	uint64_t	 n;

	if (get_int(b, &n, 8) == -1)
		return -1;
	*v = n;
	return 0;
}

int
ibuf_get_ibuf(struct ibuf *b, size_t len, struct ibuf *out)
{
	if (len > ibuf_size(b)) {
		errno = EBADMSG;
		return -1;
	}
	ibuf_from_buffer(out, ibuf_data(b), len);
	b->rpos += len;
	return 0;
}

int
ibuf_skip(struct ibuf *b, size_t len)
{
	if (len > ibuf_size(b)) {
		errno = EBADMSG;
		return -1;
	}
	b->rpos += len;
	return 0;
}

int
ibuf_fd_avail(const struct ibuf *b)
{
	return b->fd != -1;
}

int
ibuf_fd_get(struct ibuf *b)
{
	int	 fd = b->fd;

	b->fd = -1;
	return fd;
}

void
ibuf_fd_set(struct ibuf *b, int fd)
{
	if (b->fd != -1)
		close(b->fd);
	b->fd = fd;
}
