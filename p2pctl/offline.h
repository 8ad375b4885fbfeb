/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_OFFLINE_H
#define P2PCTL_OFFLINE_H

#include <jansson.h>

#include "common/wire/enode.h"
#include "common/wire/enr.h"

/*
 * What needs no daemon. Each returns an exit code, with the object to print or
 * a message in err (512 bytes).
 */
#define OFFLINE_ERRLEN	512
#define DEFAULT_PORT	30303

/* Makes a key file, 0600, whole or not at all; never over another. */
int	 key_generate(const char *path, const struct enode *host, json_t **out,
	    char *err);
/* Only a file that the daemon would take, too. */
int	 key_show(const char *path, const struct enode *host, json_t **out,
	    char *err);
int	 enode_show(const struct enode *, json_t **out);
/* The key alone, for who wipes it. */
int	 key_load(const char *path, uint8_t priv[SECP_PRIV], char *err);
/* A message in err; EX_FAILED. */
int	 offline_fail(char *err, const char *, ...)
	    __attribute__((format(printf, 2, 3)));

/* A record with all that is in it; why it is not valid, or NULL. */
json_t	*record_object(const struct enr *, const char *why);
/*
 * A record from "enr:..." or hex digits. One that cannot be verified is an
 * object, too, and EX_FAILED.
 */
int	 enr_decode_show(const char *text, json_t **out, char *err);
/* A record signed with the key of a file; seq 0: the time in milliseconds. */
int	 enr_make(const char *path, const struct node_spec *, uint64_t seq,
	    json_t **out, char *err);

#endif
