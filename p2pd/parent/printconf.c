/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/util.h"
#include "p2pd/parent/conf.h"

static void
print_quoted(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', f);
		putc(*s, f);
	}
	putc('"', f);
}

static void
print_text(FILE *f, const char *name, const char *value)
{
	fprintf(f, "%s ", name);
	print_quoted(f, value);
	putc('\n', f);
}

static void
print_size(FILE *f, const char *name, uint64_t n)
{
	static const char	 unit[] = "KMG";
	size_t			 i = 0;

	while (i < sizeof(unit) - 1 && n != 0 && n % 1024 == 0) {
		n /= 1024;
		i++;
	}
	if (i == 0)
		fprintf(f, "%s %" PRIu64, name, n);
	else
		fprintf(f, "%s %" PRIu64 "%c", name, n, unit[i - 1]);
}

static void
print_size_line(FILE *f, const char *name, uint64_t n)
{
	print_size(f, name, n);
	putc('\n', f);
}

static void
print_listens(FILE *f, const struct conf_listens *list)
{
	const struct conf_listen	*l;
	char				 buf[ADDR_STRLEN];

	if (TAILQ_EMPTY(list))
		fprintf(f, "listen none\n");
	TAILQ_FOREACH(l, list, entry) {
		if (l->wildcard && l->addr.af == 6)
			continue;
		fprintf(f, "listen on %s port %u",
		    l->wildcard ? "*" : addr_format_ip(&l->addr, buf),
		    l->addr.port);
		if (l->udp == CONF_UDP_NONE)
			fprintf(f, " udp none");
		else if (l->udp != CONF_UDP_SAME)
			fprintf(f, " udp port %d", l->udp);
		putc('\n', f);
	}
}

static void
print_bootnodes(FILE *f, const struct conf_boots *list)
{
	const struct conf_boot	*b;
	char			 text[ENODE_STRLEN];

	if (TAILQ_EMPTY(list))
		return;
	fprintf(f, "bootnode {\n");
	TAILQ_FOREACH(b, list, entry)
		fprintf(f, "\t\"%s\"\n", b->node.record.len > 0 ?
		    enr_format(&b->node.record, text) :
		    node_spec_url(&b->node, text, sizeof(text)));
	fprintf(f, "}\n");
}

static void
print_discovery(FILE *f, const struct p2pd_conf *c)
{
	char	 buf[ADDR_STRLEN];

	fprintf(f, "discovery v4 %s\n", c->discovery_v4 ? "yes" : "no");
	fprintf(f, "network %s\n", network_name(c->network));
	print_bootnodes(f, &c->bootnodes);
	if (c->announce4.af != 0)
		fprintf(f, "announce address %s\n",
		    addr_format_ip(&c->announce4, buf));
	if (c->announce6.af != 0)
		fprintf(f, "announce address %s\n",
		    addr_format_ip(&c->announce6, buf));
	if (c->announce_tcp != 0)
		fprintf(f, "announce port %u\n", c->announce_tcp);
	if (c->announce_udp != 0)
		fprintf(f, "announce udp port %u\n", c->announce_udp);
}

static void
print_throttles(FILE *f, const struct p2pd_conf *c)
{
	if (c->throttle_addr.count == 0)
		fprintf(f, "throttle address off\n");
	else
		fprintf(f, "throttle address %us\n", c->throttle_addr.seconds);
	if (c->throttle_net.count == 0)
		fprintf(f, "throttle subnet off\n");
	else
		fprintf(f, "throttle subnet %u per %us\n",
		    c->throttle_net.count, c->throttle_net.seconds);
}

static void
print_id(FILE *f, const uint8_t id[SECP_PUB])
{
	char	 hex[2 * SECP_PUB + 1];

	fprintf(f, "\t\"%s\"\n", hex_encode(hex, id, SECP_PUB));
}

static void
print_nodes(FILE *f, const char *name, const struct conf_nodes *ns,
    int empty_too)
{
	const struct conf_node	*n;
	char			 url[ENODE_STRLEN];

	if (TAILQ_EMPTY(&ns->list) && !empty_too)
		return;
	fprintf(f, "%s {\n", name);
	TAILQ_FOREACH(n, &ns->list, entry) {
		if (n->enode.host[0] == '\0')
			print_id(f, n->enode.id);
		else
			fprintf(f, "\t\"%s\"\n", enode_format(&n->enode, url,
			    sizeof(url)));
	}
	fprintf(f, "}\n");
}

static void
print_netrestrict(FILE *f, const struct netset *set)
{
	char	 buf[PREFIX_STRLEN];
	size_t	 i;

	if (set->n == 0)
		return;
	fprintf(f, "netrestrict {\n");
	for (i = 0; i < set->n; i++)
		fprintf(f, "\t%s\n", prefix_format(&set->v[i], buf));
	fprintf(f, "}\n");
}

static void
print_bans(FILE *f, const struct conf_bans *bans)
{
	const struct conf_ban	*b;
	char			 buf[PREFIX_STRLEN];

	if (TAILQ_EMPTY(&bans->list))
		return;
	fprintf(f, "ban {\n");
	TAILQ_FOREACH(b, &bans->list, entry) {
		if (b->is_id)
			print_id(f, b->id);
		else
			fprintf(f, "\t%s\n", prefix_format(&b->prefix, buf));
	}
	fprintf(f, "}\n");
}

static void
print_socket(FILE *f, const char *name, const struct conf_socket *s)
{
	fprintf(f, "%s ", name);
	if (s->path[0] == '\0') {
		fprintf(f, "none\n");
		return;
	}
	print_quoted(f, s->path);
	if (s->group[0] != '\0') {
		fprintf(f, " group ");
		print_quoted(f, s->group);
	}
	fprintf(f, " mode %04o\n", (unsigned int)s->mode);
}

static void
print_rules(FILE *f, const struct conf_apprules *list)
{
	const struct conf_apprule	*r;

	TAILQ_FOREACH(r, list, entry) {
		fprintf(f, "%s application ", r->allow ? "allow" : "deny");
		if (r->who == CONF_WHO_ANY)
			fprintf(f, "any");
		else {
			fprintf(f, r->who == CONF_WHO_USER ? "user " : "group ");
			print_quoted(f, r->name);
		}
		fprintf(f, " capability ");
		print_quoted(f, r->pattern);
		if (r->as != CONF_AS_ANY)
			fprintf(f, " as %s", r->as == CONF_AS_TAP ? "tap" :
			    "owner");
		if (r->rate > 0)
			print_size(f, " rate", r->rate);
		putc('\n', f);
	}
}

void
conf_print(FILE *f, const struct p2pd_conf *c)
{
	static const char *const	 sandbox[] = {
		[CONF_SANDBOX_DEFAULT] = "default",
		[CONF_SANDBOX_REQUIRE] = "require",
		[CONF_SANDBOX_OFF] = "off"
	};

	print_listens(f, &c->listens);
	fprintf(f, "dial %s\n", c->dial ? "yes" : "no");
	print_discovery(f, c);
	fprintf(f, "max-peers %u\n", c->max_peers);
	fprintf(f, "max-pending-inbound %u\n", c->max_pending_in);
	fprintf(f, "max-pending-outbound %u\n", c->max_pending_out);
	fprintf(f, "dial-ratio %u\n", c->dial_ratio);
	fprintf(f, "retire after %us every %us\n", c->retire_age,
	    c->retire_pause);
	print_throttles(f, c);
	print_text(f, "client", c->client);
	print_netrestrict(f, &c->netrestrict);
	if (c->allowlist_on)
		print_nodes(f, "allowlist", &c->allowlist, 1);
	print_bans(f, &c->bans);
	print_nodes(f, "static", &c->statics, 0);
	print_nodes(f, "trusted", &c->trusted, 0);

	fprintf(f, "sessions %u\n", c->sessions);
	print_text(f, "user", c->user);
	print_text(f, "chroot", c->chroot);
	print_text(f, "data directory", c->datadir);
	print_text(f, "node key", c->keyfile);
	fprintf(f, "sandbox %s\n", sandbox[c->sandbox]);

	print_socket(f, "control socket", &c->ctl);
	print_socket(f, "control restricted socket", &c->ctl_ro);
	print_socket(f, "application socket", &c->app);
	print_rules(f, &c->apprules);
	fprintf(f, "application grace %us\n", c->app_grace);

	print_size_line(f, "queue per-peer", c->queue_peer);
	print_size_line(f, "queue application", c->queue_app);
	print_size_line(f, "session memory", c->session_memory);
	fprintf(f, "stall-limit %us\n", c->stall_limit);
}
