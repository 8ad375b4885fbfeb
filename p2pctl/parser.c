/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/reason.h"
#include "p2pctl/parserint.h"

int
parse_fail(char *err, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(err, PARSE_ERRLEN, fmt, ap);
	va_end(ap);
	return -1;
}

int
parse_duration(uint64_t *seconds, const char *s)
{
	static const char	 units[] = "smhdw";
	static const uint64_t	 factor[] = { 1, 60, 3600, 86400, 604800 };
	const char		*u;
	char			*end;
	unsigned long long	 n;
	uint64_t		 sum = 0;

	if (*s == '\0')
		return -1;
	while (*s != '\0') {
		if (!isdigit((unsigned char)*s))
			return -1;
		n = strtoull(s, &end, 10);
		if (*end == '\0')
			u = units;
		else if ((u = strchr(units, *end++)) == NULL)
			return -1;
		/* Centuries are a slip of the finger. */
		if (n > UINT32_MAX / factor[u - units])
			return -1;
		sum += n * factor[u - units];
		s = end;
	}
	if (sum == 0 || sum > UINT32_MAX)
		return -1;
	*seconds = sum;
	return 0;
}

int
take_action(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->action = (enum action)t->value;
	return 0;
}

static int
take_show(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->action = ACT_SHOW;
	rq->show.what = (uint8_t)t->value;
	return 0;
}

static int
take_peer_op(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->action = ACT_PEER;
	rq->peer.op = (uint8_t)t->value;
	return 0;
}

static int
take_ban_op(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->action = ACT_BAN;
	rq->ban.op = (uint8_t)t->value;
	return 0;
}

static int
take_log(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->action = ACT_LOG;
	rq->log.verbose = (uint8_t)t->value;
	return 0;
}

static int
take_messages(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->monitor.messages = 1;
	return 0;
}

static int
take_wait(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->peer.wait = 1;
	return 0;
}

static int
take_save(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->peer.save = 1;
	return 0;
}

/* The first digits of an id, in lower case. */
static int
take_digits(struct request *rq, const char *s)
{
	size_t	 i, n;

	if (strncmp(s, "0x", 2) == 0)
		s += 2;
	n = strlen(s);
	if (n < DIGITS_MIN || n >= 2 * SECP_PUB)
		return -1;
	for (i = 0; i < n; i++) {
		if (!isxdigit((unsigned char)s[i]))
			return -1;
		rq->digits[i] = (char)tolower((unsigned char)s[i]);
	}
	rq->digits[n] = '\0';
	return 0;
}

/* A node by its enode URL, its id, or the first digits of that. */
static int
take_id(struct request *rq, const struct token *t, const char *s, char *err)
{
	struct enode	 e;
	const char	*why;

	if (take_digits(rq, s) == 0)
		return 0;
	if (enode_parse(&e, strncmp(s, "0x", 2) == 0 ? s + 2 : s, &why) == -1)
		return fail(err, "%s: %s", s, why);
	memcpy(rq->show.id, e.id, sizeof(e.id));
	memcpy(rq->peer.id, e.id, sizeof(e.id));
	memcpy(rq->ban.id, e.id, sizeof(e.id));
	return 0;
}

static int
take_enode(struct request *rq, const struct token *t, const char *s, char *err)
{
	struct enode	 e;
	const char	*why;

	if (enode_parse(&e, s, &why) == -1)
		return fail(err, "%s: %s", s, why);
	if (e.host[0] == '\0' || e.tcp == 0)
		return fail(err, "%s: an address and a TCP port are needed", s);
	memcpy(rq->peer.id, e.id, sizeof(e.id));
	strlcpy(rq->peer.host, e.host, sizeof(rq->peer.host));
	rq->peer.tcp = e.tcp;
	rq->peer.udp = e.udp;
	return 0;
}

static int
take_reason(struct request *rq, const struct token *t, const char *s, char *err)
{
	char	 words[256] = "";
	int	 r, i;

	if ((r = disc_byname(s)) == -1) {
		for (i = 0; i <= DISC_SUBPROTOCOL; i++) {
			if (i > DISC_TIMEOUT && i < DISC_SUBPROTOCOL)
				continue;
			if (i > 0)
				strlcat(words, ", ", sizeof(words));
			strlcat(words, disc_name((unsigned int)i), sizeof(words));
		}
		for (i = 0; words[i] != '\0'; i++)
			if (words[i] == ' ' && i > 0 && words[i - 1] != ',')
				words[i] = '-';
		return fail(err, "unknown reason \"%s\"; one of a number, %s", s,
		    words);
	}
	rq->peer.reason = (uint8_t)r;
	return 0;
}

static int
take_target(struct request *rq, const struct token *t, const char *s, char *err)
{
	if (prefix_parse(&rq->ban.prefix, s) == 0)
		return 0;
	rq->ban.by_id = 1;
	if (strchr(s, '.') != NULL && strncmp(s, "enode:", 6) != 0)
		return fail(err, "%s: not an address or prefix", s);
	return take_id(rq, t, s, err);
}

static int
take_for(struct request *rq, const struct token *t, const char *s, char *err)
{
	if (parse_duration(&rq->ban.seconds, s) == -1)
		return fail(err, "%s: not a duration like 90s, 15m, 2h or 7d", s);
	return 0;
}

static int
take_note(struct request *rq, const struct token *t, const char *s, char *err)
{
	if (strlcpy(rq->ban.note, s, sizeof(rq->ban.note)) >=
	    sizeof(rq->ban.note))
		return fail(err, "note is longer than %zu bytes",
		    sizeof(rq->ban.note) - 1);
	return 0;
}

/* A node by any text that names one. */
static int
take_node(struct request *rq, const struct token *t, const char *s, char *err)
{
	struct node_spec	 spec;
	const char		*why;

	if (take_digits(rq, s) == 0)
		return 0;
	if (node_spec_parse(&spec, strncmp(s, "0x", 2) == 0 ? s + 2 : s,
	    &why) == -1)
		return fail(err, "%s: %s", s, why);
	memcpy(rq->show.id, spec.key, sizeof(spec.key));
	memcpy(rq->lookup.id, spec.key, sizeof(spec.key));
	return 0;
}

const struct token t_end[] = { { DONE }, { END } };

static const struct token t_show_peer[] = {
	{ ARG, "ID", t_end, take_id }, { END }
};

static const struct token t_show_node[] = {
	{ ARG, "NODE", t_end, take_node }, { END }
};

static const struct token t_show[] = {
	{ WORD, "status", t_end, take_show, SHOW_STATUS },
	{ WORD, "peers", t_end, take_show, SHOW_PEERS },
	{ WORD, "peer", t_show_peer, take_show, SHOW_PEER },
	{ WORD, "apps", t_end, take_show, SHOW_APPS },
	{ WORD, "processes", t_end, take_show, SHOW_PROCESSES },
	{ WORD, "keys", t_end, take_show, SHOW_KEYS },
	{ WORD, "memory", t_end, take_show, SHOW_MEMORY },
	{ WORD, "queues", t_end, take_show, SHOW_QUEUES },
	{ WORD, "history", t_end, take_show, SHOW_HISTORY },
	{ WORD, "config", t_end, take_show, SHOW_CONFIG },
	{ WORD, "bans", t_end, take_show, SHOW_BANS },
	{ WORD, "nodes", t_end, take_show, SHOW_NODES },
	{ WORD, "enr", t_end, take_show, SHOW_ENR },
	{ WORD, "table", t_end, take_show, SHOW_TABLE },
	{ WORD, "node", t_show_node, take_show, SHOW_NODE },
	{ WORD, "db", t_end, take_show, SHOW_DB },
	{ WORD, "lookups", t_end, take_show, SHOW_LOOKUPS },
	{ WORD, "why", t_show_node, take_show, SHOW_WHY },
	{ END }
};

static const struct token t_add_opt[] = {
	{ DONE },
	{ WORD, "--wait", t_add_opt, take_wait },
	{ WORD, "--save", t_add_opt, take_save },
	{ END }
};
static const struct token t_add[] = {
	{ ARG, "ENODE", t_add_opt, take_enode }, { END }
};
static const struct token t_save_opt[] = {
	{ DONE }, { WORD, "--save", t_save_opt, take_save }, { END }
};
static const struct token t_node[] = {
	{ ARG, "ID", t_save_opt, take_id }, { END }
};
static const struct token t_reason[] = {
	{ DONE }, { ARG, "REASON", t_end, take_reason }, { END }
};
static const struct token t_disconnect[] = {
	{ ARG, "ID", t_reason, take_id }, { END }
};
static const struct token t_peer[] = {
	{ WORD, "add", t_add, take_peer_op, PEER_ADD },
	{ WORD, "remove", t_node, take_peer_op, PEER_REMOVE },
	{ WORD, "trust", t_node, take_peer_op, PEER_TRUST },
	{ WORD, "untrust", t_node, take_peer_op, PEER_UNTRUST },
	{ WORD, "disconnect", t_disconnect, take_peer_op, PEER_DISCONNECT },
	{ END }
};

static const struct token t_ban_opt[];
static const struct token t_ban_for[] = {
	{ ARG, "DURATION", t_ban_opt, take_for }, { END }
};
static const struct token t_ban_note[] = {
	{ ARG, "TEXT", t_ban_opt, take_note }, { END }
};
static const struct token t_ban_opt[] = {
	{ DONE },
	{ WORD, "--for", t_ban_for },
	{ WORD, "--note", t_ban_note },
	{ END }
};
static const struct token t_ban_add[] = {
	{ ARG, "ID|ADDRESS|PREFIX", t_ban_opt, take_target }, { END }
};
static const struct token t_ban_del[] = {
	{ ARG, "ID|ADDRESS|PREFIX", t_end, take_target }, { END }
};
static const struct token t_ban[] = {
	{ WORD, "add", t_ban_add, take_ban_op, BAN_ADD },
	{ WORD, "del", t_ban_del, take_ban_op, BAN_DEL },
	{ WORD, "show", t_end, take_show, SHOW_BANS },
	{ END }
};

static const struct token t_monitor[] = {
	{ DONE }, { WORD, "messages", t_end, take_messages }, { END }
};
static const struct token t_log[] = {
	{ WORD, "verbose", t_end, take_log, 1 },
	{ WORD, "brief", t_end, take_log, 0 },
	{ END }
};

static const struct token t_attach[] = {
	{ REST, "CAPABILITY/VERSION:CODES", NULL },
	{ END }
};
static const struct token t_lookup[] = {
	{ DONE }, { ARG, "NODE", t_end, take_node }, { END }
};
static const struct token t_main[] = {
	{ DONE },
	{ WORD, "show", t_show },
	{ WORD, "peer", t_peer },
	{ WORD, "ban", t_ban },
	{ WORD, "attach", t_attach, take_action, ACT_ATTACH },
	{ WORD, "monitor", t_monitor, take_action, ACT_MONITOR },
	{ WORD, "log", t_log },
	{ WORD, "stop", t_end, take_action, ACT_STOP },
	{ WORD, "key", t_key },
	{ WORD, "enode", t_enode },
	{ WORD, "enr", t_enr },
	{ WORD, "ping", t_ping, take_action, ACT_PING },
	{ WORD, "resolve", t_resolve, take_action, ACT_RESOLVE },
	{ WORD, "crawl", t_crawl, take_action, ACT_CRAWL },
	{ WORD, "lookup", t_lookup, take_action, ACT_LOOKUP },
	{ END }
};

static const struct token *
find_kind(const struct token *t, enum kind kind)
{
	for (; t->kind != END; t++)
		if (t->kind == kind)
			return t;
	return NULL;
}

/* "show, peer, ban": those that begin with s. Returns out. */
static const char *
list_words(const struct token *t, const char *s, char *out, size_t len)
{
	out[0] = '\0';
	for (; t->kind != END; t++) {
		if (t->kind == DONE ||
		    (t->kind == WORD && strncmp(t->word, s, strlen(s)) != 0))
			continue;
		if (out[0] != '\0')
			strlcat(out, ", ", len);
		strlcat(out, t->word, len);
	}
	return out;
}

const char *
parse_commands(char *out, size_t len)
{
	return list_words(t_main, "", out, len);
}

static const struct token *
match(const struct token *table, const char *s, char *err)
{
	const struct token	*t, *found = NULL, *arg = find_kind(table, ARG);
	char			 words[512];
	unsigned int		 n = 0;

	for (t = table; t->kind != END; t++) {
		if (t->kind != WORD)
			continue;
		if (strcmp(t->word, s) == 0)
			return t;
		if (*s != '\0' && strncmp(t->word, s, strlen(s)) == 0) {
			found = t;
			n++;
		}
	}
	/* Where any text may stand a word is to be written out. */
	if (arg != NULL)
		return arg;
	if (n == 1)
		return found;
	if (n > 1)
		fail(err, "ambiguous \"%s\": %s", s,
		    list_words(table, s, words, sizeof(words)));
	else if (*list_words(table, "", words, sizeof(words)) == '\0')
		fail(err, "unexpected \"%s\" at the end", s);
	else
		fail(err, "unknown \"%s\"; valid: %s", s, words);
	return NULL;
}

int
parse(struct request *rq, int argc, char *argv[], char err[PARSE_ERRLEN])
{
	const struct token	*table = t_main, *t;
	char			 words[512];
	int			 i;

	memset(rq, 0, sizeof(*rq));
	rq->action = ACT_SHOW;
	rq->show.what = SHOW_STATUS;
	rq->net.count = NET_COUNT;
	rq->net.timeout_ms = NET_TIMEOUT;
	rq->net.rate = NET_RATE;
	rq->net.max = NET_NODES;
	rq->net.seconds = NET_SECONDS;
	rq->net.network = NETWORK_NONE;
	for (i = 0; i < argc; i++) {
		if (find_kind(table, REST) != NULL)
			break;
		if (strcmp(argv[i], "-j") == 0) {
			rq->json = 1;
			continue;
		}
		if ((t = match(table, argv[i], err)) == NULL)
			return -1;
		if (t->take != NULL && t->take(rq, t, argv[i], err) == -1)
			return -1;
		table = t->next;
	}
	if (find_kind(table, REST) != NULL && i > 0) {
		rq->argc = argc - i + 1;
		rq->argv = argv + i - 1;
		return 0;
	}
	if (find_kind(table, DONE) == NULL)
		return fail(err, "more is needed; valid: %s",
		    list_words(table, "", words, sizeof(words)));
	return 0;
}
