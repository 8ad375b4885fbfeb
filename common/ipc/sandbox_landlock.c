/* SPDX-License-Identifier: ISC */
#include "config.h"

#ifdef __linux__

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/ipc/sandbox.h"

/*
 * The kernel's interface by hand: the headers of a system may be older than
 * its kernel, and what the kernel does not know is masked by its ABI.
 */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset	444
#define SYS_landlock_add_rule		445
#define SYS_landlock_restrict_self	446
#endif

#define CREATE_VERSION	1U

#define RULE_PATH	1
#define RULE_PORT	2

#define FS_READ_FILE	(UINT64_C(1) << 2)
#define FS_READ_DIR	(UINT64_C(1) << 3)
#define FS_ABI1		((UINT64_C(1) << 13) - 1)
#define FS_REFER	(UINT64_C(1) << 13)	/* ABI 2 */
#define FS_TRUNCATE	(UINT64_C(1) << 14)	/* ABI 3 */
#define FS_IOCTL_DEV	(UINT64_C(1) << 15)	/* ABI 5 */

#define NET_BIND_TCP	(UINT64_C(1) << 0)	/* ABI 4 */
#define NET_CONNECT_TCP	(UINT64_C(1) << 1)

#define SCOPE_ABSTRACT	(UINT64_C(1) << 0)	/* ABI 6 */
#define SCOPE_SIGNAL	(UINT64_C(1) << 1)

struct ruleset_attr {
	uint64_t	 fs;
	uint64_t	 net;
	uint64_t	 scoped;
};

struct path_attr {
	uint64_t	 access;
	int32_t		 fd;
} __attribute__((packed));

struct port_attr {
	uint64_t	 access;
	uint64_t	 port;
};

static int
add_paths(int rs, const char *const *path)
{
	struct path_attr	 pa;
	int			 rc;

	for (; path != NULL && *path != NULL; path++) {
		pa.access = FS_READ_FILE | FS_READ_DIR;
		/* Each system has some of them. */
		if ((pa.fd = open(*path, O_PATH | O_CLOEXEC)) == -1)
			continue;
		rc = (int)syscall(SYS_landlock_add_rule, rs, RULE_PATH, &pa, 0);
		close(pa.fd);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int
add_port(int rs, uint16_t port)
{
	struct port_attr	 pa = { NET_CONNECT_TCP, port };

	return (int)syscall(SYS_landlock_add_rule, rs, RULE_PORT, &pa, 0);
}

int
sandbox_landlock(const struct proc_profile *p, uint32_t *active, uint16_t *abi)
{
	struct ruleset_attr	 ra = { 0 };
	long			 v;
	int			 rs;

	v = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	if (v < 1)
		return 0;
	*abi = (uint16_t)v;
	ra.fs = FS_ABI1 | (v >= 2 ? FS_REFER : 0) | (v >= 3 ? FS_TRUNCATE : 0) |
	    (v >= 5 ? FS_IOCTL_DEV : 0);
	if (v >= 4)
		ra.net = NET_BIND_TCP | (p->connects ? 0 : NET_CONNECT_TCP);
	if (v >= 6)
		ra.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	/* Fields that an old kernel does not know are zero, as it demands. */
	rs = (int)syscall(SYS_landlock_create_ruleset, &ra, sizeof(ra), 0);
	if (rs == -1)
		return 0;
	if (add_paths(rs, p->readable) == -1 ||
	    (ra.net != 0 && !p->connects && p->connect_port != 0 &&
	    add_port(rs, p->connect_port) == -1) ||
	    syscall(SYS_landlock_restrict_self, rs, 0) == -1) {
		close(rs);
		return 0;
	}
	close(rs);
	*active |= PROC_L_LANDLOCK;
	if (ra.net != 0)
		*active |= PROC_L_LANDNET;
	if (ra.scoped != 0)
		*active |= PROC_L_LANDSCOPE;
	return 1;
}

#endif
