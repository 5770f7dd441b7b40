/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of Prometheus text that say nothing of what is counted. */
#ifndef NODENS_METRICS_TEXT_H
#define NODENS_METRICS_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Label value with backslash, quote and newline escaped. */
const char *metrics_escape(const char *text, char *buf, size_t size);
/* Cumulative buckets, sum and count; `labels` without braces, may be "". */
void metrics_histogram(FILE *out, const char *name, const char *labels, const double *edge, size_t n_edges,
		       const uint64_t *bucket, double sum, uint64_t n);

#endif
