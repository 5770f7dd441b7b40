/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log-linear histogram of unsigned 64-bit values (nanoseconds, mostly): 64
 * linear steps in each power of two, so a value is known to 1.6 % and two
 * histograms merge by addition. Fixed size, no allocation, no lock.
 */
#ifndef NODENS_HIST_H
#define NODENS_HIST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HIST_SUB_BITS 6
#define HIST_BUCKETS  ((64 - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct hist {
	uint64_t n, min, max; /* min is UINT64_MAX while n is 0 */
	double sum;
	uint64_t count[HIST_BUCKETS];
};

void hist_init(struct hist *h);
void hist_clear(struct hist *h); /* the same for one that was in use, or is all zeros: touches what it used */
void hist_record(struct hist *h, uint64_t value);
void hist_record_n(struct hist *h, uint64_t value, uint64_t n);
void hist_merge(struct hist *into, const struct hist *from);
/* Upper edge of the bucket holding quantile q in [0,1], never above max; 0 when
 * empty. */
uint64_t hist_quantile(const struct hist *h, double q);
double hist_mean(const struct hist *h);
/* Bounds of bucket i: low inclusive, high inclusive. */
void hist_bounds(unsigned i, uint64_t *ret_low, uint64_t *ret_high);
unsigned hist_index(uint64_t value);
/* Rows "low,high,count" of the buckets in use. */
void hist_write_csv(const struct hist *h, FILE *out);
/* HdrHistogram's percentile spectrum (.hgrm): values divided by `unit`. */
void hist_write_hgrm(const struct hist *h, FILE *out, double unit);

#endif
