/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/wire/frame.h"
#include "p2pd/session/budget.h"
#include "p2pd/session/htab.h"
#include "p2pd/session/out.h"
#include "p2pd/session/rbuf.h"
#include "p2pd/session/sendq.h"

static int	 presses;
static struct holder holder;

static void
pressed(void)
{
	presses++;
}

/* A stream of units, each a length byte and that many bytes of it. */
struct units {
	struct rbuf	 rb;
	size_t		 len;
	int		 has_len;
	unsigned int	 n;		/* whole units seen */
	unsigned int	 wrong;
	int		 answer;	/* to the next bodies */
};

static size_t
units_need(void *arg)
{
	struct units	*u = arg;

	return u->has_len ? u->len : 1;
}

static enum rb_result
units_unit(void *arg, uint8_t *p, size_t n)
{
	struct units	*u = arg;
	size_t		 i;

	if (!u->has_len) {
		u->len = *p;
		u->has_len = 1;
		return RB_OK;
	}
	if (u->answer == RB_WAIT || u->answer == RB_END)
		return u->answer;
	for (i = 0; i < n; i++)
		u->wrong += p[i] != u->len;
	u->has_len = 0;
	u->n++;
	return u->answer;
}

static const struct rb_ops	 units_ops = { units_need, units_unit };
static uint8_t			 stream[512];

static size_t
make_stream(void)
{
	static const uint8_t	 lens[] = { 3, 0, 1, 200, 0, 0, 7, 100 };
	size_t			 i, n = 0;

	for (i = 0; i < nitems_of(lens); i++) {
		stream[n++] = lens[i];
		memset(stream + n, lens[i], lens[i]);
		n += lens[i];
	}
	return n;
}

static void
setup(void)
{
	memset(&holder, 0, sizeof(holder));
	presses = 0;
	signal(SIGPIPE, SIG_IGN);
	budget_init(1 << 20, pressed);
}

static void
feed(struct units *u, size_t from, size_t to, enum rb_result want)
{
	ck_assert_int_eq(rbuf_feed(&u->rb, &units_ops, u, stream + from,
	    to - from), want);
}

/* Every pair of places where the stream may break. */
START_TEST(splits)
{
	struct units	 u;
	size_t		 n = make_stream(), i, j;

	for (i = 0; i <= n; i++) {
		for (j = i; j <= n; j++) {
			memset(&u, 0, sizeof(u));
			u.rb.holder = &holder;
			feed(&u, 0, i, RB_OK);
			feed(&u, i, j, RB_OK);
			feed(&u, j, n, RB_OK);
			ck_assert_uint_eq(u.n, 8);
			ck_assert_uint_eq(u.wrong, 0);
			ck_assert_ptr_null(u.rb.buf);
			ck_assert_uint_eq(holder.held, 0);
		}
	}
}
END_TEST

/* Stopped at any unit, or made to wait there, nothing is lost or told twice. */
START_TEST(stops)
{
	struct units	 u;
	size_t		 n = make_stream(), i;
	unsigned int	 before;

	for (i = 0; i <= n; i++) {
		memset(&u, 0, sizeof(u));
		u.rb.holder = &holder;
		u.answer = RB_WAIT;
		feed(&u, 0, i, i > 3 ? RB_STOP : RB_OK);
		ck_assert_uint_eq(u.n, 0);
		u.answer = RB_STOP;
		feed(&u, i, n, RB_STOP);
		for (;;) {
			before = u.n;
			if (rbuf_feed(&u.rb, &units_ops, &u, stream, 0) ==
			    RB_OK)
				break;
			ck_assert_uint_eq(u.n, before + 1);
		}
		ck_assert_uint_eq(u.n, 8);
		ck_assert_uint_eq(holder.held, 0);
	}
	memset(&u, 0, sizeof(u));
	u.rb.holder = &holder;
	u.answer = RB_END;
	feed(&u, 0, n, RB_END);
	rbuf_clear(&u.rb);
}
END_TEST

/* A long unit comes straight into its buffer, what follows does not. */
START_TEST(direct)
{
	static uint8_t	 data[400000], scratch[65536];
	struct rbuf	 rb;
	size_t		 used, off = 0;
	ssize_t		 w, r;
	int		 sv[2];

	memset(&rb, 0, sizeof(rb));
	rb.holder = &holder;
	arc4random_buf(data, sizeof(data));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	ck_assert_int_ne(fcntl(sv[0], F_SETFL, O_NONBLOCK), -1);
	ck_assert_ptr_nonnull(rb.buf = malloc(70000));
	ck_assert_int_eq(budget_take(&holder, 70000), 0);
	rb.cap = 70000;
	rb.len = 70000;
	memcpy(rb.buf, data, 70000);
	off = 70000;
	used = 0;
	while (rb.len < 390000) {
		if ((w = write(sv[0], data + off, sizeof(data) - off)) > 0)
			off += (size_t)w;
		r = rbuf_read(&rb, sv[1], 390000, scratch, sizeof(scratch),
		    &used);
		ck_assert_int_gt(r, 0);
		if (rb.len < 390000 && used > 0) {
			/* near the end it is the ordinary way */
			ck_assert_uint_ge(used, 1);
			break;
		}
		ck_assert_uint_le(rb.cap, 390000);
	}
	ck_assert(memcmp(rb.buf, data, rb.len) == 0);
	ck_assert(memcmp(scratch, data + rb.len, used) == 0);
	rbuf_clear(&rb);
	ck_assert_uint_eq(holder.held, 0);
	close(sv[0]);
	close(sv[1]);
}
END_TEST

START_TEST(no_memory)
{
	struct units	 u;
	struct holder	 hog = { 0 };

	make_stream();
	memset(&u, 0, sizeof(u));
	u.rb.holder = &holder;
	/* an eighth over the limit there are only small pieces */
	ck_assert_int_eq(budget_take(&hog, 1 << 20), 0);
	ck_assert_int_eq(presses, 0);
	ck_assert_int_eq(budget_over(), 0);
	ck_assert_int_eq(budget_take(&hog, 1), 0);
	ck_assert_int_eq(presses, 1);
	ck_assert_int_eq(budget_over(), 1);
	ck_assert_int_eq(budget_take(&hog, 1 << 17), -1);
	ck_assert_uint_eq(hog.held, (1 << 20) + 1);
	ck_assert_int_eq(budget_take(&hog, 60000), 0);
	ck_assert_int_eq(budget_take(&hog, 60000), 0);
	ck_assert_int_eq(budget_take(&hog, 60000), 0);
	ck_assert_int_eq(budget_critical(), 1);
	feed(&u, 0, 2, RB_OK);
	ck_assert_uint_eq(holder.held, 256);
	rbuf_clear(&u.rb);
	budget_give(&hog, hog.held);
	ck_assert_uint_eq(budget_used(), 0);
}
END_TEST

static unsigned int	 reached, soons, errors;
static size_t		 wrote_bytes;

static void
mark(struct out *o, const struct out_mark *m)
{
	ck_assert_uint_eq(m->a, reached);
	ck_assert(m->end <= o->written);
	reached++;
}

static void
wrote(struct out *o, size_t n)
{
	wrote_bytes += n;
}

static void
failed(struct out *o, int error)
{
	errors++;
}

static void
soon(void)
{
	soons++;
}

static const struct out_ops	 ops = { mark, wrote, failed };

/* An output and the other end of its socket, neither of which blocks. */
struct flow {
	struct event_base	*base;
	struct out		 o;
	uint64_t		 queued, arrived;
	unsigned int		 wrong;		/* bytes of those that arrived */
	int			 sv[2];
};

static void
flow_open(struct flow *f)
{
	memset(f, 0, sizeof(*f));
	ck_assert_ptr_nonnull(f->base = event_base_new());
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, f->sv), 0);
	ck_assert_int_ne(fcntl(f->sv[0], F_SETFL, O_NONBLOCK), -1);
	ck_assert_int_ne(fcntl(f->sv[1], F_SETFL, O_NONBLOCK), -1);
	out_setup(soon);
	ck_assert_int_eq(out_init(&f->o, f->base, f->sv[0], &ops, NULL,
	    &holder), 0);
	reached = soons = errors = 0;
	wrote_bytes = 0;
}

static void
flow_close(struct flow *f)
{
	close(f->sv[0]);
	out_cleanup();
	event_base_free(f->base);
}

/* Queues n bytes, whose end has a mark, in more room than they need. */
static void
put(struct flow *f, size_t n, uint32_t which)
{
	uint8_t	*p = out_reserve(&f->o, n + 100);
	size_t	 i;

	ck_assert_ptr_nonnull(p);
	for (i = 0; i < n; i++)
		p[i] = (uint8_t)((f->queued + i) * 31);
	out_commit(&f->o, n);
	f->queued += n;
	ck_assert_int_eq(out_mark_room(&f->o), 0);
	out_mark(&f->o, which, 0, 0);
}

/* Room that is used and then given back. */
static void
think_better_of(struct flow *f, size_t n)
{
	uint8_t	*p = out_reserve(&f->o, n);

	ck_assert_ptr_nonnull(p);
	memset(p, 0xee, n);
	out_commit(&f->o, 0);
}

/* Reads what there is, which makes room for more. */
static void
take_all(struct flow *f)
{
	static uint8_t	 got[65536];
	ssize_t		 r, i;

	while ((r = read(f->sv[1], got, sizeof(got))) > 0) {
		for (i = 0; i < r; i++)
			f->wrong += got[i] !=
			    (uint8_t)((f->arrived + (size_t)i) * 31);
		f->arrived += (size_t)r;
		event_base_loop(f->base, EVLOOP_NONBLOCK);
		out_flush_all();
	}
}

/* Pieces of all sizes through a socket that is often full. */
START_TEST(output)
{
	struct flow	 f;
	unsigned int	 k = 0;
	size_t		 n;

	flow_open(&f);
	while (k < 2000) {
		n = 1 + (k * 7919) % (k % 50 == 0 ? 100000 : 300);
		put(&f, n, k++);
		if (k % 3 == 0)
			think_better_of(&f, n * 3);
		if (k % 10 == 0)
			out_flush_all();
		if (k % 100 == 0) {
			event_base_loop(f.base, EVLOOP_NONBLOCK);
			out_flush_all();
		}
		if (k % 20 == 0)
			take_all(&f);
	}
	ck_assert(f.arrived == f.queued);
	ck_assert_uint_eq(f.wrong, 0);
	ck_assert_uint_eq(reached, 2000);
	ck_assert_uint_eq(f.o.bytes, 0);
	ck_assert_uint_eq(wrote_bytes, f.queued);
	ck_assert_uint_eq(holder.held, 0);
	ck_assert_uint_gt(soons, 0);
	ck_assert_uint_eq(errors, 0);
	out_clear(&f.o);
	close(f.sv[1]);
	flow_close(&f);
}
END_TEST

/* A closed socket is an error once, and clearing forgets all. */
START_TEST(output_fails)
{
	struct flow	 f;

	flow_open(&f);
	close(f.sv[1]);
	put(&f, 10, 0);
	out_flush_all();
	ck_assert_uint_eq(errors, 1);
	out_clear(&f.o);
	ck_assert_uint_eq(holder.held, 0);
	out_flush_all();
	ck_assert_uint_eq(errors, 1);
	flow_close(&f);
}
END_TEST

START_TEST(no_mark_after_all)
{
	struct flow	 f;

	flow_open(&f);
	ck_assert_int_eq(out_mark_room(&f.o), 0);
	ck_assert_uint_gt(holder.held, 0);
	out_mark_cancel(&f.o);
	ck_assert_uint_eq(holder.held, 0);
	out_clear(&f.o);
	close(f.sv[1]);
	flow_close(&f);
}
END_TEST

START_TEST(table)
{
	enum { N = 5000 };
	static struct hnode	 v[N];
	struct htab		 t;
	uint32_t		 i;

	memset(&t, 0, sizeof(t));
	ck_assert_ptr_null(htab_find(&t, 1));
	for (i = 0; i < N; i++) {
		v[i].key = i * 3 + 1;
		ck_assert_int_eq(htab_insert(&t, &v[i]), 0);
	}
	ck_assert_uint_eq(t.n, N);
	for (i = 0; i < N; i += 2)
		htab_remove(&t, &v[i]);
	for (i = 0; i < N; i++) {
		ck_assert_ptr_eq(htab_find(&t, i * 3 + 1),
		    i % 2 == 0 ? NULL : &v[i]);
		ck_assert_ptr_null(htab_find(&t, i * 3 + 2));
	}
	htab_free(&t);
	ck_assert_ptr_null(htab_find(&t, 4));
}
END_TEST

/* The queue alone, against a model: two orders, sizes of all kinds. */
START_TEST(queue_order)
{
	enum { ROUNDS = 20000 };
	struct holder	 h = { 0 };
	struct sendq	*q = sendq_new(&h);
	struct sitem	*it;
	uint32_t	 in[2] = { 0, 0 }, out[2] = { 0, 0 };
	size_t		 len, bytes = 0;
	unsigned int	 i, pr;

	for (i = 0; i < ROUNDS || in[0] + in[1] > out[0] + out[1]; i++) {
		if (i < ROUNDS && (i * 7919) % 1000 < (i / 1000 % 2 ? 300 : 600)) {
			pr = i * 31 % 5 == 0;
			len = (i * 127) % (i % 9 == 0 ? SENDQ_INLINE : 60);
			it = sendq_add(q, &h, (int)pr, len + 32);
			ck_assert_ptr_nonnull(it);
			it->code = in[pr]++;
			it->ticket.kind = pr;
			it->len = (uint32_t)len;
			if (i % 4 == 0) {
				it->buf = sbuf_trim(sbuf_new(&h, len + 3000),
				    len);
				memset(it->buf->data, (int)it->code, len);
			} else
				memset(it + 1, (int)it->code, len);
			sendq_added(q, (int)pr, it);
			bytes += frame_wire_len(1 + len);
			ck_assert_uint_eq(q->bytes, bytes);
			continue;
		}
		if ((it = sendq_first(q)) == NULL)
			continue;
		pr = in[1] > out[1];
		ck_assert_uint_eq(it->ticket.kind, pr);
		ck_assert_uint_eq(it->code, out[pr]);
		if (it->len > 0) {
			ck_assert_uint_eq(sendq_data(it)[0], out[pr] & 0xff);
			ck_assert_uint_eq(sendq_data(it)[it->len - 1],
			    out[pr] & 0xff);
		}
		bytes -= frame_wire_len(1 + (size_t)it->len);
		out[pr]++;
		sendq_pop(q, &h);
	}
	ck_assert_int_eq(sendq_empty(q), 1);
	ck_assert_uint_eq(q->bytes, 0);
	sendq_free(q, &h);
	ck_assert_uint_eq(h.held, 0);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("session_buffers");
	TCase	*t = tcase_create("buffers");
	SRunner	*r;
	int	 n;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, splits);
	tcase_add_test(t, stops);
	tcase_add_test(t, direct);
	tcase_add_test(t, no_memory);
	tcase_add_test(t, output);
	tcase_add_test(t, output_fails);
	tcase_add_test(t, no_mark_after_all);
	tcase_add_test(t, table);
	tcase_add_test(t, queue_order);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	n = srunner_ntests_failed(r);
	srunner_free(r);
	return n == 0 ? 0 : 1;
}
