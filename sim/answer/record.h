/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated cell as a result record, and as lines for a person. */
#ifndef NODENS_SIM_RECORD_H
#define NODENS_SIM_RECORD_H

#include <stdio.h>

#include "sim/answer/cells.h"

struct sim_source {
	int argc;
	char **argv;
	const char *costs_path; /* or NULL */
	const char *point;	/* which of a sweep: "cluster.backends=4 growth=2"; or NULL */
};

/* DIR/<cell>/run.json and its series and histograms: means of one run of the whole cluster over
 * replications and parts, distributions of all of them. */
int sim_record_write(const struct cell_outcome *o, const struct cell_job *j, const struct sim_source *src,
		     const char *dir, struct diag *d);
void sim_print_head(FILE *out);
void sim_print_row(const struct cell_outcome *o, const struct cell_job *j, FILE *out);

#endif
