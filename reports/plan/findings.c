/* SPDX-License-Identifier: Apache-2.0 */
/* Figures to sentences, and to the record "plan". */
#include "reports/plan/findings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/metrics_common.h"
#include "lib/record/result.h"
#include "lib/record/table.h"

double plan_replicas(double queries_per_s)
{
	return fmax(2, ceil(queries_per_s * BACKEND_CPU_S / BUSY_WANTED));
}

static double busy(const struct plan_found *p, double queries_per_s)
{
	return queries_per_s * BACKEND_CPU_S / p->in.number[PN_REPLICAS];
}

/* The simulation's servers are never busy: where these would be, its latencies are not theirs. */
#define BUSY_TOO_MUCH 0.9

/* Time with three digits. */
static const char *ns(double v, char buf[24])
{
	if (isnan(v))
		snprintf(buf, 24, "-");
	else if (v < 1e6)
		snprintf(buf, 24, "%.3g us", v / 1e3);
	else
		snprintf(buf, 24, v < 1e9 ? "%.3g ms" : "%.3g s", v / (v < 1e9 ? 1e6 : 1e9));
	return buf;
}

static void put_inputs(const struct plan_found *p, FILE *out)
{
	fputs("answers\n", out);
	for (int i = 0; i < PN_COUNT; i++)
		fprintf(out, "  %-48s %10.6g  %s\n", plan_numbers[i].words, p->in.number[i], p->in.from[i]);
	for (int i = 0; i < PW_COUNT; i++)
		fprintf(out, "  %-48s %10s  %s\n", plan_words[i].words, p->in.word[i], p->in.word_from[i]);
	fprintf(out, "simulated: %u of %.0f nodes, %g s after %g s of warm-up: about %.2g lookups\n\n", p->share.nodes,
		p->in.number[PN_NODES], p->share.load_s, p->share.warmup_s,
		p->share.nodes * p->in.number[PN_PODS] * p->in.number[PN_RATE] * p->share.load_s);
}

static void put_figures(const struct plan_found *p, FILE *out)
{
	const double *f = p->f;
	char a[24], b[24];
	fprintf(out, "%-48s %12s %12s\n", "", "no cache", "cache");
	fprintf(out, "%-48s %12s %12s\n", "half of all lookups within", ns(f[PF_P50_OFF], a), ns(f[PF_P50_ON], b));
	fprintf(out, "%-48s %12s %12s\n", "99 of 100 lookups within", ns(f[PF_P99_OFF], a), ns(f[PF_P99_ON], b));
	fprintf(out, "%-48s %12s %12s\n", "999 of 1,000 lookups within", ns(f[PF_P999_OFF], a), ns(f[PF_P999_ON], b));
	fprintf(out, "%-48s %11.3g%% %11.3g%%\n", "lookups lost", 100 * f[PF_LOST_OFF], 100 * f[PF_LOST_ON]);
	fprintf(out, "%-48s %12.4g %12.4g\n", "questions a second that reach cluster DNS", f[PF_UP_OFF], f[PF_UP_ON]);
	fprintf(out, "%-48s %11.3g%% %11.3g%%\n", "of its processors that keeps busy", 100 * busy(p, f[PF_UP_OFF]), 100 * busy(p, f[PF_UP_ON]));
	fprintf(out, "%-48s %12.0f %12.0f\n", "cluster-DNS servers, half busy at most", plan_replicas(f[PF_UP_OFF]), plan_replicas(f[PF_UP_ON]));
	fprintf(out, "%-48s %12.4g %12.4g\n", "connection-table entries of a node's DNS, peak", p->count_peak[0], p->count_peak[1]);
	fprintf(out, "%-48s %12.0f %12.0f\n", "nf_conntrack_max that DNS alone asks for", p->max_advised[0], p->max_advised[1]);
	fprintf(out, "%-48s %12s %11.3g%%\n", "questions answered from memory", "-", 100 * f[PF_HITS]);
	fprintf(out, "%-48s %12s %12.2g\n\n", "cores that a node's cache takes", "-", f[PF_CPU]);
}

/* How much a figure moved, as a ratio of 1 and more; 1 when it cannot be said. */
static double moved(const struct plan_variant *v, int figure)
{
	double a = v->base[figure], b = v->f[figure];
	if (!(a > 0) || !(b > 0))
		return 1;
	return a > b ? a / b : b / a;
}

/* The variant that moves the figure most; NULL: none moves it by a twentieth. */
static const struct plan_variant *strongest(const struct plan_found *p, int figure)
{
	const struct plan_variant *best = NULL;
	for (size_t i = 0; i < p->n_variants; i++)
		if (moved(&p->variant[i], figure) > (best ? moved(best, figure) : 1.05))
			best = &p->variant[i];
	return best;
}

static void put_strongest(const struct plan_found *p, int figure, const char *words, FILE *out)
{
	const struct plan_variant *v = strongest(p, figure);
	if (!v)
		fprintf(out, "- No answer changes %s by more than a twentieth.\n", words);
	else if (isnan(v->value))
		fprintf(out, "- What matters most to %s: %s makes it %.2g times what it is.\n", words, v->what, v->f[figure] / v->base[figure]);
	else
		fprintf(out, "- What matters most to %s: %s; %g makes it %.2g times what it is.\n", words, v->what, v->value,
			v->f[figure] / v->base[figure]);
}

/* Of the slowest lookup in a hundred and of the load, each with a cache as a share of what it is without. */
static const char *verdict(double p99, double load)
{
	static const char *const words[3][2] = {
		{ "makes lookups quicker, and spares cluster DNS little", "pays" },
		{ "changes little here", "spares cluster DNS, and changes little for slow lookups" },
		{ "does harm here", "spares cluster DNS, and makes slow lookups slower" },
	};
	return words[p99 < 0.9 ? 0 : p99 > 1.1 ? 2 : 1][load < 0.5];
}

static void put_advice(const struct plan_found *p, FILE *out)
{
	const double *f = p->f;
	double have = p->in.number[PN_REPLICAS], want[2] = { plan_replicas(f[PF_UP_OFF]), plan_replicas(f[PF_UP_ON]) };
	char a[24], b[24];
	fprintf(out, "- A cache on each node %s: 99 of 100 lookups within %s instead of %s, %.2g times the questions at cluster DNS.\n",
		verdict(f[PF_P99_ON] / f[PF_P99_OFF], f[PF_UP_ON] / f[PF_UP_OFF]), ns(f[PF_P99_ON], b), ns(f[PF_P99_OFF], a), f[PF_UP_ON] / f[PF_UP_OFF]);
	fprintf(out, "- Cluster DNS: %.0f servers%s are enough with the cache, %.0f without.\n", want[1],
		have < want[1] ? " (more than there are)" : "", want[0]);
	for (int on = 0; on < 2; on++)
		if (busy(p, f[PF_UP_OFF + on]) >= BUSY_TOO_MUCH)
			fprintf(out, "- %s the cache the %.0f server%s there %s would be %.0f%% busy: more come than they answer, and the latencies above are those of enough servers.\n",
				on ? "With" : "Without", have, have == 1 ? "" : "s", have == 1 ? "is" : "are", 100 * busy(p, f[PF_UP_OFF + on]));
	if (!isnan(p->max_advised[0]))
		fprintf(out, "- nf_conntrack_max: what other traffic needs, and %.0f for DNS%s without the cache, %.0f with it.\n", p->max_advised[0],
			p->captured ? " as captured" : "", p->max_advised[1]);
	if (!p->n_variants)
		return;
	put_strongest(p, PF_UP_ON, "the load on cluster DNS", out);
	put_strongest(p, PF_P99_ON, "the slowest lookup in a hundred", out);
	put_strongest(p, PF_CT_OFF, "the entries without the cache", out);
}

void plan_text(const struct plan_found *p, FILE *out)
{
	put_inputs(p, out);
	put_figures(p, out);
	put_advice(p, out);
	if (!p->n_variants)
		return;
	fprintf(out, "\n%-58s %10s %10s %10s\n", "with another answer, times what it is", "load", "p99", "entries");
	for (size_t i = 0; i < p->n_variants; i++) {
		const struct plan_variant *v = &p->variant[i];
		char what[128];
		snprintf(what, sizeof(what), isnan(v->value) ? "%s" : "%s: %g", v->what, v->value);
		fprintf(out, "%-58s %10.3g %10.3g %10.3g\n", what, v->f[PF_UP_ON] / v->base[PF_UP_ON], v->f[PF_P99_ON] / v->base[PF_P99_ON],
			v->f[PF_CT_OFF] / v->base[PF_CT_OFF]);
	}
}

static void put_advice_remarks(const struct plan_found *p, struct result *r)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	if (!f)
		return;
	put_advice(p, f);
	if (!fclose(f))
		for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;)
			result_remark(r, "note", line + 2);
	free(text);
}

static void put_tables(const struct plan_found *p, struct result *r)
{
	static const char *const inputs[] = { TABLE_WHAT, "value", NULL };
	static const char *const varied[] = { TABLE_WHAT, "value", "load_ratio", "p99_ratio", "entries_ratio", NULL };
	struct table t;
	char what[TABLE_WHAT_MAX];
	double none = NAN;
	table_init(&t, inputs);
	for (int i = 0; i < PN_COUNT; i++) {
		snprintf(what, sizeof(what), "%s (%s)", plan_numbers[i].words, p->in.from[i]);
		table_add(&t, what, &p->in.number[i]);
	}
	for (int i = 0; i < PW_COUNT; i++) {
		snprintf(what, sizeof(what), "%s: %s (%s)", plan_words[i].words, p->in.word[i], p->in.word_from[i]);
		table_add(&t, what, &none);
	}
	result_table(r, PLAN_INPUTS, &t);
	table_release(&t);
	table_init(&t, varied);
	for (size_t i = 0; i < p->n_variants; i++) {
		const struct plan_variant *v = &p->variant[i];
		double row[] = { v->value, v->f[PF_UP_ON] / v->base[PF_UP_ON], v->f[PF_P99_ON] / v->base[PF_P99_ON],
				 v->f[PF_CT_OFF] / v->base[PF_CT_OFF] };
		table_add(&t, v->what, row);
	}
	result_table(r, PLAN_SENSITIVITY, &t);
	table_release(&t);
}

#define METRIC_DEF(id, name) { "plan." name, "1", MERGE_SAME, "a figure of the plan; its unit is in its name" },
static const struct metric_def metrics[] = {
	PLAN_FIGURES(METRIC_DEF)
	{ "plan.servers_without", "servers", MERGE_SAME, "cluster-DNS servers, half busy at most" },
	{ "plan.servers_with", "servers", MERGE_SAME, "the same with the cache" },
	{ "plan.conntrack_max_without", "entries", MERGE_SAME, "nf_conntrack_max that DNS alone asks for" },
	{ "plan.conntrack_max_with", "entries", MERGE_SAME, "the same with the cache" },
	{ 0 },
};

int plan_record(const struct plan_work *w, const struct plan_found *p, int argc, char **argv, struct diag *d)
{
	char dir[4200];
	struct result *r;
	snprintf(dir, sizeof(dir), "%s/plan", w->dir);
	int rc = result_open(&r, dir, "capacity-report", metrics, argc, argv, d);
	if (rc)
		return rc;
	result_seed(r, w->seed);
	result_label(r, LABEL_ENGINE, ENGINE_PLAN);
	result_label(r, LABEL_SCENARIO, "plan");
	for (int i = 0; i < PF_COUNT; i++)
		if (isfinite(p->f[i]))
			result_num(r, metrics[i].name, p->f[i]);
	if (isfinite(p->f[PF_UP_OFF]) && isfinite(p->f[PF_UP_ON])) {
		result_num(r, "plan.servers_without", plan_replicas(p->f[PF_UP_OFF]));
		result_num(r, "plan.servers_with", plan_replicas(p->f[PF_UP_ON]));
	}
	for (int on = 0; on < 2; on++)
		if (isfinite(p->max_advised[on]))
			result_num(r, on ? "plan.conntrack_max_with" : "plan.conntrack_max_without", p->max_advised[on]);
	put_advice_remarks(p, r);
	put_tables(p, r);
	return result_close(r, d);
}
