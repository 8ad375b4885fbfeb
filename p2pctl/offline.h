/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_OFFLINE_H
#define P2PCTL_OFFLINE_H

#include <jansson.h>

#include "common/wire/enode.h"

/*
 * What needs no daemon. Each returns an exit code, with the object to print or
 * a message in err (512 bytes).
 */
#define OFFLINE_ERRLEN	512

/* Makes a key file, 0600, whole or not at all; never over another. */
int	 key_generate(const char *path, const struct enode *host, json_t **out,
	    char *err);
/* Only a file that the daemon would take, too. */
int	 key_show(const char *path, const struct enode *host, json_t **out,
	    char *err);
int	 enode_show(const struct enode *, json_t **out);

#endif
