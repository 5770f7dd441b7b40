/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draws that need the mathematics library, in a file of their own: a program that
 * makes none, such as node-cache, is not linked with it.
 */
#include "lib/base/rng.h"

#include <math.h>
#include <stdlib.h>

double rng_exp(struct rng *r, double mean)
{
	return -mean * log1p(-rng_unit(r));
}

/* --- Zipf --- */

struct zipf {
	size_t n;
	double sum[]; /* sum[i]: share of ranks 0..i; the last is 1 */
};

struct zipf *zipf_new(size_t n, double s)
{
	struct zipf *z;
	double total = 0;

	if (n == 0 || n > (SIZE_MAX - sizeof(*z)) / sizeof(double))
		return NULL;
	z = malloc(sizeof(*z) + n * sizeof(double));
	if (!z)
		return NULL;
	z->n = n;
	for (size_t i = 0; i < n; i++)
		z->sum[i] = total += pow((double)(i + 1), -s);
	for (size_t i = 0; i < n; i++)
		z->sum[i] /= total;
	z->sum[n - 1] = 1;
	return z;
}

void zipf_free(struct zipf *z)
{
	free(z);
}

size_t zipf_draw(const struct zipf *z, struct rng *r)
{
	double u = rng_unit(r);
	size_t low = 0, high = z->n - 1;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (z->sum[mid] > u)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}
