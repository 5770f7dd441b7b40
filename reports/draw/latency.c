/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency pictures, one for each load: the slowest share of lookups against
 * how slow they are, both logarithmic, so that the tail gets as much room as
 * the median. A line ends where fewer than ten lookups are left to speak for it,
 * unless some were lost: those stand at the end of their wait, and stay in sight.
 * Bars are 95 % intervals; of repeats there is a band from the fastest to the
 * slowest run.
 */
#include "reports/draw/figure.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/judge/stats.h"
#include "reports/words/fmt.h"

#define BAND_STEPS 60

struct extent {
	double share_min, y_min, y_max; /* percent; seconds */
	unsigned n_lines;
};

struct lines {
	const struct drawing *w;
	struct figure *f;
	const char *load;
	struct extent x;
	struct hist *h; /* scratch */
	bool there[BOOK_CELLS_MAX][ENG_N], band[BOOK_CELLS_MAX][ENG_N], bars[BOOK_CELLS_MAX][ENG_N];
};

static void grow(struct extent *x, double share, double y)
{
	x->share_min = fmin(x->share_min, share);
	x->y_min = fmin(x->y_min, y);
	x->y_max = fmax(x->y_max, y);
}

static double lost(const struct record *r)
{
	double v;
	return record_num(r, "lookups.lost", &v) || record_num(r, "replay.lost", &v) ? v : 0;
}

static double seconds(double ns)
{
	return fmax(ns, 1) / 1e9;
}

/* Rows "share seconds" from the fastest lookup to the tail. */
static void put_rows(FILE *out, const struct hist *h, uint64_t least, struct extent *x)
{
	uint64_t slower = h->n, low, high;
	for (unsigned i = 0; i < HIST_BUCKETS && slower >= least; i++) {
		if (!h->count[i])
			continue;
		hist_bounds(i, &low, &high);
		double share = 100.0 * (double)slower / (double)h->n;
		double y = seconds((double)(high < h->max ? high : h->max));
		fprintf(out, "%.6g %.6g\n", share, y);
		grow(x, share, y);
		slower -= h->count[i];
	}
}

static void part_name(char buf[48], const char *what, size_t cell, int e)
{
	snprintf(buf, 48, "%s%zu-%s", what, cell, engine_label[e]);
}

static int put_line(struct lines *l, size_t cell, int e)
{
	const struct record *r = l->w->b->cell[cell].run[e];
	char part[48];
	if (!r || !run_hist(r, l->load, l->h) || !l->h->n)
		return 0;
	part_name(part, "", cell, e);
	FILE *out = figure_data(l->w, l->f, part);
	if (!out)
		return ERR_SYS;
	fprintf(out, "share_percent \"%s, %s\"\n", l->w->b->cell[cell].title, engine_title((enum engine)e));
	put_rows(out, l->h, l->h->n < 100 || lost(r) > 0 ? 1 : 10, &l->x);
	l->there[cell][e] = true;
	l->x.n_lines++;
	return figure_close(l->w, l->f, out);
}

/* Rows "share seconds low high" of the percentiles that the sample can bear. */
static int put_bars(struct lines *l, size_t cell, int e)
{
	static const double at[] = { 0.5, 0.9, 0.99, 0.999 };
	char part[48];
	double low, high;
	if (!l->there[cell][e] || !engine_measured((enum engine)e) || !run_hist(l->w->b->cell[cell].run[e], l->load, l->h))
		return 0;
	part_name(part, "interval", cell, e);
	FILE *out = figure_data(l->w, l->f, part);
	if (!out)
		return ERR_SYS;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		if (quantile_interval(l->h, at[i], Z_95, &low, &high)) {
			fprintf(out, "%.6g %.6g %.6g %.6g\n", 100 * (1 - at[i]), seconds((double)hist_quantile(l->h, at[i])),
				seconds(low), seconds(high));
			l->bars[cell][e] = true;
		}
	return figure_close(l->w, l->f, out);
}

/* Rows "share low high" over the alike runs of a cell. */
static int put_band(struct lines *l, size_t cell, int e)
{
	const struct runs *all = &l->w->b->cell[cell].all[e];
	double low[BAND_STEPS], high[BAND_STEPS];
	size_t n = 0;
	char part[48];
	if (!l->there[cell][e] || all->n_alike < 2)
		return 0;
	for (size_t k = 0; k < BAND_STEPS; k++) {
		low[k] = INFINITY;
		high[k] = 0;
	}
	for (size_t i = all->n - all->n_alike; i < all->n; i++) {
		if (!run_hist(all->run[i], l->load, l->h) || l->h->n < 10)
			continue;
		n++;
		for (size_t k = 0; k < BAND_STEPS; k++) {
			double y = seconds((double)hist_quantile(l->h, 1 - pow(10, -3.0 * (double)k / (BAND_STEPS - 1))));
			low[k] = fmin(low[k], y);
			high[k] = fmax(high[k], y);
		}
	}
	if (n < 2)
		return 0;
	part_name(part, "band", cell, e);
	FILE *out = figure_data(l->w, l->f, part);
	if (!out)
		return ERR_SYS;
	for (size_t k = 0; k < BAND_STEPS; k++) {
		double share = 100 * pow(10, -3.0 * (double)k / (BAND_STEPS - 1));
		if (share >= l->x.share_min)
			fprintf(out, "%.6g %.6g %.6g\n", share, low[k], high[k]);
	}
	l->band[cell][e] = true;
	return figure_close(l->w, l->f, out);
}

static void put_axes(FILE *gp, const struct extent *x)
{
	fprintf(gp,
		"set logscale xy\n"
		"set xrange [100:%g]\n"
		"set yrange [%.4g:%.4g]\n"
		"if (narrow) { set xtics ('all' 100, 'p50' 50, 'p90' 10, 'p99' 1, 'p99.9' 0.1, 'p99.99' 0.01) } else {\n"
		"set xtics ('all' 100, 'p50' 50, 'p90' 10, 'p95' 5, 'p99' 1, 'p99.5' 0.5, 'p99.9' 0.1, 'p99.99' 0.01) }\n"
		"set ytics ('1 \u00b5s' 1e-6, '10 \u00b5s' 1e-5, '100 \u00b5s' 1e-4, '1 ms' 1e-3, '10 ms' 1e-2, '100 ms' 0.1, '1 s' 1, '5 s' 5, '10 s' 10, '100 s' 100)\n"
		"set xlabel 'slower than this share of lookups' textcolor rgb '" COLOUR_INK "'\n",
		fmin(x->share_min, 10), x->y_min / 1.4, x->y_max * 1.4);
}

static void plot(FILE *gp, bool *first)
{
	fputs(*first ? "plot " : ", \\\n     ", gp);
	*first = false;
}

/* Bands lie below lines; engines differ by dash, cells by colour and by point. */
static void put_plots(const struct lines *l, FILE *gp)
{
	bool first = true;
	const char *id = l->f->id;
	for (size_t i = 0; i < l->w->b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			if (l->band[i][e]) {
				plot(gp, &first);
				fprintf(gp,
					"'%s-band%zu-%s.dat' using 1:2:3 with filledcurves fc rgb '%s' fs transparent solid 0.18 noborder notitle",
					id, i, engine_label[e], cell_colour(i));
			}
	for (size_t i = 0; i < l->w->b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++) {
			if (!l->there[i][e])
				continue;
			bool solid = engine_measured((enum engine)e);
			plot(gp, &first);
			fprintf(gp,
				"'%s-%zu-%s.dat' using 1:2 with linespoints lc rgb '%s' lw %s dt %d pt %d ps %s pointinterval 24 title columnhead(2)",
				id, i, engine_label[e], cell_colour(i), solid ? "1.6" : "1.2", engine_dash((enum engine)e),
				cell_point(i), solid ? "0.55" : "0.35");
			if (l->bars[i][e]) {
				plot(gp, &first);
				fprintf(gp,
					"'%s-interval%zu-%s.dat' using 1:3:(0):($4-$3) with vectors heads size graph 0.006,90 lc rgb '%s' lw 1 dt 1 notitle",
					id, i, engine_label[e], cell_colour(i));
			}
		}
	fputc('\n', gp);
}

/* "99 of 100 lookups were answered within: iptables-cache 0.41 ms, ..." */
static void put_finding(struct lines *l)
{
	char metric[96], text[FMT_MAX];
	double v, sum = 0;
	bool any = false;
	snprintf(metric, sizeof(metric), "%s.p99", l->load);
	for (size_t i = 0; i < l->w->b->n_cells; i++) {
		const struct record *r = cell_best(&l->w->b->cell[i]);
		sum += l->there[i][cell_best_engine(&l->w->b->cell[i])] ? lost(r) : 0;
		if (!record_num(r, metric, &v))
			continue;
		figure_find(l->f, "%s%.60s %s", any ? ", " : "99 of 100 lookups were answered within: ", l->w->b->cell[i].title,
			    fmt_ns(v, text));
		any = true;
	}
	if (sum > 0)
		figure_find(l->f, ". %s lookups got no answer; they stand at the end of their wait", fmt_count(sum, text));
	else if (any)
		figure_find(l->f, ". None was lost");
}

static int write_data(struct lines *l)
{
	int rc = 0;
	for (size_t i = 0; i < l->w->b->n_cells; i++)
		for (int e = 0; !rc && e < ENG_N; e++)
			rc = put_line(l, i, e);
	for (size_t i = 0; i < l->w->b->n_cells; i++)
		for (int e = 0; !rc && e < ENG_N; e++) {
			rc = put_bars(l, i, e);
			rc = rc ? rc : put_band(l, i, e);
		}
	return rc;
}

static int write_load(struct lines *l, const char *load)
{
	bool all = !strcmp(load, "latency.all");
	l->f = figure_add(l->w->fs, all ? FIG_LATENCY : FIG_LATENCY_LOAD);
	if (!l->f)
		return 0;
	l->load = load;
	snprintf(l->f->title, sizeof(l->f->title), all ? "Latency of all lookups" : "Latency of %s", fmt_load(load));
	snprintf(l->f->heading, sizeof(l->f->heading), "%s", all ? l->f->title : fmt_load(load));
	int rc = write_data(l);
	if (rc || !l->x.n_lines) { /* numbers without histograms: tables show them */
		l->w->fs->n--;
		return rc;
	}
	put_finding(l);
	FILE *gp = figure_script(l->w, l->f, l->x.n_lines);
	if (!gp)
		return ERR_SYS;
	if (!all) /* small, and beside the large one whose lines it shares */
		fputs("unset key\n", gp);
	put_axes(gp, &l->x);
	put_plots(l, gp);
	return figure_close(l->w, l->f, gp);
}

int latency_write(struct drawing *w)
{
	struct hist *h = malloc(sizeof(*h));
	int rc = h ? 0 : diag_set(w->d, ERR_NOMEM, "no memory");
	for (size_t i = 0; !rc && i < w->b->n_loads; i++) {
		struct lines l = { .w = w, .x = { 100, INFINITY, 0, 0 }, .h = h };
		rc = write_load(&l, w->b->load[i]);
	}
	free(h);
	return rc;
}
