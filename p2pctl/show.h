/* SPDX-License-Identifier: ISC */
#ifndef P2PCTL_SHOW_H
#define P2PCTL_SHOW_H

#include <stdio.h>

#include <jansson.h>

#include "common/ctl/ctl.h"

/* The records of one answer, in order, as what -j prints. Takes records. */
json_t	*show_shape(enum ctl_show, json_t *records);
/* The same for people. */
/* What a lookup found, closest first. */
void	 lookup_print(FILE *, const json_t *nodes);
void	 show_print(FILE *, enum ctl_show, const json_t *);
/* An object on one line: what happened, then key=value. */
void	 event_print(FILE *, const json_t *);
/* What a command came to, and what goes with a key or an enode. */
void	 object_print(FILE *, const json_t *);

#endif
