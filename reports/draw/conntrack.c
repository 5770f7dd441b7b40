/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection-table pictures: entries over time, one small picture a cell, all on
 * the same scale, with each prediction beside the measured curve.
 */
#include "reports/draw/figure.h"

#include <math.h>
#include <string.h>

#include "lib/record/metrics_common.h"
#include "reports/words/fmt.h"

#define POINTS_MAX 600

struct extent { /* shared by all cells, so that they compare */
	double t_max, peak;
};

static const double *column(const struct cell *c, int e)
{
	return c->run[e] ? record_column(c->run[e], SERIES_CT_CLIENT) : NULL;
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

static int put_data(struct figures *fs, const struct figure *f, const struct cell *c, int e,
		    struct extent *x, struct diag *d)
{
	char name[48];
	snprintf(name, sizeof(name), "%s-%d.dat", f->id, e);
	FILE *out = figure_file(fs, name, d);
	if (!out)
		return ERR_SYS;
	fprintf(out, "t_s \"%s\"\n", engine_title((enum engine)e));
	put_rows(out, c->run[e], column(c, e), x);
	return fclose(out) ? diag_errno(d, "%s", name) : 0;
}

static void put_lines(FILE *gp, const struct figure *f, const struct cell *c, size_t index)
{
	const char *colour = cell_colour(index), *join = "plot ";
	if (column(c, ENG_LAB)) {
		fprintf(gp, "plot '%s-0.dat' using 1:2 with filledcurves y1=0 fc rgb '%s' fs transparent solid 0.16 noborder notitle",
			f->id, colour);
		join = ", \\\n     ";
	}
	for (int e = 0; e < ENG_N; e++) {
		if (!column(c, e))
			continue;
		fprintf(gp, "%s'%s-%d.dat' using 1:2 with lines lc rgb '%s' lw %s dt %d title columnhead(2)", join,
			f->id, e, e == ENG_LAB ? colour : COLOUR_INK, e == ENG_SIM ? "1.4" : "1.8", engine_dash((enum engine)e));
		join = ", \\\n     ";
	}
	fputc('\n', gp);
}

static void put_words(struct figure *f, const struct cell *c)
{
	char text[FMT_MAX];
	size_t used = 0;
	double v;
	snprintf(f->title, sizeof(f->title), "Connection-table entries of pods\u2019 DNS: %s", c->title);
	snprintf(f->heading, sizeof(f->heading), "%s", c->title);
	for (int e = 0; e < ENG_N; e++)
		if (cell_num(c, (enum engine)e, "conntrack.peak", &v))
			used += (size_t)snprintf(f->finding + used, sizeof(f->finding) - used,
						 "%s%s at most %s", used ? ", " : "Entries at once: ",
						 engine_title((enum engine)e), fmt_count(v, text));
}

static int write_cell(struct figures *fs, const struct book *b, size_t index, struct extent *x,
		      struct diag *d)
{
	const struct cell *c = &b->cell[index];
	struct figure *f = figure_add(fs, FIG_CONNTRACK);
	int rc = 0;
	if (!f)
		return 0;
	put_words(f, c);
	for (int e = 0; !rc && e < ENG_N; e++)
		if (column(c, e))
			rc = put_data(fs, f, c, e, x, d);
	return rc;
}

/* The scale needs every cell's peak, so scripts come after all data. */
static int write_script(struct figures *fs, const struct figure *f, const struct cell *c, size_t index,
			const struct extent *x, struct diag *d)
{
	FILE *gp = figure_script(fs, f, d);
	if (!gp)
		return ERR_SYS;
	fprintf(gp,
		"set key width -2\nset yrange [0:%.6g]\nset xrange [0:%.6g]\n"
		"set xlabel 'seconds since the load began' textcolor rgb '" COLOUR_INK "'\n",
		x->peak > 0 ? x->peak * 1.08 : 10, x->t_max > 0 ? x->t_max : 1);
	put_lines(gp, f, c, index);
	return fclose(gp) ? diag_errno(d, "%s.gp", f->id) : 0;
}

int conntrack_write(struct figures *fs, const struct book *b, struct diag *d)
{
	size_t first = fs->n, k = 0;
	struct extent x = { 0, 0 };
	int rc = 0;
	bool drawable[BOOK_CELLS_MAX] = { 0 };
	for (size_t i = 0; !rc && i < b->n_cells; i++) {
		for (int e = 0; e < ENG_N; e++)
			drawable[i] = drawable[i] || column(&b->cell[i], e);
		if (drawable[i])
			rc = write_cell(fs, b, i, &x, d);
	}
	for (size_t i = 0; !rc && i < b->n_cells && first + k < fs->n; i++)
		if (drawable[i])
			rc = write_script(fs, &fs->fig[first + k++], &b->cell[i], i, &x, d);
	return rc;
}
