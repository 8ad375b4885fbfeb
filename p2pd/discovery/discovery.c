/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <event2/event.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/util.h"
#include "p2pd/child.h"
#include "p2pd/discovery/discovery.h"
#include "p2pd/discovery/udp.h"

/* The discovery process: sockets, clock and messages around the engine. */
static struct {
	struct udp	*udp;
	struct m_disc	 conf;
	struct m_record	 record;
	int		 stopping;
} ds;

static void
datagram(const struct addr *from, const struct addr *local, const uint8_t *p,
    size_t len, void *arg)
{
}

static void
handle_net(struct channel *c, struct chan_msg *msg, void *arg)
{
}

static void
handle_netrestrict(struct channel *c, struct chan_msg *msg, void *arg)
{
}

static void
handle_ban(struct channel *c, struct chan_msg *msg, void *arg)
{
}

static void
handle_disc(struct channel *c, struct chan_msg *msg, void *arg)
{
	ds.conf = *(const struct m_disc *)msg->body;
}

static void
handle_udp(struct channel *c, struct chan_msg *msg, void *arg)
{
	const struct m_udp	*m = msg->body;
	char			 text[ADDR_STRLEN];
	int			 fd = msg->fd;

	msg->fd = -1;
	if (udp_add(ds.udp, fd, &m->addr) == -1)
		fatal("socket of %s", addr_format(&m->addr, text));
}

static void
handle_bootnode(struct channel *c, struct chan_msg *msg, void *arg)
{
}

static void
handle_signed(struct channel *c, struct chan_msg *msg, void *arg)
{
}

static void
handle_record(struct channel *c, struct chan_msg *msg, void *arg)
{
	ds.record = *(const struct m_record *)msg->body;
}

static void
handle_want(struct channel *c, struct chan_msg *msg, void *arg)
{
}

static void
handle_condition(struct channel *c, struct chan_msg *msg, void *arg)
{
}

static const struct chan_rule rules[] = {
	{ &m_net_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_net },
	{ &m_netrestrict_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_netrestrict },
	{ &m_ban_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_ban },
	{ &m_disc_desc, CHS_CONFIG, CHAN_NOFD, handle_disc },
	{ &m_udp_desc, CHS_CONFIG, CHAN_FD, handle_udp },
	{ &m_bootnode_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_bootnode },
	{ &m_record_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_record },
	{ &m_condition_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_condition },
	{ &m_want_desc, CHS_CONFIG | CHS_RUN, CHAN_NOFD, handle_want },
	{ &m_d4_signed_desc, CHS_RUN, CHAN_NOFD, handle_signed },
};

static void
discovery_init(const struct m_init *m, void *arg)
{
	struct udp_conf	 uc;

	if (secp_init() == -1)
		fatalx("secp256k1");
	memset(&uc, 0, sizeof(uc));
	uc.base = child_base();
	uc.input = datagram;
	if ((ds.udp = udp_new(&uc)) == NULL)
		fatal("discovery");
}

static void
discovery_start(void *arg)
{
	udp_start(ds.udp);
}

static void
discovery_stop(uint32_t grace_ms, void *arg)
{
	ds.stopping = 1;
}

static void
discovery_down(void *arg)
{
	udp_free(ds.udp);
}

int
discovery_main(int instance)
{
	static const struct child_conf	 conf = {
		.kind = PROC_DISCOVERY,
		.rules = rules,
		.nrules = nitems_of(rules),
		.init = discovery_init,
		.start = discovery_start,
		.stop = discovery_stop,
		.down = discovery_down,
	};

	return child_run(&conf);
}
