/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model beside the kernel: the same load, the measured occupancy or loss,
 * the error. What was measured is an extract of runs on Linux 6.18
 * (docs/conntrack.md); with the runs' own files in a folder it is read from
 * there instead.
 */
#ifndef NODENS_CT_VALIDATE_H
#define NODENS_CT_VALIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/base/err.h"

enum truth_kind {
	TRUTH_OCCUPANCY, /* min, mean, max of the count in the window */
	TRUTH_PEAK,	 /* its max alone */
	TRUTH_LOSS,	 /* share of new flows dropped, early drops a second */
};
struct truth_value { /* unused fields 0 */
	double min, mean, max;
	double lost, early_per_s;
};
struct truth_row {
	const char *name; /* file name without .csv */
	enum truth_kind kind;
	struct truth_value measured, model;
	double tolerance, early_tolerance; /* relative; the second above 0: early drops are held to it as well */
	bool from_file;
};

#define VALIDATE_ROWS_MAX 32
#define TRUTH_LOST_LITTLE 0.01 /* below, a share is a matter of points: half of one */
#define TRUTH_ENDS 0.04 /* of least and most: those of one run, whose sweeps come when they come */
/* Runs every case (a few seconds). `dir` NULL: measured values as committed.
 * A file that is missing in `dir` falls back to the extract. */
int validate_run(struct truth_row rows[VALIDATE_ROWS_MAX], size_t *ret_n, const char *dir,
		 struct diag *d);
void validate_print(const struct truth_row *rows, size_t n, FILE *out);
/* The largest relative error of the mean occupancy, and the largest error of a
 * lost share in points. */
void validate_worst(const struct truth_row *rows, size_t n, double *ret_mean_rel,
		    double *ret_lost_points);

/* Within the tolerance stated in docs/conntrack.md: 2 % of a mean count, 10 % of a share
 * lost (half a point where that is below 1 %). */
bool validate_holds(const struct truth_row *row);
int validate_write(const struct truth_row *rows, size_t n, const char *dir, int argc, char **argv,
		   struct diag *d);

#endif
