/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/handshake/keypool.h"

struct keypool {
	struct event		 refill;
	size_t			 n;
	struct rlpx_keys	 keys[KEYPOOL_MAX];
};

static void
schedule(struct keypool *kp)
{
	static const struct timeval	 soon = { 0, 0 };

	if (kp->n < KEYPOOL_MAX)
		event_add(&kp->refill, &soon);
}

static void
refill(int fd, short what, void *arg)
{
	struct keypool	*kp = arg;

	if (rlpx_keys_make(&kp->keys[kp->n]) == -1)
		return;
	kp->n++;
	schedule(kp);
}

struct keypool *
keypool_new(struct event_base *base)
{
	struct keypool	*kp;

	if ((kp = calloc(1, sizeof(*kp))) == NULL)
		return NULL;
	event_assign(&kp->refill, base, -1, 0, refill, kp);
	schedule(kp);
	return kp;
}

void
keypool_free(struct keypool *kp)
{
	if (kp == NULL)
		return;
	event_del(&kp->refill);
	freezero(kp, sizeof(*kp));
}

int
keypool_take(struct keypool *kp, struct rlpx_keys *k)
{
	if (kp->n == 0) {
		schedule(kp);
		return rlpx_keys_make(k);
	}
	kp->n--;
	*k = kp->keys[kp->n];
	explicit_bzero(&kp->keys[kp->n], sizeof(kp->keys[kp->n]));
	schedule(kp);
	return 0;
}
