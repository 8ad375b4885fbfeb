/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/child.h"
#include "p2pd/control/control.h"
#include "p2pd/dialer/dialer.h"
#include "p2pd/discovery/discovery.h"
#include "p2pd/listener/listener.h"
#include "p2pd/resolver/resolver.h"
#include "p2pd/session/session.h"
#include "regress/fuzz/fuzz.h"

#define RULES_MAX	32

/*
 * The channels of all processes, both ends, with the tables that they use and
 * handlers that look at what came. The tables of the children come from their
 * mains, which meet this instead of p2pd/child.c.
 */
static struct chan_rule	 tables[2 * PROC_KINDS][RULES_MAX];
static size_t		 nrules[2 * PROC_KINDS];
static size_t		 ntables;
static int		 down;

/* Of the parent, whose own header does not go with the children's. */
const struct chan_rule *rules_for(enum proc_kind, size_t *);

static void
looks_right(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct chan_rule	*r;
	struct ibuf		*b;

	for (r = arg; r->desc->type != msg->type; r++)
		;
	FUZZ_CHECK(r->states & 1U << channel_state(ch));
	FUZZ_CHECK((r->fd == CHAN_FD) == (msg->fd != -1));
	if (msg->fd != -1 && (msg->type & 1)) {
		FUZZ_CHECK(close(msg->fd) == 0);
		msg->fd = -1;
	}
	/* There is one encoding, so what came can be said again. */
	FUZZ_CHECK((b = ibuf_dynamic(0, 1 << 20)) != NULL);
	FUZZ_CHECK(msg_encode(r->desc, msg->body, b) == 0);
	FUZZ_CHECK(ibuf_size(b) >= msg_minlen(r->desc));
	FUZZ_CHECK(ibuf_size(b) <= msg_maxlen(r->desc));
	ibuf_free(b);
}

static void
went_down(struct channel *ch, const char *why, void *arg)
{
	FUZZ_CHECK(!down);
	down = 1;
	channel_free(ch);
}

static void
add_table(const struct chan_rule *rules, size_t n)
{
	size_t	 i;

	FUZZ_CHECK(n < RULES_MAX && ntables < nitems_of(tables));
	for (i = 0; i < n; i++) {
		tables[ntables][i] = rules[i];
		tables[ntables][i].fn = looks_right;
	}
	nrules[ntables++] = n;
}

int
child_run(const struct child_conf *conf)
{
	add_table(conf->rules, conf->nrules);
	return 0;
}

/* Nobody runs, so none of these is called. */
void
child_exit(int status)
{
	FUZZ_CHECK(0);
}

struct event_base *
child_base(void)
{
	FUZZ_CHECK(0);
}

struct channel *
child_parent(void)
{
	FUZZ_CHECK(0);
}

const struct m_init *
child_init(void)
{
	FUZZ_CHECK(0);
}

int
child_send(const struct msgdesc *desc, const void *body, int fd)
{
	FUZZ_CHECK(0);
}

static void
make_tables(void)
{
	const struct chan_rule	*rules;
	enum proc_kind		 k;
	size_t			 n;

	for (k = PROC_CONTROL; k < PROC_KINDS; k++) {
		rules = rules_for(k, &n);
		add_table(rules, n);
	}
	control_main(0);
	listener_main(0);
	dialer_main(0);
	session_main(0);
	resolver_main(0);
	discovery_main(0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chan_conf cc;
	struct channel	*ch;
	struct imsgbuf	 ib;
	struct fuzz	 f;
	size_t		 t;
	int		 fds[2], before;

	fuzz_begin(&f, data, size);
	if (ntables == 0)
		make_tables();
	fuzz_base();
	before = fuzz_next_fd();
	t = fuzz_u8(&f) % ntables;
	memset(&cc, 0, sizeof(cc));
	cc.name = "fuzz";
	cc.rules = tables[t];
	cc.nrules = nrules[t];
	cc.hiwat = CHAN_HIWAT;
	cc.lowat = CHAN_LOWAT;
	cc.limit = CHAN_LIMIT;
	cc.fdpass = 1;
	cc.down = went_down;
	cc.arg = tables[t];
	fuzz_pair(fds);
	down = 0;
	FUZZ_CHECK((ch = channel_new(fuzz_base(), fds[0], &cc)) != NULL);
	imsgbuf_init(&ib, fds[1]);
	imsgbuf_allow_fdpass(&ib);
	while (f.len > 0 && !down) {
		channel_set_state(ch, fuzz_u8(&f) % 3);
		fuzz_send(&f, &ib, tables[t], nrules[t]);
		fuzz_loop();
	}
	imsgbuf_clear(&ib);
	close(fds[1]);
	fuzz_loop();
	FUZZ_CHECK(down);
	FUZZ_CHECK(fuzz_next_fd() == before);
	return 0;
}
