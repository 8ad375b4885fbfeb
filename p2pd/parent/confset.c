/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/confset.h"

enum kind { NUMBER, SIZE, TIME, PATH, NAME, CLIENT };

struct setting {
	const char	*name;
	enum kind	 kind;
	size_t		 off;
	uint64_t	 min;
	uint64_t	 max;
};

#define FIELD(f)	offsetof(struct p2pd_conf, f)
#define K		1024ULL
#define M		(K * K)
#define G		(K * M)
#define DAY		86400ULL

/* A NUMBER and a TIME are uint32_t, a SIZE is uint64_t, the rest are text. */
static const struct setting settings[] = {
	{ "application grace", TIME, FIELD(app_grace), 0, 3600 },
	{ "chroot", PATH, FIELD(chroot), 0, CONF_CHROOT_MAX },
	{ "client", CLIENT, FIELD(client), 0, CLIENT_MAX },
	{ "data directory", PATH, FIELD(datadir), 0, CONF_PATH_MAX },
	{ "dial-ratio", NUMBER, FIELD(dial_ratio), 1, 1000 },
	{ "max-peers", NUMBER, FIELD(max_peers), 0, CONF_PEERS_MAX },
	{ "max-pending-inbound", NUMBER, FIELD(max_pending_in), 1, 10000 },
	{ "max-pending-outbound", NUMBER, FIELD(max_pending_out), 1, 10000 },
	{ "node key", PATH, FIELD(keyfile), 0, CONF_PATH_MAX },
	{ "queue application", SIZE, FIELD(queue_app), 64 * K, 64 * G },
	{ "queue per-peer", SIZE, FIELD(queue_peer), 64 * K, 64 * G },
	{ "retire after", TIME, FIELD(retire_age), 1, 365 * DAY },
	{ "retire every", TIME, FIELD(retire_pause), 1, DAY },
	{ "session memory", SIZE, FIELD(session_memory), 32 * M, 1024 * G },
	{ "sessions", NUMBER, FIELD(sessions), 1, CONF_SESSIONS_MAX },
	{ "stall-limit", TIME, FIELD(stall_limit), 0, 3600 },
	{ "throttle address", TIME, FIELD(throttle_addr.seconds), 1, DAY },
	{ "throttle subnet", NUMBER, FIELD(throttle_net.count), 1, 1000000 },
	{ "throttle subnet per", TIME, FIELD(throttle_net.seconds), 1, DAY },
	{ "user", NAME, FIELD(user), 0, CONF_NAME_MAX },
};

static struct conf_socket	*sock;		/* that is being set */
static struct conf_apprule	*rule;

static const struct setting *
setting_find(const char *name)
{
	size_t	 i;

	for (i = 0; i < nitems_of(settings); i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

int
confset_is_setting(const char *name)
{
	return strchr(name, ' ') == NULL && setting_find(name) != NULL;
}

/*
 * What the start would refuse. The default has no line here to be told of, and
 * a configuration that was printed elsewhere names it: conf_user() says it.
 */
static int
check_user(struct lex *l, const struct lex_word *w)
{
	struct passwd	*pw = getpwnam(w->s);

	if (pw == NULL && strcmp(w->s, P2PD_USER) != 0)
		return lex_error(l, w, "user \"%s\" does not exist", w->s);
	if (pw != NULL && pw->pw_uid == 0)
		return lex_error(l, w, "user \"%s\" is root: the children need "
		    "another", w->s);
	return 0;
}

/* A decimal number with a unit letter of units, each worth scale[]. */
static int
parse_scaled(const char *s, const char *units, const uint64_t *scale,
    uint64_t *value)
{
	const char	*unit;
	char		*end;
	uint64_t	 v;

	if (*s < '0' || *s > '9' || strlen(s) > 19)
		return -1;
	v = strtoull(s, &end, 10);
	if (*end != '\0') {
		if (end[1] != '\0' || (unit = strchr(units, *end)) == NULL)
			return -1;
		scale += unit - units;
		if (v > UINT64_MAX / *scale)
			return -1;
		v *= *scale;
	}
	*value = v;
	return 0;
}

static int
parse_size(const char *s, uint64_t *value)
{
	static const uint64_t	 scale[] = { K, M, G, K, M, G };

	return parse_scaled(s, "KMGkmg", scale, value);
}

static int
set_number(struct lex *l, struct p2pd_conf *c, const struct setting *s,
    const char *name, const struct lex_word *w)
{
	static const uint64_t	 time_scale[] = { 1, 60, 3600, DAY };
	uint64_t		 v = 0;
	uint32_t		 v32;
	int			 ret;

	if (s->kind == SIZE)
		ret = parse_size(w->s, &v);
	else if (s->kind == TIME)
		ret = parse_scaled(w->s, "smhd", time_scale, &v);
	else
		ret = parse_scaled(w->s, "", NULL, &v);
	if (ret == -1)
		return lex_error(l, w, "%s: \"%s\" is not a %s", name, w->s,
		    s->kind == SIZE ? "size, as 32M" :
		    s->kind == TIME ? "time, as 30s" : "number");
	if (v < s->min || v > s->max)
		return lex_error(l, w, "%s: %s is outside %" PRIu64 " to %"
		    PRIu64, name, w->s, s->min, s->max);
	if (s->kind == SIZE)
		memcpy((char *)c + s->off, &v, sizeof(v));
	else {
		v32 = (uint32_t)v;
		memcpy((char *)c + s->off, &v32, sizeof(v32));
	}
	return 0;
}

static int
set_text(struct lex *l, struct p2pd_conf *c, const struct setting *s,
    const char *name, const struct lex_word *w)
{
	const char	*p;

	if (w->s[0] == '\0')
		return lex_error(l, w, "%s is empty", name);
	if (strlen(w->s) >= s->max)
		return lex_error(l, w, "%s is longer than %" PRIu64 " bytes",
		    name, s->max - 1);
	if (s->kind == PATH && w->s[0] != '/')
		return lex_error(l, w, "%s: \"%s\" does not begin with \"/\"",
		    name, w->s);
	if (s->kind == NAME && check_user(l, w) == -1)
		return -1;
	for (p = w->s; s->kind == CLIENT && *p != '\0'; p++)
		if (*p < ' ' || *p > '~' || *p == '\\')
			return lex_error(l, w, "%s has other than printable "
			    "ASCII", name);
	strlcpy((char *)c + s->off, w->s, s->max);
	return 0;
}

int
confset_named(struct lex *l, struct p2pd_conf *c, const char *name,
    const struct lex_word *w)
{
	const struct setting	*s = setting_find(name);

	if (s == NULL)
		fatalx("no setting %s", name);
	if (s->kind == NUMBER || s->kind == SIZE || s->kind == TIME)
		return set_number(l, c, s, name, w);
	return set_text(l, c, s, name, w);
}

int
confset_setting(struct lex *l, struct p2pd_conf *c, const struct lex_word *name,
    const struct lex_word *w)
{
	return confset_named(l, c, name->s, w);
}

static int
add_listen(struct lex *l, struct p2pd_conf *c, const struct lex_word *w,
    const struct addr *a, int wildcard)
{
	struct conf_listen	*cl;
	char			 buf[ADDR_STRLEN];

	TAILQ_FOREACH(cl, &c->listens, entry)
		if (a->port != 0 && addr_cmp(&cl->addr, a) == 0)
			return lex_error(l, w, "%s is listed already",
			    addr_format(a, buf));
	if ((cl = calloc(1, sizeof(*cl))) == NULL)
		fatal("configuration");
	cl->addr = *a;
	cl->wildcard = wildcard;
	cl->udp = CONF_UDP_SAME;
	TAILQ_INSERT_TAIL(&c->listens, cl, entry);
	return 0;
}

static int
parse_listen_ip(struct addr *a, const char *s)
{
	char	 buf[ADDR_STRLEN];
	size_t	 len = strlen(s);

	if (s[0] == '[' && s[len - 1] == ']' && len < sizeof(buf)) {
		memcpy(buf, s + 1, len - 2);
		buf[len - 2] = '\0';
		return addr_parse_ip(a, buf) == 0 && a->af == 6 ? 0 : -1;
	}
	return addr_parse_ip(a, s);
}

static int
set_port(struct lex *l, const struct lex_word *w, uint64_t *port)
{
	if (parse_scaled(w->s, "", NULL, port) == -1 || *port > 65535)
		return lex_error(l, w, "\"%s\" is not a port", w->s);
	return 0;
}

int
confset_listen(struct lex *l, struct p2pd_conf *c, const struct lex_word *w,
    const struct lex_word *portw)
{
	struct addr	 a;
	uint64_t	 port = CONF_PORT;

	if (portw != NULL && set_port(l, portw, &port) == -1)
		return -1;
	if (strcmp(w->s, "*") == 0) {
		(void)addr_parse_ip(&a, "0.0.0.0");
		a.port = (uint16_t)port;
		if (add_listen(l, c, w, &a, 1) == -1)
			return -1;
		(void)addr_parse_ip(&a, "::");
		a.port = (uint16_t)port;
		return add_listen(l, c, w, &a, 1);
	}
	if (parse_listen_ip(&a, w->s) == -1)
		return lex_error(l, w, "\"%s\" is neither an address nor \"*\"",
		    w->s);
	a.port = (uint16_t)port;
	return add_listen(l, c, w, &a, 0);
}

int
confset_listen_udp(struct lex *l, struct p2pd_conf *c, const struct lex_word *w)
{
	struct conf_listen	*cl;
	uint64_t		 port;

	if (w != NULL && set_port(l, w, &port) == -1)
		return -1;
	/* A "*" was two. */
	TAILQ_FOREACH_REVERSE(cl, &c->listens, conf_listens, entry) {
		cl->udp = w == NULL ? CONF_UDP_NONE : (int)port;
		if (!cl->wildcard || cl->addr.af == 4)
			break;
	}
	return 0;
}

int
confset_network(struct lex *l, struct p2pd_conf *c, const struct lex_word *w)
{
	int	 net;

	if ((net = network_byname(w->s)) == -1)
		return lex_error(l, w, "network \"%s\" is none of mainnet, "
		    "sepolia, hoodi, none", w->s);
	c->network = (enum network)net;
	return 0;
}

int
confset_bootnode(struct lex *l, struct p2pd_conf *c, const struct lex_word *w)
{
	struct conf_boot	*b;
	struct node_spec	 s;
	struct addr		 a;
	uint16_t		 tcp;
	const char		*why;

	if (node_spec_parse(&s, w->s, &why) == -1)
		return lex_error(l, w, "\"%.40s%s\": %s", w->s,
		    strlen(w->s) > 40 ? "..." : "", why);
	if (s.host[0] != '\0' ? s.udp == 0 :
	    node_spec_best(&s, &a, &tcp) == -1 || a.port == 0)
		return lex_error(l, w, "a bootnode needs its address and UDP "
		    "port");
	TAILQ_FOREACH(b, &c->bootnodes, entry)
		if (memcmp(b->node.key, s.key, sizeof(s.key)) == 0)
			return lex_error(l, w, "this node is listed already");
	if ((b = calloc(1, sizeof(*b))) == NULL)
		fatal("configuration");
	b->node = s;
	TAILQ_INSERT_TAIL(&c->bootnodes, b, entry);
	return 0;
}

int
confset_announce(struct lex *l, struct p2pd_conf *c, const struct lex_word *w)
{
	struct addr	 a;

	if (parse_listen_ip(&a, w->s) == -1)
		return lex_error(l, w, "\"%s\" is not an address", w->s);
	if (addr_is_any(&a))
		return lex_error(l, w, "%s is no address that others could "
		    "reach", w->s);
	*(a.af == 4 ? &c->announce4 : &c->announce6) = a;
	return 0;
}

int
confset_announce_port(struct lex *l, uint16_t *to, const struct lex_word *w)
{
	uint64_t	 port;

	if (set_port(l, w, &port) == -1)
		return -1;
	if (port == 0)
		return lex_error(l, w, "port 0 cannot be announced");
	*to = (uint16_t)port;
	return 0;
}

int
confset_netrestrict(struct lex *l, struct p2pd_conf *c, const struct lex_word *w)
{
	struct prefix	 p;

	if (prefix_parse(&p, w->s) == -1)
		return lex_error(l, w, "\"%s\" is not a prefix", w->s);
	if (netset_add(&c->netrestrict, &p) == -1)
		fatal("configuration");
	return 0;
}

static int
node_cmp(const struct conf_node *a, const struct conf_node *b)
{
	return memcmp(a->enode.id, b->enode.id, SECP_PUB);
}

RB_PROTOTYPE(conf_node_ids, conf_node, byid, node_cmp);
RB_GENERATE(conf_node_ids, conf_node, byid, node_cmp)

/* 0, or -1 when it is there already. */
static int
node_add(struct conf_nodes *ns, const struct enode *e)
{
	struct conf_node	*n;

	if ((n = calloc(1, sizeof(*n))) == NULL)
		fatal("configuration");
	n->enode = *e;
	if (RB_INSERT(conf_node_ids, &ns->ids, n) != NULL) {
		free(n);
		return -1;
	}
	TAILQ_INSERT_TAIL(&ns->list, n, entry);
	return 0;
}

static int
parse_node(struct lex *l, struct enode *e, const struct lex_word *w)
{
	const char	*why;

	if (enode_parse(e, w->s, &why) == 0)
		return 0;
	return lex_error(l, w, "\"%.40s%s\": %s", w->s,
	    strlen(w->s) > 40 ? "..." : "", why);
}

/* Where only the id counts, a node named twice is one node. */
static int
add_id(struct lex *l, struct conf_nodes *ns, const struct lex_word *w)
{
	struct enode	 e;

	if (parse_node(l, &e, w) == -1)
		return -1;
	(void)node_add(ns, &e);
	return 0;
}

int
confset_allow(struct lex *l, struct p2pd_conf *c, const struct lex_word *w)
{
	return add_id(l, &c->allowlist, w);
}

int
confset_trusted(struct lex *l, struct p2pd_conf *c, const struct lex_word *w)
{
	return add_id(l, &c->trusted, w);
}

int
confset_static(struct lex *l, struct p2pd_conf *c, const struct lex_word *w)
{
	struct enode	 e;

	if (parse_node(l, &e, w) == -1)
		return -1;
	if (e.host[0] == '\0' || e.tcp == 0)
		return lex_error(l, w, "a static node needs its address and "
		    "port: enode://ID@HOST:PORT");
	if (node_add(&c->statics, &e) == -1)
		return lex_error(l, w, "this node is listed already");
	return 0;
}

static int
ban_cmp(const struct conf_ban *a, const struct conf_ban *b)
{
	if (a->is_id != b->is_id)
		return a->is_id < b->is_id ? -1 : 1;
	return a->is_id ? memcmp(a->id, b->id, SECP_PUB) :
	    prefix_cmp(&a->prefix, &b->prefix);
}

RB_PROTOTYPE(conf_ban_tree, conf_ban, bywhat, ban_cmp);
RB_GENERATE(conf_ban_tree, conf_ban, bywhat, ban_cmp)

int
confset_ban(struct lex *l, struct p2pd_conf *c, const struct lex_word *w)
{
	struct conf_ban	 ban, *b;
	struct enode	 e;
	const char	*why;

	memset(&ban, 0, sizeof(ban));
	if (prefix_parse(&ban.prefix, w->s) == -1) {
		memset(&ban.prefix, 0, sizeof(ban.prefix));
		if (enode_parse(&e, w->s, &why) == -1)
			return lex_error(l, w, "\"%.40s%s\" is neither a prefix "
			    "nor a node", w->s, strlen(w->s) > 40 ? "..." : "");
		ban.is_id = 1;
		memcpy(ban.id, e.id, SECP_PUB);
	}
	if (RB_FIND(conf_ban_tree, &c->bans.tree, &ban) != NULL)
		return 0;
	if ((b = malloc(sizeof(*b))) == NULL)
		fatal("configuration");
	*b = ban;
	RB_INSERT(conf_ban_tree, &c->bans.tree, b);
	TAILQ_INSERT_TAIL(&c->bans.list, b, entry);
	return 0;
}

/* A name or a number; groups and users differ in the look-up alone. */
static int
parse_number_id(const char *s, uint64_t *id)
{
	return parse_scaled(s, "", NULL, id) == 0 && *id < UINT32_MAX ? 0 : -1;
}

static int
find_group(struct lex *l, const struct lex_word *w, char name[CONF_NAME_MAX],
    gid_t *gid)
{
	struct group	*gr;
	uint64_t	 n;

	if ((gr = getgrnam(w->s)) != NULL)
		*gid = gr->gr_gid;
	else if (parse_number_id(w->s, &n) == 0)
		*gid = (gid_t)n;
	else
		return lex_error(l, w, "group \"%s\" does not exist", w->s);
	if (strlcpy(name, w->s, CONF_NAME_MAX) >= CONF_NAME_MAX)
		return lex_error(l, w, "name is too long");
	return 0;
}

void
confset_socket(struct conf_socket *s)
{
	sock = s;
}

void
confset_socket_none(void)
{
	sock->path[0] = '\0';
}

int
confset_socket_path(struct lex *l, const struct lex_word *w)
{
	if (w->s[0] != '/')
		return lex_error(l, w, "socket: \"%s\" does not begin with \"/\"",
		    w->s);
	if (strlcpy(sock->path, w->s, sizeof(sock->path)) >= sizeof(sock->path))
		return lex_error(l, w, "socket: path is longer than %zu bytes",
		    sizeof(sock->path) - 1);
	return 0;
}

int
confset_socket_group(struct lex *l, const struct lex_word *w)
{
	return find_group(l, w, sock->group, &sock->gid);
}

int
confset_socket_mode(struct lex *l, const struct lex_word *w)
{
	char		*end;
	unsigned long	 mode;

	mode = strtoul(w->s, &end, 8);
	if (w->s[0] < '0' || w->s[0] > '7' || *end != '\0' || mode > 0777)
		return lex_error(l, w, "\"%s\" is not a mode, as 0660", w->s);
	sock->mode = (mode_t)mode;
	return 0;
}

void
confset_rule(struct p2pd_conf *c, int allow)
{
	if ((rule = calloc(1, sizeof(*rule))) == NULL)
		fatal("configuration");
	rule->allow = allow;
	rule->who = CONF_WHO_ANY;
	strlcpy(rule->pattern, "*", sizeof(rule->pattern));
	TAILQ_INSERT_TAIL(&c->apprules, rule, entry);
}

int
confset_rule_user(struct lex *l, const struct lex_word *w)
{
	struct passwd	*pw;
	uint64_t	 n;

	rule->who = CONF_WHO_USER;
	if ((pw = getpwnam(w->s)) != NULL)
		rule->uid = pw->pw_uid;
	else if (parse_number_id(w->s, &n) == 0)
		rule->uid = (uid_t)n;
	else
		return lex_error(l, w, "user \"%s\" does not exist", w->s);
	if (strlcpy(rule->name, w->s, sizeof(rule->name)) >= sizeof(rule->name))
		return lex_error(l, w, "name is too long");
	return 0;
}

int
confset_rule_group(struct lex *l, const struct lex_word *w)
{
	rule->who = CONF_WHO_GROUP;
	return find_group(l, w, rule->name, &rule->gid);
}

int
confset_rule_pattern(struct lex *l, const struct lex_word *w)
{
	if (w == NULL)
		return 0;
	if (w->s[0] == '\0')
		return lex_error(l, w, "capability: pattern is empty");
	if (strlcpy(rule->pattern, w->s, sizeof(rule->pattern)) >=
	    sizeof(rule->pattern))
		return lex_error(l, w, "capability: pattern is longer than %zu "
		    "bytes", sizeof(rule->pattern) - 1);
	return 0;
}

void
confset_rule_mode(enum conf_as as)
{
	rule->as = as;
}

int
confset_rule_rate(struct lex *l, const struct lex_word *w)
{
	if (w == NULL)
		return 0;
	if (!rule->allow)
		return lex_error(l, w, "rate: what is denied has none");
	if (rule->as == CONF_AS_TAP)
		return lex_error(l, w, "rate: a tap sends nothing");
	if (parse_size(w->s, &rule->rate) == -1)
		return lex_error(l, w, "rate: \"%s\" is not a size, as 5M",
		    w->s);
	if (rule->rate < K || rule->rate > 64 * G)
		return lex_error(l, w, "rate: %s is outside 1K to 64G", w->s);
	return 0;
}

void
confset_finish(struct lex *l, struct p2pd_conf *c, const char *file,
    int listen_none)
{
	struct lex_word	 whole = { .file = file };
	struct addr	 any;

	if (listen_none && !TAILQ_EMPTY(&c->listens))
		lex_error(l, &whole, "\"listen none\" and \"listen on\" "
		    "contradict each other");
	if (!listen_none && TAILQ_EMPTY(&c->listens)) {
		(void)addr_parse_ip(&any, "0.0.0.0");
		any.port = CONF_PORT;
		(void)add_listen(l, c, &whole, &any, 1);
		(void)addr_parse_ip(&any, "::");
		any.port = CONF_PORT;
		(void)add_listen(l, c, &whole, &any, 1);
	}
	if (strcmp(c->chroot, "/") == 0)
		lex_error(l, &whole, "chroot \"/\" is no jail");
	if (c->session_memory > SIZE_MAX / 2)
		lex_error(l, &whole, "session memory is more than a process "
		    "can have here");
	if (c->queue_peer > c->session_memory)
		lex_error(l, &whole, "queue per-peer is more than session memory");
	if (c->queue_app > c->session_memory)
		lex_error(l, &whole, "queue application is more than session memory");
	if (c->keyfile[0] == '\0' && (size_t)snprintf(c->keyfile,
	    sizeof(c->keyfile), "%s/" CONF_KEYFILE, c->datadir) >=
	    sizeof(c->keyfile))
		lex_error(l, &whole, "data directory: path is too long");
}
