/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which answer of a plan matters most: for each question how far another answer moves a figure, as a
 * bar from what it is; the longest on top. One picture a figure, from the plan's table of variants.
 */
#include "reports/draw/figure.h"

#include <math.h>
#include <string.h>

#include "lib/record/table.h"

#define ROWS_MAX 10  /* the rest moves less */
#define SIDES    2   /* a lower answer; a higher one, or another word */
#define FAR_MOST 1000

struct row {
	const char *what;
	double ratio[SIDES]; /* 1: not tried, or no difference */
};
struct tornado {
	struct drawing *w;
	struct table varied, inputs;
	struct row row[128];
	size_t n;
};

/* What the plan answered: its row is "WORDS (whence)". NAN: a word. */
static double answer_of(const struct tornado *t, const char *what)
{
	size_t len = strlen(what);
	for (size_t i = 0; i < t->inputs.n_rows; i++)
		if (!strncmp(t->inputs.what[i], what, len) && !strncmp(t->inputs.what[i] + len, " (", 2))
			return table_at(&t->inputs, i, table_column(&t->inputs, "value"));
	return NAN;
}

static double moved(const struct row *r)
{
	return fmax(fabs(log(r->ratio[0])), fabs(log(r->ratio[1])));
}

/* Rows of one column, the longest first. */
static void gather(struct tornado *t, const char *column)
{
	int ratio = table_column(&t->varied, column), value = table_column(&t->varied, "value");
	t->n = 0;
	for (size_t i = 0; i < t->varied.n_rows; i++) {
		double v = table_at(&t->varied, i, ratio);
		size_t k = 0;
		if (!isfinite(v) || v <= 0)
			continue;
		while (k < t->n && strcmp(t->row[k].what, t->varied.what[i]) != 0)
			k++;
		if (k == sizeof(t->row) / sizeof(t->row[0]))
			break;
		if (k == t->n)
			t->row[t->n++] = (struct row){ t->varied.what[i], { 1, 1 } };
		int side = table_at(&t->varied, i, value) < answer_of(t, t->varied.what[i]) ? 0 : 1;
		t->row[k].ratio[side] = fmin(fmax(v, 1.0 / FAR_MOST), FAR_MOST);
	}
	for (size_t i = 1; i < t->n; i++) { /* by insertion: equals keep their order */
		struct row held = t->row[i];
		size_t k = i;
		for (; k > 0 && moved(&t->row[k - 1]) < moved(&held); k--)
			t->row[k] = t->row[k - 1];
		t->row[k] = held;
	}
	t->n = t->n < ROWS_MAX ? t->n : ROWS_MAX;
	while (t->n && moved(&t->row[t->n - 1]) < 0.005)
		t->n--;
}

/* Words reach gnuplot in data alone, and without what would end a column. */
static void put_words(FILE *out, const char *words)
{
	for (; *words; words++)
		fputc(*words == '"' || *words == '\\' || (unsigned char)*words < ' ' ? '?' : *words, out);
}

static int put_data(const struct tornado *t, const struct figure *f)
{
	FILE *out = figure_data(t->w, f, "tics");
	for (size_t i = 0; out && i < t->n; i++) {
		fprintf(out, "1 %zu \"", i);
		put_words(out, t->row[i].what);
		fputs("\"\n", out);
	}
	int rc = out ? figure_close(t->w, f, out) : ERR_SYS;
	for (int side = 0; side < SIDES && !rc; side++) {
		out = figure_data(t->w, f, side ? "higher" : "lower");
		for (size_t i = 0; out && i < t->n; i++)
			fprintf(out, "%zu %.6g\n", i, t->row[i].ratio[side]);
		rc = out ? figure_close(t->w, f, out) : ERR_SYS;
	}
	return rc;
}

static int put_script(const struct tornado *t, const struct figure *f)
{
	double far = 1.1;
	FILE *gp = figure_script(t->w, f, SIDES);
	if (!gp)
		return ERR_SYS;
	for (size_t i = 0; i < t->n; i++)
		far = fmax(far, exp(moved(&t->row[i])) * 1.08);
	fprintf(gp,
		"set logscale x\nset xrange [%.4g:%.4g]\nset yrange [%.1f:-0.9]\nset grid noytics\nset ytics scale 0\nset lmargin (narrow ? 3 : 42)\n"
		"set arrow 1 from 1,graph 0 to 1,graph 1 nohead lc rgb '" COLOUR_AXIS "' lw 1\nset style fill solid 0.75 noborder\n"
		"set xlabel 'times what it is' textcolor rgb '" COLOUR_INK "'\n",
		1 / far, far, (double)t->n - 0.3);
	if (far > 5)
		fputs("set xtics ('1/1000' 0.001, '1/100' 0.01, '1/10' 0.1, '1/3' 0.3333, '1' 1, '3' 3, '10' 10, '100' 100, '1000' 1000)\n", gp);
	else
		fputs("set xtics ('1/4' 0.25, '1/2' 0.5, '2/3' 0.6667, '0.8' 0.8, '1' 1, '1.25' 1.25, '1.5' 1.5, '2' 2, '4' 4)\n", gp);
	fprintf(gp,
		"if (narrow) unset ytics\nh = narrow ? 0.17 : 0.34\nlow = %.4g\n"
		"plot '%s-lower.dat' using (($2+1)/2):1:($2<1?$2:1):($2<1?1:$2):($1-0.02):($1+h) with boxxyerror lc rgb '%s' title 'a lower answer', \\\n"
		"     '%s-higher.dat' using (($2+1)/2):1:($2<1?$2:1):($2<1?1:$2):($1-h):($1+0.02) with boxxyerror lc rgb '%s' title 'a higher one, or another', \\\n"
		"     '%s-tics.dat' using (narrow ? low : 1):(narrow ? $2 - 0.48 : $2):(narrow ? stringcolumn(3) : '') with labels left textcolor rgb '" COLOUR_INK "' notitle, \\\n"
		"     '%s-tics.dat' using 1:2:yticlabels(3) with points ps 0 notitle\n",
		1.02 / far, f->id, cell_colour(1), f->id, cell_colour(0), f->id, f->id);
	return figure_close(t->w, f, gp);
}

static int draw_one(struct tornado *t, const char *column, const char *words)
{
	gather(t, column);
	if (!t->n)
		return 0;
	struct figure *f = figure_add(t->w->fs, FIG_TORNADO);
	if (!f)
		return 0;
	snprintf(f->title, sizeof(f->title), "What moves %s", words);
	snprintf(f->heading, sizeof(f->heading), "%s", f->title);
	figure_find(f, "%s is moved most by %.100s: %.3g and %.3g times what it is", words, t->row[0].what, t->row[0].ratio[0], t->row[0].ratio[1]);
	int rc = put_data(t, f);
	return rc ? rc : put_script(t, f);
}

int tornado_write(struct drawing *w)
{
	static struct tornado t;
	struct diag none = { "" };
	const struct record *plan = NULL;
	for (size_t i = 0; i < w->b->n_cells && !plan; i++)
		plan = w->b->cell[i].run[ENG_PLAN];
	if (!plan || record_table(plan, "plan_sensitivity", &t.varied, &none))
		return 0;
	t.w = w;
	int rc = 0;
	if (t.varied.has_what && !record_table(plan, "plan_inputs", &t.inputs, &none)) {
		rc = t.inputs.has_what ? draw_one(&t, "load_ratio", "the load on cluster DNS, with the cache") : 0;
		rc = rc || !t.inputs.has_what ? rc : draw_one(&t, "p99_ratio", "the slowest lookup in a hundred, with the cache");
		rc = rc || !t.inputs.has_what ? rc : draw_one(&t, "entries_ratio", "a node's entries, without the cache");
		table_release(&t.inputs);
	}
	table_release(&t.varied);
	return rc;
}
