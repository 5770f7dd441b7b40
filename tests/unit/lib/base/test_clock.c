/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks tick forward and a sleep never ends before its time. */
#include <criterion/criterion.h>
#include <time.h>

#include "lib/base/clock.h"

Test(clock, monotonic_never_goes_back)
{
	uint64_t last = clock_mono_ns();

	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_mono_ns();

		cr_assert_geq(now, last);
		last = now;
	}
}

Test(clock, real_time_is_the_epochs)
{
	uint64_t before_s = (uint64_t)time(NULL);
	uint64_t now_s = clock_real_ns() / NS_PER_S;

	/* time(2) may lag by one tick of the coarse clock. */
	cr_assert_geq(now_s, before_s);
}

Test(clock, sleep_lasts_at_least_until_its_time)
{
	uint64_t until = clock_mono_ns() + 2 * NS_PER_MS;

	clock_sleep_until(until);
	cr_assert_geq(clock_mono_ns(), until);
	clock_sleep_until(0); /* long past: returns at once */
}
