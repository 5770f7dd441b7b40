/* SPDX-License-Identifier: Apache-2.0 */
/* The report's numbers for other programs (CSV), and the report on paper (PDF:
 * the pictures, then the numbers as plain lines, drawn by gnuplot as well). */
#include "reports/page/report.h"

#include <stdarg.h>
#include <string.h>

#include "reports/words/fmt.h"

#define LINES_A_PAGE 46

static void csv_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
	fputc('"', out);
}

static void csv_rows(FILE *out, const struct cell *c, int e)
{
	const struct record *r = c->run[e];
	const char *metric;
	double v;
	for (size_t i = 0; (metric = record_metric_name(r, i)); i++) {
		if (!record_num(r, metric, &v))
			continue;
		const char *unit = record_unit(r, metric);
		csv_text(out, c->scenario);
		fputc(',', out);
		csv_text(out, c->name);
		fprintf(out, ",\"%s\",", engine_title((enum engine)e));
		csv_text(out, metric);
		fprintf(out, ",%.15g,", v);
		csv_text(out, unit ? unit : "");
		fputc('\n', out);
	}
}

int csv_write(const struct report *r, const char *path, struct diag *d)
{
	FILE *out = fopen(path, "we");
	if (!out)
		return diag_errno(d, "%s", path);
	fputs("scenario,cell,engine,metric,value,unit\n", out);
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			if (r->book->cell[i].run[e])
				csv_rows(out, &r->book->cell[i], e);
	bool bad = ferror(out);
	return fclose(out) || bad ? diag_errno(d, "%s", path) : 0;
}

/* --- paper --- */

struct paper {
	FILE *f;
	size_t line, page;
};

/* One line of monospaced text as a label row: "x y text". Quotes would end the
 * field and backslashes begin an escape. */
static void __attribute__((format(printf, 2, 3))) put_line(struct paper *p, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *c = text; *c; c++)
		if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
			*c = '\'';
	if (p->line == LINES_A_PAGE) {
		fputs("\n\n", p->f); /* the next data block is the next page */
		p->line = 0;
		p->page++;
	}
	fprintf(p->f, "0 %zu \"%s\"\n", LINES_A_PAGE - p->line++, *text ? text : " ");
}

/* printf pads by octets; columns need characters. */
static const char *pad(const char *text, size_t width, char buf[160])
{
	size_t chars = 0, len = strlen(text);
	for (const char *c = text; *c; c++)
		chars += ((unsigned char)*c & 0xc0) != 0x80;
	size_t fill = chars < width ? width - chars : 0;
	snprintf(buf, 160, "%*s%.*s", (int)fill, "", (int)(len < 120 ? len : 120), text);
	return buf;
}

static void put_cell_lines(struct paper *p, const struct report *r, const struct cell *c)
{
	char measured[FMT_MAX], predicted[ENG_N][FMT_MAX + 72], text[FMT_MAX], error[64], column[3][160];
	double v, m;
	put_line(p, " ");
	put_line(p, "%s", c->title);
	put_line(p, "  %-36s %14s %28s %28s", "", "measured", "dns-sim (error)", "conntrack-model (error)");
	for (const struct row_def *row = prediction_rows; row->metric; row++) {
		bool has = cell_num(c, ENG_LAB, row->metric, &m);
		bool any = has;
		snprintf(measured, sizeof(measured), "%s",
			 has ? fmt_unit(m, record_unit(c->run[ENG_LAB], row->metric), text) : "-");
		for (int e = ENG_SIM; e < ENG_N; e++) {
			snprintf(predicted[e], sizeof(predicted[e]), "-");
			if (!cell_num(c, (enum engine)e, row->metric, &v))
				continue;
			const char *unit = record_unit(c->run[e], row->metric);
			any = true;
			snprintf(predicted[e], sizeof(predicted[e]), "%s", fmt_unit(v, unit, text));
			if (has) {
				prediction_error(m, v, unit, r->tolerance, error);
				snprintf(predicted[e], sizeof(predicted[e]), "%s (%s)",
					 fmt_unit(v, unit, text), error);
			}
		}
		if (any)
			put_line(p, "  %-36s %s %s %s", row->words, pad(measured, 14, column[0]),
				 pad(predicted[ENG_SIM], 28, column[1]),
				 pad(predicted[ENG_MODEL], 28, column[2]));
	}
}

static void put_check_lines(struct paper *p, const struct report *r)
{
	const char *name, *detail, *kind, *text;
	bool passed;
	put_line(p, " ");
	put_line(p, "Checks, skips and notes");
	for (size_t i = 0; i < r->book->n_records; i++) {
		const struct record *rec = r->book->record[i];
		const char *cell = record_label(rec, "cell") ? record_label(rec, "cell") : record_tool(rec);
		for (size_t k = 0; record_check(rec, k, &name, &passed, &detail); k++)
			put_line(p, "  %-7s %.30s: %.40s: %.90s", passed ? "passed" : "FAILED", cell, name,
				 detail);
		for (size_t k = 0; record_remark(rec, k, &kind, &text); k++)
			put_line(p, "  %-7s %.30s: %.130s", !strcmp(kind, "skip") ? "skipped" : "note", cell,
				 text);
	}
}

/* Titles of the pages that follow; in the pictures they are only numbered. */
static void put_picture_lines(struct paper *p, const struct figures *fs)
{
	put_line(p, " ");
	put_line(p, "Pictures");
	for (size_t i = 0; i < fs->n; i++) {
		put_line(p, "  %zu  %s", i + 1, fs->fig[i].title);
		put_line(p, "     %.200s", fs->fig[i].finding);
	}
}

static int put_lines(const struct report *r, size_t *ret_pages, struct diag *d)
{
	struct paper p = { figure_file(r->figures, "paper.dat", d), 0, 1 };
	struct tally t;
	if (!p.f)
		return ERR_SYS;
	report_tally(r, &t);
	put_line(&p, "%s", r->title);
	put_line(&p, "%zu of %zu checks passed, %zu skipped; %zu of %zu thresholds crossed",
		 t.checks - t.checks_failed, t.checks, t.skips, t.thresholds_failed, r->n_judged);
	for (size_t i = 0; i < r->book->n_cells; i++)
		put_cell_lines(&p, r, &r->book->cell[i]);
	put_check_lines(&p, r);
	put_picture_lines(&p, r->figures);
	*ret_pages = p.page;
	return fclose(p.f) ? diag_errno(d, "paper.dat") : 0;
}

int pdf_write(const struct report *r, const char *gnuplot, const char *path, struct diag *d)
{
	char made[4096];
	size_t pages;
	int rc = put_lines(r, &pages, d);
	FILE *gp = rc ? NULL : figure_file(r->figures, "paper.gp", d);
	if (!gp)
		return rc ? rc : ERR_SYS;
	fputs("set encoding utf8\npdf = 1\nset terminal pdfcairo size 29.7cm,21cm noenhanced font 'sans,12' rounded\n"
	      "set output 'report.pdf'\n",
	      gp);
	fputs("unset border; unset tics; unset key; set xrange [0:100]; set yrange [0:48]\nset lmargin 4; set rmargin 4\n", gp);
	for (size_t i = 0; i < pages; i++)
		fprintf(gp, "plot 'paper.dat' index %zu using 1:2:3 with labels left font 'monospace,8.5'\n", i);
	for (size_t i = 0; i < r->figures->n; i++)
		fprintf(gp, "reset\nload '%s.gp'\n", r->figures->fig[i].id);
	if (fclose(gp))
		return diag_errno(d, "paper.gp");
	rc = gnuplot_run(gnuplot, r->figures->dir, "paper.gp", d);
	snprintf(made, sizeof(made), "%s/report.pdf", r->figures->dir);
	if (!rc && rename(made, path))
		rc = diag_errno(d, "%s", path);
	return rc;
}
