/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cell of a scenario in virtual time: pods with lib/world/stub, the node's cache
 * with the daemon's own core, kube-proxy with the connection table, backends
 * with the scenario's zone. A pure function of scenario, costs and seed.
 */
#ifndef NODENS_SIM_SIM_H
#define NODENS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/hist.h"
#include "lib/world/scenario.h"
#include "lib/world/zone.h"
#include "sim/costs.h"

#define SIM_BACKENDS_MAX 64
#define SIM_NODES_AUTO 16 /* more nodes than this are sampled, unless told otherwise */

struct sim_conf {
	const struct scenario *s;
	const struct zone *zone;
	enum scen_proxy proxy;
	bool cache;
	bool verify;	  /* check every answer against the zone */
	unsigned n_nodes; /* nodes to simulate; at most the scenario's */
	struct sim_costs costs;
	const char *qs_path; /* write the pods' messages of node 0 there, or NULL */
};

struct sim_sample { /* means over the simulated nodes */
	double t_s, client, upstream, count;
	uint64_t lookups, lost, upstream_queries;
};

struct sim_result { /* sums over the simulated nodes */
	unsigned n_nodes;
	uint64_t total, ok, notfound, lost, warmup, partial;
	uint64_t queries, retried, verified, wrong, by_cache, by_backend;
	uint64_t ct_client_peak, ct_upstream_peak, ct_count_peak; /* largest of any node */
	uint64_t ct_client_final, ct_created, ct_insert_failed, ct_full, ct_early_drop;
	uint64_t notrack_in, notrack_out;
	uint64_t upstream_backend[SIM_BACKENDS_MAX], upstream_world, upstream_total;
	uint64_t cache_queries, cache_hits, cache_misses, cache_dropped;
	uint64_t cache_cpu_ns; /* predicted */
	uint64_t lost_packets, events;
	char why_wrong[96]; /* of the first wrong answer */
	struct hist latency[SCEN_LOADS_MAX];
	size_t n_samples, cap_samples;
	struct sim_sample *sample;
};

int sim_run(struct sim_result *ret, const struct sim_conf *c, struct diag *d);
void sim_result_release(struct sim_result *r);
/* Nodes to simulate when nothing else was said. */
unsigned sim_nodes_default(const struct scenario *s);

/* The Corefile of a scenario's node cache: the stock node-local template with
 * the scenario's numbers. Caller frees; NULL: no memory. */
char *sim_corefile(const struct scenario *s, enum scen_proxy proxy);

#endif
