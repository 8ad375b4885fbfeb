/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_META_H
#define P2PD_PARENT_META_H

#include "p2pd/parent/apps.h"

/*
 * What owners say of their capabilities beside the versions: entries of the
 * node's record, conditions on candidates, peers wanted.
 */

/*
 * What a record of both address families, with every port and a sequence
 * number in milliseconds, leaves of its 300 bytes.
 */
#define META_RECORD_ROOM	115

/*
 * May app have this for c (NULL: one to be made)? On APE_RECORD room is what
 * the record still takes from it.
 */
enum app_error meta_check(struct apps *, const struct capability *c,
	    const struct app *, unsigned int mode, const struct m_app_meta *,
	    uint16_t *room, char *text, size_t textlen);
/* Takes over those parts that has names (META_). */
void	 meta_merge(struct m_app_meta *, unsigned int has,
	    const struct m_app_meta *);

/*
 * For the node's record: the entries of all that is advertised, sorted by key.
 * Returns their number, at most max; the pointers are good until applications
 * do something.
 */
#define APPS_ENRS_MAX	(META_RECORD_ROOM / 2)
size_t	 apps_enr_entries(struct apps *, const struct m_enr **, size_t max);
/*
 * For the choice of candidates: the next advertised capability after c (NULL:
 * the first), whose meta holds its conditions; NULL at the end. A candidate is
 * of use when the conditions of any of them hold that is hungry, all of that
 * one's.
 */
struct capability *apps_conditions(struct apps *, struct capability *c);
/* It has fewer peers than it wants, or never enough. */
int	 cap_hungry(const struct capability *);
/* A number that says which are; 0 when none is. */
uint32_t apps_hungry(struct apps *);

#endif
