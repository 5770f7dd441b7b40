/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of significance against values that can be counted by hand or looked up. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>

#include "reports/judge/stats.h"

#define NEAR(a, b, e) cr_expect(fabs((a) - (b)) <= (e), "%.6f, not %.6f", (double)(a), (double)(b))

Test(stats, ranks_of_two_apart_are_the_share_of_orders_that_are)
{
	double three[] = { 1, 2, 3 }, more[] = { 4, 5, 6 }, four[] = { 1, 2, 3, 4 }, high[] = { 5, 6, 7, 8 };
	double eight[] = { 1, 3, 5, 7 }, even[] = { 2, 4, 6, 8 };
	NEAR(rank_p(three, 3, more, 3), 2.0 / 20, 1e-12);
	NEAR(rank_p(more, 3, three, 3), 2.0 / 20, 1e-12);
	NEAR(rank_p(four, 4, high, 4), 2.0 / 70, 1e-12);
	NEAR(rank_p(eight, 4, even, 4), 48.0 / 70, 1e-12); /* U = 6: 24 of the 70 orders have no more */
	NEAR(rank_p(four, 1, high, 1), 1, 1e-12);
	NEAR(rank_p(NULL, 0, four, 4), 1, 0);
}

Test(stats, ranks_with_ties_take_the_normal_form)
{
	double x[] = { 1, 1, 2, 2, 3, 3 }, y[] = { 3, 4, 4, 5, 5, 6 }, same[] = { 7, 7, 7 };
	double p = rank_p(x, 6, y, 6);
	NEAR(p, 0.0074, 0.0005); /* U = 1, sd = 6.1538 with ties; (17 - 0.5) / sd = 2.681 */
	NEAR(rank_p(same, 3, same, 3), 1, 0);
}

Test(stats, shares_of_rare_events_are_a_coin_s_tosses)
{
	NEAR(share_p(0, 1000, 10, 1000), 2.0 / 1024, 1e-9);
	NEAR(share_p(5, 1000, 5, 1000), 1, 1e-9);
	NEAR(share_p(0, 500, 0, 1000), 1, 0);
	NEAR(share_p(0, 1000, 3, 3000), 1, 1e-9);       /* (1/4)^0 ... (3/4)^3 = 0.42 is the likeliest */
	NEAR(share_p(0, 0, 3, 3000), 1, 0);
	cr_expect_lt(share_p(200000, 1e6, 210000, 1e6), 1e-9); /* the normal form */
	cr_expect_gt(share_p(200000, 1e6, 200500, 1e6), 0.3);
}

Test(stats, trends_are_counted_in_pairs)
{
	double up[] = { 1, 2, 3, 4, 5 }, flat[] = { 3, 1, 3, 1, 3, 1 }, few[] = { 1, 2, 3 }, tau;
	NEAR(trend_p(up, 5, &tau), 0.0275, 0.0002); /* S = 10, var = 16.67 */
	NEAR(tau, 1, 1e-12);
	cr_expect_gt(trend_p(flat, 6, &tau), 0.3);
	NEAR(trend_p(few, 3, &tau), 1, 0);
}

/* The true quantile is inside in about 95 of 100 made-up runs. */
Test(stats, intervals_of_quantiles_hold_what_they_promise)
{
	static struct hist h;
	unsigned inside = 0, runs = 2000;
	double low, high, truth = 990000;
	srand48(7);
	for (unsigned r = 0; r < runs; r++) {
		hist_init(&h);
		for (unsigned i = 0; i < 3000; i++)
			hist_record(&h, (uint64_t)(drand48() * 1e6));
		cr_expect(quantile_interval(&h, 0.99, Z_95, &low, &high));
		/* a bucket is 1.6 % wide and the upper edge is told */
		inside += low * (1 - 1.0 / 64) <= truth && truth <= high;
	}
	cr_expect_geq(inside, runs * 93 / 100, "%u", inside);
	hist_init(&h);
	for (unsigned i = 1; i <= 100; i++)
		hist_record(&h, i);
	cr_expect_not(quantile_interval(&h, 0.99, Z_95, &low, &high));
	cr_expect_eq(high, 100);
}
