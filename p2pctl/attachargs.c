/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "p2pctl/attachint.h"
#include "p2pctl/client.h"

#define CODES_MAX	65536
#define LIMIT		10	/* restarts in a row */
#define NAME_MAX_LEN	63	/* that an application may have */

static int
usage(void)
{
	fprintf(stderr, "usage: p2pctl attach [-kt] [-n name] [-o options] "
	    "[-p stop|drop|disconnect]\n\t[--restart never|on-failure|always] "
	    "[--restart-limit n]\n\tcapability/version:codes ... "
	    "[-- program [argument ...]]\n");
	return EX_USAGE_ERR;
}

static int
number(const char *s, uint32_t min, uint32_t max, uint32_t *v)
{
	const char	*err;

	if (*s < '0' || *s > '9')
		return -1;
	*v = (uint32_t)strtonum(s, min, max, &err);
	return err == NULL ? 0 : -1;
}

/* The capability of this name, or a new one; NULL when there are too many. */
static struct attcap *
cap_slot(struct attach *a, const char *name)
{
	struct attcap	*c;
	json_t		*quoted;
	size_t		 i;

	for (i = 0; i < a->ncaps; i++) {
		if (strcmp(a->caps[i].name, name) == 0)
			return &a->caps[i];
	}
	if (i == P2PAPP_CAPS || *name == '\0' || strlen(name) >= sizeof(c->name))
		return NULL;
	c = &a->caps[i];
	memcpy(c->name, name, strlen(name) + 1);
	if ((quoted = json_string(name)) == NULL)
		return NULL;
	c->json = json_dumps(quoted, JSON_ENCODE_ANY);
	json_decref(quoted);
	if (c->json == NULL)
		return NULL;
	a->ncaps++;
	return c;
}

/*
 * "eth/69:18"; versions of one name belong together, wherever they stand. A tap
 * may name no version: "eth".
 */
static int
add_spec(struct attach *a, const char *spec)
{
	char			 copy[64], *version, *codes;
	struct p2papp_version	 v;
	struct attcap		*c;

	if (strlcpy(copy, spec, sizeof(copy)) >= sizeof(copy))
		return -1;
	if ((version = strchr(copy, '/')) == NULL)
		return a->tap && cap_slot(a, copy) != NULL ? 0 : -1;
	*version++ = '\0';
	v.codes = CODES_MAX;
	if ((codes = strchr(version, ':')) == NULL && !a->tap)
		return -1;
	if (codes != NULL)
		*codes++ = '\0';
	if (number(version, 0, UINT32_MAX, &v.version) == -1 ||
	    (codes != NULL && number(codes, 1, CODES_MAX, &v.codes) == -1) ||
	    (c = cap_slot(a, copy)) == NULL || c->n == P2PAPP_VERSIONS)
		return -1;
	c->v[c->n++] = v;
	return 0;
}

/* The index of a name in a list that ends with NULL, or -1. */
static int
byname(const char *const *names, const char *name)
{
	int	 i;

	for (i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

/* What would have done is in the usage that follows. */
static int
unknown(const char *option, const char *value)
{
	fprintf(stderr, "p2pctl: %s: unknown \"%s\"\n", option, value);
	return -1;
}

static int
set_policy(struct attach *a, const char *name)
{
	static const char *const names[] = {
		[P2PAPP_STOP] = "stop", [P2PAPP_DROP] = "drop",
		[P2PAPP_DISCONNECT] = "disconnect", NULL
	};
	int	 i = byname(names, name);

	a->policy = (enum p2papp_policy)i;
	return i == -1 ? unknown("-p", name) : 0;
}

static int
set_restart(struct attach *a, const char *name)
{
	static const char *const names[] = {
		[RESTART_NEVER] = "never", [RESTART_FAILURE] = "on-failure",
		[RESTART_ALWAYS] = "always", NULL
	};
	int	 i = byname(names, name);

	a->prog.restart = (enum restart)i;
	return i == -1 ? unknown("--restart", name) : 0;
}

static int
set_options(struct attach *a, const char *text)
{
	json_error_t	 err;
	json_t		*o;
	char		 why[OPTIONS_ERRLEN];

	if ((o = json_loads(text, JSON_REJECT_DUPLICATES, &err)) == NULL) {
		fprintf(stderr, "p2pctl: -o: %s\n", err.text);
		return -1;
	}
	p2papp_options_free(a->options);
	a->options = options_parse(o, why);
	json_decref(o);
	if (a->options == NULL)
		fprintf(stderr, "p2pctl: -o: %s\n", why);
	return a->options == NULL ? -1 : 0;
}

static int
take_option(struct attach *a, int ch)
{
	switch (ch) {
	case 'k':
		a->keep = 1;
		return 0;
	case 'n':
		a->name = optarg;
		if (strlen(a->name) <= NAME_MAX_LEN)
			return 0;
		fprintf(stderr, "p2pctl: -n: longer than %d bytes\n",
		    NAME_MAX_LEN);
		return -1;
	case 'o':
		return set_options(a, optarg);
	case 'p':
		return set_policy(a, optarg);
	case 'r':
		return set_restart(a, optarg);
	case 'l':
		return number(optarg, 0, 1000000, &a->prog.limit);
	case 't':
		a->tap = 1;
		return 0;
	}
	return -1;
}

int
attach_args(struct attach *a, int argc, char *argv[])
{
	static const struct option	 longopts[] = {
		{ "restart", required_argument, NULL, 'r' },
		{ "restart-limit", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 }
	};
	int	 ch, i;

	a->name = "p2pctl";
	a->prog.limit = LIMIT;
	optind = 1;
	while ((ch = getopt_long(argc, argv, "+kn:o:p:t", longopts, NULL)) != -1) {
		if (take_option(a, ch) == -1)
			return usage();
	}
	for (i = optind; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (add_spec(a, argv[i]) == -1) {
			fprintf(stderr, "p2pctl: %s: not %s\n", argv[i], a->tap ?
			    "capability[/version]" : "capability/version:codes");
			return EX_USAGE_ERR;
		}
	}
	if (a->ncaps == 0)
		return usage();
	if (i < argc) {
		if (i + 1 == argc || a->keep)
			return usage();
		a->prog.argv = argv + i + 1;
	} else if (a->prog.restart != RESTART_NEVER)
		return usage();
	return EX_DONE;
}
