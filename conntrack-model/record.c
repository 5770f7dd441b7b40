/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prediction as a result record. All that is in the stream is taken for pods' DNS, or
 * for the node's own where the stream was taken between node and backends.
 */
#include <string.h>

#include "conntrack-model/predict.h"
#include "lib/record/metrics_common.h"
#include "lib/record/result.h"
#include "lib/record/table.h"

static const struct metric_def defs[] = {
	METRICS_COMMON,
	{"model.count_peak", "entries", MERGE_MAX,
	 "peak of nf_conntrack_count, dead entries included"},
	{"model.count_mean", "entries", MERGE_MAX, "its mean over the samples"},
	{"model.live_mean", "entries", MERGE_MAX,
	 "mean of the entries whose timeout has not passed"},
	{"model.count_peak_unlimited", "entries", MERGE_MAX, "the peak had there been no limit"},
	{"model.max", "entries", MERGE_SAME, "nf_conntrack_max assumed; 0: none"},
	{"model.buckets", "buckets", MERGE_SAME, "nf_conntrack_buckets assumed"},
	{"model.max_advised", "entries", MERGE_MAX, "nf_conntrack_max to set"},
	{"model.buckets_advised", "buckets", MERGE_MAX, "nf_conntrack_buckets to set"},
	{"model.full_at_s", "s", MERGE_MIN, "when the first packet found the table full"},
	{"model.closed_mean", "entries", MERGE_MAX, "steady mean count by formula"},
	{"model.closed_peak", "entries", MERGE_MAX, "steady peak of the count by formula"},
	{"model.ipvs_peak", "connections", MERGE_MAX, "peak of IPVS's own table"},
	{"model.bytes_peak", "bytes", MERGE_MAX, "kernel memory at the peak, hash included"},
	{"model.queries", "queries", MERGE_SUM, "queries or connections that met the table"},
	{"model.queries_lost", "queries", MERGE_SUM, "of these, dropped by it"},
	{"model.gc_sweeps", "sweeps", MERGE_SUM, "passes of the gc worker"},
	{"model.gc_period_s", "s", MERGE_MAX, "between the starts of the last two passes"},
	{"model.expired_by_gc", "entries", MERGE_SUM, "dead entries the gc worker freed"},
	{"model.expired_by_lookup", "entries", MERGE_SUM,
	 "dead entries freed by look-ups in their bucket"},
	{"endpoints.dead", "queries", MERGE_SUM, "queries and opens sent to a backend that had died"},
	{"endpoints.answered", "queries", MERGE_SUM, "of these, answered at a further try"},
	{"endpoints.failed", "queries", MERGE_SUM, "of these, never answered"},
	{"endpoints.refused", "queries", MERGE_SUM, "sent when no backend was left"},
	{"endpoints.waited_s", "s", MERGE_SUM, "what clients waited for the answers of the dead, all together"},
	{"endpoints.stale_end", "entries", MERGE_SUM, "live entries that lead to the dead at the end"},
	{"kube_proxy.dumps", "dumps", MERGE_SUM, "dumps of the table by kube-proxy"},
	{"kube_proxy.dumped", "entries", MERGE_SUM, "entries they went over"},
	{"kube_proxy.freed", "entries", MERGE_SUM, "dead entries they freed, as a gc would"},
	{"kube_proxy.flushed", "entries", MERGE_SUM, "stale entries it took out"},
	{"watch.span_s", "s", MERGE_SUM, "how long the live table was watched"},
	{"watch.cpu_s", "s", MERGE_SUM, "processor time that the watching took"},
	{"watch.events", "events", MERGE_SUM, "what the kernel told of entries"},
	{"watch.lost_reads", "reads", MERGE_SUM, "reads at which it said that it had thrown events away"},
	{"watch.flows", "flows", MERGE_SUM, "entries made while watched"},
	{"watch.flows_dns", "flows", MERGE_SUM, "of these, to port 53"},
	{"watch.flows_gone", "flows", MERGE_SUM, "of these, freed while watched"},
	{"watch.older", "entries", MERGE_MAX, "entries that stood before and at the end of the watch"},
	{"watch.older_evictable", "entries", MERGE_MAX, "of these, those that a full table evicts for new flows; none: not known"},
	{"watch.untold", "entries", MERGE_SUM, "entries at the end, made while watched, of which the kernel did not tell"},
	{"watch.count_first", "entries", MERGE_MAX, "nf_conntrack_count when the watch began"},
	{"watch.count_last", "entries", MERGE_MAX, "and when it ended"},
	{"watch.count_peak", "entries", MERGE_MAX, "and at its highest"},
	{"watch.drop", "packets", MERGE_SUM, "dropped while watched"},
	{"watch.early_drop", "entries", MERGE_SUM, "thrown out early while watched"},
	{"watch.insert_failed", "packets", MERGE_SUM, "lost a race while watched"},
	{"watch.clash_resolve", "packets", MERGE_SUM, "races that ended well while watched"},
	{"watch.known_peak", "entries", MERGE_MAX, "made while watched and not gone, most at once: the kernel's"},
	{"watch.known_mean", "entries", MERGE_MAX, "their mean over the samples"},
	{"watch.model_peak", "entries", MERGE_MAX, "the same as the model makes them of the same packets"},
	{"watch.model_mean", "entries", MERGE_MAX, "likewise"},
	{"watch.repeated", "1", MERGE_MAX, "how often the watched time was taken for the prediction"},
	{0},
};

static void put_common(struct result *r, const struct prediction *p, bool upstream)
{
	const struct walk *w = &p->walk;
	const struct ct_counters *s = &w->stats;

	if (upstream) {
		result_num(r, "conntrack.upstream_peak", (double)p->track->peak);
		result_num(r, "conntrack.upstream_live_peak", p->range.live_max);
	} else {
		result_num(r, "conntrack.peak", (double)p->track->peak);
		result_num(r, "conntrack.live_peak", p->range.live_max);
		result_num(r, "conntrack.final",
			   p->track->n_rows ? (double)p->track->row[p->track->n_rows - 1].live : 0);
		result_num(r, "conntrack.created", (double)s->new_flows);
	}
	result_num(r, "conntrack.insert_failed", (double)s->insert_failed);
	result_num(r, "conntrack.drop", (double)s->table_full);
	result_num(r, "conntrack.early_drop", (double)s->early_drop);
	if (w->n_untracked) {
		result_num(r, "notrack.packets_in",
			   (double)(w->n_untracked - w->n_untracked_replies));
		result_num(r, "notrack.packets_out", (double)w->n_untracked_replies);
	}
}

static void put_model(struct result *r, const struct prediction *p, const struct ct_conf *t)
{
	const struct walk *w = &p->walk;

	result_num(r, "model.count_peak", (double)p->track->peak);
	result_num(r, "model.count_mean", p->range.mean);
	result_num(r, "model.live_mean", p->range.live_mean);
	result_num(r, "model.count_peak_unlimited", (double)p->peak_free);
	result_num(r, "model.max", (double)t->max);
	result_num(r, "model.buckets", t->buckets);
	result_num(r, "model.max_advised", (double)p->settings.max);
	result_num(r, "model.buckets_advised", p->settings.buckets);
	if (p->track->full_at_s >= 0)
		result_num(r, "model.full_at_s", p->track->full_at_s);
	if (p->closed.period_s > 0) {
		result_num(r, "model.closed_mean", p->closed.mean);
		result_num(r, "model.closed_peak", p->closed.max);
	}
	if (p->ipvs_peak)
		result_num(r, "model.ipvs_peak", (double)p->ipvs_peak);
	result_num(r, "model.bytes_peak", (double)p->bytes_peak);
	result_num(r, "model.queries", (double)p->track->n_queries);
	result_num(r, "model.queries_lost", (double)p->track->n_lost);
	result_num(r, "model.gc_sweeps", (double)w->stats.gc_sweeps);
	result_num(r, "model.gc_period_s", w->gc_period_s);
	result_num(r, "model.expired_by_gc", (double)w->stats.expired_gc);
	result_num(r, "model.expired_by_lookup", (double)w->stats.expired_lookup);
}

static void put_endpoints(struct result *r, const struct walk *w, const struct endpoints_conf *c)
{
	const struct endpoints_told *t = &w->endpoints;

	if (c->n_changes) {
		result_num(r, "endpoints.dead", (double)t->n_dead);
		result_num(r, "endpoints.answered", (double)t->n_answered);
		result_num(r, "endpoints.failed", (double)t->n_failed);
		result_num(r, "endpoints.refused", (double)t->n_refused);
		result_num(r, "endpoints.waited_s", t->waited_s);
		result_num(r, "endpoints.stale_end", (double)t->n_stale_end);
	}
	if (c->version) {
		result_num(r, "kube_proxy.dumps", (double)t->n_dumps);
		result_num(r, "kube_proxy.dumped", (double)t->n_dumped);
		result_num(r, "kube_proxy.freed", (double)w->stats.expired_dump);
		result_num(r, "kube_proxy.flushed", (double)t->n_flushed);
	}
}

static void put_series(struct result *r, const struct walk_track *w, bool upstream)
{
	const char *columns[] = {SERIES_T_S,
				 upstream ? SERIES_CT_UPSTREAM : SERIES_CT_CLIENT,
				 SERIES_CT_LIVE,
				 "assured_entries",
				 "early_drop",
				 "drop",
				 NULL};

	result_columns(r, columns);
	for (size_t i = 0; i < w->n_rows; i++) {
		const struct walk_row *o = &w->row[i];
		double v[] = {o->t_s,
			      (double)o->count,
			      (double)o->live,
			      (double)o->assured,
			      (double)o->early_drop,
			      (double)o->drop};
		result_row(r, v);
	}
}

static void put_growth(struct result *r, const struct prediction *p, const struct predict_conf *c)
{
	static const char *const columns[] = {"udp_timeout_s", "growth", "peak_entries", "bytes", NULL};
	struct table t;
	int rc = 0;

	table_init(&t, columns);
	for (size_t i = 0; i < SENSITIVITY_TIMEOUTS; i++)
		for (size_t k = 0; k < SENSITIVITY_GROWTHS; k++) {
			uint64_t peak = p->sensitivity[i][k];
			double v[] = {sensitivity_timeout_s[i], sensitivity_growth[k], (double)peak,
				      (double)ctable_bytes(peak, c->walk.table.buckets)};
			rc = rc ? rc : table_add(&t, NULL, v);
		}
	if (rc == 0)
		result_table(r, "conntrack_growth", &t);
	table_release(&t);
}

static void put_what_if(struct result *r, const struct prediction *p)
{
	static const char *const columns[] = {TABLE_WHAT, "peak_entries", "peak_unlimited_entries", "lost_share",
					      "early_drop_entries", "bytes", NULL};
	struct table t;
	char what[TABLE_WHAT_MAX];
	int rc = 0;

	table_init(&t, columns);
	for (size_t i = 0; i < p->n_variants; i++) {
		const struct variant_result *v = &p->variant[i];
		double row[] = {(double)v->peak, (double)v->peak_free, v->lost_share, (double)v->early_drop,
				(double)v->bytes_peak};
		snprintf(what, sizeof(what), "%.60s: %.130s", v->name, v->means);
		rc = rc ? rc : table_add(&t, what, row);
	}
	if (rc == 0)
		result_table(r, "conntrack_what_if", &t);
	table_release(&t);
}

static int put_labels(struct result *r, const struct opt_list *labels, struct diag *d)
{
	char key[64];

	result_label(r, LABEL_ENGINE, ENGINE_MODEL);
	for (size_t i = 0; labels && i < labels->n; i++) {
		const char *eq = strchr(labels->item[i], '=');
		if (!eq || eq == labels->item[i] || (size_t)(eq - labels->item[i]) >= sizeof(key))
			return diag_set(d, ERR_SYNTAX, "label '%s': expected KEY=VALUE",
					labels->item[i]);
		memcpy(key, labels->item[i], (size_t)(eq - labels->item[i]));
		key[eq - labels->item[i]] = 0;
		result_label(r, key, eq + 1);
	}
	return 0;
}

int predict_write(const struct prediction *p, const struct predict_conf *c,
		  const struct predict_source *src, const char *dir, struct diag *d)
{
	struct result *r;
	int rc = result_open(&r, dir, "conntrack-model", defs, src->argc, src->argv, d);

	if (rc < 0)
		return rc;
	rc = put_labels(r, src->labels, d);
	if (rc < 0) {
		result_abandon(r);
		return rc;
	}
	result_seed(r, c->walk.table.seed);
	if (src->qs_path && strcmp(src->qs_path, "-") != 0)
		result_input(r, src->qs_path);
	put_common(r, p, c->upstream);
	put_model(r, p, &c->walk.table);
	put_endpoints(r, &p->walk, &c->walk.endpoints);
	put_series(r, p->track, c->upstream);
	if (c->sensitivity)
		put_growth(r, p, c);
	if (c->what_if)
		put_what_if(r, p);
	if (src->more)
		src->more(r, src->more_arg);
	if (p->track->n_lost)
		result_remark(r, "note", "the table would have been full: queries were dropped");
	return result_close(r, d);
}
