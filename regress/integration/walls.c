/* SPDX-License-Identifier: ISC */
#include "config.h"

/*
 * Proves the walls around each process, with the function that builds them.
 * Three kinds of trial, each in a process of its own:
 *   sweep	every system call that the process's list does not name
 *   probe	things named here, that only the right processes may do
 *   need	what a process cannot do without
 * A probe or need of a child runs as the daemon's would: a confined parent
 * starts this binary again, and that confines itself.  Run by root it does
 * everything twice: as root, and again as an ordinary user.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/ipc/proc.h"
#include "common/ipc/sandbox.h"
#include "regress/integration/walls.h"

#define OTHER_ID	65534

/* Exit statuses of a trial. */
#define THROUGH		0
#define STOPPED		42

static const char *const procs[NPROCS] = {
	"parent", "control", "listener", "dialer", "session", "resolver",
	"discovery"
};

static struct {
	int		 root;		/* this pass */
	char		 jail[80];	/* empty, root's */
	int		 seccomp;	/* there is: else only needs are tried */
	struct proc_layers layers;
	unsigned int	 good, bad, skipped;
} w;

/*
 * The walls themselves.
 */
static void
confine(int proc, struct proc_layers *layers)
{
	struct proc_opts	 opts = {
		.sandbox = PROC_SANDBOX_DEFAULT, .maxfiles = MAXFILES,
		.uid = PROC_STAY, .gid = PROC_STAY
	};
	char			 why[256];

	if (w.root) {
		opts.uid = opts.gid = OTHER_ID;
		opts.chroot = w.jail;
	}
	if (proc_confine(proc_profile(procs[proc]), &opts, layers, why,
	    sizeof(why)) == -1) {
		fprintf(stderr, "walls: %s: %s\n", procs[proc], why);
		_exit(99);
	}
}

static void
run_trial(int proc, const struct trial *t)
{
	struct proc_layers	 layers;

	if (t->pre != NULL)
		t->pre();
	confine(proc, &layers);
	_exit(t->fn() == -1 ? STOPPED : THROUGH);
}

static void
result(int ok, int proc, const char *kind, const char *name, int status)
{
	if (ok) {
		w.good++;
		return;
	}
	w.bad++;
	printf("FAIL %s: %s %s: ", procs[proc], kind, name);
	if (WIFSIGNALED(status))
		printf("signal %d\n", WTERMSIG(status));
	else
		printf("%s (%d)\n", WEXITSTATUS(status) == THROUGH ? "through" :
		    WEXITSTATUS(status) == STOPPED ? "stopped" : "broken",
		    WEXITSTATUS(status));
}

static int
was_stopped(int status)
{
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == STOPPED);
}

static int
went_through(const char *name, int status)
{
	if (strcmp(name, "abort") == 0)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
	return WIFEXITED(status) && WEXITSTATUS(status) == THROUGH;
}

/* One trial of a process, started as the daemon would; its wait status. */
static int
start_trial(int proc, int binfd, const char *kind, size_t i)
{
	char	 what[16], num[16], port[16], root[2] = "0";
	char	*extra[] = { what, num, port, ground.dir, root, NULL };
	int	 chan, status;
	pid_t	 pid;

	fflush(stdout);
	if (proc == PARENT) {
		if ((pid = fork()) == 0)
			run_trial(proc, kind[0] == 'p' ? &probes[i] : &needs[i]);
	} else {
		snprintf(what, sizeof(what), "%s", kind);
		snprintf(num, sizeof(num), "%zu", i);
		snprintf(port, sizeof(port), "%u", ground.port);
		root[0] = w.root ? '1' : '0';
		pid = proc_spawn(binfd, procs[proc], 0, extra, &chan);
		if (pid != -1)
			close(chan);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		broken("trial");
	return status;
}

/* See unseen() of the sandbox. */
static int
arguments_hide(void)
{
#ifdef __i386__
	return 1;
#else
	return 0;
#endif
}

static void
run_trials(int proc, int binfd)
{
	const struct trial	*t;
	size_t			 i;
	int			 status, may;

	for (i = 0; i < nneeds; i++) {
		if ((needs[i].who & 1U << proc) == 0)
			continue;
		status = start_trial(proc, binfd, "need", i);
		result(went_through(needs[i].name, status), proc, "need",
		    needs[i].name, status);
	}
	for (i = 0; w.seccomp && i < nprobes; i++) {
		t = &probes[i];
		may = (t->who & 1U << proc) != 0;
		/* One that Landlock alone holds back, without it. */
		if ((proc == RESOLVER && t->resolver != 0 &&
		    (w.layers.active & t->resolver) == 0) ||
		    (w.root && (t->root_skip & 1U << proc) != 0) ||
		    (arguments_hide() && (t->unseen & 1U << proc) != 0)) {
			w.skipped++;
			continue;
		}
		status = start_trial(proc, binfd, "probe", i);
		result(may ? went_through(t->name, status) :
		    was_stopped(status), proc, "probe", t->name, status);
	}
}

static int
is_listed(const struct proc_profile *p, int nr)
{
	const struct sys_list	*l;
	size_t			 i;

#ifdef __x86_64__
	/* uretprobe and uprobe: newer kernels ask no filter about them, and
	   they do nothing outside of a probe's own trampoline. */
	if (nr == 335 || nr == 336)
		return 1;
#endif
	for (l = p->lists; l->v != NULL; l++) {
		for (i = 0; i < l->n; i++) {
			if (l->v[i].nr == nr)
				return 1;
		}
	}
	return 0;
}

/* In one process, as long as it is refused and not killed. */
static void
sweep_from(int proc, int nr, int last)
{
	const struct proc_profile	*p = proc_profile(procs[proc]);
	struct proc_layers		 layers;

	confine(proc, &layers);
	for (; nr < last; nr++) {
		if (is_listed(p, nr))
			continue;
		errno = 0;
		if (syscall(nr, 0, 0, 0, 0, 0, 0) != -1 || errno != p->deny)
			_exit(THROUGH);
	}
	_exit(STOPPED);
}

static void
sweep(int proc)
{
	const struct proc_profile	*p = proc_profile(procs[proc]);
	char				 name[16];
	int				 nr, last = 470, status, step;
	pid_t				 pid;

	step = p->deny != 0 ? last : 1;
	for (nr = 0; nr < last; nr += step) {
		if (step == 1 && is_listed(p, nr))
			continue;
		fflush(stdout);
		if ((pid = fork()) == 0)
			sweep_from(proc, nr, nr + step);
		if (pid == -1 || waitpid(pid, &status, 0) == -1)
			broken("sweep");
		snprintf(name, sizeof(name), "%d", nr);
		result(p->deny != 0 ? was_stopped(status) :
		    WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, proc,
		    "system call", name, status);
	}
}

/* What went up, in a process that then ends: by pipe. */
static void
learn_layers(int proc)
{
	char	 text[PROC_LAYERS_STRLEN];
	int	 p[2];
	pid_t	 pid;

	if (pipe(p) == -1)
		broken("pipe");
	if ((pid = fork()) == 0) {
		confine(proc, &w.layers);
		_exit(write(p[1], &w.layers, sizeof(w.layers)) ==
		    sizeof(w.layers) ? 0 : 99);
	}
	close(p[1]);
	if (read(p[0], &w.layers, sizeof(w.layers)) != sizeof(w.layers))
		broken("confine");
	close(p[0]);
	waitpid(pid, NULL, 0);
	printf("%s: %s\n", procs[proc],
	    proc_layers_format(&w.layers, text, sizeof(text)));
	if (w.root && (w.layers.active & PROC_L_UID) == 0 && proc != PARENT) {
		printf("FAIL %s: still root\n", procs[proc]);
		w.bad++;
	}
}

/* A directory that is not fit to be locked up in is named, and nothing done. */
static void
bad_jails(void)
{
	static const char *const	 want[] = {
		"is not empty", "writable by nobody else", "No such file"
	};
	struct proc_opts	 opts = { .sandbox = PROC_SANDBOX_DEFAULT,
		    .uid = OTHER_ID, .gid = OTHER_ID };
	struct proc_layers	 layers;
	const char		*dir[] = { "/usr", ground.dir, "/nonexistent" };
	char			 why[256];
	size_t			 i;

	for (i = 0; i < nitems_of(dir); i++) {
		opts.chroot = dir[i];
		if (proc_confine(proc_profile("session"), &opts, &layers, why,
		    sizeof(why)) == 0)
			broken("bad jail taken");
		if (strncmp(why, "chroot: ", 8) != 0 ||
		    strstr(why, want[i]) == NULL) {
			printf("FAIL jail %s: %s\n", dir[i], why);
			w.bad++;
		} else
			w.good++;
	}
}

/* An ordinary user who requires what only root can have is told so. */
static void
bad_requirement(void)
{
	struct proc_opts	 opts = { .sandbox = PROC_SANDBOX_REQUIRE,
		    .uid = OTHER_ID, .gid = OTHER_ID };
	struct proc_layers	 layers;
	char			 why[256];

	if (proc_confine(proc_profile("session"), &opts, &layers, why,
	    sizeof(why)) == 0 || strncmp(why, "uid is required", 15) != 0) {
		printf("FAIL require: %s\n", why);
		w.bad++;
	} else
		w.good++;
}

static void
remove_all(void)
{
	static const char *const	 left[] = { "created", "state.new",
		    "state", "ctl", "sym", "fifo", "db" };
	size_t				 i;

	for (i = 0; i < nitems_of(left); i++)
		unlink(in_dir(left[i]));
	rmdir(in_dir("made"));
	rmdir(w.jail);
	rmdir(ground.dir);
}

/* The children's trials, by a parent behind its own walls. */
static void
as_parent(int binfd)
{
	struct proc_layers	 layers;
	int			 i;
	FILE			*out;

	confine(PARENT, &layers);
	for (i = PARENT + 1; i < NPROCS; i++)
		run_trials(i, binfd);
	fflush(stdout);
	if ((out = fopen(in_dir("created"), "w")) == NULL)
		broken("result");
	fprintf(out, "%u %u %u\n", w.good, w.bad, w.skipped);
	fclose(out);
	_exit(0);
}

static void
collect(void)
{
	unsigned int	 good = 0, bad = 0, skipped = 0;
	FILE		*in;

	if ((in = fopen(in_dir("created"), "r")) == NULL ||
	    fscanf(in, "%u %u %u", &good, &bad, &skipped) != 3) {
		printf("FAIL parent: no result\n");
		w.bad++;
	}
	if (in != NULL)
		fclose(in);
	unlink(in_dir("created"));
	w.good += good;
	w.bad += bad;
	w.skipped += skipped;
}

static int
pass(int binfd)
{
	int	 i, fd, status;
	pid_t	 pid;

	w.root = geteuid() == 0;
	snprintf(ground.dir, sizeof(ground.dir), "/tmp/wallsXXXXXX");
	if (mkdtemp(ground.dir) == NULL || chmod(ground.dir, 0777) == -1)
		broken("mkdtemp");
	snprintf(w.jail, sizeof(w.jail), "%s/jail", ground.dir);
	if (mkdir(w.jail, 0755) == -1)
		broken("mkdir");
	fd = tcp_listener(&ground.port);
	printf("-- as %s\n", w.root ? "root" : "an ordinary user");
	if (w.root)
		bad_jails();
	else
		bad_requirement();
	for (i = 0; i < NPROCS; i++) {
		learn_layers(i);
		w.seccomp = (w.layers.active & PROC_L_SECCOMP) != 0;
		if (w.seccomp)
			sweep(i);
	}
	run_trials(PARENT, binfd);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		w.good = w.bad = w.skipped = 0;
		as_parent(binfd);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		broken("parent");
	collect();
	close(fd);
	remove_all();
	printf("%u good, %u bad, %u skipped\n", w.good, w.bad, w.skipped);
	fflush(stdout);
	if (w.bad != 0)
		return 1;
	return w.seccomp ? 0 : 77;
}

/* -P name -I n kind number port dir root */
static void
child(char *argv[])
{
	size_t	 i;
	int	 proc;

	for (proc = 0; proc < NPROCS - 1; proc++) {
		if (strcmp(procs[proc], argv[2]) == 0)
			break;
	}
	i = (size_t)strtonum(argv[6], 0, 1000, NULL);
	ground.port = (uint16_t)strtonum(argv[7], 0, 65535, NULL);
	snprintf(ground.dir, sizeof(ground.dir), "%s", argv[8]);
	snprintf(w.jail, sizeof(w.jail), "%s/jail", ground.dir);
	w.root = argv[9][0] == '1';
	run_trial(proc, argv[5][0] == 'p' ? &probes[i] : &needs[i]);
}

int
main(int argc, char *argv[])
{
	int	 binfd, ret, status;
	pid_t	 pid;

	if (argc == 10 && strcmp(argv[1], "-P") == 0)
		child(argv);
	if ((binfd = proc_binary_open(argv[0])) == -1)
		broken("proc_binary_open");
	ret = pass(binfd);
	if (geteuid() == 0) {
		if ((pid = fork()) == 0) {
			if (setgroups(0, NULL) == -1 ||
			    setresgid(OTHER_ID, OTHER_ID, OTHER_ID) == -1 ||
			    setresuid(OTHER_ID, OTHER_ID, OTHER_ID) == -1)
				broken("setresuid");
			/* Fresh, as one that such a user started. */
			fexecve(binfd, argv, environ);
			broken("fexecve");
		}
		if (pid == -1 || waitpid(pid, &status, 0) == -1)
			broken("second pass");
		if (ret != 1)
			ret = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	if (ret == 77)
		printf("no seccomp in this kernel or build: walls not tried\n");
	return ret;
}
