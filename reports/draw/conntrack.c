/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection-table pictures: entries over time, one small picture a cell, all on
 * the same scale, with each prediction beside the measured curve and the limit as
 * a line, or in words where it is far above; and what the peak becomes under other
 * time-outs and loads.
 */
#include "reports/draw/figure.h"

#include <math.h>
#include <string.h>

#include "lib/record/metrics_common.h"
#include "lib/record/table.h"
#include "reports/words/fmt.h"

#define POINTS_MAX 400
#define LIMIT_NEAR 4 /* times the peak: a line further up would flatten the curves */

struct extent { /* shared by all cells, so that they compare */
	double t_max, peak;
};

static const double *column(const struct cell *c, int e)
{
	return c->run[e] ? record_column(c->run[e], SERIES_CT_CLIENT) : NULL;
}

static bool limit_of(const struct cell *c, double *ret)
{
	for (int e = 0; e < ENG_N; e++)
		if ((cell_num(c, (enum engine)e, "conntrack.max", ret) || cell_num(c, (enum engine)e, "model.max", ret)) &&
		    *ret > 0 && *ret < 1e12)
			return true;
	return false;
}

/* Rows "t entries", thinned to the highest of each stretch: peaks stay. */
static void put_rows(FILE *out, const struct record *r, const double *v, struct extent *x)
{
	const double *t = record_column(r, SERIES_T_S);
	size_t n = record_rows(r), step = n / POINTS_MAX + 1;
	for (size_t i = 0; i < n; i += step) {
		double high = NAN;
		for (size_t k = i; k < i + step && k < n; k++)
			high = fmax(high, v[k]);
		if (isnan(high))
			continue;
		fprintf(out, "%.6g %.9g\n", t[i], high);
		x->peak = fmax(x->peak, high);
		x->t_max = fmax(x->t_max, t[i]);
	}
}

static int put_data(const struct drawing *w, const struct figure *f, const struct cell *c, int e, struct extent *x)
{
	FILE *out = figure_data(w, f, engine_label[e]);
	if (!out)
		return ERR_SYS;
	fprintf(out, "t_s \"%s\"\n", engine_title((enum engine)e));
	put_rows(out, c->run[e], column(c, e), x);
	return figure_close(w, f, out);
}

static void put_lines(FILE *gp, const struct figure *f, const struct cell *c, size_t index)
{
	const char *colour = cell_colour(index), *join = "plot ";
	if (column(c, ENG_LAB)) {
		fprintf(gp,
			"plot '%s-lab.dat' using 1:2 with filledcurves y1=0 fc rgb '%s' fs transparent solid 0.16 noborder notitle",
			f->id, colour);
		join = ", \\\n     ";
	}
	for (int e = 0; e < ENG_N; e++) {
		if (!column(c, e))
			continue;
		bool solid = engine_measured((enum engine)e);
		fprintf(gp, "%s'%s-%s.dat' using 1:2 with lines lc rgb '%s' lw %s dt %d title columnhead(2)", join, f->id,
			engine_label[e], solid ? colour : COLOUR_INK, e == ENG_SIM ? "1.4" : "1.8", engine_dash((enum engine)e));
		join = ", \\\n     ";
	}
	fputc('\n', gp);
}

static void put_words(struct figure *f, const struct cell *c)
{
	char text[FMT_MAX];
	bool any = false;
	double v;
	snprintf(f->title, sizeof(f->title), "Connection-table entries of pods\u2019 DNS: %s", c->title);
	snprintf(f->heading, sizeof(f->heading), "%s", c->title);
	for (int e = 0; e < ENG_N; e++)
		if (cell_num(c, (enum engine)e, "conntrack.peak", &v)) {
			figure_find(f, "%s%s at most %s", any ? ", " : "Entries at once: ", engine_title((enum engine)e),
				    fmt_count(v, text));
			any = true;
		}
	if (any && limit_of(c, &v))
		figure_find(f, "; the limit is %s", fmt_count(v, text));
}

static int write_cell(const struct drawing *w, size_t index, struct extent *x)
{
	const struct cell *c = &w->b->cell[index];
	struct figure *f = figure_add(w->fs, FIG_CONNTRACK);
	int rc = 0;
	if (!f)
		return 0;
	put_words(f, c);
	for (int e = 0; !rc && e < ENG_N; e++)
		if (column(c, e))
			rc = put_data(w, f, c, e, x);
	return rc;
}

static void put_limit(FILE *gp, const struct cell *c, double top)
{
	double limit;
	char text[FMT_MAX];
	if (!limit_of(c, &limit))
		return;
	if (limit <= top)
		fprintf(gp,
			"set arrow 1 from graph 0,first %.9g to graph 1,first %.9g nohead lc rgb '" COLOUR_LIMIT "' lw 1.4 dt 4\n"
			"set label 1 'limit %s' at graph 0.02,first %.9g offset 0,0.6 textcolor rgb '" COLOUR_LIMIT "'\n",
			limit, limit, fmt_count(limit, text), limit);
	else
		fprintf(gp, "set label 1 'limit %s, above' at graph 0.98,0.94 right textcolor rgb '" COLOUR_LIMIT "'\n",
			fmt_count(limit, text));
}

/* The scale needs every cell's peak, so scripts come after all data. */
static int write_script(const struct drawing *w, const struct figure *f, size_t index, const struct extent *x)
{
	const struct cell *c = &w->b->cell[index];
	double limit, top = x->peak > 0 ? x->peak : 10;
	FILE *gp = figure_script(w, f, 1);
	if (!gp)
		return ERR_SYS;
	if (limit_of(c, &limit) && limit > top && limit <= top * LIMIT_NEAR)
		top = limit;
	fprintf(gp,
		"set yrange [0:%.6g]\nset xrange [0:%.6g]\nset xlabel 'seconds since the load began' textcolor rgb '" COLOUR_INK
		"'\n",
		top * 1.12, x->t_max > 0 ? x->t_max : 1);
	put_limit(gp, c, top);
	put_lines(gp, f, c, index);
	return figure_close(w, f, gp);
}

/* --- what if --- */

static int write_growth(struct drawing *w, size_t index, const struct table *t)
{
	const struct cell *c = &w->b->cell[index];
	int out_s = table_column(t, "udp_timeout_s"), growth = table_column(t, "growth"), peak = table_column(t, "peak_entries");
	struct figure *f = figure_add(w->fs, FIG_GROWTH);
	double limit = 0, top = 1, x_max = 1, last = NAN;
	unsigned series = 0;
	if (!f)
		return 0;
	snprintf(f->title, sizeof(f->title), "Peak of the table under other loads and time-outs: %s", c->title);
	snprintf(f->heading, sizeof(f->heading), "%s", c->title);
	FILE *out = figure_data(w, f, "peaks");
	if (!out)
		return ERR_SYS;
	for (size_t i = 0; i < t->n_rows; i++) { /* a block for each time-out */
		double s = table_at(t, i, out_s), v = table_at(t, i, peak);
		if (s != last) {
			fprintf(out, "%sgrowth \"UDP time-out %g s\"\n", series ? "\n\n" : "", s);
			series++;
		}
		last = s;
		fprintf(out, "%.6g %.9g\n", table_at(t, i, growth), v);
		top = fmax(top, v);
		x_max = fmax(x_max, table_at(t, i, growth));
	}
	char text[FMT_MAX];
	figure_find(f, "At the highest load and the longest time-out %s entries", fmt_count(top, text));
	int rc = figure_close(w, f, out);
	FILE *gp = rc ? NULL : figure_script(w, f, 1);
	if (!gp)
		return rc ? rc : ERR_SYS;
	if (limit_of(c, &limit) && limit > top && limit <= top * LIMIT_NEAR)
		top = limit;
	fprintf(gp, "set yrange [0:%.6g]\nset xrange [0:%.6g]\nset xlabel 'times the load' textcolor rgb '" COLOUR_INK "'\n",
		top * 1.12, x_max * 1.05);
	put_limit(gp, c, top);
	for (unsigned k = 0; k < series; k++)
		fprintf(gp,
			"%s'%s-peaks.dat' index %u using 1:2 with linespoints lc rgb '%s' lw 1.5 dt %u pt %d ps 0.7 title columnhead(2)",
			k ? ", \\\n     " : "plot ", f->id, k, cell_colour(index), k + 1, cell_point(k));
	fputc('\n', gp);
	return figure_close(w, f, gp);
}

static int growth_write(struct drawing *w)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < w->b->n_cells; i++) {
		struct table t;
		struct diag d;
		const struct record *r = w->b->cell[i].run[ENG_MODEL];
		if (!r || record_table(r, "conntrack_growth", &t, &d))
			continue;
		if (t.n_rows && table_column(&t, "peak_entries") >= 0)
			rc = write_growth(w, i, &t);
		table_release(&t);
	}
	return rc;
}

int conntrack_write(struct drawing *w)
{
	size_t first = w->fs->n, k = 0;
	struct extent x = { 0, 0 };
	int rc = 0;
	bool drawable[BOOK_CELLS_MAX] = { 0 };
	for (size_t i = 0; !rc && i < w->b->n_cells; i++) {
		for (int e = 0; e < ENG_N; e++)
			drawable[i] = drawable[i] || column(&w->b->cell[i], e);
		if (drawable[i])
			rc = write_cell(w, i, &x);
	}
	for (size_t i = 0; !rc && i < w->b->n_cells && first + k < w->fs->n; i++)
		if (drawable[i])
			rc = write_script(w, &w->fs->fig[first + k++], i, &x);
	return rc ? rc : growth_write(w);
}
