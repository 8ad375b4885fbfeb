/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "common/crypto/secp.h"
#include "p2pd/parent/parent.h"
#include "p2pd/parent/start.h"

struct parent parent;

#define LOCK_FILE	"lock"
#define EXIT_WAIT_MS	500	/* for children that were told to leave */
#define EXIT_KILL_MS	500	/* for those that were killed then */

static int
user_lookup(void)
{
	parent.root = geteuid() == 0;
	if (!parent.root)
		return 0;
	return conf_user(parent.conf, &parent.uid, &parent.gid);
}

/* A directory and its parents. */
static int
make_dirs(const char *path, mode_t mode)
{
	char buf[CONF_PATH_MAX], *p;

	strlcpy(buf, path, sizeof(buf));
	for (p = buf + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(buf, 0755) == -1 && errno != EEXIST) {
			log_warn("%s", buf);
			return -1;
		}
		*p = '/';
	}
	if (mkdir(buf, mode) == -1 && errno != EEXIST) {
		log_warn("%s", buf);
		return -1;
	}
	return 0;
}

/*
 * One daemon a data directory. The lock lasts as long as the process: unlike a
 * record lock, this kind goes through the fork of daemon() without a gap.
 */
static int lock_fd = -1;

static void
lock_sign(void)
{
	char pid[24];

	snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(lock_fd, 0) == -1 ||
	    pwrite(lock_fd, pid, strlen(pid), 0) != (ssize_t)strlen(pid))
		log_warn("%s/" LOCK_FILE, parent.conf->datadir);
}

static void
lock_refused(void)
{
	char pid[24] = "";

	if (errno != EWOULDBLOCK)
		log_warn("%s/" LOCK_FILE, parent.conf->datadir);
	else if (pread(lock_fd, pid, sizeof(pid) - 1, 0) > 0) {
		pid[strspn(pid, "0123456789")] = '\0';
		log_warnx("%s: already in use by p2pd, pid %s",
		    parent.conf->datadir, pid);
	} else
		log_warnx("%s: already in use", parent.conf->datadir);
}

static int
lock_datadir(void)
{
	char path[CONF_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/" LOCK_FILE, parent.conf->datadir);
	lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lock_fd == -1) {
		log_warn("%s", path);
		return -1;
	}
	if (flock(lock_fd, LOCK_EX | LOCK_NB) == -1) {
		lock_refused();
		close(lock_fd);
		lock_fd = -1;
		return -1;
	}
	lock_sign();
	return 0;
}

static int
conf_nodes_take(const struct conf_nodes *ns, unsigned int is)
{
	struct conf_node *cn;

	TAILQ_FOREACH(cn, &ns->list, entry) {
		if ((is & NODE_STATIC) &&
		    memcmp(cn->enode.id, parent.id, SECP_PUB) == 0) {
			log_warnx("a static node is this node itself: left out");
			continue;
		}
		if (nodes_set(&parent.nodes, &cn->enode, is, 0) == NULL) {
			log_warnx("too many nodes in the configuration");
			return -1;
		}
	}
	return 0;
}

static int
conf_bans_take(void)
{
	struct conf_ban *cb;
	struct ban b;

	TAILQ_FOREACH(cb, &parent.conf->bans.list, entry) {
		memset(&b, 0, sizeof(b));
		b.by_id = cb->is_id;
		memcpy(b.id, cb->id, sizeof(b.id));
		b.prefix = cb->prefix;
		b.from_conf = 1;
		if (bans_add(&parent.bans, &b) == NULL) {
			log_warnx("too many bans in the configuration");
			return -1;
		}
	}
	return 0;
}

/* Root may have as many as it wants, but not in every container. */
static void
raise_limits(void)
{
	uint32_t want = 2 * parent.conf->max_peers + 4096;
	struct rlimit rl, more = { want, want };

	parent.maxfiles = 1024;
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	if (parent.root && rl.rlim_max < want &&
	    setrlimit(RLIMIT_NOFILE, &more) == 0)
		rl = more;
	else if (rl.rlim_cur != rl.rlim_max) {
		more.rlim_cur = more.rlim_max = rl.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &more) == -1)
			log_warn("RLIMIT_NOFILE");
		else
			rl = more;
	}
	parent.maxfiles = rl.rlim_cur > UINT32_MAX ? UINT32_MAX : rl.rlim_cur;
	if (parent.maxfiles < parent.conf->max_peers + SESSION_SPARE_FILES)
		log_warnx("max-peers %u, but only %u open files are allowed "
		    "here: a session takes %u peers", parent.conf->max_peers,
		    parent.maxfiles, parent.maxfiles / 2);
}

/* From the first thing to tidy up until the loop does it, no signal ends us. */
static void
stops_held(int held)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(held ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* All that can fail for the operator's reasons, before anything is started. */
static int
parent_prepare(void)
{
	const struct p2pd_conf *conf = parent.conf;

	if (user_lookup() == -1)
		return -1;
	if (make_dirs(conf->datadir, 0700) == -1 || lock_datadir() == -1)
		return -1;
	if (parent.root && make_dirs(conf->chroot, 0755) == -1)
		return -1;
	if (secp_init() == -1) {
		log_warnx("libsecp256k1 does not start");
		return -1;
	}
	if (key_load(conf->keyfile, parent.id) == -1)
		return -1;
	peers_init(&parent.peers);
	nodes_init(&parent.nodes);
	bans_init(&parent.bans);
	if (apps_init(&parent.apps, conf->client, parent.id) == -1) {
		log_warnx("client name does not fit into Hello");
		return -1;
	}
	/* However many bans there were, those of the configuration are. */
	if (conf_bans_take() == -1 || state_load() == -1 ||
	    conf_nodes_take(&conf->statics, NODE_STATIC) == -1 ||
	    conf_nodes_take(&conf->trusted, NODE_TRUSTED) == -1 ||
	    conf_nodes_take(&conf->allowlist, NODE_ALLOWED) == -1)
		return -1;
	raise_limits();
	stops_held(1);
	return sockets_open();
}

static int
parent_confine(void)
{
	struct proc_opts opts;
	char buf[PROC_LAYERS_STRLEN], why[128];

	memset(&opts, 0, sizeof(opts));
	opts.sandbox = parent.conf->sandbox == CONF_SANDBOX_OFF ?
	    PROC_SANDBOX_OFF : parent.conf->sandbox == CONF_SANDBOX_REQUIRE ?
	    PROC_SANDBOX_REQUIRE : PROC_SANDBOX_DEFAULT;
	opts.uid = opts.gid = PROC_STAY;
	if (proc_confine(proc_profile("parent"), &opts, &parent.layers, why,
	    sizeof(why)) == -1) {
		log_warnx("sandbox: %s", why);
		return -1;
	}
	log_info("parent running, pid %ld: %s", (long)getpid(),
	    proc_layers_format(&parent.layers, buf, sizeof(buf)));
	return 0;
}

static void
announce(void)
{
	const struct addr *a;
	char url[ENODE_STRLEN];
	struct enode en;
	unsigned int i;

	memset(&en, 0, sizeof(en));
	memcpy(en.id, parent.id, sizeof(en.id));
	for (i = 0; (a = sockets_addr(i)) != NULL; i++) {
		addr_format_ip(a, en.host);
		en.tcp = a->port;
		en.udp = sockets_udp(i) != 0 ? sockets_udp(i) : a->port;
		log_info("listening: %s", enode_format(&en, url, sizeof(url)));
	}
	if (i == 0 && !parent.conf->dial)
		log_warnx("neither listening nor dialing: this node will be "
		    "useless");
	if (parent.conf->sandbox == CONF_SANDBOX_OFF)
		log_warnx("the sandbox is off by configuration");
	if (!parent.root)
		log_info("not started by root: no chroot, no other user for the "
		    "children");
}

static void
on_signal(int sig, short what, void *arg)
{
	stop_begin(strsignal(sig));
}

static void
signals_init(void)
{
	static const int stop[] = { SIGTERM, SIGINT };
	struct event *ev;
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (i = 0; i < nitems_of(stop); i++) {
		ev = evsignal_new(parent.base, stop[i], on_signal, NULL);
		if (ev == NULL || evsignal_add(ev, NULL) == -1)
			fatalx("no memory");
	}
	stops_held(0);
}

/* Bans end by the wall clock, which may step: looked at now and then. */
static void
on_tick(int fd, short what, void *arg)
{
	control_bans_sweep();
}

static void
tick_init(void)
{
	static const struct timeval tv = { 1, 0 };
	struct event *ev;

	ev = event_new(parent.base, -1, EV_PERSIST, on_tick, NULL);
	if (ev == NULL || event_add(ev, &tv) == -1)
		fatalx("no memory");
}

/* Children leave at the end of their channel; those that do not are ended. */
static void
children_await(void)
{
	uint64_t now = mono_ms(), until = now + EXIT_WAIT_MS;
	struct timespec ts = { 0, 10 * 1000 * 1000 };
	struct child *c;
	pid_t pid;

	/* The tool that said "stop" is owed its answer. */
	c = child_first(PROC_CONTROL);
	if (c->ch != NULL)
		channel_flush(c->ch, 100);
	children_close();
	for (; children_alive() > 0 && now < until + EXIT_KILL_MS;
	    now = mono_ms()) {
		pid = waitpid(-1, NULL, WNOHANG);
		for (c = parent.child; c < parent.child + parent.nchildren; c++) {
			if (pid > 0 && c->pid == pid)
				c->pid = 0;
			else if (now > until && c->pid > 0)
				kill(c->pid, SIGKILL);
		}
		if (pid == -1)
			break;
		if (pid == 0)
			nanosleep(&ts, NULL);
	}
}

static struct event_base *
base_make(void)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	if (cfg == NULL)
		return NULL;
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return base;
}

/* Into the background, the loop, and the walls. */
static int
parent_loop_make(void)
{
	if (!parent.foreground) {
		if (daemon(0, 0) == -1) {
			log_warn("daemon");
			return -1;
		}
		log_init(0, parent.verbose);
		lock_sign();
	}
	log_procinit("parent");
	key_guard();
	parent.base = base_make();
	if (parent.base == NULL) {
		log_warnx("event loop");
		return -1;
	}
	signals_init();
	tick_init();
	keyops_init();
	balance_init();
	d4sign_init();
	record_init();
	disc_init();
	attach_init();
	state_init();
	resolve_init();
	children_init();
	return parent_confine();
}

int
parent_main(const char *conffile, char *const *defs, int foreground,
    int verbose, const char *argv0)
{
	proc_nodump();
	parent.foreground = foreground;
	parent.verbose = verbose;
	parent.started_ms = mono_ms();
	parent.conf = conf_parse(conffile, defs, NULL, NULL);
	if (parent.conf == NULL)
		return 1;
	parent.binfd = proc_binary_open(argv0);
	if (parent.binfd == -1) {
		log_warn("cannot open this program's own file");
		return 1;
	}
	if (parent_prepare() == -1 || parent_loop_make() == -1) {
		sockets_close();
		key_wipe();
		return 1;
	}
	announce();
	children_start();
	if (event_base_dispatch(parent.base) == -1)
		fatalx("event loop");
	sockets_close();
	state_flush();
	children_await();
	key_wipe();
	log_info("stopped");
	return parent.failed;
}
