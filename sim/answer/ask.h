/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command line asks for, and the scenario that answers it: every verb begins here.
 */
#ifndef NODENS_SIM_ASK_H
#define NODENS_SIM_ASK_H

#include <stdio.h>

#include "lib/base/opt.h"
#include "sim/answer/cells.h"
#include "sim/answer/record.h"

#define ASK_CELLS_MAX 9 /* proxy modes and caches */
#define ASK_SETS_MAX (OPT_LIST_MAX + 16)

struct sim_ask {
	const char *scenario, *out, *qs;
	struct opt_list cells, sets, seldom, tcp;
	uint64_t processors; /* calibrate: that the lab shares */
	uint64_t nodes, part, seed, replications, threads;
	bool no_verify, same_lookups;
	uint64_t n_records; /* written so far */
	struct sim_costs costs, nft_costs; /* of cells with nftables' rules the second */
	struct sim_source src;
	/* sweep, merge */
	const char *sweep, *shard;
	char **operand;
	int n_operands;
	/* size, cliff */
	const char *slo;
	bool unmet; /* size says: in some cell no number of replicas meets the goals */
	double surge_times;
	uint64_t surge_ns;
};

struct loaded {
	struct scenario *s;
	struct zone *zone;
	struct cell_job cell[ASK_CELLS_MAX];
	size_t n_cells;
};

/* The scenario with `sets` (or NULL) after those of the command line, its zone and its cells; ERR_MISSING
 * when it has none of those asked for. */
int ask_load(struct loaded *ret, const struct sim_ask *a, const char *const *sets, size_t n_sets,
	     struct diag *d);
void ask_release(struct loaded *l);
unsigned ask_threads(const struct sim_ask *a);
/* The results' folder is there, or is made: what cannot be is told before hours are computed for it. */
int ask_out_ready(const struct sim_ask *a, struct diag *d);
/* A file of the results' folder, which is made when it is not there. It is hidden (.NAME) until it is whole: a run that
 * was killed leaves none that could be taken for one. */
int ask_out_open(const struct sim_ask *a, const char *hidden, FILE **ret, struct diag *d);
int ask_out_close(const struct sim_ask *a, const char *hidden, FILE *f, int rc, struct diag *d); /* the first error */

/* A record below DIR, of a point of a sweep or NULL; what is said of an interrupted run knows of it. */
int ask_record(struct sim_ask *a, const struct cell_outcome *o, const struct cell_job *j, const char *point, const char *dir,
	       struct diag *d);

/* The verbs. */
int ask_predict(struct sim_ask *a, struct diag *d); /* none: each cell, a line and a record */
int sweep(struct sim_ask *a, struct diag *d);
int sweep_merge(struct sim_ask *a, struct diag *d);
int size(struct sim_ask *a, struct diag *d);
int cliff(struct sim_ask *a, struct diag *d);
int calibrate(struct sim_ask *a, struct diag *d);

#endif
