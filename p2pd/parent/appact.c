/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/parent/parent.h"

/* What applications have to say of nodes: hints, and penalties. */

/* Hints are taken from who owns something, as many as it may give. */
static int
hint_sound(struct appconn *ac, const struct m_app_hint *m)
{
	struct capability *cap;

	if (m->addr.af == 0 || m->addr.port == 0)
		return 0;
	TAILQ_FOREACH(cap, &parent.apps.caps, entry)
		if (cap->owner == ac->app)
			return bucket_take(&ac->app->hints, 1, mono_us());
	return 0;
}

void
appact_hint(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app_hint *m = msg->body;
	struct m_candidate cand;
	struct appconn *ac;

	ac = attach_conn(arg, m->app);
	if (ac == NULL || !hint_sound(ac, m))
		return;
	memset(&cand, 0, sizeof(cand));
	memcpy(cand.id, m->id, sizeof(cand.id));
	cand.addr = m->addr;
	cand.udp = m->udp;
	cand.source = CAND_HINT;
	candidate_tell(&cand);
}

/* Why it is not banned, beside that it was not asked for; NULL: it is. */
static const char *
ban_by_app(const struct app *a, const struct peer *p, uint32_t secs)
{
	int64_t until = (int64_t)time(NULL) + secs;
	struct ban b, *old;

	if (p->flags & PF_STATIC)
		return "static";
	if (p->flags & PF_TRUSTED)
		return "trusted";
	memset(&b, 0, sizeof(b));
	b.by_id = 1;
	memcpy(b.id, p->id, sizeof(b.id));
	old = bans_find(&parent.bans, &b);
	if (old != NULL && (old->until == 0 || old->until >= until))
		return NULL;
	if (old == NULL && parent.bans.n >= BANS_APP_MAX)
		return "too many bans";
	b.until = until;
	snprintf(b.note, sizeof(b.note), "application \"%s\", uid %u, pid %u",
	    a->name, a->uid, a->pid);
	old = bans_add(&parent.bans, &b);
	if (old == NULL)
		return "too many bans";
	childconf_ban(old, 1);
	state_save_soon();
	return NULL;
}

static void
penalty_report(const struct app *a, const struct peer *p,
    const struct m_app_penalise *m, const char *spared)
{
	char id[2 * SECP_PUB + 1];
	struct rec r;

	hex_encode(id, p->id, sizeof(p->id));
	log_info("application \"%s\", uid %u, pid %u, penalises %.16s: %s%s%s",
	    a->name, a->uid, a->pid, id, disc_name(m->disc),
	    m->secs == 0 ? "" : spared == NULL ? ", banned" : ", not banned: ",
	    m->secs == 0 || spared == NULL ? "" : spared);
	if (!event_wanted())
		return;
	event_begin(&r, "peer-penalised");
	rec_u64(&r, "handle", p->handle);
	rec_str(&r, "id", id);
	rec_str(&r, "name", a->name);
	rec_u64(&r, "uid", a->uid);
	rec_u64(&r, "pid", a->pid);
	rec_str(&r, "disc", disc_name(m->disc));
	rec_u64(&r, "seconds", m->secs);
	rec_bool(&r, "banned", m->secs > 0 && spared == NULL);
	rec_str(&r, "spared", m->secs > 0 ? spared : NULL);
	event_send(&r);
}

void
appact_penalise(struct channel *ch, struct chan_msg *msg, void *arg)
{
	const struct m_app_penalise *m = msg->body;
	struct child *c = arg;
	const char *spared = NULL;
	struct appconn *ac;
	struct peer *p;

	ac = attach_conn(c, m->app);
	if (ac == NULL)
		return;
	p = peers_byhandle(&parent.peers, m->handle);
	if (p == NULL || p->session != c->instance)
		return;
	if (m->secs > 0)
		spared = ban_by_app(ac->app, p, m->secs);
	if (p->stopping)
		return;		/* it is on its way out by itself */
	penalty_report(ac->app, p, m, spared);
	peer_tell_stop(p, m->secs > 0 && spared == NULL ? REASON_BANNED :
	    REASON_APPLICATION, m->disc);
}
