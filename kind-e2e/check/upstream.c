/* SPDX-License-Identifier: Apache-2.0 */
/* What the cache asks of the cluster DNS, and how. */
#include <inttypes.h>
#include <stdio.h>

#include "kind-e2e/check/families.h"

#define N_MISSES 100

struct reached { /* of all backends */
	uint64_t udp, tcp, connections;
};

static struct reached look(const struct cell *c)
{
	struct reached r = {0};

	for (unsigned i = 0; i < c->topo.n_backends; i++) {
		r.udp += c->served[i].udp;
		r.tcp += c->served[i].tcp;
		r.connections += c->served[i].connections;
	}
	return r;
}

static void over_tcp(struct checker *k)
{
	struct way udp = {k->c->first, false};
	static struct volley v;
	struct reached a, b;
	char name[NAME_MAX_TEXT], ns[32], leaf[64], each[80];
	struct volley_conf conf;

	topo_pod_ns(ns, 0);
	snprintf(each, sizeof each, "%s-%%u", check_fresh(leaf));
	conf = check_volley_conf(k, &udp, N_MISSES, each, name);
	conf.window = 4;
	a = look(k->c);
	if (!check_volley(k, "misses", ns, &conf, check_server(k), &v))
		return;
	b = look(k->c);
	check_that(k, b.tcp - a.tcp >= N_MISSES, "%" PRIu64 " of %d misses came over TCP",
		   b.tcp - a.tcp, N_MISSES);
	check_that(k, b.udp == a.udp, "%" PRIu64 " came over UDP", b.udp - a.udp);
	check_that(k, b.connections - a.connections <= N_MISSES / 4,
		   "%" PRIu64 " connections for %d misses: they are not used again",
		   b.connections - a.connections, N_MISSES);
	check_found(k, "%d misses, %" PRIu64 " new connections", N_MISSES,
		    b.connections - a.connections);
}

static void second_time(struct checker *k)
{
	struct way udp = {k->c->first, false};
	static struct answer a;
	uint64_t begin, first = 0, second;
	char ns[32], leaf[64], name[NAME_MAX_TEXT];
	struct question q;
	struct diag d = {""};

	topo_pod_ns(ns, 0);
	q = check_question(k, &udp, ns, fixture_name(k->c->lab->s, check_fresh(leaf), name), DNS_A);
	begin = check_served(k->c);
	for (int i = 0; i < 21; i++) {
		if (!check_did(k, ask(&q, &a, &d), &d))
			return;
		if (i == 0)
			first = check_served(k->c);
	}
	second = check_served(k->c);
	/* a hedge may ask twice; the answer that counted is one */
	check_that(k, first > begin, "the first question reached no backend");
	check_that(k, second == first, "%" PRIu64 " of 20 more reached a backend", second - first);
	check_ask(k, &udp, ns, leaf, DNS_A, &a);
	check_found(k, "the first one did, 20 more did not");
}

static const struct check checks[] = {
	{"upstream.tcp", "misses go over TCP, and connections are used again", NEED_CACHE, over_tcp,
	 NULL},
	{"upstream.second", "a name asked again does not reach a backend", NEED_CACHE, second_time,
	 NULL},
	{0},
};

const struct family family_upstream = {"upstream", "what the cache asks, and how", checks};
