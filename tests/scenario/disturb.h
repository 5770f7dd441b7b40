/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario file as a stage: its lines happen, what they expect is passed over,
 * and between any two of them something else happens, chosen by a seed: reloads of
 * the configuration at hand or of another of the file's, failures and answers to
 * what was asked (or is void, or over), the same queries once more, time. Asks are
 * refused from within. What must hold then is the contract (driver.h).
 *
 * Or gently: only the configuration at hand, again and again while nothing is under
 * way. Then all that the file expects must come true as well.
 */
#ifndef NODENS_SCENARIO_DISTURB_H
#define NODENS_SCENARIO_DISTURB_H

#include "tests/scenario/world.h"

#define SETUPS_MAX 8

struct disturb {
	struct rng rng;
	struct world *setup[SETUPS_MAX]; /* configurations that were in force */
	size_t n_setups, n_listeners;
	size_t at; /* the one in force */
	bool is_gentle;
};

#define DISTURB_GENTLY UINT64_MAX
/* `seed` or DISTURB_GENTLY. */
void disturb_start(struct world *w, uint64_t seed);
/* The configuration at hand is in force. */
void disturb_learn(struct world *w);
/* After each line. Complaints but of the contract are forgotten. */
void disturb_line(struct world *w);
void disturb_end(struct world *w);

#endif
