/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency over time, one small picture a cell: how many lookups that began in a
 * stretch took so long, as boxes in five depths of the cell's colour. Time-outs
 * show as lines far above. And the load over time, which the same grid counts.
 */
#include "reports/draw/figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/heat_table.h"
#include "lib/record/table.h"
#include "reports/words/fmt.h"

#define DEPTHS 5
#define STEPS_MAX 50 /* of time, drawn */

struct grid { /* a record's heat, in steps coarse enough to draw */
	size_t n_steps;
	double step_s, top_ns, low_ns, most;
	size_t n_bands;
	unsigned first_band;
	double *count; /* [step][band] of n_steps * HEAT_BANDS */
};

/* Its own bounds say which band of lib/base/heat.h a row is; others are left out. */
static void fill(struct grid *g, const struct table *t, double per_step)
{
	int at = table_column(t, "t_s"), low = table_column(t, "low_ns"), n = table_column(t, "count");
	for (size_t i = 0; i < t->n_rows; i++) {
		double from = table_at(t, i, low), s = floor(table_at(t, i, at) / per_step + 1e-9);
		if (!(from >= 0) || from > 1e18 || !(s >= 0) || s >= (double)g->n_steps)
			continue;
		unsigned band = heat_band((uint64_t)from);
		double *c = &g->count[(size_t)s * HEAT_BANDS + band];
		*c += table_at(t, i, n);
		g->most = fmax(g->most, *c);
		g->low_ns = fmin(g->low_ns, fmax(from, 1));
		g->top_ns = fmax(g->top_ns, table_at(t, i, table_column(t, "high_ns")));
	}
}

static bool grid_read(struct grid *g, const struct record *r)
{
	struct table t;
	struct diag d;
	double end = 0;
	*g = (struct grid){ .low_ns = INFINITY };
	if (record_table(r, HEAT_TABLE, &t, &d))
		return false;
	for (size_t i = 0; i < t.n_rows; i++)
		end = fmax(end, table_at(&t, i, 0) + table_at(&t, i, table_column(&t, "step_s")));
	double step = t.n_rows ? table_at(&t, 0, table_column(&t, "step_s")) : NAN;
	bool ok = step > 0 && end > 0 && end < 1e9;
	if (ok) {
		g->step_s = step * fmax(ceil(end / step / STEPS_MAX), 1);
		g->n_steps = (size_t)ceil(end / g->step_s - 1e-9);
		g->count = calloc(g->n_steps * HEAT_BANDS, sizeof(*g->count));
		ok = g->count != NULL;
	}
	if (ok)
		fill(g, &t, g->step_s);
	table_release(&t);
	return ok && g->most > 0;
}

/* 0: none; else by powers of the most: 1, ..., DEPTHS. */
static int depth(const struct grid *g, double n)
{
	if (n <= 0)
		return 0;
	if (g->most <= 1)
		return DEPTHS;
	int k = 1 + (int)floor(log(n) / log(g->most) * (DEPTHS - 1) + 1e-9);
	return k > DEPTHS ? DEPTHS : k;
}

/* Rows "t from until low high" (x y then the box), neighbours of one depth as one box. */
static void put_boxes(FILE *out, const struct grid *g, int wanted, double *ret_low, double *ret_high)
{
	uint64_t low, high;
	*ret_low = INFINITY;
	*ret_high = 0;
	for (unsigned b = 0; b < HEAT_BANDS; b++)
		for (size_t s = 0; s < g->n_steps; s++) {
			size_t end = s;
			while (end < g->n_steps && depth(g, g->count[end * HEAT_BANDS + b]) == wanted) {
				*ret_low = fmin(*ret_low, g->count[end * HEAT_BANDS + b]);
				*ret_high = fmax(*ret_high, g->count[end * HEAT_BANDS + b]);
				end++;
			}
			if (end == s)
				continue;
			heat_bounds(b, &low, &high);
			fprintf(out, "%.6g %.6g %.6g %.6g\n", (double)s * g->step_s, (double)end * g->step_s,
				fmax((double)low, 1) / 1e9, ((double)fmin((double)high, 1e18) + 1) / 1e9);
			s = end;
		}
}

struct spread {
	double t_max, y_min, y_max;
};

static int write_cell(struct drawing *w, size_t index, const struct grid *g, const struct spread *x)
{
	const struct cell *c = &w->b->cell[index];
	struct figure *f = figure_add(w->fs, FIG_HEAT);
	char part[16], text[FMT_MAX], most[FMT_MAX];
	double low[DEPTHS + 1], high[DEPTHS + 1];
	int rc = 0;
	if (!f)
		return 0;
	snprintf(f->title, sizeof(f->title), "Latency over time: %s", c->title);
	snprintf(f->heading, sizeof(f->heading), "%s", c->title);
	for (int k = 1; !rc && k <= DEPTHS; k++) {
		snprintf(part, sizeof(part), "%d", k);
		FILE *out = figure_data(w, f, part);
		if (!out)
			return ERR_SYS;
		put_boxes(out, g, k, &low[k], &high[k]);
		rc = figure_close(w, f, out);
	}
	figure_find(f, "Slowest lookup %s; a box is %.3g s wide, the deepest holds %s lookups", fmt_ns(g->top_ns, text),
		    g->step_s, fmt_count(g->most, most));
	FILE *gp = rc ? NULL : figure_script(w, f, 1);
	if (!gp)
		return rc ? rc : ERR_SYS;
	fprintf(gp,
		"set logscale y\nset yrange [%.4g:%.4g]\nset xrange [0:%.6g]\nset format y '%%g'\n"
		"set ytics ('1 \u00b5s' 1e-6, '10 \u00b5s' 1e-5, '100 \u00b5s' 1e-4, '1 ms' 1e-3, '10 ms' 1e-2, '100 ms' 0.1, '1 s' 1, '5 s' 5, '10 s' 10, '100 s' 100)\n"
		"set xlabel 'seconds since the load began' textcolor rgb '" COLOUR_INK "'\n",
		x->y_min / 1.3, x->y_max * 1.3, x->t_max);
	const char *join = "plot ";
	for (int k = 1; k <= DEPTHS; k++) {
		if (high[k] <= 0)
			continue;
		fprintf(gp,
			"%s'%s-%d.dat' using (($1+$2)/2):(sqrt($3*$4)):1:2:3:4 with boxxyerror fc rgb '%s' fs transparent solid %.2f noborder title '",
			join, f->id, k, cell_colour(index), 0.16 + 0.84 * (k - 1) / (DEPTHS - 1));
		fprintf(gp, low[k] == high[k] ? "%.0f'" : "%.0f\u2013%.0f'", low[k], high[k]);
		join = ", \\\n     ";
	}
	fputc('\n', gp);
	return figure_close(w, f, gp);
}

/* The record with a grid that counts most. */
static bool cell_grid(struct grid *g, const struct cell *c)
{
	for (int e = 0; e < ENG_N; e++)
		if (c->run[e] && grid_read(g, c->run[e]))
			return true;
	return false;
}

int heat_write(struct drawing *w)
{
	static struct grid grid[BOOK_CELLS_MAX];
	bool there[BOOK_CELLS_MAX] = { false };
	struct spread x = { 1, INFINITY, 0 };
	int rc = 0;
	for (size_t i = 0; i < w->b->n_cells; i++) {
		there[i] = cell_grid(&grid[i], &w->b->cell[i]);
		if (!there[i])
			continue;
		x.t_max = fmax(x.t_max, (double)grid[i].n_steps * grid[i].step_s);
		x.y_min = fmin(x.y_min, grid[i].low_ns / 1e9);
		x.y_max = fmax(x.y_max, fmin(grid[i].top_ns, 1e13) / 1e9);
	}
	for (size_t i = 0; i < w->b->n_cells; i++) {
		if (there[i] && !rc)
			rc = write_cell(w, i, &grid[i], &x);
		free(grid[i].count);
		grid[i].count = NULL;
	}
	return rc;
}

/* --- the load --- */

static double begun(const struct grid *g, size_t step)
{
	double n = 0;
	for (unsigned k = 0; k < HEAT_BANDS; k++)
		n += g->count[step * HEAT_BANDS + k];
	return n;
}

static int put_load(struct drawing *w, struct figure *f, const struct grid *g)
{
	double most = 0, sum = 0;
	char a[FMT_MAX], b[FMT_MAX];
	size_t first = 0; /* the warm-up is not counted */
	FILE *out = figure_data(w, f, "rate");
	if (!out)
		return ERR_SYS;
	while (first + 1 < g->n_steps && begun(g, first) == 0)
		first++;
	for (size_t s = first; s < g->n_steps; s++) {
		double n = begun(g, s);
		fprintf(out, "%.6g %.6g\n", ((double)s + 0.5) * g->step_s, n / g->step_s);
		most = fmax(most, n / g->step_s);
		sum += n;
	}
	figure_find(f, "%s a second on average, at most %s over %.3g s",
		    fmt_count(round(sum / ((double)(g->n_steps - first) * g->step_s)), a), fmt_count(round(most), b), g->step_s);
	int rc = figure_close(w, f, out);
	FILE *gp = rc ? NULL : figure_script(w, f, 1);
	if (!gp)
		return rc ? rc : ERR_SYS;
	fprintf(gp,
		"set yrange [0:%.6g]\nset xrange [%.6g:%.6g]\nset xlabel 'seconds since the load began' textcolor rgb '" COLOUR_INK
		"'\n"
		"set ylabel 'begun a second' textcolor rgb '" COLOUR_INK "'\nunset key\n"
		"plot '%s-rate.dat' using 1:2 with filledcurves y1=0 fc rgb '%s' fs transparent solid 0.16 noborder, \\\n"
		"     '%s-rate.dat' using 1:2 with lines lc rgb '%s' lw 1.6\n",
		most * 1.1, (double)first * g->step_s, (double)g->n_steps * g->step_s, f->id, cell_colour(1), f->id,
		cell_colour(1));
	return figure_close(w, f, gp);
}

int traffic_write(struct drawing *w)
{
	struct grid g;
	size_t i = 0;
	while (i < w->b->n_cells && !cell_grid(&g, &w->b->cell[i]))
		i++;
	struct figure *f = i < w->b->n_cells ? figure_add(w->fs, FIG_TRAFFIC) : NULL;
	if (!f)
		return 0;
	snprintf(f->title, sizeof(f->title), "Lookups begun, counted ones, %s", w->b->cell[i].title);
	snprintf(f->heading, sizeof(f->heading), "Load over time");
	int rc = put_load(w, f, &g);
	free(g.count);
	return rc;
}
