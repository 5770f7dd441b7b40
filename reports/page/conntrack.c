/* SPDX-License-Identifier: Apache-2.0 */
/* The node's connection table: what DNS puts into it, its limit, and what if. */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "lib/record/table.h"
#include "reports/words/fmt.h"

static const struct row_def entry_rows[] = {
	{ "conntrack.peak", "peak" },
	{ "conntrack.live_peak", "live, peak" },
	{ "conntrack.final", "at the end" },
	{ "conntrack.created", "made" },
	{ "conntrack.upstream_peak", "to backends, peak" },
	{ "conntrack.max", "limit" },
	{ "model.max_advised", "limit to set" },
	{ "model.bytes_peak", "memory" },
	{ 0 },
};

static const struct row_def loss_rows[] = {
	{ "conntrack.insert_failed", "insert failed" },
	{ "conntrack.drop", "dropped: full" },
	{ "conntrack.early_drop", "thrown out early" },
	{ "conntrack.clash_resolve", "races that ended well" },
	{ "notrack.packets_in", "untracked to the cache" },
	{ "notrack.packets_out", "untracked from it" },
	{ 0 },
};

static void put_rows(struct report *r, const char *id, const char *caption, const struct row_def *rows, FILE *out)
{
	struct sheet *s = rows_sheet(r, id, caption, rows);
	for (size_t i = 0; i < r->book->n_cells; i++) {
		bool first = true;
		for (int e = 0; e < ENG_N; e++) {
			if (!rows_any(r->book->cell[i].run[e], rows))
				continue;
			sheet_row(s, first);
			first = false;
			sheet_cell_head(s, r, &r->book->cell[i]);
			sheet_text(s, engine_title((enum engine)e));
			rows_metrics(s, r, r->book->cell[i].run[e], rows);
		}
	}
	sheet_html(s, out);
}

static void put_growth(struct report *r, FILE *out)
{
	struct sheet *s = sheet_new(&r->sheets, "conntrack_growth",
				    "Peak of nf_conntrack_count without a limit, under other UDP time-outs and loads.");
	sheet_column_text(s, "cell", "cell");
	sheet_column_num(s, "UDP time-out", "udp_timeout_s");
	sheet_column_num(s, "times the load", "growth");
	sheet_column_num(s, "entries", "peak_entries");
	sheet_column_num(s, "memory", "bytes");
	for (size_t i = 0; i < r->book->n_cells; i++) {
		struct table t;
		struct diag d;
		const struct record *rec = r->book->cell[i].run[ENG_MODEL];
		if (!rec || record_table(rec, "conntrack_growth", &t, &d))
			continue;
		int timeout = table_column(&t, "udp_timeout_s"), growth = table_column(&t, "growth");
		int peak = table_column(&t, "peak_entries"), bytes = table_column(&t, "bytes");
		for (size_t k = 0; k < t.n_rows; k++) {
			sheet_row(s, k == 0);
			sheet_cell_head(s, r, &r->book->cell[i]);
			sheet_num(s, table_at(&t, k, timeout), "s");
			sheet_num(s, table_at(&t, k, growth), "1");
			sheet_num(s, table_at(&t, k, peak), "entries");
			sheet_num(s, table_at(&t, k, bytes), "bytes");
		}
		table_release(&t);
	}
	sheet_html(s, out);
}

static void put_variant(struct sheet *s, const struct report *r, const struct cell *c, const struct table *t, size_t row)
{
	static const struct {
		const char *column, *unit;
	} cells[] = { { "peak_entries", "entries" },
		      { "peak_unlimited_entries", "entries" },
		      { "lost_share", "share" },
		      { "early_drop_entries", "entries" },
		      { "bytes", "bytes" } };
	sheet_row(s, row == 0);
	sheet_text(s, t->what[row]);
	sheet_text(s, c->title);
	sheet_swatch(s, (size_t)(c - r->book->cell));
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		double v = table_at(t, row, table_column(t, cells[i].column));
		if (isnan(v))
			sheet_absent(s);
		else
			sheet_num(s, v, cells[i].unit);
	}
}

static void put_what_if(struct report *r, FILE *out)
{
	struct sheet *s = sheet_new(&r->sheets, "conntrack_what_if",
				    "The same load under each change that people consider, by conntrack-model.");
	sheet_column_text(s, "what if", "what");
	sheet_column_text(s, "cell", "cell");
	sheet_column_num(s, "peak", "peak_entries");
	sheet_column_num(s, "without a limit", "peak_unlimited_entries");
	sheet_column_num(s, "lost", "lost_share");
	sheet_column_num(s, "thrown out", "early_drop_entries");
	sheet_column_num(s, "memory", "bytes");
	for (size_t i = 0; i < r->book->n_cells; i++) {
		struct table t;
		struct diag d;
		const struct record *rec = r->book->cell[i].run[ENG_MODEL];
		if (!rec || record_table(rec, "conntrack_what_if", &t, &d))
			continue;
		for (size_t k = 0; t.has_what && k < t.n_rows; k++)
			put_variant(s, r, &r->book->cell[i], &t, k);
		table_release(&t);
	}
	sheet_html(s, out);
}

void section_conntrack(struct report *r, FILE *out)
{
	bool any = false;
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			any = any || rows_any(r->book->cell[i].run[e], entry_rows);
	if (!any)
		return;
	section_begin(
		r, out, "conntrack", "The node\u2019s connection table",
		"Entries made by the pods\u2019 DNS traffic; all pictures share one scale. The filled curve was measured, dashes are dns-sim, dots "
		"conntrack-model. The limit, nf_conntrack_max, holds for all traffic of the node.");
	put_figures(r, FIG_CONNTRACK, out);
	put_rows(r, "conntrack", "Entries; a dash: that engine does not know.", entry_rows, out);
	put_rows(r, "conntrack_packets", "Packets that the table cost, and packets that skipped it.", loss_rows, out);
	bool growth = false;
	for (size_t i = 0; i < r->figures->n; i++)
		growth = growth || (r->figures->fig[i].kind == FIG_GROWTH && r->figures->fig[i].drawn);
	if (growth)
		fputs("<h3>What if the load grows, or the time-outs change?</h3>\n", out);
	put_figures(r, FIG_GROWTH, out);
	put_growth(r, out);
	put_what_if(r, out);
	section_end(out);
}
