/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "p2pd/parent/admit.h"

uint32_t
admit_max_inbound(uint32_t max_peers, uint32_t dial_ratio, int dial)
{
	uint32_t dialed;

	if (max_peers == 0 || !dial)
		return max_peers;
	dialed = max_peers / (dial_ratio == 0 ? 1 : dial_ratio);
	if (dialed == 0)
		dialed = 1;
	return max_peers - dialed;
}

enum reason
admit_check1(const struct admit *a)
{
	if (a->stopping)
		return REASON_STOPPING;
	if (a->banned)
		return REASON_BANNED_ID;
	if (a->allowlist && !a->allowed && !a->trusted && !a->is_static)
		return REASON_NOT_ALLOWED;
	if (!a->trusted && !(a->is_static && !a->inbound) &&
	    a->peers >= a->max_peers)
		return REASON_TOO_MANY_PEERS;
	if (!a->trusted && a->inbound && a->inbound_peers >= a->max_inbound)
		return REASON_TOO_MANY_INBOUND;
	if (a->connected)
		return REASON_ALREADY_CONNECTED;
	if (a->cross_dial)
		return REASON_CROSS_DIAL;
	if (a->self)
		return REASON_SELF;
	if (a->awaited)
		return REASON_SESSION_BUSY;
	return REASON_NONE;
}

enum reason
admit_check2(const struct admit *a)
{
	if (a->stopping)
		return REASON_STOPPING;
	if (a->useless && !a->awaited)
		return a->no_apps ? REASON_NO_APPS : REASON_USELESS;
	return admit_check1(a);
}
