/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is on processors that threads share: the kernel's scheduler as far as a lookup meets it, in processor time,
 * for all threads weigh the same. Two of them: until 6.6 who has run least, with what it gave sleepers (fair.c's place_entity,
 * wakeup_preempt_entity); since then, by `eevdf`, who is owed and has the earliest deadline (avg_vruntime, pick_eevdf,
 * RUN_TO_PARITY, DELAY_DEQUEUE as in 6.12).
 */
#ifndef NODENS_SIM_TURNS_H
#define NODENS_SIM_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct turn { /* of a thread */
	double ran_ns;	/* as the scheduler counts it */
	bool up;	/* it runs, or waits for its turn */
	uint64_t since; /* which turn it is that it waits for; 0: it waits for none */
	/* eevdf */
	double deadline_ns, lag_ns; /* lag: what it was owed when it went to sleep */
	bool lingers;		    /* it sleeps and owes: it is counted until its turn would have come */
	bool kept;		    /* it runs, and keeps its processor until its deadline while it is owed */
};

struct turns {
	bool eevdf;
	uint32_t n;
	struct turn *of; /* [n] */
	uint64_t n_turns;
	double least_ns; /* what all that are up have run, at least; never less than before */
};

#define TURNS_NONE UINT32_MAX

/* Who is there before all others has slept. */
void turns_init(struct turns *t, uint32_t thread, bool was_there);
/* It wakes up, and is counted from now on. */
void turns_wake(struct turns *t, uint32_t thread);
/* It runs from now on. */
void turns_run(struct turns *t, uint32_t thread);
/* It has run for so long, and runs. */
void turns_ran(struct turns *t, uint32_t thread, double ns);
/* It waits for its turn: it has just woken up, or was made to give its place away. */
void turns_wait(struct turns *t, uint32_t thread);
/* Who takes the place of `runs` now that `woke` waits; TURNS_NONE: nobody. */
uint32_t turns_after_wake(struct turns *t, uint32_t runs, uint32_t woke);
/* It has nothing more to do. */
void turns_sleep(struct turns *t, uint32_t thread);
/* Who is next of those that wait; TURNS_NONE: nobody does. */
uint32_t turns_next(struct turns *t);

#endif
