/* SPDX-License-Identifier: Apache-2.0 */
/* Durations over time as the record's table "heat": the grid's cells that hold anything. */
#include "lib/record/heat_table.h"

#include "lib/base/clock.h"
#include "lib/record/table.h"

void result_heat(struct result *r, const struct heat *h)
{
	static const char *const columns[] = { "t_s", "step_s", "low_ns", "high_ns", "count", NULL };
	struct table t;
	uint64_t low, high;
	table_init(&t, columns);
	for (unsigned i = 0; i < h->n_steps; i++)
		for (unsigned b = 0; b < HEAT_BANDS; b++) {
			if (!h->count[i][b])
				continue;
			heat_bounds(b, &low, &high);
			double row[] = { (double)(i * h->step_ns) / NS_PER_S, (double)h->step_ns / NS_PER_S, (double)low,
					 (double)high, h->count[i][b] };
			if (table_add(&t, NULL, row)) /* a picture is not worth the record */
				break;
		}
	result_table(r, HEAT_TABLE, &t);
	table_release(&t);
}
