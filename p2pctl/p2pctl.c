/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/crypto/secp.h"
#include "p2pctl/attach.h"
#include "p2pctl/client.h"
#include "p2pctl/json.h"
#include "p2pctl/nettool.h"
#include "p2pctl/offline.h"
#include "p2pctl/parser.h"
#include "p2pctl/show.h"

#define CTL_SOCK	RUNSTATEDIR "/p2pd/ctl.sock"
#define CTL_RO_SOCK	RUNSTATEDIR "/p2pd/ctl.ro.sock"

/* Answers that take their time; what -t says counts when it is longer. */
#define WAIT_TIMEOUT	120000	/* of peer add --wait */
#define LOOKUP_TIMEOUT	30000
#define TIMEOUT_MAX	86400	/* seconds */
#define TEXT_LEN	256

static const char *const code_names[] = {
	[EX_DONE] = "ok",
	[EX_FAILED] = "failed",
	[EX_USAGE_ERR] = "invalid",
	[EX_NODAEMON] = "no-daemon",
	[EX_DENIED] = "denied",
	[EX_NOTFOUND] = "not-found",
	[EX_BUSY] = "busy"
};

static int
usage(void)
{
	char	 words[TEXT_LEN];

	fprintf(stderr, "usage: p2pctl [-jV] [-s socket] [-t seconds] [command "
	    "[argument ...]]\ncommands: %s\n", parse_commands(words,
	    sizeof(words)));
	return EX_USAGE_ERR;
}

/* Says what went wrong, to people and to programs. Returns code. */
static int
complain(const struct request *rq, int code, const char *text)
{
	json_t	*o;

	fprintf(stderr, "p2pctl: %s\n", text);
	if (rq->json && (o = json_pack("{s:b, s:s, s:s}", "ok", 0, "error",
	    code_names[code], "text", text)) != NULL) {
		json_print(stdout, o, rq->action == ACT_MONITOR);
		json_decref(o);
	}
	return code;
}

/* Output counts only when it has been written. */
static int
flush_output(int code)
{
	if (fflush(stdout) == EOF || ferror(stdout)) {
		if (errno != EPIPE)
			fprintf(stderr, "p2pctl: write: %s\n", strerror(errno));
		return code == EX_DONE ? EX_FAILED : code;
	}
	return code;
}

static int
at_least(const struct client *c, int ms)
{
	return c->timeout > ms ? c->timeout : ms;
}

static int
keep_record(const void *p, size_t len, void *arg)
{
	json_t	*list = arg, *o;

	if ((o = json_from_record(p, len)) != NULL)
		json_array_append_new(list, o);
	return 0;
}

/* Adds the ids in records of key that begin with digits, each once. */
static void
find_ids(const json_t *records, const char *key, const char *digits,
    json_t *found)
{
	const json_t	*r;
	const char	*id;
	size_t		 i;

	json_array_foreach(records, i, r) {
		id = json_text(r, key);
		if (strlen(id) == 2 * SECP_PUB &&
		    strncmp(id, digits, strlen(digits)) == 0)
			json_object_set_new(found, id, json_true());
	}
}

static int
find_in(struct client *c, enum ctl_show what, const char *key,
    const char *digits, json_t *found)
{
	struct ctl_show_req	 show = { .what = (uint8_t)what };
	json_t			*records = json_array();
	int			 r;

	if ((r = client_ask(c, &ctl_show_desc, &show, c->timeout,
	    keep_record, records, NULL)) == EX_DONE)
		find_ids(records, key, digits, found);
	json_decref(records);
	return r;
}

static int
take_found(struct client *c, struct request *rq, json_t *found)
{
	const char	*id, *more = "";
	json_t		*v;
	size_t		 n = json_object_size(found);

	if (n == 0) {
		snprintf(c->err, sizeof(c->err), "no node is known by an id "
		    "that begins with %s", rq->digits);
		return EX_NOTFOUND;
	}
	if (n > 1) {
		snprintf(c->err, sizeof(c->err), "%zu ids begin with %s:", n,
		    rq->digits);
		json_object_foreach(found, id, v) {
			strlcat(c->err, more, sizeof(c->err));
			strlcat(c->err, " ", sizeof(c->err));
			/* Enough of each to tell them apart, mostly. */
			snprintf(c->err + strlen(c->err), sizeof(c->err) -
			    strlen(c->err), "%.32s", id);
			more = ",";
		}
		return EX_USAGE_ERR;
	}
	id = json_object_iter_key(json_object_iter(found));
	if (hex_decode(rq->show.id, SECP_PUB, id) == -1)
		return EX_FAILED;
	memcpy(rq->peer.id, rq->show.id, SECP_PUB);
	memcpy(rq->ban.id, rq->show.id, SECP_PUB);
	memcpy(rq->lookup.id, rq->show.id, SECP_PUB);
	return EX_DONE;
}

/* Among how many of those below the node in question is. */
static size_t
places(const struct request *rq)
{
	if (rq->action == ACT_LOOKUP || (rq->action == ACT_SHOW &&
	    (rq->show.what == SHOW_NODE || rq->show.what == SHOW_WHY)))
		return 3;
	return rq->action == ACT_SHOW ? 1 : 2;
}

/* A node named by the first digits of its id: one of those that are known. */
static int
look_up(struct client *c, struct request *rq)
{
	static const enum ctl_show	 where[] = { SHOW_PEERS, SHOW_NODES,
	    SHOW_TABLE };
	json_t				*found = json_object();
	size_t				 i;
	int				 r = EX_DONE;

	if (rq->action == ACT_BAN && rq->ban.op == BAN_DEL)
		r = find_in(c, SHOW_BANS, "what", rq->digits, found);
	else
		for (i = 0; r == EX_DONE && i < places(rq); i++) {
			r = find_in(c, where[i], "id", rq->digits, found);
			/* There is no table without discovery. */
			if (r == EX_FAILED && where[i] == SHOW_TABLE)
				r = EX_DONE;
		}
	if (r == EX_DONE)
		r = take_found(c, rq, found);
	json_decref(found);
	return r;
}

static int
run_show(struct client *c, struct request *rq)
{
	enum ctl_show	 what = (enum ctl_show)rq->show.what;
	json_t		*v = json_array();
	int		 r;

	if ((r = client_ask(c, &ctl_show_desc, &rq->show, c->timeout,
	    keep_record, v, NULL)) == EX_DONE) {
		v = show_shape(what, v);
		if (rq->json)
			json_print(stdout, v, 0);
		else
			show_print(stdout, what, v);
	}
	json_decref(v);
	return r;
}

/* What a lookup found is shown as a table is. */
static int
run_lookup(struct client *c, struct request *rq)
{
	json_t	*v = json_array();
	int	 r;

	if ((r = client_ask(c, &ctl_lookup_desc, &rq->lookup,
	    at_least(c, LOOKUP_TIMEOUT), keep_record, v, NULL)) == EX_DONE) {
		if (rq->json)
			json_print(stdout, v, 0);
		else
			lookup_print(stdout, v);
	}
	json_decref(v);
	return r;
}

/* A request that changes something: the daemon's text says what came of it. */
static int
run_order(struct client *c, struct request *rq, const struct msgdesc *d,
    const void *body)
{
	char	 text[TEXT_LEN];
	json_t	*o = json_object(), *records = json_array(), *rec;
	size_t	 i;
	int	 r, wait = rq->action == ACT_PEER && rq->peer.wait;

	r = client_ask(c, d, body, wait ? at_least(c, WAIT_TIMEOUT) : c->timeout,
	    keep_record, records, text);
	if (r == EX_DONE && rq->json) {
		json_object_set_new(o, "ok", json_true());
		json_object_set_new(o, "text", json_string(text));
		json_array_foreach(records, i, rec)
			json_object_update_missing(o, rec);
		json_print(stdout, o, 0);
	} else if (r == EX_DONE) {
		if (text[0] != '\0')
			printf("%s\n", text);
		json_array_foreach(records, i, rec)
			object_print(stdout, rec);
	}
	json_decref(records);
	json_decref(o);
	return r;
}

static int
monitor_record(const void *p, size_t len, void *arg)
{
	const struct request	*rq = arg;
	json_t			*o;

	if ((o = json_from_record(p, len)) == NULL)
		return 0;
	if (rq->json)
		json_print(stdout, o, 1);
	else
		event_print(stdout, o);
	json_decref(o);
	return fflush(stdout) == EOF ? -1 : 0;
}

static int
run_monitor(struct client *c, struct request *rq)
{
	return client_ask(c, &ctl_monitor_desc, &rq->monitor, -1,
	    monitor_record, rq, NULL);
}

static int
run_request(struct client *c, struct request *rq)
{
	struct ctl_conn	 stop = { 0 };
	int		 r;

	if (rq->digits[0] != '\0' && (r = look_up(c, rq)) != EX_DONE)
		return r;
	switch (rq->action) {
	case ACT_SHOW:
		return run_show(c, rq);
	case ACT_PEER:
		return run_order(c, rq, &ctl_peer_desc, &rq->peer);
	case ACT_BAN:
		return run_order(c, rq, &ctl_ban_desc, &rq->ban);
	case ACT_LOG:
		return run_order(c, rq, &ctl_log_desc, &rq->log);
	case ACT_STOP:
		return run_order(c, rq, &ctl_stop_desc, &stop);
	case ACT_LOOKUP:
		return run_lookup(c, rq);
	case ACT_MONITOR:
		return run_monitor(c, rq);
	default:
		return EX_USAGE_ERR;
	}
}

/*
 * Without -s: the control socket, or for those who may only look, and who do
 * only that, the read-only one.
 */
static int
run_online(struct request *rq, const char *path, int timeout)
{
	struct client	 c;
	int		 r;

	r = client_open(&c, path != NULL ? path : CTL_SOCK, timeout);
	if (path == NULL && r == EX_DENIED &&
	    (rq->action == ACT_SHOW || rq->action == ACT_MONITOR)) {
		client_close(&c);
		r = client_open(&c, CTL_RO_SOCK, timeout);
	}
	if (r == EX_DONE)
		r = run_request(&c, rq);
	if (r != EX_DONE)
		complain(rq, r, c.err[0] != '\0' ? c.err : code_names[r]);
	client_close(&c);
	return r;
}

/* The ports of a record are those of a URL, where there is an address. */
static int
make_record(struct request *rq, json_t **o, char *err)
{
	uint16_t	 tcp = rq->node.tcp != 0 ? rq->node.tcp : DEFAULT_PORT;
	uint16_t	 udp = rq->node.udp != 0 ? rq->node.udp : tcp;

	rq->spec.ip4.port = rq->spec.ip6.port = udp;
	rq->spec.tcp4 = rq->spec.tcp6 = tcp;
	return enr_make(rq->file, &rq->spec, rq->seq, o, err);
}

static int
run_offline(struct request *rq)
{
	char	 err[OFFLINE_ERRLEN] = "";
	json_t	*o = NULL;
	int	 r;

	if (rq->action == ACT_KEY_GENERATE)
		r = key_generate(rq->file, &rq->node, &o, err);
	else if (rq->action == ACT_KEY_SHOW)
		r = key_show(rq->file, &rq->node, &o, err);
	else if (rq->action == ACT_ENR_DECODE)
		r = enr_decode_show(rq->text, &o, err);
	else if (rq->action == ACT_ENR_SHOW)
		r = make_record(rq, &o, err);
	else if (rq->action == ACT_PING)
		r = net_ping(&rq->net, &o, err);
	else if (rq->action == ACT_RESOLVE)
		r = net_resolve(&rq->net, &o, err);
	else if (rq->action == ACT_CRAWL)
		r = net_crawl(&rq->net, &o, err);
	else
		r = enode_show(&rq->node, &o);
	if (r != EX_DONE && o == NULL)
		complain(rq, r, err);
	else if (o != NULL && rq->json)
		json_print(stdout, o, 0);
	else if (o != NULL)
		object_print(stdout, o);
	if (r != EX_DONE && o != NULL)
		fprintf(stderr, "p2pctl: %s\n", err);
	json_decref(o);
	return r;
}

int
main(int argc, char *argv[])
{
	char		 err[PARSE_ERRLEN];
	const char	*path = NULL, *why;
	struct request	 rq;
	int		 c, json = 0, timeout = CLIENT_TIMEOUT;

	if (std_fds_open() == -1)
		return EX_FAILED;
	while ((c = getopt(argc, argv, "+js:t:V")) != -1) {
		switch (c) {
		case 'j':
			json = 1;
			break;
		case 's':
			path = optarg;
			break;
		case 't':
			timeout = (int)strtonum(optarg, 1, TIMEOUT_MAX, &why) *
			    1000;
			if (why == NULL)
				break;
			fprintf(stderr, "p2pctl: -t %s: %s\n", optarg, why);
			return usage();
		case 'V':
			printf("p2pctl %s\n", PACKAGE_VERSION);
			return flush_output(EX_DONE);
		default:
			return usage();
		}
	}
	/* A reader that goes away is an error of write, not an end by signal. */
	signal(SIGPIPE, SIG_IGN);
	if (secp_init() == -1) {
		fprintf(stderr, "p2pctl: secp256k1 does not start\n");
		return EX_FAILED;
	}
	if (parse(&rq, argc - optind, argv + optind, err) == -1) {
		rq.json |= json;
		return flush_output(complain(&rq, EX_USAGE_ERR, err));
	}
	rq.json |= json;
	switch (rq.action) {
	case ACT_ATTACH:
		return attach_main(rq.argc, rq.argv, path);
	case ACT_KEY_GENERATE:
	case ACT_KEY_SHOW:
	case ACT_ENODE_PARSE:
	case ACT_ENR_DECODE:
	case ACT_ENR_SHOW:
	case ACT_PING:
	case ACT_RESOLVE:
	case ACT_CRAWL:
		return flush_output(run_offline(&rq));
	default:
		return flush_output(run_online(&rq, path, timeout));
	}
}
