/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that failed: how long they rest, and that an answer ends it. */
#include <criterion/criterion.h>

#include "lib/base/clock.h"
#include "resolver/core/failures.h"

static struct failures f;

static void setup(void)
{
	cr_assert_eq(failures_init(&f, 4), 0);
}

static void teardown(void)
{
	failures_release(&f);
}

TestSuite(failures, .init = setup, .fini = teardown);

Test(failures, pause_doubles_up_to_the_limit)
{
	uint64_t now = NS_PER_S;

	for (unsigned i = 0; i < 6; i++) {
		uint64_t want = (1ull << i) * NS_PER_S > 5 * NS_PER_S ? 5 * NS_PER_S : (1ull << i) * NS_PER_S;

		failures_note(&f, 9, now, 5 * NS_PER_S, 0, 2, 22);
		cr_assert_not_null(failures_find(&f, 9, now + want - 1));
		cr_assert_null(failures_find(&f, 9, now + want));
		now += want;
	}
}

Test(failures, a_quiet_while_forgets_the_doubling)
{
	failures_note(&f, 9, 0, 60 * NS_PER_S, 0, 2, 0);
	failures_note(&f, 9, 100 * NS_PER_S, 60 * NS_PER_S, 0, 2, 0);
	cr_assert_null(failures_find(&f, 9, 101 * NS_PER_S));
}

Test(failures, a_pair_holds_two_and_the_older_gives_way)
{
	failures_note(&f, 4, 0, 5 * NS_PER_S, 0, 2, 0);
	failures_note(&f, 8, NS_PER_MS, 5 * NS_PER_S, 0, 2, 0);
	failures_note(&f, 12, 2 * NS_PER_MS, 5 * NS_PER_S, 0, 2, 0);
	cr_assert_null(failures_find(&f, 4, 3 * NS_PER_MS));
	cr_assert_not_null(failures_find(&f, 8, 3 * NS_PER_MS));
	cr_assert_not_null(failures_find(&f, 12, 3 * NS_PER_MS));
	cr_assert_null(failures_find(&f, 12, 2 * NS_PER_MS + NS_PER_S), "it rests for what it did, not for whose place it has");
}

Test(failures, are_cleared_by_an_answer)
{
	failures_note(&f, 9, 0, 5 * NS_PER_S, 0, 2, 0);
	failures_clear(&f, 9);
	cr_assert_null(failures_find(&f, 9, 1));
}

Test(failures, recheck_outlasts_the_pause)
{
	failures_note(&f, 9, 0, 0, 30 * NS_PER_S, 2, 0);
	cr_assert_not_null(failures_find(&f, 9, 29 * NS_PER_S));
	cr_assert_eq(failures_find(&f, 9, 29 * NS_PER_S)->until_ns, 0u);
	cr_assert_null(failures_find(&f, 9, 30 * NS_PER_S));
}
