/* SPDX-License-Identifier: Apache-2.0 */
/* What a live node's counters say between two looks. */
#include <criterion/criterion.h>

#include "conntrack-model/watch.h"

static struct watch_counters added(uint64_t before, uint64_t now)
{
	struct watch_counters sum = {.drop = 1}, a = {.drop = before, .invalid = 7}, b = {.drop = now, .invalid = 7};

	watch_counters_add(&sum, &a, &b);
	return sum;
}

Test(watch, counters_are_told_as_what_came_to_them)
{
	cr_expect_eq(added(100, 130).drop, 31);
	cr_expect_eq(added(100, 100).drop, 1);
	cr_expect_eq(added(100, 130).invalid, 0);
}

Test(watch, a_counter_that_goes_back_has_come_round_or_begun_anew)
{
	cr_expect_eq(added(0xfffffff0, 16).drop, 33, "32 bits are round");
	cr_expect_eq(added(0x1fffffff0, 0x100000010).drop, 33, "one processor's, beside another's");
	cr_expect_eq(added(100, 4).drop, 5, "the module was loaded anew");
}
