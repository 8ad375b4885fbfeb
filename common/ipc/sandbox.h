/* SPDX-License-Identifier: ISC */
#ifndef COMMON_IPC_SANDBOX_H
#define COMMON_IPC_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __linux__
#include <seccomp.h>
#endif

#include "common/ipc/proc.h"

/*
 * What profiles.c says and the sandbox*.c do: private to proc_confine().
 */

#ifdef __linux__
/* A system call, with up to four conditions on its arguments. */
struct sys_rule {
	int			 nr;
	int			 err;		/* 0: allowed; else fails with this */
	unsigned int		 ncmp;
	struct scmp_arg_cmp	 cmp[4];
};

struct sys_list {
	const struct sys_rule	*v;
	size_t			 n;
};

/* As a value to compare with: our pid when the filter is loaded. */
#define SYS_SELF_PID	UINT64_C(0xfffffffffffffff0)

#define SYS_LISTS_MAX	16
#endif

struct proc_profile {
	const char		*name;
	uint32_t		 layers;	/* that it uses */
	int			 forks;		/* no limits that bar children */
	const char		*pledge;
	const char *const	*readable;	/* paths, ends with NULL; or NULL */
	int			 connects;	/* TCP, to any port */
	uint16_t		 connect_port;	/* or to this one */
	uint64_t		 fsize;		/* RLIMIT_FSIZE of a child */
#ifdef __linux__
	int			 deny;		/* 0: kill; else the errno */
	struct sys_list		 lists[SYS_LISTS_MAX];
#endif
};

/* Each 1 when in force, 0 with errno when it cannot be had here. */
int	 sandbox_seccomp(const struct proc_profile *);
/* Sets what it got, and says which ABI there is. */
int	 sandbox_landlock(const struct proc_profile *, uint32_t *active,
	    uint16_t *abi);

#endif
