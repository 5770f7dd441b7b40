/* SPDX-License-Identifier: Apache-2.0 */
/* A plan (capacity-report plan): what was asked, what it came to, and which answer moves it. */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "lib/record/table.h"

static const struct record *plan_of(const struct book *b)
{
	for (size_t i = 0; i < b->n_cells; i++)
		if (b->cell[i].run[ENG_PLAN])
			return b->cell[i].run[ENG_PLAN];
	return NULL;
}

static void put_figures_of(struct report *r, const struct record *plan, FILE *out)
{
	struct sheet *s = sheet_new(&r->sheets, "plan", "Figures of the plan, their units in their names.");
	const char *metric;
	sheet_column_text(s, "figure", "figure");
	sheet_column_num(s, "value", "value");
	for (size_t i = 0; (metric = record_metric_name(plan, i)); i++) {
		sheet_row(s, false);
		sheet_text(s, metric);
		sheet_metric(s, plan, metric);
	}
	sheet_html(s, out);
}

/* A table of the plan's record as it is. */
static void put_table(struct report *r, const struct record *plan, const char *name, const char *caption, FILE *out)
{
	struct table t;
	struct diag d;
	if (record_table(plan, name, &t, &d))
		return;
	struct sheet *s = sheet_new(&r->sheets, name, caption);
	sheet_column_text(s, "what", "what");
	for (size_t k = 0; k < t.n_columns; k++)
		sheet_column_num(s, t.column[k], NULL);
	for (size_t i = 0; t.has_what && i < t.n_rows; i++) {
		sheet_row(s, false);
		sheet_text(s, t.what[i]);
		for (size_t k = 0; k < t.n_columns; k++) {
			double v = table_at(&t, i, (int)k);
			if (isnan(v))
				sheet_absent(s);
			else
				sheet_num(s, v, "1");
		}
	}
	sheet_html(s, out);
	table_release(&t);
}

void section_plan(struct report *r, FILE *out)
{
	const struct record *plan = plan_of(r->book);
	if (!plan)
		return;
	section_begin(
		r, out, "plan", "The plan",
		"From a few answers, by dns-sim and conntrack-model: how sure it is follows from how far each answer moves it.");
	put_figures_of(r, plan, out);
	put_table(r, plan, "plan_inputs", "What was asked, and where each answer is from.", out);
	put_figures(r, FIG_TORNADO, out);
	put_table(r, plan, "plan_sensitivity", "With another answer: times what it is.", out);
	section_end(out);
}
