/* SPDX-License-Identifier: Apache-2.0 */
/* The cache: what it answered from memory and at what cost, and what another size would do. */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "lib/record/table.h"
#include "reports/words/fmt.h"

static void put_work(struct report *r, FILE *out)
{
	struct sheet *s = sheet_new(&r->sheets, "cache", "The cache at work.");
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "from", "from");
	sheet_column_num(s, "questions", "cache.queries");
	sheet_column_num(s, "from memory", "cache.hits");
	sheet_column_num(s, "misses", "cache.misses");
	sheet_column_num(s, "share from memory", "hit_share");
	sheet_column_num(s, "CPU", "cache.cpu_s");
	sheet_column_num(s, "CPU a question", "cpu_per_query");
	sheet_column_num(s, "memory", "cache.rss_bytes");
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (int e = 0; e < ENG_N; e++) {
			const struct record *rec = r->book->cell[i].run[e];
			double n, hits, cpu;
			if (!rec || !record_num(rec, "cache.queries", &n) || n <= 0)
				continue;
			sheet_row(s, e == 0);
			sheet_cell_head(s, r, &r->book->cell[i]);
			sheet_text(s, engine_title((enum engine)e));
			sheet_metric(s, rec, "cache.queries");
			sheet_metric(s, rec, "cache.hits");
			sheet_metric(s, rec, "cache.misses");
			if (record_num(rec, "cache.hits", &hits))
				sheet_num(s, hits / n, "share");
			else
				sheet_absent(s);
			sheet_metric(s, rec, "cache.cpu_s");
			if (record_num(rec, "cache.cpu_s", &cpu))
				sheet_num(s, cpu / n * 1e9, "ns");
			else
				sheet_absent(s);
			sheet_metric(s, rec, "cache.rss_bytes");
		}
	sheet_html(s, out);
}

static bool column_used(const struct book *b, const char *name, const char *column)
{
	bool used = false;
	for (size_t i = 0; i < b->n_cells && !used; i++)
		for (int e = 0; e < ENG_N && !used; e++) {
			struct table t;
			struct diag d;
			if (!b->cell[i].run[e] || record_table(b->cell[i].run[e], name, &t, &d))
				continue;
			used = table_column(&t, column) >= 0;
			table_release(&t);
		}
	return used;
}

/* A curve of the records as a table; the knee is marked. */
static void put_curve(struct report *r, const char *name, const char *caption, const char *x, const char *x_words,
		      const char *x_unit, FILE *out)
{
	static const struct {
		const char *column, *words, *unit;
	} cells[] = {
		{ "hit_share", "from memory", "share" },   { "original_share", "original cache", "share" },
		{ "lru_share", "LRU", "share" },	   { "no_limit_share", "no limit", "share" },
		{ "first_share", "asked first", "share" }, { "expired_share", "expired", "share" },
		{ "evicted_share", "evicted", "share" },   { "bytes", "memory", "bytes" },
	};
	bool used[sizeof(cells) / sizeof(cells[0])];
	struct sheet *s = sheet_new(&r->sheets, name, caption);
	sheet_column_num(s, x_words, x);
	sheet_column_text(s, "cell", "cell");
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		used[i] = column_used(r->book, name, cells[i].column);
		if (used[i])
			sheet_column_num(s, cells[i].words, cells[i].column);
	}
	bool has_knee = !strcmp(x, "entries");
	if (has_knee)
		sheet_column_text(s, "knee", "knee");
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (int e = 0; e < ENG_N; e++) {
			struct table t;
			struct diag d;
			if (!r->book->cell[i].run[e] || record_table(r->book->cell[i].run[e], name, &t, &d))
				continue;
			int knee = settings_knee(&t, table_column(&t, "hit_share"), 0.005);
			for (size_t k = 0; k < t.n_rows; k++) {
				sheet_row(s, k == 0);
				sheet_num(s, table_at(&t, k, table_column(&t, x)), x_unit);
				sheet_text(s, r->book->cell[i].title);
				for (size_t n = 0; n < sizeof(cells) / sizeof(cells[0]); n++) {
					double v = table_at(&t, k, table_column(&t, cells[n].column));
					if (!used[n])
						continue;
					if (isnan(v))
						sheet_absent(s);
					else
						sheet_num(s, v, cells[n].unit);
				}
				if (!has_knee)
					continue;
				sheet_text(s, (int)k == knee ? "knee" : "");
				sheet_mark(s, (int)k == knee ? MARK_GOOD : MARK_NONE);
			}
			table_release(&t);
		}
	sheet_html(s, out);
}

void section_cache(struct report *r, FILE *out)
{
	bool size = column_used(r->book, "cache_size", "hit_share"), ttl = column_used(r->book, "cache_ttl", "hit_share");
	if (!metric_used(r->book, "cache.queries") && !size && !ttl)
		return;
	section_begin(
		r, out, "cache", "The cache",
		size ? "The knee is the first size whose share of answers from memory is within half a point of the best of all sizes tried."
		     : NULL);
	put_work(r, out);
	put_figures(r, FIG_CPU, out);
	put_figures(r, FIG_CACHE_SIZE, out);
	if (size)
		put_curve(r, "cache_size", "Answered from memory by the size of the cache, and why the rest was not.", "entries",
			  "entries", "entries", out);
	put_figures(r, FIG_CACHE_TTL, out);
	if (ttl)
		put_curve(r, "cache_ttl", "Answered from memory by the cap on TTLs.", "ttl_s", "cap on TTLs", "s", out);
	section_end(out);
}
