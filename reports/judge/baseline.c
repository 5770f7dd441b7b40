/* SPDX-License-Identifier: Apache-2.0 */
/* All measures of all cells that both sides have. */
#include "reports/judge/baseline.h"

void baseline_compare(struct baseline *ret, const struct book *now, const struct book *was)
{
	ret->n = 0;
	for (int i = 0; i <= CHANGE_UNTESTED; i++)
		ret->count[i] = 0;
	for (size_t i = 0; i < now->n_cells; i++) {
		const struct cell *before = book_same(was, &now->cell[i]);
		for (int e = 0; before && e < ENG_N; e++)
			for (const struct measure *m = measures; m->metric && ret->n < BASELINE_ROWS_MAX; m++) {
				struct baseline_row *row = &ret->row[ret->n];
				*row = (struct baseline_row){ .cell = &now->cell[i], .m = m };
				measure_compare_engine(&row->c, m, (enum engine)e, before, &now->cell[i]);
				if (row->c.is == CHANGE_UNKNOWN)
					continue;
				ret->count[row->c.is]++;
				ret->n++;
			}
	}
}
