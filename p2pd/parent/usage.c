/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/parent/parent.h"

/*
 * What the processes hold, and what waits between them, from what is counted
 * anyway: no child is asked for its memory.
 */

static int64_t own_ready = -1;

/* Bytes of a process that are in memory; -1: this system does not say. */
static int64_t
resident(pid_t pid)
{
#ifdef __linux__
	unsigned long long pages;
	char path[64], buf[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/statm", (long)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	if (sscanf(buf, "%*u %llu", &pages) != 1)
		return -1;
	return (int64_t)pages * sysconf(_SC_PAGESIZE);
#else
	(void)pid;
	return -1;
#endif
}

/* What it has now is not for peers. */
void
usage_ready(struct child *c)
{
	c->ready_bytes = resident(c->pid);
	if (own_ready == -1)
		own_ready = resident(getpid());
}

struct usage {
	const char	*process;
	unsigned int	 instance;
	pid_t		 pid;
	int64_t		 bytes;
	int64_t		 grown;		/* since it was ready */
	size_t		 peers;
};

static void
rec_bytes(struct rec *r, const char *key, int64_t n)
{
	if (n < 0)
		rec_null(r, key);
	else
		rec_u64(r, key, (uint64_t)n);
}

static void
usage_rec(uint32_t conn, const struct usage *u)
{
	struct rec r;

	rec_init(&r);
	rec_str(&r, "process", u->process);
	rec_u64(&r, "instance", u->instance);
	if (u->pid == 0)
		rec_null(&r, "pid");
	else
		rec_u64(&r, "pid", (uint64_t)u->pid);
	rec_bytes(&r, "resident", u->bytes);
	rec_bytes(&r, "grown", u->grown);
	rec_u64(&r, "peers", u->peers);
	rec_bytes(&r, "per_peer", u->peers == 0 || u->grown < 0 ? -1 :
	    u->grown / (int64_t)u->peers);
	show_rec(conn, &r);
}

/* Tells of one process and adds it to the sum. */
static void
usage_one(uint32_t conn, struct usage *sum, struct usage *u, int64_t ready)
{
	if (u->bytes >= 0 && ready >= 0)
		u->grown = u->bytes > ready ? u->bytes - ready : 0;
	usage_rec(conn, u);
	if (u->bytes >= 0)
		sum->bytes = u->bytes + (sum->bytes < 0 ? 0 : sum->bytes);
	if (u->grown >= 0)
		sum->grown = u->grown + (sum->grown < 0 ? 0 : sum->grown);
}

void
show_memory(uint32_t conn)
{
	struct usage sum = { "all", 0, 0, -1, -1, parent.peers.n };
	struct usage u = { "parent", 0, getpid(), resident(getpid()), -1,
	    parent.peers.n };
	struct child *c;

	usage_one(conn, &sum, &u, own_ready);
	for (c = parent.child; c < parent.child + parent.nchildren; c++) {
		if (!child_ready(c))
			continue;
		u = (struct usage){ proc_name(c->kind), c->instance, c->pid,
		    resident(c->pid), -1,
		    c->kind == PROC_SESSION ? c->npeers : 0 };
		usage_one(conn, &sum, &u, c->ready_bytes);
	}
	usage_rec(conn, &sum);
}

static void
queue_rec(uint32_t conn, const char *name, const struct child *c,
    int64_t bytes, int64_t waiting)
{
	struct rec r;

	rec_init(&r);
	rec_str(&r, "queue", name);
	rec_str(&r, "process", proc_name(c->kind));
	rec_u64(&r, "instance", c->instance);
	rec_bytes(&r, "bytes", bytes);
	rec_bytes(&r, "waiting", waiting);
	rec_null(&r, "limit");
	show_rec(conn, &r);
}

void
show_queues(uint32_t conn)
{
	struct child *c;

	for (c = parent.child; c < parent.child + parent.nchildren; c++) {
		queue_rec(conn, "channel", c, c->ch == NULL ? 0 :
		    (int64_t)channel_queued(c->ch), -1);
		if (c->kind == PROC_LISTENER || c->kind == PROC_DIALER)
			queue_rec(conn, "keys", c, -1, c->nkeyq);
		if (c->kind == PROC_DISCOVERY)
			queue_rec(conn, "keys", c, -1, c->nd4q);
	}
}
