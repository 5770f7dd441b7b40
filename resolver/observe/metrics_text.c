/* SPDX-License-Identifier: Apache-2.0 */
/* Labels escaped, histograms cumulated. */
#include "resolver/observe/metrics_text.h"

#include <inttypes.h>

const char *metrics_escape(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	for (; *text && n + 3 < size; text++) {
		if (*text == '\\' || *text == '"' || *text == '\n')
			buf[n++] = '\\';
		buf[n++] = *text == '\n' ? 'n' : *text;
	}
	buf[n] = '\0';
	return buf;
}

void metrics_histogram(FILE *out, const char *name, const char *labels, const double *edge, size_t n_edges,
		       const uint64_t *bucket, double sum, uint64_t n)
{
	const char *comma = *labels ? "," : "";
	uint64_t below = 0;

	for (size_t i = 0; i < n_edges; i++) {
		below += bucket[i];
		fprintf(out, "%s_bucket{%s%sle=\"%.10g\"} %" PRIu64 "\n", name, labels, comma, edge[i], below);
	}
	/* The count is taken from the buckets: n may be one event ahead of them. */
	below += bucket[n_edges];
	(void)n;
	fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma, below);
	fprintf(out, *labels ? "%s_sum{%s} %.9g\n" : "%s_sum%s %.9g\n", name, labels, sum);
	fprintf(out, *labels ? "%s_count{%s} %" PRIu64 "\n" : "%s_count%s %" PRIu64 "\n", name, labels, below);
}
