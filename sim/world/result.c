/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came out of a world, and how parts of one become the whole.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/world/sim.h"

const char *const sim_path_metric[SIM_PATHS_N] = {"latency.path_hit", "latency.path_miss", "latency.path_cluster_dns",
						 "latency.path_outside"};

const char *sim_cache_str(enum sim_cache cache)
{
	static const char *const words[SIM_CACHES] = {"off", "on", "original"};

	return words[cache];
}

const char *sim_cell_str(enum scen_proxy p, enum sim_cache cache, char buf[32])
{
	if (cache != SIM_ORIGINAL)
		return scen_cell_str(p, cache == SIM_CACHE, buf);
	snprintf(buf, 32, "%s-original", scen_proxy_str(p));
	return buf;
}

void sim_result_release(struct sim_result *r)
{
	free(r->sample);
	r->sample = NULL;
	r->n_samples = r->cap_samples = 0;
}

void sim_result_clear(struct sim_result *r)
{
	free(r->sample);
	memset(r, 0, offsetof(struct sim_result, latency));
	for (size_t i = 0; i < SCEN_LOADS_MAX; i++)
		hist_clear(&r->latency[i]);
	hist_clear(&r->late);
	for (size_t i = 0; i < SIM_PATHS_N; i++)
		hist_clear(&r->path[i]);
	heat_clear(&r->heat, HEAT_STEP_NS);
	hist_clear(&r->sli);
	hist_clear(&r->node_peak);
	r->sample = NULL;
	r->n_samples = r->cap_samples = 0;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a + b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void add_samples(struct sim_result *into, const struct sim_result *part)
{
	for (size_t i = 0; i < into->n_samples && i < part->n_samples; i++) {
		struct sim_sample *a = &into->sample[i];
		const struct sim_sample *b = &part->sample[i];
		a->client += b->client;
		a->client_live += b->client_live;
		a->upstream += b->upstream;
		a->count += b->count;
		a->lookups += b->lookups;
		a->lost += b->lost;
		a->upstream_queries += b->upstream_queries;
		a->done += b->done;
		a->late_ns += b->late_ns;
		a->queries += b->queries;
		a->retried += b->retried;
		a->waiting = max(a->waiting, b->waiting); /* each part saw all of the queue */
		a->replicas = max(a->replicas, b->replicas);
	}
}

int sim_result_add(struct sim_result *into, const struct sim_result *part)
{
	if (!into->n_nodes) {
		*into = *part;
		into->cap_samples = part->n_samples;
		into->sample = malloc((part->n_samples + 1) * sizeof(*into->sample));
		if (!into->sample)
			return ERR_NOMEM;
		if (part->n_samples)
			memcpy(into->sample, part->sample, part->n_samples * sizeof(*into->sample));
		return 0;
	}
#define ADD(field, how) into->field = how(into->field, part->field);
	SIM_NUMBERS(ADD)
#undef ADD
	for (unsigned i = 0; i < SIM_CAUSES_N; i++) {
		into->lost_by[i] += part->lost_by[i];
		into->dropped[i] += part->dropped[i];
	}
	for (unsigned i = 0; i < SIM_BACKENDS_MAX; i++) {
		into->upstream_backend[i] += part->upstream_backend[i];
		into->backend_cpu_ns[i] += part->backend_cpu_ns[i];
	}
	for (unsigned i = 0; i < SCEN_LOADS_MAX; i++)
		hist_merge(&into->latency[i], &part->latency[i]);
	hist_merge(&into->late, &part->late);
	for (unsigned i = 0; i < SIM_PATHS_N; i++)
		hist_merge(&into->path[i], &part->path[i]);
	hist_merge(&into->sli, &part->sli);
	hist_merge(&into->node_peak, &part->node_peak);
	heat_merge(&into->heat, &part->heat);
	if (!into->why_wrong[0])
		memcpy(into->why_wrong, part->why_wrong, sizeof(into->why_wrong));
	add_samples(into, part);
	return 0;
}
