/* SPDX-License-Identifier: Apache-2.0 */
/* The configurations that reloads choose from, and what the oracle must know of them. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/daemon/world.h"

#define CACHE "cache { success 64 30\n denial 64 30\n }\n"

static const char *const texts[] = {
	/* as shipped: the cluster's zones over TCP, the rest outside */
	"cluster.local in-addr.arpa {\n errors\n cache {\n success 64 30\n denial 64 5\n }\n bind "
	"10.0.0.10\n"
	" forward . 10.1.0.1 10.1.0.2 {\n force_tcp\n }\n prometheus :9253\n }\n"
	". {\n errors\n " CACHE " bind 10.0.0.10\n forward . 10.1.0.3\n loop\n reload\n }\n",
	/* two listeners, dns64 */
	". {\n dns64 {\n allow_ipv4\n }\n " CACHE
	" bind 10.0.0.10 10.0.0.20\n forward . 10.1.0.1\n }\n",
	/* the same without, and one listener less */
	". {\n " CACHE " bind 10.0.0.10\n forward . 10.1.0.1\n }\n",
	/* one upstream; then two zones, whose upstreams changed places */
	". {\n " CACHE " bind 10.0.0.10 10.0.0.20\n forward . 10.1.0.1\n }\n"
	"int.corp {\n " CACHE " bind 10.0.0.10 10.0.0.20\n forward . 10.1.0.2\n }\n",
	"int.corp {\n " CACHE " bind 10.0.0.10 10.0.0.20\n forward . 10.1.0.1\n }\n"
	". {\n " CACHE " bind 10.0.0.10 10.0.0.20\n forward . 10.1.0.2\n }\n",
	/* the same as before these, in another order */
	"int.corp {\n " CACHE " bind 10.0.0.10 10.0.0.20\n forward . 10.1.0.2\n }\n"
	". {\n " CACHE " bind 10.0.0.10 10.0.0.20\n forward . 10.1.0.1\n }\n",
	/* answered on the spot */
	"example {\n " CACHE " bind 10.0.0.10\n forward example 10.1.0.1 {\n except c.example\n "
	"max_concurrent 2\n }\n }\n"
	". {\n bind 10.0.0.10\n forward int.corp 10.1.0.2\n }\n",
	/* old answers, refreshed */
	". {\n cache {\n success 64 30\n denial 64 30\n serve_stale 1h verify 1s\n prefetch 1 1m "
	"90%\n }\n bind 10.0.0.10 10.0.0.20\n"
	" forward . 10.1.0.1 10.1.0.2 10.1.0.3 {\n policy sequential\n failover SERVFAIL\n }\n }\n",
	". {\n cache {\n success 64 30\n denial 64 30\n serve_stale 1h\n keepttl\n }\n bind "
	"10.0.0.10\n"
	" forward . 10.1.0.1 10.1.0.4 {\n prefer_udp\n failfast_all_unhealthy_upstreams\n "
	"max_fails 1\n }\n }\n",
	/* plugins that answer, rename and follow */
	". {\n " CACHE " bind 10.0.0.10 10.0.0.20\n"
	" template IN ANY alias.test {\n answer \"{{ .Name }} 30 IN CNAME a.example.\"\n }\n"
	" template IN A made.test {\n answer \"{{ .Name }} 30 IN A 192.0.2.1\"\n }\n"
	" rewrite name exact rename.test b.example answer auto\n"
	" rewrite cname exact target.example b.example\n"
	" hosts /dev/null {\n 192.0.2.9 hosts.test\n fallthrough\n }\n"
	" loadbalance\n minimal\n any\n"
	" forward . 10.1.0.1 10.1.0.5\n }\n",
	/* the search path */
	"cluster.local {\n " CACHE
	" bind 10.0.0.10 10.0.0.20\n search_path {\n cluster\n autopath\n }\n forward . 10.1.0.1 "
	"10.1.0.2 {\n prefer_udp\n }\n }\n"
	". {\n " CACHE " bind 10.0.0.10 10.0.0.20\n forward . 10.1.0.3\n }\n",
	/* every address, both families; several forwards one after another */
	". {\n " CACHE " forward . 10.1.0.1 {\n next NXDOMAIN\n next_on_nodata\n }\n forward . "
	"10.1.0.2 {\n force_tcp\n max_concurrent 3\n }\n"
	" timeouts {\n idle 2s\n maxtcpqueries 3\n }\n }\n",
	/* two servers that ask each other */
	".:53 {\n " CACHE " bind 10.0.0.10\n forward . 10.0.0.20:53\n }\n"
	"int.corp:53 {\n " CACHE " bind 10.0.0.10 10.0.0.20\n forward . 10.1.0.6\n }\n"
	".:53 {\n bind 10.0.0.20\n forward . 10.0.0.10:53 10.1.0.6 {\n policy round_robin\n }\n "
	"}\n",
	/* many upstreams; acl */
	". {\n " CACHE " acl {\n block type TXT net 10.0.1.1/32\n filter type HTTPS net "
	"10.0.1.0/24\n drop net 10.0.1.3/32\n }\n"
	" bind 10.0.0.10 10.0.0.20 10.0.0.30\n forward . 10.1.0.1 10.1.0.2 10.1.0.3 10.1.0.4 "
	"10.1.0.5 10.1.0.6 {\n policy random\n }\n }\n",
	/* all sorts of rewrites, and what makes names and records */
	". {\n errors {\n consolidate 5m \".*refused$\"\n }\n log\n " CACHE " bind 10.0.0.10 10.0.0.20\n"
	" rewrite stop {\n name regex (.*)\\.alias\\.test {1}.example answer auto\n }\n"
	" rewrite continue {\n ttl suffix .example. 10-40\n }\n"
	" rewrite continue ttl exact int.corp 7\n"
	" rewrite continue type ANY HINFO\n"
	" rewrite continue class CH IN\n"
	" rewrite name prefix rename b\n"
	" rewrite name suffix .made.test .example\n"
	" rewrite edns0 local set 0xffee abcd\n"
	" rewrite edns0 nsid replace\n"
	" rewrite rcode exact six.example. NXDOMAIN NOERROR\n"
	" rewrite continue cname suffix example. int.corp.\n"
	" template IN AAAA com {\n match ^x[.](?P<b>[a-z])[.]com[.]$\n answer \"{{ .Name }} 60 IN AAAA 2001:db8::{{ .Group.b }}\"\n rcode NOERROR\n fallthrough\n }\n"
	" template IN TXT int.corp {\n rcode NXDOMAIN\n authority \"int.corp 60 IN SOA a.int.corp b.int.corp 1 2 3 4 60\"\n }\n"
	" nsid here\n bufsize 700\n minimal\n"
	" forward . 10.1.0.1 10.1.0.2 {\n policy round_robin\n expire 2s\n max_fails 2\n health_check 300ms\n }\n }\n",
	/* hosts, dns64 with a prefix of its own, old answers under rewritten names, cookies */
	". {\n bind 10.0.0.10 10.0.0.20\n cookies\n"
	" cache 40 {\n success 64 20 2\n denial 16 10 1\n serve_stale 2m immediate\n servfail 3s\n prefetch 2 30s 50%\n keepttl\n disable denial int.corp\n }\n"
	" hosts /dev/null {\n 192.0.2.9 hosts.test n1.test\n 2001:db8::9 hosts.test\n 10.0.0.1 n2.test\n ttl 33\n fallthrough\n }\n"
	" dns64 64:ff9b:1::/96 {\n translate_all\n }\n"
	" rewrite name regex ^(.)[.]example$ {1}.int.corp answer name (.)[.]int[.]corp {1}.example\n"
	" loadbalance weighted /dev/null\n"
	" template ANY ANY never.test {\n rcode REFUSED\n }\n"
	" forward int.corp 10.1.0.4 10.1.0.5 {\n policy sequential\n force_tcp\n failover SERVFAIL REFUSED\n max_connect_attempts 2\n }\n"
	" forward . 10.1.0.1 10.1.0.2 {\n policy sequential\n max_fails 1\n failfast_all_unhealthy_upstreams\n next SERVFAIL\n }\n forward . 10.1.0.3\n }\n",
	/* a cluster's zones, their reverse ones and the shield over UDP; acl by names and nets */
	"cluster.local in-addr.arpa ip6.arpa {\n errors\n cache {\n success 100 30\n denial 100 5\n serve_stale 10s verify 500ms\n }\n bind 10.0.0.10 10.0.0.20\n"
	" search_path {\n cluster\n autopath\n }\n"
	" acl {\n allow net 10.0.1.0/29\n block type A AAAA net 10.0.1.8/31\n filter type AAAA\n }\n"
	" template ANY ANY never.test {\n rcode REFUSED\n }\n"
	" forward . 10.1.0.1 10.1.0.2 {\n policy sequential\n failover SERVFAIL\n max_concurrent 4\n }\n }\n"
	". {\n cache 30\n bind 10.0.0.10\n any\n loadbalance round_robin\n forward . 10.1.0.3 10.1.0.4 {\n except int.corp\n prefer_udp\n }\n }\n"
	"int.corp {\n whoami\n bind 10.0.0.20\n }\n",
};
/* Corpora know so many; more are for runs alone (runs.c). */
#define CONFS_OF_CORPORA 14
unsigned n_confs = CONFS_OF_CORPORA;

void confs_for_runs(void)
{
	n_confs = sizeof(texts) / sizeof(texts[0]);
}

struct fwd {
	struct name from, except[2];
	unsigned n_except;
	uint32_t ups;
};
struct zone {
	struct name origin;
	uint64_t listeners;
	unsigned n;
	struct fwd fwd[4];
};
static struct known {
	bool is_loose, has_dns64, has_stale;
	struct core_listener listener[CORE_LISTENERS_MAX];
	size_t n_listeners;
	struct zone zone[8];
	unsigned n_zones;
} known[sizeof(texts) / sizeof(texts[0])];

static const char *no_var(void *ctx, const char *name)
{
	(void)ctx, (void)name;
	return NULL;
}

static size_t no_if(void *ctx, const char *ifname, struct in6_addr *ret, uint32_t *scope,
		    size_t max)
{
	(void)ctx, (void)ifname, (void)ret, (void)scope, (void)max;
	return 0;
}

static bool all_readable(void *ctx, const char *path)
{
	(void)ctx, (void)path;
	return true;
}

/* Small tables, so that they are full at times. */
int conf_plan(unsigned i, struct corefile_plan **ret)
{
	struct corefile_env e = {.dns_port = 53,
				 .hostname = "h",
				 .get_var = no_var,
				 .if_addrs = no_if,
				 .readable = all_readable};
	struct corefile *c;
	struct diag d = {""};
	int rc = corefile_parse_text(&c, "Corefile", texts[i], strlen(texts[i]), &e, &d);

	if (rc == 0) {
		rc = corefile_compile(ret, c, &e, &d);
		corefile_free(c);
	}
	if (rc < 0) {
		fprintf(stderr, "configuration %u: %s\n", i, d.text);
		abort();
	}
	(*ret)->conf.cache_bytes = 65536;
	(*ret)->conf.max_inflight = 8;
	(*ret)->conf.max_waiters = 16;
	return 0;
}

static void zone_note(struct zone *to, const struct core_conf *c, const struct core_zone *z)
{
	assert(z->n_forward <= 4);
	to->origin = z->origin;
	to->listeners = z->listeners;
	to->n = (unsigned)z->n_forward;
	for (unsigned i = 0; i < to->n; i++) {
		const struct core_forward *f = &z->forward[i];

		assert(f->n_except <= 2);
		to->fwd[i] = (struct fwd){.from = f->from, .n_except = (unsigned)f->n_except};
		for (size_t j = 0; j < f->n_except; j++)
			to->fwd[i].except[j] = f->except[j];
		for (size_t j = 0; j < f->n_to; j++) {
			int up = upstream_of(&c->upstream[f->to[j]].addr);

			/* one that is ourselves may say what any may */
			to->fwd[i].ups |= up < 0 ? UINT32_MAX : 1u << up;
		}
	}
}

void confs_init(void)
{
	for (unsigned i = 0; i < n_confs; i++) {
		struct known *n = &known[i];
		struct corefile_plan *p;

		conf_plan(i, &p);
		n->is_loose = strstr(texts[i], "template") || strstr(texts[i], "acl") ||
			      strstr(texts[i], "10.0.0.20:53");
		n->has_dns64 = strstr(texts[i], "dns64");
		n->has_stale = strstr(texts[i], "serve_stale");
		n->n_listeners = p->conf.n_listeners;
		for (size_t j = 0; j < n->n_listeners; j++)
			n->listener[j] = p->conf.listener[j];
		assert(p->conf.n_zones <= 8);
		n->n_zones = (unsigned)p->conf.n_zones;
		for (unsigned j = 0; j < n->n_zones; j++)
			zone_note(&n->zone[j], &p->conf, &p->conf.zone[j]);
		corefile_plan_free(p);
	}
}

bool conf_says_anything(unsigned i)
{
	return i >= CONFS_OF_CORPORA;
}

size_t conf_listeners(unsigned i, const struct core_listener **ret)
{
	*ret = known[i].listener;
	return known[i].n_listeners;
}

/* Does this configuration ask this upstream for the name, at some listener (NULL:
 * any)? */
static bool listener_allows(const struct known *n, size_t l, const uint8_t *name, unsigned up)
{
	const struct zone *best = NULL;

	for (unsigned i = 0; i < n->n_zones; i++)
		if ((n->zone[i].listeners >> l & 1) && name_within(name, n->zone[i].origin.b) &&
		    (!best || n->zone[i].origin.len > best->origin.len))
			best = &n->zone[i];
	for (unsigned i = 0; best && i < best->n; i++) {
		const struct fwd *f = &best->fwd[i];
		bool takes = name_within(name, f->from.b);

		for (unsigned j = 0; j < f->n_except; j++)
			takes &= !name_within(name, f->except[j].b);
		if (takes && (f->ups >> up & 1))
			return true;
	}
	return false;
}

bool conf_allows(unsigned i, const struct in6_addr *listener, const uint8_t *name, unsigned up)
{
	const struct known *n = &known[i];
	bool is_there = false, allows = false;

	for (size_t l = 0; l < n->n_listeners; l++) {
		bool is_it = IN6_IS_ADDR_UNSPECIFIED(&n->listener[l].addr) ||
			     memcmp(&n->listener[l].addr, listener, sizeof(*listener)) == 0;

		is_there |= is_it;
		if (is_it && listener_allows(n, l, name, up))
			return true;
		allows |= listener_allows(n, l, name, up);
	}
	/* asked at a listener that is gone: its clients are somebody's */
	return !is_there && allows;
}

bool conf_is_loose(unsigned i)
{
	return known[i].is_loose;
}

bool conf_has_dns64(unsigned i)
{
	return known[i].has_dns64;
}

bool conf_has_stale(unsigned i)
{
	return known[i].has_stale;
}
