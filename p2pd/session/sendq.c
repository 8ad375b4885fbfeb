/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/frame.h"
#include "p2pd/session/sendq.h"

#define BLOCK_FIRST	1024		/* with its head: few wait for long */
#define BLOCK		8192
#define ALIGNED(n)	(((n) + alignof(struct sitem) - 1) / \
			    alignof(struct sitem) * alignof(struct sitem))

struct sblock {
	TAILQ_ENTRY(sblock)	 entry;
	size_t			 size;		/* of data */
	size_t			 rpos;
	size_t			 wpos;
	alignas(struct sitem) uint8_t data[];
};

struct sbuf *
sbuf_new(struct holder *h, size_t size)
{
	struct sbuf	*b;

	if (budget_take(h, sizeof(*b) + size) == -1)
		return NULL;
	if ((b = malloc(sizeof(*b) + size)) == NULL) {
		budget_give(h, sizeof(*b) + size);
		return NULL;
	}
	b->holder = h;
	b->size = sizeof(*b) + size;
	b->len = size;
	b->refs = 1;
	return b;
}

struct sbuf *
sbuf_trim(struct sbuf *b, size_t len)
{
	struct sbuf	*t;

	b->len = len;
	if (b->size - sizeof(*b) - len < 256 ||
	    (t = realloc(b, sizeof(*b) + len)) == NULL)
		return b;
	budget_give(t->holder, t->size - sizeof(*t) - len);
	t->size = sizeof(*t) + len;
	return t;
}

struct sbuf *
sbuf_ref(struct sbuf *b)
{
	b->refs++;
	return b;
}

void
sbuf_unref(struct sbuf *b)
{
	if (b == NULL || --b->refs > 0)
		return;
	budget_give(b->holder, b->size);
	free(b);
}

struct sendq *
sendq_new(struct holder *h)
{
	struct sendq	*q;

	if (budget_take(h, sizeof(*q)) == -1)
		return NULL;
	if ((q = calloc(1, sizeof(*q))) == NULL) {
		budget_give(h, sizeof(*q));
		return NULL;
	}
	TAILQ_INIT(&q->list[0]);
	TAILQ_INIT(&q->list[1]);
	return q;
}

void
sendq_free(struct sendq *q, struct holder *h)
{
	budget_give(h, sizeof(*q));
	free(q);
}

int
sendq_empty(const struct sendq *q)
{
	return TAILQ_EMPTY(&q->list[0]) && TAILQ_EMPTY(&q->list[1]);
}

static struct sblock *
block_new(struct sblocks *list, struct holder *h, size_t need)
{
	struct sblock	*b;
	size_t		 size = BLOCK;

	if (TAILQ_EMPTY(list) && sizeof(*b) + need <= BLOCK_FIRST)
		size = BLOCK_FIRST;
	if (budget_take(h, size) == -1)
		return NULL;
	if ((b = malloc(size)) == NULL) {
		budget_give(h, size);
		return NULL;
	}
	b->size = size - sizeof(*b);
	b->rpos = b->wpos = 0;
	TAILQ_INSERT_TAIL(list, b, entry);
	return b;
}

static void
block_free(struct sblocks *list, struct holder *h, struct sblock *b)
{
	TAILQ_REMOVE(list, b, entry);
	budget_give(h, sizeof(*b) + b->size);
	free(b);
}

struct sitem *
sendq_add(struct sendq *q, struct holder *h, int priority, size_t n)
{
	struct sblocks	*list = &q->list[priority != 0];
	struct sblock	*b = TAILQ_LAST(list, sblocks);
	struct sitem	*it;

	n += sizeof(*it);
	if ((b == NULL || b->size - b->wpos < n) &&
	    (b = block_new(list, h, n)) == NULL)
		return NULL;
	it = (struct sitem *)(void *)(b->data + b->wpos);
	memset(it, 0, sizeof(*it));
	return it;
}

static size_t
wire_len(const struct sitem *it)
{
	return frame_wire_len(1 + (size_t)it->len);
}

void
sendq_added(struct sendq *q, int priority, struct sitem *it)
{
	struct sblock	*b = TAILQ_LAST(&q->list[priority != 0], sblocks);

	it->room = (uint32_t)ALIGNED(it->buf == NULL ? it->len : 0);
	b->wpos += sizeof(*it) + it->room;
	q->bytes += wire_len(it);
}

const uint8_t *
sendq_data(const struct sitem *it)
{
	return it->buf != NULL ? it->buf->data : (const uint8_t *)(it + 1);
}

static struct sblock *
first_block(const struct sendq *q)
{
	struct sblock	*b = TAILQ_FIRST(&q->list[1]);

	return b != NULL ? b : TAILQ_FIRST(&q->list[0]);
}

struct sitem *
sendq_first(const struct sendq *q)
{
	struct sblock	*b = first_block(q);

	return b == NULL ? NULL : (struct sitem *)(void *)(b->data + b->rpos);
}

void
sendq_pop(struct sendq *q, struct holder *h)
{
	struct sblock	*b = first_block(q);
	struct sitem	*it = (struct sitem *)(void *)(b->data + b->rpos);

	q->bytes -= wire_len(it);
	sbuf_unref(it->buf);
	b->rpos += sizeof(*it) + it->room;
	if (b->rpos >= b->wpos)
		block_free(&q->list[!TAILQ_EMPTY(&q->list[1])], h, b);
}
