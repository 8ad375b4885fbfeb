/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/control/control.h"
#include "p2pd/dialer/dialer.h"
#include "p2pd/discovery/discovery.h"
#include "p2pd/listener/listener.h"
#include "p2pd/messages.h"
#include "p2pd/parent/conf.h"
#include "p2pd/parent/start.h"
#include "p2pd/resolver/resolver.h"
#include "p2pd/session/session.h"

#define DEFS_MAX	64

static const struct {
	enum proc_kind	 kind;
	int		(*fn)(int instance);
} children[] = {
	{ PROC_CONTROL, control_main },
	{ PROC_LISTENER, listener_main },
	{ PROC_DIALER, dialer_main },
	{ PROC_SESSION, session_main },
	{ PROC_RESOLVER, resolver_main },
	{ PROC_DISCOVERY, discovery_main }
};

static void
usage(void)
{
	fprintf(stderr, "usage: p2pd [-dnvV] [-D name=value] [-f file]\n");
	exit(2);
}

static int
child_main(const char *name, int instance)
{
	size_t i;

	for (i = 0; i < nitems_of(children); i++)
		if (strcmp(proc_name(children[i].kind), name) == 0)
			return children[i].fn(instance);
	usage();
	return 2;
}

/* Output counts only when it has been written. */
static int
flush_output(void)
{
	if (fflush(stdout) != EOF && !ferror(stdout))
		return 0;
	fprintf(stderr, "p2pd: write: %s\n", strerror(errno));
	return 1;
}

/* p2pd -n: is the configuration good? With -v, what does it say? */
static int
check_conf(const char *file, char *const *defs, int verbose)
{
	struct p2pd_conf *conf = conf_parse(file, defs, NULL, NULL);
	uid_t uid;
	gid_t gid;

	if (conf == NULL)
		return 1;
	/* Who is not root asks of a file, maybe for another machine. */
	if (geteuid() == 0 && conf_user(conf, &uid, &gid) == -1) {
		conf_free(conf);
		return 1;
	}
	if (verbose)
		conf_print(stdout, conf);
	else
		fprintf(stderr, "configuration OK\n");
	conf_free(conf);
	return flush_output();
}

int
main(int argc, char *argv[])
{
	const char *file = NULL, *proc = NULL, *errstr;
	char *defs[DEFS_MAX + 1] = { NULL };
	int ch, ndefs = 0, foreground = 0, check = 0, verbose = 0, instance = 0;

	if (std_fds_open() == -1)
		return 1;
	log_init(1, 0);
	/* -P and -I are for the daemon's own children. */
	while ((ch = getopt(argc, argv, "dnvVD:f:P:I:")) != -1) {
		switch (ch) {
		case 'd':
			foreground = 1;
			break;
		case 'n':
			check = 1;
			break;
		case 'v':
			verbose = 1;
			break;
		case 'V':
			printf("p2pd %s\n", PACKAGE_VERSION);
			return flush_output();
		case 'D':
			if (ndefs == DEFS_MAX || strchr(optarg, '=') == NULL)
				usage();
			defs[ndefs++] = optarg;
			break;
		case 'f':
			file = optarg;
			break;
		case 'P':
			proc = optarg;
			break;
		case 'I':
			instance = strtonum(optarg, 0, 255, &errstr);
			if (errstr != NULL)
				usage();
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	if (proc != NULL)
		return child_main(proc, instance);
	log_setverbose(verbose);
	if (check)
		return check_conf(file, defs, verbose);
	return parent_main(file, defs, foreground, verbose, argv[0]);
}
