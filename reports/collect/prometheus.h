/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Prometheus server that is asked PromQL (its HTTP API, /api/v1/query). Whatever speaks that API
 * will do: Thanos, Mimir, VictoriaMetrics, a cloud's managed one.
 */
#ifndef NODENS_REPORTS_PROMETHEUS_H
#define NODENS_REPORTS_PROMETHEUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/hist.h"

struct prometheus {
	const char *url;     /* as far as before /api */
	const char *token;   /* or NULL */
	const char *ca_file; /* or NULL */
	double end_s;        /* at what time it is asked, seconds since the epoch; 0: now */
};

struct jdoc;
struct prom_answer { /* an instant vector */
	struct jdoc *doc;
	const struct jdoc *samples;
	size_t n;
};

/* An empty answer is no error. A server that refuses the query says why in the diag. */
int prom_query(const struct prometheus *p, const char *promql, struct prom_answer *ret, struct diag *d);
void prom_release(struct prom_answer *a);
/* i-th sample; a value that is no number (NaN, +Inf) is false. */
bool prom_value(const struct prom_answer *a, size_t i, double *ret);
/* What the server says against its own answer, as of a store that did not take part; NULL: nothing. */
const char *prom_warning(const struct prom_answer *a);
const char *prom_label(const struct prom_answer *a, size_t i, const char *name); /* or "" */

/* Samples with a label le, cumulative counts in seconds, as a histogram of nanoseconds: each count at the
 * upper edge of its bucket, so no quantile is too low; what lies above the last edge counts at it. */
void prom_buckets(const struct prom_answer *a, struct hist *ret);

#endif
