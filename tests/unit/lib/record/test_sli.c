/* SPDX-License-Identifier: Apache-2.0 */
/* The SLI against its definition: rank, window, and what is lost. */
#include "lib/record/sli.h"

#include <criterion/criterion.h>

Test(sli, nothing_asked_is_nothing)
{
	struct sli s = { 0 };
	cr_assert_eq(sli_p99_ns(&s), 0);
	cr_assert_eq(sli_lost_share(&s), 0);
}

Test(sli, percentile_is_by_nearest_rank)
{
	struct sli s = { 0 };
	for (unsigned i = 100; i >= 1; i--)
		sli_add(&s, i, false);
	cr_assert_eq(sli_p99_ns(&s), 99, "of 1..100 the 99th");
	sli_add(&s, 101, false); /* ceil(99.99) */
	cr_assert_eq(sli_p99_ns(&s), 100);
	struct sli one = { 0 };
	sli_add(&one, 7, false);
	cr_assert_eq(sli_p99_ns(&one), 7);
}

Test(sli, window_forgets_what_is_older_than_five_minutes)
{
	struct sli s = { 0 };
	for (unsigned i = 0; i < SLI_WINDOW; i++)
		sli_add(&s, 1000000, i % 2 == 0);
	cr_assert_float_eq(sli_lost_share(&s), 0.5, 1e-9);
	for (unsigned i = 0; i < SLI_WINDOW; i++)
		sli_add(&s, 10 + i % 2, false);
	cr_assert_eq(sli_p99_ns(&s), 11);
	cr_assert_eq(s.n_lost, 0);
}

Test(sli, lost_ones_count_as_the_time_out)
{
	struct sli s = { 0 };
	for (unsigned i = 0; i < 297; i++)
		sli_add(&s, 5, false);
	sli_add(&s, 1, true);
	sli_add(&s, SLI_TIMEOUT_NS, false); /* too late is lost */
	sli_add(&s, 1, true);
	cr_assert_eq(sli_p99_ns(&s), 5, "three of 300: rank 297 is the last that came");
	sli_add(&s, 1, true);
	cr_assert_eq(sli_p99_ns(&s), SLI_TIMEOUT_NS, "four of 300: rank 297");
	cr_assert_float_eq(sli_lost_share(&s), 4.0 / 300, 1e-9);
}
