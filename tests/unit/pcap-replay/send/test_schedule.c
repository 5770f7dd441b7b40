/* SPDX-License-Identifier: Apache-2.0 */
/* When questions are due: against what can be counted. */
#include <criterion/criterion.h>

#include "lib/base/clock.h"
#include "pcap-replay/send/schedule.h"

Test(schedule, an_even_rate)
{
	struct schedule s = {.speed = 1, .rate = 1000};
	cr_assert_eq(schedule_due_ns(&s, 0, 5, 0, 9), 0);
	cr_assert_eq(schedule_due_ns(&s, 2500, 5, 0, 9), 2500 * NS_PER_MS);
}

Test(schedule, the_captured_clock_and_loops)
{
	struct schedule s = {.speed = 1}, twice = {.speed = 2};
	cr_assert_eq(schedule_due_ns(&s, 1, 3, 700, 1000), 700);
	cr_assert_eq(schedule_due_ns(&s, 3, 3, 0, 1000), 1500, "a mean gap lies between two loops");
	cr_assert_eq(schedule_due_ns(&twice, 3, 3, 0, 1000), 750);
	cr_assert_eq(schedule_due_ns(&s, 2, 1, 0, 0), 2 * NS_PER_S, "of one question: one a second");
}

/* Of all questions of a ramp, as many lie in each piece of it as the rate there says. */
static void check_ramp(double from, double to)
{
	struct schedule s = {.speed = 1, .rate = from, .rate_end = to, .ramp_ns = 10 * NS_PER_S};
	uint64_t all = schedule_ramp_questions(&s), last = 0, in[10] = {0};
	cr_assert_float_eq((double)all, (from + to) * 5, 1);
	for (uint64_t i = 0; i < all; i++) {
		uint64_t t = schedule_due_ns(&s, i, 7, 0, 1);
		cr_assert_geq(t, last, "time does not go back");
		cr_assert_lt(t, 10 * NS_PER_S + NS_PER_MS);
		last = t;
		if (t < 10 * NS_PER_S)
			in[t / NS_PER_S]++;
	}
	for (unsigned k = 0; k < 10; k++)
		cr_assert_float_eq((double)in[k], from + (to - from) * (k + 0.5) / 10, 2, "second %u: %lu", k, (unsigned long)in[k]);
	cr_assert_float_eq((double)(schedule_due_ns(&s, all + 100, 7, 0, 1) - schedule_due_ns(&s, all, 7, 0, 1)), 100e9 / to, 1e3,
			   "it stays where it has come to");
}

Test(schedule, ramps_up_down_and_level)
{
	check_ramp(100, 2000);
	check_ramp(2000, 100);
	check_ramp(500, 500);
	check_ramp(500, 500.001);
}
