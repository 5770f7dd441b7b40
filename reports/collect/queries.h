/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running cluster is asked, in PromQL, one row a number. Any CoreDNS answers them:
 * node-cache, NodeLocal DNSCache (so GKE's), AKS LocalDNS, a plain one. A server with the plugin
 * `kubernetes` is cluster DNS, one without it a cache; who knows better names them by selectors.
 *
 * In a row's text stand for series of the caches or of the cluster DNS
 *	$cache(FUNCTION,METRIC,MATCHERS)   $dns(FUNCTION,METRIC,MATCHERS)
 * over the range, or for `rate` over a window within it; for texts $R the range, $S the step of a subquery.
 */
#ifndef NODENS_REPORTS_QUERIES_H
#define NODENS_REPORTS_QUERIES_H

#include "lib/base/err.h"
#include "lib/record/result.h"

struct query_scope {
	const char *cache, *dns; /* label matchers without braces, or NULL: told apart by the plugin */
	const char *node;        /* of node_exporter; "" is all */
	uint64_t range_s;        /* 60 and more */
};

struct query_value {
	struct metric_def metric; /* name, unit, merge rule, help */
	const char *promql;       /* its first sample counts */
};
struct query_hist { /* buckets: _bucket series with le */
	const char *name, *promql;
	struct metric_def metric;
};
struct query_table { /* a number for each value of a label */
	const char *name, *label, *promql;
};
extern const struct query_value query_values[]; /* each ends with a row of NULL */
extern const struct query_hist query_hists[];
extern const struct query_table query_tables[];

/* PromQL with all $ put in (caller frees), or NULL without memory. */
char *query_text(const char *row, const struct query_scope *s);

#endif
