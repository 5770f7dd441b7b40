/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of deadlines against a search through an array. */
#include <criterion/criterion.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "resolver/core/timers.h"

#define N 200

static uint64_t model[N];

static uint64_t model_next(void)
{
	uint64_t least = T_NEVER;

	for (unsigned i = 0; i < N; i++)
		if (model[i] < least)
			least = model[i];
	return least;
}

Test(timers, equal_a_search)
{
	struct timers t;
	struct rng r;

	rng_seed(&r, 7);
	cr_assert_eq(timers_init(&t, N), 0);
	for (unsigned i = 0; i < N; i++)
		model[i] = T_NEVER;
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t item = (uint32_t)rng_below(&r, N);
		uint64_t at = rng_below(&r, 4) ? rng_below(&r, 1000) : T_NEVER;

		model[item] = at;
		timers_set(&t, item, at);
		cr_assert_eq(timers_next(&t), model_next());
		if (rng_below(&r, 5) == 0) {
			uint64_t now = rng_below(&r, 1000), least = model_next();
			uint32_t popped = timers_pop(&t, now);

			cr_assert_eq(popped == UINT32_MAX, least > now);
			if (popped != UINT32_MAX) {
				cr_assert_eq(model[popped], least);
				model[popped] = T_NEVER;
			}
		}
	}
	timers_release(&t);
}
