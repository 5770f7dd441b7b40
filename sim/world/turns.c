/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "sim/world/turns.h"

#include <math.h>

/* Of processor time: the lab's threads weigh 9548 (nice -10), by which the scheduler multiplies its own times. */
#define WEIGHT (9548.0 / 1024)
#define CLAIM_NS (3e6 * WEIGHT) /* half of sched_latency_ns: what a sleeper is given at most */
#define GRAIN_NS 1e6		/* sched_wakeup_granularity_ns, which is weighed already */
#define SLICE_NS 0.75e6		/* base_slice_ns on one processor */
#define LAG_NS 4e6		/* the longer of two slices and a tick at HZ 250 */
#define NEAR_NS 0.5		/* what is nearer than that is the same */

void turns_init(struct turns *t, uint32_t thread, bool was_there)
{
	t->of[thread] = (struct turn){.ran_ns = was_there && !t->eevdf ? -CLAIM_NS : 0};
}

/* --- since 6.6 --- */

static bool counted(const struct turn *x)
{
	return x->up || x->lingers;
}

/* What all have run in the mean, which who has run less is owed by. */
static double mean(const struct turns *t, uint32_t *ret_n)
{
	double sum = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++)
		if (counted(&t->of[i])) {
			sum += t->of[i].ran_ns;
			n++;
		}
	if (ret_n)
		*ret_n = n;
	return n ? sum / n : t->least_ns;
}

static bool owed(const struct turn *x, double mean_ns)
{
	return x->ran_ns <= mean_ns + NEAR_NS;
}

/* With what it is owed, so that it is as much once it is counted itself. */
static void place(struct turns *t, struct turn *x)
{
	uint32_t n;

	x->up = x->lingers = false;
	double mean_ns = mean(t, &n);
	x->ran_ns = mean_ns - (n ? x->lag_ns * (n + 1) / n : 0);
	x->deadline_ns = x->ran_ns + SLICE_NS;
}

static void eevdf_wake(struct turns *t, struct turn *x)
{
	if (!x->lingers) {
		place(t, x);
	} else if (x->ran_ns < mean(t, NULL)) {
		x->lag_ns = 0;
		place(t, x);
	}
	x->lingers = false;
}

/* The earliest deadline of those that are owed, `runs` among them while it runs. */
static uint32_t eevdf_pick(const struct turns *t, uint32_t runs)
{
	double mean_ns = mean(t, NULL);
	uint32_t best = TURNS_NONE;

	for (uint32_t i = 0; i < t->n; i++) {
		const struct turn *x = &t->of[i], *b = best == TURNS_NONE ? NULL : &t->of[best];
		if ((!x->since && !x->lingers && i != runs) || !owed(x, mean_ns))
			continue;
		if (!b || x->deadline_ns < b->deadline_ns || (x->deadline_ns <= b->deadline_ns && x->since < b->since))
			best = i;
	}
	return best;
}

/* Who lingers is gone when it is its turn, and owes what it owes then. */
static void leave(const struct turns *t, struct turn *x)
{
	x->lag_ns = fmax(fmin(mean(t, NULL) - x->ran_ns, 0), -LAG_NS);
	x->lingers = false;
}

static uint32_t eevdf_next(struct turns *t, uint32_t runs)
{
	uint32_t next;

	while ((next = eevdf_pick(t, runs)) != TURNS_NONE && t->of[next].lingers)
		leave(t, &t->of[next]);
	return next;
}

static uint32_t eevdf_after_wake(struct turns *t, uint32_t runs)
{
	const struct turn *x = &t->of[runs];

	if (x->kept && owed(x, mean(t, NULL)))
		return TURNS_NONE;
	uint32_t next = eevdf_next(t, runs);
	return next == runs ? TURNS_NONE : next;
}

static void eevdf_sleep(const struct turns *t, struct turn *x)
{
	double mean_ns = mean(t, NULL);

	x->lingers = !owed(x, mean_ns);
	x->lag_ns = fmin(mean_ns - x->ran_ns, LAG_NS);
}

/* --- before --- */

static uint32_t least(const struct turns *t)
{
	uint32_t next = TURNS_NONE;

	for (uint32_t i = 0; i < t->n; i++) {
		const struct turn *x = &t->of[i], *b = next == TURNS_NONE ? NULL : &t->of[next];
		if (x->since && (!b || x->ran_ns < b->ran_ns || (x->ran_ns <= b->ran_ns && x->since < b->since)))
			next = i;
	}
	return next;
}

/* --- either --- */

void turns_wake(struct turns *t, uint32_t thread)
{
	struct turn *x = &t->of[thread];

	if (t->eevdf)
		eevdf_wake(t, x);
	else
		x->ran_ns = fmax(x->ran_ns, t->least_ns - CLAIM_NS); /* nobody keeps claims from long ago */
	x->up = true;
}

void turns_run(struct turns *t, uint32_t thread)
{
	t->of[thread].since = 0;
	t->of[thread].kept = true;
}

void turns_ran(struct turns *t, uint32_t thread, double ns)
{
	struct turn *x = &t->of[thread];
	double least_ns;

	x->ran_ns += ns;
	if (t->eevdf && x->ran_ns >= x->deadline_ns) {
		x->deadline_ns = x->ran_ns + SLICE_NS;
		x->kept = false;
	}
	least_ns = x->ran_ns;
	for (uint32_t i = 0; i < t->n; i++)
		if (t->of[i].up && t->of[i].ran_ns < least_ns)
			least_ns = t->of[i].ran_ns;
	t->least_ns = fmax(t->least_ns, least_ns);
}

void turns_wait(struct turns *t, uint32_t thread)
{
	t->of[thread].since = ++t->n_turns;
}

uint32_t turns_after_wake(struct turns *t, uint32_t runs, uint32_t woke)
{
	if (t->eevdf)
		return eevdf_after_wake(t, runs);
	return t->of[runs].ran_ns - t->of[woke].ran_ns > GRAIN_NS ? woke : TURNS_NONE;
}

void turns_sleep(struct turns *t, uint32_t thread)
{
	struct turn *x = &t->of[thread];

	if (t->eevdf)
		eevdf_sleep(t, x);
	x->up = false;
	x->since = 0;
}

uint32_t turns_next(struct turns *t)
{
	return t->eevdf ? eevdf_next(t, TURNS_NONE) : least(t);
}
