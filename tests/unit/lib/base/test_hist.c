/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets tile the range, quantiles stay within their promise, files have their form. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hist.h"
#include "lib/base/rng.h"

Test(hist, buckets_tile_all_64_bits)
{
	uint64_t low, high, next = 0;

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		hist_bounds(i, &low, &high);
		cr_assert_eq(low, next, "bucket %u", i);
		cr_assert_eq(hist_index(low), i);
		cr_assert_eq(hist_index(high), i);
		cr_assert_leq((double)(high - low), (double)low / 64);
		next = high + 1;
	}
	cr_assert_eq(high, UINT64_MAX);
}

Test(hist, empty)
{
	struct hist h;

	hist_init(&h);
	cr_assert_eq(hist_quantile(&h, 0.5), 0);
	cr_assert_eq(hist_mean(&h), 0);
	cr_assert_eq(h.min, UINT64_MAX);
}

static int u64_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

Test(hist, quantiles_against_sorted_values)
{
	static const double q[] = {0, 0.001, 0.5, 0.9, 0.99, 0.999, 1};
	static uint64_t v[5000];
	static struct hist h;
	struct rng r;

	rng_seed(&r, 6);
	hist_init(&h);
	for (int i = 0; i < 5000; i++) {
		v[i] = (uint64_t)rng_exp(&r, 1e6);
		hist_record(&h, v[i]);
	}
	qsort(v, 5000, sizeof(v[0]), u64_cmp);
	for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		size_t rank = (size_t)(q[i] * 5000 + 0.999999);
		uint64_t want = v[rank ? rank - 1 : 0], got = hist_quantile(&h, q[i]);

		cr_expect(got >= want && (double)got <= (double)want * (1 + 1.0 / 64) + 1,
			  "q %g: %lu for %lu", q[i], (unsigned long)got, (unsigned long)want);
	}
	cr_assert_eq(hist_quantile(&h, 1), v[4999]);
	cr_assert_eq(h.min, v[0]);
}

Test(hist, merging_equals_recording_all)
{
	static struct hist a, b, all;

	hist_init(&a);
	hist_init(&b);
	hist_init(&all);
	for (uint64_t i = 0; i < 1000; i++) {
		hist_record(i % 3 ? &a : &b, i * i);
		hist_record(&all, i * i);
	}
	hist_record_n(&b, 5, 10);
	hist_record_n(&all, 5, 10);
	hist_record_n(&all, 1, 0);
	hist_merge(&a, &b);
	cr_assert_eq(memcmp(a.count, all.count, sizeof(a.count)), 0);
	cr_assert(a.n == all.n && a.min == all.min && a.max == all.max);
	cr_assert_float_eq(hist_mean(&a), hist_mean(&all), 1e-6);
}

static char *written(const struct hist *h, bool hgrm)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (hgrm)
		hist_write_hgrm(h, f, 10);
	else
		hist_write_csv(h, f);
	fclose(f);
	return text;
}

Test(hist, csv_and_hgrm)
{
	static struct hist h;
	char *csv, *hgrm;

	hist_init(&h);
	hist_record_n(&h, 10, 3);
	hist_record(&h, 1000);
	csv = written(&h, false);
	cr_assert_str_eq(csv, "10,10,3\n1000,1007,1\n");
	hgrm = written(&h, true);
	cr_assert_not_null(strstr(hgrm, "       1.000 0.750000000000          3           4.00\n"));
	cr_assert_not_null(strstr(hgrm, "     100.000 1.000000000000          4            inf\n"));
	cr_assert_not_null(
		strstr(hgrm, "#[Max     =      100.000, Total count    =            4]"));
	free(csv);
	free(hgrm);
}
