/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_PARSER_H
#define P2PCTL_PARSER_H

#include <stddef.h>
#include <stdint.h>

#include "common/ctl/ctl.h"
#include "common/wire/enode.h"
#include "p2pctl/nettool.h"

/*
 * The command line as a tree of tables. A word may be cut to its shortest
 * unique prefix; an error names the words that would have done.
 */
enum action {
	ACT_NONE, ACT_SHOW, ACT_PEER, ACT_BAN, ACT_MONITOR, ACT_LOG, ACT_STOP,
	ACT_ATTACH, ACT_KEY_GENERATE, ACT_KEY_SHOW, ACT_ENODE_PARSE,
	ACT_ENR_DECODE, ACT_ENR_SHOW, ACT_PING, ACT_RESOLVE, ACT_CRAWL,
	ACT_LOOKUP
};

#define DIGITS_MIN	4	/* of an id that is cut short */

struct request {
	enum action		 action;
	int			 json;
	/* With the daemon; conn is for the daemon to fill in. */
	struct ctl_show_req	 show;
	struct ctl_peer_req	 peer;
	struct ctl_ban_req	 ban;
	struct ctl_log_req	 log;
	struct ctl_monitor_req	 monitor;
	struct ctl_lookup_req	 lookup;
	/* The first digits of an id that is to be looked up; "" for none. */
	char			 digits[2 * SECP_PUB + 1];
	/* Without it. */
	const char		*file;
	struct enode		 node;	/* enode parse; else host and ports */
	const char		*text;	/* enr decode */
	struct node_spec	 spec;	/* enr show: addresses */
	uint64_t		 seq;
	struct net_request	 net;	/* ping, resolve, crawl */
	/* attach: what follows the word, and the word before it. */
	int			 argc;
	char			**argv;
};

#define PARSE_ERRLEN	1024

/* argv without the program's name. 0, or -1 with a message in err. */
int	 parse(struct request *, int argc, char *argv[], char err[PARSE_ERRLEN]);
/* The first words that a command may have. Returns out. */
const char *parse_commands(char *out, size_t len);
/* "90", "90s", "15m", "2h30m", "7d", "2w"; not 0. 0 or -1. */
int	 parse_duration(uint64_t *seconds, const char *);

#endif
