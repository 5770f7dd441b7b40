/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many worlds on all cores: each cell so many times over from seeds of their own, each time in
 * parts of some nodes. Parts are added up in one order whatever thread was first, so the
 * number of threads changes nothing but the time.
 *
 * Nodes meet only at the cluster DNS. Where that is never busy, nodes apart are exactly what they
 * are together. Where it is, the nodes of a part see the others as Poisson arrivals at their
 * multiple of the part's own rate.
 */
#ifndef NODENS_SIM_CELLS_H
#define NODENS_SIM_CELLS_H

#include "sim/answer/numbers.h"

struct cell_job {
	const struct scenario *s;
	const struct zone *zone;
	const struct sim_costs *costs;
	enum scen_proxy proxy;
	enum sim_cache cache;
	bool verify;
	bool same_lookups;   /* in all replications, those of the scenario's seed */
	unsigned n_nodes;    /* simulated; at most the scenario's */
	unsigned part_nodes; /* together; 0: cells_part_nodes */
	unsigned n_reps, first_rep, rep_step; /* replications first, first + step, ... below n_reps */
	const char *qs_path; /* of the first replication's first node, or NULL */
};

struct cell_outcome {
	unsigned n_reps; /* that were run here */
	struct sim_result sum;
	struct numbers *rep; /* [n_reps], in order */
};

/* Told of each replication that is whole, those of a job in order; not from two threads at once. */
struct cells_each {
	void *ctx;
	int (*whole)(void *ctx, size_t job, unsigned rep, const struct sim_result *r); /* 0 or an error */
};

/* All jobs on `n_threads`; `name` is what the progress line shows, NULL: none. On error
 * nothing is left to release. */
int cells_run(const struct cell_job *job, size_t n_jobs, unsigned n_threads, const char *name,
	      struct cell_outcome *ret, const struct cells_each *each, struct diag *d);
/* One replication more; `rep` has room for it. */
int cell_outcome_add(struct cell_outcome *o, unsigned i, const struct sim_result *r, const struct scenario *s);
void cell_outcome_release(struct cell_outcome *o);

unsigned cells_nodes_default(const struct scenario *s);
/* Nodes that are simulated together when nothing else was said. */
unsigned cells_part_nodes(const struct scenario *s, const struct sim_costs *costs, unsigned n_nodes);
/* The seed of a replication; the first is the scenario's own. */
uint64_t cells_seed(uint64_t seed, unsigned rep);

#endif
