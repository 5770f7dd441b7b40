/* SPDX-License-Identifier: Apache-2.0 */
/* Ratios on one axis, whatever the unit: predicted to measured, and now to before. */
#include "reports/draw/figure.h"

#include <math.h>
#include <string.h>

#include "reports/words/fmt.h"

#define ROWS_MAX 1024
#define RATIO_MOST 1000 /* beyond that a point stands at the edge */

static size_t first_of(const struct ratio *r, size_t i)
{
	size_t k = 0;
	while (strcmp(r[k].words, r[i].words))
		k++;
	return k;
}

/* Which line a row's words have: how many other words came first. */
static size_t place(const struct ratio *r, size_t i)
{
	size_t n = 0, first = first_of(r, i);
	for (size_t k = 0; k < first; k++)
		n += first_of(r, k) == k;
	return n;
}

static int put_tics(const struct drawing *w, const struct figure *f, const struct ratio *r, size_t n, size_t *ret_places)
{
	FILE *out = figure_data(w, f, "tics");
	size_t most = 0;
	if (!out)
		return ERR_SYS;
	for (size_t i = 0; i < n; i++) {
		size_t at = place(r, i);
		if (at + 1 > most) {
			fprintf(out, "1 %zu \"%s\"\n", at, r[i].words);
			most = at + 1;
		}
	}
	*ret_places = most;
	return figure_close(w, f, out);
}

/* Points of one cell and engine, a little beside each other so that none hides one. */
static int put_points(const struct drawing *w, const struct figure *f, const struct ratio *r, size_t n, size_t cell, int e,
		      double *ret_far)
{
	char part[48];
	snprintf(part, sizeof(part), "%zu-%s", cell, engine_label[e]);
	FILE *out = figure_data(w, f, part);
	if (!out)
		return ERR_SYS;
	fprintf(out, "ratio \"%s, %s\"\n", w->b->cell[cell].title, engine_title((enum engine)e));
	double beside = ((double)cell - (double)(w->b->n_cells - 1) / 2) * 0.6 / (double)w->b->n_cells;
	for (size_t i = 0; i < n; i++)
		if (r[i].cell == cell && (int)r[i].engine == e) {
			double v = fmin(fmax(r[i].ratio, 1.0 / RATIO_MOST), RATIO_MOST);
			fprintf(out, "%.6g %.4f\n", v, (double)place(r, i) + beside);
			*ret_far = fmax(*ret_far, fmax(v, 1 / v));
		}
	return figure_close(w, f, out);
}

static void put_script(FILE *gp, const struct figure *f, double near, double far, size_t places, const char *x_label)
{
	fprintf(gp,
		"set logscale x\nset xrange [%.4g:%.4g]\nset yrange [%.1f:-0.8]\nset grid noytics\nset ytics scale 0\n"
		"set lmargin (narrow ? 3 : 34)\n"
		"set object 1 rectangle from %.4g,graph 0 to %.4g,graph 1 fc rgb '" COLOUR_GRID "' fs solid 0.6 noborder behind\n"
		"set arrow 1 from 1,graph 0 to 1,graph 1 nohead lc rgb '" COLOUR_AXIS "' lw 1\n"
		"set xlabel '%s' textcolor rgb '" COLOUR_INK "'\n",
		1 / far, far, (double)places - 0.3, 1 / (1 + near), 1 + near, x_label);
	if (far > 5)
		fputs("set xtics ('1/1000' 0.001, '1/100' 0.01, '1/10' 0.1, '1/2' 0.5, '1' 1, '2' 2, '10' 10, '100' 100, '1000' 1000)\n",
		      gp);
	else
		fputs("set xtics ('1/4' 0.25, '1/2' 0.5, '2/3' 0.6667, '0.8' 0.8, '0.9' 0.9, '1' 1, '1.1' 1.1, '1.25' 1.25, '1.5' 1.5, '2' 2, '4' 4)\n",
		      gp);
	/* beside the axis there is no room on a phone: there the words stand above their line */
	fprintf(gp,
		"if (narrow) unset ytics\nlow = %.4g\n"
		"plot '%s-tics.dat' using (narrow ? low : 1):(narrow ? $2 - 0.42 : $2):(narrow ? stringcolumn(3) : '') with labels left textcolor rgb '" COLOUR_INK
		"' notitle, \\\n"
		"     '%s-tics.dat' using 1:2:yticlabels(3) with points ps 0 notitle",
		1.02 / far, f->id, f->id);
}

int ratios_write(const struct drawing *w, struct figure *f, const struct ratio *r, size_t n, double near, const char *x_label)
{
	bool there[BOOK_CELLS_MAX][ENG_N] = { { false } };
	double far = 1 + 2 * near;
	size_t places = 0;
	unsigned series = 0;
	for (size_t i = 0; i < n; i++)
		there[r[i].cell][r[i].engine] = true;
	int rc = put_tics(w, f, r, n, &places);
	for (size_t c = 0; c < w->b->n_cells; c++)
		for (int e = 0; !rc && e < ENG_N; e++)
			if (there[c][e]) {
				rc = put_points(w, f, r, n, c, e, &far);
				series++;
			}
	FILE *gp = rc ? NULL : figure_script(w, f, series + (unsigned)places / 2);
	if (!gp)
		return rc ? rc : ERR_SYS;
	put_script(gp, f, near, far * 1.15, places, x_label);
	for (size_t c = 0; c < w->b->n_cells; c++)
		for (int e = 0; e < ENG_N; e++)
			if (there[c][e])
				fprintf(gp,
					", \\\n     '%s-%zu-%s.dat' using 1:2 with points lc rgb '%s' pt %d ps %s lw 1.2 title columnhead(2)",
					f->id, c, engine_label[e], cell_colour(c),
					e == ENG_MODEL ? cell_point(c) - 1 : cell_point(c), e == ENG_MODEL ? "1.1" : "0.8");
	fputc('\n', gp);
	return figure_close(w, f, gp);
}

static size_t predictions(const struct drawing *w, struct ratio *ret, double *ret_worst)
{
	size_t n = 0;
	for (const struct measure *m = measures; m->metric; m++)
		for (size_t i = 0; i < w->b->n_cells; i++)
			for (int e = 0; e < ENG_N && n < ROWS_MAX; e++) {
				double real, said;
				if (engine_measured((enum engine)e) || !cell_measured(&w->b->cell[i], m->metric, &real, NULL) ||
				    !cell_num(&w->b->cell[i], (enum engine)e, m->metric, &said) || real <= 0 || said <= 0)
					continue;
				ret[n++] = (struct ratio){ m->words, said / real, i, (enum engine)e };
				*ret_worst = fmax(*ret_worst, fmax(said / real, real / said));
			}
	return n;
}

static size_t changes(const struct drawing *w, struct ratio *ret)
{
	size_t n = 0;
	for (size_t i = 0; i < w->baseline->n && n < ROWS_MAX; i++) {
		const struct baseline_row *row = &w->baseline->row[i];
		if (row->c.was > 0 && row->c.now > 0)
			ret[n++] = (struct ratio){ row->m->words, row->c.now / row->c.was, (size_t)(row->cell - w->b->cell),
						   row->c.engine };
	}
	return n;
}

int compare_write(struct drawing *w)
{
	static struct ratio rows[ROWS_MAX];
	double worst = 1;
	int rc = 0;
	size_t n = predictions(w, rows, &worst);
	struct figure *f = n ? figure_add(w->fs, FIG_COMPARE) : NULL;
	if (f) {
		snprintf(f->title, sizeof(f->title), "Predicted to measured");
		snprintf(f->heading, sizeof(f->heading), "Predicted to measured, as ratios");
		figure_find(
			f,
			"A point on the line at 1 was predicted exactly; the furthest is off by a factor of %.3g. Shaded: within %.0f %%",
			worst, w->tolerance * 100);
		rc = ratios_write(w, f, rows, n, w->tolerance, "predicted / measured");
	}
	n = w->baseline && !rc ? changes(w, rows) : 0;
	f = n ? figure_add(w->fs, FIG_BASELINE) : NULL;
	if (f) {
		snprintf(f->title, sizeof(f->title), "Now to the baseline");
		snprintf(f->heading, sizeof(f->heading), "Now to the baseline, as ratios");
		figure_find(
			f,
			"%zu figures better, %zu worse, %zu the same, %zu not decided. Shaded: changes below %.0f %%, which count as none",
			w->baseline->count[CHANGE_BETTER], w->baseline->count[CHANGE_WORSE], w->baseline->count[CHANGE_SAME],
			w->baseline->count[CHANGE_UNTESTED], MEASURE_LEAST * 100);
		rc = ratios_write(w, f, rows, n, MEASURE_LEAST, "now / baseline");
	}
	return rc;
}
