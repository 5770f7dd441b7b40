/* SPDX-License-Identifier: Apache-2.0 */
/* Share of questions answered from memory, by the cache's size and by the cap on TTLs; the
 * knee is marked by the rule that makes the setting. */
#include "reports/draw/figure.h"

#include <math.h>
#include <string.h>

#include "lib/record/table.h"
#include "reports/judge/settings.h"
#include "reports/words/fmt.h"

struct curve {
	const char *table, *x, *x_label, *title;
	enum figure_kind kind;
	bool log_x;
};
static const struct curve curves[] = {
	{ "cache_size", "entries", "entries that the cache may hold", "Answered from memory, by size of the cache",
	  FIG_CACHE_SIZE, true },
	{ "cache_ttl", "ttl_s", "cap on TTLs, seconds", "Answered from memory, by cap on TTLs", FIG_CACHE_TTL, false },
};

/* Columns of shares, as lines; the first is what it is about. */
static const struct {
	const char *column, *words;
} shares[] = {
	{ "hit_share", "answered from memory" },
	{ "original_share", "by the original cache" },
	{ "lru_share", "by an LRU cache" },
	{ "no_limit_share", "without a limit" },
	{ "first_share", "asked for the first time" },
	{ "expired_share", "had expired" },
	{ "evicted_share", "had been evicted" },
};
#define SHARES (sizeof(shares) / sizeof(shares[0]))

static int put_share(const struct drawing *w, const struct figure *f, const struct table *t, int x, size_t k, unsigned *ret_n)
{
	int column = table_column(t, shares[k].column);
	if (column < 0)
		return 0;
	FILE *out = figure_data(w, f, shares[k].column);
	if (!out)
		return ERR_SYS;
	fprintf(out, "x \"%s\"\n", shares[k].words);
	for (size_t i = 0; i < t->n_rows; i++)
		if (!isnan(table_at(t, i, column)) && table_at(t, i, x) > 0)
			fprintf(out, "%.9g %.6g\n", table_at(t, i, x), 100 * table_at(t, i, column));
	++*ret_n;
	return figure_close(w, f, out);
}

static void put_knee(FILE *gp, struct figure *f, const struct table *t, int x)
{
	int column = table_column(t, "hit_share"), row = settings_knee(t, column, 0.005);
	char text[FMT_MAX];
	if (row < 0)
		return;
	double at = table_at(t, (size_t)row, x), share = 100 * table_at(t, (size_t)row, column);
	fprintf(gp, "set arrow 1 from first %.9g,graph 0 to first %.9g,first %.6g nohead lc rgb '" COLOUR_AXIS "' lw 1.2 dt 4\n",
		at, at, share);
	fprintf(gp, "set label 1 'knee %s' at first %.9g,graph 0.5 offset 0.6,0 textcolor rgb '" COLOUR_INK "'\n",
		fmt_count(at, text), at);
	figure_find(f, "Knee at %s: %.1f %% from memory, within half a point of the best", fmt_count(at, text), share);
}

static int write_curve(struct drawing *w, size_t index, const struct curve *c, const struct table *t)
{
	struct figure *f = figure_add(w->fs, c->kind);
	int rc = 0, x = table_column(t, c->x);
	unsigned n = 0;
	if (!f)
		return 0;
	snprintf(f->title, sizeof(f->title), "%s: %s", c->title, w->b->cell[index].title);
	snprintf(f->heading, sizeof(f->heading), "%s: %s", c->title, w->b->cell[index].title);
	for (size_t k = 0; !rc && k < SHARES; k++)
		rc = put_share(w, f, t, x, k, &n);
	FILE *gp = rc ? NULL : figure_script(w, f, n);
	if (!gp)
		return rc ? rc : ERR_SYS;
	fprintf(gp,
		"%sset yrange [0:100]\nset xlabel '%s' textcolor rgb '" COLOUR_INK
		"'\nset ylabel 'percent of questions' textcolor rgb '" COLOUR_INK "'\n",
		c->log_x ? "set logscale x\nset format x '%.0s%c'\n" : "", c->x_label);
	if (c->kind == FIG_CACHE_SIZE)
		put_knee(gp, f, t, x);
	else
		figure_find(f, "From %.1f %% at %g s to %.1f %% at %g s", 100 * table_at(t, 0, table_column(t, "hit_share")),
			    table_at(t, 0, x), 100 * table_at(t, t->n_rows - 1, table_column(t, "hit_share")),
			    table_at(t, t->n_rows - 1, x));
	const char *join = "plot ";
	for (size_t k = 0; k < SHARES; k++) {
		if (table_column(t, shares[k].column) < 0)
			continue;
		fprintf(gp, "%s'%s-%s.dat' using 1:2 with linespoints lc rgb '%s' lw 1.5 dt %d pt %d ps 0.6 title columnhead(2)",
			join, f->id, shares[k].column, k ? COLOUR_AXIS : cell_colour(1), (int)(k % 5) + 1, cell_point(k));
		join = ", \\\n     ";
	}
	fputc('\n', gp);
	return figure_close(w, f, gp);
}

int cache_write(struct drawing *w)
{
	int rc = 0;
	for (size_t i = 0; i < w->b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			for (size_t k = 0; !rc && w->b->cell[i].run[e] && k < sizeof(curves) / sizeof(curves[0]); k++) {
				struct table t;
				struct diag d;
				if (record_table(w->b->cell[i].run[e], curves[k].table, &t, &d))
					continue;
				if (t.n_rows > 1 && table_column(&t, curves[k].x) >= 0 && table_column(&t, "hit_share") >= 0)
					rc = write_curve(w, i, &curves[k], &t);
				table_release(&t);
			}
	return rc;
}
