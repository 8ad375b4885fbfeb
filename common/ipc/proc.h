/* SPDX-License-Identifier: ISC */
#ifndef COMMON_IPC_PROC_H
#define COMMON_IPC_PROC_H

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Starting a child, and building the walls around a process.
 *
 * A child is this same binary executed again, by descriptor, as
 *	p2pd -P name -I instance [extra ...]
 * with its channel on PROC_CHANFD, stdin on /dev/null, stdout and stderr as
 * the parent's, and every other descriptor closed.
 */
#define PROC_CHANFD	3

/*
 * An fd of our own executable, kept by the parent for every later
 * proc_spawn(), so that an upgrade on disk never mixes versions. -1 with errno.
 */
int	 proc_binary_open(const char *argv0);

/*
 * Starts process name. extra is NULL, or further arguments ending with NULL.
 * Returns the pid, with our non-blocking end of the channel in *chanfd, or -1
 * with errno. A child that fails before or in exec exits with status 127.
 */
pid_t	 proc_spawn(int binfd, const char *name, unsigned int instance,
	    char *const extra[], int *chanfd);

/* No core dump and no ptrace by our own user: the parent's first act. */
void	 proc_nodump(void);

enum proc_sandbox {		/* m_init.sandbox */
	PROC_SANDBOX_OFF,	/* chroot, uid, nodump and no more */
	PROC_SANDBOX_DEFAULT,	/* every layer that there is */
	PROC_SANDBOX_REQUIRE	/* a missing layer is an error */
};

#define PROC_STAY	0xffffffffU	/* uid and gid: keep what we are */

struct proc_opts {
	enum proc_sandbox	 sandbox;
	uint32_t		 uid, gid;	/* to become, when root */
	const char		*chroot;	/* to enter, when root; NULL or "" none */
	uint32_t		 maxfiles;	/* RLIMIT_NOFILE; 0 leaves it */
};

/* Layers, as bits. Those that a profile does not use are in neither set. */
#define PROC_L_CHROOT	0x0001
#define PROC_L_UID	0x0002
#define PROC_L_NODUMP	0x0004
#define PROC_L_CAPS	0x0008
#define PROC_L_NNP	0x0010
#define PROC_L_RLIMITS	0x0020
#define PROC_L_LANDLOCK	0x0040		/* files */
#define PROC_L_LANDNET	0x0080		/* TCP bind and connect (ABI 4) */
#define PROC_L_LANDSCOPE 0x0100		/* signals, abstract sockets (ABI 6) */
#define PROC_L_SECCOMP	0x0200
#define PROC_L_PLEDGE	0x0400
#define PROC_L_UNVEIL	0x0800
#define PROC_L_OFF	0x8000		/* in unavailable: switched off */
#define PROC_L_SANITIZER 0x4000		/* in unavailable: a sanitizer build */

struct proc_layers {
	uint32_t	 active;
	uint32_t	 unavailable;	/* applies here, but could not be had */
	uint16_t	 landlock_abi;
};

/*
 * Of "parent", "control", "listener", "dialer", "session", "discovery" and
 * "resolver"; or NULL.
 */
struct proc_profile;
const struct proc_profile *proc_profile(const char *name);

/*
 * Confines this process, in the fixed order: chroot, uid, no dump,
 * capabilities, no_new_privs, rlimits, Landlock, seccomp (or unveil, pledge).
 * There is no way back, and after -1 (why then names the layer) nothing to do
 * but leave. Call it once, with all set-up that needs files, root or address
 * lookups behind, and one thread.
 *
 * Chroot and uid are reported unavailable when opts does not ask for them, and
 * when it does but we are not root, which is an error if the sandbox is
 * required.  PROC_SANDBOX_REQUIRE does not insist on the parts of Landlock that
 * came later (network, scopes): seccomp says most of the same.
 * A directory to chroot to must be empty, root's, and writable by root alone.
 * The parent's filter and capabilities are inherited by what it spawns.
 */
int	 proc_confine(const struct proc_profile *, const struct proc_opts *,
	    struct proc_layers *, char *why, size_t whylen);

#define PROC_LAYERS_STRLEN	320

/* "chroot uid nodump caps no_new_privs rlimits landlock/7 seccomp", then what
   is missing: "; without ...". Returns buf. */
char	*proc_layers_format(const struct proc_layers *, char *buf, size_t);

#endif
