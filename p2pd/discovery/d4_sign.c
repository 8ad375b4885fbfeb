/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "p2pd/discovery/d4int.h"

/* Packets on their way through the keys. */

static void
slot_free(struct d4 *d, struct slot *s)
{
	TAILQ_REMOVE(&d->busy, s, entry);
	TAILQ_INSERT_TAIL(&d->free, s, entry);
	d->nanswers -= s->answer;
	s->used = 0;
	s->c = NULL;
}

static void
arm(struct d4 *d)
{
	struct slot	*s = TAILQ_FIRST(&d->busy);

	if (s == NULL)
		timer_clear(&d->timers, &d->slot_timer);
	else if (!timer_isset(&d->slot_timer))
		timer_set(&d->timers, &d->slot_timer, s->until);
}

/* What is older than the keys may take is lost. */
static void
expire(void *arg)
{
	struct d4	*d = arg;
	struct slot	*s;
	struct contact	*c;
	uint64_t	 now = now_ms(d);

	while ((s = TAILQ_FIRST(&d->busy)) != NULL && s->until <= now) {
		c = s->c;
		slot_free(d, s);
		d->st.unsent++;
		if (c != NULL)
			contact_unsigned(c, s->type);
	}
	arm(d);
}

void
slots_init(struct d4 *d)
{
	size_t	 i;

	TAILQ_INIT(&d->free);
	TAILQ_INIT(&d->busy);
	for (i = 0; i < SLOTS; i++)
		TAILQ_INSERT_TAIL(&d->free, &d->slot[i], entry);
	d->slot_timer.fn = expire;
	d->slot_timer.arg = d;
}

static struct slot *
slot_of(struct d4 *d, uint32_t cookie)
{
	struct slot	*s = &d->slot[cookie & (SLOTS - 1)];

	return s->used && s->cookie == cookie ? s : NULL;
}

static int
sign(struct d4 *d, struct contact *c, const struct addr *to,
    const struct d4_packet *p, uint32_t *cookie)
{
	struct slot	*s = TAILQ_FIRST(&d->free);
	int		 answer = c == NULL || c->stranger;

	if (s == NULL || (answer && (d->nanswers >= SLOTS_ANSWERS ||
	    !bucket_take(&d->answers, 1, now_ms(d) * 1000)))) {
		d->st.unsent++;
		return -1;
	}
	TAILQ_REMOVE(&d->free, s, entry);
	TAILQ_INSERT_TAIL(&d->busy, s, entry);
	s->cookie = (uint32_t)(s - d->slot) | ++d->generation * SLOTS;
	s->type = p->type;
	s->answer = answer;
	s->used = 1;
	s->to = *to;
	s->c = c;
	s->until = now_ms(d) + SIGN_MS;
	d->nanswers += s->answer;
	*cookie = s->cookie;
	arm(d);
	if (d->ops->sign(d->arg, s->cookie, p) == -1) {
		slot_free(d, s);
		d->st.unsent++;
		return -1;
	}
	return 0;
}

int
sign_for(struct d4 *d, struct contact *c, const struct addr *to,
    const struct d4_packet *p, uint32_t *cookie)
{
	return sign(d, c, to, p, cookie);
}

void
sign_answer(struct d4 *d, const struct addr *to, const struct d4_packet *p)
{
	uint32_t	 cookie;

	(void)sign(d, NULL, to, p, &cookie);
}

void
sign_forget(struct d4 *d, uint32_t cookie)
{
	struct slot	*s = slot_of(d, cookie);

	if (s != NULL)
		slot_free(d, s);
}

void
d4_signed(struct d4 *d, uint32_t cookie, const uint8_t *p, size_t len)
{
	struct slot	*s = slot_of(d, cookie);
	struct contact	*c;
	struct addr	 to;
	unsigned int	 type;

	if (s == NULL)
		return;
	c = s->c;
	to = s->to;
	type = s->type;
	slot_free(d, s);
	if (len < D4_MIN || len > D4_MAX) {
		d->st.unsent++;
		if (c != NULL)
			contact_unsigned(c, type);
		return;
	}
	d->st.out[type]++;
	d->st.out_bytes += len;
	d->ops->send(d->arg, &to, p, len);
	if (c != NULL)
		contact_signed(c, type, p);
}
