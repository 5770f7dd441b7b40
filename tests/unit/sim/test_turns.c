/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is, by the rules of both schedulers, case by case. */
#include <criterion/criterion.h>

#include "sim/world/turns.h"

#define N 4
#define MS 1e6

static struct turn of[N];

static struct turns made(bool eevdf)
{
	struct turns t = {.eevdf = eevdf, .n = N, .of = of};

	for (uint32_t i = 0; i < N; i++)
		turns_init(&t, i, false);
	return t;
}

static void runs(struct turns *t, uint32_t thread, double ns)
{
	turns_wake(t, thread);
	turns_run(t, thread);
	turns_ran(t, thread, ns);
}

/* It wakes up and waits; who takes the place of the one that runs. */
static uint32_t woken(struct turns *t, uint32_t thread, uint32_t running)
{
	turns_wake(t, thread);
	turns_wait(t, thread);
	return turns_after_wake(t, running, thread);
}

/* Before 6.6: one that has run a millisecond more gives its place away, one that has run less does not. */
Test(turns, before_who_has_run_less_by_a_grain_is_let_in)
{
	struct turns t = made(false);

	runs(&t, 0, 0.9 * MS);
	cr_expect_eq(woken(&t, 1, 0), TURNS_NONE);
	turns_ran(&t, 0, 0.2 * MS);
	cr_expect_eq(woken(&t, 2, 0), 2);
}

/* And who slept long has no claim from before. */
Test(turns, before_nobody_keeps_claims_from_long_ago)
{
	struct turns t = made(false);

	runs(&t, 0, 1000 * MS);
	turns_wake(&t, 1);
	cr_expect_float_eq(1000 * MS - of[1].ran_ns, 3 * MS * 9548 / 1024, 1);
}

/* Since 6.6: who slept even-handed is owed nothing, and who runs keeps its processor. */
Test(turns, since_who_is_owed_nothing_waits)
{
	struct turns t = made(true);

	runs(&t, 0, 0.3 * MS);
	cr_expect_eq(woken(&t, 1, 0), TURNS_NONE);
}

/* Until it has had its slice: then the earliest deadline of those that are owed is next. */
Test(turns, since_a_slice_is_kept_and_no_longer)
{
	struct turns t = made(true);

	runs(&t, 0, 0.3 * MS);
	cr_expect_eq(woken(&t, 1, 0), TURNS_NONE);
	turns_ran(&t, 0, 0.3 * MS); /* more than the mean, and no longer owed */
	cr_expect_eq(woken(&t, 2, 0), 1);
}

/* Who went to sleep with something owed to it has that when it wakes up, and is let in. */
Test(turns, since_what_is_owed_is_owed_after_sleep)
{
	struct turns t = made(true);

	runs(&t, 0, 0.1 * MS);
	woken(&t, 1, 0);
	turns_wait(&t, 0); /* 1 runs, and sleeps having run less */
	turns_run(&t, 1);
	turns_ran(&t, 1, 0.02 * MS);
	turns_ran(&t, 0, 0.2 * MS); /* as if beside it */
	turns_sleep(&t, 1);
	cr_expect_float_eq(of[1].lag_ns, 0.09 * MS, 1);
	cr_expect_not(of[1].lingers);
	turns_run(&t, 0);
	cr_expect_eq(woken(&t, 1, 0), 1);
	cr_expect_float_eq(of[0].ran_ns - of[1].ran_ns, 0.18 * MS, 1); /* as much of the mean of two */
}

/* Who has had more lingers: it counts until its turn would have come, and owes on when it is back before. */
Test(turns, since_who_owes_lingers)
{
	struct turns t = made(true);

	runs(&t, 0, 0.1 * MS);
	woken(&t, 1, 0);
	turns_ran(&t, 0, 0.3 * MS);
	turns_sleep(&t, 0);
	cr_expect(of[0].lingers);
	cr_expect_eq(turns_next(&t), 1);
	turns_run(&t, 1);
	cr_expect_eq(woken(&t, 0, 1), TURNS_NONE);
	cr_expect_float_eq(of[0].ran_ns - of[1].ran_ns, 0.3 * MS, 1);
	turns_sleep(&t, 0);
	turns_ran(&t, 1, 0.7 * MS);
	turns_sleep(&t, 1);
	/* both have slept: the one that owed is gone with nothing left to owe */
	cr_expect_eq(turns_next(&t), TURNS_NONE);
	cr_expect_not(of[0].lingers || of[1].lingers);
}
