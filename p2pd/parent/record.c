/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/time.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/scope.h"
#include "common/base/util.h"
#include "p2pd/parent/meta.h"
#include "p2pd/parent/parent.h"

/*
 * Our own node record: made of the configuration, of what others say that they
 * see (told by discovery, which counts their votes), and of what applications
 * publish. It is signed anew when one of these changes, not more often than
 * every RECORD_MS, with a sequence that never goes back, kept in the state
 * file.
 */
#define RECORD_MS	5000

static struct {
	struct event		*timer;
	struct enr		 enr;
	struct enr_build	 build;		/* that was signed */
	struct m_record_facts	 facts;
	uint64_t		 seq;		/* of the last one ever */
	uint64_t		 made_ms, made;
} rc;

const struct enr *
record_get(void)
{
	return &rc.enr;
}

uint64_t
record_made(void)
{
	return rc.made;
}

uint64_t
record_seq(void)
{
	return rc.seq;
}

void
record_seq_set(uint64_t seq)
{
	rc.seq = seq;
}

static uint64_t
next_seq(void)
{
	struct timeval tv;
	uint64_t ms;

	gettimeofday(&tv, NULL);
	ms = (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
	return ms > rc.seq ? ms : rc.seq + 1;
}

/*
 * How likely others reach us at a socket: the address that is told of decides,
 * and its port; then how far the one that is bound reaches.
 */
static unsigned int
reach(const struct addr *a, uint16_t port, const struct addr *told)
{
	static const unsigned int scopes[] = { [SCOPE_NEVER] = 0,
	    [SCOPE_LOOPBACK] = 2, [SCOPE_LAN] = 4, [SCOPE_CARRIER] = 4,
	    [SCOPE_ORDINARY] = 8 };
	unsigned int same = told->af == a->af && told->port == port;

	if (addr_is_any(a))
		return 6 + same;
	if (told->af == a->af && addr_cmp_ip(told, a) == 0)
		return 10 + same;
	return scopes[addr_scope(a)] + same;
}

/*
 * Where we listen in a family: the ports, and the address where one is bound
 * and not all. 0, or -1 when we do not.
 */
static int
bound(unsigned int af, const struct addr *told, struct addr *udp, uint16_t *tcp)
{
	const struct addr *a;
	unsigned int i, r, best = 0;
	uint16_t port;

	for (i = 0; (a = sockets_addr(i)) != NULL; i++) {
		port = sockets_udp(i);
		if (a->af != af || port == 0)
			continue;
		r = 1 + reach(a, port, told);
		if (r <= best)
			continue;
		best = r;
		*tcp = a->port;
		*udp = *a;
		udp->port = port;
	}
	if (best == 0)
		return -1;
	if (addr_is_any(udp))
		memset(udp->ip, 0, sizeof(udp->ip));
	return 0;
}

/* Configuration first, then the votes, then what is bound. */
static void
add_endpoint(struct enr_build *b, unsigned int af)
{
	const struct p2pd_conf *conf = parent.conf;
	const struct addr *fixed = af == 4 ? &conf->announce4 : &conf->announce6;
	const struct addr *seen = af == 4 ? &rc.facts.ip4 : &rc.facts.ip6;
	struct addr udp;
	uint16_t tcp, port;

	if (bound(af, fixed->af != 0 ? fixed : seen, &udp, &tcp) == -1)
		return;
	port = udp.port;
	if (fixed->af != 0)
		udp = *fixed;
	else if (seen->af == af) {
		udp = *seen;
		port = seen->port;
	} else if (addr_is_any(&udp))
		return;
	udp.port = conf->announce_udp != 0 ? conf->announce_udp : port;
	if (enr_set_endpoint(b, &udp, conf->announce_tcp != 0 ?
	    conf->announce_tcp : tcp) == -1)
		log_warnx("record: no room for the IPv%u endpoint", af);
}

/* There is room for them: that was asked when they were attached. */
static void
add_entries(struct enr_build *b)
{
	const struct m_enr *v[APPS_ENRS_MAX];
	size_t i, n;

	n = apps_enr_entries(&parent.apps, v, nitems_of(v));
	for (i = 0; i < n; i++)
		if (enr_set(b, v[i]->key, v[i]->val, v[i]->len) == -1)
			log_warnx("record: no room for \"%s\"", v[i]->key);
}

static void
record_make(void)
{
	struct enr_build b;
	struct enr e;
	struct child *c;

	if (enr_build_init(&b, next_seq(), parent.id) == -1)
		fatalx("own record");
	add_endpoint(&b, 4);
	add_endpoint(&b, 6);
	add_entries(&b);
	if (rc.enr.len != 0 && b.len == rc.build.len &&
	    memcmp(b.pairs, rc.build.pairs, b.len) == 0)
		return;
	if (key_sign_record(&e, &b) == -1)
		fatalx("own record is not to be signed");
	rc.enr = e;
	rc.build = b;
	rc.seq = b.seq;
	rc.made_ms = mono_ms();
	rc.made++;
	(void)state_save();
	c = child_first(PROC_DISCOVERY);
	if (c != NULL && c->ch != NULL)
		record_send(c);
}

static void
record_timer(int fd, short what, void *arg)
{
	/* Without sockets it would tell of no place at all. */
	if (!parent.stopping)
		record_make();
}

/*
 * Made in the loop's first turn: its sequence goes to the disk while the first
 * children load. Those it is for are started after these.
 */
void
record_init(void)
{
	static const struct timeval now = { 0, 0 };

	rc.timer = evtimer_new(parent.base, record_timer, NULL);
	if (rc.timer == NULL || evtimer_add(rc.timer, &now) == -1)
		fatalx("no memory");
}

void
record_changed(void)
{
	struct timeval tv = { 0, 0 };
	uint64_t ago = mono_ms() - rc.made_ms;

	if (rc.timer == NULL || evtimer_pending(rc.timer, NULL))
		return;
	if (ago < RECORD_MS) {
		tv.tv_sec = (RECORD_MS - ago) / 1000;
		tv.tv_usec = (RECORD_MS - ago) % 1000 * 1000;
	}
	evtimer_add(rc.timer, &tv);
}

static int
is_nowhere(const struct addr *a)
{
	return a->af != 0 && addr_scope(a) == SCOPE_NEVER;
}

void
record_facts(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_record_facts *m = msg->body;
	struct child *c = arg;

	if ((m->ip4.af != 0 && m->ip4.af != 4) ||
	    (m->ip6.af != 0 && m->ip6.af != 6)) {
		child_kill(c, "endpoint of another family");
		return;
	}
	if (is_nowhere(&m->ip4) || is_nowhere(&m->ip6)) {
		child_kill(c, "endpoint where no host is");
		return;
	}
	/* One that was just started does not know both again at once. */
	if (m->ip4.af != 0)
		rc.facts.ip4 = m->ip4;
	if (m->ip6.af != 0)
		rc.facts.ip6 = m->ip6;
	record_changed();
}

void
record_send(struct child *c)
{
	struct m_record m;

	memset(&m, 0, sizeof(m));
	m.seq = rc.enr.seq;
	m.len = rc.enr.len;
	memcpy(m.record, rc.enr.raw, rc.enr.len);
	child_msg(c, &m_record_desc, &m, -1);
}
