/* SPDX-License-Identifier: Apache-2.0 */
/* All cells side by side: the modes of kube-proxy, without and with the cache. */
#include "reports/page/report.h"

#include <string.h>

const struct row_def mode_rows[] = {
	{ "lookups.total", "lookups" },
	{ "lookups.lost", "lost" },
	{ "latency.all.p50", "p50" },
	{ "latency.all.p99", "p99" },
	{ "conntrack.peak", "table entries, peak" },
	{ "upstream.queries", "at cluster DNS" },
	{ "cache.hits", "cache hits" },
	{ 0 },
};

const struct row_def count_rows[] = {
	{ "lookups.notfound", "no such name" },
	{ "queries.sent", "questions sent" },
	{ "queries.retried", "repeated" },
	{ "conntrack.insert_failed", "insert failed" },
	{ "notrack.packets_in", "untracked in" },
	{ "notrack.packets_out", "untracked out" },
	{ "cache.cpu_s", "cache CPU" },
	{ "cache.rss_bytes", "cache memory" },
	{ 0 },
};

/* Why a cell has no numbers. */
static const char *reason(const struct record *r)
{
	const char *kind, *text, *why = "no numbers in its record";
	for (size_t i = 0; record_remark(r, i, &kind, &text); i++)
		if (!strcmp(kind, "skip"))
			why = text;
	return why;
}

static void put_table(struct report *r, const char *id, const char *caption, const struct row_def *rows, FILE *out)
{
	struct sheet *s = rows_sheet(r, id, caption, rows);
	for (size_t i = 0; s->n_columns > 2 && i < r->book->n_cells; i++) {
		const struct cell *c = &r->book->cell[i];
		if (!rows_any(cell_best(c), rows))
			continue;
		sheet_row(s, false);
		sheet_cell_head(s, r, c);
		sheet_text(s, engine_title(cell_best_engine(c)));
		rows_metrics(s, r, cell_best(c), rows);
	}
	sheet_html(s, out);
}

static void put_empty(struct report *r, FILE *out)
{
	struct sheet *s = sheet_new(&r->sheets, "cells_without_numbers", "Cells that have no numbers, and why.");
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "why", "why");
	for (size_t i = 0; i < r->book->n_cells; i++) {
		const struct cell *c = &r->book->cell[i];
		if (record_metric_name(cell_best(c), 0))
			continue;
		sheet_row(s, false);
		sheet_cell_head(s, r, c);
		sheet_text(s, reason(cell_best(c)));
	}
	sheet_html(s, out);
}

void section_modes(struct report *r, FILE *out)
{
	section_begin(
		r, out, "modes", "The cells side by side",
		"A cell is one kind of kube-proxy\u2019s rules, without or with the cache. Cells of one scenario ran the same lookups at the same "
		"intended times. Each line shows the record that counts most: what was measured before what was predicted.");
	put_table(r, "modes", "What each cell came to.", mode_rows, out);
	put_table(r, "counts", "Counts behind it.", count_rows, out);
	put_empty(r, out);
	section_end(out);
}
