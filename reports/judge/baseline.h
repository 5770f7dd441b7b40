/* SPDX-License-Identifier: Apache-2.0 */
/* These records against earlier ones of the same cells, figure by figure. */
#ifndef NODENS_REPORTS_BASELINE_H
#define NODENS_REPORTS_BASELINE_H

#include "reports/judge/measure.h"

#define BASELINE_ROWS_MAX 512

struct baseline_row {
	const struct cell *cell; /* of the newer book */
	const struct measure *m;
	struct comparison c;
};

struct baseline {
	size_t n, count[CHANGE_UNTESTED + 1]; /* by enum change */
	struct baseline_row row[BASELINE_ROWS_MAX];
};

/* Every measure of every cell and engine that both books have. */
void baseline_compare(struct baseline *ret, const struct book *now, const struct book *was);

#endif
