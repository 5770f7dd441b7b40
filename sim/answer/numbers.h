/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one replication says, as numbers that can be averaged; and how sure several make us:
 * 95 % intervals of the mean by Student's t over replications.
 */
#ifndef NODENS_SIM_NUMBERS_H
#define NODENS_SIM_NUMBERS_H

#include "lib/record/result.h"
#include "sim/world/sim.h"

/* X(field, metric, unit, help): each gives the metric, and METRIC.low and METRIC.high. */
#define NUMBERS(X)                                                                                       \
	X(mean_ns, "latency.all.mean", "ns", "mean of a lookup")                                         \
	X(p50_ns, "latency.all.p50", "ns", "half of the lookups take no longer")                         \
	X(p90_ns, "latency.all.p90", "ns", "nine in ten")                                                \
	X(p99_ns, "latency.all.p99", "ns", "99 in 100")                                                  \
	X(p999_ns, "latency.all.p999", "ns", "999 in 1,000")                                             \
	X(p9999_ns, "latency.all.p9999", "ns", "9,999 in 10,000")                                        \
	X(lost_share, "lookups.lost_share", "1", "of all lookups, those given up")                       \
	X(per_lookup, "queries.per_lookup", "queries", "DNS questions a lookup, repeats included")       \
	X(retried_share, "queries.retried_share", "1", "of the pods' questions, repeats")                \
	X(upstream_qps, "upstream.rate", "queries/s", "questions a second at the cluster DNS")           \
	X(hit_ratio, "cache.hit_ratio", "1", "of the cache's questions, answered from memory")           \
	X(entries, "conntrack.node_peak", "entries", "most entries of any node at once, dead ones included") \
	X(utilisation, "replica.utilisation", "1", "of the replicas' processors (or of their limit)")

#define NUMBERS_FIELD(field, metric, unit, help) double field;
struct numbers {
	NUMBERS(NUMBERS_FIELD)
};
#define NUMBERS_N (sizeof(struct numbers) / sizeof(double))

void numbers_of(struct numbers *ret, const struct sim_result *r, const struct scenario *s);

struct interval {
	double mean, low, high;
};
/* Of the i-th number over n replications; low and high are the mean when n is 1. */
struct interval numbers_interval(const struct numbers *rep, unsigned n, size_t i);
/* A name of ours ("p99") to its index; SIZE_MAX: none such. */
size_t numbers_find(const char *metric);
const char *numbers_metric(size_t i);

/* Linear within the bucket that holds it: hist_quantile names the bucket's upper edge. */
double numbers_quantile(const struct hist *h, double q);
void numbers_latency(const struct sim_result *r, struct hist *ret); /* of all loads */

#endif
