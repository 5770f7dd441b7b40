/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: any pod, the node itself, a DNS pod; and what backends see of them. */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/check/families.h"
#include "kind-e2e/lab/netns.h"

#define HAIRPIN_UDP 40 /* so many that one of two backends meets itself but once in 10^12 */
#define HAIRPIN_TCP 40

static void pods(struct checker *k)
{
	static struct answer a;
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	char ns[32];

	for (unsigned p = 0; p < k->c->topo.n_pods; p++)
		for (unsigned w = 0; w < n; w++) {
			topo_pod_ns(ns, p);
			if (!check_ask(k, &way[w], ns, "single", DNS_A, &a))
				return;
		}
	check_found(k, "%u pods", k->c->topo.n_pods);
}

static void node(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	static struct volley v;
	char name[NAME_MAX_TEXT];

	for (unsigned w = 0; w < n; w++) {
		struct volley_conf conf = check_volley_conf(k, &way[w], 20, "single", name);

		check_volley(k, way_str(&way[w]), NETNS_NODE, &conf, check_server(k), &v);
	}
	check_found(k, "20 questions each way");
}

static void hairpin(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	static struct volley v;
	char name[NAME_MAX_TEXT], ns[32];
	uint64_t itself = 0;

	for (unsigned w = 0; w < n; w++)
		for (unsigned i = 0; i < k->c->topo.n_backends; i++) {
			struct volley_conf conf = check_volley_conf(
				k, &way[w], way[w].tcp ? HAIRPIN_TCP : HAIRPIN_UDP, "single", name);

			topo_backend_ns(ns, i);
			if (!check_volley(k, way_str(&way[w]), ns, &conf, check_server(k), &v))
				return;
			itself = volley_by(&v, k->c->server_id[i]);
			check_that(k, k->c->spec.with_cache || itself, "%s never met itself", ns);
		}
	check_found(k, "each DNS pod through the Service%s",
		    k->c->spec.with_cache ? "" : ", also to itself");
}

/* --- what backends see -------------------------------------------------------------------- */

static void forget_peers(const struct cell *c)
{
	for (unsigned i = 0; i < c->topo.n_backends; i++)
		c->served[i].n_peers = 0;
}

/* Do all questions since forget_peers come from one of these? */
static void only_from(struct checker *k, const char *who, const struct addr *const allowed[],
		      unsigned n_allowed)
{
	unsigned n = 0;
	char text[ADDR_TEXT];

	for (unsigned i = 0; i < k->c->topo.n_backends; i++)
		for (unsigned p = 0; p < k->c->served[i].n_peers; p++, n++) {
			const struct addr *ip = &k->c->served[i].peer[p].ip;
			bool good = false;

			for (unsigned a = 0; a < n_allowed; a++)
				good = good || addr_eq(ip, allowed[a]);
			check_that(k, good, "%s: a backend saw %s", who, addr_str(ip, text));
		}
	check_that(k, n, "%s: no question reached a backend", who);
}

static void pod_source(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	static struct volley v;
	char name[NAME_MAX_TEXT], ns[32];

	topo_pod_ns(ns, 0);
	for (unsigned w = 0; w < n; w++) {
		struct volley_conf conf = check_volley_conf(k, &way[w], 20, "single", name);
		const struct addr *own[] = {&k->c->topo.side[way[w].f].pod[0]};

		forget_peers(k->c);
		if (check_volley(k, way_str(&way[w]), ns, &conf, check_server(k), &v))
			only_from(k, way_str(&way[w]), own, 1);
	}
	check_found(k, "the pod's own");
}

/* The node's address towards pods is the gateway's: that is what a masquerade takes. */
static void node_source(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	static struct volley v;
	char name[NAME_MAX_TEXT];

	for (unsigned w = 0; w < n; w++) {
		struct volley_conf conf = check_volley_conf(k, &way[w], 20, "single", name);
		const struct addr *own[] = {&k->c->topo.side[way[w].f].gateway};

		forget_peers(k->c);
		if (check_volley(k, way_str(&way[w]), NETNS_NODE, &conf, check_server(k), &v))
			only_from(k, way_str(&way[w]), own, 1);
	}
	check_found(k, "the node's, masqueraded");
}

/* Whom backends saw is the question here; who answered is judged after it. */
static void cache_source(struct checker *k)
{
	static struct answer a;
	char name[NAME_MAX_TEXT];
	struct question q;
	struct diag d = {""};
	const struct topo *t = &k->c->topo;
	const struct addr *const own[] = {&t->side[0].gateway, &t->side[1].gateway,
					  &t->side[0].node, &t->side[1].node};
	struct way udp = {k->c->first, false};
	char ns[32], leaf[64];

	topo_pod_ns(ns, 0);
	forget_peers(k->c);
	for (int i = 0; i < 10; i++) {
		q = check_question(k, &udp, ns,
				   fixture_name(k->c->lab->s, check_fresh(leaf), name), DNS_A);
		if (!check_did(k, ask(&q, &a, &d), &d))
			return;
	}
	only_from(k, "misses", own, 4);
	check_ask(k, &udp, ns, check_fresh(leaf), DNS_A, &a);
	check_found(k, "the node's, for 10 misses");
}

static const struct check checks[] = {
	{"clients.pods", "every pod is answered", 0, pods, NULL},
	{"clients.node", "the node's own processes are answered", 0, node, NULL},
	{"clients.hairpin", "a DNS pod that asks the Service is answered", NEED_BACKENDS, hairpin,
	 NULL},
	{"clients.pod-source", "backends see a pod's own address", NEED_PLAIN, pod_source, NULL},
	{"clients.node-source", "backends see the node masqueraded", NEED_PLAIN, node_source, NULL},
	{"clients.cache-source", "backends see the node, not pods", NEED_CACHE, cache_source, NULL},
	{0},
};

const struct family family_clients = {"clients", "who asks, and what backends see of them", checks};
