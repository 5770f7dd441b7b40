/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency pictures, one for each load: the slowest share of lookups against
 * how slow they are, both logarithmic, so that the tail gets as much room as
 * the median. A line ends where fewer than ten lookups are left to speak for it.
 */
#include "reports/draw/figure.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/words/fmt.h"

struct extent {
	double share_min, y_min, y_max; /* percent; seconds */
	size_t n_lines;
};

static void grow(struct extent *x, double share, double y)
{
	x->share_min = fmin(x->share_min, share);
	x->y_min = fmin(x->y_min, y);
	x->y_max = fmax(x->y_max, y);
}

/* Rows "share seconds" from the fastest lookup to the tail. */
static void put_rows(FILE *out, const struct hist *h, struct extent *x)
{
	uint64_t slower = h->n, least = h->n >= 100 ? 10 : 1;
	uint64_t low, high;
	for (unsigned i = 0; i < HIST_BUCKETS && slower >= least; i++) {
		if (!h->count[i])
			continue;
		hist_bounds(i, &low, &high);
		double share = 100.0 * (double)slower / (double)h->n;
		double y = fmax((double)(high < h->max ? high : h->max), 1) / 1e9;
		fprintf(out, "%.6g %.6g\n", share, y);
		grow(x, share, y);
		slower -= h->count[i];
	}
}

static void data_name(char buf[48], const struct figure *f, size_t cell, enum engine e)
{
	snprintf(buf, 48, "%s-%zu-%d.dat", f->id, cell, (int)e);
}

static int put_data(struct figures *fs, const struct figure *f, const struct book *b, size_t cell,
		    enum engine e, const struct hist *h, struct extent *x, struct diag *d)
{
	char name[48];
	data_name(name, f, cell, e);
	FILE *out = figure_file(fs, name, d);
	if (!out)
		return ERR_SYS;
	fprintf(out, "share_percent \"%s, %s\"\n", b->cell[cell].title, engine_title(e));
	put_rows(out, h, x);
	x->n_lines++;
	return fclose(out) ? diag_errno(d, "%s", name) : 0;
}

static void put_axes(FILE *gp, const struct extent *x)
{
	fprintf(gp,
		"set logscale xy\n"
		"set xrange [100:%g]\n"
		"set yrange [%.4g:%.4g]\n"
		"set xtics ('all' 100, 'p50' 50, 'p90' 10, 'p95' 5, 'p99' 1, 'p99.5' 0.5, 'p99.9' 0.1, 'p99.99' 0.01)\n"
		"set ytics ('10 \u00b5s' 1e-5, '100 \u00b5s' 1e-4, '1 ms' 1e-3, '10 ms' 1e-2, '100 ms' 0.1, '1 s' 1, '10 s' 10)\n"
		"set xlabel 'slower than this share of lookups' textcolor rgb '" COLOUR_INK "'\n",
		fmin(x->share_min, 10), x->y_min / 1.4, x->y_max * 1.4);
}

/* Engines differ by dash, cells by colour and by point. */
static void put_line(FILE *gp, const struct figure *f, size_t cell, enum engine e, bool first)
{
	static const int point[CELL_COLOURS] = { 7, 5, 9, 13 };
	char name[48];
	data_name(name, f, cell, e);
	fprintf(gp,
		"%s'%s' using 1:2 with linespoints lc rgb '%s' lw %s dt %d pt %d ps %s pointinterval 24 title columnhead(2)",
		first ? "plot " : ", \\\n     ", name, cell_colour(cell), e == ENG_LAB ? "1.6" : "1.2",
		engine_dash(e), point[cell % CELL_COLOURS], e == ENG_LAB ? "0.55" : "0.35");
}

/* "p99 0.41 ms in iptables-cache, ..." */
static void put_finding(struct figure *f, const struct book *b, const char *load)
{
	char metric[96], text[FMT_MAX];
	size_t used = 0;
	double v;
	snprintf(metric, sizeof(metric), "%s.p99", load);
	f->finding[0] = '\0';
	for (size_t i = 0; i < b->n_cells && used < sizeof(f->finding) - 100; i++) {
		const struct record *r = cell_best(&b->cell[i]);
		if (!record_num(r, metric, &v))
			continue;
		used += (size_t)snprintf(f->finding + used, sizeof(f->finding) - used, "%s%.60s %s",
					 used ? ", " : "99 of 100 lookups were answered within: ",
					 b->cell[i].title, fmt_ns(v, text));
	}
}

static int write_lines(struct figures *fs, const struct figure *f, const struct book *b,
		       const char *load, FILE *gp, struct diag *d)
{
	struct extent x = { 100, INFINITY, 0, 0 };
	bool there[BOOK_CELLS_MAX][ENG_N] = { 0 };
	struct hist *h = malloc(sizeof(*h));
	int rc = h ? 0 : diag_set(d, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < b->n_cells; i++) {
		for (int e = 0; !rc && e < ENG_N; e++) {
			const struct record *r = b->cell[i].run[e];
			there[i][e] = r && record_hist(r, load, h) && h->n;
			if (there[i][e])
				rc = put_data(fs, f, b, i, (enum engine)e, h, &x, d);
		}
	}
	free(h);
	if (rc || !x.n_lines)
		return rc ? rc : ERR_MISSING;
	put_axes(gp, &x);
	bool first = true;
	for (size_t i = 0; i < b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			if (there[i][e]) {
				put_line(gp, f, i, (enum engine)e, first);
				first = false;
			}
	fputc('\n', gp);
	return 0;
}

static int write_load(struct figures *fs, const struct book *b, const char *load, struct diag *d)
{
	bool all = !strcmp(load, "latency.all");
	struct figure *f = figure_add(fs, all ? FIG_LATENCY : FIG_LATENCY_LOAD);
	FILE *gp = f ? figure_script(fs, f, d) : NULL;
	if (!gp)
		return f ? ERR_SYS : 0;
	if (all)
		snprintf(f->title, sizeof(f->title), "Latency of all lookups");
	else
		snprintf(f->title, sizeof(f->title), "Latency of load %s", load + strlen("latency."));
	snprintf(f->heading, sizeof(f->heading), "%s", all ? f->title : load + strlen("latency."));
	if (!all) /* small, and beside the large one whose lines it shares */
		fputs("unset key\n", gp);
	put_finding(f, b, load);
	int rc = write_lines(fs, f, b, load, gp, d);
	if (fclose(gp) && !rc)
		rc = diag_errno(d, "%s.gp", f->id);
	if (rc == ERR_MISSING) { /* numbers without histograms: tables show them */
		fs->n--;
		rc = 0;
	}
	return rc;
}

int latency_write(struct figures *fs, const struct book *b, struct diag *d)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < b->n_loads; i++)
		rc = write_load(fs, b, b->load[i], d);
	return rc;
}
