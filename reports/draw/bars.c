/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bars: questions that reached cluster DNS, stacked by backend, measured beside
 * predicted; and the cache's processor time.
 */
#include "reports/draw/figure.h"

#include <math.h>
#include <string.h>

#include "reports/words/fmt.h"

#define BACKENDS_MAX 64

struct bars {
	struct drawing *w;
	const struct book *b;
	struct figure *f;
	const char *metric, *part; /* part: "upstream.backend" or NULL */
	const char *unit;
	bool there[BOOK_CELLS_MAX][ENG_N];
	size_t slot[BOOK_CELLS_MAX], n_slots; /* places on the x axis: cells without the metric have none */
	bool has_engine[ENG_N];
	double top;
};

static bool has_any(const struct cell *c, const char *metric)
{
	double v;
	for (int e = 0; e < ENG_N; e++)
		if (cell_num(c, (enum engine)e, metric, &v))
			return true;
	return false;
}

/* Boxes of one bar, from the bottom up: "x_low x_high y_low y_high". */
static void put_boxes(FILE *out, const struct bars *s, const struct record *r, double x, double total)
{
	char metric[64];
	double y = 0, v;
	for (int k = 1; s->part && k <= BACKENDS_MAX; k++) {
		snprintf(metric, sizeof(metric), "%s%d", s->part, k);
		if (!record_num(r, metric, &v))
			break;
		fprintf(out, "%.3f %.3f %.9g %.9g\n", x - 0.13, x + 0.13, y, y + v);
		y += v;
	}
	if (y < total)
		fprintf(out, "%.3f %.3f %.9g %.9g\n", x - 0.13, x + 0.13, y, total);
}

/* Engines stand side by side, in the same place in every cell. */
static double bar_x(const struct bars *s, size_t cell, int e)
{
	int rank = 0, n = 0;
	for (int k = 0; k < ENG_N; k++) {
		n += s->has_engine[k];
		rank += k < e && s->has_engine[k];
	}
	return (double)s->slot[cell] + 0.3 * (rank - (n - 1) / 2.0);
}

static int put_bar(struct bars *s, size_t cell, int e, FILE *labels)
{
	char part[48], text[FMT_MAX];
	double total;
	if (!cell_num(&s->b->cell[cell], (enum engine)e, s->metric, &total))
		return 0;
	snprintf(part, sizeof(part), "%zu-%s", cell, engine_label[e]);
	FILE *out = figure_data(s->w, s->f, part);
	if (!out)
		return ERR_SYS;
	put_boxes(out, s, s->b->cell[cell].run[e], bar_x(s, cell, e), total);
	fprintf(labels, "%.3f %.9g \"%s\"\n", bar_x(s, cell, e), total, fmt_unit(total, s->unit, text));
	s->there[cell][e] = true;
	s->top = fmax(s->top, total);
	return figure_close(s->w, s->f, out);
}

static int put_bars(struct bars *s)
{
	int rc = 0;
	FILE *labels = figure_data(s->w, s->f, "labels");
	FILE *tics = labels ? figure_data(s->w, s->f, "tics") : NULL;
	for (size_t i = 0; tics && i < s->b->n_cells; i++) {
		if (!has_any(&s->b->cell[i], s->metric))
			continue;
		s->slot[i] = s->n_slots++;
		fprintf(tics, "%zu 0 \"%s\"\n", s->slot[i], s->b->cell[i].title);
		for (int e = 0; !rc && e < ENG_N; e++)
			rc = put_bar(s, i, e, labels);
	}
	if (!tics)
		rc = ERR_SYS;
	if (tics && figure_close(s->w, s->f, tics))
		rc = ERR_SYS;
	if (labels && figure_close(s->w, s->f, labels))
		rc = ERR_SYS;
	return rc;
}

static void put_script(FILE *gp, const struct bars *s, const char *y_label)
{
	fprintf(gp,
		"set yrange [0:%.6g]\nset xrange [-0.5:%.1f]\nset grid noxtics\n"
		"set xtics scale 0\nif (narrow) set xtics scale 0 rotate by 30 right\nset ylabel '%s' textcolor rgb '" COLOUR_INK
		"'\nset format y '%s'\n"
		"plot '%s-tics.dat' using 1:2:xticlabels(3) with points ps 0 notitle",
		s->top > 0 ? s->top * 1.15 : 1, (double)s->n_slots - 0.5, y_label, s->top >= 10000 ? "%.0s%c" : "%g", s->f->id);
	for (size_t i = 0; i < s->b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			if (s->there[i][e])
				fprintf(gp,
					", \\\n     '%s-%zu-%s.dat' using 1:3:1:2:3:4 with boxxyerror fc rgb '%s' fs %s border lc rgb '%s' lw 1 notitle",
					s->f->id, i, engine_label[e], cell_colour(i),
					engine_measured((enum engine)e) ? "solid 1" : "transparent solid 0.28",
					engine_measured((enum engine)e) ? COLOUR_PAPER : cell_colour(i));
	fprintf(gp, ", \\\n     '%s-labels.dat' using 1:2:3 with labels offset 0,0.6 textcolor rgb '" COLOUR_INK "' notitle\n",
		s->f->id);
}

static void put_finding(const struct bars *s)
{
	char text[FMT_MAX];
	bool any = false;
	double v;
	for (size_t i = 0; i < s->b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			if (cell_num(&s->b->cell[i], (enum engine)e, s->metric, &v)) {
				figure_find(s->f, "%s%.60s %s %s", any ? "; " : "", s->b->cell[i].title,
					    engine_title((enum engine)e), fmt_unit(v, s->unit, text));
				any = true;
				break;
			}
}

static bool find_engines(struct bars *s)
{
	bool any = false;
	double v;
	for (size_t i = 0; i < s->b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			if (cell_num(&s->b->cell[i], (enum engine)e, s->metric, &v))
				any = s->has_engine[e] = true;
	return any;
}

static int write_bars(struct bars *s, const char *title, const char *y_label, enum figure_kind kind)
{
	if (!find_engines(s) || !(s->f = figure_add(s->w->fs, kind)))
		return 0;
	snprintf(s->f->title, sizeof(s->f->title), "%s", title);
	snprintf(s->f->heading, sizeof(s->f->heading), "%s", title);
	put_finding(s);
	int rc = put_bars(s);
	FILE *gp = rc ? NULL : figure_script(s->w, s->f, 1);
	if (!gp)
		return rc ? rc : ERR_SYS;
	put_script(gp, s, y_label);
	return figure_close(s->w, s->f, gp);
}

int bars_write(struct drawing *w)
{
	struct bars upstream = { .w = w, .b = w->b, .metric = "upstream.queries", .part = "upstream.backend", .unit = "queries" };
	struct bars cpu = { .w = w, .b = w->b, .metric = "cache.cpu_s", .unit = "s" };
	int rc = write_bars(&upstream, "Questions that reached cluster DNS, by backend", "questions", FIG_UPSTREAM);
	return rc ? rc : write_bars(&cpu, "Processor time of the cache", "seconds", FIG_CPU);
}
