/* SPDX-License-Identifier: Apache-2.0 */
/* What others published, where it can be known what they did. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/truth/truth.h"

/* coredns/deployment, Scaling_CoreDNS: one server with 2 CPUs answered 33,669 q/s, so a query takes 59.4 us of one. */
#define COREDNS_US (2e6 / 33669)

/* The same server under the limit of 50m that KEP 1024 measured with: as many questions as it answers, no more. */
static void published_limit(void)
{
	char yaml[1024];
	struct bench b;

	snprintf(yaml, sizeof(yaml),
		 HEAD "duration: 60s\nwarmup: 5s\npods: {per_node: 20, search: [], timeout: 1s, attempts: 1}\n" A_LOAD("60/s")
		      "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 1\n"
		      "  replica: {service: %.1fus, cpu_limit: 0.05, queue: 100}\n" WEB,
		 COREDNS_US);
	begin(&b, yaml);
	const struct sim_result *r = go(&b, SIM_NOCACHE, 2);
	double answered = (double)r->by_backend / 2 / 65;
	row("1: CoreDNS at 50m, service names: q/s", answered, 859, 0.05, "KEP 1024: 860 and 859; a query's cost from row 3");
	end(&b);
}

/* A lookup's questions, and the share of denials among them: all but those of the last name. */
static void search_list(const char *stub, const char *family, const char *search, unsigned ndots, double *ret_per_lookup,
			double *ret_denied)
{
	char yaml[1024];
	struct bench b;

	snprintf(yaml, sizeof(yaml),
		 HEAD "duration: 60s\npods: {per_node: 2, stub: %s, ndots: %u, search: [%s]}\n"
		      "loads:\n  - {name: a, transport: new-port, rate: 20/s, family: %s}\n"
		      "names:\n  ask: [api.example.com]\ncluster:\n  records: [api.example.com. 60 A 192.0.2.1, api.example.com. 60 AAAA 2001:db8::1]\n",
		 stub, ndots, search, family);
	begin(&b, yaml);
	const struct sim_result *r = go(&b, SIM_NOCACHE, 1);
	double types = strcmp(family, "a") == 0 ? 1 : 2;
	*ret_per_lookup = (double)r->queries / (double)(r->total + r->warmup);
	*ret_denied = 1 - types / *ret_per_lookup;
	end(&b);
}

static void published_search(void)
{
	static const char four[] = "a.svc.cluster.local, svc.cluster.local, cluster.local, ec2.internal";
	double per, denied, direct, ignored;

	search_list("go", "a", four, 5, &per, &denied);
	row("3, 5: external lookups/s of 33,667 q/s", 33667 / per, 6733, 0.001, "Scaling_CoreDNS");
	search_list("glibc", "a+aaaa", four, 5, &per, &denied);
	search_list("glibc", "a+aaaa", four, 1, &direct, &ignored);
	row("6: NXDOMAIN of all answers", denied, 0.800, 0.001, "246 pods, terraform-aws-n8n");
	row("6: ndots 1 makes queries fewer, times", per / direct, 12794.0 / 2559, 0.001, "12,794 to 2,559");
	row("7: questions of an external lookup", per, 10, 0.001, "Zalando: 5 names, A and AAAA");
	search_list("musl", "a+aaaa", "svc.cluster.local", 5, &per, &denied);
	row("8: one suffix: names a lookup", per / 2, 2, 0.001, "s + 1");
	search_list("musl", "a+aaaa", "a.svc.cluster.local, svc.cluster.local, cluster.local", 5, &per, &denied);
	row("8: three suffixes: NXDOMAIN", denied, 0.75, 0.001, "s/(s + 1)");
}

/* kubernetes/dns#476: a name that is not, once a second: 12 misses a minute. A loop that sleeps for a second asks a little
 * less often, and so finds a denial of 5 s gone at its fifth question; at a second to the nanosecond it would be the sixth. */
static void published_denial(enum sim_cache cache, const char *what)
{
	struct bench b;

	begin(&b, HEAD "duration: 600s\nwarmup: 5s\npods: {per_node: 1, search: []}\n"
		       "loads:\n  - {name: a, transport: new-port, rate: 59/m, arrivals: even, family: a}\n"
		       "names:\n  ask: [gone.default.svc.cluster.local.]\n");
	const struct sim_result *r = go(&b, cache, 4);
	row(what, (double)r->cache_misses / 4 / (605.0 / 60), 12, 0.05, "kubernetes/dns#476, denials kept 5 s");
	end(&b);
}

void truth_published(void)
{
	published_limit();
	published_search();
	published_denial(SIM_ORIGINAL, "10: a denied name once a second: misses a minute");
	published_denial(SIM_CACHE, "10: the same with our cache");
}
