/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a simulated cell. When only some of the nodes were simulated,
 * what adds up over nodes is scaled to all of them, and a remark says so; peaks
 * and distributions need no scaling. Nothing of the real clock gets in: the
 * same seed gives the same octets.
 */
#include "sim/answer/record.h"

#include <inttypes.h>
#include <string.h>

#include "lib/record/heat_table.h"
#include "lib/record/metrics_common.h"

#define NUMBERS_ROWS(field, metric, unit, help)                       \
	{metric, unit, MERGE_LAST, help},                             \
	{metric ".low", unit, MERGE_LAST, help ", 95 % interval"},    \
	{metric ".high", unit, MERGE_LAST, help ", 95 % interval"},
static const struct metric_def defs[] = {
	NUMBERS(NUMBERS_ROWS) /* before latency.*, which stands for all others */
	METRICS_COMMON,
	{"sim.nodes", "nodes", MERGE_SUM, "nodes of the scenario"},
	{"sim.nodes_simulated", "nodes", MERGE_SUM,
	 "of these, simulated; sums are scaled up to all"},
	{"sim.replications", "runs", MERGE_SUM, "of the cell, each with a seed of its own"},
	{"sim.events", "events", MERGE_SUM, "events of virtual time, not scaled"},
	{"sim.packets_lost", "packets", MERGE_SUM, "lost on the way by the scenario's loss"},
	{"sim.cache_dropped", "packets", MERGE_SUM,
	 "lost because the cache's socket buffer was full"},
	{"sim.lookups_partial", "lookups", MERGE_SUM, "lookups that gave up one address family"},
	{"sim.count_peak", "entries", MERGE_MAX,
	 "peak of nf_conntrack_count, dead entries included"},
	{"lookups.again", "lookups", MERGE_SUM, "asked once more by the application after a failure"},
	{"lost_by.*", "lookups", MERGE_SUM, "of lookups.lost, by what became of their last packet"},
	{"dropped.*", "packets", MERGE_SUM, "packets that went no further, by cause"},
	{"upstream.external", "queries", MERGE_SUM,
	 "of upstream.queries, those to the resolver outside the cluster"},
	{"upstream.connections", "connections", MERGE_SUM, "that the caches opened upstream"},
	{"cache.evicted", "entries", MERGE_SUM, "thrown out for others (the original cache)"},
	{"cache.queue_peak", "packets", MERGE_MAX, "most that waited for a cache at once"},
	{"replica.cpu_s", "s", MERGE_SUM, "processor time of the cluster-DNS servers"},
	{"replica.throttled_s", "s", MERGE_SUM, "time that queries stood still under the CPU limit"},
	{"replica.queue_peak", "queries", MERGE_MAX, "most that waited at one server at once"},
	{"replica.busiest", "1", MERGE_MAX, "share of all queries that the busiest server got"},
	{"replicas.peak", "servers", MERGE_MAX, "most cluster-DNS servers at once"},
	{"node_peak.*", "entries", MERGE_MAX, "peaks of the nodes' connection tables: p50, p99, max over nodes"},
	{0},
};

#define CAUSE_WORD(name, word, help) word,

struct out {
	struct result *r;
	const struct scenario *s;
	double scale;
};

static void sum(const struct out *o, const char *name, uint64_t value)
{
	result_num(o->r, name, (double)value * o->scale);
}

/* The record's quantiles are upper bounds of a distribution's buckets, those of a replication are not: an interval
 * reaches to the bounds of the buckets it ends in, or a quantile would stand outside of its own. */
static struct interval to_buckets(struct interval v)
{
	uint64_t low, high;

	hist_bounds(hist_index((uint64_t)v.low), &low, &high);
	v.low = (double)low;
	hist_bounds(hist_index((uint64_t)v.high), &low, &high);
	v.high = (double)high;
	return v;
}

/* The table's own means and quantiles, with their intervals; from several replications only. */
static void put_numbers(const struct out *o, const struct cell_outcome *out)
{
	char name[80];
	struct numbers whole;

	numbers_of(&whole, &out->sum, o->s);
	for (size_t i = 0; i < NUMBERS_N; i++) {
		struct interval v = numbers_interval(out->rep, out->n_reps, i);
		const char *metric = numbers_metric(i);
		/* what the histogram says itself is not said twice */
		if (strncmp(metric, "latency.all.", 12) != 0)
			result_num(o->r, metric, v.mean);
		else if (strcmp(metric, "latency.all.p9999") == 0)
			result_num(o->r, metric, whole.p9999_ns);
		if (out->n_reps < 2)
			continue;
		if (strncmp(metric, "latency.all.p", 13) == 0)
			v = to_buckets(v);
		snprintf(name, sizeof(name), "%s.low", metric);
		result_num(o->r, name, v.low);
		snprintf(name, sizeof(name), "%s.high", metric);
		result_num(o->r, name, v.high);
	}
}

static void put_causes(const struct out *o, const struct sim_result *r)
{
	static const char *const words[] = {SIM_CAUSES(CAUSE_WORD)};
	char name[64];

	for (unsigned i = 0; i < SIM_CAUSES_N; i++) {
		if (r->lost_by[i]) {
			snprintf(name, sizeof(name), "lost_by.%s", words[i]);
			sum(o, name, r->lost_by[i]);
		}
		if (r->dropped[i]) {
			snprintf(name, sizeof(name), "dropped.%s", words[i]);
			sum(o, name, r->dropped[i]);
		}
	}
}

/* Kubernetes' DNS SLI. Pods ask one address; with rules that intercept, or without a cache, both of the
 * SLI's servers are that one. */
static void put_sli(const struct out *o, const struct sim_result *r, const struct cell_job *c)
{
	bool both = c->cache == SIM_NOCACHE || c->proxy != SCEN_IPVS;
	double p99 = (double)hist_quantile(&r->sli, 0.99), lost = (double)r->sli_lost / (double)r->sli_lookups;

	if (!r->sli_lookups)
		return;
	result_num(o->r, "sli.probers", (double)c->s->n_nodes * c->s->n_pods);
	result_num(o->r, "sli.resolv_conf.p99", p99);
	result_num(o->r, "sli.resolv_conf.lost_share", lost);
	if (both) {
		result_num(o->r, "sli.kube_dns.p99", p99);
		result_num(o->r, "sli.kube_dns.lost_share", lost);
	}
}

static void put_lookups(const struct out *o, const struct sim_result *r, const struct cell_job *c)
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
	if (c->costs->processors)
		result_hist(o->r, "late.all", &r->late);
	for (unsigned i = 0; i < SIM_PATHS_N; i++)
		if (r->path[i].n)
			result_hist(o->r, sim_path_metric[i], &r->path[i]);
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

static void put_table(const struct out *o, const struct sim_result *r, const struct cell_job *c)
{
	/* without a cache the whole table is the pods', and its highest count is known between samples too */
	result_num(o->r, "conntrack.peak", (double)(c->cache == SIM_NOCACHE ? r->ct_count_peak : r->ct_client_peak));
	result_num(o->r, "conntrack.live_peak", (double)r->ct_client_live_peak);
	result_num(o->r, "conntrack.upstream_peak", (double)r->ct_upstream_peak);
	result_num(o->r, "conntrack.upstream_live_peak", (double)r->ct_upstream_live_peak);
	result_num(o->r, "sim.count_peak", (double)r->ct_count_peak);
	sum(o, "conntrack.final", r->ct_client_final);
	sum(o, "conntrack.created", r->ct_created);
	sum(o, "conntrack.insert_failed", r->ct_insert_failed);
	sum(o, "conntrack.drop", r->ct_full);
	sum(o, "conntrack.early_drop", r->ct_early_drop);
	sum(o, "notrack.packets_in", r->notrack_in);
	sum(o, "notrack.packets_out", r->notrack_out);
}

static void put_servers(const struct out *o, const struct sim_result *r, const struct cell_job *c)
{
	char name[64];

	uint64_t busiest = 0;
	for (unsigned i = 0; i < SIM_BACKENDS_MAX; i++) {
		if (i >= r->replicas_peak)
			break;
		snprintf(name, sizeof(name), "upstream.backend%u", i + 1);
		sum(o, name, r->upstream_backend[i]);
		if (r->upstream_backend[i] > busiest)
			busiest = r->upstream_backend[i];
	}
	sum(o, "upstream.queries", r->upstream_total);
	sum(o, "upstream.external", r->upstream_world);
	if (r->upstream_total > r->upstream_world)
		result_num(o->r, "replica.busiest", (double)busiest / (double)(r->upstream_total - r->upstream_world));
	result_num(o->r, "replicas.peak", (double)r->replicas_peak);
	if (r->replica_cpu_ns) { /* each part saw all of them */
		result_num(o->r, "replica.cpu_s", (double)r->replica_cpu_ns / (double)r->n_parts / 1e9);
		result_num(o->r, "replica.throttled_s", (double)r->replica_throttled_ns / (double)r->n_parts / 1e9);
		result_num(o->r, "replica.queue_peak", (double)r->replica_queue_peak);
	}
	if (c->costs->processors) {
		double ns = (double)(o->s->warmup_ns + o->s->duration_ns) * (double)c->costs->processors;
		result_num(o->r, "processors.busy", (double)r->busy_ns / (double)r->n_nodes / ns);
		result_num(o->r, "pods.cpu_s", (double)r->pods_cpu_ns * o->scale / 1e9);
		result_num(o->r, "servers.cpu_s", (double)r->servers_cpu_ns * o->scale / 1e9);
		if (c->costs->sleep_ns)
			sum(o, "pods.sleeps", r->pods_sleeps);
	}
	if (c->cache == SIM_NOCACHE)
		return;
	sum(o, "upstream.connections", r->upstream_conns);
	sum(o, "cache.evicted", r->cache_evicted);
	result_num(o->r, "cache.queue_peak", (double)r->cache_queue_peak);
	sum(o, "cache.queries", r->cache_queries);
	sum(o, "cache.hits", r->cache_hits);
	sum(o, "cache.misses", r->cache_misses);
	sum(o, "sim.cache_dropped", r->dropped[CAUSE_CACHE_QUEUE]);
	result_num(o->r, "cache.cpu_s", (double)r->cache_cpu_ns * o->scale / 1e9);
	if (c->costs->sleep_ns)
		sum(o, "cache.worker_sleeps", r->cache_sleeps);
}

static void put_series(const struct out *o, const struct sim_result *r)
{
	static const char *const columns[] = {
		SERIES_T_S,  SERIES_CT_CLIENT, SERIES_CT_UPSTREAM, SERIES_LOOKUPS,
		SERIES_LOST, SERIES_UPSTREAM,  SERIES_CT_LIVE,     "nf_conntrack_count",
		"lookups_done", "queries_retried", "replica_waiting", "replicas", NULL};

	result_columns(o->r, columns);
	for (size_t i = 0; i < r->n_samples; i++) {
		const struct sim_sample *s = &r->sample[i];
		double nodes = (double)r->n_nodes;
		double row[] = {(double)s->t_ns / 1e9,
				(double)s->client / nodes,
				(double)s->upstream / nodes,
				(double)s->lookups * o->scale,
				(double)s->lost * o->scale,
				(double)s->upstream_queries * o->scale,
				(double)s->client_live / nodes,
				(double)s->count / nodes,
				(double)s->done * o->scale,
				(double)s->retried * o->scale,
				(double)s->waiting,
				(double)s->replicas};

		result_row(o->r, row);
	}
}

static void put_remarks(const struct out *o, const struct cell_outcome *out, const struct cell_job *c)
{
	static char text[32768];
	char value[COST_TEXT];
	const struct sim_result *r = &out->sum;
	size_t n = 0;

	n += (size_t)snprintf(text, sizeof(text), "costs assumed:");
	for (const struct cost_def *k = cost_defs; k->name && n < sizeof(text); k++) {
		sim_cost_text(c->costs, k, value);
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s=%s;", k->name, value);
	}
	result_remark(o->r, "note", text);
	if (c->proxy == SCEN_NFTABLES && c->costs->measured[0] && !c->costs->by_dialect)
		result_remark(o->r, "note", "the costs were measured under iptables alone: nothing is known of what nftables' rules cost here");
	if (c->n_nodes < c->s->n_nodes) {
		snprintf(text, sizeof(text), "%u of %u nodes were simulated; sums are scaled by %g",
			 c->n_nodes, c->s->n_nodes, (double)c->s->n_nodes / c->n_nodes);
		result_remark(o->r, "note", text);
	}
	if (out->n_reps > 1) {
		snprintf(text, sizeof(text), "means over %u replications; NAME.low and NAME.high are 95 %% intervals",
			 out->n_reps);
		result_remark(o->r, "note", text);
	}
	if (r->n_parts > out->n_reps && r->replica_cpu_ns) {
		snprintf(text, sizeof(text), "nodes were simulated %u at a time; the others ask as Poisson arrivals",
			 (unsigned)((r->n_nodes + r->n_parts - 1) / r->n_parts));
		result_remark(o->r, "note", text);
	}
	if (c->cache == SIM_ORIGINAL)
		result_remark(o->r, "note", "the original cache is a model of what was measured of it, not its code");
	if (c->proxy == SCEN_IPVS)
		result_remark(o->r, "note",
			      "IPVS: its own table (300 s an entry, no limit) is not simulated; "
			      "nf_conntrack is, as with net.ipv4.vs.conntrack=1");
	if (r->wrong) {
		snprintf(text, sizeof(text), "first wrong answer: %s", r->why_wrong);
		result_remark(o->r, "note", text);
	}
}

static void put_labels(struct result *r, const struct cell_job *c, const struct sim_source *src)
{
	char cell[32];

	result_label(r, LABEL_ENGINE, ENGINE_SIM);
	result_label(r, LABEL_SCENARIO, c->s->name);
	result_label(r, LABEL_CELL, sim_cell_str(c->proxy, c->cache, cell));
	result_label(r, LABEL_PROXY, scen_proxy_str(c->proxy));
	result_label(r, LABEL_CACHE, sim_cache_str(c->cache));
	if (src->point)
		result_label(r, "point", src->point);
	result_label(r, "costs", c->costs->measured[0] ? c->costs->measured : "stock");
	result_seed(r, c->s->seed);
	result_input(r, c->s->path);
}

int sim_record_write(const struct cell_outcome *out, const struct cell_job *c, const struct sim_source *src,
		     const char *dir, struct diag *d)
{
	const struct sim_result *r = &out->sum;
	struct out o = {.scale = (double)c->s->n_nodes / (double)r->n_nodes, .s = c->s};
	char path[4200], cell[32];

	snprintf(path, sizeof(path), "%s/%s", dir, sim_cell_str(c->proxy, c->cache, cell));
	int rc = result_open(&o.r, path, "dns-sim", defs, src->argc, src->argv, d);
	if (rc < 0)
		return rc;
	put_labels(o.r, c, src);
	if (src->costs_path)
		result_input(o.r, src->costs_path);
	put_lookups(&o, r, c);
	result_heat(o.r, &r->heat);
	put_sli(&o, r, c);
	put_numbers(&o, out);
	put_causes(&o, r);
	put_table(&o, r, c);
	put_servers(&o, r, c);
	result_num(o.r, "world.nodes", c->s->n_nodes);
	result_num(o.r, "world.pods", (double)c->s->n_nodes * c->s->n_pods);
	if (c->cache != SIM_NOCACHE) {
		result_num(o.r, "world.cache_success", c->s->cache_success);
		result_num(o.r, "world.cache_denial", c->s->cache_denial);
	}
	result_num(o.r, "world.load_s", (double)c->s->duration_ns / 1e9);
	result_num(o.r, "world.warmup_s", (double)c->s->warmup_ns / 1e9);
	result_num(o.r, "sim.nodes", c->s->n_nodes);
	result_num(o.r, "sim.nodes_simulated", c->n_nodes);
	result_num(o.r, "sim.replications", out->n_reps);
	result_num(o.r, "sim.events", (double)r->events);
	result_num(o.r, "node_peak.p50", numbers_quantile(&r->node_peak, 0.5));
	result_num(o.r, "node_peak.p99", numbers_quantile(&r->node_peak, 0.99));
	result_num(o.r, "node_peak.max", (double)r->node_peak.max);
	sum(&o, "sim.packets_lost", r->lost_packets);
	put_series(&o, r);
	put_remarks(&o, out, c);
	return result_close(o.r, d);
}

/* --- for a person --- */

void sim_print_head(FILE *out)
{
	fprintf(out, "%-18s %9s %6s %9s %9s %9s %9s %8s %8s %7s\n", "cell", "lookups", "lost",
		"p50 us", "p90 us", "p99 us", "p99.9 us", "upstream", "entries", "hits %");
}

void sim_print_row(const struct cell_outcome *o, const struct cell_job *c, FILE *out)
{
	const struct sim_result *r = &o->sum;
	double scale = (double)c->s->n_nodes / (double)r->n_nodes;
	double asked = (double)(r->cache_hits + r->cache_misses);
	char cell[32], hits[16] = "-";
	struct hist all;

	numbers_latency(r, &all);
	if (c->cache != SIM_NOCACHE && asked > 0)
		snprintf(hits, sizeof(hits), "%.1f", 100 * (double)r->cache_hits / asked);
	fprintf(out, "%-18s %9.0f %6.0f", sim_cell_str(c->proxy, c->cache, cell),
		(double)r->total * scale, (double)r->lost * scale);
	static const double q[] = {0.5, 0.9, 0.99, 0.999};
	for (size_t i = 0; i < 4; i++)
		fprintf(out, " %9.1f", numbers_quantile(&all, q[i]) / 1e3);
	fprintf(out, " %8.0f %8" PRIu64 " %7s\n", (double)r->upstream_total * scale,
		c->cache == SIM_NOCACHE ? r->ct_count_peak : r->ct_client_peak, hits);
	struct interval p99 = numbers_interval(o->rep, o->n_reps, numbers_find("p99"));
	struct interval lost = numbers_interval(o->rep, o->n_reps, numbers_find("lost_share"));
	if (o->n_reps > 1)
		fprintf(out, "%-18s %u runs, 95 %%: p99 %.1f to %.1f us, lost %.4f to %.4f %%\n", "", o->n_reps,
			p99.low / 1e3, p99.high / 1e3, 100 * lost.low, 100 * lost.high);
}
