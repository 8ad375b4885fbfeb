/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/crypto/secp.h"
#include "p2pctl/client.h"
#include "p2pctl/offline.h"

#define KEY_DIGITS	(2 * SECP_PRIV)
#define DEFAULT_HOST	"127.0.0.1"

#define fail	offline_fail

int
offline_fail(char *err, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(err, OFFLINE_ERRLEN, fmt, ap);
	va_end(ap);
	return EX_FAILED;
}

static json_t *
node_object(const uint8_t pub[SECP_PUB], const struct enode *host)
{
	struct enode	 e = *host;
	char		 id[2 * SECP_PUB + 1], url[ENODE_STRLEN];

	memcpy(e.id, pub, sizeof(e.id));
	if (e.host[0] == '\0')
		strlcpy(e.host, DEFAULT_HOST, sizeof(e.host));
	if (e.tcp == 0)
		e.tcp = DEFAULT_PORT;
	if (e.udp == 0)
		e.udp = e.tcp;
	return json_pack("{s:s, s:s}", "id", hex_encode(id, pub, SECP_PUB),
	    "enode", enode_format(&e, url, sizeof(url)));
}

/* Writes all of it and makes it last. 0 or -1. */
static int
write_all(int fd, const char *p, size_t n)
{
	ssize_t	 w;

	while (n > 0) {
		if ((w = write(fd, p, n)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		p += w;
		n -= (size_t)w;
	}
	return fsync(fd);
}

/* link() fails where a file, or a link to one, is in the way. */
static int
write_new(const char *path, const char *data, size_t n, char *err)
{
	char	 tmp[PATH_MAX];
	int	 fd, r;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.XXXXXXXXXX", path) >=
	    sizeof(tmp))
		return fail(err, "%s: path is too long", path);
	if ((fd = mkstemp(tmp)) == -1)
		return fail(err, "%s: %s", tmp, strerror(errno));
	if (fchmod(fd, 0600) == -1 || write_all(fd, data, n) == -1)
		r = fail(err, "%s: %s", tmp, strerror(errno));
	else if (link(tmp, path) == -1)
		r = fail(err, "%s: %s", path, strerror(errno));
	else
		r = EX_DONE;
	close(fd);
	unlink(tmp);
	if (r == EX_DONE)
		(void)sync_dir_of(path);
	return r;
}

int
key_generate(const char *path, const struct enode *host, json_t **out, char *err)
{
	uint8_t	 priv[SECP_PRIV], pub[SECP_PUB];
	char	 text[KEY_DIGITS + 1];
	int	 r;

	if (secp_keygen(priv, pub) == -1)
		return fail(err, "key generation failed");
	hex_encode(text, priv, sizeof(priv));
	/* As geth writes it: the digits and no newline. */
	r = write_new(path, text, KEY_DIGITS, err);
	explicit_bzero(priv, sizeof(priv));
	explicit_bzero(text, sizeof(text));
	if (r == EX_DONE)
		*out = node_object(pub, host);
	return r;
}

static int
check_file(const char *path, int fd, char *err)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1)
		return fail(err, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(err, "%s: not a regular file", path);
	if (st.st_uid != geteuid() && st.st_uid != 0 && geteuid() != 0)
		return fail(err, "%s: belongs to another user", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return fail(err, "%s: mode %04o lets others at the key; "
		    "chmod 0600", path, (unsigned int)st.st_mode & 07777);
	return EX_DONE;
}

static int
read_key(const char *path, int fd, uint8_t priv[SECP_PRIV], char *err)
{
	char	 text[KEY_DIGITS + 3];
	size_t	 have = 0;
	ssize_t	 n;
	int	 r = EX_DONE;

	while (have < sizeof(text) - 1 &&
	    (n = read(fd, text + have, sizeof(text) - 1 - have)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return fail(err, "%s: %s", path, strerror(errno));
		have += (size_t)n;
	}
	text[have] = '\0';
	if (have == KEY_DIGITS + 1 && text[KEY_DIGITS] == '\n')
		text[KEY_DIGITS] = '\0';
	if (strlen(text) != KEY_DIGITS ||
	    hex_decode(priv, SECP_PRIV, text) == -1)
		r = fail(err, "%s: not a key of %d hex digits", path, KEY_DIGITS);
	explicit_bzero(text, sizeof(text));
	return r;
}

int
key_load(const char *path, uint8_t priv[SECP_PRIV], char *err)
{
	int	 fd, r;

	/* O_NONBLOCK: a fifo must not hold us until it is seen to be one. */
	if ((fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK)) == -1)
		return fail(err, "%s: %s", path, errno == ELOOP ?
		    "a symbolic link, which is not followed" : strerror(errno));
	if ((r = check_file(path, fd, err)) == EX_DONE &&
	    (r = read_key(path, fd, priv, err)) == EX_DONE &&
	    secp_priv_valid(priv) == -1)
		r = fail(err, "%s: not a key of the curve", path);
	close(fd);
	return r;
}

int
key_show(const char *path, const struct enode *host, json_t **out, char *err)
{
	uint8_t	 priv[SECP_PRIV], pub[SECP_PUB];
	int	 r;

	if ((r = key_load(path, priv, err)) == EX_DONE) {
		(void)secp_pub_from_priv(pub, priv);
		*out = node_object(pub, host);
	}
	explicit_bzero(priv, sizeof(priv));
	return r;
}

int
enode_show(const struct enode *e, json_t **out)
{
	char	 id[2 * SECP_PUB + 1], url[ENODE_STRLEN];

	hex_encode(id, e->id, sizeof(e->id));
	if (e->host[0] == '\0') {
		*out = json_pack("{s:s, s:n, s:n, s:n, s:s}", "id", id, "host",
		    "tcp", "udp", "enode", enode_format(e, url, sizeof(url)));
		return EX_DONE;
	}
	*out = json_pack("{s:s, s:s, s:i, s:i, s:s}", "id", id, "host", e->host,
	    "tcp", e->tcp, "udp", e->udp, "enode",
	    enode_format(e, url, sizeof(url)));
	return EX_DONE;
}
