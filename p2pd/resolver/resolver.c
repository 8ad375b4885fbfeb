/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <netdb.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/child.h"
#include "p2pd/resolver/resolver.h"

/* Each address once, in the resolver's order of preference. */
static void
collect(struct m_resolved *m, const struct addrinfo *ai)
{
	struct addr	 a;
	uint32_t	 i;

	for (; ai != NULL && m->n < RESOLVED_MAX; ai = ai->ai_next) {
		if (addr_from_sa(&a, ai->ai_addr) == -1)
			continue;
		for (i = 0; i < m->n; i++) {
			if (addr_cmp(&a, &m->addrs[i].addr) == 0)
				break;
		}
		if (i == m->n)
			m->addrs[m->n++].addr = a;
	}
	if (m->n == 0)
		strlcpy(m->text, "no address", sizeof(m->text));
}

/* Blocks: the parent asks for one name at a time, and ends us if we hang. */
static void
handle_resolve(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_resolve	*req = msg->body;
	struct m_resolved	 m;
	struct addrinfo		 hints, *res = NULL;
	int			 error;

	memset(&m, 0, sizeof(m));
	m.req = req->req;
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	if ((error = getaddrinfo(req->host, NULL, &hints, &res)) != 0) {
		strlcpy(m.text, gai_strerror(error), sizeof(m.text));
	} else {
		collect(&m, res);
		freeaddrinfo(res);
	}
	log_debug("%s: %u addresses%s%s", req->host, m.n,
	    m.n == 0 ? ": " : "", m.text);
	if (child_send(&m_resolved_desc, &m, -1) == -1)
		log_warn("M_RESOLVED");
}

static const struct chan_rule rules[] = {
	{ &m_resolve_desc, CHS_RUN, CHAN_NOFD, handle_resolve },
};

int
resolver_main(int instance)
{
	static const struct child_conf	 conf = {
		.kind = PROC_RESOLVER,
		.rules = rules,
		.nrules = nitems_of(rules),
	};

	return child_run(&conf);
}
