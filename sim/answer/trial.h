/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cell of the scenario with some keys set otherwise, run at once: what size and cliff are made of.
 */
#ifndef NODENS_SIM_TRIAL_H
#define NODENS_SIM_TRIAL_H

#include "sim/answer/ask.h"

#define TRIAL_SETS 12
#define TRIAL_TEXT 160

struct trial {
	char set[TRIAL_SETS][TRIAL_TEXT];
	unsigned n_sets;
	struct loaded l; /* after trial_run */
	size_t cell;	 /* of l */
	struct cell_outcome out;
};

/* printf to "KEY=VALUE"; the last one of a key holds. */
void trial_set(struct trial *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The i-th of the cells that the command line asks for. */
int trial_run(struct trial *t, const struct sim_ask *a, size_t cell, struct diag *d);
/* Several at once, on all cores; on error none is left. */
int trials_run(struct trial *t, size_t n, const struct sim_ask *a, size_t cell, const char *name, struct diag *d);
void trial_release(struct trial *t);
struct interval trial_number(const struct trial *t, const char *name);

/* How full each resource was: 1 is all of it. */
struct pressure {
	double replicas, table, cache, outside;
};
struct pressure trial_pressure(const struct trial *t);
/* The fullest, in words; what dropped packets, if anything did. */
const char *trial_bottleneck(const struct trial *t);

#endif
