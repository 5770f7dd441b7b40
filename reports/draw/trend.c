/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 99th percentile of each cell over its runs, in the order of their dates and
 * equally spaced: days apart and minutes apart read alike. Bars are the 95 %
 * interval within a run.
 */
#include "reports/draw/figure.h"

#include <math.h>
#include <string.h>

#include "reports/judge/measure.h"
#include "reports/words/fmt.h"

struct trend {
	struct drawing *w;
	struct figure *f;
	size_t most; /* runs of a line */
	double low, high;
	unsigned n_lines;
	bool there[BOOK_CELLS_MAX][ENG_N];
};

static int put_line(struct trend *t, size_t cell, int e)
{
	const struct runs *all = &t->w->b->cell[cell].all[e];
	double v, low, high;
	char part[48];
	size_t n = 0;
	for (size_t i = 0; i < all->n; i++)
		n += record_num(all->run[i], "latency.all.p99", &v) && v > 0;
	if (n < 2)
		return 0;
	snprintf(part, sizeof(part), "%zu-%s", cell, engine_label[e]);
	FILE *out = figure_data(t->w, t->f, part);
	if (!out)
		return ERR_SYS;
	fprintf(out, "run \"%s, %s\"\n", t->w->b->cell[cell].title, engine_title((enum engine)e));
	for (size_t i = 0; i < all->n; i++) {
		if (!record_num(all->run[i], "latency.all.p99", &v) || v <= 0)
			continue;
		if (!measure_interval(all->run[i], "latency.all", 0.99, &low, &high))
			low = high = v;
		fprintf(out, "%zu %.6g %.6g %.6g\n", i + 1, v / 1e9, low / 1e9, high / 1e9);
		t->low = fmin(t->low, low / 1e9);
		t->high = fmax(t->high, high / 1e9);
	}
	t->most = all->n > t->most ? all->n : t->most;
	t->there[cell][e] = true;
	t->n_lines++;
	return figure_close(t->w, t->f, out);
}

static int put_script(struct trend *t)
{
	FILE *gp = figure_script(t->w, t->f, t->n_lines);
	const char *join = "plot ";
	if (!gp)
		return ERR_SYS;
	fprintf(gp,
		"set logscale y\nset yrange [%.4g:%.4g]\nset xrange [0.5:%.1f]\nset xtics 1,%zu\n"
		"set ytics ('1 \u00b5s' 1e-6, '10 \u00b5s' 1e-5, '100 \u00b5s' 1e-4, '200 \u00b5s' 2e-4, '500 \u00b5s' 5e-4, '1 ms' 1e-3, '2 ms' 2e-3, '5 ms' 5e-3, '10 ms' 1e-2, '20 ms' 2e-2, "
		"'50 ms' 5e-2, '100 ms' 0.1, '200 ms' 0.2, '500 ms' 0.5, '1 s' 1, '10 s' 10)\n"
		"set xlabel 'run, in the order of dates' textcolor rgb '" COLOUR_INK
		"'\nset ylabel '99 of 100 lookups within' offset 1 textcolor rgb '" COLOUR_INK "'\n",
		t->low / 1.3, t->high * 1.3, (double)t->most + 0.5, t->most / 12 + 1);
	for (size_t i = 0; i < t->w->b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++) {
			if (!t->there[i][e])
				continue;
			fprintf(gp,
				"%s'%s-%zu-%s.dat' using 1:2 with linespoints lc rgb '%s' lw 1.5 dt %d pt %d ps 0.7 title columnhead(2), \\\n"
				"     '' using 1:3:(0):($4-$3) skip 1 with vectors heads size graph 0.006,90 lc rgb '%s' lw 1 dt 1 notitle",
				join, t->f->id, i, engine_label[e], cell_colour(i), engine_dash((enum engine)e), cell_point(i),
				cell_colour(i));
			join = ", \\\n     ";
		}
	fputc('\n', gp);
	return figure_close(t->w, t->f, gp);
}

int trend_write(struct drawing *w)
{
	struct trend t = { .w = w, .f = figure_add(w->fs, FIG_TREND), .low = INFINITY };
	int rc = 0;
	if (!t.f)
		return 0;
	snprintf(t.f->title, sizeof(t.f->title), "99th percentile over the runs");
	snprintf(t.f->heading, sizeof(t.f->heading), "%s", t.f->title);
	for (size_t i = 0; i < w->b->n_cells; i++)
		for (int e = 0; !rc && e < ENG_N; e++)
			rc = put_line(&t, i, e);
	if (rc || !t.n_lines) {
		w->fs->n--;
		return rc;
	}
	figure_find(t.f, "%u line%s over up to %zu runs", t.n_lines, t.n_lines == 1 ? "" : "s", t.most);
	return put_script(&t);
}
