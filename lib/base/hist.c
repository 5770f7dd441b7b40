/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buckets: values below 64 have one each; above, the group is the place of the
 * leading one bit and the bucket the six bits after it, so a bucket's width is
 * at most 1/64 of its lower edge.
 */
#include "lib/base/hist.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SUB (1u << HIST_SUB_BITS)

void hist_init(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

/* The buckets that hold anything lie between these. */
static void used(const struct hist *h, unsigned *ret_first, unsigned *ret_end)
{
	*ret_first = h->n ? hist_index(h->min) : 0;
	*ret_end = h->n ? hist_index(h->max) + 1 : 0;
}

void hist_clear(struct hist *h)
{
	unsigned first, end;

	used(h, &first, &end);
	memset(&h->count[first], 0, (end - first) * sizeof(h->count[0]));
	h->n = h->max = 0;
	h->min = UINT64_MAX;
	h->sum = 0;
}

unsigned hist_index(uint64_t value)
{
	unsigned shift;

	if (value < SUB)
		return (unsigned)value;
	shift = 63u - (unsigned)__builtin_clzll(value) - HIST_SUB_BITS;
	return ((shift + 1) << HIST_SUB_BITS) + (unsigned)(value >> shift) - SUB;
}

void hist_bounds(unsigned i, uint64_t *ret_low, uint64_t *ret_high)
{
	unsigned shift;

	if (i < SUB) {
		*ret_low = *ret_high = i;
		return;
	}
	shift = (i >> HIST_SUB_BITS) - 1;
	*ret_low = (uint64_t)(SUB + (i & (SUB - 1))) << shift;
	*ret_high = *ret_low + ((uint64_t)1 << shift) - 1;
}

void hist_record_n(struct hist *h, uint64_t value, uint64_t n)
{
	if (n == 0)
		return;
	h->count[hist_index(value)] += n;
	h->n += n;
	h->sum += (double)value * (double)n;
	if (value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
}

void hist_record(struct hist *h, uint64_t value)
{
	hist_record_n(h, value, 1);
}

void hist_merge(struct hist *into, const struct hist *from)
{
	unsigned first, end;

	used(from, &first, &end);
	for (unsigned i = first; i < end; i++)
		into->count[i] += from->count[i];
	into->n += from->n;
	into->sum += from->sum;
	if (from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
	uint64_t rank, seen = 0, low, high;

	if (h->n == 0)
		return 0;
	if (!(q > 0))
		rank = 1;
	else if (q >= 1)
		return h->max;
	else
		rank = (uint64_t)ceil(q * (double)h->n);
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += h->count[i];
		if (seen < rank)
			continue;
		hist_bounds(i, &low, &high);
		return high < h->max ? high : h->max;
	}
	return h->max;
}

double hist_mean(const struct hist *h)
{
	return h->n ? h->sum / (double)h->n : 0;
}

void hist_write_csv(const struct hist *h, FILE *out)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		uint64_t low, high;

		if (!h->count[i])
			continue;
		hist_bounds(i, &low, &high);
		fprintf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", low, high, h->count[i]);
	}
}

/* From bucket middles: the true values are gone. */
static double hist_stddev(const struct hist *h)
{
	double mean = hist_mean(h), sum = 0;

	if (h->n == 0)
		return 0;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		uint64_t low, high;
		double diff;

		if (!h->count[i])
			continue;
		hist_bounds(i, &low, &high);
		diff = ((double)low + (double)high) / 2 - mean;
		sum += diff * diff * (double)h->count[i];
	}
	return sqrt(sum / (double)h->n);
}

static void hgrm_row(FILE *out, double value, uint64_t seen, uint64_t n)
{
	double p = (double)seen / (double)n;

	fprintf(out, "%12.3f %14.12f %10" PRIu64, value, p, seen);
	if (seen < n)
		fprintf(out, " %14.2f\n", (double)n / (double)(n - seen));
	else
		fprintf(out, " %14s\n", "inf");
}

void hist_write_hgrm(const struct hist *h, FILE *out, double unit)
{
	uint64_t seen = 0, low, high;

	fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	for (unsigned i = 0; i < HIST_BUCKETS && h->n; i++) {
		if (!h->count[i])
			continue;
		seen += h->count[i];
		hist_bounds(i, &low, &high);
		hgrm_row(out, (double)(high < h->max ? high : h->max) / unit, seen, h->n);
	}
	fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", hist_mean(h) / unit,
		hist_stddev(h) / unit);
	fprintf(out, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n", (double)h->max / unit,
		h->n);
	fprintf(out, "#[Buckets = %12d, SubBuckets     = %12u]\n", 64 - HIST_SUB_BITS + 1, SUB);
}
