/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantile tables, made once and drawn from by one uniform number.
 */
#include "sim/world/leg.h"

#include <math.h>
#include <string.h>

#define Z99 2.3263478740408408 /* 99th percentile of the normal distribution */

/* The normal distribution's quantile: Acklam's rational approximation, 1e-9, which no
 * table of floats can tell from the truth. */
static double normal_quantile(double p)
{
	static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02,
				   1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239e+00};
	static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
				   6.680131188771972e+01, -1.328068155288572e+01};
	static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
				   -2.549732539343734e+00, 4.374664141464968e+00, 2.938163982698783e+00};
	static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
				   3.754408661907416e+00};

	if (p > 0.5)
		return -normal_quantile(1 - p);
	if (p < 0.02425) {
		double q = sqrt(-2 * log(p));
		return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
		       ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
	}
	double q = p - 0.5, r = q * q;
	return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
	       (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

static double log_normal(const struct scen_delay *d, double share)
{
	double sigma = log((double)d->p99_ns / (double)d->median_ns) / Z99;

	return (double)d->median_ns * exp(sigma * normal_quantile(share));
}

static double between_points(const struct leg *l, double share)
{
	unsigned i = 1;

	while (i + 1 < l->n_points && l->point[i].share < share)
		i++;
	const struct leg_point *a = &l->point[i - 1], *b = &l->point[i];
	double width = b->share - a->share;
	double at = width > 0 ? (share - a->share) / width : 1;
	return (double)a->ns + at * ((double)b->ns - (double)a->ns);
}

static double quantile(const struct leg *l, double share)
{
	return l->n_points ? between_points(l, share) : log_normal(&l->d, share);
}

/* No distribution of ours ends at a share of exactly 0 or 1. */
#define EDGE (0.25 / LEG_STEPS)

static void tables(struct leg *l)
{
	double step = 1.0 / LEG_STEPS, within = step / LEG_STEPS;

	for (unsigned i = 0; i <= LEG_STEPS; i++) {
		double share = i * step, fine = 1 - step + i * within;
		share = share < EDGE ? EDGE : share > 1 - EDGE ? 1 - EDGE : share;
		fine = fine > 1 - within / 4 ? 1 - within / 4 : fine;
		l->body[i] = (float)quantile(l, share);
		l->tail[i] = (float)quantile(l, fine);
	}
}

void leg_set(struct leg *l, struct scen_delay d)
{
	memset(l, 0, sizeof(*l));
	l->d = d;
	if (d.p99_ns > d.median_ns && d.median_ns)
		tables(l);
}

bool leg_set_points(struct leg *l, const struct leg_point *p, unsigned n)
{
	if (n < 2 || n > LEG_POINTS_MAX || p[0].share != 0 || p[n - 1].share != 1)
		return false;
	for (unsigned i = 1; i < n; i++)
		if (!(p[i].share > p[i - 1].share) || p[i].ns < p[i - 1].ns)
			return false;
	memset(l, 0, sizeof(*l));
	l->n_points = n;
	memcpy(l->point, p, n * sizeof(*p));
	l->d.median_ns = (uint64_t)between_points(l, 0.5);
	l->d.p99_ns = (uint64_t)between_points(l, 0.99);
	tables(l);
	return true;
}

static double interpolate(const float *table, double at)
{
	unsigned i = (unsigned)at;

	return (double)table[i] + (at - i) * ((double)table[i + 1] - (double)table[i]);
}

uint64_t leg_draw(const struct leg *l, struct rng *r)
{
	if (!l->n_points && l->d.median_ns >= l->d.p99_ns)
		return l->d.median_ns;
	double at = rng_unit(r) * LEG_STEPS;
	if (at < LEG_STEPS - 1)
		return (uint64_t)interpolate(l->body, at);
	return (uint64_t)interpolate(l->tail, (at - (LEG_STEPS - 1)) * LEG_STEPS);
}

double leg_mean(const struct leg *l)
{
	double sum = 0;

	if (!l->n_points && l->d.median_ns >= l->d.p99_ns)
		return (double)l->d.median_ns;
	for (unsigned i = 0; i + 1 < LEG_STEPS; i++)
		sum += ((double)l->body[i] + (double)l->body[i + 1]) / 2;
	for (unsigned i = 0; i < LEG_STEPS; i++)
		sum += ((double)l->tail[i] + (double)l->tail[i + 1]) / 2 / LEG_STEPS;
	return sum / LEG_STEPS;
}
