/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/internal.h"

#define POOL	32	/* what getentropy() gives at once */

/*
 * One message to many peers.  Each session chooses among its own, but a number
 * at random of all peers is drawn here, and lists are cut by session.
 */
struct job {
	struct p2papp			*h;
	const struct p2papp_many	*what;
	struct appcap			*cap;
	const void			*data;
	size_t				 len;
	unsigned int			 flags;
	struct many			*many;		/* NULL: not to be told */
	uint32_t			 request;
	uint8_t				 select;	/* on the wire */
	struct peer			**list;		/* for the wire */
	size_t				 n;
	uint32_t			 gone;		/* of a list */
	uint64_t			 pool[POOL];	/* of random numbers */
	unsigned int			 npool;
};

static int
chosen(const struct job *j, const struct peer *p)
{
	return p->cap == j->cap->id &&
	    (j->what->version == 0 || p->version == j->what->version);
}

/* The listed peers that there are, each once. */
static void
look_up(struct job *j, int versions)
{
	struct p2papp	*h = j->h;
	struct peer	*p;
	size_t		 i;

	h->mark++;
	for (i = 0; i < j->what->npeers; i++) {
		p = (struct peer *)table_find(&h->peers,
		    PEER_KEY(j->what->peers[i], j->cap->id));
		if (p != NULL && p->mark == h->mark)
			continue;
		if (p == NULL || h->s[p->session].state != S_UP ||
		    (versions && !chosen(j, p))) {
			j->gone++;
			continue;
		}
		p->mark = h->mark;
		j->list[j->n++] = p;
	}
}

/* Uniform below n; there is no generator to seed, and none to guess. */
static int
random_below(struct job *j, size_t n, size_t *v)
{
	uint64_t	 r, limit = UINT64_MAX - UINT64_MAX % n;

	do {
		if (j->npool == 0) {
			if (getentropy(j->pool, sizeof(j->pool)) == -1)
				return -1;
			j->npool = POOL;
		}
		r = j->pool[--j->npool];
	} while (r >= limit);
	*v = (size_t)(r % n);
	return 0;
}

/* All but the listed, in session order; a reservoir of k where k is asked. */
static int
draw(struct job *j, size_t max)
{
	struct p2papp	*h = j->h;
	struct node	*n;
	struct peer	*p;
	unsigned int	 i;
	size_t		 seen = 0, at;

	for (i = 0; i < h->nslots; i++) {
		if (h->s[i].state != S_UP)
			continue;
		for (n = h->s[i].peers.next; n != &h->s[i].peers; n = n->next) {
			p = (struct peer *)n;
			if (!chosen(j, p) || p->mark == h->mark)
				continue;
			at = seen++;
			if (at >= max && random_below(j, seen, &at) == -1)
				return -1;
			if (at < max)
				j->list[at] = p;
		}
	}
	j->n = seen < max ? seen : max;
	return 0;
}

static int
by_session(const void *a, const void *b)
{
	const struct peer	*p = *(struct peer *const *)a;
	const struct peer	*q = *(struct peer *const *)b;

	return p->session < q->session ? -1 : p->session > q->session;
}

/* Turns what was asked for into what each session is asked for. */
static int
resolve(struct job *j)
{
	const struct p2papp_many	*m = j->what;
	size_t				 n = m->npeers;

	if (j->h->peers.n > n)
		n = j->h->peers.n;
	if ((j->list = calloc(n + 1, sizeof(*j->list))) == NULL)
		return -1;
	j->select = (uint8_t)m->select;
	if (m->select == P2PAPP_ALL)
		return 0;
	look_up(j, m->select == P2PAPP_LIST);
	if (m->select == P2PAPP_LIST)
		goto sort;
	j->gone = 0;
	if (j->n <= APP_LIST_MAX &&
	    (m->select == P2PAPP_BUT || j->h->nsessions == 1))
		goto sort;
	j->select = APL_LIST;
	if (draw(j, m->select == P2PAPP_RANDOM && m->k < n ? m->k : n) == -1)
		return -1;
sort:
	qsort(j->list, j->n, sizeof(*j->list), by_session);
	return 0;
}

/* How many of the list from at on belong into one frame to this session. */
static size_t
slice(const struct job *j, const struct session *s, size_t at)
{
	size_t	 n = 0;

	while (at + n < j->n && n < APP_LIST_MAX &&
	    j->list[at + n]->session == s->index)
		n++;
	return n;
}

static uint32_t
targets(const struct job *j, const struct session *s, size_t n)
{
	size_t	 all = j->cap->at[s->index].npeers;

	if (j->select == APL_LIST)
		return (uint32_t)n;
	all = all > n ? all - n : 0;
	if (j->select == APL_RANDOM && j->what->k < all)
		all = j->what->k;
	return (uint32_t)all;
}

static int
write_part(struct job *j, struct session *s, size_t at, size_t n)
{
	struct app_multisend	 m;
	struct app_head		 head;
	struct send		*out = NULL;
	uint8_t			 pre[APP_MULTI_HEAD + 4 * APP_LIST_MAX];
	uint8_t			*p = pre + APP_MULTI_HEAD;
	size_t			 i;

	memset(&m, 0, sizeof(m));
	m.capid = j->cap->at[s->index].capid;
	m.code = j->what->code;
	m.version = j->what->version;
	m.select = j->select;
	m.k = m.select == APL_RANDOM ? j->what->k : 0;
	(void)app_multisend_encode(pre, sizeof(pre), &m);
	pre[14] = (uint8_t)(n >> 8);
	pre[15] = (uint8_t)n;
	for (i = 0; i < n; i++)
		app_put32(p + 4 * i, j->list[at + i]->handle);
	head.type = AF_MULTISEND;
	head.flags = (uint16_t)((j->many != NULL ? AFL_COMPLETE : 0) |
	    (j->flags & P2PAPP_PRIORITY ? AFL_PRIORITY : 0));
	head.request = j->many != NULL ? next_request(j->h) : j->request;
	head.peer = 0;
	n = APP_MULTI_HEAD + 4 * n;
	head.len = (uint32_t)(n + j->len);
	if (j->many != NULL) {
		if ((out = send_new(j->h, s, head.request)) == NULL)
			return -1;
		out->cap = j->cap->id;
		out->many = j->many;
		out->targets = targets(j, s, i);
		j->many->parts++;
	}
	if (conn_write(&s->c, &head, pre, n, j->data, j->len, SIZE_MAX,
	    (j->flags & P2PAPP_MORE) != 0) == 0) {
		loop_watch(j->h, s);
		return 0;
	}
	/* The end of this connection is its peers' too, and comes. */
	if (s->c.broken)
		return 0;
	if (out != NULL)
		many_part(j->h, out, 0, out->targets, 0, 0);
	return -1;
}

/*
 * What the sessions are sent: how many bytes with write 0, which is asked for
 * first, so that all of it is taken or nothing.
 */
static int
each_part(struct job *j, int write)
{
	struct session	*s;
	unsigned int	 i;
	size_t		 at = 0, n, total;
	int		 first, r = 0;

	for (i = 0; i < j->h->nslots; i++) {
		s = &j->h->s[i];
		total = 0;
		first = j->select != APL_LIST;
		for (; (n = slice(j, s, at)) > 0 || first; at += n) {
			first = 0;
			if (!cap_attached(j->cap, s))
				continue;
			total += APP_HEADER + APP_MULTI_HEAD + 4 * n + j->len;
			if (write && write_part(j, s, at, n) == -1)
				r = -1;
		}
		if (!write && total > 0 &&
		    !conn_room(&s->c, total, j->h->queue)) {
			errno = EAGAIN;
			return -1;
		}
	}
	return r;
}

static void
many_done(struct p2papp *h, struct many *m)
{
	m->next = NULL;
	*h->donetail = m;
	h->donetail = &m->next;
	h->ndone++;
	h->due = 1;
}

void
many_part(struct p2papp *h, struct send *part, uint32_t written,
    uint32_t dropped, uint32_t gone, unsigned int error)
{
	struct many	*m = part->many;

	m->written += written;
	m->dropped += dropped;
	m->gone += gone;
	if (error != 0)
		m->error = error;
	table_del(&h->sends, &part->node);
	free(part);
	if (--m->parts == 0)
		many_done(h, m);
}

int
many_due(struct p2papp *h)
{
	struct p2papp_event	*ev;
	struct many		*m;

	if ((m = h->done) == NULL)
		return 0;
	if ((h->done = m->next) == NULL)
		h->donetail = &h->done;
	h->ndone--;
	ev = event(h, m->error == 0 ? P2PAPP_SENT_MANY : P2PAPP_ERROR,
	    m->error == 0 ? cap_find(h, m->cap) : NULL);
	ev->cap = m->cap;
	ev->request = m->request;
	ev->error = m->error;
	ev->text = m->error == 0 ? NULL : app_error_name(m->error);
	ev->written = m->written;
	ev->dropped = m->dropped;
	ev->gone = m->gone;
	free(m);
	return 1;
}

static int
valid(struct p2papp *h, const struct p2papp_many *what, size_t len,
    unsigned int flags, struct appcap **capp)
{
	struct appcap	*cap;
	uint32_t	 i, codes = 0;

	if ((cap = cap_find(h, what->cap)) == NULL || cap->state != C_ACTIVE)
		return fail(h, ENOENT, "no such capability");
	if (cap->what.mode == APM_TAP)
		return fail(h, EACCES, "a tap does not send");
	for (i = 0; i < cap->what.nvers; i++) {
		if (what->version == 0 ||
		    what->version == cap->what.vers[i].version)
			codes = cap->what.vers[i].codes > codes ?
			    cap->what.vers[i].codes : codes;
	}
	if (what->code >= codes || what->select > P2PAPP_RANDOM)
		return fail(h, EINVAL, "code, version or choice is out of range");
	if (len > h->max_payload)
		return fail(h, EMSGSIZE, "message is too long");
	if ((flags & P2PAPP_COMPLETE) && h->sends.n + h->ndone + SESSIONS_MAX +
	    what->npeers / APP_LIST_MAX >= SENDS_MAX)
		return fail(h, EAGAIN, "too many sends are outstanding");
	*capp = cap;
	return 0;
}

static int
run(struct job *j)
{
	struct p2papp	*h = j->h;

	if (resolve(j) == -1)
		return fail(h, ENOMEM, "out of memory");
	if (each_part(j, 0) == -1)
		return write_failed(h);
	if ((j->flags & P2PAPP_COMPLETE) &&
	    (j->many = calloc(1, sizeof(*j->many))) == NULL)
		return fail(h, ENOMEM, "out of memory");
	j->request = next_request(h);
	if (j->many != NULL) {
		/* One part too many, lest it be done before its last one. */
		j->many->parts = 1;
		j->many->request = j->request;
		j->many->cap = j->cap->id;
		j->many->gone = j->gone;
	}
	if (each_part(j, 1) == -1 && j->many == NULL)
		return fail(h, ENOMEM, "out of memory");
	if (j->many != NULL && --j->many->parts == 0)
		many_done(h, j->many);
	loop_update(h);
	return 0;
}

int
p2papp_multisend(struct p2papp *h, const struct p2papp_many *what,
    const void *data, size_t len, unsigned int flags, uint32_t *request)
{
	struct job	 j;
	int		 r;

	memset(&j, 0, sizeof(j));
	j.h = h;
	j.what = what;
	j.data = data;
	j.len = len;
	j.flags = flags;
	if (valid(h, what, len, flags, &j.cap) == -1)
		return -1;
	r = run(&j);
	free(j.list);
	if (r == 0 && request != NULL)
		*request = j.request;
	return r;
}
