/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold: "p99<=10ms,lost<=0.01%". A goal is met when the whole interval lies on the right
 * side, so few replications make a careful answer.
 */
#ifndef NODENS_SIM_GOAL_H
#define NODENS_SIM_GOAL_H

#include "sim/answer/cells.h"

#define GOALS_MAX 8

struct goal {
	size_t number; /* of numbers.h */
	double bound;
	bool at_most;
	char text[48];
};
struct goals {
	struct goal goal[GOALS_MAX];
	unsigned n;
};

int goals_parse(struct goals *ret, const char *text, struct diag *d);
/* The first that is not met, or NULL. */
const struct goal *goals_broken(const struct goals *g, const struct cell_outcome *o);

#endif
