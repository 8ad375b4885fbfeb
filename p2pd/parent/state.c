/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/parent.h"

/*
 * What outlives a restart besides the configuration: bans, the nodes that were
 * added with --save, and the sequence of our node record. A text file,
 * rewritten in one step at each change:
 *	p2pd-state 1
 *	static enode://...
 *	trusted HEXID
 *	ban HEXID|PREFIX UNTIL|0 NOTE
 *	record SEQUENCE
 */
#define STATE_FILE	"state"
#define SAVE_SECS	1
#define RETRY_SECS	60	/* a disk that was full may not be so for ever */
#define STATE_HEAD	"p2pd-state 1"

static void
state_path(char *buf, size_t len, const char *suffix)
{
	snprintf(buf, len, "%s/" STATE_FILE "%s", parent.conf->datadir, suffix);
}

static int
load_static(char *arg)
{
	struct enode en;
	const char *err;

	if (enode_parse(&en, arg, &err) == -1 || en.host[0] == '\0')
		return -1;
	return nodes_set(&parent.nodes, &en, NODE_STATIC, 1) == NULL ? -1 : 0;
}

static int
load_trusted(char *arg)
{
	struct enode en;

	memset(&en, 0, sizeof(en));
	if (hex_decode(en.id, sizeof(en.id), arg) == -1)
		return -1;
	return nodes_set(&parent.nodes, &en, NODE_TRUSTED, 1) == NULL ? -1 : 0;
}

static unsigned int bans_lost;	/* for want of room */

static int
load_ban(char *arg)
{
	char *what, *until, *end;
	struct ban b;
	intmax_t t;

	memset(&b, 0, sizeof(b));
	what = strsep(&arg, " ");
	until = strsep(&arg, " ");
	if (until == NULL)
		return -1;
	errno = 0;
	t = strtoimax(until, &end, 10);
	if (*end != '\0' || errno != 0 || t < 0)
		return -1;
	b.until = (int64_t)t;
	if (hex_decode(b.id, sizeof(b.id), what) == 0)
		b.by_id = 1;
	else if (prefix_parse(&b.prefix, what) == -1)
		return -1;
	if (arg != NULL)
		strlcpy(b.note, arg, sizeof(b.note));
	if (b.until != 0 && b.until <= time(NULL))
		return 0;
	if (bans_add(&parent.bans, &b) == NULL)
		bans_lost++;
	return 0;
}

static int
load_record(char *arg)
{
	char *end;
	uintmax_t seq;

	errno = 0;
	seq = strtoumax(arg, &end, 10);
	/* One at the end would leave none for the next. */
	if (end == arg || *end != '\0' || errno != 0 || seq > UINT64_MAX / 2)
		return -1;
	record_seq_set(seq);
	return 0;
}

static int
load_line(char *line)
{
	static const struct {
		const char	*word;
		int		(*fn)(char *);
	} words[] = { { "static", load_static }, { "trusted", load_trusted },
	    { "ban", load_ban }, { "record", load_record } };
	char *word;
	size_t i;

	word = strsep(&line, " ");
	for (i = 0; line != NULL && i < nitems_of(words); i++)
		if (strcmp(word, words[i].word) == 0)
			return words[i].fn(line);
	return -1;
}

/* A line that does not parse is skipped: nothing in here is worth no start. */
static int
load_lines(FILE *f, const char *path)
{
	char *line = NULL;
	size_t size = 0;
	unsigned int no = 0;
	ssize_t n;
	int ok = 0;

	while ((n = getline(&line, &size, f)) != -1) {
		no++;
		if (n > 0 && line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (no == 1 && strcmp(line, STATE_HEAD) != 0) {
			log_warnx("%s:1: not a state file of this version", path);
			ok = -1;
			break;
		}
		if (no > 1 && load_line(line) == -1)
			log_warnx("%s:%u: line not understood, left out", path, no);
	}
	if (ok == 0 && ferror(f)) {
		log_warn("%s", path);
		ok = -1;
	}
	free(line);
	return ok;
}

int
state_load(void)
{
	char path[CONF_PATH_MAX + 16];
	int fd, ok;
	FILE *f;

	state_path(path, sizeof(path), "");
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return 0;
	f = fd == -1 ? NULL : fdopen(fd, "r");
	if (f == NULL) {
		log_warn("%s", path);
		return -1;
	}
	bans_lost = 0;
	ok = load_lines(f, path);
	fclose(f);
	if (bans_lost > 0)
		log_warnx("%s: %u bans left out: there are %u", path, bans_lost,
		    parent.bans.n);
	return ok;
}

static void
save_lines(FILE *f)
{
	char what[2 * SECP_PUB + 1], url[ENODE_STRLEN];
	struct node *n;
	struct ban *b;

	fprintf(f, "%s\n", STATE_HEAD);
	if (record_seq() != 0)
		fprintf(f, "record %ju\n", (uintmax_t)record_seq());
	NODES_FOREACH(n, &parent.nodes) {
		if (n->saved & NODE_STATIC)
			fprintf(f, "static %s\n",
			    enode_format(&n->en, url, sizeof(url)));
		if (n->saved & NODE_TRUSTED)
			fprintf(f, "trusted %s\n",
			    hex_encode(what, n->en.id, sizeof(n->en.id)));
	}
	BANS_FOREACH(b, &parent.bans)
		if (b->saved)
			fprintf(f, "ban %s %jd %s\n",
			    ban_what(b, what, sizeof(what)), (intmax_t)b->until,
			    b->note);
}

static struct event *save_ev;

static void
save_turn(int fd, short what, void *arg)
{
	(void)state_save();
}

void
state_init(void)
{
	if (save_ev == NULL)
		save_ev = evtimer_new(parent.base, save_turn, NULL);
	if (save_ev == NULL)
		fatalx("no memory");
}

void
state_save_soon(void)
{
	static const struct timeval tv = { SAVE_SECS, 0 };

	if (!evtimer_pending(save_ev, NULL))
		evtimer_add(save_ev, &tv);
}

/* At the end: what was put off. */
void
state_flush(void)
{
	if (save_ev != NULL && evtimer_pending(save_ev, NULL))
		(void)state_save();
}

static int
state_write(void)
{
	char path[CONF_PATH_MAX + 16], tmp[CONF_PATH_MAX + 16];
	FILE *f;
	int fd, bad;

	state_path(path, sizeof(path), "");
	state_path(tmp, sizeof(tmp), ".new");
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	f = fd == -1 ? NULL : fdopen(fd, "w");
	if (f == NULL) {
		log_warn("%s: the change will not outlive a restart", tmp);
		if (fd != -1)
			close(fd);
		return -1;
	}
	save_lines(f);
	/* A write that failed on the way, and not at its end, counts too. */
	bad = fflush(f) == EOF || ferror(f) || fsync(fd) == -1;
	if (fclose(f) == EOF || bad) {
		log_warn("%s: the change will not outlive a restart", tmp);
		return -1;
	}
	if (rename(tmp, path) == -1 || sync_dir_of(path) == -1) {
		log_warn("%s", path);
		return -1;
	}
	return 0;
}

int
state_save(void)
{
	static const struct timeval tv = { RETRY_SECS, 0 };
	int ret;

	if (save_ev != NULL)
		evtimer_del(save_ev);
	ret = state_write();
	if (ret == -1 && save_ev != NULL)
		evtimer_add(save_ev, &tv);
	return ret;
}
