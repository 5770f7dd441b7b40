/* SPDX-License-Identifier: Apache-2.0 */
/* Latency: as a spectrum, as a table with intervals, and over time. */
#include "reports/page/report.h"

#include <string.h>

#include "reports/judge/measure.h"
#include "reports/words/fmt.h"

static void put_row(struct sheet *s, const struct report *r, const struct cell *c, int e, const char *load, bool first)
{
	static const struct {
		const char *name;
		double q;
	} parts[] = { { "n", 0 }, { "p50", 0.5 }, { "p90", 0 }, { "p99", 0.99 }, { "p999", 0.999 } };
	char metric[96], text[160], a[FMT_MAX], b[FMT_MAX];
	double low, high;
	sheet_row(s, first);
	sheet_cell_head(s, r, c);
	sheet_text(s, fmt_load(load));
	sheet_text(s, engine_title((enum engine)e));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(metric, sizeof(metric), "%s.%s", load, parts[i].name);
		sheet_metric(s, c->run[e], metric);
		if (parts[i].q > 0 && measure_interval(c->run[e], load, parts[i].q, &low, &high)) {
			snprintf(text, sizeof(text), "%s to %s", fmt_ns(low, a), fmt_ns(high, b));
			sheet_aside(s, text);
		}
	}
	snprintf(metric, sizeof(metric), "%s.max", load);
	sheet_metric(s, c->run[e], metric);
}

/* The loads from..to-1 of the book. */
static void put_table(struct report *r, const char *id, const char *caption, size_t from, size_t to, FILE *out)
{
	char metric[96];
	double v;
	struct sheet *s = sheet_new(&r->sheets, id, caption);
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "load", "load");
	sheet_column_text(s, "from", "from");
	sheet_column_num(s, "n", "n");
	sheet_column_num(s, "p50", "p50");
	sheet_column_num(s, "p90", "p90");
	sheet_column_num(s, "p99", "p99");
	sheet_column_num(s, "p99.9", "p999");
	sheet_column_num(s, "max", "max");
	for (size_t l = from; l < to; l++)
		for (size_t i = 0; i < r->book->n_cells; i++) {
			bool first = true;
			for (int e = 0; e < ENG_N; e++) {
				snprintf(metric, sizeof(metric), "%s.n", r->book->load[l]);
				if (!cell_num(&r->book->cell[i], (enum engine)e, metric, &v))
					continue;
				put_row(s, r, &r->book->cell[i], e, r->book->load[l], first);
				first = false;
			}
		}
	sheet_html(s, out);
}

static bool any_latency(const struct book *b)
{
	char metric[96];
	for (size_t l = 0; l < b->n_loads; l++) {
		snprintf(metric, sizeof(metric), "%s.n", b->load[l]);
		if (metric_used(b, metric))
			return true;
	}
	return false;
}

void section_latency(struct report *r, FILE *out)
{
	if (!any_latency(r->book))
		return;
	section_begin(
		r, out, "latency", "Latency",
		"How to read it: the further right, the rarer; at p99 one lookup in a hundred was slower than the line. Solid lines were measured, "
		"dashed ones predicted; upright bars are 95 % intervals, a shaded band spans repeated runs. A lookup is everything an application waits "
		"for: both address families, the search list, repeats; one that got no answer counts with the whole time it waited.");
	put_figures(r, FIG_LATENCY, out);
	put_table(
		r, "latency",
		"Latency of all lookups. Below a percentile its 95 % interval, where n lookups suffice for one; each is known to 1.6 % besides.",
		0, 1, out);
	if (r->book->n_loads > 1) {
		fputs("<h3>By load and path</h3>\n<p class=\"note\">Lines as in the picture above.</p>\n", out);
		put_figures(r, FIG_LATENCY_LOAD, out);
		put_table(r, "latency_by_load", "Latency by load, or by the path that answers took.", 1, r->book->n_loads, out);
	}
	section_end(out);
}

void section_heat(struct report *r, FILE *out)
{
	bool any = false;
	for (size_t i = 0; i < r->figures->n; i++)
		any = any || (r->figures->fig[i].kind == FIG_HEAT && r->figures->fig[i].drawn);
	if (!any)
		return;
	section_begin(
		r, out, "heat", "Latency over time",
		"Each box counts the lookups that began in a stretch of time and took so long; the deeper, the more. A line of boxes high above the "
		"rest is what waited for a time-out. All pictures share their scales.");
	put_figures(r, FIG_HEAT, out);
	section_end(out);
}
