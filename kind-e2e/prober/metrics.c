/* SPDX-License-Identifier: Apache-2.0 */
/* Names and buckets are an interface: resolver/deploy/monitoring/sli.yaml and dashboards rest on them. */
#include "kind-e2e/prober/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/opt.h"
#include "lib/record/metrics_common.h"
#include "lib/record/result.h"

static const char *const result_word[TARGET_RESULTS] = {"answered", "timeout", "error"};
/* CoreDNS' own, so that both lie on one axis, and the time-out. */
static const double edge_s[] = {0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 5};
#define N_EDGES (sizeof edge_s / sizeof edge_s[0])

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_labels(const struct target *t, FILE *out)
{
	fprintf(out, "{target=\"%s\",server=\"%s\"", t->word, t->server);
}

static void put_durations(const struct target *t, FILE *out)
{
	static const char name[] = "nodens_sli_lookup_duration_seconds";
	uint64_t below = 0, low, high;
	unsigned at = 0;

	for (size_t i = 0; i < N_EDGES; i++) {
		for (; at < HIST_BUCKETS && (hist_bounds(at, &low, &high), (double)high <= edge_s[i] * 1e9); at++)
			below += t->took.count[at];
		/* the time-out itself lies in a bucket that reaches past the edge */
		fprintf(out, "%s_bucket", name);
		put_labels(t, out);
		fprintf(out, ",le=\"%g\"} %" PRIu64 "\n", edge_s[i], i == N_EDGES - 1 ? t->took.n : below);
	}
	fprintf(out, "%s_bucket", name);
	put_labels(t, out);
	fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n%s_sum", t->took.n, name);
	put_labels(t, out);
	fprintf(out, "} %.9f\n%s_count", t->took.sum / 1e9, name);
	put_labels(t, out);
	fprintf(out, "} %" PRIu64 "\n", t->took.n);
}

/* One number a target. */
static void put_each(const struct target *t, unsigned n, FILE *out, const char *name, const char *type, const char *help,
		     double (*value)(const struct target *t))
{
	put_head(out, name, type, help);
	for (unsigned i = 0; i < n; i++) {
		fputs(name, out);
		put_labels(&t[i], out);
		fprintf(out, "} %.9g\n", value(&t[i]));
	}
}

static double p99_s(const struct target *t)
{
	return (double)sli_p99_ns(&t->sli) / 1e9;
}

static double lost(const struct target *t)
{
	return sli_lost_share(&t->sli);
}

static double window(const struct target *t)
{
	return t->sli.n;
}

static double late(const struct target *t)
{
	return (double)t->late;
}

char *prober_page(const struct target *t, unsigned n, uint64_t refused)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	put_head(out, "nodens_sli_lookups_total", "counter", "Lookups that ended, by how.");
	for (unsigned i = 0; i < n; i++)
		for (int r = 0; r < TARGET_RESULTS; r++) {
			fputs("nodens_sli_lookups_total", out);
			put_labels(&t[i], out);
			fprintf(out, ",result=\"%s\"} %" PRIu64 "\n", result_word[r], t[i].result[r]);
		}
	put_head(out, "nodens_sli_lookup_duration_seconds", "histogram", "From when a lookup was due to its right answer; a lost one counts 5 s.");
	for (unsigned i = 0; i < n; i++)
		put_durations(&t[i], out);
	put_each(t, n, out, "nodens_sli_latency_p99_seconds", "gauge", "99th percentile of the last five minutes: the SLI of this prober.", p99_s);
	put_each(t, n, out, "nodens_sli_lost_ratio", "gauge", "Share of the last five minutes' lookups without a right answer within 5 s.", lost);
	put_each(t, n, out, "nodens_sli_window_lookups", "gauge", "Lookups that these two are made of, 300 when five minutes are full.", window);
	put_each(t, n, out, "nodens_sli_late_total", "counter", "Lookups that the prober itself began more than 0.1 s late.", late);
	put_head(out, "nodens_sli_http_refused_total", "counter", "Connections to this page that found no place or took too long.");
	fprintf(out, "nodens_sli_http_refused_total %" PRIu64 "\n", refused);
	put_head(out, "nodens_sli_build_info", "gauge", "Always 1.");
	fprintf(out, "nodens_sli_build_info{version=\"%s\"} 1\n", opt_version());
	return fclose(out) ? NULL : text;
}

static const struct metric_def defs[] = {
	METRICS_COMMON,
	{"sli_took.*", "ns", MERGE_SUM, "histogram: a prober's lookups; lost ones as 5 s"},
	{0},
};

int prober_record(const struct target *t, unsigned n, const char *dir, int argc, char **argv, struct diag *d)
{
	struct result *r;
	int rc = result_open(&r, dir, "kind-e2e", defs, argc, argv, d);

	if (rc)
		return rc;
	result_label(r, LABEL_ENGINE, ENGINE_CLUSTER);
	result_label(r, LABEL_SCENARIO, "prober");
	result_label(r, LABEL_CELL, "prober");
	result_num(r, "sli.probers", 1);
	for (unsigned i = 0; i < n; i++) {
		char name[64];
		snprintf(name, sizeof name, "sli.%s.p99", t[i].word);
		result_num(r, name, (double)sli_p99_ns(&t[i].sli));
		snprintf(name, sizeof name, "sli.%s.lost_share", t[i].word);
		result_num(r, name, t[i].took.n ? (double)(t[i].took.n - t[i].result[TARGET_ANSWERED]) / (double)t[i].took.n : 0);
		snprintf(name, sizeof name, "sli_took.%s", t[i].word);
		result_hist(r, name, &t[i].took);
	}
	return result_close(r, d);
}
