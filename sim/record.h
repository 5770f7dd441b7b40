/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated cell as a result record, and as lines for a person. */
#ifndef NODENS_SIM_RECORD_H
#define NODENS_SIM_RECORD_H

#include <stdio.h>

#include "sim/sim.h"

struct sim_source {
	int argc;
	char **argv;
	const char *costs_path; /* or NULL */
};

/* DIR/<cell>/run.json and its series and histograms. */
int sim_record_write(const struct sim_result *r, const struct sim_conf *c,
		     const struct sim_source *src, const char *dir, struct diag *d);
void sim_print_head(FILE *out);
void sim_print_row(const struct sim_result *r, const struct sim_conf *c, FILE *out);

#endif
