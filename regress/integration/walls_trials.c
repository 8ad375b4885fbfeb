/* SPDX-License-Identifier: ISC */
#include "config.h"

/*
 * What is tried behind the walls: see walls.c.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/ipc/proc.h"
#include "regress/integration/walls.h"

struct ground	 ground;

/* What a trial prepares before the walls go up. */
int	 pre_fd = -1, pre_fd2 = -1;

void
broken(const char *what)
{
	fprintf(stderr, "walls: %s: %s\n", what, strerror(errno));
	_exit(99);
}

void
loopback(struct sockaddr_in *sin, uint16_t port)
{
	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_port = htons(port);
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

int
tcp_listener(uint16_t *port)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	int			 fd;

	loopback(&sin, 0);
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, 16) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		broken("listener");
	*port = ntohs(sin.sin_port);
	return fd;
}

int
try_connect(int fd, uint16_t port)
{
	struct sockaddr_in	 sin;

	loopback(&sin, port);
	return connect(fd, (struct sockaddr *)&sin, sizeof(sin));
}

char *
in_dir(const char *name)
{
	static char	 path[128];

	snprintf(path, sizeof(path), "%s/%s", ground.dir, name);
	return path;
}

/*
 * Preparations.
 */
static void
pre_tcp(void)
{
	if ((pre_fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		broken("socket");
}

void
pre_udp(void)
{
	if ((pre_fd = socket(AF_INET, SOCK_DGRAM, 0)) == -1)
		broken("socket");
}

static void
pre_bound(void)
{
	struct sockaddr_in	 sin;

	pre_tcp();
	loopback(&sin, 0);
	if (bind(pre_fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		broken("bind");
}

/* A listening socket with a connection waiting. */
void
pre_waiting(void)
{
	uint16_t	 port;

	pre_fd = tcp_listener(&port);
	if ((pre_fd2 = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    try_connect(pre_fd2, port) == -1)
		broken("connect");
}

static void
pre_etc(void)
{
	if ((pre_fd = open("/etc", O_RDONLY | O_DIRECTORY)) == -1)
		broken("/etc");
}

static void
pre_true(void)
{
	if ((pre_fd = open("/bin/true", O_RDONLY | O_CLOEXEC)) == -1)
		broken("/bin/true");
}

/*
 * Probes: -1 when stopped.
 */
static int
pr_open(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int
pr_openat(void)
{
	return openat(pre_fd, "passwd", O_RDONLY);
}

static int
pr_creat(void)
{
	return open(in_dir("created"), O_WRONLY | O_CREAT, 0600);
}

static int
pr_open_rdwr(void)
{
	return open("/dev/null", O_RDWR);
}

static int
pr_proc(void)
{
	return open("/proc/self/status", O_RDONLY);
}

static int
pr_dir(void)
{
	return open(ground.dir, O_RDONLY | O_DIRECTORY);
}

static int
pr_mkdir(void)
{
	return mkdir(in_dir("made"), 0700);
}

static int
pr_unlink(void)
{
	/* There is none: ENOENT says that it was looked for. */
	return unlink(in_dir("nothing")) == -1 && errno != ENOENT ? -1 : 0;
}

static int
pr_symlink(void)
{
	return symlink("/etc", in_dir("sym"));
}

static int
pr_fifo(void)
{
	return mknod(in_dir("fifo"), S_IFIFO | 0600, 0);
}

static int
pr_chdir(void)
{
	return chdir("/");
}

static int
pr_inet_stream(void)
{
	return socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP) == -1 &&
	    errno != EAFNOSUPPORT ? -1 : 0;
}

static int
pr_inet_mptcp(void)
{
	return socket(AF_INET, SOCK_STREAM, 262) == -1 &&
	    errno != EPROTONOSUPPORT ? -1 : 0;
}

static int
pr_inet_dgram(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0);
}

static int
pr_unix_stream(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int
pr_unix_dgram(void)
{
	return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static int
pr_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static int
pr_netlink_audit(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 9);
}

static int
pr_alg(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET, 0) == -1 &&
	    errno != EAFNOSUPPORT ? -1 : 0;
}

static int
pr_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int
pr_socketpair(void)
{
	int	 sv[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
}

static int
pr_bind(void)
{
	struct sockaddr_in	 sin;

	loopback(&sin, 0);
	return bind(pre_fd, (struct sockaddr *)&sin, sizeof(sin));
}

static int
pr_listen(void)
{
	return listen(pre_fd, 1);
}

static int
pr_accept(void)
{
	return accept4(pre_fd, NULL, NULL, SOCK_CLOEXEC);
}

static int
pr_connect(void)
{
	return try_connect(pre_fd, ground.port);
}

static int
pr_sendto(void)
{
	struct sockaddr_in	 sin;

	loopback(&sin, ground.port);
	return sendto(pre_fd, "x", 1, 0, (struct sockaddr *)&sin,
	    sizeof(sin)) == -1 ? -1 : 0;
}

static int
pr_filter(void)
{
	struct sock_filter	 f = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog	 prog = { 1, &f };

	return setsockopt(pre_fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
	    sizeof(prog));
}

static int
pr_ifconf(void)
{
	char	 buf[64] = { 0 };

	return ioctl(pre_fd, 0x8912 /* SIOCGIFCONF */, buf);
}

static int
pr_tiocsti(void)
{
	return ioctl(0, TIOCSTI, "x");
}

static int
pr_ptrace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int
pr_ptrace_parent(void)
{
	return (int)ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static int
pr_vm_read(void)
{
	char		 a[4], b[4] = "abc";
	struct iovec	 l = { a, 4 }, r = { b, 4 };

	return process_vm_readv(getpid(), &l, 1, &r, 1, 0) == -1 ? -1 : 0;
}

static int
pr_execve(void)
{
	char	 name[] = "true", *argv[] = { name, NULL }, *env[] = { NULL };

	return execve("/bin/true", argv, env);
}

static int
pr_execveat(void)
{
	char	 name[] = "true", *argv[] = { name, NULL }, *env[] = { NULL };

	return (int)syscall(SYS_execveat, pre_fd, "", argv, env, AT_EMPTY_PATH);
}

static int
pr_execveat_path(void)
{
	char	 name[] = "true", *argv[] = { name, NULL }, *env[] = { NULL };

	return (int)syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, env, 0);
}

static int
pr_fork(void)
{
	pid_t	 pid = fork();

	if (pid == 0)
		_exit(0);
	return pid == -1 ? -1 : waitpid(pid, NULL, 0) == -1 ? -1 : 0;
}

static int
pr_clone_ns(void)
{
	long	 pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid == -1 ? -1 : 0;
}

static int
pr_kill(void)
{
	return kill(getppid(), 0);
}

static int
pr_tgkill(void)
{
	signal(SIGURG, SIG_IGN);
	return (int)syscall(SYS_tgkill, getpid(), gettid(), SIGURG);
}

static int
pr_unshare(void)
{
	return unshare(CLONE_NEWUSER);
}

static int
pr_setuid(void)
{
	return setuid(0);
}

static int
pr_setresuid(void)
{
	return setresuid(0, 0, 0);
}

static int
pr_chroot(void)
{
	return chroot("/");
}

static void *
page(int prot)
{
	return mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int
pr_mprotect_exec(void)
{
	return mprotect(page(PROT_READ | PROT_WRITE), 4096,
	    PROT_READ | PROT_EXEC);
}

static int
pr_mmap_wx(void)
{
	return page(PROT_READ | PROT_WRITE | PROT_EXEC) == MAP_FAILED ? -1 : 0;
}

static int
pr_mmap_anon_exec(void)
{
	return page(PROT_READ | PROT_EXEC) == MAP_FAILED ? -1 : 0;
}

static int
pr_mmap_file_wx(void)
{
	return mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE, pre_fd,
	    0) == MAP_FAILED ? -1 : 0;
}

#ifdef __i386__
/* The old call, which no filter can see the permissions of. */
static int
pr_mmap_block(void)
{
	unsigned long	 block[6] = { 0, 4096, PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, (unsigned long)-1, 0 };

	return syscall(SYS_mmap, block, 0, 0, 0, 0, 0) == -1 ? -1 : 0;
}
#endif

static int
pr_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int
pr_raise_nofile(void)
{
	struct rlimit	 rl = { 1 << 20, 1 << 20 };

	return setrlimit(RLIMIT_NOFILE, &rl);
}

static int
pr_many_fds(void)
{
	int	 i;

	for (i = 0; i < MAXFILES; i++) {
		if (fcntl(1, F_DUPFD_CLOEXEC, 0) == -1)
			return -1;
	}
	return 0;
}

const struct trial probes[] = {
	{ "open", P | R, NULL, pr_open, 0, 0 },
	{ "openat", P | R, pre_etc, pr_openat, 0, 0 },
	{ "creat", P, NULL, pr_creat, 0, 0 },
	{ "open-rdwr", P, NULL, pr_open_rdwr, 0, 0 },
	{ "proc", P, NULL, pr_proc, PROC_L_LANDLOCK, 0 },
	{ "dir", P, NULL, pr_dir, PROC_L_LANDLOCK, 0 },
	{ "mkdir", P, NULL, pr_mkdir, 0, 0 },
	{ "unlink", P, NULL, pr_unlink, 0, 0 },
	{ "symlink", 0, NULL, pr_symlink, 0, 0 },
	{ "fifo", 0, NULL, pr_fifo, 0, 0 },
	{ "chdir", P, NULL, pr_chdir, 0, 0 },
	{ "tcp-socket", P | D | R, NULL, pr_inet_stream, 0, 0 },
	{ "mptcp-socket", P | R, NULL, pr_inet_mptcp, 0, 0, D },
	{ "udp-socket", P | R, NULL, pr_inet_dgram, 0, 0, D },
	{ "unix-socket", P | R, NULL, pr_unix_stream, 0, 0, D },
	{ "unix-dgram", P, NULL, pr_unix_dgram, 0, 0, D | R },
	{ "netlink", P | R, NULL, pr_netlink, 0, 0, D },
	{ "netlink-audit", 0, NULL, pr_netlink_audit, 0, 0, P | D | R },
	{ "af-alg", 0, NULL, pr_alg, 0, 0, P | D | R },
	{ "af-packet", 0, NULL, pr_packet, 0, 0, P | D | R },
	{ "socketpair", P, NULL, pr_socketpair, 0, 0 },
	{ "bind-tcp", P, pre_tcp, pr_bind, PROC_L_LANDNET, 0 },
	{ "listen", P, pre_bound, pr_listen, 0, 0 },
	{ "accept", P | C | L, pre_waiting, pr_accept, 0, 0 },
	{ "connect-tcp", P | D, pre_tcp, pr_connect, PROC_L_LANDNET, 0 },
	{ "sendto-udp", P | R, pre_udp, pr_sendto, 0, 0 },
	{ "socket-filter", 0, pre_tcp, pr_filter, 0, 0, P | L | D | S | R },
	{ "ioctl-ifconf", 0, pre_tcp, pr_ifconf, 0, 0 },
	{ "ioctl-tiocsti", 0, NULL, pr_tiocsti, 0, 0 },
	{ "ptrace", 0, NULL, pr_ptrace, 0, 0 },
	{ "ptrace-parent", 0, NULL, pr_ptrace_parent, 0, 0 },
	{ "vm-read", 0, NULL, pr_vm_read, 0, 0 },
	{ "execve", 0, NULL, pr_execve, 0, 0 },
	{ "execveat-fd", P, pre_true, pr_execveat, 0, 0 },
	{ "execveat-path", 0, NULL, pr_execveat_path, 0, 0 },
	{ "fork", P, NULL, pr_fork, 0, 0 },
	{ "clone-newuser", 0, NULL, pr_clone_ns, 0, 0 },
	{ "kill-parent", P, NULL, pr_kill, 0, 0 },
	{ "tgkill", 0, NULL, pr_tgkill, 0, 0 },
	{ "unshare", 0, NULL, pr_unshare, 0, 0 },
	{ "setuid-0", 0, NULL, pr_setuid, 0, P },
	{ "setresuid-0", 0, NULL, pr_setresuid, 0, P },
	{ "chroot", 0, NULL, pr_chroot, 0, P },
	{ "mprotect-exec", 0, NULL, pr_mprotect_exec, 0, 0 },
	{ "mmap-wx", 0, NULL, pr_mmap_wx, 0, 0 },
	{ "mmap-anon-exec", 0, NULL, pr_mmap_anon_exec, 0, 0 },
	{ "mmap-file-wx", 0, pre_true, pr_mmap_file_wx, 0, 0 },
#ifdef __i386__
	{ "mmap-block", 0, NULL, pr_mmap_block, 0, 0 },
#endif
	{ "dumpable", 0, NULL, pr_dumpable, 0, 0 },
	{ "raise-nofile", 0, NULL, pr_raise_nofile, 0, 0 },
	{ "many-fds", 0, NULL, pr_many_fds, 0, 0 },
};

const size_t nprobes = nitems_of(probes);
