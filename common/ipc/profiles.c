/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <linux/sched.h>
#endif

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "common/base/util.h"
#include "common/ipc/sandbox.h"

/*
 * The walls of each process, as data: what it may ask of the system, one
 * reason a line.  A child that asks for anything else is killed, but for
 * probes that libraries make and can do without: those fail.  The parent's
 * filter is inherited, so it must let through all that its children and their
 * set-up need.
 */

#define LAYERS_CHILD	(PROC_L_UID | PROC_L_NODUMP | PROC_L_CAPS | PROC_L_NNP | \
	PROC_L_RLIMITS | PROC_L_LANDLOCK | PROC_L_LANDNET | PROC_L_LANDSCOPE | \
	PROC_L_SECCOMP | PROC_L_PLEDGE)
#define LAYERS_JAILED	(LAYERS_CHILD | PROC_L_CHROOT | PROC_L_UNVEIL)
#define LAYERS_PARENT	(PROC_L_NODUMP | PROC_L_CAPS | PROC_L_NNP | \
	PROC_L_RLIMITS | PROC_L_SECCOMP | PROC_L_PLEDGE)

#ifdef __linux__

#define ALLOW(s)		{ SCMP_SYS(s), 0, 0, { { 0 } } }
#define ALLOW1(s, a)		{ SCMP_SYS(s), 0, 1, { a } }
#define ALLOW2(s, a, b)		{ SCMP_SYS(s), 0, 2, { a, b } }
#define ALLOW3(s, a, b, c)	{ SCMP_SYS(s), 0, 3, { a, b, c } }
#define FAIL(s, e)		{ SCMP_SYS(s), e, 0, { { 0 } } }
#define FAIL1(s, e, a)		{ SCMP_SYS(s), e, 1, { a } }

/* Conditions: argument i is v; is not; has none of, or of mask just, the bits. */
#define IS(i, v)		{ i, SCMP_CMP_EQ, (uint64_t)(v), 0 }
#define NOT(i, v)		{ i, SCMP_CMP_NE, (uint64_t)(v), 0 }
#define NONE(i, mask)		{ i, SCMP_CMP_MASKED_EQ, (uint64_t)(mask), 0 }
#define BITS(i, mask, v)	{ i, SCMP_CMP_MASKED_EQ, (uint64_t)(mask), (uint64_t)(v) }

#define LIST(a)			{ a, nitems_of(a) }

/*
 * A call that 32-bit systems have under two or three names: the first ones of
 * narrow types, and those of wide files, ids and times.  What a system has not
 * is no rule there.
 */
#define ALLOW_FCNTL(c)		ALLOW1(fcntl, IS(1, c)), ALLOW1(fcntl64, IS(1, c))

#define U32_MASK		UINT64_C(0xffffffff)
#define SOCK_FLAGS		(SOCK_NONBLOCK | SOCK_CLOEXEC)
#define TYPE_IS(t)		BITS(1, U32_MASK & ~(uint64_t)SOCK_FLAGS, t)
#define WRITE_FLAGS		(O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)
#define CLONE_NS		UINT64_C(0x7e020080)	/* CLONE_NEW*: namespaces */

/* Every process. */
static const struct sys_rule base_rules[] = {
	ALLOW(epoll_wait),		/* the event loop */
	ALLOW(epoll_pwait),
	ALLOW(epoll_ctl),
	ALLOW(poll),			/* last words: channel_flush() */
	ALLOW(ppoll),
	ALLOW(ppoll_time64),
	ALLOW(restart_syscall),		/* either, after a stop and continue */
	ALLOW(clock_gettime),		/* where the vDSO has no clock */
	ALLOW(clock_gettime64),
	ALLOW(gettimeofday),
	ALLOW(time),
	ALLOW(read),			/* sockets and pipes already open */
	ALLOW(readv),
	ALLOW(recv),
	ALLOW(recvfrom),
	ALLOW(recvmsg),			/* the channel, with fds */
	ALLOW(write),
	ALLOW(writev),
	ALLOW(sendmsg),
	ALLOW(send),
	ALLOW2(sendto, IS(4, 0), IS(5, 0)),	/* send(): no address */
	ALLOW(close),
	ALLOW(shutdown),
	ALLOW_FCNTL(F_GETFL),		/* non-blocking, close-on-exec */
	ALLOW_FCNTL(F_SETFL),
	ALLOW_FCNTL(F_GETFD),
	ALLOW_FCNTL(F_SETFD),
	ALLOW_FCNTL(F_DUPFD_CLOEXEC),
	ALLOW2(getsockopt, IS(1, SOL_SOCKET), IS(2, SO_ERROR)),
	ALLOW1(ioctl, IS(1, FIONREAD)),	/* bytes waiting */
	ALLOW(brk),			/* malloc */
	ALLOW1(mmap, NONE(2, PROT_EXEC)),
	ALLOW1(mmap2, NONE(2, PROT_EXEC)),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(madvise),
	ALLOW1(mprotect, NONE(2, PROT_EXEC)),
	ALLOW(mlock),			/* pages with secrets */
	ALLOW(munlock),
	ALLOW(futex),			/* locks in libraries */
	ALLOW(futex_time64),
	ALLOW(sched_yield),
	ALLOW(getrandom),		/* arc4random, OpenSSL */
	ALLOW(getpid),			/* OpenSSL looks for forks */
	ALLOW(gettid),			/* abort() */
	ALLOW2(tgkill, IS(0, SYS_SELF_PID), IS(2, SIGABRT)),
	ALLOW(rt_sigaction),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW(sigreturn),
	ALLOW(exit),
	ALLOW(exit_group),
};

/* Probes of libraries that take no for an answer. */
static const struct sys_rule probe_rules[] = {
	FAIL(open, EACCES),		/* localtime, /proc, /dev/urandom, ... */
	FAIL(openat, EACCES),
	FAIL(access, EACCES),
	FAIL(faccessat, EACCES),
	FAIL(stat, EACCES),
	FAIL(stat64, EACCES),
	FAIL(newfstatat, EACCES),
	FAIL(fstatat64, EACCES),
	FAIL(statx, EACCES),
	FAIL(readlink, EACCES),
	FAIL(readlinkat, EACCES),
	FAIL(fstat, EACCES),		/* stdio */
	FAIL(fstat64, EACCES),
	FAIL1(ioctl, ENOTTY, NOT(1, FIONREAD)),	/* isatty() */
	FAIL(uname, EPERM),
	FAIL(sysinfo, EPERM),		/* qsort() asks for the memory */
	FAIL(sched_getaffinity, EPERM),
	FAIL(getrlimit, EPERM),
	FAIL(ugetrlimit, EPERM),
	FAIL(prlimit64, EPERM),
	FAIL(prctl, EPERM),
};

/* The same, where no file is open to seek in. */
static const struct sys_rule noseek_rules[] = {
	FAIL(lseek, ESPIPE),		/* stdio at exit */
	FAIL(_llseek, ESPIPE),
};

/* TCP connections, whoever made them. */
static const struct sys_rule tcp_rules[] = {
	ALLOW(getsockname),
	ALLOW(getpeername),
	ALLOW2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),
	ALLOW2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_QUICKACK)),
	ALLOW2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_NOTSENT_LOWAT)),
	ALLOW2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_USER_TIMEOUT)),
	ALLOW2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_KEEPALIVE)),
	ALLOW2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_LINGER)),
	ALLOW2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_RCVLOWAT)),
	ALLOW2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_RCVBUF)),
	ALLOW2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_SNDBUF)),
	ALLOW2(getsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_INFO)),
	ALLOW2(getsockopt, IS(1, SOL_SOCKET), IS(2, SO_SNDBUF)),
	ALLOW2(getsockopt, IS(1, SOL_SOCKET), IS(2, SO_RCVBUF)),
};

/* Clients of the unix sockets. */
static const struct sys_rule control_rules[] = {
	ALLOW(accept4),
	ALLOW2(getsockopt, IS(1, SOL_SOCKET), IS(2, SO_PEERCRED)),
};

static const struct sys_rule listener_rules[] = {
	ALLOW(accept4),			/* on the sockets it was given */
};

/* Outgoing TCP, and no other socket. */
static const struct sys_rule dialer_rules[] = {
	ALLOW3(socket, IS(0, AF_INET), TYPE_IS(SOCK_STREAM), IS(2, 0)),
	ALLOW3(socket, IS(0, AF_INET), TYPE_IS(SOCK_STREAM), IS(2, IPPROTO_TCP)),
	ALLOW3(socket, IS(0, AF_INET6), TYPE_IS(SOCK_STREAM), IS(2, 0)),
	ALLOW3(socket, IS(0, AF_INET6), TYPE_IS(SOCK_STREAM), IS(2, IPPROTO_TCP)),
	ALLOW(connect),			/* where to, Landlock and netrestrict */
};

/* Datagrams on sockets it was given, and the node database, which is open. */
static const struct sys_rule discovery_rules[] = {
	ALLOW(recvmmsg),
	ALLOW(recvmmsg_time64),
	ALLOW(sendmmsg),
	ALLOW(pread64),			/* LMDB reads by map, but for its head */
	ALLOW(pwrite64),		/* pages of a transaction */
	ALLOW(pwritev),
	ALLOW(lseek),			/* ... where it writes several at once */
	ALLOW(_llseek),
	ALLOW(fdatasync),
	ALLOW(fsync),
};

/* getaddrinfo(), with whatever modules this system's nsswitch.conf names. */
static const struct sys_rule resolver_rules[] = {
	ALLOW1(open, NONE(1, WRITE_FLAGS)),	/* resolv.conf, hosts, modules */
	ALLOW1(openat, NONE(2, WRITE_FLAGS)),
	ALLOW(access),
	ALLOW(faccessat),
	ALLOW(stat),
	ALLOW(stat64),
	ALLOW(fstat),
	ALLOW(fstat64),
	ALLOW(newfstatat),
	ALLOW(fstatat64),
	ALLOW(statx),
	ALLOW(readlink),
	ALLOW(readlinkat),
	ALLOW(lseek),
	ALLOW(_llseek),
	ALLOW(pread64),			/* a module's program header */
	ALLOW2(mmap, BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
	    NONE(3, MAP_ANONYMOUS)),	/* a module's code */
	ALLOW2(mmap2, BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
	    NONE(3, MAP_ANONYMOUS)),
	ALLOW2(socket, IS(0, AF_INET), TYPE_IS(SOCK_DGRAM)),	/* DNS */
	ALLOW2(socket, IS(0, AF_INET), TYPE_IS(SOCK_STREAM)),
	ALLOW2(socket, IS(0, AF_INET6), TYPE_IS(SOCK_DGRAM)),
	ALLOW2(socket, IS(0, AF_INET6), TYPE_IS(SOCK_STREAM)),
	ALLOW2(socket, IS(0, AF_UNIX), TYPE_IS(SOCK_STREAM)),	/* nscd, resolved */
	ALLOW3(socket, IS(0, AF_NETLINK), TYPE_IS(SOCK_RAW), IS(2, 0)),
	ALLOW(bind),			/* ... netlink: which addresses we have */
	ALLOW(connect),
	ALLOW(sendto),
	ALLOW(sendmmsg),
	ALLOW(recvmmsg),
	ALLOW(recvmmsg_time64),
	ALLOW(getsockname),
	ALLOW(getpeername),
	ALLOW2(setsockopt, IS(1, IPPROTO_IP), IS(2, IP_RECVERR)),
	ALLOW2(setsockopt, IS(1, IPPROTO_IPV6), IS(2, IPV6_RECVERR)),
	ALLOW2(setsockopt, IS(1, IPPROTO_IP), IS(2, IP_MTU_DISCOVER)),
	ALLOW2(setsockopt, IS(1, IPPROTO_IPV6), IS(2, IPV6_MTU_DISCOVER)),
	ALLOW(uname),			/* the host's own name */
	ALLOW(getuid),
	ALLOW(getuid32),
	ALLOW(geteuid),
	ALLOW(geteuid32),
	ALLOW(getgid),
	ALLOW(getgid32),
	ALLOW(getegid),
	ALLOW(getegid32),
	ALLOW(clock_nanosleep),		/* a module between two attempts */
	ALLOW(clock_nanosleep_time64),
	ALLOW(nanosleep),
};

/* The parent's own work. */
static const struct sys_rule parent_rules[] = {
	ALLOW(epoll_create1),		/* its loop, and its signals */
	ALLOW(socketpair),
	ALLOW(pipe2),
	ALLOW(eventfd2),
	ALLOW(timerfd_create),
	ALLOW(timerfd_settime),
	ALLOW(timerfd_settime64),
	ALLOW(open),			/* keys, configuration, state, pid file */
	ALLOW(openat),
	ALLOW(access),
	ALLOW(faccessat),
	ALLOW(faccessat2),
	ALLOW(stat),
	ALLOW(stat64),
	ALLOW(lstat),
	ALLOW(lstat64),
	ALLOW(fstat),
	ALLOW(fstat64),
	ALLOW(newfstatat),
	ALLOW(fstatat64),
	ALLOW(statx),
	ALLOW(readlink),
	ALLOW(readlinkat),
	ALLOW(getdents64),
	ALLOW(lseek),
	ALLOW(_llseek),
	ALLOW(pread64),
	ALLOW(pwrite64),
	ALLOW(ftruncate),
	ALLOW(ftruncate64),
	ALLOW(fsync),			/* state is replaced in one step */
	ALLOW(fdatasync),
	ALLOW(rename),
	ALLOW(renameat),
	ALLOW(renameat2),
	ALLOW(link),
	ALLOW(linkat),
	ALLOW(unlink),
	ALLOW(unlinkat),
	ALLOW(mkdir),
	ALLOW(mkdirat),
	ALLOW(umask),
	ALLOW(chmod),			/* the unix sockets' owner and mode */
	ALLOW(fchmod),
	ALLOW(fchmodat),
	ALLOW(chown),
	ALLOW(chown32),
	ALLOW(lchown),
	ALLOW(lchown32),
	ALLOW(fchown),
	ALLOW(fchown32),
	ALLOW(fchownat),
	ALLOW(flock),			/* one node a data directory */
	ALLOW_FCNTL(F_SETLK),
	ALLOW_FCNTL(F_GETLK),
	ALLOW_FCNTL(F_DUPFD),
	ALLOW(getcwd),
	ALLOW(dup),
	ALLOW1(socket, IS(0, AF_INET)),	/* listening sockets */
	ALLOW1(socket, IS(0, AF_INET6)),
	ALLOW1(socket, IS(0, AF_UNIX)),	/* control sockets, syslog */
	ALLOW(bind),
	ALLOW(listen),
	ALLOW(connect),			/* syslog; is that socket in use? */
	ALLOW2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_REUSEADDR)),
	ALLOW2(setsockopt, IS(1, IPPROTO_IPV6), IS(2, IPV6_V6ONLY)),
	ALLOW1(getsockopt, IS(1, SOL_SOCKET)),
	ALLOW(wait4),			/* children end */
	ALLOW(waitid),
	ALLOW(kill),			/* ... or are ended */
	ALLOW1(tgkill, IS(2, SIGABRT)),	/* abort(), of a child before its own */
	ALLOW1(ioctl, IS(1, TCGETS)),	/* stderr in the foreground */
	ALLOW(getppid),
	ALLOW(getrusage),
	ALLOW(uname),
	ALLOW(sysinfo),
	ALLOW(sched_getaffinity),
	ALLOW(mlock2),
};

/* Starting a child, and what a child does until its own filter is up. */
static const struct sys_rule spawn_rules[] = {
	ALLOW1(clone, NONE(0, CLONE_NS)),	/* fork() */
	ALLOW(fork),
	ALLOW(vfork),
	ALLOW(dup2),
	ALLOW(dup3),
	ALLOW(close_range),
	ALLOW1(execveat, IS(4, 0x1000)),	/* AT_EMPTY_PATH: by fd only */
	ALLOW2(mmap, BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
	    NONE(3, MAP_ANONYMOUS)),	/* ld.so: code from files */
	ALLOW2(mmap2, BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
	    NONE(3, MAP_ANONYMOUS)),
	ALLOW(arch_prctl),		/* the thread's own block */
	ALLOW(set_thread_area),
	ALLOW(set_tls),
	ALLOW(set_tid_address),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	ALLOW(sigaltstack),
	ALLOW(prlimit64),
	ALLOW(getrlimit),
	ALLOW(ugetrlimit),
	ALLOW(setrlimit),
	ALLOW(getuid),
	ALLOW(getuid32),
	ALLOW(geteuid),
	ALLOW(geteuid32),
	ALLOW(getgid),
	ALLOW(getgid32),
	ALLOW(getegid),
	ALLOW(getegid32),
	ALLOW(getresuid),
	ALLOW(getresuid32),
	ALLOW(getresgid),
	ALLOW(getresgid32),
	ALLOW(chroot),
	ALLOW(chdir),
	ALLOW(fchdir),
	ALLOW(setgroups),
	ALLOW(setgroups32),
	ALLOW(setresgid),
	ALLOW(setresgid32),
	ALLOW(setresuid),
	ALLOW(setresuid32),
	ALLOW(setuid),			/* to see it fail */
	ALLOW(setuid32),
	ALLOW(capget),
	ALLOW(capset),
	ALLOW2(prctl, IS(0, PR_SET_DUMPABLE), IS(1, 0)),
	ALLOW1(prctl, IS(0, PR_GET_DUMPABLE)),
	ALLOW1(prctl, IS(0, PR_SET_NO_NEW_PRIVS)),
	ALLOW1(prctl, IS(0, PR_GET_NO_NEW_PRIVS)),
	ALLOW1(prctl, IS(0, PR_CAPBSET_READ)),
	ALLOW1(prctl, IS(0, PR_CAPBSET_DROP)),
	ALLOW1(prctl, IS(0, PR_CAP_AMBIENT)),
	ALLOW1(prctl, IS(0, PR_SET_NAME)),
	ALLOW1(prctl, IS(0, PR_SET_SECCOMP)),
	ALLOW1(prctl, IS(0, PR_GET_SECCOMP)),
	ALLOW(seccomp),
	ALLOW(landlock_create_ruleset),
	ALLOW(landlock_add_rule),
	ALLOW(landlock_restrict_self),
};

#define LISTS(...)	.lists = { __VA_ARGS__ }
#define DENY(e)		.deny = e,
#else
#define LISTS(...)
#define DENY(e)
#endif

static const char *const resolver_paths[] = {
	"/etc", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib",
	"/run/systemd/resolve", "/run/nscd", "/run/resolvconf",
	"/run/NetworkManager", "/run/connman", "/var/run/nscd", NULL
};

static const struct proc_profile profiles[] = {
	{
		.name = "parent", .layers = LAYERS_PARENT, .forks = 1,
		.pledge = "stdio rpath wpath cpath fattr chown flock inet unix "
		    "sendfd recvfd proc exec id",
		/* As if the kernel had it not: the C library may know a way
		   round, and the node lives. */
		DENY(ENOSYS)
		LISTS(LIST(base_rules), LIST(parent_rules), LIST(spawn_rules),
		    LIST(tcp_rules), LIST(control_rules), LIST(listener_rules),
		    LIST(dialer_rules), LIST(discovery_rules),
		    LIST(resolver_rules))
	}, {
		.name = "control", .layers = LAYERS_JAILED,
		.pledge = "stdio unix sendfd recvfd",
		LISTS(LIST(base_rules), LIST(probe_rules), LIST(noseek_rules),
		    LIST(control_rules))
	}, {
		.name = "listener", .layers = LAYERS_JAILED,
		.pledge = "stdio inet sendfd recvfd",
		LISTS(LIST(base_rules), LIST(probe_rules), LIST(noseek_rules),
		    LIST(tcp_rules), LIST(listener_rules))
	}, {
		.name = "dialer", .layers = LAYERS_JAILED, .connects = 1,
		.pledge = "stdio inet sendfd recvfd",
		LISTS(LIST(base_rules), LIST(probe_rules), LIST(noseek_rules),
		    LIST(tcp_rules), LIST(dialer_rules))
	}, {
		.name = "session", .layers = LAYERS_JAILED,
		.pledge = "stdio inet recvfd",
		LISTS(LIST(base_rules), LIST(probe_rules), LIST(noseek_rules),
		    LIST(tcp_rules))
	}, {
		.name = "discovery", .layers = LAYERS_JAILED,
		.pledge = "stdio inet recvfd",
		.fsize = UINT64_C(1) << 30,	/* the node database */
		LISTS(LIST(base_rules), LIST(probe_rules), LIST(discovery_rules))
	}, {
		.name = "resolver", .layers = LAYERS_CHILD,
		.pledge = "stdio dns",
		.readable = resolver_paths, .connect_port = 53,
		/* What modules of this system try is not ours to know. */
		DENY(EPERM)
		LISTS(LIST(base_rules), LIST(resolver_rules))
	}
};

const struct proc_profile *
proc_profile(const char *name)
{
	size_t	 i;

	for (i = 0; i < nitems_of(profiles); i++) {
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	}
	return NULL;
}
