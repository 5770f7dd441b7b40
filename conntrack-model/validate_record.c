/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validation as a result record: a named check for each measured run, so
 * that a report can show how far to trust the predictions beside it.
 */
#include <math.h>
#include <stdio.h>

#include "conntrack-model/validate.h"
#include "lib/record/metrics_common.h"
#include "lib/record/result.h"

static const struct metric_def defs[] = {
	{"model.error_mean_percent", "percent", MERGE_MAX, "largest error of a mean occupancy"},
	{"model.error_lost_points", "points", MERGE_MAX,
	 "largest error of a share lost, in percentage points"},
	{0},
};

static void put_check(struct result *r, const struct truth_row *t)
{
	const struct truth_value *k = &t->measured, *m = &t->model;
	char text[160];

	if (t->kind != TRUTH_LOSS)
		snprintf(text, sizeof(text),
			 "entries min/mean/max: kernel %.0f/%.0f/%.0f, model %.0f/%.0f/%.0f",
			 k->min, k->mean, k->max, m->min, m->mean, m->max);
	else
		snprintf(text, sizeof(text),
			 "lost: kernel %.2f %%, model %.2f %%; dropped early a second: %.1f, %.1f",
			 100 * k->lost, 100 * m->lost, k->early_per_s, m->early_per_s);
	result_check(r, t->name, validate_holds(t), text);
}

int validate_write(const struct truth_row *rows, size_t n, const char *dir, int argc, char **argv,
		   struct diag *d)
{
	double mean_rel, lost_points;
	struct result *r;
	int rc = result_open(&r, dir, "conntrack-model", defs, argc, argv, d);

	if (rc < 0)
		return rc;
	result_label(r, LABEL_ENGINE, ENGINE_MODEL);
	result_label(r, LABEL_SCENARIO, "validation");
	validate_worst(rows, n, &mean_rel, &lost_points);
	result_num(r, "model.error_mean_percent", 100 * mean_rel);
	result_num(r, "model.error_lost_points", lost_points);
	for (size_t i = 0; i < n; i++)
		put_check(r, &rows[i]);
	return result_close(r, d);
}
