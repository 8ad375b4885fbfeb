/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/utsname.h>
#include <ctype.h>
#include <fnmatch.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "p2pd/parent/conf.h"

#define MIB	(1024ULL * 1024)

/* "p2pd/v0.1.0/linux-x86_64" */
static void
default_client(char *buf, size_t len)
{
	struct utsname	 u;
	char		*p;

	if (uname(&u) == -1) {
		strlcpy(buf, "p2pd/v" PACKAGE_VERSION, len);
		return;
	}
	for (p = u.sysname; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	snprintf(buf, len, "p2pd/v%s/%.32s-%.32s", PACKAGE_VERSION, u.sysname,
	    u.machine);
}

static void
default_socket(struct conf_socket *s, const char *path, mode_t mode)
{
	strlcpy(s->path, path, sizeof(s->path));
	s->mode = mode;
}

static void
conf_nodes_init(struct conf_nodes *ns)
{
	TAILQ_INIT(&ns->list);
	RB_INIT(&ns->ids);
}

struct p2pd_conf *
conf_new(void)
{
	struct p2pd_conf	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	TAILQ_INIT(&c->listens);
	conf_nodes_init(&c->allowlist);
	TAILQ_INIT(&c->bootnodes);
	TAILQ_INIT(&c->bans.list);
	RB_INIT(&c->bans.tree);
	conf_nodes_init(&c->statics);
	conf_nodes_init(&c->trusted);
	TAILQ_INIT(&c->apprules);

	c->dial = 1;
	c->discovery_v4 = 1;
	c->network = NETWORK_MAINNET;
	c->max_peers = 50;
	c->max_pending_in = 50;
	c->max_pending_out = 50;
	c->dial_ratio = 3;
	c->retire_age = 600;
	c->retire_pause = 10;
	c->throttle_addr.count = 1;
	c->throttle_addr.seconds = 30;
	c->throttle_net.count = 10;
	c->throttle_net.seconds = 30;
	default_client(c->client, sizeof(c->client));

	c->sessions = 1;
	strlcpy(c->user, P2PD_USER, sizeof(c->user));
	strlcpy(c->chroot, CONF_CHROOT, sizeof(c->chroot));
	strlcpy(c->datadir, CONF_DATADIR, sizeof(c->datadir));

	default_socket(&c->ctl, CONF_CTL_SOCK, 0660);
	default_socket(&c->ctl_ro, CONF_CTL_RO_SOCK, 0666);
	default_socket(&c->app, CONF_APP_SOCK, 0660);

	c->queue_peer = 32 * MIB;
	c->queue_app = 64 * MIB;
	c->session_memory = 256 * MIB;
	c->stall_limit = 5;
	c->app_grace = 10;
	return c;
}

static void
conf_nodes_free(struct conf_nodes *ns)
{
	struct conf_node	*n;

	while ((n = TAILQ_FIRST(&ns->list)) != NULL) {
		TAILQ_REMOVE(&ns->list, n, entry);
		free(n);
	}
}

void
conf_free(struct p2pd_conf *c)
{
	struct conf_listen	*l;
	struct conf_boot	*boot;
	struct conf_ban		*b;
	struct conf_apprule	*r;

	if (c == NULL)
		return;
	while ((l = TAILQ_FIRST(&c->listens)) != NULL) {
		TAILQ_REMOVE(&c->listens, l, entry);
		free(l);
	}
	while ((boot = TAILQ_FIRST(&c->bootnodes)) != NULL) {
		TAILQ_REMOVE(&c->bootnodes, boot, entry);
		free(boot);
	}
	while ((b = TAILQ_FIRST(&c->bans.list)) != NULL) {
		TAILQ_REMOVE(&c->bans.list, b, entry);
		free(b);
	}
	while ((r = TAILQ_FIRST(&c->apprules)) != NULL) {
		TAILQ_REMOVE(&c->apprules, r, entry);
		free(r);
	}
	conf_nodes_free(&c->allowlist);
	conf_nodes_free(&c->statics);
	conf_nodes_free(&c->trusted);
	netset_clear(&c->netrestrict);
	free(c);
}

int
conf_user(const struct p2pd_conf *c, uid_t *uid, gid_t *gid)
{
	struct passwd	*pw;

	if ((pw = getpwnam(c->user)) == NULL) {
		log_warnx("user %s, which the children should run as, does not "
		    "exist: make it, or name another by \"user\" in the "
		    "configuration", c->user);
		return -1;
	}
	if (pw->pw_uid == 0) {
		log_warnx("user %s is root: the children need another", c->user);
		return -1;
	}
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

static int
in_group(gid_t gid, const gid_t *gids, size_t ngids)
{
	size_t	 i;

	for (i = 0; i < ngids; i++)
		if (gids[i] == gid)
			return 1;
	return 0;
}

static int
rule_is_for(const struct conf_apprule *r, uid_t uid, const gid_t *gids,
    size_t ngids)
{
	switch (r->who) {
	case CONF_WHO_ANY:
		return 1;
	case CONF_WHO_USER:
		return r->uid == uid;
	case CONF_WHO_GROUP:
		return in_group(r->gid, gids, ngids);
	}
	return 0;
}

static int
matches(const char *pattern, size_t len, const char *s)
{
	char	 buf[CONF_PATTERN_MAX];

	if (len >= sizeof(buf))
		return 0;
	memcpy(buf, pattern, len);
	buf[len] = '\0';
	return fnmatch(buf, s, 0) == 0;
}

/* A pattern without a slash is for the name in every version. */
static int
rule_names(const struct conf_apprule *r, const char *cap)
{
	char		 name[CONF_PATTERN_MAX];
	size_t		 n = strcspn(r->pattern, "/");
	const char	*version = strchr(cap, '/');

	strlcpy(name, cap, sizeof(name));
	name[strcspn(name, "/")] = '\0';
	if (r->pattern[n] == '\0')
		return fnmatch(r->pattern, name, 0) == 0;
	if (version != NULL)
		return fnmatch(r->pattern, cap, 0) == 0;
	return matches(r->pattern, n, name) &&
	    (!r->allow || strcmp(r->pattern + n, "/*") == 0);
}

static int
app_default(const struct p2pd_conf *c, uid_t uid, const gid_t *gids,
    size_t ngids)
{
	if (uid == 0 || uid == geteuid())
		return 1;
	return in_group(c->app.group[0] != '\0' ? c->app.gid : getegid(), gids,
	    ngids);
}

int
conf_app_any(const struct p2pd_conf *c, uid_t uid, const gid_t *gids,
    size_t ngids)
{
	const struct conf_apprule	*r;

	TAILQ_FOREACH(r, &c->apprules, entry) {
		if (!rule_is_for(r, uid, gids, ngids))
			continue;
		if (r->allow)
			return 1;
		if (r->as == CONF_AS_ANY && strcmp(r->pattern, "*") == 0)
			return 0;
	}
	return app_default(c, uid, gids, ngids);
}

int
conf_app_rule(const struct p2pd_conf *c, const char *cap, enum conf_as as,
    uid_t uid, const gid_t *gids, size_t ngids, uint64_t *rate)
{
	const struct conf_apprule	*r;

	*rate = 0;
	TAILQ_FOREACH(r, &c->apprules, entry) {
		if ((r->as != CONF_AS_ANY && r->as != as) ||
		    !rule_is_for(r, uid, gids, ngids) || !rule_names(r, cap))
			continue;
		*rate = r->rate;
		return r->allow;
	}
	return app_default(c, uid, gids, ngids);
}
