/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/crypto/secp.h"
#include "p2pd/parent/parent.h"

/* The node key, on a page of its own: locked, and left out of core dumps. */
static uint8_t *node_key;
static size_t key_page;

static int
key_room(void)
{
	void *p;

	key_page = sysconf(_SC_PAGESIZE);
	p = mmap(NULL, key_page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANON, -1, 0);
	if (p == MAP_FAILED) {
		log_warn("node key: mmap");
		return -1;
	}
	node_key = p;
	return 0;
}

void
key_guard(void)
{
	if (mlock(node_key, key_page) == -1)
		log_warn("node key: cannot lock it in memory");
#ifdef MADV_DONTDUMP
	(void)madvise(node_key, key_page, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
	/* A child that is forked for exec has no business with it either. */
	(void)madvise(node_key, key_page, MADV_WIPEONFORK);
#endif
}

void
key_wipe(void)
{
	if (node_key == NULL)
		return;
	explicit_bzero(node_key, SECP_PRIV);
	munmap(node_key, key_page);
	node_key = NULL;
}

void
key_ecdh(uint8_t secret[32], const uint8_t point[SECP_PUB])
{
	(void)secp_ecdh_x_uniform(secret, node_key, point);
}

int
key_sign_d4(const struct d4_packet *p, uint8_t buf[D4_MAX], size_t *len)
{
	return d4_sign(p, buf, len, node_key);
}

int
key_sign_record(struct enr *e, const struct enr_build *b)
{
	return enr_sign(e, b, node_key);
}

/* The checks that a secret's file must pass, on the descriptor itself. */
static int
key_file_ok(const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		log_warn("%s", path);
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		log_warnx("%s: not a regular file", path);
		return 0;
	}
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		log_warnx("%s: owned by uid %u, not by root or uid %u", path,
		    (unsigned int)st.st_uid, (unsigned int)geteuid());
		return 0;
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		log_warnx("%s: mode %04o lets others at the node key; "
		    "chmod 0600 it", path, (unsigned int)st.st_mode & 07777);
		return 0;
	}
	return 1;
}

static int
key_read(const char *path, int fd)
{
	char buf[2 * SECP_PRIV + 3];
	ssize_t n;
	int ok = -1;

	if (!key_file_ok(path, fd))
		return -1;
	n = read(fd, buf, sizeof(buf) - 1);
	if (n == -1) {
		log_warn("%s", path);
		return -1;
	}
	if (n == 2 * SECP_PRIV + 1 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	if (n != 2 * SECP_PRIV || hex_decode(node_key, SECP_PRIV, buf) == -1)
		log_warnx("%s: a node key is %d hex digits", path, 2 * SECP_PRIV);
	else if (secp_priv_valid(node_key) == -1)
		log_warnx("%s: not a valid secp256k1 key", path);
	else
		ok = 0;
	explicit_bzero(buf, sizeof(buf));
	return ok;
}

static int
write_all(int fd, const char *buf, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, buf, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		buf += n;
		len -= n;
	}
	return 0;
}

/* Makes the key and its file in one step: link(2) never replaces one. */
static int
key_create(const char *path)
{
	char tmp[CONF_PATH_MAX + 16], hex[2 * SECP_PRIV + 2];
	uint8_t pub[SECP_PUB];
	int fd, ok = -1;

	if (secp_keygen(node_key, pub) == -1) {
		log_warnx("node key: no randomness");
		return -1;
	}
	/* No name that one who died here before may have left behind. */
	snprintf(tmp, sizeof(tmp), "%s.%08x", path, arc4random());
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		log_warn("%s", tmp);
		return -1;
	}
	hex_encode(hex, node_key, SECP_PRIV);
	hex[2 * SECP_PRIV] = '\n';
	if (write_all(fd, hex, 2 * SECP_PRIV + 1) == -1 || fsync(fd) == -1)
		log_warn("%s", tmp);
	else if (link(tmp, path) == -1 || sync_dir_of(path) == -1)
		log_warn("%s", path);
	else
		ok = 0;
	explicit_bzero(hex, sizeof(hex));
	close(fd);
	unlink(tmp);
	if (ok == 0)
		log_info("new node key in %s", path);
	return ok;
}

int
key_load(const char *path, uint8_t pub[SECP_PUB])
{
	int fd, ok;

	if (key_room() == -1)
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd != -1) {
		ok = key_read(path, fd);
		close(fd);
	} else if (errno == ENOENT) {
		ok = key_create(path);
	} else {
		if (errno == ELOOP)
			log_warnx("%s: is a symbolic link, which is not followed",
			    path);
		else
			log_warn("%s", path);
		ok = -1;
	}
	if (ok == 0 && secp_pub_from_priv(pub, node_key) == -1)
		ok = -1;
	return ok;
}
