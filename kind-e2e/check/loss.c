/* SPDX-License-Identifier: Apache-2.0 */
/* Many questions, none of them lost, and who got them. */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/check/families.h"

#define N_NEW_PORTS 2000
#define N_ONE_SOCKET 20000
#define N_TCP 200

static void volleys(struct checker *k, bool tcp, bool one_socket, unsigned count)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	static struct volley v;
	char name[NAME_MAX_TEXT], ns[32];

	topo_pod_ns(ns, 0);
	for (unsigned w = 0; w < n; w++) {
		struct volley_conf conf = check_volley_conf(k, &way[w], count, "single", name);

		conf.one_socket = one_socket;
		if (way[w].tcp == tcp)
			check_volley(k, way_str(&way[w]), ns, &conf, check_server(k), &v);
	}
	check_found(k, "none of %u", count);
}

static void new_ports(struct checker *k)
{
	volleys(k, false, false, N_NEW_PORTS);
}

static void one_socket(struct checker *k)
{
	volleys(k, false, true, N_ONE_SOCKET);
}

static void tcp(struct checker *k)
{
	volleys(k, true, false, N_TCP);
}

/* kube-proxy chooses by chance (ipvs: in turn): for two, half is 50 +- 1.1 % of 2,000. */
static void spread(struct checker *k)
{
	unsigned n_backends = k->c->topo.n_backends, n_ways;
	struct way way[WAYS_MAX];
	static struct volley v;
	char name[NAME_MAX_TEXT], ns[32];
	double share = 0;

	topo_pod_ns(ns, 0);
	n_ways = check_ways(k, way);
	for (unsigned w = 0; w < n_ways; w++) {
		unsigned count = way[w].tcp ? N_TCP * 2 : N_NEW_PORTS;
		double slack = way[w].tcp ? 0.35 : 0.2;
		struct volley_conf conf = check_volley_conf(k, &way[w], count, "single", name);

		if (!check_volley(k, way_str(&way[w]), ns, &conf, check_server(k), &v))
			return;
		for (unsigned i = 0; i < n_backends; i++) {
			share = (double)volley_by(&v, k->c->server_id[i]) / count * n_backends;
			check_that(k, share > 1 - slack && share < 1 + slack,
				   "%s: %s got %.0f %% of its share", way_str(&way[w]),
				   k->c->server_id[i], share * 100);
		}
	}
	check_found(k, "%u backends, the last one %.0f %% of its share", n_backends, share * 100);
}

static const struct check checks[] = {
	{"loss.new-ports", "2,000 questions from new ports are all answered", NEED_LOSSLESS,
	 new_ports, NULL},
	{"loss.one-socket", "20,000 questions from one socket are all answered", NEED_LOSSLESS,
	 one_socket, NULL},
	{"loss.tcp", "200 connections are all answered", NEED_LOSSLESS, tcp, NULL},
	{"loss.spread", "each backend gets its share", NEED_PLAIN | NEED_BACKENDS | NEED_LOSSLESS,
	 spread, NULL},
	{0},
};

const struct family family_loss = {"loss", "many questions, and who got them", checks};
