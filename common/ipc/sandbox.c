/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/ipc/sandbox.h"

struct confine {
	const struct proc_profile	*profile;
	const struct proc_opts		*opts;
	struct proc_layers		*layers;
	char				*why;
	size_t				 whylen;
};

/* What a layer's function returns. */
enum outcome {
	LAYER_ACTIVE,
	LAYER_ABSENT,		/* cannot be had; errno may say why */
	LAYER_SKIPPED,		/* not asked for: absent, and no error */
	LAYER_FAILED		/* an error whatever is required; why is set */
};

static enum outcome
failed(struct confine *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static enum outcome
failed(struct confine *c, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(c->why, c->whylen, fmt, ap);
	va_end(ap);
	return LAYER_FAILED;
}

static int
dir_is_empty(int fd)
{
	struct dirent	*de;
	DIR		*d;
	int		 n = 0, fd2;

	if ((fd2 = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return 0;
	if ((d = fdopendir(fd2)) == NULL) {
		close(fd2);
		return 0;
	}
	while ((de = readdir(d)) != NULL)
		n++;
	closedir(d);
	return n <= 2;
}

/* A root to be locked up in: nobody but root may put anything there. */
static enum outcome
enter_chroot(struct confine *c, int fd)
{
	const char	*path = c->opts->chroot;
	struct stat	 st;

	if (fstat(fd, &st) == -1)
		return failed(c, "chroot: %s: %s", path, strerror(errno));
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return failed(c, "chroot: %s: must be root's, and writable by "
		    "nobody else", path);
	if (!dir_is_empty(fd))
		return failed(c, "chroot: %s: is not empty", path);
	if (fchdir(fd) == -1 || chroot(".") == -1 || chdir("/") == -1)
		return failed(c, "chroot: %s: %s", path, strerror(errno));
	return LAYER_ACTIVE;
}

static enum outcome
layer_chroot(struct confine *c)
{
	const char	*path = c->opts->chroot;
	enum outcome	 out;
	int		 fd;

	if (path == NULL || path[0] == '\0')
		return LAYER_SKIPPED;
	if (geteuid() != 0) {
		errno = EPERM;
		return LAYER_ABSENT;
	}
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC)) == -1)
		return failed(c, "chroot: %s: %s", path, strerror(errno));
	out = enter_chroot(c, fd);
	close(fd);
	return out;
}

static enum outcome
layer_uid(struct confine *c)
{
	gid_t	 gid = (gid_t)c->opts->gid;
	uid_t	 uid = (uid_t)c->opts->uid;

	if (c->opts->uid == PROC_STAY)
		return LAYER_SKIPPED;
	if (geteuid() != 0) {
		errno = EPERM;
		return LAYER_ABSENT;
	}
	if (uid == 0 || c->opts->gid == 0 || c->opts->gid == PROC_STAY)
		return failed(c, "uid: %u:%u is no unprivileged user",
		    c->opts->uid, c->opts->gid);
	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return failed(c, "uid: %s", strerror(errno));
	if (setuid(0) != -1 || getuid() != uid || geteuid() != uid ||
	    getegid() != gid)
		return failed(c, "uid: the way back to root is open");
	return LAYER_ACTIVE;
}

static enum outcome
limit(struct confine *c, const char *name, int resource, rlim_t n)
{
	struct rlimit	 rl = { n, n }, old;

	if (getrlimit(resource, &old) == 0 && old.rlim_max < n)
		rl.rlim_cur = rl.rlim_max = old.rlim_max;
	if (setrlimit(resource, &rl) == -1)
		return failed(c, "rlimits: %s: %s", name, strerror(errno));
	return LAYER_ACTIVE;
}

static enum outcome
layer_rlimits(struct confine *c)
{
	if (limit(c, "core", RLIMIT_CORE, 0) != LAYER_ACTIVE)
		return LAYER_FAILED;
	if (c->opts->maxfiles != 0 &&
	    limit(c, "nofile", RLIMIT_NOFILE, c->opts->maxfiles) != LAYER_ACTIVE)
		return LAYER_FAILED;
	if (c->profile->forks)
		return LAYER_ACTIVE;
#ifndef P2PD_SANITIZERS
	/* A sanitizer reports into files and starts a thread at exit. */
	if (limit(c, "nproc", RLIMIT_NPROC, 0) != LAYER_ACTIVE ||
	    limit(c, "fsize", RLIMIT_FSIZE, c->profile->fsize) != LAYER_ACTIVE)
		return LAYER_FAILED;
#endif
	return LAYER_ACTIVE;
}

#ifdef __linux__
/* The parent's: to set its children up and, later, to bind and to end them. */
#define KEEP_CAPS	(UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID | \
	UINT64_C(1) << CAP_SYS_CHROOT | UINT64_C(1) << CAP_KILL | \
	UINT64_C(1) << CAP_NET_BIND_SERVICE)

static enum outcome
layer_caps(struct confine *c)
{
	struct __user_cap_header_struct	 hdr = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct	 data[2];
	uint64_t			 keep, have;
	int				 i;

	keep = c->profile->forks ? KEEP_CAPS : 0;
	if (syscall(SYS_capget, &hdr, data) == -1)
		return LAYER_ABSENT;
	have = data[0].permitted | (uint64_t)data[1].permitted << 32;
	/* Ours alone can leave the bounding set; others have none to regain. */
	for (i = 0; i < 64 && (have & UINT64_C(1) << CAP_SETPCAP); i++) {
		if ((keep & UINT64_C(1) << i) == 0 &&
		    prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	keep &= have;
	memset(data, 0, sizeof(data));
	data[0].permitted = data[0].effective = (uint32_t)keep;
	data[1].permitted = data[1].effective = (uint32_t)(keep >> 32);
	if (syscall(SYS_capset, &hdr, data) == -1)
		return failed(c, "caps: %s", strerror(errno));
	return LAYER_ACTIVE;
}

static enum outcome
layer_nodump(struct confine *c)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return failed(c, "nodump: %s", strerror(errno));
	return LAYER_ACTIVE;
}

static enum outcome
layer_nnp(struct confine *c)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ?
	    LAYER_ABSENT : LAYER_ACTIVE;
}

static enum outcome
layer_landlock(struct confine *c)
{
	return sandbox_landlock(c->profile, &c->layers->active,
	    &c->layers->landlock_abi) ? LAYER_ACTIVE : LAYER_ABSENT;
}

/* Come with Landlock's rule set, or not. */
static enum outcome
layer_landlock_part(struct confine *c, uint32_t bit)
{
	return c->layers->active & bit ? LAYER_ACTIVE : LAYER_SKIPPED;
}

static enum outcome
layer_landnet(struct confine *c)
{
	return layer_landlock_part(c, PROC_L_LANDNET);
}

static enum outcome
layer_landscope(struct confine *c)
{
	return layer_landlock_part(c, PROC_L_LANDSCOPE);
}

static enum outcome
layer_seccomp(struct confine *c)
{
#if defined(P2PD_SANITIZERS)
	c->layers->unavailable |= PROC_L_SANITIZER;
	errno = ENOTSUP;
	return LAYER_ABSENT;
#elif !defined(KNOWN_SYSCALLS)
	errno = ENOTSUP;	/* configure knows no filter for this machine */
	return LAYER_ABSENT;
#else
	return sandbox_seccomp(c->profile) ? LAYER_ACTIVE : LAYER_ABSENT;
#endif
}
#endif

#ifdef HAVE_UNVEIL
static enum outcome
layer_unveil(struct confine *c)
{
	/* A resolver's files are in its promise. */
	if (unveil("/", "") == -1 || unveil(NULL, NULL) == -1)
		return failed(c, "unveil: %s", strerror(errno));
	return LAYER_ACTIVE;
}
#endif

#ifdef HAVE_PLEDGE
static enum outcome
layer_pledge(struct confine *c)
{
	if (pledge(c->profile->pledge, NULL) == -1)
		return failed(c, "pledge: %s", strerror(errno));
	return LAYER_ACTIVE;
}
#endif

/* In the order in which they go up: each needs what a later one takes away. */
static const struct layer {
	uint32_t	 bit;
	const char	*name;
	int		 always;	/* even with the sandbox off */
	enum outcome	 (*fn)(struct confine *);
} layers[] = {
	{ PROC_L_CHROOT, "chroot", 1, layer_chroot },
	{ PROC_L_UID, "uid", 1, layer_uid },
#ifdef __linux__
	{ PROC_L_NODUMP, "nodump", 1, layer_nodump },
	{ PROC_L_CAPS, "caps", 0, layer_caps },
	{ PROC_L_NNP, "no_new_privs", 0, layer_nnp },
#endif
	{ PROC_L_RLIMITS, "rlimits", 0, layer_rlimits },
#ifdef __linux__
	{ PROC_L_LANDLOCK, "landlock", 0, layer_landlock },
	{ PROC_L_LANDNET, "landlock-net", 0, layer_landnet },
	{ PROC_L_LANDSCOPE, "landlock-scope", 0, layer_landscope },
	{ PROC_L_SECCOMP, "seccomp", 0, layer_seccomp },
#endif
#ifdef HAVE_UNVEIL
	{ PROC_L_UNVEIL, "unveil", 0, layer_unveil },
#endif
#ifdef HAVE_PLEDGE
	{ PROC_L_PLEDGE, "pledge", 0, layer_pledge },
#endif
};

void
proc_nodump(void)
{
#ifdef __linux__
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static int
put_up(struct confine *c, const struct layer *l)
{
	enum outcome	 out;

	errno = 0;
	if (!l->always && c->opts->sandbox == PROC_SANDBOX_OFF) {
		c->layers->unavailable |= PROC_L_OFF;
		out = LAYER_SKIPPED;
	} else
		out = l->fn(c);
	switch (out) {
	case LAYER_ACTIVE:
		c->layers->active |= l->bit;
		return 0;
	case LAYER_FAILED:
		return -1;
	case LAYER_ABSENT:
		if (c->opts->sandbox == PROC_SANDBOX_REQUIRE) {
			snprintf(c->why, c->whylen, "%s is required: %s",
			    l->name, errno != 0 ? strerror(errno) : "not here");
			return -1;
		}
		break;
	case LAYER_SKIPPED:
		break;
	}
	c->layers->unavailable |= l->bit;
	return 0;
}

int
proc_confine(const struct proc_profile *profile, const struct proc_opts *opts,
    struct proc_layers *out, char *why, size_t whylen)
{
	struct confine	 c = { profile, opts, out, why, whylen };
	size_t		 i;

	memset(out, 0, sizeof(*out));
	if (whylen > 0)
		why[0] = '\0';
	for (i = 0; i < nitems_of(layers); i++) {
		if ((profile->layers & layers[i].bit) != 0 &&
		    put_up(&c, &layers[i]) == -1)
			return -1;
	}
	return 0;
}

static size_t
append(char *buf, size_t len, size_t at, const char *sep, const char *word)
{
	int	 n;

	if (at >= len)
		return at;
	n = snprintf(buf + at, len - at, "%s%s", sep, word);
	return n < 0 ? at : at + (size_t)n;
}

char *
proc_layers_format(const struct proc_layers *l, char *buf, size_t len)
{
	char		 word[32];
	const char	*sep = "";
	size_t		 i, at = 0;

	if (len == 0)
		return buf;
	buf[0] = '\0';
	for (i = 0; i < nitems_of(layers); i++) {
		if ((l->active & layers[i].bit) == 0)
			continue;
		if (layers[i].bit == PROC_L_LANDLOCK)
			snprintf(word, sizeof(word), "landlock/%u",
			    (unsigned)l->landlock_abi);
		else
			snprintf(word, sizeof(word), "%s", layers[i].name);
		at = append(buf, len, at, sep, word);
		sep = " ";
	}
	if (at == 0)
		at = append(buf, len, at, "", "none");
	sep = "; without ";
	for (i = 0; i < nitems_of(layers); i++) {
		if ((l->unavailable & layers[i].bit) == 0)
			continue;
		at = append(buf, len, at, sep, layers[i].name);
		sep = " ";
	}
	if (l->unavailable & PROC_L_SANITIZER)
		at = append(buf, len, at, " ", "(sanitizer build)");
	if (l->unavailable & PROC_L_OFF)
		append(buf, len, at, " ", "(sandbox off)");
	return buf;
}
