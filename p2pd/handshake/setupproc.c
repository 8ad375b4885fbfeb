/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "common/base/log.h"
#include "common/crypto/evp.h"
#include "p2pd/handshake/setupproc.h"

void
setupproc_init(struct setupproc *p, const struct m_init *m,
    void (*ended)(const struct setup_end *, void *))
{
	struct setups_conf	 conf;

	if (secp_init() == -1)
		fatalx("secp256k1");
	if (evp_algs() == NULL)
		fatalx("OpenSSL lacks an algorithm");
	memset(&conf, 0, sizeof(conf));
	conf.base = child_base();
	conf.own = m->id;
	conf.send = child_send;
	conf.ended = ended;
	if ((p->policy = policy_new()) == NULL ||
	    (p->setups = setups_new(&conf)) == NULL)
		fatal("set-up of connections");
}

void
setupproc_free(struct setupproc *p)
{
	setups_free(p->setups);
	policy_free(p->policy);
}

void
setupproc_net(struct setupproc *p, const struct m_net *m)
{
	policy_set_net(p->policy, m);
	setups_set_deadline(p->setups, m->setup_ms);
}

void
setupproc_netrestrict(struct channel *c, struct chan_msg *msg, void *arg)
{
	struct setupproc	*p = arg;

	policy_netrestrict(p->policy, msg->body);
}

void
setupproc_ban(struct channel *c, struct chan_msg *msg, void *arg)
{
	struct setupproc	*p = arg;

	policy_ban(p->policy, msg->body);
}

void
setupproc_key_done(struct channel *c, struct chan_msg *msg, void *arg)
{
	struct setupproc	*p = arg;

	setup_key_done(p->setups, msg->body);
}

void
setupproc_verdict1(struct channel *c, struct chan_msg *msg, void *arg)
{
	struct setupproc	*p = arg;

	setup_verdict1(p->setups, msg->body);
}

void
setupproc_verdict2(struct channel *c, struct chan_msg *msg, void *arg)
{
	struct setupproc	*p = arg;

	setup_verdict2(p->setups, msg->body);
}
