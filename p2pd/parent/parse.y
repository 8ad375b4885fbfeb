/* SPDX-License-Identifier: ISC */
/* p2pd.conf(5): the grammar, and what each statement does. */
%{
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/conf.h"
#include "p2pd/parent/confset.h"
#include "p2pd/parent/lex.h"

static struct lex		*lx;
static struct p2pd_conf		*conf;
static struct lex_word		*token;		/* the newest */
static int			 token_bad;	/* it was told already */
static int			 as_value;	/* after "=" no word is a keyword */
static int			 listen_none;
static int			 depth;		/* of braces */
static int			 at_start;	/* of a statement */
static struct lex_word		*unknown;	/* a statement's first word that is none */

int		 yyparse(void);
static int	 yylex(void);
static void	 yyerror(const char *);
static int	 list_each(int (*)(struct lex *, struct p2pd_conf *,
		    const struct lex_word *), struct lex_word *);
static struct lex_word *reverse(struct lex_word *);
%}

%union {
	struct lex_word	*w;
	int		 i;
}

%token AS GRACE OWNER RATE TAP
%token AFTER EVERY RETIRE
%token ADDRESS ALLOW ALLOWLIST ANNOUNCE ANY APP BAN BOOTNODE CAPABILITY CONTROL
%token DATA DEFAULT DISCOVERY NETWORK UDP V4
%token DENY DIAL DIRECTORY GROUP INCLUDE KEY LISTEN MEMORY MODE NETRESTRICT NO
%token NODE NONE OFF ON PER PERPEER PORT QUEUE REQUIRE RESTRICTED SANDBOX
%token SESSION SOCKET STATIC SUBNET THROTTLE TRUSTED USER YES
%token BADTOKEN
%token <w> SETTING STRING
%type <w> list words varvalue optport optcap optrate
%type <i> yesno action sandbox

%%

file		: /* empty */
		| file '\n'
		| file statement '\n'
		| file include
		| file error '\n'		{ depth = 0; yyerrok; }
		;

/* The newline is in it, so that no token is read before the file is open. */
include		: INCLUDE STRING '\n'		{ (void)lex_include(lx, $2); }
		;

statement	: STRING '=' varvalue		{ (void)lex_define(lx, $1, $3->s); }
		| SETTING STRING		{ (void)confset_setting(lx, conf, $1, $2); }
		| USER STRING			{ (void)confset_named(lx, conf, "user", $2); }
		| DATA DIRECTORY STRING		{ (void)confset_named(lx, conf, "data directory", $3); }
		| NODE KEY STRING		{ (void)confset_named(lx, conf, "node key", $3); }
		| LISTEN ON STRING optport	{ (void)confset_listen(lx, conf, $3, $4); }
		| LISTEN ON STRING optport	{ (void)confset_listen(lx, conf, $3, $4); }
		    udp
		| LISTEN NONE			{ listen_none = 1; }
		| DIAL yesno			{ conf->dial = $2; }
		| DISCOVERY V4 yesno		{ conf->discovery_v4 = $3; }
		| NETWORK STRING		{ (void)confset_network(lx, conf, $2); }
		| NETWORK NONE			{ conf->network = NETWORK_NONE; }
		| BOOTNODE list			{ (void)list_each(confset_bootnode, $2); }
		| ANNOUNCE announce
		| THROTTLE throttle
		| RETIRE AFTER STRING		{ (void)confset_named(lx, conf, "retire after", $3); }
		    optevery
		| NETRESTRICT list		{ (void)list_each(confset_netrestrict, $2); }
		| ALLOWLIST list		{
			conf->allowlist_on = 1;
			(void)list_each(confset_allow, $2);
		}
		| BAN list			{ (void)list_each(confset_ban, $2); }
		| STATIC list			{ (void)list_each(confset_static, $2); }
		| TRUSTED list			{ (void)list_each(confset_trusted, $2); }
		| SANDBOX sandbox		{ conf->sandbox = $2; }
		| QUEUE PERPEER STRING		{ (void)confset_named(lx, conf, "queue per-peer", $3); }
		| QUEUE APP STRING		{ (void)confset_named(lx, conf, "queue application", $3); }
		| SESSION MEMORY STRING		{ (void)confset_named(lx, conf, "session memory", $3); }
		| CONTROL SOCKET		{ confset_socket(&conf->ctl); }
		    sockaddr
		| CONTROL RESTRICTED SOCKET	{ confset_socket(&conf->ctl_ro); }
		    sockpath
		| APP GRACE STRING		{ (void)confset_named(lx, conf, "application grace", $3); }
		| APP SOCKET			{ confset_socket(&conf->app); }
		    sockpath
		| action APP			{ confset_rule(conf, $1); }
		    who optcap optas optrate	{
			(void)confset_rule_pattern(lx, $5);
			(void)confset_rule_rate(lx, $7);
		}
		;

throttle	: ADDRESS STRING		{
			conf->throttle_addr.count = 1;
			(void)confset_named(lx, conf, "throttle address", $2);
		}
		| ADDRESS OFF			{ conf->throttle_addr.count = 0; }
		| SUBNET STRING PER STRING	{
			(void)confset_named(lx, conf, "throttle subnet", $2);
			(void)confset_named(lx, conf, "throttle subnet per", $4);
		}
		| SUBNET OFF			{ conf->throttle_net.count = 0; }
		| OFF				{
			conf->throttle_addr.count = 0;
			conf->throttle_net.count = 0;
		}
		;

optevery	: /* empty */
		| EVERY STRING			{ (void)confset_named(lx, conf, "retire every", $2); }
		;

announce	: ADDRESS STRING		{ (void)confset_announce(lx, conf, $2); }
		| PORT STRING			{ (void)confset_announce_port(lx, &conf->announce_tcp, $2); }
		| UDP PORT STRING		{ (void)confset_announce_port(lx, &conf->announce_udp, $3); }
		;

udp		: UDP PORT STRING		{ (void)confset_listen_udp(lx, conf, $3); }
		| UDP NONE			{ (void)confset_listen_udp(lx, conf, NULL); }
		;

optport		: /* empty */			{ $$ = NULL; }
		| PORT STRING			{ $$ = $2; }
		;

yesno		: YES				{ $$ = 1; }
		| NO				{ $$ = 0; }
		;

sandbox		: DEFAULT			{ $$ = CONF_SANDBOX_DEFAULT; }
		| REQUIRE			{ $$ = CONF_SANDBOX_REQUIRE; }
		| OFF				{ $$ = CONF_SANDBOX_OFF; }
		;

action		: ALLOW				{ $$ = 1; }
		| DENY				{ $$ = 0; }
		;

who		: ANY
		| USER STRING			{ (void)confset_rule_user(lx, $2); }
		| GROUP STRING			{ (void)confset_rule_group(lx, $2); }
		;

optcap		: /* empty */			{ $$ = NULL; }
		| CAPABILITY STRING		{ $$ = $2; }
		;

optas		: /* empty */
		| AS OWNER			{ confset_rule_mode(CONF_AS_OWNER); }
		| AS TAP			{ confset_rule_mode(CONF_AS_TAP); }
		;

optrate		: /* empty */			{ $$ = NULL; }
		| RATE STRING			{ $$ = $2; }
		;

sockpath	: sockaddr
		| NONE				{ confset_socket_none(); }
		;

sockaddr	: STRING			{ (void)confset_socket_path(lx, $1); }
		    sockopts
		;

sockopts	: /* empty */
		| sockopts GROUP STRING		{ (void)confset_socket_group(lx, $3); }
		| sockopts MODE STRING		{ (void)confset_socket_mode(lx, $3); }
		;

list		: STRING
		| '{' nothing words '}'		{ $$ = reverse($3); }
		;

words		: /* empty */			{ $$ = NULL; }
		| words STRING nothing		{ $2->next = $1; $$ = $2; }
		;

nothing		: /* empty */
		| nothing ','
		| nothing '\n'
		;

varvalue	: STRING
		| varvalue STRING		{ $$ = lex_join(lx, $1, $2); }
		;

%%

struct keyword {
	const char	*name;
	int		 token;
};

/* Sorted. Settings of one number or text are in confset.c's table. */
static const struct keyword keywords[] = {
	{ "address", ADDRESS },
	{ "after", AFTER },
	{ "allow", ALLOW },
	{ "allowlist", ALLOWLIST },
	{ "announce", ANNOUNCE },
	{ "any", ANY },
	{ "app", APP },
	{ "application", APP },
	{ "as", AS },
	{ "ban", BAN },
	{ "bootnode", BOOTNODE },
	{ "capability", CAPABILITY },
	{ "control", CONTROL },
	{ "data", DATA },
	{ "default", DEFAULT },
	{ "deny", DENY },
	{ "dial", DIAL },
	{ "directory", DIRECTORY },
	{ "discovery", DISCOVERY },
	{ "every", EVERY },
	{ "grace", GRACE },
	{ "group", GROUP },
	{ "include", INCLUDE },
	{ "key", KEY },
	{ "listen", LISTEN },
	{ "memory", MEMORY },
	{ "mode", MODE },
	{ "netrestrict", NETRESTRICT },
	{ "network", NETWORK },
	{ "no", NO },
	{ "node", NODE },
	{ "none", NONE },
	{ "off", OFF },
	{ "on", ON },
	{ "owner", OWNER },
	{ "per", PER },
	{ "per-peer", PERPEER },
	{ "port", PORT },
	{ "queue", QUEUE },
	{ "rate", RATE },
	{ "require", REQUIRE },
	{ "restricted", RESTRICTED },
	{ "retire", RETIRE },
	{ "sandbox", SANDBOX },
	{ "session", SESSION },
	{ "socket", SOCKET },
	{ "static", STATIC },
	{ "subnet", SUBNET },
	{ "tap", TAP },
	{ "throttle", THROTTLE },
	{ "trusted", TRUSTED },
	{ "udp", UDP },
	{ "user", USER },
	{ "v4", V4 },
	{ "yes", YES },
};

static int
keyword_cmp(const void *name, const void *k)
{
	return strcmp(name, ((const struct keyword *)k)->name);
}

static int
classify(int t)
{
	const struct keyword	*k;

	if (t == LEX_BAD)
		return BADTOKEN;
	if (t != LEX_WORD)
		return t;
	if (token->quoted || token->is_name || as_value)
		return STRING;
	k = bsearch(token->s, keywords, nitems_of(keywords),
	    sizeof(keywords[0]), keyword_cmp);
	if (k != NULL)
		return k->token;
	return confset_is_setting(token->s) ? SETTING : STRING;
}

static int
yylex(void)
{
	int	 t;

	t = classify(lex_next(lx, &token));
	yylval.w = token;
	token_bad = t == BADTOKEN;
	if (t == '{')
		depth++;
	else if (t == '}')
		depth--;
	if (at_start)
		unknown = t == STRING ? token : NULL;
	at_start = t == '\n' && depth <= 0;
	as_value = t == '=' || (as_value && t != '\n');
	return t;
}

static void
yyerror(const char *msg)
{
	if (token_bad)
		return;
	if (unknown != NULL && !unknown->is_name)
		(void)lex_error(lx, unknown, "\"%s\" is not a statement",
		    unknown->s);
	else if (token->s[0] == '\0' && !token->quoted)
		(void)lex_error(lx, token, "%s at the end of the file", msg);
	else if (token->s[0] == '\n')
		(void)lex_error(lx, token, "%s at the end of the line", msg);
	else
		(void)lex_error(lx, token, "%s at \"%s\"", msg, token->s);
}

/* Words are gathered last first. */
static struct lex_word *
reverse(struct lex_word *w)
{
	struct lex_word	*done = NULL, *next;

	for (; w != NULL; w = next) {
		next = w->next;
		w->next = done;
		done = w;
	}
	return done;
}

static int
list_each(int (*fn)(struct lex *, struct p2pd_conf *, const struct lex_word *),
    struct lex_word *w)
{
	int	 ret = 0;

	for (; w != NULL; w = w->next)
		if (fn(lx, conf, w) == -1)
			ret = -1;
	return ret;
}

struct p2pd_conf *
conf_parse(const char *path, char *const *defs, conf_errfn err, void *arg)
{
	struct p2pd_conf	*done;
	int			 missing_ok;

	if ((conf = conf_new()) == NULL)
		fatal("configuration");
	missing_ok = path == NULL;
	if (path == NULL)
		path = CONF_PATH;
	lx = lex_open(path, missing_ok, defs, err, arg);
	if (lx == NULL) {
		conf_free(conf);
		conf = NULL;
		return NULL;
	}
	as_value = listen_none = depth = 0;
	at_start = 1;
	unknown = NULL;
	(void)yyparse();
	if (lex_errors(lx) == 0)
		confset_finish(lx, conf, path, listen_none);
	done = conf;
	if (lex_errors(lx) > 0) {
		conf_free(conf);
		done = NULL;
	}
	lex_free(lx);
	lx = NULL;
	conf = NULL;
	return done;
}
