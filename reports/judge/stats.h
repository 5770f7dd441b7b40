/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a figure may be off, and whether two differ by more than chance. Each
 * test is named on the page beside what it decided.
 */
#ifndef NODENS_REPORTS_STATS_H
#define NODENS_REPORTS_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/hist.h"

#define Z_95 1.959964
#define Z_99 2.575829

/* Between which order statistics the quantile lies, by the normal approximation of the
 * binomial; holds for independent samples of any distribution. false: the upper end
 * is beyond the largest sample (too few), and *ret_high is that sample. */
bool quantile_interval(const struct hist *h, double q, double z, double *ret_low, double *ret_high);

/* Two-sided p of `a` of `n` and `b` of `m` having the same share: given the sum, `a` is
 * hypergeometric for shares and nearly binomial for rare events; the binomial is used.
 * 1 when there is nothing to tell. */
double share_p(double a, double n, double b, double m);

/* Two-sided p of the rank-sum test of Mann and Whitney: exact without ties up to 20
 * values a side, the normal approximation with the correction for ties otherwise. */
double rank_p(const double *x, size_t n, const double *y, size_t m);

/* Two-sided p of the trend test of Mann and Kendall on values in order; *ret_tau in
 * -1..1. Normal approximation with continuity correction; 1 below 4 values. */
double trend_p(const double *x, size_t n, double *ret_tau);

#endif
