/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/unit/p2pd/parent/far.h"

/*
 * What children may not do to the parent: it has its own handlers here, and
 * the test speaks for a child. One that is caught has lost its channel.
 */
static struct imsgbuf	 far;
static struct child	*c;
static int		 refused;	/* by the channel, not by a handler */

static void
went_down(struct channel *ch, const char *why, void *arg)
{
	refused = 1;
	((struct child *)arg)->ch = NULL;
	channel_free(ch);
}

static void
join(enum proc_kind kind)
{
	c = child_first(kind);
	far_join(c, &far, went_down);
}

static void
say(const struct msgdesc *d, const void *body, int fd)
{
	far_say(&far, d, body, fd);
}

/* What was said may need more than one turn of the loop. */
#define AWAIT(cond) do {						\
	uint64_t end_ = mono_ms() + 30000;				\
	while (!(cond)) {						\
		ck_assert_msg(mono_ms() < end_, "never: %s", #cond);	\
		event_base_loop(parent.base, EVLOOP_NONBLOCK);		\
	}								\
} while (0)

static int
caught(void)
{
	return c->ch == NULL && !refused;
}

START_TEST(reasons_are_bounded)
{
	struct m_attempt m;

	memset(&m, 0, sizeof(m));
	join(PROC_LISTENER);
	m.stage = ST_CHECK2;
	m.reason = REASON_MAX - 1;
	say(&m_attempt_desc, &m, -1);
	ck_assert(!caught());
	ck_assert_uint_eq(parent.history.n, 1);
	if (_i == 0)
		m.reason = REASON_MAX;
	else
		m.stage = ST_CHECK2 + 1;
	say(&m_attempt_desc, &m, -1);
	ck_assert(caught());
	ck_assert_uint_eq(parent.history.n, 1);
}
END_TEST

/* Nothing of it is heard after that, however much is in the socket. */
START_TEST(caught_is_unheard)
{
	struct m_attempt m;
	struct m_log	 l;
	int		 i;

	memset(&m, 0, sizeof(m));
	memset(&l, 0, sizeof(l));
	join(PROC_LISTENER);
	m.reason = REASON_SETUP_TIMEOUT;
	for (i = 0; i < 6; i++) {
		struct ibuf	*b = imsg_create(&far, M_ATTEMPT, 0, 0, 64);

		if (i == 3)
			m.reason = UINT16_MAX;
		ck_assert_int_eq(msg_encode(&m_attempt_desc, &m, b), 0);
		imsg_close(&far, b);
		if (i == 3)
			m.reason = REASON_SETUP_TIMEOUT;
	}
	ck_assert_int_eq(imsgbuf_flush(&far, 1000), 0);
	event_base_loop(parent.base, EVLOOP_NONBLOCK);
	ck_assert(caught());
	ck_assert_uint_eq(parent.history.n, 3);
}
END_TEST

START_TEST(dialer_needs_a_dial)
{
	struct m_key	 k;
	struct m_dial	 d;

	memset(&k, 0, sizeof(k));
	memset(&d, 0, sizeof(d));
	join(PROC_DIALER);
	d.conn = k.conn = 1;
	k.op = KEY_STATIC;
	say(&m_dial_desc, &d, -1);
	ck_assert(!caught());
	k.conn = 2;
	say(&m_key_desc, &k, -1);
	ck_assert(caught());
	ck_assert_uint_eq(c->nkeyq, 0);
}
END_TEST

/* The node that a dial ends at is the one that it was for. */
START_TEST(dialed_identity)
{
	struct m_check1	 ck;
	struct conn	*conn;
	struct m_dial	 d;

	memset(&d, 0, sizeof(d));
	memset(&ck, 0, sizeof(ck));
	join(PROC_DIALER);
	d.conn = ck.conn = 1;
	memset(d.id, 1, sizeof(d.id));
	say(&m_dial_desc, &d, -1);
	conn = conn_find(c, 1);
	ck_assert_ptr_nonnull(conn);
	memset(conn->keys[KEY_STATIC].point, 2, SECP_PUB);
	conn->ops = 1 << KEY_STATIC;
	memset(ck.id, 2, sizeof(ck.id));
	say(&m_check1_desc, &ck, -1);
	ck_assert(caught());
}
END_TEST

/* Requests whose connection is over are not done, nor kept. */
START_TEST(keys_end_with_their_connection)
{
	struct m_attempt m;
	struct m_key	 k;
	int		 i;

	memset(&k, 0, sizeof(k));
	memset(&m, 0, sizeof(m));
	join(PROC_LISTENER);
	channel_pause(c->ch);
	for (i = 0; i < 200; i++) {
		struct ibuf	*b;

		k.conn = m.conn = i + 1;
		k.op = KEY_ECIES;
		b = imsg_create(&far, M_KEY, 0, 0, 64);
		ck_assert_int_eq(msg_encode(&m_key_desc, &k, b), 0);
		imsg_close(&far, b);
		b = imsg_create(&far, M_ATTEMPT, 0, 0, 64);
		ck_assert_int_eq(msg_encode(&m_attempt_desc, &m, b), 0);
		imsg_close(&far, b);
	}
	ck_assert_int_eq(imsgbuf_flush(&far, 1000), 0);
	channel_resume(c->ch);
	while (parent.history.n < 200)
		event_base_loop(parent.base, EVLOOP_ONCE);
	ck_assert(!caught());
	ck_assert_uint_eq(c->nkeyq, 0);
	ck_assert_uint_eq(c->nconns, 0);
	ck_assert_uint_eq(c->key_done[KEY_ECIES], 0);
}
END_TEST

static void
make_key(void)
{
	char	 dir[] = "/tmp/parent_trust.XXXXXX", path[64], left[96];
	int	 fd;

	ck_assert_int_eq(secp_init(), 0);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/nodekey", dir);
	/* as one left it that was making the key when the power went */
	snprintf(left, sizeof(left), "%s.%ld", path, (long)getpid());
	ck_assert_int_ne(fd = open(left, O_WRONLY | O_CREAT, 0600), -1);
	close(fd);
	ck_assert_int_eq(key_load(path, parent.id), 0);
	unlink(left);
	unlink(path);
	rmdir(dir);
}

/* What the parent has said; its type, or -1 when there is nothing. */
static int
heard(void)
{
	struct imsg	 m;
	int		 type;

	event_base_loop(parent.base, EVLOOP_NONBLOCK);
	if (imsgbuf_get(&far, &m) != 1) {
		(void)imsgbuf_read(&far);
		if (imsgbuf_get(&far, &m) != 1)
			return -1;
	}
	type = (int)imsg_get_type(&m);
	imsg_free(&m);
	return type;
}

/* Asked with the last secret, checkpoint one is answered behind it, once. */
START_TEST(verdict_behind_secrets)
{
	struct m_check1	 ck;
	struct m_key	 k;

	make_key();
	memset(&k, 0, sizeof(k));
	memset(&ck, 0, sizeof(ck));
	join(PROC_LISTENER);
	bucket_init(&c->key_bucket, 1, 0, mono_us());
	k.conn = ck.conn = 1;
	for (k.op = KEY_ECIES; k.op <= KEY_STATIC; k.op++)
		say(&m_key_desc, &k, -1);
	say(&m_check1_desc, &ck, -1);
	ck_assert_int_eq(heard(), -1);
	bucket_init(&c->key_bucket, 100, 100, mono_us());
	AWAIT(c->nkeyq == 0);
	ck_assert_int_eq(heard(), M_KEY_DONE);
	ck_assert_int_eq(heard(), M_KEY_DONE);
	ck_assert_int_eq(heard(), M_VERDICT1);
	ck_assert_int_eq(heard(), -1);
	ck_assert(!caught());
	/* No second question. */
	say(&m_check1_desc, &ck, -1);
	ck_assert(caught());
}
END_TEST

/* Over its rate a child waits; nothing of it is lost. */
START_TEST(keys_have_a_rate)
{
	struct m_key	 k;
	int		 i;

	make_key();
	memset(&k, 0, sizeof(k));
	join(PROC_LISTENER);
	parent.conf->max_pending_in = 100;
	bucket_init(&c->key_bucket, 10, 4, mono_us());
	k.op = KEY_ECIES;
	for (i = 0; i < 12; i++) {
		k.conn = i + 1;
		say(&m_key_desc, &k, -1);
	}
	ck_assert(!caught());
	ck_assert_uint_gt(c->nkeyq, 0);
	while (c->nkeyq > 0)
		event_base_loop(parent.base, EVLOOP_ONCE);
	ck_assert_uint_eq(c->key_done[KEY_ECIES], 12);
	ck_assert_uint_gt(c->key_delayed, 0);
	ck_assert_uint_eq(c->key_refused, 0);
}
END_TEST

/* An application is who its socket says, not who control says. */
START_TEST(credentials_are_the_sockets)
{
	struct m_app	 m;
	int		 sv[2];

	memset(&m, 0, sizeof(m));
	join(PROC_SESSION);
	join(PROC_CONTROL);
	m.uid = getuid() + 1000;
	m.gid = getgid() + 1000;
	if (_i == 1) {
		say(&m_app_new_desc, &m, open("/dev/null", O_RDWR));
		ck_assert(caught());
		ck_assert_uint_eq(parent.apps.napps, 0);
		return;
	}
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	say(&m_app_new_desc, &m, sv[0]);
	ck_assert(!caught());
	ck_assert_uint_eq(parent.apps.napps, 1);
	ck_assert_uint_eq(TAILQ_FIRST(&parent.apps.apps)->uid, getuid());
	ck_assert_uint_eq(TAILQ_FIRST(&parent.apps.apps)->gid, getgid());
}
END_TEST

/*
 * Nor does one bring a line of its own into the state file, as the note of a
 * ban that an application asks for.
 */
START_TEST(names_are_printable)
{
	static const char *const bad[] = { "x\ntrusted ab", "\x1b[2J",
	    "caf\xc3\xa9", "\x7f" };
	struct m_app	 m;
	int		 sv[2];

	memset(&m, 0, sizeof(m));
	join(PROC_SESSION);
	join(PROC_CONTROL);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	strlcpy(m.name, "a \\x0a \"b\"", sizeof(m.name));
	say(&m_app_new_desc, &m, sv[0]);
	ck_assert(!caught());
	ck_assert_uint_eq(parent.apps.napps, 1);
	strlcpy(m.name, bad[_i], sizeof(m.name));
	say(&m_app_new_desc, &m, sv[1]);
	ck_assert(caught());
	ck_assert_uint_eq(parent.apps.napps, 1);
}
END_TEST

/* Whatever connection it passes on, nobody waits for who does not read it. */
START_TEST(refusals_do_not_block)
{
	static const char	 zero[4096];
	struct m_app		 m;
	int			 sv[2];

	memset(&m, 0, sizeof(m));
	join(PROC_CONTROL);
	parent.stopping = 1;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	while (send(sv[0], zero, sizeof(zero), MSG_DONTWAIT) != -1)
		continue;
	alarm(5);
	say(&m_app_new_desc, &m, sv[0]);
	ck_assert(!caught());
	close(sv[1]);
}
END_TEST

START_TEST(monitors_are_bounded)
{
	struct ctl_monitor_req	 m;
	unsigned int		 i;

	memset(&m, 0, sizeof(m));
	join(PROC_CONTROL);
	for (i = 0; i < 5000 && !caught(); i++) {
		m.conn = i + 1;
		say(&ctl_monitor_desc, &m, -1);
	}
	ck_assert(caught());
	ck_assert_uint_le(parent.monitors, 1024);
}
END_TEST

/* No host may bring a line of its own into the state file. */
START_TEST(hosts_are_checked)
{
	static const char *const bad[] = { "a\nban b", "a b", "[::1]", "x:y",
	    "" };
	struct ctl_peer_req	 m;
	size_t			 i;

	memset(&m, 0, sizeof(m));
	join(PROC_CONTROL);
	parent.conf->dial = 1;
	m.conn = 1;
	m.op = PEER_ADD;
	memset(m.id, 3, sizeof(m.id));
	m.tcp = m.udp = 30303;
	for (i = 0; i < nitems_of(bad); i++) {
		strlcpy(m.host, bad[i], sizeof(m.host));
		say(&ctl_peer_desc, &m, -1);
		ck_assert_uint_eq(parent.nodes.n, 0);
	}
	ck_assert(!caught());
}
END_TEST

/* A ban is of something. */
START_TEST(bans_are_checked)
{
	struct ctl_ban_req	 m;

	memset(&m, 0, sizeof(m));
	join(PROC_CONTROL);
	m.conn = 1;
	m.op = BAN_ADD;
	say(&ctl_ban_desc, &m, -1);
	ck_assert_uint_eq(parent.bans.n, 0);
	ck_assert(!caught());
}
END_TEST

static unsigned int resolved;

static void
on_resolved(const struct m_resolved *r, void *arg)
{
	resolved += r->n > 0;
}

/* Where a name leads to is an address; nobody else is told what is not. */
START_TEST(answers_are_addresses)
{
	struct m_resolved	 m;

	memset(&m, 0, sizeof(m));
	join(PROC_RESOLVER);
	resolve_name("node.example", on_resolved, NULL);
	m.n = 2;
	ck_assert_int_eq(addr_parse_ip(&m.addrs[0].addr, "192.0.2.1"), 0);
	say(&m_resolved_desc, &m, -1);
	ck_assert(caught());
	ck_assert_uint_eq(resolved, 0);
}
END_TEST

/* An application in session 0, with a capability. */
static struct appconn *
application(void)
{
	struct m_app_attached	 ans;
	struct m_app_attach	 m;
	struct m_app		 who;
	struct appconn		*ac;

	memset(&who, 0, sizeof(who));
	memset(&m, 0, sizeof(m));
	memset(&ans, 0, sizeof(ans));
	who.uid = 1000;
	who.pid = 77;
	strlcpy(who.name, "judge", sizeof(who.name));
	ac = apps_connect(&parent.apps, apps_new(&parent.apps, &who), 0);
	ck_assert_ptr_nonnull(ac);
	strlcpy(m.name, "eth", sizeof(m.name));
	m.nvers = m.vers[0].version = m.vers[0].codes = 1;
	ck_assert_int_eq(apps_attach(&parent.apps, ac, &m, &ans), APE_OK);
	return ac;
}

static struct peer *
peer_of(uint8_t session, uint8_t flags)
{
	struct peer	*p = calloc(1, sizeof(*p));

	p->handle = ++parent.next_handle;
	memset(p->id, (int)p->handle, sizeof(p->id));
	p->session = session;
	p->flags = flags;
	ck_assert_int_eq(peers_insert(&parent.peers, p), 0);
	return p;
}

START_TEST(penalties)
{
	struct m_app_penalise	 m;
	struct appconn		*ac = application();
	struct peer		*p, *again;
	struct ban		*b;

	memset(&m, 0, sizeof(m));
	join(PROC_SESSION);
	p = peer_of(0, 0);
	m.app = ac->no;
	m.handle = p->handle;
	m.disc = DISC_BREACH;
	m.secs = 3600;
	say(&m_app_penalise_desc, &m, -1);
	AWAIT(p->stopping);
	ck_assert(bans_has_id(&parent.bans, p->id, time(NULL)));
	ck_assert(!bans_has_id(&parent.bans, p->id, time(NULL) + 3601));
	b = RB_MIN(ban_tree, &parent.bans.tree);
	ck_assert_str_eq(b->note, "application \"judge\", uid 1000, pid 77");
	/* A shorter one does not take the place of a longer. */
	again = peer_of(0, 0);
	memcpy(again->id, p->id, sizeof(p->id));
	m.handle = again->handle;
	m.secs = 1;
	say(&m_app_penalise_desc, &m, -1);
	AWAIT(again->stopping);
	ck_assert(bans_has_id(&parent.bans, p->id, time(NULL) + 3000));
	/* No time, no ban. */
	m.handle = (p = peer_of(0, 0))->handle;
	m.secs = 0;
	say(&m_app_penalise_desc, &m, -1);
	AWAIT(p->stopping);
	ck_assert_uint_eq(parent.bans.n, 1);
	/* One that is on its way out is banned all the same. */
	m.handle = (p = peer_of(0, 0))->handle;
	p->stopping = 1;
	m.secs = 3600;
	say(&m_app_penalise_desc, &m, -1);
	AWAIT(parent.bans.n == 2);
	ck_assert(bans_has_id(&parent.bans, p->id, time(NULL) + 3000));
	/* The operator's are disconnected only. */
	m.secs = UINT32_MAX;
	m.handle = (p = peer_of(0, PF_STATIC))->handle;
	say(&m_app_penalise_desc, &m, -1);
	AWAIT(p->stopping);
	m.handle = (p = peer_of(0, PF_TRUSTED))->handle;
	say(&m_app_penalise_desc, &m, -1);
	AWAIT(p->stopping);
	ck_assert_uint_eq(parent.bans.n, 2);
	/* Another session's are not its own; who has gone is nobody. */
	m.handle = (p = peer_of(1, 0))->handle;
	say(&m_app_penalise_desc, &m, -1);
	ck_assert(!p->stopping);
	m.handle = 999;
	say(&m_app_penalise_desc, &m, -1);
	ck_assert_uint_eq(parent.bans.n, 2);
	ck_assert(!caught());
	m.app = ac->no + 1;
	say(&m_app_penalise_desc, &m, -1);
	AWAIT(caught());
}
END_TEST

/* Applications do not take the operator's last place for a ban. */
START_TEST(bans_are_left)
{
	struct m_app_penalise	 m;
	struct ctl_ban_req	 req;
	struct appconn		*ac = application();
	struct peer		*p = peer_of(0, 0);
	struct ban		 b;
	uint32_t		 i;

	memset(&b, 0, sizeof(b));
	memset(&m, 0, sizeof(m));
	memset(&req, 0, sizeof(req));
	b.by_id = 1;
	for (i = 0; i < BANS_APP_MAX; i++) {
		memcpy(b.id, &i, sizeof(i));
		ck_assert_ptr_nonnull(bans_add(&parent.bans, &b));
	}
	join(PROC_SESSION);
	m.app = ac->no;
	m.handle = p->handle;
	m.disc = DISC_BREACH;
	m.secs = 3600;
	say(&m_app_penalise_desc, &m, -1);
	AWAIT(p->stopping);
	ck_assert(!bans_has_id(&parent.bans, p->id, time(NULL)));
	ck_assert(!caught());
	join(PROC_CONTROL);
	req.op = BAN_ADD;
	req.by_id = 1;
	memcpy(req.id, p->id, sizeof(req.id));
	say(&ctl_ban_desc, &req, -1);
	AWAIT(bans_has_id(&parent.bans, p->id, time(NULL)));
}
END_TEST

/* The longest record has an end; nobody is hidden by having too much. */
START_TEST(taps_do_not_hide)
{
	struct appconn		*ac = application();
	struct m_app_attached	 ans;
	struct m_app_attach	 m;
	struct ctl_show_req	 show;
	struct rec_reader	 rd;
	struct rec_item		 it;
	struct ctl_rec		 rec;
	struct imsg		 im;
	unsigned int		 i, taps = 0;
	uint64_t		 more = 0;

	memset(&m, 0, sizeof(m));
	memset(&show, 0, sizeof(show));
	m.mode = APM_TAP;
	for (i = 0; i < 200; i++) {
		snprintf(m.name, sizeof(m.name), "tap%u", i);
		ck_assert_int_eq(apps_attach(&parent.apps, ac, &m, &ans), APE_OK);
	}
	join(PROC_CONTROL);
	show.what = SHOW_APPS;
	say(&ctl_show_desc, &show, -1);
	event_base_loop(parent.base, EVLOOP_NONBLOCK);
	while (imsgbuf_get(&far, &im) == 0)
		ck_assert_int_eq(imsgbuf_read(&far), 1);
	ck_assert_uint_eq(imsg_get_type(&im), CTL_REC);
	ck_assert_int_eq(msg_decode(&ctl_rec_desc, im.buf, &rec), 0);
	rec_read(&rd, rec.rec, rec.len);
	while (rec_next(&rd, &it) == 1) {
		taps += it.type == REC_BOOL && strcmp(it.key, "tap") == 0;
		if (strcmp(it.key, "more") == 0)
			more = it.u64;
	}
	ck_assert_uint_gt(taps, 50);
	ck_assert_uint_eq(taps + more, 201);
	imsg_free(&im);
}
END_TEST

/* What applications hint at comes to the dialer, as often as they may. */
START_TEST(hints)
{
	struct channel		*dialer;
	struct imsgbuf		 dfar;
	struct chan_stats	 st;
	struct appconn		*ac = application();
	struct m_app_hint	 m;
	int			 i;

	memset(&m, 0, sizeof(m));
	join(PROC_DIALER);
	dialer = c->ch;
	dfar = far;
	join(PROC_SESSION);
	m.app = ac->no;
	say(&m_app_hint_desc, &m, -1);	/* no address */
	ck_assert_int_eq(addr_parse_ip(&m.addr, "192.0.2.1"), 0);
	say(&m_app_hint_desc, &m, -1);	/* no port */
	channel_stats(dialer, &st);
	ck_assert_uint_eq(st.out, 0);
	m.addr.port = 30303;
	say(&m_app_hint_desc, &m, -1);
	channel_stats(dialer, &st);
	ck_assert_uint_eq(st.out, 1);
	for (i = 0; i < 2 * APP_HINT_BURST; i++)
		say(&m_app_hint_desc, &m, -1);
	channel_stats(dialer, &st);
	ck_assert_uint_ge(st.out, APP_HINT_BURST);
	ck_assert_uint_lt(st.out, 2 * APP_HINT_BURST);
	/* From one that owns nothing they are nobody's. */
	apps_disconnect(&parent.apps, ac, 0);
	ck_assert(!caught());
	say(&m_app_hint_desc, &m, -1);
	AWAIT(caught());
	imsgbuf_clear(&dfar);
}
END_TEST

static unsigned int
count(struct imsgbuf *ib, uint32_t type)
{
	unsigned int	 n = 0;
	struct imsg	 m;

	event_base_loop(parent.base, EVLOOP_NONBLOCK);
	do {
		ck_assert_int_eq(imsgbuf_read(ib), 1);
		while (imsgbuf_get(ib, &m) == 1) {
			n += imsg_get_type(&m) == type;
			imsg_free(&m);
		}
	} while (!ib->again);
	return n;
}

/*
 * With all that is new static nodes are dialed at once; they are not for an
 * application that comes and goes.
 */
START_TEST(come_and_go)
{
	struct m_app_attach	 m;
	struct m_app_detach	 gone;
	struct imsgbuf		 dfar;
	struct enode		 en;
	struct m_app		 who;
	struct appconn		*ac;
	int			 i;

	memset(&m, 0, sizeof(m));
	memset(&who, 0, sizeof(who));
	memset(&en, 0, sizeof(en));
	memset(en.id, 9, sizeof(en.id));
	strlcpy(en.host, "192.0.2.1", sizeof(en.host));
	en.tcp = 30303;
	ck_assert_ptr_nonnull(nodes_set(&parent.nodes, &en, NODE_STATIC, 0));
	join(PROC_DIALER);
	imsgbuf_init(&dfar, far.fd);
	join(PROC_SESSION);
	attach_session_changed(c);
	ac = apps_connect(&parent.apps, apps_new(&parent.apps, &who), 0);
	ck_assert_ptr_nonnull(ac);
	m.app = gone.app = ac->no;
	strlcpy(m.name, "eth", sizeof(m.name));
	m.nvers = m.vers[0].version = m.vers[0].codes = 1;
	say(&m_app_attach_desc, &m, -1);
	ck_assert_uint_eq(parent.apps.hello->n, 1);
	ck_assert_uint_eq(count(&dfar, M_STATIC), 1);
	/* beside another */
	strlcpy(m.name, "snap", sizeof(m.name));
	say(&m_app_attach_desc, &m, -1);
	ck_assert_uint_eq(count(&dfar, M_STATIC), 1);
	gone.capid = TAILQ_FIRST(&parent.apps.caps)->id;
	say(&m_app_detach_desc, &gone, -1);
	for (i = 0; i < 50; i++) {
		gone.capid = TAILQ_FIRST(&parent.apps.caps)->id;
		say(&m_app_detach_desc, &gone, -1);
		ck_assert_uint_eq(parent.apps.hello->n, 0);
		say(&m_app_attach_desc, &m, -1);
		ck_assert_uint_eq(parent.apps.hello->n, 1);
	}
	ck_assert_uint_le(count(&dfar, M_STATIC), 1);
	ck_assert(!caught());
	imsgbuf_clear(&dfar);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("parent/trust");
	TCase	*tc = tcase_create("trust");
	SRunner	*sr;
	int	 failed;

	/* The test process is forked for each test: nothing is taken down. */
	tcase_add_checked_fixture(tc, far_parent, NULL);
	tcase_add_loop_test(tc, reasons_are_bounded, 0, 2);
	tcase_add_test(tc, penalties);
	tcase_add_test(tc, bans_are_left);
	tcase_add_test(tc, hints);
	tcase_add_test(tc, taps_do_not_hide);
	tcase_add_test(tc, caught_is_unheard);
	tcase_add_test(tc, dialer_needs_a_dial);
	tcase_add_test(tc, dialed_identity);
	tcase_add_test(tc, keys_end_with_their_connection);
	tcase_add_test(tc, verdict_behind_secrets);
	tcase_add_test(tc, keys_have_a_rate);
	tcase_add_loop_test(tc, credentials_are_the_sockets, 0, 2);
	tcase_add_loop_test(tc, names_are_printable, 0, 4);
	tcase_add_test(tc, refusals_do_not_block);
	tcase_add_test(tc, monitors_are_bounded);
	tcase_add_test(tc, hosts_are_checked);
	tcase_add_test(tc, bans_are_checked);
	tcase_add_test(tc, answers_are_addresses);
	tcase_add_test(tc, come_and_go);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
