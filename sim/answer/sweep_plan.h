/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sweep and its merge share: the plan, its points, and the one way in which results are
 * written, so that merged and unsharded ones are the same bits.
 */
#ifndef NODENS_SIM_SWEEP_PLAN_H
#define NODENS_SIM_SWEEP_PLAN_H

#include "sim/answer/ask.h"
#include "sim/answer/sweep_file.h"

struct sweep_plan {
	struct sim_ask *a;
	struct sweep_file file;
	size_t n_cells; /* of each point */
	char digest[65];
	uint64_t shard, n_shards;
	FILE *part; /* a shard's */
	uint64_t n_parts;
	int part_errno; /* why it could not be written */
	FILE *table;
};

struct sweep_pt {
	char set[SWEEP_KEYS_MAX][2 * SWEEP_TEXT_MAX];
	char name[SWEEP_KEYS_MAX * 2 * SWEEP_TEXT_MAX];
	struct loaded l;
};

int sweep_plan_load(struct sweep_plan *p, struct sim_ask *a, struct diag *d);
int sweep_point_load(struct sweep_plan *p, unsigned i, struct sweep_pt *ret, struct diag *d);
void sweep_table_head(struct sweep_plan *p);
/* DIR/point-0003/CELL and a row of the table. */
int sweep_point_write(struct sweep_plan *p, unsigned i, const struct sweep_pt *pt, size_t c,
		      const struct cell_outcome *o, struct diag *d);
#define SWEEP_TABLE ".sweep.csv" /* until it is whole */

#endif
