/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a simulated cell. When only some of the nodes were simulated,
 * what adds up over nodes is scaled to all of them, and a remark says so; peaks
 * and distributions need no scaling. Nothing of the real clock gets in: the
 * same seed gives the same octets.
 */
#include "sim/record.h"

#include <inttypes.h>
#include <string.h>

#include "lib/record/metrics_common.h"

static const struct metric_def defs[] = {
	METRICS_COMMON,
	{"sim.nodes", "nodes", MERGE_SUM, "nodes of the scenario"},
	{"sim.nodes_simulated", "nodes", MERGE_SUM,
	 "of these, simulated; sums are scaled up to all"},
	{"sim.events", "events", MERGE_SUM, "events of virtual time, not scaled"},
	{"sim.packets_lost", "packets", MERGE_SUM, "lost on the way by the scenario's loss"},
	{"sim.cache_dropped", "packets", MERGE_SUM,
	 "lost because the cache's socket buffer was full"},
	{"sim.lookups_partial", "lookups", MERGE_SUM, "lookups that gave up one address family"},
	{"sim.count_peak", "entries", MERGE_MAX,
	 "peak of nf_conntrack_count, dead entries included"},
	{"upstream.external", "queries", MERGE_SUM,
	 "of upstream.queries, those to the resolver outside the cluster"},
	{0},
};

struct out {
	struct result *r;
	double scale;
};

static void sum(const struct out *o, const char *name, uint64_t value)
{
	result_num(o->r, name, (double)value * o->scale);
}

static void put_lookups(const struct out *o, const struct sim_result *r, const struct sim_conf *c)
{
	static struct hist all; /* 30 KiB */
	char name[80];

	hist_init(&all);
	for (size_t i = 0; i < c->s->n_loads; i++) {
		snprintf(name, sizeof(name), "latency.%s", c->s->load[i].name);
		result_hist(o->r, name, &r->latency[i]);
		hist_merge(&all, &r->latency[i]);
	}
	result_hist(o->r, "latency.all", &all);
	sum(o, "lookups.total", r->total);
	sum(o, "lookups.ok", r->ok);
	sum(o, "lookups.notfound", r->notfound);
	sum(o, "lookups.lost", r->lost);
	sum(o, "lookups.warmup", r->warmup);
	sum(o, "sim.lookups_partial", r->partial);
	sum(o, "queries.sent", r->queries);
	sum(o, "queries.retried", r->retried);
	sum(o, "answers.by_cache", r->by_cache);
	sum(o, "answers.by_backend", r->by_backend);
	if (c->verify) {
		sum(o, "answers.verified", r->verified);
		sum(o, "answers.wrong", r->wrong);
	}
}

static void put_table(const struct out *o, const struct sim_result *r)
{
	result_num(o->r, "conntrack.peak", (double)r->ct_client_peak);
	result_num(o->r, "conntrack.upstream_peak", (double)r->ct_upstream_peak);
	result_num(o->r, "sim.count_peak", (double)r->ct_count_peak);
	sum(o, "conntrack.final", r->ct_client_final);
	sum(o, "conntrack.created", r->ct_created);
	sum(o, "conntrack.insert_failed", r->ct_insert_failed);
	sum(o, "conntrack.drop", r->ct_full);
	sum(o, "conntrack.early_drop", r->ct_early_drop);
	sum(o, "notrack.packets_in", r->notrack_in);
	sum(o, "notrack.packets_out", r->notrack_out);
}

static void put_servers(const struct out *o, const struct sim_result *r, const struct sim_conf *c)
{
	char name[64];

	for (unsigned i = 0; i < c->s->n_backends; i++) {
		snprintf(name, sizeof(name), "upstream.backend%u", i + 1);
		sum(o, name, r->upstream_backend[i]);
	}
	sum(o, "upstream.queries", r->upstream_total);
	sum(o, "upstream.external", r->upstream_world);
	if (!c->cache)
		return;
	sum(o, "cache.queries", r->cache_queries);
	sum(o, "cache.hits", r->cache_hits);
	sum(o, "cache.misses", r->cache_misses);
	sum(o, "sim.cache_dropped", r->cache_dropped);
	result_num(o->r, "cache.cpu_s", (double)r->cache_cpu_ns * o->scale / 1e9);
}

static void put_series(const struct out *o, const struct sim_result *r)
{
	static const char *const columns[] = {
		SERIES_T_S,  SERIES_CT_CLIENT, SERIES_CT_UPSTREAM,   SERIES_LOOKUPS,
		SERIES_LOST, SERIES_UPSTREAM,  "nf_conntrack_count", NULL};

	result_columns(o->r, columns);
	for (size_t i = 0; i < r->n_samples; i++) {
		const struct sim_sample *s = &r->sample[i];
		double row[] = {s->t_s,
				s->client,
				s->upstream,
				(double)s->lookups * o->scale,
				(double)s->lost * o->scale,
				(double)s->upstream_queries * o->scale,
				s->count};
		result_row(o->r, row);
	}
}

static void put_remarks(const struct out *o, const struct sim_result *r, const struct sim_conf *c)
{
	char text[2048], value[64];
	size_t n = 0;

	n += (size_t)snprintf(text, sizeof(text), "costs assumed:");
	for (const struct cost_def *k = cost_defs; k->name && n < sizeof(text); k++) {
		sim_cost_text(&c->costs, k, value);
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s=%s;", k->name, value);
	}
	result_remark(o->r, "note", text);
	if (r->n_nodes < c->s->n_nodes) {
		snprintf(text, sizeof(text), "%u of %u nodes were simulated; sums are scaled by %g",
			 r->n_nodes, c->s->n_nodes, o->scale);
		result_remark(o->r, "note", text);
	}
	if (c->proxy == SCEN_IPVS)
		result_remark(o->r, "note",
			      "IPVS: its own table (300 s an entry, no limit) is not simulated; "
			      "nf_conntrack is, as with net.ipv4.vs.conntrack=1");
	if (r->wrong) {
		snprintf(text, sizeof(text), "first wrong answer: %s", r->why_wrong);
		result_remark(o->r, "note", text);
	}
}

static void put_labels(struct result *r, const struct sim_conf *c)
{
	char cell[32];

	result_label(r, LABEL_ENGINE, ENGINE_SIM);
	result_label(r, LABEL_SCENARIO, c->s->name);
	result_label(r, LABEL_CELL, scen_cell_str(c->proxy, c->cache, cell));
	result_label(r, LABEL_PROXY, scen_proxy_str(c->proxy));
	result_label(r, LABEL_CACHE, c->cache ? "on" : "off");
	result_seed(r, c->s->seed);
	result_input(r, c->s->path);
}

int sim_record_write(const struct sim_result *r, const struct sim_conf *c,
		     const struct sim_source *src, const char *dir, struct diag *d)
{
	struct out o = {.scale = (double)c->s->n_nodes / r->n_nodes};
	char path[4200], cell[32];

	snprintf(path, sizeof(path), "%s/%s", dir, scen_cell_str(c->proxy, c->cache, cell));
	int rc = result_open(&o.r, path, "dns-sim", defs, src->argc, src->argv, d);
	if (rc < 0)
		return rc;
	put_labels(o.r, c);
	if (src->costs_path)
		result_input(o.r, src->costs_path);
	put_lookups(&o, r, c);
	put_table(&o, r);
	put_servers(&o, r, c);
	result_num(o.r, "sim.nodes", c->s->n_nodes);
	result_num(o.r, "sim.nodes_simulated", r->n_nodes);
	result_num(o.r, "sim.events", (double)r->events);
	sum(&o, "sim.packets_lost", r->lost_packets);
	put_series(&o, r);
	put_remarks(&o, r, c);
	return result_close(o.r, d);
}

/* --- for a person --- */

void sim_print_head(FILE *out)
{
	fprintf(out, "%-18s %9s %6s %9s %9s %9s %9s %8s %8s %7s\n", "cell", "lookups", "lost",
		"p50 us", "p90 us", "p99 us", "p99.9 us", "upstream", "entries", "hits %");
}

void sim_print_row(const struct sim_result *r, const struct sim_conf *c, FILE *out)
{
	static struct hist all;
	double scale = (double)c->s->n_nodes / r->n_nodes;
	double asked = (double)(r->cache_hits + r->cache_misses);
	char cell[32], hits[16] = "-";

	hist_init(&all);
	for (size_t i = 0; i < c->s->n_loads; i++)
		hist_merge(&all, &r->latency[i]);
	if (c->cache && asked > 0)
		snprintf(hits, sizeof(hits), "%.1f", 100 * (double)r->cache_hits / asked);
	fprintf(out, "%-18s %9.0f %6.0f", scen_cell_str(c->proxy, c->cache, cell),
		(double)r->total * scale, (double)r->lost * scale);
	static const double q[] = {0.5, 0.9, 0.99, 0.999};
	for (size_t i = 0; i < 4; i++)
		fprintf(out, " %9.1f", (double)hist_quantile(&all, q[i]) / 1e3);
	fprintf(out, " %8.0f %8" PRIu64 " %7s\n", (double)r->upstream_total * scale,
		r->ct_client_peak, hits);
}
