/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/resource.h>

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/sim/world.h"

/*
 * A network of engines that know one bootnode: do all find each other, does a
 * lookup find the closest, and what does it cost? With -a also two attackers,
 * one with two addresses and one with two /24s, who are to get no more of
 * anybody's table than these are good for. With -r signatures are real, which
 * costs 50 times as much.
 *
 *	netsim [-ar] [-c churn] [-l loss] [-m minutes] [-n nodes] [-q lookups]
 *	    [-s seed]
 *
 * Output but for the line "cpu" is the same at every run with a seed.
 */

#define K		LOOKUP_K
#define JOIN_MS		60000U		/* within which all come up */
#define BOTS		250U		/* identities at each address or subnet */
#define BOT_NET		200		/* theirs is 200.0.0.0/16 */
#define ATTACKERS	2		/* of two subnets each */
#define NET_BUCKET	2		/* of a /24, as go-ethereum has it */
#define NET_TABLE	10
#define STEP_MS		50

static struct {
	uint32_t	 n;
	uint32_t	 minutes;
	uint32_t	 lookups;
	double		 churn;		/* part of the nodes that go, a minute */
	int		 attack;
	struct world_conf world;
} conf = {
	.n = 1000, .minutes = 20, .lookups = 1000, .churn = 0,
	.world = { .seed = 1, .delay_min = 10, .delay_max = 100 }
};

static struct world	*w;
static struct host	**hosts, **bots;
static uint32_t		 nbots;
static int		 failed;

/* A lookup under way, and all of them in sum. */
struct search {
	uint8_t		 target[NODE_ID];
	const struct host *truth[K];
	size_t		 ntruth;
	struct search	*next;
};
static struct {
	uint32_t	 begun, done, exact, partly, wanted;
	uint64_t	 hops, asked, ms;
	uint32_t	 hops_max, ms_max;
} sum;

static void
check(int ok, const char *what)
{
	if (!ok) {
		printf("FAILED: %s\n", what);
		failed = 1;
	}
}

/* Every host has a /24 of its own. */
static void
host_addr(struct addr *a, uint32_t i)
{
	memset(a, 0, sizeof(*a));
	a->af = 4;
	a->ip[0] = 20 + i / 65536;
	a->ip[1] = i / 256 % 256;
	a->ip[2] = i % 256;
	a->ip[3] = 1;
	a->port = 30303;
}

static void
truth(const uint8_t target[NODE_ID], struct search *s)
{
	uint32_t	 i;
	size_t		 at;

	s->ntruth = 0;
	for (i = 0; i < conf.n; i++) {
		if (hosts[i]->d4 == NULL)
			continue;
		for (at = s->ntruth; at > 0 && node_cmp(target, hosts[i]->id,
		    s->truth[at - 1]->id) < 0; at--)
			if (at < K)
				s->truth[at] = s->truth[at - 1];
		if (at < K) {
			s->truth[at] = hosts[i];
			s->ntruth += s->ntruth < K;
		}
	}
}

static void
looked_up(void *arg, enum d4_outcome how, const struct node *v, size_t n,
    const struct lookup_stats *st)
{
	struct search	*s = arg;
	size_t		 i, j, hits = 0, there = 0;

	(void)how;
	/* Who asks is among the closest, too, but does not find himself. */
	for (i = 0; i < s->ntruth; i++) {
		if (s->truth[i]->d4 == NULL)
			continue;
		there++;
		for (j = 0; j < n; j++)
			if (memcmp(v[j].id, s->truth[i]->id, NODE_ID) == 0)
				break;
		hits += j < n;
	}
	sum.done++;
	sum.exact += hits == there;
	sum.partly += hits;
	sum.wanted += there;
	sum.hops += st->hops;
	sum.asked += st->asked;
	sum.ms += st->ms;
	if (st->hops > sum.hops_max)
		sum.hops_max = st->hops;
	if (st->ms > sum.ms_max)
		sum.ms_max = st->ms;
	free(s);
}

static struct host *
some_host(void)
{
	struct host	*h;

	do
		h = hosts[world_chance(w, conf.n)];
	while (h->d4 == NULL);
	return h;
}

/* A lookup for key by a host, which is not counted among the closest. */
static void
search(struct host *h, const uint8_t key[SECP_PUB])
{
	struct search	*s;
	struct d4	*d4 = h->d4;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		err(1, NULL);
	node_id(s->target, key);
	h->d4 = NULL;
	truth(s->target, s);
	h->d4 = d4;
	if (d4_lookup(d4, key, looked_up, s) == 0)
		free(s);
	else
		sum.begun++;
	host_arm(h);
}

static void
random_key(uint8_t key[SECP_PUB])
{
	size_t	 i;

	for (i = 0; i < SECP_PUB; i++)
		key[i] = world_chance(w, 256);
}

static void
search_report(const char *what)
{
	if (sum.done == 0)
		return;
	printf("%s: %u lookups, %.2f%% exact, %.3f%% of the closest; "
	    "hops %.2f (max %u), questions %.1f, ms %.0f (max %u)\n", what,
	    sum.done, 100.0 * sum.exact / sum.done,
	    100.0 * sum.partly / sum.wanted, (double)sum.hops / sum.done,
	    sum.hops_max, (double)sum.asked / sum.done,
	    (double)sum.ms / sum.done, sum.ms_max);
}

/*
 * Do all find each other? Whom the served entries of tables lead to, from the
 * bootnode on; and whether each is found by its key, by somebody.
 */
static uint32_t
reachable(void)
{
	const struct table_bucket	*b;
	struct host			**queue, *h;
	uint8_t				*met;
	uint32_t			 head = 0, tail = 0;
	unsigned int			 i, j;

	queue = calloc(conf.n, sizeof(*queue));
	met = calloc(conf.n, 1);
	if (queue == NULL || met == NULL)
		err(1, NULL);
	queue[tail++] = hosts[0];
	met[0] = 1;
	while (head < tail) {
		h = queue[head++];
		for (i = 0; i < TABLE_BUCKETS; i++) {
			b = table_bucket(d4_table(h->d4), i);
			for (j = 0; j < b->n; j++) {
				h = world_at(w, &b->v[j]->node.udp);
				if (!b->v[j]->live || h == NULL ||
				    h->d4 == NULL || met[h->index])
					continue;
				met[h->index] = 1;
				queue[tail++] = h;
			}
			h = queue[head - 1];
		}
	}
	free(queue);
	free(met);
	return tail;
}

static uint32_t
up_count(void)
{
	uint32_t	 i, n = 0;

	for (i = 0; i < conf.n; i++)
		n += hosts[i]->d4 != NULL;
	return n;
}

/*
 * The attacker: bots that answer everything, and tell of bots only.
 */

static void
bot_ping(struct host *h, const struct addr *to)
{
	struct d4_packet	 p;

	memset(&p, 0, sizeof(p));
	p.type = D4_PING;
	p.ping.from.addr = h->addr;
	p.ping.from.tcp = h->addr.port;
	p.ping.to.addr = *to;
	host_send(h, to, &p);
}

static void
bot_mind(struct host *h, const struct addr *from, const uint8_t *buf, size_t len)
{
	struct d4_packet	 in, p;
	struct host		*o;
	uint32_t		 i;

	if (d4_check(buf, len) != D4_OK || d4_decode(&in, buf, len) != D4_OK)
		return;
	memset(&p, 0, sizeof(p));
	if (in.type == D4_PING) {
		p.type = D4_PONG;
		p.pong.to.addr = *from;
		memcpy(p.pong.hash, buf, D4_HASH);
	} else if (in.type == D4_FINDNODE) {
		p.type = D4_NEIGHBORS;
		for (i = 0; i < D4_NODES_OUT; i++) {
			o = bots[world_chance(w, nbots)];
			p.neighbors.v[i].addr = o->addr;
			p.neighbors.v[i].tcp = o->addr.port;
			memcpy(p.neighbors.v[i].key, o->key, SECP_PUB);
		}
		p.neighbors.n = D4_NODES_OUT;
	} else if (in.type == D4_ENRREQUEST) {
		p.type = D4_ENRRESPONSE;
		memcpy(p.enrresponse.hash, buf, D4_HASH);
	} else
		return;
	host_send(h, from, &p);
}

/* Two addresses, a port for each bot; and two subnets, an address for each. */
static void
make_bots(void)
{
	struct addr	 a;
	uint32_t	 i;

	nbots = 4 * BOTS;
	if ((bots = calloc(nbots, sizeof(*bots))) == NULL)
		err(1, NULL);
	memset(&a, 0, sizeof(a));
	a.af = 4;
	a.ip[0] = BOT_NET;
	for (i = 0; i < nbots; i++) {
		a.ip[2] = i / BOTS;
		a.ip[3] = i / BOTS < 2 ? 1 : 1 + i % BOTS;
		a.port = i / BOTS < 2 ? 30000 + i % BOTS : 30303;
		bots[i] = world_host(w, &a);
		bots[i]->mind = bot_mind;
	}
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t	*x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Each node's /24 and bucket in a number, spares included, in order. */
static size_t
nets_of(const struct table *t, uint32_t *v)
{
	const struct table_bucket	*b;
	const uint8_t			*ip;
	size_t				 n = 0;
	unsigned int			 i, j;

	for (i = 0; i < TABLE_BUCKETS; i++) {
		b = table_bucket(t, i);
		for (j = 0; j < (unsigned int)b->n + b->nspare; j++) {
			ip = (j < b->n ? b->v[j] : b->spare[j - b->n])->
			    node.udp.ip;
			v[n++] = (uint32_t)ip[0] << 24 | ip[1] << 16 |
			    ip[2] << 8 | i;
		}
	}
	qsort(v, n, sizeof(v[0]), by_value);
	return n;
}

/*
 * No table holds more of any subnet than the limits say, nor more of an
 * attacker than they leave to all his subnets. What each of them has, most.
 */
static void
check_limits(const struct host *h, uint32_t most[ATTACKERS])
{
	uint32_t	 v[TABLE_BUCKETS * (TABLE_K + TABLE_SPARES)];
	uint32_t	 here = 0, all = 0, held[ATTACKERS] = { 0 };
	size_t		 n, i;

	n = nets_of(d4_table(h->d4), v);
	for (i = 0; i < n; i++) {
		here = i > 0 && v[i] == v[i - 1] ? here + 1 : 1;
		all = i > 0 && v[i] >> 8 == v[i - 1] >> 8 ? all + 1 : 1;
		check(here <= NET_BUCKET, "2 of a /24 in a bucket");
		check(all <= NET_TABLE, "10 of a /24 in a table");
		if (v[i] >> 24 == BOT_NET)
			held[(v[i] >> 8 & 0xff) / 2]++;
	}
	for (i = 0; i < ATTACKERS; i++) {
		check(held[i] <= 2 * NET_TABLE, "limit of an attacker");
		if (held[i] > most[i])
			most[i] = held[i];
	}
}

/*
 * A second of all bots pinging victims: their tables are looked at all the
 * while, and those of all others at its end.
 */
static void
attack_second(uint32_t nvictims, uint32_t most[ATTACKERS])
{
	uint32_t	 i, j, ms;

	for (ms = 0; ms < 1000; ms += STEP_MS) {
		for (i = 0; i < nbots; i++)
			for (j = 0; j < nvictims; j++)
				if (world_chance(w, 10000 / STEP_MS) == 0)
					bot_ping(bots[i], &hosts[j]->addr);
		world_run(w, world_now(w) + STEP_MS);
		for (j = 0; j < nvictims; j++)
			check_limits(hosts[j], most);
	}
	for (i = nvictims; i < conf.n; i++)
		if (hosts[i]->d4 != NULL)
			check_limits(hosts[i], most);
}

static void
attack_report(const char *when, const uint32_t most[ATTACKERS])
{
	printf("attack%s: with two addresses at most %u of a table's entries "
	    "and spares, with two /24s %u\n", when, most[0], most[1]);
}

static void
attack(void)
{
	const struct host	*boot[1] = { hosts[0] };
	uint32_t		 nvictims = conf.n < 10 ? conf.n : 10, i;
	uint32_t		 most[ATTACKERS] = { 0 }, end[ATTACKERS];
	uint32_t		 seconds = conf.n < 500 ? 20 : 60;
	size_t			 held = 0, all = 0;

	make_bots();
	for (i = 0; i < nvictims; i++)
		if (hosts[i]->d4 == NULL)
			host_up(hosts[i], boot, i > 0);
	for (i = 0; i < seconds; i++)
		attack_second(nvictims, most);
	attack_report("", most);
	/* Again, with the victims without a table, and bots first at the door. */
	for (i = 1; i < nvictims; i++) {
		host_down(hosts[i]);
		host_up(hosts[i], boot, 1);
	}
	memset(most, 0, sizeof(most));
	for (i = 0; i < 2 * seconds; i++)
		attack_second(nvictims, most);
	attack_report(" after a restart", most);
	for (i = 0; i < nvictims; i++) {
		memset(end, 0, sizeof(end));
		check_limits(hosts[i], end);
		held += end[0] + end[1];
		all += table_count(d4_table(hosts[i]->d4)) +
		    table_count_spares(d4_table(hosts[i]->d4));
	}
	printf("attack: in the end bots %.1f, others %.1f a table\n",
	    (double)held / nvictims, (double)(all - held) / nvictims);
	check(conf.n < 200 || all > 2 * held, "honest nodes outnumber bots");
}

/* One second's share of the churn: some go, as many come back or anew. */
static void
churn(void)
{
	const struct host	*boot[1] = { hosts[0] };
	struct host		*h;
	static double		 owed;

	for (owed += conf.churn * conf.n / 60; owed >= 1; owed--) {
		h = hosts[1 + world_chance(w, conf.n - 1)];
		if (h->d4 != NULL)
			host_down(h);
		else
			host_up(h, boot, 1);
	}
}

static void
join(void)
{
	const struct host	*boot[1];
	struct addr		 a;
	uint32_t		 i;

	if ((hosts = calloc(conf.n, sizeof(*hosts))) == NULL)
		err(1, NULL);
	for (i = 0; i < conf.n; i++) {
		host_addr(&a, i);
		hosts[i] = world_host(w, &a);
	}
	boot[0] = hosts[0];
	host_up(hosts[0], NULL, 0);
	for (i = 1; i < conf.n; i++) {
		world_run(w, 1000 + (uint64_t)JOIN_MS * i / conf.n);
		host_up(hosts[i], boot, 1);
	}
}

static void
report(void)
{
	struct d4_stats	 st;
	uint64_t	 in = 0, timeouts = 0, unproven = 0, bonds = 0;
	uint32_t	 i, n = up_count();
	double		 live = 0, all = 0;

	for (i = 0; i < conf.n; i++) {
		if (hosts[i]->d4 == NULL)
			continue;
		d4_stats(hosts[i]->d4, &st);
		in += st.in[D4_PING] + st.in[D4_PONG] + st.in[D4_FINDNODE] +
		    st.in[D4_NEIGHBORS] + st.in[D4_ENRREQUEST] +
		    st.in[D4_ENRRESPONSE];
		timeouts += st.timeouts;
		unproven += st.unproven;
		bonds += st.bonds;
		live += table_count_live(d4_table(hosts[i]->d4));
		all += table_count(d4_table(hosts[i]->d4));
	}
	printf("%u s: %u nodes up; table %.1f, live %.1f; bonds %.1f; "
	    "packets in %" PRIu64 ", timeouts %" PRIu64 ", unproven %" PRIu64
	    "\n", (uint32_t)(world_now(w) / 1000), n, all / n, live / n,
	    (double)bonds / n, in, timeouts, unproven);
}

static void
phase_lookups(void)
{
	uint8_t		 key[SECP_PUB];
	uint32_t	 i, j;

	memset(&sum, 0, sizeof(sum));
	for (i = 0; i < conf.lookups; i++) {
		random_key(key);
		search(some_host(), key);
		if (i % 10 == 9) {
			world_run(w, world_now(w) + 1000);
			churn();
		}
	}
	for (j = 0; j < 60; j++) {
		world_run(w, world_now(w) + 1000);
		churn();
	}
	search_report("random targets");
	/* Who has just gone is still named, in the place of the sixteenth. */
	if (conf.churn > 0) {
		check(sum.exact >= 0.95 * sum.done,
		    "the true 16 closest in 95% of cases");
		check(sum.partly >= 0.995 * sum.wanted, "99.5% of the closest");
	} else
		check(sum.exact >= 0.99 * sum.done,
		    "the true 16 closest in 99% of cases");
}

/* Each is looked for by its key, by another. */
static void
phase_each(void)
{
	struct host	*h;
	uint32_t	 i;

	if (conf.churn > 0)
		return;
	memset(&sum, 0, sizeof(sum));
	for (i = 0; i < conf.n; i++) {
		while ((h = some_host()) == hosts[i] && conf.n > 1)
			continue;
		search(h, hosts[i]->key);
		if (i % 20 == 19)
			world_run(w, world_now(w) + 1000);
	}
	world_run(w, world_now(w) + 60000);
	search_report("each by its key");
}

static void
simulate(void)
{
	const struct world_stats	*st;
	struct rusage			 ru;
	uint32_t			 met, m;

	w = world_new(&conf.world);
	join();
	report();
	for (m = 0; m < conf.minutes * 60; m++) {
		world_run(w, world_now(w) + 1000);
		churn();
		if (m % 300 == 299)
			report();
	}
	met = reachable();
	printf("reachable from the bootnode: %u of %u\n", met, up_count());
	check(met >= up_count() * (conf.churn > 0 ? 0.9 : 1), "all find each other");
	phase_lookups();
	phase_each();
	if (conf.attack)
		attack();
	report();
	st = world_stats(w);
	printf("datagrams %" PRIu64 ", bytes %" PRIu64 ", lost %" PRIu64
	    ", to nobody %" PRIu64 "; a node and second %.2f\n", st->sent,
	    st->bytes, st->lost, st->undelivered, (double)st->sent / conf.n /
	    ((double)world_now(w) / 1000));
	getrusage(RUSAGE_SELF, &ru);
	printf("cpu %ld.%02ld s for %" PRIu64 " events; %ld MiB at most\n",
	    (long)ru.ru_utime.tv_sec, (long)ru.ru_utime.tv_usec / 10000,
	    st->events, ru.ru_maxrss / 1024);
	world_free(w);
	free(hosts);
	free(bots);
}

static void
usage(void)
{
	fprintf(stderr, "usage: netsim [-ar] [-c churn] [-l loss] [-m minutes] "
	    "[-n nodes] [-q lookups] [-s seed]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	int	 ch;

	while ((ch = getopt(argc, argv, "ac:l:m:n:q:rs:")) != -1)
		switch (ch) {
		case 'a':
			conf.attack = 1;
			break;
		case 'c':
			conf.churn = strtod(optarg, NULL) / 100;
			break;
		case 'l':
			conf.world.loss = strtod(optarg, NULL) / 100;
			break;
		case 'm':
			conf.minutes = strtoul(optarg, NULL, 10);
			break;
		case 'n':
			conf.n = strtoul(optarg, NULL, 10);
			break;
		case 'q':
			conf.lookups = strtoul(optarg, NULL, 10);
			break;
		case 'r':
			conf.world.real = 1;
			break;
		case 's':
			conf.world.seed = strtoull(optarg, NULL, 10);
			break;
		default:
			usage();
		}
	if (argc != optind || conf.n < 2)
		usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (secp_init() == -1)
		errx(1, "no secp256k1");
	simulate();
	return failed;
}
