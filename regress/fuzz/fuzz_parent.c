/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "p2pd/parent/parent.h"
#include "regress/fuzz/fuzz.h"

/*
 * The parent with its own handlers, and children that say whatever they like
 * to: the input plays all of them.
 */
#define CHILDREN	7	/* two of them sessions */
#define RULES_MAX	32

static struct imsgbuf	 ends[CHILDREN];
static struct chan_rule	 rules[CHILDREN][RULES_MAX];
static size_t		 nrules[CHILDREN];

/* Not a stop: it is for the whole of a process's life. */
static void
ignore(struct channel *ch, struct chan_msg *msg, void *arg)
{
}

static void
make_key(void)
{
	const char	*dir = getenv("TMPDIR");
	char		 path[4096], hex[2 * SECP_PRIV + 1];
	int		 fd;

	snprintf(path, sizeof(path), "%s/fuzz_parent.XXXXXXXX",
	    dir == NULL ? "/tmp" : dir);
	FUZZ_CHECK((fd = mkstemp(path)) != -1);
	hex_encode(hex, fuzz_priv(0), SECP_PRIV);
	FUZZ_CHECK(write(fd, hex, 2 * SECP_PRIV) == 2 * SECP_PRIV);
	close(fd);
	FUZZ_CHECK(key_load(path, parent.id) == 0);
	unlink(path);
}

/* A child that was ended is not started again: here are no processes. */
static void
expired(int fd, short what, void *arg)
{
}

/* Once: what the parent has for life. */
static void
make_parent(void)
{
	const struct chan_rule	*r;
	struct conf_listen	*l;
	size_t			 i, j;

	parent.base = fuzz_base();
	FUZZ_CHECK((parent.conf = conf_new()) != NULL);
	/* Nothing is kept, and nothing of the system's is touched. */
	strlcpy(parent.conf->datadir, "/nonexistent/p2pd",
	    sizeof(parent.conf->datadir));
	parent.conf->sessions = 2;
	parent.conf->max_pending_in = parent.conf->max_pending_out = 4;
	parent.conf->max_peers = 6;
	parent.maxfiles = 4096;
	FUZZ_CHECK((l = calloc(1, sizeof(*l))) != NULL);
	l->udp = CONF_UDP_SAME;
	TAILQ_INSERT_TAIL(&parent.conf->listens, l, entry);
	make_key();
	children_init();
	keyops_init();
	balance_init();
	state_init();
	d4sign_init();
	record_init();
	resolve_init();
	FUZZ_CHECK(parent.nchildren == CHILDREN);
	for (i = 0; i < CHILDREN; i++) {
		event_free(parent.child[i].timer);
		parent.child[i].timer = evtimer_new(parent.base, expired, NULL);
		r = rules_for(parent.child[i].kind, &nrules[i]);
		FUZZ_CHECK(nrules[i] <= RULES_MAX);
		memcpy(rules[i], r, nrules[i] * sizeof(*r));
		for (j = 0; j < nrules[i]; j++)
			if (rules[i][j].desc == &ctl_stop_desc)
				rules[i][j].fn = ignore;
	}
}

static void
went_down(struct channel *ch, const char *why, void *arg)
{
	struct child	*c = arg;

	c->ch = NULL;
	channel_free(ch);
}

static void
child_begin(unsigned int i, int ready)
{
	struct child	*c = &parent.child[i];
	struct chan_conf cc;
	int		 fds[2];

	memset(&cc, 0, sizeof(cc));
	cc.name = proc_name(c->kind);
	cc.rules = rules[i];
	cc.nrules = nrules[i];
	cc.hiwat = CHAN_HIWAT;
	cc.lowat = CHAN_LOWAT;
	cc.limit = CHAN_LIMIT;
	cc.fdpass = 1;
	cc.down = went_down;
	cc.arg = c;
	fuzz_pair(fds);
	FUZZ_CHECK((c->ch = channel_new(parent.base, fds[0], &cc)) != NULL);
	imsgbuf_init(&ends[i], fds[1]);
	imsgbuf_allow_fdpass(&ends[i]);
	c->state = ready ? CH_READY : CH_STARTING;
	c->bad = NULL;
	channel_set_state(c->ch, ready);
}

/* As the parent does at a child's death, but for the start of the next. */
static void
child_over(unsigned int i)
{
	struct child	*c = &parent.child[i];

	if (c->ch != NULL)
		channel_free(c->ch);
	c->ch = NULL;
	c->state = CH_DOWN;
	imsgbuf_clear(&ends[i]);
	close(ends[i].fd);
	evtimer_del(c->timer);
	conns_drop(c);
	if (c->kind == PROC_SESSION) {
		peers_session_died(c);
		show_child_died(c);
		attach_session_died(c);
		attach_session_changed(c);
	} else if (c->kind == PROC_CONTROL)
		control_lost();
	else if (c->kind == PROC_DIALER) {
		resolve_dialer_gone();
		show_child_died(c);
	}
	else if (c->kind == PROC_RESOLVER)
		resolve_resolver_gone();
	else if (c->kind == PROC_DISCOVERY) {
		d4sign_drop(c);
		disc_died(c);
		show_child_died(c);
	}
	FUZZ_CHECK(c->nconns == 0 && c->nkeyq == 0 && c->nd4q == 0);
}

static void
begin(struct fuzz *f)
{
	uint8_t		 starting = fuzz_u8(f), flags = fuzz_u8(f);
	struct enode	 en;
	unsigned int	 i;

	FUZZ_CHECK(apps_init(&parent.apps, "p2pd/fuzz", parent.id) == 0);
	attach_init();
	peers_init(&parent.peers);
	nodes_init(&parent.nodes);
	bans_init(&parent.bans);
	memset(&parent.history, 0, sizeof(parent.history));
	LIST_INIT(&parent.shows);
	LIST_INIT(&parent.waiters);
	parent.next_handle = 1;
	parent.stopping = (flags & 0x01) != 0;
	parent.conf->allowlist_on = (flags & 0x02) != 0;
	memset(&en, 0, sizeof(en));
	memcpy(en.id, fuzz_pub(1), sizeof(en.id));
	strlcpy(en.host, "192.0.2.1", sizeof(en.host));
	en.tcp = en.udp = 30303;
	nodes_set(&parent.nodes, &en, NODE_STATIC, 0);
	for (i = 0; i < CHILDREN; i++)
		child_begin(i, !(starting & 1U << i));
	attach_session_changed(NULL);
}

/* What holds after every message, whoever sent it. */
static void
check(void)
{
	struct peer	*p;
	struct child	*c;
	uint32_t	 n = 0, inbound = 0, by_session = 0;

	PEERS_FOREACH(p, &parent.peers) {
		n++;
		inbound += (p->flags & PF_INBOUND) != 0;
		FUZZ_CHECK(peers_byid(&parent.peers, p->id) == p);
	}
	for (c = parent.child; c < parent.child + parent.nchildren; c++)
		by_session += c->npeers;
	FUZZ_CHECK(n == parent.peers.n && inbound == parent.peers.inbound);
	FUZZ_CHECK(by_session == n);
	FUZZ_CHECK(parent.apps.hello != NULL && parent.apps.hello->refs > 0);
	FUZZ_CHECK(parent.apps.napps <= APPS_MAX);
}

static void
end(void)
{
	struct node	*n;
	struct ban	*b;
	unsigned int	 i;

	for (i = 0; i < CHILDREN; i++)
		child_over(i);
	(void)apps_expire(&parent.apps, UINT64_MAX);
	/* The last turn before what timers look at is taken away. */
	fuzz_loop();
	check();
	FUZZ_CHECK(parent.peers.n == 0 && parent.apps.napps == 0);
	FUZZ_CHECK(TAILQ_EMPTY(&parent.apps.caps));
	FUZZ_CHECK(parent.monitors == 0 && parent.msg_monitors == 0);
	FUZZ_CHECK(LIST_EMPTY(&parent.shows) && LIST_EMPTY(&parent.waiters));
	FUZZ_CHECK(parent.apps.hello->refs == 1);
	helloset_unref(parent.apps.hello);
	while ((n = RB_MIN(node_tree, &parent.nodes.tree)) != NULL)
		nodes_clear(&parent.nodes, n->en.id, 0xff, 1);
	while ((b = RB_MIN(ban_tree, &parent.bans.tree)) != NULL)
		bans_del(&parent.bans, b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz	 f;
	unsigned int	 i, j;
	uint8_t		 who;
	int		 before;

	fuzz_begin(&f, data, size);
	if (parent.conf == NULL)
		make_parent();
	before = fuzz_next_fd();
	begin(&f);
	while (f.len > 0) {
		who = fuzz_u8(&f);
		i = who % CHILDREN;
		if (who >= 0xf0 && who < 0xf6)
			fuzz_pass(100U * fuzz_u8(&f));
		else if (who >= 0xf6) {
			child_over(i);
			child_begin(i, who >= 0xfb);
		} else
			fuzz_send(&f, &ends[i], rules[i], nrules[i]);
		fuzz_loop();
		for (j = 0; j < CHILDREN; j++)
			fuzz_drain(ends[j].fd);
		check();
	}
	end();
	FUZZ_CHECK(fuzz_next_fd() == before);
	return 0;
}
