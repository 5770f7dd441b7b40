/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers against numbers: predicted and measured, now and the baseline, run after run. */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "reports/judge/stats.h"
#include "reports/words/fmt.h"

const struct row_def prediction_rows[] = {
	{ "latency.all.p50", "latency, median" },
	{ "latency.all.p90", "latency, 90th percentile" },
	{ "latency.all.p99", "latency, 99th percentile" },
	{ "lookups.lost", "lookups lost" },
	{ "queries.sent", "questions sent by pods" },
	{ "queries.retried", "questions repeated" },
	{ "upstream.queries", "questions at cluster DNS" },
	{ "cache.hits", "cache hits" },
	{ "cache.misses", "cache misses" },
	{ "conntrack.peak", "table entries of pods, peak" },
	{ "conntrack.final", "table entries of pods, at the end" },
	{ "conntrack.upstream_peak", "table entries node to backends, peak" },
	{ 0 },
};

static void put_prediction(struct sheet *s, const struct cell *c, enum engine e, const char *metric, double measured,
			   double tolerance)
{
	char error[64], text[80];
	double v;
	if (!cell_num(c, e, metric, &v)) {
		sheet_absent(s);
		sheet_absent(s);
		return;
	}
	const char *unit = record_unit(c->run[e], metric);
	bool near = prediction_error(measured, v, unit, tolerance, error);
	sheet_num(s, v, unit);
	snprintf(text, sizeof(text), "%s%s", near ? "" : "off: ", error);
	if (measured > 0)
		sheet_num_as(s, v / measured - 1, "1", text);
	else
		sheet_text(s, text);
	sheet_mark(s, near ? MARK_NONE : MARK_WARN);
}

static void put_predictions(struct report *r, FILE *out)
{
	struct sheet *s =
		sheet_new(&r->sheets, "predictions", "Predicted beside measured; the error is relative to what was measured.");
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "what", "what");
	sheet_column_num(s, "measured", "measured");
	sheet_column_num(s, "dns-sim", "sim");
	sheet_column_num(s, "error", "sim_error");
	sheet_column_num(s, "conntrack-model", "model");
	sheet_column_num(s, "error", "model_error");
	for (size_t i = 0; i < r->book->n_cells; i++) {
		const struct cell *c = &r->book->cell[i];
		bool first = true;
		for (const struct row_def *p = prediction_rows; p->metric; p++) {
			enum engine from;
			double measured, v;
			if (!cell_measured(c, p->metric, &measured, &from) ||
			    (!cell_num(c, ENG_SIM, p->metric, &v) && !cell_num(c, ENG_MODEL, p->metric, &v)))
				continue;
			sheet_row(s, first);
			first = false;
			sheet_cell_head(s, r, c);
			sheet_text(s, p->words);
			sheet_num(s, measured, record_unit(c->run[from], p->metric));
			put_prediction(s, c, ENG_SIM, p->metric, measured, r->tolerance);
			put_prediction(s, c, ENG_MODEL, p->metric, measured, r->tolerance);
		}
	}
	sheet_html(s, out);
}

/* The model's walk against its own formula. */
static void put_closed(struct report *r, FILE *out)
{
	static const struct {
		const char *walk, *formula, *words;
	} rows[] = { { "model.count_mean", "model.closed_mean", "mean of the count" },
		     { "model.count_peak", "model.closed_peak", "peak of the count" } };
	struct sheet *s = sheet_new(&r->sheets, "closed_form",
				    "The table, walked packet by packet, beside the formula for its steady state.");
	char text[FMT_MAX];
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "what", "what");
	sheet_column_num(s, "walked", "walked");
	sheet_column_num(s, "formula", "formula");
	sheet_column_num(s, "error", "error");
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
			double walk, formula;
			if (!cell_num(&r->book->cell[i], ENG_MODEL, rows[k].walk, &walk) ||
			    !cell_num(&r->book->cell[i], ENG_MODEL, rows[k].formula, &formula) || formula <= 0)
				continue;
			sheet_row(s, k == 0);
			sheet_cell_head(s, r, &r->book->cell[i]);
			sheet_text(s, rows[k].words);
			sheet_num(s, round(walk), "entries");
			sheet_num(s, round(formula), "entries");
			sheet_num_as(s, walk / formula - 1, "1", fmt_change(formula, walk, text));
		}
	sheet_html(s, out);
}

void section_predictions(struct report *r, FILE *out)
{
	bool any = false;
	double v;
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (const struct row_def *p = prediction_rows; p->metric; p++)
			any = any || (cell_measured(&r->book->cell[i], p->metric, &v, NULL) &&
				      (cell_num(&r->book->cell[i], ENG_SIM, p->metric, &v) ||
				       cell_num(&r->book->cell[i], ENG_MODEL, p->metric, &v)));
	if (!any && !metric_used(r->book, "model.closed_mean"))
		return;
	char note[256];
	snprintf(note, sizeof(note),
		 "The error is what the model said, relative to what was measured; \u201coff\u201d marks errors above %.0f %%. "
		 "A model whose error is not printed beside a measurement is an opinion.",
		 r->tolerance * 100);
	section_begin(r, out, "predictions", "Model check: predicted beside measured", note);
	put_figures(r, FIG_COMPARE, out);
	put_predictions(r, out);
	put_closed(r, out);
	section_end(out);
}

/* --- baseline --- */

void section_baseline(struct report *r, FILE *out)
{
	static const enum sheet_mark mark[] = { MARK_NONE, MARK_NONE, MARK_GOOD, MARK_BAD, MARK_WARN };
	const struct baseline *b = r->baseline;
	char note[512], change[FMT_MAX];
	if (!b)
		return;
	snprintf(
		note, sizeof(note),
		"%zu figures are better than in the baseline, %zu worse, %zu the same; %zu could not be decided. What is decided by intervals of one run a side "
		"allows for chance within a run only, not for what differs from run to run: four alike runs a side are compared by ranks instead.",
		b->count[CHANGE_BETTER], b->count[CHANGE_WORSE], b->count[CHANGE_SAME], b->count[CHANGE_UNTESTED]);
	section_begin(r, out, "baseline", "Compared with the baseline", note);
	put_figures(r, FIG_BASELINE, out);
	struct sheet *s = sheet_new(&r->sheets, "baseline", "Each figure of each cell that both have, and how it was decided.");
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "what", "what");
	sheet_column_num(s, "baseline", "was");
	sheet_column_num(s, "now", "now");
	sheet_column_num(s, "change", "change");
	sheet_column_text(s, "is", "is");
	sheet_column_text(s, "decided by", "decided_by");
	for (size_t i = 0; i < b->n; i++) {
		const struct baseline_row *row = &b->row[i];
		sheet_row(s, i == 0 || row->cell != b->row[i - 1].cell);
		sheet_cell_head(s, r, row->cell);
		sheet_text(s, row->m->words);
		sheet_num(s, row->c.was, row->c.unit);
		sheet_num(s, row->c.now, row->c.unit);
		if (row->c.was > 0)
			sheet_num_as(s, row->c.now / row->c.was - 1, "1", fmt_change(row->c.was, row->c.now, change));
		else
			sheet_absent(s);
		sheet_text(s, change_words[row->c.is]);
		sheet_mark(s, mark[row->c.is]);
		sheet_textf(s, "%s; %s", row->c.why, engine_title(row->c.engine));
	}
	sheet_html(s, out);
	section_end(out);
}

/* --- trend --- */

static const struct row_def trend_rows[] = {
	{ "latency.all.p50", "p50" },
	{ "latency.all.p99", "p99" },
	{ "lookups.lost", "lost" },
	{ "conntrack.peak", "table entries" },
	{ "upstream.queries", "at cluster DNS" },
	{ "cache.cpu_s", "cache CPU" },
	{ 0 },
};

static void put_runs(struct report *r, FILE *out)
{
	struct sheet *s = sheet_new(&r->sheets, "runs", "Every run, oldest first.");
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "from", "from");
	sheet_column_text(s, "begun", "begun");
	sheet_column_text(s, "version", "version");
	for (const struct row_def *t = trend_rows; t->metric; t++)
		if (metric_used(r->book, t->metric))
			sheet_column_num(s, t->words, t->metric);
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (int e = 0; e < ENG_N; e++) {
			const struct runs *all = &r->book->cell[i].all[e];
			for (size_t k = 0; all->n > 1 && k < all->n; k++) {
				sheet_row(s, k == 0);
				sheet_cell_head(s, r, &r->book->cell[i]);
				sheet_text(s, engine_title((enum engine)e));
				sheet_text(s, record_fact(all->run[k], "start") ? record_fact(all->run[k], "start") : "");
				sheet_text(s, record_fact(all->run[k], "version") ? record_fact(all->run[k], "version") : "");
				for (const struct row_def *t = trend_rows; t->metric; t++)
					if (metric_used(r->book, t->metric))
						sheet_metric(s, all->run[k], t->metric);
			}
		}
	sheet_html(s, out);
}

static void put_trend_row(struct sheet *s, const struct report *r, const struct cell *c, enum engine e, const struct row_def *t)
{
	double v[BOOK_RUNS_MAX], tau, low = INFINITY, high = -INFINITY;
	char change[FMT_MAX], a[FMT_MAX], b[FMT_MAX];
	const struct runs *all = &c->all[e];
	size_t n = 0;
	for (size_t k = 0; k < all->n; k++)
		if (record_num(all->run[k], t->metric, &v[n])) {
			low = fmin(low, v[n]);
			high = fmax(high, v[n]);
			n++;
		}
	if (n < 2)
		return;
	double p = trend_p(v, n, &tau);
	const char *unit = record_unit(all->run[all->n - 1], t->metric);
	sheet_row(s, false);
	sheet_cell_head(s, r, c);
	sheet_textf(s, "%s, %s", t->words, engine_title(e));
	sheet_num(s, (double)n, "runs");
	sheet_textf(s, "%s to %s", fmt_unit(low, unit, a), fmt_unit(high, unit, b));
	if (v[0] > 0)
		sheet_num_as(s, v[n - 1] / v[0] - 1, "1", fmt_change(v[0], v[n - 1], change));
	else
		sheet_absent(s);
	sheet_text(s, n < 4 ? "fewer than four runs" : p >= 0.05 ? "no trend" : tau > 0 ? "rising" : "falling");
	sheet_mark(s, n >= 4 && p < 0.05 ? MARK_WARN : MARK_NONE);
	sheet_num_as(s, p, "1", n < 4 ? "" : fmt_unit(p, "p", a));
}

void section_trend(struct report *r, FILE *out)
{
	bool any = false;
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			any = any || r->book->cell[i].all[e].n > 1;
	if (!any)
		return;
	section_begin(
		r, out, "trend", "Trend over the runs",
		"Several records of one cell. A trend is told by the test of Mann and Kendall, p < 0.05, on all runs in the order of their dates; everywhere "
		"else on this page the middle run, by its 99th percentile, of the newest version and input stands for the cell.");
	put_figures(r, FIG_TREND, out);
	struct sheet *s = sheet_new(&r->sheets, "trend", "How each figure moved.");
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "what", "what");
	sheet_column_num(s, "runs", "runs");
	sheet_column_text(s, "from lowest to highest", "range");
	sheet_column_num(s, "first to last", "change");
	sheet_column_text(s, "trend", "trend");
	sheet_column_num(s, "p", "p");
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			for (const struct row_def *t = trend_rows; t->metric; t++)
				put_trend_row(s, r, &r->book->cell[i], (enum engine)e, t);
	sheet_html(s, out);
	put_runs(r, out);
	section_end(out);
}
