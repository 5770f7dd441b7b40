/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replications on paper: what one shard of a sweep leaves for the merge. Whole numbers, and the
 * one sum that is none in hexadecimal, so that what is read is what was written, to the bit.
 *
 *   #nodens-sim-part 3
 *   sweep SHA256            what was swept: file, scenario and costs
 *   task JOB REPLICATION    then num, cause, backend, why, hist, b, heat, s, sample lines
 *   end SHA256              of the lines from `task` on: a number that changed on its way is no result
 *   ...
 *   done TASKS              the last line: a file without it is one that was cut
 */
#ifndef NODENS_SIM_PART_H
#define NODENS_SIM_PART_H

#include <stdio.h>

#include "sim/world/sim.h"

void part_head(FILE *f, const char *digest);
int part_task(FILE *f, uint64_t job, uint64_t rep, const struct sim_result *r);
void part_done(FILE *f, uint64_t n_tasks);

struct part_reader {
	const char *path;
	FILE *f;
	unsigned line;
	uint64_t n_tasks; /* seen so far */
	char text[512];
	/* of the task at hand, for its digest */
	char *task;
	size_t len, cap;
};
/* Its head must say `digest`. */
int part_open(struct part_reader *p, const char *path, const char *digest, struct diag *d);
/* The next task; *ret_more false: there are no more. The caller releases the result. */
int part_next(struct part_reader *p, uint64_t *ret_job, uint64_t *ret_rep, struct sim_result *ret, bool *ret_more,
	      struct diag *d);
void part_close(struct part_reader *p);

#endif
