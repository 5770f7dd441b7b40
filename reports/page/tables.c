/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the page, and the pictures that stand with them. */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "reports/words/fmt.h"

#define ABSENT "<span aria-label=\"not measured\">\u2013</span>"

const struct row_def cell_rows[] = {
	{ "lookups.total", "lookups" },
	{ "lookups.lost", "lost" },
	{ "lookups.notfound", "no such name" },
	{ "queries.sent", "questions sent" },
	{ "queries.retried", "repeated" },
	{ "conntrack.peak", "table entries, peak" },
	{ "conntrack.insert_failed", "insert failed" },
	{ "notrack.packets_in", "untracked packets" },
	{ "upstream.queries", "at cluster DNS" },
	{ "cache.hits", "cache hits" },
	{ "cache.cpu_s", "cache CPU" },
	{ 0 },
};

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

static void put_cell_head(size_t index, const struct cell *c, FILE *out, unsigned rows)
{
	fprintf(out, "<th scope=\"row\" rowspan=\"%u\"><span class=\"dot\" style=\"background:var(--cell%zu)\"></span>",
		rows, index % CELL_COLOURS);
	html_text(out, c->title);
	fputs("</th>", out);
}

static void put_num(const struct record *r, const char *metric, FILE *out)
{
	char text[FMT_MAX];
	double v;
	if (r && record_num(r, metric, &v))
		fprintf(out, "<td>%s</td>", fmt_unit(v, record_unit(r, metric), text));
	else
		fputs("<td>" ABSENT "</td>", out);
}

/* Columns that no cell can fill are left out. */
static bool column_used(const struct book *b, const char *metric)
{
	double v;
	for (size_t i = 0; i < b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			if (cell_num(&b->cell[i], (enum engine)e, metric, &v))
				return true;
	return false;
}

/* Why a cell has no numbers. */
static void put_reason(const struct record *r, unsigned columns, FILE *out)
{
	const char *kind, *text, *reason = "no numbers in its record";
	for (size_t i = 0; record_remark(r, i, &kind, &text); i++)
		if (!strcmp(kind, "skip"))
			reason = text;
	fprintf(out, "<td class=\"text\" colspan=\"%u\"><span class=\"tag warn\">skipped</span> ", columns);
	html_text(out, reason);
	fputs("</td>", out);
}

static void put_cell_row(const struct book *b, size_t index, FILE *out)
{
	const struct cell *c = &b->cell[index];
	unsigned columns = 0;
	fputs("<tr>", out);
	put_cell_head(index, c, out, 1);
	for (const struct row_def *row = cell_rows; row->metric; row++)
		columns += column_used(b, row->metric);
	if (columns && !record_metric_name(cell_best(c), 0))
		put_reason(cell_best(c), columns, out);
	else
		for (const struct row_def *row = cell_rows; row->metric; row++)
			if (column_used(b, row->metric))
				put_num(cell_best(c), row->metric, out);
	fputs("</tr>\n", out);
}

void section_cells(const struct report *r, FILE *out)
{
	const struct book *b = r->book;
	fprintf(out,
		"<section>\n<h2>The cells</h2>\n<p class=\"note\">All cells ran the same lookups at the same intended times; "
		"what the table shows was %s.</p>\n"
		"<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"The cells\"><table>\n"
		"<thead><tr><th scope=\"col\" class=\"text\">cell</th>",
		book_has(b, ENG_LAB) ? "measured" : "predicted");
	for (const struct row_def *c = cell_rows; c->metric; c++)
		if (column_used(b, c->metric))
			fprintf(out, "<th scope=\"col\">%s</th>", c->words);
	fputs("</tr></thead>\n<tbody>\n", out);
	for (size_t i = 0; i < b->n_cells; i++)
		put_cell_row(b, i, out);
	fputs("</tbody></table></div>\n</section>\n", out);
}

/* --- latency --- */

static void put_figures(const struct report *r, enum figure_kind kind, bool grid, FILE *out)
{
	if (grid)
		fputs("<div class=\"grid\">\n", out);
	for (size_t i = 0; i < r->figures->n; i++) {
		const struct figure *f = &r->figures->fig[i];
		if (f->kind != kind || !f->drawn)
			continue;
		fputs("<div><h3>", out);
		html_text(out, f->heading);
		fputs("</h3>\n", out);
		figure_put(r, f, out);
		fputs("</div>\n", out);
	}
	if (grid)
		fputs("</div>\n", out);
}

static void put_latency_row(const struct cell *c, size_t index, int e, const char *load, FILE *out)
{
	static const char *const parts[] = { "n", "p50", "p90", "p99", "p999", "max" };
	char metric[96];
	fprintf(out, "<tr%s>", e ? "" : " class=\"first\"");
	put_cell_head(index, c, out, 1);
	fprintf(out, "<td class=\"text\">%s</td><td class=\"text eng\">%s</td>", load + strlen("latency."),
		engine_title((enum engine)e));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(metric, sizeof(metric), "%s.%s", load, parts[i]);
		put_num(c->run[e], metric, out);
	}
	fputs("</tr>\n", out);
}

/* The loads from..to-1 of the book. */
static void put_latency_table(const struct report *r, size_t from, size_t to, FILE *out)
{
	char metric[96];
	double v;
	fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Latency table\"><table>\n"
	      "<caption>Latency by load. A percentile is known to 1.6 %; n is the number of lookups it stands on.</caption>\n"
	      "<thead><tr><th scope=\"col\" class=\"text\">cell</th><th scope=\"col\" class=\"text\">load</th><th scope=\"col\" class=\"text\">from</th>"
	      "<th scope=\"col\">n</th><th scope=\"col\">p50</th><th scope=\"col\">p90</th><th scope=\"col\">p99</th>"
	      "<th scope=\"col\">p99.9</th><th scope=\"col\">max</th></tr></thead>\n<tbody>\n",
	      out);
	for (size_t l = from; l < to; l++)
		for (size_t i = 0; i < r->book->n_cells; i++)
			for (int e = 0; e < ENG_N; e++) {
				snprintf(metric, sizeof(metric), "%s.n", r->book->load[l]);
				if (cell_num(&r->book->cell[i], (enum engine)e, metric, &v))
					put_latency_row(&r->book->cell[i], i, e, r->book->load[l], out);
			}
	fputs("</tbody></table></div>\n", out);
}

void section_latency(const struct report *r, FILE *out)
{
	fputs("<section>\n<h2>Latency</h2>\n<p class=\"note\">How to read it: the further right, the rarer; at p99 one lookup in a "
	      "hundred was slower than the line. Solid lines were measured, dashed ones predicted. A lookup is everything an "
	      "application waits for: both address families, the search list, repeats.</p>\n",
	      out);
	put_figures(r, FIG_LATENCY, false, out);
	put_latency_table(r, 0, 1, out);
	if (r->book->n_loads > 1) {
		fputs("<h3>By load</h3>\n<p class=\"note\">Lines as in the picture above.</p>\n", out);
		put_figures(r, FIG_LATENCY_LOAD, true, out);
		fputs("<details><summary>Table of these</summary>\n", out);
		put_latency_table(r, 1, r->book->n_loads, out);
		fputs("</details>\n", out);
	}
	fputs("</section>\n", out);
}

/* --- connection table, bars --- */

void section_conntrack(const struct report *r, FILE *out)
{
	static const struct row_def rows[] = {
		{ "conntrack.peak", "peak" },
		{ "conntrack.final", "at the end" },
		{ "conntrack.created", "made" },
		{ "conntrack.upstream_peak", "node to backends, peak" },
		{ "conntrack.insert_failed", "insert failed" },
		{ "conntrack.drop", "dropped: full" },
		{ "conntrack.early_drop", "thrown out early" },
		{ "model.max_advised", "nf_conntrack_max to set" },
		{ "model.bytes_peak", "kernel memory" },
		{ 0 },
	};
	fputs("<section>\n<h2>The node\u2019s connection table</h2>\n<p class=\"note\">Entries made by the pods\u2019 DNS traffic; all pictures "
	      "share one scale. The filled curve was measured, dashes are dns-sim, dots conntrack-model.</p>\n",
	      out);
	put_figures(r, FIG_CONNTRACK, true, out);
	fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Connection table\"><table>\n<caption>Entries and packets; "
	      "a dash: that engine does not know.</caption>\n<thead><tr><th scope=\"col\" class=\"text\">cell</th><th scope=\"col\" class=\"text\">from</th>",
	      out);
	for (const struct row_def *c = rows; c->metric; c++)
		if (column_used(r->book, c->metric))
			fprintf(out, "<th scope=\"col\">%s</th>", c->words);
	fputs("</tr></thead>\n<tbody>\n", out);
	for (size_t i = 0; i < r->book->n_cells; i++) {
		bool first = true;
		for (int e = 0; e < ENG_N; e++) {
			if (!r->book->cell[i].run[e] || !record_metric_name(r->book->cell[i].run[e], 0))
				continue;
			fprintf(out, "<tr%s>", first ? " class=\"first\"" : "");
			put_cell_head(i, &r->book->cell[i], out, 1);
			fprintf(out, "<td class=\"text eng\">%s</td>", engine_title((enum engine)e));
			for (const struct row_def *c = rows; c->metric; c++)
				if (column_used(r->book, c->metric))
					put_num(r->book->cell[i].run[e], c->metric, out);
			fputs("</tr>\n", out);
			first = false;
		}
	}
	fputs("</tbody></table></div>\n</section>\n", out);
}

static size_t count_backends(const struct book *b)
{
	char metric[48];
	size_t most = 0;
	double v;
	for (size_t i = 0; i < b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			for (size_t k = 1; k <= 16; k++) {
				snprintf(metric, sizeof(metric), "upstream.backend%zu", k);
				if (k > most && cell_num(&b->cell[i], (enum engine)e, metric, &v))
					most = k;
			}
	return most;
}

static void put_upstream_table(const struct book *b, FILE *out)
{
	size_t n = count_backends(b);
	char metric[48];
	double v;
	fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Cluster DNS\"><table>\n<caption>Questions at cluster DNS.</caption>\n<thead><tr>"
	      "<th scope=\"col\" class=\"text\">cell</th><th scope=\"col\" class=\"text\">from</th><th scope=\"col\">all</th>",
	      out);
	for (size_t k = 1; k <= n; k++)
		fprintf(out, "<th scope=\"col\">backend %zu</th>", k);
	fputs("<th scope=\"col\">cache CPU</th></tr></thead>\n<tbody>\n", out);
	for (size_t i = 0; i < b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++) {
			if (!cell_num(&b->cell[i], (enum engine)e, "upstream.queries", &v))
				continue;
			fputs("<tr>", out);
			put_cell_head(i, &b->cell[i], out, 1);
			fprintf(out, "<td class=\"text eng\">%s</td>", engine_title((enum engine)e));
			put_num(b->cell[i].run[e], "upstream.queries", out);
			for (size_t k = 1; k <= n; k++) {
				snprintf(metric, sizeof(metric), "upstream.backend%zu", k);
				put_num(b->cell[i].run[e], metric, out);
			}
			put_num(b->cell[i].run[e], "cache.cpu_s", out);
			fputs("</tr>\n", out);
		}
	fputs("</tbody></table></div>\n", out);
}

void section_bars(const struct report *r, FILE *out)
{
	if (!column_used(r->book, "upstream.queries"))
		return;
	fputs("<section>\n<h2>Load on cluster DNS</h2>\n<p class=\"note\">Full bars were measured, pale ones beside them predicted; "
	      "each bar is stacked by backend.</p>\n",
	      out);
	put_figures(r, FIG_UPSTREAM, false, out);
	put_figures(r, FIG_CPU, true, out);
	put_upstream_table(r->book, out);
	fputs("</section>\n", out);
}
