/* SPDX-License-Identifier: Apache-2.0 */
/* The tests, by their textbook forms; tests/unit holds them to tabulated values. */
#include "reports/judge/stats.h"

#include <math.h>
#include <string.h>

#define EXACT_MAX 20
#define U_MAX     (EXACT_MAX * EXACT_MAX)

bool quantile_interval(const struct hist *h, double q, double z, double *ret_low, double *ret_high)
{
	double n = (double)h->n, half = z * sqrt(n * q * (1 - q));
	double low = floor(n * q - half), high = ceil(n * q + half) + 1;
	bool enough = high <= n && low >= 1;
	*ret_low = (double)hist_quantile(h, fmax(low, 1) / n);
	*ret_high = (double)hist_quantile(h, fmin(high, n) / n);
	return enough;
}

static double log_choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

static double normal_two_sided(double z)
{
	return erfc(fabs(z) / sqrt(2));
}

double share_p(double a, double n, double b, double m)
{
	double total = a + b, share = n / (n + m), p = 0;
	if (!(n > 0) || !(m > 0) || total <= 0)
		return 1;
	if (total > 100000) {
		double sd = sqrt(total * share * (1 - share));
		return fmin(normal_two_sided((fabs(a - total * share) - 0.5) / sd), 1);
	}
	/* all outcomes no likelier than this one */
	double here = log_choose(total, a) + a * log(share) + b * log1p(-share);
	for (double k = 0; k <= total; k++) {
		double v = log_choose(total, k) + k * log(share) + (total - k) * log1p(-share);
		if (v <= here + 1e-9)
			p += exp(v);
	}
	return fmin(p, 1);
}

/* Pairs in which x is greater; ties count half. *ret_ties: sum of t^3 - t. */
static double count_u(const double *x, size_t n, const double *y, size_t m, double *ret_ties)
{
	double u = 0, ties = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m; k++)
			u += x[i] > y[k] ? 1 : x[i] == y[k] ? 0.5 : 0;
	for (size_t i = 0; i < n + m; i++) { /* each value adds t^2 - 1: t of them make t^3 - t */
		double v = i < n ? x[i] : y[i - n], t = 0;
		for (size_t k = 0; k < n + m; k++)
			t += (k < n ? x[k] : y[k - n]) == v;
		ties += t * t - 1;
	}
	*ret_ties = ties;
	return u;
}

/* In how many of the orders of n and m values is U no more than `u`? As a share. */
static double exact_tail(size_t n, size_t m, size_t u)
{
	/* ways[i][s]: choices of i ranks among those seen so far, by their U */
	static double ways[EXACT_MAX + 1][U_MAX + 1];
	double all = 0, low = 0;
	memset(ways, 0, sizeof(ways));
	ways[0][0] = 1;
	for (size_t k = 0; k < n + m; k++) /* the k-th smallest belongs to x or to y */
		for (size_t i = (k + 1 < n ? k + 1 : n); i >= 1; i--)
			for (size_t s = 0; s <= n * m; s++) {
				size_t below = k - (i - 1); /* values of y before it */
				if (k + 1 >= i && below <= m && s >= below)
					ways[i][s] += ways[i - 1][s - below];
			}
	for (size_t s = 0; s <= n * m; s++) {
		all += ways[n][s];
		low += s <= u ? ways[n][s] : 0;
	}
	return low / all;
}

double rank_p(const double *x, size_t n, const double *y, size_t m)
{
	double ties, nm = (double)n * (double)m, total = (double)(n + m);
	if (!n || !m)
		return 1;
	double u = count_u(x, n, y, m, &ties), far = fmin(u, nm - u);
	if (ties == 0 && n <= EXACT_MAX && m <= EXACT_MAX)
		return fmin(2 * exact_tail(n, m, (size_t)far), 1);
	double variance = nm / 12 * (total + 1 - ties / (total * (total - 1)));
	return variance <= 0 ? 1 : fmin(normal_two_sided((fabs(u - nm / 2) - 0.5) / sqrt(variance)), 1);
}

double trend_p(const double *x, size_t n, double *ret_tau)
{
	double s = 0, ties = 0, k = (double)n;
	for (size_t i = 0; i < n; i++) {
		double t = 0;
		for (size_t j = i + 1; j < n; j++)
			s += (x[j] > x[i]) - (x[j] < x[i]);
		for (size_t j = 0; j < n; j++)
			t += x[j] == x[i];
		ties += (t - 1) * (2 * t + 5); /* t equal values make t (t-1) (2t+5) */
	}
	*ret_tau = n > 1 ? s / (k * (k - 1) / 2) : 0;
	double variance = (k * (k - 1) * (2 * k + 5) - ties) / 18;
	if (n < 4 || variance <= 0)
		return 1;
	return s == 0 ? 1 : fmin(normal_two_sided((fabs(s) - 1) / sqrt(variance)), 1);
}
