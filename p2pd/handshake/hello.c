/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/wire/reason.h"
#include "p2pd/handshake/setup.h"

unsigned int
setup_hello_read(struct hello *h, unsigned int *disc, const struct hello *ours,
    const uint8_t id[SECP_PUB], uint64_t code, const uint8_t *data, size_t len)
{
	int	 reason;

	*disc = DISC_NONE;
	if (code == BASE_DISCONNECT) {
		/* Some compress it as if their Hello had gone before. */
		if (disconnect_decode(disc, data, len, 1) == -1)
			return REASON_HELLO_BAD;
		return REASON_REMOTE;
	}
	if (code != BASE_HELLO)
		return REASON_HELLO_EXPECTED;
	if (len > HELLO_MAX)
		return REASON_HELLO_BAD;
	if ((reason = hello_decode_with(h, ours, data, len)) != 0)
		return (unsigned int)reason;
	if (memcmp(h->id, id, SECP_PUB) != 0)
		return REASON_WRONG_IDENTITY;
	return REASON_NONE;
}
