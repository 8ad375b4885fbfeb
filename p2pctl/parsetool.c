/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "p2pctl/parserint.h"

/* The commands that need no daemon. */

static int
take_file(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->file = s;
	return 0;
}

static int
take_file_only(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->action = ACT_KEY_SHOW;
	rq->file = s;
	return 0;
}

static int
take_ip(struct request *rq, const struct token *t, const char *s, char *err)
{
	struct addr	 a;

	if (addr_parse_ip(&a, s) == -1)
		return fail(err, "%s: not an IP address", s);
	strlcpy(rq->node.host, s, sizeof(rq->node.host));
	return 0;
}

static int
take_port(struct request *rq, const struct token *t, const char *s, char *err)
{
	const char	*why;
	uint16_t	 port;

	port = (uint16_t)strtonum(s, 1, UINT16_MAX, &why);
	if (why != NULL)
		return fail(err, "%s: port is %s", s, why);
	if (t->value == 0)
		rq->node.tcp = port;
	else
		rq->node.udp = port;
	return 0;
}

static int
take_url(struct request *rq, const struct token *t, const char *s, char *err)
{
	const char	*why;

	if (enode_parse(&rq->node, s, &why) == -1)
		return fail(err, "%s: %s", s, why);
	return 0;
}

static int
take_text(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->text = s;
	return 0;
}

/* One address of each family. */
static int
take_spec_ip(struct request *rq, const struct token *t, const char *s, char *err)
{
	struct addr	 a, *to;

	if (addr_parse_ip(&a, s) == -1)
		return fail(err, "%s: not an IP address", s);
	to = a.af == 4 ? &rq->spec.ip4 : &rq->spec.ip6;
	if (to->af != 0)
		return fail(err, "%s: a second IPv%d address", s, (int)a.af);
	*to = a;
	return 0;
}

static int
take_seq(struct request *rq, const struct token *t, const char *s, char *err)
{
	const char	*why;

	rq->seq = (uint64_t)strtonum(s, 1, INT64_MAX, &why);
	if (why != NULL)
		return fail(err, "%s: sequence is %s", s, why);
	return 0;
}

static int
take_net_node(struct request *rq, const struct token *t, const char *s, char *err)
{
	const char	*why;

	if (node_spec_parse(&rq->net.node, s, &why) == -1)
		return fail(err, "%s: %s", s, why);
	return 0;
}

static int
take_net_key(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->net.key = s;
	return 0;
}

static int
take_net_file(struct request *rq, const struct token *t, const char *s, char *err)
{
	rq->net.file = s;
	return 0;
}

/* What a number is for, and how large it may be. */
static const struct {
	size_t		 off;
	long long	 max;
} net_numbers[] = {
	{ offsetof(struct net_request, count), 1000000 },
	{ offsetof(struct net_request, timeout_ms), 60000 },
	{ offsetof(struct net_request, rate), 100000 },
	{ offsetof(struct net_request, max), 1000000 }
};
enum { NUM_COUNT, NUM_TIMEOUT, NUM_RATE, NUM_MAX };

static int
take_net_number(struct request *rq, const struct token *t, const char *s, char *err)
{
	const char	*why;
	uint32_t	 v;

	v = (uint32_t)strtonum(s, 1, net_numbers[t->value].max, &why);
	if (why != NULL)
		return fail(err, "%s: %s is %s", s, t->word, why);
	memcpy((uint8_t *)&rq->net + net_numbers[t->value].off, &v, sizeof(v));
	return 0;
}

static int
take_net_for(struct request *rq, const struct token *t, const char *s, char *err)
{
	if (parse_duration(&rq->net.seconds, s) == -1)
		return fail(err, "%s: not a duration like 90s, 15m, 2h or 7d", s);
	return 0;
}

static int
take_net_boot(struct request *rq, const struct token *t, const char *s, char *err)
{
	struct node_spec	 spec;
	const char		*why;

	if (rq->net.nboot == NET_BOOTNODES)
		return fail(err, "more than %d bootnodes", NET_BOOTNODES);
	if (node_spec_parse(&spec, s, &why) == -1)
		return fail(err, "%s: %s", s, why);
	rq->net.boot[rq->net.nboot++] = s;
	return 0;
}

static int
take_network(struct request *rq, const struct token *t, const char *s, char *err)
{
	int	 n;

	if ((n = network_byname(s)) == -1)
		return fail(err, "network \"%s\" is none of mainnet, sepolia, "
		    "hoodi", s);
	rq->net.network = (enum network)n;
	return 0;
}

static const struct token t_host_opt[];
static const struct token t_ip[] = {
	{ ARG, "IP", t_host_opt, take_ip }, { END }
};
static const struct token t_port[] = {
	{ ARG, "PORT", t_host_opt, take_port, 0 }, { END }
};
static const struct token t_udp[] = {
	{ ARG, "PORT", t_host_opt, take_port, 1 }, { END }
};
static const struct token t_host_opt[] = {
	{ DONE },
	{ WORD, "--ip", t_ip },
	{ WORD, "--port", t_port },
	{ WORD, "--udp", t_udp },
	{ END }
};
static const struct token t_file[] = {
	{ ARG, "FILE", t_host_opt, take_file }, { END }
};
const struct token t_key[] = {
	{ WORD, "generate", t_file, take_action, ACT_KEY_GENERATE },
	{ WORD, "show", t_file, take_action, ACT_KEY_SHOW },
	{ END }
};
static const struct token t_url[] = {
	{ ARG, "ENODE", t_end, take_url }, { END }
};
const struct token t_enode[] = {
	{ WORD, "parse", t_url, take_action, ACT_ENODE_PARSE },
	{ ARG, "FILE", t_host_opt, take_file_only },
	{ END }
};

static const struct token t_enr_opt[];
static const struct token t_enr_ip[] = {
	{ ARG, "IP", t_enr_opt, take_spec_ip }, { END }
};
static const struct token t_enr_port[] = {
	{ ARG, "PORT", t_enr_opt, take_port, 0 }, { END }
};
static const struct token t_enr_udp[] = {
	{ ARG, "PORT", t_enr_opt, take_port, 1 }, { END }
};
static const struct token t_enr_seq[] = {
	{ ARG, "NUMBER", t_enr_opt, take_seq }, { END }
};
static const struct token t_enr_opt[] = {
	{ DONE },
	{ WORD, "--ip", t_enr_ip },
	{ WORD, "--port", t_enr_port },
	{ WORD, "--udp", t_enr_udp },
	{ WORD, "--seq", t_enr_seq },
	{ END }
};
static const struct token t_enr_file[] = {
	{ ARG, "FILE", t_enr_opt, take_file }, { END }
};
static const struct token t_enr_text[] = {
	{ ARG, "RECORD", t_end, take_text }, { END }
};
const struct token t_enr[] = {
	{ WORD, "decode", t_enr_text, take_action, ACT_ENR_DECODE },
	{ WORD, "show", t_enr_file, take_action, ACT_ENR_SHOW },
	{ END }
};

static const struct token t_ping_opt[];
static const struct token t_ping_count[] = {
	{ ARG, "COUNT", t_ping_opt, take_net_number, NUM_COUNT }, { END }
};
static const struct token t_ping_timeout[] = {
	{ ARG, "MILLISECONDS", t_ping_opt, take_net_number, NUM_TIMEOUT },
	{ END }
};
static const struct token t_ping_key[] = {
	{ ARG, "FILE", t_ping_opt, take_net_key }, { END }
};
static const struct token t_ping_opt[] = {
	{ DONE },
	{ WORD, "--count", t_ping_count },
	{ WORD, "--timeout", t_ping_timeout },
	{ WORD, "--key", t_ping_key },
	{ END }
};
const struct token t_ping[] = {
	{ ARG, "NODE", t_ping_opt, take_net_node }, { END }
};

static const struct token t_resolve_opt[];
static const struct token t_resolve_timeout[] = {
	{ ARG, "MILLISECONDS", t_resolve_opt, take_net_number, NUM_TIMEOUT },
	{ END }
};
static const struct token t_resolve_key[] = {
	{ ARG, "FILE", t_resolve_opt, take_net_key }, { END }
};
static const struct token t_resolve_opt[] = {
	{ DONE },
	{ WORD, "--timeout", t_resolve_timeout },
	{ WORD, "--key", t_resolve_key },
	{ END }
};
const struct token t_resolve[] = {
	{ ARG, "NODE", t_resolve_opt, take_net_node }, { END }
};

static const struct token t_crawl_opt[];
static const struct token t_crawl_boot[] = {
	{ ARG, "NODE", t_crawl_opt, take_net_boot }, { END }
};
static const struct token t_crawl_network[] = {
	{ ARG, "NAME", t_crawl_opt, take_network }, { END }
};
static const struct token t_crawl_rate[] = {
	{ ARG, "QUESTIONS", t_crawl_opt, take_net_number, NUM_RATE }, { END }
};
static const struct token t_crawl_max[] = {
	{ ARG, "NODES", t_crawl_opt, take_net_number, NUM_MAX }, { END }
};
static const struct token t_crawl_for[] = {
	{ ARG, "DURATION", t_crawl_opt, take_net_for }, { END }
};
static const struct token t_crawl_timeout[] = {
	{ ARG, "MILLISECONDS", t_crawl_opt, take_net_number, NUM_TIMEOUT },
	{ END }
};
static const struct token t_crawl_key[] = {
	{ ARG, "FILE", t_crawl_opt, take_net_key }, { END }
};
static const struct token t_crawl_opt[] = {
	{ DONE },
	{ WORD, "--bootnode", t_crawl_boot },
	{ WORD, "--network", t_crawl_network },
	{ WORD, "--rate", t_crawl_rate },
	{ WORD, "--max", t_crawl_max },
	{ WORD, "--for", t_crawl_for },
	{ WORD, "--timeout", t_crawl_timeout },
	{ WORD, "--key", t_crawl_key },
	{ END }
};
const struct token t_crawl[] = {
	{ ARG, "FILE", t_crawl_opt, take_net_file }, { END }
};
