/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See numbers.h.
 */
#include "sim/answer/numbers.h"

#include <math.h>
#include <string.h>

#include "sim/world/replica.h"

double numbers_quantile(const struct hist *h, double q)
{
	double want = q * (double)h->n, before = 0;

	if (!h->n)
		return 0;
	for (unsigned i = hist_index(h->min); i < HIST_BUCKETS; i++) {
		double n = (double)h->count[i];
		if (n > 0 && before + n >= want) {
			uint64_t low, high;
			hist_bounds(i, &low, &high);
			double at = (double)low + (want - before) / n * (double)(high + 1 - low);
			return at > (double)h->max ? (double)h->max : at;
		}
		before += n;
	}
	return (double)h->max;
}

void numbers_latency(const struct sim_result *r, struct hist *ret)
{
	hist_init(ret);
	for (size_t i = 0; i < SCEN_LOADS_MAX; i++)
		hist_merge(ret, &r->latency[i]);
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

/* Processor time used of what there was, under a limit or without. */
static double utilisation(const struct sim_result *r, const struct scenario *s)
{
	return r->replica_ns ? (double)r->replica_used_ns / ((double)r->replica_ns * replica_cores(s)) : 0;
}

void numbers_of(struct numbers *ret, const struct sim_result *r, const struct scenario *s)
{
	struct hist all;
	double nodes = (double)s->n_nodes / (double)r->n_nodes;
	double span_s = (double)(s->warmup_ns + s->duration_ns) / 1e9;

	numbers_latency(r, &all);
	*ret = (struct numbers){
		.mean_ns = hist_mean(&all),
		.p50_ns = numbers_quantile(&all, 0.5),
		.p90_ns = numbers_quantile(&all, 0.9),
		.p99_ns = numbers_quantile(&all, 0.99),
		.p999_ns = numbers_quantile(&all, 0.999),
		.p9999_ns = numbers_quantile(&all, 0.9999),
		.lost_share = share(r->lost, r->total),
		.per_lookup = share(r->queries, r->total + r->warmup),
		.retried_share = share(r->retried, r->queries),
		.upstream_qps = (double)r->upstream_total * nodes / span_s,
		.hit_ratio = share(r->cache_hits, r->cache_hits + r->cache_misses),
		.entries = (double)r->ct_count_peak,
		.utilisation = utilisation(r, s),
	};
}

/* 97.5 % of Student's t lie below. */
static double student(unsigned degrees)
{
	static const double t[] = {0,	  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
				   2.201, 2.179,  2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086};
	size_t n = sizeof(t) / sizeof(t[0]);

	return degrees < n ? t[degrees] : 1.960 + 2.4 / degrees;
}

struct interval numbers_interval(const struct numbers *rep, unsigned n, size_t i)
{
	double sum = 0, squares = 0;

	for (unsigned k = 0; k < n; k++)
		sum += ((const double *)&rep[k])[i];
	double mean = n ? sum / n : 0;
	for (unsigned k = 0; k < n; k++) {
		double off = ((const double *)&rep[k])[i] - mean;
		squares += off * off;
	}
	double half = n > 1 ? student(n - 1) * sqrt(squares / (n - 1) / n) : 0;
	return (struct interval){mean, mean > half ? mean - half : 0, mean + half};
}

#define NUMBERS_NAME(field, metric, unit, help) metric,
static const char *const metrics[] = {NUMBERS(NUMBERS_NAME)};

const char *numbers_metric(size_t i)
{
	return metrics[i];
}

size_t numbers_find(const char *metric)
{
	for (size_t i = 0; i < NUMBERS_N; i++) {
		const char *last = strrchr(metrics[i], '.');
		if (strcmp(metrics[i], metric) == 0 || strcmp(last + 1, metric) == 0)
			return i;
	}
	return SIZE_MAX;
}
