/* SPDX-License-Identifier: Apache-2.0 */
/* A cell's result record: metrics, histograms, series, and what each check found. */
#include "kind-e2e/check/record.h"

#include <stdio.h>
#include <string.h>

#include "lib/record/heat_table.h"
#include "lib/record/metrics_common.h"

/* clang-format off */
static const struct metric_def defs[] = {
	METRICS_COMMON,
	{ "conntrack.max",           "entries", MERGE_SAME, "the table's limit, of the whole machine" },
	{ "conntrack.clash_resolve", "packets", MERGE_SUM, "races for one entry that ended well" },
	{ "conntrack.other",         "entries", MERGE_MAX, "entries of the node that are not DNS" },
	{ "upstream.external",       "queries", MERGE_SUM, "of upstream.queries, those to the resolver beyond the uplink" },
	{ "lab.tuples",              "tuples",  MERGE_SUM, "distinct (pod, protocol, port) the load used" },
	{ "lab.udp_sent",            "packets", MERGE_SUM, "UDP queries of the load" },
	{ "lab.udp_received",        "packets", MERGE_SUM, "UDP answers to the load" },
	{ "lab.tcp_segments_out",    "packets", MERGE_SUM, "TCP segments the pods sent" },
	{ "lab.tcp_segments_in",     "packets", MERGE_SUM, "TCP segments the pods received" },
	{ "lab.tcp_connections",     "connections", MERGE_SUM, "TCP connections the load opened" },
	{ "lab.lookups_partial",     "lookups", MERGE_SUM, "lookups that gave up one address family" },
	{ "lab.answers_unmatched",   "answers", MERGE_SUM, "answers nobody waited for any more" },
	{ "lab.send_errors",         "queries", MERGE_SUM, "queries the pod's own kernel refused" },
	{ "lab.getaddrinfo_asked",   "lookups", MERGE_SUM, "names looked up through the machine's libc" },
	{ "lab.getaddrinfo_right",   "lookups", MERGE_SUM, "of these, as the zone has it" },
	{ "lab.captured_queries",    "queries", MERGE_SUM, "queries pcap-replay found in the capture of the pods' links" },
	{ "lab.captured_answers",    "answers", MERGE_SUM, "answers it found" },
	{ "lab.setup_s",             "s",       MERGE_SUM, "from nothing to a lab that answers" },
	{ 0 },
};
/* clang-format on */

/* --- series --------------------------------------------------------------------- */

/* Without the cache whatever the load adds to the table is the pods'. With it
 * the last dump says how much may be theirs (none, if all is well), and the
 * rest is the cache's own. */
static void split_sample(const struct cell *c, const struct sample *s, double *ret_client,
			 double *ret_upstream)
{
	double e = (double)s->entries - (double)c->before.split.other;
	double theirs = (double)c->after.split.client;

	e = e > 0 ? e : 0;
	*ret_client = !c->spec.with_cache ? e : theirs < e ? theirs : e;
	*ret_upstream = e - *ret_client;
}

static void put_series(const struct cell *c, struct result *r)
{
	static const char *const columns[] = {SERIES_T_S,
					      SERIES_CT_CLIENT,
					      SERIES_CT_UPSTREAM,
					      SERIES_LOOKUPS,
					      SERIES_LOST,
					      SERIES_UPSTREAM,
					      NULL};
	double peak = 0, upstream_peak = 0;

	result_columns(r, columns);
	for (size_t i = 0; i < c->n_samples; i++) {
		const struct sample *s = &c->samples[i];
		double row[6] = {
			s->t_s, 0, 0, (double)s->begun, (double)s->lost, (double)s->upstream};

		split_sample(c, s, &row[1], &row[2]);
		peak = row[1] > peak ? row[1] : peak;
		upstream_peak = row[2] > upstream_peak ? row[2] : upstream_peak;
		result_row(r, row);
	}
	result_num(r, "conntrack.peak", peak);
	result_num(r, "conntrack.upstream_peak", upstream_peak);
}

/* --- numbers --------------------------------------------------------------------- */

static void put_loads(const struct cell *c, const struct totals *t, struct result *r)
{
	static struct hist all, late, one, took;
	static struct heat heat;
	char name[80];

	hist_init(&all);
	hist_init(&late);
	heat_init(&heat, HEAT_STEP_NS);
	for (unsigned p = 0; p < c->topo.n_pods; p++) {
		hist_merge(&late, &c->loads[p].late);
		heat_merge(&heat, &c->loads[p].heat);
	}
	for (size_t k = 0; k < c->lab->s->n_loads; k++) {
		hist_init(&one);
		hist_init(&took);
		for (unsigned p = 0; p < c->topo.n_pods; p++) {
			hist_merge(&one, &c->loads[p].latency[k]);
			hist_merge(&took, &c->loads[p].took[k]);
		}
		snprintf(name, sizeof name, "latency.%s", c->lab->s->load[k].name);
		result_hist(r, name, &one);
		hist_merge(&all, &one);
		snprintf(name, sizeof name, "took.%s", c->lab->s->load[k].name);
		result_hist(r, name, &took);
	}
	result_hist(r, "latency.all", &all);
	result_hist(r, "late.all", &late);
	result_heat(r, &heat);
	result_num(r, "lookups.total", (double)t->total);
	result_num(r, "lookups.ok", (double)t->ok);
	result_num(r, "lookups.notfound", (double)t->notfound);
	result_num(r, "lookups.lost", (double)t->lost);
	result_num(r, "lookups.warmup", (double)t->warmup);
	result_num(r, "queries.sent", (double)t->queries);
	result_num(r, "queries.retried", (double)t->retried);
	result_num(r, "answers.verified", (double)t->verified);
	result_num(r, "answers.wrong", (double)t->wrong);
	result_num(r, "answers.by_cache", (double)t->by_cache);
	result_num(r, "answers.by_backend", (double)t->by_backend);
}

/* Kubernetes' DNS SLI, when a load probes for it. Pods ask one address; it is the ClusterIP of kube-dns
 * as well unless the cache has only its own. */
static void put_sli(const struct cell *c, struct result *r)
{
	static struct hist p99;
	uint64_t lookups = 0, lost = 0;

	hist_init(&p99);
	for (unsigned p = 0; p < c->topo.n_pods; p++) {
		const struct load_shared *l = &c->loads[p];
		if (l->sli.n)
			hist_record(&p99, sli_p99_ns(&l->sli));
		lookups += l->sli_lookups;
		lost += l->sli_lost;
	}
	if (!lookups)
		return;
	result_num(r, "sli.probers", c->topo.n_pods);
	result_num(r, "sli.resolv_conf.p99", (double)hist_quantile(&p99, 0.99));
	result_num(r, "sli.resolv_conf.lost_share", (double)lost / (double)lookups);
	if (!c->spec.with_cache || c->spec.proxy != SCEN_IPVS || c->spec.intercept) {
		result_num(r, "sli.kube_dns.p99", (double)hist_quantile(&p99, 0.99));
		result_num(r, "sli.kube_dns.lost_share", (double)lost / (double)lookups);
	}
}

static void put_world(const struct cell *c, struct result *r)
{
	const struct scenario *s = c->lab->s;

	result_num(r, "world.nodes", 1);
	result_num(r, "world.pods", c->topo.n_pods);
	if (c->spec.with_cache) {
		result_num(r, "world.cache_success", s->cache_success);
		result_num(r, "world.cache_denial", s->cache_denial);
	}
	result_num(r, "world.load_s", (double)s->duration_ns / 1e9);
	result_num(r, "world.warmup_s", (double)s->warmup_ns / 1e9);
}

static void put_lab(const struct cell *c, const struct totals *t, struct result *r)
{
	result_num(r, "lab.tuples", (double)t->tuples);
	result_num(r, "lab.udp_sent", (double)t->udp_sent);
	result_num(r, "lab.udp_received", (double)t->udp_received);
	result_num(r, "lab.tcp_segments_out", (double)t->tcp_out);
	result_num(r, "lab.tcp_segments_in", (double)t->tcp_in);
	result_num(r, "lab.tcp_connections", (double)t->connections);
	result_num(r, "lab.lookups_partial", (double)t->partial);
	result_num(r, "lab.answers_unmatched", (double)t->unmatched);
	result_num(r, "lab.send_errors", (double)t->send_errors);
	result_num(r, "lab.getaddrinfo_asked", (double)c->gai->asked);
	result_num(r, "lab.getaddrinfo_right", (double)c->gai->right);
	result_num(r, "lab.setup_s", (double)c->setup_ns / 1e9);
	if (c->busy >= 0)
		result_num(r, "processors.busy", c->busy);
	result_num(r, "pods.cpu_s", (double)t->cpu_ns / 1e9);
	result_num(r, "pods.sleeps", (double)t->sleeps);
	result_num(r, "servers.cpu_s", (double)(c->after.servers_cpu_ns - c->before.servers_cpu_ns) / 1e9);
	if (c->captured) {
		result_num(r, "lab.captured_queries", (double)c->captured_queries);
		result_num(r, "lab.captured_answers", (double)c->captured_answers);
	}
}

static void put_table(const struct cell *c, const struct totals *t, struct result *r)
{
	const struct ctnl_stats *a = &c->before.ct, *b = &c->after.ct;

	result_num(r, "conntrack.final", (double)c->after.split.client);
	if (totals_nothing_expired(c))
		result_num(r, "conntrack.created", (double)c->after.split.client);
	result_num(r, "conntrack.insert_failed", (double)(b->insert_failed - a->insert_failed));
	result_num(r, "conntrack.drop", (double)(b->drop - a->drop));
	result_num(r, "conntrack.early_drop", (double)(b->early_drop - a->early_drop));
	result_num(r, "conntrack.clash_resolve", (double)(b->clash_resolve - a->clash_resolve));
	result_num(r, "conntrack.max", (double)b->max);
	result_num(r, "conntrack.other", (double)c->after.split.other);
	result_num(r, "notrack.packets_in", (double)t->notrack_in);
	result_num(r, "notrack.packets_out", (double)t->notrack_out);
}

static void put_servers(const struct cell *c, const struct totals *t, struct result *r)
{
	char name[64];

	for (unsigned i = 0; i < c->topo.n_backends; i++) {
		snprintf(name, sizeof name, "upstream.backend%u", i + 1);
		result_num(r, name, (double)(c->after.served[i] - c->before.served[i]));
	}
	result_num(r, "upstream.queries", (double)t->served);
	result_num(r, "upstream.external", (double)t->external);
	if (!c->spec.with_cache)
		return;
	result_num(r, "cache.queries", c->after.cache_queries - c->before.cache_queries);
	result_num(r, "cache.hits", c->after.cache_hits - c->before.cache_hits);
	result_num(r, "cache.misses", c->after.cache_misses - c->before.cache_misses);
	result_num(r, "cache.cpu_s", (double)(c->after.cpu_ns - c->before.cpu_ns) / 1e9);
	if (c->before.worker_cpu_ns && c->after.worker_cpu_ns >= c->before.worker_cpu_ns) {
		result_num(r, "cache.worker_cpu_s", (double)(c->after.worker_cpu_ns - c->before.worker_cpu_ns) / 1e9);
		result_num(r, "cache.worker_sleeps", (double)(c->after.worker_sleeps - c->before.worker_sleeps));
	}
	result_num(r, "cache.rss_bytes", (double)c->after.rss_bytes);
}

static void put_remarks(const struct cell *c, const struct totals *t, struct result *r)
{
	char text[300];

	if (!c->captured) {
		snprintf(text, sizeof text, "capture: %s", c->capture_why);
		result_remark(r, "skip", text);
	}
	if (t->late_p99_ns > 10000000) {
		snprintf(
			text, sizeof text,
			"the load program itself was late (late.all p99 %.1f ms, pod %u the worst "
			"with %.1f ms): the machine was busy with other things, and this cell's "
			"tail is partly theirs",
			(double)t->late_p99_ns / 1e6, t->late_pod + 1,
			(double)t->late_pod_p99_ns / 1e6);
		result_remark(r, "note", text);
	}
	if (c->lab->s->conntrack_max && c->lab->s->conntrack_max != c->after.ct.max) {
		snprintf(text, sizeof text,
			 "the scenario's conntrack max is %llu; the lab had the machine's, %llu: "
			 "the "
			 "kernel takes it from the first network namespace only",
			 (unsigned long long)c->lab->s->conntrack_max,
			 (unsigned long long)c->after.ct.max);
		result_remark(r, "note", text);
	}
}

int record_cell_open(struct result **ret, const struct lab *lab, const struct cell_spec *spec,
		     struct diag *d)
{
	char dir[4200], cell[CELL_NAME_MAX];
	int code;

	cell_spec_str(spec, cell);
	snprintf(dir, sizeof dir, "%s/%s%s", lab->out, spec->empty ? "self-check/" : "", cell);
	code = result_open(ret, dir, "kind-e2e", defs, lab->argc, lab->argv, d);
	if (code)
		return code;
	result_seed(*ret, lab->s->seed);
	result_input(*ret, lab->scenario_path);
	result_label(*ret, LABEL_ENGINE, ENGINE_LAB);
	result_label(*ret, LABEL_SCENARIO, lab->s->name);
	result_label(*ret, LABEL_CELL, cell);
	result_label(*ret, LABEL_PROXY, spec->empty ? "none" : scen_proxy_str(spec->proxy));
	result_label(*ret, LABEL_CACHE, spec->original ? "original" : spec->with_cache ? "on" : "off");
	result_label(*ret, "ip", scen_ip_str(spec->ip));
	return 0;
}

void record_load_numbers(struct result *r, const struct cell *c, const struct totals *t)
{
	put_loads(c, t, r);
	put_sli(c, r);
	put_world(c, r);
	put_lab(c, t, r);
	put_table(c, t, r);
	put_servers(c, t, r);
	put_series(c, r);
	put_remarks(c, t, r);
}

/* Known and skipped ones are remarks: they are neither passed nor failed. */
static void put_finding(struct result *r, const struct finding *f)
{
	char text[700];

	snprintf(text, sizeof text, "%s: %s: %s", f->check->id, f->check->proves, f->words);
	if (f->verdict == VERDICT_SKIPPED || f->verdict == VERDICT_KNOWN) {
		result_remark(r, f->verdict == VERDICT_SKIPPED ? "skip" : "note", text);
		return;
	}
	if (f->verdict == VERDICT_FLAKY)
		result_remark(r, "note", text);
	snprintf(text, sizeof text, "%s: %s", f->check->id, f->check->proves);
	result_check(r, text, f->verdict != VERDICT_FAILED, f->words);
}

int record_cell_close(struct result *r, const struct findings *f, struct diag *d)
{
	result_label(r, "verdict", verdict_str(findings_verdict(f)));
	result_num(r, "run.wall_s", f->took_s);
	if (f->skipped[0])
		result_remark(r, "skip", f->skipped);
	if (f->broke[0])
		result_check(r, "the cell ran to its end", false, f->broke);
	for (unsigned i = 0; i < f->n; i++)
		put_finding(r, &f->f[i]);
	return result_close(r, d);
}
